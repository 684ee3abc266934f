/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of the FUSE table and its decoder: worker/fuse_dispatch.c,
 * fuse_queue.c, fuse_reply.c and iov.c, against hostile requests of any layout.
 * What the operations mean is test_fuse_ops.c's.
 */
#include "config.h"

#include "worker/fuse_request.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
	log_init(LOG_LEVEL_TRACE, drop_line, NULL);
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

/* Sets the header's length to what the request has. */
static void
set_len(void)
{
	uint32_t len = (uint32_t)sample.len;

	memcpy(sample.bytes, &len, sizeof(len));
}

/* Whatever the layout, the reply is the same. */
static void
test_good_in_any_layout(void **state)
{
	static uint8_t first[FUSE_SAMPLE_MAX];
	size_t len = 0;

	(void)state;
	for (const uint32_t *op = fuse_sample_opcodes; *op != 0; op++)
		for (int layout = 0; layout < FUSE_LAYOUTS; layout++) {
			f.layout = (enum fuse_layout)layout;
			fuse_fixture_reset(&f, O_RDWR);
			fuse_sample_good(&sample, *op, f.fh);
			assert_int_equal(run(), sample.room == 0 ? -ENOMSG :
			    0);
			if (layout == 0) {
				len = f.len;
				memcpy(first, f.reply, len);
			}
			assert_int_equal(f.len, len);
			/* The fh of OPEN has a generation that goes on. */
			if (*op != FUSE_OPEN && *op != FUSE_CREATE &&
			    *op != FUSE_TMPFILE && *op != FUSE_GETATTR)
				assert_memory_equal(f.reply, first, len);
		}
}

/* The monitor's errors are the guest's, as far as they can be. */
static void
test_errors_pass(void **state)
{
	static const struct {
		int	monitor;
		int	guest;
	} cases[] = {
		{ -ENOENT, -ENOENT },
		{ -511, -511 },
		{ -512, -EIO },
		{ -4095, -EIO },
		{ INT32_MIN, -EIO },
	};
	int error;

	(void)state;
	for (const uint32_t *op = fuse_sample_opcodes; *op != 0; op++)
		for (size_t i = 0; i < LENGTH(cases); i++) {
			fuse_fixture_reset(&f, O_RDWR);
			fuse_sample_good(&sample, *op, f.fh);
			stub_monitor.error = cases[i].monitor;
			error = run();
			if (stub_monitor.count > 0 && sample.room > 0)
				assert_int_equal(error, cases[i].guest);
		}
}

/* Shorter by each byte, with a header that says so, and one that does not. */
static void
test_every_truncation(void **state)
{
	bool may_be_shorter;
	size_t whole;
	int error;

	(void)state;
	for (const uint32_t *op = fuse_sample_opcodes; *op != 0; op++) {
		fuse_fixture_reset(&f, O_RDWR);
		fuse_sample_good(&sample, *op, f.fh);
		whole = sample.len;
		while (sample.len-- > 0) {
			f.layout = (enum fuse_layout)(sample.len %
			    FUSE_LAYOUTS);
			assert_int_not_equal(run(), 0);
			assert_int_equal(stub_monitor.count, 0);
		}
		may_be_shorter = *op == FUSE_INIT || *op == FUSE_BATCH_FORGET;
		for (sample.len = whole; sample.len-- > 0; ) {
			set_len();
			error = run();
			if (!may_be_shorter)
				assert_int_not_equal(error, 0);
			if (!may_be_shorter)
				assert_int_equal(stub_monitor.count, 0);
		}
	}
}

/* Less and less room for the reply: no reply, or one that fits. */
static void
test_every_room(void **state)
{
	size_t room;

	(void)state;
	for (const uint32_t *op = fuse_sample_opcodes; *op != 0; op++) {
		fuse_sample_good(&sample, *op, f.fh);
		for (room = sample.room; room-- > 0; ) {
			if (room > 1000)
				room -= 97;
			fuse_fixture_reset(&f, O_RDWR);
			fuse_sample_good(&sample, *op, f.fh);
			sample.room = room;
			f.layout = (enum fuse_layout)(room % FUSE_LAYOUTS);
			/* What cannot be replied is not begun. */
			if (run() == -ENOMSG)
				assert_int_equal(stub_monitor.count, 0);
		}
	}
}

static void
test_every_bit_flip(void **state)
{
	static const int answers[] = { 0, -EACCES };

	(void)state;
	for (const uint32_t *op = fuse_sample_opcodes; *op != 0; op++) {
		fuse_fixture_reset(&f, O_RDWR);
		fuse_sample_good(&sample, *op, f.fh);
		for (size_t bit = 0; bit < sample.len * 8; bit++) {
			fuse_fixture_reset(&f, O_RDWR);
			fuse_sample_good(&sample, *op, f.fh);
			stub_monitor.error = answers[bit % LENGTH(answers)];
			f.layout = (enum fuse_layout)(bit % FUSE_LAYOUTS);
			sample.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			run();
		}
	}
}

