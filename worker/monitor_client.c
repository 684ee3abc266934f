/*
 * SPDX-License-Identifier: ISC
 *
 * Requests to the monitor.  Runs sandboxed.  Trusts the monitor, and checks of
 * its replies only what would otherwise go out of bounds here.
 */
#include "config.h"

#include "worker/monitor_client.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "worker/writer.h"

/* A request that is being filled in. */
struct call {
	struct monitor_client	*client;
	struct monitor_request	*request;
	struct writer		 payload;
	uint32_t		 slot;
	monitor_done		*done;
	void			*arg;
};

void
monitor_client_init(struct monitor_client *client, struct lane *lane)
{
	*client = (struct monitor_client){ .lane = lane };
}

/* Adds the next place's path and name. */
static void
call_place(struct call *call, size_t i, const struct monitor_where *where)
{
	struct monitor_place *place = &call->request->place[i];

	if (where->path_len > MONITOR_PATH_MAX ||
	    where->name_len > MONITOR_NAME_MAX) {
		call->payload.error = -EINVAL;
		return;
	}
	place->handle = where->handle;
	place->path_len = (uint16_t)where->path_len;
	place->name_len = (uint16_t)where->name_len;
	writer_bytes(&call->payload, where->path, where->path_len);
	writer_bytes(&call->payload, where->name, where->name_len);
}

static void
call_data(struct call *call, const void *data, size_t len)
{
	writer_bytes(&call->payload, data, len);
	call->request->data_len += (uint32_t)len;
}

/* Reserves a slot for `op` at `where`.  Returns 0 or -EAGAIN. */
static int
call_begin(struct call *call, struct monitor_client *client,
    enum monitor_op op, const struct monitor_where *where,
    monitor_done *done, void *arg)
{
	int slot = lane_reserve(client->lane);

	if (slot < 0)
		return slot;
	call->client = client;
	call->slot = (uint32_t)slot;
	call->done = done;
	call->arg = arg;
	call->request = lane_request(client->lane, call->slot);
	*call->request = (struct monitor_request){ .op = op };
	writer_init(&call->payload, lane_payload(client->lane, call->slot),
	    MONITOR_PAYLOAD_MAX);
	call_place(call, 0, where);
	return 0;
}

static int
call_submit(struct call *call)
{
	struct monitor_client *client = call->client;

	if (writer_end(&call->payload) < 0) {
		lane_release(client->lane, call->slot);
		return -EINVAL;
	}
	client->pending[call->slot] = (struct monitor_pending){
	    .done = call->done, .arg = call->arg };
	client->requests++;
	lane_submit(client->lane, call->slot);
	return 0;
}

static int
deliver(struct monitor_client *client, uint32_t slot,
    const struct monitor_reply *reply, int fd)
{
	struct monitor_pending pending;

	if (slot >= LANE_SLOTS_MAX || client->pending[slot].done == NULL ||
	    reply->error > 0 || reply->data_len > MONITOR_PAYLOAD_MAX) {
		if (fd != -1)
			close(fd);
		return -EPROTO;
	}
	pending = client->pending[slot];
	client->pending[slot] = (struct monitor_pending){ 0 };
	pending.done(pending.arg, reply, lane_payload(client->lane, slot), fd);
	lane_release(client->lane, slot);
	return 0;
}

int
monitor_reap(struct monitor_client *client)
{
	struct monitor_reply reply;
	uint32_t slot;
	int count = 0, error, fd, n;

	while ((n = lane_reap(client->lane, &slot, &reply, &fd)) > 0) {
		error = deliver(client, slot, &reply, fd);
		if (error != 0)
			return error;
		count++;
	}
	return n < 0 ? n : count;
}

/* All that carries nothing but one place. */
static int
simple_call(struct monitor_client *client, enum monitor_op op,
    const struct monitor_where *where, monitor_done *done, void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, op, where, done, arg);
	return error != 0 ? error : call_submit(&call);
}

int
monitor_getattr(struct monitor_client *client,
    const struct monitor_where *where, monitor_done *done, void *arg)
{
	return simple_call(client, MONITOR_GETATTR, where, done, arg);
}

