/*
 * SPDX-License-Identifier: ISC
 *
 * A path of the 9p-proxy protocol, taken apart into the directory part and the
 * last name, which is how the monitor wants it.
 */
#ifndef WORKER_P9_PATH_H
#define WORKER_P9_PATH_H

#include <stddef.h>
#include <stdint.h>

#include "common/monitor_proto.h"
#include "worker/monitor_client.h"

/* What a path ends in, as Linux distinguishes it (path_resolution(7)). */
enum p9_path_last {
	P9_LAST_NAME,
	P9_LAST_SLASH,		/* a name and a slash: it is a directory */
	P9_LAST_DOT,
	P9_LAST_DOTDOT,
	P9_LAST_ROOT		/* nothing but slashes */
};

/* `text` is without leading, trailing and double slashes, and without ".". */
struct p9_path {
	enum p9_path_last	last;
	uint16_t		len;		/* of `text` */
	uint16_t		dir_len;	/* of its directory part */
	uint16_t		name_at;	/* where the last name is */
	uint16_t		name_len;	/* 0 if there is none */
	char			text[MONITOR_PATH_MAX];
};

/*
 * Takes the `len` bytes of `bytes`, which hold no NUL, apart.  A path without
 * a leading slash counts as absolute too.  Returns 0; -ENOENT if it is empty,
 * as lstat("") does; -ENAMETOOLONG if it or a component of it is too long.
 */
int	p9_path_split(struct p9_path *path, const uint8_t *bytes, size_t len);

/*
 * Fills `where` with the place that `path` leads to, for what looks at
 * something that exists.  If its last part is not a name, or must be a
 * directory, then all of it is the directory part.  `path` must outlive
 * `where`.
 */
void	p9_path_existing(const struct p9_path *path,
	    struct monitor_where *where);

/*
 * Fills `where` with directory part and last name, for what makes, moves or
 * removes that name.  A slash after the name is left to the caller to judge.
 */
void	p9_path_entry(const struct p9_path *path, struct monitor_where *where);

#endif /* WORKER_P9_PATH_H */
