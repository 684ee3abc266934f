/*
 * SPDX-License-Identifier: ISC
 *
 * A worker that was taken over: started by a real launcher in the place of
 * privfsd-worker, joined to a real monitor in its sandbox, it does what the
 * test on the other end of the connection says.  Test code.
 */
#include "config.h"

#include "regress/pen/pen_worker.h"

#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

#define EFFORT_LEAST	200
#define EFFORT_MS	10000

/* The name that execve(2) was given: a link's, so that one program does. */
static bool
is_variant(const char *variant)
{
	const char *name = (const char *)getauxval(AT_EXECFN);
	const char *dot = name == NULL ? NULL : strrchr(name, '.');

	return dot != NULL && strcmp(dot + 1, variant) == 0;
}

static void __attribute__((noreturn))
die(const char *what)
{
	char line[LOG_LINE_MAX];

	snprintf(line, sizeof(line), "fake worker: %s: %s", what,
	    strerror(errno));
	channel_send(CHANNEL_WORKER_FD, CHANNEL_LOG, LOG_LEVEL_ERROR, line,
	    strlen(line), NULL, 0);
	_exit(111);
}

static void
start(struct pen_worker *w)
{
	struct channel_message message;
	size_t nfds = 0;
	uint32_t i;
	int fds[3], n;

	n = channel_receive(w->channel, &message, NULL, 0, NULL);
	if (n != sizeof(w->config) || message.type != CHANNEL_CONFIG)
		die("configuration");
	memcpy(&w->config, message.data, sizeof(w->config));
	if (w->config.nlanes > WORKER_VIRTIOFS_LANES)
		die("configuration");
	for (i = 0; i < w->config.nlanes; i++) {
		n = channel_receive(w->channel, &message, fds, 3, &nfds);
		if (n < 0 || nfds != 3 || message.type != CHANNEL_LANE)
			die("lane");
		if (i == 0)
			w->memory_fd = dup(fds[0]);
		if (lane_attach(&w->lanes[i], fds[0], fds[1], fds[2],
		    w->config.nslots) != 0)
			die("lane");
	}
	w->lane = &w->lanes[0];
	w->naming = w->config.protocol == WORKER_PROTOCOL_VIRTIOFS ?
	    PEN_BY_HANDLE : PEN_BY_PATH;
}

/* As worker/main.c does it. */
static void
lock_down(struct pen_worker *w)
{
	const struct sandbox_config sandbox = {
		.mode = (enum sandbox_mode)w->config.sandbox_mode,
		.seccomp = (enum seccomp_action)w->config.seccomp_action,
		.worker_uid = w->config.uid,
		.worker_gid = w->config.gid,
		.virtiofs = w->naming == PEN_BY_HANDLE
	};
	int keep[1 + 2 * WORKER_VIRTIOFS_LANES];
	uint64_t nofile;
	size_t n = 0;

	keep[n++] = w->channel;
	for (uint32_t i = 0; i < w->config.nlanes; i++) {
		keep[n++] = w->lanes[i].sock;
		keep[n++] = w->lanes[i].bell;
	}
	if (privdrop_close_fds(keep, n) != 0 ||
	    namespace_enter_empty(sandbox.mode) != 0 ||
	    privdrop_common() != 0 ||
	    privdrop_ids(sandbox.worker_uid, sandbox.worker_gid) != 0 ||
	    caps_drop(0) != 0 || privdrop_die_with_parent(w->channel) != 0 ||
	    privdrop_nofile(1024, &nofile) != 0 ||
	    seccomp_enter(SANDBOX_WORKER, &sandbox) != 0)
		die("sandbox");
	w->memory_fd = -1;
}

static void
receive_connection(struct pen_worker *w)
{
	struct channel_message message;
	size_t nfds = 0;

	if (channel_receive(w->channel, &message, &w->connection, 1,
	    &nfds) < 0 || message.type != CHANNEL_CONNECTION || nfds != 1)
		die("connection");
}

