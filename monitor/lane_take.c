/*
 * SPDX-License-Identifier: ISC
 *
 * The monitor's half of a lane.  Runs privileged on memory that the worker
 * writes at any moment: it loads each word once, and trusts only what it
 * copied.
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
 * Copies what the other side may be writing.  The barrier keeps the compiler
 * from reading it again in place of the copy.
 */
static void
lane_copy(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	__asm__ volatile("" ::: "memory");
}

/* Sends a packet, with a descriptor if `fd` is not -1.  Never blocks. */
static int
lane_send(struct lane *lane, enum lane_packet_type type, uint32_t slot, int fd)
{
	struct lane_packet packet = { LANE_MAGIC, type, MONITOR_PROTO_VERSION,
	    slot };
	struct iovec iov = { &packet, sizeof(packet) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct cmsghdr *cmsg;

	if (fd != -1) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	/* A worker that is gone is the launcher's business. */
	if (sendmsg(lane->sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == -1 &&
	    errno != EPIPE && errno != ECONNRESET)
		return -errno;
	return 0;
}

/*
 * A counter that the worker has filled up says EAGAIN (eventfd(2)): it has only
 * itself to blame.
 */
static void
lane_ring(const struct lane *lane)
{
	const uint64_t one = 1;

	while (write(lane->bell, &one, sizeof(one)) == -1 && errno == EINTR)
		continue;
}

int
lane_send_hello(struct lane *lane)
{
	return lane_send(lane, LANE_HELLO, 0, -1);
}

int
lane_take(struct lane *lane, uint32_t *slot_out,
    struct monitor_request *request, uint8_t *payload, const char **why_out)
{
	const struct lane_slot *from;
	uint32_t tail, slot;
	size_t len;

	tail = atomic_load_explicit(&lane->shared->submit_tail,
	    memory_order_acquire);
	if (tail == lane->taken)
		return 0;
	if (tail - lane->taken > lane->nslots) {
		*why_out = "more submissions than slots";
		return -EPROTO;
	}
	slot = atomic_load_explicit(
	    &lane->shared->submit[lane->taken % lane->nslots],
	    memory_order_relaxed);
	if (slot >= lane->nslots) {
		*why_out = "a slot number out of range";
		return -EPROTO;
	}
	from = lane_slot(lane, slot);
	lane_copy(request, &from->request, sizeof(*request));
	len = (size_t)request->place[0].path_len + request->place[0].name_len +
	    request->place[1].path_len + request->place[1].name_len;
	if (request->data_len > MONITOR_PAYLOAD_MAX ||
	    len + request->data_len > MONITOR_PAYLOAD_MAX) {
		*why_out = "a payload longer than its slot";
		return -EPROTO;
	}
	len += request->data_len;
	lane_copy(payload, from->payload, len);
	lane->taken++;
	*slot_out = slot;
	return 1;
}

uint8_t *
lane_reply_payload(struct lane *lane, uint32_t slot)
{
	return lane_slot(lane, slot)->payload;
}

int
lane_complete(struct lane *lane, uint32_t slot, struct monitor_reply *reply,
    int fd)
{
	struct lane_shared *shared = lane->shared;
	int error;

	reply->has_fd = fd != -1;
	if (fd != -1) {
		/* Before the completion, so that it is there when that is. */
		error = lane_send(lane, LANE_DESCRIPTOR, slot, fd);
		if (error != 0)
			return error;
	}
	memcpy(&lane_slot(lane, slot)->reply, reply, sizeof(*reply));
	atomic_store_explicit(&shared->complete[lane->completed % lane->nslots],
	    slot, memory_order_relaxed);
	lane->completed++;
	atomic_store(&shared->complete_tail, lane->completed);
	/*
	 * Sequentially consistent against lane_sleep_begin(): either the
	 * worker sees the completion or this sees its flag.
	 */
	if (atomic_load(&shared->worker_sleeps) != 0 &&
	    atomic_exchange(&shared->worker_sleeps, 0) != 0)
		lane_ring(lane);
	return 0;
}

static bool
lane_submitted(const struct lane *lane)
{
	return atomic_load(&lane->shared->submit_tail) != lane->taken;
}

static void
lane_publish_counters(struct lane *lane)
{
	atomic_store_explicit(&lane->shared->polls_paid,
	    lane->wait.counters.paid, memory_order_relaxed);
	atomic_store_explicit(&lane->shared->polls_slept,
	    lane->wait.counters.slept, memory_order_relaxed);
}

void
lane_wait(struct lane *lane)
{
	_Atomic uint32_t *sleeps = &lane->shared->monitor_sleeps;

	adaptive_begin(&lane->wait);
	do {
		if (lane_submitted(lane)) {
			adaptive_paid(&lane->wait);
			lane_publish_counters(lane);
			return;
		}
	} while (adaptive_spin(&lane->wait));

	atomic_store(sleeps, 1);
	/* Returns at once if lane_submit() has set the word back by then. */
	if (!lane_submitted(lane))
		syscall(SYS_futex, sleeps, FUTEX_WAIT, 1, NULL, NULL, 0);
	atomic_store(sleeps, 0);
	adaptive_slept(&lane->wait);
	lane_publish_counters(lane);
}
