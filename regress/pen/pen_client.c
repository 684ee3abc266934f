/*
 * SPDX-License-Identifier: ISC
 *
 * One thread of the fake worker's and its lane: requests by handle, and what
 * no answer to one may ever be.  Test code.
 */
#include "config.h"

#include "regress/pen/pen_client.h"

#include <sys/stat.h>

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS	20000	/* to wait for one answer */
#define ROUNDS_LEAST	20
#define ROUNDS_MS	10000

bool
client_goes_on(const struct client *c, int round, int most)
{
	return !c->over && round < most && (round < ROUNDS_LEAST ||
	    worker_now_ms() - c->began_ms < ROUNDS_MS);
}

uint32_t
client_draw(struct client *c, uint32_t n)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return (uint32_t)(c->random >> 16) % n;
}

const uint8_t *
client_data(const struct client *c)
{
	return lane_payload(c->lane, 0);
}

void
client_wrong(struct client *c, const char *what)
{
	if (c->wrong++ < 3)
		log_error("thread %u: %s: %s, error %d", c->number,
		    pen_op_name(c->message.request.op), what,
		    c->reply.error);
}

int
client_send(struct client *c)
{
	uint64_t end;
	uint32_t slot;
	int result;

	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	if (c->over)
		return -EPROTO;
	*lane_request(c->lane, 0) = c->message.request;
	memcpy(lane_payload(c->lane, 0), c->message.payload,
	    pen_payload_len(&c->message));
	lane_submit(c->lane, 0);
	end = worker_now_ms() + PATIENCE_MS;
	while ((result = lane_reap(c->lane, &slot, &c->reply, &c->fd)) == 0 &&
	    worker_now_ms() <= end)
		sched_yield();
	c->over = result != 1;
	if (c->over)
		return -EPROTO;
	/* The host's own limits are never what a request runs into. */
	if (c->reply.error > 0 || c->reply.error < -4095 ||
	    c->reply.error == -EMFILE || c->reply.error == -EBADFD ||
	    c->reply.error == -EFAULT)
		client_wrong(c, "a strange answer");
	return c->reply.error;
}

void
client_good(struct client *c, uint32_t op, uint64_t handle)
{
	pen_good(&c->message, op, PEN_BY_HANDLE, handle);
}

void
client_set_name(struct client *c, const char *name)
{
	pen_set_part(&c->message, PEN_NAME0, name, strlen(name));
}

uint64_t
client_look_up(struct client *c, uint64_t dir, const char *name)
{
	client_good(c, MONITOR_LOOKUP, dir);
	client_set_name(c, name);
	return client_send(c) == 0 ? c->reply.handle : 0;
}

void
client_forget(struct client *c, uint64_t handle, uint64_t count)
{
	const struct monitor_forget entry = { handle, count };

	client_good(c, MONITOR_FORGET, 0);
	pen_set_part(&c->message, PEN_DATA, &entry, sizeof(entry));
	if (client_send(c) != 0)
		client_wrong(c, "FORGET fails");
}

int
client_send_bare(struct client *c, uint32_t op, uint64_t handle)
{
	client_good(c, op, handle);
	pen_set_part(&c->message, PEN_NAME0, "", 0);
	return client_send(c);
}

static int
change_owner(struct client *c, uint64_t handle, uint32_t uid)
{
	client_good(c, MONITOR_SETATTR, handle);
	pen_set_part(&c->message, PEN_NAME0, "", 0);
	c->message.request.u.setattr = (struct monitor_setattr_request){
	    .valid = MONITOR_SET_UID, .owner = { uid, 0 } };
	return client_send(c);
}

/* Whether the descriptor that came is of that inode. */
static bool
is_of(const struct client *c, uint64_t ino)
{
	struct stat st;

	return c->fd != -1 && fstat(c->fd, &st) == 0 && st.st_ino == ino;
}

void
client_use_handle(struct client *c, uint64_t handle, uint64_t ino, uint32_t uid)
{
	if (client_send_bare(c, MONITOR_GETATTR, handle) == 0 &&
	    c->reply.u.attr.ino != ino)
		client_wrong(c, "another inode");
	if (change_owner(c, handle, uid) == 0 && c->reply.u.attr.ino != ino)
		client_wrong(c, "another inode");
	if (client_send_bare(c, MONITOR_OPEN, handle) == 0 && !is_of(c, ino))
		client_wrong(c, "another inode");
}
