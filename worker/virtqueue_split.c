/*
 * SPDX-License-Identifier: ISC
 *
 * Split virtqueues (virtio 1.2, 2.7).  Parses hostile input from the guest.
 * Runs sandboxed.
 */
#include "config.h"

#include "worker/virtqueue_ring.h"

#include <errno.h>
#include <inttypes.h>

#define AVAIL_NO_INTERRUPT	0x0001	/* struct split_avail, flags */
#define USED_NO_NOTIFY		0x0001	/* struct split_used, flags */

#define AVAIL_ALIGN		2
#define USED_ALIGN		4

/* virtio 1.2, 2.7.6: the driver writes it. */
struct split_avail {
	_Atomic uint16_t	flags;
	_Atomic uint16_t	idx;
	/* `size` heads and then, "used_event". */
	_Atomic uint16_t	ring[];
};

struct split_used_elem {
	_Atomic uint32_t	id;
	_Atomic uint32_t	len;
};

/* virtio 1.2, 2.7.8: we write it. */
struct split_used {
	_Atomic uint16_t	flags;
	_Atomic uint16_t	idx;
	/* `size` of them and then, in 16 bits, "avail_event". */
	struct split_used_elem	ring[];
};

static uint16_t
split_get(const _Atomic uint16_t *at, memory_order order)
{
	return le16toh(atomic_load_explicit(at, order));
}

static void
split_put(_Atomic uint16_t *at, uint16_t value, memory_order order)
{
	atomic_store_explicit(at, htole16(value), order);
}

static int
split_locate(struct virtqueue *vq, const struct guest_memory *map)
{
	const struct virtqueue_config *config = &vq->config;
	const uint64_t size = config->size;
	const struct ring_area desc = { "descriptor table", config->desc_addr,
	    size * RING_DESC_SIZE, RING_DESC_ALIGN };
	const struct ring_area avail = { "available ring", config->avail_addr,
	    sizeof(struct split_avail) + (size + 1) * sizeof(uint16_t),
	    AVAIL_ALIGN };
	const struct ring_area used = { "used ring", config->used_addr,
	    sizeof(struct split_used) + size * sizeof(struct split_used_elem) +
	    sizeof(uint16_t), USED_ALIGN };

	vq->desc = virtqueue_locate(vq, map, &desc);
	vq->avail = virtqueue_locate(vq, map, &avail);
	vq->used = virtqueue_locate(vq, map, &used);
	return vq->desc != NULL && vq->avail != NULL && vq->used != NULL ? 0 :
	    -EFAULT;
}

/* The used index is in the ring alone: whatever the guest made of it. */
static int
split_start(struct virtqueue *vq)
{
	const struct split_used *used = vq->used;
	uint32_t size = vq->config.size;

	if ((size & (size - 1)) != 0)
		return reason_give(&vq->why, -EINVAL, "split ring %" PRIu32
		    "'s size is %" PRIu32 ", which is no power of 2",
		    vq->config.index, size);
	if (vq->config.base > UINT16_MAX)
		return reason_give(&vq->why, -EINVAL, "split ring %" PRIu32
		    "'s base is %#" PRIx32 ", of more than 16 bits",
		    vq->config.index, vq->config.base);
	vq->avail_idx = vq->avail_seen = (uint16_t)vq->config.base;
	vq->used_idx = vq->used_shown = split_get(&used->idx,
	    memory_order_relaxed);
	return 0;
}

static void
split_show(struct virtqueue *vq)
{
	struct split_used *used = vq->used;

	split_put(&used->idx, vq->used_idx, memory_order_release);
	vq->used_shown = vq->used_idx;
}

static uint32_t
split_stop(struct virtqueue *vq)
{
	if (!vq->broken && vq->used_shown != vq->used_idx)
		split_show(vq);
	return vq->avail_idx;
}

static bool
split_ready(const struct virtqueue *vq)
{
	const struct split_avail *avail = vq->avail;

	return vq->avail_idx != vq->avail_seen ||
	    split_get(&avail->idx, memory_order_relaxed) != vq->avail_idx;
}

/*
 * Looks how far the driver is.  What is in flight, or pushed and not shown, is
 * still ours: the driver cannot have more than the rest.
 */
static int
split_look(struct virtqueue *vq)
{
	const struct split_avail *avail = vq->avail;
	uint16_t hidden = (uint16_t)(vq->used_idx - vq->used_shown);
	uint16_t seen, more;

	seen = split_get(&avail->idx, memory_order_acquire);
	more = (uint16_t)(seen - vq->avail_idx);
	if (more > 0 && more + vq->in_flight + hidden > vq->config.size)
		return virtqueue_break(vq, "more available than it has room");
	vq->avail_seen = seen;
	return more > 0;
}

