/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_replay.h - what a daemon with a quarantine does beside its peers:
 * waiting mails are tried again, and once a day the log says what lies there
 * and what the sinks' servers lack.
 */
#ifndef COMMON_DAEMON_REPLAY_H
#define COMMON_DAEMON_REPLAY_H

#include "common/base/daemon.h"
#include "common/pipeline.h"

/* Try the waiting mails again from time to time, until the stop. */
void daemon_replay_run(struct pipeline *p, struct daemon_stop *stop);

#endif
