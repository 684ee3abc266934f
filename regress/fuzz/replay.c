/*
 * SPDX-License-Identifier: ISC
 *
 * Runs the files of a fuzzer's corpus, without a fuzzing engine.  Arguments
 * are files; without any, they are all of the corpus.  One TAP line per file;
 * what is found aborts the program.
 */
#include "config.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define REPLAY_MAX	(1 << 20)	/* bytes of a file */

/* Runs one file.  Returns whether it could be read. */
static bool
replay_file(const char *path)
{
	uint8_t *bytes, *copy;
	FILE *file;
	size_t len;

	file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		return false;
	}
	bytes = malloc(REPLAY_MAX);
	if (bytes == NULL)
		abort();
	len = fread(bytes, 1, REPLAY_MAX, file);
	fclose(file);
	/* Of its own size, so that a sanitizer sees what reads beyond. */
	copy = malloc(len > 0 ? len : 1);
	if (copy == NULL)
		abort();
	memcpy(copy, bytes, len);
	free(bytes);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	return true;
}

static void
replay_one(const char *path, int number, int *failed)
{
	const char *slash = strrchr(path, '/');
	bool ok = replay_file(path);

	printf("%sok %d - %s\n", ok ? "" : "not ", number,
	    slash == NULL ? path : slash + 1);
	fflush(stdout);
	if (!ok)
		(*failed)++;
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int
replay_corpus(void)
{
	const char *srcdir = getenv("srcdir");
	char dir[PATH_MAX], path[2 * PATH_MAX];
	struct dirent **entries;
	int failed = 0, n;

	snprintf(dir, sizeof(dir), "%s/regress/fuzz/corpus/%s",
	    srcdir == NULL ? "." : srcdir, fuzz_name);
	n = scandir(dir, &entries, is_visible, alphasort);
	if (n <= 0) {
		printf("Bail out! no corpus in %s\n", dir);
		return 1;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir,
		    entries[i]->d_name);
		replay_one(path, i + 1, &failed);
		free(entries[i]);
	}
	free(entries);
	return failed > 0;
}

int
main(int argc, char **argv)
{
	int failed = 0;

	if (argc == 1)
		return replay_corpus();
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++)
		replay_one(argv[i], i, &failed);
	return failed > 0;
}
