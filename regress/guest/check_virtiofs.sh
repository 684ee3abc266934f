# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# Sourced by serve_virtiofs.sh: what battery_virtiofs.sh has left in the share,
# seen from the host.

# shellcheck disable=SC2154 # set by battery.sh

# The guest has overwritten nine blocks of its copy.
check_large() {
	cp "$1/from-host/large" "$work/large" &&
	dd if=/dev/zero of="$work/large" bs=64k seek=7 count=9 conv=notrunc \
	    status=none &&
	cmp "$work/large" "$1/large-1m" && rm "$work/large"
}

check_both() {
	equal "$(cat "$1/both")" "the guest's first line
the host's line
the guest's second line"
}

check_taken_names() {
	equal "$(cat "$1/other-name/file")" inside &&
	equal "$(find "$1" -maxdepth 1 -name '*-by-host')" ""
}

check_jobs() {
	equal "$(cat "$1"/jobs/new* | sort -n | sed -n '1p;$p' | tr '\n' ' ')" \
	    "1 100 "
}

# Of a file with two pieces of data in 4 MiB, and one of 4 GiB and a byte.
check_sparse() {
	blocks=$(stat -c %b "$1/holes/file")
	equal "$(stat -c %s "$1/holes/file")" $((4 << 20)) &&
	[ $((blocks * 512)) -lt $((1 << 20)) ] &&
	equal "$(tr -d '\0' <"$1/holes/file" | tr -s ab)" ab &&
	equal "$(stat -c %s "$1/beyond-4-GiB/file")" $(((4 << 30) + 1)) &&
	equal "$(tail -c 70002 "$1/beyond-4-GiB/file" | tr -s m)" m &&
	equal "$(tail -c 70003 "$1/beyond-4-GiB/file" | head -c 1 |
	    od -An -t x1)" " 00" &&
	equal "$(head -c 300000 "$1/copy_file_range/out" | tr -s ob)" ob
}

check_open_files() {
	equal "$(cat "$1/rename-over-open-files/old")" here &&
	equal "$(stat -c %s "$1/three-append-at-once/log")" $((3 * 60 * 32))
}

check_set_id() {
	for name in written truncated opened; do
		equal "$name $(stat -c %a \
		    "$1/set-id-bits-go-with-another's-write/$name")" "$name 777" ||
		    return 1
	done
}

check_tmpfile() {
	equal "$(attributes "$1/O_TMPFILE/named")" "regular file 640 0:0" &&
	equal "$(cat "$1/O_TMPFILE/named")" Complete
}

check_more_names() {
	equal "$(cat "$1/rename-flags/two/in" "$1/rename-flags/dir" \
	    "$1/rename-flags/three")" 1in2 &&
	equal "$(stat -c %h "$1/many-hard-links/link4")" 38 &&
	equal "$(find "$1/four-processes-in-one-directory" -type f |
	    wc -l)" 100 &&
	equal "$(find "$1/removed-directory" -printf '%P:%m ')" \
	    ":755 dir:700 dir/new:600 "
}

check_exact_times() {
	equal "$(stat -c '%.9X %.9Y' "$1/times-are-exact/file")" \
	    "1000000000.123456789 1234567890.999999999"
}

check_more_xattrs() {
	equal "$(getfattr --only-values -n user.one-of-many-7 \
	    "$1/sizes-of-xattrs/file")" user.one-of-many-7
}

check_virtiofs_full() {
	check_files "$1" "$2"
	check "a large file" check_large "$1"
	check "files of parallel jobs" check_jobs "$1"
	check "what guest and host have appended" check_both "$1"
	check "names that the host took away" check_taken_names "$1"
	check_cases "$1/cases"
	check "sparse files" check_sparse "$1/cases"
	check "files that were open" check_open_files "$1/cases"
	check "O_TMPFILE" check_tmpfile "$1/cases"
	check "set-id bits after another's write" check_set_id "$1/cases"
	check "links and renamed files" check_more_names "$1/cases"
	check "exact times" check_exact_times "$1/cases"
	check "many xattrs" check_more_xattrs "$1/cases"
	check "tree of the second boot" same_tree "$2" "$1/jobs/tree"
	check "what the reset cut off is removed" [ ! -e "$1/cut-off" ]
	check "set-group-ID directory" check_setgid "$1"
}

check_virtiofs_short() {
	check "files have the checksums of the guest" check_sums "$1"
	check "tree: owners, modes, times, contents" same_tree "$2" "$1/tree"
}
