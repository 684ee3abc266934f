/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: every vhost-user message of every wrong form: sizes, numbers of
 * descriptors, headers, in pieces, cut short; in a session that must not
 * notice.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "torture.h"

#define TAG		"torture"
#define CONFIG_SIZE	40
#define PAYLOAD_MOST	4096	/* beyond that it is no message */
#define NEED_REPLY	(VHOST_FLAG_VERSION | VHOST_FLAG_NEED_REPLY)

static const struct fixture_share *share;
static const struct vhost_options options = { .region_size = 4 << 20 };

/* What a good message has; others than these are not supported. */
struct shape {
	uint32_t	request;
	uint32_t	size;
	uint8_t		fds, fds_most;
	int		value;		/* its sender waits for a value */
};

static const struct shape shapes[] = {
	{ VHOST_GET_FEATURES, 0, 0, 0, 1 },
	{ VHOST_SET_FEATURES, 8, 0, 0, 0 },
	{ VHOST_SET_OWNER, 0, 0, 0, 0 },
	{ VHOST_RESET_OWNER, 0, 0, 0, 0 },
	{ VHOST_SET_MEM_TABLE, 40, 1, 1, 0 },
	{ VHOST_SET_VRING_NUM, 8, 0, 0, 0 },
	{ VHOST_SET_VRING_ADDR, 40, 0, 0, 0 },
	{ VHOST_SET_VRING_BASE, 8, 0, 0, 0 },
	{ VHOST_GET_VRING_BASE, 8, 0, 0, 1 },
	{ VHOST_SET_VRING_KICK, 8, 1, 1, 0 },
	{ VHOST_SET_VRING_CALL, 8, 1, 1, 0 },
	{ VHOST_SET_VRING_ERR, 8, 1, 1, 0 },
	{ VHOST_GET_PROTOCOL_FEATURES, 0, 0, 0, 1 },
	{ VHOST_SET_PROTOCOL_FEATURES, 8, 0, 0, 0 },
	{ VHOST_GET_QUEUE_NUM, 0, 0, 0, 1 },
	{ VHOST_SET_VRING_ENABLE, 8, 0, 0, 0 },
	{ VHOST_GET_CONFIG, 12 + CONFIG_SIZE, 0, 0, 0 },
	{ VHOST_SET_CONFIG, 12 + CONFIG_SIZE, 0, 0, 0 },
	{ VHOST_RESET_DEVICE, 0, 0, 0, 0 },
	{ VHOST_GET_MAX_MEM_SLOTS, 0, 0, 0, 1 },
	{ VHOST_ADD_MEM_REG, 40, 1, 1, 0 },
	{ VHOST_REM_MEM_REG, 40, 0, 1, 0 },
	{ VHOST_SET_STATUS, 8, 0, 0, 0 },
	{ VHOST_GET_STATUS, 0, 0, 0, 1 },
};
#define SHAPES	(sizeof(shapes) / sizeof(shapes[0]))

static const struct shape *
shape_of(uint32_t request)
{
	for (size_t i = 0; i < SHAPES; i++)
		if (shapes[i].request == request)
			return &shapes[i];
	return NULL;
}

/* What would do harm, were its size or its descriptors right. */
static void
fill(struct torture *t, uint32_t request, union vhost_payload *p)
{
	const struct guest_region *g = &t->front.mem.region[0];
	const struct vhost_memory_region r = { .guest_addr = g->guest_addr,
	    .size = g->size, .user_addr = (uintptr_t)g->map,
	    .mmap_offset = g->offset };

	memset(p, 0, sizeof(*p));
	switch (request) {
	case VHOST_SET_MEM_TABLE:
		p->table.count = 1;
		p->table.region[0] = r;
		break;
	case VHOST_ADD_MEM_REG:
		p->single.region = r;
		p->single.region.guest_addr = UINT64_C(1) << 40;
		p->single.region.user_addr = UINT64_C(1) << 40;
		break;
	case VHOST_REM_MEM_REG:
		p->single.region = r;
		break;
	case VHOST_GET_CONFIG:
	case VHOST_SET_CONFIG:
		p->config.size = CONFIG_SIZE;
		break;
	default:
		p->state.index = 1;
		break;
	}
}

