/* SPDX-License-Identifier: ISC */
/*
 * What the FUSE protocol got after the oldest <linux/fuse.h> that the tests
 * are built with (7.38). Test code.
 */
#ifndef REGRESS_FUSE_EXTRA_H
#define REGRESS_FUSE_EXTRA_H

#include <linux/fuse.h>

#include <stdint.h>

#define TEST_FUSE_STATX			52
#define TEST_FUSE_CREATE_SUPP_GROUP	(UINT64_C(1) << 34)
#define TEST_FUSE_DIRECT_IO_ALLOW_MMAP	(UINT64_C(1) << 36)
#define TEST_FUSE_EXT_GROUPS		32

/* Follows a struct fuse_ext_header of type TEST_FUSE_EXT_GROUPS. */
struct test_supp_groups {
	uint32_t	count;
	uint32_t	group[];
};

struct test_statx_in {
	uint32_t	getattr_flags;
	uint32_t	reserved;
	uint64_t	fh;
	uint32_t	sx_flags;
	uint32_t	sx_mask;
};

struct test_sx_time {
	int64_t		sec;
	uint32_t	nsec;
	int32_t		reserved;
};

struct test_statx {
	uint32_t		mask;
	uint32_t		blksize;
	uint64_t		attributes;
	uint32_t		nlink;
	uint32_t		uid;
	uint32_t		gid;
	uint16_t		mode;
	uint16_t		spare0;
	uint64_t		ino;
	uint64_t		size;
	uint64_t		blocks;
	uint64_t		attributes_mask;
	struct test_sx_time	atime, btime, ctime, mtime;
	uint32_t		rdev_major;
	uint32_t		rdev_minor;
	uint32_t		dev_major;
	uint32_t		dev_minor;
	uint64_t		spare2[14];
};
_Static_assert(sizeof(struct test_statx) == 256, "statx");

struct test_statx_out {
	uint64_t		attr_valid;
	uint32_t		attr_valid_nsec;
	uint32_t		flags;
	uint64_t		spare[2];
	struct test_statx	stat;
};
_Static_assert(sizeof(struct test_statx_out) == 288, "statx reply");

#endif
