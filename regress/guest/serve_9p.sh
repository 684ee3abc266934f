# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# Sourced after battery.sh: runs of the battery on a 9p share, -fsdev proxy.

# shellcheck disable=SC2154 # set by battery.sh
HELPER=${HELPER:-/usr/lib/qemu/virtfs-proxy-helper}

# shellcheck source=regress/guest/check_9p.sh
. "$here/check_9p.sh"

qemu_9p() {
	echo "-fsdev proxy,id=share,$1" \
	    "-device virtio-9p-pci,fsdev=share,mount_tag=share"
}

# run_9p NAME KIND MODE1 MODE2 IS2: one guest with one server. KIND is helper,
# privfsd or privfsd-fd, the modes are those of the two mounts, IS2 is cached or
# uncached, for the second.
run_9p() {
	run_begin "$1"
	make_share "$share" "$run/job" battery_9p.sh 300
	printf 'first=%s\nsecond=%s\nsecond_is=%s\n' "$3" "$4" "$5" \
	    >"$run/job/params"
	case $2 in
	helper)
		run_by_path "$(qemu_9p "socket=$socket")" \
		    "$HELPER" -p "$share" -s "$socket" -u 0 -g 0 -n
		;;
	privfsd)
		run_by_path "$(qemu_9p "socket=$socket")" \
		    "$PRIVFSD" --protocol=9p-proxy --shared-dir "$share" \
		    --socket-path "$socket" --worker-path="$PRIVFSD_WORKER"
		;;
	privfsd-fd)
		run_by_fd "$(qemu_9p "sock_fd={fd}")" \
		    "$PRIVFSD" --protocol=9p-proxy --shared-dir "$share" \
		    --fd '{fd}' --worker-path="$PRIVFSD_WORKER"
		;;
	esac
	{
		guest_lines
		check "no socket file is left" [ ! -e "$socket" ]
		check_9p "$share" "$work/pack/tree"
	} >"$run/lines" 2>&1
}
