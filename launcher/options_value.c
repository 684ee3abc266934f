/*
 * SPDX-License-Identifier: ISC
 *
 * What an option's value means, and what is said of one that means nothing.
 * Runs with the administrator's rights on the administrator's words.
 */
#include "config.h"

#include "launcher/options_table.h"

#include <sys/resource.h>

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S	UINT64_C(1000000000)
#define SECONDS_MAX	UINT32_MAX

static const char *options_program;

void
options_set_program(const char *path)
{
	const char *slash = strrchr(path, '/');

	options_program = slash == NULL ? path : slash + 1;
}

unsigned int
options_name(void)
{
	if (strcmp(options_program, HELPER_NAME) == 0)
		return NAME_HELPER;
	return strcmp(options_program, VIRTIOFSD_NAME) == 0 ? NAME_VIRTIOFSD :
	    NAME_PRIVFSD;
}

int
options_wrong(const char *fmt, ...)
{
	char line[LOG_LINE_MAX], escaped[LOG_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_escape(escaped, sizeof(escaped), line, strlen(line));
	fprintf(stderr, "%s%s: %s\n", log_stderr_priority(LOG_LEVEL_ERROR),
	    options_program, escaped);
	return 2;
}

/*
 * The functions below return 0 or, having said what is wrong, 2.
 */

static int
options_number(const char *label, const char *value, long min, long max,
    long *out)
{
	char *end;

	errno = 0;
	*out = strtol(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 ||
	    *out < min || *out > max)
		return options_wrong("%s: \"%s\" is not a number from %ld "
		    "to %ld", label, value, min, max);
	return 0;
}

static int
options_nofile(const struct options_row *row, const char *label,
    const char *value, long *out)
{
	struct rlimit limit;

	if (strcmp(value, "0") != 0)
		return options_number(label, value, row->min, row->max, out);
	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return options_wrong("%s: %s", label, strerror(errno));
	*out = limit.rlim_cur > INT_MAX ? INT_MAX : (long)limit.rlim_cur;
	return 0;
}

/* Digits, and more of them behind a point. */
static int
options_seconds(const char *label, const char *value, uint64_t *ns_out)
{
	uint64_t seconds = 0, ns = 0, unit = NS_PER_S;
	const char *p = value;

	while (*p >= '0' && *p <= '9' && seconds <= SECONDS_MAX)
		seconds = 10 * seconds + (uint64_t)(*p++ - '0');
	if (p != value && *p == '.' && p[1] != '\0')
		for (p++; *p >= '0' && *p <= '9'; p++) {
			unit /= 10;
			ns += unit * (uint64_t)(*p - '0');
		}
	if (p == value || *p != '\0' || seconds > SECONDS_MAX)
		return options_wrong("%s: \"%s\" is not a number of seconds "
		    "like 1 or 0.25, up to %u", label, value, SECONDS_MAX);
	*ns_out = seconds * NS_PER_S + ns;
	return 0;
}

static int
options_id(const struct options_row *row, const char *label,
    const char *value, uint32_t *out)
{
	const struct passwd *pw = row->kind == KIND_USER ?
	    getpwnam(value) : NULL;
	const struct group *gr = row->kind == KIND_GROUP ?
	    getgrnam(value) : NULL;
	long number = 0;
	int status;

	if (pw != NULL || gr != NULL)
		*out = pw != NULL ? pw->pw_uid : gr->gr_gid;
	if (pw != NULL || gr != NULL)
		return 0;
	if (value[0] < '0' || value[0] > '9')
		return options_wrong("%s: no such %s: \"%s\": give a name "
		    "that the system knows, or a number", label,
		    row->kind == KIND_USER ? "user" : "group", value);
	status = options_number(label, value, 0, (long)UINT32_MAX - 1,
	    &number);
	*out = (uint32_t)number;
	return status;
}

static int
options_caps(const char *label, const char *value, struct caps_set *set)
{
	const char *bad;
	size_t bad_len;

	if (caps_modify(set, value, &bad, &bad_len) == 0)
		return 0;
	return options_wrong("%s: \"%.*s\" is not a capability with + or - "
	    "before it, as in +mknod:-dac_override", label, (int)bad_len,
	    bad);
}

static int
options_string(const struct options_row *row, const char *label,
    const char *value, const char **out)
{
	if (value[0] == '\0')
		return options_wrong("%s: the value is empty", label);
	if (row->max != 0 && strlen(value) > (size_t)row->max)
		return options_wrong("%s: \"%s\" is too long: at most %ld "
		    "bytes", label, value, row->max);
	*out = value;
	return 0;
}

/* Each adds to those before it. */
static int
options_map(const char *label, const char *value, struct namespace_map *map)
{
	const char *wrong = namespace_map_add(map, value);

	if (wrong != NULL)
		return options_wrong("%s: \"%s\" %s", label, value, wrong);
	return 0;
}

static int
options_word(const struct options_row *row, const char *label,
    const char *value, void *field)
{
	int word = row->parse(value);

	if (word < 0)
		return options_wrong("%s: unknown word \"%s\": it can be %s",
		    label, value, row->help);
	memcpy(field, &word, sizeof(word));
	return 0;
}

static int
options_later(const struct options_row *row, const char *label,
    const char *value)
{
	if (row->parse != NULL && row->parse(value) >= 0)
		return 0;
	return options_wrong("not supported yet by this version: %s%s%s",
	    label, value == NULL ? "" : "=", value == NULL ? "" : value);
}

/* vhost-user.json of QEMU's documentation, VHostUserBackendCapabilities. */
static int
options_capabilities(void)
{
	puts("{\n  \"type\": \"fs\",\n  \"features\": [\n"
	    "    \"separate-options\"\n  ]\n}");
	return OPTIONS_DONE;
}

int
options_take(struct options *options, const struct options_row *row,
    const char *label, const char *value)
{
	void *field = (char *)options + row->offset;

	switch (row->kind) {
	case KIND_FLAG:
	case KIND_CLEAR:
		*(bool *)field = row->kind == KIND_FLAG;
		return 0;
	case KIND_CONSTANT:
		*(int *)field = (int)row->min;
		return 0;
	case KIND_STRING:
		return options_string(row, label, value, field);
	case KIND_NUMBER:
		return options_number(label, value, row->min, row->max, field);
	case KIND_NOFILE:
		return options_nofile(row, label, value, field);
	case KIND_SECONDS:
		return options_seconds(label, value, field);
	case KIND_WORD:
		return options_word(row, label, value, field);
	case KIND_USER:
	case KIND_GROUP:
		return options_id(row, label, value, field);
	case KIND_MAP:
		return options_map(label, value, field);
	case KIND_CAPS:
		return options_caps(label, value, field);
	case KIND_IGNORED:
		return 0;
	case KIND_LATER:
		return options_later(row, label, value);
	case KIND_CAPABILITIES:
		return options_capabilities();
	case KIND_HELP:
		options_help();
		return OPTIONS_DONE;
	case KIND_VERSION:
		puts(PACKAGE_STRING);
		return OPTIONS_DONE;
	case KIND_LIST:
		break;
	}
	return 2;
}
