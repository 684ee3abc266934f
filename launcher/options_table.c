/*
 * SPDX-License-Identifier: ISC
 *
 * The table of all options, of all names that the program has.
 */
#include "config.h"

#include "launcher/options_table.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define POLL_US_MAX	1000000
#define FD_MIN		3	/* 0 to 2 are not for sockets */
#define NOFILE_MIN	128
#define THREADS_MAX	1024
#define TAG_MAX		36	/* virtio 1.2, 5.11.4 */

static int
options_protocol(const char *word)
{
	if (strcmp(word, "virtiofs") == 0)
		return WORKER_PROTOCOL_VIRTIOFS;
	return strcmp(word, "9p-proxy") == 0 ? WORKER_PROTOCOL_9P_PROXY : -1;
}

static int
options_form(const char *word)
{
	if (word == NULL || strcmp(word, "text") == 0)
		return OPTIONS_PRINT_TEXT;
	return strcmp(word, "json") == 0 ? OPTIONS_PRINT_JSON : -1;
}

static int
options_cache(const char *word)
{
	static const struct {
		const char		*word;
		enum worker_cache	 cache;
	} words[] = {
		{ "none",	WORKER_CACHE_NONE },
		{ "never",	WORKER_CACHE_NONE },
		{ "metadata",	WORKER_CACHE_METADATA },
		{ "auto",	WORKER_CACHE_AUTO },
		{ "always",	WORKER_CACHE_ALWAYS },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].word) == 0)
			return (int)words[i].cache;
	return -1;
}

/* The one word that says: as without the option. */
static int
options_never(const char *word)
{
	return strcmp(word, "never") == 0 ? 0 : -1;
}

#define FIELD(member)	offsetof(struct options, member)

#define ROW(n, l, p, k, o, v, ...)					\
	{ .name = (n), .letter = (l), .programs = (p), .kind = (k),	\
	    .offset = (o), .value = (v), .help = __VA_ARGS__ }

/* Of virtio-fs alone. */
#define FS_FIELD(member)	FIELD(virtiofs.member)
#define FS_ROW(n, p, k, o, v, ...)					\
	{ .name = (n), .programs = (p), .kind = (k), .offset = (o),	\
	    .value = (v), .protocol = WORKER_PROTOCOL_VIRTIOFS,		\
	    .help = __VA_ARGS__ }

/* What the programs that privfsd replaces have, and it has not. */
#define LATER(n, p, v)	FS_ROW(n, p, KIND_LATER, 0, v, NULL)
#define IGNORED(n, p, v)	FS_ROW(n, p, KIND_IGNORED, 0, v, NULL)

