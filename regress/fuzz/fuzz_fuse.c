/*
 * SPDX-License-Identifier: ISC
 *
 * Fuzzer of the FUSE requests.  The input is a byte that says how the monitor
 * answers and one for the options, then requests: a byte for the layout, two
 * for the room of the reply, two for the length, and the bytes.  Each must be
 * given back exactly once, with a reply that can be one, and nothing may be
 * asked of the monitor that breaks one of its rules.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "fuzz.h"
#include "regress/unit/fuse_fixture.h"
#include "regress/unit/stub_monitor.h"
#include "worker/reader.h"

const char fuzz_name[] = "fuse";

static void
drop_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

/* What the monitor will say and the daemon was told: bits of two bytes. */
static void
choose(struct fuse_fixture *f, uint8_t answers, uint8_t options)
{
	static const int errors[] = { 0, 0, 0, 0, -ENOENT, -EPERM, -512,
	    INT32_MIN };
	static const uint32_t lengths[] = { 0, 5, 4095, 65536 };

	/* So that the first file has the same fh each time: seed_fuse.c. */
	fuse_session_destroy(&f->session);
	if (fuse_session_init(&f->session, &f->config) != 0)
		abort();
	fuse_fixture_reset(f, (options & 1) != 0 ? O_RDWR | O_DIRECT :
	    O_RDWR);
	stub_monitor.error = errors[answers & 7];
	stub_monitor.data_len = lengths[answers >> 3 & 3];
	stub_monitor.size = stub_monitor.data_len;
	stub_monitor.extra = answers >> 5 & 1;
	stub_monitor.no_fd = (answers >> 6 & 1) != 0;
	stub_monitor.too_many = (answers >> 7 & 1) != 0;
	f->config.readonly = options >> 1 & 1;
	f->config.xattr = (options >> 2 & 1) == 0;
	f->config.writeback = options >> 3 & 1;
	f->config.allow_direct_io = options >> 4 & 1;
	f->config.cache = options >> 5 & 3;
	f->config.negative_timeout_ns = options >> 7;
	f->session.initialised = (options & 0xff) != 0xff;
}

/* Runs one request.  Returns false if there is no more. */
static bool
run_request(struct fuse_fixture *f, struct reader *input)
{
	const uint8_t *bytes, *layout;
	uint16_t len, room;

	layout = reader_bytes(input, 1);
	room = reader_u16(input);
	len = reader_u16(input);
	if (layout == NULL || input->error != 0)
		return false;
	if (len > input->left)
		len = (uint16_t)input->left;
	bytes = reader_bytes(input, len);
	f->layout = (enum fuse_layout)(*layout % FUSE_LAYOUTS);
	fuse_fixture_run(f, bytes, len, room);
	if (f->wrong == NULL)
		return true;
	fprintf(stderr, "%u bytes, room for %u: %s\n", len, room, f->wrong);
	abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct fuse_fixture f;
	static bool ready;
	struct reader input;

	if (len < 2)
		return 0;
	if (!ready) {
		log_init(LOG_LEVEL_OFF, drop_line, NULL);
		fuse_fixture_init(&f);
		ready = true;
	}
	choose(&f, bytes[0], bytes[1]);
	reader_init(&input, bytes + 2, len - 2);
	while (run_request(&f, &input))
		continue;
	return 0;
}
