/*
 * SPDX-License-Identifier: ISC
 *
 * --print-sandbox.  What it says of system calls and capabilities comes from
 * the tables that are loaded.
 */
#include "config.h"

#include "sandbox/sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "sandbox/seccomp_list.h"

#define PRINT_NAMES_MAX	1024
#define PRINT_LIST_MAX	8

static const char *const sandbox_modes[] = {
	[SANDBOX_NAMESPACE] = "namespace",
	[SANDBOX_CHROOT] = "chroot",
	[SANDBOX_NONE] = "none"
};
#define SANDBOX_MODES	(sizeof(sandbox_modes) / sizeof(sandbox_modes[0]))

/* What does not depend on a table; lists end with NULL. */
struct print_process {
	const char	*name;
	const char	*root[SANDBOX_MODES];
	const char	*descriptors[PRINT_LIST_MAX];	/* 9p-proxy */
	const char	*virtiofs[PRINT_LIST_MAX];	/* the same */
	bool		 own_namespaces;	/* in mode namespace */
};

static const struct print_process print_processes[SANDBOX_PROCESSES] = {
	[SANDBOX_LAUNCHER] = { "launcher",
	    { "the host's", "the host's", "the host's" },
	    { "the socket", "channels to both others",
		"the lane's first page, read-only",
		"what was inherited and is not known" },
	    { "the socket", "channels to both others",
		"what was inherited and is not known" }, false },
	[SANDBOX_MONITOR] = { "monitor",
	    { "the shared directory", "the shared directory", "the host's" },
	    { "the shared directory", "the handle table", "/proc/self/fd",
		"the lane", "the channel to the launcher" },
	    { "the shared directory", "the handle table",
		"directory streams", "/proc/self/fd", "the lanes",
		"the channel to the launcher" }, true },
	[SANDBOX_WORKER] = { "worker",
	    { "an empty read-only file system", "a directory that is removed",
		"the host's" },
	    { "the front-end's connection", "data fds", "the lane",
		"the channel to the launcher" },
	    { "the front-end's connection", "guest memory",
		"eventfds of the guest's and its own", "event loops",
		"data fds", "the lanes", "the channel to the launcher" },
	    true }
};

static const char *const print_namespaces[] = {
	"mount", "pid", "net", "ipc", "uts", NULL
};
static const char *const print_user_namespace[] = { "user", NULL };
static const char *const print_nothing[] = { NULL };

int
sandbox_mode_parse(const char *name)
{
	size_t i;

	for (i = 0; i < SANDBOX_MODES; i++)
		if (strcmp(name, sandbox_modes[i]) == 0)
			return (int)i;
	return -1;
}

const char *
sandbox_mode_name(enum sandbox_mode mode)
{
	return sandbox_modes[mode];
}

static const char *const *
print_own_namespaces(enum sandbox_process process,
    const struct sandbox_config *config)
{
	if (print_processes[process].own_namespaces &&
	    config->mode == SANDBOX_NAMESPACE)
		return print_namespaces;
	if (process == SANDBOX_LAUNCHER && config->user_namespace)
		return print_user_namespace;
	return print_nothing;
}

static const char *const *
print_descriptors(enum sandbox_process process,
    const struct sandbox_config *config)
{
	return config->virtiofs ? print_processes[process].virtiofs :
	    print_processes[process].descriptors;
}

static void
print_caps(enum sandbox_process process, const struct sandbox_config *config,
    struct caps_set *set)
{
	*set = (struct caps_set){ 0, 0 };
	if (process == SANDBOX_MONITOR)
		*set = config->caps;
	else if (process == SANDBOX_LAUNCHER)
		set->effective = set->permitted = caps_launcher(config);
}

/*
 * Returns the process's uid and gid: within the user namespace, if there is
 * one, whose first id is who started the daemon.
 */
static void
print_ids(enum sandbox_process process, const struct sandbox_config *config,
    uid_t *uid_out, gid_t *gid_out)
{
	bool own = process == SANDBOX_WORKER &&
	    config->worker_uid != (uid_t)-1;

	*uid_out = own ? config->worker_uid :
	    config->user_namespace ? 0 : geteuid();
	*gid_out = own ? config->worker_gid :
	    config->user_namespace ? 0 : getegid();
}

/* Text. */

static void
print_text_list(FILE *out, const char *title, const char *const *list)
{
	size_t i;

	fprintf(out, "  %-14s", title);
	for (i = 0; list[i] != NULL; i++)
		fprintf(out, "%s%s", i == 0 ? "" : ", ", list[i]);
	fprintf(out, "%s\n", i == 0 ? "none of its own" : "");
}

