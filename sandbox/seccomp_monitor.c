/*
 * SPDX-License-Identifier: ISC
 *
 * The system calls of the monitor: those of the primitives, and what waiting
 * and memory take.  There is no socket, no other process and no way back out
 * of the root.  What a pointer leads to cannot be checked here; what is passed
 * as a number is.
 */
#include "config.h"

#include "sandbox/seccomp_list.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <stdio.h>

/* Since Linux 6.6 and 6.13, with the same numbers on all architectures. */
#define NR_FCHMODAT2	452
#define NR_SETXATTRAT	463
#define NR_GETXATTRAT	464
#define NR_LISTXATTRAT	465
#define NR_REMOVEXATTRAT 466

/* An inode is opened again: it exists, and is a regular file or directory. */
#define REOPEN_ANY							\
	(O_APPEND | O_NONBLOCK | O_DSYNC | O_SYNC | O_NOATIME |		\
	    O_DIRECTORY | O_NOCTTY | O_CLOEXEC | O_LARGEFILE)
#define REOPEN_WRITABLE	(REOPEN_ANY | O_ACCMODE | O_TRUNC)
#define REOPEN_ALWAYS	(O_NOCTTY | O_CLOEXEC)

/* A bell is an eventfd, which is written in whole counts. */
#define BELL_SIZE	sizeof(uint64_t)

