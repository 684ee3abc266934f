/* SPDX-License-Identifier: ISC */
/*
 * Builds the requests of the virtio-fs bench: each operation as the sequence
 * that Linux sends for it, with the FORGETs that follow. Every slot has a
 * directory of its own, as processes of a guest that work in parallel have:
 * in one directory the guest's kernel would let them wait for each other.
 * Bench code.
 */
#include "virtiofs_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "tap.h"

#define SLOTS		(LOAD_DEPTH * LOAD_QUEUES)

void
ops_prepare_share(const char *dir)
{
	static char content[LOAD_PAGE + 1];
	char path[512];
	int fd;

	memset(content, 'c', LOAD_PAGE);
	for (unsigned int i = 0; i < SLOTS; i++) {
		snprintf(path, sizeof(path), "%s/slot%u", dir, i);
		host_mkdir(path, 0755, 0, 0);
		snprintf(path, sizeof(path), "%s/slot%u/file", dir, i);
		host_write(path, "some content", 0644, 1000, 1000);
	}
	snprintf(path, sizeof(path), "%s/many", dir);
	host_mkdir(path, 0755, 0, 0);
	for (unsigned int i = 0; i < LOAD_ENTRIES; i++) {
		snprintf(path, sizeof(path), "%s/many/file-%04u", dir, i);
		host_write(path, content, 0644, 1000, 1000);
	}
	for (unsigned int i = 0; i < LOAD_QUEUES; i++) {
		snprintf(path, sizeof(path), "%s/data%u", dir, i);
		host_write(path, "", 0644, 0, 0);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		for (unsigned int k = 0; k < LOAD_FILE / LOAD_PAGE; k++)
			if (fd < 0 || write(fd, content, LOAD_PAGE) !=
			    (ssize_t)LOAD_PAGE)
				tap_bail("%s: %s", path, strerror(errno));
		close(fd);
	}
}

static int
next_nothing(struct load_slot *s)
{
	if (s->step > 0)
		return 0;
	/* No virtiofsd has it: it maps blocks of a block device. */
	load_request(s, FUSE_BMAP, s->file, sizeof(struct fuse_bmap_in));
	s->want = -ENOSYS;
	return 1;
}

static int
next_getattr(struct load_slot *s)
{
	if (s->step > 0)
		return 0;
	load_request(s, FUSE_GETATTR, s->file,
	    sizeof(struct fuse_getattr_in));
	load_reply(s, sizeof(struct fuse_attr_out));
	return 1;
}

static void
build_lookup(struct load_slot *s, uint64_t parent, const char *name)
{
	load_request(s, FUSE_LOOKUP, parent, 0);
	load_name(s, name);
	load_reply(s, sizeof(struct fuse_entry_out));
}

static int
next_lookup(struct load_slot *s)
{
	if (s->step > 0) {
		s->lookups++;
		return 0;
	}
	build_lookup(s, s->dir, "file");
	return 1;
}

/* As a kernel does when it drops the inode at last. */
static void
clean_lookup(struct load_slot *s)
{
	if (s->lookups > 0)
		load_forget(s, s->file, s->lookups);
	s->lookups = 0;
}

static int
next_missing(struct load_slot *s)
{
	if (s->step > 0)
		return 0;
	build_lookup(s, s->dir, "missing");
	s->want = -ENOENT;
	return 1;
}

static int
next_new_lookup(struct load_slot *s)
{
	char name[32];

	if (s->step > 0) {
		load_forget(s, ((const struct fuse_entry_out *)
		    load_payload(s))->nodeid, 1);
		return 0;
	}
	snprintf(name, sizeof(name), "file-%04u", (unsigned int)
	    (s->turn++ * SLOTS + s->number) % LOAD_ENTRIES);
	build_lookup(s, s->queue->many, name);
	return 1;
}

static void
build_open(struct load_slot *s, uint64_t nodeid, uint32_t opcode,
    uint32_t flags)
{
	struct fuse_open_in *in;

	in = load_request(s, opcode, nodeid, sizeof(*in));
	in->flags = flags;
	load_reply(s, sizeof(struct fuse_open_out));
}

static void
build_release(struct load_slot *s, uint64_t nodeid, uint32_t opcode)
{
	struct fuse_release_in *in;

	in = load_request(s, opcode, nodeid, sizeof(*in));
	in->fh = s->fh;
}

static void
build_read(struct load_slot *s, uint32_t opcode, uint64_t nodeid,
    uint32_t size, uint64_t offset)
{
	struct fuse_read_in *in;

	in = load_request(s, opcode, nodeid, sizeof(*in));
	in->fh = s->fh;
	in->offset = offset;
	in->size = size;
	load_pages_in(s, size);
}

