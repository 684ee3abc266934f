/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of what the FUSE operations mean: worker/fuse_init.c,
 * fuse_inode.c, fuse_attr.c, fuse_dir.c and fuse_xattr.c, on a monitor that
 * checks as the real one does and answers what the test wants.  Open files are
 * test_fuse_file.c's.
 */
#include "config.h"

#include "worker/fuse_request.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fuse_fixture.h"
#include "stub_monitor.h"

#define LENGTH(a)	(sizeof(a) / sizeof((a)[0]))
#define ALL_FLAGS	0x7fffffffU

static struct fuse_fixture f;
static struct fuse_sample sample;

static void
drop_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static int
set_up(void **state)
{
	(void)state;
	log_init(LOG_LEVEL_WARN, drop_line, NULL);
	fuse_fixture_init(&f);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fuse_fixture_free(&f);
	return 0;
}

static int
run(void)
{
	int error = fuse_fixture_run(&f, sample.bytes, sample.len,
	    sample.room);

	if (f.wrong != NULL)
		fail_msg("opcode %u: %s", sample.bytes[4], f.wrong);
	return error;
}

/* Copies the reply's payload, all of it. */
static void
payload(void *out, size_t len)
{
	assert_int_equal(f.len, sizeof(struct fuse_out_header) + len);
	memcpy(out, f.reply + sizeof(struct fuse_out_header), len);
}

/* A request of arguments alone. */
static int
ask(uint32_t opcode, uint64_t nodeid, const void *args, size_t len,
    size_t room)
{
	fuse_sample_begin(&sample, opcode, nodeid);
	fuse_sample_add(&sample, args, len);
	sample.room = sizeof(struct fuse_out_header) + room;
	return run();
}

/*
 * INIT.
 */

static int
init(uint32_t major, uint32_t minor, uint32_t flags, uint32_t flags2,
    struct fuse_init_out *out)
{
	const struct fuse_init_in in = { .major = major, .minor = minor,
	    .max_readahead = 4242, .flags = flags, .flags2 = flags2 };
	int error;

	error = ask(FUSE_INIT, 0, &in, sizeof(in), sizeof(*out));
	if (error == 0)
		payload(out, sizeof(*out));
	return error;
}

static void
test_init(void **state)
{
	const uint32_t always = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC |
	    FUSE_BIG_WRITES | FUSE_AUTO_INVAL_DATA | FUSE_ASYNC_DIO |
	    FUSE_PARALLEL_DIROPS | FUSE_HANDLE_KILLPRIV |
	    FUSE_HANDLE_KILLPRIV_V2 | FUSE_MAX_PAGES |
	    FUSE_INIT_EXT;
	struct fuse_init_out out;

	(void)state;
	f.session.initialised = false;
	assert_int_equal(init(7, 38, ALL_FLAGS, UINT32_MAX, &out), 0);
	assert_int_equal(stub_monitor.op.request.op, MONITOR_RESET);
	assert_int_equal(out.major, 7);
	assert_int_equal(out.minor, 38);
	assert_int_equal(out.max_readahead, 4242);
	assert_int_equal(out.max_write, 1 << 20);
	assert_int_equal(out.max_pages, 256);
	assert_int_equal(out.time_gran, 1);
	assert_int_equal(out.max_background, 65535);
	assert_true(out.congestion_threshold < out.max_background);
	assert_int_equal(out.flags, always | FUSE_SUBMOUNTS |
	    FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | FUSE_CACHE_SYMLINKS);
	assert_int_equal(out.flags2, FUSE_CREATE_SUPP_GROUP >> 32);
	assert_true(f.session.initialised);
	/* Linux looks at the second half for who takes FUSE_INIT_EXT. */
	assert_int_equal(init(7, 38, ALL_FLAGS & ~(uint32_t)FUSE_INIT_EXT,
	    UINT32_MAX, &out), 0);
	assert_int_equal(out.flags2, 0);
	assert_int_equal(init(7, 38, ALL_FLAGS, 0, &out), 0);
	assert_int_equal(out.flags2, 0);

	/* Newer and older guests. */
	assert_int_equal(init(7, 45, ALL_FLAGS, 0, &out), 0);
	assert_int_equal(out.minor, 39);
	assert_int_equal(init(7, 27, 0, 0, &out), 0);
	assert_int_equal(out.minor, 27);
	assert_int_equal(out.flags, 0);
	assert_int_equal(out.max_pages, 0);
	assert_int_equal(out.max_write, 32 * 4096);
	assert_int_equal(init(7, 26, 0, 0, &out), -EPROTO);
	assert_int_equal(init(6, 38, 0, 0, &out), -EPROTO);
	assert_int_equal(init(8, 0, ALL_FLAGS, 0, &out), 0);
	assert_int_equal(out.major, 7);
	assert_int_equal(out.flags, 0);
}

