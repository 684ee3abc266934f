/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: memory that is none, in a session that goes on; memory that goes
 * away below running rings.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "torture.h"

#define REGION		(8 << 20)	/* of the guest's good memory */
#define FREE_ADDR	(UINT64_C(1) << 40)
#define PAGE		4096
#define SLOTS		509

static const struct fixture_share *share;
static const struct vhost_options options = { .region_size = REGION };

static struct vhost_memory_region
region_of(const struct guest_region *g)
{
	return (struct vhost_memory_region){ .guest_addr = g->guest_addr,
	    .size = g->size, .user_addr = (uintptr_t)g->map,
	    .mmap_offset = g->offset };
}

/* The region, as one more and in a table behind the present memory. */
static void
refuses_region(struct torture *t, const struct vhost_memory_region *r, int fd,
    const char *what)
{
	const struct guest_region *g = &t->front.mem.region[0];
	const struct vhost_single_region single = { .region = *r };
	const struct vhost_memory_table table = { .count = 2,
	    .region = { region_of(g), *r } };
	const int fds[2] = { g->fd, fd };

	torture_refuses(t, VHOST_ADD_MEM_REG, &single, sizeof(single), &fd, 1,
	    "%s", what);
	torture_refuses(t, VHOST_SET_MEM_TABLE, &table, 8 + 2 * sizeof(*r),
	    fds, 2, "%s", what);
}

static void
test_kinds(struct torture *t)
{
	static const struct vhost_memory_region r = { .guest_addr = FREE_ADDR,
	    .size = PAGE, .user_addr = FREE_ADDR };
	size_t before = torture_count_fds(t);

	tap_context("memory, wrong kinds: ");
	for (enum torture_fd kind = 0; kind < TORTURE_FD_COUNT; kind++) {
		int fd;

		if (kind == TORTURE_FD_MEMFD)
			continue;
		fd = torture_fd(t, kind);
		refuses_region(t, &r, fd, torture_fd_name(kind));
		close(fd);
	}
	torture_works(t, "those");
	tap_is_int((long long)torture_count_fds(t), (long long)before,
	    "no descriptor stays open");
}

/* Of a good memfd of 1 MiB. */
static void
test_regions(struct torture *t)
{
	static const uint64_t most = UINT64_MAX, size = 1 << 20;
	const struct {
		struct vhost_memory_region	r;	/* address, size, */
		const char			*name;	/* user, offset */
	} rows[] = {
		{ { FREE_ADDR, 0, FREE_ADDR, 0 }, "size 0" },
		{ { FREE_ADDR, size + 1, FREE_ADDR, 0 }, "beyond the file" },
		{ { FREE_ADDR, size, FREE_ADDR, 1 }, "beyond by the offset" },
		{ { FREE_ADDR, PAGE, FREE_ADDR, size }, "behind the file" },
		{ { FREE_ADDR, PAGE, FREE_ADDR, most }, "offset -1" },
		{ { FREE_ADDR, PAGE, FREE_ADDR, most - PAGE + 1 },
		    "offset that wraps" },
		{ { FREE_ADDR, PAGE, FREE_ADDR, INT64_MAX },
		    "the largest offset" },
		{ { FREE_ADDR, most, FREE_ADDR, 0 }, "the largest size" },
		{ { FREE_ADDR, UINT64_C(1) << 63, FREE_ADDR, 0 },
		    "a negative size" },
		{ { FREE_ADDR, INT64_MAX, FREE_ADDR, 0 }, "half of all" },
		{ { FREE_ADDR, most - PAGE + 1, FREE_ADDR, PAGE },
		    "offset and size wrap" },
		{ { most - PAGE + 2, PAGE, FREE_ADDR, 0 },
		    "a guest address that wraps" },
		{ { most, PAGE, FREE_ADDR, 0 }, "the last guest address" },
		{ { FREE_ADDR, PAGE, most - PAGE + 2, 0 },
		    "a user address that wraps" },
		{ { FREE_ADDR, PAGE, most, 0 }, "the last user address" },
		{ { 0, PAGE, FREE_ADDR, 0 }, "overlap at the start" },
		{ { REGION - 1, PAGE, FREE_ADDR, 0 }, "overlap at the end" },
		{ { PAGE, PAGE, FREE_ADDR, 0 }, "within another" },
		{ { 0, REGION, FREE_ADDR, 0 }, "the same addresses" },
	};
	size_t before = torture_count_fds(t);
	int fd = torture_fd(t, TORTURE_FD_MEMFD);

	tap_context("memory, wrong regions: ");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refuses_region(t, &rows[i].r, fd, rows[i].name);
	torture_works(t, "those");
	close(fd);
	tap_is_int((long long)torture_count_fds(t), (long long)before,
	    "no descriptor stays open");
}

