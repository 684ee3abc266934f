/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: extended attributes (T_LGETXATTR, T_LLISTXATTR, T_LSETXATTR,
 * T_LREMOVEXATTR): values, lists, the two sizes, limits, namespaces and POSIX
 * ACLs.
 */
#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9_suite.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define FILE_NAME	"file"
#define LARGEST_REPLY	65534	/* a reply holds 65536, the length is 2 */

static char buffer[P9_MAX_PAYLOAD];
static char big[2 * P9_MAX_PAYLOAD];

/* tmpfs has user.* since Linux 6.6 only. */
static int
has_user_xattrs(struct p9_env *e)
{
	host_write(host(e, FILE_NAME), "", 0600, 1000, 1000);
	if (setxattr(host(e, FILE_NAME), "user.probe", "", 0, 0) != 0) {
		tap_skip("no user.* attributes here");
		return 0;
	}
	removexattr(host(e, FILE_NAME), "user.probe");
	return 1;
}

static int
set(struct p9_env *e, const char *name, const void *value, size_t len,
    uint32_t flags)
{
	return p9_lsetxattr(&e->c, guest(e, FILE_NAME), name, value, len,
	    flags);
}

static int
get(struct p9_env *e, const char *name, int32_t size, size_t *len)
{
	return p9_lgetxattr(&e->c, guest(e, FILE_NAME), name, size, buffer,
	    len);
}

static void
is_value(struct p9_env *e, const char *name, const void *value, size_t len)
{
	ssize_t n = lgetxattr(host(e, FILE_NAME), name, big, sizeof(big));

	tap_is_mem(big, n >= 0 ? (size_t)n : SIZE_MAX, value, len,
	    "%s on the host", name);
}

static void
test_set(struct p9_env *e)
{
	if (!has_user_xattrs(e))
		return;
	is_result(set(e, "user.a", "value", 5, 0), 0, "set");
	is_value(e, "user.a", "value", 5);
	is_result(set(e, "user.a", "other", 5, XATTR_CREATE), -EEXIST,
	    "XATTR_CREATE of one that exists");
	is_value(e, "user.a", "value", 5);
	is_result(set(e, "user.b", "x", 1, XATTR_REPLACE), -ENODATA,
	    "XATTR_REPLACE of one that does not");
	is_result(set(e, "user.a", "longer than it", 14, XATTR_REPLACE), 0,
	    "XATTR_REPLACE");
	is_value(e, "user.a", "longer than it", 14);
	is_result(set(e, "user.b", "\0a\0", 3, XATTR_CREATE), 0,
	    "XATTR_CREATE, with NUL bytes");
	is_value(e, "user.b", "\0a\0", 3);
	is_result(set(e, "user.c", "", 0, 0), 0, "an empty value");
	is_value(e, "user.c", "", 0);
	is_result(set(e, "user.d", "x", 1, 4), -EINVAL, "an unknown flag");
	is_result(p9_lsetxattr(&e->c, guest(e, "missing"), "user.a", "x", 1,
	    0), -ENOENT, "a missing file");
}

static void
test_get(struct p9_env *e)
{
	size_t len;

	if (!has_user_xattrs(e))
		return;
	if (setxattr(host(e, FILE_NAME), "user.a", "val\0e", 5, 0) != 0)
		tap_bail("setxattr");
	is_result(get(e, "user.a", 0, &len), 0, "size 0");
	tap_is_int((long long)len, 5, "tells the length");
	is_result(get(e, "user.a", 5, &len), 0, "the exact size");
	tap_is_mem(buffer, len, "val\0e", 5, "gives the value");
	is_result(get(e, "user.a", 4096, &len), 0, "a larger size");
	tap_is_mem(buffer, len, "val\0e", 5, "gives the value");
	is_result(get(e, "user.a", 4, &len), -ERANGE, "one less");
	is_result(get(e, "user.a", 1, &len), -ERANGE, "size 1");
	is_result(get(e, "user.b", 0, &len), -ENODATA, "none, size 0");
	is_result(get(e, "user.b", 100, &len), -ENODATA, "none, size 100");
	setxattr(host(e, FILE_NAME), "user.empty", "", 0, 0);
	is_result(get(e, "user.empty", 0, &len), 0, "empty value, size 0");
	tap_is_int((long long)len, 0, "length 0");
	is_result(get(e, "user.empty", 10, &len), 0, "empty value, size 10");
	tap_is_int((long long)len, 0, "length 0");
	is_result(p9_lgetxattr(&e->c, guest(e, "missing"), "user.a", 0, NULL,
	    &len), -ENOENT, "a missing file");
}

