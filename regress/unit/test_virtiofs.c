/*
 * SPDX-License-Identifier: ISC
 *
 * The main thread of virtio-fs and the threads of its queues: rings that start,
 * stop and change while requests are in flight, and how it ends.  The test is
 * the front-end and the guest; in the place of FUSE is code that answers at
 * once, or when it is told.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/lane.h"
#include "common/log.h"
#include "ring_driver.h"
#include "vhost_sample.h"
#include "worker/fuse_request.h"
#include "worker/queue_thread.h"
#include "worker/virtiofs.h"

#define BOUND_S		120	/* no test may hang */
#define SLOTS		2
#define QUEUE_SIZE	128
#define RING		VHOST_SAMPLE_RING
#define DEPTH		16
#define HELD		8	/* I/O threads, so requests that can wait */
#define QUIET_MS	50	/* long enough for a bug to show itself */
#define NEED_REPLY	(VHOST_USER_VERSION | VHOST_USER_NEED_REPLY)

/* The first byte of a request. */
#define REQUEST_NOW	'n'
#define REQUEST_HELD	'h'	/* until `release` is posted */
#define ANSWER		'a'

static struct ring_driver driver;
static struct lane lanes[VIRTIOFS_LANES];
static int monitor_socks[VIRTIOFS_LANES];
static struct worker_config config;
static struct virtiofs *virtiofs;
static pthread_t thread;
static int front, back;
static int channel, worker_channel;
static int kick, call;
static int status;
static bool joined;
static int fds_before;
static sem_t release;
static _Atomic unsigned int taken;
static _Atomic unsigned int refused;
static _Atomic unsigned int ends;	/* of the session, asked for */

/*
 * FUSE's place.
 */

int
fuse_session_init(struct fuse_session *session,
    const struct worker_fuse_config *fuse)
{
	session->config = fuse;
	return 0;
}

void
fuse_session_destroy(struct fuse_session *session)
{
	(void)session;
}

void
fuse_queue_init(struct fuse_queue *queue, struct fuse_session *session,
    struct monitor_client *monitor, struct io_port *io,
    void (*complete)(struct fuse_request *, uint32_t))
{
	queue->session = session;
	queue->monitor = monitor;
	queue->io = io;
	queue->complete = complete;
}

bool
fuse_queue_continue(struct fuse_queue *queue)
{
	(void)queue;
	return false;
}

/* As if the slots of its lane were taken at first. */
int
fuse_session_end(struct fuse_queue *queue, void (*done)(void *, int),
    void *arg)
{
	(void)queue;
	if (atomic_fetch_add(&ends, 1) % 2 == 0) {
		wakeup_ring(&((struct queue *)arg)->wakeup);
		return -EAGAIN;
	}
	done(arg, 0);
	return 0;
}

static void
answer(struct fuse_request *request)
{
	const struct virtqueue_chain *chain = &request->chain;

	*(uint8_t *)chain->iov[chain->nout].iov_base = ANSWER;
	request->queue->complete(request, 1);
}

static void
held_run(struct io_job *job)
{
	(void)job;
	while (sem_wait(&release) == -1 && errno == EINTR)
		continue;
}

static void
held_done(struct io_job *job)
{
	answer((struct fuse_request *)(void *)((char *)job -
	    offsetof(struct fuse_request, job)));
}

void
fuse_dispatch(struct fuse_request *request)
{
	uint8_t type = *(const uint8_t *)request->chain.iov[0].iov_base;

	atomic_fetch_add(&taken, 1);
	if (type == REQUEST_NOW) {
		answer(request);
		return;
	}
	request->job.run = held_run;
	request->job.done = held_done;
	io_port_submit(request->queue->io, &request->job);
}

/* For want of memory, of which the elements have none of their own. */
void
fuse_refuse(struct fuse_request *request, int error)
{
	if (error == -ENOMEM)
		atomic_fetch_add(&refused, 1);
	answer(request);
}

/*
 * Set up.
 */

static void
drop_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static void
drop_event_line(int severity, const char *text)
{
	(void)severity;
	(void)text;
}

static int
count_fds(void)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			n++;
	closedir(dir);
	return n;
}

