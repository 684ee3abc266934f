#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The units of contrib/ are what systemd takes, and do not start anew what
# cannot start.
set -u

n=0
status=0

ok() { # RESULT TEXT
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		status=1
	fi
}

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

"$PRIVFSD" --no-such-option 2>"$tmp/said"
usage=$?
[ "$usage" -gt 1 ] && [ -s "$tmp/said" ]
ok $? "a wrong option has a status of its own, $usage"
for unit in "$top_srcdir"/contrib/*.service; do
	name=${unit##*/}
	grep -qx "RestartPreventExitStatus=$usage" "$unit"
	ok $? "$name: no start after that status"
	if ! command -v systemd-analyze >/dev/null; then
		n=$((n + 1))
		echo "ok $n # SKIP systemd-analyze is not installed"
		continue
	fi
	# As an instance, of a program that is there.
	sed "s|^ExecStart=[^ ]*|ExecStart=$PRIVFSD|" "$unit" \
	    >"$tmp/${name%@*}@srv.service"
	systemd-analyze verify --man=no --recursive-errors=no \
	    "$tmp/${name%@*}@srv.service" >"$tmp/said" 2>&1
	result=$?
	[ "$result" = 0 ] && [ ! -s "$tmp/said" ]
	ok $? "$name: systemd takes it"
	sed 's/^/# /' "$tmp/said"
done
echo "1..$n"
exit $status
