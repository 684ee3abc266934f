/* SPDX-License-Identifier: ISC */
/*
 * One function for each FUSE operation on open files and directories. Test
 * code.
 */
#include "fuse_client.h"

#include <stddef.h>
#include <string.h>

#include "tap.h"

#define PART(base, len) { .iov_base = (void *)(uintptr_t)(base), \
	    .iov_len = (len) }

static int
ops_arg(struct fuse_client *c, uint32_t opcode, uint64_t nodeid,
    const void *arg, size_t len, void *out, size_t out_len)
{
	return fuse_named(c, opcode, nodeid, arg, len, NULL, 0, out, out_len);
}

static int
ops_open(struct fuse_client *c, uint32_t opcode, uint64_t nodeid,
    uint32_t flags, struct fuse_open_out *open)
{
	struct fuse_open_in arg = { .flags = flags };

	return ops_arg(c, opcode, nodeid, &arg, sizeof(arg), open,
	    sizeof(*open));
}

int
fuse_open(struct fuse_client *c, uint64_t nodeid, uint32_t flags,
    struct fuse_open_out *open)
{
	return ops_open(c, FUSE_OPEN, nodeid, flags, open);
}

int
fuse_opendir(struct fuse_client *c, uint64_t nodeid,
    struct fuse_open_out *open)
{
	return ops_open(c, FUSE_OPENDIR, nodeid, 0, open);
}

static int
ops_create(struct fuse_client *c, uint32_t opcode, uint64_t parent,
    const struct fuse_create_in *arg, const char *name,
    struct fuse_entry_out *entry, struct fuse_open_out *open)
{
	struct iovec in[2] = { PART(arg, sizeof(*arg)),
	    PART(name, strlen(name) + 1) };
	struct iovec out[2] = { PART(entry, sizeof(*entry)),
	    PART(open, sizeof(*open)) };
	struct fuse_call call = { .opcode = opcode, .nodeid = parent,
	    .in = in, .in_count = 2, .out = out, .out_count = 2,
	    .out_least = sizeof(*entry) + sizeof(*open), .extended = 1 };
	int result = fuse_request(c, &call);

	return result > 0 ? 0 : result;
}

int
fuse_create(struct fuse_client *c, uint64_t parent, const char *name,
    uint32_t flags, uint32_t mode, struct fuse_entry_out *entry,
    struct fuse_open_out *open)
{
	struct fuse_create_in arg = { .flags = flags, .mode = mode,
	    .umask = c->umask };

	return ops_create(c, FUSE_CREATE, parent, &arg, name, entry, open);
}

int
fuse_tmpfile(struct fuse_client *c, uint64_t parent, uint32_t flags,
    uint32_t mode, struct fuse_entry_out *entry, struct fuse_open_out *open)
{
	struct fuse_create_in arg = { .flags = flags, .mode = mode,
	    .umask = c->umask };

	/* Linux sends "/" for the file without a name. */
	return ops_create(c, FUSE_TMPFILE, parent, &arg, "/", entry, open);
}

int
fuse_readv(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
    uint64_t offset, const struct iovec *out, size_t count)
{
	struct fuse_read_in arg = { .fh = fh, .offset = offset };
	struct iovec in = PART(&arg, sizeof(arg));
	struct fuse_call call = { .opcode = FUSE_READ, .nodeid = nodeid,
	    .in = &in, .in_count = 1, .out = out, .out_count = count };

	for (size_t i = 0; i < count; i++)
		arg.size += (uint32_t)out[i].iov_len;
	return fuse_request(c, &call);
}

int
fuse_read(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
    uint64_t offset, void *out, uint32_t size)
{
	struct iovec part = PART(out, size);

	return fuse_readv(c, nodeid, fh, offset, &part, size > 0 ? 1 : 0);
}

int
fuse_writev(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
    uint64_t offset, const struct iovec *data, size_t count,
    uint32_t write_flags, uint32_t open_flags)
{
	struct fuse_write_in arg = { .fh = fh, .offset = offset,
	    .write_flags = write_flags, .flags = open_flags };
	struct fuse_write_out reply;
	struct iovec in[FUSE_MAX_PARTS] = { PART(&arg, sizeof(arg)) };
	struct iovec out = PART(&reply, sizeof(reply));
	struct fuse_call call = { .opcode = FUSE_WRITE, .nodeid = nodeid,
	    .in = in, .in_count = 1 + count, .out = &out, .out_count = 1,
	    .out_least = sizeof(reply) };
	int result;

	if (count >= FUSE_MAX_PARTS)
		tap_bail("too many parts");
	for (size_t i = 0; i < count; i++) {
		in[1 + i] = data[i];
		arg.size += (uint32_t)data[i].iov_len;
	}
	result = fuse_request(c, &call);
	if (result < 0)
		return result;
	return reply.size <= arg.size ? (int)reply.size : FUSE_BAD_SIZE;
}

int
fuse_write(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
    uint64_t offset, const void *data, uint32_t size)
{
	struct iovec part = PART(data, size);

	return fuse_writev(c, nodeid, fh, offset, &part, 1, 0, 0);
}

