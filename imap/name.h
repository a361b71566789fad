/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name.h - names of mailboxes, from how the configuration spells them to how
 * a server does. Pure.
 */
#ifndef IMAP_NAME_H
#define IMAP_NAME_H

/* What a server does with names (RFC 2342). */
struct imap_names {
	char *prefix;   /* of personal mailboxes, as "INBOX."; owned */
	char delimiter; /* of levels; NUL: there are none */
};

/*
 * name ("Reports/DMARC", UTF-8) for a command: with the server's delimiter and
 * prefix, in modified UTF-7 (RFC 3501, 5.1.3), quoted. The caller frees it.
 */
char *imap_name_quoted(const struct imap_names *names, const char *name);

#endif
