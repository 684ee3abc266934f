#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The budget of privileged lines: monitor/ and common/ together have at most
# 5,200 lines of code, without comments and blank lines.
set -u

echo "1..2"
status=0
lines=$(cat "$top_srcdir"/common/*.[ch] "$top_srcdir"/monitor/*.[ch] |
    perl -0pe 's{/\*.*?\*/}{}gs' | grep -c '[^[:space:]]')
if [ "$lines" -gt 1000 ]; then
	echo "ok 1 - counted $lines lines"
else
	echo "not ok 1 - counted $lines lines"
	status=1
fi
if [ "$lines" -le 5200 ]; then
	echo "ok 2 - monitor/ and common/ are within their budget"
else
	echo "not ok 2 - monitor/ and common/ have $lines lines, 5200 at most"
	status=1
fi
exit $status
