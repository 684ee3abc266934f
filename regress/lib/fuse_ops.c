/* SPDX-License-Identifier: ISC */
/*
 * One function for each FUSE operation. Test code.
 */
#include "fuse_client.h"

#include <stddef.h>
#include <string.h>

#include "tap.h"

#define PART(base, len) { .iov_base = (void *)(uintptr_t)(base), \
	    .iov_len = (len) }

/* arg, then up to two strings of bytes; a reply of exactly out_len. */
static int
ops_call(struct fuse_client *c, uint32_t opcode, uint64_t nodeid,
    const struct iovec in[3], int extended, void *out, size_t out_len)
{
	struct iovec reply = PART(out, out_len);
	struct fuse_call call = { .opcode = opcode, .nodeid = nodeid,
	    .in = in, .in_count = 3, .out = &reply,
	    .out_count = out_len > 0 ? 1 : 0, .out_least = out_len,
	    .extended = extended };

	return fuse_request(c, &call);
}

/* A reply of fixed size is a success without a length. */
static int
ops_done(int result)
{
	return result > 0 ? 0 : result;
}

static int
ops_arg(struct fuse_client *c, uint32_t opcode, uint64_t nodeid,
    const void *arg, size_t len, void *out, size_t out_len)
{
	struct iovec in[3] = { PART(arg, len), PART(NULL, 0), PART(NULL, 0) };

	return ops_done(ops_call(c, opcode, nodeid, in, 0, out, out_len));
}

/* With names, NUL included; a makes a new inode if it is extended. */
static int
ops_names(struct fuse_client *c, uint32_t opcode, uint64_t nodeid,
    const struct iovec *arg, const char *a, const char *b,
    int extended, struct fuse_entry_out *entry)
{
	struct iovec in[3] = { *arg, PART(a, strlen(a) + 1),
	    PART(b, b != NULL ? strlen(b) + 1 : 0) };

	return ops_done(ops_call(c, opcode, nodeid, in, extended, entry,
	    entry != NULL ? sizeof(*entry) : 0));
}

static const struct iovec no_arg;

int
fuse_named(struct fuse_client *c, uint32_t opcode, uint64_t nodeid,
    const void *arg, size_t arg_len, const void *bytes, size_t len,
    void *out, size_t out_len)
{
	struct iovec in[3] = { PART(arg, arg_len), PART(bytes, len),
	    PART(NULL, 0) };

	return ops_done(ops_call(c, opcode, nodeid, in, 0, out, out_len));
}

uint64_t
fuse_default_init_flags(void)
{
	return FUSE_ASYNC_READ | FUSE_POSIX_LOCKS | FUSE_ATOMIC_O_TRUNC |
	    FUSE_EXPORT_SUPPORT | FUSE_BIG_WRITES | FUSE_DONT_MASK |
	    FUSE_SPLICE_WRITE | FUSE_SPLICE_MOVE | FUSE_SPLICE_READ |
	    FUSE_FLOCK_LOCKS | FUSE_HAS_IOCTL_DIR | FUSE_AUTO_INVAL_DATA |
	    FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO |
	    FUSE_WRITEBACK_CACHE | FUSE_NO_OPEN_SUPPORT |
	    FUSE_PARALLEL_DIROPS | FUSE_HANDLE_KILLPRIV | FUSE_POSIX_ACL |
	    FUSE_ABORT_ERROR | FUSE_MAX_PAGES | FUSE_CACHE_SYMLINKS |
	    FUSE_NO_OPENDIR_SUPPORT | FUSE_EXPLICIT_INVAL_DATA |
	    FUSE_HANDLE_KILLPRIV_V2 | FUSE_SETXATTR_EXT | FUSE_INIT_EXT |
	    FUSE_SECURITY_CTX | FUSE_SUBMOUNTS | TEST_FUSE_CREATE_SUPP_GROUP;
}

int
fuse_init(struct fuse_client *c, const struct fuse_init_options *o)
{
	struct fuse_init_in arg = { .major = FUSE_KERNEL_VERSION,
	    .minor = o->minor != 0 ? o->minor : 38,
	    .max_readahead = o->max_readahead != 0 ? o->max_readahead :
	    128 * 1024, .flags = (uint32_t)o->flags,
	    .flags2 = (uint32_t)(o->flags >> 32) };
	struct iovec in = PART(&arg, arg.minor >= 36 ? sizeof(arg) : 16);
	struct iovec out = PART(&c->init, sizeof(c->init));
	struct fuse_call call = { .opcode = FUSE_INIT, .in = &in,
	    .in_count = 1, .out = &out, .out_count = 1,
	    .out_least = arg.minor < 23 ? FUSE_COMPAT_22_INIT_OUT_SIZE :
	    sizeof(c->init) };
	int result;

	memset(&c->init, 0, sizeof(c->init));
	result = fuse_request(c, &call);
	c->init_flags = c->init.flags;
	if (c->init.flags & FUSE_INIT_EXT)
		c->init_flags |= (uint64_t)c->init.flags2 << 32;
	return ops_done(result);
}

