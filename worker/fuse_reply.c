/*
 * SPDX-License-Identifier: ISC
 *
 * The only place that makes replies to FUSE requests.  What goes into them
 * comes from the monitor and the kernel; where they go was chosen by a hostile
 * guest.  Runs sandboxed.
 */
#include "config.h"

#include "worker/fuse_reply.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <linux/stat.h>
#include <string.h>
#include <unistd.h>

#include "worker/fuse_ops.h"

#define REPLY_NSEC	UINT64_C(1000000000)

/* The client takes none from here on (ERESTARTSYS is the kernel's own). */
#define REPLY_ERRNO_MAX	511

/* struct fuse_out_header's length has 32 bits. */
#define REPLY_ROOM_MAX	INT32_MAX

size_t
fuse_reply_room(const struct fuse_request *request)
{
	size_t room = request->chain.in_len - sizeof(struct fuse_out_header);

	return room < REPLY_ROOM_MAX ? room : REPLY_ROOM_MAX;
}

/* Where the device may write. */
static void
reply_begin(const struct fuse_request *request, struct iov_cursor *cursor)
{
	const struct virtqueue_chain *chain = &request->chain;

	iov_init(cursor, chain->iov + chain->nout, chain->nin, chain->in_len);
}

void
fuse_reply_cursor(const struct fuse_request *request,
    struct iov_cursor *cursor)
{
	reply_begin(request, cursor);
	iov_skip(cursor, sizeof(struct fuse_out_header));
}

/* The request is its queue's from here on. */
static void
reply_complete(struct fuse_request *request, size_t len)
{
	if (request->file != NULL)
		file_put(request->file);
	if (request->file_out != NULL)
		file_put(request->file_out);
	request->queue->complete(request, (uint32_t)len);
}

void
fuse_reply_none(struct fuse_request *request)
{
	reply_complete(request, 0);
}

static void
reply_send(struct fuse_request *request, int error, const void *payload,
    size_t len)
{
	struct fuse_out_header out = {
		.len = (uint32_t)(sizeof(out) + len),
		.error = error,
		.unique = request->in.unique,
	};
	struct iov_cursor cursor;

	reply_begin(request, &cursor);
	if (!iov_write(&cursor, &out, sizeof(out)) || len > cursor.left ||
	    (payload != NULL && !iov_write(&cursor, payload, len))) {
		log_limited(&request->queue->malformed, LOG_LEVEL_DEBUG,
		    "opcode %u: no room for a reply of %u bytes",
		    request->in.opcode, out.len);
		fuse_reply_none(request);
		return;
	}
	reply_complete(request, out.len);
}

void
fuse_reply_error(struct fuse_request *request, int error)
{
	if (error >= 0 || error < -REPLY_ERRNO_MAX)
		error = -EIO;
	reply_send(request, error, NULL, 0);
}

void
fuse_reply(struct fuse_request *request, const void *payload, size_t len)
{
	reply_send(request, 0, payload, len);
}

/* Device numbers as the kernel packs them into 32 bits, since Linux 2.6. */
static uint32_t
reply_device(uint64_t dev)
{
	uint32_t low = minor(dev);

	return (low & 0xff) | (uint32_t)major(dev) << 8 | (low & ~0xffU) << 12;
}

static void
reply_fill_attr(const struct fuse_request *request, struct fuse_attr *out,
    uint64_t nodeid, const struct monitor_attr *attr)
{
	*out = (struct fuse_attr){
		.ino = attr->ino,
		.size = attr->size,
		.blocks = attr->blocks,
		.atime = (uint64_t)attr->atime.sec,
		.mtime = (uint64_t)attr->mtime.sec,
		.ctime = (uint64_t)attr->ctime.sec,
		.atimensec = attr->atime.nsec,
		.mtimensec = attr->mtime.nsec,
		.ctimensec = attr->ctime.nsec,
		.mode = attr->mode,
		.nlink = attr->nlink,
		.uid = attr->uid,
		.gid = attr->gid,
		.rdev = reply_device(attr->rdev),
		.blksize = attr->blksize,
	};
	if ((attr->attributes & STATX_ATTR_MOUNT_ROOT) != 0 &&
	    S_ISDIR(attr->mode) && nodeid != FUSE_ROOT_ID &&
	    (request->queue->session->flags & FUSE_SUBMOUNTS) != 0)
		out->flags = FUSE_ATTR_SUBMOUNT;
}

