/*
 * SPDX-License-Identifier: ISC
 *
 * Adaptive polling.  Touches nothing that comes from outside.
 */
#include "config.h"

#include "common/adaptive.h"

#include <sched.h>
#include <time.h>

#define ADAPTIVE_FIRST_NS	10000	/* the budget that growth starts with */

static uint64_t
adaptive_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void
adaptive_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#endif
}

void
adaptive_init(struct adaptive *a, uint32_t limit_us, uint32_t burst)
{
	*a = (struct adaptive){ .limit_ns = (uint64_t)limit_us * 1000,
	    .burst = burst };
}

void
adaptive_begin(struct adaptive *a)
{
	a->turn = 0;
	if (a->limit_ns > 0)
		a->start_ns = adaptive_now();
}

bool
adaptive_spin(struct adaptive *a)
{
	if (a->budget_ns == 0)
		return false;
	if (++a->turn % a->burst != 0) {
		adaptive_pause();
		return true;
	}
	if (adaptive_now() - a->start_ns >= a->budget_ns)
		return false;
	/* With more parties than cores, the awaited one may need this core. */
	sched_yield();
	return true;
}

void
adaptive_paid(struct adaptive *a)
{
	a->counters.paid++;
}

void
adaptive_slept(struct adaptive *a)
{
	a->counters.slept++;
	if (a->limit_ns == 0)
		return;
	if (adaptive_now() - a->start_ns > a->limit_ns)
		a->budget_ns = a->budget_ns > ADAPTIVE_FIRST_NS ?
		    a->budget_ns / 2 : 0;
	else if (a->budget_ns == 0)
		a->budget_ns = ADAPTIVE_FIRST_NS;
	else
		a->budget_ns *= 2;
	if (a->budget_ns > a->limit_ns)
		a->budget_ns = a->limit_ns;
}
