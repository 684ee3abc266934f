/*
 * SPDX-License-Identifier: ISC
 *
 * What the vhost-user requests do to the device.  Parses hostile input from
 * the front-end, of which the table has checked the form.  Runs sandboxed.
 */
#include "config.h"

#include "worker/vhost_user_ops.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "worker/vhost_user.h"
#include "worker/virtqueue.h"

#define FEATURES_OFFERED						\
	(VHOST_USER_BIT(VHOST_USER_F_NOTIFY_ON_EMPTY) |			\
	VHOST_USER_BIT(VHOST_USER_F_INDIRECT_DESC) |			\
	VHOST_USER_BIT(VHOST_USER_F_EVENT_IDX) |			\
	VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES) |		\
	VHOST_USER_BIT(VHOST_USER_F_VERSION_1) |			\
	VHOST_USER_BIT(VHOST_USER_F_RING_PACKED))

/*
 * CONFIG is offered by who has a tag: QEMU reads its own from its command line,
 * and warns of a back-end that offers it.
 */
const uint64_t vhost_user_protocol_offered =
	VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_MQ) |
	VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
	VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
	VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
	VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_STATUS);

/* The rings that requests speak of. */

static uint32_t
state_index(const struct vhost_user *vu)
{
	return vu->message.payload.state.index;
}

