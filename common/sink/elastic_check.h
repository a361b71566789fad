/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_check.h - "dmarc-intake check" for Elasticsearch and OpenSearch, and
 * what a daemon looks at when it starts.
 */
#ifndef SINK_ELASTIC_CHECK_H
#define SINK_ELASTIC_CHECK_H

#include "common/base/conf.h"
#include "common/sink/elastic_group.h"

/*
 * Would a record be stored? Nothing is written, and no index is made. 0 with
 * a text in *e: yes, but the operator should know this.
 */
int elastic_check_cluster(
    struct elastic_group *g, const struct conf *conf, struct err *e);

/*
 * Has the server what makes records safe there: templates, and indexes that
 * acknowledge only what is on disk? 0 with a text in *e: something is missing.
 * -1: no answer.
 */
int elastic_look(
    struct elastic_group *g, const struct conf *conf, struct err *e);

#endif
