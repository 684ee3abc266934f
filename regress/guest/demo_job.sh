#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The guest's part of the demonstration (regress/demo.sh), run as /job/run: one
# directory of the host, mounted by each of the two protocols.

run() {
	echo "guest:$PWD# $*"
	sh -c "$*" 2>&1
}

mkdir /virtiofs /9p || exit 1
mount -t virtiofs share /virtiofs || exit 1
mount -t 9p -o trans=virtio,version=9p2000.L,msize=131072 share9p /9p ||
    exit 1
cd /virtiofs || exit 1
run "uname -sr; grep share /proc/mounts"
run "ls -ln"
run "cat hello.txt"
run "sha256sum -c numbers.sha256"
run "mkdir -m 2750 from-guest"
run "chown 1000:1000 from-guest"
run "echo 'written by virtio-fs' >from-guest/note.txt"
run "chown 1000:1000 from-guest/note.txt; chmod 640 from-guest/note.txt"
run "sort -rn numbers.txt >from-guest/sorted.txt"
run "mknod from-guest/disk b 8 0"

cd /9p || exit 1
run "cat from-guest/note.txt"
run "echo 'and a line by 9p' >>from-guest/note.txt"
run "ln -s note.txt from-guest/link"
run "sha256sum numbers.txt from-guest/sorted.txt"
run "mknod from-guest/disk b 8 0"

# The host looks at the processes now, and says so by a file.
: >guest-is-ready
for _ in $(seq 300); do
	[ -e host-is-ready ] && break
	sleep 0.2
done
run "cat host-is-ready"
cd /virtiofs || exit 1
run "cat host-is-ready"
cd / && umount /9p && umount /virtiofs
