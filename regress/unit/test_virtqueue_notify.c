/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of worker/virtqueue.c: who has to be told when, both ways; and how
 * that is written in the rings.
 */
#include "config.h"

#include "worker/virtqueue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "regress/unit/ring_driver.h"

#define SIZE		8U
#define DATA		(DRIVER_LOW + DRIVER_DATA)

/* Where the split rings have their events. */
#define USED_EVENT	(DRIVER_AVAIL + 4 + 2 * SIZE)
#define AVAIL_EVENT	(DRIVER_USED + 4 + 8 * SIZE)

static const struct driver_desc bufs[] = {
	{ DATA, 8, 0, 0 },
	{ DATA, 8, DRIVER_WRITE, 0 },
	{ DATA, 8, DRIVER_WRITE, 0 }
};

static struct ring_driver driver;
static struct virtqueue vq;
static struct iovec iov[VIRTQUEUE_IOV_MAX];
static struct virtqueue_chain chains[SIZE];

static void
open_queue(bool packed, bool event_idx, bool notify_on_empty)
{
	const struct virtqueue_config config = { .packed = packed,
	    .event_idx = event_idx, .notify_on_empty = notify_on_empty,
	    .indirect = true, .size = SIZE };

	memset(&vq, 0, sizeof(vq));
	assert_int_equal(driver_open(&driver, &config), 0);
	assert_int_equal(virtqueue_start(&vq, &driver.config, driver.map), 0);
}

static void
close_queue(void)
{
	virtqueue_stop(&vq);
	driver_close(&driver);
}

/* Adds and pops `n` chains of `ndesc` descriptors. */
static void
take(uint32_t n, uint32_t ndesc)
{
	for (uint32_t i = 0; i < n; i++) {
		assert_true(driver_add(&driver, bufs, ndesc, false) >= 0);
		assert_int_equal(virtqueue_pop(&vq, driver.map, iov,
		    &chains[i]), 1);
	}
}

static void
give(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		virtqueue_push(&vq, &chains[i], 0);
}

static void
collect(uint32_t n)
{
	uint32_t len;
	uint16_t id;

	for (uint32_t i = 0; i < n; i++)
		assert_true(driver_get(&driver, &id, &len));
	assert_false(driver_has_used(&driver));
}

/* Uses `n` chains and returns whether that is worth a call. */
static bool
use(uint32_t n, uint32_t ndesc)
{
	bool call;

	take(n, ndesc);
	give(n);
	call = virtqueue_flush(&vq);
	/* Not twice for the same. */
	assert_false(virtqueue_flush(&vq));
	collect(n);
	return call;
}

static void
test_calls_flag(void **state)
{
	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		open_queue(packed != 0, false, false);
		assert_false(virtqueue_flush(&vq));
		for (int i = 0; i < 20; i++) {
			assert_true(use(1, 1));
			driver_calls_off(&driver);
			assert_false(use(2, 1));
			assert_false(use(SIZE, 1));
			driver_calls_on(&driver, 0);
			assert_true(use(3, 1));
		}
		close_queue();
	}
}

/*
 * The event is passed if it is among what was used, counted in chains or, where
 * the ring is packed, in descriptors.
 */
static void
test_calls_event(void **state)
{
	uint32_t n, ndesc, skip, seed = 1;
	bool want;

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		open_queue(packed != 0, true, false);
		/* What was before the start is not known. */
		driver_calls_on(&driver, 5);
		assert_true(use(1, 1));
		for (uint32_t i = 0; i < 100000; i++) {
			seed = seed * 1664525 + 1013904223;
			ndesc = 1 + (seed >> 8) % 3;
			n = 1 + (seed >> 16) % (SIZE / ndesc);
			skip = (seed >> 24) % SIZE;
			driver_calls_on(&driver, (uint16_t)skip);
			want = skip < (packed ? n * ndesc : n);
			assert_int_equal(use(n, ndesc), want);
		}
		close_queue();
	}
}

/* One call for an event, also if it stays where it is. */
static void
test_calls_event_once(void **state)
{
	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		open_queue(packed != 0, true, false);
		driver_calls_on(&driver, 2);
		assert_true(use(1, 1));
		assert_false(use(1, 1));
		assert_true(use(1, 1));
		for (uint32_t i = 0; i < SIZE + 3; i++)
			assert_false(use(1, 1));
		driver_calls_off(&driver);
		assert_false(use(3, 1));
		close_queue();
	}
}

