/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_tls.h - the part of "dmarc-intake report" about SMTP TLS reports.
 */
#ifndef CLI_REPORT_TLS_H
#define CLI_REPORT_TLS_H

#include <stddef.h>

struct arena;
struct sqlite_report;

/* Prints nothing when there are none. */
void report_tls_print(
    const struct sqlite_report *r, struct arena *a, size_t width);

#endif
