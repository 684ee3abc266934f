/*
 * SPDX-License-Identifier: ISC
 *
 * The system calls of the launcher, once both children serve: it waits, logs,
 * ends the others, answers in the place of a worker that died, and removes the
 * names of socket and pid file.
 */
#include "config.h"

#include "sandbox/seccomp_list.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>

static const struct seccomp_row rows[] = {
	/* The event loop. */
#ifdef SYS_epoll_wait
	{ .name = "epoll_wait",
	    .reason = "wait for children, signals and a connection" },
#else
	{ .name = "epoll_pwait",
	    .reason = "wait for children, signals and a connection" },
#endif
	{ .name = "epoll_ctl",
	    .reason = "stop waiting for what has ended" },
#ifdef SYS_poll
	{ .name = "poll", .args = { SECCOMP_IS(1, 1) },
	    .reason = "wait a moment for the end of the monitor" },
#else
	{ .name = "ppoll", .args = { SECCOMP_IS(1, 1) },
	    .reason = "wait a moment for the end of the monitor" },
#endif
	{ .name = "read",
	    .reason = "a signal, from its handler to the loop" },
	{ .name = "rt_sigreturn",
	    .reason = "return from a signal handler" },
	{ .name = "restart_syscall",
	    .reason = "the kernel goes on with an interrupted wait" },
	{ .name = "clock_gettime",
	    .reason = "timeouts and time stamps, where the vdso cannot" },

	/* The children. */
	{ .name = "recvmsg", .args = { SECCOMP_FLAGS(2,
	    MSG_CMSG_CLOEXEC | MSG_DONTWAIT) },
	    .reason = "log lines of monitor and worker" },
	{ .name = "sendmsg", .args = { SECCOMP_FLAGS(2,
	    MSG_DONTWAIT | MSG_NOSIGNAL) },
	    .reason = "the connection, and the word to stop, to the worker" },
	{ .name = "waitid", .args = { SECCOMP_IS(0, P_PIDFD),
	    SECCOMP_FLAGS(3, WEXITED | WNOHANG | WNOWAIT) },
	    .reason = "how a child ended" },
	{ .name = "pidfd_send_signal", .args = { SECCOMP_IS(1, SIGKILL),
	    SECCOMP_IS(3, 0) },
	    .reason = "end a child" },

	/* The front-end. */
	{ .name = "accept4", .args = { SECCOMP_IS(3, SOCK_CLOEXEC) },
	    .reason = "the one connection of a listening socket" },
	{ .name = "getsockopt", .args = { SECCOMP_IS(1, SOL_SOCKET),
	    SECCOMP_IS(2, SO_PEERCRED) },
	    .reason = "who the front-end is" },
	{ .name = "close",
	    .reason = "descriptors that are not needed any more" },
	{ .name = "newfstatat",
	    .args = { SECCOMP_IS(3, AT_SYMLINK_NOFOLLOW) },
	    .reason = "is the name of socket or pid file still ours" },
	{ .name = "unlinkat", .args = { SECCOMP_IS(2, 0) },
	    .reason = "remove the name of socket or pid file" },

	/* The log and the end. */
	{ .name = "write",
	    .reason = "lines to stderr; readiness to a waiting parent; a "
	    "signal, to the loop" },
	{ .name = "sendto",
	    .args = { SECCOMP_FLAGS(3, MSG_DONTWAIT | MSG_NOSIGNAL) },
	    .reason = "lines to syslog; readiness and state; -EIO to the "
	    "front-end" },
	{ .name = "exit_group",
	    .reason = "end" },

	/* Memory, never executable. */
	{ .name = "brk",
	    .reason = "malloc" },
	{ .name = "mmap", .args = {
	    SECCOMP_FLAGS(2, PROT_READ | PROT_WRITE),
	    SECCOMP_NEEDS(3, MAP_PRIVATE | MAP_ANONYMOUS,
		MAP_PRIVATE | MAP_ANONYMOUS) },
	    .reason = "malloc" },
	{ .name = "munmap",
	    .reason = "free" }
};

const struct seccomp_list seccomp_list_launcher = {
	rows, sizeof(rows) / sizeof(rows[0])
};
