/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a fuzz target over the files of a corpus folder, with any compiler. */
/* Inode numbers may be larger than a 32-bit readdir() can say. */
#define _FILE_OFFSET_BITS 64

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data;
    size_t size;
    long end;

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (end = ftell(f)) < 0) {
        perror(path);
        exit(1);
    }
    rewind(f);
    /* Exactly as large as the input, so that ASan sees a read past its end. */
    data = malloc((size_t)end + (end == 0));
    size = data == NULL ? 0 : fread(data, 1, (size_t)end, f);
    if (size != (size_t)end) {
        fprintf(stderr, "%s: short read\n", path);
        exit(1);
    }
    fclose(f);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

int main(int argc, char **argv)
{
    char path[4096];
    struct dirent *e;
    DIR *dir;
    int n = 0;

    if (argc != 2 || (dir = opendir(argv[1])) == NULL) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 1;
    }
    while ((e = readdir(dir)) != NULL) {
        if (e->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
            n += replay(path);
        }
    }
    closedir(dir);
    printf("%d inputs replayed\n", n);
    return n == 0; /* an empty corpus proves nothing */
}