int
fuse_destroy(struct fuse_client *c)
{
	return ops_arg(c, FUSE_DESTROY, 0, NULL, 0, NULL, 0);
}

int
fuse_lookup(struct fuse_client *c, uint64_t parent, const char *name,
    struct fuse_entry_out *entry)
{
	return ops_names(c, FUSE_LOOKUP, parent, &no_arg, name, NULL, 0,
	    entry);
}

int
fuse_getattr(struct fuse_client *c, uint64_t nodeid,
    struct fuse_attr_out *attr)
{
	struct fuse_getattr_in arg = { .getattr_flags = 0 };

	return ops_arg(c, FUSE_GETATTR, nodeid, &arg, sizeof(arg), attr,
	    sizeof(*attr));
}

int
fuse_getattr_fh(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
    struct fuse_attr_out *attr)
{
	struct fuse_getattr_in arg = { .getattr_flags = FUSE_GETATTR_FH,
	    .fh = fh };

	return ops_arg(c, FUSE_GETATTR, nodeid, &arg, sizeof(arg), attr,
	    sizeof(*attr));
}

int
fuse_statx(struct fuse_client *c, uint64_t nodeid, uint32_t flags,
    uint32_t mask, struct test_statx_out *out)
{
	struct test_statx_in arg = { .sx_flags = flags, .sx_mask = mask };

	return ops_arg(c, TEST_FUSE_STATX, nodeid, &arg, sizeof(arg), out,
	    sizeof(*out));
}

int
fuse_setattr(struct fuse_client *c, uint64_t nodeid,
    const struct fuse_setattr_in *arg, struct fuse_attr_out *attr)
{
	struct fuse_attr_out ignored;

	return ops_arg(c, FUSE_SETATTR, nodeid, arg, sizeof(*arg),
	    attr != NULL ? attr : &ignored, sizeof(*attr));
}

int
fuse_chmod(struct fuse_client *c, uint64_t nodeid, uint32_t mode)
{
	struct fuse_setattr_in arg = { .valid = FATTR_MODE, .mode = mode };

	return fuse_setattr(c, nodeid, &arg, NULL);
}

int
fuse_chown(struct fuse_client *c, uint64_t nodeid, uint32_t uid,
    uint32_t gid)
{
	struct fuse_setattr_in arg = { .uid = uid, .gid = gid };

	arg.valid = (uid != UINT32_MAX ? FATTR_UID : 0) |
	    (gid != UINT32_MAX ? FATTR_GID : 0);
	return fuse_setattr(c, nodeid, &arg, NULL);
}

int
fuse_truncate(struct fuse_client *c, uint64_t nodeid, uint64_t size)
{
	struct fuse_setattr_in arg = { .valid = FATTR_SIZE, .size = size };

	return fuse_setattr(c, nodeid, &arg, NULL);
}

/* A reply of any length up to that of its one part. */
static int
ops_data(struct fuse_client *c, uint32_t opcode, uint64_t nodeid,
    const struct iovec *in, size_t in_count, void *out, size_t size)
{
	struct iovec reply = PART(out, size);
	struct fuse_call call = { .opcode = opcode, .nodeid = nodeid,
	    .in = in, .in_count = in_count, .out = &reply,
	    .out_count = size > 0 ? 1 : 0 };

	return fuse_request(c, &call);
}

int
fuse_readlink(struct fuse_client *c, uint64_t nodeid, char *out, size_t size)
{
	return ops_data(c, FUSE_READLINK, nodeid, NULL, 0, out, size);
}

int
fuse_symlink(struct fuse_client *c, uint64_t parent, const char *name,
    const char *target, struct fuse_entry_out *entry)
{
	return ops_names(c, FUSE_SYMLINK, parent, &no_arg, name, target, 1,
	    entry);
}

int
fuse_mknod(struct fuse_client *c, uint64_t parent, const char *name,
    uint32_t mode, uint32_t rdev, struct fuse_entry_out *entry)
{
	struct fuse_mknod_in arg = { .mode = mode, .rdev = rdev,
	    .umask = c->umask };
	struct iovec in = PART(&arg, sizeof(arg));

	return ops_names(c, FUSE_MKNOD, parent, &in, name, NULL, 1, entry);
}

