/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays inputs without libFuzzer: every file given, and every file of every directory given, in order of their
 * names. Prints each name before its turn, so that a crash can be told, and a count at the end.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz.h"

static unsigned long replayed;

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    uint8_t *data;
    size_t size;

    if (file == NULL || fstat(fileno(file), &status) != 0) {
        perror(path);
        return 1;
    }
    size = (size_t)status.st_size;
    data = malloc(size > 0 ? size : 1); /* of exactly this size: the sanitizer sees the first byte beyond */
    if (data == NULL || fread(data, 1, size, file) != size) {
        perror(path);
        return 1;
    }
    (void)fclose(file);
    printf("  %s\n", path);
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
    return 0;
}

static int replay(const char *path)
{
    struct stat status;
    struct dirent **names;
    int n, failures = 0;

    if (stat(path, &status) != 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(status.st_mode))
        return replay_file(path);
    n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char *inner;

        if (names[i]->d_name[0] != '.' && asprintf(&inner, "%s/%s", path, names[i]->d_name) > 0) {
            failures += replay(inner);
            free(inner);
        }
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return failures;
}

int main(int argc, char **argv)
{
    int failures = 0;

    for (int i = 1; i < argc; i++)
        failures += replay(argv[i]);
    printf("%lu inputs replayed\n", replayed);
    return failures != 0 || replayed == 0;
}
