/*
 * SPDX-License-Identifier: ISC
 *
 * Fuzzer of virtqueues.  The input is a byte that says what was negotiated,
 * one for the size, and then steps: what a driver writes into its memory, what
 * a worker does with the queue, and what is to change in memory while a chain
 * is being popped, which is between two of its descriptors.  A chain must lie
 * in the map, what is in flight must be counted right, and the device must
 * write nothing but its part of the rings.
 */
#include "config.h"

#include <sys/mman.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "fuzz.h"
#include "worker/guest_memory.h"
#include "worker/reader.h"
#include "worker/virtqueue.h"

/* The regions: LOW with all that is written to, and its neighbour. */
#define LOW		UINT64_C(0x10000)
#define LOW_SIZE	UINT64_C(0x10000)
#define HIGH_SIZE	UINT64_C(0x1000)
#define USER		UINT64_C(0x700000000000)

/* Offsets in LOW. */
#define DESC		0x0000U
#define AVAIL		0x2000U
#define USED		0x3000U
#define TABLES		0x4000U

#define SIZE_MAX_HERE	256U
#define LONG_MAX_HERE	1200U	/* more than there may be in a chain */
#define CHANGES		16U

enum step {
	STEP_WRITE,		/* where, value */
	STEP_DESC,		/* index and a descriptor */
	STEP_TABLE,		/* the same, in a table */
	STEP_OFFER,		/* split: head; packed: index */
	STEP_POP,
	STEP_PUSH,		/* which, length */
	STEP_FLUSH,
	STEP_KICKS,		/* on or off */
	STEP_RESTART,		/* base, whether to take it */
	STEP_MOVE,		/* to which map */
	STEP_CHANGE,		/* where, value: while a chain is popped */
	STEP_LONG,		/* how many: a table of them */
	STEP_COUNT
};

struct held {
	struct virtqueue_chain	chain;
	struct iovec		iov[VIRTQUEUE_IOV_MAX];
};

static struct {
	struct guest_memory	*maps[3];	/* the last one is empty */
	const struct guest_memory *map;		/* in use */
	uint8_t			*low;
	uint8_t			 shadow[LOW_SIZE];	/* as we wrote it */
	struct virtqueue_config	 config;
	struct virtqueue	 vq;
	struct held		 held[SIZE_MAX_HERE];
	uint32_t		 held_count;
	uint16_t		 avail_idx;
	struct {
		uint16_t	 where;
		uint16_t	 value;
	}			 changes[CHANGES];
	uint32_t		 change_count;
} f;

const char fuzz_name[] = "virtqueue";

/* The linker has the calls of guest_memory_iov() come here. */
int	__real_guest_memory_iov(const struct guest_memory *map, uint64_t addr,
	    uint64_t len, struct iovec *iov, size_t max);
int	__wrap_guest_memory_iov(const struct guest_memory *map, uint64_t addr,
	    uint64_t len, struct iovec *iov, size_t max);

static void
fail(const char *what)
{
	fprintf(stderr, "virtqueue, %s, %u: %s\n",
	    f.config.packed ? "packed" : "split", f.config.size, what);
	abort();
}

static void
drop_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static void
write_bytes(uint32_t offset, const void *bytes, size_t len)
{
	if (offset + len > LOW_SIZE)
		return;
	memcpy(f.low + offset, bytes, len);
	memcpy(f.shadow + offset, bytes, len);
}

/* The upper two bits say where it begins, the others how many words behind. */
static void
write_word(uint16_t where, uint16_t value)
{
	static const uint32_t begin[] = { DESC, AVAIL, USED, TABLES };

	write_bytes(begin[where >> 14] + (where & 0x3fff) * 2U, &value, 2);
}

int
__wrap_guest_memory_iov(const struct guest_memory *map, uint64_t addr,
    uint64_t len, struct iovec *iov, size_t max)
{
	if (max > VIRTQUEUE_IOV_MAX)
		fail("more elements than there can be");
	if (f.change_count > 0) {
		f.change_count--;
		write_word(f.changes[f.change_count].where,
		    f.changes[f.change_count].value);
	}
	return __real_guest_memory_iov(map, addr, len, iov, max);
}

