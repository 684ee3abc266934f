/*
 * SPDX-License-Identifier: ISC
 *
 * The monitor's table: what each operation does for a good request, by path
 * and by handle, and that a bad one is refused for the right reason and
 * changes nothing.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "regress/unit/monitor_fixture.h"

#define HANDLES	32

static struct monitor_fixture f;
static struct pen_message message;
static enum pen_naming naming;
static uint64_t dir_handle;	/* of "dir", if by handle */
static int fds_before;

/* Runs `message`, which the monitor must take; returns the reply's error. */
static int
run(void)
{
	const char *wrong = fixture_run(&f, &message);

	if (wrong != NULL)
		fail_msg("%s: %s", pen_op_name(message.request.op), wrong);
	return f.op.reply.error;
}

static void
good(uint32_t op)
{
	pen_good(&message, op, naming, dir_handle);
}

static void
set_name(const char *name)
{
	pen_set_part(&message, PEN_NAME0, name, strlen(name));
}

/* Looks up a name; returns the handle, 0 with an error in the reply. */
static uint64_t
lookup(uint64_t dir, const char *name)
{
	pen_good(&message, MONITOR_LOOKUP, PEN_BY_HANDLE, dir);
	set_name(name);
	return run() == 0 ? f.op.reply.handle : 0;
}

static void
forget(uint64_t handle, uint64_t count)
{
	const struct monitor_forget entry = { handle, count };

	pen_good(&message, MONITOR_FORGET, PEN_BY_HANDLE, 0);
	pen_set_part(&message, PEN_DATA, &entry, sizeof(entry));
	assert_int_equal(run(), 0);
}

/* What the handle stands for at this moment. */
static int
get(uint64_t handle)
{
	int fd = handle_hold(&f.m.handles, handle);

	if (fd >= 0)
		handle_release(&f.m.handles, handle);
	return fd;
}

static void
host_stat(const char *name, struct stat *st)
{
	char path[64];

	snprintf(path, sizeof(path), "dir/%s", name);
	if (fstatat(f.share_fd, path, st, AT_SYMLINK_NOFOLLOW) == -1)
		memset(st, 0, sizeof(*st));
}

static bool
host_has(const char *name)
{
	struct stat st;

	host_stat(name, &st);
	return st.st_ino != 0;
}

/* Everything anew: the share, the handles. */
static void
renew(void)
{
	f.m.readonly = false;
	assert_int_equal(fixture_populate(&f), 0);
	if (naming == PEN_BY_HANDLE) {
		dir_handle = lookup(MONITOR_ROOT_HANDLE, "dir");
		assert_true(dir_handle != 0);
	}
}

static int
set_up(void **state)
{
	naming = *(enum pen_naming *)*state;
	fds_before = fixture_count_fds();
	if (fixture_open(&f, naming == PEN_BY_PATH ? MONITOR_BY_PATH :
	    MONITOR_BY_HANDLE, HANDLES) != 0)
		return -1;
	renew();
	return 0;
}

/* What a test did must have left nothing outside, and no descriptor. */
static int
tear_down(void **state)
{
	struct stat st;
	int fds;

	(void)state;
	if (fstatat(f.base_fd, "outside/file", &st, 0) == -1 ||
	    st.st_size != 6 || st.st_nlink != 1)
		return -1;
	fixture_close(&f);
	close(f.base_fd);
	fds = fixture_count_fds();
	if (fds != fds_before)
		fprintf(stderr, "%d descriptors, %d before\n", fds,
		    fds_before);
	return fds == fds_before ? 0 : -1;
}

static void
test_refusals(void **state)
{
	const char *label, *want, *wrong;
	unsigned int cases = 0;

	(void)state;
	fixture_note(&f, "share");
	for (uint32_t op = 1; op < MONITOR_OP_MAX; op++) {
		for (size_t i = 0; i < pen_spoils(); i++) {
			good(op);
			want = pen_spoil(&message, naming, i, &label);
			/* The lane's, and test_lane.c's. */
			if (want == NULL || strcmp(want,
			    "a payload longer than its slot") == 0)
				continue;
			if (!pen_fits(op, naming))
				want = "an operation that is not permitted";
			wrong = fixture_run(&f, &message);
			cases++;
			if (wrong == NULL || strcmp(wrong, want) != 0)
				fail_msg("%s, %s: \"%s\", not \"%s\"",
				    pen_op_name(op), label,
				    wrong == NULL ? "taken" : wrong, want);
		}
	}
	assert_true(cases > 300);
	assert_false(fixture_changed(&f, "share"));
}

static void
test_names(void **state)
{
	char name[MONITOR_NAME_MAX];
	uint32_t op;

	(void)state;
	for (op = 1; op < MONITOR_OP_MAX; op++)
		assert_string_equal(dispatch_name(op), pen_op_name(op));
	assert_string_equal(dispatch_name(0), "unknown");
	assert_string_equal(dispatch_name(MONITOR_OP_MAX), "unknown");
	assert_string_equal(dispatch_name(UINT32_MAX), "unknown");
	/* What is just permitted: 255 bytes, dots, what is not UTF-8. */
	memset(name, 0xff, sizeof(name));
	good(MONITOR_MKDIR);
	pen_set_part(&message, PEN_NAME0, name, sizeof(name));
	assert_int_equal(run(), 0);
	good(MONITOR_MKDIR);
	set_name("...");
	assert_int_equal(run(), 0);
}

