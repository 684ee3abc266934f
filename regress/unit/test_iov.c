/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of walking through an iovec: worker/iov.c.
 */
#include "config.h"

#include "worker/iov.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TOTAL	26

static char bytes[TOTAL + 1];
static struct iovec iov[TOTAL + 4];

/* Cuts the alphabet into pieces of `len`.  Returns how many. */
static size_t
cut(size_t len)
{
	size_t n = 0;

	strcpy(bytes, "abcdefghijklmnopqrstuvwxyz");
	for (size_t at = 0; at < TOTAL; at += len)
		iov[n++] = (struct iovec){ bytes + at,
		    len < TOTAL - at ? len : TOTAL - at };
	return n;
}

static void
test_read(void **state)
{
	struct iov_cursor cursor;
	char out[TOTAL];

	(void)state;
	for (size_t len = 1; len <= TOTAL; len++)
		for (size_t step = 1; step <= TOTAL; step++) {
			iov_init(&cursor, iov, cut(len), TOTAL);
			for (size_t at = 0; at + step <= TOTAL; at += step) {
				assert_int_equal(cursor.left, TOTAL - at);
				assert_true(iov_read(&cursor, out, step));
				assert_memory_equal(out, bytes + at, step);
			}
			assert_int_equal(cursor.left, TOTAL % step);
			assert_false(iov_read(&cursor, out, step));
			assert_int_equal(cursor.left, TOTAL % step);
			assert_true(iov_read(&cursor, out, 0));
		}
}

static void
test_write_and_skip(void **state)
{
	struct iov_cursor cursor;

	(void)state;
	for (size_t len = 1; len <= TOTAL; len++)
		for (size_t skip = 0; skip <= TOTAL; skip++) {
			iov_init(&cursor, iov, cut(len), TOTAL);
			assert_true(iov_skip(&cursor, skip));
			assert_false(iov_skip(&cursor, TOTAL - skip + 1));
			assert_false(iov_write(&cursor,
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ!", TOTAL - skip + 1));
			assert_true(iov_write(&cursor,
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ", TOTAL - skip));
			assert_int_equal(cursor.left, 0);
			assert_memory_equal(bytes,
			    "abcdefghijklmnopqrstuvwxyz", skip);
			assert_memory_equal(bytes + skip,
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ", TOTAL - skip);
		}
}

/* Elements without a byte are passed over. */
static void
test_empty_elements(void **state)
{
	struct iov_cursor cursor;
	char out[3];

	(void)state;
	strcpy(bytes, "abc");
	iov[0] = (struct iovec){ bytes, 0 };
	iov[1] = (struct iovec){ bytes, 1 };
	iov[2] = (struct iovec){ bytes, 0 };
	iov[3] = (struct iovec){ bytes + 1, 2 };
	iov[4] = (struct iovec){ bytes, 0 };
	iov_init(&cursor, iov, 5, 3);
	assert_true(iov_read(&cursor, out, 3));
	assert_memory_equal(out, "abc", 3);
	iov_init(&cursor, iov, 0, 0);
	assert_true(iov_read(&cursor, out, 0));
	assert_false(iov_read(&cursor, out, 1));
}

/* Each piece of the whole, and the whole again. */
static void
test_pieces(void **state)
{
	struct iovec whole[TOTAL];
	struct iov_piece piece;
	size_t at, n;

	(void)state;
	for (size_t len = 1; len <= TOTAL; len++)
		for (size_t skip = 0; skip < TOTAL; skip++)
			for (size_t want = 1; want <= TOTAL + 1; want++) {
				n = cut(len);
				memcpy(whole, iov, sizeof(whole));
				iov_piece_cut(&piece, iov, n, skip, want);
				assert_int_equal(piece.len, want <
				    TOTAL - skip ? want : TOTAL - skip);
				at = skip;
				for (int i = 0; i < piece.n; i++) {
					assert_ptr_equal(
					    piece.iov[i].iov_base, bytes + at);
					assert_true(piece.iov[i].iov_len > 0);
					at += piece.iov[i].iov_len;
				}
				assert_int_equal(at, skip + piece.len);
				iov_piece_mend(&piece);
				assert_memory_equal(iov, whole,
				    n * sizeof(iov[0]));
			}
}

/* No more elements than a system call takes. */
static void
test_many_elements(void **state)
{
	static struct iovec many[IOV_PIECE_MAX + 10];
	static char byte;
	struct iov_piece piece;

	(void)state;
	for (size_t i = 0; i < IOV_PIECE_MAX + 10; i++)
		many[i] = (struct iovec){ &byte, 1 };
	iov_piece_cut(&piece, many, IOV_PIECE_MAX + 10, 3, 5000);
	assert_int_equal(piece.n, IOV_PIECE_MAX);
	assert_int_equal(piece.len, IOV_PIECE_MAX);
	assert_ptr_equal(piece.iov, &many[3]);
	iov_piece_mend(&piece);
	iov_piece_cut(&piece, many, IOV_PIECE_MAX + 10, 1030, 5000);
	assert_int_equal(piece.n, 4);
	iov_piece_mend(&piece);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_write_and_skip),
		cmocka_unit_test(test_empty_elements),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_many_elements),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
