#!/bin/sh
# SPDX-License-Identifier: ISC
#
# virtio-fs through the Linux client: programs that people use. fio verifies
# what it writes, a large tree is copied and compared, git works in a
# repository, make builds a project; with several cache modes. What they do
# in the mount is in ../bridge/apps.sh.
set -u

here=$(cd "$(dirname "$0")/../bridge" && pwd)
n=0
bad=0

result() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
		return
	fi
	echo "not ok $n - $2"
	sed 's/^/# /' "$dir/log"
	bad=1
}

run() { # APPLICATION CACHE OPTION...
	app=$1
	cache=$2
	shift 2
	if [ "$app" = fio ] && ! command -v fio >/dev/null; then
		n=$((n + 1))
		echo "ok $n # SKIP fio is not installed"
		return
	fi
	timeout -k 10 200 "$bridge" -c "$cache" "$@" "$dir/share" \
	    "$dir/mount" sh "$here/apps.sh" "$app" "$dir/mount" \
	    "$cache" >"$dir/log" 2>&1
	result $? "$app, cache=$cache${*:+ }$*"
	[ -z "$(ls -A "$dir/share")" ]
	result $? "$app, cache=$cache${*:+ }$*: nothing is left on the host"
	rm -rf "$dir/share"
	mkdir "$dir/share"
}

bridge=$top_builddir/regress/bridge/bridge
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 0
fi
dir=$(mktemp -d /tmp/privfsd-apps.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$dir/share" "$dir/mount" || exit 1

rings=
case ${VIRTIOFS_SERVER:-privfsd} in
privfsd | dropin)
	# What no other server has.
	rings="-p -q 4"
	;;
esac
# shellcheck disable=SC2086 # one word for each option
{
	run fio auto $rings
	run fio none
	run fio always -w
	run tree auto $rings
	run git auto
	run git always -w $rings
	run build none $rings
	run build always -w
}
echo "1..$n"
exit $bad
