/*
 * SPDX-License-Identifier: ISC
 *
 * Namespaces and roots.  Runs privileged, before anything hostile is read.
 * What it builds is the second wall: names are resolved beneath a descriptor
 * by openat2(2) in any case.
 *
 * The calls are made by number, because the C library has had names for them
 * only since glibc 2.36, whose <sys/mount.h> cannot be included together with
 * the kernel's header that the constants are in.
 */
#include "config.h"

#include "sandbox/sandbox.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#define NAMESPACE_UMOUNT_DETACH	2	/* MNT_DETACH, umount2(2) */

#define NAMESPACE_FLAGS							\
	(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

static int
namespace_open_tree(int dir, const char *path, unsigned int flags)
{
	return (int)syscall(__NR_open_tree, dir, path,
	    flags | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static int
namespace_set_attr(int dir, const char *path, unsigned int flags,
    const struct mount_attr *attr)
{
	return (int)syscall(__NR_mount_setattr, dir, path, flags, attr,
	    sizeof(*attr));
}

/* Mounts the detached `tree` over `path`. */
static int
namespace_attach(int tree, const char *path)
{
	return (int)syscall(__NR_move_mount, tree, "", AT_FDCWD, path,
	    MOVE_MOUNT_F_EMPTY_PATH);
}

/* Logs what failed and returns -errno.  Containers forbid much of it. */
static int
namespace_fail(const char *what)
{
	int error = errno;

	log_error("sandbox: %s: %s%s", what, strerror(error),
	    error == EPERM || error == ENOSYS ? " (in a container, "
	    "--sandbox=chroot takes less, and --sandbox=none nothing)" : "");
	return -error;
}

int
namespace_clone_flags(enum sandbox_mode mode)
{
	return mode == SANDBOX_NAMESPACE ? CLONE_NEWPID : 0;
}

/*
 * Leaves the namespaces that the process was started in.  `propagation` says
 * whether mounts made outside later still appear inside; none goes out.
 */
static int
namespace_unshare(uint64_t propagation)
{
	const struct mount_attr attr = { .propagation = propagation };

	if (unshare(NAMESPACE_FLAGS) == -1)
		return namespace_fail("cannot make namespaces");
	if (namespace_set_attr(AT_FDCWD, "/", AT_RECURSIVE, &attr) == -1)
		return namespace_fail("cannot set the propagation of mounts");
	return 0;
}

/*
 * Makes the mounted directory `tree` the root.  With "." for both directories
 * the old root ends up beneath the new one, where it is unmounted
 * (pivot_root(2), NOTES).
 */
static int
namespace_pivot(int tree)
{
	if (fchdir(tree) == -1)
		return namespace_fail("cannot enter the new root");
	if (syscall(__NR_pivot_root, ".", ".") == -1)
		return namespace_fail("pivot_root (where the root is no mount "
		    "of its own, use --sandbox=chroot)");
	if (syscall(__NR_umount2, ".", NAMESPACE_UMOUNT_DETACH) == -1)
		return namespace_fail("cannot unmount the old root");
	return chdir("/") == -1 ? namespace_fail("cannot enter /") : 0;
}

/*
 * Opens /proc/self/fd: as a mount of its own, whose root is also its top, or,
 * if that is not permitted and `must_detach` is false, as it is.
 */
static int
namespace_open_proc(bool must_detach, int *fd_out)
{
	struct statfs fs;
	int dir, tree, error = 0;

	dir = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return namespace_fail("/proc/self/fd (is /proc mounted?)");
	if (fstatfs(dir, &fs) == -1) {
		error = namespace_fail("/proc/self/fd");
		goto out;
	}
	if (fs.f_type != PROC_SUPER_MAGIC) {
		log_error("sandbox: what is mounted on /proc is not proc");
		error = -ENOTSUP;
		goto out;
	}
	tree = namespace_open_tree(dir, "", AT_EMPTY_PATH);
	if (tree == -1 && must_detach) {
		error = namespace_fail("cannot clone the mount of "
		    "/proc/self/fd");
		goto out;
	}
	if (tree == -1) {
		*fd_out = dir;
		dir = -1;
	} else
		*fd_out = tree;

out:
	if (dir != -1)
		close(dir);
	return error;
}

/*
 * Clones the mounts from the working directory down, without what could turn
 * a file of the guest's into a privilege on the host.
 */
static int
namespace_clone_share(bool readonly, int *tree_out)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID |
	    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };
	int tree, error;

	if (readonly)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	tree = namespace_open_tree(AT_FDCWD, ".", AT_RECURSIVE);
	if (tree == -1)
		return namespace_fail("cannot clone the shared directory's "
		    "mount");
	if (namespace_set_attr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE,
	    &attr) == -1) {
		error = namespace_fail("cannot make the shared directory's "
		    "mount nosuid, nodev and noexec");
		close(tree);
		return error;
	}
	*tree_out = tree;
	return 0;
}

