/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_id.c - the ids of reports and records (the definition: report_id.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/report/frame.h"
#include "common/report/report_id.h"

void
report_key_add_len(struct sha256 *h, uint64_t len)
{
	const unsigned char prefix[4] = { (unsigned char)(len >> 24),
		(unsigned char)(len >> 16), (unsigned char)(len >> 8),
		(unsigned char)len };

	sha256_add(h, prefix, sizeof(prefix));
}

void
report_key_add(struct sha256 *h, const void *p, size_t len)
{
	report_key_add_len(h, p == NULL ? FRAME_ABSENT : len);
	if (p != NULL)
		sha256_add(h, p, len);
}

static void
add_value(struct sha256 *h, const char *value)
{
	report_key_add(h, value, value == NULL ? 0 : strlen(value));
}

void
report_key(struct sha256 *h, const char *const *values, size_t count,
    unsigned char key[SHA256_BYTES])
{
	size_t i;

	for (i = 0; i < count; i++)
		add_value(h, values[i]);
	sha256_end(h, key);
}

void
record_id(struct sha256 *h, const unsigned char key[SHA256_BYTES],
    uint64_t position, int64_t day, const void *fields, size_t fields_len,
    unsigned char id[SHA256_BYTES])
{
	char number[24];

	sha256_add(h, key, SHA256_BYTES);
	(void)snprintf(number, sizeof(number), "%" PRIu64, position);
	add_value(h, number);
	(void)snprintf(number, sizeof(number), "%" PRId64, day);
	add_value(h, number);
	sha256_add(h, fields, fields_len);
	sha256_end(h, id);
}
