/* SPDX-License-Identifier: ISC */
/*
 * guesttool: cases about what is in files.
 * Each runs in the guest, in a new directory. Trusts the guest's kernel.
 */
#define _GNU_SOURCE
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guesttool.h"

#define PATTERN_SIZE	300001

int
case_append(void)
{
	int one, two;

	one = open("log", O_CREAT | O_WRONLY | O_APPEND, 0644);
	two = open("log", O_WRONLY | O_APPEND);
	CHECK(one != -1 && two != -1);
	CHECK(write(one, "ab", 2) == 2);
	CHECK(write(two, "cd", 2) == 2);
	CHECK(close(two) == 0);
	CHECK(lseek(one, 0, SEEK_SET) == 0);
	CHECK(write(one, "ef", 2) == 2);
	CHECK(close(one) == 0);
	CHECK(has("log", "abcdef"));
	return 0;
}

int
case_truncate(void)
{
	static const char zeros[4] = { 0 };
	char buf[8];
	struct stat st;
	int fd;

	CHECK(put("file", "abcdef", 0644) == 0);
	CHECK(truncate("file", 3) == 0);
	CHECK(has("file", "abc"));
	fd = open("file", O_RDWR);
	CHECK(fd != -1);
	CHECK(ftruncate(fd, 7) == 0);
	CHECK(pread(fd, buf, sizeof(buf), 0) == 7);
	CHECK(memcmp(buf, "abc", 3) == 0 && memcmp(buf + 3, zeros, 4) == 0);
	CHECK(ftruncate(fd, 0x180000001LL) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 0x180000001LL);
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 0);
	CHECK(write(fd, "new", 3) == 3);
	CHECK(close(fd) == 0);
	fd = open("file", O_WRONLY | O_TRUNC);
	CHECK(fd != -1);
	CHECK(close(fd) == 0);
	CHECK(has("file", ""));
	return 0;
}

int
case_unlinked_open_file(void)
{
	char buf[8];
	int fd;

	fd = open("file", O_CREAT | O_RDWR, 0600);
	CHECK(fd != -1);
	CHECK(write(fd, "before", 6) == 6);
	CHECK(unlink("file") == 0);
	CHECK(entries(".") == 0);
	CHECK(put("file", "other", 0600) == 0);
	CHECK(pread(fd, buf, sizeof(buf), 0) == 6);
	CHECK(memcmp(buf, "before", 6) == 0);
	CHECK(pwrite(fd, "after", 5, 0) == 5);
	CHECK(close(fd) == 0);
	CHECK(has("file", "other"));
	return 0;
}

static unsigned char
pattern(size_t i)
{
	return (unsigned char)(i * 7 + i / 251);
}

static int
write_pattern(const char *name)
{
	static unsigned char buf[PATTERN_SIZE];
	size_t i;
	int fd;

	for (i = 0; i < sizeof(buf); i++)
		buf[i] = pattern(i);
	fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
	if (fd == -1)
		return -1;
	if (write(fd, buf, sizeof(buf)) != sizeof(buf)) {
		close(fd);
		return -1;
	}
	return close(fd);
}

int
case_mmap_read(void)
{
	const unsigned char *map;
	size_t i;
	int fd;

	CHECK(write_pattern("file") == 0);
	fd = open("file", O_RDONLY);
	CHECK(fd != -1);
	map = mmap(NULL, PATTERN_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK(close(fd) == 0);
	for (i = 0; i < PATTERN_SIZE; i++)
		CHECK(map[i] == pattern(i));
	return 0;
}

int
case_mmap_shared_write(void)
{
	unsigned char *map;
	char buf[8];
	int fd;

	CHECK(write_pattern("file") == 0);
	fd = open("file", O_RDWR);
	CHECK(fd != -1);
	map = mmap(NULL, PATTERN_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	CHECK(map != MAP_FAILED);
	memcpy(map + 4090, "mapped", 6);
	map[PATTERN_SIZE - 1] = '!';
	CHECK(msync(map, PATTERN_SIZE, MS_SYNC) == 0);
	CHECK(munmap(map, PATTERN_SIZE) == 0);
	CHECK(close(fd) == 0);
	fd = open("file", O_RDONLY);
	CHECK(fd != -1);
	CHECK(pread(fd, buf, 6, 4090) == 6 && memcmp(buf, "mapped", 6) == 0);
	CHECK(close(fd) == 0);
	return 0;
}

int
case_sync_and_lock(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd, dir;

	fd = open("file", O_CREAT | O_RDWR, 0644);
	dir = open(".", O_RDONLY | O_DIRECTORY);
	CHECK(fd != -1 && dir != -1);
	CHECK(write(fd, "synced", 6) == 6);
	CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && fsync(dir) == 0);
	CHECK(syncfs(fd) == 0);
	CHECK(flock(fd, LOCK_EX) == 0 && flock(fd, LOCK_UN) == 0);
	CHECK(fcntl(fd, F_SETLK, &lock) == 0);
	lock.l_type = F_UNLCK;
	CHECK(fcntl(fd, F_SETLK, &lock) == 0);
	CHECK(close(fd) == 0 && close(dir) == 0);
	return 0;
}
