/*
 * SPDX-License-Identifier: ISC
 *
 * A worker that was taken over turns to the launcher, and to whom it can
 * reach besides: what it sends over the channel, how it ends, what it tries
 * against other processes once it is locked up.  Test code.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/procs.h"
#include "regress/lib/server.h"
#include "regress/lib/tap.h"
#include "regress/pen/pen_daemon.h"

#define TEST_S		300
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define FLOOD		200000
#ifdef SYS_epoll_wait
#define WAIT_SYSCALL	SYS_epoll_wait
#else
#define WAIT_SYSCALL	SYS_epoll_pwait
#endif
#define LOG_MAX		65000	/* bytes of log that a flood may make */

/* A good request, answered well: all three processes work. */
static int
works(struct pen_daemon *d)
{
	static struct pen_message message;
	static struct pen_result result;

	pen_good(&message, MONITOR_GETATTR, PEN_BY_PATH, 0);
	return pen_relay(d, &message, &result) == 0 &&
	    result.reply.error == 0;
}

/* Descriptors of the launcher, once it has read all that was sent. */
static size_t
launcher_fds(const struct pen_daemon *d)
{
	int fds[1024];

	return procs_fds(d->pid, fds, 1024);
}

/* Whether the log is lines of printable text only. */
static int
log_is_clean(const char *log)
{
	for (; *log != '\0'; log++)
		if (*log != '\n' && (*log < 0x20 || *log > 0x7e))
			return 0;
	return 1;
}

static off_t
log_size(const struct pen_daemon *d)
{
	struct stat st;

	return fstat(d->log_fd, &st) == -1 ? -1 : st.st_size;
}

static void
test_channel(const struct fixture *f)
{
	static const struct {
		const char	*name;
		enum pen_attack	 attack;
		uint32_t	 arg;
	} cases[] = {
		{ "descriptors", ATTACK_CHANNEL_FDS, 0 },
		{ "packets of all lengths", ATTACK_CHANNEL_SIZES, 0 },
		{ "messages that are none", ATTACK_CHANNEL_TYPES, 0 },
		{ "levels that are none", ATTACK_CHANNEL_LEVELS, 0 },
		{ "lines that are none", ATTACK_CHANNEL_LINES, 0 },
		{ "a flood of lines", ATTACK_CHANNEL_FLOOD, FLOOD },
	};
	struct pen_daemon d;
	const char *log;
	size_t before;

	for (size_t i = 0; i < COUNT(cases); i++) {
		tap_context("%s: ", cases[i].name);
		pen_start(&d, f, PEN_PLAIN, NULL);
		tap_ok(works(&d), "works before");
		before = launcher_fds(&d);
		tap_is_int(pen_attack(&d, cases[i].attack, cases[i].arg), 0,
		    "sent");
		/* This line is behind all the others in the channel. */
		pen_attack(&d, ATTACK_CHANNEL_LINES, 0);
		tap_ok(works(&d), "works after");
		tap_is_int((long long)launcher_fds(&d), (long long)before,
		    "the launcher has no more descriptors");
		log = server_log_text(d.log_fd);
		tap_ok(log_is_clean(log), "the log is printable text");
		tap_ok(strstr(log, "\nprivfsd: forged") == NULL,
		    "no line of the worker's looks like another's");
		tap_ok(log_size(&d) < LOG_MAX, "the log stays small");
		pen_expect_alive(&d, "ends as usual");
	}
	tap_context("%s", "");
}

/* While lines come without an end, a signal still ends the daemon. */
static void
test_flood_and_signal(const struct fixture *f, const char *sandbox)
{
	const char *const extra[] = { sandbox, NULL };
	struct pen_daemon d;

	tap_context("flood for ever, %s: ", sandbox);
	pen_start(&d, f, PEN_PLAIN, extra);
	tap_ok(works(&d), "works before");
	pen_send_attack(&d, ATTACK_CHANNEL_FLOOD, 0);
	tap_ok(pen_wait_log(&d, "flood"), "has begun");
	kill(d.pid, SIGTERM);
	pen_expect_end(&d, 0, "signal 15", 1, PEN_LAST_WORDS,
	    "SIGTERM ends it");
	tap_context("%s", "");
}

