/*
 * SPDX-License-Identifier: ISC
 *
 * Directory streams: which one a name means, how many there may be, what
 * becomes of one that is ended while it is read; and that a directory of ten
 * thousand entries is read whole, from wherever one goes on.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/stream.h"

#define LIMIT	40
#define ENTRIES	10000
#define ALL	(ENTRIES + 2)	/* with . and .. */
#define DIR	UINT64_C(0x100000007)
#define OTHER	UINT64_C(0x100000008)
#define THREADS	4
#define ROUNDS	20000

static struct stream_table table;
static char base[64];

static int
dir_fd(void)
{
	int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static uint64_t
add(uint64_t handle)
{
	uint64_t id = 0;

	assert_int_equal(stream_add(&table, handle, dir_fd(), &id), 0);
	assert_true(id != 0);
	return id;
}

/* Whether there is such a stream. */
static bool
has(uint64_t id, uint64_t handle)
{
	struct stream *stream = stream_hold(&table, id, handle);

	if (stream == NULL)
		return false;
	stream_release(&table, stream);
	return true;
}

static int
set_up(void **state)
{
	(void)state;
	stream_table_init(&table, LIMIT);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	stream_remove_all(&table);
	assert_int_equal(table.used, 0);
	free(table.streams);
	free(table.generations);
	pthread_mutex_destroy(&table.lock);
	return 0;
}

static void
test_names(void **state)
{
	uint64_t forged, id;
	unsigned int bit;

	(void)state;
	assert_false(has(0, 0));
	assert_int_equal(stream_remove(&table, 0, 0), -EBADF);
	id = add(DIR);
	assert_true(has(id, DIR));
	assert_false(has(id, OTHER));
	assert_int_equal(stream_remove(&table, id, OTHER), -EBADF);
	assert_int_equal(stream_remove(&table, id, 0), -EBADF);
	for (bit = 0; bit < 64; bit++) {
		forged = id ^ UINT64_C(1) << bit;
		assert_false(has(forged, DIR));
		assert_int_equal(stream_remove(&table, forged, DIR), -EBADF);
	}
	assert_int_equal(stream_remove(&table, id, DIR), 0);
	assert_false(has(id, DIR));
	assert_int_equal(stream_remove(&table, id, DIR), -EBADF);
}

/* The same place, another stream: the old name never means it. */
static void
test_generations(void **state)
{
	uint64_t now, old = add(DIR);
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		assert_int_equal(stream_remove(&table, old, DIR), 0);
		now = add(DIR);
		assert_int_equal((uint32_t)now, (uint32_t)old);
		assert_true(now != old);
		assert_false(has(old, DIR));
		old = now;
	}
}

static void
test_limit(void **state)
{
	uint64_t ids[LIMIT], id = 0;
	int fd, i;

	(void)state;
	for (i = 0; i < LIMIT; i++)
		ids[i] = add(DIR);
	fd = dir_fd();
	assert_int_equal(stream_add(&table, DIR, fd, &id), -ENFILE);
	assert_false(is_open(fd));
	/* A place in the middle is free again; the others are as they were. */
	assert_int_equal(stream_remove(&table, ids[LIMIT / 2], DIR), 0);
	id = add(OTHER);
	assert_int_equal((uint32_t)id, (uint32_t)ids[LIMIT / 2]);
	assert_false(has(ids[LIMIT / 2], DIR));
	for (i = 0; i < LIMIT; i++)
		if (i != LIMIT / 2)
			assert_true(has(ids[i], DIR));
	stream_remove_all(&table);
	assert_int_equal(table.used, 0);
	for (i = 0; i < LIMIT; i++)
		assert_false(has(ids[i], DIR));
	add(DIR);
	/* With a limit of none there is none. */
	table.limit = 0;
	fd = dir_fd();
	assert_int_equal(stream_add(&table, DIR, fd, &id), -ENFILE);
	assert_false(is_open(fd));
}

