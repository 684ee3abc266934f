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
#include <stdio.h>
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

/* What was linked was looked up once more; it may have been copied up. */
static int
dir_answer_link(struct monitor *m, struct op *op)
{
	int fd = resolve_target(&op->place[0]);

	handle_refresh(&m->handles, op->request.place[0].handle);
	return fd < 0 ? fd : entry_add(m, op, fd);
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
	else if ((m->naming & MONITOR_BY_HANDLE) != 0)
		error = dir_answer_link(m, op);
	resolve_release(&to);
	resolve_release(&from);
	return error;
}

/*
 * Before the name goes: where handles have no descriptor yet, it is all that
 * leads to the inode.
 */
static void
dir_settle(struct monitor *m, const struct op *op, int i,
    const struct resolved *at)
{
	if ((m->naming & MONITOR_BY_HANDLE) != 0)
		handle_settle(&m->handles, op->request.place[i].handle, at->fd,
		    at->name);
}

static int
dir_remove(struct monitor *m, struct op *op, int flags)
{
	struct resolved at;
	int error;

	error = resolve_parent(&op->place[0], &at);
	if (error != 0)
		return error;
	dir_settle(m, op, 0, &at);
	if (unlinkat(at.fd, at.name, flags) == -1)
		error = -errno;
	resolve_release(&at);
	return error;
}

int
op_unlink(struct monitor *m, struct op *op)
{
	return dir_remove(m, op, 0);
}

int
op_rmdir(struct monitor *m, struct op *op)
{
	return dir_remove(m, op, AT_REMOVEDIR);
}

int
op_rename(struct monitor *m, struct op *op)
{
	struct resolved from, to;
	int error;

	error = dir_resolve_both(op, &from, &to);
	if (error != 0)
		return error;
	dir_settle(m, op, 0, &from);
	dir_settle(m, op, 1, &to);
	/* A whiteout is made, and no request says for whom. */
	if ((op->request.u.rename.flags & RENAME_WHITEOUT) != 0)
		creds_own(&op->creds);
	/* The C library's renameat2() makes another call of flags 0. */
	if (syscall(SYS_renameat2, from.fd, from.name, to.fd, to.name,
	    op->request.u.rename.flags) == -1)
		error = -errno;
	resolve_release(&to);
	resolve_release(&from);
	return error;
}
