/*
 * SPDX-License-Identifier: ISC
 *
 * LINK, UNLINK, RMDIR, RENAME.  Runs privileged.  Trusts nothing in a request
 * beyond what dispatch.c checked.
 */
#include "config.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "monitor/dispatch.h"

/* Resolves both parents; `from` and `to` need releasing only on success. */
static int
dir_resolve_both(struct op *op, struct resolved *from, struct resolved *to)
{
	int error;

	error = resolve_parent(&op->place[0], from);
	if (error != 0)
		return error;
	error = resolve_parent(&op->place[1], to);
	if (error != 0)
		resolve_release(from);
	return error;
}

int
op_link(struct monitor *m, struct op *op)
{
	char name[MONITOR_FD_NAME_MAX];
	struct resolved from, to;
	int error, result;

	error = dir_resolve_both(op, &from, &to);
	if (error != 0)
		return error;
	/*
	 * linkat(2): AT_EMPTY_PATH takes CAP_DAC_READ_SEARCH, the name in
	 * /proc/self/fd does not.
	 */
	if (from.flags == AT_EMPTY_PATH)
		result = linkat(m->proc_fd, monitor_fd_name(from.fd, name),
		    to.fd, to.name, AT_SYMLINK_FOLLOW);
	else
		result = linkat(from.fd, from.name, to.fd, to.name, 0);
	if (result == -1)
		error = -errno;
	resolve_release(&to);
	resolve_release(&from);
	return error;
}

static int
dir_remove(struct op *op, int flags)
{
	struct resolved at;
	int error;

	error = resolve_parent(&op->place[0], &at);
	if (error != 0)
		return error;
	if (unlinkat(at.fd, at.name, flags) == -1)
		error = -errno;
	resolve_release(&at);
	return error;
}

int
op_unlink(struct monitor *m, struct op *op)
{
	(void)m;
	return dir_remove(op, 0);
}

int
op_rmdir(struct monitor *m, struct op *op)
{
	(void)m;
	return dir_remove(op, AT_REMOVEDIR);
}

int
op_rename(struct monitor *m, struct op *op)
{
	struct resolved from, to;
	int error;

	(void)m;
	error = dir_resolve_both(op, &from, &to);
	if (error != 0)
		return error;
	/* The C library's renameat2() makes another call of flags 0. */
	if (syscall(SYS_renameat2, from.fd, from.name, to.fd, to.name,
	    op->request.u.rename.flags) == -1)
		error = -errno;
	resolve_release(&to);
	resolve_release(&from);
	return error;
}
