/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: the errors of the host's kernel are the guest's. Each call is made
 * twice, on the bare directory and by a request, over all combinations of
 * values at the edges; what differs on purpose is in a table, with its reason.
 */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "virtiofs_suite.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define ARGS		4
#define MOST_VALUES	18
#define WRONG_SHOWN	8
#define CONTENT		"0123456789"

/* What names stand for, on both sides. */
enum object {
	FILE_, DIRECTORY, FULL, LINK, FIFO, MISSING, LONG, OBJECTS
};
static const char *const names[OBJECTS] = { "file", "dir", "full", "link",
	"fifo", "missing",
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" };

/* One side's directory, and the open file in it. */
struct side {
	struct virtiofs_env	*e;
	char			path[192];	/* on the host */
	uint64_t		dir;		/* the guest's nodeid */
	uint64_t		file, fh, dir_fh;
	int			fd, dir_fd;	/* the host's */
	uint64_t		known[8];	/* lookups to be forgotten */
	size_t			nknown;
};

/* The guest has looked this one up. */
static uint64_t
know(struct side *s, uint64_t nodeid)
{
	if (s->nknown < COUNT(s->known))
		s->known[s->nknown++] = nodeid;
	return nodeid;
}

typedef int call(struct side *s, const uint64_t arg[ARGS]);

static const char *
path_in(const struct side *s, uint64_t object)
{
	static char ring[4][512];
	static unsigned int next;
	char *path = ring[next++ % 4];

	snprintf(path, sizeof(ring[0]), "%s/%s", s->path, names[object]);
	return path;
}

/* The nodeid of an object of the guest's side; 0 if there is none. */
static uint64_t
node_of(struct side *s, uint64_t object)
{
	struct fuse_entry_out entry;

	return fuse_lookup(&s->e->c, s->dir, names[object], &entry) == 0 ?
	    know(s, entry.nodeid) : 0;
}

static int
result(long n)
{
	return n == -1 ? -errno : 0;
}

static int
reply(int n)
{
	return n > 0 ? 0 : n;
}

static int
made(struct side *s, const struct fuse_entry_out *entry, int error)
{
	if (error == 0)
		know(s, entry->nodeid);
	return error;
}

/*
 * The calls: the host's, then the guest's.
 */

static int
host_lseek(struct side *s, const uint64_t arg[ARGS])
{
	return result(lseek(s->fd, (off_t)arg[0], (int)arg[1]));
}

static int
guest_lseek(struct side *s, const uint64_t arg[ARGS])
{
	uint64_t at;

	return fuse_lseek(&s->e->c, s->file, s->fh, arg[0], (uint32_t)arg[1],
	    &at);
}

static int
host_fallocate(struct side *s, const uint64_t arg[ARGS])
{
	return result(fallocate(s->fd, (int)arg[0], (off_t)arg[1],
	    (off_t)arg[2]));
}

static int
guest_fallocate(struct side *s, const uint64_t arg[ARGS])
{
	return fuse_fallocate(&s->e->c, s->file, s->fh, (uint32_t)arg[0],
	    arg[1], arg[2]);
}

static int
host_copy_range(struct side *s, const uint64_t arg[ARGS])
{
	off_t from = (off_t)arg[0], to = (off_t)arg[1];

	return result(copy_file_range(s->fd, &from, s->fd, &to, arg[2],
	    (unsigned int)arg[3]));
}

static int
guest_copy(struct side *s, const uint64_t arg[ARGS])
{
	const struct fuse_copy_file_range_in in = { .fh_in = s->fh,
	    .off_in = arg[0], .nodeid_out = s->file, .fh_out = s->fh,
	    .off_out = arg[1], .len = arg[2], .flags = arg[3] };

	return reply(fuse_copy_file_range(&s->e->c, &in, s->file));
}

static int
host_pread(struct side *s, const uint64_t arg[ARGS])
{
	char buffer[8192];

	return result(pread(s->fd, buffer, arg[1], (off_t)arg[0]));
}

static int
guest_pread(struct side *s, const uint64_t arg[ARGS])
{
	char buffer[8192];

	return reply(fuse_read(&s->e->c, s->file, s->fh, arg[0], buffer,
	    (uint32_t)arg[1]));
}

static int
host_pwrite(struct side *s, const uint64_t arg[ARGS])
{
	char buffer[8192] = "";

	return result(pwrite(s->fd, buffer, arg[1], (off_t)arg[0]));
}

static int
guest_pwrite(struct side *s, const uint64_t arg[ARGS])
{
	char buffer[8192] = "";

	return reply(fuse_write(&s->e->c, s->file, s->fh, arg[0], buffer,
	    (uint32_t)arg[1]));
}

static int
host_truncate(struct side *s, const uint64_t arg[ARGS])
{
	return result(truncate(path_in(s, arg[0]), (off_t)arg[1]));
}

static int
guest_truncate(struct side *s, const uint64_t arg[ARGS])
{
	return fuse_truncate(&s->e->c, node_of(s, arg[0]), arg[1]);
}

static int
host_utimens(struct side *s, const uint64_t arg[ARGS])
{
	const struct timespec times[2] = {
	    { .tv_sec = (time_t)arg[1], .tv_nsec = (long)arg[2] },
	    { .tv_nsec = UTIME_OMIT } };

	return result(utimensat(AT_FDCWD, path_in(s, arg[0]), times,
	    AT_SYMLINK_NOFOLLOW));
}

static int
guest_utimens(struct side *s, const uint64_t arg[ARGS])
{
	const struct fuse_setattr_in in = { .valid = FATTR_ATIME,
	    .atime = arg[1], .atimensec = (uint32_t)arg[2] };
	struct fuse_attr_out attr;

	return fuse_setattr(&s->e->c, node_of(s, arg[0]), &in, &attr);
}

static const char *const xattr_names[] = { "user.a", "user.missing", "user.",
	"nonsense", "user", "system.nonsense", "trusted.a", "" };
#define NO_NAME		7	/* of these */

static int
host_setxattr(struct side *s, const uint64_t arg[ARGS])
{
	static char value[XATTR_SIZE_MAX + 1];

	return result(lsetxattr(path_in(s, arg[0]), xattr_names[arg[1]],
	    value, arg[2], (int)arg[3]));
}

static int
guest_setxattr(struct side *s, const uint64_t arg[ARGS])
{
	static char value[XATTR_SIZE_MAX + 1];

	return fuse_setxattr(&s->e->c, node_of(s, arg[0]),
	    xattr_names[arg[1]], value, (uint32_t)arg[2], (uint32_t)arg[3]);
}

static int
host_getxattr(struct side *s, const uint64_t arg[ARGS])
{
	char value[512];

	return result(lgetxattr(path_in(s, arg[0]), xattr_names[arg[1]],
	    value, arg[2]));
}

static int
guest_getxattr(struct side *s, const uint64_t arg[ARGS])
{
	char value[512];

	return reply(fuse_getxattr(&s->e->c, node_of(s, arg[0]),
	    xattr_names[arg[1]], value, (uint32_t)arg[2]));
}

static int
host_removexattr(struct side *s, const uint64_t arg[ARGS])
{
	return result(lremovexattr(path_in(s, arg[0]), xattr_names[arg[1]]));
}

static int
guest_removexattr(struct side *s, const uint64_t arg[ARGS])
{
	return fuse_removexattr(&s->e->c, node_of(s, arg[0]),
	    xattr_names[arg[1]]);
}

static int
host_rename(struct side *s, const uint64_t arg[ARGS])
{
	return result(syscall(SYS_renameat2, AT_FDCWD, path_in(s, arg[0]),
	    AT_FDCWD, path_in(s, arg[1]), (unsigned int)arg[2]));
}

static int
guest_rename(struct side *s, const uint64_t arg[ARGS])
{
	return fuse_rename2(&s->e->c, s->dir, names[arg[0]], s->dir,
	    names[arg[1]], (uint32_t)arg[2]);
}

static int
host_link(struct side *s, const uint64_t arg[ARGS])
{
	return result(link(path_in(s, arg[0]), path_in(s, arg[1])));
}

static int
guest_link(struct side *s, const uint64_t arg[ARGS])
{
	struct fuse_entry_out entry;

	return made(s, &entry, fuse_link(&s->e->c, node_of(s, arg[0]), s->dir,
	    names[arg[1]], &entry));
}

static int
host_unlink(struct side *s, const uint64_t arg[ARGS])
{
	return result(unlink(path_in(s, arg[0])));
}

static int
guest_unlink(struct side *s, const uint64_t arg[ARGS])
{
	return fuse_unlink(&s->e->c, s->dir, names[arg[0]]);
}

static int
host_rmdir(struct side *s, const uint64_t arg[ARGS])
{
	return result(rmdir(path_in(s, arg[0])));
}

static int
guest_rmdir(struct side *s, const uint64_t arg[ARGS])
{
	return fuse_rmdir(&s->e->c, s->dir, names[arg[0]]);
}

static int
host_make_dir(struct side *s, const uint64_t arg[ARGS])
{
	return result(mkdir(path_in(s, arg[0]), 0755));
}

static int
guest_make_dir(struct side *s, const uint64_t arg[ARGS])
{
	struct fuse_entry_out entry;

	return made(s, &entry, fuse_mkdir(&s->e->c, s->dir, names[arg[0]],
	    0755, &entry));
}

static int
host_make_link(struct side *s, const uint64_t arg[ARGS])
{
	return result(symlink(arg[1] == 0 ? "" : "target",
	    path_in(s, arg[0])));
}

static int
guest_make_link(struct side *s, const uint64_t arg[ARGS])
{
	struct fuse_entry_out entry;

	return made(s, &entry, fuse_symlink(&s->e->c, s->dir, names[arg[0]],
	    arg[1] == 0 ? "" : "target", &entry));
}

static int
host_make_node(struct side *s, const uint64_t arg[ARGS])
{
	return result(mknod(path_in(s, arg[0]), (mode_t)arg[1], 0));
}

static int
guest_make_node(struct side *s, const uint64_t arg[ARGS])
{
	struct fuse_entry_out entry;

	return made(s, &entry, fuse_mknod(&s->e->c, s->dir, names[arg[0]],
	    (uint32_t)arg[1], 0, &entry));
}

static int
host_open(struct side *s, const uint64_t arg[ARGS])
{
	int fd = open(path_in(s, arg[0]), (int)arg[1] | O_NOFOLLOW |
	    O_NONBLOCK);

	return fd == -1 || close(fd) == 0 ? result(fd) : -EIO;
}

static int
guest_open(struct side *s, const uint64_t arg[ARGS])
{
	uint64_t nodeid = node_of(s, arg[0]);
	struct fuse_open_out open;
	int error;

	error = fuse_open(&s->e->c, nodeid, (uint32_t)arg[1], &open);
	return error == 0 ? fuse_release(&s->e->c, nodeid, open.fh) : error;
}

static int
host_create(struct side *s, const uint64_t arg[ARGS])
{
	int fd = open(path_in(s, arg[0]), (int)arg[1] | O_CREAT | O_NOFOLLOW |
	    O_NONBLOCK, 0644);

	return fd == -1 || close(fd) == 0 ? result(fd) : -EIO;
}

static int
guest_create(struct side *s, const uint64_t arg[ARGS])
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	int error;

	error = fuse_create(&s->e->c, s->dir, names[arg[0]],
	    (uint32_t)arg[1] | O_CREAT, 0644, &entry, &open);
	return made(s, &entry, error) == 0 ?
	    fuse_release(&s->e->c, entry.nodeid, open.fh) : error;
}

