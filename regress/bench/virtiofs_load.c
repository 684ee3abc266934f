/* SPDX-License-Identifier: ISC */
/*
 * The part of the virtio-fs bench whose time is measured: requests into the
 * ring, replies out of it, sleeping on the call descriptor as a guest's
 * processor would. One thread for each queue. Every reply's error and length
 * is checked. Bench code.
 */
#include "virtiofs_load.h"

#include <sys/time.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define FORGET_SIZE	64
#define STEP_PAGES	37	/* odd: all pages have their turn */
#define TIMEOUT_MS	20000
#define TIMEOUT_S	60	/* of a run, which takes less than a second */

uint64_t
load_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* xorshift64: only to spread offsets. */
uint64_t
load_random(struct load_queue *q)
{
	q->random ^= q->random << 13;
	q->random ^= q->random >> 7;
	q->random ^= q->random << 17;
	return q->random;
}

void *
load_request(struct load_slot *s, uint32_t opcode, uint64_t nodeid,
    size_t arg_len)
{
	struct fuse_in_header *h = (struct fuse_in_header *)s->request;
	uint8_t *arg = s->request + sizeof(*h);

	memset(h, 0, sizeof(*h) + arg_len);
	h->opcode = opcode;
	h->nodeid = nodeid;
	h->pid = 1;
	s->out[0] = (struct iovec){ h, sizeof(*h) };
	s->out[1] = (struct iovec){ arg, arg_len };
	s->out_count = arg_len > 0 ? 2 : 1;
	s->in[0] = (struct iovec){ s->reply, sizeof(struct fuse_out_header) };
	s->in_count = 1;
	s->want = 0;
	s->want_len = sizeof(struct fuse_out_header);
	return arg;
}

void
load_name(struct load_slot *s, const char *name)
{
	size_t len = strlen(name) + 1, at = s->out_count > 1 ?
	    s->out[1].iov_len : 0;

	memcpy(s->request + sizeof(struct fuse_in_header) + at, name, len);
	s->out[1] = (struct iovec){
	    s->request + sizeof(struct fuse_in_header), at + len };
	s->out_count = 2;
}

void
load_reply(struct load_slot *s, size_t len)
{
	s->in[1] = (struct iovec){
	    s->reply + sizeof(struct fuse_out_header), len };
	s->in_count = 2;
	s->want_len += (uint32_t)len;
}

/* A guest's pages lie anywhere, and are seldom the same ones again. */
static size_t
load_pages(struct load_slot *s, struct iovec *iov, size_t len)
{
	const size_t pages = LOAD_DATA / LOAD_PAGE;
	size_t count = len / LOAD_PAGE;

	s->turn++;
	for (size_t i = 0; i < count; i++) {
		size_t page = (s->turn + i) * STEP_PAGES % pages;

		iov[i] = (struct iovec){ s->data + page * LOAD_PAGE,
		    LOAD_PAGE };
	}
	return count;
}

void
load_pages_out(struct load_slot *s, size_t len)
{
	s->out_count += load_pages(s, &s->out[s->out_count], len);
}

void
load_pages_in(struct load_slot *s, size_t len)
{
	s->in_count += load_pages(s, &s->in[s->in_count], len);
	s->want_len += (uint32_t)len;
}

const void *
load_payload(const struct load_slot *s)
{
	return s->reply + sizeof(struct fuse_out_header);
}

/* Also for a signal's handler. */
static void
load_print_log(const struct load *l)
{
	char text[4096];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(l->log_fd, text, sizeof(text), at)) > 0 &&
	    write(STDOUT_FILENO, text, (size_t)n) == n)
		at += n;
}

static void __attribute__((noreturn))
load_give_up(const struct load_slot *s, const char *why)
{
	const struct fuse_out_header *h =
	    (const struct fuse_out_header *)s->reply;
	const struct load *l = s->queue->load;

	load_print_log(l);
	tap_bail("%s: %s, step %u: %s (error %d, length %u)", l->name,
	    s->queue->op != NULL ? s->queue->op->label : "a request",
	    s->step, why, h->error, s->len);
}

