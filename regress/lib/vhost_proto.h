/* SPDX-License-Identifier: ISC */
/*
 * The wire formats of vhost-user (QEMU's vhost-user specification) and of
 * virtio 1.2's rings, written down once more for the tests: they must not
 * share a mistake with the server under test. Test code, little-endian hosts.
 */
#ifndef REGRESS_VHOST_PROTO_H
#define REGRESS_VHOST_PROTO_H

#include <stdint.h>

enum vhost_request {
	VHOST_GET_FEATURES		= 1,
	VHOST_SET_FEATURES		= 2,
	VHOST_SET_OWNER			= 3,
	VHOST_RESET_OWNER		= 4,
	VHOST_SET_MEM_TABLE		= 5,
	VHOST_SET_LOG_BASE		= 6,
	VHOST_SET_LOG_FD		= 7,
	VHOST_SET_VRING_NUM		= 8,
	VHOST_SET_VRING_ADDR		= 9,
	VHOST_SET_VRING_BASE		= 10,
	VHOST_GET_VRING_BASE		= 11,
	VHOST_SET_VRING_KICK		= 12,
	VHOST_SET_VRING_CALL		= 13,
	VHOST_SET_VRING_ERR		= 14,
	VHOST_GET_PROTOCOL_FEATURES	= 15,
	VHOST_SET_PROTOCOL_FEATURES	= 16,
	VHOST_GET_QUEUE_NUM		= 17,
	VHOST_SET_VRING_ENABLE		= 18,
	VHOST_SEND_RARP			= 19,
	VHOST_NET_SET_MTU		= 20,
	VHOST_SET_BACKEND_REQ_FD	= 21,
	VHOST_IOTLB_MSG			= 22,
	VHOST_SET_VRING_ENDIAN		= 23,
	VHOST_GET_CONFIG		= 24,
	VHOST_SET_CONFIG		= 25,
	VHOST_CREATE_CRYPTO_SESSION	= 26,
	VHOST_CLOSE_CRYPTO_SESSION	= 27,
	VHOST_POSTCOPY_ADVISE		= 28,
	VHOST_POSTCOPY_LISTEN		= 29,
	VHOST_POSTCOPY_END		= 30,
	VHOST_GET_INFLIGHT_FD		= 31,
	VHOST_SET_INFLIGHT_FD		= 32,
	VHOST_GPU_SET_SOCKET		= 33,
	VHOST_RESET_DEVICE		= 34,
	VHOST_VRING_KICK		= 35,
	VHOST_GET_MAX_MEM_SLOTS		= 36,
	VHOST_ADD_MEM_REG		= 37,
	VHOST_REM_MEM_REG		= 38,
	VHOST_SET_STATUS		= 39,
	VHOST_GET_STATUS		= 40,
	VHOST_GET_SHARED_OBJECT		= 41,
	VHOST_SET_DEVICE_STATE_FD	= 42,
	VHOST_CHECK_DEVICE_STATE	= 43,
	VHOST_REQUEST_COUNT		= 44
};

/* Bits of the protocol features. */
#define VHOST_PROTOCOL_MQ			0
#define VHOST_PROTOCOL_LOG_SHMFD		1
#define VHOST_PROTOCOL_REPLY_ACK		3
#define VHOST_PROTOCOL_BACKEND_REQ		5
#define VHOST_PROTOCOL_CONFIG			9
#define VHOST_PROTOCOL_INFLIGHT_SHMFD		12
#define VHOST_PROTOCOL_RESET_DEVICE		13
#define VHOST_PROTOCOL_INBAND_NOTIFICATIONS	14
#define VHOST_PROTOCOL_CONFIGURE_MEM_SLOTS	15
#define VHOST_PROTOCOL_STATUS			16
#define VHOST_PROTOCOL_DEVICE_STATE		19

/* Bits of the features. */
#define VIRTIO_NOTIFY_ON_EMPTY	24
#define VHOST_LOG_ALL		26
#define VIRTIO_INDIRECT_DESC	28
#define VIRTIO_EVENT_IDX	29
#define VHOST_PROTOCOL_FEATURES	30
#define VIRTIO_VERSION_1	32
#define VIRTIO_RING_PACKED	34

