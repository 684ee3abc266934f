/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of the I/O threads and of waking: worker/io_pool.c, wakeup.c.
 */
#include "config.h"

#include "worker/io_pool.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define JOBS		5000
#define WAIT_MS		30000

/* A job that counts, after it was let go if it has a gate. */
struct work {
	struct io_job	 job;
	_Atomic bool	*gate;
	pthread_t	 thread;
	bool		 ran;
	bool		 blocked;	/* SIGTERM, where it ran */
	unsigned int	 done;
};

static struct io_pool *pool;
static struct io_port port;
static struct wakeup wakeup;
static _Atomic unsigned int running;
static unsigned int finished;

static int
set_up(void **state)
{
	(void)state;
	atomic_store(&running, 0);
	finished = 0;
	pool = io_pool_new(3);
	if (pool == NULL || wakeup_init(&wakeup) != 0)
		return -1;
	io_port_init(&port, pool, &wakeup);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	io_pool_free(pool);
	wakeup_free(&wakeup);
	return 0;
}

static void
work_run(struct io_job *job)
{
	struct work *work = (struct work *)(void *)job;
	sigset_t mask;

	atomic_fetch_add(&running, 1);
	while (work->gate != NULL && !atomic_load(work->gate))
		sched_yield();
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	work->blocked = sigismember(&mask, SIGTERM) == 1;
	work->thread = pthread_self();
	work->ran = true;
}

static void
work_done(struct io_job *job)
{
	struct work *work = (struct work *)(void *)job;

	work->done++;
	finished++;
}

static void
submit(struct work *work, _Atomic bool *gate)
{
	*work = (struct work){ .gate = gate };
	work->job.run = work_run;
	work->job.done = work_done;
	io_port_submit(&port, &work->job);
}

/* As a queue's thread does: sleeps until it is woken, but not for ever. */
static void
sleep_until(bool (*over)(void))
{
	struct pollfd pollfd = { .fd = wakeup.fd, .events = POLLIN };
	uint64_t count;

	while (!over()) {
		wakeup_sleeping(&wakeup);
		if (!io_port_ready(&port) && !over()) {
			assert_int_equal(poll(&pollfd, 1, WAIT_MS), 1);
			assert_int_equal(read(wakeup.fd, &count,
			    sizeof(count)), sizeof(count));
		}
		wakeup_awake(&wakeup);
		io_port_reap(&port);
	}
}

static unsigned int wanted;

static bool
all_finished(void)
{
	return finished == wanted;
}

static void
wait_for(unsigned int n)
{
	wanted = n;
	sleep_until(all_finished);
}

static void
test_job(void **state)
{
	struct work work;

	(void)state;
	assert_false(io_port_ready(&port));
	assert_int_equal(io_port_reap(&port), 0);
	submit(&work, NULL);
	assert_int_equal(port.in_flight, 1);
	wait_for(1);
	assert_int_equal(port.in_flight, 0);
	assert_int_equal(work.done, 1);
	assert_true(work.ran);
	/* Another thread, where no signal goes. */
	assert_false(pthread_equal(work.thread, pthread_self()));
	assert_true(work.blocked);
	assert_false(io_port_ready(&port));
}

static void
test_many_jobs(void **state)
{
	static struct work work[JOBS];

	(void)state;
	for (int i = 0; i < JOBS; i++)
		submit(&work[i], NULL);
	assert_int_equal(port.in_flight, JOBS - finished);
	wait_for(JOBS);
	for (int i = 0; i < JOBS; i++) {
		assert_true(work[i].ran);
		assert_int_equal(work[i].done, 1);
	}
	assert_int_equal(port.in_flight, 0);
}

/* As many at a time as there may be threads, and no more. */
static void
test_limit(void **state)
{
	_Atomic bool gate = false;
	struct work work[5];
	time_t end = time(NULL) + WAIT_MS / 1000;

	(void)state;
	for (int i = 0; i < 5; i++)
		submit(&work[i], &gate);
	while (atomic_load(&running) < 3 && time(NULL) < end)
		sched_yield();
	assert_int_equal(atomic_load(&running), 3);
	assert_int_equal(io_port_reap(&port), 0);
	atomic_store(&gate, true);
	wait_for(5);
}

/* Jobs of one thread end in the order in which they were given. */
static struct work *order[100];
static unsigned int norder;

static void
order_done(struct io_job *job)
{
	order[norder++] = (struct work *)(void *)job;
	work_done(job);
}

