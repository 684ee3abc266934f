/*
 * SPDX-License-Identifier: ISC
 *
 * What a worker that was taken over can make of being permitted to start
 * threads and to map memory, once it is locked up.  Test code.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "regress/pen/pen_worker.h"

/* As pthread_create(3) has them (clone(2)). */
#define THREAD_FLAGS							\
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | \
	    CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |	\
	    CLONE_CHILD_CLEARTID)

#define PAGE	4096

static int64_t
errno_of(long result)
{
	return result == -1 ? errno : 0;
}

static void *
run(void *arg)
{
	const enum pen_thread *thread = arg;

	/* Without a filter it would be ENOENT.  Sanitizers may read files. */
	if (*thread == THREAD_OPENS)
		syscall(SYS_openat, AT_FDCWD, "/none", O_RDWR);
	return NULL;
}

static int64_t
start_thread(enum pen_thread thread)
{
	pthread_t id;
	int error;

	error = pthread_create(&id, NULL, run, &thread);
	return error != 0 ? error : pthread_join(id, NULL);
}

static int64_t
map_executable(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}

static int64_t
make_executable(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return -1;
	return errno_of(mprotect(page, PAGE, PROT_READ | PROT_EXEC));
}

int64_t
attack_thread(enum pen_thread thread)
{
	switch (thread) {
	case THREAD_WORKS:
	case THREAD_OPENS:
		return start_thread(thread);
	case THREAD_CLONE3:
		return errno_of(syscall(SYS_clone3, NULL, 0));
	case THREAD_FORK:
		/* Stopped by the filter, or for want of a handler. */
		return errno_of(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD,
		    NULL, NULL, NULL, NULL));
	case THREAD_NAMESPACE:
		return errno_of(syscall(SYS_clone, THREAD_FLAGS |
		    CLONE_NEWUSER, NULL, NULL, NULL, NULL));
	case THREAD_MMAP_EXEC:
		return map_executable();
	case THREAD_MPROTECT_EXEC:
		return make_executable();
	}
	return -1;
}
