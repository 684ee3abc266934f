/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: FALLOCATE, LSEEK, COPY_FILE_RANGE, FLUSH, FSYNC, FSYNCDIR,
 * SYNCFS. Where Linux decides, the host is asked for the same.
 */
#include <linux/falloc.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "virtiofs_suite.h"

static void
test_fallocate(struct virtiofs_env *e)
{
	struct stat st;
	uint64_t file, fh;

	host_write(host_path(e, "file"), "0123456789", 0644, 0, 0);
	file = node(e, "file");
	fh = open_node(e, file, O_RDWR);
	is_reply(fuse_fallocate(&e->c, file, fh, 0, 0, 100000), 0,
	    "allocate");
	host_lstat(host_path(e, "file"), &st);
	tap_is_int(st.st_size, 100000, "makes it larger");
	tap_ok(st.st_blocks * 512 >= 100000, "with blocks");
	is_reply(fuse_fallocate(&e->c, file, fh, FALLOC_FL_KEEP_SIZE, 100000,
	    50000), 0, "KEEP_SIZE");
	host_lstat(host_path(e, "file"), &st);
	tap_is_int(st.st_size, 100000, "keeps the size");
	is_reply(fuse_fallocate(&e->c, file, fh, FALLOC_FL_KEEP_SIZE |
	    FALLOC_FL_PUNCH_HOLE, 2, 5), 0, "PUNCH_HOLE");
	tap_is_mem(host_read(host_path(e, "file")), 10,
	    "01\0\0\0\0\0""789", 10, "makes a hole");
	is_refused(fuse_fallocate(&e->c, file, fh, 0, 0, 0),
	    "of no bytes");
	is_refused(fuse_fallocate(&e->c, file, fh, 0, 1ULL << 63, 1),
	    "at a negative offset");
	is_refused(fuse_fallocate(&e->c, file, fh, 0, 1, 1ULL << 63),
	    "of a negative length");
	is_refused(fuse_fallocate(&e->c, file, fh, FALLOC_FL_PUNCH_HOLE, 0,
	    10), "PUNCH_HOLE without KEEP_SIZE");
	is_refused(fuse_fallocate(&e->c, file, fh, 0x40000000, 0, 10),
	    "an unknown mode");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
	fh = open_node(e, file, O_RDONLY);
	is_reply(fuse_fallocate(&e->c, file, fh, 0, 0, 200000), -EBADF,
	    "what is open for reading");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
	host_lstat(host_path(e, "file"), &st);
	tap_is_int(st.st_size, 100000, "stays");
}

static void
test_modes(struct virtiofs_env *e)
{
	static const struct {
		int		mode;
		const char	*name;
	} row[] = {
		{ FALLOC_FL_ZERO_RANGE, "ZERO_RANGE" },
		{ FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		    "ZERO_RANGE, KEEP_SIZE" },
		{ FALLOC_FL_COLLAPSE_RANGE, "COLLAPSE_RANGE" },
		{ FALLOC_FL_INSERT_RANGE, "INSERT_RANGE" },
	};
	struct stat want_st, got_st;
	uint64_t file, fh;
	int twin, want;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		host_write(host_path(e, "file"), "01234567", 0644, 0, 0);
		host_write(host_path(e, "twin"), "01234567", 0644, 0, 0);
		file = node(e, "file");
		twin = open(host_path(e, "twin"), O_RDWR | O_CLOEXEC);
		fh = open_node(e, file, O_RDWR);
		if (twin < 0 || ftruncate(twin, 65536) != 0 ||
		    fuse_truncate(&e->c, file, 65536) != 0)
			tap_bail("truncate");
		want = fallocate(twin, row[i].mode, 4096, 8192) == 0 ? 0 :
		    -errno;
		is_reply(fuse_fallocate(&e->c, file, fh,
		    (uint32_t)row[i].mode, 4096, 8192), want,
		    "%s, as the host has it", row[i].name);
		host_lstat(host_path(e, "file"), &got_st);
		host_lstat(host_path(e, "twin"), &want_st);
		tap_is_int(got_st.st_size, want_st.st_size, "size after it");
		is_reply(fuse_release(&e->c, file, fh), 0, "release");
		close(twin);
	}
}

