/*
 * SPDX-License-Identifier: ISC
 *
 * FUSE operations on regular files but for reading and writing: the monitor
 * opens and creates them, all else is done on the data fd here, in an I/O
 * thread where it may take its time.  Arguments are hostile.  Runs sandboxed.
 */
#include "config.h"

#include "worker/fuse_file.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include "common/fs_local.h"
#include "worker/fuse_ops.h"
#include "worker/fuse_reply.h"

/* fallocate(2): all that it knows. */
#define FILE_FALLOCATE_MODES						\
	(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE |			\
	    FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_ZERO_RANGE |		\
	    FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE)

/* What one copy_file_range(2) copies at most, and a 32 bit reply can say. */
#define FILE_COPY_MAX		0x7ffff000

/* struct file's `place`. */
enum file_place {
	FILE_UNKNOWN,
	FILE_LOCAL,
	FILE_ELSEWHERE
};

bool
fuse_file_local(struct file *file)
{
	uint32_t place = atomic_load_explicit(&file->place,
	    memory_order_relaxed);

	if (place != FILE_UNKNOWN)
		return place == FILE_LOCAL;
	place = fs_local(file->fd) ? FILE_LOCAL : FILE_ELSEWHERE;
	atomic_store_explicit(&file->place, place, memory_order_relaxed);
	return place == FILE_LOCAL;
}

/*
 * Opening.
 */

/* FOPEN_* of a file that was opened with `flags` of open(2). */
static uint32_t
file_open_flags(const struct fuse_session *session, int flags)
{
	uint32_t open_flags = 0;

	switch (session->config->cache) {
	case WORKER_CACHE_NONE:
	case WORKER_CACHE_METADATA:
		open_flags = FOPEN_DIRECT_IO;
		break;
	case WORKER_CACHE_ALWAYS:
		open_flags = FOPEN_KEEP_CACHE;
		break;
	default:
		break;
	}
	/* Nothing is written through it, so closing it flushes nothing. */
	if ((flags & O_ACCMODE) == O_RDONLY)
		open_flags |= FOPEN_NOFLUSH;
	return open_flags;
}

/*
 * Returns the flags that the monitor is to open a file with, of those that it
 * knows, or -EINVAL.
 */
static int
file_host_flags(const struct fuse_session *session, uint32_t wire,
    uint32_t known)
{
	int flags = (int)(wire & known & ~(uint32_t)O_NOATIME);

	if ((wire & O_ACCMODE) == O_ACCMODE || (wire & O_PATH) != 0)
		return -EINVAL;
	if (!session->config->allow_direct_io)
		flags &= ~O_DIRECT;
	/*
	 * fuse_io.c appends by RWF_APPEND, see there.  O_TRUNC is for whoever
	 * sends it: Linux does not without FUSE_ATOMIC_O_TRUNC, but others do,
	 * and nobody would truncate for them.
	 */
	flags &= ~O_APPEND;
	/* To write a page back, the guest may have to read it first. */
	if ((session->flags & FUSE_WRITEBACK_CACHE) != 0 &&
	    (flags & O_ACCMODE) == O_WRONLY)
		flags = (flags & ~O_ACCMODE) | O_RDWR;
	return flags;
}

/*
 * Makes a data fd the guest's.  Takes it, and the place that was reserved.
 * Returns 0 and its fh, or -errno.
 */
static int
file_take(struct fuse_request *request, uint64_t nodeid, int fd, int flags,
    struct fuse_open_out *out)
{
	struct fuse_session *session = request->queue->session;

	*out = (struct fuse_open_out){
	    .open_flags = file_open_flags(session, flags) };
	if (fd != -1)
		return file_add(&session->files, nodeid, fd, flags, &out->fh);
	file_unreserve(&session->files);
	return -EIO;
}

static void
file_finish_open(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct fuse_request *request = arg;
	int flags = (int)request->result, error = reply->error;
	struct fuse_open_out out;

	(void)data;
	if (error == 0) {
		error = file_take(request, request->in.nodeid, fd, flags, &out);
	} else {
		file_unreserve(&request->queue->session->files);
		if (fd != -1)
			close(fd);
	}
	if (error == 0) {
		fuse_reply(request, &out, sizeof(out));
		return;
	}
	/* Append-only files can be opened in no other way (chattr(1), +a). */
	if (error == -EPERM && request->progress == 0 &&
	    (request->args.open.flags & O_APPEND) != 0) {
		request->progress = O_APPEND;
		fuse_again(request);
		return;
	}
	fuse_reply_error(request, error);
}

