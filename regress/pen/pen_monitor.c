/*
 * SPDX-License-Identifier: ISC
 *
 * A worker that was taken over sends a real monitor what no correct worker
 * sends: every operation, spoiled in every way; a ring that is out of bounds;
 * requests that change while they are read.  Each ends the daemon, which says
 * what was wrong, and changes nothing.  Test code.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "regress/lib/tap.h"
#include "regress/pen/pen_daemon.h"

#define TEST_S		900
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define RACE_RUNS	3

/* What the log says: the reason in its place in the monitor's last line. */
static const char *
rule(const char *why)
{
	static char text[128];

	snprintf(text, sizeof(text), "breaks (%s): ending", why);
	return text;
}

static void
test_spoiled(const struct fixture *f, uint32_t op)
{
	static struct pen_message message;
	char name[128];
	const char *label, *why;
	struct pen_daemon d;

	for (size_t i = 0; i < pen_spoils(); i++) {
		pen_good(&message, op, PEN_NAMING, MONITOR_ROOT_HANDLE);
		why = pen_spoil(&message, PEN_NAMING, i, &label);
		if (why == NULL)
			continue;
		snprintf(name, sizeof(name), "%s: %s", pen_op_name(op),
		    label);
		pen_start(&d, f, PEN_PLAIN, NULL);
		pen_send_spoiled(&d, op, i);
		pen_expect_end(&d, 1, rule(why), 1, PEN_LAST_WORDS, name);
	}
}

/* An operation of another protocol, though nothing else is wrong with it. */
static void
test_not_permitted(const struct fixture *f, uint32_t op)
{
	static struct pen_message message;
	static struct pen_result result;
	struct pen_daemon d;
	char name[64];

	pen_good(&message, op, PEN_NAMING, MONITOR_ROOT_HANDLE);
	snprintf(name, sizeof(name), "%s: not of this protocol",
	    pen_op_name(op));
	pen_start(&d, f, PEN_PLAIN, NULL);
	pen_relay(&d, &message, &result);
	pen_expect_end(&d, 1, rule("an operation that is not permitted"), 1,
	    0, name);
}

static void
test_ring(const struct fixture *f)
{
	static const struct {
		const char	*name;
		enum pen_attack	 attack;
		uint32_t	 arg;
		const char	*why;
	} cases[] = {
		{ "slot number one too large", ATTACK_RING_SLOT, PEN_SLOTS,
		    "a slot number out of range" },
		{ "slot number 2^31", ATTACK_RING_SLOT, 0x80000000,
		    "a slot number out of range" },
		{ "slot number 2^32-1", ATTACK_RING_SLOT, UINT32_MAX,
		    "a slot number out of range" },
		{ "tail one more than slots", ATTACK_RING_TAIL,
		    PEN_SLOTS + 1,
		    "more submissions than slots" },
		{ "tail running away", ATTACK_RING_TAIL, 0x7fffffff,
		    "more submissions than slots" },
		{ "tail running back", ATTACK_RING_TAIL, UINT32_MAX,
		    "more submissions than slots" },
		{ "never receives descriptors", ATTACK_NO_RECEIVE, 0,
		    "the worker takes no descriptors" },
	};
	struct pen_daemon d;

	for (size_t i = 0; i < COUNT(cases); i++) {
		pen_start(&d, f, PEN_PLAIN, NULL);
		pen_send_attack(&d, cases[i].attack, cases[i].arg);
		pen_expect_end(&d, 1, rule(cases[i].why), 1, PEN_LAST_WORDS,
		    cases[i].name);
	}
}

/* What is strange, but no rule: it works, and hurts nobody else. */
static void
test_strange(const struct fixture *f)
{
	static const struct {
		const char	*name;
		enum pen_attack	 attack;
		uint32_t	 arg;
		int64_t		 want;
	} cases[] = {
		{ "one slot in all places", ATTACK_SAME_SLOT, 0,
		    PEN_SLOTS },
		{ "doorbells never taken", ATTACK_DOORBELLS, 0, 20000 },
		{ "a bell that is full", ATTACK_BELL, 0, 20000 },
		{ "the lane's socket shut, files opened", ATTACK_SHUTDOWN, 0,
		    0 },
		{ "data for the monitor", ATTACK_LANE_SEND, 0, EPIPE },
		{ "a descriptor for it", ATTACK_LANE_SEND, 1, EPIPE },
		{ "250 of them", ATTACK_LANE_SEND, 250, EPIPE },
		{ "size and seals of the memory", ATTACK_MEMORY, 0, 0 },
		{ "what the monitor wrote, scribbled on",
		    ATTACK_SCRIBBLE_REPLIES, 0, 20000 },
	};
	struct pen_daemon d;

	for (size_t i = 0; i < COUNT(cases); i++) {
		pen_start(&d, f, PEN_PLAIN, NULL);
		tap_is_int(pen_attack(&d, cases[i].attack, cases[i].arg),
		    cases[i].want, "%s: as expected", cases[i].name);
		pen_expect_alive(&d, cases[i].name);
	}
}

