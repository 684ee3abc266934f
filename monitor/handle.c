/*
 * SPDX-License-Identifier: ISC
 *
 * The handle table.  Runs privileged.  A handle may be any number: the guest
 * chooses it where node ids are handles.
 *
 * Entries are named by their index, never by a pointer, wherever the lock is
 * let go in between: the array moves when it grows.
 */
#include "config.h"

#include "monitor/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs_local.h"
#include "common/monitor_proto.h"
#include "monitor/attr.h"
#include "monitor/resolve.h"

#define HANDLE_NONE	UINT32_MAX
#define HANDLE_FIRST	64		/* entries to start with */
#define HANDLE_LATE	2		/* entries for each descriptor */

/* On which kind of file system an inode is, once that was asked for. */
enum handle_where {
	HANDLE_UNKNOWN,
	HANDLE_LOCAL,		/* fs_local.h */
	HANDLE_ELSEWHERE
};

/* Where a late entry was read; its directory is held. */
struct handle_late {
	uint32_t		dir;		/* index */
	char			name[];
};

struct handle_entry {
	struct handle_key	 key;
	uint64_t		 count;		/* lookups */
	struct handle_late	*late;		/* NULL once it was opened */
	uint32_t		 generation;
	uint32_t		 next;		/* in its bucket or free list */
	uint32_t		 holds;		/* who uses it now */
	uint32_t		 children;	/* late ones, if a directory */
	int			 fd;
	enum handle_where	 where;
};

/*
 * Closing may take long: the last descriptor of a removed file truncates it.
 * So what an entry had is closed when the lock is let go.
 */
static void
handle_unlock(struct handle_table *table)
{
	int fds[HANDLE_CLOSING];
	uint32_t i, n = table->nclosing;

	memcpy(fds, table->closing, n * sizeof(fds[0]));
	table->nclosing = 0;
	pthread_mutex_unlock(&table->lock);
	for (i = 0; i < n; i++)
		close(fds[i]);
}

static void
handle_close(struct handle_table *table, int fd)
{
	/* No function here closes as many; but if it did, then at once. */
	if (table->nclosing == HANDLE_CLOSING)
		close(fd);
	else
		table->closing[table->nclosing++] = fd;
}

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
handle_key_same_fs(const struct handle_key *a, const struct handle_key *b)
{
	return a->dev == b->dev && a->mnt_id == b->mnt_id;
}

bool
handle_key_same(const struct handle_key *a, const struct handle_key *b)
{
	return a->ino == b->ino && handle_key_same_fs(a, b);
}

/* The time of birth counts where no descriptor keeps the number. */
static bool
handle_key_equal(const struct handle_key *a, const struct handle_key *b,
    bool late)
{
	return handle_key_same(a, b) && (!late || a->born == b->born);
}

