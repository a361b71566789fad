/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h - one command line of LMTP (RFC 2033, 5321, 1870, 6152, 6531,
 * 3030) taken apart. Pure: no state, no input or output.
 */
#ifndef LMTP_COMMAND_H
#define LMTP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lmtp/reply.h"

/* RFC 5321 asks for 256; long VERP addresses are seen. */
#define LMTP_ADDRESS_MAX 1024

enum lmtp_verb {
	LMTP_UNKNOWN,
	LMTP_LHLO,
	LMTP_HELO, /* and EHLO */
	LMTP_MAIL,
	LMTP_RCPT,
	LMTP_DATA,
	LMTP_BDAT,
	LMTP_RSET,
	LMTP_NOOP,
	LMTP_VRFY,
	LMTP_HELP,
	LMTP_QUIT,
	LMTP_VERB_COUNT
};

enum lmtp_body { LMTP_BODY_7BIT, LMTP_BODY_8BITMIME, LMTP_BODY_BINARYMIME };

struct lmtp_command {
	enum lmtp_verb verb;
	/*
	 * MAIL, RCPT: the mailbox without <> and source route, quotes left as
	 * they are; length 0 is the null path. LHLO: what the client calls
	 * itself. Borrowed from the line.
	 */
	const char *address;
	size_t address_len;
	enum lmtp_body body;
	bool smtputf8;
	uint64_t size; /* MAIL: as announced, 0 when not; BDAT: of the chunk */
	bool last;     /* BDAT */
};

/*
 * Parse line (without its line end). utf8: the mail was announced with
 * SMTPUTF8. LMTP_REPLY_NONE, or the reply that refuses the line; c->verb is
 * set in both cases.
 */
enum lmtp_reply lmtp_command_parse(
    struct lmtp_command *c, const char *line, size_t len, bool utf8);

/*
 * Does it start as BDAT does, whatever follows? Behind a line that means BDAT
 * and cannot be read there are bytes that are no commands.
 */
bool lmtp_command_is_chunk(const char *line, size_t len);

#endif