static void
test_init_options(void **state)
{
	const uint32_t readdirplus = FUSE_DO_READDIRPLUS |
	    FUSE_READDIRPLUS_AUTO;
	struct fuse_init_out out;

	(void)state;
	f.config.writeback = 1;
	assert_int_equal(init(7, 38, ALL_FLAGS, 0, &out), 0);
	assert_true((out.flags & FUSE_WRITEBACK_CACHE) != 0);
	f.config.readdirplus = 0;
	f.config.announce_submounts = 0;
	assert_int_equal(init(7, 38, ALL_FLAGS, 0, &out), 0);
	assert_int_equal(out.flags & (readdirplus | FUSE_SUBMOUNTS), 0);
	assert_true((out.flags & FUSE_CACHE_SYMLINKS) != 0);
	f.config.readdirplus = 1;
	f.config.cache = WORKER_CACHE_NONE;
	assert_int_equal(init(7, 38, ALL_FLAGS, 0, &out), 0);
	assert_int_equal(out.flags & (readdirplus | FUSE_CACHE_SYMLINKS |
	    FUSE_WRITEBACK_CACHE), 0);
	/* Who cannot choose needs it. */
	assert_int_equal(init(7, 31, FUSE_DO_READDIRPLUS, 0, &out), 0);
	assert_int_equal(out.flags & readdirplus, FUSE_DO_READDIRPLUS);
	f.config.readdirplus = 0;
	assert_int_equal(init(7, 31, FUSE_DO_READDIRPLUS, 0, &out), 0);
	assert_int_equal(out.flags & readdirplus, 0);
	f.config.readdirplus = 1;
	f.config.cache = WORKER_CACHE_METADATA;
	assert_int_equal(init(7, 38, ALL_FLAGS, 0, &out), 0);
	assert_int_equal(out.flags & readdirplus, readdirplus);
	assert_int_equal(out.flags & FUSE_WRITEBACK_CACHE, 0);
}

/* Linux before 5.17 sends 16 bytes. */
static void
test_init_short(void **state)
{
	const struct fuse_init_in in = { .major = 7, .minor = 31,
	    .flags = FUSE_MAX_PAGES };
	struct fuse_init_out out;

	(void)state;
	assert_int_equal(ask(FUSE_INIT, 0, &in, 16, sizeof(out)), 0);
	payload(&out, sizeof(out));
	assert_int_equal(out.minor, 31);
	assert_int_equal(out.flags, FUSE_MAX_PAGES);
	assert_int_equal(ask(FUSE_INIT, 0, &in, 15, sizeof(out)), -EINVAL);
}

/* Nothing is left of the guest that was. */
static void
test_init_again_and_destroy(void **state)
{
	struct fuse_init_out out;

	(void)state;
	assert_int_equal(f.session.files.used, 1);
	assert_int_equal(init(7, 38, ALL_FLAGS, 0, &out), 0);
	assert_int_equal(f.session.files.used, 0);
	fuse_sample_good(&sample, FUSE_READ, f.fh);
	assert_int_equal(run(), -EBADF);

	fuse_fixture_reset(&f, O_RDWR);
	stub_monitor.error = -EIO;
	assert_int_equal(init(7, 38, ALL_FLAGS, 0, &out), -EIO);
	assert_int_equal(f.session.files.used, 1);

	fuse_fixture_reset(&f, O_RDWR);
	fuse_sample_good(&sample, FUSE_DESTROY, 0);
	assert_int_equal(run(), 0);
	assert_int_equal(stub_monitor.op.request.op, MONITOR_RESET);
	assert_int_equal(f.session.files.used, 0);
	fuse_sample_good(&sample, FUSE_LOOKUP, 0);
	assert_int_equal(run(), -EIO);
}

/*
 * Names and inodes.
 */

