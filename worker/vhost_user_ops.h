/*
 * SPDX-License-Identifier: ISC
 *
 * The handlers of the vhost-user requests, for the table in vhost_user.c.
 *
 * A handler gets a message whose size, descriptors and ring index are right.
 * It returns 0, -errno to refuse the request, or VHOST_USER_PENDING.
 * Descriptors that it leaves in the message are closed.  One that answers with
 * more than success or failure fills in the reply's payload; its size is
 * the table's affair.  An `after` handler sees the result, whether it was
 * pending or not.
 */
#ifndef WORKER_VHOST_USER_OPS_H
#define WORKER_VHOST_USER_OPS_H

#include <stdint.h>

struct vhost_user;
struct vhost_user_vring;

/* The protocol features that are always offered. */
extern const uint64_t vhost_user_protocol_offered;

/* Closes its descriptors, and forgets what was told of it. */
void	vhost_user_ring_clear(struct vhost_user_vring *vring);

int	vhost_user_op_get_features(struct vhost_user *vu);
int	vhost_user_op_set_features(struct vhost_user *vu);
int	vhost_user_op_set_owner(struct vhost_user *vu);
int	vhost_user_op_nothing(struct vhost_user *vu);
int	vhost_user_op_get_protocol_features(struct vhost_user *vu);
int	vhost_user_op_set_protocol_features(struct vhost_user *vu);
int	vhost_user_op_get_queue_num(struct vhost_user *vu);
int	vhost_user_op_get_max_mem_slots(struct vhost_user *vu);
int	vhost_user_op_set_mem_table(struct vhost_user *vu);
int	vhost_user_op_add_mem_reg(struct vhost_user *vu);
int	vhost_user_op_rem_mem_reg(struct vhost_user *vu);
int	vhost_user_op_set_vring_num(struct vhost_user *vu);
int	vhost_user_op_set_vring_addr(struct vhost_user *vu);
int	vhost_user_op_set_vring_base(struct vhost_user *vu);
int	vhost_user_op_get_vring_base(struct vhost_user *vu);
int	vhost_user_op_set_vring_kick(struct vhost_user *vu);
int	vhost_user_op_set_vring_call(struct vhost_user *vu);
int	vhost_user_op_set_vring_err(struct vhost_user *vu);
int	vhost_user_op_set_vring_enable(struct vhost_user *vu);
int	vhost_user_op_get_config(struct vhost_user *vu);
int	vhost_user_op_set_config(struct vhost_user *vu);
int	vhost_user_op_set_status(struct vhost_user *vu);
int	vhost_user_op_get_status(struct vhost_user *vu);
int	vhost_user_op_reset_device(struct vhost_user *vu);

void	vhost_user_after_set_vring_kick(struct vhost_user *vu, int result);
void	vhost_user_after_get_vring_base(struct vhost_user *vu, int result);
void	vhost_user_after_set_status(struct vhost_user *vu, int result);
void	vhost_user_after_reset_device(struct vhost_user *vu, int result);

#endif /* WORKER_VHOST_USER_OPS_H */
