/* SPDX-License-Identifier: ISC */
/*
 * Starts daemons and drives their processes by ptrace(2).  Test code.
 */
#include "config.h"

#include "regress/pen/pen_tracee.h"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <errno.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <string.h>

#include "regress/lib/procs.h"
#include "regress/lib/server.h"
#include "regress/lib/tap.h"
#include "regress/lib/virtiofs_server.h"

#define STEP_S	10	/* for one stop of a process to come */

static struct server server = { .pid = -1, .fd = -1, .log_fd = -1 };
static struct tracee tracees[PROCESSES] = { { .pid = -1 }, { .pid = -1 },
    { .pid = -1 } };
static const char *share;
static bool by_virtiofs;
static unsigned int started;

static void
on_alarm(int signo)
{
	(void)signo;
}

/* Waits for the next change of a process, for a bounded time; -1 if none. */
static pid_t
wait_change(pid_t pid, int *status)
{
	const struct itimerval bound = { .it_value = { .tv_sec = STEP_S } };
	const struct itimerval none = { .it_value = { .tv_sec = 0 } };
	pid_t got;

	setitimer(ITIMER_REAL, &bound, NULL);
	got = waitpid(pid, status, __WALL);
	setitimer(ITIMER_REAL, &none, NULL);
	return got;
}

/*
 * Ends what is left of the daemon.  The monitor is the first process of its
 * pid namespace, and only ends when the worker, the launcher's child or, as we
 * are a subreaper, ours, has been waited for.
 */
void
tracee_end(void)
{
	int status;
	pid_t pid;
	size_t i;

	if (server.pid == -1)
		return;
	server_disconnect(&server);
	for (i = 0; i < PROCESSES; i++)
		if (tracees[i].pid != -1) {
			kill(tracees[i].pid, SIGKILL);
			ptrace(PTRACE_CONT, tracees[i].pid, NULL, NULL);
			tracees[i].pid = -1;
		}
	while ((pid = wait_change(-1, &status)) != -1)
		if (WIFSTOPPED(status))
			ptrace(PTRACE_CONT, pid, NULL, NULL);
	server_close_log(&server);
	server.pid = -1;
}

static bool
all_filtered(const pid_t pids[PROCESSES])
{
	struct proc_status st;
	size_t i;

	for (i = 0; i < PROCESSES; i++)
		if (pids[i] == -1 || procs_read_status(pids[i], 0, &st) != 0 ||
		    st.seccomp != SECCOMP_MODE_FILTER)
			return false;
	return true;
}

static void
step_tracee(struct tracee *t)
{
	int status;

	if (ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL) == -1 ||
	    wait_change(t->pid, &status) == -1 || !WIFSTOPPED(status))
		tap_bail("a process makes no system call");
}

static void
get_regs(struct tracee *t)
{
	if (ptrace(PTRACE_GETREGS, t->pid, NULL, &t->regs) == -1)
		tap_bail("PTRACE_GETREGS: %s", strerror(errno));
}

/* A process that stopped on its way into a call makes it, but does not wait. */
static void
leave_call(struct tracee *t)
{
	struct __ptrace_syscall_info info;

	if (ptrace((enum __ptrace_request)PTRACE_GET_SYSCALL_INFO, t->pid,
	    sizeof(info), &info) <= 0)
		tap_bail("PTRACE_GET_SYSCALL_INFO: %s", strerror(errno));
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	ptrace(PTRACE_INTERRUPT, t->pid, NULL, NULL);
	step_tracee(t);
	get_regs(t);
}

static bool
is_after_syscall(const struct tracee *t)
{
	long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, t->pid,
	    (void *)(uintptr_t)(t->regs.rip - 2), NULL);
	return errno == 0 && (word & 0xffff) == 0x050f;
}

/*
 * Stops the process at a place after a system call instruction: most times it
 * sleeps in a call; if it polls, it makes one soon.
 */
static void
stop_tracee(struct tracee *t)
{
	int status, tries;

	if (ptrace(PTRACE_SEIZE, t->pid, NULL,
	    PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXIT |
	    PTRACE_O_EXITKILL) == -1)
		tap_bail("PTRACE_SEIZE: %s", strerror(errno));
	if (ptrace(PTRACE_INTERRUPT, t->pid, NULL, NULL) == -1 ||
	    wait_change(t->pid, &status) == -1 || !WIFSTOPPED(status))
		tap_bail("a process does not stop");
	for (tries = 0; tries < 100; tries++) {
		get_regs(t);
		if (is_after_syscall(t))
			break;
		step_tracee(t);
	}
	if (tries == 100)
		tap_bail("no system call instruction was found");
	leave_call(t);
	t->syscall_at = t->regs.rip - 2;
}

