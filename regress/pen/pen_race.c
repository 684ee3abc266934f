/*
 * SPDX-License-Identifier: ISC
 *
 * Requests that change while they are read.  A second thread writes two values
 * in turn to one place of a slot that is submitted again and again: a monitor
 * that reads anything twice would check one and use the other.  Test code.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "regress/pen/pen_worker.h"

#define ROUNDS	20000

struct flip {
	volatile uint8_t	*at;
	const uint8_t		*value[2];
	size_t			 len;
	_Atomic bool		 stop;
};

/* The values that a word, or a text, has in turn. */
struct race_row {
	uint32_t	 op;
	enum {
		IN_REQUEST,	/* `offset` in struct monitor_request */
		IN_PAYLOAD,	/* in the payload */
		IN_RING		/* the first slot numbers of the ring */
	}		 where;
	size_t		 offset;
	size_t		 len;
	const void	*value[2];
	int		 errors[2];	/* what a good one may answer */
};

#define OF(field)	offsetof(struct monitor_request, field)
#define U16(n)		(&(const uint16_t){ (n) })
#define U32(n)		(&(const uint32_t){ (n) })
#define U64(n)		(&(const uint64_t){ (n) })

static const struct race_row race_table[RACES] = {
	[RACE_OP_GOOD] = { MONITOR_GETATTR, IN_REQUEST, OF(op), 4,
	    { U32(MONITOR_GETATTR), U32(MONITOR_STATFS) }, { 0, 0 } },
	[RACE_NAME_GOOD] = { MONITOR_GETATTR, IN_PAYLOAD, 3, 4,
	    { "file", "none" }, { 0, -ENOENT } },
	[RACE_SPLIT_GOOD] = { MONITOR_GETATTR, IN_REQUEST,
	    OF(place[0].path_len), 4, { "\3\0\4\0", "\0\0\7\0" },
	    { 0, -ENOENT } },
	[RACE_FLAGS_GOOD] = { MONITOR_SETATTR, IN_REQUEST, OF(u.setattr.mode),
	    4, { U32(0640), U32(0604) }, { 0, 0 } },
	[RACE_XATTR_GOOD] = { MONITOR_SETXATTR, IN_REQUEST,
	    OF(u.setxattr.name_len), 4, { U32(8), U32(9) }, { 0, 0 } },
	[RACE_OP] = { MONITOR_GETATTR, IN_REQUEST, OF(op), 4,
	    { U32(MONITOR_GETATTR), U32(UINT32_MAX) }, { 0, 0 } },
	[RACE_NAME_DOTS] = { MONITOR_RMDIR, IN_PAYLOAD, 3, 2,
	    { "ok", ".." }, { 0, 0 } },
	[RACE_NAME_SLASH] = { MONITOR_MKDIR, IN_PAYLOAD, 3, 6,
	    { "abcdef", "../../" }, { 0, 0 } },
	[RACE_NAME_NUL] = { MONITOR_MKDIR, IN_PAYLOAD, 5, 1,
	    { "x", "\0" }, { 0, 0 } },
	[RACE_NAME_LEN] = { MONITOR_GETATTR, IN_REQUEST, OF(place[0].name_len),
	    2, { U16(4), U16(300) }, { 0, 0 } },
	[RACE_PATH_NUL] = { MONITOR_GETATTR, IN_PAYLOAD, 1, 1,
	    { "i", "\0" }, { 0, 0 } },
	[RACE_PATH_LEN] = { MONITOR_GETATTR, IN_REQUEST, OF(place[0].path_len),
	    2, { U16(3), U16(4096) }, { 0, 0 } },
	[RACE_DATA_LEN] = { MONITOR_SETXATTR, IN_REQUEST, OF(data_len), 4,
	    { U32(13), U32(UINT32_MAX) }, { 0, 0 } },
	[RACE_PAD] = { MONITOR_GETATTR, IN_REQUEST, OF(place[1].pad), 4,
	    { U32(0), U32(1) }, { 0, 0 } },
	[RACE_HANDLE] = { MONITOR_GETATTR, IN_REQUEST, OF(place[0].handle), 8,
	    { U64(MONITOR_ROOT_HANDLE), U64(MONITOR_ROOT_HANDLE + 1) },
	    { 0, 0 } },
	[RACE_FLAGS] = { MONITOR_OPEN, IN_REQUEST, OF(u.open.flags), 4,
	    { U32(O_RDONLY), U32(O_CREAT | O_PATH) }, { 0, 0 } },
	[RACE_TAIL_ARGS] = { MONITOR_OPEN, IN_REQUEST,
	    OF(u.bytes) + 87, 1, { "\0", "\1" }, { 0, 0 } },
	[RACE_XATTR_LEN] = { MONITOR_SETXATTR, IN_REQUEST,
	    OF(u.setxattr.name_len), 4, { U32(8), U32(UINT32_MAX) },
	    { 0, 0 } },
	[RACE_SLOT] = { MONITOR_GETATTR, IN_RING, 0, 4,
	    { U32(0), U32(1000) }, { 0, 0 } },
};

static void *
flip_values(void *arg)
{
	struct flip *flip = arg;

	for (unsigned int n = 0; !atomic_load(&flip->stop); n++)
		for (size_t i = 0; i < flip->len; i++)
			flip->at[i] = flip->value[n % 2][i];
	return NULL;
}

static volatile uint8_t *
race_place(struct pen_worker *w, const struct race_row *row)
{
	switch (row->where) {
	case IN_REQUEST:
		return (uint8_t *)lane_request(w->lane, 0) + row->offset;
	case IN_PAYLOAD:
		return lane_payload(w->lane, 0) + row->offset;
	case IN_RING:
		break;
	}
	return (volatile uint8_t *)w->lane->shared->submit;
}

static void
race_fill(struct pen_worker *w, const struct race_row *row)
{
	static struct pen_message message;
	static const uint8_t xs[64] = { [0 ... 63] = 'x' };

	pen_good(&message, row->op, PEN_BY_PATH, 0);
	/* After the path "dir" there is the name. */
	if (row->where == IN_PAYLOAD && row->offset == 3)
		pen_set_part(&message, PEN_NAME0, row->value[0], row->len);
	memcpy(message.payload + pen_payload_len(&message), xs, sizeof(xs));
	worker_fill(w, 0, &message);
}

int64_t
attack_race(struct pen_worker *w, enum pen_race race)
{
	const struct race_row *row = &race_table[race];
	struct flip flip = { .value = { row->value[0], row->value[1] },
	    .len = row->len };
	struct monitor_reply reply;
	struct effort effort;
	pthread_t thread;
	int fd;

	race_fill(w, row);
	flip.at = race_place(w, row);
	if (pthread_create(&thread, NULL, flip_values, &flip) != 0)
		return -1;
	effort_begin(&effort, ROUNDS);
	while (effort_goes_on(&effort)) {
		fd = -1;
		if (worker_exchange(w, 0, &reply, &fd) != 1)
			break;
		if (fd != -1)
			close(fd);
		if (race >= RACE_GOOD || reply.error == row->errors[0] ||
		    reply.error == row->errors[1])
			effort.good++;
	}
	atomic_store(&flip.stop, true);
	pthread_join(thread, NULL);
	return effort_end(&effort);
}
