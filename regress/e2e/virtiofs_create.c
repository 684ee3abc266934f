/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: CREATE, TMPFILE, MKNOD, MKDIR, SYMLINK, LINK: whose the new file
 * is, which mode it has, and what is left alone when it exists already.
 */
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "virtiofs_suite.h"

/* A directory where everybody may make files. */
static uint64_t
open_dir(struct virtiofs_env *e, const char *name, mode_t mode, gid_t gid)
{
	host_mkdir(host_path(e, name), mode, 0, gid);
	return node(e, name);
}

static void
set_user(struct virtiofs_env *e, uint32_t uid, uint32_t gid)
{
	e->c.uid = uid;
	e->c.gid = gid;
}

static void
is_file(struct virtiofs_env *e, const char *name, mode_t mode, uid_t uid,
    gid_t gid)
{
	struct stat st;

	host_lstat(host_path(e, name), &st);
	tap_is_oct(st.st_mode, mode, "mode of %s", name);
	tap_ok(st.st_uid == uid && st.st_gid == gid, "%s belongs to %u:%u",
	    name, uid, gid);
}

/* One of each kind of file, by its number. */
static int
make(struct virtiofs_env *e, uint64_t dir, size_t kind, const char *name,
    mode_t mode, struct fuse_entry_out *entry)
{
	struct fuse_open_out open;
	int result;

	switch (kind) {
	case 0:
		result = fuse_create(&e->c, dir, name, O_RDWR, S_IFREG | mode,
		    entry, &open);
		if (result == 0)
			fuse_release(&e->c, entry->nodeid, open.fh);
		return result;
	case 1:
		return fuse_mknod(&e->c, dir, name, S_IFREG | mode, 0, entry);
	case 2:
		return fuse_mknod(&e->c, dir, name, S_IFIFO | mode, 0, entry);
	case 3:
		return fuse_mknod(&e->c, dir, name, S_IFSOCK | mode, 0,
		    entry);
	case 4:
		return fuse_mkdir(&e->c, dir, name, mode, entry);
	default:
		return fuse_symlink(&e->c, dir, name, "to/nowhere", entry);
	}
}

#define KINDS	6
static const mode_t kind_type[KINDS] = { S_IFREG, S_IFREG, S_IFIFO, S_IFSOCK,
    S_IFDIR, S_IFLNK };
static const char *const kind_name[KINDS] = { "create", "mknod", "fifo",
    "socket", "mkdir", "symlink" };

static mode_t
kind_mode(size_t kind, mode_t mode)
{
	return kind_type[kind] | (kind_type[kind] == S_IFLNK ? 0777 : mode);
}

static void
test_owner(struct virtiofs_env *e)
{
	static const uint32_t user[][2] = { { 0, 0 }, { 1000, 1001 },
	    { 0, 77 }, { 78, 0 }, { 4294967294u, 4294967294u } };
	static const mode_t modes[] = { 0644, 0777, 0, 0200, 0755 };
	struct fuse_entry_out entry;
	char name[64];
	uint64_t dir = open_dir(e, "d", 0777, 0);

	for (size_t kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < sizeof(user) / sizeof(user[0]); i++) {
			snprintf(name, sizeof(name), "d/%s-%zu",
			    kind_name[kind], i);
			set_user(e, user[i][0], user[i][1]);
			is_reply(make(e, dir, kind, name + 2, modes[i],
			    &entry), 0, "%s", name);
			is_file(e, name, kind_mode(kind, modes[i]),
			    user[i][0], user[i][1]);
			is_attr_of(e, &entry.attr, name);
			tap_ok(node_in(e, dir, name + 2) == entry.nodeid,
			    "lookup finds the same node");
		}
}

/* mkdir(2), mknod(2), open(2): in such a directory the group is its own. */
static void
test_setgid_dir(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	char name[64];
	uint64_t dir = open_dir(e, "d", 02777, 555);

	set_user(e, 1000, 1001);
	for (size_t kind = 0; kind < KINDS; kind++) {
		snprintf(name, sizeof(name), "d/%s", kind_name[kind]);
		is_reply(make(e, dir, kind, name + 2, 0755, &entry), 0, "%s",
		    name);
		is_file(e, name, kind_mode(kind, 0755) |
		    (kind == 4 ? S_ISGID : 0), 1000, 555);
		is_attr_of(e, &entry.attr, name);
	}
}

