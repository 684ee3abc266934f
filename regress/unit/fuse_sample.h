/*
 * SPDX-License-Identifier: ISC
 *
 * Good FUSE requests, and a judge of replies.  Only for tests.
 */
#ifndef REGRESS_UNIT_FUSE_SAMPLE_H
#define REGRESS_UNIT_FUSE_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "worker/fuse_proto.h"

#define FUSE_SAMPLE_MAX		(80 * 1024)
#define FUSE_SAMPLE_UNIQUE	UINT64_C(0x1122334455667788)
#define FUSE_SAMPLE_NODE	UINT64_C(0x500000003)

struct fuse_sample {
	uint8_t	bytes[FUSE_SAMPLE_MAX];
	size_t	len;
	size_t	room;		/* for the reply, header included */
};

/* The opcodes that are served; 0 ends them. */
extern const uint32_t fuse_sample_opcodes[];

/* Starts a request: a header with a length that is right so far. */
void	fuse_sample_begin(struct fuse_sample *sample, uint32_t opcode,
	    uint64_t nodeid);

/* Adds bytes, or a string with its NUL, and corrects the length. */
void	fuse_sample_add(struct fuse_sample *sample, const void *bytes,
	    size_t len);
void	fuse_sample_string(struct fuse_sample *sample, const char *string);

/* Adds all extensions, and tells the header how many units of 8 they are. */
void	fuse_sample_extensions(struct fuse_sample *sample,
	    const uint32_t *words, size_t n);

/* The opcodes that may have some; 0 ends them. */
extern const uint32_t fuse_sample_creating[];

/*
 * Makes a request that must succeed, about an inode FUSE_SAMPLE_NODE of which
 * `fh` is open for reading and writing.
 */
void	fuse_sample_good(struct fuse_sample *sample, uint32_t opcode,
	    uint64_t fh);

/* Returns the error of a reply that was judged, or 0. */
int	fuse_sample_error(const uint8_t *reply, size_t len);

/*
 * Judges `len` bytes of a reply to `request`, of which `room` could be.
 * Returns what is wrong, or NULL.
 */
const char
	*fuse_sample_check(const uint8_t *request, size_t request_len,
	    const uint8_t *reply, size_t len, size_t room);

#endif /* REGRESS_UNIT_FUSE_SAMPLE_H */
