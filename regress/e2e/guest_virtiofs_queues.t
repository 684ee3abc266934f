#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The real client and the device: several request queues, packed rings and rings
# without indirect descriptors, longer rings. The daemon is started by the name
# that it takes the place of, with the options of that, as libvirt does.
set -u

here=$(cd "$(dirname "$0")/../guest" && pwd)
# shellcheck source=regress/guest/battery.sh
. "$here/battery.sh"
# shellcheck source=regress/guest/serve_virtiofs.sh
. "$here/serve_virtiofs.sh"

battery_begin
run_virtiofs packed-4-1024 drop-in-fd full always \
    ,queue-size=1024,num-request-queues=4,packed=on
report_all_pass packed-4-1024
run_virtiofs split-4-1024 drop-in short always \
    ,queue-size=1024,num-request-queues=4
report_all_pass split-4-1024
run_virtiofs packed-1-128 privfsd short auto ,queue-size=128,packed=on
report_all_pass packed-1-128
run_virtiofs plain-1-128 privfsd short auto \
    ,queue-size=128,indirect_desc=off,event_idx=off
report_all_pass plain-1-128
battery_end
