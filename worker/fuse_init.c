/*
 * SPDX-License-Identifier: ISC
 *
 * FUSE_INIT and FUSE_DESTROY: a session begins and ends.  A guest that starts
 * anew says INIT again, and finds nothing of what it had.  Arguments are
 * hostile.  Runs sandboxed.
 */
#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "worker/fuse_ops.h"
#include "worker/fuse_reply.h"

/* What a guest sends and reads in one request, in pages of its own. */
#define INIT_PAGES		256
#define INIT_PAGES_OLD		32	/* without FUSE_MAX_PAGES */
#define INIT_WRITE_MAX		(1U << 20)
#define INIT_WRITE_MAX_OLD	(INIT_PAGES_OLD * 4096U)

/*
 * Linux keeps as many reads ahead and asynchronous requests in flight, 12 if it
 * is not told (fs/fuse/inode.c): far too few for a virtqueue.  It calls itself
 * congested beyond the second.
 */
#define INIT_BACKGROUND		UINT16_MAX
#define INIT_CONGESTION		(UINT16_MAX / 4 * 3)

/*
 * Taken wherever the guest offers them.  A write takes set-id bits away, since
 * this process has no CAP_FSETID (KILLPRIV); one that the guest's cache takes
 * has to be written through for that (_V2).
 */
#define INIT_FLAGS							\
	((uint64_t)(FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC |		\
	    FUSE_BIG_WRITES | FUSE_AUTO_INVAL_DATA | FUSE_ASYNC_DIO |	\
	    FUSE_PARALLEL_DIROPS | FUSE_HANDLE_KILLPRIV |		\
	    FUSE_HANDLE_KILLPRIV_V2 | FUSE_MAX_PAGES | FUSE_INIT_EXT |	\
	    FUSE_CREATE_SUPP_GROUP))

static uint64_t
init_flags(const struct worker_fuse_config *config, uint64_t offered)
{
	uint64_t flags = INIT_FLAGS;

	/* Without a cache, what is told in advance is told for nothing. */
	if (config->cache != WORKER_CACHE_NONE) {
		flags |= FUSE_CACHE_SYMLINKS;
		if (config->readdirplus)
			flags |= FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO;
	}
	/*
	 * Who has no READDIRPLUS_AUTO will have no other kind than PLUS: UEFI's
	 * driver does not mount without.
	 */
	if (config->readdirplus && (offered & FUSE_READDIRPLUS_AUTO) == 0)
		flags |= FUSE_DO_READDIRPLUS;
	/*
	 * The guest is then the only one to know sizes and times, and says so
	 * when it writes back: only where it may keep data at all.
	 */
	if (config->writeback && (config->cache == WORKER_CACHE_AUTO ||
	    config->cache == WORKER_CACHE_ALWAYS))
		flags |= FUSE_WRITEBACK_CACHE;
	if (config->announce_submounts)
		flags |= FUSE_SUBMOUNTS;
	return flags & offered;
}

static void
init_reply(struct fuse_request *request)
{
	const struct fuse_session *session = request->queue->session;
	const struct fuse_init_in *in = &request->args.init;
	uint64_t flags = session->flags;
	const struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = session->minor,
		.max_readahead = in->max_readahead,
		.flags = (uint32_t)flags,
		.flags2 = (uint32_t)(flags >> 32),
		.max_background = INIT_BACKGROUND,
		.congestion_threshold = INIT_CONGESTION,
		.max_write = session->max_write,
		.time_gran = 1,
		.max_pages = (flags & FUSE_MAX_PAGES) != 0 ? INIT_PAGES : 0,
	};

	fuse_reply(request, &out, sizeof(out));
}

static void
init_finish(void *arg, const struct monitor_reply *reply, const uint8_t *data,
    int fd)
{
	struct fuse_request *request = arg;
	struct fuse_session *session = request->queue->session;
	const struct fuse_init_in *in = &request->args.init;
	uint64_t flags, offered = in->flags;

	(void)data;
	if (fuse_reply_failed(request, reply, fd))
		return;
	file_table_clear(&session->files);
	if ((in->flags & FUSE_INIT_EXT) != 0)
		offered |= (uint64_t)in->flags2 << 32;
	flags = init_flags(session->config, offered);
	session->minor = in->minor < FUSE_MINOR ? in->minor : FUSE_MINOR;
	session->max_write = (flags & FUSE_MAX_PAGES) != 0 ? INIT_WRITE_MAX :
	    INIT_WRITE_MAX_OLD;
	session->flags = flags;
	session->initialised = true;
	log_debug("FUSE minor %u, flags 0x%llx of 0x%llx", session->minor,
	    (unsigned long long)flags, (unsigned long long)offered);
	init_reply(request);
}

int
fuse_op_init(struct fuse_request *request)
{
	const struct fuse_init_in *in = &request->args.init;
	const struct fuse_init_out other = { .major = FUSE_KERNEL_VERSION,
	    .minor = FUSE_MINOR };

	/* <linux/fuse.h>, "Version negotiation": it is to ask again. */
	if (in->major > FUSE_KERNEL_VERSION) {
		fuse_reply(request, &other, sizeof(other));
		return 0;
	}
	if (in->major < FUSE_KERNEL_VERSION ||
	    in->minor < FUSE_MINOR_OLDEST) {
		log_limited(&request->queue->malformed, LOG_LEVEL_WARN,
		    "the guest speaks FUSE %u.%u; %u.%u is the oldest that "
		    "can be served", in->major, in->minor,
		    FUSE_KERNEL_VERSION, FUSE_MINOR_OLDEST);
		return -EPROTO;
	}
	return monitor_reset(request->queue->monitor, init_finish, request);
}

/* Nothing of the monitor's is left of it. */
static void
session_over(struct fuse_session *session)
{
	session->initialised = false;
	file_table_clear(&session->files);
}

static void
destroy_finish(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct fuse_request *request = arg;

	if (reply->error == 0)
		session_over(request->queue->session);
	fuse_reply_status(request, reply, data, fd);
}

int
fuse_op_destroy(struct fuse_request *request)
{
	return monitor_reset(request->queue->monitor, destroy_finish, request);
}

static void
session_end_finish(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct fuse_queue *queue = arg;

	(void)data;
	if (fd != -1)
		close(fd);
	if (reply->error == 0)
		session_over(queue->session);
	queue->ended(queue->ended_arg, reply->error);
}

int
fuse_session_end(struct fuse_queue *queue, void (*done)(void *, int),
    void *arg)
{
	queue->ended = done;
	queue->ended_arg = arg;
	return monitor_reset(queue->monitor, session_end_finish, queue);
}
