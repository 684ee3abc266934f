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
ln -s "$PRIVFSD" "$tmp/virtiofsd"

echo "1..10"
for page in privfsd.8 privfsd-worker.8 virtfs-proxy-helper.8 virtiofsd.8; do
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
# The shared ones are described in the first page, and named in the others.
for name in virtfs-proxy-helper virtiofsd; do
	found=$(missing "$name.8" "$tmp/$name")
	[ -z "$found" ]
	ok $? "$name.8 names its own${found:+, but for:$found}"
done
"$tmp/virtiofsd" --help | sed -n '1,/^in the list/d; s/^ *//; s/[ =].*//; p' \
    >"$tmp/listed"
[ "$(wc -l <"$tmp/listed")" -gt 10 ]
ok $? "the program lists what -o takes"
found=$(while read -r word; do
	grep -q -- "Cm \(.* \)*$word\( \|$\)" "$top_srcdir/man/virtiofsd.8" ||
	    printf ' %s' "$word"
done <"$tmp/listed")
[ -z "$found" ]
ok $? "virtiofsd.8 has what -o takes${found:+, but for:$found}"
exit $status
