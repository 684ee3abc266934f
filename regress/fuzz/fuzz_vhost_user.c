/*
 * SPDX-License-Identifier: ISC
 *
 * Fuzzer of the vhost-user back-end.  The input is a row of pieces: how many
 * descriptors go along, what the rings answer, how many bytes, and the bytes as
 * they are on the wire.  Every reply must be well formed, no ring may run
 * without what it takes, and no descriptor may be lost.
 */
#include "config.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "fuzz.h"
#include "regress/unit/vhost_sample.h"
#include "worker/reader.h"
#include "worker/vhost_user.h"

const char fuzz_name[] = "vhost_user";

#define FDS_MAX		12	/* in one piece */

static struct vhost_user vu;
static struct vhost_rings rings;
static int front, memory_fd, event_fd;

static void
drop_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static void
fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

/* Returns the lowest number that is free: lower than that are all in use. */
static int
lowest_fd(void)
{
	int fd = fcntl(memory_fd, F_DUPFD_CLOEXEC, 0);

	close(fd);
	return fd;
}

/* The descriptor that fits the message, if this is its beginning. */
static int
fitting_fd(const uint8_t *bytes, size_t len)
{
	if (len > 0 && bytes[0] >= VHOST_USER_SET_VRING_KICK &&
	    bytes[0] <= VHOST_USER_SET_VRING_ERR)
		return event_fd;
	return memory_fd;
}

/* Sends bytes with descriptors.  Returns whether there was room. */
static bool
send_piece(const uint8_t *bytes, size_t len, unsigned int nfds)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = fitting_fd(bytes, len);
	struct cmsghdr *cmsg;

	if (nfds > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		for (unsigned int i = 0; i < nfds; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &fd,
			    sizeof(int));
	}
	return sendmsg(front, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    (ssize_t)len;
}

/* Takes all replies. */
static void
check_replies(void)
{
	struct vhost_user_header header;
	uint8_t payload[VHOST_USER_PAYLOAD_MAX];
	ssize_t n;

	while ((n = recv(front, &header, sizeof(header), MSG_DONTWAIT)) > 0) {
		if (n != sizeof(header) || header.flags != 5 ||
		    header.size > sizeof(struct vhost_user_config))
			fail("a malformed reply");
		n = recv(front, payload, header.size, MSG_DONTWAIT);
		if (header.size > 0 && n != header.size)
			fail("a short reply");
	}
}

static void
check_rings(void)
{
	const struct vhost_user_vring *vring;

	for (size_t i = 0; i < VIRTIOFS_QUEUES; i++) {
		vring = &vu.vrings[i];
		if (vring->started && (vring->kick == -1 ||
		    vring->size == 0 || !vring->has_addr))
			fail("a ring runs without what it takes");
		if (!vring->started && !vu.pending && vring->kick != -1)
			fail("a stopped ring has a kick descriptor");
	}
	if (!vu.pending && vu.old_fd != -1)
		fail("an old descriptor is kept");
	if (vu.message.nfds > VHOST_USER_FDS_MAX)
		fail("too many descriptors");
}

/*
 * Lets it work until nothing is left of what was sent.  Returns whether the
 * connection goes on.
 */
static bool
run_piece(uint8_t choice)
{
	static const int results[] = { 0, 0, VHOST_USER_PENDING, -EINVAL };
	int result;
	uint8_t byte;

	rings.result = results[choice & 3];
	do {
		result = vhost_user_receive(&vu);
		check_rings();
		if (result == 0 && vu.pending)
			result = vhost_user_finish(&vu,
			    (choice & 4) != 0 ? -ENOMEM : 0);
		check_replies();
		check_rings();
	} while (result == 0 && recv(vu.sock, &byte, 1,
	    MSG_PEEK | MSG_DONTWAIT) == 1);
	return result == 0;
}

/* Takes one piece of the input.  Returns false if there is no more. */
static bool
next_piece(struct reader *input)
{
	const uint8_t *head = reader_bytes(input, 2);
	size_t len = reader_u16(input);

	if (input->error != 0)
		return false;
	if (len > input->left)
		len = input->left;
	return len > 0 && send_piece(reader_bytes(input, len), len,
	    head[0] % (FDS_MAX + 1)) && run_piece(head[1]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const char tag[VHOST_USER_TAG_SIZE] = "share";
	struct reader input;
	int free_fd, sock[2];

	log_init(LOG_LEVEL_OFF, drop_line, NULL);
	memory_fd = vhost_sample_memfd();
	event_fd = eventfd(0, EFD_CLOEXEC);
	if (memory_fd == -1 || event_fd == -1)
		abort();
	free_fd = lowest_fd();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) == -1)
		abort();
	front = sock[0];
	rings = (struct vhost_rings){ .vu = &vu, .base = 7 };
	if (vhost_user_init(&vu, sock[1], tag, &vhost_rings_backend,
	    &rings) != 0)
		abort();
	reader_init(&input, bytes, len);
	while (next_piece(&input))
		continue;
	vhost_user_free(&vu);
	close(sock[0]);
	close(sock[1]);
	if (lowest_fd() != free_fd || fcntl(free_fd + 1, F_GETFD) != -1)
		fail("a descriptor is lost");
	close(memory_fd);
	close(event_fd);
	return 0;
}
