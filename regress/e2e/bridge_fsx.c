/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs through the Linux client: random reads, writes, truncations,
 * mappings, holes and copies of one file, against a model in memory. A million
 * operations, or FSX_OPS; FSX_SEED repeats a run; NATIVE=1 is without a server.
 */
#include <sys/mman.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "random.h"
#include "virtiofs_suite.h"

#define FSX_MAX		(256u * 1024)
#define FSX_PAGE	4096u
#define FSX_LOG		48
#define FSX_OPS		1000000

struct fsx_op;

struct fsx_entry {
	unsigned long		number;
	const struct fsx_op	*op;
	uint32_t		at, len, size;
};

struct fsx {
	struct random	r;
	const char	*path, *host;
	int		fd, direct_fd;
	int		shared_maps;	/* the mount has them */
	uint32_t	size;
	unsigned long	count;
	uint8_t		model[FSX_MAX];
	/* For O_DIRECT. */
	uint8_t		data[FSX_MAX] __attribute__((aligned(FSX_PAGE)));
	struct fsx_entry	log[FSX_LOG];
	const char	*failed;	/* what, NULL: nothing yet */
};

struct fsx_op {
	const char	*name;
	unsigned int	weight;
	int		extends;	/* a range that may be behind the end */
	void		(*run)(struct fsx *, uint32_t at, uint32_t len);
};

static void
fsx_fail(struct fsx *x, const char *what)
{
	if (x->failed == NULL)
		tap_diag("operation %lu: %s: %s", x->count, what,
		    errno != 0 ? strerrorname_np(errno) : "wrong");
	x->failed = what;
}

static void
fsx_expect(struct fsx *x, const uint8_t *got, uint32_t at, uint32_t len,
    const char *what)
{
	uint32_t i = 0;

	if (memcmp(got, x->model + at, len) == 0)
		return;
	while (got[i] == x->model[at + i])
		i++;
	errno = 0;
	fsx_fail(x, what);
	tap_diag("first at %#x: got %02x, expected %02x; read %#x to %#x",
	    at + i, got[i], x->model[at + i], at, at + len);
}

/* The model of what is written to the file. */
static void
fsx_model_write(struct fsx *x, uint32_t at, uint32_t len)
{
	memcpy(x->model + at, x->data, len);
	if (at + len > x->size)
		x->size = at + len;
}

static void
fsx_model_size(struct fsx *x, uint32_t size)
{
	if (size < x->size)
		memset(x->model + size, 0, x->size - size);
	x->size = size;
}

static void
fsx_make_data(struct fsx *x, uint32_t len)
{
	uint64_t word;

	for (uint32_t i = 0; i < len; i += 8) {
		word = random_next(&x->r);
		memcpy(x->data + i, &word, sizeof(word));
	}
}

static void
fsx_read_fd(struct fsx *x, int fd, uint32_t at, uint32_t len)
{
	ssize_t want = at >= x->size ? 0 : x->size - at < len ?
	    x->size - at : len, n = pread(fd, x->data, len, at);

	if (n != want) {
		fsx_fail(x, "read has another length");
		tap_diag("got %zd, expected %zd", n, want);
		return;
	}
	fsx_expect(x, x->data, at, (uint32_t)n, "read");
}

static void
op_read(struct fsx *x, uint32_t at, uint32_t len)
{
	fsx_read_fd(x, x->fd, at, len);
}

static void
op_read_direct(struct fsx *x, uint32_t at, uint32_t len)
{
	fsx_read_fd(x, x->direct_fd, at & ~(FSX_PAGE - 1),
	    (len + FSX_PAGE - 1) & ~(FSX_PAGE - 1));
}

static void
fsx_write_fd(struct fsx *x, int fd, uint32_t at, uint32_t len)
{
	struct iovec part[3];
	uint32_t cut = random_below(&x->r, len + 1);
	int whole = fd == x->direct_fd || len % 2 == 0;

	fsx_make_data(x, len);
	part[0] = (struct iovec){ x->data, whole ? len : cut };
	part[1] = (struct iovec){ x->data + cut, len - cut };
	if (pwritev(fd, part, whole ? 1 : 2, at) != (ssize_t)len) {
		fsx_fail(x, "write");
		return;
	}
	fsx_model_write(x, at, len);
}

