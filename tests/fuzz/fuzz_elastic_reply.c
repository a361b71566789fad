/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_elastic_reply.c - answers of Elasticsearch and OpenSearch, or of what
 * stands in their place. Two bytes are the status, one says what was asked.
 */
#include <string.h>

#include "common/sink/elastic_reply.h"
#include "tests/fuzz/fuzz.h"

#define ITEMS 5

struct seen {
	unsigned times[ITEMS];
};

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void
on_item(
    void *context, size_t i, enum elastic_outcome outcome, const struct err *e)
{
	struct seen *seen = context;

	fuzz_must(i < ITEMS);
	seen->times[i]++;
	if (outcome == ELASTIC_STORED || outcome == ELASTIC_DUPLICATE)
		fuzz_must(e == NULL);
	else
		fuzz_must(e != NULL && e->text[0] != '\0');
}

/* All items are told of once, or none: nothing is taken for stored by halves */
static void
read_items(const struct http_reply *r)
{
	struct seen seen = { { 0 } };
	struct err e = { 0 };
	int rc = elastic_reply_items(r, ITEMS, "nobody", on_item, &seen, &e);
	size_t i;

	fuzz_must(rc == 0 || e.kind != ERR_NONE);
	for (i = 0; i < ITEMS; i++)
		fuzz_must(seen.times[i] == (rc == 0 ? 1 : 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct elastic_match match = { "policy.domain", "d.example" };
	char name[ELASTIC_NAME_SIZE];
	struct http_reply r;
	struct err e = { 0 };
	uint64_t count;

	if (size < 3)
		return 0;
	http_reply_init(&r, (size_t)1 << 20);
	r.status = data[0] == 0 ? 200 : 100 + (data[0] * 256 + data[1]) % 500;
	if (buf_add(&r.body, data + 3, size - 3, &e) == 0) {
		switch (data[2] & 3) {
		case 0:
			read_items(&r);
			break;
		case 1:
			(void)elastic_reply_whole(&r, "nobody", &e);
			(void)elastic_reply_blames_document(&r);
			break;
		case 2:
			(void)elastic_reply_server(&r, "nobody", name, &e);
			fuzz_must(memchr(name, '\0', sizeof(name)) != NULL);
			break;
		default:
			(void)elastic_reply_count(
			    &r, &match, 1, "nobody", &count, &e);
			break;
		}
	}
	http_reply_clear(&r);
	return 0;
}
