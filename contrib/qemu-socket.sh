#!/bin/sh
# SPDX-License-Identifier: ISC
#
# qemu-socket.sh DIR QEMU-ARGUMENT...: QEMU with DIR as a share, by a path.
#
# Starts privfsd on a socket in a directory of its own, then QEMU, which it ends
# with.  In the guest:
#
#	mount -t 9p -o trans=virtio,version=9p2000.L share /mnt
set -u

[ $# -ge 1 ] || {
	echo "usage: qemu-socket.sh DIR QEMU-ARGUMENT..." >&2
	exit 2
}
dir=$1
shift

run=$(mktemp -d "${TMPDIR:-/tmp}/privfsd.XXXXXX") || exit 1
trap 'rm -rf "$run"' EXIT
trap 'exit 1' HUP INT TERM
# In the background when this returns, and then the socket is there.
"${PRIVFSD:-privfsd}" --protocol=9p-proxy --shared-dir="$dir" \
    --socket-path="$run/socket" --daemonize || exit 1
"${QEMU:-qemu-system-x86_64}" \
    -fsdev "proxy,id=share,socket=$run/socket" \
    -device virtio-9p-pci,fsdev=share,mount_tag=share "$@"
