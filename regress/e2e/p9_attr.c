/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: requests that read and change attributes (T_LSTAT, T_STATFS,
 * T_CHMOD, T_CHOWN, T_TRUNCATE, T_GETVERSION). Where Linux decides, a twin on
 * the host gets the same system call and must look the same afterwards.
 */
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include <linux/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "p9_suite.h"
#include "procs.h"

static void
is_same_stat(struct p9_env *e, const char *name)
{
	struct p9_stat got;
	struct stat want;
	int error;

	host_lstat(host(e, name), &want);
	error = p9_lstat(&e->c, guest(e, name), &got);
	if (!is_result(error, 0, "lstat of %s", name))
		return;
	tap_ok(got.dev == want.st_dev && got.ino == want.st_ino,
	    "%s: device and inode number", name);
	tap_is_int((long long)got.nlink, (long long)want.st_nlink,
	    "%s: nlink", name);
	tap_is_oct(got.mode, want.st_mode, "%s: mode", name);
	tap_ok(got.uid == want.st_uid && got.gid == want.st_gid,
	    "%s: owner", name);
	tap_is_int((long long)got.rdev, (long long)want.st_rdev, "%s: rdev",
	    name);
	tap_is_int((long long)got.size, want.st_size, "%s: size", name);
	tap_ok(got.blksize == (uint64_t)want.st_blksize &&
	    got.blocks == (uint64_t)want.st_blocks, "%s: blocks", name);
	tap_ok((int64_t)got.atime == want.st_atim.tv_sec &&
	    (int64_t)got.atime_nsec == want.st_atim.tv_nsec, "%s: atime",
	    name);
	tap_ok((int64_t)got.mtime == want.st_mtim.tv_sec &&
	    (int64_t)got.mtime_nsec == want.st_mtim.tv_nsec, "%s: mtime",
	    name);
	tap_ok((int64_t)got.ctime == want.st_ctim.tv_sec &&
	    (int64_t)got.ctime_nsec == want.st_ctim.tv_nsec, "%s: ctime",
	    name);
}

static void
test_lstat(struct p9_env *e)
{
	const struct timespec old[2] = {
		{ .tv_sec = -86400, .tv_nsec = 5 },
		{ .tv_sec = 1234567890, .tv_nsec = 999999999 }
	};
	struct p9_stat st;

	host_write(host(e, "file"), "some content", 0641, 1000, 1001);
	host_write(host(e, "setid"), "", 06755, 4294967294u, 4294967293u);
	if (truncate(host(e, "setid"), 5LL << 30) != 0 ||
	    utimensat(AT_FDCWD, host(e, "setid"), old, 0) != 0 ||
	    link(host(e, "file"), host(e, "file2")) != 0)
		tap_bail("setid, file2");
	host_mkdir(host(e, "dir"), 03770, 0, 77);
	host_mkdir(host(e, "dir/sub"), 0700, 1, 1);
	host_symlink("file", host(e, "link"));
	host_symlink("missing", host(e, "dangling"));
	host_mknod(host(e, "fifo"), S_IFIFO | 0600, 0);
	host_mknod(host(e, "socket"), S_IFSOCK | 0600, 0);
	host_mknod(host(e, "char"), S_IFCHR | 0600, 0x12345);
	host_mknod(host(e, "block"), S_IFBLK | 0600, 0x701);
	is_same_stat(e, "file");
	is_same_stat(e, "setid");
	is_same_stat(e, "dir");
	is_same_stat(e, "link");
	is_same_stat(e, "dangling");
	is_same_stat(e, "fifo");
	is_same_stat(e, "socket");
	is_same_stat(e, "char");
	is_same_stat(e, "block");
	is_result(p9_lstat(&e->c, guest(e, "missing"), &st), -ENOENT,
	    "a missing file");
	is_result(p9_lstat(&e->c, guest(e, "missing/x"), &st), -ENOENT,
	    "a missing directory");
	is_result(p9_lstat(&e->c, guest(e, "file/x"), &st), -ENOTDIR,
	    "below a regular file");
}

static void
test_root(struct p9_env *e)
{
	struct stat want;
	struct p9_stat got;

	host_lstat(e->share->dir, &want);
	is_result(p9_lstat(&e->c, "/", &got), 0, "lstat of /");
	tap_ok(got.dev == want.st_dev && got.ino == want.st_ino &&
	    got.mode == want.st_mode && got.nlink == want.st_nlink,
	    "it is the shared directory");
	is_result(p9_chmod(&e->c, "/", 0751), 0, "chmod of /");
	host_lstat(e->share->dir, &want);
	tap_is_oct(want.st_mode, S_IFDIR | 0751, "mode of the share");
	is_result(p9_chown(&e->c, "/", 12, 13), 0, "chown of /");
	host_lstat(e->share->dir, &want);
	tap_ok(want.st_uid == 12 && want.st_gid == 13, "owner of the share");
	is_result(p9_chown(&e->c, "/", 0, 0), 0, "and back");
	is_result(p9_chmod(&e->c, "/", 0755), 0, "mode and back");
}

