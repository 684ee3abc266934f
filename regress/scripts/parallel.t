#!/bin/sh
# SPDX-License-Identifier: ISC
#
# make -j builds no object twice at once.  automake's `all` is a make of its
# own: a rule that depends on it, or a command line that has a second target
# beside it, lets two makes write the same files.
set -u

echo "1..2"
status=0

check() { # NUMBER NAME LINES: none is right
	if [ -z "$3" ]; then
		echo "ok $1 - $2"
	else
		echo "not ok $1 - $2"
		printf '%s\n' "$3" | sed 's/^/# /'
		status=1
	fi
}

# Long rules are written over several lines: first joined.
check 1 "no rule depends on all" "$(perl -0pe 's/\\\n//g' \
    "$top_builddir/Makefile" | grep -nE '^[a-z][a-z_-]*:([^=].*)? all( |$)')"
check 2 "no script makes all beside another target" "$(grep -nE \
    'make .*-j.* all .+' "$top_srcdir"/regress/*.sh "$top_srcdir/.ci/run")"
exit $status
