/* SPDX-License-Identifier: Apache-2.0 */
/*
 * imap_link.h - a connection to an IMAP server that is logged in, through
 * libcurl: what is spoken on it is the caller's.
 */
#ifndef BASE_IMAP_LINK_H
#define BASE_IMAP_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/conf.h"
#include "common/base/err.h"

struct imap_link; /* belongs to one thread */

/*
 * Connect and log in. Readable stop_fd (foreign, kept) ends every wait.
 * -1 and *e: ERR_REFUSED when the server does not take the login, ERR_CONF
 * when its certificate or a file of ours is the trouble, else ERR_TEMP.
 */
int imap_link_open(struct imap_link **link, const struct conf_imap *conf,
    int stop_fd, struct err *e);

/* All of it is on its way, or -1 and *e after timeout_ms without progress. */
int imap_link_send(struct imap_link *link, const char *p, size_t len,
    int64_t timeout_ms, struct err *e);

/*
 * Up to size bytes; 0 when none came within timeout_ms or, unless ends_on_stop
 * is false, stop_fd is readable; -1 and *e when the connection is gone.
 */
ssize_t imap_link_read(struct imap_link *link, char *p, size_t size,
    int64_t timeout_ms, bool ends_on_stop, struct err *e);

/* Says nothing more. Takes NULL; leaves NULL. */
void imap_link_close(struct imap_link **link);

#endif
