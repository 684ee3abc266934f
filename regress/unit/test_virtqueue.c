/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of worker/virtqueue.c: well-behaved drivers, each format, with
 * and without tables and event indices, of all kinds of sizes.
 */
#include "config.h"

#include "worker/virtqueue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/log.h"
#include "regress/unit/ring_driver.h"

#define CHAIN_MAX	4U	/* descriptors of one */
#define FLIGHT_MAX	64U	/* chains that are offered at once */
#define ROOM		64U	/* bytes of data that a descriptor has */

/* One queue and all that is in flight in it. */
struct traffic {
	struct ring_driver	 driver;
	struct virtqueue	 vq;
	bool			 indirect;
	uint32_t		 seed;
	uint32_t		 stamp;		/* of the next chain */
	/* By id: what the driver knows. */
	uint32_t		 expect_len[VIRTQUEUE_SIZE_MAX];
	bool			 offered[VIRTQUEUE_SIZE_MAX];
	uint32_t		 slot[VIRTQUEUE_SIZE_MAX];
	uint64_t		 slots_used;	/* a bit each */
	uint32_t		 offered_count;
	/* What the device has. */
	struct virtqueue_chain	 chains[FLIGHT_MAX + 1];
	uint32_t		 popped;
	struct iovec		 iov[FLIGHT_MAX][VIRTQUEUE_IOV_MAX];
};

static struct traffic t;

/* The same on each run. */
static uint32_t
chance(uint32_t n)
{
	t.seed = t.seed * 1664525 + 1013904223;
	return (t.seed >> 8) % n;
}

static void
traffic_open(bool packed, bool event_idx, bool indirect, uint32_t size)
{
	const struct virtqueue_config config = { .packed = packed,
	    .event_idx = event_idx, .indirect = indirect, .size = size };

	memset(&t, 0, sizeof(t));
	t.indirect = indirect;
	assert_int_equal(driver_open(&t.driver, &config), 0);
	assert_int_equal(virtqueue_start(&t.vq, &t.driver.config,
	    t.driver.map), 0);
}

static void
traffic_close(void)
{
	virtqueue_stop(&t.vq);
	driver_close(&t.driver);
}

/* Offers a chain whose first bytes say what it expects to get back. */
static bool
traffic_add(void)
{
	struct driver_desc bufs[CHAIN_MAX];
	uint32_t n = 1 + chance(CHAIN_MAX), nout, in_len = 0, offset, slot;
	int id;

	if (t.offered_count == FLIGHT_MAX)
		return false;
	if (!t.indirect && n > t.driver.config.size)
		n = t.driver.config.size;
	nout = chance(n + 1);
	slot = (uint32_t)__builtin_ctzll(~t.slots_used);
	offset = DRIVER_DATA + slot * CHAIN_MAX * ROOM;
	for (uint32_t i = 0; i < n; i++, offset += ROOM) {
		bufs[i] = (struct driver_desc){ DRIVER_LOW + offset,
		    8 + chance(ROOM - 7), i < nout ? 0 : DRIVER_WRITE, 0 };
		if (i >= nout)
			in_len += bufs[i].len;
		memcpy(t.driver.low + offset, &t.stamp, 4);
		memcpy(t.driver.low + offset + 4, &i, 4);
	}
	id = driver_add(&t.driver, bufs, n, t.indirect);
	if (id == -1)
		return false;
	assert_false(t.offered[id]);
	t.offered[id] = true;
	t.offered_count++;
	t.slot[id] = slot;
	t.slots_used |= UINT64_C(1) << slot;
	t.expect_len[id] = in_len + (t.stamp << 16);
	t.stamp = (t.stamp + 1) & 0xffff;
	return true;
}

