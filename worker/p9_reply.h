/*
 * SPDX-License-Identifier: ISC
 *
 * The replies of the 9p-proxy protocol.  A reply does not describe itself: what
 * the request was decides which form QEMU takes it for, and it checks next to
 * nothing of it.  Here is the only place that makes one.
 */
#ifndef WORKER_P9_REPLY_H
#define WORKER_P9_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/monitor_proto.h"
#include "worker/p9_proto.h"

enum p9_form {
	P9_FORM_HEADER,		/* status and data replies, and their errors */
	P9_FORM_DESCRIPTOR	/* 4 bytes, and maybe a descriptor */
};

/* One reply.  `fd` is owned by it. */
struct p9_reply {
	size_t	len;			/* 0: there is none yet */
	int	fd;			/* to go along, or -1 */
	uint8_t	bytes[P9_MESSAGE_MAX];
};

/* Before the first use, and after a reply was sent: closes the descriptor. */
void	p9_reply_init(struct p9_reply *reply);
void	p9_reply_clear(struct p9_reply *reply);

/* Returns whether there is a reply to send. */
bool	p9_reply_made(const struct p9_reply *reply);

/*
 * Each makes the whole reply; there must be none yet.
 */

/* An error, -4095 to -1, in either form; any other `error` becomes -EIO. */
void	p9_reply_error(struct p9_reply *reply, enum p9_form form, int error);

/* Success without data: `value` is 0, or the length of an xattr. */
void	p9_reply_status(struct p9_reply *reply, uint32_t value);

void	p9_reply_stat(struct p9_reply *reply, const struct monitor_attr *attr);
void	p9_reply_statfs(struct p9_reply *reply,
	    const struct monitor_statfs *statfs);
void	p9_reply_generation(struct p9_reply *reply, uint32_t generation);

/* One string of at most P9_STRING_MAX bytes. */
void	p9_reply_string(struct p9_reply *reply, const uint8_t *bytes,
	    size_t len);

/* Takes `fd`. */
void	p9_reply_descriptor(struct p9_reply *reply, int fd);

#endif /* WORKER_P9_REPLY_H */