static void
make_lanes(void)
{
	int bell, memory, sock;

	for (size_t i = 0; i < VIRTIOFS_LANES; i++) {
		assert_int_equal(lane_create(SLOTS, &memory,
		    &monitor_socks[i], &sock, &bell), 0);
		assert_int_equal(lane_attach(&lanes[i], memory, sock, bell,
		    SLOTS), 0);
	}
}

static void *
serve(void *arg)
{
	(void)arg;
	status = virtiofs_serve(virtiofs, back);
	return NULL;
}

static const struct variant {
	bool		packed;
	bool		event_idx;
	uint32_t	poll_us;
} variants[] = {
	{ false, true, 0 }, { true, true, 0 }, { false, false, 50 },
	{ true, true, 50 }
};

static int
set_up(void **state)
{
	const struct variant *variant = *state;
	const struct virtqueue_config ring = { .size = QUEUE_SIZE,
	    .packed = variant->packed, .event_idx = variant->event_idx,
	    .indirect = true };
	int sock[2];

	alarm(BOUND_S);
	log_init(LOG_LEVEL_TRACE, drop_line, NULL);
	event_set_log_callback(drop_event_line);
	fds_before = count_fds();
	sem_init(&release, 0, 0);
	atomic_store(&taken, 0);
	atomic_store(&refused, 0);
	atomic_store(&ends, 0);
	assert_int_equal(driver_open(&driver, &ring), 0);
	make_lanes();
	assert_int_equal(channel_create(&channel, &worker_channel), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    sock), 0);
	front = sock[0];
	back = sock[1];
	kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	config = (struct worker_config){ .poll_us = variant->poll_us,
	    .fuse = { .nofile = 4096, .thread_pool_size = HELD } };
	virtiofs = virtiofs_new(&config, lanes, worker_channel);
	assert_non_null(virtiofs);
	assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
	joined = false;
	return 0;
}

/* Waits for the end of the loop.  Returns the status. */
static int
join(void)
{
	if (!joined)
		assert_int_equal(pthread_join(thread, NULL), 0);
	joined = true;
	return status;
}

static int
tear_down(void **state)
{
	(void)state;
	if (front != -1)
		close(front);
	for (size_t i = 0; i < HELD; i++)
		sem_post(&release);
	join();
	virtiofs_free(virtiofs);
	for (size_t i = 0; i < VIRTIOFS_LANES; i++) {
		lane_detach(&lanes[i]);
		if (monitor_socks[i] != -1)
			close(monitor_socks[i]);
	}
	if (channel != -1)
		close(channel);
	close(worker_channel);
	close(kick);
	close(call);
	driver_close(&driver);
	sem_destroy(&release);
	assert_int_equal(count_fds(), fds_before);
	alarm(0);
	return 0;
}

/*
 * The front-end.
 */

static void
receive(void *bytes, size_t len)
{
	assert_int_equal(recv(front, bytes, len, MSG_WAITALL), len);
}

static void
post(uint32_t request, uint32_t flags, const void *payload, uint32_t size,
    int fd)
{
	assert_int_equal(vhost_sample_send(front, request, flags, size,
	    payload, size, fd, fd != -1), 0);
}

/* Waits for an answer of 64 bits.  Returns it. */
static uint64_t
reply(uint32_t request)
{
	struct vhost_user_header header;
	uint64_t value;

	receive(&header, sizeof(header));
	assert_int_equal(header.request, request);
	assert_int_equal(header.size, sizeof(value));
	receive(&value, sizeof(value));
	return value;
}

static uint64_t
acked(uint32_t request, const void *payload, uint32_t size, int fd)
{
	post(request, NEED_REPLY, payload, size, fd);
	return reply(request);
}

static uint64_t
acked_u64(uint32_t request, uint64_t value, int fd)
{
	return acked(request, &value, sizeof(value), fd);
}

static uint64_t
acked_state(uint32_t request, uint32_t index, uint32_t num)
{
	const struct vhost_user_vring_state state = { index, num };

	return acked(request, &state, sizeof(state), -1);
}