/* One that ends while somebody reads it is his until he is done. */
static void
test_held(void **state)
{
	struct stream_entry entry;
	struct stream *stream;
	uint64_t id = add(DIR);
	int fd, how;

	(void)state;
	for (how = 0; how < 2; how++) {
		stream = stream_hold(&table, id, DIR);
		assert_non_null(stream);
		fd = stream->fd;
		assert_int_equal(stream_peek(stream, &entry), 1);
		if (how == 0)
			assert_int_equal(stream_remove(&table, id, DIR), 0);
		else
			stream_remove_all(&table);
		assert_int_equal(table.used, 0);
		assert_false(has(id, DIR));
		assert_true(is_open(fd));
		/* The place is free, and what is there now is another. */
		id = add(DIR);
		stream_skip(stream, &entry);
		assert_int_equal(stream_peek(stream, &entry), 1);
		stream_release(&table, stream);
		assert_false(is_open(fd));
		assert_true(has(id, DIR));
	}
}

/* The number of an entry of the big directory; -1 of "." and "..". */
static int
number_of(const struct stream_entry *entry)
{
	int number = -1;

	if (entry->name[0] == '.')
		return -1;
	assert_int_equal(sscanf(entry->name, "file-%d", &number), 1);
	assert_true(number >= 0 && number < ENTRIES);
	return number;
}

/* Reads up to the end; returns how many, each of which is a new one. */
static int
read_rest(struct stream *stream, bool seen[ENTRIES])
{
	struct stream_entry entry, again;
	int n = 0, number, result;

	while ((result = stream_peek(stream, &entry)) == 1) {
		/* It stays the next one until it is skipped. */
		assert_int_equal(stream_peek(stream, &again), 1);
		assert_ptr_equal(again.name, entry.name);
		number = number_of(&entry);
		if (number >= 0) {
			assert_false(seen[number]);
			seen[number] = true;
		}
		stream_skip(stream, &entry);
		n++;
	}
	assert_int_equal(result, 0);
	assert_int_equal(stream_peek(stream, &entry), 0);
	return n;
}

static void
test_whole(void **state)
{
	static bool seen[ENTRIES];
	struct stream *stream;

	(void)state;
	stream = stream_hold(&table, add(DIR), DIR);
	assert_non_null(stream);
	for (int i = 0; i < 2; i++) {
		memset(seen, 0, sizeof(seen));
		assert_int_equal(stream_seek(stream, 0), 0);
		assert_int_equal(read_rest(stream, seen), ALL);
	}
	stream_release(&table, stream);
}

/* From each offset that was told it goes on with the entry after. */
static void
test_seek(void **state)
{
	static int64_t next[ALL];
	static int numbers[ALL];
	struct stream_entry entry;
	struct stream *stream;
	uint32_t draw = 1;
	int i, n = 0;

	(void)state;
	stream = stream_hold(&table, add(DIR), DIR);
	assert_non_null(stream);
	while (stream_peek(stream, &entry) == 1) {
		assert_true(n < ALL);
		next[n] = entry.next;
		numbers[n++] = number_of(&entry);
		stream_skip(stream, &entry);
	}
	assert_int_equal(n, ALL);
	for (i = 0; i < 3000; i++) {
		draw = draw * 1103515245 + 12345;
		n = (int)((draw >> 8) % (ALL - 1));
		assert_int_equal(stream_seek(stream, next[n]), 0);
		assert_int_equal(stream_peek(stream, &entry), 1);
		assert_int_equal(number_of(&entry), numbers[n + 1]);
		/* Where it is already: nothing is read anew. */
		stream_skip(stream, &entry);
		assert_int_equal(stream_seek(stream, next[n + 1]), 0);
		assert_int_equal(stream_peek(stream, &entry), n + 2 < ALL);
		if (n + 2 < ALL)
			assert_int_equal(number_of(&entry), numbers[n + 2]);
	}
	/* Back by one that was looked at and did not fit. */
	assert_int_equal(stream_seek(stream, next[0]), 0);
	assert_int_equal(stream_peek(stream, &entry), 1);
	assert_int_equal(stream_seek(stream, next[0]), 0);
	assert_int_equal(stream_peek(stream, &entry), 1);
	assert_int_equal(number_of(&entry), numbers[1]);
	stream_release(&table, stream);
}

