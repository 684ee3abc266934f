/* SPDX-License-Identifier: ISC */
/* Watches a file with inotify(7). Test code. */
#include "watch.h"

#include <sys/inotify.h>

#include <fcntl.h>
#include <unistd.h>

#include "tap.h"

void
watch_start(struct watch *w, const char *path)
{
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0 || inotify_add_watch(w->fd, path, IN_OPEN | IN_ACCESS |
	    IN_MODIFY | IN_CLOSE | IN_DONT_FOLLOW) < 0)
		tap_bail("inotify on %s", path);
}

int
watch_end(struct watch *w)
{
	char event[4096];
	ssize_t n = read(w->fd, event, sizeof(event));

	close(w->fd);
	return n > 0;
}

int
watch_is_exact(const char *path)
{
	struct watch w;
	int fd;

	watch_start(&w, path);
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		tap_bail("open %s", path);
	close(fd);
	return !watch_end(&w);
}
