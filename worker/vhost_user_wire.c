/*
 * SPDX-License-Identifier: ISC
 *
 * The framing of vhost-user.  Parses hostile input from the front-end.  Runs
 * sandboxed.
 */
#include "config.h"

#include "worker/vhost_user_wire.h"

#include <sys/socket.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#define HEADER_SIZE	sizeof(struct vhost_user_header)

/* Takes the descriptors of a packet.  Those without room are closed. */
static void
take_fds(struct vhost_user_message *message, struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	size_t i, n;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int),
			    sizeof(int));
			if (message->nfds < VHOST_USER_FDS_MAX) {
				message->fds[message->nfds++] = fd;
				continue;
			}
			close(fd);
			message->surplus = true;
		}
	}
	/* The kernel has dropped some (unix(7)): too many, or no room here. */
	if ((msg->msg_flags & MSG_CTRUNC) != 0)
		message->surplus = true;
}

/* Receives up to `len` bytes.  Returns how many, 0 at the end, or -errno. */
static ssize_t
receive_bytes(struct vhost_user_message *message, int sock, void *bytes,
    size_t len)
{
	struct iovec iov = { bytes, len };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(VHOST_USER_FDS_MAX * sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	ssize_t n;

	n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n == -1)
		return errno == EINTR ? -EAGAIN : -errno;
	take_fds(message, &msg);
	message->len += (size_t)n;
	return n;
}

/*
 * Receives until the message has `want` bytes.  It never asks for more: the
 * descriptors of the next message come with its first byte (unix(7)).  Returns
 * VHOST_USER_COMPLETE if it has, 0 at the end of the connection, or -errno.
 */
static int
receive_until(struct vhost_user_message *message, int sock, size_t want)
{
	uint8_t *to;
	ssize_t n;

	while (message->len < want) {
		to = message->len < HEADER_SIZE ?
		    (uint8_t *)&message->header + message->len :
		    message->payload.bytes + (message->len - HEADER_SIZE);
		n = receive_bytes(message, sock, to, want - message->len);
		if (n <= 0)
			return (int)n;
	}
	return VHOST_USER_COMPLETE;
}

/* What follows a wrong header cannot be told from a payload. */
static int
check_header(const struct vhost_user_header *header)
{
	if ((header->flags & VHOST_USER_VERSION_MASK) == VHOST_USER_VERSION &&
	    (header->flags & ~VHOST_USER_FLAGS) == 0 &&
	    (header->flags & VHOST_USER_REPLY) == 0 &&
	    header->size <= VHOST_USER_PAYLOAD_MAX)
		return 0;
	log_error("vhost-user: a message with flags %#" PRIx32 " and size %"
	    PRIu32 ": closing the connection", header->flags, header->size);
	return -EPROTO;
}

/* No more is there; `result` is 0 at the end of the connection. */
static int
receive_end(const struct vhost_user_message *message, int result)
{
	if (result == -EAGAIN)
		return 0;
	if (result != 0 && result != -ECONNRESET)
		return result;
	if (message->len == 0)
		return VHOST_USER_END;
	log_warn("the front-end disconnected in the middle of a message");
	return -EPROTO;
}

int
vhost_user_wire_receive(struct vhost_user_message *message, int sock)
{
	int error, n;

	n = receive_until(message, sock, HEADER_SIZE);
	if (n <= 0)
		return receive_end(message, n);
	error = check_header(&message->header);
	if (error != 0)
		return error;
	n = receive_until(message, sock, HEADER_SIZE + message->header.size);
	return n <= 0 ? receive_end(message, n) : n;
}

void
vhost_user_wire_clear(struct vhost_user_message *message)
{
	for (size_t i = 0; i < message->nfds; i++)
		if (message->fds[i] != -1)
			close(message->fds[i]);
	message->len = 0;
	message->nfds = 0;
	message->surplus = false;
}

int
vhost_user_wire_send(struct vhost_user_reply *reply, int sock)
{
	struct iovec iov[2] = {
		{ &reply->header, HEADER_SIZE },
		{ &reply->payload, reply->header.size }
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	size_t part, skip = reply->sent;
	ssize_t n;

	if (reply->len == 0)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		part = skip < iov[i].iov_len ? skip : iov[i].iov_len;
		iov[i].iov_base = (uint8_t *)iov[i].iov_base + part;
		iov[i].iov_len -= part;
		skip -= part;
	}
	n = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		return errno == EPIPE || errno == ECONNRESET ?
		    VHOST_USER_END : -errno;
	}
	reply->sent += (size_t)n;
	if (reply->sent == reply->len)
		reply->sent = reply->len = 0;
	return 0;
}
