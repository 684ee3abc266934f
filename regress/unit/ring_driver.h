/*
 * SPDX-License-Identifier: ISC
 *
 * For the tests of worker/virtqueue.c: a guest's memory of three regions, and
 * the driver's half of a virtqueue in it, split or packed.  The driver has its
 * own mapping, and what both halves read and write is atomic, so that they can
 * be two threads.
 */
#ifndef REGRESS_UNIT_RING_DRIVER_H
#define REGRESS_UNIT_RING_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/guest_memory.h"
#include "worker/virtqueue.h"

/* The first region has the rings, tables and data; HIGH is its neighbour. */
#define DRIVER_LOW		UINT64_C(0x40000000)
#define DRIVER_LOW_SIZE		UINT64_C(0x200000)
#define DRIVER_HIGH		(DRIVER_LOW + DRIVER_LOW_SIZE)
#define DRIVER_HIGH_SIZE	UINT64_C(0x10000)
#define DRIVER_FAR		UINT64_C(0xfffffffffff00000)
#define DRIVER_FAR_SIZE		UINT64_C(0x1000)
#define DRIVER_USER		UINT64_C(0x7f0000000000)	/* of LOW */

/* Offsets in LOW. */
#define DRIVER_DESC		0x0U
#define DRIVER_AVAIL		0x80000U
#define DRIVER_USED		0xa0000U
#define DRIVER_TABLES		0x100000U
#define DRIVER_DATA		0x180000U

#define DRIVER_NEXT		0x0001
#define DRIVER_WRITE		0x0002
#define DRIVER_INDIRECT		0x0004

struct driver_desc {
	uint64_t	addr;
	uint32_t	len;
	uint16_t	flags;
	uint16_t	link;	/* split: next; packed: buffer id */
};

struct ring_driver {
	struct guest_memory	*map;		/* the device's */
	struct virtqueue_config	 config;	/* to start with */
	int			 fds[3];
	uint8_t			*low;
	bool			 shares;
	uint16_t		 avail_idx;
	uint16_t		 used_idx;
	bool			 avail_wrap;
	bool			 used_wrap;
	uint32_t		 free;		/* descriptors */
	uint32_t		 unkicked;	/* available since a look */
	uint16_t		 free_head;
	uint16_t		 next[VIRTQUEUE_SIZE_MAX];	/* free ones */
	uint16_t		 count[VIRTQUEUE_SIZE_MAX];	/* by id */
};

/*
 * Makes the memory and an empty ring for what `config` has beside addresses and
 * base.  Returns 0 or -errno.
 */
int	driver_open(struct ring_driver *d,
	    const struct virtqueue_config *config);
void	driver_close(struct ring_driver *d);

/*
 * Uses the device's mapping from now on: a sanitizer does not see that two
 * addresses are the same memory.
 */
void	driver_share(struct ring_driver *d);

/* Maps the same memory once more, for virtqueue_move().  NULL if it cannot. */
struct guest_memory
	*driver_map(const struct ring_driver *d);

/* An empty ring again, as after a reset, from index `start` on (split). */
void	driver_reset(struct ring_driver *d, uint16_t start);

/* What SET_VRING_BASE has to be if nothing is in flight. */
uint32_t
	driver_base(const struct ring_driver *d);

/*
 * Makes a chain available: address, length and WRITE are taken of each of
 * `bufs`.  Goes into a table if `indirect`.  Returns its id, or -1 if the ring
 * is full.
 */
int	driver_add(struct ring_driver *d, const struct driver_desc *bufs,
	    uint32_t n, bool indirect);

/* Takes one that is used.  Returns whether there is one. */
bool	driver_get(struct ring_driver *d, uint16_t *id, uint32_t *len);
bool	driver_has_used(const struct ring_driver *d);

/* Does the device want a kick for what was added since the last look? */
bool	driver_kicks(struct ring_driver *d);

/*
 * Asks for a call at the next one used, or after `skip` more; or for none.
 * After the first, the driver must look again.
 */
void	driver_calls_on(struct ring_driver *d, uint16_t skip);
void	driver_calls_off(struct ring_driver *d);

/*
 * Raw: a descriptor of the ring (packed: AVAIL and USED are added to its flags,
 * so that it is available) or of a table at an offset in LOW.
 */
void	driver_put(struct ring_driver *d, uint16_t i,
	    const struct driver_desc *desc);
void	driver_put_table(struct ring_driver *d, uint32_t offset, uint32_t i,
	    const struct driver_desc *desc);
/* Split: an entry of the ring; packed: the `n` that were put are counted. */
void	driver_offer(struct ring_driver *d, uint16_t head, uint16_t n);

/* The 16 bits at an offset in LOW. */
uint16_t
	driver_get16(const struct ring_driver *d, uint32_t offset);
void	driver_put16(struct ring_driver *d, uint32_t offset, uint16_t value);

#endif /* REGRESS_UNIT_RING_DRIVER_H */
