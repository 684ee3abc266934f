/*
 * SPDX-License-Identifier: ISC
 *
 * One virtqueue's thread.  What comes from the guest is parsed by virtqueue.c
 * and the FUSE code.  Runs sandboxed.
 *
 * Whatever could wake the thread is an eventfd, watched edge-triggered, which
 * nobody has to read (epoll(7), EPOLLET).  Whoever writes one looks first
 * whether the thread sleeps: the guest at the ring's own flags, the monitor at
 * the lane's, the others at the wakeup's.
 */
#include "config.h"

#include "worker/queue_thread.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/event_loop.h"

/* Requests taken before what is done is shown to the guest. */
#define QUEUE_BATCH		64

/* Writes to an eventfd of the front-end's, of which -1 is none. */
static void
queue_signal(int fd)
{
	const uint64_t one = 1;

	/* A counter that is full (eventfd(2)) wakes its reader as well. */
	while (fd != -1 && write(fd, &one, sizeof(one)) == -1 &&
	    errno == EINTR)
		continue;
}

void
queue_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
queue_kick_event(evutil_socket_t fd, short what, void *arg)
{
	struct queue *queue = arg;

	(void)fd;
	(void)what;
	queue->kicked = true;
}

/*
 * Requests.
 */

struct queue_request *
queue_request_get(struct queue *queue)
{
	struct queue_request *request = queue->free;

	if (request != NULL) {
		queue->free = request->next_free;
		return request;
	}
	if (queue->nrequests == QUEUE_REQUESTS)
		return NULL;
	request = calloc(1, sizeof(*request));
	if (request == NULL)
		return NULL;
	request->fuse.queue = &queue->fuse;
	queue->requests[queue->nrequests++] = request;
	return request;
}

void
queue_request_put(struct queue *queue, struct queue_request *request)
{
	free(request->long_iov);
	request->long_iov = NULL;
	guest_memory_release(request->fuse.memory);
	request->fuse.memory = NULL;
	request->next_free = queue->free;
	queue->free = request;
}

void
queue_complete(struct fuse_request *fuse, uint32_t len)
{
	struct queue *queue = (struct queue *)(void *)
	    ((char *)fuse->queue - offsetof(struct queue, fuse));
	struct queue_request *request = (struct queue_request *)(void *)
	    ((char *)fuse - offsetof(struct queue_request, fuse));

	virtqueue_push(&queue->vq, &fuse->chain, len);
	queue->in_flight--;
	queue_request_put(queue, request);
}

/* Gives the chain, whose elements are in queue->iov, memory that lasts. */
static int
queue_keep_iov(struct queue *queue, struct queue_request *request)
{
	struct virtqueue_chain *chain = &request->fuse.chain;
	size_t n = (size_t)chain->nout + chain->nin;

	if (n > QUEUE_IOV) {
		request->long_iov = malloc(n * sizeof(struct iovec));
		if (request->long_iov == NULL)
			return -ENOMEM;
	}
	chain->iov = n > QUEUE_IOV ? request->long_iov : request->iov;
	memcpy(chain->iov, queue->iov, n * sizeof(struct iovec));
	return 0;
}

/*
 * Not the guest's fault if its rings are in shared memory, and others of its
 * pages are not.
 */
static void
queue_bad_chain(struct queue *queue, const struct virtqueue_chain *chain)
{
	if (chain->is_stray)
		log_limited(&queue->stray_chains, LOG_LEVEL_WARN,
		    "queue %u: a request at the guest's address %#" PRIx64
		    " is not in the memory regions, of which there %s %zu: "
		    GUEST_MEMORY_ADVICE, queue->parts.index, chain->stray,
		    guest_memory_count(queue->memory) == 1 ? "is" : "are",
		    guest_memory_count(queue->memory));
	else
		log_limited(&queue->bad_chains, LOG_LEVEL_DEBUG,
		    "queue %u: a bad chain", queue->parts.index);
}

/* Takes one chain.  Returns as virtqueue_pop(). */
static int
queue_take(struct queue *queue, struct queue_request *request)
{
	int error, n;

	n = virtqueue_pop(&queue->vq, queue->memory, queue->iov,
	    &request->fuse.chain);
	if (n <= 0) {
		if (n == -EBADMSG)
			queue_bad_chain(queue, &request->fuse.chain);
		queue_request_put(queue, request);
		return n;
	}
	error = queue_keep_iov(queue, request);
	request->fuse.memory = guest_memory_hold(queue->memory);
	queue->in_flight++;
	queue->count++;
	/* Linux takes a request that comes back empty for a success. */
	if (error != 0)
		fuse_refuse(&request->fuse, error);
	else
		fuse_dispatch(&request->fuse);
	return 1;
}

