/*
 * SPDX-License-Identifier: ISC
 *
 * The pid file.  Runs in the launcher, in a directory that others may write to,
 * before it drops its rights: what lies there in the file's place is neither
 * followed nor emptied.
 *
 * The lock is that of the Rust virtiofsd: by flock(2), so that it is the open
 * file's.  It ends with the last process that has it open, which is this one,
 * as monitor and worker close what they do not know.
 */
#include "config.h"

#include "launcher/pid_file.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#define PID_FILE_TRIES	100	/* while others end and remove theirs */

/*
 * Who owns the file could write another's pid there, to be killed by whom reads
 * it; a file with two names may be one that is not to be emptied.
 */
static int
pid_file_check(const struct stat *st, const char **why_out)
{
	if (!S_ISREG(st->st_mode))
		*why_out = "exists, and is no regular file";
	else if (st->st_uid != geteuid())
		*why_out = "exists, and is another user's";
	else if (st->st_nlink > 1)
		*why_out = "exists, and has another name too";
	else
		return 0;
	return -EPERM;
}

/*
 * Mode 0600: whoever can open a file can lock it, and so keep a daemon from its
 * start.
 */
static int
pid_file_lock(struct pid_file *file, const char **why_out)
{
	struct stat st;

	file->fd = openat(file->own.dir_fd, file->own.name, O_WRONLY |
	    O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (file->fd == -1 && errno == ELOOP)
		*why_out = "is a symbolic link";
	if (file->fd == -1)
		return -errno;
	if (flock(file->fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			*why_out = "another process holds it";
		return -errno;
	}
	if (fstat(file->fd, &st) == -1)
		return -errno;
	/* Its last holder may have removed the name meanwhile. */
	if (st.st_nlink == 0)
		return -ESTALE;
	own_file_take(&file->own, &st);
	/*
	 * What is checked is what it is at the moment that it has the name: one
	 * of another name could have been put there and taken away before.
	 */
	return own_file_is_ours(&file->own, &st) ?
	    pid_file_check(&st, why_out) : -ESTALE;
}

static int
pid_file_take(struct pid_file *file, const char *path, const char **why_out)
{
	int error, i;

	error = own_file_open(&file->own, path);
	for (i = 0; i < PID_FILE_TRIES && error == 0; i++) {
		error = pid_file_lock(file, why_out);
		if (error != -ESTALE)
			break;
		close(file->fd);
		file->fd = -1;
		error = 0;
	}
	return i == PID_FILE_TRIES ? -ESTALE : error;
}

int
pid_file_write(struct pid_file *file, const char *path, pid_t pid)
{
	const char *why = NULL;
	int error;

	error = pid_file_take(file, path, &why);
	if (error != 0)
		file->own.ino = 0;	/* not ours to remove */
	else if (ftruncate(file->fd, 0) == -1 ||
	    dprintf(file->fd, "%d\n", pid) < 0)
		error = -errno;
	if (error == 0)
		return 0;
	log_error("pid file %s: %s", path, why != NULL ? why :
	    strerror(-error));
	pid_file_remove(file);
	return error;
}

void
pid_file_remove(struct pid_file *file)
{
	own_file_remove(&file->own, "pid file");
	if (file->fd != -1)
		close(file->fd);
	file->fd = -1;
}
