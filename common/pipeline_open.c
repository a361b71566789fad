/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_open.c - what a pipeline is made of: sinks, quarantine, temporary
 * files; opened, checked and closed.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/curl_setup.h"
#include "common/base/folder.h"
#include "common/base/smtp_send.h"
#include "common/message/message.h"
#include "common/pipeline_internal.h"
#include "common/report/xml.h"

struct conf *
pipeline_hold_conf(struct pipeline *p)
{
	struct conf *conf;

	pthread_mutex_lock(&p->lock);
	conf = conf_ref(p->conf);
	pthread_mutex_unlock(&p->lock);
	return conf;
}

void
pipeline_mail_init(struct pipeline *p, struct spill *mail)
{
	struct conf *conf = pipeline_hold_conf(p);

	spill_init(mail, p->pool, (size_t)conf->limits.message_memory);
	conf_free(&conf);
}

int
pipeline_backlog(struct pipeline *p, struct pipeline_backlog *b, struct err *e)
{
	struct quarantine_count n[QUARANTINE_CLASSES] = { 0 };
	int i;

	for (i = 0; p->quarantine != NULL && i < QUARANTINE_CLASSES; i++)
		if (quarantine_count(
			p->quarantine, (enum quarantine_class)i, &n[i], e) < 0)
			return -1;
	*b = (struct pipeline_backlog){ n[QUARANTINE_KEPT].mails,
		n[QUARANTINE_WAITING].mails, n[QUARANTINE_OTHER].mails,
		n[QUARANTINE_KEPT].oldest, n[QUARANTINE_WAITING].oldest,
		n[QUARANTINE_OTHER].oldest };
	return 0;
}

static int
tell(void (*told)(const char *what, const struct err *e), const char *what,
    int rc, struct err *e)
{
	/* kind ERR_NONE with a text: all is well, but */
	told(what, rc < 0 || e->text[0] != '\0' ? e : NULL);
	err_clear(e);
	return rc < 0;
}

/* Can a temporary file be made and written? */
static int
check_temp(struct pipeline *p, struct err *e)
{
	char block[4096] = { 0 };
	struct spill s;
	int rc;

	spill_init(&s, p->pool, 0);
	rc = spill_add(&s, block, sizeof(block), e);
	if (rc == 0) {
		const void *bytes;
		size_t len;
		int fd;

		rc = spill_finish(&s, &bytes, &len, &fd, e);
	}
	spill_clear(&s);
	return rc;
}

int
pipeline_check(
    struct pipeline *p, void (*told)(const char *what, const struct err *e))
{
	struct err e = { 0 };
	int troubles = 0;
	size_t i;

	troubles += tell(told, "temporary files", check_temp(p, &e), &e);
	troubles +=
	    tell(told, "files for names", enrich_check(p->enrich, &e), &e);
	if (p->quarantine != NULL)
		troubles += tell(told, "quarantine",
		    quarantine_check(p->quarantine, &e), &e);
	if (p->quarantine != NULL &&
	    p->first->intake.other == CONF_OTHER_FORWARD)
		troubles += tell(told, "server for forwarding",
		    smtp_check(&p->first->smtp, &e), &e);
	for (i = 0; i < p->sink_count; i++)
		troubles += tell(told, p->sinks[i]->ops->name,
		    p->sinks[i]->ops->check(p->sinks[i], &e), &e);
	return troubles;
}

int
pipeline_look(
    struct pipeline *p, void (*told)(const char *what, const struct err *e))
{
	const struct sink_ops *ops;
	struct err e = { 0 };
	int silent = 0;
	size_t i;

	for (i = 0; i < p->sink_count; i++) {
		ops = p->sinks[i]->ops;
		if (ops->look == NULL)
			continue;
		if (ops->look(p->sinks[i], &e) < 0)
			silent++;
		if (e.text[0] != '\0')
			told(ops->name, &e);
		err_clear(&e);
	}
	return silent;
}

static struct pipeline *
pipeline_new(struct conf *conf)
{
	struct pipeline *p = xcalloc(1, sizeof(*p));

	message_setup();
	xml_setup();
	pthread_mutex_init(&p->lock, NULL);
	p->first = conf_ref(conf);
	p->conf = conf_ref(conf);
	p->pool =
	    spill_pool_new(conf->intake.temp_path, conf->limits.temporary);
	p->suffixes = suffix_list_open();
	p->rate = rate_new((size_t)conf->limits.senders);
	p->enrich = enrich_new(p->first);
	return p;
}

