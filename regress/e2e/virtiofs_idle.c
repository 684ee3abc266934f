/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: a daemon whose guest does nothing has used no processor time
 * after a minute, with four queues that were all used before. Takes 65
 * seconds.
 */
#include <unistd.h>

#include "procs.h"
#include "virtiofs_suite.h"

#define IDLE_S		62
#define QUEUES		4
/* Clock ticks of all processes together; one is 10 ms as a rule. */
#define TICKS_MOST	5

static void
body(struct fixture *f)
{
	struct virtiofs_options o = { .front.request_queues = QUEUES };
	struct fuse_client c[QUEUES];
	struct fuse_attr_out attr;
	struct virtiofs_env e;
	unsigned long before, used;
	int result = 0;

	if (virtiofs_kind_from_env() == VIRTIOFS_C)
		o.front.request_queues = 1;
	virtiofs_env_start(&e, &f->share[0], &o);
	for (unsigned int q = 0; q < o.front.request_queues; q++) {
		fuse_client_init(&c[q], &e.front, q + 1, 1);
		for (int i = 0; i < 1000 && result == 0; i++)
			result = fuse_getattr(&c[q], FUSE_ROOT_ID, &attr);
	}
	is_reply(result, 0, "it serves");
	/* What it polls after the last request ends soon. */
	procs_sleep_us(1000000);
	before = procs_ticks(e.srv.pid);
	sleep(IDLE_S);
	used = procs_ticks(e.srv.pid) - before;
	tap_ok(used <= TICKS_MOST,
	    "%lu ticks of processor time in %d idle seconds", used, IDLE_S);
	for (unsigned int q = 0; q < o.front.request_queues; q++) {
		is_reply(fuse_getattr(&c[q], FUSE_ROOT_ID, &attr), 0,
		    "queue %u still works", q + 1);
		fuse_client_free(&c[q]);
	}
	tap_is_int(virtiofs_env_stop(&e), 0, "exit status");
}

int
main(void)
{
	return virtiofs_main(body, IDLE_S + 60);
}
