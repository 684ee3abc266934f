#!/bin/sh
# SPDX-License-Identifier: ISC
#
# run.sh JOB OUT SECONDS QEMU-ARGUMENT...: boot a guest, let it do one job.
#
# JOB is a directory that appears in the guest as /job; its file run is
# executed. The QEMU arguments attach the share. OUT gets console (the kernel's
# and the job's error messages), results (what run printed, then "END status")
# and qemu.log. Exit status: 0 if the job ended with 0, 124 if the guest was
# still up after SECONDS (QEMU is killed then), 1 otherwise. The guest has no
# network. What is built once is kept in $GUEST_CACHE. A reset ends the guest,
# unless $GUEST_RESETS is set: then it boots again. $GUEST_MEMORY is for another
# kind of memory than a shared memfd.
set -u

here=$(cd "$(dirname "$0")" && pwd)
cache=${GUEST_CACHE:-${top_builddir:-$here/../..}/regress/guest/cache}

die() {
	echo "run.sh: $*" >&2
	exit 1
}

[ $# -ge 3 ] || die "usage: run.sh JOB OUT SECONDS QEMU-ARGUMENT..."
job=$1 out=$2 limit=$3
shift 3
# shellcheck source=regress/guest/cache.sh
. "$here/cache.sh"

vmlinux=$(sh "$here/kernel.sh" "$cache") || exit 1
tool=$(compile_once guesttool "$cache" -static) || exit 1
root=$(sh "$here/initramfs.sh" "$cache" "${vmlinux##*/vmlinux-}" "$tool") ||
    exit 1

# The kernel unpacks archives one after the other.
initrd=$out/initrd
stage=$out/stage
qemu=
trap 'rm -rf "$initrd" "$stage"' EXIT
trap '[ -z "$qemu" ] || kill "$qemu"; exit 1' HUP INT TERM
{
	mkdir "$stage" &&
	cp -R "$job" "$stage/job" &&
	cp "$root" "$initrd" &&
	(cd "$stage" && find job | sort | cpio --quiet -o -H newc -R 0:0) \
	    >>"$initrd"
} || die "cannot build the initramfs"

resets=-no-reboot
[ -z "${GUEST_RESETS:-}" ] || resets="-action reboot=reset"

# Two possible CPUs: with one, TCG leaves the guest's memory barriers out and a
# notification can be lost for ever.
memory=${GUEST_MEMORY:--machine q35,memory-backend=mem \
    -object memory-backend-memfd,id=mem,size=512M,share=on}
# shellcheck disable=SC2086 # words are wanted
timeout --foreground -k 5 "$limit" qemu-system-x86_64 \
    -nodefaults -no-user-config $resets -display none -monitor none \
    $memory -accel tcg,thread=multi -smp 1,maxcpus=2 -m 512 \
    -kernel "$vmlinux" -initrd "$initrd" \
    -append "console=ttyS0 quiet panic=-1 rdinit=/init" \
    -chardev "file,id=console,path=$out/console" -serial chardev:console \
    -chardev "file,id=results,path=$out/results" -serial chardev:results \
    "$@" >"$out/qemu.log" 2>&1 &
qemu=$!
wait "$qemu"
status=$?
qemu=
case $status in
124|137) exit 124 ;;
esac
[ "$(tail -n 1 "$out/results" 2>/dev/null | tr -d '\r')" = "END 0" ]
