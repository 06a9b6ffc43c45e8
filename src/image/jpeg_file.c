/* stb_image's inner functions read headers, tables and blocks. The way through the file is ours and goes as libjpeg's
 * does, and with it Pillow's and the browsers': what is lost or too much in the middle of a scan costs the pixels that it
 * held, not the picture, and not the pixels after the next restart marker. Only a file that has ended is refused. */
#define STBI_ONLY_JPEG
#include "image/stb.h"

#include "image/bytes.h"
#include "image/jpeg.h"
#include "image/jpeg_file.h"
#include "image/jpeg_tables.h"

typedef struct {
    stbi__context context;
    stbi__jpeg jpeg;
    uint16_t quantization[4][64]; /* of each component, as it was when its first scan began; natural order */
    int8_t accuracy[4][64];       /* progressive: how many bits of a coefficient are still missing, -1: all; zigzag order */
} jpeg_decoder;

/* ---- the way through the file ---- */

typedef struct {
    jpeg_decoder *decoder;
    const uint8_t *bytes;
    size_t length;
    size_t at;                   /* just past `marker` */
    uint8_t marker;              /* the next that was found, 0 where the file has ended */
    uint8_t *segment;            /* entropy-coded bytes up to that marker, and zeros, as libjpeg reads on */
    const uint8_t *end;          /* of those bytes in `segment` */
    int insufficient;            /* blocks up to the next restart are lost */
    uint32_t quantized, huffman; /* bits of the tables that were defined: four; four for DC, four for AC */
    uint32_t seen;               /* bits of the components that had a scan */
    uint64_t blocks;             /* that scans may still walk over */
} jpeg_reader;

enum { PADDING = 16 }; /* zero bytes after a segment: then stb_image's position tells that it is past the end */

/* Finds the next marker from reader->at on; answers where it starts. */
static size_t find_marker(jpeg_reader *reader) {
    size_t at = reader->at;
    for (;;) {
        const uint8_t *found = at < reader->length ? memchr(reader->bytes + at, 0xFF, reader->length - at) : NULL;
        if (!found) break;
        const size_t start = (size_t)(found - reader->bytes);
        for (at = start + 1; at < reader->length && reader->bytes[at] == 0xFF;) at++; /* filling */
        if (at >= reader->length) {
            reader->at = at;
            reader->marker = 0;
            return start;
        }
        if (reader->bytes[at++] == 0) continue; /* a data byte */
        reader->at = at;
        reader->marker = reader->bytes[at - 1];
        return start;
    }
    reader->at = reader->length;
    reader->marker = 0;
    return reader->length;
}

/* Makes these bytes, and zeros, what the block decoders read. */
static void open_bytes(jpeg_reader *reader, const uint8_t *bytes, size_t length) {
    memcpy(reader->segment, bytes, length);
    memset(reader->segment + length, 0, PADDING);
    reader->end = reader->segment + length;
    stbi__start_mem(reader->decoder->jpeg.s, reader->segment, (int)length + PADDING);
}

/* Those from reader->at to the next marker. */
static void open_segment(jpeg_reader *reader) {
    const size_t start = reader->at, end = find_marker(reader);
    open_bytes(reader, reader->bytes + start, end - start);
}

/* How many bits of the segment are left; below zero: how many zeros were made up. */
static long bits_left(const jpeg_reader *reader) {
    const stbi__jpeg *jpeg = &reader->decoder->jpeg;
    return jpeg->code_bits + 8 * (long)(reader->end - jpeg->s->img_buffer);
}

/* At a restart: finds its marker, or makes the best of another (jdmarker.c, jpeg_resync_to_restart). */
static clip_status restart(jpeg_reader *reader, uint32_t expected) {
    for (;;) {
        const uint8_t marker = reader->marker;
        if (marker == 0) return CLIP_ERROR_IMAGE;
        const uint32_t ahead = (marker - 0xD0u - expected) & 7;
        const int is_restart = marker >= 0xD0 && marker <= 0xD7;
        if (marker < 0xC0 || (is_restart && ahead >= 6)) { /* one of the two before: go on to the next */
            find_marker(reader);
        } else if (!is_restart || ahead == 1 || ahead == 2) { /* one that comes later: what was here is lost */
            open_bytes(reader, reader->bytes, 0);
            return CLIP_OK;
        } else {
            open_segment(reader);
            reader->insufficient = 0;
            return CLIP_OK;
        }
    }
}

