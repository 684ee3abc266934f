/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: requests that make something (T_CREATE, T_MKDIR, T_MKNOD,
 * T_SYMLINK): owner, group, mode, set-group-ID directories, default ACLs,
 * what is there already. A request that fails may leave nothing behind.
 */
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "p9_suite.h"

#define KEEP	0xffffffffu	/* "the server's own" */
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static const struct owner {
	uint32_t	uid, gid, want_uid, want_gid;
} owners[] = {
	{ 1000, 1001, 1000, 1001 },
	{ 0, 0, 0, 0 },
	{ 1000, 0, 1000, 0 },
	{ 4294967294u, 4294967294u, 4294967294u, 4294967294u },
	{ 0, 1234, 0, 1234 },
	{ KEEP, KEEP, 0, 0 },
	{ KEEP, 1234, 0, 1234 },
	{ 1000, KEEP, 1000, 0 },
};

static const uint32_t modes[] = { 0, 0400, 0600, 0644, 0666, 0777, 01777,
    02755, 02644, 04755, 04000, 06777, 07777 };

enum kind { MAKE_FILE, MAKE_DIR, MAKE_REG, MAKE_FIFO, MAKE_SOCKET, MAKE_LINK,
    MAKE_KINDS };

static const struct {
	const char	*name;
	mode_t		type;
} kinds[MAKE_KINDS] = {
	{ "create", S_IFREG }, { "mkdir", S_IFDIR },
	{ "mknod-file", S_IFREG }, { "mknod-fifo", S_IFIFO },
	{ "mknod-socket", S_IFSOCK }, { "symlink", S_IFLNK },
};

static int
make(struct p9_env *e, enum kind kind, const char *name, uint32_t mode,
    uint32_t uid, uint32_t gid)
{
	int error, fd;

	switch (kind) {
	case MAKE_FILE:
		error = p9_create(&e->c, guest(e, name), O_CREAT | O_EXCL |
		    O_RDWR, mode, uid, gid, &fd);
		if (fd >= 0)
			close(fd);
		return error;
	case MAKE_DIR:
		return p9_mkdir(&e->c, guest(e, name), S_IFDIR | mode, uid,
		    gid);
	case MAKE_LINK:
		return p9_symlink(&e->c, "target", guest(e, name), uid, gid);
	default:
		return p9_mknod(&e->c, guest(e, name),
		    (uint32_t)kinds[kind].type | mode, 0, uid, gid);
	}
}

/* "uid 0 with another gid, or -1" is what takes the helper's rights away. */
static int
spoils_helper(const struct owner *o)
{
	return o->uid == KEEP || o->gid == KEEP ||
	    (o->uid == 0 && o->gid != 0);
}

static void
is_made(struct p9_env *e, const char *name, mode_t mode, uid_t uid,
    gid_t gid)
{
	struct stat st;

	if (lstat(host(e, name), &st) != 0) {
		tap_ok(0, "%s is there", name);
		return;
	}
	tap_is_oct(st.st_mode, mode, "%s: mode", name);
	tap_ok(st.st_uid == uid && st.st_gid == gid, "%s belongs to %u:%u",
	    name, uid, gid);
	if (st.st_uid != uid || st.st_gid != gid)
		tap_diag("got %u:%u", st.st_uid, st.st_gid);
}

static void
test_owner(struct p9_env *e)
{
	char name[64];

	for (enum kind k = 0; k < MAKE_KINDS; k++)
		for (size_t i = 0; i < COUNT(owners); i++) {
			const struct owner *o = &owners[i];
			mode_t mode = k == MAKE_LINK ? 0777 : 0640;

			if (spoils_helper(o) && differs(e, "D1"))
				continue;
			snprintf(name, sizeof(name), "%s-%zu", kinds[k].name,
			    i);
			is_result(make(e, k, name, 0640, o->uid, o->gid), 0,
			    "%s as %d:%d", kinds[k].name, (int)o->uid,
			    (int)o->gid);
			is_made(e, name, kinds[k].type | mode, o->want_uid,
			    o->want_gid);
		}
}

static void
test_mode(struct p9_env *e)
{
	static const uint32_t who[][2] = { { 0, 0 }, { 1000, 1001 } };
	char name[64];

	for (enum kind k = 0; k < MAKE_LINK; k++)
		for (size_t i = 0; i < COUNT(modes) * 2; i++) {
			uint32_t mode = modes[i / 2];
			const uint32_t *id = who[i % 2];

			snprintf(name, sizeof(name), "%s-%o-%u",
			    kinds[k].name, mode, id[0]);
			is_result(make(e, k, name, mode, id[0], id[1]), 0,
			    "%s", name);
			/* mkdir(2) has no set-id bits. */
			if (k == MAKE_DIR)
				mode &= ~06000u;
			is_made(e, name, kinds[k].type | mode, id[0], id[1]);
		}
}

