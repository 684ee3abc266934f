/*
 * SPDX-License-Identifier: ISC
 *
 * THE table of 9p-proxy requests, and the decoder that it drives.  Parses
 * hostile input from the front-end and the guest.  Runs sandboxed.
 */
#include "config.h"

#include "worker/p9_dispatch.h"

#include <errno.h>
#include <string.h>

#include "worker/p9_ops.h"
#include "worker/reader.h"

/*
 * The letters of a field pattern.  QEMU counts the NUL in the length of what
 * it holds as a path of a fid, and not in that of other names: one NUL at the
 * end is accepted in all but values.
 */
enum field {
	FIELD_NUMBER = 'd',	/* 32 bits */
	FIELD_WIDE = 'q',	/* 64 bits */
	FIELD_PATH = 'p',	/* to what exists */
	FIELD_ENTRY = 'n',	/* to a name that is made, moved, removed */
	FIELD_TARGET = 't',	/* of a symbolic link */
	FIELD_XATTR = 'x',	/* name of an extended attribute */
	FIELD_VALUE = 'v'	/* of one: any bytes */
};

struct p9_operation {
	const char	*name;
	enum p9_form	 form;		/* of the reply */
	const char	*pattern;	/* of the fields, enum field */
	int		 nameless;	/* error if an entry is "..", "." or
					   the root; 0: up to the handler */
	int		 slash;		/* error if a slash follows it */
	int		(*handler)(struct p9_request *);
};

/*
 * The errors are Linux's for such paths.  mkdir(2) and rename(2) permit a
 * slash at the end; that rename(2) then refuses files is not imitated.  QEMU
 * sends none.
 */
static const struct p9_operation operations[P9_T_MAX] = {
	[P9_T_OPEN] = { "T_OPEN", P9_FORM_DESCRIPTOR, "pd",
	    0, 0, p9_op_open },
	[P9_T_CREATE] = { "T_CREATE", P9_FORM_DESCRIPTOR, "ndddd",
	    0, -EISDIR, p9_op_create },
	[P9_T_MKNOD] = { "T_MKNOD", P9_FORM_HEADER, "ddndq",
	    -EEXIST, -ENOENT, p9_op_mknod },
	[P9_T_MKDIR] = { "T_MKDIR", P9_FORM_HEADER, "ddnd",
	    -EEXIST, 0, p9_op_mkdir },
	[P9_T_SYMLINK] = { "T_SYMLINK", P9_FORM_HEADER, "ddtn",
	    -EEXIST, -ENOENT, p9_op_symlink },
	[P9_T_LINK] = { "T_LINK", P9_FORM_HEADER, "pn",
	    -EEXIST, -ENOENT, p9_op_link },
	[P9_T_LSTAT] = { "T_LSTAT", P9_FORM_HEADER, "p",
	    0, 0, p9_op_lstat },
	[P9_T_READLINK] = { "T_READLINK", P9_FORM_HEADER, "pd",
	    0, 0, p9_op_readlink },
	[P9_T_STATFS] = { "T_STATFS", P9_FORM_HEADER, "p",
	    0, 0, p9_op_statfs },
	[P9_T_CHMOD] = { "T_CHMOD", P9_FORM_HEADER, "pd",
	    0, 0, p9_op_chmod },
	[P9_T_CHOWN] = { "T_CHOWN", P9_FORM_HEADER, "pdd",
	    0, 0, p9_op_chown },
	[P9_T_TRUNCATE] = { "T_TRUNCATE", P9_FORM_HEADER, "pq",
	    0, 0, p9_op_truncate },
	[P9_T_UTIME] = { "T_UTIME", P9_FORM_HEADER, "pqqqq",
	    0, 0, p9_op_utime },
	[P9_T_RENAME] = { "T_RENAME", P9_FORM_HEADER, "nn",
	    -EBUSY, 0, p9_op_rename },
	[P9_T_REMOVE] = { "T_REMOVE", P9_FORM_HEADER, "n",
	    0, 0, p9_op_remove },
	[P9_T_LGETXATTR] = { "T_LGETXATTR", P9_FORM_HEADER, "dpx",
	    0, 0, p9_op_lgetxattr },
	[P9_T_LLISTXATTR] = { "T_LLISTXATTR", P9_FORM_HEADER, "dp",
	    0, 0, p9_op_llistxattr },
	[P9_T_LSETXATTR] = { "T_LSETXATTR", P9_FORM_HEADER, "pxvdd",
	    0, 0, p9_op_lsetxattr },
	[P9_T_LREMOVEXATTR] = { "T_LREMOVEXATTR", P9_FORM_HEADER, "px",
	    0, 0, p9_op_lremovexattr },
	[P9_T_GETVERSION] = { "T_GETVERSION", P9_FORM_HEADER, "p",
	    0, 0, p9_op_getversion },
};

void
p9_request_init(struct p9_request *request, struct monitor_client *monitor,
    struct p9_reply *reply)
{
	*request = (struct p9_request){
		.monitor = monitor,
		.reply = reply,
		.malformed = { .burst = 5, .interval_ms = 10000 },
	};
}

