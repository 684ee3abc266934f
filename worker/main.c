/*
 * SPDX-License-Identifier: ISC
 *
 * The worker's process: takes its configuration from the launcher, locks itself
 * up, and only then gets the front-end's socket and serves it.  Has no
 * privilege from then on; all that is hostile is parsed here.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/lane.h"
#include "common/log.h"
#include "sandbox/sandbox.h"
#include "worker/p9_conn.h"

#define MAIN_EXIT_USAGE		2

/*
 * The worker opens nothing.  But sendmsg(2) compares the descriptors that all
 * of a user's processes have in flight with this limit (unix(7), ETOOMANYREFS),
 * and other workers have the same user.
 */
#define MAIN_NOFILE		65536

#define MAIN_MEMORY		(64 << 20)	/* bytes, far more than used */

/* A callback may start one more request while its own slot is still taken. */
#define MAIN_SLOTS_MIN		2

struct worker {
	int			channel;
	struct worker_config	config;
	int			memory_fd;
	int			lane_sock;
	struct lane		lane;
	struct p9_conn		conn;
};

static void
main_event_log(int severity, const char *text)
{
	log_msg(severity == EVENT_LOG_ERR ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG,
	    "libevent: %s", text);
}

/* Returns whether `fd` may be the launcher's channel. */
static bool
main_is_channel(int fd)
{
	int domain = 0, type = 0;
	socklen_t domain_len = sizeof(domain), type_len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain,
	    &domain_len) == 0 && domain == AF_UNIX &&
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 &&
	    type == SOCK_SEQPACKET;
}

static int
main_fail(const char *what, int error)
{
	log_error("%s: %s", what, strerror(-error));
	return error;
}

/* Waits for one message, with up to `nfds` descriptors. */
static int
main_receive(struct worker *worker, struct channel_message *message, int *fds,
    size_t nfds, size_t *nfds_out)
{
	int n;

	do {
		n = channel_receive(worker->channel, message, fds, nfds,
		    nfds_out);
	} while (n == -EINTR);
	return n;
}

/* The first message: the configuration and both halves of the lane. */
static int
main_receive_config(struct worker *worker)
{
	struct worker_config *config = &worker->config;
	struct channel_message message;
	int fds[2], n;
	size_t nfds = 0;

	n = main_receive(worker, &message, fds, 2, &nfds);
	if (n < 0)
		return main_fail("no configuration from the launcher", n);
	if (message.type != CHANNEL_CONFIG || n != sizeof(*config) ||
	    nfds != 2)
		return main_fail("configuration", -EPROTO);
	memcpy(config, message.data, sizeof(*config));
	worker->memory_fd = fds[0];
	worker->lane_sock = fds[1];
	if (config->version == MONITOR_PROTO_VERSION)
		return 0;
	log_error("this worker is of version %d, the launcher of %u: they "
	    "must be installed together", MONITOR_PROTO_VERSION,
	    config->version);
	return -EPROTO;
}

/* Everything that is easier without a sandbox. */
static int
main_prepare(struct worker *worker)
{
	const struct worker_config *config = &worker->config;
	const int keep[] = { worker->channel, worker->memory_fd,
	    worker->lane_sock };
	int error;

	if (config->protocol != WORKER_PROTOCOL_9P_PROXY ||
	    config->nslots < MAIN_SLOTS_MIN)
		return main_fail("configuration", -EPROTONOSUPPORT);
	error = privdrop_close_fds(keep, sizeof(keep) / sizeof(keep[0]));
	if (error != 0)
		return error;
	error = lane_attach(&worker->lane, worker->memory_fd,
	    worker->lane_sock, config->nslots);
	if (error != 0)
		return main_fail("lane", error);
	error = lane_receive_hello(&worker->lane);
	if (error != 0)
		return main_fail("no hello from the monitor", error);
	event_set_log_callback(main_event_log);
	error = p9_conn_init(&worker->conn, &worker->lane, worker->channel,
	    config->poll_us);
	return error != 0 ? main_fail("event loop", error) : 0;
}

/* Everything that narrows what this process can do, in its order. */
static int
main_lock_down(struct worker *worker)
{
	const struct sandbox_config sandbox = {
		.mode = (enum sandbox_mode)worker->config.sandbox_mode,
		.seccomp =
		    (enum seccomp_action)worker->config.seccomp_action,
		.worker_uid = worker->config.uid,
		.worker_gid = worker->config.gid,
	};
	uint64_t nofile;
	int error;

	error = namespace_enter_empty(sandbox.mode);
	if (error == 0)
		error = privdrop_common();
	if (error == 0)
		error = privdrop_ids(sandbox.worker_uid, sandbox.worker_gid);
	if (error == 0)
		error = caps_drop(0);
	if (error == 0)
		error = privdrop_die_with_parent(worker->channel);
	if (error == 0)
		error = privdrop_nofile(MAIN_NOFILE, &nofile);
	if (error == 0)
		error = privdrop_memory(MAIN_MEMORY);
	if (error == 0)
		error = seccomp_enter(SANDBOX_WORKER, &sandbox);
	return error;
}

/*
 * Waits for the front-end's socket.  Returns it, -ECANCELED if the launcher
 * says stop instead, or -errno.
 */
static int
main_receive_connection(struct worker *worker)
{
	struct channel_message message;
	size_t nfds = 0;
	int fd, n;

	n = main_receive(worker, &message, &fd, 1, &nfds);
	if (n < 0)
		return n;
	if (message.type == CHANNEL_STOP && nfds == 0)
		return -ECANCELED;
	if (message.type == CHANNEL_CONNECTION && nfds == 1)
		return fd;
	return -EPROTO;
}

/* Returns the exit status. */
static int
main_serve(struct worker *worker)
{
	int error, sock;

	error = channel_send(worker->channel, CHANNEL_READY, 0, NULL, 0, NULL,
	    0);
	if (error != 0) {
		main_fail("cannot say that it is ready", error);
		return 1;
	}
	sock = main_receive_connection(worker);
	if (sock == -ECANCELED)
		return 0;
	if (sock < 0) {
		main_fail("no connection from the launcher", sock);
		return 1;
	}
	return p9_conn_serve(&worker->conn, sock);
}

int
main(void)
{
	static struct worker worker = { .channel = CHANNEL_WORKER_FD };
	int status;

	if (!main_is_channel(worker.channel)) {
		fputs("privfsd-worker: this program is started by privfsd, "
		    "not by hand\n", stderr);
		return MAIN_EXIT_USAGE;
	}
	log_init(LOG_LEVEL_INFO, channel_log, &worker.channel);
	if (main_receive_config(&worker) != 0)
		return 1;
	log_init((enum log_level)worker.config.log_level, channel_log,
	    &worker.channel);
	if (main_prepare(&worker) != 0 || main_lock_down(&worker) != 0)
		return 1;
	status = main_serve(&worker);
	p9_conn_free(&worker.conn);
	lane_detach(&worker.lane);
	return status;
}
