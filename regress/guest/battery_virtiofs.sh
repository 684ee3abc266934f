#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The battery for a virtio-fs share, in the guest (as /job/run). The job's
# parameters set cache, the daemon's mode; battery, which is full or short; and
# largest_xattr, what the host's own file system makes of one.
#
# The full battery ends its first part by a reset of the guest, with the share
# mounted and requests under way. The guest boots again, and the same daemon,
# over the same connection, serves it for the second part.

cache='' battery='' largest_xattr=''
# shellcheck source=regress/guest/battery_common.sh
. /job/common

readonly RESET=99	# guest-init resets the guest for this status

# Without a page cache nothing is mapped shared; where attributes are cached for
# a day, the guest does not see what the host changes.
case $cache in
none) is=uncached mapping=private live=yes ;;
auto) is=cached mapping=shared live=yes ;;
*) is=cached mapping=shared live=no ;;
esac

mount_share() {
	mount -t virtiofs share "$s"
}

# Names, sizes and kinds at once: the kernel asks by READDIRPLUS.
list_with_sizes() {
	equal "$(stat -c '%n %s %F' $s/from-host/many/* |
	    sed 's,.*/,,' | sha256sum)" "$(sha256sum </job/many.stat)"
}

# ls -l reads the directory first, then asks for each name.
long_list() {
	ls -ln $s/from-host/many >/tmp/long &&
	equal "$(awk 'NR > 1 { size += $5 } END { print NR - 1, size }' \
	    /tmp/long)" "$(awk '{ size += $2 } END { print NR, size }' \
	    /job/many.stat)"
}

read_large() {
	(cd $s/from-host && sha256sum -c -s /job/large.sha256)
}

copy_large() {
	dd if=$s/from-host/large of=$s/large-1m bs=1M &&
	dd if=$s/from-host/large of=$s/large-odd bs=300007 &&
	cmp $s/large-1m $s/large-odd &&
	rm $s/large-odd
}

rewrite_large() {
	dd if=/dev/zero of=$s/large-1m bs=64k seek=7 count=9 conv=notrunc,fsync
}

# A job of its own kind each; none may be held up or spoilt by the others.
parallel_jobs() {
	mkdir $s/jobs || return 1
	(cp -a $s/tree $s/jobs/tree && diff -r /tmp/tree $s/jobs/tree &&
	    rm -r $s/jobs/tree) >/tmp/job1 2>&1 &
	job1=$!
	(for i in 1 2 3; do
		dd if=$s/from-host/large bs=64k count=100 skip="$i" |
		    cmp -n 6553600 - $s/from-host/large "0" $((i * 65536)) ||
		    exit 1
	done) >/tmp/job2 2>&1 &
	job2=$!
	(for i in $(seq 100); do
		echo "$i" >$s/jobs/"$i" && mv $s/jobs/"$i" $s/jobs/new"$i" ||
		    exit 1
	done && equal "$(cat $s/jobs/new* | wc -l)" 100) >/tmp/job3 2>&1 &
	job3=$!
	(for i in 1 2 3 4; do
		find $s/tree $s/from-host/many >/dev/null || exit 1
	done) >/tmp/job4 2>&1 &
	job4=$!
	wait $job1 && wait $job2 && wait $job3 && wait $job4 && return 0
	wait
	cat /tmp/job?
	return 1
}

append_with_host() {
	exec 3>>$s/both || return 1
	echo "the guest's first line" >&3
	ask_host append
	echo "the guest's second line" >&3
	exec 3>&-
	[ -e $s/answered-append ]
}

# A file is open and a directory is known while the host removes the one and
# renames the other.
names_taken_away() {
	echo "still there" >$s/removed-by-host &&
	mkdir $s/renamed-by-host && echo inside >$s/renamed-by-host/file &&
	exec 4<>$s/removed-by-host 5<$s/renamed-by-host/file &&
	ask_host take || return 1
	equal "$(cat <&4)" "still there" &&
	echo "and more" >&4 &&
	equal "$(cat /proc/self/fd/4)" "still there
and more" &&
	equal "$(cat <&5)" inside &&
	comes_to inside cat $s/other-name/file
	status=$?
	exec 4>&- 5<&-
	return $status
}

