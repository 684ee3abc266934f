/*
 * SPDX-License-Identifier: ISC
 *
 * The worker's main thread for virtio-fs: a loop for the front-end's socket,
 * the launcher's channel and the answers of the queues' threads.  Reads hostile
 * input from the front-end, by vhost_user.c.  Runs sandboxed.
 *
 * Nothing here waits for a queue: a request that needs some of them stays
 * pending, with the front-end unread, until the last of them has answered.  If
 * the front-end leaves meanwhile, that is the end all the same.
 */
#include "config.h"

#include "worker/virtiofs.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/event_loop.h"
#include "worker/fuse_request.h"
#include "worker/io_pool.h"
#include "worker/queue.h"
#include "worker/vhost_user.h"
#include "worker/wakeup.h"

/* How long to wait at the end for what was begun. */
#define END_SECONDS	5

/* What the main thread knows of a queue. */
struct virtiofs_queue {
	struct queue		*queue;		/* NULL: never needed */
	bool			 awaited;	/* an answer is due */
	enum queue_command	 command;	/* that it will be to */
};

struct virtiofs {
	const struct worker_config *config;
	struct lane		*lanes;
	int			 channel;
	int			 sock;
	struct event_base	*base;
	struct event		*on_monitor;
	struct event		*on_wakeup;
	struct event		*on_channel;
	struct event		*on_input;
	struct event		*on_output;
	struct event		*on_closed;
	struct event		*on_time;
	bool			 input_watched;
	bool			 output_watched;
	bool			 closed_watched;
	struct wakeup		 wakeup;
	bool			 has_session;
	struct fuse_session	 session;
	struct io_pool		*pool;
	struct virtiofs_queue	 queues[VIRTIOFS_QUEUES];
	struct vhost_user	 vu;
	uint32_t		 outstanding;	/* answers that are due */
	int			 result;	/* 0, or the first failure */
	/* How it ends. */
	int			 status;	/* the process's */
	bool			 ending;
	bool			 stopped;	/* all rings were told */
	bool			 done;
	bool			 stuck;		/* a queue was not waited for */
};

/*
 * The end.
 */

/*
 * Ends after what was begun is finished.  After a failure of the front-end's
 * the connection ends at once: the launcher holds it as well.
 */
static void
virtiofs_end(struct virtiofs *v, int status)
{
	static const struct timeval limit = { .tv_sec = END_SECONDS };

	if (status != 0)
		v->status = status;
	if (v->ending)
		return;
	v->ending = true;
	if (status != 0)
		shutdown(v->sock, SHUT_RDWR);
	event_add(v->on_time, &limit);
}

/* Ends without: there is no monitor to finish it. */
static void
virtiofs_fail(struct virtiofs *v, const char *what, int error)
{
	if (!v->done)
		log_error("%s: %s", what, strerror(-error));
	v->status = 1;
	v->ending = v->done = true;
}

/* Deals with what a vhost_user_ function returned. */
static void
virtiofs_result(struct virtiofs *v, int result)
{
	if (result == VHOST_USER_END) {
		virtiofs_end(v, 0);
	} else if (result < 0) {
		if (result != -EPROTO)
			log_error("connection: %s", strerror(-result));
		virtiofs_end(v, 1);
	}
}

/*
 * The queues.
 */

static struct virtqueue_config
virtiofs_ring_config(const struct virtiofs *v, uint32_t index)
{
	const struct vhost_user_vring *vring = &v->vu.vrings[index];

	return (struct virtqueue_config){
		.index = index,
		.packed = vhost_user_has(&v->vu, VHOST_USER_F_RING_PACKED),
		.event_idx = vhost_user_has(&v->vu, VHOST_USER_F_EVENT_IDX),
		.indirect = vhost_user_has(&v->vu,
		    VHOST_USER_F_INDIRECT_DESC),
		.notify_on_empty = vhost_user_has(&v->vu,
		    VHOST_USER_F_NOTIFY_ON_EMPTY),
		.size = vring->size,
		.desc_addr = vring->desc_addr,
		.avail_addr = vring->avail_addr,
		.used_addr = vring->used_addr,
		.base = vhost_user_base(&v->vu, index)
	};
}

