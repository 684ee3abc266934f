/*
 * SPDX-License-Identifier: ISC
 *
 * THE table of vhost-user messages, its checks, and the replies.  Parses
 * hostile input from the front-end.  Runs sandboxed.
 *
 * A request that cannot be carried out changes nothing and is logged, with what
 * was wrong and what would be right.  A front-end that asked is told
 * (vhost-user.rst, "VHOST_USER_PROTOCOL_F_REPLY_ACK"); one that waits for a
 * value that there is none of would wait for ever, and loses its connection.
 * So does one that did not ask whether its ring has started: else its guest
 * would wait for ever.
 */
#include "config.h"

#include "worker/vhost_user.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "worker/vhost_user_ops.h"

#define LOG_BURST	8
#define LOG_INTERVAL_MS	10000

/* What the front-end gets, beyond success or failure if it asks. */
enum reply_form {
	REPLY_NONE,
	REPLY_U64,
	REPLY_STATE,		/* the vring state of the request */
	REPLY_CONFIG		/* as long as the request; empty: an error */
};

/* Where the request names a ring. */
enum index_form {
	INDEX_NONE,
	INDEX_STATE,		/* the first 32 bits */
	INDEX_FD		/* 8 bits of 64, and whether there is no fd */
};

/* What must be, when it comes. */
enum needs {
	NEEDS_NOTHING,
	NEEDS_PROTOCOL_FEATURES,
	NEEDS_CONFIG,		/* these protocol features */
	NEEDS_MEM_SLOTS,
	NEEDS_STATUS,
	NEEDS_RING_STOPPED,
	NEEDS_ALL_STOPPED
};

struct row {
	const char	*name;
	uint16_t	 least;		/* bytes of payload */
	uint16_t	 most;
	uint8_t		 fds_least;
	uint8_t		 fds_most;
	enum index_form	 index;
	enum needs	 needs;
	enum reply_form	 reply;
	bool		 starts;	/* what the guest waits for */
	int		(*handler)(struct vhost_user *);
	void		(*after)(struct vhost_user *, int);
};

#define SIZE(n)		.least = (n), .most = (n)
#define SIZES(a, b)	.least = (a), .most = (b)
#define FDS(a, b)	.fds_least = (a), .fds_most = (b)
#define SIZE_STATE	SIZE(sizeof(struct vhost_user_vring_state)), \
			.index = INDEX_STATE
#define SIZE_FD		SIZE(8), FDS(0, 1), .index = INDEX_FD
#define SIZE_CONFIG	SIZES(offsetof(struct vhost_user_config, data), \
			    sizeof(struct vhost_user_config))