/* Runs a second time with O_APPEND as its progress. */
int
fuse_op_open(struct fuse_request *request)
{
	struct fuse_session *session = request->queue->session;
	const struct monitor_where where = fuse_where(request);
	int error, flags;

	flags = file_host_flags(session, request->args.open.flags,
	    MONITOR_OPEN_FLAGS);
	if (flags < 0)
		return flags;
	if (session->config->readonly &&
	    ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0))
		return -EROFS;
	/*
	 * Nothing else than what was put there above: the guest may have made
	 * an OPEN of another request that waited.
	 */
	if (request->progress == O_APPEND)
		flags |= O_APPEND;
	request->result = flags;
	error = file_reserve(&session->files);
	if (error != 0)
		return error;
	error = monitor_open(request->queue->monitor, &where, (uint32_t)flags,
	    file_finish_open, request);
	if (error != 0)
		file_unreserve(&session->files);
	return error;
}

static void
file_finish_create(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct fuse_request *request = arg;
	struct {
		struct fuse_entry_out	entry;
		struct fuse_open_out	open;
	} out;
	int error;

	(void)data;
	if (reply->error != 0) {
		file_unreserve(&request->queue->session->files);
		fuse_reply_failed(request, reply, fd);
		return;
	}
	fuse_reply_fill_entry(request, &out.entry, reply->handle,
	    &reply->u.attr);
	error = file_take(request, out.entry.nodeid, fd, (int)request->result,
	    &out.open);
	if (error == 0) {
		fuse_reply(request, &out, sizeof(out));
		return;
	}
	fuse_forget_add(request->queue, reply->handle, 1);
	fuse_reply_error(request, error);
}

/* CREATE and TMPFILE. */
static int
file_create(struct fuse_request *request, const struct monitor_where *where,
    int (*ask)(struct monitor_client *, const struct monitor_where *,
    const struct monitor_create_request *, monitor_done *, void *))
{
	struct fuse_session *session = request->queue->session;
	const struct fuse_create_in *in = &request->args.create;
	struct monitor_create_request create = {
		.mode = in->mode & FUSE_PERMISSIONS,
		.owner = fuse_owner(request),
		.member = request->member,
	};
	int error, flags;

	flags = file_host_flags(session, in->flags, MONITOR_CREATE_FLAGS);
	if (flags < 0)
		return flags;
	create.flags = (uint32_t)flags;
	request->result = flags;
	error = file_reserve(&session->files);
	if (error != 0)
		return error;
	error = ask(request->queue->monitor, where, &create,
	    file_finish_create, request);
	if (error != 0)
		file_unreserve(&session->files);
	return error;
}

int
fuse_op_create(struct fuse_request *request)
{
	const struct monitor_where where = fuse_entry(request,
	    request->handle, 0);

	return file_create(request, &where, monitor_create);
}

int
fuse_op_tmpfile(struct fuse_request *request)
{
	const struct monitor_where where = fuse_where(request);

	return file_create(request, &where, monitor_tmpfile);
}

/*
 * Closing.
 */

/* Of jobs that have nothing but an errno to say. */
static void
file_done_status(struct io_job *job)
{
	struct fuse_request *request = fuse_job_request(job);

	if (request->result < 0)
		fuse_reply_error(request, (int)request->result);
	else
		fuse_reply(request, NULL, 0);
}

/* The last reference, if no read or write is in progress. */
static void
file_run_put(struct io_job *job)
{
	struct fuse_request *request = fuse_job_request(job);

	file_put(request->file);
	request->file = NULL;
	request->result = 0;
}

/*
 * Returns whether closing a file may take its time.  The last close of one that
 * has no name any more gives all its blocks back.  Those are nearly always
 * temporary files, whose user writes to them: a file that was opened for
 * reading alone is not looked at.
 */
static bool
file_closes_slowly(const struct file *file)
{
	struct stat st;

	/* Its FLUSH, if it had one, has found out. */
	if (atomic_load_explicit(&file->place, memory_order_relaxed) ==
	    FILE_ELSEWHERE)
		return true;
	/* fstat(2) itself: the C library's makes it a call that takes a path. */
	return (file->flags & O_ACCMODE) != O_RDONLY &&
	    syscall(SYS_fstat, file->fd, &st) == 0 && st.st_nlink == 0;
}

int
fuse_op_release(struct fuse_request *request)
{
	int error;

	error = file_remove(&request->queue->session->files, request->args.fh,
	    request->in.nodeid);
	if (error != 0)
		return error;
	if (file_closes_slowly(request->file))
		fuse_job_start(request, file_run_put, file_done_status);
	else
		fuse_reply(request, NULL, 0);
	return 0;
}

/* Closing a duplicate is the one way to flush without closing the file. */
static void
file_run_flush(struct io_job *job)
{
	struct fuse_request *request = fuse_job_request(job);
	int fd;

	fd = fcntl(request->file->fd, F_DUPFD_CLOEXEC, 0);
	request->result = fd != -1 && close(fd) == 0 ? 0 : -errno;
}

