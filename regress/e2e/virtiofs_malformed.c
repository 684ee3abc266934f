/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: requests that are too short, too long, or lie about it; every
 * opcode with every size. Each chain comes back, with an answer that keeps
 * the protocol, and the server goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "virtiofs_suite.h"

#define MOST_ARG	512

struct request {
	struct fuse_in_header	header;
	uint8_t			arg[MOST_ARG];
};

/*
 * Sends it; the reply must be empty (where there was no room, or none is
 * owed) or have a header that fits.
 */
static int
is_answered(struct virtiofs_env *e, const struct request *r, size_t len,
    size_t room)
{
	static uint8_t reply[8192];
	struct fuse_out_header h;
	int n = fuse_raw(&e->c, r, len, reply, room);

	if (n < 0)
		return 0;
	if (n == 0)
		return 1;
	memcpy(&h, reply, sizeof(h));
	return (size_t)n >= sizeof(h) && (size_t)n <= room &&
	    h.len == (uint32_t)n && h.error <= 0 && h.error > -512 &&
	    h.unique == r->header.unique &&
	    (h.error == 0 || n == (int)sizeof(h));
}

/* Not those that end the session or change its state. */
static int
is_harmless(uint32_t opcode)
{
	return opcode != FUSE_DESTROY && opcode != FUSE_INIT;
}

static const uint32_t odd_opcodes[] = { 4096, 0x1a000000, 0x100000,
    0x7fffffff, 0x80000000, UINT32_MAX, 0, 7, 19 };

/* All opcodes, with arguments of this byte. */
static void
send_all(struct virtiofs_env *e, struct request *r, size_t arg, size_t room)
{
	size_t len = sizeof(r->header) + arg;
	int wrong = 0;

	r->header.len = (uint32_t)len;
	for (uint32_t i = 0; i < 64 + 9; i++) {
		r->header.opcode = i < 64 ? i : odd_opcodes[i - 64];
		r->header.unique += 2;
		if (!is_harmless(r->header.opcode))
			continue;
		if (!is_answered(e, r, len, room)) {
			tap_diag("opcode %u", r->header.opcode);
			wrong++;
		}
		if (wrong > 3)
			break;
	}
	tap_is_int(wrong, 0, "all opcodes, %zu bytes of 0x%02x, room for %zu",
	    arg, r->arg[0], room);
}

static void
test_sizes(struct virtiofs_env *e)
{
	static const size_t sizes[] = { 0, 1, 4, 7, 8, 15, 16, 24, 31, 39, 40,
	    48, 56, 63, 64, 88, 128, MOST_ARG };
	static const size_t rooms[] = { 0, 15, 16, 100, 4096 };
	static const uint8_t fill[] = { 0, 0xff, 0x41 };
	struct request r = { .header = { .unique = 1000 } };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t k = 0; k < sizeof(rooms) / sizeof(rooms[0]); k++)
			for (size_t f = 0; f < sizeof(fill); f++) {
				memset(r.arg, fill[f], sizeof(r.arg));
				r.header.nodeid = f == 0 ? FUSE_ROOT_ID :
				    f == 1 ? UINT64_MAX : e->dir;
				send_all(e, &r, sizes[i], rooms[k]);
			}
}

static void
test_lengths(struct virtiofs_env *e)
{
	static const uint32_t claims[] = { 0, 1, 39, 40, 41, 47, 48, 1000,
	    0x7fffffff, UINT32_MAX };
	struct request r = { .header = { .opcode = FUSE_GETATTR,
	    .nodeid = FUSE_ROOT_ID, .unique = 4 } };
	size_t len = sizeof(r.header) + sizeof(struct fuse_getattr_in);

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		r.header.len = claims[i];
		tap_ok(is_answered(e, &r, len, 4096),
		    "a header that says %u and %zu bytes", claims[i], len);
	}
	/* Less than a header. */
	for (size_t n = 1; n < sizeof(r.header); n += 3) {
		r.header.len = (uint32_t)n;
		tap_ok(is_answered(e, &r, n, 4096),
		    "a request of %zu bytes", n);
	}
}

static void
test_extensions(struct virtiofs_env *e)
{
	static const uint16_t counts[] = { 1, 2, 8, 64, 100, 0x1fff, 0x7fff,
	    0xffff };
	static const uint32_t opcodes[] = { FUSE_MKDIR, FUSE_CREATE,
	    FUSE_MKNOD, FUSE_SYMLINK, FUSE_LOOKUP, FUSE_GETATTR };
	struct request r = { .header = { .nodeid = e->dir, .unique = 4 } };
	size_t len = sizeof(r.header) + 64;

	r.header.len = (uint32_t)len;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		for (size_t k = 0; k < 6; k++) {
			memset(r.arg, i % 2 ? 0xff : 0, sizeof(r.arg));
			r.header.opcode = opcodes[k];
			r.header.total_extlen = counts[i];
			tap_ok(is_answered(e, &r, len, 4096),
			    "opcode %u with %u words of extensions",
			    opcodes[k], counts[i]);
		}
}

/* INIT and DESTROY come with other sizes, too. */
static void
test_init_sizes(struct virtiofs_env *e)
{
	struct request r = { .header = { .unique = 4 } };
	struct fuse_init_options o = { .flags = fuse_default_init_flags() };

	for (size_t arg = 0; arg <= 128; arg += 4) {
		size_t len = sizeof(r.header) + arg;

		memset(r.arg, 0, sizeof(r.arg));
		r.arg[0] = 7;
		r.header.len = (uint32_t)len;
		r.header.opcode = FUSE_DESTROY;
		tap_ok(is_answered(e, &r, len, 4096),
		    "DESTROY with %zu bytes", arg);
		r.header.opcode = FUSE_INIT;
		tap_ok(is_answered(e, &r, len, 4096), "INIT with %zu bytes",
		    arg);
	}
	/* Whether or not the last one was good. */
	fuse_destroy(&e->c);
	is_reply(fuse_init(&e->c, &o), 0, "INIT");
	e->dir = FUSE_ROOT_ID;
}

static const struct virtiofs_test tests[] = {
	{ "sizes", test_sizes },
	{ "lengths", test_lengths },
	{ "extensions", test_extensions },
	{ "init-sizes", test_init_sizes },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]), .tmpfs_only = 1,
	    .options.server.xattr = 1 };

	/* It ends the C virtiofsd by abort(3). */
	if (virtiofs_kind_from_env() == VIRTIOFS_C)
		tap_skip_all("not for the C virtiofsd");
	return virtiofs_suite_main(&suite);
}