/* Those without a handler are known by name alone: nothing offers them. */
static const struct row rows[VHOST_USER_REQUEST_MAX] = {
	[VHOST_USER_GET_FEATURES] = { .name = "GET_FEATURES", SIZE(0),
	    .reply = REPLY_U64, .handler = vhost_user_op_get_features },
	[VHOST_USER_SET_FEATURES] = { .name = "SET_FEATURES", SIZE(8),
	    .needs = NEEDS_ALL_STOPPED,
	    .handler = vhost_user_op_set_features },
	[VHOST_USER_SET_OWNER] = { .name = "SET_OWNER", SIZE(0),
	    .needs = NEEDS_ALL_STOPPED, .handler = vhost_user_op_set_owner },
	/* Deprecated; "It is recommended that back-ends [...] ignore" it. */
	[VHOST_USER_RESET_OWNER] = { .name = "RESET_OWNER", SIZE(0),
	    .handler = vhost_user_op_nothing },
	[VHOST_USER_SET_MEM_TABLE] = { .name = "SET_MEM_TABLE",
	    SIZES(offsetof(struct vhost_user_mem_table, regions),
		sizeof(struct vhost_user_mem_table)),
	    FDS(0, VHOST_USER_TABLE_REGIONS),
	    .handler = vhost_user_op_set_mem_table },
	[VHOST_USER_SET_LOG_BASE] = { .name = "SET_LOG_BASE" },
	[VHOST_USER_SET_LOG_FD] = { .name = "SET_LOG_FD" },
	[VHOST_USER_SET_VRING_NUM] = { .name = "SET_VRING_NUM", SIZE_STATE,
	    .needs = NEEDS_RING_STOPPED,
	    .handler = vhost_user_op_set_vring_num },
	[VHOST_USER_SET_VRING_ADDR] = { .name = "SET_VRING_ADDR",
	    SIZE(sizeof(struct vhost_user_vring_addr)), .index = INDEX_STATE,
	    .needs = NEEDS_RING_STOPPED,
	    .handler = vhost_user_op_set_vring_addr },
	[VHOST_USER_SET_VRING_BASE] = { .name = "SET_VRING_BASE", SIZE_STATE,
	    .needs = NEEDS_RING_STOPPED,
	    .handler = vhost_user_op_set_vring_base },
	[VHOST_USER_GET_VRING_BASE] = { .name = "GET_VRING_BASE", SIZE_STATE,
	    .reply = REPLY_STATE, .handler = vhost_user_op_get_vring_base,
	    .after = vhost_user_after_get_vring_base },
	[VHOST_USER_SET_VRING_KICK] = { .name = "SET_VRING_KICK", SIZE_FD,
	    .starts = true,
	    .handler = vhost_user_op_set_vring_kick,
	    .after = vhost_user_after_set_vring_kick },
	[VHOST_USER_SET_VRING_CALL] = { .name = "SET_VRING_CALL", SIZE_FD,
	    .handler = vhost_user_op_set_vring_call },
	[VHOST_USER_SET_VRING_ERR] = { .name = "SET_VRING_ERR", SIZE_FD,
	    .handler = vhost_user_op_set_vring_err },
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { .name = "GET_PROTOCOL_FEATURES",
	    SIZE(0), .reply = REPLY_U64,
	    .handler = vhost_user_op_get_protocol_features },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = { .name = "SET_PROTOCOL_FEATURES",
	    SIZE(8), .needs = NEEDS_ALL_STOPPED,
	    .handler = vhost_user_op_set_protocol_features },
	[VHOST_USER_GET_QUEUE_NUM] = { .name = "GET_QUEUE_NUM", SIZE(0),
	    .reply = REPLY_U64, .handler = vhost_user_op_get_queue_num },
	[VHOST_USER_SET_VRING_ENABLE] = { .name = "SET_VRING_ENABLE",
	    SIZE_STATE, .needs = NEEDS_PROTOCOL_FEATURES,
	    .handler = vhost_user_op_set_vring_enable },
	[VHOST_USER_SEND_RARP] = { .name = "SEND_RARP" },
	[VHOST_USER_NET_SET_MTU] = { .name = "NET_SET_MTU" },
	[VHOST_USER_SET_BACKEND_REQ_FD] = { .name = "SET_BACKEND_REQ_FD" },
	[VHOST_USER_IOTLB_MSG] = { .name = "IOTLB_MSG" },
	[VHOST_USER_SET_VRING_ENDIAN] = { .name = "SET_VRING_ENDIAN" },
	[VHOST_USER_GET_CONFIG] = { .name = "GET_CONFIG", SIZE_CONFIG,
	    .needs = NEEDS_CONFIG, .reply = REPLY_CONFIG,
	    .handler = vhost_user_op_get_config },
	[VHOST_USER_SET_CONFIG] = { .name = "SET_CONFIG", SIZE_CONFIG,
	    .needs = NEEDS_CONFIG, .handler = vhost_user_op_set_config },
	[VHOST_USER_CREATE_CRYPTO_SESSION] = {
	    .name = "CREATE_CRYPTO_SESSION" },
	[VHOST_USER_CLOSE_CRYPTO_SESSION] = {
	    .name = "CLOSE_CRYPTO_SESSION" },
	[VHOST_USER_POSTCOPY_ADVISE] = { .name = "POSTCOPY_ADVISE" },
	[VHOST_USER_POSTCOPY_LISTEN] = { .name = "POSTCOPY_LISTEN" },
	[VHOST_USER_POSTCOPY_END] = { .name = "POSTCOPY_END" },
	[VHOST_USER_GET_INFLIGHT_FD] = { .name = "GET_INFLIGHT_FD" },
	[VHOST_USER_SET_INFLIGHT_FD] = { .name = "SET_INFLIGHT_FD" },
	[VHOST_USER_GPU_SET_SOCKET] = { .name = "GPU_SET_SOCKET" },
	[VHOST_USER_RESET_DEVICE] = { .name = "RESET_DEVICE", SIZE(0),
	    .handler = vhost_user_op_reset_device,
	    .after = vhost_user_after_reset_device },
	[VHOST_USER_VRING_KICK] = { .name = "VRING_KICK" },
	[VHOST_USER_GET_MAX_MEM_SLOTS] = { .name = "GET_MAX_MEM_SLOTS", SIZE(0),
	    .needs = NEEDS_MEM_SLOTS, .reply = REPLY_U64,
	    .handler = vhost_user_op_get_max_mem_slots },
	[VHOST_USER_ADD_MEM_REG] = { .name = "ADD_MEM_REG",
	    SIZE(sizeof(struct vhost_user_mem_region)), FDS(1, 1),
	    .needs = NEEDS_MEM_SLOTS,
	    .handler = vhost_user_op_add_mem_reg },
	/* "the back-end MAY accept messages with one file descriptor" */
	[VHOST_USER_REM_MEM_REG] = { .name = "REM_MEM_REG",
	    SIZE(sizeof(struct vhost_user_mem_region)), FDS(0, 1),
	    .needs = NEEDS_MEM_SLOTS,
	    .handler = vhost_user_op_rem_mem_reg },
	[VHOST_USER_SET_STATUS] = { .name = "SET_STATUS", SIZE(8),
	    .needs = NEEDS_STATUS, .handler = vhost_user_op_set_status,
	    .after = vhost_user_after_set_status },
	[VHOST_USER_GET_STATUS] = { .name = "GET_STATUS", SIZE(0),
	    .needs = NEEDS_STATUS, .reply = REPLY_U64,
	    .handler = vhost_user_op_get_status }
};

