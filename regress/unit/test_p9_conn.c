/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of worker/p9_conn.c: framing, sending, and the ways a connection
 * ends.  The front-end is a thread at the other end of a socketpair.
 */
#include "config.h"

#include "worker/p9_conn.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/channel.h"
#include "p9_sample.h"
#include "stub_monitor.h"

#define WIRE_MAX	(1 << 20)
#define BOUND_S		60	/* no test may hang */

/* What the front-end does, and what it got. */
struct front_end {
	int		sock;
	size_t		piece;		/* bytes of a write; 0 is all */
	bool		stays;		/* does not end its half */
	size_t		out_len;
	size_t		in_len;
	unsigned int	fds;		/* descriptors that came */
	uint8_t		out[WIRE_MAX];
	uint8_t		in[WIRE_MAX];
};

static struct front_end front_end;
static struct p9_conn conn;
static int channel_end;		/* the launcher's */
static int monitor_end;
static int worker_channel;

static void
drop_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static int
set_up(void **state)
{
	int sock[2];

	(void)state;
	alarm(BOUND_S);
	log_init(LOG_LEVEL_TRACE, drop_line, NULL);
	stub_monitor_reset();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock) == -1)
		return -1;
	monitor_end = sock[0];
	stub_monitor.lane.sock = sock[1];
	stub_monitor.lane.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stub_monitor.lane.bell == -1)
		return -1;
	if (channel_create(&channel_end, &worker_channel) != 0)
		return -1;
	memset(&conn, 0, sizeof(conn));
	if (p9_conn_init(&conn, &stub_monitor.lane, worker_channel, 50) != 0)
		return -1;
	front_end.piece = 0;
	front_end.stays = false;
	front_end.out_len = front_end.in_len = 0;
	front_end.fds = 0;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	alarm(0);
	p9_conn_free(&conn);
	close(stub_monitor.lane.sock);
	close(stub_monitor.lane.bell);
	close(worker_channel);
	if (monitor_end != -1)
		close(monitor_end);
	if (channel_end != -1)
		close(channel_end);
	return 0;
}

/*
 * The front-end.
 */

/* Receives what is there, counting and closing descriptors. */
static ssize_t
front_end_receive(struct front_end *f)
{
	struct iovec iov = { f->in + f->in_len, sizeof(f->in) - f->in_len };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *cmsg;
	ssize_t n;
	int fd;

	n = recvmsg(f->sock, &msg, 0);
	if (n <= 0)
		return n;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg != NULL) {
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
		close(fd);
		f->fds++;
	}
	f->in_len += (size_t)n;
	return n;
}

/* Writes one piece, or where there is no room for it reads. */
static bool
front_end_write(struct front_end *f, size_t *at)
{
	size_t piece = f->out_len - *at;
	struct pollfd pfd = { .fd = f->sock, .events = POLLIN | POLLOUT };
	ssize_t n;

	if (f->piece != 0 && piece > f->piece)
		piece = f->piece;
	n = send(f->sock, f->out + *at, piece, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0) {
		*at += (size_t)n;
		return true;
	}
	if (n == -1 && errno != EAGAIN)
		return false;
	poll(&pfd, 1, -1);
	return (pfd.revents & POLLIN) == 0 || front_end_receive(f) > 0;
}

/* Writes all, reading as little as it can; ends its half; reads all. */
static void *
front_end_run(void *arg)
{
	struct front_end *f = arg;
	size_t at = 0;

	while (at < f->out_len && front_end_write(f, &at))
		continue;
	if (!f->stays)
		shutdown(f->sock, SHUT_WR);
	while (front_end_receive(f) > 0)
		continue;
	return NULL;
}

static void
add_bytes(const void *bytes, size_t len)
{
	assert_true(front_end.out_len + len <= sizeof(front_end.out));
	memcpy(front_end.out + front_end.out_len, bytes, len);
	front_end.out_len += len;
}

static void
add_header(uint32_t type, uint32_t size)
{
	const uint32_t header[2] = { type, size };

	add_bytes(header, sizeof(header));
}

