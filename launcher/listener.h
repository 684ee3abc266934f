/*
 * SPDX-License-Identifier: ISC
 *
 * The guest-facing socket: made or inherited, accepted from once, removed.
 */
#ifndef LAUNCHER_LISTENER_H
#define LAUNCHER_LISTENER_H

#include <stdbool.h>

#include "launcher/options.h"
#include "launcher/own_file.h"

struct listener {
	int		 fd;
	bool		 listening;	/* else `fd` is connected already */
	struct own_file	 own;		/* of its file, if it has one */
};

/*
 * Makes the socket that the options name, or checks the inherited one.  Returns
 * 0, or -errno after logging what is wrong.
 */
int	listener_open(struct listener *listener, const struct options *options);

/*
 * Accepts the front-end.  Returns the connection, O_CLOEXEC and the caller's,
 * or -errno: -EAGAIN if there is none.
 */
int	listener_accept(struct listener *listener);

/*
 * Writes who is at the connection's other end, for people to read; without
 * `users` by the process id alone, for where this process has user ids of its
 * own (user_namespaces(7)).
 */
void	listener_peer(int fd, bool users, char *buf, size_t size);

/* Closes the socket and removes its file, if it is still that file. */
void	listener_close(struct listener *listener);

#endif /* LAUNCHER_LISTENER_H */
