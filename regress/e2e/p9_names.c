/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: requests that move, link, remove and read names (T_LINK,
 * T_RENAME, T_REMOVE, T_READLINK), and bytes that a name may hold.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "p9_suite.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static ino_t
inode(struct p9_env *e, const char *name)
{
	struct stat st;

	return lstat(host(e, name), &st) == 0 ? st.st_ino : 0;
}

static void
test_link(struct p9_env *e)
{
	static const char *const names[] = { "file", "symlink", "fifo" };
	struct stat st;
	char name[32];

	host_write(host(e, "file"), "content", 0600, 7, 8);
	host_symlink("file", host(e, "symlink"));
	host_mknod(host(e, "fifo"), S_IFIFO | 0600, 0);
	host_mkdir(host(e, "d"), 0755, 0, 0);
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(name, sizeof(name), "d/%s", names[i]);
		is_result(p9_link(&e->c, guest(e, names[i]), guest(e, name)),
		    0, "link to %s", names[i]);
		tap_ok(inode(e, name) != 0 &&
		    inode(e, name) == inode(e, names[i]), "the same inode");
		host_lstat(host(e, names[i]), &st);
		tap_is_int((long long)st.st_nlink, 2, "two links");
	}
	is_result(p9_link(&e->c, guest(e, "file"), guest(e, "fifo")),
	    -EEXIST, "onto another file");
	is_result(p9_link(&e->c, guest(e, "d"), guest(e, "d2")), -EPERM,
	    "of a directory");
	is_result(p9_link(&e->c, guest(e, "missing"), guest(e, "x")),
	    -ENOENT, "of a missing file");
	is_result(p9_link(&e->c, guest(e, "file"), guest(e, "no/x")),
	    -ENOENT, "into a missing directory");
	tap_ok(!host_exists(host(e, "x")) && !host_exists(host(e, "d2")),
	    "nothing was made");
}

static void
is_renamed(struct p9_env *e, const char *from, const char *to)
{
	ino_t was = inode(e, from);

	is_result(p9_rename(&e->c, guest(e, from), guest(e, to)), 0,
	    "%s to %s", from, to);
	tap_ok(inode(e, to) == was && inode(e, from) == 0, "it is there now");
}

static void
test_rename(struct p9_env *e)
{
	host_write(host(e, "a"), "a", 0600, 7, 8);
	host_write(host(e, "b"), "b", 0600, 7, 8);
	host_symlink("b", host(e, "symlink"));
	host_mkdir(host(e, "d"), 0700, 5, 5);
	host_mkdir(host(e, "empty"), 0755, 0, 0);
	host_mkdir(host(e, "full"), 0755, 0, 0);
	host_write(host(e, "full/x"), "", 0600, 0, 0);
	is_renamed(e, "a", "a2");
	is_renamed(e, "a2", "b");
	tap_is_str(host_read(host(e, "b")), "a", "the other file is gone");
	is_renamed(e, "b", "d/b");
	is_renamed(e, "d/b", "full/b");
	is_renamed(e, "symlink", "d/symlink");
	is_renamed(e, "d", "empty");
	is_renamed(e, "empty", "full/d");
	is_result(p9_rename(&e->c, guest(e, "full/d"), guest(e, "full/b")),
	    -ENOTDIR, "a directory onto a file");
	is_result(p9_rename(&e->c, guest(e, "full/b"), guest(e, "full/d")),
	    -EISDIR, "a file onto a directory");
	is_result(p9_rename(&e->c, guest(e, "full"), guest(e, "full/d/y")),
	    -EINVAL, "a directory into itself");
	host_mkdir(host(e, "other"), 0755, 0, 0);
	is_result(p9_rename(&e->c, guest(e, "other"), guest(e, "full")),
	    -ENOTEMPTY, "onto a full directory");
	is_result(p9_rename(&e->c, guest(e, "missing"), guest(e, "x")),
	    -ENOENT, "a missing file");
	is_result(p9_rename(&e->c, guest(e, "full/b"), guest(e, "no/x")),
	    -ENOENT, "into a missing directory");
	is_error(p9_rename(&e->c, "/", guest(e, "x")), "the root");
	is_error(p9_rename(&e->c, guest(e, "other"), "/"), "onto the root");
	is_error(p9_rename(&e->c, guest(e, "full/."), guest(e, "x")),
	    "a dot");
	is_error(p9_rename(&e->c, guest(e, "other/.."), guest(e, "x")),
	    "two dots");
	tap_ok(inode(e, "x") == 0 && inode(e, "other") != 0,
	    "nothing was moved");
}

