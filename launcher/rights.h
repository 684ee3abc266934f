/*
 * SPDX-License-Identifier: ISC
 *
 * With which ids and capabilities the daemon runs: what was asked for, and what
 * there is.
 */
#ifndef LAUNCHER_RIGHTS_H
#define LAUNCHER_RIGHTS_H

#include "launcher/options.h"

/*
 * Without root, makes the user namespace.  Decides as whom the worker runs and
 * what the monitor goes without, in `options`, and sees to it that nothing is
 * missing which the start cannot do without.  What is weaker than it could be
 * is told by sandbox_warn().  Returns 0 or -errno, logged.
 */
int	rights_settle(struct options *options);

#endif /* LAUNCHER_RIGHTS_H */
