/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_failure.c - a failure report: one byte that says how much of the sample
 * is kept, the feedback part, a NUL, and the sample (without a NUL: none).
 */
#include "common/message/message.h"
#include "tests/fuzz/fuzz_report.h"

static struct suffix_list *suffixes;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	message_setup();
	suffixes = suffix_list_open();
	return 0;
}

static void
read_one(const char *feedback, size_t feedback_len, struct reader *sample,
    enum conf_sample keep)
{
	const struct conf_limits limits = fuzz_limits();
	struct spill_pool *pool = spill_pool_new("/tmp", limits.temporary);
	const struct report_setup setup = { &limits, pool, suffixes };
	const struct failure_mail mail = { .message_id = "<1@r.example>",
		.date = INT64_MIN,
		.first_received = INT64_MIN };
	struct reader *in = reader_of_bytes(feedback, feedback_len);
	struct report_reader *rr = NULL;
	struct err e = { 0 };
	int rc = failure_read(&rr, in, sample, &mail, keep, &setup, &e);

	fuzz_must(rc >= 0 || e.kind != ERR_NONE);
	if (rc == 1)
		fuzz_records(rr);
	report_close(&rr);
	reader_close(&in);
	spill_pool_free(&pool);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum conf_sample keeps[] = { CONF_SAMPLE_NONE,
		CONF_SAMPLE_HEADERS, CONF_SAMPLE_FULL };
	struct reader *sample = NULL;
	const char *feedback, *nul;
	size_t len;

	if (size == 0)
		return 0;
	feedback = (const char *)data + 1;
	len = size - 1;
	nul = memchr(feedback, '\0', len);
	if (nul != NULL) {
		len = (size_t)(nul - feedback);
		sample = reader_of_bytes(nul + 1, size - 1 - len - 1);
	}
	read_one(feedback, len, sample, keeps[data[0] % 3]);
	reader_close(&sample);
	return 0;
}
