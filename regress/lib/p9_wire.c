/* SPDX-License-Identifier: ISC */
/*
 * The client's side of the 9p-proxy protocol: sending, receiving and judging
 * replies. Test code; the replies come from a server that is not trusted.
 */
#include "p9_wire.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_ERRNO	4095
#define FD_VALID	0x7fffffff	/* QEMU's V9FS_FD_VALID */
#define FDS_NOTICED	16

const char *
p9_result_name(int result)
{
	static char text[32];

	switch (result) {
	case 0:
		return "success";
	case P9_TIMEOUT:
		return "no answer in time";
	case P9_EOF:
		return "connection closed in place of an answer";
	case P9_RESET:
		return "connection reset";
	case P9_SEND:
		return "request could not be sent";
	case P9_BAD_REPLY:
		return "reply breaks the protocol";
	}
	if (result < 0 && result >= -MAX_ERRNO &&
	    strerrorname_np(-result) != NULL)
		return strerrorname_np(-result);
	snprintf(text, sizeof(text), "%d", result);
	return text;
}

static int
p9_wait(const struct p9_client *c, short events)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	int n;

	if (c->timeout_ms == 0)
		return 0;
	do {
		n = poll(&p, 1, c->timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : P9_TIMEOUT;
}

int
p9_send(struct p9_client *c, const void *bytes, size_t len, size_t step)
{
	const char *p = bytes;

	while (len > 0) {
		size_t piece = step != 0 && step < len ? step : len;
		ssize_t n = send(c->fd, p, piece, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			if (p9_wait(c, POLLOUT) != 0)
				return P9_TIMEOUT;
			continue;
		}
		if (n < 0)
			return P9_SEND;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
p9_send_with_fd(struct p9_client *c, const void *bytes, size_t len, int fd)
{
	union {
		struct cmsghdr	header;
		char		space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes,
	    .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n;

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
	return n == (ssize_t)len ? 0 : P9_SEND;
}

/* Counts the descriptors of a message; keeps the first, closes the others. */
static int
p9_take_fds(struct msghdr *msg, int *fd)
{
	int count = 0;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h != NULL;
	    h = CMSG_NXTHDR(msg, h)) {
		if (h->cmsg_level != SOL_SOCKET ||
		    h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <=
		    h->cmsg_len; i++) {
			int got;

			memcpy(&got, CMSG_DATA(h) + i * sizeof(int),
			    sizeof(got));
			if (count++ == 0)
				*fd = got;
			else
				close(got);
		}
	}
	return count;
}

/* One recvmsg. Returns the number of bytes (not 0) or an enum p9_failure. */
static ssize_t
p9_receive_some(struct p9_client *c, void *out, size_t len, int *fd,
    int *fd_count)
{
	char control[CMSG_SPACE(FDS_NOTICED * sizeof(int))];
	struct iovec iov = { .iov_base = out, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n;

	if (p9_wait(c, POLLIN) != 0)
		return P9_TIMEOUT;
	do {
		n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return P9_TIMEOUT;
	if (n < 0)
		return errno == ECONNRESET ? P9_RESET : P9_EOF;
	*fd_count = p9_take_fds(&msg, fd);
	if (n == 0)
		return P9_EOF;
	return n;
}

/*
 * A server that cannot go on may say -EIO in 4 bytes before it closes the
 * connection: the answer to a T_OPEN or T_CREATE that is on its way, and an
 * end within the header, which is EIO to QEMU, for any other request.
 */
static int
p9_is_parting(const void *bytes, size_t len)
{
	const int32_t parting = -EIO;

	return len == sizeof(parting) && memcmp(bytes, &parting, len) == 0;
}

/* Exactly len bytes, without a descriptor among them. */
static int
p9_receive_bytes(struct p9_client *c, void *out, size_t len)
{
	uint8_t *p = out;
	size_t done = 0;

	while (done < len) {
		int fd = -1, fd_count = 0;
		ssize_t n = p9_receive_some(c, p + done, len - done, &fd,
		    &fd_count);

		if (fd >= 0)
			close(fd);
		if (n == P9_EOF && done > 0 && !p9_is_parting(out, done))
			return P9_BAD_REPLY;
		if (n < 0)
			return (int)n;
		if (fd_count != 0)
			return P9_BAD_REPLY;
		done += (size_t)n;
	}
	return 0;
}

int
p9_receive(struct p9_client *c, struct p9_reply *r)
{
	uint32_t header[2];
	int error;

	error = p9_receive_bytes(c, header, sizeof(header));
	if (error != 0)
		return error;
	r->type = header[0];
	r->size = header[1];
	if (r->type > P9_ERROR || r->size > sizeof(r->data))
		return P9_BAD_REPLY;
	error = p9_receive_bytes(c, r->data, r->size);
	return error == P9_EOF ? P9_BAD_REPLY : error;
}

int
p9_receive_fd(struct p9_client *c, int *fd)
{
	int32_t value = 0;
	int got = -1, fd_count = 0;
	ssize_t n;

	*fd = -1;
	/* QEMU calls recvmsg once, so 4 bytes have to be there at once. */
	n = p9_receive_some(c, &value, sizeof(value), &got, &fd_count);
	if (n < 0)
		return (int)n;
	if (n == sizeof(value) && value == FD_VALID && fd_count == 1) {
		*fd = got;
		return 0;
	}
	if (got >= 0)
		close(got);
	if (n == sizeof(value) && value < 0 && value >= -MAX_ERRNO &&
	    fd_count == 0)
		return value;
	return P9_BAD_REPLY;
}

int
p9_receive_eof(struct p9_client *c)
{
	int32_t last;
	int error = p9_receive_bytes(c, &last, sizeof(last));

	if (error == 0 && p9_is_parting(&last, sizeof(last)))
		error = p9_receive_bytes(c, &last, 1);
	if (error == P9_EOF || error == P9_RESET)
		return 0;
	return error == 0 ? P9_BAD_REPLY : error;
}

/* A payload that is one string of at most limit bytes. */
static int
p9_is_string(const struct p9_reply *r, uint32_t limit)
{
	uint16_t len;

	if (r->size < sizeof(len))
		return 0;
	memcpy(&len, r->data, sizeof(len));
	return r->size == sizeof(len) + len && len <= limit;
}

/* Is a T_SUCCESS reply one that QEMU can take for this request? */
static int
p9_success_is_valid(const struct p9_msg *m, const struct p9_reply *r)
{
	uint32_t type = p9_msg_type(m), size;
	int32_t status = -1;

	if (r->size >= sizeof(status))
		memcpy(&status, r->data, sizeof(status));
	switch (type) {
	case P9_LSTAT:
		return r->size == P9_STAT_SIZE;
	case P9_STATFS:
		return r->size == P9_STATFS_SIZE;
	case P9_GETVERSION:
		return r->size == P9_VERSION_SIZE;
	case P9_READLINK:
		/* The size is the last field; QEMU adds a NUL. */
		size = p9_msg_field(m, m->len - P9_HEADER_SIZE - 4);
		return size > 0 && p9_is_string(r, size - 1) &&
		    memchr(r->data + 2, '\0', r->size - 2) == NULL;
	case P9_LGETXATTR:
	case P9_LLISTXATTR:
		size = p9_msg_field(m, 0);
		if (size != 0)
			return p9_is_string(r, size);
		return r->size == sizeof(status) && status >= 0;
	default:
		return r->size == sizeof(status) && status == 0;
	}
}

static int
p9_judge(const struct p9_msg *m, const struct p9_reply *r)
{
	int32_t status;

	if (r->type == P9_SUCCESS)
		return p9_success_is_valid(m, r) ? 0 : P9_BAD_REPLY;
	if (r->size != sizeof(status))
		return P9_BAD_REPLY;
	memcpy(&status, r->data, sizeof(status));
	return status < 0 && status >= -MAX_ERRNO ? status : P9_BAD_REPLY;
}

/* Nothing may be waiting before a request: no reply without a question. */
static int
p9_send_message(struct p9_client *c, struct p9_msg *m)
{
	char waiting[8];
	ssize_t n = recv(c->fd, waiting, sizeof(waiting), MSG_PEEK |
	    MSG_DONTWAIT);

	if (n > 0 && !p9_is_parting(waiting, (size_t)n))
		return P9_BAD_REPLY;
	p9_msg_finish(m);
	return p9_send(c, m->buf, m->len, 0);
}

int
p9_answer(struct p9_client *c, const struct p9_msg *m)
{
	static struct p9_reply reply;
	uint32_t type = p9_msg_type(m);
	int error, fd;

	if (type == P9_OPEN || type == P9_CREATE) {
		error = p9_receive_fd(c, &fd);
		if (fd >= 0)
			close(fd);
		return error;
	}
	error = p9_receive(c, &reply);
	return error == 0 ? p9_judge(m, &reply) : error;
}

int
p9_exchange(struct p9_client *c, struct p9_msg *m)
{
	int error = p9_send_message(c, m);

	return error == 0 ? p9_answer(c, m) : error;
}

int
p9_call(struct p9_client *c, struct p9_msg *m, struct p9_reply *r)
{
	int error = p9_send_message(c, m);

	if (error == 0)
		error = p9_receive(c, r);
	return error == 0 ? p9_judge(m, r) : error;
}

int
p9_call_fd(struct p9_client *c, struct p9_msg *m, int *fd)
{
	int error = p9_send_message(c, m);

	*fd = -1;
	return error == 0 ? p9_receive_fd(c, fd) : error;
}
