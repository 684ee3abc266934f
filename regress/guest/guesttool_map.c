/* SPDX-License-Identifier: ISC */
/*
 * guesttool: cases about mapped files, and waiting for the host's changes.
 * Each runs in the guest, in a new directory. Trusts the guest's kernel.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guesttool.h"

#define MAP_SIZE	20000
#define FOLLOW_TRIES	300
#define FOLLOW_PAUSE_US	100000

static int
make_file(const char *name, int byte)
{
	unsigned char buf[MAP_SIZE];
	int fd;

	memset(buf, byte, sizeof(buf));
	fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0644);
	if (fd == -1)
		return -1;
	if (write(fd, buf, sizeof(buf)) != sizeof(buf)) {
		close(fd);
		return -1;
	}
	return fd;
}

int
case_mmap_private_write(void)
{
	char *map, buf[8];
	int fd;

	fd = make_file("file", 'f');
	CHECK(fd != -1);
	map = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED);
	memcpy(map + 8190, "mine", 4);
	CHECK(map[8189] == 'f' && map[8194] == 'f' && map[8191] == 'i');
	CHECK(pread(fd, buf, 4, 8190) == 4 && memcmp(buf, "ffff", 4) == 0);
	CHECK(munmap(map, MAP_SIZE) == 0 && close(fd) == 0);
	fd = open("file", O_RDONLY);
	CHECK(fd != -1);
	CHECK(pread(fd, buf, 4, 8190) == 4 && memcmp(buf, "ffff", 4) == 0);
	CHECK(close(fd) == 0);
	return 0;
}

/* What is written is in the mapping, and the other way round, at once. */
int
case_mmap_and_write(void)
{
	char *map, buf[8];
	struct stat st;
	int fd;

	fd = make_file("file", 'f');
	CHECK(fd != -1);
	map = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK(map[4096] == 'f');
	CHECK(pwrite(fd, "write", 5, 4094) == 5);
	CHECK(memcmp(map + 4094, "write", 5) == 0);
	memcpy(map + 12286, "store", 5);
	CHECK(pread(fd, buf, 5, 12286) == 5 && memcmp(buf, "store", 5) == 0);
	CHECK(ftruncate(fd, 12288) == 0 && ftruncate(fd, MAP_SIZE) == 0);
	CHECK(memcmp(map + 12286, "st\0\0\0", 5) == 0);
	CHECK(unlink("file") == 0);
	memcpy(map, "late", 4);
	CHECK(msync(map, MAP_SIZE, MS_SYNC) == 0);
	CHECK(pread(fd, buf, 4, 0) == 4 && memcmp(buf, "late", 4) == 0);
	CHECK(close(fd) == 0);

	/* The mapping alone keeps the file. */
	memcpy(map + 4, "r", 1);
	CHECK(memcmp(map, "later", 5) == 0);
	CHECK(munmap(map, MAP_SIZE) == 0);
	CHECK(stat("file", &st) == -1 && errno == ENOENT);
	return 0;
}

/* Without a page cache there is nothing to share, fuse_file_mmap() says so. */
int
case_mmap_shared_refused(void)
{
	void *map;
	int fd;

	fd = make_file("file", 'f');
	CHECK(fd != -1);
	errno = 0;
	map = mmap(NULL, MAP_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map == MAP_FAILED && errno == ENODEV);
	CHECK(close(fd) == 0);
	return 0;
}

/* A new mapping each time, where none is shared with the page cache. */
static bool
maps(const char *name, int flags, int byte)
{
	const unsigned char *map;
	bool same;
	int fd;

	fd = open(name, O_RDONLY);
	if (fd == -1)
		return false;
	map = mmap(NULL, MAP_SIZE, PROT_READ, flags, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return false;
	same = map[0] == byte && map[MAP_SIZE - 1] == byte;
	munmap((void *)map, MAP_SIZE);
	return same;
}

/*
 * Maps a file of the host, asks it by making a file to fill it with another
 * byte, and waits until the mapping has that. A mapping that was there before
 * has to follow as well, as soon as the guest's kernel knows of the change.
 */
int
map_follow(const char *name, const char *ask, bool shared)
{
	const int flags = shared ? MAP_SHARED : MAP_PRIVATE;
	const unsigned char *map;
	int fd, i;

	fd = open(name, O_RDONLY);
	CHECK(fd != -1);
	map = mmap(NULL, MAP_SIZE, PROT_READ, flags, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK(map[0] == 'A' && map[MAP_SIZE - 1] == 'A');
	CHECK(put(ask, "", 0644) == 0);
	for (i = 0; i < FOLLOW_TRIES && !maps(name, flags, 'B'); i++)
		usleep(FOLLOW_PAUSE_US);
	CHECK(maps(name, flags, 'B'));
	CHECK(!shared || (map[0] == 'B' && map[MAP_SIZE - 1] == 'B'));
	CHECK(munmap((void *)map, MAP_SIZE) == 0 && close(fd) == 0);
	return 0;
}