static void
test_what_is_asked(void **state)
{
	static const struct {
		uint32_t	 opcode;
		enum monitor_op	 op;
		uint64_t	 handle[2];
		const char	*place[2];
		const char	*data;
	} cases[] = {
		{ FUSE_LOOKUP, MONITOR_LOOKUP, { FUSE_SAMPLE_NODE },
		    { "|file" }, "" },
		{ FUSE_READLINK, MONITOR_READLINK, { FUSE_SAMPLE_NODE },
		    { "|" }, "" },
		{ FUSE_SYMLINK, MONITOR_SYMLINK, { FUSE_SAMPLE_NODE },
		    { "|link" }, "../else/where" },
		{ FUSE_MKNOD, MONITOR_MKNOD, { FUSE_SAMPLE_NODE },
		    { "|fifo" }, "" },
		{ FUSE_MKDIR, MONITOR_MKDIR, { FUSE_SAMPLE_NODE },
		    { "|dir" }, "" },
		{ FUSE_UNLINK, MONITOR_UNLINK, { FUSE_SAMPLE_NODE },
		    { "|file" }, "" },
		{ FUSE_RMDIR, MONITOR_RMDIR, { FUSE_SAMPLE_NODE },
		    { "|file" }, "" },
		{ FUSE_RENAME, MONITOR_RENAME,
		    { FUSE_SAMPLE_NODE, MONITOR_ROOT_HANDLE },
		    { "|old", "|new" }, "" },
		{ FUSE_RENAME2, MONITOR_RENAME,
		    { FUSE_SAMPLE_NODE, MONITOR_ROOT_HANDLE },
		    { "|old", "|new" }, "" },
		{ FUSE_LINK, MONITOR_LINK, { 0x700000004, FUSE_SAMPLE_NODE },
		    { "|", "|name" }, "" },
		{ FUSE_STATFS, MONITOR_STATFS, { FUSE_SAMPLE_NODE },
		    { "|" }, "" },
		{ FUSE_SYNCFS, MONITOR_SYNCFS, { FUSE_SAMPLE_NODE },
		    { "|" }, "" },
		{ FUSE_STATX, MONITOR_GETATTR, { FUSE_SAMPLE_NODE },
		    { "|" }, "" },
		{ FUSE_ACCESS, MONITOR_GETATTR, { FUSE_SAMPLE_NODE },
		    { "|" }, "" },
		{ FUSE_SETATTR, MONITOR_SETATTR, { FUSE_SAMPLE_NODE },
		    { "|" }, "" },
		{ FUSE_OPEN, MONITOR_OPEN, { FUSE_SAMPLE_NODE }, { "|" }, "" },
		{ FUSE_CREATE, MONITOR_CREATE, { FUSE_SAMPLE_NODE },
		    { "|file" }, "" },
		{ FUSE_TMPFILE, MONITOR_TMPFILE, { FUSE_SAMPLE_NODE },
		    { "|" }, "" },
		{ FUSE_OPENDIR, MONITOR_OPENDIR, { FUSE_SAMPLE_NODE },
		    { "|" }, "" },
		{ FUSE_READDIR, MONITOR_READDIR, { FUSE_SAMPLE_NODE },
		    { "|" }, "" },
		{ FUSE_READDIRPLUS, MONITOR_READDIRPLUS, { FUSE_SAMPLE_NODE },
		    { "|" }, "" },
		{ FUSE_RELEASEDIR, MONITOR_RELEASEDIR, { FUSE_SAMPLE_NODE },
		    { "|" }, "" },
		{ FUSE_FSYNCDIR, MONITOR_FSYNCDIR, { FUSE_SAMPLE_NODE },
		    { "|" }, "" },
		{ FUSE_GETXATTR, MONITOR_GETXATTR, { FUSE_SAMPLE_NODE },
		    { "|" }, "user.test" },
		{ FUSE_SETXATTR, MONITOR_SETXATTR, { FUSE_SAMPLE_NODE },
		    { "|" }, "user.testvalue" },
		{ FUSE_LISTXATTR, MONITOR_LISTXATTR, { FUSE_SAMPLE_NODE },
		    { "|" }, "" },
		{ FUSE_REMOVEXATTR, MONITOR_REMOVEXATTR, { FUSE_SAMPLE_NODE },
		    { "|" }, "user.test" },
	};
	const struct monitor_request *request = &stub_monitor.op.request;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		fuse_fixture_reset(&f, O_RDWR);
		fuse_sample_good(&sample, cases[i].opcode, f.fh);
		assert_int_equal(run(), 0);
		assert_int_equal(stub_monitor.count, 1);
		assert_int_equal(request->op, cases[i].op);
		for (int p = 0; p < 2; p++) {
			assert_int_equal(request->place[p].handle,
			    cases[i].handle[p]);
			if (cases[i].place[p] != NULL)
				assert_string_equal(stub_monitor_place(p),
				    cases[i].place[p]);
		}
		assert_string_equal(stub_monitor.op.data, cases[i].data);
	}
}

static void
fill_attr(struct monitor_attr *attr)
{
	*attr = (struct monitor_attr){
		.ino = 11, .size = 1ULL << 40, .blocks = 13,
		.dev = makedev(8, 1), .rdev = makedev(0x812, 0x34567),
		.mode = S_IFBLK | 04755, .nlink = 17, .uid = 18, .gid = 19,
		.blksize = 4096, .mask = STATX_BASIC_STATS | STATX_BTIME,
		.atime = { -5, 6, 0 }, .mtime = { 7, 999999999, 0 },
		.ctime = { 9, 10, 0 }, .btime = { 3, 4, 0 },
		.attributes = STATX_ATTR_APPEND,
		.attributes_mask = STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE,
	};
}

static void
check_attr(const struct fuse_attr *attr)
{
	assert_int_equal(attr->ino, 11);
	assert_int_equal(attr->size, 1ULL << 40);
	assert_int_equal(attr->blocks, 13);
	assert_int_equal((int64_t)attr->atime, -5);
	assert_int_equal(attr->atimensec, 6);
	assert_int_equal(attr->mtime, 7);
	assert_int_equal(attr->mtimensec, 999999999);
	assert_int_equal(attr->ctime, 9);
	assert_int_equal(attr->ctimensec, 10);
	assert_int_equal(attr->mode, S_IFBLK | 04755);
	assert_int_equal(attr->nlink, 17);
	assert_int_equal(attr->uid, 18);
	assert_int_equal(attr->gid, 19);
	/* include/linux/kdev_t.h, new_encode_dev(). */
	assert_int_equal(attr->rdev, 0x34581267);
	assert_int_equal(attr->blksize, 4096);
	assert_int_equal(attr->flags, 0);
}

static void
test_lookup(void **state)
{
	struct fuse_entry_out entry;

	(void)state;
	fill_attr(&stub_monitor.attr);
	fuse_sample_good(&sample, FUSE_LOOKUP, 0);
	assert_int_equal(run(), 0);
	payload(&entry, sizeof(entry));
	assert_int_equal(entry.nodeid, stub_monitor.handle);
	assert_int_equal(entry.generation, 0);
	assert_int_equal(entry.entry_valid, 1);
	assert_int_equal(entry.entry_valid_nsec, 500000000);
	assert_int_equal(entry.attr_valid, 1);
	assert_int_equal(entry.attr_valid_nsec, 500000000);
	check_attr(&entry.attr);
	/* The root is what it always is. */
	stub_monitor.handle = MONITOR_ROOT_HANDLE;
	assert_int_equal(run(), 0);
	payload(&entry, sizeof(entry));
	assert_int_equal(entry.nodeid, FUSE_ROOT_ID);
	/* A node that is gone. */
	fuse_sample_begin(&sample, FUSE_LOOKUP, STUB_DEAD_HANDLE);
	fuse_sample_string(&sample, "name");
	sample.room = 144;
	assert_int_equal(run(), -ESTALE);
}

