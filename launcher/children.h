/*
 * SPDX-License-Identifier: ISC
 *
 * Starting monitor and worker, each with its end of all lanes.
 */
#ifndef LAUNCHER_CHILDREN_H
#define LAUNCHER_CHILDREN_H

#include "common/lane.h"
#include "launcher/options.h"
#include "sandbox/spawn.h"

/*
 * Starts both with what the options say; `share_fd` is an O_PATH descriptor of
 * the shared directory.  Decides as whom the worker runs, in `options`, and
 * without root makes the user namespace.  Stores a view of the lane of
 * 9p-proxy, which launcher/last_words.c needs, or NULL.  Returns 0 or -errno,
 * logged.
 */
int	children_start(struct options *options, int share_fd,
	    struct child *monitor, struct child *worker,
	    const struct lane_shared **watch_out);

#endif /* LAUNCHER_CHILDREN_H */
