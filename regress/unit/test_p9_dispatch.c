/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of the 9p-proxy requests: worker/p9_dispatch.c, p9_ops.c,
 * p9_reply.c and monitor_client.c, on a monitor that checks as the real one
 * does and answers what the test wants.
 */
#include "config.h"

#include "worker/p9_dispatch.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "p9_sample.h"
#include "stub_monitor.h"

#define NO_ID		UINT32_MAX
#define LENGTH(a)	(sizeof(a) / sizeof((a)[0]))

static struct monitor_client client;
static struct p9_reply reply;
static struct p9_request request;

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
	stub_monitor_reset();
	monitor_client_init(&client, &stub_monitor.lane);
	p9_reply_init(&reply);
	p9_request_init(&request, &client, &reply);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	p9_reply_clear(&reply);
	return 0;
}

/* Runs one message to its reply, which must be of the right form. */
static void
run_bytes(uint32_t type, const uint8_t *bytes, size_t len)
{
	const char *wrong;

	p9_reply_clear(&reply);
	p9_dispatch(&request, type, bytes, len);
	while (!p9_reply_made(&reply))
		assert_true(monitor_reap(&client) > 0);
	assert_int_equal(monitor_reap(&client), 0);
	wrong = stub_monitor.wrong;
	if (wrong == NULL)
		wrong = p9_sample_check(&reply, type, bytes, len);
	if (wrong != NULL)
		fail_msg("type %u: %s", type, wrong);
}

/* Returns the reply's error or 0. */
static int
run(const struct p9_sample *sample)
{
	run_bytes(sample->type, sample->bytes, sample->len);
	return p9_sample_error(&reply, sample->type);
}

static uint32_t
reply_word(size_t at)
{
	uint32_t word;

	assert_true(at + sizeof(word) <= reply.len);
	memcpy(&word, reply.bytes + at, sizeof(word));
	return word;
}

static uint64_t
reply_wide(size_t at)
{
	uint64_t wide;

	assert_true(at + sizeof(wide) <= reply.len);
	memcpy(&wide, reply.bytes + at, sizeof(wide));
	return wide;
}

/*
 * Good messages.
 */

static void
test_good(void **state)
{
	static const struct {
		uint32_t	 type;
		enum monitor_op	 op;
		const char	*place[2];
		const char	*data;
	} cases[] = {
		{ P9_T_OPEN, MONITOR_OPEN, { "dir|file" }, "" },
		{ P9_T_CREATE, MONITOR_CREATE, { "dir|file" }, "" },
		{ P9_T_MKNOD, MONITOR_MKNOD, { "dir|file" }, "" },
		{ P9_T_MKDIR, MONITOR_MKDIR, { "dir|sub" }, "" },
		{ P9_T_SYMLINK, MONITOR_SYMLINK, { "dir|link" },
		    "../else/where" },
		{ P9_T_LINK, MONITOR_LINK, { "dir|file", "other|name" }, "" },
		{ P9_T_LSTAT, MONITOR_GETATTR, { "dir|file" }, "" },
		{ P9_T_READLINK, MONITOR_READLINK, { "dir|link" }, "" },
		{ P9_T_STATFS, MONITOR_STATFS, { "dir|file" }, "" },
		{ P9_T_CHMOD, MONITOR_SETATTR, { "dir|file" }, "" },
		{ P9_T_CHOWN, MONITOR_SETATTR, { "dir|file" }, "" },
		{ P9_T_TRUNCATE, MONITOR_SETATTR, { "dir|file" }, "" },
		{ P9_T_UTIME, MONITOR_SETATTR, { "dir|file" }, "" },
		{ P9_T_RENAME, MONITOR_RENAME, { "dir|file", "other|name" },
		    "" },
		{ P9_T_REMOVE, MONITOR_UNLINK, { "dir|file" }, "" },
		{ P9_T_LGETXATTR, MONITOR_GETXATTR, { "dir|file" },
		    "user.test" },
		{ P9_T_LLISTXATTR, MONITOR_LISTXATTR, { "dir|file" }, "" },
		{ P9_T_LSETXATTR, MONITOR_SETXATTR, { "dir|file" },
		    "user.testvalue" },
		{ P9_T_LREMOVEXATTR, MONITOR_REMOVEXATTR, { "dir|file" },
		    "user.test" },
		{ P9_T_GETVERSION, MONITOR_GETVERSION, { "dir|file" }, "" },
	};
	struct p9_sample sample;

	(void)state;
	assert_int_equal(LENGTH(cases), P9_T_MAX - P9_T_OPEN);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		stub_monitor_reset();
		p9_sample_good(&sample, cases[i].type);
		assert_int_equal(run(&sample), 0);
		assert_int_equal(stub_monitor.count, 1);
		assert_int_equal(stub_monitor.op.request.op, cases[i].op);
		assert_string_equal(stub_monitor_place(0), cases[i].place[0]);
		if (cases[i].place[1] != NULL)
			assert_string_equal(stub_monitor_place(1),
			    cases[i].place[1]);
		assert_string_equal(stub_monitor.op.data, cases[i].data);
	}
	assert_int_equal(request.count, LENGTH(cases));
}

