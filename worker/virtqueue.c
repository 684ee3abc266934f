/*
 * SPDX-License-Identifier: ISC
 *
 * Virtqueues: what does not depend on the format.  Parses hostile input from
 * the guest.  Runs sandboxed.
 */
#include "config.h"

#include "worker/virtqueue.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "common/log.h"
#include "worker/virtqueue_ring.h"

#define INDIRECT_MAX	32768	/* descriptors in a table */

/* A guest can break its queues and start them again as often as it likes. */
#define LOG_BURST	8
#define LOG_INTERVAL_MS	10000

/* The commonest mistake of all: so it says what to do. */
static void
area_is_nowhere(struct virtqueue *vq, const struct guest_memory *map,
    const struct ring_area *area)
{
	if (guest_memory_count(map) == 0)
		reason_give(&vq->why, 0, "ring %" PRIu32 " is out of reach, "
		    "for no memory region was told: " GUEST_MEMORY_ADVICE,
		    vq->config.index);
	else
		reason_give(&vq->why, 0, "ring %" PRIu32 " is out of reach, "
		    "for its %s (%" PRIu64 " bytes at %#" PRIx64 ") is not in "
		    "one of the memory regions, of which there %s %zu: "
		    GUEST_MEMORY_ADVICE, vq->config.index, area->name,
		    area->len, area->addr, guest_memory_count(map) == 1 ?
		    "is" : "are", guest_memory_count(map));
}

void *
virtqueue_locate(struct virtqueue *vq, const struct guest_memory *map,
    const struct ring_area *area)
{
	void *at = guest_memory_user_at(map, area->addr, area->len);

	if (at == NULL) {
		area_is_nowhere(vq, map, area);
	} else if ((uintptr_t)at % area->align != 0) {
		reason_give(&vq->why, 0, "ring %" PRIu32 "'s %s at %#" PRIx64
		    " is not aligned to %" PRIu64 " bytes", vq->config.index,
		    area->name, area->addr, area->align);
		at = NULL;
	}
	return at;
}

int
virtqueue_break(struct virtqueue *vq, const char *why)
{
	vq->broken = true;
	log_limited(&vq->log_limit, LOG_LEVEL_WARN,
	    "queue %u stops until it is reset: %s", vq->config.index, why);
	return -EIO;
}

static void
chain_is_stray(struct virtqueue_chain *chain, const struct ring_desc *desc)
{
	chain->is_stray = true;
	chain->stray = desc->addr;
}

const uint8_t *
virtqueue_table(const struct virtqueue *vq, const struct guest_memory *map,
    const struct ring_desc *desc, struct virtqueue_chain *chain,
    uint32_t *count_out)
{
	uint32_t count = desc->len / RING_DESC_SIZE;
	const uint8_t *table;

	if (!vq->config.indirect || count == 0 || count > INDIRECT_MAX ||
	    desc->len % RING_DESC_SIZE != 0)
		return NULL;
	*count_out = count;
	table = guest_memory_at(map, desc->addr, desc->len);
	if (table == NULL)
		chain_is_stray(chain, desc);
	return table;
}

/*
 * Nothing says that a buffer may not be empty, but no driver offers such, and
 * so a chain of a bounded number of elements is one of as many descriptors.
 * Bytes are limited as in virtio 1.2, 2.7.5.2, and a length that is returned
 * has to fit into 32 bits.
 */
int
virtqueue_add(struct virtqueue_chain *chain, const struct guest_memory *map,
    const struct ring_desc *desc)
{
	size_t have = (size_t)chain->nout + chain->nin;
	bool write = (desc->flags & RING_DESC_WRITE) != 0;
	int n;

	if (desc->len == 0 || (!write && chain->nin > 0) ||
	    desc->len > UINT32_MAX - chain->out_len - chain->in_len)
		return -EBADMSG;
	n = guest_memory_iov(map, desc->addr, desc->len, chain->iov + have,
	    VIRTQUEUE_IOV_MAX - have);
	if (n < 0) {
		if (n == -EFAULT)
			chain_is_stray(chain, desc);
		return -EBADMSG;
	}
	if (write) {
		chain->nin = (uint16_t)(chain->nin + n);
		chain->in_len += desc->len;
	} else {
		chain->nout = (uint16_t)(chain->nout + n);
		chain->out_len += desc->len;
	}
	return 0;
}

