/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_internal.h - what http.c and http_open.c share. For nobody else.
 */
#ifndef BASE_HTTP_INTERNAL_H
#define BASE_HTTP_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "common/base/http.h"

#define HTTP_HOSTS_MAX 64

struct http_host {
	char *url;  /* without credentials and without a slash at the end */
	char *name; /* scheme, name and port, for error texts */
	char *user, *password; /* NULL: none in the URL */
	int64_t rest_until_ms; /* under lock */
};

struct http_connection {
	CURL *easy;
	char trouble[CURL_ERROR_SIZE];
	struct http_connection *next;
};

struct http {
	pthread_mutex_t lock;
	struct http_connection *idle; /* under lock */
	size_t next_host;             /* under lock */
	struct http_host host[HTTP_HOSTS_MAX];
	size_t host_count;
	char *user, *password; /* NULL: those of the host */
	char *authorization;   /* a header of ours; NULL: none */
	char *sigv4;           /* NULL: no AWS */
	char *cert_path, *client_cert_path, *client_key_path;
	bool skip_verification;
	char *login;
};

#endif
