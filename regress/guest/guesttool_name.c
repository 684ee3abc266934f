/* SPDX-License-Identifier: ISC */
/*
 * guesttool: cases about names: paths, links, renames, directories.
 * Each runs in the guest, in a new directory. Trusts the guest's kernel.
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guesttool.h"

/* All bytes that a name can hold are in one name: no other set is as odd. */
int
case_name_of_all_bytes(void)
{
	char name[NAME_LENGTH + 1];
	const struct dirent *entry;
	bool found = false;
	int byte, n = 0;
	DIR *dir;

	for (byte = 1; byte <= 0xff; byte++)
		if (byte != '/')
			name[n++] = (char)byte;
	name[n] = '\0';
	CHECK(put(name, "odd", 0644) == 0);
	CHECK(has(name, "odd"));
	dir = opendir(".");
	CHECK(dir != NULL);
	while ((entry = readdir(dir)) != NULL)
		found = found || strcmp(entry->d_name, name) == 0;
	closedir(dir);
	CHECK(found);
	CHECK(mkdir("\xff\xfe", 0755) == 0);
	CHECK(rename(name, "\xff\xfe/\x80") == 0);
	CHECK(has("\xff\xfe/\x80", "odd"));
	return 0;
}

int
case_longest_name(void)
{
	char name[NAME_LENGTH + 2];

	memset(name, 'n', sizeof(name));
	name[NAME_LENGTH] = '\0';
	CHECK(put(name, "long", 0644) == 0);
	CHECK(has(name, "long"));
	CHECK(entries(".") == 1);
	name[NAME_LENGTH] = 'n';
	name[NAME_LENGTH - 1] = '\0';
	CHECK(mkdir(name, 0755) == 0);
	CHECK(rmdir(name) == 0);
	return 0;
}

/*
 * A path that is longer than PATH_MAX on the host cannot be sent in one piece;
 * it has to fail with ENAMETOOLONG and do no harm to the levels above.
 */
int
case_deep_path(void)
{
	char name[NAME_LENGTH + 1];
	int depth;

	memset(name, 'd', NAME_LENGTH);
	name[NAME_LENGTH] = '\0';
	for (depth = 0; depth < 32; depth++) {
		if (mkdir(name, 0755) == -1)
			break;
		CHECK(chdir(name) == 0);
	}
	CHECK(errno == ENAMETOOLONG);
	CHECK(depth == 15);
	CHECK(put("deep", "deep", 0644) == 0);
	CHECK(has("deep", "deep"));
	CHECK(entries(".") == 1);
	CHECK(unlink("deep") == 0);
	while (depth-- > 0) {
		CHECK(chdir("..") == 0);
		CHECK(rmdir(name) == 0);
	}
	return 0;
}

int
case_dotdot(void)
{
	struct stat here, there;

	CHECK(mkdir("a", 0755) == 0);
	CHECK(mkdir("a/b", 0755) == 0);
	CHECK(mkdir("a/b/c", 0755) == 0);
	CHECK(put("top", "top", 0644) == 0);
	CHECK(chdir("a/b/c") == 0);
	CHECK(has("../../../top", "top"));
	CHECK(put("../../side", "side", 0644) == 0);
	CHECK(stat("../..", &here) == 0);
	CHECK(chdir("../..") == 0);
	CHECK(stat(".", &there) == 0);
	CHECK(here.st_ino == there.st_ino);
	CHECK(has("side", "side"));
	CHECK(rename("b/../side", "b/c/../moved") == 0);
	CHECK(has("b/moved", "side"));
	return 0;
}

