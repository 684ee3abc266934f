/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of worker/writer.c.
 */
#include "config.h"

#include "worker/writer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/reader.h"

#define GUARD	0xa5

/* What a reader reads is what was written, at any alignment. */
static void
test_round_trip(void **state)
{
	uint8_t bytes[32];
	struct writer writer;
	struct reader reader;

	(void)state;
	writer_init(&writer, bytes + 1, sizeof(bytes) - 1);
	writer_u16(&writer, 0x1234);
	writer_u32(&writer, 0x89abcdef);
	writer_u64(&writer, UINT64_C(0x0123456789abcdef));
	writer_bytes(&writer, "xyz", 3);
	assert_int_equal(writer_end(&writer), 17);

	reader_init(&reader, bytes + 1, 17);
	assert_int_equal(reader_u16(&reader), 0x1234);
	assert_int_equal(reader_u32(&reader), 0x89abcdef);
	assert_true(reader_u64(&reader) == UINT64_C(0x0123456789abcdef));
	assert_memory_equal(reader_bytes(&reader, 3), "xyz", 3);
	assert_int_equal(reader_end(&reader), 0);
}

/* At every size that is too small: an error, and nothing beyond is touched. */
static void
test_every_size(void **state)
{
	uint8_t bytes[24];
	struct writer writer;

	(void)state;
	for (size_t size = 0; size <= 16; size++) {
		memset(bytes, GUARD, sizeof(bytes));
		writer_init(&writer, bytes, size);
		writer_u16(&writer, 0);
		writer_u32(&writer, 0);
		writer_u64(&writer, 0);
		writer_bytes(&writer, "\0\0", 2);
		assert_int_equal(writer_end(&writer), size == 16 ? 16 :
		    -ENOBUFS);
		for (size_t i = size; i < sizeof(bytes); i++)
			assert_int_equal(bytes[i], GUARD);
	}
}

/* What does not fit ends it, even if what follows would fit. */
static void
test_failure_stays(void **state)
{
	uint8_t bytes[4] = { GUARD, GUARD, GUARD, GUARD };
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	writer_u64(&writer, 0);
	writer_u16(&writer, 0);
	writer_bytes(&writer, "", 0);
	assert_int_equal(writer_end(&writer), -ENOBUFS);
	assert_int_equal(bytes[0], GUARD);
}

static void
test_huge_length(void **state)
{
	uint8_t bytes[4];
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	writer_u16(&writer, 0);
	writer_bytes(&writer, bytes, SIZE_MAX);
	assert_int_equal(writer_end(&writer), -ENOBUFS);
}

static void
test_empty(void **state)
{
	struct writer writer;

	(void)state;
	writer_init(&writer, NULL, 0);
	writer_bytes(&writer, NULL, 0);
	assert_int_equal(writer_end(&writer), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_size),
		cmocka_unit_test(test_failure_stays),
		cmocka_unit_test(test_huge_length),
		cmocka_unit_test(test_empty),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
