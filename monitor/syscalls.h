/*
 * SPDX-License-Identifier: ISC
 *
 * System calls newer than the C library's headers may be.  These numbers are
 * the same on all architectures.
 */
#ifndef MONITOR_SYSCALLS_H
#define MONITOR_SYSCALLS_H

#include <sys/syscall.h>

#ifndef SYS_fchmodat2		/* Linux 6.6 */
#define SYS_fchmodat2		452
#endif
#ifndef SYS_setxattrat		/* Linux 6.13 */
#define SYS_setxattrat		463
#define SYS_getxattrat		464
#define SYS_listxattrat		465
#define SYS_removexattrat	466
#endif

#endif /* MONITOR_SYSCALLS_H */
