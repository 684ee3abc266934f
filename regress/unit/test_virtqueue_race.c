/*
 * SPDX-License-Identifier: ISC
 *
 * worker/virtqueue.c against a driver in another thread.  Both sleep on an
 * eventfd whenever they have nothing to do: a wake-up that is lost is a wait
 * that ends by its timeout.  Both use one mapping, so that ThreadSanitizer sees
 * what each has not been shown before it looks.
 */
#include "config.h"

#include "worker/virtqueue.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "regress/unit/ring_driver.h"

#define QUEUE_SIZE	32U
#define WAIT_MS		20000	/* only a lost wake-up takes so long */
#define RUN_NS		INT64_C(200000000)	/* of each kind of queue */
#define CHAINS_MIN	1000U
#define POLLS_MAX	5000U

struct race {
	struct ring_driver	driver;
	struct virtqueue	vq;
	bool			indirect;
	int			kick_fd;
	int			call_fd;
	atomic_bool		stop;
	const char		*failed;	/* of the device's thread */
	uint32_t		device_seed;
	uint32_t		driver_seed;
	/* The device's. */
	struct virtqueue_chain	chains[QUEUE_SIZE];
	struct iovec		iov[QUEUE_SIZE][VIRTQUEUE_IOV_MAX];
	/* The driver's, by id. */
	uint64_t		sent[QUEUE_SIZE];
	uint32_t		slot[QUEUE_SIZE];
	uint32_t		slots_used;
};

static struct race race;
static cpu_set_t processors;	/* of the program */

static uint32_t
chance(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % n;
}

static void
signal_fd(int fd)
{
	uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) == -1 && errno == EINTR)
		continue;
}

/*
 * Keeps the thread on one of the processors that the program may use: else the
 * scheduler puts both on one, for they wake each other.
 */
static void
keep_apart(int which)
{
	cpu_set_t one;

	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &processors) || which-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
		return;
	}
}

/* Returns false if nobody signals for so long. */
static bool
wait_fd(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t count;

	if (poll(&pfd, 1, WAIT_MS) != 1)
		return false;
	return read(fd, &count, sizeof(count)) == sizeof(count);
}

/*
 * Polls a little, as the worker and drivers do: then it happens often that one
 * goes to sleep at the very moment at which the other has something for it.
 */
static void
device_poll(void)
{
	uint32_t n = chance(&race.device_seed, POLLS_MAX);

	while (n-- > 0 && !virtqueue_ready(&race.vq))
		continue;
}

static void
driver_poll(void)
{
	uint32_t n = chance(&race.driver_seed, POLLS_MAX);

	while (n-- > 0 && !driver_has_used(&race.driver))
		continue;
}

/* The device answers a number with its complement. */
static void
device_answer(struct virtqueue_chain *chain)
{
	uint64_t number;

	memcpy(&number, chain->iov[0].iov_base, sizeof(number));
	number = ~number;
	memcpy(chain->iov[chain->nout].iov_base, &number, sizeof(number));
	virtqueue_push(&race.vq, chain, (uint32_t)sizeof(number));
}

/* Takes all there is, answers in any order.  Returns false if it is broken. */
static bool
device_work(void)
{
	struct virtqueue_chain *chains = race.chains, chain;
	uint32_t n = 0, i;
	int result;

	do {
		result = virtqueue_pop(&race.vq, race.driver.map, race.iov[n],
		    &chains[n]);
		n += result == 1;
	} while (result == 1 && n < QUEUE_SIZE);
	if (result < 0)
		return false;
	for (; n > 0; n--) {
		i = chance(&race.device_seed, n);
		chain = chains[i];
		chains[i] = chains[n - 1];
		device_answer(&chain);
		if (chance(&race.device_seed, 3) == 0 &&
		    virtqueue_flush(&race.vq))
			signal_fd(race.call_fd);
	}
	if (virtqueue_flush(&race.vq))
		signal_fd(race.call_fd);
	return true;
}

static void *
device_run(void *arg)
{
	(void)arg;
	keep_apart(1);
	while (!atomic_load(&race.stop)) {
		virtqueue_kicks_off(&race.vq);
		for (uint32_t i = chance(&race.device_seed, 4); i > 0; i--)
			if (!device_work()) {
				race.failed = "broken";
				return NULL;
			}
		device_poll();
		if (virtqueue_kicks_on(&race.vq) && !wait_fd(race.kick_fd)) {
			race.failed = "no kick";
			return NULL;
		}
	}
	return NULL;
}

