/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of open files: worker/fuse_file.c and fuse_io.c, on a real file
 * and with real I/O threads.
 */
#include "config.h"

#include "worker/fuse_request.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fuse_fixture.h"
#include "stub_monitor.h"

#define LENGTH(a)	(sizeof(a) / sizeof((a)[0]))

static struct fuse_fixture f;
static struct fuse_sample sample;

static void
drop_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static int
set_up(void **state)
{
	(void)state;
	log_init(LOG_LEVEL_WARN, drop_line, NULL);
	fuse_fixture_init(&f);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fuse_fixture_free(&f);
	return 0;
}

static int
run(void)
{
	int error = fuse_fixture_run(&f, sample.bytes, sample.len,
	    sample.room);

	if (f.wrong != NULL)
		fail_msg("opcode %u: %s", sample.bytes[4], f.wrong);
	return error;
}

static void
payload(void *out, size_t len)
{
	assert_int_equal(f.len, sizeof(struct fuse_out_header) + len);
	memcpy(out, f.reply + sizeof(struct fuse_out_header), len);
}

static int
ask(uint32_t opcode, const void *args, size_t len, size_t room)
{
	fuse_sample_begin(&sample, opcode, FUSE_SAMPLE_NODE);
	fuse_sample_add(&sample, args, len);
	sample.room = sizeof(struct fuse_out_header) + room;
	return run();
}

/* What the file has at `at`. */
static char
letter(size_t at)
{
	return (char)('a' + at % 26);
}

/*
 * Opening.
 */

static int
open_with(uint32_t flags, struct fuse_open_out *out)
{
	const struct fuse_open_in in = { .flags = flags };
	int error;

	error = ask(FUSE_OPEN, &in, sizeof(in), sizeof(*out));
	if (error == 0)
		payload(out, sizeof(*out));
	return error;
}

static void
test_open_flags(void **state)
{
	static const struct {
		uint32_t	flags;
		uint64_t	negotiated;
		int		error;
		uint32_t	asked;
	} cases[] = {
		{ O_RDONLY, 0, 0, O_RDONLY },
		{ O_WRONLY, 0, 0, O_WRONLY },
		{ O_RDWR | O_NOATIME | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC |
		    O_CREAT | O_EXCL | O_DIRECT, 0, 0, O_RDWR },
		{ O_RDONLY | 0100000 | 040, 0, 0, O_RDONLY },
		{ O_RDWR | O_TRUNC, 0, 0, O_RDWR | O_TRUNC },
		{ O_RDWR | O_TRUNC, FUSE_ATOMIC_O_TRUNC, 0,
		    O_RDWR | O_TRUNC },
		{ O_WRONLY | O_APPEND, 0, 0, O_WRONLY },
		{ O_WRONLY | O_APPEND, FUSE_WRITEBACK_CACHE, 0, O_RDWR },
		{ O_WRONLY | O_SYNC, 0, 0, O_WRONLY | O_SYNC },
		{ O_WRONLY | O_DSYNC | O_NONBLOCK, 0, 0,
		    O_WRONLY | O_DSYNC | O_NONBLOCK },
		{ O_ACCMODE, 0, -EINVAL, 0 },
		{ O_PATH, 0, -EINVAL, 0 },
	};
	const struct monitor_open_request *asked =
	    &stub_monitor.op.request.u.open;
	struct fuse_open_out out;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		stub_monitor.count = 0;
		f.session.flags = cases[i].negotiated;
		assert_int_equal(open_with(cases[i].flags, &out),
		    cases[i].error);
		assert_int_equal(stub_monitor.count, cases[i].error == 0);
		if (cases[i].error == 0)
			assert_int_equal(asked->flags, cases[i].asked);
		assert_int_equal(f.session.files.reserved, 0);
	}
	f.config.allow_direct_io = 1;
	assert_int_equal(open_with(O_RDWR | O_DIRECT, &out), 0);
	assert_int_equal(asked->flags, O_RDWR | O_DIRECT);
}

