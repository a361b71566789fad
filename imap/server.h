/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - a thread for each mailbox of each account, and the signals.
 */
#ifndef IMAP_SERVER_H
#define IMAP_SERVER_H

#include <stdbool.h>

#include "common/base/conf.h"
#include "common/pipeline.h"

struct imap_run {
	bool is_once; /* end when every mailbox was looked at */
	bool is_test; /* look, and change nothing */
};

/* ERR_CONF unless there is an account. */
int imap_check_conf(const struct conf *conf, struct err *e);

/*
 * Read all mailboxes until the signal to stop (or, with is_once, till each
 * was looked at). Returns an exit code, or -1 and *e. *is_idle is false when
 * threads are still at work on the pipeline.
 */
int imap_serve(struct pipeline *p, const struct imap_run *how, int signal_fd,
    bool *is_idle, struct err *e);

#endif
