/* stb.h - stb_image as png.c and jpeg_file.c have it: its inner functions, each file with the format it names before
 * (STBI_ONLY_PNG, STBI_ONLY_JPEG), hidden in it. Decoding goes by those, since the outer ones take a broken file for a
 * whole one, or refuse what everybody else reads. */
#ifndef CLIP_STB_H
#define CLIP_STB_H

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "image/format.h"
#include "image/limits.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_NO_THREAD_LOCALS /* with the setters unused, what they would set are constants */
#define STBI_NO_FAILURE_STRINGS
#define STBI_ASSERT(x)      ((void)0)
#define STBI_MAX_DIMENSIONS CLIP_IMAGE_MAX_SIDE
#define STBI_NO_SIMD        /* jpeg.c has what is worth it */
/* To the file's end, where the compiler finds out what is never used or, inlined, never set (callbacks, of which we
 * have none). */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "stb_image.h"
#pragma GCC diagnostic pop

/* stb_image says no more than "failed". Whether memory was the reason is found out by asking for as much again. */
static clip_status why_failed(size_t bytes) {
    void *probe = malloc(bytes);
    free(probe);
    return probe ? CLIP_ERROR_IMAGE : CLIP_ERROR_MEMORY;
}

#endif
