/* files.h - what several C tests need: whole files, and the folder of shared reference data. */
#ifndef TESTS_FILES_H
#define TESTS_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shared folder: $CLIP_SHARED, or ../shared from the repository's root, where tests run. */
static inline const char *shared_folder(void) {
    const char *folder = getenv("CLIP_SHARED");
    return folder ? folder : "../shared";
}

static inline void shared_path(char *to, size_t size, const char *name) { snprintf(to, size, "%s/%s", shared_folder(), name); }

/* A whole file, malloced with a NUL after it; NULL if it cannot be read. */
static inline unsigned char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    unsigned char *bytes = size < 0 ? NULL : malloc((size_t)size + 1);
    if (bytes && fread(bytes, 1, (size_t)size, file) != (size_t)size) {
        free(bytes);
        bytes = NULL;
    }
    fclose(file);
    if (bytes) bytes[size] = 0;
    *length = bytes ? (size_t)size : 0;
    return bytes;
}

static inline unsigned char *read_shared(const char *name, size_t *length) {
    char path[1024];
    shared_path(path, sizeof path, name);
    return read_file(path, length);
}

static inline int shared_exists(const char *name) {
    char path[1024];
    shared_path(path, sizeof path, name);
    FILE *file = fopen(path, "rb");
    if (file) fclose(file);
    return file != NULL;
}

#endif