/* ---- blocks that stb_image refuses: read as libjpeg would (jdhuff.c, jdphuff.c) ---- */

/* A code that does not exist counts as 0, and takes 17 bits. */
static int patient_symbol(stbi__jpeg *jpeg, const stbi__huffman *codes) {
    if (jpeg->code_bits <= 24) stbi__grow_buffer_unsafe(jpeg);
    const uint8_t fast = codes->fast[jpeg->code_buffer >> (32 - FAST_BITS)];
    uint32_t size = fast < 255 ? codes->size[fast] : 1;
    while (size <= 16 && jpeg->code_buffer >> 16 >= codes->maxcode[size]) size++;
    const uint32_t code = jpeg->code_buffer >> (32 - size);
    jpeg->code_buffer <<= size;
    jpeg->code_bits -= (int)size;
    return size > 16 ? 0 : codes->values[(code + (uint32_t)codes->delta[size]) & 255];
}

static int patient_dc(stbi__jpeg *jpeg, int component) {
    const int bits = patient_symbol(jpeg, &jpeg->huff_dc[jpeg->img_comp[component].hd]);
    int *predicted = &jpeg->img_comp[component].dc_pred;
    const int difference = bits ? stbi__extend_receive(jpeg, bits & 15) : 0;
    return *predicted = (int)((uint32_t)*predicted + (uint32_t)difference);
}

/* Baseline, and first AC scans of progressive files. */
static void patient_ac(stbi__jpeg *jpeg, int component, short block[64], const uint16_t *quantization) {
    const stbi__huffman *codes = &jpeg->huff_ac[jpeg->img_comp[component].ha];
    for (int k = quantization ? 1 : jpeg->spec_start; k <= jpeg->spec_end; k++) {
        const int symbol = patient_symbol(jpeg, codes), run = symbol >> 4, bits = symbol & 15;
        if (bits) {
            k += run;
            const int value = stbi__extend_receive(jpeg, bits), place = stbi__jpeg_dezigzag[k];
            block[place] = (short)(quantization ? value * quantization[place] : value * (1 << jpeg->succ_low));
        } else if (run == 15) {
            k += 15;
        } else {
            if (quantization) break;
            jpeg->eob_run = (1 << run) - 1 + (run ? stbi__jpeg_get_bits(jpeg, run) : 0);
            break;
        }
    }
}

/* Always, since stb_image drops what libjpeg has room for. */
static void patient_refinement(stbi__jpeg *jpeg, int component, short block[64]) {
    const stbi__huffman *codes = &jpeg->huff_ac[jpeg->img_comp[component].ha];
    const short bit = (short)(1 << jpeg->succ_low);
    for (int k = jpeg->spec_start; k <= jpeg->spec_end; k++) {
        int run = 64, value = 0;
        if (jpeg->eob_run == 0) {
            const int symbol = patient_symbol(jpeg, codes);
            run = symbol >> 4;
            if (symbol & 15) {
                value = stbi__jpeg_get_bit(jpeg) ? bit : -bit;
            } else if (run < 15) {
                jpeg->eob_run = (1 << run) + (run ? stbi__jpeg_get_bits(jpeg, run) : 0);
                run = 64;
            }
        }
        for (; k <= jpeg->spec_end; k++) {
            short *coefficient = &block[stbi__jpeg_dezigzag[k]];
            if (*coefficient == 0) {
                if (--run < 0) break;
            } else if (stbi__jpeg_get_bit(jpeg) && (*coefficient & bit) == 0) {
                *coefficient = (short)(*coefficient + (*coefficient > 0 ? bit : -bit));
            }
        }
        if (value) block[stbi__jpeg_dezigzag[k]] = (short)value; /* where there is no room, the last takes it */
    }
    if (jpeg->eob_run) jpeg->eob_run--;
}

