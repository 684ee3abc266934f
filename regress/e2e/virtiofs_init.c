/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: INIT and DESTROY, and what the options for caches make of
 * timeouts and open files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "virtiofs_suite.h"

static int
start(struct virtiofs_env *e, const struct fixture_share *share,
    const struct virtiofs_options *o)
{
	int result = virtiofs_env_start(e, share, o);

	e->test = ".";
	return result;
}

static void
stop(struct virtiofs_env *e)
{
	tap_is_int(virtiofs_env_stop(e), 0, "exit status after the end");
}

static int
init(struct virtiofs_env *e, uint32_t minor, uint64_t flags)
{
	struct fuse_init_options o = { .minor = minor, .flags = flags };

	return fuse_init(&e->c, &o);
}

static void
test_flags(const struct fixture_share *share)
{
	static const uint64_t always = FUSE_ASYNC_READ | FUSE_BIG_WRITES |
	    FUSE_PARALLEL_DIROPS;
	struct virtiofs_options o = { .depth = 1 };
	uint64_t offered = fuse_default_init_flags();
	struct virtiofs_env e;

	tap_context("flags: ");
	start(&e, share, &o);
	tap_is_int(e.c.init.major, 7, "major version");
	tap_ok(e.c.init.minor >= 27 && e.c.init.minor <= 100,
	    "minor version %u", e.c.init.minor);
	tap_ok((e.c.init_flags & ~offered) == 0,
	    "no flag that was not offered");
	tap_ok((e.c.init_flags & always) == always, "flags for speed");
	tap_ok(!(e.c.init_flags & (FUSE_WRITEBACK_CACHE | FUSE_POSIX_LOCKS |
	    FUSE_FLOCK_LOCKS | FUSE_POSIX_ACL | FUSE_DONT_MASK)),
	    "no flag that needs an option");
	tap_ok((e.c.init_flags & FUSE_DO_READDIRPLUS) != 0,
	    "readdirplus is on");
	tap_ok(e.c.init.max_write >= 128 * 1024, "max_write %u",
	    e.c.init.max_write);
	tap_ok(!(e.c.init_flags & FUSE_MAX_PAGES) ||
	    e.c.init.max_pages * 4096u >= e.c.init.max_write,
	    "max_pages %u is enough for it", e.c.init.max_pages);
	tap_ok(e.c.init.time_gran <= 1000000000, "granularity of times");
	stop(&e);
}

static void
test_old(const struct fixture_share *share)
{
	static const uint32_t minors[] = { 27, 31, 34, 36, 38, 99 };
	struct virtiofs_options o = { .no_init = 1 };
	struct fuse_attr_out attr;
	struct virtiofs_env e;

	for (size_t i = 0; i < sizeof(minors) / sizeof(minors[0]); i++) {
		tap_context("7.%u: ", minors[i]);
		start(&e, share, &o);
		if (minors[i] < 31 && peer_differs(&e, "old-minor")) {
			stop(&e);
			continue;
		}
		is_reply(init(&e, minors[i], 0), 0, "INIT without flags");
		tap_ok(e.c.init.major == 7, "answered");
		if (!peer_differs(&e, "big-writes"))
			tap_ok(e.c.init_flags == 0, "no flags in the reply");
		is_reply(fuse_getattr(&e.c, FUSE_ROOT_ID, &attr), 0,
		    "getattr");
		stop(&e);
	}
}

static void
test_order(const struct fixture_share *share)
{
	struct virtiofs_options o = { .no_init = 1 };
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	struct virtiofs_env e;
	uint64_t file;

	tap_context("order: ");
	start(&e, share, &o);
	host_write(host_path(&e, "init-file"), "", 0644, 0, 0);
	is_refused(fuse_lookup(&e.c, FUSE_ROOT_ID, "init-file", &entry),
	    "lookup before INIT");
	is_refused(fuse_getattr(&e.c, FUSE_ROOT_ID, &attr),
	    "getattr before INIT");
	is_reply(init(&e, 38, fuse_default_init_flags()), 0, "INIT");
	file = node(&e, "init-file");
	/* Refused, or a new beginning. */
	if (init(&e, 38, fuse_default_init_flags()) == 0)
		file = node(&e, "init-file");
	is_reply(fuse_getattr(&e.c, file, &attr), 0, "after INIT again");
	is_reply(fuse_destroy(&e.c), 0, "DESTROY");
	is_refused(fuse_getattr(&e.c, file, &attr), "getattr after it");
	is_reply(init(&e, 38, fuse_default_init_flags()), 0,
	    "INIT after DESTROY");
	if (!peer_differs(&e, "destroy"))
		is_refused(fuse_getattr(&e.c, file, &attr),
		    "a node of before");
	is_reply(fuse_lookup(&e.c, FUSE_ROOT_ID, "init-file", &entry), 0,
	    "lookup");
	stop(&e);
}

