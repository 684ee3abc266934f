/*
 * SPDX-License-Identifier: ISC
 *
 * The vhost-user back-end: what good messages do, and waiting for the rings.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>

#include "vhost_fixture.h"

#define NEED_REPLY	(VHOST_USER_VERSION | VHOST_USER_NEED_REPLY)
#define RING		VHOST_SAMPLE_RING

/*
 * Good messages.
 */

static void
test_negotiation(void **state)
{
	uint64_t features = vhost_get_u64(VHOST_USER_GET_FEATURES);

	(void)state;
	assert_int_equal(features,
	    UINT64_C(1) << 24 | UINT64_C(1) << 28 | UINT64_C(1) << 29 |
	    UINT64_C(1) << 30 | UINT64_C(1) << 32 | UINT64_C(1) << 34);
	assert_int_equal(vhost_get_u64(VHOST_USER_GET_PROTOCOL_FEATURES),
	    1U << 0 | 1U << 3 | 1U << 9 | 1U << 13 | 1U << 15 | 1U << 16);
	vhost_negotiate();
	assert_int_equal(vhost_get_u64(VHOST_USER_GET_QUEUE_NUM), 65);
	assert_int_equal(vhost_get_u64(VHOST_USER_GET_MAX_MEM_SLOTS), 509);
	assert_int_equal(acked_good(VHOST_USER_SET_OWNER, 0), 0);
	assert_int_equal(acked_good(VHOST_USER_RESET_OWNER, 0), 0);
}

static void
test_unknown_features(void **state)
{
	(void)state;
	vhost_negotiate();
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t one = UINT64_C(1) << bit;
		bool offered = bit == 24 || bit == 28 || bit == 29 ||
		    bit == 30 || bit == 32 || bit == 34;

		assert_int_equal(acked_u64(VHOST_USER_SET_FEATURES, one, 0),
		    !offered);
	}
	assert_int_equal(acked_u64(VHOST_USER_SET_PROTOCOL_FEATURES,
	    1 << 3 | 1 << 1, 0), 1);
}

/* Without a tag there is no configuration to ask for. */
static void
test_no_tag(void **state)
{
	(void)state;
	vhost_close();
	vhost_open();
	vhost_user_free(&vu);
	assert_int_equal(vhost_user_init(&vu, back, NULL,
	    &vhost_rings_backend, &rings), 0);
	assert_int_equal(vhost_get_u64(VHOST_USER_GET_PROTOCOL_FEATURES),
	    1U << 0 | 1U << 3 | 1U << 13 | 1U << 15 | 1U << 16);
}

/* Asks for `size` bytes at `offset`.  Returns the size of the answer. */
static int
get_config(uint32_t offset, uint32_t size, uint32_t sent,
    union vhost_user_payload *reply)
{
	union vhost_user_payload payload = { .config = { offset, size, 0,
	    { 0 } } };

	vhost_send(VHOST_USER_GET_CONFIG, VHOST_USER_VERSION, 12 + sent,
	    &payload, 0);
	assert_int_equal(vhost_user_receive(&vu), 0);
	return vhost_reply(VHOST_USER_GET_CONFIG, reply);
}

static void
test_config(void **state)
{
	union vhost_user_payload reply;

	(void)state;
	assert_int_equal(get_config(0, 40, 40, &reply), 0);
	vhost_negotiate();
	assert_int_equal(get_config(0, 40, 40, &reply), 52);
	assert_int_equal(reply.config.offset, 0);
	assert_int_equal(reply.config.size, 40);
	assert_memory_equal(reply.config.data, tag, sizeof(tag));
	assert_memory_equal(reply.config.data + 36, "\100\0\0\0", 4);
	assert_int_equal(get_config(36, 4, 4, &reply), 16);
	assert_memory_equal(reply.config.data, "\100\0\0\0", 4);
	assert_int_equal(get_config(40, 0, 0, &reply), 12);
	/* An error is an answer without a payload. */
	assert_int_equal(get_config(0, 41, 41, &reply), 0);
	assert_int_equal(get_config(36, 5, 5, &reply), 0);
	assert_int_equal(get_config(41, 0, 0, &reply), 0);
	assert_int_equal(get_config(UINT32_MAX, 4, 4, &reply), 0);
	assert_int_equal(get_config(0, UINT32_MAX, 4, &reply), 0);
	assert_int_equal(get_config(0, 4, 8, &reply), 0);
	assert_int_equal(get_config(0, 8, 4, &reply), 0);
}

