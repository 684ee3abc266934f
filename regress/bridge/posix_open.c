/* SPDX-License-Identifier: ISC */
/*
 * POSIX cases of open(2): flags, permissions, what an open file survives.
 * Test code.
 */
#include "posix.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

static void
test_create(const struct posix *p)
{
	struct mark dir, file;

	(void)p;
	make_dir("d", 0755, 0, 0);
	dir = mark_path("d");
	OPENS(open("d/f", O_CREAT | O_EXCL | O_WRONLY, 0640));
	is_touched(&dir, C | M);
	is_mode("d/f", 0640);
	is_owner("d/f", 0, 0);
	is_size("d/f", 0);
	is_nlink("d/f", 1);
	make_content("d/f", "old");
	dir = mark_path("d");
	file = mark_path("d/f");
	OPENS(open("d/f", O_CREAT | O_RDWR, 0777));
	is_touched(&dir, 0);
	is_touched(&file, 0);
	is_mode("d/f", 0640);
	is_content("d/f", "old");
	OPEN_FAILS(EEXIST, open("d/f", O_CREAT | O_EXCL | O_RDWR, 0777));
	OPENS(open("d/f", O_CREAT | O_TRUNC | O_RDWR, 0777));
	is_touched(&file, C | M);
	is_touched(&dir, 0);
	is_size("d/f", 0);
	is_mode("d/f", 0640);
}

static void
test_umask(const struct posix *p)
{
	static const mode_t masks[] = { 0, 022, 027, 077, 0777 };
	char name[32];

	(void)p;
	for (size_t i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "f%04o", masks[i]);
		umask(masks[i]);
		OPENS(open(name, O_CREAT | O_EXCL | O_RDWR, 0777));
		umask(0);
		is_mode(name, 0777 & ~masks[i]);
		snprintf(name, sizeof(name), "d%04o", masks[i]);
		umask(masks[i]);
		WORKS(mkdir(name, 01777));
		umask(0);
		is_mode(name, 01777 & ~masks[i]);
		snprintf(name, sizeof(name), "n%04o", masks[i]);
		umask(masks[i]);
		WORKS(mkfifo(name, 0666));
		umask(0);
		is_mode(name, 0666 & ~masks[i]);
	}
	/* All twelve bits of a file's mode. */
	OPENS(open("all", O_CREAT | O_EXCL | O_RDWR, 07777));
	is_mode("all", 07777);
}

static void
test_dir(const struct posix *p)
{
	int fd;

	(void)p;
	make_dir("d", 0755, 0, 0);
	make_file("f", 0644, 0, 0);
	WORKS(symlink("d", "link"));
	OPENS(open("d", O_RDONLY));
	OPENS(open("d", O_RDONLY | O_DIRECTORY));
	OPENS(open("link", O_RDONLY | O_DIRECTORY));
	OPEN_FAILS(EISDIR, open("d", O_WRONLY));
	OPEN_FAILS(EISDIR, open("d", O_RDWR));
	OPEN_FAILS(EISDIR, open("d", O_RDONLY | O_TRUNC));
	OPEN_FAILS(EISDIR, open("d", O_RDONLY | O_CREAT, 0644));
	OPEN_FAILS(ENOTDIR, open("f", O_RDONLY | O_DIRECTORY));
	OPEN_FAILS(ENOTDIR, open("link", O_DIRECTORY | O_NOFOLLOW));
	fd = must_open("d", O_RDONLY | O_DIRECTORY, 0);
	FAILS(EISDIR, read(fd, &fd, sizeof(fd)));
	FAILS(EBADF, write(fd, "x", 1));
	WORKS(fchmod(fd, 0700));
	WORKS(fsync(fd));
	OPENS(openat(fd, "f", O_CREAT | O_EXCL | O_WRONLY, 0644));
	is_size("d/f", 0);
	close(fd);
}

