/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: a daemon whose guest does nothing for longer than any start-up
 * time limit. It goes on serving afterwards, and it has used no processor
 * time meanwhile: nothing polls for ever. Takes 65 seconds.
 */
#include <unistd.h>

#include "p9_suite.h"
#include "procs.h"

#define IDLE_S		65
/* Clock ticks of all processes together; one is 10 ms as a rule. */
#define TICKS_MOST	5

static void
body(struct fixture *f)
{
	struct p9_env e = { .share = &f->share[0], .test = "" };
	struct server_options o = { .kind = server_kind_from_env(),
	    .share = e.share->dir };
	struct p9_stat st;
	unsigned long before;
	int error = 0;

	p9_env_start(&e, &o);
	for (int i = 0; i < 1000 && error == 0; i++)
		error = p9_lstat(&e.c, "/", &st);
	is_result(error, 0, "it serves");
	/* What it polls after the last request ends soon. */
	procs_sleep_us(1000000);
	before = procs_ticks(e.srv.pid);
	sleep(IDLE_S);
	tap_ok(procs_ticks(e.srv.pid) - before <= TICKS_MOST,
	    "%lu ticks of processor time in %d idle seconds",
	    procs_ticks(e.srv.pid) - before, IDLE_S);
	if (!is_result(p9_lstat(&e.c, "/", &st), 0, "it still serves"))
		tap_diag("%s", server_log_text(e.srv.log_fd));
	tap_is_int(p9_env_stop(&e), 0, "exit status");
}

int
main(void)
{
	return fixture_main(body, IDLE_S + 60);
}
