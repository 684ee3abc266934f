/*
 * SPDX-License-Identifier: ISC
 *
 * The command lines of all names that the program has.
 */
#ifndef LAUNCHER_OPTIONS_H
#define LAUNCHER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/log.h"
#include "sandbox/sandbox.h"

enum options_protocol {
	OPTIONS_9P_PROXY = 1
};

enum options_print {
	OPTIONS_PRINT_NOT,
	OPTIONS_PRINT_TEXT,
	OPTIONS_PRINT_JSON
};

struct options {
	enum options_protocol	 protocol;
	const char		*shared_dir;
	const char		*socket_path;	/* NULL: `fd` */
	long			 fd;		/* -1: `socket_path` */
	uid_t			 socket_uid;	/* -1: as it is */
	gid_t			 socket_gid;	/* -1: the owner's alone */
	bool			 daemonize;
	bool			 syslog;
	const char		*pid_file;
	const char		*worker_path;
	enum log_level		 log_level;
	long			 poll_us;
	long			 rlimit_nofile;
	const char		*uid_map;
	const char		*gid_map;
	enum options_print	 print_sandbox;
	struct sandbox_config	 sandbox;
};

#define OPTIONS_RUN	(-1)	/* options_parse(): go on */

/*
 * Reads the command line; the program's name in argv[0] says whose.  Returns
 * OPTIONS_RUN, or the status to exit with: 0 after --help and --version, 2
 * after saying on stderr which option is wrong, how, and what would be
 * right.  The strings in `options` are those of argv.
 */
int	options_parse(struct options *options, int argc, char **argv);

#endif /* LAUNCHER_OPTIONS_H */
