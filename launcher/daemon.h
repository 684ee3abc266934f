/*
 * SPDX-License-Identifier: ISC
 *
 * What a service manager or a shell sees: the background, the readiness, the
 * log.
 */
#ifndef LAUNCHER_DAEMON_H
#define LAUNCHER_DAEMON_H

#include "launcher/options.h"

struct daemon {
	pid_t	pid;		/* of the launcher */
	int	status_fd;	/* to the waiting parent, or -1 */
	int	notify_fd;	/* to the service manager, or -1 */
	int	syslog_fd;	/* or -1: stderr */
};

/* If stderr is a stream of systemd's journal, says so to the log. */
void	daemon_find_journal(void);

/*
 * Opens what the log and the readiness need and, if the options say so, goes
 * to the background: the parent process waits for daemon_ready() and exits with
 * 0, or with 1 if this process ends before that.  Returns 0 or -errno, logged.
 */
int	daemon_begin(struct daemon *daemon, const struct options *options);

/*
 * Leaves the terminal and the working directory, the log goes to syslog from
 * here on if the options say so.  Returns 0 or -errno, logged.
 */
int	daemon_detach(struct daemon *daemon, const struct options *options);

/*
 * Tells parent and service manager that the daemon is ready, and the latter
 * whether it waits for a front-end, serves one, or is about to end.  `peer` is
 * one line of printable text.
 */
void	daemon_ready(struct daemon *daemon, const struct options *options,
	    bool listening);
void	daemon_serving(const struct daemon *daemon, const char *peer);
void	daemon_ending(const struct daemon *daemon);

#endif /* LAUNCHER_DAEMON_H */
