/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: vhost-user messages of the right form at the wrong time, or with
 * values that cannot be. What is refused changes nothing: a correct sequence
 * in the same connection works afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "torture.h"

#define RING_SIZE	128

static const struct fixture_share *share;
static const struct vhost_options split = { .region_size = 4 << 20 };
static const struct vhost_options packed = { .region_size = 4 << 20,
    .packed = 1 };

static int
refuses_u64(struct torture *t, uint32_t request, uint64_t value)
{
	return torture_refuses(t, request, &value, sizeof(value), NULL, 0,
	    "0x%llx", (unsigned long long)value);
}

static enum torture_outcome
ask_state(struct torture *t, uint32_t request, uint32_t index, uint32_t num)
{
	const struct vhost_vring_state s = { .index = index, .num = num };

	return torture_ask(t, request, &s, sizeof(s), NULL, 0);
}

static int
refuses_state(struct torture *t, uint32_t request, uint32_t index,
    uint32_t num)
{
	const struct vhost_vring_state s = { .index = index, .num = num };

	return torture_refuses(t, request, &s, sizeof(s), NULL, 0,
	    "ring %u, %u", index, num);
}

static int
accepts_state(struct torture *t, uint32_t request, uint32_t index,
    uint32_t num)
{
	return tap_is_str(torture_outcome_name(ask_state(t, request, index,
	    num)), "accepted", "%s: ring %u, %u is accepted",
	    vhost_request_name(request), index, num);
}

static int
refuses_kick(struct torture *t, uint64_t word, const char *what)
{
	return torture_refuses(t, VHOST_SET_VRING_KICK, &word, sizeof(word),
	    &t->front.ring[1].kick_fd, 1, "%s", what);
}

static void
begin(struct torture *t, const struct vhost_options *o)
{
	torture_connect(t, share, o, "torture");
	torture_negotiate(t);
}

/* Rings before the memory, kicks before all that a ring needs. */
static void
test_early(const struct vhost_options *o)
{
	struct torture t;

	tap_context("early, %s: ", o->packed ? "packed" : "split");
	begin(&t, o);
	refuses_kick(&t, 1, "nothing is known of the ring");
	accepts_state(&t, VHOST_SET_VRING_ENABLE, 1, 1);
	accepts_state(&t, VHOST_SET_VRING_NUM, 1, RING_SIZE);
	refuses_kick(&t, 1, "no addresses");
	tap_is_int(vhost_set_vring_addr(&t.front, 1), 0, "addresses");
	refuses_kick(&t, 1, "no memory");
	tap_is_int(vhost_set_vring_fd(&t.front, VHOST_SET_VRING_CALL, 1,
	    t.front.ring[1].call_fd), 0, "a call descriptor");
	tap_is_int(vhost_set_vring_fd(&t.front, VHOST_SET_VRING_ERR, 1, -1),
	    0, "no error descriptor");
	refuses_kick(&t, 1, "still no memory");
	torture_set_up(&t, "that");
	torture_end(&t, 0, "it");
}

/*
 * Memory that is not shared, or only where the ring is not, as with QEMU's
 * anonymous memory: it does not ask what becomes of a kick.
 */
static void
test_unshared(int part)
{
	const uint64_t word = 1;
	struct torture_message m = { .header = { .request =
	    VHOST_SET_VRING_KICK, .flags = VHOST_FLAG_VERSION,
	    .size = sizeof(word) }, .payload = &word, .len = sizeof(word),
	    .fd_count = 1 };
	struct torture t;

	tap_context("%s of the memory is shared: ", part ? "a part" : "none");
	begin(&t, &split);
	guest_mem_add(&t.front.mem, UINT64_C(1) << 40, 1 << 20, 0);
	if (part)
		tap_is_int(vhost_set_mem_table(&t.front, 1, 1), 0,
		    "a region");
	accepts_state(&t, VHOST_SET_VRING_NUM, 1, RING_SIZE);
	tap_is_int(vhost_set_vring_addr(&t.front, 1), 0, "addresses");
	refuses_kick(&t, 1, "it asks");
	m.fds = &t.front.ring[1].kick_fd;
	tap_is_str(torture_outcome_name(torture_send(&t, &m)),
	    torture_outcome_name(TORTURE_CLOSED), "it does not ask");
	tap_ok(torture_logged(&t, "memory-backend-memfd,id=mem,size=SIZE,"
	    "share=on -numa node,memdev=mem"), "the log says what to do");
	t.says = part ? "ring 1 is out of reach, for its " :
	    "ring 1 is out of reach, for no memory region was told";
	torture_ended(&t, 1, "it");
}

