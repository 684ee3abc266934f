/* SPDX-License-Identifier: ISC */
/*
 * Starts, watches and ends the servers under test, always by their pid.
 * Test code.
 */
#include "server.h"

#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "tap.h"

#define REAL_HELPER	"/usr/lib/qemu/virtfs-proxy-helper"

enum server_kind
server_kind_from_env(void)
{
	const char *name = getenv("SERVER");

	if (name == NULL || strcmp(name, "privfsd") == 0)
		return SERVER_PRIVFSD;
	if (strcmp(name, "dropin") == 0)
		return SERVER_DROPIN;
	if (strcmp(name, "helper") == 0)
		return SERVER_HELPER;
	tap_bail("SERVER=%s: privfsd, dropin or helper expected", name);
}

const char *
server_resolve(const char *variable, const char *otherwise, char *out)
{
	const char *path = getenv(variable);

	if (path == NULL || *path == '\0')
		path = otherwise;
	if (realpath(path, out) == NULL || access(out, X_OK) != 0)
		tap_bail("%s (set %s): no such program", path, variable);
	return out;
}

const char *
server_program(enum server_kind kind)
{
	static char privfsd[PATH_MAX], helper[PATH_MAX];
	const char *link;

	switch (kind) {
	case SERVER_HELPER:
		return server_resolve("REAL_HELPER", REAL_HELPER, helper);
	case SERVER_DROPIN:
		/* Not resolved: the name of the link is what counts. */
		link = getenv("PRIVFSD_DROPIN");
		if (link == NULL)
			tap_bail("PRIVFSD_DROPIN is not set");
		return link;
	case SERVER_PRIVFSD:
	default:
		return server_resolve("PRIVFSD", "./privfsd", privfsd);
	}
}

const char *
server_worker_program(void)
{
	static char worker[PATH_MAX];

	return server_resolve("PRIVFSD_WORKER", "./privfsd-worker", worker);
}

/* In the child: descriptors 0 to 2, the one to keep, nothing else. */
static void
server_child_fds(int keep, int keep_as, int log_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* The server's umask must not matter, so it does not get 0. */
	umask(077);
	if (null < 0 || dup2(null, 0) < 0 || dup2(log_fd, 1) < 0 ||
	    dup2(log_fd, 2) < 0)
		_exit(126);
	if (keep < 0)
		return;
	if (keep == keep_as)
		fcntl(keep, F_SETFD, 0);
	else if (dup2(keep, keep_as) < 0)
		_exit(126);
}

pid_t
server_spawn(const char *const *argv, int keep, int keep_as, int *log_fd)
{
	pid_t parent = getpid(), pid;
	sigset_t none;
	int fd;

	/* O_APPEND: several processes write, and tests read with pread. */
	fd = memfd_create("server-log", MFD_CLOEXEC);
	if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND) != 0)
		tap_bail("memfd_create");
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		tap_bail("fork");
	if (pid == 0) {
		server_child_fds(keep, keep_as, fd);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		if (getppid() != parent)
			_exit(126);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	*log_fd = fd;
	return pid;
}

int
server_wait(pid_t pid, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int n, status;

	if (p.fd < 0)
		return SERVER_HUNG;
	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	close(p.fd);
	if (n <= 0 || waitpid(pid, &status, 0) != pid)
		return SERVER_HUNG;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}

int
server_wait_or_kill(pid_t pid, int timeout_ms)
{
	int status = server_wait(pid, timeout_ms);

	if (status == SERVER_HUNG) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return status;
}

int
server_wait_log(int log_fd, const char *text)
{
	long long end = procs_now_ms() + SERVER_TIMEOUT_MS;

	while (strstr(server_log_text(log_fd), text) == NULL) {
		if (procs_now_ms() > end)
			return 0;
		procs_sleep_us(1000);
	}
	return 1;
}

int
server_connect(const char *path, int timeout_ms)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	long long end = procs_now_ms() + timeout_ms;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	for (;;) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		if (connect(fd, (struct sockaddr *)&address,
		    sizeof(address)) == 0)
			return fd;
		close(fd);
		if (procs_now_ms() > end)
			return -ETIMEDOUT;
		procs_sleep_us(500);
	}
}

