/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quirk.h - a mail or a file taken all the way, and its documents as text:
 * for tests of what reporters do.
 */
#ifndef UNIT_QUIRK_H
#define UNIT_QUIRK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/pipeline.h"
#include "tests/unit/aggregate_xml.h"

struct quirk_world {
	struct conf *conf;
	char *text; /* of all documents, a line each */
	size_t text_len;
	struct outcome o;
};

static inline void
quirk_open(struct quirk_world *w)
{
	char path[] = "/tmp/test_quirk.XXXXXX";
	struct err e = { 0 };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	memset(w, 0, sizeof(*w));
	assert_int_equal(dprintf(fd, "[intake]\nstate_path = /tmp\n"
				     "temp_path = /tmp\n") > 0,
	    1);
	assert_int_equal(close(fd), 0);
	if (conf_load(&w->conf, path, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(unlink(path), 0);
}

static inline void
quirk_take(struct quirk_world *w, const void *p, size_t len)
{
	const struct envelope env = { .transport = "file" };
	FILE *out = open_memstream(&w->text, &w->text_len);
	struct pipeline *pipeline;
	struct err e = { 0 };
	struct deadline d;
	struct spill mail;

	assert_non_null(out);
	deadline_start(&d, 0, 0);
	if (pipeline_open_print(&pipeline, w->conf, "ndjson", out, &e) < 0)
		fail_msg("%s", e.text);
	pipeline_mail_init(pipeline, &mail);
	assert_int_equal(spill_add(&mail, p, len, &e), 0);
	pipeline_run(pipeline, &env, &mail, &d, &w->o);
	spill_clear(&mail);
	assert_int_equal(pipeline_finish(pipeline, &e), 0);
	pipeline_close(&pipeline);
	assert_int_equal(fclose(out), 0);
}

static inline size_t
quirk_documents(const struct quirk_world *w)
{
	const char *at;
	size_t n = 0;

	for (at = w->text; (at = strchr(at, '\n')) != NULL; at++)
		n++;
	return n;
}

static inline void
quirk_close(struct quirk_world *w)
{
	free(w->text);
	conf_free(&w->conf);
}

#endif
