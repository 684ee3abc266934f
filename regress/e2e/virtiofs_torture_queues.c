/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: many queues at work while one of them is broken, while a guest
 * takes nothing back, while the memory below them is replaced; and front-ends
 * that are killed at any moment.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "torture.h"

#define DEPTH		16
#define QUEUES		4
#define AREA		65536u		/* of a file, for one slot */
#define STEPS		3000		/* of each queue */
#define KILLS		32
#define KILL_MS		160
#define ALL		64
#define ALL_DEPTH	8

static const struct fixture_share *share;

/*
 * One queue with its thread: in each slot by turns a write of random bytes to
 * a random place and a read of the same, compared with what it must be.
 */
struct slot {
	struct fuse_write_in	write;
	struct fuse_write_out	written;
	struct fuse_read_in	read;
	struct iovec		in[2], out;
	uint8_t			*data;		/* in guest memory */
	uint8_t			model[AREA];
	uint32_t		at, len;	/* in its area */
	int			reading;
};

struct worker {
	struct fuse_client	c;
	pthread_t		thread;
	struct slot		slot[DEPTH];
	struct fuse_entry_out	entry;
	struct fuse_open_out	open;
	uint64_t		seed;
	int			number, wrong;
	atomic_int		steps;
};

static int
slot_submit(struct worker *w, struct slot *s)
{
	uint64_t offset = (uint64_t)(s - w->slot) * AREA + s->at;
	struct fuse_call call = { .nodeid = w->entry.nodeid, .in = s->in,
	    .out = &s->out, .out_count = 1, .user = s };

	if (s->reading) {
		memset(s->data, 0, s->len);
		call.opcode = FUSE_READ;
		s->read = (struct fuse_read_in){ .fh = w->open.fh,
		    .offset = offset, .size = s->len };
		s->in[0] = (struct iovec){ &s->read, sizeof(s->read) };
		s->out = (struct iovec){ s->data, s->len };
		call.in_count = 1;
	} else {
		call.opcode = FUSE_WRITE;
		s->write = (struct fuse_write_in){ .fh = w->open.fh,
		    .offset = offset, .size = s->len };
		s->in[0] = (struct iovec){ &s->write, sizeof(s->write) };
		s->in[1] = (struct iovec){ s->data, s->len };
		s->out = (struct iovec){ &s->written, sizeof(s->written) };
		call.in_count = 2;
	}
	return fuse_submit(&w->c, &call);
}

/* Something else to be written. */
static void
slot_choose(struct worker *w, struct slot *s)
{
	uint64_t word = torture_random(&w->seed);

	s->reading = 0;
	s->at = (uint32_t)(word % AREA);
	s->len = 1 + (uint32_t)((word >> 32) % (AREA - s->at));
	if (word >> 62 != 0 && s->len > 5000)
		s->len = 5000;
	for (uint32_t i = 0; i < s->len; i++) {
		if (i % 8 == 0)
			word = torture_random(&w->seed);
		s->data[i] = (uint8_t)(word >> 8 * (i % 8));
	}
	memcpy(s->model + s->at, s->data, s->len);
}

static int
slot_next(struct worker *w, struct slot *s, int result)
{
	if (s->reading) {
		w->wrong += result != (int)s->len ||
		    memcmp(s->data, s->model + s->at, s->len) != 0;
		slot_choose(w, s);
	} else {
		w->wrong += result != (int)sizeof(s->written) ||
		    s->written.size != s->len;
		s->reading = 1;
	}
	return slot_submit(w, s);
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	int result, in_flight = 0;
	void *user;

	for (size_t i = 0; i < DEPTH; i++) {
		slot_choose(w, &w->slot[i]);
		in_flight += slot_submit(w, &w->slot[i]) == 0;
	}
	while (in_flight > 0 && w->wrong == 0) {
		fuse_kick(&w->c);
		if (fuse_collect(&w->c, &user, &result, 20000) != 1) {
			w->wrong++;
			break;
		}
		in_flight--;
		if (atomic_fetch_add(&w->steps, 1) < STEPS)
			in_flight += slot_next(w, user, result) == 0;
		else
			w->wrong += result < 0;
	}
	w->wrong += in_flight;
	atomic_store(&w->steps, STEPS);
	return NULL;
}

