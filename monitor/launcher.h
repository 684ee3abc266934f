/*
 * SPDX-License-Identifier: ISC
 *
 * The launcher's life: start both children, drop everything, hand over the
 * front-end's connection, report how it ended.
 */
#ifndef MONITOR_LAUNCHER_H
#define MONITOR_LAUNCHER_H

#include "monitor/options.h"

/*
 * Runs the daemon until it ends.  Returns the exit status: 0 if the front-end
 * disconnected or a signal asked for the end, else 1, logged.
 */
int	launcher_run(struct options *options);

#endif /* MONITOR_LAUNCHER_H */
