/*
 * SPDX-License-Identifier: ISC
 *
 * GETATTR, SETATTR, READLINK, STATFS, SYNCFS, GETVERSION.  Runs privileged.
 * Trusts nothing in a request beyond what dispatch.c checked.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <unistd.h>

#include "monitor/attr.h"
#include "monitor/dispatch.h"

int
op_getattr(struct monitor *m, struct op *op)
{
	struct resolved at;
	int error;

	(void)m;
	error = resolve_parent(&op->place[0], &at);
	if (error != 0)
		return error;
	error = at.flags == AT_EMPTY_PATH ?
	    attr_get(at.fd, "", AT_EMPTY_PATH, &op->reply.u.attr, NULL) :
	    entry_attr(op, at.fd, at.name, &op->reply.u.attr, NULL);
	resolve_release(&at);
	return error;
}

#define SET_OWNER	(MONITOR_SET_UID | MONITOR_SET_GID | MONITOR_SET_CTIME)
#define SET_TIMES	(MONITOR_SET_ATIME | MONITOR_SET_MTIME |	\
			    MONITOR_SET_ATIME_NOW | MONITOR_SET_MTIME_NOW)

/*
 * chown(2) and truncate(2) leave S_ISGID to a file that its group may not
 * execute if the caller is in that group: so never with another's ids.
 */
#define SET_OWN_IDS	(SET_OWNER | MONITOR_SET_SIZE)

static int
setattr_owner(int fd, const struct monitor_setattr_request *set)
{
	uid_t uid = (set->valid & MONITOR_SET_UID) != 0 ?
	    set->owner.uid : (uid_t)-1;
	gid_t gid = (set->valid & MONITOR_SET_GID) != 0 ?
	    set->owner.gid : (gid_t)-1;

	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == -1 ? -errno : 0;
}

static int
setattr_size(int fd, int64_t size)
{
	char name[MONITOR_FD_NAME_MAX];

	/* truncate(2) opens nothing: what is no regular file is an error. */
	return truncate(monitor_fd_name(fd, name), size) == -1 ? -errno : 0;
}

static struct timespec
setattr_time(uint32_t valid, uint32_t set, uint32_t now,
    const struct monitor_time *time)
{
	if ((valid & now) != 0)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	if ((valid & set) == 0)
		return (struct timespec){ .tv_nsec = UTIME_OMIT };
	return (struct timespec){ .tv_sec = time->sec, .tv_nsec = time->nsec };
}

static int
setattr_times(int fd, const struct monitor_setattr_request *set)
{
	const struct timespec times[2] = {
		setattr_time(set->valid, MONITOR_SET_ATIME,
		    MONITOR_SET_ATIME_NOW, &set->atime),
		setattr_time(set->valid, MONITOR_SET_MTIME,
		    MONITOR_SET_MTIME_NOW, &set->mtime)
	};

	/* AT_EMPTY_PATH: Linux 5.8, see utimensat(2). */
	return utimensat(fd, "", times, AT_EMPTY_PATH) == -1 ? -errno : 0;
}

/* Makes the changes that are asked for to what `fd` is a path to. */
static int
setattr_all(const struct monitor *m, int fd,
    const struct monitor_setattr_request *set)
{
	int error = 0;

	/* A change of owner clears set-id bits (chown(2)): the mode is last. */
	if ((set->valid & SET_OWNER) != 0)
		error = setattr_owner(fd, set);
	if (error == 0 && (set->valid & MONITOR_SET_SIZE) != 0)
		error = setattr_size(fd, set->size);
	if (error == 0 && (set->valid & MONITOR_SET_MODE) != 0)
		error = attr_chmod(m, fd, set->mode);
	if (error == 0 && (set->valid & SET_TIMES) != 0)
		error = setattr_times(fd, set);
	return error;
}

int
op_setattr(struct monitor *m, struct op *op)
{
	const struct monitor_setattr_request *set = &op->request.u.setattr;
	struct resolved at;
	int error;

	error = resolve_inode(&op->place[0], &at);
	if (error != 0)
		return error;
	if ((set->valid & SET_OWN_IDS) != 0)
		creds_own(&op->creds);
	error = setattr_all(m, at.fd, set);
	if (error == 0 && (m->naming & MONITOR_BY_HANDLE) != 0)
		error = attr_get(at.fd, "", AT_EMPTY_PATH, &op->reply.u.attr,
		    NULL);
	resolve_release(&at);
	return error;
}

int
op_readlink(struct monitor *m, struct op *op)
{
	struct resolved at;
	ssize_t n;
	int error;

	(void)m;
	error = resolve_parent(&op->place[0], &at);
	if (error != 0)
		return error;
	n = readlinkat(at.fd, at.name, (char *)op->reply_data,
	    MONITOR_TARGET_MAX + 1);
	if (n == -1)
		/* readlink(2): what is no link has another errno by fd. */
		error = errno == ENOENT && at.flags == AT_EMPTY_PATH ?
		    -EINVAL : -errno;
	else
		op->reply.data_len = (uint32_t)n;
	resolve_release(&at);
	return error;
}

int
op_statfs(struct monitor *m, struct op *op)
{
	struct monitor_statfs *out = &op->reply.u.statfs;
	struct statfs sf;
	struct resolved at;
	int error;

	(void)m;
	error = resolve_inode(&op->place[0], &at);
	if (error != 0)
		return error;
	if (fstatfs(at.fd, &sf) == -1)
		error = -errno;
	else
		*out = (struct monitor_statfs){
			.type = (uint64_t)sf.f_type,
			.bsize = (uint64_t)sf.f_bsize,
			.blocks = sf.f_blocks,
			.bfree = sf.f_bfree,
			.bavail = sf.f_bavail,
			.files = sf.f_files,
			.ffree = sf.f_ffree,
			.fsid = { (uint32_t)sf.f_fsid.__val[0],
			    (uint32_t)sf.f_fsid.__val[1] },
			.namelen = (uint64_t)sf.f_namelen,
			.frsize = (uint64_t)sf.f_frsize
		};
	resolve_release(&at);
	return error;
}

int
op_syncfs(struct monitor *m, struct op *op)
{
	int error = 0, fd;

	(void)m;
	/* syncfs(2) takes no O_PATH descriptor; a directory always opens. */
	fd = resolve_directory(op->place[0].fd);
	if (fd < 0)
		return fd;
	if (syncfs(fd) == -1)
		error = -errno;
	close(fd);
	return error;
}

/* Opens what `fd` is a path to, for the ioctl alone. */
static int
getversion_ask(struct monitor *m, int fd, dev_t dev, uint32_t *out)
{
	char name[MONITOR_FD_NAME_MAX];
	int error = 0, file, generation = 0;

	file = openat(m->proc_fd, monitor_fd_name(fd, name),
	    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (file == -1)
		return -errno;
	/* The kernel stores an int, whatever the request's number says. */
	if (ioctl(file, FS_IOC_GETVERSION, &generation) == -1) {
		error = -errno;
		if (error == -ENOTTY)
			m->no_version_dev = dev;
	}
	close(file);
	*out = (uint32_t)generation;
	return error;
}

int
op_getversion(struct monitor *m, struct op *op)
{
	struct stat st;
	int error, fd;

	fd = resolve_target(&op->place[0]);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == -1)
		error = -errno;
	else if (S_ISLNK(st.st_mode))
		error = -ELOOP;
	else if ((!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) ||
	    st.st_dev == m->no_version_dev)
		error = -ENOTTY;
	else
		error = getversion_ask(m, fd, st.st_dev,
		    &op->reply.u.generation);
	close(fd);
	return error;
}
