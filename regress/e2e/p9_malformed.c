/* SPDX-License-Identifier: ISC */
/*
 * 9p-proxy: what a broken or hostile client sends. As long as the framing is
 * intact, every message gets an answer in the form that is owed, and the next
 * one is served; nothing that was refused has an effect.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9_samples.h"
#include "p9_suite.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* Things in the test's directory that refused requests must not touch. */
static void
plant(struct p9_env *e)
{
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	if (host_exists(host(e, "file")))
		unlink(host(e, "file"));
	host_write(host(e, "file"), "content", 0604, 7, 8);
	if (utimensat(AT_FDCWD, host(e, "file"), old, 0) != 0 ||
	    utimensat(AT_FDCWD, host(e, ""), old, 0) != 0)
		tap_bail("utimensat");
}

static int
is_untouched(struct p9_env *e)
{
	struct stat file, dir;

	host_lstat(host(e, "file"), &file);
	host_lstat(host(e, ""), &dir);
	return strcmp(host_read(host(e, "file")), "content") == 0 &&
	    file.st_mode == (S_IFREG | 0604) && file.st_uid == 7 &&
	    file.st_gid == 8 && file.st_mtim.tv_sec == 1000 &&
	    dir.st_mtim.tv_sec == 1000;
}

static void
sample(struct p9_env *e, struct p9_msg *m, uint32_t type)
{
	int makes = type == P9_CREATE || type == P9_MKNOD ||
	    type == P9_MKDIR || type == P9_SYMLINK;

	p9_sample(m, type, guest(e, makes ? "new" : "file"),
	    guest(e, "other"));
}

/* Every message, cut off after every byte, with a size that says so. */
static void
test_truncated(struct p9_env *e)
{
	struct p9_msg m;
	size_t whole;
	int error = 0;

	plant(e);
	for (uint32_t t = P9_SAMPLE_FIRST; t < P9_SAMPLE_END; t++) {
		if (t == P9_GETVERSION && differs(e, "D14"))
			continue;
		sample(e, &m, t);
		whole = m.len;
		for (m.len = P9_HEADER_SIZE; m.len < whole; m.len++) {
			error = p9_exchange(&e->c, &m);
			if (error >= 0 || error < -4095)
				break;
		}
		if (!is_error(error, "%s, each of its %zu bytes missing",
		    p9_type_name(t), whole - P9_HEADER_SIZE))
			tap_diag("with a payload of %zu bytes",
			    m.len - P9_HEADER_SIZE);
		/* A connection that is gone fails once, not for all types. */
		if (error < -4095)
			break;
	}
	tap_ok(is_untouched(e), "nothing was changed");
}

/* Offsets of the strings' lengths in a sample, found by what follows. */
static size_t
string_offsets(const struct p9_msg *m, size_t *out, size_t max)
{
	static const char *const starts[] = { "//", "user.sample", "value" };
	size_t count = 0;

	for (size_t i = P9_HEADER_SIZE; i + 2 < m->len; i++)
		for (size_t k = 0; k < COUNT(starts) && count < max; k++) {
			size_t n = strlen(starts[k]);

			if (i + 2 + n <= m->len && memcmp(m->buf + i + 2,
			    starts[k], n) == 0 && m->buf[i + 1] == 0 &&
			    m->buf[i] >= n)
				out[count++] = i;
		}
	return count;
}

/* Each string longer than what is left of the message. */
static void
test_long_strings(struct p9_env *e)
{
	size_t offset[8], count;
	struct p9_msg m;
	uint16_t len;

	plant(e);
	for (uint32_t t = P9_SAMPLE_FIRST; t < P9_SAMPLE_END; t++) {
		if (t == P9_GETVERSION && differs(e, "D14"))
			continue;
		sample(e, &m, t);
		count = string_offsets(&m, offset, COUNT(offset));
		tap_ok(count > 0, "%s has strings", p9_type_name(t));
		for (size_t i = 0; i < count; i++) {
			uint16_t left = (uint16_t)(m.len - offset[i] - 2);
			uint16_t lens[] = { (uint16_t)(left + 1), 0x7fff,
			    0x8000, 0xffff };

			for (size_t k = 0; k < COUNT(lens); k++) {
				sample(e, &m, t);
				memcpy(&len, m.buf + offset[i], 2);
				memcpy(m.buf + offset[i], &lens[k], 2);
				is_error(p9_exchange(&e->c, &m),
				    "%s, string %zu of %u bytes says %u",
				    p9_type_name(t), i, len, lens[k]);
			}
		}
	}
	tap_ok(is_untouched(e), "nothing was changed");
}

