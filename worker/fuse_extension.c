/*
 * SPDX-License-Identifier: ISC
 *
 * Extensions: records that may follow the strings of a request that creates.
 * One is known, of a further group that the creator is in.  All of it is
 * hostile.  Runs sandboxed.
 */
#include "config.h"

#include <errno.h>

#include "worker/fuse_ops.h"
#include "worker/iov.h"

#define EXTENSION_UNIT	8	/* bytes; <linux/fuse.h>, total_extlen */

/* What was found so far. */
struct extensions {
	struct iov_cursor	cursor;
	struct monitor_member	member;
	bool			has_groups;
};

/*
 * Takes the first of the groups, which the monitor has a place for: Linux sends
 * that of the directory, or none (fs/fuse/dir.c, get_create_supp_group()).
 * `*left` is what the record has, and then what remains of it.
 */
static int
extension_groups(struct extensions *found, size_t *left)
{
	struct fuse_supp_groups groups;

	if (found->has_groups || *left < sizeof(groups) ||
	    !iov_read(&found->cursor, &groups, sizeof(groups)))
		return -EINVAL;
	found->has_groups = true;
	*left -= sizeof(groups);
	if (groups.nr_groups > *left / sizeof(groups.groups[0]))
		return -EINVAL;
	if (groups.nr_groups == 0)
		return 0;
	if (!iov_read(&found->cursor, &found->member.gid,
	    sizeof(found->member.gid)))
		return -EINVAL;
	found->member.known = 1;
	*left -= sizeof(found->member.gid);
	return 0;
}

/* Passes one record; those of other types say nothing here. */
static int
extension_next(struct extensions *found)
{
	struct fuse_ext_header header;
	size_t left;
	int error;

	if (!iov_read(&found->cursor, &header, sizeof(header)) ||
	    header.size < sizeof(header) || header.size % EXTENSION_UNIT != 0)
		return -EINVAL;
	left = header.size - sizeof(header);
	if (header.type == FUSE_EXT_GROUPS) {
		error = extension_groups(found, &left);
		if (error != 0)
			return error;
	}
	return iov_skip(&found->cursor, left) ? 0 : -EINVAL;
}

int
fuse_extension_read(struct fuse_request *request)
{
	const struct virtqueue_chain *chain = &request->chain;
	struct extensions found = { 0 };
	uint64_t flags = request->queue->session->flags;
	size_t len;
	int error;

	request->member = found.member;
	/* Until it is negotiated, the header's field is padding. */
	if ((flags & FUSE_CREATE_SUPP_GROUP) == 0)
		return 0;
	len = request->in.total_extlen * (size_t)EXTENSION_UNIT;
	if (len > request->data_len)
		return -EINVAL;
	iov_init(&found.cursor, chain->iov, chain->nout, chain->out_len);
	iov_skip(&found.cursor, request->data_at);
	found.cursor.left = len;	/* what follows is nothing of ours */
	while (found.cursor.left > 0) {
		error = extension_next(&found);
		if (error != 0)
			return error;
	}
	request->member = found.member;
	return 0;
}
