/*
 * SPDX-License-Identifier: ISC
 *
 * The thread of one virtqueue.  It takes requests out of the ring, has them
 * carried out, and gives them back, any number at a time; it sleeps when there
 * is nothing to do.
 *
 * The main thread tells it what to do by one command at a time, and is told
 * when that is done.  Neither waits for the other.
 */
#ifndef WORKER_QUEUE_H
#define WORKER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/lane.h"
#include "worker/fuse_request.h"
#include "worker/guest_memory.h"
#include "worker/io_pool.h"
#include "worker/reason.h"
#include "worker/virtqueue.h"
#include "worker/wakeup.h"

struct queue;

/* What a queue is made of; all of it outlives the queue. */
struct queue_parts {
	uint32_t		 index;
	uint32_t		 poll_us;
	struct lane		*lane;		/* its own */
	struct fuse_session	*session;
	struct io_pool		*pool;
	struct wakeup		*owner;		/* the main thread's */
};

/*
 * A ring.  Descriptors (-1 is none) and memory stay the main thread's, who
 * keeps them until the queue has done a command that gives others, or has
 * stopped.
 */
struct queue_ring {
	struct virtqueue_config	 config;	/* for QUEUE_START alone */
	struct guest_memory	*memory;
	int			 kick;
	int			 call;
	int			 err;
	bool			 enabled;	/* else nothing is taken */
};

enum queue_command {
	QUEUE_START,		/* begin with the ring */
	QUEUE_UPDATE,		/* go on with other descriptors or memory */
	QUEUE_STOP,		/* finish what was taken, then let go of it */
	QUEUE_END_SESSION	/* for all queues, all of which are stopped */
};

struct queue_answer {
	int		error;		/* 0 or -errno; STOP cannot fail */
	uint32_t	base;		/* STOP: as SET_VRING_BASE takes it */
	struct reason	why;		/* of the error, if there is one */
};

/* Starts the thread.  Returns the queue, or NULL with the reason logged. */
struct queue
	*queue_new(const struct queue_parts *parts);

/*
 * The main thread's side of it.
 */

/* Gives a command; the one before must have been answered. */
void	queue_post(struct queue *queue, enum queue_command command,
	    const struct queue_ring *ring);

/*
 * Returns whether the command is done, and its answer, once.  The owner's
 * wakeup was rung then.
 */
bool	queue_answered(struct queue *queue, struct queue_answer *answer);

/* Returns 0, or -errno if its lane failed; the owner's wakeup was rung. */
int	queue_error(const struct queue *queue);

/*
 * Ends the thread, at once: what is in flight is lost unless the queue was
 * stopped before.  I/O jobs may still be running.
 */
void	queue_end(struct queue *queue);

/* After queue_end(), and after the end of its I/O jobs.  NULL is fine. */
void	queue_free(struct queue *queue);

#endif /* WORKER_QUEUE_H */
