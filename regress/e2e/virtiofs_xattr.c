/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs with --xattr: GETXATTR, SETXATTR, LISTXATTR, REMOVEXATTR.
 */
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "virtiofs_suite.h"

/* tmpfs may be without user.*, so that names are tried on the host first. */
static int
host_has_user_xattrs(struct virtiofs_env *e)
{
	host_write(host_path(e, "probe"), "", 0644, 0, 0);
	if (lsetxattr(host_path(e, "probe"), "user.probe", "x", 1, 0) == 0)
		return 1;
	tap_skip("no user.* attributes here");
	return 0;
}

static void
test_basic(struct virtiofs_env *e)
{
	char value[64], list[64];
	uint64_t file;
	ssize_t n;
	int got;

	if (!host_has_user_xattrs(e))
		return;
	host_write(host_path(e, "file"), "x", 0644, 0, 0);
	file = node(e, "file");
	is_reply(fuse_getxattr(&e->c, file, "user.a", value, 64), -ENODATA,
	    "get what is not there");
	is_reply(fuse_removexattr(&e->c, file, "user.a"), -ENODATA,
	    "remove what is not there");
	is_reply(fuse_setxattr(&e->c, file, "user.a", "value", 5, 0), 0,
	    "set");
	n = lgetxattr(host_path(e, "file"), "user.a", value, sizeof(value));
	tap_is_mem(value, n > 0 ? (size_t)n : 0, "value", 5, "on the host");
	is_reply(fuse_getxattr(&e->c, file, "user.a", NULL, 0), 5,
	    "its size");
	is_reply(fuse_getxattr(&e->c, file, "user.a", value, 4), -ERANGE,
	    "too little room");
	got = fuse_getxattr(&e->c, file, "user.a", value, 64);
	tap_is_mem(value, got > 0 ? (size_t)got : 0, "value", 5, "get");
	is_reply(fuse_setxattr(&e->c, file, "user.b", "", 0, 0), 0,
	    "an empty value");
	is_reply(fuse_getxattr(&e->c, file, "user.b", value, 64), 0,
	    "is empty");
	n = llistxattr(host_path(e, "file"), list, sizeof(list));
	is_reply(fuse_listxattr(&e->c, file, NULL, 0), (int)n,
	    "the list's size");
	is_reply(fuse_listxattr(&e->c, file, value, 3), -ERANGE,
	    "too little room for it");
	got = fuse_listxattr(&e->c, file, value, 64);
	tap_is_mem(value, got > 0 ? (size_t)got : 0, list, (size_t)n,
	    "the list is the host's");
	is_reply(fuse_removexattr(&e->c, file, "user.a"), 0, "remove");
	tap_ok(lgetxattr(host_path(e, "file"), "user.a", NULL, 0) < 0,
	    "gone from the host");
}

static void
test_flags(struct virtiofs_env *e)
{
	uint64_t file;

	if (!host_has_user_xattrs(e))
		return;
	file = node(e, "probe");
	is_reply(fuse_setxattr(&e->c, file, "user.a", "1", 1, XATTR_REPLACE),
	    -ENODATA, "replace what is not there");
	is_reply(fuse_setxattr(&e->c, file, "user.a", "1", 1, XATTR_CREATE),
	    0, "create");
	is_reply(fuse_setxattr(&e->c, file, "user.a", "2", 1, XATTR_CREATE),
	    -EEXIST, "create what is there");
	is_reply(fuse_setxattr(&e->c, file, "user.a", "3", 1,
	    XATTR_REPLACE), 0, "replace");
	is_reply(fuse_setxattr(&e->c, file, "user.a", "4", 1, 0x1000),
	    -EINVAL, "an unknown flag");
}

