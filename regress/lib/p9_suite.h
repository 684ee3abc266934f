/* SPDX-License-Identifier: ISC */
/*
 * Runs groups of 9p-proxy tests against a server on tmpfs and on ext4, each
 * in a directory of its own. Test code.
 */
#ifndef REGRESS_P9_SUITE_H
#define REGRESS_P9_SUITE_H

#include <sys/stat.h>

#include "fixture.h"
#include "p9_client.h"
#include "server.h"
#include "tap.h"

struct p9_env {
	const struct fixture_share	*share;
	struct server			srv;
	struct p9_client		c;
	const char			*test;	/* name of the directory */
};

struct p9_test {
	const char	*name;
	void		(*run)(struct p9_env *);
};

/* A test program: these tests, with these further server arguments. */
struct p9_suite {
	const struct p9_test	*tests;
	size_t			count;
	const char *const	*extra;
	/* A second set of arguments with which all is done again, or NULL. */
	const char *const	*also;
	unsigned int		limit_s;
	/* The helper has nothing to compare with: skip the program for it. */
	int			privfsd_only;
};

int	p9_suite_main(const struct p9_suite *suite);

/*
 * A file in the test's directory: its path as QEMU would send it ("//test/x")
 * and on the host. Both from a ring of static buffers; valid for the next
 * sixteen calls.
 */
const char	*guest(const struct p9_env *e, const char *name);
const char	*host(const struct p9_env *e, const char *name);

/*
 * Does the server under test have this defect (D1 to D21 and others, see the
 * table in p9_suite.c)? Then the test is reported as skipped. Only the
 * reference helper ever has one.
 */
int	differs(const struct p9_env *e, const char *defect);

/* One test: the result is this errno (as a negative number) or 0. */
int	is_result(int got, int want, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* One test: some errno, but no success and no broken connection. */
int	is_error(int got, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* One test: any answer that keeps the protocol. */
int	is_answer(int got, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Starts a server for a share and makes a client of it; ends the test
 * program when that does not work. */
void	p9_env_start(struct p9_env *e, const struct server_options *o);
/* Ends it; returns server_stop()'s status. */
int	p9_env_stop(struct p9_env *e);

#endif
