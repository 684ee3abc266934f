/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of worker/reader.c.
 */
#include "config.h"

#include "worker/reader.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t bytes[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
    14, 15 };

static void
test_integers(void **state)
{
	struct reader reader;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	(void)state;
	/* From the second byte on, so that nothing is aligned. */
	memcpy(&u16, bytes + 1, sizeof(u16));
	memcpy(&u32, bytes + 3, sizeof(u32));
	memcpy(&u64, bytes + 7, sizeof(u64));
	reader_init(&reader, bytes + 1, 14);
	assert_int_equal(reader_u16(&reader), u16);
	assert_int_equal(reader_u32(&reader), u32);
	assert_int_equal(reader_u64(&reader), u64);
	assert_int_equal(reader_end(&reader), 0);
}

static void
test_bytes(void **state)
{
	struct reader reader;

	(void)state;
	reader_init(&reader, bytes, 4);
	assert_ptr_equal(reader_bytes(&reader, 3), bytes);
	assert_ptr_equal(reader_bytes(&reader, 0), bytes + 3);
	assert_int_equal(reader_end(&reader), -EINVAL);
	assert_ptr_equal(reader_bytes(&reader, 1), bytes + 3);
	assert_int_equal(reader_end(&reader), 0);
}

static void
test_past_the_end(void **state)
{
	static const size_t lengths[] = { 5, 1000, SIZE_MAX, SIZE_MAX - 3 };
	struct reader reader;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		reader_init(&reader, bytes, 4);
		assert_null(reader_bytes(&reader, lengths[i]));
		assert_int_equal(reader_end(&reader), -ENOBUFS);
	}
}

/* After a failure nothing is there any more, though bytes are left. */
static void
test_failure_stays(void **state)
{
	struct reader reader;

	(void)state;
	reader_init(&reader, bytes + 8, 7);
	assert_int_equal(reader_u64(&reader), 0);
	assert_int_equal(reader_u32(&reader), 0);
	assert_int_equal(reader_u16(&reader), 0);
	assert_null(reader_bytes(&reader, 1));
	assert_null(reader_bytes(&reader, 0));
	assert_int_equal(reader_end(&reader), -ENOBUFS);
}

/* No length is too short to be refused, and no byte beyond it is read. */
static void
test_every_truncation(void **state)
{
	struct reader reader;

	(void)state;
	for (size_t len = 0; len < 14; len++) {
		reader_init(&reader, bytes, len);
		reader_u16(&reader);
		reader_u32(&reader);
		reader_u64(&reader);
		assert_int_equal(reader_end(&reader), -ENOBUFS);
	}
}

static void
test_empty(void **state)
{
	struct reader reader;

	(void)state;
	reader_init(&reader, NULL, 0);
	assert_int_equal(reader_end(&reader), 0);
	reader_bytes(&reader, 0);
	assert_int_equal(reader_end(&reader), 0);
	assert_int_equal(reader_u16(&reader), 0);
	assert_int_equal(reader_end(&reader), -ENOBUFS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_past_the_end),
		cmocka_unit_test(test_failure_stays),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_empty),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
