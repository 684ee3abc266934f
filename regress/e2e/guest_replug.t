#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The real client and a device that comes and goes: QEMU's device_del and
# device_add on the same chardev, whose connection stays; a driver that is
# unbound and bound; a machine that is stopped and continued.
set -u

here=$(cd "$(dirname "$0")/../guest" && pwd)
# shellcheck source=regress/guest/battery.sh
. "$here/battery.sh"
# shellcheck source=regress/guest/serve_virtiofs.sh
. "$here/serve_virtiofs.sh"

qmp() {
	echo "$1" >&3
}

# wait_for_qmp N PATTERN: the N-th line of QEMU's that it is in.
wait_for_qmp() {
	while [ "$(grep -c "$2" "$run/qmp.log")" -lt "$1" ]; do
		[ ! -e "$run/guest-status" ] || return 1
		sleep 0.1
	done
}

plug() {
	qmp "{\"execute\": \"device_add\", \"arguments\": {
	    \"driver\": \"vhost-user-fs-pci\", \"id\": \"fs0\",
	    \"bus\": \"slot0\", \"chardev\": \"share\",
	    \"tag\": \"share\"$1}}"
}

unplug() {
	qmp '{"execute": "device_del", "arguments": {"id": "fs0"}}'
	wait_for_qmp "$1" 'DEVICE_DELETED.*"device": "fs0"'
}

# In the place of battery.sh's: plays who works QEMU's monitor.
respond() {
	exec 3<>"$run/qmp.in"
	timeout $((GUEST_SECONDS + 60)) cat <>"$run/qmp.out" >"$run/qmp.log" &
	reader=$!
	qmp '{"execute": "qmp_capabilities"}'
	asked=0 replugs=0
	while [ ! -e "$run/guest-status" ]; do
		ask=$(sed -n "s/^ask $((asked + 1)) //p" "$run/out/console" \
		    2>/dev/null | tr -d '\r')
		case $ask in
		replug)
			replugs=$((replugs + 1))
			unplug "$replugs" && plug "$properties"
			;;
		stop)
			qmp '{"execute": "stop"}'
			wait_for_qmp 1 '"event": "STOP"'
			qmp '{"execute": "cont"}'
			wait_for_qmp 1 '"event": "RESUME"'
			: >"$1/continued"
			;;
		*) sleep 0.1; continue ;;
		esac
		asked=$((asked + 1))
	done
	kill "$reader"
	exec 3>&-
}

# run_replug NAME QUEUES RING: one guest, whose device has so many queues, and
# packed rings or split ones.
run_replug() {
	run_begin "$1"
	properties=", \"num-request-queues\": $2, \"packed\": $3"
	make_share "$share" "$run/job" replug.sh 200
	: >"$run/job/params"
	mkfifo "$run/qmp.in" "$run/qmp.out"
	GUEST_RESETS=
	export GUEST_RESETS
	device=$(qemu_virtiofs ",id=fs0,bus=slot0,num-request-queues=$2")
	run_by_path "-qmp pipe:$run/qmp -device pcie-root-port,id=slot0,slot=1 \
	    $device,packed=$3" "$PRIVFSD" --protocol=virtiofs --shared-dir="$share" \
	    --socket-path="$socket" --worker-path="$PRIVFSD_WORKER"
	{
		guest_lines
		for name in first rebound replug-1 replug-2 replug-3; do
			check "files of $name" equal \
			    "$(find "$share/$name" -type f -size +292k | wc -l)" 4
		done
		check "no message was refused" equal \
		    "$(grep -c refused "$run/server.log")" 0
	} >"$run/lines" 2>&1
}

battery_begin
run_replug one-queue 1 false
report_all_pass one-queue
run_replug packed-4-queues 4 true
report_all_pass packed-4-queues
battery_end
