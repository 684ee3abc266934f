/* SPDX-License-Identifier: ISC */
/*
 * guesttool: cases about inodes: kinds, modes, owners, times, xattrs.
 * Each runs in the guest, in a new directory. Trusts the guest's kernel.
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guesttool.h"

int
case_create_modes(void)
{
	static const mode_t modes[] = {
		0, 0400, 0644, 0666, 0777, 01777, 02755, 04711, 06755, 07777
	};
	char name[16];
	size_t i;
	int fd;

	umask(0);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		snprintf(name, sizeof(name), "f%04o", modes[i]);
		fd = open(name, O_CREAT | O_EXCL | O_RDWR, modes[i]);
		CHECK(fd != -1);
		CHECK(close(fd) == 0);
		CHECK(mode_of(name) == (S_IFREG | modes[i]));
		snprintf(name, sizeof(name), "n%04o", modes[i]);
		CHECK(mknod(name, S_IFREG | modes[i], 0) == 0);
		CHECK(mode_of(name) == (S_IFREG | modes[i]));
		snprintf(name, sizeof(name), "p%04o", modes[i]);
		CHECK(mkfifo(name, modes[i]) == 0);
		CHECK(mode_of(name) == (S_IFIFO | modes[i]));
		snprintf(name, sizeof(name), "d%04o", modes[i]);
		CHECK(mkdir(name, modes[i]) == 0);
		CHECK(mode_of(name) == (S_IFDIR | (modes[i] & 01777)));
	}
	return 0;
}

int
case_chmod(void)
{
	static const mode_t modes[] = {
		0, 0111, 0640, 01777, 02755, 04755, 06711, 07777
	};
	char name[16];
	size_t i;

	CHECK(mkdir("dir", 0700) == 0);
	CHECK(put("file", "x", 0600) == 0);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		CHECK(chmod("file", modes[i]) == 0);
		CHECK(mode_of("file") == (S_IFREG | modes[i]));
		CHECK(chmod("dir", modes[i]) == 0);
		CHECK(mode_of("dir") == (S_IFDIR | modes[i]));
		snprintf(name, sizeof(name), "f%04o", modes[i]);
		CHECK(put(name, "x", 0600) == 0);
		CHECK(chmod(name, modes[i]) == 0);
	}
	return 0;
}

/* Set-id bits go when somebody else gets the file, or writes to it. */
int
case_chown(void)
{
	CHECK(put("file", "x", 0644) == 0);
	CHECK(chown("file", 1000, 1001) == 0);
	CHECK(owned("file", 1000, 1001));
	CHECK(chown("file", (uid_t)-1, 2002) == 0);
	CHECK(owned("file", 1000, 2002));
	CHECK(chown("file", 3003, (gid_t)-1) == 0);
	CHECK(owned("file", 3003, 2002));
	CHECK(chown("file", 4294967294U, 4294967294U) == 0);
	CHECK(owned("file", 4294967294U, 4294967294U));
	CHECK(chmod("file", 06755) == 0);
	CHECK(chown("file", 1000, 1000) == 0);
	CHECK(mode_of("file") == (S_IFREG | 0755));
	CHECK(symlink("file", "link") == 0);
	CHECK(lchown("link", 7, 8) == 0);
	CHECK(owned("link", 7, 8) && owned("file", 1000, 1000));
	CHECK(mkdir("dir", 0755) == 0);
	CHECK(chown("dir", 1000, 1001) == 0);
	CHECK(owned("dir", 1000, 1001));
	return 0;
}

static int
make_one_of_each(void)
{
	CHECK(put("user/file", "x", 0640) == 0);
	CHECK(mkdir("user/dir", 0750) == 0);
	CHECK(symlink("file", "user/symlink") == 0);
	CHECK(mkfifo("user/fifo", 0600) == 0);
	CHECK(link("user/file", "user/hardlink") == 0);
	CHECK(mknod("user/node", S_IFREG | 0600, 0) == 0);
	CHECK(chmod("user/dir", 0700) == 0);
	CHECK(rename("user/node", "user/dir/node") == 0);
	return 0;
}

