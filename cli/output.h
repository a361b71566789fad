/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - where a command writes: a file gets its name when it is whole.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "common/base/err.h"

struct output {
	const char *path; /* NULL: stdout */
	char *temporary;  /* owned; NULL: written in place */
	FILE *stream;
};

/* One at a time: a signal removes what is not whole. 0, or -1 and *e. */
int output_open(struct output *out, const char *path, struct err *e);

/*
 * Close the stream, also when it was no success: then a file of this name
 * from before stays as it is. 0, or -1 and *e.
 */
int output_close(struct output *out, bool is_success, struct err *e);

#endif
