/*
 * SPDX-License-Identifier: ISC
 *
 * One virtqueue, split or packed (virtio 1.2, 2.7 and 2.8): takes descriptor
 * chains that the driver made available, and gives them back used.  Everything
 * in the rings is hostile and may change at any moment: it is copied once, then
 * checked, then used.  Knows no threads and no descriptors.
 */
#ifndef WORKER_VIRTQUEUE_H
#define WORKER_VIRTQUEUE_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log.h"
#include "worker/guest_memory.h"
#include "worker/reason.h"

struct virtqueue_ops;

#define VIRTQUEUE_SIZE_MAX	32768	/* virtio 1.2, 2.7 */

/*
 * Elements of a chain at most, each direction's together: what preadv2(2) takes
 * (IOV_MAX) and room for headers.  A longer chain is a bad one.
 */
#define VIRTQUEUE_IOV_MAX	1088

struct virtqueue_config {
	uint32_t	index;		/* for the log alone */
	bool		packed;		/* VIRTIO_F_RING_PACKED */
	bool		event_idx;	/* VIRTIO_F_EVENT_IDX */
	bool		indirect;	/* VIRTIO_F_INDIRECT_DESC */
	bool		notify_on_empty; /* VIRTIO_F_NOTIFY_ON_EMPTY: split */
	uint32_t	size;		/* split: a power of two */
	/* Addresses of the front-end's own; packed: ring, driver, device. */
	uint64_t	desc_addr;
	uint64_t	avail_addr;
	uint64_t	used_addr;
	/*
	 * Where to go on, as SET_VRING_BASE has it.  Split: the next avail
	 * index.  Packed: bits 0-14 avail index, 15 avail wrap counter, 16-30
	 * used index, 31 used wrap counter.
	 */
	uint32_t	base;
};

/* One chain, owned by who popped it until it is pushed. */
struct virtqueue_chain {
	uint16_t	 id;		/* head, or packed: buffer id */
	uint16_t	 ndesc;		/* packed: descriptors in the ring */
	uint16_t	 nout;		/* elements that the device reads */
	uint16_t	 nin;		/* elements that the device writes */
	size_t		 out_len;	/* bytes of each */
	size_t		 in_len;
	struct iovec	*iov;		/* first the nout, then the nin */
	bool		 is_stray;	/* bad: a buffer is in no region */
	uint64_t	 stray;		/* its address, of the guest's */
};

/* Zero before the first start.  One thread's at a time. */
struct virtqueue {
	struct virtqueue_config	 config;
	bool			 started;
	bool			 broken;	/* until it is started */
	/* The rest is the implementation's. */
	bool			 judged;	/* flushed since the start */
	const struct virtqueue_ops
				*ops;
	/* The rings; packed: ring, driver and device area. */
	void			*desc;
	void			*avail;
	void			*used;
	uint32_t		 in_flight;
	uint16_t		 avail_idx;	/* to be popped next */
	uint16_t		 used_idx;	/* to be pushed next */
	/* Split: */
	uint16_t		 avail_seen;	/* the driver's index */
	uint16_t		 used_shown;	/* ours, as it knows it */
	/* Packed: */
	bool			 avail_wrap;
	bool			 used_wrap;
	uint32_t		 desc_in_flight;
	uint32_t		 desc_pushed;	/* since the last flush */
	struct log_limit	 log_limit;
	struct reason		 why;	/* it cannot be started */
};

/*
 * Starts with the rings where `config` says, which it finds in `map`; may be
 * called again, with the same or another map, after virtqueue_stop().  The map
 * must live until then or until virtqueue_move().  Kicks are on then, but none
 * may come for what is available already.  Returns 0; -EINVAL for a size, base,
 * address or alignment (virtio 1.2, 2.7 and 2.8) that cannot be; -EBUSY if a
 * chain popped before is not pushed yet.  `vq->why` is the reason then.
 */
int	virtqueue_start(struct virtqueue *vq,
	    const struct virtqueue_config *config,
	    const struct guest_memory *map);

/*
 * Shows the driver all that was pushed, and returns what SET_VRING_BASE is to
 * get for the next start; the same again if it is not started.  Chains that are
 * still in flight must be pushed all the same, but the driver will not see
 * them.
 */
uint32_t
	virtqueue_stop(struct virtqueue *vq);

/*
 * Goes on with another map; does nothing if it is not started.  Returns 0, or
 * -EFAULT if the rings are not in it: the queue is broken then.
 */
int	virtqueue_move(struct virtqueue *vq, const struct guest_memory *map);

/*
 * Returns whether a chain is available.  Cheap: no more than one load.  A queue
 * that is broken or not started has none, needs no call and gets no kicks.
 */
bool	virtqueue_ready(const struct virtqueue *vq);

/*
 * Takes the next chain, with `iov` (room for VIRTQUEUE_IOV_MAX) as its memory.
 * Returns 1; 0 if there is none; -EBADMSG for a bad chain, which is pushed with
 * length 0 already, and is to be flushed as others; -EIO if the ring itself is
 * broken (one line is logged): it stays so until it is started again.
 */
int	virtqueue_pop(struct virtqueue *vq, const struct guest_memory *map,
	    struct iovec *iov, struct virtqueue_chain *chain);

/*
 * Gives a chain back, of which the device has written `len` bytes.  To be seen
 * by the driver after virtqueue_flush() at the latest.
 */
void	virtqueue_push(struct virtqueue *vq,
	    const struct virtqueue_chain *chain, uint32_t len);

/*
 * Shows the driver all that was pushed.  Returns whether it wants to be called:
 * the caller writes to the call eventfd then.
 */
bool	virtqueue_flush(struct virtqueue *vq);

/* How many chains are popped and not pushed yet. */
uint32_t
	virtqueue_in_flight(const struct virtqueue *vq);

/*
 * Asks the driver not to kick (while polling), and to kick again (before
 * sleeping).  virtqueue_kicks_on() returns false if a chain has become
 * available meanwhile, for which no kick may come.
 */
void	virtqueue_kicks_off(struct virtqueue *vq);
bool	virtqueue_kicks_on(struct virtqueue *vq);

#endif /* WORKER_VIRTQUEUE_H */
