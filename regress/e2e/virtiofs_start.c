/* SPDX-License-Identifier: ISC */
/*
 * virtio-fs: what a start finds and leaves. The socket's file, stale ones and
 * live ones, what libvirt starts and holds, limits, words of both other
 * programs that are refused. Test code; runs as root.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "virtiofs_suite.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define GROUP		4321

static const char *share;
static char socket_path[160], comma_path[200];

/* Makes what is refused or printed, and is over at once. */
static int
run(const char *const *args, char *out, size_t size)
{
	const char *argv[16] = { args[0], "--worker-path",
	    server_worker_program() };
	int log_fd, status;
	pid_t pid;

	for (size_t n = 1; args[n] != NULL; n++)
		argv[n + 2] = args[n];
	pid = server_spawn(argv, -1, -1, &log_fd);
	status = server_wait_or_kill(pid, SERVER_TIMEOUT_MS);
	snprintf(out, size, "%s", server_log_text(log_fd));
	close(log_fd);
	return status;
}

#define RUN(out, ...)							\
	run((const char *const []){ __VA_ARGS__, NULL }, out, sizeof(out))

static void
start(struct server *s, const struct virtiofs_server_options *o)
{
	if (virtiofs_server_start(s, o) != 0)
		tap_bail("cannot start the server");
}

/* Ends one that nobody has connected to. */
static void
end(struct server *s, const char *what)
{
	kill(s->pid, SIGTERM);
	tap_is_int(server_wait_or_kill(s->pid, SERVER_TIMEOUT_MS), 0,
	    "%s: exit status after SIGTERM", what);
	server_close_log(s);
}

/* The front-end's side of all that comes before the first request. */
static void
is_serving(struct server *s, const char *what)
{
	const struct vhost_options options = { 0 };
	struct vhost_front front;
	int error;

	error = vhost_front_setup(&front, s->fd, &options);
	tap_is_int(error, 0, "%s: vhost-user and its rings", what);
	if (error == 0)
		vhost_front_close(&front);
	s->fd = -1;
	tap_is_int(server_stop(s), 0, "%s: exit status after the end", what);
	if (error != 0)
		tap_diag("%s", server_log_text(s->log_fd));
	server_close_log(s);
}