static struct guest_memory *
make_map(int low_fd, int high_fd)
{
	const struct guest_memory_region regions[] = {
		{ LOW, LOW_SIZE, USER, 0 },
		{ LOW + LOW_SIZE, HIGH_SIZE, USER + (UINT64_C(1) << 32), 0 }
	};
	struct guest_memory *map = guest_memory_new(), *more;

	for (size_t i = 0; i < 2; i++) {
		if (guest_memory_add(map, &regions[i],
		    dup(i == 0 ? low_fd : high_fd), &more, NULL) != 0)
			fail("no map");
		guest_memory_release(map);
		map = more;
	}
	return map;
}

/* For all inputs: memory that is mapped three times. */
static void
start(void)
{
	int low_fd = memfd_create("low", MFD_CLOEXEC);
	int high_fd = memfd_create("high", MFD_CLOEXEC);

	log_init(LOG_LEVEL_OFF, drop_line, NULL);
	if (low_fd == -1 || ftruncate(low_fd, (off_t)LOW_SIZE) == -1 ||
	    high_fd == -1 || ftruncate(high_fd, (off_t)HIGH_SIZE) == -1)
		fail("no memory");
	f.low = mmap(NULL, LOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
	    low_fd, 0);
	if (f.low == MAP_FAILED)
		fail("no memory");
	f.maps[0] = make_map(low_fd, high_fd);
	f.maps[1] = make_map(low_fd, high_fd);
	f.maps[2] = guest_memory_new();
	close(low_fd);
	close(high_fd);
}

static uint8_t
next_byte(struct reader *input)
{
	const uint8_t *byte = reader_bytes(input, 1);

	return byte == NULL ? 0 : *byte;
}

static void
set_up(uint8_t features, uint8_t size)
{
	struct virtqueue_config *config = &f.config;

	memset(f.low, 0, LOW_SIZE);
	memset(f.shadow, 0, LOW_SIZE);
	memset(&f.vq, 0, sizeof(f.vq));
	f.held_count = f.change_count = 0;
	f.avail_idx = 0;
	f.map = f.maps[0];
	config->packed = (features & 1) != 0;
	config->event_idx = (features & 2) != 0;
	config->indirect = (features & 4) != 0;
	config->notify_on_empty = (features & 8) != 0;
	config->size = config->packed ? size + 1U : 1U << size % 9;
	config->desc_addr = USER + DESC;
	config->avail_addr = USER + AVAIL;
	config->used_addr = USER + USED;
	config->base = config->packed ? 0x80008000U : 0;
	if (virtqueue_start(&f.vq, config, f.map) != 0)
		fail("cannot start");
}

/* Is it in one of the map's regions, all of it? */
static bool
is_inside(const struct iovec *iov)
{
	static const struct { uint64_t addr, size; } regions[] = {
		{ LOW, LOW_SIZE }, { LOW + LOW_SIZE, HIGH_SIZE }
	};
	const uint8_t *first, *at = iov->iov_base;

	for (size_t i = 0; i < 2; i++) {
		first = guest_memory_at(f.map, regions[i].addr,
		    regions[i].size);
		if (first != NULL && at >= first &&
		    iov->iov_len <= regions[i].size &&
		    (size_t)(at - first) <= regions[i].size - iov->iov_len)
			return true;
	}
	return false;
}

