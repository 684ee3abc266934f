/*
 * SPDX-License-Identifier: ISC
 *
 * The channel between the launcher and each of its two children: a
 * SOCK_SEQPACKET socketpair.  The children send log lines and say when their
 * sandbox is on; the launcher sends the worker its configuration and the
 * guest-facing socket.  The launcher trusts nothing that the worker sends.
 */
#ifndef COMMON_CHANNEL_H
#define COMMON_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "common/log.h"

#define CHANNEL_WORKER_FD	3	/* where the worker finds its end */
#define CHANNEL_FDS_MAX		4

enum channel_type {
	CHANNEL_LOG = 1,	/* child: arg is the level; data is the line */
	CHANNEL_READY,		/* child: its sandbox is on */
	CHANNEL_CONFIG,		/* launcher: struct worker_config and fds */
	CHANNEL_LANE,		/* launcher: the next lane's memory, the
				   worker's end of its socket, its bell */
	CHANNEL_CONNECTION,	/* launcher: the front-end's socket */
	CHANNEL_STOP		/* launcher: finish what was begun, and end */
};

struct channel_message {
	uint32_t	type;		/* enum channel_type */
	uint32_t	arg;
	char		data[LOG_LINE_MAX];
};

/* Exit statuses of the children, beyond 0 and 1. */
#define CHANNEL_EXIT_VIOLATION	3	/* monitor: the worker broke a rule */

enum worker_protocol {
	WORKER_PROTOCOL_9P_PROXY = 1,
	WORKER_PROTOCOL_VIRTIOFS
};

/* How long the guest may keep what it was told, beyond timeouts. */
enum worker_cache {
	WORKER_CACHE_NONE,	/* data not at all */
	WORKER_CACHE_METADATA,	/* attributes and directories, no data */
	WORKER_CACHE_AUTO,	/* until the file is opened again */
	WORKER_CACHE_ALWAYS
};

/* The main thread's lane, the high-priority queue's, 64 request queues'. */
#define WORKER_VIRTIOFS_LANES	(1 + 1 + 64)

/* The options of virtio-fs that the worker carries out. */
struct worker_fuse_config {
	uint64_t	timeout_ns;	/* of entries and attributes */
	uint64_t	negative_timeout_ns;
	uint64_t	nofile;		/* descriptors the worker may have */
	uint32_t	cache;		/* enum worker_cache */
	uint32_t	thread_pool_size;
	uint8_t		writeback;	/* 0 or 1, as the next five */
	uint8_t		allow_direct_io;
	uint8_t		readdirplus;
	uint8_t		announce_submounts;
	uint8_t		xattr;
	uint8_t		readonly;
	uint8_t		pad[2];
	char		tag[36];	/* virtio 1.2, 5.11.4; zeroes if none */
	uint32_t	pad2;
};
_Static_assert(sizeof(struct worker_fuse_config) == 80, "layout");

/*
 * What the worker must know: CHANNEL_CONFIG's data.  The lanes follow
 * it as CHANNEL_LANE.
 */
struct worker_config {
	uint32_t	version;	/* MONITOR_PROTO_VERSION */
	uint32_t	protocol;	/* enum worker_protocol */
	uint32_t	sandbox_mode;	/* enum sandbox_mode */
	uint32_t	seccomp_action;	/* enum seccomp_action */
	uint32_t	uid;		/* to become; -1 keeps the own */
	uint32_t	gid;
	uint32_t	log_level;	/* enum log_level */
	uint32_t	poll_us;
	uint32_t	nslots;		/* of each lane */
	uint32_t	nlanes;
	struct worker_fuse_config
			fuse;		/* virtio-fs */
};
_Static_assert(sizeof(struct worker_config) == 120, "layout");

/* Makes both ends, O_CLOEXEC.  Returns 0 or -errno. */
int	channel_create(int *launcher_out, int *child_out);

/*
 * Sends one message of `len` bytes of data (up to LOG_LINE_MAX) and `nfds`
 * descriptors, which stay the caller's.  Does not block.  Returns 0 or -errno;
 * -EAGAIN if the other side does not read.
 */
int	channel_send(int channel, enum channel_type type, uint32_t arg,
	    const void *data, size_t len, const int *fds, size_t nfds);

/*
 * Receives one message and up to `nfds` descriptors; more of them are closed
 * and make it -EPROTO.  Blocks unless the channel is non-blocking.  Returns the
 * length of its data, with the number of descriptors, which are the caller's
 * and O_CLOEXEC, in `*nfds_out`; -ENODATA if the other side is gone, -EPROTO if
 * the message is too short or too long, or -errno.  `fds` and `nfds_out` may be
 * NULL if `nfds` is 0.
 */
int	channel_receive(int channel, struct channel_message *message, int *fds,
	    size_t nfds, size_t *nfds_out);

/* A log_sink: `arg` points at the channel's descriptor. */
void	channel_log(void *arg, enum log_level level, const char *text);

#endif /* COMMON_CHANNEL_H */
