/* SPDX-License-Identifier: ISC */
/*
 * guesttool: cases about open files whose names change or are missing.
 * Each runs in the guest, in a new directory. Trusts the guest's kernel.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guesttool.h"

#define APPENDERS	3
#define RECORDS		60
#define RECORD_SIZE	32

/* The same file again, by the descriptor alone: proc(5), /proc/PID/fd. */
static int
open_again(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}

static bool
reads(int fd, const char *text)
{
	char buf[256];
	ssize_t n;

	n = pread(fd, buf, sizeof(buf), 0);
	return n == (ssize_t)strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

/* All that can be done with a descriptor, when it is all that is left. */
int
case_unlinked_goes_on(void)
{
	static const struct timespec times[2] = {
		{ .tv_sec = 1000000000 }, { .tv_sec = 1100000000 }
	};
	char buf[8];
	struct stat st;
	int fd, again;

	fd = open("file", O_CREAT | O_RDWR, 0600);
	CHECK(fd != -1);
	CHECK(write(fd, "before", 6) == 6);
	CHECK(unlink("file") == 0);
	CHECK(put("file", "another", 0600) == 0);
	CHECK(fstat(fd, &st) == 0);
	CHECK(st.st_nlink == 0 && st.st_size == 6);
	CHECK(fchmod(fd, 0640) == 0 && fchown(fd, 1000, 1001) == 0);
	CHECK(futimens(fd, times) == 0);
	CHECK(fstat(fd, &st) == 0);
	CHECK(st.st_mode == (S_IFREG | 0640) && st.st_uid == 1000 &&
	    st.st_gid == 1001 && st.st_mtim.tv_sec == 1100000000);
	CHECK(ftruncate(fd, 3) == 0 && reads(fd, "bef"));
	CHECK(fsetxattr(fd, "user.x", "kept", 4, 0) == 0);
	CHECK(fgetxattr(fd, "user.x", buf, sizeof(buf)) == 4);
	again = open_again(fd, O_RDWR | O_APPEND);
	CHECK(again != -1);
	CHECK(write(again, "ore", 3) == 3);
	CHECK(close(again) == 0);
	CHECK(reads(fd, "before") && fsync(fd) == 0);
	CHECK(close(fd) == 0);
	CHECK(has("file", "another") && owned("file", 0, 0));
	return 0;
}

/* The server has only looked it up when its name goes. */
int
case_unlinked_before_open(void)
{
	int path, fd;

	CHECK(put("file", "unlinked", 0600) == 0);
	CHECK(put("moved", "renamed", 0600) == 0);
	path = open("file", O_PATH);
	CHECK(path != -1);
	CHECK(unlink("file") == 0);
	CHECK(put("file", "another", 0600) == 0);
	fd = open_again(path, O_RDONLY);
	CHECK(fd != -1 && reads(fd, "unlinked"));
	CHECK(close(fd) == 0 && close(path) == 0);

	path = open("moved", O_PATH);
	CHECK(path != -1);
	CHECK(rename("moved", "elsewhere") == 0);
	CHECK(put("moved", "another", 0600) == 0);
	fd = open_again(path, O_RDONLY);
	CHECK(fd != -1 && reads(fd, "renamed"));
	CHECK(close(fd) == 0 && close(path) == 0);
	return 0;
}

int
case_removed_directory(void)
{
	struct stat st;
	int dir;

	CHECK(mkdir("dir", 0755) == 0);
	dir = open("dir", O_RDONLY | O_DIRECTORY);
	CHECK(dir != -1);
	CHECK(rmdir("dir") == 0);
	CHECK(mkdir("dir", 0700) == 0 && put("dir/new", "n", 0600) == 0);
	REFUSED(openat(dir, "file", O_CREAT | O_RDWR, 0600), ENOENT);
	REFUSED(mkdirat(dir, "dir", 0700), ENOENT);
	REFUSED(openat(dir, "new", O_RDONLY), ENOENT);
	CHECK(fstat(dir, &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(fchmod(dir, 0500) == 0);
	CHECK(close(dir) == 0);
	CHECK(mode_of("dir") == (S_IFDIR | 0700));
	return 0;
}

int
case_rename_over_open(void)
{
	struct stat st;
	int old, new;

	CHECK(put("old", "old", 0600) == 0);
	CHECK(put("new", "new", 0600) == 0);
	old = open("old", O_RDWR);
	new = open("new", O_RDWR);
	CHECK(old != -1 && new != -1);
	CHECK(rename("new", "old") == 0);
	CHECK(entries(".") == 1 && has("old", "new"));
	CHECK(reads(old, "old") && reads(new, "new"));
	CHECK(pwrite(old, "gone", 4, 0) == 4 && pwrite(new, "here", 4, 0) == 4);
	CHECK(fstat(old, &st) == 0 && st.st_nlink == 0);
	CHECK(fstat(new, &st) == 0 && st.st_nlink == 1);
	CHECK(close(old) == 0 && close(new) == 0);
	CHECK(has("old", "here"));
	return 0;
}

/* A file without a name, and one that gets its name when it is complete. */
int
case_tmpfile(void)
{
	char path[32];
	struct stat st;
	int fd;

	umask(027);
	fd = open(".", O_TMPFILE | O_RDWR, 0666);
	CHECK(fd != -1);
	CHECK(fstat(fd, &st) == 0);
	CHECK(st.st_nlink == 0 && st.st_mode == (S_IFREG | 0640));
	CHECK(entries(".") == 0);
	CHECK(write(fd, "complete", 8) == 8 && reads(fd, "complete"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "named",
	    AT_SYMLINK_FOLLOW) == 0);
	CHECK(has("named", "complete") && entries(".") == 1);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 1);
	CHECK(pwrite(fd, "C", 1, 0) == 1);
	CHECK(close(fd) == 0);
	CHECK(has("named", "Complete"));

	fd = open(".", O_TMPFILE | O_WRONLY | O_EXCL, 0600);
	CHECK(fd != -1);
	CHECK(write(fd, "never", 5) == 5);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	REFUSED(linkat(AT_FDCWD, path, AT_FDCWD, "no", AT_SYMLINK_FOLLOW),
	    ENOENT);
	CHECK(close(fd) == 0);
	CHECK(entries(".") == 1);
	return 0;
}

static void
append_records(int writer)
{
	char record[RECORD_SIZE + 1];
	int fd, i;

	fd = open("log", O_WRONLY | O_APPEND);
	for (i = 0; i < RECORDS; i++) {
		snprintf(record, sizeof(record), "%-*d %*d\n",
		    RECORD_SIZE / 2 - 1, writer, RECORD_SIZE / 2 - 1, i);
		if (write(fd, record, RECORD_SIZE) != RECORD_SIZE)
			_exit(1);
	}
	_exit(close(fd) == 0 ? 0 : 1);
}

/* Nothing is lost or torn; each writer's records are in their order. */
static int
check_records(void)
{
	int next[APPENDERS] = { 0 };
	int writer, number, i;
	FILE *log;

	log = fopen("log", "r");
	CHECK(log != NULL);
	for (i = 0; i < APPENDERS * RECORDS; i++) {
		CHECK(fscanf(log, "%d %d", &writer, &number) == 2);
		CHECK(writer >= 0 && writer < APPENDERS);
		CHECK(number == next[writer]++);
	}
	CHECK(fscanf(log, "%d", &writer) == EOF);
	fclose(log);
	return 0;
}

int
case_append_at_once(void)
{
	int i, status, failed = 0;
	pid_t pid;

	CHECK(put("log", "", 0644) == 0);
	for (i = 0; i < APPENDERS; i++) {
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0)
			append_records(i);
	}
	while (wait(&status) != -1)
		failed = failed || status != 0;
	CHECK(!failed);
	return check_records();
}

static int
write_as_other(void)
{
	int fd;

	fd = open("written", O_WRONLY);
	CHECK(fd != -1);
	CHECK(pwrite(fd, "y", 1, 0) == 1);
	CHECK(close(fd) == 0);
	CHECK(truncate("truncated", 0) == 0);
	fd = open("opened", O_WRONLY | O_TRUNC);
	CHECK(fd != -1);
	CHECK(close(fd) == 0);
	return 0;
}

/*
 * Who changes a program of another must not be able to lend his identity. The
 * guest's kernel may remember the modes of before: the host looks at them.
 */
int
case_set_id_goes(void)
{
	static const char *const names[] = {
		"written", "truncated", "opened"
	};
	size_t i;

	umask(0);
	CHECK(chmod(".", 0755) == 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CHECK(put(names[i], "x", 0666) == 0);
		CHECK(chmod(names[i], 06777) == 0);
	}
	CHECK(as(1000, 1000, write_as_other) == 0);
	return 0;
}

/* Root has CAP_FSETID. Again, it is the host who sees the modes. */
int
case_set_id_stays(void)
{
	int fd;

	umask(0);
	fd = open("created", O_CREAT | O_EXCL | O_WRONLY, 06755);
	CHECK(fd != -1);
	CHECK(write(fd, "x", 1) == 1);
	CHECK(close(fd) == 0);
	CHECK(put("written", "x", 0755) == 0 && chmod("written", 06755) == 0);
	fd = open("written", O_WRONLY);
	CHECK(fd != -1);
	CHECK(write(fd, "y", 1) == 1);
	CHECK(close(fd) == 0);
	return 0;
}