int
virtqueue_start(struct virtqueue *vq, const struct virtqueue_config *config,
    const struct guest_memory *map)
{
	if (vq->in_flight > 0)
		return reason_give(&vq->why, -EBUSY, "requests of ring %"
		    PRIu32 " are in progress", vq->config.index);
	*vq = (struct virtqueue){ .config = *config,
	    .log_limit = vq->log_limit };
	vq->log_limit.burst = LOG_BURST;
	vq->log_limit.interval_ms = LOG_INTERVAL_MS;
	vq->ops = config->packed ? &virtqueue_packed_ops :
	    &virtqueue_split_ops;
	if (config->size == 0 || config->size > VIRTQUEUE_SIZE_MAX)
		return reason_give(&vq->why, -EINVAL, "ring %" PRIu32
		    "'s size is %" PRIu32 ", not 1 to %d", config->index,
		    config->size, VIRTQUEUE_SIZE_MAX);
	if (vq->ops->locate(vq, map) != 0 || vq->ops->start(vq) != 0)
		return -EINVAL;
	vq->started = true;
	virtqueue_kicks_on(vq);
	return 0;
}

uint32_t
virtqueue_stop(struct virtqueue *vq)
{
	if (vq->started)
		vq->config.base = vq->ops->stop(vq);
	vq->started = false;
	return vq->config.base;
}

int
virtqueue_move(struct virtqueue *vq, const struct guest_memory *map)
{
	if (!vq->started || vq->broken)
		return 0;
	if (vq->ops->locate(vq, map) == 0)
		return 0;
	virtqueue_break(vq, "its memory is gone");
	return -EFAULT;
}

static bool
virtqueue_works(const struct virtqueue *vq)
{
	return vq->started && !vq->broken;
}

bool
virtqueue_ready(const struct virtqueue *vq)
{
	return virtqueue_works(vq) && vq->ops->ready(vq);
}

int
virtqueue_pop(struct virtqueue *vq, const struct guest_memory *map,
    struct iovec *iov, struct virtqueue_chain *chain)
{
	int result;

	if (!virtqueue_works(vq))
		return vq->broken ? -EIO : 0;
	*chain = (struct virtqueue_chain){ .iov = iov };
	result = vq->ops->pop(vq, map, chain);
	if (result == -EBADMSG)
		virtqueue_push(vq, chain, 0);
	return result;
}

void
virtqueue_push(struct virtqueue *vq, const struct virtqueue_chain *chain,
    uint32_t len)
{
	assert(vq->in_flight > 0);
	vq->in_flight--;
	if (virtqueue_works(vq))
		vq->ops->push(vq, chain, len);
}

bool
virtqueue_flush(struct virtqueue *vq)
{
	return virtqueue_works(vq) && vq->ops->flush(vq);
}

uint32_t
virtqueue_in_flight(const struct virtqueue *vq)
{
	return vq->in_flight;
}

void
virtqueue_kicks_off(struct virtqueue *vq)
{
	if (virtqueue_works(vq))
		vq->ops->kicks(vq, false);
}

/*
 * First ask, then look again: the driver first makes available, then looks
 * whether a kick is wanted (virtio 1.2, 2.7.13.4.1 and 2.8.21.3.1).  So one of
 * the two sees the other.
 */
bool
virtqueue_kicks_on(struct virtqueue *vq)
{
	if (!virtqueue_works(vq))
		return true;
	vq->ops->kicks(vq, true);
	atomic_thread_fence(memory_order_seq_cst);
	return !vq->ops->ready(vq);
}
