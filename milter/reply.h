/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.h - tell the MTA what to do with a mail.
 */
#ifndef MILTER_REPLY_H
#define MILTER_REPLY_H

#include <libmilter/mfapi.h>

#include "milter/session.h"

/* What may be asked of the MTA: SMFIF_*. */
#define MILTER_RIGHTS \
	(SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_DELRCPT | SMFIF_QUARANTINE | \
	    SMFIF_SETSYMLIST)

/*
 * Only at the end of a message: do a, or what is nearest to it where this MTA
 * does not let us (*a says what was done), and return the last word.
 */
sfsistat milter_reply(SMFICTX *ctx, const struct milter_session *s,
    const struct outcome *o, enum milter_action *a);

#endif
