#include "weights/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS /* without them jsmn looks for a parent by walking back: quadratic, and the text may be hostile */
#include "jsmn.h"

#define MAX_TOKENS (1 << 22) /* 4 million: a header of a model with some hundred thousand tensors */

/* Whether brackets stand no deeper than anything here asks for. jsmn closes one by walking up from the last token, so that its time
 * is the text's length times its depth. */
static int shallow(const char *text, size_t length) {
    int depth = 0, quoted = 0;
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        if (quoted) {
            if (c == '\\') i++;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = 1;
        } else if (c == '{' || c == '[') {
            if (++depth > CLIP_JSON_DEPTH) return 0;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return 1;
}

/* jsmn lets some malformed texts pass. Every reader here relies on this: an object's children are keys, a key has one value. */
static int well_formed(const jsmntok_t *tokens, int count) {
    for (int i = 1; i < count; i++) {
        int parent = tokens[i].parent;
        if (parent < 0 || tokens[i].end < 0) return 0;
        int key = tokens[parent].type == JSMN_OBJECT, leaf = tokens[i].type == JSMN_STRING || tokens[i].type == JSMN_PRIMITIVE;
        if (key && (tokens[i].type != JSMN_STRING || tokens[i].size != 1)) return 0;
        if (!key && leaf && tokens[i].size != 0) return 0;
        if (tokens[parent].type == JSMN_STRING && tokens[tokens[parent].parent].type != JSMN_OBJECT) return 0;
        if (tokens[parent].type == JSMN_PRIMITIVE) return 0;
    }
    return 1;
}

clip_status clip_json_parse(clip_json *json, const char *text, size_t length) {
    *json = (clip_json){text, NULL, 0};
    if (length == 0 || length > INT32_MAX / 2 || !shallow(text, length)) return CLIP_ERROR_FORMAT;
    jsmn_parser parser;
    jsmn_init(&parser);
    /* Counting and parsing in one go with a growing array: jsmn's own counting pass skips its checks. */
    size_t capacity = 256;
    jsmntok_t *tokens = malloc(capacity * sizeof *tokens);
    if (!tokens) return CLIP_ERROR_MEMORY;
    int count;
    while ((count = jsmn_parse(&parser, text, length, tokens, (unsigned)capacity)) == JSMN_ERROR_NOMEM) {
        if (capacity >= MAX_TOKENS) break;
        capacity *= 2;
        jsmntok_t *more = realloc(tokens, capacity * sizeof *tokens);
        if (!more) {
            free(tokens);
            return CLIP_ERROR_MEMORY;
        }
        tokens = more;
    }
    if (count < 1 || tokens[0].type != JSMN_OBJECT || !well_formed(tokens, count)) {
        free(tokens);
        return CLIP_ERROR_FORMAT;
    }
    json->tokens = tokens;
    json->count = count;
    return CLIP_OK;
}

void clip_json_free(clip_json *json) {
    free(json->tokens);
    *json = (clip_json){NULL, NULL, 0};
}

static const jsmntok_t *token_at(const clip_json *json, int token) {
    return token >= 0 && token < json->count ? (const jsmntok_t *)json->tokens + token : NULL;
}

clip_json_kind clip_json_kind_of(const clip_json *json, int token) {
    const jsmntok_t *t = token_at(json, token);
    if (!t) return CLIP_JSON_ABSENT;
    switch (t->type) {
    case JSMN_OBJECT: return CLIP_JSON_OBJECT;
    case JSMN_ARRAY: return CLIP_JSON_ARRAY;
    case JSMN_STRING: return CLIP_JSON_STRING;
    case JSMN_PRIMITIVE: return CLIP_JSON_PRIMITIVE;
    default: return CLIP_JSON_ABSENT;
    }
}

size_t clip_json_size(const clip_json *json, int token) {
    const jsmntok_t *t = token_at(json, token);
    return t && (t->type == JSMN_OBJECT || t->type == JSMN_ARRAY) ? (size_t)t->size : 0;
}

/* The first token after `token` and all it holds: tokens stand in the order of their text. */
static int after(const clip_json *json, int token) {
    const jsmntok_t *t = token_at(json, token);
    int next = token + 1;
    if (!t) return CLIP_JSON_NONE;
    while (next < json->count && token_at(json, next)->start < t->end) next++;
    return next;
}

int clip_json_first(const clip_json *json, int container) {
    return clip_json_size(json, container) ? container + 1 : CLIP_JSON_NONE;
}

int clip_json_next(const clip_json *json, int container, int token) {
    const jsmntok_t *c = token_at(json, container);
    if (!c) return CLIP_JSON_NONE;
    int next = after(json, c->type == JSMN_OBJECT ? token + 1 : token);
    return next != CLIP_JSON_NONE && next < json->count && token_at(json, next)->start < c->end ? next : CLIP_JSON_NONE;
}

const char *clip_json_text(const clip_json *json, int token, size_t *length) {
    const jsmntok_t *t = token_at(json, token);
    *length = t ? (size_t)(t->end - t->start) : 0;
    return t ? json->text + t->start : "";
}

int clip_json_is(const clip_json *json, int token, const char *word) {
    size_t length;
    const char *text = clip_json_text(json, token, &length);
    clip_json_kind kind = clip_json_kind_of(json, token);
    return (kind == CLIP_JSON_STRING || kind == CLIP_JSON_PRIMITIVE) && length == strlen(word) && memcmp(text, word, length) == 0;
}

int clip_json_get(const clip_json *json, int object, const char *key) {
    if (clip_json_kind_of(json, object) != CLIP_JSON_OBJECT) return CLIP_JSON_NONE;
    for (int t = clip_json_first(json, object); t != CLIP_JSON_NONE; t = clip_json_next(json, object, t))
        if (clip_json_is(json, t, key) && t + 1 < json->count && token_at(json, t)->size == 1) return t + 1;
    return CLIP_JSON_NONE;
}

int clip_json_whole(const clip_json *json, int token, uint64_t limit, uint64_t *value) {
    size_t length;
    const char *text = clip_json_text(json, token, &length);
    if (clip_json_kind_of(json, token) != CLIP_JSON_PRIMITIVE || length == 0 || length > 19) return 0;
    uint64_t number = 0; /* 19 digits fit */
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return 0;
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    if (number > limit) return 0;
    *value = number;
    return 1;
}

/* A decimal to a double next to it: strtod would bring some KB of a module along, for numbers that become floats. One
 * of up to 19 digits whose point is moved by up to 22 places is exact in both its parts, so that only their product is rounded, once or
 * twice. */
static int decimal(const char *text, size_t length, double *value) {
    static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    size_t at = 0, digits = 0;
    uint64_t whole = 0;
    int power = 0, point = 0, negative = 0, exponent = 0;
    if (text[0] == '-') at++;
    for (; at < length && ((text[at] >= '0' && text[at] <= '9') || (text[at] == '.' && !point && digits)); at++) {
        if (text[at] == '.') {
            point = 1;
            continue;
        }
        digits++;
        if (whole < 1000000000000000000u) {
            whole = whole * 10 + (uint64_t)(text[at] - '0');
            power -= point;
        } else power += !point;
    }
    if (!digits || text[at - 1] == '.') return 0;
    if (at < length && (text[at] | 32) == 'e') {
        if (++at < length && (text[at] == '-' || text[at] == '+')) negative = text[at++] == '-';
        if (at == length) return 0;
        for (; at < length && text[at] >= '0' && text[at] <= '9'; at++)
            if (exponent < 1000) exponent = exponent * 10 + (text[at] - '0');
        power += negative ? -exponent : exponent;
    }
    if (at < length) return 0;
    double number = (double)whole;
    for (; power > 0 && number > 0 && isfinite(number); power -= power < 22 ? power : 22) number *= POWERS[power < 22 ? power : 22];
    for (; power < 0 && number > 0; power += -power < 22 ? -power : 22) number /= POWERS[-power < 22 ? -power : 22];
    *value = text[0] == '-' ? -number : number;
    return isfinite(*value);
}

int clip_json_number(const clip_json *json, int token, double *value) {
    size_t length;
    const char *text = clip_json_text(json, token, &length);
    if (clip_json_kind_of(json, token) != CLIP_JSON_PRIMITIVE || length == 0 || length >= 40) return 0;
    if (!((text[0] >= '0' && text[0] <= '9') || text[0] == '-')) return 0;
    return decimal(text, length, value);
}
