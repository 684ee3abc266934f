/*
 * SPDX-License-Identifier: ISC
 *
 * Several threads over one monitor, as its lanes have them: each request is
 * handed to dispatch_request() by a thread with a struct op of its own.  It is
 * most worth below ThreadSanitizer; but also without, what is done by a handle
 * must be done to that inode, and in the end nothing may be left over.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "regress/unit/monitor_fixture.h"

#define HANDLES	64
#define THREADS	4
#define ROUNDS	3000

/* A thread of the monitor, with the requests that it gets. */
struct server {
	pthread_t		thread;
	unsigned int		number;
	void			(*body)(struct server *);
	struct pen_message	message;
	struct op		op;
	uint8_t			data[MONITOR_PAYLOAD_MAX];
	uint32_t		random;
	long			wrong;
};

static struct monitor_fixture f;
static uint64_t dir_handle;
static int fds_before;

static uint32_t
draw(struct server *s, uint32_t n)
{
	s->random = s->random * 1103515245 + 12345;
	return (s->random >> 8) % n;
}

static int
run(struct server *s)
{
	const char *wrong;

	if (s->op.reply_fd != -1)
		close(s->op.reply_fd);
	s->op.request = s->message.request;
	memcpy(s->op.payload, s->message.payload,
	    pen_payload_len(&s->message));
	s->op.reply_data = s->data;
	wrong = dispatch_request(&f.m, &s->op);
	if (wrong != NULL) {
		fprintf(stderr, "%s: %s\n", pen_op_name(
		    s->message.request.op), wrong);
		s->op.reply_fd = -1;
		s->wrong++;
		return -EPROTO;
	}
	return s->op.reply.error;
}

static void
good(struct server *s, uint32_t op, uint64_t handle)
{
	pen_good(&s->message, op, PEN_BY_HANDLE, handle);
}

static uint64_t
look_up(struct server *s, uint64_t dir, const char *name)
{
	good(s, MONITOR_LOOKUP, dir);
	pen_set_part(&s->message, PEN_NAME0, name, strlen(name));
	return run(s) == 0 ? s->op.reply.handle : 0;
}

static void
forget(struct server *s, uint64_t handle, uint64_t count)
{
	const struct monitor_forget entry = { handle, count };

	good(s, MONITOR_FORGET, 0);
	pen_set_part(&s->message, PEN_DATA, &entry, sizeof(entry));
	run(s);
}

static void
fail_if(struct server *s, bool wrong, const char *what)
{
	if (!wrong)
		return;
	fprintf(stderr, "thread %u: %s: %s, error %d\n", s->number,
	    pen_op_name(s->message.request.op), what, s->op.reply.error);
	s->wrong++;
}

/* The handle is of that inode, or of none any more. */
static void
use_handle(struct server *s, uint64_t handle, uint64_t ino)
{
	struct stat st;

	good(s, MONITOR_SETATTR, handle);
	pen_set_part(&s->message, PEN_NAME0, "", 0);
	s->message.request.u.setattr.mode = 02640;
	fail_if(s, run(s) == 0 && s->op.reply.u.attr.ino != ino,
	    "another inode");
	good(s, MONITOR_OPEN, handle);
	pen_set_part(&s->message, PEN_NAME0, "", 0);
	if (run(s) == 0)
		fail_if(s, fstat(s->op.reply_fd, &st) == -1 ||
		    st.st_ino != ino, "another inode");
}

/* Every operation, with handles and streams that come and go. */
static void
use_all(struct server *s)
{
	uint64_t dir = dir_handle, stream = 0;
	uint32_t op;

	for (int i = 0; i < ROUNDS; i++) {
		if (s->op.reply.error == -ESTALE)
			dir = look_up(s, MONITOR_ROOT_HANDLE, "dir");
		op = 1 + draw(s, MONITOR_OP_MAX - 1);
		if (!pen_fits(op, PEN_BY_HANDLE) ||
		    (op == MONITOR_RESET && i % 4 != 0))
			continue;
		good(s, op, dir);
		if (op >= MONITOR_READDIR && op <= MONITOR_RELEASEDIR)
			s->message.request.u.stream.stream = stream;
		run(s);
		if (op == MONITOR_OPENDIR)
			stream = s->op.reply.handle;
		fail_if(s, s->op.reply.error > 0 ||
		    s->op.reply.error < -4095, "no errno");
		good(s, MONITOR_UNLINK, dir);
		pen_set_part(&s->message, PEN_NAME0, "new-name", 8);
		run(s);
	}
}

static void
use_inodes(struct server *s)
{
	static const char *const names[] = { "file", "victim" };
	uint64_t handle, ino;

	for (int i = 0; i < ROUNDS; i++) {
		handle = look_up(s, dir_handle, names[draw(s, 2)]);
		if (handle == 0)
			continue;
		ino = s->op.reply.u.attr.ino;
		use_handle(s, handle, ino);
		forget(s, handle, draw(s, 3) == 0 ? UINT64_MAX : 1);
	}
}

