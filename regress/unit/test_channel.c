/*
 * SPDX-License-Identifier: ISC
 *
 * The channel with a hostile other side: messages of wrong lengths,
 * descriptors that nobody asked for, the end of the connection.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/channel.h"

#define FDS_MAX	250	/* of one packet: SCM_MAX_FD is 253 */

static int ours, theirs;

static int
count_fds(void)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			n++;
	closedir(dir);
	return n;
}

static int
set_up(void **state)
{
	(void)state;
	return channel_create(&ours, &theirs);
}

static int
tear_down(void **state)
{
	(void)state;
	close(ours);
	if (theirs != -1)
		close(theirs);
	return 0;
}

/* Sends any packet at all, with `nfds` descriptors. */
static void
send_raw(const void *bytes, size_t len, size_t nfds)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = { 0 };
	int fds[FDS_MAX];
	size_t i;

	for (i = 0; i < nfds; i++)
		fds[i] = theirs;
	if (nfds > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fds,
		    nfds * sizeof(int));
	}
	assert_int_equal(sendmsg(theirs, &msg, MSG_DONTWAIT), len);
}

static void
test_round_trip(void **state)
{
	struct channel_message message;
	char line[LOG_LINE_MAX];
	int fds[CHANNEL_FDS_MAX], got[CHANNEL_FDS_MAX];
	size_t nfds = 99, i;

	(void)state;
	memset(line, 'x', sizeof(line));
	assert_int_equal(channel_send(theirs, CHANNEL_LOG, 3, line,
	    sizeof(line), NULL, 0), 0);
	assert_int_equal(channel_receive(ours, &message, NULL, 0, NULL),
	    sizeof(line));
	assert_int_equal(message.type, CHANNEL_LOG);
	assert_int_equal(message.arg, 3);
	assert_memory_equal(message.data, line, sizeof(line));

	assert_int_equal(channel_send(theirs, CHANNEL_READY, 0, NULL, 0, NULL,
	    0), 0);
	assert_int_equal(channel_receive(ours, &message, got, 2, &nfds), 0);
	assert_int_equal(nfds, 0);

	for (i = 0; i < CHANNEL_FDS_MAX; i++)
		fds[i] = theirs;
	assert_int_equal(channel_send(theirs, CHANNEL_CONFIG, 0, "c", 1, fds,
	    CHANNEL_FDS_MAX), 0);
	assert_int_equal(channel_receive(ours, &message, got, CHANNEL_FDS_MAX,
	    &nfds), 1);
	assert_int_equal(nfds, CHANNEL_FDS_MAX);
	for (i = 0; i < nfds; i++) {
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		close(got[i]);
	}
}

static void
test_send_refuses(void **state)
{
	char line[LOG_LINE_MAX + 1] = "";
	int fds[CHANNEL_FDS_MAX + 1] = { 0 };

	(void)state;
	assert_int_equal(channel_send(theirs, CHANNEL_LOG, 0, line,
	    sizeof(line), NULL, 0), -EINVAL);
	assert_int_equal(channel_send(theirs, CHANNEL_LOG, 0, line, 0, fds,
	    CHANNEL_FDS_MAX + 1), -EINVAL);
}

static void
test_lengths(void **state)
{
	static const struct {
		size_t	len;
		int	want;
	} cases[] = {
		{ 1, -EPROTO }, { 4, -EPROTO }, { 7, -EPROTO }, { 8, 0 },
		{ 9, 1 }, { 8 + LOG_LINE_MAX, LOG_LINE_MAX },
		{ 9 + LOG_LINE_MAX, -EPROTO }, { 60000, -EPROTO },
		{ 0, -ENODATA },
	};
	struct channel_message message;
	char bytes[60000];

	(void)state;
	memset(bytes, 1, sizeof(bytes));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		send_raw(bytes, cases[i].len, 0);
		assert_int_equal(channel_receive(ours, &message, NULL, 0,
		    NULL), cases[i].want);
	}
	/* What follows a bad one is read all the same. */
	send_raw(bytes, 8, 0);
	assert_int_equal(channel_receive(ours, &message, NULL, 0, NULL), 0);
}

/* Descriptors where none, or fewer, are expected are never kept. */
static void
test_surplus_fds(void **state)
{
	static const size_t counts[] = { 1, 2, 3, 4, 5, 6, 100, FDS_MAX };
	static const size_t lengths[] = { 3, 8, 20, 2000 };
	struct channel_message message;
	int before = count_fds(), fds[CHANNEL_FDS_MAX], n;
	size_t i, j, room, nfds;

	(void)state;
	memset(&message, 0, sizeof(message));
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
			for (room = 0; room < counts[i] &&
			    room <= CHANNEL_FDS_MAX; room++) {
				char bytes[2000] = "";

				send_raw(bytes, lengths[j], counts[i]);
				n = channel_receive(ours, &message, fds, room,
				    &nfds);
				assert_int_equal(n, -EPROTO);
				assert_int_equal(count_fds(), before);
			}
		}
	}
	/* The right number with a message of a wrong length. */
	send_raw("abc", 3, 2);
	assert_int_equal(channel_receive(ours, &message, fds, 2, &nfds),
	    -EPROTO);
	assert_int_equal(count_fds(), before);
}

static void
test_end(void **state)
{
	struct channel_message message;

	(void)state;
	fcntl(ours, F_SETFL, O_NONBLOCK);
	assert_int_equal(channel_receive(ours, &message, NULL, 0, NULL),
	    -EAGAIN);
	/* What was sent before the end is not lost. */
	assert_int_equal(channel_send(theirs, CHANNEL_LOG, 1, "x", 1, NULL, 0),
	    0);
	assert_int_equal(channel_send(ours, CHANNEL_STOP, 0, NULL, 0, NULL, 0),
	    0);
	close(theirs);
	theirs = -1;
	/* Something unread there makes it a reset, which comes first. */
	assert_int_equal(channel_receive(ours, &message, NULL, 0, NULL), 1);
	assert_int_equal(channel_receive(ours, &message, NULL, 0, NULL),
	    -ENODATA);
	assert_int_equal(channel_send(ours, CHANNEL_STOP, 0, NULL, 0, NULL, 0),
	    -EPIPE);
}

static void
test_full(void **state)
{
	struct channel_message message;
	char line[LOG_LINE_MAX];
	int n = 0;

	(void)state;
	memset(line, 'x', sizeof(line));
	while (channel_send(theirs, CHANNEL_LOG, 1, line, sizeof(line), NULL,
	    0) == 0)
		assert_true(++n < 100000);
	assert_int_equal(channel_send(theirs, CHANNEL_LOG, 1, line,
	    sizeof(line), NULL, 0), -EAGAIN);
	/* A log line is lost then, and nobody waits. */
	channel_log(&theirs, LOG_LEVEL_ERROR, "lost");
	fcntl(ours, F_SETFL, O_NONBLOCK);
	while (channel_receive(ours, &message, NULL, 0, NULL) >= 0) {
		assert_int_equal(message.data[0], 'x');
		n--;
	}
	assert_int_equal(n, 0);
	channel_log(&theirs, LOG_LEVEL_ERROR, "kept");
	assert_int_equal(channel_receive(ours, &message, NULL, 0, NULL), 4);
	assert_int_equal(message.arg, LOG_LEVEL_ERROR);
	assert_memory_equal(message.data, "kept", 4);
}

#define CASE(test)							\
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_round_trip), CASE(test_send_refuses),
		CASE(test_lengths), CASE(test_surplus_fds), CASE(test_end),
		CASE(test_full)
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
