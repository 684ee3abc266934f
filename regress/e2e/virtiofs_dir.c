/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: OPENDIR, READDIR, READDIRPLUS, RELEASEDIR: every entry once, at
 * offsets that stay good, whatever happens meanwhile; and what READDIRPLUS
 * looks up is counted.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "virtiofs_suite.h"

#define FORGET_MS	60000	/* until a FORGET takes effect, at most */

#define BUFFER	(64u * 1024)

/* An open directory that is read from its beginning to its end. */
struct listing {
	struct virtiofs_env	*e;
	uint64_t		dir, fh, offset;
	uint32_t		size;		/* of each request */
	int			plus, requests;
	uint8_t			*buffer;
	struct fuse_dir		at;
};

static void
listing_open(struct listing *l, struct virtiofs_env *e, uint64_t dir,
    int plus, uint32_t size)
{
	struct fuse_open_out open;
	int result = fuse_opendir(&e->c, dir, &open);

	if (result != 0)
		tap_bail("opendir: %s", fuse_result_name(result));
	*l = (struct listing){ .e = e, .dir = dir, .fh = open.fh,
	    .size = size, .plus = plus };
	l->buffer = guest_alloc(&e->front.mem, BUFFER, 8);
	l->at.data = l->buffer;
	l->at.plus = plus;
}

static void
listing_close(struct listing *l)
{
	is_reply(fuse_releasedir(&l->e->c, l->dir, l->fh), 0, "releasedir");
	guest_free(&l->e->front.mem, l->buffer);
}

/* One request from the present offset; what fuse_request() says. */
static int
listing_fill(struct listing *l)
{
	int n;

	n = l->plus ? fuse_readdirplus(&l->e->c, l->dir, l->fh, l->offset,
	    l->buffer, l->size) : fuse_readdir(&l->e->c, l->dir, l->fh,
	    l->offset, l->buffer, l->size);
	l->requests++;
	l->at.at = 0;
	l->at.len = n > 0 ? (size_t)n : 0;
	return n;
}

/* The next entry: 1, 0 at the end, or a failure. */
static int
listing_next(struct listing *l, struct fuse_dir_entry *entry)
{
	int n = fuse_dir_next(&l->at, entry);

	if (n == 0) {
		n = listing_fill(l);
		if (n <= 0)
			return n;
		n = fuse_dir_next(&l->at, entry);
	}
	if (n > 0)
		l->offset = entry->off;
	return n;
}

static void
listing_seek(struct listing *l, uint64_t offset)
{
	l->offset = offset;
	l->at.len = l->at.at = 0;
}

static int
is_dot(const struct fuse_dir_entry *entry)
{
	return strcmp(entry->name, ".") == 0 ||
	    strcmp(entry->name, "..") == 0;
}

/* Gives a looked up entry back. */
static void
forget_entry(struct listing *l, const struct fuse_dir_entry *entry)
{
	if (l->plus && entry->entry.nodeid != 0)
		fuse_forget(&l->e->c, entry->entry.nodeid, 1);
}

static void
make_files(struct virtiofs_env *e, int from, int to)
{
	char name[32];

	for (int i = from; i < to; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		host_write(host_path(e, name), "", 0644, 0, 0);
	}
}

/* Which of file-0 to file-(count - 1) there were, and how many others. */
struct census {
	unsigned char	*seen;
	int		count, twice, others, dots;
};

static void
census_note(struct census *c, const struct fuse_dir_entry *entry)
{
	int i = -1;

	if (is_dot(entry))
		c->dots++;
	else if (sscanf(entry->name, "file-%d", &i) == 1 && i >= 0 &&
	    i < c->count) {
		if (c->seen[i]++)
			c->twice++;
	} else
		c->others++;
}

static int
census_missing(const struct census *c)
{
	int missing = 0;

	for (int i = 0; i < c->count; i++)
		missing += !c->seen[i];
	return missing;
}

static void
census_init(struct census *c, int count)
{
	*c = (struct census){ .count = count };
	c->seen = calloc((size_t)count, 1);
	if (c->seen == NULL)
		tap_bail("calloc");
}