static void
worker_start(struct worker *w, struct torture *t, int number)
{
	char name[32];
	int result;

	memset(w, 0, sizeof(*w));
	w->number = number;
	w->seed = (uint64_t)number;
	fuse_client_init(&w->c, &t->front, (unsigned int)number, DEPTH);
	snprintf(name, sizeof(name), "worker-%d", number);
	result = fuse_create(&w->c, FUSE_ROOT_ID, name, O_RDWR | O_TRUNC,
	    0600, &w->entry, &w->open);
	if (result == 0)
		result = fuse_truncate(&w->c, w->entry.nodeid, DEPTH * AREA);
	if (result != 0)
		tap_bail("%s: %s", name, fuse_result_name(result));
	for (size_t i = 0; i < DEPTH; i++)
		w->slot[i].data = guest_alloc(&t->front.mem, AREA, 1);
	if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
		tap_bail("pthread_create");
}

/* The host's file is what the guest has written. */
static int
worker_end(struct worker *w)
{
	static uint8_t content[AREA];
	char path[256];
	int fd;

	pthread_join(w->thread, NULL);
	snprintf(path, sizeof(path), "%s/worker-%d", share->dir, w->number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; i < DEPTH; i++) {
		if (pread(fd, content, AREA, (off_t)(i * AREA)) != AREA ||
		    memcmp(content, w->slot[i].model, AREA) != 0)
			w->wrong++;
		guest_free(&w->c.front->mem, w->slot[i].data);
	}
	close(fd);
	unlink(path);
	if (w->wrong == 0)
		fuse_release(&w->c, w->entry.nodeid, w->open.fh);
	fuse_client_free(&w->c);
	return w->wrong;
}

static struct worker workers[QUEUES];

static int
workers_end(void)
{
	int wrong = 0;

	for (int i = 0; i < QUEUES; i++)
		wrong += worker_end(&workers[i]);
	return wrong;
}

/* Has one of them still much to do? */
static int
workers_run(void)
{
	for (int i = 0; i < QUEUES; i++)
		if (atomic_load(&workers[i].steps) < STEPS)
			return 1;
	return 0;
}

/* Ring 5 is broken again and again, in each way, while 1 to 4 work. */
static void
test_broken(int packed)
{
	const struct vhost_options o = { .request_queues = QUEUES + 1,
	    .packed = packed };
	struct torture t;
	struct vhost_ring *r;
	uint32_t base;
	int error = 0;

	tap_context("one queue is broken, %s: ", packed ? "packed" : "split");
	torture_start(&t, share, &o, NULL);
	r = &t.front.ring[QUEUES + 1];
	for (int i = 0; i < QUEUES; i++)
		worker_start(&workers[i], &t, i + 1);
	for (int i = 0; i < 100 && error == 0; i++) {
		for (uint16_t k = 0; packed && k < r->size; k++)
			vhost_raw_desc(r, k, &(struct raw_desc){ .addr = 4096,
			    .len = 1, .flags = DESC_NEXT });
		if (packed)
			vhost_raw_publish(r, 0, r->size);
		else
			vhost_raw_avail_idx(r, (uint16_t)(r->size + 1 + i));
		vhost_ring_kick_always(r);
		procs_sleep_us(1000);
		error = vhost_front_stop_ring(&t.front, QUEUES + 1, &base);
		vhost_ring_reset(r);
		if (error == 0)
			error = vhost_front_start_ring(&t.front, QUEUES + 1);
	}
	tap_is_int(error, 0, "it is stopped and started a hundred times");
	tap_is_int(workers_end(), 0, "the others' files are right");
	torture_works(&t, "it");
	torture_end(&t, 0, "it");
}

/* A split ring whose used buffers nobody takes: the device does not care,
 * and what it writes stays in the ring. */
static void
test_never_taken(void)
{
	const struct vhost_options o = { .request_queues = 2 };
	const struct fuse_in_header h = { .len = 56, .opcode = FUSE_GETATTR,
	    .nodeid = FUSE_ROOT_ID, .unique = 2 };
	struct torture t;
	struct vhost_ring *r;
	long long end;
	uint8_t *page;
	int laps;

	tap_context("nothing is taken: ");
	torture_start(&t, share, &o, NULL);
	r = &t.front.ring[2];
	page = guest_alloc(&t.front.mem, 4096, 4096);
	memset(page, 0, 4096);
	memcpy(page, &h, sizeof(h));
	vhost_raw_desc(r, 0, &(struct raw_desc){ .len = 56, .next = 1,
	    .addr = guest_addr(&t.front.mem, page), .flags = DESC_NEXT });
	vhost_raw_desc(r, 1, &(struct raw_desc){ .len = 120,
	    .addr = guest_addr(&t.front.mem, page + 2048),
	    .flags = DESC_WRITE });
	for (laps = 0; laps < 50; laps++) {
		for (unsigned int i = 0; i < r->size; i++)
			vhost_raw_publish(r, 0, 2);
		vhost_ring_kick_always(r);
		end = procs_now_ms() + VHOST_TIMEOUT_MS;
		while (__atomic_load_n(&r->used.split->idx,
		    __ATOMIC_ACQUIRE) != r->avail_idx &&
		    procs_now_ms() < end)
			procs_sleep_us(100);
		if (procs_now_ms() >= end)
			break;
	}
	tap_is_int(laps, 50, "all are answered, lap for lap");
	torture_works(&t, "it");
	torture_end(&t, 0, "it");
}

