/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: command lines that are wrong. Each says on stderr which option it
 * is and what is wrong with it; the exit status is 2 (or 1 where the option is
 * fine and what it names is not), and nothing is left.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "p9_suite.h"
#include "procs.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define MAX_ARGS	16

/*
 * Arguments: SHARE and SOCK are replaced by good paths, FILE by a regular
 * file, LONG by a path that is too long for a socket. says: words that must
 * all be in the message, separated by '|'.
 */
struct row {
	const char	*args[MAX_ARGS];
	const char	*says;
};

#define BASE	"--protocol=9p-proxy", "--shared-dir=SHARE"
#define GOOD	BASE, "--socket-path=SOCK"

static const struct row privfsd_rows[] = {
	{ { "--shared-dir=SHARE", "--socket-path=SOCK" }, "protocol" },
	{ { "--protocol=9p", "--shared-dir=SHARE", "--socket-path=SOCK" },
	    "protocol|9p" },
	{ { "--protocol=", "--shared-dir=SHARE", "--socket-path=SOCK" },
	    "protocol" },
	{ { "--protocol=9p-proxy", "--socket-path=SOCK" }, "shared-dir" },
	{ { "--protocol=9p-proxy", "--shared-dir=", "--socket-path=SOCK" },
	    "shared-dir" },
	{ { BASE }, "socket-path|fd" },
	{ { GOOD, "--fd=5" }, "socket-path|fd" },
	{ { BASE, "--fd=abc" }, "fd|abc" },
	{ { BASE, "--fd=" }, "fd" },
	{ { BASE, "--fd=-1" }, "fd|-1" },
	{ { BASE, "--fd=5x" }, "fd|5x" },
	{ { BASE, "--fd=99999999999999999999" }, "fd|99999999999999999999" },
	{ { BASE, "--fd=4294967299" }, "fd|4294967299" },
	{ { BASE, "--socket-path=" }, "socket-path" },
	{ { GOOD, "--sandbox=jail" }, "sandbox|jail|chroot" },
	{ { GOOD, "--sandbox" }, "sandbox" },
	{ { GOOD, "--seccomp=maybe" }, "seccomp|maybe|kill" },
	{ { GOOD, "--modcaps=mknod" }, "modcaps|mknod" },
	{ { GOOD, "--modcaps=+no_such_cap" }, "modcaps|no_such_cap" },
	{ { GOOD, "--modcaps=+" }, "modcaps" },
	{ { GOOD, "--modcaps=" }, "modcaps" },
	{ { GOOD, "--rlimit-nofile=many" }, "rlimit-nofile|many" },
	{ { GOOD, "--rlimit-nofile=-5" }, "rlimit-nofile|-5" },
	{ { GOOD, "--rlimit-nofile=1e3" }, "rlimit-nofile|1e3" },
	{ { GOOD, "--log-level=loud" }, "log-level|loud|debug" },
	{ { GOOD, "--poll-us=soon" }, "poll-us|soon" },
	{ { GOOD, "--poll-us=-1" }, "poll-us|-1" },
	{ { GOOD, "--uid-map=everything" }, "uid-map|everything" },
	{ { GOOD, "--gid-map=:0:x:1:" }, "gid-map" },
	{ { GOOD, "--no-such-option" }, "no-such-option" },
	{ { GOOD, "--no-such-option=3" }, "no-such-option" },
	{ { GOOD, "surplus" }, "surplus" },
	{ { GOOD, "--readonly=perhaps" }, "readonly" },
};

