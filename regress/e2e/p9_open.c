/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: T_OPEN. Which descriptor comes back, which flags reach the file,
 * and that only regular files and directories are ever opened.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "p9_suite.h"
#include "watch.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static int
open_close(struct p9_env *e, const char *name, uint32_t flags)
{
	int fd, error;

	error = p9_open(&e->c, guest(e, name), flags, &fd);
	if (fd >= 0)
		close(fd);
	return error;
}

static int
is_that_file(int fd, const char *path)
{
	struct stat got, want;

	host_lstat(path, &want);
	return fstat(fd, &got) == 0 && got.st_ino == want.st_ino &&
	    got.st_dev == want.st_dev;
}

static void
test_flags(struct p9_env *e)
{
	static const uint32_t flags[] = { O_RDONLY, O_WRONLY, O_RDWR,
	    O_WRONLY | O_APPEND, O_RDWR | O_APPEND | O_NONBLOCK,
	    O_RDONLY | O_NOATIME, O_RDWR | O_DSYNC, O_RDWR | O_SYNC,
	    O_RDONLY | O_NOFOLLOW, O_RDONLY | O_EXCL };
	const uint32_t kept = O_ACCMODE | O_APPEND | O_NONBLOCK | O_NOATIME |
	    O_SYNC | O_PATH;
	int fd, error;

	host_write(host(e, "file"), "content", 0, 1000, 1000);
	for (size_t i = 0; i < COUNT(flags); i++) {
		error = p9_open(&e->c, guest(e, "file"), flags[i], &fd);
		if (!is_result(error, 0, "open with flags %#o", flags[i]))
			continue;
		tap_ok(is_that_file(fd, host(e, "file")), "the right file");
		tap_is_oct((unsigned int)fcntl(fd, F_GETFL) & kept,
		    flags[i] & kept, "flags of the descriptor");
		close(fd);
	}
	tap_is_str(host_read(host(e, "file")), "content",
	    "the content is as it was");
}

static void
test_data(struct p9_env *e)
{
	char got[32] = "";
	int fd;

	host_write(host(e, "file"), "content", 0600, 1000, 1000);
	if (is_result(p9_open(&e->c, guest(e, "file"), O_RDWR, &fd), 0,
	    "read and write")) {
		tap_is_int(read(fd, got, sizeof(got) - 1), 7, "reading");
		tap_is_str(got, "content", "what was read");
		tap_is_int(pwrite(fd, "CON", 3, 0), 3, "writing");
		tap_is_int(fsync(fd), 0, "fsync");
		close(fd);
	}
	if (is_result(p9_open(&e->c, guest(e, "file"), O_WRONLY | O_APPEND,
	    &fd), 0, "append")) {
		tap_is_int(write(fd, "!", 1), 1, "writing");
		close(fd);
	}
	tap_is_str(host_read(host(e, "file")), "CONtent!",
	    "what the host sees");
	is_result(open_close(e, "file", O_WRONLY | O_TRUNC), 0, "truncate");
	tap_is_str(host_read(host(e, "file")), "", "what the host sees");
}

static void
test_unlinked(struct p9_env *e)
{
	struct stat st;
	int fd;

	host_write(host(e, "file"), "content", 0600, 1000, 1000);
	if (!is_result(p9_open(&e->c, guest(e, "file"), O_RDWR, &fd), 0,
	    "open"))
		return;
	is_result(p9_remove(&e->c, guest(e, "file")), 0, "remove it");
	tap_is_int(pwrite(fd, "x", 1, 7), 1, "it is still there to write");
	tap_ok(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 8,
	    "it has no name");
	close(fd);
}

static void
test_directory(struct p9_env *e)
{
	struct dirent *entry;
	int fd, count = 0;
	DIR *dir;

	host_mkdir(host(e, "d"), 0, 1000, 1000);
	host_write(host(e, "d/one"), "", 0600, 0, 0);
	host_write(host(e, "d/two"), "", 0600, 0, 0);
	if (is_result(p9_open(&e->c, guest(e, "d"), O_DIRECTORY, &fd), 0,
	    "O_DIRECTORY, as QEMU sends it")) {
		tap_ok(is_that_file(fd, host(e, "d")), "that directory");
		dir = fdopendir(fd);
		while (dir != NULL && (entry = readdir(dir)) != NULL)
			count++;
		tap_is_int(count, 4, "its entries can be read");
		if (dir != NULL)
			closedir(dir);
	}
	if (is_result(p9_open(&e->c, "/", O_DIRECTORY, &fd), 0,
	    "the root")) {
		tap_ok(is_that_file(fd, e->share->dir), "is the share");
		close(fd);
	}
	is_result(open_close(e, "d", O_WRONLY), -EISDIR, "for writing");
	is_result(open_close(e, "d", O_RDWR), -EISDIR, "for both");
	is_answer(open_close(e, "d", O_RDONLY), "without O_DIRECTORY");
	is_result(open_close(e, "d/one", O_DIRECTORY), -ENOTDIR,
	    "O_DIRECTORY on a file");
}

