/* SPDX-License-Identifier: ISC */
/*
 * What the parts of the virtio-fs bench share. Bench code.
 */
#ifndef REGRESS_VIRTIOFS_BENCH_H
#define REGRESS_VIRTIOFS_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "fixture.h"
#include "virtiofs_load.h"
#include "virtiofs_ops.h"
#include "virtiofs_server.h"

#define BENCH_PEERS	4
#define BENCH_ROUNDS	64
#define BENCH_DEPTHS	2
#define BENCH_FS	2
#define BENCH_PATH	100	/* fits an address */

/* A server to measure, as it is started. */
struct bench_peer {
	const char		*name;
	enum virtiofs_kind	kind;
	unsigned int		queues;
	const char		*extra[16];	/* ends with NULL */
};

struct bench {
	/* 1: all on one core; 2: the servers on another one than the
	 * front-end; 0: wherever the kernel likes. */
	int			cores;
	int			memory, no_costs, rounds, round_ms;
	const char		*only;		/* operations with this in it */
	const char		*servers, *tsv_path;
	const char		*privfsd_arg[12];
	size_t			privfsd_args;
	struct fixture		*fixture;
	/* The directories to share, and what they are on. */
	char			share[BENCH_FS][128];
	struct bench_peer	peer[BENCH_PEERS];
	size_t			peers;
	FILE			*tsv;
	const struct load_op	*op[OPS_MAX];
	size_t			ops;
	unsigned int		sockets;
};

/* A running server and its front-end. */
struct bench_server {
	struct server	srv;
	struct load	load;
};

/* Microseconds per repetition. */
struct bench_times {
	double	p50[BENCH_ROUNDS];	/* of one */
	double	us[BENCH_ROUNDS];	/* of all together: time by number */
};
struct bench_results {
	struct bench_times	time[BENCH_FS][BENCH_DEPTHS][OPS_MAX]
				    [BENCH_PEERS];
};

extern const unsigned int bench_depth[BENCH_DEPTHS];
extern const char *const bench_fs[BENCH_FS];

/* Starts a server and sets up the device; with look, all is looked up. */
void	bench_start(struct bench *b, struct bench_server *s,
	    const struct bench_peer *peer, const char *share, int look);
void	bench_stop(struct bench_server *s);
/* The options for one start of it; storage of the caller. */
struct virtiofs_server_options	bench_server_options(struct bench *b,
	    const struct bench_peer *peer, const char *share,
	    char path[BENCH_PATH]);

/* What stands beside the figures: which cores they are of. */
const char	*bench_mode(const struct bench *b);
double		bench_median(const double *values, size_t count);

/* virtiofs_report.c: tables of times, and what they come to. */
void	report_times(struct bench *b, const struct bench_results *r);

/* virtiofs_passes.c: what is not time: system calls, memory; and starts. */
void	pass_costs(struct bench *b);
void	pass_memory(struct bench *b);
void	pass_start(struct bench *b);

#endif
