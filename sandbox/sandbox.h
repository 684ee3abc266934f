/*
 * SPDX-License-Identifier: ISC
 *
 * How each process is locked up.  One mechanism in each file of this folder;
 * the processes call them in the order that their main file shows.
 *
 * All functions return 0 or -errno (descriptors: an fd or -errno) unless they
 * say otherwise, and have logged what failed and why before they fail.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum sandbox_mode {
	SANDBOX_NAMESPACE,	/* own namespaces, pivot_root */
	SANDBOX_CHROOT,		/* chroot, for containers */
	SANDBOX_NONE		/* neither; everything else stays on */
};

enum sandbox_process {
	SANDBOX_LAUNCHER,
	SANDBOX_MONITOR,
	SANDBOX_WORKER,
	SANDBOX_PROCESSES
};

/* What happens to a process that makes a system call that is not listed. */
enum seccomp_action {
	SECCOMP_ACTION_KILL,
	SECCOMP_ACTION_LOG,	/* it is allowed, the kernel logs it */
	SECCOMP_ACTION_TRAP,	/* SIGSYS */
	SECCOMP_ACTION_NONE	/* no filter at all */
};

/*
 * The monitor's capabilities, bit N for capability N: what --modcaps may
 * change.
 */
struct caps_set {
	uint64_t	effective;	/* at rest */
	uint64_t	permitted;	/* FSETID, SETUID, SETGID: here only */
};

/* Everything that decides what the sandboxes look like. */
struct sandbox_config {
	enum sandbox_mode	mode;
	enum seccomp_action	seccomp;
	struct caps_set		caps;		/* the monitor's */
	uid_t			worker_uid;	/* -1 keeps the own */
	gid_t			worker_gid;
	uint64_t		without;	/* capabilities the start went
						   on without */
	bool			user_namespace;	/* started without root */
	bool			all_ids;	/* the user namespace's are the
						   host's, each one */
	bool			readonly;
	bool			virtiofs;	/* else 9p-proxy */
};

/* A range of ids, as in uid_map (user_namespaces(7)). */
struct namespace_range {
	uint32_t	inside;
	uint32_t	outside;
	uint32_t	count;
};

#define NAMESPACE_RANGES_MAX	16

struct namespace_map {
	struct namespace_range	range[NAMESPACE_RANGES_MAX];
	size_t			n;
};

/* namespace.c */

/*
 * Returns the CLONE_NEW* flags that a process is started with: the pid
 * namespace, which a process cannot enter by itself.
 */
int	namespace_clone_flags(enum sandbox_mode mode);

/*
 * Monitor.  Confines the process to the directory `share_fd`: in mode
 * namespace by unshare(2) of mount, net, ipc and uts namespaces and
 * pivot_root(2) to a recursive bind mount of it, which is nosuid, nodev and
 * noexec, and read-only if so wanted; in mode chroot by chroot(2).  Leaves the
 * working directory on /proc/self/fd, where descriptors are opened again by
 * their number, as a mount of its own so that ".." leads nowhere (in the other
 * modes only where the kernel permits one).  Stores an O_PATH descriptor of the
 * export's root and one of the /proc/self/fd directory, both the caller's;
 * `share_fd` stays open, and is of no use any more.
 */
int	namespace_enter_share(enum sandbox_mode mode, int share_fd,
	    bool readonly, int *root_fd_out, int *proc_fd_out);

/*
 * Worker.  Confines the process to an empty directory that nothing can be
 * made in: a read-only tmpfs in namespaces of its own, or (chroot) a directory
 * that has been removed.  In mode none it only leaves the working directory.
 */
int	namespace_enter_empty(enum sandbox_mode mode);

/* namespace_map.c */

/*
 * Adds what an option's value says: ":namespace-id:host-id:count:", several of
 * them separated by commas; any character that is neither letter nor digit can
 * stand for the colons of one.  Returns NULL, or what is wrong in words that go
 * on a sentence about the value, and `map` is then of no use.  Logs nothing.
 */
const char
	*namespace_map_add(struct namespace_map *map, const char *value);

/* Returns whether each id is mapped, to itself. */
bool	namespace_map_is_whole(const struct namespace_map *map);

/* Returns whether an id of the namespace is mapped. */
bool	namespace_map_has(const struct namespace_map *map, uint32_t inside);

/*
 * Returns the id in the namespace that the share's files are least likely to
 * have, which is the highest but for `own`, or -1 where there is no other.
 */
uint32_t
	namespace_map_spare(const struct namespace_map *map, uint32_t own);

/*
 * Reads the map that the process lives with: "/proc/self/uid_map" or
 * "/proc/self/gid_map".  Of one with more ranges than NAMESPACE_RANGES_MAX it
 * is the first.
 */
int	namespace_map_read(const char *file, struct namespace_map *map);

/*
 * Returns whether the process has supplementary groups that nobody in its user
 * namespace may give up (user_namespaces(7), /proc/pid/setgroups).
 */
bool	namespace_groups_stay(void);

/* namespace_user.c */

/*
 * Launcher, started without root, before privdrop_common().  Enters a new user
 * namespace with these maps, of which an empty one stands for the own id, as
 * 0; what is more than the own id goes through newuidmap(1) and newgidmap(1).
 * The process has all capabilities in the namespace; caps_keep_for_exec() hands
 * them to the worker.  Where the process may not make a user namespace, nothing
 * has changed and nothing is logged, and the errno is in `*refused_out` (else
 * 0).
 */
int	namespace_enter_user(const struct namespace_map *uid_map,
	    const struct namespace_map *gid_map, int *refused_out);

/* caps.c */

#define CAPS_BIT(cap)	(UINT64_C(1) << (cap))