static void
start_daemon(void)
{
	const struct server_options options = { .kind = SERVER_PRIVFSD,
	    .share = share };
	const struct virtiofs_server_options virtiofs = {
	    .kind = VIRTIOFS_PRIVFSD, .share = share,
	    .socket = VIRTIOFS_CONNECTED };
	long long end = procs_now_ms() + SERVER_TIMEOUT_MS;
	pid_t pids[PROCESSES];
	size_t i;

	if ((by_virtiofs ? virtiofs_server_start(&server, &virtiofs) :
	    server_start(&server, &options)) != 0)
		tap_bail("cannot start privfsd");
	pids[LAUNCHER] = server.pid;
	do {
		procs_sleep_us(500);
		server_find(server.pid, &pids[MONITOR], &pids[WORKER]);
		if (procs_now_ms() > end)
			tap_bail("privfsd is not ready: %s",
			    server_log_text(server.log_fd));
	} while (!all_filtered(pids));
	for (i = 0; i < PROCESSES; i++) {
		tracees[i].pid = pids[i];
		tracees[i].spent = false;
		stop_tracee(&tracees[i]);
	}
	started++;
}

struct tracee *
tracee_get(enum process process)
{
	return &tracees[process];
}

struct tracee *
tracee_need(enum process process)
{
	size_t i;

	for (i = 0; i < PROCESSES; i++)
		if (tracees[i].pid == -1 || tracees[i].spent)
			break;
	if (i < PROCESSES) {
		tracee_end();
		start_daemon();
	}
	return tracee_get(process);
}

unsigned int
tracee_daemons(void)
{
	return started;
}

void
tracee_begin(const char *dir, bool virtiofs)
{
	struct sigaction action = { .sa_handler = on_alarm };

	share = dir;
	by_virtiofs = virtiofs;
	/* No SA_RESTART: it is there to interrupt waitpid(2). */
	sigaction(SIGALRM, &action, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* A process that stopped on the way to its end. */
static enum outcome
how_it_ends(struct tracee *t)
{
	unsigned long status = 0;

	t->spent = true;
	ptrace(PTRACE_GETEVENTMSG, t->pid, NULL, &status);
	if (WIFEXITED((int)status))
		return ENDED;
	return WTERMSIG((int)status) == SIGSYS ? KILLED : OTHER;
}

/* Goes on to the next stop at a call; what came in its place, or RETURNED. */
static enum outcome
next_call_stop(struct tracee *t)
{
	int status;

	/* Signals that others send are left out. */
	do {
		if (ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL) == -1 ||
		    wait_change(t->pid, &status) == -1)
			return OTHER;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8))
			return how_it_ends(t);
		if (!WIFSTOPPED(status)) {
			t->pid = -1;
			t->spent = true;
			return OTHER;
		}
		if (WSTOPSIG(status) == SIGSEGV || WSTOPSIG(status) == SIGILL)
			return FAULTED;
	} while (WSTOPSIG(status) != (SIGTRAP | 0x80));
	return RETURNED;
}

/*
 * Lets the process make the call that `regs` hold.  A process that the filter
 * has killed may still stop on its way out of the call: only if it comes to
 * make it a second time has it survived.
 */
static enum outcome
make_call(struct tracee *t, struct user_regs_struct *regs)
{
	enum outcome outcome = RETURNED;
	int i;

	regs->rip = t->syscall_at;
	regs->orig_rax = (unsigned long long)-1;	/* no restart */
	for (i = 0; i < 2 && outcome == RETURNED; i++) {
		if (ptrace(PTRACE_SETREGS, t->pid, NULL, regs) == -1)
			return OTHER;
		outcome = next_call_stop(t);		/* into it */
		if (outcome == RETURNED)
			outcome = next_call_stop(t);	/* out of it */
	}
	return outcome;
}

enum outcome
tracee_call(struct tracee *t, unsigned int number, const uint64_t args[6])
{
	struct user_regs_struct regs = t->regs;

	regs.rax = number;
	regs.rdi = args[0];
	regs.rsi = args[1];
	regs.rdx = args[2];
	regs.r10 = args[3];
	regs.r8 = args[4];
	regs.r9 = args[5];
	if (number == SYS_rt_sigreturn)
		regs.rsp = 8;		/* its frame is read from there */
	return make_call(t, &regs);
}

/*
 * The same by the i386 entry: the instruction is as long.  The memory that is
 * written is the process's own copy.
 */
enum outcome
tracee_call_i386(struct tracee *t, unsigned int number)
{
	struct user_regs_struct regs = t->regs;
	long word;

	word = ptrace(PTRACE_PEEKTEXT, t->pid,
	    (void *)(uintptr_t)t->syscall_at, NULL);
	word = (word & ~0xffffL) | 0x80cd;	/* int $0x80 */
	regs.rax = number;
	regs.rbx = regs.rcx = regs.rdx = regs.rsi = regs.rdi = regs.rbp =
	    UINT32_MAX;
	if (ptrace(PTRACE_POKETEXT, t->pid, (void *)(uintptr_t)t->syscall_at,
	    (void *)word) == -1)
		return OTHER;
	t->spent = true;
	return make_call(t, &regs);
}
