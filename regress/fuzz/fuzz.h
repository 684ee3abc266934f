/*
 * SPDX-License-Identifier: ISC
 *
 * What a fuzzer in this folder provides: to libFuzzer, or to replay.c, which
 * takes its place where there is none and runs the files of a corpus.
 */
#ifndef REGRESS_FUZZ_FUZZ_H
#define REGRESS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The corpus is in regress/fuzz/corpus/<name>. */
extern const char fuzz_name[];

/* Runs one input.  Returns 0, or aborts. */
int	LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif /* REGRESS_FUZZ_FUZZ_H */
