/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: every way to break a chain or a ring, one at a time. A bad chain
 * comes back with length 0; where the ring itself is broken that queue stops,
 * and works again once it is stopped and started. Another queue never
 * notices.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "torture.h"
#include "torture_chains.h"

#define RING		2u	/* the one that is tortured */
#define SIZE		CHAIN_RING_SIZE
#define ID		7u
#define MEMORY		(4u << 20)
#define SEAM_ADDR	(UINT64_C(2) << 40)
#define SEAM_SIZE	65536u
#define BIG_ADDR	(UINT64_C(1) << 40)
#define BIG_SIZE	(UINT64_C(6) << 30)
#define TOP_SIZE	65536u	/* and a page that is missing, to 2^64 */

#define REQUEST		CHAIN_REQUEST
#define REPLY		CHAIN_REPLY
#define ERROR		CHAIN_ERROR
#define N		DESC_NEXT
#define W		DESC_WRITE
#define I		DESC_INDIRECT

static const struct fixture_share *share;

/* A session whose ring 2 is written by hand. */
struct ground {
	struct torture		t;
	struct vhost_ring	*r;
	uint8_t			*req, *rep, *table;
	struct guest_region	*big, *seam[2], *top;
};

static struct guest_region *
more_memory(struct ground *g, uint64_t addr, uint64_t size)
{
	struct guest_region *r = guest_mem_add(&g->t.front.mem, addr, size,
	    0);
	int error = vhost_add_mem_reg(&g->t.front, r);

	if (error != 0)
		tap_bail("a region: %s", vhost_error_name(error));
	return r;
}

static void
begin(struct ground *g, const struct vhost_options *o)
{
	const struct fuse_in_header h = { .len = REQUEST, .nodeid =
	    FUSE_ROOT_ID, .opcode = FUSE_GETATTR, .unique = 1000 };
	struct guest_mem *m = &g->t.front.mem;

	torture_start(&g->t, share, o, NULL);
	g->r = &g->t.front.ring[RING];
	g->req = guest_alloc(m, 4096, 4096);
	g->rep = guest_alloc(m, 4096, 4096);
	g->table = guest_alloc(m, 65536, 4096);
	memset(g->req, 0, 4096);
	memcpy(g->req, &h, sizeof(h));
	g->big = more_memory(g, BIG_ADDR, BIG_SIZE);
	g->seam[0] = more_memory(g, SEAM_ADDR, SEAM_SIZE);
	g->seam[1] = more_memory(g, SEAM_ADDR + SEAM_SIZE, SEAM_SIZE);
	g->top = more_memory(g, UINT64_MAX - 4095 - TOP_SIZE, TOP_SIZE);
	memcpy(g->seam[0]->map + SEAM_SIZE - 20, g->req, 20);
	memcpy(g->seam[1]->map, g->req + 20, REQUEST - 20);
	memcpy(g->big->map, g->req, REQUEST);
}

static uint64_t
address(const struct ground *g, const struct part *p)
{
	const struct guest_mem *m = &g->t.front.mem;
	uint64_t base = 0;

	switch (p->at) {
	case NOWHERE:
		break;
	case REQ:
		base = guest_addr(m, g->req);
		break;
	case REP:
		base = guest_addr(m, g->rep);
		break;
	case TAB:
		base = guest_addr(m, g->table);
		break;
	case END:
		base = MEMORY;
		break;
	case SEAM:
		base = SEAM_ADDR + SEAM_SIZE;
		break;
	case BIG:
		base = BIG_ADDR;
		break;
	case TOP:
		base = UINT64_MAX - 4095;
		break;
	case SELF:
		base = guest_addr(m, g->r->desc.base);
		break;
	}
	return base + (uint64_t)p->off;
}

static struct raw_desc
raw_of(const struct ground *g, const struct part *p)
{
	return (struct raw_desc){ .addr = address(g, p), .len = p->len,
	    .flags = p->flags, .next = g->r->packed ? ID : p->next };
}

/* Where the i-th descriptor of the next chain goes: a split ring's are always
 * the first ones. */
static uint16_t
slot(const struct ground *g, size_t i)
{
	return g->r->packed ? (uint16_t)((g->r->avail_idx + i) % SIZE) :
	    (uint16_t)i;
}

static void
put(struct ground *g, size_t i, const struct part *p)
{
	const struct raw_desc d = raw_of(g, p);

	vhost_raw_desc(g->r, slot(g, i), &d);
}

static void
publish(struct ground *g, size_t count)
{
	vhost_raw_publish(g->r, slot(g, 0), (uint16_t)count);
	vhost_ring_kick_always(g->r);
}

static int
err_is_signalled(struct vhost_ring *r, int timeout_ms)
{
	struct pollfd p = { .fd = r->err_fd, .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, timeout_ms) == 1 &&
	    read(r->err_fd, &count, sizeof(count)) == sizeof(count);
}

