/* SPDX-License-Identifier: ISC */
/*
 * POSIX cases of mkdir, mknod, symlink and of directories: what is made, who
 * owns it, how it is listed. Test code.
 */
#include "posix.h"

#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

static void
test_mkdir(const struct posix *p)
{
	struct mark dir;
	struct stat st;

	(void)p;
	make_dir("d", 0755, 0, 0);
	is_nlink("d", 2);
	dir = mark_path("d");
	WORKS(mkdir("d/sub", 0750));
	is_touched(&dir, C | M);
	is_nlink("d", 3);
	is_nlink("d/sub", 2);
	is_mode("d/sub", 0750);
	is_owner("d/sub", 0, 0);
	/* The bits of a set-id directory are not mkdir's, mkdir(2). */
	WORKS(mkdir("d/bits", 07777));
	is_mode("d/bits", 01777);
	is_nlink("d", 4);
	IS(stat("d/sub/..", &st), 0);
	IS(st.st_ino, stat_of("d").st_ino);
	FAILS(EEXIST, mkdir("d/sub", 0755));
	dir = mark_path("d");
	FAILS(EEXIST, mkdir("d/bits", 0755));
	is_touched(&dir, 0);
}

static void
test_mknod(const struct posix *p)
{
	const struct {
		const char	*name;
		mode_t		type;
		dev_t		dev;
	} nodes[] = {
		{ "regular", S_IFREG, 0 }, { "fifo", S_IFIFO, 0 },
		{ "socket", S_IFSOCK, 0 },
		{ "char", S_IFCHR, makedev(1, 3) },
		{ "block", S_IFBLK, makedev(7, 200) },
		{ "large", S_IFCHR, makedev(0xabc, 0xfedcb) },
	};
	struct mark dir;

	(void)p;
	make_dir("d", 0777, 0, 0);
	for (size_t i = 0; i < 6; i++) {
		char path[32];
		struct stat st;

		tap_diag("%s", nodes[i].name);
		snprintf(path, sizeof(path), "d/%s", nodes[i].name);
		dir = mark_path("d");
		WORKS(mknod(path, nodes[i].type | 0640, nodes[i].dev));
		is_touched(&dir, C | M);
		st = stat_of(path);
		IS(st.st_mode & S_IFMT, nodes[i].type);
		IS(st.st_rdev, nodes[i].dev);
		is_mode(path, 0640);
		is_owner(path, 0, 0);
		is_nlink(path, 1);
	}
	is_nlink("d", 2);
	FAILS(EPERM, mknod("d/dir", S_IFDIR | 0755, 0));
	FAILS(EINVAL, mknod("d/link", S_IFLNK | 0755, 0));
	become(USER_A, GROUP_A, 0);
	FAILS(EPERM, mknod("d/user", S_IFCHR | 0600, makedev(1, 3)));
	FAILS(EPERM, mknod("d/user", S_IFBLK | 0600, makedev(7, 0)));
	WORKS(mknod("d/user-fifo", S_IFIFO | 0600, 0));
	WORKS(mknod("d/user-file", 0600, 0));
	WORKS(mknod("d/user-socket", S_IFSOCK | 0600, 0));
	become_root();
	is_owner("d/user-fifo", USER_A, GROUP_A);
	is_owner("d/user-file", USER_A, GROUP_A);
	is_owner("d/user-socket", USER_A, GROUP_A);
}