static void
test_remove(struct p9_env *e)
{
	size_t len;

	if (!has_user_xattrs(e))
		return;
	is_result(set(e, "user.a", "value", 5, 0), 0, "set");
	is_result(p9_lremovexattr(&e->c, guest(e, FILE_NAME), "user.a"), 0,
	    "remove");
	is_result(get(e, "user.a", 0, &len), -ENODATA, "it is gone");
	tap_ok(lgetxattr(host(e, FILE_NAME), "user.a", NULL, 0) < 0,
	    "on the host too");
	is_result(p9_lremovexattr(&e->c, guest(e, FILE_NAME), "user.a"),
	    -ENODATA, "remove it again");
	is_result(p9_lremovexattr(&e->c, guest(e, "missing"), "user.a"),
	    -ENOENT, "a missing file");
}

static void
test_list(struct p9_env *e)
{
	char want[4096];
	ssize_t n;
	size_t len;

	if (!has_user_xattrs(e))
		return;
	is_result(p9_llistxattr(&e->c, guest(e, FILE_NAME), 0, NULL, &len),
	    0, "an empty list, size 0");
	tap_is_int((long long)len, 0, "length 0");
	is_result(p9_llistxattr(&e->c, guest(e, FILE_NAME), 100, buffer,
	    &len), 0, "an empty list, size 100");
	tap_is_int((long long)len, 0, "length 0");
	set(e, "user.one", "1", 1, 0);
	set(e, "user.two", "2", 1, 0);
	n = llistxattr(host(e, FILE_NAME), want, sizeof(want));
	is_result(p9_llistxattr(&e->c, guest(e, FILE_NAME), 0, NULL, &len),
	    0, "two names, size 0");
	tap_is_int((long long)len, n, "its length");
	is_result(p9_llistxattr(&e->c, guest(e, FILE_NAME), (int32_t)n,
	    buffer, &len), 0, "the exact size");
	tap_is_mem(buffer, len, want, (size_t)n, "the names");
	is_result(p9_llistxattr(&e->c, guest(e, FILE_NAME), (int32_t)n - 1,
	    buffer, &len), -ERANGE, "one less");
	is_result(p9_llistxattr(&e->c, guest(e, FILE_NAME), 65536, buffer,
	    &len), 0, "a large size");
	tap_is_mem(buffer, len, want, (size_t)n, "the names");
	is_result(p9_llistxattr(&e->c, guest(e, "missing"), 0, NULL, &len),
	    -ENOENT, "a missing file");
}

/* Sizes from the wire decide nothing but how much may come back. */
static void
test_sizes(struct p9_env *e)
{
	static const int32_t negative[] = { -1, INT_MIN, -65536 };
	static const int32_t huge[] = { 65535, 65536, 65537, 0x1000000,
	    INT_MAX };
	size_t len;

	if (!has_user_xattrs(e))
		return;
	is_result(set(e, "user.a", "value", 5, 0), 0, "set");
	if (!differs(e, "D4"))
		for (size_t i = 0; i < COUNT(negative); i++) {
			is_result(get(e, "user.a", negative[i], &len),
			    -EINVAL, "get, size %d", negative[i]);
			is_result(p9_llistxattr(&e->c, guest(e, FILE_NAME),
			    negative[i], buffer, &len), -EINVAL,
			    "list, size %d", negative[i]);
		}
	if (differs(e, "D5"))
		return;
	for (size_t i = 0; i < COUNT(huge); i++) {
		is_result(get(e, "user.a", huge[i], &len), 0,
		    "get, size %d", huge[i]);
		tap_is_mem(buffer, len, "value", 5, "the value");
		is_result(p9_llistxattr(&e->c, guest(e, FILE_NAME), huge[i],
		    buffer, &len), 0, "list, size %d", huge[i]);
		tap_is_mem(buffer, len, "user.a", 7, "the list");
	}
}

