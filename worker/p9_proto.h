/*
 * SPDX-License-Identifier: ISC
 *
 * Numbers and sizes of QEMU's 9p "proxy" protocol, whose client is QEMU's
 * "-fsdev proxy" (hw/9pfs/9p-proxy.c, up to QEMU 9.1).  All integers are in
 * host byte order and unaligned; a string is a 16 bit length and its bytes.
 */
#ifndef WORKER_P9_PROTO_H
#define WORKER_P9_PROTO_H

/* A header is type and payload size, 32 bits each. */
#define P9_HEADER_SIZE	8
#define P9_PAYLOAD_MAX	65536
#define P9_MESSAGE_MAX	(P9_HEADER_SIZE + P9_PAYLOAD_MAX)

enum p9_type {
	P9_T_SUCCESS,		/* of replies only */
	P9_T_ERROR,
	P9_T_OPEN,
	P9_T_CREATE,
	P9_T_MKNOD,
	P9_T_MKDIR,
	P9_T_SYMLINK,
	P9_T_LINK,
	P9_T_LSTAT,
	P9_T_READLINK,
	P9_T_STATFS,
	P9_T_CHMOD,
	P9_T_CHOWN,
	P9_T_TRUNCATE,
	P9_T_UTIME,
	P9_T_RENAME,
	P9_T_REMOVE,
	P9_T_LGETXATTR,
	P9_T_LLISTXATTR,
	P9_T_LSETXATTR,
	P9_T_LREMOVEXATTR,
	P9_T_GETVERSION,
	P9_T_MAX		/* one more than the last */
};

/* The 4 bytes that say: a descriptor comes with this message. */
#define P9_FD_VALID	0x7fffffff

/* Replies: exact payload sizes, and the longest string that fits one. */
#define P9_STAT_SIZE		116
#define P9_STATFS_SIZE		88
#define P9_GETVERSION_SIZE	8
#define P9_STRING_MAX		(P9_PAYLOAD_MAX - 2)

/* QEMU's buffer for a link's target; it copies up to a NUL. */
#define P9_READLINK_MAX		4096

#define P9_ERRNO_MAX		4095

#endif /* WORKER_P9_PROTO_H */
