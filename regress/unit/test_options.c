/*
 * SPDX-License-Identifier: ISC
 *
 * Command lines: what the options of all protocols, and those of 9p-proxy, do
 * to struct options, and for each that is wrong the status and what is said
 * about it.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "regress/unit/options_fixture.h"

static void
test_defaults(void **state)
{
	(void)state;
	GOOD(PRIVFSD, BASE);
	assert_int_equal(options.protocol, WORKER_PROTOCOL_9P_PROXY);
	assert_string_equal(options.shared_dir, "/srv");
	assert_int_equal(options.fd, 5);
	assert_null(options.socket_path);
	assert_true(options.socket_uid == (uid_t)-1);
	assert_true(options.socket_gid == (gid_t)-1);
	assert_false(options.daemonize);
	assert_false(options.syslog);
	assert_null(options.pid_file);
	assert_string_equal(options.worker_path,
	    LIBEXECDIR "/privfsd-worker");
	assert_int_equal(options.log_level, LOG_LEVEL_INFO);
	assert_int_equal(options.poll_us, 50);
	assert_int_equal(options.sandbox.mode, SANDBOX_NAMESPACE);
	assert_int_equal(options.sandbox.seccomp, SECCOMP_ACTION_KILL);
	assert_false(options.sandbox.readonly);
	assert_int_equal(options.sandbox.user_namespace, geteuid() != 0);
	assert_int_equal(options.print_sandbox, OPTIONS_PRINT_NOT);
}

/* What the drop-in name does not say is as the program it replaces has it. */
static void
test_helper(void **state)
{
	(void)state;
	GOOD(HELPER, HELPER_BASE);
	assert_int_equal(options.protocol, WORKER_PROTOCOL_9P_PROXY);
	assert_true(options.daemonize);
	assert_true(options.syslog);
	GOOD("virtfs-proxy-helper", "--path=/srv", "--fd", "3", "--nodaemon");
	assert_string_equal(options.shared_dir, "/srv");
	assert_int_equal(options.fd, 3);
	assert_false(options.daemonize);
	assert_false(options.syslog);
	GOOD(HELPER, "-np/srv", "-i7");
	assert_int_equal(options.fd, 7);
	assert_string_equal(options.shared_dir, "/srv");
	GOOD(HELPER, "-n", "--inherited-fd=8", "-p", "x");
	assert_int_equal(options.fd, 8);
	GOOD(HELPER, "-p", "/srv", "-s", "/run/s", "-u", "12", "-g", "34",
	    "-n");
	assert_string_equal(options.socket_path, "/run/s");
	assert_int_equal(options.socket_uid, 12);
	assert_int_equal(options.socket_gid, 34);
	GOOD(HELPER, "--path", "/srv", "--socket", "/run/s", "--uid", "root",
	    "--gid", "root", "--syslog", "-n");
	assert_int_equal(options.socket_uid, 0);
	assert_int_equal(options.socket_gid, 0);
	assert_true(options.syslog);
}

static void
test_values(void **state)
{
	(void)state;
	GOOD(PRIVFSD, "--protocol", "9p-proxy", "--shared-dir", "d",
	    "--socket-path", "s", "--socket-group=root");
	assert_string_equal(options.socket_path, "s");
	assert_int_equal(options.socket_gid, 0);
	assert_int_equal(options.fd, -1);
	GOOD(PRIVFSD, BASE, "--sandbox=chroot", "--seccomp=log");
	assert_int_equal(options.sandbox.mode, SANDBOX_CHROOT);
	assert_int_equal(options.sandbox.seccomp, SECCOMP_ACTION_LOG);
	GOOD(PRIVFSD, BASE, "--sandbox=none", "--seccomp=trap");
	assert_int_equal(options.sandbox.mode, SANDBOX_NONE);
	assert_int_equal(options.sandbox.seccomp, SECCOMP_ACTION_TRAP);
	GOOD(PRIVFSD, BASE, "--sandbox=namespace", "--seccomp=none");
	assert_int_equal(options.sandbox.mode, SANDBOX_NAMESPACE);
	assert_int_equal(options.sandbox.seccomp, SECCOMP_ACTION_NONE);
	GOOD(PRIVFSD, BASE, "--readonly", "--daemonize", "--pid-file=/p",
	    "--worker-path=/w");
	assert_true(options.sandbox.readonly);
	assert_true(options.daemonize);
	assert_true(options.syslog);
	assert_string_equal(options.pid_file, "/p");
	assert_string_equal(options.worker_path, "/w");
	GOOD(PRIVFSD, BASE, "--rlimit-nofile=128", "--poll-us=0");
	assert_int_equal(options.rlimit_nofile, 128);
	assert_int_equal(options.poll_us, 0);
	GOOD(PRIVFSD, BASE, "--rlimit-nofile=2147483647",
	    "--poll-us=1000000", "--syslog");
	assert_int_equal(options.rlimit_nofile, INT_MAX);
	assert_int_equal(options.poll_us, 1000000);
	assert_true(options.syslog);
	assert_false(options.daemonize);
	GOOD(HELPER, HELPER_BASE, "--readonly", "--sandbox=none",
	    "--poll-us=1", "--modcaps=+mknod", "--log-level=off");
	assert_true(options.sandbox.readonly);
	assert_int_equal(options.log_level, LOG_LEVEL_OFF);
}

