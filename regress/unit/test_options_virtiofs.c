/*
 * SPDX-License-Identifier: ISC
 *
 * Command lines of virtio-fs, of privfsd and of the name virtiofsd, in the
 * spelling of the C and of the Rust program.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>

#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "regress/unit/options_fixture.h"

#define SECONDS(n)	((n) * UINT64_C(1000000000))

/* What virtio-fs has when nothing is said. */
static void
check_virtiofs_defaults(void)
{
	const struct options_virtiofs *virtiofs = &options.virtiofs;

	assert_int_equal(options.protocol, WORKER_PROTOCOL_VIRTIOFS);
	assert_string_equal(options.shared_dir, "/srv");
	assert_int_equal(options.fd, 5);
	assert_true(options.sandbox.virtiofs);
	assert_int_equal(virtiofs->cache, WORKER_CACHE_AUTO);
	assert_true(virtiofs->timeout_ns == SECONDS(1));
	assert_true(virtiofs->negative_timeout_ns == 0);
	assert_int_equal(virtiofs->thread_pool_size, 0);
	assert_null(virtiofs->tag);
	assert_int_equal(virtiofs->readdirplus, OPTIONS_ON);
	assert_false(virtiofs->writeback);
	assert_false(virtiofs->allow_direct_io);
	assert_true(virtiofs->announce_submounts);
	assert_false(virtiofs->xattr);
	assert_false(options.sandbox.readonly);
	assert_false(options.daemonize);
	assert_false(options.syslog);
	assert_int_equal(options.log_level, LOG_LEVEL_INFO);
	assert_true(options.rlimit_nofile > 0 &&
	    options.rlimit_nofile <= 1000000);
}

static void
test_virtiofs_defaults(void **state)
{
	(void)state;
	GOOD(PRIVFSD, BASE);
	assert_false(options.sandbox.virtiofs);
	GOOD(PRIVFSD, FS_BASE);
	check_virtiofs_defaults();
	GOOD(VIRTIOFSD, LIST_BASE);
	check_virtiofs_defaults();
	GOOD("virtiofsd", "--shared-dir=/srv", "--fd", "5");
	check_virtiofs_defaults();
	/* The off forms of what is off. */
	GOOD(VIRTIOFSD, LIST_BASE, "-f", "-o", "no_xattr,no_writeback,"
	    "no_flock,no_posix_lock,no_posix_acl,no_security_label,"
	    "no_killpriv_v2,no_allow_direct_io,readdirplus,"
	    "announce_submounts,max_idle_threads=4",
	    "--inode-file-handles=never", "--no-killpriv-v2");
	check_virtiofs_defaults();
}

static void
test_virtiofs_values(void **state)
{
	const struct options_virtiofs *virtiofs = &options.virtiofs;

	(void)state;
	GOOD(PRIVFSD, FS_BASE, "--writeback", "--allow-direct-io", "--xattr",
	    "--no-announce-submounts", "--no-readdirplus", "--tag=share",
	    "--thread-pool-size=16", "--negative-timeout=2", "--readonly");
	assert_true(virtiofs->writeback);
	assert_true(virtiofs->allow_direct_io);
	assert_true(virtiofs->xattr);
	assert_false(virtiofs->announce_submounts);
	assert_int_equal(virtiofs->readdirplus, OPTIONS_OFF);
	assert_string_equal(virtiofs->tag, "share");
	assert_int_equal(virtiofs->thread_pool_size, 16);
	assert_true(virtiofs->negative_timeout_ns == SECONDS(2));
	assert_true(virtiofs->timeout_ns == SECONDS(1));
	assert_true(options.sandbox.readonly);
	GOOD(PRIVFSD, FS_BASE, "--no-announce-submounts",
	    "--announce-submounts", "--thread-pool-size=0",
	    "--tag=123456789012345678901234567890123456");
	assert_true(virtiofs->announce_submounts);
	assert_int_equal(strlen(virtiofs->tag), 36);
	/* What belongs to virtio-fs may come before the protocol. */
	GOOD(PRIVFSD, "--xattr", "--cache=none", FS_BASE);
	assert_true(virtiofs->xattr);
	/* As all names have it. */
	GOOD(VIRTIOFSD, LIST_BASE, "--sandbox=chroot", "--seccomp=trap",
	    "--log-level=trace", "--syslog", "--daemonize", "--poll-us=7",
	    "--modcaps=-chown", "--readonly", "--pid-file=p");
	assert_int_equal(options.sandbox.mode, SANDBOX_CHROOT);
	assert_int_equal(options.sandbox.seccomp, SECCOMP_ACTION_TRAP);
	assert_int_equal(options.log_level, LOG_LEVEL_TRACE);
	assert_true(options.daemonize);
	assert_true(options.syslog);
	assert_int_equal(options.poll_us, 7);
	assert_true(options.sandbox.readonly);
	GOOD(VIRTIOFSD, "--shared-dir=/srv", "--socket-path=/run/s",
	    "--socket-group=root");
	assert_string_equal(options.socket_path, "/run/s");
	assert_int_equal(options.socket_gid, 0);
	GOOD(VIRTIOFSD, "--shared-dir=/srv", "--socket=/run/old");
	assert_string_equal(options.socket_path, "/run/old");
}

