#!/bin/sh
# SPDX-License-Identifier: ISC
#
# debian13.sh CACHE: fetch the Rust virtiofsd of Debian 13, once.
#
# Unpacks its packages to CACHE/debian13 and prints that name. They come from
# the mirror that this machine's own apt uses, through an apt with a state of
# its own, which checks the signatures: of the machine nothing is changed but
# CACHE. Nothing is run that a package brings. The program starts by the tree's
# own dynamic loader:
#
#	TREE/usr/lib/*/ld-linux-*.so.* --library-path TREE/usr/lib/... \
#	    TREE/usr/libexec/virtiofsd ...
set -u

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() {
	echo "debian13.sh: $*" >&2
	exit 1
}

mirror() {
	# shellcheck disable=SC2016 # apt's own variable
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' \
	    'Origin: Debian' 'Label: Debian' | head -n 1
}

# A directory for apt that has only Debian 13 in it and no package installed.
apt_root() {
	mkdir -p "$1/etc/apt/apt.conf.d" "$1/etc/apt/preferences.d" \
	    "$1/etc/apt/sources.list.d" "$1/var/lib/apt/lists/partial" \
	    "$1/var/cache/apt/archives/partial" "$1/var/lib/dpkg" &&
	: >"$1/var/lib/dpkg/status" &&
	echo "deb [signed-by=$keyring] $2 trixie main" \
	    >"$1/etc/apt/sources.list" &&
	cat >"$1/apt.conf" <<END
Dir "$1/";
Dir::State::status "$1/var/lib/dpkg/status";
APT::Sandbox::User "root";
Acquire::Languages "none";
Debug::NoLocking "1";
END
}

# With nothing installed, apt takes the package and all that it depends on.
fetch() {
	APT_CONFIG=$1/apt.conf apt-get -q -q update >&2 &&
	APT_CONFIG=$1/apt.conf apt-get -q -q -y --no-install-recommends \
	    --download-only install virtiofsd >&2 &&
	for package in "$1"/var/cache/apt/archives/*.deb; do
		dpkg-deb -x "$package" "$1/tree" || return 1
	done
}

[ $# -eq 1 ] || die "usage: debian13.sh CACHE"
tree=$1/debian13
if [ ! -x "$tree/usr/libexec/virtiofsd" ]; then
	command -v dpkg-deb >/dev/null || die "this needs Debian: no dpkg-deb"
	[ -r "$keyring" ] || die "$keyring is missing: debian-archive-keyring"
	site=$(mirror)
	[ -n "$site" ] || die "apt knows of no Debian mirror: apt-get update?"
	mkdir -p "$1" || exit 1
	work=$(mktemp -d "$(cd "$1" && pwd)/debian13.XXXXXX") || exit 1
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	apt_root "$work" "$site" || die "cannot write $work"
	fetch "$work" || die "the packages cannot be fetched"
	rm -rf "$tree"
	mv "$work/tree" "$tree" || exit 1
fi
echo "$tree"