static void
test_set_config(void **state)
{
	union vhost_user_payload payload = { .config = { 0, 4, 0, { 0 } } };

	(void)state;
	vhost_negotiate();
	assert_int_equal(acked(VHOST_USER_SET_CONFIG, 16, &payload, 0), 1);
}

static void
test_memory(void **state)
{
	union vhost_user_payload payload;

	(void)state;
	vhost_negotiate();
	assert_int_equal(acked_good(VHOST_USER_ADD_MEM_REG, 1), 0);
	assert_int_equal(guest_memory_count(vu.memory), 1);
	/* It is there already. */
	assert_int_equal(acked_good(VHOST_USER_ADD_MEM_REG, 1), 1);
	assert_int_equal(guest_memory_count(vu.memory), 1);
	assert_int_equal(acked_good(VHOST_USER_REM_MEM_REG, 0), 0);
	assert_int_equal(guest_memory_count(vu.memory), 0);
	assert_int_equal(acked_good(VHOST_USER_REM_MEM_REG, 0), 1);
	/* A descriptor that some front-ends send is closed. */
	assert_int_equal(acked_good(VHOST_USER_ADD_MEM_REG, 1), 0);
	assert_int_equal(acked_good(VHOST_USER_REM_MEM_REG, 1), 0);
	assert_int_equal(acked_good(VHOST_USER_ADD_MEM_REG, 1), 0);
	vhost_sample_payload(VHOST_USER_SET_MEM_TABLE, &payload);
	payload.table.count = 2;
	payload.table.regions[0].size = 0x1000;
	payload.table.regions[1] = payload.table.regions[0];
	payload.table.regions[1].guest_addr = 0x100000;
	payload.table.regions[1].user_addr += 0x100000;
	assert_int_equal(acked(VHOST_USER_SET_MEM_TABLE, 72, &payload, 2), 0);
	assert_int_equal(guest_memory_count(vu.memory), 2);
}

/* The map stays what it was. */
static void
test_bad_table(void **state)
{
	static const struct {
		uint32_t	count;
		uint32_t	size;
		unsigned int	nfds;
	} cases[] = {
		{ 0, 40, 0 }, { 0, 40, 1 }, { 0, 8, 1 }, { 1, 8, 1 },
		{ 1, 40, 0 }, { 1, 40, 2 }, { 1, 72, 1 }, { 2, 40, 1 },
		{ 2, 40, 2 }, { 2, 72, 1 }, { 2, 72, 3 }, { 3, 72, 2 },
		{ 9, 264, 8 }, { 8, 264, 7 }, { UINT32_MAX, 264, 8 },
		{ 0x8000001, 40, 1 }, { 0x8000000, 8, 0 },
		/* Of the right form, but all regions are the same. */
		{ 2, 72, 2 }, { 8, 264, 8 },
	};
	union vhost_user_payload payload;

	(void)state;
	vhost_negotiate();
	assert_int_equal(acked_good(VHOST_USER_SET_MEM_TABLE, 1), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vhost_sample_payload(VHOST_USER_SET_MEM_TABLE, &payload);
		for (size_t j = 1; j < 8; j++)
			payload.table.regions[j] = payload.table.regions[0];
		payload.table.count = cases[i].count;
		assert_int_equal(acked(VHOST_USER_SET_MEM_TABLE,
		    cases[i].size, &payload, cases[i].nfds), 1);
		assert_int_equal(guest_memory_count(vu.memory), 1);
	}
}

