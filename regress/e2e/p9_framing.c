/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: framing that is lost. A size over 65536 gets an error in the form
 * that is owed, then the connection closes and the daemon ends with status 1;
 * a message cut off by the end of the connection ends it too. Each case needs
 * a server of its own.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "p9_samples.h"
#include "p9_suite.h"
#include "procs.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static void
start(struct p9_env *e)
{
	struct server_options o = { .kind = server_kind_from_env(),
	    .share = e->share->dir };

	p9_env_start(e, &o);
}

/* Headers with this size, and so many bytes behind it. */
static void
test_oversize(struct p9_env *e, uint32_t type, uint32_t size, size_t more)
{
	struct p9_msg m;
	uint8_t filler[2048] = { 0 };
	int error;

	start(e);
	tap_context("type %#x, size %#x, %zu bytes sent: ", type, size, more);
	p9_msg_start(&m, type);
	p9_msg_raw(&m, filler, more);
	memcpy(m.buf + 4, &size, sizeof(size));
	is_result(p9_send(&e->c, m.buf, m.len, 0), 0, "sent");
	error = p9_answer(&e->c, &m);
	is_error(error, "an error is answered");
	is_result(p9_receive_eof(&e->c), 0, "the connection ends");
	tap_is_int(server_wait(e->srv.pid, SERVER_TIMEOUT_MS), 1,
	    "exit status");
	tap_is_int(procs_wait_gone(getpid(), SERVER_TIMEOUT_MS), 0,
	    "no process is left");
	e->srv.pid = -1;
	p9_env_stop(e);
}

/* The first n bytes of a message, then the end of the connection. */
static void
test_cut(struct p9_env *e, uint32_t type, size_t n)
{
	struct p9_msg m;
	int status;

	start(e);
	tap_context("type %u, %zu bytes, then the end: ", type, n);
	p9_sample(&m, type, "//file", "//other");
	is_result(p9_send(&e->c, m.buf, n < m.len ? n : m.len - 1, 0), 0,
	    "sent");
	status = p9_env_stop(e);
	tap_ok(status == 0 || status == 1, "the server ends, status %d",
	    status);
	tap_is_int(procs_wait_gone(getpid(), SERVER_TIMEOUT_MS), 0,
	    "no process is left");
}

static void
body(struct fixture *f)
{
	static const uint32_t types[] = { P9_OPEN, P9_CREATE, P9_LSTAT,
	    P9_LGETXATTR, P9_REMOVE, 0, 77, 0xffffffff };
	static const uint32_t sizes[] = { 65537, 0x7fffffff, 0x80000000u,
	    0xffffffffu };
	static const size_t cuts[] = { 1, 4, 7, 8, 9, 10, 12, 1000 };
	struct p9_env e = { .share = &f->share[0], .test = "" };
	int helper = server_kind_from_env() == SERVER_HELPER;

	host_write(host(&e, "file"), "x", 0600, 0, 0);
	for (size_t i = 0; i < COUNT(types) && !helper; i++)
		for (size_t k = 0; k < COUNT(sizes); k++)
			test_oversize(&e, types[i], sizes[k],
			    i % 2 ? 0 : 1000);
	for (size_t i = 0; i < COUNT(cuts); i++) {
		test_cut(&e, P9_OPEN, cuts[i]);
		test_cut(&e, P9_LSTAT, cuts[i]);
	}
	tap_context("%s", "");
	tap_ok(!host_exists(host(&e, "other")), "nothing was made");
}

int
main(void)
{
	return fixture_main(body, 180);
}
