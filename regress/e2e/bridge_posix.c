/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs through the Linux client: POSIX conformance. The cases run on the
 * share itself with NATIVE=1, to show that they are right, and through
 * the bridge otherwise; after each, the mount shows what the host has.
 */
#include <sys/mount.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "posix.h"
#include "procs.h"
#include "tree.h"
#include "virtiofs_suite.h"

static const struct posix_case *const groups[] = {
	posix_path_cases, posix_open_cases, posix_make_cases,
	posix_remove_cases, posix_rename_cases, posix_attr_cases,
	posix_owner_cases, posix_size_cases,
};
static const char *const group_names[] = { "path", "open", "make", "remove",
	"rename", "attr", "owner", "size" };
#define GROUPS	(sizeof(groups) / sizeof(groups[0]))

/* How the share is mounted. */
struct variant {
	const char	*cache;
	unsigned int	share;		/* 0: tmpfs, 1: ext4 */
	int		packed;
	unsigned int	queues;
	int		writeback;
};

static const struct variant variants[] = {
	{ .cache = "auto", .share = 0 },
	{ .cache = "none", .share = 1, .packed = 1 },
	{ .cache = "always", .share = 1, .queues = 2 },
	{ .cache = "always", .share = 0, .writeback = 1 },
};

struct ground {
	struct posix	posix;
	const char	*root;		/* where the cases run */
	const char	*host;		/* the same on the host */
	const char	*how;
};

static void
run_case(const struct ground *g, const char *group,
    const struct posix_case *c)
{
	static unsigned int count;
	char path[256], host[256];

	tap_context("%s: %s, %s: ", g->how, group, c->name);
	snprintf(path, sizeof(path), "%s/case%u", g->root, count);
	snprintf(host, sizeof(host), "%s/case%u", g->host, count++);
	make_dir(path, 0755, 0, 0);
	if (chdir(path) != 0)
		tap_bail("%s", path);
	c->run(&g->posix);
	/* The client keeps data and times back; the times never arrive all. */
	if (g->posix.writeback)
		sync();
	if (!g->posix.native)
		tap_is_int((long long)tree_compare(path, host, TREE_CONTENT |
		    (g->posix.writeback ? 0 : TREE_TIMES)), 0,
		    "the host has the same tree");
	if (chdir("/") != 0)
		tap_bail("/");
}

static void
run_cases(const struct ground *g)
{
	const char *only = getenv("POSIX_GROUP");

	for (size_t i = 0; i < GROUPS; i++) {
		if (only != NULL && strcmp(only, group_names[i]) != 0)
			continue;
		for (const struct posix_case *c = groups[i]; c->name != NULL;
		    c++)
			run_case(g, group_names[i], c);
	}
}

static const char *
fixture_path(const struct fixture *f, const char *name, int make)
{
	static char ring[32][160];
	static unsigned int next;
	char *path = ring[next++ % 32];

	snprintf(path, sizeof(ring[0]), "%s/%s", f->base, name);
	if (make && !host_exists(path))
		host_mkdir(path, 0755, 0, 0);
	return path;
}

/* Device nodes are made on request only. */
static const char *const *
server_extra(void)
{
	static const char *const native[] = { "--modcaps=+mknod", NULL };
	static const char *const dropin[] = { "-o", "modcaps=+mknod", NULL };

	switch (virtiofs_kind_from_env()) {
	case VIRTIOFS_PRIVFSD:
		return native;
	case VIRTIOFS_DROPIN:
		return dropin;
	case VIRTIOFS_C:
	case VIRTIOFS_RUST:
	default:
		return NULL;
	}
}

/* Servers without packed rings or several queues are still worth a look. */
static void
mount_share(const struct fixture *f, struct bridge *b, const char *share,
    const struct variant *v, int readonly)
{
	struct bridge_options o = { .server = {
	    .kind = virtiofs_kind_from_env(), .share = share,
	    .socket_path = fixture_path(f, "socket", 0), .cache = v->cache,
	    .readonly = readonly, .writeback = v->writeback,
	    .extra = server_extra() },
	    .mount_point = fixture_path(f, "mount", 1),
	    .front = { .packed = v->packed, .request_queues = v->queues } };

	if (bridge_start(b, &o) == 0)
		return;
	tap_skip("this server has no packed rings, or one queue only");
	o.front.packed = 0;
	o.front.request_queues = 1;
	if (bridge_start(b, &o) != 0)
		tap_bail("no mount");
}