static enum torture_outcome
expected(const struct shape *s, uint32_t flags)
{
	int asks = (flags & VHOST_FLAG_NEED_REPLY) != 0;

	if (s == NULL)
		return asks ? TORTURE_REFUSED : TORTURE_CLOSED;
	if (s->value)
		return TORTURE_CLOSED;
	if (s->request == VHOST_GET_CONFIG)
		return TORTURE_REFUSED;
	/* Its guest would wait for the ring. */
	if (s->request == VHOST_SET_VRING_KICK && !asks)
		return TORTURE_CLOSED;
	return asks ? TORTURE_REFUSED : TORTURE_SILENT;
}

/*
 * Sends a bad message; whether it came out as it must. A session that ends
 * for it ends well, and the next one begins.
 */
static int
is_refused_form(struct torture *t, uint32_t request, uint32_t flags,
    uint32_t size, size_t fd_count)
{
	static union vhost_payload payload;
	const struct torture_message m = { .header = { .request = request,
	    .flags = flags, .size = size }, .payload = &payload, .len = size,
	    .fd_count = fd_count, .fds = (int[VHOST_MAX_FDS]){ 0 } };
	enum torture_outcome want = expected(shape_of(request), flags), got;
	int fd = torture_fd(t, TORTURE_FD_MEMFD);

	fill(t, request, &payload);
	for (size_t i = 0; i < fd_count; i++)
		((int *)(uintptr_t)m.fds)[i] = fd;
	got = torture_send(t, &m);
	close(fd);
	if (got != want)
		tap_diag("%s, flags %u, size %u, %zu descriptors: %s, "
		    "expected: %s", vhost_request_name(request), flags, size,
		    fd_count, torture_outcome_name(got),
		    torture_outcome_name(want));
	if (got != TORTURE_CLOSED && got != TORTURE_HUNG)
		return got == want;
	if (got == TORTURE_HUNG)
		server_wait_or_kill(t->srv.pid, 0);
	torture_end(t, got == TORTURE_CLOSED ? 1 : TORTURE_ANY,
	    vhost_request_name(request));
	torture_start(t, share, &options, TAG);
	return got == want;
}

static void
test_sizes(struct torture *t)
{
	static const uint32_t sizes[] = { 0, 1, 4, 7, 8, 9, 12, 16, 39, 40,
	    41, 52, 72, 263, 264, 265, 268, 269, PAYLOAD_MOST };

	for (size_t i = 0; i < SHAPES; i++) {
		const struct shape *s = &shapes[i];
		size_t before = torture_count_fds(t);
		int wrong = 0;

		tap_context("%s, sizes: ", vhost_request_name(s->request));
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]) &&
		    wrong < 3; k++) {
			/* Where each ends a session, some will do. */
			if (sizes[k] == s->size || (s->value && k % 6 != 1))
				continue;
			wrong += !is_refused_form(t, s->request,
			    s->value && k % 4 == 1 ? VHOST_FLAG_VERSION :
			    NEED_REPLY, sizes[k], s->fds);
			if (!s->value)
				wrong += !is_refused_form(t, s->request,
				    VHOST_FLAG_VERSION, sizes[k], s->fds);
		}
		tap_is_int(wrong, 0, "all are refused");
		torture_works(t, "them");
		tap_is_int((long long)torture_count_fds(t), (long long)before,
		    "no descriptor stays open");
	}
}

