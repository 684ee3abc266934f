/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs through the Linux client: a program that has file capabilities on
 * the host is written, cut, given away. The kernel takes the capabilities away
 * before, by a request of its own, and fails what was asked for if that fails.
 */
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "posix.h"
#include "virtiofs_suite.h"

#define CAPABILITY	"security.capability"

/* Each does it to "f", and returns -1 with errno if it fails. */

static int
write_with(int flags)
{
	int fd = open("f", flags);
	int n;

	if (fd == -1)
		return -1;
	n = write(fd, "x", 1) == 1 ? 0 : -1;
	return close(fd) == 0 ? n : -1;
}

static int
change_write(void)
{
	return write_with(O_WRONLY);
}

static int
change_append(void)
{
	return write_with(O_WRONLY | O_APPEND);
}

static int
change_open_truncate(void)
{
	return write_with(O_WRONLY | O_TRUNC);
}

static int
change_truncate(void)
{
	return truncate("f", 3);
}

static int
change_ftruncate(void)
{
	int fd = open("f", O_RDWR), n;

	if (fd == -1)
		return -1;
	n = ftruncate(fd, 100);
	return close(fd) == 0 ? n : -1;
}

static int
change_fallocate(void)
{
	int fd = open("f", O_RDWR), n;

	if (fd == -1)
		return -1;
	n = posix_fallocate(fd, 0, 8192);
	if (n != 0)
		errno = n;
	return close(fd) == 0 && n == 0 ? 0 : -1;
}

static int
change_owner(void)
{
	return chown("f", USER_B, GROUP_B);
}

static int
change_group(void)
{
	return chown("f", (uid_t)-1, GROUP_B);
}

static int
change_remove(void)
{
	return removexattr("f", CAPABILITY);
}

static const struct change {
	const char	*name;
	int		(*run)(void);
	int		root;		/* alone may do it */
} changes[] = {
	{ "write", change_write, 0 },
	{ "append", change_append, 0 },
	{ "open with O_TRUNC", change_open_truncate, 0 },
	{ "truncate", change_truncate, 0 },
	{ "ftruncate", change_ftruncate, 0 },
	{ "fallocate", change_fallocate, 0 },
	{ "chgrp", change_group, 0 },
	{ "chown", change_owner, 1 },
	{ "setcap -r", change_remove, 1 },
};

static void
run_change(const struct change *c, const char *host, uid_t uid)
{
	static const char value[20] = "\1\0\0\2\0\40";
	char path[256];
	ssize_t n;

	if (c->root && uid != 0)
		return;
	snprintf(path, sizeof(path), "%s/f", host);
	unlink("f");
	make_file("f", 0777, USER_A, GROUP_A);
	make_content("f", "content");
	if (lsetxattr(path, CAPABILITY, value, sizeof(value), 0) != 0)
		tap_bail("%s", path);
	/* The client believes for a second that there was none. */
	unlink("other");
	WORKS(rename("f", "other"));
	WORKS(rename("other", "f"));
	tap_is_int(getxattr("f", CAPABILITY, NULL, 0), sizeof(value),
	    "%s by %u: it is capable", c->name, uid);
	if (uid != 0)
		become(uid, GROUP_A, GROUP_B);
	posix_result(c->run() < 0 ? errno : 0, 0, c->name);
	become_root();
	n = lgetxattr(path, CAPABILITY, NULL, 0);
	tap_ok(n == -1 && errno == ENODATA, "it is not any more");
}

static void
run_bridged(const struct fixture *f, unsigned int share, const char *cache)
{
	char socket[96], mount[96], host[160];
	struct bridge_options o = { .server = {
	    .kind = virtiofs_kind_from_env(), .share = f->share[share].dir,
	    .socket_path = socket, .cache = cache, .xattr = 1 },
	    .mount_point = mount };
	struct bridge b;

	if (f->share[share].missing != NULL) {
		tap_skip("%s: %s", f->share[share].fs,
		    f->share[share].missing);
		return;
	}
	tap_context("%s, cache=%s: ", f->share[share].fs, cache);
	snprintf(socket, sizeof(socket), "%s/socket", f->base);
	snprintf(mount, sizeof(mount), "%s/mount", f->base);
	snprintf(host, sizeof(host), "%s/dir-%s", f->share[share].dir, cache);
	host_mkdir(host, 0777, 0, 0);
	if (!host_exists(mount))
		host_mkdir(mount, 0755, 0, 0);
	if (bridge_start(&b, &o) != 0)
		tap_bail("no mount");
	snprintf(mount + strlen(mount), sizeof(mount) - strlen(mount),
	    "/dir-%s", cache);
	if (chdir(mount) != 0)
		tap_bail("%s", mount);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		run_change(&changes[i], host, 0);
		run_change(&changes[i], host, USER_A);
	}
	if (chdir("/") != 0)
		tap_bail("/");
	tap_is_int(bridge_stop(&b, NULL), 0, "ends well");
}

static void
body(struct fixture *f)
{
	run_bridged(f, 0, "auto");
	run_bridged(f, 1, "none");
	run_bridged(f, 1, "always");
}

int
main(void)
{
	return virtiofs_main(body, 120);
}
