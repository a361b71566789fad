/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quarantine_why_read.c - read what quarantine_why.c wrote. The folder is
 * open to the administrator, so the file may hold anything.
 */
#include <fcntl.h>
#include <unistd.h>

#include <jansson.h>

#include "common/quarantine_folder.h"

#define WHY_BYTES_MAX (8 * 1024 * 1024)

static const char *
text_of(const json_t *root, const char *key, struct arena *a)
{
	const char *text = json_string_value(json_object_get(root, key));

	return text != NULL ? arena_strdup(a, text) : "";
}

static void
read_recipients(const json_t *array, struct arena *a, struct envelope *env)
{
	size_t count = json_array_size(array), i;
	const char **list = arena_alloc(a, (count + 1) * sizeof(*list));
	const char *text;

	for (i = 0; i < count; i++) {
		text = json_string_value(json_array_get(array, i));
		list[i] = text != NULL ? arena_strdup(a, text) : "";
	}
	env->recipients = list;
	env->recipient_count = count;
}

static json_t *
load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	json_t *root = NULL;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size <= WHY_BYTES_MAX)
		root = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
	(void)close(fd);
	return root;
}

void
quarantine_why_read(
    const char *path, struct arena *a, struct quarantine_item *item)
{
	json_t *root = load(path); /* NULL: each look-up gives nothing */
	json_t *kept = json_object_get(root, "kept");

	item->reason = text_of(root, "reason", a);
	item->env.transport = text_of(root, "transport", a);
	item->env.session = text_of(root, "session", a);
	item->env.mta_name = text_of(root, "mta", a);
	item->env.from = text_of(root, "from", a);
	item->env.received =
	    json_integer_value(json_object_get(root, "received"));
	read_recipients(json_object_get(root, "recipients"), a, &item->env);
	if (json_is_integer(kept))
		item->kept = json_integer_value(kept);
	json_decref(root);
}
