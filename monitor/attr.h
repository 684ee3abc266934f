/*
 * SPDX-License-Identifier: ISC
 *
 * Attributes: what statx(2) tells, and changes of them by descriptor.
 */
#ifndef MONITOR_ATTR_H
#define MONITOR_ATTR_H

#include <sys/types.h>

#include <stdbool.h>

#include "monitor/monitor.h"

/*
 * Asks for the attributes of `name` in `dir_fd`, or of `dir_fd` itself if
 * `flags` has AT_EMPTY_PATH and the name is empty.  `key_out` may be NULL.
 * Returns 0 or -errno.
 */
int	attr_get(int dir_fd, const char *name, int flags,
	    struct monitor_attr *attr_out, struct handle_key *key_out);

/*
 * Returns whether the times of birth of what is in the directory that `fd` is
 * open on are those of inodes: each has one, which nobody can set, and which
 * stays as long as the inode.
 */
bool	attr_births_tell(int fd);

/*
 * Sets the mode of what `fd`, an O_PATH descriptor too, is open on, with
 * CAP_FSETID raised for S_ISGID alone.  Returns 0 or -errno: -EOPNOTSUPP for a
 * symbolic link, which has none; -EPERM if CAP_FSETID was taken away.
 */
int	attr_chmod(const struct monitor *m, int fd, mode_t mode);

#endif /* MONITOR_ATTR_H */
