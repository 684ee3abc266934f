/* SPDX-License-Identifier: ISC */
/*
 * POSIX cases of rename(2), and Linux's renameat2(2). Test code.
 */
#include "posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

static void
test_file(const struct posix *p)
{
	struct mark from, to, file;
	ino_t ino;

	(void)p;
	make_dir("a", 0755, 0, 0);
	make_dir("b", 0755, 0, 0);
	make_content("a/f", "content");
	ino = stat_of("a/f").st_ino;
	from = mark_path("a");
	file = mark_path("a/f");
	WORKS(rename("a/f", "a/g"));
	is_touched(&from, C | M);
	file.path = "a/g";
	is_touched(&file, C);
	is_gone("a/f");
	IS(stat_of("a/g").st_ino, ino);
	from = mark_path("a");
	to = mark_path("b");
	WORKS(rename("a/g", "b/h"));
	is_touched(&from, C | M);
	is_touched(&to, C | M);
	is_gone("a/g");
	is_content("b/h", "content");
	IS(stat_of("b/h").st_ino, ino);
	is_nlink("b/h", 1);
	from = mark_path("b");
	WORKS(rename("b/h", "b/h"));
	is_touched(&from, 0);
	FAILS(ENOENT, rename("b/none", "b/i"));
	FAILS(ENOENT, rename("b/h", "none/i"));
	is_touched(&from, 0);
	is_content("b/h", "content");
}

static void
test_replace(const struct posix *p)
{
	struct mark old, dir;
	int fd;

	(void)p;
	make_dir("d", 0755, 0, 0);
	make_content("d/new", "new");
	make_content("d/old", "old");
	WORKS(link("d/old", "d/old2"));
	fd = must_open("d/old", O_RDWR, 0);
	dir = mark_path("d");
	old = mark_fd(fd, "what is replaced");
	WORKS(rename("d/new", "d/old"));
	is_touched(&dir, C | M);
	is_touched(&old, C);
	is_gone("d/new");
	is_content("d/old", "new");
	IS(stat_fd(fd).st_nlink, 1);
	is_content("d/old2", "old");
	make_content("d/newer", "newer");
	WORKS(rename("d/newer", "d/old2"));
	IS(stat_fd(fd).st_nlink, 0);
	IS(pread(fd, &(char[4]){ 0 }, 4, 0), 3);
	IS(pwrite(fd, "OLD", 3, 0), 3);
	close(fd);
	is_content("d/old2", "newer");
	/* Two names of one file: nothing happens, rename(2). */
	WORKS(link("d/old", "d/same"));
	dir = mark_path("d");
	WORKS(rename("d/old", "d/same"));
	is_nlink("d/old", 2);
	is_nlink("d/same", 2);
	is_touched(&dir, 0);
}

/* What may replace what. */
static void
test_kinds(const struct posix *p)
{
	(void)p;
	make_file("f", 0644, 0, 0);
	make_dir("d", 0755, 0, 0);
	make_dir("full", 0755, 0, 0);
	make_dir("full/sub", 0755, 0, 0);
	WORKS(symlink("d", "l"));
	WORKS(mkfifo("p", 0644));
	FAILS(EISDIR, rename("f", "d"));
	FAILS(EISDIR, rename("l", "d"));
	FAILS(EISDIR, rename("p", "full"));
	FAILS(ENOTDIR, rename("d", "f"));
	FAILS(ENOTDIR, rename("d", "l"));
	FAILS(ENOTDIR, rename("d", "p"));
	FAILS(ENOTEMPTY, rename("d", "full"));
	FAILS(EINVAL, rename("full", "full/sub/new"));
	FAILS(EINVAL, rename("full", "full/sub"));
	FAILS(ENOTEMPTY, rename("full/sub", "full"));
	FAILS(EBUSY, rename("d/.", "x"));
	FAILS(EBUSY, rename("full/sub/..", "x"));
	FAILS(EBUSY, rename("d", "full/."));
	WORKS(rename("full", "d"));
	is_gone("full");
	is_nlink("d", 3);
	WORKS(rename("f", "p"));
	IS(S_ISREG(stat_of("p").st_mode), 1);
	WORKS(rename("p", "l"));
	IS(S_ISREG(stat_of("l").st_mode), 1);
	WORKS(symlink("e/sub", "m"));
	WORKS(rename("m", "l"));
	IS(S_ISLNK(stat_of("l").st_mode), 1);
	WORKS(rename("d/", "e/"));
	WORKS(mkdir("l/below", 0755));
	is_nlink("e/sub", 3);
}