/* Whoever cannot go on sleeps: no processor time for broken, disabled and
 * idle rings with something in them. */
static void
test_at_rest(void)
{
	const struct vhost_options o = { .request_queues = 3 };
	struct torture t;
	unsigned long ticks;

	tap_context("at rest: ");
	torture_start(&t, share, &o, NULL);
	vhost_set_vring_enable(&t.front, 2, 0);
	vhost_raw_desc(&t.front.ring[2], 0, &(struct raw_desc){ .len = 1 });
	vhost_raw_publish(&t.front.ring[2], 0, 1);
	vhost_raw_avail_idx(&t.front.ring[3], 60000);
	vhost_ring_kick_always(&t.front.ring[2]);
	vhost_ring_kick_always(&t.front.ring[3]);
	torture_works(&t, "rings that cannot go on");
	procs_sleep_us(100000);
	ticks = procs_ticks(t.srv.pid);
	procs_sleep_us(1000000);
	ticks = procs_ticks(t.srv.pid) - ticks;
	tap_ok(ticks < 8, "they cost nothing: %lu ticks", ticks);
	t.says = "queue 3 stops until it is reset";
	torture_end(&t, 0, "it");
}

/* Memory by SET_MEM_TABLE anew, and regions that come and go. */
static void
test_replaced(int packed)
{
	const struct vhost_options o = { .request_queues = QUEUES,
	    .packed = packed, .regions = 4, .region_size = 32 << 20 };
	struct guest_mem other;
	struct torture t;
	int error = 0, rounds = 0;

	tap_context("memory replaced, %s: ", packed ? "packed" : "split");
	torture_start(&t, share, &o, NULL);
	guest_mem_init(&other);
	guest_mem_add(&other, UINT64_C(1) << 40, 1 << 20, 4096);
	for (int i = 0; i < QUEUES; i++)
		worker_start(&workers[i], &t, i + 1);
	for (; error == 0 && workers_run() && rounds < 30000; rounds++) {
		if (rounds % 3 == 0)
			error = vhost_set_mem_table(&t.front, 0, 4);
		else if (rounds % 3 == 1)
			error = vhost_add_mem_reg(&t.front, other.region);
		else
			error = vhost_rem_mem_reg(&t.front, other.region);
	}
	tap_is_str(vhost_error_name(error), "success", "all are accepted");
	tap_ok(rounds > 10, "often: %d times", rounds);
	tap_is_int(workers_end(), 0, "all files are right");
	torture_works(&t, "it");
	torture_end(&t, 0, "it");
	guest_mem_free_all(&other);
}