static void
test_rename_hardlink(struct p9_env *e)
{
	host_write(host(e, "a"), "a", 0600, 7, 8);
	if (link(host(e, "a"), host(e, "b")) != 0)
		tap_bail("link");
	is_result(p9_rename(&e->c, guest(e, "a"), guest(e, "b")), 0,
	    "one name of a file onto another");
	tap_ok(inode(e, "a") != 0 && inode(e, "a") == inode(e, "b"),
	    "both stay, as in rename(2)");
}

static void
test_remove(struct p9_env *e)
{
	static const char *const gone[] = { "file", "closed", "fifo",
	    "socket", "null", "symlink", "dlink", "dangling", "empty" };
	static const char *const kept[] = { "full/.", "full/..", ".", "..",
	    "full/x/..", "full/d/." };

	host_write(host(e, "file"), "", 0600, 7, 8);
	host_write(host(e, "closed"), "", 0, 7, 8);
	host_mkdir(host(e, "full"), 0500, 7, 7);
	host_mkdir(host(e, "full/d"), 0755, 7, 7);
	host_write(host(e, "full/x"), "", 0600, 0, 0);
	host_mkdir(host(e, "empty"), 0, 7, 7);
	host_mknod(host(e, "fifo"), S_IFIFO | 0600, 0);
	host_mknod(host(e, "socket"), S_IFSOCK | 0600, 0);
	host_mknod(host(e, "null"), S_IFCHR | 0600, 0x103);
	host_symlink("full/x", host(e, "symlink"));
	host_symlink("full", host(e, "dlink"));
	host_symlink("missing", host(e, "dangling"));
	for (size_t i = 0; i < COUNT(gone); i++) {
		is_result(p9_remove(&e->c, guest(e, gone[i])), 0, "%s",
		    gone[i]);
		tap_ok(inode(e, gone[i]) == 0, "is gone");
	}
	is_result(p9_remove(&e->c, guest(e, "full")), -ENOTEMPTY,
	    "a full directory");
	is_result(p9_remove(&e->c, guest(e, "missing")), -ENOENT,
	    "a missing file");
	is_result(p9_remove(&e->c, guest(e, "full/x/y")), -ENOTDIR,
	    "below a file");
	is_error(p9_remove(&e->c, "/"), "the root");
	for (size_t i = 0; i < COUNT(kept); i++)
		is_error(p9_remove(&e->c, guest(e, kept[i])), "%s", kept[i]);
	tap_ok(inode(e, "full") != 0 && inode(e, "full/x") != 0 &&
	    inode(e, "full/d") != 0, "the rest is there");
	is_result(p9_remove(&e->c, guest(e, "full/x")), 0,
	    "a file of another in a directory of another");
	is_result(p9_remove(&e->c, guest(e, "full/d")), 0,
	    "and its directory");
	is_result(p9_remove(&e->c, guest(e, "full")), 0, "now it is empty");
}

static void
test_readlink(struct p9_env *e)
{
	static const char *const targets[] = { "x", "/etc/passwd", "../..",
	    "\xff\xfe\x01 \n", "a//b/." };
	char longest[4096], got[8192], name[32];
	size_t len;

	for (size_t i = 0; i < COUNT(targets); i++) {
		snprintf(name, sizeof(name), "l%zu", i);
		host_symlink(targets[i], host(e, name));
		is_result(p9_readlink(&e->c, guest(e, name), 4096, got,
		    &len), 0, "target %s", targets[i]);
		tap_is_str(got, targets[i], "as it is stored");
	}
	memset(longest, 'y', sizeof(longest));
	longest[4095] = '\0';
	host_symlink(longest, host(e, "long"));
	is_result(p9_readlink(&e->c, guest(e, "long"), 4096, got, &len), 0,
	    "a target of 4095 bytes");
	tap_is_str(got, longest, "is whole");
	host_write(host(e, "file"), "", 0600, 0, 0);
	is_result(p9_readlink(&e->c, guest(e, "file"), 4096, got, &len),
	    -EINVAL, "a file");
	is_result(p9_readlink(&e->c, "/", 4096, got, &len), -EINVAL,
	    "the root");
	is_result(p9_readlink(&e->c, guest(e, "missing"), 4096, got, &len),
	    -ENOENT, "a missing file");
}

