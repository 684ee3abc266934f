/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: the same work over every kind of ring, memory and number of
 * queues; rings that stop and go on, memory that comes and goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "virtiofs_suite.h"

#define DEPTH	16
#define QUEUES	64

static const struct fixture_share *share;

/* Creates, writes, reads back, removes; returns how much went wrong. */
static int
work(struct fuse_client *c, unsigned int who, int rounds)
{
	uint8_t *data = guest_alloc(&c->front->mem, 5000, 1);
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	int wrong = 0;
	char name[64];

	for (int i = 0; i < rounds; i++) {
		snprintf(name, sizeof(name), "work-%u-%d", who, i);
		if (fuse_create(c, FUSE_ROOT_ID, name, O_RDWR, 0600, &entry,
		    &open) != 0) {
			wrong++;
			continue;
		}
		memset(data, (int)(who + (unsigned int)i), 5000);
		wrong += fuse_write(c, entry.nodeid, open.fh, 3, data, 5000)
		    != 5000;
		memset(data, 0, 5000);
		wrong += fuse_read(c, entry.nodeid, open.fh, 4, data, 5000)
		    != 4999;
		for (size_t k = 0; k < 4999; k++)
			if (data[k] != (uint8_t)(who + (unsigned int)i)) {
				wrong++;
				break;
			}
		wrong += fuse_release(c, entry.nodeid, open.fh) != 0;
		wrong += fuse_unlink(c, FUSE_ROOT_ID, name) != 0;
		wrong += fuse_forget(c, entry.nodeid, 1) != 0;
		wrong += fuse_lookup(c, FUSE_ROOT_ID, name, &entry) !=
		    -ENOENT;
	}
	guest_free(&c->front->mem, data);
	return wrong;
}

/* GETATTRs of the root: the call refers to what lives as long. */
static struct fuse_getattr_in getattr_arg;
static const struct iovec getattr_in = { .iov_base = &getattr_arg,
    .iov_len = sizeof(getattr_arg) };
static struct fuse_attr_out getattr_out[DEPTH];

static int
submit(struct fuse_client *c, size_t i)
{
	static struct iovec out[DEPTH];
	struct fuse_call call = { .opcode = FUSE_GETATTR,
	    .nodeid = FUSE_ROOT_ID, .in = &getattr_in, .in_count = 1,
	    .out = &out[i], .out_count = 1,
	    .out_least = sizeof(getattr_out[i]), .user = &getattr_out[i] };

	out[i] = (struct iovec){ .iov_base = &getattr_out[i],
	    .iov_len = sizeof(getattr_out[i]) };
	return fuse_submit(c, &call);
}

/* As many at a time as fit, so often; returns how much went wrong. */
static int
flood(struct fuse_client *c, int rounds)
{
	int wrong = 0, result;
	void *user;

	for (int round = 0; round < rounds; round++) {
		int sent = 0;

		while (sent < DEPTH && submit(c, (size_t)sent) == 0)
			sent++;
		if (sent == 0)
			return rounds;
		fuse_kick(c);
		for (; sent > 0; sent--)
			if (fuse_collect(c, &user, &result, 10000) != 1)
				return rounds;
			else
				wrong += result !=
				    (int)sizeof(struct fuse_attr_out);
	}
	return wrong;
}

struct row {
	const char		*name;
	struct vhost_options	front;
	enum fuse_layout	layout;
	int			rounds;
};