/* Each element is what the driver has put there. */
static void
chain_check(const struct virtqueue_chain *chain)
{
	size_t out_len = 0, in_len = 0;
	uint32_t first, stamp, number;

	assert_true(chain->nout + chain->nin > 0);
	memcpy(&first, chain->iov[0].iov_base, 4);
	for (uint32_t i = 0; i < chain->nout + chain->nin; i++) {
		memcpy(&stamp, chain->iov[i].iov_base, 4);
		memcpy(&number, (uint8_t *)chain->iov[i].iov_base + 4, 4);
		assert_int_equal(stamp, first);
		assert_int_equal(number, i);
		*(i < chain->nout ? &out_len : &in_len) +=
		    chain->iov[i].iov_len;
	}
	assert_int_equal(chain->out_len, out_len);
	assert_int_equal(chain->in_len, in_len);
}

static bool
traffic_pop(void)
{
	struct virtqueue_chain *chain = &t.chains[t.popped];
	struct iovec *iov;

	if (t.popped == FLIGHT_MAX)
		return false;
	iov = chain->iov != NULL ? chain->iov : t.iov[t.popped];
	if (!virtqueue_ready(&t.vq)) {
		assert_int_equal(virtqueue_pop(&t.vq, t.driver.map, iov,
		    chain), 0);
		return false;
	}
	assert_int_equal(virtqueue_pop(&t.vq, t.driver.map, iov, chain), 1);
	assert_ptr_equal(chain->iov, iov);
	chain_check(chain);
	t.popped++;
	assert_int_equal(virtqueue_in_flight(&t.vq), t.popped);
	return true;
}

/* Gives any of them back, as long as it is and with its stamp. */
static void
traffic_push(void)
{
	uint32_t i = chance(t.popped), stamp;
	struct virtqueue_chain chain = t.chains[i];

	memcpy(&stamp, chain.iov[0].iov_base, 4);
	virtqueue_push(&t.vq, &chain, (uint32_t)chain.in_len + (stamp << 16));
	/* The iov travels with the place. */
	t.popped--;
	t.chains[i] = t.chains[t.popped];
	t.chains[t.popped] = chain;
	assert_int_equal(virtqueue_in_flight(&t.vq), t.popped);
}

static uint32_t
traffic_get(void)
{
	uint32_t len, n = 0;
	uint16_t id;

	for (; driver_get(&t.driver, &id, &len); n++) {
		assert_true(t.offered[id]);
		assert_int_equal(len, t.expect_len[id]);
		t.offered[id] = false;
		t.offered_count--;
		t.slots_used &= ~(UINT64_C(1) << t.slot[id]);
	}
	return n;
}

/* All that was offered is popped, pushed and taken. */
static void
traffic_finish(void)
{
	do {
		while (t.popped > 0)
			traffic_push();
	} while (traffic_pop());
	virtqueue_flush(&t.vq);
	traffic_get();
	assert_int_equal(t.offered_count, 0);
	assert_int_equal(virtqueue_in_flight(&t.vq), 0);
	assert_int_equal(t.driver.free, t.driver.config.size);
	assert_false(virtqueue_ready(&t.vq));
}

/* `n` steps of what the two may do next. */
static void
traffic_run(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		switch (chance(4)) {
		case 0:
			while (traffic_add() && chance(8) != 0)
				continue;
			break;
		case 1:
			while (traffic_pop() && chance(8) != 0)
				continue;
			break;
		case 2:
			while (t.popped > 0 && chance(8) != 0)
				traffic_push();
			break;
		default:
			virtqueue_flush(&t.vq);
			traffic_get();
			break;
		}
	}
}

/* Runs `test` for each kind of queue; odd sizes are packed ones' only. */
static void
for_each_kind(void (*test)(void))
{
	static const uint32_t sizes[] = { 1, 2, 3, 8, 127, 128, 1000, 32767,
	    32768 };
	bool packed;

	for (unsigned int kind = 0; kind < 8; kind++) {
		packed = (kind & 1) != 0;
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			if (!packed && (sizes[i] & (sizes[i] - 1)) != 0)
				continue;
			traffic_open(packed, (kind & 2) != 0, (kind & 4) != 0,
			    sizes[i]);
			test();
			traffic_close();
		}
	}
}

static void
run_traffic(void)
{
	for (int i = 0; i < 20; i++) {
		traffic_run(500);
		traffic_finish();
	}
}

static void
test_traffic(void **state)
{
	(void)state;
	for_each_kind(run_traffic);
}

