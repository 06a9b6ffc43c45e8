/* onnx.c - walks a ModelProto without holding more of it than one node, or the head of one initializer: what large initializers hold is
 * skipped. Nodes come before initializers in every file that protobuf writes, but nothing here relies on it. */
#include "weights/onnx.h"

#include <stdlib.h>
#include <string.h>

#include "weights/names.h"
#include "weights/quantize.h"

#define WINDOW    (64u << 10) /* bytes that are asked for at least */
#define MAX_NODE  (64u << 20) /* bytes; constants may be in nodes */
#define MAX_KEPT  (16u << 20) /* bytes of scales and zero points, each */
#define MAX_TABLE (1u << 20)  /* nodes, initializers, rows */

/* protobuf's wire types, and the fields that matter */
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
enum { MODEL_GRAPH = 7 };
enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5 };
enum { NODE_INPUT = 1, NODE_NAME = 3, NODE_OPERATOR = 4, NODE_ATTRIBUTE = 5 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_INTEGER = 3 };
enum {
    TENSOR_DIMS = 1,
    TENSOR_TYPE = 2,
    TENSOR_FLOATS = 4,
    TENSOR_INTEGERS = 5,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION = 14
};
enum { T_FLOAT = 1, T_UINT8 = 2, T_INT8 = 3, T_FLOAT16 = 10, T_BFLOAT16 = 16 };

typedef struct {
    uint32_t at, length; /* in the pool */
} text;

typedef struct {
    text weight, path, operator;
    uint64_t rows, columns, bits, block; /* N, K, bits, block_size of MatMulNBits */
    int zero_input, turned;              /* MatMulNBits has zero points; Gemm's transB */
} node;

typedef struct {
    text name;
    int64_t type;
    uint32_t dimensions;
    uint64_t shape[CLIP_MAX_DIMENSIONS];
    uint64_t offset, bytes; /* of its data, 0 if there are none that can be used */
    int integers;           /* data are int32_data: varints, kept only */
    int external;
    uint32_t file;
    uint8_t *kept; /* data, of scales and zero points; owned */
} initializer;

typedef struct {
    int begun;
    uint64_t at, graph_end;        /* where the walk is; graph_end: 0 outside of the graph */
    uint64_t window, window_bytes; /* what was asked for */
    char *pool;
    size_t pool_used, pool_room;
    node *nodes;
    size_t node_count, node_room;
    initializer *initializers;
    size_t count, room;
    uint64_t tensor_end; /* end of the initializer that is read, 0 if none */
    initializer current;
} onnx_reader;

/* ---- protobuf in memory ---- */

typedef struct {
    const uint8_t *at, *end;
} span;

static int varint(span *s, uint64_t *number) {
    *number = 0;
    for (int shift = 0; shift < 64 && s->at < s->end; shift += 7) {
        uint8_t byte = *s->at++;
        *number |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return 1;
    }
    return 0;
}

/* The next field: its number, and for BYTES where they are, for the others its value. */
static int field(span *s, uint32_t *number, int *wire, uint64_t *value, span *bytes) {
    uint64_t tag;
    if (!varint(s, &tag) || tag >> 3 > UINT32_MAX) return 0;
    *number = (uint32_t)(tag >> 3);
    *wire = (int)(tag & 7);
    if (*wire == VARINT) return varint(s, value);
    uint64_t length = *wire == FIXED64 ? 8 : 4;
    if (*wire == BYTES && !varint(s, &length)) return 0;
    if ((*wire != BYTES && *wire != FIXED64 && *wire != FIXED32) || length > (uint64_t)(s->end - s->at)) return 0;
    *bytes = (span){s->at, s->at + length};
    s->at += length;
    return 1;
}

/* ---- the pool of names ---- */

static int keep_text(onnx_reader *r, span bytes, text *out) {
    size_t length = (size_t)(bytes.end - bytes.at);
    if (length > 4096 || r->pool_used > (256u << 20)) return 0;
    if (r->pool_used + length > r->pool_room) {
        size_t room = r->pool_room ? 2 * r->pool_room + length : 1 << 16;
        char *more = realloc(r->pool, room);
        if (!more) return 0;
        r->pool = more;
        r->pool_room = room;
    }
    if (length) memcpy(r->pool + r->pool_used, bytes.at, length);
    *out = (text){(uint32_t)r->pool_used, (uint32_t)length};
    r->pool_used += length;
    return 1;
}