static void
print_text_row(FILE *out, const struct seccomp_row *row)
{
	unsigned int i, n = seccomp_row_nargs(row);
	const struct seccomp_arg *arg;

	fprintf(out, "    %-15s %s\n", row->name, row->reason);
	for (i = 0; i < n; i++) {
		arg = &row->args[i];
		if (arg->mask == UINT32_MAX)
			fprintf(out, "%20s  only if args[%u] == %#" PRIx64
			    "\n", "", arg->index, arg->value);
		else
			fprintf(out, "%20s  only if (args[%u] & %#" PRIx64
			    ") == %#" PRIx64 "\n", "", arg->index, arg->mask,
			    arg->value);
	}
	if (row->error != 0)
		fprintf(out, "%20s  fails with %s\n", "",
		    strerror(row->error));
}

static void
print_text_calls(FILE *out, enum sandbox_process process,
    const struct sandbox_config *config)
{
	const struct seccomp_row *row;
	size_t position = 0;

	fprintf(out, "  %-14s", "system calls");
	if (config->seccomp == SECCOMP_ACTION_NONE) {
		fprintf(out, "all\n");
		return;
	}
	fprintf(out, "these; any other: %s\n",
	    seccomp_action_name(config->seccomp));
	while ((row = seccomp_next_row(process, config, &position)) != NULL)
		print_text_row(out, row);
}

static void
print_text(FILE *out, enum sandbox_process process,
    const struct sandbox_config *config)
{
	const struct print_process *p = &print_processes[process];
	char names[PRINT_NAMES_MAX];
	struct caps_set caps;
	uid_t uid;
	gid_t gid;

	print_caps(process, config, &caps);
	fprintf(out, "%s\n", p->name);
	print_ids(process, config, &uid, &gid);
	fprintf(out, "  %-14suid %u, gid %u%s\n", "user", uid, gid,
	    process == SANDBOX_WORKER ? ", no other groups" : "");
	fprintf(out, "  %-14s%s\n", "effective",
	    caps_names(caps.effective, names, sizeof(names)));
	fprintf(out, "  %-14s%s\n", "permitted",
	    caps_names(caps.permitted, names, sizeof(names)));
	fprintf(out, "  %-14snone; nor inheritable, nor ambient\n",
	    "bounding");
	fprintf(out, "  %-14sno_new_privs, not dumpable\n", "flags");
	print_text_list(out, "namespaces",
	    print_own_namespaces(process, config));
	fprintf(out, "  %-14s%s\n", "root", p->root[config->mode]);
	print_text_list(out, "descriptors",
	    print_descriptors(process, config));
	print_text_calls(out, process, config);
}

/* JSON.  All strings are from tables and need no escapes. */

static void
print_json_list(FILE *out, const char *key, const char *const *list)
{
	size_t i;

	fprintf(out, "   \"%s\": [", key);
	for (i = 0; list[i] != NULL; i++)
		fprintf(out, "%s\"%s\"", i == 0 ? "" : ", ", list[i]);
	fprintf(out, "],\n");
}

static void
print_json_caps(FILE *out, const char *key, uint64_t set)
{
	char name[PRINT_NAMES_MAX];
	const char *separator = "";
	unsigned int cap;

	fprintf(out, "    \"%s\": [", key);
	for (cap = 0; cap < 64; cap++) {
		if ((set & CAPS_BIT(cap)) == 0)
			continue;
		fprintf(out, "%s\"%s\"", separator,
		    caps_names(CAPS_BIT(cap), name, sizeof(name)));
		separator = ", ";
	}
	fprintf(out, "]");
}

static void
print_json_row(FILE *out, const struct seccomp_row *row)
{
	unsigned int i, n = seccomp_row_nargs(row);
	const struct seccomp_arg *arg;

	fprintf(out, "     { \"name\": \"%s\", \"number\": %d, \"args\": [",
	    row->name, seccomp_row_number(row));
	for (i = 0; i < n; i++) {
		arg = &row->args[i];
		fprintf(out, "%s\n      { \"index\": %u, \"mask\": \"0x%" PRIx64
		    "\", \"value\": \"0x%" PRIx64 "\" }", i == 0 ? "" : ",",
		    arg->index, arg->mask, arg->value);
	}
	fprintf(out, "],\n");
	if (row->error != 0)
		fprintf(out, "      \"errno\": %d,\n", row->error);
	fprintf(out, "      \"reason\": \"%s\" }", row->reason);
}