/* The monitor's error is QEMU's, for every type. */
static void
test_errors_pass(void **state)
{
	static const struct {
		int	monitor;
		int	client;
	} cases[] = {
		{ -ENOENT, -ENOENT },
		{ -1, -1 },
		{ -4095, -4095 },
		{ -4096, -EIO },
		{ INT32_MIN, -EIO },
	};
	struct p9_sample sample;

	(void)state;
	for (uint32_t type = P9_T_OPEN; type < P9_T_MAX; type++)
		for (size_t i = 0; i < LENGTH(cases); i++) {
			stub_monitor.error = cases[i].monitor;
			p9_sample_good(&sample, type);
			assert_int_equal(run(&sample), cases[i].client);
		}
}

/* A reply that is none of the protocol's. */
static void
test_monitor_lies(void **state)
{
	struct p9_sample sample;

	(void)state;
	stub_monitor.error = 1;
	p9_sample_good(&sample, P9_T_LSTAT);
	p9_dispatch(&request, sample.type, sample.bytes, sample.len);
	assert_false(p9_reply_made(&reply));
	assert_int_equal(monitor_reap(&client), -EPROTO);
	assert_false(p9_reply_made(&reply));

	stub_monitor_reset();
	stub_monitor.no_fd = true;
	p9_sample_good(&sample, P9_T_OPEN);
	assert_int_equal(run(&sample), -EIO);
}

/* Every slot in flight: an error, in the form that is owed. */
static void
test_no_slot(void **state)
{
	struct p9_sample sample;

	(void)state;
	while (lane_reserve(&stub_monitor.lane) >= 0)
		continue;
	for (uint32_t type = P9_T_OPEN; type < P9_T_MAX; type++) {
		p9_sample_good(&sample, type);
		assert_int_equal(run(&sample), -EAGAIN);
	}
	assert_int_equal(stub_monitor.count, 0);
}

/*
 * Hostile messages.
 */

static const int answers[] = { 0, -EACCES, -EISDIR };

static void
test_every_truncation(void **state)
{
	struct p9_sample sample;

	(void)state;
	for (uint32_t type = P9_T_OPEN; type < P9_T_MAX; type++) {
		p9_sample_good(&sample, type);
		while (sample.len-- > 0)
			assert_int_equal(run(&sample), -ENOBUFS);
	}
	assert_int_equal(stub_monitor.count, 0);
}

static void
test_every_bit_flip(void **state)
{
	struct p9_sample sample;

	(void)state;
	for (uint32_t type = P9_T_OPEN; type < P9_T_MAX; type++) {
		p9_sample_good(&sample, type);
		for (size_t bit = 0; bit < sample.len * 8; bit++) {
			sample.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			for (size_t i = 0; i < LENGTH(answers); i++) {
				stub_monitor.error = answers[i];
				run(&sample);
			}
			sample.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	assert_true(stub_monitor.count > 0);
}

static void
test_trailing_bytes(void **state)
{
	struct p9_sample sample;

	(void)state;
	for (uint32_t type = P9_T_OPEN; type < P9_T_MAX; type++) {
		p9_sample_good(&sample, type);
		sample.bytes[sample.len++] = 0;
		assert_int_equal(run(&sample), -EINVAL);
	}
	assert_int_equal(stub_monitor.count, 0);
}

static void
test_unknown_types(void **state)
{
	static const uint32_t types[] = { 0, 1, 22, 23, 100, INT32_MAX,
	    (uint32_t)INT32_MIN, UINT32_MAX };
	struct p9_sample sample;

	(void)state;
	for (size_t i = 0; i < LENGTH(types); i++) {
		p9_sample_make(&sample, types[i], "z", "/a");
		assert_int_equal(p9_dispatch_form(types[i]), P9_FORM_HEADER);
		assert_int_equal(run(&sample), -ENOSYS);
		assert_int_equal(reply_word(0), P9_T_ERROR);
	}
	assert_int_equal(stub_monitor.count, 0);
}

/* A payload of the largest size, of nothing but one byte. */
static void
test_full_payloads(void **state)
{
	static uint8_t bytes[P9_PAYLOAD_MAX];
	static const uint8_t fill[] = { 0, 1, '/', '.', 'a', 0xff };

	(void)state;
	for (size_t i = 0; i < LENGTH(fill); i++) {
		memset(bytes, fill[i], sizeof(bytes));
		for (uint32_t type = 0; type <= P9_T_MAX; type++)
			run_bytes(type, bytes, sizeof(bytes));
	}
}

/* Writes payloads with one string of `len` times `c` for the path. */
static size_t
make_long_path(uint8_t *bytes, const char *pattern, size_t len)
{
	uint16_t wire = (uint16_t)len;

	memcpy(bytes, &wire, sizeof(wire));
	for (size_t i = 0; i < len; i++)
		bytes[sizeof(wire) + i] =
		    (uint8_t)pattern[i % strlen(pattern)];
	return sizeof(wire) + len;
}

static void
test_long_paths(void **state)
{
	static uint8_t bytes[P9_PAYLOAD_MAX];
	static const struct {
		const char	*pattern;
		size_t		 len;
		int		 error;
	} cases[] = {
		{ "/a", 4095, 0 },
		{ "/a", 4096, -ENAMETOOLONG },
		{ "a", 255, 0 },
		{ "a", 256, -ENAMETOOLONG },
		{ "/a", 65534, -ENAMETOOLONG },
		{ "/", 4095, 0 },
		{ "/", 4096, -ENAMETOOLONG },
		{ "/..", 4095, 0 },
		{ "/..", 4096, -ENAMETOOLONG },
		{ "/.", 4095, 0 },
		{ "/.", 65534, -ENAMETOOLONG },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		run_bytes(P9_T_LSTAT, bytes, make_long_path(bytes,
		    cases[i].pattern, cases[i].len));
		assert_int_equal(p9_sample_error(&reply, P9_T_LSTAT),
		    cases[i].error);
	}
}

/*
 * What is refused without asking the monitor.
 */

static void
check_refused(const struct p9_sample *sample, int error)
{
	unsigned int before = stub_monitor.count;

	assert_int_equal(run(sample), error);
	assert_int_equal(stub_monitor.count, before);
}

#define REFUSED(error, type, ...) do {					\
	p9_sample_make(&sample, (type), __VA_ARGS__);			\
	check_refused(&sample, (error));				\
} while (0)

#define PASSES(type, ...) do {						\
	p9_sample_make(&sample, (type), __VA_ARGS__);			\
	assert_int_equal(run(&sample), 0);				\
} while (0)

