/*
 * SPDX-License-Identifier: ISC
 *
 * The handle table: one entry for each inode that the worker has looked up.  A
 * handle is an index (low half) and a generation (high half), so that one which
 * was forgotten never means another inode.
 *
 * An entry has an O_PATH descriptor, which keeps the inode: mount, device and
 * number identify it, whatever else changes.  Or it is *late*: it knows the
 * directory and the name it was read under, and is opened when it is first
 * used.  Nothing keeps the inode then, and another one may get its number: so
 * what has the name must have the time of birth too.  If the host has put
 * something else there, the handle is stale until the worker looks the inode up
 * again.
 *
 * In one case the number of what is open changes: overlayfs gives a new one to
 * the name of a file that it copies up, if the file has other names, which keep
 * the old one (index=off).  So a file of several names is asked for its number
 * after each use, and before it is found by the one that it had.
 *
 * All functions may be called by any thread.
 */
#ifndef MONITOR_HANDLE_H
#define MONITOR_HANDLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct handle_key {
	uint64_t	mnt_id;		/* statx(2), stx_mnt_id */
	uint64_t	dev;
	uint64_t	ino;
	uint64_t	born;		/* nanoseconds; 0: not known */
	bool		links;		/* a file of several names */
};

/* Returns whether two keys, of inodes that are both open, are of one inode. */
bool	handle_key_same(const struct handle_key *a,
	    const struct handle_key *b);

struct handle_entry;

#define HANDLE_CLOSING	8

struct handle_table {
	pthread_mutex_t		 lock;
	struct handle_entry	*entries;
	uint32_t		*buckets;	/* index of the first */
	uint32_t		 size;		/* of both, a power of two */
	uint32_t		 used;
	uint32_t		 open;		/* with a descriptor */
	uint32_t		 limit;		/* descriptors at most */
	uint32_t		 free_head;
	int			 closing[HANDLE_CLOSING];
	uint32_t		 nclosing;	/* with the lock's release */
};

/*
 * Makes a table with the root's entry, MONITOR_ROOT_HANDLE, which is never
 * forgotten, and room for `limit` descriptors.  The table owns `root_fd` then.
 * Returns 0 or -ENOMEM.
 */
int	handle_table_init(struct handle_table *table, uint32_t limit,
	    const struct handle_key *root, int root_fd);

/* Closes all descriptors and frees the table. */
void	handle_table_destroy(struct handle_table *table);

/*
 * Returns the O_PATH descriptor, which stays the table's, and stays open until
 * handle_release(); opens it if it is late.  Or -ESTALE; -ENFILE at the limit;
 * -errno of opening.
 */
int	handle_hold(struct handle_table *table, uint64_t handle);
void	handle_release(struct handle_table *table, uint64_t handle);

/*
 * Returns 0 if one more inode could be entered now, or -ENFILE.  Others may
 * take the room meanwhile.
 */
int	handle_room(struct handle_table *table);

/*
 * Returns whether the handle is live and its inode on a local file system
 * (common/fs_local.h), whose device it stores.
 */
bool	handle_is_local(struct handle_table *table, uint64_t handle,
	    uint64_t *dev_out);

/* Asks for the number that a held inode has now, if that may be another. */
void	handle_refresh(struct handle_table *table, uint64_t handle);

/*
 * Counts one lookup more of a known inode, which was just found as `name` in
 * `dir_fd`: if it is late, it is opened there.  Returns 0, or -ENOENT if it is
 * not known, or what handle_hold() does.
 */
int	handle_find(struct handle_table *table, const struct handle_key *key,
	    int dir_fd, const char *name, uint64_t *handle_out);

/*
 * Enters an inode, or counts one lookup more if it is known.  Takes `fd`, also
 * when it fails.  Returns 0; -ENFILE at the limit; -ENOMEM.
 */
int	handle_add(struct handle_table *table, const struct handle_key *key,
	    int fd, uint64_t *handle_out);

/*
 * The same without a descriptor: a late entry, if it is a new one, of `name` in
 * the directory `dir`, a handle that is held.  The caller knows that the time
 * of birth tells inodes of one number apart.  -ENOENT if there can be none,
 * because there is no such time, the inode is not of the directory's own file
 * system and mount, or the name is longer than one that can be opened.
 */
int	handle_add_late(struct handle_table *table,
	    const struct handle_key *key, uint64_t dir, const char *name,
	    uint64_t *handle_out);

/*
 * Before `name` in the held directory `dir` is renamed or removed: opens the
 * inode's entry if it is late, as far as that is possible.
 */
void	handle_settle(struct handle_table *table, uint64_t dir, int dir_fd,
	    const char *name);

/*
 * Takes `count` lookups back, at most as many as there are; the last one
 * ends the handle, and closes the descriptor when nobody holds it.  Returns 0
 * or -ESTALE.
 */
int	handle_forget(struct handle_table *table, uint64_t handle,
	    uint64_t count);

/* Forgets all handles but the root's. */
void	handle_forget_all(struct handle_table *table);

#endif /* MONITOR_HANDLE_H */
