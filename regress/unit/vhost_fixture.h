/*
 * SPDX-License-Identifier: ISC
 *
 * For unit tests of worker/vhost_user.c: it serves one end of a socketpair,
 * with rings that nobody runs, and the test is its front-end.  Nothing may be
 * lost: the descriptors of the process are counted.
 */
#ifndef REGRESS_UNIT_VHOST_FIXTURE_H
#define REGRESS_UNIT_VHOST_FIXTURE_H

#include <stdint.h>

#include "vhost_sample.h"

extern const char		 tag[VHOST_USER_TAG_SIZE];
extern struct vhost_user	 vu;
extern struct vhost_rings	 rings;
extern int			 front, back;	/* both ends */
extern int			 memory_fd;	/* of the front-end's */

int	vhost_set_up(void **state);
int	vhost_tear_down(void **state);

/* The connection, which is open at first. */
void	vhost_open(void);
void	vhost_close(void);

/* Sends a message with `nfds` descriptors. */
void	vhost_send(uint32_t request, uint32_t flags, uint32_t size,
	    const void *payload, unsigned int nfds);

/* Receives one reply's payload.  Returns its size, or -1 if there is none. */
int	vhost_reply(uint32_t request, union vhost_user_payload *out);

/* Fails unless the last message was refused for a reason in words. */
void	vhost_refused_why(void);

/* Sends a message and asks for an acknowledgement.  Returns that. */
uint64_t
	acked(uint32_t request, uint32_t size, const void *payload,
	    unsigned int nfds);
uint64_t
	acked_u64(uint32_t request, uint64_t value, unsigned int nfds);
uint64_t
	acked_state(uint32_t request, uint32_t index, uint32_t num);
uint64_t
	acked_good(uint32_t request, unsigned int nfds);

/* Asks for a number, or where a ring is. */
uint64_t
	vhost_get_u64(uint32_t request);
uint32_t
	vhost_get_base(uint32_t index);

/* Protocol features first, as QEMU does. */
void	vhost_negotiate(void);

/* Size, base and addresses of ring VHOST_SAMPLE_RING. */
void	vhost_set_up_ring(void);

/* All up to a ring that runs. */
void	vhost_start_ring(void);

#endif /* REGRESS_UNIT_VHOST_FIXTURE_H */
