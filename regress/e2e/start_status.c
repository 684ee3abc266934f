/* SPDX-License-Identifier: ISC */
/*
 * All names of the program: what a service manager is told (sd_notify(3)) while
 * the daemon waits, serves and ends. Test code; runs as root.
 */
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "names.h"
#include "server.h"
#include "tap.h"

/* A service manager's socket, whose reads are bounded. */
static int
manager_open(const char *path)
{
	const struct timeval limit = { .tv_sec = SERVER_TIMEOUT_MS / 1000 };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
	    sizeof(limit)) != 0)
		tap_bail("datagram socket %s: %s", path, strerror(errno));
	return fd;
}

/* The next word to the service manager, "" if none comes. */
static const char *
manager_read(int fd)
{
	static char text[2048];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* By this process, as root, at a time between two that were taken. */
static void
is_serving(const char *text, time_t before, time_t after, const char *what)
{
	struct tm tm = { 0 };
	char begin[128];
	const char *end;
	time_t since;

	snprintf(begin, sizeof(begin), "STATUS=Serving process %d of user 0 "
	    "since ", getpid());
	if (!tap_ok(strncmp(text, begin, strlen(begin)) == 0,
	    "%s: it serves, and whom", what)) {
		tap_diag("%s", text);
		return;
	}
	end = strptime(text + strlen(begin), "%Y-%m-%d %H:%M:%S UTC\n", &tm);
	since = end == NULL ? -1 : timegm(&tm);
	if (!tap_ok(end != NULL && *end == '\0' && since >= before &&
	    since <= after, "%s: and since when", what))
		tap_diag("%s", text);
}

/* From the start to the end, which the front-end or a signal makes. */
static void
test_states(const struct fixture *f, enum names name, int daemonize,
    int signalled)
{
	const struct names_how how = { .name = name, .daemonize = daemonize };
	char path[96], want[256], what[96];
	time_t before;
	struct named d;
	int client, fd;

	snprintf(what, sizeof(what), "%s%s%s", names_label(name),
	    daemonize ? ", in the background" : "",
	    signalled ? ", SIGTERM" : "");
	snprintf(path, sizeof(path), "%s/notify", f->base);
	fd = manager_open(path);
	setenv("NOTIFY_SOCKET", path, 1);
	names_start(&d, f, &how);
	unsetenv("NOTIFY_SOCKET");
	snprintf(want, sizeof(want), "READY=1\nSTATUS=Waiting for a front-end "
	    "on %s\n", names_socket(f));
	tap_is_str(manager_read(fd), want, "%s: it waits", what);
	before = time(NULL);
	client = server_connect(names_socket(f), SERVER_TIMEOUT_MS);
	tap_ok(client >= 0, "%s: a client connects", what);
	is_serving(manager_read(fd), before, time(NULL), what);
	if (signalled)
		kill(d.pid, SIGTERM);
	else
		close(client);
	tap_is_str(manager_read(fd), "STOPPING=1\nSTATUS=Ending\n",
	    "%s: it ends", what);
	names_end(&d, 0, what);
	tap_ok(recv(fd, want, sizeof(want), MSG_DONTWAIT) == -1,
	    "%s: that was all", what);
	if (signalled)
		close(client);
	close(fd);
	unlink(path);
}

/* A start that fails says nothing: it is neither ready nor ending. */
static void
test_failed(const struct fixture *f)
{
	const struct names_how how = { .name = NAMES_VIRTIOFS,
	    .extra = { "--worker-path=/bin/false" } };
	char path[96], text[64];
	struct named d;
	int fd;

	snprintf(path, sizeof(path), "%s/notify", f->base);
	fd = manager_open(path);
	setenv("NOTIFY_SOCKET", path, 1);
	names_start(&d, f, &how);
	unsetenv("NOTIFY_SOCKET");
	names_end(&d, 1, "a start that fails");
	tap_ok(recv(fd, text, sizeof(text), MSG_DONTWAIT) == -1,
	    "a start that fails: nothing is said");
	close(fd);
	unlink(path);
}

static void
body(struct fixture *f)
{
	for (enum names name = 0; name < NAMES; name++)
		for (int i = 0; i < 4; i++)
			test_states(f, name, i & 1, i & 2);
	test_failed(f);
}

int
main(void)
{
	return fixture_main(body, 300);
}
