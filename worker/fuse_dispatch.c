/*
 * SPDX-License-Identifier: ISC
 *
 * THE table of FUSE requests, and the decoder that it drives.  Parses hostile
 * input from the guest: descriptors of any layout, in memory that it may change
 * at any moment.  Runs sandboxed.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "worker/fuse_ops.h"
#include "worker/fuse_reply.h"

/* A string of a request, ended by a NUL. */
enum dispatch_string {
	STRING_NONE,
	STRING_ENTRY,		/* one name in a directory */
	STRING_LOOKUP,		/* the same, or . or .. */
	STRING_TARGET,		/* of a symbolic link */
	STRING_XATTR,		/* name of an extended attribute */
	STRING_IGNORED		/* the kernel's own name for a file without */
};

/* What follows arguments and strings. */
enum dispatch_data {
	DATA_NONE,
	DATA_BYTES,		/* up to the handler; stays in the chain */
	DATA_EXTENSIONS		/* fuse_extension.c reads them */
};

/* What must be there before the handler is called. */
#define NEEDS_NODE	0x01	/* a node id that can be one */
#define NEEDS_FILE	0x02	/* an open file, the first argument */
#define NEEDS_XATTR	0x04	/* --xattr */
#define NEEDS_OWNER	0x08	/* ids that can own something */
#define NEEDS_WRITABLE	0x10	/* a share that may be written to */

/* What is different otherwise. */
#define MAY_BE_FIRST	0x20	/* before there is a session */
#define NO_REPLY	0x40

struct fuse_operation {
	const char	*name;
	int		(*handler)(struct fuse_request *);
	uint32_t	 needs;
	uint16_t	 args_size;	/* bytes */
	uint16_t	 args_min;	/* if they may be fewer; or 0 */
	uint8_t		 strings[2];	/* enum dispatch_string */
	uint8_t		 data;		/* enum dispatch_data */
	uint16_t	 reply;		/* bytes that a success has at least */
};

/* Bytes of a request: see dispatch_limit(). */
#define DISPATCH_LEAST	(128U << 10)
#define DISPATCH_EXTRA	(64U << 10)

#define ARGS(member)	sizeof(((union fuse_args *)NULL)->member)
#define NODE		NEEDS_NODE
#define FILE_OF_NODE	(NEEDS_NODE | NEEDS_FILE)
#define CHANGES		(NEEDS_NODE | NEEDS_WRITABLE)
#define CREATES		(CHANGES | NEEDS_OWNER)
#define ENTRY		sizeof(struct fuse_entry_out)
#define OPENED		sizeof(struct fuse_open_out)
#define ATTR		sizeof(struct fuse_attr_out)

