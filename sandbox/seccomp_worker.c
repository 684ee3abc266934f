/*
 * SPDX-License-Identifier: ISC
 *
 * The system calls of the worker: what it takes to receive, to send and to
 * wait.  None of them takes a path, opens, makes a socket or a process, or
 * changes an id.
 */
#include "config.h"

#include "sandbox/seccomp_list.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/futex.h>

static const struct seccomp_row rows[] = {
	/* The front-end, the lane and the channel. */
	{ .name = "recvfrom", .args = { SECCOMP_FLAGS(3,
	    MSG_DONTWAIT | MSG_PEEK) },
	    .reason = "requests of the front-end; doorbells" },
	{ .name = "recvmsg", .args = { SECCOMP_FLAGS(2,
	    MSG_CMSG_CLOEXEC | MSG_DONTWAIT) },
	    .reason = "descriptors from the monitor; the launcher's word" },
	{ .name = "sendto",
	    .args = { SECCOMP_FLAGS(3, MSG_DONTWAIT | MSG_NOSIGNAL) },
	    .reason = "replies to the front-end" },
	{ .name = "sendmsg",
	    .args = { SECCOMP_FLAGS(2, MSG_DONTWAIT | MSG_NOSIGNAL) },
	    .reason = "replies with descriptors; log lines" },
	{ .name = "shutdown", .args = { SECCOMP_IS(1, SHUT_RDWR) },
	    .reason = "end the connection after broken framing" },
	{ .name = "close",
	    .reason = "descriptors that were passed on" },

	/* Waiting. */
	{ .name = "futex", .args = { SECCOMP_IS(1, FUTEX_WAKE) },
	    .reason = "wake the monitor" },
	{ .name = "sched_yield",
	    .reason = "leave the core to others while polling" },
#ifdef SYS_epoll_wait
	{ .name = "epoll_wait",
	    .reason = "the event loop" },
#else
	{ .name = "epoll_pwait",
	    .reason = "the event loop" },
#endif
	{ .name = "epoll_ctl",
	    .reason = "what the event loop waits for" },
	{ .name = "clock_gettime",
	    .reason = "how long to poll, where the vdso cannot" },
	{ .name = "rt_sigreturn",
	    .reason = "return from a signal handler" },
	{ .name = "restart_syscall",
	    .reason = "the kernel goes on with an interrupted wait" },

	/* Memory, never executable; and the end. */
	{ .name = "brk",
	    .reason = "malloc" },
	{ .name = "mmap", .args = {
	    SECCOMP_FLAGS(2, PROT_READ | PROT_WRITE),
	    SECCOMP_NEEDS(3, MAP_PRIVATE | MAP_ANONYMOUS,
		MAP_PRIVATE | MAP_ANONYMOUS) },
	    .reason = "malloc" },
	{ .name = "munmap",
	    .reason = "free" },
	{ .name = "exit_group",
	    .reason = "end" }
};

const struct seccomp_list seccomp_list_worker = {
	rows, sizeof(rows) / sizeof(rows[0])
};