static void
op_write(struct fsx *x, uint32_t at, uint32_t len)
{
	fsx_write_fd(x, x->fd, at, len);
}

static void
op_write_direct(struct fsx *x, uint32_t at, uint32_t len)
{
	at &= ~(FSX_PAGE - 1);
	len = (len + FSX_PAGE - 1) & ~(FSX_PAGE - 1);
	if (at + len <= FSX_MAX)
		fsx_write_fd(x, x->direct_fd, at, len);
}

static void
op_append(struct fsx *x, uint32_t at, uint32_t len)
{
	int fd;

	(void)at;
	if (len > FSX_MAX - x->size)
		return;
	fd = open(x->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	fsx_make_data(x, len);
	if (fd < 0 || write(fd, x->data, len) != (ssize_t)len)
		fsx_fail(x, "append");
	else
		fsx_model_write(x, x->size, len);
	if (fd >= 0)
		close(fd);
}

static void
op_truncate(struct fsx *x, uint32_t at, uint32_t len)
{
	if ((len % 2 ? truncate(x->path, at) : ftruncate(x->fd, at)) != 0)
		fsx_fail(x, "truncate");
	else
		fsx_model_size(x, at);
}

static void
op_map_read(struct fsx *x, uint32_t at, uint32_t len)
{
	uint32_t skip = at % FSX_PAGE, tail;
	uint8_t *map;

	if (at >= x->size)
		return;
	if (len > x->size - at)
		len = x->size - at;
	map = mmap(NULL, len + skip, PROT_READ, x->shared_maps ? MAP_SHARED :
	    MAP_PRIVATE, x->fd, at - skip);
	if (map == MAP_FAILED) {
		fsx_fail(x, "mmap");
		return;
	}
	fsx_expect(x, map + skip, at, len, "mapping");
	/* From the end of the file to that of its page there are zeroes. */
	tail = (FSX_PAGE - (at + len) % FSX_PAGE) % FSX_PAGE;
	for (uint32_t i = 0; at + len == x->size && i < tail; i++)
		if (map[skip + len + i] != 0) {
			errno = 0;
			fsx_fail(x, "bytes behind the end");
			break;
		}
	munmap(map, len + skip);
}

static void
op_map_write(struct fsx *x, uint32_t at, uint32_t len)
{
	uint32_t skip = at % FSX_PAGE;
	uint8_t *map;

	if (!x->shared_maps) {
		op_write(x, at, len);
		return;
	}
	if (at + len > x->size) {
		if (ftruncate(x->fd, at + len) != 0) {
			fsx_fail(x, "ftruncate before a mapping");
			return;
		}
		fsx_model_size(x, at + len);
	}
	map = mmap(NULL, len + skip, PROT_READ | PROT_WRITE, MAP_SHARED,
	    x->fd, at - skip);
	if (map == MAP_FAILED) {
		fsx_fail(x, "mmap");
		return;
	}
	fsx_make_data(x, len);
	memcpy(map + skip, x->data, len);
	fsx_model_write(x, at, len);
	if (len % 4 == 0 && msync(map, len + skip, MS_SYNC) != 0)
		fsx_fail(x, "msync");
	munmap(map, len + skip);
}

static void
op_punch(struct fsx *x, uint32_t at, uint32_t len)
{
	if (fallocate(x->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
	    len) != 0) {
		fsx_fail(x, "punch");
		return;
	}
	if (at < x->size)
		memset(x->model + at, 0, x->size - at < len ? x->size - at :
		    len);
}

static void
op_allocate(struct fsx *x, uint32_t at, uint32_t len)
{
	int keep = len % 2 ? FALLOC_FL_KEEP_SIZE : 0;

	if (fallocate(x->fd, keep, at, len) != 0)
		fsx_fail(x, "fallocate");
	else if (!keep && at + len > x->size)
		fsx_model_size(x, at + len);
}

static void
op_copy(struct fsx *x, uint32_t at, uint32_t len)
{
	uint32_t to = random_below(&x->r, FSX_MAX - len + 1);
	off_t from_at = at, to_at = to;
	ssize_t n = 0;

	if (at + len > x->size || (to < at + len && at < to + len))
		return;
	for (uint32_t done = 0; done < len; done += (uint32_t)n) {
		n = copy_file_range(x->fd, &from_at, x->fd, &to_at,
		    len - done, 0);
		if (n <= 0) {
			fsx_fail(x, "copy_file_range");
			return;
		}
	}
	memcpy(x->data, x->model + at, len);
	fsx_model_write(x, to, len);
}

static void
fsx_open(struct fsx *x, int flags)
{
	x->fd = open(x->path, O_RDWR | O_CLOEXEC | flags, 0644);
	x->direct_fd = open(x->path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (x->fd < 0 || x->direct_fd < 0)
		fsx_fail(x, "open");
}

static void
op_reopen(struct fsx *x, uint32_t at, uint32_t len)
{
	(void)at;
	close(x->fd);
	close(x->direct_fd);
	fsx_open(x, 0);
	/* Mostly without reading ahead: requests of many sizes. */
	if (len % 4 != 0)
		posix_fadvise(x->fd, 0, 0, POSIX_FADV_RANDOM);
}

static void
op_size(struct fsx *x, uint32_t at, uint32_t len)
{
	struct stat st;

	(void)at;
	if ((len % 2 ? stat(x->path, &st) : fstat(x->fd, &st)) != 0)
		fsx_fail(x, "stat");
	errno = 0;
	if (x->failed == NULL && st.st_size != x->size)
		fsx_fail(x, "size");
}

/* What the client has cached it must read again. */
static void
op_drop(struct fsx *x, uint32_t at, uint32_t len)
{
	(void)at;
	(void)len;
	if (fsync(x->fd) != 0 ||
	    posix_fadvise(x->fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		fsx_fail(x, "fsync");
}

/* After an fsync the host has all of it. */
static void
op_host(struct fsx *x, uint32_t at, uint32_t len)
{
	int fd = open(x->host, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	(void)at;
	(void)len;
	if (fd < 0 || fsync(x->fd) != 0) {
		fsx_fail(x, "fsync");
		goto out;
	}
	n = pread(fd, x->data, FSX_MAX, 0);
	errno = 0;
	if (n != x->size)
		fsx_fail(x, "size on the host");
	else
		fsx_expect(x, x->data, 0, x->size, "the host's content");
out:
	if (fd >= 0)
		close(fd);
}

static const struct fsx_op ops[] = {
	{ "read", 300, 1, op_read },
	{ "write", 180, 1, op_write },
	{ "map read", 250, 0, op_map_read },
	{ "map write", 80, 1, op_map_write },
	{ "truncate", 40, 1, op_truncate },
	{ "size", 80, 0, op_size },
	{ "punch", 15, 1, op_punch },
	{ "allocate", 12, 1, op_allocate },
	{ "copy", 15, 0, op_copy },
	{ "append", 8, 1, op_append },
	{ "direct read", 8, 1, op_read_direct },
	{ "direct write", 5, 1, op_write_direct },
	{ "reopen", 4, 0, op_reopen },
	{ "drop", 2, 0, op_drop },
	{ "host", 1, 0, op_host },
};
#define OPS	(sizeof(ops) / sizeof(ops[0]))

static const struct fsx_op *
fsx_choose(struct fsx *x)
{
	uint32_t number = random_below(&x->r, 1000);
	size_t i = 0;

	while (number >= ops[i].weight)
		number -= ops[i++].weight;
	return &ops[i];
}

static void
fsx_step(struct fsx *x)
{
	const struct fsx_op *op = fsx_choose(x);
	uint32_t room = op->extends || x->size == 0 ? FSX_MAX : x->size;
	uint32_t at = random_below(&x->r, room);
	/* Mostly small, some large; ends and pages in between. */
	uint32_t most = 1u << random_below(&x->r, 17);
	uint32_t len = 1 + random_below(&x->r, most);

	if (random_below(&x->r, 8) == 0)
		at &= ~(FSX_PAGE - 1);
	if (random_below(&x->r, 8) == 0)
		len = (len + FSX_PAGE - 1) & ~(FSX_PAGE - 1);
	if (len > FSX_MAX - at)
		len = FSX_MAX - at;
	x->log[x->count % FSX_LOG] = (struct fsx_entry){ .number = x->count,
	    .op = op, .at = at, .len = len, .size = x->size };
	op->run(x, at, len);
	x->count++;
}

static void
fsx_report(const struct fsx *x)
{
	const struct fsx_entry *e;

	tap_diag("the last operations: number, name, range, size before");
	for (size_t i = 0; i < FSX_LOG; i++) {
		e = &x->log[(x->count + i) % FSX_LOG];
		if (e->op != NULL)
			tap_diag("%lu %s %#x to %#x, %#x", e->number,
			    e->op->name, e->at, e->at + e->len, e->size);
	}
}

static void
fsx_run(const char *path, const char *host, uint64_t seed,
    unsigned long steps, int shared_maps)
{
	static struct fsx x;

	memset(&x, 0, sizeof(x));
	x.r.state = seed;
	x.path = path;
	x.host = host;
	x.shared_maps = shared_maps;
	fsx_open(&x, O_CREAT | O_EXCL);
	while (x.count < steps && x.failed == NULL)
		fsx_step(&x);
	if (x.failed == NULL)
		op_host(&x, 0, 0);
	else
		fsx_report(&x);
	tap_ok(x.failed == NULL, "%lu operations, seed %llu", x.count,
	    (unsigned long long)seed);
	close(x.fd);
	close(x.direct_fd);
	if (unlink(path) != 0)
		tap_bail("unlink");
}

static const struct variant {
	const char	*cache;
	int		writeback, packed;
	unsigned int	share;		/* 0: tmpfs, 1: ext4 */
	unsigned int	percent;	/* of the operations */
} variants[] = {
	{ .cache = "auto", .share = 0, .percent = 30 },
	{ .cache = "always", .share = 1, .percent = 20, .packed = 1 },
	{ .cache = "always", .share = 0, .percent = 40, .writeback = 1 },
	{ .cache = "none", .share = 1, .percent = 10 },
};

static void
run_variant(struct fixture *f, const struct variant *v, uint64_t seed,
    unsigned long count)
{
	const struct fixture_share *share = &f->share[v->share];
	char path[160], mount_point[128], host[160], socket[128];
	struct bridge_options o = { .server = {
	    .kind = virtiofs_kind_from_env(), .share = share->dir,
	    .socket_path = socket, .cache = v->cache,
	    .writeback = v->writeback }, .mount_point = mount_point,
	    .front.packed = v->packed };
	struct bridge b;

	tap_context("%s, cache=%s%s: ", share->fs, v->cache, v->writeback ?
	    ", writeback" : "");
	snprintf(socket, sizeof(socket), "%s/socket", f->base);
	snprintf(mount_point, sizeof(mount_point), "%s/mount", f->base);
	snprintf(path, sizeof(path), "%s/file", mount_point);
	snprintf(host, sizeof(host), "%s/file", share->dir);
	if (share->missing != NULL) {
		tap_skip("%s", share->missing);
		return;
	}
	if (getenv("NATIVE") != NULL) {
		fsx_run(host, host, seed, count, 1);
		return;
	}
	if (bridge_start(&b, &o) != 0) {
		tap_skip("this server has no packed rings");
		o.front.packed = 0;
		if (bridge_start(&b, &o) != 0)
			tap_bail("no mount");
	}
	fsx_run(path, host, seed, count, strcmp(v->cache, "none") != 0);
	tap_is_int(bridge_stop(&b, NULL), 0, "a clean end");
}

static void
body(struct fixture *f)
{
	const char *text = getenv("FSX_OPS");
	unsigned long count = text != NULL ? strtoul(text, NULL, 10) :
	    FSX_OPS;
	uint64_t seed = random_seed("FSX_SEED");
	char mount_point[128];

	snprintf(mount_point, sizeof(mount_point), "%s/mount", f->base);
	host_mkdir(mount_point, 0755, 0, 0);
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		run_variant(f, &variants[i], seed,
		    count * variants[i].percent / 100);
}

int
main(void)
{
	return virtiofs_main(body, 600);
}