/*
 * What an operation does not take is ignored, whatever the header says: no peer
 * looks at it, and there are clients who send it.
 */
static void
test_trailing_bytes(void **state)
{
	static const uint8_t rest[300] = { 0xcc, 0, 0xff, 1 };
	uint32_t len;

	(void)state;
	for (const uint32_t *op = fuse_sample_opcodes; *op != 0; op++)
		for (int i = 0; i < 4; i++) {
			fuse_fixture_reset(&f, O_RDWR);
			f.layout = (enum fuse_layout)(i % FUSE_LAYOUTS);
			fuse_sample_good(&sample, *op, f.fh);
			len = (uint32_t)sample.len;
			fuse_sample_add(&sample, rest, i % 2 == 0 ? 1 :
			    sizeof(rest));
			/* The header's own, or the truth. */
			if (i / 2 == 1)
				memcpy(sample.bytes, &len, sizeof(len));
			assert_int_equal(run(), sample.room == 0 ? -ENOMSG :
			    0);
		}
}

/* It counts what is there, not what the header says: but no less than that. */
static void
test_length_of_header(void **state)
{
	static const uint32_t lens[] = { 0, 1, 39, 40 };
	uint32_t len;

	(void)state;
	for (const uint32_t *op = fuse_sample_opcodes; *op != 0; op++) {
		for (size_t i = 0; i < LENGTH(lens); i++) {
			fuse_fixture_reset(&f, O_RDWR);
			fuse_sample_good(&sample, *op, f.fh);
			memcpy(sample.bytes, &lens[i], sizeof(lens[i]));
			assert_int_equal(run(), sample.room == 0 ? -ENOMSG :
			    0);
		}
		fuse_fixture_reset(&f, O_RDWR);
		fuse_sample_good(&sample, *op, f.fh);
		len = (uint32_t)sample.len + 1;
		memcpy(sample.bytes, &len, sizeof(len));
		assert_int_equal(run(), sample.room == 0 ? -ENOMSG : -EINVAL);
	}
}

static void
test_unknown_opcodes(void **state)
{
	static const uint32_t opcodes[] = { 0, 7, 19, FUSE_GETLK, FUSE_SETLK,
	    FUSE_SETLKW, FUSE_INTERRUPT, FUSE_BMAP, FUSE_IOCTL, FUSE_POLL,
	    FUSE_NOTIFY_REPLY, FUSE_SETUPMAPPING, FUSE_REMOVEMAPPING, 53,
	    CUSE_INIT, INT32_MAX, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < LENGTH(opcodes); i++) {
		fuse_sample_begin(&sample, opcodes[i], FUSE_ROOT_ID);
		fuse_sample_string(&sample, "anything");
		assert_int_equal(run(), -ENOSYS);
	}
	assert_int_equal(stub_monitor.count, 0);
}

static void
test_before_init(void **state)
{
	(void)state;
	f.session.initialised = false;
	for (const uint32_t *op = fuse_sample_opcodes; *op != 0; op++) {
		if (*op == FUSE_INIT)
			continue;
		fuse_sample_good(&sample, *op, f.fh);
		assert_int_equal(run(), sample.room == 0 ? -ENOMSG : -EIO);
	}
	assert_int_equal(stub_monitor.count, 0);
}

/* Node ids that no inode can have, where a node is named. */
static void
test_no_node(void **state)
{
	static const uint64_t nodes[] = { 0, MONITOR_ROOT_HANDLE };
	int error;

	(void)state;
	for (const uint32_t *op = fuse_sample_opcodes; *op != 0; op++)
		for (size_t i = 0; i < LENGTH(nodes); i++) {
			if (*op == FUSE_INIT || *op == FUSE_DESTROY ||
			    *op == FUSE_BATCH_FORGET)
				continue;
			fuse_fixture_reset(&f, O_RDWR);
			fuse_sample_good(&sample, *op, f.fh);
			memcpy(sample.bytes + 16, &nodes[i], 8);
			error = run();
			assert_int_equal(error, *op == FUSE_FORGET ?
			    -ENOMSG : -ESTALE);
			assert_int_equal(stub_monitor.count, 0);
		}
}

