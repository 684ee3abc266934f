/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: rings and chains that change while the device reads them, and
 * rings full of random things. Whatever comes of it, the ring can be stopped
 * and started, other queues do not notice, and the process goes on.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "torture.h"

#define RING		2u
#define SIZE		64u
#define MEMORY		(4u << 20)
#define SPARE_ADDR	(UINT64_C(1) << 40)
#define SPARE_SIZE	65536u
#define ROUNDS		1500	/* of random rings */
#define RACE_MS		700	/* for each variant */
#define TABLE		8u	/* descriptors */
#define REQUEST		56u
#define REPLY		120u

static const struct fixture_share *share;

struct ground {
	struct torture		t;
	struct vhost_ring	*r;
	uint8_t			*req, *rep, *table;
	uint64_t		seed;
	/* Of the thread that changes things. */
	atomic_bool		ending;
	uint64_t		other_seed;
};

static const struct fuse_in_header header = { .len = REQUEST,
    .nodeid = FUSE_ROOT_ID, .opcode = FUSE_GETATTR, .unique = 1000 };

static void
begin(struct ground *g, const struct vhost_options *o)
{
	struct guest_mem *m = &g->t.front.mem;

	torture_start(&g->t, share, o, NULL);
	/* Memory in which nothing is that the other queue needs. */
	if (vhost_add_mem_reg(&g->t.front, guest_mem_add(m, SPARE_ADDR,
	    SPARE_SIZE, 0)) != 0)
		tap_bail("a region");
	g->r = &g->t.front.ring[RING];
	g->req = guest_alloc(m, 4096, 4096);
	g->rep = guest_alloc(m, 4096, 4096);
	g->table = guest_alloc(m, 4096, 4096);
	memset(g->req, 0, 4096);
	memcpy(g->req, &header, sizeof(header));
}

static int
restart(struct ground *g)
{
	uint32_t base;
	int error = vhost_front_stop_ring(&g->t.front, RING, &base);

	vhost_ring_reset(g->r);
	if (error == 0)
		error = vhost_front_start_ring(&g->t.front, RING);
	return error;
}

static uint64_t
pick(uint64_t *seed, uint64_t below)
{
	return torture_random(seed) % below;
}

static uint64_t
random_address(struct ground *g, uint64_t *seed)
{
	const struct guest_mem *m = &g->t.front.mem;

	switch (pick(seed, 12)) {
	case 0:
		return torture_random(seed);
	case 1:
		return UINT64_MAX - pick(seed, 256);
	case 2:
		return MEMORY - pick(seed, 256);
	case 3:
		return SPARE_ADDR + pick(seed, SPARE_SIZE);
	case 4:
		return guest_addr(m, g->table) + 16 * pick(seed, TABLE);
	case 5:
		return guest_addr(m, g->r->desc.base) + pick(seed, 16 * SIZE);
	case 6:
	case 7:
	case 8:
		return guest_addr(m, g->rep) + pick(seed, 2) * pick(seed, 64);
	default:
		return guest_addr(m, g->req) + pick(seed, 2) * pick(seed, 64);
	}
}

static uint32_t
random_length(uint64_t *seed)
{
	static const uint32_t some[] = { 0, 1, 16, 32, 40, 48, REQUEST, REPLY,
	    REPLY, REQUEST, 128, 4096, 1 << 20, 0x7fffffff, 0x80000000,
	    0xffffff00, UINT32_MAX };

	return pick(seed, 8) == 0 ? (uint32_t)torture_random(seed) :
	    some[pick(seed, sizeof(some) / sizeof(some[0]))];
}

static struct raw_desc
random_desc(struct ground *g, uint64_t *seed)
{
	struct raw_desc d = { .addr = random_address(g, seed),
	    .len = random_length(seed), .flags = (uint16_t)pick(seed, 8),
	    .next = (uint16_t)pick(seed, SIZE) };

	if (pick(seed, 16) == 0)
		d.next = (uint16_t)torture_random(seed);
	if (pick(seed, 16) == 0)
		d.flags = (uint16_t)torture_random(seed);
	/* Most tables should be tables. */
	if ((d.flags & DESC_INDIRECT) && pick(seed, 4) != 0) {
		d.addr = guest_addr(&g->t.front.mem, g->table);
		d.len = 16 * (uint32_t)(1 + pick(seed, TABLE));
	}
	return d;
}

