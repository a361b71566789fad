/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.h - does what a server said repeat a secret of ours? Then it is not
 * for the log.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Is secret in the text, as it is, in a quoted string with its backslashes, or
 * in the base64 of a login? Not when secret is NULL or empty.
 */
bool secret_is_in(const char *text, size_t len, const char *secret);

#endif
