/*
 * SPDX-License-Identifier: ISC
 *
 * The only caller of openat2(2), and so the only place where a name of the
 * worker's becomes a descriptor.  Runs privileged.  No component may be a
 * symbolic link, whoever put it there and when; no way leads out of the
 * directory that the handle names, or, for a path, out of the export.  One step
 * has no such bound, since it has no name of the worker's: resolve_above().
 */
#include "config.h"

#include "monitor/resolve.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <unistd.h>

/*
 * openat2(2): with ".." in a path, and a rename(2) anywhere at the same time,
 * the kernel cannot be sure that it stayed beneath, and says EAGAIN.
 */
#define RESOLVE_TRIES	64

#define RESOLVE_ALWAYS	(RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

/*
 * A symbolic link itself, as openat2(2) has it for RESOLVE_NO_SYMLINKS.  Where
 * no link will do, O_NOFOLLOW is left out, and the kernel says ELOOP.
 */
#define RESOLVE_ENTRY	(O_PATH | O_NOFOLLOW)

static int
resolve_open(int dir_fd, const char *path, uint64_t resolve, int flags,
    mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned int)(flags | O_CLOEXEC),
		.mode = mode,
		.resolve = resolve | RESOLVE_ALWAYS
	};
	int i;
	long fd;

	for (i = 0; i < RESOLVE_TRIES; i++) {
		fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
		if (fd != -1)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -errno;
}

/*
 * Opens `path` of the place.  The ids of the thread's last creation are good
 * for the file system that it was on, which the handle's inode is on as well
 * (dispatch.c): no mount is entered with them.
 */
static int
resolve_place(const struct place *place, const char *path, uint64_t resolve,
    int flags)
{
	uint64_t stay = creds_are_own(place->creds) ? 0 : RESOLVE_NO_XDEV;
	int fd;

	fd = resolve_open(place->fd, path, resolve | stay, flags, 0);
	if (fd != -EXDEV || stay == 0)
		return fd;
	creds_own(place->creds);
	return resolve_open(place->fd, path, resolve, flags, 0);
}

int
resolve_parent(struct place *place, struct resolved *out)
{
	int fd;

	*out = (struct resolved){ .fd = place->fd, .name = place->name,
	    .flags = place->has_name ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH };
	if (place->path_len == 0)
		return 0;
	place->full[place->path_len] = '\0';
	fd = resolve_place(place, place->full, RESOLVE_IN_ROOT,
	    O_PATH | O_DIRECTORY);
	if (fd < 0)
		return fd;
	out->fd = fd;
	out->owned = true;
	return 0;
}

void
resolve_release(struct resolved *resolved)
{
	if (resolved->owned)
		close(resolved->fd);
	resolved->owned = false;
}

int
resolve_entry(int dir_fd, const char *name)
{
	return resolve_open(dir_fd, name, RESOLVE_BENEATH, RESOLVE_ENTRY, 0);
}

int
resolve_inode(struct place *place, struct resolved *out)
{
	*out = (struct resolved){ .fd = place->fd, .name = "",
	    .flags = AT_EMPTY_PATH };
	if (place->path_len == 0 && !place->has_name)
		return 0;
	out->fd = resolve_target(place);
	out->owned = out->fd >= 0;
	return out->owned ? 0 : out->fd;
}

int
resolve_target(struct place *place)
{
	int fd;

	if (place->path_len == 0 && !place->has_name) {
		fd = fcntl(place->fd, F_DUPFD_CLOEXEC, 0);
		return fd == -1 ? -errno : fd;
	}
	if (place->path_len == 0)
		return resolve_place(place, place->name, RESOLVE_BENEATH,
		    RESOLVE_ENTRY);
	place->full[place->path_len] = place->has_name ? '/' : '\0';
	return resolve_place(place, place->full, RESOLVE_IN_ROOT,
	    place->has_name ? RESOLVE_ENTRY : O_PATH | O_DIRECTORY);
}

int
resolve_create(int dir_fd, const char *name, int flags, mode_t mode)
{
	return resolve_open(dir_fd, name, RESOLVE_BENEATH,
	    flags | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
}

int
resolve_above(int dir_fd)
{
	return resolve_open(dir_fd, "..", 0, O_PATH | O_DIRECTORY, 0);
}

int
resolve_directory(int dir_fd)
{
	return resolve_open(dir_fd, ".", RESOLVE_BENEATH,
	    O_RDONLY | O_DIRECTORY, 0);
}

int
resolve_tmpfile(int dir_fd, int flags, mode_t mode)
{
	return resolve_open(dir_fd, ".", RESOLVE_BENEATH,
	    flags | O_TMPFILE, mode);
}