static void
test_errors(struct p9_env *e)
{
	host_write(host(e, "file"), "x", 0600, 0, 0);
	is_result(open_close(e, "missing", O_RDONLY), -ENOENT, "missing");
	is_result(open_close(e, "missing/x", O_RDONLY), -ENOENT,
	    "missing directory");
	is_result(open_close(e, "file/x", O_RDONLY), -ENOTDIR,
	    "below a file");
	is_result(open_close(e, "missing", O_DIRECTORY), -ENOENT,
	    "missing, O_DIRECTORY");
	/* Access mode 3 is for ioctls only, open(2); a plain error or so. */
	is_answer(open_close(e, "file", O_ACCMODE), "access mode 3");
	tap_is_str(host_read(host(e, "file")), "x", "the file");
}

/* No special file is opened, not even to look at it. */
static void
is_refused(struct p9_env *e, const char *name, int want)
{
	static const uint32_t flags[] = { O_RDONLY, O_WRONLY, O_RDWR,
	    O_RDONLY | O_NONBLOCK, O_WRONLY | O_NONBLOCK, O_RDWR | O_TRUNC,
	    O_RDONLY | O_NOFOLLOW };
	int exact = watch_is_exact(host(e, name));
	struct watch w;

	watch_start(&w, host(e, name));
	for (size_t i = 0; i < COUNT(flags); i++)
		is_result(open_close(e, name, flags[i]), want,
		    "%s with flags %#o", name, flags[i]);
	if (watch_end(&w) && exact)
		tap_ok(0, "%s was not opened", name);
	else if (exact)
		tap_ok(1, "%s was not opened", name);
}

