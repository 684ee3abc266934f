/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: LOOKUP, FORGET, BATCH_FORGET, and what a nodeid means while
 * files are renamed and removed behind it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "virtiofs_suite.h"

#define FORGET_MS	60000	/* until a FORGET takes effect, at most */

static void
test_types(struct virtiofs_env *e)
{
	static const char *const names[] = { "file", "setid", "dir", "link",
	    "dangling", "fifo", "socket", "char", "block" };
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;

	host_write(host_path(e, "file"), "some content", 0641, 1000, 1001);
	host_write(host_path(e, "setid"), "", 06755, 4294967294u,
	    4294967293u);
	host_mkdir(host_path(e, "dir"), 03770, 0, 77);
	host_symlink("file", host_path(e, "link"));
	host_symlink("/missing", host_path(e, "dangling"));
	host_mknod(host_path(e, "fifo"), S_IFIFO | 0600, 0);
	host_mknod(host_path(e, "socket"), S_IFSOCK | 0600, 0);
	host_mknod(host_path(e, "char"), S_IFCHR | 0600, 0x103);
	host_mknod(host_path(e, "block"), S_IFBLK | 0600, 0x701);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		is_reply(fuse_lookup(&e->c, e->dir, names[i], &entry), 0,
		    "lookup of %s", names[i]);
		is_attr_of(e, &entry.attr, names[i]);
		tap_ok(entry.nodeid > FUSE_ROOT_ID, "its nodeid");
		is_reply(fuse_getattr(&e->c, entry.nodeid, &attr), 0,
		    "getattr of %s", names[i]);
		is_attr_of(e, &attr.attr, names[i]);
	}
}

static void
test_missing(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	uint64_t file, link;

	host_write(host_path(e, "file"), "", 0644, 0, 0);
	host_symlink(".", host_path(e, "link"));
	file = node(e, "file");
	link = node(e, "link");
	is_reply(fuse_lookup(&e->c, e->dir, "missing", &entry), -ENOENT,
	    "a missing name");
	is_reply(fuse_lookup(&e->c, file, "x", &entry), -ENOTDIR,
	    "below a regular file");
	is_reply(fuse_lookup(&e->c, link, "file", &entry), -ENOTDIR,
	    "below a symbolic link");
	is_refused(fuse_lookup(&e->c, 0, "file", &entry), "below node 0");
	is_refused(fuse_lookup(&e->c, 0x123456789abcdef0, "file", &entry),
	    "below a node that is none");
	is_refused(fuse_lookup(&e->c, UINT64_MAX, "file", &entry),
	    "below the last node");
}

static void
test_names(struct virtiofs_env *e)
{
	static const char *const names[] = { " ", "...", "..x", ".x", "\\",
	    "\n", "\xff\xfe", "\xc3\xa4", "a:b", "%s%n", "-rf", "*" };
	struct fuse_entry_out entry;
	char longest[258];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		host_write(host_path(e, names[i]), "", 0644, 0, 0);
		is_reply(fuse_lookup(&e->c, e->dir, names[i], &entry), 0,
		    "a name that is fine: '%s'", names[i]);
		is_attr_of(e, &entry.attr, names[i]);
	}
	memset(longest, 'n', sizeof(longest));
	longest[255] = '\0';
	host_write(host_path(e, longest), "", 0644, 0, 0);
	is_reply(fuse_lookup(&e->c, e->dir, longest, &entry), 0,
	    "255 bytes");
	longest[255] = 'n';
	longest[256] = '\0';
	is_reply(fuse_lookup(&e->c, e->dir, longest, &entry), -ENAMETOOLONG,
	    "256 bytes");
}

/*
 * A kernel that exports a mount by NFS asks for these (FUSE_EXPORT_SUPPORT),
 * and so do clients who walk along a path as it is written.
 */
