/*
 * SPDX-License-Identifier: ISC
 *
 * File systems that are known to be local, by statfs(2)'s numbers.
 */
#include "config.h"

#include "common/fs_local.h"

#include <sys/vfs.h>

#include <linux/magic.h>
#include <stdint.h>

/* Not in <linux/magic.h>: of OpenZFS, bcachefs. */
#define FS_ZFS_MAGIC		0x2fc12fc1
#define FS_BCACHEFS_MAGIC	0xca451a4e

bool
fs_local(int fd)
{
	struct statfs st;

	if (fstatfs(fd, &st) == -1)
		return false;
	switch ((uint32_t)st.f_type) {
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case HUGETLBFS_MAGIC:
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case FS_ZFS_MAGIC:
	case FS_BCACHEFS_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:
	case SQUASHFS_MAGIC:
	case ISOFS_SUPER_MAGIC:
	case MSDOS_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}
