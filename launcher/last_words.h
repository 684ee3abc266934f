/*
 * SPDX-License-Identifier: ISC
 *
 * What the front-end is told when the daemon cannot go on.
 */
#ifndef LAUNCHER_LAST_WORDS_H
#define LAUNCHER_LAST_WORDS_H

#include <stdbool.h>

#include "common/lane.h"

/*
 * Ends the front-end's connection, which it closes.  If `unfinished`, it first
 * sends the answer that is owed according to `watch`, and one more for a
 * request that may be on its way.  The worker must be dead.  Does not block.
 */
void	last_words(int connection, const struct lane_shared *watch,
	    bool unfinished);

#endif /* LAUNCHER_LAST_WORDS_H */
