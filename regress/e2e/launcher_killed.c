/* SPDX-License-Identifier: ISC */
/*
 * What must not hang on a thread that changes its ids. The kernel takes from
 * such a thread that it dies with its parent, and makes the process as
 * dumpable as fs.suid_dumpable says (prctl(2)): after the guest's user 1000
 * has made something, nothing of the daemon outlives a launcher that is
 * killed, and nobody of the daemon's own user may look into the monitor. Both
 * protocols, each mode.
 */
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "p9_client.h"
#include "procs.h"
#include "virtiofs_suite.h"

#define USER		1000	/* the guest's */
#define CAPS		(1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE |	\
			    1U << CAP_FOWNER | 1U << CAP_FSETID |	\
			    1U << CAP_SETUID | 1U << CAP_SETGID)
#define LIMIT_S		300
#define DUMPABLE	"/proc/sys/fs/suid_dumpable"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static const char *const modes[] = { "--sandbox=namespace", "--sandbox=chroot",
    "--sandbox=none" };

static void
write_dumpable(const char *text)
{
	int fd = open(DUMPABLE, O_WRONLY | O_CLOEXEC);

	if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		tap_bail(DUMPABLE ": %s", strerror(errno));
	close(fd);
}

static const char *
host_in(const struct fixture_share *share, const char *name)
{
	static char path[sizeof(share->dir) + 32];

	snprintf(path, sizeof(path), "%s/%s", share->dir, name);
	return path;
}

/* Does a thread of it have the guest's user's ids? Else nothing is shown. */
static int
has_users_ids(pid_t pid, uid_t fsuid)
{
	pid_t tids[PROCS_MAX];
	size_t n = procs_threads(pid, tids, PROCS_MAX);
	struct proc_status st;

	for (size_t i = 0; i < n; i++)
		if (procs_read_status(pid, tids[i], &st) == 0 &&
		    st.uid[3] == fsuid)
			return 1;
	return 0;
}

/* The monitor's user, with its capabilities, but not CAP_SYS_PTRACE. */
static int
try_intrusion(pid_t pid)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { CAPS, CAPS, 0 } };
	char path[64];
	int ways = 0;

	if (syscall(SYS_capset, &header, data) == -1)
		return 100;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	if (open(path, O_RDWR | O_CLOEXEC) != -1 || errno != EACCES)
		ways |= 1;
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) != -1 || errno != EPERM)
		ways |= 2;
	return ways;
}

static void
is_closed(pid_t monitor)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(try_intrusion(monitor));
	tap_is_int(server_wait_or_kill(pid, SERVER_TIMEOUT_MS), 0,
	    "who has its user and capabilities cannot look into the monitor");
}

/*
 * The first process of a pid namespace ends only when the others in it have
 * been waited for (pid_namespaces(7)), which is left to us.
 */
static int
are_gone(const pid_t *pids, size_t n)
{
	int gone = 1;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
	for (size_t i = 0; i < n; i++)
		gone = gone && kill(pids[i], 0) == -1 && errno == ESRCH;
	return gone;
}

static void
is_ended(pid_t launcher, pid_t monitor, pid_t worker)
{
	const pid_t pids[] = { launcher, monitor, worker };
	long long limit = procs_now_ms() + SERVER_TIMEOUT_MS;

	kill(launcher, SIGKILL);
	while (!are_gone(pids, COUNT(pids)) && procs_now_ms() < limit)
		procs_sleep_us(1000);
	if (!tap_ok(are_gone(pids, COUNT(pids)),
	    "the launcher is killed: monitor and worker end")) {
		/* Else the next test would find them. */
		kill(monitor, SIGKILL);
		kill(worker, SIGKILL);
	}
}

/* What is looked at once the user has made something. */
static void
check(const struct server *s)
{
	pid_t monitor, worker;

	server_find(s->pid, &monitor, &worker);
	tap_ok(has_users_ids(monitor, USER),
	    "a thread of the monitor has the user's ids");
	is_closed(monitor);
	is_ended(s->pid, monitor, worker);
}

static void
test_p9(const struct fixture_share *share, const char *mode)
{
	const char *const extra[] = { mode, NULL };
	struct server_options o = { .share = share->dir, .extra = extra };
	struct p9_client c;
	struct server s;

	tap_context("9p-proxy, %s: ", mode);
	if (server_start(&s, &o) != 0)
		tap_bail("the server does not start");
	c = (struct p9_client){ .fd = s.fd };
	tap_is_int(p9_mkdir(&c, "//p9", 0700, USER, USER), 0,
	    "a user makes a directory");
	check(&s);
	server_disconnect(&s);
	server_close_log(&s);
	rmdir(host_in(share, "p9"));
}

static void
test_virtiofs(const struct fixture_share *share, const char *mode)
{
	const char *const extra[] = { mode, NULL };
	struct virtiofs_options o = { .server.extra = extra };
	struct fuse_entry_out entry;
	struct virtiofs_env e;

	tap_context("virtio-fs, %s: ", mode);
	if (virtiofs_env_start(&e, share, &o) != 0)
		tap_bail("the server does not start");
	e.c.uid = e.c.gid = USER;
	tap_is_int(fuse_mkdir(&e.c, FUSE_ROOT_ID, "fuse", 0700, &entry), 0,
	    "a user makes a directory");
	check(&e.srv);
	fuse_client_free(&e.c);
	vhost_front_close(&e.front);
	server_close_log(&e.srv);
	rmdir(host_in(share, "fuse"));
}

static void
test_all(struct fixture *f)
{
	for (size_t i = 0; i < COUNT(modes); i++) {
		test_p9(&f->share[0], modes[i]);
		test_virtiofs(&f->share[0], modes[i]);
	}
	tap_context("%s", "");
}

static void
body(struct fixture *f)
{
	char old[16] = "";
	int fd;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		tap_bail("prctl");
	/* Locked: another run of this test must not take our 1 for the old. */
	fd = open(DUMPABLE, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || flock(fd, LOCK_EX) == -1 ||
	    read(fd, old, sizeof(old) - 1) < 1)
		tap_bail(DUMPABLE ": %s", strerror(errno));
	/* The kernel looks at it whenever ids change. */
	write_dumpable("1");
	test_all(f);
	write_dumpable(old);
	close(fd);
}

int
main(void)
{
	return virtiofs_main(body, LIMIT_S);
}
