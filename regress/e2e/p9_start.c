/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: what a start finds and leaves. Closed standard descriptors, an
 * inherited listening socket, syslog, readiness, a user without rights, the
 * worker's user, mounts made later, a name that is no longer the socket's.
 * Test code; runs as root.
 */
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9_suite.h"
#include "procs.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define INHERITED	60	/* the server's end of a socket */
#define USER		1000	/* somebody without rights */
#define WORKER_USER	"4321"
#define TICKS_MAX	10	/* of 100 that a busy loop takes */

static const char *const modes[] = { "--sandbox=namespace",
    "--sandbox=chroot", "--sandbox=none" };

/* How a server is started. */
struct how {
	const char	*share;
	const char	*socket_path;	/* NULL: inherited */
	const char	*extra[4];
	const char	*programs;	/* their directory, NULL: as built */
	int		inherit;	/* 0: one end of a new pair */
	int		closed;		/* without descriptors 0 to 2 */
	uid_t		user;
};

struct run {
	pid_t			pid;	/* -1: none */
	struct p9_client	c;
	int			log_fd;
};

static char socket_path[108], victim[160];

static void
become(uid_t user)
{
	if (user != 0 && (setgroups(0, NULL) != 0 ||
	    setresgid(user, user, user) != 0 ||
	    setresuid(user, user, user) != 0))
		_exit(126);
}

