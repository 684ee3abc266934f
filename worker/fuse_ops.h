/*
 * SPDX-License-Identifier: ISC
 *
 * What the FUSE table calls, and what its handlers share.
 *
 * A handler finds a request that fits its row of the table.  It replies, now or
 * from a later completion, and returns 0; or it returns -errno, which is the
 * reply.  -EAGAIN, from a monitor_ function that found no slot, runs it again
 * from the beginning when there is one: nothing may have been done by then.
 */
#ifndef WORKER_FUSE_OPS_H
#define WORKER_FUSE_OPS_H

#include <stdint.h>
#include <string.h>

#include "worker/fuse_request.h"

#define FUSE_PERMISSIONS	07777

/*
 * fuse_extension.c: reads what follows the strings of a request that creates,
 * and leaves request->member.  Returns 0 or -EINVAL.
 */
int	fuse_extension_read(struct fuse_request *request);

/* fuse_init.c */
int	fuse_op_init(struct fuse_request *request);
int	fuse_op_destroy(struct fuse_request *request);

/* fuse_inode.c */
int	fuse_op_lookup(struct fuse_request *request);
int	fuse_op_forget(struct fuse_request *request);
int	fuse_op_batch_forget(struct fuse_request *request);
int	fuse_op_readlink(struct fuse_request *request);
int	fuse_op_symlink(struct fuse_request *request);
int	fuse_op_mknod(struct fuse_request *request);
int	fuse_op_mkdir(struct fuse_request *request);
int	fuse_op_unlink(struct fuse_request *request);
int	fuse_op_rmdir(struct fuse_request *request);
int	fuse_op_rename(struct fuse_request *request);
int	fuse_op_link(struct fuse_request *request);

/* fuse_attr.c */
int	fuse_op_getattr(struct fuse_request *request);
int	fuse_op_setattr(struct fuse_request *request);
int	fuse_op_statx(struct fuse_request *request);
int	fuse_op_access(struct fuse_request *request);
int	fuse_op_statfs(struct fuse_request *request);
int	fuse_op_syncfs(struct fuse_request *request);

/* fuse_dir.c */
int	fuse_op_opendir(struct fuse_request *request);
int	fuse_op_readdir(struct fuse_request *request);
int	fuse_op_readdirplus(struct fuse_request *request);
int	fuse_op_releasedir(struct fuse_request *request);
int	fuse_op_fsyncdir(struct fuse_request *request);

/* fuse_file.c */
int	fuse_op_open(struct fuse_request *request);
int	fuse_op_create(struct fuse_request *request);
int	fuse_op_tmpfile(struct fuse_request *request);
int	fuse_op_release(struct fuse_request *request);
int	fuse_op_flush(struct fuse_request *request);
int	fuse_op_fsync(struct fuse_request *request);
int	fuse_op_fallocate(struct fuse_request *request);
int	fuse_op_lseek(struct fuse_request *request);
int	fuse_op_copy_file_range(struct fuse_request *request);

/* fuse_io.c */
int	fuse_op_read(struct fuse_request *request);
int	fuse_op_write(struct fuse_request *request);

/* fuse_xattr.c */
int	fuse_op_getxattr(struct fuse_request *request);
int	fuse_op_setxattr(struct fuse_request *request);
int	fuse_op_listxattr(struct fuse_request *request);
int	fuse_op_removexattr(struct fuse_request *request);

/*
 * Shared by them.
 */

/* Returns whether a name is the directory itself, or the one above. */
static inline bool
fuse_is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Returns 0 and the monitor's name of a node, or -ESTALE. */
int	fuse_handle(uint64_t nodeid, uint64_t *handle_out);

/* The request's node. */
static inline struct monitor_where
fuse_where(const struct fuse_request *request)
{
	return (struct monitor_where){ .handle = request->handle };
}

/* String `i` as an entry of directory `handle`. */
static inline struct monitor_where
fuse_entry(const struct fuse_request *request, uint64_t handle, int i)
{
	return (struct monitor_where){ .handle = handle,
	    .name = request->string[i].bytes,
	    .name_len = request->string[i].len };
}

/* Who does it, and owns what is made. */
static inline struct monitor_owner
fuse_owner(const struct fuse_request *request)
{
	return (struct monitor_owner){ .uid = request->in.uid,
	    .gid = request->in.gid };
}

/*
 * Runs `run` in an I/O thread, then `done` in the queue's; both find the
 * request by fuse_job_request().  `run` leaves request->result.
 */
void	fuse_job_start(struct fuse_request *request,
	    void (*run)(struct io_job *), void (*done)(struct io_job *));

static inline struct fuse_request *
fuse_job_request(struct io_job *job)
{
	return (struct fuse_request *)(void *)((char *)job -
	    offsetof(struct fuse_request, job));
}

/*
 * Gives one lookup of a handle back that the guest will not hear of.  Returns
 * false if there is no place for it: it stays until the next INIT.
 */
bool	fuse_forget_add(struct fuse_queue *queue, uint64_t handle,
	    uint64_t count);

/* Sends what was gathered, as far as there are slots. */
void	fuse_forget_send(struct fuse_queue *queue);

/* fuse_dispatch.c: runs a request from its beginning.  Returns false if it has
   to wait for a slot. */
bool	fuse_start(struct fuse_request *request);

/* Runs it once more, now or when there is a slot. */
void	fuse_again(struct fuse_request *request);

#endif /* WORKER_FUSE_OPS_H */