static int
set_raw(struct p9_env *e, size_t string_len, uint32_t size)
{
	struct p9_msg m;

	p9_msg_start(&m, P9_LSETXATTR);
	p9_msg_path(&m, guest(e, FILE_NAME));
	p9_msg_name(&m, "user.raw");
	p9_msg_bytes(&m, big, string_len);
	p9_msg_u32(&m, size);
	p9_msg_u32(&m, 0);
	return p9_exchange(&e->c, &m);
}

static void
test_second_size(struct p9_env *e)
{
	if (!has_user_xattrs(e) || differs(e, "D2"))
		return;
	memset(big, 'v', sizeof(big));
	is_result(set_raw(e, 5, 4), -EINVAL, "size below the length");
	is_result(set_raw(e, 5, 6), -EINVAL, "size above the length");
	is_result(set_raw(e, 5, 0), -EINVAL, "size 0 with a value");
	is_result(set_raw(e, 0, 1), -EINVAL, "size 1 without a value");
	is_result(set_raw(e, 0, 60000), -EINVAL, "size 60000 without one");
	is_result(set_raw(e, 5, 0xffffffff), -EINVAL, "size -1");
	is_error(set_raw(e, 5, 65541), "size and length equal in 16 bits");
	is_result(set_raw(e, 0, 65536), -E2BIG, "QEMU's 65536 bytes");
	tap_ok(lgetxattr(host(e, FILE_NAME), "user.raw", NULL, 0) < 0,
	    "nothing was stored");
	is_result(set_raw(e, 5, 5), 0, "both the same");
	is_value(e, "user.raw", "vvvvv", 5);
}

static void
test_largest_value(struct p9_env *e)
{
	const char *name = "user.l";
	size_t most = 65536 - 14 - strlen(guest(e, FILE_NAME)) - 1 -
	    strlen(name), len;

	if (!has_user_xattrs(e))
		return;
	for (size_t i = 0; i < sizeof(big) / 2; i++)
		big[i] = (char)(i * 7 + i / 251);
	if (setxattr(host(e, FILE_NAME), "user.max", big, 65536, 0) != 0) {
		tap_skip("no values of 65536 bytes here");
		return;
	}
	removexattr(host(e, FILE_NAME), "user.max");
	is_result(set(e, name, big, most, 0), 0, "a message of 65536 bytes");
	is_result(get(e, name, (int32_t)most, &len), 0, "get it back");
	tap_is_mem(buffer, len, big, most, "the same value");
	removexattr(host(e, FILE_NAME), name);
	if (setxattr(host(e, FILE_NAME), name, big, LARGEST_REPLY, 0) != 0)
		tap_bail("setxattr");
	is_result(get(e, name, LARGEST_REPLY, &len), 0, "get 65534 bytes");
	tap_is_mem(buffer, len, big, LARGEST_REPLY, "all of them");
	is_result(get(e, name, LARGEST_REPLY - 1, &len), -ERANGE,
	    "by one less");
	for (size_t n = LARGEST_REPLY + 1; n <= 65536; n++) {
		if (setxattr(host(e, FILE_NAME), name, big, n, 0) != 0)
			tap_bail("setxattr");
		if (n == 65536 && differs(e, "D6"))
			return;
		is_error(get(e, name, 65536, &len), "get %zu bytes", n);
		is_answer(get(e, name, 0, &len), "their length");
	}
}

