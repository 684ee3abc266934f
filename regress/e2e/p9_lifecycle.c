/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: how a server starts and ends. Inherited and named sockets, the
 * client's end, signals, as a daemon, by the helper's name.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9_suite.h"
#include "procs.h"

static char socket_path[108];

static void
is_alone(void)
{
	tap_is_int(procs_wait_gone(getpid(), SERVER_TIMEOUT_MS), 0,
	    "no process is left");
}

static void
start(struct p9_env *e, const char *path)
{
	struct server_options o = { .kind = server_kind_from_env(),
	    .share = e->share->dir, .socket_path = path };

	p9_env_start(e, &o);
}

static void
test_inherited(struct p9_env *e)
{
	struct p9_stat st;

	tap_context("inherited socket: ");
	start(e, NULL);
	is_result(p9_lstat(&e->c, "/", &st), 0, "it serves");
	if (e->srv.kind != SERVER_HELPER)
		tap_ok(strstr(server_log_text(e->srv.log_fd), "ready") !=
		    NULL, "the log says that it is ready");
	tap_is_int(p9_env_stop(e), 0, "exit status after the client's end");
	is_alone();
}

/* The client is gone before the server looks: an end, not an error. */
static void
test_gone_at_once(struct p9_env *e)
{
	struct server_options o = { .kind = server_kind_from_env(),
	    .share = e->share->dir };

	tap_context("client gone at once: ");
	if (server_start(&e->srv, &o) != 0)
		tap_bail("start");
	tap_is_int(p9_env_stop(e), 0, "exit status");
	is_alone();
}

/* The client leaves without taking its last answer. */
static void
test_gone_unread(struct p9_env *e)
{
	struct p9_msg m;

	tap_context("client gone with an answer unread: ");
	start(e, NULL);
	if (differs(e, "D9")) {
		p9_env_stop(e);
		return;
	}
	p9_msg_start(&m, P9_LSTAT);
	p9_msg_path(&m, "/");
	p9_msg_finish(&m);
	is_result(p9_send(&e->c, m.buf, m.len, 0), 0, "sent");
	tap_is_int(p9_env_stop(e), 0, "exit status");
	is_alone();
}

static void
test_named(struct p9_env *e)
{
	tap_context("named socket: ");
	start(e, socket_path);
	tap_is_int(p9_env_stop(e), 0, "exit status");
	if (!differs(e, "D9"))
		tap_ok(!host_exists(socket_path), "no socket file is left");
	unlink(socket_path);
	is_alone();
}

/* QEMU removes the socket itself; the name may be another's by then. */
static void
test_unlinked(struct p9_env *e)
{
	struct p9_stat st;

	tap_context("socket unlinked by the client: ");
	start(e, socket_path);
	unlink(socket_path);
	is_result(p9_lstat(&e->c, "/", &st), 0, "it serves");
	host_write(socket_path, "of another", 0600, 0, 0);
	tap_is_int(p9_env_stop(e), 0, "exit status");
	tap_is_str(host_read(socket_path), "of another",
	    "a file of the same name stays");
	unlink(socket_path);
	is_alone();
}

static void
test_signal(struct p9_env *e, int number, const char *path)
{
	int status;

	tap_context("signal %d, %s socket: ", number,
	    path != NULL ? "named" : "inherited");
	start(e, path);
	kill(e->srv.pid, number);
	status = server_wait(e->srv.pid, SERVER_TIMEOUT_MS);
	tap_ok(status != SERVER_HUNG, "it ends, status %d", status);
	is_result(p9_receive_eof(&e->c), 0, "the client sees the end");
	if (number != SIGKILL)
		tap_ok(!host_exists(socket_path), "no socket file is left");
	unlink(socket_path);
	is_alone();
	e->srv.pid = -1;
	p9_env_stop(e);
}