/* A string of three bytes with a NUL in the middle, as a message. */
static void
make_embedded(struct p9_sample *sample, uint32_t type, const char *format)
{
	uint8_t *at;

	p9_sample_make(sample, type, format, "aXb", "aXb", "aXb");
	while ((at = memchr(sample->bytes, 'X', sample->len)) != NULL)
		*at = '\0';
}

static void
test_nul(void **state)
{
	static const uint32_t paths[] = { P9_T_LSTAT, P9_T_STATFS,
	    P9_T_GETVERSION, P9_T_REMOVE };
	struct p9_sample sample;

	(void)state;
	for (size_t i = 0; i < LENGTH(paths); i++) {
		make_embedded(&sample, paths[i], "s");
		check_refused(&sample, -EINVAL);
		make_embedded(&sample, paths[i], "z");
		check_refused(&sample, -EINVAL);
	}
	make_embedded(&sample, P9_T_RENAME, "ss");
	check_refused(&sample, -EINVAL);
	make_embedded(&sample, P9_T_LREMOVEXATTR, "ss");
	check_refused(&sample, -EINVAL);
	/* Symlink's target and name: after two numbers. */
	p9_sample_make(&sample, P9_T_SYMLINK, "ddss", 0, 0, "aXb", "/n");
	*(uint8_t *)memchr(sample.bytes, 'X', sample.len) = '\0';
	check_refused(&sample, -EINVAL);

	/* One at the end is accepted everywhere, two are not. */
	PASSES(P9_T_REMOVE, "z", "/a");
	assert_string_equal(stub_monitor_place(0), "|a");
	PASSES(P9_T_SYMLINK, "ddzz", 0, 0, "target", "/a");
	assert_string_equal(stub_monitor.op.data, "target");
	PASSES(P9_T_LREMOVEXATTR, "zz", "/a", "user.a");
	assert_string_equal(stub_monitor.op.data, "user.a");
	p9_sample_make(&sample, P9_T_LSTAT, "z", "aX");
	*(uint8_t *)memchr(sample.bytes, 'X', sample.len) = '\0';
	check_refused(&sample, -EINVAL);
}

/* In values a NUL is a byte like others. */
static void
test_nul_in_value(void **state)
{
	struct p9_sample sample;

	(void)state;
	p9_sample_make(&sample, P9_T_LSETXATTR, "zszdd", "/a", "user.a",
	    "aXb", 4, 0);
	*(uint8_t *)memchr(sample.bytes, 'X', sample.len) = '\0';
	assert_int_equal(run(&sample), 0);
	assert_int_equal(stub_monitor.op.data_len, 6 + 4);
	assert_memory_equal(stub_monitor.op.data, "user.aa\0b", 10);
}

static void
test_empty_strings(void **state)
{
	struct p9_sample sample;

	(void)state;
	REFUSED(-ENOENT, P9_T_LSTAT, "s", "");
	REFUSED(-ENOENT, P9_T_LSTAT, "z", "");
	REFUSED(-ENOENT, P9_T_OPEN, "zd", "", O_RDONLY);
	REFUSED(-ENOENT, P9_T_REMOVE, "s", "");
	REFUSED(-ENOENT, P9_T_RENAME, "ss", "/a", "");
	REFUSED(-ENOENT, P9_T_SYMLINK, "ddss", 0, 0, "", "/a");
	REFUSED(-ERANGE, P9_T_LGETXATTR, "dzs", 0, "/a", "");
	REFUSED(-ERANGE, P9_T_LREMOVEXATTR, "zs", "/a", "");
	PASSES(P9_T_LSETXATTR, "zssdd", "/a", "user.a", "", 0, 0);
	assert_int_equal(stub_monitor.op.data_len, 6);
}