static void
add_sample(const struct p9_sample *sample)
{
	add_header(sample->type, (uint32_t)sample->len);
	add_bytes(sample->bytes, sample->len);
}

static void
add_good(uint32_t type)
{
	struct p9_sample sample;

	p9_sample_good(&sample, type);
	add_sample(&sample);
}

/* Lets the front-end do its part; returns the worker's exit status. */
static int
serve(void)
{
	pthread_t thread;
	int sock[2], status;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	front_end.sock = sock[0];
	assert_int_equal(pthread_create(&thread, NULL, front_end_run,
	    &front_end), 0);
	status = p9_conn_serve(&conn, sock[1]);
	close(conn.sock);
	conn.sock = -1;
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(sock[0]);
	return status;
}

static uint32_t
got_word(size_t at)
{
	uint32_t word;

	assert_true(at + sizeof(word) <= front_end.in_len);
	memcpy(&word, front_end.in + at, sizeof(word));
	return word;
}

static bool
is_descriptor_form(uint32_t type)
{
	return type == P9_T_OPEN || type == P9_T_CREATE;
}

/* Passes one successful reply to `type`; returns where the next one starts. */
static size_t
pass_reply(size_t at, uint32_t type)
{
	if (is_descriptor_form(type)) {
		assert_int_equal(got_word(at), P9_FD_VALID);
		return at + 4;
	}
	assert_int_equal(got_word(at), P9_T_SUCCESS);
	return at + P9_HEADER_SIZE + got_word(at + 4);
}

/*
 * Framing.
 */

/* All types behind each other, in pieces of every size that matters. */
static void
test_fragments(void **state)
{
	static const size_t pieces[] = { 0, 1, 2, 3, 7, 8, 9, 100, 1000 };
	size_t at = 0;

	front_end.piece = pieces[*(size_t *)*state];
	for (uint32_t type = P9_T_OPEN; type < P9_T_MAX; type++)
		add_good(type);
	assert_int_equal(serve(), 0);
	for (uint32_t type = P9_T_OPEN; type < P9_T_MAX; type++)
		at = pass_reply(at, type);
	assert_int_equal(at, front_end.in_len);
	assert_int_equal(front_end.fds, 2);
	assert_null(stub_monitor.wrong);
	assert_int_equal(stub_monitor.owed, LANE_OWED_NOTHING);
}

/* More than the buffer holds, with messages across its end. */
static void
test_many(void **state)
{
	const unsigned int count = 20000;
	size_t at = 0;

	(void)state;
	for (unsigned int i = 0; i < count; i++)
		add_good(P9_T_CHMOD);
	assert_int_equal(serve(), 0);
	for (unsigned int i = 0; i < count; i++)
		at = pass_reply(at, P9_T_CHMOD);
	assert_int_equal(at, front_end.in_len);
	assert_int_equal(stub_monitor.count, count);
}

/* The largest message, behind one that puts it at an odd place. */
static void
test_largest(void **state)
{
	static uint8_t payload[P9_PAYLOAD_MAX];

	(void)state;
	add_good(P9_T_CHMOD);
	for (int i = 0; i < 3; i++) {
		add_header(P9_T_LSTAT, sizeof(payload));
		add_bytes(payload, sizeof(payload));
	}
	add_good(P9_T_CHMOD);
	assert_int_equal(serve(), 0);
	assert_int_equal(front_end.in_len, 5 * 12);
	for (size_t i = 1; i < 4; i++)
		assert_int_equal(got_word(i * 12), P9_T_ERROR);
	assert_int_equal(got_word(4 * 12), P9_T_SUCCESS);
}

static void
test_malformed_goes_on(void **state)
{
	(void)state;
	add_header(P9_T_LSTAT, 0);
	add_header(99, 0);
	add_header(P9_T_OPEN, 1);
	add_bytes("x", 1);
	add_good(P9_T_CHMOD);
	assert_int_equal(serve(), 0);
	assert_int_equal(front_end.in_len, 12 + 12 + 4 + 12);
	assert_int_equal((int)got_word(8), -ENOBUFS);
	assert_int_equal((int)got_word(12 + 8), -ENOSYS);
	assert_int_equal((int)got_word(24), -ENOBUFS);
	assert_int_equal(got_word(28), P9_T_SUCCESS);
}

