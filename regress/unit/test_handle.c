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

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/monitor_proto.h"
#include "monitor/attr.h"
#include "monitor/handle.h"

#define MANY	100000

#define KEY(m, d, i)	{ .mnt_id = (m), .dev = (d), .ino = (i), .born = 4 }
#define LATE(test)							\
	cmocka_unit_test_setup_teardown(test, late_setup, late_teardown)

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

/* What the handle stands for at this moment. */
static int
get(uint64_t handle)
{
	int fd = handle_hold(&table, handle);

	if (fd >= 0)
		handle_release(&table, handle);
	return fd;
}

static int
find(const struct handle_key *key, uint64_t *handle_out)
{
	return handle_find(&table, key, -1, "", handle_out);
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
	fd = get(MONITOR_ROOT_HANDLE);
	assert_true(fd >= 0);
	assert_int_equal(find(&root, &handle), 0);
	assert_true(handle == MONITOR_ROOT_HANDLE);
	assert_int_equal(handle_forget(&table, handle, UINT64_MAX), 0);
	assert_int_equal(handle_forget(&table, handle, UINT64_MAX), 0);
	assert_int_equal(get(MONITOR_ROOT_HANDLE), fd);
	handle_table_destroy(&table);
	assert_false(is_open(fd));
}

static void
test_forged(void **state)
{
	uint64_t live, bit, forged;
	unsigned int i;

	(void)state;
	start(1000);
	live = add(7);
	assert_true(get(live) >= 0);
	assert_int_equal(get(0), -ESTALE);
	assert_int_equal(get(UINT64_MAX), -ESTALE);
	assert_int_equal(get(1), -ESTALE);
	/* Every handle that is one bit away, but for the root. */
	for (i = 0; i < 64; i++) {
		bit = UINT64_C(1) << i;
		forged = live ^ bit;
		if (forged == MONITOR_ROOT_HANDLE)
			continue;
		assert_int_equal(get(forged), -ESTALE);
		assert_int_equal(handle_forget(&table, forged, 1), -ESTALE);
	}
	assert_true(get(live) >= 0);
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
	fd = get(first);
	/* The second descriptor of an inode is not kept. */
	surplus = some_fd();
	assert_int_equal(handle_add(&table, &key, surplus, &again), 0);
	assert_true(again == first);
	assert_false(is_open(surplus));
	assert_int_equal(find(&key, &again), 0);
	assert_true(again == first);
	assert_int_equal(handle_forget(&table, first, 2), 0);
	assert_int_equal(get(first), fd);
	assert_int_equal(handle_forget(&table, first, 0), 0);
	assert_int_equal(get(first), fd);
	assert_int_equal(handle_forget(&table, first, 1), 0);
	assert_int_equal(get(first), -ESTALE);
	assert_int_equal(find(&key, &again), -ENOENT);
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
		assert_int_equal(get(old), -ESTALE);
		assert_int_equal(handle_forget(&table, old, 1), -ESTALE);
		assert_true(get(now) >= 0);
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
	assert_true(get(MONITOR_ROOT_HANDLE) >= 0);
	handle_table_destroy(&table);
}

/* Mount, device and number count. */
static void
test_keys(void **state)
{
	const struct handle_key keys[] = {
		KEY(1, 2, 3), KEY(2, 2, 3), KEY(1, 3, 3), KEY(1, 2, 4),
		KEY(3, 2, 1), KEY(0, 0, 0), KEY(UINT64_MAX, 0, 0),
		KEY(0, UINT64_MAX, 0), KEY(0, 0, UINT64_MAX),
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
		assert_int_equal(find(&keys[i], &handle), 0);
		assert_true(handle == handles[i]);
		for (j = 0; j < i; j++)
			assert_true(handles[i] != handles[j]);
	}
	handle_table_destroy(&table);
}

/*
 * What is open keeps its number, so the time of birth says nothing: it changes
 * when overlayfs copies a file up.
 */
static void
test_births(void **state)
{
	struct handle_key key = key_of(7);
	uint64_t again, handle;

	(void)state;
	start(10);
	key.born = 1;
	assert_int_equal(handle_add(&table, &key, some_fd(), &handle), 0);
	for (uint64_t born = 0; born < 4; born++) {
		key.born = born;
		assert_int_equal(find(&key, &again), 0);
		assert_true(again == handle);
		assert_int_equal(handle_add(&table, &key, some_fd(), &again),
		    0);
		assert_true(again == handle);
		assert_int_equal(handle_add_late(&table, &key,
		    MONITOR_ROOT_HANDLE, "a", &again), born == 0 ? -ENOENT :
		    0);
		assert_true(again == handle);
	}
	assert_int_equal(table.used, 2);
	assert_int_equal(table.open, 2);
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
			assert_int_equal(find(&key, &handle),
			    -ENOENT);
			continue;
		}
		assert_int_equal(find(&key, &handle), 0);
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
		assert_int_equal(get(handles[i]),
		    1000000000 + (int)i);
	for (i = 0; i < MANY; i += 2)
		assert_int_equal(handle_forget(&table, handles[i], 1), 0);
	for (i = 0; i < MANY; i++) {
		key = key_of(1000 + (uint64_t)i);
		assert_int_equal(find(&key, &handle),
		    i % 2 == 0 ? -ENOENT : 0);
	}
	assert_true(get(MONITOR_ROOT_HANDLE) >= 0);
	handle_table_destroy(&table);
}

