/*
 * SPDX-License-Identifier: ISC
 *
 * The main thread's half of a virtqueue's thread: making it, telling it what to
 * do, ending it.  Runs sandboxed.
 */
#include "config.h"

#include "worker/queue.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "worker/event_loop.h"
#include "worker/queue_thread.h"

#define QUEUE_STACK		(128 << 10)

/* Everything but the thread.  Returns 0 or -errno. */
static int
queue_prepare(struct queue *queue)
{
	const struct queue_parts *parts = &queue->parts;
	struct queue_request *request;
	int error;

	error = wakeup_init(&queue->wakeup);
	if (error != 0)
		return error;
	monitor_client_init(&queue->monitor, parts->lane);
	io_port_init(&queue->io, parts->pool, &queue->wakeup);
	fuse_queue_init(&queue->fuse, parts->session, &queue->monitor,
	    &queue->io, queue_complete);
	adaptive_init(&queue->input_wait, parts->poll_us, ADAPTIVE_MEMORY);
	adaptive_init(&queue->reply_wait, parts->poll_us, ADAPTIVE_MEMORY);
	queue->base = event_loop_new();
	if (queue->base == NULL)
		return -ENOMEM;
	queue->on_bell = event_loop_watch(queue->base, parts->lane->bell,
	    EV_READ | EV_ET, queue_event, NULL);
	queue->on_wakeup = event_loop_watch(queue->base, queue->wakeup.fd,
	    EV_READ | EV_ET, queue_event, NULL);
	/* With one, a request can be taken even if memory runs out. */
	request = queue_request_get(queue);
	if (queue->on_bell == NULL || queue->on_wakeup == NULL ||
	    request == NULL)
		return -ENOMEM;
	queue_request_put(queue, request);
	return 0;
}

/* All signals are the main thread's.  Returns 0 or -errno. */
static int
queue_start_thread(struct queue *queue)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int error;

	error = pthread_attr_init(&attr);
	if (error != 0)
		return -error;
	error = pthread_attr_setstacksize(&attr, QUEUE_STACK);
	sigfillset(&all);
	if (error == 0)
		error = pthread_sigmask(SIG_SETMASK, &all, &old);
	if (error == 0) {
		error = pthread_create(&queue->thread, &attr, queue_thread,
		    queue);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	pthread_attr_destroy(&attr);
	return -error;
}

struct queue *
queue_new(const struct queue_parts *parts)
{
	struct queue *queue;
	int error = -ENOMEM;

	queue = malloc(sizeof(*queue));
	if (queue == NULL)
		goto fail;
	memset(queue, 0, offsetof(struct queue, fuse));
	queue->parts = *parts;
	queue->wakeup.fd = -1;
	queue->kick = queue->call = queue->err = -1;
	queue->bad_chains = (struct log_limit){ .burst = 8,
	    .interval_ms = 10000 };
	queue->stray_chains = (struct log_limit){ .burst = 2,
	    .interval_ms = 60000 };
	error = queue_prepare(queue);
	if (error == 0)
		error = queue_start_thread(queue);
	if (error == 0)
		return queue;

fail:
	log_error("cannot start queue %u: %s", parts->index, strerror(-error));
	queue_free(queue);
	return NULL;
}

void
queue_post(struct queue *queue, enum queue_command command,
    const struct queue_ring *ring)
{
	queue->command = command;
	if (ring != NULL)
		queue->ring = *ring;
	atomic_store(&queue->posted, true);
	wakeup_ring(&queue->wakeup);
}

bool
queue_answered(struct queue *queue, struct queue_answer *answer)
{
	if (!atomic_load(&queue->answered))
		return false;
	*answer = queue->answer;
	atomic_store(&queue->answered, false);
	return true;
}

int
queue_error(const struct queue *queue)
{
	return atomic_load(&queue->error);
}

void
queue_end(struct queue *queue)
{
	atomic_store(&queue->ended, true);
	wakeup_ring(&queue->wakeup);
	pthread_join(queue->thread, NULL);
	log_debug("queue %u: %" PRIu64 " requests, %" PRIu64 " to the monitor; "
	    "waits polled/slept: for the guest %" PRIu64 "/%" PRIu64
	    ", for replies %" PRIu64 "/%" PRIu64, queue->parts.index,
	    queue->count, queue->monitor.requests,
	    queue->input_wait.counters.paid, queue->input_wait.counters.slept,
	    queue->reply_wait.counters.paid, queue->reply_wait.counters.slept);
}

void
queue_free(struct queue *queue)
{
	if (queue == NULL)
		return;
	for (uint32_t i = 0; i < queue->nrequests; i++) {
		queue_request_put(queue, queue->requests[i]);
		free(queue->requests[i]);
	}
	guest_memory_release(queue->memory);
	event_loop_unwatch(&queue->on_kick);
	event_loop_unwatch(&queue->on_bell);
	event_loop_unwatch(&queue->on_wakeup);
	if (queue->base != NULL)
		event_base_free(queue->base);
	wakeup_free(&queue->wakeup);
	free(queue);
}
