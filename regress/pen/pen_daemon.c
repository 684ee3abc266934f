/*
 * SPDX-License-Identifier: ISC
 *
 * Starts a daemon with a fake worker, tells that what to do, and looks at what
 * is left.  Test code.
 */
#include "config.h"

#include "regress/pen/pen_daemon.h"

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/procs.h"
#include "regress/lib/server.h"
#include "regress/lib/tap.h"
#include "regress/pen/pen_tree.h"

static const char *
fake_worker(void)
{
	static char path[PATH_MAX];
	const char *name = getenv("PEN_WORKER");

	if (name == NULL)
		name = "./regress/pen/pen_worker";
	if (realpath(name, path) == NULL || access(path, X_OK) == -1)
		tap_bail("%s (set PEN_WORKER): no such program", name);
	return path;
}

static const char *
in_dir(const struct fixture_share *share, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/dir%s%s", share->dir,
	    name[0] == '\0' ? "" : "/", name);
	return path;
}

/* Makes one mount read-only: in this namespace (mount_setattr(2)). */
static void
shield_mount(const char *path)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	if (mount_setattr(AT_FDCWD, path, 0, &attr, sizeof(attr)) == -1)
		tap_bail("mount_setattr %s", path);
}

/* All but the fixture's, one by one: its image file is open for writing. */
static void
shield_mounts(const struct fixture *f)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096], path[4096];

	if (file == NULL)
		tap_bail("mountinfo");
	/* proc(5): the fifth field is the mount point. */
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "%*s %*s %*s %*s %4095s", path) == 1 &&
		    strncmp(path, f->base, strlen(f->base)) != 0)
			shield_mount(path);
	fclose(file);
}

void
pen_shield(const struct fixture *f)
{
	static const char *const dirs[] = { "/", "/tmp", "/etc", "/root" };
	char path[128];

	shield_mounts(f);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/privfsd-pen-shield.%d",
		    dirs[i], getpid());
		if (mkdir(path, 0700) == 0) {
			rmdir(path);
			tap_bail("%s can be written to", dirs[i]);
		}
		if (errno != EROFS && errno != ENOENT)
			tap_bail("%s", path);
	}
}

static int
remove_entry(const char *path, const struct stat *st, int type,
    struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level == 0 ? 0 : remove(path);
}

void
pen_populate(const struct fixture_share *share)
{
	if (nftw(share->dir, remove_entry, 16, FTW_PHYS | FTW_DEPTH) != 0)
		tap_bail("%s", share->dir);
	host_mkdir(in_dir(share, ""), 0755, 0, 0);
	host_write(in_dir(share, "file"), "content", 0644, 0, 0);
	if (setxattr(in_dir(share, "file"), "user.pen", "value", 5, 0) == -1)
		tap_diag("no xattrs on %s", share->fs);
	host_write(in_dir(share, "victim"), "victim", 0644, 0, 0);
	host_write(in_dir(share, "setid"), "setid", 06755, 0, 0);
	host_mkdir(in_dir(share, "victim-dir"), 0755, 0, 0);
	host_mkdir(in_dir(share, "sub"), 0755, 0, 0);
	host_symlink("file", in_dir(share, "link"));
	host_symlink("../../outside", in_dir(share, "out"));
	host_symlink("../../outside/canary/file", in_dir(share, "out-file"));
	host_symlink(share->outside, in_dir(share, "absolute"));
	host_symlink("/", in_dir(share, "root"));
	host_symlink("loop", in_dir(share, "loop"));
	host_mknod(in_dir(share, "fifo"), S_IFIFO | 0644, 0);
	host_mknod(in_dir(share, "socket"), S_IFSOCK | 0644, 0);
	host_mknod(in_dir(share, "null"), S_IFCHR | 0666, makedev(1, 3));
	host_mknod(in_dir(share, "disk"), S_IFBLK | 0666, makedev(7, 200));
}

static char *
tree_of(const char *path)
{
	char parent[256], *slash, *text;
	int fd;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	*slash = '\0';
	fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		tap_bail("%s", parent);
	text = pen_tree(fd, slash + 1);
	close(fd);
	return text;
}

static char *
outside_of(const struct pen_daemon *d)
{
	char path[256];

	snprintf(path, sizeof(path), "%.*s/outside",
	    (int)(strrchr(d->share, '/') - d->share), d->share);
	return tree_of(path);
}

