/* SPDX-License-Identifier: ISC */
/*
 * Both protocols: starts with few rights. As an ordinary user with nothing, in
 * user namespaces with one id, where no user namespace can be made, below a
 * container's filter, as root with few capabilities: it serves, and says what
 * it goes without; or it says what to do. Test code; runs as root.
 */
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuse_client.h"
#include "p9_suite.h"
#include "procs.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT(cap)	(UINT64_C(1) << (cap))
#define INHERITED	60	/* the server's end of a socket */
#define USER		1000	/* somebody without rights */
#define NOBODY		65534	/* has a name, as newuidmap(1) wants it */
#define OTHER		4321	/* a guest's id that is nobody's here */
#define WORDS_MAX	64

#define REST	(BIT(CAP_CHOWN) | BIT(CAP_FOWNER) | BIT(CAP_DAC_OVERRIDE))
#define IDS	(BIT(CAP_SETUID) | BIT(CAP_SETGID))
#define LEAST	(REST | BIT(CAP_FSETID) | IDS)
/* As of Docker and podman. */
#define DOCKER	(LEAST | BIT(CAP_KILL) | BIT(CAP_SETPCAP) | BIT(CAP_MKNOD) | \
		    BIT(CAP_NET_RAW) | BIT(CAP_NET_BIND_SERVICE) |	\
		    BIT(CAP_SYS_CHROOT) | BIT(CAP_AUDIT_WRITE) |	\
		    BIT(CAP_SETFCAP))

/* Which calls the filter forbids, besides. */
enum filter {
	FILTER_NONE,
	FILTER_USERNS,		/* no new namespaces */
	FILTER_DOCKER,		/* nor mounts, and no clone3 */
	FILTER_OLD		/* a container's that has not heard of it */
};

/* What a process may do when it starts the daemon. */
struct place {
	const char	*name;
	uid_t		user;
	uint64_t	caps;		/* bounding set; of root all it gets */
	void		(*enter)(void);	/* before that, as root; or NULL */
	void		(*after)(void);	/* as the user */
	enum filter	filter;
	int		no_new_privs;
};

struct expect {
	int		one_id;		/* worker and monitor */
	unsigned int	guest;		/* an id that files can be given */
	uid_t		owner;		/* what that is on the host */
	uid_t		other;		/* the same of OTHER; 0: refused */
	const char	*says[4];
};

struct run {
	const struct place	*place;
	pid_t			pid;
	int			log_fd;
	int			fd;	/* the client's end */
};

static char programs[80], share[160];
static const char *const modes[] = { "--sandbox=namespace",
    "--sandbox=chroot", "--sandbox=none" };

#define NAMESPACE	modes[0]
#define CHROOT		modes[1]
#define NONE		modes[2]
#define ONE_ID		"worker and monitor have the same user id"

static void
drop_bounding(uint64_t keep)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if ((keep & BIT(cap)) == 0 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			_exit(126);
}

