/*
 * SPDX-License-Identifier: ISC
 *
 * Capabilities: the option's language, and the sets that a process ends up
 * with, as /proc tells them.  Cases that change a process run in a child.
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

#define BIT(cap)	(UINT64_C(1) << (cap))
#define REST	(BIT(CAP_CHOWN) | BIT(CAP_FOWNER) | BIT(CAP_DAC_OVERRIDE))
#define RAISED	(BIT(CAP_FSETID) | BIT(CAP_SETUID) | BIT(CAP_SETGID))
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
test_default(void **state)
{
	struct caps_set set;

	(void)state;
	caps_default(&set);
	assert_int_equal(set.effective, REST);
	assert_int_equal(set.permitted, REST | RAISED);
}

static void
test_modify(void **state)
{
	static const struct {
		const char	*value;
		uint64_t	 effective;
		uint64_t	 permitted;
	} cases[] = {
		{ "+mknod", REST | BIT(CAP_MKNOD),
		    REST | BIT(CAP_MKNOD) | RAISED },
		{ "+MKNOD:+cap_setfcap:+CAP_SYS_ADMIN",
		    REST | BIT(CAP_MKNOD) | BIT(CAP_SETFCAP) |
		    BIT(CAP_SYS_ADMIN),
		    REST | BIT(CAP_MKNOD) | BIT(CAP_SETFCAP) |
		    BIT(CAP_SYS_ADMIN) | RAISED },
		{ "-chown", REST & ~BIT(CAP_CHOWN),
		    (REST & ~BIT(CAP_CHOWN)) | RAISED },
		{ "-fsetid", REST, REST | (RAISED & ~BIT(CAP_FSETID)) },
		{ "-fsetid:+fsetid", REST, REST | RAISED },
		{ "+fsetid:+setuid:+setgid", REST, REST | RAISED },
		{ "-setuid:-setgid", REST, REST | BIT(CAP_FSETID) },
		{ "+mknod:-mknod", REST, REST | RAISED },
		{ "-chown:-fowner:-dac_override:-fsetid:-setuid:-setgid", 0, 0 }
	};
	struct caps_set set;
	const char *bad;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		caps_default(&set);
		assert_int_equal(caps_modify(&set, cases[i].value, &bad, &len),
		    0);
		assert_int_equal(set.effective, cases[i].effective);
		assert_int_equal(set.permitted, cases[i].permitted);
	}
}

static void
test_modify_refused(void **state)
{
	static const struct {
		const char	*value;
		const char	*bad;
	} cases[] = {
		{ "", "" },
		{ "mknod", "mknod" },
		{ "+", "+" },
		{ "+cap_", "+cap_" },
		{ "+mknod:", "" },
		{ ":+mknod", "" },
		{ "+mknod::-chown", "" },
		{ "+mknod:-nonsense:+chown", "-nonsense" },
		{ "+mknod,-chown", "+mknod,-chown" },
		{ "+cap_cap_chown", "+cap_cap_chown" },
		{ "++chown", "++chown" },
		{ "+a_name_far_longer_than_any_capability_has",
		    "+a_name_far_longer_than_any_capability_has" }
	};
	struct caps_set set, before;
	const char *bad;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		caps_default(&set);
		before = set;
		assert_int_equal(caps_modify(&set, cases[i].value, &bad, &len),
		    -EINVAL);
		assert_int_equal(len, strlen(cases[i].bad));
		assert_memory_equal(bad, cases[i].bad, len);
		assert_true(bad >= cases[i].value &&
		    bad + len <= cases[i].value + strlen(cases[i].value));
		assert_memory_equal(&set, &before, sizeof(set));
	}
}

static void
test_names(void **state)
{
	char buf[1024];

	(void)state;
	assert_string_equal(caps_names(0, buf, sizeof(buf)), "none");
	assert_string_equal(caps_names(REST, buf, sizeof(buf)),
	    "chown dac_override fowner");
	assert_string_equal(caps_names(BIT(CAP_MKNOD), buf, sizeof(buf)),
	    "mknod");
	/* Cut between names, never within one or beyond the buffer. */
	memset(buf, 'x', sizeof(buf));
	assert_string_equal(caps_names(REST, buf, 10), "chown");
	assert_int_equal(buf[10], 'x');
	assert_string_equal(caps_names(REST, buf, 1), "");
	assert_string_equal(caps_names(0, buf, 4), "");
	assert_true(strlen(caps_names(UINT64_MAX, buf, sizeof(buf))) <
	    sizeof(buf));
}

static uint64_t
read_set(const char *name)
{
	char line[256];
	uint64_t set = 0;
	bool found = false;
	FILE *f = fopen("/proc/self/status", "r");

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0) {
			set = strtoull(line + strlen(name) + 1, NULL, 16);
			found = true;
		}
	fclose(f);
	CHECK(found);
	return set;
}

static void
check_sets(uint64_t effective, uint64_t permitted)
{
	CHECK(read_set("CapEff") == effective);
	CHECK(read_set("CapPrm") == permitted);
	CHECK(read_set("CapInh") == 0);
	CHECK(read_set("CapBnd") == 0);
	CHECK(read_set("CapAmb") == 0);
}

static void
check_file_mode(const char *path, mode_t want)
{
	struct stat st;

	CHECK(chmod(path, 02755) == 0);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == want);
}

