/*
 * SPDX-License-Identifier: ISC
 *
 * Both ends of a lane, and each with a hostile other side: scribbled indexes,
 * lengths and slot numbers, before and while they are read; packets and
 * descriptors on the socket that do not belong there; memory that is no lane.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/lane.h"
#include "common/lane_shared.h"

#define SLOTS		4
#define REQUESTS	100000
#define SCRIBBLED	1000000
#define LIMIT_S		120		/* a lost wake-up hangs: SIGALRM */

static struct lane monitor, worker;
static struct monitor_request taken;
static uint8_t payload[MONITOR_PAYLOAD_MAX];
static uint32_t taken_slot;
static int bell_epoll;
static const char *why;

static void
connect_lane(uint32_t nslots)
{
	int bell, bell_copy, copy, memory, ours, theirs;

	assert_int_equal(lane_create(nslots, &memory, &ours, &theirs, &bell),
	    0);
	copy = fcntl(memory, F_DUPFD_CLOEXEC, 0);
	bell_copy = fcntl(bell, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(lane_attach(&monitor, memory, ours, bell, nslots),
	    0);
	assert_int_equal(lane_attach(&worker, copy, theirs, bell_copy, nslots),
	    0);
}

static int
set_up(void **state)
{
	(void)state;
	why = NULL;
	connect_lane(SLOTS);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	lane_detach(&monitor);
	lane_detach(&worker);
	return 0;
}

static int
take(void)
{
	return lane_take(&monitor, &taken_slot, &taken, payload, &why);
}

/* Fills a slot with a request that says it has that many bytes of data. */
static uint32_t
submit(uint32_t op, uint32_t data_len)
{
	int slot = lane_reserve(&worker);

	assert_true(slot >= 0);
	*lane_request(&worker, (uint32_t)slot) = (struct monitor_request){
	    .op = op, .data_len = data_len };
	memset(lane_payload(&worker, (uint32_t)slot), (int)op, 16);
	lane_submit(&worker, (uint32_t)slot);
	return (uint32_t)slot;
}

static void
test_create(void **state)
{
	static const uint32_t bad[] = { 0, 3, 5, 65, 128, UINT32_MAX };
	int bell, memory, ours, theirs;
	struct stat st;
	uint32_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(lane_create(bad[i], &memory, &ours, &theirs,
		    &bell), -EINVAL);
	for (n = 1; n <= LANE_SLOTS_MAX; n *= 2) {
		assert_int_equal(lane_create(n, &memory, &ours, &theirs,
		    &bell), 0);
		assert_int_equal(fcntl(memory, F_GETFD), FD_CLOEXEC);
		assert_int_equal(fcntl(ours, F_GETFD), FD_CLOEXEC);
		assert_int_equal(fcntl(theirs, F_GETFD), FD_CLOEXEC);
		assert_int_equal(fcntl(bell, F_GETFD), FD_CLOEXEC);
		assert_int_equal(fstat(memory, &st), 0);
		/* Who has it can change neither its size nor its seals. */
		assert_int_equal(ftruncate(memory, 0), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(ftruncate(memory, st.st_size + 4096), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE), -1);
		/* And the worker cannot send to the monitor. */
		assert_int_equal(send(theirs, "x", 1, MSG_NOSIGNAL), -1);
		assert_int_equal(errno, EPIPE);
		close(memory);
		close(ours);
		close(theirs);
		close(bell);
	}
}

/* lane_attach() must refuse it, and close the descriptors all the same. */
static void
refuse(int memory, uint32_t nslots)
{
	struct lane lane;
	int bell, sock[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock), 0);
	bell = eventfd(0, 0);
	assert_int_equal(lane_attach(&lane, memory, sock[0], bell, nslots),
	    -EPROTO);
	assert_int_equal(fcntl(bell, F_GETFD), -1);
	assert_int_equal(fcntl(memory, F_GETFD), -1);
	assert_int_equal(fcntl(sock[0], F_GETFD), -1);
	lane_detach(&lane);
	close(sock[1]);
}

