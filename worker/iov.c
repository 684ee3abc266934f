/*
 * SPDX-License-Identifier: ISC
 *
 * Walking through an iovec.  The elements were made by guest_memory.c and are
 * right; the memory they point at is hostile and may change at any moment.
 */
#include "config.h"

#include "worker/iov.h"

#include <stdint.h>
#include <string.h>

void
iov_init(struct iov_cursor *cursor, const struct iovec *iov, size_t n,
    size_t len)
{
	cursor->iov = iov;
	cursor->n = n;
	cursor->at = 0;
	cursor->left = len;
}

/*
 * Passes what is left of the first element, `len` bytes at most.  Returns where
 * it is, and how much; NULL at the end.
 */
static uint8_t *
iov_next(struct iov_cursor *cursor, size_t len, size_t *len_out)
{
	uint8_t *bytes;
	size_t n;

	while (cursor->n > 0 && cursor->at == cursor->iov->iov_len) {
		cursor->iov++;
		cursor->n--;
		cursor->at = 0;
	}
	if (cursor->n == 0)
		return NULL;
	bytes = (uint8_t *)cursor->iov->iov_base + cursor->at;
	n = cursor->iov->iov_len - cursor->at;
	if (n > len)
		n = len;
	cursor->at += n;
	cursor->left -= n;
	*len_out = n;
	return bytes;
}

bool
iov_read(struct iov_cursor *cursor, void *bytes, size_t len)
{
	uint8_t *to = bytes;
	const uint8_t *from;
	size_t n;

	if (len > cursor->left)
		return false;
	for (; len > 0; len -= n) {
		from = iov_next(cursor, len, &n);
		if (from == NULL)
			return false;
		memcpy(to, from, n);
		to += n;
	}
	return true;
}

bool
iov_write(struct iov_cursor *cursor, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;
	uint8_t *to;
	size_t n;

	if (len > cursor->left)
		return false;
	for (; len > 0; len -= n) {
		to = iov_next(cursor, len, &n);
		if (to == NULL)
			return false;
		memcpy(to, from, n);
		from += n;
	}
	return true;
}

bool
iov_skip(struct iov_cursor *cursor, size_t len)
{
	size_t n;

	if (len > cursor->left)
		return false;
	for (; len > 0; len -= n)
		if (iov_next(cursor, len, &n) == NULL)
			return false;
	return true;
}

void
iov_piece_cut(struct iov_piece *piece, struct iovec *iov, size_t n,
    size_t skip, size_t len)
{
	size_t count = 0, total = 0;

	while (n > 1 && skip >= iov->iov_len) {
		skip -= iov->iov_len;
		iov++;
		n--;
	}
	piece->iov = iov;
	piece->first_whole = *iov;
	iov->iov_base = (uint8_t *)iov->iov_base + skip;
	iov->iov_len -= skip;
	while (count < n && count < IOV_PIECE_MAX && total < len)
		total += iov[count++].iov_len;
	piece->last = &iov[count - 1];
	piece->last_whole = *piece->last;
	if (total > len) {
		piece->last->iov_len -= total - len;
		total = len;
	}
	piece->n = (int)count;
	piece->len = total;
}

void
iov_piece_mend(const struct iov_piece *piece)
{
	*piece->last = piece->last_whole;
	*piece->iov = piece->first_whole;
}
