#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The battery for a 9p share, in the guest (as /job/run, with busybox). Prints
# one line of TAP without a number for each step; what can be seen on the host
# only is checked there afterwards (battery.sh). What is in the share before:
# from-host/ with many/, acl/. /job has tree.tar, from-host.sha256, many.list
# and params, which sets first and second: the cache modes of the two mounts.
#
# The last group makes virtfs-proxy-helper lose its capabilities for good, so
# nothing may come after it.

first='' second='' shared=''
# shellcheck source=/dev/null
. /job/params
s=/mnt
output=/tmp/output

# step NAME COMMAND...: one line for whether the command succeeded.
step() {
	name=$1
	shift
	if "$@" >"$output" 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name # status $?: $(head -n 1 "$output")"
		return 1
	fi
}

mount_share() {
	mount -t 9p -o "trans=virtio,version=9p2000.L,msize=131072,$1" \
	    share "$s"
}

equal() {
	[ "$1" = "$2" ] && return 0
	echo "'$1' is not '$2'"
	return 1
}

owner_and_mode() {
	stat -c '%u:%g %a' "$1"
}

many_entries() {
	(cd $s/from-host/many && find . -type f | sort) >/tmp/many
	cmp /tmp/many /job/many.list
}

# Around the page, the message and the powers of two.
sizes="0 1 511 4095 4096 4097 65535 65536 131049 131072 131073 1048583"

write_sizes() {
	mkdir $s/sizes || return 1
	for size in $sizes; do
		head -c "$size" /dev/urandom >/tmp/sizes/"$size" &&
		cp /tmp/sizes/"$size" $s/sizes/"$size" || return 1
	done
	(cd /tmp/sizes && sha256sum -- *) >$s/sizes.sha256
}

read_sizes() {
	(cd $s/sizes && sha256sum -c -s ../sizes.sha256)
}

# Parts of a file, not aligned to anything, written and read out of order.
write_parts() {
	for part in 7 2 0 5 1 6 4 3; do
		dd if=/tmp/sizes/1048583 of=$s/parts bs=131077 skip=$part \
		    seek=$part count=1 conv=notrunc || return 1
	done
	cmp /tmp/sizes/1048583 $s/parts
}

copy_twice_at_once() {
	cp -a $s/tree $s/twin1 &
	first_copy=$!
	cp -a $s/tree $s/twin2 &
	wait $first_copy && wait $! &&
	diff -r /tmp/tree $s/twin1 && diff -r /tmp/tree $s/twin2
}

# One process makes and renames files while another reads the directory.
rename_and_list_at_once() {
	mkdir $s/busy || return 1
	(
		for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
			echo "$i" >$s/busy/new || exit 1
			mv $s/busy/new $s/busy/"$i" || exit 1
		done
	) &
	for i in 1 2 3 4 5 6 7 8; do
		find $s/busy >/dev/null 2>&1
	done
	wait $! && equal "$(cat $s/busy/* | sort -n | tr '\n' ' ')" \
	    "1 2 3 4 5 6 7 8 9 10 11 12 "
}

rename_tree() {
	mv $s/twin1 $s/renamed &&
	for dir in "$s"/renamed/dir*; do
		mv "$dir" "${dir%/*}/new-${dir##*/}" || return 1
	done
	equal "$(find $s/renamed -type f | wc -l)" \
	    "$(find /tmp/tree -type f | wc -l)"
}

change_tree() {
	mkdir $s/changed && cp -a $s/tree/dir1 $s/changed/ &&
	chown -R 1234:5678 $s/changed &&
	chmod -R u=rwX,g=rX,o= $s/changed &&
	find $s/changed -type f -exec touch -d '2005-03-18 01:58:31' {} + &&
	equal "$(find $s/changed ! -user 1234 -o ! -group 5678)" ""
}

remove_trees() {
	rm -r $s/twin2 $s/renamed &&
	[ ! -e $s/twin2 ] && [ ! -e $s/renamed ]
}

# The host renames ask-host to answered when it has changed its file.
see_change_of_host() {
	equal "$(cat $s/from-host/live)" "before" || return 1
	: >$s/ask-host
	for i in $(seq 100); do
		if [ -e $s/answered ]; then
			equal "$(cat $s/from-host/live)" "after, and longer"
			return
		fi
		sleep 0.2
	done
	echo "no answer from the host"
	return 1
}

inherit_default_acl() {
	guesttool as 1000 1000 sh -c "umask 0; echo x >$s/acl/file" &&
	guesttool as 1000 1000 sh -c "umask 0; mkdir $s/acl/dir"
}

df_sizes() {
	guesttool statfs $s >$s/statfs
	equal "$(df -P $s | awk 'NR == 2 && $2 > 0 && $4 > 0 { print $6 }')" $s
}

setgid_file() {
	mkdir $s/setgid && chown 0:1234 $s/setgid && chmod 2777 $s/setgid &&
	echo before >$s/other && chown 1000:1000 $s/other &&
	echo x >$s/setgid/file &&
	equal "$(owner_and_mode $s/setgid/file)" "0:1234 644"
}

setgid_directory() {
	mkdir $s/setgid/sub &&
	equal "$(owner_and_mode $s/setgid/sub)" "0:1234 2755"
}

setgid_then_chmod() {
	chmod 600 $s/other && chown 1001:1001 $s/other &&
	equal "$(owner_and_mode $s/other)" "1001:1001 600"
}

setgid_other_user() {
	guesttool as 1000 1000 sh -c "echo y >$s/setgid/user" &&
	equal "$(owner_and_mode $s/setgid/user)" "1000:1234 644"
}

setgid_still_alive() {
	equal "$(cat $s/setgid/file)" x && echo more >$s/setgid/more
}

umask 022
mkdir /tmp/sizes
tar -C /tmp -xf /job/tree.tar

step "mount with $first" mount_share "$first" || exit 1
step "files of the host have their checksums" \
    sh -c "cd $s/from-host && sha256sum -c -s /job/from-host.sha256"
step "readdir of 300 entries" many_entries
step "files of many sizes are written" write_sizes
step "files of many sizes are read back" read_sizes
step "a file is written in parts" write_parts
step "tree is unpacked" tar -C $s -xf /job/tree.tar
step "tree is as it was packed" diff -r /tmp/tree $s/tree
step "tree is copied" cp -a $s/tree $s/copy
step "copy is as the tree" diff -r $s/tree $s/copy
step "two processes copy at once" copy_twice_at_once
step "one renames while one lists" rename_and_list_at_once
step "directories are renamed" rename_tree
step "owner, mode, times of a tree are changed" change_tree
step "rm -r" remove_trees
step "a change of the host is seen" see_change_of_host
step "files are made below a default ACL" inherit_default_acl
step "df" df_sizes
mkdir $s/cases-first
guesttool cases "$first: " $s/cases-first
step "umount" umount $s

step "mount with $second" mount_share "$second" || exit 1
step "files written before have their checksums" read_sizes
step "tree is still as it was packed" diff -r /tmp/tree $s/tree
mkdir $s/cases-second
# shellcheck disable=SC2086 # no word or one
guesttool cases "$second: " $s/cases-second $shared
step "umount again" umount $s

step "mount once more" mount_share "$first" || exit 1
step "set-group-ID directory: new file" setgid_file
step "set-group-ID directory: new directory" setgid_directory
step "set-group-ID directory: then chown and chmod" setgid_then_chmod
step "set-group-ID directory: then another user's file" setgid_other_user
step "set-group-ID directory: then the share still works" setgid_still_alive
step "last umount" umount $s
