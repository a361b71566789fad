/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_main.c - run a fuzz target over the files that are named, and over the
 * files of the folders that are, for builds without libFuzzer.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

#define FILE_MAX ((size_t)4 << 20)

static size_t count;

static int
run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *bytes;
	size_t len;

	if (f == NULL) {
		perror(path);
		return -1;
	}
	bytes = xmalloc(FILE_MAX);
	len = fread(bytes, 1, FILE_MAX, f);
	(void)fclose(f);
	/* no byte more than there are: a sanitizer sees who reads on */
	bytes = xrealloc(bytes, len > 0 ? len : 1);
	(void)LLVMFuzzerTestOneInput((const uint8_t *)bytes, len);
	free(bytes);
	count++;
	return 0;
}

static int
run_folder(const char *path)
{
	struct dirent *entry;
	DIR *folder = opendir(path);
	char *file;
	int rc = 0;

	if (folder == NULL) {
		perror(path);
		return -1;
	}
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		file = xasprintf("%s/%s", path, entry->d_name);
		rc |= run_file(file);
		free(file);
	}
	(void)closedir(folder);
	return rc;
}

int
main(int argc, char **argv)
{
	struct stat st;
	int i, rc = LLVMFuzzerInitialize(&argc, &argv);

	for (i = 1; i < argc; i++)
		rc |= stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)
			  ? run_folder(argv[i])
			  : run_file(argv[i]);
	(void)printf("%zu inputs\n", count);
	return rc == 0 && count > 0 ? 0 : 1;
}
