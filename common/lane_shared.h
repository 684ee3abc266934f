/*
 * SPDX-License-Identifier: ISC
 *
 * The memory of a lane as both halves see it: for lane.c, monitor/lane_take.c
 * and worker/lane_submit.c alone.
 */
#ifndef COMMON_LANE_SHARED_H
#define COMMON_LANE_SHARED_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/lane.h"

#define LANE_PAGE	4096
#define LANE_MAGIC	0x656e616cU	/* "lane" */

/* What one side writes does not share a cache line with what the other does. */
struct lane_shared {
	/* Worker. */
	_Alignas(64)
	_Atomic uint32_t	submit_tail;
	_Atomic uint32_t	worker_sleeps;
	_Atomic uint32_t	owed;		/* enum lane_owed */
	_Atomic uint32_t	submit[LANE_SLOTS_MAX];
	/* Monitor. */
	_Alignas(64)
	_Atomic uint32_t	complete_tail;
	_Atomic uint32_t	complete[LANE_SLOTS_MAX];
	_Atomic uint64_t	polls_paid;
	_Atomic uint64_t	polls_slept;
	/*
	 * The futex that the monitor sleeps on: 1 while it does.  Both sides
	 * write it.
	 */
	_Alignas(64)
	_Atomic uint32_t	monitor_sleeps;
};
_Static_assert(sizeof(struct lane_shared) <= LANE_PAGE, "one page");

/* Worker writes request and payload; then the monitor reply and payload. */
struct lane_slot {
	struct monitor_request	request;
	struct monitor_reply	reply;
	_Alignas(LANE_PAGE)
	uint8_t			payload[MONITOR_PAYLOAD_MAX];
};
_Static_assert(sizeof(struct lane_slot) % LANE_PAGE == 0, "page aligned");

/* The packets on the socket. */
enum lane_packet_type {
	LANE_HELLO = 1,
	LANE_DESCRIPTOR		/* of the reply in `slot` */
};

struct lane_packet {
	uint32_t	magic;
	uint32_t	type;
	uint32_t	version;
	uint32_t	slot;
};

static inline struct lane_slot *
lane_slot(const struct lane *lane, uint32_t slot)
{
	uint8_t *base = (uint8_t *)lane->shared + LANE_PAGE;

	return (struct lane_slot *)(void *)base + slot;
}

#endif /* COMMON_LANE_SHARED_H */
