/* SPDX-License-Identifier: ISC */
/*
 * The FUSE side of the guest's kernel: requests in virtqueues, one at a time
 * or many, with every reply's header checked. Test code.
 *
 * A client is one request queue with its user, for one thread. Clients of
 * other queues of the same front-end work in parallel in other threads
 * (fuse_client_init() with another queue). A bridge that has whole FUSE
 * messages already needs only vhost_ring_add() and friends.
 */
#ifndef REGRESS_FUSE_CLIENT_H
#define REGRESS_FUSE_CLIENT_H

#include <sys/types.h>
#include <sys/uio.h>

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "fuse_extra.h"
#include "vhost_front.h"

#define FUSE_MAX_PARTS	8	/* input or output parts of a request */

/*
 * Results: 0 or a length; a negative errno that the server has sent, -1 to
 * -4095; or one of these, when the server broke the protocol or the bound.
 */
enum fuse_failure {
	FUSE_TIMEOUT	= -10000,	/* no reply; the slot is lost */
	FUSE_BAD_RING	= -10001,	/* the used ring holds nonsense */
	FUSE_NO_REPLY	= -10002,	/* returned with length 0 */
	FUSE_BAD_LENGTH	= -10003,	/* header's length is not the used */
	FUSE_BAD_UNIQUE	= -10004,
	FUSE_BAD_ERROR	= -10005,	/* positive, below -511, or with data */
	FUSE_BAD_SIZE	= -10006,	/* payload too short, long or odd */
	FUSE_NO_ROOM	= -10007,	/* does not fit into the ring */
	FUSE_GONE	= -10008	/* the server has disconnected */
};
/* Such a result in words, or the errno's name. */
const char *fuse_result_name(int result);

/* How a request's bytes are cut into descriptors. */
enum fuse_layout {
	FUSE_LAYOUT_LINUX,	/* header, arguments, data; header, reply */
	FUSE_LAYOUT_PAGES,	/* the same, data cut at each 4096 bytes */
	FUSE_LAYOUT_JOINED,	/* all in one, both ways (data is copied) */
	FUSE_LAYOUT_ODD,	/* pieces of 1, 2, 3, 5, 7, 11, 13... bytes */
	FUSE_LAYOUT_BYTES,	/* single bytes as far as the ring allows */
	FUSE_LAYOUT_COUNT
};
const char *fuse_layout_name(enum fuse_layout layout);

struct fuse_slot;

struct fuse_client {
	struct vhost_front	*front;
	struct vhost_ring	*ring;
	unsigned int		queue;		/* 1: first request queue */
	/* May be set at any time; for the following requests. */
	uint32_t		uid, gid, pid, umask;
	enum fuse_layout	layout;
	int			timeout_ms;	/* of each request */
	/* An extension block for the following creating requests. */
	const void		*ext;
	size_t			ext_len;	/* a multiple of 8 */
	/* What INIT said. */
	struct fuse_init_out	init;
	uint64_t		init_flags;
	/* Of the last reply, also of one that failed. */
	struct fuse_out_header	last;
	/* Private. */
	struct fuse_slot	*slots;
	struct fuse_slot	*free_slots;
	struct fuse_slot	*forget_slot;	/* for the hiprio ring */
	struct iovec		*segments;	/* room to cut a request up */
	unsigned int		depth, in_flight;
	uint64_t		unique;
};

/*
 * depth: how many requests may be in flight; 0: 1. Makes the slots in guest
 * memory. The credentials are those of root, pid 1.
 */
void	fuse_client_init(struct fuse_client *c, struct vhost_front *front,
	    unsigned int queue, unsigned int depth);
void	fuse_client_free(struct fuse_client *c);

/* One request. Parts may be NULL when their count is 0. */
struct fuse_call {
	uint32_t		opcode;
	uint64_t		nodeid;
	/*
	 * Arguments. Parts in guest memory are used where they lie, as data;
	 * others are copied (up to FUSE_SLOT_AREA bytes) before the data.
	 */
	const struct iovec	*in;
	size_t			in_count;
	/*
	 * Where the reply's payload goes. Same here: parts outside of the
	 * guest's memory come first, and are copied when the reply is there.
	 */
	const struct iovec	*out;
	size_t			out_count;
	/* The least payload of a success; the most is what out holds. */
	size_t			out_least;
	/* This call may carry the client's extension block. */
	int			extended;
	/* For fuse_collect(). */
	void			*user;
};
#define FUSE_SLOT_AREA	(68 * 1024)

