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

/*
 * Serve l (closed at the end) until SIGTERM or SIGINT (from signal_fd) and
 * until the mails in hand are done. conf is that of the start. 0, or -1 and *e
 * when it could not start. *is_idle: all threads have ended, so that the
 * pipeline may be closed; it is false only when mails outlived their budget.
 */
int lmtp_serve(struct pipeline *p, const struct conf *conf, struct listener *l,
    int signal_fd, bool *is_idle, struct err *e);

#endif