static void
test_open_cache(void **state)
{
	static const uint32_t flags[] = {
		[WORKER_CACHE_NONE] = FOPEN_DIRECT_IO,
		[WORKER_CACHE_METADATA] = FOPEN_DIRECT_IO,
		[WORKER_CACHE_AUTO] = 0,
		[WORKER_CACHE_ALWAYS] = FOPEN_KEEP_CACHE,
	};
	struct fuse_open_out out;

	(void)state;
	for (uint32_t cache = 0; cache < LENGTH(flags); cache++) {
		f.config.cache = cache;
		assert_int_equal(open_with(O_RDWR, &out), 0);
		assert_int_equal(out.open_flags, flags[cache]);
		assert_int_equal(open_with(O_RDONLY, &out), 0);
		assert_int_equal(out.open_flags, flags[cache] | FOPEN_NOFLUSH);
	}
}

static void
test_open_and_release(void **state)
{
	struct fuse_release_in in = { 0 };
	uint32_t used = f.session.files.used;
	struct fuse_open_out out, again;

	(void)state;
	assert_int_equal(open_with(O_RDONLY, &out), 0);
	assert_int_equal(f.session.files.used, used + 1);
	in.fh = out.fh;
	assert_int_equal(ask(FUSE_RELEASE, &in, sizeof(in), 0), 0);
	assert_int_equal(f.session.files.used, used);
	assert_int_equal(ask(FUSE_RELEASE, &in, sizeof(in), 0), -EBADF);
	/* A number is never another file's. */
	assert_int_equal(open_with(O_RDONLY, &again), 0);
	assert_int_not_equal(again.fh, out.fh);
}

/* The guest's share of descriptors ends before the host's does. */
static void
test_open_limit(void **state)
{
	struct fuse_open_out out;
	uint32_t i;

	(void)state;
	assert_int_equal(f.session.files.limit, f.config.nofile / 2);
	for (i = f.session.files.used; i < f.session.files.limit; i++)
		assert_int_equal(open_with(O_RDONLY, &out), 0);
	stub_monitor.count = 0;
	assert_int_equal(open_with(O_RDONLY, &out), -ENFILE);
	fuse_sample_good(&sample, FUSE_CREATE, 0);
	assert_int_equal(run(), -ENFILE);
	assert_int_equal(stub_monitor.count, 0);
}

/* A monitor that forgets the descriptor, or sends one with an error. */
static void
test_no_descriptor(void **state)
{
	struct fuse_open_out out;

	(void)state;
	stub_monitor.no_fd = true;
	assert_int_equal(open_with(O_RDONLY, &out), -EIO);
	fuse_sample_good(&sample, FUSE_CREATE, 0);
	assert_int_equal(run(), -EIO);
	while (fuse_queue_continue(&f.queue))
		fuse_fixture_turn(&f);
	assert_int_equal(stub_monitor.forgotten, 1);
	assert_int_equal(f.session.files.reserved, 0);
	assert_int_equal(f.session.files.used, 1);
}

/* Append-only files (chattr +a) are opened in their own way. */
static void
test_append_only(void **state)
{
	struct fuse_open_out out;

	(void)state;
	stub_monitor.error = -EPERM;
	assert_int_equal(open_with(O_WRONLY | O_APPEND, &out), -EPERM);
	assert_int_equal(stub_monitor.count, 2);
	assert_int_equal(stub_monitor.op.request.u.open.flags,
	    O_WRONLY | O_APPEND);
	assert_int_equal(open_with(O_WRONLY, &out), -EPERM);
	assert_int_equal(stub_monitor.count, 3);
	assert_int_equal(f.session.files.reserved, 0);
}

/* What another request left there while it waited is no flag of OPEN's. */
static void
test_open_progress(void **state)
{
	static struct fuse_flight flights[3];
	const struct fuse_open_in in = { .flags = O_RDWR };

	(void)state;
	fuse_sample_begin(&sample, FUSE_OPEN, FUSE_SAMPLE_NODE);
	fuse_sample_add(&sample, &in, sizeof(in));
	for (int i = 0; i < 3; i++)
		fuse_fixture_start(&f, &flights[i], sample.bytes, sample.len,
		    32);
	/* The stub has two slots. */
	assert_ptr_equal(f.queue.waiting, &flights[2].request);
	flights[2].request.progress = O_CREAT | O_TRUNC;
	for (int i = 0; i < 3; i++) {
		fuse_fixture_finish(&f, &flights[i]);
		assert_null(f.wrong);
		assert_int_equal(fuse_sample_error(f.reply, f.len), 0);
	}
	assert_int_equal(stub_monitor.count, 3);
	assert_int_equal(stub_monitor.op.request.u.open.flags, O_RDWR);
}

