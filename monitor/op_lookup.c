/*
 * SPDX-License-Identifier: ISC
 *
 * LOOKUP, FORGET.  Runs privileged.  Trusts nothing in a request beyond what
 * dispatch.c checked.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "monitor/attr.h"
#include "monitor/dispatch.h"

int
op_lookup(struct monitor *m, struct op *op)
{
	struct place *place = &op->place[0];
	struct monitor_attr *attr = &op->reply.u.attr;
	struct handle_key key;
	int error, fd;

	error = attr_get(place->fd, place->name, AT_SYMLINK_NOFOLLOW, attr,
	    &key);
	if (error != 0)
		return error;
	if (handle_find(&m->handles, &key, &op->reply.handle) == 0)
		return 0;
	fd = resolve_target(place);
	if (fd < 0)
		return fd;
	/* Whatever has the name by now: the key and the fd must agree. */
	error = attr_get(fd, "", AT_EMPTY_PATH, attr, &key);
	if (error != 0) {
		close(fd);
		return error;
	}
	return handle_add(&m->handles, &key, fd, &op->reply.handle);
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