static int equal(const onnx_reader *r, text a, text b) {
    return a.length == b.length && (!a.length || memcmp(r->pool + a.at, r->pool + b.at, a.length) == 0);
}

static int is(const onnx_reader *r, text a, const char *word) {
    return a.length == strlen(word) && (!a.length || memcmp(r->pool + a.at, word, a.length) == 0);
}

static int ends(const onnx_reader *r, text a, const char *suffix) {
    size_t length = strlen(suffix);
    return a.length > length && memcmp(r->pool + a.at + a.length - length, suffix, length) == 0;
}

static int grow(void **array, size_t count, size_t *room, size_t size) {
    if (count < *room) return 1;
    size_t more = *room ? 2 * *room : 256;
    void *larger = more > MAX_TABLE ? NULL : realloc(*array, more * size);
    if (!larger) return 0;
    *array = larger;
    *room = more;
    return 1;
}

/* ---- nodes: only those that multiply with a weight are kept ---- */

static int read_attribute(span bytes, const onnx_reader *r, node *n) {
    static const char *const NAMES[] = {"N", "K", "bits", "block_size", "transB"};
    uint32_t number;
    int wire, which = -1;
    uint64_t value = 0, integer = 0;
    span inner;
    (void)r;
    while (bytes.at < bytes.end) {
        if (!field(&bytes, &number, &wire, &value, &inner)) return 0;
        if (number == ATTRIBUTE_INTEGER && wire == VARINT) integer = value;
        if (number != ATTRIBUTE_NAME || wire != BYTES) continue;
        for (int i = 0; i < 5; i++)
            if (strlen(NAMES[i]) == (size_t)(inner.end - inner.at) && memcmp(NAMES[i], inner.at, strlen(NAMES[i])) == 0) which = i;
    }
    uint64_t *const places[] = {&n->rows, &n->columns, &n->bits, &n->block};
    if (which >= 0 && which < 4) *places[which] = integer;
    if (which == 4) n->turned = integer != 0;
    return 1;
}

static clip_status read_node(onnx_reader *r, span bytes) {
    node n = {.bits = 4, .block = 32};
    size_t before = r->pool_used;
    int inputs = 0, wire;
    uint32_t number;
    uint64_t value;
    span inner;
    while (bytes.at < bytes.end) {
        if (!field(&bytes, &number, &wire, &value, &inner)) return CLIP_ERROR_FORMAT;
        if (wire != BYTES) continue;
        int ok = 1;
        if (number == NODE_INPUT) {
            if (++inputs == 2) ok = keep_text(r, inner, &n.weight);
            if (inputs == 4) n.zero_input = inner.end > inner.at;
        } else if (number == NODE_NAME) ok = keep_text(r, inner, &n.path);
        else if (number == NODE_OPERATOR) ok = keep_text(r, inner, &n.operator);
        else if (number == NODE_ATTRIBUTE) ok = read_attribute(inner, r, &n);
        if (!ok) return CLIP_ERROR_FORMAT;
    }
    if (!is(r, n.operator, "MatMul") && !is(r, n.operator, "MatMulInteger") && !is(r, n.operator, "MatMulNBits") &&
        !is(r, n.operator, "Gemm")) {
        r->pool_used = before;
        return CLIP_OK;
    }
    if (!grow((void **)&r->nodes, r->node_count, &r->node_room, sizeof n)) return CLIP_ERROR_MEMORY;
    r->nodes[r->node_count++] = n;
    return CLIP_OK;
}

/* ---- initializers ---- */

static int is_kept(const onnx_reader *r, text name) {
    static const char *const SUFFIXES[] = {"_scale", "_scales", "_zero_point", "_zero_points", "_zp"};
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++)
        if (ends(r, name, SUFFIXES[i])) return 1;
    return 0;
}

