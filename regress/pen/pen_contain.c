/*
 * SPDX-License-Identifier: ISC
 *
 * A worker that was taken over sends only requests that keep all the rules,
 * and tries to get out of the share with them: by "..", by absolute paths, by
 * symbolic links of all kinds in every place, by directories that are swapped
 * for links meanwhile; to devices, FIFOs and sockets; and to write on a share
 * that is read-only.  Test code.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/procs.h"
#include "regress/lib/server.h"
#include "regress/lib/tap.h"
#include "regress/pen/pen_daemon.h"

#define TEST_S		300
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define SWAPS		3000

static struct pen_message message;
static struct pen_result result;

/* Runs `message`; returns the reply's error.  A descriptor is looked at. */
static int
run(struct pen_daemon *d, const struct fixture_share *share)
{
	struct stat st;

	if (pen_relay(d, &message, &result) != 0)
		return -EPROTO;
	if (result.fd == -1)
		return result.reply.error;
	/* Never anything outside, nor anything but these two kinds. */
	if (fstat(result.fd, &st) == -1 || canary_is(share, &st) ||
	    (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		tap_ok(0, "%s opened what it must not: mode %o",
		    pen_op_name(message.request.op), st.st_mode);
	close(result.fd);
	return result.reply.error;
}

static void
set_text(enum pen_part part, const char *text)
{
	pen_set_part(&message, part, text, strlen(text));
}

/* Whether paths can be tried on it. */
static int
is_operation(uint32_t op)
{
	return pen_fits(op, PEN_BY_PATH);
}

/* How many there are. */
static unsigned int
operations(void)
{
	unsigned int n = 0;

	for (uint32_t op = 1; op < MONITOR_OP_MAX; op++)
		n += is_operation(op) ? 1 : 0;
	return n;
}

/*
 * Ways that lead outside where they are followed.  None is, so that they end
 * at the root or at the link: the outside is all that is looked at.
 */
static const char *const ways[] = {
	"..", "../outside", "../../outside", "dir/../..", "dir/../../outside",
	"/", "/etc", "/proc/self/root", "/proc/self/fd", "/proc/1/root", "/..",
	"../../../../../../../../../tmp", "dir/out", "dir/out/canary",
	"dir/out/../outside", "dir/absolute", "dir/absolute/canary",
	"dir/root", "dir/root/tmp", "dir/loop", "dir/link", "dir/out-file",
	"dir/sub/../out", "./dir/./out/.", "dir/out/..", "dir/fifo",
	"dir/null", "dir/socket", "dir/file", "dir/file/..",
};

/* Names that mean something outside, if there they are. */
static const char *const names[] = { "canary", "file", "outside", "tmp",
    "etc", "root", "cwd", "0", "pivot" };

static void
test_ways(struct pen_daemon *d, const struct fixture_share *share)
{
	unsigned int n = 0;

	for (uint32_t op = 1; op < MONITOR_OP_MAX; op++) {
		if (!is_operation(op))
			continue;
		for (size_t i = 0; i < COUNT(ways) * COUNT(names); i++) {
			const char *way = ways[i / COUNT(names)];

			pen_good(&message, op, PEN_BY_PATH, 0);
			set_text(PEN_PATH0, way);
			set_text(PEN_NAME0, names[i % COUNT(names)]);
			if (run(d, share) == -EPROTO)
				break;
			n++;
			if (message.request.place[1].name_len == 0)
				continue;
			pen_good(&message, op, PEN_BY_PATH, 0);
			set_text(PEN_PATH1, way);
			set_text(PEN_NAME1, names[i % COUNT(names)]);
			if (run(d, share) == -EPROTO)
				break;
		}
		tap_ok(!pen_outside_changed(d) && canary_check(share) == 0,
		    "%s by every way: nothing outside is reached",
		    pen_op_name(op));
	}
	tap_is_int(n, (long long)(operations() * COUNT(ways) * COUNT(names)),
	    "all were answered");
}

/* No component is a link: -ELOOP, whatever the operation. */
static void
test_links(struct pen_daemon *d, const struct fixture_share *share)
{
	static const char *const links[] = { "dir/out", "dir/out/canary",
	    "dir/absolute", "dir/root", "dir/loop", "dir/link" };

	for (uint32_t op = 1; op < MONITOR_OP_MAX; op++) {
		int wrong = 0;

		if (!is_operation(op))
			continue;
		for (size_t i = 0; i < COUNT(links); i++) {
			pen_good(&message, op, PEN_BY_PATH, 0);
			set_text(PEN_PATH0, links[i]);
			wrong += run(d, share) != -ELOOP;
		}
		tap_is_int(wrong, 0, "%s along a link is ELOOP",
		    pen_op_name(op));
	}
}

/* The last name is a link: the link itself is meant, or nothing. */
static void
test_last_link(struct pen_daemon *d, const struct fixture_share *share)
{
	static const char *const links[] = { "out", "out-file", "absolute",
	    "root", "loop", "link" };
	static const uint32_t opens[] = { MONITOR_OPEN, MONITOR_CREATE,
	    MONITOR_GETVERSION };

	for (size_t i = 0; i < COUNT(links); i++) {
		for (size_t j = 0; j < COUNT(opens); j++) {
			pen_good(&message, opens[j], PEN_BY_PATH, 0);
			set_text(PEN_NAME0, links[i]);
			if (opens[j] == MONITOR_CREATE)
				message.request.u.create.flags = O_RDWR |
				    O_TRUNC;
			tap_is_int(run(d, share), -ELOOP, "%s of the link %s",
			    pen_op_name(opens[j]), links[i]);
		}
		pen_good(&message, MONITOR_GETATTR, PEN_BY_PATH, 0);
		set_text(PEN_NAME0, links[i]);
		tap_ok(run(d, share) == 0 &&
		    S_ISLNK(result.reply.u.attr.mode),
		    "GETATTR of the link %s is of itself", links[i]);
		pen_good(&message, MONITOR_SETATTR, PEN_BY_PATH, 0);
		set_text(PEN_NAME0, links[i]);
		message.request.u.setattr = (struct monitor_setattr_request){
		    .valid = MONITOR_SET_SIZE };
		tap_ok(run(d, share) < 0, "no size for the link %s",
		    links[i]);
	}
	tap_ok(!pen_outside_changed(d), "through no link was anything done");
}

/* Devices, FIFOs, sockets: never opened, with no flags at all. */
static void
test_special(struct pen_daemon *d, const struct fixture_share *share)
{
	static const char *const files[] = { "fifo", "null", "disk",
	    "socket" };
	static const uint32_t flags[] = { O_RDONLY, O_WRONLY, O_RDWR,
	    O_ACCMODE, O_RDONLY | O_NONBLOCK, O_WRONLY | O_TRUNC,
	    O_RDWR | O_NONBLOCK, O_RDONLY | O_DIRECTORY };
	int wrong;

	for (size_t i = 0; i < COUNT(files); i++) {
		wrong = 0;
		for (size_t j = 0; j < COUNT(flags); j++) {
			pen_good(&message, MONITOR_OPEN, PEN_BY_PATH, 0);
			set_text(PEN_NAME0, files[i]);
			message.request.u.open.flags = flags[j];
			wrong += run(d, share) >= 0 || result.fd != -1;
			if ((flags[j] & O_DIRECTORY) != 0)
				continue;
			pen_good(&message, MONITOR_CREATE, PEN_BY_PATH, 0);
			set_text(PEN_NAME0, files[i]);
			message.request.u.create.flags = flags[j];
			wrong += run(d, share) >= 0 || result.fd != -1;
		}
		pen_good(&message, MONITOR_GETVERSION, PEN_BY_PATH, 0);
		set_text(PEN_NAME0, files[i]);
		wrong += run(d, share) >= 0;
		pen_good(&message, MONITOR_SETATTR, PEN_BY_PATH, 0);
		set_text(PEN_NAME0, files[i]);
		message.request.u.setattr = (struct monitor_setattr_request){
		    .valid = MONITOR_SET_SIZE, .size = 1 };
		wrong += run(d, share) >= 0;
		tap_is_int(wrong, 0, "the %s is never opened", files[i]);
	}
	/* Making one takes a capability that is not there. */
	for (mode_t type = 1; type < 16; type++) {
		pen_good(&message, MONITOR_MKNOD, PEN_BY_PATH, 0);
		set_text(PEN_NAME0, "made");
		message.request.u.mknod.mode = type << 12 | 0666;
		message.request.u.mknod.rdev = makedev(1, 5);
		wrong = run(d, share);
		if (type == S_IFIFO >> 12 || type == S_IFREG >> 12 ||
		    type == S_IFSOCK >> 12) {
			tap_is_int(wrong, 0, "MKNOD of type %o", type);
			pen_good(&message, MONITOR_UNLINK, PEN_BY_PATH, 0);
			set_text(PEN_NAME0, "made");
			run(d, share);
		} else
			tap_ok(wrong < 0, "no MKNOD of type %o", type);
	}
}

/*
 * A directory that is now one, now a link to the outside: exchanged by
 * another process as fast as it can.
 */
static pid_t
start_swapping(const struct fixture_share *share)
{
	char real[256], link[256];
	pid_t parent = getpid(), pid;

	snprintf(real, sizeof(real), "%s/dir/swap", share->dir);
	snprintf(link, sizeof(link), "%s/dir/swap-link", share->dir);
	host_mkdir(real, 0755, 0, 0);
	host_symlink("../../outside/canary", link);
	pid = fork();
	if (pid == -1)
		tap_bail("fork");
	while (pid == 0) {
		if (syscall(SYS_renameat2, AT_FDCWD, real, AT_FDCWD, link,
		    RENAME_EXCHANGE) == -1 || getppid() != parent)
			_exit(1);
	}
	return pid;
}

static void
test_swapped(struct pen_daemon *d, const struct fixture_share *share)
{
	static const char *const swapped[] = { "file", "dir", "new" };
	pid_t pid = start_swapping(share);
	int alive = 1, loops = 0, others = 0;
	uint32_t op = 0;

	for (int i = 0; i < SWAPS && alive; i++) {
		do {
			op = op % (MONITOR_OP_MAX - 1) + 1;
		} while (!is_operation(op));
		pen_good(&message, op, PEN_BY_PATH, 0);
		set_text(PEN_PATH0, i % 2 == 0 ? "dir/swap" :
		    "dir/sub/../swap/.");
		set_text(PEN_NAME0, swapped[i % 3]);
		if (op == MONITOR_SETATTR)
			message.request.u.setattr =
			    (struct monitor_setattr_request){ .valid =
			    MONITOR_SET_SIZE | MONITOR_SET_MTIME_NOW };
		switch (run(d, share)) {
		case -EPROTO:
			alive = 0;
			break;
		case -ELOOP:
			loops++;
			break;
		default:
			others++;
			break;
		}
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	tap_ok(alive && loops > 0 && others > 0, "swapped for a link: both "
	    "states were met");
	tap_ok(!pen_outside_changed(d) && canary_check(share) == 0,
	    "swapped for a link: nothing outside is reached");
}

/*
 * The directory that a path with ".." in it goes through is moved up and down
 * meanwhile: the way never leads above the export.
 */
static void
test_moved(struct pen_daemon *d, const struct fixture_share *share)
{
	char deep[256], up[256];
	pid_t parent = getpid(), pid;
	int alive = 1;

	snprintf(deep, sizeof(deep), "%s/dir/sub/moved", share->dir);
	snprintf(up, sizeof(up), "%s/moved", share->dir);
	host_mkdir(up, 0755, 0, 0);
	pid = fork();
	if (pid == -1)
		tap_bail("fork");
	while (pid == 0) {
		if (rename(up, deep) == -1 || rename(deep, up) == -1 ||
		    getppid() != parent)
			_exit(1);
	}
	for (int i = 0; i < SWAPS && alive; i++) {
		pen_good(&message, i % 2 == 0 ? MONITOR_MKDIR :
		    MONITOR_SETATTR, PEN_BY_PATH, 0);
		set_text(PEN_PATH0, i % 3 == 0 ? "moved/../../../outside" :
		    "dir/sub/moved/../../../../outside");
		set_text(PEN_NAME0, "canary");
		alive = run(d, share) != -EPROTO;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	tap_ok(alive && !pen_outside_changed(d) && canary_check(share) == 0,
	    "moved meanwhile: nothing outside is reached");
}

/* Every operation on a share that is read-only: nothing in it changes. */
static void
test_readonly(const struct fixture *f, const char *sandbox)
{
	static const uint32_t flags[] = { O_WRONLY, O_RDWR, O_ACCMODE,
	    O_RDONLY | O_TRUNC, O_RDWR | O_APPEND | O_NONBLOCK };
	const char *const extra[] = { "--readonly", sandbox, NULL };
	const struct fixture_share *share = &f->share[0];
	struct pen_daemon d;
	uint32_t op;

	tap_context("read-only, %s: ", sandbox);
	pen_start(&d, f, PEN_PLAIN, extra);
	for (op = 1; op < MONITOR_OP_MAX; op++) {
		if (!is_operation(op))
			continue;
		pen_good(&message, op, PEN_BY_PATH, 0);
		tap_ok(run(&d, share) != -EPROTO, "%s is answered",
		    pen_op_name(op));
	}
	for (size_t i = 0; i < COUNT(flags); i++) {
		pen_good(&message, MONITOR_OPEN, PEN_BY_PATH, 0);
		message.request.u.open.flags = flags[i];
		tap_is_int(run(&d, share), -EROFS, "OPEN with flags %x",
		    flags[i]);
	}
	/* A descriptor for reading does not become one for writing. */
	pen_good(&message, MONITOR_OPEN, PEN_BY_PATH, 0);
	tap_ok(pen_relay(&d, &message, &result) == 0 && result.fd != -1,
	    "OPEN for reading");
	tap_ok(write(result.fd, "x", 1) == -1 &&
	    ftruncate(result.fd, 0) == -1, "nothing can be written to it");
	close(result.fd);
	tap_ok(!pen_share_changed(&d), "the share is as it was");
	pen_expect_alive(&d, "ends as usual");
	tap_context("%s", "");
}

/*
 * Set-id programs.  The monitor's mount of the share has none; a file of the
 * guest's may have the bits, and a worker that writes to it takes them off.
 */
static void
test_setid(struct pen_daemon *d, const struct fixture_share *share)
{
	struct stat st;

	pen_good(&message, MONITOR_OPEN, PEN_BY_PATH, 0);
	set_text(PEN_NAME0, "setid");
	message.request.u.open.flags = O_RDWR;
	if (pen_relay(d, &message, &result) != 0 || result.fd == -1)
		tap_bail("setid");
	/* As the worker, without CAP_FSETID: the other descriptor is its. */
	tap_is_int(fstat(result.fd, &st), 0, "a set-id file is opened");
	tap_is_oct(st.st_mode & 07777, 06755, "its bits are as they were");
	close(result.fd);
	pen_good(&message, MONITOR_SETATTR, PEN_BY_PATH, 0);
	set_text(PEN_NAME0, "setid");
	message.request.u.setattr = (struct monitor_setattr_request){
	    .valid = MONITOR_SET_SIZE, .size = 3 };
	tap_is_int(run(d, share), 0, "it is cut");
	pen_good(&message, MONITOR_GETATTR, PEN_BY_PATH, 0);
	set_text(PEN_NAME0, "setid");
	run(d, share);
	tap_is_oct(result.reply.u.attr.mode & 07777, 0755,
	    "that takes the bits off");
}

static void
body(struct fixture *f)
{
	static const char *const modes[] = { "--sandbox=namespace",
	    "--sandbox=chroot", "--sandbox=none" };
	struct fixture_share *share = &f->share[0];
	struct pen_daemon d;

	pen_shield(f);
	canary_plant(share);
	pen_populate(share);
	for (size_t i = 0; i < COUNT(modes); i++)
		test_readonly(f, modes[i]);
	/*
	 * Without namespaces too: resolve.c is the first wall, and must do
	 * alone.
	 */
	for (size_t i = 0; i < COUNT(modes); i++) {
		const char *const extra[] = { modes[i], NULL };

		tap_context("%s: ", modes[i]);
		pen_populate(share);
		pen_start(&d, f, PEN_PLAIN, extra);
		test_links(&d, share);
		test_last_link(&d, share);
		test_special(&d, share);
		test_setid(&d, share);
		test_swapped(&d, share);
		test_moved(&d, share);
		test_ways(&d, share);
		pen_expect_alive(&d, "ends as usual");
	}
	tap_context("%s", "");
	tap_ok(canary_check(share) == 0, "the canary is as it was");
}

int
main(void)
{
	return fixture_main(body, TEST_S);
}
