# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# Sourced by the end-to-end scripts that boot a guest, together with serve_9p.sh
# or serve_virtiofs.sh: makes a share, starts a server, lets the guest run its
# battery, checks on the host what it left, and turns the results of all into
# TAP. $here is this directory; PRIVFSD and PRIVFSD_WORKER name the programs
# under test.

# shellcheck disable=SC2154 # here is set by who sources this
top_builddir=$(cd "${top_builddir:-$here/../..}" && pwd)
PRIVFSD=${PRIVFSD:-$top_builddir/privfsd}
PRIVFSD_WORKER=${PRIVFSD_WORKER:-$top_builddir/privfsd-worker}
GUEST_CACHE=${GUEST_CACHE:-$top_builddir/regress/guest/cache}
GUEST_SECONDS=${GUEST_SECONDS:-900}
export top_builddir GUEST_CACHE

work=
server=
runner=
count=0

# shellcheck source=regress/guest/cache.sh
. "$here/cache.sh"
# shellcheck source=regress/guest/check.sh
. "$here/check.sh"

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

# Ends a process of this script by its number, politely first.
end_process() {
	kill "$1" 2>/dev/null || return 0
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.2
	done
	kill -KILL "$1" 2>/dev/null
}

clean_up() {
	for pid in $runner $server; do
		end_process "$pid"
	done
	[ -z "$work" ] || rm -rf "$work"
}

# What the script needs, or it says what is missing and ends.
battery_begin() {
	[ "$(id -u)" = 0 ] || skip_all "needs root"
	for tool in qemu-system-x86_64 busybox cpio timeout setfattr setfacl \
	    "${CC:-cc}"; do
		command -v "$tool" >/dev/null ||
		    skip_all "$tool is missing: run regress/setup.sh"
	done
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	for dir in "${TMPDIR:-/tmp}" /var/tmp "$top_builddir"; do
		work=$(mktemp -d "$dir/privfsd-guest.XXXXXX") || continue
		if setfattr -n user.probe -v 1 "$work" 2>/dev/null &&
		    setfacl -m u:1000:rwx "$work" 2>/dev/null; then
			setfacl -b "$work"
			break
		fi
		rm -rf "$work"
		work=
	done
	[ -n "$work" ] || skip_all "no directory with xattrs and ACLs"
	sh "$here/kernel.sh" "$GUEST_CACHE" >"$work/kernel.log" 2>&1 ||
	    skip_all "$(head -n 1 "$work/kernel.log")"
	if ! tool=$(compile_once guesttool "$GUEST_CACHE" -static) ||
	    ! fdpair=$(compile_once fdpair "$GUEST_CACHE"); then
		echo "Bail out! cannot compile the test programs"
		exit 1
	fi
	make_tree "$work/pack/tree"
	tar -C "$work/pack" -cf "$work/tree.tar" tree
}

# Several hundred small files with all kinds of owners, modes and times.
make_tree() {
	mkdir -p "$1"
	for dir in dir1 dir1/a dir1/a/b dir1/a/b/c/d/e/f dir2 dir2/x dir3 \
	    "dir3/with space"; do
		mkdir -p "$1/$dir"
		for i in $(seq 42); do
			seq "$i" "$((i * 9))" >"$1/$dir/file$i"
		done
	done
	chown 1000:1000 "$1"/dir2/file1* && chown 0:4321 "$1"/dir2/file2*
	chmod 600 "$1"/dir1/file1* && chmod 444 "$1"/dir1/file2*
	chmod 4711 "$1"/dir3/file3 && chmod 2755 "$1"/dir3/file4
	chmod 1777 "$1"/dir2/x && chmod 700 "$1"/dir1/a/b/c
	ln -s ../dir1/file1 "$1"/dir2/link && ln -s nowhere "$1"/dir2/dangling
	ln -s /absolute/target "$1"/dir2/absolute
	ln "$1"/dir1/file5 "$1"/dir3/hard
	mkfifo "$1"/dir3/fifo
	find "$1" ! -type l -exec touch -d '2011-02-03 04:05:06 UTC' {} +
}