/*
 * The working directory must be the shared directory.  Of it, and of it alone,
 * unshare(2) makes the same place in the new mount namespace; a descriptor
 * stays in the old one, where nothing can be cloned from.
 *
 * A mount that the host makes below the share later appears here as well, with
 * the flags that the host gave it: MONITOR_OPEN's check for a regular file is
 * what nodev and noexec only double.
 */
static int
namespace_pivot_share(bool readonly, int *proc_fd_out)
{
	int tree = -1, proc_fd = -1, error;

	/*
	 * What the host mounts later below the share appears in it; but not
	 * where all must be read-only, which a new mount is not.
	 */
	error = namespace_unshare(readonly ? MS_PRIVATE : MS_SLAVE);
	if (error != 0)
		goto out;
	error = namespace_open_proc(true, &proc_fd);
	if (error != 0)
		goto out;
	error = namespace_clone_share(readonly, &tree);
	if (error != 0)
		goto out;
	if (namespace_attach(tree, ".") == -1) {
		error = namespace_fail("cannot mount the shared directory");
		goto out;
	}
	error = namespace_pivot(tree);
	if (error != 0)
		goto out;
	*proc_fd_out = proc_fd;
	proc_fd = -1;

out:
	if (proc_fd != -1)
		close(proc_fd);
	if (tree != -1)
		close(tree);
	return error;
}

