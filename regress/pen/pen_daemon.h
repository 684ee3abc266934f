/*
 * SPDX-License-Identifier: ISC
 *
 * A real daemon with a fake worker, and what must hold of it in the end.
 * Test code.
 */
#ifndef REGRESS_PEN_PEN_DAEMON_H
#define REGRESS_PEN_PEN_DAEMON_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "regress/lib/fixture.h"
#include "regress/pen/pen_cases.h"
#include "regress/pen/pen_proto.h"

#define PEN_TIMEOUT_MS	120000

/* Programs are built for either protocol. */
#ifdef PEN_VIRTIOFS
#define PEN_PROTOCOL	"virtiofs"
#define PEN_NAMING	PEN_BY_HANDLE
#define PEN_SLOTS	32
#define PEN_LAST_WORDS	0	/* vhost-user has none */
#else
#define PEN_PROTOCOL	"9p-proxy"
#define PEN_NAMING	PEN_BY_PATH
#define PEN_SLOTS	4
#define PEN_LAST_WORDS	(-5)	/* -EIO in 4 bytes */
#endif
#define PEN_ANY		(-1)	/* a status of 0 or 1; any last words */

struct pen_daemon {
	const char	*base;		/* of the fixture */
	const char	*share;
	pid_t		 pid;
	int		 fd;		/* the front-end's end */
	int		 log_fd;
	char		*before;	/* the share, see pen_tree() */
	char		*outside;
};

/* An answer to PEN_RELAY. */
struct pen_result {
	struct monitor_reply	reply;
	uint8_t			data[MONITOR_PAYLOAD_MAX];
	int			fd;	/* -1, or the caller's */
};

/*
 * Makes all of the host but the fixture's own mounts read-only, for this test's
 * mount namespace alone.  A daemon that does get out of its share, because what
 * is tested is broken, runs as root: it must not be able to harm the machine
 * that tests it.  Ends the test if that cannot be had.
 */
void	pen_shield(const struct fixture *f);

/*
 * Makes what is in the share, anew if it is there already.  The first time the
 * canary beside it has to be planted, too.
 */
void	pen_populate(const struct fixture_share *share);

/*
 * Starts a daemon with a fake worker on the first share, and notes what share
 * and outside look like.  `extra` may be NULL.
 */
void	pen_start(struct pen_daemon *d, const struct fixture *f,
	    const char *variant, const char *const *extra);

/* The same on another share. */
void	pen_start_on(struct pen_daemon *d, const struct fixture *f,
	    const struct fixture_share *share, const char *variant,
	    const char *const *extra);

/*
 * The chatty variant listens on a socket: connects to it.  Returns 0 or
 * -errno.
 */
int	pen_connect(struct pen_daemon *d);

/* Commands; these return at once. */
void	pen_send_spoiled(struct pen_daemon *d, uint32_t op, size_t number);
void	pen_send_attack(struct pen_daemon *d, enum pen_attack attack,
	    uint32_t arg);

/* Waits for an answer.  Returns 0 and the value, or -1 at the end. */
int	pen_answer(struct pen_daemon *d, int64_t *value_out);

/* The last two together; INT64_MIN at the end. */
int64_t	pen_attack(struct pen_daemon *d, enum pen_attack attack, uint32_t arg);

/* Has a request passed on.  Returns 0, or -1 at the end. */
int	pen_relay(struct pen_daemon *d, const struct pen_message *message,
	    struct pen_result *result);

/* Reads what comes over the connection, up to the end; as read(2). */
ssize_t	pen_read(struct pen_daemon *d, void *to, size_t len);

/* Waits for a text in the log.  Returns whether it came. */
int	pen_wait_log(const struct pen_daemon *d, const char *text);

/* Whether share or outside is not as it was at the start. */
int	pen_share_changed(const struct pen_daemon *d);
int	pen_outside_changed(const struct pen_daemon *d);

/*
 * Waits for the end and reports one test: the exit status, that `why` is in the
 * log (unless NULL), that no process is left, that nothing outside was changed,
 * nor (if `share_too`) in the share; and the last words (0: none).
 */
void	pen_expect_end(struct pen_daemon *d, int status, const char *why,
	    int share_too, int last_words, const char *name);

/* Disconnects, ends the daemon (status 0 is expected) and reports one test. */
void	pen_expect_alive(struct pen_daemon *d, const char *name);

/* Ends a daemon of which nothing more is asked. */
void	pen_stop(struct pen_daemon *d);

#endif /* REGRESS_PEN_PEN_DAEMON_H */