static const struct row *
row_of(const struct vhost_user_message *message)
{
	static const struct row unknown = { .name = "unknown request" };
	uint32_t request = message->header.request;

	return request < VHOST_USER_REQUEST_MAX &&
	    rows[request].name != NULL ? &rows[request] : &unknown;
}

bool
vhost_user_has(const struct vhost_user *vu, unsigned int feature)
{
	return (vu->features & VHOST_USER_BIT(feature)) != 0;
}

static bool
has_protocol(const struct vhost_user *vu, unsigned int feature)
{
	return (vu->protocol_features & VHOST_USER_BIT(feature)) != 0;
}

uint32_t
vhost_user_base(const struct vhost_user *vu, uint32_t index)
{
	const struct vhost_user_vring *vring = &vu->vrings[index];

	if (vring->has_base)
		return vring->base;
	return vhost_user_has(vu, VHOST_USER_F_RING_PACKED) ?
	    VHOST_USER_BASE_PACKED : 0;
}

bool
vhost_user_any_started(const struct vhost_user *vu)
{
	for (size_t i = 0; i < VIRTIOFS_QUEUES; i++)
		if (vu->vrings[i].started)
			return true;
	return false;
}

/*
 * Replies.
 */

/* Answers the message with the first `size` bytes of the reply's payload. */
static int
reply(struct vhost_user *vu, size_t size)
{
	vu->reply.header.request = vu->message.header.request;
	vu->reply.header.flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	vu->reply.header.size = (uint32_t)size;
	vu->reply.len = sizeof(vu->reply.header) + size;
	vu->reply.sent = 0;
	return vhost_user_send(vu);
}

static bool
wants_ack(const struct vhost_user *vu)
{
	return (vu->message.header.flags & VHOST_USER_NEED_REPLY) != 0 &&
	    has_protocol(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK);
}

static int
acknowledge(struct vhost_user *vu, uint64_t result)
{
	if (!wants_ack(vu))
		return 0;
	vu->reply.payload.u64 = result;
	return reply(vu, sizeof(vu->reply.payload.u64));
}

/* Answers a request that was carried out. */
static int
reply_done(struct vhost_user *vu, const struct row *row)
{
	switch (row->reply) {
	case REPLY_U64:
		return reply(vu, sizeof(vu->reply.payload.u64));
	case REPLY_STATE:
		return reply(vu, sizeof(vu->reply.payload.state));
	case REPLY_CONFIG:
		return reply(vu, vu->message.header.size);
	case REPLY_NONE:
		break;
	}
	return acknowledge(vu, 0);
}

