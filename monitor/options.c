/*
 * SPDX-License-Identifier: ISC
 *
 * Command lines.  Runs with the administrator's rights on the administrator's
 * words, before anything else is read.
 */
#include "config.h"

#include "monitor/options.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_US_DEFAULT	50
#define POLL_US_MAX	1000000

/* The names the program answers to. */
#define NAME_PRIVFSD	0x1
#define NAME_HELPER	0x2	/* virtfs-proxy-helper */
#define NAME_ALL	(NAME_PRIVFSD | NAME_HELPER)

#define HELPER_NAME	"virtfs-proxy-helper"

struct options_row;

/* Takes an option's value.  Returns 0, or says what is wrong: 2. */
typedef int options_take(struct options *options,
    const struct options_row *row, const char *value);

struct options_row {
	const char	*name;
	char		 letter;	/* 0: none */
	unsigned int	 programs;	/* NAME_* */
	int		 argument;	/* of getopt_long(3) */
	const char	*value;		/* what it is called in the help */
	options_take	*take;
	const char	*help;
};

static const char *options_program = "privfsd";

static int options_wrong(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

static int
options_wrong(const char *fmt, ...)
{
	char line[LOG_LINE_MAX], escaped[LOG_LINE_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		n = (int)sizeof(line) - 1;
	log_escape(escaped, sizeof(escaped), line, (size_t)n);
	fprintf(stderr, "%s: %s\n", options_program, escaped);
	return 2;
}

/* Parses a number.  Returns 0 or, after saying what is wrong, 2. */
static int
options_number(const char *name, const char *value, uint64_t min,
    uint64_t max, uint64_t *out)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 ||
	    n < min || n > max)
		return options_wrong("--%s: \"%s\" is not a number from %llu "
		    "to %llu", name, value, (unsigned long long)min,
		    (unsigned long long)max);
	*out = n;
	return 0;
}

static int
take_protocol(struct options *options, const struct options_row *row,
    const char *value)
{
	if (strcmp(value, "9p-proxy") != 0)
		return options_wrong("--%s: unknown protocol \"%s\": it can be "
		    "9p-proxy", row->name, value);
	options->protocol = value;
	return 0;
}

static int
take_shared_dir(struct options *options, const struct options_row *row,
    const char *value)
{
	if (value[0] == '\0')
		return options_wrong("--%s: the directory's name is empty",
		    row->name);
	options->shared_dir = value;
	return 0;
}

static int
take_socket_path(struct options *options, const struct options_row *row,
    const char *value)
{
	if (value[0] == '\0')
		return options_wrong("--%s: the path is empty", row->name);
	options->socket_path = value;
	return 0;
}

static int
take_fd(struct options *options, const struct options_row *row,
    const char *value)
{
	uint64_t n;
	int error;

	error = options_number(row->name, value, 0, INT_MAX, &n);
	if (error == 0)
		options->fd = (int)n;
	return error;
}

static int
take_uid(struct options *options, const struct options_row *row,
    const char *value)
{
	const struct passwd *pw = getpwnam(value);
	uint64_t n;
	int error;

	if (pw != NULL) {
		options->socket_uid = pw->pw_uid;
		return 0;
	}
	if (value[0] < '0' || value[0] > '9')
		return options_wrong("--%s: no such user: \"%s\"", row->name,
		    value);
	error = options_number(row->name, value, 0, UINT32_MAX - 1, &n);
	options->socket_uid = (uid_t)n;
	return error;
}

static int
take_gid(struct options *options, const struct options_row *row,
    const char *value)
{
	const struct group *gr = getgrnam(value);
	uint64_t n;
	int error;

	if (gr != NULL) {
		options->socket_gid = gr->gr_gid;
		return 0;
	}
	if (value[0] < '0' || value[0] > '9')
		return options_wrong("--%s: no such group: \"%s\"", row->name,
		    value);
	error = options_number(row->name, value, 0, UINT32_MAX - 1, &n);
	options->socket_gid = (gid_t)n;
	return error;
}

static int
take_socket_group(struct options *options, const struct options_row *row,
    const char *value)
{
	options->socket_group = value;
	return take_gid(options, row, value);
}