static void
load_submit(struct load_slot *s)
{
	struct fuse_in_header *h = (struct fuse_in_header *)s->request;
	struct load_queue *q = s->queue;
	size_t len = 0;

	for (size_t i = 0; i < s->out_count; i++)
		len += s->out[i].iov_len;
	h->len = (uint32_t)len;
	h->unique = q->unique += 2;
	if (vhost_ring_add(q->ring, s->out, s->out_count, s->in, s->in_count,
	    s) != 0)
		load_give_up(s, "does not fit into the ring");
	/* Linux's driver does it for each request, too. */
	vhost_ring_kick(q->ring);
}

static void
load_check(struct load_slot *s, uint32_t len)
{
	const struct fuse_out_header *h =
	    (const struct fuse_out_header *)s->reply;

	s->len = len;
	if (h->error != s->want)
		load_give_up(s, fuse_result_name(h->error));
	if (h->len != len || (s->want_len != 0 && s->want == 0 &&
	    h->len != s->want_len))
		load_give_up(s, "a reply of the wrong length");
}

/*
 * One system call for each sleep: a guest's processor would halt. There is no
 * time-out in that: load_tick() looks after it.
 */
static struct load_slot *
load_wait(struct load_queue *q, uint32_t *len)
{
	uint64_t count;
	void *token;
	int n;

	for (;;) {
		n = vhost_ring_get(q->ring, &token, len);
		if (n == 1)
			return token;
		if (n != 0)
			load_give_up(&q->slot[0], "nonsense in the ring");
		if (!vhost_ring_enable_interrupt(q->ring) &&
		    read(q->ring->call_fd, &count, sizeof(count)) !=
		    (ssize_t)sizeof(count))
			load_give_up(&q->slot[0], "no call");
	}
}

/* The next request; 0: the repetition is over. */
static int
load_step(struct load_slot *s)
{
	if (!s->queue->op->next(s))
		return 0;
	load_submit(s);
	s->step++;
	return 1;
}

static void
load_start(struct load_slot *s)
{
	s->step = 0;
	s->started = load_now_ns();
	load_step(s);
}

static void
load_loop(struct load_queue *q, uint64_t ns)
{
	uint64_t begin = load_now_ns(), now = begin;
	unsigned int active = q->depth;
	struct load_slot *s;
	uint32_t len;

	q->cycles = 0;
	q->samples = 0;
	for (unsigned int i = 0; i < q->depth; i++)
		load_start(&q->slot[i]);
	while (active > 0) {
		s = load_wait(q, &len);
		load_check(s, len);
		if (load_step(s))
			continue;
		now = load_now_ns();
		if (q->samples < LOAD_SAMPLES)
			q->sample[q->samples++] = (uint32_t)(now - s->started);
		q->cycles++;
		if (q->op->end != NULL)
			q->op->end(s);
		if (now - begin < ns)
			load_start(s);
		else
			active--;
	}
	q->elapsed_ns = load_now_ns() - begin;
}

static void
load_forget_reclaim(struct load_forgets *f)
{
	void *token;

	while (vhost_ring_get(f->ring, &token, NULL) == 1)
		f->free[f->free_count++] = token;
}

void
load_forgets_drain(struct load_forgets *f)
{
	void *token;

	pthread_mutex_lock(&f->lock);
	while (f->free_count < LOAD_HIPRIO) {
		if (vhost_ring_get_wait(f->ring, &token, NULL,
		    TIMEOUT_MS) != 1)
			tap_bail("FORGET: the buffer does not come back");
		f->free[f->free_count++] = token;
	}
	pthread_mutex_unlock(&f->lock);
}

void
load_forget(struct load_slot *s, uint64_t nodeid, uint64_t count)
{
	struct load_forgets *f = s->queue->forgets;
	struct {
		struct fuse_in_header	header;
		struct fuse_forget_in	arg;
	} message = { .header = { .len = sizeof(message),
	    .opcode = FUSE_FORGET, .nodeid = nodeid }, .arg.nlookup = count };
	struct iovec iov = { NULL, sizeof(message) };
	void *token;

	pthread_mutex_lock(&f->lock);
	load_forget_reclaim(f);
	if (f->free_count == 0) {
		if (vhost_ring_get_wait(f->ring, &token, NULL,
		    TIMEOUT_MS) != 1)
			load_give_up(s, "a FORGET does not come back");
		f->free[f->free_count++] = token;
	}
	iov.iov_base = f->free[--f->free_count];
	message.header.unique = f->unique += 2;
	memcpy(iov.iov_base, &message, sizeof(message));
	if (vhost_ring_add(f->ring, &iov, 1, NULL, 0, iov.iov_base) != 0)
		load_give_up(s, "a FORGET does not fit");
	vhost_ring_kick(f->ring);
	pthread_mutex_unlock(&f->lock);
}