/* FSETID is what keeps S_ISGID for a group that is not ours (chmod(2)). */
static void
be_monitor(void)
{
	char path[] = "/tmp/privfsd-test.XXXXXX";
	struct caps_set set;
	int fd = mkstemp(path);

	CHECK(fd != -1 && fchown(fd, 12345, 12345) == 0);
	caps_default(&set);
	CHECK(caps_apply_monitor(&set) == 0);
	check_sets(REST, REST | RAISED);
	check_file_mode(path, 0755);
	CHECK(caps_raise(BIT(CAP_FSETID)) == 0);
	check_sets(REST | BIT(CAP_FSETID), REST | RAISED);
	check_file_mode(path, 02755);
	caps_lower();
	check_sets(REST, REST | RAISED);
	check_file_mode(path, 0755);
	CHECK(unlink(path) == 0);
	CHECK(setresuid(5, 5, 5) == -1 && errno == EPERM);
}

static void
be_monitor_without_fsetid(void)
{
	const struct caps_set set = { REST, REST };

	CHECK(caps_apply_monitor(&set) == 0);
	check_sets(REST, REST);
	CHECK(caps_raise(BIT(CAP_FSETID)) == -EPERM);
	check_sets(REST, REST);
}

static void
set_permitted(uint64_t set)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)set, (uint32_t)set, 0 }
	};

	CHECK(syscall(SYS_capset, &header, data) == 0);
}

/* The order of the worker: ids, then capabilities. */
static void
be_worker(void)
{
	char buf[1024];
	struct sandbox_config config = { .mode = SANDBOX_NAMESPACE,
	    .worker_uid = (uid_t)-1, .worker_gid = (gid_t)-1 };

	CHECK(privdrop_common() == 0);
	CHECK(privdrop_ids(65534, 65534) == 0);
	CHECK(caps_drop(0) == 0);
	check_sets(0, 0);
	CHECK(setresuid(0, 0, 0) == -1);
	CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0,
	    0) == -1);
	CHECK(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) == -1);
	caps_default(&config.caps);
	CHECK(caps_check_start(&config, buf, sizeof(buf)) == -EPERM);
	CHECK(strcmp(buf, "chown dac_override fowner fsetid setgid "
	    "setuid sys_admin") == 0);
	CHECK(caps_missing(BIT(CAP_KILL) | BIT(CAP_CHOWN)) ==
	    (BIT(CAP_KILL) | BIT(CAP_CHOWN)));
}

/* A program that root executes gets nothing back. */
static void
be_launcher(void)
{
	CHECK(caps_drop(BIT(CAP_KILL)) == 0);
	check_sets(BIT(CAP_KILL), BIT(CAP_KILL));
	CHECK(caps_drop(0) == -EPERM);	/* no SETPCAP: once and for all */
	execl("/bin/sh", "sh", "-c", "grep -q '^CapPrm:.0*$' "
	    "/proc/self/status && grep -q '^CapEff:.0*$' /proc/self/status",
	    NULL);
}

static void
keep_for_exec(void)
{
	CHECK(caps_keep_for_exec() == 0);
	CHECK(read_set("CapAmb") == read_set("CapPrm"));
	CHECK(read_set("CapAmb") != 0);
	CHECK(caps_drop(0) == 0);
	check_sets(0, 0);
}

/*
 * Without SETPCAP the bounding set stays, which is refused unless no_new_privs
 * makes nothing of it.
 */
static void
be_without_setpcap(void)
{
	struct caps_set set = { REST, REST };

	CHECK(prctl(PR_CAPBSET_DROP, CAP_SETPCAP, 0, 0, 0) == 0);
	CHECK(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0) == 0);
	set_permitted(REST);
	CHECK(caps_drop(0) == -EPERM);
	CHECK(privdrop_common() == 0);
	CHECK(caps_apply_monitor(&set) == 0);
	CHECK(read_set("CapEff") == REST && read_set("CapPrm") == REST);
	CHECK(read_set("CapInh") == 0 && read_set("CapAmb") == 0);
	CHECK(read_set("CapBnd") != 0);
	CHECK(caps_drop(BIT(CAP_KILL) | BIT(CAP_CHOWN)) == 0);
	CHECK(read_set("CapPrm") == BIT(CAP_CHOWN));
	execl("/bin/sh", "sh", "-c", "grep -q '^CapPrm:.0*1$' "
	    "/proc/self/status && grep -q '^CapEff:.0*1$' /proc/self/status",
	    NULL);
}

static void
test_processes(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: needs root\n");
		return;
	}
	assert_int_equal(child_status(be_monitor), 0);
	assert_int_equal(child_status(be_monitor_without_fsetid), 0);
	assert_int_equal(child_status(be_worker), 0);
	assert_int_equal(child_status(be_launcher), 0);
	assert_int_equal(child_status(be_without_setpcap), 0);
	assert_int_equal(child_status(keep_for_exec), 0);
}

static void
test_launcher(void **state)
{
	struct sandbox_config config = { .mode = SANDBOX_NAMESPACE,
	    .worker_uid = 7, .worker_gid = 7 };

	(void)state;
	assert_int_equal(caps_launcher(&config), 0);
	config.mode = SANDBOX_CHROOT;
	assert_int_equal(caps_launcher(&config), BIT(CAP_KILL));
	config.mode = SANDBOX_NONE;
	assert_int_equal(caps_launcher(&config), BIT(CAP_KILL));
	config.worker_uid = (uid_t)-1;
	assert_int_equal(caps_launcher(&config), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_modify),
		cmocka_unit_test(test_modify_refused),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_launcher),
		cmocka_unit_test(test_processes)
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
