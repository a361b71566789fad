/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake.h - what is ours in a document, all of it, for tests of documents
 * and rows.
 */
#ifndef UNIT_INTAKE_H
#define UNIT_INTAKE_H

#include "common/report/report.h"

#define INTAKE_AUTH \
	"\"reporter_auth\":{\"dkim\":\"pass\",\"dmarc\":\"none\"," \
	"\"spf\":\"fail\",\"method\":\"dkim\",\"domain\":\"m.r.example\"," \
	"\"reporter\":\"r.example\",\"aligned\":true}," \
	"\"discrepancies\":[\"a is b\",\"c is \\\"d\\\"\"]"

static inline struct intake
intake_full(const char *transport, int64_t received)
{
	static const char *const discrepancies[] = { "a is b", "c is \"d\"" };

	return (struct intake){ .transport = transport,
		.received = received,
		.message_id = "1@r.example",
		.envelope_from = "n@r.example",
		.envelope_recipient = "rua@d.example",
		.reporter_auth = { true, "pass", "none", "fail", "dkim",
		    "m.r.example", "r.example", true },
		.discrepancies = discrepancies,
		.discrepancy_count = 2 };
}

#endif
