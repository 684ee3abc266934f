#!/bin/sh
# SPDX-License-Identifier: ISC
#
# demo.sh: privfsd in one command, on a bare Debian 12, as root.
#
# Installs what is missing, builds, shares a sample directory with a Linux guest
# (QEMU, emulated, no network) by virtio-fs and by 9p, lets files go both ways,
# shows the processes and what each of them may do, and ends. With PRIVFSD and
# PRIVFSD_WORKER set to programs that are there, nothing is built.
set -u

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/.." && pwd)
work=
servers=
guest=

die() {
	echo "demo.sh: $*" >&2
	exit 1
}

# shellcheck disable=SC2317 # called by trap
clean_up() {
	for pid in $guest $servers; do
		kill "$pid" 2>/dev/null
	done
	[ -z "$work" ] || rm -rf "$work"
}

title() {
	printf '\n== %s\n' "$*"
}

# A tree that is configured in place is built in place.
build() {
	builddir=$top/build/demo
	[ -e "$top/config.status" ] && builddir=$top
	mkdir -p "$builddir" || exit 1
	log=$builddir/demo.log
	{
		if [ ! -e "$top/configure" ]; then
			(cd "$top" && autoreconf -fi)
		fi &&
		cd "$builddir" &&
		if [ ! -e config.status ]; then
			"$top/configure"
		fi &&
		make -j"$(nproc)"
	} >"$log" 2>&1 || {
		tail -n 20 "$log"
		die "the build failed, see $log"
	}
	PRIVFSD=$builddir/privfsd
	PRIVFSD_WORKER=$builddir/privfsd-worker
}

# wait_for PROCESS TEST...: until the test holds or the process has ended.
wait_for() {
	process=$1
	shift
	while ! "$@"; do
		kill -0 "$process" 2>/dev/null || return 1
		sleep 0.2
	done
}

# A process and all below it.
family() {
	echo "$1"
	for child in $(grep -l "^PPid:[[:space:]]*$1\$" \
	    /proc/[0-9]*/status 2>/dev/null | tr -dc '0-9\n'); do
		family "$child"
	done
}

of_status() {
	awk -v key="$2:" '$1 == key { print $2 }' "/proc/$1/status"
}

# The log's line of readiness says which process is which.
show_processes() {
	row='%-9s %-7s %-6s %-17s %-8s %s\n'
	# shellcheck disable=SC2059 # one format for title and lines
	printf "$row" PROCESS PID UID CapEff Seccomp NoNewPrivs
	for pid in $(family "$1"); do
		caps=$(of_status "$pid" CapEff)
		# shellcheck disable=SC2059
		printf "$row" \
		    "$(sed -n "s/.*ready.* \([a-z]*\) $pid\>.*/\1/p" "$2")" \
		    "$pid" "$(of_status "$pid" Uid)" "$caps" \
		    "$(of_status "$pid" Seccomp)" \
		    "$(of_status "$pid" NoNewPrivs)"
		[ "$caps" = 0000000000000000 ] ||
		    echo "          $(capsh --decode="$caps" | sed 's/.*=//')"
	done
}

# The daemon of one protocol, whose number is in $started.
serve() {
	echo "privfsd --protocol=$1 --shared-dir $share \\"
	echo "    --socket-path $work/$1.socket"
	"$PRIVFSD" --protocol="$1" --shared-dir "$share" \
	    --socket-path "$work/$1.socket" \
	    --worker-path="$PRIVFSD_WORKER" 2>"$work/$1.log" &
	started=$!
	servers="$servers $started"
	wait_for "$started" [ -S "$work/$1.socket" ] || {
		cat "$work/$1.log"
		die "privfsd has not started"
	}
}

make_sample() {
	mkdir "$1" && chmod 755 "$1" &&
	echo "Hello from the host." >"$1/hello.txt" &&
	seq 20000 >"$1/numbers.txt" &&
	(cd "$1" && sha256sum numbers.txt >numbers.sha256) &&
	mkdir "$1/private" && chmod 700 "$1/private" &&
	chown 1000:1000 "$1/private"
}

[ "$(id -u)" = 0 ] || die "needs root: the monitor is to have capabilities"
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

title "What is missing is installed, and privfsd is built"
sh "$here/setup.sh" build guest || exit 1
if [ -z "${PRIVFSD:-}" ]; then
	build
else
	PRIVFSD_WORKER=${PRIVFSD_WORKER:-${PRIVFSD%/*}/privfsd-worker}
fi
echo "$PRIVFSD"

work=$(mktemp -d "${TMPDIR:-/tmp}/privfsd-demo.XXXXXX") || exit 1
share=$work/sample
mkdir "$work/job" "$work/out"
cp "$here/guest/demo_job.sh" "$work/job/run"
make_sample "$share" || exit 1
title "A directory on the host: $share"
ls -ln "$share"

title "privfsd shares it, by both protocols"
serve virtiofs
server=$started
serve 9p-proxy
server9p=$started

title "A guest boots and mounts it twice (some seconds)"
GUEST_CACHE=${GUEST_CACHE:-$top/build/guest} sh "$here/guest/run.sh" \
    "$work/job" "$work/out" 180 \
    -chardev "socket,id=virtiofs,path=$work/virtiofs.socket" \
    -device vhost-user-fs-pci,chardev=virtiofs,tag=share \
    -fsdev "proxy,id=share,socket=$work/9p-proxy.socket" \
    -device virtio-9p-pci,fsdev=share,mount_tag=share9p &
guest=$!
wait_for "$guest" [ -e "$share/guest-is-ready" ] || {
	cat "$work"/*.log "$work/out/qemu.log" "$work/out/console"
	die "the guest has not mounted the share"
}
echo "The processes of privfsd meanwhile, virtiofs:"
show_processes "$server" "$work/virtiofs.log"
echo "and 9p-proxy:"
show_processes "$server9p" "$work/9p-proxy.log"
echo "Seen by the guest at once: a line of the host." >"$work/line"
mv "$work/line" "$share/host-is-ready"
wait "$guest"
status=$?
guest=
title "What the guest did"
tr -d '\r' <"$work/out/results" | grep -v '^END '
[ $status = 0 ] || die "the guest has not ended well"

title "What the host sees of it"
(cd "$share" && ls -lnR from-guest && cat from-guest/note.txt &&
    sha256sum numbers.txt from-guest/sorted.txt)

wait "$server"
status=$?
wait "$server9p"
status9p=$?
servers=
title "Both have ended with their guest, status $status and $status9p; the logs"
cat "$work/virtiofs.log" "$work/9p-proxy.log"
[ $status = 0 ] && [ $status9p = 0 ]