static void
test_attributes(void **state)
{
	struct monitor_setattr_request *set = &message.request.u.setattr;
	struct stat st;

	(void)state;
	host_stat("file", &st);
	good(MONITOR_GETATTR);
	assert_int_equal(run(), 0);
	assert_int_equal(f.op.reply.u.attr.ino, st.st_ino);
	assert_int_equal(f.op.reply.u.attr.size, 7);
	assert_int_equal(f.op.reply.u.attr.mode, st.st_mode);
	assert_int_equal(f.op.reply.u.attr.dev, st.st_dev);
	assert_int_equal(f.op.reply.u.attr.mtime.nsec, st.st_mtim.tv_nsec);

	good(MONITOR_SETATTR);
	*set = (struct monitor_setattr_request){ .valid = MONITOR_SET_MODE |
	    MONITOR_SET_SIZE | MONITOR_SET_ATIME | MONITOR_SET_MTIME,
	    .mode = 02604, .size = 1000, .atime = { 1, 2, 0 },
	    .mtime = { -3, 999999999, 0 } };
	assert_int_equal(run(), 0);
	host_stat("file", &st);
	assert_int_equal(st.st_mode, S_IFREG | 02604);
	assert_int_equal(st.st_size, 1000);
	assert_int_equal(st.st_atim.tv_sec, 1);
	assert_int_equal(st.st_mtim.tv_sec, -3);
	assert_int_equal(st.st_mtim.tv_nsec, 999999999);

	good(MONITOR_SETATTR);
	*set = (struct monitor_setattr_request){ .valid =
	    MONITOR_SET_MTIME_NOW };
	assert_int_equal(run(), 0);
	host_stat("file", &st);
	assert_true(st.st_mtim.tv_sec > 1000000000);
	assert_int_equal(st.st_atim.tv_sec, 1);

	good(MONITOR_SETATTR);
	*set = (struct monitor_setattr_request){ .valid = MONITOR_SET_SIZE,
	    .size = -1 };
	assert_int_equal(run(), -EINVAL);
}

static void
test_set_owner(void **state)
{
	struct monitor_setattr_request *set = &message.request.u.setattr;
	struct stat st;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: needs root\n");
		return;
	}
	good(MONITOR_SETATTR);
	*set = (struct monitor_setattr_request){ .valid = MONITOR_SET_UID |
	    MONITOR_SET_GID | MONITOR_SET_MODE, .mode = 06755,
	    .owner = { 1234, 5678 } };
	assert_int_equal(run(), 0);
	host_stat("file", &st);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 5678);
	assert_int_equal(st.st_mode, S_IFREG | 06755);
	/* A link's own owner, never that of what it points to. */
	good(MONITOR_SETATTR);
	set_name("link");
	*set = (struct monitor_setattr_request){ .valid = MONITOR_SET_UID,
	    .owner = { 99, 99 } };
	assert_int_equal(run(), 0);
	host_stat("link", &st);
	assert_int_equal(st.st_uid, 99);
	host_stat("file", &st);
	assert_int_equal(st.st_uid, 1234);
}

