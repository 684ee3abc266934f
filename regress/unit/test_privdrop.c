/*
 * SPDX-License-Identifier: ISC
 *
 * What a process gives up besides capabilities.  Each case changes a process
 * of its own and looks at what the kernel says of it.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

#define CHILD_SECONDS	30

/* In a child: ends it, saying where, unless `cond` holds. */
#define CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "# %s:%d: %s (errno %s)\n", __func__,	\
		    __LINE__, #cond, strerror(errno));			\
		_exit(1);						\
	}								\
} while (0)

static int
child_status(void (*body)(void))
{
	int status = -1;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		alarm(CHILD_SECONDS);
		body();
		_exit(0);
	}
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
use_common(void)
{
	const struct rlimit small = { 4096, RLIM_INFINITY };
	struct rlimit limit;
	struct sigaction action;

	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHECK(privdrop_common() == 0);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	CHECK(getrlimit(RLIMIT_CORE, &limit) == 0);
	CHECK(limit.rlim_cur == 0 && limit.rlim_max == 0);
	CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHECK(limit.rlim_cur == RLIM_INFINITY);
	CHECK(umask(022) == 0);
	CHECK(sigaction(SIGPIPE, NULL, &action) == 0);
	CHECK(action.sa_handler == SIG_IGN);
	CHECK(sigaction(SIGXFSZ, NULL, &action) == 0);
	CHECK(action.sa_handler == SIG_IGN);
}

static void
test_common(void **state)
{
	(void)state;
	assert_int_equal(child_status(use_common), 0);
}

static void
use_ids(void)
{
	const gid_t groups[] = { 1, 2, 3 };
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	CHECK(setgroups(3, groups) == 0);
	CHECK(privdrop_ids(65534, 65533) == 0);
	CHECK(getresuid(&ruid, &euid, &suid) == 0);
	CHECK(ruid == 65534 && euid == 65534 && suid == 65534);
	CHECK(getresgid(&rgid, &egid, &sgid) == 0);
	CHECK(rgid == 65533 && egid == 65533 && sgid == 65533);
	CHECK(getgroups(0, NULL) == 0);
	CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
}

static void
keep_ids(void)
{
	CHECK(privdrop_ids((uid_t)-1, (gid_t)-1) == 0);
	CHECK(getuid() == 0 && getgid() == 0 && getgroups(0, NULL) == 0);
}

static void
refuse_ids(void)
{
	CHECK(setresuid(65534, 65534, 65534) == 0);
	CHECK(privdrop_ids(5, (gid_t)-1) == -EPERM);
	CHECK(privdrop_ids((uid_t)-1, 5) == -EPERM);
	CHECK(privdrop_ids((uid_t)-1, (gid_t)-1) == 0);
}

static void
test_ids(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: needs root\n");
		return;
	}
	assert_int_equal(child_status(use_ids), 0);
	assert_int_equal(child_status(keep_ids), 0);
	assert_int_equal(child_status(refuse_ids), 0);
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static void
close_fds(void)
{
	static const int keep[] = { 70, 5, 6, 9 };
	struct stat null, st;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
		CHECK(dup2(STDERR_FILENO, keep[i]) == keep[i]);
	CHECK(dup2(STDERR_FILENO, 7) == 7 && dup2(STDERR_FILENO, 71) == 71);
	CHECK(privdrop_close_fds(keep, sizeof(keep) / sizeof(keep[0])) == 0);
	for (fd = 3; fd < 100; fd++)
		CHECK(is_open(fd) ==
		    (fd == 5 || fd == 6 || fd == 9 || fd == 70));
	CHECK(stat("/dev/null", &null) == 0);
	for (fd = 0; fd < 2; fd++)
		CHECK(fstat(fd, &st) == 0 && st.st_rdev == null.st_rdev);
}

/* Not even where the low numbers were free, or are to be kept. */
static void
close_low_fds(void)
{
	static const int keep[] = { 1 };
	struct stat before, after, null;
	int fds[2];

	CHECK(pipe(fds) == 0 && dup2(fds[1], 1) == 1);
	CHECK(fstat(1, &before) == 0);
	close(0);
	CHECK(privdrop_close_fds(keep, 1) == 0);
	CHECK(fstat(1, &after) == 0 && before.st_ino == after.st_ino);
	CHECK(stat("/dev/null", &null) == 0);
	CHECK(fstat(0, &after) == 0 && after.st_rdev == null.st_rdev);
	CHECK(!is_open(3) && !is_open(4));
	CHECK(privdrop_close_fds(NULL, 0) == 0);
	CHECK(fstat(1, &after) == 0 && after.st_rdev == null.st_rdev);
}

static void
test_close_fds(void **state)
{
	(void)state;
	assert_int_equal(child_status(close_fds), 0);
	assert_int_equal(child_status(close_low_fds), 0);
}

static void
limit_files(void)
{
	struct rlimit limit;
	uint64_t got = 0;

	CHECK(privdrop_nofile(64, &got) == 0 && got == 64);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	CHECK(limit.rlim_cur == 64 && limit.rlim_max == 64);
	if (geteuid() == 0)
		CHECK(privdrop_ids(65534, 65534) == 0 && caps_drop(0) == 0);
	CHECK(privdrop_nofile(1000000, &got) == 0 && got == 64);
	CHECK(privdrop_nofile(UINT64_MAX, &got) == 0 && got == 64);
	CHECK(privdrop_nofile(32, &got) == 0 && got == 32);
}

static void
test_nofile(void **state)
{
	(void)state;
	assert_int_equal(child_status(limit_files), 0);
}

static void
die_with_parent(void)
{
	int pair[2], sig = 0;

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	CHECK(privdrop_die_with_parent(pair[0]) == 0);
	CHECK(prctl(PR_GET_PDEATHSIG, &sig, 0, 0, 0) == 0 && sig == SIGKILL);
	close(pair[1]);
	CHECK(privdrop_die_with_parent(pair[0]) == -ESRCH);
}

static void
test_die_with_parent(void **state)
{
	(void)state;
	assert_int_equal(child_status(die_with_parent), 0);
}

static void
test_find_user(void **state)
{
	uid_t uid = (uid_t)-1;
	gid_t gid = 0;

	(void)state;
	assert_int_equal(privdrop_find_user(&uid, &gid), 0);
	assert_int_not_equal(uid, 0);
	assert_int_not_equal(uid, (uid_t)-1);
	assert_int_not_equal(gid, 0);
	/* One that was chosen stays. */
	uid = 3999999999;
	assert_int_equal(privdrop_find_user(&uid, &gid), 0);
	assert_int_equal(uid, 3999999999);
	assert_int_equal(gid, 3999999999);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_common),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_close_fds),
		cmocka_unit_test(test_nofile),
		cmocka_unit_test(test_die_with_parent),
		cmocka_unit_test(test_find_user)
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