/* Tells a queue to do something, and takes note of the answer to come. */
static void
virtiofs_post(struct virtiofs *v, uint32_t index, enum queue_command command)
{
	const struct vhost_user_vring *vring = &v->vu.vrings[index];
	struct virtiofs_queue *q = &v->queues[index];
	const struct queue_ring ring = {
		.config = virtiofs_ring_config(v, index),
		.memory = v->vu.memory,
		.kick = vring->kick,
		.call = vring->call,
		.err = vring->err,
		.enabled = vring->enabled
	};

	q->command = command;
	q->awaited = true;
	v->outstanding++;
	queue_post(q->queue, command, &ring);
}

/* The same for all started rings, if `index` is VHOST_USER_ALL. */
static int
virtiofs_post_all(struct virtiofs *v, uint32_t index,
    enum queue_command command)
{
	for (uint32_t i = 0; i < VIRTIOFS_QUEUES; i++)
		if (v->vu.vrings[i].started &&
		    (index == i || index == VHOST_USER_ALL))
			virtiofs_post(v, i, command);
	return v->outstanding > 0 ? VHOST_USER_PENDING : 0;
}

static int
virtiofs_update(void *arg, uint32_t index)
{
	return virtiofs_post_all(arg, index, QUEUE_UPDATE);
}

static int
virtiofs_stop(void *arg, uint32_t index)
{
	return virtiofs_post_all(arg, index, QUEUE_STOP);
}

/* A thread is made when its ring is first started; it stays. */
static int
virtiofs_start(void *arg, uint32_t index)
{
	struct virtiofs *v = arg;
	struct virtiofs_queue *q = &v->queues[index];
	const struct queue_parts parts = {
		.index = index,
		.poll_us = v->config->poll_us,
		.lane = &v->lanes[1 + index],
		.session = &v->session,
		.pool = v->pool,
		.owner = &v->wakeup
	};

	if (q->queue == NULL) {
		q->queue = queue_new(&parts);
		if (q->queue == NULL)
			return reason_give(&v->vu.why, -EAGAIN,
			    "ring %u's thread cannot be started", index);
	}
	virtiofs_post(v, index, QUEUE_START);
	return VHOST_USER_PENDING;
}

/*
 * The session is of all queues, so any of them can end it.  Without one there
 * never was a request.
 */
static int
virtiofs_renew(void *arg)
{
	struct virtiofs *v = arg;

	for (uint32_t i = 0; i < VIRTIOFS_QUEUES; i++) {
		if (v->queues[i].queue == NULL)
			continue;
		virtiofs_post(v, i, QUEUE_END_SESSION);
		return VHOST_USER_PENDING;
	}
	return 0;
}

static const struct vhost_user_backend virtiofs_backend = {
	.start = virtiofs_start,
	.update = virtiofs_update,
	.stop = virtiofs_stop,
	.renew = virtiofs_renew
};

/* Takes the answer of one queue, if it has come. */
static bool
virtiofs_take_answer(struct virtiofs *v, uint32_t index)
{
	struct virtiofs_queue *q = &v->queues[index];
	struct queue_answer answer;
	int error;

	if (q->queue == NULL)
		return false;
	error = queue_error(q->queue);
	if (error != 0) {
		virtiofs_fail(v, "the monitor", error);
		return true;
	}
	if (!q->awaited || !queue_answered(q->queue, &answer))
		return false;
	q->awaited = false;
	v->outstanding--;
	if (v->result == 0 && answer.error != 0) {
		v->result = answer.error;
		v->vu.why = answer.why;
	}
	if (q->command == QUEUE_STOP)
		v->vu.vrings[index].base = answer.base;
	return true;
}

/* Takes the answers that have come.  Returns whether there was one. */
static bool
virtiofs_take_answers(struct virtiofs *v)
{
	bool taken = false;

	for (uint32_t i = 0; i < VIRTIOFS_QUEUES; i++)
		if (virtiofs_take_answer(v, i))
			taken = true;
	return taken;
}

