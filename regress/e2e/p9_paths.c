/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: how a path is resolved. Slashes, dots, "..", the longest paths,
 * and that no request follows a symbolic link in any component.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9_samples.h"
#include "p9_suite.h"
#include "watch.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static void
is_path(struct p9_env *e, const char *path, const char *on_host)
{
	struct p9_stat got;
	struct stat want;

	host_lstat(on_host, &want);
	if (is_result(p9_lstat(&e->c, path, &got), 0, "%.60s", path))
		tap_ok(got.ino == want.st_ino && got.dev == want.st_dev,
		    "is the right file");
}

static void
test_slashes(struct p9_env *e)
{
	static const char *const same[] = { "/slashes/a/file",
	    "//slashes/a/file", "////slashes///a//////file",
	    "//slashes/./a/././file", "//slashes/a/../a/file",
	    "//slashes/a/b/../file", "//slashes/a/b/../../a/file",
	    "//../slashes/a/file", "//../../..//slashes/a/../../slashes/a/file",
	    "//slashes/a/b/..//file" };

	host_mkdir(host(e, "a"), 0700, 1000, 1000);
	host_mkdir(host(e, "a/b"), 0700, 1000, 1000);
	host_write(host(e, "a/file"), "x", 0600, 1000, 1000);
	for (size_t i = 0; i < COUNT(same); i++)
		is_path(e, same[i], host(e, "a/file"));
	is_path(e, "//slashes/a/", host(e, "a"));
	is_path(e, "//slashes/a/.", host(e, "a"));
	is_path(e, "//slashes/a/b/..", host(e, "a"));
	is_path(e, "//slashes/a/b/../..", host(e, ""));
}

static void
test_root(struct p9_env *e)
{
	static const char *const root[] = { "/", "//", "////", "/.", "//..",
	    "//../..", "/../../../../../../..", "//root/..",
	    "//root/../..", "//root/../../../.", "//./../." };
	char sneaky[256];
	struct p9_stat st;

	for (size_t i = 0; i < COUNT(root); i++)
		is_path(e, root[i], e->share->dir);
	snprintf(sneaky, sizeof(sneaky), "//root/../../%s/canary/file",
	    strrchr(e->share->outside, '/') + 1);
	is_result(p9_lstat(&e->c, sneaky, &st), -ENOENT,
	    "what lies beside the share");
	snprintf(sneaky, sizeof(sneaky), "//../../../../../..%s/canary/file",
	    e->share->outside);
	is_result(p9_lstat(&e->c, sneaky, &st), -ENOENT,
	    "the same from the host's root");
	is_result(p9_lstat(&e->c, "//..//etc/passwd", &st), -ENOENT,
	    "/etc/passwd");
	is_result(p9_lstat(&e->c, "/proc/self/status", &st), -ENOENT,
	    "/proc");
}

static void
test_dotdot_errors(struct p9_env *e)
{
	struct p9_stat st;

	host_write(host(e, "file"), "x", 0600, 0, 0);
	is_result(p9_lstat(&e->c, guest(e, "missing/.."), &st), -ENOENT,
	    ".. of what is not there");
	is_result(p9_lstat(&e->c, guest(e, "missing/../file"), &st), -ENOENT,
	    ".. of what is not there, in the middle");
	is_result(p9_lstat(&e->c, guest(e, "file/.."), &st), -ENOTDIR,
	    ".. of a file");
	is_result(p9_lstat(&e->c, guest(e, "file/../file"), &st), -ENOTDIR,
	    ".. of a file, in the middle");
	is_result(p9_lstat(&e->c, guest(e, "file/."), &st), -ENOTDIR,
	    "a file with a dot behind it");
	is_result(p9_lstat(&e->c, guest(e, "file/"), &st), -ENOTDIR,
	    "a file with a slash behind it");
	is_error(p9_lstat(&e->c, "", &st), "an empty path");
}

