/*
 * SPDX-License-Identifier: ISC
 *
 * A virtqueue's thread as its two halves see it: for queue.c and queue_thread.c
 * alone.
 */
#ifndef WORKER_QUEUE_THREAD_H
#define WORKER_QUEUE_THREAD_H

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/adaptive.h"
#include "common/log.h"
#include "worker/queue.h"

/* More stay in the ring: what a guest can make us hold is bounded. */
#define QUEUE_REQUESTS		256

/* Elements of a chain that need no memory of their own. */
#define QUEUE_IOV		24

struct queue_request {
	struct fuse_request	 fuse;
	struct queue_request	*next_free;
	struct iovec		*long_iov;	/* owned; NULL: the short one */
	struct iovec		 iov[QUEUE_IOV];
};

struct queue {
	struct queue_parts	 parts;
	pthread_t		 thread;
	/* Between the threads. */
	_Atomic bool		 posted;	/* command and ring are set */
	_Atomic bool		 answered;	/* answer is */
	_Atomic bool		 ended;
	_Atomic int		 error;
	enum queue_command	 command;
	struct queue_ring	 ring;
	struct queue_answer	 answer;
	struct wakeup		 wakeup;
	/* The thread's own from here on. */
	struct event_base	*base;
	struct event		*on_kick;
	struct event		*on_bell;
	struct event		*on_wakeup;
	struct monitor_client	 monitor;
	struct io_port		 io;
	struct adaptive		 input_wait;	/* nothing is in flight */
	struct adaptive		 reply_wait;	/* something is */
	uint64_t		 count;		/* requests */
	struct virtqueue	 vq;
	struct guest_memory	*memory;	/* held while it is started */
	int			 kick;		/* the main thread's */
	int			 call;
	int			 err;
	bool			 started;
	bool			 enabled;
	bool			 stopping;
	bool			 ending_session;	/* to be asked for */
	bool			 kicks_off;
	bool			 kicked;	/* and nobody has looked yet */
	uint32_t		 in_flight;
	uint32_t		 nrequests;
	struct queue_request	*free;
	struct queue_request	*requests[QUEUE_REQUESTS];
	struct log_limit	 bad_chains;
	struct log_limit	 stray_chains;
	/* Large, and not zeroed. */
	struct fuse_queue	 fuse;
	struct iovec		 iov[VIRTQUEUE_IOV_MAX];
};

/* The thread; `arg` is the queue. */
void	*queue_thread(void *arg);

/* For event_loop_watch(): all is said by the edge. */
void	queue_event(evutil_socket_t fd, short what, void *arg);

/* The FUSE code's word that a request is over. */
void	queue_complete(struct fuse_request *request, uint32_t len);

/* Returns a request that is not in use, or NULL; makes it free again. */
struct queue_request
	*queue_request_get(struct queue *queue);
void	queue_request_put(struct queue *queue, struct queue_request *request);

#endif /* WORKER_QUEUE_THREAD_H */
