/*
 * SPDX-License-Identifier: ISC
 *
 * Makes the corpus of fuzz_fuse anew, in the folder that it is given: one good
 * request of each kind, in each layout, and all of them in a row; and those
 * that create, with extensions.
 */
#include "config.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "regress/unit/fuse_sample.h"

/* Its first file: index 0, the first generation (worker/file.c). */
#define SEED_FH		(UINT64_C(1) << 32)

static struct fuse_sample sample;

static FILE *
seed_open(const char *folder, const char *name)
{
	const uint8_t choices[2] = { 0, 0 };
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "wb");
	if (file == NULL || fwrite(choices, 1, 2, file) != 2)
		err(1, "%s", path);
	return file;
}

static void
seed_sample(FILE *file, uint8_t layout)
{
	uint16_t sizes[2];

	sizes[0] = (uint16_t)sample.room;
	sizes[1] = (uint16_t)sample.len;
	if (fputc(layout, file) == EOF ||
	    fwrite(sizes, sizeof(sizes), 1, file) != 1 ||
	    fwrite(sample.bytes, sample.len, 1, file) != 1)
		err(1, "write");
}

static void
seed_request(FILE *file, uint32_t opcode, uint8_t layout)
{
	fuse_sample_good(&sample, opcode, SEED_FH);
	seed_sample(file, layout);
}

/* Two extensions, of which one is known. */
static void
seed_extensions(FILE *file, uint32_t opcode, uint8_t layout)
{
	static const uint32_t words[] = { 16, 33, 0, 0,
	    16, FUSE_EXT_GROUPS, 1, 555 };

	fuse_sample_good(&sample, opcode, SEED_FH);
	fuse_sample_extensions(&sample, words,
	    sizeof(words) / sizeof(words[0]));
	seed_sample(file, layout);
}

static void
seed_close(FILE *file)
{
	if (fclose(file) != 0)
		err(1, "close");
}

int
main(int argc, char **argv)
{
	const uint32_t *op;
	char name[32];
	FILE *file;

	if (argc != 2)
		errx(2, "usage: %s folder", argv[0]);
	for (op = fuse_sample_opcodes; *op != 0; op++) {
		snprintf(name, sizeof(name), "opcode_%02u", *op);
		file = seed_open(argv[1], name);
		seed_request(file, *op, (uint8_t)(*op % 4));
		seed_close(file);
	}
	for (op = fuse_sample_creating; *op != 0; op++) {
		snprintf(name, sizeof(name), "extensions_%02u", *op);
		file = seed_open(argv[1], name);
		seed_extensions(file, *op, (uint8_t)(*op % 4));
		seed_close(file);
	}
	file = seed_open(argv[1], "all");
	for (op = fuse_sample_opcodes; *op != 0; op++)
		if (*op != FUSE_INIT && *op != FUSE_DESTROY &&
		    *op != FUSE_RELEASE)
			seed_request(file, *op, (uint8_t)(*op % 4));
	seed_request(file, FUSE_RELEASE, 0);
	seed_request(file, FUSE_INIT, 0);
	seed_request(file, FUSE_DESTROY, 0);
	seed_close(file);
	return 0;
}