static const struct row rows[] = {
	{ "plain", { .queue_size = 128 }, FUSE_LAYOUT_LINUX, 20 },
	{ "no event index", { .no_event_idx = 1 }, FUSE_LAYOUT_LINUX, 20 },
	{ "no indirect", { .no_indirect = 1 }, FUSE_LAYOUT_LINUX, 20 },
	{ "neither", { .no_event_idx = 1, .no_indirect = 1 },
	    FUSE_LAYOUT_ODD, 20 },
	{ "size 2", { .queue_size = 2 }, FUSE_LAYOUT_JOINED, 20 },
	{ "size 2 direct", { .queue_size = 2, .no_indirect = 1 },
	    FUSE_LAYOUT_JOINED, 20 },
	{ "size 4", { .queue_size = 4 }, FUSE_LAYOUT_JOINED, 20 },
	{ "size 8 direct", { .queue_size = 8, .no_indirect = 1 },
	    FUSE_LAYOUT_LINUX, 20 },
	{ "size 1024", { .queue_size = 1024 }, FUSE_LAYOUT_PAGES, 20 },
	{ "size 32768", { .queue_size = 32768 }, FUSE_LAYOUT_LINUX, 20 },
	{ "size 32768 direct", { .queue_size = 32768, .no_indirect = 1 },
	    FUSE_LAYOUT_ODD, 20 },
	{ "three regions", { .regions = 3 }, FUSE_LAYOUT_LINUX, 20 },
	{ "eight odd regions", { .regions = 8, .odd_regions = 1 },
	    FUSE_LAYOUT_ODD, 20 },
	{ "added regions", { .regions = 3, .add_regions = 1 },
	    FUSE_LAYOUT_LINUX, 20 },
	{ "forty regions", { .regions = 40, .odd_regions = 1 },
	    FUSE_LAYOUT_LINUX, 20 },
	{ "no acknowledgements", { .no_reply_ack = 1 }, FUSE_LAYOUT_LINUX,
	    20 },
	{ "no protocol features", { .no_protocol_features = 1 },
	    FUSE_LAYOUT_LINUX, 20 },
	{ "busy driver", { .wait = VHOST_WAIT_YIELD }, FUSE_LAYOUT_LINUX,
	    20 },
	{ "single bytes", { .queue_size = 512 }, FUSE_LAYOUT_BYTES, 20 },
};

static void
run_row(const struct row *r, int packed)
{
	struct virtiofs_options o = { .front = r->front,
	    .layout = r->layout, .depth = DEPTH };
	struct virtiofs_env e;

	tap_context("%s, %s: ", packed ? "packed" : "split", r->name);
	o.front.packed = packed;
	if (virtiofs_env_start(&e, share, &o) != 0) {
		tap_skip("the server does not offer it");
		return;
	}
	tap_is_int(work(&e.c, 1, r->rounds), 0, "files");
	/* Round the ring some times, if it is not too long. */
	tap_is_int(flood(&e.c, r->front.queue_size > 1024 ? 5000 : 500), 0,
	    "many at a time");
	tap_is_int(virtiofs_env_stop(&e), 0, "exit status");
}

/* One client for each queue, each in its thread. */
struct worker {
	struct fuse_client	client;
	pthread_t		thread;
	unsigned int		number;
	int			wrong;
};

static void *
worker_main(void *arg)
{
	struct worker *w = arg;

	w->wrong = work(&w->client, w->number, 10);
	return NULL;
}

static void
test_queues(unsigned int queues, int packed)
{
	static struct worker workers[QUEUES];
	struct virtiofs_options o = { .front = { .request_queues = queues,
	    .packed = packed } };
	struct virtiofs_env e;
	int wrong = 0;

	tap_context("%u queues, %s: ", queues, packed ? "packed" : "split");
	if (virtiofs_env_start(&e, share, &o) != 0) {
		tap_skip("the server does not offer it");
		return;
	}
	for (unsigned int i = 0; i < queues; i++) {
		struct worker *w = &workers[i];

		*w = (struct worker){ .number = i };
		fuse_client_init(&w->client, &e.front, i + 1, 1);
		if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
			tap_bail("pthread_create");
	}
	for (unsigned int i = 0; i < queues; i++) {
		pthread_join(workers[i].thread, NULL);
		wrong += workers[i].wrong;
		fuse_client_free(&workers[i].client);
	}
	tap_is_int(wrong, 0, "all at the same time");
	tap_is_int(virtiofs_env_stop(&e), 0, "exit status");
}

/* A ring that is stopped has finished what it has taken, and goes on with
 * the rest after that. */
