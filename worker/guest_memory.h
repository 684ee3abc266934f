/*
 * SPDX-License-Identifier: ISC
 *
 * The guest's memory as the front-end shared it, and the only place where an
 * address of the guest's becomes one of the worker's.
 *
 * A map is immutable and counted: a change makes a new map, and requests in
 * progress keep the old one, with its regions mapped, until they are over.
 */
#ifndef WORKER_GUEST_MEMORY_H
#define WORKER_GUEST_MEMORY_H

#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

#include "worker/reason.h"

#define GUEST_MEMORY_REGIONS_MAX	509	/* what QEMU uses at most */

/* vhost-user.rst, "A region is represented by". */
struct guest_memory_region {
	uint64_t	guest_addr;	/* physical, of the guest's */
	uint64_t	size;		/* bytes */
	uint64_t	user_addr;	/* of the front-end's own */
	uint64_t	mmap_offset;	/* in the descriptor's file */
};

/*
 * What to do if something is in no region: the memory of a machine is its
 * monitor's alone unless it is told otherwise.
 */
#define GUEST_MEMORY_ADVICE						\
	"all of the guest's memory has to be shared (QEMU: "		\
	"-object memory-backend-memfd,id=mem,size=SIZE,share=on "	\
	"-numa node,memdev=mem; libvirt: <access mode='shared'/> in "	\
	"<memoryBacking>; others: shared=on)"

struct guest_memory;

/* Returns a map without regions and with one reference, or NULL. */
struct guest_memory
	*guest_memory_new(void);

/*
 * One reference more; one less, the last of which unmaps and frees (nothing, if
 * `map` is NULL).  From any thread.
 */
struct guest_memory
	*guest_memory_hold(struct guest_memory *map);
void	guest_memory_release(struct guest_memory *map);

/*
 * Stores a map with one reference that has the regions of `map` and `region`.
 * Takes `fd`, also when it fails.  Returns 0 or -errno, with the reason in
 * `why`: -EINVAL if the region is empty, wraps around, overlaps another at the
 * guest's addresses or reaches beyond the end of its file; -ENOSPC if there are
 * too many; what fstat(2) and mmap(2) fail with.
 */
int	guest_memory_add(const struct guest_memory *map,
	    const struct guest_memory_region *region, int fd,
	    struct guest_memory **out, struct reason *why);

/*
 * The same without the region that has these two addresses and this size.
 * Returns 0, -ENOENT or -ENOMEM, with the reason in `why`.
 */
int	guest_memory_remove(const struct guest_memory *map,
	    const struct guest_memory_region *region,
	    struct guest_memory **out, struct reason *why);

size_t	guest_memory_count(const struct guest_memory *map);

/*
 * Translates `len` (more than 0) bytes at guest address `addr` into at most
 * `max` elements of `iov`: more than one where regions that are neighbours in
 * the guest are none here.  Returns how many, or -EFAULT if a byte of it is not
 * in the map or the addresses wrap, or -E2BIG if `max` is too little.  Never
 * touches the memory.  `iov` may be written to also when it fails.
 */
int	guest_memory_iov(const struct guest_memory *map, uint64_t addr,
	    uint64_t len, struct iovec *iov, size_t max);

/*
 * Returns where `len` bytes at guest address `addr` are, if they are in one
 * region, or NULL.
 */
void	*guest_memory_at(const struct guest_memory *map, uint64_t addr,
	    uint64_t len);

/* The same for an address of the front-end's own (SET_VRING_ADDR). */
void	*guest_memory_user_at(const struct guest_memory *map, uint64_t addr,
	    uint64_t len);

#endif /* WORKER_GUEST_MEMORY_H */
