#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A start as root without a capability that it needs says which one, leaves
# nothing behind, and fails.
set -u

n=0
status=0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/share"

ok() { # RESULT TEXT
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		status=1
	fi
}

start() { # CAPABILITY [OPTION...]
	cap=$1
	shift
	setpriv --bounding-set="-$cap" "$PRIVFSD" --protocol=9p-proxy \
	    --shared-dir "$tmp/share" --socket-path "$tmp/socket" \
	    --worker-path "$PRIVFSD_WORKER" "$@" >"$tmp/out" 2>&1
}

if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
	echo "1..0 # SKIP needs root and setpriv (Debian: util-linux)"
	exit 0
fi
echo "1..12"
for cap in sys_admin setuid chown dac_override; do
	start "$cap"
	[ $? = 1 ]
	ok $? "without $cap: exit status 1"
	grep -q "without these capabilities: $cap;" "$tmp/out"
	ok $? "without $cap: it is named"
	[ ! -e "$tmp/socket" ]
	ok $? "without $cap: no socket is left"
done
exit $status
