/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: nobody gets out of the share. Links that lead to a canary beside
 * it, and a second process that swaps directories for links, files for links
 * and FIFOs, and moves directories out and in while requests run. The suite
 * compares the canary at the end.
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "p9_samples.h"
#include "p9_suite.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define ROUNDS		150

static int disturbed;	/* answers that met what was swapped in */

/* Sees an answer; 0 when it is from outside or breaks the protocol. */
static int
is_inside(struct p9_env *e, struct p9_msg *m, const char *path,
    uint32_t flags)
{
	uint32_t type = p9_msg_type(m);
	struct p9_stat got;
	struct stat st;
	int error, fd;

	if (type == P9_OPEN) {
		error = p9_open(&e->c, path, flags, &fd);
		if (fd >= 0 && (fstat(fd, &st) != 0 ||
		    canary_is(e->share, &st)))
			error = P9_BAD_REPLY;
		if (fd >= 0)
			close(fd);
	} else if (type == P9_LSTAT) {
		error = p9_lstat(&e->c, path, &got);
		st.st_dev = got.dev;
		st.st_ino = got.ino;
		if (error == 0 && canary_is(e->share, &st))
			error = P9_BAD_REPLY;
	} else
		error = p9_exchange(&e->c, m);
	if (error == -ELOOP || error == -ENXIO || error == -ENOENT)
		disturbed++;
	return error >= -4095;
}

static void
test_links(struct p9_env *e)
{
	static const char *const names[] = { "absolute", "relative",
	    "file", "absolute/file", "relative/file", "absolute/dir",
	    "absolute/dir/../file", "relative/../canary/file" };
	char target[256];
	struct p9_msg m;

	for (uint32_t t = P9_SAMPLE_FIRST; t < P9_SAMPLE_END; t++) {
		int fine = 1;

		for (size_t i = 0; i < COUNT(names); i++) {
			snprintf(target, sizeof(target), "%s/canary",
			    e->share->outside);
			unlink(host(e, "absolute"));
			host_symlink(target, host(e, "absolute"));
			strcat(target, "/file");
			unlink(host(e, "file"));
			host_symlink(target, host(e, "file"));
			unlink(host(e, "relative"));
			host_symlink("../../outside/canary",
			    host(e, "relative"));
			p9_sample(&m, t, guest(e, names[i]),
			    guest(e, "other"));
			fine &= is_inside(e, &m, guest(e, names[i]),
			    O_RDWR | O_TRUNC);
			unlink(host(e, "other"));
		}
		tap_ok(fine, "%s of links that lead out",
		    p9_type_name(t));
	}
	tap_ok(canary_check(e->share) == 0, "nothing outside was touched");
}

/* Runs step in a loop in another process until it is ended. */
static pid_t
start_disturber(struct p9_env *e, void (*step)(struct p9_env *))
{
	pid_t parent = getpid(), pid;

	fflush(stdout);
	pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent)
		step(e);
	_exit(0);
}

static void
end_disturber(pid_t pid)
{
	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) != pid)
		tap_bail("waitpid");
}

static void
swap(const char *a, const char *b)
{
	renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

static void
step_swap_dir(struct p9_env *e)
{
	swap(host(e, "swap"), host(e, "evil"));
}

static void
step_swap_file(struct p9_env *e)
{
	swap(host(e, "victim"), host(e, "evil"));
	swap(host(e, "victim"), host(e, "fifo"));
}

static void
step_move_out(struct p9_env *e)
{
	char outside[160];

	snprintf(outside, sizeof(outside), "%s/b", e->share->outside);
	rename(host(e, "a/b"), outside);
	rename(outside, host(e, "a/b"));
}

/* All request types on a path while somebody swaps what it goes through. */
static void
race(struct p9_env *e, void (*step)(struct p9_env *), const char *name,
    void (*restore)(struct p9_env *))
{
	pid_t pid = start_disturber(e, step);
	int fine = 1, done = 0;
	struct p9_msg m;

	disturbed = 0;
	for (int round = 0; round < ROUNDS && fine; round++) {
		for (uint32_t t = P9_SAMPLE_FIRST; t < P9_SAMPLE_END && fine;
		    t++) {
			p9_sample(&m, t, guest(e, name), guest(e, "other"));
			fine = is_inside(e, &m, guest(e, name), round % 2 ?
			    O_RDWR | O_TRUNC : O_RDONLY);
			done++;
		}
		restore(e);
	}
	end_disturber(pid);
	tap_ok(fine, "%d requests, each answered from inside", done);
	tap_diag("%d of them met the change", disturbed);
	tap_ok(canary_check(e->share) == 0, "nothing outside was touched");
}

static int real_dir = -1;

static void
restore_dir(struct p9_env *e)
{
	unlinkat(real_dir, "file", AT_REMOVEDIR);
	close(openat(real_dir, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	unlink(host(e, "other"));
	rmdir(host(e, "other"));
}

static void
test_swapped_dir(struct p9_env *e)
{
	char target[160];

	host_mkdir(host(e, "swap"), 0755, 0, 0);
	real_dir = open(host(e, "swap"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	restore_dir(e);
	snprintf(target, sizeof(target), "%s/canary", e->share->outside);
	host_symlink(target, host(e, "evil"));
	race(e, step_swap_dir, "swap/file", restore_dir);
	close(real_dir);
}

/* Whatever a request removed or replaced has to be there again. */
static void
restore_file(struct p9_env *e)
{
	char target[180];

	snprintf(target, sizeof(target), "%s/canary/file",
	    e->share->outside);
	rmdir(host(e, "victim"));
	if (symlink(target, host(e, "evil")) != 0 && errno != EEXIST)
		tap_bail("symlink");
	if (mknod(host(e, "fifo"), S_IFIFO | 0666, 0) != 0 &&
	    errno != EEXIST)
		tap_bail("mknod");
	/* O_NOFOLLOW, O_EXCL: here too it may be a link by now. */
	close(open(host(e, "victim"), O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW |
	    O_CLOEXEC, 0600));
	unlink(host(e, "other"));
	rmdir(host(e, "other"));
}

static void
test_swapped_file(struct p9_env *e)
{
	/* It follows links and opens FIFOs, and so it would hang. */
	if (differs(e, "D7"))
		return;
	restore_file(e);
	race(e, step_swap_file, "victim", restore_file);
}

static void
restore_nothing(struct p9_env *e)
{
	unlink(host(e, "other"));
	rmdir(host(e, "other"));
}

static void
test_moved_out(struct p9_env *e)
{
	static const char *const names[] = { "a/b/../canary/file",
	    "a/b/c/../../canary/file", "a/b/../../outside/canary/file" };

	if (differs(e, "moved"))
		return;
	host_mkdir(host(e, "a"), 0755, 0, 0);
	host_mkdir(host(e, "a/b"), 0755, 0, 0);
	host_mkdir(host(e, "a/b/c"), 0755, 0, 0);
	for (size_t i = 0; i < COUNT(names); i++)
		race(e, step_move_out, names[i], restore_nothing);
}

static const struct p9_test tests[] = {
	{ "links", test_links },
	{ "swapped-dir", test_swapped_dir },
	{ "swapped-file", test_swapped_file },
	{ "moved-out", test_moved_out },
};

int
main(void)
{
	/* Where no mount helps, the rules of resolution do it alone. */
	static const char *const also[] = { "--sandbox=chroot", NULL };
	static struct p9_suite suite = { .tests = tests,
	    .count = COUNT(tests), .limit_s = 240 };

	if (server_kind_from_env() != SERVER_HELPER)
		suite.also = also;
	return p9_suite_main(&suite);
}