/* A NUL inside of each path, name and xattr name (a value may have some). */
static void
test_embedded_nul(struct p9_env *e)
{
	size_t offset[8], count;
	struct p9_msg m;
	uint16_t len;

	plant(e);
	if (differs(e, "D12"))
		return;
	for (uint32_t t = P9_SAMPLE_FIRST; t < P9_SAMPLE_END; t++) {
		sample(e, &m, t);
		count = string_offsets(&m, offset, COUNT(offset));
		for (size_t i = 0; i < count; i++) {
			if (memcmp(m.buf + offset[i] + 2, "value", 5) == 0)
				continue;
			memcpy(&len, m.buf + offset[i], 2);
			/* The first byte, one inside, and two at the end. */
			sample(e, &m, t);
			m.buf[offset[i] + 2] = '\0';
			is_error(p9_exchange(&e->c, &m),
			    "%s, NUL at the start of string %zu",
			    p9_type_name(t), i);
			sample(e, &m, t);
			m.buf[offset[i] + 2 + len / 2] = '\0';
			is_error(p9_exchange(&e->c, &m),
			    "%s, NUL inside of string %zu", p9_type_name(t),
			    i);
			sample(e, &m, t);
			m.buf[offset[i] + 2 + len - 1] = '\0';
			m.buf[offset[i] + 2 + len - 2] = '\0';
			is_error(p9_exchange(&e->c, &m),
			    "%s, two NULs at the end of string %zu",
			    p9_type_name(t), i);
		}
	}
	tap_ok(is_untouched(e), "nothing was changed");
}

static void
test_unknown_types(struct p9_env *e)
{
	static const uint32_t types[] = { 0, 1, 22, 23, 255, 256, 258,
	    0x10008, 0x7fffffff, 0x80000002u, 0xffffffffu };
	static const size_t sizes[] = { 0, 1, 3, 4, 100, P9_MAX_PAYLOAD };
	static const uint8_t zeros[P9_MAX_PAYLOAD];
	struct p9_msg m;

	if (differs(e, "D8"))
		return;
	for (size_t i = 0; i < COUNT(types); i++)
		for (size_t k = 0; k < COUNT(sizes); k++) {
			p9_msg_start(&m, types[i]);
			p9_msg_raw(&m, zeros, sizes[k]);
			is_error(p9_exchange(&e->c, &m),
			    "type %#x with %zu bytes", types[i], sizes[k]);
		}
}

/* 65536 bytes are the most; what follows the last field is either ignored
 * or refused. */
static void
test_largest(struct p9_env *e)
{
	static const uint8_t zeros[P9_MAX_PAYLOAD];
	struct p9_msg m;

	plant(e);
	for (uint32_t t = P9_SAMPLE_FIRST; t < P9_SAMPLE_END; t++) {
		/* Only those whose success changes nothing here. */
		if (p9_sample_writes(t))
			continue;
		sample(e, &m, t);
		p9_msg_raw(&m, zeros, P9_HEADER_SIZE + P9_MAX_PAYLOAD -
		    m.len);
		is_answer(p9_exchange(&e->c, &m), "%s with 65536 bytes",
		    p9_type_name(t));
		p9_msg_start(&m, t);
		p9_msg_raw(&m, zeros, P9_MAX_PAYLOAD);
		is_answer(p9_exchange(&e->c, &m), "%s of 65536 zeros",
		    p9_type_name(t));
	}
	tap_ok(is_untouched(e), "nothing was changed");
}