/* CVE-2022-0358: a file that runs with a group its maker is not in. */
static void
test_setgid_file(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	struct stat st;
	uint64_t dir = open_dir(e, "d", 02777, 555);

	set_user(e, 1000, 1001);
	is_reply(make(e, dir, 0, "create", 02775, &entry), 0, "create");
	is_file(e, "d/create", S_IFREG | 0775, 1000, 555);
	is_reply(make(e, dir, 1, "mknod", 02775, &entry), 0, "mknod");
	is_file(e, "d/mknod", S_IFREG | 0775, 1000, 555);
	set_user(e, 1000, 555);
	is_reply(make(e, dir, 0, "member", 02775, &entry), 0,
	    "create by a member of the group");
	is_file(e, "d/member", S_IFREG | 02775, 1000, 555);
	set_user(e, 1000, 1001);
	is_reply(make(e, dir, 0, "setuid", 04755, &entry), 0,
	    "a set-user-id bit");
	host_lstat(host_path(e, "d/setuid"), &st);
	tap_ok(st.st_uid == 1000 && (st.st_mode & ~04000u) ==
	    (S_IFREG | 0755), "at most for its owner");
}

/* Linux tells it of one more group of the maker's, FUSE_CREATE_SUPP_GROUP. */
static void
test_supplementary(struct virtiofs_env *e)
{
	struct {
		struct fuse_ext_header	header;
		uint32_t		count, group;
	} ext = { .header = { .size = sizeof(ext),
	    .type = TEST_FUSE_EXT_GROUPS }, .count = 1, .group = 555 };
	struct fuse_entry_out entry;
	uint64_t dir = open_dir(e, "d", 02777, 555);

	if (peer_differs(e, "supp-group"))
		return;
	if (!tap_ok((e->c.init_flags & TEST_FUSE_CREATE_SUPP_GROUP) != 0,
	    "INIT takes FUSE_CREATE_SUPP_GROUP"))
		return;
	set_user(e, 1000, 1001);
	e->c.ext = &ext;
	e->c.ext_len = sizeof(ext);
	is_reply(make(e, dir, 0, "create", 02775, &entry), 0,
	    "create by a member");
	is_file(e, "d/create", S_IFREG | 02775, 1000, 555);
	is_reply(make(e, dir, 4, "dir", 0755, &entry), 0, "mkdir by one");
	is_file(e, "d/dir", S_IFDIR | 02755, 1000, 555);
	ext.group = 556;
	is_reply(make(e, dir, 0, "other", 02775, &entry), 0,
	    "create by a member of another group");
	is_file(e, "d/other", S_IFREG | 0775, 1000, 555);
	ext.count = 1000;
	is_refused(make(e, dir, 0, "bad", 0644, &entry),
	    "more groups than there are");
	ext.count = 1;
	ext.header.size = 1000;
	is_refused(make(e, dir, 0, "bad", 0644, &entry),
	    "an extension longer than the request");
	tap_ok(!host_exists(host_path(e, "d/bad")), "makes nothing");
	e->c.ext = NULL;
	e->c.ext_len = 0;
}

/* Without FUSE_DONT_MASK the kernel has applied the umask already. */
static void
test_umask(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	char name[64];

	if (e->c.init_flags & FUSE_DONT_MASK)
		tap_bail("FUSE_DONT_MASK without ACLs");
	e->c.umask = 077;
	for (size_t kind = 0; kind < KINDS; kind++) {
		snprintf(name, sizeof(name), "%s", kind_name[kind]);
		is_reply(make(e, e->dir, kind, name, 0666, &entry), 0, "%s",
		    name);
		is_file(e, name, kind_mode(kind, 0666), 0, 0);
	}
}

