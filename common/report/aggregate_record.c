/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate_record.c - one <record> of an aggregate report.
 * in: its values as written (aggregate.c)    out: a frame in the spool
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/text.h"
#include "common/report/aggregate_builder.h"

void
record_begin(struct builder *b)
{
	int i;

	b->in_record = true;
	b->extension_count = 0;
	buf_reset(&b->extensions);
	buf_reset(&b->text);
	memset(b->field, 0, sizeof(b->field));
	for (i = 0; i < FRAME_LISTS; i++) {
		buf_reset(&b->list[i]);
		b->list_count[i] = 0;
	}
}

int
record_list_add(struct builder *b, enum frame_list list, struct err *e)
{
	int i;

	for (i = 0; i < frame_entry_values[list]; i++)
		if (frame_add_value(&b->list[list],
			builder_text(b, &b->entry[i]), b->entry[i].len, e) < 0)
			return -1;
	b->list_count[list]++;
	return 0;
}

/* "1,234": up to three digits, then groups of three. */
static bool
is_grouped(const char *p, size_t len)
{
	size_t i, first = len % 4;

	if (first == 0 || len < 5)
		return false;
	for (i = 0; i < len; i++)
		if (i % 4 == first ? p[i] != ',' : p[i] < '0' || p[i] > '9')
			return false;
	return true;
}

/* Bytes of "12.000" up to the point, where only zeros are behind it. */
static size_t
whole_part(const char *p, size_t len)
{
	size_t n = len;

	while (n > 1 && p[n - 1] == '0')
		n--;
	return n < len && n > 1 && p[n - 1] == '.' ? n - 1 : len;
}

/* 0 as it should be written, 1 as nobody should, -1 no count at all. */
static int
count_of(const char *p, size_t len, int64_t *n)
{
	char digits[32];
	size_t i, used = 0;

	if (text_to_int64(p, len, n) == 0)
		return *n < 0 ? -1 : 0;
	if (len > sizeof(digits))
		return -1;
	if (!is_grouped(p, len))
		len = whole_part(p, len);
	for (i = 0; i < len; i++)
		if (p[i] != ',' || !is_grouped(p, len))
			digits[used++] = p[i];
	return text_to_int64(digits, used, n) < 0 || *n < 0 ? -1 : 1;
}

/* What makes a record unreadable; NULL when it is fine. */
static const char *
record_fault(struct builder *b, int64_t *n)
{
	const struct span *ip = &b->field[FRAME_SOURCE_IP];
	const struct span *count = &b->field[FRAME_COUNT];
	unsigned char address[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	int rc;

	if (ip->len == 0)
		return "no source_ip";
	if (ip->len >= sizeof(text))
		return "source_ip is no address";
	memcpy(text, builder_text(b, ip), ip->len);
	text[ip->len] = '\0';
	if (inet_pton(AF_INET, text, address) != 1 &&
	    inet_pton(AF_INET6, text, address) != 1)
		return "source_ip is no address";
	if (!count->is_set)
		return "count is no number";
	if ((rc = count_of(builder_text(b, count), count->len, n)) < 0)
		return "count is no number";
	if (rc == 1)
		builder_note(b,
		    "record %" PRIu64 ": count %.*s read as %" PRId64,
		    b->position, (int)count->len, builder_text(b, count), *n);
	return NULL;
}

/* The fields that the id is made of: frame.h has the order. */
static int
add_fields(struct builder *b, struct err *e)
{
	int i;

	for (i = 0; i < FRAME_FIELDS; i++)
		if (frame_add_value(&b->frame, builder_text(b, &b->field[i]),
			b->field[i].len, e) < 0)
			return -1;
	for (i = 0; i < FRAME_LISTS; i++)
		if (frame_add_number(&b->frame, b->list_count[i], e) < 0 ||
		    buf_add(&b->frame, b->list[i].data, b->list[i].len, e) < 0)
			return -1;
	return 0;
}

int
record_end(struct builder *b, struct err *e)
{
	struct aggregate *g = &b->rr->report.aggregate;
	struct frame_head head = { .position = b->position };
	const char *fault;

	b->in_record = false;
	if (b->position == b->limits->records)
		return err_set(e, ERR_LIMIT, "more than %" PRIu64 " records",
		    b->limits->records);
	if ((fault = record_fault(b, &head.message_count)) != NULL) {
		g->unreadable_count++;
		builder_note(b, "record %" PRIu64 ": %s", b->position, fault);
		b->position++;
		return 0;
	}
	b->position++;
	buf_reset(&b->frame);
	if (buf_add(&b->frame, &head, sizeof(head), e) < 0 ||
	    add_fields(b, e) < 0)
		return -1;
	head.id_len = b->frame.len - sizeof(head);
	memcpy(b->frame.data, &head, sizeof(head));
	if (frame_add_number(&b->frame, b->extension_count, e) < 0 ||
	    buf_add(&b->frame, b->extensions.data, b->extensions.len, e) < 0)
		return -1;
	g->record_count++;
	return spool_add(&b->rr->spool, b->frame.data, b->frame.len, e);
}
