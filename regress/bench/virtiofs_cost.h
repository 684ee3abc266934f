/* SPDX-License-Identifier: ISC */
/*
 * What a server costs beside time: system calls and processor time of each of
 * its processes, and memory. Bench code.
 */
#ifndef REGRESS_VIRTIOFS_COST_H
#define REGRESS_VIRTIOFS_COST_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#define COST_PROCESSES	8
#define COST_THREADS	128

struct cost_process {
	pid_t		pid;
	char		name[32];
	uint64_t	calls;		/* system calls */
	uint64_t	cpu_ns;
};

struct cost {
	size_t			processes, threads;
	struct cost_process	process[COST_PROCESSES];
	struct {
		size_t	process;
		pid_t	tid;
		int	fd;		/* perf_event_open(2)'s counter */
	} thread[COST_THREADS];
};

/*
 * Asks the kernel for the number of the event that system calls are, by a
 * tracefs that is mounted on the directory for a moment. To be called in a
 * mount namespace of one's own. 0 or -errno: there will be no system calls.
 */
int	cost_init(const char *mount_dir);

/* Counters for the process and all its descendants that there are now. */
void	cost_open(struct cost *c, pid_t server);
/* Reads them: totals since cost_open() in c->process. */
void	cost_read(struct cost *c);
void	cost_close(struct cost *c);

/*
 * Proportional set size of the server with all its processes, proc(5), in
 * KiB, without mappings whose name has "shared" in it: the guest's memory.
 */
long	cost_pss_kib(pid_t server, const char *shared);

#endif
