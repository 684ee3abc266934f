/*
 * SPDX-License-Identifier: ISC
 *
 * One FUSE queue with nothing but tests around it: a stub for a monitor, real
 * I/O threads, a real data fd, and chains of any layout.
 */
#ifndef REGRESS_UNIT_FUSE_FIXTURE_H
#define REGRESS_UNIT_FUSE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuse_sample.h"
#include "worker/fuse_request.h"

/* How a request and the room for its reply are cut into elements. */
enum fuse_layout {
	FUSE_LAYOUT_LINUX,	/* header, then the rest; in both */
	FUSE_LAYOUT_JOINED,	/* one element */
	FUSE_LAYOUT_ODD,	/* 1, 2, 3, 5, 7, 11, 13 bytes, and again */
	FUSE_LAYOUT_BYTES,	/* single bytes, 500 of them; then the rest */
	FUSE_LAYOUTS
};

#define FUSE_FILE_SIZE	6000	/* of the data fd: 'a' to 'z', over again */

struct fuse_fixture {
	struct worker_fuse_config	 config;
	struct fuse_session		 session;
	struct fuse_queue		 queue;
	struct monitor_client		 monitor;
	struct io_pool			*pool;
	struct io_port			 io;
	struct wakeup			 wakeup;
	int				 file;	/* unlinked, on tmpfs */
	uint64_t			 fh;	/* it, as FUSE_SAMPLE_NODE */
	enum fuse_layout		 layout;
	/* Of the last request. */
	uint8_t				 reply[FUSE_SAMPLE_MAX];
	size_t				 len;	/* as given back */
	const char			*wrong;	/* found by the judges */
};

/* One request in flight. */
struct fuse_flight {
	struct fuse_request	 request;
	struct iovec		 iov[VIRTQUEUE_IOV_MAX];
	struct fuse_fixture	*fixture;
	unsigned int		 completed;
	size_t			 len;
};

/* An initialised session, all flags taken; aborts on failure. */
void	fuse_fixture_init(struct fuse_fixture *f);
void	fuse_fixture_free(struct fuse_fixture *f);

/* The stub answers success, the file is whole, `fh` is open with `flags`. */
void	fuse_fixture_reset(struct fuse_fixture *f, int flags);

/* Starts a request; each element is memory of its own. */
void	fuse_fixture_start(struct fuse_fixture *f, struct fuse_flight *flight,
	    const uint8_t *request, size_t len, size_t room);

/* Does once what a queue's loop does. */
void	fuse_fixture_turn(struct fuse_fixture *f);

/* Goes on until it is complete (30 s at most), copies the reply, frees. */
void	fuse_fixture_finish(struct fuse_fixture *f,
	    struct fuse_flight *flight);

/* All three.  Returns the reply's error, 0, or -ENOMSG if there is none. */
int	fuse_fixture_run(struct fuse_fixture *f, const uint8_t *request,
	    size_t len, size_t room);

#endif /* REGRESS_UNIT_FUSE_FIXTURE_H */
