/* SPDX-License-Identifier: ISC */
/*
 * What all calls that take a path have in common: a table of them, and every
 * way in which a path is wrong or forbidden. Test code.
 */
#include "posix.h"

#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/un.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

static int
close_result(int fd)
{
	if (fd < 0)
		return -1;
	return close(fd);
}

static int
call_open(const char *path)
{
	return close_result(open(path, O_RDONLY | O_CLOEXEC));
}

static int
call_open_write(const char *path)
{
	return close_result(open(path, O_WRONLY | O_CLOEXEC));
}

static int
call_creat(const char *path)
{
	return close_result(open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC,
	    0644));
}

static int
call_mkdir(const char *path)
{
	return mkdir(path, 0755);
}

static int
call_fifo(const char *path)
{
	return mknod(path, S_IFIFO | 0644, 0);
}

static int
call_device(const char *path)
{
	return mknod(path, S_IFCHR | 0644, 0x103);
}

static int
call_symlink(const char *path)
{
	return symlink("target", path);
}

static int
call_link_to(const char *path)
{
	return link("source", path);
}

static int
call_link_from(const char *path)
{
	return link(path, "new-link");
}

static int
call_rename_to(const char *path)
{
	return rename("source", path);
}

static int
call_rename_from(const char *path)
{
	return rename(path, "new-name");
}

static int
call_bind(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, result;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	result = bind(fd, (struct sockaddr *)&address, sizeof(address));
	if (result == 0 || errno != EADDRINUSE)
		goto out;
	errno = EEXIST;		/* what the file system has said */
out:
	{
		int saved = errno;

		close(fd);
		errno = saved;
	}
	return result;
}

static int
call_chmod(const char *path)
{
	return chmod(path, 0644);
}

static int
call_chown(const char *path)
{
	return chown(path, geteuid(), getegid());
}

static int
call_lchown(const char *path)
{
	return lchown(path, geteuid(), getegid());
}

static int
call_truncate(const char *path)
{
	return truncate(path, 0);
}

static int
call_utimens(const char *path)
{
	return utimensat(AT_FDCWD, path, NULL, 0);
}

static int
call_stat(const char *path)
{
	struct stat st;

	return stat(path, &st);
}

static int
call_lstat(const char *path)
{
	struct stat st;

	return lstat(path, &st);
}

static int
call_statfs(const char *path)
{
	struct statfs st;

	return statfs(path, &st);
}

static int
call_readlink(const char *path)
{
	char target[16];

	return readlink(path, target, sizeof(target)) < 0 ? -1 : 0;
}

static int
call_access(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_EACCESS);
}

/* What a call needs. */
#define CREATES		1	/* the name must not be there */
#define REMOVES		2	/* changes the directory it is in */
#define FOLLOWS		4	/* a symlink as last component */
#define CHANGES		8	/* the inode */
#define ROOT_ONLY	16
#define LINK_ONLY	32	/* takes nothing but a symlink */
#define DIR_ONLY	64

static const struct path_call {
	const char	*name;
	int		(*call)(const char *path);
	int		flags;
} calls[] = {
	{ "open", call_open, FOLLOWS },
	{ "open for writing", call_open_write, FOLLOWS | CHANGES },
	{ "creat", call_creat, CREATES },
	{ "mkdir", call_mkdir, CREATES },
	{ "mknod of a fifo", call_fifo, CREATES },
	{ "mknod of a device", call_device, CREATES | ROOT_ONLY },
	{ "symlink", call_symlink, CREATES },
	{ "link to", call_link_to, CREATES },
	{ "link from", call_link_from, REMOVES },
	{ "rename to", call_rename_to, REMOVES | CREATES },
	{ "rename from", call_rename_from, REMOVES },
	{ "bind", call_bind, CREATES },
	{ "unlink", unlink, REMOVES },
	{ "rmdir", rmdir, REMOVES | DIR_ONLY },
	{ "chmod", call_chmod, FOLLOWS | CHANGES },
	{ "chown", call_chown, FOLLOWS | CHANGES },
	{ "lchown", call_lchown, CHANGES },
	{ "truncate", call_truncate, FOLLOWS | CHANGES },
	{ "utimensat", call_utimens, FOLLOWS | CHANGES },
	{ "stat", call_stat, FOLLOWS },
	{ "lstat", call_lstat, 0 },
	{ "statfs", call_statfs, FOLLOWS },
	{ "readlink", call_readlink, LINK_ONLY },
	{ "access", call_access, FOLLOWS },
};
#define CALLS	(sizeof(calls) / sizeof(calls[0]))

