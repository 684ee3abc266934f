/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: whose a new file is, and which mode it has, is what the kernel
 * makes of it for a process of that owner: the same things are made by such a
 * process beside the share, in directories of all kinds, with all set-id and
 * sticky bits. And nobody on the host ever sees it as another's.
 */
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "virtiofs_suite.h"

enum kind { MAKE_FILE, MAKE_NODE, MAKE_FIFO, MAKE_SOCKET, MAKE_DIR, MAKE_LINK,
    MAKE_TMPFILE, MAKE_KINDS };

static const mode_t kind_type[] = { S_IFREG, S_IFREG, S_IFIFO, S_IFSOCK,
    S_IFDIR, S_IFLNK, S_IFREG };

struct maker {
	const char	*name;
	uid_t		 uid;
	gid_t		 gid;
};
/* 555 is the group of the directories. */
static const struct maker makers[] = {
	{ "root", 0, 0 }, { "root of a group", 0, 77 }, { "user", 1000, 1001 },
	{ "member", 1000, 555 }, { "group 0", 1000, 0 }
};

static const mode_t modes[] = { 0, 0644, 0755, 01755, 02644, 02755, 02775,
    04755, 06777, 07777, 07070 };

struct parent {
	const char	*name;
	mode_t		 mode;
	int		 acl;		/* a default one */
};
static const struct parent parents[] = {
	{ "plain", 0777, 0 }, { "sticky", 01777, 0 }, { "sgid", 02777, 0 },
	{ "acl", 0777, 1 }, { "sgid-acl", 03777, 1 }
};

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* acl(5), in the form of the attribute: user::rwx user:7:r-x group::r-x
 * mask::r-x other::--- */
static const unsigned char acl[] = {
	2, 0, 0, 0,
	0x01, 0, 7, 0, 0xff, 0xff, 0xff, 0xff,
	0x02, 0, 5, 0, 7, 0, 0, 0,
	0x04, 0, 5, 0, 0xff, 0xff, 0xff, 0xff,
	0x10, 0, 5, 0, 0xff, 0xff, 0xff, 0xff,
	0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff
};

static int
make_native(const char *dir, enum kind kind, const char *name, mode_t mode)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	switch (kind) {
	case MAKE_FILE:
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		break;
	case MAKE_TMPFILE:
		fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, mode);
		if (fd == -1)
			return -1;
		/* A name, to compare it by. */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		return linkat(AT_FDCWD, path, open(dir, O_PATH | O_CLOEXEC),
		    name, AT_SYMLINK_FOLLOW);
	case MAKE_DIR:
		return mkdir(path, mode);
	case MAKE_LINK:
		return symlink("to/nowhere", path);
	default:
		return mknod(path, kind_type[kind] | mode, 0);
	}
	return fd == -1 ? -1 : close(fd);
}

/* As a process of the maker's, without supplementary groups. */
static void
make_beside(const char *dir, enum kind kind, const char *name, mode_t mode,
    const struct maker *who)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == -1)
		tap_bail("fork");
	if (pid == 0) {
		umask(0);
		if (setgroups(0, NULL) == -1 ||
		    setresgid(who->gid, who->gid, who->gid) == -1 ||
		    setresuid(who->uid, who->uid, who->uid) == -1)
			_exit(1);
		_exit(make_native(dir, kind, name, mode) == 0 ? 0 : 2);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		tap_bail("%s is not made beside the share: %d", name, status);
}

static int
make_shared(struct virtiofs_env *e, uint64_t dir, enum kind kind,
    const char *name, mode_t mode, struct fuse_entry_out *entry)
{
	struct fuse_open_out open;
	int result;

	switch (kind) {
	case MAKE_FILE:
		result = fuse_create(&e->c, dir, name, O_RDWR, S_IFREG | mode,
		    entry, &open);
		break;
	case MAKE_TMPFILE:
		result = fuse_tmpfile(&e->c, dir, O_RDWR, S_IFREG | mode,
		    entry, &open);
		if (result == 0)
			result = fuse_link(&e->c, entry->nodeid, dir, name,
			    entry);
		break;
	case MAKE_DIR:
		return fuse_mkdir(&e->c, dir, name, mode, entry);
	case MAKE_LINK:
		return fuse_symlink(&e->c, dir, name, "to/nowhere", entry);
	default:
		return fuse_mknod(&e->c, dir, name, kind_type[kind] | mode, 0,
		    entry);
	}
	if (result == 0)
		fuse_release(&e->c, entry->nodeid, open.fh);
	return result;
}

