/*
 * SPDX-License-Identifier: ISC
 *
 * vhost-user messages on their socket: bytes and descriptors, in as many pieces
 * as they come.  Looks at nothing but the header.
 */
#ifndef WORKER_VHOST_USER_WIRE_H
#define WORKER_VHOST_USER_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/vhost_user_proto.h"

#define VHOST_USER_COMPLETE	1	/* all of the message is there */
#define VHOST_USER_END		2	/* the front-end ended the connection */

/* A request of the front-end's.  Zeroed before the first one. */
struct vhost_user_message {
	struct vhost_user_header	header;
	union vhost_user_payload	payload;
	size_t				len;	/* received, header included */
	size_t				nfds;
	bool				surplus;	/* more, closed */
	int				fds[VHOST_USER_FDS_MAX]; /* owned; -1:
							    taken */
};

struct vhost_user_reply {
	struct vhost_user_header	header;
	union vhost_user_payload	payload;
	size_t				len;	/* 0: there is none */
	size_t				sent;
};

/*
 * Receives what is there of one message, and never anything of the next.  Does
 * not block.  Returns VHOST_USER_COMPLETE; 0 if more must come; VHOST_USER_END;
 * -EPROTO with the reason logged if what comes after cannot be understood; or
 * -errno.
 */
int	vhost_user_wire_receive(struct vhost_user_message *message, int sock);

/* Closes its descriptors and makes it ready for the next one. */
void	vhost_user_wire_clear(struct vhost_user_message *message);

/*
 * Sends what is left of the reply, as much as there is room for.  Returns 0,
 * VHOST_USER_END or -errno; reply->len is 0 once all is sent.
 */
int	vhost_user_wire_send(struct vhost_user_reply *reply, int sock);

#endif /* WORKER_VHOST_USER_WIRE_H */
