/*
 * SPDX-License-Identifier: ISC
 *
 * A worker that was taken over uses several of its lanes at the same time,
 * each in a thread of its own.  Whatever the others do, what a handle is used
 * for must happen to the inode that it was given for, or not at all: each
 * thread knows which that is, by its number, and counts what is wrong.  Test
 * code.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "regress/pen/pen_client.h"

#define ROUNDS		2000
#define CLIENTS		6	/* threads of most storms */

/* What they tell each other. */
static _Atomic uint64_t shared_handles[STORM_KEYS];
static _Atomic uint64_t shared_stream[2];

/* STORM_FORGET. */

static void
use_keys(struct client *c)
{
	uint64_t handle, ino;
	uint32_t key;
	char name[8];

	for (int i = 0; client_goes_on(c, i, ROUNDS); i++) {
		key = client_draw(c, STORM_KEYS);
		snprintf(name, sizeof(name), "k%u", key);
		handle = client_look_up(c, c->w->dir, name);
		if (handle == 0) {
			client_wrong(c, "not found");
			continue;
		}
		ino = c->reply.u.attr.ino;
		atomic_store(&shared_handles[key], handle);
		client_use_handle(c, handle, ino,
		    STORM_OWNER_FORGET + key);
		client_forget(c, handle, 1);
	}
}

/* Takes away what others use; and what is nearly that. */
static void
forget_keys(struct client *c)
{
	uint64_t handle;

	for (int i = 0; client_goes_on(c, i, 4 * ROUNDS); i++) {
		handle = atomic_load(&shared_handles[client_draw(c,
		    STORM_KEYS)]);
		if (i % 4 == 0)
			handle += UINT64_C(1) << 32;
		if (handle != c->w->dir)
			client_forget(c, handle, UINT64_MAX);
	}
}

/* Has descriptors' numbers used for what nobody may touch. */
static void
open_others(struct client *c)
{
	uint64_t handle;
	char name[8];

	for (int i = 0; client_goes_on(c, i, 2 * ROUNDS); i++) {
		snprintf(name, sizeof(name), "o%u", client_draw(c, STORM_KEYS));
		handle = client_look_up(c, c->w->dir, name);
		if (handle == 0) {
			client_wrong(c, "not found");
			continue;
		}
		/* It may have been guessed, and forgotten, by forget_keys(). */
		if (client_send_bare(c, MONITOR_OPEN, handle) != 0 &&
		    c->reply.error != -ESTALE)
			client_wrong(c, "not opened");
		client_forget(c, handle, 1);
	}
}

/* STORM_RESET. */

static void
reset(struct client *c)
{
	for (int i = 0; client_goes_on(c, i, ROUNDS); i++) {
		client_good(c, MONITOR_RESET, 0);
		if (client_send(c) != 0)
			client_wrong(c, "RESET fails");
	}
}

/* Every operation in its good form, on what may be gone any moment. */
static void
use_all(struct client *c)
{
	static const char *const made[] = { "new-file", "new-fifo",
	    "new-link", "new-name" };
	uint32_t op;

	for (int i = 0; client_goes_on(c, i, 2 * ROUNDS); i++) {
		if (i % 8 == 0 || c->reply.error == -ESTALE)
			c->dir = client_look_up(c, MONITOR_ROOT_HANDLE, "dir");
		op = 1 + client_draw(c, MONITOR_OP_MAX - 1);
		if (op == MONITOR_RESET || !pen_fits(op, PEN_BY_HANDLE))
			continue;
		client_good(c, op, c->dir);
		if (op >= MONITOR_READDIR && op <= MONITOR_RELEASEDIR)
			/* In all of them it is the first. */
			c->message.request.u.stream.stream = c->stream;
		if (client_send(c) == 0 && op == MONITOR_OPENDIR)
			c->stream = c->reply.handle;
		if (c->fd != -1 && op != MONITOR_OPEN &&
		    op != MONITOR_CREATE && op != MONITOR_TMPFILE)
			client_wrong(c, "a descriptor");
		/* What it made is in its way. */
		client_good(c, MONITOR_UNLINK, c->dir);
		client_set_name(c, made[i % 4]);
		client_send(c);
	}
}

