/*
 * SPDX-License-Identifier: ISC
 *
 * The vhost-user back-end with rings that nobody runs.  Only for tests.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "vhost_fixture.h"

#define BOUND_S		60	/* no test may hang */
#define NEED_REPLY	(VHOST_USER_VERSION | VHOST_USER_NEED_REPLY)
#define RING		VHOST_SAMPLE_RING

const char tag[VHOST_USER_TAG_SIZE] = "share";

struct vhost_user vu;
struct vhost_rings rings;
int front, back;
int memory_fd;
static int event_fd;		/* for kicks and calls */
static int fds_before;

static void
drop_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static int
count_fds(void)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			n++;
	closedir(dir);
	return n;
}

void
vhost_open(void)
{
	int sock[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    sock), 0);
	front = sock[0];
	back = sock[1];
	rings = (struct vhost_rings){ .vu = &vu, .base = 77 };
	assert_int_equal(vhost_user_init(&vu, back, tag,
	    &vhost_rings_backend, &rings), 0);
}

void
vhost_close(void)
{
	vhost_user_free(&vu);
	close(front);
	close(back);
}

int
vhost_set_up(void **state)
{
	(void)state;
	alarm(BOUND_S);
	log_init(LOG_LEVEL_TRACE, drop_line, NULL);
	fds_before = count_fds();
	memory_fd = vhost_sample_memfd();
	assert_int_not_equal(memory_fd, -1);
	event_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_not_equal(event_fd, -1);
	vhost_open();
	return 0;
}

int
vhost_tear_down(void **state)
{
	(void)state;
	vhost_close();
	close(memory_fd);
	close(event_fd);
	assert_int_equal(count_fds(), fds_before);
	alarm(0);
	return 0;
}

/*
 * The front-end.
 */

void
vhost_send(uint32_t request, uint32_t flags, uint32_t size,
    const void *payload, unsigned int nfds)
{
	bool event = request >= VHOST_USER_SET_VRING_KICK &&
	    request <= VHOST_USER_SET_VRING_ERR;

	assert_int_equal(vhost_sample_send(front, request, flags, size,
	    payload, size, event ? event_fd : memory_fd, nfds), 0);
}

/* Receives one reply's payload.  Returns its size, or -1 if there is none. */
int
vhost_reply(uint32_t request, union vhost_user_payload *out)
{
	struct vhost_user_header header;
	ssize_t n;

	n = recv(front, &header, sizeof(header), MSG_DONTWAIT);
	if (n <= 0)
		return -1;
	assert_int_equal(n, sizeof(header));
	assert_int_equal(header.request, request);
	assert_int_equal(header.flags, VHOST_USER_VERSION | VHOST_USER_REPLY);
	assert_true(header.size <= sizeof(*out));
	n = recv(front, out, header.size, MSG_DONTWAIT);
	assert_int_equal(header.size == 0 ? 0 : n, header.size);
	return (int)header.size;
}

void
vhost_refused_why(void)
{
	assert_string_not_equal(vu.why.text, "");
	for (int error = 0; error < 256; error++)
		assert_string_not_equal(vu.why.text, strerror(error));
}

/* Sends a message and asks for an acknowledgement.  Returns that. */
uint64_t
acked(uint32_t request, uint32_t size, const void *payload,
    unsigned int nfds)
{
	union vhost_user_payload reply;

	vhost_send(request, NEED_REPLY, size, payload, nfds);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_equal(vhost_reply(request, &reply), 8);
	if (reply.u64 != 0)
		vhost_refused_why();
	return reply.u64;
}

uint64_t
acked_u64(uint32_t request, uint64_t value, unsigned int nfds)
{
	return acked(request, sizeof(value), &value, nfds);
}

uint64_t
acked_state(uint32_t request, uint32_t index, uint32_t num)
{
	const struct vhost_user_vring_state state = { index, num };

	return acked(request, sizeof(state), &state, 0);
}

uint64_t
acked_good(uint32_t request, unsigned int nfds)
{
	union vhost_user_payload payload;
	uint32_t size;

	size = vhost_sample_payload(request, &payload);
	return acked(request, size, &payload, nfds);
}

uint64_t
vhost_get_u64(uint32_t request)
{
	union vhost_user_payload reply;

	vhost_send(request, VHOST_USER_VERSION, 0, NULL, 0);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_equal(vhost_reply(request, &reply), 8);
	return reply.u64;
}

/* Protocol features first, as QEMU does. */
void
vhost_negotiate(void)
{
	union vhost_user_payload payload;
	uint32_t size;

	size = vhost_sample_payload(VHOST_USER_SET_PROTOCOL_FEATURES,
	    &payload);
	vhost_send(VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_VERSION,
	    size, &payload, 0);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_equal(acked_good(VHOST_USER_SET_FEATURES, 0), 0);
}

void
vhost_set_up_ring(void)
{
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_NUM, 0), 0);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_BASE, 0), 0);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_ADDR, 0), 0);
}

/* All up to a ring that runs. */
void
vhost_start_ring(void)
{
	vhost_negotiate();
	assert_int_equal(acked_good(VHOST_USER_SET_MEM_TABLE, 1), 0);
	vhost_set_up_ring();
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 0);
	assert_int_equal(rings.started, 1);
	assert_true(vu.vrings[RING].started);
}

uint32_t
vhost_get_base(uint32_t index)
{
	const struct vhost_user_vring_state state = { index, 0 };
	union vhost_user_payload reply;

	vhost_send(VHOST_USER_GET_VRING_BASE, VHOST_USER_VERSION,
	    sizeof(state), &state, 0);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_equal(vhost_reply(VHOST_USER_GET_VRING_BASE, &reply), 8);
	assert_int_equal(reply.state.index, index);
	return reply.state.num;
}
