/*
 * SPDX-License-Identifier: ISC
 *
 * The names of the socket and of the pid file.  Runs in the launcher.  Whoever
 * may write in such a directory may have put anything in a name's place.
 */
#include "config.h"

#include "launcher/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

int
place_open(struct place *place, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;

	place->name = slash == NULL ? path : slash + 1;
	dir = slash == NULL ? strdup(".") :
	    strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (dir == NULL)
		return -ENOMEM;
	place->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	return place->dir_fd == -1 ? -errno : 0;
}

void
place_take(struct place *place, const struct stat *st)
{
	place->dev = st->st_dev;
	place->ino = st->st_ino;
}

bool
place_is_ours(const struct place *place)
{
	struct stat st;

	return place->ino != 0 && fstatat(place->dir_fd, place->name, &st,
	    AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == place->dev &&
	    st.st_ino == place->ino;
}

void
place_remove(struct place *place, const char *what)
{
	if (place->dir_fd == -1)
		return;
	if (place_is_ours(place) &&
	    unlinkat(place->dir_fd, place->name, 0) == -1 && errno != ENOENT)
		log_warn("%s %s: cannot be removed: %s", what, place->name,
		    strerror(errno));
	close(place->dir_fd);
	place->dir_fd = -1;
}