/* Of what is no regular file neither size nor content is ever touched. */
static void
test_special_files(void **state)
{
	static const struct {
		const char	*name;
		int		 open[2];	/* by path, by handle */
		int		 size;
		int		 mode;
		int		 version;
	} cases[] = {
		{ "fifo", { -ENXIO, -ENXIO }, -EINVAL, 0, -ENOTTY },
		{ "socket", { -ENXIO, -ENXIO }, -EINVAL, 0, -ENOTTY },
		{ "link", { -ELOOP, -ELOOP }, -EINVAL, -EOPNOTSUPP, -ELOOP },
		{ "out", { -ELOOP, -ELOOP }, -EINVAL, -EOPNOTSUPP, -ELOOP },
		{ "sub", { 0, -EISDIR }, -EISDIR, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		good(MONITOR_OPEN);
		set_name(cases[i].name);
		assert_int_equal(run(),
		    cases[i].open[naming == PEN_BY_HANDLE]);
		good(MONITOR_SETATTR);
		set_name(cases[i].name);
		message.request.u.setattr.valid = MONITOR_SET_SIZE;
		assert_int_equal(run(), cases[i].size);
		good(MONITOR_SETATTR);
		set_name(cases[i].name);
		assert_int_equal(run(), cases[i].mode);
		good(MONITOR_GETVERSION);
		set_name(cases[i].name);
		if (naming == PEN_BY_PATH && cases[i].version != 1)
			assert_int_equal(run(), cases[i].version);
		/* An existing one is no way to open it by CREATE either. */
		good(MONITOR_CREATE);
		message.request.u.create.flags = O_WRONLY | O_TRUNC;
		set_name(cases[i].name);
		assert_true(run() < 0);
		assert_int_equal(f.op.reply_fd, -1);
	}
}

static void
test_open(void **state)
{
	char content[16] = "";
	uint32_t *flags = &message.request.u.open.flags;

	(void)state;
	good(MONITOR_OPEN);
	assert_int_equal(run(), 0);
	assert_int_equal(pread(f.op.reply_fd, content, 16, 0), 7);
	assert_string_equal(content, "content");
	assert_int_equal(pwrite(f.op.reply_fd, "x", 1, 0), -1);
	assert_int_equal(fcntl(f.op.reply_fd, F_GETFD), FD_CLOEXEC);

	good(MONITOR_OPEN);
	*flags = O_RDWR | O_APPEND | O_NONBLOCK | O_DSYNC | O_NOATIME |
	    O_TRUNC;
	assert_int_equal(run(), 0);
	assert_int_equal(write(f.op.reply_fd, "new", 3), 3);
	assert_int_equal(pread(f.op.reply_fd, content, 16, 0), 3);
	assert_true((fcntl(f.op.reply_fd, F_GETFL) & O_APPEND) != 0);

	good(MONITOR_OPEN);
	*flags = O_DIRECTORY;
	assert_int_equal(run(), -ENOTDIR);
	good(MONITOR_OPEN);
	set_name("none");
	assert_int_equal(run(), -ENOENT);
}

static void
test_create(void **state)
{
	struct monitor_create_request *args = &message.request.u.create;
	struct stat st;

	(void)state;
	good(MONITOR_CREATE);
	assert_int_equal(run(), 0);
	assert_int_equal(write(f.op.reply_fd, "abc", 3), 3);
	good(MONITOR_CREATE);
	assert_int_equal(run(), -EEXIST);
	good(MONITOR_CREATE);
	args->flags = O_RDONLY;
	assert_int_equal(run(), 0);
	assert_int_equal(fstat(f.op.reply_fd, &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(st.st_mode, S_IFREG | 0640);

	good(MONITOR_MKNOD);
	assert_int_equal(run(), 0);
	host_stat("new-fifo", &st);
	assert_int_equal(st.st_mode, S_IFIFO | 0640);
	assert_int_equal(run(), -EEXIST);

	good(MONITOR_MKDIR);
	assert_int_equal(run(), 0);
	host_stat("new-dir", &st);
	assert_int_equal(st.st_mode, S_IFDIR | 0750);

	good(MONITOR_SYMLINK);
	assert_int_equal(run(), 0);
	good(MONITOR_READLINK);
	set_name("new-link");
	assert_int_equal(run(), 0);
	assert_int_equal(f.op.reply.data_len, 6);
	assert_memory_equal(f.data, "target", 6);
	good(MONITOR_SYMLINK);
	set_name("no-target");
	pen_set_part(&message, PEN_DATA, "", 0);
	assert_int_equal(run(), -ENOENT);
}

/* Owner and mode of what is created, also below a set-group-ID directory. */
static void
test_create_owner(void **state)
{
	static const struct {
		uint32_t	op;
		mode_t		mode, want;
		struct monitor_owner owner;
		mode_t		want_sgid;
	} cases[] = {
		{ MONITOR_MKNOD, S_IFREG | 04755, 04755, { 7, 8 }, 04755 },
		{ MONITOR_MKNOD, S_IFREG | 07777, 07777, { 7, 8 }, 05777 },
		{ MONITOR_MKNOD, S_IFREG | 02755, 02755, { 0, 0 }, 02755 },
		{ MONITOR_MKNOD, 02745, 02745, { 7, 8 }, 02745 },
		{ MONITOR_MKNOD, S_IFSOCK | 0, 0, { 9, 9 }, 0 },
		{ MONITOR_MKDIR, 0700, 0700, { 7, 8 }, 02700 },
		/* As mkdir(2): no set-id bits but what the parent hands down. */
		{ MONITOR_MKDIR, 03770, 01770, { 0, 1 }, 03770 },
		{ MONITOR_MKDIR, 06755, 0755, { 7, 8 }, 02755 },
		{ MONITOR_CREATE, 06711, 06711, { 7, 8 }, 04711 },
		{ MONITOR_SYMLINK, 0, 0777, { 7, 8 }, 0777 },
	};
	struct stat st;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: needs root\n");
		return;
	}
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const size_t row = i / 2;
		const bool sgid = i % 2 == 1;
		char path[64];

		renew();
		if (sgid && naming == PEN_BY_HANDLE)
			dir_handle = lookup(dir_handle, "sgid");
		good(cases[row].op);
		if (sgid && naming == PEN_BY_PATH)
			pen_set_part(&message, PEN_PATH0, "dir/sgid", 8);
		set_name("made");
		switch (cases[row].op) {
		case MONITOR_MKNOD:
			message.request.u.mknod.mode = cases[row].mode;
			message.request.u.mknod.owner = cases[row].owner;
			break;
		case MONITOR_MKDIR:
			message.request.u.mkdir.mode = cases[row].mode;
			message.request.u.mkdir.owner = cases[row].owner;
			break;
		case MONITOR_CREATE:
			message.request.u.create.mode = cases[row].mode;
			message.request.u.create.owner = cases[row].owner;
			break;
		default:
			message.request.u.symlink.owner = cases[row].owner;
			break;
		}
		assert_int_equal(run(), 0);
		snprintf(path, sizeof(path), "%smade", sgid ? "sgid/" : "");
		host_stat(path, &st);
		assert_int_equal(st.st_mode & 07777, sgid ?
		    cases[row].want_sgid : cases[row].want);
		assert_int_equal(st.st_uid, cases[row].owner.uid);
		assert_int_equal(st.st_gid, sgid ? 5555 :
		    cases[row].owner.gid);
	}
}

static void
test_names_change(void **state)
{
	struct stat st;

	(void)state;
	good(MONITOR_LINK);
	assert_int_equal(run(), 0);
	host_stat("new-name", &st);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(run(), -EEXIST);
	/* Of a symbolic link, never of what it points to. */
	good(MONITOR_LINK);
	set_name("out");
	pen_set_part(&message, PEN_NAME1, "out2", 4);
	assert_int_equal(run(), 0);
	host_stat("out2", &st);
	assert_true(S_ISLNK(st.st_mode));
	good(MONITOR_LINK);
	set_name("sub");
	pen_set_part(&message, PEN_NAME1, "sub2", 4);
	assert_int_equal(run(), -EPERM);

	good(MONITOR_UNLINK);
	assert_int_equal(run(), 0);
	assert_false(host_has("victim"));
	assert_int_equal(run(), -ENOENT);
	good(MONITOR_UNLINK);
	set_name("sub");
	assert_int_equal(run(), -EISDIR);
	good(MONITOR_RMDIR);
	assert_int_equal(run(), 0);
	assert_false(host_has("victim-dir"));
	good(MONITOR_RMDIR);
	set_name("file");
	assert_int_equal(run(), -ENOTDIR);

	good(MONITOR_RENAME);
	message.request.u.rename.flags = 1;	/* RENAME_NOREPLACE */
	assert_int_equal(run(), -EEXIST);
	message.request.u.rename.flags = 2;	/* RENAME_EXCHANGE */
	assert_int_equal(run(), 0);
	message.request.u.rename.flags = 3;
	assert_int_equal(run(), -EINVAL);
	good(MONITOR_RENAME);
	pen_set_part(&message, PEN_NAME1, "other", 5);
	assert_int_equal(run(), 0);
	assert_false(host_has("file"));
	assert_true(host_has("other"));
}

static void
test_xattrs(void **state)
{
	uint32_t *size = &message.request.u.getxattr.size;

	(void)state;
	good(MONITOR_GETXATTR);
	if (run() == -EOPNOTSUPP || f.op.reply.error == -ENODATA) {
		print_message("# skipped: the file system has no xattrs\n");
		return;
	}
	assert_int_equal(f.op.reply.error, 0);
	assert_int_equal(f.op.reply.data_len, 5);
	assert_memory_equal(f.data, "value", 5);
	*size = 0;
	assert_int_equal(run(), 0);
	assert_int_equal(f.op.reply.size, 5);
	assert_int_equal(f.op.reply.data_len, 0);
	*size = 4;
	assert_int_equal(run(), -ERANGE);

	good(MONITOR_SETXATTR);
	message.request.u.setxattr.flags = XATTR_REPLACE;
	assert_int_equal(run(), -ENODATA);
	message.request.u.setxattr.flags = XATTR_CREATE;
	assert_int_equal(run(), 0);
	assert_int_equal(run(), -EEXIST);
	good(MONITOR_GETXATTR);
	pen_set_part(&message, PEN_DATA, "user.new", 8);
	assert_int_equal(run(), 0);
	assert_memory_equal(f.data, "value", 5);

	good(MONITOR_LISTXATTR);
	assert_int_equal(run(), 0);
	assert_int_equal(f.op.reply.data_len, 18);
	assert_true(memcmp(f.data, "user.pen\0user.new", 18) == 0 ||
	    memcmp(f.data, "user.new\0user.pen", 18) == 0);
	*size = 0;
	assert_int_equal(run(), 0);
	assert_int_equal(f.op.reply.size, 18);
	*size = 1;
	assert_int_equal(run(), -ERANGE);

	good(MONITOR_REMOVEXATTR);
	assert_int_equal(run(), 0);
	assert_int_equal(run(), -ENODATA);
	good(MONITOR_GETXATTR);
	assert_int_equal(run(), -ENODATA);
}

/* The same with the system calls of older kernels. */
static void
test_older_kernel(void **state)
{
	f.m.has_fchmodat2 = false;
	f.m.has_xattrat = false;
	test_attributes(state);
	renew();
	test_special_files(state);
	renew();
	test_create(state);
	renew();
	test_xattrs(state);
}

static void
test_statfs(void **state)
{
	(void)state;
	good(MONITOR_STATFS);
	assert_int_equal(run(), 0);
	assert_true(f.op.reply.u.statfs.bsize > 0);
	assert_int_equal(f.op.reply.u.statfs.namelen, 255);
	good(MONITOR_STATFS);
	set_name("none");
	assert_int_equal(run(), -ENOENT);
	good(MONITOR_READLINK);
	set_name("file");
	assert_int_equal(run(), -EINVAL);
}

/* Which operations a read-only share refuses, and which not. */
static void
test_readonly(void **state)
{
	static const bool writes[MONITOR_OP_MAX] = {
		[MONITOR_SETATTR] = true, [MONITOR_CREATE] = true,
		[MONITOR_MKNOD] = true, [MONITOR_MKDIR] = true,
		[MONITOR_SYMLINK] = true, [MONITOR_LINK] = true,
		[MONITOR_UNLINK] = true, [MONITOR_RMDIR] = true,
		[MONITOR_RENAME] = true, [MONITOR_SETXATTR] = true,
		[MONITOR_REMOVEXATTR] = true, [MONITOR_TMPFILE] = true
	};
	static const uint32_t flags[] = { O_WRONLY, O_RDWR, O_ACCMODE,
	    O_RDONLY | O_TRUNC, O_WRONLY | O_APPEND };

	f.m.readonly = true;
	(void)state;
	fixture_note(&f, "share");
	for (uint32_t op = 1; op < MONITOR_OP_MAX; op++) {
		if (!pen_fits(op, naming))
			continue;
		good(op);
		if (writes[op])
			assert_int_equal(run(), -EROFS);
		else
			assert_int_not_equal(run(), -EROFS);
	}
	/* RESET was the last. */
	if (naming == PEN_BY_HANDLE)
		dir_handle = lookup(MONITOR_ROOT_HANDLE, "dir");
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		good(MONITOR_OPEN);
		message.request.u.open.flags = flags[i];
		assert_int_equal(run(), -EROFS);
		assert_int_equal(f.op.reply_fd, -1);
	}
	assert_false(fixture_changed(&f, "share"));
}