static void
test_types(struct virtiofs_env *e)
{
	static const char *const names[] = { "dir", "fifo", "link", "null" };
	char value[16];

	host_mkdir(host_path(e, "dir"), 0755, 0, 0);
	host_mknod(host_path(e, "fifo"), S_IFIFO | 0600, 0);
	host_mknod(host_path(e, "null"), S_IFCHR | 0600, 0x103);
	host_write(host_path(e, "target"), "", 0644, 0, 0);
	host_symlink("target", host_path(e, "link"));
	for (size_t i = 0; i < 4; i++) {
		const char *path = host_path(e, names[i]);
		uint64_t nodeid = node(e, names[i]);
		int want;

		/* What this file may have, the host says. */
		want = lsetxattr(path, "user.host", "v", 1, 0) == 0 ? 0 :
		    -errno;
		is_reply(fuse_setxattr(&e->c, nodeid, "user.guest", "v", 1,
		    0), want, "set on %s, as on the host", names[i]);
		want = lgetxattr(path, "user.none", value, 16) == 0 ? 0 :
		    -errno;
		is_reply(fuse_getxattr(&e->c, nodeid, "user.none", value,
		    16), want, "get on %s", names[i]);
		want = (int)llistxattr(path, NULL, 0);
		is_reply(fuse_listxattr(&e->c, nodeid, NULL, 0), want,
		    "list on %s", names[i]);
	}
	tap_ok(lgetxattr(host_path(e, "target"), "user.guest", value, 16) < 0,
	    "a link's target got none");
}

static void
test_large(struct virtiofs_env *e)
{
	static char value[65537], got[65536];
	uint64_t file;
	int want, n;

	if (!host_has_user_xattrs(e))
		return;
	memset(value, 'v', sizeof(value));
	host_write(host_path(e, "file"), "", 0644, 0, 0);
	file = node(e, "file");
	for (size_t size = 1000; size <= 65536; size = size < 65536 &&
	    size * 4 > 65536 ? 65536 : size * 4) {
		want = lsetxattr(host_path(e, "probe"), "user.v", value, size,
		    0) == 0 ? 0 : -errno;
		is_reply(fuse_setxattr(&e->c, file, "user.v", value,
		    (uint32_t)size, 0), want, "a value of %zu bytes", size);
		if (want != 0)
			break;
		n = fuse_getxattr(&e->c, file, "user.v", got, 65536);
		tap_is_mem(got, n > 0 ? (size_t)n : 0, value, size,
		    "comes back");
		if (size == 65536)
			break;
	}
	is_refused(fuse_setxattr(&e->c, file, "user.v", value, 65537, 0),
	    "one byte more than Linux takes");
}

static void
test_names(struct virtiofs_env *e)
{
	static const char *const bad[] = { "", "nodot", "unknown.x",
	    "user." };
	char name[300], value[8];
	uint64_t file;

	if (!host_has_user_xattrs(e))
		return;
	file = node(e, "probe");
	for (size_t i = 0; i < 4; i++) {
		is_refused(fuse_setxattr(&e->c, file, bad[i], "v", 1, 0),
		    "set '%s'", bad[i]);
		is_refused(fuse_getxattr(&e->c, file, bad[i], value, 8),
		    "get '%s'", bad[i]);
		is_refused(fuse_removexattr(&e->c, file, bad[i]),
		    "remove '%s'", bad[i]);
	}
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[255] = '\0';
	is_reply(fuse_setxattr(&e->c, file, name, "v", 1, 0), 0,
	    "a name of 255 bytes");
	is_reply(fuse_getxattr(&e->c, file, name, value, 8), 1, "get it");
	name[255] = 'n';
	name[256] = '\0';
	is_refused(fuse_setxattr(&e->c, file, name, "v", 1, 0),
	    "one of 256 bytes");
	is_reply(fuse_setxattr(&e->c, file, "user.\xff\xfe", "v", 1, 0), 0,
	    "one that is not UTF-8");
	is_reply(fuse_getxattr(&e->c, file, "user.\xff\xfe", value, 8), 1,
	    "get it");
	is_reply(fuse_setxattr(&e->c, file, "user./", "v", 1, 0), 0,
	    "one with a slash is a name like others");
}

