/*
 * SPDX-License-Identifier: ISC
 *
 * The channel.  The launcher's half reads what a hostile worker may have sent:
 * one bounded packet at a time, descriptors only where they are expected.
 */
#include "config.h"

#include "common/channel.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

union channel_control {
	struct cmsghdr	align;
	char		buf[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
};

int
channel_create(int *launcher_out, int *child_out)
{
	int sock[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) == -1)
		return -errno;
	*launcher_out = sock[0];
	*child_out = sock[1];
	return 0;
}

int
channel_send(int channel, enum channel_type type, uint32_t arg,
    const void *data, size_t len, const int *fds, size_t nfds)
{
	uint32_t header[2] = { type, arg };
	struct iovec iov[2] = {
		{ header, sizeof(header) },
		{ (void *)(uintptr_t)data, len }
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	union channel_control control = { 0 };
	struct cmsghdr *cmsg;

	if (len > LOG_LINE_MAX || nfds > CHANNEL_FDS_MAX)
		return -EINVAL;
	if (nfds > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nfds * sizeof(int));
	}
	if (sendmsg(channel, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		return -errno;
	return 0;
}

/* Copies the descriptors of `msg` to `fds`; returns how many they are. */
static size_t
channel_take_fds(struct msghdr *msg, int *fds)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	size_t n;

	if (cmsg == NULL || cmsg->cmsg_level != SOL_SOCKET ||
	    cmsg->cmsg_type != SCM_RIGHTS)
		return 0;
	n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (n > CHANNEL_FDS_MAX)
		n = CHANNEL_FDS_MAX;
	memcpy(fds, CMSG_DATA(cmsg), n * sizeof(int));
	return n;
}

int
channel_receive(int channel, struct channel_message *message, int *fds,
    size_t nfds, size_t *nfds_out)
{
	struct iovec iov = { message, sizeof(*message) };
	union channel_control control;
	/*
	 * Without a control buffer the kernel drops descriptors before they
	 * are installed (unix(7), MSG_CTRUNC).
	 */
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = nfds > 0 ? control.buf : NULL,
	    .msg_controllen = nfds > 0 ? sizeof(control.buf) : 0 };
	int taken[CHANNEL_FDS_MAX];
	size_t i, ntaken;
	ssize_t n;

	/* A reset is told once, and before what the other side has sent. */
	do {
		n = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == ECONNRESET);
	if (n == -1)
		return -errno;
	ntaken = channel_take_fds(&msg, taken);
	if (n < (ssize_t)offsetof(struct channel_message, data) ||
	    (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || ntaken > nfds) {
		for (i = 0; i < ntaken; i++)
			close(taken[i]);
		return n == 0 ? -ENODATA : -EPROTO;
	}
	if (nfds > 0) {
		memcpy(fds, taken, ntaken * sizeof(int));
		*nfds_out = ntaken;
	}
	return (int)(n - (ssize_t)offsetof(struct channel_message, data));
}

void
channel_log(void *arg, enum log_level level, const char *text)
{
	const int *channel = arg;
	size_t len = strnlen(text, LOG_LINE_MAX);

	/* A line that does not fit is lost: a log must not hold up a guest. */
	channel_send(*channel, CHANNEL_LOG, level, text, len, NULL, 0);
}
