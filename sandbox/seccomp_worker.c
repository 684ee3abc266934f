/*
 * SPDX-License-Identifier: ISC
 *
 * The system calls of the worker: what it takes to receive, to send and to
 * wait; for virtio-fs also threads, guest memory, and what is done to data
 * fds.  None of them opens, makes a socket or a process, or changes an id.
 */
#include "config.h"

#include "sandbox/seccomp_list.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/futex.h>
#include <sched.h>

/*
 * pthread_create(3) of glibc and musl.  CLONE_DETACHED is musl's, and has done
 * nothing since Linux 2.6.2 (clone(2)).
 */
#define THREAD_NEEDS							\
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | \
	    CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |	\
	    CLONE_CHILD_CLEARTID)
#define THREAD_FLAGS	(THREAD_NEEDS | CLONE_DETACHED)

/* The flags are the first argument, but on these (clone(2)). */
#if defined(__s390__) || defined(__CRIS__)
#define THREAD_FLAGS_ARG	1
#else
#define THREAD_FLAGS_ARG	0
#endif

/* A signal of glibc's own, which the first pthread_create(3) installs. */
#define SIGNAL_SETXID	33

/* Since Linux 6.13, for the page below a thread's stack. */
#define GUARD_INSTALL	102	/* MADV_GUARD_INSTALL */
#define GUARD_REMOVE	103	/* MADV_GUARD_REMOVE */

#define WORKER_FALLOCATE						\
	(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE |			\
	    FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_ZERO_RANGE |		\
	    FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE)

