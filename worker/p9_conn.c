/*
 * SPDX-License-Identifier: ISC
 *
 * The 9p-proxy connection: framing, waiting, sending.  Reads hostile input from
 * the front-end; of a message it looks at type and size only.  Runs sandboxed.
 *
 * The front-end is never left without the answer that it waits for.  For T_OPEN
 * and T_CREATE QEMU takes a connection that ends instead for a descriptor's
 * number (hw/9pfs/9p-proxy.c, v9fs_receivefd()).  So the lane always says what
 * is owed, and the launcher pays if this process cannot.
 */
#include "config.h"

#include "worker/p9_conn.h"

#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/log.h"
#include "worker/event_loop.h"
#include "worker/reader.h"

/*
 * A front-end that always has the next request ready keeps the loop from
 * sleeping; then the channel is looked at after this many requests.
 */
#define CONN_CHANNEL_EVERY	64

struct conn_header {
	uint32_t	type;
	uint32_t	size;
};

/*
 * Events.  All but that for output stay registered, which saves the system
 * calls that would add and remove them around each sleep.
 */

static void
conn_input_event(evutil_socket_t fd, short what, void *arg)
{
	struct p9_conn *conn = arg;

	(void)fd;
	(void)what;
	/* More than one request at a time: it has to wait. */
	if (!conn->waits_input) {
		event_del(conn->on_input);
		conn->input_unwatched = true;
	}
}

static void
conn_output_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
conn_fail(struct p9_conn *conn, const char *what, int error)
{
	log_error("%s: %s", what, strerror(-error));
	conn->end = P9_CONN_FAILED;
}

/* There is nothing to take off: waking up was all. */
static void
conn_bell_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
conn_monitor_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_fail(arg, "the monitor is gone", -EPIPE);
}

static void
conn_channel_event(evutil_socket_t fd, short what, void *arg)
{
	struct p9_conn *conn = arg;
	struct channel_message message;
	int n;

	(void)what;
	n = channel_receive(fd, &message, NULL, 0, NULL);
	if (n == -EINTR || n == -EAGAIN)
		return;
	if (n < 0)
		conn->end = P9_CONN_ORPHANED;
	else if (message.type == CHANNEL_STOP)
		conn->end = P9_CONN_STOP;
}

/* Returns whether not even the request in progress can be finished. */
static bool
conn_is_lost(const struct p9_conn *conn)
{
	return conn->end == P9_CONN_ORPHANED || conn->end == P9_CONN_FAILED;
}

/* Sleeps until some event was handled. */
static void
conn_sleep(struct p9_conn *conn)
{
	if (event_base_loop(conn->base, EVLOOP_ONCE) == -1)
		conn_fail(conn, "event loop", -EIO);
}

/*
 * Input.
 */

/* Sleeps until the front-end may have sent something. */
static void
conn_sleep_input(struct p9_conn *conn)
{
	if (conn->input_unwatched && event_add(conn->on_input, NULL) == -1) {
		conn_fail(conn, "event loop", -ENOMEM);
		return;
	}
	conn->input_unwatched = false;
	conn->waits_input = true;
	conn_sleep(conn);
	conn->waits_input = false;
}

/* What is in the buffer moves to its front when the rest needs the room. */
static void
conn_make_room(struct p9_conn *conn)
{
	if (conn->in_start == conn->in_end)
		conn->in_start = conn->in_end = 0;
	if (conn->in_end < sizeof(conn->in))
		return;
	memmove(conn->in, conn->in + conn->in_start,
	    conn->in_end - conn->in_start);
	conn->in_end -= conn->in_start;
	conn->in_start = 0;
}

/* Receives what is there.  Returns how much, 0 at the end, or -errno. */
static ssize_t
conn_receive(struct p9_conn *conn)
{
	ssize_t n;

	n = recv(conn->sock, conn->in + conn->in_end,
	    sizeof(conn->in) - conn->in_end, MSG_DONTWAIT);
	if (n == -1)
		return errno == EINTR ? -EAGAIN : -errno;
	conn->in_end += (size_t)n;
	return n;
}

/*
 * Waits for more bytes, polling first.  Returns 1, 0 at the end of the
 * connection or when the loop is to end, or -errno.
 */
