/*
 * SPDX-License-Identifier: ISC
 *
 * The names of the socket and of the pid file.  Runs in the launcher.  Whoever
 * may write in such a directory may have put anything in a name's place.
 */
#include "config.h"

#include "launcher/own_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

int
own_file_open(struct own_file *own, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;

	own->name = slash == NULL ? path : slash + 1;
	dir = slash == NULL ? strdup(".") :
	    strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (dir == NULL)
		return -ENOMEM;
	own->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	return own->dir_fd == -1 ? -errno : 0;
}

void
own_file_take(struct own_file *own, const struct stat *st)
{
	own->dev = st->st_dev;
	own->ino = st->st_ino;
}

bool
own_file_is_ours(const struct own_file *own, struct stat *st_out)
{
	return own->ino != 0 && fstatat(own->dir_fd, own->name, st_out,
	    AT_SYMLINK_NOFOLLOW) == 0 && st_out->st_dev == own->dev &&
	    st_out->st_ino == own->ino;
}

void
own_file_remove(struct own_file *own, const char *what)
{
	struct stat st;

	if (own->dir_fd == -1)
		return;
	if (own_file_is_ours(own, &st) &&
	    unlinkat(own->dir_fd, own->name, 0) == -1 && errno != ENOENT)
		log_warn("%s %s: cannot be removed: %s", what, own->name,
		    strerror(errno));
	close(own->dir_fd);
	own->dir_fd = -1;
}