static int
host_opendir(struct side *s, const uint64_t arg[ARGS])
{
	int fd = open(path_in(s, arg[0]), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	return fd == -1 || close(fd) == 0 ? result(fd) : -EIO;
}

static int
guest_opendir(struct side *s, const uint64_t arg[ARGS])
{
	uint64_t nodeid = node_of(s, arg[0]);
	struct fuse_open_out open;
	int error;

	error = fuse_opendir(&s->e->c, nodeid, &open);
	return error == 0 ? fuse_releasedir(&s->e->c, nodeid, open.fh) :
	    error;
}

static int
host_readdir(struct side *s, const uint64_t arg[ARGS])
{
	char buffer[4096];

	if (lseek(s->dir_fd, (off_t)arg[0], SEEK_SET) == -1)
		return -errno;
	return result(getdents64(s->dir_fd, buffer, arg[1]));
}

static int
guest_readdir(struct side *s, const uint64_t arg[ARGS])
{
	char buffer[4096];

	return reply(fuse_readdir(&s->e->c, s->dir, s->dir_fh, arg[0], buffer,
	    (uint32_t)arg[1]));
}

static int
host_readlink(struct side *s, const uint64_t arg[ARGS])
{
	char buffer[64];

	return result(readlink(path_in(s, arg[0]), buffer, sizeof(buffer)));
}

static int
guest_readlink(struct side *s, const uint64_t arg[ARGS])
{
	char buffer[64];

	return reply(fuse_readlink(&s->e->c, node_of(s, arg[0]), buffer,
	    sizeof(buffer)));
}

static int
host_access(struct side *s, const uint64_t arg[ARGS])
{
	return result(faccessat(AT_FDCWD, path_in(s, arg[0]), (int)arg[1],
	    AT_SYMLINK_NOFOLLOW));
}

static int
guest_access(struct side *s, const uint64_t arg[ARGS])
{
	return fuse_access(&s->e->c, node_of(s, arg[0]), (uint32_t)arg[1]);
}

/* What exists can be named by a node; anything by a name. */
#define NODES	{ FILE_, DIRECTORY, FULL, LINK, FIFO }, 5
#define NAMES	{ FILE_, DIRECTORY, FULL, LINK, FIFO, MISSING, LONG }, 7
#define OFFSETS { 0, 1, 10, 4096, 1ULL << 32, 1ULL << 44, 1ULL << 62,	\
	INT64_MAX - 4096, INT64_MAX - 1, INT64_MAX, 1ULL << 63,		\
	(1ULL << 63) + 1, UINT64_MAX - 10, UINT64_MAX }, 14