static void
test_symlink(const struct posix *p)
{
	int fd;

	(void)p;
	make_content("f", "content");
	WORKS(symlink("f", "link"));
	WORKS(symlink("link", "chain"));
	WORKS(symlink("made", "dangling"));
	is_content("link", "content");
	is_content("chain", "content");
	OPEN_FAILS(ELOOP, open("link", O_RDONLY | O_NOFOLLOW));
	OPEN_FAILS(ELOOP, open("link", O_CREAT | O_NOFOLLOW, 0644));
	OPEN_FAILS(EEXIST, open("link", O_CREAT | O_EXCL, 0644));
	OPEN_FAILS(EEXIST, open("dangling", O_CREAT | O_EXCL, 0644));
	OPEN_FAILS(ENOENT, open("dangling", O_RDWR));
	fd = must_open("link", O_PATH | O_NOFOLLOW, 0);
	IS(S_ISLNK(stat_fd(fd).st_mode), 1);
	FAILS(EBADF, read(fd, &fd, 1));
	close(fd);
	is_gone("made");
	OPENS(open("dangling", O_CREAT | O_RDWR, 0600));
	is_mode("made", 0600);
}

/* One open of each kind by whoever is the user now. */
static void
check_access(const char *path, unsigned int bits, const char *who)
{
	static const struct {
		int		flags;
		unsigned int	need;
	} kind[] = { { O_RDONLY, 4 }, { O_WRONLY, 2 }, { O_RDWR, 6 },
	    { O_RDONLY | O_TRUNC, 6 }, { O_WRONLY | O_APPEND, 2 } };

	for (size_t i = 0; i < 5; i++) {
		int fd = open(path, kind[i].flags | O_CLOEXEC);
		int want = (bits & kind[i].need) == kind[i].need ? 0 :
		    EACCES;
		int got = fd < 0 ? errno : 0;

		/* O_TRUNC is a write, without one of data. */
		if (kind[i].flags == (O_RDONLY | O_TRUNC))
			want = (bits & 6) == 6 ? 0 : EACCES;
		tap_ok(got == want, "open %s with bits %o by the %s, kind "
		    "%zu: %d", path, bits, who, i, want);
		if (fd >= 0)
			close(fd);
	}
	for (unsigned int mode = 0; mode < 8; mode++) {
		int got = faccessat(AT_FDCWD, path, (int)mode, AT_EACCESS);

		tap_ok((got == 0) == ((bits & mode) == mode),
		    "access %o of %s with bits %o by the %s", mode, path,
		    bits, who);
	}
}

static void
test_permission(const struct posix *p)
{
	char name[16];

	(void)p;
	for (unsigned int bits = 0; bits < 8; bits++) {
		unsigned int rest = ~bits & 7;

		/* The class that fits decides, even when it has less. */
		snprintf(name, sizeof(name), "owner%o", bits);
		make_file(name, bits << 6 | rest << 3 | rest, USER_A,
		    GROUP_A);
		become(USER_A, GROUP_A, 0);
		check_access(name, bits, "owner");
		become_root();
		snprintf(name, sizeof(name), "group%o", bits);
		make_file(name, rest << 6 | bits << 3 | rest, USER_A,
		    GROUP_A);
		become(USER_B, GROUP_A, 0);
		check_access(name, bits, "group");
		become(USER_B, GROUP_B, GROUP_A);
		check_access(name, bits, "second group");
		become_root();
		snprintf(name, sizeof(name), "other%o", bits);
		make_file(name, rest << 6 | rest << 3 | bits, USER_A,
		    GROUP_A);
		become(USER_B, GROUP_B, 0);
		check_access(name, bits, "others");
		become_root();
		OPENS(open(name, O_RDWR));
	}
}

