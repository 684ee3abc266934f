/*
 * SPDX-License-Identifier: ISC
 *
 * Maps of the guest's memory.  Parses hostile input: the guest's addresses, and
 * the front-end's regions and descriptors.  Runs sandboxed.
 */
#include "config.h"

#include "worker/guest_memory.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What mmap(2) gave for one region: of all the maps that have it. */
struct mapping {
	atomic_uint	 refs;
	void		*base;
	size_t		 len;
};

struct range {
	struct guest_memory_region	 region;
	uint8_t				*bytes;	/* the region's first */
	struct mapping			*mapping;
};

/* Nothing but `refs` changes once it is made. */
struct guest_memory {
	atomic_uint	refs;
	size_t		count;
	struct range	ranges[];	/* by guest address, disjoint */
};

static struct guest_memory *
map_alloc(size_t count)
{
	struct guest_memory *map;

	map = calloc(1, sizeof(*map) + count * sizeof(map->ranges[0]));
	if (map == NULL)
		return NULL;
	atomic_init(&map->refs, 1);
	return map;
}

/* Appends the ranges of `from` from `first` on, up to but not `end`. */
static void
map_append(struct guest_memory *map, const struct guest_memory *from,
    size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		atomic_fetch_add_explicit(&from->ranges[i].mapping->refs, 1,
		    memory_order_relaxed);
		map->ranges[map->count++] = from->ranges[i];
	}
}

struct guest_memory *
guest_memory_new(void)
{
	return map_alloc(0);
}

struct guest_memory *
guest_memory_hold(struct guest_memory *map)
{
	atomic_fetch_add_explicit(&map->refs, 1, memory_order_relaxed);
	return map;
}

static void
mapping_release(struct mapping *mapping)
{
	if (atomic_fetch_sub_explicit(&mapping->refs, 1,
	    memory_order_acq_rel) > 1)
		return;
	munmap(mapping->base, mapping->len);
	free(mapping);
}

void
guest_memory_release(struct guest_memory *map)
{
	if (map == NULL || atomic_fetch_sub_explicit(&map->refs, 1,
	    memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < map->count; i++)
		mapping_release(map->ranges[i].mapping);
	free(map);
}

/* The last byte is below the last that there can be: sums do not wrap. */
static bool
region_is_sane(const struct guest_memory_region *region)
{
	uint64_t size = region->size;

	return size > 0 && size <= SIZE_MAX / 2 &&
	    size <= UINT64_MAX - region->guest_addr &&
	    size <= UINT64_MAX - region->user_addr &&
	    region->mmap_offset <= INT64_MAX - size;
}

/* Stores where in `map` the region belongs.  Returns 0 or -errno. */
static int
region_place(const struct guest_memory *map,
    const struct guest_memory_region *region, size_t *place_out,
    struct reason *why)
{
	const struct guest_memory_region *other;
	size_t i;

	if (!region_is_sane(region))
		return reason_give(why, -EINVAL, "a region of %#" PRIx64
		    " bytes at %#" PRIx64 " (in the front-end %#" PRIx64
		    ", in the file %#" PRIx64 ") is empty or wraps around",
		    region->size, region->guest_addr, region->user_addr,
		    region->mmap_offset);
	for (i = 0; i < map->count; i++) {
		other = &map->ranges[i].region;
		if (region->guest_addr + region->size <= other->guest_addr)
			break;
		if (other->guest_addr + other->size > region->guest_addr)
			return reason_give(why, -EINVAL, "a region of %#"
			    PRIx64 " bytes at %#" PRIx64 " overlaps the one of"
			    " %#" PRIx64 " bytes at %#" PRIx64 " that is there",
			    region->size, region->guest_addr, other->size,
			    other->guest_addr);
	}
	*place_out = i;
	if (map->count < GUEST_MEMORY_REGIONS_MAX)
		return 0;
	return reason_give(why, -ENOSPC, "there are %zu regions already",
	    map->count);
}

/*
 * What offset and length of a mapping are multiples of.  For hugetlbfs it is
 * the huge page (mmap(2), "Huge page (Huge TLB) mappings"), which st_blksize is
 * there; elsewhere it may be more than a page, which does no harm.
 */
static uint64_t
mapping_unit(const struct stat *st)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t block = (uint64_t)st->st_blksize;

	if (block > page && block <= (UINT64_C(1) << 40) &&
	    (block & (block - 1)) == 0)
		return block;
	return page;
}

/* fstat(2) itself: the C library's makes it one that takes a path. */
static int
check_file(const struct guest_memory_region *region, int fd, struct stat *st,
    struct reason *why)
{
	if (syscall(SYS_fstat, fd, st) == -1)
		return reason_give(why, -errno, "its file: %s",
		    strerror(errno));
	if (!S_ISREG(st->st_mode))
		return reason_give(why, -EINVAL, "the region at %#" PRIx64
		    " is in no regular file, as a memfd is (mode %#o)",
		    region->guest_addr, (unsigned int)st->st_mode);
	if (region->mmap_offset + region->size > (uint64_t)st->st_size)
		return reason_give(why, -EINVAL, "the region at %#" PRIx64
		    " has %#" PRIx64 " bytes from %#" PRIx64 " on, of a file of"
		    " %#" PRIx64, region->guest_addr, region->size,
		    region->mmap_offset, (uint64_t)st->st_size);
	return 0;
}

