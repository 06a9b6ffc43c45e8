/* PNG: stb_image inflates; the chunks around are ours, as Pillow reads them, and so are filters and interlacing, which are undone
 * where the data lies: rows are then read out of it, and no second picture is made. What comes after the data does not matter; the
 * data must be whole, down to its own checksum. */
#define STBI_ONLY_PNG
#include "image/stb.h"

#include "image/bytes.h"
#include "image/rows.h"

/* One picture within the data: all of it, or one of Adam7's seven. Its pixel (x, y) is the whole one's (left + x * across, top + y * down). */
typedef struct {
    uint32_t left, top, across, down, width, height;
    size_t start, stride; /* of its rows in the data, each with its filter before it */
} png_pass;

typedef struct {
    uint8_t *data; /* inflated, filters undone */
    uint32_t bits, channels;
    int indexed; /* pixels are places in the palette */
    uint32_t count;
    png_pass passes[7];
    uint8_t palette[256][3];
} png_picture;

/* Where the passes are; answers how many bytes they have. */
static uint64_t set_passes(png_picture *picture, const clip_header *header, int interlaced) {
    static const uint8_t left[] = {0, 4, 0, 2, 0, 1, 0}, top[] = {0, 0, 4, 0, 2, 0, 1}, across[] = {8, 8, 4, 4, 2, 2, 1},
                         down[] = {8, 8, 8, 4, 4, 2, 2};
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < (interlaced ? 7 : 1); i++) {
        png_pass pass = {0, 0, 1, 1, header->width, header->height, 0, 0};
        if (interlaced) {
            pass = (png_pass){left[i], top[i], across[i], down[i], 0, 0, 0, 0};
            pass.width = (header->width + across[i] - 1 - left[i]) / across[i];
            pass.height = (header->height + down[i] - 1 - top[i]) / down[i];
            if (pass.width == 0 || pass.height == 0) continue; /* it is not there */
        }
        pass.start = (size_t)bytes;
        pass.stride = (size_t)(((uint64_t)pass.width * picture->channels * picture->bits + 7) / 8 + 1);
        bytes += (uint64_t)pass.stride * pass.height;
        picture->passes[picture->count++] = pass;
    }
    return bytes;
}

/* The neighbour that is nearest to left + above - corner. */
static inline uint8_t paeth(int left, int above, int corner) {
    const int from_left = abs(above - corner), from_above = abs(left - corner), from_corner = abs(left + above - 2 * corner);
    if (from_left <= from_above && from_left <= from_corner) return (uint8_t)left;
    return (uint8_t)(from_above <= from_corner ? above : corner);
}

/* `row` and the row `above` it, which is NULL for the first: then that counts as zeros. `step`: bytes a pixel, at least one. */
static inline void undo(uint32_t filter, uint8_t *row, const uint8_t *above, size_t length, size_t step) {
    switch (filter) {
    case 1:
        for (size_t i = step; i < length; i++) row[i] = (uint8_t)(row[i] + row[i - step]);
        break;
    case 2:
        for (size_t i = 0; above && i < length; i++) row[i] = (uint8_t)(row[i] + above[i]);
        break;
    case 3:
        for (size_t i = 0; i < length; i++)
            row[i] = (uint8_t)(row[i] + ((above ? above[i] : 0) + (i >= step ? row[i - step] : 0)) / 2);
        break;
    case 4:
        for (size_t i = 0; above && i < step && i < length; i++) row[i] = (uint8_t)(row[i] + above[i]);
        for (size_t i = step; i < length; i++)
            row[i] = (uint8_t)(row[i] + (above ? paeth(row[i - step], above[i], above[i - step]) : row[i - step]));
        break;
    default: break;
    }
}

/* Undoes a pass's filters; 0 if there is one that does not exist. */
static int undo_filters(uint8_t *data, const png_pass *pass, size_t step) {
    const uint8_t *above = NULL;
    for (uint32_t y = 0; y < pass->height; y++) {
        uint8_t *row = data + pass->start + y * pass->stride;
        const size_t length = pass->stride - 1;
        if (row[0] > 4) return 0;
        switch (step) { /* each with loops of its own */
        case 1: undo(row[0], row + 1, above, length, 1); break;
        case 3: undo(row[0], row + 1, above, length, 3); break;
        case 4: undo(row[0], row + 1, above, length, 4); break;
        default: undo(row[0], row + 1, above, length, step); break;
        }
        above = row + 1;
    }
    return 1;
}

/* `count` pixels of a row of a pass, from `first` on, each `step` pixels after the one before in rgbx. */
static inline void read_pixels(const png_picture *picture, const uint8_t *row, uint32_t first, uint32_t count, uint8_t *rgbx,
                               size_t step) {
    const uint32_t bits = picture->bits, channels = picture->channels;
    if (bits < 8) {
        const uint32_t most = (1u << bits) - 1;
        for (size_t x = first; x < (size_t)first + count; x++, rgbx += step) {
            const uint32_t value = row[x * bits / 8] >> (8 - bits - x * bits % 8) & most;
            if (picture->indexed) memcpy(rgbx, picture->palette[value], 3);
            else memset(rgbx, (int)(value * (255 / most)), 3);
        }
        return;
    }
    const size_t sample = bits / 8, pixel = channels * sample, green = channels >= 3 ? sample : 0, blue = 2 * green;
    const uint8_t *from = row + first * pixel; /* of two bytes the first is the more significant one */
    if (pixel == 4 && bits == 8 && step == 4) {
        memcpy(rgbx, from, (size_t)count * 4);
        return;
    }
    for (uint32_t i = 0; i < count; i++, from += pixel, rgbx += step) {
        if (picture->indexed) {
            memcpy(rgbx, picture->palette[*from], 3);
            continue;
        }
        rgbx[0] = from[0];
        rgbx[1] = from[green];
        rgbx[2] = from[blue];
    }
}