/* Goes on when everything that was due has come. */
static void
virtiofs_go_on(struct virtiofs *v)
{
	int result;

	if (v->done || v->outstanding > 0)
		return;
	if (v->vu.pending) {
		result = v->result;
		v->result = 0;
		virtiofs_result(v, vhost_user_finish(&v->vu, result));
	}
	if (v->ending && !v->stopped) {
		v->stopped = true;
		virtiofs_stop(v, VHOST_USER_ALL);
	}
	if (v->stopped && v->outstanding == 0)
		v->done = true;
}

/*
 * Events.
 */

/* Says all by waking the loop. */
static void
virtiofs_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
virtiofs_input_event(evutil_socket_t fd, short what, void *arg)
{
	struct virtiofs *v = arg;

	(void)fd;
	(void)what;
	if (!v->ending)
		virtiofs_result(v, vhost_user_receive(&v->vu));
}

static void
virtiofs_output_event(evutil_socket_t fd, short what, void *arg)
{
	struct virtiofs *v = arg;

	(void)fd;
	(void)what;
	if (!v->ending)
		virtiofs_result(v, vhost_user_send(&v->vu));
}

static void
virtiofs_closed_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	virtiofs_end(arg, 0);
}

static void
virtiofs_channel_event(evutil_socket_t fd, short what, void *arg)
{
	struct virtiofs *v = arg;
	struct channel_message message;
	int n;

	(void)what;
	n = channel_receive(fd, &message, NULL, 0, NULL);
	if (n == -EINTR || n == -EAGAIN)
		return;
	if (n < 0) {
		/* It stays readable, and there is no more to come. */
		event_loop_unwatch(&v->on_channel);
		virtiofs_end(v, 1);
	} else if (message.type == CHANNEL_STOP) {
		virtiofs_end(v, 0);
	}
}

/* The main thread's lane is for that alone: all end with the monitor. */
static void
virtiofs_monitor_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	virtiofs_fail(arg, "the monitor is gone", -EPIPE);
}

static void
virtiofs_time_event(evutil_socket_t fd, short what, void *arg)
{
	struct virtiofs *v = arg;

	(void)fd;
	(void)what;
	log_warn("requests in progress are not over after %d seconds: not "
	    "waiting for them", END_SECONDS);
	v->stuck = v->done = true;
}

static void
virtiofs_set_watch(struct virtiofs *v, struct event *event, bool *watched,
    bool wanted)
{
	int error = 0;

	if (wanted && !*watched)
		error = event_add(event, NULL);
	else if (!wanted && *watched)
		error = event_del(event);
	if (error != 0)
		virtiofs_fail(v, "event loop", -EIO);
	*watched = wanted;
}

/*
 * Sleeps until something happens, unless something has, of which those who wake
 * this thread did not know yet that it sleeps.
 */
static void
virtiofs_sleep(struct virtiofs *v)
{
	virtiofs_set_watch(v, v->on_input, &v->input_watched,
	    !v->ending && vhost_user_wants_input(&v->vu));
	virtiofs_set_watch(v, v->on_output, &v->output_watched,
	    !v->ending && vhost_user_wants_output(&v->vu));
	/* Who is read or written to is seen to leave by that. */
	virtiofs_set_watch(v, v->on_closed, &v->closed_watched,
	    !v->ending && v->vu.pending);
	if (v->done)
		return;
	wakeup_sleeping(&v->wakeup);
	if (!virtiofs_take_answers(v) &&
	    event_base_loop(v->base, EVLOOP_ONCE) == -1)
		virtiofs_fail(v, "event loop", -EIO);
	wakeup_awake(&v->wakeup);
}

static void
virtiofs_loop(struct virtiofs *v)
{
	while (!v->done) {
		virtiofs_sleep(v);
		virtiofs_take_answers(v);
		virtiofs_go_on(v);
	}
}