# make_share DIR JOB BATTERY ENTRIES: the share and the guest's job, but for the
# job's parameters. One directory gets so many entries.
make_share() {
	mkdir -p "$1/from-host/many" "$1/acl" "$2"
	chmod 755 "$1"
	head -c 300000 /dev/urandom >"$1/from-host/random"
	echo "hello from the host" >"$1/from-host/hello"
	: >"$1/from-host/empty"
	printf 'bytes\n' >"$(printf '%s/from-host/not-utf8-\377\200' "$1")"
	(cd "$1/from-host" && sha256sum random hello empty not-utf8*) \
	    >"$2/from-host.sha256"
	for i in $(seq "$4"); do
		printf '%*s' "$i" "" \
		    >"$1/from-host/many/a-file-with-a-middling-name-$i"
	done
	(cd "$1/from-host/many" && find . -type f | LC_ALL=C sort) \
	    >"$2/many.list"
	echo before >"$1/from-host/live"
	setfacl -d -m u:1001:rwx,g::rx,o::- "$1/acl"
	chmod 777 "$1/acl"
	cp "$here/$3" "$2/run"
	cp "$here/battery_common.sh" "$2/common"
	cp "$work/tree.tar" "$2/tree.tar"
}

# fill FILE BYTE: as guesttool's follow wants it.
fill() {
	head -c 20000 /dev/zero | tr '\0' "$2" 1<>"$1"
}

# host_changes SHARE WHAT: plays the host's user, who changes files while the
# guest has them mounted.
host_changes() {
	case $2 in
	live) echo "after, and longer" >"$1/from-host/live" ;;
	append) echo "the host's line" >>"$1/both" ;;
	mapped) fill "$1/from-host/mapped" B ;;
	take)
		rm "$1/removed-by-host"
		mv "$1/renamed-by-host" "$1/other-name"
		;;
	esac
}

# Does what the guest asks for until its run is over, or the share is gone.
respond() {
	while [ -d "$1" ] && [ ! -e "$run/guest-status" ]; do
		for ask in "$1"/ask-*; do
			[ -e "$ask" ] || continue
			host_changes "$1" "${ask##*/ask-}"
			mv "$ask" "$1/answered-${ask##*/ask-}"
		done
		sleep 0.1
	done
}

