/*
 * SPDX-License-Identifier: ISC
 *
 * Command lines for the tests of options.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "regress/unit/options_fixture.h"

#include <sys/mman.h>

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX	16

struct options options;
static char words[WORDS_MAX][1600];	/* options point into these */
char said[2][16384];

int
parse(const char *const *line)
{
	char *argv[WORDS_MAX + 1];
	int kept[2], file[2], i, n, status;
	ssize_t got;

	for (n = 0; line[n] != NULL; n++) {
		assert_true(n < WORDS_MAX);
		assert_true(strlen(line[n]) < sizeof(words[n]));
		strcpy(words[n], line[n]);
		argv[n] = words[n];
	}
	argv[n] = NULL;
	fflush(NULL);
	for (i = 0; i < 2; i++) {
		kept[i] = fcntl(i + 1, F_DUPFD_CLOEXEC, 3);
		file[i] = memfd_create("said", MFD_CLOEXEC);
		dup2(file[i], i + 1);
	}
	optind = 0;		/* getopt(3): starts anew */
	options_free(&options);
	status = options_parse(&options, n, argv);
	fflush(NULL);
	for (i = 0; i < 2; i++) {
		dup2(kept[i], i + 1);
		close(kept[i]);
		got = pread(file[i], said[i], sizeof(said[i]) - 1, 0);
		said[i][got > 0 ? got : 0] = '\0';
		close(file[i]);
	}
	/* ps(1) shows them. */
	for (n = 0; line[n] != NULL; n++)
		assert_string_equal(words[n], line[n]);
	return status;
}

void
good(const char *const *line)
{
	int status = parse(line);

	if (status != OPTIONS_RUN || said[0][0] != '\0' || said[1][0] != '\0')
		fail_msg("status %d: %s%s", status, said[0], said[1]);
}

void
bad(const char *const *line, const char *part, const char *other)
{
	int status = parse(line);
	const char *newline = strchr(said[1], '\n');

	if (status != 2 || said[0][0] != '\0' || newline == NULL ||
	    newline[1] != '\0' || strstr(said[1], part) == NULL ||
	    strstr(said[1], other) == NULL)
		fail_msg("status %d, \"%s\" without \"%s\" or \"%s\"", status,
		    said[1], part, other);
}
