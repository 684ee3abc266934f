/*
 * SPDX-License-Identifier: ISC
 *
 * The lane.  The monitor's half runs privileged on memory that the worker
 * writes at any moment: it loads each word once, and trusts only what it
 * copied.
 */
#include "config.h"

#include "common/lane.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define LANE_PAGE	4096
#define LANE_MAGIC	0x656e616cU	/* "lane" */
#define LANE_SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* What one side writes does not share a cache line with what the other does. */
struct lane_shared {
	/* Worker. */
	_Alignas(64)
	_Atomic uint32_t	submit_tail;
	_Atomic uint32_t	worker_sleeps;
	_Atomic uint32_t	owed;		/* enum lane_owed */
	_Atomic uint32_t	submit[LANE_SLOTS_MAX];
	/* Monitor. */
	_Alignas(64)
	_Atomic uint32_t	complete_tail;
	_Atomic uint32_t	complete[LANE_SLOTS_MAX];
	_Atomic uint64_t	polls_paid;
	_Atomic uint64_t	polls_slept;
	/*
	 * The futex that the monitor sleeps on: 1 while it does.  Both sides
	 * write it.
	 */
	_Alignas(64)
	_Atomic uint32_t	monitor_sleeps;
};
_Static_assert(sizeof(struct lane_shared) <= LANE_PAGE, "one page");

/* Worker writes request and payload; then the monitor reply and payload. */
struct lane_slot {
	struct monitor_request	request;
	struct monitor_reply	reply;
	_Alignas(LANE_PAGE)
	uint8_t			payload[MONITOR_PAYLOAD_MAX];
};
_Static_assert(sizeof(struct lane_slot) % LANE_PAGE == 0, "page aligned");

/* The packets on the socket. */
enum lane_packet_type {
	LANE_HELLO = 1,
	LANE_DOORBELL,
	LANE_DESCRIPTOR		/* of the reply in `slot` */
};

struct lane_packet {
	uint32_t	magic;
	uint32_t	type;
	uint32_t	version;
	uint32_t	slot;
};

static size_t
lane_size(uint32_t nslots)
{
	return LANE_PAGE + nslots * sizeof(struct lane_slot);
}

static bool
lane_nslots_valid(uint32_t nslots)
{
	return nslots > 0 && nslots <= LANE_SLOTS_MAX &&
	    (nslots & (nslots - 1)) == 0;
}

static struct lane_slot *
lane_slot(struct lane *lane, uint32_t slot)
{
	uint8_t *base = (uint8_t *)lane->shared + LANE_PAGE;

	return (struct lane_slot *)(void *)base + slot;
}

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

static long
lane_futex(_Atomic uint32_t *word, int op, uint32_t value)
{
	return syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

int
lane_create(uint32_t nslots, int *memory_fd_out, int *monitor_sock_out,
    int *worker_sock_out)
{
	int fd = -1, error, sock[2];

	if (!lane_nslots_valid(nslots))
		return -EINVAL;
	fd = memfd_create("lane", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -errno;
	if (ftruncate(fd, (off_t)lane_size(nslots)) == -1)
		goto fail;
	/* memfd_create(2): a shrunken file would be SIGBUS in the monitor. */
	if (fcntl(fd, F_ADD_SEALS, LANE_SEALS) == -1)
		goto fail;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) == -1)
		goto fail;
	/* The monitor's end only sends; a worker that does gets EPIPE. */
	shutdown(sock[0], SHUT_RD);
	*memory_fd_out = fd;
	*monitor_sock_out = sock[0];
	*worker_sock_out = sock[1];
	return 0;

fail:
	error = -errno;
	close(fd);
	return error;
}

const struct lane_shared *
lane_watch(int memory_fd)
{
	void *map;

	map = mmap(NULL, LANE_PAGE, PROT_READ, MAP_SHARED, memory_fd, 0);
	return map == MAP_FAILED ? NULL : map;
}

enum lane_owed
lane_watch_owed(const struct lane_shared *shared)
{
	uint32_t owed = atomic_load(&shared->owed);

	return owed <= LANE_OWED_PARTIAL ? (enum lane_owed)owed :
	    LANE_OWED_NOTHING;
}

