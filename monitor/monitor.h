/*
 * SPDX-License-Identifier: ISC
 *
 * The monitor's context, and what its files share.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/lane.h"
#include "common/log.h"
#include "common/monitor_proto.h"
#include "monitor/creds.h"
#include "monitor/handle.h"
#include "monitor/stream.h"
#include "sandbox/sandbox.h"

/*
 * How the worker names inodes: by the export's root and a path, or by handles
 * that it looked up.  Paths also make directories' descriptors available.
 */
#define MONITOR_BY_PATH		0x1
#define MONITOR_BY_HANDLE	0x2

struct monitor {
	struct handle_table	handles;
	struct stream_table	streams;
	struct handle_key	root;		/* of the export */
	unsigned int		naming;		/* MONITOR_BY_* */
	bool			readonly;
	int			proc_fd;	/* /proc/self/fd, the cwd */
	struct creds		creds;		/* what a thread begins with */
	bool			has_fchmodat2;	/* Linux 6.6 */
	bool			has_xattrat;	/* Linux 6.13 */
	uint64_t		no_version_dev;	/* FS_IOC_GETVERSION: ENOTTY */
};

#define MONITOR_LANES_MAX	66

/* A lane before it is attached. */
struct monitor_lane_fds {
	int	memory;
	int	sock;		/* the monitor's end */
	int	bell;
};

/* What the launcher hands over. */
struct monitor_config {
	const struct sandbox_config	*sandbox;
	unsigned int			 naming;
	uint32_t			 nslots;	/* of each lane */
	uint32_t			 poll_us;
	uint64_t			 rlimit_nofile;
	enum log_level			 log_level;
	int				 share_fd;	/* O_PATH directory */
	const struct monitor_lane_fds	*lanes;
	size_t				 nlanes;
};

/*
 * The monitor's process: locks itself up, says so on the channel, and serves
 * the lanes, each in a thread of its own.  `arg` is a struct monitor_config.
 * Returns the exit status; only a failed start or a broken rule ends it.
 */
int	monitor_main(void *arg, int channel);

/* Finds out which of the newer system calls the kernel has. */
void	monitor_probe(struct monitor *m);

#define MONITOR_FD_NAME_MAX	12	/* digits of an int, and NUL */

/*
 * Writes the name of `fd` within /proc/self/fd, which is the working
 * directory, into `buf`.  Returns `buf`.
 */
char	*monitor_fd_name(int fd, char buf[static MONITOR_FD_NAME_MAX]);

#endif /* MONITOR_MONITOR_H */
