/* SPDX-License-Identifier: ISC */
/*
 * Mounts a share of a virtio-fs server on this host's own kernel: its FUSE
 * client speaks to the server's virtqueues, at native speed and without a
 * virtual machine. The pump and the server are processes of their own, so
 * that the caller may use the mount, and may die, as it likes. What differs
 * from the virtiofs driver: no DAX, no SYNCFS, no submounts, and DESTROY is
 * ours. Test code; runs as root, in a private mount namespace.
 */
#ifndef REGRESS_BRIDGE_H
#define REGRESS_BRIDGE_H

#include <sys/types.h>

#include "vhost_front.h"
#include "virtiofs_server.h"

struct bridge_options {
	/* With share and socket_path. */
	struct virtiofs_server_options	server;
	const char			*mount_point;
	/* Zero: one queue of 1024, split. */
	struct vhost_options		front;
};

struct bridge {
	pid_t	pid;		/* of the pump, -1 when there is none */
	pid_t	server;		/* its child */
	int	control;
	char	mount_point[128];
};

/* How it ended; all zero when all was well. */
struct bridge_end {
	int		umount;		/* errno of umount(2) */
	int		stalled;	/* a request had no answer */
	int		lost;		/* the server closed the connection */
	unsigned int	broken;		/* replies that break the protocol */
	int		destroy;	/* -errno */
	int		status;		/* of the server, server.h */
};

/*
 * Starts the server and mounts. 0, or -EOPNOTSUPP when the server cannot do
 * what the options want. Ends the test on other failures.
 */
int	bridge_start(struct bridge *b, const struct bridge_options *o);
/*
 * Unmounts, ends both processes. Returns 0 if all was well; otherwise what
 * was not has been told of on stderr, with the server's log. NULL or *end.
 */
int	bridge_stop(struct bridge *b, struct bridge_end *end);
/* All open descriptors of the server's processes. */
size_t	bridge_server_fds(const struct bridge *b);
/*
 * Makes the kernel forget all inodes that nobody uses, and waits until the
 * server's open descriptors are no more than this. Returns how many they are.
 */
size_t	bridge_forget(const struct bridge *b, size_t fds);

#endif