/* Waits for what becomes of what was published. */
static enum expected
outcome(struct ground *g, uint32_t *len)
{
	long long end = procs_now_ms() + VHOST_TIMEOUT_MS;
	struct fuse_out_header h;
	uint32_t id;

	while (!vhost_raw_used(g->r, &id, len)) {
		if (err_is_signalled(g->r, 0))
			return BROKEN;
		if (procs_now_ms() > end)
			return NONE;
		procs_sleep_us(50);
	}
	memcpy(&h, g->rep, sizeof(h));
	if (id != (g->r->packed ? ID : 0))
		return NONE;
	return *len == 0 ? BAD : *len == ERROR ? ERR : *len == REPLY ? GOOD :
	    ANY;
}

static const char *
expected_name(enum expected e)
{
	static const char *const name[] = { "nothing", "a reply", "an error",
	    "length 0", "it comes back", "the ring breaks" };

	return name[e];
}

static int
is_outcome(struct ground *g, enum expected want, const char *name)
{
	uint32_t len = 0;
	enum expected got = outcome(g, &len);
	int good = got == want || (want == ANY && got != NONE &&
	    got != BROKEN);

	tap_ok(good, "%s: %s", name, expected_name(want));
	if (!good)
		tap_diag("got: %s (%u)", expected_name(got), len);
	return good;
}

static size_t
count_parts(const struct part *parts)
{
	size_t count = 3;

	while (count > 1 && parts[count - 1].at == NOWHERE &&
	    parts[count - 1].len == 0)
		count--;
	return count;
}

static void
offer(struct ground *g, const struct row *row)
{
	size_t count = count_parts(row->desc);
	size_t shift = row->desc[0].at == TAB ? (size_t)row->desc[0].off : 0;

	memset(g->rep, 0xa5, 4096);
	for (size_t i = 0; i < 3; i++) {
		const struct raw_desc d = raw_of(g, &row->table[i]);

		vhost_raw_table(g->r, g->table + shift, (uint16_t)i, &d);
	}
	for (size_t i = 0; i < count; i++)
		put(g, i, &row->desc[i]);
	publish(g, count);
}

/* The whole ring anew, as after a break. */
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

static void
is_good_again(struct ground *g, const char *name)
{
	uint32_t len = 0;

	offer(g, &direct_chains[0]);
	if (outcome(g, &len) != GOOD)
		tap_ok(0, "%s: a good chain works afterwards", name);
}

/* Nothing but the reply's room was written to. */
static int
canaries(const struct ground *g)
{
	for (size_t i = REPLY; i < 4096; i++)
		if (g->rep[i] != 0xa5)
			return 0;
	return 1;
}

static void
run_rows(struct ground *g, const struct row *rows)
{
	unsigned int format = g->r->packed ? PACKED : SPLIT;

	for (const struct row *row = rows; row->name != NULL; row++) {
		if (!(row->formats & format))
			continue;
		offer(g, row);
		/* A table that was not negotiated is always bad. */
		is_outcome(g, rows == indirect_chains && !g->r->indirect ? BAD :
		    row->expected, row->name);
		if (!canaries(g))
			tap_ok(0, "%s: nothing else is written", row->name);
		memcpy(g->big->map, g->req, REQUEST);
		is_good_again(g, row->name);
	}
}

/* Request and reply in pieces of so many bytes, in the ring or a table. */
static void
test_pieces(struct ground *g, uint32_t piece, int in_table,
    enum expected want)
{
	size_t count = 0;
	char name[80];
	uint32_t room = want == BAD ? 1100 : REPLY;

	for (uint32_t at = 0; at < REQUEST + room; at += piece, count++) {
		int writes = at >= REQUEST;
		const struct part p = { .at = writes ? REP : REQ,
		    .off = writes ? at - REQUEST : at, .len = piece,
		    .flags = (uint16_t)((writes ? W : 0) |
		    (at + piece < REQUEST + room ? N : 0)),
		    .next = (uint16_t)(count + 1) };
		const struct raw_desc d = raw_of(g, &p);

		if (in_table)
			vhost_raw_table(g->r, g->table, (uint16_t)count, &d);
		else
			put(g, count, &p);
	}
	snprintf(name, sizeof(name), "%zu pieces of %u bytes%s", count, piece,
	    in_table ? " in a table" : "");
	if (in_table)
		put(g, 0, &(struct part){ .at = TAB,
		    .len = (uint32_t)count * 16, .flags = I });
	publish(g, in_table ? 1 : count);
	is_outcome(g, in_table && !g->r->indirect ? BAD : want, name);
	is_good_again(g, name);
}

/* The ring is broken now, and nothing else. */
static void
is_broken(struct ground *g, const char *name)
{
	is_outcome(g, BROKEN, name);
	vhost_ring_kick_always(g->r);
	torture_works(&g->t, name);
	tap_is_int(restart(g), 0, "%s: it is stopped and started", name);
	is_good_again(g, name);
}

