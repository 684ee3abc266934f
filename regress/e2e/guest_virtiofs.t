#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The real client: a Debian kernel in QEMU, with vhost-user-fs-pci, goes through
# the same battery with QEMU's C virtiofsd and with privfsd, both started on an
# inherited listening socket, as libvirt does. With privfsd every step has to be
# right; what the other gets wrong has to be what differences_virtiofs lists,
# with the reason.
set -u

here=$(cd "$(dirname "$0")/../guest" && pwd)
# shellcheck source=regress/guest/battery.sh
. "$here/battery.sh"
# shellcheck source=regress/guest/serve_virtiofs.sh
. "$here/serve_virtiofs.sh"

battery_begin
[ -x "$VIRTIOFSD" ] || skip_all "$VIRTIOFSD is missing: run regress/setup.sh"
run_virtiofs virtiofsd virtiofsd-fd full auto ,queue-size=128
report_differences virtiofsd "$here/differences_virtiofs"
run_virtiofs privfsd privfsd-fd full auto ,queue-size=128
report_all_pass privfsd
same_steps virtiofsd privfsd
battery_end
