/*
 * SPDX-License-Identifier: ISC
 *
 * The worker's view of the monitor: one function for each primitive, and the
 * only user of the lane's requests.
 *
 * Every primitive copies its arguments, submits the request and returns 0, and
 * `done` is called with `arg` from a later monitor_reap(), once; or it returns
 * -EAGAIN if as many requests are in flight as there can be, or -EINVAL if the
 * arguments are longer than the boundary permits, and `done` is never called.
 * None of them blocks.
 */
#ifndef WORKER_MONITOR_CLIENT_H
#define WORKER_MONITOR_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/lane.h"
#include "common/monitor_proto.h"

/*
 * What a primitive does when it is over.  `data` is reply->data_len bytes,
 * valid until it returns; `fd` (-1 if there is none) is its own.  May start
 * another request.
 */
typedef void monitor_done(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd);

struct monitor_pending {
	monitor_done	*done;		/* NULL: not in flight */
	void		*arg;
};

struct monitor_client {
	struct lane		*lane;		/* the owner's */
	uint64_t		 requests;	/* submitted */
	struct monitor_pending	 pending[LANE_SLOTS_MAX];
};

/*
 * Beneath directory `handle`, along `path`, entry `name`; without a name, the
 * place that handle and path lead to.
 */
struct monitor_where {
	uint64_t	 handle;
	const char	*path;
	size_t		 path_len;
	const char	*name;
	size_t		 name_len;
};

void	monitor_client_init(struct monitor_client *client, struct lane *lane);

/*
 * Calls `done` of all that is completed.  Returns how many that was, -EPROTO if
 * the monitor broke the protocol, -errno if the lane failed.
 */
int	monitor_reap(struct monitor_client *client);

int	monitor_getattr(struct monitor_client *client,
	    const struct monitor_where *where, monitor_done *done, void *arg);
int	monitor_setattr(struct monitor_client *client,
	    const struct monitor_where *where,
	    const struct monitor_setattr_request *set,
	    monitor_done *done, void *arg);
int	monitor_readlink(struct monitor_client *client,
	    const struct monitor_where *where, monitor_done *done, void *arg);
int	monitor_statfs(struct monitor_client *client,
	    const struct monitor_where *where, monitor_done *done, void *arg);
int	monitor_getversion(struct monitor_client *client,
	    const struct monitor_where *where, monitor_done *done, void *arg);

/* `flags` are of MONITOR_OPEN_FLAGS or MONITOR_CREATE_FLAGS. */
int	monitor_open(struct monitor_client *client,
	    const struct monitor_where *where, uint32_t flags,
	    monitor_done *done, void *arg);
int	monitor_create(struct monitor_client *client,
	    const struct monitor_where *where,
	    const struct monitor_create_request *create,
	    monitor_done *done, void *arg);
int	monitor_mknod(struct monitor_client *client,
	    const struct monitor_where *where,
	    const struct monitor_mknod_request *mknod,
	    monitor_done *done, void *arg);
int	monitor_mkdir(struct monitor_client *client,
	    const struct monitor_where *where,
	    const struct monitor_mkdir_request *mkdir,
	    monitor_done *done, void *arg);
int	monitor_symlink(struct monitor_client *client,
	    const struct monitor_where *where, struct monitor_owner owner,
	    const void *target, size_t target_len,
	    monitor_done *done, void *arg);
int	monitor_link(struct monitor_client *client,
	    const struct monitor_where *from, const struct monitor_where *to,
	    monitor_done *done, void *arg);
int	monitor_unlink(struct monitor_client *client,
	    const struct monitor_where *where, monitor_done *done, void *arg);
int	monitor_rmdir(struct monitor_client *client,
	    const struct monitor_where *where, monitor_done *done, void *arg);

/* `flags` are of renameat2(2). */
int	monitor_rename(struct monitor_client *client,
	    const struct monitor_where *from, const struct monitor_where *to,
	    uint32_t flags, monitor_done *done, void *arg);

/* `size`: of the answer at most; 0 asks for its size. */
int	monitor_getxattr(struct monitor_client *client,
	    const struct monitor_where *where, const void *name,
	    size_t name_len, uint32_t size, monitor_done *done, void *arg);
int	monitor_listxattr(struct monitor_client *client,
	    const struct monitor_where *where, uint32_t size,
	    monitor_done *done, void *arg);

/* `flags` are of setxattr(2). */
int	monitor_setxattr(struct monitor_client *client,
	    const struct monitor_where *where, const void *name,
	    size_t name_len, const void *value, size_t value_len,
	    uint32_t flags, monitor_done *done, void *arg);
int	monitor_removexattr(struct monitor_client *client,
	    const struct monitor_where *where, const void *name,
	    size_t name_len, monitor_done *done, void *arg);

/*
 * By handle only.  There, LOOKUP, PARENT, CREATE, TMPFILE, MKNOD, MKDIR,
 * SYMLINK and LINK answer with a handle, which is one lookup more for FORGET to
 * take back, and with attributes; SETATTR with attributes.
 */
int	monitor_lookup(struct monitor_client *client,
	    const struct monitor_where *where, monitor_done *done, void *arg);
int	monitor_parent(struct monitor_client *client,
	    const struct monitor_where *where, monitor_done *done, void *arg);

/* At most MONITOR_FORGETS of them.  One way: nobody is told. */
int	monitor_forget(struct monitor_client *client,
	    const struct monitor_forget *forgets, size_t n);

/* `where` is the directory, without a name; answers with a data fd as well. */
int	monitor_tmpfile(struct monitor_client *client,
	    const struct monitor_where *where,
	    const struct monitor_create_request *create,
	    monitor_done *done, void *arg);

/* The answer's handle is the stream, which is the directory's alone. */
int	monitor_opendir(struct monitor_client *client,
	    const struct monitor_where *where, monitor_done *done, void *arg);

/* The answer's data are struct monitor_dirent; none is the end. */
int	monitor_readdir(struct monitor_client *client,
	    const struct monitor_where *where, bool plus,
	    const struct monitor_readdir_request *readdir,
	    monitor_done *done, void *arg);
int	monitor_fsyncdir(struct monitor_client *client,
	    const struct monitor_where *where, uint64_t stream, bool datasync,
	    monitor_done *done, void *arg);
int	monitor_releasedir(struct monitor_client *client,
	    const struct monitor_where *where, uint64_t stream,
	    monitor_done *done, void *arg);
int	monitor_syncfs(struct monitor_client *client,
	    const struct monitor_where *where, monitor_done *done, void *arg);

/* Forgets all handles but the root's, and closes all streams. */
int	monitor_reset(struct monitor_client *client, monitor_done *done,
	    void *arg);

#endif /* WORKER_MONITOR_CLIENT_H */
