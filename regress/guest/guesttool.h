/* SPDX-License-Identifier: ISC */
/*
 * guesttool: what the cases share. Test tool, see guesttool.c.
 */
#ifndef GUESTTOOL_H
#define GUESTTOOL_H

#include <sys/types.h>

#include <stdbool.h>

#define NAME_LENGTH	255

/* The line of a failure is found by its condition, so that it may be moved. */
#define CHECK(condition) do {						\
	if (!(condition))						\
		return fail(#condition);				\
} while (0)

#define REFUSED(call, error) do {					\
	errno = 0;							\
	if ((call) != -1 || errno != (error))				\
		return fail(#call " is not refused with " #error);	\
} while (0)

/* Keeps what went wrong, with errno; returns -1. */
int	fail(const char *);
/* Creates a file with some contents. */
int	put(const char *, const char *, mode_t);
/* Whether a file has just these contents. */
bool	has(const char *, const char *);
/* Type and mode, or -1; does not follow a link. */
mode_t	mode_of(const char *);
bool	owned(const char *, uid_t, gid_t);
/* How many entries a directory has, or -1. */
int	entries(const char *);
/*
 * Runs a function as another user in a child; 0 if it returned 0. What a
 * failure was goes to stderr, which is the guest's console.
 */
int	as(uid_t, gid_t, int (*)(void));

/* The cases: 0, or -1 after fail(). The current directory is their own. */
int	case_name_of_all_bytes(void);
int	case_longest_name(void);
int	case_deep_path(void);
int	case_dotdot(void);
int	case_exclusive_and_missing(void);
int	case_rename(void);
int	case_hard_links(void);
int	case_symlinks(void);
int	case_absolute_symlink(void);
int	case_readdir_while_removing(void);
int	case_create_modes(void);
int	case_chmod(void);
int	case_chown(void);
int	case_other_user_creates(void);
int	case_other_user_refused(void);
int	case_root_passes_modes(void);
int	case_fifo_and_socket(void);
int	case_device_node_refused(void);
int	case_times(void);
int	case_xattrs(void);
int	case_privileged_xattrs_refused(void);
int	case_xattr_too_large(void);
int	case_append(void);
int	case_truncate(void);
int	case_unlinked_open_file(void);
int	case_mmap_read(void);
int	case_mmap_shared_write(void);
int	case_sync_and_lock(void);
int	case_rename_flags(void);
int	case_many_links(void);
int	case_deep_names(void);
int	case_seekdir(void);
int	case_parallel_names(void);
int	case_exact_times(void);
int	case_xattr_sizes(void);
int	case_unlinked_goes_on(void);
int	case_unlinked_before_open(void);
int	case_removed_directory(void);
int	case_rename_over_open(void);
int	case_tmpfile(void);
int	case_append_at_once(void);
int	case_set_id_goes(void);
int	case_set_id_stays(void);
int	case_mmap_private_write(void);
int	case_mmap_and_write(void);
int	case_mmap_shared_refused(void);
int	case_holes(void);
int	case_fallocate(void);
int	case_beyond_4_gib(void);
int	case_copy_range(void);
int	case_odd_vectors(void);
int	case_direct_io(void);

/*
 * Sets the largest possible xattr of a file: "stored", or the name of the
 * error.
 */
const char	*xattr_largest(const char *);
/*
 * Maps a file that the host will fill anew when the other file appears; 0
 * once the mapping has the new contents, -1 after fail().
 */
int	map_follow(const char *, const char *, bool);

#endif
