/* SPDX-License-Identifier: ISC */
/*
 * Reads /proc for the tests: families of processes, their credentials and
 * descriptors. Test code.
 */
#include "procs.h"

#include <sys/wait.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void
procs_status_line(const char *line, struct proc_status *st)
{
	struct {
		const char	*key;
		uint64_t	*value;
	} caps[] = {
		{ "CapInh:", &st->cap_inh }, { "CapPrm:", &st->cap_prm },
		{ "CapEff:", &st->cap_eff }, { "CapBnd:", &st->cap_bnd },
		{ "CapAmb:", &st->cap_amb },
	};

	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if (strncmp(line, caps[i].key, 7) == 0)
			*caps[i].value = strtoull(line + 7, NULL, 16);
	sscanf(line, "Name: %31[^\n]", st->name);
	sscanf(line, "PPid: %d", &st->ppid);
	sscanf(line, "Uid: %u %u %u %u", &st->uid[0], &st->uid[1],
	    &st->uid[2], &st->uid[3]);
	sscanf(line, "Gid: %u %u %u %u", &st->gid[0], &st->gid[1],
	    &st->gid[2], &st->gid[3]);
	sscanf(line, "NoNewPrivs: %d", &st->no_new_privs);
	sscanf(line, "Seccomp: %d", &st->seccomp);
	if (strncmp(line, "Groups:", 7) == 0)
		for (const char *p = line + 7; *p != '\0'; p++)
			if (isdigit((unsigned char)*p) &&
			    !isdigit((unsigned char)p[-1]))
				st->groups++;
}

int
procs_read_status(pid_t pid, pid_t tid, struct proc_status *st)
{
	char path[64], line[512];
	FILE *f;

	memset(st, 0, sizeof(*st));
	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid,
	    tid != 0 ? tid : pid);
	f = fopen(path, "re");
	if (f == NULL)
		return -errno;
	while (fgets(line, sizeof(line), f) != NULL)
		procs_status_line(line, st);
	fclose(f);
	return 0;
}

/* The parent of a living process, 0 for one that is dead or a zombie. */
static pid_t
procs_parent(pid_t pid)
{
	char path[64], stat[512], state, *end;
	pid_t parent = 0;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	n = fread(stat, 1, sizeof(stat) - 1, f);
	fclose(f);
	stat[n] = '\0';
	/* The name in parentheses may hold anything; the last one ends it. */
	end = strrchr(stat, ')');
	if (end == NULL || sscanf(end + 1, " %c %d", &state, &parent) != 2 ||
	    state == 'Z' || state == 'X')
		return 0;
	return parent;
}

/* Numbers that are entries of a directory: processes, threads, fds. */
static size_t
procs_numbers(const char *path, int *out, size_t max)
{
	struct dirent *entry;
	size_t count = 0;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL && count < max)
		if (isdigit((unsigned char)entry->d_name[0]))
			out[count++] = atoi(entry->d_name);
	closedir(dir);
	return count;
}

size_t
procs_descendants(pid_t pid, pid_t *out, size_t max)
{
	static int all[32768], parent[32768];
	size_t total = procs_numbers("/proc", all, 32768), count = 0;

	for (size_t i = 0; i < total; i++)
		parent[i] = procs_parent(all[i]);
	for (size_t next = 0; ; next++) {
		for (size_t i = 0; i < total && count < max; i++)
			if (parent[i] == pid)
				out[count++] = all[i];
		if (next >= count)
			return count;
		pid = out[next];
	}
}

size_t
procs_threads(pid_t pid, pid_t *out, size_t max)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return procs_numbers(path, out, max);
}

/* proc(5), the letter after the name in parentheses, which may hold any. */
static char
procs_state(pid_t pid, pid_t tid)
{
	char path[64], line[512] = "";
	const char *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	f = fopen(path, "re");
	if (f == NULL)
		return '\0';
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	at = strrchr(line, ')');
	return at == NULL || at[1] == '\0' ? '\0' : at[2];
}

int
procs_stop(pid_t pid, int timeout_ms)
{
	long long limit = procs_now_ms() + timeout_ms;
	pid_t tids[PROCS_MAX];
	size_t i, n;

	if (kill(pid, SIGSTOP) == -1)
		return -errno;
	/* Each thread stops when it next leaves the kernel. */
	for (;;) {
		n = procs_threads(pid, tids, PROCS_MAX);
		for (i = 0; i < n && procs_state(pid, tids[i]) == 'T'; i++)
			continue;
		if (n > 0 && i == n)
			return 0;
		if (procs_now_ms() > limit)
			return -ETIMEDOUT;
		procs_sleep_us(500);
	}
}

size_t
procs_fds(pid_t pid, int *out, size_t max)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	return procs_numbers(path, out, max);
}

void
procs_link(pid_t pid, const char *item, char *out, size_t size)
{
	char path[128];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, item);
	n = readlink(path, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
}

int
procs_wait_gone(pid_t pid, int timeout_ms)
{
	long long end = procs_now_ms() + timeout_ms;
	pid_t found[PROCS_MAX];

	for (;;) {
		/* The first process of a pid namespace ends only when the
		 * others in it have been waited for, pid_namespaces(7). */
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (procs_descendants(pid, found, PROCS_MAX) == 0)
			return 0;
		if (procs_now_ms() > end)
			return -ETIMEDOUT;
		procs_sleep_us(2000);
	}
}

/* utime and stime of one process, proc(5) fields 14 and 15. */
static unsigned long
procs_own_ticks(pid_t pid)
{
	char path[64], stat[512] = "", *fields;
	unsigned long utime = 0, stime = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fgets(stat, sizeof(stat), f) != NULL) {
		fields = strrchr(stat, ')');
		if (fields == NULL || sscanf(fields + 1, " %*c %*d %*d %*d "
		    "%*d %*d %*u %*u %*u %*u %*u %lu %lu", &utime,
		    &stime) != 2)
			utime = stime = 0;
	}
	fclose(f);
	return utime + stime;
}

unsigned long
procs_ticks(pid_t pid)
{
	pid_t found[PROCS_MAX];
	size_t count = procs_descendants(pid, found, PROCS_MAX);
	unsigned long total = procs_own_ticks(pid);

	for (size_t i = 0; i < count; i++)
		total += procs_own_ticks(found[i]);
	return total;
}

long long
procs_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void
procs_sleep_us(unsigned int us)
{
	struct timespec pause = { .tv_sec = us / 1000000,
	    .tv_nsec = (long)(us % 1000000) * 1000 };

	nanosleep(&pause, NULL);
}