static int
open_sinks(struct pipeline *p, const struct conf *conf, struct err *e)
{
	const struct {
		bool on;
		const struct sink_ops *ops;
	} known[] = {
		{ conf->sqlite.on, &sink_sqlite_ops },
		{ conf->elasticsearch.on, &sink_elastic_ops },
		{ conf->ndjson.on, &sink_ndjson_ops },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (!known[i].on)
			continue;
		if (known[i].ops->open(&p->sinks[p->sink_count], conf, e) < 0)
			return err_add(e, "%s", known[i].ops->name);
		p->sink_count++;
	}
	return 0;
}

int
pipeline_open_ingest(struct pipeline **p, struct conf *conf, struct err *e)
{
	struct pipeline *opened;

	if (folder_make(conf->intake.temp_path, e) < 0)
		return -1;
	opened = pipeline_new(conf);
	if (open_sinks(opened, opened->first, e) < 0) {
		pipeline_close(&opened);
		return -1;
	}
	*p = opened;
	return 0;
}

/* p is closed on failure. */
static int
add_quarantine(struct pipeline **p, struct err *e)
{
	int rc = curl_setup(e);

	if (rc == 0) {
		(*p)->has_curl = true;
		rc = quarantine_open(
		    &(*p)->quarantine, &(*p)->first->quarantine, e);
		if (rc < 0)
			err_add(e, "quarantine");
	}
	if (rc < 0)
		pipeline_close(p);
	return rc;
}

void
pipeline_guard(struct pipeline *p)
{
	char *path = xasprintf("%s/crashed", p->first->intake.state_path);

	p->crash = crash_open(path);
	free(path);
}

int
pipeline_open(struct pipeline **p, struct conf *conf, struct err *e)
{
	struct pipeline *opened;

	if (pipeline_open_ingest(&opened, conf, e) < 0 ||
	    add_quarantine(&opened, e) < 0)
		return -1;
	pipeline_guard(opened);
	*p = opened;
	return 0;
}

int
pipeline_open_waiting(struct pipeline **p, struct conf *conf, struct err *e)
{
	if (pipeline_open(p, conf, e) < 0)
		return -1;
	(*p)->keeps_waiting_only = true;
	return 0;
}

int
pipeline_open_test(struct pipeline **p, struct conf *conf, struct err *e)
{
	if (folder_make(conf->intake.temp_path, e) < 0)
		return -1;
	*p = pipeline_new(conf);
	(*p)->is_dry = true;
	return 0;
}

int
pipeline_open_dry(struct pipeline **p, struct conf *conf, struct err *e)
{
	struct pipeline *opened;

	if (pipeline_open_test(&opened, conf, e) < 0 ||
	    add_quarantine(&opened, e) < 0)
		return -1;
	*p = opened;
	return 0;
}

int
pipeline_open_print(struct pipeline **p, struct conf *conf, const char *format,
    FILE *out, struct err *e)
{
	struct pipeline *opened = pipeline_new(conf);

	opened->out = out;
	if (sink_print_open(&opened->sinks[0], format, out, opened->first, e) <
	    0) {
		pipeline_close(&opened);
		return -1;
	}
	opened->sink_count = 1;
	opened->is_plain = opened->sinks[0]->is_plain;
	*p = opened;
	return 0;
}

void
pipeline_tell(struct pipeline *p, void (*warn)(void *context, const char *text),
    void *context)
{
	enrich_tell(p->enrich, warn, context);
}

void
pipeline_set_conf(struct pipeline *p, struct conf *conf)
{
	struct conf *before;

	pthread_mutex_lock(&p->lock);
	before = p->conf;
	p->conf = conf_ref(conf);
	pthread_mutex_unlock(&p->lock);
	conf_free(&before);
}

static void
close_sinks(struct pipeline *p)
{
	while (p->sink_count > 0) {
		p->sink_count--;
		p->sinks[p->sink_count]->ops->close(&p->sinks[p->sink_count]);
	}
}

int
pipeline_print(struct pipeline *p, struct sheet *sheet, struct err *e)
{
	return sink_print_put(p->sinks[0], sheet, e);
}

int
pipeline_finish(struct pipeline *p, struct err *e)
{
	close_sinks(p);
	if (p->out == NULL)
		return 0;
	if (fflush(p->out) != 0 || ferror(p->out))
		return err_set_errno(e, "output");
	return 0;
}

void
pipeline_close(struct pipeline **p)
{
	if (*p == NULL)
		return;
	close_sinks(*p);
	crash_close(&(*p)->crash);
	quarantine_close(&(*p)->quarantine);
	enrich_close(&(*p)->enrich);
	rate_free(&(*p)->rate);
	suffix_list_close(&(*p)->suffixes);
	spill_pool_free(&(*p)->pool);
	conf_free(&(*p)->conf);
	conf_free(&(*p)->first);
	pthread_mutex_destroy(&(*p)->lock);
	if ((*p)->has_curl)
		curl_cleanup();
	free(*p);
	*p = NULL;
}