wait_for_socket() {
	for _ in $(seq 100); do
		[ -S "$1" ] && return 0
		kill -0 "$server" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# Prints the exit status of the server, which has to end by itself.
server_status() {
	for _ in $(seq 50); do
		kill -0 "$server" 2>/dev/null || break
		sleep 0.2
	done
	if kill -0 "$server" 2>/dev/null; then
		end_process "$server"
		echo "still there"
		return
	fi
	wait "$server"
	echo $?
}

# run_begin NAME: the directory of one run, all results in $run/lines then.
run_begin() {
	run=$work/$1
	share=$run/share
	socket=$run/socket
	mkdir -p "$share" "$run/out"
}

# Waits for the guest. One whose virtio-fs daemon has died would wait for ever;
# with the 9p helper gone it gets errors, and has the time to come to its end.
watch_guest() {
	alone=0
	while kill -0 "$runner" 2>/dev/null; do
		kill -0 "$server" 2>/dev/null || alone=$((alone + 1))
		[ $alone -lt 300 ] || end_process "$runner"
		sleep 0.2
	done
	wait "$runner"
	echo $? >"$run/guest-status"
	runner=
}

# run_by_path DEVICE SERVER...: one guest, with a server that listens on
# $socket. DEVICE is the words that attach the share to QEMU.
run_by_path() {
	device=$1
	shift
	respond "$share" &
	responder=$!
	"$@" >"$run/server.log" 2>&1 &
	server=$!
	if wait_for_socket "$socket"; then
		# shellcheck disable=SC2086 # words are wanted
		sh "$here/run.sh" "$run/job" "$run/out" "$GUEST_SECONDS" \
		    $device &
		runner=$!
		watch_guest
	else
		echo "the server has not made its socket" >"$run/guest-status"
	fi
	server_status >"$run/server-status"
	server=
	wait "$responder"
}

# run_by_fd DEVICE SERVER...: the same with both on the ends of a socketpair;
# {fd} stands for the number of each.
run_by_fd() {
	device=$1
	shift
	respond "$share" &
	responder=$!
	# shellcheck disable=SC2086 # words are wanted
	"$fdpair" "$@" -- sh "$here/run.sh" "$run/job" "$run/out" \
	    "$GUEST_SECONDS" $device >"$run/server.log" \
	    2>"$run/fdpair.log" &
	runner=$!
	wait "$runner"
	echo $? >"$run/guest-status"
	runner=
	sed -n 's/^fdpair: server: \(exit status \)*//p' "$run/fdpair.log" \
	    >"$run/server-status"
	cat "$run/fdpair.log" >>"$run/server.log"
	wait "$responder"
}

# What the guest has printed, and how guest and server have ended.
guest_lines() {
	tr -d '\r' <"$run/out/results" 2>/dev/null | grep -v '^END '
	check "the guest ended by itself, in time" \
	    equal "$(cat "$run/guest-status")" 0
	check "the server ended with status 0" \
	    equal "$(cat "$run/server-status")" 0
}

# What the logs say, when something went wrong.
show_logs() {
	for file in "$1"/server.log "$1"/out/qemu.log "$1"/out/console \
	    "$1"/guest-status "$1"/server-status; do
		[ -s "$file" ] && echo "# --- ${file#"$work/"}" &&
		    tail -n 30 "$file" | tr -d '\r' | sed 's/^/# /'
	done
	return 0
}

result() {
	count=$((count + 1))
	echo "$1 $count - $2"
}

# report_all_pass NAME: every step has to be right.
report_all_pass() {
	bad=0
	while read -r line; do
		case $line in
		"ok - "*) result ok "$1: ${line#ok - }" ;;
		*) result "not ok" "$1: ${line#not ok - }"; bad=1 ;;
		esac
	done <"$work/$1/lines"
	[ $bad = 0 ] || show_logs "$work/$1"
}

# report_differences NAME FILE: steps have to be right, but for those in FILE,
# which have to be wrong.
report_differences() {
	bad=0
	while read -r line; do
		step=${line#*ok - }
		step=${step%% # *}
		reason=$(awk -F '\t' -v step="$step" \
		    '$1 == step { print $2 }' "$2")
		case $line in
		"ok - "*)
			if [ -z "$reason" ]; then
				result ok "$1: $step"
			else
				result "not ok" "$1: $step, listed as different"
				bad=1
			fi
			;;
		*)
			if [ -n "$reason" ]; then
				result ok "$1 differs: $step ($reason)"
			else
				result "not ok" "$1: ${line#not ok - }"
				bad=1
			fi
			;;
		esac
	done <"$work/$1/lines"
	[ $bad = 0 ] || show_logs "$work/$1"
}

# same_steps NAME NAME: both servers have gone through the same list.
same_steps() {
	for name in "$1" "$2"; do
		LC_ALL=C sed 's/^not //; s/ # .*//' "$work/$name/lines" \
		    >"$work/$name/steps"
	done
	if diff "$work/$1/steps" "$work/$2/steps" >"$work/steps.diff"; then
		result ok "$1 and $2 went through the same steps"
	else
		result "not ok" "$1 and $2 went through the same steps"
		sed 's/^/# /' "$work/steps.diff"
	fi
}

battery_end() {
	echo "1..$count"
}
