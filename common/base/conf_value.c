/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_value.c - one value of the configuration: text to what the struct
 * holds, and back.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/conf_table.h"
#include "common/base/text.h"

#define MODE_MOST 0777

static const char *const type_names[] = {
	[CONF_STRING] = "string",
	[CONF_PATH] = "path",
	[CONF_SIZE] = "size",
	[CONF_SECONDS] = "seconds",
	[CONF_COUNT] = "count",
	[CONF_BOOL] = "bool",
	[CONF_LIST] = "list",
	[CONF_MODE] = "mode",
	[CONF_CHOICE] = "choice",
};

static const struct {
	const char *name;
	bool value;
} bools[] = {
	{ "yes", true },
	{ "no", false },
	{ "true", true },
	{ "false", false },
	{ "on", true },
	{ "off", false },
	{ "1", true },
	{ "0", false },
};

const char *
conf_type_name(enum conf_type type)
{
	return type_names[type];
}

/* n in the largest unit that leaves nothing over. */
static char *
scaled_text(uint64_t n, const char *units, const uint64_t *scale)
{
	for (; *units != '\0'; units++, scale++)
		if (n >= *scale && n % *scale == 0)
			return xasprintf("%" PRIu64 "%c", n / *scale, *units);
	return xasprintf("%" PRIu64, n);
}

static char *
number_text(enum conf_type type, uint64_t n)
{
	static const uint64_t sizes[] = { 1 << 30, 1 << 20, 1 << 10 };
	static const uint64_t times[] = { 86400, 3600, 60, 1 };

	if (type == CONF_SIZE)
		return scaled_text(n, "GMK", sizes);
	if (type == CONF_SECONDS)
		return scaled_text(n, "dhms", times);
	return xasprintf("%" PRIu64, n);
}

static int
check_range(const struct conf_key *key, uint64_t n, struct err *e)
{
	char *least, *most;

	if (n >= key->least && (key->most == 0 || n <= key->most))
		return 0;
	least = number_text(key->type, key->least);
	most = number_text(key->type, key->most);
	if (key->most > 0)
		err_set(e, ERR_CONF, "must be %s to %s", least, most);
	else
		err_set(e, ERR_CONF, "must be %s or more", least);
	free(least);
	free(most);
	return -1;
}

/* A comment behind a value is the likeliest reason for a malformed one. */
static int
malformed(const char *text, const char *what, struct err *e)
{
	char escaped[80];

	return err_set(e, ERR_CONF, "'%s' is %s%s",
	    text_escape(text, escaped, sizeof(escaped)), what,
	    strpbrk(text, "#;") != NULL ? "; a comment needs a line of its own"
					: "");
}

static int
set_number(
    const struct conf_key *key, uint64_t *at, const char *text, struct err *e)
{
	const char *what;
	uint64_t n = 0;
	int64_t n_signed = 0;
	int rc;

	if (key->type == CONF_SIZE) {
		rc = text_to_size(text, &n);
		what = "no size (as 64K, 128M, 1G)";
	} else if (key->type == CONF_SECONDS) {
		rc = text_to_seconds(text, &n_signed);
		n = (uint64_t)n_signed;
		what = "no time (as 90s, 5m, 12h, 3d)";
	} else {
		rc = text_to_int64(text, strlen(text), &n_signed);
		n = (uint64_t)n_signed;
		what = "no whole number";
	}
	if (rc < 0 || n_signed < 0)
		return malformed(text, what, e);
	if (check_range(key, n, e) < 0)
		return -1;
	*at = n;
	return 0;
}

static int
set_bool(bool *at, const char *text, struct err *e)
{
	size_t i;

	for (i = 0; i < sizeof(bools) / sizeof(*bools); i++) {
		if (text_equal_nocase(text, bools[i].name)) {
			*at = bools[i].value;
			return 0;
		}
	}
	return malformed(text, "neither yes nor no", e);
}

static int
set_mode(mode_t *at, const char *text, struct err *e)
{
	const char *p;
	mode_t mode = 0;

	for (p = text; *p >= '0' && *p <= '7' && mode <= MODE_MOST; p++)
		mode = mode << 3 | (mode_t)(*p - '0');
	if (*p != '\0' || mode > MODE_MOST)
		return malformed(text, "no mode (as 0660)", e);
	*at = mode;
	return 0;
}