/* What the guest writes is not in the file: a kick is all that is seen. */
static void
test_private(const struct vhost_options *o)
{
	struct torture t;

	tap_context("a private copy, %s: ", o->packed ? "packed" : "split");
	begin(&t, o);
	tap_is_int(vhost_front_send_memory(&t.front), 0, "memory");
	tap_is_int(vhost_front_start(&t.front), 0, "rings");
	tap_ok(!torture_logged(&t, "its ring is empty"), "no word before");
	vhost_ring_kick_always(&t.front.ring[1]);
	for (int i = 0; i < 1000 && !torture_logged(&t, "its ring is empty");
	    i++)
		procs_sleep_us(10000);
	t.says = "queue 1: the guest has kicked, and its ring is empty: all of";
	torture_end(&t, 0, "it");
}

/* The rings are shared, and others of the guest's pages are not. */
static void
test_unshared_buffer(void)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct torture t;
	void *data;

	tap_context("a buffer that is not shared: ");
	torture_start(&t, share, &split, NULL);
	data = guest_mem_add(&t.front.mem, UINT64_C(1) << 40, 1 << 20, 0)->map;
	tap_is_int(fuse_create(&t.c, FUSE_ROOT_ID, "unshared", O_RDWR, 0600,
	    &entry, &open), 0, "create");
	is_reply(fuse_write(&t.c, entry.nodeid, open.fh, 0, data, 4096),
	    FUSE_NO_REPLY, "write of it");
	guest_mem_remove(&t.front.mem, 1);
	is_reply(fuse_release(&t.c, entry.nodeid, open.fh), 0, "release");
	is_reply(fuse_unlink(&t.c, FUSE_ROOT_ID, "unshared"), 0, "unlink");
	torture_works(&t, "it");
	t.says = "a request at the guest's address 0x10000000000 is not in";
	torture_end(&t, 0, "it");
}

/* Ring numbers that there are not, in all messages that have one. */
static void
test_indices(void)
{
	static const uint32_t index[] = { 65, 66, 127, 255, 256, 65536,
	    0x80000000, UINT32_MAX };
	static const uint64_t words[] = { 65, 255, 0x201, 0x10001,
	    UINT64_C(0x100000001), UINT64_MAX, 0x8000000000000000 };
	static const uint32_t states[] = { VHOST_SET_VRING_NUM,
	    VHOST_SET_VRING_BASE, VHOST_SET_VRING_ENABLE };
	static const uint32_t fds[] = { VHOST_SET_VRING_KICK,
	    VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR };
	struct vhost_vring_addr addr = { .index = 65 };
	struct torture t;

	tap_context("ring numbers: ");
	begin(&t, &split);
	for (size_t i = 0; i < 8; i++) {
		for (size_t k = 0; k < 3; k++)
			refuses_state(&t, states[k], index[i], 1);
		addr.index = index[i];
		torture_refuses(&t, VHOST_SET_VRING_ADDR, &addr,
		    sizeof(addr), NULL, 0, "ring %u", index[i]);
	}
	for (size_t i = 0; i < 7; i++)
		for (size_t k = 0; k < 3; k++)
			torture_refuses(&t, fds[k], &words[i], 8,
			    words[i] & VHOST_VRING_NO_FD ? NULL :
			    &t.front.ring[1].kick_fd,
			    words[i] & VHOST_VRING_NO_FD ? 0 : 1, "word %llx",
			    (unsigned long long)words[i]);
	torture_set_up(&t, "those");
	tap_is_str(torture_outcome_name(ask_state(&t, VHOST_GET_VRING_BASE,
	    65, 0)), "closed", "GET_VRING_BASE of ring 65 has no answer");
	torture_end(&t, 1, "it");
}

