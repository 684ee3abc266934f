/*
 * SPDX-License-Identifier: ISC
 *
 * System call filters, made of the lists in seccomp_*.c.  Runs as the last
 * step of each lock-down, before anything hostile is read.
 */
#include "config.h"

#include "sandbox/sandbox.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "sandbox/seccomp_list.h"

#ifndef __NR_fchmodat2
#define __NR_fchmodat2	452
#endif

static const char *const seccomp_actions[] = {
	[SECCOMP_ACTION_KILL] = "kill",
	[SECCOMP_ACTION_LOG] = "log",
	[SECCOMP_ACTION_TRAP] = "trap",
	[SECCOMP_ACTION_NONE] = "none"
};
#define SECCOMP_ACTIONS	(sizeof(seccomp_actions) / sizeof(seccomp_actions[0]))

#define SECCOMP_LISTS	3	/* of a process, at most */

static const struct seccomp_list *const
    seccomp_lists[SANDBOX_PROCESSES][SECCOMP_LISTS] = {
	[SANDBOX_LAUNCHER] = { &seccomp_list_launcher,
	    &seccomp_list_sanitizer },
	[SANDBOX_MONITOR] = { &seccomp_list_monitor, &seccomp_list_threads,
	    &seccomp_list_sanitizer },
	[SANDBOX_WORKER] = { &seccomp_list_worker, &seccomp_list_threads,
	    &seccomp_list_sanitizer }
};

int
seccomp_action_parse(const char *name)
{
	size_t i;

	for (i = 0; i < SECCOMP_ACTIONS; i++)
		if (strcmp(name, seccomp_actions[i]) == 0)
			return (int)i;
	return -1;
}

const char *
seccomp_action_name(enum seccomp_action action)
{
	return seccomp_actions[action];
}

static bool
seccomp_has_fchmodat2(void)
{
	/* As the monitor asks: forbidden is as good as missing. */
	return syscall(__NR_fchmodat2, -1, "", 0, AT_EMPTY_PATH) == -1 &&
	    errno == EBADF;
}

static bool
seccomp_row_applies(const struct seccomp_row *row,
    const struct sandbox_config *config)
{
	if (row->protocol != SECCOMP_BOTH &&
	    (row->protocol == SECCOMP_VIRTIOFS) != config->virtiofs)
		return false;
	switch (row->when) {
	case SECCOMP_ALWAYS:
		return true;
	case SECCOMP_WRITABLE:
		return !config->readonly;
	case SECCOMP_READONLY:
		return config->readonly;
	case SECCOMP_NO_FCHMODAT2:
		return !config->readonly && !seccomp_has_fchmodat2();
	}
	return false;
}

/* Returns row number `i` of all that a process may have, or NULL. */
static const struct seccomp_row *
seccomp_row_at(enum sandbox_process process, size_t i)
{
	const struct seccomp_list *list;
	size_t n;

	for (n = 0; n < SECCOMP_LISTS; n++) {
		list = seccomp_lists[process][n];
		if (list == NULL)
			break;
		if (i < list->n)
			return &list->rows[i];
		i -= list->n;
	}
	return NULL;
}

const struct seccomp_row *
seccomp_next_row(enum sandbox_process process,
    const struct sandbox_config *config, size_t *position)
{
	const struct seccomp_row *row;

	while ((row = seccomp_row_at(process, *position)) != NULL) {
		(*position)++;
		if (seccomp_row_applies(row, config) &&
		    seccomp_row_number(row) != -1)
			break;
	}
	return row;
}

int
seccomp_row_number(const struct seccomp_row *row)
{
	int number;

	if (row->number != 0)
		return row->number;
	/* Calls that this architecture lacks have negative numbers. */
	number = seccomp_syscall_resolve_name(row->name);
	return number < 0 ? -1 : number;
}

unsigned int
seccomp_row_nargs(const struct seccomp_row *row)
{
	unsigned int n;

	for (n = 0; n < SECCOMP_ARGS_MAX && row->args[n].mask != 0; n++)
		continue;
	return n;
}

static int
seccomp_add_row(scmp_filter_ctx ctx, const struct seccomp_row *row)
{
	struct scmp_arg_cmp cmp[SECCOMP_ARGS_MAX];
	unsigned int i, n = seccomp_row_nargs(row);

	for (i = 0; i < n; i++)
		cmp[i] = SCMP_CMP64(row->args[i].index, SCMP_CMP_MASKED_EQ,
		    row->args[i].mask, row->args[i].value);
	return seccomp_rule_add_array(ctx, row->error == 0 ? SCMP_ACT_ALLOW :
	    SCMP_ACT_ERRNO((uint32_t)row->error), seccomp_row_number(row), n,
	    cmp);
}

static uint32_t
seccomp_default_action(enum seccomp_action action)
{
	switch (action) {
	case SECCOMP_ACTION_LOG:
		return SCMP_ACT_LOG;
	case SECCOMP_ACTION_TRAP:
		return SCMP_ACT_TRAP;
	case SECCOMP_ACTION_KILL:
	case SECCOMP_ACTION_NONE:
		break;
	}
	return SCMP_ACT_KILL_PROCESS;
}

/* Calls by another architecture's entry (i386, x32) would bypass the lists. */
static int
seccomp_set_attributes(scmp_filter_ctx ctx, enum seccomp_action action)
{
	int error;

	error = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_KILL_PROCESS);
	if (error == 0)
		error = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	/* The others are logged anyway, and errors need not be (seccomp(2)). */
	if (error == 0)
		error = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG,
		    action == SECCOMP_ACTION_TRAP);
	/* A binary tree in place of one comparison for each call. */
	if (error == 0)
		error = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return error;
}

int
seccomp_enter(enum sandbox_process process,
    const struct sandbox_config *config)
{
	const struct seccomp_row *row;
	scmp_filter_ctx ctx;
	size_t position = 0;
	int error;

	if (config->seccomp == SECCOMP_ACTION_NONE)
		return 0;
	ctx = seccomp_init(seccomp_default_action(config->seccomp));
	if (ctx == NULL) {
		log_error("sandbox: cannot make a system call filter: the "
		    "kernel has none, or a container forbids it "
		    "(--seccomp=none goes without)");
		return -ENOMEM;
	}
	error = seccomp_set_attributes(ctx, config->seccomp);
	while (error == 0 && (row = seccomp_next_row(process, config,
	    &position)) != NULL) {
		error = seccomp_add_row(ctx, row);
		if (error != 0)
			log_error("sandbox: rule for %s: %s", row->name,
			    strerror(-error));
	}
	if (error == 0)
		error = seccomp_load(ctx);
	seccomp_release(ctx);
	if (error != 0)
		log_error("sandbox: cannot load the system call filter: %s",
		    strerror(-error));
	return error;
}