static int
take_sandbox(struct options *options, const struct options_row *row,
    const char *value)
{
	int mode = sandbox_mode_parse(value);

	if (mode < 0)
		return options_wrong("--%s: unknown mode \"%s\": it can be "
		    "namespace, chroot or none", row->name, value);
	options->sandbox.mode = (enum sandbox_mode)mode;
	return 0;
}

static int
take_seccomp(struct options *options, const struct options_row *row,
    const char *value)
{
	int action = seccomp_action_parse(value);

	if (action < 0)
		return options_wrong("--%s: unknown action \"%s\": it can be "
		    "kill, log, trap or none", row->name, value);
	options->sandbox.seccomp = (enum seccomp_action)action;
	return 0;
}

static int
take_modcaps(struct options *options, const struct options_row *row,
    const char *value)
{
	const char *bad;
	size_t bad_len;

	if (caps_modify(&options->sandbox.caps, value, &bad, &bad_len) == 0)
		return 0;
	return options_wrong("--%s: \"%.*s\" is not a capability with + or - "
	    "before it, as in +mknod:-dac_override", row->name, (int)bad_len,
	    bad);
}

static int
take_log_level(struct options *options, const struct options_row *row,
    const char *value)
{
	int level = log_level_parse(value);

	if (level < 0)
		return options_wrong("--%s: unknown level \"%s\": it can be "
		    "error, warn, info, debug, trace or off", row->name, value);
	options->log_level = (enum log_level)level;
	return 0;
}

static int
take_poll_us(struct options *options, const struct options_row *row,
    const char *value)
{
	uint64_t n = 0;
	int error;

	error = options_number(row->name, value, 0, POLL_US_MAX, &n);
	options->poll_us = (uint32_t)n;
	return error;
}

static int
take_rlimit_nofile(struct options *options, const struct options_row *row,
    const char *value)
{
	return options_number(row->name, value, 128, INT_MAX,
	    &options->rlimit_nofile);
}

static int
take_print_sandbox(struct options *options, const struct options_row *row,
    const char *value)
{
	if (value != NULL && strcmp(value, "text") != 0 &&
	    strcmp(value, "json") != 0)
		return options_wrong("--%s: unknown form \"%s\": it can be "
		    "text or json", row->name, value);
	options->print_sandbox = true;
	options->print_json = value != NULL && strcmp(value, "json") == 0;
	return 0;
}

static int
take_readonly(struct options *options, const struct options_row *row,
    const char *value)
{
	(void)row;
	(void)value;
	options->sandbox.readonly = true;
	return 0;
}

static int
take_daemonize(struct options *options, const struct options_row *row,
    const char *value)
{
	(void)row;
	(void)value;
	options->daemonize = true;
	return 0;
}

static int
take_nodaemon(struct options *options, const struct options_row *row,
    const char *value)
{
	(void)row;
	(void)value;
	options->daemonize = false;
	return 0;
}

static int
take_syslog(struct options *options, const struct options_row *row,
    const char *value)
{
	(void)row;
	(void)value;
	options->syslog = true;
	return 0;
}

static int
take_pid_file(struct options *options, const struct options_row *row,
    const char *value)
{
	(void)row;
	options->pid_file = value;
	return 0;
}

static int
take_worker_path(struct options *options, const struct options_row *row,
    const char *value)
{
	(void)row;
	options->worker_path = value;
	return 0;
}

static int
take_uid_map(struct options *options, const struct options_row *row,
    const char *value)
{
	(void)row;
	options->uid_map = value;
	return 0;
}

static int
take_gid_map(struct options *options, const struct options_row *row,
    const char *value)
{
	(void)row;
	options->gid_map = value;
	return 0;
}

static options_take take_help, take_version;

