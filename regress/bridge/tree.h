/* SPDX-License-Identifier: ISC */
/*
 * Are two directories the same tree? Test code.
 */
#ifndef REGRESS_BRIDGE_TREE_H
#define REGRESS_BRIDGE_TREE_H

#include <stddef.h>

#define TREE_CONTENT	1	/* of files */
#define TREE_TIMES	2	/* ctime and mtime */

/*
 * Compares all names below both, targets of links, and of each inode what
 * stat(2) says but the device and the atime; and what the flags say.
 * Returns the number of differences; the first ones are told of.
 */
size_t	tree_compare(const char *a, const char *b, int flags);

#endif
