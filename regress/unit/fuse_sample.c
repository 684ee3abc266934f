/*
 * SPDX-License-Identifier: ISC
 *
 * Good FUSE requests, and the judge of replies.  Only for tests.  Sizes are
 * spelled out a second time here, on purpose.
 */
#include "config.h"

#include "fuse_sample.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAMPLE_DATA	24	/* bytes of what is read and written */

const uint32_t fuse_sample_opcodes[] = {
	FUSE_LOOKUP, FUSE_FORGET, FUSE_GETATTR, FUSE_SETATTR, FUSE_READLINK,
	FUSE_SYMLINK, FUSE_MKNOD, FUSE_MKDIR, FUSE_UNLINK, FUSE_RMDIR,
	FUSE_RENAME, FUSE_LINK, FUSE_OPEN, FUSE_READ, FUSE_WRITE, FUSE_STATFS,
	FUSE_RELEASE, FUSE_FSYNC, FUSE_SETXATTR, FUSE_GETXATTR,
	FUSE_LISTXATTR, FUSE_REMOVEXATTR, FUSE_FLUSH, FUSE_INIT, FUSE_OPENDIR,
	FUSE_READDIR, FUSE_RELEASEDIR, FUSE_FSYNCDIR, FUSE_ACCESS,
	FUSE_CREATE, FUSE_DESTROY, FUSE_BATCH_FORGET, FUSE_FALLOCATE,
	FUSE_READDIRPLUS, FUSE_RENAME2, FUSE_LSEEK, FUSE_COPY_FILE_RANGE,
	FUSE_SYNCFS, FUSE_TMPFILE, FUSE_STATX, 0
};

const uint32_t fuse_sample_creating[] = {
	FUSE_SYMLINK, FUSE_MKNOD, FUSE_MKDIR, FUSE_CREATE, FUSE_TMPFILE, 0
};

void
fuse_sample_begin(struct fuse_sample *sample, uint32_t opcode,
    uint64_t nodeid)
{
	const struct fuse_in_header in = { .opcode = opcode,
	    .unique = FUSE_SAMPLE_UNIQUE, .nodeid = nodeid, .uid = 1000,
	    .gid = 1001, .pid = 1 };

	sample->len = 0;
	sample->room = sizeof(struct fuse_out_header);
	fuse_sample_add(sample, &in, sizeof(in));
}

void
fuse_sample_add(struct fuse_sample *sample, const void *bytes, size_t len)
{
	uint32_t total;

	if (len > sizeof(sample->bytes) - sample->len)
		abort();
	memcpy(sample->bytes + sample->len, bytes, len);
	sample->len += len;
	total = (uint32_t)sample->len;
	memcpy(sample->bytes, &total, sizeof(total));
}

void
fuse_sample_string(struct fuse_sample *sample, const char *string)
{
	fuse_sample_add(sample, string, strlen(string) + 1);
}

void
fuse_sample_extensions(struct fuse_sample *sample, const uint32_t *words,
    size_t n)
{
	const uint16_t units = (uint16_t)(n / 2);

	fuse_sample_add(sample, words, n * sizeof(*words));
	memcpy(sample->bytes + offsetof(struct fuse_in_header, total_extlen),
	    &units, sizeof(units));
}

#define ADD(...) fuse_sample_add(s, &(__VA_ARGS__), sizeof(__VA_ARGS__))

