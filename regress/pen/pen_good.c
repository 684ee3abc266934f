/*
 * SPDX-License-Identifier: ISC
 *
 * One good request for every operation.  Test code.
 */
#include "config.h"

#include "regress/pen/pen_cases.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define GETXATTR_PAD	offsetof(struct monitor_getxattr_request, pad)
#define STREAM_FIELD(member)						\
	offsetof(struct monitor_stream_request, member)
#define MEMBER(op)							\
	offsetof(struct monitor_ ## op ## _request, member.known)
#define SETATTR_TIME(member)						\
	offsetof(struct monitor_setattr_request, member) +		\
	    offsetof(struct monitor_time, pad)

const struct pen_op pen_ops[MONITOR_OP_MAX] = {
	[MONITOR_LOOKUP] = { .name = "LOOKUP", .names = { "file" },
		.optional = true, .by_handle = true },
	[MONITOR_FORGET] = { .name = "FORGET", .data = "0123456789abcdef",
		.by_handle = true,
		.data_max = 1024 * sizeof(struct monitor_forget) },
	[MONITOR_GETATTR] = { .name = "GETATTR", .names = { "file" },
		.optional = true },
	[MONITOR_SETATTR] = { .name = "SETATTR", .names = { "file" },
		.optional = true,
		.args_size = sizeof(struct monitor_setattr_request),
		.nfields = 4, .field = {
			{ offsetof(struct monitor_setattr_request, valid),
			    0x200 },
			{ offsetof(struct monitor_setattr_request, mode),
			    010000 },
			{ SETATTR_TIME(atime), 1 },
			{ SETATTR_TIME(mtime), 1 } } },
	[MONITOR_READLINK] = { .name = "READLINK", .names = { "link" },
		.optional = true },
	[MONITOR_STATFS] = { .name = "STATFS", .names = { "file" },
		.optional = true },
	[MONITOR_GETVERSION] = { .name = "GETVERSION", .names = { "file" },
		.optional = true, .by_path = true },
	[MONITOR_OPEN] = { .name = "OPEN", .names = { "file" },
		.optional = true,
		.args_size = sizeof(struct monitor_open_request),
		.nfields = 4, .field = {
			{ 0, O_CREAT }, { 0, O_PATH }, { 0, 0x80000000 },
			{ offsetof(struct monitor_open_request, pad), 1 } } },
	[MONITOR_CREATE] = { .name = "CREATE", .names = { "new-file" },
		.args_size = sizeof(struct monitor_create_request),
		.nfields = 5, .field = {
			{ 0, O_DIRECTORY }, { 0, O_PATH }, { 0, 0x80000000 },
			{ offsetof(struct monitor_create_request, mode),
			    010000 },
			{ MEMBER(create), 2 } } },
	[MONITOR_MKNOD] = { .name = "MKNOD", .names = { "new-fifo" },
		.args_size = sizeof(struct monitor_mknod_request),
		.nfields = 3, .field = {
			{ offsetof(struct monitor_mknod_request, mode),
			    0x10000 },
			{ offsetof(struct monitor_mknod_request, pad), 1 },
			{ MEMBER(mknod), 0x80000000 } } },
	[MONITOR_MKDIR] = { .name = "MKDIR", .names = { "new-dir" },
		.args_size = sizeof(struct monitor_mkdir_request),
		.nfields = 2, .field = {
			{ offsetof(struct monitor_mkdir_request, mode),
			    S_IFDIR },
			{ offsetof(struct monitor_mkdir_request, pad), 1 } } },
	[MONITOR_SYMLINK] = { .name = "SYMLINK", .names = { "new-link" },
		.data = "target",
		.data_max = MONITOR_TARGET_MAX, .text = true,
		.args_size = sizeof(struct monitor_symlink_request) },
	[MONITOR_LINK] = { .name = "LINK", .names = { "file", "new-name" },
		.optional = true },
	[MONITOR_UNLINK] = { .name = "UNLINK", .names = { "victim" } },
	[MONITOR_RMDIR] = { .name = "RMDIR", .names = { "victim-dir" } },
	[MONITOR_RENAME] = { .name = "RENAME", .names = { "file", "new-name" },
		.args_size = sizeof(struct monitor_rename_request),
		.nfields = 3, .field = {
			{ 0, 8 }, { 0, 0x80000000 },
			{ offsetof(struct monitor_rename_request, pad), 1 } } },
	[MONITOR_GETXATTR] = { .name = "GETXATTR", .names = { "file" },
		.optional = true, .data = "user.pen",
		.data_max = MONITOR_XATTR_NAME_MAX, .text = true,
		.args_size = sizeof(struct monitor_getxattr_request),
		.nfields = 1, .field = { { GETXATTR_PAD, 1 } } },
	[MONITOR_SETXATTR] = { .name = "SETXATTR", .names = { "file" },
		.optional = true, .data = "user.newvalue",
		.data_max = MONITOR_XATTR_NAME_MAX + MONITOR_XATTR_DATA_MAX,
		.args_size = sizeof(struct monitor_setxattr_request),
		.nfields = 1, .field = { { 0, 4 } } },
	[MONITOR_LISTXATTR] = { .name = "LISTXATTR", .names = { "file" },
		.optional = true,
		.args_size = sizeof(struct monitor_getxattr_request),
		.nfields = 1, .field = { { GETXATTR_PAD, 1 } } },
	[MONITOR_REMOVEXATTR] = { .name = "REMOVEXATTR", .names = { "file" },
		.optional = true, .data = "user.pen",
		.data_max = MONITOR_XATTR_NAME_MAX, .text = true },
	[MONITOR_TMPFILE] = { .name = "TMPFILE", .names = { "" },
		.by_handle = true,
		.args_size = sizeof(struct monitor_create_request),
		.nfields = 5, .field = {
			{ 0, O_DIRECTORY }, { 0, O_PATH }, { 0, 0x80000000 },
			{ offsetof(struct monitor_create_request, mode),
			    010000 },
			{ MEMBER(create), 2 } } },
	[MONITOR_OPENDIR] = { .name = "OPENDIR", .names = { "" },
		.by_handle = true },
	[MONITOR_READDIR] = { .name = "READDIR", .names = { "" },
		.by_handle = true, .by_stream = true,
		.args_size = sizeof(struct monitor_readdir_request) },
	[MONITOR_READDIRPLUS] = { .name = "READDIRPLUS", .names = { "" },
		.by_handle = true,
		.args_size = sizeof(struct monitor_readdir_request) },
	[MONITOR_FSYNCDIR] = { .name = "FSYNCDIR", .names = { "" },
		.by_handle = true, .by_stream = true,
		.args_size = sizeof(struct monitor_stream_request),
		.nfields = 2, .field = {
			{ STREAM_FIELD(datasync), 2 },
			{ STREAM_FIELD(pad), 1 } } },
	[MONITOR_RELEASEDIR] = { .name = "RELEASEDIR", .names = { "" },
		.by_handle = true, .by_stream = true,
		.args_size = sizeof(struct monitor_stream_request),
		.nfields = 2, .field = {
			{ STREAM_FIELD(datasync), 1 },
			{ STREAM_FIELD(pad), 1 } } },
	[MONITOR_SYNCFS] = { .name = "SYNCFS", .names = { "" },
		.by_handle = true },
	[MONITOR_RESET] = { .name = "RESET", .by_handle = true },
	[MONITOR_PARENT] = { .name = "PARENT", .names = { "" },
		.by_handle = true },
};

const char *
pen_op_name(uint32_t op)
{
	return op < MONITOR_OP_MAX && pen_ops[op].name != NULL ?
	    pen_ops[op].name : "none";
}

static size_t
part_len(const struct pen_message *message, enum pen_part part)
{
	const struct monitor_place *place = message->request.place;

	switch (part) {
	case PEN_PATH0:
		return place[0].path_len;
	case PEN_NAME0:
		return place[0].name_len;
	case PEN_PATH1:
		return place[1].path_len;
	case PEN_NAME1:
		return place[1].name_len;
	case PEN_DATA:
		return message->request.data_len;
	case PEN_PARTS:
		break;
	}
	return 0;
}

static size_t
part_offset(const struct pen_message *message, enum pen_part part)
{
	size_t offset = 0;

	for (unsigned int i = 0; i < (unsigned int)part; i++)
		offset += part_len(message, (enum pen_part)i);
	return offset;
}

size_t
pen_payload_len(const struct pen_message *message)
{
	return part_offset(message, PEN_PARTS);
}

void
pen_set_part(struct pen_message *message, enum pen_part part,
    const void *bytes, size_t len)
{
	struct monitor_place *place = message->request.place;
	size_t at = part_offset(message, part), old = part_len(message, part);
	size_t rest = pen_payload_len(message) - at - old;

	if (at + len + rest > sizeof(message->payload))
		abort();
	memmove(message->payload + at + len, message->payload + at + old,
	    rest);
	memcpy(message->payload + at, bytes, len);
	if (part == PEN_PATH0 || part == PEN_PATH1)
		place[part == PEN_PATH1].path_len = (uint16_t)len;
	else if (part == PEN_DATA)
		message->request.data_len = (uint32_t)len;
	else
		place[part == PEN_NAME1].name_len = (uint16_t)len;
}

static void
set_text(struct pen_message *message, enum pen_part part, const char *text)
{
	pen_set_part(message, part, text, strlen(text));
}

static void
good_arguments(struct monitor_request *request)
{
	switch (request->op) {
	case MONITOR_SETATTR:
		request->u.setattr.valid = MONITOR_SET_MODE;
		request->u.setattr.mode = 0640;
		break;
	case MONITOR_READDIR:
	case MONITOR_READDIRPLUS:
		request->u.readdir.size = 4096;
		request->u.readdir.entry_size = 24;
		break;
	case MONITOR_TMPFILE:
	case MONITOR_CREATE:
		request->u.create.flags = O_RDWR | O_EXCL;
		request->u.create.mode = 0640;
		break;
	case MONITOR_MKNOD:
		request->u.mknod.mode = S_IFIFO | 0640;
		break;
	case MONITOR_MKDIR:
		request->u.mkdir.mode = 0750;
		break;
	case MONITOR_GETXATTR:
	case MONITOR_LISTXATTR:
		request->u.getxattr.size = MONITOR_XATTR_DATA_MAX;
		break;
	case MONITOR_SETXATTR:
		request->u.setxattr.name_len = 8;
		break;
	default:
		break;
	}
}

void
pen_good(struct pen_message *message, uint32_t op, enum pen_naming naming,
    uint64_t handle)
{
	const struct pen_op *row = &pen_ops[op];
	struct monitor_request *request = &message->request;

	memset(request, 0, sizeof(*request));
	request->op = op;
	for (unsigned int i = 0; i < 2; i++) {
		if (row->names[i] == NULL)
			continue;
		request->place[i].handle = naming == PEN_BY_PATH ?
		    MONITOR_ROOT_HANDLE : handle;
		if (naming == PEN_BY_PATH)
			set_text(message, i == 0 ? PEN_PATH0 : PEN_PATH1,
			    "dir");
		set_text(message, i == 0 ? PEN_NAME0 : PEN_NAME1,
		    row->names[i]);
	}
	if (row->data != NULL)
		set_text(message, PEN_DATA, row->data);
	good_arguments(request);
}

bool
pen_fits(uint32_t op, enum pen_naming naming)
{
	return naming == PEN_BY_PATH ? !pen_ops[op].by_handle :
	    !pen_ops[op].by_path;
}
