/* SPDX-License-Identifier: ISC */
/*
 * Tries every system call inside each of the three live sandboxes: this
 * program attaches to the processes of a real daemon by ptrace(2) and makes
 * them execute the call, with arguments that can do no harm if it is let
 * through.  What is let through must be exactly what --print-sandbox says.
 *
 * An attempt that is forbidden ends the process, so almost every number takes
 * a daemon of its own.  The filters are also read back from the kernel and
 * worked through for all arguments that differ from a rule in one bit.
 *
 * One program for each protocol, whose lists are not the same.
 *
 * Needs root (to trace what is not dumpable), and x86-64.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/ptrace.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/tap.h"
#include "regress/pen/pen_lists.h"
#include "regress/pen/pen_tracee.h"

#ifdef PEN_VIRTIOFS
#define VIRTIOFS	true
#else
#define VIRTIOFS	false
#endif

#define NUMBERS		548	/* one more than the last that is tried */
#define SIMULATED	4096	/* the same for the filters that are read */
#define X32		0x40000000U

/* Of a thread. */
#define CLONE_THREAD_FLAGS						\
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | \
	    CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |	\
	    CLONE_CHILD_CLEARTID)

static struct list lists[PROCESSES];
static char share[] = "/tmp/privfsd-pen.XXXXXX";

/* Numbers that the list permits must work, with each of their rows. */
static bool
permitted_work(enum process process, unsigned int number)
{
	const struct list *list = &lists[process];
	enum outcome outcome;
	struct tracee *t;
	uint64_t args[6];
	bool ok = true;
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (list->rows[i].number != number)
			continue;
		t = tracee_need(process);
		row_fill_args(&list->rows[i], args);
		outcome = tracee_call(t, number, args);
		if (number == SYS_rt_sigreturn || number == SYS_exit_group ||
		    number == SYS_exit)
			ok &= outcome != KILLED;
		else
			ok &= outcome == RETURNED;
		if (!ok)
			tap_diag("%s: %s (%u): outcome %d",
			    process_name(process), list->rows[i].name, number,
			    outcome);
		/* Nothing that ran with such a stack can go on. */
		if (number == SYS_rt_sigreturn)
			t->spent = true;
	}
	return ok;
}

/*
 * Since Linux 6.14 no filter sees these, which the kernel's own trampolines
 * make in a program that is probed (seccomp_uprobe_exception() in
 * kernel/seccomp.c).  From anywhere else the first raises SIGILL and the second
 * does nothing (arch/x86/kernel/uprobes.c).
 */
static bool
is_exempt(unsigned int number, enum outcome outcome)
{
	return (number == 335 && outcome == FAULTED) ||	/* uretprobe */
	    (number == 336 && outcome == RETURNED);	/* uprobe */
}

/* One attempt in each process that `wanted` names; all must be killed. */
static void
try_forbidden(const bool wanted[PROCESSES], unsigned int number,
    const uint64_t args[6], unsigned int survived[PROCESSES])
{
	enum outcome outcome;
	enum process process;
	struct tracee *t;

	if (!wanted[LAUNCHER] && !wanted[MONITOR] && !wanted[WORKER])
		return;
	tracee_need(LAUNCHER);
	for (process = 0; process < PROCESSES; process++) {
		if (!wanted[process])
			continue;
		t = tracee_get(process);
		outcome = tracee_call(t, number, args);
		t->spent |= outcome != RETURNED;
		if (outcome == KILLED || is_exempt(number, outcome))
			continue;
		survived[process]++;
		tap_diag("%s: system call %#x (%#lx, %#lx, %#lx, %#lx, %#lx): "
		    "outcome %d", process_name(process), number, args[0],
		    args[1], args[2], args[3], args[4], outcome);
	}
}

