/*
 * SPDX-License-Identifier: ISC
 *
 * The monitor's process.  Runs privileged, confined to the export.  Locks
 * itself up and then serves its lanes; it reads nothing else.
 */
#include "config.h"

#include "monitor/monitor.h"

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <malloc.h>
#include <pthread.h>
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

/* Descriptors that are no handles: channel, and of each lane what it is made of
 * and what one operation takes. */
#define MONITOR_FDS_RESERVED	(16 + 6 * MONITOR_LANES_MAX)

/* Of what is left, one in so many is for directory streams, up to a limit. */
#define MONITOR_STREAMS_SHARE	8
#define MONITOR_STREAMS_MAX	4096

#define MONITOR_STACK		(256 << 10)	/* bytes of a thread's */

/* A lane and who serves it. */
struct monitor_thread {
	struct monitor	*monitor;
	struct lane	 lane;
	int		 begun;		/* eventfd: one for each thread */
};

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

/*
 * What nothing works without.  Old filters of containers forbid what they do
 * not know; an errno of each request would not tell anybody why.
 */
static int
monitor_check_calls(void)
{
	/* openat2(2): no size so small is one. */
	if (syscall(__NR_openat2, -1, "", NULL, 0) == -1 &&
	    errno != EPERM && errno != ENOSYS)
		return 0;
	log_error("openat2(2) is not permitted here: %s (in a container, the "
	    "list of system calls is older than this program: update what "
	    "runs it)", strerror(errno));
	return -ENOSYS;
}

/* Makes the handle table with the export's root, which it takes. */
static int
monitor_enter_root(struct monitor *m, int root_fd, uint64_t nofile)
{
	struct monitor_attr attr;
	uint64_t limit, streams;
	int error;

	error = attr_get(root_fd, "", AT_EMPTY_PATH, &attr, &m->root);
	if (error != 0) {
		close(root_fd);
		log_error("the shared directory: %s", strerror(-error));
		return error;
	}
	limit = nofile > 2 * MONITOR_FDS_RESERVED ?
	    nofile - MONITOR_FDS_RESERVED : nofile / 2;
	if (limit > UINT32_MAX / 8)
		limit = UINT32_MAX / 8;
	streams = limit / MONITOR_STREAMS_SHARE;
	if (streams > MONITOR_STREAMS_MAX)
		streams = MONITOR_STREAMS_MAX;
	stream_table_init(&m->streams, (uint32_t)streams);
	error = handle_table_init(&m->handles, (uint32_t)(limit - streams),
	    &m->root, root_fd);
	if (error != 0)
		log_error("handle table: %s", strerror(-error));
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
		    &wrong);
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

/* Serves the lane until a broken rule; then there is no other thread either. */
static void __attribute__((noreturn))
monitor_serve_lane(struct monitor *m, struct lane *lane)
{
	const char *wrong;
	struct op *op;

	/* Most lanes are never used: nothing is allocated before a request. */
	lane_wait(lane);
	op = malloc(sizeof(*op));
	if (op == NULL) {
		log_error("a request's memory: %s", strerror(ENOMEM));
		_exit(1);
	}
	op->request.op = 0;
	op->creds = m->creds;
	wrong = monitor_serve(m, lane, op);
	log_error("in or after a request %s, the worker broke a rule that no "
	    "correct worker breaks (%s): ending",
	    dispatch_name(op->request.op), wrong);
	_exit(CHANNEL_EXIT_VIOLATION);
}

static void *
monitor_thread(void *arg)
{
	const uint64_t one = 1;
	struct monitor_thread *thread = arg;

	if (write(thread->begun, &one, sizeof(one)) != sizeof(one))
		_exit(1);
	monitor_serve_lane(thread->monitor, &thread->lane);
}

/* Waits until `n` threads have begun. */
static int
monitor_await_threads(int begun, size_t n)
{
	uint64_t more, sum = 0;

	while (sum < n) {
		if (read(begun, &more, sizeof(more)) != sizeof(more))
			return -errno;
		sum += more;
	}
	return 0;
}

/*
 * One thread for each lane.  They have the main thread's capabilities, and have
 * begun before the filter is on, which so needs no call for that.
 */
