/* SPDX-License-Identifier: ISC */
/*
 * The bridge's processes: starting, watching and ending them. Test code.
 */
#include "bridge.h"

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "pump.h"
#include "tap.h"

/* No request takes so long, whatever the machine is busy with. */
#define STALL_MS	60000
#define START_MS	60000
#define UMOUNT_MS	60000
#define QUEUE_SIZE	1024	/* fits LAYOUT_CHAIN without indirect ones */
#define RING_MEMORY	(16u << 20)

/* What the child tells when it has started. */
struct bridge_hello {
	int	error;
	pid_t	server;
};

/* The child's own. */
struct bridge_child {
	const struct bridge_options	*o;
	int				control;
	struct server			srv;
	struct vhost_front		front;
	struct pump			pump;
	struct bridge_end		end;
};

static int
child_mount(struct bridge_child *c)
{
	int fd = open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC), error;
	char data[128];

	if (fd < 0)
		return -errno;
	/* As virtio_fs_get_tree() in Linux: the kernel checks permissions,
	 * for all users. */
	snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=0,"
	    "group_id=0,allow_other,default_permissions", fd);
	if (mount("bridge", c->o->mount_point, "fuse.bridge", 0, data) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* Returns 0 or -errno; says what went wrong. */
static int
child_start(struct bridge_child *c)
{
	struct virtiofs_server_options server = c->o->server;
	struct vhost_options front = c->o->front;
	int error, fd;

	if (front.request_queues == 0)
		front.request_queues = 1;
	if (front.queue_size == 0)
		front.queue_size = QUEUE_SIZE;
	if (front.region_size == 0)
		front.region_size = PUMP_MEMORY(front.request_queues) +
		    RING_MEMORY;
	/* As this one calls it. */
	if (server.kind == VIRTIOFS_RUST && server.cache != NULL &&
	    strcmp(server.cache, "none") == 0)
		server.cache = "never";
	error = virtiofs_server_start(&c->srv, &server);
	if (error != 0) {
		fprintf(stderr, "bridge: server: %s\n", strerror(-error));
		return error;
	}
	error = vhost_front_setup(&c->front, c->srv.fd, &front);
	c->srv.fd = -1;
	if (error != 0) {
		fprintf(stderr, "bridge: vhost-user: %s\n",
		    vhost_error_name(error));
		/* It refuses what it has not said it could not do. */
		return error == -EREMOTEIO && server.kind == VIRTIOFS_RUST ?
		    -EOPNOTSUPP : error;
	}
	fd = child_mount(c);
	error = fd < 0 ? fd : pump_start(&c->pump, &c->front, fd,
	    front.request_queues);
	if (error != 0) {
		fprintf(stderr, "bridge: mount: %s\n", strerror(-error));
		umount2(c->o->mount_point, MNT_DETACH);
	}
	return error;
}

/* Until the parent says so or is gone, or something is wrong. */
static void
child_watch(struct bridge_child *c)
{
	struct pollfd p[2] = {
		{ .fd = c->control, .events = POLLIN },
		{ .fd = c->front.sock, .events = POLLIN },
	};
	const struct pump_slot *oldest;
	long long waited;

	while (p[0].revents == 0) {
		if (poll(p, 2, 1000) < 0)
			break;
		oldest = pump_oldest(&c->pump, &waited);
		if (waited > STALL_MS) {
			fprintf(stderr, "bridge: opcode %u, unique %llu: "
			    "no answer\n", oldest->opcode,
			    (unsigned long long)oldest->unique);
			c->end.stalled = 1;
		}
		c->end.lost = p[1].revents != 0;
		if (!c->end.stalled && !c->end.lost)
			continue;
		/* The mount fails from now on; nobody waits for ever. */
		pump_stop(&c->pump, 1);
		p[1].fd = -1;
		poll(p, 1, -1);
	}
}

static void
child_end(struct bridge_child *c)
{
	int failed = c->end.stalled || c->end.lost, at_once = failed;

	/* Without a word from the parent, it may be mounted yet. */
	if (recv(c->control, &c->end.umount, sizeof(c->end.umount),
	    MSG_DONTWAIT) <= 0 || c->end.umount != 0)
		at_once = 1;
	pump_stop(&c->pump, at_once);
	if (!failed)
		c->end.destroy = pump_destroy(&c->pump);
	/* It returns the buffer without a reply. */
	if (c->end.destroy == -ENOMSG && c->o->server.kind == VIRTIOFS_RUST)
		c->end.destroy = 0;
	c->end.broken = c->pump.broken;
}

static int
end_is_bad(const struct bridge_end *end)
{
	return end->umount != 0 || end->stalled || end->lost ||
	    end->broken != 0 || end->destroy != 0 || end->status != 0;
}

static void __attribute__((noreturn))
child_run(const struct bridge_options *o, int control)
{
	static struct bridge_child child;
	struct bridge_child *c = &child;
	struct bridge_hello hello = { .error = 0 };
	int bad;

	c->o = o;
	c->control = control;
	c->srv = (struct server){ .pid = -1, .fd = -1, .log_fd = -1 };
	/* The server's children, if it leaves any, can then be found. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	hello.error = child_start(c);
	hello.server = c->srv.pid;
	send(control, &hello, sizeof(hello), 0);
	if (hello.error == 0) {
		child_watch(c);
		child_end(c);
	}
	/* Nothing is left of one that could not be set up. */
	if (c->front.rings > 0)
		vhost_front_close(&c->front);
	c->end.status = server_stop(&c->srv);
	bad = hello.error == 0 ? end_is_bad(&c->end) :
	    hello.error != -EOPNOTSUPP;
	if (bad)
		fprintf(stderr, "bridge: the server's status is %d, its "
		    "log:\n%s", c->end.status, server_log_text(c->srv.log_fd));
	send(control, &c->end, sizeof(c->end), 0);
	_exit(0);
}

static int
bridge_receive(const struct bridge *b, void *message, size_t len)
{
	struct pollfd p = { .fd = b->control, .events = POLLIN };

	return poll(&p, 1, START_MS) == 1 &&
	    recv(b->control, message, len, 0) == (ssize_t)len;
}

static void
bridge_reap(struct bridge *b)
{
	server_wait_or_kill(b->pid, START_MS);
	close(b->control);
	b->pid = b->server = b->control = -1;
}

int
bridge_start(struct bridge *b, const struct bridge_options *o)
{
	struct bridge_hello hello;
	pid_t parent = getpid();
	int pair[2];

	snprintf(b->mount_point, sizeof(b->mount_point), "%s",
	    o->mount_point);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		tap_bail("socketpair");
	fflush(NULL);
	b->pid = fork();
	if (b->pid < 0)
		tap_bail("fork");
	if (b->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		close(pair[0]);
		child_run(o, pair[1]);
	}
	close(pair[1]);
	b->control = pair[0];
	if (!bridge_receive(b, &hello, sizeof(hello)))
		tap_bail("the bridge does not start");
	b->server = hello.server;
	if (hello.error == 0)
		return 0;
	bridge_reap(b);
	if (hello.error != -EOPNOTSUPP)
		tap_bail("the bridge does not start: %s",
		    strerror(-hello.error));
	return hello.error;
}

/* Who used the mount a moment ago may not have closed all of it. */
static int
bridge_umount(const struct bridge *b)
{
	long long end = procs_now_ms() + UMOUNT_MS;
	int error;

	while (umount2(b->mount_point, UMOUNT_NOFOLLOW) != 0) {
		error = errno;
		if (error == EBUSY && procs_now_ms() < end) {
			procs_sleep_us(5000);
			continue;
		}
		fprintf(stderr, "bridge: umount: %s\n", strerror(error));
		umount2(b->mount_point, MNT_DETACH | UMOUNT_NOFOLLOW);
		return error;
	}
	return 0;
}

int
bridge_stop(struct bridge *b, struct bridge_end *end)
{
	struct bridge_end local;
	int error = bridge_umount(b);

	if (end == NULL)
		end = &local;
	if (send(b->control, &error, sizeof(error), MSG_NOSIGNAL) < 0 ||
	    !bridge_receive(b, end, sizeof(*end)))
		tap_bail("the bridge does not end");
	bridge_reap(b);
	return end_is_bad(end);
}

size_t
bridge_server_fds(const struct bridge *b)
{
	struct server s = { .pid = b->server };

	return server_count_fds(&s);
}

size_t
bridge_forget(const struct bridge *b, size_t fds)
{
	long long end = procs_now_ms() + UMOUNT_MS;
	size_t now;

	/* Remounting drops what nobody uses, and only of this mount. */
	if (mount(NULL, b->mount_point, NULL, MS_REMOUNT, NULL) != 0)
		tap_bail("remount");
	while ((now = bridge_server_fds(b)) > fds && procs_now_ms() < end)
		procs_sleep_us(5000);
	return now;
}
