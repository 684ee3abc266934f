/*
 * SPDX-License-Identifier: ISC
 *
 * Bounded reading.  Trusts neither the bytes nor a length found in them.
 */
#include "config.h"

#include "worker/reader.h"

#include <errno.h>
#include <string.h>

void
reader_init(struct reader *reader, const void *bytes, size_t len)
{
	reader->bytes = bytes;
	reader->left = len;
	reader->error = 0;
}

const uint8_t *
reader_bytes(struct reader *reader, size_t len)
{
	const uint8_t *bytes = reader->bytes;

	if (reader->error != 0)
		return NULL;
	if (len > reader->left) {
		reader->error = -ENOBUFS;
		return NULL;
	}
	if (len > 0)
		reader->bytes += len;
	reader->left -= len;
	return bytes;
}

/* Copies: the bytes need not be aligned. */
static void
reader_copy(struct reader *reader, void *value, size_t size)
{
	const uint8_t *bytes = reader_bytes(reader, size);

	if (bytes != NULL)
		memcpy(value, bytes, size);
}

uint16_t
reader_u16(struct reader *reader)
{
	uint16_t value = 0;

	reader_copy(reader, &value, sizeof(value));
	return value;
}

uint32_t
reader_u32(struct reader *reader)
{
	uint32_t value = 0;

	reader_copy(reader, &value, sizeof(value));
	return value;
}

uint64_t
reader_u64(struct reader *reader)
{
	uint64_t value = 0;

	reader_copy(reader, &value, sizeof(value));
	return value;
}

int
reader_end(const struct reader *reader)
{
	if (reader->error != 0)
		return reader->error;
	return reader->left == 0 ? 0 : -EINVAL;
}
