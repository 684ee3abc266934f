/* SPDX-License-Identifier: ISC */
/*
 * Starts virtio-fs servers, each by its own options. Test code.
 */
#include "virtiofs_server.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

#define REAL_VIRTIOFSD	"/usr/lib/qemu/virtiofsd"

static const char *const kind_names[] = { "privfsd", "dropin", "c", "rust" };

enum virtiofs_kind
virtiofs_kind_from_env(void)
{
	const char *name = getenv("VIRTIOFS_SERVER");

	if (name == NULL)
		return VIRTIOFS_PRIVFSD;
	for (size_t i = 0; i < 4; i++)
		if (strcmp(name, kind_names[i]) == 0)
			return (enum virtiofs_kind)i;
	tap_bail("VIRTIOFS_SERVER=%s: privfsd, dropin, c or rust expected",
	    name);
}

const char *
virtiofs_kind_name(enum virtiofs_kind kind)
{
	return kind_names[kind];
}

int
virtiofs_has_readonly(enum virtiofs_kind kind)
{
	return kind == VIRTIOFS_PRIVFSD || kind == VIRTIOFS_RUST;
}

static void
virtiofs_socket_argument(struct server_arguments *a,
    const struct virtiofs_server_options *o, int fd)
{
	if (fd >= 0)
		server_argument(a, "--fd=%d", fd);
	else
		server_argument(a, "--socket-path=%s", o->socket_path);
}

/* Options as privfsd and the Rust virtiofsd spell them. */
static void
virtiofs_long_options(struct server_arguments *a,
    const struct virtiofs_server_options *o)
{
	server_argument(a, "--shared-dir=%s", o->share);
	if (o->cache != NULL)
		server_argument(a, "--cache=%s", o->cache);
	if (o->xattr)
		server_argument(a, "--xattr");
	if (o->readonly)
		server_argument(a, "--readonly");
	if (o->writeback)
		server_argument(a, "--writeback");
	if (o->thread_pool > 0)
		server_argument(a, "--thread-pool-size=%d", o->thread_pool);
}

/* And as the C virtiofsd does. */
static void
virtiofs_short_options(struct server_arguments *a,
    const struct virtiofs_server_options *o)
{
	if (o->readonly)
		tap_bail("there is no option for a read-only share");
	server_argument(a, "-f");
	server_argument(a, "-o");
	server_argument(a, "source=%s", o->share);
	if (o->cache != NULL) {
		server_argument(a, "-o");
		server_argument(a, "cache=%s", o->cache);
	}
	if (o->xattr) {
		server_argument(a, "-o");
		server_argument(a, "xattr");
	}
	if (o->writeback) {
		server_argument(a, "-o");
		server_argument(a, "writeback");
	}
	if (o->thread_pool > 0)
		server_argument(a, "--thread-pool-size=%d", o->thread_pool);
}

/* The program and what it must have; then the options. */
static void
virtiofs_command_line(struct server_arguments *a,
    const struct virtiofs_server_options *o, int fd)
{
	static char c_program[PATH_MAX], words[PATH_MAX];
	const char *program;
	char *next = words;

	switch (o->kind) {
	case VIRTIOFS_RUST:
		program = getenv("RUST_VIRTIOFSD");
		if (program == NULL)
			tap_skip_all("RUST_VIRTIOFSD is not set");
		snprintf(words, sizeof(words), "%s", program);
		for (char *word; (word = strsep(&next, " ")) != NULL; )
			server_argument(a, "%s", word);
		virtiofs_long_options(a, o);
		break;
	case VIRTIOFS_C:
		server_argument(a, "%s", server_resolve("REAL_VIRTIOFSD",
		    REAL_VIRTIOFSD, c_program));
		virtiofs_short_options(a, o);
		break;
	case VIRTIOFS_DROPIN:
		program = getenv("PRIVFSD_VIRTIOFSD");
		if (program == NULL)
			tap_bail("PRIVFSD_VIRTIOFSD is not set");
		server_argument(a, "%s", program);
		server_argument(a, "--worker-path=%s",
		    server_worker_program());
		virtiofs_short_options(a, o);
		break;
	case VIRTIOFS_PRIVFSD:
	default:
		server_argument(a, "%s", server_program(SERVER_PRIVFSD));
		server_argument(a, "--protocol=virtiofs");
		server_argument(a, "--worker-path=%s",
		    server_worker_program());
		virtiofs_long_options(a, o);
		break;
	}
	virtiofs_socket_argument(a, o, fd);
	for (size_t i = 0; o->extra != NULL && o->extra[i] != NULL; i++)
		server_argument(a, "%s", o->extra[i]);
}

static int
virtiofs_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path)) {
		close(fd);
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(fd, 1) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* The server's descriptor and, if there is already one, the front-end's. */
static int
virtiofs_sockets(const struct virtiofs_server_options *o, int pair[2])
{
	pair[0] = pair[1] = -1;
	if (o->socket == VIRTIOFS_CONNECTED)
		return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
		    pair) == 0 ? 0 : -errno;
	if (o->socket == VIRTIOFS_LISTENING)
		pair[1] = virtiofs_listen(o->socket_path);
	return o->socket == VIRTIOFS_LISTENING && pair[1] < 0 ? pair[1] : 0;
}

int
virtiofs_server_start(struct server *s,
    const struct virtiofs_server_options *o)
{
	struct server_arguments a = { .count = 0 };
	int pair[2], error;

	*s = (struct server){ .pid = -1, .fd = -1, .log_fd = -1 };
	error = virtiofs_sockets(o, pair);
	if (error != 0)
		return error;
	virtiofs_command_line(&a, o, pair[1]);
	s->pid = server_spawn(a.argv, pair[1], pair[1], &s->log_fd);
	s->fd = pair[0];
	if (pair[1] >= 0) {
		fstat(pair[1], &s->inherited);
		close(pair[1]);
	}
	if (o->no_connect || s->fd >= 0)
		return 0;
	s->fd = server_connect(o->socket_path, SERVER_TIMEOUT_MS);
	return s->fd < 0 ? s->fd : 0;
}
