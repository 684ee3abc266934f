/* SPDX-License-Identifier: ISC */
/*
 * TAP on stdout. Test code; what it prints of a server's answers is escaped,
 * because a newline in it would be read as another result.
 */
#include "tap.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char context[128];
static unsigned int tests_run;
static unsigned int tests_failed;

static void
tap_put(const void *text, size_t len)
{
	const unsigned char *p = text;

	for (size_t i = 0; i < len; i++) {
		if (isprint(p[i]) && p[i] != '#' && p[i] != '\\')
			putchar(p[i]);
		else
			printf("\\x%02x", p[i]);
	}
}

static void __attribute__((format(printf, 2, 0)))
tap_result(int passed, const char *fmt, va_list ap)
{
	char name[512];

	vsnprintf(name, sizeof(name), fmt, ap);
	tests_run++;
	if (!passed)
		tests_failed++;
	printf("%sok %u - ", passed ? "" : "not ", tests_run);
	tap_put(context, strlen(context));
	tap_put(name, strlen(name));
	putchar('\n');
	fflush(stdout);
}

void
tap_context(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(context, sizeof(context), fmt, ap);
	va_end(ap);
}

int
tap_ok(int passed, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_result(passed, fmt, ap);
	va_end(ap);
	return passed;
}

int
tap_is_int(long long got, long long want, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_result(got == want, fmt, ap);
	va_end(ap);
	if (got != want)
		tap_diag("got %lld, expected %lld", got, want);
	return got == want;
}

int
tap_is_oct(unsigned long long got, unsigned long long want,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_result(got == want, fmt, ap);
	va_end(ap);
	if (got != want)
		tap_diag("got %llo, expected %llo (octal)", got, want);
	return got == want;
}

int
tap_is_str(const char *got, const char *want, const char *fmt, ...)
{
	int same = got != NULL && strcmp(got, want) == 0;
	va_list ap;

	va_start(ap, fmt);
	tap_result(same, fmt, ap);
	va_end(ap);
	if (!same)
		tap_diag("got '%s', expected '%s'", got ? got : "(null)",
		    want);
	return same;
}

int
tap_is_mem(const void *got, size_t got_len, const void *want,
    size_t want_len, const char *fmt, ...)
{
	int same = got_len == want_len &&
	    (got_len == 0 || memcmp(got, want, got_len) == 0);
	va_list ap;

	va_start(ap, fmt);
	tap_result(same, fmt, ap);
	va_end(ap);
	if (!same)
		tap_diag("got %zu bytes, expected %zu, or they differ",
		    got_len, want_len);
	return same;
}

void
tap_skip(const char *fmt, ...)
{
	char reason[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	tests_run++;
	printf("ok %u # SKIP ", tests_run);
	tap_put(context, strlen(context));
	tap_put(reason, strlen(reason));
	putchar('\n');
	fflush(stdout);
}

void
tap_diag(const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *line = text, *next; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		printf("# ");
		tap_put(line, strlen(line));
		putchar('\n');
	}
	fflush(stdout);
}

void
tap_skip_all(const char *fmt, ...)
{
	va_list ap;

	printf("1..0 # SKIP ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	exit(0);
}

void
tap_bail(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	printf("Bail out! ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(" (errno: %s)\n", strerror(saved));
	fflush(stdout);
	exit(255);
}

unsigned int
tap_failures(void)
{
	return tests_failed;
}

int
tap_done_testing(void)
{
	printf("1..%u\n", tests_run);
	fflush(stdout);
	return tests_failed != 0;
}
