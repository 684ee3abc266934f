/*
 * SPDX-License-Identifier: ISC
 *
 * The command lines of all names that the program has.
 */
#ifndef LAUNCHER_OPTIONS_H
#define LAUNCHER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/log.h"
#include "sandbox/sandbox.h"

enum options_print {
	OPTIONS_PRINT_NOT,
	OPTIONS_PRINT_TEXT,
	OPTIONS_PRINT_JSON
};

enum options_choice {
	OPTIONS_UNSAID,
	OPTIONS_ON,
	OPTIONS_OFF
};

/* What virtio-fs alone has. */
struct options_virtiofs {
	enum worker_cache	 cache;
	uint64_t		 timeout_ns;
	uint64_t		 negative_timeout_ns;
	long			 thread_pool_size;	/* 0: as it likes */
	const char		*tag;		/* or NULL */
	enum options_choice	 readdirplus;	/* said, when it is parsed */
	bool			 writeback;
	bool			 allow_direct_io;
	bool			 announce_submounts;
	bool			 xattr;
};

/* What is not in argv as it should be; fields of struct options point there. */
struct options_text {
	struct options_text	*next;
	char			 text[];
};

struct options {
	enum worker_protocol	 protocol;
	const char		*shared_dir;
	const char		*socket_path;	/* NULL: `fd` */
	long			 fd;		/* -1: `socket_path` */
	uid_t			 socket_uid;	/* -1: as it is */
	gid_t			 socket_gid;	/* -1: the owner's alone */
	bool			 daemonize;
	bool			 syslog;
	const char		*pid_file;	/* or NULL */
	const char		*worker_path;
	enum log_level		 log_level;
	long			 poll_us;
	long			 rlimit_nofile;
	struct namespace_map	 uid_map;	/* empty: the own id */
	struct namespace_map	 gid_map;
	enum options_print	 print_sandbox;
	struct options_virtiofs	 virtiofs;
	struct sandbox_config	 sandbox;
	struct options_text	*texts;
};

#define OPTIONS_RUN	(-1)	/* options_parse(): go on */

/*
 * Reads the command line; the program's name in argv[0] says whose.  Returns
 * OPTIONS_RUN, or the status to exit with: 0 after --help, --version and
 * --print-capabilities, 2 after saying on stderr which option is wrong, how,
 * and what would be right.  The strings in `options` are those of argv, whose
 * bytes stay as they are, or options_free()'s, which is called in any case.
 */
int	options_parse(struct options *options, int argc, char **argv);
void	options_free(struct options *options);

#endif /* LAUNCHER_OPTIONS_H */
