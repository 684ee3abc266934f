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
#define STREAMS		4
#define REQUESTS_MAX	16	/* of one input */

/* The first byte. */
#define SETUP_BY_HANDLE	0x01	/* "dir" is handle 1 of generation 1 then,
				   stream 0 of generation 1 is of it */
#define SETUP_READONLY	0x02
#define SETUP_NO_CHMOD	0x04	/* as before Linux 6.6 */
#define SETUP_NO_XATTR	0x08	/* as before Linux 6.13 */
#define SETUP_LATE	0x10	/* and what is in it is handles 2 and on, all
				   of them late */

#define DIR_HANDLE	(MONITOR_ROOT_HANDLE + 1)
#define DIR_STREAM	MONITOR_ROOT_HANDLE

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

/* One of the requests that set up, which cannot fail. */
static void
prepare(uint32_t op, uint64_t handle)
{
	pen_good(&message, op, PEN_BY_HANDLE, handle);
	if (op == MONITOR_LOOKUP)
		pen_set_part(&message, PEN_NAME0, "dir", 3);
	if (op == MONITOR_READDIRPLUS)
		message.request.u.readdir.stream = DIR_STREAM;
	if (fixture_run(&f, &message) != NULL || f.op.reply.error != 0)
		fail("not set up");
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
		prepare(MONITOR_LOOKUP, MONITOR_ROOT_HANDLE);
		prepare(MONITOR_OPENDIR, DIR_HANDLE);
		if ((how & SETUP_LATE) != 0)
			prepare(MONITOR_READDIRPLUS, DIR_HANDLE);
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

/* Entries, one after the other, and nothing else. */
static void
check_listing(bool plus)
{
	size_t at = 0, step = sizeof(struct monitor_dirent) +
	    (plus ? sizeof(struct monitor_attr) : 0);
	struct monitor_dirent head;

	while (at + step <= f.op.reply.data_len) {
		memcpy(&head, f.data + at, sizeof(head));
		at += step;
		if (head.name_len == 0 || head.name_len > MONITOR_NAME_MAX ||
		    memchr(f.data + at, '/', head.name_len) != NULL ||
		    memchr(f.data + at, '\0', head.name_len) != NULL)
			fail("an entry without a proper name");
		if (plus != (head.handle != 0) && f.data[at] != '.')
			fail("an entry without a handle, or with one");
		at += (head.name_len + 7) / 8 * 8;
	}
	if (at != f.op.reply.data_len)
		fail("entries of a wrong length");
}

static void
check_reply(void)
{
	const struct monitor_reply *reply = &f.op.reply;
	uint32_t op = message.request.op;
	struct stat st;

	if (reply->error > 0 || reply->error < -4095)
		fail("no errno");
	if (reply->data_len > MONITOR_PAYLOAD_MAX)
		fail("too much data");
	if (reply->error != 0 && f.op.reply_fd != -1)
		fail("an error with a descriptor");
	if (op == MONITOR_READDIR || op == MONITOR_READDIRPLUS)
		check_listing(op == MONITOR_READDIRPLUS);
	if (f.op.reply_fd == -1)
		return;
	if (op != MONITOR_OPEN && op != MONITOR_CREATE &&
	    op != MONITOR_TMPFILE)
		fail("a descriptor");
	if (fstat(f.op.reply_fd, &st) == -1 || (!S_ISREG(st.st_mode) &&
	    (!S_ISDIR(st.st_mode) || f.m.naming != MONITOR_BY_PATH)))
		fail("a descriptor of a wrong kind");
	if (f.m.readonly &&
	    (fcntl(f.op.reply_fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
		fail("a descriptor for writing, read-only");
}

/* Everything anew for the next input: the share, handles, streams. */
static void
renew(void)
{
	if (fixture_populate(&f) != 0)
		fail("the share cannot be emptied");
	/* Its streams have ended; the names begin anew, too. */
	free(f.m.streams.streams);
	free(f.m.streams.generations);
	stream_table_init(&f.m.streams, STREAMS);
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
	if (handle_hold(&f.m.handles, MONITOR_ROOT_HANDLE) < 0)
		fail("the root is forgotten");
	renew();
	if (fixture_count_fds() != fds)
		fail("a descriptor is left over");
	if (fixture_changed(&f, "outside"))
		fail("something outside has changed");
	if (fchdir(home_fd) == -1)
		fail("cannot go home");
	return 0;
}
