/* SPDX-License-Identifier: ISC */
/*
 * Random numbers that come again with the same seed. Test code.
 */
#ifndef REGRESS_BRIDGE_RANDOM_H
#define REGRESS_BRIDGE_RANDOM_H

#include <sys/random.h>

#include <stdint.h>
#include <stdlib.h>

struct random {
	uint64_t	state;
};

/* From the environment, or a new one. Never 0. */
static inline uint64_t
random_seed(const char *variable)
{
	const char *text = getenv(variable);
	uint64_t seed = 0;

	if (text != NULL)
		seed = strtoull(text, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = 1;
	seed &= UINT32_MAX;
	return seed != 0 ? seed : 1;
}

/* The xorshift64* generator. */
static inline uint64_t
random_next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* 0 to n - 1. */
static inline uint32_t
random_below(struct random *r, uint32_t n)
{
	return (uint32_t)((random_next(r) >> 32) * n >> 32);
}

#endif
