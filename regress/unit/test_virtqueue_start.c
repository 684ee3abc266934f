/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of worker/virtqueue.c: what a queue can be started with.
 */
#include "config.h"

#include "worker/virtqueue.h"

#include <sys/mman.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "regress/unit/ring_driver.h"

#define SIZE		8U	/* of the queue, where that does not matter */
#define FIELD(name)	offsetof(struct virtqueue_config, name)

static struct ring_driver driver;

static void
open_driver(bool packed)
{
	const struct virtqueue_config config = { .packed = packed,
	    .size = SIZE };

	assert_int_equal(driver_open(&driver, &config), 0);
}

static int
start_with(const struct virtqueue_config *config)
{
	struct virtqueue_chain chain;
	struct virtqueue vq;
	int error;

	memset(&vq, 0, sizeof(vq));
	error = virtqueue_start(&vq, config, driver.map);
	assert_int_equal(vq.started, error == 0);
	if (error != 0)
		assert_int_equal(virtqueue_pop(&vq, driver.map, NULL, &chain),
		    0);
	return error;
}

static void
expect_start(int error, size_t field, uint64_t value)
{
	struct virtqueue_config config = driver.config;

	if (field == FIELD(size))
		config.size = (uint32_t)value;
	else if (field == FIELD(base))
		config.base = (uint32_t)value;
	else
		memcpy((uint8_t *)&config + field, &value, sizeof(value));
	assert_int_equal(start_with(&config), error);
}

static void
test_start_split(void **state)
{
	static const uint32_t bad[] = { 0, 3, 6, 12, 32767, 32769, 65536,
	    UINT32_C(1) << 31, UINT32_MAX };
	const uint64_t end = DRIVER_USER + DRIVER_LOW_SIZE;

	(void)state;
	open_driver(false);
	for (uint32_t size = 1; size <= 32768; size *= 2)
		expect_start(0, FIELD(size), size);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_start(-EINVAL, FIELD(size), bad[i]);
	for (uint64_t at = 1; at < 16; at++)
		expect_start(-EINVAL, FIELD(desc_addr),
		    DRIVER_USER + at);
	expect_start(-EINVAL, FIELD(avail_addr), DRIVER_USER + 1);
	expect_start(0, FIELD(avail_addr), DRIVER_USER + 2);
	expect_start(-EINVAL, FIELD(used_addr), DRIVER_USER + 1);
	expect_start(-EINVAL, FIELD(used_addr), DRIVER_USER + 2);
	expect_start(0, FIELD(used_addr), DRIVER_USER + 4);
	/* The last place where each fits; with the event's two bytes. */
	expect_start(0, FIELD(desc_addr), end - 16 * SIZE);
	expect_start(-EINVAL, FIELD(desc_addr), end - 16 * SIZE + 16);
	expect_start(0, FIELD(avail_addr), end - 6 - 2 * SIZE);
	expect_start(-EINVAL, FIELD(avail_addr), end - 4 - 2 * SIZE);
	expect_start(0, FIELD(used_addr), end - 8 - 8 * SIZE);
	expect_start(-EINVAL, FIELD(used_addr), end - 4 - 8 * SIZE);
	expect_start(-EINVAL, FIELD(desc_addr), 0);
	expect_start(-EINVAL, FIELD(avail_addr), UINT64_MAX - 1);
	expect_start(-EINVAL, FIELD(used_addr), DRIVER_USER - 4);
	expect_start(-EINVAL, FIELD(desc_addr), DRIVER_LOW);
	expect_start(0, FIELD(base), UINT16_MAX);
	expect_start(-EINVAL, FIELD(base), UINT16_MAX + 1);
	driver_close(&driver);
}

static void
test_start_packed(void **state)
{
	static const uint32_t bad[] = { 0, 32769, 65536, UINT32_C(1) << 31,
	    UINT32_MAX };
	const uint64_t end = DRIVER_USER + DRIVER_LOW_SIZE;

	(void)state;
	open_driver(true);
	for (uint32_t size = 1; size <= 32768; size++)
		expect_start(0, FIELD(size), size);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_start(-EINVAL, FIELD(size), bad[i]);
	for (uint64_t at = 1; at < 16; at++)
		expect_start(-EINVAL, FIELD(desc_addr),
		    DRIVER_USER + at);
	for (uint64_t at = 1; at < 4; at++) {
		expect_start(-EINVAL, FIELD(avail_addr),
		    DRIVER_USER + at);
		expect_start(-EINVAL, FIELD(used_addr),
		    DRIVER_USER + at);
	}
	expect_start(0, FIELD(desc_addr), end - 16 * SIZE);
	expect_start(-EINVAL, FIELD(desc_addr), end - 16 * SIZE + 16);
	expect_start(0, FIELD(avail_addr), end - 4);
	expect_start(-EINVAL, FIELD(avail_addr), end);
	expect_start(0, FIELD(used_addr), end - 4);
	expect_start(-EINVAL, FIELD(used_addr), UINT64_MAX - 3);
	/* Both indices have to be in the ring. */
	expect_start(0, FIELD(base), (SIZE - 1) << 16 | (SIZE - 1));
	expect_start(-EINVAL, FIELD(base), SIZE);
	expect_start(-EINVAL, FIELD(base), SIZE << 16);
	expect_start(-EINVAL, FIELD(base), UINT32_MAX);
	driver_close(&driver);
}

/* What is aligned for the front-end may not be here. */
static void
test_start_unaligned_here(void **state)
{
	const struct guest_memory_region region = { UINT64_C(1) << 40, 65536,
	    UINT64_C(1) << 50, 1 };
	struct guest_memory *map;
	struct virtqueue_config config;
	struct virtqueue vq;
	int fd;

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		open_driver(packed != 0);
		fd = memfd_create("guest", MFD_CLOEXEC);
		assert_int_equal(ftruncate(fd, 65537), 0);
		assert_int_equal(guest_memory_add(driver.map, &region, fd,
		    &map, NULL), 0);
		config = driver.config;
		config.used_addr = region.user_addr;
		memset(&vq, 0, sizeof(vq));
		assert_int_equal(virtqueue_start(&vq, &config, map),
		    -EINVAL);
		guest_memory_release(map);
		driver_close(&driver);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_split),
		cmocka_unit_test(test_start_packed),
		cmocka_unit_test(test_start_unaligned_here),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