static unsigned long
cpu_ticks(pid_t pid)
{
	unsigned long user = 0, system = 0;
	char path[64], line[1024] = "", *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	fclose(file);
	end = strrchr(line, ')');
	if (end == NULL || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u "
	    "%*u %*u %*u %lu %lu", &user, &system) != 2)
		tap_bail("%s", path);
	return user + system;
}

/*
 * An idle launcher waits without a limit: a time-out that is left over from the
 * start would end it.  The fourth argument of the call that it sleeps in.
 */
static void
test_idle(const struct fixture *f)
{
	long long end = procs_now_ms() + PEN_TIMEOUT_MS;
	unsigned long timeout = 0;
	long number = -1;
	struct pen_daemon d;
	char path[64];
	FILE *file;

	pen_start(&d, f, PEN_PLAIN, NULL);
	tap_ok(works(&d), "idle launcher: works");
	snprintf(path, sizeof(path), "/proc/%d/syscall", d.pid);
	while (number != WAIT_SYSCALL && procs_now_ms() < end) {
		file = fopen(path, "re");
		if (file == NULL || fscanf(file, "%ld %*x %*x %*x %lx",
		    &number, &timeout) != 2)
			number = -1;	/* "running" */
		if (file != NULL)
			fclose(file);
	}
	tap_ok(number == WAIT_SYSCALL && (int)timeout == -1,
	    "idle launcher: sleeps without a limit");
	pen_expect_alive(&d, "idle launcher: ends as usual");
}

/* What a worker says before there is a front-end does not end the daemon. */
static void
test_chatty(const struct fixture *f)
{
	struct pen_daemon d;

	tap_context("lines before the connection: ");
	pen_start(&d, f, PEN_CHATTY, NULL);
	tap_ok(pen_wait_log(&d, "ready: sharing"), "is ready");
	tap_ok(pen_wait_log(&d, "line 20"), "they are logged");
	tap_ok(pen_connect(&d) == 0, "a front-end connects");
	tap_ok(works(&d), "it works");
	pen_expect_alive(&d, "ends as usual");
	tap_context("%s", "");
}

/* A channel that the worker has closed is no reason to be busy. */
static void
test_closed(const struct fixture *f)
{
	unsigned long before, used;
	struct pen_daemon d;

	tap_context("closed channel: ");
	pen_start(&d, f, PEN_PLAIN, NULL);
	tap_is_int(pen_attack(&d, ATTACK_CHANNEL_CLOSE, 0), 0, "closed");
	before = cpu_ticks(d.pid);
	procs_sleep_us(1000000);
	used = cpu_ticks(d.pid) - before;
	if (!tap_ok(used * 5 < (unsigned long)sysconf(_SC_CLK_TCK),
	    "the launcher does not spin"))
		tap_diag("%lu ticks of CPU time in a second", used);
	tap_ok(works(&d), "requests still work");
	pen_expect_alive(&d, "ends as usual");
	tap_context("%s", "");
}