int
case_other_user_creates(void)
{
	static const char *const names[] = {
		"file", "dir", "symlink", "fifo", "hardlink", "dir/node"
	};
	char path[32];
	size_t i;

	CHECK(mkdir("user", 0700) == 0);
	CHECK(chown("user", 1000, 1000) == 0);
	umask(0);
	CHECK(as(1000, 1234, make_one_of_each) == 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "user/%s", names[i]);
		CHECK(owned(path, 1000, 1234));
	}
	CHECK(mode_of("user/file") == (S_IFREG | 0640));
	return 0;
}

static int
meet_refusals(void)
{
	REFUSED(open("secret", O_RDONLY), EACCES);
	REFUSED(open("public", O_WRONLY), EACCES);
	REFUSED(open("closed/file", O_RDONLY), EACCES);
	REFUSED(unlink("public"), EACCES);
	REFUSED(mkdir("new", 0755), EACCES);
	REFUSED(chmod("public", 0777), EPERM);
	REFUSED(unlink("sticky/file"), EPERM);
	CHECK(has("public", "p"));
	CHECK(put("sticky/mine", "m", 0600) == 0);
	CHECK(unlink("sticky/mine") == 0);
	return 0;
}

/* The server does not check permissions, the guest's kernel does. */
int
case_other_user_refused(void)
{
	CHECK(chmod(".", 0755) == 0);
	CHECK(put("secret", "s", 0600) == 0);
	CHECK(put("public", "p", 0644) == 0);
	CHECK(mkdir("closed", 0700) == 0);
	CHECK(put("closed/file", "c", 0644) == 0);
	CHECK(mkdir("sticky", 0755) == 0);
	CHECK(chmod("sticky", 01777) == 0);
	CHECK(put("sticky/file", "t", 0644) == 0);
	CHECK(as(1000, 1000, meet_refusals) == 0);
	return 0;
}

int
case_root_passes_modes(void)
{
	CHECK(put("none", "n", 0) == 0);
	CHECK(has("none", "n"));
	CHECK(chown("none", 1000, 1000) == 0);
	CHECK(has("none", "n"));
	CHECK(mkdir("dir", 0) == 0);
	CHECK(chown("dir", 1000, 1000) == 0);
	CHECK(put("dir/file", "d", 0444) == 0);
	CHECK(truncate("dir/file", 0) == 0);
	CHECK(entries("dir") == 1);
	return 0;
}

int
case_fifo_and_socket(void)
{
	struct sockaddr_un address = {
		.sun_family = AF_UNIX, .sun_path = "socket"
	};
	char buf[8];
	int fd, status;
	pid_t pid;

	CHECK(mkfifo("fifo", 0600) == 0);
	CHECK(S_ISFIFO(mode_of("fifo")));
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		fd = open("fifo", O_WRONLY);
		_exit(fd != -1 && write(fd, "through", 7) == 7 ? 0 : 1);
	}
	fd = open("fifo", O_RDONLY);
	CHECK(fd != -1);
	CHECK(read(fd, buf, sizeof(buf)) == 7);
	CHECK(close(fd) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(fd != -1);
	CHECK(bind(fd, (const struct sockaddr *)&address,
	    sizeof(address)) == 0);
	CHECK(S_ISSOCK(mode_of("socket")));
	CHECK(close(fd) == 0);
	return 0;
}

int
case_device_node_refused(void)
{
	REFUSED(mknod("null", S_IFCHR | 0600, makedev(1, 3)), EPERM);
	CHECK(entries(".") == 0);
	return 0;
}

