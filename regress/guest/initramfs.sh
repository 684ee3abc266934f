#!/bin/sh
# SPDX-License-Identifier: ISC
#
# initramfs.sh CACHE VERSION TOOL: build the guest's root, once.
#
# The archive CACHE/root-VERSION.cpio holds a static busybox, the modules for
# virtio, 9p and virtio-fs in the order in which they load, init (guest-init)
# and the static program TOOL as /bin/guesttool. Prints the archive's name. It
# is not compressed: unpacking under emulation takes longer than reading.
set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=regress/guest/cache.sh
. "$here/cache.sh"

die() {
	echo "initramfs.sh: $*" >&2
	exit 1
}

[ $# -eq 3 ] || die "usage: initramfs.sh CACHE VERSION TOOL"
cache=$1 version=$2 tool=$3
archive=$cache/root-$version.cpio
busybox=$(command -v busybox) || die "busybox is missing: run setup.sh"

if stale "$archive" "$busybox" "$here/guest-init" "$here/initramfs.sh" \
    "$tool" "/lib/modules/$version"; then
	mkdir -p "$cache" || exit 1
	work=$(mktemp -d "$cache/root.XXXXXX") || exit 1
	trap 'rm -rf "$work"' EXIT
	root=$work/root
	mkdir -p "$root/bin" "$root/modules" "$root/mnt" "$root/proc" \
	    "$root/sys" "$root/dev" "$root/tmp" "$root/etc"
	cp "$busybox" "$root/bin/busybox"
	cp "$tool" "$root/bin/guesttool"
	"$busybox" --list | while read -r applet; do
		[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
	done
	cp "$here/guest-init" "$root/init"
	chmod 755 "$root/init" "$root/bin/guesttool" "$root/bin/busybox"
	echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"

	# --show-depends prints each module after those that it needs.
	for module in virtio_pci 9pnet_virtio 9p virtiofs; do
		/sbin/modprobe -S "$version" --show-depends "$module" ||
		    die "kernel $version has no $module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$work/list"
	[ -s "$work/list" ] || die "no modules found for $version"
	while read -r path; do
		name=${path##*/}
		case $name in
		*.ko) cp "$path" "$root/modules/" ;;
		*.ko.xz) xz -dc "$path" >"$root/modules/${name%.xz}" ;;
		*.ko.zst) zstd -qdc "$path" >"$root/modules/${name%.zst}" ;;
		esac || die "$path: cannot copy"
		echo "${name%.ko*}.ko" >>"$root/modules/order"
	done <"$work/list"

	(cd "$root" && find . | sort | cpio --quiet -o -H newc -R 0:0) \
	    >"$work/cpio" || die "cpio failed"
	mv "$work/cpio" "$archive" || exit 1
fi
echo "$archive"