/* After a start the first is a call, unless there must be none at all. */
static void
test_calls_restart(void **state)
{
	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		open_queue(packed != 0, true, false);
		driver_calls_on(&driver, 6);
		assert_true(use(1, 1));
		assert_false(use(1, 1));
		driver.config.base = virtqueue_stop(&vq);
		assert_int_equal(virtqueue_start(&vq, &driver.config,
		    driver.map), 0);
		assert_true(use(1, 1));
		assert_false(use(1, 1));
		close_queue();
	}
}

/* All is done: that is said even if nobody asked. */
static void
test_notify_on_empty(void **state)
{
	(void)state;
	for (int event_idx = 0; event_idx < 2; event_idx++) {
		open_queue(false, event_idx != 0, true);
		assert_true(use(1, 1));
		driver_calls_off(&driver);
		assert_true(use(1, 1));
		/* Something is in flight. */
		take(3, 1);
		give(2);
		assert_false(virtqueue_flush(&vq));
		virtqueue_push(&vq, &chains[2], 0);
		assert_true(virtqueue_flush(&vq));
		collect(3);
		/* Something is available. */
		take(1, 1);
		assert_true(driver_add(&driver, bufs, 1, false) >= 0);
		give(1);
		assert_false(virtqueue_flush(&vq));
		assert_int_equal(virtqueue_pop(&vq, driver.map, iov,
		    &chains[0]), 1);
		give(1);
		assert_true(virtqueue_flush(&vq));
		close_queue();
	}
}

static void
test_kicks_flag(void **state)
{
	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		open_queue(packed != 0, false, false);
		for (int i = 0; i < 20; i++) {
			use(1, 1);
			assert_true(driver_kicks(&driver));
			use(2, 1);
			assert_true(driver_kicks(&driver));
			virtqueue_kicks_off(&vq);
			use(2, 1);
			assert_false(driver_kicks(&driver));
			assert_true(virtqueue_kicks_on(&vq));
		}
		close_queue();
	}
}

/* One kick for the next chain, and none for those behind it. */
static void
test_kicks_event(void **state)
{
	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		open_queue(packed != 0, true, false);
		use(1, 1);
		assert_true(driver_kicks(&driver));
		for (uint32_t i = 0; i < 70000; i++) {
			virtqueue_kicks_off(&vq);
			use(1 + i % 2, 1 + i % 3);
			assert_false(driver_kicks(&driver));
			assert_true(virtqueue_kicks_on(&vq));
			use(1 + i % 3, 2);
			assert_true(driver_kicks(&driver));
			use(1, 1 + i % 2);
			assert_false(driver_kicks(&driver));
		}
		close_queue();
	}
}

/* What came while kicks were off is not overlooked. */
static void
test_kicks_on_late(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		open_queue((kind & 1) != 0, (kind & 2) != 0, false);
		for (int i = 0; i < 20; i++) {
			virtqueue_kicks_off(&vq);
			assert_true(driver_add(&driver, bufs, 1, false) >= 0);
			assert_true(driver_add(&driver, bufs, 2, false) >= 0);
			assert_true(virtqueue_ready(&vq));
			assert_false(virtqueue_kicks_on(&vq));
			virtqueue_kicks_off(&vq);
			assert_int_equal(virtqueue_pop(&vq, driver.map, iov,
			    &chains[0]), 1);
			assert_false(virtqueue_kicks_on(&vq));
			assert_int_equal(virtqueue_pop(&vq, driver.map, iov,
			    &chains[1]), 1);
			assert_true(virtqueue_kicks_on(&vq));
			give(2);
			virtqueue_flush(&vq);
			collect(2);
		}
		close_queue();
	}
}

