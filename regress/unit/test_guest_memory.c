/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of worker/guest_memory.c.
 */
#include "config.h"

#include "worker/guest_memory.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/memfd.h>

#include <cmocka.h>

#define PAGE		UINT64_C(4096)
#define HUGE		(UINT64_C(2) << 20)
#define FILE_SIZE	(64 * PAGE)
#define USER		UINT64_C(0x7f0000000000)
#define TOP		UINT64_MAX

/* A file that says at each 8 bytes where they are. */
static int
make_file(void)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	uint64_t *words;

	assert_true(fd != -1);
	assert_int_equal(ftruncate(fd, (off_t)FILE_SIZE), 0);
	words = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	assert_true(words != MAP_FAILED);
	for (uint64_t i = 0; i < FILE_SIZE / 8; i++)
		words[i] = i * 8;
	munmap(words, FILE_SIZE);
	return fd;
}

static int
add(struct guest_memory **map, uint64_t guest, uint64_t size, uint64_t user,
    uint64_t offset)
{
	const struct guest_memory_region region = { guest, size, user,
	    offset };
	struct guest_memory *more;
	int error;

	error = guest_memory_add(*map, &region, make_file(), &more, NULL);
	if (error == 0) {
		guest_memory_release(*map);
		*map = more;
	}
	return error;
}

/* What the file says is at `at`. */
static uint64_t
word(const void *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void
test_empty(void **state)
{
	struct guest_memory *map = guest_memory_new();
	struct iovec iov[1];

	(void)state;
	assert_non_null(map);
	assert_int_equal(guest_memory_count(map), 0);
	assert_int_equal(guest_memory_iov(map, 0, 1, iov, 1), -EFAULT);
	assert_null(guest_memory_at(map, 0, 1));
	assert_null(guest_memory_user_at(map, 0, 1));
	guest_memory_release(map);
	guest_memory_release(NULL);
}

/* Regions in any order, each found at its ends, nothing beside them. */
static void
test_search(void **state)
{
	static const uint64_t order[] = { 7, 0, 3, 11, 5, 1, 9, 4, 2, 10, 8,
	    6 };
	struct guest_memory *map = guest_memory_new();
	struct iovec iov[2];
	const size_t n = sizeof(order) / sizeof(order[0]);
	uint64_t guest;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		guest = (order[i] + 1) * HUGE;
		assert_int_equal(add(&map, guest, 2 * PAGE, USER + guest,
		    order[i] * PAGE), 0);
		assert_int_equal(guest_memory_count(map), i + 1);
		for (size_t j = 0; j <= i; j++) {
			guest = (order[j] + 1) * HUGE;
			assert_int_equal(word(guest_memory_at(map, guest, 8)),
			    order[j] * PAGE);
			assert_int_equal(word(guest_memory_at(map,
			    guest + 2 * PAGE - 8, 8)),
			    order[j] * PAGE + 2 * PAGE - 8);
			assert_ptr_equal(guest_memory_user_at(map,
			    USER + guest + 16, 8),
			    guest_memory_at(map, guest + 16, 8));
			assert_null(guest_memory_at(map, guest - 1, 1));
			assert_null(guest_memory_at(map, guest - 1, 2));
			assert_null(guest_memory_at(map, guest + 2 * PAGE, 1));
			assert_null(guest_memory_at(map, guest, 2 * PAGE + 1));
			assert_null(guest_memory_user_at(map,
			    USER + guest - 1, 2));
			assert_null(guest_memory_user_at(map,
			    USER + guest + 1, 2 * PAGE));
			assert_int_equal(guest_memory_iov(map, guest + PAGE,
			    PAGE + 1, iov, 2), -EFAULT);
		}
	}
	guest_memory_release(map);
}