/*
 * Late entries, in a directory "d" of a temporary one, with files a and b.
 */
static char base[64];
static int dir_fd;
static uint64_t dir;

static void
make(const char *name)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0644);

	assert_true(fd >= 0);
	close(fd);
}

static struct handle_key
key_in_dir(const char *name)
{
	struct monitor_attr attr;
	struct handle_key key;

	assert_int_equal(attr_get(dir_fd, name, AT_SYMLINK_NOFOLLOW, &attr,
	    &key), 0);
	return key;
}

/* Returns whether nothing can be late here, and says so. */
static bool
no_births(void)
{
	if (key_in_dir("a").born != 0)
		return false;
	print_message("# skipped: the file system has no times of birth\n");
	return true;
}

static uint64_t
add_late(const char *name)
{
	struct handle_key key = key_in_dir(name);
	uint64_t handle = 0;

	assert_int_equal(handle_add_late(&table, &key, dir, name, &handle),
	    0);
	return handle;
}

/* Returns the inode number that the handle leads to, or -errno. */
static int64_t
inode(uint64_t handle)
{
	struct stat st;
	int fd = handle_hold(&table, handle);

	if (fd < 0)
		return fd;
	assert_int_equal(fstat(fd, &st), 0);
	handle_release(&table, handle);
	return (int64_t)st.st_ino;
}

static int
late_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct monitor_attr attr;
	struct handle_key key;

	(void)state;
	snprintf(base, sizeof(base), "%.32s/privfsd-unit.XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(base));
	dir_fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir_fd >= 0);
	start(20);
	assert_int_equal(attr_get(dir_fd, "", AT_EMPTY_PATH, &attr, &key), 0);
	assert_int_equal(handle_add(&table, &key,
	    fcntl(dir_fd, F_DUPFD_CLOEXEC, 0), &dir), 0);
	make("a");
	make("b");
	return 0;
}