static void patient_block(jpeg_decoder *decoder, int component, short block[64]) {
    stbi__jpeg *jpeg = &decoder->jpeg;
    if (!jpeg->progressive) {
        memset(block, 0, 64 * sizeof *block);
        block[0] = (short)((short)patient_dc(jpeg, component) * decoder->quantization[component][0]);
        patient_ac(jpeg, component, block, decoder->quantization[component]);
    } else if (jpeg->spec_start == 0) { /* refinements of DC cannot fail */
        block[0] = (short)((uint32_t)patient_dc(jpeg, component) << jpeg->succ_low);
    } else {
        patient_ac(jpeg, component, block, NULL);
    }
}

/* ---- scans ---- */

/* Block (x, y) of a component, counted in blocks. */
static void read_block(jpeg_decoder *decoder, int component, int x, int y) {
    stbi__jpeg *jpeg = &decoder->jpeg;
    STBI_SIMD_ALIGN(short, own[64]);
    short before[64];
    const int dc = jpeg->img_comp[component].hd, ac = jpeg->img_comp[component].ha, width = jpeg->img_comp[component].w2;
    short *block = jpeg->progressive ? jpeg->img_comp[component].coeff + 64 * ((size_t)x + (size_t)y * (size_t)(width / 8)) : own;
    const uint32_t buffer = jpeg->code_buffer;
    const int bits = jpeg->code_bits, predicted = jpeg->img_comp[component].dc_pred, run = jpeg->eob_run;
    uint8_t *const at = jpeg->s->img_buffer;
    if (jpeg->progressive && jpeg->spec_start && !jpeg->succ_high && jpeg->eob_run) { /* nothing for this block */
        jpeg->eob_run--;
        return;
    }
    if (jpeg->progressive && jpeg->spec_start && jpeg->succ_high) {
        patient_refinement(jpeg, component, block);
        return;
    }
    if (jpeg->progressive) memcpy(before, block, sizeof before);
    const int good = !jpeg->progressive      ? stbi__jpeg_decode_block(jpeg, block, &jpeg->huff_dc[dc], &jpeg->huff_ac[ac],
                                                                       jpeg->fast_ac[ac], component, decoder->quantization[component])
                     : jpeg->spec_start == 0 ? stbi__jpeg_decode_block_prog_dc(jpeg, block, &jpeg->huff_dc[dc], component)
                                             : stbi__jpeg_decode_block_prog_ac(jpeg, block, &jpeg->huff_ac[ac], jpeg->fast_ac[ac]);
    if (!good) {
        jpeg->code_buffer = buffer;
        jpeg->code_bits = bits;
        jpeg->img_comp[component].dc_pred = predicted;
        jpeg->eob_run = run;
        jpeg->s->img_buffer = at;
        if (jpeg->progressive) memcpy(block, before, sizeof before);
        patient_block(decoder, component, block);
    }
    if (!jpeg->progressive)
        clip_jpeg_idct(jpeg->img_comp[component].data + (size_t)width * (size_t)y * 8 + (size_t)x * 8, width, block);
}

/* One unit between which restarts may come: a block of the one component, or a few of each. */
static void read_unit(jpeg_decoder *decoder, int x, int y) {
    const stbi__jpeg *jpeg = &decoder->jpeg;
    if (jpeg->scan_n == 1) {
        read_block(decoder, jpeg->order[0], x, y);
        return;
    }
    for (int i = 0; i < jpeg->scan_n; i++) {
        const int component = jpeg->order[i], across = jpeg->img_comp[component].h, down = jpeg->img_comp[component].v;
        for (int v = 0; v < down; v++)
            for (int h = 0; h < across; h++) read_block(decoder, component, x * across + h, y * down + v);
    }
}

