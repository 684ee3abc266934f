/* SPDX-License-Identifier: ISC */
/*
 * A daemon to be tortured, and what it must not do of it. Test code.
 */
#include "torture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"

/* What no log may have: each stands for a process that went wrong. */
static const char *const faults[] = { "killed by signal", "Assertion",
    "Sanitizer", "runtime error", "terminated", "compromised" };

void
torture_connect(struct torture *t, const struct fixture_share *share,
    const struct vhost_options *o, const char *tag)
{
	static char text[64];
	const char *extra[] = { text, NULL };
	const struct virtiofs_server_options s = { .share = share->dir,
	    .socket = VIRTIOFS_CONNECTED, .extra = tag ? extra : NULL };
	int error;

	snprintf(text, sizeof(text), "--tag=%s", tag != NULL ? tag : "");
	*t = (struct torture){ .share = share, .monitor = -1, .worker = -1 };
	error = virtiofs_server_start(&t->srv, &s);
	if (error != 0)
		tap_bail("the server does not start: %s", strerror(-error));
	vhost_front_init(&t->front, t->srv.fd, o);
	t->srv.fd = -1;
}

void
torture_negotiate(struct torture *t)
{
	int error = vhost_front_negotiate(&t->front);

	if (error != 0) {
		tap_diag("%s", server_log_text(t->srv.log_fd));
		tap_bail("negotiation: %s", vhost_error_name(error));
	}
	server_find(t->srv.pid, &t->monitor, &t->worker);
	if (t->monitor < 0 || t->worker < 0)
		tap_bail("worker or monitor are not found");
	vhost_front_make_memory(&t->front);
	vhost_front_make_rings(&t->front);
}

/* Returns NULL or what went wrong. */
static const char *
torture_try_set_up(struct torture *t)
{
	struct fuse_init_options init = { .flags =
	    fuse_default_init_flags() };
	int result = vhost_front_send_memory(&t->front);

	if (result == 0)
		result = vhost_front_start(&t->front);
	if (result != 0)
		return vhost_error_name(result);
	if (!t->has_client)
		fuse_client_init(&t->c, &t->front, 1, 0);
	t->has_client = 1;
	result = fuse_init(&t->c, &init);
	if (result != 0)
		return fuse_result_name(result);
	return torture_work(&t->c, 1) == 0 ? NULL : "files are wrong";
}

int
torture_set_up(struct torture *t, const char *after)
{
	const char *wrong = torture_try_set_up(t);

	tap_ok(wrong == NULL, "a correct sequence works after %s", after);
	if (wrong != NULL) {
		tap_diag("%s", wrong);
		tap_diag("%s", server_log_text(t->srv.log_fd));
	}
	return wrong == NULL;
}

void
torture_start(struct torture *t, const struct fixture_share *share,
    const struct vhost_options *o, const char *tag)
{
	const char *wrong;

	torture_connect(t, share, o, tag);
	torture_negotiate(t);
	wrong = torture_try_set_up(t);
	if (wrong != NULL) {
		tap_diag("%s", server_log_text(t->srv.log_fd));
		tap_bail("a correct sequence: %s", wrong);
	}
}

int
torture_work(struct fuse_client *c, unsigned int rounds)
{
	uint8_t *data = guest_alloc(&c->front->mem, 3000, 1);
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	int wrong = 0;
	char name[64];

	for (unsigned int i = 0; i < rounds; i++) {
		snprintf(name, sizeof(name), "torture-%u", c->queue);
		if (fuse_create(c, FUSE_ROOT_ID, name, O_RDWR, 0600, &entry,
		    &open) != 0) {
			wrong++;
			break;
		}
		memset(data, (int)(c->queue + i), 3000);
		wrong += fuse_write(c, entry.nodeid, open.fh, 1, data, 3000)
		    != 3000;
		memset(data, 0, 3000);
		wrong += fuse_read(c, entry.nodeid, open.fh, 2, data, 3000)
		    != 2999;
		for (size_t k = 0; k < 2999; k++)
			if (data[k] != (uint8_t)(c->queue + i)) {
				wrong++;
				break;
			}
		wrong += fuse_release(c, entry.nodeid, open.fh) != 0;
		wrong += fuse_unlink(c, FUSE_ROOT_ID, name) != 0;
		wrong += fuse_forget(c, entry.nodeid, 1) != 0;
	}
	guest_free(&c->front->mem, data);
	return wrong;
}

int
torture_works(struct torture *t, const char *after)
{
	int wrong = torture_work(&t->c, 1);

	tap_ok(wrong == 0, "the session goes on after %s", after);
	if (wrong != 0)
		tap_diag("%s", server_log_text(t->srv.log_fd));
	return wrong == 0;
}

int
torture_logged(const struct torture *t, const char *text)
{
	return strstr(server_log_text(t->srv.log_fd), text) != NULL;
}

size_t
torture_count_fds(struct torture *t)
{
	static int fds[4096];
	uint64_t value;

	/* The message before may have its reply, and its descriptors still
	 * open; that is over when there is an answer to the next. */
	if (vhost_get_u64(&t->front, VHOST_GET_FEATURES, &value) != 0)
		return 0;
	return procs_fds(t->worker, fds, 4096);
}

int
torture_ended(struct torture *t, int want, const char *after)
{
	int status = server_wait_or_kill(t->srv.pid, SERVER_TIMEOUT_MS);
	const char *wrong = NULL;

	t->srv.pid = -1;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (torture_logged(t, faults[i]) && (t->says == NULL ||
		    strstr(t->says, faults[i]) == NULL))
			wrong = faults[i];
	if (t->says != NULL && !torture_logged(t, t->says))
		wrong = "its log does not say why";
	if (status == SERVER_HUNG)
		wrong = "it hangs";
	else if (want == TORTURE_ANY ? status < 0 || status > 1 :
	    status != want)
		wrong = "its exit status";
	if (procs_wait_gone(getpid(), SERVER_TIMEOUT_MS) != 0)
		wrong = "a process is left";
	tap_ok(wrong == NULL, "the daemon ends well after %s", after);
	if (wrong != NULL) {
		tap_diag("%s; status %d, expected %d", wrong, status, want);
		tap_diag("%s", server_log_text(t->srv.log_fd));
	}
	if (t->has_client)
		fuse_client_free(&t->c);
	t->has_client = 0;
	vhost_front_close(&t->front);
	server_close_log(&t->srv);
	return wrong == NULL;
}

int
torture_end(struct torture *t, int status, const char *after)
{
	if (t->front.sock >= 0)
		close(t->front.sock);
	t->front.sock = -1;
	return torture_ended(t, status, after);
}

uint64_t
torture_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t
torture_seed(uint64_t otherwise)
{
	const char *text = getenv("TORTURE_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : otherwise;

	tap_diag("TORTURE_SEED=%llu", (unsigned long long)seed);
	return seed;
}

int
torture_main(void (*body)(struct fixture *), unsigned int limit_s)
{
	if (virtiofs_kind_from_env() != VIRTIOFS_PRIVFSD)
		tap_skip_all("for privfsd alone");
	return virtiofs_main(body, limit_s);
}