static void
test_create(void **state)
{
	static const uint32_t opcodes[] = { FUSE_CREATE, FUSE_TMPFILE };
	struct {
		struct fuse_entry_out	entry;
		struct fuse_open_out	open;
	} out;
	struct fuse_read_in in = { .size = 8 };

	(void)state;
	for (size_t i = 0; i < LENGTH(opcodes); i++) {
		fuse_sample_good(&sample, opcodes[i], 0);
		assert_int_equal(run(), 0);
		payload(&out, sizeof(out));
		assert_int_equal(out.entry.nodeid, stub_monitor.handle);
		assert_int_equal(out.entry.attr.ino, 42);
		assert_int_equal(out.open.open_flags, 0);
		/* The fh is the new inode's, not its directory's. */
		in.fh = out.open.fh;
		assert_int_equal(ask(FUSE_READ, &in, sizeof(in), 8), -EBADF);
		fuse_sample_begin(&sample, FUSE_READ, out.entry.nodeid);
		fuse_sample_add(&sample, &in, sizeof(in));
		sample.room = 24;
		assert_int_equal(run(), 0);
		assert_memory_equal(f.reply + 16, "abcdefgh", 8);
	}
}

/*
 * Reading and writing.
 */

static int
read_at(uint64_t fh, uint64_t offset, uint32_t size, size_t room)
{
	const struct fuse_read_in in = { .fh = fh, .offset = offset,
	    .size = size };

	return ask(FUSE_READ, &in, sizeof(in), room);
}