static void
test_lookup_of_nothing(void **state)
{
	struct fuse_entry_out entry;

	(void)state;
	fuse_sample_good(&sample, FUSE_LOOKUP, 0);
	stub_monitor.error = -ENOENT;
	assert_int_equal(run(), -ENOENT);
	f.config.negative_timeout_ns = 2000000007;
	assert_int_equal(run(), 0);
	payload(&entry, sizeof(entry));
	assert_int_equal(entry.nodeid, 0);
	assert_int_equal(entry.entry_valid, 2);
	assert_int_equal(entry.entry_valid_nsec, 7);
	stub_monitor.error = -EACCES;
	assert_int_equal(run(), -EACCES);
}

/* The root of a mount, but never the share's own, nor a file. */
static void
test_submounts(void **state)
{
	static const struct {
		uint64_t	handle;
		uint32_t	mode;
		uint64_t	flags;
		uint32_t	expected;
	} cases[] = {
		{ 0x900000005, S_IFDIR, FUSE_SUBMOUNTS, FUSE_ATTR_SUBMOUNT },
		{ 0x900000005, S_IFDIR, 0, 0 },
		{ 0x900000005, S_IFREG, FUSE_SUBMOUNTS, 0 },
		{ MONITOR_ROOT_HANDLE, S_IFDIR, FUSE_SUBMOUNTS, 0 },
	};
	struct fuse_entry_out entry;

	(void)state;
	stub_monitor.attr.attributes = STATX_ATTR_MOUNT_ROOT;
	fuse_sample_good(&sample, FUSE_LOOKUP, 0);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		stub_monitor.handle = cases[i].handle;
		stub_monitor.attr.mode = cases[i].mode | 0755;
		f.session.flags = cases[i].flags;
		assert_int_equal(run(), 0);
		payload(&entry, sizeof(entry));
		assert_int_equal(entry.attr.flags, cases[i].expected);
	}
}

static void
test_create_arguments(void **state)
{
	const struct monitor_request *request = &stub_monitor.op.request;

	(void)state;
	fuse_sample_good(&sample, FUSE_SYMLINK, 0);
	assert_int_equal(run(), 0);
	assert_int_equal(request->u.symlink.owner.uid, 1000);
	assert_int_equal(request->u.symlink.owner.gid, 1001);
	fuse_sample_good(&sample, FUSE_MKDIR, 0);
	assert_int_equal(run(), 0);
	assert_int_equal(request->u.mkdir.mode, 02755);
	assert_int_equal(request->u.mkdir.owner.uid, 1000);
	assert_int_equal(request->u.mkdir.owner.gid, 1001);
	fuse_sample_good(&sample, FUSE_CREATE, 0);
	assert_int_equal(run(), 0);
	assert_int_equal(request->u.create.mode, 0640);
	assert_int_equal(request->u.create.flags, O_EXCL | O_RDWR);
	assert_int_equal(request->u.create.owner.gid, 1001);
	fuse_sample_good(&sample, FUSE_RENAME2, 0);
	assert_int_equal(run(), 0);
	assert_int_equal(request->u.rename.flags, 1);
	fuse_sample_good(&sample, FUSE_RENAME, 0);
	assert_int_equal(run(), 0);
	assert_int_equal(request->u.rename.flags, 0);
	fuse_sample_good(&sample, FUSE_RENAME2, 0);
	sample.bytes[48] = 4;		/* RENAME_WHITEOUT */
	assert_int_equal(run(), 0);
	assert_int_equal(request->u.rename.flags, 4);
	/* No flag that the monitor does not know. */
	sample.bytes[48] = 8;
	assert_int_equal(run(), -EINVAL);
}

static void
test_mknod(void **state)
{
	static const struct {
		uint32_t	mode;
		int		error;
		uint32_t	asked;
		uint64_t	rdev;
	} cases[] = {
		{ S_IFREG | 0640, 0, S_IFREG | 0640, 0 },
		{ 0600, 0, S_IFREG | 0600, 0 },
		{ S_IFIFO | 07777, 0, S_IFIFO | 07777, 0 },
		{ S_IFSOCK, 0, S_IFSOCK, 0 },
		{ S_IFCHR | 0660, 0, S_IFCHR | 0660, 1 },
		{ S_IFBLK | 0660, 0, S_IFBLK | 0660, 1 },
		{ S_IFDIR | 0755, -EPERM, 0, 0 },
		{ S_IFLNK | 0777, -EINVAL, 0, 0 },
		{ 0xf000, -EINVAL, 0, 0 },
		{ 0xffff0000 | S_IFREG | 0600, 0, S_IFREG | 0600, 0 },
	};
	struct fuse_mknod_in in = { .rdev = 0x34581267 };
	const struct monitor_mknod_request *asked =
	    &stub_monitor.op.request.u.mknod;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		in.mode = cases[i].mode;
		fuse_sample_begin(&sample, FUSE_MKNOD, FUSE_ROOT_ID);
		fuse_sample_add(&sample, &in, sizeof(in));
		fuse_sample_string(&sample, "node");
		sample.room = 144;
		assert_int_equal(run(), cases[i].error);
		if (cases[i].error != 0)
			continue;
		assert_int_equal(asked->mode, cases[i].asked);
		assert_int_equal(asked->rdev, cases[i].rdev == 0 ? 0 :
		    makedev(0x812, 0x34567));
	}
}

