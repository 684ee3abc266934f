/* SPDX-License-Identifier: ISC */
/*
 * The driver's side of a virtqueue, split or packed: what the guest's kernel
 * does. A ring belongs to one thread at a time; several rings may be used by
 * several threads at once. Nothing is allocated after a ring is warm. Tests
 * that break a ring write into it themselves, through the raw part below.
 * Test code.
 */
#ifndef REGRESS_VHOST_RING_H
#define REGRESS_VHOST_RING_H

#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

#include "guest_mem.h"
#include "vhost_proto.h"

#define VHOST_RING_MAX	32768

/* How vhost_ring_get_wait() waits. */
enum vhost_wait {
	VHOST_WAIT_SLEEP,	/* on the call eventfd */
	VHOST_WAIT_SPIN,	/* busy, interrupts suppressed */
	VHOST_WAIT_YIELD	/* the same, with sched_yield(2) in between */
};

/* What is private to the driver for each buffer it has given away. */
struct vhost_buffer {
	void		*token;
	void		*table;		/* indirect table, kept for reuse */
	uint16_t	table_size;	/* entries */
	uint16_t	count;		/* descriptors taken from the ring */
	uint16_t	next;		/* free list */
	uint8_t		busy;
};

struct vhost_ring {
	struct guest_mem	*mem;
	unsigned int		index;		/* 0: high priority */
	uint16_t		size;
	int			packed, event_idx, indirect;
	enum vhost_wait		wait;
	int			kick_fd, call_fd, err_fd;	/* owned */

	/* In guest memory; which ones depends on the format. */
	union {
		void			*base;
		struct split_desc	*split;
		struct packed_desc	*packed;
	} desc;
	union {
		struct split_avail	*split;
		struct packed_event	*packed;	/* written by us */
	} avail;
	union {
		struct split_used	*split;
		struct packed_event	*packed;	/* written by device */
	} used;

	/* Private. */
	struct vhost_buffer	*buffer;	/* by head or buffer id */
	uint16_t		free_head;
	uint16_t		free_count;	/* descriptors */
	uint16_t		avail_idx;	/* next to fill */
	uint16_t		used_idx;	/* next to look at */
	uint8_t			avail_wrap, used_wrap;
	uint8_t			interrupts;	/* wanted now */
	uint16_t		unkicked;	/* descriptors since kick */
	/* For the bench and the tests. */
	uint64_t		adds, kicks, kicks_saved, calls;
};

struct vhost_ring_options {
	unsigned int	index;
	uint16_t	size;
	int		packed, event_idx, indirect;
	enum vhost_wait	wait;
};

/* Allocates and makes it empty. Ends the test on failure. */
void	vhost_ring_init(struct vhost_ring *r, struct guest_mem *mem,
	    const struct vhost_ring_options *o);
void	vhost_ring_free(struct vhost_ring *r);
/*
 * Makes it as new: indices 0, all descriptors free. What was in flight is
 * forgotten. Only while the device has it stopped.
 */
void	vhost_ring_reset(struct vhost_ring *r);
/* The value for SET_VRING_BASE that fits the driver's state now, when
 * everything is used. (After reset: 0, or both wrap counters.) */
uint32_t vhost_ring_base(const struct vhost_ring *r);

/*
 * Offers a chain: first the device-readable segments, then the device-writable
 * ones, in guest memory. With indirect descriptors negotiated, a chain of more
 * than one segment goes into a table. token comes back from get; it may be
 * NULL. 0; -ENOSPC when too few descriptors are free; -E2BIG when the chain
 * can never fit. The device sees it at once but may sleep until the kick.
 */
int	vhost_ring_add(struct vhost_ring *r, const struct iovec *out,
	    size_t out_count, const struct iovec *in, size_t in_count,
	    void *token);
/* Kicks if the device wants to know of what was added. 1 if it was kicked. */
int	vhost_ring_kick(struct vhost_ring *r);
/* Kicks in any case. */
void	vhost_ring_kick_always(struct vhost_ring *r);

/*
 * One used buffer: 1 with its token and used length (token, len may be
 * NULL), 0 when there is none, -EPROTO when the device has returned something
 * that it does not have.
 */
int	vhost_ring_get(struct vhost_ring *r, void **token, uint32_t *len);
/* The same after waiting as r->wait says; -ETIMEDOUT. timeout_ms -1: ever. */
int	vhost_ring_get_wait(struct vhost_ring *r, void **token,
	    uint32_t *len, int timeout_ms);
/* Is there one to get? */
int	vhost_ring_has_used(const struct vhost_ring *r);
/*
 * For a caller with its own poll(2) on call_fd: asks for an interrupt at the
 * next used buffer; 1 when there already is one, then don't sleep. clear
 * empties call_fd and suppresses interrupts again.
 */
int	vhost_ring_enable_interrupt(struct vhost_ring *r);
void	vhost_ring_clear_interrupt(struct vhost_ring *r);

/* Raw access, for tests that break things. Nothing is checked, and the
 * private state stays what it was: reset (both sides) afterwards. */

struct raw_desc {
	uint64_t	addr;
	uint32_t	len;
	uint16_t	flags;		/* packed: AVAIL and USED bits added
					 * by vhost_raw_publish() */
	uint16_t	next;		/* packed: the buffer id */
};
/* Writes a descriptor of the ring itself, or of an indirect table. In a
 * packed ring it is not yet available. */
void	vhost_raw_desc(struct vhost_ring *r, uint16_t index,
	    const struct raw_desc *d);
void	vhost_raw_table(struct vhost_ring *r, void *table, uint16_t index,
	    const struct raw_desc *d);
/*
 * Makes available what was written from a head on: split: enters head in the
 * avail ring; packed: count descriptors from index head, which must be the
 * next one the device looks at for it to see them. Moves the private index
 * on, so that more may follow and get works for split rings' lengths.
 */
void	vhost_raw_publish(struct vhost_ring *r, uint16_t head,
	    uint16_t count);
/* Split: an avail entry, and the avail index as such. */
void	vhost_raw_avail_entry(struct vhost_ring *r, uint16_t slot,
	    uint16_t head);
void	vhost_raw_avail_idx(struct vhost_ring *r, uint16_t idx);
uint16_t vhost_raw_avail_idx_now(const struct vhost_ring *r);
/* The next entry of the used ring, whatever its id: 1 and both, or 0. */
int	vhost_raw_used(struct vhost_ring *r, uint32_t *id, uint32_t *len);
/* Waits for one, busy but politely. 1, or 0 when none came. */
int	vhost_raw_used_wait(struct vhost_ring *r, uint32_t *id,
	    uint32_t *len, int timeout_ms);

#endif
