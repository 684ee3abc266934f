/* SPDX-License-Identifier: ISC */
/*
 * The threads between /dev/fuse and the virtqueues. Test code.
 */
#include "pump.h"

#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"

#define MAX_ERRNO	511	/* Linux takes no reply with a larger one */

static void __attribute__((format(printf, 3, 4)))
pump_complain(struct pump *p, const struct pump_slot *s, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (atomic_fetch_add(&p->broken, 1) < 20)
		fprintf(stderr, "bridge: opcode %u, unique %llu: %s\n",
		    s->opcode, (unsigned long long)s->unique, text);
}

static int
pump_write(int dev_fd, const void *reply, size_t len)
{
	return write(dev_fd, reply, len) < 0 ? -errno : 0;
}

static int
pump_write_error(int dev_fd, uint64_t unique, int error)
{
	struct fuse_out_header h = { .len = sizeof(h), .error = error,
	    .unique = unique };

	return pump_write(dev_fd, &h, sizeof(h));
}

/* Is the reply one that may be believed? */
static int
pump_check_reply(struct pump *p, const struct pump_slot *s, uint32_t used)
{
	struct fuse_out_header h;

	memcpy(&h, s->reply, sizeof(h));
	if (used < sizeof(h))
		pump_complain(p, s, "used length %u is no reply", used);
	else if (h.len != used)
		pump_complain(p, s, "length %u, but %u used", h.len, used);
	else if (h.unique != s->unique)
		pump_complain(p, s, "answered with unique %llu",
		    (unsigned long long)h.unique);
	else if (h.error > 0 || h.error < -MAX_ERRNO ||
	    (h.error != 0 && h.len != sizeof(h)))
		pump_complain(p, s, "error %d with length %u", h.error,
		    h.len);
	else
		return 1;
	return 0;
}

static void
pump_reply(struct pump_queue *q, struct pump_slot *s, uint32_t used)
{
	int error;

	if (pump_check_reply(q->pump, s, used))
		error = pump_write(q->dev_fd, s->reply, used);
	else
		error = pump_write_error(q->dev_fd, s->unique, -EIO);
	/* ENOENT: who asked does not wait any more; the others: aborted. */
	if (error != 0 && error != -ENOENT && error != -ENODEV &&
	    error != -ECONNABORTED && error != -EPERM)
		pump_complain(q->pump, s, "the kernel refuses the reply: %s",
		    strerrorname_np(-error));
	atomic_store(&s->since, 0);
	s->next = q->free;
	q->free = s;
	q->in_flight--;
}

/* All replies that are there. Returns how many, or -EPROTO. */
static int
pump_drain(struct pump_queue *q)
{
	struct pump_slot *s;
	uint32_t used;
	int n = 0, got;
	void *token;

	while ((got = vhost_ring_get(q->ring, &token, &used)) == 1) {
		s = token;
		pump_reply(q, s, used);
		n++;
	}
	return got < 0 ? got : n;
}

/* With the lock held. A buffer to fill; waits for one when all are away. */
static struct pump_slot *
pump_forget_slot(struct pump *p)
{
	struct vhost_ring *r = &p->front->ring[0];
	struct pump_slot *s;
	void *token;
	int got;

	while ((got = p->forget_free != NULL ?
	    vhost_ring_get(r, &token, NULL) :
	    vhost_ring_get_wait(r, &token, NULL, VHOST_TIMEOUT_MS)) == 1) {
		s = token;
		s->next = p->forget_free;
		p->forget_free = s;
	}
	if (got != 0) {
		atomic_fetch_add(&p->broken, 1);
		fprintf(stderr, "bridge: a FORGET is not taken: %s\n",
		    strerrorname_np(-got));
	}
	s = p->forget_free;
	if (s != NULL)
		p->forget_free = s->next;
	return s;
}

/* No reply, and in the queue of high priority. */
static void
pump_forget(struct pump *p, const uint8_t *request, size_t len)
{
	struct vhost_ring *r = &p->front->ring[0];
	struct iovec segment[2];
	struct pump_slot *s;
	size_t count;

	pthread_mutex_lock(&p->lock);
	s = pump_forget_slot(p);
	if (s != NULL) {
		memcpy(s->request, request, len);
		count = layout_request(s->request, len, segment);
		if (vhost_ring_add(r, segment, count, NULL, 0, s) == 0)
			vhost_ring_kick(r);
	}
	pthread_mutex_unlock(&p->lock);
}