static bool
driver_send(uint64_t number)
{
	uint32_t slot = (uint32_t)__builtin_ctz(~race.slots_used);
	uint32_t offset = DRIVER_DATA + slot * 16;
	const struct driver_desc bufs[] = {
		{ DRIVER_LOW + offset, 8, 0, 0 },
		{ DRIVER_LOW + offset + 8, 8, DRIVER_WRITE, 0 }
	};
	int id;

	if (race.driver.free < 2)
		return false;
	memcpy(race.driver.low + offset, &number, sizeof(number));
	id = driver_add(&race.driver, bufs, 2, race.indirect);
	race.sent[id] = number;
	race.slot[id] = slot;
	race.slots_used |= UINT32_C(1) << slot;
	return true;
}

/* Takes the answers there are, which have to be right; returns how many. */
static uint64_t
driver_receive(void)
{
	uint64_t answer, n = 0;
	uint32_t len;
	uint16_t id;

	for (; driver_get(&race.driver, &id, &len); n++) {
		memcpy(&answer, race.driver.low + DRIVER_DATA +
		    race.slot[id] * 16 + 8, sizeof(answer));
		assert_int_equal(len, sizeof(answer));
		assert_int_equal(answer, ~race.sent[id]);
		race.slots_used &= ~(UINT32_C(1) << race.slot[id]);
	}
	return n;
}

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Sends some, takes what comes back, sleeps when nothing does. */
static void
driver_run(void)
{
	int64_t end = now_ns() + RUN_NS;
	uint64_t sent = 0, received = 0;

	while (sent < CHAINS_MIN || now_ns() < end) {
		driver_calls_off(&race.driver);
		for (uint32_t i = 1 + chance(&race.driver_seed, 2); i > 0; i--)
			sent += driver_send(sent);
		if (driver_kicks(&race.driver))
			signal_fd(race.kick_fd);
		received += driver_receive();
		while (received < sent) {
			driver_poll();
			driver_calls_on(&race.driver, 0);
			if (!driver_has_used(&race.driver))
				assert_true(wait_fd(race.call_fd));
			driver_calls_off(&race.driver);
			received += driver_receive();
			/* Not always all of them. */
			if (chance(&race.driver_seed, 2) == 0)
				break;
		}
	}
	while (received < sent) {
		driver_calls_on(&race.driver, 0);
		if (!driver_has_used(&race.driver))
			assert_true(wait_fd(race.call_fd));
		received += driver_receive();
	}
}

static void
run_kind(bool packed, bool event_idx, bool indirect)
{
	const struct virtqueue_config config = { .packed = packed,
	    .event_idx = event_idx, .indirect = indirect,
	    .size = QUEUE_SIZE };
	pthread_t thread;

	memset(&race, 0, sizeof(race));
	race.indirect = indirect;
	race.device_seed = 1;
	race.driver_seed = 2;
	race.kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	race.call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(race.kick_fd != -1 && race.call_fd != -1);
	assert_int_equal(driver_open(&race.driver, &config), 0);
	driver_share(&race.driver);
	assert_int_equal(virtqueue_start(&race.vq, &race.driver.config,
	    race.driver.map), 0);
	assert_int_equal(pthread_create(&thread, NULL, device_run, NULL), 0);
	keep_apart(0);
	driver_run();
	atomic_store(&race.stop, true);
	signal_fd(race.kick_fd);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_null(race.failed);
	assert_int_equal(virtqueue_in_flight(&race.vq), 0);
	assert_int_equal(virtqueue_stop(&race.vq), driver_base(&race.driver));
	driver_close(&race.driver);
	close(race.kick_fd);
	close(race.call_fd);
}

static void
test_split(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++)
		run_kind(false, (kind & 1) != 0, (kind & 2) != 0);
}

static void
test_packed(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++)
		run_kind(true, (kind & 1) != 0, (kind & 2) != 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_packed),
	};

	CPU_ZERO(&processors);
	sched_getaffinity(0, sizeof(processors), &processors);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
