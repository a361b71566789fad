/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf.c - the configuration of a process: load, reload, hold, print. What
 * the keys are is in conf_table.c.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/conf.h"
#include "common/base/conf_table.h"

int
conf_load(struct conf **conf, const char *path, struct err *e)
{
	struct conf_sources src = { .environment = environ,
		.credentials = getenv("CREDENTIALS_DIRECTORY") };
	struct conf *c = xcalloc(1, sizeof(*c));

	atomic_init(&c->holders, 1);
	/* only a file that is not there may be missing: one that we are not
	 * allowed to read must not turn into defaults */
	if (path == NULL &&
	    (access(CONF_PATH_DEFAULT, F_OK) == 0 || errno != ENOENT))
		path = CONF_PATH_DEFAULT;
	if (path != NULL)
		c->path = xstrdup(path);
	src.path = c->path;
	if (conf_fill(&conf_table, c, &src, e) < 0) {
		conf_free(&c);
		return -1;
	}
	*conf = c;
	return 0;
}

int
conf_reload(
    struct conf **next, const struct conf *now, char **kept, struct err *e)
{
	struct conf *c;
	struct buf names;

	if (conf_load(&c, now->path, e) < 0)
		return -1;
	buf_init(&names, CONF_FILE_MAX);
	conf_keep(&conf_table, c, now, &names);
	*kept = names.data; /* NULL when nothing was added */
	*next = c;
	return 0;
}

struct conf *
conf_ref(struct conf *conf)
{
	atomic_fetch_add_explicit(&conf->holders, 1, memory_order_relaxed);
	return conf;
}

void
conf_free(struct conf **conf)
{
	struct conf *c = *conf;

	*conf = NULL;
	if (c == NULL ||
	    atomic_fetch_sub_explicit(&c->holders, 1, memory_order_acq_rel) > 1)
		return;
	conf_clear(&conf_table, c);
	free(c->path);
	free(c);
}

void
conf_print(const struct conf *conf, FILE *out)
{
	conf_write(&conf_table, conf, out);
}

void
conf_print_keys(FILE *out)
{
	conf_write_keys(&conf_table, out);
}
