#!/bin/sh
# SPDX-License-Identifier: ISC
#
# What a program links is its trust statement: privfsd has no symbol of
# worker/, privfsd-worker none of monitor/, and neither parses with a library
# that the other side has no use for.
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

# The functions that the sources of a folder define, by their archive.
functions() {
	nm --defined-only "$top_builddir/$1" 2>/dev/null |
	    awk '$2 == "T" { print $3 }' | sort -u
}

shared() { # PROGRAM ARCHIVE: functions of the archive that the program has
	nm --defined-only "$1" | awk '$2 ~ /^[Tt]$/ { print $3 }' | sort -u |
	    comm -12 - "$2"
}

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
functions libworker.a >"$tmp/worker"
functions libmonitor.a >"$tmp/monitor"

echo "1..6"
[ -s "$tmp/worker" ] && [ -s "$tmp/monitor" ]
ok $? "both archives have functions to look for"
[ -n "$(shared "$PRIVFSD" "$tmp/monitor")" ]
ok $? "privfsd has those of monitor/"
[ -n "$(shared "$PRIVFSD_WORKER" "$tmp/worker")" ]
ok $? "privfsd-worker has those of worker/"
found=$(shared "$PRIVFSD" "$tmp/worker")
[ -z "$found" ]
ok $? "privfsd has none of worker/${found:+: $found}"
found=$(shared "$PRIVFSD_WORKER" "$tmp/monitor")
[ -z "$found" ]
ok $? "privfsd-worker has none of monitor/${found:+: $found}"
# PIE, full RELRO, no executable stack, a protected stack.
bad=
for program in "$PRIVFSD" "$PRIVFSD_WORKER"; do
	readelf -hW "$program" | grep -q 'Type:.*DYN' || bad="$bad PIE"
	readelf -dW "$program" | grep -q 'BIND_NOW\|FLAGS.*NOW' ||
	    bad="$bad RELRO"
	readelf -lW "$program" | grep -q 'GNU_STACK.* RW ' || bad="$bad stack"
	readelf -sW "$program" | grep -q '__stack_chk_fail\|__asan' ||
	    bad="$bad protector"
done
[ -z "$bad" ]
ok $? "both are hardened${bad:+, but for:$bad}"
exit $status