static clip_status read_scan(jpeg_reader *reader) {
    jpeg_decoder *decoder = reader->decoder;
    stbi__jpeg *jpeg = &decoder->jpeg;
    const int only = jpeg->order[0], alone = jpeg->scan_n == 1;
    const int across = alone ? (jpeg->img_comp[only].x + 7) / 8 : jpeg->img_mcu_x;
    const int down = alone ? (jpeg->img_comp[only].y + 7) / 8 : jpeg->img_mcu_y;
    if (jpeg->progressive) {
        uint64_t blocks = alone;
        for (int i = 0; i < jpeg->scan_n && !alone; i++)
            blocks += (uint64_t)(jpeg->img_comp[jpeg->order[i]].h * jpeg->img_comp[jpeg->order[i]].v);
        blocks *= (uint64_t)across * (uint64_t)down;
        if (blocks > reader->blocks) return CLIP_ERROR_IMAGE_SIZE;
        reader->blocks -= blocks;
    }
    uint32_t expected = 0;
    int to_restart = jpeg->restart_interval;
    stbi__jpeg_reset(jpeg);
    open_segment(reader);
    reader->insufficient = 0;
    for (int y = 0; y < down; y++)
        for (int x = 0; x < across; x++) {
            if (jpeg->restart_interval && to_restart-- == 0) {
                stbi__jpeg_reset(jpeg);
                const clip_status status = restart(reader, expected++ & 7);
                if (status) return status;
                to_restart = jpeg->restart_interval - 1;
            }
            if (reader->insufficient) continue;
            read_unit(decoder, x, y);
            if (bits_left(reader) >= 0) continue;
            if (reader->marker == 0) return CLIP_ERROR_IMAGE; /* the file has ended */
            reader->insufficient = 1;
        }
    return CLIP_OK;
}

/* ---- headers ---- */

/* A scan's header at reader->at, of `length` bytes. Takes note of its components' quantization, which may change later. */
static clip_status read_scan_header(jpeg_reader *reader, size_t length) {
    jpeg_decoder *decoder = reader->decoder;
    stbi__jpeg *jpeg = &decoder->jpeg;
    const uint8_t *data = reader->bytes + reader->at + 2;
    const uint32_t count = length > 2 ? data[0] : 0;
    if (count < 1 || count > (uint32_t)jpeg->s->img_n || length != 6 + 2 * count) return CLIP_ERROR_IMAGE;
    uint32_t in_scan = 0, blocks = 0;
    jpeg->scan_n = (int)count;
    for (uint32_t i = 0; i < count; i++) {
        int k = 0;
        while (k < jpeg->s->img_n && (jpeg->img_comp[k].id != data[1 + 2 * i] || in_scan >> k & 1)) k++;
        if (k == jpeg->s->img_n) return CLIP_ERROR_IMAGE;
        in_scan |= 1u << k;
        blocks += (uint32_t)(jpeg->img_comp[k].h * jpeg->img_comp[k].v);
        jpeg->order[i] = k;
        jpeg->img_comp[k].hd = data[2 + 2 * i] >> 4;
        jpeg->img_comp[k].ha = data[2 + 2 * i] & 15;
        if (jpeg->img_comp[k].hd > 3 || jpeg->img_comp[k].ha > 3) return CLIP_ERROR_IMAGE;
    }
    if (count > 1 && blocks > 10) return CLIP_ERROR_IMAGE; /* T.81, B.2.3 */
    jpeg->spec_start = jpeg->progressive ? data[1 + 2 * count] : 0;
    jpeg->spec_end = jpeg->progressive ? data[2 + 2 * count] : 63;
    jpeg->succ_high = jpeg->progressive ? data[3 + 2 * count] >> 4 : 0;
    jpeg->succ_low = jpeg->progressive ? data[3 + 2 * count] & 15 : 0;
    if (jpeg->progressive) {
        if (jpeg->spec_start == 0 ? jpeg->spec_end != 0 : jpeg->spec_start > jpeg->spec_end || jpeg->spec_end > 63 || count > 1)
            return CLIP_ERROR_IMAGE;
        if (jpeg->succ_low > 13 || (jpeg->succ_high && jpeg->succ_low != jpeg->succ_high - 1)) return CLIP_ERROR_IMAGE;
    }
    for (uint32_t i = 0; i < count; i++) {
        const int k = jpeg->order[i];
        const int needs_dc = jpeg->spec_start == 0 && jpeg->succ_high == 0, needs_ac = jpeg->spec_end > 0;
        if (needs_dc && !(reader->huffman >> jpeg->img_comp[k].hd & 1)) return CLIP_ERROR_IMAGE;
        if (needs_ac && !(reader->huffman >> (4 + jpeg->img_comp[k].ha) & 1)) return CLIP_ERROR_IMAGE;
        if (!(reader->seen >> k & 1)) {
            if (!(reader->quantized >> jpeg->img_comp[k].tq & 1)) return CLIP_ERROR_IMAGE;
            memcpy(decoder->quantization[k], jpeg->dequant[jpeg->img_comp[k].tq], sizeof decoder->quantization[k]);
        }
        for (int c = jpeg->spec_start; c <= jpeg->spec_end; c++) decoder->accuracy[k][c] = (int8_t)jpeg->succ_low;
    }
    reader->seen |= in_scan;
    reader->at += length;
    return CLIP_OK;
}

