/*
 * SPDX-License-Identifier: ISC
 *
 * Roots and namespaces, for real: each case forks a process that confines
 * itself and looks around.  All mounts are in a mount namespace of this
 * program, and end with it.  Needs root.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

#define CHILD_SECONDS	30
#define USER_ID		65534	/* of the cases without root */

static char base[] = "/tmp/privfsd-test.XXXXXX";
static char share[64];

/* In a child: ends it, saying where, unless `cond` holds. */
#define CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "# %s:%d: %s (errno %s)\n", __func__,	\
		    __LINE__, #cond, strerror(errno));			\
		_exit(1);						\
	}								\
} while (0)

/* Runs `body` in a process of its own, for a bounded time. */
static int
child_status(void (*body)(const void *), const void *arg)
{
	int status = -1;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		alarm(CHILD_SECONDS);
		body(arg);
		_exit(0);
	}
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool
same_inode(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int
open_share(void)
{
	return open(share, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

struct share_case {
	enum sandbox_mode	mode;
	bool			readonly;
};

/* Descriptors are opened again by number, and only by number. */
static void
check_proc(enum sandbox_mode mode, int root_fd, int proc_fd)
{
	struct stat here, above;
	char name[16], text[8];
	int path, fd;

	path = openat(root_fd, "file", O_PATH | O_NOFOLLOW);
	CHECK(path != -1);
	snprintf(name, sizeof(name), "%d", path);
	fd = openat(proc_fd, name, O_RDONLY);
	CHECK(fd != -1);
	CHECK(read(fd, text, sizeof(text)) == 5 &&
	    memcmp(text, "share", 5) == 0);
	CHECK(access(name, R_OK) == 0);		/* the working directory */
	CHECK(stat(".", &here) == 0 && stat("..", &above) == 0);
	if (mode == SANDBOX_NAMESPACE)
		CHECK(same_inode(&here, &above));
}

static void
check_flags(const char *path, bool readonly)
{
	struct statvfs vfs;

	CHECK(statvfs(path, &vfs) == 0);
	CHECK((vfs.f_flag & ST_NOSUID) != 0);
	CHECK((vfs.f_flag & ST_NODEV) != 0);
	CHECK((vfs.f_flag & ST_NOEXEC) != 0);
	CHECK(((vfs.f_flag & ST_RDONLY) != 0) == readonly);
}

static void
enter_share(const void *arg)
{
	const struct share_case *c = arg;
	int root_fd = -1, proc_fd = -1, share_fd = open_share();
	struct stat want, got;

	CHECK(fstat(share_fd, &want) == 0);
	CHECK(namespace_enter_share(c->mode, share_fd, c->readonly, &root_fd,
	    &proc_fd) == 0);
	CHECK(fstat(root_fd, &got) == 0 && same_inode(&want, &got));
	check_proc(c->mode, root_fd, proc_fd);
	if (c->mode == SANDBOX_NONE) {
		CHECK(access("/proc/self", F_OK) == 0);
		return;
	}
	CHECK(stat("/", &got) == 0 && same_inode(&want, &got));
	CHECK(stat("/..", &got) == 0 && same_inode(&want, &got));
	CHECK(fstatat(root_fd, "..", &got, 0) == 0 && same_inode(&want, &got));
	CHECK(access("/proc/self", F_OK) == -1 && errno == ENOENT);
	CHECK(access("/sub/inner", F_OK) == 0);
	if (c->mode != SANDBOX_NAMESPACE)
		return;
	check_flags("/", c->readonly);
	check_flags("/sub", c->readonly);
	CHECK(open("/null", O_RDONLY) == -1 && errno == EACCES);
	CHECK(execl("/script", "script", NULL) == -1 && errno == EACCES);
	CHECK((mkdir("/made", 0700) == 0 && rmdir("/made") == 0) ==
	    !c->readonly);
}

static void
test_share(void **state)
{
	static const struct share_case cases[] = {
		{ SANDBOX_NAMESPACE, false },
		{ SANDBOX_NAMESPACE, true },
		{ SANDBOX_CHROOT, false },
		{ SANDBOX_NONE, false }
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(child_status(enter_share, &cases[i]), 0);
}

static void
enter_no_directory(const void *arg)
{
	int root_fd = -1, proc_fd = -1, fd = open("/dev/null", O_RDONLY);

	CHECK(namespace_enter_share(*(const enum sandbox_mode *)arg, fd, false,
	    &root_fd, &proc_fd) == -ENOTDIR);
	CHECK(root_fd == -1 && proc_fd == -1);
}

static void
test_no_directory(void **state)
{
	enum sandbox_mode mode;

	(void)state;
	for (mode = SANDBOX_NAMESPACE; mode <= SANDBOX_NONE; mode++)
		assert_int_equal(child_status(enter_no_directory, &mode), 0);
}

/* The host's own root can be shared as well. */
static void
enter_host_root(const void *arg)
{
	int root_fd = -1, proc_fd = -1;
	int share_fd = open("/", O_PATH | O_DIRECTORY);

	(void)arg;
	CHECK(namespace_enter_share(SANDBOX_NAMESPACE, share_fd, true,
	    &root_fd, &proc_fd) == 0);
	CHECK(access("/etc/passwd", R_OK) == 0);
	CHECK(mkdir("/privfsd-test", 0700) == -1 && errno == EROFS);
}

static void
test_host_root(void **state)
{
	(void)state;
	assert_int_equal(child_status(enter_host_root, NULL), 0);
}

struct pipes {
	int	entered[2];
	int	mounted[2];
};

static void
enter_and_wait(const void *arg)
{
	const struct pipes *pipes = arg;
	int root_fd = -1, proc_fd = -1;
	char byte;

	CHECK(namespace_enter_share(SANDBOX_NAMESPACE, open_share(), false,
	    &root_fd, &proc_fd) == 0);
	CHECK(access("/later/new", F_OK) == -1 && errno == ENOENT);
	CHECK(write(pipes->entered[1], "", 1) == 1);
	CHECK(read(pipes->mounted[0], &byte, 1) == 1);
	CHECK(access("/later/new", F_OK) == 0);
}

static void
assert_other_namespace(pid_t pid, const char *name)
{
	char path[64], ours[64], theirs[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	n = readlink(path, ours, sizeof(ours) - 1);
	assert_true(n > 0);
	ours[n] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	n = readlink(path, theirs, sizeof(theirs) - 1);
	assert_true(n > 0);
	theirs[n] = '\0';
	assert_string_not_equal(ours, theirs);
}

/* Only the share and what is mounted below it is left. */
static void
assert_mounts(pid_t pid, size_t want)
{
	char path[64], line[4096];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n++;
	fclose(f);
	assert_int_equal(n, want);
}

/* What the host mounts below the share while it is served appears in it. */
static void
test_later_mount(void **state)
{
	struct pipes pipes;
	char later[80], file[96], byte;
	int status;
	pid_t pid;

	(void)state;
	snprintf(later, sizeof(later), "%s/later", share);
	snprintf(file, sizeof(file), "%s/new", later);
	assert_int_equal(pipe(pipes.entered), 0);
	assert_int_equal(pipe(pipes.mounted), 0);
	pid = fork();
	if (pid == 0) {
		alarm(CHILD_SECONDS);
		enter_and_wait(&pipes);
		_exit(0);
	}
	close(pipes.entered[1]);
	close(pipes.mounted[0]);
	if (read(pipes.entered[0], &byte, 1) == 1) {
		assert_other_namespace(pid, "mnt");
		assert_other_namespace(pid, "net");
		assert_other_namespace(pid, "ipc");
		assert_other_namespace(pid, "uts");
		assert_mounts(pid, 2);
		assert_int_equal(mount("late", later, "tmpfs", 0, NULL), 0);
		write_file(file, "", 0644);
		assert_int_equal(write(pipes.mounted[1], "", 1), 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(umount(later), 0);
	close(pipes.entered[0]);
	close(pipes.mounted[1]);
}

static void
check_empty(enum sandbox_mode mode)
{
	int want = mode == SANDBOX_NAMESPACE ? EROFS : ENOENT;
	struct stat root, above;
	struct dirent *entry;
	DIR *dir;

	CHECK(stat("/", &root) == 0 && stat("/..", &above) == 0);
	CHECK(same_inode(&root, &above));
	CHECK(stat(".", &above) == 0 && same_inode(&root, &above));
	dir = opendir("/");
	CHECK(dir != NULL);
	while ((entry = readdir(dir)) != NULL)
		CHECK(strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0);
	closedir(dir);
	CHECK(mkdir("/a", 0700) == -1 && errno == want);
	CHECK(open("/a", O_WRONLY | O_CREAT, 0600) == -1 && errno == want);
	CHECK(symlink("b", "/a") == -1 && errno == want);
	CHECK(open("/", O_TMPFILE | O_WRONLY, 0600) == -1);
	CHECK(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL) == -1 ||
	    mkdir("/a", 0700) == -1);
}

static void
enter_empty(const void *arg)
{
	enum sandbox_mode mode = *(const enum sandbox_mode *)arg;
	char before[64], after[64];
	ssize_t n, m;

	CHECK(chdir(base) == 0);
	n = readlink("/proc/self/ns/mnt", before, sizeof(before));
	CHECK(namespace_enter_empty(mode) == 0);
	if (mode != SANDBOX_NONE) {
		check_empty(mode);
		return;
	}
	CHECK(getcwd(after, sizeof(after)) != NULL && strcmp(after, "/") == 0);
	m = readlink("/proc/self/ns/mnt", after, sizeof(after));
	CHECK(n == m && memcmp(before, after, (size_t)n) == 0);
}

static void
test_empty(void **state)
{
	enum sandbox_mode mode;

	(void)state;
	for (mode = SANDBOX_NAMESPACE; mode <= SANDBOX_NONE; mode++)
		assert_int_equal(child_status(enter_empty, &mode), 0);
}

static void
test_clone_flags(void **state)
{
	(void)state;
	assert_int_equal(namespace_clone_flags(SANDBOX_NAMESPACE),
	    CLONE_NEWPID);
	assert_int_equal(namespace_clone_flags(SANDBOX_CHROOT), 0);
	assert_int_equal(namespace_clone_flags(SANDBOX_NONE), 0);
}

static void
test_map_add(void **state)
{
	static const struct {
		const char	*value;
		size_t		 n;	/* 0: refused */
	} cases[] = {
		{ ":0:100000:65536:", 1 },
		{ ":1000:1000:1:", 1 },
		{ ":0:1000:1:,:1:100000:65535:", 2 },
		{ ":0:0:4294967294:", 1 },
		{ "/0/1000/1/", 1 }, { ",0,1000,1,", 1 }, { " 0 1000 1 ", 1 },
		{ ",0,1000,1,,:1:100000:9:,/10/1/1/", 3 },
		{ "", 0 }, { ":", 0 }, { "0:1:2", 0 }, { ":0:1:2", 0 },
		{ ":0:1:0:", 0 }, { ":0:1:-1:", 0 }, { ":+0:1:1:", 0 },
		{ ": 0:1:1:", 0 }, { ":0:1:1:,", 0 }, { ":0:1:1:x", 0 },
		{ ":0:1:1:x:0:1:1:", 0 }, { "x0:1:1:", 0 }, { ":::1:", 0 },
		{ "x0x1x1x", 0 }, { "00010101", 0 }, { ":0/1/1/", 0 },
		{ ":0:4294967295:1:", 0 }, { ":1:0:4294967295:", 0 },
		{ ":2:0:4294967294:", 0 }, { ":0:1:99999999999999999999:", 0 },
		{ ":0:1:1:,:1:2:1:,:2:3:1:,:3:4:1:,:4:5:1:,:5:6:1:,:6:7:1:,"
		    ":7:8:1:,:8:9:1:,:9:10:1:,:10:11:1:,:11:12:1:,:12:13:1:,"
		    ":13:14:1:,:14:15:1:,:15:16:1:,:16:17:1:", 0 }
	};
	struct namespace_map map;
	const char *wrong;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		map.n = 0;
		wrong = namespace_map_add(&map, cases[i].value);
		assert_int_equal(wrong == NULL, cases[i].n > 0);
		if (cases[i].n > 0)
			assert_int_equal(map.n, cases[i].n);
	}
	map.n = 0;
	assert_null(namespace_map_add(&map, ":1:200:3:"));
	assert_null(namespace_map_add(&map, ":7:8:9:"));
	assert_int_equal(map.n, 2);
	assert_int_equal(map.range[0].inside, 1);
	assert_int_equal(map.range[0].outside, 200);
	assert_int_equal(map.range[0].count, 3);
	assert_int_equal(map.range[1].outside, 8);
}

/* Added to ":0:1000:10:": inside are 0 to 9, outside 1000 to 1009. */
static void
test_map_overlap(void **state)
{
	static const struct {
		const char	*value;
		const char	*wrong;
	} cases[] = {
		{ ":10:1010:1:", NULL }, { ":10:0:1000:", NULL },
		{ ":0:5000:1:", "inside" }, { ":9:5000:10:", "inside" },
		{ ":3:5000:2:", "inside" }, { ":10:1009:1:", "outside" },
		{ ":10:999:2:", "outside" }, { ":10:1:4000:", "outside" },
		{ ":20:5:1:,:20:6:1:", "inside" }
	};
	struct namespace_map map;
	const char *wrong;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		map.n = 0;
		assert_null(namespace_map_add(&map, ":0:1000:10:"));
		wrong = namespace_map_add(&map, cases[i].value);
		if (cases[i].wrong == NULL)
			assert_null(wrong);
		else
			assert_non_null(strstr(wrong, cases[i].wrong));
	}
}

/* Never the own id, which the monitor has. */
static void
test_map_spare(void **state)
{
	static const struct {
		const char	*value;
		uint32_t	 own;
		uint32_t	 spare;
	} cases[] = {
		{ ":0:1000:1:", 0, (uint32_t)-1 },
		{ ":0:1000:2:", 0, 1 }, { ":0:1000:2:", 1, 0 },
		{ ":0:1000:10:", 9, 8 },
		{ ":1:5:9:,:0:1000:1:", 0, 9 },
		{ ":0:300000:1000:,:1000:1000:1:", 1000, 999 },
		{ ":0:300000:1:,:1000:1000:1:", 1000, 0 }
	};
	struct namespace_map map;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		map.n = 0;
		assert_null(namespace_map_add(&map, cases[i].value));
		assert_int_equal(namespace_map_spare(&map, cases[i].own),
		    cases[i].spare);
		assert_int_equal(namespace_map_has(&map, cases[i].spare),
		    cases[i].spare != (uint32_t)-1);
	}
	assert_int_equal(namespace_map_read("/proc/self/uid_map", &map), 0);
	assert_true(namespace_map_has(&map, getuid()));
}

/* Without root. */

static const struct namespace_map own_only;
static int refused;

/* The map that an option's value stands for. */
static struct namespace_map
map_of(const char *value)
{
	struct namespace_map map = { .n = 0 };

	CHECK(namespace_map_add(&map, value) == NULL);
	return map;
}

static int
enter_user(const char *uids, const char *gids)
{
	struct namespace_map uid = map_of(uids), gid = map_of(gids);

	return namespace_enter_user(&uid, &gid, &refused);
}

/* The highest id of the namespace but the own. */
static uint32_t
spare_uid(void)
{
	struct namespace_map map;

	CHECK(namespace_map_read("/proc/self/uid_map", &map) == 0);
	return namespace_map_spare(&map, getuid());
}

static void
become_user(void)
{
	CHECK(setgroups(0, NULL) == 0);
	CHECK(setresgid(USER_ID, USER_ID, USER_ID) == 0);
	CHECK(setresuid(USER_ID, USER_ID, USER_ID) == 0);
	/* As execve(2) does for a user's program; /proc/self is ours then. */
	CHECK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

static void
check_map(const char *file, const char *want)
{
	char text[256], *to = text;
	ssize_t i, n;
	int fd = open(file, O_RDONLY);

	CHECK(fd != -1);
	n = read(fd, text, sizeof(text) - 1);
	CHECK(n > 0);
	for (i = 0; i < n; i++)		/* the kernel aligns with blanks */
		if (text[i] != ' ' || (to > text && to[-1] != ' ' &&
		    to[-1] != '\n'))
			*to++ = text[i];
	*to = '\0';
	if (strcmp(text, want) != 0)
		fprintf(stderr, "# %s: %s", file, text);
	CHECK(strcmp(text, want) == 0);
}

static void
enter_user_share(const void *arg)
{
	int root_fd = -1, proc_fd = -1, share_fd;
	struct stat st;

	(void)arg;
	become_user();
	share_fd = open_share();
	CHECK(share_fd != -1);
	CHECK(namespace_enter_user(&own_only, &own_only, &refused) == 0);
	CHECK(refused == 0 && spare_uid() == (uint32_t)-1);
	CHECK(getuid() == 0 && getgid() == 0);
	check_map("/proc/self/uid_map", "0 65534 1\n");
	check_map("/proc/self/gid_map", "0 65534 1\n");
	CHECK(namespace_enter_share(SANDBOX_NAMESPACE, share_fd, false,
	    &root_fd, &proc_fd) == 0);
	check_proc(SANDBOX_NAMESPACE, root_fd, proc_fd);
	check_flags("/", false);
	check_flags("/sub", false);
	CHECK(access("/etc", F_OK) == -1);
	CHECK(mkdir("/open/made", 0700) == 0);
	CHECK(stat("/open/made", &st) == 0 && st.st_uid == 0);
	CHECK(rmdir("/open/made") == 0);
	CHECK(mkdir("/made", 0700) == -1 && errno == EACCES);
}

static void
enter_user_empty(const void *arg)
{
	(void)arg;
	become_user();
	CHECK(namespace_enter_user(&own_only, &own_only, &refused) == 0);
	CHECK(privdrop_ids((uid_t)-1, (gid_t)-1) == 0);
	CHECK(namespace_enter_empty(SANDBOX_NAMESPACE) == 0);
	check_empty(SANDBOX_NAMESPACE);
	CHECK(caps_drop(0) == 0);
}

/* The worker is executed, and must still be able to confine itself. */
static void
exec_in_user(const void *arg)
{
	(void)arg;
	become_user();
	CHECK(enter_user(":65534:65534:1:", ":65534:65534:1:") == 0);
	CHECK(getuid() == USER_ID && getgid() == USER_ID);
	CHECK(caps_keep_for_exec() == 0);
	execl("/usr/bin/unshare", "unshare", "--net", "true", NULL);
	_exit(127);
}

static void
make_user_namespace(const void *arg)
{
	(void)arg;
	become_user();
	_exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
}

static void
test_user(void **state)
{
	(void)state;
	if (child_status(make_user_namespace, NULL) != 0) {
		print_message("# skipped: users cannot make namespaces\n");
		return;
	}
	assert_int_equal(child_status(enter_user_share, NULL), 0);
	assert_int_equal(child_status(enter_user_empty, NULL), 0);
	assert_int_equal(child_status(exec_in_user, NULL), 0);
}

static void
enter_user_map(const void *arg)
{
	(void)arg;
	become_user();
	CHECK(enter_user(":0:300000:1000:,:65534:65534:1:",
	    ":0:300000:1000:,:65534:65534:1:") == 0);
	check_map("/proc/self/uid_map", "0 300000 1000\n65534 65534 1\n");
	check_map("/proc/self/gid_map", "0 300000 1000\n65534 65534 1\n");
	CHECK(spare_uid() == 999);
	CHECK(getuid() == USER_ID);
	CHECK(setresuid(5, 5, 5) == 0 && getuid() == 5);
}

/* The own id is not in the map: the first of it takes its place. */
static void
enter_user_other(const void *arg)
{
	(void)arg;
	become_user();
	CHECK(enter_user(":0:300000:1000:", ":7:300000:1000:") == 0);
	CHECK(getuid() == 0 && geteuid() == 0 && getgid() == 7);
}

static void
enter_user_refused(const void *arg)
{
	(void)arg;
	become_user();
	CHECK(enter_user(":0:900000:1000:", ":0:65534:1:") == -EPERM);
	CHECK(refused == 0);
}

static void
test_user_map(void **state)
{
	char file[64];

	(void)state;
	if (access("/usr/bin/newuidmap", X_OK) == -1 ||
	    access("/etc/subuid", F_OK) == -1 ||
	    access("/etc/subgid", F_OK) == -1 ||
	    child_status(make_user_namespace, NULL) != 0) {
		print_message("# skipped: needs newuidmap, /etc/subuid and "
		    "/etc/subgid\n");
		return;
	}
	snprintf(file, sizeof(file), "%s/subids", base);
	write_file(file, "65534:300000:1000\nnobody:300000:1000\n", 0644);
	assert_int_equal(mount(file, "/etc/subuid", NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount(file, "/etc/subgid", NULL, MS_BIND, NULL), 0);
	assert_int_equal(child_status(enter_user_map, NULL), 0);
	assert_int_equal(child_status(enter_user_other, NULL), 0);
	assert_int_equal(child_status(enter_user_refused, NULL), 0);
}

static void
make_node(const char *name, mode_t mode, dev_t dev)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", share, name);
	if (S_ISDIR(mode))
		assert_int_equal(mkdir(path, mode & 07777), 0);
	else
		assert_int_equal(mknod(path, mode, dev), 0);
	assert_int_equal(chmod(path, mode & 07777), 0);
}

/* A mount namespace of our own, whose mounts propagate as a host's do. */
static int
setup(void **state)
{
	char path[96];

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_non_null(mkdtemp(base));
	assert_int_equal(mount("base", base, "tmpfs", 0, "mode=755"), 0);
	assert_int_equal(mount(NULL, base, NULL, MS_SHARED, NULL), 0);
	snprintf(share, sizeof(share), "%s/share", base);
	assert_int_equal(mkdir(share, 0755), 0);
	make_node("null", S_IFCHR | 0666, makedev(1, 3));
	make_node("open", S_IFDIR | 0777, 0);
	make_node("sub", S_IFDIR | 0755, 0);
	make_node("later", S_IFDIR | 0755, 0);
	snprintf(path, sizeof(path), "%s/file", share);
	write_file(path, "share", 0644);
	snprintf(path, sizeof(path), "%s/script", share);
	write_file(path, "#!/bin/sh\nexit 0\n", 0755);
	snprintf(path, sizeof(path), "%s/sub", share);
	assert_int_equal(mount("sub", path, "tmpfs", 0, NULL), 0);
	snprintf(path, sizeof(path), "%s/sub/inner", share);
	write_file(path, "", 0644);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	umount2("/etc/subuid", MNT_DETACH);
	umount2("/etc/subgid", MNT_DETACH);
	if (umount2(base, MNT_DETACH) == -1)
		return -1;
	return rmdir(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clone_flags),
		cmocka_unit_test(test_map_add),
		cmocka_unit_test(test_map_overlap),
		cmocka_unit_test(test_map_spare),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_no_directory),
		cmocka_unit_test(test_host_root),
		cmocka_unit_test(test_later_mount),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_user_map)
	};

	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
