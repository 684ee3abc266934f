/* SPDX-License-Identifier: ISC */
/*
 * guesttool: system calls on a mounted share, in the guest.
 *
 *	guesttool cases PREFIX DIRECTORY [WORD...]
 *
 * runs each case of the table at the end in a new directory below DIRECTORY
 * and prints one line of TAP for each. The words say what the share is: 9p or
 * virtiofs, and cached or uncached where a case depends on the page cache.
 *
 *	guesttool as UID GID COMMAND...
 *
 * runs a command as another user.
 *
 *	guesttool follow FILE ASK shared|private
 *
 * maps FILE, creates ASK, and waits until the host's new contents are mapped.
 *
 *	guesttool largest-xattr FILE
 *
 * prints "stored", or the name of the error.
 *
 *	guesttool statfs PATH
 *
 * prints block size, blocks, longest name and the two words of the file system
 * id, to be compared with what the host's own kernel says. Test tool, static,
 * runs as root.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guesttool.h"

#define CASE_SECONDS	60

/* What a case needs the share to be, if anything. */
enum {
	ANY = 0,
	P9 = 1 << 0,
	VIRTIOFS = 1 << 1,
	CACHED = 1 << 2,
	UNCACHED = 1 << 3,
};

struct test_case {
	const char	*name;
	int		(*run)(void);
	unsigned int	 needs;
};

static const struct {
	const char	*name;
	unsigned int	 word;
} words[] = {
	{ "9p", P9 },
	{ "virtiofs", VIRTIOFS },
	{ "cached", CACHED },
	{ "uncached", UNCACHED },
};

static char why[512];

int
fail(const char *what)
{
	snprintf(why, sizeof(why), "%s (%s)", what, strerror(errno));
	return -1;
}

int
put(const char *name, const char *text, mode_t mode)
{
	size_t length = strlen(text);
	int fd;

	fd = open(name, O_CREAT | O_EXCL | O_WRONLY, mode);
	if (fd == -1)
		return -1;
	if (write(fd, text, length) != (ssize_t)length) {
		close(fd);
		return -1;
	}
	return close(fd);
}

bool
has(const char *name, const char *text)
{
	char buf[256];
	ssize_t n;
	int fd;

	fd = open(name, O_RDONLY);
	if (fd == -1)
		return false;
	n = read(fd, buf, sizeof(buf));
	close(fd);
	return n == (ssize_t)strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

mode_t
mode_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) == -1 ? (mode_t)-1 : st.st_mode;
}

bool
owned(const char *name, uid_t uid, gid_t gid)
{
	struct stat st;

	return lstat(name, &st) == 0 && st.st_uid == uid && st.st_gid == gid;
}

