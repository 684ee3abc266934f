/*
 * SPDX-License-Identifier: ISC
 *
 * Log lines of all three processes.  Monitor and worker have no file system
 * and no syslog: their lines travel over the channel to the launcher, which
 * tags them.  Whatever a line contains, it leaves as one line of printable
 * ASCII: other bytes are written \xNN, a backslash as \\.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_OFF,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_TRACE
};

#define LOG_LINE_MAX	1024	/* bytes of a line's text, without NUL */

/*
 * Where a finished line goes: `text` is escaped, NUL-terminated and has no
 * newline.  Must not block for long and must not log.
 */
typedef void log_sink(void *arg, enum log_level level, const char *text);

/*
 * Sets the level and the sink; NULL is stderr.  Before it, lines of INFO go to
 * stderr.
 */
void	log_init(enum log_level level, log_sink *sink, void *arg);

/*
 * From here on lines to stderr begin with "<N>", N being the priority of
 * syslog(3), as sd-daemon(3) has it.
 */
void	log_stderr_priorities(void);

/* Returns what a line to stderr begins with: "" unless it is as above. */
const char *
	log_stderr_priority(enum log_level level);

/* Returns the level that log_init() was given. */
enum log_level
	log_level(void);

/*
 * Returns the level that `name` (error, err, warn, warning, info, debug,
 * trace, off) stands for, or -1.
 */
int	log_level_parse(const char *name);

/* Writes one line if `level` is wanted.  Keeps errno. */
void	log_msg(enum log_level level, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

#define log_error(...)	log_msg(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)	log_msg(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)	log_msg(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	log_msg(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * A budget for lines that an outsider can cause: `burst` lines, one more each
 * `interval_ms`.  Initialise the first two, leave the rest zero.
 */
struct log_limit {
	uint32_t	burst;
	uint32_t	interval_ms;
	uint32_t	used;
	uint32_t	suppressed;
	uint64_t	stamp_ms;
};

/*
 * As log_msg(), within `limit`.  The first line after suppressed ones says
 * how many they were.
 */
void	log_limited(struct log_limit *limit, enum log_level level,
	    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Writes a line that another process has made and says that it escaped; what is
 * not printable in it all the same becomes "?".  `limit` may be NULL.
 */
void	log_relay(struct log_limit *limit, enum log_level level,
	    const char *tag, const char *text, size_t len);

/*
 * Escapes `len` bytes of `src` into `dst`, which has room for `size` bytes
 * and is always NUL-terminated; a text that does not fit ends in "...".
 */
void	log_escape(char *dst, size_t size, const void *src, size_t len);

#endif /* COMMON_LOG_H */
