/*
 * SPDX-License-Identifier: ISC
 *
 * How long to poll before sleeping.  Waking an idle core costs more than most
 * requests do, so who waits polls first, for as long as that has lately paid:
 * the budget doubles when an event came soon enough that polling would have
 * caught it, and halves when it did not.  With an idle guest it is 0.
 *
 * The owner's loop is:
 *	adaptive_begin(&a);
 *	while (!(ready = event_is_there()) && adaptive_spin(&a))
 *		continue;
 *	if (ready)
 *		adaptive_paid(&a);
 *	else {
 *		sleep();
 *		adaptive_slept(&a);
 *	}
 */
#ifndef COMMON_ADAPTIVE_H
#define COMMON_ADAPTIVE_H

#include <stdbool.h>
#include <stdint.h>

struct adaptive_counters {
	uint64_t	paid;		/* waits that polling ended */
	uint64_t	slept;		/* waits that went to sleep */
};

struct adaptive {
	uint64_t	limit_ns;	/* the budget's upper bound, 0 is off */
	uint64_t	budget_ns;
	uint64_t	start_ns;	/* of the present wait */
	uint32_t	burst;		/* turns between two yields */
	uint32_t	turn;		/* of the present burst */
	struct adaptive_counters
			counters;
};

/* How often to look at memory, and how often to make a system call to look. */
#define ADAPTIVE_MEMORY		4
#define ADAPTIVE_SYSCALL	1

/*
 * `limit_us`: how long to poll at most, in microseconds.  `burst`: how many
 * turns to take between two yields of the processor.
 */
void	adaptive_init(struct adaptive *a, uint32_t limit_us, uint32_t burst);

/* A wait begins. */
void	adaptive_begin(struct adaptive *a);

/*
 * Passes a moment: most times a pause of the processor, between bursts
 * sched_yield(2).  Returns false when the budget is used up.
 */
bool	adaptive_spin(struct adaptive *a);

/* The wait ended: while polling, or after a sleep. */
void	adaptive_paid(struct adaptive *a);
void	adaptive_slept(struct adaptive *a);

#endif /* COMMON_ADAPTIVE_H */