static void
test_statfs(struct p9_env *e)
{
	struct p9_statfs got;
	struct statfs want;
	uint32_t fsid[2];

	host_write(host(e, "file"), "", 0600, 1000, 1000);
	if (statfs(host(e, "file"), &want) != 0)
		tap_bail("statfs");
	memcpy(fsid, &want.f_fsid, sizeof(fsid));
	is_result(p9_statfs(&e->c, guest(e, "file"), &got), 0, "statfs");
	tap_is_int((long long)got.type, want.f_type, "type");
	tap_is_int((long long)got.bsize, want.f_bsize, "bsize");
	tap_ok(got.bsize != 0, "bsize is not 0, QEMU divides by it");
	tap_is_int((long long)got.frsize, want.f_frsize, "frsize");
	tap_is_int((long long)got.namelen, want.f_namelen, "namelen");
	tap_ok(got.blocks == want.f_blocks && got.bfree == want.f_bfree &&
	    got.bavail == want.f_bavail, "blocks, bfree, bavail");
	tap_ok(got.files == want.f_files && got.ffree == want.f_ffree,
	    "files, ffree");
	tap_is_int((uint32_t)got.fsid[0], fsid[0], "fsid, first word");
	tap_is_int((uint32_t)got.fsid[1], fsid[1], "fsid, second word");
	if (!differs(e, "fsid"))
		tap_is_int((uint32_t)(got.fsid[1] >> 32), fsid[1],
		    "fsid, second word where QEMU takes it from");
	is_result(p9_statfs(&e->c, "/", &got), 0, "statfs of /");
	is_result(p9_statfs(&e->c, guest(e, "missing"), &got), -ENOENT,
	    "a missing file");
	host_mknod(host(e, "fifo"), S_IFIFO | 0600, 0);
	is_result(p9_statfs(&e->c, guest(e, "fifo"), &got), 0, "a FIFO");
	/* A link to another file system: its figures would show it. */
	host_symlink("/proc/self", host(e, "link"));
	if (differs(e, "D10"))
		return;
	if (is_answer(p9_statfs(&e->c, guest(e, "link"), &got),
	    "a symbolic link"))
		tap_ok(got.type == 0 || (long)got.type == want.f_type,
		    "it was not followed");
}

static void
test_chmod(struct p9_env *e)
{
	static const uint32_t modes[] = { 0, 0777, 0644, 04755, 02755, 01644,
	    02644, 06777, 07777, 07000, 0444 };
	static const char *const names[] = { "file", "dir", "fifo", "socket" };
	struct stat st;
	int error;

	host_write(host(e, "file"), "x", 0600, 1000, 1001);
	host_mkdir(host(e, "dir"), 0700, 1000, 1001);
	host_mknod(host(e, "fifo"), S_IFIFO | 0600, 0);
	host_mknod(host(e, "socket"), S_IFSOCK | 0600, 0);
	for (size_t n = 0; n < 4; n++) {
		for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
			host_lstat(host(e, names[n]), &st);
			/* The client sends the type as well. */
			error = p9_chmod(&e->c, guest(e, names[n]),
			    (st.st_mode & S_IFMT) | modes[i]);
			is_result(error, 0, "chmod %s to %o", names[n],
			    modes[i]);
			host_lstat(host(e, names[n]), &st);
			tap_is_oct(st.st_mode & 07777, modes[i],
			    "%s has mode %o", names[n], modes[i]);
		}
		is_result(p9_chmod(&e->c, guest(e, names[n]), 0640), 0,
		    "chmod %s without type", names[n]);
	}
	is_result(p9_chmod(&e->c, guest(e, "file"), S_IFDIR | 0600), 0,
	    "a wrong type in the mode");
	host_lstat(host(e, "file"), &st);
	tap_is_oct(st.st_mode, S_IFREG | 0600, "changes no type");
	is_result(p9_chmod(&e->c, guest(e, "missing"), 0600), -ENOENT,
	    "a missing file");
}