/* Rights are not lost by what was made before. */
static void
test_sequence(struct p9_env *e)
{
	host_write(host(e, "file"), "x", 0600, 1000, 1000);
	if (differs(e, "D1"))
		return;
	is_result(make(e, MAKE_DIR, "a", 0755, 0, 1234), 0, "as 0:1234");
	is_result(p9_chmod(&e->c, guest(e, "file"), 0640), 0, "chmod");
	is_result(p9_chown(&e->c, guest(e, "file"), 5, 6), 0, "chown");
	is_result(make(e, MAKE_DIR, "b", 0755, 1000, 1000), 0,
	    "as 1000:1000");
	is_result(make(e, MAKE_DIR, "c", 0755, KEEP, 7), 0, "as -1:7");
	is_result(p9_chmod(&e->c, guest(e, "file"), 0600), 0, "chmod again");
	is_made(e, "file", S_IFREG | 0600, 5, 6);
}

static void
test_setgid_dir(struct p9_env *e)
{
	static const uint32_t asked[][2] = { { 1000, 1000 }, { 1000, 777 },
	    { 0, 0 } };
	char name[64];

	host_mkdir(host(e, "d"), 02777, 5, 777);
	for (enum kind k = 0; k < MAKE_KINDS; k++)
		for (size_t i = 0; i < COUNT(asked); i++) {
			mode_t mode = k == MAKE_LINK ? 0777 : 0750;

			if (k == MAKE_DIR)
				mode |= S_ISGID;
			snprintf(name, sizeof(name), "d/%s-%zu",
			    kinds[k].name, i);
			is_result(make(e, k, name, 0750, asked[i][0],
			    asked[i][1]), 0, "%s as %u:%u", name,
			    asked[i][0], asked[i][1]);
			is_made(e, name, kinds[k].type | mode, asked[i][0],
			    777);
		}
	/* What a Linux client sends below such a directory. */
	is_result(make(e, MAKE_DIR, "d/sub", 02755, 1000, 777), 0,
	    "mkdir with S_ISGID");
	is_made(e, "d/sub", S_IFDIR | 02755, 1000, 777);
	is_result(make(e, MAKE_FILE, "d/sub/file", 02755, 1000, 777), 0,
	    "set-group-ID file of the directory's own group");
	is_made(e, "d/sub/file", S_IFREG | 02755, 1000, 777);
}

/*
 * CVE-2022-0358: who is not in the directory's group must not get a program
 * that runs with it.
 */
static void
test_setgid_escalation(struct p9_env *e)
{
	struct stat st;

	host_mkdir(host(e, "d"), 02777, 5, 777);
	is_result(make(e, MAKE_FILE, "d/create", 02755, 1000, 1000), 0,
	    "create by a stranger to the group");
	host_lstat(host(e, "d/create"), &st);
	tap_ok(st.st_gid != 777 || (st.st_mode & S_ISGID) == 0,
	    "gives no set-group-ID file of it");
	is_result(make(e, MAKE_REG, "d/mknod", 02755, 1000, 1000), 0,
	    "mknod by a stranger to the group");
	host_lstat(host(e, "d/mknod"), &st);
	tap_ok(st.st_gid != 777 || (st.st_mode & S_ISGID) == 0,
	    "gives no set-group-ID file of it");
}

/* An ACL in the kernel's form: version, then tag, permissions and id each. */
struct acl_entry {
	uint16_t	tag, perm;
	uint32_t	id;
};

struct acl {
	uint32_t		version;
	struct acl_entry	entry[5];
};

static const struct acl default_acl = { 2, {
	{ 0x01, 7, KEEP },	/* owner */
	{ 0x02, 6, 4242 },	/* a named user */
	{ 0x04, 5, KEEP },	/* group */
	{ 0x10, 7, KEEP },	/* mask */
	{ 0x20, 1, KEEP },	/* others */
} };

