/* SPDX-License-Identifier: ISC */
/*
 * Carries FUSE requests from /dev/fuse into the virtqueues of a file system
 * device and the replies back, one thread for each request queue. It checks
 * what the guest's driver takes on trust: that the used length is the reply's
 * own, and that it answers what was asked. Test code.
 */
#ifndef REGRESS_BRIDGE_PUMP_H
#define REGRESS_BRIDGE_PUMP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"
#include "vhost_front.h"

#define PUMP_QUEUES	4
#define PUMP_DEPTH	24	/* requests in flight in each queue */
#define PUMP_FORGETS	8	/* in flight in the queue of high priority */
/* Guest memory for it, the rings left out. */
#define PUMP_MEMORY(queues)	(((queues) * PUMP_DEPTH + PUMP_FORGETS) * \
				    2 * (LAYOUT_DATA + 3u * LAYOUT_PAGE))

struct pump_slot {
	struct pump_slot	*next;		/* of the free ones */
	uint8_t			*request, *reply;	/* guest memory */
	uint64_t		unique;
	uint32_t		opcode;
	_Atomic long long	since;		/* ms; 0: not in flight */
};

struct pump_queue {
	struct pump		*pump;
	struct vhost_ring	*ring;
	int			dev_fd;		/* owned */
	pthread_t		thread;
	int			started;
	struct pump_slot	slot[PUMP_DEPTH], *free;
	unsigned int		in_flight;
	int			unmounted;
	struct iovec		segment[LAYOUT_CHAIN];
};

struct pump {
	struct vhost_front	*front;
	struct pump_queue	queue[PUMP_QUEUES];
	unsigned int		queues;
	int			stop_fd;	/* an eventfd, owned */
	/* FORGETs of all queues. */
	pthread_mutex_t		lock;
	struct pump_slot	forget[PUMP_FORGETS], *forget_free;
	/* Replies that no driver should ever get; each one is told of. */
	atomic_uint		broken;
	atomic_ulong		requests;
};

/* Takes the descriptor over; the first of as many as there are queues. The
 * rings must run. 0 or -errno. */
int	pump_start(struct pump *p, struct vhost_front *front, int dev_fd,
	    unsigned int queues);
/*
 * Ends the threads: after an umount when all is answered, else at once.
 * Closes /dev/fuse, so that a mount that is still there fails for ever.
 */
void	pump_stop(struct pump *p, int at_once);
/* DESTROY, after pump_stop(): 0 or -errno. */
int	pump_destroy(struct pump *p);
/* The slot that has waited longest and how long, NULL when none waits. */
const struct pump_slot *pump_oldest(struct pump *p, long long *waited_ms);

#endif
