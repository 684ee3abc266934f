/* SPDX-License-Identifier: ISC */
/*
 * Comparing two trees: the mount's and the host's. Test code.
 */
#include "tree.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

#define TOLD	20

struct comparison {
	size_t	differences;
	int	flags;
};

static void
tree_differ(struct comparison *c, const char *path, const char *what)
{
	if (c->differences++ < TOLD)
		tap_diag("%s: %s differs", path, what);
}

static int
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static const char *
tree_stat_difference(const struct stat *a, const struct stat *b, int flags)
{
	if (a->st_ino != b->st_ino)
		return "ino";
	if (a->st_mode != b->st_mode)
		return "mode";
	if (a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		return "owner";
	if (a->st_nlink != b->st_nlink)
		return "nlink";
	if (a->st_size != b->st_size)
		return "size";
	if (a->st_rdev != b->st_rdev)
		return "rdev";
	if (!(flags & TREE_TIMES))
		return NULL;
	if (!same_time(&a->st_mtim, &b->st_mtim))
		return "mtime";
	if (!same_time(&a->st_ctim, &b->st_ctim))
		return "ctime";
	return NULL;
}

static int
tree_same_link(const char *a, const char *b)
{
	static char x[PATH_MAX], y[PATH_MAX];
	ssize_t n = readlink(a, x, sizeof(x)), m = readlink(b, y, sizeof(y));

	return n >= 0 && n == m && memcmp(x, y, (size_t)n) == 0;
}

static int
tree_same_content(const char *a, const char *b)
{
	static char x[65536], y[65536];
	int f = open(a, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int g = open(b, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = -1, m = -1;

	while (f >= 0 && g >= 0) {
		n = read(f, x, sizeof(x));
		m = read(g, y, sizeof(y));
		if (n != m || n <= 0 || memcmp(x, y, (size_t)n) != 0)
			break;
	}
	if (f >= 0)
		close(f);
	if (g >= 0)
		close(g);
	return n == 0 && m == 0;
}

static size_t	tree_list(struct comparison *c, const char *a,
		    const char *b);

static void
tree_entry(struct comparison *c, const char *a, const char *b)
{
	struct stat x, y;
	const char *what;

	if (lstat(a, &x) != 0 || lstat(b, &y) != 0) {
		tree_differ(c, a, "being there");
		return;
	}
	what = tree_stat_difference(&x, &y, c->flags);
	if (what != NULL)
		tree_differ(c, a, what);
	if (S_ISLNK(x.st_mode) && !tree_same_link(a, b))
		tree_differ(c, a, "target");
	if (S_ISREG(x.st_mode) && c->flags & TREE_CONTENT &&
	    !tree_same_content(a, b))
		tree_differ(c, a, "content");
	if (S_ISDIR(x.st_mode) && S_ISDIR(y.st_mode))
		tree_list(c, a, b);
}

static size_t
tree_count(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	while (dir != NULL && readdir(dir) != NULL)
		n++;
	if (dir != NULL)
		closedir(dir);
	return n;
}

static size_t
tree_list(struct comparison *c, const char *a, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX];
	struct dirent *e;
	size_t n = 0;
	DIR *dir = opendir(a);

	if (dir == NULL) {
		tree_differ(c, a, "opendir");
		return 0;
	}
	while ((e = readdir(dir)) != NULL) {
		n++;
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		if (snprintf(x, sizeof(x), "%s/%s", a, e->d_name) >= PATH_MAX ||
		    snprintf(y, sizeof(y), "%s/%s", b, e->d_name) >= PATH_MAX)
			tree_differ(c, a, "length");
		else
			tree_entry(c, x, y);
	}
	closedir(dir);
	if (n != tree_count(b))
		tree_differ(c, a, "the number of names");
	return n;
}

size_t
tree_compare(const char *a, const char *b, int flags)
{
	struct comparison c = { .flags = flags };

	tree_entry(&c, a, b);
	return c.differences;
}