/* Is at most half of the longer word another? */
static bool
is_near(const char *text, const char *choice)
{
	size_t len = strlen(text), choice_len = strlen(choice);
	char lower[64];

	(void)snprintf(lower, sizeof(lower), "%s", text);
	text_lower(lower);
	return text_distance(lower, choice) <=
	       (len > choice_len ? len : choice_len) / 2;
}

/* Add " (a, b or c)" to *e. */
static int
list_choices(const struct conf_choice *c, struct err *e)
{
	size_t used;
	const char *before = " (";

	for (; c->name != NULL; c++) {
		used = strlen(e->text);
		(void)snprintf(e->text + used, sizeof(e->text) - used, "%s%s%s",
		    before, c->name, c[1].name == NULL ? ")" : "");
		before = c[1].name != NULL && c[2].name == NULL ? " or " : ", ";
	}
	return -1;
}

static int
set_choice(const struct conf_key *key, int *at, const char *text, struct err *e)
{
	const struct conf_choice *c;
	const char *nearest = NULL;

	for (c = key->choices; c->name != NULL; c++) {
		if (text_equal_nocase(text, c->name)) {
			*at = c->value;
			return 0;
		}
		nearest = conf_nearer(text, nearest, c->name);
	}
	malformed(text, "not known here", e);
	return nearest != NULL && is_near(text, nearest)
		   ? conf_suggest(e, nearest)
		   : list_choices(key->choices, e);
}

static int
set_text(const struct conf_key *key, char **at, const char *text, struct err *e)
{
	bool is_dash = (key->flags & CONF_DASH) && strcmp(text, "-") == 0;

	if (*text != '\0' && key->type == CONF_PATH && !is_dash && *text != '/')
		return malformed(text, "no absolute path", e);
	if (*text != '\0' && key->check != NULL && key->check(text, e) < 0)
		return -1;
	free(*at);
	*at = *text == '\0' ? NULL : xstrdup(text);
	return 0;
}

static void
list_add(struct conf_list *list, const char *word, size_t len)
{
	list->item =
	    xrealloc(list->item, (list->count + 1) * sizeof(*list->item));
	list->item[list->count++] = xstrndup(word, len);
}

static int
check_word(const struct conf_key *key, const char *word, struct err *e)
{
	const char *p;

	if (*word == '\0')
		return err_set(e, ERR_CONF, "nothing between two commas");
	for (p = word; *p != '\0'; p++)
		if (text_is_space(*p))
			return malformed(word, "two words without a comma", e);
	return key->check != NULL ? key->check(word, e) : 0;
}

static int
set_list(const struct conf_key *key, struct conf_list *at, const char *text,
    struct err *e)
{
	struct conf_list list = { 0 };
	const char *p = text, *word;
	size_t len;
	int rc = 0;

	while (*text != '\0' && rc == 0) {
		word = p;
		len = strcspn(p, ",");
		p += len;
		text_trim(&word, &len);
		list_add(&list, word, len);
		rc = check_word(key, list.item[list.count - 1], e);
		if (*p == '\0')
			break;
		p++;
	}
	if (rc == 0) {
		conf_value_clear(key, at);
		*at = list;
		return 0;
	}
	conf_value_clear(key, &list);
	return -1;
}

/* What no value may hold, wherever it comes from. */
static int
check_bytes(const char *text, struct err *e)
{
	size_t len = strlen(text);
	const char *p;

	if (len > CONF_VALUE_MAX)
		return err_set(
		    e, ERR_CONF, "longer than %d bytes", CONF_VALUE_MAX);
	if (text_utf8_valid(text, len) != len)
		return err_set(e, ERR_CONF, "not UTF-8");
	for (p = text; *p != '\0'; p++)
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return err_set(e, ERR_CONF, "has a control character");
	return 0;
}