void
pen_start(struct pen_daemon *d, const struct fixture *f, const char *variant,
    const char *const *extra)
{
	pen_start_on(d, f, &f->share[0], variant, extra);
}

void
pen_start_on(struct pen_daemon *d, const struct fixture *f,
    const struct fixture_share *share, const char *variant,
    const char *const *extra)
{
	char worker[128], worker_path[160], dir[160], front_end[160];
	const char *argv[16] = { server_program(SERVER_PRIVFSD),
	    "--protocol=" PEN_PROTOCOL, dir, front_end, worker_path };
	size_t n = 5;
	int pair[2];

	*d = (struct pen_daemon){ .base = f->base, .share = share->dir };
	snprintf(worker, sizeof(worker), "%s/pen_worker.%s", f->base,
	    variant);
	if (symlink(fake_worker(), worker) == -1 && errno != EEXIST)
		tap_bail("%s", worker);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		tap_bail("socketpair");
	snprintf(worker_path, sizeof(worker_path), "--worker-path=%s", worker);
	snprintf(dir, sizeof(dir), "--shared-dir=%s", d->share);
	if (strcmp(variant, PEN_CHATTY) == 0)
		snprintf(front_end, sizeof(front_end), "--socket-path=%s/sock",
		    f->base);
	else
		snprintf(front_end, sizeof(front_end), "--fd=%d", pair[1]);
	while (extra != NULL && *extra != NULL && n < 15)
		argv[n++] = *extra++;
	d->before = tree_of(d->share);
	d->outside = outside_of(d);
	d->pid = server_spawn(argv, pair[1], pair[1], &d->log_fd);
	d->fd = pair[0];
	close(pair[1]);
}

int
pen_connect(struct pen_daemon *d)
{
	char path[128];

	close(d->fd);
	snprintf(path, sizeof(path), "%s/sock", d->base);
	d->fd = server_connect(path, PEN_TIMEOUT_MS);
	return d->fd < 0 ? d->fd : 0;
}

static void
send_command(struct pen_daemon *d, const struct pen_command *command,
    const void *bytes)
{
	/* That nobody reads any more is seen by who waits for the answer. */
	if (send(d->fd, command, sizeof(*command), MSG_NOSIGNAL) > 0 &&
	    command->len > 0)
		send(d->fd, bytes, command->len, MSG_NOSIGNAL);
}

void
pen_send_spoiled(struct pen_daemon *d, uint32_t op, size_t number)
{
	const struct pen_command command = { PEN_SPOILED, op,
	    (uint32_t)number, 0 };

	send_command(d, &command, NULL);
}

void
pen_send_attack(struct pen_daemon *d, enum pen_attack attack, uint32_t arg)
{
	const struct pen_command command = { PEN_ATTACK, attack, arg, 0 };

	send_command(d, &command, NULL);
}

/* Reads so many bytes, and a descriptor if there is one.  0 or -1. */
static int
receive(struct pen_daemon *d, void *to, size_t len, int *fd_out)
{
	struct pollfd wait = { .fd = d->fd, .events = POLLIN };
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(sizeof(int))];
	} control;
	uint8_t *at = to;

	while (len > 0) {
		struct iovec iov = { at, len };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		    .msg_control = control.buf,
		    .msg_controllen = sizeof(control.buf) };
		ssize_t n;

		if (poll(&wait, 1, PEN_TIMEOUT_MS) <= 0)
			return -1;
		n = recvmsg(d->fd, &msg, MSG_CMSG_CLOEXEC);
		if (n <= 0)
			return -1;
		if (CMSG_FIRSTHDR(&msg) != NULL && fd_out != NULL)
			memcpy(fd_out, CMSG_DATA(CMSG_FIRSTHDR(&msg)),
			    sizeof(int));
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
pen_answer(struct pen_daemon *d, int64_t *value_out)
{
	struct pen_answer head;

	if (receive(d, &head, sizeof(head), NULL) != 0)
		return -1;
	*value_out = head.value;
	return 0;
}

int64_t
pen_attack(struct pen_daemon *d, enum pen_attack attack, uint32_t arg)
{
	int64_t value = INT64_MIN;

	pen_send_attack(d, attack, arg);
	pen_answer(d, &value);
	return value;
}