/* {key, value} of external_data */
static clip_status read_external(clip_catalog *catalog, initializer *t, span bytes) {
    uint32_t number;
    int wire;
    uint64_t ignored, digits = 0;
    span inner, key = {NULL, NULL}, value = {NULL, NULL};
    while (bytes.at < bytes.end) {
        if (!field(&bytes, &number, &wire, &ignored, &inner)) return CLIP_ERROR_FORMAT;
        if (number == 1 && wire == BYTES) key = inner;
        if (number == 2 && wire == BYTES) value = inner;
    }
    size_t key_length = (size_t)(key.end - key.at), length = (size_t)(value.end - value.at);
    if (key_length == 8 && memcmp(key.at, "location", 8) == 0) {
        t->external = 1;
        return clip_catalog_add_external(catalog, (const char *)value.at, length, &t->file);
    }
    if (length > 16) return CLIP_OK;
    for (size_t i = 0; i < length; i++) {
        if (value.at[i] < '0' || value.at[i] > '9') return CLIP_OK;
        digits = digits * 10 + (uint64_t)(value.at[i] - '0');
    }
    if (key_length == 6 && memcmp(key.at, "offset", 6) == 0) t->offset = digits;
    if (key_length == 6 && memcmp(key.at, "length", 6) == 0) t->bytes = digits;
    return CLIP_OK;
}

static int read_dims(initializer *t, int wire, uint64_t value, span bytes) {
    while (wire == VARINT || bytes.at < bytes.end) {
        if (wire == BYTES && !varint(&bytes, &value)) return 0;
        if (t->dimensions == CLIP_MAX_DIMENSIONS || value > (uint64_t)1 << 40) return 0;
        t->shape[t->dimensions++] = value;
        if (wire == VARINT) break;
    }
    return 1;
}

/* Fields of the initializer at hand that are whole in the window; the walk is left at the first that is not, and *more says how many
 * bytes it needs at least. Data are skipped whole, in the window or not. */
static clip_status read_tensor(clip_catalog *catalog, onnx_reader *r, span window, uint64_t window_at, int *more) {
    initializer *t = &r->current;
    *more = 0;
    while (r->at < r->tensor_end) {
        span s = {window.at + (r->at - window_at), window.end};
        uint64_t tag, length, value;
        if (r->at < window_at || r->at - window_at >= (uint64_t)(window.end - window.at)) return *more = 1, CLIP_OK;
        if (!varint(&s, &tag) || ((tag & 7) == BYTES && !varint(&s, &length))) return *more = 1, CLIP_OK;
        uint32_t number = (uint32_t)(tag >> 3);
        if ((tag & 7) == BYTES) {
            uint64_t data = window_at + (uint64_t)(s.at - window.at);
            if (length > r->tensor_end - data) return CLIP_ERROR_FORMAT;
            int is_data = number == TENSOR_RAW || number == TENSOR_FLOATS || number == TENSOR_INTEGERS;
            if (is_data) t->offset = data, t->bytes = length, t->integers = number == TENSOR_INTEGERS;
            else if (number == TENSOR_NAME || number == TENSOR_DIMS || number == TENSOR_EXTERNAL) {
                if (length > MAX_NODE) return CLIP_ERROR_FORMAT;
                if (length > (uint64_t)(window.end - s.at)) return *more = (int)(length + 32 > WINDOW ? length + 32 : 1), CLIP_OK;
                span inner = {s.at, s.at + length};
                clip_status status = CLIP_OK;
                if (number == TENSOR_NAME && !keep_text(r, inner, &t->name)) status = CLIP_ERROR_FORMAT;
                if (number == TENSOR_DIMS && !read_dims(t, BYTES, 0, inner)) status = CLIP_ERROR_FORMAT;
                if (number == TENSOR_EXTERNAL) status = read_external(catalog, t, inner);
                if (status != CLIP_OK) return status;
            }
            r->at = data + length;
            continue;
        }
        if ((tag & 7) == FIXED32 || (tag & 7) == FIXED64) {
            r->at = window_at + (uint64_t)(s.at - window.at) + ((tag & 7) == FIXED32 ? 4 : 8);
            continue;
        }
        if ((tag & 7) != VARINT) return CLIP_ERROR_FORMAT;
        if (!varint(&s, &value)) return *more = 1, CLIP_OK;
        if (number == TENSOR_TYPE) t->type = (int64_t)value;
        if (number == TENSOR_DIMS && !read_dims(t, VARINT, value, s)) return CLIP_ERROR_FORMAT;
        r->at = window_at + (uint64_t)(s.at - window.at);
    }
    return r->at == r->tensor_end ? CLIP_OK : CLIP_ERROR_FORMAT;
}

