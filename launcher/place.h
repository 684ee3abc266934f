/*
 * SPDX-License-Identifier: ISC
 *
 * A file that this process has made, by its name in a directory that is opened
 * once: what the directory's path means later does not matter.
 */
#ifndef LAUNCHER_PLACE_H
#define LAUNCHER_PLACE_H

#include <sys/stat.h>

#include <stdbool.h>

struct place {
	int		 dir_fd;	/* -1: none */
	const char	*name;		/* within the path that it was given */
	dev_t		 dev;		/* of the file */
	ino_t		 ino;		/* 0: there is none of ours yet */
};

/* Opens the directory of `path`, which must live on.  Returns 0 or -errno. */
int	place_open(struct place *place, const char *path);

/* Remembers the file that was made. */
void	place_take(struct place *place, const struct stat *st);

/* Says whether the name is that file's, and no link's to it. */
bool	place_is_ours(const struct place *place);

/*
 * Removes the name if it is still that file's, logging as `what` when it
 * cannot, and closes the directory.
 */
void	place_remove(struct place *place, const char *what);

#endif /* LAUNCHER_PLACE_H */