static void
pump_submit(struct pump_queue *q, struct pump_slot *s, size_t len)
{
	size_t out, in;

	out = layout_request(s->request, len, q->segment);
	in = layout_reply(s->request, len, s->reply, q->segment + out);
	q->free = s->next;
	q->in_flight++;
	atomic_store(&s->since, procs_now_ms());
	if (vhost_ring_add(q->ring, q->segment, out, q->segment + out, in,
	    s) != 0) {
		pump_complain(q->pump, s, "no room in the ring");
		memset(s->reply, 0, sizeof(struct fuse_out_header));
		pump_reply(q, s, 0);
	}
}

static void
pump_request(struct pump_queue *q, struct pump_slot *s, size_t len)
{
	struct fuse_in_header h;

	memcpy(&h, s->request, sizeof(h));
	s->unique = h.unique;
	s->opcode = h.opcode;
	atomic_fetch_add(&q->pump->requests, 1);
	if (h.len != len)
		pump_complain(q->pump, s, "the kernel's length is wrong");
	switch (h.opcode) {
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		pump_forget(q->pump, s->request, len);
		break;
	case FUSE_INTERRUPT:
		/* The virtiofs driver never sends one. */
		pump_write_error(q->dev_fd, h.unique, -ENOSYS);
		break;
	default:
		pump_submit(q, s, len);
		break;
	}
}

static int
pump_has_room(const struct pump_queue *q)
{
	unsigned int chain = q->ring->indirect ? 1 : LAYOUT_CHAIN;

	return q->free != NULL && q->ring->free_count >= chain &&
	    !q->unmounted;
}

/* EINVAL would be a max_write of the server's that is beyond our buffers. */
static void
pump_unmounted(struct pump_queue *q, int error)
{
	q->unmounted = 1;
	if (error == ENODEV || error == ECONNABORTED)
		return;
	atomic_fetch_add(&q->pump->broken, 1);
	fprintf(stderr, "bridge: /dev/fuse: %s\n", strerror(error));
}

/* All requests that are there and have room. Returns how many. */
static int
pump_take(struct pump_queue *q)
{
	struct pump_slot *s;
	ssize_t len;
	int n = 0;

	while (pump_has_room(q)) {
		s = q->free;
		len = read(q->dev_fd, s->request,
		    LAYOUT_HEAD + LAYOUT_DATA + LAYOUT_PAGE);
		if (len < 0 && (errno == EINTR || errno == ENOENT))
			continue;
		if (len < 0 && errno == EAGAIN)
			break;
		if (len < 0) {
			pump_unmounted(q, errno);
			break;
		}
		pump_request(q, s, (size_t)len);
		n++;
	}
	return n;
}

/* Sleeps until there is something to do; 0 when the end has come. */
static int
pump_sleep(struct pump_queue *q)
{
	struct pollfd p[3] = {
		{ .fd = q->pump->stop_fd, .events = POLLIN },
		{ .fd = q->ring->call_fd, .events = POLLIN },
		{ .fd = pump_has_room(q) ? q->dev_fd : -1, .events = POLLIN },
	};

	if (!vhost_ring_enable_interrupt(q->ring))
		poll(p, 3, -1);
	vhost_ring_clear_interrupt(q->ring);
	return (p[0].revents & POLLIN) == 0;
}

static void *
pump_run(void *arg)
{
	struct pump_queue *q = arg;
	int drained, taken;

	do {
		drained = pump_drain(q);
		if (drained < 0) {
			atomic_fetch_add(&q->pump->broken, 1);
			fprintf(stderr, "bridge: nonsense in the ring\n");
			break;
		}
		taken = pump_take(q);
		vhost_ring_kick(q->ring);
		if (q->unmounted && q->in_flight == 0)
			break;
	} while (drained > 0 || taken > 0 || pump_sleep(q));
	return NULL;
}

static void
pump_make_slot(struct pump *p, struct pump_slot *s)
{
	struct guest_mem *mem = &p->front->mem;
	uint8_t *page;

	page = guest_alloc(mem, LAYOUT_DATA + 2u * LAYOUT_PAGE, LAYOUT_PAGE);
	s->request = page + LAYOUT_PAGE - LAYOUT_HEAD;
	page = guest_alloc(mem, LAYOUT_DATA + 2u * LAYOUT_PAGE, LAYOUT_PAGE);
	s->reply = page + LAYOUT_PAGE - sizeof(struct fuse_out_header);
}