/* Lines, one every few milliseconds, until there is something to read. */
static void
chat(struct pen_worker *w)
{
	struct pollfd wait = { .fd = w->channel, .events = POLLIN };

	for (int i = 0; poll(&wait, 1, 5) == 0; i++)
		log_info("line %d", i);
}

void
worker_fill(struct pen_worker *w, uint32_t slot,
    const struct pen_message *message)
{
	*lane_request(w->lane, slot) = message->request;
	memcpy(lane_payload(w->lane, slot), message->payload,
	    MONITOR_PAYLOAD_MAX);
}

int
worker_exchange(struct pen_worker *w, uint32_t slot,
    struct monitor_reply *reply, int *fd_out)
{
	uint32_t reaped;
	int result;

	lane_submit(w->lane, slot);
	while ((result = lane_reap(w->lane, &reaped, reply, fd_out)) == 0)
		sched_yield();
	return result;
}

uint64_t
worker_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void
effort_begin(struct effort *effort, int64_t most)
{
	*effort = (struct effort){ .most = most, .began_ms = worker_now_ms() };
}

bool
effort_goes_on(struct effort *effort)
{
	if (effort->done == effort->most || (effort->done >= EFFORT_LEAST &&
	    worker_now_ms() - effort->began_ms > EFFORT_MS))
		return false;
	effort->done++;
	return true;
}

int64_t
effort_end(const struct effort *effort)
{
	return effort->good == effort->done ? effort->most : effort->good;
}

static bool
read_all(int fd, void *to, size_t len)
{
	uint8_t *at = to;
	ssize_t n;

	for (; len > 0; len -= (size_t)n, at += n) {
		n = recv(fd, at, len, 0);
		if (n <= 0)
			return false;
	}
	return true;
}

static void
answer(struct pen_worker *w, int64_t value, const void *bytes, size_t len,
    int fd)
{
	struct pen_answer head = { .value = value, .len = (uint32_t)len,
	    .has_fd = fd != -1 };
	struct iovec iov = { &head, sizeof(head) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	const uint8_t *at = bytes;
	ssize_t n;

	if (fd != -1) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &fd, sizeof(int));
	}
	if (sendmsg(w->connection, &msg, MSG_NOSIGNAL) != sizeof(head))
		die("answer");
	for (; len > 0; len -= (size_t)n, at += n) {
		iov = (struct iovec){ (void *)(uintptr_t)at, len };
		msg = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
		n = sendmsg(w->connection, &msg, MSG_NOSIGNAL);
		if (n <= 0)
			die("answer");
	}
}

/* Passes on a request as it came, and what became of it. */
static void
relay(struct pen_worker *w, const uint8_t *bytes, size_t len)
{
	static uint8_t result[PEN_BYTES_MAX];
	struct monitor_request request;
	struct monitor_reply reply;
	int error, fd = -1;

	if (len < sizeof(request))
		die("relay");
	memcpy(&request, bytes, sizeof(request));
	*lane_request(w->lane, 0) = request;
	memcpy(lane_payload(w->lane, 0), bytes + sizeof(request),
	    len - sizeof(request));
	error = worker_exchange(w, 0, &reply, &fd);
	if (error != 1 || reply.data_len > MONITOR_PAYLOAD_MAX)
		die("reply");
	memcpy(result, &reply, sizeof(reply));
	memcpy(result + sizeof(reply), lane_payload(w->lane, 0),
	    reply.data_len);
	answer(w, 0, result, sizeof(reply) + reply.data_len, fd);
	if (fd != -1)
		close(fd);
}

void
worker_good(const struct pen_worker *w, struct pen_message *message,
    uint32_t op)
{
	pen_good(message, op, w->naming, w->dir);
}

/* By handle: looks "dir" up. */
static void
look_up_dir(struct pen_worker *w)
{
	static struct pen_message message;
	struct monitor_reply reply;
	int fd;

	pen_good(&message, MONITOR_LOOKUP, PEN_BY_HANDLE, MONITOR_ROOT_HANDLE);
	pen_set_part(&message, PEN_NAME0, "dir", 3);
	worker_fill(w, 0, &message);
	if (worker_exchange(w, 0, &reply, &fd) != 1 || reply.error != 0)
		die("dir");
	w->dir = reply.handle;
}

