/* SPDX-License-Identifier: ISC */
/*
 * bridge: runs a command with a share of a virtio-fs server mounted on this
 * host's kernel, in a mount namespace of its own. Test code.
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "tap.h"

#define MAX_EXTRA	16
#define STATUS_BRIDGE	120	/* the command is not to blame */

struct arguments {
	struct bridge_options	o;
	const char		*extra[MAX_EXTRA + 1];
	size_t			extras;
	char *const		*command;
};

/* For the clean-up at the end, which bails out as well. */
static char dir[] = "/tmp/privfsd-bridge.XXXXXX", path[48], name_link[48];
static pid_t main_pid;

static void
clean_up(void)
{
	if (getpid() != main_pid)
		return;
	unlink(path);
	unlink(name_link);
	rmdir(dir);
}

static void
set_up(struct arguments *a)
{
	if (mkdtemp(dir) == NULL)
		tap_bail("%s", dir);
	main_pid = getpid();
	atexit(clean_up);
	snprintf(path, sizeof(path), "%s/socket", dir);
	snprintf(name_link, sizeof(name_link), "%s/virtiofsd", dir);
	a->o.server.socket_path = path;
	if (a->o.server.kind == VIRTIOFS_DROPIN &&
	    symlink(server_program(SERVER_PRIVFSD), name_link) == 0)
		setenv("PRIVFSD_VIRTIOFSD", name_link, 1);
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		tap_bail("no private mount namespace");
}

static void __attribute__((noreturn))
usage(void)
{
	fprintf(stderr, "usage: bridge [-prwx] [-c cache] [-o server-option] "
	    "[-q queues] [-s queue-size]\n"
	    "              share mount-point command [argument ...]\n"
	    "  -p packed rings  -r read-only  -w write-back  -x xattr\n"
	    "  VIRTIOFS_SERVER: privfsd (default), dropin, c, rust\n");
	exit(2);
}

static unsigned int
number(const char *text, unsigned long most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end != '\0' || n == 0 || n > most)
		usage();
	return (unsigned int)n;
}

static void
parse_option(struct arguments *a, int option)
{
	struct virtiofs_server_options *s = &a->o.server;

	switch (option) {
	case 'c':
		s->cache = optarg;
		break;
	case 'o':
		if (a->extras == MAX_EXTRA)
			usage();
		a->extra[a->extras++] = optarg;
		break;
	case 'p':
		a->o.front.packed = 1;
		break;
	case 'q':
		a->o.front.request_queues = number(optarg, 4);
		break;
	case 'r':
		s->readonly = 1;
		break;
	case 's':
		a->o.front.queue_size = number(optarg, VHOST_RING_MAX);
		break;
	case 'w':
		s->writeback = 1;
		break;
	case 'x':
		s->xattr = 1;
		break;
	default:
		usage();
	}
}

static void
parse(struct arguments *a, int argc, char **argv)
{
	static char share[PATH_MAX], mount_point[PATH_MAX];
	int option;

	memset(a, 0, sizeof(*a));
	/* What follows the share is the command's. */
	while ((option = getopt(argc, argv, "+c:o:pq:rs:wx")) != -1)
		parse_option(a, option);
	if (argc - optind < 3)
		usage();
	a->o.server.kind = virtiofs_kind_from_env();
	/* The server has another working directory. */
	a->o.server.share = realpath(argv[optind], share);
	a->o.server.extra = a->extra;
	a->o.mount_point = realpath(argv[optind + 1], mount_point);
	if (a->o.server.share == NULL || a->o.mount_point == NULL)
		tap_bail("%s, %s", argv[optind], argv[optind + 1]);
	a->command = argv + optind + 2;
}

/* The command's exit status, as a shell gives it. */
static int
run_command(char *const *argv)
{
	pid_t parent = getpid(), pid = fork();
	int status;

	if (pid < 0)
		tap_bail("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(126);
		execvp(argv[0], argv);
		fprintf(stderr, "bridge: %s: %s\n", argv[0],
		    strerror(errno));
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return STATUS_BRIDGE;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}

int
main(int argc, char **argv)
{
	struct arguments a;
	struct bridge b;
	int status;

	parse(&a, argc, argv);
	set_up(&a);
	if (bridge_start(&b, &a.o) != 0) {
		fprintf(stderr, "bridge: this server cannot do that\n");
		return STATUS_BRIDGE;
	}
	status = run_command(a.command);
	if (bridge_stop(&b, NULL) != 0)
		status = STATUS_BRIDGE;
	return status;
}