/* Whatever comes of it: a clean end or none, and nothing outside touched. */
static void
test_scribble(const struct fixture *f)
{
	struct pen_daemon d;

	for (int i = 0; i < RACE_RUNS; i++) {
		pen_start(&d, f, PEN_PLAIN, NULL);
		pen_attack(&d, ATTACK_SCRIBBLE, 0);
		shutdown(d.fd, SHUT_WR);
		pen_expect_end(&d, PEN_ANY, NULL, 0, PEN_ANY,
		    "all memory scribbled on");
	}
}

#ifndef PEN_VIRTIOFS	/* the same code takes requests for both */
static void
test_races(const struct fixture *f)
{
	static const char *const why[RACES] = {
		[RACE_OP] = "no such operation",
		[RACE_NAME_DOTS] = "a name that is . or ..",
		[RACE_NAME_SLASH] = "a name with NUL or slash",
		[RACE_NAME_NUL] = "a name with NUL or slash",
		[RACE_NAME_LEN] = "a name too long",
		[RACE_PATH_NUL] = "a path with NUL",
		[RACE_PATH_LEN] = "a path too long",
		[RACE_DATA_LEN] = "a payload longer than its slot",
		[RACE_PAD] = "padding that is not zero",
		[RACE_HANDLE] = "a handle that was never given",
		[RACE_FLAGS] = "unknown flag bits",
		[RACE_TAIL_ARGS] = "arguments too long",
		[RACE_XATTR_LEN] =
		    "an xattr's name or value of a wrong length",
		[RACE_SLOT] = "a slot number out of range",
	};
	struct pen_daemon d;
	char name[64];

	for (unsigned int race = 0; race < RACES; race++) {
		for (int i = 0; i < RACE_RUNS; i++) {
			int64_t answered;

			snprintf(name, sizeof(name), "race %u, run %d", race,
			    i);
			pen_start(&d, f, PEN_PLAIN, NULL);
			answered = pen_attack(&d, ATTACK_RACE, race);
			if (race < RACE_GOOD)
				tap_is_int(answered, 20000,
				    "%s: every answer is one of two", name);
			/* A value that was never seen is no harm either. */
			if (answered >= 0)
				pen_expect_alive(&d, name);
			else
				pen_expect_end(&d, 1, rule(why[race]), 0, 0,
				    name);
		}
	}
}

/* What the front-end is told depends on a word that the worker writes. */
static void
test_last_words(const struct fixture *f)
{
	static const struct {
		uint32_t	owed;
		int		first;	/* 0: nothing at all comes */
		size_t		len;
	} cases[] = {
		{ 0, PEN_LAST_WORDS, 4 }, { 1, 1, 16 },
		{ 2, PEN_LAST_WORDS, 4 }, { 3, 0, 0 },
		{ 4, PEN_LAST_WORDS, 4 }, { UINT32_MAX, PEN_LAST_WORDS, 4 },
	};
	int32_t words[8];
	struct pen_daemon d;
	char name[64];
	ssize_t n;

	for (size_t i = 0; i < COUNT(cases); i++) {
		memset(words, 0, sizeof(words));
		pen_start(&d, f, PEN_PLAIN, NULL);
		pen_attack(&d, ATTACK_OWED, cases[i].owed);
		pen_send_attack(&d, ATTACK_RING_SLOT, 99);
		for (n = 0; (size_t)n < sizeof(words);) {
			ssize_t got = pen_read(&d, (uint8_t *)words + n,
			    sizeof(words) - (size_t)n);

			if (got <= 0)
				break;
			n += got;
		}
		snprintf(name, sizeof(name), "owed is %u", cases[i].owed);
		tap_is_int(n, (long long)cases[i].len, "%s: length", name);
		tap_is_int(words[0], cases[i].first, "%s: words", name);
		if (cases[i].len == 16)
			tap_ok(words[1] == 4 && words[2] == -EIO &&
			    words[3] == -EIO, "%s: all of them", name);
		pen_expect_end(&d, 1, "a slot number out of range", 1, 0,
		    name);
	}
}

#endif

static void
body(struct fixture *f)
{
	pen_shield(f);
	canary_plant(&f->share[0]);
	pen_populate(&f->share[0]);
	for (uint32_t op = 1; op < MONITOR_OP_MAX; op++)
		if (pen_fits(op, PEN_NAMING))
			test_spoiled(f, op);
		else
			test_not_permitted(f, op);
	test_ring(f);
	test_strange(f);
#ifndef PEN_VIRTIOFS
	test_last_words(f);
	test_races(f);
#endif
	test_scribble(f);
	tap_ok(canary_check(&f->share[0]) == 0, "the canary is as it was");
}

int
main(void)
{
	return fixture_main(body, TEST_S);
}