/* All 65 queues have something to do at the same time. */
static void
test_all(int packed)
{
	static struct fuse_client c[ALL];
	static struct fuse_attr_out attr[ALL][ALL_DEPTH];
	static struct iovec out[ALL][ALL_DEPTH];
	const struct vhost_options o = { .request_queues = ALL,
	    .packed = packed, .queue_size = 32, .region_size = 256 << 20 };
	const struct fuse_getattr_in arg = { 0 };
	const struct iovec in = { (void *)(uintptr_t)&arg, sizeof(arg) };
	struct torture t;
	int wrong = 0, result;
	void *user;

	tap_context("all queues, %s: ", packed ? "packed" : "split");
	torture_start(&t, share, &o, NULL);
	for (unsigned int q = 0; q < ALL; q++)
		fuse_client_init(&c[q], &t.front, q + 1, ALL_DEPTH);
	for (int round = 0; round < 20 && wrong == 0; round++) {
		for (unsigned int i = 0; i < ALL * ALL_DEPTH; i++) {
			unsigned int q = i % ALL, k = i / ALL;
			const struct fuse_call call = { .opcode =
			    FUSE_GETATTR, .nodeid = FUSE_ROOT_ID, .in = &in,
			    .in_count = 1, .out = &out[q][k], .out_count = 1,
			    .out_least = sizeof(attr[q][k]) };

			out[q][k] = (struct iovec){ &attr[q][k],
			    sizeof(attr[q][k]) };
			wrong += fuse_submit(&c[q], &call) != 0;
			if (k == ALL_DEPTH - 1)
				fuse_kick(&c[q]);
		}
		/* What it does not know it forgets without a word. */
		wrong += fuse_forget(&c[0], UINT64_MAX, 1) != 0;
		for (unsigned int i = 0; i < ALL * ALL_DEPTH; i++)
			wrong += fuse_collect(&c[i % ALL], &user, &result,
			    10000) != 1 || result != sizeof(attr[0][0]);
	}
	tap_is_int(wrong, 0, "each request is answered");
	for (unsigned int q = 0; q < ALL; q++)
		fuse_client_free(&c[q]);
	torture_works(&t, "it");
	torture_end(&t, 0, "it");
}

/* What a front-end is doing when it is killed. */
static void
victim_files(struct torture *t)
{
	for (int i = 0; i < QUEUES; i++)
		worker_start(&workers[i], t, i + 1);
	pause();
}

static void
victim_memory(struct torture *t)
{
	for (int i = 0; i < QUEUES; i++)
		worker_start(&workers[i], t, i + 1);
	while (vhost_set_mem_table(&t->front, 0, t->front.mem.count) == 0)
		continue;
}

static void
victim_stops(struct torture *t)
{
	uint32_t base;

	for (int i = 0; i < QUEUES; i++)
		worker_start(&workers[i], t, i + 1);
	for (unsigned int i = 0; vhost_front_stop_ring(&t->front, i, &base) ==
	    0; i = (i + 1) % QUEUES)
		vhost_front_resume_ring(&t->front, i, base);
}

static void
victim_pieces(struct torture *t)
{
	const struct vhost_header h = { .request = VHOST_GET_FEATURES,
	    .flags = VHOST_FLAG_VERSION };
	struct vhost_message reply;

	for (;;) {
		for (size_t i = 0; i < sizeof(h); i++) {
			if (send(t->front.sock, (const char *)&h + i, 1,
			    MSG_NOSIGNAL) != 1)
				return;
			procs_sleep_us(200);
		}
		vhost_receive_reply(&t->front, VHOST_GET_FEATURES, 8, &reply);
	}
}

static void (*const victims[])(struct torture *) = { victim_files,
    victim_memory, victim_stops, victim_pieces };

/* The front-end is a process of its own; the daemon stays ours. */
static void
test_killed(int round, uint64_t *seed)
{
	const struct vhost_options o = { .request_queues = QUEUES,
	    .packed = round & 1, .region_size = 64 << 20 };
	unsigned int ms = (unsigned int)(torture_random(seed) % KILL_MS);
	struct torture t;
	char what[64];
	pid_t pid;

	torture_connect(&t, share, &o, NULL);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		tap_bail("fork");
	if (pid == 0) {
		/* What it says when its server is gone is of no interest. */
		if (freopen("/dev/null", "w", stdout) == NULL)
			_exit(1);
		torture_negotiate(&t);
		torture_set_up(&t, "the fork");
		victims[round / 2 % 4](&t);
		pause();
		_exit(0);
	}
	close(t.front.sock);
	t.front.sock = -1;
	procs_sleep_us(ms * 1000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	snprintf(what, sizeof(what), "a kill in round %d after %u ms", round,
	    ms);
	torture_ended(&t, TORTURE_ANY, what);
	for (int i = 1; i <= QUEUES; i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s/worker-%d", share->dir, i);
		unlink(path);
		snprintf(path, sizeof(path), "%s/torture-%d", share->dir, i);
		unlink(path);
	}
}

static void
body(struct fixture *f)
{
	uint64_t seed = torture_seed((uint64_t)procs_now_ms());

	share = &f->share[0];
	for (int packed = 0; packed < 2; packed++) {
		test_broken(packed);
		test_replaced(packed);
		test_all(packed);
	}
	test_never_taken();
	test_at_rest();
	tap_context("killed: ");
	for (int round = 0; round < KILLS; round++)
		test_killed(round, &seed);
	tap_context("%s", "");
}

int
main(void)
{
	return torture_main(body, 120);
}
