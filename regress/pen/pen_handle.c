/*
 * SPDX-License-Identifier: ISC
 *
 * A worker that was taken over, by handle: it uses many lanes at once, forgets
 * what it uses, uses up all that there is, while a process of the host changes
 * names.  What is done by a handle is done to the inode it was given for, and
 * to no other; owners are what that is seen by.  And what its threads may do.
 * Test code.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/procs.h"
#include "regress/lib/server.h"
#include "regress/lib/tap.h"
#include "regress/pen/pen_daemon.h"

#define TEST_S		300
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define LATE_NAMES	6
#define PARENT_ROUNDS	4000
#define GUARDS		900	/* objects that nobody may be given */
#define LANES		66
#define THREADS_MAX	128

static const struct fixture *fixture;
static const struct fixture_share *share;
static int guards[GUARDS];

static const char *
path_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A path in the share's "dir"; of the last four. */
static const char *
path_of(const char *fmt, ...)
{
	static char paths[4][256];
	static unsigned int next;
	char *path = paths[next++ % 4], name[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	snprintf(path, sizeof(paths[0]), "%s/dir/%s", share->dir, name);
	return path;
}

static struct stat
stat_of(const char *path)
{
	struct stat st;

	host_lstat(path, &st);
	return st;
}

static int
exchange(const char *a, const char *b)
{
	return (int)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b,
	    RENAME_EXCHANGE);
}

/* Everything anew, with what the storms look for. */
static void
populate(void)
{
	pen_populate(share);
	for (int i = 0; i < STORM_KEYS; i++) {
		host_write(path_of("k%d", i), "key", 0644, 0, 0);
		host_write(path_of("o%d", i), "other", 0644, 0, 0);
	}
	for (int i = 0; i < 200; i++)
		host_write(path_of("sub/s-%d", i), "", 0644, 0, 0);
	host_mkdir(path_of("late"), 0755, 0, 0);
	host_mkdir(path_of("make"), 0755, 0, 0);
	host_mkdir(path_of("hidden"), 0755, 0, 0);
}

/*
 * A process of the host's, which runs `body` again and again until it is
 * ended, or this one ends.
 */
static pid_t
start_host(int (*body)(unsigned int))
{
	pid_t parent = getpid(), pid = fork();

	if (pid == -1)
		tap_bail("fork");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int i = 0; getppid() == parent; i++)
		if (body(i) != 0)
			break;
	_exit(0);
}

