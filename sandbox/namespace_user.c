/*
 * SPDX-License-Identifier: ISC
 *
 * The user namespace of a daemon that was started without root.  Runs before
 * anything hostile is read, with the rights of the user who started it.
 */
#include "config.h"

#include "sandbox/sandbox.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

/* newuidmap(1): the process, and three numbers for each range. */
#define NAMESPACE_ARGV_MAX	(2 + 3 * NAMESPACE_RANGES_MAX + 1)
#define NAMESPACE_NUMBER_SIZE	12

/* One of the two maps, and the program that writes it where we must not. */
struct namespace_map_job {
	const char		*program;
	const char		*file;		/* in /proc/self */
	const char		*option;
	struct namespace_map	 map;
	uint32_t		 own;
	pid_t			 helper;	/* -1: we write it */
	int			 go;		/* the helper waits for it */
};

static int
namespace_fail(const char *what)
{
	int error = errno;

	log_error("sandbox: %s: %s", what, strerror(error));
	return -error;
}

/* Only a map of the own id alone may be written without privilege. */
static bool
namespace_map_is_own(const struct namespace_map *map, uint32_t own)
{
	return map->n == 1 && map->range[0].count == 1 &&
	    map->range[0].outside == own;
}

/* The helper process: execs the program once the namespace is there. */
static void
namespace_run_helper(const struct namespace_map_job *job, int go,
    pid_t process)
{
	char text[NAMESPACE_ARGV_MAX][NAMESPACE_NUMBER_SIZE];
	char *argv[NAMESPACE_ARGV_MAX + 1];
	const struct namespace_range *range = job->map.range;
	size_t argc = 1, i;
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(1);
	snprintf(text[argc++], sizeof(text[0]), "%d", process);
	for (i = 0; i < job->map.n; i++, range++) {
		snprintf(text[argc++], sizeof(text[0]), "%u", range->inside);
		snprintf(text[argc++], sizeof(text[0]), "%u", range->outside);
		snprintf(text[argc++], sizeof(text[0]), "%u", range->count);
	}
	argv[0] = (char *)(uintptr_t)job->program;
	for (i = 1; i < argc; i++)
		argv[i] = text[i];
	argv[argc] = NULL;
	execvp(job->program, argv);
	_exit(127);
}

/*
 * The programs are set-user-ID: a process inside the namespace could not run
 * them as root, so they are forked before it is made.
 */
static int
namespace_start_helper(struct namespace_map_job *job)
{
	pid_t parent = getpid();
	int go[2];

	if (namespace_map_is_own(&job->map, job->own))
		return 0;
	if (pipe2(go, O_CLOEXEC) == -1)
		return namespace_fail("pipe");
	job->helper = fork();
	if (job->helper == 0) {
		close(go[1]);
		namespace_run_helper(job, go[0], parent);
	}
	close(go[0]);
	job->go = go[1];
	return job->helper == -1 ? namespace_fail("fork") : 0;
}

/* Lets a helper do its work if that is `wanted`, and waits for its end. */
static int
namespace_finish_helper(struct namespace_map_job *job, bool wanted)
{
	int status = 0;
	pid_t pid;

	if (job->helper == -1)
		return 0;
	if (wanted && write(job->go, "", 1) != 1)
		return namespace_fail("pipe");
	/* Without a byte before the end of file it exits. */
	close(job->go);
	job->go = -1;
	do {
		pid = waitpid(job->helper, &status, 0);
	} while (pid == -1 && errno == EINTR);
	job->helper = -1;
	if (!wanted || (pid != -1 && status == 0))
		return 0;
	/* prctl(2): a set-user-ID program has no privilege then. */
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		log_error("%s: %s cannot work, because this was started with "
		    "no_new_privs: leave the option out, or start it without",
		    job->option, job->program);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		log_error("%s: cannot run %s (Debian: package uidmap)",
		    job->option, job->program);
	else
		log_error("%s: %s refused the map: see /etc/subuid and "
		    "/etc/subgid", job->option, job->program);
	return -EPERM;
}

/* Returns 0 or -errno; logs nothing. */
static int
namespace_put(const char *file, const char *text)
{
	size_t len = strlen(text);
	int fd, error = 0;

	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		error = -errno;
	close(fd);
	return error;
}

static int
namespace_write(const char *file, const char *text)
{
	int error = namespace_put(file, text);

	if (error == 0)
		return 0;
	errno = -error;
	return namespace_fail(file);
}

