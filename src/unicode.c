#include "unicode.h"

#include <stdlib.h>

#include "utf8proc.h"

clip_character clip_character_class(uint32_t character) {
    if ((character >= 9 && character <= 13) || character == 0x85) return CLIP_CHARACTER_SPACE; /* controls by category */
    switch (utf8proc_category((utf8proc_int32_t)character)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return CLIP_CHARACTER_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return CLIP_CHARACTER_NUMBER;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return CLIP_CHARACTER_SPACE;
    default: return CLIP_CHARACTER_OTHER;
    }
}

size_t clip_utf8_decode(const char *text, size_t length, uint32_t *character) {
    utf8proc_int32_t value = 0;
    utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &value);
    *character = (uint32_t)value;
    return used > 0 ? (size_t)used : 0;
}

int clip_utf8_valid(const char *text, size_t length) {
    uint32_t character;
    for (size_t used; length; text += used, length -= used)
        if ((used = clip_utf8_decode(text, length, &character)) == 0) return 0;
    return 1;
}

size_t clip_utf8_encode(uint32_t character, char *to) {
    return (size_t)utf8proc_encode_char((utf8proc_int32_t)character, (utf8proc_uint8_t *)to);
}

clip_status clip_utf8_compose(const char *text, size_t length, char **to, size_t *to_length) {
    utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t size =
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (size < 0) return CLIP_ERROR_MEMORY;
    *to = (char *)composed;
    *to_length = (size_t)size;
    return CLIP_OK;
}

size_t clip_character_lower(uint32_t character, uint32_t to[2]) {
    if (character == 0x130) { /* I with dot above: i and a combining dot */
        to[0] = 'i';
        to[1] = 0x307;
        return 2;
    }
    to[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)character);
    return 1;
}
