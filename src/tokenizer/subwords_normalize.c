/* subwords_normalize.c - the normalizer's steps, each from one text to another. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer/subwords.h"
#include "tokenizer/unicode.h"

void clip_text_append(clip_text_buffer *to, const char *bytes, size_t length) {
    if (to->status != CLIP_OK || !length) return;
    if (length > to->limit - to->length) {
        to->status = CLIP_ERROR_TEXT;
        return;
    }
    if (to->length + length > to->capacity) {
        size_t capacity = to->capacity ? to->capacity : 256;
        while (capacity < to->length + length) capacity *= 2;
        char *more = realloc(to->bytes, capacity);
        if (!more) {
            to->status = CLIP_ERROR_MEMORY;
            return;
        }
        to->bytes = more;
        to->capacity = capacity;
    }
    memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
}

void clip_text_append_character(clip_text_buffer *to, uint32_t character) {
    char bytes[4];
    clip_text_append(to, bytes, clip_utf8_encode(character, bytes));
}

/* ---- SentencePiece's charsmap: the shortest key that a text begins with, in a double array (Yata, Darts-clone) ---- */

/* Units: bit 8 a value follows, bits 10.. (scaled by bit 9) the offset, bits 0..7 the byte, bit 31 a value. */
static size_t unit_offset(uint32_t unit) { return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6); }

/* What stands for text's first characters, or NULL. */
static const char *transform(const clip_subwords *s, const char *text, size_t length, size_t *to_length) {
    const clip_subword_header *h = s->header;
    if (!h->trie) return NULL;
    size_t at = unit_offset(s->trie[0]);
    for (size_t i = 0; i < length; i++) {
        const uint8_t byte = (uint8_t)text[i];
        if (!byte) return NULL;
        at ^= byte;
        if (at >= h->trie || (s->trie[at] & (1u << 31 | 0xff)) != byte) return NULL;
        const uint32_t unit = s->trie[at];
        at ^= unit_offset(unit);
        if (!(unit >> 8 & 1)) continue;
        if (at >= h->trie) return NULL;
        const size_t value = s->trie[at] & (1u << 31) - 1;
        if (value >= h->normalized) return NULL;
        *to_length = strlen(s->normalized + value); /* the last byte of all is a NUL */
        return clip_utf8_valid(s->normalized + value, *to_length) ? s->normalized + value : NULL;
    }
    return NULL;
}

/* Whether a character goes on with the one before, as far as clusters of less than six bytes can tell (Unicode Annex 29). */
static int continues(uint32_t c) {
    return clip_character_is_mark(c) || c == 0x200c || c == 0x200d || c == 0xff9e || c == 0xff9f || c == 0xe33 || c == 0xeb3 ||
           (c >= 0x1f3fb && c <= 0x1f3ff) || (c >= 0xe0020 && c <= 0xe007f);
}

static int stands_alone(uint32_t c) {
    const clip_category category = clip_character_category(c);
    return category == CLIP_CATEGORY_CC || category == CLIP_CATEGORY_CF || category == CLIP_CATEGORY_ZL ||
           category == CLIP_CATEGORY_ZP;
}

static int leads(uint32_t c) {
    return (c >= 0x600 && c <= 0x605) || c == 0x6dd || c == 0x70f || c == 0x8e2 || c == 0x890 || c == 0x891;
}

/* Bytes of the grapheme cluster that text begins with. */
static size_t cluster(const char *text, size_t length) {
    uint32_t first, next;
    size_t size = clip_utf8_decode(text, length, &first);
    if (first == '\r' && size < length && text[size] == '\n') return size + 1;
    int leading = leads(first);
    if (stands_alone(first) && !leading && first != 0x200c && first != 0x200d) return size;
    while (size < length) {
        const size_t more = clip_utf8_decode(text + size, length - size, &next);
        if (!continues(next) && !(leading && !stands_alone(next))) break;
        leading = leading && !continues(next) ? leads(next) : leading;
        size += more;
    }
    return size;
}

static void charsmap(const clip_subwords *s, const char *text, size_t length, clip_text_buffer *to) {
    while (length) {
        size_t part = cluster(text, length), found_length;
        const char *found = part < 6 ? transform(s, text, part, &found_length) : NULL;
        if (found) clip_text_append(to, found, found_length);
        else
            for (size_t at = 0; at < part;) {
                uint32_t character;
                const size_t size = clip_utf8_decode(text + at, part - at, &character);
                found = transform(s, text + at, size, &found_length);
                clip_text_append(to, found ? found : text + at, found ? found_length : size);
                at += size;
            }
        text += part, length -= part;
    }
}