#define FEW_OFFSETS { 0, 5, 11, INT64_MAX - 4096, INT64_MAX,		\
	1ULL << 63, UINT64_MAX }, 7

struct operation {
	const char	*name;
	call		*host, *guest;
	struct {
		uint64_t	value[MOST_VALUES];
		size_t		count;		/* 0: no such argument */
	} arg[ARGS];
};

static const struct operation operations[] = {
	{ "lseek", host_lseek, guest_lseek, { { OFFSETS },
	    { { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE, 5, 6, 100,
		INT32_MAX, UINT32_MAX }, 10 } } },
	{ "fallocate", host_fallocate, guest_fallocate, {
	    { { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_INSERT_RANGE, FALLOC_FL_UNSHARE_RANGE,
		FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE, 0x04, 0x80,
		0x100, INT32_MAX, UINT32_MAX }, 14 },
	    { FEW_OFFSETS },
	    { { 0, 1, 4096, INT64_MAX - 4096, INT64_MAX, 1ULL << 63,
		UINT64_MAX }, 7 } } },
	{ "copy_file_range", host_copy_range, guest_copy, { { FEW_OFFSETS },
	    { FEW_OFFSETS },
	    { { 0, 1, 3, 4096, 0x7ffff000, 1ULL << 32, INT64_MAX, 1ULL << 63,
		UINT64_MAX }, 9 }, { { 0, 1, UINT32_MAX }, 3 } } },
	{ "read", host_pread, guest_pread, { { OFFSETS },
	    { { 0, 1, 4096, 8192 }, 4 } } },
	{ "write", host_pwrite, guest_pwrite, { { OFFSETS },
	    { { 0, 1, 4096, 8192 }, 4 } } },
	{ "truncate", host_truncate, guest_truncate, { { { FILE_, DIRECTORY,
	    FULL, FIFO }, 4 }, { OFFSETS } } },
	{ "utimensat", host_utimens, guest_utimens, { { NODES },
	    { { 0, 1, UINT64_MAX, 1ULL << 40, INT64_MAX }, 5 },
	    { { 0, 999999999, 1000000000, INT32_MAX, UINT32_MAX }, 5 } } },
	{ "setxattr", host_setxattr, guest_setxattr, { { NODES },
	    { { 0, 1, 2, 3, 4, 5, 7 }, 7 },
	    { { 0, 1, 100, XATTR_SIZE_MAX + 1 }, 4 },
	    { { 0, XATTR_CREATE, XATTR_REPLACE, 3, 4, 8, UINT32_MAX }, 7 } } },
	{ "getxattr", host_getxattr, guest_getxattr, { { NODES },
	    { { 0, 1, 2, 3, 4, 5, 7 }, 7 }, { { 0, 1, 4, 5, 512 }, 5 } } },
	{ "removexattr", host_removexattr, guest_removexattr, { { NODES },
	    { { 0, 1, 2, 3, 4, 5, 7 }, 7 } } },
	{ "rename", host_rename, guest_rename, { { NAMES }, { NAMES },
	    { { 0, RENAME_NOREPLACE, RENAME_EXCHANGE,
		RENAME_NOREPLACE | RENAME_EXCHANGE, RENAME_WHITEOUT,
		RENAME_WHITEOUT | RENAME_NOREPLACE,
		RENAME_WHITEOUT | RENAME_EXCHANGE, 8, 16, UINT32_MAX },
		10 } } },
	{ "link", host_link, guest_link, { { NODES }, { NAMES } } },
	{ "unlink", host_unlink, guest_unlink, { { NAMES } } },
	{ "rmdir", host_rmdir, guest_rmdir, { { NAMES } } },
	{ "mkdir", host_make_dir, guest_make_dir, { { NAMES } } },
	{ "symlink", host_make_link, guest_make_link, { { NAMES },
	    { { 0, 1 }, 2 } } },
	{ "mknod", host_make_node, guest_make_node, { { NAMES },
	    { { 0644, S_IFREG | 0644, S_IFIFO | 0644, S_IFSOCK | 0644,
		S_IFDIR | 0755, S_IFLNK | 0777, 0xf000, 0x3000 }, 8 } } },
	{ "open", host_open, guest_open, { { NODES },
	    { { O_RDONLY, O_WRONLY, O_RDWR, O_ACCMODE, O_RDONLY | O_TRUNC,
		O_RDWR | O_TRUNC, O_WRONLY | O_APPEND, O_RDONLY | O_DIRECTORY,
		O_RDWR | O_DIRECTORY, O_RDWR | O_SYNC, O_RDONLY | O_EXCL,
		O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NOATIME }, 12 } } },
	{ "create", host_create, guest_create, { { NAMES },
	    { { O_RDWR, O_WRONLY, O_RDONLY, O_RDWR | O_EXCL,
		O_RDWR | O_TRUNC, O_RDWR | O_EXCL | O_TRUNC,
		O_WRONLY | O_APPEND }, 7 } } },
	{ "opendir", host_opendir, guest_opendir, { { NODES } } },
	{ "readdir", host_readdir, guest_readdir, {
	    { { 0, INT64_MAX, 1ULL << 63, UINT64_MAX }, 4 },
	    { { 0, 1, 24, 4096 }, 4 } } },
	{ "readlink", host_readlink, guest_readlink, { { NODES } } },
	{ "access", host_access, guest_access, { { NODES },
	    { { F_OK, R_OK, W_OK, X_OK, 7, 8, 16, UINT32_MAX }, 8 } } },
};

