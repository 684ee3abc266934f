/* SPDX-License-Identifier: ISC */
/*
 * Hostile messages and what came of them; descriptors of every kind. Test
 * code.
 */
#include "torture.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MEMFD_SIZE	(1 << 20)

const char *
torture_outcome_name(enum torture_outcome o)
{
	static const char *const name[] = {
		[TORTURE_REFUSED] = "refused", [TORTURE_ACCEPTED] =
		"accepted", [TORTURE_SILENT] = "no answer", [TORTURE_CLOSED] =
		"closed", [TORTURE_HUNG] = "hangs", [TORTURE_WRONG] =
		"an answer to something else" };

	return name[o];
}

/* What a reply to the message says. */
static enum torture_outcome
torture_judge(const struct torture_message *m,
    const struct vhost_message *reply)
{
	const struct vhost_header *h = &reply->header;

	if (h->request != m->header.request ||
	    h->flags != (VHOST_FLAG_VERSION | VHOST_FLAG_REPLY))
		return TORTURE_WRONG;
	switch (m->header.request) {
	case VHOST_GET_CONFIG:
		return h->size == 0 ? TORTURE_REFUSED : TORTURE_ACCEPTED;
	case VHOST_GET_FEATURES:
	case VHOST_GET_PROTOCOL_FEATURES:
	case VHOST_GET_QUEUE_NUM:
	case VHOST_GET_VRING_BASE:
	case VHOST_GET_MAX_MEM_SLOTS:
	case VHOST_GET_STATUS:
		return h->size == 8 ? TORTURE_ACCEPTED : TORTURE_WRONG;
	default:
		if (h->size != 8)
			return TORTURE_WRONG;
		return reply->payload.u64 != 0 ? TORTURE_REFUSED :
		    TORTURE_ACCEPTED;
	}
}

static enum torture_outcome
torture_failure(int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return TORTURE_HUNG;
	case -ECONNRESET:
	case -EPIPE:
		return TORTURE_CLOSED;
	default:
		return TORTURE_WRONG;
	}
}

/* Takes a message, whose descriptors nobody wants. */
static int
torture_receive(struct torture *t, struct vhost_message *m)
{
	int error = vhost_receive(&t->front, m);

	while (error == 0 && m->fd_count > 0)
		close(m->fds[--m->fd_count]);
	return error;
}

enum torture_outcome
torture_send(struct torture *t, const struct torture_message *m)
{
	uint32_t last = m->header.request == VHOST_GET_FEATURES ?
	    VHOST_GET_QUEUE_NUM : VHOST_GET_FEATURES;
	enum torture_outcome outcome = TORTURE_SILENT;
	struct vhost_message reply;
	int error;

	error = vhost_send_raw(&t->front, &m->header, m->payload, m->len,
	    m->fds, m->fd_count);
	if (error == 0)
		error = vhost_send(&t->front, last, 0, NULL, 0, NULL, 0);
	/* What was said before the end may still be there to be read. */
	if (error != 0 && error != -EPIPE && error != -ECONNRESET)
		return torture_failure(error);
	for (;;) {
		error = torture_receive(t, &reply);
		if (error != 0)
			return torture_failure(error);
		if (reply.header.request == last)
			return outcome;
		if (outcome != TORTURE_SILENT)
			return TORTURE_WRONG;
		t->reply = reply;
		outcome = torture_judge(m, &reply);
	}
}

enum torture_outcome
torture_ask(struct torture *t, uint32_t request, const void *payload,
    size_t len, const int *fds, size_t fd_count)
{
	const struct torture_message m = { .header = { .request = request,
	    .flags = VHOST_FLAG_VERSION | VHOST_FLAG_NEED_REPLY,
	    .size = (uint32_t)len }, .payload = payload, .len = len,
	    .fds = fds, .fd_count = fd_count };

	return torture_send(t, &m);
}

int
torture_refuses(struct torture *t, uint32_t request, const void *payload,
    size_t len, const int *fds, size_t fd_count, const char *fmt, ...)
{
	enum torture_outcome outcome = torture_ask(t, request, payload, len,
	    fds, fd_count);
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	tap_ok(outcome == TORTURE_REFUSED, "%s: %s is refused",
	    vhost_request_name(request), what);
	if (outcome != TORTURE_REFUSED)
		tap_diag("outcome: %s", torture_outcome_name(outcome));
	return outcome == TORTURE_REFUSED;
}