/* Where the entries of an answer end, if it is one of READDIRPLUS. */
static uint64_t
last_offset(const struct client *c)
{
	struct monitor_dirent head = { .offset = 0 };
	size_t at = 0;

	while (c->message.request.op == MONITOR_READDIRPLUS &&
	    at + sizeof(head) <= c->reply.data_len) {
		memcpy(&head, client_data(c) + at, sizeof(head));
		at += sizeof(head) + sizeof(struct monitor_attr) +
		    (head.name_len + 7) / 8 * 8;
	}
	return head.offset;
}

/* STORM_STREAM: stream 0 is of "dir", 1 of "sub" in it. */

/* Whether the answer is of entries of that directory, and of nothing else. */
static bool
is_listing(const struct client *c, bool plus, bool sub)
{
	struct monitor_dirent head;
	size_t at = 0, step = sizeof(head) +
	    (plus ? sizeof(struct monitor_attr) : 0);
	const uint8_t *name;

	while (at < c->reply.data_len) {
		memcpy(&head, client_data(c) + at, sizeof(head));
		name = client_data(c) + at + step;
		at += step + (head.name_len + 7) / 8 * 8;
		if (head.name_len == 0 || head.name_len > MONITOR_NAME_MAX ||
		    at > c->reply.data_len)
			return false;
		if (name[0] != '.' && (name[0] == 's' && name[1] == '-') !=
		    sub)
			return false;
	}
	return at == c->reply.data_len;
}

static void
forget_listing(struct client *c)
{
	static _Thread_local uint8_t copy[MONITOR_PAYLOAD_MAX];
	const size_t step = sizeof(struct monitor_dirent) +
	    sizeof(struct monitor_attr);
	size_t at, len = c->reply.data_len;
	struct monitor_dirent head;

	memcpy(copy, client_data(c), len);
	for (at = 0; at < len && !c->over;
	    at += step + (head.name_len + 7) / 8 * 8) {
		memcpy(&head, copy + at, sizeof(head));
		if (head.handle != 0)
			client_forget(c, head.handle, 1);
	}
}

static int
read_stream(struct client *c, uint32_t op, uint64_t dir, uint64_t stream,
    uint64_t offset)
{
	client_good(c, op, dir);
	c->message.request.u.readdir = (struct monitor_readdir_request){
	    .stream = stream, .offset = offset, .size = 2048,
	    .entry_size = 24 };
	return client_send(c);
}

static void
read_streams(struct client *c)
{
	uint64_t dirs[2] = { c->w->dir, client_look_up(c, c->w->dir, "sub") };
	uint64_t stream;
	bool plus;

	for (int i = 0; client_goes_on(c, i, ROUNDS); i++) {
		unsigned int of = client_draw(c, 2);
		unsigned int in = client_draw(c, 8) == 0 ? !of : of;

		plus = client_draw(c, 2) == 0;
		stream = atomic_load(&shared_stream[of]);
		if (read_stream(c, plus ? MONITOR_READDIRPLUS :
		    MONITOR_READDIR, dirs[in], stream, client_draw(c, 3)) != 0)
			continue;
		if (!is_listing(c, plus, of == 1))
			client_wrong(c, "another listing");
		else if (plus)
			forget_listing(c);
		if (in != of)
			client_wrong(c, "another directory's stream");
	}
}

static void
renew_streams(struct client *c)
{
	uint64_t dirs[2] = { c->w->dir, client_look_up(c, c->w->dir, "sub") };
	unsigned int of;

	for (int i = 0; client_goes_on(c, i, 2 * ROUNDS); i++) {
		of = client_draw(c, 2);
		if (client_draw(c, 2) == 0) {
			client_good(c, MONITOR_OPENDIR, dirs[of]);
			if (client_send(c) != 0) {
				if (c->reply.error != -ENFILE)
					client_wrong(c, "not opened");
				continue;
			}
			c->stream = atomic_exchange(&shared_stream[of],
			    c->reply.handle);
		} else
			c->stream = atomic_load(&shared_stream[of]);
		client_good(c, MONITOR_RELEASEDIR, dirs[of]);
		c->message.request.u.stream.stream = c->stream;
		if (client_send(c) != 0 && c->reply.error != -EBADF)
			client_wrong(c, "not released");
	}
}

/* STORM_LATE: the host has the entries changed meanwhile. */

