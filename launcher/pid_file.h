/*
 * SPDX-License-Identifier: ISC
 *
 * The pid file: locked while the launcher lives, and removed at its end.
 */
#ifndef LAUNCHER_PID_FILE_H
#define LAUNCHER_PID_FILE_H

#include <sys/types.h>

#include "launcher/own_file.h"

struct pid_file {
	int		fd;		/* has the lock; -1: no file */
	struct own_file	own;
};

#define PID_FILE_NONE	{ .fd = -1, .own = { .dir_fd = -1 } }

/*
 * Makes the file, or takes one that nobody holds, and writes the pid.  `path`
 * must live on.  Returns 0, or -errno after logging what is wrong.
 */
int	pid_file_write(struct pid_file *file, const char *path, pid_t pid);

/* Removes it, if the name is still its own, and gives up the lock. */
void	pid_file_remove(struct pid_file *file);

#endif /* LAUNCHER_PID_FILE_H */
