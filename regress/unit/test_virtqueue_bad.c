/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of worker/virtqueue.c: every way to break a chain or a ring.
 */
#include "config.h"

#include "worker/virtqueue.h"

#include <sys/mman.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "regress/unit/ring_driver.h"

#define SIZE	8U	/* of the queue */

/* Kinds of queues. */
#define SPLIT	1
#define PACKED	2
#define BOTH	3
#define DIRECT	4	/* no INDIRECT_DESC */

#define DATA	(DRIVER_LOW + DRIVER_DATA)
#define TABLE	(DRIVER_LOW + DRIVER_TABLES)
#define END	(DRIVER_HIGH + DRIVER_HIGH_SIZE)
#define FAR_END	(DRIVER_FAR + DRIVER_FAR_SIZE)

#define N	DRIVER_NEXT
#define W	DRIVER_WRITE
#define I	DRIVER_INDIRECT

/* All have id 0, which for packed ones is the link of the last one. */
struct chain_case {
	const char		*name;
	int			 kinds;
	int			 result;
	struct driver_desc	 ring[5];
	struct driver_desc	 table[5];
};

static const struct chain_case cases[] = {
	/* Some that are good, so that the bad ones are bad for one reason. */
	{ "one", BOTH, 1, { { DATA, 1, 0, 0 } }, { { 0 } } },
	{ "two", BOTH, 1, { { DATA, 1, N, 1 }, { DATA, 1, W, 0 } },
	    { { 0 } } },
	{ "backwards", SPLIT, 1, { { DATA, 1, N, 2 }, { DATA, 1, W, 0 },
	    { DATA, 1, N | W, 1 } }, { { 0 } } },
	{ "last byte", BOTH, 1, { { END - 1, 1, 0, 0 } }, { { 0 } } },
	{ "last byte of all", BOTH, 1, { { FAR_END - 1, 1, W, 0 } },
	    { { 0 } } },
	{ "table", BOTH, 1, { { TABLE, 32, I, 0 } },
	    { { DATA, 1, N, 1 }, { DATA, 1, W, 0 } } },
	{ "table, packed without NEXT", PACKED, 1, { { TABLE, 32, I, 0 } },
	    { { DATA, 1, 0, 9 }, { DATA, 1, W, 9 } } },
	{ "table that says it is written to", BOTH, 1,
	    { { TABLE, 16, I | W, 0 } }, { { DATA, 1, 0, 0 } } },
	{ "table at an odd address", BOTH, 1, { { TABLE + 1, 32, I, 0 } },
	    { { DATA, 1, N, 1 }, { DATA, 1, W, 0 } } },
	{ "table longer than its chain", SPLIT, 1, { { TABLE, 80, I, 0 } },
	    { { DATA, 1, N, 2 }, { 0 }, { DATA, 1, 0, 0 } } },
	{ "table at the end of a chain", SPLIT, 1,
	    { { DATA, 1, N, 1 }, { TABLE, 32, I, 0 } },
	    { { DATA, 1, N, 1 }, { DATA, 1, W, 0 } } },
	{ "flags that do not exist", BOTH, 1, { { DATA, 1, 0x7f78, 0 } },
	    { { 0 } } },

	{ "empty", BOTH, -EBADMSG, { { DATA, 0, 0, 0 } }, { { 0 } } },
	{ "empty, for writing", BOTH, -EBADMSG, { { DATA, 0, W, 0 } },
	    { { 0 } } },
	{ "empty at last", BOTH, -EBADMSG,
	    { { DATA, 1, N, 1 }, { DATA, 0, W, 0 } }, { { 0 } } },
	{ "address 0", BOTH, -EBADMSG, { { 0, 1, 0, 0 } }, { { 0 } } },
	{ "before memory", BOTH, -EBADMSG, { { DRIVER_LOW - 1, 2, 0, 0 } },
	    { { 0 } } },
	{ "behind memory", BOTH, -EBADMSG, { { END, 1, 0, 0 } }, { { 0 } } },
	{ "beyond memory", BOTH, -EBADMSG, { { END - 1, 2, W, 0 } },
	    { { 0 } } },
	{ "beyond all memory", BOTH, -EBADMSG, { { FAR_END - 1, 2, W, 0 } },
	    { { 0 } } },
	{ "beyond two regions", BOTH, -EBADMSG,
	    { { DRIVER_LOW, DRIVER_LOW_SIZE + DRIVER_HIGH_SIZE + 1, 0, 0 } },
	    { { 0 } } },
	{ "last address", BOTH, -EBADMSG, { { UINT64_MAX, 1, 0, 0 } },
	    { { 0 } } },
	{ "around", BOTH, -EBADMSG, { { UINT64_MAX, 2, 0, 0 } }, { { 0 } } },
	{ "around into memory", BOTH, -EBADMSG,
	    { { FAR_END - 1, UINT32_MAX, 0, 0 } }, { { 0 } } },
	{ "longest", BOTH, -EBADMSG, { { DATA, UINT32_MAX, W, 0 } },
	    { { 0 } } },
	{ "outside at last", BOTH, -EBADMSG,
	    { { DATA, 1, N, 1 }, { 0, 1, W, 0 } }, { { 0 } } },
	{ "read after written", BOTH, -EBADMSG,
	    { { DATA, 1, N | W, 1 }, { DATA, 1, 0, 0 } }, { { 0 } } },
	{ "read between written", BOTH, -EBADMSG,
	    { { DATA, 1, N | W, 1 }, { DATA, 1, N, 2 }, { DATA, 1, W, 0 } },
	    { { 0 } } },
	{ "to itself", SPLIT, -EBADMSG, { { DATA, 1, N, 0 } }, { { 0 } } },
	{ "in a circle", SPLIT, -EBADMSG,
	    { { DATA, 1, N, 1 }, { DATA, 1, N, 2 }, { DATA, 1, N, 0 } },
	    { { 0 } } },
	{ "next is none", SPLIT, -EBADMSG, { { DATA, 1, N, SIZE } },
	    { { 0 } } },
	{ "next is far", SPLIT, -EBADMSG, { { DATA, 1, N, UINT16_MAX } },
	    { { 0 } } },

	{ "not negotiated", BOTH | DIRECT, -EBADMSG, { { TABLE, 16, I, 0 } },
	    { { DATA, 1, 0, 0 } } },
	{ "table and next", BOTH, -EBADMSG,
	    { { TABLE, 16, I | N, 1 }, { DATA, 1, 0, 0 } },
	    { { DATA, 1, 0, 0 } } },
	{ "table at the end of a packed chain", PACKED, -EBADMSG,
	    { { DATA, 1, N, 0 }, { TABLE, 16, I, 0 } },
	    { { DATA, 1, 0, 0 } } },
	{ "table of nothing", BOTH, -EBADMSG, { { TABLE, 0, I, 0 } },
	    { { DATA, 1, 0, 0 } } },
	{ "table of less than one", BOTH, -EBADMSG, { { TABLE, 15, I, 0 } },
	    { { DATA, 1, 0, 0 } } },
	{ "table of one and a bit", BOTH, -EBADMSG, { { TABLE, 17, I, 0 } },
	    { { DATA, 1, 0, 0 } } },
	{ "table of too many", BOTH, -EBADMSG,
	    { { TABLE, 32769 * 16, I, 0 } }, { { DATA, 1, 0, 0 } } },
	{ "longest table", BOTH, -EBADMSG,
	    { { TABLE, UINT32_MAX - 15, I, 0 } }, { { DATA, 1, 0, 0 } } },
	{ "table outside", BOTH, -EBADMSG, { { DRIVER_LOW - 16, 16, I, 0 } },
	    { { DATA, 1, 0, 0 } } },
	{ "table at the last address", BOTH, -EBADMSG,
	    { { UINT64_MAX - 14, 16, I, 0 } }, { { DATA, 1, 0, 0 } } },
	{ "table in two regions", BOTH, -EBADMSG,
	    { { DRIVER_HIGH - 16, 32, I, 0 } }, { { DATA, 1, 0, 0 } } },
	{ "table in a table", BOTH, -EBADMSG, { { TABLE, 16, I, 0 } },
	    { { TABLE + 16, 16, I, 0 }, { DATA, 1, 0, 0 } } },
	{ "table in itself", BOTH, -EBADMSG, { { TABLE, 16, I, 0 } },
	    { { TABLE, 16, I, 0 } } },
	{ "next is none in the table", SPLIT, -EBADMSG,
	    { { TABLE, 16, I, 0 } }, { { DATA, 1, N, 1 }, { DATA, 1, 0, 0 } } },
	{ "next is behind the table", SPLIT, -EBADMSG,
	    { { TABLE, 32, I, 0 } },
	    { { DATA, 1, N, 2 }, { 0 }, { DATA, 1, 0, 0 } } },
	{ "in a circle in the table", SPLIT, -EBADMSG,
	    { { TABLE, 32, I, 0 } }, { { DATA, 1, N, 1 }, { DATA, 1, N, 0 } } },
	{ "empty in the table", BOTH, -EBADMSG, { { TABLE, 16, I, 0 } },
	    { { DATA, 0, 0, 0 } } },
	{ "wrong order over the table's border", SPLIT, -EBADMSG,
	    { { DATA, 1, N | W, 1 }, { TABLE, 16, I, 0 } },
	    { { DATA, 1, 0, 0 } } }
};

