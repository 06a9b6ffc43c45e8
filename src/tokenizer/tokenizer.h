/* tokenizer.h - CLIP's byte-pair encoding: text to token ids.
 *
 * The room tokenizer/: text to token ids, and what of Unicode that asks for. Knows no model.
 *
 * Target: the ids of Hugging Face's tokenizer.json of openai/clip-vit-base-patch32: NFC, runs of white space to one space,
 * lower case, split into words, letters' runs, single digits and other runs, bytes to printable symbols, merges by rank.
 * The merges list alone defines the vocabulary: 256 byte symbols, the same with </w>, one entry per merge, then
 * <|startoftext|> and <|endoftext|>.
 *
 * Other tokenizers are read from their tokenizer.json: SentencePiece's Unigram and byte-fallback BPE, and WordPiece. Target: the ids of
 * Hugging Face's tokenizers 0.23 for the same file.
 */
#ifndef CLIP_TOKENIZER_H
#define CLIP_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

typedef struct clip_tokenizer clip_tokenizer;

/* Reads a merges list (the text of merges.txt or bpe_simple_vocab: a "#version" line or not, then "left right" a line; OpenAI's
 * file has more lines than its vocabulary uses: `vocabulary` entries, specials included, or 0 to take all lines).
 * After the list there may be a line "#ids" and the ids of all entries, in the list's order, for a vocabulary that numbers them
 * otherwise. Keeps nothing of `merges`. Free with clip_tokenizer_destroy. CLIP_ERROR_MERGES if malformed. */
clip_status clip_tokenizer_create(clip_tokenizer **tokenizer, const char *merges, size_t length, uint32_t vocabulary);
void clip_tokenizer_destroy(clip_tokenizer *tokenizer);

/* ---- tokenizer.json, as it streams; never whole in memory ---- */

typedef struct clip_tokenizer_reader clip_tokenizer_reader;

/* What is done to texts before anything else, a sum of these. open_clip's "canonicalize" is the first four, its "whitespace" the fourth. */
enum {
    CLIP_CLEAN_UNDERSCORES = 1, /* become spaces */
    CLIP_CLEAN_PUNCTUATION = 2, /* ASCII's goes */
    CLIP_CLEAN_LOWER = 4,       /* as Python's str.lower, with final sigmas */
    CLIP_CLEAN_SPACES = 8,      /* single ones, none at the ends */
    CLIP_CLEAN_LOWER_EACH = 16, /* as tokenizers' Lowercase */
};

/* Free with clip_tokenizer_reader_destroy. CLIP_ERROR_MEMORY. */
clip_status clip_tokenizer_reader_create(clip_tokenizer_reader **reader, uint32_t clean);
/* What fills texts up, where that stands in another file than tokenizer.json: a token's text, at most 64 bytes; left: in front.
 * CLIP_ERROR_ARGUMENT. */
clip_status clip_tokenizer_reader_set_padding(clip_tokenizer_reader *reader, const char *token, size_t length, int left);
void clip_tokenizer_reader_destroy(clip_tokenizer_reader *reader);
/* The next bytes of the file; then, once all have come, finish. CLIP_ERROR_TOKENIZER: clip_tokenizer_reader_detail says what is wrong, or
 * names what the file asks for that is not known; CLIP_ERROR_MEMORY. Afterwards the reader is only good for destroying. */
clip_status clip_tokenizer_reader_push(clip_tokenizer_reader *reader, const uint8_t *bytes, size_t length);
clip_status clip_tokenizer_reader_finish(clip_tokenizer_reader *reader);
const char *clip_tokenizer_reader_detail(const clip_tokenizer_reader *reader);
/* After finish: the form to keep (subwords.h), the reader's. */
const uint8_t *clip_tokenizer_reader_kept(const clip_tokenizer_reader *reader, size_t *length);

/* Opens a kept form, from whomever it comes; keeps a copy. CLIP_ERROR_TOKENIZER, CLIP_ERROR_MEMORY. */
clip_status clip_tokenizer_open(clip_tokenizer **tokenizer, const uint8_t *kept, size_t length);

/* The id that fills texts up to a model's context, or UINT32_MAX; *left: in front. */
uint32_t clip_tokenizer_padding(const clip_tokenizer *tokenizer, int *left);

/* Number of entries, or one more than the largest id; CLIP's last two are <|startoftext|> and <|endoftext|>. */
uint32_t clip_tokenizer_vocabulary(const clip_tokenizer *tokenizer);

/* Encodes `text` (UTF-8, `length` bytes) into at most `capacity` (>= 2) ids: start, ..., end, or what the file puts around a text.
 * Over-long text is cut so that these stay, as the reference does; CLIP_ERROR_ARGUMENT if there is no room for them. Writes the count to *count. CLIP_ERROR_TEXT if not well-formed UTF-8.
 * Allocates only temporarily; cost is near linear in length, whatever the text. */
clip_status clip_tokenizer_encode(const clip_tokenizer *tokenizer, const char *text, size_t length, uint32_t *ids, size_t capacity,
                                  size_t *count);

#endif
