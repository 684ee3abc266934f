/*
 * SPDX-License-Identifier: ISC
 *
 * A monitor for tests.  What it works on is below a temporary directory, and
 * resolve.c is what keeps it there: tests look whether it does.
 */
#include "config.h"

#include "regress/unit/monitor_fixture.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/attr.h"
#include "regress/pen/pen_tree.h"

/* Removes what is in the directory, which it closes. */
static void
remove_all(int dir_fd)
{
	struct dirent *entry;
	DIR *dir = fdopendir(dir_fd);
	int fd;

	if (dir == NULL)
		abort();
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			continue;
		/* Without root, what a test has closed must be opened. */
		if (fchmodat(dirfd(dir), entry->d_name, 0700, 0) == -1)
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY |
		    O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1)
			continue;
		remove_all(fd);
		unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
}

static int
make_file(int dir_fd, const char *name, const char *content)
{
	size_t len = strlen(content);
	int fd;

	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0644);
	if (fd == -1)
		return -errno;
	if (write(fd, content, len) != (ssize_t)len)
		abort();
	/* Not every file system has these; tests that need them say so. */
	if (fsetxattr(fd, "user.pen", "value", 5, 0) == -1)
		errno = 0;
	close(fd);
	return 0;
}

/* As a process that may have CAP_FSETID in its permitted set only. */
static int
chmod_sgid(int dir_fd, const char *name)
{
	bool raised = caps_raise(CAPS_BIT(CAP_FSETID)) == 0;
	int error;

	error = fchmodat(dir_fd, name, 02755, 0) == -1 ? -errno : 0;
	if (raised)
		caps_lower();
	return error;
}

static int
populate_dir(int fd)
{
	if (make_file(fd, "file", "content") != 0 ||
	    make_file(fd, "victim", "victim") != 0 ||
	    symlinkat("file", fd, "link") == -1 ||
	    symlinkat("../../outside", fd, "out") == -1 ||
	    symlinkat("/etc", fd, "absolute") == -1 ||
	    mkdirat(fd, "victim-dir", 0755) == -1 ||
	    mkdirat(fd, "sub", 0755) == -1 ||
	    mkdirat(fd, "sgid", 0755) == -1 ||
	    fchownat(fd, "sgid", (uid_t)-1, geteuid() == 0 ? 5555 :
	    getegid(), 0) == -1 ||
	    chmod_sgid(fd, "sgid") != 0 ||
	    mknodat(fd, "fifo", S_IFIFO | 0644, 0) == -1 ||
	    mknodat(fd, "socket", S_IFSOCK | 0644, 0) == -1)
		return -errno;
	return 0;
}

int
fixture_populate(struct monitor_fixture *f)
{
	struct monitor_attr attr;
	uint32_t limit = f->m.handles.limit;
	int error, fd;

	stream_remove_all(&f->m.streams);
	handle_table_destroy(&f->m.handles);
	fd = openat(f->share_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	remove_all(fd);
	if (mkdirat(f->share_fd, "dir", 0755) == -1)
		return -errno;
	fd = openat(f->share_fd, "dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	error = populate_dir(fd);
	close(fd);
	if (error != 0)
		return error;
	fd = openat(f->share_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	error = attr_get(fd, "", AT_EMPTY_PATH, &attr, &f->m.root);
	return error != 0 ? error :
	    handle_table_init(&f->m.handles, limit, &f->m.root, fd);
}

int
fixture_open(struct monitor_fixture *f, unsigned int naming, uint32_t handles)
{
	const char *dir = getenv("TMPDIR");
	struct caps_set caps;
	int fd;

	memset(&f->m, 0, sizeof(f->m));
	umask(0);
	snprintf(f->base, sizeof(f->base), "%.32s/privfsd-unit.XXXXXX",
	    dir == NULL ? "/tmp" : dir);
	if (mkdtemp(f->base) == NULL)
		return -errno;
	f->base_fd = open(f->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->base_fd == -1 || mkdirat(f->base_fd, "share", 0755) == -1 ||
	    mkdirat(f->base_fd, "outside", 0755) == -1)
		return -errno;
	fd = openat(f->base_fd, "outside", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || make_file(fd, "file", "canary") != 0)
		return -EIO;
	close(fd);
	f->share_fd = openat(f->base_fd, "share",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->m.proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (f->share_fd == -1 || f->m.proc_fd == -1 ||
	    fchdir(f->m.proc_fd) == -1)
		return -errno;
	f->m.naming = naming;
	caps_default(&caps);
	creds_init(&f->m.creds, &caps, true);
	f->op.creds = f->m.creds;
	f->m.handles.limit = handles;
	stream_table_init(&f->m.streams, 4);
	monitor_probe(&f->m);
	f->op.reply_fd = -1;
	f->before = NULL;
	return fixture_populate(f);
}

void
fixture_close(struct monitor_fixture *f)
{
	if (f->op.reply_fd != -1)
		close(f->op.reply_fd);
	stream_remove_all(&f->m.streams);
	free(f->m.streams.streams);
	free(f->m.streams.generations);
	handle_table_destroy(&f->m.handles);
	close(f->m.proc_fd);
	close(f->share_fd);
	remove_all(f->base_fd);
	if (chdir("/") == -1 || rmdir(f->base) == -1)
		perror(f->base);
	free(f->before);
	f->before = NULL;
}

const char *
fixture_run(struct monitor_fixture *f, const struct pen_message *message)
{
	struct op *op = &f->op;
	const char *wrong;
	size_t len = pen_payload_len(message);

	if (op->reply_fd != -1)
		close(op->reply_fd);
	op->reply_fd = -1;
	if (len > MONITOR_PAYLOAD_MAX)
		abort();	/* lane_take() lets no such message through */
	op->request = message->request;
	memcpy(op->payload, message->payload, len);
	op->reply_data = f->data;
	wrong = dispatch_request(&f->m, op);
	if (wrong != NULL)
		op->reply_fd = -1;
	return wrong;
}

void
fixture_note(struct monitor_fixture *f, const char *dir)
{
	free(f->before);
	f->before = pen_tree(f->base_fd, dir);
}

bool
fixture_changed(const struct monitor_fixture *f, const char *dir)
{
	char *now = pen_tree(f->base_fd, dir);
	bool changed = strcmp(now, f->before) != 0;

	if (changed)
		fprintf(stderr, "before:\n%safter:\n%s", f->before, now);
	free(now);
	return changed;
}

int
fixture_count_fds(void)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (dir == NULL)
		abort();
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			n++;
	closedir(dir);
	return n;
}
