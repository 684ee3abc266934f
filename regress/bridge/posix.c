/* SPDX-License-Identifier: ISC */
/*
 * The words that the POSIX cases are written with. Test code.
 */
#include "posix.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "procs.h"
#include "tap.h"

int
posix_result(int got, int want, const char *call)
{
	const char *name = want != 0 ? strerrorname_np(want) : "works";

	tap_ok(got == want, "%s: %s", call, name);
	if (got != want)
		tap_diag("got %s", got != 0 ? strerrorname_np(got) :
		    "success");
	return got == want;
}

int
posix_open_result(int fd, int want, const char *call)
{
	int error = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return posix_result(error, want, call);
}

int
posix_value(long long got, long long want, const char *what)
{
	return tap_is_int(got, want, "%s is %lld", what, want);
}

void
become_root(void)
{
	if (seteuid(0) != 0 || setegid(0) != 0 || setgroups(0, NULL) != 0)
		tap_bail("root again");
}

void
become(uid_t uid, gid_t gid, gid_t group)
{
	become_root();
	/* The effective user's file system capabilities go with its id,
	 * capabilities(7). */
	if (setgroups(group != 0, &group) != 0 || setegid(gid) != 0 ||
	    seteuid(uid) != 0)
		tap_bail("user %u", uid);
}

int
must_open(const char *path, int flags, mode_t mode)
{
	int fd = open(path, flags | O_CLOEXEC, mode);

	if (fd < 0)
		tap_bail("open %s", path);
	return fd;
}

void
make_file(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	int fd = must_open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);

	if (fchown(fd, uid, gid) != 0 || fchmod(fd, mode) != 0 ||
	    close(fd) != 0)
		tap_bail("file %s", path);
}

void
make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	if (mkdir(path, 0700) != 0 || chown(path, uid, gid) != 0 ||
	    chmod(path, mode) != 0)
		tap_bail("mkdir %s", path);
}

void
make_content(const char *path, const char *content)
{
	int fd = must_open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	size_t len = strlen(content);

	if (write(fd, content, len) != (ssize_t)len || close(fd) != 0)
		tap_bail("write %s", path);
}

struct stat
stat_of(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		tap_bail("lstat %s", path);
	return st;
}

struct stat
stat_fd(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		tap_bail("fstat");
	return st;
}

int
is_mode(const char *path, mode_t mode)
{
	return tap_is_oct(stat_of(path).st_mode & 07777, mode,
	    "mode of %s is %04o", path, mode);
}

int
is_owner(const char *path, uid_t uid, gid_t gid)
{
	struct stat st = stat_of(path);

	tap_ok(st.st_uid == uid && st.st_gid == gid, "owner of %s is %u:%u",
	    path, uid, gid);
	if (st.st_uid != uid || st.st_gid != gid)
		tap_diag("got %u:%u", st.st_uid, st.st_gid);
	return st.st_uid == uid && st.st_gid == gid;
}

int
is_nlink(const char *path, nlink_t nlink)
{
	return tap_is_int((long long)stat_of(path).st_nlink,
	    (long long)nlink, "%s has %ju links", path, (uintmax_t)nlink);
}

int
is_size(const char *path, off_t size)
{
	return tap_is_int(stat_of(path).st_size, size, "size of %s is %jd",
	    path, (intmax_t)size);
}

int
is_content(const char *path, const char *content)
{
	int fd = must_open(path, O_RDONLY, 0);
	char got[4096];
	ssize_t n = read(fd, got, sizeof(got));

	close(fd);
	return tap_is_mem(got, n > 0 ? (size_t)n : 0, content,
	    strlen(content), "content of %s", path);
}

int
is_gone(const char *path)
{
	struct stat st;
	int gone = lstat(path, &st) != 0 && errno == ENOENT;

	return tap_ok(gone, "%s is not there", path);
}

