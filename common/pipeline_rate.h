/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_rate.h - may one more mail of this sender come? For pipeline.c.
 */
#ifndef COMMON_PIPELINE_RATE_H
#define COMMON_PIPELINE_RATE_H

#include "common/base/conf.h"
#include "common/base/rate.h"
#include "common/base/suffix.h"
#include "common/envelope.h"
#include "common/message/auth_trust.h"

/*
 * The mail counts, or it is one too many: -1, ERR_RATE. claims: of those that
 * conf trusts, none when it trusts nobody.
 */
int pipeline_rate(struct rate *rate, const struct suffix_list *suffixes,
    const struct conf_intake *conf, const struct envelope *env,
    const struct auth_claims *claims, struct err *e);

#endif