static void
load_forgets_init(struct load_forgets *f, struct vhost_front *front)
{
	pthread_mutex_init(&f->lock, NULL);
	f->ring = &front->ring[0];
	for (size_t i = 0; i < LOAD_HIPRIO; i++)
		f->free[i] = guest_alloc(&front->mem, FORGET_SIZE,
		    FORGET_SIZE);
	f->free_count = LOAD_HIPRIO;
}

static void
load_queue_init(struct load *l, unsigned int number)
{
	struct load_queue *q = &l->queue[number];

	fuse_client_init(&q->client, &l->front, number + 1, 1);
	q->load = l;
	q->ring = &l->front.ring[number + 1];
	/* For load_wait(); the server only writes to it. */
	if (fcntl(q->ring->call_fd, F_SETFL, 0) != 0)
		tap_bail("F_SETFL");
	q->forgets = &l->forgets;
	q->unique = 1 << 20;
	q->random = 88172645463325252u + number;
	q->sample = calloc(LOAD_SAMPLES, sizeof(*q->sample));
	if (q->sample == NULL)
		tap_bail("no memory");
	for (unsigned int i = 0; i < LOAD_DEPTH; i++) {
		struct load_slot *s = &q->slot[i];

		s->queue = q;
		s->number = number * LOAD_DEPTH + i;
		s->request = guest_alloc(&l->front.mem, LOAD_PAGE, LOAD_PAGE);
		s->reply = guest_alloc(&l->front.mem, LOAD_PAGE, LOAD_PAGE);
		s->data = guest_alloc(&l->front.mem, LOAD_DATA, LOAD_PAGE);
		memset(s->data, 'd', LOAD_DATA);
	}
}

void
load_open(struct load *l, const char *name, int sock, int log_fd,
    unsigned int queues)
{
	struct vhost_options o = { .request_queues = queues,
	    .queue_size = LOAD_HIPRIO,
	    .region_size = (16 + queues * 24ull) << 20,
	    .timeout_ms = TIMEOUT_MS };
	struct fuse_init_options init = { .flags = fuse_default_init_flags() };
	int error;

	*l = (struct load){ .name = name, .log_fd = log_fd,
	    .queues = queues };
	error = vhost_front_setup(&l->front, sock, &o);
	if (error != 0) {
		load_print_log(l);
		tap_bail("%s: %s", name, vhost_error_name(error));
	}
	load_forgets_init(&l->forgets, &l->front);
	l->queue = calloc(queues, sizeof(*l->queue));
	if (l->queue == NULL)
		tap_bail("no memory");
	for (unsigned int i = 0; i < queues; i++)
		load_queue_init(l, i);
	error = fuse_init(&l->queue[0].client, &init);
	if (error < 0)
		tap_bail("%s: INIT: %s", name, fuse_result_name(error));
}

static uint64_t
load_node(struct load *l, uint64_t parent, const char *name)
{
	struct fuse_entry_out entry;
	int error = fuse_lookup(&l->queue[0].client, parent, name, &entry);

	if (error < 0)
		tap_bail("%s: LOOKUP of %s: %s", l->name, name,
		    fuse_result_name(error));
	return entry.nodeid;
}

void
load_lookup(struct load *l)
{
	char name[32];

	for (unsigned int i = 0; i < l->queues; i++) {
		struct load_queue *q = &l->queue[i];

		snprintf(name, sizeof(name), "data%u", i);
		q->data = load_node(l, FUSE_ROOT_ID, name);
		q->many = load_node(l, FUSE_ROOT_ID, "many");
		for (unsigned int k = 0; k < LOAD_DEPTH; k++) {
			snprintf(name, sizeof(name), "slot%u",
			    q->slot[k].number);
			q->slot[k].dir = load_node(l, FUSE_ROOT_ID, name);
			q->slot[k].file = load_node(l, q->slot[k].dir, "file");
		}
	}
}

