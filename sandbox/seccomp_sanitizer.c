/*
 * SPDX-License-Identifier: ISC
 *
 * What AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer need
 * beyond the lists, in all three processes.  Empty unless configured with
 * --enable-sanitizers or --enable-thread-sanitizer.
 */
#include "config.h"

#include "sandbox/seccomp_list.h"

#ifdef PRIVFSD_SANITIZE

#include <sys/mman.h>

#include <fcntl.h>
#include <unistd.h>

const char	*__asan_default_options(void);

/*
 * Leaks are looked for from a second process that traces the first, which no
 * sandbox of ours permits.  ASAN_OPTIONS overrides this in other programs.
 */
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

static const struct seccomp_row rows[] = {
	{ .name = "mmap", .args = { SECCOMP_FLAGS(2,
	    PROT_READ | PROT_WRITE) },
	    .reason = "sanitizers: shadow memory, at fixed places" },
	{ .name = "munmap", .reason = "sanitizers: quarantine" },
	{ .name = "mprotect", .args = { SECCOMP_FLAGS(2,
	    PROT_READ | PROT_WRITE) },
	    .reason = "sanitizers: shadow memory" },
	{ .name = "madvise", .reason = "sanitizers: give memory back" },
	{ .name = "mremap", .reason = "sanitizers: realloc" },
#ifdef PRIVFSD_SANITIZE_THREAD
	{ .name = "gettimeofday",
	    .reason = "sanitizers: ThreadSanitizer has a thread of its own" },
	{ .name = "nanosleep",
	    .reason = "sanitizers: ThreadSanitizer has a thread of its own" },
	{ .name = "clock_nanosleep",
	    .reason = "sanitizers: ThreadSanitizer has a thread of its own" },
#endif
	{ .name = "futex", .reason = "sanitizers: locks" },
	{ .name = "sched_yield", .reason = "sanitizers: locks" },
	{ .name = "sigaltstack", .reason = "sanitizers: signal stack" },
	{ .name = "rt_sigaction", .reason = "sanitizers: report" },
	{ .name = "rt_sigprocmask", .reason = "sanitizers: report" },
	{ .name = "getpid", .reason = "sanitizers: report" },
	{ .name = "gettid", .reason = "sanitizers: report" },
	{ .name = "tgkill", .reason = "sanitizers: abort" },
	{ .name = "getrlimit", .reason = "sanitizers: size of the stack" },
	{ .name = "prlimit64", .reason = "sanitizers: size of the stack" },
	{ .name = "sched_getaffinity",
	    .reason = "sanitizers: a thread's stack" },
	{ .name = "readlink", .reason = "sanitizers: name of the program" },
	{ .name = "readlinkat", .reason = "sanitizers: name of the program" },
	{ .name = "openat", .args = { SECCOMP_FLAGS(2,
	    O_CLOEXEC) },
	    .reason = "sanitizers: /proc/self/maps" },
	{ .name = "open", .args = { SECCOMP_FLAGS(1,
	    O_CLOEXEC) },
	    .reason = "sanitizers: /proc/self/maps" },
	{ .name = "read", .reason = "sanitizers: /proc/self/maps" },
	{ .name = "close", .reason = "sanitizers: /proc/self/maps" },
	{ .name = "write", .args = { SECCOMP_IS(0, STDERR_FILENO) },
	    .reason = "sanitizers: report" },
	{ .name = "ioctl", .args = { SECCOMP_IS(0, STDERR_FILENO) },
	    .reason = "sanitizers: is it a terminal" }
};

const struct seccomp_list seccomp_list_sanitizer = {
	rows, sizeof(rows) / sizeof(rows[0])
};

#else

const struct seccomp_list seccomp_list_sanitizer = { NULL, 0 };

#endif
