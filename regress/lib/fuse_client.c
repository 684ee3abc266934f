/* SPDX-License-Identifier: ISC */
/*
 * FUSE requests into virtqueues and replies out of them. Test code.
 */
#include "fuse_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "procs.h"
#include "tap.h"

#define SLICE_MS	200	/* of waiting, between looks at the socket */
#define MAX_ERRNO	511	/* Linux takes no reply with a larger one */

struct fuse_slot {
	struct fuse_slot	*next;		/* of the free ones */
	uint8_t			*in, *out;	/* in guest memory */
	struct iovec		part[FUSE_MAX_PARTS];	/* of the reply */
	size_t			parts;
	size_t			copied;		/* of the reply, by us */
	size_t			least, most;	/* payload */
	uint64_t		unique;
	void			*user;
	int			lost;		/* timed out, still there */
};

/* FORGETs of all clients share the ring of high priority. */
static pthread_mutex_t forget_lock = PTHREAD_MUTEX_INITIALIZER;

const char *
fuse_result_name(int result)
{
	static const char *const failure[] = { "no reply in time",
	    "the used ring holds nonsense", "returned without a reply",
	    "the reply's length is not the used length",
	    "the reply has another unique", "the reply's error is none",
	    "the reply's payload has a wrong size",
	    "the request does not fit into the ring",
	    "the server has gone" };
	static char text[64];
	const char *name;

	if (result >= 0) {
		snprintf(text, sizeof(text), "success (%d)", result);
		return text;
	}
	if (result <= FUSE_TIMEOUT && result >= FUSE_GONE)
		return failure[FUSE_TIMEOUT - result];
	name = strerrorname_np(-result);
	return name != NULL ? name : "an unknown errno";
}

const char *
fuse_layout_name(enum fuse_layout layout)
{
	static const char *const name[FUSE_LAYOUT_COUNT] = { "linux",
	    "pages", "joined", "odd", "bytes" };

	return name[layout];
}

static void
slot_init(struct fuse_slot *s, struct guest_mem *mem)
{
	s->in = guest_alloc(mem, FUSE_SLOT_AREA, 64);
	s->out = guest_alloc(mem, FUSE_SLOT_AREA, 64);
}

void
fuse_client_init(struct fuse_client *c, struct vhost_front *front,
    unsigned int queue, unsigned int depth)
{
	*c = (struct fuse_client){ .front = front, .queue = queue,
	    .ring = &front->ring[queue], .pid = 1,
	    .timeout_ms = VHOST_TIMEOUT_MS,
	    .depth = depth != 0 ? depth : 1 };
	/* Uniques of several clients never meet; Linux uses even ones. */
	c->unique = (uint64_t)(queue + 1) << 48;
	c->slots = calloc(c->depth + 1, sizeof(c->slots[0]));
	c->segments = calloc(c->ring->size + (size_t)2 * FUSE_MAX_PARTS + 4,
	    sizeof(c->segments[0]));
	if (c->slots == NULL || c->segments == NULL)
		tap_bail("calloc");
	for (unsigned int i = 0; i <= c->depth; i++)
		slot_init(&c->slots[i], &front->mem);
	for (unsigned int i = 0; i < c->depth; i++) {
		c->slots[i].next = c->free_slots;
		c->free_slots = &c->slots[i];
	}
	c->forget_slot = &c->slots[c->depth];
}

void
fuse_client_free(struct fuse_client *c)
{
	for (unsigned int i = 0; c->slots != NULL && i <= c->depth; i++) {
		guest_free(&c->front->mem, c->slots[i].in);
		guest_free(&c->front->mem, c->slots[i].out);
	}
	free(c->slots);
	free(c->segments);
	c->slots = NULL;
	c->segments = NULL;
}

/* The size of piece number i of a run of which so much is left. */
static size_t
layout_piece(const struct fuse_client *c, const uint8_t *at, size_t i,
    size_t left)
{
	static const size_t odd[] = { 1, 2, 3, 5, 7, 11, 13, 17, 64, 129,
	    511, 1027, 4093 };
	size_t piece = left;

	switch (c->layout) {
	case FUSE_LAYOUT_PAGES:
		piece = 4096 - ((uintptr_t)at & 4095);
		break;
	case FUSE_LAYOUT_ODD:
		piece = odd[i % (sizeof(odd) / sizeof(odd[0]))];
		break;
	case FUSE_LAYOUT_BYTES:
		piece = 1;
		break;
	case FUSE_LAYOUT_LINUX:
	case FUSE_LAYOUT_JOINED:
	case FUSE_LAYOUT_COUNT:
	default:
		break;
	}
	return piece < left ? piece : left;
}

/*
 * Cuts runs of bytes into segments, at most about so many: when they get
 * scarce, the rest of a run stays in one. Returns how many.
 */
