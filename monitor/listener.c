/*
 * SPDX-License-Identifier: ISC
 *
 * The guest-facing socket.  Runs in the launcher, which reads nothing from it.
 */
#include "config.h"

#include "monitor/listener.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
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

/* Gives the socket's file to whom the options say, and remembers it. */
static int
listener_give(struct listener *listener, const struct options *options)
{
	struct stat st;

	/* Absolute: the launcher will change its working directory. */
	listener->path = realpath(options->socket_path, NULL);
	if (listener->path == NULL || lstat(listener->path, &st) == -1)
		goto fail;
	listener->dev = st.st_dev;
	listener->ino = st.st_ino;
	if (lchown(listener->path, options->socket_uid,
	    options->socket_gid) == 0)
		return 0;
fail:
	log_error("socket %s: owner: %s", options->socket_path,
	    strerror(errno));
	return -errno;
}

static int
listener_bind(struct listener *listener, const struct options *options)
{
	const char *path = options->socket_path;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t old;
	int error = 0;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		log_error("socket %s: the path has %zu bytes, at most %zu are "
		    "possible", path, strlen(path), sizeof(sun.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(sun.sun_path, path, strlen(path));
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener->fd == -1)
		return -errno;
	/* unix(7): what connects needs write permission on the file. */
	old = umask(options->socket_gid != (gid_t)-1 ? 0007 : 0077);
	if (bind(listener->fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		error = -errno;
	umask(old);
	if (error == -EADDRINUSE)
		log_error("socket %s: exists already: remove it if no other "
		    "daemon uses it, or give another path", path);
	else if (error != 0)
		log_error("socket %s: %s", path, strerror(-error));
	return error;
}

int
listener_open(struct listener *listener, const struct options *options)
{
	int error;

	*listener = (struct listener){ .fd = -1 };
	if (options->fd != -1)
		return listener_inherit(listener, (int)options->fd);
	error = listener_bind(listener, options);
	if (error == 0)
		error = listener_give(listener, options);
	if (error == 0 && listen(listener->fd, 1) == -1) {
		error = -errno;
		log_error("socket %s: %s", options->socket_path,
		    strerror(errno));
	}
	listener->listening = true;
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
	if (fd == -1)
		return -errno;
	listener_close(listener);
	return fd;
}

void
listener_close(struct listener *listener)
{
	struct stat st;

	if (listener->fd != -1)
		close(listener->fd);
	listener->fd = -1;
	if (listener->path == NULL)
		return;
	/* QEMU removes the file itself: by now the name may be another's. */
	if (fstatat(AT_FDCWD, listener->path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == listener->dev && st.st_ino == listener->ino &&
	    unlinkat(AT_FDCWD, listener->path, 0) == -1)
		log_warn("socket %s: cannot be removed: %s", listener->path,
		    strerror(errno));
	free(listener->path);
	listener->path = NULL;
}
