/* SPDX-License-Identifier: ISC */
/*
 * POSIX cases of link, unlink and rmdir. Test code.
 */
#include "posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tap.h"

static void
test_unlink(const struct posix *p)
{
	struct mark dir, file;
	int fd;

	(void)p;
	make_dir("d", 0755, 0, 0);
	make_content("d/f", "content");
	WORKS(link("d/f", "d/g"));
	WORKS(symlink("f", "d/l"));
	fd = must_open("d/f", O_RDONLY, 0);
	dir = mark_path("d");
	file = mark_path("d/g");
	WORKS(unlink("d/f"));
	is_touched(&dir, C | M);
	is_touched(&file, C);
	is_gone("d/f");
	is_nlink("d/g", 1);
	IS(stat_fd(fd).st_nlink, 1);
	dir = mark_path("d");
	file = mark_fd(fd, "an open file");
	WORKS(unlink("d/g"));
	is_touched(&dir, C | M);
	is_touched(&file, C);
	IS(stat_fd(fd).st_nlink, 0);
	close(fd);
	make_content("d/f", "target");
	WORKS(unlink("d/l"));
	is_content("d/f", "target");
	FAILS(ENOENT, unlink("d/g"));
	FAILS(EISDIR, unlink("d"));
	WORKS(mkfifo("d/p", 0644));
	WORKS(mknod("d/s", S_IFSOCK | 0644, 0));
	WORKS(mknod("d/c", S_IFCHR | 0644, 0x103));
	WORKS(unlink("d/p"));
	WORKS(unlink("d/s"));
	WORKS(unlink("d/c"));
	WORKS(unlinkat(AT_FDCWD, "d/f", 0));
	WORKS(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
}

static void
test_rmdir(const struct posix *p)
{
	struct mark dir;
	int fd;

	(void)p;
	make_dir("d", 0755, 0, 0);
	make_dir("d/sub", 0755, 0, 0);
	make_dir("d/full", 0755, 0, 0);
	make_file("d/full/f", 0644, 0, 0);
	make_file("f", 0644, 0, 0);
	WORKS(symlink("d/sub", "link"));
	FAILS(ENOTEMPTY, rmdir("d"));
	FAILS(ENOTEMPTY, rmdir("d/full"));
	FAILS(ENOTDIR, rmdir("f"));
	FAILS(ENOTDIR, rmdir("link"));
	FAILS(EINVAL, rmdir("d/sub/."));
	FAILS(ENOTEMPTY, rmdir("d/sub/.."));
	FAILS(ENOTDIR, unlinkat(AT_FDCWD, "f", AT_REMOVEDIR));
	is_nlink("d", 4);
	fd = must_open("d/sub", O_RDONLY | O_DIRECTORY, 0);
	dir = mark_path("d");
	WORKS(rmdir("d/sub"));
	is_touched(&dir, C | M);
	is_nlink("d", 3);
	is_gone("d/sub");
	IS(stat_fd(fd).st_nlink, 0);
	/* Whoever is still in it makes nothing there. */
	OPEN_FAILS(ENOENT, openat(fd, "f", O_CREAT | O_WRONLY, 0644));
	FAILS(ENOENT, mkdirat(fd, "d", 0755));
	FAILS(ENOENT, symlinkat("x", fd, "l"));
	FAILS(ENOENT, linkat(AT_FDCWD, "f", fd, "g", 0));
	FAILS(ENOENT, renameat(AT_FDCWD, "f", fd, "g"));
	WORKS(fchmod(fd, 0700));
	close(fd);
	WORKS(unlink("d/full/f"));
	WORKS(rmdir("d/full"));
	WORKS(rmdir("d"));
	FAILS(ENOENT, rmdir("d"));
}

static void
test_link(const struct posix *p)
{
	struct mark dir, file;
	int fd;

	(void)p;
	make_dir("d", 0755, 0, 0);
	make_content("f", "shared");
	dir = mark_path("d");
	file = mark_path("f");
	WORKS(link("f", "d/g"));
	is_touched(&dir, C | M);
	is_touched(&file, C);
	is_nlink("f", 2);
	is_nlink("d/g", 2);
	IS(stat_of("f").st_ino, stat_of("d/g").st_ino);
	make_content("d/g", "SHARED again");
	is_content("f", "SHARED again");
	WORKS(chmod("d/g", 0600));
	is_mode("f", 0600);
	WORKS(link("d/g", "h"));
	is_nlink("f", 3);
	is_nlink("d/g", 3);
	FAILS(EEXIST, link("f", "h"));
	FAILS(EPERM, link("d", "dd"));
	FAILS(EXDEV, link("/proc/self/stat", "x"));
	FAILS(ENOENT, link("none", "x"));
	fd = must_open("f", O_RDONLY, 0);
	WORKS(unlink("f"));
	is_nlink("h", 2);
	WORKS(unlink("d/g"));
	WORKS(unlink("h"));
	IS(stat_fd(fd).st_nlink, 0);
	close(fd);
}

static void
test_link_kinds(const struct posix *p)
{
	(void)p;
	make_content("f", "target");
	WORKS(symlink("f", "l"));
	WORKS(link("l", "l2"));
	IS(S_ISLNK(stat_of("l2").st_mode), 1);
	IS(stat_of("l").st_ino, stat_of("l2").st_ino);
	is_nlink("l", 2);
	WORKS(linkat(AT_FDCWD, "l", AT_FDCWD, "f2", AT_SYMLINK_FOLLOW));
	IS(stat_of("f2").st_ino, stat_of("f").st_ino);
	is_nlink("f", 2);
	WORKS(mkfifo("p", 0644));
	WORKS(link("p", "p2"));
	is_nlink("p", 2);
	WORKS(mknod("c", S_IFCHR | 0644, 0x103));
	WORKS(link("c", "c2"));
	IS(stat_of("c2").st_rdev, 0x103);
	FAILS(EINVAL, linkat(AT_FDCWD, "f", AT_FDCWD, "x", 0x40));
}

static void
test_link_other(const struct posix *p)
{
	char path[256];

	make_file("f", 0644, 0, 0);
	snprintf(path, sizeof(path), "%s/f", p->other);
	FAILS(EXDEV, link("f", path));
	FAILS(EXDEV, rename("f", path));
	make_file(path, 0644, 0, 0);
	FAILS(EXDEV, link(path, "g"));
	FAILS(EXDEV, rename(path, "g"));
	FAILS(EXDEV, rename(path, "f"));
	WORKS(unlink(path));
	is_nlink("f", 1);
}

/* In a sticky directory only owners remove and rename. */
static void
test_sticky(const struct posix *p)
{
	(void)p;
	make_dir("s", 01777, USER_B, GROUP_B);
	make_file("s/a1", 0666, USER_A, GROUP_A);
	make_file("s/a2", 0666, USER_A, GROUP_A);
	make_file("s/b", 0666, USER_B, GROUP_B);
	make_file("s/r1", 0666, 0, 0);
	make_file("s/r2", 0666, 0, 0);
	make_dir("s/rd", 0777, 0, 0);
	make_dir("s/ad", 0777, USER_A, GROUP_A);
	WORKS(chmod(".", 0777));
	become(USER_A, GROUP_A, GROUP_B);
	FAILS(EPERM, unlink("s/b"));
	FAILS(EPERM, unlink("s/r1"));
	FAILS(EPERM, rmdir("s/rd"));
	FAILS(EPERM, rename("s/b", "s/mine"));
	FAILS(EPERM, rename("s/b", "out"));
	FAILS(EPERM, rename("s/a1", "s/b"));
	FAILS(EPERM, rename("s/ad", "s/rd"));
	FAILS(EPERM, renameat2(AT_FDCWD, "s/a1", AT_FDCWD, "s/b",
	    RENAME_EXCHANGE));
	WORKS(unlink("s/a1"));
	WORKS(rename("s/a2", "s/a3"));
	OPENS(open("s/new", O_CREAT | O_EXCL | O_RDWR, 0644));
	WORKS(rename("s/new", "s/a3"));
	WORKS(rmdir("s/ad"));
	become(USER_B, GROUP_B, 0);
	/* The directory's owner. */
	WORKS(unlink("s/a3"));
	WORKS(unlink("s/r1"));
	WORKS(rename("s/rd", "s/rd2"));
	WORKS(rmdir("s/rd2"));
	become_root();
	WORKS(unlink("s/b"));
	WORKS(unlink("s/r2"));
	WORKS(rmdir("s"));
}

const struct posix_case posix_remove_cases[] = {
	{ "unlink", test_unlink },
	{ "rmdir", test_rmdir },
	{ "link", test_link },
	{ "link of kinds", test_link_kinds },
	{ "other file system", test_link_other },
	{ "sticky", test_sticky },
	{ NULL, NULL }
};
