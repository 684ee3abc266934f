/*
 * SPDX-License-Identifier: ISC
 *
 * The handle table.  Runs privileged.  A handle may be any number: the guest
 * chooses it where node ids are handles.
 */
#include "config.h"

#include "monitor/handle.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/monitor_proto.h"

#define HANDLE_NONE	UINT32_MAX
#define HANDLE_FIRST	64		/* entries to start with */

struct handle_entry {
	struct handle_key	key;
	uint64_t		count;		/* lookups; 0 is a free entry */
	uint32_t		generation;
	uint32_t		next;		/* in its bucket or free list */
	int			fd;
};

static uint32_t
handle_bucket(const struct handle_table *table, const struct handle_key *key)
{
	uint64_t h;

	/* Fibonacci hashing; what a guest makes collide costs it alone. */
	h = (key->ino ^ key->dev << 32 ^ key->mnt_id << 48) *
	    UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32) & (table->size - 1);
}

static bool
handle_key_equal(const struct handle_key *a, const struct handle_key *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->mnt_id == b->mnt_id;
}

static void
handle_link(struct handle_table *table, uint32_t index)
{
	uint32_t bucket = handle_bucket(table, &table->entries[index].key);

	table->entries[index].next = table->buckets[bucket];
	table->buckets[bucket] = index;
}

/* Makes room for `size` entries and distributes the old ones anew. */
static int
handle_resize(struct handle_table *table, uint32_t size)
{
	struct handle_entry *entries;
	uint32_t *buckets, i, old = table->size;

	entries = reallocarray(table->entries, size, sizeof(*entries));
	if (entries == NULL)
		return -ENOMEM;
	table->entries = entries;
	buckets = reallocarray(table->buckets, size, sizeof(*buckets));
	if (buckets == NULL)
		return -ENOMEM;
	table->buckets = buckets;
	table->size = size;
	for (i = 0; i < size; i++)
		buckets[i] = HANDLE_NONE;
	for (i = 0; i < old; i++)
		handle_link(table, i);
	for (i = size; i-- > old;) {
		entries[i] = (struct handle_entry){ .fd = -1,
		    .generation = 1, .next = table->free_head };
		table->free_head = i;
	}
	return 0;
}

int
handle_table_init(struct handle_table *table, uint32_t limit,
    const struct handle_key *root, int root_fd)
{
	uint64_t handle;
	int error;

	*table = (struct handle_table){ .limit = limit > 0 ? limit : 1,
	    .free_head = HANDLE_NONE };
	error = handle_resize(table, HANDLE_FIRST);
	if (error != 0) {
		close(root_fd);
		return error;
	}
	return handle_add(table, root, root_fd, &handle);
}

void
handle_table_destroy(struct handle_table *table)
{
	uint32_t i;

	for (i = 0; i < table->size; i++)
		if (table->entries[i].count > 0)
			close(table->entries[i].fd);
	free(table->entries);
	free(table->buckets);
	*table = (struct handle_table){ .free_head = HANDLE_NONE };
}

/* Returns the live entry that `handle` names, or NULL. */
static struct handle_entry *
handle_entry(const struct handle_table *table, uint64_t handle)
{
	uint32_t index = (uint32_t)handle;
	uint32_t generation = (uint32_t)(handle >> 32);

	if (index >= table->size ||
	    table->entries[index].count == 0 ||
	    table->entries[index].generation != generation)
		return NULL;
	return &table->entries[index];
}

int
handle_get(const struct handle_table *table, uint64_t handle)
{
	const struct handle_entry *entry = handle_entry(table, handle);

	return entry == NULL ? -ESTALE : entry->fd;
}

static uint64_t
handle_value(const struct handle_table *table, uint32_t index)
{
	return (uint64_t)table->entries[index].generation << 32 | index;
}

int
handle_find(struct handle_table *table, const struct handle_key *key,
    uint64_t *handle_out)
{
	uint32_t index = table->buckets[handle_bucket(table, key)];

	while (index != HANDLE_NONE) {
		if (handle_key_equal(&table->entries[index].key, key)) {
			table->entries[index].count++;
			*handle_out = handle_value(table, index);
			return 0;
		}
		index = table->entries[index].next;
	}
	return -ENOENT;
}

int
handle_add(struct handle_table *table, const struct handle_key *key, int fd,
    uint64_t *handle_out)
{
	struct handle_entry *entry;
	uint32_t index;
	int error;

	error = handle_find(table, key, handle_out);
	if (error == 0)
		goto out;
	error = -ENFILE;
	if (table->used >= table->limit)
		goto out;
	if (table->free_head == HANDLE_NONE) {
		error = handle_resize(table, table->size * 2);
		if (error != 0)
			goto out;
	}
	index = table->free_head;
	entry = &table->entries[index];
	table->free_head = entry->next;
	entry->key = *key;
	entry->count = 1;
	entry->fd = fd;
	fd = -1;
	handle_link(table, index);
	table->used++;
	*handle_out = handle_value(table, index);
	error = 0;
out:
	if (fd != -1)
		close(fd);
	return error;
}

static void
handle_unlink(struct handle_table *table, uint32_t index)
{
	const struct handle_key *key = &table->entries[index].key;
	uint32_t *link = &table->buckets[handle_bucket(table, key)];

	while (*link != index)
		link = &table->entries[*link].next;
	*link = table->entries[index].next;
}

int
handle_forget(struct handle_table *table, uint64_t handle, uint64_t count)
{
	struct handle_entry *entry = handle_entry(table, handle);
	uint32_t index = (uint32_t)handle;

	if (entry == NULL)
		return -ESTALE;
	if (handle == MONITOR_ROOT_HANDLE)
		return 0;
	if (count < entry->count) {
		entry->count -= count;
		return 0;
	}
	handle_unlink(table, index);
	close(entry->fd);
	entry->fd = -1;
	entry->count = 0;
	/* 0 is never a generation: handle 0 names nothing. */
	if (++entry->generation == 0)
		entry->generation = 1;
	entry->next = table->free_head;
	table->free_head = index;
	table->used--;
	return 0;
}