static void
test_lseek(struct virtiofs_env *e)
{
	static const struct {
		uint32_t	whence;
		uint64_t	offset;
	} row[] = {
		{ SEEK_DATA, 0 }, { SEEK_HOLE, 0 }, { SEEK_DATA, 70000 },
		{ SEEK_HOLE, 1 << 20 }, { SEEK_HOLE, (1 << 20) + 100 },
		{ SEEK_DATA, (1 << 20) + 4096 }, { SEEK_DATA, 4 << 20 },
		{ SEEK_HOLE, 4 << 20 }, { SEEK_HOLE, 3 << 20 },
	};
	int fd = open(host_path(e, "file"), O_RDWR | O_CREAT | O_CLOEXEC,
	    0644);
	uint64_t file, fh, got = 0;
	off_t want;

	/* Data in two places, holes around it. */
	if (fd < 0 || ftruncate(fd, 4 << 20) != 0 ||
	    pwrite(fd, "x", 1, 65536) != 1 || pwrite(fd, "x", 1, 1 << 20) != 1)
		tap_bail("file");
	file = node(e, "file");
	fh = open_node(e, file, O_RDONLY);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		want = lseek(fd, (off_t)row[i].offset, (int)row[i].whence);
		is_reply(fuse_lseek(&e->c, file, fh, row[i].offset,
		    row[i].whence, &got), want < 0 ? -errno : 0,
		    "%s from %llu", row[i].whence == SEEK_DATA ?
		    "SEEK_DATA" : "SEEK_HOLE",
		    (unsigned long long)row[i].offset);
		if (want >= 0)
			tap_is_int((long long)got, want, "where it is");
	}
	is_refused(fuse_lseek(&e->c, file, fh, 0, 77, &got),
	    "an unknown whence");
	is_refused(fuse_lseek(&e->c, file, fh, 1ULL << 63, SEEK_DATA, &got),
	    "a negative offset");
	/* It must not have moved what reads depend on. */
	is_reply(fuse_read(&e->c, file, fh, 65536, &got, 1), 1, "read");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
	close(fd);
}

static void
test_copy(struct virtiofs_env *e)
{
	struct fuse_copy_file_range_in arg = { .off_in = 2, .off_out = 10,
	    .len = 5 };
	uint64_t from, to, fh_from;
	int result;

	host_write(host_path(e, "from"), "0123456789", 0644, 0, 0);
	host_write(host_path(e, "to"), "abcdefghijklmnop", 0644, 0, 0);
	from = node(e, "from");
	to = node(e, "to");
	fh_from = open_node(e, from, O_RDONLY);
	arg.fh_in = fh_from;
	arg.nodeid_out = to;
	arg.fh_out = open_node(e, to, O_RDWR);
	is_reply(fuse_copy_file_range(&e->c, &arg, from), 5, "copy");
	tap_is_str(host_read(host_path(e, "to")), "abcdefghij23456p",
	    "on the host");
	arg.off_in = 8;
	arg.off_out = 16;
	arg.len = 100;
	is_reply(fuse_copy_file_range(&e->c, &arg, from), 2,
	    "as much as there is");
	tap_is_str(host_read(host_path(e, "to")), "abcdefghij23456p89",
	    "on the host");
	arg.off_in = 50;
	is_reply(fuse_copy_file_range(&e->c, &arg, from), 0,
	    "from behind the end");
	arg.off_in = 1ULL << 63;
	is_refused(fuse_copy_file_range(&e->c, &arg, from),
	    "from a negative offset");
	arg.off_in = 0;
	arg.flags = 1;
	is_refused(fuse_copy_file_range(&e->c, &arg, from), "a flag");
	arg.flags = 0;
	if (!peer_differs(e, "foreign-fh")) {
		arg.nodeid_out = from;
		is_reply(fuse_copy_file_range(&e->c, &arg, from), -EBADF,
		    "a fh with another node");
		arg.nodeid_out = to;
		is_reply(fuse_copy_file_range(&e->c, &arg, to), -EBADF,
		    "the other fh with another node");
		arg.fh_in = UINT64_MAX;
		is_reply(fuse_copy_file_range(&e->c, &arg, from), -EBADF,
		    "no fh at all");
		arg.fh_in = fh_from;
	}
	is_reply(fuse_release(&e->c, to, arg.fh_out), 0, "release");
	arg.fh_out = open_node(e, to, O_RDONLY);
	result = fuse_copy_file_range(&e->c, &arg, from);
	is_reply(result, -EBADF, "to what is open for reading");
	is_reply(fuse_release(&e->c, to, arg.fh_out), 0, "release");
	is_reply(fuse_release(&e->c, from, fh_from), 0, "release");
	tap_is_str(host_read(host_path(e, "to")), "abcdefghij23456p89",
	    "nothing else was written");
}