/* Which tables a segment of them defines; stb_image, which has read it, has checked it. */
static void note_tables(jpeg_reader *reader, uint8_t marker, const uint8_t *data, size_t length) {
    for (size_t at = 0; at < length;) {
        const uint32_t which = data[at] & 3, kind = data[at] >> 4;
        if (marker == 0xDB) {
            reader->quantized |= 1u << which;
            at += kind ? 129 : 65;
        } else {
            reader->huffman |= 1u << (which + (kind ? 4 : 0));
            size_t codes = 0;
            for (size_t i = 1; i <= 16 && at + i < length; i++) codes += data[at + i];
            at += 17 + codes;
        }
    }
}

/* Lets stb_image read a segment of tables, or one that tells of colours. */
static clip_status read_segment(jpeg_reader *reader, uint8_t marker, const uint8_t *segment, size_t length) {
    stbi__jpeg *jpeg = &reader->decoder->jpeg;
    stbi__start_mem(jpeg->s, segment, (int)length);
    if (!stbi__process_marker(jpeg, marker)) return CLIP_ERROR_IMAGE;
    if (marker == 0xDB || marker == 0xC4) note_tables(reader, marker, segment + 2, length - 2);
    return CLIP_OK;
}

/* Those of the standard tables that the file has not defined. */
static clip_status read_standard_tables(jpeg_reader *reader) {
    size_t at = 0;
    for (int k = 0; k < 4; k++) {
        const uint32_t which = clip_jpeg_standard_tables[at] & 3, bit = which + (clip_jpeg_standard_tables[at] >> 4 ? 4 : 0);
        size_t length = 17;
        for (int i = 1; i <= 16; i++) length += clip_jpeg_standard_tables[at + (size_t)i];
        if (!(reader->huffman >> bit & 1)) {
            uint8_t segment[2 + 17 + 256];
            segment[0] = (uint8_t)((length + 2) >> 8);
            segment[1] = (uint8_t)(length + 2);
            memcpy(segment + 2, clip_jpeg_standard_tables + at, length);
            const clip_status status = read_segment(reader, 0xC4, segment, length + 2);
            if (status) return status;
        }
        at += length;
    }
    return CLIP_OK;
}

static clip_status read_frame(jpeg_reader *reader, const clip_header *header, uint8_t marker, size_t length) {
    jpeg_decoder *decoder = reader->decoder;
    stbi__jpeg *jpeg = &decoder->jpeg;
    stbi__start_mem(jpeg->s, reader->bytes + reader->at, (int)length);
    jpeg->progressive = marker == 0xC2;
    if (!stbi__process_frame_header(jpeg, STBI__SCAN_load)) return why_failed((size_t)header->memory);
    for (int k = 0; k < jpeg->s->img_n; k++) { /* what is never sent is grey */
        const size_t size = (size_t)jpeg->img_comp[k].w2 * (size_t)jpeg->img_comp[k].h2;
        memset(jpeg->img_comp[k].data, 128, size);
        if (jpeg->progressive) memset(jpeg->img_comp[k].coeff, 0, size * sizeof(short));
    }
    memset(decoder->accuracy, -1, sizeof decoder->accuracy);
    return CLIP_OK;
}

