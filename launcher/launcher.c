/*
 * SPDX-License-Identifier: ISC
 *
 * The launcher.  Once both children are up it has no capability (CAP_KILL where
 * no pid namespace ends the worker) and some
 * twenty system calls.  It reads log lines from its children, of which the
 * worker may be hostile, and never anything from the front-end.
 */
#include "config.h"

#include "launcher/launcher.h"

#include <sys/wait.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/lane.h"
#include "launcher/children.h"
#include "launcher/daemon.h"
#include "launcher/last_words.h"
#include "launcher/listener.h"
#include "launcher/pid_file.h"

#define LAUNCHER_START_S	60	/* for both sandboxes to come up */
#define LAUNCHER_STOP_S		2	/* for what was begun to be finished */
#define LAUNCHER_CAUSE_MS	200	/* for the monitor's death to show */
#define LAUNCHER_MESSAGES	512	/* of a child at a time: more than
					   its socket holds */

/* Which children are ready. */
#define READY_MONITOR	0x1
#define READY_WORKER	0x2
#define READY_BOTH	(READY_MONITOR | READY_WORKER)

struct launcher {
	struct options			*options;
	struct daemon			 daemon;
	struct listener			 listener;
	struct pid_file			 pid_file;
	struct child			 monitor;
	struct child			 worker;
	/* Of 9p-proxy, for the last words: */
	int				 connection;	/* front-end, or -1 */
	const struct lane_shared	*watch;		/* or NULL */
	bool				 starting;	/* until both are */
	unsigned int			 ready;		/* READY_* */
	bool				 accepted;	/* the one connection */
	bool				 stopping;	/* by a signal */
	bool				 over;
	struct event_base		*base;
	struct event			*accept;	/* NULL: connected */
	struct log_limit		 worker_lines;
};

static int
launcher_open_share(const char *dir)
{
	int fd;

	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || faccessat(fd, ".", R_OK | X_OK, AT_EACCESS) == -1) {
		log_error("shared directory %s: %s", dir, strerror(errno));
		return -errno;
	}
	return fd;
}

/*
 * Writes the lines that a child has sent, and notes when it is ready.  Not
 * without a bound: a worker may send faster than this reads.  Returns false if
 * the child's end is closed.
 */
static bool
launcher_read(struct launcher *l, struct child *child)
{
	struct channel_message message;
	int i, len = 0;

	for (i = 0; i < LAUNCHER_MESSAGES; i++) {
		len = channel_receive(child->channel, &message, NULL, 0, NULL);
		if (len < 0)
			break;
		if (message.type == CHANNEL_READY) {
			l->ready |= child == &l->worker ? READY_WORKER :
			    READY_MONITOR;
			continue;
		}
		if (message.type != CHANNEL_LOG ||
		    message.arg > LOG_LEVEL_TRACE)
			continue;
		/* Who asks for more than INFO wants all of it. */
		log_relay(child == &l->worker &&
		    message.arg <= LOG_LEVEL_INFO ? &l->worker_lines : NULL,
		    (enum log_level)message.arg, child->name, message.data,
		    (size_t)len);
	}
	return len != -ENODATA;
}

/* Says how a child ended. */
static void
launcher_report(const struct child *child)
{
	int status = child->status;

	if (WIFSIGNALED(status))
		log_error("the %s was killed by signal %d (%s)", child->name,
		    WTERMSIG(status), WTERMSIG(status) == SIGSYS ?
		    "a system call that its sandbox forbids" :
		    strsignal(WTERMSIG(status)));
	else
		/* Status 1 has been explained by the child itself. */
		log_msg(WEXITSTATUS(status) == 1 ? LOG_LEVEL_INFO :
		    LOG_LEVEL_ERROR, "the %s ended with status %d",
		    child->name, WEXITSTATUS(status));
}

static void
launcher_finish(struct launcher *l)
{
	l->over = true;
	event_base_loopbreak(l->base);
}

static void
on_child(evutil_socket_t signo, short what, void *arg)
{
	struct launcher *l = arg;

	(void)signo;
	(void)what;
	if (spawn_reap(&l->monitor) || spawn_reap(&l->worker))
		launcher_finish(l);
}

static void
on_terminate(evutil_socket_t signo, short what, void *arg)
{
	const struct timeval grace = { .tv_sec = LAUNCHER_STOP_S };
	struct launcher *l = arg;

	(void)what;
	if (l->stopping) {
		launcher_finish(l);
		return;
	}
	log_info("signal %d: ending", signo);
	l->stopping = true;
	if (!l->starting)
		daemon_ending(&l->daemon);
	channel_send(l->worker.channel, CHANNEL_STOP, 0, NULL, 0, NULL, 0);
	event_base_loopexit(l->base, &grace);
}

