#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The scripts are clean.
set -u

if ! command -v shellcheck >/dev/null; then
	echo "1..0 # SKIP shellcheck is not installed"
	exit 0
fi
n=0
status=0
for script in "$top_srcdir"/.ci/run "$top_srcdir"/regress/*.sh \
    "$top_srcdir"/regress/*/*.sh "$top_srcdir"/regress/*/*.t \
    "$top_srcdir"/contrib/*.sh; do
	[ -e "$script" ] || continue
	n=$((n + 1))
	if shellcheck -x -P "$top_srcdir" -e SC2154,SC2317 "$script" >&2; then
		echo "ok $n - ${script#"$top_srcdir"/}"
	else
		echo "not ok $n - ${script#"$top_srcdir"/}"
		status=1
	fi
done
echo "1..$n"
exit $status