static void
test_string_limits(void **state)
{
	struct p9_sample sample;
	char name[300];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[MONITOR_XATTR_NAME_MAX] = '\0';
	PASSES(P9_T_LREMOVEXATTR, "zs", "/a", name);
	name[MONITOR_XATTR_NAME_MAX] = 'n';
	name[MONITOR_XATTR_NAME_MAX + 1] = '\0';
	REFUSED(-ERANGE, P9_T_LREMOVEXATTR, "zs", "/a", name);
	REFUSED(-ERANGE, P9_T_LGETXATTR, "dzs", 0, "/a", name);
	REFUSED(-ERANGE, P9_T_LSETXATTR, "zssdd", "/a", name, "v", 1, 0);
}

/* A target of 4095 bytes is the longest. */
static void
test_target_limit(void **state)
{
	static uint8_t bytes[P9_PAYLOAD_MAX];
	size_t len;

	(void)state;
	for (size_t target = 4095; target <= 4097; target++) {
		memset(bytes, 0, 8);
		len = 8 + make_long_path(bytes + 8, "t", target);
		len += make_long_path(bytes + len, "n", 1);
		run_bytes(P9_T_SYMLINK, bytes, len);
		assert_int_equal(p9_sample_error(&reply, P9_T_SYMLINK),
		    target == 4095 ? 0 : -ENAMETOOLONG);
	}
	assert_int_equal(stub_monitor.count, 1);
}

/* What makes, moves or removes needs a name.  The errors are Linux's. */
static void
test_nameless(void **state)
{
	static const char *const paths[] = { "/", "/.", "/a/..", "..", "." };
	struct p9_sample sample;

	(void)state;
	for (size_t i = 0; i < LENGTH(paths); i++) {
		const char *p = paths[i];

		REFUSED(-EISDIR, P9_T_CREATE, "sdddd", p, O_CREAT | O_RDWR,
		    0644, 0, 0);
		REFUSED(-EEXIST, P9_T_CREATE, "sdddd", p,
		    O_CREAT | O_EXCL | O_RDWR, 0644, 0, 0);
		REFUSED(-EEXIST, P9_T_MKNOD, "ddsdq", 0, 0, p, S_IFREG,
		    UINT64_C(0));
		REFUSED(-EEXIST, P9_T_MKDIR, "ddsd", 0, 0, p, 0755);
		REFUSED(-EEXIST, P9_T_SYMLINK, "ddss", 0, 0, "t", p);
		REFUSED(-EEXIST, P9_T_LINK, "zs", "/a", p);
		REFUSED(-EPERM, P9_T_LINK, "zs", p, "/a");
		REFUSED(-EBUSY, P9_T_RENAME, "ss", p, "/a");
		REFUSED(-EBUSY, P9_T_RENAME, "ss", "/a", p);
	}
	REFUSED(-EBUSY, P9_T_REMOVE, "s", "//");
	REFUSED(-EINVAL, P9_T_REMOVE, "s", "/a/.");
	REFUSED(-ENOTEMPTY, P9_T_REMOVE, "s", "/a/..");
	/* To look at, they are as good as others. */
	PASSES(P9_T_LSTAT, "z", "/");
	assert_string_equal(stub_monitor_place(0), "|");
	PASSES(P9_T_CHMOD, "zd", "//a/..", 0755);
	assert_string_equal(stub_monitor_place(0), "a/..|");
}

static void
test_slash_at_the_end(void **state)
{
	struct p9_sample sample;

	(void)state;
	REFUSED(-EISDIR, P9_T_CREATE, "sdddd", "/a/", O_CREAT | O_RDWR, 0644,
	    0, 0);
	REFUSED(-ENOENT, P9_T_MKNOD, "ddsdq", 0, 0, "/a/", S_IFREG,
	    UINT64_C(0));
	REFUSED(-ENOENT, P9_T_SYMLINK, "ddss", 0, 0, "t", "/a/");
	REFUSED(-ENOENT, P9_T_LINK, "zs", "/a", "/b/");
	PASSES(P9_T_MKDIR, "ddsd", 0, 0, "/a/", 0755);
	assert_string_equal(stub_monitor_place(0), "|a");
	PASSES(P9_T_REMOVE, "s", "/a/");
	assert_int_equal(stub_monitor.op.request.op, MONITOR_RMDIR);
	PASSES(P9_T_LSTAT, "z", "/a/");
	assert_string_equal(stub_monitor_place(0), "a|");
}

/*
 * Single requests.
 */

