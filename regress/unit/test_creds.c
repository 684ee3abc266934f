/*
 * SPDX-License-Identifier: ISC
 *
 * The file system ids of a thread, as /proc and the kernel tell them.  Each
 * case changes a process, so it runs in a child.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/creds.h"

#define CHILD_SECONDS	30

/* In a child: ends it, saying where, unless `cond` holds. */
#define CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "# %s:%d: %s (errno %s)\n", __func__,	\
		    __LINE__, #cond, strerror(errno));			\
		_exit(1);						\
	}								\
} while (0)

static const struct monitor_owner user = { 1000, 1001 };
static const struct monitor_owner other = { 2000, 1001 };
static const struct monitor_owner root = { 0, 0 };

/* Number `n` of a line of this process's status, in `base`. */
static uint64_t
status_field(const char *line, unsigned int n, int base)
{
	char buf[256], *at;
	uint64_t value = UINT64_MAX;
	FILE *f = fopen("/proc/self/status", "re");

	CHECK(f != NULL);
	while (fgets(buf, sizeof(buf), f) != NULL) {
		if (strncmp(buf, line, strlen(line)) != 0)
			continue;
		at = buf + strlen(line) + 1;
		for (unsigned int i = 0; i <= n; i++)
			value = strtoull(at, &at, base);
	}
	fclose(f);
	return value;
}

static void
check_ids(const struct creds *creds, uid_t uid, gid_t gid)
{
	CHECK(creds->uid == uid && creds->gid == gid);
	CHECK(status_field("Uid", 3, 10) == uid);
	CHECK(status_field("Gid", 3, 10) == gid);
	/* The others stay, and so does the set at rest. */
	CHECK(status_field("Uid", 1, 10) == creds->own_uid);
	CHECK(status_field("Gid", 1, 10) == creds->own_gid);
}

/* From the permitted set, and so from the others. */
static int
drop_cap(unsigned int cap)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) == -1)
		return -1;
	data[0].permitted &= ~(1U << cap);
	data[0].effective &= ~(1U << cap);
	return (int)syscall(SYS_capset, &header, data);
}

static void
begin_in(struct creds *creds, const char *modcaps, bool all_ids)
{
	struct caps_set caps;
	const char *bad;
	size_t len;

	caps_default(&caps);
	CHECK(modcaps == NULL || caps_modify(&caps, modcaps, &bad, &len) == 0);
	CHECK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
	CHECK(caps_apply_monitor(&caps) == 0);
	creds_init(creds, &caps, all_ids);
	CHECK(creds_are_own(creds));
	CHECK(status_field("CapEff", 0, 16) == caps.effective);
}

static void
begin(struct creds *creds, const char *modcaps)
{
	begin_in(creds, modcaps, true);
}

static void
take(void)
{
	uint64_t rest;
	struct creds creds;

	begin(&creds, NULL);
	rest = status_field("CapEff", 0, 16);
	CHECK(creds_take(&creds, &user) == 0);
	check_ids(&creds, 1000, 1001);
	CHECK(!creds_are_own(&creds));
	CHECK(status_field("CapEff", 0, 16) == rest);
	CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	/* Without a way back between two users. */
	CHECK(creds_take(&creds, &other) == 0);
	check_ids(&creds, 2000, 1001);
	CHECK(creds_take(&creds, &root) == 0);
	check_ids(&creds, 0, 0);
	CHECK(creds_are_own(&creds));
	CHECK(creds_take(&creds, &user) == 0);
	creds_own(&creds);
	check_ids(&creds, 0, 0);
	CHECK(status_field("CapEff", 0, 16) == rest);
	CHECK(setuid(1000) == -1 && setgid(1000) == -1);
}

/* Without CAP_SETPCAP the securebits stay, which keep a set as it is. */
static void
without_setpcap(void)
{
	struct creds creds;
	uint64_t rest;

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(drop_cap(CAP_SETPCAP) == 0);
	begin(&creds, NULL);
	rest = status_field("CapEff", 0, 16);
	CHECK(creds_take(&creds, &user) == 0);
	check_ids(&creds, 1000, 1001);
	CHECK(status_field("CapEff", 0, 16) == rest);
	creds_own(&creds);
	check_ids(&creds, 0, 0);
	CHECK(status_field("CapEff", 0, 16) == rest);
}

