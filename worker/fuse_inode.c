/*
 * SPDX-License-Identifier: ISC
 *
 * FUSE operations on names and inodes: each is one request to the monitor.  The
 * table has checked what arguments and names look like; what they say is
 * hostile.  Runs sandboxed.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <linux/fs.h>
#include <string.h>

#include "worker/fuse_ops.h"
#include "worker/fuse_reply.h"

#define INODE_RENAME_FLAGS						\
	(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)

static void
inode_finish_lookup(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	const uint64_t second = 1000000000;
	struct fuse_request *request = arg;
	uint64_t timeout;
	struct fuse_entry_out none = { 0 };

	timeout = request->queue->session->config->negative_timeout_ns;
	if (reply->error != -ENOENT || timeout == 0) {
		fuse_reply_entry(arg, reply, data, fd);
		return;
	}
	/* Node id 0: that there is none, for so long. */
	none.entry_valid = timeout / second;
	none.entry_valid_nsec = (uint32_t)(timeout % second);
	fuse_reply(request, &none, sizeof(none));
}

int
fuse_op_lookup(struct fuse_request *request)
{
	const char *name = request->string[0].bytes;
	struct monitor_where where = fuse_entry(request, request->handle, 0);

	/* By these virtio-win opens the volume, and Zephyr its directory. */
	if (fuse_is_dot(name))
		where = fuse_where(request);
	if (strcmp(name, "..") == 0)
		return monitor_parent(request->queue->monitor, &where,
		    inode_finish_lookup, request);
	return monitor_lookup(request->queue->monitor, &where,
	    inode_finish_lookup, request);
}

/*
 * The root is never looked up.  Other nodes that never were are the monitor's
 * to ignore.
 */
static bool
inode_forget(struct fuse_queue *queue, uint64_t nodeid, uint64_t count)
{
	uint64_t handle;

	if (nodeid == FUSE_ROOT_ID || count == 0 ||
	    fuse_handle(nodeid, &handle) != 0)
		return true;
	return fuse_forget_add(queue, handle, count);
}

int
fuse_op_forget(struct fuse_request *request)
{
	if (!inode_forget(request->queue, request->in.nodeid,
	    request->args.forget.nlookup))
		return -EAGAIN;
	fuse_reply_none(request);
	return 0;
}

/*
 * Takes as many as there is room for; when it is run again, it goes on from
 * there.
 */
int
fuse_op_batch_forget(struct fuse_request *request)
{
	const struct virtqueue_chain *chain = &request->chain;
	uint32_t i = request->progress;
	uint32_t count = request->args.batch_forget.count;
	struct fuse_forget_one one;
	struct iov_cursor cursor;

	iov_init(&cursor, chain->iov, chain->nout, chain->out_len);
	if (!iov_skip(&cursor, request->data_at + i * sizeof(one)))
		count = 0;
	for (; i < count && iov_read(&cursor, &one, sizeof(one)); i++) {
		if (!inode_forget(request->queue, one.nodeid, one.nlookup)) {
			request->progress = i;
			return -EAGAIN;
		}
	}
	fuse_reply_none(request);
	return 0;
}

/* A target that was cut would be another's. */
static void
inode_finish_readlink(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct fuse_request *request = arg;

	if (fuse_reply_failed(request, reply, fd))
		return;
	if (reply->data_len > fuse_reply_room(request))
		fuse_reply_error(request, -ENAMETOOLONG);
	else
		fuse_reply(request, data, reply->data_len);
}

int
fuse_op_readlink(struct fuse_request *request)
{
	const struct monitor_where where = fuse_where(request);

	return monitor_readlink(request->queue->monitor, &where,
	    inode_finish_readlink, request);
}

int
fuse_op_symlink(struct fuse_request *request)
{
	const struct fuse_string *target = &request->string[1];
	const struct monitor_where where = fuse_entry(request,
	    request->handle, 0);

	return monitor_symlink(request->queue->monitor, &where,
	    fuse_owner(request), target->bytes, target->len, fuse_reply_entry,
	    request);
}

/* The kernel's 32 bits of a device number (see fuse_reply.c). */
static uint64_t
inode_device(uint32_t rdev)
{
	return makedev(rdev >> 8 & 0xfff,
	    (rdev & 0xff) | (rdev >> 12 & 0xfff00));
}

int
fuse_op_mknod(struct fuse_request *request)
{
	const struct fuse_mknod_in *in = &request->args.mknod;
	const struct monitor_where where = fuse_entry(request,
	    request->handle, 0);
	struct monitor_mknod_request mknod = {
		.mode = in->mode & (S_IFMT | FUSE_PERMISSIONS),
		.owner = fuse_owner(request),
		.member = request->member,
	};

	switch (in->mode & S_IFMT) {
	case 0:				/* mknod(2): the same as S_IFREG */
		mknod.mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFCHR:
	case S_IFBLK:
		mknod.rdev = inode_device(in->rdev);
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	return monitor_mknod(request->queue->monitor, &where, &mknod,
	    fuse_reply_entry, request);
}

int
fuse_op_mkdir(struct fuse_request *request)
{
	const struct monitor_where where = fuse_entry(request,
	    request->handle, 0);
	const struct monitor_mkdir_request mkdir = {
		.mode = request->args.mkdir.mode & FUSE_PERMISSIONS,
		.owner = fuse_owner(request),
	};

	return monitor_mkdir(request->queue->monitor, &where, &mkdir,
	    fuse_reply_entry, request);
}

int
fuse_op_unlink(struct fuse_request *request)
{
	const struct monitor_where where = fuse_entry(request,
	    request->handle, 0);

	return monitor_unlink(request->queue->monitor, &where,
	    fuse_reply_status, request);
}

int
fuse_op_rmdir(struct fuse_request *request)
{
	const struct monitor_where where = fuse_entry(request,
	    request->handle, 0);

	return monitor_rmdir(request->queue->monitor, &where,
	    fuse_reply_status, request);
}

/* FUSE_RENAME has no flags: they are zero then. */
int
fuse_op_rename(struct fuse_request *request)
{
	const struct fuse_rename2_in *in = &request->args.rename;
	const struct monitor_where from = fuse_entry(request,
	    request->handle, 0);
	struct monitor_where to;
	uint64_t handle;
	int error;

	if ((in->flags & ~(uint32_t)INODE_RENAME_FLAGS) != 0)
		return -EINVAL;
	error = fuse_handle(in->newdir, &handle);
	if (error != 0)
		return error;
	to = fuse_entry(request, handle, 1);
	return monitor_rename(request->queue->monitor, &from, &to, in->flags,
	    fuse_reply_status, request);
}

int
fuse_op_link(struct fuse_request *request)
{
	const struct monitor_where to = fuse_entry(request, request->handle,
	    0);
	struct monitor_where from = { 0 };
	int error;

	error = fuse_handle(request->args.link.oldnodeid, &from.handle);
	if (error != 0)
		return error;
	return monitor_link(request->queue->monitor, &from, &to,
	    fuse_reply_entry, request);
}