static clip_status end_tensor(clip_catalog *catalog, onnx_reader *r, int *wants_data) {
    initializer *t = &r->current;
    *wants_data = 0;
    if (!grow((void **)&r->initializers, r->count, &r->room, sizeof *t)) return CLIP_ERROR_MEMORY;
    r->initializers[r->count++] = *t;
    r->tensor_end = 0;
    if (!is_kept(r, t->name) || t->external || !t->bytes) return CLIP_OK;
    if (t->bytes > MAX_KEPT) return clip_catalog_fail(catalog, CLIP_ERROR_FORMAT, r->pool + t->name.at, t->name.length);
    *wants_data = 1;
    return CLIP_OK;
}

/* ---- the walk ---- */

static clip_status need(clip_catalog *catalog, onnx_reader *r, uint64_t offset, uint64_t least) {
    uint64_t file = clip_catalog_file_bytes(catalog), length = least > WINDOW ? least : WINDOW;
    if (offset >= file || least > file - offset) return CLIP_ERROR_FORMAT;
    if (length > file - offset) length = file - offset;
    r->window = offset;
    r->window_bytes = length;
    return clip_catalog_need(catalog, offset, length, MAX_NODE + WINDOW);
}

static clip_status resolve(clip_catalog *catalog, onnx_reader *r);

/* Copies the data of the last initializer if it is in the window; otherwise asks for it. */
static clip_status keep_data(clip_catalog *catalog, onnx_reader *r, span window, uint64_t window_at, int *asked) {
    initializer *t = &r->initializers[r->count - 1];
    uint64_t size = (uint64_t)(window.end - window.at);
    *asked = t->offset < window_at || t->offset - window_at > size || t->bytes > size - (t->offset - window_at);
    if (*asked) return need(catalog, r, t->offset, t->bytes);
    t->kept = malloc((size_t)t->bytes);
    if (!t->kept) return CLIP_ERROR_MEMORY;
    memcpy(t->kept, window.at + (t->offset - window_at), (size_t)t->bytes);
    return CLIP_OK;
}

static clip_status step(clip_catalog *catalog, void *state, const uint8_t *bytes, size_t length) {
    onnx_reader *r = state;
    uint64_t file = clip_catalog_file_bytes(catalog);
    if (!r->begun) {
        r->begun = 1;
        return need(catalog, r, 0, 1);
    }
    const span window = {bytes, bytes + length};
    const uint64_t window_at = r->window;
    if (r->count && !r->tensor_end) { /* it may be that a scale's data were asked for */
        initializer *last = &r->initializers[r->count - 1];
        int asked = 0;
        if (is_kept(r, last->name) && !last->external && last->bytes && !last->kept) {
            clip_status status = keep_data(catalog, r, window, window_at, &asked);
            if (status != CLIP_OK || asked) return status;
        }
    }
    for (;;) {
        clip_status status;
        int more = 0, asked = 0;
        if (r->tensor_end) {
            status = read_tensor(catalog, r, window, window_at, &more);
            if (status != CLIP_OK) return status;
            if (more) {
                uint64_t least = (uint64_t)more < file - r->at ? (uint64_t)more : file - r->at;
                if (window_at == r->at && length >= least) return CLIP_ERROR_FORMAT; /* asking again would bring the same */
                return need(catalog, r, r->at, least);
            }
            status = end_tensor(catalog, r, &asked);
            if (status == CLIP_OK && asked) status = keep_data(catalog, r, window, window_at, &asked);
            if (status != CLIP_OK || asked) return status;
            continue;
        }
        uint64_t end = r->graph_end ? r->graph_end : file;
        if (r->graph_end && r->at == r->graph_end) {
            r->graph_end = 0;
            continue;
        }
        if (r->at == file) return resolve(catalog, r);
        if (r->at < window_at || r->at - window_at >= length) return need(catalog, r, r->at, 1);
        span s = {window.at + (r->at - window_at), window.end};
        uint64_t tag, size = 0;
        /* a tag and a length have 20 bytes at most: a window that ends sooner is asked for anew, unless the file ends there */
        if ((uint64_t)(s.end - s.at) < 20 && window_at + length < file) return need(catalog, r, r->at, 1);
        if (!varint(&s, &tag)) return CLIP_ERROR_FORMAT;
        int wire = (int)(tag & 7);
        if (wire == VARINT) {
            if (!varint(&s, &size)) return CLIP_ERROR_FORMAT;
            size = 0;
        } else if (wire == BYTES) {
            if (!varint(&s, &size)) return CLIP_ERROR_FORMAT;
        } else if (wire == FIXED32 || wire == FIXED64) size = wire == FIXED32 ? 4 : 8;
        else return CLIP_ERROR_FORMAT;
        uint64_t data = window_at + (uint64_t)(s.at - window.at);
        if (data > end || size > end - data) return CLIP_ERROR_FORMAT;
        uint32_t number = (uint32_t)(tag >> 3);
        if (wire == BYTES && !r->graph_end && number == MODEL_GRAPH) {
            r->graph_end = data + size;
            r->at = data;
        } else if (wire == BYTES && r->graph_end && number == GRAPH_NODE) {
            if (size > MAX_NODE) return CLIP_ERROR_FORMAT;
            if (size > (uint64_t)(s.end - s.at))
                return need(catalog, r, r->at, size + 20 < file - r->at ? size + 20 : file - r->at);
            status = read_node(r, (span){s.at, s.at + size});
            if (status != CLIP_OK) return status;
            r->at = data + size;
        } else if (wire == BYTES && r->graph_end && number == GRAPH_INITIALIZER && size) {
            r->current = (initializer){0};
            r->tensor_end = data + size;
            r->at = data;
        } else r->at = data + size;
    }
}

