#!/bin/sh
# SPDX-License-Identifier: ISC
#
# kernel.sh CACHE: find the guest's kernel, once.
#
# Unpacks the newest installed Debian kernel that has 9p (the cloud variant has
# not) to CACHE/vmlinux-VERSION and prints that name. QEMU starts the
# uncompressed image at its PVH entry, which takes half the time of a bzImage
# under emulation. Nothing of the host is changed but CACHE.
set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=regress/guest/cache.sh
. "$here/cache.sh"

die() {
	echo "kernel.sh: $*" >&2
	exit 1
}

# The number of $3 bytes (little-endian) at offset $2 of file $1.
field() {
	od -An -v -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '
}

newest() {
	for image in /boot/vmlinuz-*-amd64; do
		case $image in
		*-cloud-*|*-rt-*|*'*'*) continue ;;
		esac
		[ -d "/lib/modules/${image#/boot/vmlinuz-}/kernel/fs/9p" ] &&
		    echo "${image#/boot/vmlinuz-}"
	done | sort -V | tail -n 1
}

# The x86 boot protocol (Documentation/x86/boot.rst, 2.08 and later) says where
# in a bzImage the compressed kernel is: setup_sects at 0x1f1, payload_offset
# and payload_length at 0x248 and 0x24c. The last four bytes of the payload may
# be the length, which decompressors report as garbage: the result is judged by
# its ELF header instead of their exit status.
unpack() {
	sectors=$(field "$1" 497 1)
	[ "$sectors" -gt 0 ] || sectors=4
	start=$(((sectors + 1) * 512 + $(field "$1" 584 4)))
	length=$(field "$1" 588 4)
	tail -c +$((start + 1)) "$1" | head -c "$length" >"$2.payload"
	case $(od -An -v -t x1 -N 4 "$2.payload" | tr -d ' ') in
	fd377a58) tool=xz ;;
	28b52ffd) tool=zstd ;;
	1f8b*) tool=gzip ;;
	425a68*) tool=bzip2 ;;
	02214c18) tool=lz4 ;;
	*) die "$1: unknown compression" ;;
	esac
	command -v "$tool" >/dev/null || die "$tool is missing: run setup.sh"
	"$tool" -dc <"$2.payload" >"$2" 2>"$2.log"
	rm -f "$2.payload"
	[ "$(od -An -v -t x1 -N 4 "$2" | tr -d ' ')" = 7f454c46 ] ||
	    die "$1: no ELF image inside: $(cat "$2.log")"
	rm -f "$2.log"
}

[ $# -eq 1 ] || die "usage: kernel.sh CACHE"
version=$(newest)
[ -n "$version" ] || die "no kernel with 9p in /boot: install linux-image-amd64"
image=/boot/vmlinuz-$version
vmlinux=$1/vmlinux-$version
if stale "$vmlinux" "$image"; then
	[ -r "$image" ] || die "$image is not readable"
	mkdir -p "$1" || exit 1
	work=$(mktemp "$1/vmlinux.XXXXXX") || exit 1
	trap 'rm -f "$work" "$work.payload" "$work.log"' EXIT
	unpack "$image" "$work"
	mv "$work" "$vmlinux" || exit 1
fi
echo "$vmlinux"