static void
test_readlink_size(struct p9_env *e)
{
	static const int32_t refused[] = { 0, -1, INT_MIN, -4096 };
	char got[70000];
	size_t len;

	host_symlink("0123456789", host(e, "link"));
	is_result(p9_readlink(&e->c, guest(e, "link"), 11, got, &len), 0,
	    "a size of one more than the length");
	tap_is_str(got, "0123456789", "gives all of it");
	/* The client takes no more than size - 1 bytes in any case. */
	if (!differs(e, "D13"))
		for (int32_t size = 10; size > 0; size--)
			is_error(p9_readlink(&e->c, guest(e, "link"), size,
			    got, &len), "size %d is too short", size);
	if (!differs(e, "D4"))
		for (size_t i = 0; i < COUNT(refused); i++)
			is_result(p9_readlink(&e->c, guest(e, "link"),
			    refused[i], got, &len), -EINVAL, "size %d",
			    refused[i]);
	if (differs(e, "D5"))
		return;
	is_result(p9_readlink(&e->c, guest(e, "link"), INT_MAX, got, &len),
	    0, "the largest size");
	tap_is_str(got, "0123456789", "gives all of it");
}

/* Every byte that Linux allows in a name, and the longest names. */
static void
is_usable(struct p9_env *e, const char *name)
{
	char other[300];
	struct p9_stat st;
	int fd, error;

	error = p9_create(&e->c, guest(e, name), O_CREAT | O_EXCL | O_RDWR,
	    0600, 0, 0, &fd);
	is_result(error, 0, "create");
	if (fd >= 0)
		close(fd);
	tap_ok(host_exists(host(e, name)), "the host has it");
	is_result(p9_lstat(&e->c, guest(e, name), &st), 0, "lstat");
	is_result(p9_open(&e->c, guest(e, name), O_RDONLY, &fd), 0, "open");
	if (fd >= 0)
		close(fd);
	snprintf(other, sizeof(other), "%s", name);
	other[strlen(other) - 1] = 'Z';
	is_result(p9_link(&e->c, guest(e, name), guest(e, other)), 0,
	    "link");
	is_result(p9_remove(&e->c, guest(e, name)), 0, "remove");
	is_result(p9_rename(&e->c, guest(e, other), guest(e, name)), 0,
	    "rename");
	is_result(p9_remove(&e->c, guest(e, name)), 0, "remove again");
	is_result(p9_mkdir(&e->c, guest(e, name), 0755, 0, 0), 0, "mkdir");
	is_result(p9_remove(&e->c, guest(e, name)), 0, "remove it");
	is_result(p9_symlink(&e->c, name, guest(e, name), 0, 0), 0,
	    "symlink");
	is_result(p9_remove(&e->c, guest(e, name)), 0, "remove it");
	is_result(p9_mknod(&e->c, guest(e, name), S_IFIFO | 0600, 0, 0, 0),
	    0, "mknod");
	is_result(p9_remove(&e->c, guest(e, name)), 0, "remove it");
}

static void
test_bytes(struct p9_env *e)
{
	char name[256];
	size_t n = 0;

	for (int byte = 1; byte < 256; byte++)
		if (byte != '/')
			name[n++] = (char)byte;
	name[n] = '\0';
	is_usable(e, name);
	is_usable(e, "...");
	is_usable(e, " ");
	is_usable(e, "-rf");
	is_usable(e, "\xc3\x28");
	memset(name, 'n', 255);
	name[255] = '\0';
	is_usable(e, name);
}