static void
negotiate(void)
{
	const uint64_t protocol = 1 << VHOST_USER_PROTOCOL_F_MQ |
	    1 << VHOST_USER_PROTOCOL_F_REPLY_ACK |
	    1 << VHOST_USER_PROTOCOL_F_RESET_DEVICE |
	    1 << VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS;
	uint64_t features = VHOST_USER_BIT(VHOST_USER_F_VERSION_1) |
	    VHOST_USER_BIT(VHOST_USER_F_INDIRECT_DESC) |
	    VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES);

	if (driver.config.packed)
		features |= VHOST_USER_BIT(VHOST_USER_F_RING_PACKED);
	if (driver.config.event_idx)
		features |= VHOST_USER_BIT(VHOST_USER_F_EVENT_IDX);
	post(VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_VERSION, &protocol,
	    sizeof(protocol), -1);
	assert_int_equal(acked_u64(VHOST_USER_SET_FEATURES, features, -1), 0);
}

static uint64_t
acked_owner(void)
{
	return acked(VHOST_USER_SET_OWNER, NULL, 0, -1);
}

static uint64_t
set_memory(void)
{
	const struct vhost_user_mem_table table = { .count = 1,
	    .regions[0] = { DRIVER_LOW, DRIVER_LOW_SIZE, DRIVER_USER, 0 } };

	return acked(VHOST_USER_SET_MEM_TABLE, &table, 40, driver.fds[0]);
}

/* A region that no ring is in. */
static uint64_t
change_high(uint32_t request, int fd)
{
	const struct vhost_user_mem_region region = { .region = {
	    DRIVER_HIGH, DRIVER_HIGH_SIZE, DRIVER_USER + (1ULL << 32),
	    0x1230 } };

	return acked(request, &region, sizeof(region), fd);
}

/* As start_ring(), without a base. */
static uint64_t
start_ring_anew(uint32_t index)
{
	const struct vhost_user_vring_addr addr = { .index = index,
	    .desc = driver.config.desc_addr,
	    .avail = driver.config.avail_addr,
	    .used = driver.config.used_addr };

	assert_int_equal(acked_state(VHOST_USER_SET_VRING_NUM, index,
	    QUEUE_SIZE), 0);
	assert_int_equal(acked(VHOST_USER_SET_VRING_ADDR, &addr,
	    sizeof(addr), -1), 0);
	assert_int_equal(acked_u64(VHOST_USER_SET_VRING_CALL, index, call),
	    0);
	return acked_u64(VHOST_USER_SET_VRING_KICK, index, kick);
}

static uint64_t
start_ring(uint32_t index, uint32_t base)
{
	assert_int_equal(acked_state(VHOST_USER_SET_VRING_BASE, index, base),
	    0);
	return start_ring_anew(index);
}

static uint64_t
enable(uint32_t on)
{
	return acked_state(VHOST_USER_SET_VRING_ENABLE, RING, on);
}

static void
start_from(uint32_t base)
{
	negotiate();
	assert_int_equal(set_memory(), 0);
	assert_int_equal(start_ring(RING, base), 0);
	assert_int_equal(enable(1), 0);
}

static void
start(void)
{
	start_from(driver_base(&driver));
}

static void
ask_base(void)
{
	const struct vhost_user_vring_state state = { RING, 0 };

	post(VHOST_USER_GET_VRING_BASE, VHOST_USER_VERSION, &state,
	    sizeof(state), -1);
}

static uint32_t
get_base(void)
{
	return (uint32_t)(reply(VHOST_USER_GET_VRING_BASE) >> 32);
}

/*
 * The guest.
 */

static void
nap(void)
{
	const struct timespec t = { .tv_nsec = 100000 };

	nanosleep(&t, NULL);
}

static void
signal_fd(int fd)
{
	const uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

/* Makes `n` requests available, and kicks if the device wants that. */
static void
offer(uint8_t type, unsigned int n)
{
	struct driver_desc bufs[2] = {
		{ .len = 4 }, { .len = 64, .flags = DRIVER_WRITE }
	};

	driver.low[DRIVER_DATA + type] = type;
	bufs[0].addr = DRIVER_LOW + DRIVER_DATA + type;
	for (unsigned int i = 0; i < n; i++) {
		bufs[1].addr = DRIVER_LOW + DRIVER_DATA + 0x1000 + 64 * i;
		assert_int_not_equal(driver_add(&driver, bufs, 2, i % 2 == 1),
		    -1);
	}
	if (driver_kicks(&driver))
		signal_fd(kick);
}

/* Waits until `n` are used. */
static void
collect(unsigned int n)
{
	uint16_t id;
	uint32_t len;

	for (unsigned int i = 0; i < n; i++) {
		while (!driver_get(&driver, &id, &len))
			nap();
		assert_int_equal(len, 1);
	}
}

static void
await_taken(unsigned int n)
{
	while (atomic_load(&taken) < n)
		nap();
	assert_int_equal(atomic_load(&taken), n);
}

static bool
is_readable(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, timeout_ms) == 1;
}

