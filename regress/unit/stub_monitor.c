/*
 * SPDX-License-Identifier: ISC
 *
 * The lane without a process behind it.  Only for tests.
 */
#include "config.h"

#include "stub_monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/handle.h"

#define STUB_SLOTS	2

struct stub_slot {
	struct monitor_request	request;
	struct monitor_reply	reply;
	int			fd;
	bool			taken;
	bool			completed;
	uint8_t			payload[MONITOR_PAYLOAD_MAX];
};

struct stub_monitor stub_monitor;

static struct stub_slot slots[STUB_SLOTS];

void
stub_monitor_reset(void)
{
	stub_monitor.error = 0;
	stub_monitor.unlink_error = 0;
	stub_monitor.no_fd = false;
	stub_monitor.extra = 0;
	stub_monitor.data_len = 5;
	stub_monitor.size = 5;
	stub_monitor.wrong = NULL;
	stub_monitor.count = 0;
	stub_monitor.owed = LANE_OWED_NOTHING;
	stub_monitor.naming = MONITOR_BY_PATH;
	stub_monitor.handle = 0;
	stub_monitor.file_fd = -1;
	stub_monitor.ndirents = 0;
	stub_monitor.too_many = false;
	stub_monitor.forgotten = 0;
	memset(&stub_monitor.op.request, 0, sizeof(stub_monitor.op.request));
	for (size_t i = 0; i < STUB_SLOTS; i++)
		slots[i].taken = slots[i].completed = false;
}

const char *
stub_monitor_place(int i)
{
	static char text[2][MONITOR_PATH_MAX + MONITOR_NAME_MAX + 2];
	struct monitor_place *place = stub_monitor.op.request.place;
	const uint8_t *bytes = stub_monitor.op.payload;

	if (i == 1)
		bytes += place[0].path_len + place[0].name_len;
	snprintf(text[i], sizeof(text[i]), "%.*s|%.*s", place[i].path_len,
	    (const char *)bytes, place[i].name_len,
	    (const char *)bytes + place[i].path_len);
	return text[i];
}

/*
 * The monitor's operations.
 */

int
handle_hold(struct handle_table *table, uint64_t handle)
{
	(void)table;
	if (stub_monitor.naming == MONITOR_BY_HANDLE)
		return handle == STUB_DEAD_HANDLE ? -ESTALE : 0;
	return handle == MONITOR_ROOT_HANDLE ? 0 : -ESTALE;
}

/* Asked for a thread with another's ids only, which stubs never have. */
bool
handle_is_local(struct handle_table *table, uint64_t handle, uint64_t *dev_out)
{
	(void)table;
	(void)handle;
	(void)dev_out;
	return false;
}

void
handle_release(struct handle_table *table, uint64_t handle)
{
	(void)table;
	(void)handle;
}

static int
stub_answer(struct op *op)
{
	if (op->request.op == MONITOR_UNLINK && stub_monitor.unlink_error != 0)
		return stub_monitor.unlink_error;
	return stub_monitor.error;
}

static int
stub_answer_fd(struct op *op)
{
	if (stub_monitor.error != 0 || stub_monitor.no_fd)
		return stub_monitor.error;
	if (stub_monitor.file_fd != -1)
		op->reply_fd = fcntl(stub_monitor.file_fd, F_DUPFD_CLOEXEC, 0);
	else
		op->reply_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return 0;
}

/* Of an inode: which one it is, and its attributes. */
static int
stub_answer_entry(struct op *op)
{
	op->reply.handle = stub_monitor.handle;
	op->reply.u.attr = stub_monitor.attr;
	return stub_answer(op);
}

static int
stub_answer_create(struct op *op)
{
	stub_answer_entry(op);
	return stub_answer_fd(op);
}

static int
stub_answer_forget(struct op *op)
{
	struct monitor_forget forget;

	for (size_t at = 0; at < op->data_len; at += sizeof(forget)) {
		memcpy(&forget, op->data + at, sizeof(forget));
		stub_monitor.forgotten += forget.count;
	}
	return stub_monitor.error;
}