/* Paths: "..", "/" and symbolic links in them never lead out. */
static void
test_paths(void **state)
{
	static const struct {
		const char	*path;
		int		 error;
	} cases[] = {
		{ "dir", 0 }, { "/dir", 0 }, { "//dir//", 0 },
		{ "dir/sub/..", 0 }, { "../dir", 0 },
		{ "../../../../dir", 0 }, { "/../dir/./.", 0 },
		{ "dir/..", -ENOENT }, { "..", -ENOENT }, { "/", -ENOENT },
		{ "../outside", -ENOENT }, { "/etc", -ENOENT },
		{ "dir/out", -ELOOP }, { "dir/out/..", -ELOOP },
		{ "dir/absolute", -ELOOP }, { "dir/link", -ELOOP },
		{ "dir/file", -ENOTDIR }, { "dir/file/..", -ENOTDIR },
		{ "dir/none", -ENOENT }, { "dir/fifo", -ENOTDIR },
	};
	uint32_t op;

	(void)state;
	fixture_note(&f, "outside");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (op = MONITOR_GETATTR; op < MONITOR_OP_MAX; op++) {
			if (!pen_fits(op, naming))
				continue;
			renew();
			good(op);
			pen_set_part(&message, PEN_PATH0, cases[i].path,
			    strlen(cases[i].path));
			/* These make a name, which may be new in the root. */
			if (cases[i].error == -ENOENT &&
			    (op == MONITOR_CREATE || op == MONITOR_MKNOD ||
			    op == MONITOR_MKDIR || op == MONITOR_SYMLINK))
				continue;
			run();
			if (cases[i].error != 0)
				assert_int_equal(f.op.reply.error,
				    cases[i].error);
			else
				assert_int_not_equal(f.op.reply.error,
				    -ENOENT);
		}
	}
	assert_false(fixture_changed(&f, "outside"));
}