static void
become(const struct place *place)
{
	uid_t user = place->user;

	if (place->enter != NULL)
		place->enter();
	drop_bounding(place->caps);
	if (user != 0 && (setgroups(0, NULL) != 0 ||
	    setresgid(user, user, user) != 0 ||
	    setresuid(user, user, user) != 0))
		_exit(126);
	/* As after execve(2): /proc/self is the user's. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
		_exit(126);
	if (place->after != NULL)
		place->after();
	if (place->no_new_privs &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		_exit(126);
}

/* Words in front of the command line, which deny(1) of regress/lib takes. */
static size_t
filter_words(const char **argv, enum filter filter)
{
	static const int numbers[] = { SYS_unshare, SYS_setns, SYS_mount,
	    SYS_umount2, SYS_pivot_root, SYS_open_tree, SYS_move_mount,
	    SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_mount_setattr };
	static char text[COUNT(numbers)][12], clone3[12], openat2[12],
	    deny[96];
	size_t n = 0, calls = 0;

	if (filter == FILTER_NONE)
		return 0;
	if (filter != FILTER_OLD)
		calls = filter == FILTER_DOCKER ? COUNT(numbers) : 1;
	snprintf(deny, sizeof(deny), "%s/deny", programs);
	snprintf(openat2, sizeof(openat2), "%d", SYS_openat2);
	snprintf(clone3, sizeof(clone3), "%d", SYS_clone3);
	argv[n++] = deny;
	argv[n++] = "ENOSYS";
	argv[n++] = clone3;
	argv[n++] = "--";
	argv[n++] = deny;
	argv[n++] = "EPERM";
	if (filter == FILTER_OLD)
		argv[n++] = openat2;
	for (size_t i = 0; i < calls; i++) {
		snprintf(text[i], sizeof(text[i]), "%d", numbers[i]);
		argv[n++] = text[i];
	}
	argv[n++] = "--";
	return n;
}

static void __attribute__((noreturn))
run_child(const struct place *place, const char *const *argv, int keep,
    int log_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	if (null < 0 || dup2(null, 0) < 0 || dup2(log_fd, 1) < 0 ||
	    dup2(log_fd, 2) < 0 || dup2(keep, INHERITED) < 0)
		_exit(126);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	become(place);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void
run_start(struct run *r, const struct place *place, const char *protocol,
    const char *const *extra)
{
	char program[96], worker[128], dir[192], from[32];
	const char *argv[WORDS_MAX];
	size_t n = filter_words(argv, place->filter);
	int pair[2];

	*r = (struct run){ .place = place,
	    .log_fd = memfd_create("server-log", MFD_CLOEXEC) };
	if (r->log_fd < 0 || fcntl(r->log_fd, F_SETFL, O_APPEND) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		tap_bail("log or socket");
	snprintf(program, sizeof(program), "%s/privfsd", programs);
	snprintf(worker, sizeof(worker), "--worker-path=%s/privfsd-worker",
	    programs);
	snprintf(dir, sizeof(dir), "--shared-dir=%s", share);
	snprintf(from, sizeof(from), "--fd=%d", INHERITED);
	argv[n++] = program;
	argv[n++] = protocol;
	argv[n++] = worker;
	argv[n++] = dir;
	argv[n++] = from;
	while (*extra != NULL)
		argv[n++] = *extra++;
	argv[n] = NULL;
	fflush(NULL);
	r->pid = fork();
	if (r->pid < 0)
		tap_bail("fork");
	if (r->pid == 0)
		run_child(place, argv, pair[1], r->log_fd);
	close(pair[1]);
	r->fd = pair[0];
}

static int
run_is_ready(struct run *r)
{
	long long end = procs_now_ms() + SERVER_TIMEOUT_MS;
	int over = 0;

	while (strstr(server_log_text(r->log_fd), "ready: ") == NULL) {
		siginfo_t info = { .si_pid = 0 };

		if (over || procs_now_ms() > end)
			return tap_ok(0, "it gets ready");
		procs_sleep_us(1000);
		/* One look more at what it wrote before its end. */
		over = waitid(P_PID, (id_t)r->pid, &info,
		    WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
	}
	return tap_ok(1, "it gets ready");
}

static void
run_end(struct run *r, int want)
{
	if (r->fd >= 0)
		close(r->fd);
	if (!tap_is_int(server_wait_or_kill(r->pid, SERVER_TIMEOUT_MS), want,
	    "exit status"))
		tap_diag("%s", server_log_text(r->log_fd));
	close(r->log_fd);
	tap_is_int(procs_wait_gone(getpid(), SERVER_TIMEOUT_MS), 0,
	    "no process is left");
}

/* In the process's user namespace, if that is another, and without rights. */
static int
become_neighbour(uid_t user, pid_t pid)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct none[2] = { { .effective = 0 } };
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || (setns(fd, CLONE_NEWUSER) != 0 && errno != EINVAL))
		return -1;
	drop_bounding(0);
	if (setresgid(user, user, user) != 0 ||
	    setresuid(user, user, user) != 0)
		return -1;
	return (int)syscall(SYS_capset, &header, none);
}

/* Ways into a process for another of the same user without capabilities. */
static int
try_intrusion(uid_t user, pid_t pid)
{
	char path[64];
	int ways = 0;

	if (become_neighbour(user, pid) != 0)
		return 64;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	if (open(path, O_RDONLY | O_CLOEXEC) != -1)
		ways |= 1;
	snprintf(path, sizeof(path), "/proc/%d/fd/0", pid);
	if (open(path, O_RDONLY | O_CLOEXEC) != -1)
		ways |= 2;
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) != -1)
		ways |= 4;
	return ways;
}

