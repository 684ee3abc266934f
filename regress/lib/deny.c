/*
 * SPDX-License-Identifier: ISC
 *
 * deny ERRNO NUMBER... -- PROGRAM [ARGUMENT...]: runs a program that gets that
 * errno for those system calls, as on an older kernel (ENOSYS) or below a
 * container's filter (EPERM).  Test code.
 */
#include "config.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
usage(void)
{
	fputs("usage: deny ENOSYS|EPERM number ... -- program ...\n", stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	uint32_t action;
	int i;

	if (ctx == NULL || argc < 4)
		return usage();
	action = strcmp(argv[1], "EPERM") == 0 ? SCMP_ACT_ERRNO(EPERM) :
	    SCMP_ACT_ERRNO(ENOSYS);
	for (i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (seccomp_rule_add(ctx, action, atoi(argv[i]), 0) != 0)
			return usage();
	if (i + 1 >= argc || seccomp_load(ctx) != 0)
		return usage();
	seccomp_release(ctx);
	execv(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 127;
}
