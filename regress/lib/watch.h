/* SPDX-License-Identifier: ISC */
/*
 * Tells whether anybody opened, read or changed a file (inotify), to show
 * that a server does not open what it must not open. Test code.
 */
#ifndef REGRESS_WATCH_H
#define REGRESS_WATCH_H

struct watch {
	int	fd;
};

/*
 * Kernels before 6.10 report O_PATH opens too, and those are allowed. Returns
 * whether this one can tell them apart, tried out on the file given.
 */
int	watch_is_exact(const char *path);

void	watch_start(struct watch *w, const char *path);
/* Whether something happened to the file; ends watching it. */
int	watch_end(struct watch *w);

#endif
