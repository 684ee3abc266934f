/*
 * SPDX-License-Identifier: ISC
 *
 * Capabilities.  The sets are made before anything hostile is read; after
 * that only what CAPS_RAISED names is raised and lowered, in the monitor.
 */
#include "config.h"

#include "sandbox/sandbox.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#define CAPS_NAME_MAX	32

/*
 * No uid stands for capabilities, none come back with a change of uid, and
 * nobody can change that (capabilities(7), "The securebits flags").
 */
#define CAPS_SECUREBITS							\
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |				\
	    SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |	\
	    SECBIT_KEEP_CAPS_LOCKED |					\
	    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* The three sets of a thread, as capset(2) takes them. */
struct caps_data {
	struct __user_cap_data_struct	half[2];
};

/*
 * Never effective at rest: raised around the one call that needs it.  FSETID
 * would keep set-id bits at every write; SETUID and SETGID are for setfsuid(2)
 * and setfsgid(2) alone, and the filter has no other call that they are for.
 */
#define CAPS_RAISED							\
	(CAPS_BIT(CAP_FSETID) | CAPS_BIT(CAP_SETUID) | CAPS_BIT(CAP_SETGID))

/* The set at rest.  Written once, by caps_apply_monitor(), before threads. */
static struct caps_set caps_rest;

static int
caps_fail(const char *what)
{
	int error = errno;

	log_error("sandbox: %s: %s", what, strerror(error));
	return -error;
}

static struct caps_data
caps_pack(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct caps_data data = { .half = {
		{ (uint32_t)effective, (uint32_t)permitted,
		    (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		    (uint32_t)(inheritable >> 32) }
	} };

	return data;
}

/* Without the library: it keeps state, and these run for each request. */
static int
caps_set(struct caps_data *data)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};

	return (int)syscall(SYS_capset, &header, data->half);
}

static int
caps_get_permitted(uint64_t *permitted_out)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct caps_data data;

	if (syscall(SYS_capget, &header, data.half) == -1)
		return -errno;
	*permitted_out = data.half[0].permitted |
	    (uint64_t)data.half[1].permitted << 32;
	return 0;
}

void
caps_default(struct caps_set *set)
{
	set->effective = CAPS_BIT(CAP_CHOWN) | CAPS_BIT(CAP_FOWNER) |
	    CAPS_BIT(CAP_DAC_OVERRIDE);
	set->permitted = set->effective | CAPS_RAISED;
}

/* Returns the capability that the `len` bytes at `name` stand for, or -1. */
static int
caps_parse_name(const char *name, size_t len)
{
	char buf[CAPS_NAME_MAX];

	if (len > 4 && strncasecmp(name, "cap_", 4) == 0) {
		name += 4;
		len -= 4;
	}
	if (len == 0 || len >= sizeof(buf))
		return -1;
	memcpy(buf, name, len);
	buf[len] = '\0';
	return capng_name_to_capability(buf);
}

int
caps_modify(struct caps_set *set, const char *value, const char **bad_out,
    size_t *bad_len_out)
{
	struct caps_set new = *set;
	const char *part;
	size_t len;
	int cap;

	for (part = value;; part += len + 1) {
		len = strcspn(part, ":");
		cap = -1;
		if (*part == '+' || *part == '-')
			cap = caps_parse_name(part + 1, len - 1);
		if (cap < 0 || cap > 63) {
			*bad_out = part;
			*bad_len_out = len;
			return -EINVAL;
		}
		if (*part == '-') {
			new.permitted &= ~CAPS_BIT(cap);
			new.effective &= ~CAPS_BIT(cap);
		} else {
			new.permitted |= CAPS_BIT(cap);
			new.effective |= CAPS_BIT(cap) & ~CAPS_RAISED;
		}
		if (part[len] == '\0')
			break;
	}
	*set = new;
	return 0;
}

char *
caps_names(uint64_t set, char *buf, size_t size)
{
	const char *name;
	size_t used = 0, len;
	unsigned int cap;

	if (size == 0)
		return buf;
	buf[0] = '\0';
	for (cap = 0; cap < 64; cap++) {
		if ((set & CAPS_BIT(cap)) == 0)
			continue;
		name = capng_capability_to_name(cap);
		if (name == NULL)
			name = "unknown";
		len = strlen(name);
		if (used + len + 2 > size)
			break;
		if (used > 0)
			buf[used++] = ' ';
		memcpy(buf + used, name, len + 1);
		used += len;
	}
	if (set == 0 && size > strlen("none"))
		strcpy(buf, "none");
	return buf;
}

uint64_t
caps_launcher(const struct sandbox_config *config)
{
	/*
	 * The launcher's uid is the monitor's.  Without a pid namespace that
	 * ends the worker with the monitor, it must be able to end a process
	 * of another uid (kill(2)).
	 */
	if (config->mode != SANDBOX_NAMESPACE &&
	    config->worker_uid != (uid_t)-1)
		return CAPS_BIT(CAP_KILL);
	return 0;
}

