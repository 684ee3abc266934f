#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The battery for a 9p share, in the guest (as /job/run). The job's parameters
# set first and second, the cache modes of the two mounts, and what the second
# is to guesttool: cached or uncached.
#
# The last group makes virtfs-proxy-helper lose its capabilities for good, so
# nothing may come after it.

first='' second='' second_is=''
# shellcheck source=regress/guest/battery_common.sh
. /job/common

mount_share() {
	mount -t 9p -o "trans=virtio,version=9p2000.L,msize=131072,$1" \
	    share "$s"
}

step "mount with $first" mount_share "$first" || exit 1
file_steps
step "a change of the host is seen" see_change_of_host
mkdir $s/cases-first
guesttool cases "$first: " $s/cases-first 9p
step "umount" umount $s

step "mount with $second" mount_share "$second" || exit 1
steps_of_second_mount
mkdir $s/cases-second
guesttool cases "$second: " $s/cases-second 9p "$second_is"
step "umount again" umount $s

step "mount once more" mount_share "$first" || exit 1
setgid_steps
step "last umount" umount $s
