/*
 * SPDX-License-Identifier: ISC
 *
 * Fuzzer of the 9p-proxy requests.  The input is a byte that says how the
 * monitor answers, then messages as they are on the wire.  Each must get
 * exactly one reply of the form that QEMU expects, and nothing may be asked of
 * the monitor that breaks one of its rules.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "fuzz.h"
#include "regress/unit/p9_sample.h"
#include "regress/unit/stub_monitor.h"
#include "worker/p9_dispatch.h"
#include "worker/reader.h"

const char fuzz_name[] = "p9";

static void
drop_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static void
fail(uint32_t type, const char *what)
{
	fprintf(stderr, "type %u: %s\n", type, what);
	abort();
}

/* What the monitor will say: bits of one byte. */
static void
choose_answers(uint8_t choice)
{
	static const int errors[] = { 0, 0, 0, -ENOENT, -EISDIR, -4095,
	    -4096, INT32_MIN };
	static const uint32_t lengths[] = { 0, 5, 4095, 65536 };

	stub_monitor_reset();
	stub_monitor.error = errors[choice & 7];
	stub_monitor.data_len = lengths[choice >> 3 & 3];
	stub_monitor.size = stub_monitor.data_len;
	stub_monitor.extra = choice >> 5 & 1;
	stub_monitor.no_fd = (choice >> 6 & 1) != 0;
	stub_monitor.unlink_error = (choice >> 7 & 1) != 0 ? -EISDIR : 0;
}

/* Runs one message.  Returns false if there is no more. */
static bool
run_message(struct p9_request *request, struct reader *input)
{
	uint32_t type, size;
	const uint8_t *payload;
	const char *wrong;

	type = reader_u32(input);
	size = reader_u32(input);
	if (input->error != 0 || size > P9_PAYLOAD_MAX)
		return false;
	if (size > input->left)
		size = (uint32_t)input->left;
	payload = reader_bytes(input, size);
	p9_dispatch(request, type, payload, size);
	while (!p9_reply_made(request->reply))
		if (monitor_reap(request->monitor) <= 0)
			fail(type, "no reply");
	if (monitor_reap(request->monitor) != 0)
		fail(type, "a completion too many");
	wrong = stub_monitor.wrong;
	if (wrong == NULL)
		wrong = p9_sample_check(request->reply, type, payload, size);
	if (wrong != NULL)
		fail(type, wrong);
	p9_reply_clear(request->reply);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct monitor_client client;
	static struct p9_reply reply;
	static struct p9_request request;
	struct reader input;

	if (len == 0)
		return 0;
	log_init(LOG_LEVEL_OFF, drop_line, NULL);
	choose_answers(bytes[0]);
	monitor_client_init(&client, &stub_monitor.lane);
	p9_reply_init(&reply);
	p9_request_init(&request, &client, &reply);
	reader_init(&input, bytes + 1, len - 1);
	while (run_message(&request, &input))
		continue;
	return 0;
}
