/*
 * SPDX-License-Identifier: ISC
 *
 * Command lines.  Runs with the administrator's rights on the administrator's
 * words, before anything else is read.
 */
#include "config.h"

#include "launcher/options.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_US_DEFAULT	50
#define POLL_US_MAX	1000000
#define FD_MIN		3	/* 0 to 2 are not for sockets */
#define NOFILE_DEFAULT	1000000	/* or what the system permits */

/* The names the program answers to. */
#define NAME_PRIVFSD	0x1
#define NAME_HELPER	0x2	/* virtfs-proxy-helper */
#define NAME_ALL	(NAME_PRIVFSD | NAME_HELPER)

#define HELPER_NAME	"virtfs-proxy-helper"

/* How a value is taken, and what its field in struct options is. */
enum options_kind {
	KIND_FLAG,		/* bool */
	KIND_STRING,		/* const char *, not empty */
	KIND_NUMBER,		/* long, from min to max */
	KIND_WORD,		/* int, that parse() makes of it */
	KIND_USER,		/* uid_t, by name or number */
	KIND_GROUP,		/* gid_t */
	KIND_MAP,		/* const char *, for namespace_enter_user() */
	KIND_CAPS,		/* struct caps_set */
	KIND_NODAEMON,		/* bool, back to false */
	KIND_HELP,
	KIND_VERSION
};

struct options_row {
	const char		*name;
	char			 letter;	/* 0: none */
	unsigned int		 programs;	/* NAME_* */
	enum options_kind	 kind;
	size_t			 offset;	/* in struct options */
	const char		*value;		/* its name in the help */
	const char		*help;		/* KIND_WORD: the words */
	long			 min;
	long			 max;
	int			(*parse)(const char *);
};

static int
options_protocol(const char *word)
{
	return strcmp(word, "9p-proxy") == 0 ? OPTIONS_9P_PROXY : -1;
}

static int
options_form(const char *word)
{
	if (word == NULL || strcmp(word, "text") == 0)
		return OPTIONS_PRINT_TEXT;
	return strcmp(word, "json") == 0 ? OPTIONS_PRINT_JSON : -1;
}

#define FIELD(member)	offsetof(struct options, member)

#define ROW(n, l, p, k, o, v, ...)					\
	{ .name = (n), .letter = (l), .programs = (p), .kind = (k),	\
	    .offset = (o), .value = (v), .help = __VA_ARGS__ }

