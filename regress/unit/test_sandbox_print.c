/*
 * SPDX-License-Identifier: ISC
 *
 * The lists of system calls: what must never be in one, that the printed form
 * says what is in them, and that the kernel enforces them.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/sandbox.h"
#include "sandbox/seccomp_list.h"

#define CHILD_SECONDS	30
#define REOPEN		(O_NOCTTY | O_CLOEXEC)

static const char *const process_names[] = {
	[SANDBOX_LAUNCHER] = "launcher",
	[SANDBOX_MONITOR] = "monitor",
	[SANDBOX_WORKER] = "worker"
};

static struct sandbox_config
default_config(void)
{
	struct sandbox_config config = { .mode = SANDBOX_NAMESPACE,
	    .seccomp = SECCOMP_ACTION_KILL, .worker_uid = 65534,
	    .worker_gid = 65533 };

	caps_default(&config.caps);
	return config;
}

static struct sandbox_config
virtiofs_config(void)
{
	struct sandbox_config config = default_config();

	config.virtiofs = true;
	return config;
}

static const struct seccomp_row *
find_row(enum sandbox_process process, const struct sandbox_config *config,
    const char *name)
{
	const struct seccomp_row *row;
	size_t position = 0;

	while ((row = seccomp_next_row(process, config, &position)) != NULL)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

/* For both protocols. */
static void
assert_absent(enum sandbox_process process, const char *name)
{
	struct sandbox_config configs[] = { default_config(),
	    virtiofs_config() };
	size_t i;

	for (i = 0; i < 2; i++)
		if (find_row(process, &configs[i], name) != NULL)
			fail_msg("%s may call %s", process_names[process],
			    name);
}

static void
test_never(void **state)
{
	static const char *const never[] = {
		"execve", "execveat", "fork", "vfork", "ptrace",
		"process_vm_readv", "process_vm_writev", "socket",
		"socketpair", "connect", "bind", "listen", "mount", "umount2",
		"pivot_root", "chroot", "unshare", "setns", "open_tree",
		"move_mount", "mount_setattr", "fsopen", "setuid", "setgid",
		"setreuid", "setregid", "setresuid", "setresgid", "setgroups",
		"chdir",
		"fchdir", "creat", "bpf", "keyctl", "io_uring_setup",
		"userfaultfd", "open_by_handle_at", "personality", "seccomp",
		"memfd_create", "tkill", "rt_sigqueueinfo",
		"perf_event_open", "kexec_load", "init_module", "ioperm",
		"dup", "dup2", "dup3", "pidfd_open", "pidfd_getfd"
	};
	enum sandbox_process process;
	size_t i;

	(void)state;
	for (process = 0; process < SANDBOX_PROCESSES; process++)
		for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
			assert_absent(process, never[i]);
}

/* What the monitor alone may do to itself, and no more of it than that. */
static void
test_own_ids(void **state)
{
	static const char *const only[] = { "setfsuid", "setfsgid", "prctl",
	    "capset" };
	struct sandbox_config configs[] = { default_config(),
	    virtiofs_config() };
	const struct seccomp_row *row;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(only) / sizeof(only[0]); i++) {
		assert_absent(SANDBOX_LAUNCHER, only[i]);
		assert_absent(SANDBOX_WORKER, only[i]);
		for (n = 0; n < 2; n++) {
			configs[n].readonly = false;
			assert_non_null(find_row(SANDBOX_MONITOR, &configs[n],
			    only[i]));
			configs[n].readonly = true;
			assert_null(find_row(SANDBOX_MONITOR, &configs[n],
			    only[i]));
		}
	}
	configs[0].readonly = false;
	row = find_row(SANDBOX_MONITOR, &configs[0], "prctl");
	assert_int_equal(row->args[0].index, 0);
	assert_int_equal(row->args[0].value, PR_SET_DUMPABLE);
	assert_int_equal(row->args[1].index, 1);
	assert_int_equal(row->args[1].value, 0);
}

#ifndef PRIVFSD_SANITIZE	/* they look at files of /proc */
static void
assert_absent_9p(enum sandbox_process process, const char *name)
{
	struct sandbox_config config = default_config();

	if (find_row(process, &config, name) != NULL)
		fail_msg("%s may call %s", process_names[process], name);
}

