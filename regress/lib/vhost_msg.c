/* SPDX-License-Identifier: ISC */
/*
 * Single vhost-user messages of the front-end, right and wrong ones. Test
 * code.
 */
#include "vhost_front.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "tap.h"

static const char *const request_names[VHOST_REQUEST_COUNT] = {
	[VHOST_GET_FEATURES] = "GET_FEATURES",
	[VHOST_SET_FEATURES] = "SET_FEATURES",
	[VHOST_SET_OWNER] = "SET_OWNER",
	[VHOST_RESET_OWNER] = "RESET_OWNER",
	[VHOST_SET_MEM_TABLE] = "SET_MEM_TABLE",
	[VHOST_SET_LOG_BASE] = "SET_LOG_BASE",
	[VHOST_SET_LOG_FD] = "SET_LOG_FD",
	[VHOST_SET_VRING_NUM] = "SET_VRING_NUM",
	[VHOST_SET_VRING_ADDR] = "SET_VRING_ADDR",
	[VHOST_SET_VRING_BASE] = "SET_VRING_BASE",
	[VHOST_GET_VRING_BASE] = "GET_VRING_BASE",
	[VHOST_SET_VRING_KICK] = "SET_VRING_KICK",
	[VHOST_SET_VRING_CALL] = "SET_VRING_CALL",
	[VHOST_SET_VRING_ERR] = "SET_VRING_ERR",
	[VHOST_GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
	[VHOST_SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
	[VHOST_GET_QUEUE_NUM] = "GET_QUEUE_NUM",
	[VHOST_SET_VRING_ENABLE] = "SET_VRING_ENABLE",
	[VHOST_SEND_RARP] = "SEND_RARP",
	[VHOST_NET_SET_MTU] = "NET_SET_MTU",
	[VHOST_SET_BACKEND_REQ_FD] = "SET_BACKEND_REQ_FD",
	[VHOST_IOTLB_MSG] = "IOTLB_MSG",
	[VHOST_SET_VRING_ENDIAN] = "SET_VRING_ENDIAN",
	[VHOST_GET_CONFIG] = "GET_CONFIG",
	[VHOST_SET_CONFIG] = "SET_CONFIG",
	[VHOST_CREATE_CRYPTO_SESSION] = "CREATE_CRYPTO_SESSION",
	[VHOST_CLOSE_CRYPTO_SESSION] = "CLOSE_CRYPTO_SESSION",
	[VHOST_POSTCOPY_ADVISE] = "POSTCOPY_ADVISE",
	[VHOST_POSTCOPY_LISTEN] = "POSTCOPY_LISTEN",
	[VHOST_POSTCOPY_END] = "POSTCOPY_END",
	[VHOST_GET_INFLIGHT_FD] = "GET_INFLIGHT_FD",
	[VHOST_SET_INFLIGHT_FD] = "SET_INFLIGHT_FD",
	[VHOST_GPU_SET_SOCKET] = "GPU_SET_SOCKET",
	[VHOST_RESET_DEVICE] = "RESET_DEVICE",
	[VHOST_VRING_KICK] = "VRING_KICK",
	[VHOST_GET_MAX_MEM_SLOTS] = "GET_MAX_MEM_SLOTS",
	[VHOST_ADD_MEM_REG] = "ADD_MEM_REG",
	[VHOST_REM_MEM_REG] = "REM_MEM_REG",
	[VHOST_SET_STATUS] = "SET_STATUS",
	[VHOST_GET_STATUS] = "GET_STATUS",
	[VHOST_GET_SHARED_OBJECT] = "GET_SHARED_OBJECT",
	[VHOST_SET_DEVICE_STATE_FD] = "SET_DEVICE_STATE_FD",
	[VHOST_CHECK_DEVICE_STATE] = "CHECK_DEVICE_STATE",
};

const char *
vhost_request_name(uint32_t request)
{
	static char text[32];

	if (request < VHOST_REQUEST_COUNT && request_names[request] != NULL)
		return request_names[request];
	snprintf(text, sizeof(text), "request %u", request);
	return text;
}

const char *
vhost_error_name(int error)
{
	switch (error) {
	case 0:
		return "success";
	case -ETIMEDOUT:
		return "no answer in time";
	case -ECONNRESET:
	case -EPIPE:
		return "the connection is closed";
	case -EPROTO:
		return "the answer is malformed";
	case -EREMOTEIO:
		return "the back-end has refused";
	case -EOPNOTSUPP:
		return "the back-end does not offer it";
	default:
		return strerror(-error);
	}
}

int
vhost_send_raw(struct vhost_front *f, const struct vhost_header *h,
    const void *payload, size_t len, const int *fds, size_t count)
{
	union {
		struct cmsghdr	header;
		uint8_t		bytes[CMSG_SPACE(sizeof(int) * VHOST_MAX_FDS)];
	} control;
	struct iovec part[2] = {
		{ .iov_base = (void *)(uintptr_t)h, .iov_len = sizeof(*h) },
		{ .iov_base = (void *)(uintptr_t)payload, .iov_len = len } };
	struct msghdr m = { .msg_iov = part,
	    .msg_iovlen = len > 0 ? 2 : 1 };
	ssize_t n;

	if (count > 0) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * count);
	}
	n = sendmsg(f->sock, &m, MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return (size_t)n == sizeof(*h) + len ? 0 : -EIO;
}

int
vhost_send(struct vhost_front *f, uint32_t request, uint32_t flags,
    const void *payload, size_t len, const int *fds, size_t count)
{
	struct vhost_header h = { .request = request,
	    .flags = VHOST_FLAG_VERSION | flags, .size = (uint32_t)len };

	return vhost_send_raw(f, &h, payload, len, fds, count);
}

static void
vhost_take_fds(struct msghdr *m, struct vhost_message *out)
{
	size_t count;
	int fd;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
	    c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int),
			    sizeof(fd));
			if (out->fd_count < 8)
				out->fds[out->fd_count++] = fd;
			else
				close(fd);
		}
	}
}

