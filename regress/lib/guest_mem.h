/* SPDX-License-Identifier: ISC */
/*
 * The memory of a guest that is not there: regions of memfds that the server
 * under test maps too, and a small allocator in them. Nothing that the
 * allocator relies on lies in the shared memory. Test code; all functions but
 * init, layout, add, remove and free_all may be called by several threads.
 */
#ifndef REGRESS_GUEST_MEM_H
#define REGRESS_GUEST_MEM_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_REGIONS	512

struct guest_region {
	uint64_t	guest_addr;	/* where the guest sees it */
	uint64_t	size;
	uint64_t	offset;		/* in the file */
	int		fd;		/* owned */
	uint8_t		*map;		/* where this process sees it */
	struct guest_block *blocks;	/* sorted, the allocated ones */
};

struct guest_mem {
	struct guest_region	region[GUEST_REGIONS];
	size_t			count;
	size_t			next;	/* region of the next allocation */
	pthread_mutex_t		lock;
};

void	guest_mem_init(struct guest_mem *m);
/*
 * Makes a region of zeroes. offset: where it begins in its file, a multiple
 * of the page size. The guest address may be anything. Ends the test when
 * there is no memory; returns the region.
 */
struct guest_region *guest_mem_add(struct guest_mem *m, uint64_t guest_addr,
	    uint64_t size, uint64_t offset);
/* Unmaps it; the regions after it move down. Nothing may be allocated in it. */
void	guest_mem_remove(struct guest_mem *m, size_t index);
/*
 * count regions of size bytes each. Plain: one after the other from address
 * 0, and from 4 GiB for those after the first, as in a PC. Odd: descending
 * addresses with gaps, not multiples of a page, with offsets in their files.
 */
void	guest_mem_layout(struct guest_mem *m, size_t count, uint64_t size,
	    int odd);
void	guest_mem_free_all(struct guest_mem *m);

/*
 * Memory from the regions in turn, so that with several regions a request's
 * parts lie in several of them. align: a power of two, of the guest address
 * and of the pointer as far as the region allows. Never fails (the test ends
 * instead). The content is what was there before.
 */
void	*guest_alloc(struct guest_mem *m, size_t size, size_t align);
/* The same in one region, or NULL. */
void	*guest_alloc_in(struct guest_mem *m, size_t region, size_t size,
	    size_t align);
void	guest_free(struct guest_mem *m, void *p);

/* Does all of it lie in one region? */
int	guest_contains(const struct guest_mem *m, const void *p, size_t len);
/* The guest address of a pointer into a region; ends the test otherwise. */
uint64_t guest_addr(const struct guest_mem *m, const void *p);
/* The pointer for a guest address, NULL when no region has all of it. */
void	*guest_pointer(const struct guest_mem *m, uint64_t addr, size_t len);

#endif