/* A ring, a table and an avail index of which anything may be wrong. */
static void
random_ring(struct ground *g)
{
	struct vhost_ring *r = g->r;
	uint64_t *seed = &g->seed;
	uint16_t heads = (uint16_t)(1 + pick(seed, 8));
	struct raw_desc d;

	for (uint16_t i = 0; i < TABLE; i++) {
		d = random_desc(g, seed);
		vhost_raw_table(r, g->table, i, &d);
	}
	for (uint16_t i = 0; i < SIZE; i++) {
		d = random_desc(g, seed);
		vhost_raw_desc(r, i, &d);
	}
	if (r->packed) {
		for (uint16_t i = 0; i < heads; i++)
			vhost_raw_publish(r, r->avail_idx,
			    (uint16_t)(1 + pick(seed, 4)));
		return;
	}
	for (uint16_t i = 0; i < heads; i++)
		vhost_raw_avail_entry(r, i, (uint16_t)(pick(seed, 32) == 0 ?
		    torture_random(seed) : pick(seed, SIZE)));
	vhost_raw_avail_idx(r, (uint16_t)(pick(seed, 32) == 0 ?
	    torture_random(seed) : heads));
}

/* A random header may be that of a DESTROY. */
static int
is_alive(struct ground *g)
{
	struct fuse_init_options init = { .flags =
	    fuse_default_init_flags() };
	struct fuse_attr_out attr;

	if (fuse_getattr(&g->t.c, FUSE_ROOT_ID, &attr) == 0)
		return 1;
	return fuse_init(&g->t.c, &init) == 0;
}

static void
test_random(struct ground *g)
{
	uint64_t seed = g->seed;
	int error = 0, i;

	for (i = 0; i < ROUNDS && error == 0; i++) {
		seed = g->seed;
		memcpy(g->req, &header, sizeof(header));
		random_ring(g);
		vhost_ring_kick_always(g->r);
		/* Sometimes it is stopped at once. */
		if (i % 8 == 0 && !is_alive(g))
			break;
		error = restart(g);
	}
	tap_is_int(i, ROUNDS, "random rings, each is stopped and started");
	if (i != ROUNDS)
		tap_diag("%s in round %d, state %llx",
		    vhost_error_name(error), i, (unsigned long long)seed);
}

/* Changes a word of what the device may be reading at that moment. */
static void *
change(void *arg)
{
	struct ground *g = arg;
	struct vhost_ring *r = g->r;
	uint64_t *seed = &g->other_seed;
	struct raw_desc d;
	uint16_t *event;

	while (!atomic_load(&g->ending)) {
		d = random_desc(g, seed);
		switch (pick(seed, 7)) {
		case 0:
			vhost_raw_desc(r, (uint16_t)pick(seed, 4), &d);
			break;
		case 1:
			vhost_raw_table(r, g->table, (uint16_t)pick(seed, 2),
			    &d);
			break;
		case 2:
			memcpy(g->req + 4, &(uint32_t){ (uint32_t)
			    pick(seed, 60) | 1 }, 4);
			break;
		case 3:
			if (!r->packed)
				vhost_raw_avail_entry(r,
				    (uint16_t)pick(seed, SIZE),
				    (uint16_t)pick(seed, SIZE + 1));
			break;
		case 4:
			/* The event index, or the area of that name. */
			event = r->packed ? &r->avail.packed->off_wrap :
			    &r->avail.split->ring[SIZE];
			__atomic_store_n(event, (uint16_t)
			    torture_random(seed), __ATOMIC_RELAXED);
			break;
		case 5:
			/* Seldom: it breaks the ring at once. */
			if (!r->packed && pick(seed, 4096) == 0)
				__atomic_store_n(&r->avail.split->idx,
				    (uint16_t)torture_random(seed),
				    __ATOMIC_RELEASE);
			break;
		default:
			memcpy(g->req, &header, sizeof(header));
			break;
		}
	}
	return NULL;
}

static int
err_is_signalled(struct vhost_ring *r)
{
	struct pollfd p = { .fd = r->err_fd, .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, 0) == 1 &&
	    read(r->err_fd, &count, sizeof(count)) == sizeof(count);
}