int
conf_value_set(
    const struct conf_key *key, void *at, const char *text, struct err *e)
{
	if (check_bytes(text, e) < 0)
		return -1;
	/* empty unsets what is unset by default, and empties a list */
	if (*text == '\0' && key->type != CONF_LIST && key->preset != NULL)
		return err_set(e, ERR_CONF, "has no value");
	switch (key->type) {
	case CONF_STRING:
	case CONF_PATH:
		return set_text(key, at, text, e);
	case CONF_SIZE:
	case CONF_SECONDS:
	case CONF_COUNT:
		return set_number(key, at, text, e);
	case CONF_BOOL:
		return set_bool(at, text, e);
	case CONF_LIST:
		return set_list(key, at, text, e);
	case CONF_MODE:
		return set_mode(at, text, e);
	case CONF_CHOICE:
		return set_choice(key, at, text, e);
	}
	return -1;
}

static char *
list_text(const struct conf_list *list)
{
	struct buf b;
	struct err e;
	size_t i;

	buf_init(&b, SIZE_MAX / 2);
	(void)buf_add_text(&b, "", &e);
	for (i = 0; i < list->count; i++)
		(void)buf_printf(
		    &b, &e, "%s%s", i > 0 ? "," : "", list->item[i]);
	return b.data;
}

static const char *
choice_text(const struct conf_choice *c, int value)
{
	while (c->name != NULL && c->value != value)
		c++;
	return c->name != NULL ? c->name : "";
}

char *
conf_value_text(const struct conf_key *key, const void *at)
{
	switch (key->type) {
	case CONF_STRING:
	case CONF_PATH:
		if (*(char *const *)at == NULL)
			return NULL;
		return xstrdup(*(char *const *)at);
	case CONF_SIZE:
	case CONF_SECONDS:
	case CONF_COUNT:
		return number_text(key->type, *(const uint64_t *)at);
	case CONF_BOOL:
		return xstrdup(*(const bool *)at ? "yes" : "no");
	case CONF_LIST:
		return list_text(at);
	case CONF_MODE:
		return xasprintf("%04o", (unsigned)*(const mode_t *)at);
	case CONF_CHOICE:
		return xstrdup(choice_text(key->choices, *(const int *)at));
	}
	return NULL;
}

bool
conf_value_equal(const struct conf_key *key, const void *a, const void *b)
{
	char *text_a = conf_value_text(key, a);
	char *text_b = conf_value_text(key, b);
	bool equal = text_a == text_b || (text_a != NULL && text_b != NULL &&
					     strcmp(text_a, text_b) == 0);

	free(text_a);
	free(text_b);
	return equal;
}

static void
list_copy(struct conf_list *to, const struct conf_list *from)
{
	size_t i;

	for (i = 0; i < from->count; i++)
		list_add(to, from->item[i], strlen(from->item[i]));
}

void
conf_value_copy(const struct conf_key *key, void *to, const void *from)
{
	char *text;

	conf_value_clear(key, to);
	switch (key->type) {
	case CONF_STRING:
	case CONF_PATH:
		text = *(char *const *)from;
		*(char **)to = text == NULL ? NULL : xstrdup(text);
		break;
	case CONF_SIZE:
	case CONF_SECONDS:
	case CONF_COUNT:
		*(uint64_t *)to = *(const uint64_t *)from;
		break;
	case CONF_BOOL:
		*(bool *)to = *(const bool *)from;
		break;
	case CONF_LIST:
		list_copy(to, from);
		break;
	case CONF_MODE:
		*(mode_t *)to = *(const mode_t *)from;
		break;
	case CONF_CHOICE:
		*(int *)to = *(const int *)from;
		break;
	}
}

void
conf_value_clear(const struct conf_key *key, void *at)
{
	struct conf_list *list = at;
	char **text = at;
	size_t i;

	if (key->type == CONF_STRING || key->type == CONF_PATH) {
		/* a secret must not lie about in freed memory */
		if (*text != NULL && (key->flags & CONF_SECRET))
			explicit_bzero(*text, strlen(*text));
		free(*text);
		*text = NULL;
	} else if (key->type == CONF_LIST) {
		for (i = 0; i < list->count; i++)
			free(list->item[i]);
		free(list->item);
		*list = (struct conf_list){ 0 };
	}
}