const struct options_row options_table[] = {
	ROW("protocol", 0, NAME_PRIVFSD, KIND_WORD, FIELD(protocol),
	    "NAME", "9p-proxy or virtiofs", .parse = options_protocol),
	ROW("shared-dir", 0, NAME_FS, KIND_STRING, FIELD(shared_dir),
	    "DIR", "the directory to share"),
	ROW("source", 0, NAME_LIST, KIND_STRING, FIELD(shared_dir),
	    "DIR", "the same"),
	ROW("path", 'p', NAME_HELPER, KIND_STRING, FIELD(shared_dir),
	    "DIR", "the directory to share"),

	/* The socket. */
	ROW("socket-path", 0, NAME_FS, KIND_STRING, FIELD(socket_path),
	    "PATH", "make a socket there and wait for the front-end"),
	ROW("socket", 0, NAME_VIRTIOFSD, KIND_STRING, FIELD(socket_path),
	    "PATH", "the same, an old name"),
	ROW("socket", 's', NAME_HELPER, KIND_STRING, FIELD(socket_path),
	    "PATH", "make a socket there; needs -u and -g"),
	ROW("socket-group", 0, NAME_FS, KIND_GROUP, FIELD(socket_gid),
	    "GROUP", "who may use the socket as well"),
	ROW("uid", 'u', NAME_HELPER, KIND_USER, FIELD(socket_uid),
	    "USER", "the socket's owner"),
	ROW("gid", 'g', NAME_HELPER, KIND_GROUP, FIELD(socket_gid),
	    "GROUP", "the socket's group"),
	ROW("fd", 0, NAME_FS, KIND_NUMBER, FIELD(fd),
	    "N", "use the inherited socket N", .min = FD_MIN, .max = INT_MAX),
	ROW("fd", 'f', NAME_HELPER, KIND_NUMBER, FIELD(fd),
	    "N", "use the inherited socket N", .min = FD_MIN, .max = INT_MAX),
	ROW("inherited-fd", 'i', NAME_HELPER, KIND_NUMBER, FIELD(fd),
	    "N", "the same", .min = FD_MIN, .max = INT_MAX),

	/* What a guest may do and keep. */
	ROW("readonly", 0, NAME_ALL, KIND_FLAG, FIELD(sandbox.readonly),
	    NULL, "let nothing be changed"),
	FS_ROW("cache", NAME_FS | NAME_LIST, KIND_WORD, FS_FIELD(cache),
	    "MODE", "none, never, metadata, auto (default) or always",
	    .parse = options_cache),
	FS_ROW("timeout", NAME_FS | NAME_LIST, KIND_SECONDS,
	    FS_FIELD(timeout_ns), "SECONDS",
	    "of names and attributes, not as the cache mode has it"),
	FS_ROW("negative-timeout", NAME_FS, KIND_SECONDS,
	    FS_FIELD(negative_timeout_ns), "SECONDS",
	    "of names that do not exist"),
	FS_ROW("writeback", NAME_FS | NAME_LIST, KIND_FLAG,
	    FS_FIELD(writeback), NULL, "the guest may write later"),
	FS_ROW("no-writeback", NAME_LIST, KIND_CLEAR, FS_FIELD(writeback),
	    NULL, "at once (default)"),
	FS_ROW("allow-direct-io", NAME_FS | NAME_LIST, KIND_FLAG,
	    FS_FIELD(allow_direct_io), NULL, "O_DIRECT passes the host's "
	    "cache too"),
	FS_ROW("no-allow-direct-io", NAME_LIST, KIND_CLEAR,
	    FS_FIELD(allow_direct_io), NULL, "only the guest's (default)"),
	FS_ROW("xattr", NAME_FS | NAME_LIST, KIND_FLAG, FS_FIELD(xattr),
	    NULL, "extended attributes"),
	FS_ROW("no-xattr", NAME_LIST, KIND_CLEAR, FS_FIELD(xattr),
	    NULL, "none (default)"),
	FS_ROW("readdirplus", NAME_LIST, KIND_CONSTANT,
	    FS_FIELD(readdirplus), NULL,
	    "attributes with directory entries (default)", .min = OPTIONS_ON),
	FS_ROW("no-readdirplus", NAME_FS | NAME_LIST, KIND_CONSTANT,
	    FS_FIELD(readdirplus), NULL,
	    "names without attributes in directories", .min = OPTIONS_OFF),
	FS_ROW("announce-submounts", NAME_FS | NAME_LIST, KIND_FLAG,
	    FS_FIELD(announce_submounts), NULL,
	    "mounts in the share are mounts in the guest (default)"),
	FS_ROW("no-announce-submounts", NAME_FS | NAME_LIST, KIND_CLEAR,
	    FS_FIELD(announce_submounts), NULL, "they are directories"),
	FS_ROW("tag", NAME_FS, KIND_STRING, FS_FIELD(tag),
	    "NAME", "what the guest mounts, where the front-end asks",
	    .max = TAG_MAX),

	/* Confinement. */
	ROW("sandbox", 0, NAME_ALL | NAME_LIST, KIND_WORD,
	    FIELD(sandbox.mode), "MODE", "namespace (default), chroot or none",
	    .parse = sandbox_mode_parse),
	ROW("seccomp", 0, NAME_ALL, KIND_WORD, FIELD(sandbox.seccomp),
	    "ACTION", "kill (default), log, trap or none",
	    .parse = seccomp_action_parse),
	ROW("modcaps", 0, NAME_ALL | NAME_LIST, KIND_CAPS,
	    FIELD(sandbox.caps), "+CAP:-CAP",
	    "give the monitor more or fewer capabilities"),
	ROW("uid-map", 0, NAME_ALL, KIND_MAP, FIELD(uid_map),
	    "MAP", "user ids, without root: :namespace:host:count:"),
	ROW("gid-map", 0, NAME_ALL, KIND_MAP, FIELD(gid_map),
	    "MAP", "group ids, the same"),
	ROW("worker-user", 0, NAME_ALL, KIND_USER, FIELD(sandbox.worker_uid),
	    "USER", "who the worker runs as; best one for each daemon"),
	ROW("rlimit-nofile", 0, NAME_ALL, KIND_NOFILE, FIELD(rlimit_nofile),
	    "N", "descriptors at most; 0 leaves the limit as it is",
	    .min = NOFILE_MIN, .max = INT_MAX),

	/* Running. */
	FS_ROW("thread-pool-size", NAME_FS, KIND_NUMBER,
	    FS_FIELD(thread_pool_size), "N",
	    "threads for what blocks, at most; 0 (default) stands for 16",
	    .max = THREADS_MAX),
	ROW("poll-us", 0, NAME_ALL, KIND_NUMBER, FIELD(poll_us),
	    "N", "microseconds to poll before sleeping, 0 is off",
	    .max = POLL_US_MAX),
	ROW("daemonize", 0, NAME_FS, KIND_FLAG, FIELD(daemonize),
	    NULL, "go to the background once ready, log to syslog"),
	ROW("nodaemon", 'n', NAME_HELPER, KIND_CLEAR, FIELD(daemonize),
	    NULL, "stay in the foreground, log to stderr"),
	ROW("", 'f', NAME_VIRTIOFSD, KIND_CLEAR, FIELD(daemonize),
	    NULL, "stay in the foreground (default)"),
	ROW("pid-file", 0, NAME_ALL, KIND_STRING, FIELD(pid_file),
	    "PATH", "write the process's id there"),
	ROW("log-level", 0, NAME_ALL | NAME_LIST, KIND_WORD, FIELD(log_level),
	    "LEVEL", "error, warn, info (default), debug, trace or off",
	    .parse = log_level_parse),
	ROW("", 'd', NAME_VIRTIOFSD, KIND_CONSTANT, FIELD(log_level),
	    NULL, "log level debug", .min = LOG_LEVEL_DEBUG),
	ROW("debug", 0, NAME_LIST, KIND_CONSTANT, FIELD(log_level),
	    NULL, "log level debug", .min = LOG_LEVEL_DEBUG),
	ROW("syslog", 0, NAME_ALL, KIND_FLAG, FIELD(syslog),
	    NULL, "log to syslog"),
	ROW("worker-path", 0, NAME_ALL, KIND_STRING, FIELD(worker_path),
	    "PATH", "the worker's program"),

	/* Of virtiofsd, and not here. */
	LATER("flock", NAME_FS | NAME_LIST, NULL),
	IGNORED("no-flock", NAME_LIST, NULL),
	LATER("posix-lock", NAME_FS | NAME_LIST, NULL),
	IGNORED("no-posix-lock", NAME_LIST, NULL),
	LATER("xattrmap", NAME_FS | NAME_LIST, "MAP"),
	LATER("posix-acl", NAME_FS | NAME_LIST, NULL),
	IGNORED("no-posix-acl", NAME_LIST, NULL),
	LATER("security-label", NAME_FS | NAME_LIST, NULL),
	IGNORED("no-security-label", NAME_LIST, NULL),
	IGNORED("killpriv-v2", NAME_FS | NAME_LIST, NULL),
	IGNORED("no-killpriv-v2", NAME_FS | NAME_LIST, NULL),
	FS_ROW("inode-file-handles", NAME_FS, KIND_LATER, 0, "WHEN", NULL,
	    .parse = options_never),
	LATER("allow-mmap", NAME_FS, NULL),
	LATER("preserve-noatime", NAME_FS, NULL),
	LATER("translate-uid", NAME_FS, "MAP"),
	LATER("translate-gid", NAME_FS, "MAP"),
	LATER("allow-root", NAME_LIST, NULL),
	LATER("migration-mode", NAME_FS, "MODE"),
	LATER("migration-on-error", NAME_FS, "ACTION"),
	LATER("migration-verify-handles", NAME_FS, NULL),
	LATER("migration-confirm-paths", NAME_FS, NULL),
	IGNORED("max-idle-threads", NAME_LIST, "N"),

	ROW("", 'o', NAME_VIRTIOFSD, KIND_LIST, 0, "LIST",
	    "options from below, with commas between them"),
	ROW("print-sandbox", 0, NAME_ALL, KIND_WORD, FIELD(print_sandbox),
	    "[=FORM]", "text or json: say what each process may do",
	    .parse = options_form),
	ROW("print-capabilities", 0, NAME_FS, KIND_CAPABILITIES, 0,
	    NULL, "what a virtual machine's manager asks, as JSON"),
	ROW("help", 'h', NAME_ALL, KIND_HELP, 0, NULL, "this text"),
	ROW("version", 'V', NAME_ALL, KIND_VERSION, 0, NULL, "the version"),
};
const size_t options_rows = sizeof(options_table) / sizeof(options_table[0]);
_Static_assert(sizeof(options_table) / sizeof(options_table[0]) <=
    OPTIONS_ROWS_MAX, "getopt_long() gets them all");