int
fuse_mkdir(struct fuse_client *c, uint64_t parent, const char *name,
    uint32_t mode, struct fuse_entry_out *entry)
{
	struct fuse_mkdir_in arg = { .mode = mode, .umask = c->umask };
	struct iovec in = PART(&arg, sizeof(arg));

	return ops_names(c, FUSE_MKDIR, parent, &in, name, NULL, 1, entry);
}

int
fuse_unlink(struct fuse_client *c, uint64_t parent, const char *name)
{
	return ops_names(c, FUSE_UNLINK, parent, &no_arg, name, NULL, 0,
	    NULL);
}

int
fuse_rmdir(struct fuse_client *c, uint64_t parent, const char *name)
{
	return ops_names(c, FUSE_RMDIR, parent, &no_arg, name, NULL, 0, NULL);
}

int
fuse_rename(struct fuse_client *c, uint64_t parent, const char *name,
    uint64_t new_parent, const char *new_name)
{
	struct fuse_rename_in arg = { .newdir = new_parent };
	struct iovec in = PART(&arg, sizeof(arg));

	return ops_names(c, FUSE_RENAME, parent, &in, name, new_name, 0,
	    NULL);
}

int
fuse_rename2(struct fuse_client *c, uint64_t parent, const char *name,
    uint64_t new_parent, const char *new_name, uint32_t flags)
{
	struct fuse_rename2_in arg = { .newdir = new_parent,
	    .flags = flags };
	struct iovec in = PART(&arg, sizeof(arg));

	return ops_names(c, FUSE_RENAME2, parent, &in, name, new_name, 0,
	    NULL);
}

int
fuse_link(struct fuse_client *c, uint64_t nodeid, uint64_t parent,
    const char *name, struct fuse_entry_out *entry)
{
	struct fuse_link_in arg = { .oldnodeid = nodeid };
	struct iovec in = PART(&arg, sizeof(arg));

	return ops_names(c, FUSE_LINK, parent, &in, name, NULL, 0, entry);
}

int
fuse_access(struct fuse_client *c, uint64_t nodeid, uint32_t mask)
{
	struct fuse_access_in arg = { .mask = mask };

	return ops_arg(c, FUSE_ACCESS, nodeid, &arg, sizeof(arg), NULL, 0);
}

int
fuse_statfs(struct fuse_client *c, uint64_t nodeid, struct fuse_kstatfs *st)
{
	return ops_arg(c, FUSE_STATFS, nodeid, NULL, 0, st, sizeof(*st));
}

int
fuse_syncfs(struct fuse_client *c, uint64_t nodeid)
{
	struct fuse_syncfs_in arg = { .padding = 0 };

	return ops_arg(c, FUSE_SYNCFS, nodeid, &arg, sizeof(arg), NULL, 0);
}

int
fuse_getxattr(struct fuse_client *c, uint64_t nodeid, const char *name,
    void *out, uint32_t size)
{
	struct fuse_getxattr_in arg = { .size = size };
	struct fuse_getxattr_out length;
	struct iovec in[2] = { PART(&arg, sizeof(arg)),
	    PART(name, strlen(name) + 1) };
	int result;

	if (size > 0)
		return ops_data(c, FUSE_GETXATTR, nodeid, in, 2, out, size);
	result = fuse_named(c, FUSE_GETXATTR, nodeid, &arg, sizeof(arg),
	    name, strlen(name) + 1, &length, sizeof(length));
	return result != 0 ? result : (int)length.size;
}

int
fuse_listxattr(struct fuse_client *c, uint64_t nodeid, void *out,
    uint32_t size)
{
	struct fuse_getxattr_in arg = { .size = size };
	struct fuse_getxattr_out length;
	struct iovec in = PART(&arg, sizeof(arg));
	int result;

	if (size > 0)
		return ops_data(c, FUSE_LISTXATTR, nodeid, &in, 1, out, size);
	result = ops_arg(c, FUSE_LISTXATTR, nodeid, &arg, sizeof(arg),
	    &length, sizeof(length));
	return result != 0 ? result : (int)length.size;
}

int
fuse_setxattr(struct fuse_client *c, uint64_t nodeid, const char *name,
    const void *value, uint32_t size, uint32_t flags)
{
	struct fuse_setxattr_in arg = { .size = size, .flags = flags };
	struct iovec in[3] = {
		PART(&arg, c->init_flags & FUSE_SETXATTR_EXT ? sizeof(arg) :
		    FUSE_COMPAT_SETXATTR_IN_SIZE),
		PART(name, strlen(name) + 1), PART(value, size) };

	return ops_done(ops_call(c, FUSE_SETXATTR, nodeid, in, 0, NULL, 0));
}

int
fuse_removexattr(struct fuse_client *c, uint64_t nodeid, const char *name)
{
	return ops_names(c, FUSE_REMOVEXATTR, nodeid, &no_arg, name, NULL, 0,
	    NULL);
}
