/*
 * SPDX-License-Identifier: ISC
 *
 * Log lines: levels, escaping, rate limits.  Linked into every process; what
 * it formats may come from anyone, so it leaves as printable ASCII.
 */
#include "config.h"

#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* One byte more than a line may have: then log_escape() sees that it's cut. */
#define LOG_RAW_SIZE	(LOG_LINE_MAX + 2)

static void	log_stderr(void *, enum log_level, const char *);

/* Of the process: set once at start, before there are threads. */
static enum log_level	 current_level = LOG_LEVEL_INFO;
static log_sink		*current_sink = log_stderr;
static void		*current_arg;
static bool		 stderr_priorities;

const char *
log_stderr_priority(enum log_level level)
{
	static const char *const priorities[] = { "<3>", "<3>", "<4>", "<6>",
	    "<7>", "<7>" };

	return stderr_priorities ? priorities[level] : "";
}

void
log_stderr_priorities(void)
{
	stderr_priorities = true;
}

static void
log_stderr(void *arg, enum log_level level, const char *text)
{
	static const char *const names[] = { "", "error: ", "warning: ", "",
	    "debug: ", "trace: " };

	(void)arg;
	fprintf(stderr, "%sprivfsd: %s%s\n", log_stderr_priority(level),
	    names[level], text);
}

void
log_init(enum log_level level, log_sink *sink, void *arg)
{
	current_level = level;
	current_sink = sink != NULL ? sink : log_stderr;
	current_arg = arg;
}

enum log_level
log_level(void)
{
	return current_level;
}

int
log_level_parse(const char *name)
{
	static const struct {
		const char	*name;
		enum log_level	 level;
	} levels[] = {
		{ "off",	LOG_LEVEL_OFF },
		{ "error",	LOG_LEVEL_ERROR },
		{ "err",	LOG_LEVEL_ERROR },
		{ "warn",	LOG_LEVEL_WARN },
		{ "warning",	LOG_LEVEL_WARN },
		{ "info",	LOG_LEVEL_INFO },
		{ "debug",	LOG_LEVEL_DEBUG },
		{ "trace",	LOG_LEVEL_TRACE },
	};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcasecmp(name, levels[i].name) == 0)
			return (int)levels[i].level;
	return -1;
}

/* Writes the escaped form of `c` to `unit` and returns its length. */
static size_t
escape_byte(char unit[4], unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	unit[0] = '\\';
	if (c == '\\') {
		unit[1] = '\\';
		return 2;
	}
	if (c >= 0x20 && c < 0x7f) {
		unit[0] = (char)c;
		return 1;
	}
	unit[1] = 'x';
	unit[2] = hex[c >> 4];
	unit[3] = hex[c & 0xf];
	return 4;
}

void
log_escape(char *dst, size_t size, const void *src, size_t len)
{
	const unsigned char *bytes = src;
	char unit[4];
	size_t at = 0, cut = 0, n;

	if (size == 0)
		return;
	for (size_t i = 0; i < len; i++) {
		n = escape_byte(unit, bytes[i]);
		if (at + n >= size) {
			n = size - 1 - cut;
			if (n > 3)
				n = 3;
			memcpy(dst + cut, "...", n);
			at = cut + n;
			break;
		}
		memcpy(dst + at, unit, n);
		at += n;
		if (at + 3 < size)
			cut = at;
	}
	dst[at] = '\0';
}

static bool
log_wanted(enum log_level level)
{
	return level != LOG_LEVEL_OFF && level <= current_level;
}

static void
log_emit(enum log_level level, const char *raw)
{
	char text[LOG_LINE_MAX + 1];

	log_escape(text, sizeof(text), raw, strlen(raw));
	current_sink(current_arg, level, text);
}

static void __attribute__((format(printf, 2, 0)))
log_vmsg(enum log_level level, const char *fmt, va_list ap)
{
	char raw[LOG_RAW_SIZE];
	int saved_errno = errno;

	if (!log_wanted(level))
		return;
	if (vsnprintf(raw, sizeof(raw), fmt, ap) >= 0)
		log_emit(level, raw);
	errno = saved_errno;
}

void
log_msg(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vmsg(level, fmt, ap);
	va_end(ap);
}

static uint64_t
log_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Gives back one line for every interval that has passed. */
static void
limit_refill(struct log_limit *limit, uint64_t now_ms)
{
	uint64_t back;

	if (limit->used == 0 || limit->interval_ms == 0) {
		limit->stamp_ms = now_ms;
		return;
	}
	back = (now_ms - limit->stamp_ms) / limit->interval_ms;
	limit->stamp_ms += back * limit->interval_ms;
	limit->used = back < limit->used ? limit->used - (uint32_t)back : 0;
}

/*
 * Takes one line out of the budget.  Returns whether there was one, after
 * saying how many were suppressed before it.
 */
static bool
limit_take(struct log_limit *limit, enum log_level level)
{
	limit_refill(limit, log_now_ms());
	if (limit->used >= limit->burst) {
		limit->suppressed++;
		return false;
	}
	limit->used++;
	if (limit->suppressed > 0)
		log_msg(level, "%u lines like the next were suppressed",
		    limit->suppressed);
	limit->suppressed = 0;
	return true;
}

void
log_limited(struct log_limit *limit, enum log_level level,
    const char *fmt, ...)
{
	int saved_errno = errno;
	va_list ap;

	if (log_wanted(level) && limit_take(limit, level)) {
		va_start(ap, fmt);
		log_vmsg(level, fmt, ap);
		va_end(ap);
	}
	errno = saved_errno;
}

void
log_relay(struct log_limit *limit, enum log_level level, const char *tag,
    const char *text, size_t len)
{
	char line[LOG_LINE_MAX + 1];
	int n;

	if (!log_wanted(level) || (limit != NULL && !limit_take(limit, level)))
		return;
	n = snprintf(line, sizeof(line), "%s: ", tag);
	if (n < 0 || (size_t)n >= sizeof(line))
		return;
	if (len > sizeof(line) - 1 - (size_t)n)
		len = sizeof(line) - 1 - (size_t)n;
	for (size_t i = 0; i < len; i++)
		line[(size_t)n + i] = text[i] >= 0x20 && text[i] < 0x7f ?
		    text[i] : '?';
	line[(size_t)n + len] = '\0';
	current_sink(current_arg, level, line);
}