static const struct options_row options_table[] = {
	ROW("protocol", 0, NAME_PRIVFSD, KIND_WORD, FIELD(protocol),
	    "NAME", "9p-proxy", .parse = options_protocol),
	ROW("shared-dir", 0, NAME_PRIVFSD, KIND_STRING, FIELD(shared_dir),
	    "DIR", "the directory to share"),
	ROW("path", 'p', NAME_HELPER, KIND_STRING, FIELD(shared_dir),
	    "DIR", "the directory to share"),
	ROW("socket-path", 0, NAME_PRIVFSD, KIND_STRING, FIELD(socket_path),
	    "PATH", "make a socket there and wait for the front-end"),
	ROW("socket", 's', NAME_HELPER, KIND_STRING, FIELD(socket_path),
	    "PATH", "make a socket there; needs -u and -g"),
	ROW("socket-group", 0, NAME_PRIVFSD, KIND_GROUP, FIELD(socket_gid),
	    "GROUP", "who may use the socket as well"),
	ROW("uid", 'u', NAME_HELPER, KIND_USER, FIELD(socket_uid),
	    "USER", "the socket's owner"),
	ROW("gid", 'g', NAME_HELPER, KIND_GROUP, FIELD(socket_gid),
	    "GROUP", "the socket's group"),
	ROW("fd", 0, NAME_PRIVFSD, KIND_NUMBER, FIELD(fd),
	    "N", "use the inherited socket N", .min = FD_MIN, .max = INT_MAX),
	ROW("fd", 'f', NAME_HELPER, KIND_NUMBER, FIELD(fd),
	    "N", "use the inherited socket N", .min = FD_MIN, .max = INT_MAX),
	ROW("inherited-fd", 'i', NAME_HELPER, KIND_NUMBER, FIELD(fd),
	    "N", "the same", .min = FD_MIN, .max = INT_MAX),
	ROW("readonly", 0, NAME_ALL, KIND_FLAG, FIELD(sandbox.readonly),
	    NULL, "let nothing be changed"),
	ROW("sandbox", 0, NAME_ALL, KIND_WORD, FIELD(sandbox.mode),
	    "MODE", "namespace (default), chroot or none",
	    .parse = sandbox_mode_parse),
	ROW("seccomp", 0, NAME_ALL, KIND_WORD, FIELD(sandbox.seccomp),
	    "ACTION", "kill (default), log, trap or none",
	    .parse = seccomp_action_parse),
	ROW("modcaps", 0, NAME_ALL, KIND_CAPS, FIELD(sandbox.caps),
	    "+CAP:-CAP", "give the monitor more or fewer capabilities"),
	ROW("uid-map", 0, NAME_ALL, KIND_MAP, FIELD(uid_map),
	    "MAP", "user ids, without root: :namespace:host:count:"),
	ROW("gid-map", 0, NAME_ALL, KIND_MAP, FIELD(gid_map),
	    "MAP", "group ids, the same"),
	ROW("worker-user", 0, NAME_ALL, KIND_USER, FIELD(sandbox.worker_uid),
	    "USER", "who the worker runs as; best one for each daemon"),
	ROW("rlimit-nofile", 0, NAME_ALL, KIND_NUMBER, FIELD(rlimit_nofile),
	    "N", "descriptors at most", .min = 128, .max = INT_MAX),
	ROW("poll-us", 0, NAME_ALL, KIND_NUMBER, FIELD(poll_us),
	    "N", "microseconds to poll before sleeping, 0 is off",
	    .max = POLL_US_MAX),
	ROW("daemonize", 0, NAME_PRIVFSD, KIND_FLAG, FIELD(daemonize),
	    NULL, "go to the background once ready, log to syslog"),
	ROW("nodaemon", 'n', NAME_HELPER, KIND_NODAEMON, FIELD(daemonize),
	    NULL, "stay in the foreground, log to stderr"),
	ROW("pid-file", 0, NAME_ALL, KIND_STRING, FIELD(pid_file),
	    "PATH", "write the process's id there"),
	ROW("log-level", 0, NAME_ALL, KIND_WORD, FIELD(log_level),
	    "LEVEL", "error, warn, info (default), debug, trace or off",
	    .parse = log_level_parse),
	ROW("syslog", 0, NAME_ALL, KIND_FLAG, FIELD(syslog),
	    NULL, "log to syslog"),
	ROW("worker-path", 0, NAME_ALL, KIND_STRING, FIELD(worker_path),
	    "PATH", "the worker's program"),
	ROW("print-sandbox", 0, NAME_ALL, KIND_WORD, FIELD(print_sandbox),
	    "[=FORM]", "text or json: say what each process may do",
	    .parse = options_form),
	ROW("help", 'h', NAME_ALL, KIND_HELP, 0, NULL, "this text"),
	ROW("version", 'V', NAME_ALL, KIND_VERSION, 0, NULL, "the version"),
};
#define OPTIONS_ROWS	(sizeof(options_table) / sizeof(options_table[0]))

/* What --help and --version return, to be told from an error. */
#define OPTIONS_DONE	1

static const char *options_program = "privfsd";

static int options_wrong(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

static int
options_wrong(const char *fmt, ...)
{
	char line[LOG_LINE_MAX], escaped[LOG_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_escape(escaped, sizeof(escaped), line, strlen(line));
	fprintf(stderr, "%s: %s\n", options_program, escaped);
	return 2;
}

static unsigned int
options_name(void)
{
	return strcmp(options_program, HELPER_NAME) == 0 ? NAME_HELPER :
	    NAME_PRIVFSD;
}

/* The functions below return 0 or, having said what is wrong, 2. */

static int
options_number(const struct options_row *row, const char *value, long min,
    long max, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 ||
	    *out < min || *out > max)
		return options_wrong("--%s: \"%s\" is not a number from %ld "
		    "to %ld", row->name, value, min, max);
	return 0;
}

static int
options_id(const struct options_row *row, const char *value, uint32_t *out)
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
		return options_wrong("--%s: no such %s: \"%s\": give a name "
		    "that the system knows, or a number", row->name,
		    row->kind == KIND_USER ? "user" : "group", value);
	status = options_number(row, value, 0, (long)UINT32_MAX - 1, &number);
	*out = (uint32_t)number;
	return status;
}