static void
test_open_flags(void **state)
{
	static const struct {
		uint32_t	flags;
		int		result;		/* or what the monitor gets */
	} cases[] = {
		{ O_RDONLY, O_RDONLY },
		{ O_WRONLY, O_WRONLY },
		{ O_RDWR | O_APPEND, O_RDWR | O_APPEND },
		{ O_ACCMODE, -EINVAL },
		{ O_RDONLY | O_DIRECTORY, O_RDONLY | O_DIRECTORY },
		{ O_WRONLY | O_TRUNC, O_WRONLY | O_TRUNC },
		{ O_RDWR | O_SYNC | O_NOATIME | O_NONBLOCK,
		    O_RDWR | O_SYNC | O_NOATIME | O_NONBLOCK },
		{ O_RDWR | O_DSYNC, O_RDWR | O_DSYNC },
		{ O_RDWR | O_CREAT, O_RDWR },
		{ O_RDWR | O_CREAT | O_EXCL, O_RDWR },
		{ O_RDWR | O_EXCL, O_RDWR },
		{ O_RDWR | O_NOCTTY | O_ASYNC | O_DIRECT, O_RDWR },
		{ O_RDWR | O_NOFOLLOW | O_CLOEXEC | 0100000, O_RDWR },
		{ O_PATH, -EINVAL },
		{ O_RDONLY | O_PATH | O_DIRECTORY, -EINVAL },
		{ O_RDWR | O_TMPFILE, -EINVAL },
		{ O_RDWR | (O_TMPFILE & ~O_DIRECTORY), -EINVAL },
		{ O_RDWR | 0x80000000, O_RDWR },
		{ 0x7c000000, O_RDONLY },
	};
	struct p9_sample sample;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		p9_sample_make(&sample, P9_T_OPEN, "zd", "/a",
		    cases[i].flags);
		if (cases[i].result < 0) {
			check_refused(&sample, cases[i].result);
			continue;
		}
		assert_int_equal(run(&sample), 0);
		assert_int_equal(stub_monitor.op.request.u.open.flags,
		    cases[i].result);
	}
}

static void
test_create(void **state)
{
	const struct monitor_create_request *create =
	    &stub_monitor.op.request.u.create;
	struct p9_sample sample;

	(void)state;
	PASSES(P9_T_CREATE, "sdddd", "/a", O_CREAT | O_EXCL | O_RDWR |
	    O_NOFOLLOW, S_IFREG | 06755, NO_ID, 4294967294U);
	assert_int_equal(create->flags, O_RDWR | O_EXCL);
	assert_int_equal(create->mode, 06755);
	assert_int_equal(create->owner.uid, 0);
	assert_int_equal(create->owner.gid, 4294967294U);
	PASSES(P9_T_CREATE, "sdddd", "/a", O_CREAT | O_WRONLY, 0, 1000,
	    NO_ID);
	assert_int_equal(create->flags, O_WRONLY);
	assert_int_equal(create->owner.uid, 1000);
	assert_int_equal(create->owner.gid, 0);
	REFUSED(-EINVAL, P9_T_CREATE, "sdddd", "/a", O_ACCMODE, 0644, 0, 0);
	REFUSED(-EINVAL, P9_T_CREATE, "sdddd", "/a", O_RDWR | O_PATH, 0644,
	    0, 0);
	REFUSED(-EINVAL, P9_T_CREATE, "sdddd", "/a", O_RDWR | O_TMPFILE,
	    0644, 0, 0);
	REFUSED(-EINVAL, P9_T_CREATE, "sdddd", "/a", O_RDONLY | O_DIRECTORY,
	    0644, 0, 0);
}

static void
test_mknod(void **state)
{
	const struct monitor_mknod_request *mknod =
	    &stub_monitor.op.request.u.mknod;
	const uint64_t rdev = makedev(8, 1);
	struct p9_sample sample;

	(void)state;
	PASSES(P9_T_MKNOD, "ddsdq", 0, 1234, "/a", 0644, rdev);
	assert_int_equal(mknod->mode, S_IFREG | 0644);
	assert_true(mknod->rdev == 0);
	assert_int_equal(mknod->owner.gid, 1234);
	PASSES(P9_T_MKNOD, "ddsdq", NO_ID, NO_ID, "/a", S_IFBLK | 0660, rdev);
	assert_int_equal(mknod->mode, S_IFBLK | 0660);
	assert_true(mknod->rdev == rdev);
	assert_int_equal(mknod->owner.uid, 0);
	PASSES(P9_T_MKNOD, "ddsdq", 0, 0, "/a", S_IFIFO | 07777, rdev);
	assert_int_equal(mknod->mode, S_IFIFO | 07777);
	PASSES(P9_T_MKNOD, "ddsdq", 0, 0, "/a", S_IFSOCK, rdev);
	PASSES(P9_T_MKNOD, "ddsdq", 0, 0, "/a", S_IFCHR, rdev);
	assert_true(mknod->rdev == rdev);
	REFUSED(-EPERM, P9_T_MKNOD, "ddsdq", 0, 0, "/a", S_IFDIR | 0755,
	    rdev);
	REFUSED(-EINVAL, P9_T_MKNOD, "ddsdq", 0, 0, "/a", S_IFLNK, rdev);
	REFUSED(-EINVAL, P9_T_MKNOD, "ddsdq", 0, 0, "/a", S_IFMT, rdev);
}

static void
test_mkdir(void **state)
{
	const struct monitor_mkdir_request *mkdir =
	    &stub_monitor.op.request.u.mkdir;
	struct p9_sample sample;

	(void)state;
	PASSES(P9_T_MKDIR, "ddsd", 0, 1234, "//d", S_IFDIR | 02755);
	assert_int_equal(mkdir->mode, 02755);
	assert_int_equal(mkdir->owner.uid, 0);
	assert_int_equal(mkdir->owner.gid, 1234);
}

