/* SPDX-License-Identifier: ISC */
/*
 * The operations that the 9p-proxy bench measures: ready-made messages and
 * what has to come back. Bench code.
 */
#ifndef REGRESS_P9_OPS_H
#define REGRESS_P9_OPS_H

#include <stddef.h>

#include "p9_msg.h"

#define BENCH_STEPS	2

/* One request: sent many times as it is. */
struct bench_step {
	const char	*label;		/* NULL: needed, not measured */
	int		want;		/* 0 or -errno */
	size_t		len;
	unsigned char	message[512];
};

/* One or two requests that leave the share as it was. */
struct bench_op {
	size_t			steps;
	struct bench_step	step[BENCH_STEPS];
	int			ext4;	/* measured on ext4, not on tmpfs */
	/* Not the same work for both servers: left out of the mean. */
	const char		*unequal;
};

/* Makes what the operations need, directly, in a share at this depth. */
void	bench_prepare(const char *share, int depth);

/* Fills in all operations for paths at this depth; returns how many. */
size_t	bench_ops(struct bench_op *ops, size_t max, int depth);

#endif
