/* SPDX-License-Identifier: ISC */
/*
 * Messages of QEMU's 9p-proxy protocol, as the client writes them. Meant to
 * build broken ones too: nothing is checked but the buffer's end. Test code.
 */
#ifndef REGRESS_P9_MSG_H
#define REGRESS_P9_MSG_H

#include <stddef.h>
#include <stdint.h>

enum p9_type {
	P9_SUCCESS = 0,
	P9_ERROR = 1,
	P9_OPEN = 2,
	P9_CREATE,
	P9_MKNOD,
	P9_MKDIR,
	P9_SYMLINK,
	P9_LINK,
	P9_LSTAT,
	P9_READLINK,
	P9_STATFS,
	P9_CHMOD,
	P9_CHOWN,
	P9_TRUNCATE,
	P9_UTIME,
	P9_RENAME,
	P9_REMOVE,
	P9_LGETXATTR,
	P9_LLISTXATTR,
	P9_LSETXATTR,
	P9_LREMOVEXATTR,
	P9_GETVERSION,
	P9_TYPE_END
};

#define P9_HEADER_SIZE	8
#define P9_MAX_PAYLOAD	65536
#define P9_STAT_SIZE	116
#define P9_STATFS_SIZE	88
#define P9_VERSION_SIZE	8

/* One message: header and payload. Room beyond the limit, to exceed it. */
struct p9_msg {
	size_t	len;
	uint8_t	buf[P9_HEADER_SIZE + P9_MAX_PAYLOAD + 4096];
};

const char	*p9_type_name(uint32_t type);

void	p9_msg_start(struct p9_msg *m, uint32_t type);
void	p9_msg_u32(struct p9_msg *m, uint32_t value);
void	p9_msg_u64(struct p9_msg *m, uint64_t value);
/* Bytes as they are, without a length before them. */
void	p9_msg_raw(struct p9_msg *m, const void *bytes, size_t len);
/* A string of len bytes: names, values, and anything wrong on purpose. */
void	p9_msg_bytes(struct p9_msg *m, const void *bytes, size_t len);
/* A path of a fid: QEMU counts the terminating NUL in its length. */
void	p9_msg_path(struct p9_msg *m, const char *path);
/* A name: no NUL on the wire. */
void	p9_msg_name(struct p9_msg *m, const char *name);
/* Writes the payload size into the header. */
void	p9_msg_finish(struct p9_msg *m);

uint32_t	p9_msg_type(const struct p9_msg *m);
/* The 32 bit field at an offset of the payload, 0 beyond its end. */
uint32_t	p9_msg_field(const struct p9_msg *m, size_t offset);

#endif