static void
test_fragments(struct p9_env *e)
{
	static const size_t steps[] = { 1, 3, 7 };
	struct p9_msg m;
	int error;

	for (uint32_t t = P9_SAMPLE_FIRST; t < P9_SAMPLE_END; t++)
		for (size_t i = 0; i < COUNT(steps); i++) {
			plant(e);
			sample(e, &m, t);
			error = p9_send(&e->c, m.buf, m.len, steps[i]);
			if (error == 0)
				error = p9_answer(&e->c, &m);
			is_answer(error, "%s in pieces of %zu",
			    p9_type_name(t), steps[i]);
			unlink(host(e, "other"));
			rmdir(host(e, "new"));
			unlink(host(e, "new"));
		}
}

/* QEMU never does it, but a stream has no message borders. */
static void
test_back_to_back(struct p9_env *e)
{
	uint8_t stream[4096];
	struct p9_msg m;
	size_t len = 0;
	int error;

	plant(e);
	for (int i = 0; i < 10; i++) {
		sample(e, &m, i % 2 ? P9_OPEN : P9_LSTAT);
		memcpy(stream + len, m.buf, m.len);
		len += m.len;
	}
	is_result(p9_send(&e->c, stream, len, 0), 0, "ten at once");
	for (int i = 0; i < 10; i++) {
		sample(e, &m, i % 2 ? P9_OPEN : P9_LSTAT);
		error = p9_answer(&e->c, &m);
		is_result(error, 0, "answer %d", i);
	}
}

/* Descriptors that nobody asked for are not kept. */
static void
test_surplus_fds(struct p9_env *e)
{
	struct p9_msg m;
	size_t before;
	int error = 0;

	plant(e);
	sample(e, &m, P9_LSTAT);
	p9_exchange(&e->c, &m);
	before = server_count_fds(&e->srv);
	for (int i = 0; i < 300 && error == 0; i++) {
		error = p9_send_with_fd(&e->c, m.buf, m.len, 0);
		if (error == 0)
			error = p9_answer(&e->c, &m);
	}
	is_result(error, 0, "300 requests with a descriptor each");
	tap_is_int((long long)server_count_fds(&e->srv), (long long)before,
	    "the server keeps none of them");
}

/* Random damage, the same in every run; whatever it is has an answer. */
static void
test_mutations(struct p9_env *e)
{
	unsigned int seed = 20231;
	struct p9_msg m;
	int error = 0;

	if (differs(e, "D8") || differs(e, "D4"))
		return;
	for (int round = 0; round < 6000; round++) {
		uint32_t type = P9_SAMPLE_FIRST + (uint32_t)rand_r(&seed) %
		    (P9_SAMPLE_END - P9_SAMPLE_FIRST);
		int changes = 1 + rand_r(&seed) % 6;

		sample(e, &m, type);
		while (changes-- > 0) {
			size_t at = (size_t)rand_r(&seed) % m.len;

			/* The size in the header is p9_exchange()'s. */
			if (at >= 4 && at < P9_HEADER_SIZE)
				continue;
			m.buf[at] = (uint8_t)(rand_r(&seed) >> 8);
		}
		if (rand_r(&seed) % 4 == 0)
			m.len -= (size_t)rand_r(&seed) %
			    (m.len - P9_HEADER_SIZE + 1);
		error = p9_exchange(&e->c, &m);
		if (error < -4095)
			break;
	}
	if (!is_answer(error, "6000 damaged messages have an answer"))
		tap_diag("the last one: type %u, %zu bytes", p9_msg_type(&m),
		    m.len);
}

static const struct p9_test tests[] = {
	{ "truncated", test_truncated },
	{ "long-strings", test_long_strings },
	{ "embedded-nul", test_embedded_nul },
	{ "unknown-types", test_unknown_types },
	{ "largest", test_largest },
	{ "fragments", test_fragments },
	{ "back-to-back", test_back_to_back },
	{ "surplus-fds", test_surplus_fds },
	{ "mutations", test_mutations },
};

int
main(void)
{
	static const struct p9_suite suite = { .tests = tests,
	    .count = COUNT(tests) };

	return p9_suite_main(&suite);
}
