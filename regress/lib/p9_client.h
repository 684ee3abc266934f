/* SPDX-License-Identifier: ISC */
/*
 * A client of the 9p-proxy protocol that takes QEMU's place, and sends what
 * QEMU sends, byte for byte. Test code.
 */
#ifndef REGRESS_P9_CLIENT_H
#define REGRESS_P9_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "p9_wire.h"

struct p9_stat {
	uint64_t	dev;
	uint64_t	ino;
	uint64_t	nlink;
	uint32_t	mode;
	uint32_t	uid;
	uint32_t	gid;
	uint64_t	rdev;
	uint64_t	size;
	uint64_t	blksize;
	uint64_t	blocks;
	uint64_t	atime;
	uint64_t	atime_nsec;
	uint64_t	mtime;
	uint64_t	mtime_nsec;
	uint64_t	ctime;
	uint64_t	ctime_nsec;
};

struct p9_statfs {
	uint64_t	type;
	uint64_t	bsize;
	uint64_t	blocks;
	uint64_t	bfree;
	uint64_t	bavail;
	uint64_t	files;
	uint64_t	ffree;
	uint64_t	fsid[2];
	uint64_t	namelen;
	uint64_t	frsize;
};

struct p9_times {
	uint64_t	atime;
	uint64_t	atime_nsec;
	uint64_t	mtime;
	uint64_t	mtime_nsec;
};

/* One function per request type, all returning as p9_exchange() does. */
int	p9_open(struct p9_client *c, const char *path, uint32_t flags,
	    int *fd);
int	p9_create(struct p9_client *c, const char *name, uint32_t flags,
	    uint32_t mode, uint32_t uid, uint32_t gid, int *fd);
int	p9_mknod(struct p9_client *c, const char *name, uint32_t mode,
	    uint64_t rdev, uint32_t uid, uint32_t gid);
int	p9_mkdir(struct p9_client *c, const char *name, uint32_t mode,
	    uint32_t uid, uint32_t gid);
int	p9_symlink(struct p9_client *c, const char *target, const char *name,
	    uint32_t uid, uint32_t gid);
int	p9_link(struct p9_client *c, const char *old_path,
	    const char *new_name);
int	p9_lstat(struct p9_client *c, const char *path, struct p9_stat *st);
/* out: size + 1 bytes at least; NUL terminated; length in *len. */
int	p9_readlink(struct p9_client *c, const char *path, int32_t size,
	    char *out, size_t *len);
int	p9_statfs(struct p9_client *c, const char *path,
	    struct p9_statfs *sf);
int	p9_chmod(struct p9_client *c, const char *path, uint32_t mode);
int	p9_chown(struct p9_client *c, const char *path, uint32_t uid,
	    uint32_t gid);
int	p9_truncate(struct p9_client *c, const char *path, uint64_t size);
int	p9_utime(struct p9_client *c, const char *path,
	    const struct p9_times *t);
int	p9_rename(struct p9_client *c, const char *old_name,
	    const char *new_name);
int	p9_remove(struct p9_client *c, const char *name);
/* size 0 asks for the length, in *len; out may then be NULL. */
int	p9_lgetxattr(struct p9_client *c, const char *path, const char *name,
	    int32_t size, void *out, size_t *len);
int	p9_llistxattr(struct p9_client *c, const char *path, int32_t size,
	    void *out, size_t *len);
int	p9_lsetxattr(struct p9_client *c, const char *path, const char *name,
	    const void *value, size_t len, uint32_t flags);
int	p9_lremovexattr(struct p9_client *c, const char *path,
	    const char *name);
int	p9_getversion(struct p9_client *c, const char *path,
	    uint64_t *generation);

#endif