static void
is_closed_to(uid_t user, pid_t pid, const char *who)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0)
		tap_bail("fork");
	if (child == 0)
		_exit(try_intrusion(user, pid));
	tap_is_int(server_wait_or_kill(child, SERVER_TIMEOUT_MS), 0,
	    "the %s is closed to others of its user id", who);
}

/* After things were made, for which the monitor's threads change ids. */
static void
is_locked(const struct run *r, const struct expect *e)
{
	static const char *const names[] = { "launcher", "monitor", "worker" };
	pid_t pid[3] = { r->pid };
	struct proc_status st[3];

	server_find(r->pid, &pid[1], &pid[2]);
	for (size_t i = 0; i < COUNT(pid); i++) {
		if (!tap_ok(pid[i] > 0 && procs_read_status(pid[i], 0,
		    &st[i]) == 0, "%s: found", names[i]))
			return;
		tap_ok(st[i].seccomp == 2 && st[i].no_new_privs == 1,
		    "%s: a filter, no_new_privs", names[i]);
		tap_ok(st[i].cap_inh == 0 && st[i].cap_amb == 0,
		    "%s: nothing inheritable or ambient", names[i]);
		if (e->one_id)
			is_closed_to(e->guest, pid[i], names[i]);
	}
	tap_ok((st[1].uid[0] == st[2].uid[0]) == e->one_id,
	    "user id of the monitor %u, of the worker %u", st[1].uid[0],
	    st[2].uid[0]);
	tap_ok(st[2].cap_prm == 0 && st[2].cap_eff == 0,
	    "worker: no capability");
	tap_ok((st[0].cap_prm & ~BIT(CAP_KILL)) == 0,
	    "launcher: no capability but one");
}

/* What is on the host afterwards; removes it. */
static void
is_made(const char *name, uid_t owner)
{
	char path[192];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", share, name);
	if (tap_ok(lstat(path, &st) == 0, "it is on the host"))
		tap_ok(st.st_uid == owner && st.st_gid == owner,
		    "it belongs to %u:%u, not %u:%u", owner, owner,
		    st.st_uid, st.st_gid);
	tap_is_str(host_read(path), "content", "and has its content");
	unlink(path);
}

/* What the guest's root makes is the daemon's own, if it is not root. */
static void
is_of_root(int result, const struct expect *e)
{
	char path[192];
	struct stat st;

	snprintf(path, sizeof(path), "%s/root", share);
	tap_ok(result >= 0 && lstat(path, &st) == 0 && st.st_uid == e->owner &&
	    st.st_gid == e->owner, "a directory of the guest's root is of %u "
	    "on the host: %s", e->owner, fuse_result_name(result));
	rmdir(path);
}

/* A file of an id that may not be the daemon's to give. */
static void
is_other(int result, const struct expect *e)
{
	char path[192];
	struct stat st;

	snprintf(path, sizeof(path), "%s/other", share);
	if (e->other != 0)
		tap_ok(result >= 0 && lstat(path, &st) == 0 &&
		    st.st_uid == e->other && st.st_gid == e->other,
		    "a file of %u is of %u on the host: %s", OTHER, e->other,
		    fuse_result_name(result));
	else
		tap_ok(result == -EPERM && !host_exists(path),
		    "no file of %u, and nothing left of it: %s", OTHER,
		    fuse_result_name(result));
	unlink(path);
}

