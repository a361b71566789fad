/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_lmtp_command.c - command lines, one behind the other.
 */
#include <string.h>

#include "lmtp/command.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void
check(const struct lmtp_command *c, enum lmtp_reply reply, const char *line,
    size_t len)
{
	size_t i;

	fuzz_must(c->verb < LMTP_VERB_COUNT);
	fuzz_must(reply != LMTP_REPLY_NONE || c->verb != LMTP_UNKNOWN);
	if (reply != LMTP_REPLY_NONE || c->address_len == 0)
		return;
	/* a part of the line, and nothing that ends a line or a log's */
	fuzz_must(
	    c->address >= line && c->address + c->address_len <= line + len);
	fuzz_must(c->address_len <= LMTP_ADDRESS_MAX);
	for (i = 0; i < c->address_len; i++)
		fuzz_must((unsigned char)c->address[i] >= ' ' &&
			  c->address[i] != 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data, *end = line + size, *lf;
	struct lmtp_command c;
	int utf8;
	size_t len;

	for (; line < end; line += len + 1) {
		lf = memchr(line, '\n', (size_t)(end - line));
		len = (size_t)((lf != NULL ? lf : end) - line);
		for (utf8 = 0; utf8 < 2; utf8++) {
			memset(&c, 0, sizeof(c));
			check(&c, lmtp_command_parse(&c, line, len, utf8 != 0),
			    line, len);
		}
	}
	return 0;
}
