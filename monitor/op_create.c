/*
 * SPDX-License-Identifier: ISC
 *
 * CREATE, TMPFILE, MKNOD, MKDIR, SYMLINK.  Runs privileged.  Trusts nothing in
 * a request beyond what dispatch.c checked.
 *
 * The kernel makes each object with its owner: the thread takes the owner's
 * file system ids for the one call.  So there is no moment at which it is
 * another's, nothing is given away by a name that others can exchange, and
 * group, S_ISGID, default ACLs and quotas are what they would be for a process
 * of that owner (inode(7)).
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include "monitor/attr.h"
#include "monitor/dispatch.h"
#include "monitor/open.h"

#define CREATE_TRIES	8

/* One object on its way to existing. */
struct creation {
	struct resolved		at;
	mode_t			mode;		/* type, and 07777 as asked */
	struct monitor_owner	owner;
	struct monitor_member	member;
	bool			raised;		/* FSETID */
};

/*
 * In a set-group-ID directory an executable loses that bit unless its creator
 * is in the directory's group or has CAP_FSETID (inode(7); CVE-2022-0358).  The
 * guest's root has it; and its kernel may have said that the creator is in that
 * group, which is none that this thread has.
 */
static bool
creation_keeps_sgid(const struct creation *c, const struct stat *parent)
{
	return (parent->st_mode & S_ISGID) != 0 && !S_ISDIR(c->mode) &&
	    (c->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    (c->owner.uid == 0 || (c->member.known != 0 &&
	    c->member.gid == parent->st_gid));
}

/* Resolves the parent, and becomes who creates. */
static int
creation_begin(struct op *op, struct creation *c)
{
	struct stat st;
	int error;

	error = resolve_parent(&op->place[0], &c->at);
	if (error != 0)
		return error;
	error = fstat(c->at.fd, &st) == -1 ? -errno :
	    creds_take(&op->creds, &c->owner);
	if (error != 0) {
		resolve_release(&c->at);
		return error;
	}
	/* Where FSETID is not permitted the bit goes, as for any user. */
	if (creation_keeps_sgid(c, &st))
		c->raised = caps_raise(CAPS_BIT(CAP_FSETID)) == 0;
	return 0;
}

/*
 * The same for what is made without a descriptor.  What has the name afterwards
 * may be another's, and could not be removed again: so there must be room for
 * its handle before.
 */
static int
creation_begin_name(struct monitor *m, struct op *op, struct creation *c)
{
	int error = 0;

	if ((m->naming & MONITOR_BY_HANDLE) != 0)
		error = handle_room(&m->handles);
	return error != 0 ? error : creation_begin(op, c);
}

/* After the system call, whatever it returned. */
static void
creation_made(struct op *op, const struct creation *c)
{
	if (c->raised)
		caps_lower();
	creds_leave(&op->creds, c->at.fd);
}

/* Removes the file that `fd` is open on, if it still has the name. */
static void
creation_undo(const struct creation *c, int fd)
{
	struct stat made, st;

	if (fstat(fd, &made) == 0 &&
	    fstatat(c->at.fd, c->at.name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == made.st_dev && st.st_ino == made.st_ino)
		unlinkat(c->at.fd, c->at.name, 0);
}

/*
 * Ends what began with creation_begin(); `result` is the system call's.  Where
 * handles are used, one of what has the name is looked up, as by LOOKUP.
 */
static int
creation_end(struct monitor *m, struct op *op, struct creation *c, int result)
{
	int error = result == -1 ? -errno : 0;

	creation_made(op, c);
	if (error == 0 && (m->naming & MONITOR_BY_HANDLE) != 0) {
		error = resolve_entry(c->at.fd, c->at.name);
		if (error >= 0)
			error = entry_add(m, op, error);
	}
	resolve_release(&c->at);
	return error;
}

int
op_mknod(struct monitor *m, struct op *op)
{
	const struct monitor_mknod_request *args = &op->request.u.mknod;
	struct creation c = { .mode = args->mode, .owner = args->owner,
	    .member = args->member };
	int error;

	error = creation_begin_name(m, op, &c);
	if (error != 0)
		return error;
	return creation_end(m, op, &c, mknodat(c.at.fd, c.at.name, c.mode,
	    args->rdev));
}

int
op_mkdir(struct monitor *m, struct op *op)
{
	const struct monitor_mkdir_request *args = &op->request.u.mkdir;
	struct creation c = { .mode = S_IFDIR | args->mode,
	    .owner = args->owner };
	int error;

	error = creation_begin_name(m, op, &c);
	if (error != 0)
		return error;
	/* mkdir(2) ignores set-id bits. */
	return creation_end(m, op, &c, mkdirat(c.at.fd, c.at.name,
	    c.mode & 01777));
}

int
op_symlink(struct monitor *m, struct op *op)
{
	struct creation c = { .mode = S_IFLNK,
	    .owner = op->request.u.symlink.owner };
	int error;

	error = creation_begin_name(m, op, &c);
	if (error != 0)
		return error;
	return creation_end(m, op, &c, symlinkat(op->data, c.at.fd,
	    c.at.name));
}

/*
 * Answers with the open file and, where handles are used, one of it.  Takes
 * `fd`, also when it fails.
 */
static int
create_answer(struct monitor *m, struct op *op, int fd)
{
	char name[MONITOR_FD_NAME_MAX];
	int error = 0, path;

	if ((m->naming & MONITOR_BY_HANDLE) != 0) {
		/* Not by its name, which may be another file's by now. */
		path = openat(m->proc_fd, monitor_fd_name(fd, name),
		    O_PATH | O_NOCTTY | O_CLOEXEC);
		error = path == -1 ? -errno : entry_add(m, op, path);
	}
	if (error == 0)
		op->reply_fd = fd;
	return error;
}

/* Creates the file, opens it and answers.  Returns 0 or -errno. */
static int
create_new(struct monitor *m, struct op *op, struct creation *c, int flags)
{
	int error, fd;

	error = creation_begin(op, c);
	if (error != 0)
		return error;
	fd = resolve_create(c->at.fd, c->at.name, flags | O_NOCTTY,
	    c->mode & 07777);
	creation_made(op, c);
	error = fd < 0 ? fd : create_answer(m, op, fd);
	if (error != 0 && fd >= 0) {
		creation_undo(c, fd);
		close(fd);
	}
	resolve_release(&c->at);
	return error;
}

/* Opens the file that has the name already, and answers. */
static int
create_open(struct monitor *m, struct op *op, int flags)
{
	int error, fd;

	fd = open_target(m, &op->place[0], flags, false);
	if (fd < 0)
		return fd;
	error = create_answer(m, op, fd);
	if (error != 0)
		close(fd);
	return error;
}

int
op_create(struct monitor *m, struct op *op)
{
	const struct monitor_create_request *args = &op->request.u.create;
	struct creation c = { .mode = S_IFREG | args->mode,
	    .owner = args->owner, .member = args->member };
	int error, i, flags = (int)args->flags;

	/* Made or opened: which one is never left to a race. */
	for (i = 0; i < CREATE_TRIES; i++) {
		error = create_new(m, op, &c, flags & ~O_EXCL);
		if (error != -EEXIST || (flags & O_EXCL) != 0)
			break;
		error = create_open(m, op, flags);
		if (error != -ENOENT)
			break;
	}
	return error;
}

int
op_tmpfile(struct monitor *m, struct op *op)
{
	const struct monitor_create_request *args = &op->request.u.create;
	struct creation c = { .mode = S_IFREG | args->mode,
	    .owner = args->owner, .member = args->member };
	int error, fd;

	error = creation_begin(op, &c);
	if (error != 0)
		return error;
	fd = resolve_tmpfile(c.at.fd, (int)args->flags | O_NOCTTY,
	    c.mode & 07777);
	creation_made(op, &c);
	resolve_release(&c.at);
	error = fd < 0 ? fd : create_answer(m, op, fd);
	if (error != 0 && fd >= 0)
		close(fd);
	return error;
}