static int
conn_fill(struct p9_conn *conn)
{
	bool slept = false;
	ssize_t n;

	conn_make_room(conn);
	adaptive_begin(&conn->input_wait);
	while ((n = conn_receive(conn)) == -EAGAIN) {
		if (!slept && adaptive_spin(&conn->input_wait))
			continue;
		slept = true;
		conn_sleep_input(conn);
		if (conn->end != P9_CONN_GOES_ON)
			return 0;
	}
	if (slept)
		adaptive_slept(&conn->input_wait);
	else
		adaptive_paid(&conn->input_wait);
	return n > 0 ? 1 : (int)n;
}

static enum lane_owed
owed_for(enum p9_form form)
{
	return form == P9_FORM_DESCRIPTOR ? LANE_OWED_DESCRIPTOR :
	    LANE_OWED_HEADER;
}

/*
 * Looks at the header of what is in the buffer, and as soon as its type is
 * there tells the lane.  Returns whether all of the header is there.
 */
static bool
conn_peek_header(struct p9_conn *conn, struct conn_header *header)
{
	struct reader reader;

	reader_init(&reader, conn->in + conn->in_start,
	    conn->in_end - conn->in_start);
	header->type = reader_u32(&reader);
	if (reader.error == 0 && !conn->in_known) {
		lane_set_owed(conn->lane,
		    owed_for(p9_dispatch_form(header->type)));
		conn->in_known = true;
	}
	header->size = reader_u32(&reader);
	return reader.error == 0;
}

/* Returns whether a whole message is in the buffer, or a wrong header. */
static bool
conn_has_message(struct p9_conn *conn, struct conn_header *header)
{
	if (!conn_peek_header(conn, header))
		return false;
	return header->size > P9_PAYLOAD_MAX ||
	    conn->in_end - conn->in_start >= P9_HEADER_SIZE + header->size;
}

/*
 * Output.
 */

/*
 * Sleeps until the front-end has taken something off, for as long as it likes.
 * Returns 0, or -ECANCELED if there is no point any more.
 */
static int
conn_sleep_output(struct p9_conn *conn)
{
	if (conn_is_lost(conn))
		return -ECANCELED;
	if (event_add(conn->on_output, NULL) == -1)
		conn_fail(conn, "event loop", -ENOMEM);
	else
		conn_sleep(conn);
	return conn_is_lost(conn) ? -ECANCELED : 0;
}