static void
test_counts(struct torture *t)
{
	static const uint32_t counts[] = { 0, 1, 7, 9, 65535, 0x08000001,
	    0x7fffffff, 0x80000000, UINT32_MAX };
	struct vhost_memory_table table = { .count = 0 };
	int fds[VHOST_TABLE_REGIONS];

	tap_context("memory, wrong counts: ");
	for (size_t i = 0; i < VHOST_TABLE_REGIONS; i++) {
		table.region[i] = (struct vhost_memory_region){
		    .guest_addr = FREE_ADDR + i * PAGE, .size = PAGE,
		    .user_addr = FREE_ADDR + i * PAGE };
		fds[i] = t->front.mem.region[0].fd;
	}
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		table.count = counts[i];
		torture_refuses(t, VHOST_SET_MEM_TABLE, &table, sizeof(table),
		    fds, VHOST_TABLE_REGIONS, "a count of %u in 8",
		    counts[i]);
		torture_refuses(t, VHOST_SET_MEM_TABLE, &table, 8 + 32, fds,
		    counts[i] == 1 ? 2 : 1, "a count of %u in 1", counts[i]);
	}
	torture_works(t, "those");
}

static void
test_removal(struct torture *t)
{
	const struct guest_region *g = &t->front.mem.region[0];
	struct vhost_single_region s[5];

	tap_context("memory, removals: ");
	for (size_t i = 0; i < 5; i++)
		s[i] = (struct vhost_single_region){ .region = region_of(g) };
	s[0].region.guest_addr++;
	s[1].region.size--;
	s[2].region.user_addr += PAGE;
	memset(&s[3], 0, sizeof(s[3]));
	memset(&s[4], 0xff, sizeof(s[4]));
	for (size_t i = 0; i < 5; i++)
		torture_refuses(t, VHOST_REM_MEM_REG, &s[i], sizeof(s[i]),
		    NULL, 0, "what is not there (%zu)", i);
	torture_works(t, "those");
}

/* As many regions as there are slots, and one more; in any order out again. */
static void
test_slots(struct torture *t)
{
	static uint16_t order[SLOTS - 1];
	uint64_t seed = torture_seed(1);
	size_t before = torture_count_fds(t);
	struct vhost_single_region s = { .region.size = PAGE };
	int fd = torture_fd(t, TORTURE_FD_MEMFD), wrong = 0;

	tap_context("memory, slots: ");
	for (uint16_t i = 0; i < SLOTS - 1; i++) {
		size_t k = (size_t)(torture_random(&seed) % (i + 1u));

		order[i] = order[k];
		order[k] = i;
	}
	for (size_t i = 0; i < 2 * (SLOTS - 1); i++) {
		size_t at = order[i % (SLOTS - 1)];
		int adds = i < SLOTS - 1;

		s.region.guest_addr = FREE_ADDR + at * PAGE;
		s.region.user_addr = FREE_ADDR + at * PAGE;
		s.region.mmap_offset = at % 200 * PAGE;
		wrong += torture_ask(t, adds ? VHOST_ADD_MEM_REG :
		    VHOST_REM_MEM_REG, &s, sizeof(s), &fd, adds ? 1 : 0) !=
		    TORTURE_ACCEPTED;
		if (i != SLOTS - 2)
			continue;
		s.region.guest_addr = s.region.user_addr = 2 * FREE_ADDR;
		torture_refuses(t, VHOST_ADD_MEM_REG, &s, sizeof(s), &fd, 1,
		    "one more than there are slots");
		torture_works(t, "it");
	}
	tap_is_int(wrong, 0, "all others come and go");
	torture_works(t, "them");
	close(fd);
	tap_is_int((long long)torture_count_fds(t), (long long)before,
	    "no descriptor stays open");
}

/* Waits until the device has written to a descriptor for errors. */
static int
err_is_signalled(const struct vhost_ring *r)
{
	struct pollfd p = { .fd = r->err_fd, .events = POLLIN };

	return poll(&p, 1, VHOST_TIMEOUT_MS) == 1;
}

/* Requests that nobody will ever collect. */
static void
submit_some(struct fuse_client *c)
{
	static struct fuse_attr_out attr;
	static struct iovec out = { &attr, sizeof(attr) };
	struct fuse_getattr_in arg = { 0 };
	struct iovec in = { &arg, sizeof(arg) };
	const struct fuse_call call = { .opcode = FUSE_GETATTR, .in = &in,
	    .nodeid = FUSE_ROOT_ID, .in_count = 1, .out = &out,
	    .out_count = 1 };

	for (unsigned int i = 0; i < c->depth; i++)
		fuse_submit(c, &call);
	fuse_kick(c);
}

