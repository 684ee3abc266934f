/* SPDX-License-Identifier: ISC */
/*
 * Reads --print-sandbox=json, only as that prints it, and works filters
 * through.  Test code.
 */
#include "config.h"

#include "regress/pen/pen_lists.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/server.h"
#include "regress/lib/tap.h"

const char *
process_name(enum process process)
{
	static const char *const names[PROCESSES] = { "launcher", "monitor",
	    "worker" };

	return names[process];
}

static bool
row_fits(const struct row *row, const uint64_t args[6])
{
	unsigned int i;

	for (i = 0; i < row->nrules; i++)
		if ((args[row->rules[i].index] & row->rules[i].mask) !=
		    row->rules[i].value)
			return false;
	return true;
}

static const struct row *
list_fitting(const struct list *list, unsigned int number,
    const uint64_t args[6])
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->rows[i].number == number &&
		    row_fits(&list->rows[i], args))
			return &list->rows[i];
	return NULL;
}

bool
list_permits(const struct list *list, unsigned int number,
    const uint64_t args[6])
{
	return list_fitting(list, number, args) != NULL;
}

uint32_t
list_action(const struct list *list, unsigned int number,
    const uint64_t args[6])
{
	const struct row *row = list_fitting(list, number, args);

	if (row == NULL)
		return SECCOMP_RET_KILL_PROCESS;
	return row->error == 0 ? SECCOMP_RET_ALLOW :
	    SECCOMP_RET_ERRNO | (uint32_t)row->error;
}

/* Reads one row that begins at `text`; returns what follows it. */
static const char *
parse_row(const char *text, struct row *row)
{
	const char *end, *args;
	int used;

	if (sscanf(text, "{ \"name\": \"%31[a-z0-9_]\", \"number\": %u, "
	    "\"args\": [%n", row->name, &row->number, &used) != 2)
		tap_bail("--print-sandbox=json: no row at: %.80s", text);
	args = text + used;
	end = strchr(args, ']');
	if (end == NULL)
		tap_bail("--print-sandbox=json: a row does not end");
	row->nrules = 0;
	while ((args = strstr(args, "{ \"index\": ")) != NULL && args < end) {
		struct rule *rule = &row->rules[row->nrules];

		if (row->nrules++ == LIST_RULES_MAX || sscanf(args,
		    "{ \"index\": %u, \"mask\": \"%lx\", \"value\": \"%lx\" }",
		    &rule->index, &rule->mask, &rule->value) != 3 ||
		    rule->index > 5)
			tap_bail("--print-sandbox=json: rule: %.80s", args);
		args++;
	}
	row->error = 0;
	sscanf(end, "], \"errno\": %d", &row->error);
	return end;
}

static void
parse_list(const char *text, enum process process, struct list *list)
{
	const char *end;
	char key[32];

	snprintf(key, sizeof(key), "{ \"name\": \"%s\",",
	    process_name(process));
	text = strstr(text, key);
	if (text != NULL)
		text = strstr(text, "\"allowed\": [");
	end = text == NULL ? NULL : strstr(text, " ] }\n");
	if (end == NULL)
		tap_bail("--print-sandbox=json says nothing of the %s",
		    process_name(process));
	while ((text = strstr(text, "{ \"name\": ")) != NULL && text < end) {
		if (list->n == LIST_ROWS_MAX)
			tap_bail("too many rows");
		text = parse_row(text, &list->rows[list->n++]);
	}
}

void
lists_read(struct list lists[PROCESSES], const char *protocol)
{
	const char *argv[] = { server_program(SERVER_PRIVFSD), "--protocol",
	    protocol, "--print-sandbox=json", NULL };
	enum process process;
	const char *text;
	int log_fd;
	pid_t pid;

	pid = server_spawn(argv, -1, -1, &log_fd);
	if (server_wait(pid, SERVER_TIMEOUT_MS) != 0)
		tap_bail("privfsd --print-sandbox=json fails");
	text = server_log_text(log_fd);
	close(log_fd);
	for (process = 0; process < PROCESSES; process++) {
		parse_list(text, process, &lists[process]);
		tap_ok(lists[process].n > 5, "%s: %zu rows are printed",
		    process_name(process), lists[process].n);
	}
}

const struct row *
list_find(const struct list *list, unsigned int number)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->rows[i].number == number)
			return &list->rows[i];
	return NULL;
}

const struct row *
list_find_name(const struct list *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (strcmp(list->rows[i].name, name) == 0)
			return &list->rows[i];
	return NULL;
}

void
row_fill_args(const struct row *row, uint64_t args[6])
{
	unsigned int i;

	for (i = 0; i < 6; i++)
		args[i] = UINT64_MAX;
	for (i = 0; row != NULL && i < row->nrules; i++)
		args[row->rules[i].index] = row->rules[i].value |
		    (~row->rules[i].mask & 0xffffffff00000000);
}

static uint32_t
load_word(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;

	if (offset > sizeof(*data) - sizeof(word))
		tap_bail("a filter reads beyond its data");
	memcpy(&word, (const char *)data + offset, sizeof(word));
	return word;
}

static bool
jump_taken(uint16_t op, uint32_t a, uint32_t k)
{
	switch (op) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	case BPF_JSET:
		return (a & k) != 0;
	default:
		tap_bail("a filter has jumps of kind %#x", op);
	}
}

/* Classic BPF (linux/filter.h), as much of it as filters use. */
uint32_t
filter_run(const struct sock_filter *filter, size_t len,
    const struct seccomp_data *data)
{
	const struct sock_filter *insn;
	uint32_t a = 0;
	size_t pc;

	for (pc = 0; pc < len; pc++) {
		insn = &filter[pc];
		if (insn->code == (BPF_LD | BPF_W | BPF_ABS))
			a = load_word(data, insn->k);
		else if (insn->code == (BPF_ALU | BPF_AND | BPF_K))
			a &= insn->k;
		else if (insn->code == (BPF_JMP | BPF_JA))
			pc += insn->k;
		else if (BPF_CLASS(insn->code) == BPF_JMP)
			pc += jump_taken(BPF_OP(insn->code), a, insn->k) ?
			    insn->jt : insn->jf;
		else if (insn->code == (BPF_RET | BPF_K))
			return insn->k;
		else
			tap_bail("a filter has instructions of kind %#x",
			    insn->code);
	}
	tap_bail("a filter does not end");
}