/* ---- what is what ---- */

static clip_dtype dtype_of(int64_t type) {
    switch (type) {
    case T_FLOAT: return CLIP_DTYPE_F32;
    case T_FLOAT16: return CLIP_DTYPE_F16;
    case T_BFLOAT16: return CLIP_DTYPE_BF16;
    case T_UINT8: return CLIP_DTYPE_U8;
    case T_INT8: return CLIP_DTYPE_I8;
    default: return CLIP_DTYPE_OTHER;
    }
}

/* The initializer whose name is `stem` and `suffix`. */
static const initializer *find(const onnx_reader *r, text stem, const char *suffix) {
    size_t length = strlen(suffix);
    for (size_t i = 0; i < r->count; i++) {
        text name = r->initializers[i].name;
        if (name.length == stem.length + length && memcmp(r->pool + name.at, r->pool + stem.at, stem.length) == 0 &&
            memcmp(r->pool + name.at + stem.length, suffix, length) == 0)
            return &r->initializers[i];
    }
    return NULL;
}

static uint64_t elements_of(const initializer *t) {
    uint64_t elements = 1;
    for (uint32_t i = 0; i < t->dimensions; i++) {
        if (t->shape[i] && elements > ((uint64_t)1 << 53) / t->shape[i]) return UINT64_MAX;
        elements *= t->shape[i];
    }
    return elements;
}

/* `count` scales, f32 or f16; NULL if they are not that. */
static float *scales_of(const initializer *t, uint64_t count) {
    clip_dtype dtype = t ? dtype_of(t->type) : CLIP_DTYPE_OTHER;
    if (!t || !t->kept || t->integers || count == 0 || clip_dtype_bytes(dtype) < 2 || count != elements_of(t) ||
        t->bytes != count * clip_dtype_bytes(dtype))
        return NULL;
    float *scales = malloc((size_t)count * sizeof *scales);
    if (scales && clip_decode_floats(scales, t->kept, dtype, (size_t)count) != CLIP_OK) {
        free(scales);
        return NULL;
    }
    return scales;
}

/* `count` zero points of 8 bits. */
static int32_t *zeros_of(const initializer *t, uint64_t count) {
    if (!t->kept || count != elements_of(t) || (t->type != T_UINT8 && t->type != T_INT8)) return NULL;
    int32_t *zeros = malloc((size_t)count * sizeof *zeros);
    span s = {t->kept, t->kept + t->bytes};
    for (uint64_t i = 0; zeros && i < count; i++) {
        uint64_t value = 0;
        if (t->integers ? !varint(&s, &value) : s.at == s.end) {
            free(zeros);
            return NULL;
        }
        if (!t->integers) value = *s.at++;
        zeros[i] = t->type == T_INT8 ? (int8_t)value : (uint8_t)value;
    }
    return zeros;
}