static void __attribute__((noreturn))
run_child(const struct how *how, const char *const *argv, int keep,
    int log_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	if (null < 0 || dup2(null, 0) < 0 || dup2(log_fd, 1) < 0 ||
	    dup2(log_fd, 2) < 0 || (keep >= 0 && dup2(keep, INHERITED) < 0))
		_exit(126);
	for (int fd = 0; how->closed && fd <= 2; fd++)
		close(fd);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	become(how->user);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static pid_t
run_spawn(const struct how *how, int keep, int log_fd)
{
	char program[256], worker[256], share[256], from[160];
	const char *argv[16] = { program, "--protocol=9p-proxy", share,
	    worker, from };
	pid_t pid;

	snprintf(program, sizeof(program), "%s%s", how->programs != NULL ?
	    how->programs : server_program(SERVER_PRIVFSD),
	    how->programs != NULL ? "/privfsd" : "");
	snprintf(worker, sizeof(worker), "--worker-path=%s%s",
	    how->programs != NULL ? how->programs : server_worker_program(),
	    how->programs != NULL ? "/privfsd-worker" : "");
	snprintf(share, sizeof(share), "--shared-dir=%s", how->share);
	if (how->socket_path != NULL)
		snprintf(from, sizeof(from), "--socket-path=%s",
		    how->socket_path);
	else
		snprintf(from, sizeof(from), "--fd=%d", INHERITED);
	for (size_t i = 0; i < COUNT(how->extra); i++)
		argv[5 + i] = how->extra[i];
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		tap_bail("fork");
	if (pid == 0)
		run_child(how, argv, keep, log_fd);
	return pid;
}

/* A named socket is not connected to here. */
static void
run_start(struct run *r, const struct how *how)
{
	int pair[2] = { -1, -1 };

	r->log_fd = memfd_create("server-log", MFD_CLOEXEC);
	if (r->log_fd < 0 || fcntl(r->log_fd, F_SETFL, O_APPEND) != 0)
		tap_bail("memfd_create");
	if (how->socket_path == NULL && how->inherit == 0 &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		tap_bail("socketpair");
	r->pid = run_spawn(how, how->inherit != 0 ? how->inherit : pair[1],
	    r->log_fd);
	if (pair[1] >= 0)
		close(pair[1]);
	r->c = (struct p9_client){ .fd = pair[0],
	    .timeout_ms = SERVER_TIMEOUT_MS };
}

static int
run_is_serving(struct run *r)
{
	struct p9_stat st;

	return is_result(p9_lstat(&r->c, "/", &st), 0, "it serves");
}

static void
run_connect(struct run *r, const char *path)
{
	r->c.fd = server_connect(path, SERVER_TIMEOUT_MS);
	tap_ok(r->c.fd >= 0, "a client connects");
}

static int
run_wait(struct run *r)
{
	return r->pid <= 0 ? SERVER_HUNG :
	    server_wait_or_kill(r->pid, SERVER_TIMEOUT_MS);
}

/* Ends it by the client's end, or by what the caller has done before. */
static void
run_end(struct run *r, int want)
{
	if (r->c.fd >= 0)
		close(r->c.fd);
	if (!tap_is_int(run_wait(r), want, "exit status"))
		tap_diag("%s", server_log_text(r->log_fd));
	close(r->log_fd);
	tap_is_int(procs_wait_gone(getpid(), SERVER_TIMEOUT_MS), 0,
	    "no process is left");
}

static int
run_is_ready(struct run *r)
{
	long long end = procs_now_ms() + SERVER_TIMEOUT_MS;
	int ready;

	do {
		ready = strstr(server_log_text(r->log_fd), "ready: ") != NULL;
		if (!ready)
			procs_sleep_us(1000);
	} while (!ready && procs_now_ms() < end);
	return tap_ok(ready, "it gets ready");
}

/* Lets the process that was started end; its daemon is our child then. */
static void
run_follow_daemon(struct run *r)
{
	pid_t found[PROCS_MAX];
	struct proc_status st;
	size_t count;

	tap_is_int(run_wait(r), 0, "exit status of the command");
	r->pid = -1;
	count = procs_descendants(getpid(), found, PROCS_MAX);
	for (size_t i = 0; i < count && r->pid == -1; i++)
		if (procs_read_status(found[i], 0, &st) == 0 &&
		    st.ppid == getpid())
			r->pid = found[i];
	tap_ok(r->pid > 0, "a daemon runs");
}

static void
test_closed(const struct how *how)
{
	int daemonize = how->extra[0] != NULL;
	char item[16], target[256];
	struct run r;

	tap_context("descriptors 0 to 2 closed, %s%s: ",
	    how->socket_path != NULL ? "named" : "inherited",
	    daemonize ? ", --daemonize" : "");
	run_start(&r, how);
	if (daemonize)
		run_follow_daemon(&r);
	if (how->socket_path != NULL)
		run_connect(&r, socket_path);
	run_is_serving(&r);
	for (int fd = 0; r.pid > 0 && fd <= 2; fd++) {
		snprintf(item, sizeof(item), "fd/%d", fd);
		procs_link(r.pid, item, target, sizeof(target));
		tap_is_str(target, "/dev/null", "launcher's descriptor %d",
		    fd);
	}
	run_end(&r, 0);
}

/* A datagram socket whose reads are bounded; len counts the name. */
static int
datagrams_open(const char *name, size_t len)
{
	const struct timeval limit = { .tv_sec = SERVER_TIMEOUT_MS / 1000 };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (len > sizeof(sun.sun_path))
		tap_bail("%s: too long", name);
	memcpy(sun.sun_path, name, len);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
	    sizeof(limit)) != 0)
		tap_bail("datagram socket %s: %s", name, strerror(errno));
	return fd;
}

/* Takes datagrams until one begins so. */
static void
is_logged(int fd, pid_t pid, const char *begin)
{
	char want[128], line[4096];
	size_t len;
	ssize_t n;

	len = (size_t)snprintf(want, sizeof(want), "<30>privfsd[%d]: %s", pid,
	    begin);
	for (int i = 0; i < 100; i++) {
		n = recv(fd, line, sizeof(line) - 1, 0);
		if (n < 0)
			break;
		line[n] = '\0';
		if (strncmp(line, want, len) == 0) {
			tap_ok(1, "syslog: %s", begin);
			return;
		}
		tap_diag("%s", line);
	}
	tap_ok(0, "syslog: %s", begin);
}

/* A /dev that holds nothing but null, seen by this test alone. */
static int
dev_mount(const struct fixture *f)
{
	char dev[96], null[112];

	snprintf(dev, sizeof(dev), "%s/dev", f->base);
	snprintf(null, sizeof(null), "%s/null", dev);
	host_mkdir(dev, 0755, 0, 0);
	host_write(null, "", 0666, 0, 0);
	if (mount("/dev/null", null, NULL, MS_BIND, NULL) != 0)
		return -1;
	return mount(dev, "/dev", NULL, MS_BIND | MS_REC, NULL);
}

