/*
 * SPDX-License-Identifier: ISC
 *
 * The table of all options, and how their values are taken.
 */
#ifndef LAUNCHER_OPTIONS_TABLE_H
#define LAUNCHER_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launcher/options.h"

/* Where an option is known: the names the program answers to, and lists. */
#define NAME_PRIVFSD	0x1
#define NAME_HELPER	0x2	/* virtfs-proxy-helper */
#define NAME_VIRTIOFSD	0x4
#define NAME_LIST	0x8	/* in virtiofsd's -o, with _ in place of - */
#define NAME_FS		(NAME_PRIVFSD | NAME_VIRTIOFSD)
#define NAME_ALL	(NAME_PRIVFSD | NAME_HELPER | NAME_VIRTIOFSD)

#define HELPER_NAME	"virtfs-proxy-helper"
#define VIRTIOFSD_NAME	"virtiofsd"

#define OPTIONS_TIMEOUT_UNSAID	UINT64_MAX

/* How a value is taken, and what its field in struct options is. */
enum options_kind {
	KIND_FLAG,		/* bool, becomes true */
	KIND_CLEAR,		/* bool, becomes false */
	KIND_CONSTANT,		/* int, becomes min */
	KIND_STRING,		/* const char *, 1 to max bytes (0: any) */
	KIND_NUMBER,		/* long, from min to max */
	KIND_NOFILE,		/* the same; 0 is what the process has */
	KIND_SECONDS,		/* uint64_t, in nanoseconds */
	KIND_WORD,		/* int, that parse() makes of it */
	KIND_USER,		/* uid_t, by name or number */
	KIND_GROUP,		/* gid_t */
	KIND_MAP,		/* struct namespace_map, which grows */
	KIND_CAPS,		/* struct caps_set */
	KIND_IGNORED,		/* what is done anyway */
	KIND_LATER,		/* refused, but for words that parse() knows */
	KIND_LIST,		/* -o */
	KIND_CAPABILITIES,	/* these print, and end */
	KIND_HELP,
	KIND_VERSION
};

struct options_row {
	const char		*name;		/* "": a letter only */
	char			 letter;	/* 0: none */
	unsigned int		 programs;	/* NAME_* */
	enum worker_protocol	 protocol;	/* 0: any */
	enum options_kind	 kind;
	size_t			 offset;	/* in struct options */
	const char		*value;		/* its name in the help */
	const char		*help;		/* NULL: not shown; KIND_WORD:
						   the words */
	long			 min;
	long			 max;
	int			(*parse)(const char *);
};

#define OPTIONS_ROWS_MAX	128

extern const struct options_row options_table[];
extern const size_t options_rows;	/* up to OPTIONS_ROWS_MAX */

/* What printing options return, to be told from an error. */
#define OPTIONS_DONE	1

/* The program's name and the NAME_* that it stands for, by argv[0]. */
void	options_set_program(const char *path);
unsigned int
	options_name(void);

/* Prints what the program's name takes. */
void	options_help(void);

/*
 * Says what is wrong on stderr, escaped, after the program's name.  Returns 2,
 * the exit status.
 */
int	options_wrong(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2)));

/*
 * Puts a value where its row says; `label` is how the option was written.
 * Returns 0, OPTIONS_DONE, or 2, having said what is wrong.  Not for KIND_LIST.
 */
int	options_take(struct options *options, const struct options_row *row,
	    const char *label, const char *value);

#endif /* LAUNCHER_OPTIONS_TABLE_H */
