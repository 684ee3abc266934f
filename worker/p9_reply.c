/*
 * SPDX-License-Identifier: ISC
 *
 * Encoding replies.  Runs sandboxed.  QEMU aborts, or writes past its buffers,
 * on a reply of a wrong size: each function makes exactly one size.
 */
#include "config.h"

#include "worker/p9_reply.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "worker/writer.h"

/* QEMU divides by the block size (hw/9pfs/9p.c, v9fs_fill_statfs()). */
#define P9_BSIZE_UNKNOWN	4096

void
p9_reply_init(struct p9_reply *reply)
{
	reply->len = 0;
	reply->fd = -1;
}

void
p9_reply_clear(struct p9_reply *reply)
{
	if (reply->fd != -1)
		close(reply->fd);
	p9_reply_init(reply);
}

bool
p9_reply_made(const struct p9_reply *reply)
{
	return reply->len > 0;
}

static void
reply_begin(struct p9_reply *reply, struct writer *writer)
{
	assert(reply->len == 0);
	writer_init(writer, reply->bytes, sizeof(reply->bytes));
}

static void
reply_header(struct p9_reply *reply, struct writer *writer, enum p9_type type,
    size_t size)
{
	reply_begin(reply, writer);
	writer_u32(writer, type);
	writer_u32(writer, (uint32_t)size);
}

static void
reply_end(struct p9_reply *reply, const struct writer *writer)
{
	ssize_t len = writer_end(writer);

	assert(len > 0);
	reply->len = (size_t)len;
}

void
p9_reply_error(struct p9_reply *reply, enum p9_form form, int error)
{
	struct writer writer;

	if (error >= 0 || error < -P9_ERRNO_MAX)
		error = -EIO;
	if (form == P9_FORM_DESCRIPTOR)
		reply_begin(reply, &writer);
	else
		reply_header(reply, &writer, P9_T_ERROR, sizeof(uint32_t));
	writer_u32(&writer, (uint32_t)error);
	reply_end(reply, &writer);
}

void
p9_reply_status(struct p9_reply *reply, uint32_t value)
{
	struct writer writer;

	reply_header(reply, &writer, P9_T_SUCCESS, sizeof(uint32_t));
	writer_u32(&writer, value);
	reply_end(reply, &writer);
}

static void
write_time(struct writer *writer, const struct monitor_time *time)
{
	writer_u64(writer, (uint64_t)time->sec);
	writer_u64(writer, time->nsec);
}

void
p9_reply_stat(struct p9_reply *reply, const struct monitor_attr *attr)
{
	struct writer writer;

	reply_header(reply, &writer, P9_T_SUCCESS, P9_STAT_SIZE);
	writer_u64(&writer, attr->dev);
	writer_u64(&writer, attr->ino);
	writer_u64(&writer, attr->nlink);
	writer_u32(&writer, attr->mode);
	writer_u32(&writer, attr->uid);
	writer_u32(&writer, attr->gid);
	writer_u64(&writer, attr->rdev);
	writer_u64(&writer, attr->size);
	writer_u64(&writer, attr->blksize);
	writer_u64(&writer, attr->blocks);
	write_time(&writer, &attr->atime);
	write_time(&writer, &attr->mtime);
	write_time(&writer, &attr->ctime);
	reply_end(reply, &writer);
}

static uint64_t
block_size(const struct monitor_statfs *statfs)
{
	if (statfs->bsize != 0)
		return statfs->bsize;
	return statfs->frsize != 0 ? statfs->frsize : P9_BSIZE_UNKNOWN;
}

void
p9_reply_statfs(struct p9_reply *reply, const struct monitor_statfs *statfs)
{
	struct writer writer;

	reply_header(reply, &writer, P9_T_SUCCESS, P9_STATFS_SIZE);
	writer_u64(&writer, statfs->type);
	writer_u64(&writer, block_size(statfs));
	writer_u64(&writer, statfs->blocks);
	writer_u64(&writer, statfs->bfree);
	writer_u64(&writer, statfs->bavail);
	writer_u64(&writer, statfs->files);
	writer_u64(&writer, statfs->ffree);
	writer_u64(&writer, statfs->fsid[0]);
	/*
	 * QEMU takes the upper half of this one for fsid[1], where its helper
	 * takes the lower half (hw/9pfs/9p-proxy.c, prstatfs_to_statfs()).
	 */
	writer_u64(&writer, (uint64_t)statfs->fsid[1] << 32 | statfs->fsid[1]);
	writer_u64(&writer, statfs->namelen);
	writer_u64(&writer, statfs->frsize);
	reply_end(reply, &writer);
}

void
p9_reply_generation(struct p9_reply *reply, uint32_t generation)
{
	struct writer writer;

	reply_header(reply, &writer, P9_T_SUCCESS, P9_GETVERSION_SIZE);
	writer_u64(&writer, generation);
	reply_end(reply, &writer);
}

void
p9_reply_string(struct p9_reply *reply, const uint8_t *bytes, size_t len)
{
	struct writer writer;

	assert(len <= P9_STRING_MAX);
	reply_header(reply, &writer, P9_T_SUCCESS, sizeof(uint16_t) + len);
	writer_u16(&writer, (uint16_t)len);
	writer_bytes(&writer, bytes, len);
	reply_end(reply, &writer);
}

void
p9_reply_descriptor(struct p9_reply *reply, int fd)
{
	struct writer writer;

	reply_begin(reply, &writer);
	writer_u32(&writer, P9_FD_VALID);
	reply->fd = fd;
	reply_end(reply, &writer);
}
