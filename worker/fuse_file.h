/*
 * SPDX-License-Identifier: ISC
 *
 * Open files, as more than one kind of FUSE operation needs them.
 */
#ifndef WORKER_FUSE_FILE_H
#define WORKER_FUSE_FILE_H

#include <stdbool.h>

#include "worker/file.h"

/*
 * Returns whether the file lies on a file system of this host, where fstat(2)
 * does not wait for another machine, and close(2) tells no one.
 */
bool	fuse_file_local(struct file *file);

#endif /* WORKER_FUSE_FILE_H */
