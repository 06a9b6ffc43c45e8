/* unicode.h - the few questions about characters that CLIP's tokenizer asks.
 *
 * Answers come from tables that build/unicode_tables.c takes from utf8proc when the project is built: Unicode 14. */
#ifndef CLIP_UNICODE_H
#define CLIP_UNICODE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

typedef enum { CLIP_CHARACTER_SPACE, CLIP_CHARACTER_LETTER, CLIP_CHARACTER_NUMBER, CLIP_CHARACTER_OTHER } clip_character;

/* \s (White_Space), \p{L}, \p{N}, or none of them. */
clip_character clip_character_class(uint32_t character);

/* Whether `text` is well-formed UTF-8: no overlong forms, surrogates, or characters beyond U+10FFFF. */
int clip_utf8_valid(const char *text, size_t length);
/* Decodes one character of valid UTF-8 and answers its length in bytes. */
size_t clip_utf8_decode(const char *text, size_t length, uint32_t *character);
/* Encodes into at most four bytes and answers how many. */
size_t clip_utf8_encode(uint32_t character, char *to);

/* Canonical composition (NFC) of valid UTF-8, in linear time. *to is malloced, not terminated. CLIP_ERROR_MEMORY. */
clip_status clip_utf8_compose(const char *text, size_t length, char **to, size_t *to_length);

/* Lower case as Rust's char::to_lowercase, which the reference uses: simple mappings, and one that has two characters. Answers how
 * many (1 or 2) are in `to`. A final sigma is not treated apart, since characters are mapped one by one. */
size_t clip_character_lower(uint32_t character, uint32_t to[2]);

#endif
