/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: a device that is taken out and put in again, with the connection
 * kept, as QEMU's device_del and device_add on one chardev do. The messages
 * before a second SET_OWNER stop the rings and no more; the device that comes
 * after it finds nothing of the one before.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "torture.h"

#define DEPTH	16
#define FDS	4096
#define PLUGS	3

static const struct fixture_share *share;

struct processes {
	pid_t	monitor, worker;
};

/* Maps of files without a name: lanes and the guest's memory. */
static int
count_maps(const struct processes *p)
{
	char line[512], path[64];
	int count = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)p->worker);
	f = fopen(path, "r");
	if (f == NULL)
		return -1;
	while (fgets(line, sizeof(line), f) != NULL)
		count += strstr(line, "/memfd:") != NULL;
	fclose(f);
	return count;
}

/* How many of the process's descriptors are of this file. */
static int
count_open(pid_t pid, const char *file)
{
	static int fds[FDS];
	struct stat want, st;
	size_t n = procs_fds(pid, fds, FDS);
	char path[64];
	int count = 0;

	if (stat(file, &want) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid,
		    fds[i]);
		count += stat(path, &st) == 0 && st.st_dev == want.st_dev &&
		    st.st_ino == want.st_ino;
	}
	return count;
}

static size_t
count_fds(pid_t pid)
{
	static int fds[FDS];

	return procs_fds(pid, fds, FDS);
}

/* A file is made, written, read and removed by each queue. */
static int
work(struct virtiofs_env *e)
{
	unsigned int queues = e->front.options.request_queues;
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct fuse_client c;
	int wrong = 0;
	char *text;

	for (unsigned int i = 1; i <= queues; i++) {
		fuse_client_init(&c, &e->front, i, 1);
		text = guest_alloc(&e->front.mem, 8, 1);
		memcpy(text, "content", 8);
		wrong += fuse_create(&c, FUSE_ROOT_ID, "made", O_RDWR, 0600,
		    &entry, &open) != 0;
		wrong += fuse_write(&c, entry.nodeid, open.fh, 0, text, 8) !=
		    8;
		memset(text, 0, 8);
		wrong += fuse_read(&c, entry.nodeid, open.fh, 0, text, 8) !=
		    8 || memcmp(text, "content", 8) != 0;
		wrong += fuse_release(&c, entry.nodeid, open.fh) != 0;
		wrong += fuse_unlink(&c, FUSE_ROOT_ID, "made") != 0;
		wrong += fuse_forget(&c, entry.nodeid, 1) != 0;
		guest_free(&e->front.mem, text);
		fuse_client_free(&c);
	}
	return wrong;
}

/* The guest's driver, or its front-end, stops the device; it is gone then. */
static int
unplug(struct virtiofs_env *e)
{
	uint32_t base;
	int error = 0;

	for (unsigned int i = 0; i < e->front.rings && error == 0; i++)
		error = vhost_front_stop_ring(&e->front, i, &base);
	fuse_client_free(&e->c);
	return error;
}

/* As far as SET_OWNER and the features, over the same connection. */
static int
plug(struct virtiofs_env *e, const struct vhost_options *o)
{
	int sock = e->front.sock;

	e->front.sock = -1;
	vhost_front_close(&e->front);
	vhost_front_init(&e->front, sock, o);
	return vhost_front_negotiate(&e->front);
}

/* The rest, without INIT. */
static int
start(struct virtiofs_env *e)
{
	int error;

	vhost_front_make_memory(&e->front);
	error = vhost_front_send_memory(&e->front);
	vhost_front_make_rings(&e->front);
	if (error == 0)
		error = vhost_front_start(&e->front);
	fuse_client_init(&e->c, &e->front, 1, DEPTH);
	return error;
}

static int
is_done(int error, const char *what)
{
	return tap_is_str(vhost_error_name(error), "success", "%s", what);
}

/* What a guest has, and loses with its device. */
struct held {
	uint64_t	file, fh, dir, dir_fh;
};