static void
test_numbers(void)
{
	unsigned int bad[PROCESSES] = { 0 }, survived[PROCESSES] = { 0 };
	unsigned int permitted[PROCESSES] = { 0 }, number;
	bool wanted[PROCESSES];
	enum process process;
	uint64_t args[6];

	for (number = 0; number < NUMBERS; number++) {
		row_fill_args(NULL, args);
		for (process = 0; process < PROCESSES; process++) {
			wanted[process] = list_find(&lists[process],
			    number) == NULL;
			if (wanted[process])
				continue;
			permitted[process]++;
			if (!permitted_work(process, number))
				bad[process]++;
		}
		try_forbidden(wanted, number, args, survived);
	}
	for (process = 0; process < PROCESSES; process++) {
		tap_is_int(bad[process], 0, "%s: the %u system calls of its "
		    "list can be made", process_name(process),
		    permitted[process]);
		tap_is_int(survived[process], 0, "%s: each of the other %u "
		    "ends it", process_name(process),
		    NUMBERS - permitted[process]);
	}
}

/* The x32 table is reached by the same instruction. */
static void
test_x32(void)
{
	static const unsigned int numbers[] = { 0, 1, 3, 9, 59, 202, 231, 512,
	    520, 545 };
	static const bool all[PROCESSES] = { true, true, true };
	unsigned int survived[PROCESSES] = { 0 };
	enum process process;
	uint64_t args[6];
	size_t i;

	row_fill_args(NULL, args);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		try_forbidden(all, X32 | numbers[i], args, survived);
	for (process = 0; process < PROCESSES; process++)
		tap_is_int(survived[process], 0, "%s: system calls by x32 "
		    "numbers end it", process_name(process));
}

/* SIGSEGV is what a kernel without that entry sends. */
static void
test_i386(void)
{
	/* exit, write, open, execve, getpid, socketcall, clone, socket */
	static const unsigned int numbers[] = { 1, 4, 5, 11, 20, 102, 120,
	    359 };
	unsigned int survived[PROCESSES] = { 0 };
	enum outcome outcome;
	enum process process;
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		tracee_need(LAUNCHER);
		for (process = 0; process < PROCESSES; process++) {
			outcome = tracee_call_i386(tracee_get(process),
			    numbers[i]);
			if (outcome != KILLED && outcome != FAULTED)
				survived[process]++;
		}
	}
	for (process = 0; process < PROCESSES; process++)
		tap_is_int(survived[process], 0, "%s: system calls by the "
		    "i386 entry end it", process_name(process));
}

/* The arguments of a permitted row, but for one bit that it looks at. */
static bool
break_rule(const struct list *list, const struct row *row, unsigned int rule,
    uint64_t args[6])
{
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		if ((row->rules[rule].mask & UINT64_C(1) << bit) == 0)
			continue;
		row_fill_args(row, args);
		args[row->rules[rule].index] ^= UINT64_C(1) << bit;
		if (!list_permits(list, row->number, args))
			return true;
	}
	return false;
}

static void
test_rules_of(enum process process)
{
	const struct list *list = &lists[process];
	unsigned int survived[PROCESSES] = { 0 }, tried = 0, rule;
	bool wanted[PROCESSES] = { false };
	uint64_t args[6];
	size_t i;

	wanted[process] = true;
	for (i = 0; i < list->n; i++)
		for (rule = 0; rule < list->rows[i].nrules; rule++) {
			/* No: what another row permits. */
			if (!break_rule(list, &list->rows[i], rule, args))
				continue;
			try_forbidden(wanted, list->rows[i].number, args,
			    survived);
			tried++;
		}
	tap_ok(tried > 0 && survived[process] == 0, "%s: %u violations of "
	    "arguments' rules end it with SIGSYS", process_name(process),
	    tried);
}