/* Where it is otherwise on purpose, if this argument is that. */
static const struct {
	const char	*name;
	size_t		at;		/* which argument */
	uint64_t	value;
	int		answer;
	const char	*why;
} intended[] = {
	{ "lseek", 1, SEEK_CUR, -EINVAL,
	    "no request moves a descriptor's position" },
	{ "fallocate", 0, 0x80, -EOPNOTSUPP,
	    "FALLOC_FL_WRITE_ZEROES (Linux 6.17) is in no filter yet" },
	{ "setxattr", 1, NO_NAME, -ERANGE, "the name is looked at first" },
	{ "rename", 0, LONG, -ENAMETOOLONG, "names are looked at first" },
	{ "rename", 1, LONG, -ENAMETOOLONG, "names are looked at first" },
	{ "symlink", 0, LONG, -ENAMETOOLONG, "names are looked at first" },
	{ "mknod", 0, LONG, -ENAMETOOLONG, "names are looked at first" },
	{ "open", 1, O_ACCMODE, -EINVAL,
	    "for ioctl(2) alone, of which there is none" },
	{ "open", 0, FIFO, -ENXIO, "the guest opens these by itself" },
	{ "create", 0, FIFO, -ENXIO, "the guest opens these by itself" },
	{ "open", 0, DIRECTORY, -EISDIR, "that is OPENDIR" },
	{ "open", 0, FULL, -EISDIR, "that is OPENDIR" },
	{ "open", 0, LINK, -ELOOP, "with O_DIRECTORY as without" },
	{ "readdir", 1, 24, -EINVAL,
	    "an entry of FUSE takes 8 bytes more than one of getdents64(2)" },
};

