/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_auth_results.c - the value of one Authentication-Results field.
 */
#include <string.h>

#include "common/message/auth_results.h"
#include "tests/fuzz/fuzz.h"

#define STATEMENTS_MAX 20

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void
look_at(const struct auth_results *r, struct arena *a)
{
	const struct auth_statement *s;
	const struct auth_property *p;
	unsigned count = 0;

	fuzz_must(r->authserv_id != NULL && *r->authserv_id != '\0');
	for (s = r->statements; s != NULL; s = s->next) {
		fuzz_must(++count <= STATEMENTS_MAX);
		fuzz_must(*s->method != '\0' && *s->result != '\0');
		for (p = s->properties; p != NULL; p = p->next) {
			fuzz_must(*p->ptype != '\0' && *p->property != '\0');
			(void)auth_results_domain(p->value, a);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_results r = { 0 };
	struct arena *a = arena_new();
	uint64_t left = STATEMENTS_MAX;
	struct err e = { 0 };
	int rc = auth_results_parse(&r, (const char *)data, size, &left, a, &e);

	fuzz_must(left <= STATEMENTS_MAX);
	fuzz_must(rc >= 0 || e.kind != ERR_NONE);
	if (rc == 0)
		look_at(&r, a);
	arena_free(&a);
	return 0;
}