/* A file of one's own that one may not open again. */
static void
test_create_denied(const struct posix *p)
{
	int fd;

	(void)p;
	WORKS(chmod(".", 0777));
	become(USER_A, GROUP_A, 0);
	fd = must_open("none", O_CREAT | O_EXCL | O_RDWR, 0);
	IS(write(fd, "abc", 3), 3);
	IS(stat_fd(fd).st_size, 3);
	close(fd);
	OPEN_FAILS(EACCES, open("none", O_RDONLY));
	fd = must_open("ro", O_CREAT | O_EXCL | O_WRONLY, 0444);
	IS(write(fd, "abc", 3), 3);
	close(fd);
	OPEN_FAILS(EACCES, open("ro", O_WRONLY));
	OPEN_FAILS(EACCES, open("ro", O_CREAT | O_WRONLY, 0666));
	is_content("ro", "abc");
	is_owner("none", USER_A, GROUP_A);
	is_owner("ro", USER_A, GROUP_A);
	/* What is open stays open. */
	make_content("later", "later");
	fd = must_open("later", O_RDWR, 0);
	WORKS(chmod("later", 0));
	IS(pwrite(fd, "LATE", 4, 0), 4);
	IS(pread(fd, &(char[5]){ 0 }, 5, 0), 5);
	OPEN_FAILS(EACCES, open("later", O_RDONLY));
	close(fd);
	become_root();
	is_content("later", "LATEr");
	is_content("none", "abc");
}

static void
test_append(const struct posix *p)
{
	int a, b;

	make_content("f", "1");
	a = must_open("f", O_WRONLY | O_APPEND, 0);
	b = must_open("f", O_RDWR | O_APPEND, 0);
	IS(write(a, "2", 1), 1);
	IS(write(b, "3", 1), 1);
	IS(write(a, "4", 1), 1);
	IS(lseek(a, 0, SEEK_SET), 0);
	IS(write(a, "5", 1), 1);
	/* Not as POSIX has it, see BUGS in pwrite(2). */
	IS(pwrite(b, "6", 1, 0), 1);
	is_content("f", "123456");
	IS(lseek(b, 0, SEEK_CUR), 3);
	WORKS(ftruncate(a, 2));
	IS(write(b, "7", 1), 1);
	is_content("f", "127");
	if (posix_differs(p, "append flag"))
		goto out;
	WORKS(fcntl(a, F_SETFL, 0));
	IS(pwrite(a, "8", 1, 0), 1);
	WORKS(fcntl(a, F_SETFL, O_APPEND));
	IS(write(a, "9", 1), 1);
	is_content("f", "8279");
out:
	close(a);
	close(b);
}

static void
test_unlinked(const struct posix *p)
{
	char got[8] = "";
	int fd, other;

	(void)p;
	make_content("f", "content");
	fd = must_open("f", O_RDWR, 0);
	WORKS(unlink("f"));
	is_gone("f");
	IS(stat_fd(fd).st_nlink, 0);
	IS(stat_fd(fd).st_size, 7);
	IS(pread(fd, got, 7, 0), 7);
	tap_is_str(got, "content", "content of an unlinked file");
	IS(pwrite(fd, "CON", 3, 0), 3);
	WORKS(fchmod(fd, 0600));
	WORKS(fchown(fd, USER_A, GROUP_A));
	WORKS(ftruncate(fd, 4));
	WORKS(futimens(fd, NULL));
	WORKS(fsync(fd));
	IS(stat_fd(fd).st_size, 4);
	IS(stat_fd(fd).st_uid, USER_A);
	/* A new one by this name is another one. */
	make_content("f", "new");
	IS(pread(fd, got, 7, 0), 4);
	tap_ok(memcmp(got, "CONt", 4) == 0, "the old one's content");
	other = must_open("f", O_RDONLY, 0);
	IS(stat_fd(other).st_ino != stat_fd(fd).st_ino, 1);
	close(other);
	close(fd);
	is_content("f", "new");
	is_nlink("f", 1);
}

static void
test_special(const struct posix *p)
{
	int fd;

	(void)p;
	WORKS(mkfifo("fifo", 0666));
	OPEN_FAILS(ENXIO, open("fifo", O_WRONLY | O_NONBLOCK));
	fd = must_open("fifo", O_RDONLY | O_NONBLOCK, 0);
	OPENS(open("fifo", O_WRONLY | O_NONBLOCK));
	close(fd);
	WORKS(mknod("socket", S_IFSOCK | 0666, 0));
	OPEN_FAILS(ENXIO, open("socket", O_RDWR));
	WORKS(mknod("null", S_IFCHR | 0666, 0x103));
	fd = must_open("null", O_RDWR, 0);
	IS(write(fd, "nothing", 7), 7);
	IS(read(fd, &fd, 1), 0);
	close(fd);
	OPENS(open("null", O_WRONLY | O_TRUNC));
	make_file("mine", 0666, USER_A, GROUP_A);
	become(USER_B, GROUP_B, 0);
	OPEN_FAILS(EPERM, open("mine", O_RDONLY | O_NOATIME));
	become(USER_A, GROUP_A, 0);
	OPENS(open("mine", O_RDONLY | O_NOATIME));
	become_root();
}

