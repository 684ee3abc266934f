/*
 * SPDX-License-Identifier: ISC
 *
 * What a directory and all below it look like, to tell whether anything was
 * changed.  Test code.
 */
#ifndef REGRESS_PEN_PEN_TREE_H
#define REGRESS_PEN_PEN_TREE_H

/*
 * Returns a text, for the caller to free: a line for each file below `dir` in
 * `parent_fd` with all that stat(2) tells of it but for the time of access, and
 * what it begins with.
 */
char	*pen_tree(int parent_fd, const char *dir);

#endif /* REGRESS_PEN_PEN_TREE_H */