/* Reads, uses what was read later, renames it meanwhile. */
static void
use_late(struct server *s)
{
	static const char *const names[] = { "file", "victim" };
	struct monitor_dirent head;
	struct monitor_attr attr;
	uint64_t stream;
	size_t at;

	for (int i = 0; i < ROUNDS / 10; i++) {
		good(s, MONITOR_OPENDIR, dir_handle);
		if (run(s) != 0)
			continue;
		stream = s->op.reply.handle;
		good(s, MONITOR_READDIRPLUS, dir_handle);
		s->message.request.u.readdir.stream = stream;
		fail_if(s, run(s) != 0 && s->op.reply.error != -ENFILE,
		    "not read");
		for (at = 0; at < s->op.reply.data_len; at += sizeof(head) +
		    sizeof(attr) + (head.name_len + 7) / 8 * 8) {
			uint32_t len = s->op.reply.data_len;

			memcpy(&head, s->data + at, sizeof(head));
			memcpy(&attr, s->data + at + sizeof(head),
			    sizeof(attr));
			if (head.handle == 0)
				continue;
			use_handle(s, head.handle, attr.ino);
			forget(s, head.handle, 1);
			s->op.reply.data_len = len;
		}
		good(s, MONITOR_RELEASEDIR, dir_handle);
		s->message.request.u.stream.stream = stream;
		fail_if(s, run(s) != 0, "not released");
		good(s, MONITOR_RENAME, dir_handle);
		pen_set_part(&s->message, PEN_NAME0, names[i % 2],
		    strlen(names[i % 2]));
		pen_set_part(&s->message, PEN_NAME1, names[(i + 1) % 2],
		    strlen(names[(i + 1) % 2]));
		s->message.request.u.rename.flags = 2;	/* EXCHANGE */
		run(s);
	}
}

/* Ids and bits that take a capability for a moment: each thread's own. */
static void
make_setgid(struct server *s)
{
	const uint32_t gid = 7777 + s->number;
	uint64_t made;
	char name[16];

	snprintf(name, sizeof(name), "made-%u", s->number);
	for (int i = 0; i < ROUNDS; i++) {
		good(s, MONITOR_MKDIR, dir_handle);
		pen_set_part(&s->message, PEN_NAME0, name, strlen(name));
		s->message.request.u.mkdir.mode = 0750;
		if (geteuid() == 0)
			s->message.request.u.mkdir.owner.gid = gid;
		fail_if(s, run(s) != 0 || (geteuid() == 0 &&
		    s->op.reply.u.attr.gid != gid), "group");
		made = s->op.reply.handle;
		good(s, MONITOR_SETATTR, made);
		pen_set_part(&s->message, PEN_NAME0, "", 0);
		s->message.request.u.setattr.valid = MONITOR_SET_MODE;
		s->message.request.u.setattr.mode = 02750;
		fail_if(s, run(s) != 0 || (geteuid() == 0 &&
		    (s->op.reply.u.attr.mode & 07777) != 02750), "mode");
		forget(s, made, 1);
		good(s, MONITOR_RMDIR, dir_handle);
		pen_set_part(&s->message, PEN_NAME0, name, strlen(name));
		fail_if(s, run(s) != 0, "not removed");
	}
}

static void *
server_run(void *arg)
{
	struct server *s = arg;

	s->body(s);
	if (s->op.reply_fd != -1)
		close(s->op.reply_fd);
	return NULL;
}

/* Runs these bodies at the same time. */
static void
run_threads(void (*const bodies[THREADS])(struct server *))
{
	static struct server servers[THREADS];
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		servers[i] = (struct server){ .number = i,
		    .body = bodies[i], .random = i + 1,
		    .op = { .reply_fd = -1, .creds = f.m.creds } };
		assert_int_equal(pthread_create(&servers[i].thread, NULL,
		    server_run, &servers[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(servers[i].thread, NULL), 0);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(servers[i].wrong, 0);
}

static void
test_all(void **state)
{
	(void)state;
	run_threads((void (*const [])(struct server *)){ use_all, use_all,
	    use_all, use_all });
}

static void
test_inodes(void **state)
{
	(void)state;
	run_threads((void (*const [])(struct server *)){ use_inodes,
	    use_inodes, use_inodes, use_late });
}

static void
test_late(void **state)
{
	(void)state;
	run_threads((void (*const [])(struct server *)){ use_late, use_late,
	    use_late, use_inodes });
	/* Everybody has forgotten what he looked up. */
	assert_int_equal(f.m.streams.used, 0);
	assert_int_equal(f.m.handles.used, 2);
	assert_int_equal(f.m.handles.open, 2);
}

static void
test_setgid(void **state)
{
	(void)state;
	run_threads((void (*const [])(struct server *)){ make_setgid,
	    make_setgid, make_setgid, use_inodes });
}

static int
set_up(void **state)
{
	static struct pen_message message;

	(void)state;
	fds_before = fixture_count_fds();
	if (fixture_open(&f, MONITOR_BY_HANDLE, HANDLES) != 0)
		return -1;
	f.m.streams.limit = HANDLES;
	pen_good(&message, MONITOR_LOOKUP, PEN_BY_HANDLE,
	    MONITOR_ROOT_HANDLE);
	pen_set_part(&message, PEN_NAME0, "dir", 3);
	if (fixture_run(&f, &message) != NULL || f.op.reply.error != 0)
		return -1;
	dir_handle = f.op.reply.handle;
	return 0;
}

static int
tear_down(void **state)
{
	int fds;

	(void)state;
	fixture_close(&f);
	close(f.base_fd);
	fds = fixture_count_fds();
	if (fds != fds_before)
		fprintf(stderr, "%d descriptors, %d before\n", fds,
		    fds_before);
	return fds == fds_before ? 0 : -1;
}

#define CASE(test)	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_all), CASE(test_inodes), CASE(test_late),
		CASE(test_setgid)
	};
	struct caps_set caps;

	/* As the monitor has them: FSETID is raised when it is needed. */
	caps_default(&caps);
	if (geteuid() == 0 && caps_apply_monitor(&caps) != 0)
		return 1;
	log_init(LOG_LEVEL_OFF, NULL, NULL);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
