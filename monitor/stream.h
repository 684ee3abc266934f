/*
 * SPDX-License-Identifier: ISC
 *
 * Directory streams.  A stream is named by an index (low half) and a
 * generation (high half), and goes with one handle.  All functions may be
 * called by any thread.
 */
#ifndef MONITOR_STREAM_H
#define MONITOR_STREAM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define STREAM_BUFFER	8192	/* bytes of entries read at a time */

struct stream {
	pthread_mutex_t	 lock;		/* of what follows, while it is read */
	int		 fd;		/* constant */
	uint64_t	 handle;	/* constant: the directory's */
	bool		 births_tell;	/* constant: attr.h */
	uint32_t	 generation;	/* the table's, as the next two */
	uint32_t	 holds;
	bool		 ended;		/* freed with the last hold */
	int64_t		 position;	/* of the next entry; -1: not known */
	uint32_t	 at;		/* it is here in the buffer ... */
	uint32_t	 len;		/* ... of which so much is filled */
	_Alignas(8)
	uint8_t		 buffer[STREAM_BUFFER];
};

struct stream_table {
	pthread_mutex_t	 lock;
	struct stream	**streams;
	uint32_t	*generations;
	uint32_t	 size;
	uint32_t	 used;
	uint32_t	 limit;
};

/* One entry; the name is the stream's and valid until the next one. */
struct stream_entry {
	uint64_t	 ino;
	int64_t		 next;		/* offset of the entry after it */
	uint8_t		 type;
	const char	*name;
};

void	stream_table_init(struct stream_table *table, uint32_t limit);

/*
 * Makes a stream of the directory that `fd` is open on.  Takes `fd`, also when
 * it fails.  Returns 0, -ENFILE at the limit or -ENOMEM.
 */
int	stream_add(struct stream_table *table, uint64_t handle, int fd,
	    uint64_t *id_out);

/*
 * Returns the stream, locked for the caller alone until stream_release(), or
 * NULL if there is none of this name and handle.
 */
struct stream
	*stream_hold(struct stream_table *table, uint64_t id, uint64_t handle);
void	stream_release(struct stream_table *table, struct stream *stream);

/* Ends a stream.  Returns 0 or -EBADF. */
int	stream_remove(struct stream_table *table, uint64_t id,
	    uint64_t handle);

/* Ends all of them. */
void	stream_remove_all(struct stream_table *table);

/* Goes to an offset: 0 or some entry's `next`.  Returns 0 or -errno. */
int	stream_seek(struct stream *stream, int64_t offset);

/*
 * Looks at the next entry, which stays the next until stream_skip().  Returns
 * 1, 0 at the end, or -errno.
 */
int	stream_peek(struct stream *stream, struct stream_entry *entry);
void	stream_skip(struct stream *stream, const struct stream_entry *entry);

#endif /* MONITOR_STREAM_H */
