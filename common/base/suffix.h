/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suffix.h - the organizational domain of a name, by the public suffix list
 * (publicsuffix.org), through libpsl.
 */
#ifndef BASE_SUFFIX_H
#define BASE_SUFFIX_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

struct suffix_list;

/* The system's list when it is newer than the one that libpsl was built with.
 */
struct suffix_list *suffix_list_open(void);
/* The list in a file, as publicsuffix.org has it or DAFSA. NULL and *e. */
struct suffix_list *suffix_list_read(const char *path, struct err *e);

/*
 * The registrable domain of name, lower case, in out. Returns out, or NULL
 * when there is none: name is itself a public suffix, or no name at all.
 */
const char *suffix_base_domain(const struct suffix_list *list, const char *name,
    char *out, size_t out_size);

/* Are the two of one organization? NULL and "" are of none. */
bool suffix_is_same_org(
    const struct suffix_list *list, const char *a, const char *b);

/* Takes NULL; leaves NULL. */
void suffix_list_close(struct suffix_list **list);

#endif