static void
let_go(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		sem_post(&release);
}

/*
 * Requests.
 */

static void
test_requests(void **state)
{
	(void)state;
	start();
	for (unsigned int i = 0; i < 2000; i++) {
		offer(REQUEST_NOW, 1 + i % DEPTH);
		collect(1 + i % DEPTH);
	}
}

/* Others are answered while some wait. */
static void
test_out_of_order(void **state)
{
	(void)state;
	start();
	offer(REQUEST_HELD, 4);
	await_taken(4);
	offer(REQUEST_NOW, DEPTH);
	collect(DEPTH);
	let_go(4);
	collect(4);
}

/* The guest sleeps until it is called. */
static void
test_calls(void **state)
{
	uint64_t count;

	(void)state;
	start();
	for (int i = 0; i < 100; i++) {
		driver_calls_on(&driver, 0);
		offer(REQUEST_NOW, 1);
		assert_true(is_readable(call, -1));
		assert_int_equal(read(call, &count, sizeof(count)),
		    sizeof(count));
		collect(1);
	}
}

#if !defined(PRIVFSD_SANITIZE) && !defined(PRIVFSD_SANITIZE_THREAD)
/*
 * Memory runs out.
 */

#define LONG_PIECES	250		/* of each of LONG_CHAINS chains */
#define LONG_CHAINS	80
#define LONG_TABLE	(DRIVER_DATA + 0x8000U)

/* Puts chains in the ring that have one long table. */
static void
offer_long(void)
{
	struct driver_desc desc = { .addr = DRIVER_LOW + DRIVER_DATA +
	    REQUEST_HELD, .len = 1 };

	for (uint32_t i = 0; i < LONG_PIECES; i++) {
		desc.link = (uint16_t)(i + 1);
		desc.flags = i + 1 < LONG_PIECES ? DRIVER_NEXT : 0;
		if (i > 0) {
			desc.addr = DRIVER_LOW + DRIVER_DATA + 0x1000 + 2 * i;
			desc.flags |= DRIVER_WRITE;
		}
		driver_put_table(&driver, LONG_TABLE, i, &desc);
	}
	desc = (struct driver_desc){ .addr = DRIVER_LOW + LONG_TABLE,
	    .len = LONG_PIECES * 16, .flags = DRIVER_INDIRECT };
	for (uint16_t i = 0; i < LONG_CHAINS; i++) {
		driver_put(&driver, i, &desc);
		driver_offer(&driver, i, 1);
	}
	signal_fd(kick);
}

/* Leaves the C library nothing to give away.  Returns a list of it. */
static void **
take_memory(void)
{
	void **block, **blocks = NULL;

	for (size_t size = 1 << 20; size >= 1024; size /= 2)
		while ((block = malloc(size)) != NULL) {
			*block = blocks;
			blocks = block;
		}
	return blocks;
}

/* A chain is answered, as a failure, even if there is no memory for it. */
static void
test_no_memory(void **state)
{
	struct rlimit old, limit;
	void **blocks, **next;

	(void)state;
	start();
	/* So many requests have been there, and their memory stays. */
	offer(REQUEST_HELD, LONG_CHAINS);
	await_taken(LONG_CHAINS);
	let_go(LONG_CHAINS);
	collect(LONG_CHAINS);
	assert_int_equal(getrlimit(RLIMIT_DATA, &old), 0);
	/* Linux may take 0 for no limit (mm/mmap.c). */
	limit = (struct rlimit){ 1, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_DATA, &limit), 0);
	blocks = take_memory();
	offer_long();
	while (atomic_load(&taken) + atomic_load(&refused) < 2 * LONG_CHAINS)
		nap();
	setrlimit(RLIMIT_DATA, &old);
	for (; blocks != NULL; blocks = next) {
		next = *blocks;
		free(blocks);
	}
	let_go(atomic_load(&taken) - LONG_CHAINS);
	collect(LONG_CHAINS);
	assert_true(atomic_load(&refused) > 0);
}
#endif

