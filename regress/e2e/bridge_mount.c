/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs through the Linux client: the mount as such. It works with rings
 * and memory of every kind; it ends cleanly; and with any of the server's
 * processes killed it fails, nobody waits for ever, and nothing is left.
 */
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "procs.h"
#include "random.h"
#include "virtiofs_suite.h"

#define DATA_SIZE	(5u * 1024 * 1024 + 4321)
#define WAIT_MS		120000

static const struct fixture *fixture;
static char mount_point[128], socket_path[128];

static const char *
in_mount(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", mount_point, name);
	return path;
}

static const char *
in_share(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", fixture->share[0].dir, name);
	return path;
}

/* 0 when the server has nothing like that. */
static int
start(struct bridge *b, const struct vhost_options *front,
    const char *cache)
{
	struct bridge_options o = { .server = {
	    .kind = virtiofs_kind_from_env(), .cache = cache,
	    .share = fixture->share[0].dir, .socket_path = socket_path },
	    .mount_point = mount_point, .front = *front };

	if (bridge_start(b, &o) == 0)
		return 1;
	tap_skip("this server cannot do that");
	return 0;
}

static uint8_t data[DATA_SIZE], got[DATA_SIZE];

/* All of it, in pieces as they come. */
static int
transfer(const char *path, int flags, uint8_t *bytes, size_t piece)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);
	ssize_t n = 0;
	size_t done;

	if (fd < 0)
		return 0;
	for (done = 0; done < DATA_SIZE; done += (size_t)n) {
		if (piece > DATA_SIZE - done)
			piece = DATA_SIZE - done;
		n = (flags & O_ACCMODE) == O_RDONLY ?
		    pread(fd, bytes + done, piece, (off_t)done) :
		    pwrite(fd, bytes + done, piece, (off_t)done);
		if (n <= 0)
			break;
	}
	if (close(fd) != 0)
		return 0;
	return done == DATA_SIZE;
}

static void
check_data(size_t piece, int direct)
{
	const char *path = in_mount("data");

	tap_ok(transfer(path, O_RDWR | O_CREAT | O_TRUNC | direct, data,
	    piece), "write in pieces of %zu", piece);
	memset(got, 0, sizeof(got));
	tap_ok(transfer(in_share("data"), O_RDONLY, got, DATA_SIZE),
	    "read on the host");
	tap_ok(memcmp(got, data, DATA_SIZE) == 0, "the host has the data");
	memset(got, 0, sizeof(got));
	tap_ok(transfer(path, O_RDONLY | direct, got, piece), "read");
	tap_ok(memcmp(got, data, DATA_SIZE) == 0, "the same data");
}

/* Some of everything: names, long listings, data. */
static void
check_mount(void)
{
	struct statfs st;
	char name[32];

	tap_ok(statfs(mount_point, &st) == 0 && st.f_type == 0x65735546,
	    "a mount of FUSE");
	check_data(DATA_SIZE, 0);
	check_data(1 << 20, O_DIRECT);
	check_data(3 * 4096 + 1, O_DIRECT);
	host_mkdir(in_mount("dir"), 0755, 0, 0);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "dir/name-%d", i);
		host_write(in_mount(name), name, 0644, 0, 0);
	}
	tap_is_str(host_read(in_share("dir/name-77")), "dir/name-77",
	    "a file on the host");
	host_write(in_share("dir/host"), "made there", 0644, 0, 0);
	tap_is_str(host_read(in_mount("dir/host")), "made there",
	    "a file of the host's");
	tap_ok(unlink(in_mount("dir/host")) == 0 &&
	    !host_exists(in_share("dir/host")), "and removed");
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "dir/name-%d", i);
		if (unlink(in_mount(name)) != 0)
			tap_bail("unlink");
	}
	tap_ok(rmdir(in_mount("dir")) == 0, "an empty directory");
	tap_ok(!host_exists(in_share("dir")), "is gone on the host");
}

static const struct ring_variant {
	const char		*name;
	struct vhost_options	front;
} ring_variants[] = {
	{ "one queue", { .request_queues = 1 } },
	{ "four queues", { .request_queues = 4 } },
	{ "packed", { .packed = 1 } },
	{ "packed, four queues", { .packed = 1, .request_queues = 4 } },
	{ "no indirect descriptors", { .no_indirect = 1 } },
	{ "packed, no indirect descriptors", { .packed = 1,
	    .no_indirect = 1 } },
	{ "no event index", { .no_event_idx = 1 } },
	{ "packed, no event index", { .packed = 1, .no_event_idx = 1 } },
	{ "32768 descriptors", { .queue_size = 32768 } },
	{ "a ring of 300, packed", { .queue_size = 300, .packed = 1,
	    .no_indirect = 1 } },
	{ "odd regions", { .regions = 5, .odd_regions = 1,
	    .region_size = 64u << 20 } },
	{ "regions one by one", { .regions = 5, .add_regions = 1,
	    .region_size = 64u << 20 } },
};

static void
test_rings(void)
{
	struct bridge b;

	for (size_t i = 0; i < sizeof(ring_variants) /
	    sizeof(ring_variants[0]); i++) {
		tap_context("%s: ", ring_variants[i].name);
		if (!start(&b, &ring_variants[i].front, "auto"))
			continue;
		check_mount();
		tap_is_int(bridge_stop(&b, NULL), 0, "a clean end");
	}
}

/* Once, by a user that is at work; returns whether that is so. */
static int
wait_user(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char at_work;

	return poll(&p, 1, WAIT_MS) == 1 && read(fd, &at_work, 1) == 1;
}

