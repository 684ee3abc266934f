/* SPDX-License-Identifier: ISC */
/*
 * The shape of every FUSE operation's arguments. Test code.
 */
#include "layout.h"

#include <string.h>

#include "fuse_extra.h"

#define CREATE_OUT	(sizeof(struct fuse_entry_out) + \
			    sizeof(struct fuse_open_out))
#define MAX_NAME_REPLY	(LAYOUT_PAGE - 1)
#define UNKNOWN_OUT	LAYOUT_PAGE

/* What a successful reply has behind its header. */
enum reply_kind {
	REPLY_FIXED,	/* size bytes */
	REPLY_ASKED,	/* as the request says, or size when that is 0 */
	REPLY_DATA	/* as the request says, in pages */
};

static const struct reply_shape {
	uint32_t	opcode;
	enum reply_kind	kind;
	size_t		size;
} replies[] = {
	{ FUSE_LOOKUP,		REPLY_FIXED, sizeof(struct fuse_entry_out) },
	{ FUSE_GETATTR,		REPLY_FIXED, sizeof(struct fuse_attr_out) },
	{ FUSE_SETATTR,		REPLY_FIXED, sizeof(struct fuse_attr_out) },
	{ FUSE_READLINK,	REPLY_FIXED, MAX_NAME_REPLY },
	{ FUSE_SYMLINK,		REPLY_FIXED, sizeof(struct fuse_entry_out) },
	{ FUSE_MKNOD,		REPLY_FIXED, sizeof(struct fuse_entry_out) },
	{ FUSE_MKDIR,		REPLY_FIXED, sizeof(struct fuse_entry_out) },
	{ FUSE_UNLINK,		REPLY_FIXED, 0 },
	{ FUSE_RMDIR,		REPLY_FIXED, 0 },
	{ FUSE_RENAME,		REPLY_FIXED, 0 },
	{ FUSE_LINK,		REPLY_FIXED, sizeof(struct fuse_entry_out) },
	{ FUSE_OPEN,		REPLY_FIXED, sizeof(struct fuse_open_out) },
	{ FUSE_READ,		REPLY_DATA, 0 },
	{ FUSE_WRITE,		REPLY_FIXED, sizeof(struct fuse_write_out) },
	{ FUSE_STATFS,		REPLY_FIXED, sizeof(struct fuse_statfs_out) },
	{ FUSE_RELEASE,		REPLY_FIXED, 0 },
	{ FUSE_FSYNC,		REPLY_FIXED, 0 },
	{ FUSE_SETXATTR,	REPLY_FIXED, 0 },
	{ FUSE_GETXATTR,	REPLY_ASKED,
	    sizeof(struct fuse_getxattr_out) },
	{ FUSE_LISTXATTR,	REPLY_ASKED,
	    sizeof(struct fuse_getxattr_out) },
	{ FUSE_REMOVEXATTR,	REPLY_FIXED, 0 },
	{ FUSE_FLUSH,		REPLY_FIXED, 0 },
	{ FUSE_INIT,		REPLY_FIXED, sizeof(struct fuse_init_out) },
	{ FUSE_OPENDIR,		REPLY_FIXED, sizeof(struct fuse_open_out) },
	{ FUSE_READDIR,		REPLY_DATA, 0 },
	{ FUSE_RELEASEDIR,	REPLY_FIXED, 0 },
	{ FUSE_FSYNCDIR,	REPLY_FIXED, 0 },
	{ FUSE_GETLK,		REPLY_FIXED, sizeof(struct fuse_lk_out) },
	{ FUSE_SETLK,		REPLY_FIXED, 0 },
	{ FUSE_SETLKW,		REPLY_FIXED, 0 },
	{ FUSE_ACCESS,		REPLY_FIXED, 0 },
	{ FUSE_CREATE,		REPLY_FIXED, CREATE_OUT },
	{ FUSE_DESTROY,		REPLY_FIXED, 0 },
	{ FUSE_FALLOCATE,	REPLY_FIXED, 0 },
	{ FUSE_READDIRPLUS,	REPLY_DATA, 0 },
	{ FUSE_RENAME2,		REPLY_FIXED, 0 },
	{ FUSE_LSEEK,		REPLY_FIXED, sizeof(struct fuse_lseek_out) },
	{ FUSE_COPY_FILE_RANGE,	REPLY_FIXED, sizeof(struct fuse_write_out) },
	{ FUSE_SYNCFS,		REPLY_FIXED, 0 },
	{ FUSE_TMPFILE,		REPLY_FIXED, CREATE_OUT },
	{ TEST_FUSE_STATX,	REPLY_FIXED, sizeof(struct test_statx_out) },
};

static size_t
layout_add(struct iovec *list, size_t count, uint8_t *base, size_t len)
{
	if (len == 0)
		return count;
	list[count] = (struct iovec){ .iov_base = base, .iov_len = len };
	return count + 1;
}

static size_t
layout_pages(struct iovec *list, size_t count, uint8_t *base, size_t len)
{
	for (size_t piece; len > 0; base += piece, len -= piece) {
		piece = len < LAYOUT_PAGE ? len : LAYOUT_PAGE;
		count = layout_add(list, count, base, piece);
	}
	return count;
}

size_t
layout_request(uint8_t *base, size_t len, struct iovec *out)
{
	size_t header = sizeof(struct fuse_in_header), args, count;
	struct fuse_in_header h;

	memcpy(&h, base, header);
	args = h.opcode == FUSE_WRITE ? LAYOUT_HEAD : len;
	count = layout_add(out, 0, base, header);
	count = layout_add(out, count, base + header, args - header);
	return layout_pages(out, count, base + args, len - args);
}

/* READ, READDIR and READDIRPLUS share one struct. */
static uint32_t
layout_data_size(const uint8_t *args, size_t len)
{
	struct fuse_read_in in = { .size = 0 };

	memcpy(&in, args, len < sizeof(in) ? len : sizeof(in));
	return in.size < LAYOUT_DATA ? in.size : LAYOUT_DATA;
}

static uint32_t
layout_asked_size(const uint8_t *args, size_t len)
{
	struct fuse_getxattr_in in = { .size = 0 };

	memcpy(&in, args, len < sizeof(in) ? len : sizeof(in));
	return in.size < LAYOUT_DATA ? in.size : LAYOUT_DATA;
}

size_t
layout_reply(const uint8_t *request, size_t len, uint8_t *base,
    struct iovec *in)
{
	static const struct reply_shape unknown = { .kind = REPLY_FIXED,
	    .size = UNKNOWN_OUT };
	const uint8_t *args = request + sizeof(struct fuse_in_header);
	const struct reply_shape *shape = &unknown;
	struct fuse_in_header h;
	size_t count, size;

	memcpy(&h, request, sizeof(h));
	len -= sizeof(h);
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
		if (replies[i].opcode == h.opcode)
			shape = &replies[i];
	count = layout_add(in, 0, base, sizeof(struct fuse_out_header));
	base += sizeof(struct fuse_out_header);
	if (shape->kind == REPLY_DATA)
		return layout_pages(in, count, base,
		    layout_data_size(args, len));
	size = shape->kind == REPLY_ASKED ? layout_asked_size(args, len) : 0;
	if (size == 0)
		size = shape->size;
	return layout_add(in, count, base, size);
}
