/* SPDX-License-Identifier: ISC */
/*
 * guesttool: cases about where the data of a file is, and how it gets there.
 * Each runs in the guest, in a new directory. Trusts the guest's kernel.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guesttool.h"

#define KIB		1024
#define MIB		(1024 * KIB)
#define FOUR_GIB	0x100000000LL
#define BLOCK_SIZE	512		/* of st_blocks, see inode(7) */

static bool
all(const unsigned char *buf, size_t size, int byte)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (buf[i] != byte)
			return false;
	return true;
}

/* Whether a part of a file consists of one byte. */
static bool
filled(int fd, off_t offset, size_t size, int byte)
{
	static unsigned char buf[MIB];

	return size <= sizeof(buf) &&
	    pread(fd, buf, size, offset) == (ssize_t)size &&
	    all(buf, size, byte);
}

static bool
fill(int fd, off_t offset, size_t size, int byte)
{
	static unsigned char buf[MIB];

	memset(buf, byte, sizeof(buf));
	return size <= sizeof(buf) &&
	    pwrite(fd, buf, size, offset) == (ssize_t)size;
}

int
case_holes(void)
{
	struct stat st;
	int fd;

	fd = open("file", O_CREAT | O_RDWR, 0644);
	CHECK(fd != -1);
	CHECK(fill(fd, MIB, 64 * KIB, 'a'));
	CHECK(fill(fd, 3 * MIB, 64 * KIB, 'b'));
	CHECK(ftruncate(fd, 4 * MIB) == 0);
	CHECK(fsync(fd) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 4 * MIB);
	CHECK(st.st_blocks * BLOCK_SIZE < MIB);
	CHECK(lseek(fd, 0, SEEK_DATA) == MIB);
	CHECK(lseek(fd, MIB, SEEK_HOLE) == MIB + 64 * KIB);
	CHECK(lseek(fd, 2 * MIB, SEEK_DATA) == 3 * MIB);
	CHECK(lseek(fd, 3 * MIB + 64 * KIB, SEEK_HOLE) == 3 * MIB + 64 * KIB);
	REFUSED(lseek(fd, 3 * MIB + 64 * KIB, SEEK_DATA), ENXIO);
	REFUSED(lseek(fd, 4 * MIB, SEEK_HOLE), ENXIO);
	CHECK(filled(fd, 0, MIB, 0) && filled(fd, MIB, 64 * KIB, 'a'));
	CHECK(filled(fd, 2 * MIB, MIB, 0));
	CHECK(close(fd) == 0);
	return 0;
}

int
case_fallocate(void)
{
	struct stat st, before;
	int fd;

	fd = open("file", O_CREAT | O_RDWR, 0644);
	CHECK(fd != -1);
	CHECK(fallocate(fd, 0, 0, MIB) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == MIB);
	CHECK(st.st_blocks * BLOCK_SIZE >= MIB && filled(fd, 0, MIB, 0));
	CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, MIB, MIB) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == MIB);
	CHECK(st.st_blocks * BLOCK_SIZE >= 2 * MIB);

	CHECK(fill(fd, 0, MIB, 'x'));
	CHECK(fsync(fd) == 0 && fstat(fd, &before) == 0);
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    256 * KIB, 512 * KIB) == 0);
	CHECK(filled(fd, 0, 256 * KIB, 'x'));
	CHECK(filled(fd, 256 * KIB, 512 * KIB, 0));
	CHECK(filled(fd, 768 * KIB, 256 * KIB, 'x'));
	CHECK(fstat(fd, &st) == 0 && st.st_size == MIB);
	CHECK(st.st_blocks <= before.st_blocks - 512 * KIB / BLOCK_SIZE);
	CHECK(lseek(fd, 0, SEEK_HOLE) == 256 * KIB);
	CHECK(lseek(fd, 256 * KIB, SEEK_DATA) == 768 * KIB);

	/* Bounds that are no block's. */
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    1001, 77) == 0);
	CHECK(filled(fd, 0, 1001, 'x') && filled(fd, 1001, 77, 0) &&
	    filled(fd, 1078, 9000, 'x'));
	REFUSED(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK(close(fd) == 0);
	return 0;
}

