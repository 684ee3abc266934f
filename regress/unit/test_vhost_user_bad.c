/*
 * SPDX-License-Identifier: ISC
 *
 * The vhost-user back-end and a hostile front-end: every message with wrong
 * sizes, wrong descriptors, at the wrong time, in pieces, cut short.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "vhost_fixture.h"

#define REQUESTS	48	/* known ones and some more */
#define NEED_REPLY	(VHOST_USER_VERSION | VHOST_USER_NEED_REPLY)
#define RING		VHOST_SAMPLE_RING

/*
 * Bad messages.
 */

/*
 * Sends a bad message, once with and once without asking for an answer.  Either
 * it is refused, or the connection has to be closed.
 */
static void
refused(uint32_t request, uint32_t size, const void *payload,
    unsigned int nfds, bool owes_reply)
{
	static const uint32_t flags[] = { NEED_REPLY, VHOST_USER_VERSION };
	union vhost_user_payload reply;
	int n, result;

	for (size_t i = 0; i < 2; i++) {
		vhost_send(request, flags[i], size, payload, nfds);
		result = vhost_user_receive(&vu);
		n = vhost_reply(request, &reply);
		vhost_refused_why();
		if (request == VHOST_USER_GET_CONFIG) {
			assert_int_equal(result, 0);
			assert_int_equal(n, 0);
		} else if (owes_reply) {
			assert_int_equal(result, -EPROTO);
			assert_int_equal(n, -1);
		} else if (flags[i] == NEED_REPLY) {
			assert_int_equal(result, 0);
			assert_int_equal(n, 8);
			assert_int_not_equal(reply.u64, 0);
		} else {
			assert_true(result == 0 || result == -EPROTO);
			assert_int_equal(n, -1);
		}
	}
}

static const struct vhost_sample *
sample_of(uint32_t request)
{
	for (size_t i = 0; i < vhost_sample_count; i++)
		if (vhost_samples[i].request == request)
			return &vhost_samples[i];
	return NULL;
}

static bool
sample_good(const struct vhost_sample *sample, uint32_t size,
    unsigned int nfds)
{
	if (sample == NULL || size != sample->size)
		return false;
	return nfds == sample->nfds ||
	    (sample->request == VHOST_USER_REM_MEM_REG && nfds == 1);
}

/* All requests, known or not, of all sizes around those that are right. */
static void
test_wrong_sizes(void **state)
{
	union vhost_user_payload payload;
	const struct vhost_sample *sample;

	(void)state;
	vhost_start_ring();
	for (uint32_t request = 0; request < REQUESTS; request++) {
		sample = sample_of(request);
		vhost_sample_payload(request, &payload);
		for (uint32_t size = 0; size < 300; size++)
			if (!sample_good(sample, size, sample == NULL ? 0 :
			    sample->nfds))
				refused(request, size, &payload,
				    sample == NULL ? 0 : sample->nfds,
				    sample != NULL && sample->reply > 0);
		refused(request, VHOST_USER_PAYLOAD_MAX, &payload, 0,
		    sample != NULL && sample->reply > 0);
	}
	assert_true(vu.vrings[RING].started);
	assert_int_equal(rings.stopped, 0);
	assert_int_equal(rings.updated, 0);
}

/* Any number of descriptors but the right one; none may stay open. */
static void
test_wrong_fds(void **state)
{
	union vhost_user_payload payload;
	const struct vhost_sample *sample;
	uint32_t size;

	(void)state;
	vhost_start_ring();
	for (uint32_t request = 0; request < REQUESTS; request++) {
		sample = sample_of(request);
		size = vhost_sample_payload(request, &payload);
		for (unsigned int nfds = 0; nfds < 20; nfds++)
			if (!sample_good(sample, size, nfds))
				refused(request, size, &payload, nfds,
				    sample != NULL && sample->reply > 0);
	}
	assert_true(vu.vrings[RING].started);
	assert_int_equal(rings.stopped, 0);
	assert_int_equal(rings.updated, 0);
}