static void
test_ends(const struct fixture *f)
{
	static const struct {
		const char	*name;
		const char	*variant;
		enum pen_attack	 attack;
		uint32_t	 arg;
		int		 status;
		const char	*why;
		int		 words;
	} cases[] = {
		{ "exits at once", PEN_EXIT, ATTACK_EXIT, 0, 1,
		    "error: the ", 0 },
		{ "dies before it is ready", PEN_ABORT, ATTACK_EXIT, 0, 1,
		    "error: the ", 0 },
		{ "exits with status 1", PEN_PLAIN, ATTACK_EXIT, 1, 1,
		    "the worker ended with status 1", PEN_LAST_WORDS },
		{ "exits with the monitor's status", PEN_PLAIN, ATTACK_EXIT,
		    3, 1, "the worker ended with status 3", PEN_LAST_WORDS },
		{ "exits with status 255", PEN_PLAIN, ATTACK_EXIT, 255, 1,
		    "the worker ended with status 255", PEN_LAST_WORDS },
		{ "exits as if all was done", PEN_PLAIN, ATTACK_EXIT, 0, 0,
		    "ended", 0 },
		{ "aborts", PEN_PLAIN, ATTACK_SIGNAL, SIGABRT, 1,
		    "the worker was killed by signal", PEN_LAST_WORDS },
		{ "traps", PEN_PLAIN, ATTACK_SIGNAL, SIGILL, 1,
		    "the worker was killed by signal 4", PEN_LAST_WORDS },
	};
	struct pen_daemon d;

	/*
	 * Before they are ready nobody has the connection but the launcher,
	 * and no request was taken: there are no last words; and the monitor,
	 * which has nobody to say hello to, may be the first that is seen to
	 * end.  abort(3) of a pid namespace's init does not end by SIGABRT.
	 */
	for (size_t i = 0; i < COUNT(cases); i++) {
		pen_start(&d, f, cases[i].variant, NULL);
		if (strcmp(cases[i].variant, PEN_PLAIN) == 0)
			pen_send_attack(&d, cases[i].attack, cases[i].arg);
		pen_expect_end(&d, cases[i].status, cases[i].why, 1,
		    cases[i].words, cases[i].name);
	}
}

/* The worker cannot say in the monitor's place that the monitor is ready. */
static void
test_ready_twice(const struct fixture *f)
{
	struct pen_daemon d;

	pen_start(&d, f, PEN_READY_TWICE, NULL);
	tap_ok(pen_wait_log(&d, "ready: sharing"),
	    "ready said thrice: the daemon becomes ready");
	tap_ok(works(&d), "ready said thrice: it works");
	pen_expect_alive(&d, "ready said thrice: ends as usual");
}

/*
 * Namespaces, ids and capabilities by themselves: seccomp is off.  The errors
 * are all of the kind "is not there" or "may not".
 */
static void
test_peers(const struct fixture *f)
{
	static const struct {
		const char	*name;
		int		 want[2];
	} cases[PEERS_OTHER_ID] = {
		[PEER_KILL_PARENT] = { "kill its parent", { ESRCH, ESRCH } },
		[PEER_KILL_OTHERS] = { "kill any other", { ESRCH, ESRCH } },
		[PEER_PTRACE] = { "trace another", { ESRCH, EPERM } },
		[PEER_READ_MEMORY] = { "read another's memory",
		    { ESRCH, EPERM } },
		[PEER_PIDFD] = { "get a pidfd of another", { ESRCH, EINVAL } },
		[PEER_PROC] = { "open /proc/self/mem", { ENOENT, ENOENT } },
		[PEER_ROOT_WRITE] = { "make a file", { EROFS, EACCES } },
		[PEER_ROOT_EMPTY] = { "see /etc", { ENOENT, ENOENT } },
		[PEER_UP] = { "see above the root", { ENOENT, ENOENT } },
		[PEER_MOUNT] = { "mount", { EPERM, EPERM } },
		[PEER_UNSHARE] = { "make a namespace", { EPERM, EPERM } },
		[PEER_SETUID] = { "become root", { EPERM, EPERM } },
		[PEER_SETNS] = { "enter a namespace", { EINVAL, EPERM } },
	};
	const char *const extra[] = { "--seccomp=none", NULL };
	struct pen_daemon d;

	pen_start(&d, f, PEN_LOCKED, extra);
	for (uint32_t i = 0; i < PEERS_OTHER_ID; i++) {
		int64_t got = pen_attack(&d, ATTACK_PEERS, i);

		if (!tap_ok(got == cases[i].want[0] || got == cases[i].want[1],
		    "a locked worker cannot %s", cases[i].name))
			tap_diag("errno %lld", (long long)got);
	}
	tap_ok(works(&d), "a locked worker can still do its work");
	pen_expect_alive(&d, "a locked worker ends as usual");
}