static void
test_attach_refuses(void **state)
{
	static const struct {
		int	seals;
		off_t	surplus;
	} cases[] = {
		{ 0, 0 }, { F_SEAL_SHRINK, 0 }, { F_SEAL_GROW, 0 },
		{ F_SEAL_SHRINK | F_SEAL_GROW, 0 },
		{ F_SEAL_GROW | F_SEAL_SEAL, 0 },
		{ F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, 4096 },
		{ F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, -1 },
		{ F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, -4096 },
	};
	off_t right = LANE_PAGE + SLOTS * (off_t)sizeof(struct lane_slot);
	int bell, fd, pair[2], ours, theirs;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fd = memfd_create("test", MFD_ALLOW_SEALING);
		assert_int_equal(ftruncate(fd, right + cases[i].surplus), 0);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, cases[i].seals), 0);
		refuse(fd, SLOTS);
	}
	/* What is no memfd; another number of slots; no such number. */
	assert_int_equal(pipe(pair), 0);
	close(pair[1]);
	refuse(pair[0], SLOTS);
	for (uint32_t n = 0; n < 9; n++) {
		if (n == SLOTS)
			continue;
		assert_int_equal(lane_create(SLOTS, &fd, &ours, &theirs,
		    &bell), 0);
		close(bell);
		close(ours);
		close(theirs);
		refuse(fd, n);
	}
}

static void
test_round_trip(void **state)
{
	struct monitor_reply reply = { .error = -7, .data_len = 3 }, got;
	uint32_t slot, got_slot;
	int fd;

	(void)state;
	assert_int_equal(take(), 0);
	for (int i = 0; i < 1000; i++) {
		slot = submit(5, 16);
		assert_int_equal(take(), 1);
		assert_int_equal(taken_slot, slot);
		assert_int_equal(taken.op, 5);
		assert_int_equal(payload[15], 5);
		assert_int_equal(take(), 0);
		assert_false(lane_ready(&worker));
		memcpy(lane_reply_payload(&monitor, slot), "abc", 3);
		assert_int_equal(lane_complete(&monitor, slot, &reply,
		    i % 2 == 0 ? -1 : 0), 0);
		assert_true(lane_ready(&worker));
		assert_int_equal(lane_reap(&worker, &got_slot, &got, &fd), 1);
		assert_int_equal(got_slot, slot);
		assert_int_equal(got.error, -7);
		assert_memory_equal(lane_payload(&worker, slot), "abc", 3);
		assert_true(i % 2 == 0 ? fd == -1 : fd >= 0);
		if (fd != -1)
			assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		if (fd != -1)
			close(fd);
		assert_int_equal(lane_reap(&worker, &got_slot, &got, &fd), 0);
		lane_release(&worker, slot);
	}
}

/* All slots in flight, completed in another order. */
static void
test_order(void **state)
{
	struct monitor_reply reply = { 0 }, got;
	uint32_t i, slot;
	int fd;

	(void)state;
	for (i = 0; i < SLOTS; i++)
		submit(i + 1, 0);
	assert_int_equal(lane_reserve(&worker), -EAGAIN);
	for (i = 0; i < SLOTS; i++)
		assert_int_equal(take(), 1);
	assert_int_equal(take(), 0);
	for (i = SLOTS; i-- > 0;) {
		reply.size = i;
		assert_int_equal(lane_complete(&monitor, i, &reply, 0), 0);
	}
	for (i = SLOTS; i-- > 0;) {
		assert_int_equal(lane_reap(&worker, &slot, &got, &fd), 1);
		assert_int_equal(slot, i);
		assert_int_equal(got.size, i);
		close(fd);
		lane_release(&worker, slot);
	}
	assert_true(lane_reserve(&worker) >= 0);
}

