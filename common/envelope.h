/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope.h - what a transport knows of a mail besides its bytes.
 */
#ifndef COMMON_ENVELOPE_H
#define COMMON_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sheet;

/* All of it is borrowed. */
struct envelope {
	const char *transport; /* "lmtp", "milter", "imap", "file" */
	const char *session;   /* as in the log */
	const char *from;      /* reverse-path without <>; "" is the null one */
	const char *const *recipients; /* those that are ours, as given */
	size_t recipient_count;
	int64_t received; /* when the transport had it */
	/* how the MTA calls itself; NULL: it does not say */
	const char *mta_name;
	struct sheet *sheet; /* NULL, or for what the mail prints */
};

/* Did it come that way? */
static inline bool
envelope_is_of(const struct envelope *env, const char *transport)
{
	return env->transport != NULL && strcmp(env->transport, transport) == 0;
}

#endif