static size_t
layout_cut(const struct fuse_client *c, const struct iovec *run,
    size_t runs, size_t most, struct iovec *out)
{
	size_t count = 0;

	for (size_t i = 0; i < runs; i++) {
		uint8_t *at = run[i].iov_base;
		size_t left = run[i].iov_len, piece;

		for (size_t k = 0; left > 0; k++) {
			piece = left;
			if (count + (runs - i) < most)
				piece = layout_piece(c, at, k, left);
			out[count++] = (struct iovec){ .iov_base = at,
			    .iov_len = piece };
			at += piece;
			left -= piece;
		}
	}
	return count;
}

/* Offers the runs as one chain. The first run in each direction is the slot's
 * area: the header and what was copied. 0 or FUSE_NO_ROOM. */
static int
slot_offer(struct fuse_client *c, struct vhost_ring *r, struct fuse_slot *s,
    const struct iovec *in, size_t ins, const struct iovec *out,
    size_t outs)
{
	size_t most = r->size / 2u > 2u ? r->size / 2u : 2u, n, w;

	n = layout_cut(c, in, ins, most, c->segments);
	w = layout_cut(c, out, outs, most, c->segments + n);
	return vhost_ring_add(r, c->segments, n, c->segments + n, w, s) == 0 ?
	    0 : FUSE_NO_ROOM;
}

struct runs {
	struct iovec	run[FUSE_MAX_PARTS + 2];
	size_t		count;
	size_t		total;
};

static void
runs_add(struct runs *r, void *base, size_t len)
{
	if (len == 0)
		return;
	r->run[r->count++] = (struct iovec){ .iov_base = base,
	    .iov_len = len };
	r->total += len;
}

static int
part_is_data(const struct fuse_client *c, const struct iovec *part)
{
	return c->layout != FUSE_LAYOUT_JOINED &&
	    guest_contains(&c->front->mem, part->iov_base, part->iov_len);
}

/* As Linux: the header by itself, all arguments together. The other layouts
 * cut through that. */
static void
runs_add_area(struct runs *r, const struct fuse_client *c, uint8_t *area,
    size_t header, size_t len)
{
	if (c->layout == FUSE_LAYOUT_LINUX ||
	    c->layout == FUSE_LAYOUT_PAGES) {
		runs_add(r, area, header);
		runs_add(r, area + header, len - header);
	} else
		runs_add(r, area, len);
}

static int
slot_fill_in(struct fuse_client *c, struct fuse_slot *s,
    const struct fuse_call *call, struct runs *r)
{
	struct fuse_in_header h = { .opcode = call->opcode,
	    .nodeid = call->nodeid, .unique = s->unique, .uid = c->uid,
	    .gid = c->gid, .pid = c->pid };
	size_t at = sizeof(h), i = 0, ext = call->extended ? c->ext_len : 0;

	for (; i < call->in_count; i++) {
		const struct iovec *part = &call->in[i];

		if (part->iov_len > 0 && part_is_data(c, part))
			break;
		if (part->iov_len > FUSE_SLOT_AREA - at)
			return FUSE_NO_ROOM;
		if (part->iov_len > 0)
			memcpy(s->in + at, part->iov_base, part->iov_len);
		at += part->iov_len;
	}
	if (ext > 0) {
		if (FUSE_SLOT_AREA - at < ext + 8)
			return FUSE_NO_ROOM;
		memcpy(s->in + at, c->ext, ext);
		at += ext;
		h.total_extlen = (uint16_t)(ext / 8);
	}
	runs_add_area(r, c, s->in, sizeof(h), at);
	for (; i < call->in_count; i++)
		runs_add(r, call->in[i].iov_base, call->in[i].iov_len);
	h.len = (uint32_t)r->total;
	memcpy(s->in, &h, sizeof(h));
	return 0;
}

static int
slot_fill_out(struct fuse_client *c, struct fuse_slot *s,
    const struct fuse_call *call, struct runs *r)
{
	size_t at = sizeof(struct fuse_out_header), i = 0;

	s->most = 0;
	s->parts = call->out_count;
	for (; i < call->out_count; i++) {
		s->part[i] = call->out[i];
		if (part_is_data(c, &call->out[i]))
			break;
		if (call->out[i].iov_len > FUSE_SLOT_AREA - at)
			return FUSE_NO_ROOM;
		at += call->out[i].iov_len;
	}
	s->copied = at - sizeof(struct fuse_out_header);
	memset(s->out, 0xa5, sizeof(struct fuse_out_header));
	runs_add_area(r, c, s->out, sizeof(struct fuse_out_header), at);
	for (; i < call->out_count; i++) {
		s->part[i] = call->out[i];
		runs_add(r, call->out[i].iov_base, call->out[i].iov_len);
	}
	s->most = r->total - sizeof(struct fuse_out_header);
	s->least = call->out_least;
	return 0;
}

