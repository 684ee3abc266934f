/*
 * SPDX-License-Identifier: ISC
 *
 * Unit tests of common/log.c.
 */
#include "config.h"

#include "common/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HOUR_MS		3600000

struct sink {
	unsigned int	lines;
	enum log_level	level;
	char		text[LOG_LINE_MAX + 1];
};

static void
take_line(void *arg, enum log_level level, const char *text)
{
	struct sink *sink = arg;

	sink->lines++;
	sink->level = level;
	assert_true(strlen(text) <= LOG_LINE_MAX);
	strcpy(sink->text, text);
}

static void
test_escape(void **state)
{
	static const struct {
		const char	*src;
		size_t		 len;
		size_t		 size;
		const char	*want;
	} cases[] = {
		{ "plain text", 10, 32, "plain text" },
		{ "", 0, 32, "" },
		{ "", 0, 1, "" },
		{ "a\nb", 3, 32, "a\\x0ab" },
		{ "a\0b", 3, 32, "a\\x00b" },
		{ "\\", 1, 32, "\\\\" },
		{ "\x1b[0m", 4, 32, "\\x1b[0m" },
		{ "\x7f\x80\xff", 3, 32, "\\x7f\\x80\\xff" },
		{ "\xc3\xa4", 2, 32, "\\xc3\\xa4" },
		{ "%s%n", 4, 32, "%s%n" },
		/* Exactly fits; one too many; an escape is never cut. */
		{ "12345678", 8, 9, "12345678" },
		{ "123456789", 9, 9, "12345..." },
		{ "1234\n", 5, 9, "1234\\x0a" },
		{ "12345\n", 6, 9, "12345..." },
		{ "1234\n6", 6, 9, "1234..." },
		{ "\n\n\n", 3, 9, "\\x0a..." },
		{ "abcdef", 6, 4, "..." },
		{ "abcdef", 6, 3, ".." },
		{ "abcdef", 6, 1, "" },
	};
	char buf[40];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(buf, '#', sizeof(buf));
		log_escape(buf, cases[i].size, cases[i].src, cases[i].len);
		assert_string_equal(buf, cases[i].want);
		assert_int_equal(buf[cases[i].size], '#');
	}
	log_escape(buf, 0, "x", 1);
}

/* All bytes at all sizes: printable, terminated, within bounds. */
static void
test_escape_any(void **state)
{
	char src[256], buf[1100];

	(void)state;
	for (size_t i = 0; i < sizeof(src); i++)
		src[i] = (char)i;
	for (size_t size = 1; size < sizeof(buf); size++) {
		buf[size] = '#';
		log_escape(buf, size, src, sizeof(src));
		assert_true(strlen(buf) < size);
		assert_int_equal(buf[size], '#');
		for (const char *c = buf; *c != '\0'; c++)
			assert_true(*c >= 0x20 && *c < 0x7f);
	}
}