/* A fh of another node, or of none, or one that was closed. */
static void
test_no_file(void **state)
{
	static const uint32_t opcodes[] = { FUSE_READ, FUSE_WRITE,
	    FUSE_RELEASE, FUSE_FLUSH, FUSE_FSYNC, FUSE_FALLOCATE, FUSE_LSEEK,
	    FUSE_COPY_FILE_RANGE };
	uint64_t other = FUSE_SAMPLE_NODE + 1;

	(void)state;
	for (size_t i = 0; i < LENGTH(opcodes); i++) {
		fuse_sample_good(&sample, opcodes[i], f.fh);
		memcpy(sample.bytes + 16, &other, 8);
		assert_int_equal(run(), -EBADF);
		fuse_sample_good(&sample, opcodes[i], f.fh + 1);
		assert_int_equal(run(), -EBADF);
		fuse_sample_good(&sample, opcodes[i], f.fh + (1ULL << 32));
		assert_int_equal(run(), -EBADF);
		fuse_sample_good(&sample, opcodes[i], UINT64_MAX);
		assert_int_equal(run(), -EBADF);
	}
	fuse_sample_good(&sample, FUSE_RELEASE, f.fh);
	assert_int_equal(run(), 0);
	assert_int_equal(run(), -EBADF);
}

static void
test_readonly(void **state)
{
	static const uint32_t writing[] = { FUSE_SETATTR, FUSE_SYMLINK,
	    FUSE_MKNOD, FUSE_MKDIR, FUSE_UNLINK, FUSE_RMDIR, FUSE_RENAME,
	    FUSE_LINK, FUSE_OPEN, FUSE_WRITE, FUSE_SETXATTR,
	    FUSE_REMOVEXATTR, FUSE_CREATE, FUSE_FALLOCATE, FUSE_RENAME2,
	    FUSE_COPY_FILE_RANGE, FUSE_TMPFILE };
	size_t refused = 0;

	(void)state;
	f.config.readonly = 1;
	for (const uint32_t *op = fuse_sample_opcodes; *op != 0; op++) {
		fuse_fixture_reset(&f, O_RDWR);
		fuse_sample_good(&sample, *op, f.fh);
		refused += run() == -EROFS;
	}
	assert_int_equal(refused, LENGTH(writing));
	for (size_t i = 0; i < LENGTH(writing); i++) {
		fuse_fixture_reset(&f, O_RDWR);
		fuse_sample_good(&sample, writing[i], f.fh);
		assert_int_equal(run(), -EROFS);
		assert_int_equal(stub_monitor.count, 0);
	}
}

/*
 * Names.
 */

static void
check_name(uint32_t opcode, const char *name, size_t len, int error)
{
	static const struct fuse_rename2_in in = { .newdir = FUSE_ROOT_ID };

	fuse_fixture_reset(&f, O_RDWR);
	fuse_sample_begin(&sample, opcode, FUSE_ROOT_ID);
	if (opcode == FUSE_RENAME || opcode == FUSE_LINK)
		fuse_sample_add(&sample, &in, 8);
	if (opcode == FUSE_RENAME2)
		fuse_sample_add(&sample, &in, 16);
	if (opcode == FUSE_MKNOD || opcode == FUSE_CREATE)
		fuse_sample_add(&sample, (uint8_t [16]){ 0 }, 16);
	if (opcode == FUSE_MKDIR)
		fuse_sample_add(&sample, (uint8_t [8]){ 0 }, 8);
	if (opcode == FUSE_RENAME || opcode == FUSE_RENAME2)
		fuse_sample_string(&sample, "good");
	fuse_sample_add(&sample, name, len);
	if (opcode == FUSE_SYMLINK)
		fuse_sample_string(&sample, "target");
	sample.room = 200;
	assert_int_equal(run(), error);
	assert_int_equal(stub_monitor.count, error == 0);
}

static void
test_names(void **state)
{
	static const uint32_t opcodes[] = { FUSE_LOOKUP, FUSE_SYMLINK,
	    FUSE_MKNOD, FUSE_MKDIR, FUSE_UNLINK, FUSE_RMDIR, FUSE_RENAME,
	    FUSE_LINK, FUSE_CREATE, FUSE_RENAME2 };
	static char name[20000];

	(void)state;
	memset(name, 'n', sizeof(name));
	for (size_t i = 0; i < LENGTH(opcodes); i++) {
		check_name(opcodes[i], "a", 2, 0);
		check_name(opcodes[i], "\xff\xfe", 3, 0);
		check_name(opcodes[i], "...", 4, 0);
		check_name(opcodes[i], "..a", 4, 0);
		check_name(opcodes[i], "a\0b", 4, 0);
		check_name(opcodes[i], "", 1, -ENOENT);
		check_name(opcodes[i], ".", 2, opcodes[i] == FUSE_LOOKUP ? 0 :
		    -EINVAL);
		check_name(opcodes[i], "..", 3, opcodes[i] == FUSE_LOOKUP ? 0 :
		    -EINVAL);
		check_name(opcodes[i], "/", 2, -EINVAL);
		check_name(opcodes[i], "a/b", 4, -EINVAL);
		check_name(opcodes[i], "/a", 3, -EINVAL);
		check_name(opcodes[i], "a/", 3, -EINVAL);
		check_name(opcodes[i], "../x", 5, -EINVAL);
		name[255] = '\0';
		check_name(opcodes[i], name, 256, 0);
		name[255] = 'n';
		name[256] = '\0';
		check_name(opcodes[i], name, 257, -ENAMETOOLONG);
		name[256] = 'n';
		name[1024] = '\0';
		check_name(opcodes[i], name, 1025, -ENAMETOOLONG);
		name[1024] = 'n';
		check_name(opcodes[i], name, 9000, -ENAMETOOLONG);
		check_name(opcodes[i], name, sizeof(name), -ENAMETOOLONG);
	}
}

