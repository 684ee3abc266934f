/*
 * SPDX-License-Identifier: ISC
 *
 * The handlers of the 9p-proxy requests: what the fields mean to the monitor,
 * and what its answer means to QEMU.  The fields were written by a hostile
 * guest or front-end; what they look like was checked, what they say was not.
 * Runs sandboxed.
 */
#include "config.h"

#include "worker/p9_ops.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "worker/p9_dispatch.h"

#define OPS_PERMISSIONS		07777
#define OPS_NO_ID		UINT32_MAX	/* -1 on the wire */
#define OPS_NSEC_MAX		999999999
#define OPS_XATTR_VALUE_MAX	65536		/* of 9p; strings end before */
/* O_TMPFILE without the bit of O_DIRECTORY that it includes (open(2)). */
#define OPS_TMPFILE		(O_TMPFILE & ~O_DIRECTORY)

/*
 * Completions.
 */

/* For all but the descriptor form. */
static void
answer_error(struct p9_request *request, int error)
{
	p9_reply_error(request->reply, P9_FORM_HEADER, error);
}

/* Answers an error of the monitor's.  Returns whether there was one. */
static bool
answer_failure(struct p9_request *request, const struct monitor_reply *reply,
    int fd)
{
	if (fd != -1)
		close(fd);
	if (reply->error == 0)
		return false;
	answer_error(request, reply->error);
	return true;
}

static void
finish_status(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct p9_request *request = arg;

	(void)data;
	if (!answer_failure(request, reply, fd))
		p9_reply_status(request->reply, 0);
}

static void
finish_descriptor(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct p9_request *request = arg;

	(void)data;
	if (reply->error == 0 && fd != -1) {
		p9_reply_descriptor(request->reply, fd);
		return;
	}
	if (fd != -1)
		close(fd);
	p9_reply_error(request->reply, P9_FORM_DESCRIPTOR, reply->error);
}

static void
finish_stat(void *arg, const struct monitor_reply *reply, const uint8_t *data,
    int fd)
{
	struct p9_request *request = arg;

	(void)data;
	if (!answer_failure(request, reply, fd))
		p9_reply_stat(request->reply, &reply->u.attr);
}

static void
finish_statfs(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct p9_request *request = arg;

	(void)data;
	if (!answer_failure(request, reply, fd))
		p9_reply_statfs(request->reply, &reply->u.statfs);
}

static void
finish_generation(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct p9_request *request = arg;

	(void)data;
	if (!answer_failure(request, reply, fd))
		p9_reply_generation(request->reply, reply->u.generation);
}

/* A link's target.  Cutting it, as the helper does, would make it another. */
static void
finish_target(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct p9_request *request = arg;

	if (answer_failure(request, reply, fd))
		return;
	if (reply->data_len > request->limit)
		answer_error(request, -ENAMETOOLONG);
	else
		p9_reply_string(request->reply, data, reply->data_len);
}

/* The value or the list, or how long it is. */
static void
finish_xattr(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct p9_request *request = arg;

	if (answer_failure(request, reply, fd))
		return;
	if (request->limit == 0)
		p9_reply_status(request->reply, reply->size);
	else if (reply->data_len > request->limit)
		answer_error(request, -ERANGE);
	else
		p9_reply_string(request->reply, data, reply->data_len);
}

/* A directory is removed by the same request as all else. */
static void
finish_unlink(void *arg, const struct monitor_reply *reply,
    const uint8_t *data, int fd)
{
	struct p9_request *request = arg;
	int error;

	if (reply->error != -EISDIR) {
		finish_status(arg, reply, data, fd);
		return;
	}
	if (fd != -1)
		close(fd);
	error = monitor_rmdir(request->monitor, &request->fields.where[0],
	    finish_status, request);
	if (error != 0)
		answer_error(request, error);
}

/*
 * Handlers.
 */

/* -1 means the server's own id, which is root's. */
static struct monitor_owner
owner_of(uint32_t uid, uint32_t gid)
{
	return (struct monitor_owner){
		.uid = uid == OPS_NO_ID ? 0 : uid,
		.gid = gid == OPS_NO_ID ? 0 : gid,
	};
}

/*
 * Returns those of `flags` that the monitor takes, or -EINVAL.  QEMU means
 * nothing by the others: the descriptor is made without them.
 */
static int
known_flags(uint32_t flags, uint32_t known)
{
	if ((flags & O_ACCMODE) == O_ACCMODE ||
	    (flags & (O_PATH | OPS_TMPFILE)) != 0)
		return -EINVAL;
	return (int)(flags & known);
}

