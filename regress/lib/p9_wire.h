/* SPDX-License-Identifier: ISC */
/*
 * Sending 9p-proxy requests in QEMU's place, and taking and judging the
 * replies: stricter than QEMU, since a reply that could crash or mislead QEMU
 * is P9_BAD_REPLY. Every wait has a bound. Test code; the server under test
 * is not trusted.
 */
#ifndef REGRESS_P9_WIRE_H
#define REGRESS_P9_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "p9_msg.h"

/* Results of a call that are not an errno from the server. */
enum p9_failure {
	P9_TIMEOUT = -10000,	/* no answer within the client's bound */
	P9_EOF = -10001,	/* connection closed in place of an answer */
	P9_RESET = -10002,	/* closed with the request unread */
	P9_SEND = -10003,	/* the request could not be sent any more */
	P9_BAD_REPLY = -10004	/* an answer that breaks the protocol */
};

struct p9_client {
	int	fd;
	int	timeout_ms;	/* 0: the socket has SO_RCVTIMEO */
};

/* A reply with a header. */
struct p9_reply {
	uint32_t	type;
	uint32_t	size;
	uint8_t		data[P9_MAX_PAYLOAD];
};

/* The text of a result, for messages: an errno's or a failure's name. */
const char	*p9_result_name(int result);

/*
 * Raw halves. p9_send() sends len bytes in pieces of at most step bytes (0:
 * at once). p9_receive() and p9_receive_fd() take one reply of that form and
 * return 0 or an enum p9_failure or, for a descriptor reply, -errno.
 */
int	p9_send(struct p9_client *c, const void *bytes, size_t len,
	    size_t step);
int	p9_send_with_fd(struct p9_client *c, const void *bytes, size_t len,
	    int fd);
int	p9_receive(struct p9_client *c, struct p9_reply *r);
int	p9_receive_fd(struct p9_client *c, int *fd);
/*
 * 0 when the server closes the connection without sending anything more, but
 * for 4 bytes of -EIO, by which QEMU takes the end for what it is.
 */
int	p9_receive_eof(struct p9_client *c);

/*
 * Sends a message and takes the reply in the form that QEMU expects for its
 * type, checking it against what was asked; content and descriptor are
 * dropped. Returns 0, -errno or an enum p9_failure.
 */
int	p9_exchange(struct p9_client *c, struct p9_msg *m);
/* The second half of it. */
int	p9_answer(struct p9_client *c, const struct p9_msg *m);
/* As p9_exchange(), with the content of a reply that has a header. */
int	p9_call(struct p9_client *c, struct p9_msg *m, struct p9_reply *r);
/* As p9_exchange() for a descriptor reply; the caller closes *fd. */
int	p9_call_fd(struct p9_client *c, struct p9_msg *m, int *fd);

#endif
