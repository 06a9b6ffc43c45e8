/* slots.h - where each tensor of a model goes: a table that a tower fills with the names it wants and their places.
 *
 * The room weights/: what lies in a model's files - configuration, names, containers, quantized forms - and the way from there to
 * its places in memory or to our own form. It may use compute/.
 *
 * Names are OpenAI's ("visual.transformer.resblocks.0.ln_1.weight"); Hugging Face's are translated on the way in, see
 * names.h. A tensor may be floating point, or quantized (quantize.h): int8 as I8 (rows, columns), int4 as U8
 * (rows, clip_q4_bytes(columns)), with its scales (rows) in "<name>.scale". A slot takes whichever its place can hold,
 * row by row, in any order.
 */
#ifndef CLIP_SLOTS_H
#define CLIP_SLOTS_H

#include "arena.h"
#include "compute/linear.h"
#include "weights/safetensors.h"

#define CLIP_SLOT_NAME 96 /* bytes */

typedef enum {
    CLIP_SLOT_VALUES, /* f32 (rows, columns) at values */
    CLIP_SLOT_LINEAR, /* rows of linear from first_row on */
    CLIP_SLOT_INT8,   /* int8 (rows, columns) at int8, f32 (rows) at scale */
    CLIP_SLOT_SPLIT,  /* rows go, as many each, to slots that follow: OpenAI's in_proj */
} clip_slot_kind;

typedef struct {
    char name[CLIP_SLOT_NAME];
    clip_slot_kind kind;
    size_t rows, columns;
    size_t kernel; /* of a convolution, whose tensor is (rows, columns / kernel^2, kernel, kernel); 0: (rows, columns), or (rows) */
    float *values;
    clip_linear *linear;
    size_t first_row;
    int8_t *int8;
    float *scale;
    size_t arrived, scales_arrived; /* rows */
    int needs_scales;               /* a quantized tensor came */
    size_t parts, part;             /* SPLIT: how many, and how far from this slot the first is */
    int announced;                  /* a tensor for it is in the file's header */
} clip_slot;

typedef struct {
    const clip_kernels *kernels;
    clip_slot *slots; /* capacity entries, from an arena; NULL while measuring: then only counted */
    size_t count, capacity;
} clip_slots;

/* Room for `capacity` slots. */
void clip_slots_layout(clip_slots *slots, const clip_kernels *kernels, clip_arena *arena, size_t capacity);

/* Adders; `prefix` + `name` (+ "") is the tensor's name. */
void clip_slots_add_values(clip_slots *slots, const char *prefix, const char *name, float *values, size_t rows, size_t columns);
void clip_slots_add_linear(clip_slots *slots, const char *prefix, const char *name, clip_linear *linear, size_t first_row,
                           size_t rows);
void clip_slots_add_int8(clip_slots *slots, const char *prefix, const char *name, int8_t *int8, float *scale, size_t rows,
                         size_t columns);
/* The next three slots added must be its parts, all of one size: (rows / 3, columns). */
void clip_slots_add_split(clip_slots *slots, const char *prefix, const char *name, size_t rows, size_t columns);
/* The same of `parts` parts, (rows / parts, columns) each, of which the first is the `part`th slot added from here on. */
void clip_slots_add_split_of(clip_slots *slots, const char *prefix, const char *name, size_t rows, size_t columns, size_t parts,
                             size_t part);

/* The slot that was added last is a convolution's. */
void clip_slots_set_kernel(clip_slots *slots, size_t kernel);

/* prefix + decimal i, below 1000, + "." into `to` (CLIP_SLOT_NAME). */
const char *clip_slots_numbered(char *to, const char *prefix, size_t i);

/* The slot for a tensor's name as names.h canonicalises it, or NULL. */
clip_slot *clip_slots_find(const clip_slots *slots, const char *name);

/* Whether the tensor's dtype and every one of its dimensions suit the slot. `transposed`: it comes as (columns, rows), floating point.
 * `scales`: it is the slot's scale tensor. CLIP_ERROR_SHAPE, CLIP_ERROR_DTYPE. */
clip_status clip_slot_accepts(const clip_slot *slot, const clip_tensor *tensor, int transposed, int scales);

/* Notes that the file has the slot's tensor. CLIP_ERROR_FORMAT if it has another one for the same place. */
clip_status clip_slot_announce(clip_slot *slot);
/* The first slot that nothing in the file's header is for, or NULL. */
const clip_slot *clip_slots_unannounced(const clip_slots *slots);

/* Rows [first, first + rows) of a tensor that was accepted, at `data` (not aligned); transposed tensors must come whole.
 * CLIP_ERROR_VALUE if any is NaN or infinite, CLIP_ERROR_MEMORY. */
clip_status clip_slot_set(clip_slot *slot, const clip_slots *slots, const clip_tensor *tensor, int transposed, int scales,
                          size_t first, size_t rows, const uint8_t *data);

/* The first slot that is not complete, or NULL. */
const clip_slot *clip_slots_missing(const clip_slots *slots);

#endif