/* With seccomp on, the first try is the last. */
static void
test_syscalls(const struct fixture *f)
{
	static const struct {
		const char	*name;
		long		 number;
	} cases[] = {
		{ "openat", SYS_openat }, { "socket", SYS_socket },
		{ "execve", SYS_execve }, { "ptrace", SYS_ptrace },
		{ "kill", SYS_kill }, { "mount", SYS_mount },
		{ "setuid", SYS_setuid }, { "bpf", SYS_bpf },
		{ "userfaultfd", SYS_userfaultfd },
		{ "io_uring_setup", SYS_io_uring_setup },
		{ "process_vm_readv", SYS_process_vm_readv },
		{ "ftruncate", SYS_ftruncate },
		{ "a number that is none", 100000 },
	};
	struct pen_daemon d;
	char name[64];

	pen_start(&d, f, PEN_LOCKED, NULL);
	tap_ok(works(&d), "in all of the sandbox it works");
	pen_expect_alive(&d, "in all of the sandbox it ends as usual");
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(name, sizeof(name), "a locked worker calls %s",
		    cases[i].name);
		pen_start(&d, f, PEN_LOCKED, NULL);
		pen_send_attack(&d, ATTACK_SYSCALL,
		    (uint32_t)cases[i].number);
		pen_expect_end(&d, 1, "a system call that its sandbox forbids",
		    1, PEN_LAST_WORDS, name);
	}
}

/*
 * Root without capabilities, in mode none: all three processes have one user
 * id, and the worker sees the others.  Without a filter it cannot trace them
 * nor open what is theirs; with one it cannot send a signal either.
 */
static void
test_one_id(const struct fixture *f)
{
	static const char *const open_extra[] = { "--sandbox=none",
	    "--seccomp=none", NULL };
	static const struct {
		const char	*name;
		long		 number;
	} cases[] = {
		{ "kill", SYS_kill },
		{ "pidfd_send_signal", SYS_pidfd_send_signal },
		{ "rt_sigqueueinfo", SYS_rt_sigqueueinfo },
		{ "ptrace", SYS_ptrace },
		{ "process_vm_writev", SYS_process_vm_writev },
		{ "pidfd_getfd", SYS_pidfd_getfd },
#ifndef PRIVFSD_SANITIZE	/* which has them */
		{ "tgkill", SYS_tgkill },
		{ "prlimit64", SYS_prlimit64 },
#endif
	};
	struct pen_daemon d;
	char name[64];

	pen_start(&d, f, PEN_LOCKED, open_extra);
	for (uint32_t i = PEERS_OTHER_ID; i < PEERS; i++) {
		int64_t got = pen_attack(&d, ATTACK_PEERS, i);

		tap_ok(got == EPERM || got == EACCES,
		    "one user id: way %u to the launcher is closed: %s", i,
		    strerror((int)got));
	}
	pen_expect_alive(&d, "one user id: ends as usual");
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(name, sizeof(name), "one user id: it calls %s",
		    cases[i].name);
		pen_start(&d, f, PEN_LOCKED, (const char *const []){
		    open_extra[0], NULL });
		pen_send_attack(&d, ATTACK_SYSCALL,
		    (uint32_t)cases[i].number);
		pen_expect_end(&d, 1, "a system call that its sandbox forbids",
		    1, PEN_LAST_WORDS, name);
	}
}

/* What this process has stays; programs that it starts get nothing. */
static void
drop_bounding(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			tap_bail("bounding set");
}

static void
body(struct fixture *f)
{
	pen_shield(f);
	canary_plant(&f->share[0]);
	pen_populate(&f->share[0]);
	test_channel(f);
	test_flood_and_signal(f, "--sandbox=namespace");
	test_flood_and_signal(f, "--sandbox=chroot");
	test_idle(f);
	test_chatty(f);
	test_closed(f);
	test_ends(f);
	test_ready_twice(f);
	test_peers(f);
	test_syscalls(f);
	drop_bounding();
	test_one_id(f);
	tap_ok(canary_check(&f->share[0]) == 0, "the canary is as it was");
}

int
main(void)
{
	return fixture_main(body, TEST_S);
}