static void
test_readlink(void **state)
{
	(void)state;
	stub_monitor.data_len = 4095;
	fuse_sample_good(&sample, FUSE_READLINK, 0);
	assert_int_equal(run(), 0);
	assert_int_equal(f.len, 16 + 4095);
	sample.room--;
	assert_int_equal(run(), -ENAMETOOLONG);
}

/*
 * Attributes.
 */

static void
test_getattr(void **state)
{
	struct fuse_getattr_in in = { 0 };
	struct fuse_attr_out out;
	struct stat st;

	(void)state;
	fill_attr(&stub_monitor.attr);
	assert_int_equal(ask(FUSE_GETATTR, FUSE_SAMPLE_NODE, &in, sizeof(in),
	    sizeof(out)), 0);
	payload(&out, sizeof(out));
	assert_int_equal(stub_monitor.count, 1);
	assert_int_equal(out.attr_valid, 1);
	assert_int_equal(out.attr_valid_nsec, 500000000);
	check_attr(&out.attr);

	/* With a fh, the file itself is asked. */
	in.getattr_flags = FUSE_GETATTR_FH;
	in.fh = f.fh;
	assert_int_equal(ask(FUSE_GETATTR, FUSE_SAMPLE_NODE, &in, sizeof(in),
	    sizeof(out)), 0);
	payload(&out, sizeof(out));
	assert_int_equal(stub_monitor.count, 1);
	assert_int_equal(fstat(f.file, &st), 0);
	assert_int_equal(out.attr.ino, st.st_ino);
	assert_int_equal(out.attr.size, FUSE_FILE_SIZE);
	assert_int_equal(out.attr.mode, st.st_mode);
	assert_int_equal(out.attr.mtime, st.st_mtim.tv_sec);
	assert_int_equal(out.attr.mtimensec, st.st_mtim.tv_nsec);

	/* One that is not a file's: a directory's, perhaps. */
	in.fh = 12345;
	assert_int_equal(ask(FUSE_GETATTR, FUSE_SAMPLE_NODE, &in, sizeof(in),
	    sizeof(out)), 0);
	assert_int_equal(stub_monitor.count, 2);
}

static void
test_statx(void **state)
{
	const struct fuse_statx_in in = { .sx_mask = STATX_BTIME };
	struct fuse_statx_out out;

	(void)state;
	fill_attr(&stub_monitor.attr);
	assert_int_equal(ask(FUSE_STATX, FUSE_SAMPLE_NODE, &in, sizeof(in),
	    sizeof(out)), 0);
	payload(&out, sizeof(out));
	assert_int_equal(out.attr_valid, 1);
	assert_int_equal(out.stat.mask, STATX_BASIC_STATS | STATX_BTIME);
	assert_int_equal(out.stat.btime.tv_sec, 3);
	assert_int_equal(out.stat.btime.tv_nsec, 4);
	assert_int_equal(out.stat.atime.tv_sec, -5);
	assert_int_equal(out.stat.mode, S_IFBLK | 04755);
	assert_int_equal(out.stat.rdev_major, 0x812);
	assert_int_equal(out.stat.rdev_minor, 0x34567);
	assert_int_equal(out.stat.dev_major, 8);
	assert_int_equal(out.stat.attributes, STATX_ATTR_APPEND);
	assert_int_equal(out.stat.size, 1ULL << 40);
}

static int
setattr(const struct fuse_setattr_in *in)
{
	return ask(FUSE_SETATTR, FUSE_SAMPLE_NODE, in, sizeof(*in), 104);
}