static void
serve_9p(struct run *r, const struct expect *e)
{
	struct p9_client c = { .fd = r->fd, .timeout_ms = SERVER_TIMEOUT_MS };
	struct p9_stat st;
	char text[16] = "";
	int fd = -1;

	is_result(p9_lstat(&c, "/", &st), 0, "the root's attributes");
	is_result(p9_create(&c, "//new", O_RDWR | O_CREAT | O_EXCL, 0600,
	    e->guest, e->guest, &fd), 0, "a file of %u", e->guest);
	tap_ok(fd >= 0 && write(fd, "content", 7) == 7, "it is written to");
	if (fd >= 0)
		close(fd);
	fd = -1;
	is_result(p9_open(&c, "//new", O_RDONLY, &fd), 0, "it is opened");
	tap_ok(fd >= 0 && read(fd, text, sizeof(text)) == 7 &&
	    strcmp(text, "content") == 0, "and read");
	if (fd >= 0)
		close(fd);
	is_made("new", e->owner);
	if (e->guest != 0)
		is_of_root(p9_mkdir(&c, "//root", 0700, 0, 0), e);
	fd = -1;
	is_other(p9_create(&c, "//other", O_RDWR | O_CREAT | O_EXCL, 0600,
	    OTHER, OTHER, &fd), e);
	if (fd >= 0)
		close(fd);
	is_locked(r, e);
}

static void
serve_fuse(struct fuse_client *c, const struct expect *e)
{
	struct fuse_init_options init = { .flags = fuse_default_init_flags() };
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	char text[16] = "";

	tap_ok(fuse_init(c, &init) >= 0, "INIT");
	c->uid = c->gid = e->guest;
	tap_ok(fuse_create(c, FUSE_ROOT_ID, "new", O_RDWR, 0600, &entry,
	    &open) >= 0, "a file of %u", e->guest);
	tap_is_int(fuse_write(c, entry.nodeid, open.fh, 0, "content", 7), 7,
	    "it is written to");
	fuse_release(c, entry.nodeid, open.fh);
	tap_ok(fuse_lookup(c, FUSE_ROOT_ID, "new", &entry) >= 0 &&
	    fuse_open(c, entry.nodeid, O_RDONLY, &open) >= 0,
	    "it is found and opened");
	tap_ok(fuse_read(c, entry.nodeid, open.fh, 0, text, 7) == 7 &&
	    strcmp(text, "content") == 0, "and read");
	is_made("new", e->owner);
	if (e->guest != 0) {
		c->uid = c->gid = 0;
		is_of_root(fuse_mkdir(c, FUSE_ROOT_ID, "root", 0700, &entry),
		    e);
	}
	c->uid = c->gid = OTHER;
	is_other(fuse_create(c, FUSE_ROOT_ID, "other", O_RDWR, 0600, &entry,
	    &open), e);
}

static void
serve_virtiofs(struct run *r, const struct expect *e)
{
	const struct vhost_options options = { 0 };
	struct vhost_front front;
	struct fuse_client c;
	int error;

	error = vhost_front_setup(&front, r->fd, &options);
	r->fd = -1;
	if (!tap_is_int(error, 0, "vhost-user and its rings"))
		return;
	fuse_client_init(&c, &front, 1, 0);
	serve_fuse(&c, e);
	is_locked(r, e);
	fuse_client_free(&c);
	vhost_front_close(&front);
}

static void
is_said(const struct run *r, const struct expect *e)
{
	const char *log = server_log_text(r->log_fd);

	for (size_t i = 0; i < COUNT(e->says) && e->says[i] != NULL; i++)
		if (!tap_ok(strstr(log, e->says[i]) != NULL, "it says: %s",
		    e->says[i]))
			tap_diag("%s", log);
	tap_ok((strstr(log, ONE_ID) != NULL) == e->one_id,
	    "it says whether there is one user id");
	tap_ok(strstr(log, "error: ") == NULL, "and no error");
}

static void
test_protocol(const struct place *place, const char *const *extra,
    const struct expect *e, int virtiofs)
{
	const char *protocol = virtiofs ? "--protocol=virtiofs" :
	    "--protocol=9p-proxy";
	struct run r;

	tap_context("%s, %s, %s: ", place->name, extra[0], protocol + 11);
	run_start(&r, place, protocol, extra);
	if (run_is_ready(&r)) {
		is_said(&r, e);
		if (virtiofs)
			serve_virtiofs(&r, e);
		else
			serve_9p(&r, e);
	}
	run_end(&r, 0);
}

