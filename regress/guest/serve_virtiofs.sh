# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# Sourced after battery.sh: runs of the battery on a virtio-fs share,
# vhost-user-fs-pci.

# shellcheck disable=SC2154 # set by battery.sh
VIRTIOFSD=${VIRTIOFSD:-/usr/lib/qemu/virtiofsd}

# shellcheck source=regress/guest/check_virtiofs.sh
. "$here/check_virtiofs.sh"

qemu_virtiofs() {
	echo "-chardev socket,id=share,path=$socket" \
	    "-device vhost-user-fs-pci,chardev=share,tag=share$1"
}

# What only this protocol's guest works with.
make_virtiofs_share() {
	fill "$share/from-host/mapped" A
	head -c 20000000 /dev/urandom >"$share/from-host/large"
	(cd "$share/from-host" && sha256sum large) >"$run/job/large.sha256"
	(cd "$share/from-host/many" && LC_ALL=C sh -c \
	    'stat -c "%n %s %F" *') >"$run/job/many.stat"
	: >"$run/xattr"
	printf 'battery=%s\ncache=%s\nlargest_xattr=%s\n' "$1" "$2" \
	    "$("$tool" largest-xattr "$run/xattr")" >"$run/job/params"
}

# The program takes the C and the Rust virtiofsd's options by this name.
drop_in() {
	mkdir -p "$work/bin"
	[ -e "$work/bin/virtiofsd" ] ||
	    ln -s "$PRIVFSD" "$work/bin/virtiofsd"
	echo "$work/bin/virtiofsd"
}

# Starts a program with an inherited socket, {fd}, that listens.
listener() {
	compile_once fdlisten "$GUEST_CACHE"
}

# run_virtiofs NAME KIND BATTERY CACHE DEVICE [OPTION...]: one guest with one
# daemon, in that cache mode. BATTERY is full or short; DEVICE is the device's
# own properties, from a comma on; the options are the daemon's. KIND is
# virtiofsd (the C one), privfsd, or drop-in (privfsd by that name); with -fd it
# inherits its listening socket.
run_virtiofs() {
	run_begin "$1"
	kind=$2 battery=$3 cache=$4
	device=$(qemu_virtiofs "$5")
	shift 5
	make_share "$share" "$run/job" battery_virtiofs.sh 2000
	make_virtiofs_share "$battery" "$cache"
	GUEST_RESETS=
	[ "$battery" = short ] || GUEST_RESETS=yes
	export GUEST_RESETS
	case $kind in
	virtiofsd-fd)
		set -- "$(listener)" "$socket" "$VIRTIOFSD" --fd='{fd}' \
		    -o "source=$share,cache=$cache,xattr" \
		    --rlimit-nofile=0 -f "$@"
		;;
	privfsd)
		set -- "$PRIVFSD" --protocol=virtiofs --cache="$cache" \
		    --shared-dir="$share" --socket-path="$socket" --xattr \
		    --worker-path="$PRIVFSD_WORKER" "$@"
		;;
	privfsd-fd)
		set -- "$(listener)" "$socket" "$PRIVFSD" \
		    --protocol=virtiofs --cache="$cache" \
		    --shared-dir="$share" --fd='{fd}' --xattr \
		    --worker-path="$PRIVFSD_WORKER" "$@"
		;;
	drop-in)
		set -- "$(drop_in)" --socket-path="$socket" \
		    -o "source=$share" -o "cache=$cache,xattr" -f \
		    --worker-path="$PRIVFSD_WORKER" "$@"
		;;
	drop-in-fd)
		set -- "$(listener)" "$socket" "$(drop_in)" --fd='{fd}' \
		    -o "source=$share,cache=$cache,xattr" \
		    --worker-path="$PRIVFSD_WORKER" "$@"
		;;
	esac
	run_by_path "$device" "$@"
	{
		guest_lines
		case $kind in
		*-fd) check "the caller's socket is left" [ -S "$socket" ] ;;
		*) check "no socket file is left" [ ! -e "$socket" ] ;;
		esac
		"check_virtiofs_$battery" "$share" "$work/pack/tree"
	} >"$run/lines" 2>&1
}