static void
split_copy(const uint8_t *table, uint32_t i, struct ring_desc *desc)
{
	uint64_t words[2];

	ring_copy(table + (size_t)i * RING_DESC_SIZE, words);
	desc->addr = words[0];
	desc->len = (uint32_t)words[1];
	desc->flags = (uint16_t)(words[1] >> 32);
	desc->link = (uint16_t)(words[1] >> 48);
}

/*
 * Follows a chain in a table, which is the ring's own or, `indirect`, another.
 * A chain that has as many descriptors as the table and still goes on is a
 * loop.  Stores in `desc` the indirect descriptor that a chain ends with, if it
 * does, and returns 1; else 0 or -EBADMSG.
 */
static int
split_follow(const uint8_t *table, uint32_t count, uint32_t i, bool indirect,
    const struct guest_memory *map, struct virtqueue_chain *chain,
    struct ring_desc *desc)
{
	for (uint32_t n = 0; n < count && i < count; n++, i = desc->link) {
		split_copy(table, i, desc);
		if ((desc->flags & RING_DESC_INDIRECT) != 0)
			/* virtio 1.2, 2.7.5.3.1: none of these. */
			return indirect || (desc->flags & RING_DESC_NEXT) != 0 ?
			    -EBADMSG : 1;
		if (virtqueue_add(chain, map, desc) != 0)
			return -EBADMSG;
		if ((desc->flags & RING_DESC_NEXT) == 0)
			return 0;
	}
	return -EBADMSG;
}

static int
split_pop(struct virtqueue *vq, const struct guest_memory *map,
    struct virtqueue_chain *chain)
{
	const struct split_avail *avail = vq->avail;
	struct ring_desc desc;
	const uint8_t *table;
	uint32_t count;
	int result;

	if (vq->avail_idx == vq->avail_seen) {
		result = split_look(vq);
		if (result <= 0)
			return result;
	}
	chain->id = split_get(&avail->ring[vq->avail_idx &
	    (vq->config.size - 1)], memory_order_relaxed);
	if (chain->id >= vq->config.size)
		return virtqueue_break(vq, "a head that is none");
	vq->avail_idx++;
	vq->in_flight++;
	result = split_follow(vq->desc, vq->config.size, chain->id, false, map,
	    chain, &desc);
	if (result == 1) {
		table = virtqueue_table(vq, map, &desc, chain,
		    &count);
		result = table == NULL ? -EBADMSG :
		    split_follow(table, count, 0, true, map, chain, &desc);
	}
	return result == 0 ? 1 : result;
}

static void
split_push(struct virtqueue *vq, const struct virtqueue_chain *chain,
    uint32_t len)
{
	struct split_used *used = vq->used;
	struct split_used_elem *elem;

	elem = &used->ring[vq->used_idx & (vq->config.size - 1)];
	atomic_store_explicit(&elem->id, htole32(chain->id),
	    memory_order_relaxed);
	atomic_store_explicit(&elem->len, htole32(len), memory_order_relaxed);
	vq->used_idx++;
}

/* virtio 1.2, 2.7.7.2: has the index moved past the event? */
static bool
split_passed(uint16_t event, uint16_t from, uint16_t to)
{
	return (uint16_t)(to - event - 1) < (uint16_t)(to - from);
}

/*
 * First show, then look whether a call is wanted: the driver first asks for
 * one, then looks again (virtio 1.2, 2.7.14).
 */
static bool
split_flush(struct virtqueue *vq)
{
	const struct split_avail *avail = vq->avail;
	uint16_t from = vq->used_shown;
	bool judged = vq->judged;

	if (vq->used_idx == from)
		return false;
	split_show(vq);
	vq->judged = true;
	atomic_thread_fence(memory_order_seq_cst);
	if (vq->config.notify_on_empty && vq->in_flight == 0 &&
	    !split_ready(vq))
		return true;
	if (!vq->config.event_idx)
		return (split_get(&avail->flags, memory_order_relaxed) &
		    AVAIL_NO_INTERRUPT) == 0;
	/* What was judged before the start is not known. */
	return !judged || split_passed(split_get(&avail->ring[vq->config.size],
	    memory_order_relaxed), from, vq->used_idx);
}

/*
 * With event indices the flag has to be 0 (virtio 1.2, 2.7.10.2), and kicks are
 * off by leaving the event behind.
 */
static void
split_kicks(struct virtqueue *vq, bool on)
{
	struct split_used *used = vq->used;
	_Atomic uint16_t *event = (void *)&used->ring[vq->config.size];

	if (!vq->config.event_idx)
		split_put(&used->flags, on ? 0 : USED_NO_NOTIFY,
		    memory_order_relaxed);
	else if (on)
		split_put(event, vq->avail_idx, memory_order_relaxed);
}

const struct virtqueue_ops virtqueue_split_ops = {
	.locate = split_locate,
	.start = split_start,
	.stop = split_stop,
	.ready = split_ready,
	.pop = split_pop,
	.push = split_push,
	.flush = split_flush,
	.kicks = split_kicks,
};
