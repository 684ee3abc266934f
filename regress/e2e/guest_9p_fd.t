#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The real client on an inherited descriptor: privfsd and QEMU get the two ends
# of a socketpair, as a management program passes them (sock_fd=), and the
# guest goes through the battery with other mount options: written back from
# its page cache, and with POSIX ACLs, which it asks for at every inode.
set -u

here=$(cd "$(dirname "$0")/../guest" && pwd)
# shellcheck source=regress/guest/battery.sh
. "$here/battery.sh"
# shellcheck source=regress/guest/serve_9p.sh
. "$here/serve_9p.sh"

battery_begin
run_9p privfsd privfsd-fd cache=mmap \
    cache=none,posixacl,access=client uncached
report_all_pass privfsd
battery_end