/* Returns the row of `type`, or NULL if there is no such request. */
static const struct p9_operation *
find_operation(uint32_t type)
{
	if (type >= P9_T_MAX || operations[type].handler == NULL)
		return NULL;
	return &operations[type];
}

enum p9_form
p9_dispatch_form(uint32_t type)
{
	const struct p9_operation *operation = find_operation(type);

	return operation == NULL ? P9_FORM_HEADER : operation->form;
}

/*
 * Reads all fields.  Returns 0; -ENOBUFS, as QEMU's helper, if the message ends
 * too early; -EINVAL if it goes on.
 */
static int
read_fields(struct p9_fields *fields, const char *pattern,
    const uint8_t *payload, size_t len)
{
	size_t numbers = 0, wides = 0, strings = 0;
	struct p9_span *span;
	struct reader reader;

	reader_init(&reader, payload, len);
	for (; *pattern != '\0'; pattern++) {
		switch (*pattern) {
		case FIELD_NUMBER:
			fields->number[numbers++] = reader_u32(&reader);
			break;
		case FIELD_WIDE:
			fields->wide[wides++] = reader_u64(&reader);
			break;
		default:
			span = &fields->string[strings++];
			span->len = reader_u16(&reader);
			span->bytes = reader_bytes(&reader, span->len);
			break;
		}
	}
	return reader_end(&reader);
}

/* Drops one NUL at the end.  Returns 0, or -EINVAL if there is another. */
static int
strip_nul(struct p9_span *span)
{
	if (span->len > 0 && span->bytes[span->len - 1] == '\0')
		span->len--;
	return memchr(span->bytes, '\0', span->len) == NULL ? 0 : -EINVAL;
}

/* The limits of symlink(2) and of the xattr calls, with their errors. */
static int
check_string(enum field field, const struct p9_span *span)
{
	if (field == FIELD_TARGET) {
		if (span->len == 0)
			return -ENOENT;
		return span->len <= MONITOR_TARGET_MAX ? 0 : -ENAMETOOLONG;
	}
	return span->len > 0 && span->len <= MONITOR_XATTR_NAME_MAX ? 0 :
	    -ERANGE;
}

static int
check_entry(const struct p9_operation *operation, const struct p9_path *path)
{
	switch (path->last) {
	case P9_LAST_NAME:
		return 0;
	case P9_LAST_SLASH:
		return operation->slash;
	default:
		return operation->nameless;
	}
}

/* Splits path number `i`. */
static int
take_path(struct p9_fields *fields, size_t i, const struct p9_span *span,
    const struct p9_operation *operation, enum field field)
{
	struct p9_path *path = &fields->path[i];
	int error;

	error = p9_path_split(path, span->bytes, span->len);
	if (error != 0)
		return error;
	if (field == FIELD_PATH) {
		p9_path_existing(path, &fields->where[i]);
		return 0;
	}
	p9_path_entry(path, &fields->where[i]);
	return check_entry(operation, path);
}

/* Checks the strings that read_fields() found, and takes paths apart. */
static int
take_strings(struct p9_fields *fields, const struct p9_operation *operation)
{
	struct p9_span *span = fields->string;
	size_t paths = 0;
	int error = 0;

	for (const char *p = operation->pattern; *p != '\0'; p++) {
		if (*p == FIELD_NUMBER || *p == FIELD_WIDE)
			continue;
		if (*p != FIELD_VALUE)
			error = strip_nul(span);
		if (error != 0)
			return error;
		if (*p == FIELD_PATH || *p == FIELD_ENTRY)
			error = take_path(fields, paths++, span, operation,
			    (enum field)*p);
		else if (*p != FIELD_VALUE)
			error = check_string((enum field)*p, span);
		if (error != 0)
			return error;
		span++;
	}
	return 0;
}

static int
decode(struct p9_request *request, const uint8_t *payload, size_t len)
{
	const struct p9_operation *operation = request->operation;
	int error;

	error = read_fields(&request->fields, operation->pattern, payload,
	    len);
	if (error != 0) {
		log_limited(&request->malformed, LOG_LEVEL_WARN,
		    "malformed %s of %zu bytes", operation->name, len);
		return error;
	}
	return take_strings(&request->fields, operation);
}

void
p9_dispatch(struct p9_request *request, uint32_t type, const uint8_t *payload,
    size_t len)
{
	int error;

	request->count++;
	request->operation = find_operation(type);
	if (request->operation == NULL) {
		log_limited(&request->malformed, LOG_LEVEL_WARN,
		    "unknown request type %u", type);
		p9_reply_error(request->reply, P9_FORM_HEADER, -ENOSYS);
		return;
	}
	error = decode(request, payload, len);
	if (error == 0)
		error = request->operation->handler(request);
	if (error != 0)
		p9_reply_error(request->reply, request->operation->form,
		    error);
	if (log_level() >= LOG_LEVEL_TRACE)
		log_msg(LOG_LEVEL_TRACE, "%s, %zu bytes: %d",
		    request->operation->name, len, error);
}
