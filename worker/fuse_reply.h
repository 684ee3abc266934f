/*
 * SPDX-License-Identifier: ISC
 *
 * The replies to FUSE requests, into device-writable descriptors of any layout.
 * Each of these ends the request, which is its queue's again afterwards; except
 * for the first three.
 */
#ifndef WORKER_FUSE_REPLY_H
#define WORKER_FUSE_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/fuse_request.h"
#include "worker/iov.h"

/* Returns how many bytes of payload a reply may have. */
size_t	fuse_reply_room(const struct fuse_request *request);

/* Where the payload goes, for who writes it in pieces. */
void	fuse_reply_cursor(const struct fuse_request *request,
	    struct iov_cursor *cursor);

/*
 * What the guest knows an inode by: its node id, and what it may keep of it for
 * how long.
 */
void	fuse_reply_fill_entry(const struct fuse_request *request,
	    struct fuse_entry_out *entry, uint64_t handle,
	    const struct monitor_attr *attr);

/* `error` is a negative errno. */
void	fuse_reply_error(struct fuse_request *request, int error);

/* A success with `len` bytes; NULL if they are in their place already. */
void	fuse_reply(struct fuse_request *request, const void *payload,
	    size_t len);

/* No reply: the chain goes back with length 0. */
void	fuse_reply_none(struct fuse_request *request);

/* FUSE_GETATTR and FUSE_SETATTR. */
void	fuse_reply_attr(struct fuse_request *request,
	    const struct monitor_attr *attr);

/* FUSE_STATX. */
void	fuse_reply_statx(struct fuse_request *request,
	    const struct monitor_attr *attr);

/*
 * What the monitor has answered (monitor_done).  The first closes `fd`, and
 * ends the request and returns true if it is an error.
 */
bool	fuse_reply_failed(struct fuse_request *request,
	    const struct monitor_reply *reply, int fd);
void	fuse_reply_status(void *arg, const struct monitor_reply *reply,
	    const uint8_t *data, int fd);
void	fuse_reply_entry(void *arg, const struct monitor_reply *reply,
	    const uint8_t *data, int fd);

#endif /* WORKER_FUSE_REPLY_H */
