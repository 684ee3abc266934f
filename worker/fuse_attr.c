/*
 * SPDX-License-Identifier: ISC
 *
 * FUSE operations on attributes: each is one request to the monitor, or
 * fstat(2) on a data fd.  What the arguments say is hostile.  Runs sandboxed.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <unistd.h>

#include "worker/fuse_file.h"
#include "worker/fuse_ops.h"
#include "worker/fuse_reply.h"

#define ATTR_NSEC_MAX	999999999
#define ATTR_NO_ID	UINT32_MAX

#define ATTR_KNOWN							\
	(FATTR_MODE | FATTR_UID | FATTR_GID | FATTR_SIZE | FATTR_ATIME | \
	    FATTR_MTIME | FATTR_FH | FATTR_ATIME_NOW | FATTR_MTIME_NOW | \
	    FATTR_LOCKOWNER | FATTR_CTIME | FATTR_KILL_SUIDGID)

static void
attr_finish(void *arg, const struct monitor_reply *reply, const uint8_t *data,
    int fd)
{
	(void)data;
	if (!fuse_reply_failed(arg, reply, fd))
		fuse_reply_attr(arg, &reply->u.attr);
}

static int
attr_ask(struct fuse_request *request, monitor_done *done)
{
	const struct monitor_where where = fuse_where(request);

	return monitor_getattr(request->queue->monitor, &where, done, request);
}

static struct monitor_time
attr_time(const struct timespec *time)
{
	return (struct monitor_time){ .sec = time->tv_sec,
	    .nsec = (uint32_t)time->tv_nsec };
}

/* fstat(2) itself: the C library's makes it a call that takes a path. */
static void
attr_fstat_reply(struct fuse_request *request)
{
	struct monitor_attr attr = { 0 };
	struct stat st;

	if (syscall(SYS_fstat, request->file->fd, &st) == -1) {
		fuse_reply_error(request, -errno);
		return;
	}
	attr.ino = st.st_ino;
	attr.size = (uint64_t)st.st_size;
	attr.blocks = (uint64_t)st.st_blocks;
	attr.dev = st.st_dev;
	attr.rdev = st.st_rdev;
	attr.mode = st.st_mode;
	attr.nlink = (uint32_t)st.st_nlink;
	attr.uid = st.st_uid;
	attr.gid = st.st_gid;
	attr.blksize = (uint32_t)st.st_blksize;
	attr.atime = attr_time(&st.st_atim);
	attr.mtime = attr_time(&st.st_mtim);
	attr.ctime = attr_time(&st.st_ctim);
	fuse_reply_attr(request, &attr);
}

int
fuse_op_getattr(struct fuse_request *request)
{
	const struct fuse_getattr_in *in = &request->args.getattr;

	if ((in->getattr_flags & FUSE_GETATTR_FH) == 0)
		return attr_ask(request, attr_finish);
	request->file = file_get(&request->queue->session->files, in->fh,
	    request->in.nodeid);
	/* Of a directory's fh the monitor knows. */
	if (request->file == NULL || !fuse_file_local(request->file))
		return attr_ask(request, attr_finish);
	attr_fstat_reply(request);
	return 0;
}

/* Returns the MONITOR_SET_* of one of the two times. */
static uint32_t
attr_set_time(uint32_t given, uint32_t now, uint32_t set, uint32_t set_now)
{
	if (now != 0)
		return set_now;
	return given != 0 ? set : 0;
}

static uint32_t
attr_valid(uint32_t valid)
{
	uint32_t set = 0;

	if ((valid & FATTR_MODE) != 0)
		set |= MONITOR_SET_MODE;
	if ((valid & FATTR_UID) != 0)
		set |= MONITOR_SET_UID;
	if ((valid & FATTR_GID) != 0)
		set |= MONITOR_SET_GID;
	if ((valid & FATTR_SIZE) != 0)
		set |= MONITOR_SET_SIZE;
	set |= attr_set_time(valid & FATTR_ATIME, valid & FATTR_ATIME_NOW,
	    MONITOR_SET_ATIME, MONITOR_SET_ATIME_NOW);
	set |= attr_set_time(valid & FATTR_MTIME, valid & FATTR_MTIME_NOW,
	    MONITOR_SET_MTIME, MONITOR_SET_MTIME_NOW);
	/* Every other change is one of the ctime as well. */
	if (set == 0 && (valid & FATTR_CTIME) != 0)
		set = MONITOR_SET_CTIME;
	return set;
}