static void
take_fh(struct load_slot *s)
{
	s->fh = ((const struct fuse_open_out *)load_payload(s))->fh;
}

static int
next_open(struct load_slot *s)
{
	if (s->step == 2)
		return 0;
	if (s->step == 0) {
		build_open(s, s->file, FUSE_OPEN, O_RDONLY);
		return 1;
	}
	take_fh(s);
	build_release(s, s->file, FUSE_RELEASE);
	return 1;
}

static void
build_flush(struct load_slot *s, uint64_t nodeid)
{
	struct fuse_flush_in *in;

	in = load_request(s, FUSE_FLUSH, nodeid, sizeof(*in));
	in->fh = s->fh;
}

/* All of what cat(1) of a file makes, of which nothing was known. */
static int
next_new_file(struct load_slot *s)
{
	switch (s->step) {
	case 0:
		return next_new_lookup(s);
	case 1:
		s->node = ((const struct fuse_entry_out *)
		    load_payload(s))->nodeid;
		build_open(s, s->node, FUSE_OPEN, O_RDONLY);
		return 1;
	case 2:
		take_fh(s);
		build_read(s, FUSE_READ, s->node, LOAD_PAGE, 0);
		return 1;
	case 3:
		build_flush(s, s->node);
		return 1;
	case 4:
		build_release(s, s->node, FUSE_RELEASE);
		return 1;
	default:
		load_forget(s, s->node, 1);
		return 0;
	}
}

static void
build_removal(struct load_slot *s, uint32_t opcode, const char *name)
{
	load_request(s, opcode, s->dir, 0);
	load_name(s, name);
}

static int
next_create(struct load_slot *s)
{
	const struct {
		struct fuse_entry_out	entry;
		struct fuse_open_out	open;
	} *made = load_payload(s);
	struct fuse_create_in *in;

	switch (s->step) {
	case 0:
		in = load_request(s, FUSE_CREATE, s->dir, sizeof(*in));
		in->flags = O_CREAT | O_EXCL | O_WRONLY;
		in->mode = S_IFREG | 0644;
		in->umask = 022;
		load_name(s, "new");
		load_reply(s, sizeof(*made));
		return 1;
	case 1:
		s->node = made->entry.nodeid;
		s->fh = made->open.fh;
		build_release(s, s->node, FUSE_RELEASE);
		return 1;
	case 2:
		build_removal(s, FUSE_UNLINK, "new");
		return 1;
	default:
		load_forget(s, s->node, 1);
		return 0;
	}
}

static int
next_mkdir(struct load_slot *s)
{
	struct fuse_mkdir_in *in;

	switch (s->step) {
	case 0:
		in = load_request(s, FUSE_MKDIR, s->dir, sizeof(*in));
		in->mode = 0755;
		in->umask = 022;
		load_name(s, "new");
		load_reply(s, sizeof(struct fuse_entry_out));
		return 1;
	case 1:
		s->node = ((const struct fuse_entry_out *)
		    load_payload(s))->nodeid;
		build_removal(s, FUSE_RMDIR, "new");
		return 1;
	default:
		load_forget(s, s->node, 1);
		return 0;
	}
}

#define LINK_TARGET	"some/where/else"

static int
next_symlink(struct load_slot *s)
{
	switch (s->step) {
	case 0:
		load_request(s, FUSE_SYMLINK, s->dir, 0);
		load_name(s, "new");
		load_name(s, LINK_TARGET);
		load_reply(s, sizeof(struct fuse_entry_out));
		return 1;
	case 1:
		s->node = ((const struct fuse_entry_out *)
		    load_payload(s))->nodeid;
		load_request(s, FUSE_READLINK, s->node, 0);
		load_pages_in(s, LOAD_PAGE);
		s->want_len = sizeof(struct fuse_out_header) +
		    sizeof(LINK_TARGET) - 1;
		return 1;
	case 2:
		build_removal(s, FUSE_UNLINK, "new");
		return 1;
	default:
		load_forget(s, s->node, 1);
		return 0;
	}
}

/* There and back; the odd ones of s->lookups are on their way back. */
static int
next_rename(struct load_slot *s)
{
	int back = s->lookups & 1;
	struct fuse_rename_in *in;

	if (s->step > 0) {
		s->lookups++;
		return 0;
	}
	in = load_request(s, FUSE_RENAME, s->dir, sizeof(*in));
	in->newdir = s->dir;
	load_name(s, back ? "moved" : "file");
	load_name(s, back ? "file" : "moved");
	return 1;
}

