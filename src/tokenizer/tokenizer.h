/* tokenizer.h - CLIP's byte-pair encoding: text to token ids.
 *
 * The room tokenizer/: text to token ids, and what of Unicode that asks for. Knows no model.
 *
 * Target: the ids of Hugging Face's tokenizer.json of openai/clip-vit-base-patch32: NFC, runs of white space to one space,
 * lower case, split into words, letters' runs, single digits and other runs, bytes to printable symbols, merges by rank.
 * The merges list alone defines the vocabulary: 256 byte symbols, the same with </w>, one entry per merge, then
 * <|startoftext|> and <|endoftext|>.
 */
#ifndef CLIP_TOKENIZER_H
#define CLIP_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

typedef struct clip_tokenizer clip_tokenizer;

/* Reads a merges list (the text of merges.txt or bpe_simple_vocab: a "#version" line or not, then "left right" a line; OpenAI's
 * file has more lines than its vocabulary uses: `vocabulary` entries, specials included, or 0 to take all lines).
 * Keeps nothing of `merges`. Free with clip_tokenizer_destroy. CLIP_ERROR_MERGES if malformed. */
clip_status clip_tokenizer_create(clip_tokenizer **tokenizer, const char *merges, size_t length, uint32_t vocabulary);
void clip_tokenizer_destroy(clip_tokenizer *tokenizer);

/* Number of entries; the last two are <|startoftext|> and <|endoftext|>. */
uint32_t clip_tokenizer_vocabulary(const clip_tokenizer *tokenizer);

/* Encodes `text` (UTF-8, `length` bytes) into at most `capacity` (>= 2) ids: start, ..., end. Over-long text is cut so that
 * the last id is the end token, as the reference does. Writes the count to *count. CLIP_ERROR_TEXT if not well-formed UTF-8.
 * Allocates only temporarily; cost is near linear in length, whatever the text. */
clip_status clip_tokenizer_encode(const clip_tokenizer *tokenizer, const char *text, size_t length, uint32_t *ids, size_t capacity,
                                  size_t *count);

#endif
