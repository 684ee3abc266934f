/* SPDX-License-Identifier: ISC */
/*
 * What each process of a serving privfsd may do, as /proc tells it: user,
 * capabilities, no_new_privs, seccomp, root directory, namespaces, open
 * descriptors, in the three sandbox modes.
 */
#include <sys/stat.h>

#include <linux/capability.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "p9_suite.h"
#include "procs.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define CAP(n)		(1ULL << (n))
#define AT_REST		(CAP(CAP_CHOWN) | CAP(CAP_FOWNER) | \
			    CAP(CAP_DAC_OVERRIDE))
#define RAISED	(CAP(CAP_FSETID) | CAP(CAP_SETUID) | CAP(CAP_SETGID))

enum mode { MODE_NAMESPACE, MODE_CHROOT, MODE_NONE };

static const char *const mode_args[] = { "--sandbox=namespace",
    "--sandbox=chroot", "--sandbox=none" };
static const char *const spaces[] = { "mnt", "pid", "net", "ipc", "uts" };

struct family {
	pid_t	launcher, monitor, worker;
};

/* In every thread of a process, each with credentials of its own. */
static void
is_confined(pid_t pid, const char *who, uint64_t effective,
    uint64_t permitted, uint64_t bounding)
{
	pid_t tids[PROCS_MAX];
	size_t count = procs_threads(pid, tids, PROCS_MAX);
	struct proc_status st;

	tap_ok(count > 0, "%s has %zu threads", who, count);
	for (size_t i = 0; i < count; i++) {
		if (procs_read_status(pid, tids[i], &st) != 0)
			tap_bail("status of %d", pid);
		tap_ok(st.cap_eff == effective, "%s: effective set %#llx",
		    who, (unsigned long long)st.cap_eff);
		tap_ok(st.cap_prm == permitted, "%s: permitted set %#llx",
		    who, (unsigned long long)st.cap_prm);
		tap_ok((st.cap_bnd & ~bounding) == 0,
		    "%s: bounding set %#llx within %#llx", who,
		    (unsigned long long)st.cap_bnd,
		    (unsigned long long)bounding);
		tap_ok(st.cap_inh == 0 && st.cap_amb == 0,
		    "%s: inheritable and ambient sets are empty", who);
		tap_is_int(st.no_new_privs, 1, "%s: no_new_privs", who);
		tap_is_int(st.seccomp, 2, "%s: seccomp filter", who);
	}
}

static void
test_credentials(const struct family *f, enum mode mode)
{
	/* Without a pid namespace, it takes this to end the worker. */
	uint64_t launcher = mode == MODE_NAMESPACE ? 0 : CAP(CAP_KILL);
	struct proc_status st;

	is_confined(f->launcher, "launcher", launcher, launcher, launcher);
	is_confined(f->monitor, "monitor", AT_REST, AT_REST | RAISED,
	    AT_REST | RAISED);
	is_confined(f->worker, "worker", 0, 0, 0);
	procs_read_status(f->launcher, 0, &st);
	tap_ok(st.uid[0] == 0 && st.uid[1] == 0, "launcher: user as started");
	procs_read_status(f->monitor, 0, &st);
	tap_ok(st.uid[0] == 0 && st.uid[1] == 0 && st.uid[3] == 0,
	    "monitor: user as started");
	procs_read_status(f->worker, 0, &st);
	tap_ok(st.uid[0] != 0 && st.uid[1] == st.uid[0] &&
	    st.uid[2] == st.uid[0] && st.uid[3] == st.uid[0],
	    "worker: a user of its own, %u", st.uid[0]);
	tap_ok(st.gid[0] != 0 && st.gid[1] == st.gid[0] &&
	    st.gid[2] == st.gid[0] && st.gid[3] == st.gid[0],
	    "worker: a group of its own, %u", st.gid[0]);
	tap_is_int(st.groups, 0, "worker: no supplementary groups");
}

static int
same_dir(const char *a, const char *b)
{
	struct stat one, two;

	return stat(a, &one) == 0 && stat(b, &two) == 0 &&
	    one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

/*
 * Does ".." lead from the current directory of a process to the host's root?
 * Not from the share (where its own root ends the way up) and not from a
 * mount of its own, whose top has nothing above it.
 */
static int
leads_out(pid_t pid, const char *share)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/%d/cwd/", pid);
	if (same_dir(path, share))
		return 0;
	strcat(path, "../../../../../../../../");
	return same_dir(path, "/");
}

