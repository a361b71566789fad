/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_message.c - a mail, its parts, everything that is unpacked out of it,
 * and what is asked about it.
 */
#include "common/message/message.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	message_setup();
	return 0;
}

static void
read_attachments(struct message *m, const struct conf_limits *limits)
{
	struct attachment att;
	struct err e;
	unsigned at, fails = 0;
	int rc;

	while ((rc = attachment_next(m, &att, &e)) != 0) {
		if (rc < 0) {
			fuzz_must(e.kind != ERR_NONE);
			/* a layer that cannot be opened is told of once */
			fuzz_must(++fails < 10000);
			continue;
		}
		fuzz_must(att.name != NULL && att.in != NULL);
		(void)fuzz_drain(
		    att.in, limits->decompressed + limits->message);
		if (att.sample != NULL)
			(void)fuzz_drain(att.sample, limits->message);
		at = 0;
		while (attachment_repair(m, &at) != NULL)
			;
	}
}

static void
ask(const struct message *m)
{
	const char *id_written = message_id_written(m);

	(void)message_id(m);
	(void)id_written;
	(void)message_received(m);
	(void)message_date(m);
	(void)message_first_received(m);
	(void)message_looks_like_report(m);
	(void)message_is_notice(m);
	(void)message_has_words(m);
	(void)message_field(m, "Subject");
	(void)message_from(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct conf_limits limits = fuzz_limits();
	struct spill_pool *pool = spill_pool_new("/tmp", limits.temporary);
	struct message *m = NULL;
	struct spill raw;
	struct err e = { 0 };
	const void *bytes;
	size_t len;
	int fd;

	spill_init(&raw, pool, (size_t)limits.message_memory);
	if (size <= limits.message && spill_add(&raw, data, size, &e) == 0 &&
	    spill_finish(&raw, &bytes, &len, &fd, &e) == 0 &&
	    message_open(&m, &raw, &limits, pool, &e) == 0) {
		read_attachments(m, &limits);
		ask(m);
	}
	message_close(&m);
	spill_clear(&raw);
	fuzz_must(spill_pool_used(pool) == 0);
	spill_pool_free(&pool);
	return 0;
}
