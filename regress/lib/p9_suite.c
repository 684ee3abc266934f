/* SPDX-License-Identifier: ISC */
/*
 * The frame of the 9p-proxy tests: servers, directories, results. Test code.
 */
#include "p9_suite.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENT_TIMEOUT_MS	60000

/*
 * Where QEMU's virtfs-proxy-helper does what no server should do. The tests
 * named so are left out when it is the server under test.
 */
static const struct {
	const char	*id;
	const char	*why;
} defect[] = {
	{ "D1", "a create with uid 0 and another gid, or uid -1, takes its "
	    "capabilities away" },
	{ "D2", "T_LSETXATTR believes the second size" },
	{ "D3", "T_GETVERSION has stack contents in its upper half" },
	{ "D4", "dies of a negative size" },
	{ "D5", "allocates any size" },
	{ "D6", "values and lists of 65536 bytes come out empty" },
	{ "D7", "opens FIFOs and devices before it looks at their type" },
	{ "D8", "ends without an answer on unknown types and sizes" },
	{ "D9", "leaves its socket file behind, dies of SIGPIPE" },
	{ "D10", "follows symbolic links" },
	{ "D11", "T_OPEN's flags are not filtered" },
	{ "D12", "strings end at an embedded NUL" },
	{ "D13", "cuts link targets" },
	{ "D14", "T_GETVERSION succeeds for anything" },
	{ "D16", "no device nodes for other owners" },
	{ "fsid", "only the lower half of the second fsid word is filled" },
	{ "moved", "a directory moved out of the share leads out of it" },
};

static const struct p9_suite *suite;
static const char *const *arguments;	/* suite's extra or also */

static const char *
suite_ring(const char *fmt, const char *a, const char *b, const char *c)
{
	static char ring[16][PATH_MAX + 128];
	static unsigned int next;
	char *out = ring[next++ % 16];

	snprintf(out, sizeof(ring[0]), fmt, a, b, c);
	return out;
}

const char *
guest(const struct p9_env *e, const char *name)
{
	return suite_ring(*name != '\0' ? "//%s/%s%s" : "//%s%s%s", e->test,
	    name, "");
}

const char *
host(const struct p9_env *e, const char *name)
{
	return suite_ring(*name != '\0' ? "%s/%s/%s" : "%s/%s%s",
	    e->share->dir, e->test, name);
}

int
differs(const struct p9_env *e, const char *id)
{
	for (size_t i = 0; i < sizeof(defect) / sizeof(defect[0]); i++) {
		if (strcmp(defect[i].id, id) != 0)
			continue;
		if (e->srv.kind != SERVER_HELPER)
			return 0;
		tap_skip("helper, %s: %s", id, defect[i].why);
		return 1;
	}
	tap_bail("no defect %s in the table", id);
}

static const char *
suite_text(const char *fmt, va_list ap)
{
	static char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	return text;
}

int
is_result(int got, int want, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_ok(got == want, "%s", suite_text(fmt, ap));
	va_end(ap);
	if (got != want) {
		tap_diag("got      %s", p9_result_name(got));
		tap_diag("expected %s", p9_result_name(want));
	}
	return got == want;
}

static int
is_errno(int result)
{
	return result < 0 && result >= -4095;
}

int
is_error(int got, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_ok(is_errno(got), "%s", suite_text(fmt, ap));
	va_end(ap);
	if (!is_errno(got))
		tap_diag("got %s, expected an error", p9_result_name(got));
	return is_errno(got);
}

int
is_answer(int got, const char *fmt, ...)
{
	int fine = got == 0 || is_errno(got);
	va_list ap;

	va_start(ap, fmt);
	tap_ok(fine, "%s", suite_text(fmt, ap));
	va_end(ap);
	if (!fine)
		tap_diag("got %s", p9_result_name(got));
	return fine;
}

void
p9_env_start(struct p9_env *e, const struct server_options *o)
{
	struct p9_stat st;
	int error;

	error = server_start(&e->srv, o);
	e->c = (struct p9_client){ .fd = e->srv.fd,
	    .timeout_ms = CLIENT_TIMEOUT_MS };
	if (error == 0)
		error = p9_lstat(&e->c, "/", &st);
	if (error == 0)
		return;
	tap_diag("%s", server_log_text(e->srv.log_fd));
	server_stop(&e->srv);
	tap_bail("the server does not start: %s", p9_result_name(error));
}

int
p9_env_stop(struct p9_env *e)
{
	int status = server_stop(&e->srv);

	server_close_log(&e->srv);
	return status;
}

static void
suite_start(struct p9_env *e)
{
	struct server_options o = { .kind = server_kind_from_env(),
	    .share = e->share->dir, .extra = arguments };

	p9_env_start(e, &o);
}

/* The server must go on working; if it does not, the next tests get one. */
static void
suite_check_alive(struct p9_env *e)
{
	struct p9_stat st;
	int error = p9_lstat(&e->c, "/", &st);

	if (is_result(error, 0, "the connection still works"))
		return;
	tap_diag("log of the server:");
	tap_diag("%s", server_log_text(e->srv.log_fd));
	kill(e->srv.pid, SIGKILL);
	p9_env_stop(e);
	suite_start(e);
}

static void
suite_share(const struct fixture_share *share)
{
	struct p9_env e = { .share = share };
	unsigned int failures = tap_failures();
	char how[96];

	snprintf(how, sizeof(how), "%s%s%s: ", share->fs,
	    arguments != NULL ? " " : "",
	    arguments != NULL ? arguments[0] : "");
	tap_context("%s", how);
	if (share->missing != NULL) {
		tap_skip("%s", share->missing);
		return;
	}
	suite_start(&e);
	for (size_t i = 0; i < suite->count; i++) {
		e.test = suite->tests[i].name;
		tap_context("%s%s: ", how, e.test);
		if (arguments == suite->also && suite->also != NULL)
			rename(host(&e, ""), suite_ring("%s/%s-%s",
			    share->outside, e.test, "before"));
		host_mkdir(host(&e, ""), 0755, 0, 0);
		suite->tests[i].run(&e);
		suite_check_alive(&e);
	}
	tap_context("%s", how);
	tap_ok(canary_check(share) == 0, "nothing outside was touched");
	if (tap_failures() != failures) {
		tap_diag("log of the server:");
		tap_diag("%s", server_log_text(e.srv.log_fd));
	}
	tap_is_int(p9_env_stop(&e), 0, "exit status after the end");
}

static void
suite_body(struct fixture *f)
{
	if (suite->privfsd_only && server_kind_from_env() == SERVER_HELPER)
		tap_skip_all("not for the helper");
	for (size_t i = 0; i < 2; i++) {
		if (f->share[i].missing == NULL)
			canary_plant(&f->share[i]);
		arguments = suite->extra;
		suite_share(&f->share[i]);
		arguments = suite->also;
		if (arguments != NULL)
			suite_share(&f->share[i]);
	}
	tap_context("%s", "");
}

int
p9_suite_main(const struct p9_suite *s)
{
	suite = s;
	return fixture_main(suite_body, s->limit_s != 0 ? s->limit_s : 120);
}
