/*
 * SPDX-License-Identifier: ISC
 *
 * Waking a thread by an eventfd.  Threads of the worker's own use it, nothing
 * hostile reaches it.
 */
#include "config.h"

#include "worker/wakeup.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

int
wakeup_init(struct wakeup *w)
{
	atomic_init(&w->asleep, false);
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return w->fd == -1 ? -errno : 0;
}

void
wakeup_free(struct wakeup *w)
{
	if (w->fd != -1)
		close(w->fd);
	w->fd = -1;
}

void
wakeup_sleeping(struct wakeup *w)
{
	atomic_store(&w->asleep, true);
}

void
wakeup_awake(struct wakeup *w)
{
	atomic_store_explicit(&w->asleep, false, memory_order_relaxed);
}

void
wakeup_ring(struct wakeup *w)
{
	const uint64_t one = 1;

	/* One write is enough for however many ring. */
	if (!atomic_load(&w->asleep) || !atomic_exchange(&w->asleep, false))
		return;
	/*
	 * A counter that is full (EAGAIN, eventfd(2)) has an edge to come as
	 * well, and takes five centuries.
	 */
	while (write(w->fd, &one, sizeof(one)) == -1 && errno == EINTR)
		continue;
}