static void
test_readlink(void **state)
{
	static const struct {
		uint32_t	size;
		uint32_t	target;
		int		error;
	} cases[] = {
		{ 4096, 4095, 0 },
		{ 4096, 0, 0 },
		{ 100, 99, 0 },
		{ 100, 100, -ENAMETOOLONG },
		{ 1, 0, 0 },
		{ 1, 1, -ENAMETOOLONG },
		{ 65536, 4095, 0 },
		{ INT32_MAX, 4095, 0 },
		{ 0, 5, -EINVAL },
		{ UINT32_MAX, 5, -EINVAL },
		{ (uint32_t)INT32_MIN, 5, -EINVAL },
	};
	struct p9_sample sample;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		stub_monitor.data_len = cases[i].target;
		p9_sample_make(&sample, P9_T_READLINK, "zd", "/a",
		    cases[i].size);
		assert_int_equal(run(&sample), cases[i].error);
		if (cases[i].error == 0)
			assert_int_equal(reply.len,
			    P9_HEADER_SIZE + 2 + cases[i].target);
	}
	/* More than the kernel gives. */
	stub_monitor.extra = 1000;
	p9_sample_make(&sample, P9_T_READLINK, "zd", "/a", 65536);
	stub_monitor.data_len = 4095;
	assert_int_equal(run(&sample), -ENAMETOOLONG);
}

static void
test_statfs(void **state)
{
	struct p9_sample sample;

	(void)state;
	stub_monitor.statfs = (struct monitor_statfs){ .type = 1, .bsize = 2,
	    .blocks = 3, .bfree = 4, .bavail = 5, .files = 6, .ffree = 7,
	    .fsid = { 0x80000008, 0x80000009 }, .namelen = 10, .frsize = 11 };
	PASSES(P9_T_STATFS, "z", "/a");
	for (uint64_t i = 0; i < 7; i++)
		assert_true(reply_wide(8 + 8 * i) == i + 1);
	/* Both places where QEMU or its helper look for them. */
	assert_true(reply_wide(8 + 56) == 0x80000008);
	assert_true(reply_wide(8 + 64) == UINT64_C(0x8000000980000009));
	assert_true(reply_wide(8 + 72) == 10);
	assert_true(reply_wide(8 + 80) == 11);

	stub_monitor.statfs.bsize = 0;
	assert_int_equal(run(&sample), 0);
	assert_true(reply_wide(8 + 8) == 11);
	stub_monitor.statfs.frsize = 0;
	assert_int_equal(run(&sample), 0);
	assert_true(reply_wide(8 + 8) > 0);
}

static void
test_lstat(void **state)
{
	struct p9_sample sample;

	(void)state;
	stub_monitor.attr = (struct monitor_attr){ .ino = 2, .size = 8,
	    .blocks = 10, .dev = 1, .rdev = 7, .mode = 4, .nlink = 3,
	    .uid = 5, .gid = 6, .blksize = 9, .atime = { .sec = -11,
	    .nsec = 12 }, .mtime = { .sec = 13, .nsec = 14 },
	    .ctime = { .sec = 15, .nsec = 16 } };
	PASSES(P9_T_LSTAT, "z", "/a");
	assert_int_equal(reply.len, 8 + 116);
	assert_true(reply_wide(8) == 1 && reply_wide(16) == 2 &&
	    reply_wide(24) == 3);
	assert_true(reply_word(32) == 4 && reply_word(36) == 5 &&
	    reply_word(40) == 6);
	for (uint64_t i = 7; i <= 16; i++)
		assert_true(reply_wide(44 + 8 * (i - 7)) ==
		    (i == 11 ? (uint64_t)-11 : i));
}

static void
test_getversion(void **state)
{
	struct p9_sample sample;

	(void)state;
	stub_monitor.generation = 0xfedcba98;
	PASSES(P9_T_GETVERSION, "z", "/a");
	assert_true(reply_wide(8) == 0xfedcba98);
}

static void
test_setattr(void **state)
{
	const struct monitor_setattr_request *set =
	    &stub_monitor.op.request.u.setattr;
	struct p9_sample sample;

	(void)state;
	PASSES(P9_T_CHMOD, "zd", "/a", 0104711);
	assert_int_equal(set->valid, MONITOR_SET_MODE);
	assert_int_equal(set->mode, 04711);
	PASSES(P9_T_CHOWN, "zdd", "/a", 1, 4294967294U);
	assert_int_equal(set->valid, MONITOR_SET_UID | MONITOR_SET_GID);
	assert_int_equal(set->owner.uid, 1);
	assert_int_equal(set->owner.gid, 4294967294U);
	PASSES(P9_T_CHOWN, "zdd", "/a", NO_ID, 0);
	assert_int_equal(set->valid, MONITOR_SET_GID);
	PASSES(P9_T_CHOWN, "zdd", "/a", 0, NO_ID);
	assert_int_equal(set->valid, MONITOR_SET_UID);
	PASSES(P9_T_CHOWN, "zdd", "/a", NO_ID, NO_ID);
	assert_int_equal(set->valid, MONITOR_SET_CTIME);
	PASSES(P9_T_TRUNCATE, "zq", "/a", (uint64_t)INT64_MAX);
	assert_int_equal(set->valid, MONITOR_SET_SIZE);
	assert_true(set->size == INT64_MAX);
	REFUSED(-EINVAL, P9_T_TRUNCATE, "zq", "/a", UINT64_C(1) << 63);
	REFUSED(-EINVAL, P9_T_TRUNCATE, "zq", "/a", UINT64_MAX);
}