/* A good chain of two descriptors or one table. */
static void
offer(struct ground *g, int in_table)
{
	const struct guest_mem *m = &g->t.front.mem;
	struct vhost_ring *r = g->r;
	uint16_t at = r->packed ? r->avail_idx : 0;
	struct raw_desc d[2] = {
	    { .addr = guest_addr(m, g->req), .len = REQUEST,
	    .flags = DESC_NEXT, .next = 1 },
	    { .addr = guest_addr(m, g->rep), .len = REPLY,
	    .flags = DESC_WRITE, .next = 7 } };
	struct raw_desc table = { .addr = guest_addr(m, g->table), .len = 32,
	    .flags = DESC_INDIRECT, .next = 7 };

	for (uint16_t i = 0; i < 2; i++)
		if (in_table)
			vhost_raw_table(r, g->table, i, &d[i]);
		else
			vhost_raw_desc(r, (uint16_t)((at + i) % SIZE), &d[i]);
	if (in_table)
		vhost_raw_desc(r, at, &table);
	vhost_raw_publish(r, at, in_table ? 1 : 2);
	vhost_ring_kick_always(r);
}

/* What was offered has come back, whatever it is; or the ring is broken, or
 * was made such that nothing may come. */
static int
came_back(struct ground *g)
{
	uint32_t id, len;

	for (int i = 0; i < 200; i++) {
		if (vhost_raw_used(g->r, &id, &len))
			return 1;
		if (err_is_signalled(g->r))
			return 0;
		sched_yield();
	}
	return 0;
}

static void
test_race(struct ground *g)
{
	long long end = procs_now_ms() + RACE_MS;
	int back = 0, restarts = 0, error = 0, alive = 1;
	pthread_t thread;

	g->other_seed = g->seed + 1;
	atomic_store(&g->ending, false);
	if (pthread_create(&thread, NULL, change, g) != 0)
		tap_bail("pthread_create");
	for (int i = 0; error == 0 && alive && (procs_now_ms() < end ||
	    i < 50); i++) {
		offer(g, i % 2);
		if (came_back(g)) {
			back++;
			continue;
		}
		error = restart(g);
		restarts++;
		if (restarts % 16 == 0)
			alive = is_alive(g);
	}
	atomic_store(&g->ending, true);
	pthread_join(thread, NULL);
	tap_is_str(vhost_error_name(error), "success",
	    "a ring that changes can always be stopped and started");
	tap_ok(alive && is_alive(g), "another queue does not notice");
	tap_ok(back > 0, "some chains come back");
	tap_diag("%d came back, %d restarts", back, restarts);
	memcpy(g->req, &header, sizeof(header));
	tap_is_int(restart(g), 0, "the last restart");
}

/* After all that, a good chain is a good chain. */
static void
test_good(struct ground *g)
{
	uint32_t id = 0, len = 0;

	/* The last one of the others may have been a DESTROY. */
	memcpy(g->req, &header, sizeof(header));
	is_alive(g);
	err_is_signalled(g->r);
	offer(g, 0);
	tap_ok(vhost_raw_used_wait(g->r, &id, &len, VHOST_TIMEOUT_MS) &&
	    len == REPLY, "a good chain works in the end");
}

static void
run_variant(int packed, int no_event_idx, uint64_t seed)
{
	const struct vhost_options o = { .request_queues = 2,
	    .queue_size = SIZE, .region_size = MEMORY, .packed = packed,
	    .no_event_idx = no_event_idx };
	struct ground g = { .seed = seed };

	tap_context("%s%s: ", packed ? "packed" : "split",
	    no_event_idx ? ", no event index" : "");
	begin(&g, &o);
	test_random(&g);
	test_good(&g);
	test_race(&g);
	test_good(&g);
	tap_ok(is_alive(&g), "the session goes on");
	torture_end(&g.t, 0, "it");
}

static void
body(struct fixture *f)
{
	uint64_t seed = torture_seed((uint64_t)procs_now_ms());

	share = &f->share[0];
	for (int i = 0; i < 4; i++)
		run_variant(i & 1, i & 2, seed + (uint64_t)i * 1000);
	tap_context("%s", "");
}

int
main(void)
{
	return torture_main(body, 120);
}
