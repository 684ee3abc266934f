/*
 * SPDX-License-Identifier: ISC
 *
 * What a worker that was taken over can do with its end of the lane: the
 * memory, which it may write at any moment, and the socket.  Test code.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "regress/pen/pen_worker.h"

#define OPENS		100000
#define REQUESTS	20000
#define PATIENCE_MS	20000	/* to wait for one answer */

static struct pen_message message;

static void __attribute__((noreturn))
wait_for_the_end(void)
{
	for (;;)
		pause();
}

static void
wake_monitor(struct pen_worker *w)
{
	atomic_store(&w->lane->shared->monitor_sleeps, 0);
	syscall(SYS_futex, &w->lane->shared->monitor_sleeps, FUTEX_WAKE, 1,
	    NULL, NULL, 0);
}

/*
 * Submits slot 0 and waits for the answer without touching the socket.
 * Returns false if none comes.
 */
static bool
exchange_blindly(struct pen_worker *w)
{
	uint64_t end = worker_now_ms() + PATIENCE_MS;

	lane_submit(w->lane, 0);
	while (!lane_ready(w->lane)) {
		if (worker_now_ms() > end)
			return false;
		sched_yield();
	}
	w->lane->reaped++;
	return true;
}

static int64_t
same_slot(struct pen_worker *w)
{
	struct monitor_reply reply;
	int64_t answered = 0;
	uint32_t slot;
	int fd, result;

	worker_good(w, &message, MONITOR_GETATTR);
	worker_fill(w, 0, &message);
	for (uint32_t i = 0; i < w->lane->nslots; i++)
		lane_submit(w->lane, 0);
	for (uint32_t i = 0; i < w->lane->nslots; i++) {
		while ((result = lane_reap(w->lane, &slot, &reply, &fd)) == 0)
			sched_yield();
		if (result == 1 && slot == 0 && reply.error == 0)
			answered++;
	}
	return answered;
}

/* Sends to the monitor, which has said that it does not read. */
static int64_t
lane_send_fds(struct pen_worker *w, uint32_t nfds)
{
	static union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(250 * sizeof(int))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)"data", 4 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[250];

	for (size_t i = 0; i < 250; i++)
		fds[i] = w->connection;
	if (nfds > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fds,
		    nfds * sizeof(int));
	}
	return sendmsg(w->lane->sock, &msg, MSG_NOSIGNAL) == -1 ? errno : 0;
}

/* The size and the seals of the memory; then a hole in all of the slots. */
static int64_t
change_memory(struct pen_worker *w)
{
	struct monitor_reply reply;
	int64_t worked = 0;
	struct stat st;
	int fd;

	if (fstat(w->memory_fd, &st) == -1)
		return -1;
	worked += ftruncate(w->memory_fd, 0) == 0;
	worked += ftruncate(w->memory_fd, st.st_size - 4096) == 0;
	worked += ftruncate(w->memory_fd, st.st_size + 4096) == 0;
	worked += fallocate(w->memory_fd, 0, st.st_size, 4096) == 0;
	worked += fcntl(w->memory_fd, F_ADD_SEALS, F_SEAL_WRITE) == 0;
	worked += fcntl(w->memory_fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0;
	fallocate(w->memory_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    LANE_PAGE, st.st_size - LANE_PAGE);
	worker_good(w, &message, MONITOR_GETATTR);
	worker_fill(w, 0, &message);
	if (worker_exchange(w, 0, &reply, &fd) != 1 || reply.error != 0)
		return -1;
	return worked;
}

/*
 * Returns OPENS if the monitor answered all, which are more than the socket
 * holds (LANE_PACKET_ROOM).
 */
static int64_t
open_without_receiving(struct pen_worker *w)
{
	struct effort effort;

	worker_good(w, &message, MONITOR_OPEN);
	worker_fill(w, 0, &message);
	effort_begin(&effort, OPENS);
	while (effort_goes_on(&effort) && exchange_blindly(w))
		effort.good++;
	return effort_end(&effort);
}

static int64_t
ask_for_doorbells(struct pen_worker *w)
{
	struct effort effort;

	worker_good(w, &message, MONITOR_GETATTR);
	worker_fill(w, 0, &message);
	effort_begin(&effort, REQUESTS);
	while (effort_goes_on(&effort)) {
		atomic_store(&w->lane->shared->worker_sleeps, 1);
		if (!exchange_blindly(w))
			break;
		if (lane_slot(w->lane, 0)->reply.error == 0)
			effort.good++;
	}
	return effort_end(&effort);
}

/* One more would be too many for the counter (eventfd(2)). */
static bool
fill_bell(struct pen_worker *w)
{
	const uint64_t most = UINT64_MAX - 1;
	uint64_t count;

	if (read(w->lane->bell, &count, sizeof(count)) == -1 &&
	    errno != EAGAIN)
		return false;
	return write(w->lane->bell, &most, sizeof(most)) == sizeof(most);
}

/* A piece of the memory for a thread to scribble on. */
struct piece {
	_Atomic uint32_t	*words;
	size_t			 n;
};

struct scribbler {
	pthread_t		thread;
	struct piece		pieces[8];
	size_t			npieces;
	_Atomic bool		stop;
};

static void *
scribble(void *arg)
{
	static const uint32_t values[] = { 0, 1, 2, 3, 4, 5, 0x2e2e2e2e,
	    0x2f2e2e2f, 255, 4095, 65535, 0x80000000, UINT32_MAX };
	struct scribbler *s = arg;
	struct piece *piece;
	uint64_t x = 88172645463325252;

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		piece = &s->pieces[x % s->npieces];
		atomic_store_explicit(&piece->words[(x >> 8) % piece->n],
		    values[(x >> 40) % (sizeof(values) / sizeof(values[0]))],
		    memory_order_relaxed);
	}
	return NULL;
}

