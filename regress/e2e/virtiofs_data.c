/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: OPEN, READ, WRITE, RELEASE with data of all sizes in buffers of
 * all shapes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "virtiofs_suite.h"

#define MIB	(1024u * 1024)

static uint8_t pattern[MIB + 8192];

static void
make_pattern(void)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < sizeof(pattern); i++) {
		x = x * 1103515245 + 12345;
		pattern[i] = (uint8_t)(x >> 16);
	}
}

/* The file on the host has exactly these bytes at an offset. */
static void
is_on_host(struct virtiofs_env *e, const char *name, uint64_t offset,
    const void *want, size_t len, const char *what)
{
	int fd = open(host_path(e, name), O_RDONLY | O_CLOEXEC);
	void *got = malloc(len);
	ssize_t n;

	if (fd < 0 || got == NULL)
		tap_bail("%s", name);
	n = pread(fd, got, len, (off_t)offset);
	tap_is_mem(got, n > 0 ? (size_t)n : 0, want, len, "%s", what);
	free(got);
	close(fd);
}

static void
put_on_host(struct virtiofs_env *e, const char *name, const void *data,
    size_t len)
{
	int fd = open(host_path(e, name), O_WRONLY | O_CREAT | O_TRUNC |
	    O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		tap_bail("%s", name);
	close(fd);
}

static void
test_sizes(struct virtiofs_env *e)
{
	static const uint32_t sizes[] = { 1, 2, 511, 4095, 4096, 4097, 65535,
	    65536, 100001, 128 * 1024, MIB - 1, MIB };
	uint8_t *data = guest_alloc(&e->front.mem, MIB + 4096, 4096);
	uint64_t file, fh;
	char what[64];

	host_write(host_path(e, "file"), "", 0644, 0, 0);
	file = node(e, "file");
	fh = open_node(e, file, O_RDWR);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t n = sizes[i], at = (uint32_t)i * 37;

		memcpy(data, pattern + i, n);
		is_reply(fuse_write(&e->c, file, fh, at, data, n), (int)n,
		    "write %u", n);
		snprintf(what, sizeof(what), "%u bytes at %u on the host", n,
		    at);
		is_on_host(e, "file", at, pattern + i, n, what);
		memset(data, 0x11, MIB + 4096);
		is_reply(fuse_read(&e->c, file, fh, at, data, n), (int)n,
		    "read %u", n);
		tap_is_mem(data, n, pattern + i, n, "what was written");
		tap_ok(data[n] == 0x11, "and nothing behind it");
	}
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
	guest_free(&e->front.mem, data);
}

/* All ways to cut a request up, with data at any address. */
static void
test_layouts(struct virtiofs_env *e)
{
	static const uint32_t sizes[] = { 1, 3, 100, 4096, 5000, 65536 };
	uint8_t *data = guest_alloc(&e->front.mem, 65536 + 64, 4096);
	uint64_t file, fh;

	host_write(host_path(e, "file"), "", 0644, 0, 0);
	file = node(e, "file");
	fh = open_node(e, file, O_RDWR);
	for (enum fuse_layout l = 0; l < FUSE_LAYOUT_COUNT; l++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			uint32_t n = sizes[i];
			uint8_t *at = data + 1 + i;

			e->c.layout = l;
			memcpy(at, pattern + n, n);
			is_reply(fuse_write(&e->c, file, fh, n, at, n),
			    (int)n, "write %u, %s", n, fuse_layout_name(l));
			memset(data, 0x22, 65536 + 64);
			is_reply(fuse_read(&e->c, file, fh, n, at, n),
			    (int)n, "read %u, %s", n, fuse_layout_name(l));
			tap_is_mem(at, n, pattern + n, n, "the same bytes");
			tap_ok(at[-1] == 0x22 && at[n] == 0x22,
			    "nothing around them");
		}
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
	guest_free(&e->front.mem, data);
}

