/* subwords.h - a subword vocabulary with all that a tokenizer.json says about it, in one block of memory that is also its kept form.
 *
 * Unigram (Kudo 2018), byte-pair encoding with byte fallback (SentencePiece's, as Gemma has it) and WordPiece (BERT's), with the steps
 * that prepare a text for them. The block is a header of 32-bit words (little-endian, as WebAssembly has them), then sections of sizes
 * that the header gives, each at a multiple of 8 bytes:
 *
 *     scores       f64 (pieces)            Unigram only
 *     places       u32 (pieces + 1)        where each piece begins in the bytes
 *     hash         u32 (slots)             piece + 1 by the hash of its bytes; 0: free
 *     merges       u32 (merges, 3)         left, right, result; their order is their rank
 *     merge hash   u32 (merge slots)       merge + 1 by left and right
 *     steps        clip_step (steps)       the normalizer's, then the pre-tokenizer's
 *     added        clip_added (added)      tokens that are found in the text itself, longest first
 *     specials     u32 (before + after)    ids that stand around every text
 *     trie         u32 (trie)              SentencePiece's charsmap: a double array (Darts), and
 *     normalized   bytes (normalized)      what its entries become, each ended by a NUL
 *     strings      bytes (strings)         of the steps and of the added tokens
 *     bytes        bytes (piece bytes)     of all pieces
 *
 * It is made by subwords_build.c from a tokenizer.json, and checked whole when it is opened: nothing in it can lead outside of it.
 */
#ifndef CLIP_SUBWORDS_H
#define CLIP_SUBWORDS_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define CLIP_SUBWORDS_MAGIC 0x31574b54u /* "TKW1" */
#define CLIP_MAX_PIECES     (1u << 20)
#define CLIP_MAX_PIECE      1024u        /* bytes of a piece */
#define CLIP_MAX_SUBWORDS   (256u << 20) /* bytes of the block */
#define CLIP_MAX_STEPS      32u
#define CLIP_MAX_ADDED      (1u << 16)
#define CLIP_MAX_SPECIALS   16u
#define CLIP_NO_PIECE       UINT32_MAX

typedef enum { CLIP_UNIGRAM = 0, CLIP_BYTE_PAIRS = 1, CLIP_WORD_PIECE = 2 } clip_subword_model;

enum { CLIP_BYTE_FALLBACK = 1, CLIP_FUSE_UNKNOWN = 2, CLIP_IGNORE_MERGES = 4 }; /* clip_subword_header.flags */

typedef struct {
    uint32_t magic, bytes, model, flags;
    uint32_t pieces, piece_bytes, longest; /* longest piece, bytes */
    uint32_t unknown;                      /* id or CLIP_NO_PIECE */
    uint32_t slots, merges, merge_slots;
    uint32_t word_characters;             /* WordPiece: a longer word is unknown */
    uint32_t steps, added, before, after; /* counts; before, after: of specials */
    uint32_t trie, normalized, strings;
    uint32_t pad; /* id that fills a text up, or CLIP_NO_PIECE; 1 in pad_left: in front */
    uint32_t pad_left;
    uint32_t continuing, continuing_length; /* WordPiece: "##", in strings */
    uint32_t clean;                         /* so many of the first steps come before all else, added tokens too */
} clip_subword_header;

typedef enum {
    /* normalizers */
    CLIP_STEP_CHARSMAP, /* SentencePiece's, as tokenizers' "Precompiled" */
    CLIP_STEP_NFC,
    CLIP_STEP_NFD,
    CLIP_STEP_LOWER,         /* flags: 1 a sigma that ends a word is a final one */
    CLIP_STEP_STRIP_ACCENTS, /* without marks */
    CLIP_STEP_BERT,          /* flags: CLIP_BERT_* */
    CLIP_STEP_REPLACE,       /* the string a becomes b */
    CLIP_STEP_REPLACE_CLASS, /* runs of at least `flags` characters of class a become b; 0: each character by itself */
    CLIP_STEP_STRIP,         /* flags: 1 left, 2 right */
    CLIP_STEP_PREPEND,       /* b, before a text that is not empty */
    /* pre-tokenizers */
    CLIP_STEP_SPACES,      /* words between white space */
    CLIP_STEP_WORDS,       /* \w+|[^\w\s]+ */
    CLIP_STEP_BERT_WORDS,  /* between white space, punctuation by itself */
    CLIP_STEP_METASPACE,   /* ' ' becomes a; flags: 1 before every word, 2 before the first, 4 split before each */
    CLIP_STEP_SPLIT,       /* at the string a; flags: clip_behaviour, 8: everything but a */
    CLIP_STEP_PUNCTUATION, /* flags: clip_behaviour */
    CLIP_STEP_DIGITS,      /* flags: 1 each by itself, otherwise in runs */
    CLIP_STEP_COUNT,
} clip_step_kind;

enum { CLIP_BERT_CLEAN = 1, CLIP_BERT_CHINESE = 2, CLIP_BERT_ACCENTS = 4, CLIP_BERT_LOWER = 8 };

typedef enum { CLIP_REMOVED, CLIP_ISOLATED, CLIP_WITH_PREVIOUS, CLIP_WITH_NEXT, CLIP_CONTIGUOUS } clip_behaviour;

/* a, b: places in strings. A class is pairs of characters, from and to, in UTF-8; U+FFFF U+FFFF stands for white space. */
typedef struct {
    uint32_t kind, flags, a, a_length, b, b_length;
} clip_step;