/* Neighbours at the guest make one buffer of several elements. */
static void
test_neighbours(void **state)
{
	struct guest_memory *map = guest_memory_new();
	struct iovec iov[4];

	(void)state;
	assert_int_equal(add(&map, 3 * PAGE, PAGE, USER, 0), 0);
	assert_int_equal(add(&map, PAGE, PAGE, USER + HUGE, PAGE), 0);
	assert_int_equal(add(&map, 2 * PAGE, PAGE, USER + 2 * HUGE, 0x88), 0);
	assert_int_equal(guest_memory_iov(map, PAGE + 8, 2 * PAGE, iov, 4), 3);
	assert_int_equal(iov[0].iov_len, PAGE - 8);
	assert_int_equal(word(iov[0].iov_base), PAGE + 8);
	assert_int_equal(iov[1].iov_len, PAGE);
	assert_int_equal(word(iov[1].iov_base), 0x88);
	assert_int_equal(iov[2].iov_len, 8);
	assert_int_equal(word(iov[2].iov_base), 0);
	assert_int_equal(guest_memory_iov(map, PAGE, 3 * PAGE, iov, 3), 3);
	assert_int_equal(guest_memory_iov(map, PAGE, 3 * PAGE, iov, 2),
	    -E2BIG);
	assert_int_equal(guest_memory_iov(map, PAGE, 1, iov, 0), -E2BIG);
	assert_int_equal(guest_memory_iov(map, PAGE, 3 * PAGE + 1, iov, 4),
	    -EFAULT);
	assert_int_equal(guest_memory_iov(map, PAGE, TOP, iov, 4), -EFAULT);
	assert_int_equal(guest_memory_iov(map, TOP, 2, iov, 4), -EFAULT);
	assert_int_equal(guest_memory_iov(map, TOP, TOP, iov, 4), -EFAULT);
	/* In one piece only where it is in one region. */
	assert_non_null(guest_memory_at(map, PAGE, PAGE));
	assert_null(guest_memory_at(map, PAGE, PAGE + 1));
	assert_null(guest_memory_at(map, PAGE, TOP));
	assert_null(guest_memory_at(map, TOP, TOP));
	guest_memory_release(map);
}

static void
test_refused(void **state)
{
	static const struct {
		uint64_t guest, size, user, offset;
	} bad[] = {
		{ HUGE, 0, USER, 0 },			/* empty */
		{ HUGE, 0, USER, 1 },
		{ TOP - PAGE + 1, PAGE, USER, 0 },	/* to the very end */
		{ TOP, PAGE, USER, 0 },			/* around */
		{ HUGE, PAGE, TOP, 0 },
		{ HUGE, PAGE, USER, TOP },
		{ HUGE, PAGE, USER, INT64_MAX },
		{ HUGE, TOP, USER, 0 },
		{ HUGE, (uint64_t)INT64_MAX, USER, 0 },
		{ 1, TOP - 1, 0, 1 },
		{ HUGE, FILE_SIZE + 1, USER, 0 },	/* beyond the file */
		{ HUGE, FILE_SIZE, USER, 1 },
		{ HUGE, 1, USER, FILE_SIZE },
		{ PAGE, PAGE, USER, 0 },		/* overlapping */
		{ PAGE + 1, 1, USER, 0 },
		{ PAGE - 1, 2, USER, 0 },
		{ 2 * PAGE - 1, 2, USER, 0 },
		{ 0, HUGE / 32, USER, 0 }
	};
	struct guest_memory *map = guest_memory_new();

	(void)state;
	assert_int_equal(add(&map, PAGE, PAGE, USER + HUGE, 0), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(add(&map, bad[i].guest, bad[i].size,
		    bad[i].user, bad[i].offset), -EINVAL);
	assert_int_equal(guest_memory_count(map), 1);
	/* And what is on the edge. */
	assert_int_equal(add(&map, 0, PAGE, USER, FILE_SIZE - PAGE), 0);
	assert_int_equal(add(&map, 2 * PAGE, FILE_SIZE, USER, 0), 0);
	assert_int_equal(add(&map, TOP - PAGE, PAGE, TOP - PAGE, 0), 0);
	assert_non_null(guest_memory_at(map, TOP - PAGE, PAGE));
	assert_null(guest_memory_at(map, TOP - PAGE, PAGE + 1));
	assert_null(guest_memory_at(map, TOP, 1));
	guest_memory_release(map);
}

/* A descriptor is taken also when it is of no use. */
static void
test_descriptors(void **state)
{
	const struct guest_memory_region region = { 0, PAGE, USER, 0 };
	struct guest_memory *map = guest_memory_new(), *more = NULL;
	int fds[3];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(guest_memory_add(map, &region, fds[0], &more, NULL),
	    -EINVAL);
	fds[2] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fds[2] != -1);
	assert_int_equal(guest_memory_add(map, &region, fds[2], &more, NULL),
	    -EINVAL);
	assert_int_equal(guest_memory_add(map, &region, -1, &more, NULL),
	    -EBADF);
	assert_null(more);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	assert_int_equal(fcntl(fds[2], F_GETFD), -1);
	fds[2] = make_file();
	assert_int_equal(guest_memory_add(map, &region, fds[2], &more, NULL),
	    0);
	assert_int_equal(fcntl(fds[2], F_GETFD), -1);
	guest_memory_release(more);
	guest_memory_release(map);
	close(fds[1]);
}

