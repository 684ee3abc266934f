/* SPDX-License-Identifier: ISC */
/*
 * What the POSIX cases are written with. Every case runs in a fresh directory
 * that is the current one, as root without a umask; the same cases run on a
 * plain file system and through a mounted share. Test code.
 */
#ifndef REGRESS_BRIDGE_POSIX_H
#define REGRESS_BRIDGE_POSIX_H

#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "virtiofs_server.h"

/* Users and groups that nobody on the machine has to know. */
#define USER_A	64001u
#define USER_B	64002u
#define GROUP_A	64101u
#define GROUP_B	64102u
#define GROUP_C	64103u

/* Where the cases run. */
struct posix {
	int		native;		/* no bridge */
	int		writeback;	/* times are the client's */
	int		uncached;	/* no shared mappings */
	const char	*fs;		/* below: "tmpfs" or "ext4" */
	enum virtiofs_kind kind;
	const char	*other;		/* a directory on another one */
};

struct posix_case {
	const char	*name;
	void		(*run)(const struct posix *);
};

extern const struct posix_case posix_path_cases[], posix_open_cases[],
    posix_make_cases[], posix_remove_cases[], posix_rename_cases[],
    posix_attr_cases[], posix_owner_cases[], posix_size_cases[],
    posix_read_only_cases[];

/* Each one is a test named like the call: it works, or fails with this. */
#define WORKS(call) \
	posix_result((call) < 0 ? errno : 0, 0, #call)
#define FAILS(error, call) \
	posix_result((call) < 0 ? errno : 0, error, #call)
/* A test that its value is this one. */
#define IS(value, want) \
	posix_value((long long)(value), (long long)(want), #value)

int	posix_result(int got, int want, const char *call);
int	posix_value(long long got, long long want, const char *what);
/* The same with a descriptor, which is closed (-1 too). */
int	posix_open_result(int fd, int want, const char *call);
#define OPENS(call)		posix_open_result(call, 0, #call)
#define OPEN_FAILS(error, call)	posix_open_result(call, error, #call)

/* The effective ids, with this one group more (0: none). */
void	become(uid_t uid, gid_t gid, gid_t group);
void	become_root(void);

/* What must work for the case to go on; ends the test otherwise. */
void	make_file(const char *path, mode_t mode, uid_t uid, gid_t gid);
void	make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid);
void	make_content(const char *path, const char *content);
int	must_open(const char *path, int flags, mode_t mode);
struct stat stat_of(const char *path);	/* lstat */
struct stat stat_fd(int fd);

/* Tests of what is there. */
int	is_mode(const char *path, mode_t mode);		/* 07777 */
int	is_owner(const char *path, uid_t uid, gid_t gid);
int	is_nlink(const char *path, nlink_t nlink);
int	is_size(const char *path, off_t size);
int	is_content(const char *path, const char *content);
int	is_gone(const char *path);

/* Which of the times change. */
#define C	1	/* ctime */
#define M	2	/* mtime */
struct mark {
	const char	*path;
	int		fd;
	struct stat	st;
};
/* Remembers the times; all that follows is later than they are. */
struct mark	mark_path(const char *path);
struct mark	mark_fd(int fd, const char *name);
/* One test: since then these times have changed, and no others. */
int	is_touched(const struct mark *m, int which);

/* The kind of server differs here; one test is reported as skipped. */
int	posix_differs(const struct posix *p, const char *id);

#endif