static void
clean_rename(struct load_slot *s)
{
	if (s->lookups & 1 && fuse_rename(&s->queue->client, s->dir, "moved",
	    s->dir, "file") < 0)
		tap_bail("a file cannot be renamed back");
	s->lookups = 0;
}

static int
next_chmod(struct load_slot *s)
{
	struct fuse_setattr_in *in;

	if (s->step > 0)
		return 0;
	in = load_request(s, FUSE_SETATTR, s->file, sizeof(*in));
	in->valid = FATTR_MODE;
	in->mode = S_IFREG | (s->turn++ & 1 ? 0640 : 0644);
	load_reply(s, sizeof(struct fuse_attr_out));
	return 1;
}

static int
next_statfs(struct load_slot *s)
{
	if (s->step > 0)
		return 0;
	load_request(s, FUSE_STATFS, FUSE_ROOT_ID, 0);
	load_reply(s, sizeof(struct fuse_statfs_out));
	return 1;
}

/* The next buffer of a directory; its pages lie one behind the other. */
static void
build_readdir(struct load_slot *s, uint32_t opcode)
{
	size_t size = s->queue->op->size;

	build_read(s, opcode, s->queue->many, (uint32_t)size, s->offset);
	s->in[1] = (struct iovec){ s->data, size };
	s->in_count = 2;
	if (size > LOAD_PAGE)
		for (size_t i = 0; i < size / LOAD_PAGE; i++, s->in_count =
		    i + 1)
			s->in[i + 1] = (struct iovec){
			    s->data + i * LOAD_PAGE, LOAD_PAGE };
	s->want_len = 0;
}

/* Returns the number of entries; keeps what was looked up by them. */
static unsigned int
take_entries(struct load_slot *s, int plus)
{
	struct fuse_dir dir = { .data = s->data, .plus = plus,
	    .len = s->len - sizeof(struct fuse_out_header) };
	struct fuse_dir_entry e;
	unsigned int count = 0;

	while (fuse_dir_next(&dir, &e) == 1) {
		s->offset = e.off;
		count++;
		if (plus && e.entry.nodeid != 0 &&
		    s->found_count < LOAD_ENTRIES + 2)
			s->found[s->found_count++] = e.entry.nodeid;
	}
	return count;
}

/* s->turn: entries so far. opendir(3), readdir(3) to the end, closedir(3). */
static int
next_entries(struct load_slot *s, int plus)
{
	uint32_t opcode = plus ? FUSE_READDIRPLUS : FUSE_READDIR;
	unsigned int count;

	if (s->step == 0) {
		s->offset = 0;
		s->lookups = 0;
		s->found_count = 0;
		s->node = 0;
		build_open(s, s->queue->many, FUSE_OPENDIR,
		    O_RDONLY | O_DIRECTORY);
		return 1;
	}
	/* RELEASEDIR was the last one. */
	if (s->node != 0)
		return 0;
	if (s->step == 1)
		take_fh(s);
	else if ((count = take_entries(s, plus)) > 0)
		s->lookups += count;
	else {
		if (s->lookups < LOAD_ENTRIES)
			tap_bail("only %u directory entries",
			    (unsigned int)s->lookups);
		s->node = 1;
		build_release(s, s->queue->many, FUSE_RELEASEDIR);
		return 1;
	}
	build_readdir(s, opcode);
	return 1;
}

static int
next_readdir(struct load_slot *s)
{
	return next_entries(s, 0);
}

static int
next_readdirplus(struct load_slot *s)
{
	return next_entries(s, 1);
}

static void
end_readdirplus(struct load_slot *s)
{
	for (size_t i = 0; i < s->found_count; i++)
		load_forget(s, s->found[i], 1);
	/* So that the next repetition does not pay for them. */
	if (s->queue->depth == 1)
		load_forgets_drain(s->queue->forgets);
}

static int
next_readdirplus_forget(struct load_slot *s)
{
	if (next_entries(s, 1))
		return 1;
	end_readdirplus(s);
	return 0;
}

static void
clean_entries(struct load_slot *s)
{
	s->lookups = 0;
}

static void
prepare_data(struct load_slot *s)
{
	struct fuse_open_out out;
	int error = fuse_open(&s->queue->client, s->queue->data, O_RDWR,
	    &out);

	if (error < 0)
		tap_bail("OPEN: %s", fuse_result_name(error));
	s->fh = out.fh;
}

