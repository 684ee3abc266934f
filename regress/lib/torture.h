/* SPDX-License-Identifier: ISC */
/*
 * What the virtio-fs torture tests share: a daemon with its session, what
 * must hold whenever it ends, hostile messages and what came of them, and
 * descriptors of every kind. Test code; for privfsd alone.
 */
#ifndef REGRESS_TORTURE_H
#define REGRESS_TORTURE_H

#include "virtiofs_suite.h"

struct torture {
	const struct fixture_share	*share;
	struct server			srv;
	struct vhost_front		front;
	struct fuse_client		c;	/* of request queue 1 */
	int				has_client;
	pid_t				monitor, worker;
	/* What its log must say at the end; NULL: anything. */
	const char			*says;
	/* The reply that torture_send() got. */
	struct vhost_message		reply;
};

/*
 * Starts the daemon and connects, without any message; tag may be NULL.
 * vhost_front_*() do the rest, or set_up: all that is left of the correct
 * sequence, as far as INIT and a file that is written and read.
 */
void	torture_connect(struct torture *t, const struct fixture_share *share,
	    const struct vhost_options *o, const char *tag);
/* Features, memory and rings are made, nothing but the features is sent. */
void	torture_negotiate(struct torture *t);
/* One test: a correct sequence from the memory on works. */
int	torture_set_up(struct torture *t, const char *after);
/* Both at once; ends the test when it does not work. */
void	torture_start(struct torture *t, const struct fixture_share *share,
	    const struct vhost_options *o, const char *tag);

/* A file is made, written, read, removed: how much went wrong. */
int	torture_work(struct fuse_client *c, unsigned int rounds);
/* One test: does the session go on? With what was done before. */
int	torture_works(struct torture *t, const char *after);

/*
 * Disconnects. One test: the daemon ends within the bound with this status
 * (or, TORTURE_ANY, 0 or 1), none of its processes was ended by a signal or
 * found itself wrong, and none is left.
 */
#define TORTURE_ANY	(-1)
int	torture_end(struct torture *t, int status, const char *after);
/* The same, of a daemon that must end although nobody has disconnected. */
int	torture_ended(struct torture *t, int status, const char *after);
/* Has the log this text? */
int	torture_logged(const struct torture *t, const char *text);
/* The worker's open descriptors, with all messages carried out. */
size_t	torture_count_fds(struct torture *t);

enum torture_outcome {
	TORTURE_REFUSED,	/* an answer that says no */
	TORTURE_ACCEPTED,	/* one that says yes, or a value */
	TORTURE_SILENT,		/* none; the connection goes on */
	TORTURE_CLOSED,
	TORTURE_HUNG,		/* nothing at all within the bound */
	TORTURE_WRONG		/* an answer to something else */
};
const char *torture_outcome_name(enum torture_outcome o);

struct torture_message {
	struct vhost_header	header;
	const void		*payload;
	size_t			len;		/* of the payload sent */
	const int		*fds;
	size_t			fd_count;
};

/* Sends a message of full length, and a good one behind it to know when the
 * first is through. */
enum torture_outcome
	torture_send(struct torture *t, const struct torture_message *m);
/* The same for a correct header that asks for an answer. */
enum torture_outcome
	torture_ask(struct torture *t, uint32_t request, const void *payload,
	    size_t len, const int *fds, size_t fd_count);
/* One test: this is refused, and the connection goes on. */
int	torture_refuses(struct torture *t, uint32_t request,
	    const void *payload, size_t len, const int *fds, size_t fd_count,
	    const char *fmt, ...) __attribute__((format(printf, 7, 8)));

/* Descriptors of every kind; the caller closes them. */
enum torture_fd {
	TORTURE_FD_EVENT,	/* a good one for a ring */
	TORTURE_FD_EVENT_FULL,	/* which blocks its writer */
	TORTURE_FD_MEMFD,	/* a good one for memory, 1 MiB */
	TORTURE_FD_MEMFD_RO,
	TORTURE_FD_MEMFD_SEALED,	/* against writing */
	TORTURE_FD_MEMFD_EMPTY,
	TORTURE_FD_FILE,	/* a regular file, for reading alone */
	TORTURE_FD_PATH,	/* O_PATH of that */
	TORTURE_FD_DIRECTORY,
	TORTURE_FD_NULL,
	TORTURE_FD_ZERO,
	TORTURE_FD_SOCKET,
	TORTURE_FD_PIPE_FULL,	/* which blocks its writer */
	TORTURE_FD_PIPE_BROKEN,	/* without a reader */
	TORTURE_FD_EPOLL,
	TORTURE_FD_TIMER,
	TORTURE_FD_SELF,	/* of this very process, pidfd_open(2) */
	TORTURE_FD_CONNECTION,	/* the front-end's own end of it */
	TORTURE_FD_COUNT
};
const char *torture_fd_name(enum torture_fd kind);
int	torture_fd(struct torture *t, enum torture_fd kind);

/* A pseudo-random sequence that the seed determines (splitmix64). */
uint64_t torture_random(uint64_t *state);
/* TORTURE_SEED from the environment, or this one; says which. */
uint64_t torture_seed(uint64_t otherwise);

/* For main(): virtiofs_main(), or a plan of 0 for a peer. */
int	torture_main(void (*body)(struct fixture *), unsigned int limit_s);

#endif
