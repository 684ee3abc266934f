/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: GETATTR, SETATTR, STATX, STATFS, ACCESS. Where Linux decides, a
 * twin on the host gets the same system call and must look the same
 * afterwards.
 */
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "virtiofs_suite.h"

static void
test_chmod(struct virtiofs_env *e)
{
	static const uint32_t modes[] = { 0, 0777, 0644, 04755, 02755, 01644,
	    02644, 06777, 07777, 07000, 0444 };
	static const char *const names[] = { "file", "dir", "fifo",
	    "socket" };
	struct stat st;

	host_write(host_path(e, "file"), "x", 0600, 1000, 1001);
	host_mkdir(host_path(e, "dir"), 0700, 1000, 1001);
	host_mknod(host_path(e, "fifo"), S_IFIFO | 0600, 0);
	host_mknod(host_path(e, "socket"), S_IFSOCK | 0600, 0);
	for (size_t n = 0; n < 4; n++) {
		uint64_t nodeid = node(e, names[n]);

		for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
			host_lstat(host_path(e, names[n]), &st);
			is_reply(fuse_chmod(&e->c, nodeid,
			    (st.st_mode & S_IFMT) | modes[i]), 0,
			    "chmod %s to %o", names[n], modes[i]);
			host_lstat(host_path(e, names[n]), &st);
			tap_is_oct(st.st_mode & 07777, modes[i],
			    "%s has mode %o", names[n], modes[i]);
		}
	}
	is_reply(fuse_chmod(&e->c, node(e, "file"), S_IFDIR | 0600), 0,
	    "a wrong type in the mode");
	host_lstat(host_path(e, "file"), &st);
	tap_is_oct(st.st_mode, S_IFREG | 0600, "changes no type");
}

static void
test_symlink(struct virtiofs_env *e)
{
	struct fuse_setattr_in arg = { .valid = FATTR_MTIME | FATTR_ATIME,
	    .mtime = 1000, .atime = 2000 };
	struct fuse_attr_out attr;
	struct stat st;
	uint64_t link;

	host_write(host_path(e, "file"), "0123456789", 0600, 0, 0);
	host_symlink("file", host_path(e, "link"));
	link = node(e, "link");
	is_reply(fuse_chmod(&e->c, link, S_IFLNK | 0777), -EOPNOTSUPP,
	    "chmod of a symbolic link");
	is_reply(fuse_chown(&e->c, link, 5, 6), 0, "its owner");
	is_reply(fuse_setattr(&e->c, link, &arg, &attr), 0, "its times");
	host_lstat(host_path(e, "link"), &st);
	tap_ok(st.st_mtim.tv_sec == 1000 && st.st_atim.tv_sec == 2000,
	    "are its own");
	is_refused(fuse_truncate(&e->c, link, 1), "its size");
	host_lstat(host_path(e, "link"), &st);
	tap_ok(st.st_uid == 5 && st.st_gid == 6, "the link has the owner");
	host_lstat(host_path(e, "file"), &st);
	tap_ok(st.st_mode == (S_IFREG | 0600) && st.st_uid == 0 &&
	    st.st_mtim.tv_sec != 1000 && st.st_size == 10,
	    "its target is as it was");
}

static void
test_chown(struct virtiofs_env *e)
{
	static const struct {
		uint32_t	uid, gid, want_uid, want_gid;
	} row[] = {
		{ 1000, 1001, 1000, 1001 },
		{ 0, 0, 0, 0 },
		{ 1234, 0xffffffff, 1234, 0 },
		{ 0xffffffff, 5678, 1234, 5678 },
		{ 4294967294u, 4294967294u, 4294967294u, 4294967294u },
		{ 0, 1234, 0, 1234 },
	};
	static const char *const names[] = { "file", "dir", "link", "fifo" };
	struct stat st;

	host_write(host_path(e, "file"), "x", 0600, 7, 8);
	host_mkdir(host_path(e, "dir"), 0700, 7, 8);
	host_symlink("file", host_path(e, "link"));
	host_mknod(host_path(e, "fifo"), S_IFIFO | 0600, 0);
	for (size_t n = 0; n < 4; n++)
		for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
			is_reply(fuse_chown(&e->c, node(e, names[n]),
			    row[i].uid, row[i].gid), 0, "chown %s to %u:%u",
			    names[n], row[i].uid, row[i].gid);
			host_lstat(host_path(e, names[n]), &st);
			tap_ok(st.st_uid == row[i].want_uid &&
			    st.st_gid == row[i].want_gid,
			    "%s belongs to %u:%u", names[n], row[i].want_uid,
			    row[i].want_gid);
		}
}