/* Exactly so many bytes, and the descriptors that come with them. */
static int
vhost_receive_bytes(struct vhost_front *f, void *into, size_t len,
    struct vhost_message *out, long long end)
{
	uint8_t control[CMSG_SPACE(sizeof(int) * VHOST_MAX_FDS)]
	    __attribute__((aligned(__alignof__(struct cmsghdr))));
	struct pollfd p = { .fd = f->sock, .events = POLLIN };
	uint8_t *at = into;
	ssize_t n;

	while (len > 0) {
		struct iovec part = { .iov_base = at, .iov_len = len };
		struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1,
		    .msg_control = control,
		    .msg_controllen = sizeof(control) };
		long long left = end - procs_now_ms();

		if (poll(&p, 1, left > 0 ? (int)left : 0) == 0)
			return -ETIMEDOUT;
		n = recvmsg(f->sock, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return n == 0 ? -ECONNRESET : -errno;
		vhost_take_fds(&m, out);
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
vhost_receive(struct vhost_front *f, struct vhost_message *m)
{
	long long end = procs_now_ms() + f->timeout_ms;
	int error;

	memset(&m->header, 0, sizeof(m->header));
	m->fd_count = 0;
	error = vhost_receive_bytes(f, &m->header, sizeof(m->header), m, end);
	if (error == 0 && m->header.size > sizeof(m->payload))
		error = -EPROTO;
	if (error == 0)
		error = vhost_receive_bytes(f, &m->payload, m->header.size,
		    m, end);
	if (error != 0)
		while (m->fd_count > 0)
			close(m->fds[--m->fd_count]);
	return error;
}

int
vhost_receive_reply(struct vhost_front *f, uint32_t request, size_t len,
    struct vhost_message *m)
{
	int error = vhost_receive(f, m);

	if (error != 0)
		return error;
	if (m->header.request == request && m->header.size == len &&
	    m->header.flags == (VHOST_FLAG_VERSION | VHOST_FLAG_REPLY))
		return 0;
	while (m->fd_count > 0)
		close(m->fds[--m->fd_count]);
	return -EPROTO;
}

int
vhost_send_acked(struct vhost_front *f, uint32_t request,
    const void *payload, size_t len, const int *fds, size_t count)
{
	int acked = (f->protocol & VHOST_BIT(VHOST_PROTOCOL_REPLY_ACK)) != 0;
	struct vhost_message m;
	int error;

	error = vhost_send(f, request, acked ? VHOST_FLAG_NEED_REPLY : 0,
	    payload, len, fds, count);
	if (error != 0 || !acked)
		return error;
	error = vhost_receive_reply(f, request, sizeof(uint64_t), &m);
	if (error != 0)
		return error;
	while (m.fd_count > 0)
		close(m.fds[--m.fd_count]);
	return m.payload.u64 == 0 ? 0 : -EREMOTEIO;
}

int
vhost_is_closed(struct vhost_front *f, int timeout_ms)
{
	long long end = procs_now_ms() + timeout_ms;
	struct vhost_message m;
	uint8_t byte;
	int error;

	do {
		m.fd_count = 0;
		error = vhost_receive_bytes(f, &byte, 1, &m, end);
		while (m.fd_count > 0)
			close(m.fds[--m.fd_count]);
	} while (error == 0);
	return error != -ETIMEDOUT;
}

int
vhost_get_u64(struct vhost_front *f, uint32_t request, uint64_t *value)
{
	struct vhost_message m;
	int error = vhost_send(f, request, 0, NULL, 0, NULL, 0);

	if (error == 0)
		error = vhost_receive_reply(f, request, sizeof(*value), &m);
	if (error == 0)
		*value = m.payload.u64;
	return error;
}

int
vhost_set_u64(struct vhost_front *f, uint32_t request, uint64_t value)
{
	return vhost_send_acked(f, request, &value, sizeof(value), NULL, 0);
}

static int
vhost_set_state(struct vhost_front *f, uint32_t request, uint32_t index,
    uint32_t num)
{
	struct vhost_vring_state s = { .index = index, .num = num };

	return vhost_send_acked(f, request, &s, sizeof(s), NULL, 0);
}

int
vhost_set_vring_num(struct vhost_front *f, uint32_t index, uint32_t num)
{
	return vhost_set_state(f, VHOST_SET_VRING_NUM, index, num);
}

int
vhost_set_vring_base(struct vhost_front *f, uint32_t index, uint32_t base)
{
	return vhost_set_state(f, VHOST_SET_VRING_BASE, index, base);
}

int
vhost_set_vring_enable(struct vhost_front *f, uint32_t index, uint32_t on)
{
	return vhost_set_state(f, VHOST_SET_VRING_ENABLE, index, on);
}

int
vhost_set_vring_addr(struct vhost_front *f, uint32_t index)
{
	const struct vhost_ring *r = &f->ring[index];
	/* A front-end's own addresses, as in the memory table. */
	struct vhost_vring_addr a = { .index = index,
	    .desc = (uintptr_t)r->desc.base,
	    .used = (uintptr_t)r->used.split,
	    .avail = (uintptr_t)r->avail.split };

	return vhost_send_acked(f, VHOST_SET_VRING_ADDR, &a, sizeof(a), NULL,
	    0);
}

int
vhost_set_vring_fd(struct vhost_front *f, uint32_t request, uint32_t index,
    int fd)
{
	uint64_t word = index | (fd < 0 ? VHOST_VRING_NO_FD : 0);

	return vhost_send_acked(f, request, &word, sizeof(word), &fd,
	    fd >= 0 ? 1 : 0);
}

int
vhost_get_vring_base(struct vhost_front *f, uint32_t index, uint32_t *base)
{
	struct vhost_vring_state s = { .index = index };
	struct vhost_message m;
	int error;

	error = vhost_send(f, VHOST_GET_VRING_BASE, 0, &s, sizeof(s), NULL,
	    0);
	if (error == 0)
		error = vhost_receive_reply(f, VHOST_GET_VRING_BASE,
		    sizeof(s), &m);
	if (error == 0 && m.payload.state.index != index)
		error = -EPROTO;
	if (error == 0)
		*base = m.payload.state.num;
	return error;
}

static struct vhost_memory_region
vhost_region(const struct guest_region *r)
{
	return (struct vhost_memory_region){ .guest_addr = r->guest_addr,
	    .size = r->size, .user_addr = (uintptr_t)r->map,
	    .mmap_offset = r->offset };
}

int
vhost_set_mem_table(struct vhost_front *f, size_t first, size_t count)
{
	struct vhost_memory_table t = { .count = (uint32_t)count };
	int fds[VHOST_TABLE_REGIONS];

	if (count > VHOST_TABLE_REGIONS || first + count > f->mem.count)
		tap_bail("too many regions for a table");
	for (size_t i = 0; i < count; i++) {
		t.region[i] = vhost_region(&f->mem.region[first + i]);
		fds[i] = f->mem.region[first + i].fd;
	}
	return vhost_send_acked(f, VHOST_SET_MEM_TABLE, &t,
	    8 + count * sizeof(t.region[0]), fds, count);
}

int
vhost_add_mem_reg(struct vhost_front *f, const struct guest_region *region)
{
	struct vhost_single_region s = { .region = vhost_region(region) };

	return vhost_send_acked(f, VHOST_ADD_MEM_REG, &s, sizeof(s),
	    &region->fd, 1);
}

int
vhost_rem_mem_reg(struct vhost_front *f, const struct guest_region *region)
{
	struct vhost_single_region s = { .region = vhost_region(region) };

	return vhost_send_acked(f, VHOST_REM_MEM_REG, &s, sizeof(s), NULL, 0);
}

int
vhost_get_config(struct vhost_front *f, uint32_t offset, uint32_t len,
    void *out)
{
	struct vhost_config c = { .offset = offset, .size = len };
	size_t size = 12 + (size_t)len;
	struct vhost_message m;
	int error;

	if (len > sizeof(c.data))
		tap_bail("configuration space is not as large");
	error = vhost_send(f, VHOST_GET_CONFIG, 0, &c, size, NULL, 0);
	if (error == 0)
		error = vhost_receive(f, &m);
	if (error != 0)
		return error;
	if (m.header.request != VHOST_GET_CONFIG)
		return -EPROTO;
	/* How a back-end says no: a payload of size 0. */
	if (m.header.size == 0)
		return -EREMOTEIO;
	if (m.header.size != size || m.payload.config.size != len ||
	    m.payload.config.offset != offset)
		return -EPROTO;
	memcpy(out, m.payload.config.data, len);
	return 0;
}

int
vhost_reset_device(struct vhost_front *f)
{
	return vhost_send_acked(f, VHOST_RESET_DEVICE, NULL, 0, NULL, 0);
}