/* Reads all and expects all. */
static void
read_all(struct virtiofs_env *e, uint64_t dir, int plus, uint32_t size,
    int count)
{
	struct fuse_dir_entry entry;
	struct census c;
	struct listing l;
	int n;

	census_init(&c, count);
	listing_open(&l, e, dir, plus, size);
	while ((n = listing_next(&l, &entry)) > 0) {
		census_note(&c, &entry);
		forget_entry(&l, &entry);
	}
	is_reply(n, 0, "%s of %d entries by %u bytes", plus ?
	    "readdirplus" : "readdir", count, size);
	tap_is_int(census_missing(&c), 0, "none is missing");
	tap_is_int(c.twice, 0, "none comes twice");
	tap_ok(c.others == 0 && c.dots == 2, "no others but . and ..");
	listing_close(&l);
	free(c.seen);
}

static void
test_sizes(struct virtiofs_env *e)
{
	static const uint32_t sizes[] = { 300, 1000, 4096, 32768, BUFFER };

	make_files(e, 0, 500);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		read_all(e, e->dir, 0, sizes[i], 500);
		read_all(e, e->dir, 1, sizes[i], 500);
	}
}

static void
test_empty(struct virtiofs_env *e)
{
	host_mkdir(host_path(e, "empty"), 0755, 0, 0);
	read_all(e, node(e, "empty"), 0, 4096, 0);
	read_all(e, node(e, "empty"), 1, 4096, 0);
}

static void
test_types(struct virtiofs_env *e)
{
	static const struct {
		const char	*name;
		uint32_t	type;
	} want[] = { { "file", DT_REG }, { "dir", DT_DIR },
	    { "link", DT_LNK }, { "fifo", DT_FIFO }, { "socket", DT_SOCK },
	    { "null", DT_CHR } };
	struct fuse_dir_entry entry;
	struct listing l;
	struct stat st;
	int found = 0;

	host_write(host_path(e, "file"), "x", 0640, 3, 4);
	host_mkdir(host_path(e, "dir"), 0751, 0, 0);
	host_symlink("file", host_path(e, "link"));
	host_mknod(host_path(e, "fifo"), S_IFIFO | 0600, 0);
	host_mknod(host_path(e, "socket"), S_IFSOCK | 0600, 0);
	host_mknod(host_path(e, "null"), S_IFCHR | 0600, 0x103);
	for (int plus = 0; plus < 2; plus++) {
		listing_open(&l, e, e->dir, plus, 4096);
		while (listing_next(&l, &entry) > 0) {
			if (is_dot(&entry)) {
				tap_ok(entry.type == DT_DIR, "type of %s",
				    entry.name);
				tap_ok(entry.entry.nodeid == 0,
				    "%s is not looked up", entry.name);
				continue;
			}
			host_lstat(host_path(e, entry.name), &st);
			tap_ok(entry.ino == st.st_ino, "inode number of %s",
			    entry.name);
			for (size_t i = 0; i < 6; i++)
				found += strcmp(entry.name, want[i].name) ==
				    0 && entry.type == want[i].type;
			if (plus && tap_ok(entry.entry.nodeid != 0,
			    "%s is looked up", entry.name))
				is_attr_of(e, &entry.entry.attr, entry.name);
		}
		listing_close(&l);
	}
	tap_is_int(found, 12, "all with their types, twice");
}

static void
test_names(struct virtiofs_env *e)
{
	static const char *const names[] = { " ", "...", "\\", "\n",
	    "\xff\xfe", "\xc3\xa4", "-rf", "*", "a:b" };
	struct fuse_dir_entry entry;
	struct listing l;
	char longest[256];
	int found = 0;

	memset(longest, 'n', 255);
	longest[255] = '\0';
	host_write(host_path(e, longest), "", 0644, 0, 0);
	for (size_t i = 0; i < 9; i++)
		host_write(host_path(e, names[i]), "", 0644, 0, 0);
	listing_open(&l, e, e->dir, 0, 4096);
	while (listing_next(&l, &entry) > 0) {
		for (size_t i = 0; i < 9; i++)
			found += strcmp(entry.name, names[i]) == 0;
		found += strcmp(entry.name, longest) == 0;
	}
	tap_is_int(found, 10, "all names");
	listing_close(&l);
}

