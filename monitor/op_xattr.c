/*
 * SPDX-License-Identifier: ISC
 *
 * GETXATTR, SETXATTR, LISTXATTR, REMOVEXATTR.  Runs privileged.  Trusts nothing
 * in a request beyond what dispatch.c checked.
 *
 * Linux 6.13 has these calls relative to a directory (getxattrat(2)), but not
 * for an O_PATH descriptor itself (EBADF); that, and everything before 6.13,
 * goes through the descriptor's name in /proc/self/fd.
 */
#include "config.h"

#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#include "monitor/attr.h"
#include "monitor/dispatch.h"
#include "monitor/syscalls.h"

/* XATTR_NAME_CAPS, linux/xattr.h */
#define XATTR_CAPABILITY	"security.capability"

/* linux/xattr.h of Linux 6.13: struct xattr_args */
struct xattr_arguments {
	uint64_t	value;		/* address */
	uint32_t	size;
	uint32_t	flags;
};
_Static_assert(sizeof(struct xattr_arguments) == 16, "layout");

/* A path for the calls: a name in `dir_fd`, or one in /proc/self/fd. */
struct xattr_path {
	struct resolved	 at;
	int		 dir_fd;	/* of the *at calls, as flags */
	const char	*path;
	int		 flags;
	char		 fd_name[MONITOR_FD_NAME_MAX];
};

/* Its descriptor is of the inode itself. */
static int
xattr_path_inode(struct monitor *m, struct op *op, struct xattr_path *xp)
{
	int error;

	error = resolve_inode(&op->place[0], &xp->at);
	if (error != 0)
		return error;
	xp->path = monitor_fd_name(xp->at.fd, xp->fd_name);
	xp->dir_fd = m->proc_fd;
	xp->flags = 0;		/* follow it to the inode, and no further */
	return 0;
}

static int
xattr_path_open(struct monitor *m, struct op *op, struct xattr_path *xp)
{
	int error;

	/* A name may be a mount's root, which is not for another's ids. */
	if (!m->has_xattrat || !op->place[0].has_name ||
	    !creds_are_own(&op->creds))
		return xattr_path_inode(m, op, xp);
	error = resolve_parent(&op->place[0], &xp->at);
	xp->path = xp->at.name;
	xp->dir_fd = xp->at.fd;
	xp->flags = AT_SYMLINK_NOFOLLOW;
	return error;
}

static void
xattr_path_close(struct xattr_path *xp)
{
	resolve_release(&xp->at);
}

static ssize_t
xattr_get(const struct monitor *m, const struct xattr_path *xp,
    const char *name, void *value, uint32_t size)
{
	struct xattr_arguments args = { (uintptr_t)value, size, 0 };

	if (m->has_xattrat)
		return syscall(SYS_getxattrat, xp->dir_fd, xp->path, xp->flags,
		    name, &args, sizeof(args));
	return getxattr(xp->path, name, value, size);
}

static int
xattr_set(const struct monitor *m, const struct xattr_path *xp,
    const char *name, const void *value, uint32_t size, uint32_t flags)
{
	struct xattr_arguments args = { (uintptr_t)value, size, flags };

	if (m->has_xattrat)
		return (int)syscall(SYS_setxattrat, xp->dir_fd, xp->path,
		    xp->flags, name, &args, sizeof(args));
	return setxattr(xp->path, name, value, size, (int)flags);
}

static ssize_t
xattr_list(const struct monitor *m, const struct xattr_path *xp, char *list,
    uint32_t size)
{
	if (m->has_xattrat)
		return syscall(SYS_listxattrat, xp->dir_fd, xp->path, xp->flags,
		    list, size);
	return listxattr(xp->path, list, size);
}

static int
xattr_remove(const struct monitor *m, const struct xattr_path *xp,
    const char *name)
{
	if (m->has_xattrat)
		return (int)syscall(SYS_removexattrat, xp->dir_fd, xp->path,
		    xp->flags, name);
	return removexattr(xp->path, name);
}