static void
submit_spoiled(struct pen_worker *w, uint32_t op, uint32_t number)
{
	static struct pen_message message;
	struct monitor_reply reply;
	const char *label;
	int fd;

	worker_good(w, &message, op);
	pen_spoil(&message, w->naming, number, &label);
	worker_fill(w, 0, &message);
	worker_exchange(w, 0, &reply, &fd);
	answer(w, reply.error, NULL, 0, -1);	/* it should not come to that */
}

static int64_t
attack(struct pen_worker *w, enum pen_attack which, uint32_t arg)
{
	switch (which) {
	case ATTACK_EXIT:
		_exit((int)arg);
	case ATTACK_SIGNAL:
		/* Of a pid namespace's init only these arrive: signal(7). */
		if (arg == SIGABRT)
			abort();
		__builtin_trap();
	case ATTACK_SYSCALL:
		return syscall((long)arg, -1L, -1L, -1L, -1L, -1L, -1L) ==
		    -1 ? errno : 0;
	case ATTACK_PEERS:
		return attack_peer((enum pen_peer)arg);
	case ATTACK_RACE:
		return attack_race(w, (enum pen_race)arg);
	case ATTACK_STORM:
		return attack_storm(w, (enum pen_storm)arg);
	case ATTACK_THREAD:
		return attack_thread((enum pen_thread)arg);
	case ATTACK_CHANNEL_FDS:
	case ATTACK_CHANNEL_SIZES:
	case ATTACK_CHANNEL_TYPES:
	case ATTACK_CHANNEL_LEVELS:
	case ATTACK_CHANNEL_LINES:
	case ATTACK_CHANNEL_FLOOD:
	case ATTACK_CHANNEL_CLOSE:
		return attack_channel(w, which, arg);
	default:
		return attack_lane(w, which, arg);
	}
}

/* Does what it is told, until the connection ends. */
static void
serve(struct pen_worker *w)
{
	static uint8_t bytes[PEN_BYTES_MAX];
	struct pen_command command;

	while (read_all(w->connection, &command, sizeof(command))) {
		if (command.len > sizeof(bytes) ||
		    !read_all(w->connection, bytes, command.len))
			die("command");
		switch (command.type) {
		case PEN_SPOILED:
			submit_spoiled(w, command.a, command.b);
			break;
		case PEN_RELAY:
			relay(w, bytes, command.len);
			break;
		case PEN_ATTACK:
			answer(w, attack(w, (enum pen_attack)command.a,
			    command.b), NULL, 0, -1);
			break;
		default:
			die("command");
		}
	}
}

int
main(void)
{
	static struct pen_worker w = { .channel = CHANNEL_WORKER_FD };

	if (is_variant(PEN_EXIT))
		return 0;
	/* A sanitizer would make an exit of a crash; init's abort() is one. */
	signal(SIGSEGV, SIG_DFL);
	signal(SIGILL, SIG_DFL);
	log_init(LOG_LEVEL_INFO, channel_log, &w.channel);
	start(&w);
	if (is_variant(PEN_ABORT))
		abort();
	/* Before the monitor can have said so itself. */
	if (is_variant(PEN_READY_TWICE))
		for (int i = 0; i < 2; i++)
			channel_send(w.channel, CHANNEL_READY, 0, NULL, 0,
			    NULL, 0);
	if (lane_receive_hello(w.lane) != 0)
		die("hello");
	if (is_variant(PEN_LOCKED))
		lock_down(&w);
	if (channel_send(w.channel, CHANNEL_READY, 0, NULL, 0, NULL, 0) != 0)
		die("ready");
	if (is_variant(PEN_CHATTY))
		chat(&w);
	receive_connection(&w);
	if (w.naming == PEN_BY_HANDLE)
		look_up_dir(&w);
	serve(&w);
	return 0;
}
