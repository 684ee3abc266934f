/* SPDX-License-Identifier: ISC */
/*
 * Every way to break a chain, as data. Test code.
 */
#ifndef REGRESS_TORTURE_CHAINS_H
#define REGRESS_TORTURE_CHAINS_H

#include <stdint.h>

#define CHAIN_RING_SIZE	256u	/* what the rows are made for */
#define CHAIN_REQUEST	56u	/* bytes of a GETATTR, */
#define CHAIN_REPLY	120u	/* and of what it is answered */
#define CHAIN_ERROR	16u	/* that says no */

/* What addresses are relative to. */
enum place {
	NOWHERE,		/* absolute */
	REQ,			/* the request */
	REP,			/* room for the reply, filled with canaries */
	TAB,			/* the indirect table */
	END,			/* of the first region, a hole behind */
	SEAM,			/* where two regions meet */
	BIG,			/* a region of 6 GiB */
	TOP,			/* end of the last region below 2^64 */
	SELF			/* the ring's own descriptors */
};

enum expected {
	NONE,			/* end of a table */
	GOOD,			/* with the reply */
	ERR,			/* an error is replied */
	BAD,			/* length 0 */
	ANY,			/* it comes back */
	BROKEN			/* the ring stops */
};

#define SPLIT	1u
#define PACKED	2u
#define BOTH	3u

struct part {
	enum place	at;
	int64_t		off;
	uint32_t	len;
	uint16_t	flags;
	uint16_t	next;
};

struct row {
	const char	*name;
	unsigned int	formats;
	enum expected	expected;
	struct part	desc[3];
	struct part	table[3];
};

/* Both end with a row without a name; the first is a good chain. */
extern const struct row direct_chains[];
/* With a table, each of them. */
extern const struct row indirect_chains[];

#endif
