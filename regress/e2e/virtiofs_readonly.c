/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs with --readonly: whatever writes is refused by the server, not
 * only by the guest's kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "virtiofs_suite.h"

static void
populate(struct virtiofs_env *e)
{
	host_write(host_path(e, "file"), "content", 0644, 0, 0);
	host_mkdir(host_path(e, "dir"), 0755, 0, 0);
	host_symlink("file", host_path(e, "link"));
}

static void
test_reads(struct virtiofs_env *e)
{
	struct fuse_attr_out attr;
	struct fuse_open_out open;
	struct fuse_kstatfs st;
	uint8_t buffer[1024];
	uint64_t file, fh;

	populate(e);
	file = node(e, "file");
	is_reply(fuse_getattr(&e->c, file, &attr), 0, "getattr");
	fh = open_node(e, file, O_RDONLY);
	is_reply(fuse_read(&e->c, file, fh, 0, buffer, 64), 7, "read");
	is_refused(fuse_write(&e->c, file, fh, 0, "x", 1), "write");
	is_reply(fuse_flush(&e->c, file, fh), 0, "flush");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
	is_reply(fuse_opendir(&e->c, e->dir, &open), 0, "opendir");
	is_success(fuse_readdir(&e->c, e->dir, open.fh, 0, buffer, 1024),
	    "readdir");
	is_success(fuse_readdirplus(&e->c, e->dir, open.fh, 0, buffer, 1024),
	    "readdirplus");
	is_reply(fuse_releasedir(&e->c, e->dir, open.fh), 0, "releasedir");
	is_success(fuse_readlink(&e->c, node(e, "link"), (char *)buffer, 64),
	    "readlink");
	is_reply(fuse_statfs(&e->c, file, &st), 0, "statfs");
}

static void
test_opens(struct virtiofs_env *e)
{
	static const uint32_t flags[] = { O_WRONLY, O_RDWR, O_TRUNC,
	    O_RDWR | O_TRUNC, O_WRONLY | O_APPEND };
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	uint64_t file;

	populate(e);
	file = node(e, "file");
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		is_reply(fuse_open(&e->c, file, flags[i], &open), -EROFS,
		    "open with flags 0%o", flags[i]);
	is_refused(fuse_open(&e->c, file, O_ACCMODE, &open),
	    "open with a mode that is none");
	is_reply(fuse_create(&e->c, e->dir, "new", O_RDWR, 0644, &entry,
	    &open), -EROFS, "create");
	is_reply(fuse_create(&e->c, e->dir, "file", O_RDWR, 0644, &entry,
	    &open), -EROFS, "create of what is there");
	is_reply(fuse_tmpfile(&e->c, e->dir, O_RDWR, 0644, &entry, &open),
	    -EROFS, "tmpfile");
	tap_is_str(host_read(host_path(e, "file")), "content",
	    "content of the file");
	tap_ok(!host_exists(host_path(e, "new")), "nothing new");
}

static void
test_names(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	uint64_t dir, file;

	populate(e);
	dir = node(e, "dir");
	file = node(e, "file");
	is_reply(fuse_mkdir(&e->c, e->dir, "new", 0755, &entry), -EROFS,
	    "mkdir");
	is_reply(fuse_mknod(&e->c, e->dir, "new", S_IFIFO | 0644, 0, &entry),
	    -EROFS, "mknod");
	is_reply(fuse_symlink(&e->c, e->dir, "new", "x", &entry), -EROFS,
	    "symlink");
	is_reply(fuse_link(&e->c, file, dir, "new", &entry), -EROFS, "link");
	is_reply(fuse_unlink(&e->c, e->dir, "file"), -EROFS, "unlink");
	is_reply(fuse_rmdir(&e->c, e->dir, "dir"), -EROFS, "rmdir");
	is_reply(fuse_rename(&e->c, e->dir, "file", dir, "new"), -EROFS,
	    "rename");
	is_reply(fuse_rename2(&e->c, e->dir, "file", e->dir, "link", 2),
	    -EROFS, "rename2");
	tap_ok(host_exists(host_path(e, "file")) &&
	    host_exists(host_path(e, "dir")) &&
	    !host_exists(host_path(e, "new")) &&
	    !host_exists(host_path(e, "dir/new")), "all is as it was");
}

static void
test_attributes(struct virtiofs_env *e)
{
	struct fuse_setattr_in arg = { .valid = FATTR_MTIME_NOW |
	    FATTR_MTIME };
	struct fuse_attr_out attr;
	struct stat before, after;
	uint64_t file, fh;

	populate(e);
	host_lstat(host_path(e, "file"), &before);
	file = node(e, "file");
	is_reply(fuse_chmod(&e->c, file, 0600), -EROFS, "chmod");
	is_reply(fuse_chown(&e->c, file, 1, 1), -EROFS, "chown");
	is_reply(fuse_truncate(&e->c, file, 0), -EROFS, "truncate");
	is_reply(fuse_setattr(&e->c, file, &arg, &attr), -EROFS, "times");
	is_reply(fuse_setxattr(&e->c, file, "user.x", "x", 1, 0), -EROFS,
	    "setxattr");
	is_reply(fuse_removexattr(&e->c, file, "user.x"), -EROFS,
	    "removexattr");
	fh = open_node(e, file, O_RDONLY);
	is_refused(fuse_fallocate(&e->c, file, fh, 0, 0, 4096), "fallocate");
	is_reply(fuse_release(&e->c, file, fh), 0, "release");
	is_reply(fuse_access(&e->c, file, W_OK), -EROFS, "access to write");
	is_reply(fuse_access(&e->c, file, R_OK), 0, "access to read");
	host_lstat(host_path(e, "file"), &after);
	tap_ok(memcmp(&before.st_mtim, &after.st_mtim,
	    sizeof(before.st_mtim)) == 0 && before.st_mode == after.st_mode &&
	    memcmp(&before.st_ctim, &after.st_ctim,
	    sizeof(before.st_ctim)) == 0, "nothing has changed");
}

static const struct virtiofs_test tests[] = {
	{ "reads", test_reads },
	{ "opens", test_opens },
	{ "names", test_names },
	{ "attributes", test_attributes },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]), .once = 1,
	    .options.server = { .readonly = 1, .xattr = 1 } };

	if (virtiofs_kind_from_env() != VIRTIOFS_PRIVFSD)
		tap_skip_all("no --readonly");
	return virtiofs_suite_main(&suite);
}
