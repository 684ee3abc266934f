/* SPDX-License-Identifier: ISC */
/*
 * Regions of guest memory and what is allocated in them. Test code.
 */
#include "guest_mem.h"

#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

#define PAGE	4096u

struct guest_block {
	struct guest_block	*next;
	uint64_t		at, end;	/* in the region */
};

void
guest_mem_init(struct guest_mem *m)
{
	m->count = m->next = 0;
	pthread_mutex_init(&m->lock, NULL);
}

struct guest_region *
guest_mem_add(struct guest_mem *m, uint64_t guest_addr, uint64_t size,
    uint64_t offset)
{
	struct guest_region *r = &m->region[m->count];
	void *map;

	if (m->count == GUEST_REGIONS)
		tap_bail("too many regions");
	r->fd = memfd_create("guest-memory", MFD_CLOEXEC);
	if (r->fd < 0 || ftruncate(r->fd, (off_t)(offset + size)) != 0)
		tap_bail("guest memory");
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
	    (off_t)offset);
	if (map == MAP_FAILED)
		tap_bail("guest memory");
	r->map = map;
	r->guest_addr = guest_addr;
	r->size = size;
	r->offset = offset;
	r->blocks = NULL;
	m->count++;
	return r;
}

static void
guest_region_free(struct guest_region *r)
{
	struct guest_block *next;

	for (struct guest_block *b = r->blocks; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	munmap(r->map, r->size);
	close(r->fd);
}

void
guest_mem_remove(struct guest_mem *m, size_t index)
{
	guest_region_free(&m->region[index]);
	m->count--;
	memmove(&m->region[index], &m->region[index + 1],
	    (m->count - index) * sizeof(m->region[0]));
}

/* A PC has its memory from 0, and what is above the hole for PCI from 4 GiB. */
#define ABOVE_HOLE	(UINT64_C(4) << 30)

void
guest_mem_layout(struct guest_mem *m, size_t count, uint64_t size, int odd)
{
	uint64_t addr;

	size = (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	for (size_t i = 0; i < count; i++) {
		if (odd) {
			/* Between two of them lies more than one's size. */
			addr = (count - i) * 2 * size + 0x7f0 * (i + 1);
			guest_mem_add(m, addr, size, (i % 3) * PAGE);
		} else {
			addr = i == 0 ? 0 : ABOVE_HOLE + (i - 1) * size;
			guest_mem_add(m, addr, size, 0);
		}
	}
}

void
guest_mem_free_all(struct guest_mem *m)
{
	for (size_t i = 0; i < m->count; i++)
		guest_region_free(&m->region[i]);
	m->count = 0;
	pthread_mutex_destroy(&m->lock);
}

/* First fit; the lists are short. */
static void *
guest_region_alloc(struct guest_region *r, uint64_t size, uint64_t align)
{
	struct guest_block **link = &r->blocks, *b;
	/* Address 0 is a good one, but no test should depend on it. */
	uint64_t at = r->guest_addr == 0 ? PAGE : 0;

	for (;; link = &(*link)->next) {
		/* The alignment is one of the guest's address. */
		at = ((r->guest_addr + at + align - 1) & ~(align - 1)) -
		    r->guest_addr;
		if (at > r->size || size > r->size - at)
			return NULL;
		if (*link == NULL || at + size <= (*link)->at)
			break;
		at = (*link)->end;
	}
	b = malloc(sizeof(*b));
	if (b == NULL)
		tap_bail("malloc");
	*b = (struct guest_block){ .next = *link, .at = at,
	    .end = at + size };
	*link = b;
	return r->map + at;
}

void *
guest_alloc_in(struct guest_mem *m, size_t region, size_t size, size_t align)
{
	void *p;

	pthread_mutex_lock(&m->lock);
	p = guest_region_alloc(&m->region[region], size > 0 ? size : 1,
	    align > 0 ? align : 1);
	pthread_mutex_unlock(&m->lock);
	return p;
}

void *
guest_alloc(struct guest_mem *m, size_t size, size_t align)
{
	size_t first, i;
	void *p = NULL;

	pthread_mutex_lock(&m->lock);
	first = m->next++;
	pthread_mutex_unlock(&m->lock);
	for (i = 0; i < m->count && p == NULL; i++)
		p = guest_alloc_in(m, (first + i) % m->count, size, align);
	if (p == NULL)
		tap_bail("no room for %zu bytes in the guest's memory", size);
	return p;
}

static struct guest_region *
guest_region_of(const struct guest_mem *m, const void *p, size_t len)
{
	const uint8_t *byte = p;

	for (size_t i = 0; i < m->count; i++) {
		const struct guest_region *r = &m->region[i];

		if (byte >= r->map && byte < r->map + r->size &&
		    len <= r->size - (size_t)(byte - r->map))
			return (struct guest_region *)(uintptr_t)r;
	}
	return NULL;
}

void
guest_free(struct guest_mem *m, void *p)
{
	struct guest_region *r = guest_region_of(m, p, 0);
	struct guest_block *b;
	uint64_t at;

	if (p == NULL)
		return;
	if (r == NULL)
		tap_bail("this is not the guest's memory");
	at = (uint64_t)((uint8_t *)p - r->map);
	pthread_mutex_lock(&m->lock);
	for (struct guest_block **l = &r->blocks; *l != NULL;
	    l = &(*l)->next) {
		if ((*l)->at != at)
			continue;
		b = *l;
		*l = b->next;
		free(b);
		break;
	}
	pthread_mutex_unlock(&m->lock);
}

int
guest_contains(const struct guest_mem *m, const void *p, size_t len)
{
	return guest_region_of(m, p, len) != NULL;
}

uint64_t
guest_addr(const struct guest_mem *m, const void *p)
{
	const struct guest_region *r = guest_region_of(m, p, 0);

	if (r == NULL)
		tap_bail("this is not the guest's memory");
	return r->guest_addr + (uint64_t)((const uint8_t *)p - r->map);
}

void *
guest_pointer(const struct guest_mem *m, uint64_t addr, size_t len)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct guest_region *r = &m->region[i];

		if (addr >= r->guest_addr &&
		    addr - r->guest_addr < r->size &&
		    len <= r->size - (addr - r->guest_addr))
			return r->map + (addr - r->guest_addr);
	}
	return NULL;
}
