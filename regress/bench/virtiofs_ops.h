/* SPDX-License-Identifier: ISC */
/*
 * The operations that the virtio-fs bench measures. Bench code.
 */
#ifndef REGRESS_VIRTIOFS_OPS_H
#define REGRESS_VIRTIOFS_OPS_H

#include <stddef.h>

#include "virtiofs_load.h"

#define OPS_MAX	32

/* All of them; *count says how many. */
const struct load_op	*ops_table(size_t *count);

/* Makes on the host what they need in a share. */
void	ops_prepare_share(const char *dir);

#endif
