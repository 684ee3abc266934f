/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of worker/p9_path.c.
 */
#include "config.h"

#include "worker/p9_path.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MAX	70000

static int
split(struct p9_path *path, const char *text)
{
	return p9_path_split(path, (const uint8_t *)text, strlen(text));
}

/* "directory part|name" */
static const char *
spell(const struct monitor_where *where, char *buf, size_t size)
{
	snprintf(buf, size, "%.*s|%.*s", (int)where->path_len, where->path,
	    (int)where->name_len, where->name);
	return buf;
}

static void
test_split(void **state)
{
	static const struct {
		const char		*text;
		enum p9_path_last	 last;
		const char		*entry;		/* NULL: has none */
		const char		*existing;
	} cases[] = {
		{ "/", P9_LAST_ROOT, NULL, "|" },
		{ "///", P9_LAST_ROOT, NULL, "|" },
		{ "/.", P9_LAST_DOT, NULL, "|" },
		{ "./.", P9_LAST_DOT, NULL, "|" },
		{ "/..", P9_LAST_DOTDOT, NULL, "..|" },
		{ "..", P9_LAST_DOTDOT, NULL, "..|" },
		{ "/a", P9_LAST_NAME, "|a", "|a" },
		{ "//a", P9_LAST_NAME, "|a", "|a" },
		{ "a", P9_LAST_NAME, "|a", "|a" },
		{ "./a", P9_LAST_NAME, "|a", "|a" },
		{ "//a/b", P9_LAST_NAME, "a|b", "a|b" },
		{ "///a///b", P9_LAST_NAME, "a|b", "a|b" },
		{ "/a/./b", P9_LAST_NAME, "a|b", "a|b" },
		{ "/a/b/c", P9_LAST_NAME, "a/b|c", "a/b|c" },
		{ "/a/../b", P9_LAST_NAME, "a/..|b", "a/..|b" },
		{ "/../b", P9_LAST_NAME, "..|b", "..|b" },
		{ "/a/..", P9_LAST_DOTDOT, NULL, "a/..|" },
		{ "/a/../", P9_LAST_DOTDOT, NULL, "a/..|" },
		{ "/a/../.", P9_LAST_DOT, NULL, "a/..|" },
		{ "/a/.", P9_LAST_DOT, NULL, "a|" },
		{ "/a/./", P9_LAST_DOT, NULL, "a|" },
		{ "/a/", P9_LAST_SLASH, "|a", "a|" },
		{ "/a//", P9_LAST_SLASH, "|a", "a|" },
		{ "/a/b/", P9_LAST_SLASH, "a|b", "a/b|" },
		{ "/...", P9_LAST_NAME, "|...", "|..." },
		{ "/.a/..b", P9_LAST_NAME, ".a|..b", ".a|..b" },
		{ "/a b\n/\xff\xfe", P9_LAST_NAME, "a b\n|\xff\xfe",
		    "a b\n|\xff\xfe" },
	};
	struct monitor_where where;
	struct p9_path path;
	char buf[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(split(&path, cases[i].text), 0);
		assert_int_equal(path.last, cases[i].last);
		p9_path_existing(&path, &where);
		assert_true(where.handle == MONITOR_ROOT_HANDLE);
		assert_string_equal(spell(&where, buf, sizeof(buf)),
		    cases[i].existing);
		p9_path_entry(&path, &where);
		if (cases[i].entry == NULL)
			assert_int_equal(where.name_len, 0);
		else
			assert_string_equal(spell(&where, buf, sizeof(buf)),
			    cases[i].entry);
	}
}

static void
test_empty(void **state)
{
	struct p9_path path;

	(void)state;
	assert_int_equal(split(&path, ""), -ENOENT);
}

static void
test_component_length(void **state)
{
	char text[300] = "/d/";
	struct p9_path path;

	(void)state;
	memset(text + 3, 'n', MONITOR_NAME_MAX);
	assert_int_equal(split(&path, text), 0);
	assert_int_equal(path.name_len, MONITOR_NAME_MAX);
	text[3 + MONITOR_NAME_MAX] = 'n';
	assert_int_equal(split(&path, text), -ENAMETOOLONG);
	/* Not only the last one. */
	strcat(text, "/x");
	assert_int_equal(split(&path, text), -ENAMETOOLONG);
}

/* Fills `text` with "a/a/a..." of `len` bytes, which ends in a name. */
static void
make_long(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text[i] = i % 2 == 0 ? 'a' : '/';
	if (len % 2 == 0)
		text[len - 1] = 'a';
	text[len] = '\0';
}

static void
test_path_length(void **state)
{
	static char text[TEXT_MAX];
	struct monitor_where where;
	struct p9_path path;

	(void)state;
	make_long(text, MONITOR_PATH_MAX);
	assert_int_equal(split(&path, text), 0);
	p9_path_entry(&path, &where);
	assert_int_equal(where.path_len + 1 + where.name_len,
	    MONITOR_PATH_MAX);
	make_long(text, MONITOR_PATH_MAX + 1);
	assert_int_equal(split(&path, text), -ENAMETOOLONG);
	make_long(text, 65534);
	assert_int_equal(split(&path, text), -ENAMETOOLONG);
}

/* What is dropped counts for the whole's length alone, as in the kernel. */
static void
test_slashes_and_dots(void **state)
{
	static char text[TEXT_MAX];
	struct monitor_where where;
	struct p9_path path;
	char buf[16];

	(void)state;
	memset(text, '/', MONITOR_PATH_MAX);
	for (size_t i = 1; i < MONITOR_PATH_MAX; i += 2)
		text[i] = '.';
	strcpy(text + MONITOR_PATH_MAX - 2, "/a");
	assert_int_equal(split(&path, text), 0);
	p9_path_entry(&path, &where);
	assert_string_equal(spell(&where, buf, sizeof(buf)), "|a");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_component_length),
		cmocka_unit_test(test_path_length),
		cmocka_unit_test(test_slashes_and_dots),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