static void
test_ring(void **state)
{
	(void)state;
	vhost_start_ring();
	assert_int_equal(rings.index, RING);
	assert_false(vu.vrings[RING].enabled);
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_ENABLE, RING, 1), 0);
	assert_true(vu.vrings[RING].enabled);
	assert_int_equal(rings.updated, 1);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_CALL, 1), 0);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_ERR, 1), 0);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 0);
	assert_int_equal(rings.updated, 4);
	assert_int_equal(acked_good(VHOST_USER_ADD_MEM_REG, 1), 1);
	assert_int_equal(acked_good(VHOST_USER_SET_MEM_TABLE, 1), 0);
	assert_int_equal(rings.updated, 5);
	assert_int_equal(vhost_get_base(RING), 77);
	assert_int_equal(rings.stopped, 1);
	assert_false(vu.vrings[RING].started);
	assert_int_equal(vu.vrings[RING].kick, -1);
	/* Again, from where it stopped. */
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 0);
	assert_int_equal(rings.started, 2);
	assert_int_equal(vu.vrings[RING].base, 77);
}

/* One that never ran has the base that was set, and nobody is asked. */
static void
test_base_unstarted(void **state)
{
	(void)state;
	vhost_negotiate();
	assert_int_equal(vhost_get_base(RING), 0);
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_BASE, RING, 4711),
	    0);
	assert_int_equal(vhost_get_base(RING), 4711);
	assert_int_equal(vhost_get_base(64), 0);
	assert_int_equal(rings.stopped, 0);
}

/* A packed ring's base has two indices, a split one's 16 bits. */
static void
test_base_packed(void **state)
{
	(void)state;
	vhost_negotiate();
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_BASE, RING, 65535),
	    0);
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_BASE, RING, 65536),
	    1);
	assert_int_equal(acked_u64(VHOST_USER_SET_FEATURES,
	    UINT64_C(1) << 32 | UINT64_C(1) << 34, 0), 0);
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_BASE, RING,
	    0x80008000), 0);
	assert_int_equal(vhost_get_base(RING), 0x80008000);
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_BASE, RING, 0), 0);
	assert_int_equal(vhost_get_base(RING), 0);
}

/* Without one: index 0, both wrap counters 1 (virtio 1.2, 2.8.1). */
static void
test_base_packed_unset(void **state)
{
	const uint64_t features = UINT64_C(1) << 30 | UINT64_C(1) << 32 |
	    UINT64_C(1) << 34;

	(void)state;
	vhost_negotiate();
	assert_int_equal(vhost_get_base(RING), 0);
	assert_int_equal(acked_u64(VHOST_USER_SET_FEATURES, features, 0), 0);
	assert_int_equal(vhost_get_base(RING), 0x80008000);
	assert_int_equal(acked_good(VHOST_USER_SET_MEM_TABLE, 1), 0);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_NUM, 0), 0);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_ADDR, 0), 0);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 0);
	/* Where it stopped, from then on. */
	assert_int_equal(vhost_get_base(RING), 77);
	assert_int_equal(vhost_get_base(RING), 77);
	assert_int_equal(acked_good(VHOST_USER_RESET_DEVICE, 0), 0);
	assert_int_equal(acked_u64(VHOST_USER_SET_FEATURES, features, 0), 0);
	assert_int_equal(vhost_get_base(RING), 0x80008000);
}

/* Without protocol features, rings are enabled from the start. */
static void
test_enabled_from_start(void **state)
{
	(void)state;
	vhost_negotiate();
	assert_false(vu.vrings[64].enabled);
	assert_int_equal(acked_u64(VHOST_USER_SET_FEATURES,
	    UINT64_C(1) << 32, 0), 0);
	for (size_t i = 0; i < VIRTIOFS_QUEUES; i++)
		assert_true(vu.vrings[i].enabled);
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_ENABLE, RING, 0),
	    1);
	assert_true(vu.vrings[RING].enabled);
}

static void
test_status(void **state)
{
	(void)state;
	vhost_start_ring();
	assert_int_equal(vhost_get_u64(VHOST_USER_GET_STATUS), 0);
	assert_int_equal(acked_u64(VHOST_USER_SET_STATUS, 0xf, 0), 0);
	assert_int_equal(vhost_get_u64(VHOST_USER_GET_STATUS), 0xf);
	assert_int_equal(acked_u64(VHOST_USER_SET_STATUS, 0x100, 0), 1);
	assert_int_equal(vhost_get_u64(VHOST_USER_GET_STATUS), 0xf);
	/* Rings stop, and say where. */
	assert_int_equal(acked_u64(VHOST_USER_SET_STATUS, 0, 0), 0);
	assert_int_equal(rings.stopped, 1);
	assert_false(vu.vrings[RING].started);
	assert_int_equal(vhost_get_base(RING), 77);
	assert_int_equal(rings.stopped, 1);
}

