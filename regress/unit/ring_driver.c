/*
 * SPDX-License-Identifier: ISC
 *
 * The driver's half of a virtqueue.
 */
#include "config.h"

#include "regress/unit/ring_driver.h"

#include <sys/mman.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACKED_AVAIL	0x0080
#define PACKED_USED	0x8000
#define EVENT_DISABLE	1
#define EVENT_DESC	2
#define TABLE_ENTRIES	8U	/* of a chain that add() makes */

/* Where a file's region begins: in no page's first byte. */
#define HIGH_OFFSET	UINT64_C(0x1230)

static const struct guest_memory_region regions[] = {
	{ DRIVER_LOW, DRIVER_LOW_SIZE, DRIVER_USER, 0 },
	{ DRIVER_HIGH, DRIVER_HIGH_SIZE, DRIVER_USER + (UINT64_C(1) << 32),
	    HIGH_OFFSET },
	{ DRIVER_FAR, DRIVER_FAR_SIZE, 0x1000, 0x1000 }
};

static void
store16(void *at, uint16_t value, memory_order order)
{
	atomic_store_explicit((_Atomic uint16_t *)at, value, order);
}

static uint16_t
load16(const void *at, memory_order order)
{
	return atomic_load_explicit((const _Atomic uint16_t *)at, order);
}

static uint32_t
load32(const void *at)
{
	return atomic_load_explicit((const _Atomic uint32_t *)at,
	    memory_order_relaxed);
}

uint16_t
driver_get16(const struct ring_driver *d, uint32_t offset)
{
	return load16(d->low + offset, memory_order_relaxed);
}

void
driver_put16(struct ring_driver *d, uint32_t offset, uint16_t value)
{
	store16(d->low + offset, value, memory_order_relaxed);
}

struct guest_memory *
driver_map(const struct ring_driver *d)
{
	struct guest_memory *map = guest_memory_new(), *more;

	/* From the last one on, so that they have to be sorted. */
	for (size_t i = 3; map != NULL && i-- > 0;) {
		if (guest_memory_add(map, &regions[i], dup(d->fds[i]),
		    &more, NULL) != 0)
			more = NULL;
		guest_memory_release(map);
		map = more;
	}
	return map;
}

void
driver_reset(struct ring_driver *d, uint16_t start)
{
	struct virtqueue_config *config = &d->config;

	memset(d->low, 0, DRIVER_TABLES);
	d->avail_idx = d->used_idx = config->packed ? 0 : start;
	d->avail_wrap = d->used_wrap = true;
	d->free = config->size;
	d->unkicked = 0;
	d->free_head = 0;
	for (uint32_t i = 0; i < config->size; i++)
		d->next[i] = (uint16_t)(i + 1);
	if (!config->packed) {
		driver_put16(d, DRIVER_AVAIL + 2, start);
		driver_put16(d, DRIVER_USED + 2, start);
	}
	config->base = driver_base(d);
}

int
driver_open(struct ring_driver *d, const struct virtqueue_config *config)
{
	memset(d, 0, sizeof(*d));
	d->config = *config;
	d->config.desc_addr = DRIVER_USER + DRIVER_DESC;
	d->config.avail_addr = DRIVER_USER + DRIVER_AVAIL;
	d->config.used_addr = DRIVER_USER + DRIVER_USED;
	for (size_t i = 0; i < 3; i++) {
		d->fds[i] = memfd_create("guest", MFD_CLOEXEC);
		if (d->fds[i] == -1 || ftruncate(d->fds[i], (off_t)
		    (regions[i].mmap_offset + regions[i].size)) == -1)
			return -errno;
	}
	d->low = mmap(NULL, DRIVER_LOW_SIZE, PROT_READ | PROT_WRITE,
	    MAP_SHARED, d->fds[0], 0);
	if (d->low == MAP_FAILED)
		return -errno;
	d->map = driver_map(d);
	if (d->map == NULL)
		return -ENOMEM;
	driver_reset(d, 0);
	return 0;
}

void
driver_close(struct ring_driver *d)
{
	if (!d->shares)
		munmap(d->low, DRIVER_LOW_SIZE);
	guest_memory_release(d->map);
	for (size_t i = 0; i < 3; i++)
		close(d->fds[i]);
}

void
driver_share(struct ring_driver *d)
{
	munmap(d->low, DRIVER_LOW_SIZE);
	d->low = guest_memory_at(d->map, DRIVER_LOW, DRIVER_LOW_SIZE);
	d->shares = true;
}