/* Names that make a list of exactly so many bytes, NULs counted. */
static int
fill_list(struct p9_env *e, size_t bytes)
{
	char name[256];

	for (unsigned int i = 0; bytes > 0; i++) {
		/* 256 bytes each with the NUL; the last two share the rest. */
		size_t n = bytes > 512 ? 256 : bytes > 256 ? 200 : bytes;

		memset(name, 'n', sizeof(name));
		memcpy(name, "user.", 5);
		name[5] = (char)('a' + i / 26);
		name[6] = (char)('a' + i % 26);
		name[n - 1] = '\0';
		if (setxattr(host(e, FILE_NAME), name, "", 0, 0) != 0)
			return -1;
		bytes -= n;
	}
	return 0;
}

static void
test_largest_list(struct p9_env *e)
{
	static char want[P9_MAX_PAYLOAD];
	size_t len;
	ssize_t n;

	if (!has_user_xattrs(e))
		return;
	if (fill_list(e, LARGEST_REPLY) != 0) {
		tap_skip("no lists of 65534 bytes here");
		return;
	}
	n = llistxattr(host(e, FILE_NAME), want, sizeof(want));
	tap_is_int(n, LARGEST_REPLY, "the list has 65534 bytes");
	is_result(p9_llistxattr(&e->c, guest(e, FILE_NAME), 65536, buffer,
	    &len), 0, "get it");
	tap_is_mem(buffer, len, want, LARGEST_REPLY, "all of it");
	is_result(p9_llistxattr(&e->c, guest(e, FILE_NAME), 0, NULL, &len),
	    0, "size 0");
	tap_is_int((long long)len, LARGEST_REPLY, "its length");
	/* One byte more: the shortest name of all is too long by far. */
	if (setxattr(host(e, FILE_NAME), "user.a", "", 0, 0) != 0)
		tap_bail("setxattr");
	is_error(p9_llistxattr(&e->c, guest(e, FILE_NAME), 65536, buffer,
	    &len), "a longer one");
}

static void
test_names(struct p9_env *e)
{
	char name[300];
	struct p9_msg m;

	if (!has_user_xattrs(e))
		return;
	memset(name, 'x', sizeof(name));
	memcpy(name, "user.", 5);
	name[256] = '\0';
	is_result(set(e, name, "v", 1, 0), -ERANGE, "a name of 256 bytes");
	name[255] = '\0';
	is_result(set(e, name, "v", 1, 0), 0, "a name of 255 bytes");
	is_value(e, name, "v", 1);
	is_result(set(e, "user.\xff\x01/ ", "v", 1, 0), 0, "odd bytes");
	is_value(e, "user.\xff\x01/ ", "v", 1);
	is_error(set(e, "", "v", 1, 0), "an empty name");
	is_error(set(e, "user.", "v", 1, 0), "a prefix only");
	is_result(set(e, "nothing.x", "v", 1, 0), -EOPNOTSUPP,
	    "an unknown namespace");
	is_error(set(e, "system.x", "v", 1, 0), "an unknown system.*");
	p9_msg_start(&m, P9_LREMOVEXATTR);
	p9_msg_path(&m, guest(e, FILE_NAME));
	p9_msg_bytes(&m, name, 256);
	is_result(p9_exchange(&e->c, &m), 0, "a NUL counted in the name");
	tap_ok(lgetxattr(host(e, FILE_NAME), name, NULL, 0) < 0,
	    "that one was removed");
}

