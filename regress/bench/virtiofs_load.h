/* SPDX-License-Identifier: ISC */
/*
 * Keeps a virtio-fs server busy: so many requests in flight on one request
 * queue, each of them a step of some operation that is repeated. Requests are
 * laid out in the guest's memory as Linux's driver does it. Bench code.
 */
#ifndef REGRESS_VIRTIOFS_LOAD_H
#define REGRESS_VIRTIOFS_LOAD_H

#include <sys/uio.h>

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "fuse_client.h"

#define LOAD_DEPTH	16			/* slots of a queue */
#define LOAD_QUEUES	4
#define LOAD_PAGE	4096u
#define LOAD_DATA	(1u << 20)		/* of a slot */
#define LOAD_FILE	(8u << 20)		/* size of a file of data */
#define LOAD_ENTRIES	1000			/* in the long directory */
#define LOAD_SAMPLES	65536
#define LOAD_HIPRIO	1024

struct load_slot;

/* What is repeated: one or more requests that leave the share as it was. */
struct load_op {
	const char	*label;
	/* Why it does not count in the mean; NULL: it does. */
	const char	*apart;
	size_t		size;			/* of data or of a reply */
	/* Before and after, by requests that are not measured; or NULL. */
	void		(*prepare)(struct load_slot *);
	void		(*clean)(struct load_slot *);
	/* Builds the next request (the slot's step is its number) and returns
	 * 1, or returns 0: this was the last reply. */
	int		(*next)(struct load_slot *);
	/* After each of them, not measured at depth 1; or NULL. */
	void		(*end)(struct load_slot *);
};

/* The hiprio queue of a connection: FORGETs on their way. */
struct load_forgets {
	pthread_mutex_t		lock;
	struct vhost_ring	*ring;
	uint8_t			*free[LOAD_HIPRIO];
	size_t			free_count;
	uint64_t		unique;
};

struct load_slot {
	struct load_queue	*queue;
	unsigned int		number;		/* in all queues */
	unsigned int		step;
	uint64_t		started;
	/* The request and where its reply goes, in guest memory. */
	uint8_t			*request, *reply, *data;
	struct iovec		out[2 + LOAD_DATA / LOAD_PAGE];
	struct iovec		in[2 + LOAD_DATA / LOAD_PAGE];
	size_t			out_count, in_count;
	int			want;		/* 0 or -errno */
	uint32_t		want_len;	/* 0: any */
	uint32_t		len;		/* of the last reply */
	/* What the operations remember. */
	uint64_t		dir, file;	/* node ids */
	uint64_t		node, fh, offset;
	uint64_t		lookups, turn;
	uint64_t		found[LOAD_ENTRIES + 2];
	size_t			found_count;
};

/* One request queue with its user. */
struct load_queue {
	const struct load	*load;
	struct fuse_client	client;		/* for what is not measured */
	struct vhost_ring	*ring;
	struct load_forgets	*forgets;
	const struct load_op	*op;
	uint64_t		unique, random, offset;
	uint64_t		data, many;	/* node ids */
	struct load_slot	slot[LOAD_DEPTH];
	unsigned int		depth;
	/* Of the last run. */
	uint64_t		cycles, elapsed_ns;
	uint32_t		*sample;	/* ns of each repetition */
	size_t			samples;
};

struct load_result {
	uint64_t	cycles;
	double		us;		/* per repetition, all together */
	double		p50_us;		/* of one */
};

/* A connection with all its queues. */
struct load {
	const char		*name;		/* the server's */
	int			log_fd;		/* what it has said; borrowed */
	struct vhost_front	front;
	struct load_forgets	forgets;
	struct load_queue	*queue;		/* an array of queues */
	unsigned int		queues;
};

/* Sets up the device on a server's socket (taken over), up to INIT. */
void	load_open(struct load *l, const char *name, int sock, int log_fd,
	    unsigned int queues);
/* All is looked up that the operations start from; needs the share. */
void	load_lookup(struct load *l);
void	load_close(struct load *l);

/* Repeats op for some time at this depth, on all queues at once. */
void	load_begin(struct load *l, const struct load_op *op,
	    unsigned int depth);
void	load_run(struct load *l, uint64_t ns, struct load_result *result);
void	load_end(struct load *l);

/* For operations: builds a request. Returns its arguments, all zero. */
void	*load_request(struct load_slot *s, uint32_t opcode, uint64_t nodeid,
	    size_t arg_len);
/* Names go behind the arguments. */
void	load_name(struct load_slot *s, const char *name);
/* So much reply is wanted, exactly; data, in pages, to or from the server. */
void	load_reply(struct load_slot *s, size_t len);
void	load_pages_out(struct load_slot *s, size_t len);
void	load_pages_in(struct load_slot *s, size_t len);
/* The payload of the last reply. */
const void	*load_payload(const struct load_slot *s);
/* Sends a FORGET, does not wait; and waits until there are none. */
void	load_forget(struct load_slot *s, uint64_t nodeid, uint64_t count);
void	load_forgets_drain(struct load_forgets *f);

uint64_t	load_now_ns(void);
uint64_t	load_random(struct load_queue *q);

#endif
