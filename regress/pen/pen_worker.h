/*
 * SPDX-License-Identifier: ISC
 *
 * The fake worker.  Test code.
 */
#ifndef REGRESS_PEN_PEN_WORKER_H
#define REGRESS_PEN_PEN_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/lane.h"
#include "common/lane_shared.h"
#include "regress/pen/pen_cases.h"
#include "regress/pen/pen_proto.h"

struct pen_worker {
	int			channel;
	struct worker_config	config;
	enum pen_naming		naming;
	int			memory_fd;	/* of the first lane, kept */
	struct lane		lanes[WORKER_VIRTIOFS_LANES];
	struct lane		*lane;		/* the first */
	uint64_t		dir;		/* by handle: "dir" */
	int			connection;
};

/* A good request, as the daemon's protocol has it. */
void	worker_good(const struct pen_worker *w, struct pen_message *message,
	    uint32_t op);

/* Writes a message into a slot as it is. */
void	worker_fill(struct pen_worker *w, uint32_t slot,
	    const struct pen_message *message);

/*
 * Submits `slot` and waits for its completion.  Returns 1, or -errno; a
 * descriptor is the caller's.
 */
int	worker_exchange(struct pen_worker *w, uint32_t slot,
	    struct monitor_reply *reply, int *fd_out);

/*
 * What is repeated so many times; on a busy machine, where an answer may take
 * as long as others have the processor, for ten seconds, but 200 times at
 * least.
 */
struct effort {
	int64_t		most;
	int64_t		done;
	int64_t		good;		/* the caller counts these */
	uint64_t	began_ms;
};

void	effort_begin(struct effort *effort, int64_t most);
bool	effort_goes_on(struct effort *effort);

/* Returns `most` if all that was done was good, else how much was. */
int64_t	effort_end(const struct effort *effort);

uint64_t
	worker_now_ms(void);

/* Each runs one kind of attack and returns what enum pen_attack says. */
int64_t	attack_lane(struct pen_worker *w, enum pen_attack attack,
	    uint32_t arg);
int64_t	attack_race(struct pen_worker *w, enum pen_race race);
int64_t	attack_storm(struct pen_worker *w, enum pen_storm storm);
int64_t	attack_thread(enum pen_thread thread);
int64_t	attack_channel(struct pen_worker *w, enum pen_attack attack,
	    uint32_t arg);
int64_t	attack_peer(enum pen_peer peer);

#endif /* REGRESS_PEN_PEN_WORKER_H */