static void
on_channel(evutil_socket_t fd, short what, void *arg)
{
	struct launcher *l = arg;

	(void)what;
	/* What is closed is readable for ever; SIGCHLD tells the rest. */
	if (!launcher_read(l, fd == l->monitor.channel ? &l->monitor :
	    &l->worker))
		event_del(event_base_get_running_event(l->base));
	if (!l->starting)
		return;
	if (spawn_reap(&l->monitor) || spawn_reap(&l->worker))
		launcher_finish(l);
	if (l->ready == READY_BOTH)
		event_base_loopbreak(l->base);
}

static int
launcher_connect(struct launcher *l)
{
	char peer[64];
	int error, fd;

	fd = listener_accept(&l->listener);
	if (fd < 0)
		return fd;
	l->accepted = true;
	listener_peer(fd, !l->options->sandbox.user_namespace, peer,
	    sizeof(peer));
	error = channel_send(l->worker.channel, CHANNEL_CONNECTION, 0, NULL, 0,
	    &fd, 1);
	if (error != 0)
		log_error("cannot hand over the connection: %s",
		    strerror(-error));
	else {
		log_info("front-end connected: %s", peer);
		daemon_serving(&l->daemon, peer);
	}
	if (l->watch != NULL)
		l->connection = fd;	/* both hold it */
	else
		close(fd);
	return error;
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct launcher *l = arg;
	int error;

	(void)fd;
	(void)what;
	error = launcher_connect(l);
	if (!l->accepted && (error == -EAGAIN || error == -EINTR ||
	    error == -ECONNABORTED))
		return;
	/* Before it is closed: it may be open elsewhere, see epoll(7). */
	event_del(l->accept);
	listener_close(&l->listener);
	if (error == 0)
		return;
	if (!l->accepted)
		log_error("accept: %s", strerror(-error));
	launcher_finish(l);
}

/* An event base that the environment has no say in. */
static struct event_base *
launcher_new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config != NULL && event_config_set_flag(config,
	    EVENT_BASE_FLAG_IGNORE_ENV) == 0)
		base = event_base_new_with_config(config);
	if (config != NULL)
		event_config_free(config);
	return base;
}

static int
launcher_make_events(struct launcher *l)
{
	const struct {
		int			fd;
		short			what;
		event_callback_fn	call;
	} rows[] = {
		{ SIGTERM, EV_SIGNAL, on_terminate },
		{ SIGINT, EV_SIGNAL, on_terminate },
		{ SIGHUP, EV_SIGNAL, on_terminate },
		{ SIGCHLD, EV_SIGNAL, on_child },
		{ l->monitor.channel, EV_READ, on_channel },
		{ l->worker.channel, EV_READ, on_channel },
	};
	struct event *event;
	size_t i;

	l->base = launcher_new_base();
	if (l->base == NULL)
		return -ENOMEM;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		event = event_new(l->base, rows[i].fd,
		    (short)(rows[i].what | EV_PERSIST), rows[i].call, l);
		if (event == NULL || event_add(event, NULL) == -1)
			return -ENOMEM;
	}
	if (!l->listener.listening)
		return 0;
	/* Added when the sandboxes are on. */
	l->accept = event_new(l->base, l->listener.fd, EV_READ | EV_PERSIST,
	    on_accept, l);
	return l->accept == NULL ? -ENOMEM : 0;
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct launcher *l = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(l->base);
}

/* Waits until both children say that their sandbox is on. */
static int
launcher_wait_ready(struct launcher *l)
{
	const struct timeval limit = { .tv_sec = LAUNCHER_START_S };
	struct event *timer;

	timer = evtimer_new(l->base, on_late, l);
	if (timer == NULL || event_add(timer, &limit) == -1)
		return -ENOMEM;
	l->starting = true;
	event_base_dispatch(l->base);
	l->starting = false;
	event_free(timer);
	if (l->ready == READY_BOTH && !l->over)
		return 0;
	if (!l->over && !l->stopping)
		log_error("the children are not ready after %d seconds",
		    LAUNCHER_START_S);
	return -ECHILD;
}

static int
launcher_lock_down(const struct sandbox_config *sandbox)
{
	int error;

	error = privdrop_common();
	if (error == 0)
		error = caps_drop(caps_launcher(sandbox));
	if (error == 0)
		error = seccomp_enter(SANDBOX_LAUNCHER, sandbox);
	return error;
}