/* The indices of 16 bits go around, also where the ring is big. */
static void
run_around(void)
{
	for (uint32_t i = 0; i < 150000 / FLIGHT_MAX; i++) {
		while (traffic_add())
			continue;
		while (traffic_pop())
			continue;
		while (t.popped > 0)
			traffic_push();
		virtqueue_flush(&t.vq);
		traffic_get();
	}
	traffic_finish();
}

static void
test_around(void **state)
{
	(void)state;
	for (unsigned int kind = 0; kind < 8; kind++) {
		traffic_open((kind & 1) != 0, (kind & 2) != 0,
		    (kind & 4) != 0, (kind & 4) != 0 ? 128 : 32768);
		run_around();
		traffic_close();
	}
}

/* Stops when something was done, and goes on from there. */
static void
run_stop(void)
{
	uint32_t base;

	for (int i = 0; i < 20; i++) {
		traffic_run(100);
		traffic_finish();
		while (traffic_add() && chance(4) != 0)
			continue;
		base = virtqueue_stop(&t.vq);
		assert_false(t.vq.started);
		assert_false(virtqueue_ready(&t.vq));
		assert_int_equal(virtqueue_pop(&t.vq, t.driver.map, t.iov[0],
		    &t.chains[0]), 0);
		assert_false(virtqueue_flush(&t.vq));
		t.driver.config.base = base;
		assert_int_equal(virtqueue_start(&t.vq, &t.driver.config,
		    t.driver.map), 0);
		traffic_finish();
		assert_int_equal(virtqueue_stop(&t.vq),
		    driver_base(&t.driver));
		/* Once more is no more. */
		assert_int_equal(virtqueue_stop(&t.vq),
		    driver_base(&t.driver));
		t.driver.config.base = driver_base(&t.driver);
		assert_int_equal(virtqueue_start(&t.vq, &t.driver.config,
		    t.driver.map), 0);
	}
}

static void
test_stop(void **state)
{
	(void)state;
	for_each_kind(run_stop);
}

/* Stopping shows what was not flushed. */
static void
run_stop_shows(void)
{
	assert_true(traffic_add());
	assert_true(traffic_pop());
	traffic_push();
	virtqueue_stop(&t.vq);
	assert_int_equal(traffic_get(), 1);
}

/* What is in flight when it is stopped is not shown, and has to end first. */
static void
run_stop_in_flight(void)
{
	uint32_t base;

	assert_true(traffic_add());
	assert_true(traffic_pop());
	base = virtqueue_stop(&t.vq);
	assert_int_equal(virtqueue_in_flight(&t.vq), 1);
	assert_int_equal(virtqueue_start(&t.vq, &t.driver.config,
	    t.driver.map), -EBUSY);
	assert_int_equal(virtqueue_stop(&t.vq), base);
	traffic_push();
	assert_false(virtqueue_flush(&t.vq));
	assert_int_equal(traffic_get(), 0);
	driver_reset(&t.driver, 0);
	memset(t.offered, 0, sizeof(t.offered));
	t.offered_count = 0;
	t.slots_used = 0;
	assert_int_equal(virtqueue_start(&t.vq, &t.driver.config,
	    t.driver.map), 0);
	traffic_run(100);
	traffic_finish();
}

static void
test_stop_unfinished(void **state)
{
	(void)state;
	for_each_kind(run_stop_shows);
	for_each_kind(run_stop_in_flight);
}

/* From a base just below where 16 bits end. */
static void
test_split_base(void **state)
{
	(void)state;
	for (uint32_t size = 1; size <= 32768; size *= 8) {
		traffic_open(false, true, false, size);
		virtqueue_stop(&t.vq);
		driver_reset(&t.driver, 65530);
		assert_int_equal(t.driver.config.base, 65530);
		assert_int_equal(virtqueue_start(&t.vq, &t.driver.config,
		    t.driver.map), 0);
		run_traffic();
		traffic_close();
	}
}