/* Bits that were not offered, one by one; and any while rings run. */
static void
test_features(void)
{
	struct torture t;
	int wrong = 0;
	uint64_t bits;

	tap_context("features: ");
	begin(&t, &split);
	for (unsigned int i = 0; i < 64; i++) {
		bits = t.front.offered | VHOST_BIT(i);
		if (bits != t.front.offered)
			wrong += torture_ask(&t, VHOST_SET_FEATURES, &bits, 8,
			    NULL, 0) != TORTURE_REFUSED;
		bits = t.front.offered_protocol | VHOST_BIT(i);
		if (bits != t.front.offered_protocol)
			wrong += torture_ask(&t, VHOST_SET_PROTOCOL_FEATURES,
			    &bits, 8, NULL, 0) != TORTURE_REFUSED;
	}
	tap_is_int(wrong, 0, "each bit that is not offered is refused");
	torture_set_up(&t, "those");
	refuses_u64(&t, VHOST_SET_FEATURES, t.front.features);
	refuses_u64(&t, VHOST_SET_FEATURES, 0);
	refuses_u64(&t, VHOST_SET_PROTOCOL_FEATURES, t.front.protocol);
	refuses_u64(&t, VHOST_SET_PROTOCOL_FEATURES, 0);
	torture_works(&t, "features after rings");
	torture_end(&t, 0, "it");
}

static void
test_values(void)
{
	static const uint32_t sizes[] = { 0, 32769, 65535, 65536, 0x7fffffff,
	    UINT32_MAX };
	struct torture t;

	tap_context("values: ");
	begin(&t, &split);
	for (size_t i = 0; i < 6; i++)
		refuses_state(&t, VHOST_SET_VRING_NUM, 1, sizes[i]);
	refuses_state(&t, VHOST_SET_VRING_BASE, 1, 65536);
	refuses_state(&t, VHOST_SET_VRING_BASE, 1, UINT32_MAX);
	refuses_state(&t, VHOST_SET_VRING_ENABLE, 1, 2);
	refuses_state(&t, VHOST_SET_VRING_ENABLE, 1, UINT32_MAX);
	refuses_u64(&t, VHOST_SET_STATUS, 256);
	refuses_u64(&t, VHOST_SET_STATUS, UINT64_MAX);
	tap_is_int(vhost_front_send_memory(&t.front), 0, "memory");
	tap_is_int(vhost_set_vring_addr(&t.front, 1), 0, "addresses");
	/* virtio 1.2, 2.7: a power of 2. */
	accepts_state(&t, VHOST_SET_VRING_NUM, 1, 100);
	refuses_kick(&t, 1, "a split ring of 100");
	torture_set_up(&t, "those");
	torture_end(&t, 0, "them");

	begin(&t, &packed);
	tap_is_int(vhost_front_send_memory(&t.front), 0, "memory");
	tap_is_int(vhost_set_vring_addr(&t.front, 1), 0, "addresses");
	accepts_state(&t, VHOST_SET_VRING_NUM, 1, RING_SIZE);
	accepts_state(&t, VHOST_SET_VRING_BASE, 1, 0x80008000 | RING_SIZE);
	refuses_kick(&t, 1, "an avail index that there is not");
	accepts_state(&t, VHOST_SET_VRING_BASE, 1, 0xffff8000);
	refuses_kick(&t, 1, "a used index that there is not");
	torture_set_up(&t, "those");
	torture_end(&t, 0, "them");
}