static struct ring_driver driver;
static struct virtqueue vq;
static struct iovec iov[VIRTQUEUE_IOV_MAX + 1];
static struct virtqueue_chain chain;
static unsigned int lines;	/* logged */

static void
count_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	assert_non_null(strstr(text, "queue 3 stops until it is reset: "));
	lines++;
}

static void
open_queue(bool packed, bool indirect, uint32_t size)
{
	const struct virtqueue_config config = { .index = 3, .packed = packed,
	    .indirect = indirect, .event_idx = true, .size = size };

	memset(&vq, 0, sizeof(vq));
	lines = 0;
	assert_int_equal(driver_open(&driver, &config), 0);
	assert_int_equal(virtqueue_start(&vq, &driver.config, driver.map), 0);
}

static void
close_queue(void)
{
	virtqueue_stop(&vq);
	driver_close(&driver);
}

static int
pop(void)
{
	int result;

	/* One element more than is allowed, which nothing writes to. */
	iov[VIRTQUEUE_IOV_MAX] = (struct iovec){ NULL, 0xdead };
	result = virtqueue_pop(&vq, driver.map, iov, &chain);
	assert_int_equal(iov[VIRTQUEUE_IOV_MAX].iov_len, 0xdead);
	return result;
}

/* After a bad chain there is a good one. */
static void
expect_good(void)
{
	const struct driver_desc good = { DATA, 2, W, 0 };
	uint32_t len;
	uint16_t id;
	int added;

	added = driver_add(&driver, &good, 1, false);
	assert_true(added >= 0);
	assert_int_equal(pop(), 1);
	assert_int_equal(chain.id, added);
	assert_int_equal(chain.in_len, 2);
	virtqueue_push(&vq, &chain, 1);
	virtqueue_flush(&vq);
	assert_true(driver_get(&driver, &id, &len));
	assert_int_equal(id, added);
	assert_int_equal(len, 1);
}

