/* SPDX-License-Identifier: ISC */
/*
 * POSIX cases of chown, and of what takes set-id bits away. Test code.
 */
#include "posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tap.h"

#define SAME	((uid_t)-1)

static void
test_chown(const struct posix *p)
{
	struct mark m;
	int fd;

	(void)p;
	make_file("f", 0644, 0, 0);
	make_dir("d", 0755, 0, 0);
	WORKS(symlink("f", "l"));
	WORKS(mkfifo("p", 0644));
	m = mark_path("f");
	WORKS(chown("f", USER_A, GROUP_A));
	is_touched(&m, C);
	is_owner("f", USER_A, GROUP_A);
	WORKS(chown("f", SAME, GROUP_B));
	is_owner("f", USER_A, GROUP_B);
	WORKS(chown("f", USER_B, SAME));
	is_owner("f", USER_B, GROUP_B);
	WORKS(chown("f", SAME, SAME));
	is_owner("f", USER_B, GROUP_B);
	WORKS(chown("f", 0xfffffffe, 0xfffffffd));
	is_owner("f", 0xfffffffe, 0xfffffffd);
	WORKS(chown("f", 0x80000000, 65535));
	is_owner("f", 0x80000000, 65535);
	WORKS(chown("d", USER_A, GROUP_A));
	is_owner("d", USER_A, GROUP_A);
	WORKS(chown("p", USER_A, GROUP_A));
	is_owner("p", USER_A, GROUP_A);
	WORKS(lchown("l", USER_A, GROUP_B));
	is_owner("l", USER_A, GROUP_B);
	is_owner("f", 0x80000000, 65535);
	WORKS(chown("l", 0, 0));
	is_owner("l", USER_A, GROUP_B);
	is_owner("f", 0, 0);
	fd = must_open("f", O_RDONLY, 0);
	WORKS(fchown(fd, USER_B, GROUP_B));
	is_owner("f", USER_B, GROUP_B);
	WORKS(unlink("f"));
	WORKS(fchown(fd, USER_A, SAME));
	IS(stat_fd(fd).st_uid, USER_A);
	close(fd);
}

static void
test_chown_user(const struct posix *p)
{
	(void)p;
	make_file("mine", 0644, USER_A, GROUP_A);
	make_file("theirs", 0666, USER_B, GROUP_A);
	WORKS(symlink("mine", "link"));
	WORKS(lchown("link", USER_A, GROUP_A));
	become(USER_A, GROUP_A, GROUP_B);
	FAILS(EPERM, chown("mine", USER_B, SAME));
	FAILS(EPERM, chown("mine", 0, GROUP_A));
	FAILS(EPERM, chown("mine", SAME, GROUP_C));
	WORKS(chown("mine", USER_A, GROUP_A));
	WORKS(chown("mine", SAME, GROUP_B));
	is_owner("mine", USER_A, GROUP_B);
	WORKS(chown("mine", USER_A, GROUP_A));
	is_owner("mine", USER_A, GROUP_A);
	WORKS(lchown("link", SAME, GROUP_B));
	FAILS(EPERM, lchown("link", USER_B, SAME));
	is_owner("link", USER_A, GROUP_B);
	FAILS(EPERM, chown("theirs", USER_A, SAME));
	FAILS(EPERM, chown("theirs", SAME, GROUP_B));
	FAILS(EPERM, chown("theirs", SAME, GROUP_A));
	become_root();
	is_owner("theirs", USER_B, GROUP_A);
}

/* A new owner does not get the old one's set-id programs. */
static void
test_chown_bits(const struct posix *p)
{
	(void)p;
	make_file("f", 06755, 0, 0);
	WORKS(chown("f", USER_A, GROUP_A));
	is_mode("f", 0755);
	WORKS(chmod("f", 06755));
	become(USER_A, GROUP_A, GROUP_B);
	WORKS(chown("f", SAME, GROUP_B));
	is_mode("f", 0755);
	WORKS(chmod("f", 06755));
	is_mode("f", 06755);
	WORKS(chown("f", USER_A, GROUP_A));
	is_mode("f", 0755);
	become_root();
	make_dir("d", 06777, 0, 0);
	WORKS(chown("d", USER_A, GROUP_A));
	is_mode("d", 06777);
	make_file("plain", 04644, 0, 0);
	WORKS(chown("plain", USER_B, SAME));
	is_mode("plain", 0644);
}

