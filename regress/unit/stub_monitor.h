/*
 * SPDX-License-Identifier: ISC
 *
 * For tests: a lane without a process behind it.  It is completed at once, in
 * place, by the monitor's own checks (monitor/dispatch.c) and by operations
 * that do nothing but answer what the test wants.  A program that links it
 * links neither common/lane.c nor the monitor's op_ files.
 */
#ifndef REGRESS_UNIT_STUB_MONITOR_H
#define REGRESS_UNIT_STUB_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/lane.h"
#include "common/monitor_proto.h"
#include "monitor/dispatch.h"

struct stub_monitor {
	struct lane		 lane;		/* give this to the worker */
	/* What to answer. */
	int			 error;
	int			 unlink_error;	/* of UNLINK, in its place */
	bool			 no_fd;		/* success without one */
	int			 extra;		/* data beyond what is wanted */
	uint32_t		 data_len;	/* of READLINK and xattrs */
	uint32_t		 size;		/* of xattrs, if asked for it */
	struct monitor_attr	 attr;
	struct monitor_statfs	 statfs;
	uint32_t		 generation;
	unsigned int		 naming;	/* MONITOR_BY_* */
	uint64_t		 handle;	/* of what answers with one */
	int			 file_fd;	/* -1, or what OPEN answers
						   with a duplicate of */
	unsigned int		 ndirents;	/* of READDIR: "entry-0"... */
	bool			 too_many;	/* all, even if none fits */
	/* What was asked. */
	const char		*wrong;		/* the first broken rule */
	unsigned int		 count;		/* requests */
	uint64_t		 forgotten;	/* counts of FORGETs, added */
	struct op		 op;		/* the last */
	enum lane_owed		 owed;
};

/* By handle, every handle is live but this one; by path, only the root's. */
#define STUB_DEAD_HANDLE	UINT64_C(0xdeaddead00000007)

/* The one monitor of the test. */
extern struct stub_monitor stub_monitor;

/* Forgets all, and answers success from now on. */
void	stub_monitor_reset(void);

/* Returns place `i` of the last request as "directory part|name". */
const char
	*stub_monitor_place(int i);

#endif /* REGRESS_UNIT_STUB_MONITOR_H */
