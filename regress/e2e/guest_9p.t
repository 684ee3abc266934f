#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The real client: a Debian kernel in QEMU, with -fsdev proxy and socket=, goes
# through the same battery with virtfs-proxy-helper and with privfsd. With
# privfsd every step has to be right; what the helper gets wrong has to be what
# differences_9p lists, with the reason.
set -u

here=$(cd "$(dirname "$0")/../guest" && pwd)
# shellcheck source=regress/guest/battery.sh
. "$here/battery.sh"
# shellcheck source=regress/guest/serve_9p.sh
. "$here/serve_9p.sh"

battery_begin
[ -x "$HELPER" ] || skip_all "$HELPER is missing: run regress/setup.sh"
run_9p helper helper cache=none cache=loose cached
report_differences helper "$here/differences_9p"
run_9p privfsd privfsd cache=none cache=loose cached
report_all_pass privfsd
same_steps helper privfsd
battery_end
