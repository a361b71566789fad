/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_admit.h - may a report be stored? For pipeline.c.
 */
#ifndef COMMON_PIPELINE_ADMIT_H
#define COMMON_PIPELINE_ADMIT_H

#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/envelope.h"
#include "common/message/message.h"
#include "common/report/report.h"

/* 0, or -1: ERR_MALFORMED, it is kept apart, and *e says why. */
int pipeline_admit(const struct conf_intake *conf, const struct envelope *env,
    const struct message *m, const struct report *r, struct err *e);

#endif
