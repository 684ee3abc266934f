/*
 * SPDX-License-Identifier: ISC
 *
 * The boundary between worker and monitor: operations, their requests and
 * replies, and all limits.  Both sides compile this file; nothing else about
 * one of them is known to the other.
 *
 * A request is one struct monitor_request and up to MONITOR_PAYLOAD_MAX bytes
 * of payload.  The payload holds, without separators and in this order: the
 * path and the name of place[0], those of place[1], then data.  What an
 * operation may carry is a row of the table in monitor/dispatch.c.
 *
 * A request that breaks one of the rules there cannot come from a correct
 * worker.  The monitor answers it by ending, which ends the daemon.
 */
#ifndef COMMON_MONITOR_PROTO_H
#define COMMON_MONITOR_PROTO_H

#include <stdint.h>

#define MONITOR_PROTO_VERSION	3

/* Limits, in bytes and without a terminating NUL. */
#define MONITOR_NAME_MAX	255	/* NAME_MAX, limits.h */
#define MONITOR_PATH_MAX	4095	/* PATH_MAX - 1, limits.h */
#define MONITOR_TARGET_MAX	4095	/* of a symbolic link: PATH_MAX - 1 */
#define MONITOR_XATTR_NAME_MAX	255	/* XATTR_NAME_MAX, linux/limits.h */
#define MONITOR_XATTR_DATA_MAX	65536	/* XATTR_SIZE_MAX, XATTR_LIST_MAX */
#define MONITOR_PAYLOAD_MAX						\
	(2 * (MONITOR_PATH_MAX + MONITOR_NAME_MAX) +			\
	    MONITOR_XATTR_NAME_MAX + MONITOR_XATTR_DATA_MAX)

/* The export's root, for ever; index 0, generation 1. */
#define MONITOR_ROOT_HANDLE	UINT64_C(0x100000000)

enum monitor_op {
	MONITOR_LOOKUP = 1,
	MONITOR_FORGET,
	MONITOR_GETATTR,
	MONITOR_SETATTR,
	MONITOR_READLINK,
	MONITOR_STATFS,
	MONITOR_GETVERSION,
	MONITOR_OPEN,
	MONITOR_CREATE,
	MONITOR_MKNOD,
	MONITOR_MKDIR,
	MONITOR_SYMLINK,
	MONITOR_LINK,
	MONITOR_UNLINK,
	MONITOR_RMDIR,
	MONITOR_RENAME,
	MONITOR_GETXATTR,
	MONITOR_SETXATTR,
	MONITOR_LISTXATTR,
	MONITOR_REMOVEXATTR,
	MONITOR_TMPFILE,
	MONITOR_OPENDIR,
	MONITOR_READDIR,
	MONITOR_READDIRPLUS,
	MONITOR_FSYNCDIR,
	MONITOR_RELEASEDIR,
	MONITOR_SYNCFS,
	MONITOR_RESET,
	MONITOR_PARENT,
	MONITOR_OP_MAX			/* one more than the last */
};

/*
 * Where an operation acts: beneath the directory `handle`, along `path` (the
 * directory part of a 9p-proxy path; no other protocol may have one), the
 * entry `name`.  Without a name it is the place that handle and path lead to:
 * so LOOKUP has ".", and PARENT, without a name, is ".." within the export.
 */
struct monitor_place {
	uint64_t	handle;
	uint16_t	path_len;
	uint16_t	name_len;
	uint32_t	pad;
};

/* The owner of what is created.  An id of -1 is not valid here. */
struct monitor_owner {
	uint32_t	uid;
	uint32_t	gid;
};

/* One more group that the owner is in, or zeroes: S_ISGID may depend on it. */
struct monitor_member {
	uint32_t	known;		/* 0 or 1 */
	uint32_t	gid;
};

