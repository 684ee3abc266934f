/*
 * SPDX-License-Identifier: ISC
 *
 * FUSE operations on open directories.  Their streams are the monitor's, and a
 * directory's fh is the number of its stream: a hostile one is refused there.
 * Runs sandboxed.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "worker/fuse_ops.h"
#include "worker/fuse_reply.h"

/* Both forms' entries are padded to it, and so are the monitor's. */
#define DIR_ALIGN(n)	(((n) + 7) / 8 * 8)

/* How long the guest may keep what it has read. */
static uint32_t
dir_open_flags(const struct worker_fuse_config *config)
{
	switch (config->cache) {
	case WORKER_CACHE_METADATA:
	case WORKER_CACHE_ALWAYS:
		return FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE;
	default:
		return 0;
	}
}

static void
dir_finish_open(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct fuse_request *request = arg;
	const struct fuse_open_out out = {
		.fh = reply->handle,
		.open_flags =
		    dir_open_flags(request->queue->session->config),
	};

	(void)data;
	if (!fuse_reply_failed(request, reply, fd))
		fuse_reply(request, &out, sizeof(out));
}

int
fuse_op_opendir(struct fuse_request *request)
{
	const struct monitor_where where = fuse_where(request);

	return monitor_opendir(request->queue->monitor, &where,
	    dir_finish_open, request);
}

/*
 * Finds the next entry of the monitor's answer, and passes it.  Returns false
 * at the end, or where the answer is not as it should be.
 */
static bool
dir_next(const uint8_t **data, uint32_t *left, bool plus,
    struct monitor_dirent *dirent, struct monitor_attr *attr,
    const uint8_t **name_out)
{
	size_t fixed = sizeof(*dirent) + (plus ? sizeof(*attr) : 0), len;

	if (*left < fixed)
		return false;
	memcpy(dirent, *data, sizeof(*dirent));
	if (dirent->name_len > MONITOR_NAME_MAX)
		return false;
	len = fixed + DIR_ALIGN(dirent->name_len);
	if (*left < len)
		return false;
	if (plus)
		memcpy(attr, *data + sizeof(*dirent), sizeof(*attr));
	*name_out = *data + fixed;
	*data += len;
	*left -= (uint32_t)len;
	return true;
}

/*
 * What precedes an entry's name in READDIRPLUS.  Node id 0 is one that was not
 * looked up, as "." and ".." are not: the client takes nothing but the name
 * then.
 */
static void
dir_fill_entry(const struct fuse_request *request, struct fuse_entry_out *out,
    const struct monitor_dirent *dirent, const struct monitor_attr *attr)
{
	if (dirent->handle != 0) {
		fuse_reply_fill_entry(request, out, dirent->handle, attr);
		return;
	}
	*out = (struct fuse_entry_out){ .attr = { .ino = dirent->ino,
	    .mode = dirent->type << 12 } };
}

/*
 * Writes the entries into the guest's buffer.  All fit, by what was asked for;
 * were one not to, its lookup is given back and the guest reads on from there.
 */
static void
dir_reply(struct fuse_request *request, const struct monitor_reply *reply,
    const uint8_t *data, bool plus)
{
	size_t room = fuse_reply_room(request), len = 0, size;
	uint32_t left = reply->data_len;
	struct monitor_dirent dirent;
	struct fuse_entry_out entry;
	struct monitor_attr attr;
	struct fuse_dirent fixed;
	struct iov_cursor cursor;
	const uint8_t *name;
	bool full = false;

	if (room > request->args.read.size)
		room = request->args.read.size;
	fuse_reply_cursor(request, &cursor);
	while (dir_next(&data, &left, plus, &dirent, &attr, &name)) {
		size = (plus ? FUSE_NAME_OFFSET_DIRENTPLUS :
		    FUSE_NAME_OFFSET) + DIR_ALIGN(dirent.name_len);
		full = full || size > room - len;
		if (full) {
			if (plus && dirent.handle != 0)
				fuse_forget_add(request->queue, dirent.handle,
				    1);
			continue;
		}
		if (plus) {
			dir_fill_entry(request, &entry, &dirent, &attr);
			iov_write(&cursor, &entry, sizeof(entry));
		}
		fixed = (struct fuse_dirent){ .ino = dirent.ino,
		    .off = dirent.offset, .namelen = dirent.name_len,
		    .type = dirent.type };
		iov_write(&cursor, &fixed, FUSE_NAME_OFFSET);
		iov_write(&cursor, name, DIR_ALIGN(dirent.name_len));
		len += size;
	}
	fuse_reply(request, NULL, len);
}

static void
dir_finish_readdir(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	if (!fuse_reply_failed(arg, reply, fd))
		dir_reply(arg, reply, data, false);
}

static void
dir_finish_readdirplus(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	if (!fuse_reply_failed(arg, reply, fd))
		dir_reply(arg, reply, data, true);
}

static int
dir_read(struct fuse_request *request, bool plus, monitor_done *done)
{
	const struct fuse_read_in *in = &request->args.read;
	const struct monitor_where where = fuse_where(request);
	size_t room = fuse_reply_room(request);
	const struct monitor_readdir_request readdir = {
		.stream = in->fh,
		.offset = in->offset,
		.size = in->size < room ? in->size : (uint32_t)room,
		.entry_size = plus ? FUSE_NAME_OFFSET_DIRENTPLUS :
		    FUSE_NAME_OFFSET,
	};

	return monitor_readdir(request->queue->monitor, &where, plus, &readdir,
	    done, request);
}

int
fuse_op_readdir(struct fuse_request *request)
{
	return dir_read(request, false, dir_finish_readdir);
}

int
fuse_op_readdirplus(struct fuse_request *request)
{
	return dir_read(request, true, dir_finish_readdirplus);
}

int
fuse_op_releasedir(struct fuse_request *request)
{
	const struct monitor_where where = fuse_where(request);

	return monitor_releasedir(request->queue->monitor, &where,
	    request->args.fh, fuse_reply_status, request);
}

int
fuse_op_fsyncdir(struct fuse_request *request)
{
	const struct fuse_fsync_in *in = &request->args.fsync;
	const struct monitor_where where = fuse_where(request);

	return monitor_fsyncdir(request->queue->monitor, &where, in->fh,
	    (in->fsync_flags & FUSE_FSYNC_FDATASYNC) != 0, fuse_reply_status,
	    request);
}