#define MOST_SCANS 100 /* progressive files have about ten; each costs a walk over all blocks, whatever it holds */

/* All of the file. What follows the only scan of a picture must be no nonsense, but need not be there. */
static clip_status read_file(jpeg_reader *reader, const clip_header *header) {
    stbi__jpeg *jpeg = &reader->decoder->jpeg;
    int framed = 0, scans = 0, complete = 0;
    clip_status status = CLIP_OK;
    reader->at = 2;
    for (;;) {
        if (reader->marker == 0) find_marker(reader);
        const uint8_t marker = reader->marker;
        if (marker == 0) return complete ? CLIP_OK : CLIP_ERROR_IMAGE;
        reader->marker = 0;
        if (marker == 0xD9) return scans ? CLIP_OK : CLIP_ERROR_IMAGE;
        if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7)) continue;
        const int is_frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
        const int known = is_frame || marker == 0xC4 || marker == 0xCC || (marker >= 0xDA && marker <= 0xDD) ||
                          (marker >= 0xE0 && marker <= 0xEF) || marker == 0xFE;
        if (!known || (is_frame && (framed++ || marker > 0xC2)) || (marker == 0xDA && (!framed || complete)))
            return CLIP_ERROR_IMAGE;
        size_t left = reader->length - reader->at, length = left >= 2 ? clip_big16(reader->bytes + reader->at) : 0;
        if (length > left || left < 2) return complete ? CLIP_OK : CLIP_ERROR_IMAGE;
        const uint8_t *segment = reader->bytes + reader->at;
        if (marker == 0xDA) {
            if (++scans > MOST_SCANS) return CLIP_ERROR_IMAGE;
            if (scans == 1 && !jpeg->progressive) { /* Motion JPEG leaves out the tables that T.81 gives as an example */
                status = read_standard_tables(reader);
                if (status) return status;
            }
            status = read_scan_header(reader, length);
            if (!status) status = read_scan(reader);
            if (status) return status;
            complete = scans == 1 && !jpeg->progressive && jpeg->scan_n == jpeg->s->img_n;
            /* libjpeg reads eight bytes ahead before it gives out the last rows. */
            if (reader->marker == 0 && (!complete || (!reader->insufficient && bits_left(reader) < 57))) return CLIP_ERROR_IMAGE;
            continue;
        }
        if (is_frame) {
            status = read_frame(reader, header, marker, length);
        } else if (marker == 0xC4 || marker == 0xDB || marker == 0xDD || ((marker == 0xE0 || marker == 0xEE) && length >= 2)) {
            status = read_segment(reader, marker, segment, length);
        }
        if (status) return status;
        reader->at += length < 2 ? 2 : length;
    }
}

/* Coefficients to samples, once all scans are in. */
static void finish_progressive(jpeg_decoder *decoder) {
    stbi__jpeg *jpeg = &decoder->jpeg;
    clip_jpeg_plane planes[4];
    for (int k = 0; k < jpeg->s->img_n; k++) {
        planes[k] = (clip_jpeg_plane){.coefficients = jpeg->img_comp[k].coeff,
                                      .stride = (size_t)jpeg->img_comp[k].coeff_w,
                                      .width = (size_t)(jpeg->img_comp[k].x + 7) / 8,
                                      .height = (size_t)(jpeg->img_comp[k].y + 7) / 8,
                                      .rows_in_unit = (size_t)jpeg->img_comp[k].v,
                                      .quantization = decoder->quantization[k],
                                      .accuracy = decoder->accuracy[k]};
    }
    const int smooth = clip_jpeg_smoothing_helps(planes, (size_t)jpeg->s->img_n);
    STBI_SIMD_ALIGN(short, block[64]);
    for (int k = 0; k < jpeg->s->img_n; k++)
        for (size_t y = 0; y < planes[k].height; y++)
            for (size_t x = 0; x < planes[k].width; x++) {
                memcpy(block, planes[k].coefficients + 64 * (x + y * planes[k].stride), sizeof block);
                if (smooth) clip_jpeg_smooth(&planes[k], x, y, block);
                for (int i = 0; i < 64; i++) block[i] = (short)(block[i] * planes[k].quantization[i]);
                clip_jpeg_idct(jpeg->img_comp[k].data + (size_t)jpeg->img_comp[k].w2 * y * 8 + x * 8, jpeg->img_comp[k].w2, block);
            }
}

