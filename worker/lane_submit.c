/*
 * SPDX-License-Identifier: ISC
 *
 * The worker's half of a lane.  Trusts the monitor.
 */
#include "config.h"

#include "common/lane.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <unistd.h>

#include "common/lane_shared.h"

/*
 * Takes the one descriptor of a packet, if it has one.  Returns whether there
 * were more, which are closed: the buffer's alignment leaves room for a second
 * (cmsg(3)).
 */
static bool
lane_take_fd(struct msghdr *msg, int *fd_out)
{
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	size_t i, n;
	int fd;

	if (cmsg == NULL || cmsg->cmsg_level != SOL_SOCKET ||
	    cmsg->cmsg_type != SCM_RIGHTS)
		return false;
	n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
		if (i == 0)
			*fd_out = fd;
		else
			close(fd);
	}
	return n > 1 || (msg->msg_flags & MSG_CTRUNC) != 0;
}

/*
 * Receives one packet.  Returns its type, -EAGAIN if there is none and `flags`
 * has MSG_DONTWAIT, -ENODATA at the end, -EPROTO, or -errno.
 */
static int
lane_receive(struct lane *lane, int flags, uint32_t *slot_out, int *fd_out)
{
	struct lane_packet packet;
	struct iovec iov = { &packet, sizeof(packet) };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	bool surplus;
	ssize_t n;

	*fd_out = -1;
	n = recvmsg(lane->sock, &msg, flags | MSG_CMSG_CLOEXEC);
	if (n == -1)
		return -errno;
	surplus = lane_take_fd(&msg, fd_out);
	if (n == 0)
		return -ENODATA;
	if (surplus || n != sizeof(packet) || packet.magic != LANE_MAGIC ||
	    packet.version != MONITOR_PROTO_VERSION ||
	    (packet.type == LANE_DESCRIPTOR) != (*fd_out != -1)) {
		if (*fd_out != -1)
			close(*fd_out);
		*fd_out = -1;
		return -EPROTO;
	}
	*slot_out = packet.slot;
	return (int)packet.type;
}

int
lane_receive_hello(struct lane *lane)
{
	uint32_t slot;
	int fd, type;

	do {
		type = lane_receive(lane, 0, &slot, &fd);
	} while (type == -EINTR);
	if (type < 0)
		return type;
	return type == LANE_HELLO ? 0 : -EPROTO;
}

int
lane_reserve(struct lane *lane)
{
	int slot;

	if (lane->free_slots == 0)
		return -EAGAIN;
	slot = __builtin_ctzll(lane->free_slots);
	lane->free_slots &= lane->free_slots - 1;
	return slot;
}

struct monitor_request *
lane_request(struct lane *lane, uint32_t slot)
{
	return &lane_slot(lane, slot)->request;
}

uint8_t *
lane_payload(struct lane *lane, uint32_t slot)
{
	return lane_slot(lane, slot)->payload;
}

void
lane_submit(struct lane *lane, uint32_t slot)
{
	struct lane_shared *shared = lane->shared;

	atomic_store_explicit(&shared->submit[lane->submitted % lane->nslots],
	    slot, memory_order_relaxed);
	lane->submitted++;
	atomic_store(&shared->submit_tail, lane->submitted);
	if (atomic_load(&shared->monitor_sleeps) != 0 &&
	    atomic_exchange(&shared->monitor_sleeps, 0) != 0)
		syscall(SYS_futex, &shared->monitor_sleeps, FUTEX_WAKE, 1, NULL,
		    NULL, 0);
}

bool
lane_ready(const struct lane *lane)
{
	return atomic_load_explicit(&lane->shared->complete_tail,
	    memory_order_acquire) != lane->reaped;
}

/* The descriptor of `slot`, which comes before its completion. */
static int
lane_receive_descriptor(struct lane *lane, uint32_t slot, int *fd_out)
{
	uint32_t packet_slot;
	int type;

	do {
		type = lane_receive(lane, MSG_DONTWAIT, &packet_slot, fd_out);
	} while (type == -EINTR);
	if (type < 0)
		return type;
	if (type != LANE_DESCRIPTOR || packet_slot != slot) {
		if (*fd_out != -1)
			close(*fd_out);
		*fd_out = -1;
		return -EPROTO;
	}
	return 0;
}

int
lane_reap(struct lane *lane, uint32_t *slot_out, struct monitor_reply *reply,
    int *fd_out)
{
	uint32_t slot;
	int error;

	*fd_out = -1;
	if (!lane_ready(lane))
		return 0;
	slot = atomic_load_explicit(
	    &lane->shared->complete[lane->reaped % lane->nslots],
	    memory_order_relaxed);
	if (slot >= lane->nslots)
		return -EPROTO;
	memcpy(reply, &lane_slot(lane, slot)->reply, sizeof(*reply));
	if (reply->has_fd) {
		error = lane_receive_descriptor(lane, slot, fd_out);
		if (error != 0)
			return error;
	}
	lane->reaped++;
	*slot_out = slot;
	return 1;
}

void
lane_release(struct lane *lane, uint32_t slot)
{
	lane->free_slots |= UINT64_C(1) << slot;
}

bool
lane_sleep_begin(struct lane *lane)
{
	atomic_store(&lane->shared->worker_sleeps, 1);
	if (atomic_load(&lane->shared->complete_tail) == lane->reaped)
		return true;
	atomic_store(&lane->shared->worker_sleeps, 0);
	return false;
}

void
lane_sleep_end(struct lane *lane)
{
	atomic_store(&lane->shared->worker_sleeps, 0);
}

void
lane_set_owed(struct lane *lane, enum lane_owed owed)
{
	atomic_store(&lane->shared->owed, (uint32_t)owed);
}

void
lane_monitor_counters(const struct lane *lane, struct adaptive_counters *out)
{
	out->paid = atomic_load_explicit(&lane->shared->polls_paid,
	    memory_order_relaxed);
	out->slept = atomic_load_explicit(&lane->shared->polls_slept,
	    memory_order_relaxed);
}
