/*
 * SPDX-License-Identifier: ISC
 *
 * libevent loops as the worker's threads use them: one for each thread, which
 * no other thread touches.
 */
#ifndef WORKER_EVENT_LOOP_H
#define WORKER_EVENT_LOOP_H

#include <event2/event.h>

/* Returns a loop, or NULL.  Freed by event_base_free(). */
struct event_base
	*event_loop_new(void);

/*
 * Makes and adds a lasting event; `what` is of EV_READ, EV_CLOSED and EV_ET.
 * Returns it, or NULL if there is no memory or nothing can be waited for on
 * such a descriptor (epoll_ctl(2), EPERM).
 */
struct event
	*event_loop_watch(struct event_base *base, int fd, short what,
	    event_callback_fn callback, void *arg);

/* Frees `*event` and makes it NULL, which it may be. */
void	event_loop_unwatch(struct event **event);

#endif /* WORKER_EVENT_LOOP_H */