static void
run_bridged(const struct fixture *f, const struct variant *v)
{
	const struct fixture_share *share = &f->share[v->share];
	struct ground g = { .posix = { .fs = share->fs,
	    .kind = virtiofs_kind_from_env(), .writeback = v->writeback,
	    .uncached = strcmp(v->cache, "none") == 0,
	    .other = fixture_path(f, "other", 0) }, .host = share->dir };
	struct bridge b;
	char how[64];

	snprintf(how, sizeof(how), "%s, cache=%s%s%s", share->fs, v->cache,
	    v->writeback ? ", writeback" : "", v->packed ? ", packed" : "");
	tap_context("%s: ", how);
	if (share->missing != NULL) {
		tap_skip("%s", share->missing);
		return;
	}
	mount_share(f, &b, share->dir, v, 0);
	g.how = how;
	g.root = b.mount_point;
	run_cases(&g);
	tap_context("%s: ", how);
	tap_is_int(bridge_stop(&b, NULL), 0, "a clean end");
}

static void
run_native(const struct fixture *f)
{
	struct ground g = { .posix = { .native = 1,
	    .other = fixture_path(f, "other", 0) } };

	for (size_t i = 0; i < 2; i++) {
		if (f->share[i].missing != NULL)
			continue;
		g.how = g.posix.fs = f->share[i].fs;
		g.root = g.host = f->share[i].dir;
		run_cases(&g);
	}
}

/* A share that cannot be written: by option, and by its own mount. */
static void
run_read_only(const struct fixture *f, int by_option)
{
	static const struct variant v = { .cache = "auto" };
	const char *host = fixture_path(f, "read-only", 1);
	struct ground g = { .posix = { .native = getenv("NATIVE") != NULL,
	    .kind = virtiofs_kind_from_env() } };
	struct bridge b = { .pid = -1 };

	tap_context("read-only %s: ", by_option ? "by option" : "by mount");
	if (by_option && (g.posix.native ||
	    !virtiofs_has_readonly(virtiofs_kind_from_env())))
		return;
	make_content(fixture_path(f, "read-only/file", 0), "content");
	make_dir(fixture_path(f, "read-only/dir", 0), 0755, 0, 0);
	make_file(fixture_path(f, "read-only/source", 0), 0644, 0, 0);
	WORKS(symlink("file", fixture_path(f, "read-only/link", 0)));
	if (!by_option && (mount(host, host, NULL, MS_BIND, NULL) != 0 ||
	    mount(NULL, host, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL)))
		tap_bail("bind %s", host);
	if (!g.posix.native)
		mount_share(f, &b, host, &v, by_option);
	if (chdir(g.posix.native ? host : b.mount_point) != 0)
		tap_bail("chdir");
	posix_read_only_cases[0].run(&g.posix);
	if (chdir("/") != 0)
		tap_bail("/");
	if (!g.posix.native)
		tap_is_int(bridge_stop(&b, NULL), 0, "a clean end");
	if (!by_option)
		WORKS(umount(host));
	WORKS(unlink(fixture_path(f, "read-only/link", 0)));
	WORKS(unlink(fixture_path(f, "read-only/file", 0)));
	WORKS(unlink(fixture_path(f, "read-only/source", 0)));
	WORKS(rmdir(fixture_path(f, "read-only/dir", 0)));
	WORKS(rmdir(host));
}

static void
body(struct fixture *f)
{
	const char *variant = getenv("POSIX_VARIANT");

	if (mount("tmpfs", fixture_path(f, "other", 1), "tmpfs", 0,
	    "mode=0777") != 0)
		tap_bail("another file system");
	run_read_only(f, 0);
	run_read_only(f, 1);
	if (getenv("NATIVE") != NULL) {
		run_native(f);
		return;
	}
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		if (variant == NULL || (size_t)atoi(variant) == i)
			run_bridged(f, &variants[i]);
}

int
main(void)
{
	return virtiofs_main(body, 300);
}