/* Every value that is wrong in the ring is told from all that are right. */
static void
test_hostile_ring(void **state)
{
	static const struct {
		uint32_t	tail;
		uint32_t	slot;
		const char	*want;
	} cases[] = {
		{ SLOTS + 1, 0, "more submissions than slots" },
		{ UINT32_MAX, 0, "more submissions than slots" },
		{ 0x80000000, 0, "more submissions than slots" },
		{ 1, SLOTS, "a slot number out of range" },
		{ 1, LANE_SLOTS_MAX, "a slot number out of range" },
		{ 1, 0x80000000, "a slot number out of range" },
		{ 1, UINT32_MAX, "a slot number out of range" },
		{ SLOTS, UINT32_MAX, "a slot number out of range" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		atomic_store(&worker.shared->submit[0], cases[i].slot);
		atomic_store(&worker.shared->submit_tail, cases[i].tail);
		assert_int_equal(take(), -EPROTO);
		assert_string_equal(why, cases[i].want);
		tear_down(state);
		set_up(state);
	}
	/* A tail that runs back. */
	submit(1, 0);
	assert_int_equal(take(), 1);
	atomic_store(&worker.shared->submit_tail, 0);
	assert_int_equal(take(), -EPROTO);
	assert_string_equal(why, "more submissions than slots");
}

static void
test_hostile_lengths(void **state)
{
	static const struct {
		uint16_t	place[4];
		uint32_t	data;
		int		want;
	} cases[] = {
		{ { 0, 0, 0, 0 }, MONITOR_PAYLOAD_MAX, 1 },
		{ { 0, 0, 0, 0 }, MONITOR_PAYLOAD_MAX + 1, -EPROTO },
		{ { 1, 0, 0, 0 }, MONITOR_PAYLOAD_MAX, -EPROTO },
		{ { 0, 1, 0, 0 }, MONITOR_PAYLOAD_MAX, -EPROTO },
		{ { 0, 0, 1, 0 }, MONITOR_PAYLOAD_MAX, -EPROTO },
		{ { 0, 0, 0, 1 }, MONITOR_PAYLOAD_MAX, -EPROTO },
		{ { 1, 1, 1, 1 }, MONITOR_PAYLOAD_MAX - 4, 1 },
		{ { 1, 1, 1, 1 }, MONITOR_PAYLOAD_MAX - 3, -EPROTO },
		{ { 65535, 0, 0, 0 }, 0, 1 },
		{ { 65535, 65535, 0, 0 }, 0, -EPROTO },
		{ { 65535, 65535, 65535, 65535 }, 0, -EPROTO },
		{ { 0, 0, 0, 0 }, UINT32_MAX, -EPROTO },
		/* Would be 0 if added up in 32 bits. */
		{ { 1, 0, 0, 0 }, UINT32_MAX, -EPROTO },
		{ { 65535, 65535, 65535, 65535 }, UINT32_MAX - 262139,
		    -EPROTO },
		{ { 0, 0, 0, 0 }, 0x80000000, -EPROTO },
	};
	struct monitor_request *request;
	uint32_t slot;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		slot = (uint32_t)lane_reserve(&worker);
		request = lane_request(&worker, slot);
		*request = (struct monitor_request){
		    .data_len = cases[i].data, .place = {
		    { 0, cases[i].place[0], cases[i].place[1], 0 },
		    { 0, cases[i].place[2], cases[i].place[3], 0 } } };
		lane_submit(&worker, slot);
		assert_int_equal(take(), cases[i].want);
		if (cases[i].want < 0)
			assert_string_equal(why,
			    "a payload longer than its slot");
		tear_down(state);
		set_up(state);
	}
}

/* One slot that is submitted many times at once is as many requests. */
static void
test_same_slot(void **state)
{
	struct monitor_reply reply = { 0 };

	(void)state;
	submit(9, 0);
	for (int i = 1; i < SLOTS; i++)
		lane_submit(&worker, 0);
	for (int i = 0; i < SLOTS; i++) {
		assert_int_equal(take(), 1);
		assert_int_equal(taken_slot, 0);
		assert_int_equal(lane_complete(&monitor, 0, &reply, -1), 0);
	}
	assert_int_equal(take(), 0);
}

/* What the monitor wrote it does not read: all of it may be scribbled on. */
static void
test_scribbled_answers(void **state)
{
	struct monitor_reply reply = { 0 };
	struct lane_shared *shared = worker.shared;

	(void)state;
	for (int i = 0; i < 100; i++) {
		lane_release(&worker, 0);
		submit(9, 0);
		atomic_store(&shared->complete_tail, UINT32_MAX);
		for (int j = 0; j < LANE_SLOTS_MAX; j++)
			atomic_store(&shared->complete[j], UINT32_MAX);
		atomic_store(&shared->polls_paid, UINT64_MAX);
		memset(lane_slot(&worker, 0)->payload, 0xff, 100);
		assert_int_equal(take(), 1);
		assert_int_equal(lane_complete(&monitor, taken_slot, &reply,
		    -1), 0);
		assert_int_equal(atomic_load(&shared->complete_tail), i + 1);
		assert_int_equal(atomic_load(
		    &shared->complete[i % SLOTS]), 0);
	}
}

