/* SPDX-License-Identifier: ISC */
/*
 * fdlisten PATH PROGRAM...: become a program that inherits a socket which
 * listens on PATH, with a backlog of one, as libvirt starts a daemon. "{fd}" in
 * an argument is replaced by the number of the descriptor. Test tool, trusts
 * its arguments.
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
listen_on(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		errx(2, "%s: too long", path);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd == -1)
		err(1, "socket");
	if (bind(fd, (const struct sockaddr *)&address,
	    sizeof(address)) == -1)
		err(1, "%s", path);
	if (listen(fd, 1) == -1)
		err(1, "listen");
	return fd;
}

int
main(int argc, char *argv[])
{
	const char *mark;
	int fd, i;

	if (argc < 3)
		errx(2, "usage: fdlisten PATH PROGRAM...");
	fd = listen_on(argv[1]);
	for (i = 2; i < argc; i++) {
		mark = strstr(argv[i], "{fd}");
		if (mark != NULL && asprintf(&argv[i], "%.*s%d%s",
		    (int)(mark - argv[i]), argv[i], fd,
		    mark + strlen("{fd}")) == -1)
			err(1, "asprintf");
	}
	execvp(argv[2], argv + 2);
	err(127, "%s", argv[2]);
}
