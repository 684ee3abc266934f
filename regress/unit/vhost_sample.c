/*
 * SPDX-License-Identifier: ISC
 *
 * Messages of a vhost-user front-end.  Only for tests.
 */
#include "config.h"

#include "vhost_sample.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define FDS_MAX		64
#define MEMORY_SIZE	65536

const struct vhost_sample vhost_samples[] = {
	{ VHOST_USER_GET_FEATURES, 0, 0, 8 },
	{ VHOST_USER_SET_FEATURES, 8, 0, 0 },
	{ VHOST_USER_SET_OWNER, 0, 0, 0 },
	{ VHOST_USER_RESET_OWNER, 0, 0, 0 },
	{ VHOST_USER_SET_MEM_TABLE, 8 + 32, 1, 0 },
	{ VHOST_USER_SET_VRING_NUM, 8, 0, 0 },
	{ VHOST_USER_SET_VRING_ADDR, 40, 0, 0 },
	{ VHOST_USER_SET_VRING_BASE, 8, 0, 0 },
	{ VHOST_USER_GET_VRING_BASE, 8, 0, 8 },
	{ VHOST_USER_SET_VRING_KICK, 8, 1, 0 },
	{ VHOST_USER_SET_VRING_CALL, 8, 1, 0 },
	{ VHOST_USER_SET_VRING_ERR, 8, 1, 0 },
	{ VHOST_USER_GET_PROTOCOL_FEATURES, 0, 0, 8 },
	{ VHOST_USER_SET_PROTOCOL_FEATURES, 8, 0, 0 },
	{ VHOST_USER_GET_QUEUE_NUM, 0, 0, 8 },
	{ VHOST_USER_SET_VRING_ENABLE, 8, 0, 0 },
	{ VHOST_USER_GET_CONFIG, 12 + 40, 0, 12 + 40 },
	{ VHOST_USER_RESET_DEVICE, 0, 0, 0 },
	{ VHOST_USER_GET_MAX_MEM_SLOTS, 0, 0, 8 },
	{ VHOST_USER_ADD_MEM_REG, 40, 1, 0 },
	{ VHOST_USER_REM_MEM_REG, 40, 0, 0 },
	{ VHOST_USER_SET_STATUS, 8, 0, 0 },
	{ VHOST_USER_GET_STATUS, 0, 0, 8 }
};
const size_t vhost_sample_count =
    sizeof(vhost_samples) / sizeof(vhost_samples[0]);

static int
rings_result(struct vhost_rings *rings)
{
	if (rings->result >= 0)
		return rings->result;
	return reason_give(&rings->vu->why, rings->result, "so the rings say");
}

static int
rings_start(void *arg, uint32_t index)
{
	struct vhost_rings *rings = arg;

	rings->started++;
	rings->index = index;
	return rings_result(rings);
}

static int
rings_update(void *arg, uint32_t index)
{
	struct vhost_rings *rings = arg;

	rings->updated++;
	rings->index = index;
	return rings_result(rings);
}

static int
rings_stop(void *arg, uint32_t index)
{
	struct vhost_rings *rings = arg;

	rings->stopped++;
	rings->index = index;
	for (uint32_t i = 0; i < VIRTIOFS_QUEUES; i++)
		if (rings->vu->vrings[i].started &&
		    (index == i || index == VHOST_USER_ALL))
			rings->vu->vrings[i].base = rings->base;
	return rings_result(rings);
}

static int
rings_renew(void *arg)
{
	struct vhost_rings *rings = arg;

	rings->renewed++;
	return rings_result(rings);
}

const struct vhost_user_backend vhost_rings_backend = {
	.start = rings_start,
	.update = rings_update,
	.stop = rings_stop,
	.renew = rings_renew
};

int
vhost_sample_memfd(void)
{
	int fd = memfd_create("sample", MFD_CLOEXEC);

	if (fd != -1 && ftruncate(fd, MEMORY_SIZE) == -1) {
		close(fd);
		fd = -1;
	}
	return fd;
}

uint32_t
vhost_sample_payload(uint32_t request, union vhost_user_payload *out)
{
	static const struct vhost_user_region region = {
		.guest_addr = 0x10000, .size = MEMORY_SIZE,
		.user_addr = 0x7f0000000000
	};
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < vhost_sample_count; i++)
		if (vhost_samples[i].request == request)
			break;
	if (i == vhost_sample_count)
		return 0;
	switch (request) {
	case VHOST_USER_SET_MEM_TABLE:
		out->table.count = 1;
		out->table.regions[0] = region;
		break;
	case VHOST_USER_ADD_MEM_REG:
	case VHOST_USER_REM_MEM_REG:
		out->region.region = region;
		break;
	case VHOST_USER_SET_FEATURES:
		out->u64 = VHOST_USER_BIT(VHOST_USER_F_VERSION_1) |
		    VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
		break;
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		out->u64 = VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_MQ) |
		    VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		    VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_CONFIG) |
		    VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
		    VHOST_USER_BIT(
			VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
		    VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_STATUS);
		break;
	case VHOST_USER_GET_CONFIG:
		out->config.size = 40;
		break;
	case VHOST_USER_SET_STATUS:
		out->u64 = 1;
		break;
	case VHOST_USER_SET_VRING_NUM:
		out->state.num = 128;
		break;
	case VHOST_USER_SET_VRING_ENABLE:
		out->state.num = 1;
		break;
	case VHOST_USER_SET_VRING_ADDR:
		out->addr.desc = region.user_addr;
		out->addr.avail = region.user_addr + 0x1000;
		out->addr.used = region.user_addr + 0x2000;
		break;
	default:
		break;
	}
	if (request >= VHOST_USER_SET_VRING_NUM &&
	    request <= VHOST_USER_SET_VRING_ERR)
		out->state.index = VHOST_SAMPLE_RING;
	if (request == VHOST_USER_SET_VRING_ENABLE)
		out->state.index = VHOST_SAMPLE_RING;
	return vhost_samples[i].size;
}

int
vhost_sample_send(int sock, uint32_t request, uint32_t flags, uint32_t size,
    const void *payload, size_t len, int fd, unsigned int nfds)
{
	struct vhost_user_header header = { request, flags, size };
	struct iovec iov[2] = {
		{ &header, sizeof(header) },
		{ (void *)(uintptr_t)payload, len }
	};
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *cmsg;

	if (nfds > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		for (unsigned int i = 0; i < nfds; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &fd,
			    sizeof(int));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 ?
	    -errno : 0;
}
