/*
 * SPDX-License-Identifier: ISC
 *
 * Whose word counts for a file: this kernel's, or a server's.
 */
#ifndef COMMON_FS_LOCAL_H
#define COMMON_FS_LOCAL_H

#include <stdbool.h>

/*
 * Returns whether what `fd`, which may be O_PATH, is open on lies on a file
 * system that this kernel alone decides about: permission needs no one else's
 * word, and no call waits for another machine or process.  (An overlay's layers
 * may lie elsewhere; it reaches them with the rights of who mounted it.)  False
 * for what is not known, also if fstatfs(2) fails.
 */
bool	fs_local(int fd);

#endif /* COMMON_FS_LOCAL_H */