/* The words themselves: virtio 1.2, 2.7.6 to 2.7.10. */
static void
test_split_words(void **state)
{
	(void)state;
	open_queue(false, false, false);
	assert_int_equal(driver_get16(&driver, DRIVER_USED), 0);
	virtqueue_kicks_off(&vq);
	assert_int_equal(driver_get16(&driver, DRIVER_USED), 1);
	virtqueue_kicks_on(&vq);
	assert_int_equal(driver_get16(&driver, DRIVER_USED), 0);
	take(2, 1);
	virtqueue_push(&vq, &chains[1], 0x12345);
	virtqueue_push(&vq, &chains[0], 7);
	assert_int_equal(driver_get16(&driver, DRIVER_USED + 2), 0);
	assert_true(virtqueue_flush(&vq));
	assert_int_equal(driver_get16(&driver, DRIVER_USED + 2), 2);
	assert_int_equal(driver_get16(&driver, DRIVER_USED + 4),
	    chains[1].id);
	assert_int_equal(driver_get16(&driver, DRIVER_USED + 8), 0x2345);
	assert_int_equal(driver_get16(&driver, DRIVER_USED + 10), 1);
	assert_int_equal(driver_get16(&driver, DRIVER_USED + 12),
	    chains[0].id);
	assert_int_equal(driver_get16(&driver, DRIVER_USED + 16), 7);
	close_queue();
	open_queue(false, true, false);
	/* The flags stay 0, and the driver's are not looked at. */
	use(3, 1);
	driver_put16(&driver, DRIVER_AVAIL, 1);
	virtqueue_kicks_off(&vq);
	assert_int_equal(driver_get16(&driver, DRIVER_USED), 0);
	assert_int_equal(driver_get16(&driver, AVAIL_EVENT), 0);
	virtqueue_kicks_on(&vq);
	assert_int_equal(driver_get16(&driver, AVAIL_EVENT), 3);
	driver_put16(&driver, USED_EVENT, 4);
	assert_false(use(1, 1));
	assert_true(use(1, 1));
	close_queue();
}

/* virtio 1.2, 2.8.10 and 2.8.14. */
static void
test_packed_words(void **state)
{
	(void)state;
	open_queue(true, false, false);
	assert_int_equal(driver_get16(&driver, DRIVER_USED + 2), 0);
	virtqueue_kicks_off(&vq);
	assert_int_equal(driver_get16(&driver, DRIVER_USED + 2), 1);
	virtqueue_kicks_on(&vq);
	assert_int_equal(driver_get16(&driver, DRIVER_USED + 2), 0);
	take(2, 2);
	virtqueue_push(&vq, &chains[1], 0x12345);
	assert_int_equal(driver_get16(&driver, DRIVER_DESC + 8), 0x2345);
	assert_int_equal(driver_get16(&driver, DRIVER_DESC + 10), 1);
	assert_int_equal(driver_get16(&driver, DRIVER_DESC + 12),
	    chains[1].id);
	assert_int_equal(driver_get16(&driver, DRIVER_DESC + 14), 0x8082);
	virtqueue_push(&vq, &chains[0], 0);
	assert_int_equal(driver_get16(&driver, DRIVER_DESC + 44),
	    chains[0].id);
	assert_int_equal(driver_get16(&driver, DRIVER_DESC + 46), 0x8080);
	assert_true(virtqueue_flush(&vq));
	collect(2);
	/* No events were negotiated; and a value that does not exist. */
	driver_put16(&driver, DRIVER_AVAIL, 0x8003);
	driver_put16(&driver, DRIVER_AVAIL + 2, 2);
	assert_true(use(1, 1));
	driver_put16(&driver, DRIVER_AVAIL + 2, 3);
	assert_true(use(1, 1));
	close_queue();
	open_queue(true, true, false);
	assert_int_equal(driver_get16(&driver, DRIVER_USED), 0x8000);
	assert_int_equal(driver_get16(&driver, DRIVER_USED + 2), 2);
	use(SIZE - 1, 1);
	virtqueue_kicks_on(&vq);
	assert_int_equal(driver_get16(&driver, DRIVER_USED), 0x8007);
	use(2, 1);
	virtqueue_kicks_on(&vq);
	assert_int_equal(driver_get16(&driver, DRIVER_USED), 1);
	assert_int_equal(virtqueue_stop(&vq), 0x00010001);
	close_queue();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_flag),
		cmocka_unit_test(test_calls_event),
		cmocka_unit_test(test_calls_event_once),
		cmocka_unit_test(test_calls_restart),
		cmocka_unit_test(test_notify_on_empty),
		cmocka_unit_test(test_kicks_flag),
		cmocka_unit_test(test_kicks_event),
		cmocka_unit_test(test_kicks_on_late),
		cmocka_unit_test(test_split_words),
		cmocka_unit_test(test_packed_words),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
