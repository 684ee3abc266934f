/*
 * SPDX-License-Identifier: ISC
 *
 * Whose what is created becomes: the file system ids of a thread.  The kernel
 * gives a new object to the fsuid and fsgid of who creates it (credentials(7)),
 * and so nothing ever has to be given away.
 *
 * A change costs as much as a short system call or two, so a thread keeps the
 * ids of its last creation for as long as nothing else that it does depends on
 * them: capabilities decide on a local file system, but on one of a server's
 * the server does.
 */
#ifndef MONITOR_CREDS_H
#define MONITOR_CREDS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/monitor_proto.h"
#include "sandbox/sandbox.h"

/* Of one thread; a copy of struct monitor's to begin with. */
struct creds {
	uid_t		own_uid;
	gid_t		own_gid;
	/* What 0 of an owner stands for: without SETUID, or SETGID, the own. */
	uid_t		root_uid;
	gid_t		root_gid;
	int		dumpable;	/* as it was at the start */
	bool		may_stay;	/* else own after each creation */
	/* What the thread has now; and, if not its own, where it may. */
	uid_t		uid;
	gid_t		gid;
	uint64_t	dev;		/* st_dev of where the request is */
};

/*
 * Fills `creds` for threads that are yet to be made by this one, whose set of
 * capabilities at rest is `caps`.  `all_ids`: its user namespace maps each id
 * to itself, so that capabilities count for every inode.
 */
void	creds_init(struct creds *creds, const struct caps_set *caps,
	    bool all_ids);

/* Returns whether the thread has its own ids. */
bool	creds_are_own(const struct creds *creds);

/*
 * Makes the thread's ids those of `owner`.  A daemon that may become nobody
 * else creates for the guest's root what is its own, as one that is root in a
 * user namespace of its own does.  Returns 0, or -EPERM with the thread's own
 * ids: if the owner's are not mapped in the user namespace, or SETUID or SETGID
 * are not permitted.
 */
int	creds_take(struct creds *creds, const struct monitor_owner *owner);

/*
 * After a creation in the directory `dir_fd`: gives the ids back, unless they
 * may stay.
 */
void	creds_leave(struct creds *creds, int dir_fd);

/* Back to the own ids, for what could depend on them. */
void	creds_own(struct creds *creds);

#endif /* MONITOR_CREDS_H */