/* What is taken away makes it an error, with the own ids kept. */
static void
not_permitted(const char *modcaps, int error, int error_group)
{
	const struct monitor_owner group = { 0, 1001 };
	struct creds creds;

	begin(&creds, modcaps);
	CHECK(creds_take(&creds, &root) == 0);
	CHECK(creds_take(&creds, &user) == error);
	check_ids(&creds, error != 0 ? 0 : 1000, error != 0 ? 0 : 1001);
	creds_own(&creds);
	CHECK(creds_take(&creds, &group) == error_group);
	check_ids(&creds, 0, error_group != 0 ? 0 : 1001);
}

static void
without_setuid(void)
{
	not_permitted("-setuid", -EPERM, 0);
}

static void
without_setgid(void)
{
	not_permitted("-setgid", -EPERM, -EPERM);
}

static void
unmapped(void)
{
	struct creds creds;
	int fd;

	CHECK(unshare(CLONE_NEWUSER) == 0);
	fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
	CHECK(fd != -1 && write(fd, "deny", 4) == 4 && close(fd) == 0);
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	CHECK(fd != -1 && write(fd, "0 0 1", 5) == 5 && close(fd) == 0);
	fd = open("/proc/self/gid_map", O_WRONLY | O_CLOEXEC);
	CHECK(fd != -1 && write(fd, "0 0 1", 5) == 5 && close(fd) == 0);
	begin(&creds, NULL);
	CHECK(creds_take(&creds, &root) == 0);
	CHECK(creds_take(&creds, &user) == -EPERM);
	check_ids(&creds, 0, 0);
}

/* Where they may stay: on local file systems. */
static void
stay(void)
{
	struct creds creds;
	int remote = open("/proc", O_PATH | O_CLOEXEC);
	int local = open("/dev/shm", O_PATH | O_CLOEXEC);

	CHECK(remote != -1 && local != -1);
	begin(&creds, NULL);
	CHECK(creds_take(&creds, &user) == 0);
	creds_leave(&creds, remote);
	check_ids(&creds, 0, 0);
	CHECK(creds_take(&creds, &user) == 0);
	creds_leave(&creds, local);
	check_ids(&creds, 1000, 1001);
	/* Another creation by the same user, elsewhere. */
	CHECK(creds_take(&creds, &user) == 0);
	creds_leave(&creds, remote);
	check_ids(&creds, 0, 0);
}

/* Where capabilities would not decide, or not for each inode, they never do. */
static void
never_stay(void)
{
	int local = open("/dev/shm", O_PATH | O_CLOEXEC);
	struct creds creds;

	CHECK(local != -1);
	begin(&creds, "-dac_override");
	CHECK(creds_take(&creds, &user) == 0);
	creds_leave(&creds, local);
	check_ids(&creds, 0, 0);
}

static void
never_stay_with_some_ids(void)
{
	int local = open("/dev/shm", O_PATH | O_CLOEXEC);
	struct creds creds;

	CHECK(local != -1);
	begin_in(&creds, NULL, false);
	CHECK(creds_take(&creds, &user) == 0);
	creds_leave(&creds, local);
	check_ids(&creds, 0, 0);
}

typedef void child_body(void);

static void
run(void **state)
{
	child_body *const *body = *state;
	int status = -1;
	pid_t pid;

	if (geteuid() != 0) {
		print_message("# skipped: needs root\n");
		return;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(CHILD_SECONDS);
		(*body)();
		_exit(0);
	}
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define CHILD(body)							\
	{ #body, run, NULL, NULL, (child_body *[]){ body } }

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CHILD(take), CHILD(without_setpcap), CHILD(without_setuid), CHILD(without_setgid),
		CHILD(unmapped), CHILD(stay), CHILD(never_stay),
		CHILD(never_stay_with_some_ids)
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
