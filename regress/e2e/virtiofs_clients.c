/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: the requests of clients other than Linux, byte for byte in their
 * form: virtio-win's service, UEFI's driver, Zephyr, Asterinas, and what small
 * ones have in common. What is not cleared by them is rubbish here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "virtiofs_suite.h"

#define MANY		600
#define RUBBISH		0xcccccccc
#define WINDOWS_PATH	260		/* MAX_PATH */
#define FORGET_MS	5000		/* until it takes effect, at most */

/* A request as it is put together, and its reply. */
struct message {
	uint8_t			bytes[8192];
	size_t			len;
	uint8_t			reply[65536 + 16];
	struct fuse_out_header	header;
};

static void
put(struct message *m, const void *bytes, size_t len)
{
	if (len > sizeof(m->bytes) - m->len)
		tap_bail("a request too long");
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

static void
begin(struct message *m, uint32_t opcode, uint64_t nodeid)
{
	static uint64_t unique = 77;
	const struct fuse_in_header in = { .opcode = opcode,
	    .unique = unique += 2, .nodeid = nodeid, .pid = 4 };

	m->len = 0;
	put(m, &in, sizeof(in));
}

static void
set_header(struct message *m, size_t at, uint64_t value, size_t len)
{
	memcpy(m->bytes + at, &value, len);
}

#define SET(m, member, value)						\
	set_header((m), offsetof(struct fuse_in_header, member), (value), \
	    sizeof(((struct fuse_in_header *)NULL)->member))

/* Sends it; the header says `len`. Its error, or how the protocol broke. */
static int
send_as(struct virtiofs_env *e, struct message *m, size_t len, size_t room)
{
	uint64_t unique;
	int n;

	SET(m, len, len);
	n = fuse_raw(&e->c, m->bytes, m->len, m->reply,
	    sizeof(m->header) + room);
	if (n < 0)
		return n;
	if (n < (int)sizeof(m->header))
		return FUSE_NO_REPLY;
	memcpy(&m->header, m->reply, sizeof(m->header));
	memcpy(&unique, m->bytes + 8, sizeof(unique));
	if (m->header.len != (uint32_t)n)
		return FUSE_BAD_LENGTH;
	return m->header.unique == unique ? m->header.error : FUSE_BAD_UNIQUE;
}

static int
send_it(struct virtiofs_env *e, struct message *m, size_t room)
{
	return send_as(e, m, m->len, room);
}

/* The reply's payload, which has to be as long. */
static void
take(const struct message *m, void *to, size_t len)
{
	tap_is_int(m->header.len, (long long)(sizeof(m->header) + len),
	    "its length");
	memcpy(to, m->reply + sizeof(m->header), len);
}

static int
look_up(struct virtiofs_env *e, struct message *m, uint64_t dir,
    const char *name, struct fuse_entry_out *entry)
{
	int error;

	begin(m, FUSE_LOOKUP, dir);
	put(m, name, strlen(name) + 1);
	error = send_it(e, m, sizeof(*entry));
	memcpy(entry, m->reply + sizeof(m->header), sizeof(*entry));
	return error;
}

static int
start(struct virtiofs_env *e, struct message *m, uint32_t minor,
    uint32_t flags, size_t len, struct fuse_init_out *out)
{
	const struct fuse_init_in in = { .major = 7, .minor = minor,
	    .flags = flags };
	int error;

	begin(m, FUSE_INIT, 0);
	put(m, &in, len);
	error = send_it(e, m, sizeof(*out));
	take(m, out, sizeof(*out));
	return error;
}

/* After another INIT the test's directory has another node. */
static void
find_dir(struct virtiofs_env *e, struct message *m)
{
	struct fuse_entry_out entry;

	if (look_up(e, m, FUSE_ROOT_ID, e->test, &entry) != 0)
		tap_bail("the test's directory");
	e->dir = entry.nodeid;
}

static void
end(struct virtiofs_env *e)
{
	struct fuse_init_options o = { .flags = fuse_default_init_flags() };
	struct fuse_entry_out entry;

	is_reply(fuse_init(&e->c, &o), 0, "INIT of Linux again");
	if (fuse_lookup(&e->c, FUSE_ROOT_ID, e->test, &entry) != 0)
		tap_bail("the test's directory");
	e->dir = entry.nodeid;
}

/* FORGET has no answer: until the node is no more. */
static int
is_forgotten(struct virtiofs_env *e, uint64_t nodeid)
{
	long long until = procs_now_ms() + FORGET_MS;
	struct fuse_attr_out attr;
	int error;

	do {
		error = fuse_getattr(&e->c, nodeid, &attr);
	} while (error == 0 && procs_now_ms() < until);
	return is_reply(error, -ESTALE, "it is forgotten");
}

/*
 * virtio-win, viofs/svc/virtiofs.cpp.
 */

static void
windows_start(struct virtiofs_env *e, struct message *m)
{
	struct fuse_init_out out;

	is_reply(start(e, m, 31, FUSE_DO_READDIRPLUS | FUSE_MAX_PAGES, 16,
	    &out), 0, "INIT");
	tap_ok(out.major == 7 && out.minor == 31, "its version");
	tap_ok((out.flags & FUSE_DO_READDIRPLUS) != 0, "READDIRPLUS");
	find_dir(e, m);
}

static void
test_windows_volume(struct virtiofs_env *e)
{
	static struct message m;
	struct fuse_kstatfs st;
	struct fuse_entry_out entry;
	struct stat root;
	char target[16];

	windows_start(e, &m);
	host_lstat(e->share->dir, &root);
	is_reply(look_up(e, &m, FUSE_ROOT_ID, ".", &entry), 0,
	    "LOOKUP of the volume");
	tap_ok(entry.nodeid == FUSE_ROOT_ID &&
	    entry.attr.ino == root.st_ino && S_ISDIR(entry.attr.mode),
	    "it is the root");
	begin(&m, FUSE_STATFS, FUSE_ROOT_ID);
	is_reply(send_it(e, &m, sizeof(st)), 0, "STATFS");
	take(&m, &st, sizeof(st));
	tap_ok(st.bsize > 0, "of something");
	host_mkdir(host_path(e, "sub"), 0755, 0, 0);
	host_symlink("../file", host_path(e, "sub/link"));
	is_reply(look_up(e, &m, e->dir, "sub", &entry), 0, "LOOKUP of sub");
	is_reply(look_up(e, &m, entry.nodeid, "link", &entry), 0,
	    "LOOKUP of a link");
	begin(&m, FUSE_READLINK, entry.nodeid);
	memset(m.bytes + m.len, 0xcc, WINDOWS_PATH);
	m.len += WINDOWS_PATH;
	is_reply(send_it(e, &m, WINDOWS_PATH), 0,
	    "READLINK with MAX_PATH bytes after the header");
	take(&m, target, 7);
	tap_is_mem(target, 7, "../file", 7, "the target");
	/* Targets are walked along from the root, whatever is in them. */
	is_reply(look_up(e, &m, FUSE_ROOT_ID, "..", &entry), 0,
	    "LOOKUP of a target's ..");
	tap_ok(entry.nodeid == FUSE_ROOT_ID, "stays at the root");
	is_reply(look_up(e, &m, FUSE_ROOT_ID, "", &entry), -ENOENT,
	    "LOOKUP of what is before a target's first slash");
	is_reply(look_up(e, &m, node(e, "sub"), "..", &entry), 0, "sub/..");
	tap_ok(entry.nodeid == e->dir, "is its parent");
	end(e);
}

static void
windows_forget(struct virtiofs_env *e, struct message *m, uint64_t nodeid,
    uint64_t count)
{
	begin(m, FUSE_FORGET, nodeid);
	put(m, &count, sizeof(count));
	is_reply(send_it(e, m, 0), FUSE_NO_REPLY,
	    "FORGET with room for an answer gets none");
}

static uint64_t
windows_create(struct virtiofs_env *e, struct message *m, const char *name,
    uint64_t *fh)
{
	const struct fuse_create_in in = { .flags = O_RDWR | O_EXCL,
	    .mode = 0664, .open_flags = RUBBISH };
	struct {
		struct fuse_entry_out	entry;
		struct fuse_open_out	open;
	} out;

	begin(m, FUSE_CREATE, e->dir);
	SET(m, uid, 1000);
	SET(m, gid, 1001);
	put(m, &in, sizeof(in));
	put(m, name, strlen(name) + 1);
	is_reply(send_it(e, m, sizeof(out)), 0,
	    "CREATE with O_EXCL and no O_CREAT, a mode of no type");
	take(m, &out, sizeof(out));
	is_attr_of(e, &out.entry.attr, name);
	tap_ok(out.entry.attr.uid == 1000 && out.entry.attr.gid == 1001 &&
	    out.entry.attr.mode == (S_IFREG | 0664), "as asked for");
	*fh = out.open.fh;
	return out.entry.nodeid;
}

/* The names that precede the other one are removed with the file open. */
static void
test_windows_file(struct virtiofs_env *e)
{
	static struct message m;
	struct fuse_fallocate_in falloc = { .length = 100000, .mode = 1 };
	struct fuse_write_in write = { .size = 5, .flags = 0 };
	struct fuse_getattr_in getattr = { .dummy = RUBBISH };
	struct fuse_setattr_in setattr = { .valid = FATTR_FH | FATTR_MODE |
	    FATTR_ATIME | FATTR_MTIME | FATTR_CTIME, .mode = 0664,
	    .atime = 1600000000, .mtime = 1600000001, .ctime = 1600000002 };
	struct fuse_release_in release = { 0 };
	struct fuse_attr_out attr;
	uint64_t fh, nodeid;

	windows_start(e, &m);
	nodeid = windows_create(e, &m, "new.txt", &fh);
	falloc.fh = write.fh = getattr.fh = setattr.fh = release.fh = fh;
	begin(&m, FUSE_FALLOCATE, nodeid);
	put(&m, &falloc, sizeof(falloc));
	is_reply(send_it(e, &m, 0), 0, "FALLOCATE");
	begin(&m, FUSE_WRITE, nodeid);
	put(&m, &write, sizeof(write));
	put(&m, "abcde", 5);
	is_reply(send_it(e, &m, sizeof(struct fuse_write_out)), 0, "WRITE");
	begin(&m, FUSE_GETATTR, nodeid);
	put(&m, &getattr, sizeof(getattr));
	is_reply(send_it(e, &m, sizeof(attr)), 0, "GETATTR");
	take(&m, &attr, sizeof(attr));
	tap_is_int((long long)attr.attr.size, 5, "its size");
	begin(&m, FUSE_SETATTR, nodeid);
	put(&m, &setattr, sizeof(setattr));
	is_reply(send_it(e, &m, sizeof(attr)), 0, "SETATTR of all times");
	begin(&m, FUSE_UNLINK, e->dir);
	put(&m, "new.txt", 8);
	is_reply(send_it(e, &m, 0), 0, "UNLINK");
	windows_forget(e, &m, nodeid, 1);
	is_forgotten(e, nodeid);
	/* Who else has it open goes on. */
	begin(&m, FUSE_WRITE, nodeid);
	put(&m, &write, sizeof(write));
	put(&m, "vwxyz", 5);
	is_reply(send_it(e, &m, sizeof(struct fuse_write_out)), 0,
	    "WRITE after FORGET");
	begin(&m, FUSE_RELEASE, nodeid);
	put(&m, &release, sizeof(release));
	is_reply(send_it(e, &m, 0), 0, "RELEASE after FORGET");
	is_reply(send_it(e, &m, 0), -EBADF, "RELEASE once more");
	end(e);
}

/* Makes, opens, removes, forgets and then closes it, as Windows does. */
static void
windows_directory(struct virtiofs_env *e, struct message *m)
{
	const struct fuse_mkdir_in mkdir = { .mode = 0775 };
	const struct fuse_open_in in = { .flags = O_DIRECTORY,
	    .open_flags = RUBBISH };
	struct fuse_read_in read = { .size = 4080 };
	struct fuse_release_in release = { 0 };
	struct fuse_fsync_in fsync = { 0 };
	struct fuse_entry_out entry;
	struct fuse_open_out open;

	begin(m, FUSE_MKDIR, e->dir);
	put(m, &mkdir, sizeof(mkdir));
	put(m, "d", 2);
	is_reply(send_it(e, m, sizeof(entry)), 0, "MKDIR");
	take(m, &entry, sizeof(entry));
	begin(m, FUSE_OPENDIR, entry.nodeid);
	put(m, &in, sizeof(in));
	is_reply(send_it(e, m, sizeof(open)), 0, "OPENDIR");
	take(m, &open, sizeof(open));
	release.fh = read.fh = fsync.fh = open.fh;
	begin(m, FUSE_READDIR, entry.nodeid);
	put(m, &read, sizeof(read));
	is_reply(send_it(e, m, read.size), 0, "READDIR");
	begin(m, FUSE_RMDIR, e->dir);
	put(m, "d", 2);
	is_reply(send_it(e, m, 0), 0, "RMDIR");
	windows_forget(e, m, entry.nodeid, 1);
	is_forgotten(e, entry.nodeid);
	begin(m, FUSE_READDIR, entry.nodeid);
	put(m, &read, sizeof(read));
	is_reply(send_it(e, m, read.size), -ENOENT,
	    "READDIR after FORGET, as of any that was removed");
	begin(m, FUSE_FSYNCDIR, entry.nodeid);
	put(m, &fsync, sizeof(fsync));
	is_reply(send_it(e, m, 0), 0, "FSYNCDIR after FORGET");
	begin(m, FUSE_RELEASEDIR, entry.nodeid);
	put(m, &release, sizeof(release));
	is_reply(send_it(e, m, 0), 0, "RELEASEDIR after FORGET");
	is_reply(send_it(e, m, 0), -EBADF, "RELEASEDIR once more");
}

static void
test_windows_directory(struct virtiofs_env *e)
{
	static struct message m;
	struct fuse_rename2_in rename = { .flags = 1, .padding = RUBBISH };
	uint64_t fh;

	windows_start(e, &m);
	windows_directory(e, &m);
	windows_create(e, &m, "file", &fh);
	rename.newdir = e->dir;
	begin(&m, FUSE_RENAME2, e->dir);
	put(&m, &rename, sizeof(rename));
	put(&m, "file", 5);
	put(&m, "FILE", 5);
	is_reply(send_it(e, &m, 0), 0, "RENAME2, padding not cleared");
	tap_ok(host_exists(host_path(e, "FILE")), "on the host");
	begin(&m, FUSE_DESTROY, FUSE_ROOT_ID);
	is_reply(send_it(e, &m, 0), 0, "DESTROY");
	windows_start(e, &m);
	end(e);
}

/* More of them than can be open at a time. */
static void
test_windows_many(struct virtiofs_env *e)
{
	static const char *const extra[] = { "--rlimit-nofile=1024", NULL };
	const struct virtiofs_options o = { .server.extra = extra };
	static struct virtiofs_env own;
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	int error = 0, i;

	if (e->kind != VIRTIOFS_PRIVFSD) {
		tap_skip("only where it is known");
		return;
	}
	if (virtiofs_env_start(&own, e->share, &o) != 0)
		tap_bail("a server with few descriptors");
	for (i = 0; i < MANY && error == 0; i++) {
		error = fuse_mkdir(&own.c, FUSE_ROOT_ID, "many", 0755,
		    &entry);
		if (error == 0)
			error = fuse_opendir(&own.c, entry.nodeid, &open);
		if (error == 0)
			error = fuse_rmdir(&own.c, FUSE_ROOT_ID, "many");
		if (error == 0)
			error = fuse_forget(&own.c, entry.nodeid, 1);
		if (error == 0)
			error = fuse_releasedir(&own.c, entry.nodeid,
			    open.fh);
	}
	is_reply(error, 0, "%d directories, one after the other", i);
	virtiofs_env_stop(&own);
}

/*
 * UEFI, OvmfPkg/VirtioFsDxe.
 */

/* Header, arguments, name; header and each part of the reply. */
static int
uefi_call(struct virtiofs_env *e, uint32_t opcode, uint64_t nodeid,
    const void *arg, size_t arg_len, const char *name, struct iovec out[3],
    size_t parts)
{
	struct iovec in[2] = { { .iov_base = (void *)(uintptr_t)arg,
	    .iov_len = arg_len }, { .iov_base = (void *)(uintptr_t)name,
	    .iov_len = name != NULL ? strlen(name) + 1 : 0 } };
	struct fuse_call call = { .opcode = opcode, .nodeid = nodeid,
	    .in = in, .in_count = 2, .out = out, .out_count = parts };
	int n;

	n = fuse_request(&e->c, &call);
	return n > 0 ? 0 : n;
}

static void
test_uefi(struct virtiofs_env *e)
{
	static struct message m;
	const struct fuse_create_in create = { .flags = O_RDWR,
	    .mode = 0666 };
	struct fuse_entry_out entry;
	struct fuse_init_out init;
	struct fuse_open_out open;
	struct fuse_read_in read = { 0 };
	struct iovec out[3] = { { &entry, 40 }, { &entry.attr, 88 },
	    { &open, sizeof(open) } };
	char *big = guest_alloc(&e->front.mem, 8 << 20, 4096);

	is_reply(start(e, &m, 31, FUSE_DO_READDIRPLUS, 16, &init), 0, "INIT");
	tap_ok(init.minor >= 31 && init.max_write >= 4096 &&
	    (init.flags & FUSE_DO_READDIRPLUS) != 0, "as it has to be");
	find_dir(e, &m);
	host_write(host_path(e, "kernel"), "content", 0644, 0, 0);
	is_reply(uefi_call(e, FUSE_CREATE, e->dir, &create, sizeof(create),
	    "kernel", out, 3), 0, "CREATE of what is there, into 3 parts");
	is_attr_of(e, &entry.attr, "kernel");
	read.fh = open.fh;
	read.size = 8 << 20;
	out[0] = (struct iovec){ big, 8 << 20 };
	memset(big, 'x', 16);
	is_reply(uefi_call(e, FUSE_READ, entry.nodeid, &read, sizeof(read),
	    NULL, out, 1), 0, "READ of 8 MiB at once");
	tap_is_mem(big, 7, "content", 7, "what there is of it");
	guest_free(&e->front.mem, big);
	end(e);
}

/* Without a cache nobody is told of READDIRPLUS, but who has nothing else. */
static void
test_uefi_uncached(struct virtiofs_env *e)
{
	const struct fuse_init_options linux_kernel = { .flags =
	    FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | FUSE_INIT_EXT };
	const struct virtiofs_options o = { .server.cache = "none" };
	static struct virtiofs_env own;
	static struct message m;
	struct fuse_init_out init;

	if (e->kind != VIRTIOFS_PRIVFSD) {
		tap_skip("only where it is known");
		return;
	}
	if (virtiofs_env_start(&own, e->share, &o) != 0)
		tap_bail("a server with --cache=none");
	is_reply(start(&own, &m, 31, FUSE_DO_READDIRPLUS, 16, &init), 0,
	    "INIT of UEFI");
	tap_ok((init.flags & FUSE_DO_READDIRPLUS) != 0, "READDIRPLUS");
	is_reply(fuse_init(&own.c, &linux_kernel), 0, "INIT of Linux");
	tap_ok((own.c.init_flags & FUSE_DO_READDIRPLUS) == 0, "none");
	virtiofs_env_stop(&own);
}

/*
 * Zephyr, subsys/fs/virtiofs and subsys/fs/fuse_client.
 */

/* The stream of the directory that it finds as ".". */
static void
zephyr_list(struct virtiofs_env *e, struct message *m)
{
	struct fuse_read_in read = { .size = 24 + 256 };
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct fuse_dirent dirent;
	int found = 0, n;

	is_reply(look_up(e, m, e->dir, ".", &entry), 0, "LOOKUP of .");
	tap_ok(entry.nodeid == e->dir, "is the directory");
	is_reply(fuse_opendir(&e->c, entry.nodeid, &open), 0, "OPENDIR");
	read.fh = open.fh;
	/* It takes the first of what it is given, and goes on from there. */
	for (n = 0; n < 20; n++) {
		begin(m, FUSE_READDIR, entry.nodeid);
		put(m, &read, sizeof(read));
		if (send_it(e, m, read.size) != 0 ||
		    m->header.len == sizeof(m->header))
			break;
		memcpy(&dirent, m->reply + sizeof(m->header), 24);
		found += dirent.type == DT_REG && dirent.namelen == 5;
		read.offset = dirent.off;
	}
	tap_is_int(n, 5, "READDIR, one entry at a time");
	tap_is_int(found, 3, "has all of them");
	is_reply(fuse_releasedir(&e->c, entry.nodeid, open.fh), 0,
	    "RELEASEDIR");
}

static void
zephyr_seek(struct virtiofs_env *e, uint64_t nodeid, uint64_t fh)
{
	static const struct {
		uint64_t	offset, want;
		uint32_t	whence;
		int		error;
	} cases[] = {
		{ 3, 3, SEEK_SET, 0 },
		{ 100, 100, SEEK_SET, 0 },
		{ (uint64_t)-1, 0, SEEK_SET, -EINVAL },
		{ 0, 7, SEEK_END, 0 },
		{ 5, 12, SEEK_END, 0 },
		{ (uint64_t)-7, 0, SEEK_END, 0 },
		{ (uint64_t)-8, 0, SEEK_END, -EINVAL },
	};
	uint64_t at = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		is_reply(fuse_lseek(&e->c, nodeid, fh, cases[i].offset,
		    cases[i].whence, &at), cases[i].error,
		    "LSEEK to %lld from %u", (long long)cases[i].offset,
		    cases[i].whence);
		if (cases[i].error == 0)
			tap_is_int((long long)at, (long long)cases[i].want,
			    "is there");
	}
}

