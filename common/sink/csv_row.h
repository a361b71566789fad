/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv_row.h - which kinds of reports make which rows of CSV. For print_csv*.c
 * only.
 */
#ifndef SINK_CSV_ROW_H
#define SINK_CSV_ROW_H

#include "common/base/csv.h"
#include "common/report/report.h"

/* print_csv_failure.c: one row. */
extern const char print_csv_failure_header[];
int print_csv_failure(const struct report *r, struct buf *out, struct err *e);

/* print_csv_tls.c: a row for each policy and each failure detail. */
extern const char print_csv_tls_header[];
int print_csv_tls(const struct report *r, struct buf *out, struct err *e);

#endif
