/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_write.c - what becomes of each key of parsedmarc's configuration.
 * in: its pairs and the table    out: our configuration, and what is left
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/conf_table.h"
#include "common/base/text.h"

#include "cli/import.h"

#define ITEM "reports" /* what a named section is called */

static void
add(struct import *im, const struct import_row *row,
    const struct ini_pair *pair, const char *text, const char *reason)
{
	im->result =
	    xrealloc(im->result, (im->count + 1) * sizeof(*im->result));
	im->result[im->count++] = (struct import_result){
		.row = row, .pair = pair, .text = text, .reason = reason
	};
}

static bool
is_given(const struct import *im, const struct import_row *row)
{
	const struct import_result *r;

	for (r = im->result; r < im->result + im->count; r++)
		if (r->text != NULL &&
		    strcmp(r->row->to_section, row->to_section) == 0 &&
		    strcmp(r->row->to_key, row->to_key) == 0)
			return true;
	return false;
}

/* Would our own parser take it? NULL: it would. */
static const char *
refusal(const struct import *im, const struct import_row *row, const char *text)
{
	union {
		char *text;
		struct conf_list list;
		uint64_t number;
		bool is_on;
		mode_t mode;
		int choice;
	} place = { .list = { 0 } };
	const struct conf_section *s = conf_section_find(
	    &conf_table, row->to_section, strlen(row->to_section));
	const struct conf_key *key;
	struct err e = { 0 };
	bool is_file;

	key = s == NULL ? NULL
			: conf_key_find(&conf_table, s, row->to_key,
			      strlen(row->to_key), &is_file);
	if (key == NULL) /* a mistake in import_table.c */
		return "has a counterpart that does not exist";
	if (conf_value_set(key, &place, text, &e) < 0)
		return arena_printf(
		    im->a, "[%s] %s %s", row->to_section, row->to_key, e.text);
	conf_value_clear(key, &place);
	return NULL;
}

static void
convert(struct import *im, const struct import_row *row,
    const struct ini_pair *pair, const char *value)
{
	const char *reason, *text = NULL;
	struct buf b;
	const struct import_value v = {
		.ini = im->ini, .row = row, .text = value, .out = &b
	};
	struct err e;

	buf_init(&b, CONF_VALUE_MAX);
	(void)buf_add_text(&b, "", &e);
	if (is_given(im, row))
		reason = "is given by another key already";
	else
		reason = row->convert(&v);
	if (reason == NULL)
		reason = refusal(im, row, b.data);
	if (reason == NULL)
		text = arena_strdup(im->a, b.data);
	explicit_bzero(b.data, b.len);
	buf_clear(&b);
	add(im, row, pair, text, reason);
}

static void
settle_row(struct import *im, const struct import_row *row)
{
	const struct ini_pair *pair =
	    row->key == NULL ? NULL : ini_find(im->ini, row->section, row->key);
	const char *value = pair != NULL ? pair->value : row->preset;

	if (value == NULL || !ini_has_section(im->ini, row->section) ||
	    (row->when != NULL && !ini_has_section(im->ini, row->when)))
		return;
	if (row->unless != NULL && ini_has_section(im->ini, row->unless)) {
		if (pair != NULL)
			add(im, row, pair, NULL,
			    arena_printf(im->a,
				"there is [%s] too, and records go to one "
				"cluster: run a second instance for this one",
				row->unless));
	} else if (row->to_key == NULL) {
		add(im, row, pair, NULL, row->text);
	} else if (row->convert == NULL) {
		add(im, row, pair, NULL, NULL);
	} else {
		convert(im, row, pair, value);
	}
}

static bool
is_settled(const struct import *im, const struct ini_pair *pair)
{
	const struct import_result *r;

	for (r = im->result; r < im->result + im->count; r++)
		if (r->pair == pair)
			return true;
	return false;
}

const struct import_row *
import_row_find(const char *section, const char *key)
{
	const struct import_row *row;

	for (row = import_table; row->section != NULL; row++)
		if (strcmp(row->section, section) == 0 && row->key != NULL &&
		    strcmp(row->key, key) == 0)
			return row;
	return NULL;
}

void
import_settle(struct import *im, const struct ini *ini, struct arena *a)
{
	const struct import_row *row;
	const struct ini_pair *pair;

	*im = (struct import){ .ini = ini, .a = a };
	for (row = import_table; row->section != NULL; row++)
		settle_row(im, row);
	for (pair = ini->pair; pair < ini->pair + ini->count; pair++) {
		if (is_settled(im, pair))
			continue;
		row = import_row_find(pair->section, pair->key);
		add(im, row, pair, NULL,
		    row == NULL ? "is unknown to parsedmarc, which passes over "
				  "it"
				: "is about mails, and there is neither "
				  "[imap] nor [maildir]");
	}
}

/* What our parser would take for quotes is put between quotes. */
static void
write_pair(const struct import_result *r, FILE *out)
{
	const char *quote = *r->text == '"' ? "\"" : "";

	if (r->pair != NULL)
		(void)fprintf(out, "# [%s] %s, line %u", r->row->section,
		    r->row->key, r->pair->line);
	else if (r->row->key != NULL)
		(void)fprintf(out, "# [%s] %s: not set, parsedmarc's default",
		    r->row->section, r->row->key);
	else
		(void)fputs("# new", out);
	if (r->row->text != NULL)
		(void)fprintf(out, ": %s", r->row->text);
	(void)fprintf(
	    out, "\n%s = %s%s%s\n", r->row->to_key, quote, r->text, quote);
}

static void
write_section(const struct import *im, const struct conf_section *s, FILE *out)
{
	const struct import_result *r;
	bool is_open = false;

	for (r = im->result; r < im->result + im->count; r++) {
		if (r->text == NULL || strcmp(r->row->to_section, s->name) != 0)
			continue;
		(void)fputs("\n", out);
		if (!is_open)
			(void)fprintf(out, "[%s%s]\n\n", s->name,
			    s->many > 0 ? " " ITEM : "");
		is_open = true;
		write_pair(r, out);
	}
}

/* Strangers' text: the file may be anybody's. */
size_t
import_write_left(const struct import *im, const char *prefix, FILE *out)
{
	const struct import_result *r;
	char section[256], key[256], reason[1024];
	size_t n = 0;

	for (r = im->result; r < im->result + im->count; r++) {
		if (r->pair == NULL || r->reason == NULL)
			continue;
		(void)fprintf(out, "%s[%s] %s (line %u): %s\n", prefix,
		    text_escape(r->pair->section, section, sizeof(section)),
		    text_escape(r->pair->key, key, sizeof(key)), r->pair->line,
		    text_escape(r->reason, reason, sizeof(reason)));
		n++;
	}
	return n;
}

void
import_write(const struct import *im, const char *path, FILE *out)
{
	const struct conf_section *s;
	char text[1024];

	(void)fprintf(out,
	    "# dmarc-intake.conf - made by \"dmarc-intake import-config\" from "
	    "%s\n"
	    "#\n"
	    "# Above each key stands where it came from; what has no "
	    "counterpart is named at\n"
	    "# the end. Every key there is: dmarc-intake.conf(5).\n",
	    text_escape(path, text, sizeof(text)));
	for (s = conf_table.sections; s->name != NULL; s++)
		write_section(im, s, out);
	(void)fputs("\n# Without a counterpart:\n", out);
	if (import_write_left(im, "# ", out) == 0)
		(void)fputs("# nothing\n", out);
}

void
import_clear(struct import *im)
{
	free(im->result);
	*im = (struct import){ 0 };
}