/* Everything up to the daemon being ready.  Returns 0 or -errno, logged. */
static int
launcher_start(struct launcher *l)
{
	struct options *options = l->options;
	int error, share_fd;

	share_fd = launcher_open_share(options->shared_dir);
	if (share_fd < 0)
		return share_fd;
	error = listener_open(&l->listener, options);
	if (error == 0)
		error = daemon_begin(&l->daemon, options);
	if (error == 0 && options->pid_file != NULL)
		error = pid_file_write(&l->pid_file, options->pid_file,
		    l->daemon.pid);
	if (error == 0)
		error = children_start(options, share_fd, &l->monitor,
		    &l->worker, &l->watch);
	close(share_fd);
	if (error == 0) {
		error = launcher_make_events(l);
		if (error != 0)
			log_error("event loop: %s", strerror(-error));
	}
	spawn_hold_signals(SIG_UNBLOCK);
	if (error == 0)
		error = launcher_wait_ready(l);
	if (error == 0)
		error = daemon_detach(&l->daemon, options);
	if (error == 0)
		error = launcher_lock_down(&options->sandbox);
	return error;
}

static int
launcher_serve(struct launcher *l)
{
	int error = 0;

	sandbox_warn(&l->options->sandbox);
	log_info("ready: sharing %s by %s; launcher %d, monitor %d, "
	    "worker %d", l->options->shared_dir, l->options->protocol ==
	    WORKER_PROTOCOL_VIRTIOFS ? "virtio-fs" : "9p-proxy",
	    l->daemon.pid, l->monitor.pid, l->worker.pid);
	daemon_ready(&l->daemon, l->options, l->listener.listening);
	if (l->accept == NULL)
		error = launcher_connect(l);
	else if (event_add(l->accept, NULL) == -1)
		error = -ENOMEM;
	if (error == 0)
		event_base_dispatch(l->base);
	return error;
}

/*
 * Waits for the end of a child that ends or was killed; for a bounded time,
 * because a system call of the monitor's may hang in a file server.
 */
static bool
launcher_wait(struct child *child, int milliseconds)
{
	struct pollfd end = { .fd = child->pidfd, .events = POLLIN };

	if (end.fd != -1)
		while (poll(&end, 1, milliseconds) == -1 && errno == EINTR)
			continue;
	return spawn_reap(child);
}

/*
 * A worker that did not end well most times ended for the monitor's death,
 * which then is about to be reaped and is what should be reported.
 */
static bool
launcher_monitor_died(struct launcher *l, bool worker_died)
{
	return launcher_wait(&l->monitor, worker_died &&
	    l->worker.status != 0 ? LAUNCHER_CAUSE_MS : 0);
}

/* Ends what still runs.  Returns the daemon's exit status. */
static int
launcher_end(struct launcher *l)
{
	bool worker_died = spawn_reap(&l->worker);
	bool monitor_died = launcher_monitor_died(l, worker_died);
	bool served = l->ready == READY_BOTH;
	int status = 1;

	/* A monitor's death takes the worker with it at once, or nearly so. */
	if (worker_died && !monitor_died && l->worker.status == 0 && served)
		status = 0;
	if (served && !l->stopping)
		daemon_ending(&l->daemon);
	if (l->monitor.channel != -1)
		launcher_read(l, &l->monitor);
	if (l->worker.channel != -1)
		launcher_read(l, &l->worker);
	if (monitor_died)
		launcher_report(&l->monitor);
	else if (worker_died && (l->worker.status != 0 || !served))
		launcher_report(&l->worker);
	if (l->stopping && !monitor_died && served)
		status = 0;

	/* With its channel gone a worker ends, if nothing else ends it. */
	if (l->worker.channel != -1)
		close(l->worker.channel);
	spawn_kill(&l->worker);
	spawn_kill(&l->monitor);
	launcher_wait(&l->worker, LAUNCHER_STOP_S * 1000);
	if (l->connection != -1)
		last_words(l->connection, l->watch, status != 0 || l->stopping);
	launcher_wait(&l->monitor, LAUNCHER_STOP_S * 1000);
	listener_close(&l->listener);
	pid_file_remove(&l->pid_file);
	return status;
}

int
launcher_run(struct options *options)
{
	struct launcher l = {
		.options = options,
		.listener = { .fd = -1, .own = { .dir_fd = -1 } },
		.pid_file = PID_FILE_NONE,
		.monitor = { .name = "monitor", .pidfd = -1, .channel = -1 },
		.worker = { .name = "worker", .pidfd = -1, .channel = -1 },
		.connection = -1,
		.worker_lines = { .burst = 100, .interval_ms = 1000 }
	};
	int error, status;

	/* Until daemon_detach(), so that a failed start is seen. */
	log_init(options->log_level, NULL, NULL);
	spawn_hold_signals(SIG_BLOCK);
	error = launcher_start(&l);
	if (error == 0)
		error = launcher_serve(&l);
	status = launcher_end(&l);
	if (status == 0)
		log_info("ended");
	return error != 0 ? 1 : status;
}