/* 9P carries whole seconds of an explicit time; QEMU loses more, see 4.4. */
int
case_times(void)
{
	static const struct timespec explicit[2] = {
		{ .tv_sec = 1000000000 }, { .tv_sec = 1234567890 }
	};
	static const struct timespec future[2] = {
		{ .tv_sec = 5000000000 }, { .tv_sec = 6000000000 }
	};
	struct stat st;

	CHECK(put("file", "x", 0644) == 0);
	CHECK(symlink("file", "link") == 0);
	CHECK(utimensat(AT_FDCWD, "file", explicit, 0) == 0);
	CHECK(stat("file", &st) == 0);
	CHECK(st.st_atim.tv_sec == 1000000000);
	CHECK(st.st_mtim.tv_sec == 1234567890);
	CHECK(utimensat(AT_FDCWD, "link", future, AT_SYMLINK_NOFOLLOW) == 0);
	CHECK(lstat("link", &st) == 0 && st.st_mtim.tv_sec == 6000000000);
	CHECK(stat("file", &st) == 0 && st.st_mtim.tv_sec == 1234567890);
	CHECK(utimensat(AT_FDCWD, "file", NULL, 0) == 0);
	CHECK(stat("file", &st) == 0);
	CHECK(st.st_mtim.tv_sec > 1500000000);
	CHECK(st.st_atim.tv_sec > 1500000000);
	CHECK(utimensat(AT_FDCWD, "file", explicit, 0) == 0);
	return 0;
}

int
case_xattrs(void)
{
	char big[3000], buf[4096];

	memset(big, 'b', sizeof(big));
	CHECK(put("file", "x", 0644) == 0);
	CHECK(setxattr("file", "user.one", "first", 5, 0) == 0);
	CHECK(setxattr("file", "user.two", big, sizeof(big), 0) == 0);
	CHECK(getxattr("file", "user.one", buf, sizeof(buf)) == 5);
	CHECK(memcmp(buf, "first", 5) == 0);
	CHECK(getxattr("file", "user.two", buf, sizeof(buf)) == sizeof(big));
	CHECK(memcmp(buf, big, sizeof(big)) == 0);
	REFUSED(getxattr("file", "user.two", buf, 10), ERANGE);
	REFUSED(getxattr("file", "user.none", buf, sizeof(buf)), ENODATA);
	REFUSED(setxattr("file", "user.one", "x", 1, XATTR_CREATE), EEXIST);
	REFUSED(setxattr("file", "user.new", "x", 1, XATTR_REPLACE), ENODATA);
	CHECK(setxattr("file", "user.one", "again", 5, XATTR_REPLACE) == 0);
	CHECK(listxattr("file", buf, sizeof(buf)) == 18);
	CHECK(memmem(buf, 18, "user.one", 9) != NULL);
	CHECK(memmem(buf, 18, "user.two", 9) != NULL);
	CHECK(removexattr("file", "user.two") == 0);
	REFUSED(removexattr("file", "user.two"), ENODATA);
	CHECK(listxattr("file", buf, sizeof(buf)) == 9);
	CHECK(mkdir("dir", 0755) == 0);
	CHECK(setxattr("dir", "user.d", "dir", 3, 0) == 0);
	CHECK(getxattr("dir", "user.d", buf, sizeof(buf)) == 3);
	return 0;
}

/* The server has no capability for these. */
int
case_privileged_xattrs_refused(void)
{
	CHECK(put("file", "x", 0644) == 0);
	REFUSED(setxattr("file", "trusted.t", "x", 1, 0), EPERM);
	CHECK(listxattr("file", NULL, 0) == 0);
	return 0;
}

/* The largest value that the guest's kernel lets through. */
int
case_xattr_too_large(void)
{
	static char value[XATTR_SIZE_MAX];

	CHECK(put("file", "x", 0644) == 0);
	REFUSED(setxattr("file", "user.big", value, sizeof(value), 0), E2BIG);
	CHECK(listxattr("file", NULL, 0) == 0);
	return 0;
}