static const struct options_row options_table[] = {
	{ "protocol", 0, NAME_PRIVFSD, required_argument, "NAME",
	    take_protocol, "what the front-end speaks: 9p-proxy" },
	{ "shared-dir", 0, NAME_PRIVFSD, required_argument, "DIR",
	    take_shared_dir, "the directory to share" },
	{ "path", 'p', NAME_HELPER, required_argument, "DIR",
	    take_shared_dir, "the directory to share" },
	{ "socket-path", 0, NAME_PRIVFSD, required_argument, "PATH",
	    take_socket_path, "make a socket there and wait for the front-end" },
	{ "socket", 's', NAME_HELPER, required_argument, "PATH",
	    take_socket_path, "make a socket there; needs -u and -g" },
	{ "socket-group", 0, NAME_PRIVFSD, required_argument, "GROUP",
	    take_socket_group, "who may use the socket as well" },
	{ "uid", 'u', NAME_HELPER, required_argument, "USER",
	    take_uid, "the socket's owner" },
	{ "gid", 'g', NAME_HELPER, required_argument, "GROUP",
	    take_gid, "the socket's group" },
	{ "fd", 'f', NAME_ALL, required_argument, "N",
	    take_fd, "use the inherited socket N" },
	{ "inherited-fd", 'i', NAME_HELPER, required_argument, "N",
	    take_fd, "the same" },
	{ "readonly", 0, NAME_ALL, no_argument, NULL,
	    take_readonly, "let nothing be changed" },
	{ "sandbox", 0, NAME_ALL, required_argument, "MODE",
	    take_sandbox, "namespace (default), chroot or none" },
	{ "seccomp", 0, NAME_ALL, required_argument, "ACTION",
	    take_seccomp, "on a forbidden system call: kill (default), log, "
	    "trap; none for no filter" },
	{ "modcaps", 0, NAME_ALL, required_argument, "+CAP:-CAP",
	    take_modcaps, "give the monitor more or fewer capabilities" },
	{ "uid-map", 0, NAME_ALL, required_argument, "MAP",
	    take_uid_map, "user ids when started without root: "
	    ":namespace:host:count:" },
	{ "gid-map", 0, NAME_ALL, required_argument, "MAP",
	    take_gid_map, "group ids, the same" },
	{ "rlimit-nofile", 0, NAME_ALL, required_argument, "N",
	    take_rlimit_nofile, "descriptors at most" },
	{ "poll-us", 0, NAME_ALL, required_argument, "N",
	    take_poll_us, "microseconds to poll before sleeping, 0 is off" },
	{ "daemonize", 0, NAME_PRIVFSD, no_argument, NULL,
	    take_daemonize, "go to the background once ready, log to syslog" },
	{ "nodaemon", 'n', NAME_HELPER, no_argument, NULL,
	    take_nodaemon, "stay in the foreground, log to stderr" },
	{ "pid-file", 0, NAME_ALL, required_argument, "PATH",
	    take_pid_file, "write the process's id there" },
	{ "log-level", 0, NAME_ALL, required_argument, "LEVEL",
	    take_log_level, "error, warn, info (default), debug, trace, off" },
	{ "syslog", 0, NAME_ALL, no_argument, NULL,
	    take_syslog, "log to syslog" },
	{ "worker-path", 0, NAME_ALL, required_argument, "PATH",
	    take_worker_path, "the worker's program" },
	{ "print-sandbox", 0, NAME_ALL, optional_argument, "text|json",
	    take_print_sandbox, "say what each process may do, and exit" },
	{ "help", 'h', NAME_ALL, no_argument, NULL,
	    take_help, "this text" },
	{ "version", 'V', NAME_ALL, no_argument, NULL,
	    take_version, "the version" },
};
#define OPTIONS_ROWS	(sizeof(options_table) / sizeof(options_table[0]))

/* What the two that end the program return, to be told from an error. */
#define OPTIONS_DONE	1

static unsigned int
options_name(void)
{
	return strcmp(options_program, HELPER_NAME) == 0 ? NAME_HELPER :
	    NAME_PRIVFSD;
}

static int
take_version(struct options *options, const struct options_row *row,
    const char *value)
{
	(void)options;
	(void)row;
	(void)value;
	puts(PACKAGE_STRING);
	return OPTIONS_DONE;
}

static int
take_help(struct options *options, const struct options_row *row,
    const char *value)
{
	char left[64];
	size_t i;

	(void)options;
	(void)value;
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
		snprintf(left, sizeof(left), "%s%c%s --%s%s%s",
		    row->letter != 0 ? "-" : " ",
		    row->letter != 0 ? row->letter : ' ',
		    row->letter != 0 ? "," : " ", row->name,
		    row->value == NULL ? "" :
		    row->argument == optional_argument ? "[=]" : "=",
		    row->value == NULL ? "" : row->value);
		printf("  %-30s %s\n", left, row->help);
	}
	return OPTIONS_DONE;
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
		/* 256 and more: no letter. */
		longs[n++] = (struct option){ row->name, row->argument, NULL,
		    256 + (int)i };
		if (row->letter == 0 || options_name() != NAME_HELPER)
			continue;
		*shorts++ = row->letter;
		if (row->argument == required_argument)
			*shorts++ = ':';
	}
	if (options_name() != NAME_HELPER) {
		*shorts++ = 'h';
		*shorts++ = 'V';
	}
	*shorts = '\0';
	longs[n] = (struct option){ NULL, 0, NULL, 0 };
}

