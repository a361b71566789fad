/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_value.c - parsedmarc's values as ours.
 * in: text    out: text as our file says it, or why there is none
 */
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/text.h"

#include "cli/import.h"

#define OUTPUT_FILE "dmarc-intake.ndjson"
#define REQUEST_SECONDS_MOST 59 /* below the default of progress_timeout */

static const char too_long[] = "is too long";

static const char *
put(struct buf *out, const char *p, size_t len)
{
	struct err e;

	return buf_add(out, p, len, &e) < 0 ? too_long : NULL;
}

static const char *
put_text(struct buf *out, const char *text)
{
	return put(out, text, strlen(text));
}

const char *
import_text(const struct import_value *v)
{
	return put_text(v->out, v->text);
}

/* The words of configparser. 1, 0, or -1 when it is none of them. */
static int
bool_of(const char *value)
{
	static const char *const words[] = { "0", "1", "no", "yes", "false",
		"true", "off", "on" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (text_equal_nocase(value, words[i]))
			return i % 2;
	return -1;
}

static const char *
put_either(const struct import_value *v, const char *on, const char *off)
{
	int is_on = bool_of(v->text);

	if (is_on < 0)
		return "is neither yes nor no";
	return put_text(v->out, is_on ? on : off);
}

const char *
import_bool(const struct import_value *v)
{
	return put_either(v, "yes", "no");
}

const char *
import_count(const struct import_value *v)
{
	int64_t n;

	if (text_to_int64(v->text, strlen(v->text), &n) < 0)
		return "is no whole number";
	return put_text(v->out, v->text);
}

/* Seconds, perhaps with a fraction, as whole ones: up, as 0.5 is not 0. */
static const char *
seconds_of(const char *value, long most, struct buf *out)
{
	struct err e;
	char *end;
	double n = strtod(value, &end);
	int64_t whole;

	if (end == value || *end != '\0' || !(n >= 0 && n < 1e9))
		return "is no time in seconds";
	if (n > (double)most)
		return "is longer than what waits for it here, which keeps "
		       "its default";
	whole = (int64_t)n;
	if ((double)whole < n)
		whole++;
	return buf_printf(out, &e, "%" PRId64 "s", whole) < 0 ? too_long : NULL;
}

const char *
import_seconds(const struct import_value *v)
{
	return seconds_of(v->text, 1000000000, v->out);
}

const char *
import_request_timeout(const struct import_value *v)
{
	return seconds_of(v->text, REQUEST_SECONDS_MOST, v->out);
}

/* The name behind "$" or "${" at p, up to which byte, and its value. */
static const char *
variable_of(const char *p, size_t *used)
{
	bool has_brace = p[1] == '{';
	const char *name = p + (has_brace ? 2 : 1), *end = name, *value;
	char *word;

	while (*end == '_' || (*end >= '0' && *end <= '9') ||
	       (text_lower_char(*end) >= 'a' && text_lower_char(*end) <= 'z'))
		end++;
	if (end == name || (has_brace && *end != '}'))
		return NULL;
	word = xstrndup(name, (size_t)(end - name));
	value = getenv(word);
	free(word);
	*used = (size_t)(end - p) + (has_brace ? 1 : 0);
	return value;
}

/* A variable that is not set stays as it is written. */
static const char *
expand_variables(const char *p, struct buf *out)
{
	const char *value, *reason = NULL;
	size_t used;

	while (*p != '\0' && reason == NULL) {
		used = strcspn(p, "$");
		reason = put(out, p, used);
		p += used;
		if (*p == '\0' || reason != NULL)
			continue;
		if ((value = variable_of(p, &used)) == NULL) {
			value = "$";
			used = 1;
		}
		reason = put_text(out, value);
		p += used;
	}
	return reason;
}

/* "~" or "~user"; NULL: nobody of that name. The caller frees it. */
static char *
home_of(const char *user)
{
	const char *home = *user == '\0' ? getenv("HOME") : NULL;
	struct passwd entry, *found = NULL;
	char room[4096];

	if (home != NULL)
		return xstrdup(home);
	if (*user == '\0')
		(void)getpwuid_r(getuid(), &entry, room, sizeof(room), &found);
	else
		(void)getpwnam_r(user, &entry, room, sizeof(room), &found);
	return found != NULL ? xstrdup(found->pw_dir) : NULL;
}

static const char *
expand_home(const char **path, struct buf *out)
{
	size_t len = strcspn(*path, "/");
	const char *reason;
	char *user, *home;

	user = xstrndup(*path + 1, len - 1);
	home = home_of(user);
	free(user);
	if (home == NULL)
		return "has no such user";
	reason = put_text(out, home);
	free(home);
	*path += len;
	return reason;
}

/* As Python would open it from here: ours are absolute. */
const char *
import_path(const struct import_value *v)
{
	const char *p, *reason = NULL;
	struct buf plain;
	char *here;

	if (*v->text == '\0')
		return "is empty";
	buf_init(&plain, v->out->max);
	reason = expand_variables(v->text, &plain);
	p = plain.data;
	if (reason == NULL && *p == '~') {
		reason = expand_home(&p, v->out);
	} else if (reason == NULL && *p != '/') {
		here = getcwd(NULL, 0);
		if (here == NULL || put_text(v->out, here) != NULL ||
		    put_text(v->out, "/") != NULL)
			reason = "cannot be made absolute";
		free(here);
	}
	if (reason == NULL)
		reason = put_text(v->out, p);
	buf_clear(&plain);
	return reason;
}

const char *
import_output(const struct import_value *v)
{
	const char *reason = import_path(v);

	return reason != NULL ? reason : put_text(v->out, "/" OUTPUT_FILE);
}

/* A host without a scheme has the one that ssl says. */
static const char *
put_host(struct buf *out, const char *p, size_t len, bool is_tls)
{
	const char *reason = NULL;

	text_trim(&p, &len);
	if (len == 0)
		return NULL;
	if (out->len > 0)
		reason = put_text(out, ", ");
	if (reason == NULL && memmem(p, len, "://", 3) == NULL)
		reason = put_text(out, is_tls ? "https://" : "http://");
	return reason != NULL ? reason : put(out, p, len);
}

const char *
import_hosts(const struct import_value *v)
{
	const struct ini_pair *ssl = ini_find(v->ini, v->row->section, "ssl");
	bool is_tls = ssl == NULL || bool_of(ssl->value) != 0;
	const char *p = v->text, *reason = NULL;
	size_t len;

	while (reason == NULL && *p != '\0') {
		len = strcspn(p, ",");
		reason = put_host(v->out, p, len, is_tls);
		p += len + (p[len] == ',' ? 1 : 0);
	}
	return reason;
}

/* parsedmarc stores the whole mail, or no failure report at all. */
const char *
import_sample(const struct import_value *v)
{
	return put_either(v, "full", "none");
}

const char *
import_tls(const struct import_value *v)
{
	return put_either(v, "tls", "starttls");
}

/* Of a mail that is stored. */
const char *
import_mark(const struct import_value *v)
{
	return put_either(v, "delete", "move");
}

const char *
import_word_if_on(const struct import_value *v)
{
	if (bool_of(v->text) == 0)
		return "is off, and so it is here";
	return put_either(v, v->row->word, "");
}