static int
late_teardown(void **state)
{
	static const char *const names[] = { "a", "b", "c" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(dir_fd, names[i], 0);
	close(dir_fd);
	rmdir(base);
	handle_table_destroy(&table);
	return 0;
}

static void
test_late_is_opened(void **state)
{
	struct handle_key key = key_in_dir("a");
	uint64_t again, handle;
	uint32_t open;

	(void)state;
	if (no_births())
		return;
	open = table.open;
	handle = add_late("a");
	assert_int_equal(table.open, open);
	assert_true(add_late("a") == handle);
	assert_int_equal(inode(handle), (int64_t)key.ino);
	assert_int_equal(table.open, open + 1);
	/* Wherever it is by now. */
	assert_int_equal(renameat(dir_fd, "a", dir_fd, "c"), 0);
	assert_int_equal(inode(handle), (int64_t)key.ino);
	assert_int_equal(handle_find(&table, &key, dir_fd, "c", &again), 0);
	assert_true(again == handle);
	assert_int_equal(handle_forget(&table, handle, 2), 0);
	assert_int_equal(inode(handle), (int64_t)key.ino);
	assert_int_equal(handle_forget(&table, handle, 1), 0);
	assert_int_equal(inode(handle), -ESTALE);
	assert_int_equal(table.open, open);
	assert_int_equal(table.used, 2);
}

/* One that was never used takes nothing with it, its directory included. */
static void
test_late_is_forgotten(void **state)
{
	uint64_t a, b;

	(void)state;
	if (no_births())
		return;
	a = add_late("a");
	b = add_late("b");
	assert_int_equal(handle_forget(&table, dir, 1), 0);
	assert_int_equal(table.used, 4);
	assert_int_equal(handle_forget(&table, a, 1), 0);
	/* The directory's descriptor still leads to the other. */
	assert_true(inode(b) > 0);
	assert_int_equal(table.used, 2);
	assert_int_equal(handle_forget(&table, b, 1), 0);
	assert_int_equal(table.used, 1);
	assert_int_equal(table.open, 1);
}

/* The host puts something else in its place: never that instead. */
static void
test_late_is_replaced(void **state)
{
	struct handle_key key = key_in_dir("a");
	uint64_t again, handle;

	(void)state;
	if (no_births())
		return;
	handle = add_late("a");
	assert_int_equal(renameat(dir_fd, "a", dir_fd, "c"), 0);
	assert_int_equal(inode(handle), -ESTALE);
	make("a");
	assert_int_equal(inode(handle), -ESTALE);
	assert_int_equal(symlinkat("c", dir_fd, "d"), 0);
	assert_int_equal(renameat(dir_fd, "d", dir_fd, "a"), 0);
	assert_int_equal(inode(handle), -ESTALE);
	/* Looked up again it is as good as ever. */
	assert_int_equal(handle_find(&table, &key, dir_fd, "c", &again), 0);
	assert_true(again == handle);
	assert_int_equal(inode(handle), (int64_t)key.ino);
	assert_int_equal(table.used, 3);
}

/*
 * The number is given to another inode while nothing is open: what was listed
 * never means that one, nor the other way round.
 */
static void
test_late_number_reused(void **state)
{
	struct handle_key key = key_in_dir("a");
	struct handle_key former = key;
	uint64_t again, handle, old;

	(void)state;
	if (no_births())
		return;
	former.born--;
	assert_int_equal(handle_add_late(&table, &former, dir, "a", &old), 0);
	assert_int_equal(inode(old), -ESTALE);
	assert_int_equal(handle_find(&table, &key, dir_fd, "a", &again),
	    -ENOENT);
	handle = add_late("a");
	assert_true(handle != old);
	assert_int_equal(inode(handle), (int64_t)key.ino);
	assert_int_equal(inode(old), -ESTALE);
	handle_settle(&table, dir, dir_fd, "a");
	assert_int_equal(inode(old), -ESTALE);
	assert_int_equal(handle_forget(&table, old, 1), 0);
	assert_int_equal(inode(handle), (int64_t)key.ino);
	assert_int_equal(handle_find(&table, &key, dir_fd, "a", &again), 0);
	assert_true(again == handle);
}

/*
 * Only what the directory's own file system has: that cannot go, nor its
 * numbers be given to another one, while the directory is open.
 */
static void
test_late_elsewhere(void **state)
{
	const struct handle_key key = key_in_dir("a");
	struct handle_key other = key;
	uint64_t handle = 0;

	(void)state;
	if (no_births())
		return;
	other.mnt_id++;
	assert_int_equal(handle_add_late(&table, &other, dir, "a", &handle),
	    -ENOENT);
	other = key;
	other.dev++;
	assert_int_equal(handle_add_late(&table, &other, dir, "a", &handle),
	    -ENOENT);
	assert_int_equal(table.used, 2);
	assert_int_equal(handle_add_late(&table, &key, dir, "a", &handle), 0);
}

/* What the worker renames or removes itself is opened before. */
static void
test_late_is_settled(void **state)
{
	struct handle_key key = key_in_dir("a");
	uint64_t handle;

	(void)state;
	if (no_births())
		return;
	handle_settle(&table, dir, dir_fd, "a");
	handle = add_late("a");
	handle_settle(&table, dir, dir_fd, "missing");
	handle_settle(&table, dir, dir_fd, "b");
	assert_int_equal(table.open, 2);
	handle_settle(&table, dir, dir_fd, "a");
	assert_int_equal(table.open, 3);
	assert_int_equal(unlinkat(dir_fd, "a", 0), 0);
	assert_int_equal(inode(handle), (int64_t)key.ino);
}

/* Late entries are many more than descriptors, but not without a limit. */
static void
test_late_limit(void **state)
{
	struct handle_key key = key_in_dir("a");
	uint64_t handle = 0;
	unsigned int n = 0;

	(void)state;
	if (no_births())
		return;
	while (handle_add_late(&table, &key, dir, "a", &handle) == 0) {
		key.ino += 1000;
		assert_true(++n < 1000);
	}
	assert_true(n > table.limit);
	assert_int_equal(handle_add_late(&table, &key, dir, "a", &handle),
	    -ENFILE);
	handle_forget_all(&table);
	assert_int_equal(table.used, 1);
	assert_int_equal(table.open, 1);
	assert_true(get(MONITOR_ROOT_HANDLE) >= 0);
	key.born = 0;
	assert_int_equal(handle_add_late(&table, &key, MONITOR_ROOT_HANDLE,
	    "a", &handle), -ENOENT);
}

/* Some file systems have names that are longer than NAME_MAX. */
static void
test_late_name(void **state)
{
	char name[MONITOR_NAME_MAX + 2];
	struct handle_key key;
	uint64_t handle = 0;

	(void)state;
	if (no_births())
		return;
	key = key_in_dir("a");
	memset(name, 'n', sizeof(name));
	name[MONITOR_NAME_MAX + 1] = '\0';
	assert_int_equal(handle_add_late(&table, &key, dir, name, &handle),
	    -ENOENT);
	name[MONITOR_NAME_MAX] = '\0';
	assert_int_equal(handle_add_late(&table, &key, dir, name, &handle),
	    0);
	assert_int_equal(inode(handle), -ESTALE);
}

/* Moves the entry of a file of two names to a number that it does not have. */
static uint64_t
add_renumbered(const char *name, struct handle_key *had)
{
	uint64_t handle = 0;
	int fd = openat(dir_fd, name, O_PATH | O_CLOEXEC);

	assert_true(fd >= 0);
	*had = key_in_dir(name);
	had->ino += 1000;
	had->links = true;
	assert_int_equal(handle_add(&table, had, fd, &handle), 0);
	return handle;
}

/*
 * A file that has another number than it had, as overlayfs does with one name
 * of several: it is found by the one it has, and not by the one it had, which
 * may be another file's.
 */
static void
test_renumbered(void **state)
{
	struct handle_key had, now = key_in_dir("a");
	uint64_t again, handle = add_renumbered("a", &had), other;

	(void)state;
	/* By the use of it. */
	assert_int_equal(inode(handle), (int64_t)now.ino);
	assert_int_equal(handle_find(&table, &now, dir_fd, "a", &again), 0);
	assert_true(again == handle);
	assert_int_equal(handle_find(&table, &had, dir_fd, "a", &again),
	    -ENOENT);
	assert_int_equal(handle_forget(&table, handle, 2), 0);
	/* By looking for the other, be there one or not. */
	handle = add_renumbered("a", &had);
	assert_int_equal(handle_find(&table, &had, dir_fd, "a", &again),
	    -ENOENT);
	assert_int_equal(handle_find(&table, &now, dir_fd, "a", &again), 0);
	assert_true(again == handle);
	had = key_in_dir("b");
	had.links = true;
	assert_int_equal(handle_add(&table, &had, openat(dir_fd, "a", O_PATH |
	    O_CLOEXEC), &other), 0);
	assert_int_equal(handle_find(&table, &had, dir_fd, "b", &again),
	    -ENOENT);
	assert_int_equal(handle_forget(&table, other, 1), 0);
	assert_int_equal(inode(handle), (int64_t)now.ino);
	assert_int_equal(handle_forget(&table, handle, 2), 0);
	assert_int_equal(table.used, 2);
	assert_int_equal(table.open, 2);
}

/* A handle that ends while it is held stays open until it is released. */
static void
test_held(void **state)
{
	uint64_t handle, next;
	int fd;

	(void)state;
	start(10);
	handle = add(7);
	fd = handle_hold(&table, handle);
	assert_true(fd >= 0);
	assert_int_equal(handle_forget(&table, handle, 1), 0);
	assert_true(is_open(fd));
	assert_int_equal(get(handle), -ESTALE);
	next = add(7);
	assert_true((uint32_t)next != (uint32_t)handle);
	handle_release(&table, handle);
	assert_false(is_open(fd));
	assert_true(get(next) >= 0);
	assert_int_equal(table.used, 2);
	handle_table_destroy(&table);
}

/*
 * Threads that look up, use and forget the same few inodes: nobody ever uses
 * another inode than it asked for.
 */
static void *
use_inodes(void *arg)
{
	const struct handle_key *keys = arg;
	static const char *const names[] = { "a", "b" };
	uint64_t handle;
	long wrong = 0;
	int64_t ino;

	for (unsigned int i = 0; i < 20000; i++) {
		const struct handle_key *key = &keys[i % 2];

		if (i % 3 == 0 ? handle_add_late(&table, key, dir,
		    names[i % 2], &handle) != 0 :
		    handle_find(&table, key, dir_fd, names[i % 2],
		    &handle) != 0)
			continue;
		ino = inode(handle);
		if (ino != (int64_t)key->ino)
			wrong++;
		handle_settle(&table, dir, dir_fd, names[i % 2]);
		if (handle_forget(&table, handle, 1) != 0)
			wrong++;
	}
	return (void *)wrong;
}

static void
test_threads(void **state)
{
	struct handle_key keys[2] = { key_in_dir("a"), key_in_dir("b") };
	pthread_t threads[4];
	void *wrong;

	(void)state;
	if (no_births())
		return;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_inodes,
		    keys), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	assert_int_equal(table.used, 2);
	assert_int_equal(table.open, 2);
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
		cmocka_unit_test(test_births),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_held),
		LATE(test_late_is_opened),
		LATE(test_late_is_forgotten),
		LATE(test_late_is_replaced),
		LATE(test_late_number_reused),
		LATE(test_late_elsewhere),
		LATE(test_late_is_settled),
		LATE(test_late_limit),
		LATE(test_late_name),
		LATE(test_renumbered),
		LATE(test_threads),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