/* As many as the ring has room for, given back in reverse. */
static void
run_full(void)
{
	static struct virtqueue_chain chains[VIRTQUEUE_SIZE_MAX];
	const struct driver_desc buf = { DRIVER_LOW + DRIVER_DATA, 1,
	    DRIVER_WRITE, 0 };
	uint32_t size = t.driver.config.size, len;
	uint16_t id;

	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < size; i++)
			assert_true(driver_add(&t.driver, &buf, 1,
			    t.indirect && i < 1024) >= 0);
		assert_int_equal(driver_add(&t.driver, &buf, 1, false), -1);
		for (uint32_t i = 0; i < size; i++)
			assert_int_equal(virtqueue_pop(&t.vq, t.driver.map,
			    t.iov[0], &chains[i]), 1);
		assert_int_equal(virtqueue_pop(&t.vq, t.driver.map, t.iov[0],
		    &t.chains[0]), 0);
		for (uint32_t i = size; i-- > 0;)
			virtqueue_push(&t.vq, &chains[i], i);
		virtqueue_flush(&t.vq);
		for (uint32_t i = size; i-- > 0;) {
			assert_true(driver_get(&t.driver, &id, &len));
			assert_int_equal(id, chains[i].id);
			assert_int_equal(len, i);
		}
		assert_false(driver_has_used(&t.driver));
	}
}

static void
test_full(void **state)
{
	(void)state;
	for_each_kind(run_full);
}

/* The rings are somewhere else, and so is what chains lead to. */
static void
run_move(void)
{
	struct guest_memory *map;
	uint32_t n;

	for (int i = 0; i < 5; i++) {
		traffic_run(50);
		map = driver_map(&t.driver);
		assert_non_null(map);
		assert_int_equal(virtqueue_move(&t.vq, map), 0);
		/* Those that have been popped are in the old one. */
		for (n = t.popped; n > 0; n--)
			traffic_push();
		guest_memory_release(t.driver.map);
		t.driver.map = map;
		traffic_run(50);
		traffic_finish();
	}
	map = guest_memory_new();
	assert_int_equal(virtqueue_move(&t.vq, map), -EFAULT);
	assert_true(t.vq.broken);
	assert_int_equal(virtqueue_move(&t.vq, t.driver.map), 0);
	assert_true(traffic_add());
	assert_false(virtqueue_ready(&t.vq));
	assert_int_equal(virtqueue_pop(&t.vq, t.driver.map, t.iov[0],
	    &t.chains[0]), -EIO);
	assert_true(virtqueue_kicks_on(&t.vq));
	virtqueue_kicks_off(&t.vq);
	virtqueue_stop(&t.vq);
	assert_int_equal(virtqueue_move(&t.vq, map), 0);
	guest_memory_release(map);
}

static void
test_move(void **state)
{
	(void)state;
	for_each_kind(run_move);
}

/* A buffer across the border of two regions is one more element. */
static void
run_border(void)
{
	const struct driver_desc bufs[] = {
		{ DRIVER_HIGH - 3, 10, 0, 0 },
		{ DRIVER_HIGH - 1, 2, DRIVER_WRITE, 0 }
	};
	struct virtqueue_chain *chain = &t.chains[0];

	if (!t.indirect && t.driver.config.size < 2)
		return;
	assert_true(driver_add(&t.driver, bufs, 2, t.indirect) >= 0);
	assert_int_equal(virtqueue_pop(&t.vq, t.driver.map, t.iov[0], chain),
	    1);
	assert_int_equal(chain->nout, 2);
	assert_int_equal(chain->nin, 2);
	assert_int_equal(chain->out_len, 10);
	assert_int_equal(chain->in_len, 2);
	assert_int_equal(chain->iov[0].iov_len, 3);
	assert_int_equal(chain->iov[1].iov_len, 7);
	assert_ptr_equal(chain->iov[3].iov_base, chain->iov[1].iov_base);
	virtqueue_push(&t.vq, chain, 2);
}

static void
test_border(void **state)
{
	(void)state;
	for_each_kind(run_border);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traffic),
		cmocka_unit_test(test_around),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_unfinished),
		cmocka_unit_test(test_split_base),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_border),
	};

	log_init(LOG_LEVEL_OFF, NULL, NULL);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