/*
 * The default set: CHOWN, FOWNER, DAC_OVERRIDE; FSETID, SETUID and SETGID in
 * permitted only.
 */
void	caps_default(struct caps_set *set);

/*
 * Applies an option's value like "+mknod:-dac_override" (names in any case,
 * with or without cap_).  FSETID, SETUID and SETGID only ever become permitted.
 * Returns 0, or -EINVAL with the offending part, within `value`, in `*bad_out`
 * and its length in `*bad_len_out`; logs nothing.
 */
int	caps_modify(struct caps_set *set, const char *value,
	    const char **bad_out, size_t *bad_len_out);

/*
 * Writes the names of the capabilities in `set`, separated by spaces and
 * without cap_ ("none" if empty), into `buf`.  Returns `buf`.
 */
char	*caps_names(uint64_t set, char *buf, size_t size);

/* Returns those capabilities of `set` that the process is not permitted. */
uint64_t
	caps_missing(uint64_t set);

/*
 * Launcher, at start.  Returns 0, or -EPERM if a capability that the start
 * cannot do without (for the mode, the uids, and the monitor's set) is missing
 * from the process; the names of the missing ones are then in `buf`.  Logs
 * nothing.
 */
int	caps_check_start(const struct sandbox_config *config, char *buf,
	    size_t size);

/*
 * Launcher in a user namespace, before it executes the worker: makes all that
 * is permitted inheritable and ambient, because there execve(2) gives nothing
 * to an id that is not 0.  The calls below take it back.
 */
int	caps_keep_for_exec(void);

/*
 * Monitor, after privdrop_common().  Bounding, ambient and inheritable sets
 * empty, securebits locked so that no id stands for capabilities, then exactly
 * `set`.  Without CAP_SETPCAP the bounding set and the securebits stay: then a
 * change of the fsuid changes the effective set, which caps_lower() mends.
 */
int	caps_apply_monitor(const struct caps_set *set);

/*
 * Worker (after privdrop_ids()) and launcher.  As above, but all sets empty;
 * `keep` (a mask) stays permitted and effective, as far as it is: 0 for the
 * worker, caps_launcher() for the launcher.
 */
int	caps_drop(uint64_t keep);

/*
 * Returns what the launcher keeps: nothing, but CAP_KILL where no pid namespace
 * ends the worker with the monitor.
 */
uint64_t
	caps_launcher(const struct sandbox_config *config);

/*
 * Monitor.  Makes `extra`, a mask, effective in the calling thread beside the
 * set at rest, until caps_lower().  Changes within the permitted set keep
 * PR_SET_PDEATHSIG and the dumpable flag.  Returns 0; -EPERM, with nothing
 * changed, if one of them is not permitted (--modcaps); -errno.  Logs nothing.
 */
int	caps_raise(uint64_t extra);

/* Back to the set at rest.  Ends the process if the kernel refuses. */
void	caps_lower(void);

/* privdrop.c */

/*
 * All processes: no_new_privs, no core dumps, not dumpable, the umask 0,
 * SIGPIPE and SIGXFSZ ignored, no limit on a file's size.
 */
int	privdrop_common(void);

/*
 * Gives up the supplementary groups.  Unless it `must`, that may be forbidden:
 * without CAP_SETGID, or where /proc/pid/setgroups says "deny".
 */
int	privdrop_groups(bool must);

/*
 * Becomes uid and gid without supplementary groups; -1 keeps the own.  What is
 * permitted stays so, for caps_drop() to take away.
 */
int	privdrop_ids(uid_t uid, gid_t gid);

/*
 * The calling process gets SIGKILL when its parent dies; -ESRCH if it died
 * already, of which `parent_channel` (the socketpair to it) tells.  Must be
 * called after privdrop_ids(), which clears it (prctl(2), PR_SET_PDEATHSIG).
 */
int	privdrop_die_with_parent(int parent_channel);

/*
 * Closes all descriptors that are not among the `n` of `keep`; in place of 0, 1
 * and 2 comes /dev/null.  Needs the host's root.
 */
int	privdrop_close_fds(const int *keep, size_t n);

/* Limits what the process may allocate: getrlimit(2), RLIMIT_DATA. */
int	privdrop_memory(uint64_t bytes);

/*
 * Sets the soft and hard RLIMIT_NOFILE to `n`, or to the hard limit as it is
 * if that is all that the kernel permits (without CAP_SYS_RESOURCE, or beyond
 * /proc/sys/fs/nr_open).
 */
int	privdrop_nofile(uint64_t n, uint64_t *got_out);

/*
 * Decides who the worker is.  A uid other than -1 stays, with the group that
 * the system knows it in, else the group of the same number; else it is the
 * configured privilege separation user, or nobody.  Returns 0 or -ENOENT.
 */
int	privdrop_find_user(uid_t *uid, gid_t *gid_out);

/* seccomp.c */

/* Returns the action that `name` (kill, log, trap, none) stands for, or -1. */
int	seccomp_action_parse(const char *name);
const char
	*seccomp_action_name(enum seccomp_action action);

/*
 * Builds and loads the process's filter, for all its threads.  The last step of
 * each lock-down.
 */
int	seccomp_enter(enum sandbox_process process,
	    const struct sandbox_config *config);

/* print.c */

/* --print-sandbox: what each process gets, as text or as JSON. */
int	sandbox_print(FILE *out, const struct sandbox_config *config,
	    bool json);

/* Logs a warning for each wall that the options took down. */
void	sandbox_warn(const struct sandbox_config *config);

/* Returns the mode that `name` stands for, or -1; and the other way round. */
int	sandbox_mode_parse(const char *name);
const char
	*sandbox_mode_name(enum sandbox_mode mode);

#endif /* SANDBOX_SANDBOX_H */
