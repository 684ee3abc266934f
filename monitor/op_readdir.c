/*
 * SPDX-License-Identifier: ISC
 *
 * OPENDIR, READDIR, READDIRPLUS, FSYNCDIR, RELEASEDIR.  Runs privileged.
 * Trusts nothing in a request beyond what dispatch.c checked.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "monitor/attr.h"
#include "monitor/dispatch.h"

/* An answer that grows entry by entry, in memory that is only written. */
struct listing {
	struct monitor	*m;
	struct op	*op;
	uint32_t	 room;		/* as the worker counts */
	size_t		 len;		/* of the answer so far */
	int64_t		 born_before;	/* seconds: what may be late */
};

static size_t
round_up_8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

int
op_opendir(struct monitor *m, struct op *op)
{
	int fd;

	fd = resolve_directory(op->place[0].fd);
	if (fd < 0)
		return fd;
	return stream_add(&m->streams, op->request.place[0].handle, fd,
	    &op->reply.handle);
}

static bool
is_dot(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' ||
	    (name[1] == '.' && name[2] == '\0'));
}

/*
 * Looks one entry up, as LOOKUP does, but opens nothing where that can wait.
 * Returns 0, or -errno: what is gone by now is -ENOENT.
 */
static int
listing_look_up(const struct listing *l, int dir_fd, const char *name,
    struct monitor_dirent *head, struct monitor_attr *attr)
{
	struct handle_key key;
	int error, fd;

	error = entry_attr(l->op, dir_fd, name, attr, &key);
	if (error != 0)
		return error;
	head->ino = attr->ino;
	if (attr->btime.sec < l->born_before) {
		error = handle_add_late(&l->m->handles, &key,
		    l->op->request.place[0].handle, name, &head->handle);
		if (error != -ENOENT)
			return error;
	}
	if (handle_find(&l->m->handles, &key, dir_fd, name,
	    &head->handle) == 0)
		return 0;
	fd = resolve_entry(dir_fd, name);
	if (fd < 0)
		return fd;
	error = attr_get(fd, "", AT_EMPTY_PATH, attr, &key);
	if (error != 0) {
		close(fd);
		return error;
	}
	return handle_add(&l->m->handles, &key, fd, &head->handle);
}

/* Returns whether an entry of this name fits. */
static bool
listing_fits(const struct listing *l, size_t name_len, size_t fixed)
{
	return l->op->request.u.readdir.entry_size + round_up_8(name_len) <=
	    l->room && fixed + round_up_8(name_len) <=
	    MONITOR_PAYLOAD_MAX - l->len;
}

static void
listing_append(struct listing *l, const struct monitor_dirent *head,
    const struct monitor_attr *attr, const char *name)
{
	uint8_t *to = l->op->reply_data + l->len;
	size_t padded = round_up_8(head->name_len);

	memcpy(to, head, sizeof(*head));
	to += sizeof(*head);
	if (attr != NULL) {
		memcpy(to, attr, sizeof(*attr));
		to += sizeof(*attr);
	}
	memcpy(to, name, head->name_len);
	memset(to + head->name_len, 0, padded - head->name_len);
	l->len = (size_t)(to - l->op->reply_data) + padded;
	l->room -= l->op->request.u.readdir.entry_size + (uint32_t)padded;
}

/*
 * Adds the entry.  Returns 1, 0 if it does not fit any more, or -errno.  One
 * that is gone, or cannot be looked at, is left out; and so is one whose name
 * is longer than LOOKUP could have it: some file systems have such names.
 */
static int
listing_add(struct listing *l, int dir_fd, const struct stream_entry *entry,
    bool plus)
{
	struct monitor_dirent head = { .ino = entry->ino,
	    .offset = (uint64_t)entry->next, .type = entry->type,
	    .name_len = (uint32_t)strlen(entry->name) };
	struct monitor_attr attr = { .ino = entry->ino };
	int error;

	if (head.name_len > MONITOR_NAME_MAX)
		return 1;
	if (!listing_fits(l, head.name_len, sizeof(head) +
	    (plus ? sizeof(attr) : 0)))
		return 0;
	if (plus && !is_dot(entry->name)) {
		error = listing_look_up(l, dir_fd, entry->name, &head, &attr);
		if (error == -ENFILE || error == -ENOMEM)
			return error;
		if (error != 0)
			return 1;
	}
	listing_append(l, &head, plus ? &attr : NULL, entry->name);
	return 1;
}

static int
listing_fill(struct listing *l, struct stream *stream, bool plus)
{
	const struct monitor_readdir_request *args =
	    &l->op->request.u.readdir;
	struct stream_entry entry;
	int error;

	error = stream_seek(stream, (int64_t)args->offset);
	if (error != 0)
		return error;
	while ((error = stream_peek(stream, &entry)) > 0) {
		error = listing_add(l, stream->fd, &entry, plus);
		if (error == 0 && l->len == 0)
			error = -EINVAL;	/* as getdents64(2) has it */
		if (error <= 0)
			break;
		stream_skip(stream, &entry);
	}
	/* What is there already goes first; the error will come again. */
	return l->len > 0 ? 0 : error;
}

/*
 * Inodes of one number that were born within the same tick of the clock, which
 * is shorter than a second, have one time of birth.  So nothing is late that
 * could be followed by such a one: what is born later than now is not.
 */
static int64_t
listing_born_before(const struct stream *stream)
{
	struct timespec now;

	if (!stream->births_tell ||
	    clock_gettime(CLOCK_REALTIME_COARSE, &now) == -1)
		return INT64_MIN;
	return now.tv_sec;
}

static int
readdir_answer(struct monitor *m, struct op *op, bool plus)
{
	struct listing l = { .m = m, .op = op,
	    .room = op->request.u.readdir.size };
	struct stream *stream;
	int error;

	stream = stream_hold(&m->streams, op->request.u.readdir.stream,
	    op->request.place[0].handle);
	if (stream == NULL)
		return -EBADF;
	l.born_before = listing_born_before(stream);
	error = listing_fill(&l, stream, plus);
	stream_release(&m->streams, stream);
	op->reply.data_len = (uint32_t)l.len;
	return error;
}

int
op_readdir(struct monitor *m, struct op *op)
{
	return readdir_answer(m, op, false);
}

int
op_readdirplus(struct monitor *m, struct op *op)
{
	return readdir_answer(m, op, true);
}

int
op_fsyncdir(struct monitor *m, struct op *op)
{
	struct stream *stream;
	int error = 0;

	stream = stream_hold(&m->streams, op->request.u.stream.stream,
	    op->request.place[0].handle);
	if (stream == NULL)
		return -EBADF;
	if ((op->request.u.stream.datasync != 0 ? fdatasync(stream->fd) :
	    fsync(stream->fd)) == -1)
		error = -errno;
	stream_release(&m->streams, stream);
	return error;
}

int
op_releasedir(struct monitor *m, struct op *op)
{
	return stream_remove(&m->streams, op->request.u.stream.stream,
	    op->request.place[0].handle);
}
