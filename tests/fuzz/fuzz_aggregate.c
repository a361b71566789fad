/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_aggregate.c - one report, its records, their documents.
 */
#include "tests/fuzz/fuzz_report.h"

static struct suffix_list *suffixes;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	xml_setup();
	suffixes = suffix_list_open();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct conf_limits limits = fuzz_limits();
	struct spill_pool *pool = spill_pool_new("/tmp", limits.temporary);
	const struct report_setup setup = { &limits, pool, suffixes };
	struct reader *in = reader_of_bytes(data, size);
	struct report_reader *rr = NULL;
	struct err e = { 0 };
	int rc = aggregate_read(&rr, in, &setup, &e);

	fuzz_must(rc >= 0 || e.kind != ERR_NONE);
	if (rc == 1)
		fuzz_records(rr);
	report_close(&rr);
	reader_close(&in);
	spill_pool_free(&pool);
	return 0;
}
