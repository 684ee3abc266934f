/*
 * SPDX-License-Identifier: ISC
 *
 * Waking a thread that may be asleep in its event loop, and not making a system
 * call if it is not.
 */
#ifndef WORKER_WAKEUP_H
#define WORKER_WAKEUP_H

#include <stdatomic.h>
#include <stdbool.h>

struct wakeup {
	_Atomic bool	asleep;
	int		fd;	/* eventfd(2), owned; the sleeper's loop has it
				   edge-triggered and never reads it */
};

/* Returns 0 or -errno. */
int	wakeup_init(struct wakeup *w);
void	wakeup_free(struct wakeup *w);

/*
 * The sleeper: says that it is about to sleep, then looks once more for work,
 * sleeps if there is none, and says that it is awake.
 */
void	wakeup_sleeping(struct wakeup *w);
void	wakeup_awake(struct wakeup *w);

/*
 * Anybody, after work was made visible to the sleeper.  That, and the sleeper's
 * look, must be sequentially consistent (the default of <stdatomic.h>), or
 * under one lock: else each may miss what the other has written.
 */
void	wakeup_ring(struct wakeup *w);

#endif /* WORKER_WAKEUP_H */
