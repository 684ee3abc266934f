/* SPDX-License-Identifier: ISC */
/*
 * All names of the program: the pid file, which virtiofsd has beside its
 * socket. What it says, who holds it, what may lie in its place, when it is
 * removed. Test code; runs as root.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "names.h"
#include "procs.h"
#include "server.h"
#include "tap.h"

#define STALE	"1234567890123\n"	/* longer than any pid */
#define OTHER	1234			/* a user */

static char pid_path[128], option[160], other_path[128];

/* Beside the socket for virtiofsd, else what the option says. */
static struct names_how
how_of(enum names name)
{
	struct names_how how = { .name = name };

	if (name != NAMES_VIRTIOFSD)
		how.extra[0] = option;
	return how;
}

/* flock(2): 0, or -errno if another holds it; the file must be there. */
static int
try_lock(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = 0;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		error = -errno;
	close(fd);
	return error;
}

/* By whom the file is open: the launcher alone, or the lock outlives it. */
static int
holders(pid_t launcher)
{
	char item[32], target[256];
	pid_t pids[PROCS_MAX];
	size_t count = procs_descendants(launcher, pids, PROCS_MAX - 1);
	int found = 0, fds[512];

	pids[count++] = launcher;
	for (size_t i = 0; i < count; i++) {
		size_t n = procs_fds(pids[i], fds, 512);

		for (size_t j = 0; j < n; j++) {
			snprintf(item, sizeof(item), "fd/%d", fds[j]);
			procs_link(pids[i], item, target, sizeof(target));
			if (strcmp(target, pid_path) == 0)
				found += i == count - 1 ? 1 : 100;
		}
	}
	return found;
}

static void
is_held(const struct named *d, const char *what)
{
	char want[32];
	struct stat st;

	snprintf(want, sizeof(want), "%d\n", d->pid);
	tap_is_str(host_read(pid_path), want, "%s: the launcher's pid", what);
	tap_is_int(try_lock(pid_path), -EWOULDBLOCK, "%s: locked", what);
	tap_is_int(holders(d->pid), 1, "%s: by the launcher alone", what);
	host_lstat(pid_path, &st);
	tap_is_oct(st.st_mode, S_IFREG | 0600, "%s: its mode", what);
}

static void
test_life(const struct fixture *f, enum names name, int daemonize)
{
	struct names_how how = how_of(name);
	char what[64];
	struct named d;

	snprintf(what, sizeof(what), "%s%s", names_label(name),
	    daemonize ? ", in the background" : "");
	how.daemonize = daemonize;
	names_start(&d, f, &how);
	if (!daemonize)
		tap_ok(names_wait_log(&d, "ready: "), "%s: ready", what);
	if (d.pid <= 0)
		return;
	is_held(&d, what);
	kill(d.pid, SIGTERM);
	names_end(&d, 0, what);
	tap_ok(!host_exists(pid_path), "%s: removed at the end", what);
}

/* A second one leaves the first one's file as it is, and its socket. */
static void
test_second(const struct fixture *f, enum names name)
{
	struct names_how how = how_of(name);
	struct named d[2];
	char what[64];

	snprintf(what, sizeof(what), "%s, a second", names_label(name));
	names_start(&d[0], f, &how);
	tap_ok(names_wait_log(&d[0], "ready: "), "%s: ready", what);
	/* So that only the pid file is in its way. */
	if (rename(names_socket(f), other_path) != 0)
		tap_bail("%s", names_socket(f));
	names_start(&d[1], f, &how);
	tap_ok(names_wait_log(&d[1], "another process holds it"),
	    "%s: it says why", what);
	tap_is_int(server_wait_or_kill(d[1].pid, SERVER_TIMEOUT_MS), 1,
	    "%s: exit status", what);
	close(d[1].log_fd);
	is_held(&d[0], what);
	tap_ok(!host_exists(names_socket(f)), "%s: its own socket is removed",
	    what);
	if (rename(other_path, names_socket(f)) != 0)
		tap_bail("%s", names_socket(f));
	kill(d[0].pid, SIGTERM);
	names_end(&d[0], 0, what);
}

/* What a daemon that was killed leaves behind is taken by the next. */
static void
test_killed(const struct fixture *f, enum names name)
{
	struct names_how how = how_of(name);
	struct named d;
	char what[64];

	snprintf(what, sizeof(what), "%s, SIGKILL", names_label(name));
	names_start(&d, f, &how);
	tap_ok(names_wait_log(&d, "ready: "), "%s: ready", what);
	kill(d.pid, SIGKILL);
	names_end(&d, 128 + SIGKILL, what);
	tap_is_int(try_lock(pid_path), 0, "%s: it is left, and free", what);
	unlink(names_socket(f));
	host_write(pid_path, STALE, 0600, 0, 0);
	test_life(f, name, 0);
}

