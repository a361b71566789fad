/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl_setup.c - what each user of libcurl asks for.
 */
#include <curl/curl.h>

#include "common/base/curl_setup.h"
#include "common/base/text.h"

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

const char *
curl_trouble(char *said, int rc)
{
	if (*said == '\0')
		return curl_easy_strerror((CURLcode)rc);
	text_cut_time(said);
	return said;
}