/* Does not take the name away that others need. */
static int
is_rename_to(const struct path_call *c)
{
	return c->call == call_rename_to;
}

static int
expect(const struct path_call *c, const char *path, int error,
    const char *what)
{
	int got = c->call(path) != 0 ? errno : 0;

	tap_ok(got == error, "%s %s: %s", c->name, what, error != 0 ?
	    strerrorname_np(error) : "works");
	if (got != error)
		tap_diag("got %s", got != 0 ? strerrorname_np(got) :
		    "success");
	return got == error;
}

static void
test_missing(const struct posix *p)
{
	(void)p;
	make_file("source", 0644, 0, 0);
	for (size_t i = 0; i < CALLS; i++) {
		const struct path_call *c = &calls[i];

		expect(c, "missing/name", ENOENT, "below a missing one");
		/* bind(2) finds a name of its own for it, unix(7). */
		if (c->call != call_bind)
			expect(c, "", ENOENT, "of an empty path");
		if (!(c->flags & CREATES))
			expect(c, "missing", ENOENT, "of a missing one");
	}
	is_nlink("source", 1);
}

static void
test_not_dir(const struct posix *p)
{
	(void)p;
	make_file("source", 0644, 0, 0);
	make_file("file", 0644, 0, 0);
	WORKS(symlink("file", "link"));
	WORKS(mkfifo("fifo", 0644));
	for (size_t i = 0; i < CALLS; i++) {
		expect(&calls[i], "file/name", ENOTDIR, "below a file");
		expect(&calls[i], "link/name", ENOTDIR,
		    "below a link to a file");
		expect(&calls[i], "fifo/name", ENOTDIR, "below a fifo");
	}
}

static void
test_too_long(const struct posix *p)
{
	static char name[257], path[4200];

	(void)p;
	make_file("source", 0644, 0, 0);
	memset(name, 'n', 256);
	memset(path, '/', 4100);
	for (size_t i = 0; i < 4100; i += 2)
		path[i] = '.';
	memcpy(path + 4096, "name", 5);
	for (size_t i = 0; i < CALLS; i++) {
		expect(&calls[i], name, ENAMETOOLONG,
		    "of a name of 256 bytes");
		expect(&calls[i], path, ENAMETOOLONG,
		    "of a path of 4100 bytes");
	}
	name[255] = '\0';
	for (size_t i = 0; i < CALLS; i++) {
		const struct path_call *c = &calls[i];

		/* bind(2) has room for 107 bytes. */
		if (!(c->flags & CREATES) || c->call == call_bind)
			continue;
		expect(c, name, 0, "of a name of 255 bytes");
		WORKS(remove(name));
		if (is_rename_to(c))
			make_file("source", 0644, 0, 0);
	}
}

static void
test_loop(const struct posix *p)
{
	(void)p;
	make_file("source", 0644, 0, 0);
	WORKS(symlink("loop2", "loop1"));
	WORKS(symlink("loop1", "loop2"));
	WORKS(symlink("self", "self"));
	for (size_t i = 0; i < CALLS; i++) {
		const struct path_call *c = &calls[i];

		expect(c, "loop1/name", ELOOP, "below a loop of links");
		expect(c, "self/name", ELOOP, "below a link to itself");
		if (c->flags & FOLLOWS)
			expect(c, "loop1", ELOOP, "of a loop of links");
	}
}

/* A user may search nothing without x, change nothing without w. */
static void
test_denied(const struct posix *p)
{
	(void)p;
	make_file("source", 0666, USER_A, GROUP_A);
	make_dir("closed", 0766, 0, 0);
	make_file("closed/name", 0666, USER_A, GROUP_A);
	make_dir("open", 0755, 0, 0);
	make_file("open/name", 0666, USER_A, GROUP_A);
	make_dir("open/empty", 0777, USER_A, GROUP_A);
	WORKS(chmod(".", 0777));
	become(USER_A, GROUP_A, 0);
	for (size_t i = 0; i < CALLS; i++) {
		const struct path_call *c = &calls[i];

		if (c->flags & ROOT_ONLY)
			continue;
		expect(c, "closed/name", EACCES, "without search permission");
		expect(c, "closed/new", EACCES,
		    "of a new one without search permission");
		if (c->flags & CREATES)
			expect(c, "open/new", EACCES,
			    "without write permission");
		else if (c->flags & REMOVES && c->call != call_link_from)
			expect(c, c->flags & DIR_ONLY ? "open/empty" :
			    "open/name", EACCES, "without write permission");
	}
	become_root();
	is_nlink("source", 1);
	is_nlink("open/name", 1);
	is_nlink("open/empty", 2);
}

