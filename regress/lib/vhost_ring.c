/* SPDX-License-Identifier: ISC */
/*
 * The driver's side of split and packed virtqueues, after virtio 1.2 sections
 * 2.7 and 2.8. Test code.
 */
#include "vhost_ring.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "tap.h"

#define NO_BUFFER	0xffffu

static inline void
ring_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

static inline uint16_t
ring_load16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void
ring_store16(uint16_t *p, uint16_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELEASE);
}

/* Behind the avail ring: the used index that the driver wants to hear of. */
static inline uint16_t *
split_used_event(const struct vhost_ring *r)
{
	return &r->avail.split->ring[r->size];
}

static inline const uint16_t *
split_avail_event(const struct vhost_ring *r)
{
	return (const uint16_t *)&r->used.split->ring[r->size];
}

/* Has "now" passed the event index since "before"? virtio 1.2, 2.7.10. */
static inline int
ring_event_passed(uint16_t event, uint16_t now, uint16_t before)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

static void
ring_suppress_interrupts(struct vhost_ring *r)
{
	r->interrupts = 0;
	if (r->packed)
		ring_store16(&r->avail.packed->flags, PACKED_EVENT_DISABLE);
	else if (r->event_idx)
		ring_store16(split_used_event(r),
		    (uint16_t)(r->used_idx - 1));
	else
		ring_store16(&r->avail.split->flags, SPLIT_NO_INTERRUPT);
}