/*
 * Uses the mount until that fails; its exit status is the errno then.  Returns
 * when it has used it once.
 */
static pid_t
spawn_user(int kind)
{
	int fd, error = 0, at_work[2];
	pid_t pid;

	if (pipe2(at_work, O_CLOEXEC) != 0)
		tap_bail("pipe2");
	pid = fork();
	if (pid < 0)
		tap_bail("fork");
	if (pid > 0) {
		close(at_work[1]);
		tap_ok(wait_user(at_work[0]), "user %d is at work", kind);
		close(at_work[0]);
		return pid;
	}
	fd = open(in_mount("used"), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		error = errno;
	for (int done = 0; error == 0; done++) {
		struct stat st;
		ssize_t n;

		if (done == 1 && write(at_work[1], "", 1) != 1)
			_exit(126);
		if (kind == 0)
			n = stat(in_mount("none"), &st) == 0 ||
			    errno == ENOENT ? 0 : -1;
		else if (kind == 1)
			n = pwrite(fd, data, 1 << 20, 0);
		else
			n = fsync(fd) | pread(fd, got, 4096, 0);
		if (n < 0)
			error = errno;
	}
	_exit(error);
}

static void
check_killed(struct bridge *b, pid_t victim, const char *who)
{
	struct bridge_end end;
	pid_t user[3];
	struct stat st;
	int status;

	for (int i = 0; i < 3; i++)
		user[i] = spawn_user(i);
	procs_sleep_us(20000);
	kill(victim, SIGKILL);
	for (int i = 0; i < 3; i++) {
		status = server_wait_or_kill(user[i], WAIT_MS);
		tap_ok(status == ENOTCONN || status == ECONNABORTED ||
		    status == EIO, "%s killed: user %d gets an error", who,
		    i);
		if (status != ENOTCONN && status != ECONNABORTED)
			tap_diag("status %d", status);
	}
	/* Attributes of the root may be cached yet. */
	status = stat(in_mount("never"), &st) == 0 ? 0 : errno;
	tap_is_int(status, ENOTCONN, "%s killed: the mount is dead", who);
	tap_ok(bridge_stop(b, &end) != 0 && end.lost && !end.stalled,
	    "%s killed: the connection was closed", who);
	tap_is_int(end.umount, 0, "%s killed: it can be unmounted", who);
	tap_is_int(end.broken, 0, "%s killed: no broken replies", who);
	tap_ok(end.status != 0 && end.status != SERVER_HUNG,
	    "%s killed: the server's end is not a success", who);
	unlink(in_share("used"));
}

static void
test_killed_server(void)
{
	static const struct vhost_options front = { .request_queues = 1 };
	struct bridge b;
	pid_t monitor, worker;

	tap_context("%s", "");
	if (start(&b, &front, "auto"))
		check_killed(&b, b.server, "server");
	if (virtiofs_kind_from_env() != VIRTIOFS_PRIVFSD)
		return;
	if (start(&b, &front, "auto")) {
		server_find(b.server, &monitor, &worker);
		check_killed(&b, monitor, "monitor");
	}
	if (start(&b, &front, "auto")) {
		server_find(b.server, &monitor, &worker);
		check_killed(&b, worker, "worker");
	}
}

/* As when QEMU dies: the server ends by itself. */
static void
test_killed_front(void)
{
	static const struct vhost_options front = { .request_queues = 1 };
	struct bridge b;
	pid_t user;
	int status;

	if (!start(&b, &front, "auto"))
		return;
	user = spawn_user(1);
	procs_sleep_us(20000);
	kill(b.pid, SIGKILL);
	status = server_wait_or_kill(user, WAIT_MS);
	tap_ok(status == ENOTCONN || status == ECONNABORTED,
	    "front-end killed: its user gets an error");
	waitpid(b.pid, NULL, 0);
	/* It has become our child, see fixture.c. */
	tap_is_int(server_wait(b.server, WAIT_MS), 0,
	    "front-end killed: the server ends");
	tap_ok(umount(mount_point) == 0, "it can be unmounted");
	close(b.control);
}

/* Mounted again and again, by the same processes as far as possible. */
static void
test_again(void)
{
	static const struct vhost_options front = { .request_queues = 1 };
	struct bridge b;
	struct stat before, now;

	tap_context("again: ");
	host_lstat(fixture->share[0].dir, &before);
	for (int i = 0; i < 5; i++) {
		if (!start(&b, &front, i % 2 ? "none" : "always"))
			return;
		host_lstat(mount_point, &now);
		tap_ok(now.st_ino == before.st_ino &&
		    now.st_mode == before.st_mode, "the same root");
		tap_is_int(bridge_stop(&b, NULL), 0, "a clean end");
	}
}

static void
body(struct fixture *f)
{
	struct random r = { .state = 4711 };
	uint64_t word;

	fixture = f;
	snprintf(mount_point, sizeof(mount_point), "%s/mount", f->base);
	snprintf(socket_path, sizeof(socket_path), "%s/socket", f->base);
	host_mkdir(mount_point, 0755, 0, 0);
	for (size_t i = 0; i + 8 <= DATA_SIZE; i += 8) {
		word = random_next(&r);
		memcpy(data + i, &word, sizeof(word));
	}
	test_rings();
	test_again();
	test_killed_server();
	test_killed_front();
}

int
main(void)
{
	return virtiofs_main(body, 300);
}
