/* SPDX-License-Identifier: ISC */
/*
 * How Linux's virtiofs driver lays a FUSE message out in descriptors: the
 * header by itself, all arguments together, data page by page; the reply's
 * room the same way. Test code.
 */
#ifndef REGRESS_BRIDGE_LAYOUT_H
#define REGRESS_BRIDGE_LAYOUT_H

#include <sys/uio.h>

#include <linux/fuse.h>

#include <stddef.h>
#include <stdint.h>

#define LAYOUT_PAGE	4096u
#define LAYOUT_DATA	(1024u * 1024)	/* most in one request or reply */
/* Before a write's data, which then begins at a page. */
#define LAYOUT_HEAD	(sizeof(struct fuse_in_header) + \
			    sizeof(struct fuse_write_in))
/* Most descriptors of a request and its reply. */
#define LAYOUT_CHAIN	(3 + LAYOUT_DATA / LAYOUT_PAGE + 1 + 3)

/* The request of len bytes at base. Returns how many segments. */
size_t	layout_request(uint8_t *base, size_t len, struct iovec *out);
/* The room for the reply to it, at least a header. */
size_t	layout_reply(const uint8_t *request, size_t len, uint8_t *base,
	    struct iovec *in);

#endif
