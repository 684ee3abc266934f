# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# Sourced by battery.sh: what the steps of battery_common.sh have left in the
# share, seen from the host. One line of TAP without a number for each check.
# Uses $work for scratch files and $tool, the guest's test program, which runs
# on the host as well.

# shellcheck disable=SC2154 # set by battery.sh

# check NAME COMMAND...: one line for what is seen on the host. In a subshell,
# which an arithmetic error ends.
check() {
	label=$1
	shift
	if ("$@") >"$work/check" 2>&1; then
		echo "ok - host: $label"
	else
		echo "not ok - host: $label # $(head -n 1 "$work/check")"
	fi
}

equal() {
	[ "$1" = "$2" ] && return 0
	echo "'$1' is not '$2'"
	return 1
}

# Everything of a tree but the contents; times of regular files only, because
# the guest's own tools do not set the others.
manifest() {
	(cd "$1" && find . -printf '%P|%y|%m|%U:%G|%n|%l|' \
	    \( -type f -printf '%s|%T@\n' -o -printf '\n' \)) |
	    sed 's/\.0*$//' | LC_ALL=C sort
}

same_tree() {
	manifest "$1" >"$work/manifest1"
	manifest "$2" >"$work/manifest2"
	diff "$work/manifest1" "$work/manifest2" | sed -n 2p | grep . &&
	    return 1
	(cd "$1" && find . -type f -exec sha256sum {} +) >"$work/sums"
	(cd "$2" && sha256sum --quiet -c "$work/sums")
}

attributes() {
	stat -c '%F %a %u:%g' "$1"
}

check_sums() {
	(cd "$1/sizes" && sha256sum --quiet -c ../sizes.sha256) &&
	cmp "$1/parts" "$1/sizes/1048583"
}

check_changed() {
	equal "$(find "$1/changed" ! -user 1234 -o ! -group 5678)" "" &&
	equal "$(find "$1/changed" -perm /0007)" "" &&
	equal "$(find "$1/changed" -type f -printf '%TY-%Tm-%Td\n' |
	    sort -u)" 2005-03-18
}

# QEMU makes blocks of several of the host's, about as large as a message.
check_statfs() {
	read -r bsize blocks namelen _ <"$1/statfs"
	"$tool" statfs "$1" >"$work/statfs"
	read -r real_bsize real_blocks real_namelen _ <"$work/statfs"
	equal "$namelen" "$real_namelen" || return 1
	[ "${bsize#*=}" -gt 0 ] || return 1
	factor=$((${bsize#*=} / ${real_bsize#*=}))
	equal "$bsize $blocks" "bsize=$((factor * ${real_bsize#*=}))\
 blocks=$((${real_blocks#*=} / factor))"
}

# What a file below a default ACL looks like when the host makes it itself.
check_acl() {
	mkdir "$work/acl" && setfacl -d -m u:1001:rwx,g::rx,o::- "$work/acl" &&
	(umask 0 && echo x >"$work/acl/file" && mkdir "$work/acl/dir") &&
	chown 1000:1000 "$work/acl/file" "$work/acl/dir"
	for name in file dir; do
		equal "$(cd "$1/acl" && getfacl -n $name)" \
		    "$(cd "$work/acl" && getfacl -n $name)" || return 1
	done
	rm -r "$work/acl"
}

# The mode is in the name; mkdir(2) does not take set-id bits.
check_modes() {
	for path in "$1"/modes-of-new-files/*; do
		case ${path##*/} in
		d*) want=$((0${path##*/d} & 01777)) ;;
		*) want=$((0${path##*/?})) ;;
		esac
		equal "${path##*/} $(stat -c %a "$path")" \
		    "${path##*/} $(printf %o $want)" || return 1
	done
	for path in "$1"/chmod/f????; do
		equal "$(stat -c %04a "$path")" "${path##*/f}" || return 1
	done
}

check_owners() {
	equal "$(attributes "$1/chown/file")" \
	    "regular file 755 1000:1000" &&
	equal "$(stat -c '%u:%g' "$1/chown/link")" "7:8" &&
	equal "$(attributes "$1/chown/dir")" "directory 755 1000:1001" &&
	equal "$(cd "$1/another-user's-new-files/user" &&
	    find . -mindepth 1 -printf '%U:%G\n' | sort -u)" "1000:1234"
}

check_kinds() {
	equal "$(stat -c %F "$1/fifo-and-socket/fifo")" fifo &&
	equal "$(stat -c %F "$1/fifo-and-socket/socket")" socket &&
	equal "$(readlink "$1/absolute-symbolic-link/absolute")" /tmp/guests &&
	equal "$(readlink "$1/symbolic-links/dir/up")" ../dir/file &&
	equal "$(readlink "$1/symbolic-links/long" | wc -c)" 4001 &&
	equal "$(cat "$1/hard-links/dir/two")" linked
}

check_names() {
	name=$(printf '\377\376/\200')
	equal "$(cat "$1/a-name-of-all-bytes/$name")" odd &&
	equal "$(find "$1/a-name-of-255-bytes" -type f -printf '%f' |
	    wc -c)" 255
}

check_times() {
	equal "$(stat -c '%X %Y' "$1/times/file")" "1000000000 1234567890" &&
	equal "$(stat -c %Y "$1/times/link")" 6000000000
}

check_mapped() {
	equal "$(dd if="$1/file" bs=1 skip=4090 count=6 status=none)" mapped &&
	equal "$(tail -c 1 "$1/file")" "!"
}

check_xattrs() {
	equal "$(getfattr --only-values -n user.one "$1/xattrs/file")" again &&
	equal "$(getfattr --absolute-names -d "$1/xattrs/dir" |
	    grep user)" 'user.d="dir"'
}

check_devices() {
	equal "$(find "$1" -type b -o -type c || echo "no $1")" ""
}

# check_cases DIRECTORY [PREFIX]: after guesttool's cases.
check_cases() {
	check "${2:-}names" check_names "$1"
	check "${2:-}modes" check_modes "$1"
	check "${2:-}owners" check_owners "$1"
	check "${2:-}kinds of files" check_kinds "$1"
	check "${2:-}times" check_times "$1"
	[ ! -e "$1/shared-writable-mmap" ] ||
	    check "${2:-}mapped file" check_mapped "$1/shared-writable-mmap"
	check "${2:-}xattrs" check_xattrs "$1"
	check "${2:-}no device node" check_devices "$1"
}

check_setgid() {
	equal "$(attributes "$1/setgid/sub")" "directory 2755 0:1234" &&
	equal "$(attributes "$1/setgid/user")" \
	    "regular file 644 1000:1234" &&
	equal "$(attributes "$1/setgid/more")" "regular file 644 0:1234"
}

# check_files SHARE PACKED: after file_steps().
check_files() {
	check "files have the checksums of the guest" check_sums "$1"
	check "tree: owners, modes, times, contents" same_tree "$2" "$1/tree"
	check "copy: owners, modes, times, contents" same_tree "$2" "$1/copy"
	check "changed tree" check_changed "$1"
	check "removed trees are gone" \
	    equal "$(find "$1" -maxdepth 1 -name 'twin*' -o -name renamed)" ""
	check "statfs" check_statfs "$1"
	check "default ACLs" check_acl "$1"
}