static void
test_broken_split(struct ground *g)
{
	static const uint16_t heads[] = { SIZE, SIZE + 1, 0x7fff, 0xffff };
	static const uint16_t jumps[] = { SIZE + 1, 2 * SIZE, 0x7fff, 0x8000,
	    0xfffe, 0xffff };
	struct vhost_ring *r = g->r;

	for (size_t i = 0; i < 4; i++) {
		vhost_raw_publish(r, heads[i], 1);
		vhost_ring_kick_always(r);
		is_broken(g, "a head that is none");
	}
	for (size_t i = 0; i < 6; i++) {
		vhost_raw_avail_idx(r, (uint16_t)(r->avail_idx + jumps[i]));
		vhost_ring_kick_always(r);
		is_broken(g, "an avail index that jumps");
	}
	/* All of the ring is one loop, and a chain that fills it. */
	for (size_t i = 0; i < SIZE; i++)
		put(g, i, &(struct part){ .at = REQ, .len = 1, .flags = N,
		    .next = (uint16_t)((i + 1) % SIZE) });
	publish(g, 1);
	is_outcome(g, BAD, "all of the ring is a loop");
	is_good_again(g, "it");
	/* The same head many times. */
	offer(g, &direct_chains[0]);
	for (int i = 0; i < 99; i++)
		publish(g, 1);
	for (int i = 0; i < 100; i++) {
		uint32_t len, id;

		if (!vhost_raw_used_wait(r, &id, &len, VHOST_TIMEOUT_MS) ||
		    id != 0 || len != REPLY) {
			tap_ok(0, "one head a hundred times: %d", i);
			break;
		}
	}
	is_good_again(g, "one head a hundred times");
}

static void
test_broken_packed(struct ground *g)
{
	struct part p = { .at = REQ, .len = 1, .flags = N };
	struct raw_desc d;
	uint32_t id, len;

	for (int round = 0; round < 3; round++) {
		/* From another place in the ring each time. */
		for (int i = 0; i < round * 50; i++)
			is_good_again(g, "good");
		for (size_t i = 0; i < SIZE; i++)
			put(g, i, &p);
		publish(g, SIZE);
		is_broken(g, "a chain without an end");
	}
	/* The id is the driver's own affair. */
	d = raw_of(g, &(struct part){ .at = REQ, .len = REQUEST });
	d.next = 0xffff;
	vhost_raw_desc(g->r, slot(g, 0), &d);
	publish(g, 1);
	tap_ok(vhost_raw_used_wait(g->r, &id, &len, VHOST_TIMEOUT_MS) &&
	    id == 0xffff && len == 0, "an id that is none comes back");
	is_good_again(g, "it");
	/* Chains that go round the end of the ring. */
	for (size_t i = 0; i < SIZE; i++)
		is_good_again(g, "round");
}

/* The device is made to write over the ring that it works on. */
static void
test_suicide(struct ground *g)
{
	void *const areas[] = { g->r->desc.base, g->r->avail.split,
	    g->r->used.split };
	const struct guest_mem *m = &g->t.front.mem;
	/* A packed ring's other areas are shorter than a reply. */
	size_t count = g->r->packed ? 1 : 3;
	uint32_t len;

	for (size_t i = 0; i < count; i++) {
		put(g, 0, &(struct part){ .at = REQ, .len = REQUEST,
		    .flags = N, .next = 1 });
		put(g, 1, &(struct part){ .at = NOWHERE, .len = REPLY,
		    .off = (int64_t)guest_addr(m, areas[i]), .flags = W });
		publish(g, 2);
		/* Whatever is seen of it: what counts is who survives. */
		outcome(g, &len);
		torture_works(&g->t, "a reply over the ring");
		tap_is_int(restart(g), 0, "it is stopped and started");
		err_is_signalled(g->r, 0);
		is_good_again(g, "it");
	}
}

static void
run_variant(int packed, int no_indirect, int no_event_idx)
{
	const struct vhost_options o = { .request_queues = 2,
	    .queue_size = SIZE, .region_size = MEMORY, .packed = packed,
	    .no_indirect = no_indirect, .no_event_idx = no_event_idx };
	struct ground g;

	tap_context("%s%s%s: ", packed ? "packed" : "split",
	    no_indirect ? ", no indirect" : "",
	    no_event_idx ? ", no event index" : "");
	begin(&g, &o);
	run_rows(&g, direct_chains);
	tap_context("%s%s%s, table ", packed ? "packed" : "split",
	    no_indirect ? ", no indirect" : "",
	    no_event_idx ? ", no event index" : "");
	run_rows(&g, indirect_chains);
	tap_context("%s%s%s: ", packed ? "packed" : "split",
	    no_indirect ? ", no indirect" : "",
	    no_event_idx ? ", no event index" : "");
	test_pieces(&g, 1, 0, GOOD);
	test_pieces(&g, 4, 0, GOOD);
	test_pieces(&g, 1, 1, GOOD);
	test_pieces(&g, 1, 1, BAD);
	if (packed)
		test_broken_packed(&g);
	else
		test_broken_split(&g);
	test_suicide(&g);
	torture_works(&g.t, "all of it");
	g.t.says = "queue 2 stops until it is reset";
	torture_end(&g.t, 0, "all of it");
}

static void
body(struct fixture *f)
{
	share = &f->share[0];
	for (int i = 0; i < 8; i++)
		run_variant(i & 1, i & 2, i & 4);
	tap_context("%s", "");
}

int
main(void)
{
	return torture_main(body, 120);
}
