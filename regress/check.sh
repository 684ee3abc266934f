#!/bin/sh
# SPDX-License-Identifier: ISC
#
# check.sh: everything in one command, on a bare Debian 12, as root.
#
# Installs what is missing; builds with gcc, with clang and with sanitizers;
# runs all tests, boots guests, and makes a release from the tree.  Ends with
# one line: N passed, N failed, N skipped.  Takes less than 40 minutes on two
# cores.
set -u

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/.." && pwd)
build=$top/build/check
passed=0
failed=0
skipped=0

say() {
	printf '\n== %s\n' "$*"
}

summary() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ] || exit 1
	exit 0
}

# Adds what a run of prove -v printed to the numbers.
count() { # LOG STATUS
	ok=$(grep -c '^ *ok ' "$1")
	bad=$(grep -c '^ *not ok ' "$1")
	skip=$(grep -ciE '^ *(ok .*|1\.\.0 *)# *SKIP' "$1")
	passed=$((passed + ok - $(grep -ciE '^ *ok .*# *SKIP' "$1")))
	failed=$((failed + bad))
	skipped=$((skipped + skip))
	# A crash or a wrong plan fails without a line of its own.
	if [ "$2" != 0 ] && [ "$bad" = 0 ]; then
		failed=$((failed + 1))
	fi
}

show() { # LOG: what failed, and the summary
	grep -E -A 8 '^ *not ok ' "$1" | head -n 200
	sed -n '/^Test Summary Report/,$p' "$1"
	tail -n 4 "$1"
}

# One step that is not a test program: it passes or fails as a whole.
step() { # NAME COMMAND...
	name=$1
	shift
	say "$name"
	if "$@" >"$build/$name.log" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		tail -n 40 "$build/$name.log"
		return 1
	fi
}

# Configures and builds out of the tree; warnings are errors.  One target for
# each make: see build-tests in Makefile.inc.
compile() { # FOLDER TARGET OPTION...
	mkdir -p "$build/$1" && cd "$build/$1" || return 1
	target=$2
	shift 2
	"$top/configure" --enable-werror "$@" &&
	    make -j"$(nproc)" "$target"
}

# Begins tests; finish() waits for them and counts.
begin() { # FOLDER TARGET [VARIABLE=VALUE]...
	folder=$1
	shift
	(cd "$build/$folder" && make "$@") >"$build/$folder-$1.log" 2>&1 &
}

finish() { # FOLDER TARGET PID
	say "$1: make $2"
	log=$build/$1-$2.log
	wait "$3"
	status=$?
	count "$log" "$status"
	show "$log"
}

tests() { # FOLDER TARGET [VARIABLE=VALUE]...
	begin "$@"
	finish "$1" "$2" $!
}

sh "$here/setup.sh" || exit 1
cd "$top" || exit 1
mkdir -p "$build" || exit 1
step autoreconf autoreconf -fi || summary

step build-gcc compile gcc build-tests CC=gcc || summary
step build-sanitizers compile sanitizers build-tests CC=gcc CFLAGS="-O1 -g" \
    --enable-sanitizers || summary

# At the same time: most of theirs is waiting.  What sanitizers need of the
# kernel is more than the lists have, and what they use of the processor says
# nothing of what an idle daemon uses.
begin gcc check
gcc=$!
# shellcheck disable=SC2016 # variables of make
begin sanitizers check 'SKIP=$(idle_tests) $(list_tests)'
sanitizers=$!
finish gcc check "$gcc"
finish sanitizers check "$sanitizers"
tests gcc check-guest

# Only the compiler is another: no test that is long for what the kernel does,
# or for what the sandboxes forbid.
step build-clang compile clang build-tests CC=clang || summary
# shellcheck disable=SC2016 # a variable of make
tests clang check 'SKIP=$(long_tests)'

step build-threads compile threads build-threads CC=gcc CFLAGS="-O1 -g" \
    --enable-thread-sanitizer || summary
tests threads check-threads

# Of a release it is to be shown that nothing is missing in it.
# shellcheck disable=SC2016 # a variable of make
step distcheck make -C "$build/gcc" distcheck 'SKIP=$(long_tests)'
summary
