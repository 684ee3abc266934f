/*
 * SPDX-License-Identifier: ISC
 *
 * The formats of vhost-user, as QEMU's docs/interop/vhost-user.rst has them
 * (the sections are named), and what of virtio goes with them.  All integers
 * are in host byte order unless their type says otherwise.
 */
#ifndef WORKER_VHOST_USER_PROTO_H
#define WORKER_VHOST_USER_PROTO_H

#include <stdint.h>

/* "Front-end message types". */
enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES,
	VHOST_USER_SET_OWNER,
	VHOST_USER_RESET_OWNER,
	VHOST_USER_SET_MEM_TABLE,
	VHOST_USER_SET_LOG_BASE,
	VHOST_USER_SET_LOG_FD,
	VHOST_USER_SET_VRING_NUM,
	VHOST_USER_SET_VRING_ADDR,
	VHOST_USER_SET_VRING_BASE,
	VHOST_USER_GET_VRING_BASE,
	VHOST_USER_SET_VRING_KICK,
	VHOST_USER_SET_VRING_CALL,
	VHOST_USER_SET_VRING_ERR,
	VHOST_USER_GET_PROTOCOL_FEATURES,
	VHOST_USER_SET_PROTOCOL_FEATURES,
	VHOST_USER_GET_QUEUE_NUM,
	VHOST_USER_SET_VRING_ENABLE,
	VHOST_USER_SEND_RARP,
	VHOST_USER_NET_SET_MTU,
	VHOST_USER_SET_BACKEND_REQ_FD,
	VHOST_USER_IOTLB_MSG,
	VHOST_USER_SET_VRING_ENDIAN,
	VHOST_USER_GET_CONFIG,
	VHOST_USER_SET_CONFIG,
	VHOST_USER_CREATE_CRYPTO_SESSION,
	VHOST_USER_CLOSE_CRYPTO_SESSION,
	VHOST_USER_POSTCOPY_ADVISE,
	VHOST_USER_POSTCOPY_LISTEN,
	VHOST_USER_POSTCOPY_END,
	VHOST_USER_GET_INFLIGHT_FD,
	VHOST_USER_SET_INFLIGHT_FD,
	VHOST_USER_GPU_SET_SOCKET,
	VHOST_USER_RESET_DEVICE,
	VHOST_USER_VRING_KICK,
	VHOST_USER_GET_MAX_MEM_SLOTS,
	VHOST_USER_ADD_MEM_REG,
	VHOST_USER_REM_MEM_REG,
	VHOST_USER_SET_STATUS,
	VHOST_USER_GET_STATUS,
	VHOST_USER_REQUEST_MAX		/* one more than the last */
};

/* "Header". */
struct vhost_user_header {
	uint32_t	request;	/* enum vhost_user_request */
	uint32_t	flags;
	uint32_t	size;		/* of the payload */
};
_Static_assert(sizeof(struct vhost_user_header) == 12, "layout");

#define VHOST_USER_VERSION	1U
#define VHOST_USER_VERSION_MASK	3U
#define VHOST_USER_REPLY	(1U << 2)
#define VHOST_USER_NEED_REPLY	(1U << 3)
#define VHOST_USER_FLAGS	(VHOST_USER_VERSION_MASK | VHOST_USER_REPLY | \
				    VHOST_USER_NEED_REPLY)

/* Virtio features, by their bits (virtio 1.2, 6), and one of vhost-user's. */
#define VHOST_USER_F_NOTIFY_ON_EMPTY	24
#define VHOST_USER_F_INDIRECT_DESC	28
#define VHOST_USER_F_EVENT_IDX		29
#define VHOST_USER_F_PROTOCOL_FEATURES	30
#define VHOST_USER_F_VERSION_1		32
#define VHOST_USER_F_RING_PACKED	34

/* "Protocol features", by their bits: those that are offered. */
#define VHOST_USER_PROTOCOL_F_MQ		0
#define VHOST_USER_PROTOCOL_F_REPLY_ACK		3
#define VHOST_USER_PROTOCOL_F_CONFIG		9
#define VHOST_USER_PROTOCOL_F_RESET_DEVICE	13
#define VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS 15
#define VHOST_USER_PROTOCOL_F_STATUS		16

#define VHOST_USER_BIT(n)	(UINT64_C(1) << (n))

/* "A vring state description". */
struct vhost_user_vring_state {
	uint32_t	index;
	uint32_t	num;
};
_Static_assert(sizeof(struct vhost_user_vring_state) == 8, "layout");

/* "A vring address description"; addresses are of the front-end's own. */
struct vhost_user_vring_addr {
	uint32_t	index;
	uint32_t	flags;		/* 1: log; it is not offered */
	uint64_t	desc;
	uint64_t	used;		/* packed: device event suppression */
	uint64_t	avail;		/* packed: driver event suppression */
	uint64_t	log;
};
_Static_assert(sizeof(struct vhost_user_vring_addr) == 40, "layout");

/* A packed ring's base at its beginning: indices 0, wrap counters 1. */
#define VHOST_USER_BASE_PACKED	0x80008000U

/* The number in SET_VRING_KICK, _CALL and _ERR. */
#define VHOST_USER_VRING_INDEX	0xffU
#define VHOST_USER_VRING_NO_FD	0x100U

/* "Memory regions description". */
struct vhost_user_region {
	uint64_t	guest_addr;
	uint64_t	size;
	uint64_t	user_addr;
	uint64_t	mmap_offset;
};
_Static_assert(sizeof(struct vhost_user_region) == 32, "layout");

#define VHOST_USER_TABLE_REGIONS	8	/* in one message at most */

struct vhost_user_mem_table {
	uint32_t			count;
	uint32_t			pad;
	struct vhost_user_region	regions[VHOST_USER_TABLE_REGIONS];
};
_Static_assert(sizeof(struct vhost_user_mem_table) == 264, "layout");

/* "Single memory region description". */
struct vhost_user_mem_region {
	uint64_t			pad;
	struct vhost_user_region	region;
};
_Static_assert(sizeof(struct vhost_user_mem_region) == 40, "layout");

/* "Virtio device config space". */
#define VHOST_USER_CONFIG_MAX	256	/* QEMU's limit */

struct vhost_user_config {
	uint32_t	offset;
	uint32_t	size;
	uint32_t	flags;
	uint8_t		data[VHOST_USER_CONFIG_MAX];
};
_Static_assert(sizeof(struct vhost_user_config) == 268, "layout");

/* The configuration of a file system device (virtio 1.2, 5.11.4). */
#define VHOST_USER_TAG_SIZE	36

struct vhost_user_fs_config {
	uint8_t		tag[VHOST_USER_TAG_SIZE];
	uint8_t		num_request_queues[4];	/* little-endian */
};
_Static_assert(sizeof(struct vhost_user_fs_config) == 40, "layout");

/* "Payload".  Longer than any: what is skipped is held as well. */
#define VHOST_USER_PAYLOAD_MAX	4096
#define VHOST_USER_FDS_MAX	8

union vhost_user_payload {
	uint64_t			u64;
	struct vhost_user_vring_state	state;
	struct vhost_user_vring_addr	addr;
	struct vhost_user_mem_table	table;
	struct vhost_user_mem_region	region;
	struct vhost_user_config	config;
	uint8_t				bytes[VHOST_USER_PAYLOAD_MAX];
};

#endif /* WORKER_VHOST_USER_PROTO_H */