static void
test_tmpfile(const struct posix *p)
{
	char path[64];
	int fd;

	if (posix_differs(p, "tmpfile"))
		return;
	fd = must_open(".", O_TMPFILE | O_RDWR, 0640);
	IS(stat_fd(fd).st_nlink, 0);
	IS(stat_fd(fd).st_mode & 07777, 0640);
	IS(write(fd, "tmp", 3), 3);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	WORKS(linkat(AT_FDCWD, path, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW));
	IS(stat_fd(fd).st_nlink, 1);
	close(fd);
	is_content("linked", "tmp");
	is_mode("linked", 0640);
	fd = must_open(".", O_TMPFILE | O_EXCL | O_RDWR, 0640);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	FAILS(ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "never",
	    AT_SYMLINK_FOLLOW));
	close(fd);
	OPEN_FAILS(EINVAL, open(".", O_TMPFILE | O_RDONLY, 0640));
	make_dir("closed", 0755, 0, 0);
	make_dir("free", 0777, 0, 0);
	become(USER_A, GROUP_A, 0);
	OPEN_FAILS(EACCES, open("closed", O_TMPFILE | O_RDWR, 0640));
	fd = must_open("free", O_TMPFILE | O_RDWR, 0640);
	IS(stat_fd(fd).st_uid, USER_A);
	IS(stat_fd(fd).st_gid, GROUP_A);
	close(fd);
	become_root();
}

static pid_t
run_program(const char *path)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl(path, path, "60", (char *)NULL);
		_exit(errno == ETXTBSY ? 99 : 98);
	}
	return pid;
}

/* A program cannot be run while it is written, nor the other way round. */
static void
test_busy_text(const struct posix *p)
{
	int from, fd, status, pipe_fds[2];
	char buffer[65536];
	struct stat st;
	ssize_t n;
	pid_t pid;

	from = must_open("/bin/sleep", O_RDONLY, 0);
	fd = must_open("program", O_CREAT | O_WRONLY, 0755);
	while ((n = read(from, buffer, sizeof(buffer))) > 0)
		if (write(fd, buffer, (size_t)n) != n)
			tap_bail("write");
	pid = run_program("./program");
	waitpid(pid, &status, 0);
	IS(WEXITSTATUS(status), 99);
	close(fd);
	close(from);
	/* The pipe's end, closed by exec, tells when it runs. */
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		tap_bail("pipe");
	pid = run_program("./program");
	close(pipe_fds[1]);
	IS(read(pipe_fds[0], buffer, 1), 0);
	close(pipe_fds[0]);
	OPEN_FAILS(ETXTBSY, open("program", O_WRONLY));
	if (!posix_differs(p, "busy truncating open"))
		OPEN_FAILS(ETXTBSY, open("program", O_RDONLY | O_TRUNC));
	FAILS(ETXTBSY, truncate("program", 0));
	OPENS(open("program", O_RDONLY));
	WORKS(unlink("program"));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	IS(WTERMSIG(status), SIGKILL);
	FAILS(ENOENT, stat("program", &st));
}

const struct posix_case posix_open_cases[] = {
	{ "create", test_create },
	{ "umask", test_umask },
	{ "directory", test_dir },
	{ "symlink", test_symlink },
	{ "permission", test_permission },
	{ "create denied", test_create_denied },
	{ "append", test_append },
	{ "unlinked", test_unlinked },
	{ "special", test_special },
	{ "tmpfile", test_tmpfile },
	{ "busy text", test_busy_text },
	{ NULL, NULL }
};
