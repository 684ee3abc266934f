/* SPDX-License-Identifier: ISC */
/*
 * One live daemon, all three of its processes (of several threads the first)
 * stopped by ptrace(2), and system calls that they are made to make.  Test
 * code; needs root and x86-64.
 */
#ifndef REGRESS_PEN_TRACEE_H
#define REGRESS_PEN_TRACEE_H

#include <sys/types.h>
#include <sys/user.h>

#include <stdbool.h>
#include <stdint.h>

#include "regress/pen/pen_lists.h"

struct tracee {
	pid_t			pid;		/* -1 once it was waited for */
	bool			spent;		/* it is dying, or unfit */
	uint64_t		syscall_at;	/* an instruction to make one */
	struct user_regs_struct	regs;
};

enum outcome {
	RETURNED,		/* from the call, with an errno or a value */
	ENDED,			/* by it: exit_group and its like */
	KILLED,			/* SIGSYS */
	FAULTED,		/* SIGSEGV, SIGILL */
	OTHER			/* another signal, or no end within the bound */
};

/*
 * Before the first daemon: `dir` is what is shared; by virtio-fs, or by
 * 9p-proxy.
 */
void	tracee_begin(const char *dir, bool virtiofs);

/*
 * Returns that process of the daemon that is there, or of a new one if one of
 * its processes is spent.
 */
struct tracee	*tracee_need(enum process process);

/* The same without starting one: for a second process of the same daemon. */
struct tracee	*tracee_get(enum process process);

/* Makes a call, twice if it returns. */
enum outcome	tracee_call(struct tracee *t, unsigned int number,
		    const uint64_t args[6]);

/* The same by the i386 entry, which leaves the process spent. */
enum outcome	tracee_call_i386(struct tracee *t, unsigned int number);

/* Ends the daemon, if there is one. */
void	tracee_end(void);

/* How many daemons there were. */
unsigned int
	tracee_daemons(void);

#endif
