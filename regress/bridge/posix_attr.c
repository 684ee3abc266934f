/* SPDX-License-Identifier: ISC */
/*
 * POSIX cases of chmod and utimensat. Test code.
 */
#include "posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

static void
test_chmod(const struct posix *p)
{
	static const mode_t modes[] = { 0, 0111, 0222, 0444, 0777, 01777,
	    02755, 04755, 06711, 07777, 0600 };
	struct mark m;
	int fd;

	(void)p;
	make_file("f", 0644, 0, 0);
	make_dir("d", 0755, 0, 0);
	WORKS(symlink("f", "l"));
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		WORKS(chmod("f", modes[i]));
		is_mode("f", modes[i]);
		WORKS(chmod("d", modes[i]));
		is_mode("d", modes[i]);
	}
	m = mark_path("f");
	WORKS(chmod("f", 0640));
	is_touched(&m, C);
	m = mark_path("d");
	WORKS(chmod("d", 0750));
	is_touched(&m, C);
	WORKS(chmod("l", 0604));
	is_mode("f", 0604);
	is_mode("l", 0777);
	fd = must_open("f", O_RDONLY, 0);
	m = mark_fd(fd, "an open file");
	WORKS(fchmod(fd, 0600));
	is_touched(&m, C);
	is_mode("f", 0600);
	WORKS(unlink("f"));
	WORKS(fchmod(fd, 0666));
	IS(stat_fd(fd).st_mode & 07777, 0666);
	close(fd);
}

static void
test_chmod_user(const struct posix *p)
{
	struct mark m;

	(void)p;
	make_file("mine", 0644, USER_A, GROUP_A);
	make_file("theirs", 0666, USER_B, GROUP_A);
	make_file("foreign", 0755, USER_A, GROUP_B);
	make_dir("dir", 0755, USER_A, GROUP_B);
	m = mark_path("theirs");
	become(USER_A, GROUP_A, 0);
	WORKS(chmod("mine", 0));
	is_mode("mine", 0);
	WORKS(chmod("mine", 06755));
	is_mode("mine", 06755);
	/* Sticky files are allowed to anybody here, and mean nothing. */
	WORKS(chmod("mine", 01644));
	is_mode("mine", 01644);
	FAILS(EPERM, chmod("theirs", 0644));
	is_touched(&m, 0);
	is_mode("theirs", 0666);
	/* No set-gid for a group one is not in: it is left out. */
	WORKS(chmod("foreign", 06755));
	is_mode("foreign", 04755);
	WORKS(chmod("dir", 02775));
	is_mode("dir", 0775);
	become(USER_A, GROUP_A, GROUP_B);
	WORKS(chmod("foreign", 06755));
	is_mode("foreign", 06755);
	WORKS(chmod("dir", 02775));
	is_mode("dir", 02775);
	become_root();
}

/* A change of the mode is one of what is allowed, at once. */
static void
test_chmod_effect(const struct posix *p)
{
	(void)p;
	make_dir("d", 0755, 0, 0);
	make_content("d/f", "content");
	become(USER_A, GROUP_A, 0);
	is_content("d/f", "content");
	become_root();
	WORKS(chmod("d", 0700));
	become(USER_A, GROUP_A, 0);
	OPEN_FAILS(EACCES, open("d/f", O_RDONLY));
	become_root();
	WORKS(chmod("d", 0711));
	become(USER_A, GROUP_A, 0);
	is_content("d/f", "content");
	OPEN_FAILS(EACCES, open("d", O_RDONLY));
	become_root();
	WORKS(chmod("d", 0744));
	become(USER_A, GROUP_A, 0);
	OPENS(open("d", O_RDONLY));
	OPEN_FAILS(EACCES, open("d/f", O_RDONLY));
	become_root();
}

