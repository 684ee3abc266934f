/* SPDX-License-Identifier: ISC */
/*
 * Builds the requests of the 9p-proxy bench, one of every type and the
 * variants that a Linux guest sends most. Bench code.
 */
#include "p9_ops.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "tap.h"

#define XATTR		"user.bench"
#define MAX_DEPTH	16

static const char *
ops_dir(int depth)
{
	static char dir[8 * MAX_DEPTH];

	dir[0] = '\0';
	if (depth > MAX_DEPTH)
		tap_bail("a depth of %d is too much", depth);
	for (int i = 1; i < depth; i++)
		strcat(dir, i == 1 ? "/dir" : "/sub");
	return dir;
}

/* As QEMU has it: the root is "/", what is in it begins with "//". */
static const char *
ops_path(int depth, const char *name)
{
	static char path[4][256];
	static unsigned int next;
	char *out = path[next++ % 4];

	snprintf(out, sizeof(path[0]), "/%s/%s", ops_dir(depth), name);
	return out;
}

void
bench_prepare(const char *share, int depth)
{
	char path[512];

	for (int i = 2; i <= depth; i++) {
		snprintf(path, sizeof(path), "%s%s", share, ops_dir(i));
		host_mkdir(path, 0755, 0, 0);
	}
	snprintf(path, sizeof(path), "%s%s/file", share, ops_dir(depth));
	host_write(path, "some content", 0644, 1000, 1000);
	/* Where there are no user.* attributes, they are measured as ENODATA
	 * or EOPNOTSUPP; bench_ops() asks the file. */
	setxattr(path, XATTR, "value", 5, 0);
	snprintf(path, sizeof(path), "%s%s/link", share, ops_dir(depth));
	host_symlink("some/where/else", path);
}

static void
ops_finish(struct bench_step *s, const char *label, int want,
    struct p9_msg *m)
{
	p9_msg_finish(m);
	if (m->len > sizeof(s->message))
		tap_bail("%s is too long", label);
	s->label = label;
	s->want = want;
	s->len = m->len;
	memcpy(s->message, m->buf, m->len);
}

/* A request that is a path and up to four numbers of one width. */
static void
ops_path_step(struct bench_step *s, const char *label, int want,
    uint32_t type, const char *path, size_t wide, const uint64_t *number,
    size_t count)
{
	struct p9_msg m;

	p9_msg_start(&m, type);
	p9_msg_path(&m, path);
	for (size_t i = 0; i < count; i++) {
		if (wide == 8)
			p9_msg_u64(&m, number[i]);
		else
			p9_msg_u32(&m, (uint32_t)number[i]);
	}
	ops_finish(s, label, want, &m);
}

static size_t
ops_readers(struct bench_op *op, int depth)
{
	static const uint64_t flags[] = { O_RDONLY }, dir[] = { O_DIRECTORY },
	    size[] = { 4096 };
	const char *file = ops_path(depth, "file");
	size_t n = 0;

	ops_path_step(&op[n++].step[0], "lstat", 0, P9_LSTAT, file, 4, NULL,
	    0);
	ops_path_step(&op[n++].step[0], "lstat, missing", -ENOENT, P9_LSTAT,
	    ops_path(depth, "missing"), 4, NULL, 0);
	ops_path_step(&op[n++].step[0], "open", 0, P9_OPEN, file, 4, flags,
	    1);
	ops_path_step(&op[n++].step[0], "open directory", 0, P9_OPEN,
	    depth > 1 ? ops_path(depth - 1, depth > 2 ? "sub" : "dir") : "/",
	    4, dir, 1);
	ops_path_step(&op[n++].step[0], "readlink", 0, P9_READLINK,
	    ops_path(depth, "link"), 4, size, 1);
	ops_path_step(&op[n++].step[0], "statfs", 0, P9_STATFS, file, 4,
	    NULL, 0);
	op[n].ext4 = 1;
	ops_path_step(&op[n++].step[0], "getversion, ext4", 0,
	    P9_GETVERSION, file, 4, NULL, 0);
	return n;
}

static size_t
ops_setters(struct bench_op *op, int depth)
{
	static const uint64_t mode[] = { S_IFREG | 0640 },
	    owner[] = { 1000, 1000 }, length[] = { 12 },
	    times[] = { 1000, 1, 2000, 2 };
	const char *file = ops_path(depth, "file");
	size_t n = 0;

	ops_path_step(&op[n++].step[0], "chmod", 0, P9_CHMOD, file, 4, mode,
	    1);
	ops_path_step(&op[n++].step[0], "chown", 0, P9_CHOWN, file, 4, owner,
	    2);
	ops_path_step(&op[n++].step[0], "truncate", 0, P9_TRUNCATE, file, 8,
	    length, 1);
	ops_path_step(&op[n++].step[0], "utime", 0, P9_UTIME, file, 8, times,
	    4);
	return n;
}

