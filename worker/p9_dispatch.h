/*
 * SPDX-License-Identifier: ISC
 *
 * Requests of the 9p-proxy protocol: from the bytes of one message to its
 * reply.  Knows nothing of sockets.
 */
#ifndef WORKER_P9_DISPATCH_H
#define WORKER_P9_DISPATCH_H

#include <stddef.h>
#include <stdint.h>

#include "common/log.h"
#include "worker/monitor_client.h"
#include "worker/p9_path.h"
#include "worker/p9_proto.h"
#include "worker/p9_reply.h"

struct p9_operation;

/* Bytes of the message, without the NUL that may have ended them. */
struct p9_span {
	const uint8_t	*bytes;
	size_t		 len;
};

/* The fields of a message, those of one kind in the order of the message. */
struct p9_fields {
	struct p9_span		string[3];	/* all of them */
	struct p9_path		path[2];	/* those that are paths */
	struct monitor_where	where[2];	/* and where those lead */
	uint32_t		number[4];	/* 32 bits */
	uint64_t		wide[4];	/* 64 bits */
};

/* The request in progress: the protocol has one at a time. */
struct p9_request {
	struct monitor_client		*monitor;
	struct p9_reply			*reply;
	const struct p9_operation	*operation;
	struct p9_fields		 fields;
	uint32_t			 limit;	/* of the reply's string */
	uint64_t			 count;	/* of all requests so far */
	struct log_limit		 malformed;
};

/* Both arguments stay the caller's. */
void	p9_request_init(struct p9_request *request,
	    struct monitor_client *monitor, struct p9_reply *reply);

/* Returns the form of the reply to a request of `type`, known or not. */
enum p9_form
	p9_dispatch_form(uint32_t type);

/*
 * Starts the request `type` with the `len` bytes of `payload`, which must stay
 * as they are until request->reply is made: at once, or by monitor_reap().
 * There must be no other in progress.
 */
void	p9_dispatch(struct p9_request *request, uint32_t type,
	    const uint8_t *payload, size_t len);

#endif /* WORKER_P9_DISPATCH_H */
