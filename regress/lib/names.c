/* SPDX-License-Identifier: ISC */
/*
 * Starts a daemon under each of the program's names. Test code.
 */
#include "names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "server.h"
#include "tap.h"

const char *
names_label(enum names name)
{
	static const char *const labels[] = { "9p-proxy", "virtiofs",
	    "virtfs-proxy-helper", "virtiofsd" };

	return labels[name];
}

const char *
names_socket(const struct fixture *f)
{
	static char path[108];

	snprintf(path, sizeof(path), "%s/sock", f->base);
	return path;
}

static const char *
names_program(const struct fixture *f, enum names name)
{
	static char link[128];

	if (name == NAMES_HELPER)
		return server_program(SERVER_DROPIN);
	if (name != NAMES_VIRTIOFSD)
		return server_program(SERVER_PRIVFSD);
	snprintf(link, sizeof(link), "%s/virtiofsd", f->base);
	if (symlink(server_program(SERVER_PRIVFSD), link) != 0 &&
	    errno != EEXIST)
		tap_bail("%s: %s", link, strerror(errno));
	return link;
}

static void
names_command_line(struct server_arguments *a, const struct fixture *f,
    const struct names_how *how)
{
	static const char *const protocols[] = { "--protocol=9p-proxy",
	    "--protocol=virtiofs" };

	if (how->before != NULL) {
		server_argument(a, "/bin/sh");
		server_argument(a, "-c");
		server_argument(a, "%s; exec \"$0\" \"$@\"", how->before);
	}
	server_argument(a, "%s", names_program(f, how->name));
	server_argument(a, "--worker-path=%s", server_worker_program());
	if (how->name < NAMES_HELPER)
		server_argument(a, "%s", protocols[how->name]);
	if (how->name == NAMES_HELPER) {
		server_argument(a, "--path=%s", f->share[0].dir);
		server_argument(a, "--socket=%s", names_socket(f));
		server_argument(a, "--uid=0");
		server_argument(a, "--gid=0");
		if (!how->daemonize)
			server_argument(a, "--nodaemon");
	} else {
		server_argument(a, "--shared-dir=%s", f->share[0].dir);
		server_argument(a, "--socket-path=%s", names_socket(f));
		if (how->daemonize)
			server_argument(a, "--daemonize");
	}
	for (size_t i = 0; i < 4 && how->extra[i] != NULL; i++)
		server_argument(a, "%s", how->extra[i]);
}

/* The daemon has become our child: the fixture is a subreaper. */
static void
names_follow(struct named *d, const char *label)
{
	pid_t found[PROCS_MAX];
	struct proc_status st;
	size_t count;

	if (!tap_is_int(server_wait_or_kill(d->pid, SERVER_TIMEOUT_MS), 0,
	    "%s: exit status of the command", label))
		tap_diag("%s", server_log_text(d->log_fd));
	d->pid = -1;
	count = procs_descendants(getpid(), found, PROCS_MAX);
	for (size_t i = 0; i < count && d->pid == -1; i++)
		if (procs_read_status(found[i], 0, &st) == 0 &&
		    st.ppid == getpid())
			d->pid = found[i];
	tap_ok(d->pid > 0, "%s: a daemon runs", label);
}

void
names_start(struct named *d, const struct fixture *f,
    const struct names_how *how)
{
	struct server_arguments a = { .count = 0 };

	names_command_line(&a, f, how);
	d->pid = server_spawn(a.argv, -1, -1, &d->log_fd);
	if (how->daemonize)
		names_follow(d, names_label(how->name));
}

int
names_wait_log(const struct named *d, const char *text)
{
	return server_wait_log(d->log_fd, text);
}

void
names_end(struct named *d, int want, const char *what)
{
	int got = d->pid > 0 ? server_wait_or_kill(d->pid,
	    SERVER_TIMEOUT_MS) : SERVER_HUNG;

	if (!tap_is_int(got, want, "%s: exit status", what))
		tap_diag("%s", server_log_text(d->log_fd));
	close(d->log_fd);
	tap_is_int(procs_wait_gone(getpid(), SERVER_TIMEOUT_MS), 0,
	    "%s: no process is left", what);
}