static const struct seccomp_row rows[] = {
	/* The lane and the channel. */
	{ .name = "futex", .args = { SECCOMP_IS(1, FUTEX_WAIT) },
	    .reason = "sleep until the worker submits; the main thread, for "
		"ever" },
	{ .name = "write", .args = { SECCOMP_IS(2, BELL_SIZE) },
	    .reason = "ring the worker's bell" },
	{ .name = "sched_yield",
	    .reason = "leave the core to the worker while polling" },
	{ .name = "clock_gettime",
	    .reason = "how long to poll, where the vdso cannot" },
	{ .name = "sendmsg", .args = { SECCOMP_FLAGS(2,
	    MSG_DONTWAIT | MSG_NOSIGNAL) },
	    .reason = "descriptors to the worker; log lines" },

	/* From names to descriptors. */
	{ .name = "openat2",
	    .reason = "resolve a name beneath a handle; create a file; PARENT, "
		"one step up" },
	{ .name = "openat", .when = SECCOMP_WRITABLE, .args = {
	    SECCOMP_NEEDS(2, REOPEN_WRITABLE, REOPEN_ALWAYS) },
	    .reason = "open a handle's inode through /proc/self/fd" },
	{ .name = "openat", .when = SECCOMP_READONLY, .args = {
	    SECCOMP_NEEDS(2, REOPEN_ANY, REOPEN_ALWAYS) },
	    .reason = "open a handle's inode through /proc/self/fd" },
	{ .name = "openat", .when = SECCOMP_WRITABLE,
	    .protocol = SECCOMP_VIRTIOFS, .args = {
	    SECCOMP_NEEDS(2, REOPEN_WRITABLE | O_DIRECT, REOPEN_ALWAYS |
		O_DIRECT) },
	    .reason = "the same, for --allow-direct-io" },
	{ .name = "openat", .when = SECCOMP_READONLY,
	    .protocol = SECCOMP_VIRTIOFS, .args = {
	    SECCOMP_NEEDS(2, REOPEN_ANY | O_DIRECT, REOPEN_ALWAYS |
		O_DIRECT) },
	    .reason = "the same, for --allow-direct-io" },
	{ .name = "openat", .when = SECCOMP_WRITABLE,
	    .protocol = SECCOMP_VIRTIOFS, .args = {
	    SECCOMP_IS(2, REOPEN_ALWAYS | O_PATH) },
	    .reason = "a handle of what was just created" },
	{ .name = "fcntl", .args = { SECCOMP_IS(1, F_DUPFD_CLOEXEC) },
	    .reason = "a descriptor of its own for what a handle is" },
	{ .name = "close",
	    .reason = "handles forgotten, data fds sent" },

	/* What an inode is. */
	{ .name = "statx", .args = { SECCOMP_FLAGS(2, AT_SYMLINK_NOFOLLOW |
	    AT_EMPTY_PATH | AT_NO_AUTOMOUNT) },
	    .reason = "attributes; which inode a name is" },
	{ .name = "newfstatat", .args = { SECCOMP_FLAGS(3,
	    AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) },
	    .reason = "type of what was opened; is a name still what was made" },
	{ .name = "fstat",
	    .reason = "type of what was opened; mode and device of a parent" },
	{ .name = "readlinkat",
	    .reason = "READLINK" },
	{ .name = "fstatfs",
	    .reason = "STATFS; is a file system local, are its times of birth "
		"of use" },
	{ .name = "ioctl", .args = { SECCOMP_IS(1, FS_IOC_GETVERSION) },
	    .reason = "GETVERSION" },

	/* Owner, mode, size and times. */
	{ .name = "fchownat", .when = SECCOMP_WRITABLE,
	    .args = { SECCOMP_IS(4, AT_EMPTY_PATH) },
	    .reason = "SETATTR; REMOVEXATTR of security.capability" },
	{ .name = "fchmodat2", .number = NR_FCHMODAT2,
	    .when = SECCOMP_WRITABLE, .args = { SECCOMP_FLAGS(2, 07777),
	    SECCOMP_IS(3, AT_EMPTY_PATH) },
	    .reason = "SETATTR" },
	{ .name = "fchmodat", .when = SECCOMP_NO_FCHMODAT2,
	    .args = { SECCOMP_FLAGS(2, 07777) },
	    .reason = "the same through /proc/self/fd" },
	{ .name = "truncate", .when = SECCOMP_WRITABLE,
	    .reason = "SETATTR, through /proc/self/fd" },
	{ .name = "utimensat", .when = SECCOMP_WRITABLE,
	    .args = { SECCOMP_IS(3, AT_EMPTY_PATH) },
	    .reason = "SETATTR" },

	/* Entries of directories. */
	{ .name = "mknodat", .when = SECCOMP_WRITABLE,
	    .args = { SECCOMP_FLAGS(2, S_IFMT | 07777) },
	    .reason = "MKNOD" },
	{ .name = "mkdirat", .when = SECCOMP_WRITABLE,
	    .args = { SECCOMP_FLAGS(2, 01777) },
	    .reason = "MKDIR" },
	{ .name = "symlinkat", .when = SECCOMP_WRITABLE,
	    .reason = "SYMLINK" },
	{ .name = "linkat", .when = SECCOMP_WRITABLE,
	    .args = { SECCOMP_FLAGS(4, AT_SYMLINK_FOLLOW) },
	    .reason = "LINK; followed is only a name in /proc/self/fd" },
	{ .name = "unlinkat", .when = SECCOMP_WRITABLE,
	    .args = { SECCOMP_FLAGS(2, AT_REMOVEDIR) },
	    .reason = "UNLINK, RMDIR; a new file that cannot be answered with" },
	{ .name = "renameat2", .when = SECCOMP_WRITABLE,
	    .args = { SECCOMP_FLAGS(4, RENAME_NOREPLACE | RENAME_EXCHANGE) },
	    .reason = "RENAME" },
	{ .name = "renameat2", .when = SECCOMP_WRITABLE,
	    .protocol = SECCOMP_VIRTIOFS, .args = {
	    SECCOMP_NEEDS(4, RENAME_NOREPLACE | RENAME_EXCHANGE |
		RENAME_WHITEOUT, RENAME_WHITEOUT) },
	    .reason = "RENAME, as an overlay in the guest has it" },

	/* Directory streams. */
	{ .name = "getdents64", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "READDIR, READDIRPLUS" },
	{ .name = "lseek", .protocol = SECCOMP_VIRTIOFS,
	    .args = { SECCOMP_IS(2, SEEK_SET) },
	    .reason = "where a directory is read on" },

	/* To the disk. */
	{ .name = "fsync", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "FSYNCDIR" },
	{ .name = "fdatasync", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "FSYNCDIR" },
	{ .name = "syncfs", .protocol = SECCOMP_VIRTIOFS,
	    .reason = "SYNCFS" },

	/* Extended attributes. */
	{ .name = "getxattrat", .number = NR_GETXATTRAT,
	    .args = { SECCOMP_FLAGS(2, AT_SYMLINK_NOFOLLOW) },
	    .reason = "GETXATTR (Linux 6.13)" },
	{ .name = "listxattrat", .number = NR_LISTXATTRAT,
	    .args = { SECCOMP_FLAGS(2, AT_SYMLINK_NOFOLLOW) },
	    .reason = "LISTXATTR (Linux 6.13)" },
	{ .name = "setxattrat", .number = NR_SETXATTRAT,
	    .when = SECCOMP_WRITABLE,
	    .args = { SECCOMP_FLAGS(2, AT_SYMLINK_NOFOLLOW) },
	    .reason = "SETXATTR (Linux 6.13)" },
	{ .name = "removexattrat", .number = NR_REMOVEXATTRAT,
	    .when = SECCOMP_WRITABLE,
	    .args = { SECCOMP_FLAGS(2, AT_SYMLINK_NOFOLLOW) },
	    .reason = "REMOVEXATTR (Linux 6.13)" },
	{ .name = "getxattr",
	    .reason = "GETXATTR, through /proc/self/fd" },
	{ .name = "listxattr",
	    .reason = "LISTXATTR, through /proc/self/fd" },
	{ .name = "setxattr", .when = SECCOMP_WRITABLE,
	    .args = { SECCOMP_FLAGS(4, XATTR_CREATE | XATTR_REPLACE) },
	    .reason = "SETXATTR, through /proc/self/fd" },
	{ .name = "removexattr", .when = SECCOMP_WRITABLE,
	    .reason = "REMOVEXATTR, through /proc/self/fd" },

	/* Its own privilege. */
	{ .name = "capset", .when = SECCOMP_WRITABLE,
	    .reason = "FSETID, SETUID and SETGID, raised for one call" },
	{ .name = "setfsuid", .when = SECCOMP_WRITABLE,
	    .reason = "the owner of what is created" },
	{ .name = "setfsgid", .when = SECCOMP_WRITABLE,
	    .reason = "the group of what is created" },
	{ .name = "prctl", .when = SECCOMP_WRITABLE, .args = {
	    SECCOMP_IS(0, PR_SET_DUMPABLE), SECCOMP_IS(1, 0) },
	    .reason = "not dumpable: a change of ids may make it so" },

	/* Memory, never executable; and the end. */
	{ .name = "brk",
	    .reason = "malloc" },
	{ .name = "mmap", .args = {
	    SECCOMP_FLAGS(2, PROT_READ | PROT_WRITE),
	    SECCOMP_NEEDS(3, MAP_PRIVATE | MAP_ANONYMOUS,
		MAP_PRIVATE | MAP_ANONYMOUS) },
	    .reason = "malloc" },
	{ .name = "mremap", .args = { SECCOMP_FLAGS(3, MREMAP_MAYMOVE) },
	    .reason = "realloc of the handle table" },
	{ .name = "munmap",
	    .reason = "free" },
	{ .name = "rt_sigreturn",
	    .reason = "return from a signal handler" },
	{ .name = "restart_syscall",
	    .reason = "the kernel goes on with an interrupted wait" },
	{ .name = "exit_group",
	    .reason = "end" }
};

const struct seccomp_list seccomp_list_monitor = {
	rows, sizeof(rows) / sizeof(rows[0])
};