/* Sends what remains from `from` on, without waiting.  As send(2), -errno. */
static ssize_t
conn_send_bytes(struct p9_conn *conn, size_t from)
{
	ssize_t n;

	n = send(conn->sock, conn->reply.bytes + from, conn->reply.len - from,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	return n == -1 ? -errno : n;
}

/* A header form's reply, in as many pieces as it takes. */
static int
conn_send_header_form(struct p9_conn *conn)
{
	size_t sent = 0;
	int error;
	ssize_t n;

	/* From here on it may be out: another answer would be one too many. */
	lane_set_owed(conn->lane, LANE_OWED_NOTHING);
	for (;;) {
		n = conn_send_bytes(conn, sent);
		if (n >= 0)
			sent += (size_t)n;
		else if (n != -EAGAIN && n != -EINTR)
			return (int)n;
		if (sent == conn->reply.len)
			break;
		if (sent > 0)
			lane_set_owed(conn->lane, LANE_OWED_PARTIAL);
		if (n == -EINTR)
			continue;
		error = conn_sleep_output(conn);
		if (error != 0)
			return error;
	}
	lane_set_owed(conn->lane, LANE_OWED_NOTHING);
	return 0;
}

/* As send_bytes, with the descriptor, which QEMU expects in one piece. */
static ssize_t
conn_send_descriptor(struct p9_conn *conn)
{
	struct iovec iov = { conn->reply.bytes, conn->reply.len };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &conn->reply.fd, sizeof(int));
	n = sendmsg(conn->sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n == -1 ? -errno : n;
}

/*
 * The 4 bytes of the descriptor form.  A stream socket takes so few of them all
 * or not at all.  What is owed is taken back last: the launcher's -EIO after an
 * answer does no harm, before a connection that ends its lack would.
 */
static int
conn_send_descriptor_form(struct p9_conn *conn)
{
	int error;
	ssize_t n;

	for (;;) {
		n = conn->reply.fd != -1 ? conn_send_descriptor(conn) :
		    conn_send_bytes(conn, 0);
		if (n >= 0)
			break;
		if (n == -ETOOMANYREFS) {
			/* unix(7): the user's other workers count as well. */
			p9_reply_clear(&conn->reply);
			p9_reply_error(&conn->reply, P9_FORM_DESCRIPTOR,
			    -ENFILE);
			continue;
		}
		if (n != -EAGAIN && n != -EINTR)
			return (int)n;
		error = n == -EAGAIN ? conn_sleep_output(conn) : 0;
		if (error != 0)
			return error;
	}
	lane_set_owed(conn->lane, LANE_OWED_NOTHING);
	return 0;
}

/* Sends the reply, to the end.  Returns 0 or -errno. */
static int
conn_send(struct p9_conn *conn, enum p9_form form)
{
	int error;

	if (form == P9_FORM_DESCRIPTOR)
		error = conn_send_descriptor_form(conn);
	else
		error = conn_send_header_form(conn);
	p9_reply_clear(&conn->reply);
	conn->in_known = false;
	return error;
}

/*
 * Requests.
 */

/* Waits, polling first, for a completion, or the end. */
static void
conn_wait_lane(struct p9_conn *conn)
{
	adaptive_begin(&conn->lane_wait);
	do {
		if (lane_ready(conn->lane)) {
			adaptive_paid(&conn->lane_wait);
			return;
		}
	} while (adaptive_spin(&conn->lane_wait));

	while (!conn_is_lost(conn) && lane_sleep_begin(conn->lane)) {
		conn_sleep(conn);
		if (lane_ready(conn->lane))
			break;
	}
	lane_sleep_end(conn->lane);
	adaptive_slept(&conn->lane_wait);
}

/* Lets the monitor answer.  Without an answer there still is a reply. */
static void
conn_finish_request(struct p9_conn *conn, enum p9_form form)
{
	int n;

	while (!p9_reply_made(&conn->reply) && !conn_is_lost(conn)) {
		conn_wait_lane(conn);
		n = monitor_reap(&conn->monitor);
		if (n < 0)
			conn_fail(conn, "the monitor", n);
	}
	if (!p9_reply_made(&conn->reply))
		p9_reply_error(&conn->reply, form, -EIO);
}

/*
 * Answers the message at the front of the buffer and drops it.  Returns 0, or
 * -errno if the answer cannot be sent.
 */
static int
conn_answer(struct p9_conn *conn, const struct conn_header *header)
{
	enum p9_form form = p9_dispatch_form(header->type);

	p9_dispatch(&conn->request, header->type,
	    conn->in + conn->in_start + P9_HEADER_SIZE, header->size);
	conn_finish_request(conn, form);
	conn->in_start += P9_HEADER_SIZE + header->size;
	return conn_send(conn, form);
}

/* Answers a message that will not be carried out. */
static int
conn_refuse(struct p9_conn *conn, uint32_t type, int why)
{
	enum p9_form form = p9_dispatch_form(type);

	p9_reply_error(&conn->reply, form, why);
	return conn_send(conn, form);
}

/*
 * How the loop ends; each returns the process's exit status.
 */

/* What comes after a wrong size cannot be told from a payload. */
static int
conn_end_framing(struct p9_conn *conn, const struct conn_header *header)
{
	log_error("a message of %" PRIu32 " bytes, %d are permitted: closing "
	    "the connection", header->size, P9_PAYLOAD_MAX);
	conn_refuse(conn, header->type, -EMSGSIZE);
	/* The launcher holds the connection as well. */
	shutdown(conn->sock, SHUT_RDWR);
	return 1;
}

static int
conn_end_asked(struct p9_conn *conn)
{
	struct conn_header header;

	/* A request that is not all there gets its answer all the same. */
	conn_peek_header(conn, &header);
	if (conn->in_known)
		conn_refuse(conn, header.type, -EIO);
	return conn->end == P9_CONN_STOP ? 0 : 1;
}

/* `error` is 0 at the end of what the front-end has to say. */
static int
conn_end_input(struct p9_conn *conn, int error)
{
	if (error != 0 && error != -ECONNRESET && error != -EPIPE) {
		log_error("connection: %s", strerror(-error));
		return 1;
	}
	if (conn->in_end > conn->in_start) {
		log_warn("the front-end disconnected in the middle of a "
		    "message");
		return 1;
	}
	return 0;
}

static int
conn_end_output(const struct p9_conn *conn, int error)
{
	if (conn_is_lost(conn))
		return 1;
	/* The front-end did not wait for its answer. */
	if (error == -EPIPE || error == -ECONNRESET)
		return 0;
	log_error("connection: %s", strerror(-error));
	return 1;
}

static int
conn_loop(struct p9_conn *conn)
{
	struct conn_header header;
	int n;

	for (;;) {
		while (!conn_has_message(conn, &header)) {
			n = conn_fill(conn);
			if (conn->end != P9_CONN_GOES_ON)
				return conn_end_asked(conn);
			if (n <= 0)
				return conn_end_input(conn, n);
		}
		if (header.size > P9_PAYLOAD_MAX)
			return conn_end_framing(conn, &header);
		n = conn_answer(conn, &header);
		if (n != 0)
			return conn_end_output(conn, n);
		if (conn->request.count % CONN_CHANNEL_EVERY == 0)
			event_base_loop(conn->base, EVLOOP_ONCE |
			    EVLOOP_NONBLOCK);
		if (conn->end != P9_CONN_GOES_ON)
			return conn_end_asked(conn);
	}
}

static void
conn_log_counters(const struct p9_conn *conn)
{
	struct adaptive_counters monitor;

	lane_monitor_counters(conn->lane, &monitor);
	log_debug("%" PRIu64 " requests, %" PRIu64 " to the monitor; waits "
	    "polled/slept: for the front-end %" PRIu64 "/%" PRIu64
	    ", for the monitor %" PRIu64 "/%" PRIu64
	    ", in the monitor %" PRIu64 "/%" PRIu64,
	    conn->request.count, conn->monitor.requests,
	    conn->input_wait.counters.paid, conn->input_wait.counters.slept,
	    conn->lane_wait.counters.paid, conn->lane_wait.counters.slept,
	    monitor.paid, monitor.slept);
}

int
p9_conn_init(struct p9_conn *conn, struct lane *lane, int channel,
    uint32_t poll_us)
{
	conn->sock = -1;
	conn->lane = lane;
	conn->channel = channel;
	adaptive_init(&conn->input_wait, poll_us, ADAPTIVE_SYSCALL);
	adaptive_init(&conn->lane_wait, poll_us, ADAPTIVE_MEMORY);
	monitor_client_init(&conn->monitor, lane);
	p9_reply_init(&conn->reply);
	p9_request_init(&conn->request, &conn->monitor, &conn->reply);
	conn->base = event_loop_new();
	if (conn->base == NULL)
		return -ENOMEM;
	conn->on_bell = event_loop_watch(conn->base, lane->bell,
	    EV_READ | EV_ET, conn_bell_event, conn);
	/* Descriptors that arrive there wake nobody. */
	conn->on_monitor = event_loop_watch(conn->base, lane->sock, EV_CLOSED,
	    conn_monitor_event, conn);
	conn->on_channel = event_loop_watch(conn->base, channel, EV_READ,
	    conn_channel_event, conn);
	return conn->on_bell != NULL && conn->on_monitor != NULL &&
	    conn->on_channel != NULL ? 0 : -ENOMEM;
}

int
p9_conn_serve(struct p9_conn *conn, int sock)
{
	int status;

	conn->sock = sock;
	conn->on_input = event_loop_watch(conn->base, sock, EV_READ,
	    conn_input_event, conn);
	conn->on_output = event_new(conn->base, sock, EV_WRITE,
	    conn_output_event, conn);
	if (conn->on_input == NULL || conn->on_output == NULL) {
		log_error("cannot watch the connection");
		return 1;
	}
	status = conn_loop(conn);
	conn_log_counters(conn);
	return status;
}

void
p9_conn_free(struct p9_conn *conn)
{
	p9_reply_clear(&conn->reply);
	event_loop_unwatch(&conn->on_input);
	event_loop_unwatch(&conn->on_output);
	event_loop_unwatch(&conn->on_bell);
	event_loop_unwatch(&conn->on_monitor);
	event_loop_unwatch(&conn->on_channel);
	if (conn->base != NULL)
		event_base_free(conn->base);
	conn->base = NULL;
	if (conn->sock != -1)
		close(conn->sock);
	conn->sock = -1;
}
