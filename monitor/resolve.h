/*
 * SPDX-License-Identifier: ISC
 *
 * Where a name becomes a descriptor.
 */
#ifndef MONITOR_RESOLVE_H
#define MONITOR_RESOLVE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/monitor_proto.h"
#include "monitor/creds.h"

/* One struct monitor_place, checked, its strings copied and terminated. */
struct place {
	int		 fd;		/* of the handle; not owned */
	struct creds	*creds;		/* of the thread */
	uint16_t	 path_len;	/* 0: the handle's inode itself */
	bool		 has_name;
	char		*name;		/* within `full`; "" if none */
	/* "path", NUL or "/", "name", NUL; without a path just the name. */
	char		 full[MONITOR_PATH_MAX + 1 + MONITOR_NAME_MAX + 1];
};

/*
 * A directory and an entry in it, ready for the *at system calls.  Without a
 * name it is the inode of `fd` itself, and `flags` is AT_EMPTY_PATH.
 */
struct resolved {
	int		 fd;
	bool		 owned;
	const char	*name;
	int		 flags;		/* AT_EMPTY_PATH or
					   AT_SYMLINK_NOFOLLOW */
};

/*
 * Resolves all but the name.  Returns 0 or -errno: -ELOOP where a component is
 * a symbolic link.  resolve_release() gives it back.
 */
int	resolve_parent(struct place *place, struct resolved *out);
void	resolve_release(struct resolved *resolved);

/*
 * The same for what the place names itself: the descriptor of `out` is of
 * that, a symbolic link itself included, and has no name.
 */
int	resolve_inode(struct place *place, struct resolved *out);

/*
 * Returns an O_PATH descriptor of what the place names, a symbolic link
 * itself included, which the caller owns; or -errno.
 */
int	resolve_target(struct place *place);

/* The same of one name in the directory `dir_fd`. */
int	resolve_entry(int dir_fd, const char *name);

/*
 * Returns an O_PATH descriptor of the directory above `dir_fd`, which the caller
 * owns, or -errno.  It is the only one that may be of something outside of the
 * export: nobody gets it before op_lookup.c has found it beneath the root.
 */
int	resolve_above(int dir_fd);

/*
 * Opens the directory that `dir_fd` is a path to, for reading.  Returns the
 * descriptor or -errno.
 */
int	resolve_directory(int dir_fd);

/*
 * Makes a regular file without a name in the directory `dir_fd`, and opens it
 * with `flags`.  Returns the descriptor or -errno.
 */
int	resolve_tmpfile(int dir_fd, int flags, mode_t mode);

/*
 * Creates the regular file `name`, which must not exist, in the directory
 * `dir_fd`, and opens it with `flags`.  Returns the descriptor or -errno.
 */
int	resolve_create(int dir_fd, const char *name, int flags, mode_t mode);

#endif /* MONITOR_RESOLVE_H */
