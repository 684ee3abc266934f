/*
 * SPDX-License-Identifier: ISC
 *
 * Checks every request of the worker before anything is done for it.  Runs
 * privileged.  Trusts nothing: the request is a copy, made once, and what it
 * may contain is a row of the table below.
 */
#include "config.h"

#include "monitor/dispatch.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stddef.h>
#include <string.h>

enum dispatch_naming {
	NAME_NONE,
	NAME_REQUIRED,
	NAME_OPTIONAL		/* without it, what handle and path lead to */
};

/* A 32 bit field of the arguments that may have only these bits. */
struct dispatch_bits {
	uint16_t	offset;
	uint32_t	known;
};

/* Returns what is wrong, or NULL. */
typedef const char *dispatch_check_more(const struct op *op);

struct dispatch_row {
	const char		*name;
	unsigned int		 naming;	/* MONITOR_BY_*, permitted in */
	uint8_t			 nplaces;
	uint8_t			 names[2];	/* enum dispatch_naming */
	bool			 writes;	/* refused on read-only */
	bool			 text;		/* no NUL in the data */
	bool			 by_stream;	/* the handle may be dead */
	size_t			 args_size;
	uint32_t		 data_min;
	uint32_t		 data_max;
	struct dispatch_bits	 bits[4];
	bool			 has_owner;	/* no id of -1 */
	uint16_t		 owner;		/* where in the arguments */
	dispatch_check_more	*check;		/* what no column can say */
	dispatch_handler	*handler;
};

