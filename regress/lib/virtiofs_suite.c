/* SPDX-License-Identifier: ISC */
/*
 * The frame of the virtio-fs tests: servers, clients, directories, results.
 * Test code.
 */
#include "virtiofs_suite.h"

#include <sys/sysmacros.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Where the reference servers do something else. The tests named so are left
 * out when one of them is the server under test.
 */
static const struct {
	const char		*id;
	enum virtiofs_kind	kind;
	const char		*why;
} difference[] = {
	{ "over-forget", VIRTIOFS_C, "aborts" },
	{ "malformed-forget", VIRTIOFS_C, "aborts" },
	{ "statx", VIRTIOFS_C, "none" },
	{ "access", VIRTIOFS_C, "none" },
	{ "foreign-fh", VIRTIOFS_C, "a fh is good for any node" },
	{ "root-node", VIRTIOFS_C, "the root has a second node" },
	{ "killpriv-v2", VIRTIOFS_C, "off by default" },
	{ "supp-group", VIRTIOFS_C, "none" },
	{ "tmpfile", VIRTIOFS_C, "none" },
	{ "create-existing", VIRTIOFS_C, "aborts" },
	{ "mknod-dir", VIRTIOFS_C, "makes directories too" },
	{ "destroy", VIRTIOFS_C, "nodes outlive it" },
	{ "old-minor", VIRTIOFS_C, "7.31 is the oldest" },
	{ "big-writes", VIRTIOFS_C, "sets a flag that was not offered" },
	{ "copied-up-name", VIRTIOFS_C, "the copy is another node" },
	{ "utime-now", VIRTIOFS_C, "takes any nanoseconds" },
};

static const struct virtiofs_suite *suite;
static const char *base;	/* a directory of our own */

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
host_path(const struct virtiofs_env *e, const char *name)
{
	return suite_ring(*name != '\0' ? "%s/%s/%s" : "%s/%s%s",
	    e->share->dir, e->test, name);
}

int
peer_differs(const struct virtiofs_env *e, const char *id)
{
	int known = 0;

	for (size_t i = 0; i < sizeof(difference) / sizeof(difference[0]);
	    i++) {
		if (strcmp(difference[i].id, id) != 0)
			continue;
		known = 1;
		if (e->kind != difference[i].kind)
			continue;
		tap_skip("%s virtiofsd, %s: %s", virtiofs_kind_name(e->kind),
		    id, difference[i].why);
		return 1;
	}
	if (!known)
		tap_bail("no difference %s in the table", id);
	return 0;
}

static const char *
suite_text(const char *fmt, va_list ap)
{
	static char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	return text;
}

int
is_reply(int got, int want, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_ok(got == want, "%s", suite_text(fmt, ap));
	va_end(ap);
	if (got != want) {
		tap_diag("got      %s", fuse_result_name(got));
		tap_diag("expected %s", fuse_result_name(want));
	}
	return got == want;
}

int
is_success(int got, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_ok(got >= 0, "%s", suite_text(fmt, ap));
	va_end(ap);
	if (got < 0)
		tap_diag("got %s", fuse_result_name(got));
	return got >= 0;
}

int
is_refused(int got, const char *fmt, ...)
{
	int refused = got < 0 && got >= -511;
	va_list ap;

	va_start(ap, fmt);
	tap_ok(refused, "%s", suite_text(fmt, ap));
	va_end(ap);
	if (!refused)
		tap_diag("got %s, expected an errno", fuse_result_name(got));
	return refused;
}

uint64_t
node_in(struct virtiofs_env *e, uint64_t parent, const char *name)
{
	struct fuse_entry_out entry;
	int result = fuse_lookup(&e->c, parent, name, &entry);

	if (result != 0)
		tap_bail("lookup of %s: %s", name, fuse_result_name(result));
	return entry.nodeid;
}

uint64_t
node(struct virtiofs_env *e, const char *name)
{
	return node_in(e, e->dir, name);
}

uint64_t
open_node(struct virtiofs_env *e, uint64_t nodeid, uint32_t flags)
{
	struct fuse_open_out open;
	int result = fuse_open(&e->c, nodeid, flags, &open);

	if (result != 0)
		tap_bail("open: %s", fuse_result_name(result));
	return open.fh;
}