/* Several buffers, as readv(2) and writev(2) of a guest. */
static void
test_vectors(struct virtiofs_env *e)
{
	static const size_t part[] = { 1, 4096, 3, 8192, 777, 1 };
	struct iovec v[6], whole = { .iov_len = 0 };
	uint8_t joined[16384];
	uint64_t file, fh;
	size_t at = 0;

	host_write(host_path(e, "file"), "", 0644, 0, 0);
	file = node(e, "file");
	fh = open_node(e, file, O_RDWR);
	for (size_t i = 0; i < 6; i++) {
		v[i].iov_base = guest_alloc(&e->front.mem, part[i], 1);
		v[i].iov_len = part[i];
		memcpy(v[i].iov_base, pattern + at, part[i]);
		at += part[i];
	}
	is_reply(fuse_writev(&e->c, file, fh, 5, v, 6, 0, 0), (int)at,
	    "write from six buffers");
	is_on_host(e, "file", 5, pattern, at, "on the host");
	for (size_t i = 0; i < 6; i++)
		memset(v[i].iov_base, 0, part[i]);
	is_reply(fuse_readv(&e->c, file, fh, 5, v, 6), (int)at,
	    "read into six buffers");
	for (size_t i = 0; i < 6; i++) {
		memcpy(joined + whole.iov_len, v[i].iov_base, part[i]);
		whole.iov_len += part[i];
		guest_free(&e->front.mem, v[i].iov_base);
	}
	tap_is_mem(joined, at, pattern, at, "the same bytes");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
}

static void
test_end(struct virtiofs_env *e)
{
	char data[64];
	uint64_t file, fh;
	struct stat st;

	put_on_host(e, "file", pattern, 100);
	file = node(e, "file");
	fh = open_node(e, file, O_RDWR);
	is_reply(fuse_read(&e->c, file, fh, 90, data, 64), 10,
	    "read over the end");
	tap_is_mem(data, 10, pattern + 90, 10, "what is there");
	is_reply(fuse_read(&e->c, file, fh, 100, data, 64), 0,
	    "read at the end");
	is_reply(fuse_read(&e->c, file, fh, 1ULL << 40, data, 64), 0,
	    "read far behind it");
	is_reply(fuse_read(&e->c, file, fh, 0, data, 0), 0, "read nothing");
	is_refused(fuse_read(&e->c, file, fh, 1ULL << 63, data, 64),
	    "read at a negative offset");
	is_refused(fuse_write(&e->c, file, fh, 1ULL << 63, data, 64),
	    "write at a negative offset");
	is_reply(fuse_write(&e->c, file, fh, 5ULL << 30, "end", 3), 3,
	    "write behind 4 GiB");
	host_lstat(host_path(e, "file"), &st);
	tap_is_int(st.st_size, (5LL << 30) + 3, "size");
	is_reply(fuse_read(&e->c, file, fh, (5ULL << 30) - 2, data, 64), 5,
	    "read there");
	tap_is_mem(data, 5, "\0\0end", 5, "a hole and the bytes");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
}

static void
test_modes(struct virtiofs_env *e)
{
	struct fuse_open_out open;
	char data[16];
	uint64_t file, ro, wo;

	host_write(host_path(e, "file"), "0123456789", 0644, 0, 0);
	file = node(e, "file");
	ro = open_node(e, file, O_RDONLY);
	wo = open_node(e, file, O_WRONLY);
	tap_ok(ro != wo, "each open has its own fh");
	is_reply(fuse_write(&e->c, file, ro, 0, "x", 1), -EBADF,
	    "write to what is open for reading");
	is_reply(fuse_read(&e->c, file, wo, 0, data, 16), -EBADF,
	    "read from what is open for writing");
	is_reply(fuse_write(&e->c, file, wo, 0, "x", 1), 1, "write");
	is_reply(fuse_read(&e->c, file, ro, 0, data, 16), 10, "read");
	tap_is_mem(data, 10, "x123456789", 10, "sees it");
	is_reply(fuse_release(&e->c, file, ro), 0, "release");
	is_reply(fuse_release(&e->c, file, wo), 0, "release");
	wo = open_node(e, file, O_RDWR | O_TRUNC);
	tap_is_str(host_read(host_path(e, "file")), "", "O_TRUNC empties it");
	is_reply(fuse_release(&e->c, file, wo), 0, "release");
	is_refused(fuse_open(&e->c, file, O_RDONLY | O_DIRECTORY, &open),
	    "O_DIRECTORY of a file");
}

static void
test_append(struct virtiofs_env *e)
{
	struct iovec v;
	uint64_t file, fh;

	host_write(host_path(e, "file"), "0123", 0644, 0, 0);
	file = node(e, "file");
	fh = open_node(e, file, O_WRONLY | O_APPEND);
	/* The guest's kernel sends the offset it believes in. */
	is_reply(fuse_write(&e->c, file, fh, 4, "45", 2), 2, "at the end");
	host_write(host_path(e, "file"), "longer than that", 0644, 0, 0);
	v = (struct iovec){ .iov_base = (char *)(uintptr_t)"!",
	    .iov_len = 1 };
	is_reply(fuse_writev(&e->c, file, fh, 6, &v, 1, 0, O_WRONLY |
	    O_APPEND), 1, "the host has appended meanwhile");
	tap_is_str(host_read(host_path(e, "file")), "longer than that!",
	    "it goes to the end");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
}

