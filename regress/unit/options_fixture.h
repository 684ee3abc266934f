/*
 * SPDX-License-Identifier: ISC
 *
 * Command lines parsed with all that is said caught, for cmocka tests.
 */
#ifndef REGRESS_UNIT_OPTIONS_FIXTURE_H
#define REGRESS_UNIT_OPTIONS_FIXTURE_H

#include "launcher/options.h"

#define PRIVFSD		"/usr/bin/privfsd"
#define HELPER		"/usr/lib/qemu/virtfs-proxy-helper"
#define VIRTIOFSD	"/usr/libexec/virtiofsd"

/* Each complete by itself. */
#define BASE		"--protocol=9p-proxy", "--shared-dir=/srv", "--fd=5"
#define HELPER_BASE	"-p", "/srv", "-f", "5"
#define FS_BASE		"--protocol=virtiofs", "--shared-dir=/srv", "--fd=5"
#define LIST_BASE	"-o", "source=/srv", "--fd=5"

#define BIT(cap)	(UINT64_C(1) << (cap))

/* What the last line gave; valid until the next. */
extern struct options	options;
extern char		said[2][16384];		/* on stdout, on stderr */

struct bad_case {
	const char	*word;
	const char	*part;	/* of the message */
};

/* Parses what is in `line`, up to a NULL.  Returns options_parse()'s status. */
int	parse(const char *const *line);

/* The line is right, and nothing is said. */
void	good(const char *const *line);

/* Status 2, and one line on stderr, which has both parts in it. */
void	bad(const char *const *line, const char *part, const char *other);

#define PARSE(...)	parse((const char *const []){ __VA_ARGS__, NULL })
#define GOOD(...)	good((const char *const []){ __VA_ARGS__, NULL })
#define BAD(part, other, ...)						\
	bad((const char *const []){ __VA_ARGS__, NULL }, part, other)

#endif /* REGRESS_UNIT_OPTIONS_FIXTURE_H */