/* Every offset is a place to go on from, also after others were read. */
static void
test_seek(struct virtiofs_env *e)
{
	static struct fuse_dir_entry first[64], entry;
	struct listing l;
	int count = 0, wrong = 0;

	make_files(e, 0, 50);
	for (int plus = 0; plus < 2; plus++) {
		count = wrong = 0;
		listing_open(&l, e, e->dir, plus, 4096);
		while (count < 64 && listing_next(&l, &first[count]) > 0)
			count++;
		tap_is_int(count, 52, "entries");
		for (int i = count - 2; i >= 0; i--) {
			listing_seek(&l, first[i].off);
			if (listing_next(&l, &entry) != 1 ||
			    strcmp(entry.name, first[i + 1].name) != 0)
				wrong++;
		}
		tap_is_int(wrong, 0, "backwards, by their offsets");
		listing_seek(&l, first[count - 1].off);
		is_reply(listing_next(&l, &entry), 0,
		    "nothing behind the last");
		listing_seek(&l, 0);
		tap_ok(listing_next(&l, &entry) == 1 &&
		    strcmp(entry.name, first[0].name) == 0,
		    "rewound to the beginning");
		listing_close(&l);
	}
}

/* rewinddir(3) shows what was made meanwhile. */
static void
test_rewind(struct virtiofs_env *e)
{
	struct fuse_dir_entry entry;
	struct census c;
	struct listing l;

	make_files(e, 0, 10);
	listing_open(&l, e, e->dir, 0, 4096);
	while (listing_next(&l, &entry) > 0)
		;
	make_files(e, 10, 20);
	if (unlink(host_path(e, "file-3")) != 0)
		tap_bail("unlink");
	listing_seek(&l, 0);
	census_init(&c, 20);
	while (listing_next(&l, &entry) > 0)
		census_note(&c, &entry);
	tap_is_int(census_missing(&c), 1, "19 files");
	tap_ok(!c.seen[3], "the removed one is not there");
	listing_close(&l);
	free(c.seen);
}

/* rm -r: removes what it has read, and goes on reading. */
static void
test_remove(struct virtiofs_env *e)
{
	struct fuse_dir_entry entry;
	struct listing l;
	char name[32];
	int removed = 0, left = 0, result;

	make_files(e, 0, 1000);
	for (int i = 0; e->kind == VIRTIOFS_C && i < 1000; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		node(e, name);
	}
	listing_open(&l, e, e->dir, 1, 4096);
	while (listing_next(&l, &entry) > 0) {
		if (is_dot(&entry))
			continue;
		result = fuse_unlink(&e->c, e->dir, entry.name);
		if (result == 0)
			removed++;
		forget_entry(&l, &entry);
	}
	tap_is_int(removed, 1000, "all were seen and removed");
	listing_seek(&l, 0);
	while (listing_next(&l, &entry) > 0)
		left += !is_dot(&entry);
	tap_is_int(left, 0, "nothing is left");
	listing_close(&l);
}

/* What is not touched is seen once while others come and go. */
static void
test_changes(struct virtiofs_env *e)
{
	struct fuse_dir_entry entry;
	struct census c;
	struct listing l;
	char name[32];
	int i = 0;

	make_files(e, 0, 300);
	census_init(&c, 300);
	listing_open(&l, e, e->dir, 0, 1024);
	while (listing_next(&l, &entry) > 0) {
		census_note(&c, &entry);
		snprintf(name, sizeof(name), "new-%d", i++ % 50);
		if (unlink(host_path(e, name)) != 0)
			host_write(host_path(e, name), "", 0644, 0, 0);
		if (i > 5000)
			break;
	}
	tap_is_int(census_missing(&c), 0, "all that were there before");
	tap_is_int(c.twice, 0, "none of them twice");
	listing_close(&l);
	free(c.seen);
}