/* What the driver finds when a chain was made by hand. */
static void
expect_used(uint16_t id, uint16_t ndesc, uint32_t len)
{
	uint32_t used_len;
	uint16_t used_id;

	assert_int_equal(virtqueue_in_flight(&vq), 0);
	virtqueue_flush(&vq);
	/* Of the driver's, none is taken: it gets back what it never had. */
	driver.count[id] = driver.config.packed ? ndesc : 0;
	driver.free -= driver.count[id];
	if (driver.config.packed)
		driver.free_head = driver.next[id];
	assert_true(driver_get(&driver, &used_id, &used_len));
	assert_int_equal(used_id, id);
	assert_int_equal(used_len, len);
	assert_false(driver_has_used(&driver));
}

/* Returns how many descriptors the chain has in the ring. */
static uint16_t
put_case(const struct chain_case *c)
{
	uint32_t at = (uint32_t)(c->ring[0].addr & 15);
	uint16_t n = 0;

	for (uint32_t i = 0; i < 5; i++)
		driver_put_table(&driver, DRIVER_TABLES + at, i,
		    &c->table[i]);
	while (n < 5 && (c->ring[n].addr | c->ring[n].len |
	    c->ring[n].flags) != 0)
		n++;
	/* Behind the ring is one that would do. */
	if (!driver.config.packed)
		driver_put(&driver, SIZE, &cases[0].ring[0]);
	for (uint16_t i = n; i-- > 0;)
		driver_put(&driver, driver.config.packed ?
		    (uint16_t)((driver.avail_idx + i) % SIZE) : i,
		    &c->ring[i]);
	return n;
}