static void
test_levels(void **state)
{
	static const struct {
		const char	*word;
		enum log_level	 level;
	} cases[] = {
		{ "--log-level=off", LOG_LEVEL_OFF },
		{ "--log-level=error", LOG_LEVEL_ERROR },
		{ "--log-level=warn", LOG_LEVEL_WARN },
		{ "--log-level=info", LOG_LEVEL_INFO },
		{ "--log-level=debug", LOG_LEVEL_DEBUG },
		{ "--log-level=trace", LOG_LEVEL_TRACE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		GOOD(PRIVFSD, BASE, cases[i].word);
		assert_int_equal(options.log_level, cases[i].level);
	}
}

static void
test_modcaps(void **state)
{
	struct caps_set rest;

	(void)state;
	caps_default(&rest);
	GOOD(PRIVFSD, BASE);
	assert_true(options.sandbox.caps.effective == rest.effective);
	assert_true(options.sandbox.caps.permitted == rest.permitted);
	GOOD(PRIVFSD, BASE, "--modcaps=+mknod:-dac_override");
	assert_true(options.sandbox.caps.effective ==
	    ((rest.effective | BIT(CAP_MKNOD)) & ~BIT(CAP_DAC_OVERRIDE)));
	/* Each adds to those before it. */
	GOOD(PRIVFSD, BASE, "--modcaps=+mknod", "--modcaps=+CAP_SETFCAP");
	assert_true(options.sandbox.caps.effective == (rest.effective |
	    BIT(CAP_MKNOD) | BIT(CAP_SETFCAP)));
	GOOD(PRIVFSD, BASE, "--modcaps=-fsetid");
	assert_true((options.sandbox.caps.permitted & BIT(CAP_FSETID)) == 0);
}

static const struct bad_case bad_values[] = {
	{ "--sandbox=", "--sandbox" },
	{ "--sandbox=Namespace", "namespace (default), chroot or none" },
	{ "--sandbox=pivot", "\"pivot\"" },
	{ "--seccomp=", "--seccomp" },
	{ "--seccomp=off", "kill (default), log, trap or none" },
	{ "--modcaps=", "--modcaps" },
	{ "--modcaps=mknod", "\"mknod\"" },
	{ "--modcaps=+mknod:+nothing", "\"+nothing\"" },
	{ "--modcaps=+mknod:", "--modcaps" },
	{ "--modcaps=+", "--modcaps" },
	{ "--rlimit-nofile=", "--rlimit-nofile" },
	{ "--rlimit-nofile=127", "from 128 to 2147483647" },
	{ "--rlimit-nofile=2147483648", "from 128 to 2147483647" },
	{ "--rlimit-nofile=-1", "\"-1\"" },
	{ "--rlimit-nofile=0x1000", "\"0x1000\"" },
	{ "--rlimit-nofile=1000k", "\"1000k\"" },
	{ "--rlimit-nofile= 1000", "\" 1000\"" },
	{ "--rlimit-nofile=+1000", "\"+1000\"" },
	{ "--rlimit-nofile=18446744073709551616", "--rlimit-nofile" },
	{ "--poll-us=1000001", "from 0 to 1000000" },
	{ "--poll-us=-1", "--poll-us" },
	{ "--poll-us=", "--poll-us" },
	{ "--log-level=", "--log-level" },
	{ "--log-level=loud", "error, warn, info (default), debug, trace" },
	{ "--print-sandbox=xml", "text or json" },
	{ "--print-sandbox=", "--print-sandbox" },
	{ "--uid-map=", "--uid-map" },
	{ "--uid-map=1000", "\"1000\"" },
	{ "--gid-map=:0:1:", "--gid-map" },
	{ "--pid-file=", "--pid-file" },
	{ "--worker-path=", "--worker-path" },
	{ "--fd=", "--fd" },
	{ "--fd=-1", "--fd" },
	{ "--fd=2", "from 3 to" },
	{ "--fd=2147483648", "--fd" },
	{ "--fd=five", "from 3 to 2147483647" },
	{ "--readonly=yes", "--readonly=yes" },
	{ "--syslog=1", "--syslog=1" },
	{ "--no-such-option", "--no-such-option" },
	{ "--s", "--s" },			/* ambiguous */
	{ "word", "\"word\"" },
	{ "--poll-us", "--poll-us needs a value" },
	{ "--sandbox", "--sandbox needs a value" },
};

static void
test_bad_values(void **state)
{
	const size_t n = sizeof(bad_values) / sizeof(bad_values[0]);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct bad_case *c = &bad_values[i];

		bad((const char *const []){ PRIVFSD, BASE, c->word, NULL },
		    c->part, "privfsd: ");
		bad((const char *const []){ HELPER, HELPER_BASE, c->word,
		    NULL }, c->part, "virtfs-proxy-helper: ");
		bad((const char *const []){ PRIVFSD, FS_BASE, c->word, NULL },
		    c->part, "privfsd: ");
		bad((const char *const []){ VIRTIOFSD, LIST_BASE, c->word,
		    NULL }, c->part, "virtiofsd: ");
	}
}