static void
test_targets(void **state)
{
	static const struct {
		size_t	len;
		int	error;
	} cases[] = {
		{ 0, -ENOENT }, { 1, 0 }, { 4095, 0 },
		{ 4096, -ENAMETOOLONG }, { 7000, -ENAMETOOLONG },
		{ 9000, -ENAMETOOLONG }, { 70000, -ENAMETOOLONG },
	};
	static char target[70001];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		fuse_fixture_reset(&f, O_RDWR);
		memset(target, '/', sizeof(target));
		target[cases[i].len] = '\0';
		fuse_sample_begin(&sample, FUSE_SYMLINK, FUSE_ROOT_ID);
		fuse_sample_string(&sample, "link");
		fuse_sample_string(&sample, target);
		sample.room = 144;
		assert_int_equal(run(), cases[i].error);
		assert_int_equal(stub_monitor.count, cases[i].error == 0);
	}
}

/* Nobody can be the owner that chown(2) takes for none. */
static void
test_owners(void **state)
{
	static const uint32_t creating[] = { FUSE_SYMLINK, FUSE_MKNOD,
	    FUSE_MKDIR, FUSE_CREATE, FUSE_TMPFILE };

	(void)state;
	for (size_t i = 0; i < LENGTH(creating); i++)
		for (size_t at = 24; at <= 28; at += 4) {
			fuse_sample_good(&sample, creating[i], f.fh);
			memset(sample.bytes + at, 0xff, 4);
			assert_int_equal(run(), -EINVAL);
		}
	assert_int_equal(stub_monitor.count, 0);
	/* For what makes nothing, it is who has no name there. */
	fuse_sample_good(&sample, FUSE_LOOKUP, f.fh);
	memset(sample.bytes + 24, 0xff, 8);
	assert_int_equal(run(), 0);
}

/*
 * Extensions.
 */

#define GROUPS	32	/* FUSE_EXT_GROUPS */

/* Returns the group that the monitor was told, or NULL where it is not. */
static const struct monitor_member *
asked_member(void)
{
	const struct monitor_request *asked = &stub_monitor.op.request;

	switch (asked->op) {
	case MONITOR_CREATE:
	case MONITOR_TMPFILE:
		return &asked->u.create.member;
	case MONITOR_MKNOD:
		return &asked->u.mknod.member;
	default:
		return NULL;
	}
}

/* Each on every operation that may have some, in every layout. */
static void
check_extensions(const uint32_t *words, size_t n, bool good,
    struct monitor_member member)
{
	const struct monitor_member *asked;

	for (const uint32_t *op = fuse_sample_creating; *op != 0; op++)
		for (int layout = 0; layout < FUSE_LAYOUTS; layout++) {
			f.layout = (enum fuse_layout)layout;
			fuse_fixture_reset(&f, O_RDWR);
			fuse_sample_good(&sample, *op, 0);
			fuse_sample_extensions(&sample, words, n);
			assert_int_equal(run(), good ? 0 : -EINVAL);
			assert_int_equal(stub_monitor.count, good);
			asked = good ? asked_member() : NULL;
			if (asked == NULL)
				continue;
			assert_int_equal(asked->known, member.known);
			assert_int_equal(asked->gid, member.gid);
		}
}

