/* SPDX-License-Identifier: ISC */
/*
 * The ground of a virtio-fs test: a share (fixture.h), a server on it and a
 * FUSE client that has done INIT. And groups of tests, run on tmpfs and on
 * ext4 in several variants of rings and layouts, each test in a directory of
 * its own. Test code.
 */
#ifndef REGRESS_VIRTIOFS_SUITE_H
#define REGRESS_VIRTIOFS_SUITE_H

#include "fixture.h"
#include "fuse_client.h"
#include "tap.h"
#include "virtiofs_server.h"

struct virtiofs_options {
	/* kind, share and socket_path are filled in. */
	struct virtiofs_server_options	server;
	struct vhost_options		front;
	struct fuse_init_options	init;	/* flags 0: the default */
	unsigned int			depth;
	enum fuse_layout		layout;
	int				no_init;
};

struct virtiofs_env {
	const struct fixture_share	*share;
	enum virtiofs_kind		kind;
	struct server			srv;
	struct vhost_front		front;
	struct fuse_client		c;	/* of request queue 1 */
	struct virtiofs_options		options;
	/* Within a suite: the test's directory. */
	const char			*test;
	uint64_t			dir;	/* its nodeid */
};

/*
 * One call: starts the server that VIRTIOFS_SERVER names on a share, connects,
 * sets up memory and rings, sends INIT. 0, or a negative errno of
 * vhost_front_setup() (-EOPNOTSUPP: the server cannot do what the options
 * want), with nothing left running. Other failures end the test.
 */
int	virtiofs_env_start(struct virtiofs_env *e,
	    const struct fixture_share *share,
	    const struct virtiofs_options *o);
/* Disconnects; the server's exit status as server_stop() has it. */
int	virtiofs_env_stop(struct virtiofs_env *e);

/* For main(): fixture_main(), and the link for the dropin. */
int	virtiofs_main(void (*body)(struct fixture *), unsigned int limit_s);

struct virtiofs_test {
	const char	*name;
	void		(*run)(struct virtiofs_env *);
};

struct virtiofs_suite {
	const struct virtiofs_test	*tests;
	size_t				count;
	struct virtiofs_options		options;
	unsigned int			limit_s;
	/*
	 * How often: 0: split rings as Linux lays requests out, packed rings
	 * in odd pieces (left out where the server has none). 1: only as the
	 * options say.
	 */
	int				once;
	/* tmpfs alone. */
	int				tmpfs_only;
};

int	virtiofs_suite_main(const struct virtiofs_suite *suite);

/* A path on the host in the test's directory, from a ring of 16 buffers. */
const char	*host_path(const struct virtiofs_env *e, const char *name);

/*
 * Does the server under test differ there (see the table in virtiofs_suite.c)?
 * Then one test is reported as skipped. Only the reference servers ever do.
 */
int	peer_differs(const struct virtiofs_env *e, const char *what);

/* One test each: exactly this result; success (any length); any errno. */
int	is_reply(int got, int want, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
int	is_success(int got, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
int	is_refused(int got, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* LOOKUP of an existing name in the test's directory, or below a parent; the
 * test ends when there is none. */
uint64_t	node(struct virtiofs_env *e, const char *name);
uint64_t	node_in(struct virtiofs_env *e, uint64_t parent,
		    const char *name);
/* Opens; the test ends when that fails. */
uint64_t	open_node(struct virtiofs_env *e, uint64_t nodeid,
		    uint32_t flags);

/* One test: these attributes are what the host says of name. */
int	is_attr_of(const struct virtiofs_env *e, const struct fuse_attr *attr,
	    const char *name);

#endif