static void
test_chmod_symlink(struct p9_env *e)
{
	struct stat st;
	int error;

	if (differs(e, "D10"))
		return;
	host_write(host(e, "file"), "x", 0600, 0, 0);
	host_symlink("file", host(e, "link"));
	error = p9_chmod(&e->c, guest(e, "link"), 0777);
	tap_ok(error == -EOPNOTSUPP || error == -ELOOP,
	    "chmod of a symbolic link: %s", p9_result_name(error));
	host_lstat(host(e, "file"), &st);
	tap_is_oct(st.st_mode, S_IFREG | 0600, "its target keeps its mode");
}

static void
test_chown(struct p9_env *e)
{
	static const struct {
		uint32_t	uid, gid, want_uid, want_gid;
	} row[] = {
		{ 1000, 1001, 1000, 1001 },
		{ 0, 0, 0, 0 },
		{ 1234, 0xffffffff, 1234, 0 },
		{ 0xffffffff, 5678, 1234, 5678 },
		{ 0xffffffff, 0xffffffff, 1234, 5678 },
		{ 4294967294u, 4294967294u, 4294967294u, 4294967294u },
		{ 0, 1234, 0, 1234 },
		{ 1000, 0, 1000, 0 },
	};
	static const char *const names[] = { "file", "dir", "link", "fifo" };
	struct stat st;
	int error;

	host_write(host(e, "target"), "x", 0600, 7, 8);
	host_write(host(e, "file"), "x", 0600, 7, 8);
	host_mkdir(host(e, "dir"), 0700, 7, 8);
	host_symlink("target", host(e, "link"));
	host_mknod(host(e, "fifo"), S_IFIFO | 0600, 0);
	for (size_t n = 0; n < 4; n++)
		for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
			error = p9_chown(&e->c, guest(e, names[n]),
			    row[i].uid, row[i].gid);
			is_result(error, 0, "chown %s to %u:%u", names[n],
			    row[i].uid, row[i].gid);
			host_lstat(host(e, names[n]), &st);
			tap_ok(st.st_uid == row[i].want_uid &&
			    st.st_gid == row[i].want_gid,
			    "%s belongs to %u:%u", names[n], row[i].want_uid,
			    row[i].want_gid);
		}
	host_lstat(host(e, "target"), &st);
	tap_ok(st.st_uid == 7 && st.st_gid == 8,
	    "the link's target keeps its owner");
	is_result(p9_chown(&e->c, guest(e, "missing"), 1, 1), -ENOENT,
	    "a missing file");
}

static void
test_chown_ctime(struct p9_env *e)
{
	struct stat before, after;

	host_write(host(e, "file"), "x", 0640, 7, 8);
	host_lstat(host(e, "file"), &before);
	procs_sleep_us(20000);
	is_result(p9_chown(&e->c, guest(e, "file"), 0xffffffff, 0xffffffff),
	    0, "chown to -1:-1");
	host_lstat(host(e, "file"), &after);
	tap_ok(after.st_ctim.tv_sec != before.st_ctim.tv_sec ||
	    after.st_ctim.tv_nsec != before.st_ctim.tv_nsec,
	    "sets the ctime");
	tap_ok(after.st_uid == 7 && after.st_gid == 8 &&
	    after.st_mode == before.st_mode &&
	    after.st_mtim.tv_nsec == before.st_mtim.tv_nsec,
	    "and nothing else");
}

static void
test_chown_setid(struct p9_env *e)
{
	static const mode_t modes[] = { 06755, 06644, 04711, 02711 };
	struct stat got, want;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		host_write(host(e, "file"), "", modes[i], 7, 8);
		host_write(host(e, "twin"), "", modes[i], 7, 8);
		if (lchown(host(e, "twin"), 9, 10) != 0)
			tap_bail("lchown");
		is_result(p9_chown(&e->c, guest(e, "file"), 9, 10), 0,
		    "chown of a file with mode %o", modes[i]);
		host_lstat(host(e, "twin"), &want);
		host_lstat(host(e, "file"), &got);
		/* S_ISGID without group execution may stay or go. */
		tap_is_oct(got.st_mode & (unsigned int)~S_ISGID,
		    want.st_mode & (unsigned int)~S_ISGID,
		    "set-id bits go as with chown(2)");
	}
}

