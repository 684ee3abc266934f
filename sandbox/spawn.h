/*
 * SPDX-License-Identifier: ISC
 *
 * Starting the monitor and the worker so that neither outlives the other.
 */
#ifndef SANDBOX_SPAWN_H
#define SANDBOX_SPAWN_H

#include <sys/types.h>

#include <stdbool.h>

#include "sandbox/sandbox.h"

struct child {
	const char	*name;		/* for logs */
	int		 pidfd;		/* -1 once it is reaped */
	pid_t		 pid;		/* for logs; 0 if never started */
	int		 channel;	/* the launcher's end, non-blocking */
	int		 status;	/* as of wait(2), once it is reaped */
};

/*
 * Starts the monitor; in mode namespace it is the init of a new pid namespace,
 * which every later child is in, so that the kernel kills them with it
 * (pid_namespaces(7)).  In it, `run` is called with `arg` and its end of the
 * channel, and returns its exit status.  Returns 0 or -errno, logged; `child`
 * then owns its descriptors.
 */
typedef int spawn_run(void *arg, int channel);
int	spawn_monitor(struct child *child, enum sandbox_mode mode,
	    spawn_run *run, void *arg);

/*
 * Starts the program `path` with its end of the channel as its only descriptor,
 * in mode namespace in a pid namespace of its own within the monitor's.
 * Returns 0 or -errno, logged.
 */
int	spawn_worker(struct child *child, const char *path,
	    enum sandbox_mode mode);

/*
 * Reaps the child if it has ended.  Returns true, with its status stored, if
 * it has or had before.
 */
bool	spawn_reap(struct child *child);

/* Kills the child, if it lives.  The launcher must be permitted to. */
void	spawn_kill(struct child *child);

/*
 * Lets the signals that end a daemon wait (SIG_BLOCK) or come (SIG_UNBLOCK):
 * one that ended the launcher before its event loop takes them would leave the
 * socket's file behind.
 */
void	spawn_hold_signals(int how);

#endif /* SANDBOX_SPAWN_H */
