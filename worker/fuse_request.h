/*
 * SPDX-License-Identifier: ISC
 *
 * FUSE requests: from a descriptor chain to its reply.  fuse_dispatch() starts
 * one; whoever ends it calls its queue's `complete`, once, in the queue's own
 * thread, with the bytes written to the chain.
 */
#ifndef WORKER_FUSE_REQUEST_H
#define WORKER_FUSE_REQUEST_H

#include <sys/uio.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/log.h"
#include "worker/file.h"
#include "worker/fuse_proto.h"
#include "worker/guest_memory.h"
#include "worker/io_pool.h"
#include "worker/monitor_client.h"
#include "worker/virtqueue.h"

struct fuse_operation;
struct fuse_request;

/* What all queues share. */
struct fuse_session {
	const struct worker_fuse_config	*config;
	struct file_table		 files;
	/*
	 * What INIT settled; written before `initialised`.  All threads may
	 * read it while a hostile guest says INIT again.
	 */
	_Atomic uint32_t		 minor;
	_Atomic uint32_t		 max_write;
	_Atomic uint64_t		 flags;		/* FUSE_* of INIT */
	_Atomic bool			 initialised;
};

#define FUSE_FORGETS	64	/* gathered until they are sent */

/* Of names, targets and short values: FUSE_NAME_MAX of Linux is 1024. */
#define FUSE_SCRATCH	8192

/* What the FUSE code knows of a queue.  Used by its thread alone; stays put. */
struct fuse_queue {
	struct fuse_session	*session;
	struct monitor_client	*monitor;
	struct io_port		*io;
	void			(*complete)(struct fuse_request *request,
				    uint32_t len);
	/* The FUSE code's own: */
	struct fuse_request	*waiting;	/* for a slot of the lane */
	struct fuse_request    **waiting_end;
	struct monitor_forget	 forgets[FUSE_FORGETS];	/* not sent yet */
	uint32_t		 nforgets;
	void			(*ended)(void *arg, int error);
	void			*ended_arg;	/* fuse_session_end()'s */
	struct log_limit	 malformed;
	/* The strings of the request that is being dispatched. */
	char			 scratch[FUSE_SCRATCH];
};

/* The fixed part of a request.  What is about a file begins with its fh. */
union fuse_args {
	uint64_t			 fh;
	struct fuse_forget_in		 forget;
	struct fuse_batch_forget_in	 batch_forget;
	struct fuse_getattr_in		 getattr;
	struct fuse_setattr_in		 setattr;
	struct fuse_mknod_in		 mknod;
	struct fuse_mkdir_in		 mkdir;
	struct fuse_rename2_in		 rename;	/* RENAME: its start */
	struct fuse_link_in		 link;
	struct fuse_open_in		 open;
	struct fuse_create_in		 create;
	struct fuse_release_in		 release;
	struct fuse_flush_in		 flush;
	struct fuse_read_in		 read;
	struct fuse_write_in		 write;
	struct fuse_fsync_in		 fsync;
	struct fuse_setxattr_in		 setxattr;	/* its start */
	struct fuse_getxattr_in		 getxattr;
	struct fuse_access_in		 access;
	struct fuse_init_in		 init;
	struct fuse_fallocate_in	 fallocate;
	struct fuse_lseek_in		 lseek;
	struct fuse_copy_file_range_in	 copy;
	struct fuse_syncfs_in		 syncfs;
	struct fuse_statx_in		 statx;
};

/* A string of a request, with a NUL after it, in its queue's scratch. */
struct fuse_string {
	const char	*bytes;
	size_t		 len;
};

/* A read or write in progress. */
struct fuse_io {
	size_t		 skip;		/* bytes of the chain before the data */
	size_t		 size;
	size_t		 done;
	uint64_t	 offset;	/* of the file, where the data begin */
	bool		 write;
	int		 rwf;		/* RWF_* of all its calls */
};

/*
 * One request.  Its queue makes it, with the chain and the memory that holds
 * it, and takes it back in complete().
 */
struct fuse_request {
	struct fuse_queue	*queue;
	struct fuse_request	*next;		/* the queue's or a list's */
	struct virtqueue_chain	 chain;
	struct guest_memory	*memory;	/* the queue's to release */
	/* The FUSE code's own from here on. */
	const struct fuse_operation *operation;
	struct fuse_in_header	 in;
	union fuse_args		 args;
	uint64_t		 handle;	/* of in.nodeid */
	struct fuse_string	 string[2];	/* valid in the handler alone */
	size_t			 data_at;	/* what follows, in the chain */
	size_t			 data_len;
	struct monitor_member	 member;	/* of what creates */
	uint32_t		 progress;	/* BATCH_FORGET: taken already;
						   OPEN: see there */
	struct file		*file;		/* held; NULL if none is */
	struct file		*file_out;	/* COPY_FILE_RANGE's other */
	struct fuse_io		 io;
	struct io_job		 job;
	int64_t			 result;	/* the job's, or -errno */
};

/* Returns 0 or -ENOMEM. */
int	fuse_session_init(struct fuse_session *session,
	    const struct worker_fuse_config *config);
void	fuse_session_destroy(struct fuse_session *session);

/*
 * Ends the guest's session, by way of a queue and in its thread, while no queue
 * has a request in progress: what DESTROY does, for a device that is no more.
 * `done` is called with `arg` and 0 or -errno, once, when it is over.  Returns
 * 0, or -EAGAIN if no slot of the lane is free: `done` is never called then.
 */
int	fuse_session_end(struct fuse_queue *queue,
	    void (*done)(void *arg, int error), void *arg);

void	fuse_queue_init(struct fuse_queue *queue, struct fuse_session *session,
	    struct monitor_client *monitor, struct io_port *io,
	    void (*complete)(struct fuse_request *, uint32_t));

/* Starts a request; it may be complete when this returns. */
void	fuse_dispatch(struct fuse_request *request);

/*
 * Ends a request that cannot be started with an error, -errno; the chain's
 * elements are no more needed when this returns.
 */
void	fuse_refuse(struct fuse_request *request, int error);

/*
 * To be called when slots of the lane may be free again, and when all that
 * was available has been dispatched: goes on with requests that wait for a
 * slot, and sends the FORGETs that were gathered.  Returns whether some still
 * wait.
 */
bool	fuse_queue_continue(struct fuse_queue *queue);

#endif /* WORKER_FUSE_REQUEST_H */
