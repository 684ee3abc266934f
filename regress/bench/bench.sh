#!/bin/sh
# SPDX-License-Identifier: ISC
#
# bench.sh [9p|virtiofs [ARGUMENT...]]: privfsd against its peers, as root.
# Called by "make bench" in the top build directory.
#
# 9p: against QEMU's virtfs-proxy-helper, on one core and free, short paths and
# deep ones. virtiofs: against QEMU's C virtiofsd and the Rust one of Debian 13,
# which debian13.sh fetches: all on one core, the front-end on one and the
# servers on another, and free (BENCH_CORES="1 2 0"), then memory and starting;
# every figure is also in $BENCH_TSV. Without a word both. Arguments go to the
# program: --rounds=15, --arg=--poll-us=0, or, for a look in a minute:
#
#	make bench BENCH_FLAGS="virtiofs --rounds=1 --round-ms=20"
set -u

here=$(cd "$(dirname "$0")" && pwd)
built=${top_builddir:-.}/regress/bench
p9=${P9_BENCH:-$built/p9_bench}
virtiofs=${VIRTIOFS_BENCH:-$built/virtiofs_bench}
helper=${REAL_HELPER:-/usr/lib/qemu/virtfs-proxy-helper}
c_virtiofsd=${REAL_VIRTIOFSD:-/usr/lib/qemu/virtiofsd}
cache=${BENCH_CACHE:-$built/cache}
tsv=${BENCH_TSV:-$built/virtiofs.tsv}
status=0

die() {
	echo "bench.sh: $*" >&2
	exit 1
}

bench_9p() {
	if [ ! -x "$helper" ]; then
		echo "9p-proxy is not measured: $helper is not there to compare" \
		    "with (Debian: qemu-system-common)"
		return 0
	fi
	for depth in 1 4; do
		for mode in --pin ""; do
			# $mode is one option or none.
			"$p9" ${mode:+"$mode"} "--depth=$depth" "$@" || return 1
		done
	done
}

# How the Rust virtiofsd of the tree in $1 is started by the tree's own loader.
rust_command() {
	for loader in "$1"/usr/lib/*/ld-linux-*.so.*; do
		[ -x "$loader" ] || continue
		echo "$loader --library-path ${loader%/*}" \
		    "$1/usr/libexec/virtiofsd"
	done
}

bench_virtiofs() {
	servers=
	if [ -x "$c_virtiofsd" ]; then
		servers=c,
	else
		echo "without the C virtiofsd: $c_virtiofsd is not there" \
		    "(Debian 12: qemu-system-common)"
	fi
	if [ -z "${RUST_VIRTIOFSD:-}" ] && tree=$(sh "$here/debian13.sh" \
	    "$cache"); then
		RUST_VIRTIOFSD=$(rust_command "$(cd "$tree" && pwd)")
	fi
	if [ -n "${RUST_VIRTIOFSD:-}" ]; then
		export RUST_VIRTIOFSD
		servers=${servers}rust,
	else
		echo "without the Rust virtiofsd: it could not be fetched"
	fi
	rm -f "$tsv"
	for cores in ${BENCH_CORES:-1 2 0}; do
		"$virtiofs" "--servers=${servers}privfsd,queues" \
		    "--cores=$cores" "--tsv=$tsv" "$@" || return 1
	done
	"$virtiofs" "--servers=${servers}privfsd,queues" --memory \
	    "--tsv=$tsv" "$@"
}

[ "$(id -u)" -eq 0 ] || die "needs root"
word=${1:-both}
[ $# -eq 0 ] || shift
case $word in
9p|virtiofs|both) ;;
*) die "usage: bench.sh [9p|virtiofs [ARGUMENT...]]" ;;
esac
for program in "$p9" "$virtiofs"; do
	[ -x "$program" ] || die "$program is not there; make bench builds it"
done

model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "Linux $(uname -r), $(nproc) cores, ${model:-unknown processor}"
echo "load before: $(cut -d ' ' -f 1-3 /proc/loadavg)"
echo
if [ "$word" != virtiofs ]; then
	bench_9p "$@" || status=1
fi
if [ "$word" != 9p ]; then
	bench_virtiofs "$@" || status=1
fi
echo "load after: $(cut -d ' ' -f 1-3 /proc/loadavg)"
exit "$status"