static int
write_to(const char *path)
{
	int fd = must_open(path, O_WRONLY, 0);
	ssize_t n = pwrite(fd, "x", 1, 0);

	close(fd);
	return (int)n;
}

static int
extend(const char *path)
{
	int fd = must_open(path, O_WRONLY, 0), result;

	result = fallocate(fd, 0, 0, 8192);
	close(fd);
	return result;
}

static int
cut(const char *path)
{
	int fd = must_open(path, O_WRONLY, 0), result;

	result = ftruncate(fd, 10);
	close(fd);
	return result;
}

static int
open_truncate(const char *path)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0)
		return -1;
	return close(fd);
}

static int
truncate_to(const char *path)
{
	return truncate(path, 5);
}

static const struct {
	const char	*name;
	int		(*change)(const char *path);
} changes[] = {
	{ "write", write_to },
	{ "ftruncate", cut },
	{ "truncate", truncate_to },
	{ "O_TRUNC", open_truncate },
	{ "fallocate", extend },
};

static void
make_program(const char *path)
{
	int fd = must_open(path, O_CREAT | O_EXCL | O_RDWR, 0600);

	/* There is something to take away, in each of them. */
	if (write(fd, "0123456789abcdef", 16) != 16 || fchmod(fd, 06777) ||
	    fchown(fd, USER_A, GROUP_A) || fchmod(fd, 06777) || close(fd))
		tap_bail("%s", path);
}

/* Who changes a program's content takes its set-id bits away, but root. */
static void
test_write_bits(const struct posix *p)
{
	size_t n = sizeof(changes) / sizeof(changes[0]), i;
	char path[32];

	if (p->uncached && posix_differs(p, "uncached bits"))
		return;
	for (i = 0; i < n; i++) {
		tap_diag("%s", changes[i].name);
		if (changes[i].change == open_truncate &&
		    posix_differs(p, "truncating open"))
			continue;
		snprintf(path, sizeof(path), "owner%zu", i);
		make_program(path);
		become(USER_A, GROUP_A, 0);
		WORKS(changes[i].change(path));
		become_root();
		is_mode(path, 0777);
		snprintf(path, sizeof(path), "other%zu", i);
		make_program(path);
		become(USER_B, GROUP_B, 0);
		WORKS(changes[i].change(path));
		become_root();
		is_mode(path, 0777);
		if (posix_differs(p, "root keeps bits"))
			continue;
		snprintf(path, sizeof(path), "root%zu", i);
		make_program(path);
		WORKS(changes[i].change(path));
		is_mode(path, 06777);
	}
}

/* Nobody gets a set-id file back by a write after the chmod. */
static void
test_write_open(const struct posix *p)
{
	int fd;

	if (p->uncached && posix_differs(p, "uncached bits"))
		return;
	make_file("f", 0777, USER_A, GROUP_A);
	become(USER_B, GROUP_B, 0);
	fd = must_open("f", O_RDWR, 0);
	IS(write(fd, "1", 1), 1);
	become_root();
	WORKS(chmod("f", 06777));
	become(USER_B, GROUP_B, 0);
	IS(write(fd, "2", 1), 1);
	become_root();
	is_mode("f", 0777);
	close(fd);
	is_content("f", "12");
}

const struct posix_case posix_owner_cases[] = {
	{ "chown", test_chown },
	{ "chown by users", test_chown_user },
	{ "chown takes bits", test_chown_bits },
	{ "writing takes bits", test_write_bits },
	{ "writing after chmod", test_write_open },
	{ NULL, NULL }
};