/* ---- BERT's, and character by character ---- */

static int is_chinese(uint32_t c) {
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) ||
           (c >= 0x2a700 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) || (c >= 0xf900 && c <= 0xfaff) ||
           (c >= 0x2f800 && c <= 0x2fa1f);
}

static int is_control(uint32_t c) {
    const clip_category category = clip_character_category(c);
    return c == 0xfffd || category == CLIP_CATEGORY_CF || category == CLIP_CATEGORY_CO ||
           (category == CLIP_CATEGORY_CC && c != '\t' && c != '\n' && c != '\r');
}

static void bert_character(uint32_t c, uint32_t flags, clip_text_buffer *to) {
    if (flags & CLIP_BERT_CLEAN) {
        if (is_control(c)) return;
        if (clip_character_class(c) == CLIP_CHARACTER_SPACE) c = ' ';
    }
    const int apart = flags & CLIP_BERT_CHINESE && is_chinese(c);
    if (apart) clip_text_append(to, " ", 1);
    clip_text_append_character(to, c);
    if (apart) clip_text_append(to, " ", 1);
}

static void lower_character(uint32_t c, uint32_t flags, clip_text_buffer *to) {
    (void)flags;
    uint32_t mapped[2];
    const size_t count = clip_character_lower(c, mapped);
    for (size_t i = 0; i < count; i++) clip_text_append_character(to, mapped[i]);
}

/* ---- lower case with a final sigma, as Python's (Unicode Standard 3.13) ---- */

static int is_cased(uint32_t c) {
    const clip_category category = clip_character_category(c);
    return category >= CLIP_CATEGORY_LU && category <= CLIP_CATEGORY_LT;
}

static int is_ignorable(uint32_t c) {
    const clip_category category = clip_character_category(c);
    return category == CLIP_CATEGORY_MN || category == CLIP_CATEGORY_ME || category == CLIP_CATEGORY_CF ||
           category == CLIP_CATEGORY_LM || category == CLIP_CATEGORY_SK || c == '\'' || c == '.' || c == ':' || c == 0xb7 ||
           c == 0x2018 || c == 0x2019;
}

static void lower_in_context(const char *text, size_t length, clip_text_buffer *to) {
    int after_cased = 0;
    for (size_t at = 0, size; at < length; at += size) {
        uint32_t c, next;
        size = clip_utf8_decode(text + at, length - at, &c);
        int final = c == 0x3a3 && after_cased;
        for (size_t ahead = at + size, more; final && ahead < length; ahead += more) {
            more = clip_utf8_decode(text + ahead, length - ahead, &next);
            if (is_ignorable(next)) continue;
            final = !is_cased(next);
            break;
        }
        if (final) clip_text_append_character(to, 0x3c2);
        else lower_character(c, 0, to);
        if (!is_ignorable(c)) after_cased = is_cased(c);
    }
}

/* flags: only the marks that take no room of their own. */
static void strip_mark(uint32_t c, uint32_t flags, clip_text_buffer *to) {
    if (!(flags ? clip_character_category(c) == CLIP_CATEGORY_MN : clip_character_is_mark(c))) clip_text_append_character(to, c);
}

static void each(void (*map)(uint32_t, uint32_t, clip_text_buffer *), uint32_t flags, const char *text, size_t length,
                 clip_text_buffer *to) {
    for (size_t size; length; text += size, length -= size) {
        uint32_t character;
        size = clip_utf8_decode(text, length, &character);
        map(character, flags, to);
    }
}

static void canonical(int compose, const char *text, size_t length, clip_text_buffer *to) {
    char *result;
    size_t result_length;
    const clip_status status = (compose ? clip_utf8_compose : clip_utf8_decompose)(text, length, &result, &result_length);
    if (status != CLIP_OK) {
        to->status = status;
        return;
    }
    clip_text_append(to, result, result_length);
    free(result);
}

static clip_status turn(clip_text_buffer *to, clip_text_buffer *spare) {
    const clip_text_buffer done = *to;
    *to = *spare;
    *spare = done;
    to->length = 0;
    return spare->status;
}

/* Leaves its result in `to`; what it read is in `spare` or elsewhere. */
static clip_status bert(uint32_t flags, const char *text, size_t length, clip_text_buffer *to, clip_text_buffer *spare) {
    each(bert_character, flags, text, length, to);
    clip_status status = to->status;
    if (status == CLIP_OK && flags & CLIP_BERT_ACCENTS) {
        if ((status = turn(to, spare)) == CLIP_OK) canonical(0, spare->bytes, spare->length, to);
        if (status == CLIP_OK && (status = turn(to, spare)) == CLIP_OK) each(strip_mark, 1, spare->bytes, spare->length, to);
    }
    if (status == CLIP_OK && flags & CLIP_BERT_LOWER) {
        if ((status = turn(to, spare)) == CLIP_OK) each(lower_character, 0, spare->bytes, spare->length, to);
    }
    return status == CLIP_OK ? to->status : status;
}