#define BOTH		(MONITOR_BY_PATH | MONITOR_BY_HANDLE)
#define ARGS(member)	sizeof(((struct monitor_request *)0)->u.member)
#define BITS(member, field, mask)					\
	{ offsetof(struct monitor_ ## member ## _request, field), (mask) }
#define OWNER(member)							\
	.has_owner = true,						\
	.owner = offsetof(struct monitor_ ## member ## _request, owner)
#define PERMISSIONS	07777U
#define FORGET_MAX	(MONITOR_FORGETS * sizeof(struct monitor_forget))
#define SETXATTR_MAX	(MONITOR_XATTR_NAME_MAX + MONITOR_XATTR_DATA_MAX)

static const char *
dispatch_check_forget(const struct op *op)
{
	return op->data_len % sizeof(struct monitor_forget) != 0 ?
	    "data of a wrong length" : NULL;
}

static const char *
dispatch_check_getxattr(const struct op *op)
{
	return op->request.u.getxattr.size > MONITOR_XATTR_DATA_MAX ?
	    "an answer's size too large" : NULL;
}

static const char *
dispatch_check_setxattr(const struct op *op)
{
	uint32_t name_len = op->request.u.setxattr.name_len;

	if (name_len == 0 || name_len > MONITOR_XATTR_NAME_MAX ||
	    name_len > op->data_len ||
	    op->data_len - name_len > MONITOR_XATTR_DATA_MAX)
		return "an xattr's name or value of a wrong length";
	return memchr(op->data, '\0', name_len) != NULL ?
	    "text with NUL" : NULL;
}

static const struct dispatch_row dispatch_table[MONITOR_OP_MAX] = {
	[MONITOR_LOOKUP] = { .name = "LOOKUP",
		.naming = MONITOR_BY_HANDLE,
		.nplaces = 1, .names = { NAME_OPTIONAL },
		.handler = op_lookup },
	[MONITOR_FORGET] = { .name = "FORGET",
		.naming = MONITOR_BY_HANDLE,
		.data_min = sizeof(struct monitor_forget),
		.data_max = FORGET_MAX,
		.check = dispatch_check_forget,
		.handler = op_forget },
	[MONITOR_GETATTR] = { .name = "GETATTR", .naming = BOTH,
		.nplaces = 1, .names = { NAME_OPTIONAL },
		.handler = op_getattr },
	[MONITOR_SETATTR] = { .name = "SETATTR", .naming = BOTH,
		.nplaces = 1, .names = { NAME_OPTIONAL },
		.writes = true, .args_size = ARGS(setattr),
		.bits = {
			BITS(setattr, valid, MONITOR_SET_ALL),
			BITS(setattr, mode, PERMISSIONS),
			BITS(setattr, atime.pad, 0),
			BITS(setattr, mtime.pad, 0) },
		.handler = op_setattr },
	[MONITOR_READLINK] = { .name = "READLINK", .naming = BOTH,
		.nplaces = 1, .names = { NAME_OPTIONAL },
		.handler = op_readlink },
	[MONITOR_STATFS] = { .name = "STATFS", .naming = BOTH,
		.nplaces = 1, .names = { NAME_OPTIONAL },
		.handler = op_statfs },
	[MONITOR_GETVERSION] = { .name = "GETVERSION",
		.naming = MONITOR_BY_PATH,
		.nplaces = 1, .names = { NAME_OPTIONAL },
		.handler = op_getversion },
	[MONITOR_OPEN] = { .name = "OPEN", .naming = BOTH,
		.nplaces = 1, .names = { NAME_OPTIONAL },
		.args_size = ARGS(open),
		.bits = {
			BITS(open, flags, MONITOR_OPEN_FLAGS),
			BITS(open, pad, 0) },
		.handler = op_open },
	[MONITOR_CREATE] = { .name = "CREATE", .naming = BOTH,
		.nplaces = 1, .names = { NAME_REQUIRED },
		.writes = true, .args_size = ARGS(create),
		.bits = {
			BITS(create, flags, MONITOR_CREATE_FLAGS),
			BITS(create, mode, PERMISSIONS),
			BITS(create, member.known, 1) },
		OWNER(create),
		.handler = op_create },
	[MONITOR_MKNOD] = { .name = "MKNOD", .naming = BOTH,
		.nplaces = 1, .names = { NAME_REQUIRED },
		.writes = true, .args_size = ARGS(mknod),
		.bits = {
			BITS(mknod, mode, S_IFMT | PERMISSIONS),
			BITS(mknod, pad, 0),
			BITS(mknod, member.known, 1) },
		OWNER(mknod),
		.handler = op_mknod },
	[MONITOR_MKDIR] = { .name = "MKDIR", .naming = BOTH,
		.nplaces = 1, .names = { NAME_REQUIRED },
		.writes = true, .args_size = ARGS(mkdir),
		.bits = {
			BITS(mkdir, mode, PERMISSIONS),
			BITS(mkdir, pad, 0) },
		OWNER(mkdir),
		.handler = op_mkdir },
	[MONITOR_SYMLINK] = { .name = "SYMLINK", .naming = BOTH,
		.nplaces = 1, .names = { NAME_REQUIRED },
		.writes = true, .text = true, .args_size = ARGS(symlink),
		.data_max = MONITOR_TARGET_MAX,
		OWNER(symlink),
		.handler = op_symlink },
	[MONITOR_TMPFILE] = { .name = "TMPFILE",
		.naming = MONITOR_BY_HANDLE,
		.nplaces = 1, .names = { NAME_NONE },
		.writes = true, .args_size = ARGS(create),
		.bits = {
			BITS(create, flags, MONITOR_CREATE_FLAGS),
			BITS(create, mode, PERMISSIONS),
			BITS(create, member.known, 1) },
		OWNER(create),
		.handler = op_tmpfile },
	[MONITOR_LINK] = { .name = "LINK", .naming = BOTH,
		.nplaces = 2, .names = { NAME_OPTIONAL, NAME_REQUIRED },
		.writes = true,
		.handler = op_link },
	[MONITOR_UNLINK] = { .name = "UNLINK", .naming = BOTH,
		.nplaces = 1, .names = { NAME_REQUIRED },
		.writes = true,
		.handler = op_unlink },
	[MONITOR_RMDIR] = { .name = "RMDIR", .naming = BOTH,
		.nplaces = 1, .names = { NAME_REQUIRED },
		.writes = true,
		.handler = op_rmdir },
	[MONITOR_RENAME] = { .name = "RENAME", .naming = BOTH,
		.nplaces = 2, .names = { NAME_REQUIRED, NAME_REQUIRED },
		.writes = true, .args_size = ARGS(rename),
		.bits = {
			BITS(rename, flags, RENAME_NOREPLACE |
			    RENAME_EXCHANGE | RENAME_WHITEOUT),
			BITS(rename, pad, 0) },
		.handler = op_rename },
	[MONITOR_GETXATTR] = { .name = "GETXATTR", .naming = BOTH,
		.nplaces = 1, .names = { NAME_OPTIONAL },
		.text = true, .args_size = ARGS(getxattr),
		.data_min = 1, .data_max = MONITOR_XATTR_NAME_MAX,
		.bits = { BITS(getxattr, pad, 0) },
		.check = dispatch_check_getxattr,
		.handler = op_getxattr },
	[MONITOR_SETXATTR] = { .name = "SETXATTR", .naming = BOTH,
		.nplaces = 1, .names = { NAME_OPTIONAL },
		.writes = true, .args_size = ARGS(setxattr),
		.data_min = 1, .data_max = SETXATTR_MAX,
		.bits = { BITS(setxattr, flags,
		    XATTR_CREATE | XATTR_REPLACE) },
		.check = dispatch_check_setxattr,
		.handler = op_setxattr },
	[MONITOR_LISTXATTR] = { .name = "LISTXATTR", .naming = BOTH,
		.nplaces = 1, .names = { NAME_OPTIONAL },
		.args_size = ARGS(getxattr),
		.bits = { BITS(getxattr, pad, 0) },
		.check = dispatch_check_getxattr,
		.handler = op_listxattr },
	[MONITOR_REMOVEXATTR] = { .name = "REMOVEXATTR", .naming = BOTH,
		.nplaces = 1, .names = { NAME_OPTIONAL },
		.writes = true, .text = true,
		.data_min = 1, .data_max = MONITOR_XATTR_NAME_MAX,
		.handler = op_removexattr },
	[MONITOR_OPENDIR] = { .name = "OPENDIR",
		.naming = MONITOR_BY_HANDLE,
		.nplaces = 1, .names = { NAME_NONE },
		.handler = op_opendir },
	[MONITOR_READDIR] = { .name = "READDIR",
		.naming = MONITOR_BY_HANDLE,
		.nplaces = 1, .names = { NAME_NONE }, .by_stream = true,
		.args_size = ARGS(readdir),
		.handler = op_readdir },
	[MONITOR_READDIRPLUS] = { .name = "READDIRPLUS",
		.naming = MONITOR_BY_HANDLE,
		.nplaces = 1, .names = { NAME_NONE },
		.args_size = ARGS(readdir),
		.handler = op_readdirplus },
	[MONITOR_FSYNCDIR] = { .name = "FSYNCDIR",
		.naming = MONITOR_BY_HANDLE,
		.nplaces = 1, .names = { NAME_NONE }, .by_stream = true,
		.args_size = ARGS(stream),
		.bits = {
			BITS(stream, datasync, 1),
			BITS(stream, pad, 0) },
		.handler = op_fsyncdir },
	[MONITOR_RELEASEDIR] = { .name = "RELEASEDIR",
		.naming = MONITOR_BY_HANDLE,
		.nplaces = 1, .names = { NAME_NONE }, .by_stream = true,
		.args_size = ARGS(stream),
		.bits = {
			BITS(stream, datasync, 0),
			BITS(stream, pad, 0) },
		.handler = op_releasedir },
	[MONITOR_SYNCFS] = { .name = "SYNCFS",
		.naming = MONITOR_BY_HANDLE,
		.nplaces = 1, .names = { NAME_NONE },
		.handler = op_syncfs },
	[MONITOR_RESET] = { .name = "RESET",
		.naming = MONITOR_BY_HANDLE,
		.handler = op_reset },
	[MONITOR_PARENT] = { .name = "PARENT",
		.naming = MONITOR_BY_HANDLE,
		.nplaces = 1, .names = { NAME_NONE },
		.handler = op_parent },
};

/* Returns what is wrong with a name, or NULL. */
static const char *
dispatch_check_name(const uint8_t *name, size_t len)
{
	if (len > MONITOR_NAME_MAX)
		return "a name too long";
	if (memchr(name, '\0', len) != NULL || memchr(name, '/', len) != NULL)
		return "a name with NUL or slash";
	if ((len == 1 && name[0] == '.') ||
	    (len == 2 && name[0] == '.' && name[1] == '.'))
		return "a name that is . or ..";
	return NULL;
}

/*
 * Checks one place and its strings, which are the first bytes of `bytes`, and
 * copies it.
 */
static const char *
dispatch_check_place(const struct monitor *m, const struct dispatch_row *row,
    int i, struct op *op, const uint8_t *bytes)
{
	const struct monitor_place *from = &op->request.place[i];
	struct place *place = &op->place[i];
	const char *wrong;

	if (from->pad != 0)
		return "padding that is not zero";
	if (i >= row->nplaces)
		return from->handle != 0 || from->path_len != 0 ||
		    from->name_len != 0 ? "a place too many" : NULL;
	if ((m->naming & MONITOR_BY_HANDLE) == 0 &&
	    from->handle != MONITOR_ROOT_HANDLE)
		return "a handle that was never given";
	if (from->path_len > 0 && (m->naming & MONITOR_BY_PATH) == 0)
		return "a path where only handles are used";
	if (from->path_len > MONITOR_PATH_MAX)
		return "a path too long";
	if (memchr(bytes, '\0', from->path_len) != NULL)
		return "a path with NUL";
	if ((from->name_len == 0 && row->names[i] == NAME_REQUIRED) ||
	    (from->name_len != 0 && row->names[i] == NAME_NONE))
		return "a name missing or too many";
	wrong = dispatch_check_name(bytes + from->path_len, from->name_len);
	if (wrong != NULL)
		return wrong;

	place->creds = &op->creds;
	place->path_len = from->path_len;
	place->has_name = from->name_len > 0;
	place->name = place->full;
	if (from->path_len > 0) {
		memcpy(place->full, bytes, from->path_len);
		place->full[from->path_len] = '\0';
		place->name += from->path_len + 1;
	}
	memcpy(place->name, bytes + from->path_len, from->name_len);
	place->name[from->name_len] = '\0';
	return NULL;
}

/* chown(2) takes an id of -1 for none: the monitor's own would stay. */
static const char *
dispatch_check_owner(const struct dispatch_row *row, const struct op *op)
{
	struct monitor_owner owner;

	if (!row->has_owner)
		return NULL;
	memcpy(&owner, op->request.u.bytes + row->owner, sizeof(owner));
	return owner.uid == UINT32_MAX || owner.gid == UINT32_MAX ?
	    "an owner's id of -1" : NULL;
}

/* The arguments: known bits only, and zeroes after them. */
static const char *
dispatch_check_args(const struct dispatch_row *row, const struct op *op)
{
	const uint8_t *bytes = op->request.u.bytes;
	uint32_t value;
	size_t i;

	for (i = 0; i < sizeof(row->bits) / sizeof(row->bits[0]); i++) {
		if (row->bits[i].offset == 0 && row->bits[i].known == 0)
			break;	/* rows are filled from the front */
		memcpy(&value, bytes + row->bits[i].offset, sizeof(value));
		if ((value & ~row->bits[i].known) != 0)
			return "unknown flag bits";
	}
	for (i = row->args_size; i < sizeof(op->request.u.bytes); i++)
		if (bytes[i] != 0)
			return "arguments too long";
	return dispatch_check_owner(row, op);
}

static const char *
dispatch_check(const struct monitor *m, const struct dispatch_row *row,
    struct op *op)
{
	const struct monitor_request *request = &op->request;
	const uint8_t *bytes = op->payload;
	const char *wrong;
	int i;

	for (i = 0; i < 2; i++) {
		wrong = dispatch_check_place(m, row, i, op, bytes);
		if (wrong != NULL)
			return wrong;
		bytes += request->place[i].path_len +
		    request->place[i].name_len;
	}
	if (request->data_len < row->data_min ||
	    request->data_len > row->data_max)
		return "data of a wrong length";
	if (row->text && memchr(bytes, '\0', request->data_len) != NULL)
		return "text with NUL";
	op->data_len = request->data_len;
	op->data = (char *)op->payload + (bytes - op->payload);
	op->data[op->data_len] = '\0';
	wrong = dispatch_check_args(row, op);
	if (wrong == NULL && row->check != NULL)
		wrong = row->check(op);
	return wrong;
}

static void
dispatch_release(struct monitor *m, const struct op *op, int n)
{
	while (n-- > 0)
		handle_release(&m->handles, op->request.place[n].handle);
}

/*
 * The ids of the thread's last creation are good for local file systems, and
 * for the one that the handle is on alone: see entry_attr().
 */
static void
dispatch_own_ids(struct monitor *m, struct op *op, uint64_t handle)
{
	if (!creds_are_own(&op->creds) &&
	    !handle_is_local(&m->handles, handle, &op->creds.dev))
		creds_own(&op->creds);
}

/*
 * Holds the handles, calls the operation.  A dead handle is the only check
 * whose failure is an errno: a guest may keep a node id.  A stream outlives its
 * handle, which is no more than half of its name then: there is nothing to be
 * held, and no descriptor of it for the operation.
 */
static int
dispatch_call(struct monitor *m, const struct dispatch_row *row,
    struct op *op)
{
	int error, i, held = row->by_stream ? 0 : row->nplaces;

	for (i = 0; i < row->nplaces; i++)
		dispatch_own_ids(m, op, op->request.place[i].handle);
	op->place[0].fd = -1;
	for (i = 0; i < held; i++) {
		op->place[i].fd = handle_hold(&m->handles,
		    op->request.place[i].handle);
		if (op->place[i].fd < 0) {
			dispatch_release(m, op, i);
			return op->place[i].fd;
		}
	}
	error = row->writes && m->readonly ? -EROFS : row->handler(m, op);
	dispatch_release(m, op, held);
	return error;
}

static const struct dispatch_row *
dispatch_find(uint32_t number)
{
	if (number >= MONITOR_OP_MAX || dispatch_table[number].handler == NULL)
		return NULL;
	return &dispatch_table[number];
}

const char *
dispatch_name(uint32_t number)
{
	const struct dispatch_row *row = dispatch_find(number);

	return row == NULL ? "unknown" : row->name;
}

const char *
dispatch_request(struct monitor *m, struct op *op)
{
	const struct dispatch_row *row = dispatch_find(op->request.op);
	const char *wrong;

	if (row == NULL)
		return "no such operation";
	if ((row->naming & m->naming) == 0)
		return "an operation that is not permitted";
	wrong = dispatch_check(m, row, op);
	if (wrong != NULL)
		return wrong;

	memset(&op->reply, 0, sizeof(op->reply));
	op->reply_fd = -1;
	op->reply.error = dispatch_call(m, row, op);
	return NULL;
}
