/*
 * SPDX-License-Identifier: ISC
 *
 * What a hostile worker can make wrong with a request.  Test code.
 */
#include "config.h"

#include "regress/pen/pen_cases.h"

#include <string.h>

#define PLACES_TOO_MANY	"a place too many"
#define WRONG_DATA	"data of a wrong length"
#define WRONG_XATTR	"an xattr's name or value of a wrong length"
#define UNKNOWN_BITS	"unknown flag bits"

/* Each of these spoils one thing; NULL if there is no such thing to spoil. */
typedef const char *spoil(struct pen_message *message,
    const struct pen_op *row, uint64_t arg);

static void
set_text(struct pen_message *message, enum pen_part part, const char *text)
{
	pen_set_part(message, part, text, strlen(text));
}

static const char *
spoil_op(struct pen_message *message, const struct pen_op *row, uint64_t arg)
{
	(void)row;
	if (message->request.op != MONITOR_GETATTR)
		return NULL;	/* once is enough */
	message->request.op = (uint32_t)arg;
	return "no such operation";
}

static const char *
spoil_data_len(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	(void)row;
	message->request.data_len = (uint32_t)arg;
	return "a payload longer than its slot";
}

/* Strings that are longer than the slot only if added up. */
static const char *
spoil_sum(struct pen_message *message, const struct pen_op *row, uint64_t arg)
{
	(void)row;
	for (int i = 0; i < 2; i++) {
		message->request.place[i].path_len = (uint16_t)arg;
		message->request.place[i].name_len = (uint16_t)arg;
	}
	return "a payload longer than its slot";
}

static const char *
spoil_data_short(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	(void)arg;
	if (row->data == NULL || message->request.op == MONITOR_SYMLINK)
		return NULL;
	pen_set_part(message, PEN_DATA, "", 0);
	return WRONG_DATA;
}

static const char *
spoil_data_long(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	static uint8_t bytes[MONITOR_PAYLOAD_MAX];
	size_t len = row->data_max + (size_t)arg;

	memset(bytes, 'd', sizeof(bytes));
	pen_set_part(message, PEN_DATA, bytes, len);
	return WRONG_DATA;
}

static const char *
spoil_forget(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	(void)row;
	if (message->request.op != MONITOR_FORGET)
		return NULL;
	pen_set_part(message, PEN_DATA, "0123456789abcdef0123456789abcdef",
	    (size_t)arg);
	return WRONG_DATA;
}

static const char *
spoil_pad(struct pen_message *message, const struct pen_op *row, uint64_t arg)
{
	(void)row;
	message->request.place[arg].pad = 0x1000000;
	return "padding that is not zero";
}

static size_t
places(const struct pen_op *row)
{
	return row->names[0] == NULL ? 0 : row->names[1] == NULL ? 1 : 2;
}

static const char *
spoil_surplus(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	size_t n = places(row);

	if (n == 2)
		return NULL;
	switch (arg) {
	case 0:
		message->request.place[n].handle = MONITOR_ROOT_HANDLE;
		break;
	case 1:
		set_text(message, n == 0 ? PEN_PATH0 : PEN_PATH1, "p");
		break;
	default:
		set_text(message, n == 0 ? PEN_NAME0 : PEN_NAME1, "n");
		break;
	}
	return PLACES_TOO_MANY;
}

/* How many of them have a name. */
static size_t
names(const struct pen_op *row)
{
	size_t n = places(row);

	return n == 1 && row->names[0][0] == '\0' ? 0 : n;
}

/* The name of place `i`, as a part. */
static enum pen_part
name_part(uint64_t i)
{
	return i == 0 ? PEN_NAME0 : PEN_NAME1;
}

static const char *
spoil_no_name(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	if (arg >= names(row) || (arg == 0 && row->optional))
		return NULL;
	pen_set_part(message, name_part(arg), "", 0);
	return "a name missing or too many";
}

/* Where the place is all. */
static const char *
spoil_any_name(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	(void)arg;
	if (places(row) != 1 || names(row) != 0)
		return NULL;
	set_text(message, PEN_NAME0, "file");
	return "a name missing or too many";
}

static const char *
spoil_dot(struct pen_message *message, const struct pen_op *row, uint64_t arg)
{
	if (arg >= names(row))
		return NULL;
	set_text(message, name_part(arg), ".");
	return "a name that is . or ..";
}

static const char *
spoil_dot_dot(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	if (arg >= names(row))
		return NULL;
	set_text(message, name_part(arg), "..");
	return "a name that is . or ..";
}

static const char *
spoil_slash(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	static const char *const bad[] = { "../../outside", "/", "file/" };

	if (arg / 3 >= names(row))
		return NULL;
	set_text(message, name_part(arg / 3), bad[arg % 3]);
	return "a name with NUL or slash";
}

static const char *
spoil_name_nul(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	if (arg / 2 >= names(row))
		return NULL;
	if (arg % 2 == 0)
		pen_set_part(message, name_part(arg / 2), "..\0x", 4);
	else
		pen_set_part(message, name_part(arg / 2), "file", 5);
	return "a name with NUL or slash";
}

