/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl_setup.h - libcurl's own start and end, which each user of it asks for.
 */
#ifndef BASE_CURL_SETUP_H
#define BASE_CURL_SETUP_H

#include "common/base/err.h"

/* Before threads; libcurl counts, and each call ends with curl_cleanup. */
int curl_setup(struct err *e);
void curl_cleanup(void);

#endif