/* By default, privileged namespaces are not to be had. */
static void
test_privileged(struct p9_env *e)
{
	size_t len;

	host_write(host(e, FILE_NAME), "", 0600, 1000, 1000);
	if (setxattr(host(e, FILE_NAME), "trusted.secret", "t", 1, 0) != 0 ||
	    setxattr(host(e, FILE_NAME), "security.test", "s", 1, 0) != 0)
		tap_bail("setxattr");
	is_result(set(e, "trusted.a", "v", 1, 0), -EPERM, "set trusted.*");
	is_result(get(e, "trusted.secret", 0, &len), -ENODATA,
	    "get trusted.*");
	is_result(p9_lremovexattr(&e->c, guest(e, FILE_NAME),
	    "trusted.secret"), -EPERM, "remove trusted.*");
	is_result(set(e, "security.a", "v", 1, 0), -EPERM, "set security.*");
	is_result(get(e, "security.test", 10, &len), 0, "get security.*");
	tap_is_mem(buffer, len, "s", 1, "its value");
	/* A revision 2 capability set with nothing in it. */
	is_result(set(e, "security.capability", "\0\0\0\2\0\0\0\0\0\0\0\0"
	    "\0\0\0\0\0\0\0\0", 20, 0), -EPERM, "set security.capability");
	is_result(p9_llistxattr(&e->c, guest(e, FILE_NAME), 4096, buffer,
	    &len), 0, "list");
	tap_ok(memmem(buffer, len, "trusted.", 8) == NULL,
	    "trusted.* is not in it");
}

static void
test_kinds(struct p9_env *e)
{
	static const char *const names[] = { "symlink", "fifo", "socket",
	    "dir" };
	size_t len;

	host_write(host(e, FILE_NAME), "", 0600, 0, 0);
	host_symlink(FILE_NAME, host(e, "symlink"));
	host_mknod(host(e, "fifo"), S_IFIFO | 0666, 0);
	host_mknod(host(e, "socket"), S_IFSOCK | 0666, 0);
	host_mkdir(host(e, "dir"), 0755, 0, 0);
	setxattr(host(e, FILE_NAME), "security.test", "target", 6, 0);
	for (size_t i = 0; i < COUNT(names); i++) {
		const char *path = guest(e, names[i]);

		if (lsetxattr(host(e, names[i]), "security.test", names[i],
		    strlen(names[i]), 0) != 0)
			tap_bail("lsetxattr %s", names[i]);
		is_result(p9_lgetxattr(&e->c, path, "security.test", 100,
		    buffer, &len), 0, "get from a %s", names[i]);
		tap_is_mem(buffer, len, names[i], strlen(names[i]),
		    "its own");
		is_result(p9_llistxattr(&e->c, path, 4096, buffer, &len), 0,
		    "list of a %s", names[i]);
		tap_ok(memmem(buffer, len, "security.test", 14) != NULL,
		    "it is in it");
		if (strcmp(names[i], "dir") == 0)
			continue;
		is_result(p9_lsetxattr(&e->c, path, "user.a", "v", 1, 0),
		    -EPERM, "set user.* of a %s", names[i]);
	}
	tap_ok(lgetxattr(host(e, FILE_NAME), "user.a", NULL, 0) < 0,
	    "the link's target has none");
}

struct acl_entry {
	uint16_t	tag, perm;
	uint32_t	id;
};

struct acl {
	uint32_t		version;
	struct acl_entry	entry[5];
};

static const struct acl acl = { 2, {
	{ 0x01, 7, 0xffffffff }, { 0x02, 6, 4242 }, { 0x04, 5, 0xffffffff },
	{ 0x10, 7, 0xffffffff }, { 0x20, 1, 0xffffffff },
} };

static void
test_acl(struct p9_env *e)
{
	static const char access[] = "system.posix_acl_access";
	static const char initial[] = "system.posix_acl_default";
	struct stat st;
	size_t len;

	host_write(host(e, FILE_NAME), "", 0600, 1000, 1234);
	host_mkdir(host(e, "dir"), 0755, 1000, 1000);
	is_result(get(e, access, 0, &len), -ENODATA, "there is none");
	is_result(set(e, access, &acl, sizeof(acl), 0), 0, "set it");
	is_value(e, access, &acl, sizeof(acl));
	host_lstat(host(e, FILE_NAME), &st);
	tap_is_oct(st.st_mode & 07777, 0771, "it decides the mode");
	is_result(get(e, access, 100, &len), 0, "get it");
	tap_is_mem(buffer, len, &acl, sizeof(acl), "as it was set");
	is_error(set(e, access, "nonsense", 8, 0), "one that is none");
	is_result(set(e, initial, &acl, sizeof(acl), 0), -EACCES,
	    "a default ACL of a file");
	is_result(p9_lremovexattr(&e->c, guest(e, FILE_NAME), access), 0,
	    "remove it");
	is_result(get(e, access, 0, &len), -ENODATA, "there is none");
	is_result(p9_lsetxattr(&e->c, guest(e, "dir"), initial, &acl,
	    sizeof(acl), 0), 0, "a default ACL of a directory");
	tap_is_int(lgetxattr(host(e, "dir"), initial, big, sizeof(big)),
	    sizeof(acl), "is there on the host");
	is_result(p9_lremovexattr(&e->c, guest(e, "dir"), initial), 0,
	    "remove it");
}

