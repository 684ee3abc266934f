/*
 * SPDX-License-Identifier: ISC
 *
 * The launcher's life: start both children, drop everything, hand over the
 * front-end's connection, report how it ended.
 */
#ifndef LAUNCHER_LAUNCHER_H
#define LAUNCHER_LAUNCHER_H

#include "launcher/options.h"

/*
 * Runs the daemon until it ends.  Returns the exit status: 0 if the front-end
 * disconnected or a signal asked for the end, else 1, logged.
 */
int	launcher_run(struct options *options);

#endif /* LAUNCHER_LAUNCHER_H */
