/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder.h - folders that we need.
 */
#ifndef BASE_FOLDER_H
#define BASE_FOLDER_H

#include "common/base/err.h"

/* Make path and what leads to it, where it is not there (mkdir -p, 0750). */
int folder_make(const char *path, struct err *e);

#endif