static const char *
spoil_name_long(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	char name[MONITOR_NAME_MAX + 1];

	if (arg >= names(row))
		return NULL;
	memset(name, 'n', sizeof(name));
	pen_set_part(message, name_part(arg), name, sizeof(name));
	return "a name too long";
}

static const char *
spoil_path_nul(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	if (arg >= places(row))
		return NULL;
	pen_set_part(message, arg == 0 ? PEN_PATH0 : PEN_PATH1, "dir\0/..", 7);
	return "a path with NUL";
}

static const char *
spoil_path_long(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	char path[MONITOR_PATH_MAX + 1];

	if (arg >= places(row))
		return NULL;
	memset(path, '/', sizeof(path));
	pen_set_part(message, arg == 0 ? PEN_PATH0 : PEN_PATH1, path,
	    sizeof(path));
	return "a path too long";
}

static const char *
spoil_any_path(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	if (arg >= places(row))
		return NULL;
	set_text(message, arg == 0 ? PEN_PATH0 : PEN_PATH1, "dir");
	return "a path where only handles are used";
}

static const char *
spoil_handle(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	if (places(row) == 0)
		return NULL;
	message->request.place[places(row) - 1].handle = arg;
	return "a handle that was never given";
}

static const char *
spoil_bits(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	uint8_t *bytes = message->request.u.bytes;
	uint32_t value;

	if (arg >= row->nfields)
		return NULL;
	memcpy(&value, bytes + row->field[arg].offset, sizeof(value));
	value |= row->field[arg].bit;
	memcpy(bytes + row->field[arg].offset, &value, sizeof(value));
	return UNKNOWN_BITS;
}

static const char *
spoil_after_args(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	size_t last = sizeof(message->request.u.bytes) - 1;

	message->request.u.bytes[arg == 0 ? row->args_size : last] = 1;
	return "arguments too long";
}

static const char *
spoil_text(struct pen_message *message, const struct pen_op *row, uint64_t arg)
{
	(void)arg;
	if (!row->text)
		return NULL;
	pen_set_part(message, PEN_DATA, "user\0pen", 8);
	return "text with NUL";
}

static const char *
spoil_answer_size(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	(void)row;
	if (message->request.op != MONITOR_GETXATTR &&
	    message->request.op != MONITOR_LISTXATTR)
		return NULL;
	message->request.u.getxattr.size = (uint32_t)arg;
	return "an answer's size too large";
}

static const char *
spoil_xattr_name(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	(void)row;
	if (message->request.op != MONITOR_SETXATTR)
		return NULL;
	message->request.u.setxattr.name_len = (uint32_t)arg;
	return WRONG_XATTR;
}

static const char *
spoil_xattr_value(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	(void)arg;
	if (message->request.op != MONITOR_SETXATTR)
		return NULL;
	spoil_data_long(message, row, 0);
	return WRONG_XATTR;
}

static const char *
spoil_xattr_nul(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	(void)row;
	(void)arg;
	if (message->request.op != MONITOR_SETXATTR)
		return NULL;
	pen_set_part(message, PEN_DATA, "user\0penvalue", 13);
	return "text with NUL";
}

/* The owner of what is created cannot be -1, which chown(2) takes for none. */
static const char *
spoil_owner(struct pen_message *message, const struct pen_op *row,
    uint64_t arg)
{
	struct monitor_owner *owner;

	(void)row;
	switch (message->request.op) {
	case MONITOR_CREATE:
	case MONITOR_TMPFILE:
		owner = &message->request.u.create.owner;
		break;
	case MONITOR_MKNOD:
		owner = &message->request.u.mknod.owner;
		break;
	case MONITOR_MKDIR:
		owner = &message->request.u.mkdir.owner;
		break;
	case MONITOR_SYMLINK:
		owner = &message->request.u.symlink.owner;
		break;
	default:
		return NULL;
	}
	*(arg == 0 ? &owner->uid : &owner->gid) = UINT32_MAX;
	return "an owner's id of -1";
}

#define BOTH	(PEN_BY_PATH | PEN_BY_HANDLE)

