/*
 * SPDX-License-Identifier: ISC
 *
 * A file that this process has made or taken, by its name in a directory that
 * is opened once: what the directory's path means later does not matter.
 */
#ifndef LAUNCHER_OWN_FILE_H
#define LAUNCHER_OWN_FILE_H

#include <sys/stat.h>

#include <stdbool.h>

struct own_file {
	int		 dir_fd;	/* -1: none */
	const char	*name;		/* within the path that it was given */
	dev_t		 dev;		/* of the file */
	ino_t		 ino;		/* 0: there is none of ours yet */
};

/* Opens the directory of `path`, which must live on.  Returns 0 or -errno. */
int	own_file_open(struct own_file *own, const char *path);

/* Remembers the file that was made or taken. */
void	own_file_take(struct own_file *own, const struct stat *st);

/*
 * Returns whether what has the name is that file itself; stores what it was at
 * that moment.
 */
bool	own_file_is_ours(const struct own_file *own, struct stat *st_out);

/*
 * Removes the name if it is still that file's, logging as `what` when it
 * cannot, and closes the directory.
 */
void	own_file_remove(struct own_file *own, const char *what);

#endif /* LAUNCHER_OWN_FILE_H */