static void
test_setattr(void **state)
{
	static const struct {
		struct fuse_setattr_in	in;
		int			error;
		uint32_t		valid;
	} cases[] = {
		{ { .valid = FATTR_MODE, .mode = S_IFREG | 04711 }, 0,
		    MONITOR_SET_MODE },
		{ { .valid = FATTR_UID, .uid = 5 }, 0, MONITOR_SET_UID },
		{ { .valid = FATTR_GID, .gid = 5 }, 0, MONITOR_SET_GID },
		{ { .valid = FATTR_UID, .uid = UINT32_MAX }, -EINVAL, 0 },
		{ { .valid = FATTR_GID, .gid = UINT32_MAX }, -EINVAL, 0 },
		{ { .valid = FATTR_SIZE, .size = 7 }, 0, MONITOR_SET_SIZE },
		{ { .valid = FATTR_SIZE, .size = INT64_MAX }, 0,
		    MONITOR_SET_SIZE },
		{ { .valid = FATTR_SIZE, .size = 1ULL << 63 }, -EINVAL, 0 },
		{ { .valid = FATTR_ATIME, .atime = 5, .atimensec = 999999999 },
		    0, MONITOR_SET_ATIME },
		{ { .valid = FATTR_ATIME, .atimensec = 1000000000 }, -EINVAL,
		    0 },
		{ { .valid = FATTR_MTIME, .mtimensec = 1000000000 }, -EINVAL,
		    0 },
		{ { .valid = FATTR_MTIME, .mtime = (uint64_t)-1 }, 0,
		    MONITOR_SET_MTIME },
		{ { .valid = FATTR_ATIME | FATTR_ATIME_NOW,
		    .atimensec = UINT32_MAX }, 0, MONITOR_SET_ATIME_NOW },
		{ { .valid = FATTR_MTIME | FATTR_MTIME_NOW | FATTR_ATIME }, 0,
		    MONITOR_SET_MTIME_NOW | MONITOR_SET_ATIME },
		{ { .valid = FATTR_CTIME }, 0, MONITOR_SET_CTIME },
		{ { .valid = FATTR_CTIME | FATTR_MTIME }, 0,
		    MONITOR_SET_MTIME },
		{ { .valid = FATTR_SIZE | FATTR_LOCKOWNER |
		    FATTR_KILL_SUIDGID }, 0, MONITOR_SET_SIZE },
		{ { .valid = 1 << 12 }, -EINVAL, 0 },
		{ { .valid = 1U << 31 }, -EINVAL, 0 },
	};
	const struct monitor_setattr_request *set =
	    &stub_monitor.op.request.u.setattr;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		stub_monitor.count = 0;
		assert_int_equal(setattr(&cases[i].in), cases[i].error);
		assert_int_equal(stub_monitor.count, cases[i].error == 0);
		if (cases[i].error == 0)
			assert_int_equal(set->valid, cases[i].valid);
	}
	assert_int_equal(setattr(&cases[0].in), 0);
	assert_int_equal(set->mode, 04711);
	assert_int_equal(setattr(&cases[5].in), 0);
	assert_int_equal(set->size, 7);
	assert_int_equal(setattr(&cases[8].in), 0);
	assert_int_equal(set->atime.sec, 5);
	assert_int_equal(set->atime.nsec, 999999999);
	/* Nothing to set: what it is. */
	assert_int_equal(setattr(&(struct fuse_setattr_in){ 0 }), 0);
	assert_int_equal(stub_monitor.op.request.op, MONITOR_GETATTR);
}

/* By a descriptor, what it was opened for counts. */
static void
test_ftruncate(void **state)
{
	struct fuse_setattr_in in = { .valid = FATTR_SIZE | FATTR_FH,
	    .size = 7, .fh = f.fh };

	(void)state;
	assert_int_equal(setattr(&in), 0);
	assert_int_equal(stub_monitor.op.request.u.setattr.size, 7);
	in.fh++;
	assert_int_equal(setattr(&in), -EBADF);
	fuse_fixture_reset(&f, O_RDONLY);
	in.fh = f.fh;
	assert_int_equal(setattr(&in), -EINVAL);
	assert_int_equal(stub_monitor.count, 0);
	/* For all else it is enough that there is one. */
	in.valid = FATTR_MODE | FATTR_FH;
	assert_int_equal(setattr(&in), 0);
	in.fh++;
	assert_int_equal(setattr(&in), -EBADF);
}

static void
test_access(void **state)
{
	static const struct {
		uint32_t	uid, gid, mode, mask;
		int		error;
	} cases[] = {
		{ 0, 0, S_IFREG | 0000, 6, 0 },
		{ 0, 0, S_IFREG | 0666, 1, -EACCES },
		{ 0, 0, S_IFREG | 0001, 1, 0 },
		{ 0, 0, S_IFDIR | 0000, 7, 0 },
		{ 1000, 5, S_IFREG | 0400, 4, 0 },
		{ 1000, 5, S_IFREG | 0077, 4, -EACCES },
		{ 5, 1001, S_IFREG | 0040, 4, 0 },
		{ 5, 1001, S_IFREG | 0707, 4, -EACCES },
		{ 5, 5, S_IFREG | 0004, 4, 0 },
		{ 5, 5, S_IFREG | 0770, 4, -EACCES },
		{ 5, 5, S_IFREG | 0000, 0, 0 },
		{ 5, 5, S_IFREG | 0003, 3, 0 },
		{ 5, 5, S_IFREG | 0007, 8, -EINVAL },
	};
	struct fuse_access_in in = { 0 };

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		in.mask = cases[i].mask;
		stub_monitor.attr.mode = cases[i].mode;
		fuse_sample_begin(&sample, FUSE_ACCESS, FUSE_SAMPLE_NODE);
		memcpy(sample.bytes + 24, &cases[i].uid, 4);
		memcpy(sample.bytes + 28, &cases[i].gid, 4);
		fuse_sample_add(&sample, &in, sizeof(in));
		assert_int_equal(run(), cases[i].error);
	}
	f.config.readonly = 1;
	in.mask = 2;
	assert_int_equal(ask(FUSE_ACCESS, FUSE_SAMPLE_NODE, &in, sizeof(in),
	    0), -EROFS);
}

static void
test_statfs(void **state)
{
	struct fuse_statfs_out out;

	(void)state;
	stub_monitor.statfs = (struct monitor_statfs){ .type = 1, .bsize = 2,
	    .blocks = 3, .bfree = 4, .bavail = 5, .files = 6, .ffree = 7,
	    .namelen = 8, .frsize = 9 };
	fuse_sample_good(&sample, FUSE_STATFS, 0);
	assert_int_equal(run(), 0);
	payload(&out, sizeof(out));
	assert_int_equal(out.st.bsize, 2);
	assert_int_equal(out.st.blocks, 3);
	assert_int_equal(out.st.bfree, 4);
	assert_int_equal(out.st.bavail, 5);
	assert_int_equal(out.st.files, 6);
	assert_int_equal(out.st.ffree, 7);
	assert_int_equal(out.st.namelen, 8);
	assert_int_equal(out.st.frsize, 9);
}