static void
test_dots(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	struct stat root;
	uint64_t sub;
	int result;

	host_mkdir(host_path(e, "sub"), 0755, 0, 0);
	sub = node(e, "sub");
	is_reply(fuse_lookup(&e->c, sub, ".", &entry), 0, ".");
	tap_ok(entry.nodeid == sub, "is the directory itself");
	is_reply(fuse_lookup(&e->c, sub, "..", &entry), 0, "..");
	tap_ok(entry.nodeid == e->dir, "is its parent");
	result = fuse_lookup(&e->c, FUSE_ROOT_ID, "..", &entry);
	host_lstat(e->share->dir, &root);
	tap_ok(result < 0 || entry.attr.ino == root.st_ino,
	    ".. of the root leads nowhere");
	if (peer_differs(e, "root-node"))
		return;
	tap_ok(result < 0 || entry.nodeid == FUSE_ROOT_ID, "but to the root");
	result = fuse_lookup(&e->c, FUSE_ROOT_ID, ".", &entry);
	tap_ok(result == 0 && entry.nodeid == FUSE_ROOT_ID,
	    ". of the root is the root");
	host_write(host_path(e, "file"), "", 0644, 0, 0);
	host_symlink("sub", host_path(e, "link"));
	is_reply(fuse_lookup(&e->c, node(e, "file"), ".", &entry), -ENOTDIR,
	    ". of a file");
	is_reply(fuse_lookup(&e->c, node(e, "file"), "..", &entry), -ENOTDIR,
	    ".. of a file");
	is_reply(fuse_lookup(&e->c, node(e, "link"), ".", &entry), -ENOTDIR,
	    ". of a link");
}

/* Nothing is above a directory that the host has taken away. */
static void
test_dots_outside(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	uint64_t sub, below;
	char away[192];

	host_mkdir(host_path(e, "sub"), 0755, 0, 0);
	host_mkdir(host_path(e, "sub/below"), 0755, 0, 0);
	sub = node(e, "sub");
	below = node_in(e, sub, "below");
	snprintf(away, sizeof(away), "%s/away", e->share->outside);
	if (rename(host_path(e, "sub"), away) != 0)
		tap_bail("%s", away);
	is_reply(fuse_lookup(&e->c, sub, "..", &entry), -ENOENT, "outside");
	is_reply(fuse_lookup(&e->c, below, "..", &entry), -ENOENT,
	    "below what is outside");
	if (rename(away, host_path(e, "sub")) != 0)
		tap_bail("%s", away);
	is_reply(fuse_lookup(&e->c, below, "..", &entry), 0, "back again");
	tap_ok(entry.nodeid == sub, "and known again");
}

static void
test_same(struct virtiofs_env *e)
{
	struct fuse_entry_out first, second;

	host_write(host_path(e, "a"), "", 0644, 0, 0);
	if (link(host_path(e, "a"), host_path(e, "b")) != 0)
		tap_bail("link");
	is_reply(fuse_lookup(&e->c, e->dir, "a", &first), 0, "one name");
	is_reply(fuse_lookup(&e->c, e->dir, "b", &second), 0, "the other");
	tap_ok(first.nodeid == second.nodeid &&
	    first.generation == second.generation,
	    "two names of one file are one node");
	is_reply(fuse_forget(&e->c, first.nodeid, 1), 0, "forget one");
	is_reply(fuse_lookup(&e->c, e->dir, "a", &second), 0, "look again");
	tap_ok(first.nodeid == second.nodeid, "still the same node");
}

/* FORGET is one way, and of another queue: it takes effect soon after. */
static int
getattr_forgotten(struct virtiofs_env *e, uint64_t nodeid)
{
	long long end = procs_now_ms() + FORGET_MS;
	struct fuse_attr_out attr;
	int error;

	do {
		error = fuse_getattr(&e->c, nodeid, &attr);
	} while (error == 0 && procs_now_ms() < end);
	return error;
}

static void
test_count(struct virtiofs_env *e)
{
	struct fuse_entry_out entry = { .nodeid = 0 };
	struct fuse_attr_out attr;

	host_write(host_path(e, "file"), "", 0644, 0, 0);
	for (int i = 0; i < 3; i++)
		is_reply(fuse_lookup(&e->c, e->dir, "file", &entry), 0,
		    "lookup %d", i);
	is_reply(fuse_forget(&e->c, entry.nodeid, 2), 0, "forget two");
	is_reply(fuse_getattr(&e->c, entry.nodeid, &attr), 0,
	    "one is left");
	is_reply(fuse_forget(&e->c, entry.nodeid, 1), 0, "forget it");
	is_refused(getattr_forgotten(e, entry.nodeid), "now it is unknown");
	is_reply(fuse_lookup(&e->c, e->dir, "file", &entry), 0,
	    "lookup once more");
	is_reply(fuse_getattr(&e->c, entry.nodeid, &attr), 0,
	    "it is known again");
	is_attr_of(e, &attr.attr, "file");
}

