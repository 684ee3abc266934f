/*
 * SPDX-License-Identifier: ISC
 *
 * FUSE operations on extended attributes: each is one request to the monitor.
 * The table has checked the names' lengths; all else is hostile.  Runs
 * sandboxed.
 */
#include "config.h"

#include <sys/xattr.h>

#include <errno.h>
#include <stdlib.h>

#include "worker/fuse_ops.h"
#include "worker/fuse_reply.h"

#define XATTR_FLAGS	(XATTR_CREATE | XATTR_REPLACE)

/* The value or the list, or how long it is. */
static void
xattr_finish(void *arg, const struct monitor_reply *reply, const uint8_t *data,
    int fd)
{
	struct fuse_request *request = arg;
	const struct fuse_getxattr_out out = { .size = reply->size };
	uint32_t size = request->args.getxattr.size;

	if (fuse_reply_failed(request, reply, fd))
		return;
	if (size == 0)
		fuse_reply(request, &out, sizeof(out));
	else if (reply->data_len > size)
		fuse_reply_error(request, -ERANGE);
	else
		fuse_reply(request, data, reply->data_len);
}

/* Stores what the monitor may answer at most. */
static int
xattr_limit(const struct fuse_request *request, uint32_t *limit_out)
{
	uint32_t size = request->args.getxattr.size;

	if (size > fuse_reply_room(request))
		return -EINVAL;
	*limit_out = size < MONITOR_XATTR_DATA_MAX ? size :
	    MONITOR_XATTR_DATA_MAX;
	return 0;
}

int
fuse_op_getxattr(struct fuse_request *request)
{
	const struct fuse_string *name = &request->string[0];
	const struct monitor_where where = fuse_where(request);
	uint32_t limit;
	int error;

	error = xattr_limit(request, &limit);
	if (error != 0)
		return error;
	return monitor_getxattr(request->queue->monitor, &where, name->bytes,
	    name->len, limit, xattr_finish, request);
}

int
fuse_op_listxattr(struct fuse_request *request)
{
	const struct monitor_where where = fuse_where(request);
	uint32_t limit;
	int error;

	error = xattr_limit(request, &limit);
	if (error != 0)
		return error;
	return monitor_listxattr(request->queue->monitor, &where, limit,
	    xattr_finish, request);
}

/* Copies the value, which is where the strings end in the chain. */
static void *
xattr_value(const struct fuse_request *request, size_t size)
{
	const struct virtqueue_chain *chain = &request->chain;
	struct iov_cursor cursor;
	void *value;

	value = malloc(size > 0 ? size : 1);
	if (value == NULL)
		return NULL;
	iov_init(&cursor, chain->iov, chain->nout, chain->out_len);
	if (iov_skip(&cursor, request->data_at) &&
	    iov_read(&cursor, value, size))
		return value;
	free(value);
	return NULL;
}

int
fuse_op_setxattr(struct fuse_request *request)
{
	const struct fuse_setxattr_in *in = &request->args.setxattr;
	const struct fuse_string *name = &request->string[0];
	const struct monitor_where where = fuse_where(request);
	void *value;
	int error;

	if ((in->flags & ~(uint32_t)XATTR_FLAGS) != 0)
		return -EINVAL;
	if (in->size > MONITOR_XATTR_DATA_MAX)
		return -E2BIG;
	if (in->size > request->data_len)
		return -EINVAL;
	value = xattr_value(request, in->size);
	if (value == NULL)
		return -ENOMEM;
	error = monitor_setxattr(request->queue->monitor, &where, name->bytes,
	    name->len, value, in->size, in->flags, fuse_reply_status, request);
	free(value);
	return error;
}

int
fuse_op_removexattr(struct fuse_request *request)
{
	const struct fuse_string *name = &request->string[0];
	const struct monitor_where where = fuse_where(request);

	return monitor_removexattr(request->queue->monitor, &where,
	    name->bytes, name->len, fuse_reply_status, request);
}