/* Returns whether more can be taken, if it is there. */
static bool
queue_takes(const struct queue *queue)
{
	return queue->started && queue->enabled && !queue->stopping &&
	    !queue->vq.broken && queue->in_flight < QUEUE_REQUESTS;
}

/* Takes what is available, as far as it goes.  Returns how many. */
static uint32_t
queue_take_all(struct queue *queue)
{
	struct queue_request *request;
	uint32_t count = 0;
	int n;

	if (!queue->kicks_off)
		virtqueue_kicks_off(&queue->vq);
	queue->kicks_off = true;
	while (count < QUEUE_BATCH && queue_takes(queue)) {
		/* There always is the first one: see queue_prepare(). */
		request = queue_request_get(queue);
		if (request == NULL)
			break;
		n = queue_take(queue, request);
		if (n == 0)
			break;
		count++;
		if (n < 0 && n != -EBADMSG)
			queue_signal(queue->err);
	}
	return count;
}

/*
 * A driver makes available first, and then kicks.  If there is nothing, and
 * there never was an INIT, then what it writes is not what is seen here: its
 * pages are a private copy of the file's.
 */
static void
queue_look_at_kick(struct queue *queue)
{
	queue->kicked = false;
	if (!queue_takes(queue) || queue->parts.session->minor != 0 ||
	    queue->count > 0 || virtqueue_ready(&queue->vq))
		return;
	log_limited(&queue->stray_chains, LOG_LEVEL_WARN, "queue %u: the guest "
	    "has kicked, and its ring is empty: " GUEST_MEMORY_ADVICE,
	    queue->parts.index);
}

/*
 * Commands.
 */

static void
queue_answer(struct queue *queue, int error, uint32_t base)
{
	queue->answer.error = error;
	queue->answer.base = base;
	atomic_store(&queue->answered, true);
	wakeup_ring(queue->parts.owner);
}

static int
queue_watch_kick(struct queue *queue, int kick)
{
	struct event *event;

	event = event_loop_watch(queue->base, kick, EV_READ | EV_ET,
	    queue_kick_event, queue);
	if (event == NULL)
		return reason_give(&queue->answer.why, -EINVAL, "ring %u's "
		    "kick descriptor cannot be polled", queue->parts.index);
	event_loop_unwatch(&queue->on_kick);
	queue->on_kick = event;
	queue->kick = kick;
	return 0;
}

static int
queue_start(struct queue *queue, const struct queue_ring *ring)
{
	int error;

	error = virtqueue_start(&queue->vq, &ring->config, ring->memory);
	if (error != 0) {
		queue->answer.why = queue->vq.why;
		return error;
	}
	error = queue_watch_kick(queue, ring->kick);
	if (error != 0) {
		virtqueue_stop(&queue->vq);
		return error;
	}
	queue->memory = guest_memory_hold(ring->memory);
	queue->call = ring->call;
	queue->err = ring->err;
	queue->enabled = ring->enabled;
	queue->kicks_off = false;
	queue->started = true;
	return 0;
}

/* Requests in flight hold the old memory themselves. */
static int
queue_update(struct queue *queue, const struct queue_ring *ring)
{
	int error;

	if (ring->kick != queue->kick) {
		error = queue_watch_kick(queue, ring->kick);
		if (error != 0)
			return error;
	}
	queue->call = ring->call;
	queue->err = ring->err;
	queue->enabled = ring->enabled;
	if (ring->memory == queue->memory)
		return 0;
	guest_memory_hold(ring->memory);
	if (virtqueue_move(&queue->vq, ring->memory) != 0)
		queue_signal(queue->err);
	guest_memory_release(queue->memory);
	queue->memory = ring->memory;
	return 0;
}

static void
queue_command(struct queue *queue)
{
	struct queue_ring ring = queue->ring;

	atomic_store(&queue->posted, false);
	reason_clear(&queue->answer.why);
	switch (queue->command) {
	case QUEUE_START:
		queue_answer(queue, queue_start(queue, &ring), 0);
		break;
	case QUEUE_UPDATE:
		queue_answer(queue, queue_update(queue, &ring), 0);
		break;
	case QUEUE_STOP:
		queue->stopping = true;
		break;
	case QUEUE_END_SESSION:
		queue->ending_session = true;
		break;
	}
}

