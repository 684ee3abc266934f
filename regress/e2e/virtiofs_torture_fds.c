/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: descriptors for kicks, calls and errors that are no eventfds, or
 * such as make their writer wait. The front-end may harm itself, no more: no
 * queue waits for it, and the daemon ends when the front-end does.
 */
#include <errno.h>
#include <unistd.h>

#include "procs.h"
#include "torture.h"

#define SHORT_MS	20000	/* for what must not wait at all */

static const struct fixture_share *share;
static const struct vhost_options options = { .region_size = 4 << 20,
    .request_queues = 2, .wait = VHOST_WAIT_YIELD };

/* Whether or not it is accepted. */
static void
give(struct torture *t, uint32_t request, uint64_t ring, enum torture_fd kind)
{
	int fd = torture_fd(t, kind);

	torture_ask(t, request, &ring, sizeof(ring), &fd, 1);
	close(fd);
}

static void
begin(struct torture *t)
{
	torture_start(t, share, &options, NULL);
	t->front.timeout_ms = t->c.timeout_ms = SHORT_MS;
}

/* NOTIFY_ON_EMPTY calls whenever a request is the only one. */
static void
test_call(struct torture *t, enum torture_fd kind)
{
	int wrong = 0;
	uint32_t base;

	give(t, VHOST_SET_VRING_CALL, 1, kind);
	for (int i = 0; i < 3; i++)
		wrong += torture_work(&t->c, 1);
	tap_is_int(wrong, 0, "requests are answered");
	tap_is_int(vhost_get_vring_base(&t->front, 1, &base), 0,
	    "a ring that has called can be stopped");
	tap_is_int(vhost_front_resume_ring(&t->front, 1, base), 0,
	    "and started");
}

/* A broken ring writes to the descriptor for errors. */
static void
test_err(struct torture *t, enum torture_fd kind)
{
	struct vhost_ring *r = &t->front.ring[2];
	uint32_t base;

	give(t, VHOST_SET_VRING_ERR, 2, kind);
	vhost_raw_avail_idx(r, 60000);
	vhost_ring_kick_always(r);
	torture_works(t, "an error");
	tap_is_int(vhost_get_vring_base(&t->front, 2, &base), 0,
	    "a ring that has an error can be stopped");
	vhost_ring_reset(r);
	tap_is_int(vhost_front_start_ring(&t->front, 2), 0, "and started");
}

/* While it runs, and to start it. */
static void
test_kick(struct torture *t, enum torture_fd kind)
{
	uint32_t base = 0;

	give(t, VHOST_SET_VRING_KICK, 2, kind);
	torture_works(t, "other kicks");
	tap_is_int(vhost_get_vring_base(&t->front, 2, &base), 0,
	    "a ring without kicks can be stopped");
	give(t, VHOST_SET_VRING_KICK, 2, kind);
	tap_is_int(vhost_get_vring_base(&t->front, 2, &base), 0,
	    "also when it was started so");
	tap_is_int(vhost_front_resume_ring(&t->front, 2, base), 0,
	    "and started");
}

static void
test_kind(enum torture_fd kind)
{
	struct torture t;

	tap_context("%s: ", torture_fd_name(kind));
	begin(&t);
	test_kick(&t, kind);
	/* Who fills its own eventfd up waits for itself: see test_stuck(). */
	if (kind != TORTURE_FD_EVENT_FULL) {
		test_call(&t, kind);
		test_err(&t, kind);
	}
	torture_end(&t, 0, "it");
}

/*
 * What is given away with the front-end's own end of the connection keeps
 * that open, unless it is refused. What is written to it are messages.
 */
static void
test_connection(uint32_t request)
{
	struct torture t;

	tap_context("the front-end's own end for %s: ",
	    vhost_request_name(request));
	begin(&t);
	give(&t, request, 2, TORTURE_FD_CONNECTION);
	torture_works(&t, "it");
	if (request == VHOST_SET_VRING_ERR)
		vhost_raw_avail_idx(&t.front.ring[2], 60000);
	vhost_ring_kick_always(&t.front.ring[2]);
	torture_end(&t, TORTURE_ANY, "it");
}

/* The front-end goes away while a queue waits for it, or is asked to stop. */
static void
test_stuck(enum torture_fd kind, int stops)
{
	const struct vhost_vring_state s = { .index = 1 };
	struct torture t;

	tap_context("%s for calls%s: ", torture_fd_name(kind), stops ?
	    ", GET_VRING_BASE unanswered" : "");
	begin(&t);
	t.c.timeout_ms = 1000;
	give(&t, VHOST_SET_VRING_CALL, 1, kind);
	torture_work(&t.c, 1);
	if (stops)
		vhost_send(&t.front, VHOST_GET_VRING_BASE, 0, &s, sizeof(s),
		    NULL, 0);
	torture_end(&t, TORTURE_ANY, "it");
}

static void
body(struct fixture *f)
{
	static const enum torture_fd waits[] = { TORTURE_FD_EVENT_FULL,
	    TORTURE_FD_PIPE_FULL };
	static const uint32_t requests[] = { VHOST_SET_VRING_KICK,
	    VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR };

	share = &f->share[0];
	for (enum torture_fd kind = 0; kind < TORTURE_FD_COUNT; kind++)
		if (kind != TORTURE_FD_CONNECTION)
			test_kind(kind);
	for (size_t i = 0; i < 3; i++)
		test_connection(requests[i]);
	for (size_t i = 0; i < 2; i++) {
		test_stuck(waits[i], 0);
		test_stuck(waits[i], 1);
	}
	tap_context("%s", "");
}

int
main(void)
{
	return torture_main(body, 240);
}