static void
test_read(void **state)
{
	static const struct {
		uint64_t	offset;
		uint32_t	size;
		size_t		room;
		size_t		len;
	} cases[] = {
		{ 0, 10, 10, 10 },
		{ 3, 4096, 4096, 4096 },
		{ 100, 10, 4096, 10 },
		{ 100, 4096, 10, 10 },
		{ 100, UINT32_MAX, 10, 10 },
		{ FUSE_FILE_SIZE - 5, 4096, 4096, 5 },
		{ FUSE_FILE_SIZE, 4096, 4096, 0 },
		{ 1ULL << 40, 4096, 4096, 0 },
		{ 0, 0, 0, 0 },
		{ 0, 0, 100, 0 },
		{ 0, 100, 0, 0 },
		{ 0, 8192, 8192, FUSE_FILE_SIZE },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		for (int layout = 0; layout < FUSE_LAYOUTS; layout++) {
			f.layout = (enum fuse_layout)layout;
			assert_int_equal(read_at(f.fh, cases[i].offset,
			    cases[i].size, cases[i].room), 0);
			assert_int_equal(f.len, 16 + cases[i].len);
			for (size_t at = 0; at < cases[i].len; at++)
				assert_int_equal(f.reply[16 + at],
				    letter(cases[i].offset + at));
			/* What follows is as it was. */
			for (size_t at = cases[i].len; at < cases[i].room;
			    at++)
				assert_int_equal(f.reply[16 + at], 0x5a);
		}
	assert_int_equal(read_at(f.fh, 1ULL << 63, 10, 10), -EINVAL);
	assert_int_equal(read_at(f.fh, UINT64_MAX, 10, 10), -EINVAL);
	assert_int_equal(read_at(f.fh, INT64_MAX, 10, 10), -EINVAL);
}

/* More elements than one system call takes. */
static void
test_read_many_elements(void **state)
{
	static struct fuse_flight flight;
	static uint8_t bytes[VIRTQUEUE_IOV_MAX];
	const struct fuse_read_in in = { .fh = f.fh, .offset = 26,
	    .size = UINT32_MAX };
	struct virtqueue_chain *chain = &flight.request.chain;
	struct fuse_out_header out;

	(void)state;
	fuse_sample_begin(&sample, FUSE_READ, FUSE_SAMPLE_NODE);
	fuse_sample_add(&sample, &in, sizeof(in));
	flight.request.queue = &f.queue;
	chain->iov = flight.iov;
	chain->nout = 1;
	chain->out_len = sample.len;
	flight.iov[0] = (struct iovec){ sample.bytes, sample.len };
	chain->nin = VIRTQUEUE_IOV_MAX - 1;
	chain->in_len = chain->nin;
	for (size_t i = 0; i < chain->nin; i++)
		flight.iov[1 + i] = (struct iovec){ &bytes[i], 1 };
	fuse_dispatch(&flight.request);
	while (flight.completed == 0)
		fuse_fixture_turn(&f);
	assert_int_equal(flight.len, chain->nin);
	memcpy(&out, bytes, sizeof(out));
	assert_int_equal(out.len, chain->nin);
	assert_int_equal(out.error, 0);
	for (size_t i = sizeof(out); i < chain->nin; i++)
		assert_int_equal(bytes[i], letter(i - sizeof(out)));
}

static int
write_at(uint64_t offset, const char *text, uint32_t size, uint32_t flags,
    uint32_t write_flags)
{
	const struct fuse_write_in in = { .fh = f.fh, .offset = offset,
	    .size = size, .flags = flags, .write_flags = write_flags };
	struct fuse_write_out out;

	fuse_sample_begin(&sample, FUSE_WRITE, FUSE_SAMPLE_NODE);
	fuse_sample_add(&sample, &in, sizeof(in));
	fuse_sample_add(&sample, text, strlen(text));
	sample.room = 24;
	if (run() != 0)
		return fuse_sample_error(f.reply, f.len);
	payload(&out, sizeof(out));
	return (int)out.size;
}

static off_t
file_size(void)
{
	struct stat st;

	assert_int_equal(fstat(f.file, &st), 0);
	return st.st_size;
}

static void
check_file(off_t at, const char *text)
{
	char bytes[64];

	assert_int_equal(pread(f.file, bytes, strlen(text), at),
	    strlen(text));
	assert_memory_equal(bytes, text, strlen(text));
}

static void
test_write(void **state)
{
	(void)state;
	for (int layout = 0; layout < FUSE_LAYOUTS; layout++) {
		f.layout = (enum fuse_layout)layout;
		fuse_fixture_reset(&f, O_RDWR);
		assert_int_equal(write_at(2, "HELLO", 5, 0, 0), 5);
		check_file(0, "abHELLOhij");
		assert_int_equal(write_at(FUSE_FILE_SIZE + 10, "X", 1, 0, 0),
		    1);
		assert_int_equal(file_size(), FUSE_FILE_SIZE + 11);
		assert_int_equal(write_at(5, "", 0, 0, 0), 0);
		/* More than it says is not of it. */
		assert_int_equal(write_at(2, "HELLO", 4, 0, 0), 4);
		check_file(0, "abHELLOhij");
		assert_int_equal(write_at(0, "HELLO", 6, 0, 0), -EINVAL);
		assert_int_equal(write_at(0, "HELLO", UINT32_MAX, 0, 0),
		    -EINVAL);
		check_file(0, "abHELLOhij");
		assert_int_equal(write_at(1ULL << 63, "X", 1, 0, 0), -EINVAL);
		/* What the kernel says of it. */
		assert_int_equal(write_at(1ULL << 40, "X", 1, 0, 0), -EFBIG);
	}
	f.session.max_write = 4;
	assert_int_equal(write_at(0, "HELLO", 5, 0, 0), -EINVAL);
	assert_int_equal(write_at(0, "HELL", 4, 0, 0), 4);
}

/* Up to the limit of a file's size, and no further. */
static void
test_write_short(void **state)
{
	const off_t limit = 4 << 20;

	(void)state;
	assert_int_equal(write_at((uint64_t)limit - 3, "HELLO", 5, 0, 0), 3);
	assert_int_equal(file_size(), limit);
	assert_int_equal(write_at((uint64_t)limit, "HELLO", 5, 0, 0), -EFBIG);
}

static void
test_write_append(void **state)
{
	(void)state;
	assert_int_equal(write_at(0, "END", 3, O_WRONLY | O_APPEND, 0), 3);
	check_file(FUSE_FILE_SIZE, "END");
	check_file(0, "abc");
	/* A page of a mapping goes to its place. */
	assert_int_equal(write_at(0, "MAP", 3, O_WRONLY | O_APPEND,
	    FUSE_WRITE_CACHE), 3);
	check_file(0, "MAPdef");
	/* So does everything if the guest has a cache of its own. */
	f.session.flags = FUSE_WRITEBACK_CACHE;
	assert_int_equal(write_at(3, "OWN", 3, O_WRONLY | O_APPEND, 0), 3);
	check_file(0, "MAPOWN");
	assert_int_equal(file_size(), FUSE_FILE_SIZE + 3);
}

/* What waits for the device is not done here. */
static void
test_synchronous(void **state)
{
	static const int flags[] = { O_SYNC, O_DSYNC, O_DIRECT };
	static struct fuse_flight flight;

	(void)state;
	for (size_t i = 0; i < LENGTH(flags); i++) {
		fuse_fixture_reset(&f, O_RDWR | flags[i]);
		fuse_sample_good(&sample, FUSE_WRITE, f.fh);
		fuse_fixture_start(&f, &flight, sample.bytes, sample.len,
		    sample.room);
		assert_int_equal(flight.completed, 0);
		fuse_fixture_finish(&f, &flight);
		assert_int_equal(fuse_sample_error(f.reply, f.len), 0);
		fuse_sample_good(&sample, FUSE_READ, f.fh);
		fuse_fixture_start(&f, &flight, sample.bytes, sample.len,
		    sample.room);
		assert_int_equal(flight.completed, flags[i] != O_DIRECT);
		fuse_fixture_finish(&f, &flight);
		assert_int_equal(fuse_sample_error(f.reply, f.len), 0);
	}
}

/* The write's own flags, on a file that was opened without. */
static void
test_synchronous_write(void **state)
{
	static const struct {
		uint32_t	flags;
		uint32_t	write_flags;
		int		rwf;
	} cases[] = {
		{ O_RDWR, 0, 0 },
		{ O_RDWR | O_DSYNC, 0, RWF_DSYNC },
		{ O_RDWR | O_SYNC, 0, RWF_SYNC },
		{ O_RDWR | O_SYNC | O_APPEND, 0, RWF_SYNC | RWF_APPEND },
		/* The bit that O_SYNC has beyond O_DSYNC says nothing. */
		{ O_RDWR | (O_SYNC & ~O_DSYNC), 0, 0 },
		{ O_RDWR | O_DSYNC, FUSE_WRITE_CACHE, 0 },
		{ O_RDWR | O_SYNC, FUSE_WRITE_CACHE, 0 },
	};
	static struct fuse_flight flight;
	struct fuse_write_in in = { .fh = f.fh, .size = 5 };

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		in.flags = cases[i].flags;
		in.write_flags = cases[i].write_flags;
		fuse_sample_begin(&sample, FUSE_WRITE, FUSE_SAMPLE_NODE);
		fuse_sample_add(&sample, &in, sizeof(in));
		fuse_sample_add(&sample, "HELLO", 5);
		fuse_fixture_start(&f, &flight, sample.bytes, sample.len, 24);
		assert_int_equal(flight.request.io.rwf, cases[i].rwf);
		/* In an I/O thread, which gives nothing back by itself. */
		assert_int_equal(flight.completed,
		    (cases[i].rwf & (RWF_DSYNC | RWF_SYNC)) == 0);
		fuse_fixture_finish(&f, &flight);
		assert_int_equal(fuse_sample_error(f.reply, f.len), 0);
	}
	check_file(0, "HELLO");
	check_file(FUSE_FILE_SIZE, "HELLO");
}

