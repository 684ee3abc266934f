/* SPDX-License-Identifier: ISC */
/*
 * A small producer of TAP (Test Anything Protocol) lines on stdout.
 * Test code only; not thread safe.
 */
#ifndef REGRESS_TAP_H
#define REGRESS_TAP_H

#include <stddef.h>

/* Text put before every following test name, "" for none. */
void	tap_context(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2)));

/* Each reports one test and returns whether it passed. */
int	tap_ok(int passed, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
int	tap_is_int(long long got, long long want, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
int	tap_is_oct(unsigned long long got, unsigned long long want,
	    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int	tap_is_str(const char *got, const char *want, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
int	tap_is_mem(const void *got, size_t got_len, const void *want,
	    size_t want_len, const char *fmt, ...)
	    __attribute__((format(printf, 5, 6)));

/* Reports one test that cannot run here. */
void	tap_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	tap_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The whole program cannot run here: prints the plan and exits 0. */
void	tap_skip_all(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));
/* The test itself is broken or the machine fails: exits 255. */
void	tap_bail(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));

/* How many tests have failed so far. */
unsigned int	tap_failures(void);

/* Prints the plan; returns the exit status of the program. */
int	tap_done_testing(void);

#endif
