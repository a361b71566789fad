/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_page.h - parts of the page; for report_*.c and serve*.c only.
 */
#ifndef CLI_REPORT_PAGE_H
#define CLI_REPORT_PAGE_H

#include "cli/html.h"
#include "cli/report.h"
#include "cli/report_lists.h"

/* All the CSS there is, without <style>; report_style.c. */
extern const char report_style[];

/*
 * What the page may load and run: nothing but that style. In the page itself
 * and, live, in the header of the answer. report_style.c
 */
const char *report_policy(struct arena *a);

/* From the doctype to <main>; and what comes behind. report_html.c */
void report_page_begin(
    struct html *h, const struct report_view *v, const char *title);
void report_page_end(struct html *h, const struct report_view *v);

/* A heading and one list as a table; nothing where it is empty. */
void report_page_list(struct html *h, const struct report_view *v,
    const struct report_list *list);

/* "1,234" */
void report_page_count(struct html *h, const struct report_view *v, uint64_t n);

/* Days as columns, and the share that passed; report_chart.c. */
void report_chart(struct html *h, const struct report_view *v);

#endif