static const struct fuse_operation operations[FUSE_OPCODES] = {
	[FUSE_LOOKUP] = { "LOOKUP", fuse_op_lookup, NODE,
	    .strings = { STRING_LOOKUP }, .reply = ENTRY },
	[FUSE_FORGET] = { "FORGET", fuse_op_forget, NO_REPLY,
	    .args_size = ARGS(forget) },
	[FUSE_GETATTR] = { "GETATTR", fuse_op_getattr, NODE,
	    .args_size = ARGS(getattr), .reply = ATTR },
	[FUSE_SETATTR] = { "SETATTR", fuse_op_setattr, CHANGES,
	    .args_size = ARGS(setattr), .reply = ATTR },
	[FUSE_READLINK] = { "READLINK", fuse_op_readlink, NODE,
	    .args_size = 0 },
	[FUSE_SYMLINK] = { "SYMLINK", fuse_op_symlink, CREATES,
	    .strings = { STRING_ENTRY, STRING_TARGET },
	    .data = DATA_EXTENSIONS, .reply = ENTRY },
	[FUSE_MKNOD] = { "MKNOD", fuse_op_mknod, CREATES,
	    .args_size = ARGS(mknod), .strings = { STRING_ENTRY },
	    .data = DATA_EXTENSIONS, .reply = ENTRY },
	[FUSE_MKDIR] = { "MKDIR", fuse_op_mkdir, CREATES,
	    .args_size = ARGS(mkdir), .strings = { STRING_ENTRY },
	    .data = DATA_EXTENSIONS, .reply = ENTRY },
	[FUSE_UNLINK] = { "UNLINK", fuse_op_unlink, CHANGES,
	    .strings = { STRING_ENTRY } },
	[FUSE_RMDIR] = { "RMDIR", fuse_op_rmdir, CHANGES,
	    .strings = { STRING_ENTRY } },
	[FUSE_RENAME] = { "RENAME", fuse_op_rename, CHANGES,
	    .args_size = sizeof(struct fuse_rename_in),
	    .strings = { STRING_ENTRY, STRING_ENTRY } },
	[FUSE_LINK] = { "LINK", fuse_op_link, CHANGES,
	    .args_size = ARGS(link), .strings = { STRING_ENTRY },
	    .reply = ENTRY },
	[FUSE_OPEN] = { "OPEN", fuse_op_open, NODE,
	    .args_size = ARGS(open), .reply = OPENED },
	[FUSE_READ] = { "READ", fuse_op_read, FILE_OF_NODE,
	    .args_size = ARGS(read) },
	[FUSE_WRITE] = { "WRITE", fuse_op_write,
	    FILE_OF_NODE | NEEDS_WRITABLE, .args_size = ARGS(write),
	    .data = DATA_BYTES,
	    .reply = sizeof(struct fuse_write_out) },
	[FUSE_STATFS] = { "STATFS", fuse_op_statfs, NODE,
	    .reply = sizeof(struct fuse_statfs_out) },
	[FUSE_RELEASE] = { "RELEASE", fuse_op_release, FILE_OF_NODE,
	    .args_size = ARGS(release) },
	[FUSE_FSYNC] = { "FSYNC", fuse_op_fsync, FILE_OF_NODE,
	    .args_size = ARGS(fsync) },
	/* Without FUSE_SETXATTR_EXT the kernel sends the short form. */
	[FUSE_SETXATTR] = { "SETXATTR", fuse_op_setxattr,
	    CHANGES | NEEDS_XATTR,
	    .args_size = FUSE_COMPAT_SETXATTR_IN_SIZE,
	    .strings = { STRING_XATTR }, .data = DATA_BYTES },
	[FUSE_GETXATTR] = { "GETXATTR", fuse_op_getxattr,
	    NODE | NEEDS_XATTR, .args_size = ARGS(getxattr),
	    .strings = { STRING_XATTR } },
	[FUSE_LISTXATTR] = { "LISTXATTR", fuse_op_listxattr,
	    NODE | NEEDS_XATTR, .args_size = ARGS(getxattr) },
	[FUSE_REMOVEXATTR] = { "REMOVEXATTR", fuse_op_removexattr,
	    CHANGES | NEEDS_XATTR, .strings = { STRING_XATTR } },
	[FUSE_FLUSH] = { "FLUSH", fuse_op_flush, FILE_OF_NODE,
	    .args_size = ARGS(flush) },
	[FUSE_INIT] = { "INIT", fuse_op_init, MAY_BE_FIRST,
	    .args_size = ARGS(init), .args_min = FUSE_INIT_IN_SIZE_OLD,
	    .reply = sizeof(struct fuse_init_out) },
	[FUSE_OPENDIR] = { "OPENDIR", fuse_op_opendir, NODE,
	    .args_size = ARGS(open), .reply = OPENED },
	[FUSE_READDIR] = { "READDIR", fuse_op_readdir, NODE,
	    .args_size = ARGS(read) },
	[FUSE_RELEASEDIR] = { "RELEASEDIR", fuse_op_releasedir, NODE,
	    .args_size = ARGS(release) },
	[FUSE_FSYNCDIR] = { "FSYNCDIR", fuse_op_fsyncdir, NODE,
	    .args_size = ARGS(fsync) },
	[FUSE_ACCESS] = { "ACCESS", fuse_op_access, NODE,
	    .args_size = ARGS(access) },
	[FUSE_CREATE] = { "CREATE", fuse_op_create, CREATES,
	    .args_size = ARGS(create), .strings = { STRING_ENTRY },
	    .data = DATA_EXTENSIONS, .reply = ENTRY + OPENED },
	[FUSE_DESTROY] = { "DESTROY", fuse_op_destroy, 0,
	    .args_size = 0 },
	[FUSE_BATCH_FORGET] = { "BATCH_FORGET", fuse_op_batch_forget,
	    NO_REPLY, .args_size = ARGS(batch_forget), .data = DATA_BYTES },
	[FUSE_FALLOCATE] = { "FALLOCATE", fuse_op_fallocate,
	    FILE_OF_NODE | NEEDS_WRITABLE, .args_size = ARGS(fallocate) },
	[FUSE_READDIRPLUS] = { "READDIRPLUS", fuse_op_readdirplus, NODE,
	    .args_size = ARGS(read) },
	[FUSE_RENAME2] = { "RENAME2", fuse_op_rename, CHANGES,
	    .args_size = ARGS(rename),
	    .strings = { STRING_ENTRY, STRING_ENTRY } },
	[FUSE_LSEEK] = { "LSEEK", fuse_op_lseek, FILE_OF_NODE,
	    .args_size = ARGS(lseek), .reply = sizeof(struct fuse_lseek_out) },
	[FUSE_COPY_FILE_RANGE] = { "COPY_FILE_RANGE",
	    fuse_op_copy_file_range, FILE_OF_NODE | NEEDS_WRITABLE,
	    .args_size = ARGS(copy), .reply = sizeof(struct fuse_write_out) },
	[FUSE_SYNCFS] = { "SYNCFS", fuse_op_syncfs, NODE,
	    .args_size = ARGS(syncfs) },
	[FUSE_TMPFILE] = { "TMPFILE", fuse_op_tmpfile, CREATES,
	    .args_size = ARGS(create), .strings = { STRING_IGNORED },
	    .data = DATA_EXTENSIONS, .reply = ENTRY + OPENED },
	[FUSE_STATX] = { "STATX", fuse_op_statx, NODE,
	    .args_size = ARGS(statx), .reply = sizeof(struct fuse_statx_out) },
};