static void
print_json_calls(FILE *out, enum sandbox_process process,
    const struct sandbox_config *config)
{
	const struct seccomp_row *row;
	const char *separator = "\n";
	size_t position = 0;

	fprintf(out, "   \"seccomp\": { \"otherwise\": \"%s\", \"allowed\": [",
	    seccomp_action_name(config->seccomp));
	while (config->seccomp != SECCOMP_ACTION_NONE &&
	    (row = seccomp_next_row(process, config, &position)) != NULL) {
		fprintf(out, "%s", separator);
		print_json_row(out, row);
		separator = ",\n";
	}
	fprintf(out, " ] }\n");
}

static void
print_json(FILE *out, enum sandbox_process process,
    const struct sandbox_config *config)
{
	const struct print_process *p = &print_processes[process];
	struct caps_set caps;
	uid_t uid;
	gid_t gid;

	print_caps(process, config, &caps);
	fprintf(out, "%s  { \"name\": \"%s\",\n",
	    process == SANDBOX_LAUNCHER ? "" : ",\n", p->name);
	print_ids(process, config, &uid, &gid);
	fprintf(out, "   \"uid\": %u, \"gid\": %u,\n", uid, gid);
	fprintf(out, "   \"capabilities\": {\n");
	print_json_caps(out, "effective", caps.effective);
	fprintf(out, ",\n");
	print_json_caps(out, "permitted", caps.permitted);
	fprintf(out, ",\n    \"inheritable\": [], \"bounding\": [], "
	    "\"ambient\": [] },\n");
	fprintf(out, "   \"no_new_privs\": true, \"dumpable\": false,\n");
	print_json_list(out, "namespaces",
	    print_own_namespaces(process, config));
	fprintf(out, "   \"root\": \"%s\",\n", p->root[config->mode]);
	print_json_list(out, "descriptors",
	    print_descriptors(process, config));
	print_json_calls(out, process, config);
	fprintf(out, "  }");
}

int
sandbox_print(FILE *out, const struct sandbox_config *config, bool json)
{
	enum sandbox_process process;

	if (json)
		fprintf(out, "{ \"sandbox\": \"%s\", \"processes\": [\n",
		    sandbox_mode_name(config->mode));
	else
		fprintf(out, "sandbox %s\n", sandbox_mode_name(config->mode));
	for (process = 0; process < SANDBOX_PROCESSES; process++)
		if (json)
			print_json(out, process, config);
		else
			print_text(out, process, config);
	if (json)
		fprintf(out, "\n] }\n");
	return fflush(out) == EOF ? -errno : 0;
}

/* What keeps the worker from the monitor, where that is not the user id. */
static void
print_warn_ids(const struct sandbox_config *config)
{
	if (config->worker_uid == (uid_t)-1)
		log_warn("worker and monitor have the same user id, for want "
		    "of another: only %s them apart",
		    config->seccomp == SECCOMP_ACTION_KILL ||
		    config->seccomp == SECCOMP_ACTION_TRAP ?
		    "the filters, and that neither can be traced, keep" :
		    "that neither can be traced keeps");
	else if (config->worker_gid == (gid_t)-1)
		log_warn("the worker keeps the groups that this was started "
		    "with: they cannot be given up here");
}

static void
print_warn_caps(const struct sandbox_config *config)
{
	const uint64_t setpcap = CAPS_BIT(CAP_SETPCAP);
	const uint64_t kill = CAPS_BIT(CAP_KILL);
	uint64_t others = config->without & ~(setpcap | kill);
	char names[PRINT_NAMES_MAX];

	if (others != 0)
		log_warn("the monitor goes without these capabilities: %s: "
		    "what takes them fails in the guest",
		    caps_names(others, names, sizeof(names)));
	if ((config->without & setpcap) != 0)
		log_warn("without the capability setpcap the bounding set "
		    "and the securebits stay as they are: that nothing comes "
		    "back by them is up to no_new_privs and the monitor");
	if ((config->without & kill) != 0)
		log_warn("without the capability kill a worker that does not "
		    "end by itself is not ended");
}

void
sandbox_warn(const struct sandbox_config *config)
{
	print_warn_ids(config);
	print_warn_caps(config);
	if (config->mode == SANDBOX_NONE)
		log_warn("--sandbox=none: neither namespaces nor chroot "
		    "confine the daemon");
	/* A virtio-fs front-end gets none. */
	if (config->mode != SANDBOX_NAMESPACE && config->readonly &&
	    !config->virtiofs)
		log_warn("--sandbox=%s: --readonly holds for requests, not for "
		    "what the front-end does with the descriptors it gets",
		    sandbox_mode_name(config->mode));
	if (config->seccomp == SECCOMP_ACTION_NONE)
		log_warn("--seccomp=none: system calls are not filtered");
}