/*
 * Directories.
 */

static void
test_opendir(void **state)
{
	static const uint32_t flags[] = {
		[WORKER_CACHE_NONE] = 0,
		[WORKER_CACHE_METADATA] = FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE,
		[WORKER_CACHE_AUTO] = 0,
		[WORKER_CACHE_ALWAYS] = FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE,
	};
	struct fuse_open_out out;

	(void)state;
	fuse_sample_good(&sample, FUSE_OPENDIR, 0);
	for (uint32_t cache = 0; cache < LENGTH(flags); cache++) {
		f.config.cache = cache;
		assert_int_equal(run(), 0);
		payload(&out, sizeof(out));
		assert_int_equal(out.fh, stub_monitor.handle);
		assert_int_equal(out.open_flags, flags[cache]);
	}
}

static int
read_dir(uint32_t opcode, uint64_t offset, uint32_t size, size_t room)
{
	const struct fuse_read_in in = { .fh = 77, .offset = offset,
	    .size = size };

	return ask(opcode, FUSE_SAMPLE_NODE, &in, sizeof(in), room);
}

static void
test_readdir(void **state)
{
	const struct monitor_readdir_request *asked =
	    &stub_monitor.op.request.u.readdir;
	struct fuse_dirent dirent;
	uint8_t out[5 * 32];

	(void)state;
	stub_monitor.ndirents = 5;
	assert_int_equal(read_dir(FUSE_READDIR, 0, 4096, 4096), 0);
	assert_int_equal(asked->stream, 77);
	assert_int_equal(asked->entry_size, 24);
	assert_int_equal(asked->size, 4096);
	payload(out, sizeof(out));
	for (unsigned int i = 0; i < 5; i++) {
		memcpy(&dirent, out + 32 * i, sizeof(dirent));
		assert_int_equal(dirent.ino, 1000 + i);
		assert_int_equal(dirent.off, i + 1);
		assert_int_equal(dirent.type, 8);
		assert_int_equal(dirent.namelen, 7);
		assert_memory_equal(out + 32 * i + 24, "entry-", 6);
		assert_int_equal(out[32 * i + 30], '0' + i);
		assert_int_equal(out[32 * i + 31], 0);
	}
	/* What the guest asks for, and what it has room for. */
	assert_int_equal(read_dir(FUSE_READDIR, 0, 100, 4096), 0);
	assert_int_equal(asked->size, 100);
	assert_int_equal(f.len, 16 + 3 * 32);
	assert_int_equal(read_dir(FUSE_READDIR, 2, UINT32_MAX, 64), 0);
	assert_int_equal(asked->size, 64);
	assert_int_equal(asked->offset, 2);
	assert_int_equal(f.len, 16 + 2 * 32);
	assert_int_equal(read_dir(FUSE_READDIR, 5, 4096, 4096), 0);
	assert_int_equal(f.len, 16);
}

static void
test_readdirplus(void **state)
{
	const struct monitor_readdir_request *asked =
	    &stub_monitor.op.request.u.readdir;
	struct fuse_direntplus plus;
	uint8_t out[3 * 160];

	(void)state;
	fill_attr(&stub_monitor.attr);
	assert_int_equal(read_dir(FUSE_READDIRPLUS, 0, 4096, 4096), 0);
	assert_int_equal(asked->entry_size, 152);
	payload(out, sizeof(out));
	for (unsigned int i = 0; i < 3; i++) {
		memcpy(&plus, out + 160 * i, sizeof(plus));
		assert_int_equal(plus.dirent.ino, 1000 + i);
		assert_int_equal(plus.dirent.off, i + 1);
		assert_int_equal(plus.dirent.namelen, 7);
		assert_memory_equal(out + 160 * i + 152, "entry-", 6);
		if (i == 0) {
			assert_int_equal(plus.entry_out.nodeid, 0);
			assert_int_equal(plus.entry_out.attr.ino, 1000);
			assert_int_equal(plus.entry_out.attr.mode, S_IFREG);
			continue;
		}
		assert_int_equal(plus.entry_out.nodeid,
		    stub_monitor.handle + i);
		assert_int_equal(plus.entry_out.entry_valid, 1);
		check_attr(&plus.entry_out.attr);
	}
}

/* A monitor that says more than it was asked for: the guest must not know. */
static void
test_readdirplus_too_many(void **state)
{
	(void)state;
	stub_monitor.ndirents = 100;
	stub_monitor.too_many = true;
	assert_int_equal(read_dir(FUSE_READDIRPLUS, 0, 500, 500), 0);
	assert_int_equal(f.len, 16 + 3 * 160);
	while (fuse_queue_continue(&f.queue))
		fuse_fixture_turn(&f);
	assert_int_equal(stub_monitor.forgotten, 97);

	fuse_fixture_reset(&f, O_RDWR);
	stub_monitor.too_many = true;
	assert_int_equal(read_dir(FUSE_READDIRPLUS, 0, 4096, 10), 0);
	assert_int_equal(f.len, 16);
	assert_int_equal(stub_monitor.forgotten, 2);
}

/*
 * Extended attributes.
 */

static int
get_xattr(uint32_t opcode, uint32_t size, size_t room)
{
	const struct fuse_getxattr_in in = { .size = size };

	fuse_sample_begin(&sample, opcode, FUSE_SAMPLE_NODE);
	fuse_sample_add(&sample, &in, sizeof(in));
	if (opcode == FUSE_GETXATTR)
		fuse_sample_string(&sample, "user.a");
	sample.room = 16 + room;
	return run();
}