/* Around the point where 32 bits end, and far behind it. */
int
case_beyond_4_gib(void)
{
	static const off_t far = 5 * FOUR_GIB + 12345;
	struct stat st;
	int fd;

	fd = open("file", O_CREAT | O_RDWR, 0644);
	CHECK(fd != -1);
	CHECK(fill(fd, FOUR_GIB - 70001, 140002, 'm'));
	CHECK(fill(fd, far, 1000, 'f'));
	CHECK(fsync(fd) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == far + 1000);
	CHECK(close(fd) == 0);
	fd = open("file", O_RDWR);
	CHECK(fd != -1);
	CHECK(filled(fd, FOUR_GIB - 70001, 140002, 'm'));
	CHECK(filled(fd, far, 1000, 'f') && filled(fd, 0, 4096, 0));
	CHECK(filled(fd, FOUR_GIB + 70001, 100 * KIB, 0));
	CHECK(lseek(fd, FOUR_GIB + MIB, SEEK_DATA) / MIB == far / MIB);
	CHECK(ftruncate(fd, FOUR_GIB + 1) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == FOUR_GIB + 1);
	CHECK(filled(fd, FOUR_GIB - 70001, 70002, 'm'));
	CHECK(close(fd) == 0);
	return 0;
}

int
case_copy_range(void)
{
	off_t from = 1000, to = 5;
	struct stat st;
	int in, out;

	in = open("in", O_CREAT | O_RDWR, 0644);
	out = open("out", O_CREAT | O_RDWR, 0644);
	CHECK(in != -1 && out != -1);
	CHECK(fill(in, 0, 1000, 'a') && fill(in, 1000, 300000, 'b'));
	CHECK(fill(out, 0, 100, 'o'));
	CHECK(copy_file_range(in, &from, out, &to, 200000, 0) == 200000);
	CHECK(from == 201000 && to == 200005);
	CHECK(fstat(out, &st) == 0 && st.st_size == 200005);
	CHECK(filled(out, 0, 5, 'o') && filled(out, 5, 200000, 'b'));
	CHECK(filled(in, 0, 1000, 'a') && filled(in, 1000, 300000, 'b'));
	CHECK(close(in) == 0 && close(out) == 0);
	return 0;
}

static int
check_vectors(int flags)
{
	static const size_t lengths[] = { 1, 4095, 3, 8191, 1000, 4096, 70001 };
	static unsigned char out[90000], in[90000];
	struct iovec iov[7], back[7];
	size_t i, total = 0;
	int fd;

	for (i = 0; i < sizeof(out); i++)
		out[i] = (unsigned char)(i * 13 + i / 239);
	memset(in, 0, sizeof(in));
	for (i = 0; i < 7; i++) {
		iov[i] = (struct iovec){ out + total, lengths[i] };
		back[6 - i].iov_len = lengths[i];
		total += lengths[i];
	}
	for (i = 0, total = 0; i < 7; i++) {
		back[i].iov_base = in + total;
		total += back[i].iov_len;
	}
	fd = open("vectors", O_CREAT | O_RDWR | flags, 0644);
	CHECK(fd != -1);
	CHECK(pwritev(fd, iov, 7, 777) == (ssize_t)total);
	CHECK(preadv(fd, back, 7, 777) == (ssize_t)total);
	CHECK(memcmp(in, out, total) == 0);
	CHECK(pread(fd, in, sizeof(in), 777 + 50000) ==
	    (ssize_t)total - 50000);
	CHECK(memcmp(in, out + 50000, total - 50000) == 0);
	CHECK(close(fd) == 0);
	return 0;
}

/* Buffers that lie anywhere in a page are descriptors of odd lengths. */
int
case_odd_vectors(void)
{
	return check_vectors(0);
}

int
case_direct_io(void)
{
	unsigned char *buf;
	int fd;

	CHECK(posix_memalign((void **)&buf, 4096, 256 * KIB) == 0);
	memset(buf, 'd', 256 * KIB);
	fd = open("file", O_CREAT | O_RDWR | O_DIRECT, 0644);
	CHECK(fd != -1);
	CHECK(pwrite(fd, buf, 256 * KIB, 4096) == 256 * KIB);
	memset(buf, 0, 256 * KIB);
	CHECK(pread(fd, buf, 256 * KIB, 4096) == 256 * KIB);
	CHECK(all(buf, 256 * KIB, 'd'));
	CHECK(pread(fd, buf, 4096, 0) == 4096 && all(buf, 4096, 0));
	CHECK(close(fd) == 0);
	free(buf);

	/* The guest's alignment is not the host's business. */
	return check_vectors(O_DIRECT);
}
