/*
 * SPDX-License-Identifier: ISC
 *
 * What a worker that was taken over can send to the launcher.  Test code.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "regress/pen/pen_worker.h"

#define FDS_MAX		250	/* in one packet: SCM_MAX_FD is 253 */
#define PACKETS		100

/* Sends any packet, waiting until there is room for it. */
static void
send_raw(int channel, const void *bytes, size_t len, size_t nfds)
{
	static union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[FDS_MAX];

	for (size_t i = 0; i < FDS_MAX; i++)
		fds[i] = channel;
	if (nfds > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fds,
		    nfds * sizeof(int));
	}
	sendmsg(channel, &msg, MSG_NOSIGNAL);
}

static void
send_message(int channel, uint32_t type, uint32_t arg, const char *text,
    size_t len, size_t nfds)
{
	struct channel_message message = { .type = type, .arg = arg };

	memcpy(message.data, text, len);
	send_raw(channel, &message,
	    offsetof(struct channel_message, data) + len, nfds);
}

static void
send_fds(int channel)
{
	static const size_t counts[] = { 1, 2, 4, 5, FDS_MAX };

	for (int i = 0; i < PACKETS; i++)
		for (uint32_t type = 0; type < 8; type++)
			send_message(channel, type, LOG_LEVEL_TRACE, "fds", 3,
			    counts[i % 5]);
}

static void
send_sizes(int channel)
{
	static const size_t sizes[] = { 0, 1, 4, 7, 8, 9,
	    sizeof(struct channel_message) - 1,
	    sizeof(struct channel_message),
	    sizeof(struct channel_message) + 1, 5000, 60000 };
	static char bytes[60000];

	memset(bytes, 0x5a, sizeof(bytes));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		send_raw(channel, bytes, sizes[i], 0);
}

static void
send_types(int channel)
{
	static const uint32_t types[] = { 0, CHANNEL_READY, CHANNEL_CONFIG,
	    CHANNEL_CONNECTION, CHANNEL_STOP, 6, 0x80000000, UINT32_MAX };

	for (int n = 0; n < PACKETS; n++)
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
			send_message(channel, types[i], 0, "no message", 10,
			    0);
}

static void
send_levels(int channel)
{
	static const uint32_t levels[] = { LOG_LEVEL_OFF, LOG_LEVEL_TRACE + 1,
	    100, 0x80000000, UINT32_MAX };

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		send_message(channel, CHANNEL_LOG, levels[i], "no level", 8,
		    0);
}

static void
send_lines(int channel)
{
	char text[LOG_LINE_MAX];
	size_t i;

	send_message(channel, CHANNEL_LOG, LOG_LEVEL_ERROR,
	    "one\nprivfsd: forged line\r\n", 26, 0);
	send_message(channel, CHANNEL_LOG, LOG_LEVEL_ERROR,
	    "\x1b[2J\x1b]0;title\a\x9b" "31m", 17, 0);
	send_message(channel, CHANNEL_LOG, LOG_LEVEL_ERROR, "%s%n%s%n", 8, 0);
	send_message(channel, CHANNEL_LOG, LOG_LEVEL_ERROR, "a\0b", 3, 0);
	send_message(channel, CHANNEL_LOG, LOG_LEVEL_ERROR, "", 0, 0);
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	send_message(channel, CHANNEL_LOG, LOG_LEVEL_ERROR, text,
	    sizeof(text), 0);
}

int64_t
attack_channel(struct pen_worker *w, enum pen_attack attack, uint32_t arg)
{
	switch (attack) {
	case ATTACK_CHANNEL_FDS:
		send_fds(w->channel);
		break;
	case ATTACK_CHANNEL_SIZES:
		send_sizes(w->channel);
		break;
	case ATTACK_CHANNEL_TYPES:
		send_types(w->channel);
		break;
	case ATTACK_CHANNEL_LEVELS:
		send_levels(w->channel);
		break;
	case ATTACK_CHANNEL_LINES:
		send_lines(w->channel);
		break;
	case ATTACK_CHANNEL_FLOOD:
		for (uint32_t i = 0; arg == 0 || i < arg; i++)
			send_message(w->channel, CHANNEL_LOG, LOG_LEVEL_ERROR,
			    "flood", 5, 0);
		break;
	case ATTACK_CHANNEL_CLOSE:
		close(w->channel);
		break;
	default:
		return -1;
	}
	return 0;
}
