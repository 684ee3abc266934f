/* SPDX-License-Identifier: ISC */
/*
 * POSIX cases of truncate, ftruncate and of what writing changes; holes,
 * mappings, fallocate and copy_file_range. Test code.
 */
#include "posix.h"

#include <sys/mman.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tap.h"

static int
is_zero(int fd, off_t at, size_t len)
{
	char buffer[4096];

	while (len > 0) {
		size_t piece = len < sizeof(buffer) ? len : sizeof(buffer);

		if (pread(fd, buffer, piece, at) != (ssize_t)piece)
			return 0;
		for (size_t i = 0; i < piece; i++)
			if (buffer[i] != 0)
				return 0;
		at += (off_t)piece;
		len -= piece;
	}
	return 1;
}

static void
test_truncate(const struct posix *p)
{
	struct mark m;
	int fd;

	(void)p;
	make_content("f", "0123456789");
	m = mark_path("f");
	WORKS(truncate("f", 5));
	is_touched(&m, C | M);
	is_content("f", "01234");
	m = mark_path("f");
	WORKS(truncate("f", 100000));
	is_touched(&m, C | M);
	is_size("f", 100000);
	fd = must_open("f", O_RDWR, 0);
	IS(is_zero(fd, 5, 99995), 1);
	/* What was cut off does not come back. */
	IS(pwrite(fd, "tail", 4, 8190), 4);
	WORKS(ftruncate(fd, 8191));
	WORKS(ftruncate(fd, 9000));
	IS(is_zero(fd, 8191, 809), 1);
	m = mark_fd(fd, "f");
	WORKS(ftruncate(fd, 0));
	is_touched(&m, C | M);
	IS(read(fd, &fd, 1), 0);
	FAILS(EINVAL, ftruncate(fd, -1));
	FAILS(EINVAL, truncate("f", -1));
	close(fd);
	fd = must_open("f", O_RDONLY, 0);
	FAILS(EINVAL, ftruncate(fd, 5));
	close(fd);
	make_dir("d", 0755, 0, 0);
	FAILS(EISDIR, truncate("d", 0));
	WORKS(mkfifo("p", 0644));
	FAILS(EINVAL, truncate("p", 0));
	WORKS(symlink("f", "l"));
	WORKS(truncate("l", 3));
	is_size("f", 3);
}

static void
test_truncate_user(const struct posix *p)
{
	int fd;

	(void)p;
	make_file("mine", 0200, USER_A, GROUP_A);
	make_file("read", 0444, USER_A, GROUP_A);
	make_file("theirs", 0666, 0, 0);
	become(USER_A, GROUP_A, 0);
	WORKS(truncate("mine", 10));
	FAILS(EACCES, truncate("read", 10));
	WORKS(truncate("theirs", 10));
	/* Once it is open for writing, the mode is no matter. */
	fd = must_open("mine", O_WRONLY, 0);
	WORKS(chmod("mine", 0));
	FAILS(EACCES, truncate("mine", 20));
	WORKS(ftruncate(fd, 20));
	close(fd);
	become_root();
	is_size("mine", 20);
	is_size("read", 0);
	is_size("theirs", 10);
	is_owner("theirs", 0, 0);
}

static int
failed(ssize_t result)
{
	return result < 0 ? errno : 0;
}

/* Nothing is reported below the limit: stdout may be a file. */
static void
test_limit(const struct posix *p)
{
	struct rlimit old, limit;
	int fd, beyond, up_to, at;
	ssize_t across;

	(void)p;
	make_file("f", 0644, 0, 0);
	fd = must_open("f", O_RDWR, 0);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 5000;
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		tap_bail("setrlimit");
	beyond = failed(ftruncate(fd, 5001));
	up_to = failed(ftruncate(fd, 5000));
	across = pwrite(fd, "0123456789", 10, 4995);
	at = failed(pwrite(fd, "x", 1, 5000));
	if (setrlimit(RLIMIT_FSIZE, &old) != 0)
		tap_bail("setrlimit");
	IS(beyond, EFBIG);
	IS(up_to, 0);
	IS(across, 5);
	IS(at, EFBIG);
	is_size("f", 5000);
	FAILS(EINVAL, pwrite(fd, "x", 1, -1));
	close(fd);
}

static void
test_write(const struct posix *p)
{
	struct mark m;
	char got[8];
	int fd;

	(void)p;
	make_content("f", "0123456789");
	fd = must_open("f", O_RDWR, 0);
	m = mark_path("f");
	IS(pread(fd, got, 4, 3), 4);
	is_touched(&m, 0);
	IS(write(fd, "", 0), 0);
	is_touched(&m, 0);
	IS(pwrite(fd, "ab", 2, 3), 2);
	is_touched(&m, C | M);
	is_content("f", "012ab56789");
	IS(pwrite(fd, "end", 3, 20), 3);
	is_size("f", 23);
	IS(is_zero(fd, 10, 10), 1);
	IS(pread(fd, got, 8, 22), 1);
	IS(pread(fd, got, 8, 23), 0);
	IS(pread(fd, got, 8, 1000), 0);
	IS(lseek(fd, -3, SEEK_END), 20);
	IS(read(fd, got, 8), 3);
	WORKS(fdatasync(fd));
	WORKS(fsync(fd));
	close(fd);
	fd = must_open("f", O_RDONLY, 0);
	FAILS(EBADF, write(fd, "x", 1));
	close(fd);
	fd = must_open("f", O_WRONLY, 0);
	FAILS(EBADF, read(fd, got, 1));
	close(fd);
}