static void
test_syslog(const struct how *how)
{
	int daemonize = strcmp(how->extra[0], "--daemonize") == 0;
	struct run r;
	int fd;

	tap_context("%s: ", how->extra[0]);
	fd = datagrams_open("/dev/log", strlen("/dev/log") + 1);
	run_start(&r, how);
	if (daemonize)
		run_follow_daemon(&r);
	is_logged(fd, r.pid, "ready");
	run_is_serving(&r);
	/* syslogd starts anew, with another socket. */
	close(fd);
	unlink("/dev/log");
	fd = datagrams_open("/dev/log", strlen("/dev/log") + 1);
	close(r.c.fd);
	r.c.fd = -1;
	is_logged(fd, r.pid, "ended");
	tap_is_str(server_log_text(r.log_fd), "", "nothing on stderr");
	run_end(&r, 0);
	close(fd);
	unlink("/dev/log");
}

/* Each in a filter of its own. */
static void
is_locked(pid_t launcher)
{
	struct proc_status st;
	pid_t pid[3] = { launcher };

	server_find(launcher, &pid[1], &pid[2]);
	for (size_t i = 0; i < COUNT(pid); i++) {
		tap_ok(pid[i] > 0 && procs_read_status(pid[i], 0, &st) == 0 &&
		    st.seccomp == 2 && st.no_new_privs == 1,
		    "%s is in its sandbox by then", i == 0 ? "launcher" :
		    i == 1 ? "monitor" : "worker");
	}
}

static void
test_notify(const struct how *how, const char *name)
{
	char bound[108] = "", text[256];
	struct run r;
	ssize_t n;
	int fd;

	tap_context("NOTIFY_SOCKET, %s: ", *name == '@' ? "abstract" :
	    "path");
	memcpy(bound, name, strlen(name));
	if (*name == '@')
		*bound = '\0';
	fd = datagrams_open(bound, strlen(name));
	setenv("NOTIFY_SOCKET", name, 1);
	run_start(&r, how);
	unsetenv("NOTIFY_SOCKET");
	n = recv(fd, text, sizeof(text) - 1, 0);
	is_locked(r.pid);
	text[n > 0 ? n : 0] = '\0';
	tap_ok(strncmp(text, "READY=1\n", 8) == 0, "READY=1 arrives");
	n = recv(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	tap_ok(strncmp(text, "STATUS=Serving process ", 23) == 0,
	    "and what it does, with a connection that is there already");
	run_is_serving(&r);
	run_end(&r, 0);
	close(fd);
	if (*name != '@')
		unlink(name);
}

/* User and system time of a process in clock ticks, -1 without one. */
static long
ticks(pid_t pid)
{
	unsigned long user, system;
	char path[64];
	const char *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	/* proc(5): fields 14 and 15; 2 is a name in parentheses. */
	end = strrchr(host_read(path), ')');
	if (end == NULL || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u "
	    "%*u %*u %*u %lu %lu", &user, &system) != 2)
		return -1;
	return (long)(user + system);
}

/* The test keeps the listening socket, as a service manager does. */
static void
test_listening(struct how how)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), second;
	struct p9_stat st;
	struct run r;
	long before;

	tap_context("inherited listening socket: ");
	strcpy(sun.sun_path, socket_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0 ||
	    listen(fd, 4) != 0)
		tap_bail("%s", socket_path);
	how.inherit = fd;
	run_start(&r, &how);
	run_connect(&r, socket_path);
	run_is_serving(&r);
	second = server_connect(socket_path, SERVER_TIMEOUT_MS);
	tap_ok(second >= 0, "a second client gets into the queue");
	before = ticks(r.pid);
	procs_sleep_us(1000000);
	tap_ok(before >= 0 && ticks(r.pid) - before <= TICKS_MAX,
	    "the launcher is at rest, %ld ticks", ticks(r.pid) - before);
	tap_is_int(p9_lstat(&r.c, "/", &st), 0, "the first is served on");
	run_end(&r, 0);
	tap_ok(host_exists(socket_path), "the socket's file is not its own");
	close(second);
	close(fd);
	unlink(socket_path);
}