/* READDIRPLUS looks each entry up: one FORGET each makes it unknown. */
static void
test_count(struct virtiofs_env *e)
{
	struct fuse_dir_entry entry;
	struct fuse_attr_out attr;
	static uint64_t nodeid[64];
	struct listing l;
	int count = 0, known = 0, same = 0;
	long long end;

	make_files(e, 0, 40);
	for (int pass = 0; pass < 2; pass++) {
		count = 0;
		listing_open(&l, e, e->dir, 1, 4096);
		while (count < 64 && listing_next(&l, &entry) > 0) {
			if (is_dot(&entry))
				continue;
			same += pass == 1 &&
			    nodeid[count] == entry.entry.nodeid;
			nodeid[count++] = entry.entry.nodeid;
		}
		listing_close(&l);
	}
	tap_is_int(count, 40, "entries");
	tap_is_int(same, 40, "the same nodes when it is read again");
	for (int i = 0; i < count; i++)
		fuse_forget(&e->c, nodeid[i], 1);
	for (int i = 0; i < count; i++)
		known += fuse_getattr(&e->c, nodeid[i], &attr) == 0;
	tap_is_int(known, 40, "known after one FORGET each");
	for (int i = 0; i < count; i++)
		fuse_forget(&e->c, nodeid[i], 1);
	/* One way, and of another queue: soon after. */
	end = procs_now_ms() + FORGET_MS;
	do {
		known = 0;
		for (int i = 0; i < count; i++)
			known += fuse_getattr(&e->c, nodeid[i], &attr) == 0;
	} while (known > 0 && procs_now_ms() < end);
	tap_is_int(known, 0, "unknown after the second");
}

/* A node from READDIRPLUS alone is as good as one from LOOKUP. */
static void
test_plus_nodes(struct virtiofs_env *e)
{
	struct fuse_dir_entry entry;
	struct fuse_attr_out attr;
	struct listing l;
	char data[32];
	uint64_t fh;

	host_mkdir(host_path(e, "sub"), 0755, 0, 0);
	host_write(host_path(e, "sub/inside"), "inside", 0644, 0, 0);
	host_write(host_path(e, "file"), "content", 0644, 0, 0);
	listing_open(&l, e, e->dir, 1, 4096);
	while (listing_next(&l, &entry) > 0) {
		if (is_dot(&entry))
			continue;
		is_reply(fuse_getattr(&e->c, entry.entry.nodeid, &attr), 0,
		    "getattr of %s", entry.name);
		is_attr_of(e, &attr.attr, entry.name);
		if (strcmp(entry.name, "sub") == 0) {
			tap_ok(node_in(e, entry.entry.nodeid, "inside") != 0,
			    "lookup below it");
			continue;
		}
		fh = open_node(e, entry.entry.nodeid, O_RDONLY);
		is_reply(fuse_read(&e->c, entry.entry.nodeid, fh, 0, data,
		    32), 7, "read it");
		is_reply(fuse_release(&e->c, entry.entry.nodeid, fh), 0,
		    "release");
		is_reply(fuse_chmod(&e->c, entry.entry.nodeid, 0600), 0,
		    "chmod");
		is_reply(fuse_lookup(&e->c, e->dir, "file",
		    &(struct fuse_entry_out){ .nodeid = 0 }), 0, "lookup");
		tap_ok(node(e, "file") == entry.entry.nodeid,
		    "lookup finds the same node");
	}
	listing_close(&l);
}

/* A name that changed hands between READDIRPLUS and the first use: never the
 * new file by the old node. */
static void
test_plus_replaced(struct virtiofs_env *e)
{
	struct fuse_dir_entry entry;
	struct fuse_attr_out attr;
	struct fuse_open_out open;
	uint64_t nodeid = 0;
	struct listing l;
	char data[32];
	int result;

	host_write(host_path(e, "file"), "old", 0644, 0, 0);
	host_write(host_path(e, "other"), "new content", 0644, 0, 0);
	listing_open(&l, e, e->dir, 1, 4096);
	while (listing_next(&l, &entry) > 0)
		if (strcmp(entry.name, "file") == 0)
			nodeid = entry.entry.nodeid;
	listing_close(&l);
	if (rename(host_path(e, "other"), host_path(e, "file")) != 0)
		tap_bail("rename");
	result = fuse_getattr(&e->c, nodeid, &attr);
	tap_ok(result < 0 ? result >= -511 : attr.attr.size == 3,
	    "getattr: the old file or an error");
	result = fuse_open(&e->c, nodeid, O_RDONLY, &open);
	if (result == 0) {
		result = fuse_read(&e->c, nodeid, open.fh, 0, data, 32);
		fuse_release(&e->c, nodeid, open.fh);
	}
	tap_ok(result < 0 ? result >= -511 : result == 3,
	    "open: the old file or an error");
	tap_ok(node(e, "file") != nodeid, "lookup: the new file");
}

