/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample_part.h - the text and the attachments of a sample: what sample.c and
 * sample_part.c share. For common/message only.
 */
#ifndef MESSAGE_SAMPLE_PART_H
#define MESSAGE_SAMPLE_PART_H

#include <stdbool.h>
#include <gmime/gmime.h>

#include "common/message/sample.h"

struct sample_content {
	const struct conf_limits *limits; /* foreign */
	struct arena *arena;              /* foreign */
	bool keep_body;
	const char *body; /* NULL: no text, or not kept */
	bool has_body, body_is_cut;
	const struct sample_attachment *attachments;
	size_t attachment_count;
	bool is_cut; /* more parts than the limit */
};

/* Walk the parts of message and fill the lower half of c. */
void sample_content_read(struct sample_content *c, GMimeMessage *message);

#endif