static const struct options_row *
options_row(int value)
{
	size_t i;

	if (value >= 256)
		return &options_table[value - 256];
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

	if (options->print_sandbox)
		return 0;
	if (options->protocol == NULL)
		return options_wrong("--protocol is missing: give "
		    "--protocol=9p-proxy");
	if (options->shared_dir == NULL)
		return options_wrong("--%s is missing: give the directory to "
		    "share", helper ? "path" : "shared-dir");
	if (options->socket_path == NULL && options->fd == -1)
		return options_wrong("give the socket: --%s=PATH or --fd=N",
		    helper ? "socket" : "socket-path");
	if (options->socket_path != NULL && options->fd != -1)
		return options_wrong("--%s and --fd exclude each other: give "
		    "one", helper ? "socket" : "socket-path");
	if (helper && options->socket_path != NULL &&
	    (options->socket_uid == (uid_t)-1 ||
	    options->socket_gid == (gid_t)-1))
		return options_wrong("--socket needs --uid and --gid: the "
		    "socket's owner and group");
	if (options->socket_path == NULL &&
	    (options->socket_uid != (uid_t)-1 ||
	    options->socket_gid != (gid_t)-1))
		return options_wrong("--%s makes sense only with a socket's "
		    "path", helper ? "uid and --gid" : "socket-group");
	return 0;
}

static void
options_defaults(struct options *options)
{
	bool helper = options_name() == NAME_HELPER;

	*options = (struct options){
		.protocol = helper ? "9p-proxy" : NULL,
		.fd = -1,
		.socket_uid = (uid_t)-1,
		.socket_gid = (gid_t)-1,
		.daemonize = helper,
		.worker_path = LIBEXECDIR "/privfsd-worker",
		.log_level = LOG_LEVEL_INFO,
		.poll_us = POLL_US_DEFAULT,
		.sandbox = { .mode = SANDBOX_NAMESPACE,
		    .seccomp = SECCOMP_ACTION_KILL,
		    .worker_uid = (uid_t)-1, .worker_gid = (gid_t)-1,
		    .user_namespace = geteuid() != 0 }
	};
	caps_default(&options->sandbox.caps);
}

/* Reads the words; the combinations are not looked at yet. */
static int
options_read(struct options *options, int argc, char **argv)
{
	struct option longs[OPTIONS_ROWS + 1];
	char shorts[2 * OPTIONS_ROWS + 4];
	const struct options_row *row;
	int status, value;

	options_getopt_tables(longs, shorts);
	opterr = 0;
	for (;;) {
		value = getopt_long(argc, argv, shorts, longs, NULL);
		if (value == -1)
			break;
		if (value == ':')
			return options_wrong("%s needs a value", argv[optind - 1]);
		row = value == '?' ? NULL : options_row(value);
		if (row == NULL)
			return options_wrong("unknown, ambiguous or wrongly used "
			    "option: %s; --help lists them all",
			    argv[optind - 1]);
		status = row->take(options, row, optarg);
		if (status != 0)
			return status;
	}
	if (optind < argc)
		return options_wrong("\"%s\" belongs to no option", argv[optind]);
	return 0;
}

int
options_parse(struct options *options, int argc, char **argv)
{
	int status;

	options_program = argc > 0 ? strrchr(argv[0], '/') : NULL;
	if (options_program != NULL)
		options_program++;
	else
		options_program = argc > 0 ? argv[0] : "privfsd";
	options_defaults(options);
	status = options_read(options, argc, argv);
	options->syslog |= options->daemonize;
	if (status == 0)
		status = options_check_together(options);
	return status == 0 ? OPTIONS_RUN : status == OPTIONS_DONE ? 0 : status;
}