int
fuse_handle(uint64_t nodeid, uint64_t *handle_out)
{
	if (nodeid == FUSE_ROOT_ID) {
		*handle_out = MONITOR_ROOT_HANDLE;
		return 0;
	}
	/* The root has one node id, and nothing has this one. */
	if (nodeid == MONITOR_ROOT_HANDLE || nodeid == 0)
		return -ESTALE;
	*handle_out = nodeid;
	return 0;
}

/* Returns the row of `opcode`, or NULL if it is not served. */
static const struct fuse_operation *
dispatch_find(uint32_t opcode)
{
	if (opcode >= FUSE_OPCODES || operations[opcode].handler == NULL)
		return NULL;
	return &operations[opcode];
}

/*
 * The limits of the system calls that the monitor makes with it, and their
 * errors; and those that it kills the daemon for.
 */
static int
dispatch_check_string(enum dispatch_string kind,
    const struct fuse_string *string)
{
	switch (kind) {
	case STRING_ENTRY:
		if (fuse_is_dot(string->bytes))
			return -EINVAL;
		/* FALLTHROUGH */
	case STRING_LOOKUP:
		if (string->len == 0)
			return -ENOENT;
		if (string->len > MONITOR_NAME_MAX)
			return -ENAMETOOLONG;
		return strchr(string->bytes, '/') == NULL ? 0 : -EINVAL;
	case STRING_TARGET:
		if (string->len == 0)
			return -ENOENT;
		return string->len <= MONITOR_TARGET_MAX ? 0 : -ENAMETOOLONG;
	case STRING_XATTR:
		return string->len > 0 &&
		    string->len <= MONITOR_XATTR_NAME_MAX ? 0 : -ERANGE;
	default:
		return 0;
	}
}