static int
same_time(uint64_t sec, uint32_t nsec, const struct timespec *t)
{
	return (int64_t)sec == t->tv_sec && nsec == (uint64_t)t->tv_nsec;
}

int
is_attr_of(const struct virtiofs_env *e, const struct fuse_attr *attr,
    const char *name)
{
	struct stat st;
	const char *wrong = NULL;

	host_lstat(host_path(e, name), &st);
	if (attr->ino != st.st_ino)
		wrong = "ino";
	else if (attr->mode != st.st_mode)
		wrong = "mode";
	else if (attr->uid != st.st_uid || attr->gid != st.st_gid)
		wrong = "owner";
	else if (attr->nlink != st.st_nlink)
		wrong = "nlink";
	else if (attr->size != (uint64_t)st.st_size)
		wrong = "size";
	else if (attr->blocks != (uint64_t)st.st_blocks)
		wrong = "blocks";
	else if (attr->blksize != (uint64_t)st.st_blksize)
		wrong = "blksize";
	/* As new_encode_dev() in Linux has it, good for 32 bits. */
	else if (attr->rdev != ((minor(st.st_rdev) & 0xff) |
	    major(st.st_rdev) << 8 | (minor(st.st_rdev) & ~0xffu) << 12))
		wrong = "rdev";
	else if (!same_time(attr->atime, attr->atimensec, &st.st_atim))
		wrong = "atime";
	else if (!same_time(attr->mtime, attr->mtimensec, &st.st_mtim))
		wrong = "mtime";
	else if (!same_time(attr->ctime, attr->ctimensec, &st.st_ctim))
		wrong = "ctime";
	tap_ok(wrong == NULL, "attributes of %s are the host's", name);
	if (wrong != NULL)
		tap_diag("%s differs", wrong);
	return wrong == NULL;
}

/* Returns the server's status.  What it says of a failure is shown. */
static int
env_stop_server(struct virtiofs_env *e, int show)
{
	int status = server_stop(&e->srv);

	if (show || status != 0) {
		tap_diag("server's status %d, log:", status);
		tap_diag("%s", server_log_text(e->srv.log_fd));
	}
	return status;
}

static void __attribute__((noreturn))
env_bail(struct virtiofs_env *e, const char *what, const char *why)
{
	/* What it says is often said at its end. */
	env_stop_server(e, 1);
	tap_bail("%s: %s", what, why);
}

int
virtiofs_env_start(struct virtiofs_env *e, const struct fixture_share *share,
    const struct virtiofs_options *o)
{
	struct virtiofs_server_options *s = &e->options.server;
	struct fuse_init_options init = o->init;
	static unsigned int count;
	char path[96];
	int result;

	*e = (struct virtiofs_env){ .share = share, .options = *o,
	    .kind = virtiofs_kind_from_env(), .dir = FUSE_ROOT_ID };
	snprintf(path, sizeof(path), "%s/s%u", base, count++);
	s->kind = e->kind;
	s->share = share->dir;
	s->socket_path = path;
	result = virtiofs_server_start(&e->srv, s);
	if (result != 0)
		env_bail(e, "the server does not start", strerror(-result));
	result = vhost_front_setup(&e->front, e->srv.fd, &o->front);
	/* The front-end has it now, and has closed it if it failed. */
	e->srv.fd = -1;
	if (result == -EOPNOTSUPP) {
		server_stop(&e->srv);
		server_close_log(&e->srv);
		return result;
	}
	if (result != 0)
		env_bail(e, "vhost-user", vhost_error_name(result));
	fuse_client_init(&e->c, &e->front, 1, o->depth);
	e->c.layout = o->layout;
	if (init.flags == 0)
		init.flags = fuse_default_init_flags();
	if (!o->no_init) {
		result = fuse_init(&e->c, &init);
		if (result != 0) {
			vhost_front_close(&e->front);
			env_bail(e, "INIT", fuse_result_name(result));
		}
	}
	return 0;
}

int
virtiofs_env_stop(struct virtiofs_env *e)
{
	int status;

	fuse_client_free(&e->c);
	vhost_front_close(&e->front);
	status = env_stop_server(e, 0);
	server_close_log(&e->srv);
	return status;
}

static void (*main_body)(struct fixture *);