static int
ops_release(struct fuse_client *c, uint32_t opcode, uint64_t nodeid,
    uint64_t fh)
{
	struct fuse_release_in arg = { .fh = fh };

	return ops_arg(c, opcode, nodeid, &arg, sizeof(arg), NULL, 0);
}

int
fuse_release(struct fuse_client *c, uint64_t nodeid, uint64_t fh)
{
	return ops_release(c, FUSE_RELEASE, nodeid, fh);
}

int
fuse_releasedir(struct fuse_client *c, uint64_t nodeid, uint64_t fh)
{
	return ops_release(c, FUSE_RELEASEDIR, nodeid, fh);
}

int
fuse_flush(struct fuse_client *c, uint64_t nodeid, uint64_t fh)
{
	struct fuse_flush_in arg = { .fh = fh };

	return ops_arg(c, FUSE_FLUSH, nodeid, &arg, sizeof(arg), NULL, 0);
}

static int
ops_fsync(struct fuse_client *c, uint32_t opcode, uint64_t nodeid,
    uint64_t fh, int datasync)
{
	struct fuse_fsync_in arg = { .fh = fh,
	    .fsync_flags = datasync ? FUSE_FSYNC_FDATASYNC : 0 };

	return ops_arg(c, opcode, nodeid, &arg, sizeof(arg), NULL, 0);
}

int
fuse_fsync(struct fuse_client *c, uint64_t nodeid, uint64_t fh, int datasync)
{
	return ops_fsync(c, FUSE_FSYNC, nodeid, fh, datasync);
}

int
fuse_fsyncdir(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
    int datasync)
{
	return ops_fsync(c, FUSE_FSYNCDIR, nodeid, fh, datasync);
}

static int
ops_readdir(struct fuse_client *c, uint32_t opcode, uint64_t nodeid,
    const struct fuse_read_in *arg, void *out)
{
	struct iovec in = PART(arg, sizeof(*arg));
	struct iovec reply = PART(out, arg->size);
	struct fuse_call call = { .opcode = opcode, .nodeid = nodeid,
	    .in = &in, .in_count = 1, .out = &reply,
	    .out_count = arg->size > 0 ? 1 : 0 };

	return fuse_request(c, &call);
}

int
fuse_readdir(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
    uint64_t offset, void *out, uint32_t size)
{
	struct fuse_read_in arg = { .fh = fh, .offset = offset,
	    .size = size };

	return ops_readdir(c, FUSE_READDIR, nodeid, &arg, out);
}

int
fuse_readdirplus(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
    uint64_t offset, void *out, uint32_t size)
{
	struct fuse_read_in arg = { .fh = fh, .offset = offset,
	    .size = size };

	return ops_readdir(c, FUSE_READDIRPLUS, nodeid, &arg, out);
}

int
fuse_fallocate(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
    uint32_t mode, uint64_t offset, uint64_t len)
{
	struct fuse_fallocate_in arg = { .fh = fh, .mode = mode,
	    .offset = offset, .length = len };

	return ops_arg(c, FUSE_FALLOCATE, nodeid, &arg, sizeof(arg), NULL, 0);
}

int
fuse_lseek(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
    uint64_t offset, uint32_t whence, uint64_t *out)
{
	struct fuse_lseek_in arg = { .fh = fh, .offset = offset,
	    .whence = whence };
	struct fuse_lseek_out reply;
	int result = ops_arg(c, FUSE_LSEEK, nodeid, &arg, sizeof(arg),
	    &reply, sizeof(reply));

	if (result == 0)
		*out = reply.offset;
	return result;
}

int
fuse_copy_file_range(struct fuse_client *c,
    const struct fuse_copy_file_range_in *arg, uint64_t nodeid)
{
	struct fuse_write_out reply;
	int result = ops_arg(c, FUSE_COPY_FILE_RANGE, nodeid, arg,
	    sizeof(*arg), &reply, sizeof(reply));

	if (result < 0)
		return result;
	return reply.size <= arg->len ? (int)reply.size : FUSE_BAD_SIZE;
}

int
fuse_dir_next(struct fuse_dir *d, struct fuse_dir_entry *e)
{
	size_t fixed = offsetof(struct fuse_dirent, name), size;
	size_t plus = d->plus ? sizeof(struct fuse_entry_out) : 0;
	const uint8_t *p = d->data + d->at;
	struct fuse_dirent h;

	if (d->at == d->len)
		return 0;
	if (d->len - d->at < plus + fixed)
		return FUSE_BAD_SIZE;
	memset(&e->entry, 0, sizeof(e->entry));
	memcpy(&e->entry, p, plus);
	memcpy(&h, p + plus, fixed);
	size = FUSE_REC_ALIGN(plus + fixed + h.namelen);
	if (h.namelen == 0 || h.namelen > 255 || size > d->len - d->at)
		return FUSE_BAD_SIZE;
	e->ino = h.ino;
	e->off = h.off;
	e->type = h.type;
	e->namelen = h.namelen;
	memcpy(e->name, p + plus + fixed, h.namelen);
	e->name[h.namelen] = '\0';
	if (memchr(e->name, '/', h.namelen) != NULL ||
	    strlen(e->name) != h.namelen)
		return FUSE_BAD_SIZE;
	d->at += size;
	return 1;
}
