/*
 * SPDX-License-Identifier: ISC
 *
 * Packed virtqueues (virtio 1.2, 2.8).  Parses hostile input from the guest.
 * Runs sandboxed.
 */
#include "config.h"

#include "worker/virtqueue_ring.h"

#include <errno.h>
#include <inttypes.h>

/* Flags of a descriptor in the ring (virtio 1.2, 2.8.1). */
#define PACKED_AVAIL		0x0080
#define PACKED_USED		0x8000

/* An event suppression structure is one word, so that it is read in one. */
#define EVENT_OFFSET		0x00007fffU
#define EVENT_WRAP		0x00008000U
#define EVENT_FLAGS_SHIFT	16
#define EVENT_FLAGS		3U
#define EVENT_ENABLE		0U
#define EVENT_DISABLE		1U
#define EVENT_DESC		2U
#define EVENT_ALIGN		4

#define BASE_INDEX		0x7fffU
#define BASE_WRAP		0x8000U
#define BASE_USED_SHIFT		16

struct packed_desc {
	uint64_t		addr;
	_Atomic uint32_t	len;
	_Atomic uint16_t	id;
	_Atomic uint16_t	flags;
};
_Static_assert(sizeof(struct packed_desc) == RING_DESC_SIZE, "no padding");

static int
packed_locate(struct virtqueue *vq, const struct guest_memory *map)
{
	const struct virtqueue_config *config = &vq->config;
	const struct ring_area desc = { "descriptor ring", config->desc_addr,
	    (uint64_t)config->size * RING_DESC_SIZE, RING_DESC_ALIGN };
	const struct ring_area avail = { "driver event suppression",
	    config->avail_addr, sizeof(uint32_t), EVENT_ALIGN };
	const struct ring_area used = { "device event suppression",
	    config->used_addr, sizeof(uint32_t), EVENT_ALIGN };

	vq->desc = virtqueue_locate(vq, map, &desc);
	vq->avail = virtqueue_locate(vq, map, &avail);
	vq->used = virtqueue_locate(vq, map, &used);
	return vq->desc != NULL && vq->avail != NULL && vq->used != NULL ? 0 :
	    -EFAULT;
}

static int
packed_start(struct virtqueue *vq)
{
	uint32_t avail = vq->config.base;
	uint32_t used = vq->config.base >> BASE_USED_SHIFT;

	vq->avail_idx = avail & BASE_INDEX;
	vq->avail_wrap = (avail & BASE_WRAP) != 0;
	vq->used_idx = used & BASE_INDEX;
	vq->used_wrap = (used & BASE_WRAP) != 0;
	if (vq->avail_idx < vq->config.size &&
	    vq->used_idx < vq->config.size)
		return 0;
	return reason_give(&vq->why, -EINVAL, "packed ring %" PRIu32
	    "'s base is %#" PRIx32 ", beyond its size of %" PRIu32,
	    vq->config.index, vq->config.base, vq->config.size);
}

static uint32_t
packed_stop(struct virtqueue *vq)
{
	uint32_t avail = vq->avail_idx | (vq->avail_wrap ? BASE_WRAP : 0);
	uint32_t used = vq->used_idx | (vq->used_wrap ? BASE_WRAP : 0);

	return avail | used << BASE_USED_SHIFT;
}

/* virtio 1.2, 2.8.1: available if the bits differ, in this round. */
static bool
packed_is_available(const struct virtqueue *vq, uint16_t flags)
{
	bool avail = (flags & PACKED_AVAIL) != 0;
	bool used = (flags & PACKED_USED) != 0;

	return avail != used && avail == vq->avail_wrap;
}

static bool
packed_ready(const struct virtqueue *vq)
{
	const struct packed_desc *ring = vq->desc;

	return packed_is_available(vq, le16toh(atomic_load_explicit(
	    &ring[vq->avail_idx].flags, memory_order_relaxed)));
}

static void
packed_copy(const void *from, struct ring_desc *desc)
{
	uint64_t words[2];

	ring_copy(from, words);
	desc->addr = words[0];
	desc->len = (uint32_t)words[1];
	desc->link = (uint16_t)(words[1] >> 32);
	desc->flags = (uint16_t)(words[1] >> 48);
}

/*
 * virtio 1.2, 2.8.7: all of the table, in order; no flag counts but WRITE.  A
 * table in a table is what no driver may ask for: it is not taken for a buffer.
 */
static int
packed_indirect(const struct virtqueue *vq, const struct guest_memory *map,
    struct virtqueue_chain *chain, const struct ring_desc *from)
{
	struct ring_desc desc;
	const uint8_t *table;
	uint32_t count;

	table = virtqueue_table(vq, map, from, chain, &count);
	if (table == NULL)
		return -EBADMSG;
	for (uint32_t i = 0; i < count; i++) {
		packed_copy(table + (size_t)i * RING_DESC_SIZE, &desc);
		if ((desc.flags & RING_DESC_INDIRECT) != 0 ||
		    virtqueue_add(chain, map, &desc) != 0)
			return -EBADMSG;
	}
	return 0;
}