static void
test_zephyr(struct virtiofs_env *e)
{
	static struct message m;
	struct fuse_setattr_in truncate;
	struct fuse_entry_out entry;
	struct fuse_init_out init;
	struct fuse_attr_out attr;
	uint64_t one = 1, fh;

	is_reply(start(e, &m, 31, 0, sizeof(struct fuse_init_in), &init), 0,
	    "INIT without a flag");
	tap_ok(init.minor >= 31, "its version");
	find_dir(e, &m);
	host_write(host_path(e, "file1"), "content", 0644, 0, 0);
	host_write(host_path(e, "file2"), "content", 0644, 0, 0);
	host_write(host_path(e, "file3"), "content", 0644, 0, 0);
	zephyr_list(e, &m);
	is_reply(look_up(e, &m, e->dir, "file1", &entry), 0, "LOOKUP");
	fh = open_node(e, entry.nodeid, O_RDWR);
	zephyr_seek(e, entry.nodeid, fh);
	memset(&truncate, 0xcc, sizeof(truncate));
	truncate.valid = FATTR_SIZE;
	truncate.size = 4;
	begin(&m, FUSE_SETATTR, entry.nodeid);
	put(&m, &truncate, sizeof(truncate));
	is_reply(send_it(e, &m, sizeof(attr)), 0,
	    "SETATTR of the size, all else rubbish");
	tap_ok(strcmp(host_read(host_path(e, "file1")), "cont") == 0,
	    "is cut");
	is_reply(fuse_release(&e->c, entry.nodeid, fh), 0, "RELEASE");
	begin(&m, FUSE_FORGET, entry.nodeid);
	put(&m, &one, sizeof(one));
	is_reply(send_as(e, &m, sizeof(struct fuse_in_header), 0),
	    FUSE_NO_REPLY, "FORGET with a header for the header alone");
	is_forgotten(e, entry.nodeid);
	/* Nobody has told it that OPEN would not truncate. */
	fh = open_node(e, node(e, "file2"), O_WRONLY | O_TRUNC);
	is_reply(fuse_release(&e->c, node(e, "file2"), fh), 0, "O_TRUNC");
	tap_ok(strcmp(host_read(host_path(e, "file2")), "") == 0,
	    "truncates");
	begin(&m, FUSE_DESTROY, 0);
	is_reply(send_it(e, &m, 0), 0, "DESTROY");
	end(e);
}

