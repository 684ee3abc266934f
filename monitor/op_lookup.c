/*
 * SPDX-License-Identifier: ISC
 *
 * LOOKUP, PARENT, FORGET, RESET.  Runs privileged.  Trusts nothing in a request
 * beyond what dispatch.c checked.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "monitor/attr.h"
#include "monitor/dispatch.h"

/* A path of PATH_MAX bytes has no more, if each name has one. */
#define LOOKUP_DEPTH_MAX	(MONITOR_PATH_MAX / 2)

int
entry_attr(struct op *op, int dir_fd, const char *name,
    struct monitor_attr *attr_out, struct handle_key *key_out)
{
	int error;

	error = attr_get(dir_fd, name, AT_SYMLINK_NOFOLLOW, attr_out, key_out);
	/* What is not there is no mount. */
	if (creds_are_own(&op->creds) || error == -ENOENT ||
	    (error == 0 && attr_out->dev == op->creds.dev))
		return error;
	creds_own(&op->creds);
	return attr_get(dir_fd, name, AT_SYMLINK_NOFOLLOW, attr_out, key_out);
}

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

	/* By ".", it is ENOTDIR of what is no directory. */
	if (!place->has_name) {
		fd = resolve_entry(place->fd, ".");
		return fd < 0 ? fd : entry_add(m, op, fd);
	}
	error = entry_attr(op, place->fd, place->name, &op->reply.u.attr,
	    &key);
	if (error != 0)
		return error;
	if (handle_find(&m->handles, &key, place->fd, place->name,
	    &op->reply.handle) == 0)
		return 0;
	fd = resolve_target(place);
	/* Whatever has the name by now: the key and the fd must agree. */
	return fd < 0 ? fd : entry_add(m, op, fd);
}

/*
 * Goes up from the directory `fd`.  Returns 0 if that leads to the export's
 * root; -ENOENT if it ends elsewhere, as the kernel has it for a directory that
 * was moved out of a bind mount (path_connected() in fs/namei.c).
 *
 * Who renames directories meanwhile does not make it pass by the root: each
 * step is to the directory that is above at that time.  Only the host can move
 * one in or out, and what it has moved out keeps its handle in any case.
 */
static int
lookup_beneath(const struct monitor *m, int fd)
{
	struct handle_key key, below = { 0 };
	struct monitor_attr attr;
	int at = fd, depth, error, next;

	for (depth = 0; depth < LOOKUP_DEPTH_MAX; depth++) {
		error = attr_get(at, "", AT_EMPTY_PATH, &attr, &key);
		if (error == 0 && handle_key_same(&key, &m->root))
			break;
		/* The root of all is above itself. */
		if (error == 0 && handle_key_same(&key, &below))
			error = -ENOENT;
		next = error != 0 ? error : resolve_above(at);
		if (at != fd)
			close(at);
		if (next < 0)
			return next;
		at = next;
		below = key;
	}
	if (at != fd)
		close(at);
	return depth < LOOKUP_DEPTH_MAX ? 0 : -ENAMETOOLONG;
}

int
op_parent(struct monitor *m, struct op *op)
{
	struct place *place = &op->place[0];
	struct monitor_attr attr;
	struct handle_key key;
	int error, fd;

	/* Whatever may be above. */
	creds_own(&op->creds);
	error = attr_get(place->fd, "", AT_EMPTY_PATH, &attr, &key);
	if (error != 0)
		return error;
	/* The root is above itself, as in chroot(2). */
	if (handle_key_same(&key, &m->root))
		fd = resolve_entry(place->fd, ".");
	else
		fd = resolve_above(place->fd);
	if (fd < 0)
		return fd;
	error = lookup_beneath(m, fd);
	if (error == 0)
		return entry_add(m, op, fd);
	close(fd);
	return error;
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
