/*
 * SPDX-License-Identifier: ISC
 *
 * For tests: one good message of each 9p-proxy request, and what QEMU would
 * say of a reply.
 */
#ifndef REGRESS_UNIT_P9_SAMPLE_H
#define REGRESS_UNIT_P9_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "worker/p9_proto.h"
#include "worker/p9_reply.h"

#define P9_SAMPLE_MAX	1024

/* A request's payload. */
struct p9_sample {
	uint32_t	type;
	size_t		len;
	uint8_t		bytes[P9_SAMPLE_MAX];
};

/*
 * Fills in a payload: `format` has one letter for each field, whose value
 * follows: d (uint32_t), q (uint64_t), s (char *, sent without its NUL), z (the
 * same with its NUL).
 */
void	p9_sample_make(struct p9_sample *sample, uint32_t type,
	    const char *format, ...);

/* Fills in a good message of `type`, as QEMU would send it. */
void	p9_sample_good(struct p9_sample *sample, uint32_t type);

/*
 * Returns what is wrong with the reply to a request of `type` with `payload`,
 * or NULL.  Reads of the payload only the client's size field.
 */
const char
	*p9_sample_check(const struct p9_reply *reply, uint32_t type,
	    const uint8_t *payload, size_t len);

/* Returns the error in a reply of either form, or 0 if it is a success. */
int	p9_sample_error(const struct p9_reply *reply, uint32_t type);

#endif /* REGRESS_UNIT_P9_SAMPLE_H */
