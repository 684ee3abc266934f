/*
 * SPDX-License-Identifier: ISC
 *
 * Attributes by descriptor.  Runs privileged.  Callers have a descriptor from
 * resolve.c, or one name in a directory from there.
 */
#include "config.h"

#include "monitor/attr.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <unistd.h>

#include "monitor/syscalls.h"

/* The time of birth as part of an inode's identity. */
static uint64_t
attr_born(const struct statx *sx)
{
	if ((sx->stx_mask & STATX_BTIME) == 0)
		return 0;
	return (uint64_t)sx->stx_btime.tv_sec * 1000000000 +
	    sx->stx_btime.tv_nsec;
}

/*
 * Elsewhere that is not so: overlayfs tells another one when a file has been
 * copied up, FUSE and network file systems tell what their server likes.
 */
bool
attr_births_tell(int fd)
{
	struct statfs sf;

	if (fstatfs(fd, &sf) == -1)
		return false;
	switch ((uint32_t)sf.f_type) {
	case BTRFS_SUPER_MAGIC:
	case EXT4_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case XFS_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

static struct monitor_time
attr_time(const struct statx_timestamp *ts)
{
	return (struct monitor_time){ .sec = ts->tv_sec, .nsec = ts->tv_nsec };
}

int
attr_get(int dir_fd, const char *name, int flags,
    struct monitor_attr *attr_out, struct handle_key *key_out)
{
	struct statx sx;

	if (statx(dir_fd, name, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS |
	    STATX_BTIME | (key_out != NULL ? STATX_MNT_ID : 0), &sx) == -1)
		return -errno;
	*attr_out = (struct monitor_attr){
		.ino = sx.stx_ino,
		.size = sx.stx_size,
		.blocks = sx.stx_blocks,
		.dev = makedev(sx.stx_dev_major, sx.stx_dev_minor),
		.rdev = makedev(sx.stx_rdev_major, sx.stx_rdev_minor),
		.mode = sx.stx_mode,
		.nlink = sx.stx_nlink,
		.uid = sx.stx_uid,
		.gid = sx.stx_gid,
		.blksize = sx.stx_blksize,
		.mask = sx.stx_mask,
		.atime = attr_time(&sx.stx_atime),
		.mtime = attr_time(&sx.stx_mtime),
		.ctime = attr_time(&sx.stx_ctime),
		.btime = attr_time(&sx.stx_btime),
		.attributes = sx.stx_attributes,
		.attributes_mask = sx.stx_attributes_mask
	};
	if (key_out != NULL)
		*key_out = (struct handle_key){ .mnt_id = sx.stx_mnt_id,
		    .dev = attr_out->dev, .ino = attr_out->ino,
		    .born = attr_born(&sx),
		    .links = sx.stx_nlink > 1 && !S_ISDIR(sx.stx_mode) };
	return 0;
}

/*
 * Before Linux 6.6 there is no chmod of an O_PATH descriptor, but of its name
 * in /proc/self/fd (open(2), O_PATH).  A symbolic link's is followed only to
 * the link itself.
 */
static int
attr_chmod_by_name(int fd, mode_t mode)
{
	char name[MONITOR_FD_NAME_MAX];

	return fchmodat(AT_FDCWD, monitor_fd_name(fd, name), mode, 0);
}

int
attr_chmod(const struct monitor *m, int fd, mode_t mode)
{
	bool raise = (mode & S_ISGID) != 0;
	int error = 0;

	if (raise) {
		error = caps_raise(CAPS_BIT(CAP_FSETID));
		if (error != 0)
			return error;
	}
	if ((m->has_fchmodat2 ?
	    (int)syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH) :
	    attr_chmod_by_name(fd, mode)) == -1)
		error = -errno;
	if (raise)
		caps_lower();
	return error;
}