static void
test_longest_path(void **state)
{
	char path[MONITOR_PATH_MAX];

	(void)state;
	memset(path, '/', sizeof(path));
	memcpy(path, "dir", 3);
	good(MONITOR_GETATTR);
	pen_set_part(&message, PEN_PATH0, path, sizeof(path));
	/* With the name it is longer than PATH_MAX: that is the kernel's. */
	assert_true(run() == 0 || f.op.reply.error == -ENAMETOOLONG);
	good(MONITOR_LINK);
	pen_set_part(&message, PEN_PATH0, path, sizeof(path));
	pen_set_part(&message, PEN_PATH1, path, sizeof(path));
	assert_int_equal(run(), 0);
	good(MONITOR_OPEN);
	pen_set_part(&message, PEN_PATH0, path, sizeof(path));
	assert_true(run() == 0 || f.op.reply.error == -ENAMETOOLONG);
}

/* Without a name it is the inode itself: for those that permit it. */
static void
test_no_name(void **state)
{
	uint64_t file = 0, link = 0;

	(void)state;
	if (naming == PEN_BY_HANDLE) {
		file = lookup(dir_handle, "file");
		link = lookup(dir_handle, "link");
		assert_true(file != 0 && link != 0);
	}
	for (uint32_t op = MONITOR_GETATTR; op < MONITOR_OP_MAX; op++) {
		if (!pen_ops[op].optional || op == MONITOR_LINK ||
		    !pen_fits(op, naming))
			continue;
		good(op);
		pen_set_part(&message, PEN_NAME0, "", 0);
		if (naming == PEN_BY_HANDLE)
			message.request.place[0].handle =
			    op == MONITOR_READLINK ? link : file;
		run();
		if (op == MONITOR_READLINK)
			assert_int_equal(f.op.reply.error,
			    naming == PEN_BY_HANDLE ? 0 : -EINVAL);
		else if (naming == PEN_BY_HANDLE)
			assert_int_equal(f.op.reply.error, 0);
	}
	good(MONITOR_LINK);
	pen_set_part(&message, PEN_NAME0, "", 0);
	if (naming == PEN_BY_HANDLE)
		message.request.place[0].handle = file;
	assert_int_equal(run(), naming == PEN_BY_HANDLE ? 0 : -EPERM);
}

/* Looks up what is above; returns the handle, 0 with an error in the reply. */
static uint64_t
parent(uint64_t handle)
{
	pen_good(&message, MONITOR_PARENT, PEN_BY_HANDLE, handle);
	return run() == 0 ? f.op.reply.handle : 0;
}

static void
test_dots(void **state)
{
	uint64_t file, link, sub;

	(void)state;
	sub = lookup(dir_handle, "sub");
	file = lookup(dir_handle, "file");
	link = lookup(dir_handle, "out");
	assert_true(lookup(sub, "") == sub);
	assert_true(S_ISDIR(f.op.reply.u.attr.mode));
	assert_true(lookup(MONITOR_ROOT_HANDLE, "") == MONITOR_ROOT_HANDLE);
	assert_true(lookup(file, "") == 0);
	assert_int_equal(f.op.reply.error, -ENOTDIR);
	assert_true(lookup(link, "") == 0);
	assert_int_equal(f.op.reply.error, -ENOTDIR);
	assert_true(parent(sub) == dir_handle);
	assert_true(parent(dir_handle) == MONITOR_ROOT_HANDLE);
	assert_true(parent(MONITOR_ROOT_HANDLE) == MONITOR_ROOT_HANDLE);
	assert_true(parent(file) == 0);
	assert_int_equal(f.op.reply.error, -ENOTDIR);
	assert_true(parent(link) == 0);
	assert_int_equal(f.op.reply.error, -ENOTDIR);
	/* Each of them was a lookup. */
	forget(sub, 1);
	assert_true(get(sub) >= 0);
	forget(sub, 1);
	assert_int_equal(get(sub), -ESTALE);
	forget(dir_handle, 1);
	assert_true(get(dir_handle) >= 0);
}

/* What the host has moved out leads back to nothing that is outside. */
static void
test_parent_outside(void **state)
{
	uint64_t sub, below;

	(void)state;
	assert_int_equal(mkdirat(f.share_fd, "dir/sub/below", 0755), 0);
	assert_int_equal(mkdirat(f.base_fd, "away", 0755), 0);
	sub = lookup(dir_handle, "sub");
	below = lookup(sub, "below");
	assert_int_equal(renameat(f.share_fd, "dir/sub", f.base_fd,
	    "away/sub"), 0);
	assert_true(parent(sub) == 0);
	assert_int_equal(f.op.reply.error, -ENOENT);
	assert_true(parent(below) == 0);
	assert_int_equal(f.op.reply.error, -ENOENT);
	assert_true(lookup(sub, "") == sub);
	/* Once it is back, so is the way. */
	assert_int_equal(renameat(f.base_fd, "away/sub", f.share_fd,
	    "back"), 0);
	assert_true(parent(below) == sub);
	assert_true(parent(sub) == MONITOR_ROOT_HANDLE);
	assert_int_equal(unlinkat(f.base_fd, "away", AT_REMOVEDIR), 0);
}

