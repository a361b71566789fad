/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.h - what the daemon does beside its clients.
 */
#ifndef LMTP_REPLAY_H
#define LMTP_REPLAY_H

#include "lmtp/session.h"

/* Try the waiting mails again from time to time, until the server stops. */
void lmtp_replay_run(struct lmtp_service *sv);

#endif