/* Setting an ACL changes permission bits, not the bits above them. */
static void
test_acl_setid(struct p9_env *e)
{
	static const mode_t modes[] = { 04755, 02755, 06755, 01755, 02644 };
	struct stat st;

	for (size_t i = 0; i < COUNT(modes); i++) {
		host_write(host(e, FILE_NAME), "", modes[i], 1000, 1234);
		is_result(set(e, "system.posix_acl_access", &acl,
		    sizeof(acl), 0), 0, "set it on mode %o", modes[i]);
		host_lstat(host(e, FILE_NAME), &st);
		tap_is_oct(st.st_mode & 07777, 0771 | (modes[i] & 07000),
		    "set-id and sticky bits stay");
	}
}

/* The one removal that needs no privilege, since each write would do it. */
static void
test_capability(struct p9_env *e)
{
	static const char value[20] = "\1\0\0\2\0\40";
	const char *name = "security.capability";
	struct stat st;

	host_write(host(e, FILE_NAME), "content", 06755, 1000, 1001);
	is_result(p9_lremovexattr(&e->c, guest(e, FILE_NAME), name), -ENODATA,
	    "remove what is not there");
	host_lstat(host(e, FILE_NAME), &st);
	tap_is_oct(st.st_mode & 07777, 06755, "does nothing");
	if (lsetxattr(host(e, FILE_NAME), name, value, sizeof(value), 0) != 0)
		tap_bail("%s", name);
	is_result(p9_lremovexattr(&e->c, guest(e, FILE_NAME), name), 0,
	    "remove it");
	tap_ok(lgetxattr(host(e, FILE_NAME), name, big, sizeof(big)) == -1,
	    "is gone");
	host_lstat(host(e, FILE_NAME), &st);
	tap_ok((st.st_mode & 07777) == 0755 && st.st_uid == 1000 &&
	    st.st_gid == 1001, "with the set-id bits, and nothing else");
	is_result(p9_lremovexattr(&e->c, guest(e, "missing"), name), -ENOENT,
	    "of a missing file");
	host_symlink(FILE_NAME, host(e, "capable"));
	if (lsetxattr(host(e, FILE_NAME), name, value, sizeof(value), 0) != 0)
		tap_bail("%s", name);
	is_result(p9_lremovexattr(&e->c, guest(e, "capable"), name), -ENODATA,
	    "of a link to it");
	tap_ok(lgetxattr(host(e, FILE_NAME), name, big, sizeof(big)) == 20,
	    "is not of the file");
}

static const struct p9_test tests[] = {
	{ "set", test_set },
	{ "get", test_get },
	{ "remove", test_remove },
	{ "list", test_list },
	{ "sizes", test_sizes },
	{ "second-size", test_second_size },
	{ "largest-value", test_largest_value },
	{ "largest-list", test_largest_list },
	{ "names", test_names },
	{ "privileged", test_privileged },
	{ "kinds", test_kinds },
	{ "capability", test_capability },
	{ "acl", test_acl },
	{ "acl-setid", test_acl_setid },
};

int
main(void)
{
	static const struct p9_suite suite = { .tests = tests,
	    .count = COUNT(tests) };

	return p9_suite_main(&suite);
}
