/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_name.h - file names of reports (RFC 7489, 7.2.1.1; RFC 8460, 5.1):
 * receiver "!" policy-domain "!" begin "!" end [ "!" id ] "." extension
 */
#ifndef MESSAGE_REPORT_NAME_H
#define MESSAGE_REPORT_NAME_H

#include <stdbool.h>

#include "common/base/arena.h"

/* In lower case, in the arena. */
struct report_name {
	const char *receiver; /* "" where the name begins with the domain */
	const char *domain;
};

/* Is there such a name in name ("part 2: a.zip: b.xml")? */
bool report_name_is_there(const char *name);
/* The last one of them; false: there is none. */
bool report_name_parse(
    struct report_name *out, const char *name, struct arena *a);

#endif