enum { CLIP_ADDED_NORMALIZED = 1, CLIP_ADDED_LEFT = 2, CLIP_ADDED_RIGHT = 4, CLIP_ADDED_WORD = 8 }; /* clip_added.flags */

typedef struct {
    uint32_t id, flags, place, length;
} clip_added;

/* The block, opened: all pointers lead into it. */
typedef struct {
    uint8_t *block; /* owned */
    const clip_subword_header *header;
    const double *scores;
    const uint32_t *places, *hash, *merges, *merge_hash;
    const clip_step *steps;
    const clip_added *added;
    const uint32_t *specials, *trie;
    const char *normalized, *strings, *bytes;
    /* what follows is worked out when it is opened */
    struct clip_added_finder *finder; /* owned */
    double lowest;                    /* Unigram: the lowest score */
    int has_bytes;                    /* bytes may stand for characters that are no piece */
    uint32_t byte_pieces[256];        /* "<0x00>" …, CLIP_NO_PIECE where there is none */
} clip_subwords;

/* Where the sections lie, for a header with its counts; sets only pointers. CLIP_ERROR_TOKENIZER if the sizes do not add up. */
clip_status clip_subwords_sections(clip_subwords *subwords, uint8_t *block, size_t length);

/* Takes over `block`, 8-byte aligned, malloced; frees it if it fails. CLIP_ERROR_TOKENIZER if anything is not as it must be. */
clip_status clip_subwords_open(clip_subwords *subwords, uint8_t *block, size_t length);
void clip_subwords_close(clip_subwords *subwords);

/* Entries, added tokens and specials among them: one more than the largest id. */
uint32_t clip_subwords_vocabulary(const clip_subwords *subwords);

/* The piece of these bytes, or CLIP_NO_PIECE. */
uint32_t clip_subwords_find(const clip_subwords *subwords, const char *bytes, size_t length);
/* The same from a hash that clip_subwords_hash carried on over the bytes. */
#define CLIP_SUBWORDS_HASH 0x811c9dc5u
static inline uint32_t clip_subwords_hash(uint32_t hash, char byte) { return (hash ^ (uint8_t)byte) * 0x01000193u; }
uint32_t clip_subwords_find_hashed(const clip_subwords *subwords, uint32_t hash, const char *bytes, size_t length);
static inline uint32_t clip_subwords_slot(uint32_t hash) { return hash ^ hash >> 15; }
/* The merge of two pieces, or CLIP_NO_PIECE. */
uint32_t clip_subwords_merge(const clip_subwords *subwords, uint32_t left, uint32_t right);
static inline uint32_t clip_merge_slot(uint32_t left, uint32_t right) {
    uint32_t hash = left * 0x9e3779b1u ^ right * 0x85ebca6bu;
    return hash ^ hash >> 15;
}

/* ---- added tokens: found in the text as it came, or once it is normalized (subwords_added.c) ---- */

clip_status clip_added_open(clip_subwords *subwords);
void clip_added_close(clip_subwords *subwords);
/* The first added token at or after *at that is found (leftmost, then longest): its range with the white space that it swallows, and its
 * id. `from`: where the part of the text begins that is nobody's yet. 0 if there is none. */
typedef struct {
    size_t start, end;
    uint32_t id;
} clip_found;
int clip_added_find(const clip_subwords *subwords, int normalized, const char *text, size_t length, size_t from, clip_found *found);

/* ---- a growing text ---- */

typedef struct {
    char *bytes; /* owned */
    size_t length, capacity, limit;
    clip_status status; /* what went wrong, if anything did: then further appends do nothing */
} clip_text_buffer;
void clip_text_append(clip_text_buffer *to, const char *bytes, size_t length);
void clip_text_append_character(clip_text_buffer *to, uint32_t character);

/* Runs the normalizer's steps (clean: those before all else) over a text (valid UTF-8); `to` and `spare` are used in turn, and the result
 * is in `to`. */
clip_status clip_subwords_normalize(const clip_subwords *subwords, int clean, const char *text, size_t length, clip_text_buffer *to,
                                    clip_text_buffer *spare);

/* A word within a text. first: it is where the whole text begins. */
typedef struct {
    size_t start, length;
    int first;
} clip_word;
typedef struct {
    clip_word *words; /* owned */
    size_t count, capacity;
    clip_status status;
} clip_words;

/* Runs the pre-tokenizer's steps: `words` has one word at first, and afterwards all of them, within `text`. */
clip_status clip_subwords_split(const clip_subwords *subwords, clip_text_buffer *text, clip_text_buffer *spare, clip_words *words,
                                clip_words *spare_words);

/* Ids that a text grows: at most `capacity`, further ones are dropped. */
typedef struct {
    uint32_t *ids;
    size_t capacity, count;
} clip_ids;
static inline void clip_ids_put(clip_ids *ids, uint32_t id) {
    if (ids->count < ids->capacity) ids->ids[ids->count++] = id;
}
static inline int clip_ids_full(const clip_ids *ids) { return ids->count == ids->capacity; }

/* The pieces of one word. CLIP_ERROR_MEMORY. */
clip_status clip_subwords_encode_word(const clip_subwords *subwords, const char *word, size_t length, clip_ids *ids);

/* A text (valid UTF-8), specials and all: at most `capacity` ids, which must have room for the specials. Of a text of more than a megabyte
 * only the first is read. CLIP_ERROR_MEMORY, CLIP_ERROR_ARGUMENT, CLIP_ERROR_TEXT if the file's steps make it more than forty times as long. */
clip_status clip_subwords_encode(const clip_subwords *subwords, const char *text, size_t length, uint32_t *ids, size_t capacity,
                                 size_t *count);

#endif
