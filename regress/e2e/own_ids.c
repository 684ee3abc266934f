/* SPDX-License-Identifier: ISC */
/*
 * The monitor's thread keeps the ids of the guest's user who created something.
 * Below the share is a file system of a server's, which decides by ids: it must
 * see the daemon's alone, whatever was made before, and by which way it is
 * reached. Both protocols.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "odd_fs.h"
#include "p9_client.h"
#include "virtiofs_suite.h"

#define USER		1000
#define LIMIT_S		300
#define ROOM		4096

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static struct odd_fs *fs;

static const char *
host_in(const struct fixture_share *share, const char *name)
{
	static char path[sizeof(share->dir) + 32];

	snprintf(path, sizeof(path), "%s/%s", share->dir, name);
	return path;
}

/*
 * What was just done has asked the server, and not as the user. Nobody knows by
 * the mount's name alone that it is one, nor of a new handle that it is on a
 * server: there one question may be the user's, whose answer does not count.
 */
static void
is_own(const char *what, int first)
{
	static unsigned int root, others;

	tap_ok(odd_fs_asked_by_root(fs) > root, "%s: the server is asked",
	    what);
	tap_ok(odd_fs_asked_by_others(fs) - others <= (first ? 1 : 0),
	    "%s: as the daemon's own user", what);
	root = odd_fs_asked_by_root(fs);
	others = odd_fs_asked_by_others(fs);
}

/*
 * virtio-fs: each request comes after a creation by the user.
 */

struct guest {
	struct virtiofs_env	*e;
	struct fuse_entry_out	 mount, file;
	uint8_t			 room[ROOM];
};

static void
look_up_mount(struct guest *g)
{
	fuse_lookup(&g->e->c, FUSE_ROOT_ID, "mnt", &g->mount);
}

static void
list_above(struct guest *g)
{
	struct fuse_open_out open;

	fuse_opendir(&g->e->c, FUSE_ROOT_ID, &open);
	fuse_readdirplus(&g->e->c, FUSE_ROOT_ID, open.fh, 0, g->room,
	    sizeof(g->room));
	fuse_releasedir(&g->e->c, FUSE_ROOT_ID, open.fh);
}

static void
get_attributes(struct guest *g)
{
	struct fuse_attr_out attr;

	fuse_getattr(&g->e->c, g->mount.nodeid, &attr);
}

static void
look_up_file(struct guest *g)
{
	fuse_lookup(&g->e->c, g->mount.nodeid, "a", &g->file);
}

static void
open_file(struct guest *g)
{
	struct fuse_open_out open;

	if (fuse_open(&g->e->c, g->file.nodeid, O_RDONLY, &open) == 0)
		fuse_release(&g->e->c, g->file.nodeid, open.fh);
}

static void
change_mode(struct guest *g)
{
	fuse_chmod(&g->e->c, g->file.nodeid, 0600);
}

static void
list(struct guest *g)
{
	struct fuse_open_out open;

	fuse_opendir(&g->e->c, g->mount.nodeid, &open);
	fuse_readdir(&g->e->c, g->mount.nodeid, open.fh, 0, g->room,
	    sizeof(g->room));
	fuse_releasedir(&g->e->c, g->mount.nodeid, open.fh);
}

static void
get_space(struct guest *g)
{
	struct fuse_kstatfs st;

	fuse_statfs(&g->e->c, g->mount.nodeid, &st);
}

static void
go_up(struct guest *g)
{
	struct fuse_entry_out entry;

	fuse_lookup(&g->e->c, g->mount.nodeid, "..", &entry);
}

static void
test_virtiofs(const struct fixture_share *share)
{
	static const struct {
		const char	*name;
		void		(*ask)(struct guest *);
		int		 first;
	} rows[] = {
		{ "LOOKUP of the mount", look_up_mount, 1 },
		{ "READDIRPLUS above it", list_above, 1 },
		{ "GETATTR", get_attributes, 1 },
		{ "LOOKUP", look_up_file, 0 }, { "OPEN", open_file, 1 },
		{ "SETATTR", change_mode, 0 }, { "READDIR", list, 0 },
		{ "STATFS", get_space, 0 }, { "LOOKUP of ..", go_up, 0 }
	};
	struct virtiofs_options o = { .server = { .xattr = 1 } };
	struct fuse_entry_out entry;
	struct virtiofs_env e;
	static struct guest g;

	tap_context("virtio-fs: ");
	if (virtiofs_env_start(&e, share, &o) != 0)
		tap_bail("the server does not start");
	g.e = &e;
	for (size_t i = 0; i < COUNT(rows); i++) {
		e.c.uid = e.c.gid = USER;
		if (fuse_mkdir(&e.c, FUSE_ROOT_ID, "made", 0700, &entry) != 0)
			tap_bail("mkdir");
		rows[i].ask(&g);
		is_own(rows[i].name, rows[i].first);
		e.c.uid = e.c.gid = 0;
		fuse_rmdir(&e.c, FUSE_ROOT_ID, "made");
	}
	tap_is_int(virtiofs_env_stop(&e), 0, "a clean end");
}

/*
 * 9p-proxy: by a path through the mount, and by the mount's own name.
 */

static void
ask_path(struct p9_client *c, size_t which, const char *path)
{
	struct p9_stat st;
	struct p9_statfs sf;
	char value[64];
	size_t len;
	int fd = -1;

	switch (which) {
	case 0:
		p9_lstat(c, path, &st);
		break;
	case 1:
		p9_open(c, path, O_RDONLY, &fd);
		if (fd >= 0)
			close(fd);
		break;
	case 2:
		p9_chmod(c, path, 0700);
		break;
	case 3:
		p9_statfs(c, path, &sf);
		break;
	default:
		p9_lgetxattr(c, path, "user.x", sizeof(value), value, &len);
		break;
	}
}

static void
test_p9(const struct fixture_share *share)
{
	static const char *const names[] = { "T_LSTAT", "T_OPEN", "T_CHMOD",
	    "T_STATFS", "T_LGETXATTR" };
	static const char *const paths[] = { "//mnt", "//mnt/a" };
	struct server_options o = { .share = share->dir };
	struct p9_client c;
	struct server s;
	char what[64];

	tap_context("9p-proxy: ");
	if (server_start(&s, &o) != 0)
		tap_bail("the server does not start");
	c = (struct p9_client){ .fd = s.fd, .timeout_ms = SERVER_TIMEOUT_MS };
	for (size_t i = 0; i < COUNT(names); i++)
		for (size_t p = 0; p < COUNT(paths); p++) {
			if (p9_mkdir(&c, "//made", 0700, USER, USER) != 0)
				tap_bail("mkdir");
			ask_path(&c, i, paths[p]);
			snprintf(what, sizeof(what), "%s of %s", names[i],
			    paths[p]);
			is_own(what, i == 0 && p == 0);
			rmdir(host_in(share, "made"));
		}
	tap_is_int(server_stop(&s), 0, "a clean end");
	server_close_log(&s);
}

static void
body(struct fixture *f)
{
	const struct fixture_share *share = &f->share[0];
	char path[sizeof(share->dir) + 32];

	snprintf(path, sizeof(path), "%s", host_in(share, "mnt"));
	host_mkdir(path, 0755, 0, 0);
	fs = odd_fs_start(path);
	if (fs == NULL) {
		tap_skip("FUSE cannot be mounted: %s", strerror(errno));
		return;
	}
	test_virtiofs(share);
	test_p9(share);
	tap_context("%s", "");
	odd_fs_stop(fs);
}

int
main(void)
{
	return virtiofs_main(body, LIMIT_S);
}
