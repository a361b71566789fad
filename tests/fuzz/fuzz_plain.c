/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_plain.c - a mail that plain.c takes apart gives the very parts that
 * GMime makes of it, but for CR where line ends are mixed. GMime is made to
 * read it by a field that plain.c leaves to it.
 */
#include <string.h>

#include "common/message/part.h"
#include "common/message/plain.h"
#include "tests/fuzz/fuzz.h"

#define FOREIGN "TLS-Report-Domain: d.example\n"
#define OUT_MAX ((size_t)16 << 20)

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	parts_setup();
	return 0;
}

static void
describe(struct parts *parts, struct buf *out)
{
	const struct part *part = parts_current(parts);
	const char *name, *id = parts_message_id(parts);
	struct reader *content;
	struct err e = { 0 };
	char chunk[4096];
	ssize_t n;
	int rc;

	fuzz_must(buf_printf(out, &e, "id %s\n", id != NULL ? id : "-") == 0);
	while ((rc = parts_next(parts, &content, &name, &e)) == 1) {
		fuzz_must(buf_printf(out, &e, "%s charset %s text %d %d\n",
			      name, part->charset != NULL ? part->charset : "-",
			      part->is_text, part->is_mislabelled) == 0);
		while ((n = reader_read(content, chunk, sizeof(chunk), &e)) > 0)
			fuzz_must(buf_add(out, chunk, (size_t)n, &e) == 0);
		reader_close(&content);
		fuzz_must(buf_printf(out, &e, "\nend %zd joined %d\n", n,
			      (int)part->joined_lines) == 0);
	}
	fuzz_must(buf_printf(out, &e, "end %d\n", rc) == 0);
}

/*
 * What comes out of before and data, one behind the other. False: too near a
 * limit for GMime, before which more is counted than there is (part_check.c).
 */
static bool
take_apart(const char *before, const uint8_t *data, size_t size, bool is_plain,
    struct buf *out)
{
	const struct conf_limits limits = fuzz_limits();
	struct spill_pool *pool = spill_pool_new("/tmp", limits.temporary);
	struct parts *parts = NULL;
	struct spill raw;
	struct err e = { 0 };
	const void *bytes;
	size_t len;
	int fd;

	spill_init(&raw, pool, (size_t)limits.message);
	fuzz_must(spill_add(&raw, before, strlen(before), &e) == 0 &&
		  spill_add(&raw, data, size, &e) == 0 &&
		  spill_finish(&raw, &bytes, &len, &fd, &e) == 0);
	if (parts_open(&parts, &raw, &limits, &e) == 0) {
		fuzz_must(parts_is_plain(parts) == is_plain);
		describe(parts, out);
		parts_close(&parts);
	} else {
		fuzz_must(!is_plain && e.kind == ERR_LIMIT);
	}
	spill_clear(&raw);
	spill_pool_free(&pool);
	return e.kind != ERR_LIMIT;
}

/* GMime gets LF only where both line ends stand at something like a boundary.
 */
static void
drop_cr(struct buf *b)
{
	size_t i, len = 0;

	for (i = 0; i < b->len; i++)
		if (b->data[i] != '\r')
			b->data[len++] = b->data[i];
	b->len = len;
}

static bool
has_two_ends(const struct bytes *mail)
{
	const char *p = mail->data, *end = p + mail->len, *lf;
	bool has[2] = { false, false };

	for (; (lf = memchr(p, '\n', (size_t)(end - p))) != NULL; p = lf + 1)
		has[lf > p && lf[-1] == '\r'] = true;
	return has[0] && has[1];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct conf_limits limits = fuzz_limits();
	const struct bytes mail = { (const char *)data, size };
	struct plain p;
	struct buf plain, tree;
	bool is_taken;

	if (size + sizeof(FOREIGN) > limits.header ||
	    !plain_read(&p, &mail, &limits))
		return 0;
	buf_init(&plain, OUT_MAX);
	buf_init(&tree, OUT_MAX);
	(void)take_apart("", data, size, true, &plain);
	is_taken = take_apart(FOREIGN, data, size, false, &tree);
	if (has_two_ends(&mail)) {
		drop_cr(&plain);
		drop_cr(&tree);
	}
	fuzz_must(
	    !is_taken || (plain.len == tree.len &&
			     memcmp(plain.data, tree.data, plain.len) == 0));
	buf_clear(&plain);
	buf_clear(&tree);
	return 0;
}