static void
test_copy_large(struct virtiofs_env *e)
{
	struct fuse_copy_file_range_in arg = { .len = 3 << 20 };
	char data[4096], got[4096];
	uint64_t from, to;
	int fd, n, same = 1;

	fd = open(host_path(e, "from"), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	for (int i = 0; i < 768; i++) {
		memset(data, 'a' + i % 26, sizeof(data));
		if (write(fd, data, sizeof(data)) != sizeof(data))
			tap_bail("write");
	}
	close(fd);
	host_write(host_path(e, "to"), "", 0644, 0, 0);
	from = node(e, "from");
	arg.nodeid_out = to = node(e, "to");
	arg.fh_in = open_node(e, from, O_RDONLY);
	arg.fh_out = open_node(e, to, O_WRONLY);
	while (arg.len > 0) {
		n = fuse_copy_file_range(&e->c, &arg, from);
		if (!is_success(n, "copy") || n == 0)
			break;
		arg.off_in += (uint64_t)n;
		arg.off_out += (uint64_t)n;
		arg.len -= (uint64_t)n;
	}
	fd = open(host_path(e, "to"), O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 768; i++) {
		memset(data, 'a' + i % 26, sizeof(data));
		same &= read(fd, got, sizeof(got)) == sizeof(got) &&
		    memcmp(got, data, sizeof(got)) == 0;
	}
	close(fd);
	tap_ok(same, "3 MiB are the same");
	fuse_release(&e->c, from, arg.fh_in);
	fuse_release(&e->c, to, arg.fh_out);
}

static void
test_sync(struct virtiofs_env *e)
{
	struct fuse_open_out dir;
	uint64_t file, fh;

	host_write(host_path(e, "file"), "0123", 0644, 0, 0);
	file = node(e, "file");
	fh = open_node(e, file, O_RDWR);
	is_reply(fuse_write(&e->c, file, fh, 0, "ab", 2), 2, "write");
	is_reply(fuse_flush(&e->c, file, fh), 0, "flush");
	is_reply(fuse_flush(&e->c, file, fh), 0, "flush again");
	is_reply(fuse_fsync(&e->c, file, fh, 0), 0, "fsync");
	is_reply(fuse_fsync(&e->c, file, fh, 1), 0, "fdatasync");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
	fh = open_node(e, file, O_RDONLY);
	is_reply(fuse_fsync(&e->c, file, fh, 0), 0,
	    "fsync of what is open for reading");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
	is_reply(fuse_opendir(&e->c, e->dir, &dir), 0, "opendir");
	is_reply(fuse_fsyncdir(&e->c, e->dir, dir.fh, 0), 0, "fsyncdir");
	is_reply(fuse_fsyncdir(&e->c, e->dir, dir.fh, 1), 0,
	    "fsyncdir of the data");
	is_reply(fuse_releasedir(&e->c, e->dir, dir.fh), 0, "releasedir");
	if (!peer_differs(e, "foreign-fh"))
		is_reply(fuse_fsyncdir(&e->c, e->dir, dir.fh, 0), -EBADF,
		    "fsyncdir by a fh that is none");
	is_reply(fuse_syncfs(&e->c, FUSE_ROOT_ID), 0, "syncfs");
	is_refused(fuse_syncfs(&e->c, 99999999),
	    "syncfs of a node that is none");
}

static const struct virtiofs_test tests[] = {
	{ "fallocate", test_fallocate },
	{ "modes", test_modes },
	{ "lseek", test_lseek },
	{ "copy", test_copy },
	{ "copy-large", test_copy_large },
	{ "sync", test_sync },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]) };

	return virtiofs_suite_main(&suite);
}
