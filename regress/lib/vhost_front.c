/* SPDX-License-Identifier: ISC */
/*
 * Sets a vhost-user device up as QEMU does: features, memory, rings. Test
 * code.
 */
#include "vhost_front.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

#define DEFAULT_MEMORY	(UINT64_C(128) << 20)

void
vhost_front_init(struct vhost_front *f, int sock,
    const struct vhost_options *o)
{
	struct timeval bound;

	memset(f, 0, sizeof(*f));
	f->sock = sock;
	f->options = *o;
	o = &f->options;
	if (o->request_queues == 0)
		f->options.request_queues = 1;
	if (o->queue_size == 0)
		f->options.queue_size = 128;
	if (o->hiprio_size == 0)
		f->options.hiprio_size = o->queue_size;
	if (o->regions == 0)
		f->options.regions = 1;
	if (o->region_size == 0)
		f->options.region_size = DEFAULT_MEMORY / o->regions;
	f->timeout_ms = o->timeout_ms != 0 ? o->timeout_ms : VHOST_TIMEOUT_MS;
	bound = (struct timeval){ .tv_sec = f->timeout_ms / 1000 + 1 };
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound));
	guest_mem_init(&f->mem);
}

/* The protocol features of QEMU's file system device, as far as offered. */
static int
front_negotiate_protocol(struct vhost_front *f)
{
	uint64_t wanted = VHOST_BIT(VHOST_PROTOCOL_MQ) |
	    VHOST_BIT(VHOST_PROTOCOL_REPLY_ACK) |
	    VHOST_BIT(VHOST_PROTOCOL_CONFIG) |
	    VHOST_BIT(VHOST_PROTOCOL_RESET_DEVICE) |
	    VHOST_BIT(VHOST_PROTOCOL_CONFIGURE_MEM_SLOTS) |
	    VHOST_BIT(VHOST_PROTOCOL_STATUS);
	uint64_t protocol;
	int error;

	if (f->options.no_reply_ack)
		wanted &= ~VHOST_BIT(VHOST_PROTOCOL_REPLY_ACK);
	error = vhost_get_u64(f, VHOST_GET_PROTOCOL_FEATURES,
	    &f->offered_protocol);
	if (error != 0)
		return error;
	protocol = f->offered_protocol & wanted;
	error = vhost_set_u64(f, VHOST_SET_PROTOCOL_FEATURES, protocol);
	f->protocol = protocol;
	if (error == 0 && (protocol & VHOST_BIT(VHOST_PROTOCOL_MQ)))
		error = vhost_get_u64(f, VHOST_GET_QUEUE_NUM,
		    &f->queues_offered);
	if (error == 0 &&
	    (protocol & VHOST_BIT(VHOST_PROTOCOL_CONFIGURE_MEM_SLOTS)))
		error = vhost_get_u64(f, VHOST_GET_MAX_MEM_SLOTS,
		    &f->slots_offered);
	return error;
}

static uint64_t
front_wanted_features(const struct vhost_front *f)
{
	const struct vhost_options *o = &f->options;
	uint64_t wanted = VHOST_BIT(VIRTIO_VERSION_1) |
	    VHOST_BIT(VIRTIO_NOTIFY_ON_EMPTY);

	if (!o->no_indirect)
		wanted |= VHOST_BIT(VIRTIO_INDIRECT_DESC);
	if (!o->no_event_idx)
		wanted |= VHOST_BIT(VIRTIO_EVENT_IDX);
	if (o->packed)
		wanted |= VHOST_BIT(VIRTIO_RING_PACKED);
	if (!o->no_protocol_features)
		wanted |= VHOST_BIT(VHOST_PROTOCOL_FEATURES);
	return wanted & f->offered;
}

/* What the options cannot do without. */
static int
front_check_offer(const struct vhost_front *f)
{
	const struct vhost_options *o = &f->options;
	unsigned int rings = o->request_queues + 1;

	if (!(f->offered & VHOST_BIT(VIRTIO_VERSION_1)))
		return -EPROTO;
	if (o->packed && !(f->offered & VHOST_BIT(VIRTIO_RING_PACKED)))
		return -EOPNOTSUPP;
	if (o->no_protocol_features)
		return rings > 2 ? -EOPNOTSUPP : 0;
	if (rings > 2 && f->queues_offered < rings)
		return -EOPNOTSUPP;
	if ((o->add_regions || o->regions > VHOST_TABLE_REGIONS) &&
	    f->slots_offered < o->regions)
		return -EOPNOTSUPP;
	return 0;
}