#define VHOST_BIT(n)		(UINT64_C(1) << (n))

struct vhost_header {
	uint32_t	request;
	uint32_t	flags;
	uint32_t	size;		/* of what follows */
};
_Static_assert(sizeof(struct vhost_header) == 12, "vhost-user header");

#define VHOST_FLAG_VERSION	0x1u	/* bits 0 and 1 */
#define VHOST_FLAG_REPLY	0x4u
#define VHOST_FLAG_NEED_REPLY	0x8u

struct vhost_vring_state {
	uint32_t	index;
	uint32_t	num;
};

struct vhost_vring_addr {
	uint32_t	index;
	uint32_t	flags;
	uint64_t	desc;		/* addresses of the front-end's */
	uint64_t	used;		/* packed: device event area */
	uint64_t	avail;		/* packed: driver event area */
	uint64_t	log;
};
_Static_assert(sizeof(struct vhost_vring_addr) == 40, "vring address");

/* The payload of SET_VRING_KICK, _CALL and _ERR: one 64-bit word. */
#define VHOST_VRING_INDEX_MASK	0xffu
#define VHOST_VRING_NO_FD	0x100u

struct vhost_memory_region {
	uint64_t	guest_addr;
	uint64_t	size;
	uint64_t	user_addr;
	uint64_t	mmap_offset;
};
_Static_assert(sizeof(struct vhost_memory_region) == 32, "memory region");

#define VHOST_TABLE_REGIONS	8	/* most in one SET_MEM_TABLE */

struct vhost_memory_table {
	uint32_t			count;
	uint32_t			padding;
	struct vhost_memory_region	region[VHOST_TABLE_REGIONS];
};

struct vhost_single_region {
	uint64_t			padding;
	struct vhost_memory_region	region;
};
_Static_assert(sizeof(struct vhost_single_region) == 40, "single region");

struct vhost_config {
	uint32_t	offset;
	uint32_t	size;
	uint32_t	flags;
	uint8_t		data[256];
};

/* The configuration space of a virtio file system device. */
struct vhost_fs_config {
	char		tag[36];	/* padded with NUL */
	uint32_t	request_queues;
} __attribute__((packed));

/* VIRTIO device status bits, for SET_STATUS. */
#define VIRTIO_STATUS_ACKNOWLEDGE	1
#define VIRTIO_STATUS_DRIVER		2
#define VIRTIO_STATUS_DRIVER_OK		4
#define VIRTIO_STATUS_FEATURES_OK	8

/* Split rings, virtio 1.2 section 2.7. */
struct split_desc {
	uint64_t	addr;
	uint32_t	len;
	uint16_t	flags;
	uint16_t	next;
};
_Static_assert(sizeof(struct split_desc) == 16, "descriptor");

#define DESC_NEXT		0x1u
#define DESC_WRITE		0x2u
#define DESC_INDIRECT		0x4u
#define DESC_PACKED_AVAIL	0x80u
#define DESC_PACKED_USED	0x8000u

struct split_avail {
	uint16_t	flags;
	uint16_t	idx;
	uint16_t	ring[];		/* used_event follows the ring */
};
#define SPLIT_NO_INTERRUPT	1u

struct split_used_elem {
	uint32_t	id;
	uint32_t	len;
};

struct split_used {
	uint16_t		flags;
	uint16_t		idx;
	struct split_used_elem	ring[];	/* avail_event follows it */
};
#define SPLIT_NO_NOTIFY		1u

/* Packed rings, virtio 1.2 section 2.8. */
struct packed_desc {
	uint64_t	addr;
	uint32_t	len;
	uint16_t	id;
	uint16_t	flags;
};
_Static_assert(sizeof(struct packed_desc) == 16, "packed descriptor");

struct packed_event {
	uint16_t	off_wrap;
	uint16_t	flags;
};
#define PACKED_EVENT_ENABLE	0u
#define PACKED_EVENT_DISABLE	1u
#define PACKED_EVENT_DESC	2u
#define PACKED_EVENT_WRAP	0x8000u

#endif
