/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of the table of open files: worker/file.c.
 */
#include "config.h"

#include "worker/file.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT		300
#define NODE		UINT64_C(0x700000001)
#define THREADS		4
#define ROUNDS		2000

static struct file_table table;

static int
set_up(void **state)
{
	(void)state;
	return file_table_init(&table, LIMIT);
}

static int
tear_down(void **state)
{
	(void)state;
	file_table_destroy(&table);
	return 0;
}

static int
new_fd(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(fd != -1);
	return fd;
}

static uint64_t
add(uint64_t nodeid, int fd)
{
	uint64_t fh;

	assert_int_equal(file_reserve(&table), 0);
	assert_int_equal(file_add(&table, nodeid, fd, O_RDWR, &fh), 0);
	return fh;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static void
test_add_get_remove(void **state)
{
	int fd = new_fd();
	uint64_t fh = add(NODE, fd);
	struct file *file;

	(void)state;
	file = file_get(&table, fh, NODE);
	assert_non_null(file);
	assert_int_equal(file->fd, fd);
	assert_int_equal(file->flags, O_RDWR);
	assert_int_equal(file->nodeid, NODE);
	assert_int_equal(file->blocked, 0);
	assert_int_equal(file_remove(&table, fh, NODE), 0);
	assert_null(file_get(&table, fh, NODE));
	assert_int_equal(file_remove(&table, fh, NODE), -EBADF);
	/* Who holds it can go on. */
	assert_true(is_open(fd));
	file_put(file);
	assert_false(is_open(fd));
	assert_int_equal(table.used, 0);
}

static void
test_numbers_that_are_none(void **state)
{
	uint64_t fh = add(NODE, new_fd());
	static const uint64_t numbers[] = { 0, 1, UINT32_MAX, UINT64_MAX,
	    UINT64_C(1) << 32, UINT64_C(0xffffffff00000000) };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i] == fh)
			continue;
		assert_null(file_get(&table, numbers[i], NODE));
		assert_int_equal(file_remove(&table, numbers[i], NODE),
		    -EBADF);
	}
	for (int bit = 0; bit < 64; bit++)
		assert_null(file_get(&table, fh ^ UINT64_C(1) << bit, NODE));
	/* Right, but another node's. */
	assert_null(file_get(&table, fh, NODE + 1));
	assert_int_equal(file_remove(&table, fh, NODE + 1), -EBADF);
	assert_int_equal(table.used, 1);
}

/* A number that was given back is not given again soon. */
static void
test_generations(void **state)
{
	uint64_t fh, last = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		fh = add(NODE, new_fd());
		assert_int_not_equal(fh, last);
		assert_int_equal((uint32_t)fh, 0);
		assert_int_equal(file_remove(&table, fh, NODE), 0);
		assert_null(file_get(&table, fh, NODE));
		last = fh;
	}
	/* Generation 0 is no file's. */
	table.slots[0].generation = UINT32_MAX;
	fh = add(NODE, new_fd());
	assert_int_equal(fh >> 32, UINT32_MAX);
	assert_int_equal(file_remove(&table, fh, NODE), 0);
	assert_int_equal(add(NODE, new_fd()) >> 32, 1);
}

static void
test_limit(void **state)
{
	static uint64_t fhs[LIMIT];
	uint64_t fh;

	(void)state;
	for (int i = 0; i < LIMIT; i++)
		fhs[i] = add(NODE, new_fd());
	assert_int_equal(file_reserve(&table), -ENFILE);
	for (int i = 0; i < LIMIT; i++)
		for (int j = 0; j < i; j++)
			assert_int_not_equal(fhs[i], fhs[j]);
	assert_int_equal(file_remove(&table, fhs[100], NODE), 0);
	assert_int_equal(file_reserve(&table), 0);
	/* A reservation counts as one. */
	assert_int_equal(file_reserve(&table), -ENFILE);
	file_unreserve(&table);
	assert_int_equal(file_reserve(&table), 0);
	assert_int_equal(file_add(&table, NODE, new_fd(), 0, &fh), 0);
	assert_int_equal((uint32_t)fh, (uint32_t)fhs[100]);
	assert_int_equal(table.used, LIMIT);
	assert_int_equal(table.reserved, 0);
}