static void
make_held(struct virtiofs_env *e)
{
	e->test = ".";
	host_write(host_path(e, "held"), "content", 0644, 0, 0);
	mkdir(host_path(e, "held-dir"), 0755);
}

static void
hold(struct virtiofs_env *e, struct held *h)
{
	struct fuse_open_out dir;

	h->file = node(e, "held");
	h->fh = open_node(e, h->file, O_RDWR);
	h->dir = node(e, "held-dir");
	is_reply(fuse_opendir(&e->c, h->dir, &dir), 0, "OPENDIR");
	h->dir_fh = dir.fh;
}

/* Between SET_OWNER and anything else of the new device's. */
static void
nothing_is_left(struct virtiofs_env *e, const struct processes *p, int maps)
{
	tap_is_int(count_maps(p), maps, "the guest's memory is let go of");
	tap_is_int(count_open(p->worker, host_path(e, "held")), 0,
	    "the open file is closed");
	tap_is_int(count_open(p->monitor, host_path(e, "held")), 0,
	    "so is what its node was kept by");
	tap_is_int(count_open(p->monitor, host_path(e, "held-dir")), 0,
	    "and the open directory");
}

static void
is_stale(struct virtiofs_env *e, const struct held *h)
{
	struct fuse_attr_out attr;
	void *data = guest_alloc(&e->front.mem, 8, 1);

	is_refused(fuse_getattr(&e->c, h->file, &attr), "the old node id");
	is_refused(fuse_getattr(&e->c, h->dir, &attr), "the old directory's");
	is_refused(fuse_read(&e->c, h->file, h->fh, 0, data, 8),
	    "the old open file");
	is_refused(fuse_releasedir(&e->c, h->dir, h->dir_fh),
	    "the old open directory");
	guest_free(&e->front.mem, data);
}

/* One device ends, the next one begins.  Returns whether it works. */
static int
replug(struct virtiofs_env *e, const struct vhost_options *next,
    const struct processes *p, int maps)
{
	struct fuse_init_options init = { .flags =
	    fuse_default_init_flags() };
	struct fuse_attr_out attr;
	struct held h;

	tap_is_int(work(e), 0, "files");
	hold(e, &h);
	is_done(unplug(e), "rings stop");
	if (!is_done(plug(e, next), "a new owner"))
		return 0;
	nothing_is_left(e, p, maps);
	if (!is_done(start(e), "memory and rings"))
		return 0;
	is_reply(fuse_getattr(&e->c, FUSE_ROOT_ID, &attr), -EIO,
	    "no session before INIT");
	is_reply(fuse_init(&e->c, &init), 0, "INIT");
	is_stale(e, &h);
	return 1;
}

static void
test_replug(const char *name, const struct vhost_options *first,
    const struct vhost_options *next)
{
	struct virtiofs_options o = { .front = *first, .depth = DEPTH };
	struct virtiofs_env e;
	struct processes p;
	size_t fds = 0;
	int i, maps;

	tap_context("%s: ", name);
	virtiofs_env_start(&e, share, &o);
	make_held(&e);
	server_find(e.srv.pid, &p.monitor, &p.worker);
	maps = count_maps(&p) - (int)e.front.mem.count;
	for (i = 0; i < PLUGS; i++) {
		tap_context("%s, replug %d: ", name, i + 1);
		if (!replug(&e, next, &p, maps))
			break;
		if (i > 0)
			tap_is_int((long long)count_fds(p.worker),
			    (long long)fds, "descriptors do not add up");
		fds = count_fds(p.worker);
	}
	tap_context("%s: ", name);
	if (i == PLUGS)
		tap_is_int(work(&e), 0, "files");
	tap_is_int(virtiofs_env_stop(&e), 0, "exit status");
}