uint32_t
driver_base(const struct ring_driver *d)
{
	if (!d->config.packed)
		return d->avail_idx;
	return d->avail_idx | (uint32_t)d->avail_wrap << 15 |
	    (uint32_t)d->used_idx << 16 | (uint32_t)d->used_wrap << 31;
}

/* All but the flags of a packed one. */
static void
desc_fill(const struct ring_driver *d, uint8_t *at,
    const struct driver_desc *desc)
{
	memcpy(at, &desc->addr, 8);
	memcpy(at + 8, &desc->len, 4);
	memcpy(at + 12, d->config.packed ? &desc->link : &desc->flags, 2);
	if (!d->config.packed)
		memcpy(at + 14, &desc->link, 2);
}

void
driver_put_table(struct ring_driver *d, uint32_t offset, uint32_t i,
    const struct driver_desc *desc)
{
	uint8_t *at = d->low + offset + i * 16;

	desc_fill(d, at, desc);
	if (d->config.packed)
		memcpy(at + 14, &desc->flags, 2);
}

void
driver_put(struct ring_driver *d, uint16_t i, const struct driver_desc *desc)
{
	uint8_t *at = d->low + DRIVER_DESC + i * 16;
	bool wrap = d->avail_wrap;
	uint16_t flags;

	desc_fill(d, at, desc);
	if (!d->config.packed)
		return;
	if (i < d->avail_idx)
		wrap = !wrap;
	flags = (uint16_t)(desc->flags | (wrap ? PACKED_AVAIL : PACKED_USED));
	store16(at + 14, flags, memory_order_release);
}

static void
ring_advance(const struct ring_driver *d, uint16_t *idx, bool *wrap,
    uint32_t n)
{
	uint32_t next = *idx + n;

	if (next >= d->config.size) {
		next -= d->config.size;
		*wrap = !*wrap;
	}
	*idx = (uint16_t)next;
}

void
driver_offer(struct ring_driver *d, uint16_t head, uint16_t n)
{
	d->unkicked += d->config.packed ? n : 1;
	if (d->config.packed) {
		ring_advance(d, &d->avail_idx, &d->avail_wrap, n);
		return;
	}
	driver_put16(d, DRIVER_AVAIL + 4 +
	    2 * (d->avail_idx & (d->config.size - 1)), head);
	d->avail_idx++;
	store16(d->low + DRIVER_AVAIL + 2, d->avail_idx,
	    memory_order_release);
}

static uint16_t
free_take(struct ring_driver *d)
{
	uint16_t i = d->free_head;

	d->free_head = d->next[i];
	return i;
}

static void
free_give(struct ring_driver *d, uint16_t i)
{
	d->next[i] = d->free_head;
	d->free_head = i;
}

/* Table `id` of as many as there are descriptors; returns its descriptor. */
static struct driver_desc
table_fill(struct ring_driver *d, uint16_t id, const struct driver_desc *bufs,
    uint32_t n)
{
	uint32_t offset = DRIVER_TABLES + (id % 1024U) * TABLE_ENTRIES * 16;
	struct driver_desc desc;

	assert(n <= TABLE_ENTRIES);
	for (uint32_t i = 0; i < n; i++) {
		desc = bufs[i];
		desc.link = (uint16_t)(i + 1);
		if (!d->config.packed && i + 1 < n)
			desc.flags |= DRIVER_NEXT;
		driver_put_table(d, offset, i, &desc);
	}
	return (struct driver_desc){ DRIVER_LOW + offset, n * 16,
	    DRIVER_INDIRECT, id };
}

/* The last ones first: the head's flags make the chain available. */
static void
add_packed(struct ring_driver *d, uint16_t id, const struct driver_desc *bufs,
    uint32_t n)
{
	struct driver_desc desc;

	for (uint32_t i = n; i-- > 0;) {
		desc = bufs[i];
		desc.link = id;
		if (i + 1 < n)
			desc.flags |= DRIVER_NEXT;
		driver_put(d, (uint16_t)((d->avail_idx + i) % d->config.size),
		    &desc);
	}
	driver_offer(d, 0, (uint16_t)n);
}

static void
add_split(struct ring_driver *d, uint16_t id, const struct driver_desc *bufs,
    uint32_t n)
{
	struct driver_desc desc;
	uint16_t i = id, next;

	for (uint32_t k = 0; k < n; k++, i = next) {
		desc = bufs[k];
		next = 0;
		if (k + 1 < n) {
			next = free_take(d);
			desc.flags |= DRIVER_NEXT;
		}
		desc.link = next;
		/* To be found when it is given back. */
		d->next[i] = next;
		driver_put(d, i, &desc);
	}
	driver_offer(d, id, 1);
}