/* The option is fine, what it names is not. */
static const struct row privfsd_named[] = {
	{ { BASE, "--fd=77" }, "fd|77" },
	{ { BASE, "--fd=0" }, "fd|from 3" },
	{ { GOOD, "--socket-group=no-such-group" },
	    "socket-group|no-such-group" },
	{ { "--protocol=9p-proxy", "--shared-dir=/no/such/place",
	    "--socket-path=SOCK" }, "/no/such/place" },
	{ { "--protocol=9p-proxy", "--shared-dir=FILE",
	    "--socket-path=SOCK" }, "FILE|directory" },
	{ { BASE, "--socket-path=FILE" }, "FILE|exist" },
	{ { BASE, "--socket-path=LONG" }, "socket|107" },
	{ { BASE, "--socket-path=/no/such/place/sock" },
	    "/no/such/place/sock" },
};

static const struct row dropin_rows[] = {
	{ { "-n", "-f", "5" }, "path" },
	{ { "-n", "-p", "SHARE" }, "fd|socket" },
	{ { "-n", "-p", "SHARE", "-s", "SOCK" }, "uid|gid" },
	{ { "-n", "-p", "SHARE", "-s", "SOCK", "-u", "1" }, "gid" },
	{ { "-n", "-p", "SHARE", "-s", "SOCK", "-g", "1" }, "uid" },
	{ { "-n", "-p", "SHARE", "-s", "SOCK", "-u", "no-one", "-g", "1" },
	    "uid|no-one" },
	{ { "-n", "-p", "SHARE", "-s", "SOCK", "-u", "1", "-g", "-1" },
	    "gid|-1" },
	{ { "-n", "-p", "SHARE", "-s", "SOCK", "-u", "1", "-g",
	    "4294967296" }, "gid|4294967296" },
	{ { "-n", "-p", "SHARE", "-s", "SOCK", "-f", "5", "-u", "1", "-g",
	    "1" }, "socket|fd" },
	{ { "-n", "-p", "SHARE", "-f", "x5" }, "fd|x5" },
	{ { "-n", "-p", "SHARE", "-f", "5", "-z" }, "z" },
	{ { "-n", "-p", "SHARE", "-f" }, "f" },
	{ { "-n", "-p", "SHARE", "-f", "5", "surplus" }, "surplus" },
};

static const struct row dropin_named[] = {
	{ { "-n", "-p", "SHARE", "-f", "77" }, "fd|77" },
	{ { "-n", "-p", "/no/such/place", "-s", "SOCK", "-u", "1", "-g",
	    "1" }, "/no/such/place" },
	{ { "-n", "-p", "FILE", "-s", "SOCK", "-u", "1", "-g", "1" },
	    "FILE|directory" },
	{ { "-n", "-p", "SHARE", "-s", "FILE", "-u", "1", "-g", "1" },
	    "FILE|exist" },
	{ { "-n", "-p", "SHARE", "-s", "LONG", "-u", "1", "-g", "1" },
	    "socket|107" },
};

static char share_path[160], socket_path[160], file_path[160],
    long_path[300];

/* The words of a row with their paths, in one of a few static buffers. */
static const char *
filled_in(const char *arg)
{
	static const struct {
		const char	*word, *path;
	} words[] = { { "SHARE", share_path }, { "SOCK", socket_path },
	    { "FILE", file_path }, { "LONG", long_path } };
	static char buffers[2 * MAX_ARGS][512];
	static unsigned int next;
	char *out = buffers[next++ % COUNT(buffers)];

	snprintf(out, sizeof(buffers[0]), "%s", arg);
	for (size_t i = 0; i < COUNT(words); i++) {
		const char *at = strstr(arg, words[i].word);

		if (at != NULL)
			snprintf(out, sizeof(buffers[0]), "%.*s%s%s",
			    (int)(at - arg), arg, words[i].path,
			    at + strlen(words[i].word));
	}
	return out;
}

static void
says_all(const char *log, const char *says, const char *command)
{
	char words[256], *save = NULL;

	snprintf(words, sizeof(words), "%s", says);
	for (char *w = strtok_r(words, "|", &save); w != NULL;
	    w = strtok_r(NULL, "|", &save))
		if (!tap_ok(strcasestr(log, filled_in(w)) != NULL,
		    "%s: the message has '%s'", command, w))
			tap_diag("%s", log);
}

