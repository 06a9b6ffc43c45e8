/* json_events.h - a JSON text read as it arrives: what begins, ends and stands in it, event by event.
 *
 * Strict (RFC 8259), but for numbers, which are handed on as they stand. Nothing is kept but the string or word that is being read.
 */
#ifndef CLIP_JSON_EVENTS_H
#define CLIP_JSON_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define CLIP_JSON_DEPTH  32         /* containers within each other, at most */
#define CLIP_JSON_STRING (8u << 20) /* bytes of one string, at most */

typedef enum {
    CLIP_EVENT_OBJECT, /* begins */
    CLIP_EVENT_ARRAY,
    CLIP_EVENT_END, /* of an object or an array */
    CLIP_EVENT_KEY,
    CLIP_EVENT_STRING, /* unescaped, valid UTF-8, may hold NUL */
    CLIP_EVENT_WORD,   /* a number, true, false or null, as it stands */
} clip_event;

typedef struct {
    clip_status (*event)(void *context, clip_event event, const char *bytes, size_t length);
    void *context;
    int state;
    unsigned depth;
    uint8_t objects[CLIP_JSON_DEPTH]; /* whether each open container is an object */
    int key;                          /* the string that is being read is a key */
    uint32_t unit, high;              /* of an escape: what came so far, the first half of a pair; digits still to come */
    unsigned digits;
    char *text; /* owned */
    size_t length, capacity;
} clip_json_events;

void clip_json_events_open(clip_json_events *events, clip_status (*event)(void *, clip_event, const char *, size_t), void *context);
void clip_json_events_close(clip_json_events *events);

/* The next bytes. CLIP_ERROR_FORMAT if that cannot be JSON, CLIP_ERROR_MEMORY, or what an event answered. */
clip_status clip_json_events_push(clip_json_events *events, const char *bytes, size_t length);
/* Whether the text was complete. */
int clip_json_events_done(const clip_json_events *events);

#endif