static void
stop_host(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Runs one storm, with `host` (or NULL) at the same time. */
static void
run_storm(const char *name, enum pen_storm storm, const char *option,
    int (*host)(unsigned int))
{
	const char *const extra[] = { option, NULL };
	struct pen_daemon d;
	pid_t pid = 0;

	tap_context("%s, %s: ", name, option);
	pen_start_on(&d, fixture, share, PEN_PLAIN, extra);
	tap_ok(pen_wait_log(&d, "ready: sharing"), "is ready");
	if (host != NULL)
		pid = start_host(host);
	tap_is_int(pen_attack(&d, ATTACK_STORM, storm), 0,
	    "nothing was wrong");
	stop_host(pid);
	tap_ok(canary_check(share) == 0, "the canary is as it was");
	if (strstr(server_log_text(d.log_fd), "fake worker") != NULL ||
	    strstr(server_log_text(d.log_fd), "thread ") != NULL)
		tap_diag("%s", server_log_text(d.log_fd));
	pen_expect_alive(&d, "ends as usual");
	tap_context("%s", "");
}

/* Each name has the owner that was given to it, or the one it had. */
static void
test_forget(const char *option)
{
	struct stat st;

	populate();
	run_storm("forgotten while used", STORM_FORGET, option, NULL);
	for (int i = 0; i < STORM_KEYS; i++) {
		st = stat_of(path_of("k%d", i));
		tap_is_int(st.st_uid, STORM_OWNER_FORGET + i,
		    "k%d has its own owner", i);
		st = stat_of(path_of("o%d", i));
		tap_ok(st.st_uid == 0 && st.st_gid == 0 && st.st_size == 5,
		    "o%d is as it was", i);
	}
}

/* The entries of "late" are others, or links that lead out, or gone. */
static int
change_late(unsigned int i)
{
	const char *late = path_of("late/a%u", i % LATE_NAMES);
	const char *other = path_of("hidden/%c%u", "vo"[i / LATE_NAMES % 2],
	    i % LATE_NAMES);

	if (i % 7 == 0) {
		unlink(late);
		host_write(late, "new", 0644, 0, 0);
	}
	return exchange(late, other);
}

static void
test_late(const char *option)
{
	populate();
	for (int i = 0; i < LATE_NAMES; i++) {
		host_write(path_of("late/a%d", i), "late", 0644, 0, 0);
		host_write(path_of("hidden/v%d", i), "hidden", 0644, 0, 0);
		host_symlink("../../../outside/canary/file",
		    path_of("hidden/o%d", i));
	}
	run_storm("read, used later", STORM_LATE, option, change_late);
}

/* "roam" is out of the share and back in it, by turns. */
static int
move_roam(unsigned int i)
{
	char outside[192];

	snprintf(outside, sizeof(outside), "%s/../roam", share->outside);
	return i % 2 == 0 ? rename(path_of("roam"), outside) :
	    rename(outside, path_of("roam"));
}

/* Asks for what is named so, or above if `op` says so; 0 if there is none. */
static uint64_t
ask_inode(struct pen_daemon *d, uint32_t op, uint64_t handle,
    const char *name, uint64_t *handle_out)
{
	static struct pen_message message;
	static struct pen_result result;

	pen_good(&message, op, PEN_BY_HANDLE, handle);
	pen_set_part(&message, PEN_NAME0, name, strlen(name));
	if (pen_relay(d, &message, &result) != 0)
		tap_bail("the daemon is gone");
	*handle_out = result.reply.handle;
	return result.reply.error == 0 ? result.reply.u.attr.ino : 0;
}

/*
 * Up, from a directory that the host moves out and in: what is answered is
 * always one that the worker could have looked up.
 */
static void
test_parent(const char *option)
{
	const char *const extra[] = { option, NULL };
	uint64_t dir, roam, below, up, ino, wrong = 0, found = 0;
	struct pen_daemon d;
	struct stat st[3];
	pid_t pid;

	populate();
	host_mkdir(path_of("roam"), 0755, 0, 0);
	host_mkdir(path_of("roam/below"), 0755, 0, 0);
	tap_context("up, %s: ", option);
	pen_start_on(&d, fixture, share, PEN_PLAIN, extra);
	ask_inode(&d, MONITOR_LOOKUP, MONITOR_ROOT_HANDLE, "dir", &dir);
	ask_inode(&d, MONITOR_LOOKUP, dir, "roam", &roam);
	ask_inode(&d, MONITOR_LOOKUP, roam, "below", &below);
	st[0] = stat_of(share->dir);
	st[1] = stat_of(path_of("."));
	st[2] = stat_of(path_of("roam"));
	ino = ask_inode(&d, MONITOR_PARENT, MONITOR_ROOT_HANDLE, "", &up);
	tap_ok(ino == st[0].st_ino && up == MONITOR_ROOT_HANDLE,
	    "nothing is above the root");
	tap_ok(ask_inode(&d, MONITOR_PARENT, dir, "", &up) == st[0].st_ino &&
	    up == MONITOR_ROOT_HANDLE, "the root is");
	move_roam(0);
	tap_ok(ask_inode(&d, MONITOR_PARENT, roam, "", &up) == 0 &&
	    ask_inode(&d, MONITOR_PARENT, below, "", &up) == 0,
	    "nothing is above what is outside");
	move_roam(1);
	pid = start_host(move_roam);
	for (int i = 0; i < PARENT_ROUNDS; i++) {
		ino = ask_inode(&d, MONITOR_PARENT, i % 2 == 0 ? roam : below,
		    "", &up);
		if (ino == 0)
			continue;
		found++;
		wrong += ino != st[1 + i % 2].st_ino ||
		    up != (i % 2 == 0 ? dir : roam);
	}
	stop_host(pid);
	move_roam(1);
	tap_is_int((long long)wrong, 0, "while it is moved: no other");
	tap_diag("%llu of %d were there", (unsigned long long)found,
	    PARENT_ROUNDS);
	tap_ok(canary_check(share) == 0, "the canary is as it was");
	pen_expect_alive(&d, "ends as usual");
	tap_context("%s", "");
}

/*
 * Objects as old as the share, of the kinds that the worker makes: the
 * monitor's user's, with plain modes.
 */
static void
make_guards(void)
{
	const char *path;

	for (int i = 0; i < GUARDS; i++) {
		path = path_of("hidden/g%d", i);
		if (i % 3 == 0)
			host_write(path, "", 0755, 0, 0);
		else if (i % 3 == 1)
			host_mkdir(path, 0755, 0, 0);
		else
			host_symlink("target", path);
		guards[i] = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (guards[i] == -1)
			tap_bail("%s", path);
	}
}

/* For a moment, a guard in the place of what was made. */
static int
place_guard(unsigned int i)
{
	static unsigned int guard;
	const char *hidden = path_of("hidden/g%u", guard);
	const char *made = path_of("make/c%u", i % 2);

	if (exchange(hidden, made) == -1)
		return errno == ENOENT ? 0 : 1;
	/* If the worker has removed it there, it is the next one's turn. */
	if (exchange(hidden, made) == -1 && ++guard == GUARDS)
		return 1;
	return 0;
}

/* How often what place_fresh() made was no longer its maker's. */
static unsigned int *fresh_lost;

/*
 * For a moment, something as new as what was made in its place: another
 * guest's root makes private things all the time.
 */
static int
place_fresh(unsigned int i)
{
	const char *hidden = path_of("hidden/f%u", i);
	const char *made = path_of("make/c%u", i % 2);
	struct stat st;
	int fd;

	if (i % 2 == 0 ? mkdir(hidden, 0700) == -1 :
	    mknod(hidden, S_IFREG | 0700, 0) == -1)
		return 1;
	fd = open(hidden, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return 1;
	if (exchange(hidden, made) == 0)
		exchange(hidden, made);
	if (fstat(fd, &st) == -1 || st.st_uid != 0 || st.st_gid != 0 ||
	    (st.st_mode & 07777) != 0700)
		(*fresh_lost)++;
	close(fd);
	if (unlink(hidden) == -1 && errno == EISDIR)
		rmdir(hidden);
	return 0;
}

static void
test_create_fresh(const char *option)
{
	fresh_lost = mmap(NULL, sizeof(*fresh_lost), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fresh_lost == MAP_FAILED)
		tap_bail("mmap");
	populate();
	run_storm("made, and exchanged for what is as new", STORM_CREATE,
	    option, place_fresh);
	tap_is_int(*fresh_lost, 0, "nothing new of anybody's was given away");
	munmap(fresh_lost, sizeof(*fresh_lost));
}

static void
test_create(const char *option)
{
	unsigned int given = 0;
	struct stat st;

	populate();
	make_guards();
	run_storm("made, and replaced", STORM_CREATE, option, place_guard);
	for (int i = 0; i < GUARDS; i++) {
		if (fstat(guards[i], &st) == -1)
			tap_bail("guard %d", i);
		given += st.st_uid != 0 || st.st_gid != 0 ||
		    (!S_ISLNK(st.st_mode) && (st.st_mode & 07777) != 0755);
		close(guards[i]);
	}
	tap_is_int(given, 0, "nothing of anybody else's was given away");
}

/* After it everything works again. */
static void
test_exhausted(const char *option)
{
	static struct pen_message message;
	static struct pen_result result;
	const char *const extra[] = { option, "--rlimit-nofile=1024", NULL };
	struct pen_daemon d;

	populate();
	host_mkdir(path_of("many"), 0755, 0, 0);
	for (int i = 0; i < STORM_MANY; i++)
		host_write(path_of("many/n%d", i), "", 0644, 0, 0);
	pen_start_on(&d, fixture, share, PEN_PLAIN, extra);
	tap_is_int(pen_attack(&d, ATTACK_STORM, STORM_EXHAUST), 0,
	    "used up: each lane meets the monitor's limits, no other");
	if (strstr(server_log_text(d.log_fd), "thread ") != NULL)
		tap_diag("%s", server_log_text(d.log_fd));
	pen_good(&message, MONITOR_RESET, PEN_BY_HANDLE, 0);
	tap_ok(pen_relay(&d, &message, &result) == 0 &&
	    result.reply.error == 0, "used up: all is given back");
	pen_good(&message, MONITOR_LOOKUP, PEN_BY_HANDLE,
	    MONITOR_ROOT_HANDLE);
	pen_set_part(&message, PEN_NAME0, "dir", 3);
	tap_ok(pen_relay(&d, &message, &result) == 0 &&
	    result.reply.error == 0, "used up: it works again");
	pen_expect_alive(&d, "used up: ends as usual");
}

/* Whatever comes of it, the monitor does not crash. */
static void
test_scribble(const char *option)
{
	const char *const extra[] = { option, NULL };
	struct pen_daemon d;

	for (int i = 0; i < 3; i++) {
		populate();
		pen_start_on(&d, fixture, share, PEN_PLAIN, extra);
		pen_attack(&d, ATTACK_STORM, STORM_SCRIBBLE);
		shutdown(d.fd, SHUT_WR);
		pen_expect_end(&d, PEN_ANY, NULL, 0, PEN_ANY,
		    "the memory of lanes in use, scribbled on");
	}
}

/* Monitor and worker: of the launcher's children the one that has rights. */
static void
find_children(const struct pen_daemon *d, pid_t *monitor, pid_t *worker)
{
	pid_t found[PROCS_MAX];
	size_t n = procs_descendants(d->pid, found, PROCS_MAX);
	struct proc_status st;

	*monitor = *worker = -1;
	for (size_t i = 0; i < n; i++)
		if (procs_read_status(found[i], 0, &st) == 0)
			*(st.cap_eff != 0 ? monitor : worker) = found[i];
}

/* Every thread is locked up as the first is. */
static void
check_threads(pid_t pid, const char *name, size_t want)
{
	struct proc_status first, st;
	pid_t tids[THREADS_MAX];
	size_t n = procs_threads(pid, tids, THREADS_MAX);
	int same = procs_read_status(pid, 0, &first) == 0;

	for (size_t i = 0; i < n; i++)
		same = same && procs_read_status(pid, tids[i], &st) == 0 &&
		    st.seccomp == SECCOMP_MODE_FILTER &&
		    st.no_new_privs == 1 && st.cap_bnd == 0 &&
		    st.cap_inh == 0 && st.cap_amb == 0 &&
		    st.cap_prm == first.cap_prm &&
		    st.cap_eff == first.cap_eff &&
		    memcmp(st.uid, first.uid, sizeof(st.uid)) == 0;
	tap_is_int((long long)n, (long long)want, "%s: threads", name);
	tap_ok(same, "%s: each of them is locked up", name);
}

static void
test_locked(const char *option)
{
	static const struct {
		const char	*name;
		enum pen_thread	 thread;
	} cases[] = {
		{ "a later thread's openat", THREAD_OPENS },
		{ "clone without a thread's flags", THREAD_FORK },
		{ "clone with a namespace", THREAD_NAMESPACE },
		{ "executable mmap", THREAD_MMAP_EXEC },
		{ "executable mprotect", THREAD_MPROTECT_EXEC }
	};
	const char *const extra[] = { option, NULL };
	pid_t monitor, worker;
	struct pen_daemon d;

	populate();
	pen_start_on(&d, fixture, share, PEN_LOCKED, extra);
	tap_is_int(pen_attack(&d, ATTACK_THREAD, THREAD_WORKS), 0,
	    "a locked worker starts a thread");
	tap_is_int(pen_attack(&d, ATTACK_THREAD, THREAD_CLONE3), ENOSYS,
	    "a locked worker has no clone3");
	find_children(&d, &monitor, &worker);
	/* One for each lane; and the main thread, which only sleeps. */
	check_threads(monitor, "monitor", LANES + 1);
	check_threads(worker, "worker", 1);
	pen_expect_alive(&d, "a locked worker ends as usual");
	for (size_t i = 0; i < COUNT(cases); i++) {
		pen_start_on(&d, fixture, share, PEN_LOCKED, extra);
		pen_send_attack(&d, ATTACK_THREAD, cases[i].thread);
		pen_expect_end(&d, 1, "a system call that its sandbox forbids",
		    1, 0, cases[i].name);
	}
}

static void
body(struct fixture *f)
{
	fixture = f;
	share = &f->share[0];
	pen_shield(f);
	canary_plant(share);
	test_locked("--sandbox=namespace");
	test_forget("--sandbox=namespace");
	populate();
	run_storm("reset while used", STORM_RESET, "--sandbox=namespace",
	    NULL);
	populate();
	run_storm("one stream for all", STORM_STREAM, "--sandbox=namespace",
	    NULL);
	test_exhausted("--sandbox=namespace");
	test_scribble("--sandbox=namespace");
	/* Without namespaces what resolves names must do alone. */
	test_late("--sandbox=namespace");
	test_late("--sandbox=none");
	test_create("--sandbox=namespace");
	test_create_fresh("--sandbox=namespace");
	test_create("--sandbox=none");
	test_parent("--sandbox=namespace");
	test_parent("--sandbox=chroot");
	test_parent("--sandbox=none");
	/* A file system that uses inode numbers again at once. */
	if (f->share[1].missing != NULL) {
		tap_skip("ext4: %s", f->share[1].missing);
		return;
	}
	share = &f->share[1];
	canary_plant(share);
	test_forget("--sandbox=namespace");
	test_late("--sandbox=namespace");
	test_create("--sandbox=namespace");
}

int
main(void)
{
	return fixture_main(body, TEST_S);
}