static void
test_symlink(const struct posix *p)
{
	static const size_t sizes[] = { 1, 2, 30, 59, 60, 61, 255, 256, 1000,
	    4094 };
	static char target[4200], got[4200];
	struct mark dir;
	char name[32];

	(void)p;
	make_dir("d", 0755, 0, 0);
	memset(target, 't', sizeof(target));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		target[sizes[i]] = '\0';
		snprintf(name, sizeof(name), "d/%zu", sizes[i]);
		dir = mark_path("d");
		WORKS(symlink(target, name));
		is_touched(&dir, C | M);
		IS(readlink(name, got, sizeof(got)), sizes[i]);
		tap_ok(memcmp(got, target, sizes[i]) == 0, "its target");
		is_size(name, (off_t)sizes[i]);
		is_mode(name, 0777);
		target[sizes[i]] = 't';
	}
	target[4096] = '\0';
	FAILS(ENAMETOOLONG, symlink(target, "long"));
	FAILS(ENOENT, symlink("", "empty"));
	IS(readlink("d/30", got, 7), 7);
	FAILS(EINVAL, readlink("d", got, sizeof(got)));
	make_file("f", 0644, 0, 0);
	FAILS(EINVAL, readlink("f", got, sizeof(got)));
	WORKS(chmod("d", 0777));
	umask(077);
	become(USER_A, GROUP_A, 0);
	WORKS(symlink("../f", "d/mine"));
	become_root();
	umask(0);
	is_mode("d/mine", 0777);
	is_owner("d/mine", USER_A, GROUP_A);
	make_content("f", "behind");
	is_content("d/mine", "behind");
	make_content("d/mine", "through");
	is_content("f", "through");
}

/* A new inode belongs to its maker, and to the set-gid directory's group. */
static void
test_set_gid(const struct posix *p)
{
	(void)p;
	make_dir("plain", 0777, USER_B, GROUP_B);
	make_dir("sgid", 02777, USER_B, GROUP_B);
	become(USER_A, GROUP_A, 0);
	OPENS(open("plain/f", O_CREAT | O_EXCL | O_WRONLY, 0644));
	WORKS(mkdir("plain/d", 0755));
	OPENS(open("sgid/f", O_CREAT | O_EXCL | O_WRONLY, 0644));
	WORKS(mkdir("sgid/d", 0755));
	WORKS(mkfifo("sgid/p", 0644));
	WORKS(symlink("x", "sgid/l"));
	WORKS(mkdir("sgid/d/deep", 0700));
	OPENS(open("sgid/s", O_CREAT | O_EXCL | O_WRONLY, 02755));
	become_root();
	is_owner("plain/f", USER_A, GROUP_A);
	is_owner("plain/d", USER_A, GROUP_A);
	is_mode("plain/d", 0755);
	is_owner("sgid/f", USER_A, GROUP_B);
	is_mode("sgid/f", 0644);
	is_owner("sgid/d", USER_A, GROUP_B);
	is_mode("sgid/d", 02755);
	is_owner("sgid/p", USER_A, GROUP_B);
	is_owner("sgid/l", USER_A, GROUP_B);
	is_owner("sgid/d/deep", USER_A, GROUP_B);
	is_mode("sgid/d/deep", 02700);
	/* Nobody gets a set-gid file of a group that is not his own. */
	is_mode("sgid/s", 0755);
	OPENS(open("sgid/root", O_CREAT | O_EXCL | O_WRONLY, 02755));
	is_owner("sgid/root", 0, GROUP_B);
	is_mode("sgid/root", 02755);
}

/* Write permission by a group that is not the request's own. */
static void
test_second_group(const struct posix *p)
{
	if (posix_differs(p, "group"))
		return;
	make_dir("team", 0770, USER_B, GROUP_C);
	make_file("team/old", 0660, USER_B, GROUP_C);
	make_dir("team/sgid", 02770, USER_B, GROUP_C);
	become(USER_A, GROUP_A, GROUP_C);
	OPENS(open("team/f", O_CREAT | O_EXCL | O_RDWR, 0644));
	WORKS(mkdir("team/d", 0755));
	WORKS(mkfifo("team/p", 0644));
	WORKS(symlink("old", "team/l"));
	WORKS(link("team/f", "team/f2"));
	WORKS(rename("team/f2", "team/f3"));
	WORKS(unlink("team/f3"));
	OPENS(open("team/old", O_RDWR));
	WORKS(truncate("team/old", 100));
	OPENS(open("team/sgid/s", O_CREAT | O_EXCL | O_RDWR, 02755));
	become_root();
	is_owner("team/f", USER_A, GROUP_A);
	is_owner("team/d", USER_A, GROUP_A);
	is_owner("team/p", USER_A, GROUP_A);
	is_owner("team/l", USER_A, GROUP_A);
	is_nlink("team/f", 1);
	is_size("team/old", 100);
	is_owner("team/sgid/s", USER_A, GROUP_C);
	is_mode("team/sgid/s", 02755);
}

