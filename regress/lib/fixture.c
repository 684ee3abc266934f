/* SPDX-License-Identifier: ISC */
/*
 * Private mount namespace, shares, supervision and clean-up for the tests.
 * The first process supervises; the test itself is its child, so that a
 * crash or a time-out still leaves nothing behind. Test code, runs as root.
 */
#include "fixture.h"

#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <linux/loop.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "procs.h"
#include "server.h"
#include "tap.h"

#define IMAGE_SIZE	(64L << 20)
#define FIXTURE_BUSY	5	/* times a limit, on a busy machine */

extern char **environ;

void
host_mkdir(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	if (mkdir(path, 0700) != 0 || lchown(path, uid, gid) != 0 ||
	    chmod(path, mode) != 0)
		tap_bail("mkdir %s", path);
}

void
host_write(const char *path, const char *content, mode_t mode, uid_t uid,
    gid_t gid)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	size_t len = strlen(content);

	if (fd < 0 || write(fd, content, len) != (ssize_t)len ||
	    fchown(fd, uid, gid) != 0 || fchmod(fd, mode) != 0)
		tap_bail("write %s", path);
	close(fd);
}

void
host_copy(const char *from, const char *dir, const char *name, mode_t mode)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	char path[160];
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	if (in < 0 || out < 0 || fstat(in, &st) != 0 || fchmod(out, mode) != 0)
		tap_bail("copy %s to %s", from, path);
	while ((n = sendfile(out, in, NULL, (size_t)st.st_size)) > 0)
		;
	if (n < 0)
		tap_bail("copy %s to %s", from, path);
	close(in);
	close(out);
}

void
host_symlink(const char *target, const char *path)
{
	if (symlink(target, path) != 0)
		tap_bail("symlink %s", path);
}

void
host_mknod(const char *path, mode_t mode, dev_t dev)
{
	if (mknod(path, mode, dev) != 0 || chmod(path, mode & 07777) != 0)
		tap_bail("mknod %s", path);
}

void
host_lstat(const char *path, struct stat *st)
{
	if (lstat(path, st) != 0)
		tap_bail("lstat %s", path);
}

const char *
host_read(const char *path)
{
	static char content[4096];
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, content, sizeof(content) - 1);

	content[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return content;
}

int
host_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static struct {
	char		dir[160], file[176], victim[176];
	struct stat	dir_st, file_st, victim_st;
} canary[2];

void
canary_plant(const struct fixture_share *share)
{
	size_t i = strcmp(share->fs, "ext4") == 0;

	snprintf(canary[i].dir, sizeof(canary[i].dir), "%s/canary",
	    share->outside);
	snprintf(canary[i].file, sizeof(canary[i].file), "%s/canary/file",
	    share->outside);
	snprintf(canary[i].victim, sizeof(canary[i].victim), "%s/canary/dir",
	    share->outside);
	host_mkdir(canary[i].dir, 0755, 0, 0);
	host_mkdir(canary[i].victim, 0755, 0, 0);
	host_write(canary[i].file, "canary", 0644, 0, 0);
	host_lstat(canary[i].dir, &canary[i].dir_st);
	host_lstat(canary[i].file, &canary[i].file_st);
	host_lstat(canary[i].victim, &canary[i].victim_st);
}

static int
canary_same(const char *path, const struct stat *was)
{
	struct stat now;

	return lstat(path, &now) == 0 && now.st_ino == was->st_ino &&
	    now.st_mode == was->st_mode && now.st_uid == was->st_uid &&
	    now.st_gid == was->st_gid && now.st_size == was->st_size &&
	    now.st_nlink == was->st_nlink &&
	    now.st_mtim.tv_sec == was->st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == was->st_mtim.tv_nsec &&
	    now.st_ctim.tv_sec == was->st_ctim.tv_sec &&
	    now.st_ctim.tv_nsec == was->st_ctim.tv_nsec;
}

int
canary_check(const struct fixture_share *share)
{
	size_t i = strcmp(share->fs, "ext4") == 0;

	if (!canary_same(canary[i].dir, &canary[i].dir_st) ||
	    !canary_same(canary[i].file, &canary[i].file_st) ||
	    !canary_same(canary[i].victim, &canary[i].victim_st) ||
	    strcmp(host_read(canary[i].file), "canary") != 0)
		return -1;
	return 0;
}

int
canary_is(const struct fixture_share *share, const struct stat *st)
{
	size_t i = strcmp(share->fs, "ext4") == 0;

	return st->st_dev == canary[i].dir_st.st_dev &&
	    (st->st_ino == canary[i].dir_st.st_ino ||
	    st->st_ino == canary[i].file_st.st_ino ||
	    st->st_ino == canary[i].victim_st.st_ino);
}