static void
test_batch(struct virtiofs_env *e)
{
	struct fuse_forget_one list[64];
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	int known = 0;
	char name[32];

	for (uint32_t i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		host_write(host_path(e, name), "", 0644, 0, 0);
		fuse_lookup(&e->c, e->dir, name, &entry);
		fuse_lookup(&e->c, e->dir, name, &entry);
		list[i] = (struct fuse_forget_one){ .nodeid = entry.nodeid,
		    .nlookup = 1 + i % 2 };
	}
	is_reply(fuse_batch_forget(&e->c, list, 64), 0, "batch of 64");
	/* They take effect in their order, and the last is one of them. */
	getattr_forgotten(e, list[63].nodeid);
	for (size_t i = 0; i < 64; i++)
		if (fuse_getattr(&e->c, list[i].nodeid, &attr) == 0)
			known++;
	tap_is_int(known, 32, "those with one lookup left are known");
	is_reply(fuse_batch_forget(&e->c, list, 0), 0, "an empty batch");
}

static void
test_too_many(struct virtiofs_env *e)
{
	struct fuse_forget_one list[3];
	struct fuse_entry_out entry, other;
	struct fuse_attr_out attr;

	if (peer_differs(e, "over-forget"))
		return;
	host_write(host_path(e, "file"), "", 0644, 0, 0);
	host_write(host_path(e, "other"), "", 0644, 0, 0);
	is_reply(fuse_lookup(&e->c, e->dir, "file", &entry), 0, "lookup");
	is_reply(fuse_forget(&e->c, entry.nodeid, 1000), 0,
	    "forget more than there are");
	is_refused(getattr_forgotten(e, entry.nodeid), "it is unknown");
	is_reply(fuse_forget(&e->c, entry.nodeid, UINT64_MAX), 0,
	    "forget what is unknown");
	is_reply(fuse_lookup(&e->c, e->dir, "file", &entry), 0, "lookup");
	is_reply(fuse_lookup(&e->c, e->dir, "file", &entry), 0, "and again");
	is_reply(fuse_forget(&e->c, entry.nodeid, 1), 0, "forget one");
	is_reply(fuse_getattr(&e->c, entry.nodeid, &attr), 0,
	    "the count did not go below zero before");
	is_reply(fuse_forget(&e->c, FUSE_ROOT_ID, UINT64_MAX), 0,
	    "forget the root");
	is_reply(fuse_getattr(&e->c, FUSE_ROOT_ID, &attr), 0,
	    "it stays");
	is_reply(fuse_lookup(&e->c, e->dir, "other", &other), 0, "another");
	list[0] = (struct fuse_forget_one){ .nodeid = 0, .nlookup = 1 };
	list[1] = (struct fuse_forget_one){ .nodeid = entry.nodeid,
	    .nlookup = 0 };
	list[2] = (struct fuse_forget_one){ .nodeid = other.nodeid,
	    .nlookup = UINT64_MAX };
	is_reply(fuse_batch_forget(&e->c, list, 3), 0, "an odd batch");
	is_reply(fuse_getattr(&e->c, entry.nodeid, &attr), 0,
	    "nothing was taken from the first");
	is_refused(getattr_forgotten(e, other.nodeid),
	    "the second is forgotten");
}

/* FORGET has no reply, so what is malformed only must do nothing. */
static void
test_malformed_forget(struct virtiofs_env *e)
{
	struct {
		struct fuse_in_header		header;
		struct fuse_batch_forget_in	batch;
		struct fuse_forget_one		one[2];
	} request = { .header = { .opcode = FUSE_BATCH_FORGET, .unique = 2 },
	    .batch = { .count = 2 } };
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	static const uint32_t counts[] = { 2, 3, 1000, 0x10000001,
	    UINT32_MAX };
	uint8_t none[1];
	uint32_t len;

	if (peer_differs(e, "malformed-forget"))
		return;
	host_write(host_path(e, "file"), "", 0644, 0, 0);
	is_reply(fuse_lookup(&e->c, e->dir, "file", &entry), 0, "lookup");
	request.one[0].nodeid = entry.nodeid;
	request.one[1].nodeid = entry.nodeid;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		request.batch.count = counts[i];
		/* One byte less than there should be, or far less. */
		len = sizeof(request) - (i == 0 ? 1 : 0);
		request.header.len = len;
		tap_is_int(fuse_raw(&e->c, &request, len, none, 0), 0,
		    "%u entries that are not all there", counts[i]);
	}
	len = sizeof(request.header) + 4;
	request.header.len = len;
	tap_is_int(fuse_raw(&e->c, &request, len, none, 0), 0,
	    "a batch without its count");
	request.header.opcode = FUSE_FORGET;
	request.header.nodeid = entry.nodeid;
	tap_is_int(fuse_raw(&e->c, &request, len, none, 0), 0,
	    "a forget without its number");
	is_reply(fuse_getattr(&e->c, entry.nodeid, &attr), 0,
	    "the node is still known");
}