static void
test_wrong_ring(void **state)
{
	static const uint32_t indices[] = { 65, 66, 255, 256, 65536,
	    UINT32_MAX };
	static const uint32_t requests[] = { VHOST_USER_SET_VRING_NUM,
	    VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_BASE,
	    VHOST_USER_GET_VRING_BASE, VHOST_USER_SET_VRING_ENABLE };
	union vhost_user_payload payload;
	uint32_t size;

	(void)state;
	vhost_negotiate();
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		for (size_t j = 0; j < sizeof(indices) / sizeof(indices[0]);
		    j++) {
			size = vhost_sample_payload(requests[i], &payload);
			payload.state.index = indices[j];
			refused(requests[i], size, &payload, 0,
			    requests[i] == VHOST_USER_GET_VRING_BASE);
		}
}

/* The number that goes with a kick, call or error descriptor. */
static void
test_ring_fd_number(void **state)
{
	static const uint32_t requests[] = { VHOST_USER_SET_VRING_KICK,
	    VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_ERR };

	(void)state;
	vhost_negotiate();
	vhost_set_up_ring();
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(acked_u64(requests[i], 65, 1), 1);
		assert_int_equal(acked_u64(requests[i], 255, 1), 1);
		assert_int_equal(acked_u64(requests[i], RING | 0x200, 1), 1);
		assert_int_equal(acked_u64(requests[i],
		    RING | UINT64_C(1) << 32, 1), 1);
		assert_int_equal(acked_u64(requests[i],
		    UINT64_C(1) << 63, 1), 1);
		/* "no descriptor", and one; a descriptor, and none. */
		assert_int_equal(acked_u64(requests[i], RING | 0x100, 1), 1);
		assert_int_equal(acked_u64(requests[i], RING, 0), 1);
	}
	assert_int_equal(rings.started, 0);
	/* No calls are fine; to poll for requests is not supported. */
	assert_int_equal(acked_u64(VHOST_USER_SET_VRING_CALL, RING, 1), 0);
	assert_int_not_equal(vu.vrings[RING].call, -1);
	assert_int_equal(acked_u64(VHOST_USER_SET_VRING_CALL, RING | 0x100,
	    0), 0);
	assert_int_equal(vu.vrings[RING].call, -1);
	assert_int_equal(acked_u64(VHOST_USER_SET_VRING_ERR, RING | 0x100,
	    0), 0);
	assert_int_equal(acked_u64(VHOST_USER_SET_VRING_KICK, RING | 0x100,
	    0), 1);
	assert_int_equal(rings.started, 0);
}

static void
test_wrong_values(void **state)
{
	union vhost_user_payload payload;

	(void)state;
	vhost_negotiate();
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_NUM, RING, 0), 1);
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_NUM, RING, 32769),
	    1);
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_NUM, RING, 32768),
	    0);
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_ENABLE, RING, 2),
	    1);
	vhost_sample_payload(VHOST_USER_SET_VRING_ADDR, &payload);
	payload.addr.flags = 1;
	assert_int_equal(acked(VHOST_USER_SET_VRING_ADDR, 40, &payload, 0),
	    1);
	assert_false(vu.vrings[RING].has_addr);
}

/* A ring that runs has to be stopped first; features are for all of them. */
static void
test_running(void **state)
{
	(void)state;
	vhost_start_ring();
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_NUM, 0), 1);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_BASE, 0), 1);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_ADDR, 0), 1);
	assert_int_equal(acked_good(VHOST_USER_SET_FEATURES, 0), 1);
	assert_int_equal(acked_good(VHOST_USER_SET_PROTOCOL_FEATURES, 0), 1);
	/* Other rings may be set up. */
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_NUM, 2, 64), 0);
	assert_int_equal(vhost_get_base(RING), 77);
	assert_int_equal(acked_good(VHOST_USER_SET_FEATURES, 0), 0);
}

