/*
 * SPDX-License-Identifier: ISC
 *
 * With which ids and capabilities the daemon runs.  Runs in the launcher before
 * anything hostile is read.
 *
 * A mode that confines needs all of its capabilities; SETPCAP and KILL are not
 * among them.  In mode none the daemon starts with what there is.
 */
#include "config.h"

#include "launcher/rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#define RIGHTS_NAMES_MAX	256
#define RIGHTS_IDS		(CAPS_BIT(CAP_SETUID) | CAPS_BIT(CAP_SETGID))

/* The ids that there are. */
struct rights_maps {
	struct namespace_map	uid;
	struct namespace_map	gid;
};

static int
rights_enter_user(struct options *options, int *refused_out)
{
	int error;

	error = namespace_enter_user(&options->uid_map, &options->gid_map,
	    refused_out);
	if (*refused_out == 0)
		return error;
	options->sandbox.user_namespace = false;
	if (options->uid_map.n == 0 && options->gid_map.n == 0)
		return 0;
	log_error("--%s: cannot make a user namespace: %s: permit them to "
	    "users, or leave the option out",
	    options->uid_map.n > 0 ? "uid-map" : "gid-map", strerror(-error));
	return error;
}

static int
rights_read_maps(struct rights_maps *maps)
{
	int error;

	error = namespace_map_read("/proc/self/uid_map", &maps->uid);
	return error != 0 ? error : namespace_map_read("/proc/self/gid_map",
	    &maps->gid);
}

/* As whom the worker runs where that is not the user namespace's doing. */
static int
rights_find_user(struct sandbox_config *sandbox)
{
	if (sandbox->worker_uid == (uid_t)-1 &&
	    sandbox->mode == SANDBOX_NONE && caps_missing(RIGHTS_IDS) != 0)
		return 0;
	return privdrop_find_user(&sandbox->worker_uid, &sandbox->worker_gid);
}

/* A container may have few ids, or no second one. */
static int
rights_fit_ids(struct sandbox_config *sandbox, bool told)
{
	struct rights_maps maps;
	int error;

	error = rights_read_maps(&maps);
	if (error != 0)
		return error;
	sandbox->all_ids = namespace_map_is_whole(&maps.uid) &&
	    namespace_map_is_whole(&maps.gid);
	if (told && !namespace_map_has(&maps.uid, sandbox->worker_uid)) {
		log_error("--worker-user: user id %u is not mapped in this "
		    "user namespace: give one that is in /proc/self/uid_map",
		    sandbox->worker_uid);
		return -EINVAL;
	}
	if (!namespace_map_has(&maps.uid, sandbox->worker_uid))
		sandbox->worker_uid = namespace_map_spare(&maps.uid,
		    geteuid());
	if (!namespace_map_has(&maps.gid, sandbox->worker_gid))
		sandbox->worker_gid = namespace_map_spare(&maps.gid,
		    getegid());
	/* Who keeps the uid keeps the groups; setgroups(2) may be denied. */
	if (sandbox->worker_uid == (uid_t)-1 || namespace_groups_stay())
		sandbox->worker_gid = (gid_t)-1;
	return 0;
}

static int
rights_choose_ids(struct options *options, bool told, int *refused_out)
{
	struct sandbox_config *sandbox = &options->sandbox;
	int error;

	*refused_out = 0;
	error = sandbox->user_namespace ?
	    rights_enter_user(options, refused_out) : 0;
	if (error != 0)
		return error;
	if (!sandbox->user_namespace) {
		error = rights_find_user(sandbox);
		if (error != 0 || sandbox->worker_uid == (uid_t)-1)
			return error;
	}
	return rights_fit_ids(sandbox, told);
}

/*
 * Notes what is missing and not needed.  In mode none that is also what the
 * monitor has by default, but nothing that --modcaps asks for beyond it.
 */
static void
rights_go_without(struct sandbox_config *sandbox)
{
	struct caps_set usual;
	uint64_t missing = 0;

	caps_default(&usual);
	if (sandbox->mode == SANDBOX_NONE)
		missing = caps_missing(usual.permitted &
		    sandbox->caps.permitted);
	sandbox->caps.permitted &= ~missing;
	sandbox->caps.effective &= ~missing;
	sandbox->without = missing | caps_missing(CAPS_BIT(CAP_SETPCAP) |
	    caps_launcher(sandbox));
}

/*
 * Returns another mode that could be had, or that of the configuration.
 * `told`: the worker's user was asked for.
 */
static enum sandbox_mode
rights_other_mode(const struct sandbox_config *sandbox, bool told)
{
	struct sandbox_config other = *sandbox;
	char names[RIGHTS_NAMES_MAX];

	while (other.mode < SANDBOX_NONE) {
		other.mode++;
		if (other.mode == SANDBOX_NONE && !told) {
			other.worker_uid = (uid_t)-1;
			other.worker_gid = (gid_t)-1;
		}
		if (other.mode == SANDBOX_NONE)
			rights_go_without(&other);
		if (caps_check_start(&other, names, sizeof(names)) == 0)
			return other.mode;
	}
	return sandbox->mode;
}

/* `refused` is why there is no user namespace, or 0. */
static int
rights_check_caps(const struct sandbox_config *sandbox, bool told, int refused)
{
	enum sandbox_mode other;
	char missing[RIGHTS_NAMES_MAX], hint[64] = "";

	if (caps_check_start(sandbox, missing, sizeof(missing)) == 0)
		return 0;
	other = rights_other_mode(sandbox, told);
	if (other != sandbox->mode)
		snprintf(hint, sizeof(hint), ", or use --sandbox=%s, which "
		    "does without", sandbox_mode_name(other));
	if (refused != 0)
		log_error("cannot make a user namespace (%s), and without one "
		    "not start without these capabilities: %s; permit user "
		    "namespaces%s", strerror(refused), missing, hint);
	else
		log_error("cannot start without these capabilities: %s; "
		    "start it as root with them, or as an ordinary user%s",
		    missing, hint);
	return -EPERM;
}

int
rights_settle(struct options *options)
{
	const bool told = options->sandbox.worker_uid != (uid_t)-1;
	int error, refused;

	error = rights_choose_ids(options, told, &refused);
	if (error != 0)
		return error;
	rights_go_without(&options->sandbox);
	return rights_check_caps(&options->sandbox, told, refused);
}