/* One at a time: submits, kicks, waits. The payload's length or a failure.
 * Not while asynchronous ones of the same client are in flight. */
int	fuse_request(struct fuse_client *c, const struct fuse_call *call);

/*
 * Many at a time. The parts must live until it is collected, the call itself
 * need not. 0, or FUSE_NO_ROOM when no slot or descriptor is free. The server
 * sees it at once; fuse_kick() wakes it, once for many.
 */
int	fuse_submit(struct fuse_client *c, const struct fuse_call *call);
void	fuse_kick(struct fuse_client *c);
/* One completion: 1 with the call's user and its result; 0 when none came
 * within the bound (0: does not wait); FUSE_BAD_RING; FUSE_GONE. */
int	fuse_collect(struct fuse_client *c, void **user, int *result,
	    int timeout_ms);

/*
 * Any bytes as a request, any room for the reply, in the client's layout;
 * reply gets all of it. The used length, or a failure; nothing is checked.
 */
int	fuse_raw(struct fuse_client *c, const void *request, size_t len,
	    void *reply, size_t room);

/* INIT with these flags (see <linux/fuse.h>); minor 0: 38. */
struct fuse_init_options {
	uint32_t	minor;
	uint64_t	flags;
	uint32_t	max_readahead;	/* 0: 128 KiB */
};
/* What Linux 6.1 offers. */
uint64_t fuse_default_init_flags(void);
int	fuse_init(struct fuse_client *c, const struct fuse_init_options *o);
int	fuse_destroy(struct fuse_client *c);

/*
 * FORGET and BATCH_FORGET go to the high priority queue, have no reply, and
 * return when the server has given the buffer back: 0 or FUSE_TIMEOUT. Safe
 * for several clients in several threads.
 */
int	fuse_forget(struct fuse_client *c, uint64_t nodeid,
	    uint64_t nlookup);
int	fuse_batch_forget(struct fuse_client *c,
	    const struct fuse_forget_one *list, uint32_t count);

/*
 * One function per operation. Names are NUL terminated; fuse_named() sends
 * any bytes for the operations that take one. All return as fuse_request().
 */
int	fuse_lookup(struct fuse_client *c, uint64_t parent, const char *name,
	    struct fuse_entry_out *entry);
/* Any opcode that is a struct (NULL: none) and then these bytes. */
int	fuse_named(struct fuse_client *c, uint32_t opcode, uint64_t nodeid,
	    const void *arg, size_t arg_len, const void *bytes, size_t len,
	    void *out, size_t out_len);
int	fuse_getattr(struct fuse_client *c, uint64_t nodeid,
	    struct fuse_attr_out *attr);
int	fuse_getattr_fh(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
	    struct fuse_attr_out *attr);
int	fuse_statx(struct fuse_client *c, uint64_t nodeid, uint32_t flags,
	    uint32_t mask, struct test_statx_out *out);
int	fuse_setattr(struct fuse_client *c, uint64_t nodeid,
	    const struct fuse_setattr_in *arg, struct fuse_attr_out *attr);
int	fuse_chmod(struct fuse_client *c, uint64_t nodeid, uint32_t mode);
int	fuse_chown(struct fuse_client *c, uint64_t nodeid, uint32_t uid,
	    uint32_t gid);	/* 0xffffffff: not this one */
int	fuse_truncate(struct fuse_client *c, uint64_t nodeid, uint64_t size);
/* size bytes of room; returns the length, without a NUL. */
int	fuse_readlink(struct fuse_client *c, uint64_t nodeid, char *out,
	    size_t size);
int	fuse_symlink(struct fuse_client *c, uint64_t parent,
	    const char *name, const char *target,
	    struct fuse_entry_out *entry);
int	fuse_mknod(struct fuse_client *c, uint64_t parent, const char *name,
	    uint32_t mode, uint32_t rdev, struct fuse_entry_out *entry);
int	fuse_mkdir(struct fuse_client *c, uint64_t parent, const char *name,
	    uint32_t mode, struct fuse_entry_out *entry);