/* On a file system of another machine the monitor is asked, by and by. */
static void
test_getattr_elsewhere(void **state)
{
	static struct fuse_flight flights[3];
	struct file *file;

	(void)state;
	file = file_get(&f.session.files, f.fh, FUSE_SAMPLE_NODE);
	assert_non_null(file);
	file->place = 2;
	fuse_sample_good(&sample, FUSE_GETATTR, f.fh);
	for (int i = 0; i < 3; i++)
		fuse_fixture_start(&f, &flights[i], sample.bytes, sample.len,
		    sample.room);
	/* Two are in flight, and the third has no slot of the stub's. */
	assert_int_equal(file->refs, 4);
	fuse_queue_continue(&f.queue);
	assert_int_equal(file->refs, 4);
	for (int i = 0; i < 3; i++)
		fuse_fixture_finish(&f, &flights[i]);
	assert_int_equal(stub_monitor.count, 3);
	assert_int_equal(file->refs, 2);
	file_put(file);
}

/* What goes to an I/O thread has the same result. */
static void
test_in_a_thread(void **state)
{
	struct file *file;

	(void)state;
	fuse_fixture_reset(&f, O_RDWR | O_SYNC);
	assert_int_equal(write_at(2, "HELLO", 5, 0, 0), 5);
	check_file(0, "abHELLOhij");
	assert_int_equal(write_at(1ULL << 40, "X", 1, 0, 0), -EFBIG);
	fuse_fixture_reset(&f, O_RDWR | O_DIRECT);
	for (int layout = 0; layout < FUSE_LAYOUTS; layout++) {
		f.layout = (enum fuse_layout)layout;
		assert_int_equal(read_at(f.fh, 26, 8000, 8000), 0);
		assert_int_equal(f.len, 16 + FUSE_FILE_SIZE - 26);
		for (size_t at = 0; at < FUSE_FILE_SIZE - 26; at++)
			assert_int_equal(f.reply[16 + at], letter(at));
	}
	/* A file that has blocked, where RWF_NOWAIT says nothing. */
	fuse_fixture_reset(&f, O_RDWR);
	file = file_get(&f.session.files, f.fh, FUSE_SAMPLE_NODE);
	file->waits = 3;
	file->blocked = 2;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(write_at(2, "HELLO", 5, 0, 0), 5);
		assert_int_equal(read_at(f.fh, 0, 10, 10), 0);
		assert_memory_equal(f.reply + 16, "abHELLOhij", 10);
	}
	assert_int_equal(file->blocked, 0);
	file_put(file);
}