/* Sizes and strings that contradict the request's length. */
static void
test_malformed(struct virtiofs_env *e)
{
	struct fuse_setxattr_in set = { .size = 5 };
	struct fuse_getxattr_in get = { .size = 64 };
	size_t arg = e->c.init_flags & FUSE_SETXATTR_EXT ? sizeof(set) :
	    FUSE_COMPAT_SETXATTR_IN_SIZE;
	static const uint32_t sizes[] = { 6, 100, 65536, 0x7fffffff,
	    UINT32_MAX };
	char value[64];
	uint64_t file;

	if (!host_has_user_xattrs(e))
		return;
	file = node(e, "probe");
	for (size_t i = 0; i < 5; i++) {
		set.size = sizes[i];
		is_refused(fuse_named(&e->c, FUSE_SETXATTR, file, &set, arg,
		    "user.x\0value", 12, NULL, 0),
		    "set %u bytes with 5", sizes[i]);
	}
	set.size = 5;
	is_refused(fuse_named(&e->c, FUSE_SETXATTR, file, &set, arg,
	    "user.x", 6, NULL, 0), "set a name without NUL");
	is_refused(fuse_named(&e->c, FUSE_SETXATTR, file, &set, 4, NULL, 0,
	    NULL, 0), "set with half its arguments");
	is_refused(fuse_named(&e->c, FUSE_GETXATTR, file, &get, sizeof(get),
	    "user.probe", 10, value, sizeof(value)),
	    "get a name without NUL");
	is_refused(fuse_named(&e->c, FUSE_REMOVEXATTR, file, NULL, 0,
	    "user.probe", 10, NULL, 0), "remove a name without NUL");
	is_refused(fuse_setxattr(&e->c, 99999999, "user.x", "v", 1, 0),
	    "set on a node that is none");
	is_refused(fuse_listxattr(&e->c, 99999999, value, 64),
	    "list of one");
	tap_ok(lgetxattr(host_path(e, "probe"), "user.x", value, 64) < 0 &&
	    lgetxattr(host_path(e, "probe"), "user.probe", value, 64) == 1,
	    "the host's are as they were");
}

/* What setcap(8) writes: CAP_NET_RAW, permitted; struct vfs_cap_data. */
static const char capability[20] = "\1\0\0\2\0\40";

static void
host_set_capability(const char *path)
{
	if (lsetxattr(path, "security.capability", capability,
	    sizeof(capability), 0) != 0)
		tap_bail("%s", path);
}

/*
 * Linux removes a file's capabilities before each write and change of owner,
 * whoever does it: that takes no privilege here, and nothing else is removed.
 */
static void
test_capability(struct virtiofs_env *e)
{
	static const mode_t modes[] = { 0755, 06755, 02745, 01644 };
	const char *name = "security.capability";
	struct stat st;
	char path[16], value[32];

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		snprintf(path, sizeof(path), "file%zu", i);
		host_write(host_path(e, path), "content", modes[i], 1000,
		    1001);
		host_set_capability(host_path(e, path));
		is_reply(fuse_removexattr(&e->c, node(e, path), name), 0,
		    "remove it from mode %o", modes[i]);
		tap_ok(lgetxattr(host_path(e, path), name, value,
		    sizeof(value)) == -1 && errno == ENODATA, "is gone");
		host_lstat(host_path(e, path), &st);
		/* With the set-id bits, as where the host's file is written. */
		if (e->kind == VIRTIOFS_PRIVFSD || e->kind == VIRTIOFS_DROPIN)
			tap_is_oct(st.st_mode & 07777, modes[i] & 01777,
			    "its mode");
		tap_ok(st.st_uid == 1000 && st.st_gid == 1001,
		    "its owner stays");
		tap_ok(strcmp(host_read(host_path(e, path)), "content") == 0,
		    "its content too");
	}
	host_write(host_path(e, "none"), "", 06755, 0, 0);
	is_reply(fuse_removexattr(&e->c, node(e, "none"), name), -ENODATA,
	    "remove what is not there");
	host_lstat(host_path(e, "none"), &st);
	tap_is_oct(st.st_mode & 07777, 06755, "does nothing");
	if (e->kind == VIRTIOFS_C || e->kind == VIRTIOFS_RUST)
		return;
	host_mkdir(host_path(e, "dir"), 0755, 0, 0);
	host_set_capability(host_path(e, "dir"));
	is_reply(fuse_removexattr(&e->c, node(e, "dir"), name), -EPERM,
	    "a directory's takes the privilege");
	is_reply(fuse_setxattr(&e->c, node(e, "none"), name, capability,
	    sizeof(capability), 0), -EPERM, "to set it does");
}

static const struct virtiofs_test tests[] = {
	{ "basic", test_basic },
	{ "flags", test_flags },
	{ "types", test_types },
	{ "large", test_large },
	{ "names", test_names },
	{ "malformed", test_malformed },
	{ "capability", test_capability },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]),
	    .options.server.xattr = 1 };

	return virtiofs_suite_main(&suite);
}
