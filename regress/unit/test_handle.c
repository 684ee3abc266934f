/*
 * SPDX-License-Identifier: ISC
 *
 * The handle table: which inode a handle means, and that one which was
 * forgotten, or never was, means none.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "common/monitor_proto.h"
#include "monitor/handle.h"

#define MANY	100000

static struct handle_table table;

static struct handle_key
key_of(uint64_t ino)
{
	return (struct handle_key){ .mnt_id = 1, .dev = 2, .ino = ino };
}

/* A descriptor that can be told from others by being open. */
static int
some_fd(void)
{
	int fd = open("/", O_PATH | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static void
start(uint32_t limit)
{
	struct handle_key root = key_of(1);

	assert_int_equal(handle_table_init(&table, limit, &root, some_fd()),
	    0);
}

static uint64_t
add(uint64_t ino)
{
	struct handle_key key = key_of(ino);
	uint64_t handle = 0;

	assert_int_equal(handle_add(&table, &key, some_fd(), &handle), 0);
	return handle;
}

static void
test_root(void **state)
{
	struct handle_key root = key_of(1);
	uint64_t handle = 0;
	int fd;

	(void)state;
	start(10);
	fd = handle_get(&table, MONITOR_ROOT_HANDLE);
	assert_true(fd >= 0);
	assert_int_equal(handle_find(&table, &root, &handle), 0);
	assert_true(handle == MONITOR_ROOT_HANDLE);
	assert_int_equal(handle_forget(&table, handle, UINT64_MAX), 0);
	assert_int_equal(handle_forget(&table, handle, UINT64_MAX), 0);
	assert_int_equal(handle_get(&table, MONITOR_ROOT_HANDLE), fd);
	handle_table_destroy(&table);
	assert_false(is_open(fd));
	assert_int_equal(handle_get(&table, MONITOR_ROOT_HANDLE), -ESTALE);
	handle_table_destroy(&table);
}

static void
test_forged(void **state)
{
	uint64_t live, bit, forged;
	unsigned int i;

	(void)state;
	start(1000);
	live = add(7);
	assert_true(handle_get(&table, live) >= 0);
	assert_int_equal(handle_get(&table, 0), -ESTALE);
	assert_int_equal(handle_get(&table, UINT64_MAX), -ESTALE);
	assert_int_equal(handle_get(&table, 1), -ESTALE);
	/* Every handle that is one bit away, but for the root. */
	for (i = 0; i < 64; i++) {
		bit = UINT64_C(1) << i;
		forged = live ^ bit;
		if (forged == MONITOR_ROOT_HANDLE)
			continue;
		assert_int_equal(handle_get(&table, forged), -ESTALE);
		assert_int_equal(handle_forget(&table, forged, 1), -ESTALE);
	}
	assert_true(handle_get(&table, live) >= 0);
	handle_table_destroy(&table);
}

static void
test_count(void **state)
{
	struct handle_key key = key_of(7);
	uint64_t first, again;
	int fd, surplus;

	(void)state;
	start(10);
	first = add(7);
	fd = handle_get(&table, first);
	/* The second descriptor of an inode is not kept. */
	surplus = some_fd();
	assert_int_equal(handle_add(&table, &key, surplus, &again), 0);
	assert_true(again == first);
	assert_false(is_open(surplus));
	assert_int_equal(handle_find(&table, &key, &again), 0);
	assert_true(again == first);
	assert_int_equal(handle_forget(&table, first, 2), 0);
	assert_int_equal(handle_get(&table, first), fd);
	assert_int_equal(handle_forget(&table, first, 0), 0);
	assert_int_equal(handle_get(&table, first), fd);
	assert_int_equal(handle_forget(&table, first, 1), 0);
	assert_int_equal(handle_get(&table, first), -ESTALE);
	assert_int_equal(handle_find(&table, &key, &again), -ENOENT);
	assert_int_equal(handle_forget(&table, first, 1), -ESTALE);
	assert_false(is_open(fd));
	assert_int_equal(table.used, 1);
	handle_table_destroy(&table);
}

/* The same entry for another inode: the old handle does not mean that one. */
static void
test_reuse(void **state)
{
	uint64_t old, now = 0;
	int i;

	(void)state;
	start(2);
	old = add(7);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(handle_forget(&table, old, UINT64_MAX), 0);
		now = add((uint64_t)8 + (uint64_t)i);
		assert_int_equal((uint32_t)now, (uint32_t)old);
		assert_true(now != old);
		assert_int_equal(handle_get(&table, old), -ESTALE);
		assert_int_equal(handle_forget(&table, old, 1), -ESTALE);
		assert_true(handle_get(&table, now) >= 0);
		old = now;
	}
	handle_table_destroy(&table);
}

static void
test_limit(void **state)
{
	struct handle_key key = key_of(100);
	uint64_t handles[4], handle = 0;
	int fd;

	(void)state;
	start(5);
	for (unsigned int i = 0; i < 4; i++)
		handles[i] = add(10 + i);
	fd = some_fd();
	assert_int_equal(handle_add(&table, &key, fd, &handle), -ENFILE);
	assert_false(is_open(fd));
	/* One that is known needs no room. */
	assert_true(add(12) == handles[2]);
	assert_int_equal(handle_forget(&table, handles[0], 1), 0);
	assert_true(add(100) != 0);
	fd = some_fd();
	key = key_of(101);
	assert_int_equal(handle_add(&table, &key, fd, &handle), -ENFILE);
	assert_false(is_open(fd));
	handle_table_destroy(&table);
	/* A limit of none still has the root. */
	start(0);
	assert_true(handle_get(&table, MONITOR_ROOT_HANDLE) >= 0);
	handle_table_destroy(&table);
}

/* All parts of the key count. */
static void
test_keys(void **state)
{
	const struct handle_key keys[] = {
		{ 1, 2, 3 }, { 2, 2, 3 }, { 1, 3, 3 }, { 1, 2, 4 },
		{ 3, 2, 1 }, { 0, 0, 0 }, { UINT64_MAX, 0, 0 },
		{ 0, UINT64_MAX, 0 }, { 0, 0, UINT64_MAX },
	};
	const size_t n = sizeof(keys) / sizeof(keys[0]);
	uint64_t handles[sizeof(keys) / sizeof(keys[0])], handle;
	size_t i, j;

	(void)state;
	start(100);
	for (i = 0; i < n; i++)
		assert_int_equal(handle_add(&table, &keys[i], some_fd(),
		    &handles[i]), 0);
	for (i = 0; i < n; i++) {
		assert_int_equal(handle_find(&table, &keys[i], &handle), 0);
		assert_true(handle == handles[i]);
		for (j = 0; j < i; j++)
			assert_true(handles[i] != handles[j]);
	}
	handle_table_destroy(&table);
}

/*
 * Inodes that share a bucket: the hash takes the exclusive or of these parts,
 * so device and inode number that cancel out collide.
 */
static void
test_collisions(void **state)
{
	struct handle_key key;
	uint64_t handles[200], handle;
	uint64_t i;

	(void)state;
	start(1000);
	for (i = 0; i < 200; i++) {
		key = (struct handle_key){ .mnt_id = 0, .dev = i,
		    .ino = 5 ^ i << 32 };
		assert_int_equal(handle_add(&table, &key, some_fd(),
		    &handles[i]), 0);
	}
	/* Out of the middle, the beginning and the end of the chain. */
	for (i = 0; i < 200; i += 3)
		assert_int_equal(handle_forget(&table, handles[i], 1), 0);
	for (i = 0; i < 200; i++) {
		key = (struct handle_key){ .mnt_id = 0, .dev = i,
		    .ino = 5 ^ i << 32 };
		if (i % 3 == 0) {
			assert_int_equal(handle_find(&table, &key, &handle),
			    -ENOENT);
			continue;
		}
		assert_int_equal(handle_find(&table, &key, &handle), 0);
		assert_true(handle == handles[i]);
	}
	handle_table_destroy(&table);
}

/*
 * Growth.  So many descriptors may not be open: these numbers are none, and
 * closing them fails, which nobody asks for.
 */
static void
test_growth(void **state)
{
	static uint64_t handles[MANY];
	struct handle_key key;
	uint64_t handle;
	uint32_t i;

	(void)state;
	start(UINT32_MAX / 2);
	for (i = 0; i < MANY; i++) {
		key = key_of(1000 + (uint64_t)i);
		assert_int_equal(handle_add(&table, &key,
		    1000000000 + (int)i, &handles[i]), 0);
	}
	assert_int_equal(table.used, MANY + 1);
	for (i = 0; i < MANY; i++)
		assert_int_equal(handle_get(&table, handles[i]),
		    1000000000 + (int)i);
	for (i = 0; i < MANY; i += 2)
		assert_int_equal(handle_forget(&table, handles[i], 1), 0);
	for (i = 0; i < MANY; i++) {
		key = key_of(1000 + (uint64_t)i);
		assert_int_equal(handle_find(&table, &key, &handle),
		    i % 2 == 0 ? -ENOENT : 0);
	}
	assert_true(handle_get(&table, MONITOR_ROOT_HANDLE) >= 0);
	handle_table_destroy(&table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_growth),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
