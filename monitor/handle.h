/*
 * SPDX-License-Identifier: ISC
 *
 * The handle table: one entry, with one O_PATH descriptor, for each inode that
 * the worker has looked up.  A handle is an index (low half) and a generation
 * (high half), so that one which was forgotten never means another inode.
 */
#ifndef MONITOR_HANDLE_H
#define MONITOR_HANDLE_H

#include <stdint.h>

struct handle_key {
	uint64_t	mnt_id;		/* statx(2), stx_mnt_id */
	uint64_t	dev;
	uint64_t	ino;
};

struct handle_entry;

struct handle_table {
	struct handle_entry	*entries;
	uint32_t		*buckets;	/* index of the first */
	uint32_t		 size;		/* of both, a power of two */
	uint32_t		 used;
	uint32_t		 limit;		/* entries at most */
	uint32_t		 free_head;
};

/*
 * Makes a table with the root's entry, MONITOR_ROOT_HANDLE, which is never
 * forgotten, and room for `limit` entries.  The table owns `root_fd` then.
 * Returns 0 or -ENOMEM.
 */
int	handle_table_init(struct handle_table *table, uint32_t limit,
	    const struct handle_key *root, int root_fd);

/* Closes all descriptors and frees the table. */
void	handle_table_destroy(struct handle_table *table);

/* Returns the O_PATH descriptor, which stays the table's, or -ESTALE. */
int	handle_get(const struct handle_table *table, uint64_t handle);

/* Counts one lookup more of a known inode.  Returns 0 or -ENOENT. */
int	handle_find(struct handle_table *table, const struct handle_key *key,
	    uint64_t *handle_out);

/*
 * Enters an inode, or counts one lookup more if it is known.  Takes `fd`, also
 * when it fails.  Returns 0; -ENFILE at the limit; -ENOMEM.
 */
int	handle_add(struct handle_table *table, const struct handle_key *key,
	    int fd, uint64_t *handle_out);

/*
 * Takes `count` lookups back, at most as many as there are; the last one
 * closes the descriptor and ends the handle.  Returns 0 or -ESTALE.
 */
int	handle_forget(struct handle_table *table, uint64_t handle,
	    uint64_t count);

#endif /* MONITOR_HANDLE_H */
