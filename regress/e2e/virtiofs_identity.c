/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: which inode a node is. A file is one node, and stays it, however
 * its attributes change: on overlayfs, which copies it up, on btrfs with
 * snapshots, with the same tree twice, on a FUSE file system that gives other
 * numbers each time. And a node that was listed never means what the host has
 * put in its place. Test code; runs as root.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ground.h"
#include "odd_fs.h"
#include "procs.h"
#include "virtiofs_suite.h"

#define LISTING		4096

static const struct virtiofs_options options = { .server.xattr = 1 };

/* The same node, found by name, and alive. */
static void
is_same_node(struct virtiofs_env *e, uint64_t parent, const char *name,
    uint64_t nodeid, const char *what)
{
	struct fuse_entry_out entry = { .nodeid = 0 };
	struct fuse_attr_out attr = { .attr_valid = 0 };
	char path[64];

	is_reply(fuse_lookup(&e->c, parent, name, &entry), 0,
	    "%s: lookup of %s", what, name);
	tap_ok(entry.nodeid == nodeid, "%s: one node", what);
	is_reply(fuse_getattr(&e->c, nodeid, &attr), 0, "%s: getattr", what);
	snprintf(path, sizeof(path), "tree/%s%s", strcmp(name, "inside") == 0 ?
	    "dir/" : "", name);
	is_attr_of(e, &attr.attr, path);
}

/* READDIRPLUS of a small directory: the node of a name, or 0. */
static uint64_t
node_listed(struct virtiofs_env *e, uint64_t dir, const char *name)
{
	struct fuse_dir_entry entry;
	struct fuse_open_out open;
	uint8_t buffer[LISTING];
	struct fuse_dir d = { .data = buffer, .plus = 1 };
	uint64_t nodeid = 0;
	int n;

	if (fuse_opendir(&e->c, dir, &open) != 0)
		tap_bail("opendir");
	n = fuse_readdirplus(&e->c, dir, open.fh, 0, buffer, sizeof(buffer));
	d.len = n > 0 ? (size_t)n : 0;
	while (fuse_dir_next(&d, &entry) > 0)
		if (strcmp(entry.name, name) == 0)
			nodeid = entry.entry.nodeid;
	if (fuse_releasedir(&e->c, dir, open.fh) != 0)
		tap_bail("releasedir");
	return nodeid;
}

static void
host_append(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0 || write(fd, "more", 4) != 4)
		tap_bail("append to %s", path);
	close(fd);
}

/* The host changes what the guest has looked up. */
static void
test_host(struct virtiofs_env *e, uint64_t tree)
{
	uint64_t file = node_in(e, tree, "file"), dir = node_in(e, tree, "dir");
	uint64_t symlink = node_in(e, tree, "link");

	host_append(host_path(e, "tree/file"));
	is_same_node(e, tree, "file", file, "appended to on the host");
	if (chmod(host_path(e, "tree/file"), 0600) != 0)
		tap_bail("chmod");
	is_same_node(e, tree, "file", file, "its mode changed");
	host_write(host_path(e, "tree/dir/more"), "", 0644, 0, 0);
	is_same_node(e, tree, "dir", dir, "a file made in it on the host");
	if (lchown(host_path(e, "tree/link"), 5, 5) != 0)
		tap_bail("lchown");
	is_same_node(e, tree, "link", symlink, "a link's owner changed");
	if (rename(host_path(e, "tree/file"), host_path(e, "tree/moved")) != 0)
		tap_bail("rename");
	is_same_node(e, tree, "moved", file, "renamed on the host");
}

/* The guest does so itself. */
static void
test_guest(struct virtiofs_env *e, uint64_t tree)
{
	uint64_t once = node_in(e, tree, "once"), fh;

	fh = open_node(e, once, O_RDWR);
	is_same_node(e, tree, "once", once, "opened to be written");
	is_reply(fuse_write(&e->c, once, fh, 0, "x", 1), 1, "write");
	is_same_node(e, tree, "once", once, "written");
	is_reply(fuse_chmod(&e->c, once, 0640), 0, "chmod");
	is_same_node(e, tree, "once", once, "its mode changed");
	is_reply(fuse_release(&e->c, once, fh), 0, "release");
}

/*
 * One name of two is linked and written to. Without an index, overlayfs copies
 * that one up, and the other stays what it was: two files, which were one.
 */