follow_mapping() {
	guesttool follow $s/from-host/mapped $s/ask-mapped $mapping
}

largest_xattr() {
	: >$s/largest-xattr
	equal "$(guesttool largest-xattr $s/largest-xattr)" "$largest_xattr"
}

sync_before_reset() {
	seq 100000 >$s/before-reset && sync $s/before-reset
}

# Readers and writers that the reset cuts off, one file without a name too.
leave_requests_under_way() {
	mkdir $s/cut-off || return 1
	for i in 1 2; do
		(while :; do
			dd if=/dev/zero of=$s/cut-off/data"$i" bs=256k count=16
		done) >/dev/null 2>&1 &
		(while :; do
			find $s/tree $s/from-host -type f >/dev/null
		done) &
	done
	(i=0
	while i=$((i + 1)); do
		echo "$i" >$s/cut-off/"$i"
	done) &
	(exec 6>$s/cut-off/unlinked && rm $s/cut-off/unlinked &&
	    exec sleep 1000) &
	for i in $(seq 100); do
		[ -e $s/cut-off/20 ] && return 0
		sleep 0.1
	done
	return 1
}

# The counter's files are there without a gap; the last may be empty.
find_cut_off_files() {
	count=$(find $s/cut-off -type f ! -name 'data?' | wc -l)
	[ "$count" -ge 20 ] && [ ! -e $s/cut-off/unlinked ] || return 1
	for i in $(seq $((count - 1))); do
		equal "$(cat $s/cut-off/"$i")" "$i" || return 1
	done
	rm -r $s/cut-off
}

full_battery() {
	file_steps
	step "names and sizes of many entries" list_with_sizes
	step "ls -l of many entries" long_list
	step "a large file is read" read_large
	step "a large file is copied" copy_large
	step "a large file is rewritten in part" rewrite_large
	step "jobs run in parallel" parallel_jobs
	if [ $live = yes ]; then
		step "a change of the host is seen" see_change_of_host
		step "a mapped file follows the host" follow_mapping
	fi
	step "guest and host append to one file" append_with_host
	step "the host takes names of open files away" names_taken_away
	mkdir $s/cases
	guesttool cases "" $s/cases virtiofs $is
	step "largest xattr" largest_xattr
	step "umount" umount $s

	step "second mount" mount_share || exit 1
	steps_of_second_mount
	step "a file is synced" sync_before_reset
	step "requests are under way" leave_requests_under_way
	exit $RESET
}

second_boot() {
	steps_of_second_mount
	step "the synced file is there" sh -c "seq 100000 | cmp - $s/before-reset"
	step "what was under way has left whole files" find_cut_off_files
	step "a tree is unpacked again" tar -C $s/jobs -xf /job/tree.tar
	step "that tree is as it was packed" diff -r /tmp/tree $s/jobs/tree
	setgid_steps
	step "last umount" umount $s
	exit 0
}

short_battery() {
	step "files of the host have their checksums" \
	    sh -c "cd $s/from-host && sha256sum -c -s /job/from-host.sha256"
	step "names and sizes of many entries" list_with_sizes
	step "files of many sizes are written" write_sizes
	step "files of many sizes are read back" read_sizes
	step "a file is written in parts" write_parts
	step "tree is unpacked" tar -C $s -xf /job/tree.tar
	step "tree is as it was packed" diff -r /tmp/tree $s/tree
	step "one renames while one lists" rename_and_list_at_once
	step "umount" umount $s
	step "second mount" mount_share || exit 1
	steps_of_second_mount
	step "last umount" umount $s
	exit 0
}

mount_share >/tmp/mount 2>&1
mounted=$?
if [ -e $s/before-reset ]; then
	step "the reset guest mounts the share" equal $mounted 0 || exit 1
	second_boot
fi
step "mount" equal "$mounted$(cat /tmp/mount)" 0 || exit 1
"${battery}_battery"