static void png_row(void *state, uint32_t y, uint32_t first, uint32_t count, uint8_t *rgbx) {
    const png_picture *picture = state;
    for (uint32_t i = 0; i < picture->count; i++) {
        const png_pass *pass = &picture->passes[i];
        if (y < pass->top || (y - pass->top) % pass->down) continue;
        const uint8_t *row = picture->data + pass->start + (y - pass->top) / pass->down * pass->stride + 1;
        /* its pixels from the first that is asked for on, up to the last */
        const uint32_t from = first > pass->left ? (first - pass->left + pass->across - 1) / pass->across : 0;
        const uint32_t to = first + count > pass->left ? (first + count - pass->left + pass->across - 1) / pass->across : 0;
        if (to <= from) continue;
        read_pixels(picture, row, from, to - from, rgbx + 4 * ((size_t)pass->left + (size_t)from * pass->across - first),
                    4 * (size_t)pass->across);
    }
}

static void png_close(void *state) {
    png_picture *picture = state;
    free(picture->data);
    free(picture);
}

/* Adler-32 (RFC 1950), in stretches that cannot overflow. */
static uint32_t adler_of(const uint8_t *bytes, size_t length) {
    uint32_t a = 1, b = 0;
    while (length > 0) {
        const size_t stretch = length < 5552 ? length : 5552;
        for (size_t i = 0; i < stretch; i++) b += a += bytes[i];
        a %= 65521;
        b %= 65521;
        bytes += stretch;
        length -= stretch;
    }
    return b << 16 | a;
}

/* The data chunks, one after the other; malloced. */
static uint8_t *gather(const clip_png_chunks *chunks, const uint8_t *bytes, size_t length) {
    uint8_t *data = malloc(chunks->compressed + 1);
    size_t done = 0;
    for (size_t at = chunks->data; data && done < chunks->compressed;) {
        size_t chunk = clip_big32(bytes + at);
        if (chunk > length - at - 8) chunk = length - at - 8;
        memcpy(data + done, bytes + at + 8, chunk);
        done += chunk;
        at += 12 + chunk;
    }
    return data;
}

enum { SLACK = 65536 }; /* what one step of inflating may write at most, and more */

/* The rows with their filters, `needed` bytes; malloced. NULL if the data is broken or ends early. More than the picture has is not
 * looked at, as in Pillow; that there is more is found out from a little room for it. */
static uint8_t *inflate_rows(const uint8_t *data, size_t compressed, size_t needed) {
    uint8_t *rows = malloc(needed + SLACK);
    if (!rows) return NULL;
    stbi__zbuf buffer;
    buffer.zbuffer = (stbi_uc *)data;
    buffer.zbuffer_end = (stbi_uc *)data + compressed;
    const int ended = stbi__do_zlib(&buffer, (char *)rows, (int)(needed + SLACK), 0, 1);
    const size_t length = (size_t)(buffer.zout - buffer.zout_start);
    /* Bits that were read ahead; at the end of the data stb_image adds two bytes that do not exist. */
    const long ahead = buffer.num_bits / 8 - (buffer.hit_zeof_once ? 2 : 0);
    const uint8_t *checksum = buffer.zbuffer - (ahead > 0 ? ahead : 0);
    const int sound = ended && buffer.zbuffer_end - checksum >= 4 && clip_big32(checksum) == adler_of(rows, length);
    if (length > needed || (length == needed && sound)) return rows;
    free(rows);
    return NULL;
}

clip_status clip_rows_open_png(clip_rows *out, const clip_header *header, const uint8_t *bytes, size_t length) {
    clip_png_chunks chunks;
    clip_status status = clip_png_find_chunks(&chunks, bytes, length);
    if (status) return status;
    const uint32_t colour = bytes[25], interlaced = bytes[28], depth = header->maximum;
    if (interlaced > 1 || bytes[26] != 0 || bytes[27] != 0) return CLIP_ERROR_IMAGE; /* compression, filters */
    png_picture *picture = calloc(1, sizeof *picture);
    if (!picture) return CLIP_ERROR_MEMORY;
    picture->channels = header->channels;
    picture->bits = depth;
    picture->indexed = colour == 3;
    const uint64_t needed = set_passes(picture, header, interlaced != 0);
    if (length > INT_MAX || needed > INT_MAX - SLACK) {
        free(picture);
        return CLIP_ERROR_IMAGE_SIZE;
    }
    for (uint32_t i = 0; i < 256; i++) { /* places beyond the palette are grey, as in Pillow */
        if (i < chunks.colours) memcpy(picture->palette[i], bytes + chunks.palette + 3 * (size_t)i, 3);
        else memset(picture->palette[i], (int)i, 3);
    }
    uint8_t *data = gather(&chunks, bytes, length);
    picture->data = data ? inflate_rows(data, chunks.compressed, (size_t)needed) : NULL;
    free(data);
    const size_t step = (picture->channels * depth + 7) / 8;
    int whole = picture->data != NULL;
    for (uint32_t i = 0; whole && i < picture->count; i++) whole = undo_filters(picture->data, &picture->passes[i], step);
    if (!whole) {
        png_close(picture);
        return why_failed((size_t)needed);
    }
    *out = (clip_rows){picture, png_row, png_close};
    return CLIP_OK;
}