static void
run_case(const struct chain_case *c, bool packed)
{
	uint16_t n;
	int result;

	open_queue(packed, (c->kinds & DIRECT) == 0, SIZE);
	/* Eight times, so that it lies everywhere in the ring. */
	for (uint32_t i = 0; i < SIZE; i++) {
		n = put_case(c);
		driver_offer(&driver, 0, n);
		assert_true(virtqueue_ready(&vq));
		result = pop();
		if (result != c->result)
			print_message("# %s: %s: %d\n", packed ? "packed" :
			    "split", c->name, result);
		assert_int_equal(result, c->result);
		if (result == 1)
			virtqueue_push(&vq, &chain, 7);
		expect_used(0, n, result == 1 ? 7 : 0);
		assert_int_equal(pop(), 0);
		expect_good();
	}
	assert_int_equal(lines, 0);
	close_queue();
}

static void
test_chains(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if ((cases[i].kinds & SPLIT) != 0)
			run_case(&cases[i], false);
		if ((cases[i].kinds & PACKED) != 0)
			run_case(&cases[i], true);
	}
}

/* Offers a table of `n` single bytes, the last of which may be more. */
static int
pop_table(uint32_t n, uint64_t last_addr, uint32_t last_len)
{
	struct driver_desc desc;

	for (uint32_t i = 0; i < n; i++) {
		desc = (struct driver_desc){ DATA, 1, N, (uint16_t)(i + 1) };
		if (i + 1 == n)
			desc = (struct driver_desc){ last_addr, last_len, W,
			    0 };
		driver_put_table(&driver, DRIVER_TABLES, i, &desc);
	}
	desc = (struct driver_desc){ TABLE, n * 16, I, 0 };
	driver_put(&driver, driver.config.packed ? driver.avail_idx : 0,
	    &desc);
	driver_offer(&driver, 0, 1);
	return pop();
}

static void
test_overlong(void **state)
{
	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		open_queue(packed != 0, true, SIZE);
		assert_int_equal(pop_table(VIRTQUEUE_IOV_MAX, DATA, 5), 1);
		assert_int_equal(chain.nout, VIRTQUEUE_IOV_MAX - 1);
		assert_int_equal(chain.nin, 1);
		virtqueue_push(&vq, &chain, 5);
		expect_used(0, 1, 5);
		assert_int_equal(pop_table(VIRTQUEUE_IOV_MAX + 1, DATA, 5),
		    -EBADMSG);
		expect_used(0, 1, 0);
		assert_int_equal(pop_table(32768, DATA, 5), -EBADMSG);
		expect_used(0, 1, 0);
		/* The last is in two regions. */
		assert_int_equal(pop_table(VIRTQUEUE_IOV_MAX,
		    DRIVER_HIGH - 1, 2), -EBADMSG);
		expect_used(0, 1, 0);
		assert_int_equal(pop_table(VIRTQUEUE_IOV_MAX - 1,
		    DRIVER_HIGH - 1, 2), 1);
		assert_int_equal(chain.nin, 2);
		virtqueue_push(&vq, &chain, 2);
		expect_used(0, 1, 2);
		expect_good();
		close_queue();
	}
}