/* A signal while nobody has connected yet. */
static void
test_signal_early(struct p9_env *e)
{
	const char *argv[] = { server_program(SERVER_PRIVFSD),
	    "--protocol=9p-proxy", "--shared-dir", e->share->dir,
	    "--socket-path", socket_path, "--worker-path",
	    server_worker_program(), NULL };
	long long end = procs_now_ms() + SERVER_TIMEOUT_MS;
	int log_fd, status;
	struct stat st;
	pid_t pid;

	tap_context("SIGTERM before a client: ");
	pid = server_spawn(argv, -1, -1, &log_fd);
	while (!host_exists(socket_path) && procs_now_ms() < end)
		procs_sleep_us(1000);
	host_lstat(socket_path, &st);
	tap_ok(S_ISSOCK(st.st_mode) && (st.st_mode & 077) == 0,
	    "the socket is for its owner, mode %o", st.st_mode & 07777);
	kill(pid, SIGTERM);
	status = server_wait_or_kill(pid, SERVER_TIMEOUT_MS);
	tap_ok(status != SERVER_HUNG, "it ends, status %d", status);
	tap_ok(!host_exists(socket_path), "no socket file is left");
	unlink(socket_path);
	close(log_fd);
	is_alone();
}

/* Only one client, and it is the first that connects. */
static void
test_second_client(struct p9_env *e)
{
	struct p9_stat st;
	struct p9_client other = { .timeout_ms = 200 };

	tap_context("second client: ");
	start(e, socket_path);
	other.fd = server_connect(socket_path, 0);
	if (other.fd >= 0) {
		tap_ok(p9_lstat(&other, "/", &st) != 0, "is not served");
		close(other.fd);
	} else
		tap_ok(1, "cannot connect");
	is_result(p9_lstat(&e->c, "/", &st), 0, "the first is served");
	tap_is_int(p9_env_stop(e), 0, "exit status");
	unlink(socket_path);
	is_alone();
}

/* Takes the place of the client of a daemon that nobody started directly. */
static void
use_daemon(struct p9_env *e, pid_t daemon_pid)
{
	struct p9_stat st;

	e->c.fd = server_connect(socket_path, SERVER_TIMEOUT_MS);
	e->c.timeout_ms = SERVER_TIMEOUT_MS;
	is_result(p9_lstat(&e->c, "/", &st), 0, "it serves");
	close(e->c.fd);
	tap_is_int(server_wait(daemon_pid, SERVER_TIMEOUT_MS), 0,
	    "exit status of the daemon");
	tap_ok(!host_exists(socket_path), "no socket file is left");
	is_alone();
}

/* The daemon is our child once its parents are gone. */
static pid_t
adopted(void)
{
	pid_t found[PROCS_MAX];
	size_t count = procs_descendants(getpid(), found, PROCS_MAX);
	struct proc_status st;

	for (size_t i = 0; i < count; i++)
		if (procs_read_status(found[i], 0, &st) == 0 &&
		    st.ppid == getpid())
			return found[i];
	return -1;
}

static void
is_owned(uid_t uid, gid_t gid)
{
	struct stat st;

	host_lstat(socket_path, &st);
	tap_ok(S_ISSOCK(st.st_mode) && st.st_uid == uid && st.st_gid == gid,
	    "the socket belongs to %u:%u", st.st_uid, st.st_gid);
	tap_ok((st.st_mode & 0600) == 0600 && (st.st_mode & 02) == 0,
	    "its mode is %o", st.st_mode & 07777);
}

static void
test_dropin_daemon(struct p9_env *e)
{
	const char *argv[] = { server_program(SERVER_DROPIN), "-p", "share",
	    "-s", socket_path, "-u", "12", "-g", "34", "--worker-path",
	    server_worker_program(), NULL };
	int log_fd;
	pid_t pid;

	tap_context("daemon by the helper's name: ");
	/* D17: a relative path means the directory of the start. */
	if (chdir(e->share->dir) != 0 || chdir("..") != 0)
		tap_bail("chdir");
	pid = server_spawn(argv, -1, -1, &log_fd);
	if (!tap_is_int(server_wait(pid, SERVER_TIMEOUT_MS), 0,
	    "exit status of the command"))
		tap_diag("%s", server_log_text(log_fd));
	tap_ok(host_exists(socket_path), "the socket is there by then");
	is_owned(12, 34);
	use_daemon(e, adopted());
	close(log_fd);
}

