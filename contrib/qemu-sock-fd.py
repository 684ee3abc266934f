#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""qemu-sock-fd.py DIR QEMU-ARGUMENT...: QEMU with DIR as a share, without a path.

Makes a socketpair; one end goes to privfsd (--fd), the other to QEMU (sock_fd).
Neither has a name that another process could connect to.  In the guest:

	mount -t 9p -o trans=virtio,version=9p2000.L share /mnt

Ends with QEMU's exit status, after privfsd has ended.
"""
import os
import socket
import subprocess
import sys


def main():
    if len(sys.argv) < 2:
        print("usage: qemu-sock-fd.py DIR QEMU-ARGUMENT...", file=sys.stderr)
        return 2
    ours, qemus = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    server = subprocess.Popen(
        [os.environ.get("PRIVFSD", "privfsd"), "--protocol=9p-proxy",
         f"--shared-dir={sys.argv[1]}", f"--fd={ours.fileno()}"],
        pass_fds=[ours.fileno()])
    # Only privfsd may hold its end, and only QEMU its own: each must see the
    # other's end.
    ours.close()
    status = subprocess.call(
        [os.environ.get("QEMU", "qemu-system-x86_64"),
         "-fsdev", f"proxy,id=share,sock_fd={qemus.fileno()}",
         "-device", "virtio-9p-pci,fsdev=share,mount_tag=share",
         *sys.argv[2:]],
        pass_fds=[qemus.fileno()])
    qemus.close()
    server.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
