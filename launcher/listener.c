/*
 * SPDX-License-Identifier: ISC
 *
 * The guest-facing socket.  Runs in the launcher, which reads nothing from it.
 */
#include "config.h"

#include "launcher/listener.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

static int
listener_option(int fd, int name)
{
	int value;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == -1 ?
	    -errno : value;
}

static int
listener_inherit(struct listener *listener, int fd)
{
	int value;

	value = listener_option(fd, SO_DOMAIN);
	if (value == -EBADF) {
		log_error("--fd=%d: no such descriptor was inherited", fd);
		return -EBADF;
	}
	if (value != AF_UNIX || listener_option(fd, SO_TYPE) != SOCK_STREAM) {
		log_error("--fd=%d: not a stream socket of the local kind "
		    "(AF_UNIX)", fd);
		return -ENOTSOCK;
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return -errno;
	listener->fd = fd;
	listener->listening = listener_option(fd, SO_ACCEPTCONN) > 0;
	return 0;
}

/*
 * Gives the socket's file to whom the options say.  Who may write in the
 * directory may have put anything in its place: only our socket is given away,
 * by descriptor, and remembered.
 */
static int
listener_give(struct listener *listener, const struct options *options)
{
	struct stat st;
	int error = 0, fd;

	fd = openat(listener->own.dir_fd, listener->own.name,
	    O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		error = -errno;
	else if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
		error = -ESTALE;
	else if (fchownat(fd, "", options->socket_uid, options->socket_gid,
	    AT_EMPTY_PATH) == -1)
		error = -errno;
	if (error == 0)
		own_file_take(&listener->own, &st);
	if (fd != -1)
		close(fd);
	return error;
}

/* Calls bind(2) or connect(2) for a name in the socket's directory. */
static int
listener_call(const struct listener *listener, int fd,
    const struct sockaddr_un *sun,
    int (*call)(int, const struct sockaddr *, socklen_t))
{
	int cwd, error = 0;

	cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (cwd == -1 || fchdir(listener->own.dir_fd) == -1)
		error = -errno;
	else if (call(fd, (const struct sockaddr *)sun, sizeof(*sun)) == -1)
		error = -errno;
	if (cwd != -1 && fchdir(cwd) == -1 && error == 0)
		error = -errno;
	if (cwd != -1)
		close(cwd);
	return error;
}

/*
 * Removes the name if it is that of a socket which nobody has open any more.  A
 * connection to find out would take the only place of a daemon that waits for
 * one; but a datagram socket's is refused before it gets there: because nobody
 * is there (ECONNREFUSED) or because of the type (EPROTOTYPE), see unix(7).
 */
static int
listener_remove_stale(const struct listener *listener,
    const struct sockaddr_un *sun)
{
	struct stat st;
	int error, fd;

	if (fstatat(listener->own.dir_fd, listener->own.name, &st,
	    AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	error = listener_call(listener, fd, sun, connect);
	close(fd);
	if (error != -ECONNREFUSED)
		return -EADDRINUSE;
	if (unlinkat(listener->own.dir_fd, listener->own.name, 0) == -1)
		return -errno;
	log_info("socket %s: removed what another process left behind",
	    listener->own.name);
	return 0;
}

/* Binds to the name in its directory, wherever that is meanwhile. */
static int
listener_bind(const struct listener *listener,
    const struct sockaddr_un *sun, const struct options *options)
{
	mode_t old;
	int error = 0;

	/* As the programs do that it replaces; those of 9p-proxy do not. */
	if (options->protocol == WORKER_PROTOCOL_VIRTIOFS)
		error = listener_remove_stale(listener, sun);
	if (error != 0)
		return error;
	/* unix(7): what connects needs write permission on the file. */
	old = umask(options->socket_gid != (gid_t)-1 ? 0007 : 0077);
	error = listener_call(listener, listener->fd, sun, bind);
	umask(old);
	return error;
}

static int
listener_make(struct listener *listener, const struct options *options)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int error;

	error = own_file_open(&listener->own, options->socket_path);
	if (error != 0)
		return error;
	memcpy(sun.sun_path, listener->own.name,
	    strlen(listener->own.name));
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener->fd == -1)
		return -errno;
	error = listener_bind(listener, &sun, options);
	if (error == 0)
		error = listener_give(listener, options);
	if (error == 0 && listen(listener->fd, 1) == -1)
		error = -errno;
	return error;
}

int
listener_open(struct listener *listener, const struct options *options)
{
	const char *path = options->socket_path;
	int error;

	*listener = (struct listener){ .fd = -1, .own = { .dir_fd = -1 } };
	if (options->fd != -1)
		return listener_inherit(listener, (int)options->fd);
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		log_error("socket-path %s: too long, %zu bytes of at most 107",
		    path, strlen(path));
		return -ENAMETOOLONG;
	}
	listener->listening = true;
	error = listener_make(listener, options);
	if (error == -EADDRINUSE)
		log_error("socket %s: exists already%s", path,
		    options->protocol == WORKER_PROTOCOL_VIRTIOFS ?
		    ", and another process has it open or it is no socket: "
		    "give another path" :
		    ": remove it if no other daemon uses it, or give another "
		    "path");
	else if (error != 0)
		log_error("socket %s: %s", path, strerror(-error));
	if (error != 0)
		listener_close(listener);
	return error;
}

int
listener_accept(struct listener *listener)
{
	int fd;

	if (!listener->listening) {
		fd = listener->fd;
		listener->fd = -1;
		return fd;
	}
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
	return fd == -1 ? -errno : fd;
}

void
listener_peer(int fd, bool users, char *buf, size_t size)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	/* unix(7): as they were at its connect(2) or socketpair(2). */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1 ||
	    peer.pid <= 0)
		snprintf(buf, size, "a front-end");
	else if (!users)
		snprintf(buf, size, "process %d", peer.pid);
	else
		snprintf(buf, size, "process %d of user %u", peer.pid,
		    peer.uid);
}

void
listener_close(struct listener *listener)
{
	if (listener->fd != -1)
		close(listener->fd);
	listener->fd = -1;
	/* QEMU removes the file itself: by now the name may be another's. */
	own_file_remove(&listener->own, "socket");
}