/* As QEMU sends it after a rename: a request of each type through "..". */
static void
test_dotdot_all(struct p9_env *e)
{
	char path[128], other[128];
	struct p9_msg m;

	host_mkdir(host(e, "a"), 0755, 0, 0);
	host_mkdir(host(e, "a/b"), 0755, 0, 0);
	for (uint32_t t = P9_SAMPLE_FIRST; t < P9_SAMPLE_END; t++) {
		int makes = t == P9_CREATE || t == P9_MKNOD ||
		    t == P9_MKDIR || t == P9_SYMLINK;
		int error;

		snprintf(path, sizeof(path), "//dotdot-all/a/b/../../f%u", t);
		snprintf(other, sizeof(other), "//dotdot-all/a/../o%u", t);
		if (t == P9_READLINK)
			host_symlink("x", host(e, strrchr(path, '/') + 1));
		else if (!makes)
			host_write(host(e, strrchr(path, '/') + 1), "x", 0600,
			    0, 0);
		p9_sample(&m, t, path, other);
		error = p9_exchange(&e->c, &m);
		if (t == P9_LGETXATTR || t == P9_LREMOVEXATTR)
			is_result(error, -ENODATA, "%s", p9_type_name(t));
		else if (t == P9_GETVERSION)
			is_answer(error, "%s", p9_type_name(t));
		else
			is_result(error, 0, "%s", p9_type_name(t));
		if (makes)
			tap_ok(host_exists(host(e, strrchr(path, '/') + 1)),
			    "%s made it", p9_type_name(t));
	}
}

/*
 * A path of exactly so many bytes, of long names that exist and "./" to fill
 * it up. Returns allocated memory.
 */
static char *
long_path(const char *start, size_t length, const char *last)
{
	char *path = malloc(length + 1);
	size_t n = strlen(start), end = length - strlen(last) - 1;

	if (path == NULL)
		tap_bail("malloc");
	memcpy(path, start, n);
	while (n + 2 <= end) {
		memcpy(path + n, "/.", 2);
		n += 2;
	}
	/* One more slash where the number is odd. */
	while (n < end)
		path[n++] = '/';
	path[n++] = '/';
	strcpy(path + n, last);
	return path;
}

static void
test_longest(struct p9_env *e)
{
	static const size_t too_long[] = { 4096, 4097, 5000, 8192, 65000 };
	char start[64], *path, *other;
	struct p9_msg m;

	snprintf(start, sizeof(start), "%s", guest(e, ""));
	host_write(host(e, "file"), "x", 0600, 0, 0);
	path = long_path(start, 4095, "file");
	is_path(e, path, host(e, "file"));
	free(path);
	path = long_path(start, 4095, "new");
	is_result(p9_mkdir(&e->c, path, 0755, 1, 1), 0,
	    "mkdir by a path of 4095 bytes");
	other = long_path(start, 4095, "moved");
	is_result(p9_rename(&e->c, path, other), 0,
	    "rename from and to one of 4095 bytes");
	is_result(p9_remove(&e->c, other), 0, "remove by such a path");
	free(path);
	free(other);
	for (size_t i = 0; i < COUNT(too_long); i++) {
		path = long_path(start, too_long[i], "file");
		for (uint32_t t = P9_SAMPLE_FIRST; t < P9_SAMPLE_END; t++) {
			p9_sample(&m, t, path, "//other");
			/* The helper asks nobody on tmpfs. */
			if (t == P9_GETVERSION && differs(e, "D14"))
				continue;
			is_result(p9_exchange(&e->c, &m), -ENAMETOOLONG,
			    "%s by a path of %zu bytes", p9_type_name(t),
			    too_long[i]);
		}
		free(path);
	}
}