static void
test_stop(int packed)
{
	struct virtiofs_options o = { .front = { .packed = packed },
	    .depth = DEPTH };
	struct virtiofs_env e;
	uint32_t base = 0;
	int bad = 0, result, got = 0;
	void *user;

	tap_context("stop, %s: ", packed ? "packed" : "split");
	if (virtiofs_env_start(&e, share, &o) != 0) {
		tap_skip("the server does not offer it");
		return;
	}
	for (int round = 0; round < 30; round++) {
		for (size_t i = 0; i < DEPTH; i++)
			bad += submit(&e.c, i) != 0;
		fuse_kick(&e.c);
		/* Early, late and in the middle of it. */
		procs_sleep_us((unsigned int)(round % 10) * 20);
		if (vhost_front_stop_ring(&e.front, 1, &base) != 0)
			break;
		got = 0;
		while (fuse_collect(&e.c, &user, &result, 0) == 1)
			got++;
		/* Split: the base says how far it came; all of it is used. */
		if (!packed && (uint16_t)base != e.front.ring[1].used_idx) {
			tap_diag("base %u, used %u", base,
			    e.front.ring[1].used_idx);
			bad++;
		}
		if (vhost_front_resume_ring(&e.front, 1, base) != 0)
			break;
		vhost_ring_kick_always(&e.front.ring[1]);
		for (; got < DEPTH; got++)
			if (fuse_collect(&e.c, &user, &result, 10000) != 1 ||
			    result < 0)
				break;
		if (got != DEPTH)
			break;
	}
	tap_is_int(got, DEPTH, "every request is answered once");
	tap_is_int(bad, 0, "what was taken was finished before the stop");
	tap_is_int(work(&e.c, 1, 5), 0, "it works afterwards");
	tap_is_int(virtiofs_env_stop(&e), 0, "exit status");
}

/* A guest that reboots: rings begin anew, then comes another INIT. */
static void
test_reboot(int packed, int reset)
{
	struct virtiofs_options o = { .front = { .packed = packed },
	    .depth = DEPTH };
	struct fuse_init_options init = { .flags =
	    fuse_default_init_flags() };
	struct virtiofs_env e;
	int error = 0, result = 0;
	uint32_t base;

	tap_context("reboot, %s%s: ", packed ? "packed" : "split",
	    reset ? ", RESET_DEVICE" : "");
	if (virtiofs_env_start(&e, share, &o) != 0 ||
	    (reset && !(e.front.protocol &
	    VHOST_BIT(VHOST_PROTOCOL_RESET_DEVICE)))) {
		tap_skip("the server does not offer it");
		if (e.front.rings > 0)
			virtiofs_env_stop(&e);
		return;
	}
	for (int boot = 0; boot < 3 && error == 0 && result == 0; boot++) {
		tap_is_int(work(&e.c, 1, 3), 0, "files");
		for (unsigned int i = 0; i < 2 && error == 0; i++) {
			error = vhost_front_stop_ring(&e.front, i, &base);
			vhost_ring_reset(&e.front.ring[i]);
		}
		if (error == 0 && reset) {
			error = vhost_reset_device(&e.front);
			if (error == 0)
				error = vhost_set_u64(&e.front,
				    VHOST_SET_FEATURES, e.front.features);
		}
		if (error == 0)
			error = vhost_front_start(&e.front);
		if (error == 0 && e.kind == VIRTIOFS_C)
			fuse_destroy(&e.c);
		if (error == 0)
			result = fuse_init(&e.c, &init);
	}
	tap_is_str(vhost_error_name(error), "success", "messages");
	is_reply(result, 0, "INIT of the next boot");
	tap_is_int(work(&e.c, 1, 3), 0, "files");
	tap_is_int(virtiofs_env_stop(&e), 0, "exit status");
}

/* Reads into a buffer in a region. */
static int
read_into(struct virtiofs_env *e, uint64_t file, uint64_t fh, void *buffer)
{
	memset(buffer, 0, 64);
	if (fuse_read(&e->c, file, fh, 0, buffer, 64) != 7)
		return -1;
	return memcmp(buffer, "content", 7);
}