static void
test_long_name(struct p9_env *e)
{
	char name[257], buffer[16];
	struct p9_stat st;
	size_t len;
	int fd;

	memset(name, 'n', 256);
	name[256] = '\0';
	host_write(host(e, "file"), "", 0600, 0, 0);
	is_result(p9_create(&e->c, guest(e, name), O_CREAT | O_RDWR, 0600, 0,
	    0, &fd), -ENAMETOOLONG, "create of 256 bytes");
	is_result(p9_mkdir(&e->c, guest(e, name), 0700, 0, 0),
	    -ENAMETOOLONG, "mkdir of 256 bytes");
	is_result(p9_mknod(&e->c, guest(e, name), S_IFREG | 0600, 0, 0, 0),
	    -ENAMETOOLONG, "mknod of 256 bytes");
	is_result(p9_symlink(&e->c, "x", guest(e, name), 0, 0),
	    -ENAMETOOLONG, "symlink of 256 bytes");
	is_result(p9_link(&e->c, guest(e, "file"), guest(e, name)),
	    -ENAMETOOLONG, "link of 256 bytes");
	is_result(p9_rename(&e->c, guest(e, "file"), guest(e, name)),
	    -ENAMETOOLONG, "rename to 256 bytes");
	is_result(p9_rename(&e->c, guest(e, name), guest(e, "x")),
	    -ENAMETOOLONG, "rename of 256 bytes");
	is_result(p9_remove(&e->c, guest(e, name)), -ENAMETOOLONG,
	    "remove of 256 bytes");
	is_result(p9_lstat(&e->c, guest(e, name), &st), -ENAMETOOLONG,
	    "lstat of 256 bytes");
	is_result(p9_open(&e->c, guest(e, name), O_RDONLY, &fd),
	    -ENAMETOOLONG, "open of 256 bytes");
	is_result(p9_readlink(&e->c, guest(e, name), 16, buffer, &len),
	    -ENAMETOOLONG, "readlink of 256 bytes");
	is_result(p9_chmod(&e->c, guest(e, name), 0600), -ENAMETOOLONG,
	    "chmod of 256 bytes");
}

/* A NUL that a name's length counts is taken as the end of it. */
static void
test_trailing_nul(struct p9_env *e)
{
	const char *name = guest(e, "new"), *to = guest(e, "to");
	struct p9_msg m;

	p9_msg_start(&m, P9_MKDIR);
	p9_msg_u32(&m, 1000);
	p9_msg_u32(&m, 1000);
	p9_msg_bytes(&m, name, strlen(name) + 1);
	p9_msg_u32(&m, 0755);
	is_result(p9_exchange(&e->c, &m), 0, "mkdir");
	tap_ok(inode(e, "new") != 0, "the directory is there");
	p9_msg_start(&m, P9_RENAME);
	p9_msg_bytes(&m, name, strlen(name) + 1);
	p9_msg_bytes(&m, to, strlen(to) + 1);
	is_result(p9_exchange(&e->c, &m), 0, "rename");
	tap_ok(inode(e, "to") != 0, "the directory is there");
	p9_msg_start(&m, P9_LSTAT);
	p9_msg_bytes(&m, to, strlen(to));
	is_result(p9_exchange(&e->c, &m), 0, "a path without its NUL");
	p9_msg_start(&m, P9_REMOVE);
	p9_msg_bytes(&m, to, strlen(to) + 1);
	is_result(p9_exchange(&e->c, &m), 0, "remove");
	tap_ok(inode(e, "to") == 0, "the directory is gone");
}

static const struct p9_test tests[] = {
	{ "link", test_link },
	{ "rename", test_rename },
	{ "rename-hardlink", test_rename_hardlink },
	{ "remove", test_remove },
	{ "readlink", test_readlink },
	{ "readlink-size", test_readlink_size },
	{ "bytes", test_bytes },
	{ "long-name", test_long_name },
	{ "trailing-nul", test_trailing_nul },
};

int
main(void)
{
	static const struct p9_suite suite = { .tests = tests,
	    .count = COUNT(tests) };

	return p9_suite_main(&suite);
}