int
case_exact_times(void)
{
	const struct timespec exact[2] = {
		{ .tv_sec = 1000000000, .tv_nsec = 123456789 },
		{ .tv_sec = 1234567890, .tv_nsec = 999999999 }
	};
	const struct timespec only[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = -1000, .tv_nsec = 1 }
	};
	struct stat st;

	CHECK(put("file", "x", 0644) == 0);
	CHECK(utimensat(AT_FDCWD, "file", exact, 0) == 0);
	CHECK(stat("file", &st) == 0);
	CHECK(st.st_atim.tv_sec == 1000000000);
	CHECK(st.st_atim.tv_nsec == 123456789);
	CHECK(st.st_mtim.tv_sec == 1234567890);
	CHECK(st.st_mtim.tv_nsec == 999999999);
	CHECK(st.st_ctim.tv_sec > 1500000000);
	CHECK(utimensat(AT_FDCWD, "file", only, 0) == 0);
	CHECK(stat("file", &st) == 0);
	CHECK(st.st_atim.tv_nsec == 123456789);
	CHECK(st.st_mtim.tv_sec == -1000 && st.st_mtim.tv_nsec == 1);
	CHECK(utimensat(AT_FDCWD, "file", exact, 0) == 0);
	CHECK(mkdir("dir", 0755) == 0);
	CHECK(utimensat(AT_FDCWD, "dir", exact, 0) == 0);
	CHECK(stat("dir", &st) == 0 && st.st_mtim.tv_nsec == 999999999);
	return 0;
}

/* Buffers of all sizes around the right one, empty values, long names. */
int
case_xattr_sizes(void)
{
	char name[NAME_LENGTH + 2], buf[512];
	int i;

	CHECK(put("file", "x", 0644) == 0);
	CHECK(listxattr("file", NULL, 0) == 0);
	CHECK(setxattr("file", "user.empty", "", 0, 0) == 0);
	CHECK(getxattr("file", "user.empty", buf, sizeof(buf)) == 0);
	CHECK(setxattr("file", "user.five", "12345", 5, 0) == 0);
	CHECK(getxattr("file", "user.five", NULL, 0) == 5);
	REFUSED(getxattr("file", "user.five", buf, 4), ERANGE);
	CHECK(getxattr("file", "user.five", buf, 5) == 5);
	CHECK(listxattr("file", NULL, 0) == 21);
	REFUSED(listxattr("file", buf, 20), ERANGE);
	CHECK(listxattr("file", buf, 21) == 21);

	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[NAME_LENGTH] = '\0';
	CHECK(setxattr("file", name, "long", 4, 0) == 0);
	CHECK(getxattr("file", name, buf, sizeof(buf)) == 4);
	CHECK(removexattr("file", name) == 0);
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "user.one-of-many-%d", i);
		CHECK(setxattr("file", name, name, strlen(name), 0) == 0);
	}
	CHECK(getxattr("file", "user.one-of-many-7", buf, sizeof(buf)) == 18);
	CHECK(memcmp(buf, "user.one-of-many-7", 18) == 0);
	CHECK(setxattr("file", "user.\xff\x80", "odd", 3, 0) == 0);
	CHECK(getxattr("file", "user.\xff\x80", buf, sizeof(buf)) == 3);
	CHECK(removexattr("file", "user.none") == -1 && errno == ENODATA);
	return 0;
}

/* The largest value: what the host's own file system makes of it. */
const char *
xattr_largest(const char *name)
{
	static char value[XATTR_SIZE_MAX], back[XATTR_SIZE_MAX];

	memset(value, 'v', sizeof(value));
	if (setxattr(name, "user.largest", value, sizeof(value), 0) == -1)
		return strerrorname_np(errno);
	if (getxattr(name, "user.largest", back, sizeof(back)) !=
	    sizeof(back) || memcmp(value, back, sizeof(back)) != 0)
		return "another value";
	return "stored";
}
