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
	fuzz_report(aggregate_read, suffixes, data, size);
	return 0;
}
