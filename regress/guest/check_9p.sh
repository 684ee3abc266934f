# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# Sourced by serve_9p.sh: what battery_9p.sh has left in the share.

# shellcheck disable=SC2154 # set by battery.sh

check_fsid() {
	"$tool" statfs "$1" >"$work/statfs"
	equal "$(sed 's/.*fsid=//' "$1/statfs")" \
	    "$(sed 's/.*fsid=//' "$work/statfs")"
}

check_set_id_stays() {
	equal "$(cd "$1/set-id-bits-stay-with-root's-write" &&
	    stat -c '%n %a' created written | tr '\n' ' ')" \
	    "created 6755 written 6755 "
}

check_9p() {
	check_files "$1" "$2"
	check "file system id" check_fsid "$1"
	check_cases "$1/cases-first" "first mount: "
	check_cases "$1/cases-second" "second mount: "
	check "first mount: set-id bits after root's write" \
	    check_set_id_stays "$1/cases-first"
	check "second mount: set-id bits after root's write" \
	    check_set_id_stays "$1/cases-second"
	check "set-group-ID directory" check_setgid "$1"
}
