/* subwords_split.c - the pre-tokenizer's steps: a text to words. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer/subwords.h"
#include "tokenizer/unicode.h"

static void add_word(clip_words *to, size_t start, size_t length, int first) {
    if (!length || to->status != CLIP_OK) return;
    if (to->count == to->capacity) {
        const size_t capacity = to->capacity ? 2 * to->capacity : 64;
        clip_word *more = realloc(to->words, capacity * sizeof *more);
        if (!more) {
            to->status = CLIP_ERROR_MEMORY;
            return;
        }
        to->words = more;
        to->capacity = capacity;
    }
    to->words[to->count++] = (clip_word){start, length, first};
}

/* Bytes of the match that text begins with, 0 if none. */
typedef size_t (*matcher)(const clip_subwords *s, const clip_step *step, const char *text, size_t length);

static size_t match_space(const clip_subwords *s, const clip_step *step, const char *text, size_t length) {
    (void)s, (void)step;
    uint32_t c;
    const size_t size = clip_utf8_decode(text, length, &c);
    return clip_character_class(c) == CLIP_CHARACTER_SPACE ? size : 0;
}

static size_t match_punctuation(const clip_subwords *s, const clip_step *step, const char *text, size_t length) {
    (void)s, (void)step;
    uint32_t c;
    const size_t size = clip_utf8_decode(text, length, &c);
    return clip_character_is_punctuation(c) ? size : 0;
}

static size_t match_number(const clip_subwords *s, const clip_step *step, const char *text, size_t length) {
    (void)s, (void)step;
    uint32_t c;
    const size_t size = clip_utf8_decode(text, length, &c);
    return clip_character_class(c) == CLIP_CHARACTER_NUMBER ? size : 0;
}

static size_t match_string(const clip_subwords *s, const clip_step *step, const char *text, size_t length) {
    return length >= step->a_length && memcmp(text, s->strings + step->a, step->a_length) == 0 ? step->a_length : 0;
}

/* Matches and what is between them, one after the other, joined or dropped as the behaviour says. */
static void split_word(const clip_subwords *s, const clip_step *step, matcher match, clip_behaviour behaviour, int invert,
                       const char *text, const clip_word *word, clip_words *to) {
    const char *bytes = text + word->start;
    size_t start = 0;            /* of the word that grows */
    int pending = 0, before = 0; /* pending: it has begun; before: the last part was a match */
    for (size_t at = 0, size; at < word->length; at += size) {
        size = match(s, step, bytes + at, word->length - at);
        int is_match = size != 0;
        while (!is_match && at + size < word->length) { /* up to the next match */
            uint32_t c;
            size += clip_utf8_decode(bytes + at + size, word->length - at - size, &c);
            if (at + size < word->length && match(s, step, bytes + at + size, word->length - at - size)) break;
        }
        is_match ^= invert;
        int join;
        switch (behaviour) {
        case CLIP_REMOVED:
        case CLIP_ISOLATED: join = 0; break;
        case CLIP_WITH_PREVIOUS: join = is_match && !before; break;
        case CLIP_WITH_NEXT: join = before && !is_match; break;
        default: join = is_match == before; break;
        }
        if (!pending || !join) {
            if (pending) add_word(to, word->start + start, at - start, word->first && start == 0);
            start = at;
        }
        pending = behaviour != CLIP_REMOVED || !is_match;
        before = is_match;
    }
    if (pending) add_word(to, word->start + start, word->length - start, word->first && start == 0);
}

/* \w+|[^\w\s]+ */
static void split_words(const char *text, const clip_word *word, clip_words *to) {
    size_t start = 0;
    int kind = 0; /* 0 space, 1 of a word, 2 other */
    for (size_t at = 0, size; at < word->length; at += size) {
        uint32_t c;
        size = clip_utf8_decode(text + word->start + at, word->length - at, &c);
        const int next = clip_character_is_word(c) ? 1 : clip_character_class(c) == CLIP_CHARACTER_SPACE ? 0 : 2;
        if (next == kind) continue;
        if (kind) add_word(to, word->start + start, at - start, word->first && start == 0);
        start = at;
        kind = next;
    }
    if (kind) add_word(to, word->start + start, word->length - start, word->first && start == 0);
}

