/*
 * SPDX-License-Identifier: ISC
 *
 * One FUSE queue for tests.
 */
#include "config.h"

#include "fuse_fixture.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stub_monitor.h"

#define FIXTURE_WAIT	30		/* seconds */
#define FIXTURE_FSIZE	(4 << 20)	/* what a file may grow to */

static void
check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuse_fixture: %s: %s\n", what, strerror(errno));
	abort();
}

static void
complete(struct fuse_request *request, uint32_t len)
{
	struct fuse_flight *flight = (struct fuse_flight *)(void *)request;

	flight->completed++;
	flight->len = len;
}

/* No request may make a file of the test's larger than this. */
static void
limit_files(void)
{
	const struct rlimit limit = { FIXTURE_FSIZE, FIXTURE_FSIZE };

	signal(SIGXFSZ, SIG_IGN);
	check(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
}

void
fuse_fixture_init(struct fuse_fixture *f)
{
	memset(f, 0, sizeof(*f));
	limit_files();
	f->config = (struct worker_fuse_config){ .nofile = 100,
	    .cache = WORKER_CACHE_AUTO, .timeout_ns = 1500000000, .xattr = 1,
	    .readdirplus = 1, .announce_submounts = 1 };
	f->file = memfd_create("file", MFD_CLOEXEC);
	check(f->file != -1, "memfd_create");
	check(wakeup_init(&f->wakeup) == 0, "wakeup_init");
	f->pool = io_pool_new(2);
	check(f->pool != NULL, "io_pool_new");
	io_port_init(&f->io, f->pool, &f->wakeup);
	monitor_client_init(&f->monitor, &stub_monitor.lane);
	check(fuse_session_init(&f->session, &f->config) == 0,
	    "fuse_session_init");
	fuse_queue_init(&f->queue, &f->session, &f->monitor, &f->io, complete);
	fuse_fixture_reset(f, O_RDWR);
}

void
fuse_fixture_free(struct fuse_fixture *f)
{
	io_pool_free(f->pool);
	wakeup_free(&f->wakeup);
	fuse_session_destroy(&f->session);
	close(f->file);
}

void
fuse_fixture_reset(struct fuse_fixture *f, int flags)
{
	char text[FUSE_FILE_SIZE];
	int fd;

	stub_monitor_reset();
	stub_monitor.naming = MONITOR_BY_HANDLE;
	stub_monitor.handle = 0x900000005;
	stub_monitor.file_fd = f->file;
	stub_monitor.ndirents = 3;
	stub_monitor.attr = (struct monitor_attr){ .ino = 42, .size = 4096,
	    .mode = S_IFREG | 0640, .nlink = 1, .uid = 1000, .gid = 1001 };
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	check(ftruncate(f->file, 0) == 0 && pwrite(f->file, text, sizeof(text),
	    0) == sizeof(text), "file");
	file_table_clear(&f->session.files);
	fd = fcntl(f->file, F_DUPFD_CLOEXEC, 0);
	check(fd != -1 && file_reserve(&f->session.files) == 0 &&
	    file_add(&f->session.files, FUSE_SAMPLE_NODE, fd, flags,
	    &f->fh) == 0, "file_add");
	f->session.minor = 38;
	f->session.max_write = 1 << 20;
	f->session.flags = FUSE_ATOMIC_O_TRUNC | FUSE_SUBMOUNTS |
	    FUSE_MAX_PAGES | FUSE_CREATE_SUPP_GROUP;
	f->session.initialised = true;
	f->queue.nforgets = 0;
	f->wrong = NULL;
}

/* Returns the length of element `i` of those that hold `left` bytes. */
static size_t
piece_len(enum fuse_layout layout, size_t i, size_t left, size_t header)
{
	static const size_t odd[] = { 1, 2, 3, 5, 7, 11, 13 };
	size_t len = left;

	if (layout == FUSE_LAYOUT_LINUX && i == 0)
		len = header;
	else if (layout == FUSE_LAYOUT_ODD && i < 500)
		len = odd[i % (sizeof(odd) / sizeof(odd[0]))];
	else if (layout == FUSE_LAYOUT_BYTES && i < 500)
		len = 1;
	return len < left ? len : left;
}

/* Cuts; fills from `bytes` unless it is NULL.  Returns how many elements. */
static uint16_t
cut(enum fuse_layout layout, struct iovec *iov, const uint8_t *bytes,
    size_t len, size_t header)
{
	size_t at = 0, n;
	uint16_t i;

	for (i = 0; at < len; i++) {
		n = piece_len(layout, i, len - at, header);
		iov[i] = (struct iovec){ malloc(n), n };
		check(iov[i].iov_base != NULL, "malloc");
		if (bytes != NULL)
			memcpy(iov[i].iov_base, bytes + at, n);
		else
			memset(iov[i].iov_base, 0x5a, n);
		at += n;
	}
	return i;
}

void
fuse_fixture_start(struct fuse_fixture *f, struct fuse_flight *flight,
    const uint8_t *request, size_t len, size_t room)
{
	struct virtqueue_chain *chain = &flight->request.chain;

	memset(&flight->request, 0xa5, sizeof(flight->request));
	flight->fixture = f;
	flight->completed = 0;
	flight->request.queue = &f->queue;
	chain->iov = flight->iov;
	chain->nout = cut(f->layout, flight->iov, request, len,
	    sizeof(struct fuse_in_header));
	chain->out_len = len;
	chain->nin = cut(f->layout, flight->iov + chain->nout, NULL, room,
	    sizeof(struct fuse_out_header));
	chain->in_len = room;
	fuse_dispatch(&flight->request);
}

void
fuse_fixture_turn(struct fuse_fixture *f)
{
	check(monitor_reap(&f->monitor) >= 0, "monitor_reap");
	io_port_reap(&f->io);
	fuse_queue_continue(&f->queue);
}

/* All elements must be where they were, and as long. */
static void
collect(struct fuse_fixture *f, struct fuse_flight *flight)
{
	const struct virtqueue_chain *chain = &flight->request.chain;
	size_t at = 0, n, i;

	for (i = 0; i < chain->nout; i++)
		free(flight->iov[i].iov_base);
	for (; i < (size_t)chain->nout + chain->nin; i++) {
		n = flight->iov[i].iov_len;
		check(n <= chain->in_len - at, "an element that has grown");
		if (n > sizeof(f->reply) - at)
			n = sizeof(f->reply) - at;
		memcpy(f->reply + at, flight->iov[i].iov_base, n);
		at += flight->iov[i].iov_len;
		free(flight->iov[i].iov_base);
	}
	check(at == chain->in_len, "an element that has shrunk");
	f->len = flight->len;
}

void
fuse_fixture_finish(struct fuse_fixture *f, struct fuse_flight *flight)
{
	time_t end = time(NULL) + FIXTURE_WAIT;

	while (flight->completed == 0) {
		fuse_fixture_turn(f);
		sched_yield();
		errno = ETIMEDOUT;
		check(time(NULL) < end, "a request that does not end");
	}
	fuse_fixture_turn(f);
	if (flight->completed != 1)
		f->wrong = "completed more than once";
	if (f->wrong == NULL)
		f->wrong = stub_monitor.wrong;
	collect(f, flight);
}

int
fuse_fixture_run(struct fuse_fixture *f, const uint8_t *request, size_t len,
    size_t room)
{
	struct fuse_flight flight;

	fuse_fixture_start(f, &flight, request, len, room);
	fuse_fixture_finish(f, &flight);
	if (f->wrong == NULL)
		f->wrong = fuse_sample_check(request, len, f->reply, f->len,
		    room);
	return fuse_sample_error(f->reply, f->len);
}
