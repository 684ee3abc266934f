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
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/lane.h"
#include "common/log.h"
#include "sandbox/sandbox.h"
#include "worker/p9_conn.h"
#include "worker/virtiofs.h"

#define MAIN_EXIT_USAGE		2

/*
 * A 9p-proxy worker opens nothing.  But sendmsg(2) compares the descriptors
 * that all of a user's processes have in flight with this limit (unix(7),
 * ETOOMANYREFS), and other workers have the same user.
 */
#define MAIN_NOFILE		65536

/*
 * Descriptors that are no data fds: two of each lane, for each queue three of
 * its event loop, one to wake it and three of the front-end's; and some in
 * flight.
 */
#define MAIN_NOFILE_RESERVE	640
#define MAIN_NOFILE_MIN		(MAIN_NOFILE_RESERVE + 128)

/* Bytes, far more than used. */
#define MAIN_MEMORY_9P_PROXY	(64 << 20)
#define MAIN_MEMORY_VIRTIOFS	(256 << 20)

/* A callback may start one more request while its own slot is still taken. */
#define MAIN_SLOTS_MIN		2

_Static_assert(WORKER_VIRTIOFS_LANES == VIRTIOFS_LANES, "one number");

struct worker {
	int			channel;
	struct worker_config	config;
	struct lane		lanes[WORKER_VIRTIOFS_LANES];
	struct p9_conn		conn;		/* 9p-proxy */
	struct virtiofs		*virtiofs;	/* virtio-fs */
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

/* The first message: the configuration. */
static int
main_receive_config(struct worker *worker)
{
	struct worker_config *config = &worker->config;
	struct channel_message message;
	int n;

	n = main_receive(worker, &message, NULL, 0, NULL);
	if (n < 0)
		return main_fail("no configuration from the launcher", n);
	if (message.type != CHANNEL_CONFIG || n != sizeof(*config))
		return main_fail("configuration", -EPROTO);
	memcpy(config, message.data, sizeof(*config));
	if (config->version == MONITOR_PROTO_VERSION)
		return 0;
	log_error("this worker is of version %d, the launcher of %u: they "
	    "must be installed together", MONITOR_PROTO_VERSION,
	    config->version);
	return -EPROTO;
}

/* One message for each lane. */
static int
main_receive_lanes(struct worker *worker)
{
	struct channel_message message;
	int error = 0, fds[3], n;
	size_t i, nfds;

	for (i = 0; i < worker->config.nlanes && error == 0; i++) {
		nfds = 0;
		n = main_receive(worker, &message, fds, 3, &nfds);
		if (n < 0)
			return main_fail("no lane from the launcher", n);
		if (message.type != CHANNEL_LANE || nfds != 3)
			return main_fail("lane", -EPROTO);
		error = lane_attach(&worker->lanes[i], fds[0], fds[1], fds[2],
		    worker->config.nslots);
	}
	return error != 0 ? main_fail("lane", error) : 0;
}

/*
 * 9p-proxy.
 */

static int
main_prepare_9p_proxy(struct worker *worker)
{
	int error;

	error = p9_conn_init(&worker->conn, &worker->lanes[0],
	    worker->channel, worker->config.poll_us);
	return error != 0 ? main_fail("event loop", error) : 0;
}

static int
main_serve_9p_proxy(struct worker *worker, int sock)
{
	return p9_conn_serve(&worker->conn, sock);
}

static void
main_free_9p_proxy(struct worker *worker)
{
	p9_conn_free(&worker->conn);
}

/*
 * virtio-fs.
 */

/* Before capabilities are dropped, one of which raises the hard limit. */
static int
main_raise_nofile(struct worker_fuse_config *fuse)
{
	uint64_t got;
	int error;

	error = privdrop_nofile(fuse->nofile, &got);
	if (error != 0)
		return error;
	if (got < MAIN_NOFILE_MIN) {
		log_error("the limit on open files is %u, virtio-fs needs "
		    "%d at least", (unsigned int)got, MAIN_NOFILE_MIN);
		return -EMFILE;
	}
	fuse->nofile = got - MAIN_NOFILE_RESERVE;
	return 0;
}

static int
main_prepare_virtiofs(struct worker *worker)
{
	int error;

	/*
	 * With more than one arena glibc reads a file of /proc when it gives
	 * memory back, which the sandbox forbids.
	 */
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
#endif
	error = main_raise_nofile(&worker->config.fuse);
	if (error != 0)
		return error;
	worker->virtiofs = virtiofs_new(&worker->config, worker->lanes,
	    worker->channel);
	return worker->virtiofs == NULL ? -ENOMEM : 0;
}

static int
main_serve_virtiofs(struct worker *worker, int sock)
{
	return virtiofs_serve(worker->virtiofs, sock);
}

static void
main_free_virtiofs(struct worker *worker)
{
	virtiofs_free(worker->virtiofs);
}

/* What depends on the protocol. */
struct protocol {
	uint32_t	nlanes;
	uint64_t	memory;		/* bytes */
	/* Everything that is easier without a sandbox.  0 or -errno. */
	int		(*prepare)(struct worker *worker);
	/* Takes the connection.  Returns the exit status. */
	int		(*serve)(struct worker *worker, int sock);
	void		(*free)(struct worker *worker);
};

static const struct protocol protocols[] = {
	[WORKER_PROTOCOL_9P_PROXY] = { 1, MAIN_MEMORY_9P_PROXY,
	    main_prepare_9p_proxy, main_serve_9p_proxy, main_free_9p_proxy },
	[WORKER_PROTOCOL_VIRTIOFS] = { WORKER_VIRTIOFS_LANES,
	    MAIN_MEMORY_VIRTIOFS, main_prepare_virtiofs, main_serve_virtiofs,
	    main_free_virtiofs }
};

/* Returns NULL if the configuration is for none that this program has. */
static const struct protocol *
main_protocol(const struct worker_config *config)
{
	const struct protocol *protocol;

	if (config->protocol == 0 ||
	    config->protocol >= sizeof(protocols) / sizeof(protocols[0]))
		return NULL;
	protocol = &protocols[config->protocol];
	return config->nlanes == protocol->nlanes &&
	    config->nslots >= MAIN_SLOTS_MIN ? protocol : NULL;
}

static int
main_prepare(struct worker *worker, const struct protocol *protocol)
{
	int error;

	error = privdrop_close_fds(&worker->channel, 1);
	if (error == 0)
		error = main_receive_lanes(worker);
	if (error != 0)
		return error;
	event_set_log_callback(main_event_log);
	return protocol->prepare(worker);
}

/* A virtio-fs worker has its limit already. */
static int
main_limit(const struct worker *worker, const struct protocol *protocol)
{
	uint64_t nofile;
	int error = 0;

	if (worker->config.protocol == WORKER_PROTOCOL_9P_PROXY)
		error = privdrop_nofile(MAIN_NOFILE, &nofile);
	return error == 0 ? privdrop_memory(protocol->memory) : error;
}

/* Everything that narrows what this process can do, in its order. */
static int
main_lock_down(struct worker *worker, const struct protocol *protocol)
{
	const struct sandbox_config sandbox = {
		.mode = (enum sandbox_mode)worker->config.sandbox_mode,
		.seccomp =
		    (enum seccomp_action)worker->config.seccomp_action,
		.worker_uid = worker->config.uid,
		.worker_gid = worker->config.gid,
		.readonly = worker->config.fuse.readonly,
		.virtiofs =
		    worker->config.protocol == WORKER_PROTOCOL_VIRTIOFS
	};
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
		error = main_limit(worker, protocol);
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
main_serve(struct worker *worker, const struct protocol *protocol)
{
	int error, sock;

	/* Waited for here, so that both sandboxes are made at the same time. */
	error = lane_receive_hello(&worker->lanes[0]);
	if (error != 0) {
		main_fail("no hello from the monitor", error);
		return 1;
	}
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
	return protocol->serve(worker, sock);
}

int
main(void)
{
	static struct worker worker = { .channel = CHANNEL_WORKER_FD };
	const struct protocol *protocol;
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
	protocol = main_protocol(&worker.config);
	if (protocol == NULL) {
		main_fail("configuration", -EPROTONOSUPPORT);
		return 1;
	}
	if (main_prepare(&worker, protocol) != 0 ||
	    main_lock_down(&worker, protocol) != 0)
		return 1;
	status = main_serve(&worker, protocol);
	protocol->free(&worker);
	return status;
}