static void
test_utime(void **state)
{
	static const struct {
		uint64_t	wire[4];
		int		error;
		uint32_t	valid;
	} cases[] = {
		{ { 1, 2, 3, 4 }, 0, MONITOR_SET_ATIME | MONITOR_SET_MTIME },
		{ { 99, UTIME_NOW, 99, UTIME_NOW }, 0,
		    MONITOR_SET_ATIME_NOW | MONITOR_SET_MTIME_NOW },
		{ { 99, UTIME_OMIT, 3, 4 }, 0, MONITOR_SET_MTIME },
		{ { 1, 2, 99, UTIME_OMIT }, 0, MONITOR_SET_ATIME },
		{ { 99, UTIME_NOW, 99, UTIME_OMIT }, 0,
		    MONITOR_SET_ATIME_NOW },
		{ { 1, 999999999, 3, 0 }, 0,
		    MONITOR_SET_ATIME | MONITOR_SET_MTIME },
		{ { 1, 1000000000, 3, 4 }, -EINVAL, 0 },
		{ { 1, 2, 3, UINT64_MAX }, -EINVAL, 0 },
		{ { 1, 2, 3, UINT64_C(0x100000000) | UTIME_NOW }, -EINVAL, 0 },
		{ { 99, UTIME_OMIT, 99, 1000000000 }, -EINVAL, 0 },
	};
	const struct monitor_setattr_request *set =
	    &stub_monitor.op.request.u.setattr;
	struct p9_sample sample;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const uint64_t *wire = cases[i].wire;

		p9_sample_make(&sample, P9_T_UTIME, "zqqqq", "/a", wire[0],
		    wire[1], wire[2], wire[3]);
		if (cases[i].error != 0) {
			check_refused(&sample, cases[i].error);
			continue;
		}
		assert_int_equal(run(&sample), 0);
		assert_int_equal(set->valid, cases[i].valid);
		assert_true(set->atime.sec == ((set->valid &
		    MONITOR_SET_ATIME) != 0 ? 1 : 0));
		assert_true(set->mtime.sec == ((set->valid &
		    MONITOR_SET_MTIME) != 0 ? 3 : 0));
	}
	/* Both omitted: a success for whatever path. */
	p9_sample_make(&sample, P9_T_UTIME, "zqqqq", "/a", UINT64_C(1),
	    (uint64_t)UTIME_OMIT, UINT64_C(2), (uint64_t)UTIME_OMIT);
	check_refused(&sample, 0);
}

static void
test_remove(void **state)
{
	struct p9_sample sample;

	(void)state;
	p9_sample_good(&sample, P9_T_REMOVE);
	stub_monitor.unlink_error = -EISDIR;
	assert_int_equal(run(&sample), 0);
	assert_int_equal(stub_monitor.count, 2);
	assert_int_equal(stub_monitor.op.request.op, MONITOR_RMDIR);
	assert_string_equal(stub_monitor_place(0), "dir|file");
	stub_monitor.error = -ENOTEMPTY;
	assert_int_equal(run(&sample), -ENOTEMPTY);
	stub_monitor.unlink_error = -EACCES;
	assert_int_equal(run(&sample), -EACCES);
	assert_int_equal(stub_monitor.count, 5);
}

/* An answer of size 0 is a status with the length. */
static void
test_xattr_length(void **state)
{
	struct p9_sample sample;

	(void)state;
	stub_monitor.size = 65536;
	PASSES(P9_T_LGETXATTR, "dzs", 0, "/a", "user.a");
	assert_int_equal(reply.len, 12);
	assert_int_equal(reply_word(8), 65536);
	stub_monitor.size = 0;
	PASSES(P9_T_LLISTXATTR, "dz", 0, "/a");
	assert_int_equal(reply_word(8), 0);
}

static void
test_xattr_sizes(void **state)
{
	static const struct {
		uint32_t	size;
		uint32_t	value;
		uint32_t	asked;		/* of the monitor */
		int		extra;
		int		error;
	} cases[] = {
		{ 5, 5, 5, 0, 0 },
		{ 100, 5, 100, 0, 0 },
		{ 5, 0, 5, 0, 0 },
		{ 5, 5, 5, 1, -ERANGE },
		{ 65534, 65534, 65534, 0, 0 },
		{ 65535, 65534, 65534, 0, 0 },
		{ 65536, 65534, 65534, 0, 0 },
		{ 65536, 65534, 65534, 1, -ERANGE },
		{ INT32_MAX, 65534, 65534, 2, -ERANGE },
		{ (uint32_t)INT32_MIN, 5, 0, 0, -EINVAL },
		{ UINT32_MAX, 5, 0, 0, -EINVAL },
	};
	struct p9_sample sample;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		stub_monitor.data_len = cases[i].value;
		stub_monitor.extra = cases[i].extra;
		p9_sample_make(&sample, P9_T_LGETXATTR, "dzs", cases[i].size,
		    "/a", "user.a");
		assert_int_equal(run(&sample), cases[i].error);
		if (cases[i].error == 0)
			assert_int_equal(reply.len,
			    P9_HEADER_SIZE + 2 + cases[i].value);
		if (cases[i].error != -EINVAL)
			assert_int_equal(stub_monitor.op.request.u.
			    getxattr.size, cases[i].asked);
		p9_sample_make(&sample, P9_T_LLISTXATTR, "dz", cases[i].size,
		    "/a");
		assert_int_equal(run(&sample), cases[i].error);
	}
}

