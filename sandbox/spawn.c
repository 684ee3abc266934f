/*
 * SPDX-License-Identifier: ISC
 *
 * Starting the children.  Runs in the launcher before it drops its rights.
 *
 * No process may outlive the others.  The launcher's death kills the monitor
 * (PR_SET_PDEATHSIG), but cannot kill the worker, which has another uid: the
 * signal needs permission like any other (kill(2)).  So the worker's pid
 * namespace lies within the monitor's, and the kernel kills it with that.
 */
#include "config.h"

#include "sandbox/spawn.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/log.h"

static int
spawn_failed(const struct child *child, const char *what)
{
	int error = -errno;

	log_error("cannot start the %s: %s: %s", child->name, what,
	    strerror(-error));
	return error;
}

/*
 * As fork(2), storing a pidfd.  By clone(2): container managers answer
 * clone3(2) with ENOSYS, because seccomp cannot look into its
 * arguments.  Flags, stack and the pidfd's address come first, in this order,
 * on all architectures but s390, cris and microblaze.  The child starts with
 * the keyboard's and the shell's signals ignored, whether the launcher holds
 * them or not: it alone decides on the end.
 */
static pid_t
spawn_clone(unsigned long flags, int *pidfd_out)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGTERM };
	sigset_t none;
	pid_t pid;
	size_t i;

	pid = (pid_t)syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, NULL,
	    pidfd_out, NULL, 0);
	if (pid != 0)
		return pid;
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

/* Reads the pid of a pidfd as this process sees it (proc(5), fdinfo). */
static pid_t
spawn_pid_of(int pidfd)
{
	char path[40], line[64];
	FILE *file;
	int pid = -1;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	file = fopen(path, "re");
	if (file == NULL)
		return -1;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	fclose(file);
	return pid;
}

static int
spawn_channel(struct child *child, int *other_out)
{
	int error;

	error = channel_create(&child->channel, other_out);
	if (error != 0) {
		errno = -error;
		return spawn_failed(child, "socketpair");
	}
	if (fcntl(child->channel, F_SETFL, O_NONBLOCK) == -1)
		return spawn_failed(child, "fcntl");
	return 0;
}

int
spawn_monitor(struct child *child, enum sandbox_mode mode, spawn_run *run,
    void *arg)
{
	int channel, error, flags = namespace_clone_flags(mode);
	pid_t pid;

	error = spawn_channel(child, &channel);
	if (error != 0)
		return error;
	/* Containers' filters forbid the call itself, whatever it asks for. */
	if (flags != 0 && unshare(flags) == -1)
		return spawn_failed(child, "its pid namespace (in a container, "
		    "--sandbox=chroot goes without)");
	pid = spawn_clone(0, &child->pidfd);
	if (pid == -1)
		return spawn_failed(child, "clone");
	if (pid == 0)
		_exit(run(arg, channel));
	close(channel);
	child->pid = spawn_pid_of(child->pidfd);
	return 0;
}

/* Where execve(2) gives nothing, or not by the id (capabilities(7)). */
static bool
spawn_must_keep_caps(void)
{
	return geteuid() != 0 ||
	    (prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) & SECBIT_NOROOT) != 0;
}

static void
spawn_exec(const char *path, int channel)
{
	char *const argv[] = { (char *)(uintptr_t)"privfsd-worker", NULL };
	char *const envp[] = { NULL };

	/* CHANNEL_WORKER_FD, not O_CLOEXEC; all others are closed by exec or
	 * by the worker. */
	if (spawn_must_keep_caps() && caps_keep_for_exec() != 0)
		_exit(1);
	if (channel == CHANNEL_WORKER_FD)
		fcntl(channel, F_SETFD, 0);
	else
		dup2(channel, CHANNEL_WORKER_FD);
	execve(path, argv, envp);
	log_error("cannot start the worker: %s: %s", path, strerror(errno));
	_exit(1);
}

/*
 * Runs in a process within the monitor's pid namespace, which alone can make
 * one within that (pid_namespaces(7)); the worker is the launcher's child by
 * CLONE_PARENT, and its pidfd gets there over the channel.
 */
static int
spawn_nested(const char *path, int channel)
{
	int pidfd = -1;
	pid_t pid;

	if (unshare(CLONE_NEWPID) == -1)
		goto fail;
	pid = spawn_clone(CLONE_PARENT, &pidfd);
	if (pid == -1)
		goto fail;
	if (pid == 0)
		spawn_exec(path, channel);
	return channel_send(channel, CHANNEL_READY, 0, NULL, 0, &pidfd, 1) ==
	    0 ? 0 : 1;
fail:
	log_error("cannot start the worker: its pid namespace: %s",
	    strerror(errno));
	return 1;
}

/* Waits for the process that ran spawn_nested() and takes the pidfd. */
static int
spawn_take_nested(struct child *child)
{
	struct channel_message message;
	siginfo_t info = { 0 };
	size_t nfds = 0;
	int error, pidfd;

	while (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED) == -1)
		if (errno != EINTR)
			return spawn_failed(child, "waitid");
	close(child->pidfd);
	child->pidfd = -1;
	if (info.si_code != CLD_EXITED || info.si_status != 0)
		return -ECHILD;
	error = channel_receive(child->channel, &message, &pidfd, 1, &nfds);
	if (error < 0 || nfds != 1) {
		log_error("cannot start the worker: its pidfd did not arrive");
		return error < 0 ? error : -EPROTO;
	}
	child->pidfd = pidfd;
	return 0;
}

int
spawn_worker(struct child *child, const char *path, enum sandbox_mode mode)
{
	bool nested = namespace_clone_flags(mode) != 0;
	int channel, error;
	pid_t pid;

	if (access(path, X_OK) == -1) {
		log_error("cannot start the worker: %s: %s (--worker-path "
		    "names another)", path, strerror(errno));
		return -errno;
	}
	error = spawn_channel(child, &channel);
	if (error != 0)
		return error;
	pid = spawn_clone(0, &child->pidfd);
	if (pid == -1)
		return spawn_failed(child, "clone");
	if (pid == 0) {
		if (nested)
			_exit(spawn_nested(path, channel));
		spawn_exec(path, channel);
	}
	close(channel);
	if (nested) {
		error = spawn_take_nested(child);
		if (error != 0)
			return error;
	}
	child->pid = spawn_pid_of(child->pidfd);
	return 0;
}

bool
spawn_reap(struct child *child)
{
	siginfo_t info = { 0 };

	if (child->pidfd == -1)
		return child->pid != 0;
	if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) ==
	    -1 || info.si_pid == 0)
		return false;
	child->status = info.si_code == CLD_EXITED ?
	    info.si_status << 8 : info.si_status;
	close(child->pidfd);
	child->pidfd = -1;
	return true;
}

void
spawn_kill(struct child *child)
{
	if (child->pidfd != -1)
		syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
}

void
spawn_hold_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(how, &set, NULL);
}