/* As deep as a path may be, and one more. */
static void
test_parent_deep(void **state)
{
	uint64_t at = MONITOR_ROOT_HANDLE, next;
	int depth, fd, up;

	(void)state;
	fd = fcntl(f.share_fd, F_DUPFD_CLOEXEC, 0);
	for (depth = 1; depth <= MONITOR_PATH_MAX / 2 + 1; depth++) {
		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		up = fd;
		fd = openat(up, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(fd >= 0);
		close(up);
		next = lookup(at, "d");
		assert_true(next != 0);
		if (depth <= MONITOR_PATH_MAX / 2) {
			if (depth % 256 == 0 || depth > 2000)
				assert_true(parent(next) == at);
		} else {
			assert_true(parent(next) == 0);
			assert_int_equal(f.op.reply.error, -ENAMETOOLONG);
		}
		forget(at, UINT64_MAX);
		at = next;
	}
	close(fd);
}

static void
test_lookup(void **state)
{
	uint64_t a, b;

	(void)state;
	a = lookup(dir_handle, "file");
	assert_true(a != 0);
	assert_int_equal(f.op.reply.u.attr.size, 7);
	good(MONITOR_LINK);
	assert_int_equal(run(), 0);
	/* One handle for one inode, whatever the name. */
	b = lookup(dir_handle, "new-name");
	assert_true(a == b);
	assert_int_equal(f.m.handles.used, 3);	/* the root, dir, file */
	assert_true(lookup(dir_handle, "none") == 0);
	assert_int_equal(f.op.reply.error, -ENOENT);
	/* A link is itself; there is nothing below it. */
	b = lookup(dir_handle, "out");
	assert_true(b != 0 && S_ISLNK(f.op.reply.u.attr.mode));
	assert_true(lookup(b, "file") == 0);
	assert_int_equal(f.op.reply.error, -ENOTDIR);
	assert_true(lookup(a, "file") == 0);
	assert_int_equal(f.op.reply.error, -ENOTDIR);
}

static void
test_forget(void **state)
{
	uint64_t a, again;

	(void)state;
	a = lookup(dir_handle, "file");
	assert_true(lookup(dir_handle, "file") == a);
	forget(a, 1);
	assert_true(get(a) >= 0);
	forget(a, 1);
	assert_int_equal(get(a), -ESTALE);
	/* Of what is gone, of what never was, of the root: harmless. */
	forget(a, UINT64_MAX);
	forget(0, 1);
	forget(UINT64_MAX, UINT64_MAX);
	forget(MONITOR_ROOT_HANDLE, UINT64_MAX);
	assert_true(get(MONITOR_ROOT_HANDLE) >= 0);
	again = lookup(dir_handle, "file");
	assert_true(again != 0 && again != a);
	forget(again, 0);
	assert_true(get(again) >= 0);
	forget(again, UINT64_MAX);
	assert_int_equal(get(again), -ESTALE);
	assert_int_equal(f.m.handles.used, 2);
}

/* A handle that is not live is the guest's mistake: an errno, in any place. */
static void
test_stale(void **state)
{
	uint64_t gone = lookup(dir_handle, "file"), handles[6];
	int place;

	(void)state;
	forget(gone, 1);
	handles[0] = gone;
	handles[1] = 0;
	handles[2] = UINT64_MAX;
	handles[3] = MONITOR_ROOT_HANDLE + 77;
	handles[4] = 2 * MONITOR_ROOT_HANDLE;
	handles[5] = UINT32_MAX;
	fixture_note(&f, "share");
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
		for (uint32_t op = 1; op < MONITOR_OP_MAX; op++) {
			if (!pen_fits(op, naming))
				continue;
			for (place = 0; place < 2; place++) {
				good(op);
				if (pen_ops[op].names[place] == NULL)
					continue;
				message.request.place[place].handle =
				    handles[i];
				assert_int_equal(run(), pen_ops[op].by_stream ?
				    -EBADF : -ESTALE);
			}
		}
	}
	assert_false(fixture_changed(&f, "share"));
}

static void
test_limit(void **state)
{
	char name[16];
	uint64_t last = 0;
	int i;

	(void)state;
	for (i = 2; i < HANDLES + 3; i++) {
		good(MONITOR_MKDIR);
		snprintf(name, sizeof(name), "n%d", i);
		set_name(name);
		assert_int_equal(run(), 0);
		forget(f.op.reply.handle, 1);
	}
	for (i = 2; i < HANDLES; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		last = lookup(dir_handle, name);
		assert_true(last != 0);
	}
	assert_true(lookup(dir_handle, "n33") == 0);
	assert_int_equal(f.op.reply.error, -ENFILE);
	/* What is known is found; what is forgotten makes room. */
	assert_true(lookup(dir_handle, "n3") != 0);
	forget(last, 1);
	assert_true(lookup(dir_handle, "n33") != 0);
	assert_true(lookup(dir_handle, "n34") == 0);
	assert_int_equal(f.op.reply.error, -ENFILE);
}

#define FORGETS	1024

static void
test_forget_many(void **state)
{
	static struct monitor_forget entries[FORGETS + 1];
	size_t i;

	(void)state;
	for (i = 0; i < FORGETS; i++)
		entries[i] = (struct monitor_forget){ i << 32 | i, i };
	entries[FORGETS - 1] = (struct monitor_forget){ dir_handle, 1 };
	pen_good(&message, MONITOR_FORGET, PEN_BY_HANDLE, 0);
	pen_set_part(&message, PEN_DATA, entries,
	    FORGETS * sizeof(entries[0]));
	assert_int_equal(run(), 0);
	assert_int_equal(get(dir_handle), -ESTALE);
	pen_set_part(&message, PEN_DATA, entries, sizeof(entries));
	assert_string_equal(fixture_run(&f, &message),
	    "data of a wrong length");
}

