#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The real client and the cache modes: without a page cache in the guest the
# whole battery, for data and mappings go other ways then; the rest in short.
set -u

here=$(cd "$(dirname "$0")/../guest" && pwd)
# shellcheck source=regress/guest/battery.sh
. "$here/battery.sh"
# shellcheck source=regress/guest/serve_virtiofs.sh
. "$here/serve_virtiofs.sh"

battery_begin
run_virtiofs none privfsd full none ,queue-size=128
report_all_pass none
run_virtiofs metadata privfsd short metadata ,queue-size=128
report_all_pass metadata
run_virtiofs writeback privfsd short always ,queue-size=128 --writeback
report_all_pass writeback
battery_end
