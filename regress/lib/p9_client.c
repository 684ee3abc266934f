/* SPDX-License-Identifier: ISC */
/*
 * One function per request type of the 9p-proxy protocol: builds the message
 * as QEMU does, takes the content out of the reply. Test code; what has come
 * back was judged by p9_wire.c.
 */
#include "p9_client.h"

#include <string.h>

int
p9_open(struct p9_client *c, const char *path, uint32_t flags, int *fd)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_OPEN);
	p9_msg_path(&m, path);
	p9_msg_u32(&m, flags);
	return p9_call_fd(c, &m, fd);
}

int
p9_create(struct p9_client *c, const char *name, uint32_t flags,
    uint32_t mode, uint32_t uid, uint32_t gid, int *fd)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_CREATE);
	p9_msg_name(&m, name);
	p9_msg_u32(&m, flags);
	p9_msg_u32(&m, mode);
	p9_msg_u32(&m, uid);
	p9_msg_u32(&m, gid);
	return p9_call_fd(c, &m, fd);
}

int
p9_mknod(struct p9_client *c, const char *name, uint32_t mode,
    uint64_t rdev, uint32_t uid, uint32_t gid)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_MKNOD);
	p9_msg_u32(&m, uid);
	p9_msg_u32(&m, gid);
	p9_msg_name(&m, name);
	p9_msg_u32(&m, mode);
	p9_msg_u64(&m, rdev);
	return p9_exchange(c, &m);
}

int
p9_mkdir(struct p9_client *c, const char *name, uint32_t mode,
    uint32_t uid, uint32_t gid)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_MKDIR);
	p9_msg_u32(&m, uid);
	p9_msg_u32(&m, gid);
	p9_msg_name(&m, name);
	p9_msg_u32(&m, mode);
	return p9_exchange(c, &m);
}

int
p9_symlink(struct p9_client *c, const char *target, const char *name,
    uint32_t uid, uint32_t gid)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_SYMLINK);
	p9_msg_u32(&m, uid);
	p9_msg_u32(&m, gid);
	p9_msg_name(&m, target);
	p9_msg_name(&m, name);
	return p9_exchange(c, &m);
}

int
p9_link(struct p9_client *c, const char *old_path, const char *new_name)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_LINK);
	p9_msg_path(&m, old_path);
	p9_msg_name(&m, new_name);
	return p9_exchange(c, &m);
}

static uint64_t
p9_take_u64(const uint8_t **p)
{
	uint64_t value;

	memcpy(&value, *p, sizeof(value));
	*p += sizeof(value);
	return value;
}

static uint32_t
p9_take_u32(const uint8_t **p)
{
	uint32_t value;

	memcpy(&value, *p, sizeof(value));
	*p += sizeof(value);
	return value;
}

int
p9_lstat(struct p9_client *c, const char *path, struct p9_stat *st)
{
	struct p9_msg m;
	struct p9_reply r;
	const uint8_t *p = r.data;
	int error;

	memset(st, 0, sizeof(*st));
	p9_msg_start(&m, P9_LSTAT);
	p9_msg_path(&m, path);
	error = p9_call(c, &m, &r);
	if (error != 0)
		return error;
	st->dev = p9_take_u64(&p);
	st->ino = p9_take_u64(&p);
	st->nlink = p9_take_u64(&p);
	st->mode = p9_take_u32(&p);
	st->uid = p9_take_u32(&p);
	st->gid = p9_take_u32(&p);
	st->rdev = p9_take_u64(&p);
	st->size = p9_take_u64(&p);
	st->blksize = p9_take_u64(&p);
	st->blocks = p9_take_u64(&p);
	st->atime = p9_take_u64(&p);
	st->atime_nsec = p9_take_u64(&p);
	st->mtime = p9_take_u64(&p);
	st->mtime_nsec = p9_take_u64(&p);
	st->ctime = p9_take_u64(&p);
	st->ctime_nsec = p9_take_u64(&p);
	return 0;
}

/* The string of a reply that p9_judge() has accepted. */
static void
p9_copy_string(const struct p9_reply *r, void *out, size_t *len)
{
	*len = r->size - 2;
	if (out != NULL)
		memcpy(out, r->data + 2, *len);
}

int
p9_readlink(struct p9_client *c, const char *path, int32_t size, char *out,
    size_t *len)
{
	struct p9_msg m;
	struct p9_reply r;
	int error;

	*len = 0;
	p9_msg_start(&m, P9_READLINK);
	p9_msg_path(&m, path);
	p9_msg_u32(&m, (uint32_t)size);
	error = p9_call(c, &m, &r);
	if (error != 0)
		return error;
	p9_copy_string(&r, out, len);
	out[*len] = '\0';
	return 0;
}