/* A socket's file that nobody has open. */
static void
make_stale(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		tap_bail("socket %s", path);
	strcpy(address.sun_path, path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		tap_bail("bind %s: %s", path, strerror(errno));
	close(fd);
}

static void
test_socket(void)
{
	static const char *const group[] = { "--socket-group=4321", NULL };
	struct virtiofs_server_options o = { .share = share,
	    .socket = VIRTIOFS_PATH, .socket_path = socket_path,
	    .no_connect = 1 };
	struct server s;
	struct stat st;

	start(&s, &o);
	tap_ok(server_wait_log(s.log_fd, "by virtio-fs; launcher"),
	    "socket: it says that it is ready");
	host_lstat(socket_path, &st);
	tap_is_oct(st.st_mode, S_IFSOCK | 0700, "socket: its owner's");
	end(&s, "socket");
	tap_ok(!host_exists(socket_path), "socket: its name is removed");

	o.extra = group;
	o.no_connect = 0;
	make_stale(socket_path);
	start(&s, &o);
	tap_ok(server_wait_log(s.log_fd, "left behind"),
	    "socket: a stale one is replaced, and said so");
	is_serving(&s, "stale socket");
	tap_ok(!host_exists(socket_path), "stale socket: its name is removed");

	o.no_connect = 1;
	start(&s, &o);
	tap_ok(server_wait_log(s.log_fd, "ready"), "socket group: ready");
	host_lstat(socket_path, &st);
	tap_is_oct(st.st_mode, S_IFSOCK | 0770, "socket group: its mode");
	tap_is_int(st.st_gid, GROUP, "socket group: its group");
	end(&s, "socket group");
}

/* Who waits keeps its place, and does not notice. */
static void
test_live_socket(void)
{
	const struct virtiofs_server_options o = { .share = share,
	    .socket = VIRTIOFS_PATH, .socket_path = socket_path,
	    .no_connect = 1 };
	char said[4096], from[256], dir[256];
	struct server s;

	snprintf(from, sizeof(from), "--socket-path=%s", socket_path);
	snprintf(dir, sizeof(dir), "--shared-dir=%s", share);
	start(&s, &o);
	tap_ok(server_wait_log(s.log_fd, "ready"), "live socket: ready");
	for (int i = 0; i < 2; i++) {
		tap_is_int(RUN(said, server_program(SERVER_PRIVFSD),
		    "--protocol=virtiofs", dir, from), 1,
		    "live socket: a second daemon ends");
		tap_ok(strstr(said, "another process has it open") != NULL,
		    "live socket: and says why");
	}
	s.fd = server_connect(socket_path, SERVER_TIMEOUT_MS);
	tap_ok(s.fd >= 0, "live socket: the first still waits");
	is_serving(&s, "live socket");

	host_write(socket_path, "content", 0600, 0, 0);
	tap_is_int(RUN(said, server_program(SERVER_PRIVFSD),
	    "--protocol=virtiofs", dir, from), 1, "a file in its place: "
	    "exit status");
	tap_is_str(host_read(socket_path), "content",
	    "a file in its place stays");
	unlink(socket_path);
}

/* As libvirt does it: a listening socket, and a pid file to be held. */
static void
test_libvirt(void)
{
	const struct virtiofs_server_options o = { .kind = VIRTIOFS_DROPIN,
	    .share = comma_path, .socket = VIRTIOFS_LISTENING,
	    .socket_path = socket_path, .cache = "always", .xattr = 1,
	    .thread_pool = 16 };
	char pid_file[256], link[64], target[256];
	pid_t monitor, worker;
	struct server s;
	int fds[512], fd, held = 0;
	size_t n;

	snprintf(pid_file, sizeof(pid_file), "%s.pid", socket_path);
	fd = open(pid_file, O_RDWR | O_CREAT, 0600);	/* inherited */
	if (fd < 0)
		tap_bail("%s", pid_file);
	start(&s, &o);
	tap_ok(server_wait_log(s.log_fd, "ready"), "libvirt: ready");
	n = procs_fds(s.pid, fds, COUNT(fds));
	for (size_t i = 0; i < n; i++) {
		snprintf(link, sizeof(link), "fd/%d", fds[i]);
		procs_link(s.pid, link, target, sizeof(target));
		held += strcmp(target, pid_file) == 0;
	}
	server_find(s.pid, &monitor, &worker);
	n = procs_fds(worker, fds, COUNT(fds));
	for (size_t i = 0; i < n; i++) {
		snprintf(link, sizeof(link), "fd/%d", fds[i]);
		procs_link(worker, link, target, sizeof(target));
		held += strcmp(target, pid_file) == 0 ? 100 : 0;
	}
	tap_is_int(held, 1, "libvirt: the launcher alone keeps its pid file");
	is_serving(&s, "libvirt");
	close(fd);
	unlink(pid_file);
	unlink(socket_path);
}

static void
test_refused(void)
{
	static const struct {
		const char	*args[5];
		const char	*says;
	} row[] = {
		{ { "-o", "source=/tmp,xattr,flock,posix_lock", "--fd=31",
		    "--thread-pool-size=16" }, "-o flock" },
		{ { "-o", "source=/tmp,posix_acl", "--fd=31" },
		    "-o posix_acl" },
		{ { "--shared-dir=/tmp", "--fd=31",
		    "--inode-file-handles=prefer" }, "--inode-file-handles" },
		{ { "-o", "source=/tmp,nonsense", "--fd=31" },
		    "-o nonsense" },
	};
	const char *dropin = getenv("PRIVFSD_VIRTIOFSD");
	char said[4096];

	for (size_t i = 0; i < COUNT(row); i++) {
		tap_is_int(RUN(said, dropin, row[i].args[0], row[i].args[1],
		    row[i].args[2], row[i].args[3]), 2, "%s: exit status",
		    row[i].says);
		tap_ok(strstr(said, row[i].says) != NULL, "%s: is named",
		    row[i].says);
	}
	tap_is_int(RUN(said, dropin, "--print-capabilities"), 0,
	    "--print-capabilities: exit status");
	tap_ok(strstr(said, "\"type\": \"fs\"") != NULL,
	    "--print-capabilities: its type");
}

/* The hard limit, as proc(5) has it; -1 if it is not there. */
static long
limit_of(pid_t pid, const char *name)
{
	char path[64], line[256];
	long soft, hard = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return -1;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, name, strlen(name)) == 0 &&
		    sscanf(line + strlen(name), "%ld %ld", &soft, &hard) != 2)
			hard = -1;
	fclose(file);
	return hard;
}

/* The worker has the data fds, so the limit is its own as well. */
static void
test_limits(void)
{
	static const char *const extra[] = { "--rlimit-nofile=2000", NULL };
	const struct virtiofs_server_options o = { .share = share,
	    .socket = VIRTIOFS_CONNECTED, .extra = extra };
	pid_t pids[2];
	struct server s;

	start(&s, &o);
	tap_ok(server_wait_log(s.log_fd, "ready"), "limits: ready");
	server_find(s.pid, &pids[0], &pids[1]);
	for (size_t i = 0; i < 2; i++)
		tap_is_int(limit_of(pids[i], "Max open files"), 2000,
		    "limits: descriptors of the %s", i == 0 ? "monitor" :
		    "worker");
#ifndef PRIVFSD_SANITIZE
	tap_is_int(limit_of(pids[1], "Max data size"), 256 << 20,
	    "limits: the worker's memory");
#endif
	is_serving(&s, "limits");
}

static void
body(struct fixture *f)
{
	char name[160];

	if (virtiofs_kind_from_env() > VIRTIOFS_DROPIN)
		tap_skip_all("the other programs start in their own way");
	share = f->share[0].dir;
	snprintf(socket_path, sizeof(socket_path), "%s/sock", f->base);
	/* libvirt doubles the comma. */
	snprintf(name, sizeof(name), "%s/with,comma", share);
	host_mkdir(name, 0755, 0, 0);
	snprintf(comma_path, sizeof(comma_path), "%s/with,,comma", share);
	test_socket();
	test_live_socket();
	test_libvirt();
	test_refused();
	test_limits();
}

int
main(void)
{
	return virtiofs_main(body, 120);
}