static void
test_row(enum server_kind kind, const struct row *row, int named)
{
	const char *argv[MAX_ARGS + 4] = { server_program(kind),
	    "--worker-path", server_worker_program() };
	char command[256] = "";
	int log_fd, status;
	pid_t pid;

	for (size_t n = 0; row->args[n] != NULL; n++) {
		argv[n + 3] = filled_in(row->args[n]);
		snprintf(command + strlen(command),
		    sizeof(command) - strlen(command), "%s%s",
		    n > 0 ? " " : "", row->args[n]);
	}
	pid = server_spawn(argv, -1, -1, &log_fd);
	/* One that is wrongly content would wait for a client for ever. */
	status = server_wait_or_kill(pid, SERVER_TIMEOUT_MS / 4);
	if (named)
		tap_ok(status == 1 || status == 2, "%s: exit status %d",
		    command, status);
	else
		tap_is_int(status, 2, "%s: exit status", command);
	says_all(server_log_text(log_fd), row->says, command);
	tap_ok(!host_exists(socket_path), "%s: no socket is left", command);
	if (procs_wait_gone(getpid(), SERVER_TIMEOUT_MS) != 0)
		tap_ok(0, "%s: no process is left", command);
	unlink(socket_path);
	close(log_fd);
}

/* Options that print something and succeed. */
static void
test_informative(void)
{
	static const struct {
		enum server_kind	kind;
		const char		*option, *says;
	} row[] = {
		{ SERVER_PRIVFSD, "--help", "--shared-dir" },
		{ SERVER_PRIVFSD, "--version", "privfsd" },
		{ SERVER_DROPIN, "-h", "--path" },
		{ SERVER_DROPIN, "--help", "--socket" },
	};

	for (size_t i = 0; i < COUNT(row); i++) {
		const char *argv[] = { server_program(row[i].kind),
		    row[i].option, NULL };
		int log_fd;
		pid_t pid = server_spawn(argv, -1, -1, &log_fd);

		tap_is_int(server_wait(pid, SERVER_TIMEOUT_MS), 0,
		    "%s: exit status", row[i].option);
		tap_ok(strstr(server_log_text(log_fd), row[i].says) != NULL,
		    "%s: prints %s", row[i].option, row[i].says);
		close(log_fd);
	}
}

/* The existing file was not replaced, emptied or removed. */
static void
test_untouched(void)
{
	tap_is_str(host_read(file_path), "content",
	    "an existing file in the socket's place is untouched");
}

static void
body(struct fixture *f)
{
	if (server_kind_from_env() == SERVER_HELPER)
		tap_skip_all("the helper's messages are its own");
	snprintf(share_path, sizeof(share_path), "%s", f->share[0].dir);
	snprintf(socket_path, sizeof(socket_path), "%s/sock", f->base);
	snprintf(file_path, sizeof(file_path), "%s/plain", f->base);
	memset(long_path, 'l', sizeof(long_path) - 1);
	memcpy(long_path, "/tmp/", 5);
	long_path[200] = '\0';
	host_write(file_path, "content", 0600, 0, 0);
	tap_context("privfsd ");
	for (size_t i = 0; i < COUNT(privfsd_rows); i++)
		test_row(SERVER_PRIVFSD, &privfsd_rows[i], 0);
	for (size_t i = 0; i < COUNT(privfsd_named); i++)
		test_row(SERVER_PRIVFSD, &privfsd_named[i], 1);
	tap_context("virtfs-proxy-helper ");
	for (size_t i = 0; i < COUNT(dropin_rows); i++)
		test_row(SERVER_DROPIN, &dropin_rows[i], 0);
	for (size_t i = 0; i < COUNT(dropin_named); i++)
		test_row(SERVER_DROPIN, &dropin_named[i], 1);
	tap_context("%s", "");
	test_informative();
	test_untouched();
}

int
main(void)
{
	return fixture_main(body, 180);
}
