/*
 * SPDX-License-Identifier: ISC
 *
 * The boundary's table: take, check, call, reply.
 */
#ifndef MONITOR_DISPATCH_H
#define MONITOR_DISPATCH_H

#include <stdint.h>

#include "monitor/monitor.h"
#include "monitor/resolve.h"

/* One request on its way through the monitor: all of it private copies. */
struct op {
	struct monitor_request	 request;
	uint8_t			 payload[MONITOR_PAYLOAD_MAX + 1];
	struct place		 place[2];
	char			*data;		/* NUL after the last byte */
	uint32_t		 data_len;
	struct creds		 creds;		/* of the thread: stays */
	/* The answer. */
	struct monitor_reply	 reply;
	uint8_t			*reply_data;	/* shared: written only */
	int			 reply_fd;	/* -1 or owned */
};

/*
 * Checks the request in `op` by the table's columns and carries it out.
 * Returns NULL with the reply filled in; or, if no correct worker would have
 * sent it, what is wrong, and the reply is not to be sent.
 */
const char
	*dispatch_request(struct monitor *m, struct op *op);

/* Returns the operation's name for logs, "unknown" for what is none. */
const char
	*dispatch_name(uint32_t op);

/*
 * attr_get() of `name`, an entry of the directory `dir_fd`, but not with
 * another's ids if that is a mount's root.
 */
int	entry_attr(struct op *op, int dir_fd, const char *name,
	    struct monitor_attr *attr_out, struct handle_key *key_out);

/*
 * Answers with a handle, counted as looked up, and the attributes of what `fd`
 * is a path to.  Takes `fd`, also when it fails.  Returns 0 or -errno.
 */
int	entry_add(struct monitor *m, struct op *op, int fd);

/*
 * The operations.  The columns of the table have been checked.  Each returns
 * 0 or -errno; on success it has filled what its reply carries in `op`.
 */
typedef int dispatch_handler(struct monitor *m, struct op *op);

dispatch_handler
	op_lookup, op_parent, op_forget, op_getattr, op_setattr, op_readlink,
	op_statfs, op_getversion, op_open, op_create, op_mknod, op_mkdir,
	op_symlink, op_link, op_unlink, op_rmdir, op_rename, op_getxattr,
	op_setxattr, op_listxattr, op_removexattr, op_tmpfile, op_opendir,
	op_readdir, op_readdirplus, op_fsyncdir, op_releasedir, op_syncfs,
	op_reset;

#endif /* MONITOR_DISPATCH_H */
