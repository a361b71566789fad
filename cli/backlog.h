/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backlog.h - what lies in the quarantine, in a few words.
 */
#ifndef CLI_BACKLOG_H
#define CLI_BACKLOG_H

#include "common/base/conf.h"

/* A line on stdout for each class that has mails: how many, since when. */
void backlog_print(const struct conf_quarantine *conf);

#endif