void
load_close(struct load *l)
{
	for (unsigned int i = 0; i < l->queues; i++) {
		fuse_client_free(&l->queue[i].client);
		free(l->queue[i].sample);
	}
	free(l->queue);
	vhost_front_close(&l->front);
	pthread_mutex_destroy(&l->forgets.lock);
}

/* For the signal: which connection is waited for, and since when. */
static struct {
	const struct load	*load;
	const char		*label;
	int			ticks;
} watch;

/* Once in a second. A dead server is not waited for any longer. */
static void
load_tick(int number)
{
	struct pollfd p = { .fd = watch.load->front.sock, .events = POLLIN };
	int saved = errno;
	char text[256];

	(void)number;
	if (watch.ticks++ < TIMEOUT_S && poll(&p, 1, 0) == 0) {
		errno = saved;
		return;
	}
	load_print_log(watch.load);
	/* Not in the list of signal-safety(7), but nothing else is left. */
	snprintf(text, sizeof(text), "Bail out! %s: %s: %s\n",
	    watch.load->name, watch.label, watch.ticks > TIMEOUT_S ?
	    "does not answer" : "the connection has ended");
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(254);
	_exit(255);
}

static void
load_watch(const struct load *l, const char *label)
{
	const struct itimerval each = { { 1, 0 }, { 1, 0 } },
	    never = { { 0, 0 }, { 0, 0 } };
	/* read(2) of an eventfd goes on after it, signal(7). */
	struct sigaction action = { .sa_handler = load_tick,
	    .sa_flags = SA_RESTART };

	if (l == NULL) {
		setitimer(ITIMER_REAL, &never, NULL);
		return;
	}
	watch.load = l;
	watch.label = label;
	watch.ticks = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &each, NULL);
}

void
load_begin(struct load *l, const struct load_op *op, unsigned int depth)
{
	load_watch(l, op->label);
	for (unsigned int i = 0; i < l->queues; i++) {
		l->queue[i].op = op;
		l->queue[i].depth = depth;
		for (unsigned int k = 0; k < depth; k++)
			if (op->prepare != NULL)
				op->prepare(&l->queue[i].slot[k]);
	}
}

void
load_end(struct load *l)
{
	for (unsigned int i = 0; i < l->queues; i++) {
		struct load_queue *q = &l->queue[i];

		for (unsigned int k = 0; k < q->depth; k++)
			if (q->op->clean != NULL)
				q->op->clean(&q->slot[k]);
		q->op = NULL;
	}
	load_forgets_drain(&l->forgets);
	load_watch(NULL, NULL);
}

struct load_thread {
	struct load_queue	*queue;
	pthread_barrier_t	*barrier;
	uint64_t		ns;
};

static void *
load_thread(void *arg)
{
	struct load_thread *t = arg;

	pthread_barrier_wait(t->barrier);
	load_loop(t->queue, t->ns);
	return NULL;
}

static void
load_run_threads(struct load *l, uint64_t ns)
{
	struct load_thread job[LOAD_QUEUES];
	pthread_t thread[LOAD_QUEUES];
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, l->queues);
	for (unsigned int i = 0; i < l->queues; i++) {
		job[i] = (struct load_thread){ &l->queue[i], &barrier, ns };
		if (pthread_create(&thread[i], NULL, load_thread,
		    &job[i]) != 0)
			tap_bail("pthread_create");
	}
	for (unsigned int i = 0; i < l->queues; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&barrier);
}

static int
load_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void
load_run(struct load *l, uint64_t ns, struct load_result *result)
{
	double rate = 0;

	*result = (struct load_result){ .cycles = 0 };
	if (l->queues == 1)
		load_loop(&l->queue[0], ns);
	else
		load_run_threads(l, ns);
	for (unsigned int i = 0; i < l->queues; i++) {
		struct load_queue *q = &l->queue[i];

		qsort(q->sample, q->samples, sizeof(*q->sample),
		    load_compare);
		result->cycles += q->cycles;
		rate += (double)q->cycles / (double)q->elapsed_ns;
		result->p50_us += q->sample[q->samples / 2] / 1e3 / l->queues;
	}
	result->us = 1 / rate / 1000;
}
