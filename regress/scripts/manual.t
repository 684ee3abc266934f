#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The manual pages are clean, and name every option that the program takes.
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

options() { # PROGRAM: its long options
	"$1" --help | grep -o -- '--[a-z-]*' | sort -u | sed 's/^--//'
}

missing() { # PAGE PROGRAM
	for option in $(options "$2"); do
		grep -q -- "Fl -$option" "$top_srcdir/man/$1" ||
		    printf ' %s' "$option"
	done
}

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
ln -s "$PRIVFSD" "$tmp/virtfs-proxy-helper"

echo "1..6"
for page in privfsd.8 privfsd-worker.8 virtfs-proxy-helper.8; do
	"${MANDOC:-mandoc}" -T lint -W warning "$top_srcdir/man/$page" \
	    >"$tmp/lint" 2>&1
	ok $? "$page is clean"
	sed 's/^/# /' "$tmp/lint"
done
[ "$(options "$PRIVFSD" | wc -l)" -gt 10 ]
ok $? "the program lists its options"
found=$(missing privfsd.8 "$PRIVFSD")
[ -z "$found" ]
ok $? "privfsd.8 has them all${found:+, but for:$found}"
found=$(missing virtfs-proxy-helper.8 "$tmp/virtfs-proxy-helper" |
    tr ' ' '\n' | while read -r option; do
	# The shared ones are described in the other page.
	[ -z "$option" ] ||
	    grep -q -- "Fl -$option" "$top_srcdir/man/privfsd.8" ||
	    printf ' %s' "$option"
done)
[ -z "$found" ]
ok $? "virtfs-proxy-helper.8 has its own${found:+, but for:$found}"
exit $status