static void
test_dir(const struct posix *p)
{
	struct stat st;
	struct mark dir;
	int fd;

	(void)p;
	make_dir("a", 0755, 0, 0);
	make_dir("b", 0755, 0, 0);
	make_dir("a/d", 0755, 0, 0);
	make_content("a/d/f", "inside");
	fd = must_open("a/d", O_RDONLY | O_DIRECTORY, 0);
	is_nlink("a", 3);
	dir = mark_path("a/d");
	WORKS(rename("a/d", "b/e"));
	is_nlink("a", 2);
	is_nlink("b", 3);
	dir.path = "b/e";
	/* Of its mtime POSIX says nothing: its ".." has changed. */
	IS(stat_of("b/e").st_ctim.tv_nsec != dir.st.st_ctim.tv_nsec ||
	    stat_of("b/e").st_ctim.tv_sec != dir.st.st_ctim.tv_sec, 1);
	is_content("b/e/f", "inside");
	IS(stat("b/e/..", &st), 0);
	IS(st.st_ino, stat_of("b").st_ino);
	/* Who is in it has moved with it. */
	OPENS(openat(fd, "g", O_CREAT | O_EXCL | O_WRONLY, 0644));
	is_size("b/e/g", 0);
	IS(fstatat(fd, "..", &st, 0), 0);
	IS(st.st_ino, stat_of("b").st_ino);
	close(fd);
	make_dir("b/empty", 0755, 0, 0);
	fd = must_open("b/empty", O_RDONLY | O_DIRECTORY, 0);
	WORKS(rename("b/e", "b/empty"));
	is_nlink("b", 3);
	IS(stat_fd(fd).st_nlink, 0);
	close(fd);
	is_content("b/empty/f", "inside");
}

/* A directory moves to another one only when it may be written itself. */
static void
test_denied(const struct posix *p)
{
	(void)p;
	make_dir("a", 0777, 0, 0);
	make_dir("b", 0777, 0, 0);
	make_dir("closed", 0755, 0, 0);
	make_dir("a/theirs", 0755, 0, 0);
	make_dir("a/mine", 0755, USER_A, GROUP_A);
	make_file("a/f", 0600, 0, 0);
	make_file("closed/f", 0666, USER_A, GROUP_A);
	become(USER_A, GROUP_A, 0);
	FAILS(EACCES, rename("a/theirs", "b/theirs"));
	WORKS(rename("a/theirs", "a/theirs2"));
	WORKS(rename("a/mine", "b/mine"));
	WORKS(rename("a/f", "b/f"));
	FAILS(EACCES, rename("closed/f", "b/g"));
	FAILS(EACCES, rename("b/f", "closed/g"));
	FAILS(EACCES, rename("b/f", "closed/f"));
	WORKS(renameat2(AT_FDCWD, "b/mine", AT_FDCWD, "a/mine", 0));
	FAILS(EACCES, renameat2(AT_FDCWD, "a/mine", AT_FDCWD, "closed/f",
	    RENAME_EXCHANGE));
	become_root();
	is_owner("b/f", 0, 0);
	is_owner("a/mine", USER_A, GROUP_A);
}