/* Writes entry `i`, if it fits in what the worker has left for it. */
static bool
stub_dirent(struct op *op, unsigned int i, bool plus, uint32_t *left)
{
	struct monitor_dirent dirent = { .ino = 1000 + i, .offset = i + 1,
	    .type = 8 };
	uint8_t *at = op->reply_data + op->reply.data_len;
	char name[MONITOR_NAME_MAX + 1] = "";
	uint32_t padded, takes;

	snprintf(name, sizeof(name), "entry-%u", i);
	dirent.name_len = (uint32_t)strlen(name);
	dirent.handle = plus && i > 0 ? stub_monitor.handle + i : 0;
	padded = (dirent.name_len + 7) / 8 * 8;
	takes = op->request.u.readdir.entry_size + padded;
	if (takes > *left && !stub_monitor.too_many)
		return false;
	*left -= takes;
	memcpy(at, &dirent, sizeof(dirent));
	at += sizeof(dirent);
	if (plus) {
		memcpy(at, &stub_monitor.attr, sizeof(stub_monitor.attr));
		at += sizeof(stub_monitor.attr);
	}
	memcpy(at, name, padded);
	at += padded;
	op->reply.data_len = (uint32_t)(at - op->reply_data);
	return true;
}

static int
stub_answer_readdir(struct op *op, bool plus)
{
	const struct monitor_readdir_request *in = &op->request.u.readdir;
	uint32_t left = in->size;
	uint64_t i;

	if (stub_monitor.error != 0)
		return stub_monitor.error;
	for (i = in->offset; i < stub_monitor.ndirents; i++)
		if (!stub_dirent(op, (unsigned int)i, plus, &left))
			break;
	return 0;
}

/* Up to `limit` bytes, and a lying monitor's `extra` more. */
static int
stub_answer_data(struct op *op, uint32_t limit)
{
	uint32_t len = stub_monitor.data_len;

	if (stub_monitor.error != 0)
		return stub_monitor.error;
	if (len > limit)
		len = limit;
	len += (uint32_t)stub_monitor.extra;
	memset(op->reply_data, 'v', len);
	op->reply.data_len = len;
	return 0;
}

static int
stub_answer_xattr(struct op *op)
{
	uint32_t limit = op->request.u.getxattr.size;

	if (limit > 0)
		return stub_answer_data(op, limit);
	op->reply.size = stub_monitor.size;
	return stub_monitor.error;
}

#define STUB_OP(name, answer)						\
int									\
name(struct monitor *m, struct op *op)					\
{									\
	(void)m;							\
	return answer;							\
}

STUB_OP(op_lookup, stub_answer_entry(op))
STUB_OP(op_parent, stub_answer_entry(op))
STUB_OP(op_forget, stub_answer_forget(op))
STUB_OP(op_getattr, (op->reply.u.attr = stub_monitor.attr, stub_answer(op)))
STUB_OP(op_setattr, stub_answer_entry(op))
STUB_OP(op_readlink, stub_answer_data(op, MONITOR_TARGET_MAX))
STUB_OP(op_statfs, (op->reply.u.statfs = stub_monitor.statfs, stub_answer(op)))
STUB_OP(op_getversion,
    (op->reply.u.generation = stub_monitor.generation, stub_answer(op)))
