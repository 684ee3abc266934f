/*
 * SPDX-License-Identifier: ISC
 *
 * Bounded walking through an iovec, of any layout: copying in and out, and
 * cutting a piece out of it for preadv2(2) and pwritev2(2).
 */
#ifndef WORKER_IOV_H
#define WORKER_IOV_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>

#define IOV_PIECE_MAX	1024	/* elements; UIO_MAXIOV, readv(2) */

/* A place in an iovec, which is the caller's. */
struct iov_cursor {
	const struct iovec	*iov;
	size_t			 n;	/* elements from here on */
	size_t			 at;	/* bytes of the first that are passed */
	size_t			 left;	/* bytes from here on */
};

/* `len` is how many bytes the `n` elements have. */
void	iov_init(struct iov_cursor *cursor, const struct iovec *iov, size_t n,
	    size_t len);

/* Copies and passes `len` bytes; or returns false, if there are fewer. */
bool	iov_read(struct iov_cursor *cursor, void *bytes, size_t len);
bool	iov_write(struct iov_cursor *cursor, const void *bytes, size_t len);

/* Passes `len` bytes; or returns false, if there are fewer. */
bool	iov_skip(struct iov_cursor *cursor, size_t len);

/*
 * A piece of an iovec as an iovec.  The elements are those of the whole, which
 * is changed by iov_piece_cut() and as before after iov_piece_mend().
 */
struct iov_piece {
	struct iovec	*iov;
	int		 n;		/* IOV_PIECE_MAX at most */
	size_t		 len;		/* bytes */
	struct iovec	*last;
	struct iovec	 first_whole;
	struct iovec	 last_whole;
};

/*
 * Cuts `len` bytes out, or as many as that number of elements has, after `skip`
 * bytes.  The iovec must have `skip` and at least one byte more.
 */
void	iov_piece_cut(struct iov_piece *piece, struct iovec *iov, size_t n,
	    size_t skip, size_t len);
void	iov_piece_mend(const struct iov_piece *piece);

#endif /* WORKER_IOV_H */