/* Opens the root and compares it with what the launcher was asked to share. */
static int
namespace_open_root(const char *path, int share_fd, int *root_fd_out)
{
	struct stat share, root;
	int fd, error;

	fd = openat(share_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return namespace_fail("cannot open the shared directory");
	if (fstat(share_fd, &share) == -1 || fstat(fd, &root) == -1) {
		error = namespace_fail("cannot stat the shared directory");
		close(fd);
		return error;
	}
	if (share.st_dev != root.st_dev || share.st_ino != root.st_ino) {
		log_error("sandbox: the new root is not the shared directory");
		close(fd);
		return -ESTALE;
	}
	*root_fd_out = fd;
	return 0;
}

static int
namespace_chroot_share(int *proc_fd_out)
{
	int error, proc_fd;

	error = namespace_open_proc(false, &proc_fd);
	if (error != 0)
		return error;
	if (chroot(".") == -1) {
		error = namespace_fail("chroot");
		close(proc_fd);
		return error;
	}
	*proc_fd_out = proc_fd;
	return 0;
}

int
namespace_enter_share(enum sandbox_mode mode, int share_fd, bool readonly,
    int *root_fd_out, int *proc_fd_out)
{
	int root_fd = -1, proc_fd = -1, error;

	if (fchdir(share_fd) == -1)
		return namespace_fail("cannot enter the shared directory");
	if (mode == SANDBOX_NAMESPACE)
		error = namespace_pivot_share(readonly, &proc_fd);
	else if (mode == SANDBOX_CHROOT)
		error = namespace_chroot_share(&proc_fd);
	else
		error = namespace_open_proc(false, &proc_fd);
	if (error != 0)
		return error;

	error = namespace_open_root(mode == SANDBOX_NONE ? "." : "/",
	    share_fd, &root_fd);
	if (error != 0)
		goto out;
	if (fchdir(proc_fd) == -1) {
		error = namespace_fail("cannot enter /proc/self/fd");
		goto out;
	}
	*root_fd_out = root_fd;
	*proc_fd_out = proc_fd;
	root_fd = proc_fd = -1;

out:
	if (root_fd != -1)
		close(root_fd);
	if (proc_fd != -1)
		close(proc_fd);
	return error;
}

static int
namespace_configure(int fs, unsigned int command, const char *key,
    const char *value)
{
	return (int)syscall(__NR_fsconfig, fs, command, key, value, 0);
}

/* Makes a detached tmpfs that is read-only from its first moment. */
static int
namespace_make_empty(int *tree_out)
{
	int fs, tree = -1, error = 0;

	fs = (int)syscall(__NR_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	if (fs == -1)
		return namespace_fail("cannot make a tmpfs");
	if (namespace_configure(fs, FSCONFIG_SET_STRING, "size", "4k") == 0 &&
	    namespace_configure(fs, FSCONFIG_SET_STRING, "nr_inodes",
	    "1") == 0 &&
	    namespace_configure(fs, FSCONFIG_SET_STRING, "mode",
	    "0555") == 0 &&
	    namespace_configure(fs, FSCONFIG_SET_FLAG, "ro", NULL) == 0 &&
	    namespace_configure(fs, FSCONFIG_CMD_CREATE, NULL, NULL) == 0)
		tree = (int)syscall(__NR_fsmount, fs, FSMOUNT_CLOEXEC,
		    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
		    MOUNT_ATTR_NOEXEC);
	if (tree == -1)
		error = namespace_fail("cannot make an empty tmpfs");
	close(fs);
	*tree_out = tree;
	return error;
}

static int
namespace_pivot_empty(void)
{
	int tree = -1, error;

	error = namespace_unshare(MS_PRIVATE);
	if (error != 0)
		return error;
	error = namespace_make_empty(&tree);
	if (error != 0)
		return error;
	if (namespace_attach(tree, "/") == -1)
		error = namespace_fail("cannot mount the empty root");
	else
		error = namespace_pivot(tree);
	close(tree);
	return error;
}

/* A directory that has been removed takes no new entries (mkdir(2), ENOENT). */
static int
namespace_chroot_removed(void)
{
	static const char *const templates[] = {
		"/run/privfsd.XXXXXX", "/tmp/privfsd.XXXXXX",
		"/var/tmp/privfsd.XXXXXX"
	};
	char path[32];
	size_t i;
	int dir, error = 0;

	for (i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
		strcpy(path, templates[i]);
		if (mkdtemp(path) != NULL)
			break;
	}
	if (i == sizeof(templates) / sizeof(templates[0]))
		return namespace_fail("cannot make a directory in /run, /tmp "
		    "or /var/tmp");
	dir = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (rmdir(path) == -1 || dir == -1)
		error = namespace_fail(path);
	else if (fchdir(dir) == -1 || chroot(".") == -1 || chdir("/") == -1)
		error = namespace_fail("cannot chroot to an empty directory");
	if (dir != -1)
		close(dir);
	return error;
}

int
namespace_enter_empty(enum sandbox_mode mode)
{
	switch (mode) {
	case SANDBOX_NAMESPACE:
		return namespace_pivot_empty();
	case SANDBOX_CHROOT:
		return namespace_chroot_removed();
	case SANDBOX_NONE:
		break;
	}
	return chdir("/") == -1 ? namespace_fail("cannot enter /") : 0;
}
