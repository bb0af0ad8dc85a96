/*
 * Feeds files, or every file of directories, to a fuzz target where libFuzzer is not there to do
 * it: what once was found stays fixed. Options of libFuzzer are accepted and mean nothing here, so
 * that both kinds of program are run alike.
 *
 * SPDX-License-Identifier: ISC
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay_file(const char *path)
{
	uint8_t *input = malloc(INPUT_MAX), *exact = NULL;
	FILE *f = fopen(path, "rb");
	size_t len;
	int result = -1;

	if (input == NULL || f == NULL)
		goto out;
	len = fread(input, 1, INPUT_MAX, f);
	if (ferror(f) || len == INPUT_MAX)
		goto out;
	/* No byte more than the input, so that a sanitizer sees a read beyond it. */
	exact = malloc(len > 0 ? len : 1);
	if (exact == NULL)
		goto out;
	memcpy(exact, input, len);
	LLVMFuzzerTestOneInput(exact, len);
	result = 0;
out:
	if (result == -1)
		fprintf(stderr, "%s: cannot be read\n", path);
	if (f != NULL)
		fclose(f);
	free(exact);
	free(input);
	return result;
}

/* Returns how many files were replayed, or -1. */
static int
replay_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int count = 0;
	char *file;

	if (dir == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while (count != -1 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&file, "%s/%s", path, entry->d_name) == -1) {
			count = -1;
			break;
		}
		count = replay_file(file) == -1 ? -1 : count + 1;
		free(file);
	}
	closedir(dir);
	return count;
}

static int
replay(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	if (S_ISDIR(st.st_mode))
		return replay_directory(path);
	return replay_file(path) == -1 ? -1 : 1;
}

int
main(int argc, char **argv)
{
	int i, n, count = 0;

	for (i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			continue;
		n = replay(argv[i]);
		if (n == -1)
			return EXIT_FAILURE;
		count += n;
	}
	printf("%d inputs replayed\n", count);
	return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