static void
test_levels(void **state)
{
	static const struct {
		const char	*name;
		int		 level;
	} cases[] = {
		{ "off", LOG_LEVEL_OFF },
		{ "error", LOG_LEVEL_ERROR },
		{ "err", LOG_LEVEL_ERROR },
		{ "warn", LOG_LEVEL_WARN },
		{ "warning", LOG_LEVEL_WARN },
		{ "info", LOG_LEVEL_INFO },
		{ "debug", LOG_LEVEL_DEBUG },
		{ "trace", LOG_LEVEL_TRACE },
		{ "", -1 },
		{ "inf", -1 },
		{ "infos", -1 },
		{ "1", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(log_level_parse(cases[i].name),
		    cases[i].level);
}

static void
test_threshold(void **state)
{
	struct sink sink = { 0 };

	(void)state;
	log_init(LOG_LEVEL_WARN, take_line, &sink);
	assert_int_equal(log_level(), LOG_LEVEL_WARN);
	log_info("not wanted");
	log_debug("not wanted");
	log_msg(LOG_LEVEL_OFF, "never wanted");
	assert_int_equal(sink.lines, 0);
	errno = EXDEV;
	log_warn("%s %d", "wanted", 1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(sink.lines, 1);
	assert_int_equal(sink.level, LOG_LEVEL_WARN);
	assert_string_equal(sink.text, "wanted 1");
	log_error("a\nb\\");
	assert_string_equal(sink.text, "a\\x0ab\\\\");
	log_init(LOG_LEVEL_OFF, take_line, &sink);
	log_error("not wanted");
	assert_int_equal(sink.lines, 2);
}

static void
test_long_line(void **state)
{
	char text[3 * LOG_LINE_MAX];
	struct sink sink = { 0 };

	(void)state;
	log_init(LOG_LEVEL_INFO, take_line, &sink);
	memset(text, 'x', sizeof(text));
	text[LOG_LINE_MAX] = '\0';
	log_info("%s", text);
	assert_string_equal(sink.text, text);
	text[LOG_LINE_MAX] = 'x';
	text[LOG_LINE_MAX + 1] = '\0';
	log_info("%s", text);
	assert_int_equal(strlen(sink.text), LOG_LINE_MAX);
	assert_string_equal(sink.text + LOG_LINE_MAX - 4, "x...");
	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	assert_true(strlen(sink.text) <= LOG_LINE_MAX);
	assert_string_equal(sink.text + strlen(sink.text) - 3, "...");
}

static void
test_limit(void **state)
{
	struct log_limit limit = { .burst = 3, .interval_ms = HOUR_MS };
	struct sink sink = { 0 };

	(void)state;
	log_init(LOG_LEVEL_INFO, take_line, &sink);
	/* What is not wanted costs nothing. */
	log_limited(&limit, LOG_LEVEL_DEBUG, "x");
	assert_int_equal(limit.used, 0);
	for (int i = 0; i < 10; i++)
		log_limited(&limit, LOG_LEVEL_INFO, "line %d", i);
	assert_int_equal(sink.lines, 3);
	assert_string_equal(sink.text, "line 2");
	assert_int_equal(limit.suppressed, 7);

	/* As if two intervals had passed. */
	assert_true(limit.stamp_ms > 0);
	limit.stamp_ms -= 2 * (uint64_t)HOUR_MS;
	for (int i = 10; i < 20; i++)
		log_limited(&limit, LOG_LEVEL_INFO, "line %d", i);
	/* The two, and the one that tells of the seven. */
	assert_int_equal(sink.lines, 3 + 3);
	assert_string_equal(sink.text, "line 11");

	/* After a long time no more than a burst. */
	limit.stamp_ms -= 1000 * (uint64_t)HOUR_MS;
	for (int i = 20; i < 30; i++)
		log_limited(&limit, LOG_LEVEL_INFO, "line %d", i);
	assert_int_equal(sink.lines, 6 + 3 + 1);
	assert_string_equal(sink.text, "line 22");
}

static void
test_limit_tells(void **state)
{
	struct log_limit limit = { .burst = 1, .interval_ms = HOUR_MS,
	    .suppressed = 42 };
	struct sink sink = { 0 };

	(void)state;
	log_init(LOG_LEVEL_INFO, take_line, &sink);
	log_limited(&limit, LOG_LEVEL_WARN, "x\ny");
	assert_int_equal(sink.lines, 2);
	assert_string_equal(sink.text, "x\\x0ay");
	assert_int_equal(limit.suppressed, 0);
}

/* Another process's line: one line of printable text, whatever it sent. */
static void
test_relay(void **state)
{
	char text[LOG_LINE_MAX];
	struct log_limit limit = { .burst = 1, .interval_ms = HOUR_MS };
	struct sink sink = { 0 };

	(void)state;
	log_init(LOG_LEVEL_INFO, take_line, &sink);
	log_relay(NULL, LOG_LEVEL_WARN, "tag", "a\\x0a\nb\0\x80", 9);
	assert_string_equal(sink.text, "tag: a\\x0a?b??");
	assert_int_equal(sink.level, LOG_LEVEL_WARN);
	memset(text, 'x', sizeof(text));
	log_relay(NULL, LOG_LEVEL_WARN, "tag", text, sizeof(text));
	assert_int_equal(strlen(sink.text), LOG_LINE_MAX);
	log_relay(&limit, LOG_LEVEL_DEBUG, "tag", "not wanted", 10);
	log_relay(&limit, LOG_LEVEL_INFO, "tag", "x", 1);
	log_relay(&limit, LOG_LEVEL_INFO, "tag", "x", 1);
	assert_int_equal(sink.lines, 3);
	assert_int_equal(limit.suppressed, 1);
}

/* Must be the first: the state of a process that has not called log_init(). */
static void
test_before_init(void **state)
{
	char buf[64];
	int pipefd[2], saved;
	ssize_t n;

	(void)state;
	assert_int_equal(log_level(), LOG_LEVEL_INFO);
	assert_int_equal(pipe(pipefd), 0);
	fflush(stderr);
	saved = dup(STDERR_FILENO);
	assert_true(saved != -1);
	assert_int_equal(dup2(pipefd[1], STDERR_FILENO), STDERR_FILENO);
	log_debug("not wanted");
	log_error("a\tb");
	fflush(stderr);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	close(saved);
	close(pipefd[1]);
	n = read(pipefd[0], buf, sizeof(buf) - 1);
	close(pipefd[0]);
	assert_true(n > 0);
	buf[n] = '\0';
	assert_string_equal(buf, "privfsd: error: a\\x09b\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before_init),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_any),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_threshold),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_tells),
		cmocka_unit_test(test_relay),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