/*
 * Maps the region and what is around it up to the next unit.  Its front-end can
 * cut the file short later: that is SIGBUS, and its own session's end.
 */
static int
range_map(struct range *range, const struct guest_memory_region *region,
    int fd, struct reason *why)
{
	uint64_t unit, before, len;
	struct mapping *mapping;
	struct stat st;
	int error;

	error = check_file(region, fd, &st, why);
	if (error != 0)
		return error;
	unit = mapping_unit(&st);
	before = region->mmap_offset & (unit - 1);
	len = (before + region->size + unit - 1) & ~(unit - 1);
	mapping = malloc(sizeof(*mapping));
	if (mapping == NULL)
		return -ENOMEM;
	atomic_init(&mapping->refs, 1);
	mapping->len = len;
	mapping->base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    (off_t)(region->mmap_offset - before));
	if (mapping->base == MAP_FAILED) {
		error = -errno;
		free(mapping);
		return reason_give(why, error, "cannot map the region at %#"
		    PRIx64 ", %#" PRIx64 " bytes: %s", region->guest_addr,
		    len, strerror(-error));
	}
	range->region = *region;
	range->bytes = (uint8_t *)mapping->base + before;
	range->mapping = mapping;
	return 0;
}

int
guest_memory_add(const struct guest_memory *map,
    const struct guest_memory_region *region, int fd,
    struct guest_memory **out, struct reason *why)
{
	struct guest_memory *changed = NULL;
	struct range range;
	size_t place = 0;
	int error;

	error = region_place(map, region, &place, why);
	if (error != 0)
		goto out;
	changed = map_alloc(map->count + 1);
	if (changed == NULL) {
		error = -ENOMEM;
		goto out;
	}
	error = range_map(&range, region, fd, why);
	if (error != 0)
		goto out;
	map_append(changed, map, 0, place);
	changed->ranges[changed->count++] = range;
	map_append(changed, map, place, map->count);
	*out = changed;
	changed = NULL;

out:
	close(fd);
	guest_memory_release(changed);
	return error;
}

int
guest_memory_remove(const struct guest_memory *map,
    const struct guest_memory_region *region, struct guest_memory **out,
    struct reason *why)
{
	const struct guest_memory_region *have;
	struct guest_memory *changed;
	size_t i;

	for (i = 0; i < map->count; i++) {
		have = &map->ranges[i].region;
		if (have->guest_addr == region->guest_addr &&
		    have->user_addr == region->user_addr &&
		    have->size == region->size)
			break;
	}
	if (i == map->count)
		return reason_give(why, -ENOENT, "none of the %zu regions is "
		    "one of %#" PRIx64 " bytes at %#" PRIx64
		    " (in the front-end %#" PRIx64 ")", map->count,
		    region->size, region->guest_addr, region->user_addr);
	changed = map_alloc(map->count - 1);
	if (changed == NULL)
		return -ENOMEM;
	map_append(changed, map, 0, i);
	map_append(changed, map, i + 1, map->count);
	*out = changed;
	return 0;
}

size_t
guest_memory_count(const struct guest_memory *map)
{
	return map->count;
}

/*
 * Returns the last range that begins at `addr` or below, or the first one.
 * Whether `addr` is in it is range_has()'s question.
 */
static const struct range *
map_search(const struct guest_memory *map, uint64_t addr)
{
	const struct range *range = map->ranges;
	size_t half;

	for (size_t n = map->count; n > 1; n -= half) {
		half = n / 2;
		if (range[half].region.guest_addr <= addr)
			range += half;
	}
	return range;
}

/* An address below the range wraps around to one far beyond its size. */
static bool
range_has(const struct guest_memory *map, const struct range *range,
    uint64_t addr)
{
	return range < map->ranges + map->count &&
	    addr - range->region.guest_addr < range->region.size;
}

int
guest_memory_iov(const struct guest_memory *map, uint64_t addr, uint64_t len,
    struct iovec *iov, size_t max)
{
	const struct range *range = map_search(map, addr);
	uint64_t offset, piece;

	for (size_t n = 0; n < max; n++, range++) {
		if (!range_has(map, range, addr))
			return -EFAULT;
		offset = addr - range->region.guest_addr;
		piece = range->region.size - offset;
		if (piece > len)
			piece = len;
		iov[n].iov_base = range->bytes + offset;
		iov[n].iov_len = piece;
		if (piece == len)
			return (int)n + 1;
		/* Cannot wrap: no region reaches that far. */
		addr += piece;
		len -= piece;
	}
	return -E2BIG;
}

void *
guest_memory_at(const struct guest_memory *map, uint64_t addr, uint64_t len)
{
	const struct range *range = map_search(map, addr);
	uint64_t offset;

	if (!range_has(map, range, addr))
		return NULL;
	offset = addr - range->region.guest_addr;
	return len <= range->region.size - offset ? range->bytes + offset :
	    NULL;
}

void *
guest_memory_user_at(const struct guest_memory *map, uint64_t addr,
    uint64_t len)
{
	const struct range *range;
	uint64_t offset;

	for (range = map->ranges; range < map->ranges + map->count; range++) {
		offset = addr - range->region.user_addr;
		if (offset < range->region.size &&
		    len <= range->region.size - offset)
			return range->bytes + offset;
	}
	return NULL;
}
