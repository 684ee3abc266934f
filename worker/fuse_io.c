/*
 * SPDX-License-Identifier: ISC
 *
 * FUSE_READ and FUSE_WRITE: the kernel copies between the data fd and the
 * guest's memory, nothing is copied here.  What would block goes to an I/O
 * thread, so that a slow file does not hold up its queue.  Arguments and layout
 * are hostile.  Runs sandboxed.
 */
#include "config.h"

#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "worker/fuse_ops.h"
#include "worker/fuse_reply.h"

/*
 * RWF_NOWAIT is not known everywhere (tmpfs, ext4's buffered writes).  There,
 * what took longer than this has blocked, and so many of the file's next go to
 * a thread.  It is more than a tick of most kernels, so that the coarse clock
 * can measure it: the other takes a tenth of the time of a read of 4 KiB.
 */
#define IO_BLOCKED_NS	5000000
#define IO_BLOCKED_NEXT	64

/* struct file's `waits`: where RWF_NOWAIT was refused. */
#define IO_WAITS_READ	1U
#define IO_WAITS_WRITE	2U

/* One system call for what is left, or for as many elements as it takes. */
static ssize_t
io_call(struct fuse_request *request, int rwf)
{
	const struct virtqueue_chain *chain = &request->chain;
	const struct fuse_io *io = &request->io;
	off_t offset = (off_t)(io->offset + io->done);
	struct iov_piece piece;
	ssize_t n;

	iov_piece_cut(&piece, io->write ? chain->iov : chain->iov + chain->nout,
	    io->write ? chain->nout : chain->nin, io->skip + io->done,
	    io->size - io->done);
	if (io->write)
		n = pwritev2(request->file->fd, piece.iov, piece.n, offset,
		    io->rwf | rwf);
	else
		n = preadv2(request->file->fd, piece.iov, piece.n, offset,
		    io->rwf | rwf);
	if (n == -1)
		n = -errno;
	iov_piece_mend(&piece);
	return n;
}

/*
 * Goes on until all is done, the file ends, or it fails.  Returns 0, with what
 * to reply in request->result; or, with `rwf` RWF_NOWAIT, -EAGAIN if it would
 * block, -EOPNOTSUPP if nobody can tell.
 */
static int
io_run(struct fuse_request *request, int rwf)
{
	struct fuse_io *io = &request->io;
	ssize_t n = 0;

	while (io->done < io->size) {
		n = io_call(request, rwf);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		io->done += (size_t)n;
	}
	if (rwf != 0 && (n == -EAGAIN || n == -EOPNOTSUPP))
		return (int)n;
	/* What was done counts; the error comes again with the next. */
	request->result = io->done > 0 || n >= 0 ? (int64_t)io->done : n;
	return 0;
}

static void
io_reply(struct fuse_request *request)
{
	const struct fuse_write_out out = {
	    .size = (uint32_t)request->result };

	if (request->result < 0)
		fuse_reply_error(request, (int)request->result);
	else if (request->io.write)
		fuse_reply(request, &out, sizeof(out));
	else
		fuse_reply(request, NULL, (size_t)request->result);
}

static void
io_run_job(struct io_job *job)
{
	io_run(fuse_job_request(job), 0);
}

static void
io_done_job(struct io_job *job)
{
	io_reply(fuse_job_request(job));
}

static uint64_t
io_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/*
 * Returns whether RWF_NOWAIT is not enough: direct I/O waits for the device all
 * the same, and so does a write that has to be there when it returns.
 */
static bool
io_waits_for_device(const struct fuse_request *request)
{
	int flags = request->file->flags;

	return (flags & O_DIRECT) != 0 ||
	    (request->io.rwf & (RWF_DSYNC | RWF_SYNC)) != 0 ||
	    (request->io.write && (flags & (O_DSYNC | O_SYNC)) != 0);
}