/*
 * Rings.
 */

/*
 * The base comes when all that was taken is given back, and not before.  What
 * came after is there for the next start.
 */
static void
test_stop_in_flight(void **state)
{
	uint32_t base;

	(void)state;
	start();
	for (unsigned int i = 1; i <= 5; i++) {
		offer(REQUEST_HELD, HELD);
		await_taken(i * HELD + (i - 1) * 3);
		ask_base();
		assert_false(is_readable(front, QUIET_MS));
		offer(REQUEST_NOW, 3);
		let_go(HELD - 1);
		collect(HELD - 1);
		assert_false(is_readable(front, QUIET_MS));
		let_go(1);
		collect(1);
		base = get_base();
		assert_int_equal(atomic_load(&taken), i * HELD + (i - 1) * 3);
		assert_int_equal(start_ring(RING, base), 0);
		collect(3);
	}
}

static void
test_restart(void **state)
{
	uint32_t base;

	(void)state;
	start();
	for (unsigned int i = 0; i < 50; i++) {
		offer(REQUEST_NOW, 1 + i % DEPTH);
		collect(1 + i % DEPTH);
		ask_base();
		base = get_base();
		assert_int_equal(base, driver_base(&driver));
		assert_int_equal(start_ring(RING, base), 0);
	}
}

/* A ring that is disabled takes nothing; enabled, it needs no kick. */
static void
test_enable(void **state)
{
	(void)state;
	start();
	offer(REQUEST_NOW, 1);
	collect(1);
	assert_int_equal(enable(0), 0);
	offer(REQUEST_NOW, 2);
	signal_fd(kick);
	assert_int_equal(enable(0), 0);
	assert_false(driver_has_used(&driver));
	assert_int_equal(atomic_load(&taken), 1);
	assert_int_equal(enable(1), 0);
	collect(2);
}

/* What is available before the start needs no kick either. */
static void
test_available_before(void **state)
{
	const uint32_t base = driver_base(&driver);

	(void)state;
	offer(REQUEST_NOW, 5);
	start_from(base);
	collect(5);
}

static void
test_new_descriptors(void **state)
{
	uint64_t count;
	int old = call;

	(void)state;
	start();
	for (int i = 0; i < 20; i++) {
		call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		assert_int_equal(acked_u64(VHOST_USER_SET_VRING_CALL, RING,
		    call), 0);
		close(kick);
		kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		assert_int_equal(acked_u64(VHOST_USER_SET_VRING_KICK, RING,
		    kick), 0);
		while (read(old, &count, sizeof(count)) > 0)
			continue;
		driver_calls_on(&driver, 0);
		offer(REQUEST_NOW, 1);
		assert_true(is_readable(call, -1));
		assert_false(is_readable(old, 0));
		collect(1);
		close(old);
		old = call;
	}
	/* None at all. */
	assert_int_equal(acked_u64(VHOST_USER_SET_VRING_CALL, RING | 0x100,
	    -1), 0);
	offer(REQUEST_NOW, 1);
	collect(1);
}

/* Nothing can be waited for on a regular file. */
static void
test_bad_kick(void **state)
{
	(void)state;
	start();
	assert_int_equal(acked_u64(VHOST_USER_SET_VRING_KICK, RING,
	    driver.fds[0]), 1);
	offer(REQUEST_NOW, 1);
	collect(1);
	ask_base();
	get_base();
	assert_int_equal(acked_u64(VHOST_USER_SET_VRING_KICK, RING,
	    driver.fds[0]), 1);
	assert_int_equal(acked_u64(VHOST_USER_SET_VRING_KICK, RING, kick), 0);
	offer(REQUEST_NOW, 1);
	collect(1);
}

static void
test_bad_start(void **state)
{
	const struct vhost_user_vring_addr addr = { .index = RING,
	    .desc = 1, .avail = 2, .used = 3 };

	(void)state;
	negotiate();
	/* There is no memory yet. */
	assert_int_equal(start_ring(RING, 0), 1);
	assert_int_equal(set_memory(), 0);
	assert_int_equal(acked(VHOST_USER_SET_VRING_ADDR, &addr,
	    sizeof(addr), -1), 0);
	assert_int_equal(acked_u64(VHOST_USER_SET_VRING_KICK, RING, kick), 1);
	assert_int_equal(start_ring(RING, driver_base(&driver)), 0);
	assert_int_equal(enable(1), 0);
	offer(REQUEST_NOW, 1);
	collect(1);
}