static void
test_errors(struct virtiofs_env *e)
{
	struct fuse_open_out open, dir;
	uint8_t buffer[512];
	uint64_t file, fh;
	int result;

	host_write(host_path(e, "file"), "", 0644, 0, 0);
	file = node(e, "file");
	is_reply(fuse_opendir(&e->c, file, &open), -ENOTDIR,
	    "opendir of a file");
	is_refused(fuse_opendir(&e->c, 99999999, &open),
	    "opendir of a node that is none");
	is_reply(fuse_opendir(&e->c, e->dir, &dir), 0, "opendir");
	if (e->kind != VIRTIOFS_C) {
		is_reply(fuse_readdir(&e->c, e->dir, dir.fh, 0, buffer, 16),
		    -EINVAL, "no room for a single entry");
		fh = open_node(e, file, O_RDONLY);
		is_reply(fuse_readdir(&e->c, e->dir, fh, 0, buffer, 512),
		    -EBADF, "readdir by a file's fh");
		is_reply(fuse_releasedir(&e->c, e->dir, fh), -EBADF,
		    "releasedir by it");
		is_reply(fuse_release(&e->c, file, fh), 0, "release");
		is_reply(fuse_readdir(&e->c, FUSE_ROOT_ID, dir.fh, 0, buffer,
		    512), -EBADF, "readdir of another node by it");
		is_reply(fuse_readdir(&e->c, e->dir, dir.fh ^ 0x777, 0,
		    buffer, 512), -EBADF, "readdir by no fh at all");
		is_reply(fuse_readdirplus(&e->c, e->dir, UINT64_MAX, 0,
		    buffer, 512), -EBADF, "readdirplus by none");
	}
	result = fuse_readdir(&e->c, e->dir, dir.fh, 0, buffer, 0);
	tap_ok(result <= 0 && result >= -511, "readdir of nothing");
	is_success(fuse_readdir(&e->c, e->dir, dir.fh, 0, buffer, 512),
	    "readdir");
	is_reply(fuse_releasedir(&e->c, e->dir, dir.fh), 0, "releasedir");
}

/* A directory that is removed while it is open is empty, readdir(3). */
static void
test_gone(struct virtiofs_env *e)
{
	struct fuse_dir_entry entry;
	struct listing l;
	int n;

	host_mkdir(host_path(e, "gone"), 0755, 0, 0);
	listing_open(&l, e, node(e, "gone"), 0, 4096);
	if (rmdir(host_path(e, "gone")) != 0)
		tap_bail("rmdir");
	while ((n = listing_next(&l, &entry)) > 0)
		if (!is_dot(&entry))
			break;
	tap_ok(n == 0 || n == -ENOENT, "nothing to read in a removed one");
	listing_close(&l);
}

#define MANY	100000

/* Hard links: as many names without as many inodes. */
static void
test_many(struct virtiofs_env *e)
{
	char name[32], target[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		snprintf(target, sizeof(target), "file-%d",
		    i - i % 50000);
		if (i % 50000 == 0)
			host_write(host_path(e, name), "", 0644, 0, 0);
		else if (link(host_path(e, target), host_path(e, name)) != 0)
			tap_bail("link");
	}
	read_all(e, e->dir, 0, BUFFER, MANY);
	read_all(e, e->dir, 1, BUFFER, MANY);
}

static const struct virtiofs_test tests[] = {
	{ "sizes", test_sizes },
	{ "empty", test_empty },
	{ "types", test_types },
	{ "names", test_names },
	{ "seek", test_seek },
	{ "rewind", test_rewind },
	{ "remove", test_remove },
	{ "changes", test_changes },
	{ "count", test_count },
	{ "plus-nodes", test_plus_nodes },
	{ "plus-replaced", test_plus_replaced },
	{ "errors", test_errors },
	{ "gone", test_gone },
	{ "many", test_many },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]) };

	return virtiofs_suite_main(&suite);
}