/* Exit status of a function run by a user without rights. */
static int
as_user(int (*call)(const pid_t *), const pid_t *arg)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		tap_bail("fork");
	if (pid == 0) {
		become(USER);
		_exit(call(arg));
	}
	return server_wait_or_kill(pid, SERVER_TIMEOUT_MS);
}

static int
try_user_namespace(const pid_t *arg)
{
	(void)arg;
	return unshare(CLONE_NEWUSER) == 0 ? 0 : 1;
}

/* 0 when there is no way into the process, else a bit for each. */
static int
try_intrusion(const pid_t *pid)
{
	char path[64];
	int ways = 0;

	snprintf(path, sizeof(path), "/proc/%d/mem", *pid);
	if (open(path, O_RDWR | O_CLOEXEC) != -1 || errno != EACCES)
		ways |= 1;
	if (open(path, O_RDONLY | O_CLOEXEC) != -1 || errno != EACCES)
		ways |= 2;
	if (ptrace(PTRACE_SEIZE, *pid, 0, 0) != -1 || errno != EPERM)
		ways |= 4;
	return ways;
}

/* What the user's daemon is outside of its user namespace: nothing. */
static void
is_powerless(pid_t launcher)
{
	static const char *const names[] = { "launcher", "monitor", "worker" };
	pid_t pid[3] = { launcher };
	char own[64], other[64];
	struct proc_status st;

	server_find(launcher, &pid[1], &pid[2]);
	procs_link(getpid(), "ns/user", own, sizeof(own));
	for (size_t i = 0; i < COUNT(pid); i++) {
		if (!tap_ok(pid[i] > 0 && procs_read_status(pid[i], 0,
		    &st) == 0, "%s: found", names[i]))
			continue;
		procs_link(pid[i], "ns/user", other, sizeof(other));
		tap_ok(*other != '\0' && strcmp(own, other) != 0,
		    "%s: in a user namespace of its own", names[i]);
		tap_ok(st.uid[0] == USER && st.uid[1] == USER &&
		    st.uid[2] == USER && st.uid[3] == USER, "%s: user %u",
		    names[i], st.uid[0]);
		if (i != 1)
			tap_ok(st.cap_eff == 0 && st.cap_prm == 0,
			    "%s: no capability", names[i]);
		tap_is_int(as_user(try_intrusion, &pid[i]), 0,
		    "%s: its user can neither trace it nor open its memory",
		    names[i]);
	}
}

static void
test_user(struct how how, const char *mode)
{
	char path[256];
	struct stat st;
	struct run r;
	int fd = -1;

	tap_context("without root, %s: ", mode);
	how.extra[0] = mode;
	run_start(&r, &how);
	if (run_is_serving(&r))
		is_powerless(r.pid);
	else
		tap_diag("%s", server_log_text(r.log_fd));
	is_result(p9_create(&r.c, "//file", O_RDWR | O_CREAT | O_EXCL, 0640,
	    0, 0, &fd), 0, "the guest's root makes a file");
	if (fd >= 0)
		close(fd);
	snprintf(path, sizeof(path), "%s/file", how.share);
	if (tap_ok(lstat(path, &st) == 0, "it is there")) {
		tap_ok(st.st_uid == USER && st.st_gid == USER,
		    "it belongs to %u:%u", st.st_uid, st.st_gid);
		tap_is_oct(st.st_mode, S_IFREG | 0640, "its mode");
	}
	unlink(path);
	/* user_namespaces(7): there are no others to give it to. */
	for (int i = 0; i < 2; i++)
		is_result(p9_mkdir(&r.c, "//other", 0700, i == 0 ? 1 : 0,
		    i == 0 ? 0 : 1), -EPERM, "an id that is not mapped");
	snprintf(path, sizeof(path), "%s/other", how.share);
	tap_ok(lstat(path, &st) == -1 && errno == ENOENT,
	    "nothing of it is left behind");
	run_end(&r, 0);
}