/* The memory with the rings is taken away while they run and are in use. */
static void
test_unmapped(int packed, int by_table)
{
	struct vhost_options o = options;
	const struct vhost_memory_table none = { .count = 0 };
	struct fuse_client c;
	struct torture t;
	uint32_t base;
	int error;

	tap_context("rings unmapped, %s, %s: ", packed ? "packed" : "split",
	    by_table ? "SET_MEM_TABLE" : "REM_MEM_REG");
	o.packed = packed;
	o.request_queues = 2;
	torture_start(&t, share, &o, NULL);
	for (int round = 0; round < 5; round++) {
		fuse_client_init(&c, &t.front, 2, 16);
		submit_some(&c);
		error = by_table ? vhost_send_acked(&t.front,
		    VHOST_SET_MEM_TABLE, &none, 8, NULL, 0) :
		    vhost_rem_mem_reg(&t.front, &t.front.mem.region[0]);
		tap_is_int(error, 0, "it is accepted");
		tap_ok(err_is_signalled(&t.front.ring[1]),
		    "the error is signalled");
		vhost_ring_kick_always(&t.front.ring[1]);
		for (unsigned int i = 0; i < t.front.rings; i++) {
			struct vhost_ring *r = &t.front.ring[i];

			error = vhost_get_vring_base(&t.front, i, &base);
			tap_is_int(error, 0, "stop");
			vhost_ring_reset(r);
			close(r->err_fd);
			r->err_fd = torture_fd(&t, TORTURE_FD_EVENT);
		}
		fuse_client_free(&c);
		torture_set_up(&t, "it");
	}
	t.says = "its memory is gone";
	torture_end(&t, 0, "it");
}

/*
 * The front-end cuts its own file short. What the kernel copies fails with an
 * errno; where the worker touches it itself that is its end, and nobody
 * else's.
 */
static void
test_shrunk(void)
{
	struct vhost_options o = options;
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct torture t;
	uint8_t *data;

	tap_context("memory cut short: ");
	o.regions = 2;
	torture_start(&t, share, &o, NULL);
	/* So that nothing but data is in it. */
	data = guest_mem_add(&t.front.mem, FREE_ADDR, 1 << 20, 0)->map;
	tap_is_int(vhost_add_mem_reg(&t.front, &t.front.mem.region[2]), 0,
	    "a region for data");
	tap_is_int(fuse_create(&t.c, FUSE_ROOT_ID, "shrunk", O_RDWR, 0600,
	    &entry, &open), 0, "create");
	memset(data, 'x', PAGE);
	is_reply(fuse_write(&t.c, entry.nodeid, open.fh, 0, data, PAGE), PAGE,
	    "write");
	if (ftruncate(t.front.mem.region[2].fd, 0) != 0)
		tap_bail("ftruncate");
	is_refused(fuse_write(&t.c, entry.nodeid, open.fh, 0, data, PAGE),
	    "write of data that are gone");
	is_refused(fuse_read(&t.c, entry.nodeid, open.fh, 0, data, PAGE),
	    "read to where nothing is");
	is_reply(fuse_release(&t.c, entry.nodeid, open.fh), 0, "release");
	is_reply(fuse_unlink(&t.c, FUSE_ROOT_ID, "shrunk"), 0, "unlink");
	torture_works(&t, "it");
	/* Now the rings. */
	for (size_t i = 0; i < 2; i++)
		if (ftruncate(t.front.mem.region[i].fd, 0) != 0)
			tap_bail("ftruncate");
	vhost_ring_kick_always(&t.front.ring[1]);
	tap_ok(vhost_is_closed(&t.front, VHOST_TIMEOUT_MS),
	    "the connection ends with the rings");
	for (size_t i = 0; i < 2; i++)
		if (ftruncate(t.front.mem.region[i].fd, REGION) != 0)
			tap_bail("ftruncate");
	t.says = "the worker was killed by signal 7";
	torture_ended(&t, 1, "it");
}

static void
body(struct fixture *f)
{
	struct torture t;

	share = &f->share[0];
	torture_start(&t, share, &options, NULL);
	test_kinds(&t);
	test_regions(&t);
	test_counts(&t);
	test_removal(&t);
	test_slots(&t);
	tap_context("%s", "");
	torture_end(&t, 0, "memory");
	for (int i = 0; i < 4; i++)
		test_unmapped(i & 1, i & 2);
	test_shrunk();
	tap_context("%s", "");
}

int
main(void)
{
	return torture_main(body, 120);
}
