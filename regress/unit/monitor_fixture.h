/*
 * SPDX-License-Identifier: ISC
 *
 * A monitor without its process and its sandbox, on a temporary directory:
 * requests are handed to dispatch_request() as if a lane had brought them.
 * Test code.
 */
#ifndef REGRESS_UNIT_MONITOR_FIXTURE_H
#define REGRESS_UNIT_MONITOR_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/dispatch.h"
#include "regress/pen/pen_cases.h"

struct monitor_fixture {
	struct monitor	m;
	struct op	op;
	uint8_t		data[MONITOR_PAYLOAD_MAX];	/* of the reply */
	char		base[64];
	int		base_fd;	/* beside the share */
	int		share_fd;
	char		*before;	/* see fixture_note() */
};

/*
 * Makes the share (see fixture_populate() for what is in it) in $TMPDIR, or in
 * /tmp, a directory "outside" beside it, and the monitor; the working directory
 * is /proc/self/fd then, as in the monitor.  Returns 0 or -errno.
 */
int	fixture_open(struct monitor_fixture *f, unsigned int naming,
	    uint32_t handles);
void	fixture_close(struct monitor_fixture *f);

/* Makes the share's content anew, and all handles but the root's void. */
int	fixture_populate(struct monitor_fixture *f);

/*
 * Runs one request.  Returns what dispatch_request() does: NULL if there is a
 * reply.  A descriptor of an earlier reply is closed.
 */
const char
	*fixture_run(struct monitor_fixture *f,
	    const struct pen_message *message);

/*
 * Notes what "share" or "outside" looks like (see pen_tree()), and says whether
 * it looks different by now.
 */
void	fixture_note(struct monitor_fixture *f, const char *dir);
bool	fixture_changed(const struct monitor_fixture *f, const char *dir);

/* How many descriptors this process has open. */
int	fixture_count_fds(void);

#endif /* REGRESS_UNIT_MONITOR_FIXTURE_H */