/*
 * Copies the strings, and finds where they end.  All that is used of them is
 * the copy; the data that follow are copied again, from there.
 */
static int
dispatch_strings(struct fuse_request *request, struct iov_cursor *cursor)
{
	const struct fuse_operation *operation = request->operation;
	size_t left = cursor->left, i, kept;
	char *at = request->queue->scratch, *nul;
	int error;

	kept = left < FUSE_SCRATCH ? left : FUSE_SCRATCH;
	if (!iov_read(cursor, at, kept))
		return -EINVAL;
	for (i = 0; i < 2 && operation->strings[i] != STRING_NONE; i++) {
		nul = memchr(at, '\0', kept);
		if (nul == NULL)
			return kept < left ? -ENAMETOOLONG : -EINVAL;
		request->string[i] = (struct fuse_string){ .bytes = at,
		    .len = (size_t)(nul - at) };
		error = dispatch_check_string(
		    (enum dispatch_string)operation->strings[i],
		    &request->string[i]);
		if (error != 0)
			return error;
		kept -= request->string[i].len + 1;
		left -= request->string[i].len + 1;
		at = nul + 1;
	}
	request->data_at = request->chain.out_len - left;
	request->data_len = left;
	return 0;
}

/*
 * Nothing is longer than a write, but for what comes before its data, or a
 * value of the largest size (xattr(7)).  A guest may make a chain that has the
 * same memory many times over.
 */
static size_t
dispatch_limit(const struct fuse_session *session)
{
	size_t most = session->max_write;

	return (most > DISPATCH_LEAST ? most : DISPATCH_LEAST) +
	    DISPATCH_EXTRA;
}

/*
 * Copies arguments and strings.  `cursor` is behind the header.  What counts is
 * the chain: some clients send more than an operation takes (READLINK of
 * virtio-win has room for the target, Asterinas fills names up with NULs), or
 * say less than they send (FORGET of Zephyr is as long as its header).
 */
static int
dispatch_decode(struct fuse_request *request, struct iov_cursor *cursor)
{
	const struct fuse_operation *operation = request->operation;
	size_t size = operation->args_size;
	int error;

	if (request->in.len > request->chain.out_len ||
	    request->chain.out_len > dispatch_limit(request->queue->session))
		return -EINVAL;
	if (operation->args_min != 0 && cursor->left < size) {
		if (cursor->left < operation->args_min)
			return -EINVAL;
		size = cursor->left;
	}
	memset((uint8_t *)&request->args + size, 0,
	    sizeof(request->args) - size);
	if (!iov_read(cursor, &request->args, size))
		return -EINVAL;
	request->data_at = request->chain.out_len - cursor->left;
	request->data_len = cursor->left;
	if (operation->strings[0] != STRING_NONE) {
		error = dispatch_strings(request, cursor);
		if (error != 0)
			return error;
	}
	return operation->data == DATA_EXTENSIONS ?
	    fuse_extension_read(request) : 0;
}

/* The table's columns about what there must be. */
static int
dispatch_check(struct fuse_request *request)
{
	struct fuse_session *session = request->queue->session;
	uint32_t needs = request->operation->needs;
	int error;

	if ((needs & MAY_BE_FIRST) == 0 && !session->initialised)
		return -EIO;
	if ((needs & NEEDS_XATTR) != 0 && !session->config->xattr)
		return -ENOSYS;
	if ((needs & NEEDS_NODE) != 0) {
		error = fuse_handle(request->in.nodeid, &request->handle);
		if (error != 0)
			return error;
	}
	if ((needs & NEEDS_WRITABLE) != 0 && session->config->readonly)
		return -EROFS;
	/* chown(2) takes an id of -1 for none. */
	if ((needs & NEEDS_OWNER) != 0 && (request->in.uid == UINT32_MAX ||
	    request->in.gid == UINT32_MAX))
		return -EINVAL;
	if ((needs & NEEDS_FILE) == 0)
		return 0;
	request->file = file_get(&session->files, request->args.fh,
	    request->in.nodeid);
	return request->file != NULL ? 0 : -EBADF;
}

