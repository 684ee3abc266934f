/* SPDX-License-Identifier: ISC */
/*
 * Shares of all kinds, as to what identifies an inode: ext4, which gives its
 * number away at once; overlayfs, which copies a file up when it is first
 * changed; btrfs with subvolumes and snapshots; the same tree twice. Test code;
 * for fixture_main()'s namespace.
 */
#ifndef REGRESS_GROUND_H
#define REGRESS_GROUND_H

#include "fixture.h"

#define GROUND_FILES	20

struct ground_kind;

struct ground {
	const struct ground_kind	*kind;
	const struct fixture		*f;
	char				base[96];	/* of its own */
	struct fixture_share		share;
};

/*
 * Makes it; tree/ has what is of interest:
 *
 *	file		"file"		once		"once"
 *	link-me		"link-me"	dir/inside	"inside"
 *	link -> file
 *	hard-1, hard-2	"hard", one file	dir/0, ...	"1", GROUND_FILES
 *
 * again/ is the same tree by another way, if `twice`. What is missing for it
 * is in share.missing then.
 */
struct ground_kind {
	const char	*name;
	const char	*(*make)(struct ground *g);	/* what is missing */
	const char	*options;
	int		far;		/* the layers are on different ones */
	int		twice;
};

extern const struct ground_kind ground_kinds[];
extern const size_t ground_kinds_count;

void	ground_make(struct ground *g, const struct fixture *f,
	    const struct ground_kind *kind);

#endif