/*
 * There is no way back out of a namespace of no use: a security module may
 * permit the namespace and forbid what it is for (Ubuntu's AppArmor), and
 * /proc may be read-only.  So a process of its own tries it.  Returns 0 or
 * -errno; logs nothing.
 */
static int
namespace_try_user(uint32_t own)
{
	char map[2 * NAMESPACE_NUMBER_SIZE];
	int status;
	pid_t pid, got;

	pid = fork();
	if (pid == -1)
		return -errno;
	if (pid == 0) {
		snprintf(map, sizeof(map), "0 %u 1", own);
		if (unshare(CLONE_NEWUSER) == -1)
			_exit(errno);
		_exit(-namespace_put("/proc/self/uid_map", map));
	}
	do {
		got = waitpid(pid, &status, 0);
	} while (got == -1 && errno == EINTR);
	return got == pid && WIFEXITED(status) ? -WEXITSTATUS(status) :
	    -ECHILD;
}

static int
namespace_write_map(struct namespace_map_job *job)
{
	const struct namespace_range *range = &job->map.range[0];
	char text[3 * NAMESPACE_NUMBER_SIZE];

	if (job->helper != -1)
		return namespace_finish_helper(job, true);
	snprintf(text, sizeof(text), "%u %u 1", range->inside, range->outside);
	return namespace_write(job->file, text);
}

static bool
namespace_maps_own(const struct namespace_map_job *job)
{
	size_t i;

	for (i = 0; i < job->map.n; i++)
		if (job->own - job->map.range[i].outside <
		    job->map.range[i].count)
			return true;
	return false;
}

/*
 * A process whose ids are not mapped cannot create files (EOVERFLOW): it takes
 * each map's first id in the place of its own.
 */
static int
namespace_take_ids(const struct namespace_map_job *uid,
    const struct namespace_map_job *gid)
{
	gid_t first_gid = gid->map.range[0].inside;
	uid_t first_uid = uid->map.range[0].inside;

	if (!namespace_maps_own(gid) &&
	    setresgid(first_gid, first_gid, first_gid) == -1)
		return namespace_fail("setresgid");
	if (!namespace_maps_own(uid) &&
	    setresuid(first_uid, first_uid, first_uid) == -1)
		return namespace_fail("setresuid");
	return 0;
}

static void
namespace_init_job(struct namespace_map_job *job,
    const struct namespace_map *map)
{
	job->map = *map;
	if (map->n > 0)
		return;
	/* The guest's root is who started this: else it could make nothing. */
	job->map.n = 1;
	job->map.range[0] = (struct namespace_range){ 0, job->own, 1 };
}

/* Makes the namespace, and both maps in it. */
static int
namespace_make_user(struct namespace_map_job *uid,
    struct namespace_map_job *gid, int *refused_out)
{
	int error;

	error = namespace_try_user(uid->own);
	if (error != 0) {
		*refused_out = -error;
		return error;
	}
	error = namespace_start_helper(uid);
	if (error == 0)
		error = namespace_start_helper(gid);
	if (error != 0)
		return error;
	if (unshare(CLONE_NEWUSER) == -1)
		return namespace_fail("cannot make a user namespace");
	error = namespace_write_map(uid);
	if (error != 0)
		return error;
	/* user_namespaces(7): or the gid map may not be written. */
	if (gid->helper == -1)
		error = namespace_write("/proc/self/setgroups", "deny");
	if (error == 0)
		error = namespace_write_map(gid);
	return error;
}

int
namespace_enter_user(const struct namespace_map *uid_map,
    const struct namespace_map *gid_map, int *refused_out)
{
	struct namespace_map_job uid = { .program = "newuidmap",
	    .file = "/proc/self/uid_map", .option = "--uid-map",
	    .own = getuid(), .helper = -1, .go = -1 };
	struct namespace_map_job gid = { .program = "newgidmap",
	    .file = "/proc/self/gid_map", .option = "--gid-map",
	    .own = getgid(), .helper = -1, .go = -1 };
	int error;

	*refused_out = 0;
	namespace_init_job(&uid, uid_map);
	namespace_init_job(&gid, gid_map);
	error = namespace_make_user(&uid, &gid, refused_out);
	if (error == 0)
		error = namespace_take_ids(&uid, &gid);
	namespace_finish_helper(&uid, false);
	namespace_finish_helper(&gid, false);
	return error;
}