static void
check_chain(const struct held *held)
{
	const struct virtqueue_chain *chain = &held->chain;
	uint32_t n = (uint32_t)chain->nout + chain->nin;
	size_t out_len = 0, in_len = 0;

	if (chain->iov != held->iov || n == 0 || n > VIRTQUEUE_IOV_MAX)
		fail("a wrong number of elements");
	for (uint32_t i = 0; i < n; i++) {
		if (chain->iov[i].iov_len == 0 || !is_inside(&chain->iov[i]))
			fail("an element outside");
		*(i < chain->nout ? &out_len : &in_len) +=
		    chain->iov[i].iov_len;
	}
	if (out_len != chain->out_len || in_len != chain->in_len ||
	    out_len + in_len > UINT32_MAX)
		fail("a wrong length");
	if (f.config.packed ? chain->ndesc == 0 || chain->ndesc >
	    f.config.size : chain->id >= f.config.size)
		fail("a wrong id or number of descriptors");
}

static void
check_state(void)
{
	if (virtqueue_in_flight(&f.vq) != f.held_count ||
	    f.held_count > f.config.size)
		fail("a wrong number in flight");
	if (f.vq.broken && virtqueue_ready(&f.vq))
		fail("broken, and ready");
}

static void
pop(void)
{
	bool broken = f.vq.broken, ready = virtqueue_ready(&f.vq);
	struct held *held = &f.held[f.held_count];
	struct held spare;
	int result;

	if (f.held_count == f.config.size)
		held = &spare;
	result = virtqueue_pop(&f.vq, f.map, held->iov, &held->chain);
	f.change_count = 0;
	if (result == 1 && held != &spare) {
		check_chain(held);
		f.held_count++;
	} else if (result != 0 && result != -EBADMSG && result != -EIO) {
		fail("more than there is room for, or no result");
	}
	if (result == -EBADMSG && !f.config.packed && held->chain.id >=
	    f.config.size)
		fail("given back what it never had");
	if (ready != (result != 0) && !broken)
		fail("ready, and is not");
	if (f.vq.broken != (result == -EIO))
		fail("broken, and not said");
}

static void
push(uint32_t which, uint32_t len)
{
	struct held *held;

	if (f.held_count == 0)
		return;
	held = &f.held[which % f.held_count];
	virtqueue_push(&f.vq, &held->chain, len);
	f.held_count--;
	if (held != &f.held[f.held_count]) {
		held->chain = f.held[f.held_count].chain;
		held->chain.iov = held->iov;
	}
}

static void
restart(uint32_t base, bool take_base)
{
	uint32_t old = virtqueue_stop(&f.vq);

	if (virtqueue_ready(&f.vq) || virtqueue_flush(&f.vq))
		fail("stopped, and works");
	if (f.held_count > 0 && virtqueue_start(&f.vq, &f.config, f.map) !=
	    -EBUSY)
		fail("started with chains in flight");
	while (f.held_count > 0)
		push(0, 0);
	f.config.base = take_base ? base : old;
	if (virtqueue_start(&f.vq, &f.config, f.map) == 0)
		return;
	if (!take_base && f.map != f.maps[2])
		fail("does not start where it stopped");
	/* Somehow, to go on. */
	f.map = f.maps[0];
	f.config.base = 0;
	if (virtqueue_start(&f.vq, &f.config, f.map) != 0)
		fail("does not start");
}

static void
move(uint8_t which)
{
	bool broken = f.vq.broken;
	int error;

	f.map = f.maps[which % 3];
	error = virtqueue_move(&f.vq, f.map);
	if (error != (which % 3 == 2 && !broken ? -EFAULT : 0))
		fail("a wrong end of a move");
}

/* Addresses are near to something, or anywhere. */
static void
put_desc(struct reader *input, uint32_t offset)
{
	static const uint64_t near[] = { LOW + TABLES, LOW + 0x8000,
	    LOW + LOW_SIZE - 0x80, 0 };
	uint8_t how = next_byte(input);
	uint64_t addr = near[how % 4] + (how % 4 == 3 ? reader_u64(input) :
	    next_byte(input));
	uint32_t len = (how & 0x80) != 0 ? reader_u32(input) :
	    next_byte(input);
	uint16_t words[2];

	words[0] = reader_u16(input);
	words[1] = reader_u16(input);
	write_bytes(offset, &addr, 8);
	write_bytes(offset + 8, &len, 4);
	write_bytes(offset + 12, words, 4);
}

