/*
 * SPDX-License-Identifier: ISC
 *
 * The FUSE protocol: <linux/fuse.h> as installed, which has minor 38 at least,
 * and what Linux 6.3 (minor 38) and 6.6 (39) added to it, for building with
 * older headers.
 */
#ifndef WORKER_FUSE_PROTO_H
#define WORKER_FUSE_PROTO_H

#include <linux/fuse.h>

#include <stdint.h>

/* What is spoken here: up to FUSE_STATX.  The oldest: Linux 4.20's. */
#define FUSE_MINOR		39
#define FUSE_MINOR_OLDEST	27

/* Some headers have minor 38 without them. */
#ifndef FUSE_CREATE_SUPP_GROUP
#define FUSE_CREATE_SUPP_GROUP	(1ULL << 34)
#define FUSE_EXT_GROUPS		32

struct fuse_supp_groups {
	uint32_t	nr_groups;
	uint32_t	groups[];
};
#endif

#if FUSE_KERNEL_MINOR_VERSION < 39
#define FUSE_STATX		52

struct fuse_sx_time {
	int64_t		tv_sec;
	uint32_t	tv_nsec;
	int32_t		__reserved;
};

struct fuse_statx {
	uint32_t	mask;
	uint32_t	blksize;
	uint64_t	attributes;
	uint32_t	nlink;
	uint32_t	uid;
	uint32_t	gid;
	uint16_t	mode;
	uint16_t	__spare0[1];
	uint64_t	ino;
	uint64_t	size;
	uint64_t	blocks;
	uint64_t	attributes_mask;
	struct fuse_sx_time	atime;
	struct fuse_sx_time	btime;
	struct fuse_sx_time	ctime;
	struct fuse_sx_time	mtime;
	uint32_t	rdev_major;
	uint32_t	rdev_minor;
	uint32_t	dev_major;
	uint32_t	dev_minor;
	uint64_t	__spare2[14];
};

struct fuse_statx_in {
	uint32_t	getattr_flags;
	uint32_t	reserved;
	uint64_t	fh;
	uint32_t	sx_flags;
	uint32_t	sx_mask;
};

struct fuse_statx_out {
	uint64_t	attr_valid;
	uint32_t	attr_valid_nsec;
	uint32_t	flags;
	uint64_t	spare[2];
	struct fuse_statx stat;
};
#endif

/* More than the highest operation that is known here. */
#define FUSE_OPCODES		(FUSE_STATX + 1)

/* Without FUSE_INIT_EXT (Linux before 5.17). */
#define FUSE_INIT_IN_SIZE_OLD	16

_Static_assert(sizeof(struct fuse_in_header) == 40, "layout");
_Static_assert(sizeof(struct fuse_out_header) == 16, "layout");
_Static_assert(sizeof(struct fuse_entry_out) == 128, "layout");
_Static_assert(sizeof(struct fuse_attr_out) == 104, "layout");
_Static_assert(sizeof(struct fuse_setattr_in) == 88, "layout");
_Static_assert(sizeof(struct fuse_init_in) == 64, "layout");
_Static_assert(sizeof(struct fuse_init_out) == 64, "layout");
_Static_assert(sizeof(struct fuse_ext_header) == 8, "layout");
_Static_assert(sizeof(struct fuse_supp_groups) == 4, "layout");
_Static_assert(sizeof(struct fuse_statx_in) == 24, "layout");
_Static_assert(sizeof(struct fuse_statx_out) == 288, "layout");

#endif /* WORKER_FUSE_PROTO_H */