/* While rings run, nobody else can own the device. */
static void
test_running(void)
{
	struct virtiofs_options o = { .depth = 1 };
	struct fuse_attr_out attr;
	struct virtiofs_env e;
	uint32_t base;

	tap_context("rings run: ");
	virtiofs_env_start(&e, share, &o);
	for (int i = 0; i < 2; i++) {
		is_reply(vhost_send_acked(&e.front, VHOST_SET_OWNER, NULL, 0,
		    NULL, 0), -EREMOTEIO, "SET_OWNER");
		is_reply(vhost_send_acked(&e.front, VHOST_RESET_OWNER, NULL,
		    0, NULL, 0), 0, "RESET_OWNER");
		is_reply(fuse_getattr(&e.c, FUSE_ROOT_ID, &attr), 0,
		    "the session goes on");
		/* One of two is enough. */
		if (i == 0)
			is_done(vhost_front_stop_ring(&e.front, 0, &base),
			    "one stops");
	}
	tap_ok(server_wait_log(e.srv.log_fd,
	    "SET_OWNER (3) refused: ring 1 is not stopped"),
	    "the log says why");
	tap_is_int(virtiofs_env_stop(&e), 0, "exit status");
}

/* Nothing of a ring is known any more, and no address is in any region. */
static void
test_forgotten(void)
{
	struct virtiofs_options o = { .depth = 1 };
	struct virtiofs_env e;
	uint64_t word = 1;

	tap_context("forgotten: ");
	virtiofs_env_start(&e, share, &o);
	is_done(unplug(&e), "rings stop");
	is_done(vhost_send_acked(&e.front, VHOST_SET_OWNER, NULL, 0, NULL, 0),
	    "SET_OWNER");
	is_reply(vhost_rem_mem_reg(&e.front, &e.front.mem.region[0]),
	    -EREMOTEIO, "REM_MEM_REG of an old region");
	is_reply(vhost_send_acked(&e.front, VHOST_SET_VRING_KICK, &word, 8,
	    &e.front.ring[1].kick_fd, 1), -EREMOTEIO, "SET_VRING_KICK");
	for (int i = 0; i < 100; i++)
		if (vhost_send_acked(&e.front, VHOST_SET_OWNER, NULL, 0, NULL,
		    0) != 0)
			tap_bail("SET_OWNER");
	is_done(plug(&e, &o.front), "a new owner");
	is_done(start(&e), "memory and rings");
	is_reply(fuse_init(&e.c, &(struct fuse_init_options){ .flags =
	    fuse_default_init_flags() }), 0, "INIT");
	tap_is_int(virtiofs_env_stop(&e), 0, "exit status");
}

/* The front-end leaves when it has asked for the next device. */
static void
test_gone(void)
{
	struct virtiofs_options o = { .depth = 1 };
	struct virtiofs_env e;
	struct held h;

	tap_context("gone: ");
	virtiofs_env_start(&e, share, &o);
	make_held(&e);
	hold(&e, &h);
	is_done(unplug(&e), "rings stop");
	is_done(vhost_send(&e.front, VHOST_SET_OWNER, 0, NULL, 0, NULL, 0),
	    "SET_OWNER");
	fuse_client_init(&e.c, &e.front, 1, 1);
	tap_is_int(virtiofs_env_stop(&e), 0, "exit status");
}

static void
body(struct fixture *f)
{
	static const struct vhost_options table = { .regions = 3 },
	    added = { .regions = 3, .add_regions = 1 },
	    queues = { .request_queues = 8, .add_regions = 1 },
	    packed = { .request_queues = 8, .packed = 1, .add_regions = 1 };

	share = &f->share[0];
	test_replug("a table of memory", &table, &table);
	test_replug("regions that are added", &added, &added);
	test_replug("many queues", &queues, &queues);
	test_replug("packed", &packed, &packed);
	test_replug("another kind", &packed, &table);
	test_replug("more queues", &added, &queues);
	test_running();
	test_forgotten();
	test_gone();
	tap_context("%s", "");
}

int
main(void)
{
	return torture_main(body, 120);
}