static const struct {
	const char	*label;
	unsigned int	 naming;
	spoil		*spoil;
	uint64_t	 arg;
} pen_spoil_table[] = {
	{ "operation 0", BOTH, spoil_op, 0 },
	{ "operation after the last", BOTH, spoil_op, MONITOR_OP_MAX },
	{ "operation 2^32-1", BOTH, spoil_op, UINT32_MAX },
	{ "data_len 2^32-1", BOTH, spoil_data_len, UINT32_MAX },
	{ "data_len of the slot and one", BOTH, spoil_data_len,
	    MONITOR_PAYLOAD_MAX + 1 },
	{ "data_len negative", BOTH, spoil_data_len, 0x80000000 },
	{ "all lengths 65535", BOTH, spoil_sum, UINT16_MAX },
	{ "lengths too large together", BOTH, spoil_sum,
	    MONITOR_PAYLOAD_MAX / 4 + 1 },
	{ "no data", BOTH, spoil_data_short, 0 },
	{ "a byte of data too many", BOTH, spoil_data_long, 1 },
	{ "half a forget", BOTH, spoil_forget, 8 },
	{ "a forget and a half", BOTH, spoil_forget, 24 },
	{ "padding in place 0", BOTH, spoil_pad, 0 },
	{ "padding in place 1", BOTH, spoil_pad, 1 },
	{ "surplus place with handle", BOTH, spoil_surplus, 0 },
	{ "surplus place with path", BOTH, spoil_surplus, 1 },
	{ "surplus place with name", BOTH, spoil_surplus, 2 },
	{ "no name 0", BOTH, spoil_no_name, 0 },
	{ "no name 1", BOTH, spoil_no_name, 1 },
	{ "a name at all", BOTH, spoil_any_name, 0 },
	{ "name 0 .", BOTH, spoil_dot, 0 },
	{ "name 1 .", BOTH, spoil_dot, 1 },
	{ "name 0 ..", BOTH, spoil_dot_dot, 0 },
	{ "name 1 ..", BOTH, spoil_dot_dot, 1 },
	{ "name 0 ../../outside", BOTH, spoil_slash, 0 },
	{ "name 0 /", BOTH, spoil_slash, 1 },
	{ "name 0 with / at the end", BOTH, spoil_slash, 2 },
	{ "name 1 ../../outside", BOTH, spoil_slash, 3 },
	{ "name 1 /", BOTH, spoil_slash, 4 },
	{ "name 0 .. NUL", BOTH, spoil_name_nul, 0 },
	{ "name 0 with NUL counted", BOTH, spoil_name_nul, 1 },
	{ "name 1 .. NUL", BOTH, spoil_name_nul, 2 },
	{ "name 0 of 256 bytes", BOTH, spoil_name_long, 0 },
	{ "name 1 of 256 bytes", BOTH, spoil_name_long, 1 },
	{ "path 0 with NUL", PEN_BY_PATH, spoil_path_nul, 0 },
	{ "path 1 with NUL", PEN_BY_PATH, spoil_path_nul, 1 },
	{ "path 0 too long", PEN_BY_PATH, spoil_path_long, 0 },
	{ "path 1 too long", PEN_BY_PATH, spoil_path_long, 1 },
	{ "path 0 at all", PEN_BY_HANDLE, spoil_any_path, 0 },
	{ "path 1 at all", PEN_BY_HANDLE, spoil_any_path, 1 },
	{ "handle 0", PEN_BY_PATH, spoil_handle, 0 },
	{ "handle -1", PEN_BY_PATH, spoil_handle, UINT64_MAX },
	{ "handle of another index", PEN_BY_PATH, spoil_handle,
	    MONITOR_ROOT_HANDLE + 1 },
	{ "handle of another generation", PEN_BY_PATH, spoil_handle,
	    2 * MONITOR_ROOT_HANDLE },
	{ "handle of generation 0", PEN_BY_PATH, spoil_handle, 1 },
	{ "field 0", BOTH, spoil_bits, 0 },
	{ "field 1", BOTH, spoil_bits, 1 },
	{ "field 2", BOTH, spoil_bits, 2 },
	{ "field 3", BOTH, spoil_bits, 3 },
	{ "field 4", BOTH, spoil_bits, 4 },
	{ "a byte after the arguments", BOTH, spoil_after_args, 0 },
	{ "the last byte of the arguments", BOTH, spoil_after_args, 1 },
	{ "text with NUL", BOTH, spoil_text, 0 },
	{ "answer of one byte too many", BOTH, spoil_answer_size,
	    MONITOR_XATTR_DATA_MAX + 1 },
	{ "answer of 2^32-1 bytes", BOTH, spoil_answer_size, UINT32_MAX },
	{ "xattr name_len 0", BOTH, spoil_xattr_name, 0 },
	{ "xattr name_len of the data and one", BOTH, spoil_xattr_name, 14 },
	{ "xattr name_len 256", BOTH, spoil_xattr_name, 256 },
	{ "xattr name_len 2^32-1", BOTH, spoil_xattr_name, UINT32_MAX },
	{ "xattr value too long", BOTH, spoil_xattr_value, 0 },
	{ "xattr name with NUL", BOTH, spoil_xattr_nul, 0 },
	{ "owner with uid -1", BOTH, spoil_owner, 0 },
	{ "owner with gid -1", BOTH, spoil_owner, 1 },
};
#define PEN_SPOILS	(sizeof(pen_spoil_table) / sizeof(pen_spoil_table[0]))

size_t
pen_spoils(void)
{
	return PEN_SPOILS;
}

const char *
pen_spoil(struct pen_message *message, enum pen_naming naming, size_t number,
    const char **label_out)
{
	uint32_t op = message->request.op;
	const char *why;

	*label_out = pen_spoil_table[number].label;
	if ((pen_spoil_table[number].naming & (unsigned int)naming) == 0)
		return NULL;
	why = pen_spoil_table[number].spoil(message, &pen_ops[op],
	    pen_spoil_table[number].arg);
	return why;
}