/* The mode decides, unless something more exact is said. */
static void
test_cache(void **state)
{
	static const struct {
		const char		*word;
		enum worker_cache	 cache;
		uint64_t		 timeout_s;
	} cases[] = {
		{ "none", WORKER_CACHE_NONE, 0 },
		{ "never", WORKER_CACHE_NONE, 0 },
		{ "metadata", WORKER_CACHE_METADATA, 86400 },
		{ "auto", WORKER_CACHE_AUTO, 1 },
		{ "always", WORKER_CACHE_ALWAYS, 86400 },
	};
	char word[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(word, sizeof(word), "--cache=%s", cases[i].word);
		GOOD(PRIVFSD, FS_BASE, word);
		assert_int_equal(options.virtiofs.cache, cases[i].cache);
		assert_true(options.virtiofs.timeout_ns ==
		    SECONDS(cases[i].timeout_s));
		assert_int_equal(options.virtiofs.readdirplus, OPTIONS_ON);
		GOOD(PRIVFSD, FS_BASE, "--timeout=7.5", word);
		assert_true(options.virtiofs.timeout_ns ==
		    UINT64_C(7500000000));
		snprintf(word, sizeof(word), "cache=%s", cases[i].word);
		GOOD(VIRTIOFSD, LIST_BASE, "-o", word);
		assert_int_equal(options.virtiofs.cache, cases[i].cache);
		GOOD(VIRTIOFSD, LIST_BASE, "-o", word, "-o", "readdirplus");
		assert_int_equal(options.virtiofs.readdirplus, OPTIONS_ON);
		GOOD(VIRTIOFSD, LIST_BASE, "-o", word, "-o",
		    "no_readdirplus,timeout=0");
		assert_int_equal(options.virtiofs.readdirplus, OPTIONS_OFF);
		assert_true(options.virtiofs.timeout_ns == 0);
	}
}

