/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail_log.h - the log line of one mail, the same for every transport.
 */
#ifndef COMMON_MAIL_LOG_H
#define COMMON_MAIL_LOG_H

#include <stdint.h>

#include "common/envelope.h"
#include "common/pipeline.h"

/* Room for text of a stranger in a log line. */
#define MAIL_LOG_TEXT 320

/*
 * text as a value: as it is where nothing in it could be taken for something
 * else, quoted and escaped otherwise. Returns out.
 */
const char *mail_log_value(const char *text, char out[MAIL_LOG_TEXT]);

/* reply is what the peer was told, in a word or two. */
void mail_log(const struct envelope *env, const struct outcome *o,
    uint64_t size, int64_t ms, const char *status, const char *reply);

/* For pipeline_tell: a line of its own, escaped. */
void mail_log_warn(void *context, const char *text);

#endif