static int
lane_check_memory(int fd, uint32_t nslots)
{
	struct stat st;
	int seals;

	if (!lane_nslots_valid(nslots))
		return -EPROTO;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals == -1 || (seals & LANE_SEALS) != LANE_SEALS)
		return -EPROTO;
	if (fstat(fd, &st) == -1)
		return -errno;
	return st.st_size == (off_t)lane_size(nslots) ? 0 : -EPROTO;
}

int
lane_attach(struct lane *lane, int memory_fd, int sock, uint32_t nslots)
{
	void *map;
	int error;

	*lane = (struct lane){ .sock = sock, .nslots = nslots };
	error = lane_check_memory(memory_fd, nslots);
	if (error != 0)
		goto fail;
	lane->shared_size = lane_size(nslots);
	map = mmap(NULL, lane->shared_size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    memory_fd, 0);
	if (map == MAP_FAILED) {
		error = -errno;
		goto fail;
	}
	close(memory_fd);
	lane->shared = map;
	lane->free_slots = UINT64_MAX >> (64 - nslots);
	return 0;

fail:
	close(memory_fd);
	close(sock);
	lane->sock = -1;
	return error;
}

void
lane_detach(struct lane *lane)
{
	if (lane->shared == NULL)
		return;
	munmap(lane->shared, lane->shared_size);
	close(lane->sock);
	*lane = (struct lane){ .sock = -1 };
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
	if (sendmsg(lane->sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		return -errno;
	return 0;
}

int
lane_send_hello(struct lane *lane)
{
	return lane_send(lane, LANE_HELLO, 0, -1);
}

int
lane_take(struct lane *lane, uint32_t *slot_out,
    struct monitor_request *request, uint8_t *payload,
    uint32_t *payload_len_out, const char **why_out)
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
	*payload_len_out = (uint32_t)len;
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
	if (fd == -1 && atomic_load(&shared->worker_sleeps) != 0 &&
	    atomic_exchange(&shared->worker_sleeps, 0) != 0) {
		error = lane_send(lane, LANE_DOORBELL, 0, -1);
		/* A full socket wakes as well as one doorbell more. */
		if (error != 0 && error != -EAGAIN)
			return error;
	}
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
		lane_futex(sleeps, FUTEX_WAIT, 1);
	atomic_store(sleeps, 0);
	adaptive_slept(&lane->wait);
	lane_publish_counters(lane);
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
	struct cmsghdr *cmsg;
	ssize_t n;

	*fd_out = -1;
	n = recvmsg(lane->sock, &msg, flags | MSG_CMSG_CLOEXEC);
	if (n == -1)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg != NULL && cmsg->cmsg_level == SOL_SOCKET &&
	    cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd_out, CMSG_DATA(cmsg), sizeof(int));
	if (n == 0)
		return -ENODATA;
	if (n != sizeof(packet) || packet.magic != LANE_MAGIC ||
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
		lane_futex(&shared->monitor_sleeps, FUTEX_WAKE, 1);
}

bool
lane_ready(const struct lane *lane)
{
	return atomic_load_explicit(&lane->shared->complete_tail,
	    memory_order_acquire) != lane->reaped;
}

/* The descriptor of `slot`; doorbells rung before it are passed over. */
static int
lane_receive_descriptor(struct lane *lane, uint32_t slot, int *fd_out)
{
	uint32_t packet_slot;
	int type;

	do {
		type = lane_receive(lane, MSG_DONTWAIT, &packet_slot, fd_out);
	} while (type == LANE_DOORBELL || type == -EINTR);
	if (type < 0)
		return type;
	if (type != LANE_DESCRIPTOR || packet_slot != slot) {
		if (*fd_out != -1)
			close(*fd_out);
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

/*
 * Takes a doorbell off the socket if that is what comes first.  A descriptor
 * rings as well, and must stay for lane_reap(): so this looks before it takes,
 * without a control buffer, which installs no descriptor (recv(2)).
 */
static bool
lane_answer_doorbell(struct lane *lane)
{
	struct lane_packet packet;
	ssize_t n;

	n = recv(lane->sock, &packet, sizeof(packet),
	    MSG_PEEK | MSG_DONTWAIT);
	if (n != sizeof(packet) || packet.type != LANE_DOORBELL)
		return false;
	return recv(lane->sock, &packet, sizeof(packet), MSG_DONTWAIT) > 0;
}

void
lane_sleep_end(struct lane *lane)
{
	atomic_store(&lane->shared->worker_sleeps, 0);
	while (lane_answer_doorbell(lane))
		continue;
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