int
driver_add(struct ring_driver *d, const struct driver_desc *bufs, uint32_t n,
    bool indirect)
{
	struct driver_desc table;
	uint16_t id;

	if (d->free < (indirect ? 1 : n))
		return -1;
	id = free_take(d);
	if (indirect) {
		table = table_fill(d, id, bufs, n);
		bufs = &table;
		n = 1;
	}
	d->free -= n;
	d->count[id] = (uint16_t)n;
	if (d->config.packed)
		add_packed(d, id, bufs, n);
	else
		add_split(d, id, bufs, n);
	return id;
}

bool
driver_has_used(const struct ring_driver *d)
{
	uint16_t flags;

	if (!d->config.packed)
		return load16(d->low + DRIVER_USED + 2,
		    memory_order_acquire) != d->used_idx;
	flags = load16(d->low + DRIVER_DESC + d->used_idx * 16 + 14,
	    memory_order_acquire);
	return ((flags & PACKED_AVAIL) != 0) == d->used_wrap &&
	    ((flags & PACKED_USED) != 0) == d->used_wrap;
}

/* The descriptors of a chain that is over are free again. */
static void
chain_free(struct ring_driver *d, uint16_t id)
{
	uint16_t i = id, next;

	d->free += d->count[id];
	if (d->config.packed) {
		free_give(d, id);
		return;
	}
	for (uint16_t k = 0; k < d->count[id]; k++, i = next) {
		next = d->next[i];
		free_give(d, i);
	}
}

bool
driver_get(struct ring_driver *d, uint16_t *id, uint32_t *len)
{
	const uint8_t *at;

	if (!driver_has_used(d))
		return false;
	if (d->config.packed) {
		at = d->low + DRIVER_DESC + d->used_idx * 16;
		*len = load32(at + 8);
		*id = load16(at + 12, memory_order_relaxed);
	} else {
		at = d->low + DRIVER_USED + 4 +
		    8 * (d->used_idx & (d->config.size - 1));
		*id = (uint16_t)load32(at);
		*len = load32(at + 4);
	}
	assert(*id < d->config.size);
	if (d->config.packed)
		ring_advance(d, &d->used_idx, &d->used_wrap, d->count[*id]);
	else
		d->used_idx++;
	chain_free(d, *id);
	return true;
}

static bool
kicks_packed(const struct ring_driver *d, uint32_t added)
{
	uint32_t event = load32(d->low + DRIVER_USED);
	int64_t behind = (int64_t)d->avail_idx - (event & 0x7fff);

	switch (event >> 16) {
	case EVENT_DISABLE:
		return false;
	case EVENT_DESC:
		if ((event >> 15 & 1) != d->avail_wrap)
			behind += d->config.size;
		return behind > 0 && behind <= added;
	default:
		return true;
	}
}

bool
driver_kicks(struct ring_driver *d)
{
	uint32_t added = d->unkicked;
	uint16_t event;

	d->unkicked = 0;
	atomic_thread_fence(memory_order_seq_cst);
	if (d->config.packed)
		return kicks_packed(d, added);
	if (!d->config.event_idx)
		return (driver_get16(d, DRIVER_USED) & 1) == 0;
	event = driver_get16(d, DRIVER_USED + 4 + 8 * d->config.size);
	return (uint16_t)(d->avail_idx - event - 1) < added;
}

void
driver_calls_on(struct ring_driver *d, uint16_t skip)
{
	uint16_t idx = d->used_idx;
	bool wrap = d->used_wrap;
	uint32_t event = 0;

	if (d->config.packed) {
		ring_advance(d, &idx, &wrap, skip);
		if (d->config.event_idx)
			event = (uint32_t)EVENT_DESC << 16 | idx |
			    (uint32_t)wrap << 15;
		atomic_store_explicit((_Atomic uint32_t *)(void *)
		    (d->low + DRIVER_AVAIL), event, memory_order_relaxed);
	} else if (d->config.event_idx) {
		driver_put16(d, DRIVER_AVAIL + 4 + 2 * d->config.size,
		    (uint16_t)(idx + skip));
	} else {
		driver_put16(d, DRIVER_AVAIL, 0);
	}
	atomic_thread_fence(memory_order_seq_cst);
}

/* Split, with event indices: the event is left behind. */
void
driver_calls_off(struct ring_driver *d)
{
	if (d->config.packed)
		atomic_store_explicit((_Atomic uint32_t *)(void *)
		    (d->low + DRIVER_AVAIL), (uint32_t)EVENT_DISABLE << 16,
		    memory_order_relaxed);
	else if (!d->config.event_idx)
		driver_put16(d, DRIVER_AVAIL, 1);
}
