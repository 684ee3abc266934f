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
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/options_table.h"

#define POLL_US_DEFAULT		50
#define NOFILE_DEFAULT		1000000	/* or what the kernel permits */
#define NOFILE_VIRTIOFS_MIN	1024	/* 66 lanes, and some files */
#define LABEL_MAX		64

#define NS_PER_S		UINT64_C(1000000000)

/* A command line while it is read. */
struct parser {
	struct options			*options;
	/* The first option that only one of the protocols has, or NULL. */
	const struct options_row	*special;
	char				 special_label[LABEL_MAX];
};

static const char *
options_usage(void)
{
	switch (options_name()) {
	case NAME_HELPER:
		return HELPER_NAME " -p DIR (-f N | -s PATH -u USER -g GROUP) "
		    "[option ...]";
	case NAME_VIRTIOFSD:
		return VIRTIOFSD_NAME " --shared-dir=DIR (--socket-path=PATH "
		    "| --fd=N) [option ...]";
	default:
		return "privfsd --protocol=NAME --shared-dir=DIR "
		    "(--socket-path=PATH | --fd=N) [option ...]";
	}
}

/* A row as it is in a list: with _ for - in its name. */
static void
options_list_name(const struct options_row *row, char *buf, size_t size)
{
	char *p;

	snprintf(buf, size, "%s", row->name);
	for (p = buf; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
}

static void
options_help_row(const struct options_row *row, bool listed)
{
	char name[LABEL_MAX], left[2 * LABEL_MAX];
	bool letter = !listed && row->letter != 0 &&
	    (options_name() != NAME_PRIVFSD || row->kind >= KIND_HELP);

	if (listed)
		options_list_name(row, name, sizeof(name));
	else
		snprintf(name, sizeof(name), "%s%s", row->name[0] == '\0' ?
		    "" : "--", row->name);
	snprintf(left, sizeof(left), "%s%s%s", name, name[0] == '\0' ||
	    row->value == NULL || row->value[0] == '[' ? "" : "=",
	    row->value == NULL ? "" : row->value);
	if (letter)
		printf("  -%c%c %-26s %s\n", row->letter,
		    row->name[0] == '\0' ? ' ' : ',', left, row->help);
	else
		printf("      %-26s %s\n", left, row->help);
}

void
options_help(void)
{
	size_t i;

	printf("usage: %s\n", options_usage());
	for (i = 0; i < options_rows; i++)
		if ((options_table[i].programs & options_name()) != 0 &&
		    options_table[i].help != NULL)
			options_help_row(&options_table[i], false);
	if (options_name() != NAME_VIRTIOFSD)
		return;
	printf("in the list of -o:\n");
	for (i = 0; i < options_rows; i++)
		if ((options_table[i].programs & NAME_LIST) != 0 &&
		    options_table[i].help != NULL)
			options_help_row(&options_table[i], true);
}

/* Takes one option, and notes if it belongs to one protocol. */
static int
options_take_row(struct parser *parser, const struct options_row *row,
    const char *label, const char *value)
{
	if (row->protocol != 0 && parser->special == NULL) {
		parser->special = row;
		snprintf(parser->special_label,
		    sizeof(parser->special_label), "%s", label);
	}
	return options_take(parser->options, row, label, value);
}

/*
 * Cuts the next element off a list, and makes each two commas in its value one:
 * the way that libvirt writes a comma in a directory's name.
 */
static char *
options_cut(char **list)
{
	char *start = *list, *in, *out = start;
	bool in_value = false;

	for (in = start; *in != '\0'; in++) {
		if (*in == ',' && (!in_value || in[1] != ','))
			break;
		in_value |= *in == '=';
		*out++ = *in;
		if (*in == ',')
			in++;
	}
	*list = *in == '\0' ? in : in + 1;
	*out = '\0';
	return start;
}

static const struct options_row *
options_find_listed(const char *word)
{
	char name[LABEL_MAX];
	size_t i;

	for (i = 0; i < options_rows; i++) {
		if ((options_table[i].programs & NAME_LIST) == 0)
			continue;
		options_list_name(&options_table[i], name, sizeof(name));
		if (strcmp(word, name) == 0)
			return &options_table[i];
	}
	return NULL;
}

static int
options_take_listed(struct parser *parser, char *word)
{
	const struct options_row *row;
	char *value = strchr(word, '=');
	char label[LABEL_MAX];

	if (value != NULL)
		*value++ = '\0';
	row = options_find_listed(word);
	if (row == NULL)
		return options_wrong("unknown option: -o %s; --help lists "
		    "them all", word);
	snprintf(label, sizeof(label), "-o %s", word);
	if (row->value == NULL && value != NULL)
		return options_wrong("%s takes no value", label);
	if (row->value != NULL && value == NULL)
		return options_wrong("%s needs a value", label);
	return options_take_row(parser, row, label, value);
}

/* Returns the two words in one, which options_free() releases, or NULL. */
static char *
options_keep(struct options *options, const char *word, const char *suffix)
{
	size_t size = strlen(word) + strlen(suffix) + 1;
	struct options_text *text;

	text = malloc(sizeof(*text) + size);
	if (text == NULL) {
		options_wrong("%s", strerror(errno));
		return NULL;
	}
	snprintf(text->text, size, "%s%s", word, suffix);
	text->next = options->texts;
	options->texts = text;
	return text->text;
}

/* A list is cut in a copy: what argv holds is what ps(1) shows. */
static int
options_take_list(struct parser *parser, const char *list)
{
	char *rest, *word;
	int status = 0;

	rest = options_keep(parser->options, list, "");
	if (rest == NULL)
		return 2;
	while (status == 0 && *rest != '\0') {
		word = options_cut(&rest);
		if (*word != '\0')
			status = options_take_listed(parser, word);
	}
	return status;
}

/* Makes getopt_long(3)'s tables of the rows that the program's name has. */
static void
options_getopt_tables(struct option *longs, char *shorts)
{
	const struct options_row *row;
	size_t i, n = 0;

	*shorts++ = ':';	/* a missing argument is ':', not '?' */
	for (i = 0; i < options_rows; i++) {
		row = &options_table[i];
		if ((row->programs & options_name()) == 0)
			continue;
		if (row->name[0] != '\0')
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
	for (i = 0; i < options_rows; i++)
		if (options_table[i].letter == value &&
		    (options_table[i].programs & options_name()) != 0)
			return &options_table[i];
	return NULL;
}

/* Makes the name of an option in messages: its long one, if it has that. */
static void
options_label(const struct options_row *row, char *buf, size_t size)
{
	if (row->name[0] == '\0')
		snprintf(buf, size, "-%c", row->letter);
	else
		snprintf(buf, size, "--%s", row->name);
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
options_read(struct parser *parser, int argc, char **argv)
{
	struct option longs[OPTIONS_ROWS_MAX + 1];
	char shorts[2 * OPTIONS_ROWS_MAX + 2];
	const struct options_row *row;
	char label[LABEL_MAX];
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
		options_label(row, label, sizeof(label));
		status = row->kind == KIND_LIST ?
		    options_take_list(parser, optarg) :
		    options_take_row(parser, row, label, optarg);
		if (status != 0)
			return status;
	}
	if (optind < argc)
		return options_wrong("\"%s\" belongs to no option; --help "
		    "lists them all",
		    argv[optind]);
	return 0;
}

static int
options_check_protocol(const struct parser *parser)
{
	const struct options *options = parser->options;

	if (options->protocol == 0)
		return options_wrong("--protocol is missing: give "
		    "--protocol=9p-proxy or --protocol=virtiofs");
	if (parser->special != NULL &&
	    parser->special->protocol != options->protocol)
		return options_wrong("%s: only with --protocol=virtiofs",
		    parser->special_label);
	if (options->protocol == WORKER_PROTOCOL_VIRTIOFS &&
	    options->rlimit_nofile < NOFILE_VIRTIOFS_MIN)
		return options_wrong("--rlimit-nofile: with virtio-fs it must "
		    "be at least %d, it is %ld", NOFILE_VIRTIOFS_MIN,
		    options->rlimit_nofile);
	return 0;
}

static int
options_check_share(const struct options *options)
{
	bool helper = options_name() == NAME_HELPER;
	bool uid = options->socket_uid != (uid_t)-1;
	bool gid = options->socket_gid != (gid_t)-1;

	if (options->shared_dir == NULL)
		return options_wrong("--%s is missing: give the directory to "
		    "share", helper ? "path" : "shared-dir");
	if ((options->socket_path == NULL) == (options->fd == -1))
		return options_wrong("give one of --%s=PATH and --fd=N",
		    helper ? "socket" : "socket-path");
	if (helper && options->socket_path != NULL && (!uid || !gid))
		return options_wrong("--socket needs --uid and --gid: the "
		    "socket's owner and group");
	/* QEMU's program ignores them. */
	if (!helper && options->socket_path == NULL && gid)
		return options_wrong("--socket-group needs --socket-path: an "
		    "inherited socket has its owner");
	return 0;
}

/* The guest's root is 0 there: without that it could make nothing. */
static int
options_check_map(const char *name, const struct namespace_map *map,
    uint32_t own)
{
	if (map->n == 0 || namespace_map_has(map, 0))
		return 0;
	return options_wrong("--%s: nothing is mapped to id 0 inside, which "
	    "the guest's root has: add a range for it, as in --%s=:0:%u:1:",
	    name, name, own);
}

static int
options_check_ids(const struct options *options)
{
	const struct sandbox_config *sandbox = &options->sandbox;

	if ((options->uid_map.n > 0 || options->gid_map.n > 0) &&
	    !sandbox->user_namespace)
		return options_wrong("--%s: only for a start without root",
		    options->uid_map.n > 0 ? "uid-map" : "gid-map");
	if (options_check_map("uid-map", &options->uid_map, getuid()) != 0 ||
	    options_check_map("gid-map", &options->gid_map, getgid()) != 0)
		return 2;
	if (sandbox->worker_uid == 0)
		return options_wrong("--worker-user: root would be no "
		    "separation: give another user");
	if (sandbox->worker_uid != (uid_t)-1 && sandbox->user_namespace)
		return options_wrong("--worker-user: only for a start as root; "
		    "--uid-map decides without");
	return 0;
}

/* The combinations that no single option can check. */
static int
options_check_together(const struct parser *parser)
{
	int status;

	status = options_check_protocol(parser);
	if (status == 0)
		status = options_check_share(parser->options);
	if (status == 0)
		status = options_check_ids(parser->options);
	return status;
}

/* No process may have more descriptors than the kernel permits (proc(5)). */
static long
options_default_nofile(void)
{
	long nofile = NOFILE_DEFAULT, most;
	FILE *file;

	file = fopen("/proc/sys/fs/nr_open", "re");
	if (file == NULL)
		return nofile;
	if (fscanf(file, "%ld", &most) == 1 && most < nofile)
		nofile = most;
	fclose(file);
	return nofile;
}

static void
options_defaults(struct options *options)
{
	unsigned int name = options_name();

	*options = (struct options){
		.protocol = name == NAME_HELPER ? WORKER_PROTOCOL_9P_PROXY :
		    name == NAME_VIRTIOFSD ? WORKER_PROTOCOL_VIRTIOFS : 0,
		.fd = -1,
		.socket_uid = (uid_t)-1,
		.socket_gid = (gid_t)-1,
		.daemonize = name == NAME_HELPER,
		.worker_path = LIBEXECDIR "/privfsd-worker",
		.log_level = LOG_LEVEL_INFO,
		.poll_us = POLL_US_DEFAULT,
		.rlimit_nofile = options_default_nofile(),
		.virtiofs = { .cache = WORKER_CACHE_AUTO,
		    .timeout_ns = OPTIONS_TIMEOUT_UNSAID,
		    .announce_submounts = true },
		.sandbox = { .mode = SANDBOX_NAMESPACE,
		    .seccomp = SECCOMP_ACTION_KILL,
		    .worker_uid = (uid_t)-1, .worker_gid = (gid_t)-1,
		    .user_namespace = geteuid() != 0 }
	};
	caps_default(&options->sandbox.caps);
}

/* The Rust virtiofsd has its pid file beside a socket that it makes. */
static int
options_name_pid_file(struct options *options)
{
	if (options_name() != NAME_VIRTIOFSD || options->pid_file != NULL ||
	    options->socket_path == NULL)
		return 0;
	options->pid_file = options_keep(options, options->socket_path,
	    ".pid");
	return options->pid_file == NULL ? 2 : 0;
}

/* Decides what depends on other options, and was not said. */
static void
options_finish(struct options *options)
{
	static const uint64_t timeouts[] = {
		[WORKER_CACHE_NONE] = 0,
		[WORKER_CACHE_METADATA] = 86400 * NS_PER_S,
		[WORKER_CACHE_AUTO] = NS_PER_S,
		[WORKER_CACHE_ALWAYS] = 86400 * NS_PER_S
	};
	struct options_virtiofs *virtiofs = &options->virtiofs;

	options->syslog |= options->daemonize;
	options->sandbox.virtiofs =
	    options->protocol == WORKER_PROTOCOL_VIRTIOFS;
	if (virtiofs->timeout_ns == OPTIONS_TIMEOUT_UNSAID)
		virtiofs->timeout_ns = timeouts[virtiofs->cache];
	if (virtiofs->readdirplus == OPTIONS_UNSAID)
		virtiofs->readdirplus = OPTIONS_ON;
}

int
options_parse(struct options *options, int argc, char **argv)
{
	struct parser parser = { .options = options };
	int status;

	options_set_program(argc > 0 ? argv[0] : "privfsd");
	options_defaults(options);
	status = options_read(&parser, argc, argv);
	options_finish(options);
	if (status == 0)
		status = options_name_pid_file(options);
	if (status == 0 && options->print_sandbox == OPTIONS_PRINT_NOT)
		status = options_check_together(&parser);
	return status == 0 ? OPTIONS_RUN : status == OPTIONS_DONE ? 0 : status;
}

void
options_free(struct options *options)
{
	struct options_text *next;

	for (; options->texts != NULL; options->texts = next) {
		next = options->texts->next;
		free(options->texts);
	}
}
