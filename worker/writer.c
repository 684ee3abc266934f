/*
 * SPDX-License-Identifier: ISC
 *
 * Bounded writing.  Trusts no length that it is given.
 */
#include "config.h"

#include "worker/writer.h"

#include <errno.h>
#include <string.h>

void
writer_init(struct writer *writer, void *bytes, size_t size)
{
	writer->bytes = bytes;
	writer->size = size;
	writer->len = 0;
	writer->error = 0;
}

void
writer_bytes(struct writer *writer, const void *bytes, size_t len)
{
	if (writer->error != 0)
		return;
	if (len > writer->size - writer->len) {
		writer->error = -ENOBUFS;
		return;
	}
	if (len > 0)
		memcpy(writer->bytes + writer->len, bytes, len);
	writer->len += len;
}

void
writer_u16(struct writer *writer, uint16_t value)
{
	writer_bytes(writer, &value, sizeof(value));
}

void
writer_u32(struct writer *writer, uint32_t value)
{
	writer_bytes(writer, &value, sizeof(value));
}

void
writer_u64(struct writer *writer, uint64_t value)
{
	writer_bytes(writer, &value, sizeof(value));
}

ssize_t
writer_end(const struct writer *writer)
{
	return writer->error != 0 ? writer->error : (ssize_t)writer->len;
}
