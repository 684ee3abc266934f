/*
 * SPDX-License-Identifier: ISC
 *
 * What a process gives up besides capabilities: ids, descriptors, limits, the
 * way to privilege through execve(2).  Runs before anything hostile is read.
 */
#include "config.h"

#include "sandbox/sandbox.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#ifdef PRIVFSD_SANITIZE
#define PRIVDROP_NULL_FDS	2	/* reports go to stderr */
#else
#define PRIVDROP_NULL_FDS	3
#endif

static int
privdrop_fail(const char *what)
{
	int error = errno;

	log_error("sandbox: %s: %s", what, strerror(error));
	return -error;
}

/* What a correct kernel has, and old filters of containers do not know. */
static int
privdrop_forbidden(const char *what)
{
	int error = errno;

	log_error("sandbox: %s: %s%s", what, strerror(error),
	    error == EPERM || error == ENOSYS ? " (in a container, the list "
	    "of system calls is older than this program: update what runs "
	    "it)" : "");
	return -error;
}

/* Guest data is in memory: neither a core file nor ptrace(2) may show it. */
static int
privdrop_hide(void)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) == -1)
		return privdrop_fail("cannot forbid core dumps");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return privdrop_fail("cannot become undumpable");
	return 0;
}

/*
 * A limit on the size of files would end the worker on a write that a guest
 * may well ask for.  Without privilege the hard limit is as far as it goes.
 */
static int
privdrop_unlimit_size(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_FSIZE, &limit) == 0)
		return 0;
	if (getrlimit(RLIMIT_FSIZE, &limit) == -1)
		return privdrop_fail("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_FSIZE, &limit) == -1)
		return privdrop_fail("cannot raise the limit on file sizes");
	return 0;
}

int
privdrop_common(void)
{
	int error;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return privdrop_fail("cannot set no_new_privs");
	error = privdrop_hide();
	if (error == 0)
		error = privdrop_unlimit_size();
	if (error != 0)
		return error;
	umask(0);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return privdrop_fail("signal");
	return 0;
}

int
privdrop_groups(bool must)
{
	/* user_namespaces(7): "deny" is for a list of none, too. */
	if (setgroups(0, NULL) == 0 ||
	    (errno == EPERM && (!must || getgroups(0, NULL) == 0)))
		return 0;
	return privdrop_fail("cannot give up the supplementary groups");
}

int
privdrop_ids(uid_t uid, gid_t gid)
{
	int error;

	/*
	 * Else the bounding set could not be emptied after this.  Who keeps the
	 * uid keeps capabilities as well.
	 */
	if (uid != (uid_t)-1 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1)
		return privdrop_fail("cannot keep capabilities");
	error = privdrop_groups(gid != (gid_t)-1);
	if (error != 0)
		return error;
	if (setresgid(gid, gid, gid) == -1)
		return privdrop_fail("setresgid");
	if (setresuid(uid, uid, uid) == -1)
		return privdrop_fail("setresuid");
	/* proc(5): suid_dumpable applies again after a change of ids. */
	return privdrop_hide();
}

int
privdrop_die_with_parent(int parent_channel)
{
	struct pollfd pfd = { .fd = parent_channel };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
		return privdrop_fail("cannot ask for a signal at the "
		    "parent's end");
	if (poll(&pfd, 1, 0) == -1)
		return privdrop_fail("poll");
	return (pfd.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 ? -ESRCH :
	    0;
}

static bool
privdrop_is_kept(int fd, const int *keep, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (keep[i] == fd)
			return true;
	return false;
}

/* Returns the least descriptor of `keep` from `from` on, or INT_MAX. */
static int
privdrop_next_kept(int from, const int *keep, size_t n)
{
	int next = INT_MAX;
	size_t i;

	for (i = 0; i < n; i++)
		if (keep[i] >= from && keep[i] < next)
			next = keep[i];
	return next;
}

/* Something must be there, lest the next descriptor is stderr's. */
static int
privdrop_null_fds(const int *keep, size_t n)
{
	int null, fd;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1)
		return privdrop_fail("/dev/null");
	for (fd = 0; fd < PRIVDROP_NULL_FDS; fd++)
		if (fd != null && !privdrop_is_kept(fd, keep, n) &&
		    dup2(null, fd) == -1)
			break;
	if (fd < PRIVDROP_NULL_FDS)
		return privdrop_fail("dup2");
	if (null > STDERR_FILENO)
		close(null);
	return 0;
}

int
privdrop_close_fds(const int *keep, size_t n)
{
	int from, next, error;

	error = privdrop_null_fds(keep, n);
	if (error != 0)
		return error;
	for (from = STDERR_FILENO + 1;; from = next + 1) {
		next = privdrop_next_kept(from, keep, n);
		if (next > from && close_range((unsigned int)from,
		    next == INT_MAX ? UINT_MAX : (unsigned int)next - 1,
		    0) == -1)
			return privdrop_forbidden("close_range");
		if (next == INT_MAX)
			return 0;
	}
}

int
privdrop_memory(uint64_t bytes)
{
#ifndef PRIVFSD_SANITIZE	/* whose shadow memory counts as data */
	const struct rlimit limit = { (rlim_t)bytes, (rlim_t)bytes };

	if (setrlimit(RLIMIT_DATA, &limit) == -1)
		return privdrop_fail("cannot set the limit on memory");
#else
	(void)bytes;
#endif
	return 0;
}

int
privdrop_nofile(uint64_t n, uint64_t *got_out)
{
	struct rlimit limit = { n, n }, old;

	if (setrlimit(RLIMIT_NOFILE, &limit) == -1) {
		if (errno != EPERM || getrlimit(RLIMIT_NOFILE, &old) == -1)
			return privdrop_fail("cannot set the limit on open "
			    "files");
		limit.rlim_cur = limit.rlim_max = old.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
			return privdrop_fail("cannot set the limit on open "
			    "files");
	}
	*got_out = limit.rlim_cur;
	return 0;
}

int
privdrop_find_user(uid_t *uid, gid_t *gid_out)
{
	static const char *const users[] = { PRIVSEP_USER, "nobody" };
	const struct passwd *pw;
	size_t i;

	if (*uid != (uid_t)-1) {
		pw = getpwuid(*uid);
		*gid_out = pw != NULL ? pw->pw_gid : *uid;
		return 0;
	}
	for (i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		pw = getpwnam(users[i]);
		/* A user with root's id would be no separation. */
		if (pw == NULL || pw->pw_uid == 0 || pw->pw_gid == 0)
			continue;
		*uid = pw->pw_uid;
		*gid_out = pw->pw_gid;
		return 0;
	}
	log_error("there is neither a user %s nor a user nobody for the "
	    "worker to run as: make one, or give --worker-user=ID with a "
	    "number that is nobody's", PRIVSEP_USER);
	return -ENOENT;
}