int
vhost_ring_enable_interrupt(struct vhost_ring *r)
{
	r->interrupts = 1;
	if (r->packed && r->event_idx) {
		ring_store16(&r->avail.packed->off_wrap, (uint16_t)
		    (r->used_idx | (r->used_wrap ? PACKED_EVENT_WRAP : 0)));
		ring_store16(&r->avail.packed->flags, PACKED_EVENT_DESC);
	} else if (r->packed)
		ring_store16(&r->avail.packed->flags, PACKED_EVENT_ENABLE);
	else if (r->event_idx)
		ring_store16(split_used_event(r), r->used_idx);
	else
		ring_store16(&r->avail.split->flags, 0);
	/* The device looks at it after it has written a used entry; what it
	 * has written before, we must see: a full barrier on both sides. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return vhost_ring_has_used(r);
}

void
vhost_ring_clear_interrupt(struct vhost_ring *r)
{
	uint64_t count;

	if (read(r->call_fd, &count, sizeof(count)) == sizeof(count))
		r->calls += count;
	ring_suppress_interrupts(r);
}

static void
ring_free_tables(struct vhost_ring *r)
{
	for (size_t i = 0; i < r->size; i++)
		guest_free(r->mem, r->buffer[i].table);
}

void
vhost_ring_reset(struct vhost_ring *r)
{
	memset(r->desc.base, 0, (size_t)r->size * 16);
	if (r->packed) {
		memset(r->avail.packed, 0, sizeof(struct packed_event));
		memset(r->used.packed, 0, sizeof(struct packed_event));
	} else {
		memset(r->avail.split, 0, 6 + 2 * (size_t)r->size);
		memset(r->used.split, 0, 6 + 8 * (size_t)r->size);
	}
	for (size_t i = 0; i < r->size; i++) {
		r->buffer[i].busy = 0;
		r->buffer[i].next = (uint16_t)(i + 1);
	}
	r->buffer[r->size - 1].next = NO_BUFFER;
	r->free_head = 0;
	r->free_count = r->size;
	r->avail_idx = r->used_idx = r->unkicked = 0;
	r->avail_wrap = r->used_wrap = 1;
	ring_suppress_interrupts(r);
}

void
vhost_ring_init(struct vhost_ring *r, struct guest_mem *mem,
    const struct vhost_ring_options *o)
{
	size_t n = o->size;

	*r = (struct vhost_ring){ .mem = mem, .index = o->index,
	    .size = o->size, .packed = o->packed, .event_idx = o->event_idx,
	    .indirect = o->indirect, .wait = o->wait };
	r->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->buffer = calloc(n, sizeof(r->buffer[0]));
	if (r->kick_fd < 0 || r->call_fd < 0 || r->err_fd < 0 ||
	    r->buffer == NULL || n == 0 || n > VHOST_RING_MAX)
		tap_bail("ring %u of %zu entries", o->index, n);
	r->desc.base = guest_alloc(mem, n * 16, 4096);
	if (o->packed) {
		r->avail.packed = guest_alloc(mem, 4, 64);
		r->used.packed = guest_alloc(mem, 4, 64);
	} else {
		r->avail.split = guest_alloc(mem, 6 + 2 * n, 64);
		r->used.split = guest_alloc(mem, 6 + 8 * n, 4096);
	}
	vhost_ring_reset(r);
}

void
vhost_ring_free(struct vhost_ring *r)
{
	ring_free_tables(r);
	guest_free(r->mem, r->desc.base);
	if (r->packed) {
		guest_free(r->mem, r->avail.packed);
		guest_free(r->mem, r->used.packed);
	} else {
		guest_free(r->mem, r->avail.split);
		guest_free(r->mem, r->used.split);
	}
	close(r->kick_fd);
	close(r->call_fd);
	close(r->err_fd);
	free(r->buffer);
}

uint32_t
vhost_ring_base(const struct vhost_ring *r)
{
	uint32_t avail = r->avail_idx, used = r->used_idx;

	if (!r->packed)
		return avail;
	avail |= r->avail_wrap ? 0x8000u : 0;
	used |= r->used_wrap ? 0x8000u : 0;
	return avail | used << 16;
}

/* The table of this buffer, large enough. */
static void *
ring_table(struct vhost_ring *r, struct vhost_buffer *b, size_t count)
{
	size_t entries = 8;

	if (b->table_size >= count)
		return b->table;
	while (entries < count)
		entries *= 2;
	guest_free(r->mem, b->table);
	b->table = guest_alloc(r->mem, entries * 16, 16);
	b->table_size = (uint16_t)entries;
	return b->table;
}

struct chain {
	const struct iovec	*out, *in;
	size_t			out_count, count;
};

static inline const struct iovec *
chain_segment(const struct chain *c, size_t i)
{
	return i < c->out_count ? &c->out[i] : &c->in[i - c->out_count];
}

static inline uint16_t
chain_flags(const struct chain *c, size_t i)
{
	return (uint16_t)((i + 1 < c->count ? DESC_NEXT : 0) |
	    (i >= c->out_count ? DESC_WRITE : 0));
}

static void
split_add(struct vhost_ring *r, const struct chain *c, int indirect)
{
	uint16_t head = r->free_head, at = head;
	struct vhost_buffer *b = &r->buffer[head];
	struct split_desc *table = indirect ? ring_table(r, b, c->count) :
	    NULL, *d;

	for (size_t i = 0; i < c->count; i++) {
		const struct iovec *s = chain_segment(c, i);

		d = indirect ? &table[i] : &r->desc.split[at];
		d->addr = guest_addr(r->mem, s->iov_base);
		d->len = (uint32_t)s->iov_len;
		d->flags = chain_flags(c, i);
		d->next = indirect ? (uint16_t)(i + 1) : r->buffer[at].next;
		if (!indirect)
			at = r->buffer[at].next;
	}
	if (indirect) {
		r->desc.split[head] = (struct split_desc){
		    .addr = guest_addr(r->mem, table),
		    .len = (uint32_t)(c->count * sizeof(*table)),
		    .flags = DESC_INDIRECT };
		at = b->next;
	}
	r->free_head = at;
	r->avail.split->ring[r->avail_idx & (r->size - 1)] = head;
	r->avail_idx++;
	r->unkicked++;
	ring_store16(&r->avail.split->idx, r->avail_idx);
}

/* The two flags that make a descriptor available in this lap. */
static inline uint16_t
packed_avail_flags(unsigned int wrap)
{
	return wrap ? DESC_PACKED_AVAIL : DESC_PACKED_USED;
}

static inline void
packed_advance(const struct vhost_ring *r, uint16_t *idx, uint8_t *wrap,
    uint16_t count)
{
	unsigned int next = (unsigned int)*idx + count;

	if (next >= r->size) {
		next -= r->size;
		*wrap ^= 1;
	}
	*idx = (uint16_t)next;
}

static void
packed_fill_table(struct vhost_ring *r, const struct chain *c,
    struct packed_desc *table)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct iovec *s = chain_segment(c, i);

		/* The order says it all: no NEXT, no id in a table. */
		table[i] = (struct packed_desc){
		    .addr = guest_addr(r->mem, s->iov_base),
		    .len = (uint32_t)s->iov_len,
		    .flags = chain_flags(c, i) & DESC_WRITE };
	}
}