/* Answered in the form that is owed; nothing behind it is looked at. */
static void
test_wrong_size(void **state)
{
	static const struct {
		uint32_t	type;
		size_t		reply;
	} cases[] = {
		{ P9_T_LSTAT, 12 },
		{ P9_T_OPEN, 4 },
		{ P9_T_CREATE, 4 },
		{ 99, 12 },
	};
	size_t i = *(size_t *)*state;

	add_header(cases[i].type, P9_PAYLOAD_MAX + 1);
	add_good(P9_T_CHMOD);
	front_end.stays = true;
	assert_int_equal(serve(), 1);
	assert_int_equal(front_end.in_len, cases[i].reply);
	assert_int_equal((int)got_word(cases[i].reply - 4), -EMSGSIZE);
	assert_int_equal(stub_monitor.count, 0);
	assert_int_equal(stub_monitor.owed, LANE_OWED_NOTHING);
}

/* More replies than the socket holds before the front-end reads any. */
static void
test_slow_reader(void **state)
{
	struct p9_sample sample;
	size_t at = 0;

	(void)state;
	stub_monitor.data_len = 65534;
	p9_sample_make(&sample, P9_T_LGETXATTR, "dzs", 65534, "/a", "user.a");
	for (int i = 0; i < 12; i++)
		add_sample(&sample);
	assert_int_equal(serve(), 0);
	assert_int_equal(front_end.in_len, 12 * (8 + 2 + 65534));
	for (int i = 0; i < 12; i++)
		at = pass_reply(at, P9_T_LGETXATTR);
	assert_int_equal(stub_monitor.owed, LANE_OWED_NOTHING);
}

/*
 * Ends.
 */

static void
test_nothing_sent(void **state)
{
	(void)state;
	assert_int_equal(serve(), 0);
	assert_int_equal(front_end.in_len, 0);
}

/* A request that never gets complete: what is owed is left to the launcher. */
static void
test_end_in_message(void **state)
{
	static const struct {
		uint32_t	type;
		size_t		sent;
		enum lane_owed	owed;
	} cases[] = {
		{ P9_T_OPEN, 1, LANE_OWED_NOTHING },
		{ P9_T_OPEN, 4, LANE_OWED_DESCRIPTOR },
		{ P9_T_CREATE, 8, LANE_OWED_DESCRIPTOR },
		{ P9_T_CREATE, 12, LANE_OWED_DESCRIPTOR },
		{ P9_T_LSTAT, 4, LANE_OWED_HEADER },
		{ P9_T_LSTAT, 9, LANE_OWED_HEADER },
	};
	size_t i = *(size_t *)*state;

	add_good(cases[i].type);
	front_end.out_len = cases[i].sent;
	assert_int_equal(serve(), 1);
	assert_int_equal(stub_monitor.owed, cases[i].owed);
	assert_int_equal(front_end.in_len, 0);
}

