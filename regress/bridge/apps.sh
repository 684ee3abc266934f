#!/bin/sh
# SPDX-License-Identifier: ISC
#
# apps.sh APPLICATION DIRECTORY CACHE: uses a mounted share, says what is
# wrong, and leaves nothing behind when all is well. The directory on the host
# is ../share. Run by ../e2e/bridge_apps.t.
set -u

die() {
	echo "$*"
	exit 1
}

# The same blocks by other paths: cached, direct, several in flight, mapped.
app_fio() { # CACHE
	set -- "$1" --directory=. --size=24m --verify=crc32c --verify_fatal=1 \
	    --do_verify=1 --randrepeat=0 --group_reporting --minimal \
	    --fallocate=none --unlink=1 --aux-path=/tmp
	cache=$1
	shift
	fio "$@" --name=sync --ioengine=sync --rw=randrw --bs=4k \
	    --end_fsync=1 >/dev/null || die "fio: sync"
	fio "$@" --name=psync --ioengine=psync --rw=randwrite \
	    --bsrange=512-65536 --bs_unaligned --numjobs=2 >/dev/null ||
	    die "fio: psync"
	fio "$@" --name=direct --ioengine=psync --rw=write --bs=1m \
	    --direct=1 >/dev/null || die "fio: direct"
	fio "$@" --name=libaio --ioengine=libaio --iodepth=16 --rw=randrw \
	    --bs=16k --direct=1 >/dev/null || die "fio: libaio"
	# Without a cache there are no shared mappings.
	[ "$cache" = none ] ||
	    fio "$@" --name=mmap --ioengine=mmap --rw=randrw --bs=4k \
	    >/dev/null || die "fio: mmap"
	[ -z "$(ls -A)" ] || die "fio: files are left"
}

# All that cp -a promises to keep.
list_tree() { # DIRECTORY
	(cd "$1" && find . -type d -printf '%p %y %m %U %G %T@\n' -o \
	    -printf '%p %y %m %U %G %T@ %n %s %l\n' | LC_ALL=C sort)
}

app_tree() {
	tree=/usr/include
	[ "$(find "$tree" 2>/dev/null | wc -l)" -gt 3000 ] ||
	    tree=/usr/share/doc
	[ "$(find "$tree" | wc -l)" -gt 1000 ] || die "no tree to copy"
	cp -a "$tree" copy || die "cp"
	diff -r --no-dereference "$tree" copy || die "diff"
	list_tree "$tree" >../list.want
	list_tree copy >../list.got
	cmp ../list.want ../list.got || die "modes, owners or times"
	list_tree ../share/copy >../list.got
	cmp ../list.want ../list.got || die "on the host"
	rm -rf copy || die "rm"
	[ -z "$(ls -A)" ] || die "names are left"
}

git_here() {
	git -c user.name=tester -c user.email=tester@localhost \
	    -c init.defaultBranch=main -c safe.directory='*' \
	    -c gc.auto=0 "$@"
}

app_git() {
	HOME=$PWD
	GIT_CONFIG_NOSYSTEM=1
	export HOME GIT_CONFIG_NOSYSTEM
	git_here init -q origin || die "init"
	for i in 1 2 3 4 5 6; do
		for name in common monitor worker sandbox launcher; do
			mkdir -p "origin/$name.$i"
			cp "$top_srcdir/$name"/*.[ch] "origin/$name.$i" ||
			    die "cp"
		done
		git_here -C origin add -A || die "add"
		git_here -C origin commit -q -m "step $i" || die "commit"
	done
	git_here clone -q --no-local origin clone || die "clone"
	git_here -C clone fsck --strict --full >/dev/null || die "fsck"
	git_here -C clone checkout -q -b topic HEAD~3 || die "checkout"
	git_here -C clone mv common.1 moved || die "mv"
	git_here -C clone rm -q -r worker.2 || die "rm"
	git_here -C clone commit -q -a -m topic || die "commit in the clone"
	git_here -C clone merge -q -m merge main || die "merge"
	git_here -C clone gc -q --aggressive --prune=now || die "gc"
	git_here -C clone fsck --strict --full >/dev/null || die "fsck after gc"
	[ -z "$(git_here -C clone status --porcelain)" ] || die "status"
	git_here -C clone checkout -q main || die "checkout of main"
	diff -r -x .git origin clone || die "the clone differs"
	git_here -C clone push -q origin topic || die "push"
	git_here -C origin fsck --strict --full >/dev/null ||
	    die "fsck of the origin"
	rm -rf origin clone
}

make_project() {
	mkdir lib || die "mkdir"
	cat >Makefile <<'EOF'
CFLAGS = -O1
SOURCES = $(wildcard lib/*.c)
OBJECTS = $(SOURCES:.c=.o)
prog: main.o libparts.a
	$(CC) -o $@ main.o -L. -lparts
libparts.a: $(OBJECTS)
	ar rcs $@ $?
main.o $(OBJECTS): parts.h
EOF
	cat >main.c <<'EOF'
#include <stdio.h>
#include "parts.h"
int main(void) {
	int sum = 0;
	ALL(sum);
	return printf("%d\n", sum) < 0;
}
EOF
	all=
	for i in $(seq 1 24); do
		echo "int part$i(int);" >>parts.h
		all="$all sum += part$i($i);"
		cat >"lib/part$i.c" <<EOF
#include <stdlib.h>
#include "../parts.h"
int part$i(int x) { return abs(x) * $i; }
EOF
	done
	echo "#define ALL(sum) do { $all } while (0)" >>parts.h
}

# What make rebuilds is a matter of times.
app_build() {
	make_project
	make -j2 >/dev/null || die "make"
	[ "$(./prog)" = 4900 ] || die "the program's result"
	make -q || die "not up to date after a build"
	# Its times have to be later than those of the build.
	while [ -z "$(find lib/part7.c -newer prog)" ]; do
		touch lib/part7.c
	done
	make >../make.log || die "make again"
	grep -q part7.c ../make.log || die "the change was not built"
	if grep -q part8.c ../make.log; then
		die "more than the change was built"
	fi
	[ "$(./prog)" = 4900 ] || die "the program's second result"
	make -q || die "not up to date after the second build"
	strip prog || die "strip"
	[ "$(./prog)" = 4900 ] || die "the stripped program's result"
	rm -rf ./*
}

cd "$2" || die "cd"
"app_$1" "$3"