/* Flags of the write alone: RWF_DSYNC and RWF_SYNC of pwritev2(2). */
static void
test_durable(struct virtiofs_env *e)
{
	static const uint32_t flags[] = { O_DSYNC, O_SYNC,
	    O_DSYNC | O_APPEND, O_SYNC | O_APPEND };
	struct iovec v = { .iov_base = (char *)(uintptr_t)"xy",
	    .iov_len = 2 };
	uint64_t file, fh;

	host_write(host_path(e, "file"), "0123", 0644, 0, 0);
	file = node(e, "file");
	fh = open_node(e, file, O_RDWR);
	for (size_t i = 0; i < 4; i++)
		is_reply(fuse_writev(&e->c, file, fh, i, &v, 1, 0,
		    O_RDWR | flags[i]), 2, "a write with flags %#o", flags[i]);
	tap_is_str(host_read(host_path(e, "file")), "xxy3xyxy", "the data");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
}

static void
test_special(struct virtiofs_env *e)
{
	static const char *const names[] = { "fifo", "socket", "null",
	    "block", "link" };
	struct fuse_open_out open;

	host_mknod(host_path(e, "fifo"), S_IFIFO | 0666, 0);
	host_mknod(host_path(e, "socket"), S_IFSOCK | 0666, 0);
	host_mknod(host_path(e, "null"), S_IFCHR | 0666, 0x103);
	host_mknod(host_path(e, "block"), S_IFBLK | 0666, 0x700);
	host_symlink("/dev/null", host_path(e, "link"));
	for (size_t i = 0; i < 5; i++) {
		uint64_t nodeid = node(e, names[i]);

		/* A FIFO would block whoever opens it. */
		is_refused(fuse_open(&e->c, nodeid, O_RDONLY, &open),
		    "open %s to read", names[i]);
		is_refused(fuse_open(&e->c, nodeid, O_WRONLY, &open),
		    "open %s to write", names[i]);
		is_refused(fuse_open(&e->c, nodeid, O_RDWR | O_NONBLOCK,
		    &open), "open %s for both", names[i]);
		is_refused(fuse_opendir(&e->c, nodeid, &open),
		    "open %s as a directory", names[i]);
	}
	is_refused(fuse_open(&e->c, e->dir, O_RDWR, &open),
	    "open a directory as a file");
	is_refused(fuse_open(&e->c, 99999999, O_RDONLY, &open),
	    "open a node that is none");
}

/* Flags that must not reach open(2), or not change what it opens. */
static void
test_flags(struct virtiofs_env *e)
{
	static const uint32_t flags[] = { O_CREAT, O_EXCL, O_NOCTTY,
	    O_NONBLOCK, O_ASYNC, O_NOATIME, O_CLOEXEC, O_DSYNC, O_SYNC,
	    O_DIRECT, O_NOFOLLOW, 0x8000 };
	struct fuse_open_out open;
	uint64_t file;
	char data[8];
	int result;

	host_write(host_path(e, "file"), "0123", 0644, 0, 0);
	file = node(e, "file");
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		/* The C virtiofsd opens with O_CREAT and dies of it. */
		if (e->kind == VIRTIOFS_C && flags[i] == O_CREAT)
			continue;
		result = fuse_open(&e->c, file, O_RDWR | flags[i], &open);
		tap_ok(result == 0 || (result < 0 && result >= -511),
		    "open with flag 0x%x", flags[i]);
		if (result != 0)
			continue;
		is_reply(fuse_read(&e->c, file, open.fh, 0, data, 8), 4,
		    "and read");
		is_reply(fuse_release(&e->c, file, open.fh), 0, "release");
	}
	result = fuse_open(&e->c, file, O_PATH, &open);
	if (result == 0) {
		result = fuse_read(&e->c, file, open.fh, 0, data, 8);
		fuse_release(&e->c, file, open.fh);
	}
	tap_ok(result == 4 || result == -EBADF || result == -EINVAL,
	    "O_PATH is left out, or of no use");
	result = fuse_open(&e->c, e->dir, O_TMPFILE | O_RDWR, &open);
	is_refused(result, "O_TMPFILE with OPEN");
}