static void
test_major(const struct fixture_share *share)
{
	struct {
		struct fuse_in_header	header;
		struct fuse_init_in	arg;
	} r = { .header = { .len = sizeof(r), .opcode = FUSE_INIT,
	    .unique = 2 }, .arg = { .major = 8 } };
	struct {
		struct fuse_out_header	header;
		struct fuse_init_out	out;
	} reply;
	struct virtiofs_options o = { .no_init = 1 };
	struct virtiofs_env e;
	int n;

	tap_context("major: ");
	start(&e, share, &o);
	n = fuse_raw(&e.c, &r, sizeof(r), &reply, sizeof(reply));
	tap_ok(n >= 24 && reply.header.error == 0 && reply.out.major == 7,
	    "8 is answered with 7");
	r.arg.major = 6;
	n = fuse_raw(&e.c, &r, sizeof(r), &reply, sizeof(reply));
	tap_ok(n == 16 && reply.header.error < 0, "6 is refused");
	/* As the kernel does then. */
	is_reply(init(&e, 38, fuse_default_init_flags()), 0, "INIT with 7");
	stop(&e);
}

/* What a cache mode means for each reply. */
static void
is_mode(struct virtiofs_env *e, uint64_t valid, uint32_t file_flags,
    uint32_t dir_flags, uint32_t mask)
{
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	struct fuse_open_out open;

	host_write(host_path(e, "mode-file"), "x", 0644, 0, 0);
	is_reply(fuse_lookup(&e->c, FUSE_ROOT_ID, "mode-file", &entry), 0,
	    "lookup");
	tap_is_int((long long)entry.entry_valid, (long long)valid,
	    "seconds for the name");
	tap_is_int((long long)entry.attr_valid, (long long)valid,
	    "seconds for the attributes");
	tap_ok(entry.entry_valid_nsec == 0 && entry.attr_valid_nsec == 0,
	    "no more than that");
	is_reply(fuse_getattr(&e->c, entry.nodeid, &attr), 0, "getattr");
	tap_is_int((long long)attr.attr_valid, (long long)valid,
	    "seconds for them");
	is_reply(fuse_open(&e->c, entry.nodeid, O_RDWR, &open), 0, "open");
	tap_is_int(open.open_flags & mask, file_flags, "flags of the file");
	is_reply(fuse_release(&e->c, entry.nodeid, open.fh), 0, "release");
	is_reply(fuse_opendir(&e->c, FUSE_ROOT_ID, &open), 0, "opendir");
	tap_is_int(open.open_flags & mask, dir_flags,
	    "flags of the directory");
	is_reply(fuse_releasedir(&e->c, FUSE_ROOT_ID, open.fh), 0,
	    "releasedir");
	is_reply(fuse_create(&e->c, FUSE_ROOT_ID, "mode-new", O_RDWR, 0644,
	    &entry, &open), 0, "create");
	tap_is_int(open.open_flags & mask, file_flags, "flags of a new one");
	is_reply(fuse_release(&e->c, entry.nodeid, open.fh), 0, "release");
	unlink(host_path(e, "mode-new"));
}