static void
test_hard_links(struct virtiofs_env *e, uint64_t tree)
{
	uint64_t first = node_in(e, tree, "hard-1"), fh, second;
	struct fuse_entry_out entry = { .nodeid = 0 };
	struct fuse_attr_out attr;
	struct stat st[2];

	if (peer_differs(e, "copied-up-name"))
		return;
	is_reply(fuse_link(&e->c, first, tree, "hard-3", &entry), 0, "link");
	tap_ok(entry.nodeid == first, "link: one node");
	fh = open_node(e, first, O_RDWR);
	is_reply(fuse_write(&e->c, first, fh, 0, "HARDER", 6), 6, "write");
	is_same_node(e, tree, "hard-1", first, "a file that had two names");
	second = node_in(e, tree, "hard-2");
	host_lstat(host_path(e, "tree/hard-1"), &st[0]);
	host_lstat(host_path(e, "tree/hard-2"), &st[1]);
	tap_is_int(second == first, st[0].st_ino == st[1].st_ino,
	    "the other name is the same node if it is the same file");
	is_reply(fuse_getattr(&e->c, second, &attr), 0, "its getattr");
	is_attr_of(e, &attr.attr, "tree/hard-2");
	is_same_node(e, tree, "hard-1", first, "and again");
	is_same_node(e, tree, "hard-3", first, "by its new name");
	is_reply(fuse_release(&e->c, first, fh), 0, "release");
}

/* What was listed, but never used, is changed by the host. */
static void
test_listed(struct virtiofs_env *e, uint64_t tree)
{
	uint64_t dir = node_in(e, tree, "dir"), inside;
	struct fuse_attr_out attr;

	inside = node_listed(e, dir, "inside");
	tap_ok(inside != 0, "listed with its node");
	if (chmod(host_path(e, "tree/dir/inside"), 0600) != 0)
		tap_bail("chmod");
	is_reply(fuse_getattr(&e->c, inside, &attr), 0,
	    "getattr of what was listed, and then changed on the host");
	is_same_node(e, dir, "inside", inside, "listed");
	tap_ok(node_listed(e, dir, "inside") == inside, "listed again");
}

/* Returns what is wrong with the two nodes of one name, or "". */
static const char *
replaced(struct virtiofs_env *e, uint64_t dir, const char *name)
{
	struct fuse_attr_out attr = { .attr_valid = 0 };
	uint64_t first = node_listed(e, dir, name), second;
	char path[64];
	int error;

	snprintf(path, sizeof(path), "tree/dir/%s", name);
	if (unlink(host_path(e, path)) != 0)
		tap_bail("unlink %s", path);
	host_write(host_path(e, path), "22", 0644, 0, 0);
	error = fuse_getattr(&e->c, first, &attr);
	if (error == 0 && attr.attr.size != 1)
		return "the first is the second";
	if (error != 0 && error != -ESTALE)
		return "the first is in error";
	second = node_in(e, dir, name);
	if (second == first)
		return "they are one";
	if (fuse_getattr(&e->c, second, &attr) != 0 || attr.attr.size != 2)
		return "the second is not the new file";
	fuse_forget(&e->c, first, 1);
	fuse_forget(&e->c, second, 1);
	return "";
}

/*
 * The host puts another file in the place of what was listed.  It may get the
 * first one's number, and even its time of birth if both are made within a tick
 * of the clock.
 */
static void
test_replaced(struct virtiofs_env *e, uint64_t tree)
{
	const char *wrong = "", *wrong_new = "";
	uint64_t dir = node_in(e, tree, "dir");
	char name[16];

	for (int i = 0; i < GROUND_FILES && *wrong == '\0'; i++) {
		snprintf(name, sizeof(name), "%d", i);
		wrong = replaced(e, dir, name);
	}
	tap_is_str(wrong, "", "what was listed is replaced on the host");
	for (int i = 0; i < 100 && *wrong_new == '\0'; i++) {
		host_write(host_path(e, "tree/dir/x"), "1", 0644, 0, 0);
		wrong_new = replaced(e, dir, "x");
		if (unlink(host_path(e, "tree/dir/x")) != 0)
			tap_bail("unlink");
	}
	tap_is_str(wrong_new, "", "what was made just now is replaced");
}

/*
 * What is made just now is no less alive for being removed at once. It is no
 * news if a second of the clock ends between the two: then once more.
 */
static void
test_new(struct virtiofs_env *e, uint64_t tree)
{
	uint64_t dir = node_in(e, tree, "dir"), nodeid;
	struct fuse_attr_out attr = { .attr.nlink = 1 };
	int error = -ESTALE;

	for (int i = 0; i < 50 && error == -ESTALE; i++) {
		host_write(host_path(e, "tree/dir/new"), "1", 0644, 0, 0);
		nodeid = node_listed(e, dir, "new");
		if (unlink(host_path(e, "tree/dir/new")) != 0)
			tap_bail("unlink");
		error = fuse_getattr(&e->c, nodeid, &attr);
	}
	is_reply(error, 0, "getattr of what was made, listed and removed");
	tap_is_int(attr.attr.nlink, 0, "it has no name");
}