/* Until a new time stamp differs from all older ones: they are those of the
 * clock's last tick, which is the coarse clock. */
static void
wait_tick(const struct timespec *a, const struct timespec *b)
{
	struct timespec now;

	do {
		procs_sleep_us(500);
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while ((now.tv_sec == a->tv_sec && now.tv_nsec <= a->tv_nsec) ||
	    (now.tv_sec == b->tv_sec && now.tv_nsec <= b->tv_nsec));
}

struct mark
mark_path(const char *path)
{
	struct mark m = { .path = path, .fd = -1, .st = stat_of(path) };

	wait_tick(&m.st.st_ctim, &m.st.st_mtim);
	return m;
}

struct mark
mark_fd(int fd, const char *name)
{
	struct mark m = { .path = name, .fd = fd, .st = stat_fd(fd) };

	wait_tick(&m.st.st_ctim, &m.st.st_mtim);
	return m;
}

static int
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

int
is_touched(const struct mark *m, int which)
{
	static const char *const name[] = { "no time", "ctime", "mtime",
	    "ctime and mtime" };
	struct stat now = m->fd >= 0 ? stat_fd(m->fd) : stat_of(m->path);
	int got = 0;

	if (!same_time(&now.st_ctim, &m->st.st_ctim))
		got |= C;
	if (!same_time(&now.st_mtim, &m->st.st_mtim))
		got |= M;
	tap_ok(got == which, "%s of %s changed", name[which], m->path);
	if (got != which)
		tap_diag("%s changed", name[got]);
	return got == which;
}

/*
 * Where a reference server, or FUSE itself, does something else than a plain
 * file system. Only "all" of them are accepted of privfsd.
 */
#define ALL	((enum virtiofs_kind)-1)
static const struct {
	const char		*id;
	enum virtiofs_kind	kind;
	const char		*why;
} difference[] = {
	{ "tmpfile", VIRTIOFS_C, "O_TMPFILE is not implemented" },
	{ "tmpfile", VIRTIOFS_RUST, "O_TMPFILE is not implemented" },
	{ "group", VIRTIOFS_C, "a request has one group only" },
	{ "append flag", VIRTIOFS_C, "a descriptor appends for ever" },
	/* Without FUSE_HANDLE_KILLPRIV_V2 the client itself should do it, and
	 * does not. */
	{ "truncating open", VIRTIOFS_C, "O_TRUNC leaves set-id bits" },
	{ "truncating open", VIRTIOFS_RUST, "O_TRUNC leaves set-id bits" },
	{ "uncached bits", VIRTIOFS_RUST, "writes leave set-id bits" },
	{ "read-only truncating open", VIRTIOFS_RUST, "it is EINVAL" },
	/* Who writes is not known there: it has no CAP_FSETID for anybody,
	 * so the bits always go. */
	{ "root keeps bits", VIRTIOFS_PRIVFSD, "FUSE_HANDLE_KILLPRIV" },
	{ "root keeps bits", VIRTIOFS_DROPIN, "FUSE_HANDLE_KILLPRIV" },
	/* The client asks for the truncation before it looks for programs. */
	{ "busy truncating open", ALL, "it is truncated none the less" },
	/* The client asks itself, and its mount is not a read-only one. */
	{ "access read-only", ALL, "ACCESS is not sent" },
};

int
posix_differs(const struct posix *p, const char *id)
{
	size_t n = sizeof(difference) / sizeof(difference[0]), i;

	for (i = 0; i < n; i++)
		if (strcmp(difference[i].id, id) == 0)
			break;
	if (i == n)
		tap_bail("no difference %s in the table", id);
	for (; i < n && !p->native; i++) {
		if (strcmp(difference[i].id, id) != 0 ||
		    (difference[i].kind != p->kind &&
		    difference[i].kind != ALL))
			continue;
		tap_skip("%s: %s", id, difference[i].why);
		return 1;
	}
	return 0;
}