/* A thread that writes random words all over the memory. */
struct scribbler {
	pthread_t		thread;
	_Atomic uint32_t	*words;
	size_t			first, n;
	_Atomic bool		stop;
};

static void *
scribble(void *arg)
{
	/* Values that are nearly right are worth more than random ones. */
	static const uint32_t values[] = { 0, 1, 3, 4, 5, 255, 256, 4095,
	    65535, 0x00ff00ff, MONITOR_PAYLOAD_MAX, 0x80000000, UINT32_MAX };
	struct scribbler *s = arg;
	uint64_t x = 88172645463325252;

	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		atomic_store_explicit(&s->words[s->first + x % s->n],
		    values[(x >> 32) % (sizeof(values) / sizeof(values[0]))],
		    memory_order_relaxed);
	}
	return NULL;
}

/* Goes on until both outcomes were seen, and for a while anyway. */
static bool
scribble_more(int done, unsigned int good, unsigned int bad)
{
	if (done % 256 == 0)
		sched_yield();	/* there may be one core only */
	return done < SCRIBBLED ||
	    ((good == 0 || bad == 0) && done < 20 * SCRIBBLED);
}

static void
scribble_start(struct scribbler *s, void *memory, size_t bytes)
{
	*s = (struct scribbler){ .words = memory, .n = bytes / 4 };
	assert_int_equal(pthread_create(&s->thread, NULL, scribble, s), 0);
}

static void
scribble_stop(struct scribbler *s)
{
	atomic_store(&s->stop, true);
	pthread_join(s->thread, NULL);
}

/*
 * The request changes while it is taken: what was copied is what was checked.
 * Guards around the copy show what writes beyond it (as would a sanitizer).
 */
static void
test_request_changes(void **state)
{
	static struct {
		uint8_t	before[64];
		uint8_t	bytes[MONITOR_PAYLOAD_MAX];
		uint8_t	after[64];
	} copy;
	struct scribbler s;
	unsigned int good = 0, bad = 0;
	size_t len;
	int result;

	(void)state;
	memset(&copy, 0xa5, sizeof(copy));
	submit(1, 0);
	assert_int_equal(take(), 1);
	scribble_start(&s, lane_request(&worker, 0),
	    sizeof(struct monitor_request));
	for (int i = 0; scribble_more(i, good, bad); i++) {
		lane_submit(&worker, 0);
		result = lane_take(&monitor, &taken_slot, &taken, copy.bytes,
		    &why);
		if (result < 0) {
			bad++;
			monitor.taken++;	/* as if it went on */
			continue;
		}
		len = (size_t)taken.place[0].path_len +
		    taken.place[0].name_len + taken.place[1].path_len +
		    taken.place[1].name_len + taken.data_len;
		assert_true(len <= MONITOR_PAYLOAD_MAX);
		good++;
	}
	scribble_stop(&s);
	assert_true(good > 0 && bad > 0);
	for (size_t i = 0; i < 64; i++) {
		assert_int_equal(copy.before[i], 0xa5);
		assert_int_equal(copy.after[i], 0xa5);
	}
}

/* The ring changes while it is read: a slot in range, or a refusal. */
static void
test_ring_changes(void **state)
{
	struct monitor_reply reply = { 0 };
	struct scribbler s;
	unsigned int good = 0, bad = 0;
	int result;

	(void)state;
	scribble_start(&s, worker.shared, sizeof(struct lane_shared));
	for (int i = 0; scribble_more(i, good, bad); i++) {
		/* From where some of the values are right. */
		monitor.taken = 0;
		result = take();
		if (result == 1) {
			assert_true(taken_slot < SLOTS);
			result = lane_complete(&monitor, taken_slot, &reply,
			    -1);
			assert_true(result == 0 || result == -EAGAIN);
			good++;
		} else if (result != 0) {
			assert_int_equal(result, -EPROTO);
			bad++;
		}
		if (lane_watch_owed(worker.shared) > LANE_OWED_PARTIAL)
			fail();
	}
	scribble_stop(&s);
	assert_true(good > 0 && bad > 0);
}