/* A good table, but for its length. */
static void
put_long(uint32_t n)
{
	struct {
		uint64_t	addr;
		uint32_t	len;
		uint16_t	words[2];
	} desc = { .addr = LOW, .len = 1 };

	for (uint32_t i = 0; i < n; i++) {
		if (!f.config.packed) {
			desc.words[0] = i + 1 < n;	/* NEXT */
			desc.words[1] = (uint16_t)(i + 1);
		}
		write_bytes(TABLES + i * 16, &desc, sizeof(desc));
	}
}

/* Packed: with the bits of this round, or with the wrong ones. */
static void
offer(uint16_t which)
{
	uint16_t flags, at;

	if (f.config.packed) {
		at = (uint16_t)(DESC + which % f.config.size * 16 + 14);
		memcpy(&flags, f.low + at, 2);
		flags = (uint16_t)((flags & 0x7f7f) |
		    ((which & 0x8000) != 0 ? 0x8000 : 0x80));
		write_bytes(at, &flags, 2);
		return;
	}
	write_bytes(AVAIL + 4 + (f.avail_idx & (f.config.size - 1)) * 2,
	    &which, 2);
	f.avail_idx++;
	write_bytes(AVAIL + 2, &f.avail_idx, 2);
}

static void
change(uint16_t where, uint16_t value)
{
	if (f.change_count == CHANGES)
		return;
	f.changes[f.change_count].where = where;
	f.changes[f.change_count].value = value;
	f.change_count++;
}

static void
run_step(struct reader *input)
{
	uint16_t word;
	uint32_t value;

	switch ((enum step)(next_byte(input) % STEP_COUNT)) {
	case STEP_WRITE:
		word = reader_u16(input);
		write_word(word, reader_u16(input));
		break;
	case STEP_DESC:
		put_desc(input, DESC + next_byte(input) % f.config.size * 16U);
		break;
	case STEP_TABLE:
		put_desc(input, TABLES + next_byte(input) * 16U);
		break;
	case STEP_OFFER:
		offer(reader_u16(input));
		break;
	case STEP_POP:
		pop();
		break;
	case STEP_PUSH:
		value = next_byte(input);
		push(value, reader_u32(input));
		break;
	case STEP_FLUSH:
		virtqueue_flush(&f.vq);
		break;
	case STEP_KICKS:
		if ((next_byte(input) & 1) == 0)
			virtqueue_kicks_off(&f.vq);
		else if (virtqueue_kicks_on(&f.vq) &&
		    virtqueue_ready(&f.vq))
			fail("to sleep, with a chain available");
		break;
	case STEP_RESTART:
		value = reader_u32(input);
		restart(value, (next_byte(input) & 1) != 0);
		break;
	case STEP_MOVE:
		move(next_byte(input));
		break;
	case STEP_CHANGE:
		word = reader_u16(input);
		change(word, reader_u16(input));
		break;
	case STEP_LONG:
		put_long(reader_u16(input) % LONG_MAX_HERE);
		break;
	case STEP_COUNT:
		break;
	}
	check_state();
}

/* What the device may write to is taken as it is. */
static void
check_memory(void)
{
	uint32_t size = f.config.size;

	if (f.config.packed)
		memcpy(f.shadow + DESC, f.low + DESC, size * 16);
	memcpy(f.shadow + USED, f.low + USED,
	    f.config.packed ? 4 : 6 + size * 8);
	if (memcmp(f.shadow, f.low, LOW_SIZE) != 0)
		fail("written where it may not");
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct reader input;

	if (len < 2)
		return 0;
	if (f.low == NULL)
		start();
	set_up(bytes[0], bytes[1]);
	reader_init(&input, bytes + 2, len - 2);
	while (input.left > 0 && input.error == 0)
		run_step(&input);
	check_memory();
	while (f.held_count > 0)
		push(0, 0);
	virtqueue_stop(&f.vq);
	return 0;
}