/* MONITOR_SETATTR: which of the fields below to set. */
#define MONITOR_SET_MODE	0x001
#define MONITOR_SET_UID		0x002
#define MONITOR_SET_GID		0x004
#define MONITOR_SET_SIZE	0x008
#define MONITOR_SET_ATIME	0x010
#define MONITOR_SET_MTIME	0x020
#define MONITOR_SET_ATIME_NOW	0x040	/* the server's clock */
#define MONITOR_SET_MTIME_NOW	0x080
#define MONITOR_SET_CTIME	0x100	/* to now, as any change does */
#define MONITOR_SET_ALL		0x1ff

struct monitor_time {
	int64_t		sec;
	uint32_t	nsec;
	uint32_t	pad;
};

struct monitor_setattr_request {
	uint32_t		valid;	/* MONITOR_SET_* */
	uint32_t		mode;	/* 07777 and no more */
	struct monitor_owner	owner;
	int64_t			size;
	struct monitor_time	atime;
	struct monitor_time	mtime;
};

/*
 * MONITOR_OPEN and MONITOR_CREATE: flags of open(2), of which only these are
 * known.  O_NOFOLLOW, O_CLOEXEC and, to create, O_CREAT are always on.
 */
#define MONITOR_OPEN_FLAGS						\
	(O_ACCMODE | O_APPEND | O_TRUNC | O_NONBLOCK | O_DSYNC | O_SYNC | \
	    O_NOATIME | O_DIRECTORY | O_DIRECT)
#define MONITOR_CREATE_FLAGS						\
	(O_ACCMODE | O_APPEND | O_TRUNC | O_NONBLOCK | O_DSYNC | O_SYNC | \
	    O_NOATIME | O_EXCL | O_DIRECT)

struct monitor_open_request {
	uint32_t		flags;	/* MONITOR_OPEN_FLAGS */
	uint32_t		pad;
};

/* MONITOR_CREATE; MONITOR_TMPFILE, whose place is the directory. */
struct monitor_create_request {
	uint32_t		flags;	/* MONITOR_CREATE_FLAGS */
	uint32_t		mode;	/* 07777 and no more */
	struct monitor_owner	owner;
	struct monitor_member	member;
};

struct monitor_mknod_request {
	uint32_t		mode;	/* type and 07777 */
	uint32_t		pad;
	struct monitor_owner	owner;
	struct monitor_member	member;
	uint64_t		rdev;	/* as of makedev(3) */
};

struct monitor_mkdir_request {
	uint32_t		mode;	/* 07777 and no more */
	uint32_t		pad;
	struct monitor_owner	owner;
};

struct monitor_symlink_request {	/* data: the target */
	struct monitor_owner	owner;
};

struct monitor_rename_request {
	uint32_t		flags;	/* RENAME_NOREPLACE, _EXCHANGE,
					   _WHITEOUT */
	uint32_t		pad;
};

/* MONITOR_GETXATTR (data: the name), MONITOR_LISTXATTR (no data). */
struct monitor_getxattr_request {
	uint32_t		size;	/* of the answer at most; 0 asks for
					   its size */
	uint32_t		pad;
};

/* MONITOR_SETXATTR: data is the name, then the value. */
struct monitor_setxattr_request {
	uint32_t		flags;	/* XATTR_CREATE, XATTR_REPLACE */
	uint32_t		name_len;
};

/*
 * MONITOR_READDIR, _READDIRPLUS.  The answer's data are entries; it holds as
 * many as `size` bytes do if each takes `entry_size` and its name, rounded up
 * to a multiple of 8: what they will take where the worker puts them.
 */
struct monitor_readdir_request {
	uint64_t		stream;
	uint64_t		offset;	/* 0, or of the entry before */
	uint32_t		size;
	uint32_t		entry_size;
};

/*
 * MONITOR_FSYNCDIR, _RELEASEDIR.  Like READDIR these have the handle that the
 * stream was opened with, which may have been forgotten meanwhile.
 */