/* The front-end is gone before its reply. */
static void
test_gone(void **state)
{
	struct p9_sample sample;
	uint32_t header[2];
	int sock[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	p9_sample_good(&sample, P9_T_LSTAT);
	header[0] = sample.type;
	header[1] = (uint32_t)sample.len;
	assert_int_equal(write(sock[0], header, sizeof(header)), 8);
	assert_int_equal(write(sock[0], sample.bytes, sample.len),
	    sample.len);
	close(sock[0]);
	assert_int_equal(p9_conn_serve(&conn, sock[1]), 0);
	assert_int_equal(stub_monitor.count, 1);
}

static void
stop(void)
{
	assert_int_equal(channel_send(channel_end, CHANNEL_STOP, 0, NULL, 0,
	    NULL, 0), 0);
}

static void
test_stop_when_idle(void **state)
{
	(void)state;
	stop();
	front_end.stays = true;
	assert_int_equal(serve(), 0);
	assert_int_equal(front_end.in_len, 0);
}

/* A request that is there in part gets an answer, in its form. */
static void
test_stop_in_message(void **state)
{
	static const struct {
		uint32_t	type;
		size_t		reply;
	} cases[] = {
		{ P9_T_OPEN, 4 },
		{ P9_T_LSTAT, 12 },
	};
	size_t i = *(size_t *)*state;
	uint32_t header[2] = { cases[i].type, 100 };
	int sock[2];
	uint8_t buf[64];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	assert_int_equal(write(sock[0], header, sizeof(header)), 8);
	stop();
	assert_int_equal(p9_conn_serve(&conn, sock[1]), 0);
	assert_int_equal(recv(sock[0], buf, sizeof(buf), MSG_DONTWAIT),
	    cases[i].reply);
	memcpy(header, buf + cases[i].reply - 4, 4);
	assert_int_equal((int)header[0], -EIO);
	assert_int_equal(stub_monitor.owed, LANE_OWED_NOTHING);
	close(sock[0]);
}

/* A front-end that always has another request does not put the stop off. */
static void
test_stop_when_busy(void **state)
{
	(void)state;
	stop();
	for (int i = 0; i < 1000; i++)
		add_good(P9_T_CHMOD);
	front_end.stays = true;
	assert_int_equal(serve(), 0);
	assert_true(stub_monitor.count < 1000);
	assert_true(front_end.in_len >= (size_t)stub_monitor.count * 12);
}

static void
test_launcher_gone(void **state)
{
	(void)state;
	close(channel_end);
	channel_end = -1;
	front_end.stays = true;
	assert_int_equal(serve(), 1);
}

static void
test_monitor_gone(void **state)
{
	(void)state;
	close(monitor_end);
	monitor_end = -1;
	front_end.stays = true;
	assert_int_equal(serve(), 1);
}

/* Rubbish from the launcher's end ends it, too. */
static void
test_channel_rubbish(void **state)
{
	(void)state;
	assert_int_equal(send(channel_end, "x", 1, 0), 1);
	front_end.stays = true;
	assert_int_equal(serve(), 1);
}

/* A monitor that breaks the protocol: -EIO in the form owed, and the end. */
static void
test_monitor_lies(void **state)
{
	static const struct {
		uint32_t	type;
		size_t		reply;
	} cases[] = {
		{ P9_T_OPEN, 4 },
		{ P9_T_LSTAT, 12 },
	};
	size_t i = *(size_t *)*state;

	stub_monitor.error = 1;
	add_good(cases[i].type);
	front_end.stays = true;
	assert_int_equal(serve(), 1);
	assert_int_equal(front_end.in_len, cases[i].reply);
	assert_int_equal((int)got_word(cases[i].reply - 4), -EIO);
}

static size_t numbers[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };

#define TEST(f)		cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define CASE(f, i)	{ #f " " #i, f, set_up, tear_down, &numbers[i] }

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_fragments, 0),
		CASE(test_fragments, 1),
		CASE(test_fragments, 2),
		CASE(test_fragments, 3),
		CASE(test_fragments, 4),
		CASE(test_fragments, 5),
		CASE(test_fragments, 6),
		CASE(test_fragments, 7),
		CASE(test_fragments, 8),
		TEST(test_many),
		TEST(test_largest),
		TEST(test_malformed_goes_on),
		CASE(test_wrong_size, 0),
		CASE(test_wrong_size, 1),
		CASE(test_wrong_size, 2),
		CASE(test_wrong_size, 3),
		TEST(test_slow_reader),
		TEST(test_nothing_sent),
		CASE(test_end_in_message, 0),
		CASE(test_end_in_message, 1),
		CASE(test_end_in_message, 2),
		CASE(test_end_in_message, 3),
		CASE(test_end_in_message, 4),
		CASE(test_end_in_message, 5),
		TEST(test_gone),
		TEST(test_stop_when_idle),
		CASE(test_stop_in_message, 0),
		CASE(test_stop_in_message, 1),
		TEST(test_stop_when_busy),
		TEST(test_launcher_gone),
		TEST(test_monitor_gone),
		TEST(test_channel_rubbish),
		CASE(test_monitor_lies, 0),
		CASE(test_monitor_lies, 1),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
