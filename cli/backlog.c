/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backlog.c - what lies in the quarantine, in a few words.
 */
#include <stdio.h>

#include "common/base/clock.h"
#include "common/quarantine.h"

#include "cli/backlog.h"

static const char *const texts[QUARANTINE_CLASSES] = {
	[QUARANTINE_KEPT] =
	    "cannot be read or stored (dmarc-intake replay --kept)",
	[QUARANTINE_WAITING] = "wait for a sink",
	[QUARANTINE_OTHER] = "are not reports",
};

void
backlog_print(const struct conf_quarantine *conf)
{
	struct quarantine_count n;
	char oldest[CLOCK_TEXT_SIZE];
	struct err e = { 0 };
	int class;

	for (class = 0; class < QUARANTINE_CLASSES; class ++) {
		if (quarantine_peek(
			conf, (enum quarantine_class) class, &n, &e) < 0) {
			(void)printf("quarantine: %s\n", e.text);
			return;
		}
		if (n.mails == 0)
			continue;
		clock_plain(n.oldest, oldest);
		(void)printf("quarantine: %llu mails %s, the oldest since %s "
			     "UTC\n",
		    (unsigned long long)n.mails, texts[class], oldest);
	}
}
