/* SPDX-License-Identifier: ISC */
/*
 * Rings written by hand, for chains that no driver makes. Test code.
 */
#include "vhost_ring.h"

#include <string.h>

#include "procs.h"

void
vhost_raw_table(struct vhost_ring *r, void *table, uint16_t index,
    const struct raw_desc *d)
{
	struct split_desc split = { .addr = d->addr, .len = d->len,
	    .flags = d->flags, .next = d->next };
	struct packed_desc packed = { .addr = d->addr, .len = d->len,
	    .id = d->next, .flags = d->flags };

	/* The table may lie anywhere, also where it must not. */
	memcpy((uint8_t *)table + (size_t)index * 16,
	    r->packed ? (void *)&packed : (void *)&split, 16);
}

void
vhost_raw_desc(struct vhost_ring *r, uint16_t index,
    const struct raw_desc *d)
{
	struct raw_desc copy = *d;
	unsigned int wrap = r->avail_wrap;

	if (r->packed) {
		if (index < r->avail_idx)
			wrap ^= 1;
		/* Both bits as they are in the lap before: not available. */
		if (!wrap)
			copy.flags |= DESC_PACKED_AVAIL | DESC_PACKED_USED;
	}
	vhost_raw_table(r, r->desc.base, index, &copy);
}

static void
raw_publish_packed(struct vhost_ring *r, uint16_t head, uint16_t count)
{
	uint16_t bits = DESC_PACKED_AVAIL | DESC_PACKED_USED;

	/* The last first: the head makes all the others available. */
	for (uint16_t i = count; i-- > 0; ) {
		unsigned int at = (unsigned int)head + i;
		unsigned int wrap = r->avail_wrap;
		struct packed_desc *d = &r->desc.packed[at % r->size];
		uint16_t flags;

		if (at >= r->size || head < r->avail_idx)
			wrap ^= 1;
		flags = (uint16_t)((d->flags & ~bits) |
		    (wrap ? DESC_PACKED_AVAIL : DESC_PACKED_USED));
		__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
		if (i + 1 == count && d->id < r->size)
			r->buffer[d->id].count = count;
	}
	if (r->avail_idx + count >= r->size)
		r->avail_wrap ^= 1;
	r->avail_idx = (uint16_t)((r->avail_idx + count) % r->size);
	r->unkicked = (uint16_t)(r->unkicked + count);
}

void
vhost_raw_publish(struct vhost_ring *r, uint16_t head, uint16_t count)
{
	if (r->packed) {
		raw_publish_packed(r, head, count);
		return;
	}
	vhost_raw_avail_entry(r, r->avail_idx & (r->size - 1), head);
	r->unkicked++;
	vhost_raw_avail_idx(r, (uint16_t)(r->avail_idx + 1));
}

void
vhost_raw_avail_entry(struct vhost_ring *r, uint16_t slot, uint16_t head)
{
	r->avail.split->ring[slot] = head;
}

void
vhost_raw_avail_idx(struct vhost_ring *r, uint16_t idx)
{
	r->avail_idx = idx;
	__atomic_store_n(&r->avail.split->idx, idx, __ATOMIC_RELEASE);
}

uint16_t
vhost_raw_avail_idx_now(const struct vhost_ring *r)
{
	return r->avail_idx;
}

int
vhost_raw_used(struct vhost_ring *r, uint32_t *id, uint32_t *len)
{
	struct split_used_elem *e;
	struct packed_desc *d;
	unsigned int next = r->used_idx;

	if (!vhost_ring_has_used(r))
		return 0;
	if (!r->packed) {
		e = &r->used.split->ring[r->used_idx++ & (r->size - 1)];
		*id = e->id;
		*len = e->len;
		return 1;
	}
	d = &r->desc.packed[r->used_idx];
	*id = d->id;
	*len = d->len;
	next += *id < r->size && r->buffer[*id].count > 0 ?
	    r->buffer[*id].count : 1;
	if (next >= r->size)
		r->used_wrap ^= 1;
	r->used_idx = (uint16_t)(next % r->size);
	return 1;
}

int
vhost_raw_used_wait(struct vhost_ring *r, uint32_t *id, uint32_t *len,
    int timeout_ms)
{
	long long end = procs_now_ms() + timeout_ms;

	while (!vhost_raw_used(r, id, len)) {
		if (procs_now_ms() > end)
			return 0;
		procs_sleep_us(100);
	}
	return 1;
}