/* Checks and calls the handler.  Returns 0 or -errno. */
static int
dispatch_run(struct fuse_request *request, struct iov_cursor *cursor)
{
	int error;

	error = dispatch_decode(request, cursor);
	if (error != 0) {
		log_limited(&request->queue->malformed, LOG_LEVEL_DEBUG,
		    "malformed %s of %zu bytes: error %d",
		    request->operation->name, request->chain.out_len, -error);
		return error;
	}
	error = dispatch_check(request);
	return error != 0 ? error : request->operation->handler(request);
}

/* Nothing that was taken for the handler may be there when it runs again. */
static void
dispatch_release(struct fuse_request *request)
{
	if (request->file != NULL)
		file_put(request->file);
	if (request->file_out != NULL)
		file_put(request->file_out);
	request->file = request->file_out = NULL;
}

/* Ends a request that its handler did not. */
static void
dispatch_fail(struct fuse_request *request, int error)
{
	if (request->operation != NULL &&
	    (request->operation->needs & NO_REPLY) != 0)
		fuse_reply_none(request);
	else
		fuse_reply_error(request, error);
}

/*
 * Reads the header and finds the row.  Returns 0, or -EBADMSG if not even an
 * error can be replied.
 */
static int
dispatch_header(struct fuse_request *request, struct iov_cursor *cursor)
{
	const struct virtqueue_chain *chain = &request->chain;
	size_t room = sizeof(struct fuse_out_header);

	iov_init(cursor, chain->iov, chain->nout, chain->out_len);
	if (!iov_read(cursor, &request->in, sizeof(request->in)))
		return -EBADMSG;
	request->operation = dispatch_find(request->in.opcode);
	if (request->operation != NULL) {
		if ((request->operation->needs & NO_REPLY) != 0)
			return 0;
		room += request->operation->reply;
	}
	return chain->in_len < room ? -EBADMSG : 0;
}

/* Returns whether it can be answered; if not, that has been done. */
static bool
dispatch_begin(struct fuse_request *request, struct iov_cursor *cursor)
{
	if (dispatch_header(request, cursor) == 0)
		return true;
	log_limited(&request->queue->malformed, LOG_LEVEL_DEBUG,
	    "a chain of %zu and %zu bytes is too short",
	    request->chain.out_len, request->chain.in_len);
	fuse_reply_none(request);
	return false;
}

void
fuse_refuse(struct fuse_request *request, int error)
{
	struct iov_cursor cursor;

	request->file = NULL;
	request->file_out = NULL;
	if (dispatch_begin(request, &cursor))
		dispatch_fail(request, error);
}

bool
fuse_start(struct fuse_request *request)
{
	struct iov_cursor cursor;
	int error;

	if (!dispatch_begin(request, &cursor))
		return true;
	if (log_level() >= LOG_LEVEL_TRACE)
		log_msg(LOG_LEVEL_TRACE, "%s (%u) of node 0x%llx",
		    request->operation == NULL ? "unknown" :
		    request->operation->name, request->in.opcode,
		    (unsigned long long)request->in.nodeid);
	error = request->operation == NULL ? -ENOSYS :
	    dispatch_run(request, &cursor);
	if (error == -EAGAIN) {
		dispatch_release(request);
		return false;
	}
	if (error != 0)
		dispatch_fail(request, error);
	return true;
}