static void
test_lsetxattr(void **state)
{
	const struct monitor_setxattr_request *set =
	    &stub_monitor.op.request.u.setxattr;
	struct p9_sample sample;

	(void)state;
	PASSES(P9_T_LSETXATTR, "zssdd", "/a", "user.a", "12345", 5,
	    XATTR_REPLACE);
	assert_int_equal(set->flags, XATTR_REPLACE);
	assert_int_equal(set->name_len, 6);
	assert_string_equal(stub_monitor.op.data, "user.a12345");
	/* The size is compared, never used. */
	REFUSED(-EINVAL, P9_T_LSETXATTR, "zssdd", "/a", "user.a", "12345", 6,
	    0);
	REFUSED(-EINVAL, P9_T_LSETXATTR, "zssdd", "/a", "user.a", "12345", 4,
	    0);
	REFUSED(-EINVAL, P9_T_LSETXATTR, "zssdd", "/a", "user.a", "12345",
	    UINT32_MAX, 0);
	REFUSED(-EINVAL, P9_T_LSETXATTR, "zssdd", "/a", "user.a", "12345",
	    65536, 0);
	/* QEMU's way of sending a value of 65536 bytes. */
	REFUSED(-E2BIG, P9_T_LSETXATTR, "zssdd", "/a", "user.a", "", 65536,
	    0);
	REFUSED(-EINVAL, P9_T_LSETXATTR, "zssdd", "/a", "user.a", "v", 1, 4);
	REFUSED(-EINVAL, P9_T_LSETXATTR, "zssdd", "/a", "user.a", "v", 1,
	    0x80000000);
}

/* The longest value that a message can hold. */
static void
test_lsetxattr_longest(void **state)
{
	static uint8_t bytes[P9_PAYLOAD_MAX];
	const uint32_t len = 65536 - 14 - 2 - 6;
	const uint32_t zero = 0;
	size_t at;

	(void)state;
	at = make_long_path(bytes, "/a", 2);
	at += make_long_path(bytes + at, "user.a", 6);
	at += make_long_path(bytes + at, "v", len);
	memcpy(bytes + at, &len, 4);
	memcpy(bytes + at + 4, &zero, 4);
	assert_int_equal(at + 8, P9_PAYLOAD_MAX);
	run_bytes(P9_T_LSETXATTR, bytes, P9_PAYLOAD_MAX);
	assert_int_equal(p9_sample_error(&reply, P9_T_LSETXATTR), 0);
	assert_int_equal(stub_monitor.op.data_len, 6 + len);
}

/* Longer than the boundary permits: the client refuses by itself. */
static void
test_client_limits(void **state)
{
	static char text[MONITOR_PATH_MAX + 1];
	struct monitor_where where = { .handle = MONITOR_ROOT_HANDLE,
	    .path = text, .path_len = sizeof(text), .name = text,
	    .name_len = 1 };

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(monitor_getattr(&client, &where, NULL, NULL),
	    -EINVAL);
	where.path_len = 0;
	where.name_len = MONITOR_NAME_MAX + 1;
	assert_int_equal(monitor_getattr(&client, &where, NULL, NULL),
	    -EINVAL);
	assert_int_equal(stub_monitor.count, 0);
	/* And gives its slots back. */
	assert_int_equal(lane_reserve(&stub_monitor.lane), 0);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good),
		TEST(test_errors_pass),
		TEST(test_monitor_lies),
		TEST(test_no_slot),
		TEST(test_every_truncation),
		TEST(test_every_bit_flip),
		TEST(test_trailing_bytes),
		TEST(test_unknown_types),
		TEST(test_full_payloads),
		TEST(test_long_paths),
		TEST(test_nul),
		TEST(test_nul_in_value),
		TEST(test_empty_strings),
		TEST(test_string_limits),
		TEST(test_target_limit),
		TEST(test_nameless),
		TEST(test_slash_at_the_end),
		TEST(test_open_flags),
		TEST(test_create),
		TEST(test_mknod),
		TEST(test_mkdir),
		TEST(test_readlink),
		TEST(test_statfs),
		TEST(test_lstat),
		TEST(test_getversion),
		TEST(test_setattr),
		TEST(test_utime),
		TEST(test_remove),
		TEST(test_xattr_length),
		TEST(test_xattr_sizes),
		TEST(test_lsetxattr),
		TEST(test_lsetxattr_longest),
		TEST(test_client_limits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