static void
test_cache(const struct fixture_share *share)
{
	static const struct {
		const char	*mode;
		uint64_t	valid;
		uint32_t	file, dir;
		int		plus;
	} row[] = {
		{ "none", 0, FOPEN_DIRECT_IO, 0, 0 },
		{ "auto", 1, 0, 0, 1 },
		{ "always", 86400, FOPEN_KEEP_CACHE, FOPEN_KEEP_CACHE |
		    FOPEN_CACHE_DIR, 1 },
		{ "never", 0, FOPEN_DIRECT_IO, 0, 0 },
		{ "metadata", 86400, FOPEN_DIRECT_IO, FOPEN_KEEP_CACHE |
		    FOPEN_CACHE_DIR, 1 },
	};
	struct virtiofs_options o = { .depth = 1 };
	enum virtiofs_kind kind = virtiofs_kind_from_env();
	struct virtiofs_env e;
	uint32_t mask = FOPEN_DIRECT_IO | FOPEN_KEEP_CACHE;

	/* The C virtiofsd has its own opinion of directories. */
	if (kind != VIRTIOFS_C)
		mask |= FOPEN_CACHE_DIR;
	for (size_t i = 0; i < (kind == VIRTIOFS_C ? 3u : 5u); i++) {
		tap_context("cache=%s: ", row[i].mode);
		o.server.cache = row[i].mode;
		start(&e, share, &o);
		is_mode(&e, row[i].valid, row[i].file,
		    kind == VIRTIOFS_C ? 0 : row[i].dir, mask);
		tap_ok(((e.c.init_flags & FUSE_DO_READDIRPLUS) != 0) ==
		    row[i].plus, "readdirplus");
		stop(&e);
	}
}

static void
test_timeouts(const struct fixture_share *share)
{
	static const char *const extra[] = { "--timeout=7",
	    "--negative-timeout=9", "--no-readdirplus", NULL };
	struct virtiofs_options o = { .server.extra = extra };
	struct fuse_entry_out entry;
	struct virtiofs_env e;
	int result;

	tap_context("timeouts: ");
	if (virtiofs_kind_from_env() != VIRTIOFS_PRIVFSD) {
		tap_skip("no such options");
		return;
	}
	start(&e, share, &o);
	is_mode(&e, 7, 0, 0, FOPEN_DIRECT_IO | FOPEN_KEEP_CACHE);
	tap_ok((e.c.init_flags & FUSE_DO_READDIRPLUS) == 0,
	    "no readdirplus");
	memset(&entry, 0xff, sizeof(entry));
	result = fuse_lookup(&e.c, FUSE_ROOT_ID, "missing", &entry);
	is_reply(result, 0, "lookup of a missing name");
	tap_ok(entry.nodeid == 0 && entry.entry_valid == 9,
	    "is an answer to keep for 9 seconds");
	stop(&e);
}

static void
test_writeback(const struct fixture_share *share)
{
	struct virtiofs_options o = { .server.writeback = 1 };
	struct virtiofs_env e;
	uint64_t file, fh;
	char data[16];

	tap_context("writeback: ");
	start(&e, share, &o);
	tap_ok((e.c.init_flags & FUSE_WRITEBACK_CACHE) != 0,
	    "INIT takes FUSE_WRITEBACK_CACHE");
	host_write(host_path(&e, "wb-file"), "0123", 0644, 0, 0);
	file = node(&e, "wb-file");
	/* The kernel reads what it fills pages up with, and knows the end. */
	fh = open_node(&e, file, O_WRONLY | O_APPEND);
	is_reply(fuse_read(&e.c, file, fh, 0, data, 16), 4,
	    "what is open for writing can be read");
	is_reply(fuse_write(&e.c, file, fh, 1, "x", 1), 1, "write");
	tap_is_str(host_read(host_path(&e, "wb-file")), "0x23",
	    "goes to its place in spite of O_APPEND");
	is_reply(fuse_release(&e.c, file, fh), 0, "release");
	stop(&e);
	o.init.flags = fuse_default_init_flags() & ~(uint64_t)
	    FUSE_WRITEBACK_CACHE;
	o.server.writeback = 0;
	start(&e, share, &o);
	fh = open_node(&e, node(&e, "wb-file"), O_WRONLY);
	is_reply(fuse_read(&e.c, node(&e, "wb-file"), fh, 0, data, 16),
	    -EBADF, "without it it cannot");
	stop(&e);
}

static void
body(struct fixture *f)
{
	const struct fixture_share *share = &f->share[0];

	test_flags(share);
	test_old(share);
	test_order(share);
	test_major(share);
	test_cache(share);
	test_timeouts(share);
	test_writeback(share);
	tap_context("%s", "");
}

int
main(void)
{
	return virtiofs_main(body, 120);
}