int
vhost_front_negotiate(struct vhost_front *f)
{
	int error = vhost_get_u64(f, VHOST_GET_FEATURES, &f->offered);

	if (error != 0)
		return error;
	if (!f->options.no_protocol_features) {
		if (!(f->offered & VHOST_BIT(VHOST_PROTOCOL_FEATURES)))
			return -EOPNOTSUPP;
		error = front_negotiate_protocol(f);
	}
	if (error == 0)
		error = front_check_offer(f);
	if (error == 0)
		error = vhost_send_acked(f, VHOST_SET_OWNER, NULL, 0, NULL,
		    0);
	if (error == 0 && (f->protocol & VHOST_BIT(VHOST_PROTOCOL_STATUS)))
		error = vhost_set_u64(f, VHOST_SET_STATUS,
		    VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	f->features = front_wanted_features(f);
	if (error == 0)
		error = vhost_set_u64(f, VHOST_SET_FEATURES, f->features);
	if (error == 0 && (f->protocol & VHOST_BIT(VHOST_PROTOCOL_STATUS)))
		error = vhost_set_u64(f, VHOST_SET_STATUS,
		    VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
		    VIRTIO_STATUS_FEATURES_OK);
	return error;
}

void
vhost_front_make_memory(struct vhost_front *f)
{
	guest_mem_layout(&f->mem, f->options.regions, f->options.region_size,
	    f->options.odd_regions);
}

int
vhost_front_send_memory(struct vhost_front *f)
{
	int error = 0;

	if (!f->options.add_regions && f->mem.count <= VHOST_TABLE_REGIONS)
		return vhost_set_mem_table(f, 0, f->mem.count);
	for (size_t i = 0; i < f->mem.count && error == 0; i++)
		error = vhost_add_mem_reg(f, &f->mem.region[i]);
	return error;
}

void
vhost_front_make_rings(struct vhost_front *f)
{
	const struct vhost_options *o = &f->options;
	struct vhost_ring_options r = {
	    .packed = (f->features & VHOST_BIT(VIRTIO_RING_PACKED)) != 0,
	    .indirect = (f->features & VHOST_BIT(VIRTIO_INDIRECT_DESC)) != 0,
	    .event_idx = (f->features & VHOST_BIT(VIRTIO_EVENT_IDX)) != 0,
	    .wait = o->wait };
	unsigned int count = o->request_queues + 1;

	f->ring = calloc(count, sizeof(f->ring[0]));
	if (f->ring == NULL)
		tap_bail("calloc");
	for (; f->rings < count; f->rings++) {
		r.index = f->rings;
		r.size = (uint16_t)(r.index == 0 ? o->hiprio_size :
		    o->queue_size);
		vhost_ring_init(&f->ring[r.index], &f->mem, &r);
	}
}

int
vhost_front_resume_ring(struct vhost_front *f, unsigned int index,
    uint32_t base)
{
	const struct vhost_ring *r = &f->ring[index];
	int error = vhost_set_vring_num(f, index, r->size);

	if (error == 0)
		error = vhost_set_vring_base(f, index, base);
	if (error == 0)
		error = vhost_set_vring_addr(f, index);
	if (error == 0)
		error = vhost_set_vring_fd(f, VHOST_SET_VRING_ERR, index,
		    r->err_fd);
	if (error == 0)
		error = vhost_set_vring_fd(f, VHOST_SET_VRING_CALL, index,
		    r->call_fd);
	if (error == 0)
		error = vhost_set_vring_fd(f, VHOST_SET_VRING_KICK, index,
		    r->kick_fd);
	if (error == 0 && !f->options.no_protocol_features)
		error = vhost_set_vring_enable(f, index, 1);
	return error;
}

int
vhost_front_start_ring(struct vhost_front *f, unsigned int index)
{
	return vhost_front_resume_ring(f, index,
	    vhost_ring_base(&f->ring[index]));
}

int
vhost_front_start(struct vhost_front *f)
{
	int error = 0;

	for (unsigned int i = 0; i < f->rings && error == 0; i++)
		error = vhost_front_start_ring(f, i);
	if (error == 0 && (f->protocol & VHOST_BIT(VHOST_PROTOCOL_STATUS)))
		error = vhost_set_u64(f, VHOST_SET_STATUS,
		    VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
		    VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
	return error;
}

int
vhost_front_stop_ring(struct vhost_front *f, unsigned int index,
    uint32_t *base)
{
	return vhost_get_vring_base(f, index, base);
}

int
vhost_front_setup(struct vhost_front *f, int sock,
    const struct vhost_options *o)
{
	int error;

	vhost_front_init(f, sock, o);
	error = vhost_front_negotiate(f);
	if (error == 0) {
		vhost_front_make_memory(f);
		error = vhost_front_send_memory(f);
	}
	if (error == 0) {
		vhost_front_make_rings(f);
		error = vhost_front_start(f);
	}
	if (error != 0)
		vhost_front_close(f);
	return error;
}

void
vhost_front_close(struct vhost_front *f)
{
	if (f->sock >= 0)
		close(f->sock);
	f->sock = -1;
	for (unsigned int i = 0; i < f->rings; i++)
		vhost_ring_free(&f->ring[i]);
	free(f->ring);
	f->ring = NULL;
	f->rings = 0;
	guest_mem_free_all(&f->mem);
}
