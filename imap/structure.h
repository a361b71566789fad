/* SPDX-License-Identifier: Apache-2.0 */
/*
 * structure.h - what the parts of a mail are, without the mail: BODYSTRUCTURE
 * (RFC 9051, 7.5.2). Pure.
 */
#ifndef IMAP_STRUCTURE_H
#define IMAP_STRUCTURE_H

#include <stdbool.h>

#include "imap/token.h"

struct imap_structure {
	unsigned parts; /* with content of their own */
	unsigned texts; /* of them, those to read; an alternative is one */
	bool may_hold;  /* one may be a report, by its type or a name */
};

/* After its first "("; t is behind its last ")" then, whatever is in it. */
void imap_structure_read(struct imap_tokens *t, struct imap_structure *s);

#endif