static void
use_late(struct client *c)
{
	static _Thread_local uint8_t copy[MONITOR_PAYLOAD_MAX];
	const size_t step = sizeof(struct monitor_dirent) +
	    sizeof(struct monitor_attr);
	struct monitor_attr attr;
	struct monitor_dirent head;
	size_t at, len;

	client_good(c, MONITOR_OPENDIR, c->dir);
	if (client_send(c) != 0)
		return;
	c->stream = c->reply.handle;
	if (read_stream(c, MONITOR_READDIRPLUS, c->dir, c->stream, 0) == 0) {
		len = c->reply.data_len;
		memcpy(copy, client_data(c), len);
		for (at = 0; at < len && !c->over;
		    at += step + (head.name_len + 7) / 8 * 8) {
			memcpy(&head, copy + at, sizeof(head));
			memcpy(&attr, copy + at + sizeof(head), sizeof(attr));
			if (head.handle == 0)
				continue;
			client_use_handle(c, head.handle, attr.ino,
			    STORM_OWNER_LATE);
			client_forget(c, head.handle, 1);
		}
	}
	client_good(c, MONITOR_RELEASEDIR, c->dir);
	c->message.request.u.stream.stream = c->stream;
	client_send(c);
}

static void
use_late_often(struct client *c)
{
	c->dir = client_look_up(c, c->w->dir, "late");
	for (int i = 0; client_goes_on(c, i, ROUNDS / 10); i++)
		use_late(c);
}

/* STORM_CREATE: the host puts other things in the place of what was made. */

static void
make(struct client *c, uint32_t op, const char *name, uint32_t id)
{
	const struct monitor_owner owner = { id, id };
	struct monitor_request *request = &c->message.request;

	client_good(c, op, c->dir);
	client_set_name(c, name);
	switch (op) {
	case MONITOR_CREATE:
		request->u.create.mode = 04755;
		request->u.create.owner = owner;
		break;
	case MONITOR_MKNOD:
		request->u.mknod.mode = S_IFREG | 0755;
		request->u.mknod.owner = owner;
		break;
	case MONITOR_MKDIR:
		request->u.mkdir.mode = 01755;
		request->u.mkdir.owner = owner;
		break;
	default:
		request->u.symlink.owner = owner;
		break;
	}
	/* Where the name is looked up after, it may be the host's or another
	 * client's by then: as by LOOKUP. */
	if (client_send(c) == 0 && c->reply.u.attr.uid != id &&
	    (op == MONITOR_CREATE || (c->reply.u.attr.uid != 0 &&
	    c->reply.u.attr.uid - STORM_OWNER_CREATE >= CLIENTS)))
		client_wrong(c, "another owner");
	if (c->reply.error == 0)
		client_forget(c, c->reply.handle, 1);
}

static void
make_often(struct client *c)
{
	static const uint32_t ops[] = { MONITOR_CREATE, MONITOR_MKNOD,
	    MONITOR_MKDIR, MONITOR_SYMLINK };
	char name[8];

	c->dir = client_look_up(c, c->w->dir, "make");
	for (int i = 0; client_goes_on(c, i, ROUNDS); i++) {
		snprintf(name, sizeof(name), "c%u", client_draw(c, 2));
		make(c, ops[client_draw(c, 4)], name, STORM_OWNER_CREATE +
		    c->number);
		client_good(c, MONITOR_UNLINK, c->dir);
		client_set_name(c, name);
		if (client_send(c) == -EISDIR) {
			client_good(c, MONITOR_RMDIR, c->dir);
			client_set_name(c, name);
			client_send(c);
		}
	}
}

/* STORM_EXHAUST. */

/* One more of a thread's kind: a name, a stream, a new file, late handles. */
static int
use_one(struct client *c, uint64_t many, int i)
{
	char name[32];

	switch (c->number % 4) {
	case 0:
		snprintf(name, sizeof(name), "n%d", i);
		client_look_up(c, many, name);
		return c->reply.error;
	case 1:
		client_good(c, MONITOR_OPENDIR, many);
		return client_send(c);
	case 2:
		snprintf(name, sizeof(name), "x%u-%d", c->number, i);
		client_good(c, MONITOR_CREATE, many);
		client_set_name(c, name);
		return client_send(c);
	default:
		if (c->stream == 0) {
			client_good(c, MONITOR_OPENDIR, many);
			if (client_send(c) != 0)
				return c->reply.error;
			c->stream = c->reply.handle;
		}
		return read_stream(c, MONITOR_READDIRPLUS, many, c->stream,
		    last_offset(c));
	}
}