static struct fuse_slot *
slot_take(struct fuse_client *c)
{
	struct fuse_slot *s = c->free_slots;

	if (s == NULL)
		return NULL;
	c->free_slots = s->next;
	c->unique += 2;
	s->unique = c->unique;
	s->lost = 0;
	return s;
}

static void
slot_give(struct fuse_client *c, struct fuse_slot *s)
{
	s->next = c->free_slots;
	c->free_slots = s;
}

static int
slot_submit(struct fuse_client *c, const struct fuse_call *call,
    struct fuse_slot **out)
{
	struct runs in = { .count = 0 }, reply = { .count = 0 };
	struct fuse_slot *s = slot_take(c);
	int error;

	if (s == NULL)
		return FUSE_NO_ROOM;
	if (call->in_count > FUSE_MAX_PARTS ||
	    call->out_count > FUSE_MAX_PARTS)
		tap_bail("too many parts");
	s->user = call->user;
	error = slot_fill_in(c, s, call, &in);
	if (error == 0)
		error = slot_fill_out(c, s, call, &reply);
	if (error == 0)
		error = slot_offer(c, c->ring, s, in.run, in.count,
		    reply.run, reply.count);
	if (error != 0) {
		slot_give(c, s);
		return error;
	}
	c->in_flight++;
	*out = s;
	return 0;
}

/* Gives the caller's parts outside of guest memory what belongs there. */
static void
slot_copy_out(const struct fuse_slot *s, size_t payload)
{
	const uint8_t *from = s->out + sizeof(struct fuse_out_header);
	size_t left = payload < s->copied ? payload : s->copied, n;

	for (size_t i = 0; i < s->parts && left > 0; i++) {
		n = s->part[i].iov_len < left ? s->part[i].iov_len : left;
		memcpy(s->part[i].iov_base, from, n);
		from += n;
		left -= n;
	}
}

/* What a used buffer says: payload length, errno or failure. */
static int
slot_result(struct fuse_client *c, const struct fuse_slot *s, uint32_t used)
{
	size_t payload;

	memset(&c->last, 0, sizeof(c->last));
	if (used == 0)
		return FUSE_NO_REPLY;
	memcpy(&c->last, s->out, sizeof(c->last));
	if (used < sizeof(c->last) || c->last.len != used)
		return FUSE_BAD_LENGTH;
	if (c->last.unique != s->unique)
		return FUSE_BAD_UNIQUE;
	payload = used - sizeof(c->last);
	if (c->last.error > 0 || c->last.error < -MAX_ERRNO ||
	    (c->last.error < 0 && payload > 0))
		return FUSE_BAD_ERROR;
	if (c->last.error < 0)
		return c->last.error;
	if (payload < s->least || payload > s->most)
		return FUSE_BAD_SIZE;
	slot_copy_out(s, payload);
	return (int)payload;
}

