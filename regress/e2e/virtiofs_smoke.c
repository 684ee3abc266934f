/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: a little of everything, over each kind of ring. What the other
 * programs test in depth; here it shows that the transport works.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "virtiofs_suite.h"

static void
test_lookup(struct virtiofs_env *e)
{
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;

	host_write(host_path(e, "file"), "hello", 0640, 1000, 1001);
	is_reply(fuse_lookup(&e->c, e->dir, "file", &entry), 0, "lookup");
	is_attr_of(e, &entry.attr, "file");
	is_reply(fuse_getattr(&e->c, entry.nodeid, &attr), 0, "getattr");
	is_attr_of(e, &attr.attr, "file");
	is_reply(fuse_forget(&e->c, entry.nodeid, 1), 0, "forget");
	is_reply(fuse_lookup(&e->c, e->dir, "missing", &entry), -ENOENT,
	    "lookup of a missing name");
}

static void
test_data(struct virtiofs_env *e)
{
	char *data = guest_alloc(&e->front.mem, 65536, 4096);
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct stat st;

	is_reply(fuse_create(&e->c, e->dir, "file", O_RDWR, 0644, &entry,
	    &open), 0, "create");
	for (size_t i = 0; i < 65536; i++)
		data[i] = (char)(i * 7 + i / 256);
	is_reply(fuse_write(&e->c, entry.nodeid, open.fh, 10, data, 65536),
	    65536, "write");
	host_lstat(host_path(e, "file"), &st);
	tap_is_int(st.st_size, 65546, "size on the host");
	memset(data, 0, 65536);
	is_reply(fuse_read(&e->c, entry.nodeid, open.fh, 11, data, 65536),
	    65535, "read, up to the end");
	tap_ok(data[0] == 7 && data[255] == 1 && data[65534] ==
	    (char)(65535 * 7 + 255), "what was written");
	is_reply(fuse_flush(&e->c, entry.nodeid, open.fh), 0, "flush");
	is_reply(fuse_fsync(&e->c, entry.nodeid, open.fh, 0), 0, "fsync");
	is_reply(fuse_release(&e->c, entry.nodeid, open.fh), 0, "release");
	guest_free(&e->front.mem, data);
}

static void
test_names(struct virtiofs_env *e)
{
	struct fuse_entry_out entry, link;
	char target[64];
	int n;

	is_reply(fuse_mkdir(&e->c, e->dir, "dir", 0751, &entry), 0, "mkdir");
	is_attr_of(e, &entry.attr, "dir");
	is_reply(fuse_symlink(&e->c, entry.nodeid, "link", "no/where", &link),
	    0, "symlink");
	n = fuse_readlink(&e->c, link.nodeid, target, sizeof(target));
	tap_is_mem(target, n > 0 ? (size_t)n : 0, "no/where", 8, "readlink");
	is_reply(fuse_rename(&e->c, entry.nodeid, "link", e->dir, "moved"), 0,
	    "rename");
	tap_ok(host_exists(host_path(e, "moved")), "it is there");
	is_reply(fuse_rmdir(&e->c, e->dir, "dir"), 0, "rmdir");
	is_reply(fuse_unlink(&e->c, e->dir, "moved"), 0, "unlink");
	tap_ok(!host_exists(host_path(e, "moved")) &&
	    !host_exists(host_path(e, "dir")), "both are gone");
}

static void
test_attributes(struct virtiofs_env *e)
{
	struct fuse_kstatfs fs;
	struct stat st;
	uint64_t file;

	host_write(host_path(e, "file"), "0123456789", 0600, 0, 0);
	file = node(e, "file");
	is_reply(fuse_chmod(&e->c, file, 0755), 0, "chmod");
	is_reply(fuse_chown(&e->c, file, 12, 34), 0, "chown");
	is_reply(fuse_truncate(&e->c, file, 4), 0, "truncate");
	host_lstat(host_path(e, "file"), &st);
	tap_ok(st.st_mode == (S_IFREG | 0755) && st.st_uid == 12 &&
	    st.st_gid == 34 && st.st_size == 4, "all of it on the host");
	is_reply(fuse_statfs(&e->c, e->dir, &fs), 0, "statfs");
	tap_ok(fs.namelen == 255, "longest name");
}

static void
test_readdir(struct virtiofs_env *e)
{
	char *buffer = guest_alloc(&e->front.mem, 4096, 4096), name[32];
	struct fuse_dir d = { .data = (uint8_t *)buffer };
	struct fuse_dir_entry entry;
	struct fuse_open_out open;
	uint64_t offset = 0;
	int total = 0, n, more;

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		host_write(host_path(e, name), "", 0644, 0, 0);
	}
	is_reply(fuse_opendir(&e->c, e->dir, &open), 0, "opendir");
	while ((n = fuse_readdir(&e->c, e->dir, open.fh, offset, buffer,
	    4096)) > 0) {
		d.len = (size_t)n;
		d.at = 0;
		while ((more = fuse_dir_next(&d, &entry)) > 0) {
			total++;
			offset = entry.off;
		}
		if (more < 0)
			break;
	}
	is_reply(n, 0, "readdir up to the end");
	tap_is_int(total, 202, "entries, with . and ..");
	is_reply(fuse_releasedir(&e->c, e->dir, open.fh), 0, "releasedir");
	guest_free(&e->front.mem, buffer);
}

static void
test_unknown(struct virtiofs_env *e)
{
	is_reply(fuse_named(&e->c, 4000, e->dir, NULL, 0, "x", 2, NULL, 0),
	    -ENOSYS, "an unknown opcode");
}

static void
test_depth(struct virtiofs_env *e)
{
	struct fuse_getattr_in arg = { .getattr_flags = 0 };
	struct iovec in = { .iov_base = &arg, .iov_len = sizeof(arg) };
	struct fuse_attr_out attr[16];
	struct iovec out[16];
	int done = 0, right = 0, result;
	void *user;

	for (size_t i = 0; i < 16; i++) {
		out[i] = (struct iovec){ .iov_base = &attr[i],
		    .iov_len = sizeof(attr[i]) };
		struct fuse_call call = { .opcode = FUSE_GETATTR,
		    .nodeid = e->dir, .in = &in, .in_count = 1,
		    .out = &out[i], .out_count = 1,
		    .out_least = sizeof(attr[i]), .user = &attr[i] };

		if (fuse_submit(&e->c, &call) != 0)
			tap_bail("submit");
	}
	fuse_kick(&e->c);
	while (done < 16 && fuse_collect(&e->c, &user, &result, 10000) == 1) {
		done++;
		if (result == (int)sizeof(attr[0]) && S_ISDIR(
		    ((struct fuse_attr_out *)user)->attr.mode))
			right++;
	}
	tap_is_int(right, 16, "16 requests at a time");
}

static const struct virtiofs_test tests[] = {
	{ "lookup", test_lookup },
	{ "data", test_data },
	{ "names", test_names },
	{ "attributes", test_attributes },
	{ "readdir", test_readdir },
	{ "unknown", test_unknown },
	{ "depth", test_depth },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]),
	    .options.depth = 16 };

	return virtiofs_suite_main(&suite);
}