static void
test_chown_setid(struct virtiofs_env *e)
{
	static const mode_t modes[] = { 06755, 06644, 04711, 02711 };
	struct stat got, want;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		host_write(host_path(e, "file"), "", modes[i], 7, 8);
		host_write(host_path(e, "twin"), "", modes[i], 7, 8);
		if (lchown(host_path(e, "twin"), 9, 10) != 0)
			tap_bail("lchown");
		is_reply(fuse_chown(&e->c, node(e, "file"), 9, 10), 0,
		    "chown of a file with mode %o", modes[i]);
		host_lstat(host_path(e, "twin"), &want);
		host_lstat(host_path(e, "file"), &got);
		/* S_ISGID without group execution may stay or go. */
		tap_is_oct(got.st_mode & (unsigned int)~S_ISGID,
		    want.st_mode & (unsigned int)~S_ISGID,
		    "set-id bits go as with chown(2)");
	}
}

static void
test_truncate(struct virtiofs_env *e)
{
	struct stat st;
	uint64_t file;

	host_write(host_path(e, "file"), "0123456789", 0, 1000, 1000);
	host_mkdir(host_path(e, "dir"), 0777, 0, 0);
	host_mknod(host_path(e, "fifo"), S_IFIFO | 0600, 0);
	host_mknod(host_path(e, "null"), S_IFCHR | 0666, 0x103);
	file = node(e, "file");
	is_reply(fuse_truncate(&e->c, file, 4), 0, "shorter");
	tap_is_str(host_read(host_path(e, "file")), "0123",
	    "content after it");
	is_reply(fuse_truncate(&e->c, file, 6LL << 30), 0, "beyond 4 GiB");
	host_lstat(host_path(e, "file"), &st);
	tap_is_int(st.st_size, 6LL << 30, "size after it");
	is_reply(fuse_truncate(&e->c, file, 0), 0, "to 0");
	host_lstat(host_path(e, "file"), &st);
	tap_is_int(st.st_size, 0, "size after it");
	is_reply(fuse_truncate(&e->c, file, 1ULL << 63), -EINVAL, "bit 63");
	is_reply(fuse_truncate(&e->c, file, UINT64_MAX), -EINVAL, "-1");
	is_refused(fuse_truncate(&e->c, node(e, "dir"), 0), "a directory");
	is_refused(fuse_truncate(&e->c, node(e, "fifo"), 0), "a FIFO");
	is_refused(fuse_truncate(&e->c, node(e, "null"), 0), "a device");
}

