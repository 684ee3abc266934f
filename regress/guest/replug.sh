#!/bin/sh
# SPDX-License-Identifier: ISC
#
# What becomes of a virtio-fs device while the daemon's connection stays, in the
# guest (as /job/run). It asks guest_replug.t by a line on the console for what
# only QEMU can do, and mounts the share after each.

# shellcheck source=/dev/null
. /job/common

drivers=/sys/bus/virtio/drivers/virtiofs
asked=0

device() {
	basename "$(echo $drivers/virtio*)"
}

# wait_for COMMAND...: until it succeeds, a minute at most.
wait_for() {
	for _ in $(seq 300); do
		"$@" && return 0
		sleep 0.2
	done
	echo "in vain: $*"
	return 1
}

is_there() {
	[ -e "$drivers/$(device)" ]
}

is_gone() {
	! is_there
}

# A number of sysfs's that no other device gets: it may be there at once.
identity() {
	stat -L -c %i "$drivers/$(device)"
}

is_another() {
	is_there && [ "$(identity)" != "$1" ]
}

ask() {
	asked=$((asked + 1))
	echo "ask $asked $1" >/dev/console
}

# One that waits for ever is one that fails.
mount_once() {
	timeout 60 mount -t virtiofs share "$s" 2>/dev/null
}

# A driver that was just bound may not have read its tag yet.
mount_share() {
	wait_for mount_once &&
	timeout 60 stat "$s/from-host/hello" >/dev/null
}

umount_share() {
	timeout 60 umount "$s"
}

# What one session can do, in several processes; the names are its own.
use_share() {
	mkdir "$s/$1" &&
	(cd "$s/from-host" && sha256sum -c -s /job/from-host.sha256) &&
	for job in 1 2 3 4; do
		head -c 300000 /dev/urandom >"$s/$1/file$job" &
	done &&
	wait &&
	for job in 1 2 3 4; do
		mv "$s/$1/file$job" "$s/$1/new$job" || return 1
	done &&
	many_entries &&
	equal "$(find "$s/$1" -type f -size +292k | wc -l)" 4
}

replug() {
	old=$(identity)
	ask replug
	wait_for is_another "$old"
}

rebind() {
	old=$(device)
	echo "$old" >$drivers/unbind && is_gone &&
	echo "$old" >$drivers/bind && wait_for is_there
}

# The machine stands still and goes on, with the share mounted and a file open.
stop_and_go_on() {
	exec 5>"$s/open" || return 1
	echo before >&5
	ask stop
	wait_for [ -e "$s/continued" ] &&
	echo after >&5 &&
	exec 5>&- &&
	equal "$(cat "$s/open")" "before
after"
}

step "mount" mount_share || exit 1
step "use it" use_share first
step "stopped and continued" stop_and_go_on
step "umount" umount_share
step "another driver" rebind
step "mount by the other driver" mount_share || exit 1
step "use it by the other driver" use_share rebound
step "umount by the other driver" umount_share

# The second one is taken out with the share mounted.
for i in 1 2 3; do
	step "another device, $i" replug || exit 1
	[ $i != 3 ] || umount -l "$s"
	step "mount the other device, $i" mount_share || exit 1
	step "use the other device, $i" use_share "replug-$i"
	[ $i = 2 ] || step "umount the other device, $i" umount_share
done
