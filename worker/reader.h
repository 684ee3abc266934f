/*
 * SPDX-License-Identifier: ISC
 *
 * Bounded reading of bytes that someone else wrote: integers in host byte
 * order, unaligned, and runs of bytes.  After its first failure a reader
 * returns zero and no bytes for ever; ask reader_end() before using a value.
 */
#ifndef WORKER_READER_H
#define WORKER_READER_H

#include <stddef.h>
#include <stdint.h>

struct reader {
	const uint8_t	*bytes;		/* the caller's */
	size_t		 left;
	int		 error;		/* 0 or -ENOBUFS */
};

/* Starts reading at `bytes`, which must outlive what is read from them. */
void	reader_init(struct reader *reader, const void *bytes, size_t len);

uint16_t
	reader_u16(struct reader *reader);
uint32_t
	reader_u32(struct reader *reader);
uint64_t
	reader_u64(struct reader *reader);

/* Returns where the next `len` bytes are, and passes them, or NULL. */
const uint8_t *
	reader_bytes(struct reader *reader, size_t len);

/*
 * Returns 0 if all that was asked for was there and nothing is left; -ENOBUFS
 * if something was not there; -EINVAL if bytes are left.
 */
int	reader_end(const struct reader *reader);

#endif /* WORKER_READER_H */