static int
is_intended(const char *name, const uint64_t arg[ARGS], int answer)
{
	for (size_t i = 0; i < COUNT(intended); i++)
		if (strcmp(name, intended[i].name) == 0 &&
		    arg[intended[i].at] == intended[i].value &&
		    answer == intended[i].answer)
			return 1;
	return 0;
}

static void
populate(struct side *s)
{
	host_mkdir(s->path, 0755, 0, 0);
	host_write(path_in(s, FILE_), CONTENT, 0644, 0, 0);
	host_mkdir(path_in(s, DIRECTORY), 0755, 0, 0);
	host_mkdir(path_in(s, FULL), 0755, 0, 0);
	host_symlink("nowhere", path_in(s, LINK));
	host_mknod(path_in(s, FIFO), S_IFIFO | 0644, 0);
	snprintf(s->path + strlen(s->path), 8, "/full");
	host_write(path_in(s, FILE_), "", 0644, 0, 0);
	s->path[strlen(s->path) - 5] = '\0';
	if (lsetxattr(path_in(s, FILE_), "user.a", "value", 5, 0) != 0 &&
	    errno != EOPNOTSUPP)
		tap_bail("user.a");
}

/* Each combination has objects of its own. */
static void
side_open(struct side *s, struct virtiofs_env *e, const char *name)
{
	*s = (struct side){ .e = e, .fd = -1, .dir_fd = -1 };
	snprintf(s->path, sizeof(s->path), "%s", host_path(e, name));
	populate(s);
}