static void
test_never_worker(void **state)
{
	static const char *const never[] = {
		"open", "openat", "openat2", "stat", "newfstatat", "statx",
		"getdents64",
		"unlinkat", "unlink", "renameat2", "mkdirat", "mknodat",
		"symlinkat", "linkat", "readlinkat", "fchownat", "fchmodat",
		"fchmodat2", "truncate", "utimensat", "getxattr", "setxattr",
		"getxattrat", "setxattrat", "capset", "accept", "accept4",
		"kill", "tgkill", "ioctl", "ftruncate", "fchmod", "fchown",
		"pread64", "pwrite64", "readv", "writev", "splice", "sendfile"
	};
	static const char *const never_9p[] = {
		"fstat", "fcntl", "read", "write", "preadv2", "pwritev2",
		"mprotect", "madvise", "clone", "clone3", "exit",
		"epoll_create1", "eventfd2", "pipe2", "lseek", "fallocate",
		"copy_file_range", "fsync", "rt_sigaction", "rt_sigprocmask"
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		assert_absent(SANDBOX_WORKER, never[i]);
	for (i = 0; i < sizeof(never_9p) / sizeof(never_9p[0]); i++)
		assert_absent_9p(SANDBOX_WORKER, never_9p[i]);
	assert_absent_9p(SANDBOX_MONITOR, "getdents64");
	assert_absent_9p(SANDBOX_MONITOR, "lseek");
	assert_absent_9p(SANDBOX_MONITOR, "syncfs");
	assert_absent(SANDBOX_MONITOR, "clone");
	assert_absent(SANDBOX_MONITOR, "clone3");
	assert_absent(SANDBOX_LAUNCHER, "clone");
	assert_absent(SANDBOX_LAUNCHER, "clone3");
	assert_absent(SANDBOX_LAUNCHER, "open");
	assert_absent(SANDBOX_LAUNCHER, "openat");
	assert_absent(SANDBOX_LAUNCHER, "openat2");
	assert_absent(SANDBOX_MONITOR, "open");
	assert_absent(SANDBOX_MONITOR, "kill");
	assert_absent(SANDBOX_MONITOR, "recvmsg");
	assert_absent(SANDBOX_MONITOR, "read");
}
#endif

/* Whether the row's arguments permit `value` as argument `index`. */
static bool
row_permits(const struct seccomp_row *row, unsigned int index, uint64_t value)
{
	unsigned int i;

	for (i = 0; i < seccomp_row_nargs(row); i++)
		if (row->args[i].index == index &&
		    (value & row->args[i].mask) != row->args[i].value)
			return false;
	return true;
}

/* What the sanitizers' list adds would hide a missing rule. */
static bool
row_is_own(const struct seccomp_row *row)
{
	return strncmp(row->reason, "sanitizers:", 11) != 0;
}

/* What exists is opened again, and nothing is made. */
static void
check_openat(const struct seccomp_row *row)
{
	/* Virtio-fs has rows that are there for O_DIRECT alone. */
	uint64_t reopen = row_permits(row, 2, REOPEN) ? REOPEN :
	    REOPEN | O_DIRECT;

	assert_false(row_permits(row, 2, reopen | O_CREAT));
	assert_false(row_permits(row, 2, reopen | O_TMPFILE));
	/* Or O_PATH, and nothing else at all. */
	if (row_permits(row, 2, REOPEN | O_PATH)) {
		assert_int_equal(row->args[0].mask, UINT32_MAX);
		return;
	}
	assert_true(row_permits(row, 2, reopen | O_RDONLY));
	assert_false(row_permits(row, 2, reopen | O_PATH));
}

static void
check_row(const struct seccomp_row *row)
{
	unsigned int i, n = seccomp_row_nargs(row);

	assert_non_null(row->reason);
	assert_true(strlen(row->reason) > 0);
	assert_null(strpbrk(row->reason, "\"\\\n"));
	assert_true(seccomp_row_number(row) >= 0);
	for (i = 0; i < n; i++) {
		assert_true(row->args[i].index < 6);
		/* Such a row could never fit. */
		assert_int_equal(row->args[i].value & ~row->args[i].mask, 0);
	}
	if (strcmp(row->name, "mmap") == 0 || strcmp(row->name,
	    "mprotect") == 0) {
		assert_true(row_permits(row, 2, PROT_READ | PROT_WRITE));
		assert_false(row_permits(row, 2, PROT_READ | PROT_EXEC));
	}
	if (row_is_own(row) && strcmp(row->name, "openat") == 0)
		check_openat(row);
	if (row_is_own(row) && (strcmp(row->name, "openat") == 0 ||
	    strcmp(row->name, "ioctl") == 0 || strcmp(row->name, "futex") ==
	    0 || strcmp(row->name, "kill") == 0))
		assert_true(n > 0);
}

static void
check_rows(enum sandbox_process process, const struct sandbox_config *config)
{
	const struct seccomp_row *row, *other;
	size_t position = 0, second;

	while ((row = seccomp_next_row(process, config, &position)) != NULL) {
		check_row(row);
		second = position;
		while ((other = seccomp_next_row(process, config,
		    &second)) != NULL) {
			if (strcmp(row->name, other->name) != 0)
				continue;
			/* Permitted or refused, not now and then. */
			assert_int_equal(row->error, other->error);
			if (row_is_own(other))
				assert_memory_not_equal(row->args,
				    other->args, sizeof(row->args));
		}
	}
}

static void
test_rows(void **state)
{
	struct sandbox_config config = default_config();
	struct sandbox_config virtiofs = virtiofs_config();
	enum sandbox_process process;

	(void)state;
	for (process = 0; process < SANDBOX_PROCESSES; process++) {
		check_rows(process, &config);
		check_rows(process, &virtiofs);
	}
}

/* Whether any row of that name permits `value` as argument `index`. */
static bool
permits(enum sandbox_process process, const struct sandbox_config *config,
    const char *name, unsigned int index, uint64_t value)
{
	const struct seccomp_row *row;
	size_t position = 0;

	while ((row = seccomp_next_row(process, config, &position)) != NULL)
		if (strcmp(row->name, name) == 0 && row_is_own(row) &&
		    row->error == 0 && row_permits(row, index, value))
			return true;
	return false;
}

/* Threads, guest memory and data fds: as much of each as it takes. */
static void
test_virtiofs_worker(void **state)
{
	const uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES |
	    CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
	    CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	struct sandbox_config config = virtiofs_config();
	const struct {
		const char	*name;
		unsigned int	 index;
		uint64_t	 value;
		bool		 permitted;
	} cases[] = {
		{ "clone", 0, thread, true },
		{ "clone", 0, thread & ~(uint64_t)CLONE_THREAD, false },
		{ "clone", 0, thread & ~(uint64_t)CLONE_VM, false },
		{ "clone", 0, thread | CLONE_NEWNS, false },
		{ "clone", 0, thread | CLONE_NEWUSER, false },
		{ "clone", 0, thread | CLONE_PTRACE, false },
		{ "clone", 0, SIGCHLD, false },
		{ "mmap", 3, MAP_SHARED, true },
		{ "mmap", 3, MAP_SHARED | MAP_FIXED, false },
		{ "mmap", 3, MAP_PRIVATE, false },
		{ "mmap", 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, true },
		{ "mmap", 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, false },
		{ "mprotect", 2, PROT_READ | PROT_WRITE, true },
		{ "mprotect", 2, PROT_READ | PROT_EXEC, false },
		{ "madvise", 2, MADV_DONTNEED, true },
		{ "madvise", 2, MADV_HWPOISON, false },
		{ "preadv2", 5, 0, true },
		{ "preadv2", 5, RWF_NOWAIT, true },
		{ "preadv2", 5, RWF_HIPRI, false },
		{ "pwritev2", 5, RWF_NOWAIT, true },
		{ "pwritev2", 5, RWF_NOWAIT | RWF_APPEND, true },
		{ "pwritev2", 5, RWF_APPEND | RWF_DSYNC, true },
		{ "pwritev2", 5, RWF_APPEND | RWF_SYNC, true },
		{ "preadv2", 5, RWF_SYNC, false },
		{ "pwritev2", 5, RWF_HIPRI, false },
		{ "write", 2, 8, true },
		{ "write", 2, 1, false },
		{ "read", 2, 4096, false },
		{ "fcntl", 1, F_DUPFD_CLOEXEC, true },
		{ "fcntl", 1, F_SETFL, false },
		{ "fcntl", 1, F_SETLK, false },
		{ "lseek", 2, SEEK_HOLE, true },
		{ "lseek", 2, SEEK_SET, true },
		{ "lseek", 2, SEEK_CUR, false },
		{ "copy_file_range", 5, 0, true },
		{ "copy_file_range", 5, 1, false },
		{ "futex", 1, FUTEX_WAIT_PRIVATE, true },
		{ "futex", 1, FUTEX_WAKE_PRIVATE, true },
		{ "futex", 1, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, true },
		{ "futex", 1, FUTEX_CMP_REQUEUE_PI, false },
		{ "futex", 1, FUTEX_LOCK_PI_PRIVATE, false },
		{ "futex", 1, FUTEX_TRYLOCK_PI, false },
		{ "rt_sigaction", 0, SIGSYS, false },
		{ "rt_sigaction", 0, SIGSEGV, false },
	};
	const struct seccomp_row *row;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (permits(SANDBOX_WORKER, &config, cases[i].name,
		    cases[i].index, cases[i].value) != cases[i].permitted)
			fail_msg("%s, argument %u %#lx: not %d",
			    cases[i].name, cases[i].index, cases[i].value,
			    cases[i].permitted);
	row = find_row(SANDBOX_WORKER, &config, "clone3");
	assert_non_null(row);
	assert_int_equal(row->error, ENOSYS);
}

/* A read-only share's monitor has no call left that changes one. */
static void
test_readonly(void **state)
{
	static const char *const writing[] = {
		"fchownat", "fchown", "fchmodat", "fchmodat2", "fchmod",
		"truncate", "ftruncate", "utimensat", "mknodat", "mkdirat",
		"symlinkat", "linkat", "unlinkat", "renameat2", "setxattr",
		"setxattrat", "removexattr", "removexattrat", "capset"
	};
	struct sandbox_config config = default_config();
	const struct seccomp_row *row;
	size_t i;

	(void)state;
	assert_non_null(find_row(SANDBOX_MONITOR, &config, "unlinkat"));
	row = find_row(SANDBOX_MONITOR, &config, "openat");
	assert_true(row_permits(row, 2, REOPEN | O_RDWR | O_TRUNC));
	config.readonly = true;
	for (i = 0; i < sizeof(writing) / sizeof(writing[0]); i++)
		assert_null(find_row(SANDBOX_MONITOR, &config, writing[i]));
	row = find_row(SANDBOX_MONITOR, &config, "openat");
	assert_true(row_permits(row, 2, REOPEN | O_RDONLY));
	assert_false(row_permits(row, 2, REOPEN | O_WRONLY));
	assert_false(row_permits(row, 2, REOPEN | O_RDWR));
	assert_false(row_permits(row, 2, REOPEN | O_TRUNC));
}

/* Nor has the worker, and the monitor neither with O_DIRECT. */
static void
test_readonly_virtiofs(void **state)
{
	static const char *const writing[] = { "pwritev2", "fallocate",
	    "copy_file_range", "ftruncate" };
	struct sandbox_config config = virtiofs_config();
	size_t i;

	(void)state;
	assert_true(permits(SANDBOX_MONITOR, &config, "openat", 2,
	    REOPEN | O_RDWR | O_DIRECT));
	assert_non_null(find_row(SANDBOX_WORKER, &config, "pwritev2"));
	config.readonly = true;
	for (i = 0; i < sizeof(writing) / sizeof(writing[0]); i++)
		assert_null(find_row(SANDBOX_WORKER, &config, writing[i]));
	assert_non_null(find_row(SANDBOX_WORKER, &config, "preadv2"));
	assert_true(permits(SANDBOX_MONITOR, &config, "openat", 2,
	    REOPEN | O_RDONLY | O_DIRECT));
	assert_false(permits(SANDBOX_MONITOR, &config, "openat", 2,
	    REOPEN | O_WRONLY | O_DIRECT));
	assert_false(permits(SANDBOX_MONITOR, &config, "openat", 2,
	    REOPEN | O_TRUNC | O_DIRECT));
}

static char *
print(const struct sandbox_config *config, bool json)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(sandbox_print(out, config, json), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* A reader of JSON: moves `p` behind one value; NULL if there is none. */
static const char *json_value(const char *p);

static const char *
json_space(const char *p)
{
	while (p != NULL && isspace((unsigned char)*p))
		p++;
	return p;
}

static const char *
json_string(const char *p)
{
	if (p == NULL || *p != '"')
		return NULL;
	for (p++; *p != '"'; p++)
		if (*p == '\0' || *p == '\\' || *p == '\n')
			return NULL;
	return p + 1;
}

static const char *
json_members(const char *p, bool object, char end)
{
	p = json_space(p + 1);
	if (*p == end)
		return p + 1;
	while (p != NULL) {
		if (object) {
			p = json_space(json_string(json_space(p)));
			if (p == NULL || *p++ != ':')
				return NULL;
		}
		p = json_space(json_value(p));
		if (p != NULL && *p == end)
			return p + 1;
		if (p == NULL || *p++ != ',')
			return NULL;
	}
	return NULL;
}

static const char *
json_value(const char *p)
{
	static const char *const words[] = { "true", "false", "null" };
	size_t i;

	p = json_space(p);
	if (*p == '{')
		return json_members(p, true, '}');
	if (*p == '[')
		return json_members(p, false, ']');
	if (*p == '"')
		return json_string(p);
	for (i = 0; i < 3; i++)
		if (strncmp(p, words[i], strlen(words[i])) == 0)
			return p + strlen(words[i]);
	if (!isdigit((unsigned char)*p))
		return NULL;
	while (isdigit((unsigned char)*p))
		p++;
	return p;
}

static void
assert_json(const char *text)
{
	const char *end = json_space(json_value(text));

	assert_non_null(end);
	assert_int_equal(*end, '\0');
}

/* Each row is printed in the part of its process. */
static void
check_print(const struct sandbox_config *config, bool json)
{
	char *text = print(config, json), want[64];
	enum sandbox_process process;
	const struct seccomp_row *row;
	const char *at = text, *end;
	size_t position;

	if (json)
		assert_json(text);
	for (process = 0; process < SANDBOX_PROCESSES; process++) {
		snprintf(want, sizeof(want), json ? "\"name\": \"%s\"" :
		    "\n%s\n", process_names[process]);
		at = strstr(at, want);
		assert_non_null(at);
		position = 0;
		end = at;
		while ((row = seccomp_next_row(process, config,
		    &position)) != NULL) {
			snprintf(want, sizeof(want), json ?
			    "{ \"name\": \"%s\", " : "\n    %-15s ",
			    row->name);
			end = strstr(end, want);
			assert_non_null(end);
			end++;
			assert_non_null(strstr(end, row->reason));
		}
	}
	free(text);
}

static void
test_print(void **state)
{
	struct sandbox_config config = default_config();
	enum sandbox_mode mode;

	(void)state;
	for (mode = SANDBOX_NAMESPACE; mode <= SANDBOX_NONE; mode++) {
		config.mode = mode;
		check_print(&config, false);
		check_print(&config, true);
	}
	config.virtiofs = true;
	check_print(&config, false);
	check_print(&config, true);
	config.readonly = true;
	config.user_namespace = true;
	config.worker_uid = (uid_t)-1;
	config.worker_gid = (gid_t)-1;
	check_print(&config, false);
	check_print(&config, true);
}

static void
test_print_text(void **state)
{
	struct sandbox_config config = default_config();
	char *text = print(&config, true), want[32];

	(void)state;
	assert_non_null(strstr(text, "\"uid\": 65534, \"gid\": 65533"));
	assert_non_null(strstr(text, "\"permitted\": [\"chown\", "
	    "\"dac_override\", \"fowner\", \"fsetid\", \"setgid\", "
	    "\"setuid\"]"));
	assert_non_null(strstr(text, "\"effective\": [\"chown\", "
	    "\"dac_override\", \"fowner\"]"));
	free(text);
	config.seccomp = SECCOMP_ACTION_NONE;
	config.mode = SANDBOX_CHROOT;
	text = print(&config, false);
	assert_non_null(strstr(text, "system calls  all\n"));
	assert_non_null(strstr(text, "  effective     kill\n"));
	assert_null(strstr(text, "args["));
	free(text);
	config = virtiofs_config();
	text = print(&config, false);
	assert_non_null(strstr(text, "fails with Function not implemented"));
	assert_non_null(strstr(text, "guest memory"));
	assert_null(strstr(text, "the lane,"));
	free(text);
	text = print(&config, true);
	snprintf(want, sizeof(want), "\"errno\": %d,", ENOSYS);
	assert_non_null(strstr(text, want));
	free(text);
}

static void
test_parse(void **state)
{
	enum seccomp_action action;
	enum sandbox_mode mode;

	(void)state;
	for (action = 0; action <= SECCOMP_ACTION_NONE; action++)
		assert_int_equal(seccomp_action_parse(
		    seccomp_action_name(action)), action);
	for (mode = 0; mode <= SANDBOX_NONE; mode++)
		assert_int_equal(sandbox_mode_parse(sandbox_mode_name(mode)),
		    mode);
	assert_int_equal(seccomp_action_parse("killer"), -1);
	assert_int_equal(seccomp_action_parse(""), -1);
	assert_int_equal(sandbox_mode_parse("Namespace"), -1);
	assert_int_equal(sandbox_mode_parse(""), -1);
}

/* What a filtered process does; 0 ends it by exit_group. */
enum deed { DEED_NOTHING, DEED_SOCKET, DEED_MMAP_EXEC, DEED_CLOSE,
    DEED_FORK, DEED_CLONE3, DEED_THREADS };

static void *
do_nothing(void *arg)
{
	return arg;
}

/* Exits with 1 if a thread cannot be started and joined. */
static void
do_threads(void)
{
	pthread_t threads[4];
	size_t i;

	for (i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, do_nothing, NULL) != 0)
			syscall(SYS_exit_group, 1);
	for (i = 0; i < 4; i++)
		if (pthread_join(threads[i], NULL) != 0)
			syscall(SYS_exit_group, 1);
}

static void
do_deed(enum deed deed)
{
	switch (deed) {
	case DEED_NOTHING:
		break;
	case DEED_SOCKET:
		syscall(SYS_socket, -1, -1, -1);
		break;
	case DEED_MMAP_EXEC:
		mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		break;
	case DEED_CLOSE:
		close(-1);
		break;
	case DEED_FORK:
		syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
		break;
	case DEED_CLONE3:
		if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
			syscall(SYS_exit_group, 1);
		break;
	case DEED_THREADS:
		do_threads();
		break;
	}
	syscall(SYS_exit_group, 0);
}

static int
filtered_status_of(struct sandbox_config config,
    enum sandbox_process process, enum seccomp_action action, enum deed deed)
{
	const struct rlimit none = { 0, 0 };
	int status = -1;
	pid_t pid;

	config.seccomp = action;
	pid = fork();
	if (pid == 0) {
		alarm(CHILD_SECONDS);
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGSYS, SIG_DFL);	/* cmocka catches it */
		if (seccomp_enter(process, &config) != 0)
			_exit(99);
		do_deed(deed);
	}
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int
filtered_status(enum sandbox_process process, enum seccomp_action action,
    enum deed deed)
{
	return filtered_status_of(default_config(), process, action, deed);
}

static void
assert_killed(int status)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void
test_enter(void **state)
{
	enum sandbox_process process;

	(void)state;
	for (process = 0; process < SANDBOX_PROCESSES; process++) {
		assert_int_equal(filtered_status(process, SECCOMP_ACTION_KILL,
		    DEED_NOTHING), 0);
		assert_int_equal(filtered_status(process, SECCOMP_ACTION_KILL,
		    DEED_CLOSE), 0);
		assert_killed(filtered_status(process, SECCOMP_ACTION_KILL,
		    DEED_SOCKET));
		assert_killed(filtered_status(process, SECCOMP_ACTION_KILL,
		    DEED_MMAP_EXEC));
		assert_killed(filtered_status(process, SECCOMP_ACTION_TRAP,
		    DEED_SOCKET));
		assert_int_equal(filtered_status(process, SECCOMP_ACTION_LOG,
		    DEED_SOCKET), 0);
		assert_int_equal(filtered_status(process, SECCOMP_ACTION_NONE,
		    DEED_SOCKET), 0);
	}
}

/* The worker of virtio-fs starts threads and nothing else. */
static void
test_enter_virtiofs(void **state)
{
	struct sandbox_config config = virtiofs_config();

	(void)state;
	assert_int_equal(filtered_status_of(config, SANDBOX_WORKER,
	    SECCOMP_ACTION_KILL, DEED_THREADS), 0);
	assert_int_equal(filtered_status_of(config, SANDBOX_WORKER,
	    SECCOMP_ACTION_KILL, DEED_CLONE3), 0);
	assert_killed(filtered_status_of(config, SANDBOX_WORKER,
	    SECCOMP_ACTION_KILL, DEED_FORK));
	assert_killed(filtered_status_of(config, SANDBOX_MONITOR,
	    SECCOMP_ACTION_KILL, DEED_FORK));
	assert_killed(filtered_status_of(config, SANDBOX_WORKER,
	    SECCOMP_ACTION_KILL, DEED_SOCKET));
	assert_killed(filtered_status_of(config, SANDBOX_WORKER,
	    SECCOMP_ACTION_KILL, DEED_MMAP_EXEC));
	assert_killed(filtered_status(SANDBOX_WORKER, SECCOMP_ACTION_KILL,
	    DEED_CLONE3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_own_ids),
#ifndef PRIVFSD_SANITIZE
		cmocka_unit_test(test_never_worker),
#endif
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_virtiofs_worker),
		cmocka_unit_test(test_readonly),
		cmocka_unit_test(test_readonly_virtiofs),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_print_text),
		cmocka_unit_test(test_enter),
		cmocka_unit_test(test_enter_virtiofs)
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
