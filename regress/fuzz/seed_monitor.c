/*
 * SPDX-License-Identifier: ISC
 *
 * Makes the corpus of fuzz_monitor in the directory that is its argument: each
 * good request by path, by handle, read-only and as on older kernels, some
 * sequences, and all that can be spoiled of two operations.
 */
#include "config.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/pen/pen_cases.h"

/* As fuzz_monitor.c sets up. */
#define DIR_HANDLE	(MONITOR_ROOT_HANDLE + 1)
#define LATE_HANDLE	(MONITOR_ROOT_HANDLE + 2)
#define DIR_STREAM	MONITOR_ROOT_HANDLE
#define SETUP_LATE	0x11

static struct pen_message message;

static FILE *
seed_open(const char *dir, const char *prefix, const char *name,
    uint8_t how)
{
	char path[4096];
	FILE *file;
	size_t at;

	snprintf(path, sizeof(path), "%s/%s_%s", dir, prefix, name);
	for (at = strlen(dir) + 1; path[at] != '\0'; at++)
		path[at] = isalnum((unsigned char)path[at]) ?
		    (char)tolower((unsigned char)path[at]) : '_';
	file = fopen(path, "wb");
	if (file == NULL) {
		perror(path);
		exit(1);
	}
	fputc(how, file);
	return file;
}

static void
seed_put(FILE *file)
{
	uint32_t op = message.request.op;

	/* In all of them it is the first argument. */
	if (op >= MONITOR_READDIR && op <= MONITOR_RELEASEDIR)
		message.request.u.stream.stream = DIR_STREAM;
	fwrite(&message.request, sizeof(message.request), 1, file);
	fwrite(message.payload, pen_payload_len(&message), 1, file);
}

/* Requests that build on each other. */
static void
seed_sequence(const char *dir, enum pen_naming naming, uint8_t how)
{
	static const uint32_t ops[] = { MONITOR_CREATE, MONITOR_MKDIR,
	    MONITOR_SYMLINK, MONITOR_LINK, MONITOR_SETXATTR,
	    MONITOR_LISTXATTR, MONITOR_UNLINK, MONITOR_RENAME };
	FILE *file = seed_open(dir, naming == PEN_BY_PATH ? "path" :
	    "handle", "sequence", how);

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		pen_good(&message, ops[i], naming, DIR_HANDLE);
		seed_put(file);
	}
	fclose(file);
}

/* Looked up, used, forgotten, used again. */
static void
seed_forget(const char *dir)
{
	const struct monitor_forget forget = { DIR_HANDLE, 1 };
	FILE *file = seed_open(dir, "handle", "forgotten", 1);

	pen_good(&message, MONITOR_LOOKUP, PEN_BY_HANDLE, DIR_HANDLE);
	seed_put(file);
	pen_good(&message, MONITOR_FORGET, PEN_BY_HANDLE, 0);
	pen_set_part(&message, PEN_DATA, &forget, sizeof(forget));
	seed_put(file);
	pen_good(&message, MONITOR_GETATTR, PEN_BY_HANDLE, DIR_HANDLE);
	seed_put(file);
	fclose(file);
}

/* A stream that is read, released, and read all the same. */
static void
seed_stream(const char *dir)
{
	static const uint32_t ops[] = { MONITOR_READDIR, MONITOR_READDIRPLUS,
	    MONITOR_FSYNCDIR, MONITOR_OPENDIR, MONITOR_RELEASEDIR,
	    MONITOR_READDIR, MONITOR_RESET, MONITOR_OPENDIR };
	FILE *file = seed_open(dir, "handle", "stream", 1);

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		pen_good(&message, ops[i], PEN_BY_HANDLE, DIR_HANDLE);
		if (i % 4 == 0)
			message.request.u.readdir.size = 100;
		seed_put(file);
	}
	fclose(file);
}

/* What was only read: used, renamed, removed, its directory forgotten. */
static void
seed_late(const char *dir)
{
	static const uint32_t ops[] = { MONITOR_GETATTR, MONITOR_SETATTR,
	    MONITOR_OPEN, MONITOR_READLINK, MONITOR_LISTXATTR };
	const struct monitor_forget forget = { DIR_HANDLE, 9 };
	FILE *file = seed_open(dir, "late", "sequence", SETUP_LATE);

	pen_good(&message, MONITOR_RENAME, PEN_BY_HANDLE, DIR_HANDLE);
	seed_put(file);
	pen_good(&message, MONITOR_UNLINK, PEN_BY_HANDLE, DIR_HANDLE);
	seed_put(file);
	pen_good(&message, MONITOR_FORGET, PEN_BY_HANDLE, 0);
	pen_set_part(&message, PEN_DATA, &forget, sizeof(forget));
	seed_put(file);
	for (unsigned int i = 0; i < 10; i++) {
		pen_good(&message, ops[i % 5], PEN_BY_HANDLE,
		    LATE_HANDLE + i);
		pen_set_part(&message, PEN_NAME0, "", 0);
		seed_put(file);
	}
	fclose(file);
}

static void
seed_spoiled(const char *dir, uint32_t op)
{
	const char *label, *why;
	char prefix[64];
	FILE *file;

	snprintf(prefix, sizeof(prefix), "bad_%s", pen_op_name(op));
	for (size_t i = 0; i < pen_spoils(); i++) {
		pen_good(&message, op, PEN_BY_PATH, 0);
		why = pen_spoil(&message, PEN_BY_PATH, i, &label);
		/* The lane's matter; and what only fills the corpus. */
		if (why == NULL || pen_payload_len(&message) > 1024)
			continue;
		file = seed_open(dir, prefix, label, 0);
		seed_put(file);
		fclose(file);
	}
}

/* One good request, for one way that the monitor is set up. */
static void
seed_good(const char *dir, uint32_t op, const char *prefix, uint8_t how)
{
	bool by_handle = (how & 1) != 0;
	FILE *file;

	if (!pen_fits(op, by_handle ? PEN_BY_HANDLE : PEN_BY_PATH))
		return;
	file = seed_open(dir, prefix, pen_op_name(op), how);
	pen_good(&message, op, by_handle ? PEN_BY_HANDLE : PEN_BY_PATH,
	    DIR_HANDLE);
	seed_put(file);
	fclose(file);
}

int
main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: seed_monitor DIRECTORY\n");
		return 2;
	}
	/* The first byte: see fuzz_monitor.c. */
	for (uint32_t op = 1; op < MONITOR_OP_MAX; op++) {
		seed_good(argv[1], op, "path", 0);
		seed_good(argv[1], op, "handle", 1);
		seed_good(argv[1], op, "readonly", 2);
		seed_good(argv[1], op, "older", 13);
		seed_good(argv[1], op, "late", SETUP_LATE);
	}
	seed_sequence(argv[1], PEN_BY_PATH, 0);
	seed_sequence(argv[1], PEN_BY_HANDLE, 1);
	seed_forget(argv[1]);
	seed_stream(argv[1]);
	seed_late(argv[1]);
	seed_spoiled(argv[1], MONITOR_RENAME);
	seed_spoiled(argv[1], MONITOR_SETXATTR);
	return 0;
}
