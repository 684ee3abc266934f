/* SPDX-License-Identifier: ISC */
/*
 * The file system of changing numbers. Requests come as <linux/fuse.h> has
 * them. Test code.
 */
#include "odd_fs.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuse_extra.h"
#include "tap.h"

#define REQUEST_MOST	(FUSE_MIN_READ_BUFFER + 128 * 1024)
#define NODE_OF(i)	((i) + 2)	/* 1 is the root */

static const struct {
	char		name[8];
	uint64_t	size;
} files[] = { { "a", ODD_FS_SIZE_A }, { "b", ODD_FS_SIZE_B } };

struct odd_fs {
	char		mount_point[256];
	int		fd;
	pthread_t	thread;
	uint64_t	number;		/* the last that it gave */
	atomic_uint	births;
	atomic_uint	by_root, by_others;
	_Alignas(8)
	char		request[REQUEST_MOST];
};

static void
answer(struct odd_fs *fs, const struct fuse_in_header *in, int error,
    const void *data, size_t len)
{
	struct {
		struct fuse_out_header	header;
		char			data[1024];
	} reply;

	reply.header = (struct fuse_out_header){ .unique = in->unique,
	    .error = error, .len = (uint32_t)(sizeof(reply.header) + len) };
	if (len > 0)
		memcpy(reply.data, data, len);
	/* The umount may have been faster. */
	if (write(fs->fd, &reply, reply.header.len) < 0 && errno != ENOENT &&
	    errno != ENODEV)
		tap_diag("answer to the kernel: %s", strerror(errno));
}

static struct fuse_attr
attr_of(struct odd_fs *fs, uint64_t node)
{
	/* The root's stays: a start looks whether it is what was meant. */
	return (struct fuse_attr){ .nlink = 1,
	    .ino = node == FUSE_ROOT_ID ? node : 1000 + ++fs->number,
	    .mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644,
	    .size = node == FUSE_ROOT_ID ? 0 : files[node - 2].size,
	    .blksize = 4096 };
}

static void
answer_statx(struct odd_fs *fs, const struct fuse_in_header *in)
{
	const struct fuse_attr attr = attr_of(fs, in->nodeid);
	const struct test_statx_out out = { .stat = {
	    .mask = STATX_BASIC_STATS | STATX_BTIME, .ino = attr.ino,
	    .mode = (uint16_t)attr.mode, .nlink = 1, .size = attr.size,
	    .blksize = 4096,
	    .btime = { .sec = 1000000000 + (int64_t)fs->number } } };

	fs->births++;
	answer(fs, in, 0, &out, sizeof(out));
}

static void
answer_lookup(struct odd_fs *fs, const struct fuse_in_header *in,
    const char *name)
{
	struct fuse_entry_out out = { .nodeid = 0 };

	for (uint64_t i = 0; i < 2; i++) {
		if (strcmp(name, files[i].name) != 0)
			continue;
		out.nodeid = NODE_OF(i);
		out.attr = attr_of(fs, out.nodeid);
		answer(fs, in, 0, &out, sizeof(out));
		return;
	}
	answer(fs, in, -ENOENT, NULL, 0);
}

static void
answer_readdir(struct odd_fs *fs, const struct fuse_in_header *in,
    const struct fuse_read_in *args)
{
	uint8_t entries[2][FUSE_NAME_OFFSET + 8];
	struct fuse_dirent head = { .namelen = 1, .type = DT_REG };
	size_t from = args->offset < 2 ? (size_t)args->offset : 2;

	for (size_t i = 0; i < 2; i++) {
		head.ino = NODE_OF(i);
		head.off = i + 1;
		memcpy(entries[i], &head, FUSE_NAME_OFFSET);
		memcpy(entries[i] + FUSE_NAME_OFFSET, files[i].name, 8);
	}
	answer(fs, in, 0, entries + from, sizeof(entries[0]) * (2 - from));
}

static void
handle(struct odd_fs *fs, const struct fuse_in_header *in, const void *args)
{
	const struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
	    .minor = 39, .max_write = 4096, .time_gran = 1 };
	const struct fuse_statfs_out statfs = { .st.namelen = 255,
	    .st.bsize = 4096 };
	const struct fuse_open_out opened = { .fh = 0 };
	struct fuse_attr_out attr = { .attr_valid = 0 };

	switch (in->opcode) {
	case FUSE_INIT:
		answer(fs, in, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		answer_lookup(fs, in, args);
		break;
	case FUSE_GETATTR:
		attr.attr = attr_of(fs, in->nodeid);
		answer(fs, in, 0, &attr, sizeof(attr));
		break;
	case TEST_FUSE_STATX:
		answer_statx(fs, in);
		break;
	case FUSE_READDIR:
		answer_readdir(fs, in, args);
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		answer(fs, in, 0, &opened, sizeof(opened));
		break;
	case FUSE_STATFS:
		answer(fs, in, 0, &statfs, sizeof(statfs));
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		answer(fs, in, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(fs, in, -ENOSYS, NULL, 0);
		break;
	}
}

/* As whom the kernel asks; for these as itself, or as who closes a file. */
static void
note_ids(struct odd_fs *fs, const struct fuse_in_header *in)
{
	switch (in->opcode) {
	case FUSE_INIT:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		return;
	default:
		break;
	}
	if (in->uid == 0 && in->gid == 0)
		fs->by_root++;
	else
		fs->by_others++;
}

static void *
serve(void *arg)
{
	struct odd_fs *fs = arg;
	ssize_t n;

	for (;;) {
		n = read(fs->fd, fs->request, sizeof(fs->request));
		if (n < 0 && (errno == EINTR || errno == EAGAIN ||
		    errno == ENOENT))
			continue;
		/* ENODEV: it was unmounted. */
		if (n < (ssize_t)sizeof(struct fuse_in_header))
			return NULL;
		note_ids(fs, (const struct fuse_in_header *)(void *)
		    fs->request);
		handle(fs, (const struct fuse_in_header *)(void *)fs->request,
		    fs->request + sizeof(struct fuse_in_header));
	}
}

struct odd_fs *
odd_fs_start(const char *mount_point)
{
	struct odd_fs *fs = calloc(1, sizeof(*fs));
	char options[128];

	if (fs == NULL)
		tap_bail("calloc");
	snprintf(fs->mount_point, sizeof(fs->mount_point), "%s", mount_point);
	fs->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options),
	    "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fs->fd);
	if (fs->fd < 0 || mount("odd", mount_point, "fuse", MS_NOSUID |
	    MS_NODEV, options) != 0) {
		if (fs->fd >= 0)
			close(fs->fd);
		free(fs);
		return NULL;
	}
	if (pthread_create(&fs->thread, NULL, serve, fs) != 0)
		tap_bail("pthread_create");
	return fs;
}

unsigned int
odd_fs_births(struct odd_fs *fs)
{
	return fs->births;
}

unsigned int
odd_fs_asked_by_root(struct odd_fs *fs)
{
	return fs->by_root;
}

unsigned int
odd_fs_asked_by_others(struct odd_fs *fs)
{
	return fs->by_others;
}

void
odd_fs_stop(struct odd_fs *fs)
{
	if (umount2(fs->mount_point, MNT_DETACH) != 0)
		tap_diag("umount %s: %s", fs->mount_point, strerror(errno));
	/* Whoever still has it in another namespace is cut off. */
	pthread_cancel(fs->thread);
	pthread_join(fs->thread, NULL);
	close(fs->fd);
	free(fs);
}