uint64_t
caps_missing(uint64_t set)
{
	uint64_t permitted;

	return caps_get_permitted(&permitted) == 0 ? set & ~permitted : set;
}

/*
 * Returns what the start cannot do without in this mode.  SETPCAP and KILL are
 * not among it: see caps_lock() and caps_drop().
 */
static uint64_t
caps_needed(const struct sandbox_config *config)
{
	uint64_t needed = config->caps.permitted;

	if (config->mode == SANDBOX_NAMESPACE)
		needed |= CAPS_BIT(CAP_SYS_ADMIN);
	else if (config->mode == SANDBOX_CHROOT)
		needed |= CAPS_BIT(CAP_SYS_CHROOT);
	if (config->worker_uid != (uid_t)-1)
		needed |= CAPS_BIT(CAP_SETUID);
	if (config->worker_gid != (gid_t)-1)
		needed |= CAPS_BIT(CAP_SETGID);
	return needed;
}

int
caps_check_start(const struct sandbox_config *config, char *buf, size_t size)
{
	uint64_t missing = caps_missing(caps_needed(config));

	caps_names(missing, buf, size);
	return missing == 0 ? 0 : -EPERM;
}

int
caps_keep_for_exec(void)
{
	struct caps_data data;
	uint64_t permitted;
	unsigned int cap;
	int error;

	error = caps_get_permitted(&permitted);
	if (error != 0)
		return error;
	data = caps_pack(permitted, permitted, permitted);
	if (caps_set(&data) == -1)
		return caps_fail("cannot make capabilities inheritable");
	for (cap = 0; cap < 64; cap++)
		if ((permitted & CAPS_BIT(cap)) != 0 && prctl(PR_CAP_AMBIENT,
		    PR_CAP_AMBIENT_RAISE, cap, 0, 0) == -1)
			return caps_fail("cannot make capabilities ambient");
	return 0;
}

/* After privdrop_ids() nothing is effective, though SETPCAP is permitted. */
static int
caps_raise_permitted(void)
{
	struct caps_data data;
	uint64_t permitted;
	int error;

	error = caps_get_permitted(&permitted);
	if (error != 0)
		return error;
	data = caps_pack(permitted, permitted, 0);
	return caps_set(&data) == -1 ? caps_fail("capset") : 0;
}

/*
 * Without CAP_SETPCAP bounding set and securebits stay.  Nothing comes back by
 * them all the same: execve(2) gives by them, but not with no_new_privs
 * (prctl(2), PR_SET_NO_NEW_PRIVS); and so does a change of the fsuid, after
 * which the monitor sets its set anew (monitor/creds.c).
 */
static bool
caps_cannot_lock(void)
{
	return caps_missing(CAPS_BIT(CAP_SETPCAP)) != 0 &&
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

/* Takes away all ways to ever get a capability back. */
static int
caps_lock(void)
{
	unsigned int cap;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1)
		return caps_fail("cannot empty the ambient set");
	if (caps_cannot_lock())
		return 0;
	/* prctl(2): PR_CAPBSET_READ fails beyond the kernel's last one. */
	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			return caps_fail("cannot empty the bounding set");
	if (prctl(PR_SET_SECUREBITS, CAPS_SECUREBITS, 0, 0, 0) == -1)
		return caps_fail("cannot lock the securebits");
	return 0;
}

static int
caps_apply(uint64_t effective, uint64_t permitted)
{
	struct caps_data data = caps_pack(effective, permitted, 0);
	int error;

	error = caps_raise_permitted();
	if (error == 0)
		error = caps_lock();
	if (error != 0)
		return error;
	return caps_set(&data) == -1 ? caps_fail("cannot set capabilities") :
	    0;
}

int
caps_apply_monitor(const struct caps_set *set)
{
	int error;

	error = caps_apply(set->effective, set->permitted);
	if (error != 0)
		return error;
	caps_rest = *set;
	return 0;
}

int
caps_drop(uint64_t keep)
{
	keep &= ~caps_missing(keep);
	return caps_apply(keep, keep);
}

int
caps_raise(uint64_t extra)
{
	struct caps_data data = caps_pack(caps_rest.effective | extra,
	    caps_rest.permitted, 0);

	if ((extra & ~caps_rest.permitted) != 0)
		return -EPERM;
	return caps_set(&data) == -1 ? -errno : 0;
}

void
caps_lower(void)
{
	struct caps_data data = caps_pack(caps_rest.effective,
	    caps_rest.permitted, 0);

	/* Never go on with more than the set at rest. */
	if (caps_set(&data) == -1)
		_exit(1);
}
