/*
 * SPDX-License-Identifier: ISC
 *
 * For tests of the vhost-user back-end: its front-end at the other end of a
 * socketpair, and rings that nobody runs.
 */
#ifndef REGRESS_UNIT_VHOST_SAMPLE_H
#define REGRESS_UNIT_VHOST_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/vhost_user.h"

/* What a message must look like; each test of form starts from these. */
struct vhost_sample {
	uint32_t	request;
	uint32_t	size;		/* exactly, of the good one */
	unsigned int	nfds;
	uint32_t	reply;		/* bytes of its own; 0: none */
};

extern const struct vhost_sample vhost_samples[];
extern const size_t vhost_sample_count;

/* The rings: what they were asked, and what they answer. */
struct vhost_rings {
	int		result;		/* of the next functions */
	uint32_t	base;		/* where each ring stops */
	unsigned int	started;	/* calls */
	unsigned int	updated;
	unsigned int	stopped;
	unsigned int	renewed;
	uint32_t	index;		/* of the last call */
	struct vhost_user *vu;
};

extern const struct vhost_user_backend vhost_rings_backend;

#define VHOST_SAMPLE_RING	1	/* that the good messages name */

/* Fills in the payload of a good message.  Returns its size. */
uint32_t
	vhost_sample_payload(uint32_t request, union vhost_user_payload *out);

/* A memory file of 64 KiB, which SET_MEM_TABLE and ADD_MEM_REG want. */
int	vhost_sample_memfd(void);

/* Sends header, `len` bytes and `nfds` copies of `fd`.  Returns 0 or -errno. */
int	vhost_sample_send(int sock, uint32_t request, uint32_t flags,
	    uint32_t size, const void *payload, size_t len, int fd,
	    unsigned int nfds);

#endif /* REGRESS_UNIT_VHOST_SAMPLE_H */