static void
test_order(void **state)
{
	static struct work work[100];
	_Atomic bool gate = false;
	struct io_pool *single = io_pool_new(1);

	(void)state;
	assert_non_null(single);
	io_port_init(&port, single, &wakeup);
	norder = 0;
	for (int i = 0; i < 100; i++) {
		work[i] = (struct work){ .gate = i == 0 ? &gate : NULL };
		work[i].job.run = work_run;
		work[i].job.done = order_done;
		io_port_submit(&port, &work[i].job);
	}
	atomic_store(&gate, true);
	wait_for(100);
	for (int i = 0; i < 100; i++)
		assert_ptr_equal(order[i], &work[i]);
	io_pool_free(single);
}

/* done() may give the next job. */
static unsigned int again;

static void
again_done(struct io_job *job)
{
	finished++;
	if (--again > 0)
		io_port_submit(&port, job);
}

static void
test_again_from_done(void **state)
{
	struct work work = { .job = { .run = work_run, .done = again_done } };

	(void)state;
	again = 50;
	io_port_submit(&port, &work.job);
	wait_for(50);
	assert_int_equal(port.in_flight, 0);
}

/* Ending waits for what was begun. */
static void
test_free_ends_jobs(void **state)
{
	static struct work work[100];

	(void)state;
	for (int i = 0; i < 100; i++)
		submit(&work[i], NULL);
	io_pool_free(pool);
	pool = NULL;
	for (int i = 0; i < 100; i++)
		assert_true(work[i].ran);
	io_port_reap(&port);
	assert_int_equal(finished, 100);
}

static void
test_sizes(void **state)
{
	struct work work;
	struct io_pool *other;

	(void)state;
	io_pool_free(NULL);
	other = io_pool_new(UINT32_MAX);
	assert_non_null(other);
	io_port_init(&port, other, &wakeup);
	submit(&work, NULL);
	wait_for(1);
	io_pool_free(other);
	other = io_pool_new(0);
	assert_non_null(other);
	io_pool_free(other);
}

/*
 * Waking.
 */

static bool
rung(void)
{
	struct pollfd pollfd = { .fd = wakeup.fd, .events = POLLIN };

	return poll(&pollfd, 1, 0) == 1;
}

/* A system call only if somebody sleeps, and once. */
static void
test_wakeup(void **state)
{
	uint64_t count;

	(void)state;
	wakeup_ring(&wakeup);
	assert_false(rung());
	wakeup_sleeping(&wakeup);
	assert_false(rung());
	wakeup_ring(&wakeup);
	wakeup_ring(&wakeup);
	assert_int_equal(read(wakeup.fd, &count, sizeof(count)),
	    sizeof(count));
	assert_int_equal(count, 1);
	wakeup_sleeping(&wakeup);
	wakeup_awake(&wakeup);
	wakeup_ring(&wakeup);
	assert_false(rung());
}

static _Atomic unsigned int produced;
static unsigned int consumed;

static void *
produce(void *arg)
{
	(void)arg;
	for (int i = 0; i < JOBS; i++) {
		atomic_fetch_add(&produced, 1);
		wakeup_ring(&wakeup);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static bool
all_consumed(void)
{
	consumed = atomic_load(&produced);
	return consumed == JOBS;
}

/* No ring is ever missed: else the last poll(2) would end without one. */
static void
test_no_ring_is_missed(void **state)
{
	struct pollfd pollfd = { .fd = wakeup.fd, .events = POLLIN };
	unsigned int seen = 0;
	uint64_t count;
	pthread_t thread;

	(void)state;
	atomic_store(&produced, 0);
	assert_int_equal(pthread_create(&thread, NULL, produce, NULL), 0);
	while (!all_consumed()) {
		seen = consumed;
		wakeup_sleeping(&wakeup);
		if (atomic_load(&produced) == seen) {
			assert_int_equal(poll(&pollfd, 1, WAIT_MS), 1);
			assert_int_equal(read(wakeup.fd, &count,
			    sizeof(count)), sizeof(count));
		}
		wakeup_awake(&wakeup);
	}
	pthread_join(thread, NULL);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up,	\
			    tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_job),
		TEST(test_many_jobs),
		TEST(test_limit),
		TEST(test_order),
		TEST(test_again_from_done),
		TEST(test_free_ends_jobs),
		TEST(test_sizes),
		TEST(test_wakeup),
		TEST(test_no_ring_is_missed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