/* An offset that is none fails, and harms nothing. */
static void
test_bad_offset(void **state)
{
	struct stream_entry entry;
	struct stream *stream;

	(void)state;
	stream = stream_hold(&table, add(DIR), DIR);
	assert_non_null(stream);
	assert_int_equal(stream_seek(stream, -1), -EINVAL);
	assert_int_equal(stream_seek(stream, INT64_MIN), -EINVAL);
	assert_int_equal(stream_peek(stream, &entry), 1);
	stream_seek(stream, INT64_MAX);
	assert_true(stream_peek(stream, &entry) <= 0);
	assert_int_equal(stream_seek(stream, 0), 0);
	assert_int_equal(stream_peek(stream, &entry), 1);
	stream_release(&table, stream);
}

/* What was made since shows after a rewind. */
static void
test_rewind(void **state)
{
	struct stream_entry entry;
	struct stream *stream;
	char path[96];
	bool found = false;
	int fd;

	(void)state;
	stream = stream_hold(&table, add(DIR), DIR);
	assert_non_null(stream);
	assert_int_equal(stream_seek(stream, 0), 0);
	assert_int_equal(stream_peek(stream, &entry), 1);
	snprintf(path, sizeof(path), "%s/.new", base);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(stream_seek(stream, 0), 0);
	while (!found && stream_peek(stream, &entry) == 1) {
		found = strcmp(entry.name, ".new") == 0;
		stream_skip(stream, &entry);
	}
	assert_int_equal(unlink(path), 0);
	assert_true(found);
	stream_release(&table, stream);
}

/* What is no directory any more says so. */
static void
test_error(void **state)
{
	struct stream_entry entry;
	struct stream *stream;
	uint64_t id;

	(void)state;
	assert_int_equal(stream_add(&table, DIR, open("/dev/null",
	    O_RDONLY | O_CLOEXEC), &id), 0);
	stream = stream_hold(&table, id, DIR);
	assert_non_null(stream);
	assert_int_equal(stream_peek(stream, &entry), -ENOTDIR);
	stream_release(&table, stream);
}

static _Atomic uint64_t shared;

/* Reads, ends and begins the same stream as others do. */
static void *
use_stream(void *arg)
{
	uint32_t draw = (uint32_t)(uintptr_t)arg;
	struct stream_entry entry;
	struct stream *stream;
	uint64_t id, old;
	long wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		draw = draw * 1103515245 + 12345;
		id = shared;
		if ((draw >> 16) % 8 != 0) {
			stream = stream_hold(&table, id, DIR);
			if (stream == NULL)
				continue;
			if ((draw >> 20) % 8 == 0)
				stream_seek(stream, 0);
			if (stream_peek(stream, &entry) == 1) {
				if (entry.name[0] != '.' &&
				    strncmp(entry.name, "file-", 5) != 0)
					wrong++;
				stream_skip(stream, &entry);
			}
			stream_release(&table, stream);
			continue;
		}
		if (stream_add(&table, DIR, open(base, O_RDONLY |
		    O_DIRECTORY | O_CLOEXEC), &id) != 0) {
			wrong++;
			continue;
		}
		old = atomic_exchange(&shared, id);
		if (old != 0 && stream_remove(&table, old, DIR) != 0)
			wrong++;
	}
	return (void *)wrong;
}

static void
test_threads(void **state)
{
	pthread_t threads[THREADS];
	void *wrong;

	(void)state;
	shared = 0;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_stream,
		    (void *)(uintptr_t)(i + 1)), 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	assert_int_equal(table.used, shared != 0);
}

static void
each_file(bool there)
{
	char path[96];
	int fd;

	for (int i = 0; i < ENTRIES; i++) {
		snprintf(path, sizeof(path), "%s/file-%d", base, i);
		if (!there) {
			unlink(path);
			continue;
		}
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0644);
		assert_true(fd >= 0);
		close(fd);
	}
}

static int
make_dir(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(base, sizeof(base), "%.32s/privfsd-unit.XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(base));
	each_file(true);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	each_file(false);
	return rmdir(base);
}

#define CASE(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_names), CASE(test_generations), CASE(test_limit),
		CASE(test_held), CASE(test_whole), CASE(test_seek),
		CASE(test_bad_offset), CASE(test_rewind), CASE(test_error),
		CASE(test_threads)
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