static void
test_clear(void **state)
{
	uint64_t fhs[100];
	struct file *held;
	int fd = new_fd();

	(void)state;
	for (int i = 0; i < 99; i++)
		fhs[i] = add(NODE, new_fd());
	fhs[99] = add(NODE, fd);
	held = file_get(&table, fhs[99], NODE);
	assert_non_null(held);
	assert_int_equal(file_reserve(&table), 0);
	file_table_clear(&table);
	assert_int_equal(table.used, 0);
	assert_int_equal(table.reserved, 1);
	file_unreserve(&table);
	for (int i = 0; i < 100; i++)
		assert_null(file_get(&table, fhs[i], NODE));
	assert_true(is_open(fd));
	file_put(held);
	assert_false(is_open(fd));
	add(NODE, new_fd());
	assert_int_equal(table.used, 1);
}

/* Threads that look each other's files up while they come and go. */
static _Atomic uint64_t shared[THREADS];

static void *
come_and_go(void *arg)
{
	_Atomic uint64_t *own = arg;
	struct file *file;
	uint64_t fh;
	size_t bad = 0;
	int fd;

	for (int i = 0; i < ROUNDS; i++) {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (file_reserve(&table) != 0 ||
		    file_add(&table, NODE, fd, O_RDWR, &fh) != 0) {
			bad++;
			continue;
		}
		atomic_store(own, fh);
		for (int t = 0; t < THREADS; t++) {
			file = file_get(&table, atomic_load(&shared[t]), NODE);
			if (file == NULL)
				continue;
			bad += !is_open(file->fd);
			file_put(file);
		}
		bad += file_remove(&table, fh, NODE) != 0;
	}
	return (void *)bad;
}

static void
test_threads(void **state)
{
	pthread_t threads[THREADS];
	void *bad;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
		    come_and_go, &shared[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
	assert_int_equal(table.used, 0);
}

/*
 * Closing takes its time, as on a network file system: a socket whose peer does
 * not read is closed when its data have gone (socket(7), SO_LINGER).
 */

#define LINGER_S	30

/* Returns a socket with data that nobody reads, and its peer; or -1. */
static int
lingering(int *peer_out)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = LINGER_S };
	struct sockaddr_in address = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	static const char bytes[65536];
	int listener, sock;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*peer_out = -1;
	if (bind(listener, (struct sockaddr *)&address, len) == 0 &&
	    listen(listener, 1) == 0 &&
	    getsockname(listener, (struct sockaddr *)&address, &len) == 0 &&
	    connect(sock, (struct sockaddr *)&address, len) == 0)
		*peer_out = accept(listener, NULL, NULL);
	close(listener);
	if (*peer_out == -1) {
		close(sock);
		return -1;
	}
	assert_int_equal(setsockopt(sock, SOL_SOCKET, SO_LINGER, &linger,
	    sizeof(linger)), 0);
	while (send(sock, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
	assert_int_equal(errno, EAGAIN);
	return sock;
}

static void *
clear_table(void *arg)
{
	file_table_clear(&table);
	return arg;
}

/* Others need the table while the files of one INIT are closed. */
static void
test_clear_waits_alone(void **state)
{
	struct timespec end;
	int peer, sock = lingering(&peer);
	pthread_t thread;
	struct file *file;
	uint64_t fh;

	(void)state;
	if (sock == -1)
		skip();
	fh = add(NODE, sock);
	assert_int_equal(pthread_create(&thread, NULL, clear_table, NULL), 0);
	while ((file = file_get(&table, fh, NODE)) != NULL) {
		file_put(file);
		sched_yield();
	}
	/* With the lock held, it would have gone on after the close. */
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec++;
	assert_int_equal(pthread_timedjoin_np(thread, NULL, &end), ETIMEDOUT);
	close(peer);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(table.used, 0);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up,	\
			    tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_add_get_remove),
		TEST(test_numbers_that_are_none),
		TEST(test_generations),
		TEST(test_limit),
		TEST(test_clear),
		TEST(test_clear_waits_alone),
		TEST(test_threads),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