/* What is made is looked up; what cannot be is not made. */
static void
test_made_handles(void **state)
{
	static const uint32_t ops[] = { MONITOR_CREATE, MONITOR_MKNOD,
	    MONITOR_MKDIR, MONITOR_SYMLINK, MONITOR_TMPFILE };
	struct stat st;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		good(ops[i]);
		assert_int_equal(run(), 0);
		assert_true(f.op.reply.handle != 0);
		assert_int_equal(fstat(get(f.op.reply.handle), &st), 0);
		assert_int_equal(st.st_ino, f.op.reply.u.attr.ino);
		assert_int_equal(st.st_mode, f.op.reply.u.attr.mode);
		forget(f.op.reply.handle, 1);
		assert_int_equal(get(f.op.reply.handle), -ESTALE);
	}
	renew();
	f.m.handles.limit = f.m.handles.open;
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		good(ops[i]);
		assert_int_equal(run(), -ENFILE);
		assert_int_equal(f.op.reply_fd, -1);
		assert_false(host_has(pen_ops[ops[i]].names[0]) &&
		    ops[i] != MONITOR_TMPFILE);
	}
}

static uint64_t
open_stream(uint64_t dir)
{
	pen_good(&message, MONITOR_OPENDIR, PEN_BY_HANDLE, dir);
	assert_int_equal(run(), 0);
	return f.op.reply.handle;
}

/* Reads from an offset, `size` as if an entry took 152 bytes and its name. */
static int
read_stream(uint32_t op, uint64_t stream, uint64_t offset, uint32_t size)
{
	good(op);
	message.request.u.readdir = (struct monitor_readdir_request){
	    .stream = stream, .offset = offset, .size = size,
	    .entry_size = 152 };
	return run();
}

/* Goes through an answer; returns how many, and the last one's offset. */
static int
count_entries(bool plus, uint64_t *offset)
{
	const struct monitor_dirent *d;
	struct stat st;
	char name[256];
	size_t at = 0, step;
	int n = 0;

	while (at < f.op.reply.data_len) {
		d = (const void *)(f.data + at);
		step = sizeof(*d) + (plus ? sizeof(d->attr[0]) : 0);
		assert_true(d->name_len > 0 && d->name_len < sizeof(name));
		memcpy(name, f.data + at + step, d->name_len);
		name[d->name_len] = '\0';
		at += step + (d->name_len + 7) / 8 * 8;
		*offset = d->offset;
		n++;
		if (name[0] == '.') {
			assert_int_equal(d->handle, 0);
			continue;
		}
		host_stat(name, &st);
		assert_int_equal(d->ino, st.st_ino);
		if (!plus)
			continue;
		assert_int_equal(d->attr[0].mode, st.st_mode);
		assert_int_equal(fstat(get(d->handle), &st), 0);
		assert_int_equal(st.st_ino, d->ino);
	}
	assert_int_equal(at, f.op.reply.data_len);
	return n;
}

static void
test_streams(void **state)
{
	static const uint32_t sizes[] = { 168, 200, 500, 4096, 1 << 20 };
	uint64_t offset, stream;
	uint32_t op;
	int all, n;

	(void)state;
	stream = open_stream(dir_handle);
	assert_int_equal(read_stream(MONITOR_READDIR, stream, 0, UINT32_MAX),
	    0);
	all = count_entries(false, &offset);
	assert_true(all > 8);
	for (op = MONITOR_READDIR; op <= MONITOR_READDIRPLUS; op++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			offset = 0;
			n = 0;
			do {
				assert_int_equal(read_stream(op, stream,
				    offset, sizes[i]), 0);
				n += count_entries(op == MONITOR_READDIRPLUS,
				    &offset);
			} while (f.op.reply.data_len > 0);
			assert_int_equal(n, all);
		}
		assert_int_equal(read_stream(op, stream, 0, 159), -EINVAL);
		assert_int_equal(read_stream(op, stream, 0, 0), -EINVAL);
		assert_int_equal(read_stream(op, stream, UINT64_MAX, 4096),
		    -EINVAL);
	}
	/* What is new shows after a rewind, what is gone does not. */
	good(MONITOR_CREATE);
	assert_int_equal(run(), 0);
	assert_int_equal(read_stream(MONITOR_READDIR, stream, 0, 1 << 20), 0);
	assert_int_equal(count_entries(false, &offset), all + 1);
	assert_int_equal(unlinkat(f.share_fd, "dir/new-file", 0), 0);
	assert_int_equal(read_stream(MONITOR_READDIRPLUS, stream, 0, 1 << 20),
	    0);
	assert_int_equal(count_entries(true, &offset), all);
}