static void
test_truncate_fh(struct virtiofs_env *e)
{
	struct fuse_setattr_in arg = { .valid = FATTR_SIZE | FATTR_FH,
	    .size = 3 };
	struct fuse_attr_out attr;
	uint64_t file, other;

	host_write(host_path(e, "file"), "0123456789", 0600, 0, 0);
	host_write(host_path(e, "other"), "0123456789", 0600, 0, 0);
	file = node(e, "file");
	other = node(e, "other");
	arg.fh = open_node(e, file, O_RDWR);
	is_reply(fuse_setattr(&e->c, file, &arg, &attr), 0, "by its fh");
	tap_is_int((long long)attr.attr.size, 3, "size in the reply");
	tap_is_str(host_read(host_path(e, "file")), "012", "and on the host");
	is_reply(fuse_getattr_fh(&e->c, file, arg.fh, &attr), 0,
	    "getattr by its fh");
	is_attr_of(e, &attr.attr, "file");
	if (!peer_differs(e, "foreign-fh")) {
		is_reply(fuse_setattr(&e->c, other, &arg, &attr), -EBADF,
		    "another file's fh");
		arg.fh ^= 0x5555;
		is_reply(fuse_setattr(&e->c, file, &arg, &attr), -EBADF,
		    "no fh at all");
		arg.fh ^= 0x5555;
	}
	tap_is_str(host_read(host_path(e, "other")), "0123456789",
	    "which keeps its content");
	is_reply(fuse_release(&e->c, file, arg.fh), 0, "release");
	arg.fh = open_node(e, file, O_RDONLY);
	is_refused(fuse_setattr(&e->c, file, &arg, &attr),
	    "by a fh that cannot write");
	is_reply(fuse_release(&e->c, file, arg.fh), 0, "release");
}

static void
test_truncate_setid(struct virtiofs_env *e)
{
	struct fuse_setattr_in arg = {
	    .valid = FATTR_SIZE | FATTR_KILL_SUIDGID, .size = 1 };
	struct fuse_attr_out attr;
	struct stat st;

	if (peer_differs(e, "killpriv-v2"))
		return;
	host_write(host_path(e, "file"), "123", 06755, 1000, 1000);
	e->c.uid = e->c.gid = 1000;
	is_reply(fuse_setattr(&e->c, node(e, "file"), &arg, &attr), 0,
	    "truncate by its owner");
	host_lstat(host_path(e, "file"), &st);
	tap_is_oct(st.st_mode, S_IFREG | 0755, "set-id bits are gone");
}

static void
test_times(struct virtiofs_env *e)
{
	struct fuse_setattr_in arg = { .valid = FATTR_ATIME | FATTR_MTIME,
	    .atime = (uint64_t)-86400, .atimensec = 5, .mtime = 1234567890,
	    .mtimensec = 999999999 };
	struct fuse_attr_out attr;
	struct stat st, before;
	uint64_t file;

	host_write(host_path(e, "file"), "x", 0600, 0, 0);
	file = node(e, "file");
	is_reply(fuse_setattr(&e->c, file, &arg, &attr), 0, "both times");
	is_attr_of(e, &attr.attr, "file");
	host_lstat(host_path(e, "file"), &st);
	tap_ok(st.st_atim.tv_sec == -86400 && st.st_atim.tv_nsec == 5 &&
	    st.st_mtim.tv_sec == 1234567890 &&
	    st.st_mtim.tv_nsec == 999999999, "are on the host");
	before = st;
	arg.valid = FATTR_MTIME;
	arg.mtime = 77;
	is_reply(fuse_setattr(&e->c, file, &arg, &attr), 0, "mtime alone");
	host_lstat(host_path(e, "file"), &st);
	tap_ok(st.st_mtim.tv_sec == 77 && st.st_atim.tv_sec == -86400,
	    "leaves atime alone");
	arg.valid = FATTR_ATIME | FATTR_ATIME_NOW;
	is_reply(fuse_setattr(&e->c, file, &arg, &attr), 0, "atime now");
	host_lstat(host_path(e, "file"), &st);
	tap_ok(st.st_mtim.tv_sec == 77 &&
	    st.st_atim.tv_sec >= before.st_ctim.tv_sec, "is now");
	arg.valid = FATTR_MTIME;
	arg.mtimensec = 1000000000;
	is_reply(fuse_setattr(&e->c, file, &arg, &attr), -EINVAL,
	    "too many nanoseconds");
	if (peer_differs(e, "utime-now"))
		return;
	/* UTIME_NOW and UTIME_OMIT of the host's utimensat(2). */
	arg.mtimensec = (1u << 30) - 1;
	is_reply(fuse_setattr(&e->c, file, &arg, &attr), -EINVAL,
	    "a number that means now");
	arg.mtimensec = (1u << 30) - 2;
	is_reply(fuse_setattr(&e->c, file, &arg, &attr), -EINVAL,
	    "a number that means none");
}