STUB_OP(op_open, stub_answer_fd(op))
STUB_OP(op_create, stub_answer_create(op))
STUB_OP(op_mknod, stub_answer_entry(op))
STUB_OP(op_mkdir, stub_answer_entry(op))
STUB_OP(op_symlink, stub_answer_entry(op))
STUB_OP(op_link, stub_answer_entry(op))
STUB_OP(op_unlink, stub_answer(op))
STUB_OP(op_rmdir, stub_answer(op))
STUB_OP(op_rename, stub_answer(op))
STUB_OP(op_getxattr, stub_answer_xattr(op))
STUB_OP(op_setxattr, stub_answer(op))
STUB_OP(op_listxattr, stub_answer_xattr(op))
STUB_OP(op_removexattr, stub_answer(op))
STUB_OP(op_tmpfile, stub_answer_create(op))
STUB_OP(op_opendir, (op->reply.handle = stub_monitor.handle, stub_answer(op)))
STUB_OP(op_readdir, stub_answer_readdir(op, false))
STUB_OP(op_readdirplus, stub_answer_readdir(op, true))
STUB_OP(op_fsyncdir, stub_answer(op))
STUB_OP(op_releasedir, stub_answer(op))
STUB_OP(op_syncfs, stub_answer(op))
STUB_OP(op_reset, stub_answer(op))

/*
 * The worker's half of the lane.
 */

int
lane_reserve(struct lane *lane)
{
	(void)lane;
	for (int i = 0; i < STUB_SLOTS; i++)
		if (!slots[i].taken) {
			slots[i].taken = true;
			return i;
		}
	return -EAGAIN;
}

struct monitor_request *
lane_request(struct lane *lane, uint32_t slot)
{
	(void)lane;
	return &slots[slot].request;
}

uint8_t *
lane_payload(struct lane *lane, uint32_t slot)
{
	(void)lane;
	return slots[slot].payload;
}

/* Takes what a lane would: the request, and no more payload than it says. */
static void
stub_take(struct op *op, struct stub_slot *slot)
{
	const struct monitor_place *place = slot->request.place;
	size_t len = (size_t)place[0].path_len + place[0].name_len +
	    place[1].path_len + place[1].name_len + slot->request.data_len;

	if (len > MONITOR_PAYLOAD_MAX)
		abort();
	op->request = slot->request;
	memcpy(op->payload, slot->payload, len);
	op->reply_data = slot->payload;
}

void
lane_submit(struct lane *lane, uint32_t number)
{
	struct monitor m = { .naming = stub_monitor.naming };
	struct stub_slot *slot = &slots[number];
	struct op *op = &stub_monitor.op;
	const char *wrong;

	(void)lane;
	stub_monitor.count++;
	stub_take(op, slot);
	wrong = dispatch_request(&m, op);
	if (wrong != NULL) {
		if (stub_monitor.wrong == NULL)
			stub_monitor.wrong = wrong;
		op->reply = (struct monitor_reply){ .error = -EIO };
		op->reply_fd = -1;
	}
	slot->reply = op->reply;
	slot->reply.has_fd = op->reply_fd != -1;
	slot->fd = op->reply_fd;
	slot->completed = true;
}

bool
lane_ready(const struct lane *lane)
{
	(void)lane;
	for (int i = 0; i < STUB_SLOTS; i++)
		if (slots[i].completed)
			return true;
	return false;
}

int
lane_reap(struct lane *lane, uint32_t *slot_out, struct monitor_reply *reply,
    int *fd_out)
{
	(void)lane;
	for (uint32_t i = 0; i < STUB_SLOTS; i++)
		if (slots[i].completed) {
			slots[i].completed = false;
			*slot_out = i;
			*reply = slots[i].reply;
			*fd_out = slots[i].fd;
			return 1;
		}
	return 0;
}

void
lane_release(struct lane *lane, uint32_t slot)
{
	(void)lane;
	slots[slot].taken = false;
}

bool
lane_sleep_begin(struct lane *lane)
{
	return !lane_ready(lane);
}

void
lane_sleep_end(struct lane *lane)
{
	(void)lane;
}

void
lane_set_owed(struct lane *lane, enum lane_owed owed)
{
	(void)lane;
	stub_monitor.owed = owed;
}

void
lane_monitor_counters(const struct lane *lane, struct adaptive_counters *out)
{
	(void)lane;
	*out = (struct adaptive_counters){ 0 };
}