static int
monitor_start_threads(struct monitor_thread *threads, size_t n)
{
	int begun = eventfd(0, EFD_CLOEXEC), error;
	pthread_attr_t attr;
	pthread_t id;
	size_t i;

	if (begun == -1) {
		error = -errno;
		log_error("eventfd: %s", strerror(-error));
		return error;
	}
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	error = -pthread_attr_setstacksize(&attr, MONITOR_STACK);
	for (i = 0; i < n && error == 0; i++) {
		threads[i].begun = begun;
		error = -pthread_create(&id, &attr, monitor_thread,
		    &threads[i]);
	}
	pthread_attr_destroy(&attr);
	if (error == 0)
		error = monitor_await_threads(begun, n);
	/* On failure threads that have begun may still write to it. */
	if (error == 0)
		close(begun);
	if (error != 0)
		log_error("thread: %s%s", strerror(-error), error == -EPERM ?
		    " (in a container, clone3(2) must be permitted or fail "
		    "with ENOSYS: update what runs it)" : "");
	return error;
}

/* Everything that narrows what this process can do, in its order. */
static int
monitor_lock_down(struct monitor *m, const struct monitor_config *config,
    struct monitor_thread *threads, int channel)
{
	const struct sandbox_config *sandbox = config->sandbox;
	int error, keep[2 + 2 * MONITOR_LANES_MAX], root_fd;
	size_t i, n = 0;
	uint64_t nofile;

	keep[n++] = channel;
	keep[n++] = config->share_fd;
	for (i = 0; i < config->nlanes; i++) {
		keep[n++] = threads[i].lane.sock;
		keep[n++] = threads[i].lane.bell;
	}
	error = privdrop_close_fds(keep, n);
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
	/* They would count for whoever it creates for: S_ISGID, a server. */
	if (error == 0)
		error = privdrop_groups(false);
	if (error == 0)
		error = caps_apply_monitor(&sandbox->caps);
	if (error == 0)
		error = privdrop_die_with_parent(channel);
	creds_init(&m->creds, &sandbox->caps, sandbox->all_ids);
	if (error == 0)
		error = monitor_start_threads(threads, config->nlanes);
	if (error == 0)
		error = seccomp_enter(SANDBOX_MONITOR, sandbox);
	return error;
}

/*
 * What the main thread does for ever.  It has no lane: a thread that creates
 * changes its ids, which takes from it that it dies with its parent (prctl(2),
 * PR_SET_PDEATHSIG).
 */
static void __attribute__((noreturn))
monitor_sleep(void)
{
	uint32_t never = 0;

	for (;;)
		syscall(SYS_futex, &never, FUTEX_WAIT, never, NULL);
}

static int
monitor_attach_lanes(struct monitor *m, const struct monitor_config *config,
    struct monitor_thread *threads)
{
	const struct monitor_lane_fds *fds = config->lanes;
	size_t i;
	int error;

	for (i = 0; i < config->nlanes; i++) {
		threads[i].monitor = m;
		error = lane_attach(&threads[i].lane, fds[i].memory,
		    fds[i].sock, fds[i].bell, config->nslots);
		if (error != 0) {
			log_error("lane: %s", strerror(-error));
			return error;
		}
		adaptive_init(&threads[i].lane.wait,
		    config->poll_us * MONITOR_POLL_FACTOR, ADAPTIVE_MEMORY);
	}
	return 0;
}

int
monitor_main(void *arg, int channel)
{
	static struct monitor_thread threads[MONITOR_LANES_MAX];
	static struct monitor m;
	const struct monitor_config *config = arg;
	int error;

	m = (struct monitor){ .naming = config->naming,
	    .readonly = config->sandbox->readonly };
	log_init(config->log_level, channel_log, &channel);
	/* An arena for each thread would be 64 MiB of addresses (mallopt(3)). */
	mallopt(M_ARENA_MAX, 1);
	if (monitor_check_calls() != 0)
		return 1;
	monitor_probe(&m);
	if (monitor_attach_lanes(&m, config, threads) != 0)
		return 1;
	if (monitor_lock_down(&m, config, threads, channel) != 0)
		return 1;
	error = lane_send_hello(&threads[0].lane);
	if (error == 0)
		error = channel_send(channel, CHANNEL_READY, 0, NULL, 0, NULL,
		    0);
	if (error != 0) {
		log_error("cannot say that it is ready: %s", strerror(-error));
		return 1;
	}
	monitor_sleep();
}
