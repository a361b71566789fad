/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl_setup.h - what each user of libcurl asks for: its start, its end, and
 * what it says of a failure.
 */
#ifndef BASE_CURL_SETUP_H
#define BASE_CURL_SETUP_H

#include "common/base/err.h"

/* Before threads; libcurl counts, and each call ends with curl_cleanup. */
int curl_setup(struct err *e);
void curl_cleanup(void);

/*
 * What to tell of a failure: what stands in the error buffer said, which is
 * changed (text_cut_time), or the text for the CURLcode rc. Valid as long as
 * said.
 */
const char *curl_trouble(char *said, int rc);

#endif