/* A ring that cannot start yet. */
static void
test_too_early(void **state)
{
	(void)state;
	vhost_negotiate();
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 1);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_NUM, 0), 0);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 1);
	assert_int_equal(rings.started, 0);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_ADDR, 0), 0);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 0);
	assert_int_equal(rings.started, 1);
}

/* What belongs to a protocol feature that was not negotiated. */
static void
test_not_negotiated(void **state)
{
	static const struct {
		uint32_t	request;
		bool		owes_reply;
	} cases[] = {
		{ VHOST_USER_GET_MAX_MEM_SLOTS, true },
		{ VHOST_USER_ADD_MEM_REG, false },
		{ VHOST_USER_REM_MEM_REG, false },
		{ VHOST_USER_SET_STATUS, false },
		{ VHOST_USER_GET_STATUS, true },
		{ VHOST_USER_GET_CONFIG, false },
		{ VHOST_USER_SET_VRING_ENABLE, false },
	};
	const uint64_t reply_ack = 1 << 3;
	union vhost_user_payload payload;
	uint32_t size;

	(void)state;
	vhost_send(VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_VERSION, 8,
	    &reply_ack, 0);
	assert_int_equal(vhost_user_receive(&vu), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size = vhost_sample_payload(cases[i].request, &payload);
		refused(cases[i].request, size, &payload,
		    sample_of(cases[i].request)->nfds, cases[i].owes_reply);
	}
	assert_int_equal(guest_memory_count(vu.memory), 0);
}

/* An answer that was not negotiated is not given. */
static void
test_no_reply_ack(void **state)
{
	union vhost_user_payload payload, reply;
	uint32_t size;

	(void)state;
	size = vhost_sample_payload(VHOST_USER_SET_VRING_NUM, &payload);
	vhost_send(VHOST_USER_SET_VRING_NUM, NEED_REPLY, size, &payload, 0);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_equal(vhost_reply(0, &reply), -1);
	/* Nobody knows whether its sender waits. */
	vhost_send(VHOST_USER_IOTLB_MSG, NEED_REPLY, 0, NULL, 0);
	assert_int_equal(vhost_user_receive(&vu), -EPROTO);
}

/*
 * What its reader is told.
 */

static void
is_why(const char *part)
{
	if (strstr(vu.why.text, part) == NULL)
		fail_msg("\"%s\" has no \"%s\"", vu.why.text, part);
}

/* The value, and what it would have to be. */
static void
test_reasons(void **state)
{
	union vhost_user_payload payload;

	(void)state;
	vhost_negotiate();
	acked_state(VHOST_USER_SET_VRING_NUM, 65, 64);
	is_why("there is no ring 65: they are 0 to 64");
	acked_state(VHOST_USER_SET_VRING_NUM, RING, 32769);
	is_why("a size of 32769, not 1 to 32768");
	acked_u64(VHOST_USER_SET_FEATURES, UINT64_C(1) << 35, 0);
	is_why("0x800000000 were not offered");
	acked_good(VHOST_USER_SET_VRING_KICK, 1);
	is_why("ring 1 has no SET_VRING_NUM before it");
	acked_good(VHOST_USER_ADD_MEM_REG, 0);
	is_why("it comes with 0 descriptors, where 1 to 1 are due");
	acked_good(VHOST_USER_REM_MEM_REG, 0);
	is_why("none of the 0 regions");
	acked_good(VHOST_USER_ADD_MEM_REG, 1);
	acked_good(VHOST_USER_ADD_MEM_REG, 1);
	is_why("a region of 0x10000 bytes at 0x10000 overlaps the one");
	vhost_sample_payload(VHOST_USER_ADD_MEM_REG, &payload);
	payload.region.region.guest_addr = 0x100000;
	payload.region.region.size++;
	acked(VHOST_USER_ADD_MEM_REG, 40, &payload, 1);
	is_why("has 0x10001 bytes from 0 on, of a file of 0x10000");
	acked_u64(VHOST_USER_SET_STATUS, 0x100, 0);
	is_why("status 0x100, of more than 8 bits");
	vhost_set_up_ring();
	acked_good(VHOST_USER_SET_VRING_KICK, 1);
	acked_good(VHOST_USER_SET_OWNER, 0);
	is_why("ring 1 is not stopped");
}