int
p9_op_open(struct p9_request *request)
{
	const struct p9_fields *fields = &request->fields;
	int flags = known_flags(fields->number[0],
	    MONITOR_OPEN_FLAGS & ~O_DIRECT);

	if (flags < 0)
		return flags;
	return monitor_open(request->monitor, &fields->where[0],
	    (uint32_t)flags, finish_descriptor, request);
}

int
p9_op_create(struct p9_request *request)
{
	const struct p9_fields *fields = &request->fields;
	uint32_t wire = fields->number[0];
	int flags = known_flags(wire,
	    MONITOR_CREATE_FLAGS & ~O_DIRECT);
	struct monitor_create_request create = {
		.mode = fields->number[1] & OPS_PERMISSIONS,
		.owner = owner_of(fields->number[2], fields->number[3]),
	};

	if (flags < 0)
		return flags;
	if ((wire & O_DIRECTORY) != 0)
		return -EINVAL;
	if (fields->where[0].name_len == 0)
		return (wire & O_EXCL) != 0 ? -EEXIST : -EISDIR;
	create.flags = (uint32_t)flags;
	return monitor_create(request->monitor, &fields->where[0], &create,
	    finish_descriptor, request);
}

int
p9_op_mknod(struct p9_request *request)
{
	const struct p9_fields *fields = &request->fields;
	uint32_t type = fields->number[2] & S_IFMT;
	struct monitor_mknod_request mknod = {
		.owner = owner_of(fields->number[0], fields->number[1]),
	};

	switch (type) {
	case 0:
		type = S_IFREG;
		break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFCHR:
	case S_IFBLK:
		mknod.rdev = fields->wide[0];
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	mknod.mode = type | (fields->number[2] & OPS_PERMISSIONS);
	return monitor_mknod(request->monitor, &fields->where[0], &mknod,
	    finish_status, request);
}

int
p9_op_mkdir(struct p9_request *request)
{
	const struct p9_fields *fields = &request->fields;
	const struct monitor_mkdir_request mkdir = {
		.owner = owner_of(fields->number[0], fields->number[1]),
		.mode = fields->number[2] & OPS_PERMISSIONS,
	};

	return monitor_mkdir(request->monitor, &fields->where[0], &mkdir,
	    finish_status, request);
}

int
p9_op_symlink(struct p9_request *request)
{
	const struct p9_fields *fields = &request->fields;
	struct monitor_owner owner;

	owner = owner_of(fields->number[0], fields->number[1]);
	return monitor_symlink(request->monitor, &fields->where[0], owner,
	    fields->string[0].bytes, fields->string[0].len, finish_status,
	    request);
}

int
p9_op_link(struct p9_request *request)
{
	const struct p9_fields *fields = &request->fields;

	/* What has no name is a directory, and those have one only. */
	if (fields->where[0].name_len == 0)
		return -EPERM;
	return monitor_link(request->monitor, &fields->where[0],
	    &fields->where[1], finish_status, request);
}

int
p9_op_lstat(struct p9_request *request)
{
	return monitor_getattr(request->monitor, &request->fields.where[0],
	    finish_stat, request);
}

int
p9_op_readlink(struct p9_request *request)
{
	uint32_t size = request->fields.number[0];

	if (size == 0 || size > INT32_MAX)
		return -EINVAL;
	if (size > P9_READLINK_MAX)
		size = P9_READLINK_MAX;
	request->limit = size - 1;	/* QEMU adds a NUL */
	return monitor_readlink(request->monitor, &request->fields.where[0],
	    finish_target, request);
}

int
p9_op_statfs(struct p9_request *request)
{
	return monitor_statfs(request->monitor, &request->fields.where[0],
	    finish_statfs, request);
}

static int
set_attributes(struct p9_request *request,
    const struct monitor_setattr_request *set)
{
	return monitor_setattr(request->monitor, &request->fields.where[0],
	    set, finish_status, request);
}

int
p9_op_chmod(struct p9_request *request)
{
	/* A Linux guest leaves the type in it. */
	const struct monitor_setattr_request set = {
		.valid = MONITOR_SET_MODE,
		.mode = request->fields.number[0] & OPS_PERMISSIONS,
	};

	return set_attributes(request, &set);
}

int
p9_op_chown(struct p9_request *request)
{
	const uint32_t *id = request->fields.number;
	struct monitor_setattr_request set = { 0 };

	if (id[0] != OPS_NO_ID) {
		set.valid |= MONITOR_SET_UID;
		set.owner.uid = id[0];
	}
	if (id[1] != OPS_NO_ID) {
		set.valid |= MONITOR_SET_GID;
		set.owner.gid = id[1];
	}
	/* QEMU's way of saying that only the ctime changes. */
	if (set.valid == 0)
		set.valid = MONITOR_SET_CTIME;
	return set_attributes(request, &set);
}

int
p9_op_truncate(struct p9_request *request)
{
	const struct monitor_setattr_request set = {
		.valid = MONITOR_SET_SIZE,
		.size = (int64_t)request->fields.wide[0],
	};

	if (set.size < 0)
		return -EINVAL;
	return set_attributes(request, &set);
}

/*
 * One time of utimensat(2).  Adds `now` or `set` to `*valid`, or nothing;
 * beside UTIME_NOW and UTIME_OMIT the seconds mean nothing.
 */
static int
take_time(const uint64_t wire[2], struct monitor_time *time, uint32_t *valid,
    uint32_t set, uint32_t now)
{
	if (wire[1] == UTIME_OMIT)
		return 0;
	if (wire[1] == UTIME_NOW) {
		*valid |= now;
		return 0;
	}
	if (wire[1] > OPS_NSEC_MAX)
		return -EINVAL;
	time->sec = (int64_t)wire[0];
	time->nsec = (uint32_t)wire[1];
	*valid |= set;
	return 0;
}

int
p9_op_utime(struct p9_request *request)
{
	const uint64_t *wire = request->fields.wide;
	struct monitor_setattr_request set = { 0 };
	int error;

	error = take_time(wire, &set.atime, &set.valid, MONITOR_SET_ATIME,
	    MONITOR_SET_ATIME_NOW);
	if (error == 0)
		error = take_time(wire + 2, &set.mtime, &set.valid,
		    MONITOR_SET_MTIME, MONITOR_SET_MTIME_NOW);
	if (error != 0)
		return error;
	/* utimensat(2): a success that does not even look at the path. */
	if (set.valid == 0) {
		p9_reply_status(request->reply, 0);
		return 0;
	}
	return set_attributes(request, &set);
}

int
p9_op_rename(struct p9_request *request)
{
	const struct p9_fields *fields = &request->fields;

	return monitor_rename(request->monitor, &fields->where[0],
	    &fields->where[1], 0, finish_status, request);
}

int
p9_op_remove(struct p9_request *request)
{
	const struct monitor_where *where = &request->fields.where[0];

	/* What ends in one of these is a directory: as rmdir(2) has it. */
	switch (request->fields.path[0].last) {
	case P9_LAST_ROOT:
		return -EBUSY;
	case P9_LAST_DOT:
		return -EINVAL;
	case P9_LAST_DOTDOT:
		return -ENOTEMPTY;
	case P9_LAST_SLASH:
		return monitor_rmdir(request->monitor, where, finish_status,
		    request);
	case P9_LAST_NAME:
		break;
	}
	return monitor_unlink(request->monitor, where, finish_unlink,
	    request);
}

/* Takes the client's size of an answer, an int, 0 if it asks for the length. */
static int
take_limit(struct p9_request *request, uint32_t size)
{
	if (size > INT32_MAX)
		return -EINVAL;
	request->limit = size < P9_STRING_MAX ? size : P9_STRING_MAX;
	return 0;
}

int
p9_op_lgetxattr(struct p9_request *request)
{
	const struct p9_fields *fields = &request->fields;
	int error;

	error = take_limit(request, fields->number[0]);
	if (error != 0)
		return error;
	return monitor_getxattr(request->monitor, &fields->where[0],
	    fields->string[1].bytes, fields->string[1].len, request->limit,
	    finish_xattr, request);
}

int
p9_op_llistxattr(struct p9_request *request)
{
	const struct p9_fields *fields = &request->fields;
	int error;

	error = take_limit(request, fields->number[0]);
	if (error != 0)
		return error;
	return monitor_listxattr(request->monitor, &fields->where[0],
	    request->limit, finish_xattr, request);
}

int
p9_op_lsetxattr(struct p9_request *request)
{
	const struct p9_fields *fields = &request->fields;
	const struct p9_span *name = &fields->string[1];
	const struct p9_span *value = &fields->string[2];
	uint32_t size = fields->number[0], flags = fields->number[1];

	/* QEMU's 16 bit length wraps for the longest value of all. */
	if (size == OPS_XATTR_VALUE_MAX && value->len == 0)
		return -E2BIG;
	if (size != value->len ||
	    (flags & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE)) != 0)
		return -EINVAL;
	return monitor_setxattr(request->monitor, &fields->where[0],
	    name->bytes, name->len, value->bytes, value->len, flags,
	    finish_status, request);
}

int
p9_op_lremovexattr(struct p9_request *request)
{
	const struct p9_fields *fields = &request->fields;

	return monitor_removexattr(request->monitor, &fields->where[0],
	    fields->string[1].bytes, fields->string[1].len, finish_status,
	    request);
}

int
p9_op_getversion(struct p9_request *request)
{
	return monitor_getversion(request->monitor, &request->fields.where[0],
	    finish_generation, request);
}