/* The share belongs to who is to serve it. */
static void
test_options(const struct place *place, const char *const *extra,
    struct expect e)
{
	if (chown(share, place->user, place->user) != 0)
		tap_bail("%s", share);
	test_protocol(place, extra, &e, 0);
	test_protocol(place, extra, &e, 1);
}

static void
test_serves(const struct place *place, const char *mode, struct expect e)
{
	const char *const extra[] = { mode, NULL };

	test_options(place, extra, e);
}

static void
test_refuses(const struct place *place, const char *const *extra,
    const char *says, const char *also)
{
	const char *log;
	struct run r;

	tap_context("%s, %s, refused: ", place->name, extra[0]);
	run_start(&r, place, "--protocol=virtiofs", extra);
	tap_is_int(server_wait_or_kill(r.pid, SERVER_TIMEOUT_MS), 1,
	    "exit status");
	log = server_log_text(r.log_fd);
	if (!tap_ok(strstr(log, says) != NULL, "it says: %s", says) ||
	    !tap_ok(strstr(log, also) != NULL, "and: %s", also))
		tap_diag("%s", log);
	tap_ok(strstr(log, "\nprivfsd: info: ready") == NULL, "not ready");
	close(r.fd);
	close(r.log_fd);
	tap_is_int(procs_wait_gone(getpid(), SERVER_TIMEOUT_MS), 0,
	    "no process is left");
}

#define REFUSES(place, says, also, ...)					\
	test_refuses(place,						\
	    (const char *const []){ __VA_ARGS__, NULL }, says, also)

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		_exit(126);
	close(fd);
}

/* As unshare -r does it. */
static void
enter_one_id(void)
{
	char map[32];

	if (unshare(CLONE_NEWUSER) != 0)
		_exit(126);
	snprintf(map, sizeof(map), "0 %d 1", USER);
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", map);
	write_file("/proc/self/gid_map", map);
}

/* Who is in the namespace cannot write such a map. */
static void
map_all(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	write_file(path, "0 0 65536");
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	write_file(path, "0 0 65536");
}

/* A user namespace in which no other may be made. */
static void
enter_last_namespace(void)
{
	pid_t self = getpid(), pid;
	int go[2], status;
	char byte;

	if (pipe2(go, O_CLOEXEC) != 0 || (pid = fork()) == -1)
		_exit(126);
	if (pid == 0) {
		if (read(go[0], &byte, 1) == 1)
			map_all(self);
		_exit(0);
	}
	if (unshare(CLONE_NEWUSER) != 0 || write(go[1], "", 1) != 1 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		_exit(126);
	write_file("/proc/sys/user/max_user_namespaces", "0");
}

/* Of this process's own mounts. */
static void
enter_readonly_proc(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/proc", NULL,
	    MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) != 0)
		_exit(126);
}

/* As systemd's SecureBits=noroot and AmbientCapabilities=. */
static void
enter_noroot(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) != 0)
		_exit(126);
	for (size_t i = 0; i < COUNT(data); i++)
		data[i].inheritable = data[i].permitted;
	if (syscall(SYS_capset, &header, data) != 0)
		_exit(126);
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0) != 0)
		_exit(126);
}

static int
can_enter(const struct place *place)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		tap_bail("fork");
	if (pid == 0) {
		become(place);
		_exit(0);
	}
	if (server_wait_or_kill(pid, SERVER_TIMEOUT_MS) == 0)
		return 1;
	tap_context("%s: ", place->name);
	tap_skip("the kernel permits no such place");
	return 0;
}