/*
 * Answers a request that was not carried out, as far as that is possible.  An
 * unknown one may be one whose sender waits for an answer.
 */
static int
refuse(struct vhost_user *vu, const struct row *row, int error)
{
	const char *why = vu->why.text[0] != '\0' ? vu->why.text :
	    strerror(-error);
	bool closes = row->reply == REPLY_U64 || row->reply == REPLY_STATE ||
	    ((row->handler == NULL || row->starts) && !wants_ack(vu));

	log_limited(&vu->refused, LOG_LEVEL_WARN,
	    "vhost-user: %s (%" PRIu32 ") refused: %s%s", row->name,
	    vu->message.header.request, why,
	    closes ? "; closing the connection" : "");
	if (closes)
		return -EPROTO;
	/* "uses zero length of payload to indicate an error" */
	if (row->reply == REPLY_CONFIG)
		return reply(vu, 0);
	return acknowledge(vu, 1);
}

/*
 * Carrying out.
 */

/* The next message may come. */
static void
message_end(struct vhost_user *vu)
{
	vhost_user_wire_clear(&vu->message);
	if (vu->old_fd != -1)
		close(vu->old_fd);
	vu->old_fd = -1;
}

static int
need_protocol(struct vhost_user *vu, unsigned int feature, const char *name)
{
	if (has_protocol(vu, feature))
		return 0;
	return reason_give(&vu->why, -EINVAL,
	    "protocol feature %s was not negotiated", name);
}

/* The ring itself, or the first that runs. */
static int
need_stopped(struct vhost_user *vu, uint32_t index)
{
	uint32_t end = index == VHOST_USER_ALL ? VIRTIOFS_QUEUES : index + 1;
	uint32_t i = index == VHOST_USER_ALL ? 0 : index;

	while (i < end && !vu->vrings[i].started)
		i++;
	if (i == end)
		return 0;
	return reason_give(&vu->why, -EBUSY, "ring %" PRIu32 " is not stopped "
	    "(by GET_VRING_BASE)", i);
}

static int
check_needs(struct vhost_user *vu, const struct row *row)
{
	switch (row->needs) {
	case NEEDS_NOTHING:
		return 0;
	case NEEDS_PROTOCOL_FEATURES:
		if (vhost_user_has(vu, VHOST_USER_F_PROTOCOL_FEATURES))
			return 0;
		return reason_give(&vu->why, -EINVAL,
		    "feature PROTOCOL_FEATURES (bit 30) was not negotiated");
	case NEEDS_CONFIG:
		return need_protocol(vu, VHOST_USER_PROTOCOL_F_CONFIG,
		    "CONFIG");
	case NEEDS_MEM_SLOTS:
		return need_protocol(vu,
		    VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS,
		    "CONFIGURE_MEM_SLOTS");
	case NEEDS_STATUS:
		return need_protocol(vu, VHOST_USER_PROTOCOL_F_STATUS,
		    "STATUS");
	case NEEDS_RING_STOPPED:
		return need_stopped(vu, vu->message.payload.state.index);
	case NEEDS_ALL_STOPPED:
		return need_stopped(vu, VHOST_USER_ALL);
	}
	return 0;
}

static int
check_index(struct vhost_user *vu, const struct row *row)
{
	const struct vhost_user_message *message = &vu->message;
	uint64_t index = 0;
	bool has_fd;

	if (row->index == INDEX_STATE)
		index = message->payload.state.index;
	if (row->index == INDEX_FD) {
		index = message->payload.u64 & ~(uint64_t)
		    VHOST_USER_VRING_NO_FD;
		has_fd = (message->payload.u64 & VHOST_USER_VRING_NO_FD) == 0;
		if (has_fd != (message->nfds == 1))
			return reason_give(&vu->why, -EINVAL, "%zu descriptors "
			    "with the number %#" PRIx64 ", whose bit 8 says "
			    "that there is %s", message->nfds,
			    message->payload.u64, has_fd ? "one" : "none");
	}
	if (index < VIRTIOFS_QUEUES)
		return 0;
	return reason_give(&vu->why, -EINVAL, "there is no ring %" PRIu64
	    ": they are 0 to %d", index, VIRTIOFS_QUEUES - 1);
}

