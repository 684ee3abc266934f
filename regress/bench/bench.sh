#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The 9p-proxy bench in all its modes: on one core and free, short paths and
# deep ones. Called by "make bench" in the top build directory, as root.
# Arguments go to p9_bench, for example --rounds=15 or --arg=--poll-us=0.
set -u

bench=${P9_BENCH:-./regress/bench/p9_bench}
helper=${REAL_HELPER:-/usr/lib/qemu/virtfs-proxy-helper}

if [ ! -x "$bench" ]; then
	echo "bench.sh: $bench is not there; make bench builds it" >&2
	exit 1
fi
if [ ! -x "$helper" ]; then
	echo "bench.sh: $helper is not there to compare with" \
	    "(Debian: qemu-system-common)" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "bench.sh: needs root" >&2
	exit 1
fi

model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "Linux $(uname -r), $(nproc) cores, ${model:-unknown processor}"
echo "load before: $(cut -d ' ' -f 1-3 /proc/loadavg)"
echo

status=0
for depth in 1 4; do
	for mode in --pin ""; do
		# $mode is one option or none.
		"$bench" ${mode:+"$mode"} "--depth=$depth" "$@" || status=1
	done
done
echo "load after: $(cut -d ' ' -f 1-3 /proc/loadavg)"
exit "$status"
