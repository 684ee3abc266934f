/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: what --modcaps allows (device nodes, file capabilities,
 * trusted.* attributes) works then. That it is refused otherwise is in
 * p9_create.c and p9_xattr.c.
 */
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "p9_suite.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static void
test_device(struct p9_env *e)
{
	static const struct {
		const char	*name;
		mode_t		mode;
		uint32_t	uid, gid;
	} row[] = {
		{ "char", S_IFCHR | 0640, 0, 0 },
		{ "char-user", S_IFCHR | 0666, 1000, 1001 },
		{ "block", S_IFBLK | 0600, 0, 6 },
		{ "block-user", S_IFBLK | 0777, 4294967294u, 1000 },
	};
	dev_t dev = makedev(250, 70000);
	struct stat st;
	int fd;

	for (size_t i = 0; i < COUNT(row); i++) {
		const char *name = row[i].name;

		is_result(p9_mknod(&e->c, guest(e, name), row[i].mode, dev,
		    row[i].uid, row[i].gid), 0, "mknod %s", name);
		if (lstat(host(e, name), &st) != 0) {
			tap_ok(0, "%s is there", name);
			continue;
		}
		tap_is_oct(st.st_mode, row[i].mode, "%s: mode", name);
		tap_ok(st.st_uid == row[i].uid && st.st_gid == row[i].gid,
		    "%s: owner", name);
		tap_is_int((long long)st.st_rdev, (long long)dev, "%s: rdev",
		    name);
		is_result(p9_open(&e->c, guest(e, name), O_RDONLY, &fd),
		    -ENXIO, "%s is not opened", name);
		is_result(p9_remove(&e->c, guest(e, name)), 0, "remove %s",
		    name);
	}
}

static void
test_trusted(struct p9_env *e)
{
	char out[256];
	size_t len;

	host_write(host(e, "file"), "", 0600, 1000, 1000);
	is_result(p9_lsetxattr(&e->c, guest(e, "file"), "trusted.a", "value",
	    5, 0), 0, "set");
	tap_is_int(lgetxattr(host(e, "file"), "trusted.a", out,
	    sizeof(out)), 5, "it is there on the host");
	is_result(p9_lgetxattr(&e->c, guest(e, "file"), "trusted.a", 5, out,
	    &len), 0, "get");
	tap_is_mem(out, len, "value", 5, "its value");
	is_result(p9_llistxattr(&e->c, guest(e, "file"), 256, out, &len), 0,
	    "list");
	tap_ok(memmem(out, len, "trusted.a", 10) != NULL, "it is in it");
	is_result(p9_lremovexattr(&e->c, guest(e, "file"), "trusted.a"), 0,
	    "remove");
}

static void
test_file_capability(struct p9_env *e)
{
	/* Revision 2, CAP_NET_RAW permitted, capabilities(7). */
	static const uint32_t value[5] = { 0x02000001, 1 << 13, 0, 0, 0 };
	char out[64];
	size_t len;

	host_write(host(e, "file"), "", 0755, 0, 0);
	is_result(p9_lsetxattr(&e->c, guest(e, "file"),
	    "security.capability", value, sizeof(value), 0), 0, "set");
	tap_ok(lgetxattr(host(e, "file"), "security.capability", out,
	    sizeof(out)) >= (ssize_t)sizeof(value),
	    "it is there on the host");
	is_result(p9_lgetxattr(&e->c, guest(e, "file"),
	    "security.capability", 64, out, &len), 0, "get");
	tap_is_mem(out, len, value, sizeof(value), "its value");
	is_result(p9_lremovexattr(&e->c, guest(e, "file"),
	    "security.capability"), 0, "remove");
}

static const struct p9_test tests[] = {
	{ "device", test_device },
	{ "trusted", test_trusted },
	{ "file-capability", test_file_capability },
};

int
main(void)
{
	static const char *const extra[] = {
	    "--modcaps=+mknod:+setfcap:+sys_admin", NULL };
	static const struct p9_suite suite = { .tests = tests,
	    .count = COUNT(tests), .extra = extra, .privfsd_only = 1 };

	return p9_suite_main(&suite);
}
