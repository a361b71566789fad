/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print_summary.h - what the summaries of all kinds of reports share. For
 * print_summary*.c only.
 */
#ifndef SINK_PRINT_SUMMARY_H
#define SINK_PRINT_SUMMARY_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/report/report.h"

/* Characters, not bytes: continuation bytes take no column. */
size_t print_width(const char *text);

/* The whole of one. */
/* print_summary_failure.c */
int print_summary_failure(
    const struct report *r, struct buf *out, struct err *e);
/* print_summary_tls.c */
int print_summary_tls(const struct report *r, struct buf *out, struct err *e);

#endif