int
entries(const char *name)
{
	const struct dirent *entry;
	int count = 0;
	DIR *dir;

	dir = opendir(name);
	if (dir == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			count++;
	closedir(dir);
	return count;
}

static void
become(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		err(126, "cannot become %u:%u", uid, gid);
}

int
as(uid_t uid, gid_t gid, int (*run)(void))
{
	int status;
	pid_t pid;

	pid = fork();
	if (pid == -1)
		return -1;
	if (pid == 0) {
		become(uid, gid);
		if (run() == 0)
			_exit(0);
		warnx("as %u:%u: %s", uid, gid, why);
		_exit(1);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static const struct test_case cases[] = {
	{ "a name of all bytes", case_name_of_all_bytes, ANY },
	{ "a name of 255 bytes", case_longest_name, ANY },
	{ "a path longer than the host can take", case_deep_path, P9 },
	{ "walking by ..", case_dotdot, ANY },
	{ "what exists and what does not", case_exclusive_and_missing, ANY },
	{ "rename, of open files too", case_rename, ANY },
	{ "modes of new files", case_create_modes, ANY },
	{ "chmod", case_chmod, ANY },
	{ "chown", case_chown, ANY },
	{ "another user's new files", case_other_user_creates, ANY },
	{ "another user is refused", case_other_user_refused, ANY },
	{ "root passes all modes", case_root_passes_modes, ANY },
	{ "append", case_append, ANY },
	{ "truncate", case_truncate, ANY },
	{ "unlinked open file", case_unlinked_open_file, ANY },
	{ "mmap for reading", case_mmap_read, ANY },
	{ "shared writable mmap", case_mmap_shared_write, CACHED },
	{ "hard links", case_hard_links, ANY },
	{ "symbolic links", case_symlinks, ANY },
	{ "absolute symbolic link", case_absolute_symlink, ANY },
	{ "fifo and socket", case_fifo_and_socket, ANY },
	{ "device node refused", case_device_node_refused, ANY },
	{ "times", case_times, ANY },
	{ "xattrs", case_xattrs, ANY },
	{ "privileged xattrs refused", case_privileged_xattrs_refused, ANY },
	{ "xattr of 65536 bytes refused", case_xattr_too_large, P9 },
	{ "readdir while removing", case_readdir_while_removing, ANY },
	{ "sync and locks", case_sync_and_lock, ANY },
	/* With virtio-fs nobody's write leaves them, as design.md explains. */
	{ "set-id bits stay with root's write", case_set_id_stays, P9 },

	/* What 9p has no request for, or loses on the way. */
	{ "24 levels of longest names", case_deep_names, VIRTIOFS },
	{ "rename flags", case_rename_flags, VIRTIOFS },
	{ "rename over open files", case_rename_over_open, VIRTIOFS },
	{ "many hard links", case_many_links, VIRTIOFS },
	{ "telldir and seekdir", case_seekdir, VIRTIOFS },
	{ "four processes in one directory", case_parallel_names, VIRTIOFS },
	{ "times are exact", case_exact_times, VIRTIOFS },
	{ "sizes of xattrs", case_xattr_sizes, VIRTIOFS },
	{ "unlinked file goes on", case_unlinked_goes_on, VIRTIOFS },
	{ "unlinked before it is opened", case_unlinked_before_open, VIRTIOFS },
	{ "removed directory", case_removed_directory, VIRTIOFS },
	{ "O_TMPFILE", case_tmpfile, VIRTIOFS },
	{ "three append at once", case_append_at_once, VIRTIOFS },
	{ "set-id bits go with another's write", case_set_id_goes, VIRTIOFS },
	{ "holes", case_holes, VIRTIOFS },
	{ "fallocate", case_fallocate, VIRTIOFS },
	{ "beyond 4 GiB", case_beyond_4_gib, VIRTIOFS },
	{ "copy_file_range", case_copy_range, VIRTIOFS },
	{ "vectors of odd lengths", case_odd_vectors, VIRTIOFS },
	{ "O_DIRECT", case_direct_io, VIRTIOFS },
	{ "private mapping is written", case_mmap_private_write, VIRTIOFS },
	{ "mapping and file are one", case_mmap_and_write, VIRTIOFS | CACHED },
	{ "shared mmap is refused", case_mmap_shared_refused,
	    VIRTIOFS | UNCACHED },
};

/* In a child: the case cannot change this process, and may be cut short. */
static bool
run_case(const struct test_case *test, const char *prefix, const char *top)
{
	char path[PATH_MAX], *c;
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", top, test->name);
	for (c = path; *c != '\0'; c++)
		if (*c == ' ' || *c == ',')
			*c = '-';
	fflush(stdout);
	pid = fork();
	if (pid == -1)
		err(1, "fork");
	if (pid == 0) {
		alarm(CASE_SECONDS);
		umask(022);
		if (mkdir(path, 0777) == -1 || chdir(path) == -1)
			fail("new directory");
		else if (test->run() == 0) {
			printf("ok - %s%s\n", prefix, test->name);
			exit(0);
		}
		printf("not ok - %s%s # %s\n", prefix, test->name, why);
		exit(1);
	}
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		return status == 0;
	printf("not ok - %s%s # signal %d\n", prefix, test->name,
	    WTERMSIG(status));
	return false;
}

static unsigned int
parse_words(char *const *argv)
{
	unsigned int is = 0, word;
	size_t i;

	for (; *argv != NULL; argv++) {
		word = 0;
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strcmp(*argv, words[i].name) == 0)
				word = words[i].word;
		if (word == 0)
			errx(2, "%s: no such word", *argv);
		is |= word;
	}
	return is;
}

static int
run_cases(const char *prefix, const char *top, unsigned int is)
{
	size_t i;
	int failed = 0;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if ((cases[i].needs & ~is) == 0 &&
		    !run_case(&cases[i], prefix, top))
			failed = 1;
	return failed;
}

static int
print_statfs(const char *path)
{
	struct statfs st;

	if (statfs(path, &st) == -1)
		err(1, "%s", path);
	printf("bsize=%ld blocks=%lu namelen=%ld fsid=%08x:%08x\n",
	    (long)st.f_bsize, (unsigned long)st.f_blocks, (long)st.f_namelen,
	    (unsigned int)st.f_fsid.__val[0], (unsigned int)st.f_fsid.__val[1]);
	return 0;
}

int
main(int argc, char *argv[])
{
	if (argc >= 4 && strcmp(argv[1], "cases") == 0)
		return run_cases(argv[2], argv[3], parse_words(argv + 4));
	if (argc >= 5 && strcmp(argv[1], "as") == 0) {
		become((uid_t)strtoul(argv[2], NULL, 10),
		    (gid_t)strtoul(argv[3], NULL, 10));
		execvp(argv[4], argv + 4);
		err(127, "%s", argv[4]);
	}
	if (argc == 5 && strcmp(argv[1], "follow") == 0) {
		if (map_follow(argv[2], argv[3],
		    strcmp(argv[4], "shared") == 0) == -1)
			errx(1, "%s", why);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "largest-xattr") == 0) {
		printf("%s\n", xattr_largest(argv[2]));
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "statfs") == 0)
		return print_statfs(argv[2]);
	errx(2, "usage: guesttool cases PREFIX DIRECTORY [WORD...] |\n"
	    "       guesttool as UID GID COMMAND... |\n"
	    "       guesttool follow FILE ASK shared|private |\n"
	    "       guesttool largest-xattr FILE |\n"
	    "       guesttool statfs PATH");
}