static void
test_renamed(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	uint64_t file, dir, inside;

	host_write(host_path(e, "file"), "12345", 0644, 0, 0);
	host_mkdir(host_path(e, "dir"), 0755, 0, 0);
	host_write(host_path(e, "dir/inside"), "123", 0600, 0, 0);
	file = node(e, "file");
	dir = node(e, "dir");
	inside = node_in(e, dir, "inside");
	if (rename(host_path(e, "file"), host_path(e, "dir/moved")) != 0 ||
	    rename(host_path(e, "dir"), host_path(e, "renamed")) != 0)
		tap_bail("rename");
	host_write(host_path(e, "file"), "another", 0600, 0, 0);
	is_reply(fuse_getattr(&e->c, file, &attr), 0,
	    "a file renamed on the host");
	is_attr_of(e, &attr.attr, "renamed/moved");
	is_reply(fuse_getattr(&e->c, inside, &attr), 0,
	    "a file in a directory renamed on the host");
	is_attr_of(e, &attr.attr, "renamed/inside");
	is_reply(fuse_lookup(&e->c, dir, "moved", &entry), 0,
	    "lookup in that directory");
	tap_ok(entry.nodeid == file, "finds the same node");
	is_reply(fuse_lookup(&e->c, e->dir, "file", &entry), 0,
	    "the old name");
	tap_ok(entry.nodeid != file && entry.attr.size == 7,
	    "is another node now");
}

static void
test_removed(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	uint64_t file, dir;

	host_write(host_path(e, "file"), "12345", 0644, 0, 0);
	host_mkdir(host_path(e, "dir"), 0755, 0, 0);
	file = node(e, "file");
	dir = node(e, "dir");
	if (unlink(host_path(e, "file")) != 0 ||
	    rmdir(host_path(e, "dir")) != 0)
		tap_bail("unlink");
	is_reply(fuse_getattr(&e->c, file, &attr), 0,
	    "a file removed on the host");
	tap_ok(attr.attr.nlink == 0 && attr.attr.size == 5,
	    "has no name any more");
	is_reply(fuse_lookup(&e->c, e->dir, "file", &entry), -ENOENT,
	    "lookup of its name");
	is_reply(fuse_lookup(&e->c, dir, "x", &entry), -ENOENT,
	    "lookup in a removed directory");
}

/* An inode number that is used again must not meet the old node. */
static void
test_reused(struct virtiofs_env *e)
{
	struct fuse_entry_out first, second;
	struct fuse_attr_out attr;
	int same = 0;

	for (int i = 0; i < 20; i++) {
		host_write(host_path(e, "file"), "1", 0644, 0, 0);
		fuse_lookup(&e->c, e->dir, "file", &first);
		unlink(host_path(e, "file"));
		host_write(host_path(e, "file"), "22", 0644, 0, 0);
		fuse_lookup(&e->c, e->dir, "file", &second);
		if (first.nodeid == second.nodeid &&
		    first.generation == second.generation)
			same++;
		fuse_getattr(&e->c, second.nodeid, &attr);
		if (attr.attr.size != 2)
			same++;
		unlink(host_path(e, "file"));
		fuse_forget(&e->c, first.nodeid, 1);
		fuse_forget(&e->c, second.nodeid, 1);
	}
	tap_is_int(same, 0, "a new file is a new node");
}

static const struct virtiofs_test tests[] = {
	{ "types", test_types },
	{ "missing", test_missing },
	{ "names", test_names },
	{ "dots", test_dots },
	{ "dots-outside", test_dots_outside },
	{ "same", test_same },
	{ "count", test_count },
	{ "batch", test_batch },
	{ "too-many", test_too_many },
	{ "malformed-forget", test_malformed_forget },
	{ "renamed", test_renamed },
	{ "removed", test_removed },
	{ "reused", test_reused },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]) };

	return virtiofs_suite_main(&suite);
}
