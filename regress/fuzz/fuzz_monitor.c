/*
 * SPDX-License-Identifier: ISC
 *
 * Fuzzer of the monitor's table.  The input is a byte that says how the monitor
 * is set up, then requests as they lie in a slot, each followed by as much
 * payload as it says it has.  They are carried out in a temporary directory.
 * Nothing beside it may change, no descriptor may be left over, and what a
 * reply brings must be what it may bring.
 */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "fuzz.h"
#include "regress/unit/monitor_fixture.h"

#define HANDLES		16	/* few, so that the limit is met */
#define REQUESTS_MAX	16	/* of one input */

/* The first byte. */
#define SETUP_BY_HANDLE	0x01	/* "dir" is handle 1 of generation 1 then */
#define SETUP_READONLY	0x02
#define SETUP_NO_CHMOD	0x04	/* as before Linux 6.6 */
#define SETUP_NO_XATTR	0x08	/* as before Linux 6.13 */

const char fuzz_name[] = "monitor";

static struct monitor_fixture f;
static struct pen_message message;
static bool has_fchmodat2, has_xattrat;
static int home_fd;		/* the working directory, else */

static void
fail(const char *what)
{
	fprintf(stderr, "%s (%u): %s\n", dispatch_name(message.request.op),
	    message.request.op, what);
	abort();
}

static void
clean_up(void)
{
	fixture_close(&f);
	close(f.base_fd);
}

static void
drop_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static void
start(void)
{
	struct caps_set caps;

	home_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	caps_default(&caps);
	log_init(LOG_LEVEL_OFF, drop_line, NULL);
	if (home_fd == -1 || (geteuid() == 0 &&
	    caps_apply_monitor(&caps) != 0) ||
	    fixture_open(&f, MONITOR_BY_PATH, HANDLES) != 0)
		fail("cannot start");
	has_fchmodat2 = f.m.has_fchmodat2;
	has_xattrat = f.m.has_xattrat;
	fixture_note(&f, "outside");
	atexit(clean_up);
}

static void
set_up(uint8_t how)
{
	bool by_handle = (how & SETUP_BY_HANDLE) != 0;

	f.m.naming = by_handle ? MONITOR_BY_HANDLE : MONITOR_BY_PATH;
	f.m.has_fchmodat2 = has_fchmodat2 && (how & SETUP_NO_CHMOD) == 0;
	f.m.has_xattrat = has_xattrat && (how & SETUP_NO_XATTR) == 0;
	f.m.readonly = false;
	if (by_handle) {
		pen_good(&message, MONITOR_LOOKUP, PEN_BY_HANDLE,
		    MONITOR_ROOT_HANDLE);
		pen_set_part(&message, PEN_NAME0, "dir", 3);
		if (fixture_run(&f, &message) != NULL)
			fail("no handle");
	}
	f.m.readonly = (how & SETUP_READONLY) != 0;
}

/*
 * Takes one request off the input, as lane_take() does from its slot.  Returns
 * false if there is none, or if that would refuse it.
 */
static bool
take(const uint8_t **bytes, size_t *len)
{
	size_t payload_len;

	if (*len < sizeof(message.request))
		return false;
	memcpy(&message.request, *bytes, sizeof(message.request));
	*bytes += sizeof(message.request);
	*len -= sizeof(message.request);
	payload_len = pen_payload_len(&message);
	if (payload_len > sizeof(message.payload))
		return false;
	/* What the input lacks is zeroes. */
	memset(message.payload, 0, payload_len);
	if (payload_len > *len)
		payload_len = *len;
	memcpy(message.payload, *bytes, payload_len);
	*bytes += payload_len;
	*len -= payload_len;
	return true;
}

static void
check_reply(void)
{
	const struct monitor_reply *reply = &f.op.reply;
	struct stat st;

	if (reply->error > 0 || reply->error < -4095)
		fail("no errno");
	if (reply->data_len > MONITOR_PAYLOAD_MAX)
		fail("too much data");
	if (reply->error != 0 && f.op.reply_fd != -1)
		fail("an error with a descriptor");
	if (f.op.reply_fd == -1)
		return;
	if (message.request.op != MONITOR_OPEN &&
	    message.request.op != MONITOR_CREATE)
		fail("a descriptor");
	if (fstat(f.op.reply_fd, &st) == -1 || (!S_ISREG(st.st_mode) &&
	    (!S_ISDIR(st.st_mode) || f.m.naming != MONITOR_BY_PATH)))
		fail("a descriptor of a wrong kind");
	if (f.m.readonly &&
	    (fcntl(f.op.reply_fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
		fail("a descriptor for writing, read-only");
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static bool started;
	int fds, i;

	if (len == 0)
		return 0;
	if (!started)
		start();
	started = true;
	if (fchdir(f.m.proc_fd) == -1)
		fail("no /proc");
	fds = fixture_count_fds();
	set_up(bytes[0]);
	bytes++;
	len--;
	for (i = 0; i < REQUESTS_MAX && take(&bytes, &len); i++) {
		if (fixture_run(&f, &message) != NULL)
			break;		/* refused: that would be the end */
		check_reply();
	}
	/* Also whatever was looked up is forgotten, and closed with that. */
	if (f.op.reply_fd != -1)
		close(f.op.reply_fd);
	f.op.reply_fd = -1;
	if (handle_get(&f.m.handles, MONITOR_ROOT_HANDLE) < 0)
		fail("the root is forgotten");
	/* For the next one. */
	if (fixture_populate(&f) != 0)
		fail("the share cannot be emptied");
	if (fixture_count_fds() != fds)
		fail("a descriptor is left over");
	if (fixture_changed(&f, "outside"))
		fail("something outside has changed");
	if (fchdir(home_fd) == -1)
		fail("cannot go home");
	return 0;
}
