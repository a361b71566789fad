/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h - what the fuzz targets share. A target is one file with
 * LLVMFuzzerTestOneInput: the module driven from bytes, as a test does it
 * without a table. What must hold whatever the bytes are is said by fuzz_must.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/base/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Before the first input; a target that needs none returns 0. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define KIB ((uint64_t)1024)

static inline void
fuzz_must(bool holds)
{
	if (!holds)
		abort();
}

/* Low, so that each limit is met, and no input takes long. */
static inline struct conf_limits
fuzz_limits(void)
{
	return (struct conf_limits){ .message = 1024 * KIB,
		.message_hard = 2048 * KIB,
		.message_memory = 256 * KIB,
		.header = 32 * KIB,
		.decompressed = 512 * KIB,
		.ratio = 200,
		.members = 10,
		.nesting = 3,
		.parts = 30,
		.part_depth = 5,
		.records = 200,
		.span_days = 10,
		.xml_depth = 10,
		.xml_text = 4 * KIB,
		.tls_report = 64 * KIB,
		.tls_entries = 50,
		.sample = 32 * KIB,
		.header_fields = 50,
		.temporary = 4096 * KIB,
		.spool_memory = 16 * KIB };
}

/* Read to the end, and no further than max. */
static inline uint64_t
fuzz_drain(struct reader *in, uint64_t max)
{
	char chunk[4096];
	struct err e = { 0 };
	uint64_t total = 0;
	ssize_t n;

	while ((n = reader_read(in, chunk, sizeof(chunk), &e)) > 0) {
		total += (uint64_t)n;
		fuzz_must(total <= max);
	}
	fuzz_must(n == 0 || e.kind != ERR_NONE);
	return total;
}

#endif