int	fuse_unlink(struct fuse_client *c, uint64_t parent,
	    const char *name);
int	fuse_rmdir(struct fuse_client *c, uint64_t parent, const char *name);
int	fuse_rename(struct fuse_client *c, uint64_t parent, const char *name,
	    uint64_t new_parent, const char *new_name);
int	fuse_rename2(struct fuse_client *c, uint64_t parent,
	    const char *name, uint64_t new_parent, const char *new_name,
	    uint32_t flags);
int	fuse_link(struct fuse_client *c, uint64_t nodeid, uint64_t parent,
	    const char *name, struct fuse_entry_out *entry);
int	fuse_open(struct fuse_client *c, uint64_t nodeid, uint32_t flags,
	    struct fuse_open_out *open);
int	fuse_create(struct fuse_client *c, uint64_t parent, const char *name,
	    uint32_t flags, uint32_t mode, struct fuse_entry_out *entry,
	    struct fuse_open_out *open);
int	fuse_tmpfile(struct fuse_client *c, uint64_t parent, uint32_t flags,
	    uint32_t mode, struct fuse_entry_out *entry,
	    struct fuse_open_out *open);
/* Data in guest memory is not copied. The length read or written. */
int	fuse_read(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
	    uint64_t offset, void *out, uint32_t size);
int	fuse_readv(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
	    uint64_t offset, const struct iovec *out, size_t count);
int	fuse_write(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
	    uint64_t offset, const void *data, uint32_t size);
int	fuse_writev(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
	    uint64_t offset, const struct iovec *data, size_t count,
	    uint32_t write_flags, uint32_t open_flags);
int	fuse_release(struct fuse_client *c, uint64_t nodeid, uint64_t fh);
int	fuse_releasedir(struct fuse_client *c, uint64_t nodeid, uint64_t fh);
int	fuse_flush(struct fuse_client *c, uint64_t nodeid, uint64_t fh);
int	fuse_fsync(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
	    int datasync);
int	fuse_fsyncdir(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
	    int datasync);
int	fuse_opendir(struct fuse_client *c, uint64_t nodeid,
	    struct fuse_open_out *open);
/* out may be in guest memory; the length of what struct fuse_dir reads. */
int	fuse_readdir(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
	    uint64_t offset, void *out, uint32_t size);
int	fuse_readdirplus(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
	    uint64_t offset, void *out, uint32_t size);
int	fuse_statfs(struct fuse_client *c, uint64_t nodeid,
	    struct fuse_kstatfs *st);
int	fuse_fallocate(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
	    uint32_t mode, uint64_t offset, uint64_t len);
int	fuse_lseek(struct fuse_client *c, uint64_t nodeid, uint64_t fh,
	    uint64_t offset, uint32_t whence, uint64_t *out);
int	fuse_copy_file_range(struct fuse_client *c,
	    const struct fuse_copy_file_range_in *arg, uint64_t nodeid);
int	fuse_syncfs(struct fuse_client *c, uint64_t nodeid);
int	fuse_access(struct fuse_client *c, uint64_t nodeid, uint32_t mask);
/* size 0 asks for the length. */
int	fuse_getxattr(struct fuse_client *c, uint64_t nodeid,
	    const char *name, void *out, uint32_t size);
int	fuse_listxattr(struct fuse_client *c, uint64_t nodeid, void *out,
	    uint32_t size);
int	fuse_setxattr(struct fuse_client *c, uint64_t nodeid,
	    const char *name, const void *value, uint32_t size,
	    uint32_t flags);
int	fuse_removexattr(struct fuse_client *c, uint64_t nodeid,
	    const char *name);

/* Takes a reply of READDIR or READDIRPLUS apart. */
struct fuse_dir {
	const uint8_t	*data;
	size_t		len, at;
	int		plus;
};
struct fuse_dir_entry {
	uint64_t		ino;
	uint64_t		off;
	uint32_t		type;		/* DT_* */
	uint32_t		namelen;
	char			name[256];	/* NUL terminated */
	struct fuse_entry_out	entry;		/* with READDIRPLUS */
};
/* 1 with an entry, 0 at the end, FUSE_BAD_SIZE for what is malformed. */
int	fuse_dir_next(struct fuse_dir *d, struct fuse_dir_entry *e);

#endif
