/*
 * SPDX-License-Identifier: ISC
 *
 * The file system ids of a thread.  Runs privileged.  The owner that a request
 * names may be any: a worker creates for whom it likes.
 */
#include "config.h"

#include "monitor/creds.h"

#include <sys/fsuid.h>
#include <sys/prctl.h>

#include <errno.h>
#include <linux/capability.h>
#include <unistd.h>

#include "common/fs_local.h"

void
creds_init(struct creds *creds, const struct caps_set *caps, bool all_ids)
{
	const uint64_t decide = CAPS_BIT(CAP_DAC_OVERRIDE) |
	    CAPS_BIT(CAP_FOWNER);

	*creds = (struct creds){
		.own_uid = geteuid(),
		.own_gid = getegid(),
		.dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0),
		.may_stay = all_ids && (caps->effective & decide) == decide
	};
	if ((caps->permitted & CAPS_BIT(CAP_SETUID)) == 0)
		creds->root_uid = creds->own_uid;
	if ((caps->permitted & CAPS_BIT(CAP_SETGID)) == 0)
		creds->root_gid = creds->own_gid;
	creds->uid = creds->own_uid;
	creds->gid = creds->own_gid;
}

bool
creds_are_own(const struct creds *creds)
{
	return creds->uid == creds->own_uid && creds->gid == creds->own_gid;
}

/*
 * Sets both ids, without looking whether that worked.  What it takes is up for
 * these two calls only; to one's own ids it takes nothing.  The set at rest is
 * set in any case: where the securebits could not be locked (CAP_SETPCAP), the
 * kernel changes the effective set with the fsuid (capabilities(7)).
 */
static void
creds_set(const struct creds *creds, uid_t uid, gid_t gid)
{
	uint64_t needed = 0;

	if (uid != creds->uid && uid != creds->own_uid)
		needed |= CAPS_BIT(CAP_SETUID);
	if (gid != creds->gid && gid != creds->own_gid)
		needed |= CAPS_BIT(CAP_SETGID);
	if (needed != 0)
		caps_raise(needed);	/* without it nothing is set */
	if (gid != creds->gid)
		setfsgid(gid);
	if (uid != creds->uid)
		setfsuid(uid);
	caps_lower();
	/*
	 * The kernel has made the process as dumpable as fs.suid_dumpable says
	 * (proc(5)), which is how well it is kept from being traced.  It has
	 * also cleared the thread's PR_SET_PDEATHSIG (prctl(2)): the main
	 * thread, whose it is, never comes here.
	 */
	prctl(PR_SET_DUMPABLE, creds->dumpable, 0, 0, 0);
}

/* Sets both ids.  Returns whether they are set: setfsuid(2) does not tell. */
static bool
creds_change(struct creds *creds, uid_t uid, gid_t gid)
{
	creds_set(creds, uid, gid);
	/* An id of -1 is never valid: nothing changes, the present is told. */
	creds->uid = (uid_t)setfsuid((uid_t)-1);
	creds->gid = (gid_t)setfsgid((gid_t)-1);
	return creds->uid == uid && creds->gid == gid;
}

int
creds_take(struct creds *creds, const struct monitor_owner *owner)
{
	uid_t uid = owner->uid;
	gid_t gid = owner->gid;

	if (uid == 0)
		uid = creds->root_uid;
	if (gid == 0)
		gid = creds->root_gid;
	if (creds->uid == uid && creds->gid == gid)
		return 0;
	if (creds_change(creds, uid, gid))
		return 0;
	creds_own(creds);
	return -EPERM;
}

void
creds_leave(struct creds *creds, int dir_fd)
{
	if (!creds_are_own(creds) && (!creds->may_stay || !fs_local(dir_fd)))
		creds_own(creds);
}

void
creds_own(struct creds *creds)
{
	if (creds_are_own(creds))
		return;
	/* Always permitted.  Never go on with another's ids. */
	if (!creds_change(creds, creds->own_uid, creds->own_gid))
		_exit(1);
}