static void
test_users(const struct fixture *f)
{
	char share[160], programs[80];
	struct how how = { .share = share, .programs = programs,
	    .user = USER };

	tap_context("without root: ");
	if (as_user(try_user_namespace, NULL) != 0) {
		tap_skip("user namespaces are forbidden to users");
		return;
	}
	snprintf(share, sizeof(share), "%s/of-user", f->share[0].dir);
	host_mkdir(share, 0755, USER, USER);
	snprintf(programs, sizeof(programs), "%s/bin", f->base);
	host_mkdir(programs, 0755, 0, 0);
	host_copy(server_program(SERVER_PRIVFSD), programs, "privfsd", 0755);
	/* As installed: what cannot be read cannot be traced from the start,
	 * not by the owner of its user namespace either (ptrace(2)). */
	host_copy(server_worker_program(), programs, "privfsd-worker", 0711);
	for (size_t i = 0; i < COUNT(modes); i++)
		test_user(how, modes[i]);
}

static void
test_worker_user(struct how how, const char *mode)
{
	pid_t monitor, worker;
	struct proc_status st;
	struct run r;

	tap_context("--worker-user, %s: ", mode);
	how.extra[0] = "--worker-user=" WORKER_USER;
	how.extra[1] = mode;
	run_start(&r, &how);
	run_is_serving(&r);
	server_find(r.pid, &monitor, &worker);
	if (tap_ok(worker > 0 && procs_read_status(worker, 0, &st) == 0,
	    "there is a worker"))
		for (size_t i = 0; i < COUNT(st.uid); i++)
			tap_is_int(st.uid[i], atoi(WORKER_USER),
			    "its uid, %zu of 4", i + 1);
	run_end(&r, 0);
}

static void
is_intact(const struct stat *was)
{
	struct stat st;

	tap_ok(lstat(socket_path, &st) == 0 && S_ISLNK(st.st_mode),
	    "the link stays");
	if (!tap_ok(lstat(victim, &st) == 0, "its target stays"))
		return;
	tap_ok(st.st_ino == was->st_ino && st.st_uid == was->st_uid &&
	    st.st_gid == was->st_gid && st.st_mode == was->st_mode &&
	    st.st_ctim.tv_sec == was->st_ctim.tv_sec &&
	    st.st_ctim.tv_nsec == was->st_ctim.tv_nsec,
	    "its target is as it was");
	unlink(socket_path);
}

/* The socket's file is replaced while nobody has connected. */
static void
test_replaced(const struct how *how, int connects)
{
	struct stat was;
	struct run r;
	char moved[128];

	tap_context("socket replaced by a link, %s: ", connects ? "client" :
	    "SIGTERM");
	snprintf(moved, sizeof(moved), "%s.moved", socket_path);
	host_lstat(victim, &was);
	run_start(&r, how);
	run_is_ready(&r);
	if (rename(socket_path, moved) != 0)
		tap_bail("rename %s", socket_path);
	host_symlink(victim, socket_path);
	if (connects) {
		run_connect(&r, moved);
		run_is_serving(&r);
	} else
		kill(r.pid, SIGTERM);
	run_end(&r, 0);
	unlink(moved);
	is_intact(&was);
}

/* The link was there first. */
static void
test_link_first(const struct how *how)
{
	struct stat was;
	struct run r;

	tap_context("a link in the socket's place: ");
	host_lstat(victim, &was);
	host_symlink(victim, socket_path);
	run_start(&r, how);
	run_end(&r, 1);
	is_intact(&was);
}