static void
test_descriptors(struct torture *t)
{
	static const size_t counts[] = { 0, 1, 2, 7, 8, 9, 16, 100,
	    VHOST_MAX_FDS };

	for (size_t i = 0; i < SHAPES; i++) {
		const struct shape *s = &shapes[i];
		size_t before = torture_count_fds(t);
		int wrong = 0;

		tap_context("%s, descriptors: ",
		    vhost_request_name(s->request));
		for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]) &&
		    wrong < 3; k++) {
			if ((counts[k] >= s->fds && counts[k] <=
			    s->fds_most) || (s->value && k % 4 != 1))
				continue;
			wrong += !is_refused_form(t, s->request, NEED_REPLY,
			    s->size, counts[k]);
			if (!s->value)
				wrong += !is_refused_form(t, s->request,
				    VHOST_FLAG_VERSION, s->size, counts[k]);
		}
		tap_is_int(wrong, 0, "all wrong numbers are refused");
		torture_works(t, "them");
		tap_is_int((long long)torture_count_fds(t), (long long)before,
		    "no descriptor stays open");
	}
}

/* Requests that are not offered, not known or impossible. */
static void
test_unsupported(struct torture *t)
{
	static const uint32_t far[] = { 64, 100, 255, 256, 1000, 65535, 65536,
	    0x7fffffff, 0x80000000, UINT32_MAX };
	size_t before = torture_count_fds(t);
	int wrong = 0;

	tap_context("unsupported: ");
	for (uint32_t i = 0; i < 50 + 10 && wrong < 5; i++) {
		uint32_t request = i < 50 ? i : far[i - 50];

		if (shape_of(request) != NULL)
			continue;
		for (uint32_t size = 0; size <= 8; size += 8)
			for (size_t fds = 0; fds < 2; fds++)
				wrong += !is_refused_form(t, request,
				    NEED_REPLY, size, fds);
		wrong += !is_refused_form(t, request, NEED_REPLY,
		    PAYLOAD_MOST, 9);
		if (i % 4 == 0)
			wrong += !is_refused_form(t, request,
			    VHOST_FLAG_VERSION, 8, 1);
	}
	tap_is_int(wrong, 0, "all are refused");
	torture_works(t, "them");
	tap_is_int((long long)torture_count_fds(t), (long long)before,
	    "no descriptor stays open");
}

/* What follows such a header cannot be understood: it ends the session. */
static void
test_headers(struct torture *t)
{
	static const struct {
		uint32_t	flags, size;
		const char	*name;
	} headers[] = {
		{ 0, 0, "version 0" }, { 2, 0, "version 2" },
		{ 3, 0, "version 3" }, { 5, 0, "a reply" },
		{ 0x11, 0, "an unknown flag" },
		{ 0x80000001, 0, "the last flag" },
		{ UINT32_MAX, UINT32_MAX, "all bits" },
		{ 1, PAYLOAD_MOST + 1, "one byte too many" },
		{ 1, 0x7fffffff, "a size of 2 GiB" },
		{ 9, 0x80000000, "a negative size" },
		{ 9, UINT32_MAX, "the largest size" },
	};
	static const uint32_t requests[] = { VHOST_GET_FEATURES,
	    VHOST_SET_MEM_TABLE, VHOST_SET_VRING_KICK, 0 };
	static const uint8_t payload[64];

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		const struct torture_message m = { .header = {
		    .request = requests[i % 4], .flags = headers[i].flags,
		    .size = headers[i].size }, .payload = payload,
		    .len = headers[i].size > 0 ? sizeof(payload) : 0 };

		tap_context("header, %s: ", headers[i].name);
		tap_is_str(torture_outcome_name(torture_send(t, &m)),
		    "closed", "ends the connection");
		t->says = "closing the connection";
		torture_end(t, 1, "it");
		torture_start(t, share, &options, TAG);
	}
}