static void
clean_data(struct load_slot *s)
{
	int error = fuse_release(&s->queue->client, s->queue->data, s->fh);

	if (error < 0)
		tap_bail("RELEASE: %s", fuse_result_name(error));
}

static uint64_t
random_offset(struct load_slot *s)
{
	uint32_t size = (uint32_t)s->queue->op->size;

	return load_random(s->queue) % (LOAD_FILE / size) * size;
}

/* All slots of a queue go through the file together, as readahead would. */
static uint64_t
next_offset(struct load_slot *s)
{
	uint64_t offset = s->queue->offset;

	s->queue->offset = (offset + s->queue->op->size) % LOAD_FILE;
	return offset / s->queue->op->size * s->queue->op->size;
}

static int
read_at(struct load_slot *s, uint64_t (*offset)(struct load_slot *))
{
	if (s->step > 0)
		return 0;
	build_read(s, FUSE_READ, s->queue->data,
	    (uint32_t)s->queue->op->size, offset(s));
	return 1;
}

static int
write_at(struct load_slot *s, uint64_t (*offset)(struct load_slot *))
{
	uint32_t size = (uint32_t)s->queue->op->size;
	struct fuse_write_in *in;

	if (s->step > 0)
		return 0;
	in = load_request(s, FUSE_WRITE, s->queue->data, sizeof(*in));
	in->fh = s->fh;
	in->offset = offset(s);
	in->size = size;
	load_reply(s, sizeof(struct fuse_write_out));
	load_pages_out(s, size);
	return 1;
}

static int
next_random_read(struct load_slot *s)
{
	return read_at(s, random_offset);
}

static int
next_random_write(struct load_slot *s)
{
	return write_at(s, random_offset);
}

static int
next_sequential_read(struct load_slot *s)
{
	return read_at(s, next_offset);
}

static int
next_sequential_write(struct load_slot *s)
{
	return write_at(s, next_offset);
}

#define KIB		1024
#define DATA(name, kib, function) { .label = name, .size = (kib) * KIB, \
    .prepare = prepare_data, .clean = clean_data, .next = function }

static const struct load_op table[] = {
	{ .label = "unimplemented opcode", .apart = "transport alone",
	    .next = next_nothing },
	{ .label = "getattr", .next = next_getattr },
	{ .label = "lookup", .next = next_lookup, .clean = clean_lookup },
	{ .label = "lookup, missing", .next = next_missing },
	{ .label = "lookup+forget, new", .next = next_new_lookup,
	    .apart = "of inodes that the server did not know" },
	{ .label = "open+release", .next = next_open },
	{ .label = "create+unlink", .next = next_create },
	{ .label = "mkdir+rmdir", .next = next_mkdir },
	{ .label = "rename", .next = next_rename, .clean = clean_rename },
	{ .label = "chmod", .next = next_chmod },
	{ .label = "readdir, 1,000", .size = LOAD_PAGE, .next = next_readdir,
	    .clean = clean_entries },
	{ .label = "readdirplus, 1,000", .size = LOAD_PAGE,
	    .next = next_readdirplus, .clean = clean_entries,
	    .end = end_readdirplus },
	{ .label = "readdirplus, 32 KiB", .size = 8 * LOAD_PAGE,
	    .next = next_readdirplus, .clean = clean_entries,
	    .end = end_readdirplus,
	    .apart = "the same with the buffers of newer kernels" },
	{ .label = "readdirplus+forgets", .size = LOAD_PAGE,
	    .next = next_readdirplus_forget, .clean = clean_entries,
	    .apart = "the same with 1,000 FORGETs" },
	{ .label = "symlink+readlink", .next = next_symlink },
	{ .label = "statfs", .next = next_statfs },
	{ .label = "read a new file", .next = next_new_file,
	    .apart = "lookup, open, read, flush, release, forget" },
	DATA("random read 4 KiB", 4, next_random_read),
	DATA("random read 64 KiB", 64, next_random_read),
	DATA("random write 4 KiB", 4, next_random_write),
	DATA("random write 64 KiB", 64, next_random_write),
	DATA("seq. read 128 KiB", 128, next_sequential_read),
	DATA("seq. read 1 MiB", 1024, next_sequential_read),
	DATA("seq. write 128 KiB", 128, next_sequential_write),
	DATA("seq. write 1 MiB", 1024, next_sequential_write),
};

_Static_assert(sizeof(table) / sizeof(table[0]) <= OPS_MAX, "too many");

const struct load_op *
ops_table(size_t *count)
{
	*count = sizeof(table) / sizeof(table[0]);
	return table;
}
