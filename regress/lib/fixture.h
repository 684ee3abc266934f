/* SPDX-License-Identifier: ISC */
/*
 * The ground a 9p-proxy test stands on: a private mount namespace with a
 * share on tmpfs and one on ext4 (an image file), each with a directory
 * outside of it that nobody may reach. Nothing of it outlives the test, not
 * even when the test is killed. Test code; runs as root.
 */
#ifndef REGRESS_FIXTURE_H
#define REGRESS_FIXTURE_H

#include <sys/stat.h>

#include <stddef.h>

struct fixture_share {
	const char	*fs;		/* "tmpfs" or "ext4" */
	/* Why it is not there, NULL when it is. */
	const char	*missing;
	char		dir[128];	/* the directory to share */
	char		outside[128];	/* beside it, with canaries */
};

struct fixture {
	char			base[64];
	struct fixture_share	share[2];
};

/*
 * Runs body in a child process inside of the namespace, ends what it left
 * running, cleans up. Returns the exit status for main(). limit_s seconds must
 * be enough on an idle machine; what takes several times as long is ended,
 * since others may use the processors too. Without root the program is skipped.
 */
int	fixture_main(void (*body)(struct fixture *), unsigned int limit_s);

/* Making things on the host side; each ends the test on failure. */
void	host_mkdir(const char *path, mode_t mode, uid_t uid, gid_t gid);
void	host_write(const char *path, const char *content, mode_t mode,
	    uid_t uid, gid_t gid);
/* Copies a program into a directory. */
void	host_copy(const char *from, const char *dir, const char *name,
	    mode_t mode);
void	host_symlink(const char *target, const char *path);
void	host_mknod(const char *path, mode_t mode, dev_t dev);
void	host_lstat(const char *path, struct stat *st);
/* The content of a small file, "" when it cannot be read; static storage. */
const char	*host_read(const char *path);
int	host_exists(const char *path);

/*
 * The canary of a share: a directory outside with a file, whose state is
 * remembered by plant and compared by check (0 when it is as it was).
 */
void	canary_plant(const struct fixture_share *share);
int	canary_check(const struct fixture_share *share);
/* Is this the canary's file or directory? */
int	canary_is(const struct fixture_share *share, const struct stat *st);

#endif
