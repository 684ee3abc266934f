#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The commonest mistake with vhost-user: the guest's memory is QEMU's alone, or a
# part of it is. The daemon says so and what to write. If it can tell for sure it
# ends the connection, which QEMU reports; QEMU goes on all the same, with a
# device that does nothing.
set -u

here=$(cd "$(dirname "$0")/../guest" && pwd)
# shellcheck source=regress/guest/battery.sh
. "$here/battery.sh"
# shellcheck source=regress/guest/serve_virtiofs.sh
. "$here/serve_virtiofs.sh"

# run_guest MEMORY JOB: what follows in QEMU's command line, and in the guest.
run_guest() {
	GUEST_MEMORY=$1 GUEST_RESETS=
	export GUEST_MEMORY GUEST_RESETS
	mkdir "$run/job"
	echo "$2" >"$run/job/run"
	run_by_path "$(qemu_virtiofs "")" "$PRIVFSD" --protocol=virtiofs \
	    --shared-dir="$share" --socket-path="$socket" \
	    --worker-path="$PRIVFSD_WORKER"
}

says_what_to_do() {
	grep -q "memory-backend-memfd,.*share=on -numa node" "$run/server.log"
}

# A mount would wait for ever: it is the driver that starts the rings.
run_unshared() {
	run_begin "$1"
	run_guest "$2" "exit 0"
	{
		check "the guest ended by itself" \
		    equal "$(cat "$run/guest-status")" 0
		check "the daemon ended with status 1" \
		    equal "$(cat "$run/server-status")" 1
		check "its log says what is wrong" \
		    grep -q "refused: ring 0 is out of reach, $3" \
		    "$run/server.log"
		check "and what to do" says_what_to_do
		check "QEMU says that it failed" \
		    grep -q "Error starting vhost\|ring restore failed" \
		    "$run/out/qemu.log"
	} >"$run/lines" 2>&1
}

# QEMU's own copy of a file is a region like any other. To switch off in order
# would wait for the mount as well.
run_private() {
	run_begin "$1"
	run_guest "-machine q35,memory-backend=mem -object \
	    memory-backend-file,id=mem,size=512M,mem-path=$run,share=off" \
	    "mount -t virtiofs share /mnt & ls /mnt & sleep 5; echo END 0
	    echo o >/proc/sysrq-trigger; sleep 60"
	{
		check "the guest ended by itself" \
		    equal "$(cat "$run/guest-status")" 0
		check "the log says what is wrong" \
		    grep -q "has kicked, and its ring is empty" \
		    "$run/server.log"
		check "and what to do" says_what_to_do
	} >"$run/lines" 2>&1
}

battery_begin
run_unshared nothing "-machine q35" "for no memory region was told"
report_all_pass nothing
run_unshared one-node "-machine q35 \
    -object memory-backend-ram,id=m0,size=256M \
    -object memory-backend-memfd,id=m1,size=256M,share=on \
    -numa node,memdev=m0,cpus=0-1 -numa node,memdev=m1" \
    "for its .* is not in one of the memory regions, of which there is 1"
report_all_pass one-node
run_private private
report_all_pass private
battery_end