static void
packed_add(struct vhost_ring *r, const struct chain *c, int indirect)
{
	uint16_t id = r->free_head, first = r->avail_idx, flags, first_flags;
	struct vhost_buffer *b = &r->buffer[id];
	struct packed_desc *d, *table;

	r->free_head = b->next;
	first_flags = packed_avail_flags(r->avail_wrap);
	if (indirect) {
		table = ring_table(r, b, c->count);
		packed_fill_table(r, c, table);
		d = &r->desc.packed[first];
		d->addr = guest_addr(r->mem, table);
		d->len = (uint32_t)(c->count * sizeof(*table));
		d->id = id;
		first_flags |= DESC_INDIRECT;
		packed_advance(r, &r->avail_idx, &r->avail_wrap, 1);
	} else for (size_t i = 0; i < c->count; i++) {
		const struct iovec *s = chain_segment(c, i);

		d = &r->desc.packed[r->avail_idx];
		d->addr = guest_addr(r->mem, s->iov_base);
		d->len = (uint32_t)s->iov_len;
		d->id = id;
		flags = chain_flags(c, i) | packed_avail_flags(r->avail_wrap);
		if (i == 0)
			first_flags = flags;
		else
			ring_store16(&d->flags, flags);
		packed_advance(r, &r->avail_idx, &r->avail_wrap, 1);
	}
	r->unkicked = (uint16_t)(r->unkicked + b->count);
	/* The device may take all of it as soon as it sees the first. */
	ring_store16(&r->desc.packed[first].flags, first_flags);
}

int
vhost_ring_add(struct vhost_ring *r, const struct iovec *out,
    size_t out_count, const struct iovec *in, size_t in_count, void *token)
{
	struct chain c = { .out = out, .in = in, .out_count = out_count,
	    .count = out_count + in_count };
	int indirect = r->indirect && c.count > 1;
	struct vhost_buffer *b;

	if (c.count > r->size || c.count == 0)
		return -E2BIG;
	if ((indirect ? 1 : c.count) > r->free_count)
		return -ENOSPC;
	b = &r->buffer[r->free_head];
	b->token = token;
	b->busy = 1;
	b->count = indirect ? 1 : (uint16_t)c.count;
	r->free_count = (uint16_t)(r->free_count - b->count);
	r->adds++;
	if (r->packed)
		packed_add(r, &c, indirect);
	else
		split_add(r, &c, indirect);
	return 0;
}

static int
packed_wants_kick(const struct vhost_ring *r, uint16_t count)
{
	uint16_t flags = ring_load16(&r->used.packed->flags), off_wrap;
	uint16_t event, now = r->avail_idx;

	if (flags != PACKED_EVENT_DESC)
		return flags != PACKED_EVENT_DISABLE;
	off_wrap = ring_load16(&r->used.packed->off_wrap);
	event = off_wrap & 0x7fff;
	/* An event of the lap before counts from there. */
	if ((off_wrap >> 15) != r->avail_wrap)
		event = (uint16_t)(event - r->size);
	return ring_event_passed(event, now, (uint16_t)(now - count));
}

static int
ring_wants_kick(const struct vhost_ring *r, uint16_t count)
{
	if (r->packed)
		return packed_wants_kick(r, count);
	if (r->event_idx)
		return ring_event_passed(ring_load16(split_avail_event(r)),
		    r->avail_idx, (uint16_t)(r->avail_idx - count));
	return (ring_load16(&r->used.split->flags) & SPLIT_NO_NOTIFY) == 0;
}

void
vhost_ring_kick_always(struct vhost_ring *r)
{
	uint64_t one = 1;

	r->unkicked = 0;
	r->kicks++;
	if (write(r->kick_fd, &one, sizeof(one)) != sizeof(one))
		tap_bail("kick");
}