/* Memory comes, goes and is replaced with requests in flight. */
static void
test_memory(void **state)
{
	(void)state;
	start();
	for (unsigned int i = 0; i < 20; i++) {
		offer(REQUEST_HELD, HELD);
		await_taken(i * (HELD + 3) + HELD);
		assert_int_equal(change_high(VHOST_USER_ADD_MEM_REG,
		    driver.fds[1]), 0);
		offer(REQUEST_NOW, 1);
		collect(1);
		assert_int_equal(change_high(VHOST_USER_REM_MEM_REG, -1), 0);
		offer(REQUEST_NOW, 1);
		collect(1);
		assert_int_equal(set_memory(), 0);
		offer(REQUEST_NOW, 1);
		collect(1);
		let_go(HELD);
		collect(HELD);
	}
}

/* Without its memory a ring stands still, and everything else goes on. */
static void
test_memory_lost(void **state)
{
	const struct vhost_user_mem_table table = { .count = 0 };

	(void)state;
	start();
	offer(REQUEST_HELD, 2);
	await_taken(2);
	assert_int_equal(acked(VHOST_USER_SET_MEM_TABLE, &table, 8, -1), 0);
	signal_fd(kick);
	let_go(2);
	ask_base();
	get_base();
	assert_int_equal(set_memory(), 0);
	driver_reset(&driver, 0);
	assert_int_equal(start_ring(RING, driver_base(&driver)), 0);
	offer(REQUEST_NOW, 1);
	collect(1);
}

/* All of them, on the same memory: none is enabled but one. */
static void
test_all_queues(void **state)
{
	(void)state;
	negotiate();
	assert_int_equal(set_memory(), 0);
	for (uint32_t i = 0; i < VIRTIOFS_QUEUES; i++)
		assert_int_equal(start_ring(i, driver_base(&driver)), 0);
	assert_int_equal(enable(1), 0);
	offer(REQUEST_NOW, DEPTH);
	collect(DEPTH);
	assert_int_equal(set_memory(), 0);
	offer(REQUEST_NOW, DEPTH);
	collect(DEPTH);
	assert_int_equal(acked(VHOST_USER_RESET_DEVICE, NULL, 0, -1), 0);
	negotiate();
	assert_int_equal(start_ring(RING, driver_base(&driver)), 0);
	assert_int_equal(enable(1), 0);
	offer(REQUEST_NOW, DEPTH);
	collect(DEPTH);
}

/* One device after the other: the session ends by any queue there is. */
static void
test_new_device(void **state)
{
	(void)state;
	negotiate();
	assert_int_equal(acked_owner(), 0);
	assert_int_equal(acked_owner(), 0);
	assert_int_equal(atomic_load(&ends), 0);
	for (unsigned int i = 1; i <= 20; i++) {
		negotiate();
		assert_int_equal(set_memory(), 0);
		assert_int_equal(start_ring(RING, driver_base(&driver)), 0);
		assert_int_equal(enable(1), 0);
		offer(REQUEST_HELD, 2);
		await_taken((DEPTH + 2) * (i - 1) + 2);
		offer(REQUEST_NOW, DEPTH);
		collect(DEPTH);
		assert_int_equal(acked_owner(), 1);
		let_go(2);
		ask_base();
		get_base();
		assert_int_equal(acked_owner(), 0);
		assert_int_equal(atomic_load(&ends), 2 * i);
		assert_int_equal(change_high(VHOST_USER_REM_MEM_REG, -1), 1);
		driver_reset(&driver, 0);
	}
}

/* A ring that was told no base begins at its beginning, also after a reset. */
static void
test_no_base(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		negotiate();
		assert_int_equal(set_memory(), 0);
		assert_int_equal(start_ring_anew(RING), 0);
		assert_int_equal(enable(1), 0);
		offer(REQUEST_NOW, DEPTH);
		collect(DEPTH);
		assert_int_equal(acked(VHOST_USER_RESET_DEVICE, NULL, 0, -1),
		    0);
		driver_reset(&driver, 0);
	}
}

/*
 * Ends.
 */