/* 4 bits each, rows of blocks, each row a whole number of bytes. */
static int32_t *nibbles_of(const initializer *t, uint64_t rows, uint64_t blocks) {
    uint64_t row = (blocks + 1) / 2;
    if (!t->kept || t->integers || t->type != T_UINT8 || t->bytes != rows * row) return NULL;
    int32_t *zeros = malloc((size_t)(rows * blocks) * sizeof *zeros);
    for (uint64_t i = 0; zeros && i < rows * blocks; i++)
        zeros[i] = t->kept[i / blocks * row + i % blocks / 2] >> (i % blocks % 2 ? 4 : 0) & 15;
    return zeros;
}

/* The weight that a node multiplies with: its module's path, with dots, and ".weight". */
static size_t path_name(const onnx_reader *r, const node *n, char *to, size_t room) {
    const char *path = r->pool + n->path.at;
    size_t length = n->path.length, used = 0;
    while (length && path[length - 1] != '/') length--;
    if (length) length--;
    size_t from = length && path[0] == '/';
    if (length - from == 0 || length - from + sizeof ".weight" > room) return 0;
    for (size_t i = from; i < length; i++) to[used++] = path[i] == '/' ? '.' : path[i];
    memcpy(to + used, ".weight", 7);
    return used + 7;
}

static const node *node_of(const onnx_reader *r, text weight) {
    for (size_t i = 0; i < r->node_count; i++)
        if (equal(r, r->nodes[i].weight, weight)) return &r->nodes[i];
    return NULL;
}

/* Whether a name is one of a tower's parameters. */
static int is_parameter(const char *name, size_t length, clip_tensor_name *canonical) {
    char copy[CLIP_TENSOR_NAME];
    if (length == 0 || length >= sizeof copy) return 0;
    memcpy(copy, name, length);
    copy[length] = 0;
    clip_name_canonical(canonical, copy);
    return canonical->vision || canonical->text;
}

static clip_status set_affine(const onnx_reader *r, const initializer *t, text stem, const node *n, clip_part *part) {
    const initializer *scale = find(r, stem, "_scale"), *zero = find(r, stem, "_zero_point");
    uint64_t elements = elements_of(t), scales = scale ? elements_of(scale) : 0;
    uint32_t axis =
        n && !n->turned && t->dimensions ? t->dimensions - 1 : 0; /* a matrix has a scale for each output, its last dimension */
    if (scales != 1 && (t->dimensions == 0 || scales != t->shape[axis])) return CLIP_ERROR_SHAPE;
    part->kind = CLIP_PART_AFFINE;
    part->is_signed = t->type == T_INT8;
    part->tensor.dtype = CLIP_DTYPE_F32;
    part->tensor.end = elements * sizeof(float);
    part->unit = 1;
    part->expanded = sizeof(float);
    part->scales = scales;
    part->period = 1;
    for (uint32_t i = axis + 1; i < t->dimensions; i++) part->period *= t->shape[i];
    if (t->bytes != elements || part->period == 0) return CLIP_ERROR_SHAPE;
    part->scale = scales_of(scale, scales);
    if (!part->scale) return CLIP_ERROR_DTYPE;
    if (zero) part->zero = zeros_of(zero, scales);
    return zero && !part->zero ? CLIP_ERROR_DTYPE : CLIP_OK;
}

