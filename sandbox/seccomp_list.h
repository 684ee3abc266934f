/*
 * SPDX-License-Identifier: ISC
 *
 * The form of the system call lists.  A call is permitted if one of its rows
 * fits; rows of one call are alternatives.  A row with an error refuses the
 * call instead, without harm to the process.  What loads the lists and what
 * prints them read the same rows.
 */
#ifndef SANDBOX_SECCOMP_LIST_H
#define SANDBOX_SECCOMP_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "sandbox/sandbox.h"

#define SECCOMP_ARGS_MAX	3

/* An argument must have `value` in the bits of `mask`. */
struct seccomp_arg {
	unsigned int	index;		/* 0 to 5 */
	uint64_t	mask;		/* 0 ends a row's arguments */
	uint64_t	value;
};

/*
 * An int argument's upper half is whatever the register held: these look at
 * the lower half, as the kernel does.  For a set of flags: none but `known`,
 * and `needed` for certain.
 */
#define SECCOMP_IS(n, number)						\
	{ .index = (n), .mask = UINT32_MAX, .value = (uint32_t)(number) }
#define SECCOMP_FLAGS(n, known)						\
	{ .index = (n), .mask = (uint32_t)~(uint32_t)(known) }
#define SECCOMP_NEEDS(n, known, needed)					\
	{ .index = (n), .mask = (uint32_t)~(uint32_t)(known) |		\
	    (uint32_t)(needed), .value = (uint32_t)(needed) }

enum seccomp_when {
	SECCOMP_ALWAYS,
	SECCOMP_WRITABLE,	/* unless --readonly */
	SECCOMP_READONLY,
	SECCOMP_NO_FCHMODAT2	/* writable, on Linux before 6.6 */
};

enum seccomp_protocol {
	SECCOMP_BOTH,
	SECCOMP_9P_PROXY,
	SECCOMP_VIRTIOFS
};

struct seccomp_row {
	const char		*name;
	int			 number;	/* of a call that the library
						   may not know; else 0 */
	enum seccomp_when	 when;
	enum seccomp_protocol	 protocol;	/* that it is there for */
	int			 error;		/* 0, or the errno that it
						   fails with */
	struct seccomp_arg	 args[SECCOMP_ARGS_MAX];
	const char		*reason;
};

struct seccomp_list {
	const struct seccomp_row	*rows;
	size_t				 n;
};

extern const struct seccomp_list seccomp_list_launcher;
extern const struct seccomp_list seccomp_list_monitor;
extern const struct seccomp_list seccomp_list_worker;
/* For monitor and worker of virtio-fs. */
extern const struct seccomp_list seccomp_list_threads;
/* For all three; empty except in builds with sanitizers. */
extern const struct seccomp_list seccomp_list_sanitizer;

/*
 * Returns the next row that `process` gets, or NULL at the end.  `position`
 * starts at 0.
 */
const struct seccomp_row
	*seccomp_next_row(enum sandbox_process process,
	    const struct sandbox_config *config, size_t *position);

/* Returns the row's system call number here, or -1 if there is none. */
int	seccomp_row_number(const struct seccomp_row *row);

/* Returns how many arguments the row looks at. */
unsigned int
	seccomp_row_nargs(const struct seccomp_row *row);

#endif /* SANDBOX_SECCOMP_LIST_H */
