/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_time.h - a time as a person says it.
 */
#ifndef CLI_REPORT_TIME_H
#define CLI_REPORT_TIME_H

#include <stdint.h>

/* "12h", "7d" (ago) or "2026-11-01" (midnight UTC). 0 or -1. */
int report_time_parse(const char *text, int64_t *at);

#endif
