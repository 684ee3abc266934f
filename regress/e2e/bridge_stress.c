/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs through the Linux client: several processes make, rename, link,
 * list and remove names in the same directories; then one that does so on
 * the host as well. At the end the mount and the host show the same tree, the
 * number of names of each file is its number of links, and the server has let
 * go of all it had open. STRESS_OPS: operations of each process, STRESS_SEED.
 */
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "procs.h"
#include "random.h"
#include "tree.h"
#include "virtiofs_suite.h"

#define PROCESSES	6
#define STRESS_OPS	4000
#define TOPS		4	/* directories that always are there */
#define NAMES		12	/* in each directory */

struct worker {
	struct random	r;
	int		host;	/* others' changes are no surprise to it */
	char		a[128], b[128];
};

/* A name in one of the directories, or one level deeper. */
static void
choose(struct worker *w, char *path, size_t size)
{
	uint32_t top = random_below(&w->r, TOPS);
	uint32_t first = random_below(&w->r, NAMES);

	if (random_below(&w->r, 3) == 0)
		snprintf(path, size, "top%u/n%u/n%u", top, first,
		    random_below(&w->r, NAMES));
	else
		snprintf(path, size, "top%u/n%u", top, first);
}

static int
closed(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

static int
op_create(struct worker *w)
{
	int flags = random_below(&w->r, 2) ? O_EXCL : 0;

	return closed(open(w->a, O_CREAT | O_RDWR | O_CLOEXEC | flags,
	    0644));
}

static int
op_write(struct worker *w)
{
	int fd = open(w->a, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0644);
	char line[40];

	if (fd < 0)
		return -1;
	snprintf(line, sizeof(line), "%d %016llx\n", getpid(),
	    (unsigned long long)random_next(&w->r));
	if (write(fd, line, strlen(line)) != (ssize_t)strlen(line))
		tap_bail("write");
	return close(fd);
}

static int
op_read(struct worker *w)
{
	int fd = open(w->a, O_RDONLY | O_CLOEXEC);
	char data[512];

	if (fd < 0)
		return -1;
	if (read(fd, data, sizeof(data)) < 0 && errno != EISDIR)
		tap_bail("read");
	return close(fd);
}

/* A file that lives on without a name. */
static int
op_orphan(struct worker *w)
{
	int fd = open(w->a, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
	char got[6] = "";
	struct stat st;

	if (fd < 0)
		return -1;
	/* Somebody else may have been faster. */
	if (unlink(w->a) != 0 && errno != ENOENT && errno != EISDIR &&
	    errno != ENOTDIR)
		tap_bail("unlink of an open file");
	if (write(fd, "orphan", 6) != 6 || pread(fd, got, 6, 0) != 6 ||
	    memcmp(got, "orphan", 6) != 0 || fstat(fd, &st) != 0 ||
	    st.st_size < 6)
		tap_bail("an unlinked file");
	return close(fd);
}

static int
op_unlink(struct worker *w)
{
	return unlink(w->a);
}

static int
op_mkdir(struct worker *w)
{
	return mkdir(w->a, 0755);
}

static int
op_rmdir(struct worker *w)
{
	return rmdir(w->a);
}

static int
op_rename(struct worker *w)
{
	static const unsigned int flags[] = { 0, 0, 0, RENAME_NOREPLACE,
	    RENAME_EXCHANGE };

	return renameat2(AT_FDCWD, w->a, AT_FDCWD, w->b,
	    flags[random_below(&w->r, 5)]);
}

static int
op_link(struct worker *w)
{
	return link(w->a, w->b);
}

static int
op_symlink(struct worker *w)
{
	return symlink("../top0/n1", w->a);
}

static int
op_stat(struct worker *w)
{
	struct stat st;

	return lstat(w->a, &st);
}

static int
op_chmod(struct worker *w)
{
	return chmod(w->a, 0700 | random_below(&w->r, 0100));
}

static int
op_list(struct worker *w)
{
	DIR *dir = opendir(w->a);
	struct dirent *e;
	struct stat st;

	if (dir == NULL)
		return -1;
	while ((e = readdir(dir)) != NULL)
		if (fstatat(dirfd(dir), e->d_name, &st,
		    AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT &&
		    !(w->host && errno == ESTALE))
			tap_bail("stat of a listed name");
	return closedir(dir);
}

static const struct stress_op {
	const char	*name;
	unsigned int	weight;
	int		(*run)(struct worker *);
} ops[] = {
	{ "create", 14, op_create }, { "write", 8, op_write },
	{ "read", 6, op_read }, { "orphan", 4, op_orphan },
	{ "unlink", 12, op_unlink }, { "mkdir", 10, op_mkdir },
	{ "rmdir", 6, op_rmdir }, { "rename", 16, op_rename },
	{ "link", 8, op_link }, { "symlink", 3, op_symlink },
	{ "stat", 6, op_stat }, { "chmod", 3, op_chmod },
	{ "list", 4, op_list },
};

/* What may happen to anybody when others do the same. */
static int
is_expected(const struct worker *w, int error)
{
	switch (error) {
	case ENOENT:
	case EEXIST:
	case ENOTDIR:
	case EISDIR:
	case ENOTEMPTY:
	case EINVAL:	/* a directory into itself */
	case EPERM:	/* link of a directory */
	case ELOOP:
		return 1;
	case ESTALE:	/* only what the host did */
		return w->host;
	default:
		return 0;
	}
}

static const struct stress_op *
choose_op(struct worker *w)
{
	uint32_t number = random_below(&w->r, 100);
	size_t i = 0;

	while (number >= ops[i].weight)
		number -= ops[i++].weight;
	return &ops[i];
}

/* In its own process, whose exit status is the result. */
static void __attribute__((noreturn))
worker_run(const char *root, uint64_t seed, unsigned long count, int host)
{
	struct worker w = { .r.state = seed, .host = host };
	const struct stress_op *op;

	if (chdir(root) != 0)
		_exit(2);
	while (count-- > 0) {
		op = choose_op(&w);
		choose(&w, w.a, sizeof(w.a));
		choose(&w, w.b, sizeof(w.b));
		if (op->run(&w) == 0 || is_expected(&w, errno))
			continue;
		tap_diag("%s %s %s: %s", op->name, w.a, w.b,
		    strerrorname_np(errno));
		_exit(1);
	}
	_exit(0);
}

struct group {
	pid_t	pid[PROCESSES];
	size_t	count;
};

static void
group_add(struct group *g, const char *root, uint64_t seed,
    unsigned long count, int host)
{
	pid_t pid = fork();

	if (pid < 0)
		tap_bail("fork");
	if (pid == 0)
		worker_run(root, seed * 1000 + g->count, count, host);
	g->pid[g->count++] = pid;
}

static int
group_wait(struct group *g)
{
	int failed = 0, status;

	for (size_t i = 0; i < g->count; i++)
		if (waitpid(g->pid[i], &status, 0) != g->pid[i] ||
		    status != 0)
			failed++;
	return failed;
}

/* The names that each inode has below a directory, against its links. */
struct inode {
	ino_t	ino;
	nlink_t	links, names;
};
struct inodes {
	struct inode	list[4096];
	size_t		count;
};

static void
count_name(struct inodes *all, const struct stat *st)
{
	size_t i = 0;

	while (i < all->count && all->list[i].ino != st->st_ino)
		i++;
	if (i == sizeof(all->list) / sizeof(all->list[0]))
		tap_bail("too many inodes");
	if (i == all->count)
		all->list[all->count++] = (struct inode){ st->st_ino,
		    st->st_nlink, 0 };
	all->list[i].names++;
	if (all->list[i].links != st->st_nlink)
		all->list[i].names = 0;
}

/* Returns how many directories are in it. */
static nlink_t
count_names(struct inodes *all, const char *path)
{
	nlink_t dirs = 0, below;
	struct dirent *e;
	char name[300];
	struct stat st;
	DIR *dir = opendir(path);

	if (dir == NULL)
		tap_bail("%s", path);
	while ((e = readdir(dir)) != NULL) {
		snprintf(name, sizeof(name), "%.200s/%.64s", path, e->d_name);
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		if (lstat(name, &st) != 0)
			tap_bail("%s", name);
		if (!S_ISDIR(st.st_mode)) {
			count_name(all, &st);
			continue;
		}
		dirs++;
		below = count_names(all, name);
		if (st.st_nlink != below + 2)
			tap_diag("%s: %ju links, %ju directories", name,
			    (uintmax_t)st.st_nlink, (uintmax_t)below);
		all->list[0].names += st.st_nlink != below + 2;
	}
	closedir(dir);
	return dirs;
}

static size_t
wrong_links(const char *root)
{
	static struct inodes all;
	size_t wrong = 0;

	/* The first entry collects the directories that are wrong. */
	all.count = 1;
	all.list[0] = (struct inode){ .ino = (ino_t)-1 };
	count_names(&all, root);
	for (size_t i = 0; i < all.count; i++)
		wrong += all.list[i].names != all.list[i].links;
	tap_ok(all.count > 10, "something is left to be counted");
	return wrong;
}

static void
check_end(const struct bridge *b, const char *host, size_t fds)
{
	size_t now;

	/* First as the client knows it, then as it reads it again. */
	tap_is_int((long long)wrong_links(b->mount_point), 0,
	    "links that are not names");
	now = bridge_forget(b, fds);
	if (!tap_ok(now <= fds, "the server has no more open than before"))
		tap_diag("%zu open descriptors, %zu before", now, fds);
	tap_is_int((long long)tree_compare(b->mount_point, host,
	    TREE_CONTENT | TREE_TIMES), 0, "the host has the same tree");
	tap_is_int((long long)wrong_links(b->mount_point), 0,
	    "links that are not names, read again");
}

/* All kinds of requests once, for what the server allocates once. */
static size_t
count_base(const struct bridge *b)
{
	size_t before, now;
	char path[192];

	snprintf(path, sizeof(path), "%s/warm", b->mount_point);
	host_write(path, "warm", 0644, 0, 0);
	host_read(path);
	closedir(opendir(b->mount_point));
	if (unlink(path) != 0)
		tap_bail("%s", path);
	now = bridge_forget(b, SIZE_MAX);
	do {
		before = now;
		procs_sleep_us(20000);
		now = bridge_server_fds(b);
	} while (now != before);
	return now;
}

static const struct variant {
	const char	*cache;
	unsigned int	share;		/* 0: tmpfs, 1: ext4 */
	unsigned int	queues;
	int		packed;
	int		host;		/* one process works on the host */
} variants[] = {
	{ .cache = "always", .share = 0, .queues = 1 },
	{ .cache = "auto", .share = 1, .queues = 4, .packed = 1 },
	{ .cache = "none", .share = 0, .queues = 2, .host = 1 },
};

static void
run_processes(const struct variant *v, const char *mount_point,
    const char *host, uint64_t seed, unsigned long count)
{
	struct group g = { .count = 0 };
	char top[192];

	/* What the variant before has left is as good a start as any. */
	for (unsigned int i = 0; i < TOPS; i++) {
		snprintf(top, sizeof(top), "%s/top%u", mount_point, i);
		if (mkdir(top, 0755) != 0 && errno != EEXIST)
			tap_bail("%s", top);
	}
	for (int i = v->host; i < PROCESSES; i++)
		group_add(&g, mount_point, seed, count, v->host);
	if (v->host)
		group_add(&g, host, seed, count, 1);
	tap_diag("seed %llu", (unsigned long long)seed);
	tap_is_int(group_wait(&g), 0, "processes that failed");
}

static void
run_variant(struct fixture *f, const struct variant *v, uint64_t seed,
    unsigned long count)
{
	const struct fixture_share *share = &f->share[v->share];
	char mount_point[128], socket[128];
	struct bridge_options o = { .server = {
	    .kind = virtiofs_kind_from_env(), .share = share->dir,
	    .socket_path = socket, .cache = v->cache },
	    .mount_point = mount_point, .front = { .packed = v->packed,
	    .request_queues = v->queues } };
	struct bridge b;
	size_t fds;

	tap_context("%s, cache=%s%s: ", share->fs, v->cache, v->host ?
	    ", and the host" : "");
	snprintf(socket, sizeof(socket), "%s/socket", f->base);
	snprintf(mount_point, sizeof(mount_point), "%s/mount", f->base);
	if (share->missing != NULL) {
		tap_skip("%s", share->missing);
		return;
	}
	if (bridge_start(&b, &o) != 0) {
		tap_skip("this server has no packed rings, or one queue");
		o.front.packed = 0;
		o.front.request_queues = 1;
		if (bridge_start(&b, &o) != 0)
			tap_bail("no mount");
	}
	fds = count_base(&b);
	run_processes(v, mount_point, share->dir, seed, count);
	check_end(&b, share->dir, fds);
	tap_is_int(bridge_stop(&b, NULL), 0, "a clean end");
}

static void
body(struct fixture *f)
{
	const char *text = getenv("STRESS_OPS");
	unsigned long count = text != NULL ? strtoul(text, NULL, 10) :
	    STRESS_OPS;
	uint64_t seed = random_seed("STRESS_SEED");
	char mount_point[128];

	snprintf(mount_point, sizeof(mount_point), "%s/mount", f->base);
	host_mkdir(mount_point, 0755, 0, 0);
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		run_variant(f, &variants[i], seed, count);
}

int
main(void)
{
	return virtiofs_main(body, 300);
}
