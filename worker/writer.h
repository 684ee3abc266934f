/*
 * SPDX-License-Identifier: ISC
 *
 * Bounded writing into a piece of memory: integers in host byte order,
 * unaligned, and runs of bytes.  What does not fit is not written, nor is
 * anything after it; writer_end() tells.
 */
#ifndef WORKER_WRITER_H
#define WORKER_WRITER_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct writer {
	uint8_t		*bytes;		/* the caller's */
	size_t		 size;
	size_t		 len;
	int		 error;		/* 0 or -ENOBUFS */
};

/* Starts writing at `bytes`, which has room for `size` bytes. */
void	writer_init(struct writer *writer, void *bytes, size_t size);

void	writer_u16(struct writer *writer, uint16_t value);
void	writer_u32(struct writer *writer, uint32_t value);
void	writer_u64(struct writer *writer, uint64_t value);
void	writer_bytes(struct writer *writer, const void *bytes, size_t len);

/* Returns how many bytes were written, or -ENOBUFS if not all fitted. */
ssize_t	writer_end(const struct writer *writer);

#endif /* WORKER_WRITER_H */
