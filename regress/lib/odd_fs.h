/* SPDX-License-Identifier: ISC */
/*
 * A FUSE file system that gives its files another inode number and time of
 * birth each time it is asked, which nothing keeps it from. It has the files
 * "a" and "b", whose sizes tell which is which. Test code; runs as root.
 */
#ifndef REGRESS_ODD_FS_H
#define REGRESS_ODD_FS_H

#define ODD_FS_SIZE_A	1
#define ODD_FS_SIZE_B	2

struct odd_fs;

/* Mounts and serves it, in a thread. NULL where FUSE cannot be mounted. */
struct odd_fs	*odd_fs_start(const char *mount_point);
void		 odd_fs_stop(struct odd_fs *fs);
/* How often it was asked for a time of birth. */
unsigned int	 odd_fs_births(struct odd_fs *fs);
/* How many requests came with root's ids, and how many with any others. */
unsigned int	 odd_fs_asked_by_root(struct odd_fs *fs);
unsigned int	 odd_fs_asked_by_others(struct odd_fs *fs);

#endif