/* Another descriptor for the same mount, fuse(4). */
static int
pump_clone(int dev_fd)
{
	int fd = open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	uint32_t source = (uint32_t)dev_fd;

	if (fd >= 0 && ioctl(fd, FUSE_DEV_IOC_CLONE, &source) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int
pump_start_queue(struct pump *p, unsigned int i, int dev_fd)
{
	struct pump_queue *q = &p->queue[i];

	q->pump = p;
	q->ring = &p->front->ring[i + 1];
	q->dev_fd = dev_fd;
	for (size_t k = 0; k < PUMP_DEPTH; k++) {
		pump_make_slot(p, &q->slot[k]);
		q->slot[k].next = q->free;
		q->free = &q->slot[k];
	}
	if (dev_fd < 0)
		return -ENODEV;
	if (pthread_create(&q->thread, NULL, pump_run, q) != 0)
		return -EAGAIN;
	q->started = 1;
	return 0;
}

int
pump_start(struct pump *p, struct vhost_front *front, int dev_fd,
    unsigned int queues)
{
	int error;

	memset(p, 0, sizeof(*p));
	p->front = front;
	pthread_mutex_init(&p->lock, NULL);
	for (size_t i = 0; i < PUMP_FORGETS; i++) {
		pump_make_slot(p, &p->forget[i]);
		p->forget[i].next = p->forget_free;
		p->forget_free = &p->forget[i];
	}
	p->stop_fd = eventfd(0, EFD_CLOEXEC);
	error = p->stop_fd < 0 ? -errno : 0;
	for (unsigned int i = 0; i < queues && error == 0; i++) {
		error = pump_start_queue(p, i, i == 0 ? dev_fd :
		    pump_clone(dev_fd));
		p->queues++;
	}
	return error;
}

void
pump_stop(struct pump *p, int at_once)
{
	uint64_t one = 1;

	if (at_once && write(p->stop_fd, &one, sizeof(one)) < 0)
		fprintf(stderr, "bridge: eventfd: %s\n", strerror(errno));
	for (unsigned int i = 0; i < p->queues; i++) {
		if (p->queue[i].started)
			pthread_join(p->queue[i].thread, NULL);
		p->queue[i].started = 0;
	}
	for (unsigned int i = 0; i < p->queues; i++) {
		if (p->queue[i].dev_fd >= 0)
			close(p->queue[i].dev_fd);
		p->queue[i].dev_fd = -1;
	}
}

int
pump_destroy(struct pump *p)
{
	struct pump_queue *q = &p->queue[0];
	struct fuse_in_header h = { .len = sizeof(h),
	    .opcode = FUSE_DESTROY, .unique = UINT64_C(1) << 60 };
	struct pump_slot *s = q->free;
	uint32_t used;
	int error;

	if (s == NULL)
		return -EBUSY;
	memcpy(s->request, &h, sizeof(h));
	s->opcode = h.opcode;
	s->unique = h.unique;
	pump_submit(q, s, sizeof(h));
	vhost_ring_kick_always(q->ring);
	error = vhost_ring_get_wait(q->ring, NULL, &used, VHOST_TIMEOUT_MS);
	if (error != 1)
		return error;
	/* The driver only waits for the buffer. */
	if (used == 0)
		return -ENOMSG;
	if (!pump_check_reply(p, s, used))
		return -EPROTO;
	return ((const struct fuse_out_header *)(const void *)s->reply)->error;
}

const struct pump_slot *
pump_oldest(struct pump *p, long long *waited_ms)
{
	const struct pump_slot *oldest = NULL;
	long long first = 0, since;

	for (unsigned int i = 0; i < p->queues; i++)
		for (size_t k = 0; k < PUMP_DEPTH; k++) {
			since = atomic_load(&p->queue[i].slot[k].since);
			if (since == 0 || (oldest != NULL && since >= first))
				continue;
			first = since;
			oldest = &p->queue[i].slot[k];
		}
	*waited_ms = oldest != NULL ? procs_now_ms() - first : 0;
	return oldest;
}