static void
test_wrong_fh(struct virtiofs_env *e)
{
	struct fuse_open_out dir;
	char data[8];
	uint64_t file, other, fh;
	uint64_t wrong[5];

	if (peer_differs(e, "foreign-fh"))
		return;
	host_write(host_path(e, "file"), "0123", 0644, 0, 0);
	host_write(host_path(e, "other"), "abcd", 0644, 0, 0);
	file = node(e, "file");
	other = node(e, "other");
	fh = open_node(e, file, O_RDWR);
	is_reply(fuse_opendir(&e->c, e->dir, &dir), 0, "opendir");
	wrong[0] = fh + 1;
	wrong[1] = 0;
	wrong[2] = UINT64_MAX;
	wrong[3] = fh ^ (1ULL << 32);
	wrong[4] = dir.fh;
	for (size_t i = 0; i < 5; i++) {
		if (wrong[i] == fh)
			continue;
		is_reply(fuse_read(&e->c, file, wrong[i], 0, data, 8), -EBADF,
		    "read by wrong fh %zu", i);
		is_reply(fuse_write(&e->c, file, wrong[i], 0, "x", 1), -EBADF,
		    "write by it");
		is_reply(fuse_fsync(&e->c, file, wrong[i], 0), -EBADF,
		    "fsync by it");
		is_reply(fuse_flush(&e->c, file, wrong[i]), -EBADF,
		    "flush by it");
		is_reply(fuse_release(&e->c, file, wrong[i]), -EBADF,
		    "release by it");
	}
	is_reply(fuse_read(&e->c, other, fh, 0, data, 8), -EBADF,
	    "read another node by it");
	is_reply(fuse_write(&e->c, other, fh, 0, "x", 1), -EBADF,
	    "write to another node by it");
	is_reply(fuse_release(&e->c, other, fh), -EBADF,
	    "release it for another node");
	is_reply(fuse_read(&e->c, file, fh, 0, data, 8), 4,
	    "it still is open");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
	is_reply(fuse_read(&e->c, file, fh, 0, data, 8), -EBADF,
	    "not any more");
	is_reply(fuse_release(&e->c, file, fh), -EBADF, "release it again");
	is_reply(fuse_releasedir(&e->c, e->dir, dir.fh), 0, "releasedir");
	tap_is_str(host_read(host_path(e, "other")), "abcd",
	    "nothing was written");
}

/* Sizes in the arguments that the buffers do not have. */
static void
test_lies(struct virtiofs_env *e)
{
	struct {
		struct fuse_in_header	header;
		struct fuse_write_in	arg;
		char			data[16];
	} w = { .header = { .opcode = FUSE_WRITE, .unique = 4 } };
	struct {
		struct fuse_in_header	header;
		struct fuse_read_in	arg;
	} r = { .header = { .opcode = FUSE_READ, .unique = 6,
	    .len = sizeof(r) } };
	uint8_t reply[4096 + 64], data[16];
	struct fuse_out_header h;
	uint64_t file, fh;
	int n;

	put_on_host(e, "file", pattern, 8192);
	file = node(e, "file");
	fh = open_node(e, file, O_RDWR);
	w.header.nodeid = r.header.nodeid = file;
	w.arg.fh = r.arg.fh = fh;
	w.header.len = sizeof(w.header) + sizeof(w.arg) + 16;
	memcpy(w.data, "abcdefghijklmnop", 16);
	for (uint32_t size = 17; size != 0; size *= 16) {
		w.arg.size = size;
		n = fuse_raw(&e->c, &w, w.header.len, reply, 24);
		memcpy(&h, reply, sizeof(h));
		tap_ok(n == 0 || (n >= 16 && h.len == (uint32_t)n &&
		    (h.error < 0 || reply[16] <= 16)),
		    "write of %u bytes with 16", size);
	}
	/* Less room than asked for: only that much may be written. */
	r.arg.size = 4096;
	n = fuse_raw(&e->c, &r, sizeof(r), reply, 16 + 100);
	memcpy(&h, reply, sizeof(h));
	tap_ok(n >= 0 && n <= 116 && (n == 0 || h.len == (uint32_t)n),
	    "read of 4096 bytes into 100");
	n = fuse_raw(&e->c, &r, sizeof(r), reply, 8);
	tap_ok(n >= 0 && n <= 8, "read without room for a header");
	r.arg.size = UINT32_MAX;
	n = fuse_raw(&e->c, &r, sizeof(r), reply, 16 + 100);
	tap_ok(n >= 0 && n <= 116, "read of 4 GiB into 100");
	is_reply(fuse_read(&e->c, file, fh, 100, data, 16), 16,
	    "the file still works");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
}