/* How much of it there is. */
static int
check_form(struct vhost_user *vu, const struct row *row)
{
	const struct vhost_user_message *message = &vu->message;
	uint32_t size = message->header.size;

	if (row->least == row->most && size != row->least)
		return reason_give(&vu->why, -EINVAL, "its payload has %" PRIu32
		    " bytes, not %u", size, row->least);
	if (size < row->least || size > row->most)
		return reason_give(&vu->why, -EINVAL, "its payload has %" PRIu32
		    " bytes, not %u to %u", size, row->least, row->most);
	if (message->surplus || message->nfds < row->fds_least ||
	    message->nfds > row->fds_most)
		return reason_give(&vu->why, -EINVAL, "it comes with %zu%s "
		    "descriptors, where %u to %u are due", message->nfds,
		    message->surplus ? " and more" : "", row->fds_least,
		    row->fds_most);
	return 0;
}

/* Checks all columns.  Returns 0 or -errno. */
static int
check(struct vhost_user *vu, const struct row *row)
{
	int error;

	if (row->handler == NULL)
		return reason_give(&vu->why, -EOPNOTSUPP,
		    "it is not supported");
	error = check_form(vu, row);
	if (error == 0)
		error = check_index(vu, row);
	return error != 0 ? error : check_needs(vu, row);
}

/* The handler is through. */
static int
conclude(struct vhost_user *vu, int result)
{
	const struct row *row = row_of(&vu->message);

	if (row->after != NULL)
		row->after(vu, result);
	result = result == 0 ? reply_done(vu, row) : refuse(vu, row, result);
	message_end(vu);
	return result;
}

static int
carry_out(struct vhost_user *vu)
{
	const struct row *row = row_of(&vu->message);
	int result;

	reason_clear(&vu->why);
	result = check(vu, row);
	if (result != 0) {
		result = refuse(vu, row, result);
		message_end(vu);
		return result;
	}
	log_msg(LOG_LEVEL_TRACE, "vhost-user: %s", row->name);
	result = row->handler(vu);
	if (result == VHOST_USER_PENDING) {
		vu->pending = true;
		return 0;
	}
	return conclude(vu, result);
}

int
vhost_user_finish(struct vhost_user *vu, int result)
{
	vu->pending = false;
	return conclude(vu, result);
}

int
vhost_user_receive(struct vhost_user *vu)
{
	int result;

	if (!vhost_user_wants_input(vu))
		return 0;
	result = vhost_user_wire_receive(&vu->message, vu->sock);
	return result == VHOST_USER_COMPLETE ? carry_out(vu) : result;
}

int
vhost_user_send(struct vhost_user *vu)
{
	return vhost_user_wire_send(&vu->reply, vu->sock);
}

bool
vhost_user_wants_input(const struct vhost_user *vu)
{
	return !vu->pending && vu->reply.len == 0;
}

bool
vhost_user_wants_output(const struct vhost_user *vu)
{
	return vu->reply.len > 0;
}

int
vhost_user_init(struct vhost_user *vu, int sock, const char *tag,
    const struct vhost_user_backend *backend, void *arg)
{
	const uint32_t queues = VIRTIOFS_QUEUES - 1;

	*vu = (struct vhost_user){ .sock = sock, .backend = backend,
	    .arg = arg, .old_fd = -1,
	    .refused = { .burst = LOG_BURST, .interval_ms = LOG_INTERVAL_MS },
	    .protocol_offered = vhost_user_protocol_offered };
	if (tag != NULL) {
		vu->protocol_offered |=
		    VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_CONFIG);
		memcpy(vu->config.tag, tag, sizeof(vu->config.tag));
	}
	for (size_t i = 0; i < sizeof(vu->config.num_request_queues); i++)
		vu->config.num_request_queues[i] = (uint8_t)(queues >> 8 * i);
	for (size_t i = 0; i < VIRTIOFS_QUEUES; i++)
		vu->vrings[i] = (struct vhost_user_vring){ .kick = -1,
		    .call = -1, .err = -1 };
	vu->memory = guest_memory_new();
	return vu->memory != NULL ? 0 : -ENOMEM;
}

void
vhost_user_free(struct vhost_user *vu)
{
	message_end(vu);
	for (size_t i = 0; i < VIRTIOFS_QUEUES; i++)
		vhost_user_ring_clear(&vu->vrings[i]);
	guest_memory_release(vu->memory);
	vu->memory = NULL;
}