/* Fills the reply from what a call returned for a buffer of `size`. */
static int
xattr_answer(struct op *op, ssize_t n, uint32_t size)
{
	if (n == -1)
		return -errno;
	if (size == 0)
		op->reply.size = (uint32_t)n;
	else
		op->reply.data_len = (uint32_t)n;
	return 0;
}

int
op_getxattr(struct monitor *m, struct op *op)
{
	uint32_t size = op->request.u.getxattr.size;
	struct xattr_path xp;
	int error;

	error = xattr_path_open(m, op, &xp);
	if (error != 0)
		return error;
	error = xattr_answer(op, xattr_get(m, &xp, op->data, op->reply_data,
	    size), size);
	xattr_path_close(&xp);
	return error;
}

int
op_listxattr(struct monitor *m, struct op *op)
{
	uint32_t size = op->request.u.getxattr.size;
	struct xattr_path xp;
	int error;

	error = xattr_path_open(m, op, &xp);
	if (error != 0)
		return error;
	error = xattr_answer(op, xattr_list(m, &xp, (char *)op->reply_data,
	    size), size);
	xattr_path_close(&xp);
	return error;
}

/*
 * The kernel clears S_ISGID with an access ACL that a caller without
 * CAP_FSETID sets (acl(5), posix_acl_update_mode() in fs/posix_acl.c); whether
 * it goes is for the guest's kernel to decide, which asks for it by SETATTR.
 */
static int
xattr_set_as_asked(const struct monitor *m, const struct xattr_path *xp,
    const char *name, const void *value, uint32_t size, uint32_t flags)
{
	bool raise = strcmp(name, "system.posix_acl_access") == 0;
	int error = 0;

	if (raise)
		raise = caps_raise(CAPS_BIT(CAP_FSETID)) == 0;
	if (xattr_set(m, xp, name, value, size, flags) == -1)
		error = -errno;
	if (raise)
		caps_lower();
	return error;
}

int
op_setxattr(struct monitor *m, struct op *op)
{
	const struct monitor_setxattr_request *args = &op->request.u.setxattr;
	char name[MONITOR_XATTR_NAME_MAX + 1];
	struct xattr_path xp;
	int error;

	memcpy(name, op->data, args->name_len);
	name[args->name_len] = '\0';
	error = xattr_path_open(m, op, &xp);
	if (error != 0)
		return error;
	error = xattr_set_as_asked(m, &xp, name, op->data + args->name_len,
	    op->data_len - args->name_len, args->flags);
	xattr_path_close(&xp);
	return error;
}

/*
 * What the kernel does itself at every write and change of owner, whoever's it
 * is (capabilities(7), "File capabilities"), and the guest's kernel asks for:
 * to remove it by its name would take CAP_SETFCAP.  A chown that changes
 * nothing does it (ATTR_KILL_PRIV, fs/attr.c), and takes set-id bits as well.
 * They stay away: who restores them could restore what somebody else has taken.
 */
static int
xattr_remove_capability(struct monitor *m, struct op *op)
{
	struct xattr_path xp;
	int error;

	error = xattr_path_inode(m, op, &xp);
	if (error != 0)
		return error;
	/* As for every chown: see op_attr.c. */
	creds_own(&op->creds);
	if (xattr_get(m, &xp, op->data, NULL, 0) == -1 ||
	    fchownat(xp.at.fd, "", (uid_t)-1, (gid_t)-1, AT_EMPTY_PATH) == -1)
		error = -errno;
	else if (xattr_get(m, &xp, op->data, NULL, 0) != -1)
		error = -EPERM;		/* a directory's stays */
	xattr_path_close(&xp);
	return error;
}

int
op_removexattr(struct monitor *m, struct op *op)
{
	struct xattr_path xp;
	int error;

	error = xattr_path_open(m, op, &xp);
	if (error != 0)
		return error;
	if (xattr_remove(m, &xp, op->data) == -1)
		error = -errno;
	xattr_path_close(&xp);
	if (error == -EPERM && strcmp(op->data, XATTR_CAPABILITY) == 0)
		error = xattr_remove_capability(m, op);
	return error;
}
