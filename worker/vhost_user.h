/*
 * SPDX-License-Identifier: ISC
 *
 * One vhost-user connection: messages come in, are checked by one table,
 * change the state of the device, and are answered, one at a time.  What needs
 * the threads of the virtqueues is asked of a back-end; until it is done, no
 * other message is looked at.
 */
#ifndef WORKER_VHOST_USER_H
#define WORKER_VHOST_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log.h"
#include "worker/guest_memory.h"
#include "worker/reason.h"
#include "worker/vhost_user_proto.h"
#include "worker/vhost_user_wire.h"
#include "worker/virtiofs.h"

/* All rings, where one's index is expected. */
#define VHOST_USER_ALL		UINT32_MAX

/* Not done yet: vhost_user_finish() will follow. */
#define VHOST_USER_PENDING	1

/* One ring as the front-end has set it up. */
struct vhost_user_vring {
	uint32_t	size;		/* 0: not told */
	uint32_t	base;		/* SET_VRING_BASE's, or of its stop */
	uint64_t	desc_addr;
	uint64_t	avail_addr;
	uint64_t	used_addr;
	int		kick;		/* -1: none, as the other two */
	int		call;
	int		err;
	bool		has_base;	/* else the ring's beginning */
	bool		has_addr;
	bool		enabled;
	bool		started;
};

struct vhost_user;

/*
 * Who runs the rings.  Each function returns 0 if it is done, -errno if it
 * cannot be, with the reason in `vu->why`, or VHOST_USER_PENDING.  It uses the
 * descriptors of `vu->vrings` and `vu->memory` as they are then, and until it
 * is told others or to stop: they stay the connection's.
 */
struct vhost_user_backend {
	/* Begins with a ring that is not started. */
	int	(*start)(void *arg, uint32_t index);
	/* Looks again at descriptors, memory and `enabled` of started rings. */
	int	(*update)(void *arg, uint32_t index);
	/* Finishes what is begun, ends started rings, stores their bases. */
	int	(*stop)(void *arg, uint32_t index);
	/* Ends what the guest has begun.  All rings are stopped. */
	int	(*renew)(void *arg);
};

struct vhost_user {
	int				 sock;		/* the caller's */
	const struct vhost_user_backend	*backend;
	void				*arg;
	bool				 owned;		/* SET_OWNER came */
	/* The device. */
	struct vhost_user_fs_config	 config;
	uint64_t			 protocol_offered;
	uint64_t			 protocol_features;
	uint64_t			 features;
	uint8_t				 status;
	struct guest_memory		*memory;
	struct vhost_user_vring		 vrings[VIRTIOFS_QUEUES];
	/* The message in progress. */
	bool				 pending;
	struct vhost_user_message	 message;
	struct vhost_user_reply		 reply;
	int				 old_fd;	/* it replaces; or -1 */
	struct reason			 why;		/* it is refused */
	struct log_limit		 refused;
};

/*
 * Prepares for `sock`, which stays the caller's.  `tag` (VHOST_USER_TAG_SIZE
 * bytes, padded with zeroes) is what the configuration space has; without one,
 * there is none.  Returns 0 or -ENOMEM; vhost_user_free() is due in any case.
 */
int	vhost_user_init(struct vhost_user *vu, int sock, const char *tag,
	    const struct vhost_user_backend *backend, void *arg);

/* The rings must be stopped. */
void	vhost_user_free(struct vhost_user *vu);

/*
 * Receives what is there of the next message, and if it is complete carries it
 * out.  Does not block.  Returns 0; VHOST_USER_END; -EPROTO with the reason
 * logged if the connection has to be closed; or -errno.
 */
int	vhost_user_receive(struct vhost_user *vu);

/*
 * A pending request's result: 0, or -errno with the reason in vu->why.  Returns
 * as vhost_user_receive().
 */
int	vhost_user_finish(struct vhost_user *vu, int result);

/* Whether to wait for input, or for room for output, or for the back-end. */
bool	vhost_user_wants_input(const struct vhost_user *vu);
bool	vhost_user_wants_output(const struct vhost_user *vu);

/* Sends what is left of the reply.  Returns as vhost_user_receive(). */
int	vhost_user_send(struct vhost_user *vu);

/* Returns whether `feature` was negotiated, by its bit. */
bool	vhost_user_has(const struct vhost_user *vu, unsigned int feature);

/* Returns where a ring is to go on, as SET_VRING_BASE has it. */
uint32_t
	vhost_user_base(const struct vhost_user *vu, uint32_t index);

/* Returns whether some ring is started. */
bool	vhost_user_any_started(const struct vhost_user *vu);

#endif /* WORKER_VHOST_USER_H */