static void
test_exists(struct virtiofs_env *e)
{
	static const char *const there[] = { "file", "dir", "link",
	    "dangling", "fifo" };
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct stat before, after;

	host_write(host_path(e, "file"), "content", 0640, 5, 6);
	host_mkdir(host_path(e, "dir"), 0755, 0, 0);
	host_symlink("file", host_path(e, "link"));
	host_symlink("gone", host_path(e, "dangling"));
	host_mknod(host_path(e, "fifo"), S_IFIFO | 0600, 0);
	for (size_t i = 0; i < 5; i++) {
		host_lstat(host_path(e, there[i]), &before);
		for (size_t kind = 1; kind < KINDS; kind++)
			is_reply(make(e, e->dir, kind, there[i], 0777,
			    &entry), -EEXIST, "%s over %s", kind_name[kind],
			    there[i]);
		is_reply(fuse_create(&e->c, e->dir, there[i], O_RDWR |
		    O_CREAT | O_EXCL, 0777, &entry, &open), -EEXIST,
		    "create O_EXCL over %s", there[i]);
		if (i > 0 && e->kind != VIRTIOFS_C)
			is_refused(fuse_create(&e->c, e->dir, there[i],
			    O_RDWR | O_CREAT, 0777, &entry, &open),
			    "create over %s", there[i]);
		host_lstat(host_path(e, there[i]), &after);
		tap_ok(before.st_ino == after.st_ino &&
		    before.st_mode == after.st_mode, "%s is as it was",
		    there[i]);
	}
	tap_ok(!host_exists(host_path(e, "gone")),
	    "nothing was made through a link");
	tap_is_str(host_read(host_path(e, "file")), "content",
	    "content of the file");
}

static void
test_create_existing(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	char data[16];

	if (peer_differs(e, "create-existing"))
		return;
	host_write(host_path(e, "file"), "content", 0640, 5, 6);
	is_reply(fuse_create(&e->c, e->dir, "file", O_RDWR | O_CREAT, 0777,
	    &entry, &open), 0, "create without O_EXCL");
	is_attr_of(e, &entry.attr, "file");
	is_file(e, "file", S_IFREG | 0640, 5, 6);
	is_reply(fuse_read(&e->c, entry.nodeid, open.fh, 0, data, 16), 7,
	    "it is open");
	is_reply(fuse_release(&e->c, entry.nodeid, open.fh), 0, "release");
	is_reply(fuse_create(&e->c, e->dir, "file", O_RDWR | O_CREAT |
	    O_TRUNC, 0777, &entry, &open), 0, "create with O_TRUNC");
	tap_is_str(host_read(host_path(e, "file")), "", "empties it");
	is_reply(fuse_release(&e->c, entry.nodeid, open.fh), 0, "release");
}

static void
test_create_open(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	char data[8];

	/* The mode is that of later opens, open(2). */
	is_reply(fuse_create(&e->c, e->dir, "file", O_RDWR, 0, &entry,
	    &open), 0, "create with mode 0");
	is_reply(fuse_write(&e->c, entry.nodeid, open.fh, 0, "abc", 3), 3,
	    "it can be written");
	is_reply(fuse_read(&e->c, entry.nodeid, open.fh, 0, data, 8), 3,
	    "and read");
	tap_is_str(host_read(host_path(e, "file")), "abc", "on the host");
	is_reply(fuse_release(&e->c, entry.nodeid, open.fh), 0, "release");
	is_reply(fuse_create(&e->c, e->dir, "ro", O_RDONLY, 0644, &entry,
	    &open), 0, "create O_RDONLY");
	is_reply(fuse_write(&e->c, entry.nodeid, open.fh, 0, "abc", 3),
	    -EBADF, "cannot be written");
	is_reply(fuse_release(&e->c, entry.nodeid, open.fh), 0, "release");
}

