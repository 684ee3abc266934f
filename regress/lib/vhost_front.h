/* SPDX-License-Identifier: ISC */
/*
 * A vhost-user front-end that plays QEMU, for a virtio file system device:
 * connection, negotiation, memory, rings. Every message can also be sent
 * wrong. Test code; a front-end is used by one thread, its rings by one
 * thread each.
 */
#ifndef REGRESS_VHOST_FRONT_H
#define REGRESS_VHOST_FRONT_H

#include <stddef.h>
#include <stdint.h>

#include "guest_mem.h"
#include "vhost_proto.h"
#include "vhost_ring.h"

#define VHOST_MAX_FDS		253	/* SCM_MAX_FD of Linux */
#define VHOST_MAX_QUEUES	65	/* 64 and the one of high priority */
#define VHOST_TIMEOUT_MS	60000

/* All zero is what QEMU would do for one request queue of 128. */
struct vhost_options {
	unsigned int	request_queues;	/* 0: 1 */
	unsigned int	queue_size;	/* 0: 128 */
	unsigned int	hiprio_size;	/* 0: queue_size */
	unsigned int	regions;	/* 0: 1 */
	uint64_t	region_size;	/* 0: 128 MiB, together */
	int		odd_regions;	/* see guest_mem_layout() */
	int		packed;
	int		no_indirect;
	int		no_event_idx;
	int		add_regions;	/* ADD_MEM_REG, not SET_MEM_TABLE */
	int		no_reply_ack;
	enum vhost_wait	wait;
	int		timeout_ms;	/* 0: VHOST_TIMEOUT_MS */
	/* Negotiate no protocol features at all: rings start enabled. */
	int		no_protocol_features;
};

struct vhost_front {
	int			sock;		/* owned; -1: closed */
	int			timeout_ms;
	struct vhost_options	options;
	uint64_t		offered, features;
	uint64_t		offered_protocol, protocol;
	uint64_t		queues_offered;	/* all, by GET_QUEUE_NUM */
	uint64_t		slots_offered;	/* by GET_MAX_MEM_SLOTS */
	struct guest_mem	mem;
	struct vhost_ring	*ring;		/* [0]: high priority */
	unsigned int		rings;
};

struct vhost_message {
	struct vhost_header	header;
	union vhost_payload {
		uint64_t			u64;
		struct vhost_vring_state	state;
		struct vhost_vring_addr		addr;
		struct vhost_memory_table	table;
		struct vhost_single_region	single;
		struct vhost_config		config;
		uint8_t				bytes[4096];
	} payload;
	int			fds[8];		/* the receiver closes them */
	size_t			fd_count;
};

/*
 * All functions that talk return 0 or a negative errno: -ETIMEDOUT when the
 * back-end does not answer in time, -ECONNRESET when it has closed the
 * connection, -EPROTO for an answer that is none (wrong request, flags or
 * size), -EREMOTEIO when it says by REPLY_ACK that it has refused,
 * -EOPNOTSUPP when it does not offer what the options want.
 */

/*
 * Everything, up to running rings. Takes sock over (also on failure, then it
 * is closed). What the options want and the back-end does not offer is
 * -EOPNOTSUPP; indirect, EVENT_IDX and REPLY_ACK are only used when offered.
 */
int	vhost_front_setup(struct vhost_front *f, int sock,
	    const struct vhost_options *o);
/* Closes everything, in any state after vhost_front_init(). */
void	vhost_front_close(struct vhost_front *f);

/* The steps of it, in their order. */
void	vhost_front_init(struct vhost_front *f, int sock,
	    const struct vhost_options *o);
/* GET_FEATURES to SET_FEATURES; fills the fields above. */
int	vhost_front_negotiate(struct vhost_front *f);
/* Makes the guest's memory (no message), announces it. */
void	vhost_front_make_memory(struct vhost_front *f);
int	vhost_front_send_memory(struct vhost_front *f);
/* Makes the rings (no message), starts one or all (enabled as well). */
void	vhost_front_make_rings(struct vhost_front *f);
int	vhost_front_start_ring(struct vhost_front *f, unsigned int index);
int	vhost_front_start(struct vhost_front *f);

/* GET_VRING_BASE: stops a ring; the device's next index in *base. */
int	vhost_front_stop_ring(struct vhost_front *f, unsigned int index,
	    uint32_t *base);
/* NUM, BASE (this one), ADDR, KICK, CALL, ERR and ENABLE again. */
int	vhost_front_resume_ring(struct vhost_front *f, unsigned int index,
	    uint32_t base);

/* One message each. */
int	vhost_get_u64(struct vhost_front *f, uint32_t request,
	    uint64_t *value);
int	vhost_set_u64(struct vhost_front *f, uint32_t request,
	    uint64_t value);
int	vhost_set_vring_num(struct vhost_front *f, uint32_t index,
	    uint32_t num);
int	vhost_set_vring_base(struct vhost_front *f, uint32_t index,
	    uint32_t base);
int	vhost_set_vring_addr(struct vhost_front *f, uint32_t index);
/* request: VHOST_SET_VRING_KICK, _CALL or _ERR; fd -1: the bit for none. */
int	vhost_set_vring_fd(struct vhost_front *f, uint32_t request,
	    uint32_t index, int fd);
int	vhost_set_vring_enable(struct vhost_front *f, uint32_t index,
	    uint32_t on);
int	vhost_get_vring_base(struct vhost_front *f, uint32_t index,
	    uint32_t *base);
/* All regions, or so many from first on. */
int	vhost_set_mem_table(struct vhost_front *f, size_t first,
	    size_t count);
int	vhost_add_mem_reg(struct vhost_front *f,
	    const struct guest_region *region);
int	vhost_rem_mem_reg(struct vhost_front *f,
	    const struct guest_region *region);
/* out: len bytes; -EREMOTEIO when it answers with size 0. */
int	vhost_get_config(struct vhost_front *f, uint32_t offset,
	    uint32_t len, void *out);
int	vhost_reset_device(struct vhost_front *f);

/*
 * Sends any header, payload and descriptors. size is what the header says.
 * 0 or -errno of sendmsg (-EPIPE: the back-end has closed).
 */
int	vhost_send_raw(struct vhost_front *f, const struct vhost_header *h,
	    const void *payload, size_t len, const int *fds, size_t count);
/* With a right header: version 1, and these flags. */
int	vhost_send(struct vhost_front *f, uint32_t request, uint32_t flags,
	    const void *payload, size_t len, const int *fds, size_t count);
/* Sends, asks for REPLY_ACK if negotiated, waits for it. */
int	vhost_send_acked(struct vhost_front *f, uint32_t request,
	    const void *payload, size_t len, const int *fds, size_t count);
/* Takes any one message within f->timeout_ms. */
int	vhost_receive(struct vhost_front *f, struct vhost_message *m);
/* The same; and it is the reply to this request, with so much payload. */
int	vhost_receive_reply(struct vhost_front *f, uint32_t request,
	    size_t len, struct vhost_message *m);
/*
 * Has the back-end closed the connection, within the bound? What it sends
 * before is thrown away. 1 or 0.
 */
int	vhost_is_closed(struct vhost_front *f, int timeout_ms);

const char *vhost_request_name(uint32_t request);
/* For error messages: -EREMOTEIO and the like in this library's words. */
const char *vhost_error_name(int error);

#endif
