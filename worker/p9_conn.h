/*
 * SPDX-License-Identifier: ISC
 *
 * The worker's life with one 9p-proxy connection: requests come in, the monitor
 * is asked, replies go out, one at a time.
 */
#ifndef WORKER_P9_CONN_H
#define WORKER_P9_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/adaptive.h"
#include "common/lane.h"
#include "worker/monitor_client.h"
#include "worker/p9_dispatch.h"
#include "worker/p9_proto.h"
#include "worker/p9_reply.h"

struct event;
struct event_base;

/* Why the loop is to end. */
enum p9_conn_end {
	P9_CONN_GOES_ON,
	P9_CONN_STOP,		/* the launcher asked for it */
	P9_CONN_ORPHANED,	/* there is no launcher any more */
	P9_CONN_FAILED		/* nor a monitor, or a loop; it is logged */
};

struct p9_conn {
	int			 sock;		/* the front-end's; -1: none */
	int			 channel;	/* the caller's */
	struct lane		*lane;		/* the caller's */
	struct event_base	*base;
	struct event		*on_input;
	struct event		*on_output;
	struct event		*on_bell;	/* of the lane */
	struct event		*on_monitor;	/* its end */
	struct event		*on_channel;
	bool			 input_unwatched; /* while it is not wanted */
	bool			 waits_input;	/* asleep for the front-end */
	enum p9_conn_end	 end;
	struct adaptive		 input_wait;
	struct adaptive		 lane_wait;
	struct monitor_client	 monitor;
	struct p9_request	 request;
	struct p9_reply		 reply;
	/* What was received and not used yet: in[in_start .. in_end). */
	size_t			 in_start;
	size_t			 in_end;
	bool			 in_known;	/* its type was told the lane */
	uint8_t			 in[P9_MESSAGE_MAX];
};

/*
 * Prepares everything but the front-end's socket, so that what is left to do
 * inside of the sandbox is little.  `conn` must be zeroed; `lane` and `channel`
 * must outlive it.  Returns 0 or -errno; p9_conn_free() is due in any case.
 */
int	p9_conn_init(struct p9_conn *conn, struct lane *lane, int channel,
	    uint32_t poll_us);

/*
 * Serves `sock`, which it takes, until its end, or until the launcher says
 * stop.  Returns the process's exit status: 0, or 1 with the reason logged.
 */
int	p9_conn_serve(struct p9_conn *conn, int sock);

/* Closes and frees. */
void	p9_conn_free(struct p9_conn *conn);

#endif /* WORKER_P9_CONN_H */