/* The options of one name that the other has not, and bad values of its own. */
static void
test_bad_own(void **state)
{
	static const struct bad_case privfsd[] = {
		{ "--protocol=9p", "9p-proxy" },
		{ "--protocol=", "--protocol" },
		{ "--shared-dir=", "--shared-dir" },
		{ "--socket-path=", "--socket-path" },
		{ "--socket-group=no-such-group-here", "no such group" },
		{ "--socket-group=4294967295", "from 0 to 4294967294" },
		{ "--path=/srv", "--path" }, { "-p", "option: -p" },
		{ "--uid=0", "--uid" }, { "--nodaemon", "--nodaemon" },
		{ "-n", "option: -n" }, { "-x", "option: -x" },
		{ "-d", "option: -d" }, { "-f", "option: -f" },
		{ "--socket=s", "" },	/* ambiguous */
	}, helper[] = {
		{ "--uid=no-such-user-here", "no such user" },
		{ "--uid=4294967295", "from 0 to 4294967294" },
		{ "--uid=-1", "no such user" },
		{ "--gid=no-such-group-here", "no such group" },
		{ "--gid=", "--gid" }, { "--path=", "--path" },
		{ "--socket=", "--socket" },
		{ "--shared-dir=/srv", "--shared-dir" },
		{ "--protocol=9p-proxy", "--protocol" },
		{ "--daemonize", "--daemonize" },
		{ "-x", "option: -x" }, { "-u", "-u needs a value" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(privfsd) / sizeof(privfsd[0]); i++)
		bad((const char *const []){ PRIVFSD, BASE, privfsd[i].word,
		    NULL }, privfsd[i].part, "privfsd: ");
	for (i = 0; i < sizeof(helper) / sizeof(helper[0]); i++)
		bad((const char *const []){ HELPER, HELPER_BASE,
		    helper[i].word, NULL }, helper[i].part,
		    "virtfs-proxy-helper: ");
}

/* Of letters in one word, the wrong one is named. */
static void
test_bad_letter(void **state)
{
	(void)state;
	bad((const char *const []){ HELPER, HELPER_BASE, "-nx", NULL },
	    "option: -x", "unknown");
	bad((const char *const []){ HELPER, HELPER_BASE, "-xn", NULL },
	    "option: -x", "unknown");
}

static void
test_combinations(void **state)
{
	(void)state;
	BAD("--protocol", "9p-proxy", PRIVFSD);
	BAD("--protocol", "missing", PRIVFSD, "--shared-dir=/srv", "--fd=5");
	BAD("--shared-dir", "missing", PRIVFSD, "--protocol=9p-proxy",
	    "--fd=5");
	BAD("--socket-path", "--fd", PRIVFSD, "--protocol=9p-proxy",
	    "--shared-dir=/srv");
	BAD("--socket-path", "--fd", PRIVFSD, BASE, "--socket-path=s");
	BAD("--socket-group", "--socket-path", PRIVFSD, BASE,
	    "--socket-group=root");
	BAD("--path", "missing", HELPER, "-n", "-f", "5");
	BAD("--socket", "--fd", HELPER, "-n", "-p", "/srv");
	BAD("--socket", "--fd", HELPER, HELPER_BASE, "-s", "s");
	BAD("--uid", "--gid", HELPER, "-p", "/srv", "-s", "s");
	BAD("--uid", "--gid", HELPER, "-p", "/srv", "-s", "s", "-u", "1");
	BAD("--uid", "--gid", HELPER, "-p", "/srv", "-s", "s", "-g", "1");
	/* As QEMU's program, which ignores them there. */
	GOOD(HELPER, HELPER_BASE, "-u", "1", "-g", "1");
	if (geteuid() == 0) {
		GOOD(PRIVFSD, BASE, "--worker-user=1234");
		assert_int_equal(options.sandbox.worker_uid, 1234);
		BAD("--worker-user", "root", PRIVFSD, BASE,
		    "--worker-user=root");
		BAD("--worker-user", "root", PRIVFSD, BASE, "--worker-user=0");
	} else
		BAD("--worker-user", "root", PRIVFSD, BASE,
		    "--worker-user=1234");
	if (geteuid() == 0)
		BAD("--uid-map", "without root", PRIVFSD, BASE,
		    "--uid-map=:0:1000:1:");
	else
		GOOD(PRIVFSD, BASE, "--uid-map=:0:1000:1:");
	/* After "--" there are no options. */
	BAD("\"--readonly\"", "no option", PRIVFSD, BASE, "--", "--readonly");
	/* The last of two counts; what is wrong before it still is. */
	GOOD(PRIVFSD, BASE, "--fd=6", "--sandbox=none", "--sandbox=chroot");
	assert_int_equal(options.fd, 6);
	assert_int_equal(options.sandbox.mode, SANDBOX_CHROOT);
	BAD("--fd", "\"x\"", PRIVFSD, BASE, "--fd=x", "--fd=6");
}

/* Parses as an ordinary user does, who alone may map ids. */
static void
test_maps(void **state)
{
	static const struct bad_case cases[] = {
		{ "--uid-map=:0:2000:1:", "in its ids inside" },
		{ "--uid-map=:1:1000:1:", "in its ids outside" },
		{ "--uid-map=:5:1:1:,:5:2:1:", "in its ids inside" },
		{ "--uid-map=0:1:1:", "is no map like :0:1000:1:" },
		{ "--gid-map=:1:1000:1:", "--gid-map=:0:" },
		{ "--gid-map=,1,1000,9,", "to id 0 inside" }
	};
	const uid_t euid = geteuid();

	(void)state;
	if (euid == 0)
		assert_int_equal(seteuid(65534), 0);
	GOOD(PRIVFSD, BASE, "--uid-map=:0:1000:1:", "--gid-map=:0:1000:1:",
	    "--uid-map=/1/100000/65535/", "--gid-map=:1:100000:9:,:10:1:1:");
	assert_int_equal(options.uid_map.n, 2);
	assert_int_equal(options.uid_map.range[0].outside, 1000);
	assert_int_equal(options.uid_map.range[1].outside, 100000);
	assert_int_equal(options.gid_map.n, 3);
	/* In any order. */
	GOOD(VIRTIOFSD, LIST_BASE, "--uid-map=:1:100000:9:",
	    "--uid-map=:0:1000:1:");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		bad((const char *const []){ PRIVFSD, BASE,
		    "--uid-map=:0:1000:1:", cases[i].word, NULL },
		    cases[i].part, "-map: ");
	assert_int_equal(seteuid(euid), 0);
}

static void
test_help(void **state)
{
	static const char *const both[] = { "--sandbox=", "--seccomp=",
	    "--modcaps=", "--readonly", "--rlimit-nofile=", "--log-level=",
	    "--syslog", "--poll-us=", "--fd=", "--print-sandbox" };
	static const char *const letters[] = { "-p,", "-f,", "-i,", "-s,",
	    "-u,", "-g,", "-n,", "-h," };
	size_t i;

	(void)state;
	assert_int_equal(PARSE(PRIVFSD, "--help"), 0);
	assert_non_null(strstr(said[0], "usage: privfsd "));
	assert_non_null(strstr(said[0], "--socket-path=PATH"));
	assert_non_null(strstr(said[0], "--thread-pool-size=N"));
	assert_null(strstr(said[0], "--nodaemon"));
	assert_null(strstr(said[0], "log_level"));
	for (i = 0; i < sizeof(both) / sizeof(both[0]); i++)
		assert_non_null(strstr(said[0], both[i]));
	assert_int_equal(PARSE(HELPER, "-h"), 0);
	assert_non_null(strstr(said[0], "usage: virtfs-proxy-helper "));
	assert_null(strstr(said[0], "--shared-dir"));
	for (i = 0; i < sizeof(both) / sizeof(both[0]); i++)
		assert_non_null(strstr(said[0], both[i]));
	for (i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		assert_non_null(strstr(said[0], letters[i]));
	assert_int_equal(PARSE(PRIVFSD, "-V"), 0);
	assert_string_equal(said[0], PACKAGE_STRING "\n");
	assert_int_equal(PARSE(HELPER, "--version"), 0);
	assert_string_equal(said[0], PACKAGE_STRING "\n");
	/* What comes before it is still checked. */
	assert_int_equal(PARSE(PRIVFSD, "--fd=x", "--help"), 2);
}

static void
test_print_sandbox(void **state)
{
	(void)state;
	GOOD(PRIVFSD, "--print-sandbox", "--protocol=virtiofs");
	assert_true(options.sandbox.virtiofs);
	GOOD(VIRTIOFSD, "--print-sandbox");
	assert_true(options.sandbox.virtiofs);
	GOOD(PRIVFSD, "--print-sandbox");
	assert_int_equal(options.print_sandbox, OPTIONS_PRINT_TEXT);
	assert_false(options.sandbox.virtiofs);
	GOOD(PRIVFSD, "--print-sandbox=text", "--readonly");
	assert_int_equal(options.print_sandbox, OPTIONS_PRINT_TEXT);
	assert_true(options.sandbox.readonly);
	GOOD(HELPER, "--print-sandbox=json", "--sandbox=chroot");
	assert_int_equal(options.print_sandbox, OPTIONS_PRINT_JSON);
}

/* A word from outside is escaped, and a long one is cut. */
static void
test_escaped(void **state)
{
	char name[1500];

	(void)state;
	BAD("\\x1b[31m\\x0a", "--sandbox", PRIVFSD, BASE,
	    "--sandbox=\x1b[31m\n");
	BAD("%s%n", "--fd", PRIVFSD, BASE, "--fd=%s%n");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(name, "--log-level=", 12);
	BAD("--log-level", "xxx", PRIVFSD, BASE, name);
}

/* No name at all, as execve(2) permits, and names that only look alike. */
static void
test_program_name(void **state)
{
	(void)state;
	GOOD("privfsd", BASE);
	GOOD("./privfsd", BASE);
	BAD("--protocol", "missing", "virtfs-proxy-helper.old", "--fd=5");
	BAD("--protocol", "missing", "/virtfs-proxy-helper/x", "--fd=5");
	BAD("--protocol", "missing", "virtiofsd-1.13", "--fd=5");
	BAD("--protocol", "missing", "virtiofs", "--fd=5");
	GOOD("./virtiofsd", LIST_BASE);
	assert_int_equal(parse((const char *const []){ NULL }), 2);
	assert_non_null(strstr(said[1], "--protocol"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_helper),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_modcaps),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_bad_own),
		cmocka_unit_test(test_bad_letter),
		cmocka_unit_test(test_combinations),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_print_sandbox),
		cmocka_unit_test(test_escaped),
		cmocka_unit_test(test_program_name),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