static void
handle_link(struct handle_table *table, uint32_t index)
{
	uint32_t bucket = handle_bucket(table, &table->entries[index].key);

	table->entries[index].next = table->buckets[bucket];
	table->buckets[bucket] = index;
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
	/* One that is dead, but held, is in no bucket. */
	for (i = 0; i < old; i++)
		if (entries[i].count > 0)
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
	pthread_mutex_init(&table->lock, NULL);
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

	for (i = 0; i < table->size; i++) {
		if (table->entries[i].fd != -1)
			close(table->entries[i].fd);
		free(table->entries[i].late);
	}
	free(table->entries);
	free(table->buckets);
	pthread_mutex_destroy(&table->lock);
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

static uint64_t
handle_value(const struct handle_table *table, uint32_t index)
{
	return (uint64_t)table->entries[index].generation << 32 | index;
}

/* Returns the index of the inode's entry, or HANDLE_NONE. */
static uint32_t
handle_search(const struct handle_table *table, const struct handle_key *key)
{
	uint32_t index = table->buckets[handle_bucket(table, key)];

	while (index != HANDLE_NONE &&
	    !handle_key_equal(&table->entries[index].key, key,
	    table->entries[index].fd == -1))
		index = table->entries[index].next;
	return index;
}

static void	handle_drop(struct handle_table *, uint32_t);

/* The entry is late no more: its directory may go. */
static void
handle_end_late(struct handle_table *table, uint32_t index)
{
	struct handle_late *late = table->entries[index].late;

	if (late == NULL)
		return;
	table->entries[index].late = NULL;
	table->entries[late->dir].children--;
	handle_drop(table, late->dir);
	free(late);
}

/* Frees an entry that has no lookups and no holder any more. */
static void
handle_free(struct handle_table *table, uint32_t index)
{
	struct handle_entry *entry = &table->entries[index];

	handle_end_late(table, index);
	if (entry->fd != -1) {
		handle_close(table, entry->fd);
		entry->fd = -1;
		table->open--;
	}
	entry->next = table->free_head;
	table->free_head = index;
	table->used--;
}

/* Takes one hold back. */
static void
handle_drop(struct handle_table *table, uint32_t index)
{
	struct handle_entry *entry = &table->entries[index];

	if (--entry->holds == 0 && entry->count == 0)
		handle_free(table, index);
}

/* Stores the descriptor of an entry that was late, or closes it. */
static int
handle_store(struct handle_table *table, uint32_t index, int fd)
{
	struct handle_entry *entry = &table->entries[index];
	int error = 0;

	if (entry->fd == -1 && table->open < table->limit) {
		entry->fd = fd;
		fd = -1;
		table->open++;
		handle_end_late(table, index);
	} else if (entry->fd == -1)
		error = -ENFILE;
	if (fd != -1)
		handle_close(table, fd);
	return error;
}

/* Returns a descriptor of `name`, if it is that inode still, or -errno. */
static int
handle_open_checked(int dir_fd, const char *name, const struct handle_key *want)
{
	struct monitor_attr attr;
	struct handle_key key;
	int error, fd;

	fd = resolve_entry(dir_fd, name);
	if (fd < 0)
		return fd == -ENOENT ? -ESTALE : fd;
	error = attr_get(fd, "", AT_EMPTY_PATH, &attr, &key);
	if (error == 0 && !handle_key_equal(&key, want, true))
		error = -ESTALE;
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

/*
 * Opens an entry that is late and held, as `name` in `dir_fd`.  Lets the lock
 * go meanwhile; somebody else may have opened it by then.
 */
static int
handle_open_as(struct handle_table *table, uint32_t index, int dir_fd,
    const char *name)
{
	const struct handle_key key = table->entries[index].key;
	int fd;

	if (table->open >= table->limit)
		return -ENFILE;
	handle_unlock(table);
	fd = handle_open_checked(dir_fd, name, &key);
	pthread_mutex_lock(&table->lock);
	return fd < 0 ? fd : handle_store(table, index, fd);
}

/* The same where it was read. */
static int
handle_open_late(struct handle_table *table, uint32_t index)
{
	const struct handle_late *late = table->entries[index].late;
	char name[MONITOR_NAME_MAX + 1];
	uint32_t dir = late->dir;
	int error;

	strcpy(name, late->name);
	/* Held once more: the entry's own hold may end meanwhile. */
	table->entries[dir].holds++;
	error = handle_open_as(table, index, table->entries[dir].fd, name);
	handle_drop(table, dir);
	return error;
}

int
handle_hold(struct handle_table *table, uint64_t handle)
{
	uint32_t index = (uint32_t)handle;
	struct handle_entry *entry;
	int error = 0, fd = -ESTALE;

	pthread_mutex_lock(&table->lock);
	entry = handle_entry(table, handle);
	if (entry != NULL) {
		entry->holds++;
		if (entry->fd == -1)
			error = handle_open_late(table, index);
		fd = error != 0 ? error : table->entries[index].fd;
		if (error != 0)
			handle_drop(table, index);
	}
	handle_unlock(table);
	return fd;
}

/*
 * Enters what is open and held by the number that it has now.  Lets the lock go
 * meanwhile.
 */
static void
handle_renumber(struct handle_table *table, uint32_t index)
{
	int error, fd = table->entries[index].fd;
	struct monitor_attr attr;
	struct handle_key key;

	handle_unlock(table);
	error = attr_get(fd, "", AT_EMPTY_PATH, &attr, &key);
	pthread_mutex_lock(&table->lock);
	/* One that is dead is in no bucket. */
	if (error != 0 || table->entries[index].count == 0)
		return;
	handle_unlink(table, index);
	table->entries[index].key = key;
	handle_link(table, index);
}

void
handle_refresh(struct handle_table *table, uint64_t handle)
{
	pthread_mutex_lock(&table->lock);
	if (table->entries[(uint32_t)handle].key.links)
		handle_renumber(table, (uint32_t)handle);
	handle_unlock(table);
}

void
handle_release(struct handle_table *table, uint64_t handle)
{
	uint32_t index = (uint32_t)handle;

	pthread_mutex_lock(&table->lock);
	if (table->entries[index].key.links)
		handle_renumber(table, index);
	handle_drop(table, index);
	handle_unlock(table);
}

/* Is there room for one more, with a descriptor or without? */
static bool
handle_fits(const struct handle_table *table, bool open)
{
	return (!open || table->open < table->limit) &&
	    table->used / HANDLE_LATE < table->limit;
}

int
handle_room(struct handle_table *table)
{
	bool room;

	pthread_mutex_lock(&table->lock);
	room = handle_fits(table, true);
	handle_unlock(table);
	return room ? 0 : -ENFILE;
}

/*
 * Asks where an open entry's inode is.  Lets the lock go meanwhile: a server may
 * be asked.
 */
static void
handle_find_where(struct handle_table *table, uint32_t index)
{
	int fd = table->entries[index].fd;
	bool local;

	table->entries[index].holds++;
	handle_unlock(table);
	local = fs_local(fd);
	pthread_mutex_lock(&table->lock);
	table->entries[index].where = local ? HANDLE_LOCAL : HANDLE_ELSEWHERE;
	handle_drop(table, index);
}

bool
handle_is_local(struct handle_table *table, uint64_t handle, uint64_t *dev_out)
{
	const struct handle_entry *entry;
	bool local = false;

	pthread_mutex_lock(&table->lock);
	entry = handle_entry(table, handle);
	if (entry != NULL && entry->where == HANDLE_UNKNOWN)
		handle_find_where(table, (uint32_t)handle);
	/* The array may have moved, and the handle may be gone. */
	entry = handle_entry(table, handle);
	if (entry != NULL) {
		local = entry->where == HANDLE_LOCAL;
		*dev_out = entry->key.dev;
	}
	handle_unlock(table);
	return local;
}

/* Takes `count` lookups of a live entry back. */
static void
handle_count_down(struct handle_table *table, uint32_t index, uint64_t count)
{
	struct handle_entry *entry = &table->entries[index];

	if (count < entry->count) {
		entry->count -= count;
		return;
	}
	handle_unlink(table, index);
	entry->count = 0;
	/* 0 is never a generation: handle 0 names nothing. */
	if (++entry->generation == 0)
		entry->generation = 1;
	if (entry->holds == 0)
		handle_free(table, index);
}

/* The same as handle_search(), but never by a number that it had. */
static uint32_t
handle_search_now(struct handle_table *table, const struct handle_key *key)
{
	uint32_t index = handle_search(table, key), asked = HANDLE_NONE;

	while (key->links && index != HANDLE_NONE && index != asked &&
	    table->entries[index].fd != -1) {
		asked = index;
		table->entries[index].holds++;
		handle_renumber(table, index);
		handle_drop(table, index);
		/* What still has the number is now the first to have it. */
		index = handle_search(table, key);
	}
	return index;
}

int
handle_find(struct handle_table *table, const struct handle_key *key,
    int dir_fd, const char *name, uint64_t *handle_out)
{
	uint32_t index;
	int error = -ENOENT;

	pthread_mutex_lock(&table->lock);
	index = handle_search_now(table, key);
	if (index != HANDLE_NONE) {
		error = 0;
		table->entries[index].holds++;
		if (table->entries[index].fd == -1)
			error = handle_open_as(table, index, dir_fd, name);
		/* It may have been forgotten meanwhile. */
		if (error == 0 && table->entries[index].count == 0)
			error = -ENOENT;
		if (error == 0) {
			table->entries[index].count++;
			*handle_out = handle_value(table, index);
		}
		handle_drop(table, index);
	}
	handle_unlock(table);
	return error;
}

/* Returns a free entry's index, counted as used, or HANDLE_NONE. */
static uint32_t
handle_take_free(struct handle_table *table)
{
	uint32_t index;

	if (table->free_head == HANDLE_NONE &&
	    handle_resize(table, table->size * 2) != 0)
		return HANDLE_NONE;
	index = table->free_head;
	table->free_head = table->entries[index].next;
	table->used++;
	return index;
}

/* Enters a new inode, with a descriptor or where it was read. */
static int
handle_enter(struct handle_table *table, const struct handle_key *key, int fd,
    struct handle_late *late, uint64_t *handle_out)
{
	struct handle_entry *entry;
	uint32_t index;

	if (!handle_fits(table, fd != -1))
		return -ENFILE;
	index = handle_take_free(table);
	if (index == HANDLE_NONE)
		return -ENOMEM;
	entry = &table->entries[index];
	entry->key = *key;
	entry->count = 1;
	entry->fd = fd;
	entry->late = late;
	/* What is late is on a local one (attr_births_tell()). */
	entry->where = late != NULL ? HANDLE_LOCAL : HANDLE_UNKNOWN;
	if (fd != -1)
		table->open++;
	handle_link(table, index);
	*handle_out = handle_value(table, index);
	return 0;
}

int
handle_add(struct handle_table *table, const struct handle_key *key, int fd,
    uint64_t *handle_out)
{
	uint32_t index;
	int error = 0;

	pthread_mutex_lock(&table->lock);
	index = handle_search(table, key);
	if (index == HANDLE_NONE) {
		error = handle_enter(table, key, fd, NULL, handle_out);
		if (error == 0)
			fd = -1;
	} else {
		if (table->entries[index].fd == -1) {
			error = handle_store(table, index, fd);
			fd = -1;
		}
		if (error == 0) {
			table->entries[index].count++;
			*handle_out = handle_value(table, index);
		}
	}
	handle_unlock(table);
	if (fd != -1)
		close(fd);
	return error;
}

int
handle_add_late(struct handle_table *table, const struct handle_key *key,
    uint64_t dir, const char *name, uint64_t *handle_out)
{
	struct handle_late *late;
	uint32_t index;
	int error = 0;

	if (key->born == 0 || strlen(name) > MONITOR_NAME_MAX)
		return -ENOENT;
	pthread_mutex_lock(&table->lock);
	index = handle_search(table, key);
	if (index != HANDLE_NONE) {
		table->entries[index].count++;
		*handle_out = handle_value(table, index);
		goto out;
	}
	/* The open directory keeps its own device's number, and no other. */
	error = -ENOENT;
	if (!handle_key_same_fs(key, &table->entries[(uint32_t)dir].key))
		goto out;
	error = -ENOMEM;
	late = malloc(sizeof(*late) + strlen(name) + 1);
	if (late == NULL)
		goto out;
	late->dir = (uint32_t)dir;
	strcpy(late->name, name);
	error = handle_enter(table, key, -1, late, handle_out);
	if (error != 0) {
		free(late);
		goto out;
	}
	table->entries[late->dir].holds++;
	table->entries[late->dir].children++;
out:
	handle_unlock(table);
	return error;
}

void
handle_settle(struct handle_table *table, uint64_t dir, int dir_fd,
    const char *name)
{
	struct monitor_attr attr;
	struct handle_key key;
	uint32_t index;
	bool any;

	pthread_mutex_lock(&table->lock);
	any = table->entries[(uint32_t)dir].children > 0;
	handle_unlock(table);
	if (!any ||
	    attr_get(dir_fd, name, AT_SYMLINK_NOFOLLOW, &attr, &key) != 0)
		return;
	pthread_mutex_lock(&table->lock);
	index = handle_search(table, &key);
	if (index != HANDLE_NONE && table->entries[index].fd == -1) {
		table->entries[index].holds++;
		/* What fails is as if the host had done it: stale. */
		handle_open_as(table, index, dir_fd, name);
		handle_drop(table, index);
	}
	handle_unlock(table);
}

int
handle_forget(struct handle_table *table, uint64_t handle, uint64_t count)
{
	int error = 0;

	pthread_mutex_lock(&table->lock);
	if (handle_entry(table, handle) == NULL)
		error = -ESTALE;
	else if (handle != MONITOR_ROOT_HANDLE)
		handle_count_down(table, (uint32_t)handle, count);
	handle_unlock(table);
	return error;
}

void
handle_forget_all(struct handle_table *table)
{
	bool more = true;
	uint32_t i;

	/* Index 0 is the root.  One at a time: others may go on. */
	for (i = 1; more; i++) {
		pthread_mutex_lock(&table->lock);
		more = i < table->size;
		if (more && table->entries[i].count > 0)
			handle_count_down(table, i, UINT64_MAX);
		handle_unlock(table);
	}
}
