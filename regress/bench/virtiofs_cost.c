/* SPDX-License-Identifier: ISC */
/*
 * Counts system calls by perf_event_open(2), which costs a server less than
 * being traced; reads processor time and memory from proc(5). Bench code,
 * runs as root.
 */
#include "virtiofs_cost.h"

#include <sys/mount.h>
#include <sys/syscall.h>

#include <linux/perf_event.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"

/* 0: not known. */
static uint64_t sys_enter_id;

int
cost_init(const char *mount_dir)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/events/raw_syscalls/sys_enter/id",
	    mount_dir);
	if (mount("tracefs", mount_dir, "tracefs", 0, NULL) != 0)
		return -errno;
	f = fopen(path, "re");
	if (f != NULL) {
		if (fscanf(f, "%" SCNu64, &sys_enter_id) != 1)
			sys_enter_id = 0;
		fclose(f);
	}
	umount2(mount_dir, MNT_DETACH);
	return sys_enter_id != 0 ? 0 : -ENOENT;
}

static int
cost_counter(pid_t tid)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT,
	    .size = sizeof(attr), .config = sys_enter_id, .inherit = 1 };

	if (sys_enter_id == 0)
		return -1;
	return (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1,
	    PERF_FLAG_FD_CLOEXEC);
}

static uint64_t
cost_cpu_ns(pid_t pid, pid_t tid)
{
	uint64_t ns = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%" SCNu64, &ns) != 1)
		ns = 0;
	fclose(f);
	return ns;
}

static void
cost_add(struct cost *c, pid_t pid)
{
	size_t count, number = c->processes;
	pid_t tids[PROCS_MAX];
	struct proc_status st;

	if (number == COST_PROCESSES || procs_read_status(pid, 0, &st) != 0)
		return;
	c->processes++;
	c->process[number].pid = pid;
	snprintf(c->process[number].name, sizeof(c->process[number].name),
	    "%s", st.name);
	count = procs_threads(pid, tids, PROCS_MAX);
	for (size_t i = 0; i < count && c->threads < COST_THREADS; i++) {
		c->thread[c->threads].process = number;
		c->thread[c->threads].tid = tids[i];
		c->thread[c->threads].fd = cost_counter(tids[i]);
		c->threads++;
	}
}

/* Unsigned and modulo: what was there before is taken off first. */
static void
cost_sum(struct cost *c, int sign)
{
	for (size_t i = 0; i < c->threads; i++) {
		struct cost_process *p = &c->process[c->thread[i].process];
		uint64_t calls = 0, ns;

		ns = cost_cpu_ns(p->pid, c->thread[i].tid);
		if (c->thread[i].fd < 0 || read(c->thread[i].fd, &calls,
		    sizeof(calls)) != (ssize_t)sizeof(calls))
			calls = 0;
		p->calls += sign < 0 ? -calls : calls;
		p->cpu_ns += sign < 0 ? -ns : ns;
	}
}

void
cost_open(struct cost *c, pid_t server)
{
	pid_t pids[PROCS_MAX];
	size_t count = procs_descendants(server, pids, PROCS_MAX);

	memset(c, 0, sizeof(*c));
	cost_add(c, server);
	for (size_t i = 0; i < count; i++)
		cost_add(c, pids[i]);
	cost_sum(c, -1);
}

void
cost_read(struct cost *c)
{
	cost_sum(c, 1);
}

void
cost_close(struct cost *c)
{
	for (size_t i = 0; i < c->threads; i++)
		if (c->thread[i].fd >= 0)
			close(c->thread[i].fd);
	c->threads = 0;
}

static long
cost_process_pss(pid_t pid, const char *shared)
{
	char path[64], line[512];
	unsigned long from, to;
	long total = 0, kib;
	int skip = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			skip = strstr(line, shared) != NULL;
		else if (!skip && sscanf(line, "Pss: %ld kB", &kib) == 1)
			total += kib;
	}
	if (f != NULL)
		fclose(f);
	return total;
}

long
cost_pss_kib(pid_t server, const char *shared)
{
	pid_t pids[PROCS_MAX];
	size_t count = procs_descendants(server, pids, PROCS_MAX);
	long total = cost_process_pss(server, shared);

	for (size_t i = 0; i < count; i++)
		total += cost_process_pss(pids[i], shared);
	return total;
}