static void
test_reset_device(void **state)
{
	(void)state;
	vhost_start_ring();
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_CALL, 1), 0);
	assert_int_equal(acked_good(VHOST_USER_RESET_DEVICE, 0), 0);
	assert_int_equal(rings.stopped, 1);
	assert_int_equal(rings.index, VHOST_USER_ALL);
	assert_false(vu.vrings[RING].started);
	assert_int_equal(vu.vrings[RING].call, -1);
	assert_int_equal(vu.features, 0);
	assert_int_equal(guest_memory_count(vu.memory), 1);
	/* All anew; the protocol's features and the memory are still there. */
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 1);
	vhost_set_up_ring();
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 0);
	assert_int_equal(rings.started, 2);
}

/* The first one says who it is, the next one that the device is another. */
static void
test_owner(void **state)
{
	uint64_t protocol;

	(void)state;
	vhost_negotiate();
	assert_int_equal(acked_good(VHOST_USER_SET_MEM_TABLE, 1), 0);
	assert_int_equal(acked_good(VHOST_USER_SET_OWNER, 0), 0);
	assert_int_equal(guest_memory_count(vu.memory), 1);
	assert_int_equal(rings.renewed, 0);
	vhost_set_up_ring();
	assert_int_equal(acked_u64(VHOST_USER_SET_STATUS, 0xf, 0), 0);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 0);
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_CALL, 1), 0);
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_ENABLE, RING, 1), 0);
	/* Not while it works. */
	assert_int_equal(acked_good(VHOST_USER_SET_OWNER, 0), 1);
	assert_int_equal(rings.renewed, 0);
	assert_true(vu.vrings[RING].started);
	assert_int_equal(vhost_get_base(RING), 77);
	protocol = vu.protocol_features;
	assert_int_equal(acked_good(VHOST_USER_SET_OWNER, 0), 0);
	assert_int_equal(rings.renewed, 1);
	assert_int_equal(guest_memory_count(vu.memory), 0);
	assert_int_equal(vu.vrings[RING].size, 0);
	assert_int_equal(vu.vrings[RING].call, -1);
	assert_false(vu.vrings[RING].has_base);
	assert_false(vu.vrings[RING].enabled);
	assert_int_equal(vu.features, 0);
	assert_int_equal(vu.protocol_features, protocol);
	assert_int_equal(vhost_get_u64(VHOST_USER_GET_STATUS), 0);
	/* The same regions again. */
	assert_int_equal(acked_good(VHOST_USER_ADD_MEM_REG, 1), 0);
	vhost_set_up_ring();
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 0);
	assert_int_equal(rings.started, 2);
}

/* Nothing else is looked at until the session is over. */
static void
test_owner_pending(void **state)
{
	union vhost_user_payload reply;

	(void)state;
	vhost_negotiate();
	assert_int_equal(acked_good(VHOST_USER_SET_OWNER, 0), 0);
	rings.result = VHOST_USER_PENDING;
	vhost_send(VHOST_USER_SET_OWNER, NEED_REPLY, 0, NULL, 0);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_false(vhost_user_wants_input(&vu));
	assert_int_equal(vhost_reply(0, &reply), -1);
	assert_int_equal(vhost_user_finish(&vu, 0), 0);
	assert_int_equal(vhost_reply(VHOST_USER_SET_OWNER, &reply), 8);
	assert_int_equal(reply.u64, 0);
	assert_true(vhost_user_wants_input(&vu));
}

/*
 * Waiting for the rings.
 */