static void
test_owed(void **state)
{
	const struct lane_shared *watch;
	int bell, memory, ours, theirs;
	struct lane end;

	(void)state;
	assert_int_equal(lane_create(2, &memory, &ours, &theirs, &bell), 0);
	watch = lane_watch(memory);
	assert_non_null(watch);
	assert_int_equal(lane_attach(&end, memory, theirs, bell, 2), 0);
	assert_int_equal(lane_watch_owed(watch), LANE_OWED_NOTHING);
	for (unsigned int i = 0; i <= LANE_OWED_PARTIAL; i++) {
		lane_set_owed(&end, (enum lane_owed)i);
		assert_int_equal(lane_watch_owed(watch), i);
	}
	atomic_store(&end.shared->owed, LANE_OWED_PARTIAL + 1);
	assert_int_equal(lane_watch_owed(watch), LANE_OWED_NOTHING);
	atomic_store(&end.shared->owed, UINT32_MAX);
	assert_int_equal(lane_watch_owed(watch), LANE_OWED_NOTHING);
	lane_detach(&end);
	close(ours);
	assert_null(lane_watch(-1));
	munmap((void *)(uintptr_t)watch, LANE_PAGE);
}

/* The monitor never waits for a worker that takes nothing off the socket. */
static void
test_never_received(void **state)
{
	const uint64_t full = UINT64_MAX - 1;
	struct monitor_reply reply = { 0 };
	int error = 0, n;

	(void)state;
	for (n = 0; n < 100000 && error == 0; n++)
		error = lane_complete(&monitor, 0, &reply, 0);
	assert_int_equal(error, -EAGAIN);
	/* Nor for one that filled the bell's counter up. */
	assert_int_equal(write(worker.bell, &full, sizeof(full)),
	    sizeof(full));
	for (n = 0; n < 1000; n++) {
		atomic_store(&worker.shared->worker_sleeps, 1);
		assert_int_equal(lane_complete(&monitor, 0, &reply, -1), 0);
	}
	/* Nor is it the monitor's business that nobody is there any more. */
	shutdown(worker.sock, SHUT_RDWR);
	assert_int_equal(lane_complete(&monitor, 0, &reply, 0), 0);
	atomic_store(&worker.shared->worker_sleeps, 1);
	assert_int_equal(lane_complete(&monitor, 0, &reply, -1), 0);
}

static void
send_packet(const void *bytes, size_t len, int nfds)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(4 * sizeof(int))];
	} control = { 0 };
	int fds[4] = { 0, 0, 0, 0 };

	if (nfds > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len =
		    CMSG_LEN((size_t)nfds * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fds,
		    (size_t)nfds * sizeof(int));
	}
	assert_int_equal(sendmsg(monitor.sock, &msg, 0), len);
}

