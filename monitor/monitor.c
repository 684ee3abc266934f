/*
 * SPDX-License-Identifier: ISC
 *
 * The monitor's process.  Runs privileged, confined to the export.  Locks
 * itself up and then serves one lane; it reads nothing else.
 */
#include "config.h"

#include "monitor/monitor.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/log.h"
#include "monitor/attr.h"
#include "monitor/dispatch.h"
#include "monitor/syscalls.h"

/*
 * The monitor polls longer than the worker, which has the guest to listen to
 * as well: that was the fastest by measurement.
 */
#define MONITOR_POLL_FACTOR	4

/* Descriptors that are no handles: lane, channel, those of one operation. */
#define MONITOR_FDS_RESERVED	64

char *
monitor_fd_name(int fd, char buf[static MONITOR_FD_NAME_MAX])
{
	snprintf(buf, MONITOR_FD_NAME_MAX, "%d", fd);
	return buf;
}

void
monitor_probe(struct monitor *m)
{
	/* Forbidden by a container's filter is as good as missing. */
	syscall(SYS_fchmodat2, -1, "", 0, AT_EMPTY_PATH);
	m->has_fchmodat2 = errno == EBADF;
	syscall(SYS_listxattrat, -1, "", AT_EMPTY_PATH, NULL, 0);
	m->has_xattrat = errno == EBADF;
	log_debug("kernel has fchmodat2: %s, xattrat calls: %s",
	    m->has_fchmodat2 ? "yes" : "no", m->has_xattrat ? "yes" : "no");
}

/* Makes the handle table with the export's root, which it takes. */
static int
monitor_enter_root(struct monitor *m, int root_fd, uint64_t nofile)
{
	struct monitor_attr attr;
	struct handle_key key;
	uint64_t limit;
	int error;

	error = attr_get(root_fd, "", AT_EMPTY_PATH, &attr, &key);
	if (error != 0) {
		close(root_fd);
		log_error("the shared directory: %s", strerror(-error));
		return error;
	}
	limit = nofile > 2 * MONITOR_FDS_RESERVED ?
	    nofile - MONITOR_FDS_RESERVED : MONITOR_FDS_RESERVED;
	if (limit > UINT32_MAX / 2)
		limit = UINT32_MAX / 2;
	error = handle_table_init(&m->handles, (uint32_t)limit, &key, root_fd);
	if (error != 0)
		log_error("handle table: %s", strerror(-error));
	return error;
}

/* Everything that narrows what this process can do, in its order. */
static int
monitor_lock_down(struct monitor *m, const struct monitor_config *config,
    int channel)
{
	const struct sandbox_config *sandbox = config->sandbox;
	const int keep[] = { channel, config->share_fd, config->sock };
	uint64_t nofile;
	int error, root_fd;

	error = privdrop_close_fds(keep, sizeof(keep) / sizeof(keep[0]));
	if (error == 0)
		error = namespace_enter_share(sandbox->mode, config->share_fd,
		    sandbox->readonly, &root_fd, &m->proc_fd);
	if (error != 0)
		return error;
	close(config->share_fd);
	error = privdrop_nofile(config->rlimit_nofile, &nofile);
	if (error == 0)
		error = monitor_enter_root(m, root_fd, nofile);
	if (error == 0)
		error = privdrop_common();
	if (error == 0)
		error = caps_apply_monitor(&sandbox->caps);
	if (error == 0)
		error = privdrop_die_with_parent(channel);
	if (error == 0)
		error = seccomp_enter(SANDBOX_MONITOR, sandbox);
	return error;
}

/* Sends the reply, and its descriptor if it has one. */
static int
monitor_answer(struct lane *lane, uint32_t slot, struct op *op)
{
	int error;

	error = lane_complete(lane, slot, &op->reply, op->reply_fd);
	if (error == -ETOOMANYREFS) {
		/* unix(7): others of this user have too many in flight. */
		op->reply = (struct monitor_reply){ .error = -ENFILE };
		error = lane_complete(lane, slot, &op->reply, -1);
	}
	if (op->reply_fd != -1)
		close(op->reply_fd);
	return error;
}

/* Serves the lane until the worker breaks a rule; then returns which one. */
static const char *
monitor_serve(struct monitor *m, struct lane *lane, struct op *op)
{
	const char *wrong;
	uint32_t slot;
	int error;

	for (;;) {
		error = lane_take(lane, &slot, &op->request, op->payload,
		    &op->payload_len, &wrong);
		if (error < 0)
			return wrong;
		if (error == 0) {
			lane_wait(lane);
			continue;
		}
		op->reply_data = lane_reply_payload(lane, slot);
		wrong = dispatch_request(m, op);
		if (wrong != NULL)
			return wrong;
		if (monitor_answer(lane, slot, op) != 0)
			return "the worker takes no descriptors";
	}
}

int
monitor_main(void *arg, int channel)
{
	static struct op op;
	const struct monitor_config *config = arg;
	struct monitor m = { .naming = config->naming,
	    .readonly = config->sandbox->readonly,
	    .uid = geteuid(), .gid = getegid() };
	struct lane lane;
	const char *wrong;
	int error;

	log_init(config->log_level, channel_log, &channel);
	monitor_probe(&m);
	error = lane_attach(&lane, config->memory_fd, config->sock,
	    config->nslots);
	if (error != 0) {
		log_error("lane: %s", strerror(-error));
		return 1;
	}
	adaptive_init(&lane.wait, config->poll_us * MONITOR_POLL_FACTOR,
	    ADAPTIVE_MEMORY);
	error = monitor_lock_down(&m, config, channel);
	if (error != 0)
		return 1;
	error = lane_send_hello(&lane);
	if (error == 0)
		error = channel_send(channel, CHANNEL_READY, 0, NULL, 0, NULL,
		    0);
	if (error != 0) {
		log_error("cannot say that it is ready: %s", strerror(-error));
		return 1;
	}
	wrong = monitor_serve(&m, &lane, &op);
	log_error("in or after a request %s, the worker broke a rule that no "
	    "correct worker breaks (%s): ending", dispatch_name(op.request.op),
	    wrong);
	return CHANNEL_EXIT_VIOLATION;
}