/* Are owner, mode and both ACLs the same? */
static int
is_same(const char *got, const char *want)
{
	static const char *const names[] = { "system.posix_acl_access",
	    "system.posix_acl_default" };
	char a[256], b[256];
	struct stat x, y;
	ssize_t n;

	host_lstat(got, &x);
	host_lstat(want, &y);
	if (x.st_mode != y.st_mode || x.st_uid != y.st_uid ||
	    x.st_gid != y.st_gid) {
		tap_diag("%s: %o %u:%u, beside the share %o %u:%u", got,
		    x.st_mode, x.st_uid, x.st_gid, y.st_mode, y.st_uid,
		    y.st_gid);
		return 0;
	}
	for (size_t i = 0; i < COUNT(names); i++) {
		n = lgetxattr(want, names[i], b, sizeof(b));
		if (lgetxattr(got, names[i], a, sizeof(a)) != n ||
		    (n > 0 && memcmp(a, b, (size_t)n) != 0)) {
			tap_diag("%s: another %s", got, names[i]);
			return 0;
		}
	}
	return 1;
}

static void
make_parent(const char *path, const struct parent *p)
{
	host_mkdir(path, p->mode, 0, 555);
	/* mkdir(2) has left S_ISGID out. */
	if (chmod(path, p->mode) == -1)
		tap_bail("chmod %s", path);
	if (p->acl && setxattr(path, "system.posix_acl_default", acl,
	    sizeof(acl), 0) == -1)
		tap_bail("ACL of %s", path);
}

static unsigned int
compare_kinds(struct virtiofs_env *e, uint64_t dir, const char *shared,
    const char *beside, const struct maker *who)
{
	unsigned int wrong = 0;
	struct fuse_entry_out entry;
	char got[600], want[600], name[64];
	int result;

	e->c.uid = who->uid;
	e->c.gid = who->gid;
	for (enum kind k = 0; k < MAKE_KINDS; k++)
		for (size_t i = 0; i < COUNT(modes); i++) {
			snprintf(name, sizeof(name), "%d-%o-%u-%u", k,
			    modes[i], who->uid, who->gid);
			result = make_shared(e, dir, k, name, modes[i],
			    &entry);
			if (result != 0) {
				tap_diag("%s: %d", name, result);
				wrong++;
				continue;
			}
			make_beside(beside, k, name, modes[i], who);
			snprintf(got, sizeof(got), "%s/%s", shared, name);
			snprintf(want, sizeof(want), "%s/%s", beside, name);
			wrong += !is_same(got, want);
			wrong += entry.attr.uid != who->uid;
		}
	return wrong;
}

/* Below each kind of directory, each maker, each kind of file, each mode. */
static void
test_same(struct virtiofs_env *e)
{
	char shared[512], beside[520];
	uint64_t dir;

	for (size_t i = 0; i < COUNT(parents); i++) {
		snprintf(shared, sizeof(shared), "%s",
		    host_path(e, parents[i].name));
		snprintf(beside, sizeof(beside), "%s-beside", shared);
		make_parent(shared, &parents[i]);
		make_parent(beside, &parents[i]);
		dir = node(e, parents[i].name);
		for (size_t w = 0; w < COUNT(makers); w++)
			tap_is_int(compare_kinds(e, dir, shared, beside,
			    &makers[w]), 0, "%s, below a %s directory: as "
			    "such a process makes it", makers[w].name,
			    parents[i].name);
	}
}

/* ext4(5), grpid: every directory hands its group down. */
static void
test_grpid(struct virtiofs_env *e)
{
	char shared[512], beside[520], mounted[sizeof(e->share->dir)];

	if (strcmp(e->share->fs, "ext4") != 0)
		return;		/* no other has it */
	snprintf(mounted, sizeof(mounted), "%s", e->share->dir);
	*strrchr(mounted, '/') = '\0';
	if (mount(NULL, mounted, NULL, MS_REMOUNT, "grpid") == -1)
		tap_bail("grpid on %s: %s", mounted, strerror(errno));
	snprintf(shared, sizeof(shared), "%s", host_path(e, "grpid"));
	snprintf(beside, sizeof(beside), "%s-beside", shared);
	make_parent(shared, &parents[0]);
	make_parent(beside, &parents[0]);
	for (size_t w = 0; w < COUNT(makers); w++)
		tap_is_int(compare_kinds(e, node(e, "grpid"), shared, beside,
		    &makers[w]), 0, "%s, grpid: as such a process makes it",
		    makers[w].name);
	if (mount(NULL, mounted, NULL, MS_REMOUNT, "nogrpid") == -1)
		tap_bail("nogrpid: %s", strerror(errno));
}

