/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: UNLINK, RMDIR, RENAME, RENAME2.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "virtiofs_suite.h"

/* <linux/fs.h> has them, and clashes with other headers. */
#define NOREPLACE	1u
#define EXCHANGE	2u
#define WHITEOUT	4u

/* The C virtiofsd removes and renames only what was looked up before. */
static void
know(struct virtiofs_env *e, uint64_t dir, const char *name)
{
	if (e->kind == VIRTIOFS_C)
		node_in(e, dir, name);
}

/* And says so of all others. */
static int
unknown(const struct virtiofs_env *e, int error)
{
	return e->kind == VIRTIOFS_C ? -EIO : error;
}

static void
populate(struct virtiofs_env *e)
{
	static const char *const names[] = { "a", "b", "dir", "empty", "full",
	    "link" };

	host_write(host_path(e, "a"), "content of a", 0644, 0, 0);
	host_write(host_path(e, "b"), "content of b", 0644, 0, 0);
	host_mkdir(host_path(e, "dir"), 0755, 0, 0);
	host_mkdir(host_path(e, "empty"), 0755, 0, 0);
	host_mkdir(host_path(e, "full"), 0755, 0, 0);
	host_write(host_path(e, "full/x"), "x", 0644, 0, 0);
	host_symlink("a", host_path(e, "link"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		know(e, e->dir, names[i]);
}

static int
has(struct virtiofs_env *e, const char *name)
{
	return host_exists(host_path(e, name));
}

static void
test_unlink(struct virtiofs_env *e)
{
	populate(e);
	host_mknod(host_path(e, "fifo"), S_IFIFO | 0600, 0);
	know(e, e->dir, "fifo");
	is_reply(fuse_unlink(&e->c, e->dir, "missing"), unknown(e, -ENOENT),
	    "a missing name");
	is_reply(fuse_unlink(&e->c, e->dir, "dir"), -EISDIR, "a directory");
	is_reply(fuse_unlink(&e->c, e->dir, "link"), 0, "a symbolic link");
	tap_ok(!has(e, "link") && has(e, "a"), "its target stays");
	is_reply(fuse_unlink(&e->c, e->dir, "fifo"), 0, "a FIFO");
	is_reply(fuse_unlink(&e->c, e->dir, "a"), 0, "a file");
	tap_ok(!has(e, "a") && !has(e, "fifo"), "they are gone");
	is_reply(fuse_unlink(&e->c, e->dir, "a"), unknown(e, -ENOENT),
	    "again");
	is_reply(fuse_unlink(&e->c, node(e, "b"), "x"), unknown(e, -ENOTDIR),
	    "below a file");
	is_refused(fuse_unlink(&e->c, 99999999, "b"),
	    "below a node that is none");
	tap_ok(has(e, "b"), "nothing else is gone");
}

static void
test_rmdir(struct virtiofs_env *e)
{
	populate(e);
	is_reply(fuse_rmdir(&e->c, e->dir, "missing"), unknown(e, -ENOENT),
	    "a missing name");
	is_reply(fuse_rmdir(&e->c, e->dir, "a"), -ENOTDIR, "a file");
	is_reply(fuse_rmdir(&e->c, e->dir, "link"), -ENOTDIR,
	    "a symbolic link");
	is_reply(fuse_rmdir(&e->c, e->dir, "full"), -ENOTEMPTY,
	    "a directory that is not empty");
	is_reply(fuse_rmdir(&e->c, e->dir, "empty"), 0, "an empty one");
	tap_ok(!has(e, "empty") && has(e, "full/x"), "it is gone");
	is_refused(fuse_rmdir(&e->c, 99999999, "dir"),
	    "below a node that is none");
}

static void
test_rename(struct virtiofs_env *e)
{
	struct fuse_attr_out attr;
	uint64_t a, dir;

	populate(e);
	a = node(e, "a");
	dir = node(e, "dir");
	is_reply(fuse_rename(&e->c, e->dir, "a", e->dir, "a2"), 0,
	    "in one directory");
	tap_ok(!has(e, "a") && has(e, "a2"), "on the host");
	is_reply(fuse_rename(&e->c, e->dir, "a2", dir, "a3"), 0,
	    "into another");
	tap_is_str(host_read(host_path(e, "dir/a3")), "content of a",
	    "on the host");
	is_reply(fuse_getattr(&e->c, a, &attr), 0, "the node stays");
	is_attr_of(e, &attr.attr, "dir/a3");
	is_reply(fuse_rename(&e->c, dir, "a3", e->dir, "b"), 0,
	    "over a file");
	tap_is_str(host_read(host_path(e, "b")), "content of a",
	    "replaces it");
	is_reply(fuse_rename(&e->c, e->dir, "b", e->dir, "b"), 0,
	    "to itself");
	is_reply(fuse_rename(&e->c, e->dir, "full", dir, "moved"), 0,
	    "a directory");
	tap_ok(has(e, "dir/moved/x"), "with its content");
	is_reply(fuse_rename(&e->c, dir, "moved", e->dir, "empty"), 0,
	    "over an empty directory");
	tap_ok(has(e, "empty/x") && !has(e, "dir/moved"), "replaces it");
	is_reply(fuse_rename(&e->c, e->dir, "link", dir, "link"), 0,
	    "a symbolic link");
	tap_ok(has(e, "dir/link") && !has(e, "link"), "is not followed");
}

static void
test_rename_errors(struct virtiofs_env *e)
{
	uint64_t dir, full, a;

	populate(e);
	a = node(e, "a");
	dir = node(e, "dir");
	full = node(e, "full");
	is_reply(fuse_rename(&e->c, e->dir, "missing", e->dir, "x"),
	    unknown(e, -ENOENT), "a missing name");
	is_reply(fuse_rename(&e->c, e->dir, "a", e->dir, "dir"), -EISDIR,
	    "a file over a directory");
	is_reply(fuse_rename(&e->c, e->dir, "dir", e->dir, "a"), -ENOTDIR,
	    "a directory over a file");
	is_reply(fuse_rename(&e->c, e->dir, "dir", e->dir, "full"),
	    -ENOTEMPTY, "over a directory that is not empty");
	is_reply(fuse_rename(&e->c, e->dir, "full", full, "sub"), -EINVAL,
	    "a directory into itself");
	is_reply(fuse_rename(&e->c, e->dir, "a", a, "x"), -ENOTDIR,
	    "to below a file");
	is_reply(fuse_rename(&e->c, a, "x", e->dir, "y"),
	    unknown(e, -ENOTDIR), "from below a file");
	is_refused(fuse_rename(&e->c, 99999999, "a", dir, "x"),
	    "from a node that is none");
	is_refused(fuse_rename(&e->c, e->dir, "a", 99999999, "x"),
	    "to a node that is none");
	tap_ok(has(e, "a") && has(e, "dir") && has(e, "full/x"),
	    "all is where it was");
}

static void
test_flags(struct virtiofs_env *e)
{
	uint64_t dir;
	struct stat st;

	populate(e);
	dir = node(e, "dir");
	is_reply(fuse_rename2(&e->c, e->dir, "a", e->dir, "c", 0), 0,
	    "no flag");
	is_reply(fuse_rename2(&e->c, e->dir, "c", e->dir, "b", NOREPLACE),
	    -EEXIST, "NOREPLACE over a file");
	is_reply(fuse_rename2(&e->c, e->dir, "c", e->dir, "link",
	    NOREPLACE), -EEXIST, "NOREPLACE over a symbolic link");
	is_reply(fuse_rename2(&e->c, e->dir, "c", dir, "a", NOREPLACE), 0,
	    "NOREPLACE to a free name");
	tap_ok(has(e, "dir/a"), "is there");
	is_reply(fuse_rename2(&e->c, dir, "a", e->dir, "b", EXCHANGE), 0,
	    "EXCHANGE of two files");
	tap_is_str(host_read(host_path(e, "b")), "content of a", "one");
	tap_is_str(host_read(host_path(e, "dir/a")), "content of b",
	    "and the other");
	is_reply(fuse_rename2(&e->c, e->dir, "b", e->dir, "full", EXCHANGE),
	    0, "EXCHANGE of a file and a directory");
	tap_ok(has(e, "b/x"), "the directory has the file's name");
	is_reply(fuse_rename2(&e->c, e->dir, "full", e->dir, "missing",
	    EXCHANGE), -ENOENT, "EXCHANGE with a missing name");
	is_reply(fuse_rename2(&e->c, e->dir, "full", e->dir, "new",
	    EXCHANGE | NOREPLACE), -EINVAL, "EXCHANGE and NOREPLACE");
	is_reply(fuse_rename2(&e->c, e->dir, "full", e->dir, "new", 1u << 20),
	    -EINVAL, "an unknown flag");
	is_reply(fuse_rename2(&e->c, e->dir, "full", e->dir, "new", ~0u),
	    -EINVAL, "all flags");
	tap_ok(has(e, "full") && !has(e, "new"), "none of that was done");
	is_reply(fuse_rename2(&e->c, e->dir, "full", e->dir, "new",
	    WHITEOUT), 0, "WHITEOUT");
	host_lstat(host_path(e, "full"), &st);
	tap_ok(has(e, "new") && S_ISCHR(st.st_mode) && st.st_rdev == 0,
	    "leaves a device 0:0 behind");
}

static void
test_open_files(struct virtiofs_env *e)
{
	struct fuse_attr_out attr;
	uint64_t a, b, fh, fh_b;
	char data[32];

	populate(e);
	a = node(e, "a");
	b = node(e, "b");
	fh = open_node(e, a, O_RDWR);
	fh_b = open_node(e, b, O_RDONLY);
	is_reply(fuse_unlink(&e->c, e->dir, "a"), 0, "unlink an open file");
	is_reply(fuse_read(&e->c, a, fh, 0, data, 32), 12, "read it");
	tap_is_mem(data, 12, "content of a", 12, "its content");
	is_reply(fuse_write(&e->c, a, fh, 12, "!", 1), 1, "write to it");
	is_reply(fuse_getattr_fh(&e->c, a, fh, &attr), 0, "getattr");
	tap_ok(attr.attr.nlink == 0 && attr.attr.size == 13,
	    "its attributes");
	is_reply(fuse_getattr(&e->c, a, &attr), 0, "getattr without fh");
	tap_ok(attr.attr.nlink == 0 && attr.attr.size == 13, "the same");
	is_reply(fuse_chmod(&e->c, a, S_IFREG | 0600), 0, "chmod");
	is_reply(fuse_truncate(&e->c, a, 3), 0, "truncate");
	is_reply(fuse_getattr(&e->c, a, &attr), 0, "getattr");
	tap_ok(attr.attr.mode == (S_IFREG | 0600) && attr.attr.size == 3,
	    "both were done");
	host_write(host_path(e, "new"), "new", 0644, 0, 0);
	know(e, e->dir, "new");
	is_reply(fuse_rename(&e->c, e->dir, "new", e->dir, "b"), 0,
	    "rename over an open file");
	is_reply(fuse_read(&e->c, b, fh_b, 0, data, 32), 12, "read it");
	tap_is_mem(data, 12, "content of b", 12, "its content");
	is_reply(fuse_release(&e->c, a, fh), 0, "release");
	is_reply(fuse_release(&e->c, b, fh_b), 0, "release");
	/* The kernel still has the node: another open is its right. */
	fh = open_node(e, a, O_RDONLY);
	is_reply(fuse_read(&e->c, a, fh, 0, data, 32), 3,
	    "opened once more");
	is_reply(fuse_release(&e->c, a, fh), 0, "release");
}

/* Names that have no business in a request. */
static const struct bad_name {
	const char	*bytes;
	size_t		len;
	const char	*what;
} bad_names[] = {
	{ "", 1, "an empty name" },
	{ "/", 2, "/" },
	{ "a/b", 4, "a/b" },
	{ "dir/", 5, "dir/" },
	{ "../victim", 10, "../victim" },
	{ "/etc/passwd", 12, "an absolute name" },
	{ "dir/../victim", 14, "dir/../victim" },
	{ ".", 2, "." },
	{ "..", 3, ".." },
	{ "victim", 6, "a name without NUL" },
	{ "", 0, "no name" },
};

#define BAD_NAMES	(sizeof(bad_names) / sizeof(bad_names[0]))

/* Every operation that takes one name: its struct, and a size of reply. */
static const struct {
	uint32_t	opcode;
	const char	*name;
	size_t		arg, reply;
} one_name[] = {
	{ FUSE_LOOKUP, "lookup", 0, sizeof(struct fuse_entry_out) },
	{ FUSE_MKNOD, "mknod", sizeof(struct fuse_mknod_in),
	    sizeof(struct fuse_entry_out) },
	{ FUSE_MKDIR, "mkdir", sizeof(struct fuse_mkdir_in),
	    sizeof(struct fuse_entry_out) },
	{ FUSE_UNLINK, "unlink", 0, 0 },
	{ FUSE_RMDIR, "rmdir", 0, 0 },
	{ FUSE_CREATE, "create", sizeof(struct fuse_create_in),
	    sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out) },
	{ FUSE_LINK, "link", sizeof(struct fuse_link_in),
	    sizeof(struct fuse_entry_out) },
};

static void
prepare_arg(struct virtiofs_env *e, uint32_t opcode, uint8_t *arg)
{
	struct fuse_mknod_in mknod = { .mode = S_IFREG | 0644 };
	struct fuse_mkdir_in mkdir = { .mode = 0755 };
	struct fuse_create_in create = { .flags = O_RDWR | O_CREAT,
	    .mode = S_IFREG | 0644 };
	struct fuse_link_in link = { .oldnodeid = node(e, "victim") };

	if (opcode == FUSE_MKNOD)
		memcpy(arg, &mknod, sizeof(mknod));
	if (opcode == FUSE_MKDIR)
		memcpy(arg, &mkdir, sizeof(mkdir));
	if (opcode == FUSE_CREATE)
		memcpy(arg, &create, sizeof(create));
	if (opcode == FUSE_LINK)
		memcpy(arg, &link, sizeof(link));
}

/* What must be there, and no more, after a test of bad names. */
static void
is_untouched(struct virtiofs_env *e)
{
	struct stat st;

	host_lstat(host_path(e, "victim"), &st);
	tap_ok(st.st_nlink == 1 && st.st_size == 6, "the victim is there");
	host_lstat(host_path(e, "sub"), &st);
	tap_ok(has(e, "sub/dir") && has(e, "empty") && !has(e, "sub/victim"),
	    "the directories too");
}

static void
populate_victims(struct virtiofs_env *e)
{
	host_write(host_path(e, "victim"), "victim", 0644, 0, 0);
	host_mkdir(host_path(e, "sub"), 0755, 0, 0);
	host_mkdir(host_path(e, "sub/dir"), 0755, 0, 0);
	host_mkdir(host_path(e, "empty"), 0755, 0, 0);
}

static void
test_bad_names(struct virtiofs_env *e)
{
	uint8_t arg[64] = { 0 }, reply[256];
	uint64_t sub;

	populate_victims(e);
	sub = node(e, "sub");
	for (size_t i = 0; i < sizeof(one_name) / sizeof(one_name[0]); i++) {
		prepare_arg(e, one_name[i].opcode, arg);
		for (size_t k = 0; k < BAD_NAMES; k++) {
			const struct bad_name *b = &bad_names[k];

			/* These two LOOKUP has to answer. */
			if (one_name[i].opcode == FUSE_LOOKUP &&
			    (strcmp(b->bytes, ".") == 0 ||
			    strcmp(b->bytes, "..") == 0))
				continue;
			if (e->kind == VIRTIOFS_C && k == 0)
				continue;
			is_refused(fuse_named(&e->c, one_name[i].opcode, sub,
			    arg, one_name[i].arg, b->bytes, b->len, reply,
			    one_name[i].reply), "%s: %s", one_name[i].name,
			    b->what);
		}
	}
	is_untouched(e);
}

static void
test_bad_symlink(struct virtiofs_env *e)
{
	char bytes[64];
	uint8_t reply[256];
	uint64_t sub;

	populate_victims(e);
	sub = node(e, "sub");
	/* The name, then the target "t"; without NUL only the target is. */
	for (size_t k = e->kind == VIRTIOFS_C; k + 2 < BAD_NAMES; k++) {
		memcpy(bytes, bad_names[k].bytes, bad_names[k].len);
		memcpy(bytes + bad_names[k].len, "t", 2);
		is_refused(fuse_named(&e->c, FUSE_SYMLINK, sub, NULL, 0,
		    bytes, bad_names[k].len + 2, reply,
		    sizeof(struct fuse_entry_out)), "symlink: %s",
		    bad_names[k].what);
	}
	is_refused(fuse_named(&e->c, FUSE_SYMLINK, sub, NULL, 0, "n", 2,
	    reply, sizeof(struct fuse_entry_out)), "symlink: no target");
	is_refused(fuse_named(&e->c, FUSE_SYMLINK, sub, NULL, 0, "n\0t", 3,
	    reply, sizeof(struct fuse_entry_out)),
	    "symlink: a target without NUL");
	tap_ok(!has(e, "sub/n"), "no link was made");
	is_untouched(e);
}

/* Either name of a rename. */
static void
test_bad_rename(struct virtiofs_env *e)
{
	struct fuse_rename_in one;
	struct fuse_rename2_in two = { .flags = 0 };
	char bytes[64];
	uint64_t sub;

	populate_victims(e);
	sub = node(e, "sub");
	one.newdir = two.newdir = e->dir;
	for (size_t k = e->kind == VIRTIOFS_C; k + 2 < BAD_NAMES; k++) {
		const struct bad_name *b = &bad_names[k];

		memcpy(bytes, b->bytes, b->len);
		memcpy(bytes + b->len, "new", 4);
		is_refused(fuse_named(&e->c, FUSE_RENAME, sub, &one,
		    sizeof(one), bytes, b->len + 4, NULL, 0),
		    "rename from %s", b->what);
		is_refused(fuse_named(&e->c, FUSE_RENAME2, sub, &two,
		    sizeof(two), bytes, b->len + 4, NULL, 0),
		    "rename2 from %s", b->what);
		memcpy(bytes, "victim", 7);
		memcpy(bytes + 7, b->bytes, b->len);
		one.newdir = two.newdir = sub;
		is_refused(fuse_named(&e->c, FUSE_RENAME, e->dir, &one,
		    sizeof(one), bytes, b->len + 7, NULL, 0),
		    "rename to %s", b->what);
		is_refused(fuse_named(&e->c, FUSE_RENAME2, e->dir, &two,
		    sizeof(two), bytes, b->len + 7, NULL, 0),
		    "rename2 to %s", b->what);
		one.newdir = two.newdir = e->dir;
	}
	is_refused(fuse_named(&e->c, FUSE_RENAME, e->dir, &one, sizeof(one),
	    "victim", 7, NULL, 0), "rename with one name");
	tap_ok(!has(e, "new"), "nothing was renamed");
	is_untouched(e);
}

/* Surplus bytes after a name: refused, or left alone, but never a name. */
static void
test_surplus(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	int result;

	populate_victims(e);
	result = fuse_named(&e->c, FUSE_LOOKUP, e->dir, NULL, 0,
	    "victim\0empty", 13, &entry, sizeof(entry));
	tap_ok(result < 0 ? result >= -511 : entry.attr.size == 6,
	    "lookup of two names");
	result = fuse_named(&e->c, FUSE_RMDIR, e->dir, NULL, 0,
	    "missing\0empty", 14, NULL, 0);
	is_refused(result, "rmdir of a missing and an empty one");
	is_untouched(e);
}

static const struct virtiofs_test tests[] = {
	{ "unlink", test_unlink },
	{ "rmdir", test_rmdir },
	{ "rename", test_rename },
	{ "rename-errors", test_rename_errors },
	{ "flags", test_flags },
	{ "open-files", test_open_files },
	{ "bad-names", test_bad_names },
	{ "bad-symlink", test_bad_symlink },
	{ "bad-rename", test_bad_rename },
	{ "surplus", test_surplus },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]) };

	return virtiofs_suite_main(&suite);
}
