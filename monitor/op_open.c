/*
 * SPDX-License-Identifier: ISC
 *
 * OPEN.  Runs privileged.  Trusts nothing in a request beyond what dispatch.c
 * checked.  Nothing but a regular file, and where the worker has no other way
 * to name things a directory, is ever opened: a FIFO would block, a device do
 * something.
 */
#include "config.h"

#include "monitor/open.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "monitor/dispatch.h"

/* Returns 0 if what `fd` is a path to may be opened, or -errno. */
static int
open_permitted(int fd, bool directories)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (S_ISREG(st.st_mode))
		return 0;
	if (S_ISDIR(st.st_mode))
		return directories ? 0 : -EISDIR;
	return S_ISLNK(st.st_mode) ? -ELOOP : -ENXIO;
}

int
open_target(const struct monitor *m, struct place *place, int flags,
    bool directories)
{
	char name[MONITOR_FD_NAME_MAX];
	struct resolved at;
	int error, file;

	error = resolve_inode(place, &at);
	if (error != 0)
		return error;
	error = open_permitted(at.fd, directories);
	/* As truncate(2) in op_attr.c: S_ISGID may hang on whose ids it has. */
	if ((flags & O_TRUNC) != 0)
		creds_own(place->creds);
	if (error == 0) {
		file = openat(m->proc_fd, monitor_fd_name(at.fd, name),
		    flags | O_NOCTTY | O_CLOEXEC);
		error = file == -1 ? -errno : file;
	}
	resolve_release(&at);
	return error;
}

int
op_open(struct monitor *m, struct op *op)
{
	int fd, flags = (int)op->request.u.open.flags;

	if (m->readonly && ((flags & O_ACCMODE) != O_RDONLY ||
	    (flags & O_TRUNC) != 0))
		return -EROFS;
	fd = open_target(m, &op->place[0], flags,
	    (m->naming & MONITOR_BY_PATH) != 0);
	if (fd < 0)
		return fd;
	op->reply_fd = fd;
	return 0;
}