/* An ordinary user who has nothing, and may make no user namespace. */
static void
test_nothing(void)
{
	static const struct place places[] = {
		{ .name = "below a filter", .user = USER,
		    .filter = FILTER_USERNS },
		{ .name = "no namespaces left", .user = USER,
		    .enter = enter_last_namespace, .no_new_privs = 1 },
		{ .name = "/proc is read-only", .user = USER,
		    .enter = enter_readonly_proc },
		{ .name = "restricted container", .user = USER,
		    .filter = FILTER_DOCKER, .no_new_privs = 1 },
	};
	const struct expect e = { .one_id = 1, .guest = USER, .owner = USER,
	    .says = { "the monitor goes without these capabilities: chown" } };

	for (size_t i = 0; i < COUNT(places); i++) {
		if (!can_enter(&places[i]))
			continue;
		test_serves(&places[i], NONE, e);
		REFUSES(&places[i], "cannot make a user namespace",
		    "--sandbox=none", NAMESPACE);
		REFUSES(&places[i], "cannot make a user namespace",
		    "--sandbox=none", CHROOT);
		REFUSES(&places[i], "--uid-map: cannot make a user namespace",
		    "leave the option out", NONE, "--uid-map=:0:1000:1:");
		REFUSES(&places[i], "without these capabilities: mknod",
		    "permit user namespaces", NONE, "--modcaps=+mknod");
	}
}

static const struct place one_id = { .name = "unshare -r", .user = USER,
    .after = enter_one_id };

/* Root of a user namespace that has one id. */
static void
test_one_id(void)
{
	const struct expect e = { .one_id = 1, .owner = USER };

	if (!can_enter(&one_id))
		return;
	for (size_t i = 0; i < COUNT(modes); i++)
		test_serves(&one_id, modes[i], e);
}

/* The start without root as it always was. */
static void
test_rootless(void)
{
	static const struct place place = { .name = "without root",
	    .user = USER, .no_new_privs = 1 };
	const struct expect e = { .one_id = 1, .owner = USER };

	if (!can_enter(&one_id))
		return;
	for (size_t i = 0; i < COUNT(modes); i++)
		test_serves(&place, modes[i], e);
	REFUSES(&place, "no_new_privs", "newuidmap", NONE,
	    "--uid-map=:0:1000:1:", "--uid-map=:1:100000:9:");
}

/* Gives a user who has a name ids to map, in this mount namespace. */
static int
give_subids(const char *base)
{
	static const char *const files[] = { "/etc/subuid", "/etc/subgid" };
	char path[96];

	snprintf(path, sizeof(path), "%s/subids", base);
	host_write(path, "65534:300000:10000\nnobody:300000:10000\n", 0644, 0,
	    0);
	if (access("/usr/bin/newuidmap", X_OK) != 0 ||
	    access("/usr/bin/newgidmap", X_OK) != 0)
		return -1;
	for (size_t i = 0; i < COUNT(files); i++)
		if (mount(path, files[i], NULL, MS_BIND, NULL) != 0)
			return -1;
	return 0;
}

/*
 * Several ranges, as libvirt gives them and in another order: the worker has an
 * id that is neither the monitor's nor the guest's root's.
 */
static void
test_maps(const struct fixture *f)
{
	static const struct place place = { .name = "maps", .user = NOBODY,
	    .caps = UINT64_MAX };
	static const char *const orders[][5] = {
		{ "--uid-map=:0:65534:1:", "--uid-map=:1:300000:10000:",
		    "--gid-map=:0:65534:1:", "--gid-map=:1:300000:10000:" },
		{ "--uid-map=/1/300000/10000/", "--uid-map=:0:65534:1:",
		    "--gid-map=/1/300000/10000/", "--gid-map=:0:65534:1:" },
		{ "--uid-map=:0:300000:9999:", "--uid-map=:9999:65534:1:",
		    "--gid-map=:0:300000:9999:,:9999:65534:1:" }
	};
	const struct expect e[] = {
		{ .owner = NOBODY, .other = 300000 + OTHER - 1 },
		{ .owner = NOBODY, .other = 300000 + OTHER - 1 },
		{ .owner = 300000, .other = 300000 + OTHER }
	};

	if (give_subids(f->base) != 0 || !can_enter(&place)) {
		tap_context("%s", "maps: ");
		tap_skip("no newuidmap, or no /etc/subuid");
		return;
	}
	for (size_t i = 0; i < COUNT(orders); i++)
		test_options(&place, orders[i], e[i]);
}