int
case_exclusive_and_missing(void)
{
	char buf[8];

	CHECK(put("file", "x", 0644) == 0);
	CHECK(mkdir("dir", 0755) == 0);
	CHECK(put("dir/inside", "y", 0644) == 0);
	REFUSED(open("file", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	REFUSED(open("missing", O_RDONLY), ENOENT);
	REFUSED(open("missing/file", O_CREAT | O_RDWR, 0600), ENOENT);
	REFUSED(open("file/below", O_RDONLY), ENOTDIR);
	REFUSED(open("dir", O_WRONLY), EISDIR);
	REFUSED(mkdir("file", 0755), EEXIST);
	REFUSED(mkdir("dir", 0755), EEXIST);
	REFUSED(symlink("x", "file"), EEXIST);
	REFUSED(link("file", "dir"), EEXIST);
	REFUSED(mknod("file", S_IFIFO | 0600, 0), EEXIST);
	REFUSED(rmdir("dir"), ENOTEMPTY);
	REFUSED(rmdir("file"), ENOTDIR);
	REFUSED(unlink("missing"), ENOENT);
	REFUSED(unlink("dir"), EISDIR);
	REFUSED(truncate("missing", 0), ENOENT);
	REFUSED(chmod("missing", 0600), ENOENT);
	REFUSED(readlink("file", buf, sizeof(buf)), EINVAL);
	CHECK(has("file", "x") && has("dir/inside", "y"));
	return 0;
}

int
case_rename(void)
{
	char buf[8];
	int fd;

	CHECK(put("one", "1", 0644) == 0);
	CHECK(put("two", "2", 0644) == 0);
	CHECK(mkdir("dir", 0755) == 0);
	CHECK(mkdir("full", 0755) == 0);
	CHECK(put("full/file", "f", 0644) == 0);
	CHECK(rename("one", "two") == 0);
	CHECK(has("two", "1") && entries(".") == 3);
	REFUSED(rename("two", "dir"), EISDIR);
	REFUSED(rename("dir", "two"), ENOTDIR);
	REFUSED(rename("dir", "full"), ENOTEMPTY);
	REFUSED(rename("missing", "new"), ENOENT);
	REFUSED(rename("full", "full/below"), EINVAL);

	/* The directory of an open file moves, and another takes its name. */
	fd = open("full/file", O_RDWR);
	CHECK(fd != -1);
	CHECK(rename("full", "dir") == 0);
	CHECK(mkdir("full", 0755) == 0);
	CHECK(put("full/file", "other", 0644) == 0);
	CHECK(pwrite(fd, "moved", 5, 0) == 5);
	CHECK(pread(fd, buf, sizeof(buf), 0) == 5);
	CHECK(close(fd) == 0);
	CHECK(has("dir/file", "moved") && has("full/file", "other"));
	return 0;
}

int
case_hard_links(void)
{
	struct stat one, two;

	CHECK(put("one", "linked", 0644) == 0);
	CHECK(mkdir("dir", 0755) == 0);
	CHECK(link("one", "dir/two") == 0);
	CHECK(stat("one", &one) == 0 && stat("dir/two", &two) == 0);
	CHECK(one.st_ino == two.st_ino && one.st_nlink == 2);
	CHECK(unlink("one") == 0);
	CHECK(stat("dir/two", &two) == 0 && two.st_nlink == 1);
	CHECK(has("dir/two", "linked"));
	REFUSED(link("dir", "loop"), EPERM);
	CHECK(symlink("nowhere", "symlink") == 0);
	CHECK(linkat(AT_FDCWD, "symlink", AT_FDCWD, "symlink2", 0) == 0);
	CHECK(S_ISLNK(mode_of("symlink2")));
	return 0;
}

int
case_symlinks(void)
{
	char target[4001], buf[PATH_MAX];

	memset(target, 't', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	CHECK(symlink(target, "long") == 0);
	CHECK(readlink("long", buf, sizeof(buf)) == sizeof(target) - 1);
	CHECK(memcmp(buf, target, sizeof(target) - 1) == 0);
	CHECK(symlink("missing", "dangling") == 0);
	CHECK(S_ISLNK(mode_of("dangling")));
	REFUSED(open("dangling", O_RDONLY), ENOENT);
	REFUSED(open("dangling", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK(symlink("self", "self") == 0);
	REFUSED(open("self", O_RDONLY), ELOOP);
	CHECK(mkdir("dir", 0755) == 0);
	CHECK(put("dir/file", "in", 0644) == 0);
	CHECK(symlink("dir", "to-dir") == 0);
	CHECK(has("to-dir/file", "in"));
	CHECK(symlink("../dir/file", "dir/up") == 0);
	CHECK(has("dir/up", "in"));
	return 0;
}

/* The guest's own file is meant, not a file of the host or of the share. */
int
case_absolute_symlink(void)
{
	CHECK(put("/tmp/guests", "guest's own", 0644) == 0);
	CHECK(symlink("/tmp/guests", "absolute") == 0);
	CHECK(has("absolute", "guest's own"));
	CHECK(unlink("/tmp/guests") == 0);
	REFUSED(open("absolute", O_RDONLY), ENOENT);
	return 0;
}

int
case_readdir_while_removing(void)
{
	const struct dirent *entry;
	char name[16];
	int i, removed = 0;
	DIR *dir;

	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "entry%d", i);
		CHECK(put(name, "", 0600) == 0);
	}
	dir = opendir(".");
	CHECK(dir != NULL);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && unlink(entry->d_name) == 0)
			removed++;
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL)
		CHECK(entry->d_name[0] == '.');
	closedir(dir);
	CHECK(removed == 40);
	return 0;
}

int
case_rename_flags(void)
{
	struct stat one, two;

	CHECK(put("one", "1", 0644) == 0);
	CHECK(put("two", "2", 0644) == 0);
	REFUSED(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_NOREPLACE),
	    EEXIST);
	CHECK(has("one", "1") && has("two", "2"));
	CHECK(renameat2(AT_FDCWD, "one", AT_FDCWD, "three",
	    RENAME_NOREPLACE) == 0);
	CHECK(has("three", "1") && entries(".") == 2);

	CHECK(stat("two", &two) == 0 && stat("three", &one) == 0);
	CHECK(renameat2(AT_FDCWD, "two", AT_FDCWD, "three",
	    RENAME_EXCHANGE) == 0);
	CHECK(has("two", "1") && has("three", "2"));
	CHECK(mkdir("dir", 0755) == 0 && put("dir/in", "in", 0644) == 0);
	CHECK(renameat2(AT_FDCWD, "dir", AT_FDCWD, "two",
	    RENAME_EXCHANGE) == 0);
	CHECK(has("two/in", "in") && has("dir", "1"));
	CHECK(stat("dir", &two) == 0 && two.st_ino == one.st_ino);
	CHECK(renameat2(AT_FDCWD, "two/in", AT_FDCWD, "dir",
	    RENAME_EXCHANGE) == 0);
	CHECK(has("two/in", "1") && has("dir", "in"));
	REFUSED(renameat2(AT_FDCWD, "dir", AT_FDCWD, "none", RENAME_EXCHANGE),
	    ENOENT);
	REFUSED(renameat2(AT_FDCWD, "two", AT_FDCWD, "two/in",
	    RENAME_EXCHANGE), EINVAL);
	return 0;
}

int
case_many_links(void)
{
	char name[16];
	struct stat st;
	ino_t inode;
	int i, fd;

	CHECK(put("link0", "first", 0644) == 0);
	CHECK(stat("link0", &st) == 0);
	inode = st.st_ino;
	CHECK(mkdir("dir", 0755) == 0);
	for (i = 1; i < 40; i++) {
		snprintf(name, sizeof(name), i % 2 ? "dir/link%d" : "link%d",
		    i);
		CHECK(link("link0", name) == 0);
		CHECK(stat(name, &st) == 0 && st.st_ino == inode);
	}
	CHECK(st.st_nlink == 40);
	fd = open("dir/link39", O_WRONLY);
	CHECK(fd != -1);
	CHECK(unlink("link0") == 0 && unlink("dir/link39") == 0);
	CHECK(write(fd, "again", 5) == 5);
	CHECK(has("link2", "again") && has("dir/link37", "again"));
	CHECK(close(fd) == 0);
	CHECK(stat("link2", &st) == 0 && st.st_nlink == 38);
	CHECK(rename("link2", "link4") == 0);
	CHECK(entries(".") == 20);	/* rename(2): two links, nothing done */
	return 0;
}