/* A start that fails later takes it away; the lock is no one's. */
static void
test_failed(const struct fixture *f, enum names name)
{
	struct names_how how = how_of(name);
	struct named d;

	how.extra[how.extra[0] == NULL ? 0 : 1] =
	    "--worker-path=/nonexistent";
	names_start(&d, f, &how);
	names_end(&d, 1, "a start that fails");
	tap_ok(!host_exists(pid_path), "%s: removed by a start that fails",
	    names_label(name));
}

/* What may lie in its place: refused, and left as it is. */
static void
test_obstacle(const struct fixture *f, enum names name, const char *says,
    const char *what)
{
	struct names_how how = how_of(name);
	struct stat before, after;
	struct named d;

	host_lstat(pid_path, &before);
	names_start(&d, f, &how);
	tap_is_int(server_wait_or_kill(d.pid, SERVER_TIMEOUT_MS), 1,
	    "%s, %s: exit status", names_label(name), what);
	if (!tap_ok(strstr(server_log_text(d.log_fd), says) != NULL,
	    "%s, %s: is named", names_label(name), what))
		tap_diag("%s", server_log_text(d.log_fd));
	close(d.log_fd);
	host_lstat(pid_path, &after);
	tap_ok(before.st_ino == after.st_ino &&
	    before.st_mode == after.st_mode &&
	    before.st_size == after.st_size &&
	    before.st_mtim.tv_nsec == after.st_mtim.tv_nsec,
	    "%s, %s: is as it was", names_label(name), what);
	tap_ok(!host_exists(names_socket(f)), "%s, %s: no socket is left",
	    names_label(name), what);
	unlink(pid_path);
}

static void
test_obstacles(const struct fixture *f, enum names name)
{
	host_write(other_path, "precious", 0644, 0, 0);
	host_symlink(other_path, pid_path);
	test_obstacle(f, name, "symbolic link", "a link");
	if (link(other_path, pid_path) != 0)
		tap_bail("link %s", pid_path);
	test_obstacle(f, name, "another name", "a file's second name");
	tap_is_str(host_read(other_path), "precious",
	    "%s: what the links lead to stays", names_label(name));
	unlink(other_path);
	host_write(pid_path, "1\n", 0644, OTHER, OTHER);
	test_obstacle(f, name, "another user's", "another user's file");
	host_mknod(pid_path, S_IFIFO | 0600, 0);
	test_obstacle(f, name, "pid file", "a pipe");
}

/* Replaced while it serves: what is there now is another's. */
static void
test_replaced(const struct fixture *f, enum names name)
{
	struct names_how how = how_of(name);
	struct named d;
	char what[64];

	snprintf(what, sizeof(what), "%s, replaced", names_label(name));
	names_start(&d, f, &how);
	tap_ok(names_wait_log(&d, "ready: "), "%s: ready", what);
	unlink(pid_path);
	host_write(pid_path, "another's", 0600, 0, 0);
	kill(d.pid, SIGTERM);
	names_end(&d, 0, what);
	tap_is_str(host_read(pid_path), "another's", "%s: it stays", what);
	unlink(pid_path);
}

/* Where there is an option, that says which file it is. */
static void
test_choice(const struct fixture *f)
{
	char elsewhere[160];
	struct names_how how = { .name = NAMES_VIRTIOFSD,
	    .extra = { elsewhere } };
	struct named d;

	snprintf(elsewhere, sizeof(elsewhere), "--pid-file=%s", other_path);
	names_start(&d, f, &how);
	tap_ok(names_wait_log(&d, "ready: "), "virtiofsd --pid-file: ready");
	tap_ok(!host_exists(pid_path), "virtiofsd --pid-file: not beside the "
	    "socket");
	tap_is_int(atoi(host_read(other_path)), d.pid,
	    "virtiofsd --pid-file: but there");
	kill(d.pid, SIGTERM);
	names_end(&d, 0, "virtiofsd --pid-file");

	how = (struct names_how){ .name = NAMES_VIRTIOFS };
	names_start(&d, f, &how);
	tap_ok(names_wait_log(&d, "ready: "), "privfsd without: ready");
	tap_ok(!host_exists(pid_path), "privfsd without: no such file");
	kill(d.pid, SIGTERM);
	names_end(&d, 0, "privfsd without");
}

static void
body(struct fixture *f)
{
	snprintf(pid_path, sizeof(pid_path), "%s.pid", names_socket(f));
	snprintf(option, sizeof(option), "--pid-file=%s", pid_path);
	snprintf(other_path, sizeof(other_path), "%s/other", f->base);
	for (enum names name = 0; name < NAMES; name++) {
		test_life(f, name, 0);
		test_life(f, name, 1);
		test_second(f, name);
		test_killed(f, name);
		test_failed(f, name);
		test_obstacles(f, name);
		test_replaced(f, name);
	}
	test_choice(f);
}

int
main(void)
{
	return fixture_main(body, 300);
}
