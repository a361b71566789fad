/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preview.h - may a mail be a report, told before the mail is fetched? Pure.
 */
#ifndef IMAP_PREVIEW_H
#define IMAP_PREVIEW_H

#include <stdbool.h>

#include "imap/reply.h"

/* What to ask for, as items of FETCH. */
#define IMAP_PREVIEW_ITEMS \
	"BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (SUBJECT CONTENT-TYPE " \
	"TLS-REPORT-DOMAIN)] " \
	"BODY.PEEK[TEXT]<0.2048>"

/* In doubt it may: then the mail is fetched, and the pipeline tells. */
bool imap_preview_may_be_report(const struct imap_fetch *f);

#endif
