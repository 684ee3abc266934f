/* SPDX-License-Identifier: ISC */
/*
 * What --print-sandbox=json says of system calls, and filters as the kernel
 * has them.  Test code.
 */
#ifndef REGRESS_PEN_LISTS_H
#define REGRESS_PEN_LISTS_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIST_ROWS_MAX	256
#define LIST_RULES_MAX	3

enum process { LAUNCHER, MONITOR, WORKER, PROCESSES };

/* An argument must have `value` in the bits of `mask`. */
struct rule {
	unsigned int	index;
	uint64_t	mask;
	uint64_t	value;
};

struct row {
	char		name[32];
	unsigned int	number;
	struct rule	rules[LIST_RULES_MAX];
	unsigned int	nrules;
	int		error;		/* that it fails with, or 0 */
};

struct list {
	struct row	rows[LIST_ROWS_MAX];
	size_t		n;
};

const char	*process_name(enum process process);

/*
 * Fills the lists of all processes, as `protocol` (a word of --protocol) has
 * them; ends the test if it cannot.
 */
void	lists_read(struct list lists[PROCESSES], const char *protocol);

/* Whether it does not end the process: it may be a row with an error. */
bool	list_permits(const struct list *list, unsigned int number,
	    const uint64_t args[6]);

/* Returns the action of a filter with that list (linux/seccomp.h). */
uint32_t
	list_action(const struct list *list, unsigned int number,
	    const uint64_t args[6]);

/* The first row of that number or name, or NULL. */
const struct row
	*list_find(const struct list *list, unsigned int number);
const struct row
	*list_find_name(const struct list *list, const char *name);

/*
 * Arguments that do no harm: no such descriptor, no such memory.  Where `row`
 * (or NULL) looks at one, what it wants, with all bits set that it does not
 * look at in the upper half, which the kernel ignores in an int.
 */
void	row_fill_args(const struct row *row, uint64_t args[6]);

/* Runs a filter of `len` instructions; returns its action. */
uint32_t
	filter_run(const struct sock_filter *filter, size_t len,
	    const struct seccomp_data *data);

#endif
