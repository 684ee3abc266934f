/* SPDX-License-Identifier: ISC */
/*
 * All names of the program: lines to systemd's journal have a priority before
 * them, as sd-daemon(3) says, and others have not. Test code; runs as root.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "names.h"
#include "server.h"
#include "tap.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* systemd.exec(5), JOURNAL_STREAM: device and inode of the stream. */
#define STREAM	"JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)"

static const struct {
	const char	*name;
	const char	*before;
	int		 prefixed;
} streams[] = {
	{ "the journal", STREAM "; export JOURNAL_STREAM", 1 },
	{ "no journal", "unset JOURNAL_STREAM", 0 },
	{ "stderr somewhere else", "export JOURNAL_STREAM=1:2", 0 },
	{ "more than a stream", STREAM "0; export JOURNAL_STREAM", 0 },
	{ "half a stream", "export JOURNAL_STREAM=$(stat -L -c %d "
	    "/proc/self/fd/2)", 0 },
	{ "words", "export JOURNAL_STREAM=stream", 0 },
	{ "nothing", "export JOURNAL_STREAM=", 0 },
};

/* The priority that fits what a line says of itself. */
static char
priority_of(const char *text)
{
	static const struct {
		const char	*begin;
		char		 priority;
	} levels[] = {
		{ "privfsd: error: ", '3' }, { "privfsd: warning: ", '4' },
		{ "privfsd: debug: ", '7' }, { "privfsd: trace: ", '7' },
		{ "privfsd: ", '6' },
	};

	for (size_t i = 0; i < COUNT(levels); i++)
		if (strncmp(text, levels[i].begin,
		    strlen(levels[i].begin)) == 0)
			return levels[i].priority;
	return '?';
}

/*
 * Every line is as it should be, and there are some.  What is said of options
 * that are wrong are errors, without a word that says so.
 */
static int
lines_are(const char *log, int prefixed, int usage)
{
	int lines = 0, wrong = 0;
	char want[4] = "<?>";

	for (const char *line = log; *line != '\0'; lines++) {
		const char *end = strchr(line, '\n');

		if (prefixed) {
			want[1] = usage ? '3' : strlen(line) < 3 ? '?' :
			    priority_of(line + 3);
			wrong += strncmp(line, want, 3) != 0;
		} else
			wrong += *line == '<';
		line = end == NULL ? line + strlen(line) : end + 1;
	}
	if (wrong != 0)
		tap_diag("%s", log);
	return lines > 0 && wrong == 0;
}

static void
test_stream(const struct fixture *f, enum names name, size_t i)
{
	struct names_how how = { .name = name, .before = streams[i].before,
	    .extra = { "--log-level=debug" } };
	char what[64];
	struct named d;

	snprintf(what, sizeof(what), "%s, %s", names_label(name),
	    streams[i].name);
	names_start(&d, f, &how);
	tap_ok(names_wait_log(&d, "ready: "), "%s: ready", what);
	kill(d.pid, SIGTERM);
	tap_ok(names_wait_log(&d, "ended\n"), "%s: it ends", what);
	tap_ok(lines_are(server_log_text(d.log_fd), streams[i].prefixed, 0),
	    "%s: lines", what);
	names_end(&d, 0, what);
}

/* What ends a start, before and after the options are known. */
static void
test_errors(const struct fixture *f, enum names name, size_t i)
{
	static const struct {
		const char	*extra;
		int		 status;
	} rows[] = {
		{ "--nonsense", 2 }, { "--worker-user=0", 2 },
		{ "--worker-path=/nonexistent", 1 },
	};
	struct names_how how = { .name = name, .before = streams[i].before };
	char what[64];
	struct named d;

	for (size_t j = 0; j < COUNT(rows); j++) {
		snprintf(what, sizeof(what), "%s, %s, %s", names_label(name),
		    streams[i].name, rows[j].extra);
		how.extra[0] = rows[j].extra;
		names_start(&d, f, &how);
		tap_is_int(server_wait_or_kill(d.pid, SERVER_TIMEOUT_MS),
		    rows[j].status, "%s: exit status", what);
		tap_ok(lines_are(server_log_text(d.log_fd),
		    streams[i].prefixed, rows[j].status == 2), "%s: lines",
		    what);
		close(d.log_fd);
	}
}

static void
body(struct fixture *f)
{
	for (enum names name = 0; name < NAMES; name++)
		for (size_t i = 0; i < 2; i++) {
			test_stream(f, name, i);
			test_errors(f, name, i);
		}
	for (size_t i = 2; i < COUNT(streams); i++)
		test_stream(f, NAMES_VIRTIOFS, i);
}

int
main(void)
{
	return fixture_main(body, 300);
}
