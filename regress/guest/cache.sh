# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# Sourced: what is built once and kept.

# stale FILE SOURCE...: FILE is missing, or older than one of the others.
stale() {
	[ -e "$1" ] || return 0
	file=$1
	shift
	[ -n "$(find "$@" -prune -newer "$file")" ]
}

# compile_once NAME CACHE [FLAG...] compiles NAME*.c beside this file (as $here)
# to CACHE/NAME unless that is up to date, and prints its name.
# shellcheck disable=SC2154 # here is set by who sources this
compile_once() {
	sources=$here/$1
	binary=$2/$1
	shift 2
	if stale "$binary" "$sources"*.[ch]; then
		mkdir -p "${binary%/*}" || return 1
		${CC:-cc} -O2 -std=gnu17 -Wall -Wextra "$@" \
		    -o "$binary.$$" "$sources"*.c || return 1
		mv "$binary.$$" "$binary" || return 1
	fi
	echo "$binary"
}