/* One part of a ring somewhere else. */
static int
refuses_place(struct torture *t, unsigned int part, uint64_t addr)
{
	const struct vhost_ring *r = &t->front.ring[1];
	struct vhost_vring_addr a = { .index = 1,
	    .desc = (uintptr_t)r->desc.base,
	    .used = (uintptr_t)r->used.split,
	    .avail = (uintptr_t)r->avail.split };
	const uint64_t word = 1;
	enum torture_outcome outcome;

	*(part == 0 ? &a.desc : part == 1 ? &a.avail : &a.used) = addr;
	/* It may be seen at once, or when the ring starts. */
	outcome = torture_ask(t, VHOST_SET_VRING_ADDR, &a, sizeof(a), NULL,
	    0);
	if (outcome == TORTURE_ACCEPTED)
		outcome = torture_ask(t, VHOST_SET_VRING_KICK, &word,
		    sizeof(word), &r->kick_fd, 1);
	if (outcome == TORTURE_REFUSED)
		return 1;
	tap_diag("part %u at 0x%llx: %s", part, (unsigned long long)addr,
	    torture_outcome_name(outcome));
	return 0;
}

static void
test_addresses(const struct vhost_options *o)
{
	const struct guest_region *g;
	struct vhost_vring_addr log = { .index = 1, .flags = 1 };
	uint64_t start, end, good[3];
	struct torture t;
	int wrong = 0;

	tap_context("addresses, %s: ", o->packed ? "packed" : "split");
	begin(&t, o);
	tap_is_int(vhost_front_send_memory(&t.front), 0, "memory");
	accepts_state(&t, VHOST_SET_VRING_NUM, 1, RING_SIZE);
	g = &t.front.mem.region[0];
	start = (uintptr_t)g->map;
	end = start + g->size;
	good[0] = (uintptr_t)t.front.ring[1].desc.base;
	good[1] = (uintptr_t)t.front.ring[1].avail.split;
	good[2] = (uintptr_t)t.front.ring[1].used.split;
	for (unsigned int part = 0; part < 3; part++) {
		const uint64_t bad[] = { 0, 1, 4096, start - 4096, start - 1,
		    end, end + 4096, end - 1, good[part] + 1,
		    part == 0 ? end - 16 * (RING_SIZE - 1) : end - 2,
		    UINT64_MAX, UINT64_MAX - 3, UINT64_MAX - 15,
		    UINT64_MAX - 4095, UINT64_C(1) << 63,
		    start + (UINT64_C(1) << 48), g->guest_addr + 8192 };

		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			wrong += !refuses_place(&t, part, bad[i]);
	}
	wrong += !refuses_place(&t, 0, good[0] + 8);
	wrong += !refuses_place(&t, 2, good[2] + 2);
	tap_is_int(wrong, 0, "no place outside or unaligned is accepted");
	torture_refuses(&t, VHOST_SET_VRING_ADDR, &log, sizeof(log), NULL, 0,
	    "logging");
	torture_set_up(&t, "those");
	torture_end(&t, 0, "it");
}

/* A ring that runs is not changed. */
static void
test_running(const struct vhost_options *o)
{
	struct torture t;
	uint32_t base = 0, again = 0;
	struct vhost_vring_addr addr = { .index = 1 };
	struct vhost_ring *r;
	uint64_t word = VHOST_VRING_NO_FD | 1;
	size_t before;

	tap_context("running, %s: ", o->packed ? "packed" : "split");
	torture_start(&t, share, o, NULL);
	r = &t.front.ring[1];
	refuses_state(&t, VHOST_SET_VRING_NUM, 1, 64);
	refuses_state(&t, VHOST_SET_VRING_BASE, 1, 1);
	torture_refuses(&t, VHOST_SET_VRING_ADDR, &addr, sizeof(addr), NULL,
	    0, "another place");
	torture_refuses(&t, VHOST_SET_VRING_KICK, &word, sizeof(word), NULL,
	    0, "no descriptor");
	torture_works(&t, "those");
	before = torture_count_fds(&t);
	for (int i = 0; i < 20; i++) {
		close(r->kick_fd);
		close(r->call_fd);
		r->kick_fd = torture_fd(&t, TORTURE_FD_EVENT);
		r->call_fd = torture_fd(&t, TORTURE_FD_EVENT);
		vhost_set_vring_fd(&t.front, VHOST_SET_VRING_CALL, 1,
		    r->call_fd);
		vhost_set_vring_fd(&t.front, VHOST_SET_VRING_KICK, 1,
		    r->kick_fd);
	}
	torture_works(&t, "new descriptors");
	tap_is_int((long long)torture_count_fds(&t), (long long)before,
	    "the old ones are closed");
	tap_is_int(vhost_get_vring_base(&t.front, 1, &base), 0, "stop");
	tap_is_int(vhost_get_vring_base(&t.front, 1, &again), 0, "again");
	tap_is_int(again, base, "the same index again");
	tap_is_int(vhost_front_resume_ring(&t.front, 1, base), 0, "start");
	torture_works(&t, "it");
	tap_is_int(vhost_get_vring_base(&t.front, 40, &base), 0,
	    "stop of a ring that never ran");
	/* Packed: with the wrap counters that a ring begins with. */
	tap_is_int(base, o->packed ? 0x80008000 : 0, "its index is 0");
	torture_end(&t, 0, "it");
}