/*
 * Asterinas: names are filled up to a multiple of 8, unique is 0.
 */

static void
padded(struct message *m, const char *name)
{
	static const char zeroes[8];
	size_t len = strlen(name) + 1;

	put(m, name, len);
	put(m, zeroes, (8 - len % 8) % 8);
}

static void
test_padded(struct virtiofs_env *e)
{
	static struct message m;
	const struct fuse_mkdir_in mkdir = { .mode = 0755 };
	struct fuse_entry_out entry;
	struct fuse_init_out init;

	is_reply(start(e, &m, 38, FUSE_INIT_EXT, sizeof(struct fuse_init_in),
	    &init), 0, "INIT");
	find_dir(e, &m);
	host_write(host_path(e, "name"), "content", 0644, 0, 0);
	begin(&m, FUSE_LOOKUP, e->dir);
	SET(&m, unique, 0);
	padded(&m, "name");
	is_reply(send_it(e, &m, sizeof(entry)), 0, "LOOKUP, padded");
	take(&m, &entry, sizeof(entry));
	is_attr_of(e, &entry.attr, "name");
	begin(&m, FUSE_MKDIR, e->dir);
	SET(&m, unique, 0);
	put(&m, &mkdir, sizeof(mkdir));
	padded(&m, "dir");
	is_reply(send_it(e, &m, sizeof(entry)), 0, "MKDIR, padded");
	tap_ok(host_exists(host_path(e, "dir")), "has made it");
	begin(&m, FUSE_RMDIR, e->dir);
	SET(&m, unique, 0);
	padded(&m, "dir");
	is_reply(send_it(e, &m, 0), 0, "RMDIR, padded");
	end(e);
}

