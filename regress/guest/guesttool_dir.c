/* SPDX-License-Identifier: ISC */
/*
 * guesttool: cases about directories, and many operations in one.
 * Each runs in the guest, in a new directory. Trusts the guest's kernel.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guesttool.h"

#define DEPTH		24
#define ENTRIES		150
#define WORKERS		4
#define ROUNDS		25

/* Where requests carry an inode and a name, no path is too long. */
int
case_deep_names(void)
{
	char name[NAME_LENGTH + 1];
	int depth;

	memset(name, 'd', NAME_LENGTH);
	name[NAME_LENGTH] = '\0';
	for (depth = 0; depth < DEPTH; depth++) {
		CHECK(mkdir(name, 0755) == 0);
		CHECK(chdir(name) == 0);
	}
	CHECK(put("deep", "deep", 0644) == 0);
	CHECK(has("deep", "deep"));
	CHECK(rename("deep", "../moved") == 0);
	CHECK(has("../moved", "deep"));
	CHECK(unlink("../moved") == 0);
	while (depth-- > 0) {
		CHECK(chdir("..") == 0);
		CHECK(rmdir(name) == 0);
	}
	CHECK(entries(".") == 0);
	return 0;
}

/* A place in a directory is the same place later, whatever was between. */
int
case_seekdir(void)
{
	char name[32], after[256] = "";
	const struct dirent *entry;
	long place = -1;
	int i, count = 0;
	DIR *dir;

	for (i = 0; i < ENTRIES; i++) {
		snprintf(name, sizeof(name), "some-name-of-an-entry-%d", i);
		CHECK(put(name, "", 0600) == 0);
	}
	dir = opendir(".");
	CHECK(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		if (count == ENTRIES / 2)
			place = telldir(dir);
		if (count++ == ENTRIES / 2 + 1)
			snprintf(after, sizeof(after), "%s", entry->d_name);
	}
	CHECK(count == ENTRIES + 2 && place != -1);
	seekdir(dir, place);
	entry = readdir(dir);
	CHECK(entry != NULL && strcmp(entry->d_name, after) == 0);
	for (i = ENTRIES / 2 + 2; readdir(dir) != NULL; i++)
		;
	CHECK(i == count);
	rewinddir(dir);
	for (i = 0; readdir(dir) != NULL; i++)
		;
	CHECK(i == count);
	closedir(dir);
	return 0;
}

/* One of several workers in one directory; the names are its own. */
static int
one_round(int worker, int round)
{
	char file[32], other[32], text[32];
	struct stat st;

	snprintf(file, sizeof(file), "file-%d-%d", worker, round);
	snprintf(other, sizeof(other), "other-%d-%d", worker, round);
	snprintf(text, sizeof(text), "text %d %d", worker, round);
	CHECK(put(file, text, 0644) == 0);
	CHECK(link(file, other) == 0);
	CHECK(stat(other, &st) == 0 && st.st_nlink == 2);
	CHECK(unlink(file) == 0);
	CHECK(mkdir(file, 0755) == 0);
	CHECK(rename(other, file) == -1 && errno == EISDIR);
	CHECK(rmdir(file) == 0);
	CHECK(rename(other, file) == 0);
	CHECK(stat(other, &st) == -1 && errno == ENOENT);
	CHECK(symlink(file, other) == 0);
	CHECK(has(other, text));
	CHECK(unlink(other) == 0);
	return 0;
}

int
case_parallel_names(void)
{
	int worker, round, status, failed = 0;
	pid_t pid;

	for (worker = 0; worker < WORKERS; worker++) {
		pid = fork();
		CHECK(pid != -1);
		if (pid != 0)
			continue;
		for (round = 0; round < ROUNDS; round++)
			if (one_round(worker, round) == -1)
				_exit(1);
		_exit(0);
	}
	while (wait(&status) != -1)
		failed = failed || status != 0;
	CHECK(!failed);
	CHECK(entries(".") == WORKERS * ROUNDS);
	CHECK(has("file-0-0", "text 0 0") && has("file-3-24", "text 3 24"));
	return 0;
}
