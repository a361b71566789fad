/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - accept clients, one thread for each, until the signal to stop.
 */
#ifndef LMTP_SERVER_H
#define LMTP_SERVER_H

#include "common/base/conf.h"
#include "common/base/listen.h"
#include "common/pipeline.h"

/* For daemon_main.h: are the networks networks? */
int lmtp_check_conf(const struct conf *conf, struct err *e);

/* What is still at work on the pipeline, which must not be closed then. */
enum lmtp_left {
	LMTP_LEFT_NOTHING,
	LMTP_LEFT_REPLAY, /* of a waiting mail, which stays where it is */
	LMTP_LEFT_MAILS,  /* that outlived their budget; not acknowledged */
};

/*
 * Serve l (closed at the end) until SIGTERM or SIGINT (from signal_fd) and
 * until the mails in hand are done. conf is that of the start. 0, or -1 and *e
 * when it could not start.
 */
int lmtp_serve(struct pipeline *p, const struct conf *conf, struct listener *l,
    int signal_fd, enum lmtp_left *left, struct err *e);

#endif
