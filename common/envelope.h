/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope.h - what a transport knows of a mail besides its bytes.
 */
#ifndef COMMON_ENVELOPE_H
#define COMMON_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

/* All text is borrowed. */
struct envelope {
	const char *transport; /* "lmtp", "milter", "imap", "file" */
	const char *session;   /* as in the log */
	const char *from;      /* reverse-path without <>; "" is the null one */
	const char *const *recipients; /* those that are ours, as given */
	size_t recipient_count;
	int64_t received; /* when the transport had it */
};

#endif
