#include "tokenizer/json_events.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/unicode.h"

enum { VALUE, FIRST_VALUE, FIRST_KEY, KEY, COLON, AFTER, STRING, ESCAPE, UNIT, WORD, DONE };

void clip_json_events_open(clip_json_events *events, clip_status (*event)(void *, clip_event, const char *, size_t),
                           void *context) {
    *events = (clip_json_events){.event = event, .context = context, .state = VALUE};
}

void clip_json_events_close(clip_json_events *events) {
    free(events->text);
    *events = (clip_json_events){0};
}

int clip_json_events_done(const clip_json_events *events) { return events->state == DONE; }

static clip_status add(clip_json_events *e, const char *bytes, size_t length) {
    if (length > CLIP_JSON_STRING - e->length) return CLIP_ERROR_FORMAT;
    if (e->length + length > e->capacity) {
        size_t capacity = e->capacity ? e->capacity : 1024;
        while (capacity < e->length + length) capacity *= 2;
        char *more = realloc(e->text, capacity);
        if (!more) return CLIP_ERROR_MEMORY;
        e->text = more;
        e->capacity = capacity;
    }
    memcpy(e->text + e->length, bytes, length);
    e->length += length;
    return CLIP_OK;
}

static clip_status emit(clip_json_events *e, clip_event event) {
    size_t length = e->length;
    e->length = 0;
    return e->event(e->context, event, e->text ? e->text : "", length);
}

/* A value ended: what may follow depends on what it stood in. */
static void ended(clip_json_events *e) { e->state = e->depth ? AFTER : DONE; }

static clip_status open_container(clip_json_events *e, int object) {
    if (e->depth == CLIP_JSON_DEPTH) return CLIP_ERROR_FORMAT;
    e->objects[e->depth++] = (uint8_t)object;
    e->state = object ? FIRST_KEY : FIRST_VALUE;
    return emit(e, object ? CLIP_EVENT_OBJECT : CLIP_EVENT_ARRAY);
}

static clip_status close_container(clip_json_events *e, int object) {
    if (!e->depth || e->objects[e->depth - 1] != object) return CLIP_ERROR_FORMAT;
    e->depth--;
    ended(e);
    return emit(e, CLIP_EVENT_END);
}

static clip_status string_ended(clip_json_events *e) {
    if (e->high || !clip_utf8_valid(e->text ? e->text : "", e->length)) return CLIP_ERROR_FORMAT;
    if (e->key) {
        e->state = COLON;
        return emit(e, CLIP_EVENT_KEY);
    }
    ended(e);
    return emit(e, CLIP_EVENT_STRING);
}

static int is_word(const char *text, size_t length) {
    static const char *const WORDS[] = {"true", "false", "null"};
    for (size_t i = 0; i < 3; i++)
        if (length == strlen(WORDS[i]) && memcmp(text, WORDS[i], length) == 0) return 1;
    return length && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
}

static clip_status begin_value(clip_json_events *e, char c) {
    switch (c) {
    case '{': return open_container(e, 1);
    case '[': return open_container(e, 0);
    case ']': return e->state == FIRST_VALUE ? close_container(e, 0) : CLIP_ERROR_FORMAT;
    case '"':
        e->key = 0;
        e->state = STRING;
        return CLIP_OK;
    default: break;
    }
    e->state = WORD;
    return add(e, &c, 1);
}

static clip_status escape(clip_json_events *e, char c) {
    static const char NAMES[] = "\"\\/bfnrt", VALUES[] = "\"\\/\b\f\n\r\t";
    if (c == 'u') {
        e->unit = 0;
        e->digits = 4;
        e->state = UNIT;
        return CLIP_OK;
    }
    const char *name = memchr(NAMES, c, sizeof NAMES - 1);
    if (!name || e->high) return CLIP_ERROR_FORMAT;
    e->state = STRING;
    return add(e, &VALUES[name - NAMES], 1);
}

/* A digit of \uXXXX; halves of pairs must come together. */
static clip_status unit_digit(clip_json_events *e, char c) {
    uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                            : 16;
    if (digit == 16) return CLIP_ERROR_FORMAT;
    e->unit = e->unit << 4 | digit;
    if (--e->digits) return CLIP_OK;
    e->state = STRING;
    uint32_t character = e->unit;
    int low = character >= 0xdc00 && character <= 0xdfff;
    if (low != (e->high != 0)) return CLIP_ERROR_FORMAT;
    if (low) character = 0x10000 + ((e->high - 0xd800) << 10) + (character - 0xdc00);
    e->high = 0;
    if (e->unit >= 0xd800 && e->unit <= 0xdbff) {
        e->high = e->unit;
        return CLIP_OK;
    }
    char bytes[4];
    return add(e, bytes, clip_utf8_encode(character, bytes));
}

/* One character outside of strings and words. */
static clip_status structure(clip_json_events *e, char c) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') return CLIP_OK;
    switch (e->state) {
    case VALUE:
    case FIRST_VALUE: return begin_value(e, c);
    case FIRST_KEY:
        if (c == '}') return close_container(e, 1);
        /* fallthrough */
    case KEY:
        if (c != '"') return CLIP_ERROR_FORMAT;
        e->key = 1;
        e->state = STRING;
        return CLIP_OK;
    case COLON:
        if (c != ':') return CLIP_ERROR_FORMAT;
        e->state = VALUE;
        return CLIP_OK;
    case AFTER:
        if (c == ',') {
            e->state = e->objects[e->depth - 1] ? KEY : VALUE;
            return CLIP_OK;
        }
        return c == '}' || c == ']' ? close_container(e, c == '}') : CLIP_ERROR_FORMAT;
    default: return CLIP_ERROR_FORMAT; /* something after the end */
    }
}

/* Bytes of a string up to its end or an escape; answers how many. */
static size_t plain_run(const char *bytes, size_t length) {
    size_t i = 0;
    while (i < length && bytes[i] != '"' && bytes[i] != '\\' && (uint8_t)bytes[i] >= 0x20) i++;
    return i;
}

clip_status clip_json_events_push(clip_json_events *e, const char *bytes, size_t length) {
    clip_status status = CLIP_OK;
    for (size_t at = 0; at < length && status == CLIP_OK;) {
        char c = bytes[at];
        if (e->state == STRING) {
            size_t run = plain_run(bytes + at, length - at);
            if (e->high && (run || c != '\\')) return CLIP_ERROR_FORMAT;
            if (run) {
                status = add(e, bytes + at, run);
                at += run;
                continue;
            }
            at++;
            if (c == '"') status = string_ended(e);
            else if (c == '\\') e->state = ESCAPE;
            else return CLIP_ERROR_FORMAT; /* a control character */
        } else if (e->state == WORD) {
            int more = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == '+' || c == 'E';
            if (more && e->length < 64) {
                status = add(e, &c, 1);
                at++;
            } else {
                if (!is_word(e->text, e->length)) return CLIP_ERROR_FORMAT;
                ended(e);
                status = emit(e, CLIP_EVENT_WORD);
            }
        } else {
            at++;
            status = e->state == ESCAPE ? escape(e, c) : e->state == UNIT ? unit_digit(e, c) : structure(e, c);
        }
    }
    return status;
}
