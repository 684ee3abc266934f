/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: T_UTIME, with what QEMU really sends: UTIME_NOW and UTIME_OMIT
 * beside seconds that are stack garbage.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "p9_suite.h"

#define GARBAGE	0xdeadbeefcafebabeULL

static const struct timespec start[2] = {
	{ .tv_sec = 1000, .tv_nsec = 1 }, { .tv_sec = 2000, .tv_nsec = 2 }
};

static void
make_file(struct p9_env *e, const char *name)
{
	host_write(host(e, name), "x", 0400, 1000, 1000);
	if (utimensat(AT_FDCWD, host(e, name), start, 0) != 0)
		tap_bail("utimensat");
}

static void
is_time(const struct timespec *got, int64_t sec, int64_t nsec,
    const char *what)
{
	tap_ok(got->tv_sec == sec && got->tv_nsec == nsec, "%s is %lld.%09lld",
	    what, (long long)sec, (long long)nsec);
	if (got->tv_sec != sec || got->tv_nsec != nsec)
		tap_diag("got %lld.%09ld", (long long)got->tv_sec,
		    got->tv_nsec);
}

static void
is_now(const struct timespec *got, const char *what)
{
	long long age = (long long)time(NULL) - got->tv_sec;

	/* Only told from the fixed times far back; not a measurement. */
	tap_ok(age > -3600 && age < 3600, "%s is the current time", what);
}

static void
test_explicit(struct p9_env *e)
{
	static const struct p9_times t = { 1234567890, 123456789, 1500000000,
	    999999999 };
	static const struct p9_times zero = { 0, 0, 0, 0 };
	static const struct p9_times early = { (uint64_t)-1000, 5,
	    (uint64_t)-1, 6 };
	struct stat st;

	make_file(e, "file");
	is_result(p9_utime(&e->c, guest(e, "file"), &t), 0, "both explicit");
	host_lstat(host(e, "file"), &st);
	is_time(&st.st_atim, 1234567890, 123456789, "atime");
	is_time(&st.st_mtim, 1500000000, 999999999, "mtime");
	is_result(p9_utime(&e->c, guest(e, "file"), &zero), 0, "the epoch");
	host_lstat(host(e, "file"), &st);
	is_time(&st.st_atim, 0, 0, "atime");
	is_time(&st.st_mtim, 0, 0, "mtime");
	is_result(p9_utime(&e->c, guest(e, "file"), &early), 0,
	    "before the epoch");
	host_lstat(host(e, "file"), &st);
	is_time(&st.st_atim, -1000, 5, "atime");
	is_time(&st.st_mtim, -1, 6, "mtime");
}

static void
test_special(struct p9_env *e)
{
	static const struct p9_times now = { GARBAGE, UTIME_NOW, GARBAGE,
	    UTIME_NOW };
	static const struct p9_times omit_a = { GARBAGE, UTIME_OMIT, 3000, 3 };
	static const struct p9_times omit_m = { 4000, 4, GARBAGE, UTIME_OMIT };
	static const struct p9_times mixed = { GARBAGE, UTIME_NOW, GARBAGE,
	    UTIME_OMIT };
	struct stat st;

	make_file(e, "file");
	is_result(p9_utime(&e->c, guest(e, "file"), &omit_a), 0,
	    "atime omitted");
	host_lstat(host(e, "file"), &st);
	is_time(&st.st_atim, 1000, 1, "atime");
	is_time(&st.st_mtim, 3000, 3, "mtime");
	is_result(p9_utime(&e->c, guest(e, "file"), &omit_m), 0,
	    "mtime omitted");
	host_lstat(host(e, "file"), &st);
	is_time(&st.st_atim, 4000, 4, "atime");
	is_time(&st.st_mtim, 3000, 3, "mtime");
	is_result(p9_utime(&e->c, guest(e, "file"), &mixed), 0,
	    "atime now, mtime omitted");
	host_lstat(host(e, "file"), &st);
	is_now(&st.st_atim, "atime");
	is_time(&st.st_mtim, 3000, 3, "mtime");
	make_file(e, "other");
	is_result(p9_utime(&e->c, guest(e, "other"), &now), 0, "both now");
	host_lstat(host(e, "other"), &st);
	is_now(&st.st_atim, "atime");
	is_now(&st.st_mtim, "mtime");
}

static void
test_omit(struct p9_env *e)
{
	static const struct p9_times omit = { GARBAGE, UTIME_OMIT, GARBAGE,
	    UTIME_OMIT };
	struct stat before, after;

	make_file(e, "file");
	host_lstat(host(e, "file"), &before);
	is_result(p9_utime(&e->c, guest(e, "file"), &omit), 0,
	    "both omitted");
	host_lstat(host(e, "file"), &after);
	is_time(&after.st_atim, 1000, 1, "atime");
	is_time(&after.st_mtim, 2000, 2, "mtime");
	tap_ok(memcmp(&after.st_ctim, &before.st_ctim,
	    sizeof(after.st_ctim)) == 0, "ctime is as it was");
	is_result(p9_utime(&e->c, guest(e, "missing"), &omit), 0,
	    "both omitted of a missing file, as utimensat(2)");
}

static void
test_bad(struct p9_env *e)
{
	static const struct p9_times bad[] = {
		{ 1, 1000000000, 1, 1 },
		{ 1, 1, 1, 1000000000 },
		{ 1, UINT64_MAX, 1, 1 },
		{ 1, 1, 1, 1ULL << 63 },
		/* 0x3fffffff in the lower half only is not UTIME_NOW. */
		{ 1, 1, 1, (1ULL << 32) | UTIME_NOW },
	};
	static const struct p9_times good = { 1, 1, 1, 1 };
	struct stat st;

	make_file(e, "file");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_result(p9_utime(&e->c, guest(e, "file"), &bad[i]),
		    -EINVAL, "nanoseconds out of range, %zu", i);
	host_lstat(host(e, "file"), &st);
	is_time(&st.st_atim, 1000, 1, "atime");
	is_time(&st.st_mtim, 2000, 2, "mtime");
	is_result(p9_utime(&e->c, guest(e, "missing"), &good), -ENOENT,
	    "a missing file");
}

static void
test_kinds(struct p9_env *e)
{
	static const struct p9_times t = { 5000, 5, 6000, 6 };
	static const char *const names[] = { "dir", "link", "fifo", "null" };
	struct stat st;

	make_file(e, "file");
	host_mkdir(host(e, "dir"), 0500, 1000, 1000);
	host_symlink("file", host(e, "link"));
	host_mknod(host(e, "fifo"), S_IFIFO | 0600, 0);
	host_mknod(host(e, "null"), S_IFCHR | 0666, 0x103);
	for (size_t i = 0; i < 4; i++) {
		is_result(p9_utime(&e->c, guest(e, names[i]), &t), 0,
		    "times of %s", names[i]);
		host_lstat(host(e, names[i]), &st);
		is_time(&st.st_atim, 5000, 5, names[i]);
		is_time(&st.st_mtim, 6000, 6, names[i]);
	}
	host_lstat(host(e, "file"), &st);
	is_time(&st.st_mtim, 2000, 2, "the link's target");
}

static const struct p9_test tests[] = {
	{ "explicit", test_explicit },
	{ "special", test_special },
	{ "omit", test_omit },
	{ "bad", test_bad },
	{ "kinds", test_kinds },
};

int
main(void)
{
	static const struct p9_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]) };

	return p9_suite_main(&suite);
}
