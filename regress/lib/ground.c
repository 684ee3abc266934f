/* SPDX-License-Identifier: ISC */
/*
 * Making such shares. What is mounted goes with the fixture's namespace, and
 * loop devices with their last user. Test code.
 */
#include "ground.h"

#include <sys/mount.h>

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server.h"
#include "tap.h"

#define IMAGE_SIZE	(256L << 20)

extern char **environ;

/* A path in its directory, from a ring of 8 buffers. */
static const char *
in_base(const struct ground *g, const char *name)
{
	static char ring[8][224];
	static unsigned int next;
	char *out = ring[next++ % 8];

	snprintf(out, sizeof(ring[0]), "%s/%s", g->base, name);
	return out;
}

static void
fill(const char *dir)
{
	char path[256], other[256];
	static const char *const names[] = { "file", "once", "link-me" };

	if (!host_exists(dir))
		host_mkdir(dir, 0755, 0, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		host_write(path, names[i], 0644, 0, 0);
	}
	snprintf(path, sizeof(path), "%s/link", dir);
	host_symlink("file", path);
	snprintf(path, sizeof(path), "%s/dir", dir);
	host_mkdir(path, 0755, 0, 0);
	snprintf(path, sizeof(path), "%s/dir/inside", dir);
	host_write(path, "inside", 0644, 0, 0);
	for (int i = 0; i < GROUND_FILES; i++) {
		snprintf(path, sizeof(path), "%s/dir/%d", dir, i);
		host_write(path, "1", 0644, 0, 0);
	}
	snprintf(path, sizeof(path), "%s/hard-1", dir);
	host_write(path, "hard", 0644, 0, 0);
	snprintf(other, sizeof(other), "%s/hard-2", dir);
	if (link(path, other) != 0)
		tap_bail("link %s", other);
}

/* Returns whether it ends well. What it says is of no interest. */
static int
run(const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY,
	    0);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	error = posix_spawnp(&pid, argv[0], &actions, NULL,
	    (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return error == 0 && server_wait(pid, 60000) == 0;
}

#define RUN(...)	run((const char *const []){ __VA_ARGS__, NULL })

static const char *
make_plain(struct ground *g)
{
	host_mkdir(in_base(g, "share"), 0755, 0, 0);
	fill(in_base(g, "share/tree"));
	return NULL;
}

static const char *
make_bind(struct ground *g)
{
	make_plain(g);
	host_mkdir(in_base(g, "share/again"), 0755, 0, 0);
	if (mount(in_base(g, "share/tree"), in_base(g, "share/again"), NULL,
	    MS_BIND, NULL) != 0)
		tap_bail("bind mount");
	return NULL;
}

static const char *
make_overlay(struct ground *g)
{
	char low[160], path[224], options[768];

	snprintf(low, sizeof(low), "%s/low", g->base);
	if (g->kind->far) {
		if (g->f->share[1].missing != NULL)
			return g->f->share[1].missing;
		snprintf(low, sizeof(low), "%s/%s", g->f->share[1].outside,
		    strrchr(g->base, '/') + 1);
	}
	host_mkdir(low, 0755, 0, 0);
	snprintf(path, sizeof(path), "%s/tree", low);
	fill(path);
	host_mkdir(in_base(g, "up"), 0755, 0, 0);
	host_mkdir(in_base(g, "work"), 0755, 0, 0);
	host_mkdir(in_base(g, "share"), 0755, 0, 0);
	snprintf(options, sizeof(options),
	    "lowerdir=%s,upperdir=%s,workdir=%s,%s", low, in_base(g, "up"),
	    in_base(g, "work"), g->kind->options);
	return mount("overlay", in_base(g, "share"), "overlay", 0,
	    options) == 0 ? NULL : "overlayfs cannot be mounted so";
}

/* Makes a file system in an image, and mounts it. */
static const char *
mount_image(const struct ground *g, const char *type, const char *mkfs)
{
	const char *image = in_base(g, "image"), *share = in_base(g, "share");
	int fd = open(image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, IMAGE_SIZE) != 0)
		tap_bail("%s", image);
	close(fd);
	host_mkdir(share, 0755, 0, 0);
	if (!RUN(mkfs, "-q", image))
		return "no program to make this file system";
	if (!RUN("mount", "-t", type, "-o", "loop", image, share))
		return "this file system cannot be mounted";
	return NULL;
}

static const char *
make_ext4(struct ground *g)
{
	const char *missing = mount_image(g, "ext4", "mkfs.ext4");

	if (missing == NULL)
		fill(in_base(g, "share/tree"));
	return missing;
}

static const char *
make_btrfs(struct ground *g)
{
	const char *missing = mount_image(g, "btrfs", "mkfs.btrfs");

	if (missing != NULL)
		return missing;
	if (!RUN("btrfs", "subvolume", "create", in_base(g, "share/tree")))
		return "no btrfs";
	fill(in_base(g, "share/tree"));
	/* All has the same numbers there, and times of birth. */
	return RUN("btrfs", "subvolume", "snapshot", in_base(g, "share/tree"),
	    in_base(g, "share/again")) ? NULL : "no btrfs snapshot";
}

const struct ground_kind ground_kinds[] = {
	{ .name = "tmpfs", .make = make_plain },
	/* With a journal it gives a number away again at once. */
	{ .name = "ext4", .make = make_ext4 },
	{ .name = "bind mount", .make = make_bind, .twice = 1 },
	{ .name = "overlayfs, xino=off", .make = make_overlay,
	    .options = "xino=off,index=off" },
	{ .name = "overlayfs, xino=on", .make = make_overlay,
	    .options = "xino=on,index=off" },
	{ .name = "overlayfs, index=on", .make = make_overlay,
	    .options = "index=on" },
	{ .name = "overlayfs of two, xino=off", .make = make_overlay,
	    .options = "xino=off,index=off", .far = 1 },
	{ .name = "overlayfs of two, xino=on", .make = make_overlay,
	    .options = "xino=on,index=off", .far = 1 },
	{ .name = "overlayfs of two, xino=auto", .make = make_overlay,
	    .options = "xino=auto,index=off", .far = 1 },
	{ .name = "btrfs", .make = make_btrfs, .twice = 1 },
};
const size_t ground_kinds_count =
    sizeof(ground_kinds) / sizeof(ground_kinds[0]);

void
ground_make(struct ground *g, const struct fixture *f,
    const struct ground_kind *kind)
{
	static unsigned int count;

	*g = (struct ground){ .kind = kind, .f = f };
	snprintf(g->base, sizeof(g->base), "%s/ground%u", f->base, count++);
	host_mkdir(g->base, 0755, 0, 0);
	g->share.fs = kind->name;
	snprintf(g->share.dir, sizeof(g->share.dir), "%s/share", g->base);
	g->share.missing = kind->make(g);
}
