/* SPDX-License-Identifier: ISC */
/*
 * Starting and ending a virtio-fs server under test: privfsd, privfsd under
 * the name virtiofsd, the C virtiofsd, the Rust one. Test code.
 */
#ifndef REGRESS_VIRTIOFS_SERVER_H
#define REGRESS_VIRTIOFS_SERVER_H

#include "server.h"

enum virtiofs_kind {
	VIRTIOFS_PRIVFSD,	/* privfsd --protocol=virtiofs */
	VIRTIOFS_DROPIN,	/* the same program named virtiofsd, -o ... */
	VIRTIOFS_C,		/* QEMU's C virtiofsd (REAL_VIRTIOFSD) */
	VIRTIOFS_RUST		/* the command in RUST_VIRTIOFSD */
};

/* How the server gets its connection. */
enum virtiofs_socket {
	VIRTIOFS_LISTENING,	/* --fd, a listening socket (as libvirt) */
	VIRTIOFS_PATH,		/* --socket-path, its own socket */
	VIRTIOFS_CONNECTED	/* --fd, a connected one (privfsd only) */
};

struct virtiofs_server_options {
	enum virtiofs_kind	kind;
	const char		*share;
	enum virtiofs_socket	socket;
	/* A free path for the socket; not for VIRTIOFS_CONNECTED. */
	const char		*socket_path;
	/* Options that all have, in each one's spelling. */
	const char		*cache;		/* NULL: auto */
	int			xattr, readonly, writeback;
	int			thread_pool;	/* 0: not given */
	/* Further arguments as they are, ends with NULL; NULL for none. */
	const char *const	*extra;
	/* Leave it stopped before the connection: s->fd is -1. */
	int			no_connect;
};

/* From VIRTIOFS_SERVER: privfsd (default), dropin, c, rust. */
enum virtiofs_kind	virtiofs_kind_from_env(void);
const char		*virtiofs_kind_name(enum virtiofs_kind kind);

/*
 * Starts it and connects; s->fd is the front-end's end (server.h's functions
 * for waiting, logs and ends work on *s; s->kind means nothing). The dropin's
 * link is $PRIVFSD_VIRTIOFSD, made by virtiofs_env_main(). RUST_VIRTIOFSD is
 * a command with blanks between its words. 0 or -errno.
 */
int	virtiofs_server_start(struct server *s,
	    const struct virtiofs_server_options *o);
/* An option unknown to this kind ends the test; does it have one? */
int	virtiofs_has_readonly(enum virtiofs_kind kind);

#endif
