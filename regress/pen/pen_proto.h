/*
 * SPDX-License-Identifier: ISC
 *
 * What the fake worker is told, over the connection that a front-end would
 * have, and what it answers.  Test code.
 */
#ifndef REGRESS_PEN_PEN_PROTO_H
#define REGRESS_PEN_PEN_PROTO_H

#include <stdint.h>

#include "common/monitor_proto.h"

/*
 * Variants of the fake worker: what follows the last dot in the name that it is
 * executed by.
 */
#define PEN_PLAIN	"plain"		/* not locked up at all */
#define PEN_LOCKED	"locked"	/* as the real worker is */
#define PEN_EXIT	"exit"		/* ends at once, with status 0 */
#define PEN_ABORT	"abort"		/* dies before it is ready */
#define PEN_READY_TWICE	"readytwice"	/* says it for the monitor too */
#define PEN_CHATTY	"chatty"	/* logs lines until it is connected */

enum pen_command_type {
	PEN_SPOILED,	/* a: operation, b: number of the spoil */
	PEN_RELAY,	/* bytes: struct monitor_request, payload */
	PEN_ATTACK	/* a: enum pen_attack, b: its argument */
};

struct pen_command {
	uint32_t	type;
	uint32_t	a;
	uint32_t	b;
	uint32_t	len;	/* of the bytes that follow */
};

/* PEN_RELAY: value is 0, bytes are the reply and its data. */
struct pen_answer {
	int64_t		value;
	uint32_t	len;	/* of the bytes that follow */
	uint32_t	has_fd;
};

#define PEN_BYTES_MAX	(sizeof(struct monitor_request) +		\
			    sizeof(struct monitor_reply) + MONITOR_PAYLOAD_MAX)

/* What each answers is beside it; those that end everything say nothing. */
enum pen_attack {
	ATTACK_OWED,		/* sets the word; 0 */
	ATTACK_RING_SLOT,	/* submits that slot number */
	ATTACK_RING_TAIL,	/* moves the tail by so much */
	ATTACK_SAME_SLOT,	/* submits one slot in all places: how many
				   completions came */
	ATTACK_LANE_SEND,	/* errno of sending to the monitor, with
				   so many descriptors */
	ATTACK_MEMORY,		/* how many changes of size or seals worked */
	ATTACK_SHUTDOWN,	/* shuts the lane's socket, opens files; 0 if
				   all were answered */
	ATTACK_NO_RECEIVE,	/* opens files and never receives them */
	ATTACK_DOORBELLS,	/* asks for doorbells, never receives: how many
				   requests worked */
	ATTACK_BELL,		/* the same with a bell that is full */
	ATTACK_SCRIBBLE,	/* on the whole memory, with good requests:
				   how many were answered */
	ATTACK_SCRIBBLE_REPLIES, /* only where nobody should read: how many
				    requests were answered rightly */
	ATTACK_RACE,		/* enum pen_race: how many were answered */
	ATTACK_CHANNEL_FDS,	/* sends descriptors to the launcher */
	ATTACK_CHANNEL_SIZES,	/* packets of all lengths */
	ATTACK_CHANNEL_TYPES,	/* messages that are none, or not a worker's */
	ATTACK_CHANNEL_LEVELS,	/* log lines of levels that are none */
	ATTACK_CHANNEL_LINES,	/* lines that are none */
	ATTACK_CHANNEL_FLOOD,	/* that many lines; 0: for ever */
	ATTACK_CHANNEL_CLOSE,	/* 0, and goes on without a channel */
	ATTACK_EXIT,		/* with that status */
	ATTACK_SIGNAL,		/* kills itself with that signal */
	ATTACK_SYSCALL,		/* that system call, with bad arguments */
	ATTACK_PEERS,		/* enum pen_peer: errno, 0 if it worked */
	ATTACK_STORM,		/* enum pen_storm: how much was wrong, -1 if
				   there was no answer */
	ATTACK_THREAD		/* enum pen_thread: errno, 0 if it worked */
};

/*
 * By handle: several threads, each with a lane of its own, at the same time.
 * What they must find in the directory "dir" is made by pen_handle.c.
 */
enum pen_storm {
	STORM_FORGET,	/* used, forgotten, the descriptor's number reused */
	STORM_RESET,	/* RESET against everything */
	STORM_STREAM,	/* one stream read and released by several */
	STORM_LATE,	/* read by READDIRPLUS, used later */
	STORM_CREATE,	/* things made and given away */
	STORM_EXHAUST,	/* every lane, everything up to its limit */
	STORM_SCRIBBLE	/* on the memory of the lanes in use */
};

/* Threads and executable memory, once locked up. */
enum pen_thread {
	THREAD_WORKS,		/* begins and ends */
	THREAD_OPENS,		/* makes a call that is forbidden */
	THREAD_CLONE3,		/* asks for ENOSYS */
	THREAD_FORK,		/* clone(2) without a thread's flags */
	THREAD_NAMESPACE,	/* with one flag more */
	THREAD_MMAP_EXEC,
	THREAD_MPROTECT_EXEC
};

/* Owners that only the storms give: each to one name, or one kind. */
#define STORM_OWNER_FORGET	2000	/* and the number of "k" */
#define STORM_OWNER_LATE	3000
#define STORM_OWNER_CREATE	4000	/* and the number of the thread */
#define STORM_KEYS		4	/* files "k0" and on */
#define STORM_MANY		3000	/* files "n0" and on in "many" */

/* What changes in a request while the monitor reads it. */
enum pen_race {
	RACE_OP_GOOD,		/* GETATTR and STATFS */
	RACE_NAME_GOOD,		/* of a file and of none */
	RACE_SPLIT_GOOD,	/* path and name, of the same bytes */
	RACE_FLAGS_GOOD,	/* SETATTR of the mode and of nothing */
	RACE_XATTR_GOOD,	/* length of the name within the data */
	RACE_GOOD,		/* the first that is not good: */
	RACE_OP = RACE_GOOD,
	RACE_NAME_DOTS,
	RACE_NAME_SLASH,
	RACE_NAME_NUL,
	RACE_NAME_LEN,
	RACE_PATH_NUL,
	RACE_PATH_LEN,
	RACE_DATA_LEN,
	RACE_PAD,
	RACE_HANDLE,
	RACE_FLAGS,
	RACE_TAIL_ARGS,
	RACE_XATTR_LEN,
	RACE_SLOT,
	RACES
};

/* What a worker may try to do to others.  PEERS_OTHER_ID: with an id of its
 * own. */
#define PEERS_OTHER_ID	PEER_TRACE_PARENT
enum pen_peer {
	PEER_KILL_PARENT,	/* kill(getppid(), 0) */
	PEER_KILL_OTHERS,	/* kill(2) to each number up to 32768 */
	PEER_PTRACE,
	PEER_READ_MEMORY,	/* process_vm_readv(2) */
	PEER_PIDFD,
	PEER_PROC,		/* open /proc */
	PEER_ROOT_WRITE,	/* make a file in the root */
	PEER_ROOT_EMPTY,	/* find one there: ENOENT */
	PEER_UP,		/* what is above the root: ENOENT */
	PEER_MOUNT,
	PEER_UNSHARE,
	PEER_SETUID,
	PEER_SETNS,
	/* Where all is seen and has the same user id: */
	PEER_TRACE_PARENT,
	PEER_PARENT_MEMORY,	/* process_vm_readv(2) */
	PEER_PARENT_PROC,	/* open its /proc/PID/mem, or a descriptor */
	PEERS
};

#endif /* REGRESS_PEN_PEN_PROTO_H */