static void
test_no_replace(const struct posix *p)
{
	(void)p;
	make_content("f", "f");
	make_content("g", "g");
	make_dir("d", 0755, 0, 0);
	FAILS(EEXIST, renameat2(AT_FDCWD, "f", AT_FDCWD, "g",
	    RENAME_NOREPLACE));
	FAILS(EEXIST, renameat2(AT_FDCWD, "f", AT_FDCWD, "f",
	    RENAME_NOREPLACE));
	FAILS(EEXIST, renameat2(AT_FDCWD, "f", AT_FDCWD, "d",
	    RENAME_NOREPLACE));
	FAILS(ENOENT, renameat2(AT_FDCWD, "none", AT_FDCWD, "h",
	    RENAME_NOREPLACE));
	WORKS(renameat2(AT_FDCWD, "f", AT_FDCWD, "d/f", RENAME_NOREPLACE));
	is_content("d/f", "f");
	is_content("g", "g");
	FAILS(EINVAL, renameat2(AT_FDCWD, "g", AT_FDCWD, "h",
	    RENAME_NOREPLACE | RENAME_EXCHANGE));
	FAILS(EINVAL, renameat2(AT_FDCWD, "g", AT_FDCWD, "h", 1u << 20));
}

static void
test_exchange(const struct posix *p)
{
	struct mark a, b, f;

	(void)p;
	make_dir("a", 0755, 0, 0);
	make_dir("b", 0755, 0, 0);
	make_content("a/f", "one");
	make_content("b/g", "two");
	make_dir("b/d", 0755, 0, 0);
	make_file("b/d/in", 0644, 0, 0);
	WORKS(symlink("one", "b/l"));
	a = mark_path("a");
	b = mark_path("b");
	f = mark_path("a/f");
	WORKS(renameat2(AT_FDCWD, "a/f", AT_FDCWD, "b/g", RENAME_EXCHANGE));
	is_touched(&a, C | M);
	is_touched(&b, C | M);
	f.path = "b/g";
	is_touched(&f, C);
	is_content("a/f", "two");
	is_content("b/g", "one");
	WORKS(renameat2(AT_FDCWD, "a/f", AT_FDCWD, "b/d", RENAME_EXCHANGE));
	is_content("b/d", "two");
	is_size("a/f/in", 0);
	is_nlink("a", 3);
	is_nlink("b", 2);
	WORKS(renameat2(AT_FDCWD, "a/f", AT_FDCWD, "b/l", RENAME_EXCHANGE));
	IS(S_ISLNK(stat_of("a/f").st_mode), 1);
	is_size("b/l/in", 0);
	is_nlink("a", 2);
	is_nlink("b", 3);
	FAILS(ENOENT, renameat2(AT_FDCWD, "b/g", AT_FDCWD, "b/none",
	    RENAME_EXCHANGE));
	FAILS(EINVAL, renameat2(AT_FDCWD, "b", AT_FDCWD, "b/l",
	    RENAME_EXCHANGE));
}

/* The pattern of editors and databases: a new file takes the old name. */
static void
test_atomic(const struct posix *p)
{
	char content[32];
	int fd;

	(void)p;
	for (int i = 0; i < 50; i++) {
		snprintf(content, sizeof(content), "version %d", i);
		fd = must_open("new", O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (write(fd, content, strlen(content)) < 0 ||
		    fsync(fd) != 0 || close(fd) != 0 ||
		    rename("new", "data") != 0)
			tap_bail("version %d", i);
		is_content("data", content);
	}
	is_nlink("data", 1);
	is_gone("new");
}

const struct posix_case posix_rename_cases[] = {
	{ "file", test_file },
	{ "replace", test_replace },
	{ "kinds", test_kinds },
	{ "directory", test_dir },
	{ "denied", test_denied },
	{ "noreplace", test_no_replace },
	{ "exchange", test_exchange },
	{ "atomic", test_atomic },
	{ NULL, NULL }
};
