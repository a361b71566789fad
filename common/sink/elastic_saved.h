/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_saved.h - has parsedmarc stored this report before us?
 */
#ifndef SINK_ELASTIC_SAVED_H
#define SINK_ELASTIC_SAVED_H

#include <stdint.h>

#include "common/base/conf.h"
#include "common/report/report.h"
#include "common/sink/elastic_group.h"

/*
 * How many documents of this report did another program store? Those that
 * have intake are ours and are not counted. -1: ERR_TEMP.
 */
int elastic_saved_count(struct elastic_group *g, const struct conf *conf,
    const struct report *r, uint64_t *count, struct err *e);

#endif
