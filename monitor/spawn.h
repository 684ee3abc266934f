/*
 * SPDX-License-Identifier: ISC
 *
 * Starting the monitor and the worker so that neither outlives the other.
 */
#ifndef MONITOR_SPAWN_H
#define MONITOR_SPAWN_H

#include <sys/types.h>

#include "monitor/monitor.h"

struct child {
	const char	*name;		/* for logs */
	int		 pidfd;		/* -1 once it is reaped */
	pid_t		 pid;		/* for logs */
	int		 channel;	/* the launcher's end, non-blocking */
	int		 status;	/* as of wait(2), once it is reaped */
};

/*
 * Starts the monitor; in mode namespace it is the init of a new pid namespace,
 * which every later child is in, so that the kernel kills them with it
 * (pid_namespaces(7)).  `config->channel` is filled in.  Returns 0 or -errno,
 * logged; `child` then owns its descriptors.
 */
int	spawn_monitor(struct child *child, struct monitor_config *config);

/*
 * Starts the program `path` with its end of the channel as its only descriptor,
 * in mode namespace in a pid namespace of its own within the monitor's.
 * Returns 0 or -errno, logged.
 */
int	spawn_worker(struct child *child, const char *path,
	    enum sandbox_mode mode);

/*
 * Reaps the child if it has ended.  Returns true, with its status stored, if
 * it has or was before.
 */
bool	spawn_reap(struct child *child);

/* Kills the child, if it lives.  The launcher must be permitted to. */
void	spawn_kill(struct child *child);

#endif /* MONITOR_SPAWN_H */