static void
test_extensions(void **state)
{
	static const struct {
		uint32_t		words[12];
		size_t			n;
		bool			good;
		struct monitor_member	member;
	} cases[] = {
		{ { 0 }, 0, true, { 0, 0 } },
		{ { 16, GROUPS, 1, 555 }, 4, true, { 1, 555 } },
		{ { 16, GROUPS, 1, UINT32_MAX }, 4, true, { 1, UINT32_MAX } },
		{ { 16, GROUPS, 0, 555 }, 4, true, { 0, 0 } },
		/* The first of some, and no more than are said to be there. */
		{ { 24, GROUPS, 3, 555, 556, 557 }, 6, true, { 1, 555 } },
		{ { 24, GROUPS, 1, 555, 556, 557 }, 6, true, { 1, 555 } },
		{ { 16, GROUPS, 2, 555 }, 4, false, { 0, 0 } },
		{ { 16, GROUPS, UINT32_MAX, 555 }, 4, false, { 0, 0 } },
		{ { 16, GROUPS, 0x40000001, 555 }, 4, false, { 0, 0 } },
		{ { 16, GROUPS, 2, 555, 8, 33 }, 6, false, { 0, 0 } },
		{ { 8, GROUPS }, 2, false, { 0, 0 } },
		{ { 8, GROUPS, 8, 33 }, 4, false, { 0, 0 } },
		/* Others, before and after. */
		{ { 8, 33 }, 2, true, { 0, 0 } },
		{ { 24, 5, 1, 2, 3, 4, 16, GROUPS, 1, 555 }, 10, true,
		    { 1, 555 } },
		{ { 16, GROUPS, 1, 555, 8, UINT32_MAX }, 6, true, { 1, 555 } },
		{ { 16, GROUPS, 1, 555, 16, GROUPS, 1, 555 }, 8, false,
		    { 0, 0 } },
		{ { 16, GROUPS, 0, 0, 16, GROUPS, 1, 555 }, 8, false,
		    { 0, 0 } },
		/* Sizes that cannot be. */
		{ { 0, GROUPS, 1, 555 }, 4, false, { 0, 0 } },
		{ { 0, 33 }, 2, false, { 0, 0 } },
		{ { 7, 33 }, 2, false, { 0, 0 } },
		{ { 12, GROUPS, 1, 555 }, 4, false, { 0, 0 } },
		{ { 15, GROUPS, 1, 555 }, 4, false, { 0, 0 } },
		{ { 24, GROUPS, 1, 555 }, 4, false, { 0, 0 } },
		{ { 24, 33, 1, 555 }, 4, false, { 0, 0 } },
		{ { UINT32_MAX - 7, GROUPS, 1, 555 }, 4, false, { 0, 0 } },
		{ { UINT32_MAX, 33, 1, 555 }, 4, false, { 0, 0 } },
		{ { 16, GROUPS, 1, 555, 16, 33 }, 6, false, { 0, 0 } },
		{ { 16, GROUPS, 1, 555, 4, 33 }, 6, false, { 0, 0 } },
		/* Half a unit more than the header can say: nobody's. */
		{ { 16, GROUPS, 1, 555, 8 }, 5, true, { 1, 555 } },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		check_extensions(cases[i].words, cases[i].n, cases[i].good,
		    cases[i].member);
}

/* What the header says, and what is there. */
static void
test_extension_length(void **state)
{
	static const uint32_t words[4] = { 16, GROUPS, 1, 555 };
	static const uint16_t wrong[] = { 0, 1, 3, 0x8002, UINT16_MAX };

	(void)state;
	for (const uint32_t *op = fuse_sample_creating; *op != 0; op++)
		for (size_t i = 0; i < LENGTH(wrong); i++) {
			fuse_sample_good(&sample, *op, 0);
			fuse_sample_extensions(&sample, words, 4);
			memcpy(sample.bytes + 36, &wrong[i], 2);
			assert_int_equal(run(), wrong[i] == 0 ? 0 : -EINVAL);
			if (wrong[i] == 0 && asked_member() != NULL)
				assert_int_equal(asked_member()->known, 0);
			stub_monitor.count = 0;
			fuse_sample_good(&sample, *op, 0);
			memcpy(sample.bytes + 36, &wrong[i], 2);
			assert_int_equal(run(), wrong[i] == 0 ? 0 : -EINVAL);
			assert_int_equal(stub_monitor.count, wrong[i] == 0);
			stub_monitor_reset();
			stub_monitor.naming = MONITOR_BY_HANDLE;
		}
}

/* As many as there can be: the last one counts as the first does. */
static void
test_extensions_many(void **state)
{
	static uint32_t words[2 * 8000 + 4];
	const size_t n = LENGTH(words);

	(void)state;
	for (size_t i = 0; i < n; i += 2)
		words[i] = 8;
	memcpy(words + n - 4, (uint32_t [4]){ 16, GROUPS, 1, 555 }, 16);
	check_extensions(words, n, true, (struct monitor_member){ 1, 555 });
	words[n - 4] = 24;
	check_extensions(words, n, false, (struct monitor_member){ 0, 0 });
}

/* Only who negotiated them may send some; the field is padding else. */
static void
test_extensions_not_negotiated(void **state)
{
	static const uint32_t words[4] = { 16, GROUPS, 1, 555 };

	(void)state;
	f.session.flags &= ~FUSE_CREATE_SUPP_GROUP;
	for (const uint32_t *op = fuse_sample_creating; *op != 0; op++) {
		fuse_sample_good(&sample, *op, 0);
		fuse_sample_extensions(&sample, words, 4);
		assert_int_equal(run(), 0);
		if (asked_member() != NULL)
			assert_int_equal(asked_member()->known, 0);
	}
	for (const uint32_t *op = fuse_sample_creating; *op != 0; op++) {
		fuse_sample_good(&sample, *op, 0);
		memset(sample.bytes + 36, 0xff, 2);
		assert_int_equal(run(), 0);
		if (asked_member() != NULL)
			assert_int_equal(asked_member()->known, 0);
	}
}

/*
 * A lane without a slot.
 */

#define FLIGHTS	8

static void
test_waiting(void **state)
{
	static struct fuse_flight flights[FLIGHTS];
	static const uint32_t opcodes[FLIGHTS] = { FUSE_LOOKUP, FUSE_OPEN,
	    FUSE_CREATE, FUSE_READDIRPLUS, FUSE_INIT, FUSE_SETXATTR,
	    FUSE_RENAME, FUSE_STATFS };

	(void)state;
	for (int i = 0; i < FLIGHTS; i++) {
		fuse_sample_good(&sample, opcodes[i], f.fh);
		fuse_fixture_start(&f, &flights[i], sample.bytes, sample.len,
		    sample.room);
		assert_int_equal(flights[i].completed, 0);
	}
	/* The stub has two slots. */
	assert_int_equal(stub_monitor.count, 2);
	assert_true(fuse_queue_continue(&f.queue));
	assert_int_equal(stub_monitor.count, 2);
	assert_int_equal(monitor_reap(&f.monitor), 2);
	assert_int_equal(flights[0].completed, 1);
	assert_int_equal(flights[1].completed, 1);
	assert_true(fuse_queue_continue(&f.queue));
	assert_int_equal(stub_monitor.count, 4);
	assert_int_equal(flights[4].completed, 0);
	for (int i = 0; i < FLIGHTS; i++) {
		fuse_fixture_finish(&f, &flights[i]);
		assert_null(f.wrong);
		assert_int_equal(fuse_sample_error(f.reply, f.len), 0);
	}
	assert_int_equal(stub_monitor.count, FLIGHTS);
	assert_false(fuse_queue_continue(&f.queue));
}

/* What waits has taken nothing: no place of a file, no reference. */
static void
test_waiting_has_no_side_effect(void **state)
{
	static struct fuse_flight flight;
	uint32_t used = f.session.files.used;

	(void)state;
	while (lane_reserve(&stub_monitor.lane) >= 0)
		continue;
	for (const uint32_t *op = fuse_sample_opcodes; *op != 0; op++) {
		fuse_sample_good(&sample, *op, f.fh);
		fuse_fixture_start(&f, &flight, sample.bytes, sample.len,
		    sample.room);
		if (flight.completed == 0 && f.queue.waiting != NULL) {
			assert_true(fuse_queue_continue(&f.queue));
			assert_null(f.queue.waiting->next);
			f.queue.waiting = NULL;
			f.queue.waiting_end = &f.queue.waiting;
			fuse_queue_init(&f.queue, &f.session, &f.monitor,
			    &f.io, f.queue.complete);
			flight.completed = 1;
			flight.len = 0;
		}
		fuse_fixture_finish(&f, &flight);
		if (*op == FUSE_RELEASE) {
			assert_int_equal(f.session.files.used, used - 1);
			fuse_fixture_reset(&f, O_RDWR);
			while (lane_reserve(&stub_monitor.lane) >= 0)
				continue;
		}
		assert_int_equal(f.session.files.reserved, 0);
		assert_int_equal(f.session.files.used, used);
	}
	assert_int_equal(stub_monitor.count, 0);
}

/* The guest changes its request while it waits: what is used is checked. */
static void
test_waiting_changes(void **state)
{
	static struct fuse_flight flights[3];

	(void)state;
	f.layout = FUSE_LAYOUT_JOINED;
	fuse_sample_good(&sample, FUSE_LOOKUP, f.fh);
	for (int i = 0; i < 3; i++)
		fuse_fixture_start(&f, &flights[i], sample.bytes, sample.len,
		    sample.room);
	memcpy((uint8_t *)flights[2].iov[0].iov_base + 40, "a/b", 4);
	for (int i = 0; i < 3; i++) {
		fuse_fixture_finish(&f, &flights[i]);
		assert_null(f.wrong);
		assert_int_equal(fuse_sample_error(f.reply, f.len),
		    i == 2 ? -EINVAL : 0);
	}
	assert_int_equal(stub_monitor.count, 2);
}

/*
 * FORGETs.
 */

static void
forget(uint64_t nodeid, uint64_t count)
{
	fuse_sample_begin(&sample, FUSE_FORGET, nodeid);
	fuse_sample_add(&sample, &count, sizeof(count));
	sample.room = 0;
	assert_int_equal(run(), -ENOMSG);
}

static void
test_forgets_are_gathered(void **state)
{
	static struct fuse_flight flights[FUSE_FORGETS];

	(void)state;
	for (int i = 0; i < FUSE_FORGETS; i++) {
		fuse_sample_good(&sample, FUSE_FORGET, 0);
		fuse_fixture_start(&f, &flights[i], sample.bytes, sample.len,
		    0);
		assert_int_equal(flights[i].completed, 1);
	}
	assert_int_equal(stub_monitor.count, 0);
	for (int i = 0; i < FUSE_FORGETS; i++)
		fuse_fixture_finish(&f, &flights[i]);
	assert_int_equal(stub_monitor.count, 1);
	assert_int_equal(stub_monitor.forgotten, 2 * FUSE_FORGETS);

	/* The root's, and what cannot be an inode's, go nowhere. */
	forget(FUSE_ROOT_ID, 5);
	forget(0, 5);
	forget(MONITOR_ROOT_HANDLE, 5);
	forget(FUSE_SAMPLE_NODE, 0);
	assert_int_equal(stub_monitor.count, 1);
	forget(FUSE_SAMPLE_NODE, UINT64_MAX);
	assert_int_equal(stub_monitor.count, 2);
}

/* More of them than fit, and a lane that takes none at first. */
static void
test_batch_forget(void **state)
{
	static struct fuse_flight flight, blockers[2];
	struct fuse_batch_forget_in in = { .count = 1000 };
	struct fuse_forget_one one = { 0x400000000, 1 };

	(void)state;
	fuse_sample_good(&sample, FUSE_LOOKUP, f.fh);
	for (int i = 0; i < 2; i++)
		fuse_fixture_start(&f, &blockers[i], sample.bytes, sample.len,
		    sample.room);
	fuse_sample_begin(&sample, FUSE_BATCH_FORGET, 0);
	fuse_sample_add(&sample, &in, sizeof(in));
	for (uint32_t i = 0; i < in.count; i++, one.nodeid++)
		fuse_sample_add(&sample, &one, sizeof(one));
	fuse_fixture_start(&f, &flight, sample.bytes, sample.len, 0);
	assert_int_equal(flight.completed, 0);
	assert_int_equal(stub_monitor.forgotten, 0);
	fuse_fixture_finish(&f, &flight);
	for (int i = 0; i < 2; i++)
		fuse_fixture_finish(&f, &blockers[i]);
	while (fuse_queue_continue(&f.queue))
		fuse_fixture_turn(&f);
	assert_int_equal(stub_monitor.forgotten, 1000);
	assert_null(f.wrong);

	/* A count that is not there. */
	fuse_fixture_reset(&f, O_RDWR);
	fuse_sample_good(&sample, FUSE_BATCH_FORGET, 0);
	in.count = UINT32_MAX;
	memcpy(sample.bytes + 40, &in, sizeof(in));
	assert_int_equal(run(), -ENOMSG);
	assert_int_equal(stub_monitor.forgotten, 4);
}

/*
 * Long chains: a page, as often as wanted.
 */

#define PAGE	4096U

static _Alignas(8) uint8_t page[PAGE];

/* Makes a request of `pages` pages that are all the same one. */
static void
start_long(struct fuse_flight *flight, uint32_t opcode, size_t pages,
    size_t room)
{
	static uint8_t reply[256];
	struct virtqueue_chain *chain = &flight->request.chain;
	struct fuse_in_header *in = (void *)page;

	memset(flight, 0, sizeof(*flight));
	memset(page, 'x', sizeof(page));
	memset(reply, 0, sizeof(reply));
	*in = (struct fuse_in_header){ .len = (uint32_t)(pages * PAGE),
	    .opcode = opcode, .unique = FUSE_SAMPLE_UNIQUE,
	    .nodeid = FUSE_SAMPLE_NODE, .uid = 1, .gid = 1 };
	for (size_t i = 0; i < pages; i++)
		flight->iov[i] = (struct iovec){ page, PAGE };
	flight->iov[pages] = (struct iovec){ reply, room };
	flight->request.queue = &f.queue;
	chain->iov = flight->iov;
	chain->nout = (uint16_t)pages;
	chain->out_len = pages * PAGE;
	chain->nin = room != 0;
	chain->in_len = room;
}

/* Of a reply that is in the chain's last element. */
static int
long_error(const struct fuse_flight *flight)
{
	struct fuse_out_header out;

	assert_int_equal(flight->completed, 1);
	assert_int_equal(flight->len, sizeof(out));
	memcpy(&out, flight->iov[flight->request.chain.nout].iov_base,
	    sizeof(out));
	assert_int_equal(out.len, sizeof(out));
	assert_int_equal(out.unique, FUSE_SAMPLE_UNIQUE);
	return out.error;
}

/* No more than what a write may have, and something before its data. */
static void
test_long_requests(void **state)
{
	static struct fuse_flight flight;
	const size_t pages = ((1 << 20) + (64 << 10)) / PAGE;
	const uint32_t count = UINT32_MAX;

	(void)state;
	start_long(&flight, FUSE_UNLINK, pages, 16);
	fuse_dispatch(&flight.request);
	assert_int_equal(long_error(&flight), -ENAMETOOLONG);
	start_long(&flight, FUSE_UNLINK, pages + 1, 16);
	fuse_dispatch(&flight.request);
	assert_int_equal(long_error(&flight), -EINVAL);
	f.session.max_write = 4096;
	start_long(&flight, FUSE_UNLINK, pages, 16);
	fuse_dispatch(&flight.request);
	assert_int_equal(long_error(&flight), -EINVAL);
	/* The largest value of an extended attribute fits all the same. */
	start_long(&flight, FUSE_UNLINK, 32, 16);
	fuse_dispatch(&flight.request);
	assert_int_equal(long_error(&flight), -ENAMETOOLONG);

	f.session.max_write = 1 << 20;
	start_long(&flight, FUSE_BATCH_FORGET, pages + 1, 0);
	memcpy(page + sizeof(struct fuse_in_header), &count, sizeof(count));
	fuse_dispatch(&flight.request);
	assert_int_equal(flight.completed, 1);
	assert_int_equal(flight.len, 0);
	assert_false(fuse_queue_continue(&f.queue));
	assert_int_equal(stub_monitor.forgotten, 0);
}

/* For want of memory. */
static void
test_refuse(void **state)
{
	static struct fuse_flight flight;
	static const struct {
		uint32_t	opcode;
		size_t		len;
		size_t		room;
		bool		replied;
	} cases[] = {
		{ FUSE_READ, PAGE, 16, true },
		{ FUSE_LOOKUP, PAGE, 16 + 128, true },
		{ FUSE_LOOKUP, PAGE, 16 + 127, false },
		{ FUSE_OPCODES, 40, 16, true },
		{ UINT32_MAX, 40, 16, true },
		{ FUSE_FORGET, 48, 0, false },
		{ FUSE_FORGET, 48, 16, false },
		{ FUSE_READ, 39, 16, false },
		{ FUSE_READ, PAGE, 15, false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		start_long(&flight, cases[i].opcode, 1, cases[i].room);
		flight.request.chain.out_len = flight.iov[0].iov_len =
		    cases[i].len;
		fuse_refuse(&flight.request, -ENOMEM);
		assert_int_equal(flight.completed, 1);
		if (cases[i].replied)
			assert_int_equal(long_error(&flight), -ENOMEM);
		else
			assert_int_equal(flight.len, 0);
	}
	assert_int_equal(stub_monitor.count, 0);
}

/* When it goes on, it does not look again at what it has taken. */
static void
test_batch_forget_goes_on(void **state)
{
	static struct fuse_flight flight;
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	const size_t first = FUSE_FORGETS * sizeof(struct fuse_forget_one);
	const uint32_t count = (uint32_t)((first + size) /
	    sizeof(struct fuse_forget_one));
	struct virtqueue_chain *chain = &flight.request.chain;
	struct fuse_in_header *in = (void *)page;
	struct fuse_forget_one *ones;
	uint8_t *pages;
	int slots = 0;

	(void)state;
	pages = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(pages, MAP_FAILED);
	ones = (void *)(pages + size - first);
	for (uint32_t i = 0; i < count; i++)
		ones[i] = (struct fuse_forget_one){ 0x400000000 + i, 1 };
	start_long(&flight, FUSE_BATCH_FORGET, 1, 0);
	in->len = (uint32_t)(48 + first + size);
	memcpy(page + sizeof(*in), &count, sizeof(count));
	flight.iov[0].iov_len = 48;
	flight.iov[1] = (struct iovec){ ones, first };
	flight.iov[2] = (struct iovec){ pages + size, size };
	chain->nout = 3;
	chain->out_len = in->len;
	while (lane_reserve(&stub_monitor.lane) >= 0)
		slots++;
	assert_true(slots > 0);
	fuse_dispatch(&flight.request);
	assert_int_equal(flight.completed, 0);
	assert_int_equal(flight.request.progress, FUSE_FORGETS);
	assert_int_equal(mprotect(pages, size, PROT_NONE), 0);
	assert_true(fuse_queue_continue(&f.queue));
	assert_int_equal(flight.completed, 0);
	munmap(pages, 2 * size);
	fuse_queue_init(&f.queue, &f.session, &f.monitor, &f.io,
	    f.queue.complete);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up,	\
			    tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good_in_any_layout),
		TEST(test_errors_pass),
		TEST(test_every_truncation),
		TEST(test_every_room),
		TEST(test_every_bit_flip),
		TEST(test_trailing_bytes),
		TEST(test_length_of_header),
		TEST(test_unknown_opcodes),
		TEST(test_before_init),
		TEST(test_no_node),
		TEST(test_no_file),
		TEST(test_readonly),
		TEST(test_names),
		TEST(test_targets),
		TEST(test_owners),
		TEST(test_extensions),
		TEST(test_extension_length),
		TEST(test_extensions_many),
		TEST(test_extensions_not_negotiated),
		TEST(test_waiting),
		TEST(test_waiting_has_no_side_effect),
		TEST(test_waiting_changes),
		TEST(test_forgets_are_gathered),
		TEST(test_batch_forget),
		TEST(test_batch_forget_goes_on),
		TEST(test_long_requests),
		TEST(test_refuse),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