static void
test_device(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	struct stat st;

	/* Overlay file systems' mark for "removed"; needs no capability. */
	is_reply(fuse_mknod(&e->c, e->dir, "whiteout", S_IFCHR, 0, &entry),
	    0, "a character device 0:0");
	host_lstat(host_path(e, "whiteout"), &st);
	tap_ok(S_ISCHR(st.st_mode) && st.st_rdev == 0, "is there");
	if (e->kind == VIRTIOFS_C) {
		is_reply(fuse_mknod(&e->c, e->dir, "null", S_IFCHR | 0666,
		    0x103, &entry), 0, "a device");
		host_lstat(host_path(e, "null"), &st);
		tap_ok(st.st_rdev == makedev(1, 3), "its number");
		return;
	}
	is_reply(fuse_mknod(&e->c, e->dir, "null", S_IFCHR | 0666, 0x103,
	    &entry), -EPERM, "a device");
	is_reply(fuse_mknod(&e->c, e->dir, "loop", S_IFBLK | 0666, 0x700,
	    &entry), -EPERM, "a block device");
	tap_ok(!host_exists(host_path(e, "null")) &&
	    !host_exists(host_path(e, "loop")), "are not there");
}

static void
test_mknod_types(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;

	if (peer_differs(e, "mknod-dir"))
		return;
	is_refused(fuse_mknod(&e->c, e->dir, "dir", S_IFDIR | 0755, 0,
	    &entry), "mknod of a directory");
	is_refused(fuse_mknod(&e->c, e->dir, "link", S_IFLNK | 0755, 0,
	    &entry), "mknod of a symbolic link");
	is_refused(fuse_mknod(&e->c, e->dir, "what", 0170000 | 0755, 0,
	    &entry), "mknod of an unknown type");
	tap_ok(!host_exists(host_path(e, "dir")) &&
	    !host_exists(host_path(e, "link")) &&
	    !host_exists(host_path(e, "what")), "makes nothing");
}

static void
test_symlink(struct virtiofs_env *e)
{
	static const char *const targets[] = { "/etc/passwd", "../../..",
	    "a", "\xff\n ", "dir/" };
	struct fuse_entry_out entry;
	static char target[4200], got[4200];
	char name[16];
	int n;

	for (size_t i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "link%zu", i);
		is_reply(fuse_symlink(&e->c, e->dir, name, targets[i],
		    &entry), 0, "to '%s'", targets[i]);
		n = fuse_readlink(&e->c, entry.nodeid, got, sizeof(got));
		tap_is_mem(got, n > 0 ? (size_t)n : 0, targets[i],
		    strlen(targets[i]), "readlink");
		tap_is_int((long long)entry.attr.size,
		    (long long)strlen(targets[i]), "its size");
		n = (int)readlink(host_path(e, name), got, sizeof(got));
		tap_is_mem(got, n > 0 ? (size_t)n : 0, targets[i],
		    strlen(targets[i]), "on the host");
	}
	memset(target, 't', sizeof(target));
	target[4095] = '\0';
	is_reply(fuse_symlink(&e->c, e->dir, "long", target, &entry), 0,
	    "4095 bytes");
	n = fuse_readlink(&e->c, entry.nodeid, got, 4096);
	tap_is_mem(got, n > 0 ? (size_t)n : 0, target, 4095, "readlink");
	target[4095] = 't';
	target[4096] = '\0';
	is_reply(fuse_symlink(&e->c, e->dir, "longer", target, &entry),
	    -ENAMETOOLONG, "4096 bytes");
	is_reply(fuse_symlink(&e->c, e->dir, "empty", "", &entry), -ENOENT,
	    "to nothing");
	is_refused(fuse_readlink(&e->c, e->dir, got, 4096),
	    "readlink of a directory");
	is_refused(fuse_readlink(&e->c, 99999999, got, 4096),
	    "readlink of a node that is none");
}

