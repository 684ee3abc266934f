/*
 * SPDX-License-Identifier: ISC
 *
 * What the two formats of virtqueues share: for virtqueue.c, virtqueue_split.c
 * and virtqueue_packed.c alone.
 */
#ifndef WORKER_VIRTQUEUE_RING_H
#define WORKER_VIRTQUEUE_RING_H

#include <endian.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "worker/virtqueue.h"

#define RING_DESC_SIZE	16	/* bytes, in both formats and in tables */
#define RING_DESC_ALIGN	16

/* Flags of a descriptor (virtio 1.2, 2.7.5, 2.8.3, 2.8.6, 2.8.7). */
#define RING_DESC_NEXT		0x0001
#define RING_DESC_WRITE		0x0002
#define RING_DESC_INDIRECT	0x0004

/* What we work with: a copy that nobody can change. */
struct ring_desc {
	uint64_t	addr;
	uint32_t	len;
	uint16_t	flags;
	uint16_t	link;	/* split: the next one's index; packed: id */
};

/* One of the areas of a queue (virtio 1.2, 2.6). */
struct ring_area {
	const char	*name;
	uint64_t	 addr;		/* the front-end's */
	uint64_t	 len;
	uint64_t	 align;
};

/* One format.  All but locate() are called of a started, sane queue only. */
struct virtqueue_ops {
	/*
	 * Stores where the rings are in `map`.  Returns 0 or -EFAULT, with the
	 * reason in vq->why, as start() does.
	 */
	int		(*locate)(struct virtqueue *vq,
			    const struct guest_memory *map);
	/* After locate(): takes over config.base.  Returns 0 or -EINVAL. */
	int		(*start)(struct virtqueue *vq);
	/* Returns the base; also of a broken queue. */
	uint32_t	(*stop)(struct virtqueue *vq);
	bool		(*ready)(const struct virtqueue *vq);
	/* As virtqueue_pop(), but leaves it to that to return a bad chain. */
	int		(*pop)(struct virtqueue *vq,
			    const struct guest_memory *map,
			    struct virtqueue_chain *chain);
	void		(*push)(struct virtqueue *vq,
			    const struct virtqueue_chain *chain, uint32_t len);
	bool		(*flush)(struct virtqueue *vq);
	void		(*kicks)(struct virtqueue *vq, bool on);
};

extern const struct virtqueue_ops virtqueue_split_ops;
extern const struct virtqueue_ops virtqueue_packed_ops;

/*
 * Copies the words of a descriptor, which need not be aligned in a table.  What
 * passes through the barrier is in registers: the compiler cannot read it again
 * from memory that has changed meanwhile.
 */
static inline void
ring_copy(const void *desc, uint64_t words[2])
{
	uint64_t low, high;

	memcpy(&low, desc, sizeof(low));
	memcpy(&high, (const uint8_t *)desc + sizeof(low), sizeof(high));
	__asm__ volatile("" : "+r"(low), "+r"(high));
	words[0] = le64toh(low);
	words[1] = le64toh(high);
}

/*
 * Returns where the area is, or NULL with the reason in vq->why if it is not in
 * one region, or not aligned here, where it is what counts.
 */
void	*virtqueue_locate(struct virtqueue *vq, const struct guest_memory *map,
	    const struct ring_area *area);

/* The queue is broken from now on, which is logged.  Returns -EIO. */
int	virtqueue_break(struct virtqueue *vq, const char *why);

/*
 * Returns the table that an indirect descriptor refers to and stores how many
 * descriptors it has; or NULL: not negotiated, not of a possible size, or not
 * in one region, and then the chain is stray.
 */
const uint8_t
	*virtqueue_table(const struct virtqueue *vq,
	    const struct guest_memory *map, const struct ring_desc *desc,
	    struct virtqueue_chain *chain, uint32_t *count_out);

/*
 * Adds the buffer of a descriptor to the chain.  Returns 0, or -EBADMSG if it
 * is empty, not in the map, in the wrong order or too much.
 */
int	virtqueue_add(struct virtqueue_chain *chain,
	    const struct guest_memory *map, const struct ring_desc *desc);

#endif /* WORKER_VIRTQUEUE_RING_H */