static int
options_caps(const struct options_row *row, const char *value,
    struct caps_set *set)
{
	const char *bad;
	size_t bad_len;

	if (caps_modify(set, value, &bad, &bad_len) == 0)
		return 0;
	return options_wrong("--%s: \"%.*s\" is not a capability with + or - "
	    "before it, as in +mknod:-dac_override", row->name, (int)bad_len,
	    bad);
}

static int
options_help(void)
{
	const struct options_row *row;
	char left[64];
	size_t i;

	if (options_name() == NAME_HELPER)
		printf("usage: " HELPER_NAME " -p DIR (-f N | -s PATH -u USER "
		    "-g GROUP) [option ...]\n");
	else
		printf("usage: privfsd --protocol=9p-proxy --shared-dir=DIR "
		    "(--socket-path=PATH | --fd=N) [option ...]\n");
	for (i = 0; i < OPTIONS_ROWS; i++) {
		row = &options_table[i];
		if ((row->programs & options_name()) == 0)
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", row->name,
		    row->value == NULL || row->value[0] == '[' ? "" : "=",
		    row->value == NULL ? "" : row->value);
		if (row->letter != 0 && (options_name() == NAME_HELPER ||
		    row->kind == KIND_HELP || row->kind == KIND_VERSION))
			printf("  -%c, %-26s %s\n", row->letter, left,
			    row->help);
		else
			printf("      %-26s %s\n", left, row->help);
	}
	return OPTIONS_DONE;
}

static int
options_take(struct options *options, const struct options_row *row,
    const char *value)
{
	char *field = (char *)options + row->offset;
	struct namespace_map map;
	int word;

	switch (row->kind) {
	case KIND_FLAG:
	case KIND_NODAEMON:
		*(bool *)(void *)field = row->kind == KIND_FLAG;
		return 0;
	case KIND_MAP:
		if (namespace_parse_map(value, &map) != 0)
			return options_wrong("--%s: \"%s\" is no map like "
			    ":0:1000:1:", row->name, value);
		/* FALLTHROUGH */
	case KIND_STRING:
		if (value[0] == '\0')
			return options_wrong("--%s: the value is empty",
			    row->name);
		*(const char **)(void *)field = value;
		return 0;
	case KIND_NUMBER:
		return options_number(row, value, row->min, row->max,
		    (long *)(void *)field);
	case KIND_WORD:
		word = row->parse(value);
		if (word < 0)
			return options_wrong("--%s: unknown word \"%s\": it "
			    "can be %s", row->name, value, row->help);
		memcpy(field, &word, sizeof(word));
		return 0;
	case KIND_USER:
	case KIND_GROUP:
		return options_id(row, value, (uint32_t *)(void *)field);
	case KIND_CAPS:
		return options_caps(row, value, &options->sandbox.caps);
	case KIND_HELP:
		return options_help();
	case KIND_VERSION:
		puts(PACKAGE_STRING);
		return OPTIONS_DONE;
	}
	return 2;
}

/* Makes getopt_long(3)'s tables of the rows that the program's name has. */
static void
options_getopt_tables(struct option *longs, char *shorts)
{
	const struct options_row *row;
	size_t i, n = 0;

	*shorts++ = ':';	/* a missing argument is ':', not '?' */
	for (i = 0; i < OPTIONS_ROWS; i++) {
		row = &options_table[i];
		if ((row->programs & options_name()) == 0)
			continue;
		longs[n++] = (struct option){ row->name,
		    row->value == NULL ? no_argument :
		    row->value[0] == '[' ? optional_argument :
		    required_argument, NULL, UCHAR_MAX + 1 + (int)i };
		if (row->letter == 0)
			continue;
		*shorts++ = row->letter;
		if (row->value != NULL)
			*shorts++ = ':';
	}
	*shorts = '\0';
	longs[n] = (struct option){ NULL, 0, NULL, 0 };
}

/* Returns the row that getopt_long(3) means by `value`, or NULL. */
static const struct options_row *
options_find(int value)
{
	size_t i;

	if (value > UCHAR_MAX)
		return &options_table[value - UCHAR_MAX - 1];
	for (i = 0; i < OPTIONS_ROWS; i++)
		if (options_table[i].letter == value &&
		    (options_table[i].programs & options_name()) != 0)
			return &options_table[i];
	return NULL;
}