#ifndef PRIVFSD_SANITIZE	/* which must map more, and wait otherwise */
/* What an attacker would want. */
static void
test_violations(void)
{
	static const struct {
		const char	*name;
		unsigned int	 index;
		uint64_t	 value;
	} cases[] = {
		{ "mmap", 2, PROT_READ | PROT_EXEC },
		{ "mmap", 2, PROT_READ | PROT_WRITE | PROT_EXEC },
		{ "mmap", 3, MAP_PRIVATE },
		{ "mmap", 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED },
		{ "mremap", 3, MREMAP_MAYMOVE | MREMAP_FIXED },
		{ "openat", 2, O_NOCTTY | O_CLOEXEC | O_CREAT },
		{ "openat", 2, O_NOCTTY | O_CLOEXEC | O_TMPFILE | O_RDWR },
#ifndef PEN_VIRTIOFS	/* how it gets a new file's handle; overlays */
		{ "openat", 2, O_NOCTTY | O_CLOEXEC | O_PATH },
		{ "renameat2", 4, RENAME_WHITEOUT },
#endif
		{ "openat", 2, O_RDONLY },
		{ "ioctl", 1, TIOCSTI },
		{ "ioctl", 1, FS_IOC_SETFLAGS },
		{ "futex", 1, FUTEX_CMP_REQUEUE_PI },
		{ "futex", 1, FUTEX_LOCK_PI },
		{ "fcntl", 1, F_SETFL },
		{ "fcntl", 1, F_SETOWN },
		{ "linkat", 4, AT_EMPTY_PATH },
		{ "mkdirat", 2, 04755 },
		{ "mknodat", 2, S_IFREG | 0200755 },
		{ "prctl", 0, PR_SET_KEEPCAPS },
		{ "prctl", 1, 1 },
		{ "renameat2", 4, RENAME_WHITEOUT << 1 },
		{ "sendmsg", 2, MSG_OOB },
		{ "sendto", 3, MSG_FASTOPEN },
		{ "recvmsg", 2, MSG_ERRQUEUE },
		{ "waitid", 0, P_ALL },
#ifdef PEN_VIRTIOFS
		{ "openat", 2, O_NOCTTY | O_CLOEXEC | O_PATH | O_DIRECTORY },
		{ "clone", 0, SIGCHLD },
		{ "clone", 0, CLONE_THREAD_FLAGS | CLONE_NEWUSER },
		{ "clone", 0, CLONE_THREAD_FLAGS & ~(uint64_t)CLONE_FILES },
		{ "mprotect", 2, PROT_READ | PROT_EXEC },
		{ "mmap", 3, MAP_SHARED | MAP_FIXED },
		{ "preadv2", 5, RWF_HIPRI },
		{ "copy_file_range", 5, 1 },
		{ "madvise", 2, MADV_HWPOISON },
		{ "rt_sigaction", 0, SIGSYS },
#endif
		{ "pidfd_send_signal", 1, SIGSTOP }
	};
	bool wanted[PROCESSES] = { false };
	enum process process;
	const struct row *row;
	uint64_t args[6];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned int survived[PROCESSES] = { 0 }, tried = 0, bad = 0;

		for (process = 0; process < PROCESSES; process++) {
			row = list_find_name(&lists[process], cases[i].name);
			if (row == NULL)
				continue;
			row_fill_args(row, args);
			args[cases[i].index] = cases[i].value;
			wanted[process] = true;
			try_forbidden(wanted, row->number, args, survived);
			wanted[process] = false;
			tried++;
			bad += survived[process];
		}
		tap_ok(tried > 0 && bad == 0, "%s with argument %u %#lx ends "
		    "each of %u processes", cases[i].name, cases[i].index,
		    cases[i].value, tried);
	}
}
#endif

/* The filters, as the kernel has them. */

struct filter {
	struct sock_filter	*code;
	size_t			 len;
	const struct list	*list;
	unsigned long		 compared;
	unsigned long		 different;
};