static void
good_names(struct fuse_sample *s, uint32_t opcode)
{
	switch (opcode) {
	case FUSE_SYMLINK:
		fuse_sample_string(s, "link");
		fuse_sample_string(s, "../else/where");
		break;
	case FUSE_MKNOD:
		ADD((struct fuse_mknod_in){ .mode = S_IFIFO | 0640 });
		fuse_sample_string(s, "fifo");
		break;
	case FUSE_MKDIR:
		ADD((struct fuse_mkdir_in){ .mode = 02755 });
		fuse_sample_string(s, "dir");
		break;
	case FUSE_RENAME:
		ADD((struct fuse_rename_in){ .newdir = FUSE_ROOT_ID });
		fuse_sample_string(s, "old");
		fuse_sample_string(s, "new");
		break;
	case FUSE_RENAME2:
		ADD((struct fuse_rename2_in){ .newdir = FUSE_ROOT_ID,
		    .flags = 1 });
		fuse_sample_string(s, "old");
		fuse_sample_string(s, "new");
		break;
	case FUSE_LINK:
		ADD((struct fuse_link_in){ .oldnodeid = 0x700000004 });
		fuse_sample_string(s, "name");
		break;
	case FUSE_CREATE:
		ADD((struct fuse_create_in){ .mode = S_IFREG | 0640,
		    .flags = O_CREAT | O_EXCL | O_RDWR });
		fuse_sample_string(s, "file");
		break;
	case FUSE_TMPFILE:
		ADD((struct fuse_create_in){ .mode = S_IFREG | 0600,
		    .flags = O_TMPFILE | O_RDWR });
		fuse_sample_string(s, "/");
		break;
	case FUSE_SETXATTR:
		fuse_sample_add(s, &(struct fuse_setxattr_in){ .size = 5 }, 8);
		fuse_sample_string(s, "user.test");
		fuse_sample_add(s, "value", 5);
		break;
	case FUSE_GETXATTR:
		ADD((struct fuse_getxattr_in){ .size = 64 });
		fuse_sample_string(s, "user.test");
		break;
	case FUSE_REMOVEXATTR:
		fuse_sample_string(s, "user.test");
		break;
	case FUSE_LOOKUP:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
		fuse_sample_string(s, "file");
		break;
	default:
		break;
	}
}

static void
good_file(struct fuse_sample *s, uint32_t opcode, uint64_t fh)
{
	const uint8_t data[SAMPLE_DATA] = "abcdefghijklmnopqrstuvwx";

	switch (opcode) {
	case FUSE_READ:
		ADD((struct fuse_read_in){ .fh = fh, .size = SAMPLE_DATA });
		break;
	case FUSE_WRITE:
		ADD((struct fuse_write_in){ .fh = fh, .size = SAMPLE_DATA });
		ADD(data);
		break;
	case FUSE_RELEASE:
		ADD((struct fuse_release_in){ .fh = fh });
		break;
	case FUSE_FLUSH:
		ADD((struct fuse_flush_in){ .fh = fh });
		break;
	case FUSE_FSYNC:
		ADD((struct fuse_fsync_in){ .fh = fh });
		break;
	case FUSE_FALLOCATE:
		ADD((struct fuse_fallocate_in){ .fh = fh, .length = 8192 });
		break;
	case FUSE_LSEEK:
		ADD((struct fuse_lseek_in){ .fh = fh, .whence = SEEK_DATA });
		break;
	case FUSE_COPY_FILE_RANGE:
		ADD((struct fuse_copy_file_range_in){ .fh_in = fh,
		    .fh_out = fh, .nodeid_out = FUSE_SAMPLE_NODE,
		    .off_out = 8192, .len = SAMPLE_DATA });
		break;
	case FUSE_GETATTR:
		ADD((struct fuse_getattr_in){ .fh = fh,
		    .getattr_flags = FUSE_GETATTR_FH });
		break;
	default:
		break;
	}
}

static void
good_other(struct fuse_sample *s, uint32_t opcode)
{
	switch (opcode) {
	case FUSE_FORGET:
		ADD((struct fuse_forget_in){ .nlookup = 2 });
		break;
	case FUSE_BATCH_FORGET:
		ADD((struct fuse_batch_forget_in){ .count = 2 });
		ADD((struct fuse_forget_one){ 0x300000001, 1 });
		ADD((struct fuse_forget_one){ 0x300000002, 3 });
		break;
	case FUSE_SETATTR:
		ADD((struct fuse_setattr_in){ .mode = S_IFREG | 0600,
		    .valid = FATTR_MODE | FATTR_SIZE, .size = 4096 });
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		ADD((struct fuse_open_in){ .flags = O_RDWR });
		break;
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		ADD((struct fuse_read_in){ .fh = 9, .size = 700 });
		break;
	case FUSE_RELEASEDIR:
		ADD((struct fuse_release_in){ .fh = 9 });
		break;
	case FUSE_FSYNCDIR:
		ADD((struct fuse_fsync_in){ .fh = 9, .fsync_flags = 1 });
		break;
	case FUSE_LISTXATTR:
		ADD((struct fuse_getxattr_in){ .size = 64 });
		break;
	case FUSE_ACCESS:
		ADD((struct fuse_access_in){ .mask = R_OK });
		break;
	case FUSE_SYNCFS:
		ADD((struct fuse_syncfs_in){ 0 });
		break;
	case FUSE_STATX:
		ADD((struct fuse_statx_in){ .sx_mask = 0xfff });
		break;
	case FUSE_INIT:
		ADD((struct fuse_init_in){ .major = 7, .minor = 38,
		    .max_readahead = 131072, .flags = 0x7fffffff });
		break;
	default:
		break;
	}
}