/* By another way it is another node; each is one. */
static void
test_twice(struct virtiofs_env *e, uint64_t tree)
{
	uint64_t other = node(e, "again");
	uint64_t first = node_in(e, tree, "moved");
	uint64_t second = node_in(e, other, "dir");
	struct fuse_attr_out attr;

	tap_ok(second != node_in(e, tree, "dir"), "the other is another node");
	tap_ok(second == node_in(e, other, "dir"), "and one");
	tap_ok(first == node_in(e, tree, "moved"), "as the first");
	second = node_listed(e, node_in(e, other, "dir"), "inside");
	is_reply(fuse_getattr(&e->c, second, &attr), 0, "its file");
	is_attr_of(e, &attr.attr, "again/dir/inside");
	tap_ok(second != node_in(e, node_in(e, tree, "dir"), "inside"),
	    "is not the first one's");
	/* Mount points and subvolumes, in the listing of what holds them. */
	tap_ok(node_listed(e, e->dir, "again") == other, "listed");
	is_reply(fuse_getattr(&e->c, other, &attr), 0, "getattr");
	is_attr_of(e, &attr.attr, "again");
}

static void
test_ground(const struct ground *g)
{
	struct virtiofs_env e;
	uint64_t tree;

	tap_context("%s: ", g->kind->name);
	if (g->share.missing != NULL) {
		tap_skip("%s", g->share.missing);
		return;
	}
	if (virtiofs_env_start(&e, &g->share, &options) != 0)
		tap_bail("cannot start");
	e.test = ".";
	tree = node(&e, "tree");
	test_host(&e, tree);
	test_guest(&e, tree);
	test_hard_links(&e, tree);
	test_listed(&e, tree);
	test_replaced(&e, tree);
	test_new(&e, tree);
	if (g->kind->twice)
		test_twice(&e, tree);
	tap_is_int(virtiofs_env_stop(&e), 0, "a clean end");
}

/* Every node there has been is alive, and the file that it was. */
static void
is_file(struct virtiofs_env *e, uint64_t nodeid, uint64_t size,
    const char *what)
{
	struct fuse_attr_out attr = { .attr.size = 0 };

	is_reply(fuse_getattr(&e->c, nodeid, &attr), 0, "%s", what);
	tap_is_int((long long)attr.attr.size, (long long)size,
	    "%s: the same file", what);
}

static void
test_odd(struct fixture *f)
{
	struct fixture_share share = { .fs = "FUSE" };
	struct virtiofs_env e;
	struct odd_fs *fs;
	uint64_t first;

	tap_context("changing numbers: ");
	snprintf(share.dir, sizeof(share.dir), "%s/odd", f->base);
	host_mkdir(share.dir, 0755, 0, 0);
	fs = odd_fs_start(share.dir);
	if (fs == NULL) {
		tap_skip("FUSE cannot be mounted");
		return;
	}
	if (virtiofs_env_start(&e, &share, &options) != 0)
		tap_bail("cannot start");
	first = node(&e, "a");
	for (int i = 0; i < 3; i++) {
		is_file(&e, first, ODD_FS_SIZE_A, "looked up first");
		is_file(&e, node(&e, "a"), ODD_FS_SIZE_A, "looked up");
		is_file(&e, node_listed(&e, e.dir, "a"), ODD_FS_SIZE_A,
		    "listed");
		is_file(&e, node_listed(&e, e.dir, "b"), ODD_FS_SIZE_B,
		    "the other, listed");
	}
	if (odd_fs_births(fs) == 0)
		tap_diag("this kernel's FUSE has no times of birth");
	tap_is_int(virtiofs_env_stop(&e), 0, "a clean end");
	odd_fs_stop(fs);
}

static void
body(struct fixture *f)
{
	struct ground grounds[16];
	long long end;

	if (ground_kinds_count > sizeof(grounds) / sizeof(grounds[0]))
		tap_bail("grounds");
	for (size_t i = 0; i < ground_kinds_count; i++)
		ground_make(&grounds[i], f, &ground_kinds[i]);
	/* Only what was there a second ago may wait for its first use. */
	for (end = procs_now_ms() + 2000; procs_now_ms() < end;)
		procs_sleep_us(100000);
	for (size_t i = 0; i < ground_kinds_count; i++)
		test_ground(&grounds[i]);
	test_odd(f);
}

int
main(void)
{
	return virtiofs_main(body, 300);
}