/* What the kernel makes of it for that user, umask 0. */
static void
make_twin(const char *path, enum kind kind, mode_t mode, uid_t uid,
    gid_t gid)
{
	pid_t pid = fork();
	int status, error = -1;

	if (pid == 0) {
		/* Stays privileged, so that set-id bits are not refused. */
		setfsgid(gid);
		setfsuid(uid);
		if (kind == MAKE_FILE)
			error = open(path, O_CREAT | O_EXCL | O_WRONLY, mode);
		else if (kind == MAKE_DIR)
			error = mkdir(path, mode);
		else
			error = mknod(path, kinds[kind].type | mode, 0);
		_exit(error < 0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		tap_bail("twin %s", path);
}

static void
is_same_acl(const char *a, const char *b, const char *xattr)
{
	char one[256], two[256];
	ssize_t n = lgetxattr(a, xattr, one, sizeof(one));
	ssize_t m = lgetxattr(b, xattr, two, sizeof(two));

	tap_is_mem(one, n > 0 ? (size_t)n : 0, two, m > 0 ? (size_t)m : 0,
	    "%s as the kernel makes it", xattr);
}

static void
test_default_acl(struct p9_env *e)
{
	static const uint32_t acl_modes[] = { 0666, 0600, 0777, 0640, 0,
	    04755, 01777 };
	char name[64], twin[64];
	struct stat st;

	host_mkdir(host(e, "d"), 0777, 0, 0);
	host_mkdir(host(e, "twin"), 0777, 0, 0);
	if (setxattr(host(e, "d"), "system.posix_acl_default", &default_acl,
	    sizeof(default_acl), 0) != 0 || setxattr(host(e, "twin"),
	    "system.posix_acl_default", &default_acl, sizeof(default_acl),
	    0) != 0)
		tap_bail("setxattr");
	for (enum kind k = 0; k < MAKE_LINK; k++)
		for (size_t i = 0; i < COUNT(acl_modes); i++) {
			uint32_t mode = acl_modes[i];

			if (k == MAKE_DIR && (mode & 06000) != 0)
				continue;
			snprintf(name, sizeof(name), "d/%s-%o",
			    kinds[k].name, mode);
			snprintf(twin, sizeof(twin), "twin/%s-%o",
			    kinds[k].name, mode);
			is_result(make(e, k, name, mode, 1000, 1001), 0,
			    "%s", name);
			make_twin(host(e, twin), k, mode, 1000, 1001);
			host_lstat(host(e, twin), &st);
			is_made(e, name, st.st_mode, 1000, 1001);
			is_same_acl(host(e, name), host(e, twin),
			    "system.posix_acl_access");
			is_same_acl(host(e, name), host(e, twin),
			    "system.posix_acl_default");
		}
}

static int
create(struct p9_env *e, const char *name, uint32_t flags, uint32_t mode)
{
	int fd, error;

	error = p9_create(&e->c, guest(e, name), flags, mode, 1000, 1000,
	    &fd);
	if (fd >= 0)
		close(fd);
	return error;
}

static void
test_existing(struct p9_env *e)
{
	host_write(host(e, "file"), "content", 0604, 7, 8);
	is_result(create(e, "file", O_CREAT | O_RDWR, 0777), 0,
	    "an existing file without O_EXCL");
	is_made(e, "file", S_IFREG | 0604, 7, 8);
	tap_is_str(host_read(host(e, "file")), "content", "its content");
	is_result(create(e, "file", O_CREAT | O_EXCL | O_RDWR, 0777),
	    -EEXIST, "with O_EXCL");
	is_result(create(e, "file", O_CREAT | O_RDWR | O_TRUNC, 0777), 0,
	    "with O_TRUNC");
	tap_is_str(host_read(host(e, "file")), "", "its content is gone");
	is_made(e, "file", S_IFREG | 0604, 7, 8);
	host_write(host(e, "closed"), "x", 0, 7, 8);
	is_result(create(e, "closed", O_CREAT | O_RDWR, 0777), 0,
	    "an existing file of mode 0");
	is_made(e, "closed", S_IFREG, 7, 8);
	host_mkdir(host(e, "dir"), 0755, 0, 0);
	is_result(create(e, "dir", O_CREAT | O_RDWR, 0777), -EISDIR,
	    "an existing directory");
	is_result(create(e, "dir", O_CREAT | O_EXCL | O_RDWR, 0777), -EEXIST,
	    "an existing directory with O_EXCL");
	for (enum kind k = 0; k < MAKE_KINDS; k++) {
		is_result(make(e, k, "file", 0777, 0, 0), -EEXIST,
		    "%s on a file", kinds[k].name);
		is_result(make(e, k, "dir", 0777, 0, 0), -EEXIST,
		    "%s on a directory", kinds[k].name);
	}
	is_made(e, "file", S_IFREG | 0604, 7, 8);
	is_made(e, "dir", S_IFDIR | 0755, 0, 0);
}

static void
test_existing_special(struct p9_env *e)
{
	host_mknod(host(e, "fifo"), S_IFIFO | 0666, 0);
	host_mknod(host(e, "socket"), S_IFSOCK | 0666, 0);
	host_mknod(host(e, "null"), S_IFCHR | 0666, 0x103);
	host_write(host(e, "file"), "x", 0600, 7, 8);
	host_symlink("file", host(e, "link"));
	host_symlink("missing", host(e, "dangling"));
	is_result(create(e, "fifo", O_CREAT | O_EXCL | O_WRONLY, 0666),
	    -EEXIST, "O_EXCL on a FIFO");
	is_result(create(e, "link", O_CREAT | O_EXCL | O_WRONLY, 0666),
	    -EEXIST, "O_EXCL on a symbolic link");
	is_result(create(e, "dangling", O_CREAT | O_EXCL | O_WRONLY, 0666),
	    -EEXIST, "O_EXCL on a dangling link");
	if (!differs(e, "D7")) {
		is_result(create(e, "fifo", O_CREAT | O_WRONLY, 0666),
		    -ENXIO, "a FIFO that nobody reads");
		is_result(create(e, "fifo", O_CREAT | O_RDONLY, 0666),
		    -ENXIO, "a FIFO that nobody writes");
		is_result(create(e, "null", O_CREAT | O_RDWR, 0666), -ENXIO,
		    "a device");
	}
	is_result(create(e, "socket", O_CREAT | O_RDWR, 0666), -ENXIO,
	    "a socket");
	if (differs(e, "D10"))
		return;
	is_result(create(e, "link", O_CREAT | O_RDWR | O_TRUNC, 0666),
	    -ELOOP, "a symbolic link");
	tap_is_str(host_read(host(e, "file")), "x", "its target");
	is_result(create(e, "dangling", O_CREAT | O_RDWR, 0666), -ELOOP,
	    "a dangling link");
	tap_ok(!host_exists(host(e, "missing")), "its target is not made");
}

/* The descriptor that comes back is the new file, as it was asked for. */
static void
test_descriptor(struct p9_env *e)
{
	static const uint32_t flags[] = { O_RDONLY, O_WRONLY, O_RDWR,
	    O_WRONLY | O_APPEND, O_RDWR | O_NONBLOCK | O_NOATIME };
	struct stat got, want;
	char name[32];
	int fd, error;

	for (size_t i = 0; i < COUNT(flags); i++) {
		snprintf(name, sizeof(name), "f%zu", i);
		error = p9_create(&e->c, guest(e, name), O_CREAT | O_EXCL |
		    flags[i], 0, 1000, 1000, &fd);
		if (!is_result(error, 0, "create with flags %#o", flags[i]))
			continue;
		host_lstat(host(e, name), &want);
		tap_ok(fstat(fd, &got) == 0 && got.st_ino == want.st_ino &&
		    got.st_dev == want.st_dev, "it is the new file");
		tap_is_oct((unsigned int)fcntl(fd, F_GETFL) & (O_ACCMODE |
		    O_APPEND | O_NONBLOCK | O_NOATIME | O_PATH), flags[i],
		    "flags of the descriptor");
		if ((flags[i] & O_ACCMODE) != O_RDONLY) {
			tap_is_int(write(fd, "hello", 5), 5, "writing");
			tap_is_str(host_read(host(e, name)), "hello",
			    "seen on the host");
		}
		close(fd);
	}
}

static void
test_closed_dir(struct p9_env *e)
{
	char name[64];

	host_mkdir(host(e, "d"), 0700, 0, 0);
	for (enum kind k = 0; k < MAKE_KINDS; k++) {
		snprintf(name, sizeof(name), "d/%s", kinds[k].name);
		is_result(make(e, k, name, 0600, 1000, 1000), 0,
		    "%s as a user in a directory closed to it",
		    kinds[k].name);
	}
}

static void
test_where(struct p9_env *e)
{
	static const char *const places[] = { ".", "..", "d/.", "d/..",
	    "../where" };
	struct stat before, after;

	host_write(host(e, "file"), "x", 0600, 0, 0);
	host_mkdir(host(e, "d"), 0755, 0, 0);
	host_symlink("d", host(e, "link"));
	host_lstat(host(e, ""), &before);
	for (enum kind k = 0; k < MAKE_KINDS; k++) {
		is_result(make(e, k, "missing/x", 0600, 0, 0), -ENOENT,
		    "%s in a missing directory", kinds[k].name);
		is_result(make(e, k, "file/x", 0600, 0, 0), -ENOTDIR,
		    "%s below a file", kinds[k].name);
		for (size_t i = 0; i < COUNT(places); i++)
			is_error(make(e, k, places[i], 0600, 0, 0),
			    "%s of %s", kinds[k].name, places[i]);
		if (differs(e, "D10"))
			continue;
		is_result(make(e, k, "link/x", 0600, 0, 0), -ELOOP,
		    "%s through a symbolic link", kinds[k].name);
		tap_ok(!host_exists(host(e, "d/x")), "makes nothing");
	}
	host_lstat(host(e, ""), &after);
	tap_ok(memcmp(&before.st_mtim, &after.st_mtim,
	    sizeof(after.st_mtim)) == 0, "the directory was not changed");
}

static void
test_mknod(struct p9_env *e)
{
	struct stat st;

	is_result(p9_mknod(&e->c, guest(e, "plain"), 0640, 0, 1000, 1000), 0,
	    "mode without a type");
	is_made(e, "plain", S_IFREG | 0640, 1000, 1000);
	is_result(p9_mknod(&e->c, guest(e, "fifo"), S_IFIFO | 0640, 0x103,
	    1000, 1000), 0, "a FIFO with a device number");
	host_lstat(host(e, "fifo"), &st);
	tap_ok(S_ISFIFO(st.st_mode) && st.st_rdev == 0, "it has none");
	is_error(p9_mknod(&e->c, guest(e, "d"), S_IFDIR | 0755, 0, 1000,
	    1000), "a directory");
	is_error(p9_mknod(&e->c, guest(e, "l"), S_IFLNK | 0777, 0, 1000,
	    1000), "a symbolic link");
	is_error(p9_mknod(&e->c, guest(e, "t"), 0170644, 0, 1000, 1000),
	    "an unknown type");
	is_result(p9_mknod(&e->c, guest(e, "null"), S_IFCHR | 0666, 0x103,
	    1000, 1000), -EPERM, "a device of a user");
	if (!differs(e, "D16"))
		is_result(p9_mknod(&e->c, guest(e, "null"), S_IFCHR | 0666,
		    0x103, 0, 0), -EPERM, "a device of root");
	tap_ok(!host_exists(host(e, "d")) && !host_exists(host(e, "l")) &&
	    !host_exists(host(e, "t")) && !host_exists(host(e, "null")),
	    "nothing is left of them");
}

static void
test_symlink(struct p9_env *e)
{
	static const char *const targets[] = { "x", "/etc/passwd",
	    "../../../etc", "/", "a//b/./c", "\xff\xfe\x01 \n", "//canary" };
	char longest[4098], got[4200], name[32];
	ssize_t n;

	for (size_t i = 0; i < COUNT(targets); i++) {
		snprintf(name, sizeof(name), "l%zu", i);
		is_result(p9_symlink(&e->c, targets[i], guest(e, name), 1000,
		    1000), 0, "target %s", targets[i]);
		n = readlink(host(e, name), got, sizeof(got) - 1);
		got[n > 0 ? n : 0] = '\0';
		tap_is_str(got, targets[i], "is stored as it is");
	}
	memset(longest, 'x', sizeof(longest));
	longest[4096] = '\0';
	is_result(p9_symlink(&e->c, longest, guest(e, "too-long"), 0, 0),
	    -ENAMETOOLONG, "a target of 4096 bytes");
	longest[4095] = '\0';
	is_result(p9_symlink(&e->c, longest, guest(e, "long"), 0, 0), 0,
	    "a target of 4095 bytes");
	n = readlink(host(e, "long"), got, sizeof(got));
	tap_is_mem(got, n > 0 ? (size_t)n : 0, longest, 4095,
	    "is stored whole");
	is_error(p9_symlink(&e->c, "", guest(e, "empty"), 0, 0),
	    "an empty target");
	tap_ok(!host_exists(host(e, "empty")) &&
	    !host_exists(host(e, "too-long")), "nothing is left of it");
}

static const struct p9_test tests[] = {
	{ "owner", test_owner },
	{ "mode", test_mode },
	{ "sequence", test_sequence },
	{ "setgid-dir", test_setgid_dir },
	{ "setgid-escalation", test_setgid_escalation },
	{ "default-acl", test_default_acl },
	{ "existing", test_existing },
	{ "existing-special", test_existing_special },
	{ "descriptor", test_descriptor },
	{ "closed-dir", test_closed_dir },
	{ "where", test_where },
	{ "mknod", test_mknod },
	{ "symlink", test_symlink },
};

int
main(void)
{
	static const struct p9_suite suite = { .tests = tests,
	    .count = COUNT(tests) };

	return p9_suite_main(&suite);
}
