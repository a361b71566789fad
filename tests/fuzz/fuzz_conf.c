/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_conf.c - a configuration file. What is taken can be printed, and what
 * is not says where.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/conf.h"
#include "common/base/conf_table.h"
#include "tests/fuzz/fuzz.h"

#define FILE_MAX ((size_t)64 << 10)

static char path[32];
static int fd;
static FILE *null;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fd = memfd_create("conf", 0);
	null = fopen("/dev/null", "w");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd < 0 || null == NULL ? -1 : 0;
}

/* Nothing of the machine but the file: no environment, no credentials. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct conf_sources src = { .path = path };
	struct conf *conf;
	struct err e = { 0 };
	int rc;

	/* "password_file = /..." would make it read what it must not */
	if (size > FILE_MAX || memmem(data, size, "_file", 5) != NULL)
		return 0;
	fuzz_must(ftruncate(fd, 0) == 0 &&
		  pwrite(fd, data, size, 0) == (ssize_t)size);
	conf = xcalloc(1, sizeof(*conf));
	rc = conf_fill(&conf_table, conf, &src, &e);
	if (rc == 0) {
		conf_write(&conf_table, conf, null);
	} else {
		fuzz_must(e.kind != ERR_NONE && e.text[0] != '\0');
		fuzz_must(strpbrk(e.text, "\r\n") == NULL);
	}
	conf_clear(&conf_table, conf);
	free(conf);
	return 0;
}