/* Not open for it. */
static void
test_wrong_direction(void **state)
{
	char path[] = "/tmp/fuse_file.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd != -1);
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	assert_true(fd != -1);
	assert_int_equal(file_reserve(&f.session.files), 0);
	assert_int_equal(file_add(&f.session.files, FUSE_SAMPLE_NODE, fd,
	    O_RDONLY, &f.fh), 0);
	assert_int_equal(write_at(0, "X", 1, 0, 0), -EBADF);
	assert_int_equal(read_at(f.fh, 0, 5, 5), 0);
	assert_int_equal(f.len, 16);
}

/* A file that is closed in the middle of a read stays until it is over. */
static void
test_release_while_reading(void **state)
{
	static struct fuse_flight flight;
	const struct fuse_read_in in = { .fh = f.fh, .size = 100 };
	const struct fuse_release_in release = { .fh = f.fh };

	(void)state;
	fuse_fixture_reset(&f, O_RDWR | O_DIRECT);
	fuse_sample_begin(&sample, FUSE_READ, FUSE_SAMPLE_NODE);
	fuse_sample_add(&sample, &in, sizeof(in));
	memcpy(sample.bytes + 40, &f.fh, 8);
	fuse_fixture_start(&f, &flight, sample.bytes, sample.len, 116);
	assert_int_equal(flight.completed, 0);
	fuse_sample_begin(&sample, FUSE_RELEASE, FUSE_SAMPLE_NODE);
	fuse_sample_add(&sample, &release, sizeof(release));
	memcpy(sample.bytes + 40, &f.fh, 8);
	assert_int_equal(run(), 0);
	assert_int_equal(f.session.files.used, 0);
	fuse_fixture_finish(&f, &flight);
	assert_int_equal(f.len, 116);
	assert_memory_equal(f.reply + 16, "abcdef", 6);
}