/* How often each of n names is listed, and what else. */
static size_t
list(DIR *dir, unsigned char *seen, size_t n)
{
	size_t others = 0, i;
	struct dirent *e;

	memset(seen, 0, n);
	while ((e = readdir(dir)) != NULL) {
		if (sscanf(e->d_name, "name-%zu", &i) == 1 && i < n &&
		    e->d_type == (i % 2 ? DT_DIR : DT_REG))
			seen[i]++;
		else
			others++;
	}
	return others;
}

static size_t
count_ones(const unsigned char *seen, size_t n)
{
	size_t ones = 0;

	for (size_t i = 0; i < n; i++)
		ones += seen[i] == 1;
	return ones;
}

#define NAMES	700

static void
test_list(const struct posix *p)
{
	static unsigned char seen[NAMES];
	char name[64];
	DIR *dir;

	(void)p;
	make_dir("d", 0755, 0, 0);
	for (size_t i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "d/name-%zu", i);
		if (i % 2)
			make_dir(name, 0755, 0, 0);
		else
			make_file(name, 0644, 0, 0);
	}
	dir = opendir("d");
	if (dir == NULL)
		tap_bail("opendir");
	/* "." and "..", and each name once. */
	IS(list(dir, seen, NAMES), 2);
	IS(count_ones(seen, NAMES), NAMES);
	rewinddir(dir);
	IS(list(dir, seen, NAMES), 2);
	IS(count_ones(seen, NAMES), NAMES);
	make_file("d/later", 0644, 0, 0);
	rewinddir(dir);
	IS(list(dir, seen, NAMES), 3);
	closedir(dir);
	is_nlink("d", 2 + NAMES / 2);
}

/* An entry found again by its offset, and removing while listing. */
static void
test_list_seek(const struct posix *p)
{
	static long offset[NAMES];
	static char names[NAMES][64];
	size_t n = 0, wrong = 0;
	struct dirent *e;
	char name[64];
	DIR *dir;

	(void)p;
	make_dir("d", 0755, 0, 0);
	for (size_t i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "d/name-%zu", i);
		make_file(name, 0644, 0, 0);
	}
	dir = opendir("d");
	if (dir == NULL)
		tap_bail("opendir");
	for (offset[0] = telldir(dir); n + 1 < NAMES &&
	    (e = readdir(dir)) != NULL; offset[++n] = telldir(dir))
		snprintf(names[n], sizeof(names[n]), "%.63s", e->d_name);
	IS(n, 302);
	for (size_t i = 0; i < n; i += 7) {
		seekdir(dir, offset[n - 1 - i]);
		e = readdir(dir);
		wrong += e == NULL || strcmp(e->d_name, names[n - 1 - i]);
	}
	IS(wrong, 0);
	rewinddir(dir);
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] == 'n' &&
		    unlinkat(dirfd(dir), e->d_name, 0) != 0)
			wrong++;
	IS(wrong, 0);
	closedir(dir);
	WORKS(rmdir("d"));
}

static void
test_statvfs(const struct posix *p)
{
	struct statvfs st;

	(void)p;
	WORKS(statvfs(".", &st));
	IS(st.f_namemax, 255);
	IS(st.f_blocks > 0 && st.f_bfree <= st.f_blocks, 1);
	IS(st.f_files > 0 && st.f_ffree <= st.f_files, 1);
	IS(st.f_bsize >= 1024, 1);
}

const struct posix_case posix_make_cases[] = {
	{ "mkdir", test_mkdir },
	{ "mknod", test_mknod },
	{ "symlink", test_symlink },
	{ "set-gid directory", test_set_gid },
	{ "second group", test_second_group },
	{ "list", test_list },
	{ "list and seek", test_list_seek },
	{ "statvfs", test_statvfs },
	{ NULL, NULL }
};