static void
test_all_at_once(struct virtiofs_env *e)
{
	struct fuse_setattr_in arg = { .valid = FATTR_MODE | FATTR_UID |
	    FATTR_GID | FATTR_SIZE | FATTR_ATIME | FATTR_MTIME,
	    .mode = S_IFREG | 04711, .uid = 11, .gid = 22, .size = 2,
	    .atime = 100, .mtime = 200 };
	struct fuse_attr_out attr;
	struct stat st;

	host_write(host_path(e, "file"), "0123456789", 0600, 0, 0);
	is_reply(fuse_setattr(&e->c, node(e, "file"), &arg, &attr), 0,
	    "everything in one request");
	is_attr_of(e, &attr.attr, "file");
	host_lstat(host_path(e, "file"), &st);
	tap_ok(st.st_uid == 11 && st.st_gid == 22 && st.st_size == 2,
	    "owner and size");
	tap_ok(st.st_atim.tv_sec == 100 && st.st_mtim.tv_sec == 200, "times");
	arg = (struct fuse_setattr_in){ .valid = 0 };
	is_reply(fuse_setattr(&e->c, node(e, "file"), &arg, &attr), 0,
	    "nothing at all");
	is_attr_of(e, &attr.attr, "file");
}

static void
test_unknown_node(struct virtiofs_env *e)
{
	struct fuse_attr_out attr;

	is_refused(fuse_getattr(&e->c, 0, &attr), "getattr of node 0");
	is_refused(fuse_getattr(&e->c, 99999999, &attr),
	    "getattr of a node that is none");
	is_refused(fuse_chmod(&e->c, UINT64_MAX, 0600), "chmod of one");
	is_refused(fuse_chown(&e->c, 1ULL << 32, 0, 0), "chown of one");
	is_refused(fuse_truncate(&e->c, 1ULL << 63, 0), "truncate of one");
}

static void
test_root(struct virtiofs_env *e)
{
	struct fuse_attr_out attr;
	struct stat st;

	host_lstat(e->share->dir, &st);
	is_reply(fuse_getattr(&e->c, FUSE_ROOT_ID, &attr), 0, "getattr");
	tap_ok(attr.attr.ino == st.st_ino && attr.attr.mode == st.st_mode,
	    "it is the shared directory");
	is_reply(fuse_chmod(&e->c, FUSE_ROOT_ID, S_IFDIR | 0751), 0, "chmod");
	host_lstat(e->share->dir, &st);
	tap_is_oct(st.st_mode, S_IFDIR | 0751, "mode on the host");
	is_reply(fuse_chmod(&e->c, FUSE_ROOT_ID, S_IFDIR | 0755), 0, "back");
}

static void
test_statfs(struct virtiofs_env *e)
{
	struct fuse_kstatfs got;
	struct statvfs want;

	host_mknod(host_path(e, "fifo"), S_IFIFO | 0600, 0);
	if (statvfs(host_path(e, "fifo"), &want) != 0)
		tap_bail("statvfs");
	is_reply(fuse_statfs(&e->c, node(e, "fifo"), &got), 0, "statfs");
	tap_ok(got.bsize == want.f_bsize && got.frsize == want.f_frsize &&
	    got.namelen == want.f_namemax, "sizes");
	tap_ok(got.blocks == want.f_blocks && got.bfree == want.f_bfree &&
	    got.bavail == want.f_bavail, "blocks");
	tap_ok(got.files == want.f_files && got.ffree == want.f_ffree,
	    "files");
	is_reply(fuse_statfs(&e->c, FUSE_ROOT_ID, &got), 0, "of the root");
	tap_ok(got.blocks == want.f_blocks, "the same");
	is_refused(fuse_statfs(&e->c, 99999999, &got),
	    "of a node that is none");
}

