/*
 * SPDX-License-Identifier: ISC
 *
 * The table of open files.  Numbers come from the guest and are hostile; every
 * queue's thread comes here with every read and write.
 */
#include "config.h"

#include "worker/file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_SLOTS_FIRST	64
#define FILE_NO_SLOT		UINT32_MAX

int
file_table_init(struct file_table *table, uint32_t limit)
{
	pthread_mutexattr_t attr;
	int error;

	*table = (struct file_table){ .limit = limit,
	    .first_free = FILE_NO_SLOT };
	error = pthread_mutexattr_init(&attr);
	if (error != 0)
		return -error;
	/* It is held for less time than it takes to go to sleep. */
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
	error = pthread_mutex_init(&table->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return -error;
}

void
file_table_destroy(struct file_table *table)
{
	file_table_clear(table);
	free(table->slots);
	table->slots = NULL;
	pthread_mutex_destroy(&table->lock);
}

int
file_reserve(struct file_table *table)
{
	int error = -ENFILE;

	pthread_mutex_lock(&table->lock);
	if (table->used + table->reserved < table->limit) {
		table->reserved++;
		error = 0;
	}
	pthread_mutex_unlock(&table->lock);
	return error;
}

void
file_unreserve(struct file_table *table)
{
	pthread_mutex_lock(&table->lock);
	table->reserved--;
	pthread_mutex_unlock(&table->lock);
}

/* Adds slots if none is free.  The limit keeps the numbers small. */
static int
file_grow(struct file_table *table)
{
	uint32_t i, size = table->size;
	struct file_slot *slots;

	if (table->first_free != FILE_NO_SLOT)
		return 0;
	size = size == 0 ? FILE_SLOTS_FIRST : size * 2;
	slots = realloc(table->slots, size * sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	for (i = table->size; i < size; i++)
		slots[i] = (struct file_slot){ .generation = 1,
		    .next_free = i + 1 < size ? i + 1 : FILE_NO_SLOT };
	table->first_free = table->size;
	table->slots = slots;
	table->size = size;
	return 0;
}

static uint64_t
file_insert(struct file_table *table, struct file *file)
{
	uint32_t i = table->first_free;
	struct file_slot *slot = &table->slots[i];

	table->first_free = slot->next_free;
	table->used++;
	slot->file = file;
	return (uint64_t)slot->generation << 32 | i;
}

int
file_add(struct file_table *table, uint64_t nodeid, int fd, int flags,
    uint64_t *fh_out)
{
	struct file *file = malloc(sizeof(*file));
	int error = -ENOMEM;

	if (file != NULL) {
		*file = (struct file){ .fd = fd, .flags = flags,
		    .nodeid = nodeid };
		atomic_init(&file->refs, 1);
	}
	pthread_mutex_lock(&table->lock);
	table->reserved--;
	if (file != NULL)
		error = file_grow(table);
	if (error == 0)
		*fh_out = file_insert(table, file);
	pthread_mutex_unlock(&table->lock);
	if (error != 0) {
		free(file);
		close(fd);
	}
	return error;
}

/* Returns the slot of `fh` if it is in use for `nodeid`, or NULL. */
static struct file_slot *
file_find(const struct file_table *table, uint64_t fh, uint64_t nodeid)
{
	uint32_t i = (uint32_t)fh;
	struct file_slot *slot;

	if (i >= table->size)
		return NULL;
	slot = &table->slots[i];
	if (slot->file == NULL || slot->generation != fh >> 32 ||
	    slot->file->nodeid != nodeid)
		return NULL;
	return slot;
}

struct file *
file_get(struct file_table *table, uint64_t fh, uint64_t nodeid)
{
	struct file *file = NULL;
	const struct file_slot *slot;

	pthread_mutex_lock(&table->lock);
	slot = file_find(table, fh, nodeid);
	if (slot != NULL) {
		file = slot->file;
		atomic_fetch_add_explicit(&file->refs, 1,
		    memory_order_relaxed);
	}
	pthread_mutex_unlock(&table->lock);
	return file;
}

void
file_put(struct file *file)
{
	if (atomic_fetch_sub_explicit(&file->refs, 1,
	    memory_order_acq_rel) != 1)
		return;
	close(file->fd);
	free(file);
}

/* Frees the slot; the table's reference is the caller's from then on. */
static struct file *
file_extract(struct file_table *table, struct file_slot *slot)
{
	struct file *file = slot->file;

	slot->file = NULL;
	if (++slot->generation == 0)
		slot->generation = 1;
	slot->next_free = table->first_free;
	table->first_free = (uint32_t)(slot - table->slots);
	table->used--;
	return file;
}

int
file_remove(struct file_table *table, uint64_t fh, uint64_t nodeid)
{
	struct file *file = NULL;
	struct file_slot *slot;

	pthread_mutex_lock(&table->lock);
	slot = file_find(table, fh, nodeid);
	if (slot != NULL)
		file = file_extract(table, slot);
	pthread_mutex_unlock(&table->lock);
	if (file == NULL)
		return -EBADF;
	file_put(file);
	return 0;
}

void
file_table_clear(struct file_table *table)
{
	struct file *file, *files = NULL;
	uint32_t i;

	pthread_mutex_lock(&table->lock);
	for (i = 0; i < table->size; i++) {
		if (table->slots[i].file == NULL)
			continue;
		file = file_extract(table, &table->slots[i]);
		file->next_cleared = files;
		files = file;
	}
	pthread_mutex_unlock(&table->lock);
	/* A close may flush, and others need the lock meanwhile. */
	while ((file = files) != NULL) {
		files = file->next_cleared;
		file_put(file);
	}
}