static clip_status set_blocks(const onnx_reader *r, const initializer *t, text stem, const node *n, clip_part *part) {
    if (n->bits != 4 || n->block < 2 || n->block > 4096 || n->block % 2 || n->rows == 0 || n->columns == 0 || n->rows > MAX_TABLE ||
        n->columns > MAX_TABLE)
        return CLIP_ERROR_DTYPE;
    uint64_t blocks = (n->columns + n->block - 1) / n->block;
    const initializer *zero = find(r, stem, "_zero_points"), *scale = find(r, stem, "_scales");
    part->kind = CLIP_PART_BLOCKS;
    part->tensor.dtype = CLIP_DTYPE_F32;
    part->tensor.dimensions = 2;
    part->tensor.shape[0] = n->rows;
    part->tensor.shape[1] = n->columns;
    part->tensor.end = n->rows * n->columns * sizeof(float);
    part->block = n->block;
    part->unit = blocks * (n->block / 2);
    part->expanded = n->columns * sizeof(float);
    if (t->bytes != n->rows * part->unit) return CLIP_ERROR_SHAPE;
    part->scale = scales_of(scale, n->rows * blocks);
    if (!part->scale) return CLIP_ERROR_DTYPE;
    if (n->zero_input) part->zero = zero ? nibbles_of(zero, n->rows, blocks) : NULL;
    return n->zero_input && !part->zero ? CLIP_ERROR_DTYPE : CLIP_OK;
}

/* Adds an initializer if it is a parameter of a model. */
static clip_status add(clip_catalog *catalog, const onnx_reader *r, const initializer *t) {
    static const char QUANTIZED[] = "_quantized", FOUR[] = "_Q4", TURNED[] = ".transposed";
    char name[CLIP_TENSOR_NAME];
    text stem = t->name;
    const node *n = node_of(r, t->name);
    int quantized = ends(r, stem, QUANTIZED), four = n && is(r, n->operator, "MatMulNBits");
    if (quantized) stem.length -= sizeof QUANTIZED - 1;
    if (four && ends(r, stem, FOUR)) stem.length -= sizeof FOUR - 1;
    clip_tensor_name canonical;
    size_t length = stem.length < sizeof name - sizeof TURNED ? stem.length : 0;
    memcpy(name, r->pool + stem.at, length);
    int named = is_parameter(name, length, &canonical);
    if (!named && n) {
        length = path_name(r, n, name, sizeof name - sizeof TURNED);
        if (!is_parameter(name, length, &canonical)) return CLIP_OK;
    } else if (!named) return CLIP_OK;
    if (is_kept(r, t->name) && !is(r, t->name, "logit_scale")) return CLIP_OK;
    clip_part part = {.kind = CLIP_PART_BYTES, .external = t->external, .file = t->file, .offset = t->offset};
    part.tensor.dtype = dtype_of(t->type);
    part.tensor.dimensions = t->dimensions;
    memcpy(part.tensor.shape, t->shape, sizeof t->shape);
    part.tensor.end = part.unit = part.expanded = t->bytes;
    /* A product is with (in, out); OpenAI's own projections are kept so, and names.h knows it */
    int turned = n && !four && !n->turned && !(named && canonical.transposed);
    if (turned) memcpy(name + length, TURNED, sizeof TURNED - 1), length += sizeof TURNED - 1;
    clip_status status = CLIP_OK;
    if (t->integers || !t->bytes) status = CLIP_ERROR_DTYPE;
    else if (four) status = set_blocks(r, t, stem, n, &part);
    else if (quantized) status = set_affine(r, t, stem, n, &part);
    else if (clip_dtype_bytes(part.tensor.dtype) && t->bytes != elements_of(t) * clip_dtype_bytes(part.tensor.dtype))
        status = CLIP_ERROR_SHAPE;
    if (status == CLIP_OK) return clip_catalog_add(catalog, name, length, &part);
    free(part.scale);
    free(part.zero);
    return clip_catalog_fail(catalog, status, name, length);
}

static clip_status resolve(clip_catalog *catalog, onnx_reader *r) {
    clip_status status = CLIP_OK;
    for (size_t i = 0; i < r->count && status == CLIP_OK; i++) status = add(catalog, r, &r->initializers[i]);
    return status;
}

static void close_reader(void *state) {
    onnx_reader *r = state;
    for (size_t i = 0; i < r->count; i++) free(r->initializers[i].kept);
    free(r->current.kept);
    free(r->initializers);
    free(r->nodes);
    free(r->pool);
    free(r);
}

void *clip_onnx_open(clip_index_reader *reader) {
    *reader = (clip_index_reader){step, close_reader};
    onnx_reader *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->pool_room = 1 << 16; /* there from the first, so that a name that never came is a place in it too */
    r->pool = malloc(r->pool_room);
    if (r->pool) return r;
    free(r);
    return NULL;
}