/* Goes on until one kind is used up, and then still opens files. */
static void
use_up(struct client *c)
{
	uint64_t file = client_look_up(c, c->w->dir, "file");
	uint64_t many = client_look_up(c, c->w->dir, "many");
	int error = 0;

	/* Others may have used everything up already. */
	for (int i = 0; i < STORM_MANY && many != 0 && error == 0; i++)
		error = use_one(c, many, i);
	if (many != 0 && error != -ENFILE)
		client_wrong(c, "no limit was met");
	for (int i = 0; i < ROUNDS / 10 && file != 0 && !c->over; i++)
		if (client_send_bare(c, MONITOR_OPEN, file) != 0)
			client_wrong(c, "at the limit nothing is opened");
}

/* STORM_SCRIBBLE. */

static void
scribble(struct client *c)
{
	static const uint32_t values[] = { 0, 1, 2, 3, 16, 28, 0x2e2e2e2e,
	    0x2f2e2e2f, 255, 4095, 65535, 0x80000000, UINT32_MAX };
	_Atomic uint32_t *words;
	size_t n;

	for (int i = 0; i < 500 * ROUNDS; i++) {
		struct lane *lane = &c->w->lanes[client_draw(c, CLIENTS)];
		uint32_t what = client_draw(c, 3);

		words = what == 0 ? (void *)lane->shared :
		    (void *)lane_slot(lane, client_draw(c, 2));
		n = (what == 0 ? sizeof(struct lane_shared) : 512) / 4;
		/* Rarely what ends it for certain; a bit most times. */
		if (what == 0 && client_draw(c, 64) != 0)
			continue;
		words += client_draw(c, (uint32_t)n);
		if (client_draw(c, 2) == 0)
			atomic_fetch_xor(words,
			    UINT32_C(1) << client_draw(c, 32));
		else
			atomic_store(words, values[client_draw(c,
			    sizeof(values) / sizeof(values[0]))]);
	}
}

struct storm {
	unsigned int	n;		/* of threads; 0: one for each lane */
	void		(*body[CLIENTS])(struct client *);
};

static const struct storm storms[] = {
	[STORM_FORGET] = { CLIENTS, { use_keys, use_keys, use_keys, use_keys,
	    forget_keys, open_others } },
	[STORM_RESET] = { CLIENTS, { use_all, use_all, use_all, use_all,
	    use_late_often, reset } },
	[STORM_STREAM] = { CLIENTS, { read_streams, read_streams,
	    read_streams, read_streams, renew_streams, renew_streams } },
	[STORM_LATE] = { 4, { use_late_often, use_late_often, use_late_often,
	    use_late_often } },
	[STORM_CREATE] = { 4, { make_often, make_often, make_often,
	    make_often } },
	[STORM_EXHAUST] = { 0, { use_up } },
	[STORM_SCRIBBLE] = { CLIENTS, { use_all, use_all, use_keys, use_late,
	    read_streams, scribble } },
};

static void *
client_run(void *arg)
{
	struct client *c = arg;

	c->body(c);
	if (c->fd != -1)
		close(c->fd);
	return NULL;
}

int64_t
attack_storm(struct pen_worker *w, enum pen_storm number)
{
	const struct storm *storm = &storms[number];
	unsigned int i, n = storm->n == 0 ? w->config.nlanes : storm->n;
	static struct client clients[WORKER_VIRTIOFS_LANES];
	pthread_t threads[WORKER_VIRTIOFS_LANES];
	int64_t result = 0;

	for (i = 0; i < n; i++) {
		clients[i] = (struct client){ .w = w, .lane = &w->lanes[i],
		    .number = i, .body = storm->body[storm->n == 0 ? 0 : i],
		    .fd = -1, .random = 88172645463325252 + i * 7919,
		    .dir = w->dir, .began_ms = worker_now_ms() };
		if (pthread_create(&threads[i], NULL, client_run,
		    &clients[i]) != 0)
			return -1;
	}
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < n; i++) {
		if (clients[i].over)
			return -1;
		result += clients[i].wrong;
	}
	return result;
}