/* The front-end goes away in the middle of a message. */
static void
test_cut(struct torture *t)
{
	static const size_t lengths[] = { 1, 4, 11, 12, 13, 19, 51 };
	struct vhost_header h = { .request = VHOST_SET_MEM_TABLE,
	    .flags = NEED_REPLY, .size = 40 };
	uint8_t bytes[64] = { 0 };

	memcpy(bytes, &h, sizeof(h));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (int half = 0; half < 2; half++) {
			tap_context("cut after %zu bytes%s: ", lengths[i],
			    half ? ", half closed" : "");
			if (send(t->front.sock, bytes, lengths[i],
			    MSG_NOSIGNAL) != (ssize_t)lengths[i])
				tap_bail("send");
			if (half) {
				shutdown(t->front.sock, SHUT_WR);
				tap_ok(vhost_is_closed(&t->front,
				    VHOST_TIMEOUT_MS), "the other half ends");
			}
			t->says = "in the middle of a message";
			torture_end(t, 1, "it");
			torture_start(t, share, &options, TAG);
		}
	tap_context("cut between messages: ");
	shutdown(t->front.sock, SHUT_WR);
	tap_ok(vhost_is_closed(&t->front, VHOST_TIMEOUT_MS),
	    "the other half ends");
	torture_end(t, 0, "it");
	torture_start(t, share, &options, TAG);
}

/* Some bytes, and a descriptor with the first of them. */
static void
send_piece(struct torture *t, const void *bytes, size_t len, int fd)
{
	union {
		struct cmsghdr	header;
		uint8_t		bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET,
	    .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec part = { .iov_base = (void *)(uintptr_t)bytes,
	    .iov_len = len };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
	}
	if (sendmsg(t->front.sock, &m, MSG_NOSIGNAL) != (ssize_t)len)
		tap_bail("sendmsg");
}

/* A good SET_VRING_CALL, cut in pieces of any length. */
static void
test_pieces(struct torture *t)
{
	struct {
		struct vhost_header	h;
		uint64_t		word;
	} __attribute__((packed)) m = { .h = { .request =
	    VHOST_SET_VRING_CALL, .flags = NEED_REPLY, .size = 8 },
	    .word = 1 };
	int call = t->front.ring[1].call_fd;
	struct vhost_message reply;
	const uint8_t *bytes = (const uint8_t *)&m;

	for (size_t n = 1; n < sizeof(m); n += n < 4 ? 1 : 5)
		for (size_t with = 0; with < sizeof(m); with += 5) {
			tap_context("pieces of %zu, the descriptor with %zu: ",
			    n, with / n);
			for (size_t at = 0; at < sizeof(m); at += n)
				send_piece(t, bytes + at, sizeof(m) - at < n ?
				    sizeof(m) - at : n, at / n == with / n ?
				    call : -1);
			tap_is_int(vhost_receive_reply(&t->front,
			    VHOST_SET_VRING_CALL, 8, &reply), 0, "a reply");
			tap_is_int((long long)reply.payload.u64, 0,
			    "it is accepted");
		}
	/* A descriptor with each byte. */
	tap_context("a descriptor with each byte: ");
	for (size_t at = 0; at < sizeof(m); at++)
		send_piece(t, bytes + at, 1, call);
	tap_is_int(vhost_receive_reply(&t->front, VHOST_SET_VRING_CALL, 8,
	    &reply), 0, "a reply");
	tap_ok(reply.payload.u64 != 0, "it is refused");
	tap_context("%s", "");
	torture_works(t, "pieces");
}

