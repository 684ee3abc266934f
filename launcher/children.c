/*
 * SPDX-License-Identifier: ISC
 *
 * Starting the children.  Runs in the launcher before it drops its rights; all
 * that monitor and worker will ever know they are told here.
 */
#include "config.h"

#include "launcher/children.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/channel.h"
#include "launcher/rights.h"
#include "monitor/monitor.h"

#define CHILDREN_SEND_MS	10000	/* for the worker to read on */

_Static_assert(WORKER_VIRTIOFS_LANES <= MONITOR_LANES_MAX,
    "the monitor serves them all");

/* What depends on the protocol. */
struct protocol {
	unsigned int	naming;		/* MONITOR_BY_* */
	size_t		nlanes;
	uint32_t	nslots;		/* of each */
	bool		watched;	/* for launcher/last_words.c */
};

static const struct protocol protocols[] = {
	/* A 9p-proxy front-end sends one request at a time. */
	[WORKER_PROTOCOL_9P_PROXY] = { MONITOR_BY_PATH, 1, 4, true },
	[WORKER_PROTOCOL_VIRTIOFS] = { MONITOR_BY_HANDLE,
	    WORKER_VIRTIOFS_LANES, 32, false }
};

/* The lanes before anybody has them: both ends' descriptors. */
struct lanes {
	struct monitor_lane_fds	monitor[MONITOR_LANES_MAX];
	int			worker[MONITOR_LANES_MAX];	/* sockets */
	size_t			n;
};

static void
lanes_close(struct lanes *lanes)
{
	size_t i;

	for (i = 0; i < lanes->n; i++) {
		close(lanes->monitor[i].memory);
		close(lanes->monitor[i].sock);
		close(lanes->monitor[i].bell);
		close(lanes->worker[i]);
	}
	lanes->n = 0;
}

static int
lanes_create(struct lanes *lanes, const struct protocol *protocol)
{
	struct monitor_lane_fds *fds;
	int error;

	for (lanes->n = 0; lanes->n < protocol->nlanes; lanes->n++) {
		fds = &lanes->monitor[lanes->n];
		error = lane_create(protocol->nslots, &fds->memory,
		    &fds->sock, &lanes->worker[lanes->n], &fds->bell);
		if (error != 0) {
			log_error("lane: %s", strerror(-error));
			lanes_close(lanes);
			return error;
		}
	}
	return 0;
}

/* Sends to the worker, which may be slower than the lanes are many. */
static int
children_send(const struct child *worker, enum channel_type type,
    const void *data, size_t len, const int *fds, size_t nfds)
{
	struct pollfd room = { .fd = worker->channel, .events = POLLOUT };
	int error;

	do {
		error = channel_send(worker->channel, type, 0, data, len, fds,
		    nfds);
	} while (error == -EAGAIN && poll(&room, 1, CHILDREN_SEND_MS) == 1);
	return error;
}

static struct worker_fuse_config
children_fuse_config(const struct options *options)
{
	const struct options_virtiofs *virtiofs = &options->virtiofs;
	struct worker_fuse_config config = {
		.timeout_ns = virtiofs->timeout_ns,
		.negative_timeout_ns = virtiofs->negative_timeout_ns,
		.nofile = (uint64_t)options->rlimit_nofile,
		.cache = virtiofs->cache,
		.thread_pool_size = (uint32_t)virtiofs->thread_pool_size,
		.writeback = virtiofs->writeback,
		.allow_direct_io = virtiofs->allow_direct_io,
		.readdirplus = virtiofs->readdirplus == OPTIONS_ON,
		.announce_submounts = virtiofs->announce_submounts,
		.xattr = virtiofs->xattr,
		.readonly = options->sandbox.readonly
	};

	if (virtiofs->tag != NULL)
		memcpy(config.tag, virtiofs->tag,
		    strnlen(virtiofs->tag, sizeof(config.tag)));
	return config;
}

/* What the worker is told, and its end of the lanes. */
static int
children_configure(const struct options *options, const struct lanes *lanes,
    const struct child *worker)
{
	const struct worker_config config = {
		.version = MONITOR_PROTO_VERSION,
		.protocol = options->protocol,
		.sandbox_mode = options->sandbox.mode,
		.seccomp_action = options->sandbox.seccomp,
		.uid = options->sandbox.worker_uid,
		.gid = options->sandbox.worker_gid,
		.log_level = options->log_level,
		.poll_us = (uint32_t)options->poll_us,
		.nslots = protocols[options->protocol].nslots,
		.nlanes = (uint32_t)lanes->n,
		.fuse = children_fuse_config(options)
	};
	int error, fds[3];
	size_t i;

	error = children_send(worker, CHANNEL_CONFIG, &config, sizeof(config),
	    NULL, 0);
	for (i = 0; i < lanes->n && error == 0; i++) {
		fds[0] = lanes->monitor[i].memory;
		fds[1] = lanes->worker[i];
		fds[2] = lanes->monitor[i].bell;
		error = children_send(worker, CHANNEL_LANE, NULL, 0, fds, 3);
	}
	if (error != 0)
		log_error("cannot configure the worker: %s",
		    strerror(-error));
	return error;
}

static int
children_spawn(const struct options *options, int share_fd,
    const struct lanes *lanes, struct child *monitor, struct child *worker)
{
	const struct protocol *protocol = &protocols[options->protocol];
	struct monitor_config config = {
		.sandbox = &options->sandbox,
		.naming = protocol->naming,
		.nslots = protocol->nslots,
		.poll_us = (uint32_t)options->poll_us,
		.rlimit_nofile = (uint64_t)options->rlimit_nofile,
		.log_level = options->log_level,
		.share_fd = share_fd,
		.lanes = lanes->monitor,
		.nlanes = lanes->n
	};
	int error;

	error = spawn_monitor(monitor, options->sandbox.mode, monitor_main,
	    &config);
	if (error == 0)
		error = spawn_worker(worker, options->worker_path,
		    options->sandbox.mode);
	if (error == 0)
		error = children_configure(options, lanes, worker);
	return error;
}

int
children_start(struct options *options, int share_fd, struct child *monitor,
    struct child *worker, const struct lane_shared **watch_out)
{
	struct lanes lanes;
	int error;

	*watch_out = NULL;
	error = rights_settle(options);
	if (error != 0)
		return error;
	/* ptrace(2): its memory belongs to the new user namespace's owner. */
	if (options->sandbox.user_namespace &&
	    access(options->worker_path, R_OK) == 0)
		log_warn("%s is readable: without root, any process of the "
		    "same user can trace the worker; its mode should be 0711, "
		    "its owner another", options->worker_path);
	error = lanes_create(&lanes, &protocols[options->protocol]);
	if (error != 0)
		return error;
	if (protocols[options->protocol].watched) {
		*watch_out = lane_watch(lanes.monitor[0].memory);
		error = *watch_out == NULL ? -errno : 0;
		if (error != 0)
			log_error("lane: %s", strerror(-error));
	}
	if (error == 0)
		error = children_spawn(options, share_fd, &lanes, monitor,
		    worker);
	if (error != 0)
		log_error("the children cannot be set up");
	lanes_close(&lanes);
	return error;
}
