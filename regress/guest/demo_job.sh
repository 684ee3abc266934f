#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The guest's part of the demonstration (regress/demo.sh), run as /job/run.

run() {
	echo "guest# $*"
	sh -c "$*" 2>&1
}

mount -t 9p -o trans=virtio,version=9p2000.L,msize=131072 share /mnt || exit 1
cd /mnt || exit 1
run "uname -sr; grep 9p /proc/mounts"
run "ls -ln"
run "cat hello.txt"
run "sha256sum -c numbers.sha256"
run "mkdir -m 2750 from-guest"
run "chown 1000:1000 from-guest"
run "echo 'written in the guest' >from-guest/note.txt"
run "chown 1000:1000 from-guest/note.txt; chmod 640 from-guest/note.txt"
run "ln -s note.txt from-guest/link"
run "sort -rn numbers.txt >from-guest/sorted.txt"
run "sha256sum from-guest/sorted.txt"
run "mknod from-guest/disk b 8 0"

# The host looks at the processes now, and says so by a file.
: >guest-is-ready
for _ in $(seq 300); do
	[ -e host-is-ready ] && break
	sleep 0.2
done
run "cat host-is-ready"
cd / && umount /mnt