/* Returns how long a success may be, and at least is, without its header. */
static void
reply_sizes(uint32_t opcode, size_t *least, size_t *most)
{
	*least = *most = 0;
	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_SYMLINK:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_LINK:
		*least = *most = 128;
		break;
	case FUSE_CREATE:
	case FUSE_TMPFILE:
		*least = *most = 144;
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		*least = *most = 104;
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		*least = *most = 16;
		break;
	case FUSE_WRITE:
	case FUSE_COPY_FILE_RANGE:
	case FUSE_LSEEK:
		*least = *most = 8;
		break;
	case FUSE_STATFS:
		*least = *most = 80;
		break;
	case FUSE_INIT:
		*least = *most = 64;
		break;
	case FUSE_STATX:
		*least = *most = 288;
		break;
	case FUSE_READ:
	case FUSE_READLINK:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		*most = SIZE_MAX;
		break;
	default:
		break;
	}
}

static size_t
reply_room(uint32_t opcode)
{
	size_t least, most;

	switch (opcode) {
	case FUSE_READ:
		return SAMPLE_DATA;
	case FUSE_READLINK:
		return 4095;
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		return 700;
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		return 64;
	default:
		reply_sizes(opcode, &least, &most);
		return most;
	}
}

void
fuse_sample_good(struct fuse_sample *s, uint32_t opcode, uint64_t fh)
{
	fuse_sample_begin(s, opcode, opcode == FUSE_INIT ||
	    opcode == FUSE_DESTROY || opcode == FUSE_BATCH_FORGET ? 0 :
	    FUSE_SAMPLE_NODE);
	good_names(s, opcode);
	good_file(s, opcode, fh);
	good_other(s, opcode);
	s->room = opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET ? 0 :
	    sizeof(struct fuse_out_header) + reply_room(opcode);
}

int
fuse_sample_error(const uint8_t *reply, size_t len)
{
	struct fuse_out_header out;

	if (len < sizeof(out))
		return -ENOMSG;
	memcpy(&out, reply, sizeof(out));
	return out.error;
}

/* Returns whether it is right that a request has no reply. */
static bool
may_be_silent(const struct fuse_in_header *in, size_t request_len, size_t room)
{
	size_t least, most;

	reply_sizes(in->opcode, &least, &most);
	return request_len < sizeof(*in) || in->opcode == FUSE_FORGET ||
	    in->opcode == FUSE_BATCH_FORGET ||
	    room < sizeof(struct fuse_out_header) + least ||
	    /* What has no room for the length that it asks for. */
	    ((in->opcode == FUSE_GETXATTR || in->opcode == FUSE_LISTXATTR) &&
	    room < 24);
}

const char *
fuse_sample_check(const uint8_t *request, size_t request_len,
    const uint8_t *reply, size_t len, size_t room)
{
	struct fuse_in_header in = { 0 };
	struct fuse_out_header out;
	size_t least, most;

	memcpy(&in, request, request_len < sizeof(in) ? request_len :
	    sizeof(in));
	if (len == 0)
		return may_be_silent(&in, request_len, room) ? NULL :
		    "no reply";
	if (request_len < sizeof(in))
		return "a reply to nobody";
	if (in.opcode == FUSE_FORGET || in.opcode == FUSE_BATCH_FORGET)
		return "a reply that nobody waits for";
	if (len < sizeof(out) || len > room)
		return "a length that cannot be";
	memcpy(&out, reply, sizeof(out));
	if (out.len != len)
		return "not the header's length";
	if (out.unique != in.unique)
		return "another's unique";
	if (out.error > 0 || out.error <= -512)
		return "an error that is none";
	if (out.error != 0)
		return len == sizeof(out) ? NULL : "an error with data";
	reply_sizes(in.opcode, &least, &most);
	if (len - sizeof(out) < least || len - sizeof(out) > most)
		return "a success of another size";
	return NULL;
}