static void
ops_xattr_step(struct bench_step *s, const char *label, int want,
    uint32_t type, uint32_t size, const char *path, const char *name)
{
	struct p9_msg m;

	p9_msg_start(&m, type);
	if (type == P9_LGETXATTR || type == P9_LLISTXATTR)
		p9_msg_u32(&m, size);
	p9_msg_path(&m, path);
	if (type != P9_LLISTXATTR)
		p9_msg_name(&m, name);
	if (type == P9_LSETXATTR) {
		p9_msg_bytes(&m, "value", 5);
		p9_msg_u32(&m, 5);
		p9_msg_u32(&m, 0);
	}
	ops_finish(s, label, want, &m);
}

static size_t
ops_xattrs(struct bench_op *op, int depth)
{
	const char *file = ops_path(depth, "file");
	size_t n = 0;

	/* Most of what a guest asks: is there an ACL? There is none. */
	ops_xattr_step(&op[n++].step[0], "getxattr, none", -ENODATA,
	    P9_LGETXATTR, 0, file, "system.posix_acl_access");
	ops_xattr_step(&op[n++].step[0], "getxattr, value", 0, P9_LGETXATTR,
	    5, file, XATTR);
	ops_xattr_step(&op[n++].step[0], "listxattr", 0, P9_LLISTXATTR, 4096,
	    file, NULL);
	ops_xattr_step(&op[n].step[0], "setxattr", 0, P9_LSETXATTR, 0, file,
	    "user.other");
	ops_xattr_step(&op[n].step[1], "removexattr", 0, P9_LREMOVEXATTR, 0,
	    file, "user.other");
	op[n++].steps = 2;
	return n;
}

/* Something is made as this user, then removed. */
static void
ops_make(struct bench_op *op, const char *label, const char *remove,
    uint32_t type, const char *name, uint32_t id)
{
	static const uint32_t mode[P9_TYPE_END] = {
	    [P9_MKNOD] = S_IFIFO | 0644, [P9_MKDIR] = S_IFDIR | 0755 };
	struct p9_msg m;

	p9_msg_start(&m, type);
	if (type == P9_CREATE) {
		p9_msg_name(&m, name);
		p9_msg_u32(&m, O_CREAT | O_EXCL | O_RDWR);
		p9_msg_u32(&m, 0644);
	}
	p9_msg_u32(&m, id);
	p9_msg_u32(&m, id);
	if (type == P9_SYMLINK)
		p9_msg_name(&m, "some/where/else");
	if (type != P9_CREATE)
		p9_msg_name(&m, name);
	if (type == P9_MKNOD || type == P9_MKDIR)
		p9_msg_u32(&m, mode[type]);
	if (type == P9_MKNOD)
		p9_msg_u64(&m, 0);
	ops_finish(&op->step[0], label, 0, &m);
	p9_msg_start(&m, P9_REMOVE);
	p9_msg_name(&m, name);
	ops_finish(&op->step[1], remove, 0, &m);
	op->steps = 2;
}

static size_t
ops_makers(struct bench_op *op, int depth)
{
	const char *name = ops_path(depth, "new");
	struct p9_msg m;
	size_t n = 0;

	ops_make(&op[n++], "create", "remove file", P9_CREATE, name, 1000);
	ops_make(&op[n++], "create, root", NULL, P9_CREATE, name, 0);
	ops_make(&op[n++], "mkdir", "remove directory", P9_MKDIR, name, 1000);
	ops_make(&op[n++], "mknod", NULL, P9_MKNOD, name, 1000);
	ops_make(&op[n++], "symlink", NULL, P9_SYMLINK, name, 1000);
	p9_msg_start(&m, P9_LINK);
	p9_msg_path(&m, ops_path(depth, "file"));
	p9_msg_name(&m, name);
	ops_make(&op[n], NULL, NULL, P9_MKDIR, name, 0);
	ops_finish(&op[n++].step[0], "link", 0, &m);
	for (int back = 0; back < 2; back++) {
		p9_msg_start(&m, P9_RENAME);
		p9_msg_name(&m, ops_path(depth, back ? "moved" : "file"));
		p9_msg_name(&m, ops_path(depth, back ? "file" : "moved"));
		ops_finish(&op[n].step[back], "rename", 0, &m);
	}
	op[n++].steps = 2;
	return n;
}

size_t
bench_ops(struct bench_op *ops, size_t max, int depth)
{
	size_t n = 0;

	if (max < 32)
		tap_bail("room for 32 operations is needed");
	for (size_t i = 0; i < max; i++)
		ops[i] = (struct bench_op){ .steps = 1 };
	n += ops_readers(ops + n, depth);
	n += ops_xattrs(ops + n, depth);
	n += ops_setters(ops + n, depth);
	n += ops_makers(ops + n, depth);
	/* The helper answers this one on tmpfs without looking at it. */
	ops[n].unequal = "the helper does not look at the file here";
	ops_path_step(&ops[n++].step[0], "getversion, tmpfs", -ENOTTY,
	    P9_GETVERSION, ops_path(depth, "file"), 4, NULL, 0);
	return n;
}