static size_t
entries(const char *path)
{
	struct dirent *entry;
	size_t count = 0;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return SIZE_MAX;
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			count++;
	closedir(dir);
	return count;
}

static void
test_roots(const struct family *f, const struct p9_env *e, enum mode mode)
{
	char monitor[64], worker[64], launcher[64], inside[80];

	snprintf(launcher, sizeof(launcher), "/proc/%d/root/", f->launcher);
	snprintf(monitor, sizeof(monitor), "/proc/%d/root/", f->monitor);
	snprintf(worker, sizeof(worker), "/proc/%d/root/", f->worker);
	tap_ok(same_dir(launcher, "/"), "launcher: the host's root");
	if (mode == MODE_NONE) {
		tap_ok(same_dir(monitor, "/") && same_dir(worker, "/"),
		    "monitor and worker: the host's root");
		return;
	}
	tap_ok(same_dir(monitor, e->share->dir), "monitor: root is the share");
	tap_ok(!leads_out(f->monitor, e->share->dir),
	    "monitor: its current directory does not lead out of it");
	tap_is_int((long long)entries(worker), 0,
	    "worker: an empty root directory");
	snprintf(inside, sizeof(inside), "%sx", worker);
	if (mode == MODE_NAMESPACE)
		tap_ok(mkdir(inside, 0700) != 0 && errno == EROFS,
		    "worker: it is read-only, even to root");
	snprintf(worker, sizeof(worker), "/proc/%d/cwd/", f->worker);
	tap_is_int((long long)entries(worker), 0,
	    "worker: so is its current directory");
}

static void
test_namespaces(const struct family *f, enum mode mode)
{
	char item[16], own[64], launcher[64], monitor[64], worker[64];

	for (size_t i = 0; i < COUNT(spaces); i++) {
		snprintf(item, sizeof(item), "ns/%s", spaces[i]);
		procs_link(getpid(), item, own, sizeof(own));
		procs_link(f->launcher, item, launcher, sizeof(launcher));
		procs_link(f->monitor, item, monitor, sizeof(monitor));
		procs_link(f->worker, item, worker, sizeof(worker));
		tap_is_str(launcher, own, "launcher: the host's %s",
		    spaces[i]);
		if (mode == MODE_NAMESPACE)
			tap_ok(*monitor != '\0' && *worker != '\0' &&
			    strcmp(monitor, own) != 0 &&
			    strcmp(worker, own) != 0 &&
			    strcmp(monitor, worker) != 0,
			    "monitor and worker: %s each of its own",
			    spaces[i]);
		else if (mode == MODE_NONE)
			tap_ok(strcmp(monitor, own) == 0 &&
			    strcmp(worker, own) == 0,
			    "monitor and worker: the host's %s", spaces[i]);
	}
}

/* How many descriptors of pid are this socket or file. */
static int
holds(pid_t pid, const struct stat *what)
{
	char path[64];
	struct stat st;
	int fds[1024], count = 0;
	size_t n = procs_fds(pid, fds, COUNT(fds));

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fds[i]);
		if (stat(path, &st) == 0 && st.st_dev == what->st_dev &&
		    st.st_ino == what->st_ino)
			count++;
	}
	return count;
}

static int
is_kind(const char *target, const char *const *kinds)
{
	for (; *kinds != NULL; kinds++)
		if (strncmp(target, *kinds, strlen(*kinds)) == 0)
			return 1;
	return 0;
}

/* Every descriptor of a process is one of these kinds, besides 0 to 2. */
static void
has_only(pid_t pid, const char *who, const char *const *kinds)
{
	int fds[1024], fine = 1;
	size_t n = procs_fds(pid, fds, COUNT(fds));
	char item[32], target[256];

	tap_ok(n > 0, "%s has %zu descriptors", who, n);
	for (size_t i = 0; i < n; i++) {
		snprintf(item, sizeof(item), "fd/%d", fds[i]);
		procs_link(pid, item, target, sizeof(target));
		if (strcmp(target, "/dev/null") == 0 && fds[i] <= 2)
			continue;
		if (!is_kind(target, kinds)) {
			fine = 0;
			tap_diag("%s: descriptor %d is %s", who, fds[i],
			    target);
		}
	}
	tap_ok(fine, "%s: nothing but what it needs", who);
}