/* A stream is one directory's, until it is released. */
static void
test_stream_names(void **state)
{
	uint64_t other, stream, wrong[6];
	int i;

	(void)state;
	stream = open_stream(dir_handle);
	other = open_stream(lookup(dir_handle, "sub"));
	wrong[0] = 0;
	wrong[1] = UINT64_MAX;
	wrong[2] = stream + 77;
	wrong[3] = stream + (UINT64_C(1) << 32);
	wrong[4] = (uint32_t)stream;
	wrong[5] = other;
	for (i = 0; i < 6; i++) {
		assert_int_equal(read_stream(MONITOR_READDIR, wrong[i], 0,
		    4096), -EBADF);
		good(MONITOR_FSYNCDIR);
		message.request.u.stream.stream = wrong[i];
		assert_int_equal(run(), -EBADF);
		good(MONITOR_RELEASEDIR);
		message.request.u.stream.stream = wrong[i];
		assert_int_equal(run(), -EBADF);
	}
	good(MONITOR_FSYNCDIR);
	message.request.u.stream.stream = stream;
	assert_int_equal(run(), 0);
	good(MONITOR_RELEASEDIR);
	message.request.u.stream.stream = stream;
	assert_int_equal(run(), 0);
	assert_int_equal(run(), -EBADF);
	assert_true(open_stream(dir_handle) != stream);
	/* The fixture has room for four. */
	open_stream(dir_handle);
	open_stream(dir_handle);
	good(MONITOR_OPENDIR);
	assert_int_equal(run(), -ENFILE);
	pen_good(&message, MONITOR_OPENDIR, PEN_BY_HANDLE,
	    lookup(dir_handle, "file"));
	assert_int_equal(run(), -ENOTDIR);
	/* All at once. */
	good(MONITOR_RESET);
	assert_int_equal(run(), 0);
	assert_int_equal(f.m.streams.used, 0);
	assert_int_equal(f.m.handles.used, 1);
	assert_int_equal(get(dir_handle), -ESTALE);
}

/* All that is left of a forgotten directory is what is open of it. */
static void
test_stream_forgotten(void **state)
{
	uint64_t sub, stream;
	int fds = fixture_count_fds();

	(void)state;
	sub = lookup(dir_handle, "sub");
	stream = open_stream(sub);
	forget(sub, 1);
	assert_int_equal(get(sub), -ESTALE);
	pen_good(&message, MONITOR_READDIR, PEN_BY_HANDLE, sub);
	message.request.u.readdir.stream = stream;
	assert_int_equal(run(), 0);
	assert_true(f.op.reply.data_len > 0);
	/* What it looks up needs the directory's handle. */
	message.request.op = MONITOR_READDIRPLUS;
	assert_int_equal(run(), -ESTALE);
	pen_good(&message, MONITOR_FSYNCDIR, PEN_BY_HANDLE, sub);
	message.request.u.stream.stream = stream;
	assert_int_equal(run(), 0);
	/* It has no other name, not even by the inode's next handle. */
	pen_good(&message, MONITOR_RELEASEDIR, PEN_BY_HANDLE,
	    lookup(dir_handle, "sub"));
	message.request.u.stream.stream = stream;
	assert_int_equal(run(), -EBADF);
	forget(message.request.place[0].handle, 1);
	pen_good(&message, MONITOR_RELEASEDIR, PEN_BY_HANDLE, sub);
	message.request.u.stream.stream = stream;
	assert_int_equal(run(), 0);
	assert_int_equal(run(), -EBADF);
	assert_int_equal(f.m.streams.used, 0);
	assert_int_equal(fixture_count_fds(), fds);
}

/* A handle that was only read lives through a rename and a removal. */
static void
test_late_handles(void **state)
{
	uint64_t offset, stream, file;
	struct stat st;

	(void)state;
	host_stat("file", &st);
	stream = open_stream(dir_handle);
	assert_int_equal(read_stream(MONITOR_READDIRPLUS, stream, 0, 1 << 20),
	    0);
	good(MONITOR_RENAME);
	assert_int_equal(run(), 0);
	good(MONITOR_UNLINK);
	set_name("new-name");
	assert_int_equal(run(), 0);
	assert_int_equal(read_stream(MONITOR_READDIRPLUS, stream, 0, 1 << 20),
	    0);
	count_entries(true, &offset);
	/* By number: dir's other entries came first or last. */
	for (file = 0; file < f.m.handles.size; file++) {
		struct stat now;
		int fd = get(MONITOR_ROOT_HANDLE + file);

		if (fd >= 0 && fstat(fd, &now) == 0 &&
		    now.st_ino == st.st_ino)
			break;
	}
	assert_true(file < f.m.handles.size);
	assert_int_equal(fstat(get(MONITOR_ROOT_HANDLE + file), &st), 0);
	assert_int_equal(st.st_nlink, 0);
}

#define CASE(test, how)	{ .name = #test " (" #how ")",			\
	.test_func = test, .setup_func = set_up,			\
	.teardown_func = tear_down, .initial_state = &how }
#define BOTH(test)	CASE(test, by_path), CASE(test, by_handle)

int
main(void)
{
	static enum pen_naming by_path = PEN_BY_PATH,
	    by_handle = PEN_BY_HANDLE;
	struct caps_set caps;
	const struct CMUnitTest tests[] = {
		BOTH(test_refusals), BOTH(test_names), BOTH(test_attributes),
		BOTH(test_set_owner), BOTH(test_special_files),
		BOTH(test_open), BOTH(test_create), BOTH(test_create_owner),
		BOTH(test_names_change), BOTH(test_xattrs),
		BOTH(test_older_kernel), BOTH(test_statfs),
		BOTH(test_readonly), BOTH(test_no_name),
		CASE(test_paths, by_path), CASE(test_longest_path, by_path),
		CASE(test_dots, by_handle),
		CASE(test_parent_outside, by_handle),
		CASE(test_parent_deep, by_handle),
		CASE(test_lookup, by_handle), CASE(test_forget, by_handle),
		CASE(test_stale, by_handle), CASE(test_limit, by_handle),
		CASE(test_forget_many, by_handle),
		CASE(test_made_handles, by_handle),
		CASE(test_streams, by_handle),
		CASE(test_stream_names, by_handle),
		CASE(test_stream_forgotten, by_handle),
		CASE(test_late_handles, by_handle)
	};

	/* As the monitor has them: FSETID is raised when it is needed. */
	caps_default(&caps);
	if (geteuid() == 0 && caps_apply_monitor(&caps) != 0)
		return 1;
	log_init(LOG_LEVEL_OFF, NULL, NULL);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
