/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_ini.h - a configuration file as parsedmarc reads it: the dialect of
 * Python's configparser, without interpolation.
 */
#ifndef CLI_IMPORT_INI_H
#define CLI_IMPORT_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/err.h"

/* Keys are in lower case; the lines of a value are joined by "\n". */
struct ini_pair {
	const char *section, *key, *value; /* in the arena */
	unsigned line;
};

struct ini {
	struct ini_pair *pair; /* owned */
	size_t count;
	const char **section; /* owned; the texts are in the arena */
	size_t section_count;
};

/*
 * Read the file, its texts into a. ERR_CONF names file and line where
 * parsedmarc would not have started either. ini_clear is due in any case.
 */
int ini_read(struct ini *ini, const char *path, struct arena *a, struct err *e);

bool ini_has_section(const struct ini *ini, const char *section);
/* What [DEFAULT] says holds for each section. NULL: not set. */
const struct ini_pair *ini_find(
    const struct ini *ini, const char *section, const char *key);

void ini_clear(struct ini *ini);

#endif
