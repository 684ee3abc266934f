/*
 * SPDX-License-Identifier: ISC
 *
 * Describes a tree of files.  Test code; follows no symbolic link.
 */
#include "config.h"

#include "regress/pen/pen_tree.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
describe_entry(FILE *out, int dir_fd, const char *name, const char *path)
{
	char target[256] = "", content[64] = "";
	struct stat st;
	ssize_t n = 0;
	int fd;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		abort();
	if (S_ISLNK(st.st_mode))
		n = readlinkat(dir_fd, name, target, sizeof(target) - 1);
	else if (S_ISREG(st.st_mode)) {
		fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		n = fd == -1 ? 0 : read(fd, content, sizeof(content) - 1);
		close(fd);
	}
	if (n < 0)
		abort();
	fprintf(out, "%s %o %u:%u %lu %lx %lu %ld.%ld %ld.%ld %s%s\n", path,
	    st.st_mode, st.st_uid, st.st_gid, (unsigned long)st.st_nlink,
	    (unsigned long)st.st_rdev, S_ISDIR(st.st_mode) ? 0UL :
	    (unsigned long)st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
	    st.st_ctim.tv_sec, st.st_ctim.tv_nsec, target, content);
}

static void
describe_dir(FILE *out, int parent_fd, const char *dir, const char *path)
{
	char below[4096];
	struct dirent **entries;
	struct stat st;
	int fd, n;

	fd = openat(parent_fd, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	n = fd == -1 ? -1 : scandirat(fd, ".", &entries, NULL, alphasort);
	if (n < 0)
		abort();
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;

		snprintf(below, sizeof(below), "%s/%s", path, name);
		if (strcmp(name, "..") != 0)
			describe_entry(out, fd, name, below);
		if (name[0] != '.' && fstatat(fd, name, &st,
		    AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
			describe_dir(out, fd, name, below);
		free(entries[i]);
	}
	free(entries);
	close(fd);
}

char *
pen_tree(int parent_fd, const char *dir)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		abort();
	describe_dir(out, parent_fd, dir, dir);
	fclose(out);
	return text;
}
