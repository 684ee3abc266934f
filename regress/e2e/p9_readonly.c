/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy with --readonly: whatever would change the share is EROFS, and all
 * that reads works.
 */
#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "p9_samples.h"
#include "p9_suite.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static void
test_writes(struct p9_env *e)
{
	struct stat before, after, dir_before, dir_after;
	struct p9_msg m;

	host_write(host(e, "file"), "content", 0600, 7, 8);
	setxattr(host(e, "file"), "user.sample", "old", 3, 0);
	host_lstat(host(e, "file"), &before);
	host_lstat(host(e, ""), &dir_before);
	for (uint32_t t = P9_SAMPLE_FIRST; t < P9_SAMPLE_END; t++) {
		int makes = t == P9_CREATE || t == P9_MKNOD ||
		    t == P9_MKDIR || t == P9_SYMLINK;

		if (!p9_sample_writes(t))
			continue;
		p9_sample(&m, t, guest(e, makes ? "new" : "file"),
		    guest(e, "other"));
		is_result(p9_exchange(&e->c, &m), -EROFS, "%s",
		    p9_type_name(t));
	}
	host_lstat(host(e, "file"), &after);
	host_lstat(host(e, ""), &dir_after);
	tap_ok(memcmp(&before.st_ctim, &after.st_ctim,
	    sizeof(after.st_ctim)) == 0 && after.st_size == 7,
	    "the file is as it was");
	tap_ok(memcmp(&dir_before.st_ctim, &dir_after.st_ctim,
	    sizeof(after.st_ctim)) == 0, "the directory too");
}

static void
test_open(struct p9_env *e)
{
	static const struct {
		uint32_t	flags;
		int		want;
	} row[] = {
		{ O_RDONLY, 0 }, { O_RDONLY | O_NOFOLLOW, 0 },
		{ O_RDONLY | O_APPEND, 0 },
		{ O_WRONLY, -EROFS }, { O_RDWR, -EROFS },
		{ O_WRONLY | O_APPEND, -EROFS }, { O_RDWR | O_TRUNC, -EROFS },
		{ O_RDONLY | O_TRUNC, -EROFS },
	};
	char content[16];
	int fd;

	host_write(host(e, "file"), "content", 0600, 7, 8);
	for (size_t i = 0; i < COUNT(row); i++) {
		is_result(p9_open(&e->c, guest(e, "file"), row[i].flags,
		    &fd), row[i].want, "open with flags %#o", row[i].flags);
		if (fd < 0)
			continue;
		tap_is_int(read(fd, content, sizeof(content)), 7, "read it");
		tap_ok(write(fd, "x", 1) < 0, "writing fails");
		close(fd);
	}
	is_result(p9_create(&e->c, guest(e, "new"), O_CREAT | O_EXCL |
	    O_RDONLY, 0600, 0, 0, &fd), -EROFS, "create, to read");
	is_result(p9_open(&e->c, guest(e, ""), O_DIRECTORY, &fd), 0,
	    "a directory");
	if (fd >= 0)
		close(fd);
	tap_is_str(host_read(host(e, "file")), "content", "the content");
	tap_ok(!host_exists(host(e, "new")), "nothing was made");
}

static void
test_reads(struct p9_env *e)
{
	struct p9_statfs sf;
	struct p9_stat st;
	char out[256];
	size_t len;

	host_write(host(e, "file"), "content", 0600, 7, 8);
	host_symlink("file", host(e, "link"));
	setxattr(host(e, "file"), "security.test", "v", 1, 0);
	is_result(p9_lstat(&e->c, guest(e, "file"), &st), 0, "lstat");
	tap_is_int((long long)st.size, 7, "its size");
	is_result(p9_statfs(&e->c, guest(e, "file"), &sf), 0, "statfs");
	is_result(p9_readlink(&e->c, guest(e, "link"), 256, out, &len), 0,
	    "readlink");
	is_result(p9_lgetxattr(&e->c, guest(e, "file"), "security.test", 100,
	    out, &len), 0, "getxattr");
	is_result(p9_llistxattr(&e->c, guest(e, "file"), 100, out, &len), 0,
	    "listxattr");
}

static const struct p9_test tests[] = {
	{ "writes", test_writes },
	{ "open", test_open },
	{ "reads", test_reads },
};

int
main(void)
{
	static const char *const extra[] = { "--readonly", NULL };
	static const struct p9_suite suite = { .tests = tests,
	    .count = COUNT(tests), .extra = extra, .privfsd_only = 1 };

	return p9_suite_main(&suite);
}