static void
test_dropin_failure(struct p9_env *e)
{
	const char *argv[] = { server_program(SERVER_DROPIN), "-p",
	    "/no/such/directory", "-s", socket_path, "-u", "12", "-g", "34",
	    "--worker-path", server_worker_program(), NULL };
	int log_fd, status;

	(void)e;
	tap_context("daemon that cannot start: ");
	status = server_wait_or_kill(server_spawn(argv, -1, -1, &log_fd),
	    SERVER_TIMEOUT_MS);
	tap_ok(status == 1 || status == 2, "the command fails, status %d",
	    status);
	tap_ok(strstr(server_log_text(log_fd), "/no/such/directory") != NULL,
	    "and says why");
	tap_ok(!host_exists(socket_path), "no socket file is left");
	close(log_fd);
	is_alone();
}

static void
test_dropin_fd(struct p9_env *e, const char *option)
{
	const char *argv[] = { server_program(SERVER_DROPIN), "-n", option,
	    "9", "--path", e->share->dir, "--worker-path",
	    server_worker_program(), NULL };
	struct p9_stat st;
	int pair[2], log_fd;
	pid_t pid;

	tap_context("helper's name, %s: ", option);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		tap_bail("socketpair");
	pid = server_spawn(argv, pair[1], 9, &log_fd);
	close(pair[1]);
	e->c = (struct p9_client){ .fd = pair[0],
	    .timeout_ms = SERVER_TIMEOUT_MS };
	if (!is_result(p9_lstat(&e->c, "/", &st), 0, "it serves"))
		tap_diag("%s", server_log_text(log_fd));
	close(pair[0]);
	tap_is_int(server_wait(pid, SERVER_TIMEOUT_MS), 0, "exit status");
	close(log_fd);
	is_alone();
}

static void
test_daemonize(struct p9_env *e)
{
	char pid_file[160];
	const char *argv[] = { server_program(SERVER_PRIVFSD),
	    "--protocol=9p-proxy", "--shared-dir", e->share->dir,
	    "--socket-path", socket_path, "--worker-path",
	    server_worker_program(), "--daemonize", "--pid-file", pid_file,
	    NULL };
	int log_fd;
	pid_t pid;

	tap_context("--daemonize --pid-file: ");
	snprintf(pid_file, sizeof(pid_file), "%s/pid", e->share->outside);
	pid = server_spawn(argv, -1, -1, &log_fd);
	if (!tap_is_int(server_wait(pid, SERVER_TIMEOUT_MS), 0,
	    "exit status of the command"))
		tap_diag("%s", server_log_text(log_fd));
	pid = adopted();
	tap_ok(pid > 0, "a daemon runs");
	tap_is_int(atoi(host_read(pid_file)), pid, "the pid file names it");
	use_daemon(e, pid);
	unlink(pid_file);
	close(log_fd);
}

static void
body(struct fixture *f)
{
	struct p9_env e = { .share = &f->share[0], .test = "" };

	snprintf(socket_path, sizeof(socket_path), "%s/socket", f->base);
	test_inherited(&e);
	test_gone_at_once(&e);
	test_gone_unread(&e);
	test_named(&e);
	test_unlinked(&e);
	test_second_client(&e);
	tap_context("%s", "");
	if (server_kind_from_env() == SERVER_HELPER)
		return;
	test_signal(&e, SIGTERM, NULL);
	test_signal(&e, SIGINT, NULL);
	test_signal(&e, SIGTERM, socket_path);
	test_signal(&e, SIGKILL, socket_path);
	test_signal_early(&e);
	test_dropin_daemon(&e);
	test_dropin_failure(&e);
	test_dropin_fd(&e, "-f");
	test_dropin_fd(&e, "-i");
	test_dropin_fd(&e, "--fd");
	test_daemonize(&e);
	tap_context("%s", "");
}

int
main(void)
{
	return fixture_main(body, 180);
}
