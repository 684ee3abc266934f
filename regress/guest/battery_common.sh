# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# What the batteries of both protocols share, in the guest: sourced as
# /job/common, with busybox. A step is one line of TAP without a number; what
# can be seen on the host only is checked there afterwards (check.sh). What is
# in the share before: from-host/ with many/, acl/. /job has tree.tar,
# from-host.sha256, many.list and params.

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

# ask_host WHAT: the host changes something (host_changes() in battery.sh), then
# renames the file by which it was asked.
ask_host() {
	: >"$s/ask-$1"
	for i in $(seq 100); do
		[ -e "$s/answered-$1" ] && return 0
		sleep 0.2
	done
	echo "no answer from the host"
	return 1
}

# comes_to WANTED COMMAND...: the guest's kernel may have to forget first what
# it was told about a file's attributes.
comes_to() {
	wanted=$1
	shift
	for i in $(seq 100); do
		[ "$("$@")" = "$wanted" ] && return 0
		sleep 0.2
	done
	equal "$("$@")" "$wanted"
}

see_change_of_host() {
	equal "$(cat $s/from-host/live)" "before" && ask_host live &&
	comes_to "after, and longer" cat $s/from-host/live
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

# From an empty share to one with files, trees and changes.
file_steps() {
	step "files of the host have their checksums" \
	    sh -c "cd $s/from-host && sha256sum -c -s /job/from-host.sha256"
	step "readdir of many entries" many_entries
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
	step "files are made below a default ACL" inherit_default_acl
	step "df" df_sizes
}

# What file_steps() has left, on another mount.
steps_of_second_mount() {
	step "files written before have their checksums" read_sizes
	step "tree is still as it was packed" diff -r /tmp/tree $s/tree
}

setgid_steps() {
	step "set-group-ID directory: new file" setgid_file
	step "set-group-ID directory: new directory" setgid_directory
	step "set-group-ID directory: then chown and chmod" setgid_then_chmod
	step "set-group-ID directory: then another user's file" \
	    setgid_other_user
	step "set-group-ID directory: then the share still works" \
	    setgid_still_alive
}

umask 022
mkdir /tmp/sizes
tar -C /tmp -xf /job/tree.tar
