/* SPDX-License-Identifier: ISC */
/*
 * What /proc says about the processes of a server under test. Test code.
 */
#ifndef REGRESS_PROCS_H
#define REGRESS_PROCS_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#define PROCS_MAX	64

/* The fields of /proc/PID/status that the tests compare. */
struct proc_status {
	char		name[32];
	pid_t		ppid;
	unsigned int	uid[4];		/* real, effective, saved, fs */
	unsigned int	gid[4];
	unsigned int	groups;		/* how many supplementary ones */
	uint64_t	cap_inh;
	uint64_t	cap_prm;
	uint64_t	cap_eff;
	uint64_t	cap_bnd;
	uint64_t	cap_amb;
	int		no_new_privs;
	int		seccomp;
};

/* tid 0: the process itself, else that thread of it. */
int	procs_read_status(pid_t pid, pid_t tid, struct proc_status *st);

/*
 * The living descendants of pid (zombies left out), children before their own
 * children. Returns how many, at most max.
 */
size_t	procs_descendants(pid_t pid, pid_t *out, size_t max);
size_t	procs_threads(pid_t pid, pid_t *out, size_t max);
/* SIGSTOP, and waits until all threads have stopped; 0, or -ETIMEDOUT. */
int	procs_stop(pid_t pid, int timeout_ms);
/* The numbers of the open descriptors of a process. */
size_t	procs_fds(pid_t pid, int *out, size_t max);

/* The target of /proc/PID/ITEM, "" when it cannot be read. */
void	procs_link(pid_t pid, const char *item, char *out, size_t size);

/*
 * Waits until pid has no living descendant; 0, or -ETIMEDOUT. Reaps what has
 * become our own child on the way, so wait for known children before.
 */
int	procs_wait_gone(pid_t pid, int timeout_ms);

/* Clock ticks of processor time that a living process and its descendants
 * have used so far. */
unsigned long	procs_ticks(pid_t pid);

/* Milliseconds of the monotonic clock, and sleeping for some. */
long long	procs_now_ms(void);
void		procs_sleep_us(unsigned int us);

#endif
