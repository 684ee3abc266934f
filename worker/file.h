/*
 * SPDX-License-Identifier: ISC
 *
 * Open files: from the fh that a guest names to a data fd.  One table for all
 * queues; a fh is an index and a generation, and goes with one node id.
 */
#ifndef WORKER_FILE_H
#define WORKER_FILE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One open file.  What is not atomic is constant while anybody holds it. */
struct file {
	int		 fd;		/* closed with the last reference */
	int		 flags;		/* of open(2), on the host */
	uint64_t	 nodeid;
	struct file	*next_cleared;	/* file_table_clear()'s */
	_Atomic uint32_t refs;
	/* How reads and writes fared lately: fuse_io.c's. */
	_Atomic uint32_t blocked;
	_Atomic uint32_t waits;		/* what RWF_NOWAIT is refused for */
	/* Where it lies, once that was asked: fuse_file.c's. */
	_Atomic uint32_t place;
};

/* A place in the table: in use, or in the list of free ones. */
struct file_slot {
	struct file	*file;
	uint32_t	 generation;	/* never 0 */
	uint32_t	 next_free;
};

struct file_table {
	pthread_mutex_t	  lock;
	struct file_slot *slots;
	uint32_t	  size;
	uint32_t	  used;
	uint32_t	  reserved;	/* opens in progress */
	uint32_t	  limit;
	uint32_t	  first_free;
};

/* Returns 0 or -ENOMEM. */
int	file_table_init(struct file_table *table, uint32_t limit);
void	file_table_destroy(struct file_table *table);

/*
 * A place for a file that is about to be opened, so that its descriptor cannot
 * be one too many (recvmsg(2) would lose it).  Returns 0 or -ENFILE.  Each is
 * followed by file_add() or file_unreserve().
 */
int	file_reserve(struct file_table *table);
void	file_unreserve(struct file_table *table);

/* Takes `fd`, also when it fails.  Returns 0 and the fh, or -ENOMEM. */
int	file_add(struct file_table *table, uint64_t nodeid, int fd, int flags,
	    uint64_t *fh_out);

/*
 * Returns the file, which the caller gives back by file_put(), or NULL if
 * there is none of this number or it is another node's (EBADF).
 */
struct file
	*file_get(struct file_table *table, uint64_t fh, uint64_t nodeid);
void	file_put(struct file *file);

/* Ends the fh; the file closes when nobody holds it.  Returns 0 or -EBADF. */
int	file_remove(struct file_table *table, uint64_t fh, uint64_t nodeid);

/* Ends all of them. */
void	file_table_clear(struct file_table *table);

#endif /* WORKER_FILE_H */