void
server_argument(struct server_arguments *a, const char *fmt, ...)
{
	size_t space = sizeof(a->text) - a->used;
	size_t most = sizeof(a->argv) / sizeof(a->argv[0]);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(a->text + a->used, space, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= space || a->count + 2 > most)
		tap_bail("too many arguments for a server");
	a->argv[a->count++] = a->text + a->used;
	a->argv[a->count] = NULL;
	a->used += (size_t)n + 1;
}

static void
server_command_line(struct server_arguments *a, const struct server_options *o,
    int fd)
{
	server_argument(a, "%s", server_program(o->kind));
	if (o->kind == SERVER_PRIVFSD) {
		server_argument(a, "--protocol=9p-proxy");
		server_argument(a, "--shared-dir=%s", o->share);
		if (fd < 0)
			server_argument(a, "--socket-path=%s",
			    o->socket_path);
		else
			server_argument(a, "--fd=%d", fd);
	} else {
		server_argument(a, "-n");
		server_argument(a, "-p");
		server_argument(a, "%s", o->share);
		if (fd < 0) {
			server_argument(a, "-s");
			server_argument(a, "%s", o->socket_path);
			server_argument(a, "-u");
			server_argument(a, "0");
			server_argument(a, "-g");
			server_argument(a, "0");
		} else {
			server_argument(a, "-f");
			server_argument(a, "%d", fd);
		}
	}
	if (o->kind != SERVER_HELPER)
		server_argument(a, "--worker-path=%s",
		    server_worker_program());
	for (size_t i = 0; o->extra != NULL && o->extra[i] != NULL; i++)
		server_argument(a, "%s", o->extra[i]);
}

int
server_start(struct server *s, const struct server_options *o)
{
	struct server_arguments a = { .count = 0 };
	int pair[2] = { -1, -1 };

	*s = (struct server){ .kind = o->kind, .pid = -1, .fd = -1,
	    .log_fd = -1 };
	if (o->socket_path == NULL && socketpair(AF_UNIX,
	    SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	server_command_line(&a, o, pair[1]);
	s->pid = server_spawn(a.argv, pair[1], pair[1], &s->log_fd);
	s->fd = pair[0];
	if (pair[1] >= 0) {
		fstat(pair[1], &s->inherited);
		close(pair[1]);
	}
	if (o->socket_path == NULL)
		return 0;
	s->fd = server_connect(o->socket_path, SERVER_TIMEOUT_MS);
	return s->fd < 0 ? s->fd : 0;
}

void
server_disconnect(struct server *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

int
server_stop(struct server *s)
{
	int status = SERVER_HUNG;

	server_disconnect(s);
	if (s->pid > 0)
		status = server_wait_or_kill(s->pid, SERVER_TIMEOUT_MS);
	s->pid = -1;
	return status;
}

void
server_close_log(struct server *s)
{
	if (s->log_fd >= 0)
		close(s->log_fd);
	s->log_fd = -1;
}

const char *
server_log_text(int log_fd)
{
	static char text[65536];
	ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

void
server_find(pid_t launcher, pid_t *monitor, pid_t *worker)
{
	pid_t found[PROCS_MAX];
	size_t count = procs_descendants(launcher, found, PROCS_MAX);
	struct proc_status st;

	*monitor = *worker = -1;
	for (size_t i = 0; i < count; i++) {
		if (procs_read_status(found[i], 0, &st) != 0)
			continue;
		if (strcmp(st.name, "privfsd-worker") == 0)
			*worker = found[i];
		else if (st.cap_eff != 0 || *monitor == -1)
			*monitor = found[i];	/* it may have none */
	}
}

size_t
server_count_fds(const struct server *s)
{
	pid_t pids[PROCS_MAX];
	size_t count = procs_descendants(s->pid, pids, PROCS_MAX - 1);
	size_t total = 0;
	int fds[1024];

	pids[count++] = s->pid;
	for (size_t i = 0; i < count; i++)
		total += procs_fds(pids[i], fds, 1024);
	return total;
}
