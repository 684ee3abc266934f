/*
 * SPDX-License-Identifier: ISC
 *
 * Background, readiness, log.  Runs in the launcher; all that it
 * needs later is opened before the launcher drops its rights.
 */
#include "config.h"

#include "launcher/daemon.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syslog.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/spawn.h"

static const struct sockaddr_un daemon_syslog_address = {
	.sun_family = AF_UNIX, .sun_path = "/dev/log"
};

/*
 * syslog(3) would make a new socket when syslogd was restarted, which the
 * launcher's filter forbids; a datagram to its address needs none.
 */
static void
daemon_log_syslog(void *arg, enum log_level level, const char *text)
{
	static const int priorities[] = { LOG_ERR, LOG_ERR, LOG_WARNING,
	    LOG_INFO, LOG_DEBUG, LOG_DEBUG };
	const struct daemon *daemon = arg;
	char line[LOG_LINE_MAX + 64];
	int n;

	/* syslogd adds the time; the C library would open /etc/localtime. */
	n = snprintf(line, sizeof(line), "<%d>privfsd[%d]: %s",
	    LOG_DAEMON | priorities[level], daemon->pid, text);
	if (n > 0)
		sendto(daemon->syslog_fd, line, (size_t)n < sizeof(line) ?
		    (size_t)n : sizeof(line) - 1, MSG_DONTWAIT | MSG_NOSIGNAL,
		    (const struct sockaddr *)&daemon_syslog_address,
		    sizeof(daemon_syslog_address));
}

/*
 * systemd.exec(5): JOURNAL_STREAM is device and inode of what stdout and stderr
 * were connected to; what was redirected since is another file.
 */
void
daemon_find_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) == -1)
		return;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	if (strcmp(stream, own) == 0)
		log_stderr_priorities();
}

static int
daemon_open_log(struct daemon *daemon, const struct options *options)
{
	if (!options->syslog)
		return 0;
	daemon->syslog_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (daemon->syslog_fd == -1) {
		log_error("syslog: %s", strerror(errno));
		return -errno;
	}
	return 0;
}

/* sd_notify(3): a datagram socket, named by a path or in the abstract. */
static void
daemon_open_notify(struct daemon *daemon)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@') ||
	    strlen(path) >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, path, strlen(path));
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(path));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	if (connect(fd, (struct sockaddr *)&sun, len) == -1) {
		log_warn("NOTIFY_SOCKET %s: %s", path, strerror(errno));
		close(fd);
		return;
	}
	daemon->notify_fd = fd;
}

/* The parent's part of daemonising: it ends with what the child reports. */
static void
daemon_wait(int status_fd)
{
	unsigned char ready = 0;
	ssize_t n;

	spawn_hold_signals(SIG_UNBLOCK);
	do {
		n = read(status_fd, &ready, 1);
	} while (n == -1 && errno == EINTR);
	_exit(n == 1 && ready == 1 ? 0 : 1);
}

static int
daemon_background(struct daemon *daemon)
{
	int status[2];
	pid_t pid;

	if (pipe2(status, O_CLOEXEC) == -1)
		goto fail;
	pid = fork();
	if (pid == -1)
		goto fail;
	if (pid > 0) {
		close(status[1]);
		daemon_wait(status[0]);
	}
	close(status[0]);
	daemon->status_fd = status[1];
	setsid();
	return 0;
fail:
	log_error("cannot go to the background: %s", strerror(errno));
	return -errno;
}

int
daemon_begin(struct daemon *daemon, const struct options *options)
{
	int error;

	*daemon = (struct daemon){ .status_fd = -1, .notify_fd = -1,
	    .syslog_fd = -1 };
	error = daemon_open_log(daemon, options);
	if (error != 0)
		return error;
	daemon_open_notify(daemon);
	/* gmtime_r(3) opens the time zone's file, if nobody has before. */
	tzset();
	error = options->daemonize ? daemon_background(daemon) : 0;
	daemon->pid = getpid();
	return error;
}

int
daemon_detach(struct daemon *daemon, const struct options *options)
{
	int fd;

	if (chdir("/") == -1) {
		log_error("cannot change to /: %s", strerror(errno));
		return -errno;
	}
	if (options->syslog)
		log_init(options->log_level, daemon_log_syslog, daemon);
	if (!options->daemonize)
		return 0;
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd == -1 || dup2(fd, 0) == -1 || dup2(fd, 1) == -1 ||
	    dup2(fd, 2) == -1) {
		log_error("/dev/null: %s", strerror(errno));
		return -errno;
	}
	close(fd);
	return 0;
}

static void __attribute__((format(printf, 3, 4)))
daemon_notify(const struct daemon *daemon, int flags, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	if (daemon->notify_fd == -1)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(text) && send(daemon->notify_fd, text,
	    (size_t)n, flags | MSG_NOSIGNAL) == -1)
		log_warn("NOTIFY_SOCKET: %s", strerror(errno));
}

static void
daemon_write_time(char *buf, size_t size)
{
	time_t now = time(NULL);
	struct tm tm = { 0 };

	gmtime_r(&now, &tm);
	snprintf(buf, size, "%d-%02d-%02d %02d:%02d:%02d UTC",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec);
}

void
daemon_ready(struct daemon *daemon, const struct options *options,
    bool listening)
{
	char where[512];
	const unsigned char one = 1;

	if (options->socket_path != NULL)
		log_escape(where, sizeof(where), options->socket_path,
		    strlen(options->socket_path));
	else
		snprintf(where, sizeof(where), "descriptor %ld", options->fd);
	if (listening)
		daemon_notify(daemon, 0, "READY=1\nSTATUS=Waiting for a "
		    "front-end on %s\n", where);
	else
		daemon_notify(daemon, 0, "READY=1\n");
	if (daemon->status_fd == -1)
		return;
	if (write(daemon->status_fd, &one, 1) != 1)
		log_warn("the waiting parent is gone");
	close(daemon->status_fd);
	daemon->status_fd = -1;
}

/* Whoever serves does not wait for the service manager. */
void
daemon_serving(const struct daemon *daemon, const char *peer)
{
	char since[64];

	daemon_write_time(since, sizeof(since));
	daemon_notify(daemon, MSG_DONTWAIT, "STATUS=Serving %s since %s\n",
	    peer, since);
}

void
daemon_ending(const struct daemon *daemon)
{
	daemon_notify(daemon, MSG_DONTWAIT, "STOPPING=1\nSTATUS=Ending\n");
}