static void
test_descriptors(const struct family *f, const struct stat *guest_socket,
    const struct stat *unknown)
{
	static const char *const worker_kinds[] = { "socket:", "pipe:",
	    "anon_inode:", "/memfd:", NULL };

	tap_is_int(holds(f->worker, guest_socket), 1,
	    "worker: the guest's socket");
	tap_is_int(holds(f->launcher, guest_socket), 1,
	    "launcher: it too, to answer in need");
	tap_is_int(holds(f->monitor, guest_socket), 0, "monitor: not at all");
	tap_is_int(holds(f->launcher, unknown), 1,
	    "launcher: keeps a descriptor that it does not know");
	tap_is_int(holds(f->monitor, unknown), 0, "monitor: does not have it");
	tap_is_int(holds(f->worker, unknown), 0, "worker: does not have it");
	has_only(f->worker, "worker", worker_kinds);
}

/* Not dumpable: the files in /proc/PID are root's, proc(5); no core files. */
static void
test_dumpable(pid_t pid, const char *who)
{
	char path[64], line[256];
	unsigned long soft = 1, hard = 1;
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	tap_ok(stat(path, &st) == 0 && st.st_uid == 0 && st.st_gid == 0,
	    "%s: not dumpable", who);
	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		sscanf(line, "Max core file size %lu %lu", &soft, &hard);
	if (f != NULL)
		fclose(f);
	tap_ok(soft == 0 && hard == 0, "%s: no core files", who);
}

/* Requests of all kinds, so that what is left open would be seen. */
static void
serve(struct p9_env *e)
{
	struct p9_stat st;
	size_t len;
	char out[64];
	int fd;

	host_write(host(e, "file"), "x", 02755, 1000, 1000);
	for (int i = 0; i < 50; i++) {
		p9_lstat(&e->c, guest(e, "file"), &st);
		if (p9_open(&e->c, guest(e, "file"), O_RDWR, &fd) == 0)
			close(fd);
		if (p9_open(&e->c, "/", O_DIRECTORY, &fd) == 0)
			close(fd);
		if (p9_create(&e->c, guest(e, "new"), O_CREAT | O_RDWR,
		    06755, 1000, 1000, &fd) == 0)
			close(fd);
		p9_remove(&e->c, guest(e, "new"));
		p9_mkdir(&e->c, guest(e, "dir"), 02755, 1, 1);
		p9_remove(&e->c, guest(e, "dir"));
		p9_lgetxattr(&e->c, guest(e, "file"), "user.a", 10, out,
		    &len);
	}
	is_result(p9_lstat(&e->c, "/", &st), 0, "it serves");
}

static void
start(struct p9_env *e, const char *mode)
{
	static const char *extra[2];
	struct server_options o = { .kind = server_kind_from_env(),
	    .share = e->share->dir, .extra = extra };

	extra[0] = mode;
	p9_env_start(e, &o);
}

static void
test_mode(struct p9_env *e, enum mode mode)
{
	struct family f;
	struct stat unknown;
	int fd;

	/* An inherited descriptor, as libvirt's pid file. */
	fd = open(e->share->outside, O_TMPFILE | O_RDWR, 0600);
	if (fd < 0 || fstat(fd, &unknown) != 0)
		tap_bail("O_TMPFILE");
	tap_context("%s: ", mode_args[mode]);
	start(e, mode_args[mode]);
	close(fd);
	serve(e);
	f.launcher = e->srv.pid;
	server_find(f.launcher, &f.monitor, &f.worker);
	if (!tap_ok(f.monitor > 0 && f.worker > 0,
	    "there are a monitor and a worker")) {
		p9_env_stop(e);
		return;
	}
	test_credentials(&f, mode);
	test_roots(&f, e, mode);
	test_namespaces(&f, mode);
	test_descriptors(&f, &e->srv.inherited, &unknown);
	test_dumpable(f.launcher, "launcher");
	test_dumpable(f.monitor, "monitor");
	test_dumpable(f.worker, "worker");
	if (mode == MODE_NONE)
		tap_ok(strstr(server_log_text(e->srv.log_fd), "sandbox") !=
		    NULL, "the log warns");
	tap_is_int(p9_env_stop(e), 0, "exit status");
	tap_is_int(procs_wait_gone(getpid(), SERVER_TIMEOUT_MS), 0,
	    "no process is left");
}

static void
body(struct fixture *f)
{
	struct p9_env e = { .share = &f->share[0], .test = "state" };

	if (server_kind_from_env() == SERVER_HELPER)
		tap_skip_all("the helper is one process");
	host_mkdir(host(&e, ""), 0755, 0, 0);
	for (enum mode mode = MODE_NAMESPACE; mode <= MODE_NONE; mode++)
		test_mode(&e, mode);
	tap_context("%s", "");
}

int
main(void)
{
	return fixture_main(body, 120);
}
