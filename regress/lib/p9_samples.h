/* SPDX-License-Identifier: ISC */
/*
 * One good message of every request type, for tests that do the same with
 * all of them. Test code.
 */
#ifndef REGRESS_P9_SAMPLES_H
#define REGRESS_P9_SAMPLES_H

#include "p9_msg.h"

#define P9_SAMPLE_FIRST	P9_OPEN
#define P9_SAMPLE_END	P9_TYPE_END

/*
 * Fills in a well formed request of a type. path is what it is about; where
 * a second name is needed (the new one of T_LINK and T_RENAME, the target of
 * T_SYMLINK) it is other.
 */
void	p9_sample(struct p9_msg *m, uint32_t type, const char *path,
	    const char *other);

/* Does the type change what is shared (T_OPEN of the sample does not)? */
int	p9_sample_writes(uint32_t type);

#endif