/* As the user, until the disk is full for him. */
static int
fill(const char *path)
{
	static char block[65536];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd == -1 || setgroups(0, NULL) == -1 || fchown(fd, 1000, 1000) ||
	    setresgid(1000, 1000, 1000) == -1 ||
	    setresuid(1000, 1000, 1000) == -1)
		return 1;
	/* Down to the last single block. */
	for (size_t size = sizeof(block); size >= 512; size /= 2)
		while (write(fd, block, size) > 0)
			continue;
	return errno == ENOSPC ? 0 : 2;
}

/* tune2fs(8), -m: the last blocks are root's, and not a guest's user's. */
static void
test_reserve(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	struct statfs sf;
	int status = -1, result = 0;
	char name[32];
	pid_t pid;

	if (strcmp(e->share->fs, "ext4") != 0)
		return;		/* no other has any */
	if (statfs(host_path(e, "."), &sf) == -1 || sf.f_bfree == sf.f_bavail)
		tap_bail("nothing is reserved on ext4");
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(fill(host_path(e, "filler")));
	if (waitpid(pid, &status, 0) != pid || status != 0)
		tap_bail("the disk does not become full: %d", status);
	/* A directory takes a block; some may be left in its group. */
	e->c.uid = e->c.gid = 1000;
	for (int i = 0; i < 64 && result == 0; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		result = fuse_mkdir(&e->c, e->dir, name, 0755, &entry);
	}
	is_reply(result, -ENOSPC, "a user's directory");
	e->c.uid = e->c.gid = 0;
	is_reply(fuse_mkdir(&e->c, e->dir, "root", 0755, &entry), 0,
	    "root's directory");
	unlink(host_path(e, "filler"));
}

/* The child's part: what is seen of each new entry at once. */
static int
watch(const char *dir, int ready)
{
	char buf[8192], path[512];
	const struct inotify_event *event;
	struct stat st;
	int fd = inotify_init1(IN_CLOEXEC), others = 0;
	ssize_t n, at;

	if (fd == -1 || inotify_add_watch(fd, dir, IN_CREATE) == -1 ||
	    write(ready, "", 1) != 1)
		return 100;
	for (;;) {
		n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			return 101;
		for (at = 0; at < n; at += (ssize_t)sizeof(*event) +
		    event->len) {
			event = (const void *)(buf + at);
			snprintf(path, sizeof(path), "%s/%s", dir,
			    event->name);
			if (strcmp(event->name, "last") == 0)
				return others > 99 ? 99 : others;
			if (lstat(path, &st) == 0 && st.st_uid != 1000)
				others++;
		}
	}
}

#define WATCHED	200

/* A program of the host's that acts on new files sees their owner. */
static void
test_first_moment(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	struct pollfd ready;
	char name[32], dir[512];
	int status = -1, pipe_fds[2];
	uint64_t nodeid;
	pid_t pid;

	host_mkdir(host_path(e, "watched"), 0777, 0, 0);
	snprintf(dir, sizeof(dir), "%s", host_path(e, "watched"));
	nodeid = node(e, "watched");
	if (pipe2(pipe_fds, O_CLOEXEC) == -1)
		tap_bail("pipe");
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(watch(dir, pipe_fds[1]));
	ready = (struct pollfd){ .fd = pipe_fds[0], .events = POLLIN };
	if (poll(&ready, 1, SERVER_TIMEOUT_MS) != 1)
		tap_bail("the watcher does not start");
	e->c.uid = 1000;
	e->c.gid = 1000;
	for (int i = 0; i < WATCHED; i++) {
		snprintf(name, sizeof(name), "w%d", i);
		if (make_shared(e, nodeid, (enum kind)(i % MAKE_TMPFILE),
		    name, 0700, &entry) != 0)
			tap_bail("%s is not made", name);
	}
	host_write(host_path(e, "watched/last"), "", 0600, 1000, 1000);
	status = server_wait_or_kill(pid, SERVER_TIMEOUT_MS);
	tap_is_int(status, 0, "seen as another's in the moment of creation");
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static const struct virtiofs_test tests[] = {
	{ "same", test_same },
	{ "grpid", test_grpid },
	{ "reserve", test_reserve },
	{ "first-moment", test_first_moment },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = COUNT(tests), .once = 1, .limit_s = 300 };
	/* The daemon's: as of a login, and that of the directories. */
	static const gid_t groups[] = { 0, 555 };

	/* Without root the suite says so. */
	if (setgroups(COUNT(groups), groups) == -1 && geteuid() == 0)
		return 1;

	return virtiofs_suite_main(&suite);
}