/* More than 32 bits of bytes, which takes more memory than there is. */
static void
test_too_many_bytes(void **state)
{
	const struct guest_memory_region region = { UINT64_C(1) << 40,
	    UINT64_C(1) << 33, UINT64_C(1) << 50, 0 };
	struct driver_desc bufs[2] = { { region.guest_addr, UINT32_MAX, 0, 0 },
	    { DATA, 1, 0, 0 } };
	struct guest_memory *map;
	int fd;

	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		open_queue((kind & 1) != 0, true, SIZE);
		bufs[1].flags = (kind & 2) != 0 ? W : 0;
		fd = memfd_create("guest", MFD_CLOEXEC);
		assert_int_equal(ftruncate(fd, (off_t)region.size), 0);
		assert_int_equal(guest_memory_add(driver.map, &region, fd,
		    &map, NULL), 0);
		assert_int_equal(virtqueue_move(&vq, map), 0);
		guest_memory_release(driver.map);
		driver.map = map;
		driver_add(&driver, bufs, 1, true);
		assert_int_equal(pop(), 1);
		assert_int_equal(chain.out_len, UINT32_MAX);
		virtqueue_push(&vq, &chain, 0);
		driver_add(&driver, bufs, 2, true);
		assert_int_equal(pop(), -EBADMSG);
		bufs[0].len--;
		driver_add(&driver, bufs, 2, true);
		assert_int_equal(pop(), 1);
		assert_int_equal(chain.out_len + chain.in_len, UINT32_MAX);
		bufs[0].len++;
		virtqueue_push(&vq, &chain, 0);
		close_queue();
	}
}

/* The ring is of no use any more: once logged, until it starts again. */
static void
expect_broken(void)
{
	const struct driver_desc good = { DATA, 2, W, 0 };

	assert_int_equal(lines, 0);
	assert_int_equal(pop(), -EIO);
	assert_int_equal(lines, 1);
	assert_true(vq.broken);
	assert_int_equal(pop(), -EIO);
	assert_false(virtqueue_ready(&vq));
	assert_false(virtqueue_flush(&vq));
	virtqueue_kicks_off(&vq);
	assert_true(virtqueue_kicks_on(&vq));
	driver_add(&driver, &good, 1, false);
	assert_int_equal(pop(), -EIO);
	assert_int_equal(lines, 1);
	while (virtqueue_in_flight(&vq) > 0)
		virtqueue_push(&vq, &chain, 0);
	virtqueue_stop(&vq);
	driver_reset(&driver, 0);
	assert_int_equal(virtqueue_start(&vq, &driver.config, driver.map), 0);
	assert_int_equal(pop(), 0);
	expect_good();
	lines = 0;
}

static void
test_split_head(void **state)
{
	static const uint16_t heads[] = { SIZE, 0x7fff, 0x8000, UINT16_MAX };

	(void)state;
	open_queue(false, true, SIZE);
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		driver_offer(&driver, heads[i], 1);
		expect_broken();
	}
	close_queue();
}

/* The index may not be more than the size ahead, nor go back. */
static void
test_split_jump(void **state)
{
	static const uint32_t jumps[] = { SIZE + 1, 0x7fff, 0x8000, 0xffff };

	(void)state;
	open_queue(false, true, SIZE);
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		driver_put16(&driver, DRIVER_AVAIL + 2,
		    (uint16_t)(driver.avail_idx + jumps[i]));
		expect_broken();
	}
	close_queue();
}

/* Nothing can be available while all of them are with the device. */
static void
test_split_full(void **state)
{
	const struct driver_desc good = { DATA, 1, W, 0 };

	(void)state;
	open_queue(false, true, SIZE);
	for (uint32_t i = 0; i < SIZE; i++) {
		assert_true(driver_add(&driver, &good, 1, false) >= 0);
		assert_int_equal(pop(), 1);
	}
	driver_offer(&driver, 0, 1);
	expect_broken();
	/* Pushed, but not shown: the device has it still. */
	for (uint32_t i = 0; i < SIZE; i++)
		assert_true(driver_add(&driver, &good, 1, false) >= 0);
	assert_int_equal(pop(), 1);
	virtqueue_push(&vq, &chain, 0);
	for (uint32_t i = 1; i < SIZE; i++)
		assert_int_equal(pop(), 1);
	driver_offer(&driver, 0, 1);
	expect_broken();
	close_queue();
}