static void
test_hello(void **state)
{
	static const struct {
		struct lane_packet	packet;
		size_t			len;
		int			want;
	} cases[] = {
		{ { LANE_MAGIC, LANE_HELLO, MONITOR_PROTO_VERSION, 0 }, 16,
		    0 },
		{ { LANE_MAGIC + 1, LANE_HELLO, MONITOR_PROTO_VERSION, 0 },
		    16, -EPROTO },
		{ { LANE_MAGIC, LANE_HELLO, MONITOR_PROTO_VERSION + 1, 0 },
		    16, -EPROTO },
		{ { LANE_MAGIC, LANE_DESCRIPTOR + 1, MONITOR_PROTO_VERSION, 0 },
		    16, -EPROTO },
		{ { LANE_MAGIC, LANE_DESCRIPTOR, MONITOR_PROTO_VERSION, 0 },
		    16, -EPROTO },
		{ { LANE_MAGIC, 0, MONITOR_PROTO_VERSION, 0 }, 16, -EPROTO },
		{ { LANE_MAGIC, LANE_HELLO, MONITOR_PROTO_VERSION, 0 }, 15,
		    -EPROTO },
		{ { LANE_MAGIC, LANE_HELLO, MONITOR_PROTO_VERSION, 0 }, 1,
		    -EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		send_packet(&cases[i].packet, cases[i].len, 0);
		assert_int_equal(lane_receive_hello(&worker), cases[i].want);
	}
	assert_int_equal(lane_send_hello(&monitor), 0);
	assert_int_equal(lane_receive_hello(&worker), 0);
	close(monitor.sock);
	monitor.sock = -1;
	assert_int_equal(lane_receive_hello(&worker), -ENODATA);
}

/* What the worker finds when a reply and the socket do not agree. */
static void
test_reap_refuses(void **state)
{
	struct lane_packet packet = { LANE_MAGIC, LANE_DESCRIPTOR,
	    MONITOR_PROTO_VERSION, 0 };
	struct monitor_reply reply;
	uint32_t slot;
	int fd;

	(void)state;
	/* A slot that is none. */
	atomic_store(&monitor.shared->complete[0], SLOTS);
	atomic_store(&monitor.shared->complete_tail, 1);
	assert_int_equal(lane_reap(&worker, &slot, &reply, &fd), -EPROTO);
	assert_int_equal(fd, -1);
	/* A descriptor that did not come. */
	atomic_store(&monitor.shared->complete[0], 0);
	lane_slot(&monitor, 0)->reply.has_fd = 1;
	assert_int_equal(lane_reap(&worker, &slot, &reply, &fd), -EAGAIN);
	assert_int_equal(fd, -1);
	/* One of another slot. */
	packet.slot = 1;
	send_packet(&packet, sizeof(packet), 1);
	assert_int_equal(lane_reap(&worker, &slot, &reply, &fd), -EPROTO);
	assert_int_equal(fd, -1);
	/* A packet that should have one and has none; and the other way. */
	packet.slot = 0;
	send_packet(&packet, sizeof(packet), 0);
	assert_int_equal(lane_reap(&worker, &slot, &reply, &fd), -EPROTO);
	packet.type = LANE_HELLO;
	send_packet(&packet, sizeof(packet), 1);
	assert_int_equal(lane_reap(&worker, &slot, &reply, &fd), -EPROTO);
	assert_int_equal(fd, -1);
	packet.type = LANE_DESCRIPTOR;
	send_packet(&packet, sizeof(packet), 1);
	assert_int_equal(lane_reap(&worker, &slot, &reply, &fd), 1);
	assert_true(fd >= 0);
	close(fd);
}

/* A packet with more descriptors than its one leaves none of them open. */
static void
test_reap_surplus(void **state)
{
	struct lane_packet packet = { LANE_MAGIC, LANE_DESCRIPTOR,
	    MONITOR_PROTO_VERSION, 0 };
	struct monitor_reply reply;
	int before = dup(0), after, fd, nfds;
	uint32_t slot;

	(void)state;
	close(before);
	atomic_store(&monitor.shared->complete_tail, 1);
	lane_slot(&monitor, 0)->reply.has_fd = 1;
	for (nfds = 2; nfds <= 4; nfds++) {
		send_packet(&packet, sizeof(packet), nfds);
		assert_int_equal(lane_reap(&worker, &slot, &reply, &fd),
		    -EPROTO);
		/* The lowest that is free is the same as before. */
		after = dup(0);
		close(after);
		assert_int_equal(after, before);
	}
}

/* Waits for the bell, edge-triggered as the worker's loop has it. */
static int
wait_for_bell(int timeout_ms)
{
	struct epoll_event event;

	return epoll_wait(bell_epoll, &event, 1, timeout_ms);
}

static void
watch_bell(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	bell_epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(epoll_ctl(bell_epoll, EPOLL_CTL_ADD, worker.bell,
	    &event), 0);
}

static void
test_bell(void **state)
{
	struct monitor_reply reply = { 0 };
	uint32_t slot;
	int fd;

	(void)state;
	watch_bell();
	/* It does not ring unless it was asked to, and then once. */
	submit(1, 0);
	assert_int_equal(take(), 1);
	assert_int_equal(lane_complete(&monitor, 0, &reply, -1), 0);
	assert_int_equal(wait_for_bell(0), 0);
	assert_false(lane_sleep_begin(&worker));	/* one waits */
	assert_int_equal(lane_reap(&worker, &slot, &reply, &fd), 1);
	assert_true(lane_sleep_begin(&worker));
	assert_int_equal(lane_complete(&monitor, 0, &reply, -1), 0);
	assert_int_equal(lane_complete(&monitor, 0, &reply, -1), 0);
	assert_int_equal(wait_for_bell(0), 1);
	lane_sleep_end(&worker);
	assert_int_equal(wait_for_bell(0), 0);
	/* With a descriptor too, once that can be taken. */
	assert_int_equal(lane_reap(&worker, &slot, &reply, &fd), 1);
	assert_int_equal(lane_reap(&worker, &slot, &reply, &fd), 1);
	assert_true(lane_sleep_begin(&worker));
	assert_int_equal(lane_complete(&monitor, 0, &reply, 0), 0);
	assert_int_equal(wait_for_bell(0), 1);
	lane_sleep_end(&worker);
	assert_int_equal(lane_reap(&worker, &slot, &reply, &fd), 1);
	assert_true(fd >= 0);
	close(fd);
	close(bell_epoll);
}

/* The monitor's thread: completes what comes, with descriptors now and then. */
static void *
serve(void *arg)
{
	struct monitor_reply reply = { 0 };
	uint32_t n = 0;

	(void)arg;
	while (n < REQUESTS) {
		if (take() != 1) {
			lane_wait(&monitor);
			continue;
		}
		reply.size = taken.u.getxattr.size;
		if (lane_complete(&monitor, taken_slot, &reply,
		    n % 64 == 0 ? 0 : -1) != 0)
			abort();
		n++;
	}
	return NULL;
}

static void
reap_all(uint32_t *reaped)
{
	struct monitor_reply reply;
	uint32_t slot;
	int fd;

	while (lane_reap(&worker, &slot, &reply, &fd) == 1) {
		assert_int_equal(reply.size, *reaped);
		assert_true((fd != -1) == (*reaped % 64 == 0));
		if (fd != -1)
			close(fd);
		lane_release(&worker, slot);
		(*reaped)++;
	}
}

/*
 * Both ends sleep whenever they can, or poll first.  A wake-up that is lost
 * hangs, and the alarm ends it.
 */
static void
sleep_and_wake(uint32_t poll_us, unsigned int batch)
{
	uint32_t sent = 0, reaped = 0;
	unsigned int i;
	pthread_t thread;
	int slot;

	alarm(LIMIT_S);
	watch_bell();
	adaptive_init(&monitor.wait, poll_us, ADAPTIVE_MEMORY);
	assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
	while (reaped < REQUESTS) {
		for (i = 0; i < batch && sent < REQUESTS; i++) {
			slot = lane_reserve(&worker);
			if (slot < 0)
				break;
			*lane_request(&worker, (uint32_t)slot) =
			    (struct monitor_request){ .op = 1,
			    .u.getxattr.size = sent++ };
			lane_submit(&worker, (uint32_t)slot);
		}
		if (lane_sleep_begin(&worker)) {
			while (wait_for_bell(-1) == -1)
				assert_int_equal(errno, EINTR);
			lane_sleep_end(&worker);
		}
		reap_all(&reaped);
	}
	pthread_join(thread, NULL);
	close(bell_epoll);
	alarm(0);
}

static void
test_sleep_one(void **state)
{
	struct adaptive_counters counters;

	(void)state;
	sleep_and_wake(0, 1);
	lane_monitor_counters(&worker, &counters);
	assert_int_equal(counters.paid, monitor.wait.counters.paid);
	assert_int_equal(counters.slept, monitor.wait.counters.slept);
	assert_true(counters.paid + counters.slept > 0);
}

static void
test_sleep_many(void **state)
{
	(void)state;
	sleep_and_wake(0, SLOTS);
}

static void
test_poll(void **state)
{
	(void)state;
	sleep_and_wake(50, SLOTS - 1);
}

#define CASE(test)							\
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_create), CASE(test_attach_refuses),
		CASE(test_round_trip), CASE(test_order),
		CASE(test_hostile_ring), CASE(test_hostile_lengths),
		CASE(test_same_slot), CASE(test_scribbled_answers),
		CASE(test_request_changes), CASE(test_ring_changes),
		CASE(test_owed), CASE(test_never_received), CASE(test_hello),
		CASE(test_reap_refuses), CASE(test_reap_surplus),
		CASE(test_bell),
		CASE(test_sleep_one), CASE(test_sleep_many), CASE(test_poll)
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
