/*
 * SPDX-License-Identifier: ISC
 *
 * What a worker that was taken over can try against other processes and
 * against the machine, once it is locked up.  Signals are number 0 only, which
 * does nothing where it is let through.  Test code.
 */
#include "config.h"

#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "regress/pen/pen_worker.h"

#define PIDS	32768	/* more than a namespace of two ever gets to */

static int64_t
errno_of(long result)
{
	return result == -1 ? errno : 0;
}

/* Returns 0 if any process but this can be seen, else the usual error. */
static int64_t
kill_others(void)
{
	int64_t last = 0;

	for (pid_t pid = 1; pid < PIDS; pid++) {
		if (pid == getpid())
			continue;
		last = errno_of(kill(pid, 0));
		if (last != ESRCH)
			return last;
	}
	return last;
}

/* The parent is in another namespace: its number is 0 here. */
static int64_t
kill_parent(void)
{
	pid_t parent = getppid();

	return parent == 0 ? ESRCH : errno_of(kill(parent, 0));
}

static int64_t
read_memory_of(pid_t pid)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { &byte, 1 };

	return errno_of(process_vm_readv(pid, &local, 1, &remote, 1, 0));
}

/* Both the memory and a descriptor: the error of the first that fails. */
static int64_t
open_parent(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", getppid());
	if (open(path, O_RDONLY) != -1)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/fd/0", getppid());
	return errno_of(open(path, O_RDONLY));
}

static int64_t
read_memory(void)
{
	int64_t last = 0;

	for (pid_t pid = 1; pid < 64; pid++) {
		if (pid == getpid())
			continue;
		last = read_memory_of(pid);
		if (last == 0)
			return 0;
	}
	return last;
}

int64_t
attack_peer(enum pen_peer peer)
{
	switch (peer) {
	case PEER_KILL_PARENT:
		return kill_parent();
	case PEER_KILL_OTHERS:
		return kill_others();
	case PEER_PTRACE:
		return errno_of(ptrace(PTRACE_SEIZE, 2, NULL, NULL));
	case PEER_READ_MEMORY:
		return read_memory();
	case PEER_PIDFD:
		return errno_of(syscall(SYS_pidfd_open, 2, 0));
	case PEER_PROC:
		return errno_of(open("/proc/self/mem", O_RDONLY));
	case PEER_ROOT_WRITE:
		return errno_of(open("/made", O_WRONLY | O_CREAT, 0600));
	case PEER_ROOT_EMPTY:
		return errno_of(access("/etc", F_OK));
	case PEER_UP:
		return errno_of(access("../../../../etc", F_OK));
	case PEER_MOUNT:
		return errno_of(mount("x", "/", "tmpfs", 0, NULL));
	case PEER_UNSHARE:
		return errno_of(unshare(CLONE_NEWNS));
	case PEER_SETUID:
		return errno_of(setuid(0));
	case PEER_SETNS:
		return errno_of(setns(CHANNEL_WORKER_FD, 0));
	case PEER_TRACE_PARENT:
		return errno_of(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
	case PEER_PARENT_MEMORY:
		return read_memory_of(getppid());
	case PEER_PARENT_PROC:
		return open_parent();
	case PEERS:
		break;
	}
	return -1;
}
