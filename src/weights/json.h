/* json.h - looking things up in a JSON text that jsmn has split into tokens.
 *
 * jsmn checks brackets and quotes but little else; every reader here checks the type and the range of what it takes.
 */
#ifndef CLIP_JSON_H
#define CLIP_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

typedef struct {
    const char *text; /* not owned */
    void *tokens;     /* jsmntok_t[count], owned */
    int count;
} clip_json;

#define CLIP_JSON_DEPTH 64 /* objects and arrays within each other; a model's configuration has four */

/* Splits `text`. Its root must be an object. CLIP_ERROR_FORMAT if not JSON or too deep, CLIP_ERROR_MEMORY. Free with clip_json_free.
 * Time and memory are linear in the length, whatever the text. */
clip_status clip_json_parse(clip_json *json, const char *text, size_t length);
void clip_json_free(clip_json *json);

/* Tokens are named by their number; the root is 0, "none" is -1, and every function takes -1 and answers accordingly. */
#define CLIP_JSON_NONE (-1)
typedef enum { CLIP_JSON_ABSENT, CLIP_JSON_OBJECT, CLIP_JSON_ARRAY, CLIP_JSON_STRING, CLIP_JSON_PRIMITIVE } clip_json_kind;
clip_json_kind clip_json_kind_of(const clip_json *json, int token);

/* The value of `key` in an object, or none. The first of equal keys. */
int clip_json_get(const clip_json *json, int object, const char *key);
/* Number of pairs of an object or elements of an array. */
size_t clip_json_size(const clip_json *json, int token);
/* Walks an object's keys or an array's elements: the first, then next of the previous; none at the end. A key's value is key + 1. */
int clip_json_first(const clip_json *json, int container);
int clip_json_next(const clip_json *json, int container, int token);

/* The raw text of a token (without quotes; escapes as they stand). */
const char *clip_json_text(const clip_json *json, int token, size_t *length);
/* Whether a string or primitive is exactly `word`. */
int clip_json_is(const clip_json *json, int token, const char *word);
/* A whole number of at most `limit`: 1 and *value set, or 0. */
int clip_json_whole(const clip_json *json, int token, uint64_t limit, uint64_t *value);
/* A finite number: 1 and *value set, or 0. */
int clip_json_number(const clip_json *json, int token, double *value);

#endif