static void
test_packed_full(void **state)
{
	const struct driver_desc good = { DATA, 1, W, 0 };

	(void)state;
	open_queue(true, true, SIZE);
	for (uint32_t i = 0; i < SIZE; i++) {
		assert_true(driver_add(&driver, &good, 1, false) >= 0);
		assert_int_equal(pop(), 1);
	}
	assert_int_equal(pop(), 0);
	driver_put(&driver, driver.avail_idx, &good);
	expect_broken();
	close_queue();
}

/* Puts `n` descriptors where the device looks next. */
static void
put_packed(uint32_t n, const struct driver_desc *desc,
    const struct driver_desc *last)
{
	for (uint32_t i = n; i-- > 0;)
		driver_put(&driver, (uint16_t)((driver.avail_idx + i) % SIZE),
		    i + 1 < n ? desc : last);
}

/* A chain that has no end in the ring, or none before those in flight. */
static void
test_packed_endless(void **state)
{
	const struct driver_desc endless = { DATA, 1, N, 0 };
	const struct driver_desc good = { DATA, 1, 0, 0 };

	(void)state;
	open_queue(true, true, SIZE);
	put_packed(SIZE, &endless, &endless);
	expect_broken();
	for (int i = 0; i < 3; i++) {
		assert_true(driver_add(&driver, &good, 1, false) >= 0);
		assert_int_equal(pop(), 1);
	}
	put_packed(SIZE - 3, &endless, &endless);
	expect_broken();
	/* One that ends, and it is long, but good. */
	put_packed(SIZE, &endless, &good);
	driver_offer(&driver, 0, SIZE);
	assert_int_equal(pop(), 1);
	assert_int_equal(chain.nout, SIZE);
	assert_int_equal(chain.ndesc, SIZE);
	virtqueue_push(&vq, &chain, 3);
	expect_used(0, SIZE, 3);
	close_queue();
}

/* An id is the driver's alone: it may be any number. */
static void
test_packed_id(void **state)
{
	const struct driver_desc desc = { DATA, 1, 0, UINT16_MAX };
	uint16_t id;

	(void)state;
	open_queue(true, true, SIZE);
	driver_put(&driver, 0, &desc);
	assert_int_equal(pop(), 1);
	assert_int_equal(chain.id, UINT16_MAX);
	virtqueue_push(&vq, &chain, 0);
	id = driver_get16(&driver, DRIVER_DESC + 12);
	assert_int_equal(id, UINT16_MAX);
	close_queue();
}

/* Neither of the two bits alone makes one available. */
static void
test_packed_bits(void **state)
{
	static const uint16_t flags[] = { 0x0000, 0x8000, 0x8080 };
	const struct driver_desc desc = { DATA, 1, 0, 0 };

	(void)state;
	open_queue(true, true, SIZE);
	driver_put(&driver, 0, &desc);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		driver_put16(&driver, DRIVER_DESC + 14, flags[i]);
		assert_false(virtqueue_ready(&vq));
		assert_int_equal(pop(), 0);
	}
	driver_put16(&driver, DRIVER_DESC + 14, 0x0080);
	assert_true(virtqueue_ready(&vq));
	assert_int_equal(pop(), 1);
	virtqueue_push(&vq, &chain, 0);
	close_queue();
}

/* A guest cannot fill the log by breaking its queue again and again. */
static void
test_log_limit(void **state)
{
	(void)state;
	open_queue(false, true, SIZE);
	for (int i = 0; i < 1000; i++) {
		driver_offer(&driver, UINT16_MAX, 1);
		assert_int_equal(pop(), -EIO);
		virtqueue_stop(&vq);
		driver_reset(&driver, 0);
		assert_int_equal(virtqueue_start(&vq, &driver.config,
		    driver.map), 0);
	}
	assert_in_range(lines, 1, 50);
	close_queue();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_overlong),
		cmocka_unit_test(test_too_many_bytes),
		cmocka_unit_test(test_split_head),
		cmocka_unit_test(test_split_jump),
		cmocka_unit_test(test_split_full),
		cmocka_unit_test(test_packed_full),
		cmocka_unit_test(test_packed_endless),
		cmocka_unit_test(test_packed_id),
		cmocka_unit_test(test_packed_bits),
		cmocka_unit_test(test_log_limit),
	};

	log_init(LOG_LEVEL_INFO, count_line, NULL);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
