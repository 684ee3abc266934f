/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs through the Linux client: one file is one inode there, also where
 * the host's file system copies it up when it is first changed. What hangs on
 * the inode shows it: locks, the pages of two programs that write, mounts, the
 * number of links.
 */
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "ground.h"
#include "virtiofs_suite.h"

static char mount_point[96];

/* A path in the mounted share's tree, from a ring of 8 buffers. */
static const char *
in_tree(const char *name)
{
	static char ring[8][128];
	static unsigned int next;
	char *out = ring[next++ % 8];

	snprintf(out, sizeof(ring[0]), "%s/tree/%s", mount_point, name);
	return out;
}

static int
open_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		tap_bail("open %s: %s", path, strerror(errno));
	return fd;
}

/* Whether another process can lock the file: its exit status. */
static void __attribute__((noreturn))
lock_it(const char *path)
{
	const struct flock lock = { .l_type = F_WRLCK };
	int fd = open(path, O_RDWR | O_CLOEXEC), got = 0;

	if (fd < 0)
		_exit(100);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		got |= 1;
	if (fcntl(fd, F_SETLK, &lock) == 0)
		got |= 2;
	_exit(got);
}

static int
locked_by_another(const char *path)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		lock_it(path);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		tap_bail("fork");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The first one's open is what copies the file up. */
static void
test_locks(const char *name)
{
	const struct flock lock = { .l_type = F_WRLCK };
	int fd = open_file(in_tree(name));

	tap_ok(flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    fcntl(fd, F_SETLK, &lock) == 0, "%s is locked", name);
	tap_is_int(locked_by_another(in_tree(name)), 0,
	    "%s: nobody else gets a lock", name);
	close(fd);
	tap_is_int(locked_by_another(in_tree(name)), 3,
	    "%s: before it is closed", name);
}

static void
test_writers(const struct ground *g)
{
	char host[224];
	int first = open_file(in_tree("once")), second;
	int written = pwrite(first, "ONCE", 4, 0) == 4;

	second = open_file(in_tree("once"));
	written = written && pwrite(second, "MORE", 4, 4) == 4;
	/* The last one's page has the first four bytes too. */
	tap_ok(written && close(first) == 0 && close(second) == 0,
	    "two write");
	snprintf(host, sizeof(host), "%s/tree/once", g->share.dir);
	tap_is_str(host_read(host), "ONCEMORE", "the host has what both wrote");
	tap_is_str(host_read(in_tree("once")), "ONCEMORE", "as has the mount");
}

static void
test_mounts(const struct ground *g)
{
	struct stat want, st = { .st_ino = 0 };

	host_lstat(g->base, &want);
	if (mount(g->base, in_tree("dir"), NULL, MS_BIND, NULL) != 0)
		tap_bail("bind mount: %s", strerror(errno));
	host_write(in_tree("new"), "", 0644, 0, 0);
	tap_ok(stat(in_tree("dir"), &st) == 0 && st.st_dev == want.st_dev &&
	    st.st_ino == want.st_ino, "a mount stays when a file is made "
	    "in the directory");
	tap_ok(umount2(in_tree("dir"), UMOUNT_NOFOLLOW) == 0,
	    "and can be unmounted");
	tap_ok(stat(in_tree("dir/inside"), &st) == 0, "what was below it");
}

static void
test_links(void)
{
	int fd = open(in_tree("link-me"), O_RDONLY | O_CLOEXEC);
	struct stat by_fd, by_name;

	if (fd < 0)
		tap_bail("open");
	if (link(in_tree("link-me"), in_tree("linked")) != 0)
		tap_bail("link: %s", strerror(errno));
	tap_ok(fstat(fd, &by_fd) == 0 && stat(in_tree("linked"),
	    &by_name) == 0 && by_fd.st_ino == by_name.st_ino,
	    "a link is the same file");
	tap_is_int((long long)by_fd.st_nlink, 2, "two links, by descriptor");
	tap_is_int((long long)by_name.st_nlink, 2, "two links, by name");
	if (unlink(in_tree("linked")) != 0 || fstat(fd, &by_fd) != 0)
		tap_bail("unlink");
	tap_is_int((long long)by_fd.st_nlink, 1, "one link left");
	close(fd);
}

/* Names are looked up each time, or what is known of the inode is kept. */
static const struct variant {
	const char	*cache;
	int		writeback;
	const char	*timeout;
} variants[] = {
	{ .cache = "auto", .timeout = "--timeout=0" },
	{ .cache = "auto", .writeback = 1, .timeout = "--timeout=0" },
	{ .cache = "always", .writeback = 1 },
};

static void
run_variant(const struct fixture *f, const struct ground_kind *kind,
    const struct variant *v)
{
	const char *const extra[] = { v->timeout, NULL };
	struct bridge_options o = { .server = {
	    .kind = virtiofs_kind_from_env(), .cache = v->cache,
	    .writeback = v->writeback }, .mount_point = mount_point };
	char socket[128];
	struct bridge b;
	struct ground g;

	tap_context("%s, cache=%s%s: ", kind->name, v->cache, v->writeback ?
	    ", writeback" : "");
	ground_make(&g, f, kind);
	if (g.share.missing != NULL) {
		tap_skip("%s", g.share.missing);
		return;
	}
	snprintf(socket, sizeof(socket), "%s/socket", g.base);
	o.server.share = g.share.dir;
	o.server.socket_path = socket;
	if (o.server.kind == VIRTIOFS_PRIVFSD)
		o.server.extra = extra;
	if (bridge_start(&b, &o) != 0)
		tap_bail("no mount");
	/* Copies the directory up, as any change within it does. */
	test_mounts(&g);
	test_locks("file");
	/* See copied-up-name in virtiofs_suite.c. */
	if (o.server.kind != VIRTIOFS_C)
		test_locks("hard-1");
	test_writers(&g);
	test_links();
	tap_is_int(bridge_stop(&b, NULL), 0, "a clean end");
}

static void
body(struct fixture *f)
{
	snprintf(mount_point, sizeof(mount_point), "%s/mount", f->base);
	host_mkdir(mount_point, 0755, 0, 0);
	for (size_t i = 0; i < ground_kinds_count; i++)
		for (size_t j = 0; j < sizeof(variants) / sizeof(variants[0]);
		    j++)
			run_variant(f, &ground_kinds[i], &variants[j]);
}

int
main(void)
{
	return virtiofs_main(body, 300);
}