static void
test_special(struct p9_env *e)
{
	struct pollfd reader = { .events = POLLIN };

	host_mknod(host(e, "socket"), S_IFSOCK | 0666, 0);
	host_mknod(host(e, "fifo"), S_IFIFO | 0666, 0);
	host_mknod(host(e, "null"), S_IFCHR | 0666, 0x103);
	host_mknod(host(e, "nothing"), S_IFCHR | 0666, 0xfff01);
	host_mknod(host(e, "block"), S_IFBLK | 0666, 0xfff01);
	is_refused(e, "socket", -ENXIO);
	if (differs(e, "D7"))
		return;
	is_refused(e, "fifo", -ENXIO);
	is_refused(e, "null", -ENXIO);
	is_refused(e, "nothing", -ENXIO);
	is_refused(e, "block", -ENXIO);
	/* A writer that came and went would be seen as a hang-up. */
	reader.fd = open(host(e, "fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	is_result(open_close(e, "fifo", O_WRONLY), -ENXIO,
	    "a FIFO with a reader");
	tap_is_int(poll(&reader, 1, 0), 0, "the reader saw no writer");
	close(reader.fd);
}

static void
test_symlink(struct p9_env *e)
{
	host_write(host(e, "file"), "content", 0600, 0, 0);
	host_mkdir(host(e, "d"), 0755, 0, 0);
	host_write(host(e, "d/file"), "content", 0600, 0, 0);
	host_symlink("file", host(e, "link"));
	host_symlink("d", host(e, "dlink"));
	host_symlink("/symlink/file", host(e, "absolute"));
	host_symlink("missing", host(e, "dangling"));
	host_symlink("loop", host(e, "loop"));
	if (differs(e, "D10"))
		return;
	is_refused(e, "link", -ELOOP);
	is_refused(e, "dlink", -ELOOP);
	is_refused(e, "absolute", -ELOOP);
	is_refused(e, "dangling", -ELOOP);
	is_refused(e, "loop", -ELOOP);
	is_error(open_close(e, "dlink", O_DIRECTORY),
	    "a link to a directory, O_DIRECTORY");
	is_result(open_close(e, "dlink/file", O_RDONLY), -ELOOP,
	    "a link in the middle");
	is_result(open_close(e, "dlink/../file", O_RDONLY), -ELOOP,
	    "a link before ..");
	is_error(open_close(e, "dlink/", O_DIRECTORY),
	    "a link with a slash behind it");
	is_error(open_close(e, "dlink/.", O_DIRECTORY),
	    "a link with a dot behind it");
	tap_is_str(host_read(host(e, "file")), "content", "the target");
}

/* Flags that QEMU never sends have no effect, whatever the answer. */
static void
test_filtered(struct p9_env *e)
{
	static const uint32_t odd[] = { O_PATH, O_PATH | O_DIRECTORY,
	    O_TMPFILE | O_RDWR, O_TMPFILE | O_WRONLY, O_CREAT | O_RDWR,
	    O_CREAT | O_EXCL | O_RDWR, O_ASYNC, O_DIRECT, 0x80000000u,
	    0x40000000u, 0x00800000u | O_RDWR, 0xffffffffu };
	static const char *const names[] = { "d", "file", "missing" };
	struct stat before, after;
	int fd, error;

	host_mkdir(host(e, "d"), 0755, 0, 0);
	host_write(host(e, "file"), "content", 0640, 7, 8);
	if (differs(e, "D11"))
		return;
	host_lstat(host(e, ""), &before);
	for (size_t n = 0; n < COUNT(names); n++)
		for (size_t i = 0; i < COUNT(odd); i++) {
			error = p9_open(&e->c, guest(e, names[n]), odd[i],
			    &fd);
			if (!is_answer(error, "%s with flags %#x", names[n],
			    odd[i]) || fd < 0)
				continue;
			tap_ok(n < 2 && is_that_file(fd, host(e, names[n])),
			    "the file that was named");
			tap_ok((fcntl(fd, F_GETFL) & (O_PATH | O_ASYNC |
			    O_DIRECT)) == 0, "by a plain descriptor");
			close(fd);
		}
	is_result(open_close(e, "missing", O_CREAT | O_RDWR), -ENOENT,
	    "O_CREAT for a missing file");
	host_lstat(host(e, ""), &after);
	tap_ok(memcmp(&before.st_mtim, &after.st_mtim,
	    sizeof(after.st_mtim)) == 0, "nothing was made");
	tap_ok(!host_exists(host(e, "missing")), "not even for a moment");
	host_lstat(host(e, "file"), &after);
	tap_ok(after.st_uid == 7 && after.st_gid == 8 &&
	    (after.st_mode & 07777) == 0640, "owner and mode are as before");
}

static void
test_many(struct p9_env *e)
{
	struct p9_stat st;
	int held[200], error = 0, fd;
	size_t before, opened = 0;

	host_write(host(e, "file"), "x", 0600, 0, 0);
	open_close(e, "file", O_RDONLY);
	p9_lstat(&e->c, "/", &st);
	before = server_count_fds(&e->srv);
	for (size_t i = 0; i < COUNT(held) && error == 0; i++) {
		error = p9_open(&e->c, guest(e, "file"), O_RDONLY, &held[i]);
		if (error == 0)
			opened++;
	}
	tap_is_int((long long)opened, COUNT(held), "descriptors at once");
	for (int i = 0; i < 2000 && error == 0; i++) {
		error = p9_open(&e->c, guest(e, i % 2 ? "file" : ""),
		    i % 2 ? O_RDWR : O_DIRECTORY, &fd);
		if (fd >= 0)
			close(fd);
		if (i % 10 == 0)
			open_close(e, "missing", O_RDONLY);
	}
	is_result(error, 0, "2000 more, one after the other");
	p9_lstat(&e->c, "/", &st);
	tap_is_int((long long)server_count_fds(&e->srv), (long long)before,
	    "the server keeps none of them");
	for (size_t i = 0; i < opened; i++)
		close(held[i]);
}

static const struct p9_test tests[] = {
	{ "flags", test_flags },
	{ "data", test_data },
	{ "unlinked", test_unlinked },
	{ "directory", test_directory },
	{ "errors", test_errors },
	{ "special", test_special },
	{ "symlink", test_symlink },
	{ "filtered", test_filtered },
	{ "many", test_many },
};

int
main(void)
{
	static const struct p9_suite suite = { .tests = tests,
	    .count = COUNT(tests) };

	return p9_suite_main(&suite);
}