static void
test_statx(struct virtiofs_env *e)
{
	struct test_statx_out got;
	struct statx want;

	if (peer_differs(e, "statx"))
		return;
	host_write(host_path(e, "file"), "123", 0641, 5, 6);
	if (statx(AT_FDCWD, host_path(e, "file"), AT_SYMLINK_NOFOLLOW,
	    STATX_BASIC_STATS | STATX_BTIME, &want) != 0)
		tap_bail("statx");
	memset(&got, 0, sizeof(got));
	is_reply(fuse_statx(&e->c, node(e, "file"), 0,
	    STATX_BASIC_STATS | STATX_BTIME, &got), 0, "statx");
	tap_ok((got.stat.mask & STATX_BASIC_STATS) == STATX_BASIC_STATS &&
	    (got.stat.mask & STATX_BTIME) == (want.stx_mask & STATX_BTIME),
	    "its mask");
	tap_ok(got.stat.ino == want.stx_ino && got.stat.size == 3 &&
	    got.stat.mode == want.stx_mode && got.stat.uid == 5 &&
	    got.stat.gid == 6 && got.stat.nlink == 1, "attributes");
	tap_ok(got.stat.mtime.sec == want.stx_mtime.tv_sec &&
	    got.stat.mtime.nsec == want.stx_mtime.tv_nsec, "mtime");
	if (want.stx_mask & STATX_BTIME)
		tap_ok(got.stat.btime.sec == want.stx_btime.tv_sec &&
		    got.stat.btime.nsec == want.stx_btime.tv_nsec, "btime");
	is_refused(fuse_statx(&e->c, 99999999, 0, STATX_BASIC_STATS, &got),
	    "of a node that is none");
}

static void
test_access(struct virtiofs_env *e)
{
	static const struct {
		uint32_t	uid, gid, mask;
		int		want;
	} row[] = {
		{ 1000, 1000, F_OK, 0 },
		{ 1000, 1000, R_OK | W_OK, 0 },
		{ 1000, 1000, X_OK, -EACCES },
		{ 2000, 2000, F_OK, 0 },
		{ 2000, 2000, R_OK, -EACCES },
		{ 2000, 1001, R_OK, 0 },
		{ 2000, 1001, R_OK | W_OK, -EACCES },
		{ 2000, 2000, X_OK, -EACCES },
		{ 0, 0, R_OK | W_OK, 0 },
		{ 0, 0, X_OK, -EACCES },
	};
	uint64_t file;

	if (peer_differs(e, "access"))
		return;
	host_write(host_path(e, "file"), "", 0640, 1000, 1001);
	file = node(e, "file");
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		e->c.uid = row[i].uid;
		e->c.gid = row[i].gid;
		is_reply(fuse_access(&e->c, file, row[i].mask), row[i].want,
		    "access %u for %u:%u", row[i].mask, row[i].uid,
		    row[i].gid);
	}
	is_reply(fuse_access(&e->c, file, 8), -EINVAL, "a wrong mask");
	e->c.uid = e->c.gid = 0;
	is_reply(fuse_access(&e->c, e->dir, X_OK), 0,
	    "search in a directory");
	is_refused(fuse_access(&e->c, 99999999, F_OK), "a node that is none");
}

static const struct virtiofs_test tests[] = {
	{ "chmod", test_chmod },
	{ "symlink", test_symlink },
	{ "chown", test_chown },
	{ "chown-setid", test_chown_setid },
	{ "truncate", test_truncate },
	{ "truncate-fh", test_truncate_fh },
	{ "truncate-setid", test_truncate_setid },
	{ "times", test_times },
	{ "all-at-once", test_all_at_once },
	{ "unknown-node", test_unknown_node },
	{ "root", test_root },
	{ "statfs", test_statfs },
	{ "statx", test_statx },
	{ "access", test_access },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]) };

	return virtiofs_suite_main(&suite);
}
