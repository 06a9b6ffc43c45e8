#include "weights/stream.h"

#include <stdlib.h>
#include <string.h>

#define SMALL_GAP 65536 /* bytes; less than a round trip's worth */

clip_status clip_stream_open(clip_stream *stream, const clip_stream_reader *reader, uint64_t file_bytes) {
    *stream = (clip_stream){.reader = *reader, .file_bytes = file_bytes};
    return file_bytes < 8 + 2 ? CLIP_ERROR_FORMAT : CLIP_OK; /* a length and at least "{}" */
}

void clip_stream_close(clip_stream *stream) {
    clip_safetensors_free(&stream->file);
    free(stream->unit);
    free(stream->held);
    *stream = (clip_stream){.file_bytes = 0};
}

/* First wanted tensor at or after `i`, or the file's count. */
static size_t wanted_from(const clip_stream *stream, size_t i) {
    while (i < stream->file.count && (stream->unit[i] == 0 || stream->file.tensors[i].begin == stream->file.tensors[i].end)) i++;
    return i;
}

int clip_stream_want(const clip_stream *stream, uint64_t *offset, uint64_t *length) {
    *offset = stream->position;
    if (!stream->unit) { /* still before the data */
        uint64_t end = stream->header_bytes ? 8 + stream->header_bytes : 8;
        *length = end - stream->position;
        return stream->file_bytes != 0;
    }
    const clip_tensor *tensors = stream->file.tensors;
    size_t i = wanted_from(stream, stream->current);
    if (i == stream->file.count) {
        *length = 0;
        return 0;
    }
    if (tensors[i].begin > *offset) *offset = tensors[i].begin;
    uint64_t end = tensors[i].end;
    for (size_t next; (next = wanted_from(stream, i + 1)) < stream->file.count && tensors[next].begin - end <= SMALL_GAP; i = next)
        end = tensors[next].end;
    *length = end - *offset;
    return 1;
}

static clip_status hold(clip_stream *stream, const uint8_t *bytes, size_t length) {
    size_t needed = stream->held_bytes + length;
    if (needed > stream->held_capacity) {
        size_t capacity = stream->held_capacity ? stream->held_capacity : 4096;
        while (capacity < needed) capacity *= 2;
        uint8_t *more = realloc(stream->held, capacity);
        if (!more) return CLIP_ERROR_MEMORY;
        stream->held = more;
        stream->held_capacity = capacity;
    }
    memcpy(stream->held + stream->held_bytes, bytes, length);
    stream->held_bytes += length;
    return CLIP_OK;
}

static clip_status choose_tensors(clip_stream *stream) {
    clip_status status = clip_safetensors_parse(&stream->file, (const char *)stream->held, stream->held_bytes, stream->file_bytes);
    if (status != CLIP_OK) return status;
    stream->held_bytes = 0;
    uint64_t *unit = calloc(stream->file.count ? stream->file.count : 1, sizeof *unit);
    if (!unit) return CLIP_ERROR_MEMORY;
    for (size_t i = 0; i < stream->file.count; i++) {
        const clip_tensor *tensor = &stream->file.tensors[i];
        uint64_t rows = 0;
        status = stream->reader.choose(stream->reader.context, tensor, &rows);
        uint64_t row = clip_tensor_elements(tensor, 1) * clip_dtype_bytes(tensor->dtype);
        if (status == CLIP_OK && rows && row) {
            if (rows > CLIP_MAX_UNIT / row || row > CLIP_MAX_UNIT) status = CLIP_ERROR_SHAPE;
            unit[i] = rows * row;
        }
        if (status != CLIP_OK) {
            stream->failed = tensor;
            free(unit);
            return status;
        }
    }
    stream->unit = unit;
    return stream->reader.begin ? stream->reader.begin(stream->reader.context, &stream->file) : CLIP_OK;
}

/* Takes what belongs to the length and the header. */
static clip_status push_header(clip_stream *stream, const uint8_t **bytes, size_t *length) {
    uint64_t end = stream->header_bytes ? 8 + stream->header_bytes : 8;
    size_t part = *length < end - stream->position ? *length : (size_t)(end - stream->position);
    clip_status status = hold(stream, *bytes, part);
    if (status != CLIP_OK) return status;
    stream->position += part;
    *bytes += part;
    *length -= part;
    if (stream->position < end) return CLIP_OK;
    if (stream->header_bytes) return choose_tensors(stream);
    uint64_t header = 0;
    for (int i = 7; i >= 0; i--) header = header << 8 | stream->held[i];
    if (header < 2 || header > CLIP_MAX_HEADER || header > stream->file_bytes - 8) return CLIP_ERROR_FORMAT;
    stream->header_bytes = header;
    stream->held_bytes = 0;
    return CLIP_OK;
}

/* Takes what belongs to the current tensor, whose data begin at or before position. */
static clip_status push_tensor(clip_stream *stream, const uint8_t **bytes, size_t *length) {
    const clip_tensor *tensor = &stream->file.tensors[stream->current];
    uint64_t unit = stream->unit[stream->current], left = tensor->end - stream->position;
    size_t part = *length < left ? *length : (size_t)left;
    clip_status status = CLIP_OK;
    if (unit) {
        uint64_t row = clip_tensor_elements(tensor, 1) * clip_dtype_bytes(tensor->dtype);
        uint64_t first = (stream->position - stream->held_bytes - tensor->begin) / row;
        if (stream->held_bytes || part < unit) {
            if (part > unit - stream->held_bytes) part = (size_t)(unit - stream->held_bytes);
            status = hold(stream, *bytes, part);
            if (status == CLIP_OK && stream->held_bytes == unit) {
                status = stream->reader.rows(stream->reader.context, tensor, first, unit / row, stream->held);
                stream->held_bytes = 0;
            }
        } else {
            part = (size_t)(part / unit * unit);
            status = stream->reader.rows(stream->reader.context, tensor, first, part / row, *bytes);
        }
        if (status != CLIP_OK) stream->failed = tensor;
    }
    stream->position += part;
    *bytes += part;
    *length -= part;
    if (stream->position == tensor->end) stream->current++;
    return status;
}

clip_status clip_stream_push(clip_stream *stream, const uint8_t *bytes, size_t length) {
    uint64_t offset, wanted;
    clip_status status = CLIP_OK;
    if (length == 0) return CLIP_OK;
    if (!clip_stream_want(stream, &offset, &wanted) || length > wanted) return CLIP_ERROR_ARGUMENT;
    if (stream->unit && offset > stream->position) { /* the caller skipped unwanted tensors with us */
        stream->position = offset;
        stream->current = wanted_from(stream, stream->current);
    }
    while (length && status == CLIP_OK) {
        if (!stream->unit) {
            status = push_header(stream, &bytes, &length);
        } else {
            /* tensors without data leave no byte to take */
            while (stream->file.tensors[stream->current].begin == stream->file.tensors[stream->current].end) stream->current++;
            status = push_tensor(stream, &bytes, &length);
        }
    }
    return status;
}
