/*
 * SPDX-License-Identifier: ISC
 *
 * A pool of threads.  Jobs wait in one list under a lock, which is taken by
 * what would block anyway; finished ones go back through a list without one.
 */
#include "config.h"

#include "worker/io_pool.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/log.h"

#define POOL_THREADS_MAX	1024

/*
 * What waits for a disk needs no core of its own: this many overlap the waits
 * of a few deep queues.
 */
#define POOL_THREADS_DEFAULT	16

/* Jobs make system calls and hold nothing large. */
#define POOL_STACK		(128 << 10)

struct io_pool {
	pthread_mutex_t	 lock;
	pthread_cond_t	 work;
	struct io_job	*first;
	struct io_job	**last;
	uint32_t	 queued;
	uint32_t	 idle;		/* threads that wait */
	uint32_t	 nthreads;
	uint32_t	 limit;
	bool		 ending;
	pthread_t	 threads[];
};

struct io_pool *
io_pool_new(uint32_t nthreads)
{
	struct io_pool *pool;

	if (nthreads == 0)
		nthreads = POOL_THREADS_DEFAULT;
	if (nthreads > POOL_THREADS_MAX)
		nthreads = POOL_THREADS_MAX;
	pool = calloc(1, sizeof(*pool) + nthreads * sizeof(pthread_t));
	if (pool == NULL)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pool->last = &pool->first;
	pool->limit = nthreads;
	return pool;
}

/* Waits for a job.  Returns it, or NULL if there will be no more. */
static struct io_job *
pool_take(struct io_pool *pool)
{
	struct io_job *job;

	pthread_mutex_lock(&pool->lock);
	while (pool->first == NULL && !pool->ending) {
		pool->idle++;
		pthread_cond_wait(&pool->work, &pool->lock);
		pool->idle--;
	}
	job = pool->first;
	if (job != NULL) {
		pool->first = job->next;
		if (pool->first == NULL)
			pool->last = &pool->first;
		pool->queued--;
	}
	pthread_mutex_unlock(&pool->lock);
	return job;
}

/* Runs a job and gives it back.  It is not ours any more after the exchange. */
static void
pool_run(struct io_job *job)
{
	struct io_port *port = job->port;
	struct io_job *first;

	job->run(job);
	first = atomic_load_explicit(&port->finished, memory_order_relaxed);
	do {
		job->next = first;
	} while (!atomic_compare_exchange_weak(&port->finished, &first, job));
	wakeup_ring(port->wakeup);
}

static void *
pool_thread(void *arg)
{
	struct io_pool *pool = arg;
	struct io_job *job;

	while ((job = pool_take(pool)) != NULL)
		pool_run(job);
	return NULL;
}

/*
 * Starts one more thread, with all signals blocked: they are the main thread's.
 * Returns 0 or -errno.
 */
static int
pool_start_thread(struct io_pool *pool)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int error;

	sigfillset(&all);
	error = pthread_attr_init(&attr);
	if (error != 0)
		return -error;
	error = pthread_attr_setstacksize(&attr, POOL_STACK);
	if (error == 0)
		error = pthread_sigmask(SIG_SETMASK, &all, &old);
	if (error == 0) {
		error = pthread_create(&pool->threads[pool->nthreads], &attr,
		    pool_thread, pool);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	pthread_attr_destroy(&attr);
	if (error == 0)
		pool->nthreads++;
	return -error;
}

void
io_pool_free(struct io_pool *pool)
{
	uint32_t i;

	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (i = 0; i < pool->nthreads; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void
io_port_init(struct io_port *port, struct io_pool *pool, struct wakeup *wakeup)
{
	port->pool = pool;
	port->wakeup = wakeup;
	atomic_init(&port->finished, NULL);
	port->in_flight = 0;
}

/* Returns whether a thread has the job, or will. */
static bool
pool_add(struct io_pool *pool, struct io_job *job)
{
	bool taken;
	int error;

	pthread_mutex_lock(&pool->lock);
	if (pool->queued >= pool->idle && pool->nthreads < pool->limit) {
		error = pool_start_thread(pool);
		if (error != 0) {
			log_warn("cannot start an I/O thread: error %d; %u "
			    "run", -error, pool->nthreads);
			pool->limit = pool->nthreads;
		}
	}
	taken = pool->nthreads > 0;
	if (taken) {
		job->next = NULL;
		*pool->last = job;
		pool->last = &job->next;
		pool->queued++;
		pthread_cond_signal(&pool->work);
	}
	pthread_mutex_unlock(&pool->lock);
	return taken;
}

void
io_port_submit(struct io_port *port, struct io_job *job)
{
	job->port = port;
	port->in_flight++;
	/* Without any thread it is slow, but done. */
	if (!pool_add(port->pool, job))
		pool_run(job);
}

bool
io_port_ready(const struct io_port *port)
{
	/* Sequentially consistent: see wakeup_ring(). */
	return atomic_load(&port->finished) != NULL;
}

uint32_t
io_port_reap(struct io_port *port)
{
	struct io_job *job, *next, *first = NULL;
	uint32_t count = 0;

	if (!io_port_ready(port))
		return 0;
	/* The last finished is the first of the list: turn it round. */
	job = atomic_exchange(&port->finished, NULL);
	for (; job != NULL; job = next) {
		next = job->next;
		job->next = first;
		first = job;
	}
	for (job = first; job != NULL; job = next) {
		next = job->next;
		port->in_flight--;
		count++;
		job->done(job);
	}
	return count;
}