/* Creating where something is already. */
static void
test_exists(const struct posix *p)
{
	static const char *const names[] = { "file", "dir", "link",
	    "dangling", "fifo", ".", ".." };

	(void)p;
	make_file("source", 0644, 0, 0);
	make_file("file", 0644, 0, 0);
	make_dir("dir", 0755, 0, 0);
	WORKS(symlink("file", "link"));
	WORKS(symlink("nowhere", "dangling"));
	WORKS(mkfifo("fifo", 0644));
	for (size_t i = 0; i < CALLS; i++)
		for (size_t k = 0; k < 7; k++) {
			if (!(calls[i].flags & CREATES) ||
			    is_rename_to(&calls[i]))
				continue;
			expect(&calls[i], names[k], EEXIST, names[k]);
		}
	is_gone("nowhere");
}

/* A name that ends with a slash is a directory's, or nobody's. */
static void
test_slash(const struct posix *p)
{
	(void)p;
	make_file("source", 0644, 0, 0);
	make_file("file", 0644, 0, 0);
	make_dir("dir", 0755, 0, 0);
	WORKS(symlink("dir", "link"));
	for (size_t i = 0; i < CALLS; i++) {
		const struct path_call *c = &calls[i];

		if (!(c->flags & CREATES))
			expect(c, "file/", ENOTDIR, "of a file with a slash");
	}
	WORKS(mkdir("new/", 0755));
	WORKS(call_lstat("dir/"));
	FAILS(EINVAL, call_readlink("link/"));
	FAILS(EISDIR, call_creat("other/"));
	FAILS(ENOENT, call_fifo("other/"));
	FAILS(ENOENT, call_symlink("other/"));
	FAILS(ENOENT, call_link_to("other/"));
	FAILS(ENOTDIR, call_rename_to("other/"));
	FAILS(ENOTDIR, unlink("link/"));
	FAILS(ENOTDIR, rmdir("link/"));
	WORKS(rmdir("new/"));
}

/* Names are bytes. */
static void
test_bytes(const struct posix *p)
{
	static const char *const names[] = { " ", "\n", "\\", "*", "\xff\xfe",
	    "\xc3\xa4", "-", "...", ".hidden", "a:b", "%s%n", "\x01\x7f" };

	(void)p;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		make_content(names[i], "byte");
		is_content(names[i], "byte");
		WORKS(unlink(names[i]));
		is_gone(names[i]);
	}
}

const struct posix_case posix_path_cases[] = {
	{ "missing", test_missing },
	{ "not a directory", test_not_dir },
	{ "too long", test_too_long },
	{ "loop", test_loop },
	{ "denied", test_denied },
	{ "exists", test_exists },
	{ "slash", test_slash },
	{ "bytes", test_bytes },
	{ NULL, NULL }
};

/* All of a read-only share. The tree is made on the host. */
static void
test_read_only(const struct posix *p)
{
	for (size_t i = 0; i < CALLS; i++) {
		const struct path_call *c = &calls[i];

		if (c->flags & CREATES)
			expect(c, "new", EROFS, "in a read-only share");
		else if (c->flags & DIR_ONLY)
			expect(c, "dir", EROFS, "in a read-only share");
		else if (c->flags & (REMOVES | CHANGES))
			expect(c, "file", EROFS, "in a read-only share");
	}
	FAILS(EROFS, renameat2(AT_FDCWD, "file", AT_FDCWD, "dir",
	    RENAME_EXCHANGE));
	if (!posix_differs(p, "read-only truncating open"))
		OPEN_FAILS(EROFS, open("file", O_RDONLY | O_TRUNC));
	OPEN_FAILS(EROFS, open("file", O_RDWR));
	OPENS(open("file", O_RDONLY));
	OPENS(open("file", O_RDONLY | O_CREAT, 0644));
	if (!posix_differs(p, "access read-only"))
		FAILS(EROFS, faccessat(AT_FDCWD, "file", W_OK, AT_EACCESS));
	WORKS(faccessat(AT_FDCWD, "file", R_OK, AT_EACCESS));
	is_content("file", "content");
	WORKS(call_lstat("dir"));
	WORKS(call_readlink("link"));
}

const struct posix_case posix_read_only_cases[] = {
	{ "read-only", test_read_only },
	{ NULL, NULL }
};