int
monitor_setattr(struct monitor_client *client,
    const struct monitor_where *where,
    const struct monitor_setattr_request *set, monitor_done *done, void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, MONITOR_SETATTR, where, done, arg);
	if (error != 0)
		return error;
	call.request->u.setattr = *set;
	return call_submit(&call);
}

int
monitor_readlink(struct monitor_client *client,
    const struct monitor_where *where, monitor_done *done, void *arg)
{
	return simple_call(client, MONITOR_READLINK, where, done, arg);
}

int
monitor_statfs(struct monitor_client *client,
    const struct monitor_where *where, monitor_done *done, void *arg)
{
	return simple_call(client, MONITOR_STATFS, where, done, arg);
}

int
monitor_getversion(struct monitor_client *client,
    const struct monitor_where *where, monitor_done *done, void *arg)
{
	return simple_call(client, MONITOR_GETVERSION, where, done, arg);
}

int
monitor_open(struct monitor_client *client, const struct monitor_where *where,
    uint32_t flags, monitor_done *done, void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, MONITOR_OPEN, where, done, arg);
	if (error != 0)
		return error;
	call.request->u.open.flags = flags;
	return call_submit(&call);
}

int
monitor_create(struct monitor_client *client,
    const struct monitor_where *where,
    const struct monitor_create_request *create, monitor_done *done,
    void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, MONITOR_CREATE, where, done, arg);
	if (error != 0)
		return error;
	call.request->u.create = *create;
	return call_submit(&call);
}

int
monitor_mknod(struct monitor_client *client, const struct monitor_where *where,
    const struct monitor_mknod_request *mknod, monitor_done *done, void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, MONITOR_MKNOD, where, done, arg);
	if (error != 0)
		return error;
	call.request->u.mknod = *mknod;
	return call_submit(&call);
}

int
monitor_mkdir(struct monitor_client *client, const struct monitor_where *where,
    const struct monitor_mkdir_request *mkdir, monitor_done *done, void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, MONITOR_MKDIR, where, done, arg);
	if (error != 0)
		return error;
	call.request->u.mkdir = *mkdir;
	return call_submit(&call);
}

int
monitor_symlink(struct monitor_client *client,
    const struct monitor_where *where, struct monitor_owner owner,
    const void *target, size_t target_len, monitor_done *done, void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, MONITOR_SYMLINK, where, done, arg);
	if (error != 0)
		return error;
	call.request->u.symlink.owner = owner;
	call_data(&call, target, target_len);
	return call_submit(&call);
}

int
monitor_link(struct monitor_client *client, const struct monitor_where *from,
    const struct monitor_where *to, monitor_done *done, void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, MONITOR_LINK, from, done, arg);
	if (error != 0)
		return error;
	call_place(&call, 1, to);
	return call_submit(&call);
}

int
monitor_unlink(struct monitor_client *client,
    const struct monitor_where *where, monitor_done *done, void *arg)
{
	return simple_call(client, MONITOR_UNLINK, where, done, arg);
}

int
monitor_rmdir(struct monitor_client *client, const struct monitor_where *where,
    monitor_done *done, void *arg)
{
	return simple_call(client, MONITOR_RMDIR, where, done, arg);
}

int
monitor_rename(struct monitor_client *client,
    const struct monitor_where *from, const struct monitor_where *to,
    uint32_t flags, monitor_done *done, void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, MONITOR_RENAME, from, done, arg);
	if (error != 0)
		return error;
	call_place(&call, 1, to);
	call.request->u.rename.flags = flags;
	return call_submit(&call);
}

int
monitor_getxattr(struct monitor_client *client,
    const struct monitor_where *where, const void *name, size_t name_len,
    uint32_t size, monitor_done *done, void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, MONITOR_GETXATTR, where, done, arg);
	if (error != 0)
		return error;
	call.request->u.getxattr.size = size;
	call_data(&call, name, name_len);
	return call_submit(&call);
}

int
monitor_listxattr(struct monitor_client *client,
    const struct monitor_where *where, uint32_t size, monitor_done *done,
    void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, MONITOR_LISTXATTR, where, done, arg);
	if (error != 0)
		return error;
	call.request->u.getxattr.size = size;
	return call_submit(&call);
}