static void
scribble_add(struct scribbler *s, void *memory, size_t bytes)
{
	s->pieces[s->npieces++] = (struct piece){ memory, bytes / 4 };
}

static int64_t
scribbled_stream(struct pen_worker *w, struct scribbler *s, int op)
{
	struct effort effort;

	worker_good(w, &message, (uint32_t)op);
	if (pthread_create(&s->thread, NULL, scribble, s) != 0)
		return -1;
	effort_begin(&effort, REQUESTS);
	while (effort_goes_on(&effort)) {
		worker_fill(w, 0, &message);
		if (!exchange_blindly(w))
			break;
		if (lane_slot(w->lane, 0)->reply.error == 0)
			effort.good++;
	}
	atomic_store(&s->stop, true);
	pthread_join(s->thread, NULL);
	return effort_end(&effort);
}

static int64_t
scribble_all(struct pen_worker *w)
{
	static struct scribbler s;

	/* The ring, and requests: most of the rest is payload. */
	scribble_add(&s, w->lane->shared, sizeof(struct lane_shared));
	for (uint32_t i = 0; i < 3; i++)
		scribble_add(&s, lane_slot(w->lane, i), 512);
	scribble_add(&s, w->lane->shared, w->lane->shared_size);
	return scribbled_stream(w, &s, MONITOR_MKDIR);
}

/* All that only the monitor writes, and slots that nobody submits. */
static int64_t
scribble_replies(struct pen_worker *w)
{
	static struct scribbler s;
	struct lane_shared *shared = w->lane->shared;

	scribble_add(&s, shared->complete, sizeof(shared->complete));
	scribble_add(&s, &shared->polls_paid, sizeof(shared->polls_paid));
	scribble_add(&s, &shared->polls_slept, sizeof(shared->polls_slept));
	scribble_add(&s, &shared->owed, sizeof(shared->owed));
	for (uint32_t i = 1; i < 4; i++)
		scribble_add(&s, lane_slot(w->lane, i),
		    sizeof(struct lane_slot));
	return scribbled_stream(w, &s, MONITOR_GETATTR);
}

int64_t
attack_lane(struct pen_worker *w, enum pen_attack attack, uint32_t arg)
{
	switch (attack) {
	case ATTACK_OWED:
		atomic_store(&w->lane->shared->owed, arg);
		return 0;
	case ATTACK_RING_SLOT:
		lane_submit(w->lane, arg);
		wait_for_the_end();
	case ATTACK_RING_TAIL:
		atomic_fetch_add(&w->lane->shared->submit_tail, arg);
		wake_monitor(w);
		wait_for_the_end();
	case ATTACK_SAME_SLOT:
		return same_slot(w);
	case ATTACK_LANE_SEND:
		return lane_send_fds(w, arg);
	case ATTACK_MEMORY:
		return change_memory(w);
	case ATTACK_SHUTDOWN:
		shutdown(w->lane->sock, SHUT_RDWR);
		return open_without_receiving(w) == OPENS ? 0 : -1;
	case ATTACK_NO_RECEIVE:
		open_without_receiving(w);
		wait_for_the_end();
	case ATTACK_DOORBELLS:
		return ask_for_doorbells(w);
	case ATTACK_BELL:
		return fill_bell(w) ? ask_for_doorbells(w) : -1;
	case ATTACK_SCRIBBLE:
		return scribble_all(w);
	case ATTACK_SCRIBBLE_REPLIES:
		return scribble_replies(w);
	default:
		return -1;
	}
}