static void
test_truncate(struct p9_env *e)
{
	struct stat st;
	int error;

	host_write(host(e, "file"), "0123456789", 0, 1000, 1000);
	is_result(p9_truncate(&e->c, guest(e, "file"), 4), 0, "shorter");
	tap_is_str(host_read(host(e, "file")), "0123", "content after it");
	is_result(p9_truncate(&e->c, guest(e, "file"), 6LL << 30), 0,
	    "beyond 4 GiB");
	host_lstat(host(e, "file"), &st);
	tap_is_int(st.st_size, 6LL << 30, "size after it");
	is_result(p9_truncate(&e->c, guest(e, "file"), 0), 0, "to 0");
	host_lstat(host(e, "file"), &st);
	tap_is_int(st.st_size, 0, "size after it");
	is_result(p9_truncate(&e->c, guest(e, "file"), 1ULL << 63), -EINVAL,
	    "bit 63");
	is_result(p9_truncate(&e->c, guest(e, "file"), UINT64_MAX), -EINVAL,
	    "-1");
	error = truncate(host(e, "file"), INT64_MAX) == 0 ? 0 : -errno;
	is_result(p9_truncate(&e->c, guest(e, "file"), INT64_MAX), error,
	    "the largest size, as truncate(2) takes it");
	is_result(p9_truncate(&e->c, guest(e, "missing"), 0), -ENOENT,
	    "a missing file");
	host_mkdir(host(e, "dir"), 0777, 0, 0);
	is_result(p9_truncate(&e->c, guest(e, "dir"), 0), -EISDIR,
	    "a directory");
	host_mknod(host(e, "fifo"), S_IFIFO | 0600, 0);
	is_error(p9_truncate(&e->c, guest(e, "fifo"), 0), "a FIFO");
	host_mknod(host(e, "null"), S_IFCHR | 0666, 0x103);
	is_error(p9_truncate(&e->c, guest(e, "null"), 0), "a device");
}

static void
test_truncate_symlink(struct p9_env *e)
{
	host_write(host(e, "file"), "0123456789", 0600, 0, 0);
	host_symlink("file", host(e, "link"));
	if (differs(e, "D10"))
		return;
	is_error(p9_truncate(&e->c, guest(e, "link"), 3), "a symbolic link");
	tap_is_str(host_read(host(e, "file")), "0123456789",
	    "its target keeps its content");
}

/* The generation that the kernel has, -1 when it has none. */
static long long
host_generation(const char *path)
{
	/* The ioctl takes a long but writes an int, ioctl_iflags(2). */
	unsigned int value[2] = { 0, 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error = ioctl(fd, FS_IOC_GETVERSION, value);

	close(fd);
	return error == 0 ? (long long)value[0] : -1;
}

static void
is_generation(struct p9_env *e, const char *name)
{
	long long want = host_generation(host(e, name));
	uint64_t got;
	int error = p9_getversion(&e->c, guest(e, name), &got);

	if (want < 0) {
		if (!differs(e, "D14"))
			is_error(error, "%s has none here", name);
		return;
	}
	is_result(error, 0, "generation of %s", name);
	tap_is_int((uint32_t)got, want, "%s: the kernel's", name);
	if (!differs(e, "D3"))
		tap_is_int((long long)(got >> 32), 0,
		    "%s: the upper half is 0", name);
}

static void
test_getversion(struct p9_env *e)
{
	uint64_t got;

	host_write(host(e, "file"), "", 0, 1000, 1000);
	host_mkdir(host(e, "dir"), 0, 1000, 1000);
	tap_ok((host_generation(host(e, "file")) >= 0) ==
	    (strcmp(e->share->fs, "ext4") == 0), "ext4 has generations");
	is_generation(e, "file");
	is_generation(e, "dir");
	if (differs(e, "D14"))
		return;
	is_result(p9_getversion(&e->c, guest(e, "missing"), &got), -ENOENT,
	    "a missing file");
	host_mknod(host(e, "fifo"), S_IFIFO | 0600, 0);
	host_mknod(host(e, "null"), S_IFCHR | 0666, 0x103);
	host_symlink("file", host(e, "link"));
	is_error(p9_getversion(&e->c, guest(e, "fifo"), &got), "a FIFO");
	is_error(p9_getversion(&e->c, guest(e, "null"), &got), "a device");
	is_error(p9_getversion(&e->c, guest(e, "link"), &got),
	    "a symbolic link");
}

static const struct p9_test tests[] = {
	{ "lstat", test_lstat },
	{ "root", test_root },
	{ "statfs", test_statfs },
	{ "chmod", test_chmod },
	{ "chmod-symlink", test_chmod_symlink },
	{ "chown", test_chown },
	{ "chown-ctime", test_chown_ctime },
	{ "chown-setid", test_chown_setid },
	{ "truncate", test_truncate },
	{ "truncate-symlink", test_truncate_symlink },
	{ "getversion", test_getversion },
};

int
main(void)
{
	static const struct p9_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]) };

	return p9_suite_main(&suite);
}
