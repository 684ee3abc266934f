/*
 * SPDX-License-Identifier: ISC
 *
 * CREATE, TMPFILE, MKNOD, MKDIR, SYMLINK.  Runs privileged.  Trusts nothing in
 * a request beyond what dispatch.c checked.
 *
 * The monitor creates as itself, with the plain permission bits, then gives
 * what it made to its owner, then sets the special bits: no set-id program of
 * the monitor's own ever exists.  What cannot be finished is removed.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "monitor/attr.h"
#include "monitor/dispatch.h"
#include "monitor/open.h"

#define SPECIAL_BITS	(S_ISUID | S_ISGID | S_ISVTX)
#define CREATE_TRIES	8

/* One object on its way to existing. */
struct creation {
	struct resolved		at;
	mode_t			type;		/* S_IFMT bits */
	mode_t			mode;		/* 07777, as asked for */
	struct monitor_owner	owner;
	struct monitor_member	member;
	bool			group_inherited; /* set-group-ID parent */
	gid_t			parent_gid;
	struct timespec		parent_ctime;	/* before the request */
};

/* Resolves the parent and asks what a new entry inherits from it. */
static int
creation_begin(struct op *op, struct creation *c)
{
	struct timespec now;
	struct stat st;
	int error;

	error = resolve_parent(&op->place[0], &c->at);
	if (error != 0)
		return error;
	if (fstat(c->at.fd, &st) == -1) {
		error = -errno;
		resolve_release(&c->at);
		return error;
	}
	c->group_inherited = (st.st_mode & S_ISGID) != 0;
	c->parent_gid = st.st_gid;
	c->parent_ctime = st.st_ctim;
	/* A clock that was set back, or a file server's: no measure at all. */
	clock_gettime(CLOCK_REALTIME, &now);
	if (st.st_ctim.tv_sec > now.tv_sec)
		c->parent_ctime = (struct timespec){ 0 };
	return 0;
}

/*
 * The special bits to set.  As the kernel does for an unprivileged creator
 * (inode(7), S_ISGID), an executable does not get the set-group-ID bit for a
 * group that its creator was not known to be in: CVE-2022-0358.
 */
static mode_t
creation_special_bits(const struct creation *c)
{
	mode_t bits = c->mode & SPECIAL_BITS;

	if (c->type == S_IFREG && c->group_inherited && c->owner.uid != 0 &&
	    c->owner.gid != c->parent_gid && (c->member.known == 0 ||
	    c->member.gid != c->parent_gid) && (c->mode & S_IXGRP) != 0)
		bits &= (mode_t)~S_ISGID;
	return bits;
}

static bool
creation_is_plain(const struct monitor *m, const struct creation *c)
{
	return c->owner.uid == m->uid &&
	    (c->owner.gid == m->gid || c->group_inherited) &&
	    (c->type == S_IFLNK || (c->mode & SPECIAL_BITS) == 0);
}

/* Gives the object that `fd` is open on to its owner, with its special bits. */
static int
creation_give(const struct monitor *m, const struct creation *c, int fd,
    const struct stat *st)
{
	uid_t uid = c->owner.uid == st->st_uid ? (uid_t)-1 : c->owner.uid;
	gid_t gid = c->owner.gid;
	mode_t bits, mode = st->st_mode & 07777;

	/* On a mount with grpid (mount(8)) every directory hands it down. */
	if (c->group_inherited || st->st_gid != m->gid || gid == st->st_gid)
		gid = (gid_t)-1;
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) &&
	    fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == -1)
		return -errno;
	if (c->type == S_IFLNK)
		return 0;
	bits = creation_special_bits(c);
	if ((bits & ~mode) == 0)
		return 0;
	/* The permission bits as they are: a default ACL may have cut them. */
	return attr_chmod(m, fd, mode | bits);
}