/* The combinations that no single option can check. */
static int
options_check_together(const struct options *options)
{
	bool helper = options_name() == NAME_HELPER;
	const char *socket = helper ? "socket" : "socket-path";
	bool uid = options->socket_uid != (uid_t)-1;
	bool gid = options->socket_gid != (gid_t)-1;

	if (options->protocol == 0)
		return options_wrong("--protocol is missing: give "
		    "--protocol=9p-proxy");
	if (options->shared_dir == NULL)
		return options_wrong("--%s is missing: give the directory to "
		    "share", helper ? "path" : "shared-dir");
	if ((options->socket_path == NULL) == (options->fd == -1))
		return options_wrong("give one of --%s=PATH and --fd=N",
		    socket);
	if (helper && options->socket_path != NULL && (!uid || !gid))
		return options_wrong("--socket needs --uid and --gid: the "
		    "socket's owner and group");
	/* QEMU's program ignores them. */
	if (!helper && options->socket_path == NULL && gid)
		return options_wrong("--socket-group needs --socket-path: an "
		    "inherited socket has its owner");
	if ((options->uid_map != NULL || options->gid_map != NULL) &&
	    !options->sandbox.user_namespace)
		return options_wrong("--%s: only for a start without root",
		    options->uid_map != NULL ? "uid-map" : "gid-map");
	if (options->sandbox.worker_uid == 0)
		return options_wrong("--worker-user: root would be no "
		    "separation: give another user");
	if (options->sandbox.worker_uid != (uid_t)-1 &&
	    options->sandbox.user_namespace)
		return options_wrong("--worker-user: only for a start as root; "
		    "--uid-map decides without");
	return 0;
}

static void
options_defaults(struct options *options)
{
	bool helper = options_name() == NAME_HELPER;

	*options = (struct options){
		.protocol = helper ? OPTIONS_9P_PROXY : 0,
		.fd = -1,
		.socket_uid = (uid_t)-1,
		.socket_gid = (gid_t)-1,
		.daemonize = helper,
		.worker_path = LIBEXECDIR "/privfsd-worker",
		.log_level = LOG_LEVEL_INFO,
		.poll_us = POLL_US_DEFAULT,
		.rlimit_nofile = NOFILE_DEFAULT,
		.sandbox = { .mode = SANDBOX_NAMESPACE,
		    .seccomp = SECCOMP_ACTION_KILL,
		    .worker_uid = (uid_t)-1, .worker_gid = (gid_t)-1,
		    .user_namespace = geteuid() != 0 }
	};
	caps_default(&options->sandbox.caps);
}

/* getopt_long(3) does not say by optind which letter of a word is wrong. */
static int
options_unknown(const char *word)
{
	char letter[3] = { '-', (char)optopt, '\0' };

	return options_wrong("unknown, ambiguous or wrongly used option: %s; "
	    "--help lists them all",
	    optopt > 0 && optopt <= UCHAR_MAX ? letter : word);
}

/* Reads the words; the combinations are not looked at yet. */
static int
options_read(struct options *options, int argc, char **argv)
{
	struct option longs[OPTIONS_ROWS + 1];
	char shorts[2 * OPTIONS_ROWS + 2];
	const struct options_row *row;
	int status, value;

	options_getopt_tables(longs, shorts);
	opterr = 0;
	for (;;) {
		value = getopt_long(argc, argv, shorts, longs, NULL);
		if (value == -1)
			break;
		if (value == ':')
			return options_wrong("%s needs a value",
			    argv[optind - 1]);
		row = value == '?' ? NULL : options_find(value);
		if (row == NULL)
			return options_unknown(argv[optind - 1]);
		status = options_take(options, row, optarg);
		if (status != 0)
			return status;
	}
	if (optind < argc)
		return options_wrong("\"%s\" belongs to no option; --help "
		    "lists them all",
		    argv[optind]);
	return 0;
}

int
options_parse(struct options *options, int argc, char **argv)
{
	const char *slash;
	int status;

	if (argc > 0) {
		slash = strrchr(argv[0], '/');
		options_program = slash == NULL ? argv[0] : slash + 1;
	}
	options_defaults(options);
	status = options_read(options, argc, argv);
	options->syslog |= options->daemonize;
	if (status == 0 && options->print_sandbox == OPTIONS_PRINT_NOT)
		status = options_check_together(options);
	return status == 0 ? OPTIONS_RUN : status == OPTIONS_DONE ? 0 : status;
}