static const char *const fd_names[TORTURE_FD_COUNT] = {
	[TORTURE_FD_EVENT] = "an eventfd",
	[TORTURE_FD_EVENT_FULL] = "an eventfd that is full and blocks",
	[TORTURE_FD_MEMFD] = "a memfd",
	[TORTURE_FD_MEMFD_RO] = "a memfd for reading",
	[TORTURE_FD_MEMFD_SEALED] = "a sealed memfd",
	[TORTURE_FD_MEMFD_EMPTY] = "an empty memfd",
	[TORTURE_FD_FILE] = "a file for reading",
	[TORTURE_FD_PATH] = "an O_PATH descriptor",
	[TORTURE_FD_DIRECTORY] = "a directory",
	[TORTURE_FD_NULL] = "/dev/null",
	[TORTURE_FD_ZERO] = "/dev/zero",
	[TORTURE_FD_SOCKET] = "a socket",
	[TORTURE_FD_PIPE_FULL] = "a pipe that is full and blocks",
	[TORTURE_FD_PIPE_BROKEN] = "a pipe without a reader",
	[TORTURE_FD_EPOLL] = "an epoll descriptor",
	[TORTURE_FD_TIMER] = "a timer",
	[TORTURE_FD_SELF] = "a process",
	[TORTURE_FD_CONNECTION] = "the front-end's own end",
};

const char *
torture_fd_name(enum torture_fd kind)
{
	return fd_names[kind];
}

static int
fd_memfd(enum torture_fd kind)
{
	int fd = memfd_create("torture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char path[64];
	int again = fd;

	if (fd < 0 || (kind != TORTURE_FD_MEMFD_EMPTY &&
	    ftruncate(fd, MEMFD_SIZE) != 0))
		tap_bail("memfd_create");
	if (kind == TORTURE_FD_MEMFD_SEALED)
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
	if (kind != TORTURE_FD_MEMFD_RO)
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	close(fd);
	return again;
}

static int
fd_pipe(enum torture_fd kind)
{
	static int reader = -1;
	static const uint8_t zero[4096];
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		tap_bail("pipe2");
	if (kind == TORTURE_FD_PIPE_BROKEN) {
		close(ends[0]);
		return ends[1];
	}
	while (write(ends[1], zero, sizeof(zero)) > 0)
		continue;
	fcntl(ends[1], F_SETFL, 0);
	/* One at a time lives as long as the test, with its reader. */
	if (reader >= 0)
		close(reader);
	reader = ends[0];
	return ends[1];
}

static int
fd_event(enum torture_fd kind)
{
	const uint64_t most = UINT64_MAX - 1;
	int fd = eventfd(0, EFD_CLOEXEC |
	    (kind == TORTURE_FD_EVENT ? EFD_NONBLOCK : 0));

	if (kind == TORTURE_FD_EVENT_FULL &&
	    write(fd, &most, sizeof(most)) != sizeof(most))
		tap_bail("eventfd");
	return fd;
}

static int
fd_socket(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		tap_bail("socketpair");
	close(ends[1]);
	return ends[0];
}

int
torture_fd(struct torture *t, enum torture_fd kind)
{
	const int cloexec = O_CLOEXEC;
	int fd = -1;

	switch (kind) {
	case TORTURE_FD_EVENT:
	case TORTURE_FD_EVENT_FULL:
		fd = fd_event(kind);
		break;
	case TORTURE_FD_MEMFD:
	case TORTURE_FD_MEMFD_RO:
	case TORTURE_FD_MEMFD_SEALED:
	case TORTURE_FD_MEMFD_EMPTY:
		fd = fd_memfd(kind);
		break;
	case TORTURE_FD_FILE:
		fd = open("/proc/self/exe", O_RDONLY | cloexec);
		break;
	case TORTURE_FD_PATH:
		fd = open("/proc/self/exe", O_PATH | cloexec);
		break;
	case TORTURE_FD_DIRECTORY:
		fd = open(t->share->dir, O_RDONLY | O_DIRECTORY | cloexec);
		break;
	case TORTURE_FD_NULL:
		fd = open("/dev/null", O_RDWR | cloexec);
		break;
	case TORTURE_FD_ZERO:
		fd = open("/dev/zero", O_RDWR | cloexec);
		break;
	case TORTURE_FD_SOCKET:
		fd = fd_socket();
		break;
	case TORTURE_FD_PIPE_FULL:
	case TORTURE_FD_PIPE_BROKEN:
		fd = fd_pipe(kind);
		break;
	case TORTURE_FD_EPOLL:
		fd = epoll_create1(EPOLL_CLOEXEC);
		break;
	case TORTURE_FD_TIMER:
		fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
		break;
	case TORTURE_FD_SELF:
		fd = pidfd_open(getpid(), 0);
		break;
	case TORTURE_FD_CONNECTION:
		fd = fcntl(t->front.sock, F_DUPFD_CLOEXEC, 0);
		break;
	case TORTURE_FD_COUNT:
		break;
	}
	if (fd < 0)
		tap_bail("%s: %s", torture_fd_name(kind), strerror(errno));
	return fd;
}