/* Only what is set counts, and only that goes to the monitor. */
static int
attr_fill(const struct fuse_setattr_in *in,
    struct monitor_setattr_request *set)
{
	set->valid = attr_valid(in->valid);
	if ((set->valid & MONITOR_SET_MODE) != 0)
		set->mode = in->mode & FUSE_PERMISSIONS;
	if ((set->valid & MONITOR_SET_UID) != 0)
		set->owner.uid = in->uid;
	if ((set->valid & MONITOR_SET_GID) != 0)
		set->owner.gid = in->gid;
	/* chown(2) takes -1 for none: nobody can be meant by it. */
	if (set->owner.uid == ATTR_NO_ID || set->owner.gid == ATTR_NO_ID)
		return -EINVAL;
	if ((set->valid & MONITOR_SET_SIZE) != 0) {
		if (in->size > INT64_MAX)
			return -EINVAL;
		set->size = (int64_t)in->size;
	}
	if ((set->valid & MONITOR_SET_ATIME) != 0)
		set->atime = (struct monitor_time){
		    .sec = (int64_t)in->atime, .nsec = in->atimensec };
	if ((set->valid & MONITOR_SET_MTIME) != 0)
		set->mtime = (struct monitor_time){
		    .sec = (int64_t)in->mtime, .nsec = in->mtimensec };
	return set->atime.nsec > ATTR_NSEC_MAX ||
	    set->mtime.nsec > ATTR_NSEC_MAX ? -EINVAL : 0;
}

/* A request may name an open file as well: it has to be one of the node's. */
static int
attr_check_file(const struct fuse_request *request)
{
	const struct fuse_setattr_in *in = &request->args.setattr;
	struct file *file;
	bool writable;

	if ((in->valid & FATTR_FH) == 0)
		return 0;
	file = file_get(&request->queue->session->files, in->fh,
	    request->in.nodeid);
	if (file == NULL)
		return -EBADF;
	writable = (file->flags & O_ACCMODE) != O_RDONLY;
	file_put(file);
	/* As ftruncate(2) has it. */
	return writable || (in->valid & FATTR_SIZE) == 0 ? 0 : -EINVAL;
}

int
fuse_op_setattr(struct fuse_request *request)
{
	const struct fuse_setattr_in *in = &request->args.setattr;
	const struct monitor_where where = fuse_where(request);
	struct monitor_setattr_request set = { 0 };
	int error;

	if ((in->valid & ~(uint32_t)ATTR_KNOWN) != 0)
		return -EINVAL;
	error = attr_check_file(request);
	if (error == 0)
		error = attr_fill(in, &set);
	if (error != 0)
		return error;
	if (set.valid == 0)
		return attr_ask(request, attr_finish);
	return monitor_setattr(request->queue->monitor, &where, &set,
	    attr_finish, request);
}

static void
attr_finish_statx(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	(void)data;
	if (!fuse_reply_failed(arg, reply, fd))
		fuse_reply_statx(arg, &reply->u.attr);
}

/* Always the monitor: fstat(2) knows no btime, for which alone it is asked. */
int
fuse_op_statx(struct fuse_request *request)
{
	return attr_ask(request, attr_finish_statx);
}

/* As the kernel does it (inode(7)), but for groups that no request names. */
static bool
attr_may(const struct fuse_request *request, const struct monitor_attr *attr,
    uint32_t mask)
{
	uint32_t mode = attr->mode;

	if (request->in.uid == 0)
		return (mask & X_OK) == 0 || S_ISDIR(mode) ||
		    (mode & 0111) != 0;
	if (request->in.uid == attr->uid)
		mode >>= 6;
	else if (request->in.gid == attr->gid)
		mode >>= 3;
	return (mask & ~mode) == 0;
}

static void
attr_finish_access(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct fuse_request *request = arg;

	(void)data;
	if (fuse_reply_failed(request, reply, fd))
		return;
	if (attr_may(request, &reply->u.attr, request->args.access.mask))
		fuse_reply(request, NULL, 0);
	else
		fuse_reply_error(request, -EACCES);
}

int
fuse_op_access(struct fuse_request *request)
{
	uint32_t mask = request->args.access.mask;

	if ((mask & ~(uint32_t)(R_OK | W_OK | X_OK)) != 0)
		return -EINVAL;
	if ((mask & W_OK) != 0 && request->queue->session->config->readonly)
		return -EROFS;
	return attr_ask(request, attr_finish_access);
}

static void
attr_finish_statfs(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	const struct monitor_statfs *st = &reply->u.statfs;
	struct fuse_statfs_out out = {
		.st = {
			.blocks = st->blocks,
			.bfree = st->bfree,
			.bavail = st->bavail,
			.files = st->files,
			.ffree = st->ffree,
			.bsize = (uint32_t)st->bsize,
			.namelen = (uint32_t)st->namelen,
			.frsize = (uint32_t)st->frsize,
		},
	};

	(void)data;
	if (!fuse_reply_failed(arg, reply, fd))
		fuse_reply(arg, &out, sizeof(out));
}

int
fuse_op_statfs(struct fuse_request *request)
{
	const struct monitor_where where = fuse_where(request);

	return monitor_statfs(request->queue->monitor, &where,
	    attr_finish_statfs, request);
}

int
fuse_op_syncfs(struct fuse_request *request)
{
	const struct monitor_where where = fuse_where(request);

	return monitor_syncfs(request->queue->monitor, &where,
	    fuse_reply_status, request);
}