static void
test_too_many(void **state)
{
	struct guest_memory *map = guest_memory_new();

	(void)state;
	for (uint64_t i = 0; i < GUEST_MEMORY_REGIONS_MAX; i++)
		assert_int_equal(add(&map, i * HUGE, PAGE, USER + i * HUGE,
		    0), 0);
	assert_int_equal(add(&map, TOP / 2, PAGE, USER, 0), -ENOSPC);
	assert_int_equal(guest_memory_count(map), GUEST_MEMORY_REGIONS_MAX);
	guest_memory_release(map);
}

static bool
is_mapped(const void *at)
{
	unsigned char vec[1];

	return mincore((void *)((uintptr_t)at & ~(uintptr_t)(PAGE - 1)), 1,
	    vec) == 0;
}

/* Each address and the size have to agree; older maps keep what they had. */
static void
test_remove(void **state)
{
	static const struct guest_memory_region wrong[] = {
		{ PAGE + 1, PAGE, USER, 0 },
		{ PAGE, PAGE - 1, USER, 0 },
		{ PAGE, PAGE, USER + 1, 0 },
		{ 3 * PAGE, PAGE, USER, 0 }
	};
	const struct guest_memory_region right = { PAGE, PAGE, USER, 0 };
	struct guest_memory *map = guest_memory_new(), *less = NULL;
	uint8_t *gone, *kept;

	(void)state;
	assert_int_equal(add(&map, PAGE, PAGE, USER, 0), 0);
	assert_int_equal(add(&map, 3 * PAGE, PAGE, USER + HUGE, 0), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(guest_memory_remove(map, &wrong[i], &less,
		    NULL), -ENOENT);
	gone = guest_memory_at(map, PAGE, PAGE);
	kept = guest_memory_at(map, 3 * PAGE, PAGE);
	assert_int_equal(guest_memory_remove(map, &right, &less, NULL), 0);
	assert_int_equal(guest_memory_count(map), 2);
	assert_int_equal(guest_memory_count(less), 1);
	assert_null(guest_memory_at(less, PAGE, 1));
	assert_ptr_equal(guest_memory_at(less, 3 * PAGE, PAGE), kept);
	/* Held twice, released twice. */
	assert_ptr_equal(guest_memory_hold(map), map);
	guest_memory_release(map);
	gone[0] = 1;
	guest_memory_release(map);
	assert_false(is_mapped(gone));
	assert_true(is_mapped(kept));
	guest_memory_release(less);
	assert_false(is_mapped(kept));
}

static void *
hold_and_release(void *arg)
{
	struct guest_memory *map = arg;

	for (int i = 0; i < 100000; i++)
		guest_memory_release(guest_memory_hold(map));
	guest_memory_release(map);
	return NULL;
}

static void
test_threads(void **state)
{
	struct guest_memory *map = guest_memory_new();
	pthread_t threads[4];
	uint8_t *at;

	(void)state;
	assert_int_equal(add(&map, 0, PAGE, USER, 0), 0);
	at = guest_memory_at(map, 0, PAGE);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
		    hold_and_release, guest_memory_hold(map)), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_true(is_mapped(at));
	guest_memory_release(map);
	assert_false(is_mapped(at));
}

/* How many huge pages are free, which a machine need not have. */
static unsigned long
huge_pages(void)
{
	unsigned long n = 0;
	char line[128];
	FILE *file = fopen("/proc/meminfo", "re");

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "HugePages_Free: %lu", &n) == 1)
			break;
	fclose(file);
	return n;
}

/* A region need not begin nor end where a huge page does. */
static void
test_huge_pages(void **state)
{
	const struct guest_memory_region region = { HUGE, HUGE, USER,
	    HUGE / 2 };
	struct guest_memory *map, *more;
	uint8_t *at;
	int fd;

	(void)state;
	fd = memfd_create("guest", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	if (fd == -1 || huge_pages() < 2) {
		if (fd != -1)
			close(fd);
		print_message("# no huge pages here\n");
		return;
	}
	assert_int_equal(ftruncate(fd, (off_t)(2 * HUGE)), 0);
	map = guest_memory_new();
	assert_int_equal(guest_memory_add(map, &region, fd, &more, NULL), 0);
	at = guest_memory_at(more, HUGE, HUGE);
	at[0] = at[HUGE - 1] = 1;
	guest_memory_release(more);
	guest_memory_release(map);
	assert_false(is_mapped(at));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_huge_pages),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