/* Removes what was made, unless somebody has put something in its place. */
static void
creation_undo(const struct creation *c, const struct stat *made)
{
	struct stat st;

	if (fstatat(c->at.fd, c->at.name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == made->st_dev && st.st_ino == made->st_ino)
		unlinkat(c->at.fd, c->at.name,
		    S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

/*
 * Whether it was made since the request began.  The parent's ctime of then is
 * the measure: it is of the same clock, nobody can set it, and whoever moves
 * something in the parent moves it on.
 */
static bool
creation_is_new(const struct creation *c, int fd)
{
	struct statx sx;
	const struct statx_timestamp *made;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME | STATX_MTIME, &sx) == -1)
		return false;
	made = (sx.stx_mask & STATX_BTIME) != 0 ? &sx.stx_btime :
	    &sx.stx_mtime;
	return made->tv_sec > c->parent_ctime.tv_sec ||
	    (made->tv_sec == c->parent_ctime.tv_sec &&
	    (long)made->tv_nsec >= c->parent_ctime.tv_nsec);
}

/*
 * mknodat(2) and its kin return no descriptor.  What has the name now is ours
 * only if it looks as just made; else it was put there in between, by somebody
 * who would like to be given it.
 */
static bool
creation_is_ours(const struct monitor *m, const struct creation *c, int fd,
    const struct stat *st)
{
	return (st->st_mode & S_IFMT) == c->type && st->st_uid == m->uid &&
	    st->st_nlink <= (c->type == S_IFDIR ? 2 : 1) &&
	    (c->type != S_IFREG || st->st_size == 0) &&
	    (st->st_gid == m->gid || st->st_gid == c->parent_gid) &&
	    (c->type == S_IFLNK || (st->st_mode & 0777 & ~c->mode) == 0) &&
	    (st->st_mode & (S_ISUID | S_ISGID)) ==
	    (c->type == S_IFDIR && c->group_inherited ? S_ISGID : 0U) &&
	    creation_is_new(c, fd);
}

/* Gives what mknodat(2) and its kin have made to its owner, if it is that. */
static int
creation_hand_over(const struct monitor *m, const struct creation *c, int fd,
    struct stat *st)
{
	int error;

	if (fstat(fd, st) == -1)
		return -errno;
	if (creation_is_plain(m, c))
		return 0;
	if (!creation_is_ours(m, c, fd, st))
		return -ESTALE;
	error = creation_give(m, c, fd, st);
	if (error != 0)
		creation_undo(c, st);
	return error;
}

/* Finishes what mknodat(2), mkdirat(2) or symlinkat(2) have made. */
static int
creation_finish(struct monitor *m, struct op *op, const struct creation *c)
{
	struct stat st;
	int error, fd;

	if (creation_is_plain(m, c) && (m->naming & MONITOR_BY_HANDLE) == 0)
		return 0;
	fd = resolve_entry(c->at.fd, c->at.name);
	if (fd < 0)
		return fd;
	error = creation_hand_over(m, c, fd, &st);
	if (error != 0 || (m->naming & MONITOR_BY_HANDLE) == 0) {
		close(fd);
		return error;
	}
	error = entry_add(m, op, fd);
	if (error != 0)
		creation_undo(c, &st);
	return error;
}

/* Ends what began with a resolved parent; `result` is the system call's. */
static int
creation_end(struct monitor *m, struct op *op, struct creation *c, int result)
{
	int error = result == -1 ? -errno : creation_finish(m, op, c);

	resolve_release(&c->at);
	return error;
}

int
op_mknod(struct monitor *m, struct op *op)
{
	const struct monitor_mknod_request *args = &op->request.u.mknod;
	struct creation c = { .type = args->mode & S_IFMT,
	    .mode = args->mode & 07777, .owner = args->owner,
	    .member = args->member };
	int error;

	error = creation_begin(op, &c);
	if (error != 0)
		return error;
	if (c.type == 0)
		c.type = S_IFREG;	/* as mknod(2) takes it */
	return creation_end(m, op, &c, mknodat(c.at.fd, c.at.name,
	    c.type | (c.mode & 0777), args->rdev));
}

int
op_mkdir(struct monitor *m, struct op *op)
{
	const struct monitor_mkdir_request *args = &op->request.u.mkdir;
	struct creation c = { .type = S_IFDIR, .mode = args->mode,
	    .owner = args->owner };
	int error;

	error = creation_begin(op, &c);
	if (error != 0)
		return error;
	return creation_end(m, op, &c, mkdirat(c.at.fd, c.at.name,
	    c.mode & 0777));
}

int
op_symlink(struct monitor *m, struct op *op)
{
	struct creation c = { .type = S_IFLNK,
	    .owner = op->request.u.symlink.owner };
	int error;

	error = creation_begin(op, &c);
	if (error != 0)
		return error;
	return creation_end(m, op, &c, symlinkat(op->data, c.at.fd,
	    c.at.name));
}

/* Finishes a new file that `fd` is open on.  Closes it when it fails. */
static int
create_finish(const struct monitor *m, const struct creation *c, int fd,
    struct stat *made)
{
	int error;

	if (fstat(fd, made) == -1)
		error = -errno;
	else
		error = creation_is_plain(m, c) ? 0 :
		    creation_give(m, c, fd, made);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

/* Creates, finishes and opens the file.  Returns its descriptor or -errno. */
static int
create_file(const struct monitor *m, const struct creation *c, int flags,
    struct stat *made)
{
	int fd, file;

	file = resolve_create(c->at.fd, c->at.name, flags | O_NOCTTY,
	    c->mode & 0777);
	if (file < 0)
		return file;
	fd = create_finish(m, c, file, made);
	if (fd < 0)
		creation_undo(c, made);
	return fd;
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
	if (error != 0)
		close(fd);
	else
		op->reply_fd = fd;
	return error;
}

int
op_create(struct monitor *m, struct op *op)
{
	const struct monitor_create_request *args = &op->request.u.create;
	struct creation c = { .type = S_IFREG, .mode = args->mode,
	    .owner = args->owner, .member = args->member };
	int error, fd, i, flags = (int)args->flags;
	struct stat made;
	bool new = false;

	error = creation_begin(op, &c);
	if (error != 0)
		return error;
	/* Made or opened: which one is never left to a race. */
	for (i = 0; i < CREATE_TRIES; i++) {
		fd = create_file(m, &c, flags & ~O_EXCL, &made);
		new = fd >= 0;
		if (fd != -EEXIST || (flags & O_EXCL) != 0)
			break;
		fd = open_target(m, &op->place[0], flags, false);
		if (fd != -ENOENT)
			break;
	}
	error = fd < 0 ? fd : create_answer(m, op, fd);
	if (error != 0 && new)
		creation_undo(&c, &made);
	resolve_release(&c.at);
	return error;
}

int
op_tmpfile(struct monitor *m, struct op *op)
{
	const struct monitor_create_request *args = &op->request.u.create;
	struct creation c = { .type = S_IFREG, .mode = args->mode,
	    .owner = args->owner, .member = args->member };
	struct stat st;
	int error, fd;

	error = creation_begin(op, &c);
	if (error != 0)
		return error;
	fd = resolve_tmpfile(c.at.fd, (int)args->flags | O_NOCTTY,
	    c.mode & 0777);
	resolve_release(&c.at);
	if (fd < 0)
		return fd;
	fd = create_finish(m, &c, fd, &st);
	return fd < 0 ? fd : create_answer(m, op, fd);
}