/* As libjpeg guesses (jdapimin.c, default_decompress_parms): by JFIF's marker, else Adobe's, else the components' names. */
static clip_jpeg_colours colours_of(const stbi__jpeg *jpeg) {
    const int adobe = jpeg->app14_color_transform; /* -1 if there is no such marker */
    if (jpeg->s->img_n == 1) return CLIP_JPEG_GREY;
    if (jpeg->s->img_n == 4) return adobe > 0 ? CLIP_JPEG_YCCK : CLIP_JPEG_CMYK;
    if (jpeg->jfif) return CLIP_JPEG_YCBCR;
    if (adobe >= 0) return adobe == 0 ? CLIP_JPEG_RGB : CLIP_JPEG_YCBCR;
    return jpeg->rgb == 3 ? CLIP_JPEG_RGB : CLIP_JPEG_YCBCR;
}

void clip_jpeg_free(clip_jpeg_picture *picture) {
    if (!picture->decoder) return;
    stbi__cleanup_jpeg(&((jpeg_decoder *)picture->decoder)->jpeg);
    free(picture->decoder);
    picture->decoder = NULL;
}

clip_status clip_jpeg_decode(clip_jpeg_picture *picture, const clip_header *header, const uint8_t *bytes, size_t length) {
    *picture = (clip_jpeg_picture){0};
    if (length > INT_MAX - PADDING) return CLIP_ERROR_IMAGE_SIZE;
    jpeg_decoder *decoder = picture->decoder = calloc(1, sizeof *decoder);
    jpeg_reader reader = {.decoder = decoder, .bytes = bytes, .length = length, .segment = malloc(length + PADDING)};
    reader.blocks = CLIP_IMAGE_FREE_BLOCKS + (uint64_t)length * CLIP_IMAGE_BLOCKS_PER_BYTE;
    clip_status status = decoder && reader.segment ? CLIP_OK : CLIP_ERROR_MEMORY;
    if (decoder) decoder->jpeg.s = &decoder->context; /* which stb_image's cleaning up asks */
    if (!status) {
        decoder->jpeg.app14_color_transform = -1;
        decoder->jpeg.marker = STBI__MARKER_none;
        status = read_file(&reader, header);
    }
    free(reader.segment);
    if (!status && (decoder->context.img_x != header->width || decoder->context.img_y != header->height)) status = CLIP_ERROR_IMAGE;
    if (status) {
        clip_jpeg_free(picture);
        return status;
    }
    const stbi__jpeg *jpeg = &decoder->jpeg;
    if (jpeg->progressive) finish_progressive(decoder);
    picture->colours = colours_of(jpeg);
    picture->count = (size_t)decoder->context.img_n;
    for (size_t k = 0; k < picture->count; k++) {
        picture->components[k] = (clip_jpeg_component){.samples = jpeg->img_comp[k].data,
                                                       .stride = (size_t)jpeg->img_comp[k].w2,
                                                       .lines = (uint32_t)jpeg->img_comp[k].y,
                                                       .across = (uint32_t)(jpeg->img_h_max / jpeg->img_comp[k].h),
                                                       .down = (uint32_t)(jpeg->img_v_max / jpeg->img_comp[k].v)};
    }
    return CLIP_OK;
}