/* ---- replacing ---- */

static void replace(const char *text, size_t length, const char *a, size_t a_length, const char *b, size_t b_length,
                    clip_text_buffer *to) {
    while (length) {
        if (length >= a_length && memcmp(text, a, a_length) == 0) {
            clip_text_append(to, b, b_length);
            text += a_length, length -= a_length;
        } else {
            clip_text_append(to, text, 1);
            text++, length--;
        }
    }
}

static int in_class(uint32_t c, const char *class, size_t length) {
    while (length) {
        uint32_t from, to;
        size_t size = clip_utf8_decode(class, length, &from);
        size += clip_utf8_decode(class + size, length - size, &to);
        if (from == 0xffff ? clip_character_class(c) == CLIP_CHARACTER_SPACE : c >= from && c <= to) return 1;
        class += size, length -= size;
    }
    return 0;
}

static void replace_class(const clip_step *step, const char *strings, const char *text, size_t length, clip_text_buffer *to) {
    while (length) {
        size_t run = 0, count = 0, first = 0;
        while (run < length) {
            uint32_t character;
            const size_t size = clip_utf8_decode(text + run, length - run, &character);
            if (!first) first = size;
            if (!in_class(character, strings + step->a, step->a_length)) break;
            run += size;
            count++;
            if (!step->flags) break;
        }
        if (count && count >= step->flags) clip_text_append(to, strings + step->b, step->b_length);
        else {
            if (!run) run = first;
            clip_text_append(to, text, run);
        }
        text += run, length -= run;
    }
}

static void strip(uint32_t flags, const char *text, size_t length, clip_text_buffer *to) {
    uint32_t character;
    size_t from = 0, end = 0;
    int begun = !(flags & 1);
    for (size_t at = 0, size; at < length; at += size) {
        size = clip_utf8_decode(text + at, length - at, &character);
        const int space = clip_character_class(character) == CLIP_CHARACTER_SPACE;
        if (!begun && space) from = at + size;
        else begun = 1;
        if (!space || !(flags & 2)) end = at + size;
    }
    if (end > from) clip_text_append(to, text + from, end - from);
}

static clip_status run(const clip_subwords *s, const clip_step *step, const char *text, size_t length, clip_text_buffer *to,
                       clip_text_buffer *spare) {
    const char *a = s->strings + step->a, *b = s->strings + step->b;
    switch (step->kind) {
    case CLIP_STEP_CHARSMAP: charsmap(s, text, length, to); break;
    case CLIP_STEP_NFC: canonical(1, text, length, to); break;
    case CLIP_STEP_NFD: canonical(0, text, length, to); break;
    case CLIP_STEP_LOWER:
        if (step->flags) lower_in_context(text, length, to);
        else each(lower_character, 0, text, length, to);
        break;
    case CLIP_STEP_STRIP_ACCENTS: each(strip_mark, 0, text, length, to); break;
    case CLIP_STEP_BERT: return bert(step->flags, text, length, to, spare);
    case CLIP_STEP_REPLACE: replace(text, length, a, step->a_length, b, step->b_length, to); break;
    case CLIP_STEP_REPLACE_CLASS: replace_class(step, s->strings, text, length, to); break;
    case CLIP_STEP_STRIP: strip(step->flags, text, length, to); break;
    case CLIP_STEP_PREPEND:
        if (length) clip_text_append(to, b, step->b_length);
        clip_text_append(to, text, length);
        break;
    default: break;
    }
    return to->status;
}

clip_status clip_subwords_normalize(const clip_subwords *s, int clean, const char *text, size_t length, clip_text_buffer *to,
                                    clip_text_buffer *spare) {
    const uint32_t end = clean ? s->header->clean : s->header->steps;
    to->length = spare->length = 0;
    clip_text_append(to, text, length);
    for (uint32_t i = clean ? 0 : s->header->clean; i < end && s->steps[i].kind < CLIP_STEP_SPACES; i++) {
        if (turn(to, spare) != CLIP_OK) return spare->status;
        const clip_status status = run(s, &s->steps[i], spare->bytes, spare->length, to, spare);
        if (status != CLIP_OK) return status;
    }
    return to->status;
}
