/*
 * SPDX-License-Identifier: ISC
 *
 * The handlers of the 9p-proxy requests.  Each gets decoded fields, and makes
 * the reply, or asks the monitor and returns 0, or returns the -errno that
 * the reply is to carry.
 */
#ifndef WORKER_P9_OPS_H
#define WORKER_P9_OPS_H

struct p9_request;

int	p9_op_open(struct p9_request *request);
int	p9_op_create(struct p9_request *request);
int	p9_op_mknod(struct p9_request *request);
int	p9_op_mkdir(struct p9_request *request);
int	p9_op_symlink(struct p9_request *request);
int	p9_op_link(struct p9_request *request);
int	p9_op_lstat(struct p9_request *request);
int	p9_op_readlink(struct p9_request *request);
int	p9_op_statfs(struct p9_request *request);
int	p9_op_chmod(struct p9_request *request);
int	p9_op_chown(struct p9_request *request);
int	p9_op_truncate(struct p9_request *request);
int	p9_op_utime(struct p9_request *request);
int	p9_op_rename(struct p9_request *request);
int	p9_op_remove(struct p9_request *request);
int	p9_op_lgetxattr(struct p9_request *request);
int	p9_op_llistxattr(struct p9_request *request);
int	p9_op_lsetxattr(struct p9_request *request);
int	p9_op_lremovexattr(struct p9_request *request);
int	p9_op_getversion(struct p9_request *request);

#endif /* WORKER_P9_OPS_H */
