/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: worker or monitor is killed in the middle of requests. QEMU takes
 * a connection that closes in place of the 4 bytes owed for T_OPEN and
 * T_CREATE for a descriptor number, so it must be told -EIO first. A reset
 * (the request unread when the socket closes) is an error to QEMU, a plain
 * end is not.
 */
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <linux/sockios.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9_samples.h"
#include "p9_suite.h"
#include "procs.h"

#define ROUNDS		30
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

enum victim { VICTIM_MONITOR, VICTIM_WORKER };

static const char *const victim_name[] = { "monitor", "worker" };

static pid_t
start(struct p9_env *e, enum victim v)
{
	struct server_options o = { .kind = SERVER_PRIVFSD,
	    .share = e->share->dir };
	pid_t monitor, worker;

	p9_env_start(e, &o);
	server_find(e->srv.pid, &monitor, &worker);
	if (monitor < 0 || worker < 0)
		tap_bail("no monitor or no worker is found");
	return v == VICTIM_MONITOR ? monitor : worker;
}

/* A death in the family ends the daemon, with a status that says so. */
static int
end(struct p9_env *e, const char **what)
{
	int status = server_wait(e->srv.pid, SERVER_TIMEOUT_MS);

	if (status == SERVER_HUNG)
		*what = "it does not end";
	else if (status == 0)
		*what = "exit status 0";
	else if (procs_wait_gone(getpid(), SERVER_TIMEOUT_MS) != 0)
		*what = "a process is left";
	if (status != SERVER_HUNG)
		e->srv.pid = -1;
	p9_env_stop(e);
	return *what == NULL;
}

/* Requests until the connection is gone; what came last. */
static int
request_until_gone(struct p9_env *e, uint32_t type, int *answered)
{
	struct p9_msg m;
	int error;

	for (;;) {
		p9_sample(&m, type, "//file", "//other");
		error = p9_exchange(&e->c, &m);
		if (error < -4095)
			return error;
		if (error == -EIO)
			*answered += 1;
	}
}

static void
test_random(struct p9_env *e, enum victim v, uint32_t type)
{
	unsigned int seed = 1 + v * 100 + type;
	int answered = 0, reset = 0, bad = 0;

	tap_context("%s killed during %s: ", victim_name[v],
	    p9_type_name(type));
	for (int round = 0; round < ROUNDS && bad == 0; round++) {
		unsigned int delay = (unsigned int)rand_r(&seed) % 8000;
		pid_t victim = start(e, v), killer;
		const char *what = NULL;
		int result;

		killer = fork();
		if (killer == 0) {
			procs_sleep_us(delay);
			kill(victim, SIGKILL);
			_exit(0);
		}
		result = request_until_gone(e, type, &answered);
		waitpid(killer, NULL, 0);
		/* Where a header is awaited, QEMU knows an end as such. */
		if (result == P9_RESET || result == P9_SEND ||
		    (result == P9_EOF && type != P9_OPEN &&
		    type != P9_CREATE))
			reset++;
		else {
			tap_diag("round %d: %s", round,
			    p9_result_name(result));
			bad++;
		}
		if (!end(e, &what)) {
			tap_diag("round %d: %s", round, what);
			bad++;
		}
	}
	tap_is_int(bad, 0, "no request is left without its answer");
	tap_diag("-EIO answers %d, ends seen in time %d", answered, reset);
}

/* Waits until the server has taken all that was sent, unix(7) SIOCOUTQ. */
static int
wait_taken(int fd)
{
	long long limit = procs_now_ms() + SERVER_TIMEOUT_MS;
	int unread = 1;

	while (ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0) {
		if (procs_now_ms() > limit)
			return -1;
		procs_sleep_us(500);
	}
	return 0;
}

/*
 * The request has been read and cannot be finished, because the monitor is
 * stopped; then one of the two is killed. The answer is owed by now.
 */
