/*
 * SPDX-License-Identifier: ISC
 *
 * The worker's life with one vhost-user front-end: the main thread speaks
 * vhost-user, one thread for each virtqueue serves its requests.
 */
#ifndef WORKER_VIRTIOFS_H
#define WORKER_VIRTIOFS_H

#include <stddef.h>

#include "common/channel.h"
#include "common/lane.h"

struct virtiofs;

/* The high-priority queue, and request queues at most. */
#define VIRTIOFS_QUEUES		(1 + 64)

/*
 * The main thread's lane, then one for each queue.  The monitor serves all of
 * them from its start; those that are not used cost nothing.
 */
#define VIRTIOFS_LANES		(1 + VIRTIOFS_QUEUES)

/*
 * Prepares all that is easier without a sandbox.  `lanes` (VIRTIOFS_LANES of
 * them, attached) and `config` must outlive it; `channel` stays the caller's.
 * Returns it, or NULL with the reason logged.
 */
struct virtiofs
	*virtiofs_new(const struct worker_config *config, struct lane *lanes,
	    int channel);

/*
 * Serves the front-end's connection `sock`, which it takes, until its end or
 * until the launcher says stop.  Returns the process's exit status: 0, or 1
 * with the reason logged.
 */
int	virtiofs_serve(struct virtiofs *virtiofs, int sock);

/* All threads end first.  NULL is fine. */
void	virtiofs_free(struct virtiofs *virtiofs);

#endif /* WORKER_VIRTIOFS_H */
