/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quarantine_why.c - write why/NAME.json: what the transport knew of a kept
 * mail, and why it was kept. quarantine_why_read.c reads it back.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/quarantine_folder.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

#define ID_VERSION "id1" /* the recipe that document ids follow */
#define RECIPIENT_BYTES_MAX (1024 * 1024)

/* A mail for a multitude must not make a reason larger than itself. */
static void
add_recipients(struct json *j, const struct envelope *env)
{
	size_t i;

	json_key(j, "recipients");
	json_array_begin(j);
	for (i = 0; i < env->recipient_count; i++) {
		if (j->out->len > RECIPIENT_BYTES_MAX)
			break;
		json_text(j, env->recipients[i]);
	}
	json_array_end(j);
	if (i < env->recipient_count)
		json_field_int(j, "recipients_left_out",
		    (int64_t)(env->recipient_count - i));
}

int
quarantine_why_text(const struct envelope *env, const char *reason,
    const char *name, int64_t kept, struct buf *out, struct err *e)
{
	char iso[CLOCK_TEXT_SIZE];
	struct json j;

	json_begin(&j, out);
	json_object_begin(&j);
	json_field(&j, "reason", reason);
	json_field_int(&j, "kept", kept);
	clock_iso(kept, iso);
	json_field(&j, "kept_utc", iso);
	json_field_int(&j, "received", env->received);
	json_field(&j, "transport", env->transport);
	json_field(&j, "session", env->session);
	json_field_if(&j, "mta", env->mta_name);
	json_field(&j, "from", env->from);
	add_recipients(&j, env);
	json_field(&j, "sha256", name);
	json_field(&j, "version", PACKAGE_VERSION);
	json_field(&j, "id_version", ID_VERSION);
	json_object_end(&j);
	if (json_end(&j, e) < 0)
		return -1;
	return buf_add(out, "\n", 1, e);
}