/* Returns whether the file was closed at once. */
static bool
release_now(int fd, int flags)
{
	static struct fuse_flight flight;
	uint64_t fh;
	bool now;

	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	assert_true(fd != -1);
	assert_int_equal(file_reserve(&f.session.files), 0);
	assert_int_equal(file_add(&f.session.files, FUSE_SAMPLE_NODE, fd,
	    flags, &fh), 0);
	fuse_sample_good(&sample, FUSE_RELEASE, fh);
	fuse_fixture_start(&f, &flight, sample.bytes, sample.len, 16);
	now = flight.completed == 1;
	fuse_fixture_finish(&f, &flight);
	assert_int_equal(fuse_sample_error(f.reply, f.len), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	return now;
}

/* The last close of a file without a name may have all of it to give back. */
static void
test_release_unlinked(void **state)
{
	char path[] = "/tmp/fuse_file.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd != -1);
	assert_true(release_now(fd, O_RDWR));
	assert_true(release_now(fd, O_WRONLY));
	unlink(path);
	assert_false(release_now(fd, O_RDWR));
	assert_false(release_now(fd, O_WRONLY));
	assert_true(release_now(fd, O_RDONLY));
	close(fd);
}

/*
 * All else that is done to a file.
 */

static void
test_flush(void **state)
{
	const struct fuse_flush_in in = { .fh = f.fh };
	struct file *file;

	(void)state;
	assert_int_equal(ask(FUSE_FLUSH, &in, sizeof(in), 0), 0);
	/* As on a file system of another machine. */
	file = file_get(&f.session.files, f.fh, FUSE_SAMPLE_NODE);
	assert_int_equal(file->place, 1);
	file->place = 2;
	assert_int_equal(ask(FUSE_FLUSH, &in, sizeof(in), 0), 0);
	file_put(file);
	assert_int_equal(read_at(f.fh, 0, 3, 3), 0);
	fuse_sample_good(&sample, FUSE_RELEASE, f.fh);
	assert_int_equal(run(), 0);
}

static void
test_fsync(void **state)
{
	struct fuse_fsync_in in = { .fh = f.fh };

	(void)state;
	assert_int_equal(ask(FUSE_FSYNC, &in, sizeof(in), 0), 0);
	in.fsync_flags = FUSE_FSYNC_FDATASYNC;
	assert_int_equal(ask(FUSE_FSYNC, &in, sizeof(in), 0), 0);
}

static void
test_fallocate(void **state)
{
	static const struct {
		uint32_t	mode;
		uint64_t	offset, length;
		int		error;
		off_t		size;
	} cases[] = {
		{ 0, 0, 8192, 0, 8192 },
		{ FALLOC_FL_KEEP_SIZE, 8192, 4096, 0, 8192 },
		{ FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096, 0,
		    8192 },
		{ 0, 0, 0, -EINVAL, 8192 },
		{ 0, 0, 1 << 30, -EFBIG, 8192 },
		{ 0, 1ULL << 63, 1, -EINVAL, 8192 },
		{ 0, 0, 1ULL << 63, -EINVAL, 8192 },
		{ 0, INT64_MAX, INT64_MAX, -EFBIG, 8192 },
		{ 0x80, 0, 4096, -EOPNOTSUPP, 8192 },
		{ FALLOC_FL_NO_HIDE_STALE, 0, 4096, -EOPNOTSUPP, 8192 },
		{ UINT32_MAX, 0, 4096, -EOPNOTSUPP, 8192 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct fuse_fallocate_in in = { .fh = f.fh,
		    .mode = cases[i].mode, .offset = cases[i].offset,
		    .length = cases[i].length };

		assert_int_equal(ask(FUSE_FALLOCATE, &in, sizeof(in), 0),
		    cases[i].error);
		assert_int_equal(file_size(), cases[i].size);
	}
	check_file(4096, "opqrs");
}

static void
test_lseek(void **state)
{
	static const struct {
		uint64_t	offset;
		uint32_t	whence;
		int		error;
		uint64_t	expected;
	} cases[] = {
		{ 0, SEEK_DATA, 0, 0 },
		{ 0, SEEK_HOLE, 0, FUSE_FILE_SIZE },
		{ FUSE_FILE_SIZE, SEEK_DATA, -ENXIO, 0 },
		{ 5, SEEK_SET, 0, 5 },
		{ UINT64_MAX, SEEK_SET, -EINVAL, 0 },
		{ 0, SEEK_CUR, -EINVAL, 0 },
		{ 5, SEEK_END, 0, FUSE_FILE_SIZE + 5 },
		{ UINT64_MAX, SEEK_END, 0, FUSE_FILE_SIZE - 1 },
		{ 0, 5, -EINVAL, 0 },
		{ 0, UINT32_MAX, -EINVAL, 0 },
		{ 1ULL << 63, SEEK_DATA, -ENXIO, 0 },
		{ UINT64_MAX, SEEK_HOLE, -ENXIO, 0 },
	};
	struct fuse_lseek_out out;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct fuse_lseek_in in = { .fh = f.fh,
		    .offset = cases[i].offset, .whence = cases[i].whence };

		assert_int_equal(ask(FUSE_LSEEK, &in, sizeof(in), 8),
		    cases[i].error);
		if (cases[i].error != 0)
			continue;
		payload(&out, sizeof(out));
		assert_int_equal(out.offset, cases[i].expected);
	}
}

static void
test_copy_file_range(void **state)
{
	struct fuse_copy_file_range_in in = { .fh_in = f.fh, .off_in = 1,
	    .nodeid_out = FUSE_SAMPLE_NODE, .fh_out = f.fh, .off_out = 8000,
	    .len = 5 };
	struct fuse_write_out out;

	(void)state;
	assert_int_equal(ask(FUSE_COPY_FILE_RANGE, &in, sizeof(in), 8), 0);
	payload(&out, sizeof(out));
	assert_int_equal(out.size, 5);
	check_file(8000, "bcdef");
	/* More than there is. */
	in.off_in = 8003;
	in.off_out = 9000;
	in.len = UINT64_MAX;
	assert_int_equal(ask(FUSE_COPY_FILE_RANGE, &in, sizeof(in), 8),
	    -EOVERFLOW);
	in.len = 1ULL << 40;
	assert_int_equal(ask(FUSE_COPY_FILE_RANGE, &in, sizeof(in), 8), 0);
	payload(&out, sizeof(out));
	assert_int_equal(out.size, 2);
	in.flags = 1;
	assert_int_equal(ask(FUSE_COPY_FILE_RANGE, &in, sizeof(in), 8),
	    -EINVAL);
	in.flags = 0;
	in.off_in = 1ULL << 63;
	assert_int_equal(ask(FUSE_COPY_FILE_RANGE, &in, sizeof(in), 8),
	    -EINVAL);
	in.off_in = 0;
	in.fh_out++;
	assert_int_equal(ask(FUSE_COPY_FILE_RANGE, &in, sizeof(in), 8),
	    -EBADF);
	in.fh_out--;
	in.nodeid_out++;
	assert_int_equal(ask(FUSE_COPY_FILE_RANGE, &in, sizeof(in), 8),
	    -EBADF);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up,	\
			    tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open_flags),
		TEST(test_open_cache),
		TEST(test_open_and_release),
		TEST(test_open_limit),
		TEST(test_no_descriptor),
		TEST(test_append_only),
		TEST(test_open_progress),
		TEST(test_create),
		TEST(test_read),
		TEST(test_read_many_elements),
		TEST(test_write),
		TEST(test_write_short),
		TEST(test_write_append),
		TEST(test_synchronous),
		TEST(test_synchronous_write),
		TEST(test_getattr_elsewhere),
		TEST(test_in_a_thread),
		TEST(test_wrong_direction),
		TEST(test_release_while_reading),
		TEST(test_release_unlinked),
		TEST(test_flush),
		TEST(test_fsync),
		TEST(test_fallocate),
		TEST(test_lseek),
		TEST(test_copy_file_range),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