static uint64_t
reply_node(uint64_t handle)
{
	return handle == MONITOR_ROOT_HANDLE ? FUSE_ROOT_ID : handle;
}

void
fuse_reply_fill_entry(const struct fuse_request *request,
    struct fuse_entry_out *entry, uint64_t handle,
    const struct monitor_attr *attr)
{
	uint64_t timeout = request->queue->session->config->timeout_ns;

	entry->nodeid = reply_node(handle);
	entry->generation = 0;		/* a handle has its own in it */
	entry->entry_valid = entry->attr_valid = timeout / REPLY_NSEC;
	entry->entry_valid_nsec = entry->attr_valid_nsec =
	    (uint32_t)(timeout % REPLY_NSEC);
	reply_fill_attr(request, &entry->attr, entry->nodeid, attr);
}

void
fuse_reply_attr(struct fuse_request *request, const struct monitor_attr *attr)
{
	uint64_t timeout = request->queue->session->config->timeout_ns;
	struct fuse_attr_out out = {
		.attr_valid = timeout / REPLY_NSEC,
		.attr_valid_nsec = (uint32_t)(timeout % REPLY_NSEC),
	};

	reply_fill_attr(request, &out.attr, request->in.nodeid, attr);
	fuse_reply(request, &out, sizeof(out));
}

static struct fuse_sx_time
reply_time(const struct monitor_time *time)
{
	return (struct fuse_sx_time){ .tv_sec = time->sec,
	    .tv_nsec = time->nsec };
}

void
fuse_reply_statx(struct fuse_request *request,
    const struct monitor_attr *attr)
{
	uint64_t timeout = request->queue->session->config->timeout_ns;
	const struct fuse_statx_out out = {
		.attr_valid = timeout / REPLY_NSEC,
		.attr_valid_nsec = (uint32_t)(timeout % REPLY_NSEC),
		.stat = {
			.mask = attr->mask & (STATX_BASIC_STATS | STATX_BTIME),
			.blksize = attr->blksize,
			.attributes = attr->attributes,
			.attributes_mask = attr->attributes_mask,
			.nlink = attr->nlink,
			.uid = attr->uid,
			.gid = attr->gid,
			.mode = (uint16_t)attr->mode,
			.ino = attr->ino,
			.size = attr->size,
			.blocks = attr->blocks,
			.atime = reply_time(&attr->atime),
			.btime = reply_time(&attr->btime),
			.ctime = reply_time(&attr->ctime),
			.mtime = reply_time(&attr->mtime),
			.rdev_major = major(attr->rdev),
			.rdev_minor = minor(attr->rdev),
			.dev_major = major(attr->dev),
			.dev_minor = minor(attr->dev),
		},
	};

	fuse_reply(request, &out, sizeof(out));
}

bool
fuse_reply_failed(struct fuse_request *request,
    const struct monitor_reply *reply, int fd)
{
	if (fd != -1)
		close(fd);
	if (reply->error == 0)
		return false;
	fuse_reply_error(request, reply->error);
	return true;
}

void
fuse_reply_status(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	(void)data;
	if (!fuse_reply_failed(arg, reply, fd))
		fuse_reply(arg, NULL, 0);
}

void
fuse_reply_entry(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct fuse_request *request = arg;
	struct fuse_entry_out entry;

	(void)data;
	if (fuse_reply_failed(request, reply, fd))
		return;
	fuse_reply_fill_entry(request, &entry, reply->handle, &reply->u.attr);
	fuse_reply(request, &entry, sizeof(entry));
}
