/*
 * SPDX-License-Identifier: ISC
 *
 * Threads for what would block: a queue's thread hands a job over, goes on, and
 * gets it back done.
 */
#ifndef WORKER_IO_POOL_H
#define WORKER_IO_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "worker/wakeup.h"

struct io_pool;
struct io_port;

/* Part of what it is about; both functions get the job. */
struct io_job {
	struct io_job	*next;
	struct io_port	*port;			/* where it came from */
	void		(*run)(struct io_job *job);	/* in a pool's thread */
	void		(*done)(struct io_job *job);	/* in the port's owner's */
};

/* A queue's side of the pool: where its jobs come back. */
struct io_port {
	struct io_pool		*pool;
	struct wakeup		*wakeup;	/* the owner's */
	_Atomic(struct io_job *) finished;
	uint32_t		 in_flight;	/* the owner's thread's alone */
};

/*
 * Makes a pool of up to `nthreads` threads (0: as many as are sensible here),
 * none of which is started before there is a job for it.  Returns it or NULL.
 */
struct io_pool
	*io_pool_new(uint32_t nthreads);

/* Ends the threads after their jobs, joins them, frees. */
void	io_pool_free(struct io_pool *pool);

void	io_port_init(struct io_port *port, struct io_pool *pool,
	    struct wakeup *wakeup);

/* Queues the job, which the caller keeps alive until done() is called. */
void	io_port_submit(struct io_port *port, struct io_job *job);

/* Returns whether a job is finished.  Cheap: one load. */
bool	io_port_ready(const struct io_port *port);

/* Calls done() of all finished jobs.  Returns how many. */
uint32_t
	io_port_reap(struct io_port *port);

#endif /* WORKER_IO_POOL_H */
