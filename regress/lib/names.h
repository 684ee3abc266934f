/* SPDX-License-Identifier: ISC */
/*
 * A daemon under each of the program's names, with a socket of its own making.
 * Test code.
 */
#ifndef REGRESS_NAMES_H
#define REGRESS_NAMES_H

#include <sys/types.h>

#include "fixture.h"

enum names {
	NAMES_9P,		/* privfsd --protocol=9p-proxy */
	NAMES_VIRTIOFS,		/* privfsd --protocol=virtiofs */
	NAMES_HELPER,		/* virtfs-proxy-helper */
	NAMES_VIRTIOFSD,	/* virtiofsd */
	NAMES
};

struct names_how {
	enum names		 name;
	int			 daemonize;
	/* What sh(1) does before it executes "$@", NULL for nothing. */
	const char		*before;
	const char		*extra[4];	/* further arguments */
};

struct named {
	pid_t	pid;		/* that was started, or the daemon's */
	int	log_fd;		/* what it says on stdout and stderr */
};

const char	*names_label(enum names name);

/* The socket that they all make. */
const char	*names_socket(const struct fixture *f);

/* Starts one; with `daemonize`, waits for the command and finds the daemon. */
void	names_start(struct named *d, const struct fixture *f,
	    const struct names_how *how);

/* Waits for a text in the log, for a bounded time.  Returns whether it came. */
int	names_wait_log(const struct named *d, const char *text);

/* Waits for the end and reports whether the status is `want`. */
void	names_end(struct named *d, int want, const char *what);

#endif
