/*
 * SPDX-License-Identifier: ISC
 *
 * The budget of polling: grows while waking up is worth it, falls to nothing
 * when it is not.  Whether a wait was short is decided by putting its start
 * into the past, not by waiting.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/adaptive.h"

#define HOUR_NS		UINT64_C(3600000000000)
#define HOUR_US		UINT32_C(3600000000)

/* A wait that went to sleep, of which one began that long ago. */
static void
sleep_for(struct adaptive *a, uint64_t ns)
{
	adaptive_begin(a);
	a->start_ns -= ns;
	adaptive_slept(a);
}

static void
test_off(void **state)
{
	struct adaptive a;

	(void)state;
	adaptive_init(&a, 0, ADAPTIVE_MEMORY);
	adaptive_begin(&a);
	assert_false(adaptive_spin(&a));
	adaptive_slept(&a);
	assert_int_equal(a.budget_ns, 0);
	adaptive_begin(&a);
	assert_false(adaptive_spin(&a));
	adaptive_paid(&a);
	assert_int_equal(a.budget_ns, 0);
	assert_int_equal(a.counters.slept, 1);
	assert_int_equal(a.counters.paid, 1);
}

static void
test_starts_empty(void **state)
{
	struct adaptive a;

	(void)state;
	adaptive_init(&a, UINT32_MAX, ADAPTIVE_MEMORY);
	assert_int_equal(a.limit_ns, UINT64_C(1000) * UINT32_MAX);
	assert_int_equal(a.budget_ns, 0);
	assert_int_equal(a.counters.paid, 0);
	assert_int_equal(a.counters.slept, 0);
}

static void
test_falls(void **state)
{
	struct adaptive a;
	uint64_t last;
	int n = 0;

	(void)state;
	adaptive_init(&a, 1000, ADAPTIVE_MEMORY);
	a.budget_ns = a.limit_ns;
	while (a.budget_ns > 0) {
		last = a.budget_ns;
		sleep_for(&a, HOUR_NS);
		assert_true(a.budget_ns <= last / 2);
		assert_true(++n < 64);
	}
	/* An idle guest: it stays off, and there is no spinning at all. */
	sleep_for(&a, HOUR_NS);
	assert_int_equal(a.budget_ns, 0);
	adaptive_begin(&a);
	assert_false(adaptive_spin(&a));
	assert_int_equal(a.counters.slept, (uint64_t)n + 1);
}

static void
test_grows(void **state)
{
	struct adaptive a;
	uint64_t last;
	int n = 0;

	(void)state;
	adaptive_init(&a, HOUR_US, ADAPTIVE_MEMORY);
	a.budget_ns = 0;
	sleep_for(&a, 0);
	assert_true(a.budget_ns > 0 && a.budget_ns < a.limit_ns);
	while (a.budget_ns < a.limit_ns) {
		last = a.budget_ns;
		sleep_for(&a, 0);
		assert_true(a.budget_ns == 2 * last ||
		    a.budget_ns == a.limit_ns);
		assert_true(++n < 64);
	}
	sleep_for(&a, 0);
	assert_int_equal(a.budget_ns, a.limit_ns);
}

/* The limit is below what growth starts with. */
static void
test_small_limit(void **state)
{
	struct adaptive a;

	(void)state;
	adaptive_init(&a, 1, ADAPTIVE_MEMORY);
	a.budget_ns = 0;
	for (int i = 0; i < 100; i++) {
		sleep_for(&a, 0);
		assert_true(a.budget_ns <= a.limit_ns);
	}
}

static void
test_spin_ends(void **state)
{
	struct adaptive a;
	unsigned int n = 0;

	(void)state;
	/* The budget is used up already: at most one burst is spun. */
	adaptive_init(&a, 1000, ADAPTIVE_MEMORY);
	a.budget_ns = a.limit_ns;
	adaptive_begin(&a);
	a.start_ns -= HOUR_NS;
	while (adaptive_spin(&a))
		assert_true(++n < 1000);
	assert_int_equal(n, ADAPTIVE_MEMORY - 1);
	/* A turn that is a system call is looked at by itself. */
	adaptive_init(&a, 1000, ADAPTIVE_SYSCALL);
	a.budget_ns = a.limit_ns;
	adaptive_begin(&a);
	a.start_ns -= HOUR_NS;
	assert_false(adaptive_spin(&a));
	/* And with all of it left, more than one. */
	adaptive_init(&a, HOUR_US, ADAPTIVE_MEMORY);
	a.budget_ns = a.limit_ns;
	adaptive_begin(&a);
	for (n = 0; n < 1000; n++)
		assert_true(adaptive_spin(&a));
	adaptive_paid(&a);
	assert_int_equal(a.counters.paid, 1);
	assert_int_equal(a.budget_ns, a.limit_ns);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_starts_empty),
		cmocka_unit_test(test_falls),
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_small_limit),
		cmocka_unit_test(test_spin_ends),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