/* write(2) by an ordinary user takes set-id bits away. */
static void
test_setid(struct virtiofs_env *e)
{
	struct iovec v = { .iov_base = (char *)(uintptr_t)"x", .iov_len = 1 };
	uint64_t file, fh;
	struct stat st;

	host_write(host_path(e, "file"), "123", 06755, 1000, 1000);
	file = node(e, "file");
	fh = open_node(e, file, O_WRONLY);
	e->c.uid = e->c.gid = 1000;
	is_reply(fuse_writev(&e->c, file, fh, 0, &v, 1,
	    FUSE_WRITE_KILL_SUIDGID, O_WRONLY), 1,
	    "write FUSE_WRITE_KILL_SUIDGID");
	host_lstat(host_path(e, "file"), &st);
	tap_is_oct(st.st_mode, S_IFREG | 0755, "set-id bits are gone");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
}

static void
test_many_open(struct virtiofs_env *e)
{
	static uint64_t fh[500];
	char data[8];
	uint64_t file;
	int right = 0;

	host_write(host_path(e, "file"), "0123", 0644, 0, 0);
	file = node(e, "file");
	for (size_t i = 0; i < 500; i++)
		fh[i] = open_node(e, file, O_RDONLY);
	for (size_t i = 0; i < 500; i++)
		right += fuse_read(&e->c, file, fh[i], 0, data, 8) == 4;
	tap_is_int(right, 500, "500 open files");
	for (size_t i = 0; i < 500; i++)
		right -= fuse_release(&e->c, file, fh[i]) == 0;
	tap_is_int(right, 0, "all released");
}

/* Many writes of different places at the same time. */
static void
test_parallel(struct virtiofs_env *e)
{
	struct fuse_write_in arg[16];
	struct fuse_write_out reply[16];
	struct iovec in[16][2], out[16];
	uint8_t *data = guest_alloc(&e->front.mem, 16 * 4096, 4096);
	uint64_t file, fh;
	int done = 0, result;
	void *user;

	host_write(host_path(e, "file"), "", 0644, 0, 0);
	file = node(e, "file");
	fh = open_node(e, file, O_RDWR);
	memcpy(data, pattern, 16 * 4096);
	for (size_t i = 0; i < 16; i++) {
		size_t place = (i * 7) % 16 * 4096;
		struct fuse_call call = { .opcode = FUSE_WRITE,
		    .nodeid = file, .in = in[i], .in_count = 2,
		    .out = &out[i], .out_count = 1,
		    .out_least = sizeof(reply[i]), .user = &arg[i] };

		arg[i] = (struct fuse_write_in){ .fh = fh, .offset = place,
		    .size = 4096 };
		in[i][0] = (struct iovec){ .iov_base = &arg[i],
		    .iov_len = sizeof(arg[i]) };
		in[i][1] = (struct iovec){ .iov_base = data + place,
		    .iov_len = 4096 };
		out[i] = (struct iovec){ .iov_base = &reply[i],
		    .iov_len = sizeof(reply[i]) };
		if (fuse_submit(&e->c, &call) != 0)
			tap_bail("submit");
	}
	fuse_kick(&e->c);
	for (int i = 0; i < 16; i++)
		if (fuse_collect(&e->c, &user, &result, 10000) == 1 &&
		    result == (int)sizeof(reply[0]))
			done++;
	tap_is_int(done, 16, "16 writes");
	is_on_host(e, "file", 0, pattern, 16 * 4096, "all in their places");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
	guest_free(&e->front.mem, data);
}

static const struct virtiofs_test tests[] = {
	{ "sizes", test_sizes },
	{ "layouts", test_layouts },
	{ "vectors", test_vectors },
	{ "end", test_end },
	{ "modes", test_modes },
	{ "append", test_append },
	{ "durable", test_durable },
	{ "special", test_special },
	{ "flags", test_flags },
	{ "wrong-fh", test_wrong_fh },
	{ "lies", test_lies },
	{ "setid", test_setid },
	{ "many-open", test_many_open },
	{ "parallel", test_parallel },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]),
	    .options.depth = 16 };

	make_pattern();
	return virtiofs_suite_main(&suite);
}