int
vhost_ring_kick(struct vhost_ring *r)
{
	uint16_t count = r->unkicked;

	if (count == 0)
		return 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring_wants_kick(r, count)) {
		vhost_ring_kick_always(r);
		return 1;
	}
	r->unkicked = 0;
	r->kicks_saved++;
	return 0;
}

int
vhost_ring_has_used(const struct vhost_ring *r)
{
	uint16_t flags;

	if (!r->packed)
		return ring_load16(&r->used.split->idx) != r->used_idx;
	flags = ring_load16(&r->desc.packed[r->used_idx].flags);
	return ((flags & DESC_PACKED_USED) != 0) == r->used_wrap &&
	    ((flags & DESC_PACKED_AVAIL) != 0) == r->used_wrap;
}

/* Gives the descriptors of a buffer back to the free list. */
static void
ring_release(struct vhost_ring *r, uint16_t id)
{
	struct vhost_buffer *b = &r->buffer[id];
	uint16_t tail = id;

	/* In a split ring the list is one of descriptors, and the chain's
	 * own links are still in it. */
	for (uint16_t i = 1; !r->packed && i < b->count; i++)
		tail = r->buffer[tail].next;
	r->buffer[tail].next = r->free_head;
	r->free_head = id;
	r->free_count = (uint16_t)(r->free_count + b->count);
	b->busy = 0;
}

int
vhost_ring_get(struct vhost_ring *r, void **token, uint32_t *len)
{
	struct split_used_elem *e;
	struct packed_desc *d;
	uint32_t id, used;

	if (!vhost_ring_has_used(r))
		return 0;
	if (r->packed) {
		d = &r->desc.packed[r->used_idx];
		id = d->id;
		used = d->len;
	} else {
		e = &r->used.split->ring[r->used_idx & (r->size - 1)];
		id = e->id;
		used = e->len;
	}
	if (id >= r->size || !r->buffer[id].busy)
		return -EPROTO;
	if (r->packed)
		packed_advance(r, &r->used_idx, &r->used_wrap,
		    r->buffer[id].count);
	else
		r->used_idx++;
	/* Before the old event index comes round again. */
	if (!r->interrupts && (r->used_idx & 0xfff) == 0)
		ring_suppress_interrupts(r);
	if (token != NULL)
		*token = r->buffer[id].token;
	if (len != NULL)
		*len = used;
	ring_release(r, (uint16_t)id);
	return 1;
}

static int
ring_spin(struct vhost_ring *r, void **token, uint32_t *len, int timeout_ms)
{
	long long end = 0;
	int n;

	for (;;) {
		for (int i = 0; i < 1000; i++) {
			n = vhost_ring_get(r, token, len);
			if (n != 0)
				return n;
			if (r->wait == VHOST_WAIT_YIELD && i % 32 == 31)
				sched_yield();
			ring_relax();
		}
		if (timeout_ms < 0)
			continue;
		if (end == 0)
			end = procs_now_ms() + timeout_ms;
		if (procs_now_ms() > end)
			return -ETIMEDOUT;
	}
}

int
vhost_ring_get_wait(struct vhost_ring *r, void **token, uint32_t *len,
    int timeout_ms)
{
	struct pollfd p = { .fd = r->call_fd, .events = POLLIN };
	long long end = -1;
	int n, ready;

	if (r->wait != VHOST_WAIT_SLEEP)
		return ring_spin(r, token, len, timeout_ms);
	for (;;) {
		n = vhost_ring_get(r, token, len);
		if (n != 0)
			return n;
		if (vhost_ring_enable_interrupt(r)) {
			ring_suppress_interrupts(r);
			continue;
		}
		ready = poll(&p, 1, timeout_ms);
		if (ready > 0)
			vhost_ring_clear_interrupt(r);
		else
			ring_suppress_interrupts(r);
		if (timeout_ms < 0 || vhost_ring_has_used(r))
			continue;
		/* Woken for nothing, or not at all. */
		if (ready == 0)
			return -ETIMEDOUT;
		if (end < 0)
			end = procs_now_ms() + timeout_ms;
		timeout_ms = (int)(end - procs_now_ms());
		if (timeout_ms < 0)
			timeout_ms = 0;
	}
}