static int
fixture_run(const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY,
	    0);
	error = posix_spawnp(&pid, argv[0], &actions, NULL,
	    (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return error != 0 ? SERVER_HUNG : server_wait(pid, 60000);
}

/* A free loop device on the image; it goes away with its last user. */
static int
fixture_loop(const char *image, char *device, size_t size)
{
	int image_fd = open(image, O_RDWR | O_CLOEXEC), fd = -1, number;
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop_config config = { .fd = (__u32)image_fd,
	    .info.lo_flags = LO_FLAGS_AUTOCLEAR };

	/* Somebody else may take the free number first: try again. */
	for (int attempt = 0; control >= 0 && attempt < 32; attempt++) {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		if (number < 0)
			break;
		snprintf(device, size, "/dev/loop%d", number);
		fd = open(device, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0)
			break;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	close(control);
	close(image_fd);
	return fd;
}

/* Returns why there is no ext4, NULL when there is. */
static const char *
fixture_mount_ext4(const char *image, const char *dir)
{
	const char *argv[] = { "mkfs.ext4", "-q", "-F", "-b", "4096", "-O",
	    "ea_inode,^has_journal", "-E", "lazy_itable_init=0", image, NULL };
	const char *missing = NULL;
	char device[32];
	int fd;

	fd = open(image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, IMAGE_SIZE) != 0)
		tap_bail("%s", image);
	close(fd);
	if (setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1) != 0 ||
	    fixture_run(argv) != 0)
		return "no mkfs.ext4";
	fd = fixture_loop(image, device, sizeof(device));
	if (fd < 0)
		return "no loop device";
	if (mount(device, dir, "ext4", 0, "") != 0)
		missing = "ext4 cannot be mounted";
	close(fd);
	return missing;
}

static void
fixture_share_dirs(struct fixture_share *share, const char *base)
{
	snprintf(share->dir, sizeof(share->dir), "%s/%s/share", base,
	    share->fs);
	snprintf(share->outside, sizeof(share->outside), "%s/%s/outside",
	    base, share->fs);
	if (share->missing != NULL)
		return;
	host_mkdir(share->dir, 0755, 0, 0);
	host_mkdir(share->outside, 0755, 0, 0);
}

static void
fixture_set_up(struct fixture *f)
{
	char path[128], image[128];

	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", f->base, "tmpfs", 0, "mode=0755") != 0)
		tap_skip_all("no private mount namespace: %s",
		    strerror(errno));
	umask(0);
	f->share[0].fs = "tmpfs";
	f->share[1].fs = "ext4";
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", f->base,
		    f->share[i].fs);
		host_mkdir(path, 0755, 0, 0);
	}
	snprintf(image, sizeof(image), "%s/ext4.img", f->base);
	f->share[1].missing = fixture_mount_ext4(image, path);
	for (size_t i = 0; i < 2; i++)
		fixture_share_dirs(&f->share[i], f->base);
	if (server_kind_from_env() == SERVER_HELPER)
		return;
	snprintf(path, sizeof(path), "%s/virtfs-proxy-helper", f->base);
	host_symlink(server_program(SERVER_PRIVFSD), path);
	setenv("PRIVFSD_DROPIN", path, 1);
}

static void __attribute__((noreturn))
fixture_child(struct fixture *f, void (*body)(struct fixture *),
    pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* What a server leaves behind becomes a child, where it is seen. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (getppid() != parent)
		_exit(1);
	fixture_set_up(f);
	body(f);
	exit(tap_done_testing());
}

/* Ends and reaps every process that has become ours. */
static void
fixture_end_leftovers(void)
{
	pid_t found[PROCS_MAX];
	size_t count;

	for (int round = 0; round < 100; round++) {
		count = procs_descendants(getpid(), found, PROCS_MAX);
		for (size_t i = 0; i < count; i++)
			kill(found[i], SIGKILL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (count == 0)
			return;
		procs_sleep_us(10000);
	}
}

/* Waits for the test's end, its time-out or a signal that ends us. */
static int
fixture_supervise(pid_t child, unsigned int limit_s, const sigset_t *signals)
{
	long long end = procs_now_ms() + FIXTURE_BUSY * 1000LL * limit_s;
	long long left;
	struct timespec wait;
	int status, number;

	for (;;) {
		if (waitpid(child, &status, WNOHANG) == child)
			break;
		left = end - procs_now_ms();
		if (left < 0)
			left = 0;
		wait.tv_sec = left / 1000;
		wait.tv_nsec = left % 1000 * 1000000;
		number = sigtimedwait(signals, NULL, &wait);
		if (number == SIGCHLD || (number < 0 && errno == EINTR))
			continue;
		printf("Bail out! %s\n", number < 0 ?
		    "the test takes too long" : "ended by a signal");
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		return 255;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	printf("Bail out! the test died of signal %d\n", WTERMSIG(status));
	return 255;
}

int
fixture_main(void (*body)(struct fixture *), unsigned int limit_s)
{
	static struct fixture f;
	pid_t self = getpid(), child;
	sigset_t signals;
	int status;

	if (geteuid() != 0)
		tap_skip_all("needs root");
	strcpy(f.base, "/tmp/privfsd-e2e.XXXXXX");
	if (mkdtemp(f.base) == NULL)
		tap_bail("%s", f.base);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	child = fork();
	if (child < 0)
		tap_bail("fork");
	if (child == 0)
		fixture_child(&f, body, self);
	status = fixture_supervise(child, limit_s, &signals);
	fflush(stdout);
	fixture_end_leftovers();
	/* The mounts ended with their namespace, so only this is left. */
	rmdir(f.base);
	return status;
}
