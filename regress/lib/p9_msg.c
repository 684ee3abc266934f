/* SPDX-License-Identifier: ISC */
/*
 * Builds 9p-proxy messages: host byte order, no alignment, strings with a
 * 16 bit length. Test code; the caller decides what is well formed.
 */
#include "p9_msg.h"

#include <stdlib.h>
#include <string.h>

static const char *const type_names[P9_TYPE_END] = {
	"T_SUCCESS", "T_ERROR", "T_OPEN", "T_CREATE", "T_MKNOD", "T_MKDIR",
	"T_SYMLINK", "T_LINK", "T_LSTAT", "T_READLINK", "T_STATFS",
	"T_CHMOD", "T_CHOWN", "T_TRUNCATE", "T_UTIME", "T_RENAME",
	"T_REMOVE", "T_LGETXATTR", "T_LLISTXATTR", "T_LSETXATTR",
	"T_LREMOVEXATTR", "T_GETVERSION"
};

const char *
p9_type_name(uint32_t type)
{
	return type < P9_TYPE_END ? type_names[type] : "unknown type";
}

void
p9_msg_raw(struct p9_msg *m, const void *bytes, size_t len)
{
	if (len > sizeof(m->buf) - m->len)
		abort();
	memcpy(m->buf + m->len, bytes, len);
	m->len += len;
}

void
p9_msg_start(struct p9_msg *m, uint32_t type)
{
	m->len = 0;
	p9_msg_u32(m, type);
	p9_msg_u32(m, 0);
}

void
p9_msg_u32(struct p9_msg *m, uint32_t value)
{
	p9_msg_raw(m, &value, sizeof(value));
}

void
p9_msg_u64(struct p9_msg *m, uint64_t value)
{
	p9_msg_raw(m, &value, sizeof(value));
}

void
p9_msg_bytes(struct p9_msg *m, const void *bytes, size_t len)
{
	uint16_t wire_len = (uint16_t)len;

	p9_msg_raw(m, &wire_len, sizeof(wire_len));
	p9_msg_raw(m, bytes, len);
}

void
p9_msg_path(struct p9_msg *m, const char *path)
{
	p9_msg_bytes(m, path, strlen(path) + 1);
}

void
p9_msg_name(struct p9_msg *m, const char *name)
{
	p9_msg_bytes(m, name, strlen(name));
}

void
p9_msg_finish(struct p9_msg *m)
{
	uint32_t size = (uint32_t)(m->len - P9_HEADER_SIZE);

	memcpy(m->buf + 4, &size, sizeof(size));
}

uint32_t
p9_msg_type(const struct p9_msg *m)
{
	uint32_t type;

	memcpy(&type, m->buf, sizeof(type));
	return type;
}

uint32_t
p9_msg_field(const struct p9_msg *m, size_t offset)
{
	uint32_t value = 0;

	if (P9_HEADER_SIZE + offset + sizeof(value) <= m->len)
		memcpy(&value, m->buf + P9_HEADER_SIZE + offset,
		    sizeof(value));
	return value;
}