/* Root of a container. */
static void
test_containers(void)
{
	static const struct place docker = { .name = "container",
	    .caps = DOCKER, .filter = FILTER_DOCKER };
	static const struct place few = { .name = "root, no capability",
	    .filter = FILTER_DOCKER };
	static const struct place old = { .name = "old container",
	    .caps = DOCKER, .filter = FILTER_OLD };
	const struct expect all = { .other = OTHER };
	const struct expect none = { .one_id = 1,
	    .says = { "the monitor goes without these capabilities: chown",
	    "setpcap" } };

	test_serves(&docker, CHROOT, all);
	test_serves(&docker, NONE, all);
	REFUSES(&docker, "without these capabilities: sys_admin",
	    "--sandbox=chroot", NAMESPACE);
	REFUSES(&old, "openat2", "update", CHROOT);
	test_serves(&few, NONE, none);
	REFUSES(&few, "without these capabilities: ", "--sandbox=none",
	    CHROOT);
	REFUSES(&few, "without these capabilities: ", "--sandbox=none",
	    NAMESPACE);
	REFUSES(&few, "without these capabilities: ", "setuid", NONE,
	    "--worker-user=4321");
}

/* Each mode with no more than it cannot do without. */
static void
test_least(void)
{
	static const struct place admin = { .name = "sys_admin and the least",
	    .caps = LEAST | BIT(CAP_SYS_ADMIN) };
	static const struct place chroots = {
	    .name = "sys_chroot and the least",
	    .caps = LEAST | BIT(CAP_SYS_CHROOT) };
	static const struct place least = { .name = "the least",
	    .caps = LEAST };
	static const struct place noroot = { .name = "noroot",
	    .caps = UINT64_MAX, .after = enter_noroot };
	const struct expect locked = { .other = OTHER, .says = {
	    "without the capability setpcap" } };
	const struct expect both = { .other = OTHER, .says = {
	    "without the capability setpcap",
	    "without the capability kill" } };

	test_serves(&admin, NAMESPACE, locked);
	test_serves(&chroots, CHROOT, both);
	test_serves(&least, NONE, both);
	for (size_t i = 0; i < COUNT(modes); i++)
		test_serves(&noroot, modes[i],
		    (struct expect){ .other = OTHER });
}

/* The worker has another uid, and the launcher may not end it. */
static void
test_ends(const char *mode, int sig)
{
	static const struct place place = { .name = "without kill",
	    .caps = LEAST | BIT(CAP_SYS_CHROOT) };
	const char *const extra[] = { mode, NULL };

	for (int virtiofs = 0; virtiofs < 2; virtiofs++) {
		struct run r;

		tap_context("without kill, %s, signal %d, %d: ", mode, sig,
		    virtiofs);
		run_start(&r, &place, virtiofs ? "--protocol=virtiofs" :
		    "--protocol=9p-proxy", extra);
		if (run_is_ready(&r))
			kill(r.pid, sig);
		run_end(&r, sig == SIGKILL ? 128 + SIGKILL : 0);
	}
}

static void
body(struct fixture *f)
{
	const char *deny = getenv("top_builddir");
	char path[4096];

	if (server_kind_from_env() == SERVER_HELPER)
		tap_skip_all("not for the helper");
	snprintf(share, sizeof(share), "%s", f->share[0].dir);
	snprintf(programs, sizeof(programs), "%s/bin", f->base);
	host_mkdir(programs, 0755, 0, 0);
	host_copy(server_program(SERVER_PRIVFSD), programs, "privfsd", 0755);
	/* As installed. */
	host_copy(server_worker_program(), programs, "privfsd-worker", 0711);
	snprintf(path, sizeof(path), "%s/regress/lib/deny",
	    deny != NULL ? deny : ".");
	host_copy(path, programs, "deny", 0755);
	test_nothing();
	test_one_id();
	test_rootless();
	test_maps(f);
	test_containers();
	test_least();
	for (size_t i = 1; i < COUNT(modes); i++) {
		test_ends(modes[i], SIGTERM);
		test_ends(modes[i], SIGKILL);
	}
	tap_context("%s", "");
}

int
main(void)
{
	return fixture_main(body, 300);
}