/* With extensions negotiated, what is none of them is padding as well. */
static void
test_padded_extensions(struct virtiofs_env *e)
{
	static struct message m;
	const struct fuse_mkdir_in mkdir = { .mode = 0755 };
	struct fuse_entry_out entry;

	if (!(e->c.init_flags & TEST_FUSE_CREATE_SUPP_GROUP)) {
		tap_skip("no extensions");
		return;
	}
	begin(&m, FUSE_MKDIR, e->dir);
	put(&m, &mkdir, sizeof(mkdir));
	padded(&m, "dir");
	is_reply(send_it(e, &m, sizeof(entry)), 0, "MKDIR, padded");
}

static const struct virtiofs_test tests[] = {
	{ "windows-volume", test_windows_volume },
	{ "windows-file", test_windows_file },
	{ "windows-directory", test_windows_directory },
	{ "windows-many", test_windows_many },
	{ "uefi", test_uefi },
	{ "uefi-uncached", test_uefi_uncached },
	{ "zephyr", test_zephyr },
	{ "padded", test_padded },
	{ "padded-extensions", test_padded_extensions },
};

int
main(void)
{
	static const struct virtiofs_suite suite = { .tests = tests,
	    .count = sizeof(tests) / sizeof(tests[0]) };

	/* They serve some of these otherwise, or not. */
	if (virtiofs_kind_from_env() == VIRTIOFS_C ||
	    virtiofs_kind_from_env() == VIRTIOFS_RUST)
		tap_skip_all("not for other servers");
	return virtiofs_suite_main(&suite);
}
