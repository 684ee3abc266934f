/*
 * SPDX-License-Identifier: ISC
 *
 * Taking paths apart.  Parses hostile input from the guest.  Runs sandboxed.
 * What it decides is spelling only: ".." stays in the directory part, where the
 * monitor resolves it beneath the share's root.
 */
#include "config.h"

#include "worker/p9_path.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Appends one component.  Returns 0 or -ENAMETOOLONG. */
static int
path_append(struct p9_path *path, const uint8_t *name, size_t len)
{
	size_t at = path->len;

	if (len > MONITOR_NAME_MAX)
		return -ENAMETOOLONG;
	if (at > 0)
		at++;
	if (at + len > sizeof(path->text))
		return -ENAMETOOLONG;
	if (at > 0)
		path->text[at - 1] = '/';
	memcpy(path->text + at, name, len);
	path->dir_len = path->len;
	path->name_at = (uint16_t)at;
	path->len = (uint16_t)(at + len);
	return 0;
}

static bool
is_dot(const uint8_t *name, size_t len)
{
	return len == 1 && name[0] == '.';
}

static bool
is_dotdot(const uint8_t *name, size_t len)
{
	return len == 2 && name[0] == '.' && name[1] == '.';
}

/* Returns the length of the component that `bytes` begins with. */
static size_t
component_len(const uint8_t *bytes, size_t len)
{
	const uint8_t *slash = memchr(bytes, '/', len);

	return slash == NULL ? len : (size_t)(slash - bytes);
}

int
p9_path_split(struct p9_path *path, const uint8_t *bytes, size_t len)
{
	size_t i, n;
	int error;

	path->last = P9_LAST_ROOT;
	path->len = path->dir_len = path->name_at = path->name_len = 0;
	if (len == 0)
		return -ENOENT;
	/* As the kernel counts it, slashes and all (path_resolution(7)). */
	if (len > MONITOR_PATH_MAX)
		return -ENAMETOOLONG;
	for (i = 0; i < len; i += n) {
		if (bytes[i] == '/') {
			n = 1;
			continue;
		}
		n = component_len(bytes + i, len - i);
		if (is_dot(bytes + i, n)) {
			path->last = P9_LAST_DOT;
			continue;
		}
		path->last = is_dotdot(bytes + i, n) ? P9_LAST_DOTDOT :
		    P9_LAST_NAME;
		error = path_append(path, bytes + i, n);
		if (error != 0)
			return error;
	}
	if (path->last == P9_LAST_NAME) {
		path->name_len = (uint16_t)(path->len - path->name_at);
		if (bytes[len - 1] == '/')
			path->last = P9_LAST_SLASH;
	}
	return 0;
}

void
p9_path_existing(const struct p9_path *path, struct monitor_where *where)
{
	p9_path_entry(path, where);
	if (path->last != P9_LAST_NAME) {
		where->path_len = path->len;
		where->name_len = 0;
	}
}

void
p9_path_entry(const struct p9_path *path, struct monitor_where *where)
{
	where->handle = MONITOR_ROOT_HANDLE;
	where->path = path->text;
	where->path_len = path->dir_len;
	where->name = path->text + path->name_at;
	where->name_len = path->name_len;
}