int
monitor_setxattr(struct monitor_client *client,
    const struct monitor_where *where, const void *name, size_t name_len,
    const void *value, size_t value_len, uint32_t flags, monitor_done *done,
    void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, MONITOR_SETXATTR, where, done, arg);
	if (error != 0)
		return error;
	call.request->u.setxattr.flags = flags;
	call.request->u.setxattr.name_len = (uint32_t)name_len;
	call_data(&call, name, name_len);
	call_data(&call, value, value_len);
	return call_submit(&call);
}

int
monitor_removexattr(struct monitor_client *client,
    const struct monitor_where *where, const void *name, size_t name_len,
    monitor_done *done, void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, MONITOR_REMOVEXATTR, where, done,
	    arg);
	if (error != 0)
		return error;
	call_data(&call, name, name_len);
	return call_submit(&call);
}

int
monitor_lookup(struct monitor_client *client,
    const struct monitor_where *where, monitor_done *done, void *arg)
{
	return simple_call(client, MONITOR_LOOKUP, where, done, arg);
}

int
monitor_parent(struct monitor_client *client,
    const struct monitor_where *where, monitor_done *done, void *arg)
{
	return simple_call(client, MONITOR_PARENT, where, done, arg);
}

/* Of what is one way, only the slot comes back. */
static void
forget_done(void *arg, const struct monitor_reply *reply, const uint8_t *data,
    int fd)
{
	(void)arg;
	(void)reply;
	(void)data;
	if (fd != -1)
		close(fd);
}

int
monitor_forget(struct monitor_client *client,
    const struct monitor_forget *forgets, size_t n)
{
	const struct monitor_where nowhere = { 0 };
	struct call call;
	int error;

	if (n == 0 || n > MONITOR_FORGETS)
		return -EINVAL;
	error = call_begin(&call, client, MONITOR_FORGET, &nowhere,
	    forget_done, NULL);
	if (error != 0)
		return error;
	call_data(&call, forgets, n * sizeof(*forgets));
	return call_submit(&call);
}

int
monitor_tmpfile(struct monitor_client *client,
    const struct monitor_where *where,
    const struct monitor_create_request *create, monitor_done *done,
    void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, MONITOR_TMPFILE, where, done, arg);
	if (error != 0)
		return error;
	call.request->u.create = *create;
	return call_submit(&call);
}

int
monitor_opendir(struct monitor_client *client,
    const struct monitor_where *where, monitor_done *done, void *arg)
{
	return simple_call(client, MONITOR_OPENDIR, where, done, arg);
}

int
monitor_readdir(struct monitor_client *client,
    const struct monitor_where *where, bool plus,
    const struct monitor_readdir_request *readdir, monitor_done *done,
    void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client,
	    plus ? MONITOR_READDIRPLUS : MONITOR_READDIR, where, done, arg);
	if (error != 0)
		return error;
	call.request->u.readdir = *readdir;
	return call_submit(&call);
}

/* All that is about a stream. */
static int
stream_call(struct monitor_client *client, enum monitor_op op,
    const struct monitor_where *where,
    const struct monitor_stream_request *stream, monitor_done *done,
    void *arg)
{
	struct call call;
	int error;

	error = call_begin(&call, client, op, where, done, arg);
	if (error != 0)
		return error;
	call.request->u.stream = *stream;
	return call_submit(&call);
}

int
monitor_fsyncdir(struct monitor_client *client,
    const struct monitor_where *where, uint64_t stream, bool datasync,
    monitor_done *done, void *arg)
{
	const struct monitor_stream_request request = { .stream = stream,
	    .datasync = datasync };

	return stream_call(client, MONITOR_FSYNCDIR, where, &request, done,
	    arg);
}

int
monitor_releasedir(struct monitor_client *client,
    const struct monitor_where *where, uint64_t stream, monitor_done *done,
    void *arg)
{
	const struct monitor_stream_request request = { .stream = stream };

	return stream_call(client, MONITOR_RELEASEDIR, where, &request, done,
	    arg);
}

int
monitor_syncfs(struct monitor_client *client,
    const struct monitor_where *where, monitor_done *done, void *arg)
{
	return simple_call(client, MONITOR_SYNCFS, where, done, arg);
}

int
monitor_reset(struct monitor_client *client, monitor_done *done, void *arg)
{
	const struct monitor_where nowhere = { 0 };

	return simple_call(client, MONITOR_RESET, &nowhere, done, arg);
}
