/*
 * SPDX-License-Identifier: ISC
 *
 * Why something was refused, in words for the log: which value, and what it
 * would have to be.  It goes beside the -errno, which says too little.
 */
#ifndef WORKER_REASON_H
#define WORKER_REASON_H

#define REASON_MAX	512	/* bytes, with NUL; the rest is cut */

/* Empty, if it is all zero: nobody has given a reason. */
struct reason {
	char	text[REASON_MAX];
};

/* Takes the reason back. */
void	reason_clear(struct reason *why);

/* Stores the reason, if `why` is not NULL.  Returns `error`. */
int	reason_give(struct reason *why, int error, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

#endif /* WORKER_REASON_H */