static void
test_get_and_list_xattr(void **state)
{
	static const uint32_t opcodes[] = { FUSE_GETXATTR, FUSE_LISTXATTR };
	struct fuse_getxattr_out out;
	uint8_t value[5];

	(void)state;
	for (size_t i = 0; i < LENGTH(opcodes); i++) {
		fuse_fixture_reset(&f, O_RDWR);
		assert_int_equal(get_xattr(opcodes[i], 0, 8), 0);
		payload(&out, sizeof(out));
		assert_int_equal(out.size, 5);
		assert_int_equal(get_xattr(opcodes[i], 0, 7), -ENOMSG);
		assert_int_equal(get_xattr(opcodes[i], 100, 100), 0);
		payload(value, sizeof(value));
		assert_memory_equal(value, "vvvvv", 5);
		assert_int_equal(get_xattr(opcodes[i], 100, 99), -EINVAL);
		/* Sizes that no attribute has. */
		stub_monitor.data_len = 65536;
		assert_int_equal(get_xattr(opcodes[i], 70000, 70000), 0);
		assert_int_equal(f.len, 16 + 65536);
		assert_int_equal(stub_monitor.op.request.u.getxattr.size,
		    65536);
		stub_monitor.data_len = 5;
		stub_monitor.extra = 1;
		assert_int_equal(get_xattr(opcodes[i], 5, 5), -ERANGE);
	}
}

static int
set_xattr(size_t name_len, uint32_t claimed, size_t value_len,
    uint32_t flags)
{
	static uint8_t bytes[70000];
	const struct fuse_setxattr_in in = { .size = claimed,
	    .flags = flags };

	fuse_sample_begin(&sample, FUSE_SETXATTR, FUSE_SAMPLE_NODE);
	fuse_sample_add(&sample, &in, FUSE_COMPAT_SETXATTR_IN_SIZE);
	memset(bytes, 'x', name_len);
	bytes[name_len] = '\0';
	fuse_sample_add(&sample, bytes, name_len + 1);
	for (size_t i = 0; i < value_len; i++)
		bytes[i] = (uint8_t)(i % 251);
	fuse_sample_add(&sample, bytes, value_len);
	return run();
}

static void
test_setxattr(void **state)
{
	static const struct {
		size_t		name_len;
		uint32_t	claimed;
		size_t		value_len;
		uint32_t	flags;
		int		error;
	} cases[] = {
		{ 6, 5, 5, 0, 0 },
		{ 6, 5, 5, 1, 0 },
		{ 6, 5, 5, 2, 0 },
		{ 6, 5, 5, 4, -EINVAL },
		{ 6, 4, 5, 0, 0 },
		{ 6, 6, 5, 0, -EINVAL },
		{ 6, 0, 0, 0, 0 },
		{ 255, 65536, 65536, 0, 0 },
		{ 256, 5, 5, 0, -ERANGE },
		{ 0, 5, 5, 0, -ERANGE },
		{ 6, 65537, 65537, 0, -E2BIG },
		{ 6, UINT32_MAX, 5, 0, -E2BIG },
		{ 6, UINT32_MAX, 5, 4, -EINVAL },
		{ 9000, 5, 5, 0, -ENAMETOOLONG },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		stub_monitor.count = 0;
		f.layout = (enum fuse_layout)(i % FUSE_LAYOUTS);
		assert_int_equal(set_xattr(cases[i].name_len,
		    cases[i].claimed, cases[i].value_len, cases[i].flags),
		    cases[i].error);
		assert_int_equal(stub_monitor.count, cases[i].error == 0);
		if (cases[i].error != 0)
			continue;
		assert_int_equal(stub_monitor.op.data_len,
		    cases[i].name_len + cases[i].claimed);
		for (size_t b = 0; b < cases[i].claimed; b++)
			assert_int_equal((uint8_t)stub_monitor.op.data[
			    cases[i].name_len + b], b % 251);
	}
}

static void
test_no_xattr(void **state)
{
	static const uint32_t opcodes[] = { FUSE_GETXATTR, FUSE_SETXATTR,
	    FUSE_LISTXATTR, FUSE_REMOVEXATTR };

	(void)state;
	f.config.xattr = 0;
	for (size_t i = 0; i < LENGTH(opcodes); i++) {
		fuse_sample_good(&sample, opcodes[i], 0);
		assert_int_equal(run(), -ENOSYS);
	}
	assert_int_equal(stub_monitor.count, 0);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up,	\
			    tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_init),
		TEST(test_init_options),
		TEST(test_init_short),
		TEST(test_init_again_and_destroy),
		TEST(test_what_is_asked),
		TEST(test_lookup),
		TEST(test_lookup_of_nothing),
		TEST(test_submounts),
		TEST(test_create_arguments),
		TEST(test_mknod),
		TEST(test_readlink),
		TEST(test_getattr),
		TEST(test_statx),
		TEST(test_setattr),
		TEST(test_ftruncate),
		TEST(test_access),
		TEST(test_statfs),
		TEST(test_opendir),
		TEST(test_readdir),
		TEST(test_readdirplus),
		TEST(test_readdirplus_too_many),
		TEST(test_get_and_list_xattr),
		TEST(test_setxattr),
		TEST(test_no_xattr),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
