/*
 * SPDX-License-Identifier: ISC
 *
 * LOOKUP, FORGET, RESET.  Runs privileged.  Trusts nothing in a request beyond
 * what dispatch.c checked.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "monitor/attr.h"
#include "monitor/dispatch.h"

int
entry_add(struct monitor *m, struct op *op, int fd)
{
	struct handle_key key;
	int error;

	error = attr_get(fd, "", AT_EMPTY_PATH, &op->reply.u.attr, &key);
	if (error != 0) {
		close(fd);
		return error;
	}
	return handle_add(&m->handles, &key, fd, &op->reply.handle);
}

int
op_lookup(struct monitor *m, struct op *op)
{
	struct place *place = &op->place[0];
	struct handle_key key;
	int error, fd;

	error = attr_get(place->fd, place->name, AT_SYMLINK_NOFOLLOW,
	    &op->reply.u.attr, &key);
	if (error != 0)
		return error;
	if (handle_find(&m->handles, &key, place->fd, place->name,
	    &op->reply.handle) == 0)
		return 0;
	fd = resolve_target(place);
	/* Whatever has the name by now: the key and the fd must agree. */
	return fd < 0 ? fd : entry_add(m, op, fd);
}

int
op_forget(struct monitor *m, struct op *op)
{
	struct monitor_forget forget;
	uint32_t at;

	/* One way: a handle that is gone already is none of its concern. */
	for (at = 0; at < op->data_len; at += sizeof(forget)) {
		memcpy(&forget, op->data + at, sizeof(forget));
		handle_forget(&m->handles, forget.handle, forget.count);
	}
	return 0;
}

int
op_reset(struct monitor *m, struct op *op)
{
	(void)op;
	stream_remove_all(&m->streams);
	handle_forget_all(&m->handles);
	return 0;
}