/* Thousands, in one connection: few lines in the log, no descriptor. */
static void
test_flood(struct torture *t)
{
	const int fd = torture_fd(t, TORTURE_FD_EVENT);
	size_t before = torture_count_fds(t), lines = 0;
	const uint64_t word = 66;
	int wrong = 0;

	tap_context("flood: ");
	for (int i = 0; i < 3000; i++)
		wrong += torture_ask(t, VHOST_SET_VRING_KICK, &word, 8, &fd,
		    1) != TORTURE_REFUSED;
	tap_is_int(wrong, 0, "3000 messages are refused");
	tap_is_int((long long)torture_count_fds(t), (long long)before,
	    "no descriptor stays open");
	for (const char *at = server_log_text(t->srv.log_fd); *at != '\0';
	    at++)
		lines += *at == '\n';
	tap_ok(lines < 200, "but not each time: %zu lines", lines);
	torture_works(t, "it");
	close(fd);
	t->says = "SET_VRING_KICK (12) refused: there is no ring 66";
	torture_end(t, 0, "it");
	torture_start(t, share, &options, TAG);
}

/* Who never reads the replies does not make the daemon wait for ever. */
static void
test_unread(struct torture *t)
{
	const struct vhost_header h = { .request = VHOST_GET_FEATURES,
	    .flags = VHOST_FLAG_VERSION };
	struct vhost_message reply;
	long long idle_since = procs_now_ms();
	int sent = 0, got = 0;
	ssize_t n;

	tap_context("unread replies: ");
	/* Until neither side can write any more, which takes no time. */
	while (procs_now_ms() - idle_since < 300) {
		n = send(t->front.sock, &h, sizeof(h),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == (ssize_t)sizeof(h)) {
			sent++;
			idle_since = procs_now_ms();
		} else if (n >= 0 || errno != EAGAIN)
			tap_bail("send");
		else
			procs_sleep_us(1000);
	}
	tap_ok(sent > 100, "%d requests", sent);
	tap_is_int(torture_work(&t->c, 1), 0, "the rings work meanwhile");
	while (got < sent && vhost_receive_reply(&t->front,
	    VHOST_GET_FEATURES, 8, &reply) == 0)
		got++;
	tap_is_int(got, sent, "each has its reply in the end");
	torture_works(t, "them");
	/* And with all of them unread, the end. */
	for (int i = 0; i < 100; i++)
		send(t->front.sock, &h, sizeof(h),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	torture_end(t, TORTURE_ANY, "an end with replies unread");
}

/* Without REPLY_ACK the flag that asks for an answer means nothing. */
static void
test_no_acknowledgements(void)
{
	struct vhost_options o = options;
	union vhost_payload payload;
	struct torture_message m = { .payload = &payload };
	struct torture t;
	int wrong = 0;

	o.no_reply_ack = 1;
	tap_context("no REPLY_ACK: ");
	torture_start(&t, share, &o, TAG);
	for (size_t i = 0; i < SHAPES; i++) {
		if (shapes[i].value || shapes[i].request == VHOST_GET_CONFIG ||
		    shapes[i].request == VHOST_SET_VRING_KICK)
			continue;
		fill(&t, shapes[i].request, &payload);
		m.header = (struct vhost_header){ .request =
		    shapes[i].request, .flags = NEED_REPLY,
		    .size = shapes[i].size + 1 };
		m.len = m.header.size;
		wrong += torture_send(&t, &m) != TORTURE_SILENT;
	}
	tap_is_int(wrong, 0, "no answer to what is refused");
	torture_works(&t, "them");
	m.header = (struct vhost_header){ .request = VHOST_SET_LOG_BASE,
	    .flags = NEED_REPLY };
	m.len = 0;
	tap_is_str(torture_outcome_name(torture_send(&t, &m)), "closed",
	    "an unsupported request ends the connection");
	torture_end(&t, 1, "it");
}

static void
body(struct fixture *f)
{
	struct torture t;

	share = &f->share[0];
	torture_start(&t, share, &options, TAG);
	test_sizes(&t);
	test_descriptors(&t);
	test_unsupported(&t);
	test_headers(&t);
	test_cut(&t);
	test_flood(&t);
	test_pieces(&t);
	test_unread(&t);
	test_no_acknowledgements();
	tap_context("%s", "");
}

int
main(void)
{
	return torture_main(body, 120);
}