static void
test_late_mount(struct how how, int readonly)
{
	struct p9_stat top, below;
	char path[160], marker[176];
	struct run r;

	tap_context("mount after the start%s: ", readonly ? ", --readonly" :
	    "");
	how.extra[0] = readonly ? "--readonly" : NULL;
	snprintf(path, sizeof(path), "%s/below", how.share);
	snprintf(marker, sizeof(marker), "%s/marker", path);
	run_start(&r, &how);
	is_result(p9_lstat(&r.c, "/", &top), 0, "it serves");
	if (mount("tmpfs", path, "tmpfs", 0, NULL) != 0)
		tap_bail("mount %s", path);
	host_write(marker, "", 0644, 0, 0);
	is_result(p9_lstat(&r.c, "//below", &below), 0, "its place");
	if (readonly)
		tap_ok(top.dev == below.dev, "it is not visible");
	else
		tap_ok(top.dev != below.dev, "it is visible");
	is_result(p9_lstat(&r.c, "//below/marker", &below), readonly ?
	    -ENOENT : 0, "a file on it");
	run_end(&r, 0);
	umount2(path, MNT_DETACH);
}

static void
test_late_mounts(struct how how)
{
	char path[160];

	/* Only from a shared mount does it get into other namespaces. */
	if (mount(how.share, how.share, NULL, MS_BIND, NULL) != 0 ||
	    mount(NULL, how.share, NULL, MS_SHARED, NULL) != 0)
		tap_bail("shared mount");
	snprintf(path, sizeof(path), "%s/below", how.share);
	host_mkdir(path, 0755, 0, 0);
	test_late_mount(how, 0);
	test_late_mount(how, 1);
	umount2(how.share, MNT_DETACH);
}

static void
test_term(struct how how, const char *mode)
{
	const struct timeval limit = { .tv_sec = SERVER_TIMEOUT_MS / 1000 };
	int32_t last = 0;
	struct run r;
	char more;

	tap_context("SIGTERM while idle, %s: ", mode);
	how.extra[0] = mode;
	run_start(&r, &how);
	run_is_serving(&r);
	setsockopt(r.c.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	kill(r.pid, SIGTERM);
	tap_is_int(recv(r.c.fd, &last, sizeof(last), MSG_WAITALL), 4,
	    "the client gets 4 bytes");
	tap_is_int(last, -EIO, "they are -EIO");
	tap_is_int(recv(r.c.fd, &more, 1, 0), 0, "then the end");
	run_end(&r, 0);
}

static void
test_logs(const struct fixture *f, struct how how)
{
	if (dev_mount(f) != 0) {
		tap_context("syslog: ");
		tap_skip("no /dev of its own: %s", strerror(errno));
		return;
	}
	how.extra[0] = "--syslog";
	test_syslog(&how);
	how.extra[0] = "--daemonize";
	test_syslog(&how);
	umount2("/dev", MNT_DETACH);
}

static void
test_notifies(const struct fixture *f, const struct how *how)
{
	char name[96];

	snprintf(name, sizeof(name), "%s/notify", f->base);
	test_notify(how, name);
	snprintf(name, sizeof(name), "@privfsd-test-%d", getpid());
	test_notify(how, name);
}

static void
body(struct fixture *f)
{
	struct how pair = { .share = f->share[0].dir }, named = pair;

	if (server_kind_from_env() == SERVER_HELPER)
		tap_skip_all("not for the helper");
	snprintf(socket_path, sizeof(socket_path), "%s/socket", f->base);
	snprintf(victim, sizeof(victim), "%s/victim",
	    f->share[0].outside);
	host_write(victim, "of another", 0600, 12, 34);
	named.socket_path = socket_path;
	for (int i = 0; i < 4; i++) {
		struct how how = i & 1 ? named : pair;

		how.closed = 1;
		how.extra[0] = i & 2 ? "--daemonize" : NULL;
		test_closed(&how);
	}
	test_logs(f, pair);
	test_notifies(f, &pair);
	test_listening(pair);
	test_users(f);
	for (size_t i = 0; i < COUNT(modes); i++)
		test_worker_user(pair, modes[i]);
	test_replaced(&named, 0);
	test_replaced(&named, 1);
	test_link_first(&named);
	test_late_mounts(pair);
	for (size_t i = 0; i < COUNT(modes); i++)
		test_term(pair, modes[i]);
	tap_context("%s", "");
}

int
main(void)
{
	return fixture_main(body, 180);
}