static void
test_end(void **state)
{
	(void)state;
	start();
	offer(REQUEST_HELD, 2);
	await_taken(2);
	close(front);
	front = -1;
	let_go(2);
	assert_int_equal(join(), 0);
	collect(2);
}

static void
test_end_unused(void **state)
{
	(void)state;
	close(front);
	front = -1;
	assert_int_equal(join(), 0);
}

static void
test_end_in_message(void **state)
{
	(void)state;
	start();
	assert_int_equal(send(front, "x", 1, 0), 1);
	close(front);
	front = -1;
	assert_int_equal(join(), 1);
}

static void
test_garbage(void **state)
{
	uint8_t bytes[64];

	(void)state;
	start();
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(send(front, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(join(), 1);
	/* The front-end sees it at once, whoever else has the socket. */
	assert_int_equal(recv(front, bytes, sizeof(bytes), 0), 0);
}

/* What is begun is finished, what is not is left. */
static void
test_stop(void **state)
{
	(void)state;
	start();
	offer(REQUEST_HELD, 3);
	await_taken(3);
	assert_int_equal(channel_send(channel, CHANNEL_STOP, 0, NULL, 0, NULL,
	    0), 0);
	let_go(3);
	assert_int_equal(join(), 0);
	collect(3);
}

/* A request of the front-end's is in progress then. */
static void
test_stop_pending(void **state)
{
	(void)state;
	start();
	offer(REQUEST_HELD, 3);
	await_taken(3);
	ask_base();
	assert_false(is_readable(front, QUIET_MS));
	assert_int_equal(channel_send(channel, CHANNEL_STOP, 0, NULL, 0, NULL,
	    0), 0);
	let_go(3);
	assert_int_equal(join(), 0);
	collect(3);
}

/*
 * The front-end leaves while it is owed a base that never comes: that ends
 * without the request, which ends the process (virtiofs_free()).
 */
static void
stay_pending(void **state)
{
	if (set_up(state) != 0)
		_exit(99);
	start();
	offer(REQUEST_HELD, 1);
	await_taken(1);
	ask_base();
	close(front);
	front = -1;
	if (join() != 0)
		_exit(98);
	virtiofs_free(virtiofs);
	_exit(97);
}

static void
test_end_pending(void **state)
{
	int wstatus;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		stay_pending(state);
	/* It has an alarm(2) of its own. */
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	assert_true(WIFEXITED(wstatus));
	assert_int_equal(WEXITSTATUS(wstatus), 0);
}

static void
test_launcher_gone(void **state)
{
	(void)state;
	start();
	close(channel);
	channel = -1;
	assert_int_equal(join(), 1);
}

static void
test_monitor_gone(void **state)
{
	(void)state;
	start();
	offer(REQUEST_HELD, 3);
	await_taken(3);
	close(monitor_socks[0]);
	monitor_socks[0] = -1;
	assert_int_equal(join(), 1);
}

#define TEST(f, i) \
	{ #f " " #i, f, set_up, tear_down, (void *)(uintptr_t)&variants[i] }
#define TESTS(f)	TEST(f, 0), TEST(f, 1), TEST(f, 2), TEST(f, 3)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS(test_requests),
		TESTS(test_out_of_order),
		TESTS(test_calls),
#if !defined(PRIVFSD_SANITIZE) && !defined(PRIVFSD_SANITIZE_THREAD)
		TEST(test_no_memory, 0),
#endif
		TESTS(test_stop_in_flight),
		TESTS(test_restart),
		TESTS(test_enable),
		TESTS(test_available_before),
		TESTS(test_new_descriptors),
		TESTS(test_bad_kick),
		TESTS(test_bad_start),
		TESTS(test_memory),
		TESTS(test_memory_lost),
		TESTS(test_all_queues),
		TESTS(test_new_device),
		TESTS(test_no_base),
		TESTS(test_end),
		TESTS(test_end_unused),
		TESTS(test_end_in_message),
		TESTS(test_garbage),
		TESTS(test_stop),
		TESTS(test_stop_pending),
		/* As long as it takes to give up: one is enough. */
		{ "test_end_pending", test_end_pending, NULL, NULL,
		    (void *)(uintptr_t)&variants[0] },
		TESTS(test_launcher_gone),
		TESTS(test_monitor_gone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