static void
side_open_host(struct side *s)
{
	s->fd = open(path_in(s, FILE_), O_RDWR | O_CLOEXEC);
	s->dir_fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd == -1 || s->dir_fd == -1)
		tap_bail("%s", s->path);
}

static void
side_open_guest(struct side *s, const char *name)
{
	struct fuse_open_out open_dir;

	s->dir = know(s, node(s->e, name));
	s->file = know(s, node_in(s->e, s->dir, names[FILE_]));
	s->fh = open_node(s->e, s->file, O_RDWR);
	if (fuse_opendir(&s->e->c, s->dir, &open_dir) != 0)
		tap_bail("opendir");
	s->dir_fh = open_dir.fh;
}

static void
side_remove(const struct side *s)
{
	char below[512];

	for (uint64_t i = 0; i < OBJECTS; i++) {
		/* "full" may have been renamed. */
		snprintf(below, sizeof(below), "%s/file", path_in(s, i));
		unlink(below);
		if (unlink(path_in(s, i)) != 0)
			rmdir(path_in(s, i));
	}
	if (rmdir(s->path) != 0)
		tap_bail("%s", s->path);
}

static void
side_close(struct side *s)
{
	if (s->dir != 0) {
		fuse_release(&s->e->c, s->file, s->fh);
		fuse_releasedir(&s->e->c, s->dir, s->dir_fh);
		for (size_t i = 0; i < s->nknown; i++)
			fuse_forget(&s->e->c, s->known[i], 1);
	} else {
		close(s->fd);
		close(s->dir_fd);
	}
	side_remove(s);
}

/* One combination; what differs is told of, up to a number. */
static int
differs(struct virtiofs_env *e, const struct operation *o,
    const uint64_t arg[ARGS], int shown)
{
	struct side host, guest;
	int want, got, wrong;

	side_open(&host, e, "host");
	side_open_host(&host);
	side_open(&guest, e, "guest");
	side_open_guest(&guest, "guest");
	want = o->host(&host, arg);
	got = o->guest(&guest, arg);
	side_close(&host);
	side_close(&guest);
	wrong = want != got && !is_intended(o->name, arg, got);
	if (wrong && shown < WRONG_SHOWN)
		tap_diag("%s(%lld, %lld, %lld, %lld): host %s, guest %s",
		    o->name, (long long)arg[0], (long long)arg[1],
		    (long long)arg[2], (long long)arg[3],
		    fuse_result_name(want), fuse_result_name(got));
	return wrong;
}

static void
run_operation(struct virtiofs_env *e, const struct operation *o)
{
	size_t at[ARGS] = { 0 }, i;
	uint64_t arg[ARGS] = { 0 };
	int wrong = 0, tried = 0;

	do {
		for (i = 0; i < ARGS; i++)
			arg[i] = o->arg[i].value[at[i]];
		wrong += differs(e, o, arg, wrong);
		tried++;
		for (i = 0; i < ARGS && ++at[i] >= o->arg[i].count; i++)
			at[i] = 0;
	} while (i < ARGS);
	tap_is_int(wrong, 0, "%s: of %d combinations differ", o->name, tried);
}

static void
test_errno(struct virtiofs_env *e)
{
	for (size_t i = 0; i < COUNT(operations); i++)
		run_operation(e, &operations[i]);
}

static const struct virtiofs_test tests[] = {
	{ "errno", test_errno },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = COUNT(tests), .once = 1, .options.server.xattr = 1 };

	/* What is intended is ours. */
	if (virtiofs_kind_from_env() == VIRTIOFS_C ||
	    virtiofs_kind_from_env() == VIRTIOFS_RUST)
		tap_skip_all("not for other servers");
	return virtiofs_suite_main(&suite);
}
