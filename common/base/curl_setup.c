/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl_setup.c - libcurl's own start and end, which each user of it asks for.
 */
#include <curl/curl.h>

#include "common/base/curl_setup.h"

int
curl_setup(struct err *e)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, ERR_TEMP, "libcurl cannot start");
	return 0;
}

void
curl_cleanup(void)
{
	curl_global_cleanup();
}