struct monitor_stream_request {
	uint64_t		stream;
	uint32_t		datasync; /* FSYNCDIR: 1 for fdatasync(2) */
	uint32_t		pad;
};

/* MONITOR_FORGET: data is an array of these. */
struct monitor_forget {
	uint64_t		handle;
	uint64_t		count;
};
#define MONITOR_FORGETS		1024	/* in one request at most */

struct monitor_request {
	uint32_t		op;		/* enum monitor_op */
	uint32_t		data_len;
	struct monitor_place	place[2];
	union {
		uint8_t				bytes[88];
		struct monitor_setattr_request	setattr;
		struct monitor_open_request	open;
		struct monitor_create_request	create;
		struct monitor_mknod_request	mknod;
		struct monitor_mkdir_request	mkdir;
		struct monitor_symlink_request	symlink;
		struct monitor_rename_request	rename;
		struct monitor_getxattr_request	getxattr;
		struct monitor_setxattr_request	setxattr;
		struct monitor_readdir_request	readdir;
		struct monitor_stream_request	stream;
	} u;
};
_Static_assert(sizeof(struct monitor_place) == 16, "layout");
_Static_assert(sizeof(struct monitor_setattr_request) == 56, "layout");
_Static_assert(sizeof(struct monitor_request) == 128, "layout");

/* What statx(2) tells.  Times are seconds and nanoseconds. */
struct monitor_attr {
	uint64_t		ino;
	uint64_t		size;
	uint64_t		blocks;		/* of 512 bytes */
	uint64_t		dev;		/* as of makedev(3) */
	uint64_t		rdev;
	uint32_t		mode;
	uint32_t		nlink;
	uint32_t		uid;
	uint32_t		gid;
	uint32_t		blksize;
	uint32_t		mask;		/* STATX_*: which are known */
	struct monitor_time	atime;
	struct monitor_time	mtime;
	struct monitor_time	ctime;
	struct monitor_time	btime;
	uint64_t		attributes;	/* STATX_ATTR_* */
	uint64_t		attributes_mask;
};

/* What fstatfs(2) tells. */
struct monitor_statfs {
	uint64_t		type;
	uint64_t		bsize;
	uint64_t		blocks;
	uint64_t		bfree;
	uint64_t		bavail;
	uint64_t		files;
	uint64_t		ffree;
	uint32_t		fsid[2];
	uint64_t		namelen;
	uint64_t		frsize;
};

/*
 * One entry in the answer to READDIR and READDIRPLUS, followed by its name and
 * zeroes up to a multiple of 8.  `attr` is there in READDIRPLUS alone.
 */
struct monitor_dirent {
	uint64_t		handle;		/* READDIRPLUS: one lookup more;
						   0 of . and .. */
	uint64_t		ino;
	uint64_t		offset;		/* where the next one is */
	uint32_t		type;		/* as in getdents64(2) */
	uint32_t		name_len;
	struct monitor_attr	attr[];
};
_Static_assert(sizeof(struct monitor_dirent) == 32, "layout");

struct monitor_reply {
	int32_t			error;		/* 0 or -errno */
	uint32_t		data_len;	/* bytes of payload */
	uint32_t		has_fd;		/* one waits on the socket */
	uint32_t		size;		/* GETXATTR, LISTXATTR with
						   size 0: the length */
	uint64_t		handle;		/* LOOKUP, PARENT and what
						   creates, one lookup more;
						   OPENDIR: the stream */
	union {
		/* LOOKUP, PARENT, GETATTR, SETATTR, and what creates. */
		struct monitor_attr	attr;
		struct monitor_statfs	statfs;
		uint32_t		generation;
	} u;
};
_Static_assert(sizeof(struct monitor_attr) == 144, "layout");
_Static_assert(sizeof(struct monitor_statfs) == 80, "layout");
_Static_assert(sizeof(struct monitor_reply) == 168, "layout");

#endif /* COMMON_MONITOR_PROTO_H */