int
pen_relay(struct pen_daemon *d, const struct pen_message *message,
    struct pen_result *result)
{
	static uint8_t bytes[PEN_BYTES_MAX];
	size_t len = pen_payload_len(message);
	const struct pen_command command = { PEN_RELAY, 0, 0,
	    (uint32_t)(sizeof(message->request) + len) };
	struct pen_answer head;

	memcpy(bytes, &message->request, sizeof(message->request));
	memcpy(bytes + sizeof(message->request), message->payload, len);
	send_command(d, &command, bytes);
	result->fd = -1;
	if (receive(d, &head, sizeof(head), &result->fd) != 0 ||
	    head.len < sizeof(result->reply) ||
	    head.len > sizeof(result->reply) + sizeof(result->data))
		return -1;
	return receive(d, &result->reply, sizeof(result->reply), NULL) != 0 ||
	    receive(d, result->data, head.len - sizeof(result->reply),
	    NULL) != 0 ? -1 : 0;
}

ssize_t
pen_read(struct pen_daemon *d, void *to, size_t len)
{
	struct pollfd wait = { .fd = d->fd, .events = POLLIN };

	if (poll(&wait, 1, PEN_TIMEOUT_MS) <= 0)
		return -1;
	return recv(d->fd, to, len, 0);
}

int
pen_wait_log(const struct pen_daemon *d, const char *text)
{
	long long end = procs_now_ms() + PEN_TIMEOUT_MS;

	while (strstr(server_log_text(d->log_fd), text) == NULL) {
		if (procs_now_ms() > end)
			return 0;
		procs_sleep_us(1000);
	}
	return 1;
}

static int
differs(char *now, const char *before)
{
	int changed = strcmp(now, before) != 0;

	if (changed)
		tap_diag("before:\n%s\nafter:\n%s", before, now);
	free(now);
	return changed;
}

int
pen_share_changed(const struct pen_daemon *d)
{
	return differs(tree_of(d->share), d->before);
}

int
pen_outside_changed(const struct pen_daemon *d)
{
	return differs(outside_of(d), d->outside);
}

/* Returns whether what is left to read is exactly `want` (0: nothing). */
static int
last_words_are(struct pen_daemon *d, int want)
{
	int32_t words[16];
	ssize_t n;
	size_t got = 0;

	while ((n = recv(d->fd, (uint8_t *)words + got, sizeof(words) - got,
	    MSG_DONTWAIT)) > 0)
		got += (size_t)n;
	if (want == PEN_ANY)
		return 1;
	if (want == 0)
		return got == 0;
	return got == sizeof(words[0]) && words[0] == want;
}

static void
release(struct pen_daemon *d)
{
	close(d->fd);
	close(d->log_fd);
	free(d->before);
	free(d->outside);
}

void
pen_expect_end(struct pen_daemon *d, int status, const char *why,
    int share_too, int last_words, const char *name)
{
	int got = server_wait(d->pid, PEN_TIMEOUT_MS);
	const char *log = server_log_text(d->log_fd);
	int good = got == status ||
	    (status == PEN_ANY && (got == 0 || got == 1));

	good = good && (why == NULL || strstr(log, why) != NULL);
	if (got == SERVER_HUNG) {
		kill(d->pid, SIGKILL);
		waitpid(d->pid, NULL, 0);
	}
	if (!good)
		tap_diag("status %d, \"%s\" expected in the log:\n%s", got,
		    why == NULL ? "" : why, log);
	if (strstr(log, "the monitor was killed") != NULL) {
		tap_diag("the monitor was killed:\n%s", log);
		good = 0;
	}
	if (procs_wait_gone(getpid(), PEN_TIMEOUT_MS) != 0) {
		tap_diag("a process is left");
		good = 0;
	}
	if (pen_outside_changed(d) || (share_too && pen_share_changed(d)))
		good = 0;
	if (!last_words_are(d, last_words)) {
		tap_diag("the last words to the front-end are wrong");
		good = 0;
	}
	tap_ok(good, "%s", name);
	release(d);
}

void
pen_expect_alive(struct pen_daemon *d, const char *name)
{
	shutdown(d->fd, SHUT_WR);
	pen_expect_end(d, 0, "ready", 0, 0, name);
}

void
pen_stop(struct pen_daemon *d)
{
	kill(d->pid, SIGKILL);
	waitpid(d->pid, NULL, 0);
	procs_wait_gone(getpid(), PEN_TIMEOUT_MS);
	release(d);
}