static void
test_hole(const struct posix *p)
{
	off_t size = (off_t)64 << 20;
	int fd;

	(void)p;
	make_file("f", 0644, 0, 0);
	fd = must_open("f", O_RDWR, 0);
	IS(pwrite(fd, "x", 1, size - 1), 1);
	IS(stat_fd(fd).st_size, size);
	WORKS(fsync(fd));
	IS(stat_fd(fd).st_blocks < 1024, 1);
	IS(is_zero(fd, size / 2, 65536), 1);
	IS(lseek(fd, 0, SEEK_HOLE), 0);
	IS(lseek(fd, 0, SEEK_DATA) > size - 1048576, 1);
	IS(lseek(fd, size - 1, SEEK_HOLE), size);
	FAILS(ENXIO, lseek(fd, size, SEEK_DATA));
	FAILS(ENXIO, lseek(fd, size + 1, SEEK_HOLE));
	close(fd);
}

static void
test_allocate(const struct posix *p)
{
	static char data[65536];
	struct mark m;
	int fd;

	(void)p;
	memset(data, 'd', sizeof(data));
	make_file("f", 0644, 0, 0);
	fd = must_open("f", O_RDWR, 0);
	WORKS(fallocate(fd, 0, 0, 40000));
	is_size("f", 40000);
	IS(is_zero(fd, 0, 40000), 1);
	WORKS(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 200000));
	is_size("f", 40000);
	IS(pwrite(fd, data, sizeof(data), 0), sizeof(data));
	m = mark_path("f");
	WORKS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100,
	    20000));
	is_touched(&m, C | M);
	is_size("f", sizeof(data));
	IS(is_zero(fd, 100, 20000), 1);
	IS(pread(fd, data, 1, 99), 1);
	IS(data[0], 'd');
	IS(pread(fd, data, 1, 20100), 1);
	IS(data[0], 'd');
	FAILS(EINVAL, fallocate(fd, 0, 0, 0));
	FAILS(EINVAL, fallocate(fd, 0, -1, 10));
	FAILS(EOPNOTSUPP, fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10));
	close(fd);
	fd = must_open("f", O_RDONLY, 0);
	FAILS(EBADF, fallocate(fd, 0, 0, 10));
	close(fd);
}

static void
test_copy(const struct posix *p)
{
	off_t from = 3, to = 10;
	int in, out;

	(void)p;
	make_content("in", "0123456789");
	make_content("out", "");
	in = must_open("in", O_RDONLY, 0);
	out = must_open("out", O_RDWR, 0);
	IS(copy_file_range(in, &from, out, &to, 5, 0), 5);
	IS(from, 8);
	IS(to, 15);
	is_size("out", 15);
	IS(is_zero(out, 0, 10), 1);
	IS(copy_file_range(in, &from, out, &to, 100, 0), 2);
	IS(copy_file_range(in, &from, out, &to, 100, 0), 0);
	is_size("out", 17);
	FAILS(EBADF, copy_file_range(out, NULL, in, NULL, 1, 0));
	FAILS(EINVAL, copy_file_range(in, NULL, out, NULL, 1, 1));
	close(in);
	close(out);
	in = must_open("out", O_RDONLY, 0);
	from = 10;
	{
		char got[8] = "";

		IS(pread(in, got, 7, from), 7);
		tap_is_str(got, "3456789", "what was copied");
	}
	close(in);
}

static void
test_map(const struct posix *p)
{
	struct mark m;
	char *map;
	int fd;

	make_content("f", "0123456789");
	fd = must_open("f", O_RDWR, 0);
	WORKS(ftruncate(fd, 10000));
	map = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p->uncached) {
		/* fuse_direct_IO in Linux, without ALLOW_MMAP of INIT. */
		IS(map == MAP_FAILED ? errno : 0, ENODEV);
		map = mmap(NULL, 10000, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	IS(map != MAP_FAILED, 1);
	if (map == MAP_FAILED)
		goto out;
	tap_ok(memcmp(map, "0123456789", 10) == 0, "a mapping reads");
	if (p->uncached) {
		WORKS(munmap(map, 10000));
		goto out;
	}
	m = mark_path("f");
	memcpy(map + 4090, "across a page", 13);
	WORKS(msync(map, 12288, MS_SYNC));
	is_touched(&m, C | M);
	{
		char got[16] = "";

		IS(pread(fd, got, 13, 4090), 13);
		tap_is_str(got, "across a page", "what was mapped");
	}
	IS(pwrite(fd, "written", 7, 0), 7);
	tap_ok(memcmp(map, "written789", 10) == 0, "a mapping sees writes");
	WORKS(unlink("f"));
	map[9999] = 'z';
	WORKS(msync(map, 12288, MS_SYNC));
	WORKS(munmap(map, 12288));
	IS(stat_fd(fd).st_size, 10000);
out:
	close(fd);
}

const struct posix_case posix_size_cases[] = {
	{ "truncate", test_truncate },
	{ "truncate by users", test_truncate_user },
	{ "limit", test_limit },
	{ "write", test_write },
	{ "hole", test_hole },
	{ "allocate", test_allocate },
	{ "copy", test_copy },
	{ "map", test_map },
	{ NULL, NULL }
};
