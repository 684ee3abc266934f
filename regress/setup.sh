#!/bin/sh
# SPDX-License-Identifier: ISC
#
# setup.sh [build|guest|test]...: install what a bare Debian 12 lacks.
#
#	build	compiler, autotools and the libraries that privfsd links
#	guest	QEMU, a kernel and what makes a guest of them
#	test	what the rest of the tests needs
#
# Without an argument: all three. Packages that are there are left alone; when
# all are there, neither root nor the network is needed.
set -u

build="autoconf automake pkg-config gcc libc6-dev make libseccomp-dev
    libcap-ng-dev libevent-dev mandoc"
guest="qemu-system-x86 qemu-system-common linux-image-amd64 busybox-static
    cpio kmod xz-utils zstd gcc libc6-dev attr acl libcap2-bin"
test="clang libclang-rt-dev libcmocka-dev perl shellcheck e2fsprogs attr acl
    uidmap libcap2-bin procps util-linux mount binutils diffutils findutils
    btrfs-progs fio git make"

die() {
	echo "setup.sh: $*" >&2
	exit 1
}

[ $# -gt 0 ] || set -- build guest test
wanted=
for group in "$@"; do
	case $group in
	build) wanted="$wanted $build" ;;
	guest) wanted="$wanted $guest" ;;
	test) wanted="$wanted $test" ;;
	*) die "$group: no such group (build, guest, test)" ;;
	esac
done

command -v dpkg-query >/dev/null || die "this needs Debian: no dpkg-query"
missing=
for package in $wanted; do
	# shellcheck disable=SC2016 # dpkg-query's own variable
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

[ "$(id -u)" = 0 ] || die "only root can install what is missing:$missing"
echo "setup.sh: installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get -q update || die "apt-get update failed"
# shellcheck disable=SC2086 # one word for each package
apt-get -q -y --no-install-recommends install $missing ||
    die "apt-get install failed"