static void
compare(struct filter *filter, unsigned int number, const uint64_t args[6])
{
	struct seccomp_data data = { .nr = (int)number,
	    .arch = AUDIT_ARCH_X86_64 };
	uint32_t action;

	memcpy(data.args, args, sizeof(data.args));
	action = filter_run(filter->code, filter->len, &data);
	filter->compared++;
	if (action == list_action(filter->list, number, args))
		return;
	if (filter->different++ < 10)
		tap_diag("system call %#x (%#lx, %#lx, %#lx, %#lx, %#lx): "
		    "action %#x", number, args[0], args[1], args[2], args[3],
		    args[4], action);
}

/* Each row as it is, and with each bit of each argument the other way. */
static void
compare_row(struct filter *filter, const struct row *row)
{
	unsigned int i, bit;
	uint64_t args[6];

	for (i = 0; i < 6; i++)
		for (bit = 0; bit < 64; bit++) {
			row_fill_args(row, args);
			compare(filter, row->number, args);
			args[i] ^= UINT64_C(1) << bit;
			compare(filter, row->number, args);
		}
}

static void
compare_all(struct filter *filter)
{
	static const uint64_t zero[6];
	uint64_t ones[6];
	unsigned int number;
	size_t i;

	row_fill_args(NULL, ones);
	for (number = 0; number < SIMULATED; number++) {
		compare(filter, number, zero);
		compare(filter, number, ones);
		compare(filter, number | X32, zero);
		compare(filter, number | X32, ones);
		compare(filter, ~number, ones);
	}
	for (i = 0; i < filter->list->n; i++)
		compare_row(filter, &filter->list->rows[i]);
}

static void
test_filter_of(enum process process)
{
	struct filter filter = { .list = &lists[process] };
	struct seccomp_data other = { .nr = SYS_close,
	    .arch = AUDIT_ARCH_I386 };
	pid_t pid = tracee_need(process)->pid;
	long n;

	n = ptrace((enum __ptrace_request)PTRACE_SECCOMP_GET_FILTER, pid, 0,
	    NULL);
	if (n <= 0) {
		tap_skip("%s: the kernel does not show filters: %s",
		    process_name(process), strerror(errno));
		return;
	}
	filter.len = (size_t)n;
	filter.code = calloc(filter.len, sizeof(*filter.code));
	if (filter.code == NULL || ptrace(
	    (enum __ptrace_request)PTRACE_SECCOMP_GET_FILTER, pid, 0,
	    filter.code) != n)
		tap_bail("PTRACE_SECCOMP_GET_FILTER: %s", strerror(errno));
	compare_all(&filter);
	tap_ok(filter.different == 0 && filter.compared > 10000, "%s: its "
	    "filter of %zu instructions agrees with the list for %lu calls",
	    process_name(process), filter.len, filter.compared);
	tap_ok(filter_run(filter.code, filter.len, &other) ==
	    SECCOMP_RET_KILL_PROCESS, "%s: another architecture's calls end "
	    "it", process_name(process));
	tap_ok(ptrace((enum __ptrace_request)PTRACE_SECCOMP_GET_FILTER, pid,
	    1, NULL) == -1 && errno == ENOENT, "%s: it has one filter",
	    process_name(process));
	free(filter.code);
}

static void
clean_up(void)
{
	tracee_end();
	rmdir(share);
}

int
main(void)
{
	enum process process;

#ifndef __x86_64__
	tap_skip_all("it is written for x86-64");
#endif
	if (geteuid() != 0)
		tap_skip_all("needs root");
	if (mkdtemp(share) == NULL)
		tap_bail("mkdtemp: %s", strerror(errno));
	atexit(clean_up);
	tracee_begin(share, VIRTIOFS);

	lists_read(lists, VIRTIOFS ? "virtiofs" : "9p-proxy");
	for (process = 0; process < PROCESSES; process++)
		test_filter_of(process);
	test_numbers();
	for (process = 0; process < PROCESSES; process++)
		test_rules_of(process);
#ifndef PRIVFSD_SANITIZE
	test_violations();
#endif
	test_x32();
	test_i386();
	tap_diag("%u daemons were started",
	    tracee_daemons());
	return tap_done_testing();
}