int
fuse_op_flush(struct fuse_request *request)
{
	struct file *file = request->file;

	if ((file->flags & O_ACCMODE) == O_RDONLY || fuse_file_local(file))
		fuse_reply(request, NULL, 0);
	else
		fuse_job_start(request, file_run_flush, file_done_status);
	return 0;
}

/*
 * What may wait for the disk.
 */

static void
file_run_fsync(struct io_job *job)
{
	struct fuse_request *request = fuse_job_request(job);
	int fd = request->file->fd, n;

	if ((request->args.fsync.fsync_flags & FUSE_FSYNC_FDATASYNC) != 0)
		n = fdatasync(fd);
	else
		n = fsync(fd);
	request->result = n == 0 ? 0 : -errno;
}

int
fuse_op_fsync(struct fuse_request *request)
{
	fuse_job_start(request, file_run_fsync, file_done_status);
	return 0;
}

static void
file_run_fallocate(struct io_job *job)
{
	struct fuse_request *request = fuse_job_request(job);
	const struct fuse_fallocate_in *in = &request->args.fallocate;

	request->result = fallocate(request->file->fd, (int)in->mode,
	    (off_t)in->offset, (off_t)in->length) == 0 ? 0 : -errno;
}

int
fuse_op_fallocate(struct fuse_request *request)
{
	const struct fuse_fallocate_in *in = &request->args.fallocate;

	/* In this order by fallocate(2); modes are the filter's limit, too. */
	if (in->offset > INT64_MAX || in->length - 1 >= INT64_MAX)
		return -EINVAL;
	if ((in->mode & ~(uint32_t)FILE_FALLOCATE_MODES) != 0)
		return -EOPNOTSUPP;
	fuse_job_start(request, file_run_fallocate, file_done_status);
	return 0;
}

/* The descriptor's own offset means nothing: all others give theirs. */
static void
file_run_lseek(struct io_job *job)
{
	struct fuse_request *request = fuse_job_request(job);
	const struct fuse_lseek_in *in = &request->args.lseek;

	request->result = lseek(request->file->fd, (off_t)in->offset,
	    (int)in->whence);
	if (request->result < 0)
		request->result = -errno;
}

static void
file_done_lseek(struct io_job *job)
{
	struct fuse_request *request = fuse_job_request(job);
	const struct fuse_lseek_out out = {
	    .offset = (uint64_t)request->result };

	if (request->result < 0)
		fuse_reply_error(request, (int)request->result);
	else
		fuse_reply(request, &out, sizeof(out));
}

int
fuse_op_lseek(struct fuse_request *request)
{
	const struct fuse_lseek_in *in = &request->args.lseek;

	switch (in->whence) {
	case SEEK_SET:
	case SEEK_END:		/* of these two Linux knows by itself */
	case SEEK_DATA:
	case SEEK_HOLE:
		break;
	default:
		return -EINVAL;
	}
	fuse_job_start(request, file_run_lseek, file_done_lseek);
	return 0;
}

/* What is so long that it would wrap around is for the kernel to refuse. */
static size_t
file_copy_len(const struct fuse_copy_file_range_in *in)
{
	if (in->len <= FILE_COPY_MAX || in->off_in + in->len < in->off_in ||
	    in->off_out + in->len < in->off_out)
		return in->len;
	return FILE_COPY_MAX;
}

static void
file_run_copy(struct io_job *job)
{
	struct fuse_request *request = fuse_job_request(job);
	const struct fuse_copy_file_range_in *in = &request->args.copy;
	off_t from = (off_t)in->off_in, to = (off_t)in->off_out;
	size_t len = file_copy_len(in);

	request->result = copy_file_range(request->file->fd, &from,
	    request->file_out->fd, &to, len, 0);
	if (request->result < 0)
		request->result = -errno;
}

static void
file_done_copy(struct io_job *job)
{
	struct fuse_request *request = fuse_job_request(job);
	const struct fuse_write_out out = {
	    .size = (uint32_t)request->result };

	if (request->result < 0)
		fuse_reply_error(request, (int)request->result);
	else
		fuse_reply(request, &out, sizeof(out));
}

int
fuse_op_copy_file_range(struct fuse_request *request)
{
	const struct fuse_copy_file_range_in *in = &request->args.copy;

	request->file_out = file_get(&request->queue->session->files,
	    in->fh_out, in->nodeid_out);
	if (request->file_out == NULL)
		return -EBADF;
	if (in->flags != 0)
		return -EINVAL;
	fuse_job_start(request, file_run_copy, file_done_copy);
	return 0;
}