static void
test_owed(struct p9_env *e, enum victim v, uint32_t type)
{
	const char *what = NULL;
	struct p9_msg m;
	pid_t monitor, victim;

	tap_context("%s killed, %s is in the monitor: ", victim_name[v],
	    p9_type_name(type));
	victim = start(e, v);
	server_find(e->srv.pid, &monitor, &(pid_t){ 0 });
	if (procs_stop(monitor, SERVER_TIMEOUT_MS) != 0)
		tap_bail("the monitor does not stop");
	p9_sample(&m, type, "//file", "//other");
	p9_send(&e->c, m.buf, m.len, 0);
	tap_is_int(wait_taken(e->c.fd), 0, "the worker has the request");
	/* It may look at it, or not: both moments are interesting. */
	procs_sleep_us(type % 2 ? 3000 : 0);
	kill(victim, SIGKILL);
	is_result(p9_answer(&e->c, &m), -EIO, "-EIO is answered");
	is_result(p9_receive_eof(&e->c), 0, "then the connection ends");
	kill(monitor, SIGCONT);
	tap_ok(end(e, &what), "the daemon ends%s%s", what ? ": " : "",
	    what ? what : "");
}

/* The worker is stopped and never reads the request. */
static void
test_unread(struct p9_env *e, uint32_t type)
{
	const char *what = NULL;
	struct p9_msg m;
	pid_t worker;
	int result;

	tap_context("worker killed, %s is unread: ", p9_type_name(type));
	worker = start(e, VICTIM_WORKER);
	if (procs_stop(worker, SERVER_TIMEOUT_MS) != 0)
		tap_bail("the worker does not stop");
	p9_sample(&m, type, "//file", "//other");
	p9_send(&e->c, m.buf, m.len, 0);
	kill(worker, SIGKILL);
	result = p9_answer(&e->c, &m);
	tap_ok(result == -EIO || result == P9_RESET ||
	    (result == P9_EOF && type != P9_OPEN && type != P9_CREATE),
	    "no plain end of the connection: %s", p9_result_name(result));
	tap_ok(end(e, &what), "the daemon ends%s%s", what ? ": " : "",
	    what ? what : "");
}

/* The log says who it was and why. */
static void
test_log(struct p9_env *e, enum victim v)
{
	const char *log;
	pid_t victim;

	tap_context("%s killed, idle: ", victim_name[v]);
	victim = start(e, v);
	kill(victim, SIGKILL);
	is_result(p9_receive_eof(&e->c), 0, "the connection ends");
	tap_ok(server_wait(e->srv.pid, SERVER_TIMEOUT_MS) > 0,
	    "exit status is not 0");
	e->srv.pid = -1;
	log = server_log_text(e->srv.log_fd);
	if (!tap_ok(strstr(log, victim_name[v]) != NULL &&
	    strstr(log, "signal") != NULL, "the log names it and a signal"))
		tap_diag("%s", log);
	tap_is_int(procs_wait_gone(getpid(), SERVER_TIMEOUT_MS), 0,
	    "no process is left");
	p9_env_stop(e);
}

static void
body(struct fixture *f)
{
	static const uint32_t types[] = { P9_OPEN, P9_CREATE, P9_LSTAT,
	    P9_READLINK, P9_STATFS, P9_LGETXATTR, P9_MKDIR, P9_GETVERSION };
	struct p9_env e = { .share = &f->share[0], .test = "" };

	if (server_kind_from_env() == SERVER_HELPER)
		tap_skip_all("the helper is one process");
	host_write(host(&e, "file"), "x", 0600, 0, 0);
	for (enum victim v = VICTIM_MONITOR; v <= VICTIM_WORKER; v++) {
		test_log(&e, v);
		for (size_t i = 0; i < COUNT(types); i++)
			test_owed(&e, v, types[i]);
		test_random(&e, v, P9_OPEN);
		test_random(&e, v, P9_CREATE);
		test_random(&e, v, P9_LSTAT);
	}
	for (size_t i = 0; i < 4; i++)
		test_unread(&e, types[i]);
	tap_context("%s", "");
}

int
main(void)
{
	return fixture_main(body, 300);
}