static void
test_seconds(void **state)
{
	static const struct {
		const char	*word;
		uint64_t	 ns;
	} cases[] = {
		{ "--timeout=0", 0 }, { "--timeout=0.0", 0 },
		{ "--timeout=1", SECONDS(1) },
		{ "--timeout=007", SECONDS(7) },
		{ "--timeout=0.25", 250000000 },
		{ "--timeout=1.000000001", 1000000001 },
		/* Finer than a nanosecond is nothing. */
		{ "--timeout=1.00000000199", 1000000001 },
		{ "--timeout=86400.5", UINT64_C(86400500000000) },
		{ "--timeout=4294967295", SECONDS(4294967295) },
		{ "--timeout=4294967295.999999999",
		    SECONDS(4294967295) + 999999999 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		GOOD(PRIVFSD, FS_BASE, cases[i].word);
		assert_true(options.virtiofs.timeout_ns == cases[i].ns);
	}
}

/* The C program's lists, and what libvirt and Kata start. */
static void
test_lists(void **state)
{
	const struct options_virtiofs *virtiofs = &options.virtiofs;

	(void)state;
	GOOD(VIRTIOFSD, "--fd=31", "-o", "source=/srv,cache=always,"
	    "sandbox=chroot,xattr,no_flock,no_posix_lock",
	    "--thread-pool-size=16");
	assert_int_equal(options.fd, 31);
	assert_string_equal(options.shared_dir, "/srv");
	assert_int_equal(virtiofs->cache, WORKER_CACHE_ALWAYS);
	assert_int_equal(options.sandbox.mode, SANDBOX_CHROOT);
	assert_true(virtiofs->xattr);
	assert_int_equal(virtiofs->thread_pool_size, 16);
	GOOD(VIRTIOFSD, "--syslog", "-o", "cache=auto", "-o", "no_posix_lock",
	    "-o", "source=/run/shared", "--fd=3", "-f",
	    "--thread-pool-size=1", "-o", "announce_submounts");
	assert_string_equal(options.shared_dir, "/run/shared");
	assert_true(options.syslog);
	assert_false(options.daemonize);
	GOOD(VIRTIOFSD, "-d", "--fd=5", "-osource=/srv,writeback,"
	    "allow_direct_io,no_announce_submounts,modcaps=+mknod:-chown");
	assert_int_equal(options.log_level, LOG_LEVEL_DEBUG);
	assert_true(virtiofs->writeback);
	assert_true(virtiofs->allow_direct_io);
	assert_false(virtiofs->announce_submounts);
	assert_true((options.sandbox.caps.effective & BIT(CAP_MKNOD)) != 0);
	assert_true((options.sandbox.caps.effective & BIT(CAP_CHOWN)) == 0);
	/* The last one counts. */
	GOOD(VIRTIOFSD, LIST_BASE, "--daemonize", "-f", "-o",
	    "debug,xattr,log_level=err,no_xattr");
	assert_false(options.daemonize);
	assert_int_equal(options.log_level, LOG_LEVEL_ERROR);
	assert_false(virtiofs->xattr);
	GOOD(VIRTIOFSD, LIST_BASE, "-o", "debug");
	assert_int_equal(options.log_level, LOG_LEVEL_DEBUG);
	GOOD(VIRTIOFSD, LIST_BASE, "-o", "", "-o", ",xattr,");
	assert_true(virtiofs->xattr);
}

/* Two commas in a value are one of it, as libvirt writes them. */
static void
test_commas(void **state)
{
	static const struct {
		const char	*list;
		const char	*dir;
		bool		 xattr;
	} cases[] = {
		{ "source=/a,,b", "/a,b", false },
		{ "source=/a,,b,xattr", "/a,b", true },
		{ "source=/a,,,xattr", "/a,", true },
		{ "source=/a,,,,b", "/a,,b", false },
		{ "source=,,", ",", false },
		{ "source=/a,,", "/a,", false },
		{ "source=/a=b,,c=d,xattr", "/a=b,c=d", true },
		{ "source=/a,,xattr", "/a,xattr", false },
		{ "xattr,,source=/a", "/a", true },
		{ "source=/a\\,xattr", "/a\\", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		GOOD(VIRTIOFSD, "--fd=5", "-o", cases[i].list);
		assert_string_equal(options.shared_dir, cases[i].dir);
		assert_int_equal(options.virtiofs.xattr, cases[i].xattr);
	}
}

static void
test_nofile(void **state)
{
	struct rlimit limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	GOOD(PRIVFSD, BASE, "--rlimit-nofile=0");
	assert_true((rlim_t)options.rlimit_nofile == limit.rlim_cur ||
	    (limit.rlim_cur > INT_MAX && options.rlimit_nofile == INT_MAX));
	GOOD(PRIVFSD, FS_BASE, "--rlimit-nofile=1024");
	assert_int_equal(options.rlimit_nofile, 1024);
}

/* Of virtio-fs, for privfsd and virtiofsd. */
static const struct bad_case bad_virtiofs[] = {
	{ "--cache=", "--cache" },
	{ "--cache=Auto", "none, never, metadata, auto (default) or always" },
	{ "--cache=writeback", "\"writeback\"" },
	{ "--timeout=", "--timeout" },
	{ "--timeout=-1", "\"-1\"" },
	{ "--timeout=1s", "\"1s\"" },
	{ "--timeout=.5", "like 1 or 0.25" },
	{ "--timeout=1.", "\"1.\"" },
	{ "--timeout=1e3", "--timeout" },
	{ "--timeout=1,5", "--timeout" },
	{ "--timeout=4294967296", "up to 4294967295" },
	{ "--timeout=99999999999999999999999999", "--timeout" },
	{ "--timeout=inf", "--timeout" },
	{ "--negative-timeout=x", "--negative-timeout" },
	{ "--thread-pool-size=", "--thread-pool-size" },
	{ "--thread-pool-size=-1", "from 0 to 1024" },
	{ "--thread-pool-size=1025", "from 0 to 1024" },
	{ "--tag=", "--tag: the value is empty" },
	{ "--tag=1234567890123456789012345678901234567", "at most 36 bytes" },
	{ "--writeback=1", "--writeback=1" },
	{ "--rlimit-nofile=1023", "at least 1024" },
	{ "--rlimit-nofile=127", "--rlimit-nofile" },
	{ "--socket-path=s", "--fd" },
	{ "--flock", "not supported yet by this version: --flock" },
	{ "--posix-lock", "version: --posix-lock" },
	{ "--xattrmap=:map::x:", "version: --xattrmap=:map::x:" },
	{ "--posix-acl", "version: --posix-acl" },
	{ "--security-label", "version: --security-label" },
	{ "--allow-mmap", "version: --allow-mmap" },
	{ "--preserve-noatime", "version: --preserve-noatime" },
	{ "--inode-file-handles=prefer",
	    "version: --inode-file-handles=prefer" },
	{ "--inode-file-handles=mandatory", "--inode-file-handles=mandatory" },
	{ "--inode-file-handles", "needs a value" },
	{ "--translate-uid=map:0:0:1", "version: --translate-uid=map:0:0:1" },
	{ "--translate-gid=map:0:0:1", "version: --translate-gid" },
	{ "--migration-mode=find-paths", "version: --migration-mode" },
	{ "--migration-on-error=abort", "version: --migration-on-error" },
	{ "--migration-verify-handles", "version: --migration-verify" },
	{ "--migration-confirm-paths", "version: --migration-confirm" },
	{ "--no-writeback", "--no-writeback" },
	{ "--path=/srv", "--path" },
	{ "--nodaemon", "--nodaemon" },
};

/* Within -o. */
static const struct bad_case bad_lists[] = {
	{ "nothing", "unknown option: -o nothing" },
	{ "xattr,nothing=1", "unknown option: -o nothing" },
	{ "shared-dir=/srv", "-o shared-dir" },
	{ "no-xattr", "-o no-xattr" },
	{ "cache", "-o cache needs a value" },
	{ "cache=", "-o cache: unknown word" },
	{ "cache=fast", "-o cache: unknown word \"fast\"" },
	{ "xattr=on", "-o xattr takes no value" },
	{ "no_flock=1", "-o no_flock takes no value" },
	{ "timeout", "-o timeout needs a value" },
	{ "timeout=x", "-o timeout: \"x\"" },
	{ "source=", "-o source: the value is empty" },
	{ "sandbox=jail", "-o sandbox: unknown word \"jail\"" },
	{ "modcaps=mknod", "-o modcaps: \"mknod\"" },
	{ "log_level=loud", "-o log_level" },
	{ "max_idle_threads", "-o max_idle_threads needs a value" },
	{ "flock", "not supported yet by this version: -o flock" },
	{ "xattr,flock,posix_lock", "version: -o flock" },
	{ "posix_lock", "version: -o posix_lock" },
	{ "xattrmap=:map::user.:", "version: -o xattrmap=:map::user.:" },
	{ "posix_acl", "version: -o posix_acl" },
	{ "security_label", "version: -o security_label" },
	{ "allow_root", "version: -o allow_root" },
	{ "=", "unknown option: -o" },
	{ "\x1b[1m", "\\x1b[1m" },
};

static void
test_bad_virtiofs(void **state)
{
	const size_t n = sizeof(bad_virtiofs) / sizeof(bad_virtiofs[0]);
	const size_t nlists = sizeof(bad_lists) / sizeof(bad_lists[0]);
	const struct bad_case *c;
	size_t i;

	(void)state;
	for (i = 0; i < n; i++) {
		c = &bad_virtiofs[i];
		bad((const char *const []){ PRIVFSD, FS_BASE, c->word, NULL },
		    c->part, "privfsd: ");
		bad((const char *const []){ VIRTIOFSD, LIST_BASE, c->word,
		    NULL }, c->part, "virtiofsd: ");
	}
	for (i = 0; i < nlists; i++) {
		c = &bad_lists[i];
		bad((const char *const []){ VIRTIOFSD, LIST_BASE, "-o",
		    c->word, NULL }, c->part, "virtiofsd: ");
	}
}

/* What virtio-fs alone has is named where it is not spoken. */
static void
test_other_protocol(void **state)
{
	static const char *const given[] = { "--cache=auto", "--timeout=1",
	    "--negative-timeout=0", "--writeback", "--allow-direct-io",
	    "--xattr", "--no-readdirplus", "--announce-submounts",
	    "--no-announce-submounts", "--tag=x", "--thread-pool-size=0",
	    "--no-killpriv-v2", "--inode-file-handles=never" };
	char name[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		snprintf(name, sizeof(name), "%.*s",
		    (int)strcspn(given[i], "="), given[i]);
		bad((const char *const []){ PRIVFSD, given[i], BASE, NULL },
		    name, "only with --protocol=virtiofs");
		bad((const char *const []){ PRIVFSD, BASE, given[i], NULL },
		    name, "only with --protocol=virtiofs");
		bad((const char *const []){ HELPER, HELPER_BASE, given[i],
		    NULL }, name, "unknown");
	}
	bad((const char *const []){ PRIVFSD, BASE, "--flock", NULL },
	    "--flock", "not supported yet");
	bad((const char *const []){ HELPER, HELPER_BASE, "-o", "xattr", NULL },
	    "-o", "unknown");
	bad((const char *const []){ PRIVFSD, FS_BASE, "-o", "xattr", NULL },
	    "-o", "unknown");
}

/* The combinations that no single option can check. */
static void
test_combinations(void **state)
{
	(void)state;
	BAD("--protocol", "virtiofs", PRIVFSD, "--shared-dir=/srv", "--fd=5");
	BAD("--shared-dir", "missing", VIRTIOFSD, "--fd=5");
	BAD("--socket-path", "--fd", VIRTIOFSD, "-o", "source=/srv");
	BAD("--socket-path", "--fd", VIRTIOFSD, LIST_BASE, "--socket-path=s");
	BAD("--socket-group", "--socket-path", VIRTIOFSD, LIST_BASE,
	    "--socket-group=root");
	BAD("\"word\"", "no option", VIRTIOFSD, LIST_BASE, "word");
	BAD("-o", "needs a value", VIRTIOFSD, LIST_BASE, "-o");
}

static void
test_help(void **state)
{
	(void)state;
	assert_int_equal(PARSE(VIRTIOFSD, "-h"), 0);
	assert_non_null(strstr(said[0], "usage: virtiofsd "));
	assert_non_null(strstr(said[0], "  -o  LIST "));
	assert_non_null(strstr(said[0], "      log_level=LEVEL "));
	assert_non_null(strstr(said[0], "      no_readdirplus "));
	assert_null(strstr(said[0], "flock"));
}

/* A manager of virtual machines reads it as JSON. */
static void
test_capabilities(void **state)
{
	static const char want[] = "{\n  \"type\": \"fs\",\n"
	    "  \"features\": [\n    \"separate-options\"\n  ]\n}\n";

	(void)state;
	assert_int_equal(PARSE(VIRTIOFSD, "--print-capabilities"), 0);
	assert_string_equal(said[0], want);
	assert_int_equal(PARSE(PRIVFSD, "--print-capabilities"), 0);
	assert_string_equal(said[0], want);
	assert_int_equal(PARSE(VIRTIOFSD, "--cache=x",
	    "--print-capabilities"), 2);
	BAD("--print-capabilities", "unknown", HELPER, HELPER_BASE,
	    "--print-capabilities");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_virtiofs_defaults),
		cmocka_unit_test(test_virtiofs_values),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_commas),
		cmocka_unit_test(test_nofile),
		cmocka_unit_test(test_bad_virtiofs),
		cmocka_unit_test(test_other_protocol),
		cmocka_unit_test(test_combinations),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_capabilities),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
