/*
 * SPDX-License-Identifier: ISC
 *
 * The system calls by which threads wait for each other, in monitor and worker
 * of virtio-fs.  Those of the monitor have begun before its filter is on; how
 * the worker's begin is in its own list.
 */
#include "config.h"

#include "sandbox/seccomp_list.h"

#include <linux/futex.h>

static const struct seccomp_row rows[] = {
	/* Of several processes or not: the join of a thread is not private. */
	{ .name = "futex", .protocol = SECCOMP_VIRTIOFS, .args = {
	    SECCOMP_FLAGS(1, FUTEX_WAKE | FUTEX_PRIVATE_FLAG) },
	    .reason = "locks between threads" },
	{ .name = "futex", .protocol = SECCOMP_VIRTIOFS, .args = {
	    SECCOMP_NEEDS(1, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG |
		FUTEX_CLOCK_REALTIME, FUTEX_WAIT_BITSET) },
	    .reason = "wait for another thread, or for its end" }
};

const struct seccomp_list seccomp_list_threads = {
	rows, sizeof(rows) / sizeof(rows[0])
};
