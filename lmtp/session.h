/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - the conversation with one client.
 */
#ifndef LMTP_SESSION_H
#define LMTP_SESSION_H

#include "common/pipeline.h"
#include "lmtp/stream.h"

#define LMTP_HOST_NAME_SIZE 256
#define LMTP_SESSION_ID_SIZE 16

/* What all sessions share. */
struct lmtp_service {
	struct pipeline *pipeline; /* foreign */
	struct daemon_stop stop;
	char host_name[LMTP_HOST_NAME_SIZE];
};

/* Speak with the client on fd (owned, non-blocking) until one side ends. */
void lmtp_session_run(struct lmtp_service *sv, int fd, const char *id);

#endif