/* A tree as deep as PATH_MAX allows, of names of 255 bytes. */
static void
test_deep(struct p9_env *e)
{
	char name[256], path[PATH_MAX];
	struct p9_stat st;
	int fd, error = 0;
	size_t n;

	memset(name, 'd', 255);
	name[255] = '\0';
	n = (size_t)snprintf(path, sizeof(path), "%s", guest(e, ""));
	while (n + 256 < sizeof(path) && error == 0) {
		path[n] = '/';
		memcpy(path + n + 1, name, sizeof(name));
		n += 256;
		error = p9_mkdir(&e->c, path, 0755, 0, 0);
	}
	is_result(error, 0, "directories down to %zu bytes", n);
	/* What is left of 4095 bytes is the last name. */
	memset(path + n, 'f', sizeof(path) - n);
	path[n] = '/';
	path[4095] = '\0';
	is_result(p9_create(&e->c, path, O_CREAT | O_EXCL | O_RDWR, 0600, 0,
	    0, &fd), 0, "create a file by a path of %zu bytes",
	    strlen(path));
	if (fd >= 0)
		close(fd);
	is_result(p9_lstat(&e->c, path, &st), 0, "lstat");
	is_result(p9_remove(&e->c, path), 0, "remove it");
	for (path[n] = '\0'; strlen(path) > 255 && error == 0;
	    *strrchr(path, '/') = '\0')
		error = p9_remove(&e->c, path);
	is_result(error, 0, "remove the directories");
}

/* Every request on a link as last component, and through one. */
static void
test_links_all(struct p9_env *e)
{
	static const char *const through[] = { "dlink/file",
	    "dlink/../links-all/d/file", "alink/file", "d/up/d/file",
	    "loop/file", "dangling/file", "dlink/." };
	char path[128], other[128];
	struct stat before, after;
	struct p9_msg m;
	struct watch w;

	host_mkdir(host(e, "d"), 0755, 0, 0);
	host_write(host(e, "d/file"), "content", 0600, 0, 0);
	host_symlink("d", host(e, "dlink"));
	host_symlink("/links-all/d", host(e, "alink"));
	host_symlink("..", host(e, "d/up"));
	host_symlink("loop", host(e, "loop"));
	host_symlink("missing", host(e, "dangling"));
	if (differs(e, "D10"))
		return;
	host_lstat(host(e, "d"), &before);
	watch_start(&w, host(e, "d/file"));
	for (uint32_t t = P9_SAMPLE_FIRST; t < P9_SAMPLE_END; t++)
		for (size_t i = 0; i < COUNT(through); i++) {
			snprintf(path, sizeof(path), "//links-all/%s",
			    through[i]);
			p9_sample(&m, t, path, guest(e, "other"));
			/* A last name of "." may be refused as such, or
			 * be taken for the link itself. */
			if (i == COUNT(through) - 1)
				is_answer(p9_exchange(&e->c, &m), "%s of %s",
				    p9_type_name(t), through[i]);
			else
				is_result(p9_exchange(&e->c, &m), -ELOOP,
				    "%s of %s", p9_type_name(t), through[i]);
		}
	host_write(host(e, "file"), "x", 0600, 0, 0);
	for (size_t i = 0; i < COUNT(through); i++) {
		snprintf(other, sizeof(other), "//links-all/%s-new",
		    through[i]);
		is_result(p9_rename(&e->c, guest(e, "file"), other), -ELOOP,
		    "rename to %s-new", through[i]);
		is_result(p9_link(&e->c, guest(e, "file"), other), -ELOOP,
		    "link to %s-new", through[i]);
	}
	tap_ok(!watch_end(&w), "the file behind them was not opened");
	host_lstat(host(e, "d"), &after);
	tap_ok(memcmp(&before.st_ctim, &after.st_ctim,
	    sizeof(after.st_ctim)) == 0, "nor its directory changed");
	tap_ok(!host_exists(host(e, "other")), "nothing was made");
}

static const struct p9_test tests[] = {
	{ "slashes", test_slashes },
	{ "root", test_root },
	{ "dotdot-errors", test_dotdot_errors },
	{ "dotdot-all", test_dotdot_all },
	{ "longest", test_longest },
	{ "deep", test_deep },
	{ "links-all", test_links_all },
};

int
main(void)
{
	static const struct p9_suite suite = { .tests = tests,
	    .count = COUNT(tests) };

	return p9_suite_main(&suite);
}