/* Takes one descriptor of the ring: the chain has it counted already. */
static int
packed_take(const struct virtqueue *vq, const struct guest_memory *map,
    struct virtqueue_chain *chain, const struct ring_desc *desc)
{
	if ((desc->flags & RING_DESC_INDIRECT) == 0)
		return virtqueue_add(chain, map, desc);
	/* virtio 1.2, 2.8.19: an indirect one is alone. */
	if (chain->ndesc > 1 || (desc->flags & RING_DESC_NEXT) != 0)
		return -EBADMSG;
	return packed_indirect(vq, map, chain, desc);
}

/* Returns `idx` moved on by `n`, and toggles the counter where it wraps. */
static uint16_t
packed_advance(const struct virtqueue *vq, uint16_t idx, uint32_t n,
    bool *wrap)
{
	uint32_t next = idx + n;

	if (next >= vq->config.size) {
		next -= vq->config.size;
		*wrap = !*wrap;
	}
	return (uint16_t)next;
}

/*
 * A bad chain is followed to its end all the same: only there is the id with
 * which to return it.  One without an end cannot be returned.
 */
static int
packed_pop(struct virtqueue *vq, const struct guest_memory *map,
    struct virtqueue_chain *chain)
{
	const struct packed_desc *ring = vq->desc;
	uint32_t room = vq->config.size - vq->desc_in_flight;
	bool wrap = vq->avail_wrap;
	uint16_t idx = vq->avail_idx;
	struct ring_desc desc;
	uint16_t flags;
	int error = 0;

	flags = le16toh(atomic_load_explicit(&ring[idx].flags,
	    memory_order_acquire));
	if (!packed_is_available(vq, flags))
		return 0;
	do {
		if (chain->ndesc == room)
			return virtqueue_break(vq, "a chain beyond its room");
		packed_copy(ring + idx, &desc);
		if (chain->ndesc++ == 0)
			desc.flags = flags;
		idx = packed_advance(vq, idx, 1, &wrap);
		if (error == 0)
			error = packed_take(vq, map, chain, &desc);
	} while ((desc.flags & RING_DESC_NEXT) != 0);
	chain->id = desc.link;
	vq->avail_idx = idx;
	vq->avail_wrap = wrap;
	vq->desc_in_flight += chain->ndesc;
	vq->in_flight++;
	return error == 0 ? 1 : error;
}

/*
 * One descriptor says that a chain is used, in the place of the first of those
 * that it frees (virtio 1.2, 2.8.6).  Its flags come last: they show it.
 */
static void
packed_push(struct virtqueue *vq, const struct virtqueue_chain *chain,
    uint32_t len)
{
	struct packed_desc *ring = vq->desc;
	struct packed_desc *desc = ring + vq->used_idx;
	uint16_t flags = vq->used_wrap ? PACKED_AVAIL | PACKED_USED : 0;

	if (len > 0)
		flags |= RING_DESC_WRITE;
	atomic_store_explicit(&desc->id, htole16(chain->id),
	    memory_order_relaxed);
	atomic_store_explicit(&desc->len, htole32(len), memory_order_relaxed);
	atomic_store_explicit(&desc->flags, htole16(flags),
	    memory_order_release);
	vq->used_idx = packed_advance(vq, vq->used_idx, chain->ndesc,
	    &vq->used_wrap);
	vq->desc_in_flight -= chain->ndesc;
	vq->desc_pushed += chain->ndesc;
}

/*
 * virtio 1.2, 2.8.10: is the event among the `pushed` descriptors before the
 * next one to be used?  With its wrap counter it is of this round or the one
 * before; else it is still to come.
 */
static bool
packed_passed(const struct virtqueue *vq, uint32_t event, uint32_t pushed)
{
	int64_t behind = (int64_t)vq->used_idx - (event & EVENT_OFFSET);

	if (((event & EVENT_WRAP) != 0) != vq->used_wrap)
		behind += vq->config.size;
	return behind > 0 && behind <= pushed;
}

static bool
packed_flush(struct virtqueue *vq)
{
	const _Atomic uint32_t *driver = vq->avail;
	uint32_t event, pushed = vq->desc_pushed;
	bool judged = vq->judged;

	if (pushed == 0)
		return false;
	vq->desc_pushed = 0;
	vq->judged = true;
	/* As in split_flush(). */
	atomic_thread_fence(memory_order_seq_cst);
	event = le32toh(atomic_load_explicit(driver, memory_order_relaxed));
	switch (event >> EVENT_FLAGS_SHIFT & EVENT_FLAGS) {
	case EVENT_DISABLE:
		return false;
	case EVENT_DESC:
		return !vq->config.event_idx || !judged ||
		    packed_passed(vq, event, pushed);
	default:
		return true;
	}
}

static void
packed_kicks(struct virtqueue *vq, bool on)
{
	_Atomic uint32_t *device = vq->used;
	uint32_t event = EVENT_DISABLE << EVENT_FLAGS_SHIFT;

	if (on && vq->config.event_idx)
		event = EVENT_DESC << EVENT_FLAGS_SHIFT | vq->avail_idx |
		    (vq->avail_wrap ? EVENT_WRAP : 0);
	else if (on)
		event = EVENT_ENABLE << EVENT_FLAGS_SHIFT;
	atomic_store_explicit(device, htole32(event), memory_order_relaxed);
}

const struct virtqueue_ops virtqueue_packed_ops = {
	.locate = packed_locate,
	.start = packed_start,
	.stop = packed_stop,
	.ready = packed_ready,
	.pop = packed_pop,
	.push = packed_push,
	.flush = packed_flush,
	.kicks = packed_kicks,
};