/* A word into a new text, with ' ' become a, and a in front of it. */
static void metaspace(const clip_subwords *s, const clip_step *step, const char *text, const clip_word *word, clip_text_buffer *to,
                      clip_words *words) {
    const char *a = s->strings + step->a, *bytes = text + word->start;
    const size_t start = to->length;
    const int begins = bytes[0] == ' ' || (word->length >= step->a_length && memcmp(bytes, a, step->a_length) == 0);
    if (!begins && (step->flags & 1 || (step->flags & 2 && word->first))) clip_text_append(to, a, step->a_length);
    for (size_t i = 0; i < word->length; i++) {
        if (bytes[i] == ' ') clip_text_append(to, a, step->a_length);
        else clip_text_append(to, bytes + i, 1);
    }
    if (to->status != CLIP_OK) return;
    const clip_word made = {start, to->length - start, word->first};
    if (step->flags & 4) split_word(s, step, match_string, CLIP_WITH_NEXT, 0, to->bytes, &made, words);
    else add_word(words, made.start, made.length, made.first);
}

static void split_step(const clip_subwords *s, const clip_step *step, const char *text, const clip_word *word, clip_words *to) {
    switch (step->kind) {
    case CLIP_STEP_SPACES: split_word(s, step, match_space, CLIP_REMOVED, 0, text, word, to); break;
    case CLIP_STEP_WORDS: split_words(text, word, to); break;
    case CLIP_STEP_SPLIT:
        split_word(s, step, match_string, (clip_behaviour)(step->flags & 7), step->flags >> 3 & 1, text, word, to);
        break;
    case CLIP_STEP_PUNCTUATION: split_word(s, step, match_punctuation, (clip_behaviour)(step->flags & 7), 0, text, word, to); break;
    case CLIP_STEP_DIGITS:
        split_word(s, step, match_number, step->flags & 1 ? CLIP_ISOLATED : CLIP_CONTIGUOUS, 0, text, word, to);
        break;
    default: break;
    }
}

static void turn_words(clip_words *words, clip_words *spare) {
    const clip_words done = *words;
    *words = *spare;
    *spare = done;
    words->count = 0;
}

clip_status clip_subwords_split(const clip_subwords *s, clip_text_buffer *text, clip_text_buffer *spare, clip_words *words,
                                clip_words *spare_words) {
    for (uint32_t i = 0; i < s->header->steps; i++) {
        const clip_step *step = &s->steps[i];
        if (step->kind < CLIP_STEP_SPACES) continue;
        turn_words(words, spare_words);
        if (step->kind == CLIP_STEP_METASPACE) {
            spare->length = 0;
            for (size_t w = 0; w < spare_words->count; w++) metaspace(s, step, text->bytes, &spare_words->words[w], spare, words);
            const clip_text_buffer old = *text;
            *text = *spare;
            *spare = old;
        } else if (step->kind == CLIP_STEP_BERT_WORDS) {
            for (size_t w = 0; w < spare_words->count; w++)
                split_word(s, step, match_space, CLIP_REMOVED, 0, text->bytes, &spare_words->words[w], words);
            turn_words(words, spare_words);
            for (size_t w = 0; w < spare_words->count; w++)
                split_word(s, step, match_punctuation, CLIP_ISOLATED, 0, text->bytes, &spare_words->words[w], words);
        } else {
            for (size_t w = 0; w < spare_words->count; w++) split_step(s, step, text->bytes, &spare_words->words[w], words);
        }
        if (text->status != CLIP_OK) return text->status;
        if (words->status != CLIP_OK || spare_words->status != CLIP_OK) return CLIP_ERROR_MEMORY;
    }
    return CLIP_OK;
}