/* A ring that is not enabled is not looked at. */
static void
test_disabled(void)
{
	struct fuse_attr_out attr;
	const struct iovec out = { .iov_base = &attr,
	    .iov_len = sizeof(attr) };
	struct fuse_getattr_in arg = { .dummy = 0 };
	const struct iovec in = { .iov_base = &arg, .iov_len = sizeof(arg) };
	const struct fuse_call call = { .opcode = FUSE_GETATTR, .in = &in,
	    .nodeid = FUSE_ROOT_ID, .in_count = 1, .out = &out,
	    .out_count = 1, .out_least = sizeof(attr) };
	struct torture t;
	uint32_t base = 0;
	uint16_t idx;
	int result = -1;
	void *user;

	tap_context("disabled: ");
	torture_start(&t, share, &split, NULL);
	idx = t.front.ring[1].avail_idx;
	accepts_state(&t, VHOST_SET_VRING_ENABLE, 1, 0);
	tap_is_int(fuse_submit(&t.c, &call), 0, "a request");
	vhost_ring_kick_always(&t.front.ring[1]);
	tap_is_int(vhost_get_vring_base(&t.front, 1, &base), 0, "stop");
	tap_is_int(base, idx, "it was not taken");
	tap_is_int(vhost_front_resume_ring(&t.front, 1, base), 0,
	    "start, enabled");
	tap_is_int(fuse_collect(&t.c, &user, &result, 10000), 1,
	    "it is taken");
	tap_is_int(result, sizeof(attr), "its result");
	torture_end(&t, 0, "it");
}

/* All rings end with requests in flight; then it begins anew. */
static void
test_reset(const struct vhost_options *o, int by_status)
{
	struct vhost_options deep = *o;
	static uint8_t room[64][104];
	struct fuse_client deeper;
	struct torture t;
	int error = 0;

	tap_context("%s, %s: ", by_status ? "status 0" : "RESET_DEVICE",
	    o->packed ? "packed" : "split");
	deep.request_queues = 2;
	deep.region_size = 32 << 20;
	torture_start(&t, share, &deep, NULL);
	for (int round = 0; round < 10 && error == 0; round++) {
		fuse_client_init(&deeper, &t.front, 2, 64);
		for (size_t i = 0; i < 64; i++) {
			const struct iovec part[2] = {
			    { .iov_base = &(struct fuse_getattr_in){ 0 },
			    .iov_len = sizeof(struct fuse_getattr_in) },
			    { .iov_base = room[i], .iov_len = 104 } };
			const struct fuse_call call = { .opcode =
			    FUSE_GETATTR, .nodeid = FUSE_ROOT_ID,
			    .in = &part[0], .in_count = 1, .out = &part[1],
			    .out_count = 1 };

			fuse_submit(&deeper, &call);
		}
		fuse_kick(&deeper);
		procs_sleep_us((unsigned int)round * 30);
		error = by_status ?
		    vhost_set_u64(&t.front, VHOST_SET_STATUS, 0) :
		    vhost_reset_device(&t.front);
		fuse_client_free(&deeper);
		for (unsigned int i = 0; i < t.front.rings; i++)
			vhost_ring_reset(&t.front.ring[i]);
		if (error == 0)
			error = vhost_set_u64(&t.front, VHOST_SET_FEATURES,
			    t.front.features);
		if (error == 0)
			error = vhost_front_start(&t.front);
	}
	tap_is_str(vhost_error_name(error), "success", "ten times");
	torture_works(&t, "them");
	torture_end(&t, 0, "it");
}