static void
suite_set_up(struct fixture *f)
{
	static char dir[80], link[96];

	snprintf(dir, sizeof(dir), "%s/run", f->base);
	snprintf(link, sizeof(link), "%s/virtiofsd", dir);
	host_mkdir(dir, 0755, 0, 0);
	host_symlink(server_program(SERVER_PRIVFSD), link);
	setenv("PRIVFSD_VIRTIOFSD", link, 1);
	base = dir;
	main_body(f);
}

int
virtiofs_main(void (*body)(struct fixture *), unsigned int limit_s)
{
	main_body = body;
	return fixture_main(suite_set_up, limit_s);
}

/* One way to run all the tests of a suite. */
struct variant {
	const char		*name;
	enum fuse_layout	layout;
	int			packed, odd;
};

static void
suite_options(struct virtiofs_options *o, const struct variant *v)
{
	*o = suite->options;
	if (v == NULL)
		return;
	o->layout = v->layout;
	o->front.packed = v->packed;
	o->front.odd_regions = v->odd;
	o->front.regions = v->odd ? 5 : 1;
	/* Cut in pieces, a request needs descriptors. */
	o->front.queue_size = v->odd ? 512 : 128;
}

/* The server must go on working; if it does not, the next tests get one. */
static void
suite_check_alive(struct virtiofs_env *e, const struct virtiofs_options *o)
{
	struct fuse_attr_out attr;
	int result = fuse_getattr(&e->c, FUSE_ROOT_ID, &attr);

	if (is_reply(result, 0, "the server still works"))
		return;
	tap_diag("log of the server:");
	tap_diag("%s", server_log_text(e->srv.log_fd));
	kill(e->srv.pid, SIGKILL);
	virtiofs_env_stop(e);
	virtiofs_env_start(e, e->share, o);
}

static void
suite_run(struct virtiofs_env *e, const char *how,
    const struct virtiofs_test *t, const struct virtiofs_options *o)
{
	static char name[64];
	static unsigned int count;

	tap_context("%s%s: ", how, t->name);
	snprintf(name, sizeof(name), "%s-%u", t->name, count++);
	e->test = name;
	host_mkdir(host_path(e, ""), 0755, 0, 0);
	e->dir = node_in(e, FUSE_ROOT_ID, name);
	/* Tests change these. */
	e->c.uid = e->c.gid = e->c.umask = 0;
	e->c.layout = o->layout;
	t->run(e);
	suite_check_alive(e, o);
}

static void
suite_share(const struct fixture_share *share, const struct variant *v)
{
	unsigned int failures = tap_failures();
	struct virtiofs_options o;
	struct virtiofs_env e;
	char how[96];

	snprintf(how, sizeof(how), "%s %s: ", share->fs,
	    v != NULL ? v->name : "");
	tap_context("%s", how);
	if (share->missing != NULL) {
		tap_skip("%s", share->missing);
		return;
	}
	suite_options(&o, v);
	if (virtiofs_env_start(&e, share, &o) != 0) {
		tap_skip("the server does not offer it");
		return;
	}
	for (size_t i = 0; i < suite->count; i++)
		suite_run(&e, how, &suite->tests[i], &o);
	tap_context("%s", how);
	tap_ok(canary_check(share) == 0, "nothing outside was touched");
	if (tap_failures() != failures) {
		tap_diag("log of the server:");
		tap_diag("%s", server_log_text(e.srv.log_fd));
	}
	tap_is_int(virtiofs_env_stop(&e), 0, "exit status after the end");
}

static void
suite_body(struct fixture *f)
{
	static const struct variant variant[] = {
		{ "split", FUSE_LAYOUT_LINUX, 0, 0 },
		{ "split odd", FUSE_LAYOUT_ODD, 0, 1 },
		{ "packed odd", FUSE_LAYOUT_ODD, 1, 1 },
	};

	for (size_t i = 0; i < (suite->tmpfs_only ? 1u : 2u); i++) {
		if (f->share[i].missing == NULL)
			canary_plant(&f->share[i]);
		if (suite->once) {
			suite_share(&f->share[i], NULL);
			continue;
		}
		for (size_t k = 0; k < 3; k++)
			suite_share(&f->share[i], &variant[k]);
	}
	tap_context("%s", "");
}

int
virtiofs_suite_main(const struct virtiofs_suite *s)
{
	suite = s;
	return virtiofs_main(suite_body, s->limit_s != 0 ? s->limit_s : 120);
}