/*
 * Who does not ask whether a ring has started, with a guest that waits for it,
 * is told by the end of the connection.
 */
static void
test_silent_kick(void **state)
{
	union vhost_user_payload payload;
	uint32_t size;

	(void)state;
	vhost_negotiate();
	vhost_set_up_ring();
	rings.result = -EINVAL;
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 1);
	size = vhost_sample_payload(VHOST_USER_SET_VRING_KICK, &payload);
	vhost_send(VHOST_USER_SET_VRING_KICK, VHOST_USER_VERSION, size,
	    &payload, 1);
	assert_int_equal(vhost_user_receive(&vu), -EPROTO);
	is_why("so the rings say");
	rings.result = VHOST_USER_PENDING;
	vhost_send(VHOST_USER_SET_VRING_KICK, VHOST_USER_VERSION, size,
	    &payload, 1);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_equal(vhost_user_finish(&vu, -EINVAL), -EPROTO);
}

/*
 * Framing.
 */

static void
test_bad_header(void **state)
{
	static const struct {
		uint32_t	flags;
		uint32_t	size;
	} cases[] = {
		{ 0, 0 }, { 2, 0 }, { 3, 0 }, { VHOST_USER_VERSION | 4, 0 },
		{ VHOST_USER_VERSION | 0x10, 0 },
		{ VHOST_USER_VERSION | 0x80000000, 0 },
		{ VHOST_USER_VERSION, VHOST_USER_PAYLOAD_MAX + 1 },
		{ VHOST_USER_VERSION, UINT32_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(vhost_sample_send(front,
		    VHOST_USER_GET_FEATURES, cases[i].flags, cases[i].size,
		    NULL, 0, memory_fd, 3), 0);
		assert_int_equal(vhost_user_receive(&vu), -EPROTO);
		vhost_close();
		vhost_open();
	}
}

/* Byte by byte; descriptors come with any of them. */
static void
test_pieces(void **state)
{
	struct {
		struct vhost_user_header	header;
		union vhost_user_payload	payload;
	} message = { .header = { VHOST_USER_SET_MEM_TABLE, NEED_REPLY, 40 } };
	union vhost_user_payload reply;
	const uint8_t *bytes = (const uint8_t *)&message;

	(void)state;
	vhost_negotiate();
	vhost_sample_payload(VHOST_USER_SET_MEM_TABLE, &message.payload);
	/* The structure has a hole behind the header. */
	memmove((uint8_t *)&message + 12, &message.payload, 40);
	assert_int_equal(vhost_sample_send(front, VHOST_USER_SET_MEM_TABLE,
	    NEED_REPLY, 40, NULL, 0, memory_fd, 1), 0);
	for (size_t i = 12; i < 52; i++) {
		assert_int_equal(vhost_user_receive(&vu), 0);
		assert_int_equal(vhost_reply(0, &reply), -1);
		assert_int_equal(send(front, bytes + i, 1, 0), 1);
	}
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_equal(vhost_reply(VHOST_USER_SET_MEM_TABLE, &reply), 8);
	assert_int_equal(reply.u64, 0);
}

/* Each good message, cut after each byte: nothing happens, nothing is lost. */
static void
test_truncated(void **state)
{
	struct {
		struct vhost_user_header	header;
		uint8_t				payload[300];
	} message;
	union vhost_user_payload payload;
	const struct vhost_sample *sample;
	int result;

	(void)state;
	for (size_t i = 0; i < vhost_sample_count; i++) {
		sample = &vhost_samples[i];
		vhost_sample_payload(sample->request, &payload);
		message.header = (struct vhost_user_header){ sample->request,
		    VHOST_USER_VERSION, sample->size };
		memcpy(message.payload, &payload, sample->size);
		for (size_t len = 0; len < 12 + sample->size; len++) {
			assert_int_equal(send(front, &message, len, 0), len);
			shutdown(front, SHUT_WR);
			result = vhost_user_receive(&vu);
			assert_int_equal(result, len == 0 ? VHOST_USER_END :
			    -EPROTO);
			vhost_close();
			vhost_open();
		}
	}
}

/* Descriptors of a message that never gets complete. */
static void
test_truncated_fds(void **state)
{
	(void)state;
	assert_int_equal(vhost_sample_send(front, VHOST_USER_SET_MEM_TABLE,
	    VHOST_USER_VERSION, 264, NULL, 0, memory_fd, 8), 0);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_equal(vu.message.nfds, 8);
	shutdown(front, SHUT_WR);
	assert_int_equal(vhost_user_receive(&vu), -EPROTO);
}

/* Descriptors with the header and with the payload are all its own. */
static void
test_fds_of_both_parts(void **state)
{
	union vhost_user_payload payload, reply;

	(void)state;
	vhost_negotiate();
	vhost_sample_payload(VHOST_USER_SET_MEM_TABLE, &payload);
	assert_int_equal(vhost_sample_send(front, VHOST_USER_SET_MEM_TABLE,
	    NEED_REPLY, 40, NULL, 0, memory_fd, 8), 0);
	assert_int_equal(vhost_user_receive(&vu), 0);
	/* This is the payload of the one before, as long as it is short. */
	assert_int_equal(vhost_sample_send(front, 1, 0, 0, &payload, 28,
	    memory_fd, 8), 0);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_equal(vhost_reply(VHOST_USER_SET_MEM_TABLE, &reply), 8);
	assert_int_equal(reply.u64, 1);
}

/* A front-end that does not read its replies is not read either. */
static void
test_slow_reader(void **state)
{
	const int size = 4096;
	union vhost_user_payload reply;
	unsigned int asked = 0, got = 0;

	(void)state;
	assert_int_equal(setsockopt(back, SOL_SOCKET, SO_SNDBUF, &size,
	    sizeof(size)), 0);
	while (vhost_user_wants_input(&vu) && asked < 10000) {
		vhost_send(VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0,
		    NULL, 0);
		assert_int_equal(vhost_user_receive(&vu), 0);
		asked++;
	}
	assert_true(asked > 1);
	assert_true(asked < 10000);
	assert_true(vhost_user_wants_output(&vu));
	assert_int_equal(vhost_user_send(&vu), 0);
	assert_true(vhost_user_wants_output(&vu));
	while (vhost_reply(VHOST_USER_GET_FEATURES, &reply) == 8) {
		got++;
		assert_int_equal(vhost_user_send(&vu), 0);
	}
	assert_int_equal(got, asked);
	assert_true(vhost_user_wants_input(&vu));
}

/* It is gone before its reply. */
static void
test_gone(void **state)
{
	(void)state;
	vhost_send(VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0, NULL, 0);
	shutdown(front, SHUT_RDWR);
	assert_int_equal(vhost_user_receive(&vu), VHOST_USER_END);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, vhost_set_up, \
			    vhost_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_wrong_sizes),
		TEST(test_wrong_fds),
		TEST(test_wrong_ring),
		TEST(test_ring_fd_number),
		TEST(test_wrong_values),
		TEST(test_running),
		TEST(test_too_early),
		TEST(test_not_negotiated),
		TEST(test_no_reply_ack),
		TEST(test_reasons),
		TEST(test_silent_kick),
		TEST(test_bad_header),
		TEST(test_pieces),
		TEST(test_truncated),
		TEST(test_truncated_fds),
		TEST(test_fds_of_both_parts),
		TEST(test_slow_reader),
		TEST(test_gone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