static void
test_config(void)
{
	static const struct {
		uint32_t	offset, size, sent;
	} rows[] = { { 41, 0, 12 }, { 0, 41, 53 }, { 40, 1, 13 },
	    { 0, 256, 268 }, { 4, 40, 52 }, { UINT32_MAX, 4, 16 },
	    { 0xfffffffc, 4, 16 }, { 0x80000000, 4, 16 },
	    { 0, UINT32_MAX, 16 }, { 4, UINT32_MAX - 3, 52 },
	    { 0, 0, 16 }, { 0, 4, 12 }, { 0, 4, 52 } };
	struct vhost_config c;
	struct vhost_fs_config read_back;
	struct torture t;

	tap_context("configuration space: ");
	torture_start(&t, share, &split, "torture");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&c, 0, sizeof(c));
		c.offset = rows[i].offset;
		c.size = rows[i].size;
		torture_refuses(&t, VHOST_GET_CONFIG, &c, rows[i].sent, NULL,
		    0, "offset %u, size %u of %u", c.offset, c.size,
		    rows[i].sent);
		torture_refuses(&t, VHOST_SET_CONFIG, &c, rows[i].sent, NULL,
		    0, "offset %u, size %u of %u", c.offset, c.size,
		    rows[i].sent);
	}
	memset(&c, 0x41, sizeof(c));
	c.offset = c.flags = 0;
	c.size = 36;
	torture_refuses(&t, VHOST_SET_CONFIG, &c, 12 + 36, NULL, 0,
	    "another tag");
	tap_is_int(vhost_get_config(&t.front, 0, sizeof(read_back),
	    &read_back), 0, "it can be read");
	tap_is_str(read_back.tag, "torture", "it is what it was");
	torture_works(&t, "those");
	torture_end(&t, 0, "it");
	/* Without a tag there is none. */
	torture_start(&t, share, &split, NULL);
	torture_refuses(&t, VHOST_GET_CONFIG, &c, 12 + 36, NULL, 0,
	    "no tag");
	torture_works(&t, "it");
	torture_end(&t, 0, "it");
}

/* What belongs to a protocol feature that was not negotiated. */
static void
test_not_negotiated(void)
{
	struct vhost_options o = split;
	const struct vhost_vring_state enable = { .index = 1 };
	struct torture_message m = { .header = { .request =
	    VHOST_SET_VRING_ENABLE, .flags = VHOST_FLAG_VERSION,
	    .size = sizeof(enable) }, .payload = &enable,
	    .len = sizeof(enable) };
	struct torture t;

	tap_context("no protocol features: ");
	o.no_protocol_features = 1;
	torture_start(&t, share, &o, NULL);
	/* Refused without a word: the ring stays enabled. */
	tap_is_str(torture_outcome_name(torture_send(&t, &m)), "no answer",
	    "SET_VRING_ENABLE is ignored");
	torture_works(&t, "it");
	m.header = (struct vhost_header){ .request = VHOST_SET_STATUS,
	    .flags = VHOST_FLAG_VERSION, .size = 8 };
	tap_is_str(torture_outcome_name(torture_send(&t, &m)), "no answer",
	    "SET_STATUS is ignored");
	torture_works(&t, "it");
	torture_end(&t, 0, "it");
}

static void
body(struct fixture *f)
{
	share = &f->share[0];
	for (int i = 0; i < 2; i++) {
		const struct vhost_options *o = i == 0 ? &split : &packed;

		test_early(o);
		test_addresses(o);
		test_running(o);
		test_reset(o, 0);
		test_reset(o, 1);
	}
	test_unshared(0);
	test_unshared(1);
	test_unshared_buffer();
	test_private(&split);
	test_private(&packed);
	test_indices();
	test_features();
	test_values();
	test_disabled();
	test_config();
	test_not_negotiated();
	tap_context("%s", "");
}

int
main(void)
{
	return torture_main(body, 120);
}