static void
test_regions(void)
{
	struct virtiofs_options o = { .front.regions = 2, .depth = 1 };
	struct guest_region *r;
	struct virtiofs_env e;
	uint64_t file, fh;
	int bad = 0, error = 0;

	tap_context("regions: ");
	if (virtiofs_env_start(&e, share, &o) != 0 ||
	    e.front.slots_offered == 0) {
		tap_skip("the server does not offer it");
		if (e.front.rings > 0)
			virtiofs_env_stop(&e);
		return;
	}
	e.test = ".";
	host_write(host_path(&e, "region-file"), "content", 0644, 0, 0);
	file = node(&e, "region-file");
	fh = open_node(&e, file, O_RDONLY);
	for (int i = 0; i < 20 && error == 0; i++) {
		r = guest_mem_add(&e.front.mem, (1ULL << 40) + (uint64_t)i *
		    65536, 65536, 0);
		error = vhost_add_mem_reg(&e.front, r);
		if (error == 0)
			bad += read_into(&e, file, fh, r->map + 100) != 0;
		if (error == 0)
			error = vhost_rem_mem_reg(&e.front, r);
		guest_mem_remove(&e.front.mem, e.front.mem.count - 1);
	}
	tap_is_str(vhost_error_name(error), "success",
	    "regions come and go while rings run");
	tap_is_int(bad, 0, "each is used");
	guest_mem_add(&e.front.mem, 1ULL << 41, 65536, 4096);
	error = vhost_set_mem_table(&e.front, 0, e.front.mem.count);
	tap_is_str(vhost_error_name(error), "success", "another table");
	tap_is_int(read_into(&e, file, fh, e.front.mem.region[2].map), 0,
	    "its region is used");
	is_reply(fuse_release(&e.c, file, fh), 0, "release");
	tap_is_int(virtiofs_env_stop(&e), 0, "exit status");
}

static void
test_config(void)
{
	static const char *const extra[] = { "--tag=a tag", NULL };
	struct virtiofs_options o = { .server.extra = extra };
	struct vhost_fs_config config;
	struct virtiofs_env e;
	uint64_t status = 0;

	tap_context("config: ");
	if (virtiofs_kind_from_env() != VIRTIOFS_PRIVFSD) {
		tap_skip("no --tag");
		return;
	}
	virtiofs_env_start(&e, share, &o);
	tap_is_str(vhost_error_name(vhost_get_config(&e.front, 0,
	    sizeof(config), &config)), "success", "GET_CONFIG");
	tap_is_mem(config.tag, sizeof(config.tag), "a tag\0\0\0\0\0\0\0\0\0\0"
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 36, "the tag");
	tap_ok(config.request_queues >= 1 && config.request_queues <= 64,
	    "%u request queues", config.request_queues);
	tap_is_int((long long)e.front.queues_offered, 65, "queues offered");
	tap_is_int((long long)e.front.slots_offered, 509, "memory slots");
	is_reply(vhost_get_u64(&e.front, VHOST_GET_STATUS, &status), 0,
	    "GET_STATUS");
	tap_is_int((long long)status, 15, "is what was set");
	tap_is_int(virtiofs_env_stop(&e), 0, "exit status");
}

/* Closing the socket with requests in flight. */
static void
test_close(void)
{
	struct virtiofs_options o = { .depth = DEPTH };
	struct virtiofs_env e;

	tap_context("close: ");
	for (int i = 0; i < 5; i++) {
		virtiofs_env_start(&e, share, &o);
		for (size_t k = 0; k < DEPTH; k++)
			submit(&e.c, k);
		fuse_kick(&e.c);
		tap_is_int(virtiofs_env_stop(&e), 0,
		    "exit status, requests in flight");
	}
}

static void
body(struct fixture *f)
{
	share = &f->share[0];
	for (int packed = 0; packed < 2; packed++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			run_row(&rows[i], packed);
		test_queues(4, packed);
		test_queues(QUEUES, packed);
		test_stop(packed);
		test_reboot(packed, 0);
		test_reboot(packed, 1);
	}
	test_regions();
	test_config();
	test_close();
	tap_context("%s", "");
}

int
main(void)
{
	return virtiofs_main(body, 180);
}