/* A server that is dead answers nothing: no need to wait for it. */
static int
client_is_gone(const struct fuse_client *c)
{
	struct pollfd p = { .fd = c->front->sock, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 &&
	    (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

/* vhost_ring_get_wait() that ends with the server. */
static int
client_wait(struct fuse_client *c, struct vhost_ring *r, void **token,
    uint32_t *used, int timeout_ms)
{
	int n, slice;

	do {
		slice = timeout_ms < SLICE_MS ? timeout_ms : SLICE_MS;
		n = vhost_ring_get_wait(r, token, used, slice);
		if (n != -ETIMEDOUT)
			return n;
		timeout_ms -= slice;
		if (client_is_gone(c))
			return FUSE_GONE;
	} while (timeout_ms > 0);
	return 0;
}

/* The next of the client's requests that is done, lost ones left out: 1, or 0
 * after the bound, or a failure. */
static int
slot_wait(struct fuse_client *c, struct fuse_slot **out, uint32_t *used,
    int timeout_ms)
{
	void *token;
	int n;

	for (;;) {
		n = timeout_ms == 0 ? vhost_ring_get(c->ring, &token, used) :
		    client_wait(c, c->ring, &token, used, timeout_ms);
		if (n == 0 || n == FUSE_GONE)
			return n;
		if (n < 0)
			return FUSE_BAD_RING;
		*out = token;
		c->in_flight--;
		if (!(*out)->lost)
			return 1;
		slot_give(c, *out);
	}
}

/* Kicks and waits for one that was just submitted; its used length. */
static int
slot_finish(struct fuse_client *c, struct fuse_slot *s, uint32_t *used)
{
	struct fuse_slot *done;
	int n;

	vhost_ring_kick(c->ring);
	n = slot_wait(c, &done, used, c->timeout_ms);
	if (n <= 0) {
		s->lost = 1;
		/* It hangs: no need to wait as long for all that follows. */
		if (c->timeout_ms > 1000)
			c->timeout_ms = 1000;
		return n == 0 ? FUSE_TIMEOUT : n;
	}
	if (done != s)
		tap_bail("a request while others are in flight");
	return 0;
}

int
fuse_request(struct fuse_client *c, const struct fuse_call *call)
{
	struct fuse_slot *s;
	uint32_t used;
	int result = slot_submit(c, call, &s);

	if (result != 0)
		return result;
	result = slot_finish(c, s, &used);
	if (result != 0)
		return result;
	result = slot_result(c, s, used);
	slot_give(c, s);
	return result;
}

int
fuse_submit(struct fuse_client *c, const struct fuse_call *call)
{
	struct fuse_slot *s;

	return slot_submit(c, call, &s);
}

void
fuse_kick(struct fuse_client *c)
{
	vhost_ring_kick(c->ring);
}

int
fuse_collect(struct fuse_client *c, void **user, int *result, int timeout_ms)
{
	struct fuse_slot *s;
	uint32_t used;
	int n = slot_wait(c, &s, &used, timeout_ms);

	if (n <= 0)
		return n;
	*result = slot_result(c, s, used);
	if (user != NULL)
		*user = s->user;
	slot_give(c, s);
	return 1;
}

int
fuse_raw(struct fuse_client *c, const void *request, size_t len, void *reply,
    size_t room)
{
	struct runs in = { .count = 0 }, out = { .count = 0 };
	struct fuse_slot *s = slot_take(c);
	uint32_t used = 0;
	int result;

	if (s == NULL || len > FUSE_SLOT_AREA || room > FUSE_SLOT_AREA)
		tap_bail("no room for a raw request");
	memcpy(s->in, request, len);
	memset(s->out, 0xa5, room);
	runs_add(&in, s->in, len);
	runs_add(&out, s->out, room);
	result = slot_offer(c, c->ring, s, in.run, in.count, out.run,
	    out.count);
	if (result != 0)
		tap_bail("no room for a raw request");
	c->in_flight++;
	result = slot_finish(c, s, &used);
	if (result != 0)
		return result;
	memcpy(reply, s->out, room);
	slot_give(c, s);
	return (int)used;
}

/* In the ring of high priority, under its lock. */
static int
forget_send(struct fuse_client *c, const struct runs *in)
{
	struct vhost_ring *r = &c->front->ring[0];
	long long end = procs_now_ms() + c->timeout_ms;
	void *token = NULL;
	uint32_t used;
	int n;

	if (slot_offer(c, r, c->forget_slot, in->run, in->count, NULL, 0) != 0)
		return FUSE_NO_ROOM;
	vhost_ring_kick(r);
	do {
		n = client_wait(c, r, &token, &used, c->timeout_ms);
		if (n == FUSE_GONE)
			return n;
		if (n == 0 || procs_now_ms() > end)
			return FUSE_TIMEOUT;
		if (n < 0)
			return FUSE_BAD_RING;
		/* Another one may have been given up before. */
	} while (token != c->forget_slot);
	return used == 0 ? 0 : FUSE_BAD_LENGTH;
}

static int
forget_request(struct fuse_client *c, const struct fuse_call *call)
{
	struct runs in = { .count = 0 };
	int result;

	c->unique += 2;
	c->forget_slot->unique = c->unique;
	result = slot_fill_in(c, c->forget_slot, call, &in);
	if (result != 0)
		return result;
	pthread_mutex_lock(&forget_lock);
	result = forget_send(c, &in);
	pthread_mutex_unlock(&forget_lock);
	return result;
}

int
fuse_forget(struct fuse_client *c, uint64_t nodeid, uint64_t nlookup)
{
	struct fuse_forget_in arg = { .nlookup = nlookup };
	struct iovec in = { .iov_base = &arg, .iov_len = sizeof(arg) };
	struct fuse_call call = { .opcode = FUSE_FORGET, .nodeid = nodeid,
	    .in = &in, .in_count = 1 };

	return forget_request(c, &call);
}

int
fuse_batch_forget(struct fuse_client *c, const struct fuse_forget_one *list,
    uint32_t count)
{
	struct fuse_batch_forget_in arg = { .count = count };
	struct iovec in[2] = {
		{ .iov_base = &arg, .iov_len = sizeof(arg) },
		{ .iov_base = (void *)(uintptr_t)list,
		    .iov_len = count * sizeof(list[0]) } };
	struct fuse_call call = { .opcode = FUSE_BATCH_FORGET, .in = in,
	    .in_count = 2 };

	return forget_request(c, &call);
}
