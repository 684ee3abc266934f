/*
 * SPDX-License-Identifier: ISC
 *
 * A lane joins one thread of the worker to one thread of the monitor: a sealed
 * memfd with request slots and two rings of slot numbers, a SOCK_SEQPACKET
 * socketpair, and an eventfd.  The worker submits slots, the monitor completes
 * them, in any order.  The socketpair goes one way, from the monitor to the
 * worker: the hello, and descriptors that belong to replies.  The eventfd is
 * the bell that wakes the worker; it is never read, so that waking takes one
 * system call: the worker's loop has it edge-triggered (epoll(7), EPOLLET).
 *
 * The memory is hostile to the monitor: a request is copied out once, checked
 * as a copy, and nothing the monitor wrote is read back.  The worker trusts
 * the monitor.
 */
#ifndef COMMON_LANE_H
#define COMMON_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/adaptive.h"
#include "common/monitor_proto.h"

#define LANE_SLOTS_MAX	64

/*
 * What the front-end waits for, so that the launcher can answer in the place
 * of a worker that died.  Written by the worker, read by the launcher.
 */
enum lane_owed {
	LANE_OWED_NOTHING,	/* or not known: nothing was looked at yet */
	LANE_OWED_HEADER,	/* a 9p-proxy status or data reply */
	LANE_OWED_DESCRIPTOR,	/* the 4 bytes of T_OPEN and T_CREATE */
	LANE_OWED_PARTIAL	/* a reply was begun; nothing can mend it */
};

/* One end of a lane.  Owned by the process that attached it. */
struct lane {
	struct lane_shared	*shared;
	size_t			 shared_size;
	int			 sock;
	int			 bell;
	uint32_t		 nslots;
	uint32_t		 taken;		/* monitor: submissions seen */
	uint32_t		 completed;	/* monitor: completions made */
	uint32_t		 submitted;	/* worker: submissions made */
	uint32_t		 reaped;	/* worker: completions seen */
	uint64_t		 free_slots;	/* worker: one bit each */
	struct adaptive		 wait;		/* monitor: for submissions */
};

/* Launcher. */

/*
 * Makes a lane of `nslots` (a power of two up to LANE_SLOTS_MAX) slots.
 * Returns 0 and the descriptors of the memory, of both ends of the socketpair
 * and of the bell, all O_CLOEXEC and the caller's, or -errno.
 */
int	lane_create(uint32_t nslots, int *memory_fd_out, int *monitor_sock_out,
	    int *worker_sock_out, int *bell_fd_out);

/* Returns a read-only view of the lane's first page, or NULL with errno. */
const struct lane_shared *
	lane_watch(int memory_fd);

/* Returns what the worker last said is owed; any value but those is 0. */
enum lane_owed
	lane_watch_owed(const struct lane_shared *shared);

/* Both ends. */

/*
 * Maps the memory and takes the descriptors, which it owns from then on,
 * also when it fails.  Returns 0 or -errno; -EPROTO if the memory is not a
 * sealed lane of `nslots` slots.
 */
int	lane_attach(struct lane *lane, int memory_fd, int sock, int bell_fd,
	    uint32_t nslots);

/* Unmaps and closes.  A lane that was never attached must be zeroed. */
void	lane_detach(struct lane *lane);

/* Monitor: monitor/lane_take.c. */

/* Sends the hello: both ends are of one version.  Returns 0 or -errno. */
int	lane_send_hello(struct lane *lane);

/*
 * Copies the next submitted request, and its payload to `payload`, which has
 * room for MONITOR_PAYLOAD_MAX bytes.  Returns 1 and its slot, 0 if there is
 * none, or -EPROTO with a reason in `*why_out` if the ring, the slot or a
 * length is out of bounds.  Does not block.
 */
int	lane_take(struct lane *lane, uint32_t *slot_out,
	    struct monitor_request *request, uint8_t *payload,
	    const char **why_out);

/*
 * Returns the payload area of `slot`, of MONITOR_PAYLOAD_MAX bytes, for the
 * monitor to write a reply's data to.  It is never read there.
 */
uint8_t	*lane_reply_payload(struct lane *lane, uint32_t slot);

/*
 * Completes `slot`.  If `fd` is not -1 it is sent along; it stays the caller's.
 * Returns 0, or -errno if the worker does not take descriptors any more.
 */
int	lane_complete(struct lane *lane, uint32_t slot,
	    struct monitor_reply *reply, int fd);

/* Waits, polling first, until a request may have been submitted. */
void	lane_wait(struct lane *lane);

/* Worker: worker/lane_submit.c. */

/* Waits for the hello.  Returns 0, or -EPROTO on another version, -errno. */
int	lane_receive_hello(struct lane *lane);

/*
 * Reserves a slot.  Returns its number, or -EAGAIN if all are in flight.
 */
int	lane_reserve(struct lane *lane);

/*
 * The request and the payload area of a slot between lane_reserve() and
 * lane_submit(); the payload also holds the reply's data between lane_reap()
 * and lane_release().
 */
struct monitor_request *
	lane_request(struct lane *lane, uint32_t slot);
uint8_t	*lane_payload(struct lane *lane, uint32_t slot);

/* Hands a filled slot to the monitor, waking it if it sleeps. */
void	lane_submit(struct lane *lane, uint32_t slot);

/* Returns whether a completion waits.  Cheap: one load. */
bool	lane_ready(const struct lane *lane);

/*
 * Takes one completion.  Returns 1, the slot, a copy of the reply and its
 * descriptor, which is the caller's (-1 if there is none); 0 if there is no
 * completion; -EPROTO if the monitor broke the protocol, -errno if the socket
 * failed.
 */
int	lane_reap(struct lane *lane, uint32_t *slot_out,
	    struct monitor_reply *reply, int *fd_out);

/* Makes a reaped or reserved slot free again. */
void	lane_release(struct lane *lane, uint32_t slot);

/*
 * Asks for the bell with the next completion.  Returns false, asking for
 * nothing, if a completion waits already.  After the bell, and before polling,
 * lane_sleep_end().
 */
bool	lane_sleep_begin(struct lane *lane);
void	lane_sleep_end(struct lane *lane);

/* Notes what the front-end is owed from now on. */
void	lane_set_owed(struct lane *lane, enum lane_owed owed);

/* Copies the monitor's counters of waiting, for the worker to report. */
void	lane_monitor_counters(const struct lane *lane,
	    struct adaptive_counters *out);

#endif /* COMMON_LANE_H */
