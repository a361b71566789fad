/* SPDX-License-Identifier: Apache-2.0 */
/*
 * category.h - where the mails of an aggregate record come from, in one word.
 * A pure function of the record, the name of its source, and the public
 * suffix list.
 */
#ifndef REPORT_CATEGORY_H
#define REPORT_CATEGORY_H

#include "common/base/suffix.h"
#include "common/report/report.h"

/*
 * "aligned", "forwarded", "misconfigured" or "unknown", as
 * doc/record-schema.md tells. The record has its source already.
 */
const char *category_of(
    const struct record *rec, const struct suffix_list *suffixes);

#endif
