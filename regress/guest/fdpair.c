/* SPDX-License-Identifier: ISC */
/*
 * fdpair SERVER... -- CLIENT...: run both with a connected pair of sockets, as
 * a management program does that starts QEMU and its helper with inherited
 * descriptors. "{fd}" in an argument is replaced by the number of the
 * descriptor that the program inherits. When the client has ended, the server
 * has ten seconds to follow. The exit status is the client's; the server's is
 * told on stderr. Test tool, trusts its arguments.
 */
#define _GNU_SOURCE
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SERVER_GRACE_SECONDS	10	/* then SIGTERM */
#define SERVER_STOP_SECONDS	5	/* then SIGKILL */

struct child {
	const char	*name;
	pid_t		 pid;		/* -1 once it has been waited for */
	int		 status;
};

static char *
expand(const char *arg, int fd)
{
	const char *mark;
	char *out;

	mark = strstr(arg, "{fd}");
	if (mark == NULL)
		out = strdup(arg);
	else if (asprintf(&out, "%.*s%d%s", (int)(mark - arg), arg, fd,
	    mark + strlen("{fd}")) == -1)
		out = NULL;
	if (out == NULL)
		err(1, "asprintf");
	return out;
}

static void
start(struct child *child, char **argv, int fd, const sigset_t *mask)
{
	const pid_t parent = getpid();
	int i;

	child->pid = fork();
	if (child->pid == -1)
		err(1, "fork");
	if (child->pid != 0)
		return;

	/* Whatever ends this program ends both, see prctl(2). */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(127);
	if (sigprocmask(SIG_SETMASK, mask, NULL) == -1 ||
	    fcntl(fd, F_SETFD, 0) == -1)
		_exit(127);
	for (i = 0; argv[i] != NULL; i++)
		argv[i] = expand(argv[i], fd);
	execvp(argv[0], argv);
	warn("%s", argv[0]);
	_exit(127);
}

static void
reap(struct child *child)
{
	if (child->pid == -1 ||
	    waitpid(child->pid, &child->status, WNOHANG) != child->pid)
		return;
	child->pid = -1;
	if (WIFSIGNALED(child->status))
		fprintf(stderr, "fdpair: %s: signal %d\n", child->name,
		    WTERMSIG(child->status));
	else
		fprintf(stderr, "fdpair: %s: exit status %d\n", child->name,
		    WEXITSTATUS(child->status));
}

static void
end(const struct child *child, int sig)
{
	if (child->pid != -1)
		kill(child->pid, sig);
}

/* Waits until both have ended; a signal to this program is passed on. */
static void
supervise(struct child *server, struct child *client, const sigset_t *signals)
{
	struct timespec wait = { .tv_sec = 1 };
	int waited = 0, sig;

	while (server->pid != -1 || client->pid != -1) {
		sig = sigtimedwait(signals, NULL, &wait);
		if (sig == -1 && errno == EAGAIN && client->pid == -1)
			waited++;
		if (waited == SERVER_GRACE_SECONDS)
			end(server, SIGTERM);
		if (waited == SERVER_GRACE_SECONDS + SERVER_STOP_SECONDS)
			end(server, SIGKILL);
		if (sig != -1 && sig != SIGCHLD) {
			end(client, SIGTERM);
			end(server, SIGTERM);
		}
		reap(client);
		reap(server);
	}
}

int
main(int argc, char *argv[])
{
	struct child server = { .name = "server" };
	struct child client = { .name = "client" };
	sigset_t signals, mask;
	int fds[2], i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		;
	if (i < 2 || i + 1 >= argc)
		errx(2, "usage: fdpair SERVER... -- CLIENT...");
	argv[i] = NULL;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &signals, &mask) == -1)
		err(1, "sigprocmask");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		err(1, "socketpair");
	start(&server, argv + 1, fds[0], &mask);
	start(&client, argv + i + 1, fds[1], &mask);
	close(fds[0]);
	close(fds[1]);
	supervise(&server, &client, &signals);
	if (WIFSIGNALED(client.status))
		return 128 + WTERMSIG(client.status);
	return WEXITSTATUS(client.status);
}