/* Returns whether the file has blocked lately; counts it down. */
static bool
io_blocked(struct file *file)
{
	uint32_t blocked;

	/* Two threads may take the same one: it is an estimate. */
	blocked = atomic_load_explicit(&file->blocked, memory_order_relaxed);
	if (blocked == 0)
		return false;
	atomic_store_explicit(&file->blocked, blocked - 1,
	    memory_order_relaxed);
	return true;
}

/* Blocks if it has to, but then not again soon. */
static void
io_run_timed(struct fuse_request *request)
{
	uint64_t start = io_now();

	io_run(request, 0);
	if (io_now() - start > IO_BLOCKED_NS)
		atomic_store_explicit(&request->file->blocked,
		    IO_BLOCKED_NEXT, memory_order_relaxed);
}

/* Tries without waiting.  Returns whether it is done. */
static bool
io_try(struct fuse_request *request)
{
	uint32_t bit = request->io.write ? IO_WAITS_WRITE : IO_WAITS_READ;
	struct file *file = request->file;
	int error;

	if (io_waits_for_device(request))
		return false;
	if ((atomic_load_explicit(&file->waits, memory_order_relaxed) &
	    bit) == 0) {
		error = io_run(request, RWF_NOWAIT);
		if (error != -EOPNOTSUPP)
			return error == 0;
		atomic_fetch_or_explicit(&file->waits, bit,
		    memory_order_relaxed);
	}
	if (io_blocked(file))
		return false;
	io_run_timed(request);
	return true;
}

static int
io_start(struct fuse_request *request)
{
	if (io_try(request))
		io_reply(request);
	else
		fuse_job_start(request, io_run_job, io_done_job);
	return 0;
}

int
fuse_op_read(struct fuse_request *request)
{
	const struct fuse_read_in *in = &request->args.read;
	size_t room = fuse_reply_room(request);

	if (in->offset > INT64_MAX)
		return -EINVAL;
	request->io = (struct fuse_io){
		.skip = sizeof(struct fuse_out_header),
		.size = in->size < room ? in->size : room,
		.offset = in->offset,
	};
	return io_start(request);
}

/*
 * O_APPEND is the request's, not the descriptor's: fcntl(2) may have changed it
 * since the file was opened, and pages of a mapping are written back through
 * any descriptor of the file, to where they belong.  With the guest's cache in
 * between (FUSE_WRITEBACK_CACHE), the guest alone knows where the end is.
 */
static int
io_append(const struct fuse_request *request)
{
	const struct fuse_write_in *in = &request->args.write;

	return (in->flags & O_APPEND) != 0 &&
	    (in->write_flags & FUSE_WRITE_CACHE) == 0 &&
	    (request->queue->session->flags & FUSE_WRITEBACK_CACHE) == 0 ?
	    RWF_APPEND : 0;
}

/*
 * A write is on the device when it is answered, if its own flags say so: Linux
 * sends no FSYNC after one that its cache was not part of, be it the file's
 * flag or the write's (pwritev2(2), RWF_DSYNC).  What a mapping or the cache
 * writes back has an FSYNC of its own; the flags are some descriptor's.
 */
static int
io_sync(const struct fuse_write_in *in)
{
	if ((in->write_flags & FUSE_WRITE_CACHE) != 0)
		return 0;
	/* O_SYNC is O_DSYNC and a bit of its own (open(2)). */
	if ((in->flags & O_SYNC) == O_SYNC)
		return RWF_SYNC;
	return (in->flags & O_DSYNC) != 0 ? RWF_DSYNC : 0;
}

int
fuse_op_write(struct fuse_request *request)
{
	const struct fuse_write_in *in = &request->args.write;

	if (in->size > request->data_len ||
	    in->size > request->queue->session->max_write ||
	    in->offset > INT64_MAX)
		return -EINVAL;
	request->io = (struct fuse_io){
		.skip = request->data_at,
		.size = in->size,
		.offset = in->offset,
		.write = true,
		.rwf = io_append(request) | io_sync(in),
	};
	return io_start(request);
}