/* Everything that is watched all the time, but the front-end. */
static int
virtiofs_watch(struct virtiofs *v)
{
	v->base = event_loop_new();
	if (v->base == NULL)
		return -ENOMEM;
	v->on_monitor = event_loop_watch(v->base, v->lanes[0].sock, EV_CLOSED,
	    virtiofs_monitor_event, v);
	v->on_wakeup = event_loop_watch(v->base, v->wakeup.fd,
	    EV_READ | EV_ET, virtiofs_event, v);
	v->on_channel = event_loop_watch(v->base, v->channel, EV_READ,
	    virtiofs_channel_event, v);
	v->on_time = event_new(v->base, -1, EV_TIMEOUT, virtiofs_time_event,
	    v);
	return v->on_monitor != NULL && v->on_wakeup != NULL &&
	    v->on_channel != NULL && v->on_time != NULL ? 0 : -ENOMEM;
}

static int
virtiofs_prepare(struct virtiofs *v)
{
	int error;

	error = wakeup_init(&v->wakeup);
	if (error != 0)
		return error;
	error = fuse_session_init(&v->session, &v->config->fuse);
	if (error != 0)
		return error;
	v->has_session = true;
	v->pool = io_pool_new(v->config->fuse.thread_pool_size);
	if (v->pool == NULL)
		return -ENOMEM;
	return virtiofs_watch(v);
}

struct virtiofs *
virtiofs_new(const struct worker_config *config, struct lane *lanes,
    int channel)
{
	struct virtiofs *v;
	int error = -ENOMEM;

	v = calloc(1, sizeof(*v));
	if (v == NULL)
		goto fail;
	v->config = config;
	v->lanes = lanes;
	v->channel = channel;
	v->sock = -1;
	v->wakeup.fd = -1;
	error = virtiofs_prepare(v);
	if (error == 0)
		return v;

fail:
	log_error("virtio-fs: %s", strerror(-error));
	virtiofs_free(v);
	return NULL;
}

int
virtiofs_serve(struct virtiofs *v, int sock)
{
	const char *tag = v->config->fuse.tag;

	v->sock = sock;
	v->on_input = event_new(v->base, sock, EV_READ | EV_PERSIST,
	    virtiofs_input_event, v);
	v->on_output = event_new(v->base, sock, EV_WRITE | EV_PERSIST,
	    virtiofs_output_event, v);
	v->on_closed = event_new(v->base, sock, EV_CLOSED | EV_PERSIST,
	    virtiofs_closed_event, v);
	if (v->on_input == NULL || v->on_output == NULL ||
	    v->on_closed == NULL ||
	    vhost_user_init(&v->vu, sock, tag[0] != '\0' ? tag : NULL,
	    &virtiofs_backend, v) != 0) {
		log_error("cannot watch the connection");
		return 1;
	}
	virtiofs_loop(v);
	return v->status;
}

/* The I/O jobs use the queues' memory and bells. */
static void
virtiofs_free_queues(struct virtiofs *v)
{
	for (size_t i = 0; i < VIRTIOFS_QUEUES; i++)
		if (v->queues[i].queue != NULL)
			queue_end(v->queues[i].queue);
	io_pool_free(v->pool);
	for (size_t i = 0; i < VIRTIOFS_QUEUES; i++)
		queue_free(v->queues[i].queue);
}

void
virtiofs_free(struct virtiofs *v)
{
	if (v == NULL)
		return;
	/* A thread that waits for a system call cannot be ended otherwise. */
	if (v->stuck)
		_exit(v->status);
	virtiofs_free_queues(v);
	if (v->has_session)
		fuse_session_destroy(&v->session);
	/* Before the first front-end there is nothing in it. */
	if (v->on_closed != NULL)
		vhost_user_free(&v->vu);
	event_loop_unwatch(&v->on_input);
	event_loop_unwatch(&v->on_output);
	event_loop_unwatch(&v->on_closed);
	event_loop_unwatch(&v->on_time);
	event_loop_unwatch(&v->on_channel);
	event_loop_unwatch(&v->on_wakeup);
	event_loop_unwatch(&v->on_monitor);
	if (v->base != NULL)
		event_base_free(v->base);
	wakeup_free(&v->wakeup);
	if (v->sock != -1)
		close(v->sock);
	free(v);
}