static void
queue_session_ended(void *arg, int error)
{
	queue_answer(arg, error, 0);
}

/* All that was taken is given back. */
static void
queue_stopped(struct queue *queue)
{
	uint32_t base;

	base = virtqueue_stop(&queue->vq);
	event_loop_unwatch(&queue->on_kick);
	guest_memory_release(queue->memory);
	queue->memory = NULL;
	queue->kick = queue->call = queue->err = -1;
	queue->started = false;
	queue->stopping = false;
	queue_answer(queue, 0, base);
}

/*
 * The loop.
 */

static void
queue_fail(struct queue *queue, int error)
{
	atomic_store(&queue->error, error);
	wakeup_ring(queue->parts.owner);
}

/* Does what there is to do.  Returns whether there was something. */
static bool
queue_turn(struct queue *queue)
{
	bool waiting, worked = false;
	int n;

	if (atomic_load_explicit(&queue->posted, memory_order_acquire)) {
		queue_command(queue);
		worked = true;
	}
	if (queue_takes(queue) && queue_take_all(queue) > 0)
		worked = true;
	if (queue->kicked)
		queue_look_at_kick(queue);
	n = monitor_reap(&queue->monitor);
	if (n < 0)
		queue_fail(queue, n);
	if (io_port_reap(&queue->io) > 0 || n != 0)
		worked = true;
	waiting = fuse_queue_continue(&queue->fuse);
	/* FORGETs may still have all slots; the last of them wakes us. */
	if (queue->ending_session && fuse_session_end(&queue->fuse,
	    queue_session_ended, queue) == 0)
		queue->ending_session = false;
	if (queue->started && virtqueue_flush(&queue->vq))
		queue_signal(queue->call);
	if (queue->stopping && queue->in_flight == 0 && !waiting)
		queue_stopped(queue);
	return worked;
}

static bool
queue_has_work(const struct queue *queue)
{
	return lane_ready(queue->parts.lane) || io_port_ready(&queue->io) ||
	    (queue_takes(queue) && virtqueue_ready(&queue->vq)) ||
	    atomic_load_explicit(&queue->posted, memory_order_acquire) ||
	    atomic_load_explicit(&queue->ended, memory_order_acquire);
}

/* Polls for as long as it pays.  Returns whether there is work. */
static bool
queue_poll(struct queue *queue, struct adaptive *wait)
{
	adaptive_begin(wait);
	do {
		if (queue_has_work(queue)) {
			adaptive_paid(wait);
			return true;
		}
	} while (adaptive_spin(wait));
	return false;
}

/*
 * Sleeps, unless work comes in while everybody is told that a bell is needed.
 * Returns whether it slept.
 */
static bool
queue_sleep(struct queue *queue)
{
	bool sleeps;

	if (queue_takes(queue)) {
		queue->kicks_off = false;
		if (!virtqueue_kicks_on(&queue->vq))
			return false;
	}
	if (!lane_sleep_begin(queue->parts.lane))
		return false;
	wakeup_sleeping(&queue->wakeup);
	sleeps = !atomic_load(&queue->posted) &&
	    !atomic_load(&queue->ended) && !io_port_ready(&queue->io);
	if (sleeps && event_base_loop(queue->base, EVLOOP_ONCE) == -1)
		queue_fail(queue, -EIO);
	wakeup_awake(&queue->wakeup);
	lane_sleep_end(queue->parts.lane);
	return sleeps;
}

/* After a failure nothing can be finished; the main thread will end it. */
static void
queue_await_end(struct queue *queue)
{
	wakeup_sleeping(&queue->wakeup);
	if (!atomic_load(&queue->ended))
		event_base_loop(queue->base, EVLOOP_ONCE);
	wakeup_awake(&queue->wakeup);
}

void *
queue_thread(void *arg)
{
	struct queue *queue = arg;
	struct adaptive *wait;

	while (!atomic_load_explicit(&queue->ended, memory_order_acquire)) {
		if (queue_error(queue) != 0) {
			queue_await_end(queue);
			continue;
		}
		if (queue_turn(queue))
			continue;
		wait = queue->in_flight > 0 ? &queue->reply_wait :
		    &queue->input_wait;
		/* A kick that came while it polled wakes it for nothing. */
		if (!queue_poll(queue, wait) && queue_sleep(queue) &&
		    queue_has_work(queue))
			adaptive_slept(wait);
	}
	return NULL;
}