static uint32_t
fd_index(const struct vhost_user *vu)
{
	return (uint32_t)vu->message.payload.u64 & VHOST_USER_VRING_INDEX;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

void
vhost_user_ring_clear(struct vhost_user_vring *vring)
{
	close_fd(&vring->kick);
	close_fd(&vring->call);
	close_fd(&vring->err);
	*vring = (struct vhost_user_vring){ .kick = -1, .call = -1,
	    .err = -1 };
}

/* Takes the message's descriptor, if it has one.  Returns it or -1. */
static int
take_fd(struct vhost_user *vu, size_t i)
{
	int fd;

	if (i >= vu->message.nfds)
		return -1;
	fd = vu->message.fds[i];
	vu->message.fds[i] = -1;
	return fd;
}

/*
 * An eventfd is a file of no type (anon_inode_getfile() in the kernel).  Kept
 * would be whatever came: the front-end's own end of the connection, say, whose
 * end would never be seen then.
 */
static int
check_eventfd(struct vhost_user *vu)
{
	struct stat st;

	if (vu->message.nfds == 0)
		return 0;
	if (syscall(SYS_fstat, vu->message.fds[0], &st) == -1)
		return reason_give(&vu->why, -errno, "its descriptor: %s",
		    strerror(errno));
	if ((st.st_mode & S_IFMT) == 0)
		return 0;
	return reason_give(&vu->why, -EINVAL, "its descriptor is no eventfd "
	    "(mode %#o)", (unsigned int)st.st_mode);
}

/* Puts the message's descriptor where the present one is, which is kept. */
static void
replace_fd(struct vhost_user *vu, int *fd)
{
	vu->old_fd = *fd;
	*fd = take_fd(vu, 0);
}

static int
update(struct vhost_user *vu, uint32_t index)
{
	bool concerns = index == VHOST_USER_ALL ? vhost_user_any_started(vu) :
	    vu->vrings[index].started;

	return concerns ? vu->backend->update(vu->arg, index) : 0;
}

static int
stop(struct vhost_user *vu, uint32_t index)
{
	bool concerns = index == VHOST_USER_ALL ? vhost_user_any_started(vu) :
	    vu->vrings[index].started;

	return concerns ? vu->backend->stop(vu->arg, index) : 0;
}

/* A ring starts again with a new SET_VRING_KICK, from where it stopped. */
static void
ring_stopped(struct vhost_user_vring *vring)
{
	if (vring->started)
		vring->has_base = true;
	vring->started = false;
	close_fd(&vring->kick);
}

/* What is left is as it was before the front-end told anything of it. */
static void
device_clear(struct vhost_user *vu)
{
	for (size_t i = 0; i < VIRTIOFS_QUEUES; i++)
		vhost_user_ring_clear(&vu->vrings[i]);
	vu->features = 0;
	vu->status = 0;
}

/*
 * Negotiation.
 */

/*
 * "Session start".  A front-end whose device is taken out and put in again
 * (QEMU's device_del and device_add) goes on with the same connection, and a
 * second SET_OWNER is all that says so: nothing of the device before may be
 * there.  QEMU has settled the protocol features for the new one by then.
 */
int
vhost_user_op_set_owner(struct vhost_user *vu)
{
	struct guest_memory *memory;

	if (!vu->owned) {
		vu->owned = true;
		return 0;
	}
	memory = guest_memory_new();
	if (memory == NULL)
		return -ENOMEM;
	log_debug("vhost-user: a new device");
	guest_memory_release(vu->memory);
	vu->memory = memory;
	device_clear(vu);
	return vu->backend->renew(vu->arg);
}

int
vhost_user_op_nothing(struct vhost_user *vu)
{
	(void)vu;
	return 0;
}

int
vhost_user_op_get_features(struct vhost_user *vu)
{
	vu->reply.payload.u64 = FEATURES_OFFERED;
	return 0;
}

static int
check_offered(struct vhost_user *vu, uint64_t offered)
{
	uint64_t features = vu->message.payload.u64;

	if ((features & ~offered) == 0)
		return 0;
	return reason_give(&vu->why, -EINVAL, "of the bits %#" PRIx64 ", %#"
	    PRIx64 " were not offered", features, features & ~offered);
}

/* "Ring states": without protocol features, rings start enabled. */
int
vhost_user_op_set_features(struct vhost_user *vu)
{
	uint64_t features = vu->message.payload.u64;
	int error = check_offered(vu, FEATURES_OFFERED);

	if (error != 0)
		return error;
	log_debug("vhost-user: features %#" PRIx64, features);
	vu->features = features;
	if (!vhost_user_has(vu, VHOST_USER_F_PROTOCOL_FEATURES))
		for (size_t i = 0; i < VIRTIOFS_QUEUES; i++)
			vu->vrings[i].enabled = true;
	return 0;
}

int
vhost_user_op_get_protocol_features(struct vhost_user *vu)
{
	vu->reply.payload.u64 = vu->protocol_offered;
	return 0;
}

int
vhost_user_op_set_protocol_features(struct vhost_user *vu)
{
	uint64_t features = vu->message.payload.u64;
	int error = check_offered(vu, vu->protocol_offered);

	if (error != 0)
		return error;
	log_debug("vhost-user: protocol features %#" PRIx64, features);
	vu->protocol_features = features;
	return 0;
}

int
vhost_user_op_get_queue_num(struct vhost_user *vu)
{
	vu->reply.payload.u64 = VIRTIOFS_QUEUES;
	return 0;
}

int
vhost_user_op_get_max_mem_slots(struct vhost_user *vu)
{
	vu->reply.payload.u64 = GUEST_MEMORY_REGIONS_MAX;
	return 0;
}

/*
 * Memory.
 */

static struct guest_memory_region
region_of(const struct vhost_user_region *region)
{
	return (struct guest_memory_region){
		.guest_addr = region->guest_addr,
		.size = region->size,
		.user_addr = region->user_addr,
		.mmap_offset = region->mmap_offset
	};
}

/* Takes the new map; rings that hold the old one are told. */
static int
set_memory(struct vhost_user *vu, struct guest_memory *memory)
{
	guest_memory_release(vu->memory);
	vu->memory = memory;
	return update(vu, VHOST_USER_ALL);
}

/* Adds a region to `*memory`, which it replaces.  Returns 0 or -errno. */
static int
add_region(struct vhost_user *vu, struct guest_memory **memory,
    const struct vhost_user_region *wire, int fd)
{
	const struct guest_memory_region region = region_of(wire);
	struct guest_memory *next;
	int error;

	error = guest_memory_add(*memory, &region, fd, &next, &vu->why);
	if (error != 0)
		return error;
	guest_memory_release(*memory);
	*memory = next;
	return 0;
}

int
vhost_user_op_set_mem_table(struct vhost_user *vu)
{
	const struct vhost_user_mem_table *table = &vu->message.payload.table;
	const size_t head = offsetof(struct vhost_user_mem_table, regions);
	struct guest_memory *memory;
	int error = 0;

	if (table->count > VHOST_USER_TABLE_REGIONS ||
	    vu->message.nfds != table->count || vu->message.header.size !=
	    head + table->count * sizeof(table->regions[0]))
		return reason_give(&vu->why, -EINVAL, "%" PRIu32 " regions in %"
		    PRIu32 " bytes with %zu descriptors: each has %zu bytes "
		    "and a descriptor, and there are %d at most", table->count,
		    vu->message.header.size, vu->message.nfds,
		    sizeof(table->regions[0]), VHOST_USER_TABLE_REGIONS);
	memory = guest_memory_new();
	if (memory == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->count && error == 0; i++)
		error = add_region(vu, &memory, &table->regions[i],
		    take_fd(vu, i));
	if (error == 0)
		return set_memory(vu, memory);
	guest_memory_release(memory);
	return error;
}

int
vhost_user_op_add_mem_reg(struct vhost_user *vu)
{
	struct guest_memory *memory = guest_memory_hold(vu->memory);
	int error;

	error = add_region(vu, &memory, &vu->message.payload.region.region,
	    take_fd(vu, 0));
	if (error == 0)
		return set_memory(vu, memory);
	guest_memory_release(memory);
	return error;
}

int
vhost_user_op_rem_mem_reg(struct vhost_user *vu)
{
	const struct guest_memory_region region =
	    region_of(&vu->message.payload.region.region);
	struct guest_memory *memory;
	int error;

	error = guest_memory_remove(vu->memory, &region, &memory, &vu->why);
	return error != 0 ? error : set_memory(vu, memory);
}

/*
 * Rings.
 */

int
vhost_user_op_set_vring_num(struct vhost_user *vu)
{
	uint32_t num = vu->message.payload.state.num;

	if (num == 0 || num > VIRTQUEUE_SIZE_MAX)
		return reason_give(&vu->why, -EINVAL, "a size of %" PRIu32
		    ", not 1 to %d", num, VIRTQUEUE_SIZE_MAX);
	vu->vrings[state_index(vu)].size = num;
	return 0;
}

int
vhost_user_op_set_vring_addr(struct vhost_user *vu)
{
	const struct vhost_user_vring_addr *addr = &vu->message.payload.addr;
	struct vhost_user_vring *vring = &vu->vrings[addr->index];

	if (addr->flags != 0)
		return reason_give(&vu->why, -EINVAL, "flags %#" PRIx32
		    ": a log of writes is not supported", addr->flags);
	vring->desc_addr = addr->desc;
	vring->avail_addr = addr->avail;
	vring->used_addr = addr->used;
	vring->has_addr = true;
	return 0;
}

int
vhost_user_op_set_vring_base(struct vhost_user *vu)
{
	uint32_t num = vu->message.payload.state.num;

	/* A split ring has one index of 16 bits. */
	if (num > UINT16_MAX && !vhost_user_has(vu, VHOST_USER_F_RING_PACKED))
		return reason_give(&vu->why, -EINVAL, "base %#" PRIx32
		    " of a split ring, which has 16 bits", num);
	vu->vrings[state_index(vu)].base = num;
	vu->vrings[state_index(vu)].has_base = true;
	return 0;
}

/*
 * A ring of which everything is known starts here, and not with the first
 * kick, so that who set it up wrongly is told.  To poll without a descriptor
 * is not supported: an idle guest would cost a processor.
 */
int
vhost_user_op_set_vring_kick(struct vhost_user *vu)
{
	uint32_t index = fd_index(vu);
	struct vhost_user_vring *vring = &vu->vrings[index];
	int error;

	if (vu->message.nfds == 0)
		return reason_give(&vu->why, -EOPNOTSUPP, "a ring without a "
		    "descriptor, to be polled, is not supported");
	if (!vring->started && (vring->size == 0 || !vring->has_addr))
		return reason_give(&vu->why, -EINVAL, "ring %" PRIu32
		    " has no %s before it", index, vring->size == 0 ?
		    "SET_VRING_NUM" : "SET_VRING_ADDR");
	error = check_eventfd(vu);
	if (error != 0)
		return error;
	replace_fd(vu, &vring->kick);
	return vring->started ? update(vu, index) :
	    vu->backend->start(vu->arg, index);
}

void
vhost_user_after_set_vring_kick(struct vhost_user *vu, int result)
{
	struct vhost_user_vring *vring = &vu->vrings[fd_index(vu)];

	/* Nothing was replaced if the descriptor is still there. */
	if (vu->message.nfds == 0 || vu->message.fds[0] != -1)
		return;
	if (result == 0) {
		vring->started = true;
		return;
	}
	close_fd(&vring->kick);
	vring->kick = vu->old_fd;
	vu->old_fd = -1;
}

int
vhost_user_op_set_vring_call(struct vhost_user *vu)
{
	int error = check_eventfd(vu);

	if (error != 0)
		return error;
	replace_fd(vu, &vu->vrings[fd_index(vu)].call);
	return update(vu, fd_index(vu));
}

int
vhost_user_op_set_vring_err(struct vhost_user *vu)
{
	int error = check_eventfd(vu);

	if (error != 0)
		return error;
	replace_fd(vu, &vu->vrings[fd_index(vu)].err);
	return update(vu, fd_index(vu));
}

int
vhost_user_op_set_vring_enable(struct vhost_user *vu)
{
	uint32_t num = vu->message.payload.state.num;

	if (num > 1)
		return reason_give(&vu->why, -EINVAL, "%" PRIu32
		    ", where 0 disables and 1 enables", num);
	vu->vrings[state_index(vu)].enabled = num == 1;
	return update(vu, state_index(vu));
}

int
vhost_user_op_get_vring_base(struct vhost_user *vu)
{
	return stop(vu, state_index(vu));
}

void
vhost_user_after_get_vring_base(struct vhost_user *vu, int result)
{
	uint32_t index = state_index(vu);

	if (result != 0)
		return;
	ring_stopped(&vu->vrings[index]);
	vu->reply.payload.state = (struct vhost_user_vring_state){
	    .index = index, .num = vhost_user_base(vu, index) };
}

/*
 * Configuration space and status.
 */

/* Answers with size 0, which is an error, what the device does not have. */
int
vhost_user_op_get_config(struct vhost_user *vu)
{
	const struct vhost_user_config *config = &vu->message.payload.config;
	struct vhost_user_config *out = &vu->reply.payload.config;
	const size_t head = offsetof(struct vhost_user_config, data);

	if (vu->message.header.size != head + config->size ||
	    config->offset > sizeof(vu->config) ||
	    config->size > sizeof(vu->config) - config->offset)
		return reason_give(&vu->why, -EINVAL, "%" PRIu32 " bytes at %"
		    PRIu32 ", of %zu; %" PRIu32 " bytes of payload",
		    config->size, config->offset, sizeof(vu->config),
		    vu->message.header.size);
	out->offset = config->offset;
	out->size = config->size;
	out->flags = 0;
	memcpy(out->data, (const uint8_t *)&vu->config + config->offset,
	    config->size);
	return 0;
}

/* Virtio 1.2, 5.11.4: the driver must not write. */
int
vhost_user_op_set_config(struct vhost_user *vu)
{
	return reason_give(&vu->why, -EPERM, "the driver must not write to "
	    "the configuration space");
}

/* Virtio 1.2, 2.1: 0 is a reset. */
int
vhost_user_op_set_status(struct vhost_user *vu)
{
	uint64_t status = vu->message.payload.u64;

	if (status > UINT8_MAX)
		return reason_give(&vu->why, -EINVAL, "status %#" PRIx64
		    ", of more than 8 bits", status);
	vu->status = (uint8_t)status;
	return status == 0 ? stop(vu, VHOST_USER_ALL) : 0;
}

void
vhost_user_after_set_status(struct vhost_user *vu, int result)
{
	if (result != 0 || vu->status != 0)
		return;
	for (size_t i = 0; i < VIRTIOFS_QUEUES; i++)
		ring_stopped(&vu->vrings[i]);
}

int
vhost_user_op_get_status(struct vhost_user *vu)
{
	vu->reply.payload.u64 = vu->status;
	return 0;
}

/*
 * The connection's own state stays: protocol features, and the memory, of which
 * the front-end sends no more than the changes.
 */
int
vhost_user_op_reset_device(struct vhost_user *vu)
{
	return stop(vu, VHOST_USER_ALL);
}

void
vhost_user_after_reset_device(struct vhost_user *vu, int result)
{
	if (result == 0)
		device_clear(vu);
}