/* Nothing is read, and nothing answered, until they are through. */
static void
test_pending(void **state)
{
	union vhost_user_payload payload, reply;
	uint32_t size;

	(void)state;
	vhost_start_ring();
	rings.result = VHOST_USER_PENDING;
	size = vhost_sample_payload(VHOST_USER_GET_VRING_BASE, &payload);
	vhost_send(VHOST_USER_GET_VRING_BASE, VHOST_USER_VERSION, size,
	    &payload, 0);
	vhost_send(VHOST_USER_GET_STATUS, VHOST_USER_VERSION, 0, NULL, 0);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_false(vhost_user_wants_input(&vu));
	assert_false(vhost_user_wants_output(&vu));
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_equal(vhost_reply(0, &reply), -1);
	vu.vrings[RING].base = 99;
	assert_int_equal(vhost_user_finish(&vu, 0), 0);
	assert_int_equal(vhost_reply(VHOST_USER_GET_VRING_BASE, &reply), 8);
	assert_int_equal(reply.state.num, 99);
	assert_true(vhost_user_wants_input(&vu));
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_equal(vhost_reply(VHOST_USER_GET_STATUS, &reply), 8);
}

static void
test_start_fails(void **state)
{
	union vhost_user_payload payload, reply;
	uint32_t size;

	(void)state;
	vhost_negotiate();
	vhost_set_up_ring();
	rings.result = -EINVAL;
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 1);
	assert_false(vu.vrings[RING].started);
	assert_int_equal(vu.vrings[RING].kick, -1);
	rings.result = VHOST_USER_PENDING;
	size = vhost_sample_payload(VHOST_USER_SET_VRING_KICK, &payload);
	vhost_send(VHOST_USER_SET_VRING_KICK, NEED_REPLY, size, &payload,
	    1);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_not_equal(vu.vrings[RING].kick, -1);
	assert_int_equal(vhost_user_finish(&vu, -ENOMEM), 0);
	assert_int_equal(vhost_reply(VHOST_USER_SET_VRING_KICK, &reply), 8);
	assert_int_equal(reply.u64, 1);
	assert_int_equal(vu.vrings[RING].kick, -1);
	assert_false(vu.vrings[RING].started);
}

/* The ring goes on with the descriptor that it has. */
static void
test_kick_fails(void **state)
{
	int kick;

	(void)state;
	vhost_start_ring();
	kick = vu.vrings[RING].kick;
	rings.result = -EINVAL;
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_KICK, 1), 1);
	assert_int_equal(vu.vrings[RING].kick, kick);
	assert_true(vu.vrings[RING].started);
	assert_int_not_equal(fcntl(kick, F_GETFD), -1);
}

/* What is replaced stays open until the ring has let go of it. */
static void
test_old_fd(void **state)
{
	union vhost_user_payload payload;
	uint32_t size;
	int call;

	(void)state;
	vhost_start_ring();
	assert_int_equal(acked_good(VHOST_USER_SET_VRING_CALL, 1), 0);
	call = vu.vrings[RING].call;
	rings.result = VHOST_USER_PENDING;
	size = vhost_sample_payload(VHOST_USER_SET_VRING_CALL, &payload);
	vhost_send(VHOST_USER_SET_VRING_CALL, VHOST_USER_VERSION, size,
	    &payload, 1);
	assert_int_equal(vhost_user_receive(&vu), 0);
	assert_int_not_equal(vu.vrings[RING].call, call);
	assert_int_not_equal(fcntl(call, F_GETFD), -1);
	assert_int_equal(vhost_user_finish(&vu, 0), 0);
	assert_int_equal(fcntl(call, F_GETFD), -1);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, vhost_set_up, \
			    vhost_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_negotiation),
		TEST(test_unknown_features),
		TEST(test_no_tag),
		TEST(test_config),
		TEST(test_set_config),
		TEST(test_memory),
		TEST(test_bad_table),
		TEST(test_ring),
		TEST(test_base_unstarted),
		TEST(test_base_packed),
		TEST(test_base_packed_unset),
		TEST(test_enabled_from_start),
		TEST(test_status),
		TEST(test_reset_device),
		TEST(test_owner),
		TEST(test_owner_pending),
		TEST(test_pending),
		TEST(test_start_fails),
		TEST(test_kick_fails),
		TEST(test_old_fd),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
