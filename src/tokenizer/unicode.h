/* unicode.h - the few questions about characters that tokenizers ask.
 *
 * Answers come from tables that build/unicode_tables.c takes from utf8proc when the project is built: Unicode 14. */
#ifndef CLIP_UNICODE_H
#define CLIP_UNICODE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

typedef enum { CLIP_CHARACTER_SPACE, CLIP_CHARACTER_LETTER, CLIP_CHARACTER_NUMBER, CLIP_CHARACTER_OTHER } clip_character;

/* General categories (Unicode Standard Annex 44), in its order. */
typedef enum {
    CLIP_CATEGORY_CN,
    CLIP_CATEGORY_LU,
    CLIP_CATEGORY_LL,
    CLIP_CATEGORY_LT,
    CLIP_CATEGORY_LM,
    CLIP_CATEGORY_LO,
    CLIP_CATEGORY_MN,
    CLIP_CATEGORY_MC,
    CLIP_CATEGORY_ME,
    CLIP_CATEGORY_ND,
    CLIP_CATEGORY_NL,
    CLIP_CATEGORY_NO,
    CLIP_CATEGORY_PC,
    CLIP_CATEGORY_PD,
    CLIP_CATEGORY_PS,
    CLIP_CATEGORY_PE,
    CLIP_CATEGORY_PI,
    CLIP_CATEGORY_PF,
    CLIP_CATEGORY_PO,
    CLIP_CATEGORY_SM,
    CLIP_CATEGORY_SC,
    CLIP_CATEGORY_SK,
    CLIP_CATEGORY_SO,
    CLIP_CATEGORY_ZS,
    CLIP_CATEGORY_ZL,
    CLIP_CATEGORY_ZP,
    CLIP_CATEGORY_CC,
    CLIP_CATEGORY_CF,
    CLIP_CATEGORY_CS,
    CLIP_CATEGORY_CO,
} clip_category;
clip_category clip_character_category(uint32_t character);

static inline int clip_character_is_mark(uint32_t character) {
    const clip_category category = clip_character_category(character);
    return category >= CLIP_CATEGORY_MN && category <= CLIP_CATEGORY_ME;
}
/* \p{P}, and all of ASCII's, symbols too: BERT's punctuation. */
int clip_character_is_punctuation(uint32_t character);
/* \w: alphabetic, a mark, a decimal digit, connecting punctuation or a joiner. */
int clip_character_is_word(uint32_t character);

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

/* Canonical decomposition (NFD); else the same. */
clip_status clip_utf8_decompose(const char *text, size_t length, char **to, size_t *to_length);

/* Lower case as Rust's char::to_lowercase, which the reference uses: simple mappings, and one that has two characters. Answers how
 * many (1 or 2) are in `to`. A final sigma is not treated apart, since characters are mapped one by one. */
size_t clip_character_lower(uint32_t character, uint32_t to[2]);

#endif
