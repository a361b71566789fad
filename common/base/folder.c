/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder.c - folders that we need.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/buf.h"
#include "common/base/folder.h"

int
folder_make(const char *path, struct err *e)
{
	char *part = xstrdup(path), *slash = part;
	int rc = 0;

	while (rc == 0 && slash != NULL) {
		if ((slash = strchr(slash + 1, '/')) != NULL)
			*slash = '\0';
		if (mkdir(part, 0750) < 0 && errno != EEXIST)
			rc = err_set_errno(e, "folder %s", part);
		if (slash != NULL)
			*slash = '/';
	}
	free(part);
	return rc;
}
