/*
 * SPDX-License-Identifier: ISC
 *
 * Opening what exists.
 */
#ifndef MONITOR_OPEN_H
#define MONITOR_OPEN_H

#include "monitor/monitor.h"
#include "monitor/resolve.h"

/*
 * Opens the regular file (or, if `directories`, the directory) that `place`
 * names with `flags` of open(2).  Returns the descriptor, which the caller
 * owns, or -errno: -ELOOP for a symbolic link, -EISDIR, -ENXIO for a device,
 * FIFO or socket, none of which is opened.
 */
int	open_target(const struct monitor *m, struct place *place, int flags,
	    bool directories);

#endif /* MONITOR_OPEN_H */
