/* SPDX-License-Identifier: ISC */
/*
 * Starting and ending a 9p-proxy server under test: privfsd, privfsd under
 * the name virtfs-proxy-helper, or QEMU's own helper. What is not about 9p
 * serves virtio-fs servers as well (virtiofs_server.h). Test code.
 */
#ifndef REGRESS_SERVER_H
#define REGRESS_SERVER_H

#include <sys/stat.h>
#include <sys/types.h>

#include <limits.h>
#include <stddef.h>

enum server_kind {
	SERVER_PRIVFSD,		/* privfsd --protocol=9p-proxy ... */
	SERVER_DROPIN,		/* the same program by the helper's name */
	SERVER_HELPER		/* QEMU's virtfs-proxy-helper */
};

struct server_options {
	enum server_kind	kind;
	const char		*share;
	/* Path of the listening socket; NULL for an inherited socketpair. */
	const char		*socket_path;
	/* Further arguments, ends with NULL; NULL for none. */
	const char *const	*extra;
};

struct server {
	enum server_kind	kind;
	pid_t			pid;	/* -1 when there is none */
	int			fd;	/* the client's end, -1 when closed */
	int			log_fd;
	/* The server's end of a socketpair, to know it in /proc. */
	struct stat		inherited;
};

/* A command line under construction. */
struct server_arguments {
	const char	*argv[48];	/* ends with NULL */
	size_t		count;
	char		text[1024 + 3 * PATH_MAX];
	size_t		used;
};

/* A bound for what hangs; a busy machine may take seconds. */
#define SERVER_TIMEOUT_MS	60000
/* Exit "status" of a server that had to be killed by server_stop(). */
#define SERVER_HUNG		1000

/* From SERVER in the environment: privfsd (default), dropin, helper. */
enum server_kind	server_kind_from_env(void);
/*
 * Full paths of the programs; they end the test when one is missing. The
 * link for SERVER_DROPIN is made by the fixture (PRIVFSD_DROPIN).
 */
const char		*server_program(enum server_kind kind);
const char		*server_worker_program(void);
/* The program that an environment variable names, or this one otherwise.
 * out: PATH_MAX bytes; returned. */
const char		*server_resolve(const char *variable,
			    const char *otherwise, char *out);
/* Adds one argument; ends the test when they are too many. */
void			server_argument(struct server_arguments *a,
			    const char *fmt, ...)
			    __attribute__((format(printf, 2, 3)));

/*
 * Starts a server. With a socket path, waits until it is there and connects.
 * The first request's answer says that the server is ready. 0 or -errno.
 */
int	server_start(struct server *s, const struct server_options *o);

/*
 * Runs a program with stdout and stderr in *log (caller closes), standard
 * input from /dev/null and the descriptor keep left open as number keep_as
 * (-1: none). Returns the pid. argv[0] is the program's path.
 */
pid_t	server_spawn(const char *const *argv, int keep, int keep_as,
	    int *log_fd);

/* Waits for a child's end: exit status, 128 + signal, or SERVER_HUNG. */
int	server_wait(pid_t pid, int timeout_ms);
/* The same, and one that does not end is killed. */
int	server_wait_or_kill(pid_t pid, int timeout_ms);

/* Closes the client's end. */
void	server_disconnect(struct server *s);
/* Disconnects, waits for the end (killing after a bound), returns status. */
int	server_stop(struct server *s);
/* The log can be read until then. */
void	server_close_log(struct server *s);

/* All that was logged so far; static storage, cut when it is too long. */
const char	*server_log_text(int log_fd);
/* Waits for a text in the log: lines of monitor and worker come by way of the
 * launcher. 1, or 0 if it has not come within the bound. */
int	server_wait_log(int log_fd, const char *text);

/* Connects to a listening socket that appears within the bound. */
int	server_connect(const char *path, int timeout_ms);

/* Worker and monitor below a privfsd launcher; -1 for one not found. */
void	server_find(pid_t launcher, pid_t *monitor, pid_t *worker);

/* The open descriptors of all its processes together. */
size_t	server_count_fds(const struct server *s);

#endif