static void
test_link(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	uint64_t file, dir, link;
	struct stat st;

	host_write(host_path(e, "file"), "x", 0640, 5, 6);
	host_mkdir(host_path(e, "dir"), 0755, 0, 0);
	host_symlink("file", host_path(e, "link"));
	file = node(e, "file");
	dir = node(e, "dir");
	link = node(e, "link");
	is_reply(fuse_link(&e->c, file, dir, "second", &entry), 0, "link");
	tap_ok(entry.nodeid == file && entry.attr.nlink == 2,
	    "one node, two names");
	is_attr_of(e, &entry.attr, "dir/second");
	is_reply(fuse_link(&e->c, file, e->dir, "dir", &entry), -EEXIST,
	    "over a directory");
	is_reply(fuse_link(&e->c, file, e->dir, "link", &entry), -EEXIST,
	    "over a symbolic link");
	is_reply(fuse_link(&e->c, dir, e->dir, "dir2", &entry), -EPERM,
	    "of a directory");
	is_reply(fuse_link(&e->c, link, e->dir, "link2", &entry), 0,
	    "of a symbolic link");
	host_lstat(host_path(e, "link2"), &st);
	tap_ok(S_ISLNK(st.st_mode) && st.st_nlink == 2, "is not followed");
	is_reply(fuse_link(&e->c, file, file, "x", &entry), -ENOTDIR,
	    "below a file");
	is_refused(fuse_link(&e->c, 99999999, e->dir, "x", &entry),
	    "of a node that is none");
	is_refused(fuse_link(&e->c, file, 99999999, "x", &entry),
	    "below a node that is none");
	if (unlink(host_path(e, "file")) != 0 ||
	    unlink(host_path(e, "dir/second")) != 0)
		tap_bail("unlink");
	is_reply(fuse_link(&e->c, file, e->dir, "revived", &entry), -ENOENT,
	    "of a file without a name");
}

static void
test_tmpfile(struct virtiofs_env *e)
{
	struct fuse_entry_out entry, named;
	struct fuse_open_out open;
	struct fuse_attr_out attr;

	if (peer_differs(e, "tmpfile"))
		return;
	set_user(e, 1000, 1001);
	is_reply(fuse_tmpfile(&e->c, e->dir, O_RDWR, S_IFREG | 0640, &entry,
	    &open), 0, "tmpfile");
	tap_ok(entry.attr.nlink == 0 && entry.attr.uid == 1000 &&
	    entry.attr.gid == 1001 && entry.attr.mode == (S_IFREG | 0640),
	    "its attributes");
	is_reply(fuse_write(&e->c, entry.nodeid, open.fh, 0, "secret", 6), 6,
	    "write");
	is_reply(fuse_getattr(&e->c, entry.nodeid, &attr), 0, "getattr");
	tap_is_int((long long)attr.attr.size, 6, "its size");
	is_reply(fuse_link(&e->c, entry.nodeid, e->dir, "name", &named), 0,
	    "a name for it");
	tap_ok(named.nodeid == entry.nodeid && named.attr.nlink == 1,
	    "the same node");
	tap_is_str(host_read(host_path(e, "name")), "secret", "on the host");
	is_file(e, "name", S_IFREG | 0640, 1000, 1001);
	is_reply(fuse_release(&e->c, entry.nodeid, open.fh), 0, "release");
	is_refused(fuse_tmpfile(&e->c, entry.nodeid, O_RDWR, 0640, &entry,
	    &open), "in a file");
}

static void
test_parents(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	uint64_t file, gone;

	host_write(host_path(e, "file"), "", 0666, 0, 0);
	host_mkdir(host_path(e, "gone"), 0777, 0, 0);
	file = node(e, "file");
	gone = node(e, "gone");
	if (rmdir(host_path(e, "gone")) != 0)
		tap_bail("rmdir");
	for (size_t kind = 0; kind < KINDS; kind++) {
		is_reply(make(e, file, kind, "x", 0644, &entry), -ENOTDIR,
		    "%s below a file", kind_name[kind]);
		is_reply(make(e, gone, kind, "x", 0644, &entry), -ENOENT,
		    "%s in a removed directory", kind_name[kind]);
		is_refused(make(e, 99999999, kind, "x", 0644, &entry),
		    "%s below a node that is none", kind_name[kind]);
	}
}

static const struct virtiofs_test tests[] = {
	{ "owner", test_owner },
	{ "setgid-dir", test_setgid_dir },
	{ "setgid-file", test_setgid_file },
	{ "supplementary", test_supplementary },
	{ "umask", test_umask },
	{ "exists", test_exists },
	{ "create-existing", test_create_existing },
	{ "create-open", test_create_open },
	{ "device", test_device },
	{ "mknod-types", test_mknod_types },
	{ "symlink", test_symlink },
	{ "link", test_link },
	{ "tmpfile", test_tmpfile },
	{ "parents", test_parents },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]) };

	return virtiofs_suite_main(&suite);
}