static const struct seccomp_row rows[] = {
	/* The front-end, the lanes and the channel. */
	{ .name = "recvfrom", .args = { SECCOMP_FLAGS(3,
	    MSG_DONTWAIT | MSG_PEEK) },
	    .reason = "requests of the front-end" },
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

	/* Threads, and nothing but threads. */
	{ .name = "clone", .protocol = SECCOMP_VIRTIOFS, .args = {
	    SECCOMP_NEEDS(THREAD_FLAGS_ARG, THREAD_FLAGS, THREAD_NEEDS) },
	    .reason = "start a thread" },
	/* Its flags are in memory, where no filter can see them. */
	{ .name = "clone3", .protocol = SECCOMP_VIRTIOFS, .error = ENOSYS,
	    .reason = "the C library takes clone in its place" },
	{ .name = "rt_sigaction", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_IS(0, SIGNAL_SETXID) },
	    .reason = "the C library's own signal; first thread" },
	{ .name = "set_robust_list", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "a thread begins" },
	{ .name = "rseq", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "a thread begins" },
	{ .name = "rt_sigprocmask", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "a thread begins or ends" },
	{ .name = "exit", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "a thread ends" },
	{ .name = "mmap", .protocol = SECCOMP_VIRTIOFS, .args = {
	    SECCOMP_FLAGS(2, PROT_READ | PROT_WRITE),
	    SECCOMP_NEEDS(3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		MAP_STACK, MAP_PRIVATE | MAP_ANONYMOUS) },
	    .reason = "a thread's stack" },
	{ .name = "mprotect", .protocol = SECCOMP_VIRTIOFS, .args = {
	    SECCOMP_FLAGS(2, PROT_READ | PROT_WRITE) },
	    .reason = "a thread's stack, beside its guard" },
	{ .name = "madvise", .protocol = SECCOMP_VIRTIOFS, .args = {
	    SECCOMP_IS(2, MADV_DONTNEED) },
	    .reason = "give back the stack of a thread that ends" },
	{ .name = "madvise", .protocol = SECCOMP_VIRTIOFS, .args = {
	    SECCOMP_IS(2, GUARD_INSTALL) },
	    .reason = "the guard of a thread's stack" },
	{ .name = "madvise", .protocol = SECCOMP_VIRTIOFS, .args = {
	    SECCOMP_IS(2, GUARD_REMOVE) },
	    .reason = "the guard of a stack that is used again" },

	/* Virtqueues: a thread with an event loop for each. */
	{ .name = "epoll_create1", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_IS(0, EPOLL_CLOEXEC) },
	    .reason = "a queue's event loop" },
	{ .name = "getuid", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "libevent: is the environment to be trusted" },
	{ .name = "geteuid", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "libevent: is the environment to be trusted" },
	{ .name = "getgid", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "libevent: is the environment to be trusted" },
	{ .name = "getegid", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "libevent: is the environment to be trusted" },
	{ .name = "eventfd2", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_FLAGS(1, EFD_CLOEXEC | EFD_NONBLOCK) },
	    .reason = "wake a queue's thread" },
	{ .name = "pipe2", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_FLAGS(1, O_CLOEXEC | O_NONBLOCK) },
	    .reason = "wake a queue's event loop" },
	{ .name = "read", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_IS(2, sizeof(uint64_t)) },
	    .reason = "an eventfd" },
	{ .name = "write", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_IS(2, sizeof(uint64_t)) },
	    .reason = "an eventfd: tell the guest, wake a thread" },

	/* Guest memory. */
	{ .name = "mmap", .protocol = SECCOMP_VIRTIOFS, .args = {
	    SECCOMP_FLAGS(2, PROT_READ | PROT_WRITE),
	    SECCOMP_NEEDS(3, MAP_SHARED | MAP_NORESERVE, MAP_SHARED) },
	    .reason = "a region of the guest's memory" },
	{ .name = "fstat", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "size of guest memory, and of open files" },

	/* Data fds. */
	{ .name = "preadv2", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_FLAGS(5, RWF_NOWAIT) },
	    .reason = "READ" },
	{ .name = "pwritev2", .protocol = SECCOMP_VIRTIOFS,
	    .when = SECCOMP_WRITABLE,
	    .args = { SECCOMP_FLAGS(5, RWF_NOWAIT | RWF_APPEND | RWF_DSYNC |
		RWF_SYNC) },
	    .reason = "WRITE" },
	{ .name = "fcntl", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_IS(1, F_DUPFD_CLOEXEC) },
	    .reason = "FLUSH: closing a copy is what flushes" },
	{ .name = "fsync", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "FSYNC" },
	{ .name = "fdatasync", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "FSYNC" },
	{ .name = "lseek", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_IS(2, SEEK_SET) },
	    .reason = "LSEEK; no data fd's offset is used" },
	{ .name = "lseek", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_IS(2, SEEK_END) },
	    .reason = "LSEEK" },
	{ .name = "lseek", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_IS(2, SEEK_DATA) },
	    .reason = "LSEEK" },
	{ .name = "lseek", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_IS(2, SEEK_HOLE) },
	    .reason = "LSEEK" },
	{ .name = "fstatfs", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "what file system a file is on" },
	{ .name = "fallocate", .protocol = SECCOMP_VIRTIOFS,
	    .when = SECCOMP_WRITABLE,
	    .args = { SECCOMP_FLAGS(1, WORKER_FALLOCATE) },
	    .reason = "FALLOCATE" },
	{ .name = "copy_file_range", .protocol = SECCOMP_VIRTIOFS,
	    .when = SECCOMP_WRITABLE, .args = { SECCOMP_IS(5, 0) },
	    .reason = "COPY_FILE_RANGE" },

	/* Memory, never executable; and the end. */
	{ .name = "brk",
	    .reason = "malloc" },
	{ .name = "mmap", .args = {
	    SECCOMP_FLAGS(2, PROT_READ | PROT_WRITE),
	    SECCOMP_NEEDS(3, MAP_PRIVATE | MAP_ANONYMOUS,
		MAP_PRIVATE | MAP_ANONYMOUS) },
	    .reason = "malloc" },
	{ .name = "mremap", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_FLAGS(3, MREMAP_MAYMOVE) },
	    .reason = "realloc of the file table" },
	{ .name = "munmap",
	    .reason = "free" },
	{ .name = "exit_group",
	    .reason = "end" }
};

const struct seccomp_list seccomp_list_worker = {
	rows, sizeof(rows) / sizeof(rows[0])
};
