/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_imap_reply.c - what an IMAP server sends: replies, their literals and
 * the mail in them, in pieces whose length the first byte gives.
 */
#include <string.h>

#include "imap/preview.h"
#include "imap/reply.h"
#include "imap/wire.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX ((size_t)16 << 10)
#define BODY_MAX ((uint64_t)64 << 10)

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void
take_reply(struct imap_wire *w)
{
	struct imap_fetch f = { 0 };
	struct imap_reply r;
	struct bytes value;
	struct err e = { 0 };
	unsigned tokens = 0;
	uint32_t number;

	fuzz_must(w->text.len <= TEXT_MAX);
	if (imap_reply_parse(&r, w->text.data, w->text.len, &e) < 0) {
		fuzz_must(e.kind == ERR_MALFORMED && e.text[0] != '\0');
		return;
	}
	(void)imap_reply_is_code(&r, "UIDVALIDITY");
	(void)imap_reply_code_number(&r, "UIDVALIDITY", &number);
	if (r.kind == IMAP_REPLY_FETCH) {
		if (imap_fetch_parse(&r, &f, &e) == 0)
			(void)imap_preview_may_be_report(&f);
		else
			fuzz_must(e.kind == ERR_MALFORMED);
	} else if (r.kind >= IMAP_REPLY_CAPABILITY) {
		while (imap_token_next(&r.rest, &value) > IMAP_TOKEN_BAD)
			fuzz_must(++tokens <= TEXT_MAX);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imap_wire w;
	struct bytes in, span;
	struct err e = { 0 };
	uint64_t body = 0;
	size_t piece, at, n;
	int event = IMAP_WIRE_MORE;

	if (size < 1)
		return 0;
	piece = data[0] > 0 ? data[0] : size;
	imap_wire_init(&w, TEXT_MAX, BODY_MAX);
	for (at = 1; at < size && event >= 0; at += n) {
		n = size - at < piece ? size - at : piece;
		in = (struct bytes){ (const char *)data + at, n };
		while ((event = imap_wire_next(&w, &in, &span, &e)) >
		       IMAP_WIRE_MORE) {
			if (event == IMAP_WIRE_BODY) {
				fuzz_must((body += span.len) <= size);
				continue;
			}
			take_reply(&w);
		}
		fuzz_must(event < 0 ? e.kind != ERR_NONE : in.len == 0);
	}
	imap_wire_clear(&w);
	return 0;
}
