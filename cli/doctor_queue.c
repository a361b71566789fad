/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_queue.c - the probe of Postfix's queue: what waits for us, since
 * when, and why.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/base/clock.h"
#include "common/base/recipient.h"

#include "cli/doctor.h"

#define LATE_S 3600

struct waiting {
	uint64_t mails;
	int64_t oldest;
	char reason[256];
};

static bool
is_for_us(const struct doctor *d, const char *address)
{
	const struct conf_list patterns = { (char **)(uintptr_t)d->address,
		d->address_count };

	return d->address_count > 0 && address != NULL &&
	       recipient_is_ours(&patterns, address);
}

/* One line of "postqueue -j". */
static void
count_mail(const struct doctor *d, const json_t *mail, struct waiting *w)
{
	const json_t *recipient;
	const char *reason;
	int64_t arrival;
	size_t i;

	json_array_foreach(json_object_get(mail, "recipients"), i, recipient)
	{
		if (!is_for_us(d, json_string_value(
				      json_object_get(recipient, "address"))))
			continue;
		arrival =
		    json_integer_value(json_object_get(mail, "arrival_time"));
		reason = json_string_value(
		    json_object_get(recipient, "delay_reason"));
		w->mails++;
		if (w->oldest != 0 && arrival >= w->oldest)
			return;
		w->oldest = arrival;
		(void)snprintf(w->reason, sizeof(w->reason), "%s",
		    reason != NULL ? reason : "no reason yet");
		return;
	}
}

void
probe_deferred(struct doctor *d)
{
	const char *all[] = { "postqueue", "-j", NULL, NULL, NULL };
	struct waiting w = { 0 };
	char *queue, *line, *end;
	json_t *mail;

	if (d->postfix != NULL) {
		all[1] = "-c";
		all[2] = d->postfix;
		all[3] = "-j";
	}
	if ((queue = doctor_run(all)) == NULL)
		return; /* no Postfix, or it does not run: that was told */
	for (line = queue; *line != '\0'; line = end) {
		end = line + strcspn(line, "\n");
		mail = json_loadb(line, (size_t)(end - line), 0, NULL);
		count_mail(d, mail, &w);
		json_decref(mail);
		end += strspn(end, "\n");
	}
	free(queue);
	if (w.mails > 0 && clock_now() - w.oldest > LATE_S)
		doctor_find(d, "mend what the reason says, then postqueue -f",
		    "%" PRIu64 " mails wait for us in the queue, the oldest "
		    "for %" PRId64 " minutes: %s",
		    w.mails, (clock_now() - w.oldest) / 60, w.reason);
	else
		doctor_well(
		    "%" PRIu64 " mails wait for us in the queue", w.mails);
}