static void
is_times(const char *path, time_t a, long an, time_t m, long mn)
{
	struct stat st = stat_of(path);

	tap_ok(st.st_atim.tv_sec == a && st.st_atim.tv_nsec == an &&
	    st.st_mtim.tv_sec == m && st.st_mtim.tv_nsec == mn,
	    "times of %s are %jd.%09ld, %jd.%09ld", path, (intmax_t)a, an,
	    (intmax_t)m, mn);
	if (st.st_mtim.tv_sec != m || st.st_mtim.tv_nsec != mn ||
	    st.st_atim.tv_sec != a || st.st_atim.tv_nsec != an)
		tap_diag("got %jd.%09ld, %jd.%09ld",
		    (intmax_t)st.st_atim.tv_sec, st.st_atim.tv_nsec,
		    (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static int
set_times(const char *path, time_t a, long an, time_t m, long mn)
{
	struct timespec t[2] = { { .tv_sec = a, .tv_nsec = an },
	    { .tv_sec = m, .tv_nsec = mn } };

	return utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW);
}

static int
is_recent(struct timespec t)
{
	time_t age = time(NULL) - t.tv_sec;

	/* Only told from the times far back; not a measurement. */
	return age > -3600 && age < 3600;
}

static void
test_times(const struct posix *p)
{
	static const char *const names[] = { "f", "d", "l", "p" };
	struct mark m;

	(void)p;
	make_file("f", 0644, 0, 0);
	make_dir("d", 0755, 0, 0);
	WORKS(symlink("f", "l"));
	WORKS(mkfifo("p", 0644));
	for (size_t i = 0; i < 4; i++) {
		m = mark_path(names[i]);
		WORKS(set_times(names[i], 1000, 1, 2000, 999999999));
		is_times(names[i], 1000, 1, 2000, 999999999);
		is_touched(&m, C | M);
	}
	WORKS(set_times("f", 0, 0, 0, 0));
	is_times("f", 0, 0, 0, 0);
	WORKS(set_times("f", -1000, 5, -1, 6));
	is_times("f", -1000, 5, -1, 6);
	WORKS(set_times("f", 4300000000, 5, 4400000000, 6));
	is_times("f", 4300000000, 5, 4400000000, 6);
	WORKS(set_times("f", 0, UTIME_OMIT, 7, 7));
	is_times("f", 4300000000, 5, 7, 7);
	WORKS(set_times("f", 8, 8, 0, UTIME_OMIT));
	is_times("f", 8, 8, 7, 7);
	m = mark_path("f");
	WORKS(set_times("f", 0, UTIME_OMIT, 0, UTIME_OMIT));
	is_touched(&m, 0);
	WORKS(set_times("f", 0, UTIME_NOW, 0, UTIME_OMIT));
	IS(is_recent(stat_of("f").st_atim), 1);
	IS(stat_of("f").st_mtim.tv_sec, 7);
	WORKS(set_times("f", 9, 9, 0, UTIME_NOW));
	IS(is_recent(stat_of("f").st_mtim), 1);
	IS(stat_of("f").st_atim.tv_sec, 9);
	WORKS(set_times("f", 9, 9, 9, 9));
	WORKS(utimensat(AT_FDCWD, "f", NULL, 0));
	IS(is_recent(stat_of("f").st_mtim), 1);
	FAILS(EINVAL, set_times("f", 1, 1000000000, 1, 1));
	FAILS(EINVAL, set_times("f", 1, 1, 1, -1));
	FAILS(ENOENT, set_times("none", 1, 1, 1, 1));
}

static void
test_times_user(const struct posix *p)
{
	(void)p;
	make_file("mine", 0, USER_A, GROUP_A);
	make_file("write", 0666, USER_B, GROUP_B);
	make_file("read", 0444, USER_B, GROUP_B);
	become(USER_A, GROUP_A, 0);
	WORKS(set_times("mine", 1, 1, 1, 1));
	WORKS(utimensat(AT_FDCWD, "mine", NULL, 0));
	/* Now is allowed to writers, a time to the owner, utimensat(2). */
	WORKS(utimensat(AT_FDCWD, "write", NULL, 0));
	WORKS(set_times("write", 0, UTIME_NOW, 0, UTIME_NOW));
	FAILS(EPERM, set_times("write", 1, 1, 1, 1));
	FAILS(EPERM, set_times("write", 0, UTIME_NOW, 0, UTIME_OMIT));
	FAILS(EPERM, set_times("write", 0, UTIME_OMIT, 1, 1));
	FAILS(EACCES, utimensat(AT_FDCWD, "read", NULL, 0));
	FAILS(EACCES, set_times("read", 0, UTIME_NOW, 0, UTIME_NOW));
	FAILS(EPERM, set_times("read", 1, 1, 1, 1));
	WORKS(set_times("read", 0, UTIME_OMIT, 0, UTIME_OMIT));
	become_root();
	IS(is_recent(stat_of("mine").st_mtim), 1);
	IS(is_recent(stat_of("write").st_mtim), 1);
}

static void
test_times_fd(const struct posix *p)
{
	struct timespec t[2] = { { .tv_sec = 111, .tv_nsec = 222 },
	    { .tv_sec = 333, .tv_nsec = 444 } };
	int fd;

	(void)p;
	make_content("f", "content");
	fd = must_open("f", O_RDWR, 0);
	IS(write(fd, "CON", 3), 3);
	WORKS(futimens(fd, t));
	is_times("f", 111, 222, 333, 444);
	/* Nothing that was written before changes it later. */
	WORKS(close(fd));
	is_times("f", 111, 222, 333, 444);
	fd = must_open("f", O_RDONLY, 0);
	WORKS(unlink("f"));
	t[0].tv_sec = 555;
	WORKS(futimens(fd, t));
	IS(stat_fd(fd).st_atim.tv_sec, 555);
	IS(stat_fd(fd).st_mtim.tv_sec, 333);
	close(fd);
}

const struct posix_case posix_attr_cases[] = {
	{ "chmod", test_chmod },
	{ "chmod by users", test_chmod_user },
	{ "chmod takes effect", test_chmod_effect },
	{ "times", test_times },
	{ "times by users", test_times_user },
	{ "times of open files", test_times_fd },
	{ NULL, NULL }
};