int
p9_statfs(struct p9_client *c, const char *path, struct p9_statfs *sf)
{
	struct p9_msg m;
	struct p9_reply r;
	const uint8_t *p = r.data;
	int error;

	memset(sf, 0, sizeof(*sf));
	p9_msg_start(&m, P9_STATFS);
	p9_msg_path(&m, path);
	error = p9_call(c, &m, &r);
	if (error != 0)
		return error;
	sf->type = p9_take_u64(&p);
	sf->bsize = p9_take_u64(&p);
	sf->blocks = p9_take_u64(&p);
	sf->bfree = p9_take_u64(&p);
	sf->bavail = p9_take_u64(&p);
	sf->files = p9_take_u64(&p);
	sf->ffree = p9_take_u64(&p);
	sf->fsid[0] = p9_take_u64(&p);
	sf->fsid[1] = p9_take_u64(&p);
	sf->namelen = p9_take_u64(&p);
	sf->frsize = p9_take_u64(&p);
	return 0;
}

int
p9_chmod(struct p9_client *c, const char *path, uint32_t mode)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_CHMOD);
	p9_msg_path(&m, path);
	p9_msg_u32(&m, mode);
	return p9_exchange(c, &m);
}

int
p9_chown(struct p9_client *c, const char *path, uint32_t uid, uint32_t gid)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_CHOWN);
	p9_msg_path(&m, path);
	p9_msg_u32(&m, uid);
	p9_msg_u32(&m, gid);
	return p9_exchange(c, &m);
}

int
p9_truncate(struct p9_client *c, const char *path, uint64_t size)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_TRUNCATE);
	p9_msg_path(&m, path);
	p9_msg_u64(&m, size);
	return p9_exchange(c, &m);
}

int
p9_utime(struct p9_client *c, const char *path, const struct p9_times *t)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_UTIME);
	p9_msg_path(&m, path);
	p9_msg_u64(&m, t->atime);
	p9_msg_u64(&m, t->atime_nsec);
	p9_msg_u64(&m, t->mtime);
	p9_msg_u64(&m, t->mtime_nsec);
	return p9_exchange(c, &m);
}

int
p9_rename(struct p9_client *c, const char *old_name, const char *new_name)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_RENAME);
	p9_msg_name(&m, old_name);
	p9_msg_name(&m, new_name);
	return p9_exchange(c, &m);
}

int
p9_remove(struct p9_client *c, const char *name)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_REMOVE);
	p9_msg_name(&m, name);
	return p9_exchange(c, &m);
}

/* The two xattr readers: a status with the length, or the string. */
static int
p9_call_xattr(struct p9_client *c, struct p9_msg *m, void *out, size_t *len)
{
	struct p9_reply r;
	int32_t status;
	int error;

	*len = 0;
	error = p9_call(c, m, &r);
	if (error != 0)
		return error;
	if (p9_msg_field(m, 0) != 0) {
		p9_copy_string(&r, out, len);
		return 0;
	}
	memcpy(&status, r.data, sizeof(status));
	*len = (size_t)status;
	return 0;
}

int
p9_lgetxattr(struct p9_client *c, const char *path, const char *name,
    int32_t size, void *out, size_t *len)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_LGETXATTR);
	p9_msg_u32(&m, (uint32_t)size);
	p9_msg_path(&m, path);
	p9_msg_name(&m, name);
	return p9_call_xattr(c, &m, out, len);
}

int
p9_llistxattr(struct p9_client *c, const char *path, int32_t size,
    void *out, size_t *len)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_LLISTXATTR);
	p9_msg_u32(&m, (uint32_t)size);
	p9_msg_path(&m, path);
	return p9_call_xattr(c, &m, out, len);
}

int
p9_lsetxattr(struct p9_client *c, const char *path, const char *name,
    const void *value, size_t len, uint32_t flags)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_LSETXATTR);
	p9_msg_path(&m, path);
	p9_msg_name(&m, name);
	p9_msg_bytes(&m, value, len);
	p9_msg_u32(&m, (uint32_t)len);
	p9_msg_u32(&m, flags);
	return p9_exchange(c, &m);
}

int
p9_lremovexattr(struct p9_client *c, const char *path, const char *name)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_LREMOVEXATTR);
	p9_msg_path(&m, path);
	p9_msg_name(&m, name);
	return p9_exchange(c, &m);
}

int
p9_getversion(struct p9_client *c, const char *path, uint64_t *generation)
{
	struct p9_msg m;
	struct p9_reply r;
	int error;

	*generation = 0;
	p9_msg_start(&m, P9_GETVERSION);
	p9_msg_path(&m, path);
	error = p9_call(c, &m, &r);
	if (error == 0)
		memcpy(generation, r.data, sizeof(*generation));
	return error;
}
